"""Surfaces behind products in snapshots: floors, cloths, blankets and walls.

A surface is a function of points on the floor (units; a coat is about 0.9 high) that returns linear colours as seen
from straight above. The camera distorts the points, not the texture. All variation comes from the shot.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from generator.render.engine import Float32Array
from generator.render.engine.colour import Colour, linear, mix, palette
from generator.render.engine.height_field import smooth_noise, white_noise
from generator.render.engine.patterns import pattern_colours
from generator.render.engine.variation import Variation

WOODS = ("#b98d5a", "#c9a26d", "#a3794d", "#8f6a45", "#5b3f2c", "#a9a39a", "#cfc4b4", "#8c8178", "#7c6f66", "#b5854a")
STONES = ("#d9d2c5", "#c7bca9", "#b0a89c", "#e4e0d8", "#8d8881", "#b98f6c", "#a37b5f")
RUGS = ("#cfc9c0", "#a9a39b", "#6f625a", "#4a3b34", "#7b2226", "#8a7f5f", "#3d4756", "#bcae95")
LINENS = (
    *("#e9e6e1", "#e4e0d9", "#d8cfc0", "#f0ede8", "#ece4d4", "#d9d4cb", "#c3beb6", "#b9b1a4", "#a3a6aa"),
    *("#8a1f3d", "#b3202a", "#7d2440", "#d9a9ae", "#1d1d22", "#27303f", "#6f6258", "#8b99a8"),
)
"""Sheets and covers: white and cream above all, a few deep reds and darks."""
WALLS = ("#e6e1d8", "#d6d2cc", "#c9c5be", "#e9dfc6", "#d9c7a8", "#bfc8c9", "#dcd3d0", "#b7b4b0")


class FloorPoints(NamedTuple):
    """The points on the floor that the pixels see."""

    x: Float32Array
    y: Float32Array
    pixel: float
    """Width of a pixel, in units."""


def floor_surface(spot: FloorPoints, shot: Variation) -> Float32Array:
    """Return the colours of a floor, rug, sheet or blanket, shape (h, w, 3)."""
    kinds = (*("planks",) * 6, *("linen",) * 7, *("tiles",) * 3, *("rug",) * 3, "board", "blanket")
    return SURFACES[shot.choice("surface", kinds)](spot, shot)


def wall_surface(spot: FloorPoints, shot: Variation) -> Float32Array:
    """Return the colours of a wall, wallpaper, door or wardrobe, shape (h, w, 3)."""
    return SURFACES[shot.choice("surface", ("wall", "wall", "wall", "wall", "door"))](spot, shot)


def add_neighbour(albedo: Float32Array, spot: FloorPoints, shot: Variation) -> None:
    """Show what is next to the surface at one side of some frames, in place: skirting, the edge of a bed, a door."""
    if not shot.chance("neighbour", 0.40):
        return
    height, width = albedo.shape[:2]
    side, lean = shot.choice("neighbour side", (0, 1, 2, 3)), shot.uniform("neighbour lean", -0.12, 0.12)
    x = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None, :]
    y = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None]
    across, along = ((x, y), (-x, y), (y, x), (-y, x))[side]
    edge = 0.5 - shot.uniform("neighbour share", 0.03, 0.20)
    away = (across + np.float32(lean) * along - np.float32(edge)) * np.float32(height if side > 1 else width)
    colour = _sample_colour(shot, shot.choice("neighbour codes", (WALLS, WOODS, RUGS, LINENS)), "neighbour colour")
    rough = 1 + np.float32(shot.uniform("neighbour rough", 0.02, 0.20)) * smooth_noise(spot.x, spot.y, 0.06, layer=8)
    cover = np.clip(away + np.float32(0.5), 0, 1)[..., None]
    albedo += cover * (colour * rough[..., None] - albedo)
    gap = np.float32(shot.uniform("neighbour gap", 0.0, 0.8)) * np.exp(-((away / np.float32(0.012 * height)) ** 2))
    albedo *= (1 - gap)[..., None]


def _sample_colour(shot: Variation, codes: tuple[str, ...], name: str = "surface colour") -> Colour:
    """Sample one of the colours, slightly lighter or darker and warmer or colder."""
    colour = linear(shot.choice(name, codes)) * np.float32(shot.uniform(f"{name} level", 0.75, 1.2))
    tint = shot.uniform(f"{name} tint", -0.06, 0.06)
    return np.asarray(np.clip(colour * np.array([1 + tint, 1, 1 - tint]), 0.008, 0.92), np.float32)


def _hash_noise(row: Float32Array, column: Float32Array | float, salt: float) -> Float32Array:
    """Return a number in 0..1 for each plank or tile."""
    wild = np.sin(row * 12.9898 + column * 78.233 + salt) * 43758.547
    return np.asarray(wild - np.floor(wild), np.float32)


def _line_mask(t: Float32Array, half_width: float, pixel: float) -> Float32Array:
    """Return 1 on lines at integer t; `half_width` is in the units of t, `pixel` the size of a pixel in them."""
    return np.asarray(np.clip((half_width - np.abs(t - np.round(t))) / (pixel + 1e-6) + 0.5, 0, 1), np.float32)


def _planks(spot: FloorPoints, shot: Variation) -> Float32Array:
    """Wooden boards of random tone, end to end or as parquet."""
    wide, long = shot.uniform("plank", 0.07, 0.19), shot.uniform("plank length", 0.5, 1.5)
    row = np.floor(spot.y / wide)
    along = spot.x / long + _hash_noise(row, 0.0, 1.0)
    tone = _hash_noise(row, np.floor(along), 2.0)
    place = spot.x + 3 * tone
    grain = smooth_noise(spot.y + 2 * tone, place, 0.018, 0.35) + 0.6 * smooth_noise(spot.y, place, 0.05, 0.5, 2)
    level = 1 + shot.uniform("plank tones", 0.04, 0.24) * (tone - 0.5) * 2 + shot.uniform("grain", 0.03, 0.12) * grain
    gap = np.maximum(
        _line_mask(spot.y / wide, 0.0022 / wide, spot.pixel / wide), _line_mask(along, 0.0018 / long, spot.pixel / long)
    )
    level *= 1 - shot.uniform("gap", 0.25, 0.7) * gap
    return np.asarray(_sample_colour(shot, WOODS) * np.clip(level, 0.1, 2)[..., None], np.float32)


def _tiles(spot: FloorPoints, shot: Variation) -> Float32Array:
    """Square stone or ceramic tiles with joints; some floors have small inlays where four meet."""
    side = shot.uniform("tile", 0.22, 0.5)
    a, b = spot.x / side, spot.y / side
    tone = _hash_noise(np.floor(a), np.floor(b), 3.0)
    cloud = smooth_noise(spot.x + tone, spot.y, 0.12) + 0.5 * smooth_noise(spot.x, spot.y, 0.03)
    level = 1 + 0.05 * (tone - 0.5) + shot.uniform("marbling", 0.01, 0.09) * cloud
    colour = _sample_colour(shot, STONES)
    albedo = colour * level[..., None]
    joint = np.maximum(_line_mask(a, 0.006, spot.pixel / side), _line_mask(b, 0.006, spot.pixel / side))
    if shot.chance("inlay", 0.25):
        joint = np.maximum(joint, np.clip((0.16 - np.abs(a - np.round(a)) - np.abs(b - np.round(b))) * 30, 0, 1))
    dark = colour * np.float32(shot.uniform("joint", 0.15, 0.6))
    return np.asarray(albedo + joint[..., None] * (dark - albedo), np.float32)


def _rug(spot: FloorPoints, shot: Variation) -> Float32Array:
    """Carpet of yarn piles in one colour, or with large ornaments in two more."""
    albedo = np.broadcast_to(_sample_colour(shot, RUGS), (*spot.x.shape, 3)).astype(np.float32)
    if shot.chance("ornament", 0.5):
        albedo = _ornament(spot, shot, _sample_colour(shot, RUGS))
    pile = shot.uniform("pile", 0.004, 0.012)
    fluff = smooth_noise(spot.x, spot.y, pile) + 0.7 * smooth_noise(spot.x, spot.y, 2.3 * pile, layer=1)
    fluff = fluff + 0.5 * white_noise(spot.x, spot.y, max(0.004, spot.pixel))
    level = np.clip(1 + shot.uniform("shag", 0.04, 0.13) * fluff, 0.25, 1.9)
    return np.asarray(albedo * level[..., None], np.float32)


def _ornament(spot: FloorPoints, shot: Variation, ground: Colour) -> Float32Array:
    """Woven ornament of a carpet: small curls in two tones near the ground, blurred by the pile."""
    scale = shot.uniform("motif", 0.035, 0.08)
    bend_x = smooth_noise(spot.x, spot.y, 2.2 * scale, layer=3) * np.float32(0.5 * scale)
    bend_y = smooth_noise(spot.x, spot.y, 2.2 * scale, layer=4) * np.float32(0.5 * scale)
    curl = np.abs(smooth_noise(spot.x + bend_x, spot.y + bend_y, scale, layer=5))
    field = smooth_noise(spot.x, spot.y, 4 * scale, layer=6)
    albedo = np.broadcast_to(ground, (*spot.x.shape, 3)).astype(np.float32)
    second = mix(ground, _sample_colour(shot, RUGS, "ornament"), shot.uniform("ornament share", 0.2, 0.55))
    albedo += np.clip((0.35 - curl) * 4, 0, 1)[..., None] * (second - albedo)
    albedo += 0.5 * np.clip((field - 0.6) * 5, 0, 1)[..., None] * (mix(second, ground, 0.5) - albedo)
    return albedo


def _linen(spot: FloorPoints, shot: Variation) -> Float32Array:
    """Sheet, towel or sofa cover in one colour, with soft folds."""
    return np.asarray(_sample_colour(shot, LINENS) * _folds(spot, shot)[..., None], np.float32)


def _blanket(spot: FloorPoints, shot: Variation) -> Float32Array:
    """Printed or woven cover with folds: a small pattern in tones near the ground."""
    ground = _sample_colour(shot, LINENS + RUGS)
    scale = np.float32(1 / shot.uniform("print size", 0.7, 1.8))
    name = shot.choice("print", ("floral", "stripes", "check", "dots", "windowpane", "gingham"))
    printed = pattern_colours(name, spot.x * scale, spot.y * scale, palette(ground), spot.pixel * float(scale))
    albedo = ground + np.float32(shot.uniform("print strength", 0.25, 0.7)) * (printed - ground)
    return np.asarray(albedo * _folds(spot, shot)[..., None], np.float32)


def _folds(spot: FloorPoints, shot: Variation) -> Float32Array:
    """Return the light on the folds of a cloth: bright towards the light, dark on the other side."""
    angle, depth = shot.uniform("fold angle", 0, np.pi), shot.uniform("fold depth", 0.02, 0.16)
    u = spot.x * np.float32(np.cos(angle)) + spot.y * np.float32(np.sin(angle))
    v = spot.y * np.float32(np.cos(angle)) - spot.x * np.float32(np.sin(angle))
    light = (
        smooth_noise(u, v, 0.10, 0.45)
        + 0.7 * smooth_noise(u, v, 0.22, 0.30, 1)
        + 0.35 * smooth_noise(v, u, 0.05, 0.25, 2)
    )
    fine = 0.015 * white_noise(u, v, max(0.004, spot.pixel))
    return np.asarray(np.clip(1 + depth * light + fine, 0.3, 1.5), np.float32)


def _board(spot: FloorPoints, shot: Variation) -> Float32Array:
    """Smooth table, shelf or plain floor."""
    cloud = 0.02 * smooth_noise(spot.x, spot.y, 0.4) + 0.012 * white_noise(spot.x, spot.y, max(0.004, spot.pixel))
    return np.asarray(_sample_colour(shot, WALLS) * (1 + cloud)[..., None], np.float32)


def _wall(spot: FloorPoints, shot: Variation) -> Float32Array:
    """Painted plaster."""
    cloud = 0.012 * smooth_noise(spot.x, spot.y, 0.3) + 0.010 * white_noise(spot.x, spot.y, max(0.006, spot.pixel))
    return np.asarray(_sample_colour(shot, WALLS) * (1 + cloud)[..., None], np.float32)


def _door(spot: FloorPoints, shot: Variation) -> Float32Array:
    """Door or wardrobe: vertical boards with a groove, painted or wooden."""
    codes = WALLS if shot.chance("painted", 0.5) else WOODS
    wide = shot.uniform("board", 0.35, 0.8)
    t = spot.x / wide + shot.uniform("board place", 0, 1)
    grain = smooth_noise(spot.x, spot.y, 0.020, 0.5) * (0.02 if codes is WALLS else 0.09)
    groove = _line_mask(t, 0.006 / wide, spot.pixel / wide) + 0.3 * _line_mask(t, 0.05, spot.pixel / wide)
    level = (1 + grain) * (1 - 0.55 * np.clip(groove, 0, 1))
    return np.asarray(_sample_colour(shot, codes) * level[..., None], np.float32)


SURFACES: dict[str, Callable[[FloorPoints, Variation], Float32Array]] = {
    "planks": _planks,
    "tiles": _tiles,
    "rug": _rug,
    "linen": _linen,
    "blanket": _blanket,
    "board": _board,
    "wall": _wall,
    "door": _door,
}
