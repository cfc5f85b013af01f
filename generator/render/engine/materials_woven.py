"""Finishes of woven cloth: twills, plain weaves, piles and silks.

At 336 pixels a fine weave is two or three pixels wide and hardly visible; cloths differ by crumpling, slubs and streaks
in the yarn, gloss and sheen. Each function returns the finish at texture coordinates (u, v) in garment units, for
pixels `footprint` units wide.
"""

import numpy as np

from generator.render.engine import Float32Array
from generator.render.engine.finish import Finish, detail_fade, sine_wave, triangle_wave
from generator.render.engine.height_field import smooth_noise, white_noise


def gabardine(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Tight steep twill, nearly smooth, with soft drape and a slight gloss."""
    twill = sine_wave(u * 0.89 + v * 0.45, 0.0078) * detail_fade(0.0078, footprint)
    drape = smooth_noise(u, v, 0.15, 0.24, layer=7)
    return Finish(
        np.asarray(1.01 + 0.040 * twill + 0.012 * drape, np.float32), 0.00010 * twill + 0.0022 * drape, 0.12, 0.16
    )


def twill(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Visible diagonal ridges, matte, of slightly uneven yarn."""
    a, b = (u + v) * np.float32(0.7071), (u - v) * np.float32(0.7071)
    ridge = sine_wave(a, 0.0115) * detail_fade(0.0115, footprint)
    streak = smooth_noise(a, b, 0.020, 0.110, layer=2)
    return Finish(np.asarray(0.81 + 0.065 * ridge + 0.095 * streak, np.float32), 0.00030 * ridge, 0.05, 0.03)


def cotton(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Plain, matte, slightly crumpled."""
    crumple = smooth_noise(u + 0.4 * v, v, 0.070, 0.036, layer=1) + 0.45 * smooth_noise(u, v + 0.3 * u, 0.019, 0.034, 2)
    tone = 1 + 0.02 * white_noise(u, v, 0.004)
    return Finish(tone, 0.0011 * crumple, 0.02, 0.02)


def linen(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Sharp creases and slubs: thick places along single threads, across and down."""
    seen = np.float32(0.35 + 0.65 * detail_fade(0.010, footprint))
    slubs = smooth_noise(u, v, 0.050, 0.0045, layer=1) + 0.7 * smooth_noise(u, v, 0.0045, 0.050, layer=2)
    crease = np.abs(smooth_noise(u, v, 0.050, 0.036, layer=3)) + 0.5 * np.abs(smooth_noise(u, v, 0.022, layer=4))
    bleach = np.asarray(np.clip(0.035 + 0.012 * seen * slubs, 0, 0.4), np.float32)
    return Finish(np.asarray(1 + 0.045 * seen * slubs, np.float32), -0.0029 * crease, 0.0, 0.0, bleach)


def canvas(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Coarse plain weave with visible threads, stiff and matte."""
    weave = sine_wave(u, 0.0130) * sine_wave(v, 0.0130) * detail_fade(0.0110, footprint)
    slubs = smooth_noise(u, v, 0.0105, 0.045, layer=1) + smooth_noise(u, v, 0.045, 0.0105, layer=2)
    undyed = np.asarray(np.clip(0.050 + 0.005 * slubs, 0, 0.3), np.float32)
    tone = np.asarray(1 + 0.048 * slubs + 0.10 * weave, np.float32)
    return Finish(tone, 0.0004 * (weave + 0.6 * slubs), bleach=undyed)


def denim(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Twill of dyed warp and white weft, with slubs along the warp and soft pale worn patches."""
    a = u * np.float32(0.75) + v * np.float32(0.66)
    ridge = sine_wave(a, 0.0098) * detail_fade(0.0098, footprint)
    slubs = smooth_noise(u, v, 0.0060, 0.040, layer=5) + 0.6 * smooth_noise(u, v, 0.012, 0.070, layer=2)
    worn = 0.13 + 0.050 * smooth_noise(u, v, 0.12, 0.17, layer=4) + 0.010 * slubs + 0.005 * ridge
    return Finish(
        np.asarray(0.93 + 0.018 * ridge + 0.030 * slubs, np.float32),
        0.0002 * ridge + 0.0010 * smooth_noise(u, v, 0.048, 0.030, layer=3),
        bleach=np.asarray(np.clip(worn, 0, 0.75), np.float32),
    )


def corduroy(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Round vertical cords of cut pile with narrow dark grooves."""
    period = 0.0180
    seen = detail_fade(period, footprint)
    cord = 1 - triangle_wave(u, period) ** 2.5
    rubbed = smooth_noise(u, v, 0.05, 0.12, layer=2)
    tone = 0.76 + 0.05 * rubbed + seen * (0.46 * cord - 0.33)
    return Finish(np.asarray(tone, np.float32), 0.0030 * seen * cord, 0.0, 0.45)


def velvet(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Deep pile: dark seen from the front, bright at grazing angles, with soft brushed patches."""
    pools = np.tanh(1.1 * smooth_noise(u + 0.3 * v, v, 0.085, 0.15, layer=1))
    tone = 0.66 + 0.19 * pools + 0.02 * white_noise(u, v, 0.004)
    return Finish(np.asarray(tone, np.float32), 0.0050 * pools, 0.0, 1.35)


def nylon(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Thin, smooth and stiff: small sharp puckers with narrow highlights."""
    pucker = np.abs(smooth_noise(u + 0.3 * v, v, 0.026, 0.058, layer=1))
    fine = np.abs(smooth_noise(u, v + 0.4 * u, 0.034, 0.015, layer=2))
    height = np.asarray(-0.0012 * pucker - 0.0006 * fine, np.float32)
    return Finish(np.asarray(0.97 - 0.03 * pucker, np.float32), height, 0.44, 0.0, focus=34)


def silk(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Soft lustre over narrow hanging folds."""
    sway = np.asarray(0.05 * np.sin(9 * v), np.float32)
    streaks = smooth_noise(u + sway, v, 0.040, 0.40, layer=1)
    return Finish(np.asarray(0.98 + 0.05 * streaks, np.float32), 0.0042 * streaks, 0.34, 0.20, focus=30, brush=0.6)


def satin(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Broad rolling folds that shine in long streaks along the threads, dark between them."""
    sway = np.asarray(0.07 * np.sin(6 * v + 1), np.float32)
    roll = smooth_noise(u + 0.35 * v + sway, v, 0.095, 0.38, layer=3)
    return Finish(np.asarray(0.86 + 0.10 * roll, np.float32), 0.0130 * roll, 0.70, 0.10, focus=44, brush=0.9)


def straw(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Plaited straw in rows of braid, each of slanting strands that cross, with a sheen and uneven strands."""
    row = np.float32(0.016)
    seen = detail_fade(0.016, footprint)
    number = np.floor(v / row)
    slant = np.where(number.astype(np.int32) % 2 == 0, np.float32(1), np.float32(-1))
    strand = triangle_wave(np.asarray(u + slant * 0.8 * v, np.float32), 0.011) * detail_fade(0.011, footprint)
    groove = triangle_wave(np.asarray(v - 0.5 * row, np.float32), 0.016) ** 3
    uneven = 0.05 * smooth_noise(u, v, 0.030, 0.012, layer=3) + 0.11 * smooth_noise(u, v, 0.30, 0.022, layer=4)
    tone = 0.94 + uneven - seen * (0.20 * groove + 0.14 * strand - 0.08)
    height = np.float32(0.0011) * (seen * (1 - groove) + 0.5 * (1 - strand))
    return Finish(np.asarray(tone, np.float32), np.asarray(height, np.float32), 0.14, 0.05)
