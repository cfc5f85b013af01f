"""Woven and printed patterns as functions of the place in the cloth; every scale is in garment units, not in pixels.

The tartan, argyle and camouflage are generic on purpose: well-known setts and prints are registered marks.
"""

from collections.abc import Callable

import numpy as np

from generator.render.colour import Palette
from generator.render.relief import Plane, blotches

Pattern = Callable[[Plane, Plane, Palette, float], Plane]


def pattern_colours(name: str, u: Plane, v: Plane, colours: Palette, footprint: float) -> Plane:
    """Linear colours, shape (h, w, 3), of a pattern at (u, v); edges are softened over `footprint` units (a pixel)."""
    return PATTERN_FUNCTIONS[name](u, v, colours, footprint)


def _ground(u: Plane, colours: Palette) -> Plane:
    return np.broadcast_to(colours.ground, (*u.shape, 3)).astype(np.float32)


def _paint(albedo: Plane, cover: Plane, colour: Plane) -> None:
    albedo += cover[..., None] * (colour - albedo)


def _within(distance: Plane, limit: float | Plane, footprint: float) -> Plane:
    """1 where distance < limit, 0 beyond, a ramp one footprint wide between."""
    return np.asarray(np.clip((limit - distance) / np.float32(footprint) + 0.5, 0, 1), np.float32)


def _to_stripe(t: Plane, period: float, offset: float = 0.0) -> Plane:
    """Distance to the nearest of the lines that repeat every `period`."""
    phase = t / period - offset
    return np.asarray(np.abs(phase - np.round(phase)) * period, np.float32)


def _plain(u: Plane, v: Plane, colours: Palette, footprint: float) -> Plane:
    return _ground(u, colours)


def _check(u: Plane, v: Plane, colours: Palette, footprint: float) -> Plane:
    period = 0.125
    bars = (
        (0.0, 0.036, colours.contrast, 0.62),
        (0.30, 0.010, colours.second, 0.75),
        (0.5, 0.006, colours.accent, 0.9),
    )
    albedo = _ground(u, colours)
    for centre, width, colour, opacity in bars:
        for thread in (u, v):
            _paint(albedo, opacity * _within(_to_stripe(thread, period, centre), width / 2, footprint), colour)
    return albedo


def _stripes(u: Plane, v: Plane, colours: Palette, footprint: float) -> Plane:
    albedo = _ground(u, colours)
    _paint(albedo, _within(_to_stripe(v, 0.064), 0.014, footprint), colours.contrast)
    return albedo


def _dots(u: Plane, v: Plane, colours: Palette, footprint: float) -> Plane:
    period = 0.060
    albedo = _ground(u, colours)
    for shift in (0.0, 0.5):
        distance = np.hypot(_to_stripe(u, period, shift), _to_stripe(v, period, shift))
        _paint(albedo, _within(distance, 0.0125, footprint), colours.contrast)
    return albedo


def _houndstooth(u: Plane, v: Plane, colours: Palette, footprint: float) -> Plane:
    """Four dark and four light threads in warp and weft under a 2/2 twill, threads drawn as steps of 1/8 period."""
    period = 0.060
    a, b = u / period, v / period
    warp_dark, weft_dark = (a % 1) < 0.5, (b % 1) < 0.5
    warp_up = ((a + b) * 2 % 1) < 0.5
    tooth = np.where(warp_up, warp_dark, weft_dark).astype(np.float32)
    fade = np.float32(np.clip(period / 4 / footprint - 0.4, 0.35, 1))
    albedo = _ground(u, colours)
    _paint(albedo, 0.5 + (tooth - 0.5) * fade, colours.contrast)
    return albedo


def _argyle(u: Plane, v: Plane, colours: Palette, footprint: float) -> Plane:
    wide, high = 0.13, 0.20
    a, b = u / wide, v / high
    lozenge = np.abs(a - np.round(a)) + np.abs(b - np.round(b))
    albedo = _ground(u, colours)
    column = (np.round(a).astype(np.int32) & 1).astype(bool)
    cover = _within(lozenge, 0.5, footprint / wide)
    _paint(albedo, cover * np.where(column, 0.0, 1.0).astype(np.float32), colours.contrast)
    _paint(albedo, cover * np.where(column, 0.8, 0.0).astype(np.float32), colours.second)
    for sign in (1, -1):
        _paint(albedo, 0.85 * _within(_to_stripe(a + sign * b, 1.0, 0.5), 0.022, footprint / wide), colours.accent)
    return albedo


def _floral(u: Plane, v: Plane, colours: Palette, footprint: float) -> Plane:
    """One five-petalled flower in each cell of a jittered grid, with leaves between."""
    albedo = _ground(u, colours)
    for layer, (cell, size) in enumerate(((0.105, 0.040), (0.105, 0.024))):
        a, b = u / cell + 0.5 * layer, v / cell + 0.5 * layer
        column, row = np.floor(a), np.floor(b)
        turn = np.sin(column * 12.9898 + row * 78.233 + layer) * 43.7
        dx = (a - column - 0.5) * cell - 0.020 * np.sin(turn)
        dy = (b - row - 0.5) * cell - 0.020 * np.cos(turn * 1.7)
        distance = np.hypot(dx, dy).astype(np.float32)
        petals = size * (0.72 + 0.28 * np.cos(5 * np.arctan2(dy, dx) + turn))
        flower = colours.contrast if layer == 0 else colours.accent
        _paint(albedo, _within(distance, petals.astype(np.float32), footprint), flower)
        _paint(albedo, _within(distance, size * 0.30, footprint), colours.accent if layer == 0 else colours.contrast)
    return albedo


def _camouflage(u: Plane, v: Plane, colours: Palette, footprint: float) -> Plane:
    albedo = _ground(u, colours)
    for layer, (limit, colour) in enumerate(
        ((0.25, colours.second), (0.75, colours.contrast), (1.05, 0.45 * colours.ground + 0.55 * colours.accent))
    ):
        blob = blotches(u, v, 0.085, 0.055, layer) + 0.35 * blotches(u, v, 0.035, layer=layer + 3)
        _paint(albedo, _within(-blob, -limit, 14 * footprint), colour)
    return albedo


PATTERN_FUNCTIONS: dict[str, Pattern] = {
    "plain": _plain,
    "check": _check,
    "stripes": _stripes,
    "dots": _dots,
    "houndstooth": _houndstooth,
    "argyle": _argyle,
    "floral": _floral,
    "camouflage": _camouflage,
}
