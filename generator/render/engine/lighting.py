"""Studio lighting: from the planes of a scene to an RGB image.

A key softbox, a weak fill light opposite to it, light from all around (`lamps.py`); broad and tight highlights for
glossy surfaces; ambient occlusion. Then exposure, tone curve, sRGB, sharpening and sensor noise. Background, light,
exposure and noise depend on the shot only.
"""

import functools
import math

import numpy as np
from PIL import Image

from generator.render.engine import Float32Array
from generator.render.engine.height_field import TILE_SIDE, quilt_height, white_noise_tile
from generator.render.engine.kernels import downsample, gather_threads, gaussian_blur, upsample
from generator.render.engine.lamps import Lamp, choose_studio
from generator.render.engine.materials import evaluate_surface
from generator.render.engine.scene import Scene, Window
from generator.render.engine.shading import (
    FILM_STEPS,
    accumulate_surface,
    composite,
    gather_cloth,
    shade_backdrop,
    shade_pixels,
    tone_map,
)
from generator.render.engine.variation import Variation

THREAD_SHIFT, THREAD_SMOOTHING = 0.026, 0.006
"""Shift of the threads per unit of slope, and the width of the folds that move them, in units."""
JUMP = 1.2
"""Change of the slope of a solid body from one pixel to the next above which one belongs to a nearer part."""
QUILT_PERIOD = 0.075
"""Distance between stitch lines, in units."""
_CURVE_WHITE = 1.6
"""Linear light at which the tone curve saturates."""


def shade(scene: Scene) -> Image.Image:
    """Shade a scene; return the RGB image, `scene.size` pixels square."""
    return develop_film(render_light(scene), scene.shot)


def render_light(scene: Scene) -> Float32Array:
    """Return the linear light at the camera, shape (size, size, 3)."""
    light = render_backdrop(scene)
    covered = np.flatnonzero(scene.alpha.max(axis=1) > 0), np.flatnonzero(scene.alpha.max(axis=0) > 0)
    if covered[0].size:
        rows, columns = (slice(max(int(c[0]) - 2, 0), int(c[-1]) + 3) for c in covered)
        window = rows, columns
        composite(light[window], shade_window(scene, window, scene.lamp), scene.alpha[window])
    return light


def shade_window(scene: Scene, window: Window, lamp: Lamp, texture_share: float = 1.0) -> Float32Array:
    """Return the linear colours of the product in a window, as if it covered them fully; 0 where there is none.

    `texture_share` flattens the fine heights of the materials.
    """
    u, v = scene.u[window].copy(), scene.v[window].copy()
    if scene.cloths["main"].pattern != "plain":
        alpha, smooth = np.ascontiguousarray(scene.alpha[window]), THREAD_SMOOTHING * scene.zoom
        relief, cover = (gaussian_blur(plane, smooth, 0.0, 0.0) for plane in (alpha * scene.height[window], alpha))
        gather_threads(u, v, relief, cover, (float(scene.zoom), THREAD_SHIFT))
    look = _evaluate_materials(scene, window, u, v)
    relief = scene.height[window] + np.float32(texture_share) * look[..., 3]
    if scene.appearance.quilting != "none":
        relief += scene.padding[window] * quilt_height(
            scene.appearance.quilting, scene.u[window], scene.v[window], QUILT_PERIOD
        )
    relief *= np.float32(scene.zoom)
    colours = np.zeros((*relief.shape, 3), np.float32)
    jump = JUMP if scene.solid else math.inf
    depth = _occlusion_depth(relief, scene.zoom, scene.cell)
    shade_pixels(relief, scene.alpha[window], scene.shade[window], depth, look, lamp.as_row(), jump, colours)
    return colours


def render_backdrop(scene: Scene) -> Float32Array:
    """Return the linear light of the paper behind the product, slightly uneven, with the shadow of the product."""
    shot, size, studio = scene.shot, scene.size, choose_studio(scene.shot)
    light = np.empty((size, size, 3), np.float32)
    tilt = tuple(
        studio.falloff * shot.uniform(f"tilt {axis}", *ends)
        for axis, ends in (("x", (-0.08, 0.08)), ("y", (-0.03, 0.09)))
    )
    low, high = studio.paper
    level = low + (high - low) * shot.uniform("paper", 0.0, 1.0)
    shade_backdrop(
        light, *_backdrop_shadow(scene), level, (tilt[0], tilt[1]), studio.warm + 0.008 * shot.uniform("warm", -1, 1)
    )
    return light


def _backdrop_shadow(scene: Scene) -> tuple[Float32Array, float]:
    """Return the shadow mask on the backdrop (0-1) and its strength: narrow and dark at the edge, and wide and soft."""
    size = scene.size
    right, down = scene.lamp.shadow_direction
    if scene.ground is not None:
        near, far = (
            gaussian_blur(scene.ground, reach * size, 0.7 * down * reach * size, 0.7 * right * reach * size)
            for reach in (0.010, 0.035)
        )
        return np.asarray(0.30 * near + 0.40 * far, np.float32), 1.0
    if scene.floor is None:
        reach = (1.5 if scene.pose.folded else 1.0) * scene.shot.uniform("shadow reach", 0.7, 1.4) * size
        alpha = np.ascontiguousarray(scene.alpha)
        near = gaussian_blur(alpha, 0.0038 * reach, 0.0040 * down * reach, 0.0040 * right * reach)
        far = gaussian_blur(alpha, 0.016 * reach, 0.012 * down * reach, 0.012 * right * reach)
        near += np.float32(0.55) * far
        return near, 0.9 * choose_studio(scene.shot).shadow
    x0, x1, y = scene.floor
    t = np.arange(size, dtype=np.float32) + np.float32(0.5)
    across = np.clip(np.abs(t - (x0 + x1) / 2) / ((x1 - x0) / 2 + 1e-6), 0, 3)
    down = sum(
        strength * np.exp(-(((t - y) / (reach * size)) ** 2)) for strength, reach in ((0.55, 0.012), (0.30, 0.045))
    )
    return np.asarray(0.95 * np.outer(down, np.exp(-(across**6))), np.float32), 1.0


def _evaluate_materials(scene: Scene, window: Window, u: Float32Array, v: Float32Array) -> Float32Array:
    """Return red, green, blue, height, gloss, sheen, metal, focus and brush of each pixel of a window, (h, w, 9)."""
    top, under = (np.ascontiguousarray(plane[window]).ravel() for plane in (scene.top_cloth, scene.second_cloth))
    share, u, v = np.ascontiguousarray(scene.top_share[window]).ravel(), u.ravel(), v.ravel()
    look = np.zeros((top.size, 9), np.float32)
    places, found = np.empty(top.size, np.int64), np.empty((3, top.size), np.float32)
    num_cloths = len(scene.cloth_names)
    used = np.bincount(top, minlength=num_cloths + 1) + np.bincount(under, minlength=num_cloths + 1)
    for label in (np.flatnonzero(used[1:]) + 1).tolist():
        count = gather_cloth(label, (top, under), share, (u, v), places, found)
        index = places[:count]
        weight, cloth_u, cloth_v = (row[:count] for row in found)
        made = evaluate_surface(scene.cloths[scene.cloth_names[label - 1]], cloth_u, cloth_v, 1 / scene.zoom)
        finish = made.finish
        height = np.asarray(np.broadcast_to(finish.height, index.shape), np.float32)
        effects = float(finish.gloss), float(finish.sheen), float(finish.metal), finish.tightness, float(finish.brush)
        accumulate_surface(index, weight, made.albedo, np.ascontiguousarray(height), effects, look)
    return look.reshape(*scene.top_cloth[window].shape, 9)


def _occlusion_depth(relief: Float32Array, zoom: float, cell: int) -> Float32Array:
    """Return how far a point is below its near and far surroundings, on a coarse grid; 0 on a plane."""
    height, width = relief.shape
    small = downsample(relief, cell)
    unit = zoom / cell
    far, near = gaussian_blur(small, 0.022 * unit, 0.0, 0.0), gaussian_blur(small, 0.008 * unit, 0.0, 0.0)
    hollow = ((far - small) / np.float32(0.022 * zoom) + (near - small) / np.float32(0.012 * zoom)).astype(np.float32)
    return upsample(hollow, cell, height, width, 0.0, 0.0)


@functools.cache
def _film_curve() -> Float32Array:
    """Return the display values (0-1) of linear light 0.._CURVE_WHITE: shoulder above 0.8, sRGB, slight contrast."""
    light = np.linspace(0, 1, FILM_STEPS) ** 2 * _CURVE_WHITE
    light = np.where(light < 0.8, light, 0.8 + 0.2 * (1 - np.exp(-(light - 0.8) / 0.2)))
    srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)
    return np.asarray(255 * (srgb + 0.05 * (srgb - 0.5) * (1 - np.abs(2 * srgb - 1))), np.float32)


def develop_film(light: Float32Array, shot: Variation) -> Image.Image:
    """Apply exposure, tone curve, sharpening and sensor noise of about one level; the shot selects the noise."""
    exposure = shot.uniform("exposure", 0.97, 1.03) / _CURVE_WHITE
    row, column = (int(shot.uniform(f"noise {axis}", 0, TILE_SIDE)) for axis in ("row", "column"))
    return Image.fromarray(tone_map(light, exposure, _film_curve(), white_noise_tile(), (row, column)))
