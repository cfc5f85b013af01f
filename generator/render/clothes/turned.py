"""Turned and worn garments: map the flat drawing onto a body that is rotated about its vertical axis.

Outlines, seams, threads, folds and fittings all follow, because they pass through the same two functions
(`rasterize.bend_point` and its inverse). A body has an elliptic section; sleeves hang at its sides. The camera is a few
steps away at chest height.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from generator.render.engine import rasterize
from generator.render.engine.curves import Point
from generator.render.engine.scene import Scene

ROUNDNESS = 0.66
"""Depth of a body over its half width; real chests measure 0.65 to 0.75."""
FLATTER = 0.42
"""Depth at the neck relative to that at the chest."""
NEAR = 0.26
"""Enlargement per unit of depth: a camera about four metres away."""
EYE = 0.26
"""Height of the camera below the neck point, in units."""
RELIEF = 0.34
"""Share of the true depth that is added to the height field; a softbox lights a full body too unevenly."""
STEP = 0.03
"""Distance of the heights at which a body is tabulated, in units."""
TOP, LOW = -0.21, 1.14
WRAP, HIP_WRAP = 0.19, 0.11
"""Share of the half width of flat cloth by which a body in it is narrower; hips fill a skirt more."""
WORN_RELIEF = 0.40
"""`RELIEF` of garments on a ghost mannequin."""


Leg = tuple[float, float, float]
"""A leg at one height: (middle, half width, y), in units."""


def turn_garment(
    scene: Scene, sides: Sequence[Point], *, chest_at: float = 0.0, legs: Sequence[Leg] = (), wrap: float = WRAP
) -> None:
    """Turn a garment, or put it on a ghost mannequin, if this shot asks for it.

    `sides` are half widths as (half width, y) from the top down. From `chest_at` (y) downwards the body has its full
    depth; above, it gets thinner towards the neck, and the shoulders keep their width. `legs` start where they part. On
    a ghost mannequin the sides are narrower than those of the flat cloth by the share `wrap`.
    """
    if scene.pose.yaw:
        scene.turn_body(bend_table(scene.pose.yaw, sides, chest_at, legs, wrap if scene.pose.worn else 0.0))


def bend_table(
    yaw: float, sides: Sequence[Point], chest_at: float = 0.0, legs: Sequence[Leg] = (), wrap: float = 0.0
) -> npt.NDArray[np.float64]:
    """Return the rows that `rasterize.bend_point` reads: the view, then the body at even heights."""
    y = np.arange(TOP, LOW, STEP)
    half = np.interp(y, [at for _, at in sides], [wide for wide, _ in sides])
    deep = ROUNDNESS * half
    if chest_at > 0:
        rise = np.clip((y + 0.05) / (chest_at + 0.05), 0, 1)
        deep *= FLATTER + (1 - FLATTER) * rise * rise * (3 - 2 * rise)
    bend = np.zeros((1 + y.size, 6))
    bend[0] = math.sin(yaw), math.cos(yaw), EYE, NEAR, TOP, STEP
    bend[1:, 0], bend[1:, 1], bend[1:, 5] = half, deep, wrap
    if chest_at > 0:
        below = np.clip((y - 0.02) / chest_at, 0, 1)
        bend[1:, 5] *= below * below * (3 - 2 * below)
    if legs:
        heights = [at for _, _, at in legs]
        bend[1:, 2] = np.interp(y, heights, [middle for middle, _, _ in legs])
        bend[1:, 3] = np.interp(y, heights, [wide for _, wide, _ in legs])
        part = np.clip((y - heights[0] + 0.10) / 0.22, 0, 1)
        bend[1:, 4] = part * part * (3 - 2 * part)
    return bend


def bevel(scene: Scene) -> None:
    """Raise a turned garment like the round body in it, so that the light falls on one side."""
    if scene.bend.size:
        rasterize.add_body_depth(
            scene.height, scene.alpha, scene.x, scene.y, scene.bend, WORN_RELIEF if scene.pose.worn else RELIEF
        )
