"""Height fields: what makes a flat panel of cloth look stuffed, folded or quilted.

Heights are in garment units, like x and y. Smooth parts are computed on a coarse grid of about 1/168 of the picture, so
their cost and their shape hardly depend on the size of the picture.
"""

import functools
import math
from collections.abc import Iterable
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from generator.render.curves import Point

Plane = npt.NDArray[np.float32]
PLATE = 1024
"""Texels along a side of a noise plate; plates repeat seamlessly."""
BLOTCH = 32
"""Texels along a side of one cell of the smooth plate."""

STREAK = 0.12
"""Cells longer than this, in units, are interpolated."""


class Fold(Protocol):
    """Something that adds height to a panel."""

    def height(self, x: Plane, y: Plane) -> Plane:
        """The height that the fold adds at points in garment units."""


class Crease(NamedTuple):
    """A ridge (depth > 0) or valley from a to b, dying out at both ends."""

    a: Point
    b: Point
    depth: float
    width: float
    bow: float = 0.0
    """Sideways bend, as a share of the length."""

    def height(self, x: Plane, y: Plane) -> Plane:
        dx, dy = self.b[0] - self.a[0], self.b[1] - self.a[1]
        length = math.hypot(dx, dy) + 1e-9
        ex, ey = dx / length, dy / length
        t = ((x - self.a[0]) * ex + (y - self.a[1]) * ey) / length
        inside = np.clip(4 * t * (1 - t), 0, 1)
        s = ((y - self.a[1]) * ex - (x - self.a[0]) * ey - self.bow * length * inside) / self.width
        s = np.where(s < 0, s * 0.7, s * 1.4)  # folds of cloth fall steeply on one side
        return np.asarray(self.depth * np.sqrt(inside) * np.exp(-s * s), np.float32)


class Flutes(NamedTuple):
    """Hanging folds that open towards a hem, as in a skirt: none at `top`, deepest at `bottom`."""

    top: float
    bottom: float
    half_width: float
    """Half width of the cloth at the bottom."""
    top_width: float
    """Half width of the cloth at the top."""
    waves: float
    """Folds across the cloth."""
    depth: float
    phase: float

    def height(self, x: Plane, y: Plane) -> Plane:
        t = np.clip((y - self.top) / (self.bottom - self.top), 0, 1.1)
        s = x / (self.top_width + (self.half_width - self.top_width) * t)
        angle = np.pi * self.waves * s + self.phase
        wave = np.sin(angle + 0.6 * np.sin(1.7 * s + self.phase * 3)) + 0.35 * np.sin(1.9 * angle + self.phase * 2)
        return np.asarray(self.depth * np.sqrt(t) * wave, np.float32)


def resized(plane: Plane, width: int, height: int, method: Image.Resampling = Image.Resampling.BICUBIC) -> Plane:
    """A float plane at another size."""
    if plane.shape == (height, width):
        return plane
    return np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize((width, height), method))


def blur(plane: Plane, sigma: float) -> Plane:
    """About a Gaussian of `sigma` cells, through a smaller plane: large radii cost less than small ones."""
    if sigma < 0.35:
        return plane
    height, width = plane.shape
    step = max(1.0, 1.25 * sigma)
    small = resized(plane, max(2, round(width / step)), max(2, round(height / step)), Image.Resampling.BILINEAR)
    across = small.copy()
    across[:, 1:-1] = (small[:, :-2] + 2 * small[:, 1:-1] + small[:, 2:]) * np.float32(0.25)
    down = across.copy()
    down[1:-1] = (across[:-2] + 2 * across[1:-1] + across[2:]) * np.float32(0.25)
    return resized(down, width, height)


def inflated(mask: Plane, radius: float) -> Plane:
    """0 at the edge of the mask, 1 deeper inside than about `radius` cells, with a round shoulder between."""
    inner = np.clip(2 * blur(mask, radius) - 1, 0, 1)
    return np.asarray(np.sqrt(1 - (1 - inner) ** 2), np.float32)


def folded(folds: Iterable[Fold], x: Plane, y: Plane) -> Plane:
    """The sum of all folds."""
    total = np.zeros_like(x)
    for fold in folds:
        total += fold.height(x, y)
    return total


def quilted(style: str, u: Plane, v: Plane, period: float) -> Plane:
    """Padding between stitch lines, 0 at the stitches and about 0.2 periods high: `diamond` or `channel`."""
    if style == "channel":
        return np.asarray(0.24 * period * np.sqrt(np.abs(np.sin(np.pi / period * v))), np.float32)
    rise = np.abs(np.sin(np.pi / period * (0.8 * u + 0.6 * v)) * np.sin(np.pi / period * (0.8 * u - 0.6 * v)))
    return np.asarray(0.24 * period * np.sqrt(rise), np.float32)


@functools.cache
def smooth_plate() -> Plane:
    """A seamless plate of smooth noise, unit variance; one cell of the noise is `BLOTCH` texels."""
    cells = PLATE // BLOTCH
    noise = np.random.default_rng(20).standard_normal((cells, cells)).astype(np.float32)
    margin = 4
    padded = np.pad(noise, margin, mode="wrap")
    side = (cells + 2 * margin) * BLOTCH
    inner = slice(margin * BLOTCH, margin * BLOTCH + PLATE)
    plate = resized(padded, side, side)[inner, inner]
    return np.asarray(plate / plate.std(), np.float32)


@functools.cache
def grain_plate() -> Plane:
    """A seamless plate of white noise, unit variance."""
    return np.random.default_rng(21).standard_normal((PLATE, PLATE)).astype(np.float32)


def blotches(u: Plane, v: Plane, cell_u: float, cell_v: float | None = None, layer: int = 0) -> Plane:
    """Smooth noise that lies in the cloth, with cells of `cell_u` by `cell_v` units; `layer` picks another part.

    Long cells (streaks) are interpolated along v, so that their texels do not show as steps.
    """
    cell_v = cell_v or cell_u
    row = v * np.float32(BLOTCH / cell_v) + np.float32(8192 + 131 * layer)
    j = (u * np.float32(BLOTCH / cell_u) + np.float32(8192 + 57 * layer)).astype(np.int32) & (PLATE - 1)
    i = row.astype(np.int32)
    plate = smooth_plate()
    here = np.asarray(plate[i & (PLATE - 1), j])
    if cell_v < STREAK:
        return here
    return np.asarray(here + (row - i) * (plate[(i + 1) & (PLATE - 1), j] - here), np.float32)


def speckles(u: Plane, v: Plane, cell_u: float, cell_v: float | None = None) -> Plane:
    """White noise that lies in the cloth, one value for each cell."""
    i = (v * np.float32(1 / (cell_v or cell_u)) + np.float32(4096)).astype(np.int32) & (PLATE - 1)
    j = (u * np.float32(1 / cell_u) + np.float32(4096)).astype(np.int32) & (PLATE - 1)
    return np.asarray(grain_plate()[i, j])
