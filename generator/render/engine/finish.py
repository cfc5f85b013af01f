"""What a material does to light, and the marks that its weave, pile or grain is made of.

Scales are in garment units (0.01 is about 4 mm); a mark finer than about two pixels fades out instead of turning into
moire.
"""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from generator.render.engine import Float32Array
from generator.render.engine.kernels import sample_tile, worley_distances

Texture = npt.NDArray[np.floating[Any]]
CELLS, SIDE = 32, 512
"""Cells and texels along a side of the pebble plate; the second is a power of two."""


@dataclass(frozen=True, slots=True)
class Finish:
    """The effect of a material on a pattern."""

    tone: Texture
    """Factor on the albedo."""
    height: Texture
    """Fine relief in garment units."""
    gloss: float = 0.0
    """0 matte to 1 polished."""
    sheen: float = 0.0
    """Light caught by fibres at grazing angles."""
    bleach: Texture | None = None
    """Share of undyed yarn that shows through."""
    metal: float = 0.0
    """1 where the surface mirrors the studio in its own colour."""


def detail_fade(period: float, footprint: float) -> np.float32:
    """How much of a texture survives sampling: 0 below 1.5 pixels a period, 1 above 3."""
    return np.float32(np.clip((period / footprint - 1.5) / 1.5, 0, 1))


def sine_wave(t: Float32Array, period: float) -> Float32Array:
    """A sine with a period in garment units."""
    return np.asarray(np.sin(t * np.float32(2 * np.pi / period)), np.float32)


def triangle_wave(t: Float32Array, period: float) -> Float32Array:
    """0 in the middle of each strip of width `period`, 1 on the line between two of them."""
    phase = t * np.float32(1 / period)
    return np.asarray(np.abs(phase - np.round(phase)) * 2, np.float32)


@functools.cache
def worley_tile() -> Float32Array:
    """A seamless plate of cobbles: 0 in the grooves between neighbouring cells, 1 on their tops.

    The difference of the distances to the two nearest of a set of jittered points (Worley, A Cellular Texture Basis
    Function, 1996); one cell is 16 texels.
    """
    rng = np.random.default_rng(22)
    jitter = rng.uniform(-0.42, 0.42, (CELLS, CELLS, 2)).astype(np.float32)
    around = np.pad(jitter, ((1, 1), (1, 1), (0, 0)), mode="wrap")
    between = np.clip(worley_distances(around, SIDE) / 0.55, 0, 1)
    return np.ascontiguousarray(np.sin(0.5 * np.pi * between), np.float32)


def worley_noise(u: Float32Array, v: Float32Array, cell_u: float, cell_v: float | None = None) -> Float32Array:
    """Cobbles of about `cell_u` by `cell_v` units that lie in the cloth, 0 in the grooves, 1 on top."""
    u, v = np.broadcast_arrays(np.asarray(u, np.float32), np.asarray(v, np.float32))
    texels = SIDE / CELLS
    scales = texels / cell_u, texels / (cell_v or cell_u)
    return sample_tile(u.ravel(), v.ravel(), worley_tile(), scales, (8192.0, 8192.0)).reshape(u.shape)
