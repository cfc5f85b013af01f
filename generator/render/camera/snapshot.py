"""Render snapshots: a product photographed at home, on a floor, on a bed or on a hanger.

The product is shaded as in the studio, with deeper creases. A handheld camera then sees it rotated, off-centre and in
perspective, on a surface of `surfaces.py`, in uneven coloured light, slightly out of focus and noisy. Camera, surface,
light and creases depend on the shot only.
"""

import copy
import itertools
import math

import numpy as np
import numpy.typing as npt
from PIL import Image

from generator.render.camera.handheld import CLIPPED, HUNG_COATS, HUNG_TOPS, PixelMap, sample_camera
from generator.render.camera.kernels import composite_product, sample_bilinear, tone_map
from generator.render.camera.surfaces import add_neighbour, floor_surface, wall_surface
from generator.render.engine import Float32Array
from generator.render.engine.height_field import (
    TILE_SIDE,
    blur,
    resize,
    white_noise_tile,
)
from generator.render.engine.lighting import shade_window
from generator.render.engine.scene import Scene, allocate_planes
from generator.render.engine.shading import FILM_STEPS
from generator.render.engine.variation import Variation

BRIGHTEST = 2.0
"""Linear light at which the tone curve of a phone saturates."""
LIMP = HUNG_TOPS | HUNG_COATS | CLIPPED
"""Silhouettes that crease and collapse when nobody wears them."""
HUNG_SHARE = {**dict.fromkeys(HUNG_TOPS, 0.12), **dict.fromkeys(HUNG_COATS, 0.40), "dress": 0.35}
"""Share of the snapshots of a silhouette that show it on a hanger."""
FLATNESS = 0.35, 0.75
"""Height of limp clothes without a body in them, relative to the studio, where they are stuffed."""
TEXTURE_SHARE = 0.6
"""Height of the fine marks of a material of limp clothes, relative to the studio."""
SHADOW_SHARE = 0.5
"""Strength of the shadows between the panels of limp clothes, relative to the studio."""


def render_snapshot(scene: Scene) -> Image.Image:
    """Render a snapshot of a scene; return the RGB image, whose longer edge has `scene.size` pixels."""
    hung = is_hung(scene)
    colours, alpha = _shade_product(scene)
    pixel_map = sample_camera(scene, hung)
    light = (wall_surface if hung else floor_surface)(pixel_map.floor, scene.shot)
    add_neighbour(light, pixel_map.floor, scene.shot)
    if hung:
        _draw_hanger(scene, pixel_map, light)
    found = sample_bilinear(colours, alpha, pixel_map.x, pixel_map.y)
    shadow = _contact_shadow(np.ascontiguousarray(found[..., 3]), scene, hung)
    composite_product(light, found, shadow, *_sample_lighting((light.shape[0], light.shape[1]), scene.shot))
    return _develop(_blur_lens(light, scene.shot), scene.shot)


def project_mask(scene: Scene) -> Float32Array:
    """Return the coverage of each pixel of the finished image by the product (0-1), shape (height, width)."""
    pixel_map = sample_camera(scene, is_hung(scene))
    return sample_bilinear(np.zeros((*scene.alpha.shape, 3), np.float32), scene.alpha, pixel_map.x, pixel_map.y)[..., 3]


def project_parts(scene: Scene) -> tuple[Float32Array, npt.NDArray[np.uint8]]:
    """Return the coverage (0-1) and the part number at each pixel of the finished image."""
    pixel_map = sample_camera(scene, is_hung(scene))
    last = scene.side - 1
    rows, columns = (np.clip(np.rint(plane), 0, last).astype(np.intp) for plane in (pixel_map.y, pixel_map.x))
    return project_mask(scene), scene.part_ids[rows, columns]


def is_hung(scene: Scene) -> bool:
    """Return whether this shot shows the product on a hanger."""
    if scene.pose.folded:
        return False
    name = scene.appearance.silhouette
    share = HUNG_SHARE.get(name, 0.08 if name in CLIPPED else 0.0)
    return scene.shot.chance("hangs", share)


def _shade_product(scene: Scene) -> tuple[Float32Array, Float32Array]:
    """Return linear colours, shape (size, size, 3), and coverage of the creased product on its flat sheet."""
    side = scene.side
    colours, alpha = np.zeros((side, side, 3), np.float32), scene.alpha
    rows, columns = np.flatnonzero(alpha.max(axis=1) > 0), np.flatnonzero(alpha.max(axis=0) > 0)
    if not rows.size:
        return colours, alpha
    window = _padded_slice(rows, side), _padded_slice(columns, side)
    crumpled = copy.copy(scene)
    crumpled.height, crumpled.shade = allocate_planes(2, side)
    limp = scene.appearance.silhouette in LIMP
    flat = np.float32(scene.shot.uniform("flat", *FLATNESS) if limp else 1.0)
    np.multiply(flat, scene.height, out=crumpled.height)
    if scene.limpness:  # glass and metal have no creases
        crumpled.height += scene.drape.height
    crumpled.shade[:] = 1 - np.float32(SHADOW_SHARE if limp else 0.8) * (1 - scene.shade)
    colours[window] = shade_window(crumpled, window, scene.lamp, TEXTURE_SHARE if limp else 1.0)
    return colours, alpha


def _padded_slice(covered: npt.NDArray[np.int64], side: int) -> slice:
    """Return the slice of covered rows or columns with two more at each end."""
    return slice(max(int(covered[0]) - 2, 0), min(int(covered[-1]) + 3, side))


def _contact_shadow(cover: Float32Array, scene: Scene, hung: bool) -> Float32Array:
    """Return a narrow dark shadow where cloth touches the surface, and a wide soft one, both away from the light."""
    shot, lamp, size = scene.shot, scene.lamp, max(cover.shape)
    flat = math.hypot(lamp.x, lamp.y) + 1e-9
    reach = shot.uniform("shadow reach", 0.006, 0.015) * (2.2 if hung else 1.0) * size
    shadow = np.zeros_like(cover)
    strength = shot.uniform("shadow", 0.18, 0.50)
    for share, near in ((0.55 if hung else 1.0, 0.28), (0.6, 1.0)):
        right, down = (round(-near * reach * part / flat) for part in (lamp.x, lamp.y))
        soft = np.roll(blur(cover, max(0.9 * near * reach, 0.8)), (down, right), axis=(0, 1))
        shadow += np.float32(share * strength) * soft
    return np.asarray(np.clip(shadow, 0, 0.85), np.float32)


def _draw_hanger(scene: Scene, pixel_map: PixelMap, light: Float32Array) -> None:
    """Draw a hanger with its hook behind the product: shoulders of wire or wood, or a bar with two clips."""
    shot = scene.shot
    width = shot.choice("hanger width", (0.006, 0.010, 0.018)) * scene.zoom
    clips = scene.appearance.silhouette in CLIPPED
    top, sink = (-0.045, 0.0) if clips else (-0.035, 0.085)
    points = [(-0.15, top + sink), (0.0, top), (0.15, top + sink)]
    hook = [(0.0, top), (0.0, top - 0.035), (0.022, top - 0.055), (0.020, top - 0.085), (-0.004, top - 0.095)]
    hook.append((-0.022, top - 0.078))
    lines = [points, hook]
    if clips:
        lines += [[(x, top), (x, 0.02)] for x in (-0.09, 0.09)]
    distance = np.full(pixel_map.x.shape, 1e9, np.float32)
    for line in lines:
        marks = scene.to_pixels(np.array(line))
        for a, b in itertools.pairwise(marks):
            distance = np.minimum(distance, _segment_distance(pixel_map.x, pixel_map.y, a, b))
    cover = np.clip(width / 2 - distance + 0.5, 0, 1)
    tone = shot.choice("hanger", (0.02, 0.03, 0.25, 0.5))
    colour = np.array([tone, tone * shot.uniform("hanger tint", 0.7, 1.0), tone * 0.75], np.float32)
    light += cover[..., None] * (colour - light)


def _segment_distance(
    x: Float32Array, y: Float32Array, a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]
) -> Float32Array:
    """Return the distance of each point to the line segment from a to b."""
    along = (b - a).astype(np.float32)
    t = ((x - np.float32(a[0])) * along[0] + (y - np.float32(a[1])) * along[1]) / np.float32(along @ along + 1e-9)
    t = np.clip(t, 0, 1)
    return np.asarray(np.hypot(x - np.float32(a[0]) - t * along[0], y - np.float32(a[1]) - t * along[1]), np.float32)


def _sample_lighting(frame: tuple[int, int], shot: Variation) -> tuple[Float32Array, Float32Array]:
    """Return light level and colour: a window at one side, a lamp, a person's shadow, a colour cast."""
    small = 64
    t = ((np.arange(small) + 0.5) / small - 0.5).astype(np.float32)
    x, y = t[None, :], t[:, None]
    angle, fall = shot.uniform("window", 0, 2 * np.pi), shot.uniform("fall", 0.15, 1.0)
    level = 1 + fall * (np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y)
    level = level * (1 - shot.uniform("vignette", 0.0, 0.7) * (x * x + y * y))
    if shot.chance("own shadow", 0.22):
        ax, width = shot.uniform("shadow x", -0.4, 0.4), shot.uniform("shadow width", 0.15, 0.35)
        edge = np.float32(shot.uniform("shadow y", 0.0, 0.4))
        blob = np.exp(-(((x - ax) / width) ** 4)) / (1 + np.exp(-(y - edge) * 14))
        level = level * (1 - shot.uniform("shadow depth", 0.15, 0.45) * blob)
    if shot.chance("patch", 0.05):
        lean = shot.uniform("patch lean", -1.0, 1.0)
        u = (x + lean * y - shot.uniform("patch x", -0.4, 0.4)) / shot.uniform("patch width", 0.08, 0.3)
        level = level * (1 + shot.uniform("patch light", 0.3, 1.0) / (1 + np.exp(np.minimum((np.abs(u) - 1) * 9, 30))))
    warm, green = shot.uniform("warm", -0.10, 0.20), shot.uniform("green", -0.03, 0.03)
    tint = np.array([1 + 0.5 * warm, 1 + green, 1 - 0.9 * warm], np.float32)
    height, width = frame
    return resize(np.asarray(level, np.float32), width, height, Image.Resampling.BILINEAR), tint


def _blur_lens(light: Float32Array, shot: Variation) -> Float32Array:
    """Apply a slight defocus, and sometimes motion blur in one direction."""
    size = max(light.shape[:2])
    haze = shot.uniform("focus", 0.0, 0.0018) * size
    if haze >= 0.35:
        share = np.float32(min(1.0, haze))
        light = light + share * (np.stack([blur(light[..., i], haze) for i in range(3)], axis=2) - light)
    if shot.chance("shake", 0.06):
        reach = max(1, round(0.005 * size))
        axis = shot.choice("shake axis", (0, 1))
        light = (light + np.roll(light, reach, axis) + np.roll(light, -reach, axis)) / np.float32(3)
    return light


def _develop(light: Float32Array, shot: Variation) -> Image.Image:
    """Apply exposure, tone curve, sharpening and noise of a phone camera; poor light has more noise."""
    row, column = (int(shot.uniform(f"noise {axis}", 0, TILE_SIDE)) for axis in ("row", "column"))
    settings = (
        shot.uniform("exposure", 0.72, 1.15) / BRIGHTEST,
        shot.uniform("saturation", 0.90, 1.35),
        shot.uniform("sharp", 0.0, 0.6),
        0.030 * shot.uniform("poor light", 0.05, 1.0) ** 2,
    )
    return Image.fromarray(tone_map(light, _tone_curve(shot), settings, white_noise_tile(), (row, column)))


def _tone_curve(shot: Variation) -> Float32Array:
    """Return the display values (0-1) of linear light 0..BRIGHTEST.

    Shoulder above 0.75, gamma and contrast of the phone.
    """
    light = np.linspace(0, 1, FILM_STEPS) ** 2 * BRIGHTEST
    light = np.where(light < 0.75, light, 0.75 + 0.28 * (1 - np.exp((0.75 - light) / 0.28)))
    display = np.clip(light, 0, 1) ** (1 / shot.uniform("gamma", 2.0, 2.5))
    display += shot.uniform("contrast", 0.05, 0.60) * (display - 0.5) * (1 - np.abs(2 * display - 1))
    return np.asarray(display, np.float32)
