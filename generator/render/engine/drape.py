"""How limp cloth lies or hangs when nobody is in it: slow undulations, creases of three scales, uneven outlines.

A drape belongs to a shot. Its height is added to the panels of a product; its shift moves what is drawn, so that
outlines, seams and patterns follow the folds. Lengths are in garment units.
"""

import math
from dataclasses import dataclass

import numpy as np

from generator.render.engine import Float32Array, Float64Array, njit_cached
from generator.render.engine.height_field import CELL_TEXELS, smooth_noise, smooth_noise_tile
from generator.render.engine.kernels import downsample, gaussian_blur, upsample
from generator.render.engine.variation import Variation

CREASES = ((0.150, 0.0085, 3.0), (0.075, 0.0044, 2.4), (0.036, 0.0019, 1.8))
"""Distance, height (units) and length over distance of the creases of each scale in fully creased cloth."""
UNDULATION = 0.30, 0.010
"""Cell and height of the slow rise and fall of cloth on a floor, in units."""
SHIFTS = ((0.34, 0.0070), (0.13, 0.0030), (0.05, 0.0012))
"""Cell and size of the random shifts of limp cloth, as shares of the sheet."""
GATHER = 0.010
"""Shift against the slope of a fold, as a share of the sheet."""
MAX_GATHER = 0.02
"""Largest such shift: beyond, a point past a steep crease would see the product again, as a speck beside it."""
PLACES = 4096.0
"""Offset that keeps all places in the noise tile positive, in texels."""


@njit_cached
def sample_noise(plate: Float32Array, u: float, v: float) -> float:
    """Return a seamless tile at a point in texels (> 0), bilinearly; its side is 2^n."""
    side = plate.shape[0] - 1
    i, j = int(v), int(u)
    f, g = v - i, u - j
    i0, i1, j0, j1 = i & side, (i + 1) & side, j & side, (j + 1) & side
    upper = plate[i0, j0] + g * (plate[i0, j1] - plate[i0, j0])
    lower = plate[i1, j0] + g * (plate[i1, j1] - plate[i1, j0])
    return float(upper + f * (lower - upper))


@njit_cached
def drape_height(
    x: Float32Array, y: Float32Array, near: Float32Array, plate: Float32Array, slow: Float64Array, rows: Float64Array
) -> Float32Array:
    """Return the height of creased cloth (units) at points on a grid, with a border of three cells as `upsample` needs.

    It is 0 where `near` is: no cloth is there.

    `slow` has texels per unit, height and two places of the undulation. A row of `rows` has cosine and sine of the
    direction, two places (texels), texels per unit along and across, height, share of the cloth that is creased, and
    how narrow the creases are.
    """
    height, width = x.shape
    total = np.zeros((height + 6, width + 6), np.float32)
    for i in range(height):
        for j in range(width):
            if near[i, j] < 1e-4:
                continue
            px, py = float(x[i, j]), float(y[i, j])
            wide = sample_noise(plate, px * slow[0] + slow[2], py * slow[0] + slow[3])
            patch = sample_noise(plate, 1.9 * py * slow[0] + slow[3] + 77.0, 1.9 * px * slow[0] + slow[2])
            value = slow[1] * wide
            bent_x, bent_y = px + 0.045 * patch, py + 0.045 * wide
            for n in range(rows.shape[0]):
                c, s, right, down, along, across, tall, share, narrow = rows[n]
                held = min(max(share + 0.8 * (patch if n % 2 else wide), 0.0), 1.0)
                if held > 0:
                    u, v = c * bent_x + s * bent_y, c * bent_y - s * bent_x
                    here = sample_noise(plate, u * along + right, v * across + down)
                    line = max(1 - abs(here) * narrow, 0.0)
                    value += tall * held * (line * line - 0.2)
            total[i + 3, j + 3] = value
    return total


def sample_drape(shot: Variation, creased: float) -> tuple[Float64Array, Float64Array]:
    """Sample the undulation and the creases of a shot for `drape_height`; `creased` is 0 (ironed) to 1."""
    rng = shot.generator("drape")
    cell, tall = UNDULATION
    slow = np.array(
        [CELL_TEXELS / cell, tall * shot.uniform("undulation", 0.4, 1.0), *(PLACES + rng.uniform(0, 512, 2))]
    )
    rows = []
    for cell, tall, long in CREASES:
        for _ in range(2):
            angle = rng.uniform(0, math.pi)
            along, across = CELL_TEXELS / (cell * long), CELL_TEXELS / cell
            places = PLACES + rng.uniform(0, 512, 2)
            height = tall * creased * rng.uniform(0.5, 1.0)
            rows.append(
                (
                    math.cos(angle),
                    math.sin(angle),
                    *places,
                    along,
                    across,
                    height,
                    rng.uniform(-0.3, 0.6),
                    rng.uniform(1.6, 3.2),
                )
            )
    return slow, np.array(rows)


@dataclass(frozen=True, slots=True)
class Drape:
    """The folds of one shot of a product on its flat sheet."""

    height: Float32Array
    """Height that is added to the panels, in units, shape (side, side)."""
    slope_x: Float32Array
    """Slope of the folds to the right at some pixels, evenly spaced."""
    slope_y: Float32Array


def lay_drape(
    x: Float32Array, y: Float32Array, alpha: Float32Array, cell: int, zoom: float, shot: Variation, creased: float
) -> Drape:
    """Return the drape of a shot on the product that covers `alpha`.

    x and y are the garment coordinates of the pixels (units), `zoom` pixels per unit. Heights are computed at every
    `cell`-th pixel on and beside the product, and interpolated by cubic splines.
    """
    height, width = x.shape
    small_alpha = downsample(alpha, cell)
    near = gaussian_blur(small_alpha, 2.5, 0.0, 0.0)[3:-3, 3:-3]
    rows, columns = near.shape
    places = np.ix_(*(np.minimum(np.arange(n) * cell + cell // 2, height - 1) for n in (rows, columns)))
    coarse_x, coarse_y = np.ascontiguousarray(x[places]), np.ascontiguousarray(y[places])
    slow, creases = sample_drape(shot, creased)
    small = drape_height(coarse_x, coarse_y, np.ascontiguousarray(near), smooth_noise_tile(), slow, creases)
    slope_y, slope_x = (np.gradient(small[3:-3, 3:-3], axis=axis) * np.float32(zoom / cell) for axis in (0, 1))
    return Drape(upsample(small, cell, height, width, 0.0, 0.0), slope_x, slope_y)


def shift_points(x: Float32Array, y: Float32Array, drape: Drape, shot: Variation) -> tuple[Float32Array, Float32Array]:
    """Return how far limp cloth is shifted at points of its sheet (0 to 1), as shares of the sheet.

    Three random fields of different scale bend sleeves, sides and hems; the slopes of the folds gather threads.
    """
    limp = shot.uniform("limp", 0.35, 1.0)
    place = shot.generator("limp").uniform(0, 9, 2).astype(np.float32)
    dx, dy = np.zeros_like(x), np.zeros_like(y)
    for layer, (cell, size) in enumerate(SHIFTS):
        reach = np.float32(size * limp)
        dx += reach * smooth_noise(x + place[0], y, cell, layer=2 * layer)
        dy += reach * smooth_noise(x, y + place[1], cell, layer=2 * layer + 1)
    rows, columns = drape.slope_x.shape
    row = np.clip(y * np.float32(rows), 0, rows - 1).astype(np.int32)
    column = np.clip(x * np.float32(columns), 0, columns - 1).astype(np.int32)
    steepest = np.float32(MAX_GATHER / GATHER)
    across, down = (np.clip(slope[row, column], -steepest, steepest) for slope in (drape.slope_x, drape.slope_y))
    return dx - np.float32(GATHER) * across, dy - np.float32(GATHER) * down
