"""Draw belts."""

import math

from generator.render.engine.curves import (
    Point,
    box,
    disc,
    outline,
    ribbon,
)
from generator.render.engine.fittings import draw_buckle, draw_plate, draw_ring, draw_strap
from generator.render.engine.height_field import Crease
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene


@register_silhouette("belt")
def draw_belt(scene: Scene) -> None:
    """Draw a belt, closed to a loop and seen slightly from above, or rolled up; buckle in front, holes in the end."""
    d, size = scene.design, scene.appearance.size
    width = {"child": 0.072, "small": 0.068, "medium": 0.098, "large": 0.138}[size] * d.uniform("width", 0.90, 1.10)
    scene.set_camera({"child": 0.70}.get(size, 0.98), (0.0, 0.5))
    rolled = scene.shot.chance("rolled", 0.4)
    shape = d.choice("buckle", ("square", "round", "wide", "plate"))
    (_draw_rolled if rolled else _draw_looped)(scene, width, shape)


def _draw_looped(scene: Scene, width: float, shape: str) -> None:
    d, y = scene.design, 0.5
    rx, ry = d.uniform("loop", 0.35, 0.40), d.uniform("tilt", 0.11, 0.18)
    arc = [(rx * math.sin(a), y - ry * math.cos(a)) for a in [math.pi * (i / 8 - 0.5) for i in range(9)]]
    scene.add_panel(ribbon(arc, 0.86 * width), "insole", puff=0.006, soft=0.014, shade=0.72, shadow=0.0)
    front = [(rx * math.sin(a), y + ry * math.cos(a)) for a in [1.72 * (i / 6 - 1) for i in range(13)]]
    scene.add_panel(ribbon(front, width), puff=0.010, soft=0.016, volume=0.006, lift=0.004, shadow=0.45, reach=0.016)
    for offset in (-0.5, 0.5):
        scene.add_topstitch([(x * 0.985, v + offset * (width - 0.024)) for x, v in front[1:-1]], width=0.0035)
    low = y + ry
    for i in range(5):
        x = 0.13 + 0.036 * i
        scene.darken(disc(x, y + ry * math.sqrt(max(0.0, 1 - (x / rx) ** 2)), 0.0065), 0.85, 0.001)
    tip = 0.13 + 0.036 * 5 + 0.03
    lap = y + ry * math.sqrt(max(0.0, 1 - (tip / rx) ** 2))
    scene.add_seam(
        [(tip - 0.012, lap - 0.48 * width), (tip + 0.016, lap), (tip - 0.012, lap + 0.48 * width)],
        width=0.007,
        dark=0.55,
    )
    draw_strap(scene, [(-0.16, low - 0.012), (-0.130, low - 0.010)], width + 0.018, "self")
    _draw_buckle(scene, (0.0, low), width, shape)


def _draw_rolled(scene: Scene, width: float, shape: str) -> None:
    """Draw a roll on its edge, seen from above: its turns side by side, and the buckle in front."""
    d = scene.design
    rx, turns = d.uniform("roll", 0.24, 0.29), d.choice("turns", (2, 3, 4))
    squash, step = 0.60, 0.040
    y = 0.5 - 0.35 * width
    for k in range(turns):
        r = rx - step * k
        ring_of = disc(0.0, y, r, squash * r)
        inner = disc(0.0, y, r - 0.011, squash * (r - 0.009))
        if k == 0:
            side = outline(
                [
                    (-r, y),
                    (-0.7 * r, y + 0.72 * squash * r),
                    (0.0, y + squash * r),
                    (0.7 * r, y + 0.72 * squash * r),
                    (r, y),
                ],
                (r, y + width),
                [
                    (0.7 * r, y + width + 0.72 * squash * r),
                    (0.0, y + width + squash * r),
                    (-0.7 * r, y + width + 0.72 * squash * r),
                    (-r, y + width),
                ],
            )
            rounding = Crease((0.0, y - 0.3), (0.0, y + 1.4), 0.05, 0.22)
            scene.add_panel(side, puff=0.006, soft=0.012, folds=[rounding], shadow=0.0)
            front = [(r * math.sin(a), y + squash * r * math.cos(a)) for a in [1.45 * (i / 6 - 1) for i in range(13)]]
            for at in (0.12, 0.88):
                scene.add_topstitch([(x, v + at * width) for x, v in front], width=0.0035)
        scene.add_panel(ring_of, "self", puff=0.006, soft=0.008, shadow=0.0, shade=1.0)
        scene.add_panel(inner, "insole", puff=0.0, lift=-0.01, shade=0.34, shadow=0.0)
    r = rx - step * (turns - 1) - 0.012
    wall = outline(
        [(-r, y), (-0.7 * r, y - 0.72 * squash * r), (0.0, y - squash * r), (0.7 * r, y - 0.72 * squash * r), (r, y)],
        [(0.6 * r, y - 0.30 * squash * r), (0.0, y - 0.45 * squash * r), (-0.6 * r, y - 0.30 * squash * r), (-r, y)],
    )
    scene.add_panel(wall, "insole", puff=0.004, soft=0.012, lift=-0.008, shade=0.72, shadow=0.0)
    middle = y + squash * rx + 0.5 * width
    draw_strap(scene, [(-0.125, middle - 0.022), (-0.100, middle - 0.014)], width + 0.016, "self")
    for i in range(4):
        x = 0.10 + 0.026 * i
        scene.darken(disc(x, y + squash * rx * math.sqrt(1 - (x / rx) ** 2) + 0.5 * width, 0.006), 0.85, 0.001)
    _draw_buckle(scene, (0.0, middle), width, shape)


def _draw_buckle(scene: Scene, at: Point, width: float, shape: str) -> None:
    (x, y), frame = at, 0.5 * width + 0.020
    if shape == "round":
        draw_ring(scene, x, y, frame + 0.012, frame + 0.012, 0.028)
        bar = box(x - frame, y - 0.008, x + frame * 0.9, y + 0.008, 0.006)
        scene.add_overlay(bar, "fitting", puff=0.006, soft=0.006, clip=False)
    elif shape == "plate":
        draw_plate(scene, x, y, 1.35 * frame, frame)
        draw_ring(scene, x, y, 1.10 * frame, 0.76 * frame, 0.008, power=6.0)
    else:
        draw_buckle(scene, x, y, frame * (1.0 if shape == "square" else 1.5), frame, 0.024)
