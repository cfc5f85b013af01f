"""Height fields that make a flat panel look stuffed, folded or quilted, and tileable noise.

Heights are in garment units, like x and y, so that they hardly depend on the size of the image.
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
"""Texels along a side of the white noise tile; tiles repeat seamlessly."""
CELLS, CELL_TEXELS = 32, 16
"""Cells along a side of the smooth noise tile, and texels along a side of a cell; the tile fits into a core's cache."""
MAX_WARP = 0.008
"""Maximum displacement of a point by the warp of limp cloth, in units."""
FLUTE_STEPS = 768
"""Number of entries in the tables of `Flutes`."""


class Fold(Protocol):
    """Something that adds height to a panel."""

    def height(self, x: Float32Array, y: Float32Array) -> Float32Array:
        """Return the height of the fold (units) at points in garment units."""


class Crease(NamedTuple):
    """A ridge (depth > 0) or valley from a to b (units) that fades at both ends, with a flat and a steep side."""

    a: Point
    b: Point
    depth: float
    width: float
    bow: float = 0.0
    """Sideways bend, as a share of the length."""
    sharp: float = 0.35
    """0 rounded, 1 a sharp ridge."""
    root: float = 0.0
    """0 is highest in the middle; 1 starts narrow at a, where the cloth is held, and widens and fades towards b."""
    waver: float = 0.0
    """Phase of an unevenness along the fold; 0 for none."""

    def height(self, x: Float32Array, y: Float32Array) -> Float32Array:
        return sum_folds([self], x, y)


class Flutes(NamedTuple):
    """Hanging folds that open towards a hem, as in a skirt: none at `top`, deepest at `bottom`.

    All differ: each has its own width, height and start, with round crests and narrow valleys.
    """

    top: float
    bottom: float
    half_width: float
    """Half width of the cloth at the bottom, in units."""
    top_width: float
    """Half width of the cloth at the top, in units."""
    waves: float
    """Number of folds across the cloth."""
    depth: float
    phase: float
    """Seed of the shapes."""

    def height(self, x: Float32Array, y: Float32Array) -> Float32Array:
        return sum_folds([self], x, y)

    def tables(self) -> tuple[Float32Array, Float32Array]:
        """Return crest height and start of the fold at `FLUTE_STEPS` points across 3 half widths."""
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
    """Return a float plane resampled to width x height."""
    if plane.shape == (height, width):
        return plane
    return np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize((width, height), method))


def blur(plane: Float32Array, sigma: float) -> Float32Array:
    """Blur a plane approximately by a Gaussian of `sigma` cells, zero outside the plane."""
    return gaussian_blur(np.ascontiguousarray(plane), sigma, 0.0, 0.0) if sigma >= 0.35 else plane


def inflate(mask: Float32Array, radius: float) -> Float32Array:
    """Return a height that is low at the edge of the mask and 1 deeper than about `radius` cells inside."""
    inner = np.clip((blur(mask, radius) - 0.3) / 0.7, 0, 1)
    return np.asarray(inner * inner * (3 - 2 * inner), np.float32)


def sum_folds(folds: Iterable[Fold], x: Float32Array, y: Float32Array, uneven: float = MAX_WARP) -> Float32Array:
    """Return the sum of all folds at (x, y); x and y deviate by at most `uneven` units from a regular grid."""
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
    """Return padding between stitch lines, 0 at the stitches and about 0.2 periods high: `diamond` or `channel`."""
    if style == "channel":
        return np.asarray(0.24 * period * np.sqrt(np.abs(np.sin(np.pi / period * v))), np.float32)
    rise = np.abs(np.sin(np.pi / period * (0.8 * u + 0.6 * v)) * np.sin(np.pi / period * (0.8 * u - 0.6 * v)))
    return np.asarray(0.24 * period * np.sqrt(rise), np.float32)


@functools.cache
def smooth_noise_tile() -> Float32Array:
    """Return a seamless tile of smooth noise with unit variance; one cell has `CELL_TEXELS` texels per side."""
    noise = np.random.default_rng(20).standard_normal((CELLS, CELLS)).astype(np.float32)
    margin = 4
    padded = np.pad(noise, margin, mode="wrap")
    side = (CELLS + 2 * margin) * CELL_TEXELS
    inner = slice(margin * CELL_TEXELS, (margin + CELLS) * CELL_TEXELS)
    plate = np.ascontiguousarray(resize(padded, side, side)[inner, inner])
    return np.asarray(plate / plate.std(), np.float32)


@functools.cache
def white_noise_tile() -> Float32Array:
    """Return a seamless tile of white noise with unit variance, shape (TILE_SIDE, TILE_SIDE)."""
    return np.random.default_rng(21).standard_normal((TILE_SIDE, TILE_SIDE)).astype(np.float32)


def smooth_noise(
    u: Float32Array, v: Float32Array, cell_u: float, cell_v: float | None = None, layer: int = 0
) -> Float32Array:
    """Return smooth noise at texture coordinates, with cells of `cell_u` by `cell_v` units.

    `layer` selects another one.
    """
    u, v = np.broadcast_arrays(np.asarray(u, np.float32), np.asarray(v, np.float32))
    scales = CELL_TEXELS / cell_u, CELL_TEXELS / (cell_v or cell_u)
    shifts = 8192.0 + 57 * layer, 8192.0 + 131 * layer
    found = sample_tile(u.ravel(), v.ravel(), smooth_noise_tile(), scales, shifts)
    return found.reshape(u.shape)


def white_noise(u: Float32Array, v: Float32Array, cell_u: float, cell_v: float | None = None) -> Float32Array:
    """Return white noise at texture coordinates, one value per cell of `cell_u` by `cell_v` units."""
    i = (v * np.float32(1 / (cell_v or cell_u)) + np.float32(4096)).astype(np.int32) & (TILE_SIDE - 1)
    j = (u * np.float32(1 / cell_u) + np.float32(4096)).astype(np.int32) & (TILE_SIDE - 1)
    return np.asarray(white_noise_tile()[i, j])
