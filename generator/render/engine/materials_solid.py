"""Finishes of solids: metal, horn, glass, ceramics, wax and lacquer.

Each function returns the finish at texture coordinates (u, v) in garment units, for pixels `footprint` units wide.
"""

import numpy as np

from generator.render.engine import Float32Array
from generator.render.engine.finish import Finish, detail_fade, sine_wave
from generator.render.engine.height_field import smooth_noise, white_noise


def acetate(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Tortoiseshell plastic: soft dark and light patches, glossy."""
    shell = np.tanh(1.6 * (smooth_noise(u, v, 0.045, 0.035, layer=1) + 0.3))
    return Finish(np.asarray(0.78 + 0.38 * shell, np.float32), 0.0010 * smooth_noise(u, v, 0.12, layer=2), 0.90, 0.0)


def glass(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Clear glass with slanted reflections."""
    slant = sine_wave(u - 0.45 * v, 0.20)
    streak = np.clip(3 * slant - 1.9, 0, 1)
    bleach = np.asarray(0.16 + 0.55 * streak, np.float32)
    return Finish(np.asarray(0.92 + 0.10 * slant, np.float32), np.zeros_like(u), 1.0, 0.0, bleach)


def metal(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Polished metal."""
    return Finish(np.ones_like(u), np.zeros_like(u), 0.85, 0.0, None, 1.0)


def teeth(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Teeth of a metal zip."""
    tooth = sine_wave(u, 0.012) * sine_wave(v, 0.012) * detail_fade(0.012, footprint)
    return Finish(0.95 + 0.35 * tooth, 0.0006 * tooth, 0.85, metal=1.0)


def horn(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Horn buttons, slightly mottled."""
    return Finish(np.asarray(0.9 + 0.2 * smooth_noise(u, v, 0.02, layer=1), np.float32), np.zeros_like(u), 0.30)


def rubber(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Matte rubber."""
    return Finish(np.ones_like(u), np.zeros_like(u), 0.12, 0.05)


def liquid(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Coloured liquid behind glass, with a slanted reflection."""
    streak = np.clip(3 * sine_wave(u - 0.45 * v, 0.20) - 2.1, 0, 1)
    return Finish(np.ones_like(u), np.zeros_like(u), 0.8, 0.0, np.asarray(0.40 * streak, np.float32))


def ceramic(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Glaze that has flowed: broad shallow waves under a mirror."""
    flow = sine_wave(u + 0.03 * sine_wave(v, 0.43), 0.29) + sine_wave(v + 0.02 * sine_wave(u, 0.31), 0.37)
    return Finish(np.asarray(0.97 + 0.025 * flow, np.float32), 0.0011 * flow, 0.88)


def stoneware(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Matte glaze on a thrown body: iron specks and finger rings."""
    specks = np.clip(smooth_noise(u, v, 0.013, layer=1) - 1.1, 0, 1) + 0.5 * np.clip(
        white_noise(u, v, 0.007) - 1.6, 0, 1
    )
    rings = sine_wave(v + 0.004 * smooth_noise(u, v, 0.12, layer=2), 0.030) * detail_fade(0.030, footprint)
    return Finish(np.asarray(1.02 - 0.62 * np.clip(specks, 0, 1), np.float32), 0.0009 * rings, 0.16, 0.04)


def wax(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Smooth wax."""
    return Finish(np.asarray(1 + 0.015 * smooth_noise(u, v, 0.06), np.float32), np.zeros_like(u), 0.62, 0.02)


def lacquer(u: Float32Array, v: Float32Array, footprint: float) -> Finish:
    """Lacquer with very shallow waves."""
    return Finish(np.ones_like(u), 0.002 * smooth_noise(u, v, 0.05, 0.15, layer=1), 0.35, 0.05)
