"""Garments on a body that is turned a little: the near half wide, the far half narrow, buttons off the middle.

The flat drawing is put round an upright body, which is then turned and seen from a few steps away, at the height of the
chest. Outlines, seams, threads, folds and fittings all follow, because they pass through the same two functions
(`rasterize.bent` and its inverse). A body is an ellipse from side to side; sleeves hang beside it.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from generator.render.engine import rasterize
from generator.render.engine.curves import Point
from generator.render.engine.scene import Scene

ROUNDNESS = 0.66
"""Depth of a body over its half width; chests measure 0.65 to 0.75."""
FLATTER = 0.42
"""Depth at the neck point against that at the chest."""
NEAR = 0.26
"""How much larger things look for each unit that they are nearer: a camera about four metres away."""
EYE = 0.26
"""Height of the camera below the neck point, units."""
RELIEF = 0.34
"""Share of its true depth by which a body shades from side to side: a softbox leaves little more."""
STEP = 0.03
"""Distance of the heights at which a body is measured, units."""
TOP, LOW = -0.21, 1.14


Leg = tuple[float, float, float]
"""The middle and half the width of a leg at a height: (middle, half width, y)."""


def turn_garment(scene: Scene, sides: Sequence[Point], *, chest_at: float = 0.0, legs: Sequence[Leg] = ()) -> None:
    """Turns a garment as this shot asks, if it does: `sides` are half widths as (half width, y), from the top down.

    From `chest_at` on a body is as deep as it ever is; above it thins out towards the neck. `legs` start where they
    part.
    """
    if scene.pose.yaw:
        scene.turn_body(bend_table(scene.pose.yaw, sides, chest_at, legs))


def bend_table(
    yaw: float, sides: Sequence[Point], chest_at: float = 0.0, legs: Sequence[Leg] = ()
) -> npt.NDArray[np.float64]:
    """The rows that `rasterize.bent` reads: the view, then the body at even heights."""
    y = np.arange(TOP, LOW, STEP)
    half = np.interp(y, [at for _, at in sides], [wide for wide, _ in sides])
    deep = ROUNDNESS * half
    if chest_at > 0:
        rise = np.clip((y + 0.05) / (chest_at + 0.05), 0, 1)
        deep *= FLATTER + (1 - FLATTER) * rise * rise * (3 - 2 * rise)
    bend = np.zeros((1 + y.size, 6))
    bend[0] = math.sin(yaw), math.cos(yaw), EYE, NEAR, TOP, STEP
    bend[1:, 0], bend[1:, 1] = half, deep
    if legs:
        heights = [at for _, _, at in legs]
        bend[1:, 2] = np.interp(y, heights, [middle for middle, _, _ in legs])
        bend[1:, 3] = np.interp(y, heights, [wide for _, wide, _ in legs])
        part = np.clip((y - heights[0] + 0.10) / 0.22, 0, 1)
        bend[1:, 4] = part * part * (3 - 2 * part)
    return bend


def bevel(scene: Scene) -> None:
    """Raises a turned garment as the body in it is round, so that one side of it lies in the light."""
    if scene.bend.size:
        rasterize.add_body_depth(scene.height, scene.alpha, scene.x, scene.y, scene.bend, RELIEF)
