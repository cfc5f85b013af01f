"""Woven and printed patterns as functions of texture coordinates; all scales are in garment units, not in pixels.

Checks, tartan, monogram and prints are own designs: well-known ones are registered trademarks.
"""

from collections.abc import Callable

import numpy as np

from generator.render.engine import Float32Array
from generator.render.engine.colour import INK, Palette, linear, mix
from generator.render.engine.height_field import smooth_noise

Pattern = Callable[[Float32Array, Float32Array, Palette, float], Float32Array]
LODEN, OCHRE, PETROL = linear("#1f4a3c"), linear("#c9a545"), linear("#2e6f80")


def pattern_colours(name: str, u: Float32Array, v: Float32Array, colours: Palette, footprint: float) -> Float32Array:
    """Return the linear colours of a pattern at (u, v), shape (h, w, 3); edges are `footprint` units (a pixel) soft."""
    return PATTERN_FUNCTIONS[name](u, v, colours, footprint)


def _ground(u: Float32Array, colours: Palette) -> Float32Array:
    return np.broadcast_to(colours.ground, (*u.shape, 3)).astype(np.float32)


def _paint(albedo: Float32Array, cover: Float32Array, colour: Float32Array) -> None:
    albedo += cover[..., None] * (colour - albedo)


def _inside(distance: Float32Array, limit: float | Float32Array, footprint: float) -> Float32Array:
    """Return 1 where distance < limit, 0 beyond, with a ramp one footprint wide."""
    return np.asarray(np.clip((limit - distance) / np.float32(footprint) + 0.5, 0, 1), np.float32)


def _stripe_distance(t: Float32Array, period: float, offset: float = 0.0) -> Float32Array:
    """Return the distance to the nearest of the lines that repeat every `period`."""
    phase = t / period - offset
    return np.asarray(np.abs(phase - np.round(phase)) * period, np.float32)


def _plain(u: Float32Array, v: Float32Array, colours: Palette, footprint: float) -> Float32Array:
    return _ground(u, colours)


def _check(u: Float32Array, v: Float32Array, colours: Palette, footprint: float) -> Float32Array:
    """Single bars and two thin lines; the thinnest is petrol blue on every ground, as red on sand is a trademark."""
    period = 0.125
    bars = (
        (0.0, 0.022 + 0.028 * colours.width, colours.contrast, 0.62),
        (0.30, 0.010, colours.second, 0.75),
        (0.5, 0.006, PETROL, 0.9),
    )
    albedo = _ground(u, colours)
    for centre, width, colour, opacity in bars:
        for thread in (u, v):
            _paint(albedo, opacity * _inside(_stripe_distance(thread, period, centre), width / 2, footprint), colour)
    return albedo


def _stripes(u: Float32Array, v: Float32Array, colours: Palette, footprint: float) -> Float32Array:
    """Horizontal stripes, thin or as broad as the ground between them; some with a thin second line."""
    albedo = _ground(u, colours)
    half = 0.005 + 0.018 * colours.width
    _paint(albedo, _inside(_stripe_distance(v, 0.064), half, footprint), colours.contrast)
    if colours.width < 0.35:
        _paint(albedo, _inside(_stripe_distance(v, 0.064, 0.25), 0.0030, footprint), colours.second)
    return albedo


def _dots(u: Float32Array, v: Float32Array, colours: Palette, footprint: float) -> Float32Array:
    period = 0.060
    albedo = _ground(u, colours)
    for shift in (0.0, 0.5):
        distance = np.hypot(_stripe_distance(u, period, shift), _stripe_distance(v, period, shift))
        _paint(albedo, _inside(distance, 0.0065 + 0.0100 * colours.width, footprint), colours.contrast)
    return albedo


def _houndstooth(u: Float32Array, v: Float32Array, colours: Palette, footprint: float) -> Float32Array:
    """Four dark and four light threads in warp and weft of a 2/2 twill, each thread 1/8 period wide."""
    period = 0.060
    a, b = u / period, v / period
    warp_dark, weft_dark = (a % 1) < 0.5, (b % 1) < 0.5
    warp_up = ((a + b) * 2 % 1) < 0.5
    tooth = np.where(warp_up, warp_dark, weft_dark).astype(np.float32)
    fade = np.float32(np.clip(period / 4 / footprint - 0.4, 0.35, 1))
    albedo = _ground(u, colours)
    _paint(albedo, 0.5 + (tooth - 0.5) * fade, colours.contrast)
    return albedo


def _argyle(u: Float32Array, v: Float32Array, colours: Palette, footprint: float) -> Float32Array:
    wide, high = 0.13, 0.20
    a, b = u / wide, v / high
    lozenge = np.abs(a - np.round(a)) + np.abs(b - np.round(b))
    albedo = _ground(u, colours)
    column = (np.round(a).astype(np.int32) & 1).astype(bool)
    cover = _inside(lozenge, 0.5, footprint / wide)
    _paint(albedo, cover * np.where(column, 0.0, 1.0).astype(np.float32), colours.contrast)
    _paint(albedo, cover * np.where(column, 0.8, 0.0).astype(np.float32), colours.second)
    for sign in (1, -1):
        _paint(
            albedo, 0.85 * _inside(_stripe_distance(a + sign * b, 1.0, 0.5), 0.022, footprint / wide), colours.accent
        )
    return albedo


def _floral(u: Float32Array, v: Float32Array, colours: Palette, footprint: float) -> Float32Array:
    """One five-petalled flower in each cell of a jittered grid, with leaves."""
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
        _paint(albedo, _inside(distance, petals.astype(np.float32), footprint), flower)
        _paint(albedo, _inside(distance, size * 0.30, footprint), colours.accent if layer == 0 else colours.contrast)
    return albedo


def _camouflage(u: Float32Array, v: Float32Array, colours: Palette, footprint: float) -> Float32Array:
    """Blotches in three more tones of the ground, lighter and darker, without another hue."""
    albedo = _ground(u, colours)
    tones = (mix(colours.ground, colours.contrast, 0.32), 0.45 * colours.ground, 0.16 * colours.ground + 0.01)
    for layer, (limit, colour) in enumerate(zip((0.20, 0.55, 1.05), tones, strict=True)):
        blob = smooth_noise(u, v, 0.062, 0.042, layer) + 0.40 * smooth_noise(u, v, 0.024, layer=layer + 3)
        _paint(albedo, _inside(-blob, -limit, 10 * footprint), np.asarray(colour, np.float32))
    return albedo


def _tartan(u: Float32Array, v: Float32Array, colours: Palette, footprint: float) -> Float32Array:
    """Dark sett of broad green and ink bands with single and double lines in ochre and a light thread."""
    period = 0.200
    albedo = np.broadcast_to(mix(colours.ground * np.float32(0.55), INK, 0.25), (*u.shape, 3)).astype(np.float32)
    bars = (
        (0.00, 0.066, LODEN, 0.60),
        (0.50, 0.040, INK, 0.60),
        (0.00, 0.0055, OCHRE, 0.75),
        (0.44, 0.0045, colours.contrast, 0.45),
        (0.56, 0.0045, colours.contrast, 0.45),
    )
    for centre, width, colour, opacity in bars:
        for thread in (u, v):
            _paint(albedo, opacity * _inside(_stripe_distance(thread, period, centre), width / 2, footprint), colour)
    return albedo


def _gingham(u: Float32Array, v: Float32Array, colours: Palette, footprint: float) -> Float32Array:
    """Half-dyed warp and weft: squares in two full shades and one in between."""
    period = 0.050
    albedo = _ground(u, colours)
    cover = 0.5 * sum(_inside(_stripe_distance(thread, period), period / 4, footprint) for thread in (u, v))
    _paint(albedo, np.asarray(cover, np.float32), colours.contrast)
    return albedo


def _windowpane(u: Float32Array, v: Float32Array, colours: Palette, footprint: float) -> Float32Array:
    albedo = _ground(u, colours)
    for thread, period in ((u, 0.110), (v, 0.130)):
        _paint(albedo, 0.75 * _inside(_stripe_distance(thread, period), 0.0032, footprint), colours.contrast)
    return albedo


def _pinstripe(u: Float32Array, v: Float32Array, colours: Palette, footprint: float) -> Float32Array:
    albedo = _ground(u, colours)
    _paint(albedo, 0.65 * _inside(_stripe_distance(u, 0.034), 0.0016, footprint), colours.contrast)
    return albedo


def _herringbone(u: Float32Array, v: Float32Array, colours: Palette, footprint: float) -> Float32Array:
    """Twill that reverses at every column."""
    wide, period = 0.040, 0.018
    column = np.abs(u / wide - 2 * np.round(u / (2 * wide))) * np.float32(wide)
    rib = _stripe_distance(v + column, period) - np.float32(period / 4)
    fade = np.float32(np.clip(period / 2 / footprint - 0.5, 0.30, 1))
    albedo = _ground(u, colours)
    _paint(albedo, 0.40 + 0.55 * (_inside(rib, 0.0, 1.4 * footprint) - 0.5) * fade, colours.contrast)
    return albedo


def _monogram(u: Float32Array, v: Float32Array, colours: Palette, footprint: float) -> Float32Array:
    """Rings with a dot, hollow lozenges and crosses of four drops, alternating on a slanted grid; no letters."""
    period = 0.076
    albedo = _ground(u, colours)
    cover = np.zeros_like(u)
    across, down = ([_stripe_distance(place, period, shift) for shift in (0.0, 0.5)] for place in (u, v))
    for kind, (column, row) in enumerate(((0, 0), (1, 1), (1, 0), (0, 1))):
        x, y = across[column], down[row]
        if kind == 0:
            away = np.hypot(x, y)
            glyph = np.maximum(_inside(np.abs(away - 0.0135), 0.0026, footprint), _inside(away, 0.0050, footprint))
        elif kind == 1:
            glyph = _inside(np.abs(x + y - 0.0165), 0.0036, footprint)
        else:
            drop = np.minimum(np.hypot(x - 0.0085, 2.1 * y), np.hypot(2.1 * x, y - 0.0085))
            glyph = _inside(drop, 0.0066, footprint)
        cover = np.maximum(cover, glyph)
    _paint(albedo, 0.70 * cover, mix(colours.contrast, OCHRE, 0.45))
    return albedo


def _print(u: Float32Array, v: Float32Array, colours: Palette, footprint: float) -> Float32Array:
    """Medallions that touch, as on a printed scarf, or brush strokes and leaves in all directions."""
    return (_medallions if colours.width < 0.3 else _brush_strokes)(u, v, colours, footprint)


def _brush_strokes(u: Float32Array, v: Float32Array, colours: Palette, footprint: float) -> Float32Array:
    """Leaves of uneven size and direction in two layers."""
    albedo = _ground(u, colours)
    for layer, (cell, colour) in enumerate(
        ((0.090, colours.second), (0.070, colours.contrast), (0.11, colours.accent))
    ):
        a, b = u / cell + 0.37 * layer, v / cell + 0.61 * layer
        column, row = np.floor(a), np.floor(b)
        turn = np.sin(column * 12.9898 + row * 78.233 + 3 * layer) * 43.7
        dx = (a - column - 0.5) * cell - 0.016 * np.sin(turn)
        dy = (b - row - 0.5) * cell - 0.016 * np.cos(1.7 * turn)
        along, aside = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
        long = 0.30 * cell + 0.08 * cell * np.sin(2.3 * turn)
        leaf = np.asarray(np.abs(aside) - 0.30 * long * (1 - (along / long) ** 2), np.float32)
        _paint(albedo, 0.9 * _inside(leaf, 0.0, footprint), colour)
    return albedo


def _medallions(u: Float32Array, v: Float32Array, colours: Palette, footprint: float) -> Float32Array:
    """Large medallions of lobed rings that touch."""
    period = 0.210
    albedo = _ground(u, colours)
    for shift, (outer, middle) in (
        (0.0, (colours.contrast, colours.accent)),
        (0.5, (colours.accent, colours.contrast)),
    ):
        a, b = u / period - np.float32(shift), v / period - np.float32(shift)
        x, y = (a - np.round(a)) * np.float32(period), (b - np.round(b)) * np.float32(period)
        away, lobes = np.hypot(x, y), np.cos(8 * np.arctan2(y, x))
        _paint(albedo, _inside(away, np.asarray(0.068 + 0.007 * lobes, np.float32), footprint), outer)
        _paint(albedo, _inside(np.abs(away - 0.049), 0.0045, footprint), colours.ground)
        _paint(albedo, _inside(away, np.asarray(0.036 - 0.006 * lobes, np.float32), footprint), middle)
        _paint(albedo, _inside(away, 0.013, footprint), colours.second)
    return albedo


def _colour_block(u: Float32Array, v: Float32Array, colours: Palette, footprint: float) -> Float32Array:
    """Broad horizontal fields with sharp edges."""
    height = 0.105
    place = v / np.float32(3 * height) + np.float32(0.5)
    albedo = _ground(u, colours)
    for field, colour in ((1, colours.contrast), (2, colours.accent)):
        _paint(albedo, _inside(_stripe_distance(place, 1.0, field / 3), 1 / 6, footprint / (3 * height)), colour)
    return albedo


def _leopard(u: Float32Array, v: Float32Array, colours: Palette, footprint: float) -> Float32Array:
    """Broken rings of uneven size around a darker middle."""
    albedo = _ground(u, colours)
    blob = smooth_noise(u, v, 0.020, layer=1)
    for layer, cell in enumerate((0.058, 0.058)):
        a, b = u / cell + 0.5 * layer, v / cell + 0.5 * layer + 0.21 * np.floor(u / cell + 0.5 * layer)
        column, row = np.floor(a), np.floor(b)
        turn = np.sin(column * 12.9898 + row * 78.233 + layer) * 43.7
        dx, dy = (a - column - 0.5) * cell - 0.007 * np.sin(turn), (b - row - 0.5) * cell - 0.007 * np.cos(1.7 * turn)
        away = np.asarray(np.hypot(dx, 1.2 * dy) + 0.0016 * blob, np.float32)
        gap = np.cos(2 * np.arctan2(dy, dx) + turn)
        _paint(albedo, 0.45 * _inside(away, 0.011, footprint), colours.second)
        ring = _inside(np.abs(away - 0.0125), np.asarray(0.0036 + 0.0030 * gap, np.float32), footprint)
        _paint(albedo, 0.92 * ring, colours.contrast)
    return albedo


PATTERN_FUNCTIONS: dict[str, Pattern] = {
    "plain": _plain,
    "check": _check,
    "tartan": _tartan,
    "gingham": _gingham,
    "windowpane": _windowpane,
    "houndstooth": _houndstooth,
    "herringbone": _herringbone,
    "stripes": _stripes,
    "pinstripe": _pinstripe,
    "dots": _dots,
    "argyle": _argyle,
    "floral": _floral,
    "leopard": _leopard,
    "camouflage": _camouflage,
    "monogram": _monogram,
    "print": _print,
    "colour-block": _colour_block,
}
