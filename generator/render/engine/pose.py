"""How a product is placed before the camera: pose, presentation (flat, turned, folded) and warp."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from generator.render.engine.variation import Variation
from schemas.appearance import ANY, Appearance, cut_words

STUDIO, SNAPSHOT = "studio", "snapshot"
PHOTOS = (STUDIO, SNAPSHOT)
"""The kinds of photograph; `studio` is the default everywhere."""
ROOM = 0.94
YAW = math.radians(12), math.radians(25)
"""Minimum and maximum rotation of a turned garment to either side, in radians."""
TURNED_SHARE = 0.25
"""Share of the studio images of clothes that are turned where the spec does not say."""
FORM_YAW = math.radians(2), math.radians(8)
"""Minimum and maximum rotation of a ghost mannequin to either side, in radians."""
FORM_SHARE = 0.25
"""Share of the studio images of clothes on a ghost mannequin where the spec does not say."""
FORM_ARM = 0.30, 0.62
"""Angle of a long and of a short sleeve on a ghost mannequin, relative to a flat one."""
NEAR_ARM, FAR_ARM = (0.40, 0.72), (0.62, 0.80)
"""Angle of a long and of a short sleeve of a turned garment, relative to a flat one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """How one shot places the parts of a garment; a studio pose is all defaults."""

    spread: float = 0.0
    """How far both sleeves are swung out: 0 along the body, 1 far away from it."""
    swings: tuple[float, float] = (0.0, 0.0)
    """Additional rotation of the left and the right sleeve, in radians."""
    elbows: tuple[float, float] = (0.0, 0.0)
    """Angle by which the left and the right forearm are bent towards the body, in radians."""
    undone: float = 0.0
    """How far a front is left open: 0 is closed, up to 0.5 only at the neck, 1 from the neck to the hem."""
    stride: float = 0.0
    """How far each foot of a pair of trousers is moved outwards, in units."""
    slack: float = 0.35
    """How unevenly cloth falls: 0 symmetric, 1 as people lay it out."""
    yaw: float = 0.0
    """Rotation of the body in a garment, in radians; above 0 its front faces right."""
    worn: bool = False
    """Whether the garment is on a ghost mannequin: a body that is not seen."""
    folded: bool = False
    """Whether the product is folded to a stack."""
    room: float = 1.0
    """Scale of the product on its sheet; below 1 leaves room for sleeves that are swung out."""

    def sleeve(self, angle: float, length: float, side: int) -> float:
        """Return the angle of a sleeve from straight down, in radians; `angle` is that in the studio."""
        if self.worn:
            return angle * FORM_ARM[length < 0.3]
        if self.yaw:
            return angle * (NEAR_ARM if self.yaw * side < 0 else FAR_ARM)[length < 0.3]
        if not (self.spread or any(self.swings)):
            return angle
        widest = max(0.9 * angle, 0.80 if length > 0.3 else 0.90)
        low = 0.03 if length > 0.3 else 0.25
        return low + self.spread * (widest - low) + self.swings[0 if side < 0 else 1]


def choose_presentation(appearance: Appearance, shot: Variation) -> str:
    """Return the presentation that the appearance asks for, or the one that the shot (never the design) samples."""
    word = appearance.presentation
    if word != ANY:
        return word
    words, place = cut_words(appearance.silhouette, "presentation"), shot.uniform("turned", 0.0, 1.0)
    if "turned" in words and place < TURNED_SHARE:
        return "turned"
    return "ghost-mannequin" if "ghost-mannequin" in words and place > 1 - FORM_SHARE else "flat"


def sample_pose(photo: str, shot: Variation, presentation: str = "flat") -> Pose:
    """Sample the pose of one shot. In a snapshot folded products are folded, and nothing is turned."""
    folded = presentation == "folded"
    if photo == STUDIO:
        worn = presentation == "ghost-mannequin"
        yaw = shot.choice("near side", (-1, 1)) * shot.uniform("yaw", *(FORM_YAW if worn else YAW))
        return Pose(yaw=yaw if worn or presentation == "turned" else 0.0, worn=worn, folded=folded)
    spread = shot.uniform("spread", 0.12, 1.0) ** 1.7
    elbows = shot.uniform("elbow left", -0.22, 0.50), shot.uniform("elbow right", -0.22, 0.50)
    front = shot.uniform("front", 0.0, 1.0)
    undone = 0.0 if front < 0.40 else shot.uniform("undone", 0.15, 0.5) if front < 0.82 else 1.0
    swings = shot.uniform("swing left", -0.10, 0.16), shot.uniform("swing right", -0.10, 0.16)
    return Pose(
        spread=spread,
        swings=swings,
        elbows=elbows,
        undone=0.0 if folded else undone,
        stride=shot.uniform("stride", -0.012, 0.060),
        slack=shot.uniform("slack", 0.5, 1.6),
        room=ROOM,
        folded=folded,
    )


WARP_REACH = 0.0052
"""Maximum displacement of a point of a limp product along each axis, in units: about 8 mm of a shirt."""
WARP_WAVES = ((5.0, 0.50), (11.0, 0.30), (21.0, 0.20))
"""Radians per unit, and share of the reach, of the waves along each axis."""
LIMPNESS = {
    **dict.fromkeys(("sunglasses", "perfume-bottle", "lipstick", "candle", "vase", "mug"), 0.0),
    **dict.fromkeys(("tote-bag", "shoulder-bag", "wallet", "belt", "boot", "sneaker"), 0.45),
    **dict.fromkeys(("backpack", "cap", "bucket-hat"), 0.6),
}
"""How far the outline of a silhouette is warped; cloth (1) is not listed."""


def limpness_of(silhouette: str) -> float:
    """Return how far the outline of a product is warped: 0 keeps its shape, 1 is limp."""
    return LIMPNESS.get(silhouette, 1.0)


def sample_warp(shot: Variation, limpness: float) -> npt.NDArray[np.float64]:
    """Sample the smooth displacement of a product in one shot: one row per wave, those along x first.

    A row has radians per unit along x and y, phase, and amplitude in units; `rasterize.warp_point` sums them. No half
    of a product is then the exact mirror of the other.
    """
    waves = []
    for axis in ("x", "y"):
        for n, (turn, share) in enumerate(WARP_WAVES):
            angle = shot.uniform(f"warp angle {axis} {n}", 0.0, 6.2832)
            size = limpness * WARP_REACH * share * shot.uniform(f"warp size {axis} {n}", 0.6, 1.0)
            phase = shot.uniform(f"warp phase {axis} {n}", 0.0, 6.2832)
            waves.append((turn * math.cos(angle), turn * math.sin(angle), phase, size))
    return np.array(waves)
