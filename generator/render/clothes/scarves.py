"""Draw scarves."""

import math

from generator.render.clothes.folded import FOLDED_LIMPNESS, draw_stack, face_folds, layer_lift, layer_thickness
from generator.render.engine.curves import (
    Curve,
    Point,
    box,
    interpolate,
    outline,
    ribbon,
)
from generator.render.engine.height_field import Crease
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene


@register_silhouette("scarf")
def draw_scarf(scene: Scene) -> None:
    """Draw a scarf: around an invisible neck, folded flat to a strip, rolled, or folded; with a fringe or a hem."""
    d = scene.design
    if scene.pose.folded:
        _draw_scarf_stack(scene)
        return
    kind = d.choice("laid", ("loop", "folded", "once"))
    {"loop": _draw_scarf_loop, "folded": _draw_scarf_folded, "once": _draw_scarf_once}[kind](scene)


def _draw_fringe(scene: Scene, a: Point, b: Point, length: float, name: str) -> None:
    """Draw tassels from a to b, straight down, each with its own sway."""
    number = max(4, round(math.dist(a, b) / 0.013))
    for i in range(number + 1):
        x, y = interpolate(a, b, i / number)
        end = (
            x + scene.shot.uniform(f"fringe {name} {i}", -0.008, 0.008),
            y + length * scene.shot.uniform(f"long {name} {i}", 0.85, 1.1),
        )
        scene.add_panel(
            ribbon([(x, y - 0.006), (0.5 * (x + end[0]) + 0.002, 0.5 * (y + end[1])), end], 0.0085, 0.005),
            "self",
            puff=0.005,
            soft=0.003,
            shadow=0.0,
        )


def _draw_scarf_stack(scene: Scene) -> None:
    """Draw a scarf folded to a square: the end below all layers, a label in one corner."""
    d = scene.design
    half, low = d.uniform("stack width", 0.150, 0.180), d.uniform("stack length", 0.250, 0.290)
    fringe = d.uniform("fringe", 0.0, 0.07)
    bottom = low + 3 * layer_thickness(scene) + (0.030 if fringe > 0.02 else 0.012)
    scene.set_camera(min(0.66 / (2 * half), 0.76 / bottom), (0.0, 0.5 * bottom), limpness=FOLDED_LIMPNESS)
    left, right = -half + 0.010, 0.55 * half
    end = low + 3 * layer_thickness(scene) + 0.010
    if fringe > 0.02:
        _draw_fringe(scene, (left + 0.006, end), (right - 0.006, end - 0.002), 0.5 * fringe, "end")
    scene.add_panel(box(left, 0.1, right, end, 0.006), puff=0.008, soft=0.012, lift=0.002, shadow=0.3)
    draw_stack(scene, (-half, half), 0.0, low, 3)
    shape = box(-half, 0.0, half, low, 0.018)
    folds = face_folds(scene, half, low)
    scene.add_panel(
        shape, puff=0.020, soft=0.020, volume=0.010, lift=layer_lift(scene, 3), folds=folds, shadow=0.5, edge=0.0
    )
    x, y = 0.62 * half, low - 0.050
    scene.add_overlay(box(x, y, x + 0.036, y + 0.022, 0.002), "label", puff=0.001, soft=0.003, shadow=0.25)


def _draw_scarf_folded(scene: Scene) -> None:
    """Draw a scarf folded lengthwise and once across: a thick strip, visible layers at the fold, fringes below."""
    d, size = scene.design, scene.appearance.size
    wide = {"child": 0.17, "small": 0.19, "medium": 0.23, "large": 0.28}[size] * d.uniform("width", 0.85, 1.1)
    tall = {"child": 0.26, "small": 0.30, "medium": 0.36, "large": 0.385}[size]
    scene.set_camera(1.0, (0.0, 0.5))
    top, low, fringe = 0.49 - tall, 0.47 + tall, d.uniform("fringe", 0.0, 0.07)
    lean = scene.shot.uniform("lean", -0.012, 0.012)
    if fringe > 0.02:
        _draw_fringe(scene, (-wide + 0.016, low - 0.02), (wide - 0.010, low - 0.026), fringe, "back")
    scene.add_panel(
        box(-wide + 0.012, top + 0.010, wide + 0.010, low - 0.016, 0.014),
        puff=0.014,
        soft=0.014,
        shade=0.86,
        shadow=0.3,
    )
    if fringe > 0.02:
        _draw_fringe(scene, (-wide + 0.01, low), (wide - 0.016, low), fringe, "front")
    rng = scene.shot.generator("laid")
    soft = [
        Crease(
            (rng.uniform(-wide, 0), rng.uniform(top, low)),
            (rng.uniform(0, wide), rng.uniform(top, low)),
            rng.uniform(-0.006, 0.006),
            0.030,
            rng.normal(0, 0.15),
        )
        for _ in range(4)
    ]
    shape = outline(
        [(-wide, top + 0.014), (-0.5 * wide, top), (0.5 * wide, top + 0.002), (wide, top + 0.012)],
        [(wide + lean, 0.5), (wide - 0.004, low - 0.004)],
        [(0.0, low + 0.004), (-wide + 0.004, low)],
        [(-wide + lean, 0.5), (-wide, top + 0.014)],
    )
    scene.add_panel(shape, puff=0.026, soft=0.028, volume=0.008, folds=soft, lift=0.010, shadow=0.5, reach=0.014)
    scene.add_seam([(wide - 0.006 + lean, top + 0.02), (wide - 0.004 + lean, low - 0.01)], width=0.004, dark=0.3)
    scene.add_overlay(
        box(-0.85 * wide, low - 0.075, -0.85 * wide + 0.055, low - 0.045, 0.003),
        "label",
        puff=0.001,
        soft=0.003,
        shadow=0.25,
    )


def _draw_scarf_once(scene: Scene) -> None:
    """Draw a scarf hung on a hook: gathered above, two ends side by side."""
    d, size = scene.design, scene.appearance.size
    low = {"child": 0.62, "small": 0.70, "medium": 0.82, "large": 0.90}[size]
    wide = {"child": 0.13, "small": 0.13, "medium": 0.155, "large": 0.17}[size] * d.uniform("width", 0.9, 1.2)
    scene.set_camera({"child": 0.84}.get(size, 1.0), (0.0, 0.5 * (0.06 + low)))
    fringe = d.uniform("fringe", 0.02, 0.06)
    for side, drop in ((1, d.uniform("uneven", 0.05, 0.22)), (-1, 0.0)):
        end, swing = low - drop, scene.shot.uniform(f"swing {side}", -0.02, 0.03)
        mid = side * (0.09 + swing) * (1.0 if side > 0 else 0.9)
        _draw_fringe(scene, (mid - 0.9 * wide, end), (mid + 0.9 * wide, end), fringe, str(side))
        rng = scene.shot.generator(f"drape {side}")
        drape = [
            Crease(
                (side * 0.01 + o * 0.05, 0.06), (mid + o * wide * 1.5 + rng.normal(0, 0.01), end + 0.05), depth, 0.017
            )
            for o, depth in ((-0.45, 0.011), (-0.15, -0.010), (0.18, 0.012), (0.48, -0.009))
        ]
        shape = outline(
            [(side * 0.010 - 0.030, 0.074), (side * 0.010, 0.058), (side * 0.010 + 0.030, 0.074)],
            [(mid * 0.6 + 0.62 * wide, 0.20), (mid + 0.96 * wide, 0.42), (mid + wide, end)],
            [(mid, end + 0.006), (mid - wide, end - 0.002)],
            [(mid - 0.96 * wide, 0.42), (mid * 0.6 - 0.62 * wide, 0.20), (side * 0.010 - 0.030, 0.074)],
        )
        scene.add_panel(shape, puff=0.018, soft=0.020, folds=drape, grain=-0.06 * side, shadow=0.5, reach=0.018)


def _draw_scarf_loop(scene: Scene) -> None:
    """Draw a loop, a crossing and two hanging ends."""
    d, size = scene.design, scene.appearance.size
    length = {"child": 0.34, "small": 0.36, "medium": 0.48, "large": 0.58}[size]
    wide = {"child": 0.110, "small": 0.115, "medium": 0.145, "large": 0.160}[size] * d.uniform("width", 0.88, 1.2)
    scene.set_camera({"child": 0.78}.get(size, 1.0), (0.0, 0.20 + 0.5 * length))
    behind = [(-0.13, 0.26), (-0.10, 0.12), (0.0, 0.075), (0.10, 0.12), (0.13, 0.26)]
    wrap = [
        Crease((-0.12, 0.18), (0.12, 0.18), 0.008, 0.016, 0.35),
        Crease((-0.10, 0.20), (0.10, 0.20), -0.007, 0.014, 0.40),
    ]
    scene.add_panel(ribbon(behind, 0.10), puff=0.018, soft=0.022, folds=wrap, shade=0.72, shadow=0.0)
    fringe = d.uniform("fringe", 0.030, 0.070)
    for side, drop in ((1, 1.0), (-1, d.uniform("uneven", 0.72, 0.97))):
        swing = scene.shot.uniform(f"swing {side}", 0.01, 0.05)
        low = 0.30 + length * drop
        tail: Curve = [
            (-side * 0.06, 0.24),
            (side * 0.03, 0.36),
            (side * (0.07 + swing), 0.5 * (0.36 + low)),
            (side * (0.07 + 1.4 * swing), low),
        ]
        _draw_fringe(scene, (tail[-1][0] - 0.45 * wide, low), (tail[-1][0] + 0.45 * wide, low), fringe, str(side))
        drape = [
            Crease((tail[1][0] + o * wide, tail[1][1]), (tail[-1][0] + 1.1 * o * wide, low + 0.06), depth, 0.014)
            for o, depth in ((-0.36, -0.007), (-0.20, 0.010), (0.02, -0.010), (0.27, 0.010))
        ]
        scene.add_panel(
            ribbon(tail, 0.86 * wide, wide),
            puff=0.016,
            soft=0.022,
            folds=drape,
            grain=side * 0.08,
            shadow=0.5,
            reach=0.018,
        )
    for side in (-1, 1):
        band: Curve = [(side * 0.145, 0.16), (side * 0.150, 0.25), (side * 0.085, 0.335), (-side * 0.03, 0.375)]
        fold = [
            Crease((side * 0.13, 0.20), (-side * 0.02, 0.36), 0.010, 0.013, -0.2 * side),
            Crease((side * 0.16, 0.22), (side * 0.0, 0.39), -0.009, 0.011, -0.2 * side),
            Crease((side * 0.175, 0.20), (side * 0.04, 0.40), 0.008, 0.010, -0.25 * side),
        ]
        scene.add_panel(
            ribbon(band, 0.085, 0.130), puff=0.024, soft=0.024, folds=fold, grain=side * 0.8, shadow=0.55, reach=0.018
        )
