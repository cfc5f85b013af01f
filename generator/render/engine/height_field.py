"""Height fields: what makes a flat panel of cloth look stuffed, folded or quilted.

Heights are in garment units, like x and y, so that their shape hardly depends on the size of the picture.
"""

import functools
import math
from collections.abc import Iterable
from typing import NamedTuple, Protocol

import numpy as np
from PIL import Image

from generator.render.engine import Float32Array
from generator.render.engine.curves import Point
from generator.render.engine.kernels import add_creases, add_flutes, gaussian_blur, sample_tile

TILE_SIDE = 1024
"""Texels along a side of the grain plate; plates repeat seamlessly."""
CELLS, CELL_TEXELS = 32, 16
"""Cells along a side of the smooth plate, and texels along a side of a cell: it fits into the cache of a core."""
MAX_WARP = 0.008
"""How far the warp of limp cloth moves a point at most, units."""
FLUTE_STEPS = 768
"""Places in the tables of a fluted cloth."""


class Fold(Protocol):
    """Something that adds height to a panel."""

    def height(self, x: Float32Array, y: Float32Array) -> Float32Array:
        """The height that the fold adds at points in garment units."""


class Crease(NamedTuple):
    """A ridge (depth > 0) or valley from a to b, dying out at both ends, with a flat and a steep side."""

    a: Point
    b: Point
    depth: float
    width: float
    bow: float = 0.0
    """Sideways bend, as a share of the length."""
    sharp: float = 0.35
    """0 rounded over, 1 a knife edge."""
    root: float = 0.0
    """0 swells in the middle; 1 springs up narrow at a, where the cloth is held, and spreads and dies towards b."""
    waver: float = 0.0
    """Other than 0, the phase of an unevenness along the fold."""

    def height(self, x: Float32Array, y: Float32Array) -> Float32Array:
        return sum_folds([self], x, y)


class Flutes(NamedTuple):
    """Hanging folds that open towards a hem, as in a skirt: none at `top`, deepest at `bottom`.

    No two are alike: each has its own width, height and beginning, round crests and narrow valleys.
    """

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
    """Which of all such cloths it is."""

    def height(self, x: Float32Array, y: Float32Array) -> Float32Array:
        return sum_folds([self], x, y)

    def tables(self) -> tuple[Float32Array, Float32Array]:
        """Crest height and beginning of the fold at each of `FLUTE_STEPS` places over 3 half widths."""
        rng = np.random.default_rng(int(abs(self.phase) * 1e6))
        mean = 2 / max(self.waves, 0.5)
        num_folds = math.ceil(3 / (0.55 * mean)) + 1
        edges = np.cumsum(mean * rng.uniform(0.55, 1.45, num_folds)) - 1.5 - mean
        place = np.linspace(-1.5, 1.5, FLUTE_STEPS)
        fold = np.clip(np.searchsorted(edges, place) - 1, 0, num_folds - 2)
        across = np.clip((place - edges[fold]) / (edges[fold + 1] - edges[fold]), 0, 1)
        tall, lean, start = rng.uniform(0.55, 1.5, num_folds), rng.uniform(0.6, 1.7, num_folds), rng.random(num_folds)
        crest = 1 - np.abs(2 * across ** lean[fold] - 1) ** 2.2
        width = (edges[fold + 1] - edges[fold]) / mean
        crests = tall[fold] * np.sqrt(width) * (crest - 0.5) * 2
        return crests.astype(np.float32), (0.35 * start[fold] ** 2).astype(np.float32)


def resize(
    plane: Float32Array, width: int, height: int, method: Image.Resampling = Image.Resampling.BICUBIC
) -> Float32Array:
    """A float plane at another size."""
    if plane.shape == (height, width):
        return plane
    return np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize((width, height), method))


def blur(plane: Float32Array, sigma: float) -> Float32Array:
    """About a Gaussian of `sigma` cells, zero beyond the plane."""
    return gaussian_blur(np.ascontiguousarray(plane), sigma, 0.0, 0.0) if sigma >= 0.35 else plane


def inflate(mask: Float32Array, radius: float) -> Float32Array:
    """Low at the edge of the mask, 1 deeper inside than about `radius` cells, with a smooth shoulder between."""
    inner = np.clip((blur(mask, radius) - 0.3) / 0.7, 0, 1)
    return np.asarray(inner * inner * (3 - 2 * inner), np.float32)


def sum_folds(folds: Iterable[Fold], x: Float32Array, y: Float32Array, uneven: float = MAX_WARP) -> Float32Array:
    """The sum of all folds; x and y stray by at most `uneven` units from a regular grid."""
    total = np.zeros_like(x)
    creases = []
    for fold in folds:
        if isinstance(fold, Crease):
            creases.append((*fold.a, *fold.b, *fold[2:]))
        elif isinstance(fold, Flutes):
            ends, widths = (float(fold.top), float(fold.bottom)), (float(fold.top_width), float(fold.half_width))
            add_flutes(total, x, y, *fold.tables(), (*ends, *widths, float(fold.depth)))
        else:
            total += fold.height(x, y)
    if creases:
        add_creases(total, x, y, np.array(creases, np.float64), uneven)
    return total


def quilt_height(style: str, u: Float32Array, v: Float32Array, period: float) -> Float32Array:
    """Padding between stitch lines, 0 at the stitches and about 0.2 periods high: `diamond` or `channel`."""
    if style == "channel":
        return np.asarray(0.24 * period * np.sqrt(np.abs(np.sin(np.pi / period * v))), np.float32)
    rise = np.abs(np.sin(np.pi / period * (0.8 * u + 0.6 * v)) * np.sin(np.pi / period * (0.8 * u - 0.6 * v)))
    return np.asarray(0.24 * period * np.sqrt(rise), np.float32)


@functools.cache
def smooth_noise_tile() -> Float32Array:
    """A seamless plate of smooth noise, unit variance; one cell of the noise is `BLOTCH` texels."""
    noise = np.random.default_rng(20).standard_normal((CELLS, CELLS)).astype(np.float32)
    margin = 4
    padded = np.pad(noise, margin, mode="wrap")
    side = (CELLS + 2 * margin) * CELL_TEXELS
    inner = slice(margin * CELL_TEXELS, (margin + CELLS) * CELL_TEXELS)
    plate = np.ascontiguousarray(resize(padded, side, side)[inner, inner])
    return np.asarray(plate / plate.std(), np.float32)


@functools.cache
def white_noise_tile() -> Float32Array:
    """A seamless plate of white noise, unit variance."""
    return np.random.default_rng(21).standard_normal((TILE_SIDE, TILE_SIDE)).astype(np.float32)


def smooth_noise(
    u: Float32Array, v: Float32Array, cell_u: float, cell_v: float | None = None, layer: int = 0
) -> Float32Array:
    """Smooth noise that lies in the cloth, with cells of `cell_u` by `cell_v` units; `layer` picks another part."""
    u, v = np.broadcast_arrays(np.asarray(u, np.float32), np.asarray(v, np.float32))
    scales = CELL_TEXELS / cell_u, CELL_TEXELS / (cell_v or cell_u)
    shifts = 8192.0 + 57 * layer, 8192.0 + 131 * layer
    found = sample_tile(u.ravel(), v.ravel(), smooth_noise_tile(), scales, shifts)
    return found.reshape(u.shape)


def white_noise(u: Float32Array, v: Float32Array, cell_u: float, cell_v: float | None = None) -> Float32Array:
    """White noise that lies in the cloth, one value for each cell."""
    i = (v * np.float32(1 / (cell_v or cell_u)) + np.float32(4096)).astype(np.int32) & (TILE_SIDE - 1)
    j = (u * np.float32(1 / cell_u) + np.float32(4096)).astype(np.int32) & (TILE_SIDE - 1)
    return np.asarray(white_noise_tile()[i, j])
