"""Materials: how each of them colours, roughens and polishes a piece of cloth.

A material is told apart at 112 pixels by its coarse marks (ribs, wrinkles, streaks, worn patches, gloss); its weave
fades out where one period is smaller than about two pixels instead of turning into moire.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from generator.render.colour import CREAM, Colour, mix, palette
from generator.render.patterns import pattern_colours
from generator.render.relief import Plane, blotches, speckles

Texture = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Cloth:
    """What a panel is cut from."""

    colour: Colour
    material: str = "cotton"
    pattern: str = "plain"


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


@dataclass(frozen=True, slots=True)
class Surface:
    """A cloth at every pixel: linear albedo (h, w, 3) and its finish."""

    albedo: Plane
    finish: Finish


def surface(cloth: Cloth, u: Plane, v: Plane, footprint: float) -> Surface:
    """The cloth at (u, v) in garment units, seen by pixels `footprint` units wide."""
    albedo = pattern_colours(cloth.pattern, u, v, palette(cloth.colour), footprint)
    finish = FINISHES[cloth.material](u, v, footprint)
    if finish.bleach is not None:
        albedo = albedo + finish.bleach[..., None] * (mix(cloth.colour, CREAM, 0.75) - albedo)
    return Surface(np.asarray(albedo * finish.tone[..., None], np.float32), finish)


def _visible(period: float, footprint: float) -> np.float32:
    """How much of a texture survives sampling: 0 below 1.5 pixels a period, 1 above 3."""
    return np.float32(np.clip((period / footprint - 1.5) / 1.5, 0, 1))


def _wave(t: Plane, period: float) -> Plane:
    return np.asarray(np.sin(t * np.float32(2 * np.pi / period)), np.float32)


def _gabardine(u: Plane, v: Plane, footprint: float) -> Finish:
    fine, broad = _wave(u * 0.8 + v * 0.6, 0.0105), _wave(u * 0.8 + v * 0.6, 0.034)
    seen = _visible(0.0105, footprint)
    return Finish(1 + 0.07 * seen * fine + 0.022 * broad, 0.0004 * seen * fine + 0.00012 * broad, 0.12, 0.04)


def _cotton(u: Plane, v: Plane, footprint: float) -> Finish:
    crumple = np.abs(blotches(u, v, 0.060, layer=1)) - 0.35 * np.abs(blotches(u, v, 0.028, layer=2))
    tone = 1 + 0.02 * speckles(u, v, 0.004)
    return Finish(tone, 0.0021 * crumple, 0.02, 0.02)


def _jersey(u: Plane, v: Plane, footprint: float) -> Finish:
    wales = _wave(u, 0.009) * _visible(0.009, footprint)
    melange = blotches(u, v, 0.014, 0.008, layer=3)
    return Finish(0.98 + 0.09 * melange + 0.05 * wales, 0.0035 * blotches(u, v, 0.11, 0.16, layer=1), 0.0, 0.16)


def _denim(u: Plane, v: Plane, footprint: float) -> Finish:
    a, b = u * 0.75 + v * 0.66, u * 0.66 - v * 0.75
    twill = _wave(a, 0.011) * _visible(0.011, footprint)
    worn = 0.12 + 0.06 * blotches(u, v, 0.11, 0.15, layer=4) + 0.05 * blotches(b, a, 0.022, 0.007, layer=2)
    slubs = blotches(u, v, 0.007, 0.05, layer=5)
    return Finish(
        np.asarray(0.93 + 0.08 * twill + 0.10 * slubs, np.float32),
        0.0004 * twill + 0.0016 * np.abs(blotches(u, v, 0.035, layer=3)),
        bleach=np.clip(worn, 0, 0.75),
    )


def _wool(u: Plane, v: Plane, footprint: float) -> Finish:
    hairs = blotches(u, v, 0.009, 0.008, layer=1) + 0.8 * speckles(u, v, 0.006)
    tufts = blotches(u, v, 0.020, layer=2)
    bleach = np.clip(0.045 * blotches(u, v, 0.008, layer=6) + 0.03, 0, 0.4)
    return Finish(np.clip(1 + 0.085 * hairs, 0.3, 1.7), 0.0007 * tufts, 0.0, 0.34, bleach)


def _knit(u: Plane, v: Plane, footprint: float) -> Finish:
    period = 0.030
    column = u / period
    across = np.abs(column - np.round(column)) * 2  # 0 on the rib, 1 in the valley
    stitch = _wave(v + 0.5 * period * across, 0.020) * _visible(0.020, footprint)
    tone = 1.06 - 0.50 * across**2 + 0.14 * stitch * (1 - across)
    return Finish(np.asarray(tone, np.float32), 0.0075 * (1 - across**2) + 0.0010 * stitch, 0.0, 0.14)


def _nylon(u: Plane, v: Plane, footprint: float) -> Finish:
    crinkle = np.abs(blotches(u, v, 0.070, 0.045, layer=1)) + 0.6 * np.abs(blotches(u, v, 0.030, layer=2))
    return Finish(np.full_like(u, 0.96), -0.0036 * crinkle, 0.80, 0.0)


def _leather(u: Plane, v: Plane, footprint: float) -> Finish:
    pebble = np.abs(blotches(u, v, 0.0095, layer=1)) * _visible(0.0095, footprint)
    soft = blotches(u, v, 0.085, layer=2)
    tone = 0.86 + 0.06 * soft - 0.10 * np.clip(0.7 - pebble, 0, 1) * _visible(0.0095, footprint)
    return Finish(np.asarray(tone, np.float32), 0.0009 * pebble + 0.0055 * soft, 0.62, 0.0)


def _suede(u: Plane, v: Plane, footprint: float) -> Finish:
    brushed = np.tanh(2.0 * blotches(u + 0.5 * v, v, 0.036, 0.070, layer=1))
    nap = speckles(u, v, 0.005)
    return Finish(np.asarray(0.98 + 0.19 * brushed + 0.06 * nap, np.float32), 0.0010 * brushed, 0.0, 0.55)


def _silk(u: Plane, v: Plane, footprint: float) -> Finish:
    sway = np.asarray(0.05 * np.sin(9 * v), np.float32)
    streaks = blotches(u + sway, v, 0.032, 0.40, layer=1)
    return Finish(np.asarray(0.98 + 0.07 * streaks, np.float32), 0.0052 * streaks, 0.50, 0.10)


def _canvas(u: Plane, v: Plane, footprint: float) -> Finish:
    weave = _wave(u, 0.014) * _wave(v, 0.014) * _visible(0.014, footprint)
    slubs = blotches(u, v, 0.009, 0.035, layer=1) + blotches(u, v, 0.035, 0.009, layer=2)
    return Finish(np.asarray(0.98 + 0.065 * slubs + 0.14 * weave, np.float32), 0.0006 * (weave + slubs), 0.0, 0.0)


def _acetate(u: Plane, v: Plane, footprint: float) -> Finish:
    shell = np.tanh(1.6 * (blotches(u, v, 0.045, 0.035, layer=1) + 0.3))
    return Finish(np.asarray(0.78 + 0.38 * shell, np.float32), 0.0010 * blotches(u, v, 0.12, layer=2), 0.90, 0.0)


def _glass(u: Plane, v: Plane, footprint: float) -> Finish:
    slant = _wave(u - 0.45 * v, 0.20)
    streak = np.clip(3 * slant - 1.9, 0, 1)
    bleach = np.asarray(0.16 + 0.55 * streak, np.float32)
    return Finish(np.asarray(0.92 + 0.10 * slant, np.float32), np.zeros_like(u), 1.0, 0.0, bleach)


def _metal(u: Plane, v: Plane, footprint: float) -> Finish:
    return Finish(np.ones_like(u), np.zeros_like(u), 0.85, 0.0, None, 1.0)


def _teeth(u: Plane, v: Plane, footprint: float) -> Finish:
    tooth = _wave(u, 0.012) * _wave(v, 0.012) * _visible(0.012, footprint)
    return Finish(0.95 + 0.35 * tooth, 0.0006 * tooth, 0.85, metal=1.0)


def _horn(u: Plane, v: Plane, footprint: float) -> Finish:
    return Finish(np.asarray(0.9 + 0.2 * blotches(u, v, 0.02, layer=1), np.float32), np.zeros_like(u), 0.30)


def _rubber(u: Plane, v: Plane, footprint: float) -> Finish:
    return Finish(np.ones_like(u), np.zeros_like(u), 0.12, 0.05)


def _ribbing(u: Plane, v: Plane, footprint: float) -> Finish:
    rib = _wave(u, 0.015) * _visible(0.011, footprint)
    return Finish(1 + 0.20 * rib, 0.0022 * rib, 0.0, 0.10)


def _liquid(u: Plane, v: Plane, footprint: float) -> Finish:
    streak = np.clip(3 * _wave(u - 0.45 * v, 0.20) - 2.1, 0, 1)
    return Finish(np.ones_like(u), np.zeros_like(u), 0.8, 0.0, np.asarray(0.40 * streak, np.float32))


def _satin(u: Plane, v: Plane, footprint: float) -> Finish:
    return Finish(np.ones_like(u), 0.002 * blotches(u, v, 0.05, 0.15, layer=1), 0.35, 0.05)


def _ceramic(u: Plane, v: Plane, footprint: float) -> Finish:
    """A glaze that flowed before it set: broad and shallow waves, and a mirror on top."""
    flow = _wave(u + 0.03 * _wave(v, 0.43), 0.29) + _wave(v + 0.02 * _wave(u, 0.31), 0.37)
    return Finish(np.asarray(0.97 + 0.025 * flow, np.float32), 0.0011 * flow, 0.88)


def _stoneware(u: Plane, v: Plane, footprint: float) -> Finish:
    """Matte glaze over a thrown body: iron specks, and rings left by the fingers."""
    specks = np.clip(blotches(u, v, 0.013, layer=1) - 1.1, 0, 1) + 0.5 * np.clip(speckles(u, v, 0.007) - 1.6, 0, 1)
    rings = _wave(v + 0.004 * blotches(u, v, 0.12, layer=2), 0.030) * _visible(0.030, footprint)
    return Finish(np.asarray(1.02 - 0.62 * np.clip(specks, 0, 1), np.float32), 0.0009 * rings, 0.16, 0.04)


def _wax(u: Plane, v: Plane, footprint: float) -> Finish:
    return Finish(np.asarray(1 + 0.015 * blotches(u, v, 0.06), np.float32), np.zeros_like(u), 0.62, 0.02)


FINISHES: dict[str, Callable[[Plane, Plane, float], Finish]] = {
    "gabardine": _gabardine,
    "cotton": _cotton,
    "jersey": _jersey,
    "denim": _denim,
    "wool": _wool,
    "knit": _knit,
    "nylon": _nylon,
    "leather": _leather,
    "suede": _suede,
    "silk": _silk,
    "canvas": _canvas,
    "acetate": _acetate,
    "glass": _glass,
    "metal": _metal,
    "teeth": _teeth,
    "horn": _horn,
    "rubber": _rubber,
    "satin": _satin,
    "ribbing": _ribbing,
    "liquid": _liquid,
    "ceramic": _ceramic,
    "stoneware": _stoneware,
    "wax": _wax,
}
"""The vocabulary of `schemas.appearance.MATERIALS`, and what only fittings, soles and linings are made of."""
