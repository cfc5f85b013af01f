"""Compiled kernels of snapshots: sampling the product's sheet, compositing, and the tone curve of a phone."""

import math

import numpy as np
import numpy.typing as npt

from generator.render.engine import Float32Array, njit_cached


@njit_cached
def sample_bilinear(colours: Float32Array, alpha: Float32Array, x: Float32Array, y: Float32Array) -> Float32Array:
    """Sample premultiplied colours and coverage of the sheet at (x, y), shape (h, w, 4); zero outside the sheet."""
    height, width = alpha.shape
    found = np.zeros((x.shape[0], x.shape[1], 4), np.float32)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            px, py = x[i, j], y[i, j]
            if px <= 0 or py <= 0 or px >= width - 1 or py >= height - 1:
                continue
            column, row = int(px), int(py)
            u, v = px - column, py - row
            for down in range(2):
                for right in range(2):
                    a = alpha[row + down, column + right]
                    if a > 0:
                        share = a * (u if right else 1 - u) * (v if down else 1 - v)
                        found[i, j, 3] += share
                        for c in range(3):
                            found[i, j, c] += share * colours[row + down, column + right, c]
    return found


@njit_cached
def composite_product(
    light: Float32Array, found: Float32Array, shadow: Float32Array, level: Float32Array, tint: Float32Array
) -> None:
    """Darken the surface by the shadow, composite the product over it, and apply the light to both."""
    for i in range(light.shape[0]):
        for j in range(light.shape[1]):
            open_ = (1 - shadow[i, j]) * (1 - found[i, j, 3])
            for c in range(3):
                light[i, j, c] = (light[i, j, c] * open_ + found[i, j, c]) * level[i, j] * tint[c]


@njit_cached
def tone_map(
    light: Float32Array,
    film: Float32Array,
    settings: tuple[float, float, float, float],
    grain: Float32Array,
    start: tuple[int, int],
) -> npt.NDArray[np.uint8]:
    """Return the 8-bit levels of linear light: tone curve, colour, sharpening and grain.

    `film` is evenly spaced along the square root of light from 0 to 1. `settings` has exposure, saturation, sharpening
    and noise. The side of the grain tile is 2^n.
    """
    rows, columns, side, steps = light.shape[0], light.shape[1], grain.shape[0] - 1, film.shape[0] - 1
    one, zero, top, half, fourth = np.float32(1), np.float32(0), np.float32(255), np.float32(0.5), np.float32(0.25)
    exposure, saturation = np.float32(settings[0]), np.float32(settings[1])
    sharpening, noise = np.float32(settings[2]), np.float32(settings[3])
    shown = np.empty((rows, columns, 3), np.float32)
    luma = np.empty((rows, columns), np.float32)
    for i in range(rows):
        for j in range(columns):
            for c in range(3):
                value = min(max(light[i, j, c] * exposure, zero), one)
                shown[i, j, c] = film[int(math.sqrt(value) * steps)]
            luma[i, j] = (
                np.float32(0.30) * shown[i, j, 0]
                + np.float32(0.59) * shown[i, j, 1]
                + np.float32(0.11) * shown[i, j, 2]
            )
    levels = np.empty((rows, columns, 3), np.uint8)
    for i in range(rows):
        for j in range(columns):
            own = luma[i, j]
            extra = noise * grain[(i + start[0]) & side, (j + start[1]) & side]
            if 0 < i < rows - 1 and 0 < j < columns - 1:
                around = luma[i - 1, j] + luma[i + 1, j] + luma[i, j - 1] + luma[i, j + 1]
                extra += sharpening * (own - fourth * around)
            for c in range(3):
                value = own + saturation * (shown[i, j, c] - own) + extra
                levels[i, j, c] = int(min(max(top * value + half, zero), top))
    return levels
