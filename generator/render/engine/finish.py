"""The effect of a material on light, and the procedural marks of weave, pile and grain.

Lengths are in garment units (0.01 is about 4 mm). A mark finer than about two pixels fades out instead of aliasing.
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
"""Cells and texels along a side of the cobble tile; the number of texels is a power of two."""


@dataclass(frozen=True, slots=True)
class Finish:
    """The effect of a material on colour, height and reflection; arrays have one value per pixel."""

    tone: Texture
    """Factor on the albedo."""
    height: Texture
    """Fine height in garment units."""
    gloss: float = 0.0
    """0 matte to 1 polished."""
    sheen: float = 0.0
    """Light from fibres at grazing angles."""
    bleach: Texture | None = None
    """Share of undyed yarn that shows through."""
    metal: float = 0.0
    """1 where the surface reflects the studio in its own colour."""
    focus: float = 0.0
    """Sharpness of the highlight: 10 is broad, 100 a mirror of the softbox; 0 follows from the gloss."""
    brush: float = 0.0
    """0 for a round highlight; towards 1 it is a streak along the threads, as on satin."""

    @property
    def tightness(self) -> float:
        """Return `focus`, or the sharpness that such a gloss usually has."""
        return float(self.focus or 8 + 95 * self.gloss * self.gloss)


def detail_fade(period: float, footprint: float) -> np.float32:
    """Return the share of a texture that survives sampling: 0 below 1.5 pixels per period, 1 above 3."""
    return np.float32(np.clip((period / footprint - 1.5) / 1.5, 0, 1))


def sine_wave(t: Float32Array, period: float) -> Float32Array:
    """Return a sine with the period in garment units."""
    return np.asarray(np.sin(t * np.float32(2 * np.pi / period)), np.float32)


def triangle_wave(t: Float32Array, period: float) -> Float32Array:
    """Return 0 in the middle of each strip of width `period` and 1 between two strips."""
    phase = t * np.float32(1 / period)
    return np.asarray(np.abs(phase - np.round(phase)) * 2, np.float32)


@functools.cache
def worley_tile() -> Float32Array:
    """Return a seamless tile of cobbles, shape (SIDE, SIDE): 0 in the grooves between cells, 1 on top.

    It is the difference of the distances to the two nearest of a set of jittered points (Worley, A Cellular Texture
    Basis Function, 1996). One cell is 16 texels wide.
    """
    rng = np.random.default_rng(22)
    jitter = rng.uniform(-0.42, 0.42, (CELLS, CELLS, 2)).astype(np.float32)
    around = np.pad(jitter, ((1, 1), (1, 1), (0, 0)), mode="wrap")
    between = np.clip(worley_distances(around, SIDE) / 0.55, 0, 1)
    return np.ascontiguousarray(np.sin(0.5 * np.pi * between), np.float32)


def worley_noise(u: Float32Array, v: Float32Array, cell_u: float, cell_v: float | None = None) -> Float32Array:
    """Return cobbles of about `cell_u` by `cell_v` units at the texture coordinates: 0 in the grooves, 1 on top."""
    u, v = np.broadcast_arrays(np.asarray(u, np.float32), np.asarray(v, np.float32))
    texels = SIDE / CELLS
    scales = texels / cell_u, texels / (cell_v or cell_u)
    return sample_tile(u.ravel(), v.ravel(), worley_tile(), scales, (8192.0, 8192.0)).reshape(u.shape)
