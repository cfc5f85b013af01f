"""How a product lies before the camera: square in a studio, as somebody dropped it in a snapshot."""

from dataclasses import dataclass

from generator.render.variation import Variation

STUDIO, SNAPSHOT = "studio", "snapshot"
PHOTOS = (STUDIO, SNAPSHOT)
"""The ways to photograph a product; `studio` is the default everywhere."""
ROOM = 0.94


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """What the shot, not the design, does to the parts of a garment; the pose of a studio is all zeros."""

    spread: float = 0.0
    """How far both sleeves are swung out, as a share of what people do: 0 along the body, 1 well away from it."""
    swings: tuple[float, float] = (0.0, 0.0)
    """Extra turn of the left and the right sleeve, radians."""
    stride: float = 0.0
    """How far each foot of a pair of trousers is moved out, units."""
    pairs: float = 0.45
    """Share of the shots in profile that show both shoes."""
    room: float = 1.0
    """Scale of the product on its sheet: less than 1 leaves room for sleeves that are swung out."""

    def sleeve(self, angle: float, length: float, side: int) -> float:
        """The angle from straight down at which a sleeve lies, radians; `angle` is that of the studio."""
        if not (self.spread or any(self.swings)):
            return angle
        widest = max(0.9 * angle, 0.50 if length > 0.3 else 0.80)
        low = 0.03 if length > 0.3 else 0.25
        return low + self.spread * (widest - low) + self.swings[0 if side < 0 else 1]


def posed(photo: str, shot: Variation) -> Pose:
    """The pose of one shot."""
    if photo == STUDIO:
        return Pose()
    spread = shot.between("spread", 0.02, 1.0)
    swings = shot.between("swing left", -0.10, 0.10), shot.between("swing right", -0.10, 0.10)
    return Pose(spread=spread, swings=swings, stride=shot.between("stride", -0.035, 0.055), pairs=0.95, room=ROOM)
