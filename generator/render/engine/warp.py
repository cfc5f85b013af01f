"""How a product loses the shape it was drawn in when somebody lays it out: no half is quite the mirror of the other."""

import math

import numpy as np
import numpy.typing as npt

from generator.render.engine.variation import Variation

REACH = 0.0052
"""How far a point of a limp product moves at most along each axis, in units: about eight millimetres of a shirt."""
WAVES = ((5.0, 0.50), (11.0, 0.30), (21.0, 0.20))
"""Radians per unit, and share of the reach, of the waves along each axis."""
GIVE = {
    **dict.fromkeys(("sunglasses", "perfume-bottle", "lipstick", "candle", "vase", "mug"), 0.0),
    **dict.fromkeys(("tote-bag", "shoulder-bag", "wallet", "belt", "boot", "sneaker"), 0.45),
    **dict.fromkeys(("backpack", "cap", "bucket-hat"), 0.6),
}
"""How far a silhouette gives way; those of cloth, 1, are not named."""


def give_of(silhouette: str) -> float:
    """How far a product gives way: 0 keeps its shape, 1 is limp."""
    return GIVE.get(silhouette, 1.0)


def warp(shot: Variation, give: float) -> npt.NDArray[np.float64]:
    """The slow displacement of a product in one shot: a row for each wave, those along x first.

    A row holds radians per unit along x and y, phase and size in units; `tracing.moved` sums them.
    """
    waves = []
    for axis in ("x", "y"):
        for n, (turn, share) in enumerate(WAVES):
            angle = shot.between(f"warp angle {axis} {n}", 0.0, 6.2832)
            size = give * REACH * share * shot.between(f"warp size {axis} {n}", 0.6, 1.0)
            phase = shot.between(f"warp phase {axis} {n}", 0.0, 6.2832)
            waves.append((turn * math.cos(angle), turn * math.sin(angle), phase, size))
    return np.array(waves)
