"""Finishes of knitted, felted and curled cloth: soft, matte, with light edges.

Each function returns the finish at texture coordinates (u, v) in garment units, for pixels `footprint` units wide.
"""

import numpy as np

from generator.render.engine import Float32Array
from generator.render.engine.finish import Finish, detail_fade, sine_wave, triangle_wave, worley_noise
from generator.render.engine.height_field import smooth_noise, white_noise


def jersey(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """T-shirt knit: too fine to see, slightly mottled, with soft waves."""
    wales = sine_wave(u, 0.0080) * detail_fade(0.0080, footprint)
    melange = smooth_noise(u, v, 0.016, 0.007, layer=3)
    return Finish(0.98 + 0.051 * melange + 0.015 * wales, 0.0034 * smooth_noise(u, v, 0.11, 0.16, layer=1), 0.0, 0.26)


def wool(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Felted coating: short fuzz of fibres in slightly different shades."""
    seen = detail_fade(0.0070, footprint)
    fuzz = 0.050 * white_noise(u, v, 0.0040) + 0.045 * seen * smooth_noise(u, v, 0.0065, 0.0050, layer=1)
    cloud = smooth_noise(u, v, 0.060, layer=2)
    bleach = np.clip(0.035 + 0.022 * white_noise(u + 0.5, v, 0.0050, 0.0032), 0, 0.3)
    return Finish(
        np.asarray(0.97 + fuzz + 0.022 * cloud, np.float32), 0.0011 * cloud, 0.0, 0.42, np.asarray(bleach, np.float32)
    )


def cashmere(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Long nap combed into short ripples, with a soft glow."""
    ripple = smooth_noise(u + 0.25 * v, v, 0.036, 0.0110, layer=3) * (0.4 + 0.6 * detail_fade(0.024, footprint))
    return Finish(np.asarray(1.07 + 0.034 * ripple, np.float32), 0.00030 * ripple, 0.05, 0.80)


def boucle(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Looped yarn: nubs of uneven size, some of them pale, with dark gaps."""
    seen = np.float32(0.30 + 0.70 * detail_fade(0.0105, footprint))
    nub = worley_noise(u, v, 0.0105) - 0.6
    tuft = smooth_noise(u, v, 0.016, layer=2)
    pale = np.clip(0.022 + 0.022 * smooth_noise(u, v, 0.0090, layer=6), 0, 0.2)
    tone = 0.90 + 0.34 * seen * nub + 0.030 * tuft
    return Finish(
        np.asarray(tone, np.float32), 0.0013 * seen * nub + 0.0008 * tuft, 0.0, 0.20, np.asarray(pale, np.float32)
    )


def shearling(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Soft curls of fleece with pale tips, in a deep pile with light edges."""
    period = 0.0185
    x = u + np.float32(0.0055) * smooth_noise(u, v, 0.021, layer=1)
    y = v + np.float32(0.0055) * smooth_noise(u, v, 0.021, layer=2)
    half, slant = np.float32(0.5) * x, np.float32(0.866) * y
    curl = sine_wave(x, period) + sine_wave(slant + half, period) + sine_wave(slant - half, period)
    curl = np.asarray(curl * np.float32(0.18 + 0.32 * detail_fade(period, footprint)), np.float32)
    tone = 0.98 + 0.14 * curl + 0.030 * white_noise(u, v, 0.0050)
    bleach = np.asarray(np.clip(0.05 + 0.028 * curl, 0, 0.3), np.float32)
    return Finish(np.asarray(tone, np.float32), 0.0011 * curl, 0.0, 0.85, bleach)


def knit(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Fine-gauge stocking stitch: small Vs in columns, of slightly uneven yarn."""
    wide, high = 0.0125, 0.0098
    seen = detail_fade(wide, footprint)
    across = triangle_wave(u, wide)
    loop = sine_wave(v + np.float32(0.55 * high) * across, high) * detail_fade(high, footprint)
    rows = smooth_noise(u, v, 0.110, 0.0170, layer=2)
    tone = 0.92 + 0.080 * rows + seen * (0.065 * loop - 0.11 * (across**2 - 0.33))
    return Finish(np.asarray(tone, np.float32), seen * (0.0005 * loop - 0.0007 * across**2), 0.0, 0.42)


def rib_knit(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Round vertical ribs with a column of stitches each, and deep soft valleys."""
    period = 0.0300
    across = triangle_wave(u, period)
    stitch = sine_wave(v + np.float32(0.20 * period) * across, 0.0115) * detail_fade(0.0115, footprint)
    tone = 1.08 - 0.52 * across**2 + 0.10 * stitch * (1 - across)
    return Finish(np.asarray(tone, np.float32), 0.0058 * (1 - across**2) + 0.0005 * stitch * (1 - across), 0.0, 0.20)


def cable_knit(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Two strands twisted around each other on a purl ground, with a rib on each side."""
    wide, turn = 0.118, 0.105
    phase = u * np.float32(1 / wide)
    place = (phase - np.round(phase)) * np.float32(2)  # -1 to 1 across a repeat
    angle = v * np.float32(2 * np.pi / turn)
    swing, front = np.sin(angle) * np.float32(0.24), np.cos(angle)
    cord = np.full_like(place, 0.0)
    for side in (-1, 1):
        strand = np.clip(1 - ((place - side * swing) / np.float32(0.25)) ** 2, 0, 1)
        cord = np.maximum(cord, np.sqrt(strand) * (0.80 + 0.20 * side * front) * (strand > 0))
    rib = np.clip(1 - ((np.abs(place) - np.float32(0.70)) / np.float32(0.11)) ** 2, 0, 1)
    raised = np.maximum(cord, 0.55 * np.sqrt(rib))
    plait = sine_wave(v + np.float32(0.016) * place * np.sign(swing), 0.0130) * detail_fade(0.0130, footprint)
    purl = sine_wave(v, 0.0100) * detail_fade(0.0100, footprint) * (raised < 0.1)
    tone = 0.66 + 0.40 * raised + 0.06 * plait * raised + 0.06 * purl
    return Finish(np.asarray(tone, np.float32), 0.0092 * raised + 0.0004 * plait, 0.0, 0.20)


def ribbing(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Ribbed bands of cuffs and collars."""
    rib = sine_wave(u, 0.015) * detail_fade(0.011, footprint)
    return Finish(1 + 0.10 * rib, 0.0014 * rib, 0.0, 0.10)
