"""Light and camera: from the planes of a scene to a photograph in a white studio.

A key softbox from the upper left, a weak fill from the right, a bright ceiling; broad and tight highlights for glossy
surfaces; occlusion in hollows. Then exposure, film shoulder, sRGB, sharpening and sensor noise. Background, exposure
and noise depend on the shot alone.
"""

import functools
from dataclasses import dataclass

import numpy as np
from PIL import Image

from generator.render.canvas import Scene, Window
from generator.render.fabric import surface
from generator.render.relief import PLATE, Plane, blur, grain_plate, quilted, resized
from generator.render.variation import Variation

QUILT_PERIOD = 0.075
"""Distance between stitch lines, in units."""
_CURVE_STEPS = 8192
_CURVE_WHITE = 1.6
"""Linear light that the film still tells apart from more."""


@dataclass(frozen=True, slots=True)
class Blend:
    """The finish of all cloths at every pixel, mixed by cover."""

    height: Plane
    gloss: Plane
    sheen: Plane
    metal: Plane


def photograph(scene: Scene) -> Image.Image:
    """The finished picture, RGB, `scene.size` pixels square."""
    light = backdrop(scene)
    covered = np.flatnonzero(scene.alpha.max(axis=1) > 0), np.flatnonzero(scene.alpha.max(axis=0) > 0)
    if covered[0].size:
        rows, columns = (slice(max(c[0] - 2, 0), c[-1] + 3) for c in covered)
        part = light[rows, columns]
        part += scene.alpha[rows, columns, None] * (shaded(scene, (rows, columns)) - part)
    return _developed(light[: scene.size, : scene.size], scene.shot)


def shaded(scene: Scene, window: Window) -> Plane:
    """The linear colours of the product inside a window, its cover taken as complete."""
    height, footprint = scene.height[window], 1 / scene.zoom
    albedo, finish = _clothed(scene, window, height, footprint)
    relief = height + finish.height + scene.quilt[window] * _quilting(scene, window)
    slope_x, slope_y = _slopes(relief * np.float32(scene.zoom), scene.alpha[window])
    nz = 1 / np.sqrt(slope_x * slope_x + slope_y * slope_y + 1)
    nx, ny = -slope_x * nz, -slope_y * nz
    open_sky = _open_sky(scene, relief)
    light = _diffuse(scene.shot, nx, ny, nz, open_sky)
    highlight, mirror = _highlights(scene.shot, nx, ny, nz, finish.gloss)
    fuzz = finish.sheen * (1 - nz) * 1.1
    metal = finish.metal
    body = albedo * (light * (1 - metal) + mirror * metal + fuzz)[..., None]
    body += ((highlight * (1 - 0.3 * metal) + 0.10 * fuzz) * open_sky)[..., None]
    return np.asarray(body * np.clip(scene.shade[window], 0.06, 1)[..., None], np.float32)


def backdrop(scene: Scene) -> Plane:
    """Seamless paper, a little uneven, with the shadow of the product."""
    shot, side = scene.shot, scene.side
    t = (np.arange(side, dtype=np.float32) + 0.5) / side - 0.5
    level = shot.between("paper", 0.76, 0.87)
    tilt_x, tilt_y = shot.between("tilt x", -0.05, 0.05), shot.between("tilt y", -0.02, 0.06)
    falloff = 1 - 0.16 * (t[None, :] ** 2 + t[:, None] ** 2) - tilt_x * t[None, :] - tilt_y * t[:, None]
    tint = 1 + 0.008 * np.array([shot.between("warm", -1, 1), 0, -shot.between("warm", -1, 1)], np.float32)
    return np.asarray((level * falloff * _shadow(scene))[..., None] * tint, np.float32)


def _shadow(scene: Scene) -> Plane:
    cell, side = scene.cell, scene.side
    alpha = resized(scene.alpha, side // cell, side // cell, Image.Resampling.BOX)
    unit = side // cell
    if scene.floor is None:
        soft = blur(alpha, 0.017 * unit)
        down, right = max(1, round(0.012 * unit)), max(1, round(0.007 * unit))
        moved = np.zeros_like(soft)
        moved[down:, right:] = soft[:-down, :-right]
        return 1 - np.float32(0.32) * np.clip(resized(moved, side, side), 0, 1)
    x0, x1, y = (value / cell for value in scene.floor)
    rows, columns = np.arange(unit, dtype=np.float32)[:, None], np.arange(unit, dtype=np.float32)[None, :]
    across = np.clip(np.abs(columns - (x0 + x1) / 2) / ((x1 - x0) / 2 + 1e-6), 0, 3)
    shadow = np.zeros((unit, unit), np.float32)
    for strength, reach in ((0.55, 0.012), (0.30, 0.045)):
        shadow += strength * np.exp(-(((rows - y) / (reach * unit)) ** 2)) * np.exp(-(across**6)) * 0.8
    return np.asarray(1 - np.clip(resized(shadow, side, side), 0, 0.8), np.float32)


def _clothed(scene: Scene, window: Window, height: Plane, footprint: float) -> tuple[Plane, Blend]:
    """Albedo and finish of all cloths, mixed by how much of each pixel they cover."""
    shape = height.shape
    albedo = np.zeros((*shape, 3), np.float32)
    planes = {name: np.zeros(shape, np.float32) for name in ("height", "gloss", "sheen", "metal")}
    total = np.full(shape, 1e-4, np.float32)
    for name, cover in scene.cover.items():
        weight = cover[window]
        rows, columns = np.flatnonzero(weight.max(axis=1)), np.flatnonzero(weight.max(axis=0))
        if not rows.size:
            continue
        part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        u, v = scene.u[window][part], scene.v[window][part]
        look = surface(scene.cloths[name], u, v, footprint)
        share = weight[part]
        total[part] += share
        albedo[part] += share[..., None] * look.albedo
        planes["height"][part] += share * look.finish.height
        for effect in ("gloss", "sheen", "metal"):
            if getattr(look.finish, effect):
                planes[effect][part] += share * np.float32(getattr(look.finish, effect))
    albedo /= total[..., None]
    gloss, sheen, metal = (planes[effect] / total for effect in ("gloss", "sheen", "metal"))
    return albedo, Blend(planes["height"], gloss, sheen, metal)


def _quilting(scene: Scene, window: Window) -> Plane:
    style = scene.appearance.quilting
    if style == "none":
        return np.zeros_like(scene.u[window])
    return quilted(style, scene.u[window], scene.v[window], QUILT_PERIOD)


def _slopes(relief: Plane, alpha: Plane) -> tuple[Plane, Plane]:
    """Slopes along x and y, bounded near 1.5; the drop from the outline to the paper does not count."""
    slope_y, slope_x = np.gradient(relief)
    solid = alpha.copy()
    solid[1:-1, 1:-1] = np.minimum(
        np.minimum(alpha[:-2, 1:-1], alpha[2:, 1:-1]), np.minimum(alpha[1:-1, :-2], alpha[1:-1, 2:])
    )
    bound = (0.3 + 0.7 * solid) / np.sqrt(1 + (slope_x * slope_x + slope_y * slope_y) * np.float32(0.45))
    return slope_x * bound, slope_y * bound


def _open_sky(scene: Scene, relief: Plane) -> Plane:
    """1 in the open, less in hollows: how far a point lies below its surroundings."""
    unit, cell = scene.zoom, scene.cell
    rows, columns = relief.shape
    coarse = resized(relief, max(2, columns // cell), max(2, rows // cell), Image.Resampling.BOX)
    depth = (blur(coarse, 0.022 * unit / cell) - coarse) / 0.022 + (blur(coarse, 0.008 * unit / cell) - coarse) / 0.012
    return np.asarray(np.clip(1 - 0.9 * resized(depth, columns, rows), 0.35, 1.08), np.float32)


def _diffuse(shot: Variation, nx: Plane, ny: Plane, nz: Plane, open_sky: Plane) -> Plane:
    """Irradiance; 1 on cloth that faces the camera in the open."""
    key_x, key_y = shot.between("key x", -0.62, -0.38), shot.between("key y", -0.68, -0.48)
    key_z = np.sqrt(1 - key_x**2 - key_y**2)
    key = np.clip(nx * key_x + ny * key_y + nz * key_z + 0.12, 0, None)
    fill = np.clip(0.75 * nx - 0.10 * ny + 0.65 * nz + 0.2, 0, None)
    ceiling = 0.5 - 0.5 * ny
    light = key * (0.74 / (key_z + 0.12)) * (0.4 + 0.6 * open_sky) + (0.12 * fill + 0.24 * ceiling) * open_sky
    return np.asarray(light, np.float32)


def _highlights(shot: Variation, nx: Plane, ny: Plane, nz: Plane, gloss: Plane) -> tuple[Plane, Plane]:
    """White reflections of the softboxes on gloss, and the studio that a metal mirrors."""
    lean = shot.between("softbox", -0.05, 0.05)
    first = nx * (-0.26 + lean) - 0.34 * ny + 0.90 * nz
    second = 0.42 * nx + 0.06 * ny + 0.905 * nz
    sharp = 8 + 95 * gloss * gloss
    broad = np.exp(sharp * 0.35 * (first - 1)) * 0.28 + np.exp(sharp * (first - 1)) * 0.62
    highlight = gloss * (broad + 0.30 * np.exp(sharp * (second - 1)))
    mirror = 0.42 + 0.42 * np.sin(5.5 * ny - 2.2 * nx + 2.0) ** 2 + 0.9 * np.exp(26 * (first - 1))
    return np.asarray(highlight * 0.62, np.float32), np.asarray(mirror, np.float32)


@functools.cache
def _film() -> Plane:
    """Display value (0..1) of linear light 0.._CURVE_WHITE: shoulder above 0.8, sRGB curve, a mild S for contrast."""
    light = np.linspace(0, 1, _CURVE_STEPS) ** 2 * _CURVE_WHITE
    light = np.where(light < 0.8, light, 0.8 + 0.2 * (1 - np.exp(-(light - 0.8) / 0.2)))
    srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)
    return np.asarray(255 * (srgb + 0.05 * (srgb - 0.5) * (1 - np.abs(2 * srgb - 1))), np.float32)


def _developed(light: Plane, shot: Variation) -> Image.Image:
    size = light.shape[0]
    exposure = np.float32(shot.between("exposure", 0.97, 1.03) / _CURVE_WHITE)
    index = np.sqrt(np.clip(light * exposure, 0, 1)) * np.float32(_CURVE_STEPS - 1)
    print_ = _film()[index.astype(np.int32)]
    luma = np.float32(0.30) * print_[..., 0] + np.float32(0.59) * print_[..., 1] + np.float32(0.11) * print_[..., 2]
    around = luma.copy()
    around[1:-1, 1:-1] = 0.25 * (luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:])
    extra = np.float32(0.35) * (luma - around) + _noise(size, shot)
    return Image.fromarray(np.clip(print_ + extra[..., None] + 0.5, 0, 255).astype(np.uint8))


def _noise(size: int, shot: Variation) -> Plane:
    """Sensor noise of about one level, cut from the grain plate at a place that the shot picks."""
    start = shot.generator("noise").integers(0, PLATE, 2)
    rows, columns = (np.arange(size) + start[0]) % PLATE, (np.arange(size) + start[1]) % PLATE
    return np.float32(0.9) * grain_plate()[np.ix_(rows, columns)]
