"""Finishes of leather: smooth, grained, scaled, patent and suede.

Each function returns the finish at texture coordinates (u, v) in garment units, for pixels `footprint` units wide.
"""

import numpy as np

from generator.render.engine import Float32Array
from generator.render.engine.finish import Finish, detail_fade, worley_noise
from generator.render.engine.height_field import smooth_noise, white_noise


def leather(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Smooth hide: fine pores and short creases that break up a broad, dim highlight."""
    seen = detail_fade(0.0080, footprint)
    pore = (1 - worley_noise(u, v, 0.0070)) * seen
    soft = smooth_noise(u, v, 0.110, layer=2)
    crease = np.abs(smooth_noise(u + 0.4 * v, v, 0.034, 0.015, layer=5))
    tone = 0.94 + 0.05 * soft - 0.07 * pore - 0.05 * np.maximum(0.35 - crease, 0)
    height = 0.0020 * soft + 0.00060 * crease - 0.00026 * pore
    return Finish(np.asarray(tone, np.float32), np.asarray(height, np.float32), 0.40, 0.0, focus=27)


def grained_leather(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Separate visible pebbles, each with its own highlight."""
    seen = np.float32(0.25 + 0.75 * detail_fade(0.0135, footprint))
    pebble = worley_noise(u, v, 0.0135, 0.0120)
    soft = smooth_noise(u, v, 0.12, layer=2)
    tone = 0.88 - 0.36 * seen * (1 - pebble)
    return Finish(np.asarray(tone, np.float32), 0.0013 * seen * pebble + 0.0018 * soft, 0.44, 0.0, focus=34)


def patent_leather(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Lacquer: deep colour under a mirror with slow waves."""
    flow = smooth_noise(u, v, 0.15, 0.22, layer=3)
    return Finish(np.full_like(u, 0.66), 0.0075 * flow, 1.0, 0.0)


def exotic_leather(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Rows of polished scales of uneven size with dark seams, staggered like bricks; no real species."""
    wide, high = 0.043, 0.029
    drift_u, drift_v = smooth_noise(u, v, 0.070, layer=1), smooth_noise(u, v, 0.070, layer=2)
    down = (v + np.float32(0.0042) * drift_v) * np.float32(1 / high)
    row = np.round(down)
    along = (u + np.float32(0.0070) * drift_u) * np.float32(1 / wide) + np.float32(0.5) * row + 0.2 * np.sin(7 * row)
    a, b = 2 * (along - np.round(along)), 2 * (down - row)
    a, b = a * a, b * b
    pillow = np.sqrt(np.clip((1 - a * a) * (1 - b * b), 0, 1))
    own = np.sin(np.round(along) * 12.9898 + row * 78.233)
    tone = 0.36 + 0.54 * pillow + 0.07 * own
    return Finish(np.asarray(tone, np.float32), np.asarray(0.0034 * pillow, np.float32), 0.74, 0.0)


def suede(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Short nap with visible brush strokes."""
    brushed = np.tanh(1.5 * smooth_noise(u + 0.5 * v, v, 0.042, 0.075, layer=1))
    nap = white_noise(u, v, 0.005)
    return Finish(np.asarray(1.05 + 0.13 * brushed + 0.055 * nap, np.float32), 0.0008 * brushed, 0.0, 0.75)
