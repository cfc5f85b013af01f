"""How a product lies before the camera: square in a studio, as somebody dropped it in a snapshot."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from generator.render.engine.variation import Variation
from schemas.appearance import ANY, Appearance, words_known

STUDIO, SNAPSHOT = "studio", "snapshot"
PHOTOS = (STUDIO, SNAPSHOT)
"""The ways to photograph a product; `studio` is the default everywhere."""
ROOM = 0.94
YAW = math.radians(12), math.radians(25)
"""How far a turned garment is turned to either side."""
TURNED_SHARE = 0.25
"""Share of the studio pictures of clothes that show them turned where nothing is asked for."""
NEAR_ARM, FAR_ARM = (0.40, 0.72), (0.62, 0.80)
"""Angle of a long and of a short sleeve of a turned garment against that of a flat one."""


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
    yaw: float = 0.0
    """How far the body in a garment is turned, radians; above 0 its front faces to the right."""
    folded: bool = False
    """Whether the product is folded to a stack."""
    room: float = 1.0
    """Scale of the product on its sheet: less than 1 leaves room for sleeves that are swung out."""

    def sleeve(self, angle: float, length: float, side: int) -> float:
        """The angle from straight down at which a sleeve lies, radians; `angle` is that of the studio."""
        if self.yaw:
            return angle * (NEAR_ARM if self.yaw * side < 0 else FAR_ARM)[length < 0.3]
        if not (self.spread or any(self.swings)):
            return angle
        widest = max(0.9 * angle, 0.50 if length > 0.3 else 0.80)
        low = 0.03 if length > 0.3 else 0.25
        return low + self.spread * (widest - low) + self.swings[0 if side < 0 else 1]


def choose_presentation(appearance: Appearance, shot: Variation) -> str:
    """How the product lies: as the appearance asks, or else as this shot, never the design, picks."""
    word = appearance.presentation
    if word != ANY:
        return word
    can_turn = "turned" in words_known(appearance.silhouette, "presentation")
    return "turned" if can_turn and shot.chance("turned", TURNED_SHARE) else "flat"


def sample_pose(photo: str, shot: Variation, presentation: str = "flat") -> Pose:
    """The pose of one shot; in a snapshot what is folded lies so, and nothing is turned."""
    folded = presentation == "folded"
    if photo == STUDIO:
        yaw = shot.choice("near side", (-1, 1)) * shot.uniform("yaw", *YAW) if presentation == "turned" else 0.0
        return Pose(yaw=yaw, folded=folded)
    spread = shot.uniform("spread", 0.02, 1.0)
    swings = shot.uniform("swing left", -0.10, 0.10), shot.uniform("swing right", -0.10, 0.10)
    return Pose(
        spread=spread, swings=swings, stride=shot.uniform("stride", -0.035, 0.055), pairs=0.95, room=ROOM, folded=folded
    )


WARP_REACH = 0.0052
"""How far a point of a limp product moves at most along each axis, in units: about eight millimetres of a shirt."""
WARP_WAVES = ((5.0, 0.50), (11.0, 0.30), (21.0, 0.20))
"""Radians per unit, and share of the reach, of the waves along each axis."""
LIMPNESS = {
    **dict.fromkeys(("sunglasses", "perfume-bottle", "lipstick", "candle", "vase", "mug"), 0.0),
    **dict.fromkeys(("tote-bag", "shoulder-bag", "wallet", "belt", "boot", "sneaker"), 0.45),
    **dict.fromkeys(("backpack", "cap", "bucket-hat"), 0.6),
}
"""How far a silhouette gives way; those of cloth, 1, are not named."""


def limpness_of(silhouette: str) -> float:
    """How far a product gives way: 0 keeps its shape, 1 is limp."""
    return LIMPNESS.get(silhouette, 1.0)


def sample_warp(shot: Variation, limpness: float) -> npt.NDArray[np.float64]:
    """The slow displacement of a product in one shot: a row for each wave, those along x first.

    A row holds radians per unit along x and y, phase and size in units; `tracing.moved` sums them.
    """
    waves = []
    for axis in ("x", "y"):
        for n, (turn, share) in enumerate(WARP_WAVES):
            angle = shot.uniform(f"warp angle {axis} {n}", 0.0, 6.2832)
            size = limpness * WARP_REACH * share * shot.uniform(f"warp size {axis} {n}", 0.6, 1.0)
            phase = shot.uniform(f"warp phase {axis} {n}", 0.0, 6.2832)
            waves.append((turn * math.cos(angle), turn * math.sin(angle), phase, size))
    return np.array(waves)
