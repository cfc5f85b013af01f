"""Compiled kernels of lighting: from height and finish at every pixel to linear light and to 8-bit levels."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from generator.render.engine import Float32Array, Float64Array, UInt8Array, njit_cached

Height = float | np.floating[Any]
STEP_GLOSS = 2.0
"""How far a step between two pixels dims the highlight."""
STEP_DAMPING = 0.5
"""How far a step between two pixels is flattened: a step of one pixel has 1/(1 + this) of its slope."""
FILM_STEPS = 8192
"""Entries of the tone curve table, evenly spaced along the square root of light."""


@njit_cached
def gather_cloth(
    label: int,
    owners: tuple[UInt8Array, UInt8Array],
    share: Float32Array,
    coordinates: tuple[Float32Array, Float32Array],
    index: npt.NDArray[np.int64],
    found: Float32Array,
) -> int:
    """Find the pixels (flat indices) of a cloth; return their number.

    `owners` are the top and the second cloth of each pixel. The rows of `found` are its share of each pixel that is
    found (that of the top cloth, or its complement) and the texture coordinates there.
    """
    top, under = owners
    u, v = coordinates
    count = 0
    for k in range(top.shape[0]):
        if top[k] == label or under[k] == label:
            index[count] = k
            found[0, count] = share[k] if top[k] == label else 1 - share[k]
            found[1, count], found[2, count] = u[k], v[k]
            count += 1
    return count


@njit_cached
def accumulate_surface(
    index: npt.NDArray[np.int64],
    weight: Float32Array,
    colours: Float32Array,
    height: Float32Array,
    finish: tuple[float, float, float, float, float],
    planes: Float32Array,
) -> None:
    """Add a weighted surface at some pixels to the planes of colour, height, gloss, sheen, metal, focus, brush.

    `finish` has the last five.
    """
    gloss, sheen, metal, focus, brush = finish
    for n in range(index.shape[0]):
        k, w = index[n], weight[n]
        planes[k, 0] += w * colours[n, 0]
        planes[k, 1] += w * colours[n, 1]
        planes[k, 2] += w * colours[n, 2]
        planes[k, 3] += w * height[n]
        planes[k, 4] += w * np.float32(gloss)
        planes[k, 5] += w * np.float32(sheen)
        planes[k, 6] += w * np.float32(metal)
        planes[k, 7] += w * np.float32(focus)
        planes[k, 8] += w * np.float32(brush)


@njit_cached
def slope_between(before: Height, here: Height, after: Height, jump: float) -> tuple[float, float]:
    """Return slope and bend of a height field at the middle of three pixels (pixels per pixel).

    Where the slope changes by more than `jump` from one pixel to the next, one of them belongs to a nearer part, and
    the slope is that away from it. At smaller steps it is damped, as they are narrower than a pixel.
    """
    fall, rise = float(here - before), float(after - here)
    bend = abs(rise - fall)
    slope = 0.5 * (rise + fall)
    if bend > 0.1:
        slope /= 1 + STEP_DAMPING * (bend - 0.1)
    if bend > 0.7 * jump:
        edge = min(bend / jump - 0.7, 1.0)
        less = rise if abs(rise) < abs(fall) else fall
        slope += edge * (0.4 * less * min(1.0, 2 * jump / (abs(less) + 1e-6)) - slope)
    return slope, bend


@njit_cached
def extend(before: np.float32, here: np.float32) -> np.float32:
    """Return the height of the pixel beyond an outline: the slope goes on, if it is not a step."""
    return np.float32(here + min(max(here - before, np.float32(-0.5)), np.float32(0.5)))


@njit_cached
def shade_pixels(
    relief: Float32Array,
    alpha: Float32Array,
    shade: Float32Array,
    depth: Float32Array,
    surface: Float32Array,
    lamp: Float64Array,
    jump: float,
    light: Float32Array,
) -> None:
    """Compute the linear colours of a lit height field (pixels); `depth` is how far a point is below its surroundings.

    `lamp` is `lamps.Lamp.as_row`, `jump` as in `slope_between`.
    """
    key_x, key_y, key_z, power, fill_power, sky_power, lean = lamp
    rows, columns = relief.shape
    strength = power / (key_z + 0.12)
    flat = math.sqrt(key_x * key_x + key_y * key_y) + 1e-9
    side_x, side_y = key_x / flat, key_y / flat
    half = 1 / math.sqrt(flat * flat + (key_z + 1) * (key_z + 1))
    high_x, high_y, high_z = key_x * half + lean, key_y * half, (key_z + 1) * half
    for i in range(rows):
        up, down = max(i - 1, 0), min(i + 1, rows - 1)
        for j in range(columns):
            if alpha[i, j] <= 0:
                continue
            left, right = max(j - 1, 0), min(j + 1, columns - 1)
            here = relief[i, j]  # beyond the outline the surface goes on as it was
            ahead = relief[i, right] if alpha[i, right] > 0 else extend(relief[i, left], here)
            behind = relief[i, left] if alpha[i, left] > 0 else extend(relief[i, right], here)
            below = relief[down, j] if alpha[down, j] > 0 else extend(relief[up, j], here)
            above = relief[up, j] if alpha[up, j] > 0 else extend(relief[down, j], here)
            (slope_x, bend_x), (slope_y, bend_y) = (
                slope_between(behind, here, ahead, jump),
                slope_between(above, here, below, jump),
            )
            steep = slope_x * slope_x + slope_y * slope_y
            share = 1 / math.sqrt(1 + 1.45 * steep)  # slopes are bounded by 1 / sqrt(0.45)
            nx, ny, nz = -slope_x * share, -slope_y * share, math.sqrt(1 + 0.45 * steep) * share
            sky = min(max(1 - 0.9 * depth[i, j], 0.35), 1.08)
            key = max(nx * key_x + ny * key_y + nz * key_z + 0.12, 0.0)
            fill = max(-0.75 * (side_x * nx + side_y * ny) + 0.65 * nz + 0.2, 0.0)
            around = 0.5 + 0.5 * (side_x * nx + side_y * ny)
            diffuse = key * strength * (0.4 + 0.6 * sky) + (fill_power * fill + sky_power * around) * sky
            fuzz, metal = 1.1 * surface[i, j, 5] * (1 - nz), surface[i, j, 6]
            gloss = surface[i, j, 4] / (1 + STEP_GLOSS * (bend_x + bend_y))
            white = 0.10 * fuzz
            if gloss > 0:
                # a brushed surface reflects in streaks along its threads: wide along them, narrow across
                tight, brush = surface[i, j, 7], surface[i, j, 8]
                dx, dy, dz = nx - high_x, ny - high_y, nz - high_z
                first = -0.5 * ((1 + brush) * dx * dx + (1 - 0.9 * brush) * dy * dy + dz * dz)
                dx, dy = nx + 1.1 * high_x, ny + 1.1 * high_y
                second = -0.5 * ((1 + brush) * dx * dx + (1 - 0.9 * brush) * dy * dy)
                broad = math.exp(0.35 * tight * first)
                shine = 0.28 * broad + 0.62 * broad * broad * broad
                if tight * second > -7:
                    shine += 0.30 * math.exp(tight * second)
                white += 0.62 * gloss * shine * (1 - 0.3 * metal)
            body = diffuse * (1 - metal) + fuzz
            if metal > 0:
                first = nx * high_x + ny * high_y + nz * high_z
                stripe = math.sin(5.5 * ny - 2.2 * nx + 2.0)
                body += metal * (0.47 + 0.42 * stripe * stripe + 0.9 * math.exp(26 * (first - 1)))
            dim = min(max(shade[i, j], np.float32(0.06)), np.float32(1))
            for c in range(3):
                light[i, j, c] = (surface[i, j, c] * body + white * sky) * dim


@njit_cached
def composite(light: Float32Array, colours: Float32Array, alpha: Float32Array) -> None:
    """Composite colours over the light behind them by their alpha, in place."""
    for i in range(light.shape[0]):
        for j in range(light.shape[1]):
            a = alpha[i, j]
            if a > 0:
                for c in range(3):
                    light[i, j, c] += a * (colours[i, j, c] - light[i, j, c])


@njit_cached
def tone_map(
    light: Float32Array, exposure: float, film: Float32Array, grain: Float32Array, start: tuple[int, int]
) -> UInt8Array:
    """Return the 8-bit levels of linear light: tone curve, sharpening by the four neighbours, and grain.

    The side of the grain tile is 2^n.
    """
    rows, columns = light.shape[0], light.shape[1]
    side = grain.shape[0] - 1
    zero, one, top, steps = np.float32(0), np.float32(1), np.float32(255), np.float32(film.shape[0] - 1)
    red, green, blue, half = np.float32(0.30), np.float32(0.59), np.float32(0.11), np.float32(0.5)
    fourth, sharpening, noise = np.float32(0.25), np.float32(0.35), np.float32(0.9)
    gain = np.float32(exposure)
    shown = np.empty((rows, columns, 3), np.float32)
    luma = np.empty((rows, columns), np.float32)
    for i in range(rows):
        for j in range(columns):
            for c in range(3):
                value = min(max(light[i, j, c] * gain, zero), one)
                shown[i, j, c] = film[int(math.sqrt(value) * steps)]
            luma[i, j] = red * shown[i, j, 0] + green * shown[i, j, 1] + blue * shown[i, j, 2]
    levels = np.empty((rows, columns, 3), np.uint8)
    for i in range(rows):
        row = (i + start[0]) & side
        for j in range(columns):
            extra = noise * grain[row, (j + start[1]) & side] + half
            if 0 < i < rows - 1 and 0 < j < columns - 1:
                around = luma[i - 1, j] + luma[i + 1, j] + luma[i, j - 1] + luma[i, j + 1]
                extra += sharpening * (luma[i, j] - fourth * around)
            for c in range(3):
                levels[i, j, c] = int(min(max(shown[i, j, c] + extra, zero), top))
    return levels


@njit_cached
def shade_backdrop(
    light: Float32Array, soft: Float32Array, shadow: float, level: float, tilt: tuple[float, float], warm: float
) -> None:
    """Fill `light` with a slightly uneven sheet of paper, lit from one side, under a soft shadow."""
    size = light.shape[0]
    for i in range(size):
        y = (i + 0.5) / size - 0.5
        for j in range(size):
            x = (j + 0.5) / size - 0.5
            value = level * (1 - 0.16 * (x * x + y * y) - tilt[0] * x - tilt[1] * y)
            value *= 1 - shadow * min(max(soft[i, j], np.float32(0)), np.float32(1))
            light[i, j, 0] = value * (1 + warm)
            light[i, j, 1] = value
            light[i, j, 2] = value * (1 - warm)
