"""Draw a pair of shoes from above, as snapshots show sneakers, boots, loafers and pumps."""

import math

import numpy as np

from generator.render.engine.curves import Curve, Outline, outline, ribbon
from generator.render.engine.fittings import draw_buckle, draw_button, draw_strap
from generator.render.engine.height_field import Crease
from generator.render.engine.scene import Scene
from schemas.appearance import SHOWN

DEFAULT_CLOSURE = {"loafer": "band", "pump": "open"}
"""Closure of the shoes whose record has no such cut."""
FILL = {"child": 0.70, "small": 0.82, "medium": 0.95, "large": 1.05}
"""Scale of a pair of shoes, by size."""


def draw_shoe_pair(scene: Scene) -> None:
    """Draw a pair of shoes from above: soles, uppers, openings and closures."""
    d, shot = scene.design, scene.shot
    scene.set_camera(0.98 * FILL[scene.appearance.size], (0.0, 0.5))
    apart, splay = shot.uniform("apart", 0.122, 0.172), shot.uniform("splay", -0.06, 0.16)
    slant, whole = shot.uniform("slant", 0.55, 1.0), shot.uniform("pair turn", -0.5, 0.5)
    whole += math.pi if shot.chance("toes down", 0.55) else 0.0
    c, s = math.cos(whole), math.sin(whole)
    for side in (-1, 1):
        step = shot.uniform(f"step {side}", -0.05, 0.05)
        angle = side * splay + shot.uniform(f"shoe turn {side}", -0.07, 0.07) + whole
        x, y = side * apart, step
        _draw_shoe(
            _Foot(scene, side, (c * x - s * y, 0.5 + s * x + c * y), angle, slant), d.uniform("broad", 0.92, 1.12)
        )


class _Foot:
    """One shoe: x points outwards across the foot, y from the toe (-0.4) to the heel (+0.4), in units.

    `slant` shortens it by perspective.
    """

    def __init__(self, scene: Scene, side: int, place: tuple[float, float], angle: float, slant: float) -> None:
        self.scene, self.side, self.place, self.slant = scene, side, place, slant
        self.turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])

    def at(self, shape: Outline | Curve) -> Outline:
        """Transform an outline of the shoe to garment units."""
        points = np.asarray(shape, np.float64) * (self.side, self.slant)
        return np.asarray(points @ self.turn.T + self.place, np.float64)

    def line(self, curve: Curve) -> Curve:
        """Transform a curve of the shoe to garment units."""
        return [(float(x), float(y)) for x, y in self.at(curve)]


def _draw_shoe(foot: _Foot, broad: float) -> None:
    scene, d, shot = foot.scene, foot.scene.design, foot.scene.shot
    boot = scene.appearance.silhouette == "boot"
    high = boot or scene.appearance.size == "large"
    name = scene.appearance.silhouette
    heel = scene.choose_cut("heel") if "heel" in SHOWN[name] else "flat"
    closure = scene.choose_cut("closure") if "closure" in SHOWN[name] else DEFAULT_CLOSURE[name]
    slim = 0.80 if heel == "high" else 1.0
    point = d.uniform("pointed", 0.0, 0.5) + (0.4 if heel == "high" else 0.0)
    toe, ball, waist, back = 0.085 * broad * slim, 0.130 * broad * slim, 0.095 * broad * slim, 0.100 * broad * slim
    rim = d.uniform("welt", 0.006, 0.020)

    def print_(grow: float) -> Outline:
        return outline(
            [
                (-0.02, -0.42 - grow - 0.06 * point),
                (toe * (1 - 0.5 * point) + grow, -0.37 - grow),
                (ball + grow, -0.20),
                (waist + grow, 0.06),
                (back + grow, 0.28),
                (0.05, 0.405 + grow),
                (0.0, 0.41 + grow),
                (-0.05, 0.405 + grow),
                (-0.95 * back - grow, 0.28),
                (-0.80 * waist - grow, 0.06),
                (-0.95 * ball - grow, -0.22),
                (-toe - grow * 0.8, -0.36 - grow),
                (-0.02, -0.42 - grow - 0.06 * point),
            ]
        )

    tall = shot.uniform("sole seen", 0.0, 0.05)
    sole = "dark" if boot or d.chance("dark sole", 0.35) else "sole"
    scene.add_panel(foot.at(print_(rim) + np.array([0.0, tall])), sole, puff=0.010, soft=0.02)
    scene.add_panel(foot.at(print_(0.5 * rim)), sole, puff=0.010, soft=0.02, lift=0.010, shadow=0.3)
    bend = []
    for i in range(3):
        a, b = foot.line([(-0.09, -0.17 + 0.03 * i), (0.09, -0.16 + 0.03 * i)])
        bend.append(Crease(a, b, -0.004, 0.010))
    scene.add_panel(foot.at(print_(0.0)), puff=0.040, soft=0.060, volume=0.020, folds=bend, shadow=0.35)
    opening = -0.02 if closure == "laces" and not boot else d.uniform("opening", -0.14, 0.02)
    opening -= 0.08 if name == "pump" else 0.0
    hole = outline(
        [(0.0, opening), (0.062 * slim, opening + 0.05), (0.075 * slim, 0.22), (0.045, 0.34), (0.0, 0.355)],
        [(-0.045, 0.34), (-0.075 * slim, 0.22), (-0.062 * slim, opening + 0.05), (0.0, opening)],
    )
    if high:
        scene.add_panel(
            foot.at((hole - (0.0, 0.2)) * (1.35, 1.16) + (0.0, 0.2)), puff=0.03, soft=0.03, lift=0.02, shadow=0.5
        )
    scene.add_panel(foot.at(hole), "lining", puff=0.0, lift=0.012, shade=d.uniform("depth", 0.25, 0.8), shadow=0.0)
    scene.darken(foot.at((hole - (0.0, 0.0)) * (0.9, 1.0)), 0.35, 0.02)
    _draw_closure(foot, closure, opening, boot)


def _draw_closure(foot: _Foot, closure: str, opening: float, boot: bool) -> None:
    """Draw tongue and laces, straps, a zip or nothing."""
    scene, d, name = foot.scene, foot.scene.design, foot.scene.appearance.silhouette
    if closure in ("laces", "buttons"):
        tongue = [(0.0, opening - 0.20), (0.0, opening + 0.07)]
        scene.add_overlay(ribbon(foot.line(tongue), 0.085, 0.105), "self", puff=0.012, soft=0.02, clip=False)
        for i in range(5):
            y = opening + 0.02 - 0.042 * i
            row: Curve = [(-0.052, y), (0.0, y + 0.012 * (-1) ** i), (0.052, y)]
            scene.add_overlay(ribbon(foot.line(row), 0.016), "lace", puff=0.006, soft=0.008, clip=False)
        for lean in (-0.05, 0.045):
            bow: Curve = [(0.0, opening + 0.03), (lean, opening + 0.075), (1.9 * lean, opening + 0.03)]
            scene.add_overlay(ribbon(foot.line(bow), 0.012), "lace", puff=0.006, soft=0.006, clip=False)
    elif closure == "zip":
        for y in (opening - 0.05, opening - 0.14):
            draw_strap(scene, foot.line([(-0.12, y + 0.01), (0.12, y - 0.01)]), 0.055, "self")
    elif closure == "belt" or boot:
        draw_strap(scene, foot.line([(-0.11, opening - 0.04), (0.11, opening - 0.05)]), 0.035, "self")
        ((x, y),) = foot.line([(0.06, opening - 0.045)])
        if scene.appearance.hardware != "none":
            draw_buckle(scene, x, y, 0.024, 0.022, 0.011)
        else:
            draw_button(scene, x, y, 0.012, "shell")
    elif closure == "band" or (name == "sneaker" and d.chance("band", 0.5)):
        draw_strap(
            scene, foot.line([(-0.12, opening - 0.03), (0.0, opening - 0.05), (0.12, opening - 0.03)]), 0.05, "trim"
        )
