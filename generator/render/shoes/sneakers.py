"""Draw sneakers three-quarter: cup sole, runner or thin rubber sole; laces, zip or slip-on; low to high."""

import math

import numpy as np

from generator.render.engine.fittings import choose_usual_cut, draw_plate, draw_ring, draw_zipper
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene
from generator.render.engine.solid import Points, SolidBody
from generator.render.shoes.last import Last, add_bed, add_lid, add_wall, finish_shoes, place_shoes
from generator.render.shoes.uppers import (
    TOP,
    Shaft,
    Upper,
    add_collar,
    add_laces,
    add_panel,
    add_shaft,
    add_skin,
    add_upper,
    strap_over,
)

COLLARS = {"child": 0.0, "small": -0.05, "medium": 0.03, "large": 0.05}
"""Height of the collar relative to a usual one, by size: a small sneaker is a low-top; a large one has a shaft."""
ROWS = {"child": 4, "small": 5, "medium": 6, "large": 6}
"""Number of rows of laces."""


@register_silhouette("sneaker")
def draw_sneaker(scene: Scene) -> None:
    """Draw a low-top to high-top: cup sole, runner or thin rubber sole; laces, zip or slip-on."""
    d, size = scene.design, scene.appearance.size
    kind = d.choice("kind", ("cup", "runner", "runner", "plimsoll"))
    closure = choose_usual_cut(scene, "closure", "laces", 0.75)
    body = place_shoes(scene, (0.25, 0.80), (0.20, 0.46))
    more = COLLARS[size] + d.uniform("collar", -0.05, 0.04)
    throat, toe = d.uniform("throat", 0.44, 0.48), d.uniform("toe box", 0.85, 1.25)
    thick = {"cup": d.uniform("cup", 0.038, 0.074), "runner": d.uniform("runner", 0.040, 0.080), "plimsoll": 0.036}[
        kind
    ]
    end = d.uniform("lacing end", 0.70, 0.75)
    second = d.choice("second", ("self", "cord", "self", "trim", "lace", "accent"))
    crossed = d.chance("crossed", 0.7)
    last = Last(
        rise={"runner": d.uniform("wedge", 0.02, 0.045)}.get(kind, 0.006),
        broad=d.uniform("broad", 0.86, 1.0),
        point=d.uniform("point", 0.05, 0.35),
        thick=thick,
        spring={"runner": 0.032}.get(kind, 0.014),
    )
    collar = 0.82 + more, 0.66 + more, 0.86
    upper = Upper(last=last, throat=throat, collar=collar, toe=toe, tall=d.uniform("tall", 0.84, 1.04), out=0.010)
    _add_rubber_sole(scene, body, last, kind)
    add_bed(body, last, "lining", shade=0.8)
    add_upper(body, upper)
    _add_overlays(scene, body, upper, kind, second)
    if size == "large":
        add_shaft(body, Shaft(upper=upper, height=d.uniform("shaft", 0.085, 0.125), wide=0.082, deep=0.115, lean=-0.01))
    else:
        add_collar(body, upper, "lining", 0.034, 0.015)
    eyes: list[Points] = []
    line = np.zeros((0, 3))
    if closure == "laces":
        eyes = add_laces(body, upper, ROWS[size], end, "lace", crossed=crossed)
    else:
        line = _add_closed_front(body, upper, closure, end)
    finish_shoes(scene, body, last)
    for x, y in [place for pair in eyes for point in pair for place in body.where_visible(point[None], 0.02)]:
        draw_ring(scene, x, y, 0.0105, 0.0105, 0.0085)
    plates = (end + 0.022, TOP, 0.030, 0.015), (0.30, math.pi - 0.62, 0.026, 0.018)
    for f, angle, wide, high in plates:
        for x, y in body.where_visible(upper.skin(np.array([f]), np.array([angle]), 0.008), 0.02):
            draw_plate(scene, x, y, wide, high)
    for each in body.placed(line) if len(line) else ():
        _draw_zip(scene, body, each)
    _draw_seams(scene, body, upper)


def _add_rubber_sole(scene: Scene, body: SolidBody, last: Last, kind: str) -> None:
    """Add foxing or a stepped midsole, and an outsole."""
    d, thick = scene.design, last.thick
    outsole = "dark" if kind == "runner" else "gum" if d.chance("gum", 0.3) else "sole"
    side = d.choice("midsole", ("sole", "sole", "sole", "dark", "self")) if kind != "plimsoll" else "sole"
    grow = {"cup": 0.017, "runner": 0.019, "plimsoll": 0.014}[kind]
    add_lid(body, last, side, 0.016, grow=grow)
    if kind == "runner":
        add_wall(body, last, side, 0.016, -0.45 * thick, grow=grow, flare=0.03)
        add_wall(
            body, last, d.choice("stripe", ("cord", "self", side)), -0.45 * thick, -0.68 * thick, grow=grow + 0.003
        )
        add_wall(body, last, outsole, -0.68 * thick, -thick, grow=grow + 0.001)
    else:
        add_wall(body, last, side, 0.018, -0.80 * thick, grow=grow)
        add_wall(body, last, outsole, -0.80 * thick, -thick, grow=grow + 0.001)
        if kind == "plimsoll" or d.chance("stripe line", 0.4):
            add_wall(
                body, last, d.choice("line", ("trim", "cord", "dark")), -0.30 * thick, -0.46 * thick, grow=grow + 0.002
            )


def _add_overlays(scene: Scene, body: SolidBody, upper: Upper, kind: str, second: str) -> None:
    """Add toe cap or mudguard, heel counter, side panels."""
    d = scene.design
    front = d.choice("front", ("cap", "mudguard", "plain", "mudguard")) if kind != "plimsoll" else "cap"
    if front == "cap":
        f = np.linspace(d.uniform("cap", 0.84, 0.89), 1.0, 9)
        add_skin(body, upper, "sole" if kind == "plimsoll" else second, f, 0.0, math.pi, out=0.004, number=15)
    elif front == "mudguard":
        start, low = d.uniform("guard", 0.60, 0.72), d.uniform("guard height", 0.45, 0.65)
        for side in (-1, 1):
            add_panel(
                body, upper, second, (start, 0.90), side, 0.0, lambda f: low * np.clip((f - start) / 0.10, 0, 1) ** 0.5
            )
        f = np.linspace(0.90, 1.0, 7)
        add_skin(body, upper, second, f, 0.0, math.pi, out=0.004, number=15)
    if d.chance("counter", 0.75):
        back = d.uniform("counter reach", 0.10, 0.20)
        for side in (-1, 1):
            add_panel(
                body,
                upper,
                second,
                (0.0, back),
                side,
                0.0,
                lambda f: 0.92 * upper.edge(f) * np.clip(1.15 - f / back, 0, 1) ** 0.4,
            )
    marks = d.choice("marks", ("bars", "wave", "wedge", "none")) if kind != "plimsoll" else "none"
    for side in (-1, 1):
        start, stop = (0.12, 0.95) if side < 0 else (math.pi - 0.12, math.pi - 0.95)
        if marks == "bars":
            for k in range(d.choice("number of bars", (2, 3, 3))):
                place = 0.36 + 0.075 * k
                strap_over(
                    body,
                    upper,
                    (place + 0.05, place),
                    (start, stop),
                    0.026,
                    d.choice("bar cloth", ("lace", "cord", second)),
                    out=0.003,
                    thick=0.003,
                    number=9,
                )
        elif marks == "wave":
            strap_over(
                body,
                upper,
                (0.66, 0.20),
                (start, start + 0.8 * (stop - start)),
                0.034,
                d.choice("wave cloth", ("lace", "cord", second)),
                out=0.003,
                lean=-0.05,
                thick=0.003,
                number=13,
            )
        elif marks == "wedge":
            add_panel(
                body, upper, second, (0.26, 0.56), side, 0.0, lambda f: 0.9 * np.clip(1 - np.abs(f - 0.40) / 0.16, 0, 1)
            )


def _add_closed_front(body: SolidBody, upper: Upper, closure: str, end: float) -> Points:
    """Add elastic gores of a slip-on, or return the line of the zip in place of laces."""
    if closure == "open":
        for side in (-1, 1):
            middle = upper.throat - 0.09
            f = np.linspace(middle - 0.06, middle + 0.06, 9)
            edge = 0.98 * upper.edge(f)
            low = edge * (0.30 + 0.5 * np.abs(f - middle) / 0.06)
            if side < 0:
                add_skin(body, upper, "rib", f, low, edge, out=0.003, number=7)
            else:
                add_skin(body, upper, "rib", f, math.pi - edge, math.pi - low, out=0.003, number=7)
        return np.zeros((0, 3))
    f = np.linspace(upper.throat, end, 9)
    return upper.skin(f, np.full_like(f, TOP), 0.002)


def _draw_zip(scene: Scene, body: SolidBody, line: Points) -> None:
    """Draw a zip along the visible part of a line."""
    for curve in body.stretches(line, 0.03) if len(line) else ():
        draw_zipper(scene, curve, width=0.022)


def _draw_seams(scene: Scene, body: SolidBody, upper: Upper) -> None:
    """Draw the seam between vamp and quarter on both sides of the nearest shoe."""
    lean = scene.design.uniform("seam", 0.02, 0.12)
    for side in (-1, 1):
        share = np.linspace(0.05, 0.75, 12)
        angle = share * TOP if side < 0 else math.pi - share * TOP
        line = upper.skin(upper.throat + 0.16 - lean * (1 - share), angle, 0.001)
        body.add_topstitch(line)
