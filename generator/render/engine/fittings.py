"""Draw fittings and small parts: buttons, rings, buckles, zips, straps, pockets.

A fitting of the cloth `fitting` is metal where the appearance asks for silver or gold, otherwise horn. Sizes are in
garment units.
"""

import math

import numpy as np

from generator.render.engine import Float32Array
from generator.render.engine.curves import Curve, Point, box, interpolate, outline, ribbon
from generator.render.engine.scene import Scene, Window
from schemas.appearance import ANY


def choose_usual_cut(scene: Scene, name: str, usual: str, share: float) -> str:
    """Return the value of a cut; where the design may choose, `usual` has the probability `share`."""
    asked = getattr(scene.appearance, name) != ANY
    return usual if not asked and scene.design.chance(f"{name} as usual", share) else scene.choose_cut(name)


def _local_distances(
    scene: Scene, x: float, y: float, reach: float
) -> tuple[Window, Float32Array, Float32Array] | None:
    """Return the window around a point and the distances to it along x and y (units), or None outside the image."""
    window = scene.window_at(x, y, reach)
    return None if window is None else (window, scene.x[window] - np.float32(x), scene.y[window] - np.float32(y))


def draw_button(scene: Scene, x: float, y: float, radius: float = 0.012, cloth: str = "fitting") -> None:
    """Draw a round button with a raised rim and four holes; below about 3 pixels the holes are one dark dot."""
    place = _local_distances(scene, x, y, 1.9 * radius)
    if place is None:
        return
    window, dx, dy = place
    distance = np.hypot(dx, dy) / radius
    below = np.hypot(dx - 0.25 * radius, dy - 0.45 * radius) / radius
    scene.shade[window] *= 1 - 0.5 * np.clip(1.7 - below, 0, 0.7) / 0.7
    mask = np.clip((1 - distance) * radius * scene.zoom + 0.5, 0, 1)
    rim = np.exp(-(((distance - 0.78) / 0.20) ** 2)) + 0.55 * np.clip(1 - distance, 0, 1)
    scene.add_stamp(window, np.asarray(mask, np.float32), np.asarray(0.45 * radius * rim, np.float32), cloth)
    holes = np.zeros_like(dx)
    for angle in (0.785, 2.356, 3.927, 5.498):
        away = np.hypot(dx - 0.26 * radius * math.cos(angle), dy - 0.26 * radius * math.sin(angle))
        holes = np.maximum(holes, np.exp(-((away / (0.15 * radius)) ** 2)))
    scene.shade[window] *= 1 - 0.7 * holes * mask


def draw_ring(
    scene: Scene, x: float, y: float, rx: float, ry: float, width: float, cloth: str = "fitting", power: float = 2.0
) -> None:
    """Draw a closed loop of round wire; a power above 2 makes it squarer, like the frame of a buckle."""
    place = _local_distances(scene, x, y, 1.25 * max(rx, ry) + width)
    if place is None:
        return
    window, dx, dy = place
    scene.shade[window] *= (
        1 - 0.4 * _wire_profile(dx - 0.3 * width, dy - 0.5 * width, rx, ry, 1.6 * width, power, scene.zoom)[0]
    )
    mask, profile = _wire_profile(dx, dy, rx, ry, width, power, scene.zoom)
    scene.add_stamp(window, mask, (0.55 * width * profile).astype(np.float32), cloth)


def _wire_profile(
    dx: Float32Array, dy: Float32Array, rx: float, ry: float, width: float, power: float, zoom: float
) -> tuple[Float32Array, Float32Array]:
    """Return mask and round height profile of a wire along the superellipse |x/rx|^p + |y/ry|^p = 1."""
    level = (np.abs(dx / rx) ** power + np.abs(dy / ry) ** power) ** (1 / power)
    away = np.abs(level - 1) * min(rx, ry)
    mask = np.clip((width / 2 - away) * zoom + 0.5, 0, 1)
    return mask, np.sqrt(np.clip(1 - (2 * away / width) ** 2, 0, 1))


def draw_buckle(scene: Scene, x: float, y: float, rx: float, ry: float, width: float) -> None:
    """Draw a squared frame with a prong across it."""
    draw_ring(scene, x, y, rx, ry, width, power=5.0)
    bar = box(x - rx, y - 0.40 * width, x + 0.35 * rx, y + 0.40 * width, 0.3 * width)
    scene.add_overlay(bar, "fitting", puff=0.004, soft=0.4 * width, shadow=0.3, clip=False)


def draw_plate(scene: Scene, x: float, y: float, half_width: float, half_height: float, cloth: str = "fitting") -> None:
    """Draw a domed plaque with rounded corners."""
    shape = box(x - half_width, y - half_height, x + half_width, y + half_height, 0.5 * min(half_width, half_height))
    scene.add_overlay(shape, cloth, puff=0.004, soft=0.25 * half_height, clip=False)


def draw_zipper(scene: Scene, curve: Curve, *, width: float = 0.020, pull: bool = True) -> None:
    """Draw tape, teeth and puller along a curve; the puller hangs from the first point."""
    scene.add_overlay(ribbon(curve, 2.0 * width), "tape", puff=0.002, shadow=0.3)
    scene.add_overlay(ribbon(curve, width), "teeth", puff=0.004, soft=0.35 * width, shadow=0.0)
    if pull:
        x, y = interpolate(curve[0], curve[1], 0.10)
        draw_ring(scene, x, y + 1.1 * width, 0.55 * width, 1.1 * width, 0.45 * width)


def draw_strap(scene: Scene, curve: Curve, width: float, cloth: str = "main", *, clip: bool = False) -> None:
    """Draw a flat band of cloth along a curve, on top of what is below."""
    scene.add_overlay(ribbon(curve, width), cloth, soft=0.3 * width, shadow=0.5, clip=clip, part="strap")


def draw_patch_pocket(scene: Scene, x0: float, y0: float, x1: float, y1: float, cloth: str = "main") -> None:
    """Draw a sewn-on pocket with a pointed bottom."""
    tip, middle = 0.15 * (y1 - y0), (x0 + x1) / 2
    shape = outline([(x0, y0), (x1, y0)], (x1, y1 - tip), [(middle, y1), (x0, y1 - tip)])
    scene.add_overlay(shape, cloth, puff=0.004, soft=0.010, part="pocket")
    scene.add_topstitch([(x0, y0 + 0.018), (x1, y0 + 0.018)])


def draw_flap(scene: Scene, a: Point, b: Point, depth: float, cloth: str = "main") -> None:
    """Draw a pocket flap that hangs from the line a-b."""
    shape = outline(
        [a, b],
        [
            (b[0], b[1] + 0.8 * depth),
            (b[0] - 0.1 * (b[0] - a[0]), b[1] + depth),
            (a[0] + 0.1 * (b[0] - a[0]), a[1] + depth),
            (a[0], a[1] + 0.8 * depth),
            a,
        ],
    )
    scene.add_overlay(shape, cloth, puff=0.005, soft=0.010, shadow=0.6, clip=False, part="pocket")


def draw_welt(scene: Scene, a: Point, b: Point, width: float = 0.022, cloth: str = "main") -> None:
    """Draw a slanted pocket opening with a bound edge."""
    scene.add_overlay(ribbon([a, b], width), cloth, puff=0.004, soft=0.008, shadow=0.6, clip=False, part="pocket")
