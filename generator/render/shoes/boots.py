"""Draw boots three-quarter: ankle boot to knee boot on a flat, block or high heel; in snapshots from above."""

import math

import numpy as np

from generator.render.engine.fittings import choose_usual_cut, draw_buckle, draw_plate, draw_ring, draw_zipper
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene
from generator.render.engine.solid import Points, SolidBody
from generator.render.shoes.last import Last, add_bed, add_heel, add_lid, add_strap, add_wall, finish_shoes, place_shoes
from generator.render.shoes.uppers import Shaft, Upper, add_laces, add_shaft, add_skin, add_upper

SHAFT = {"child": 0.16, "small": 0.11, "medium": 0.27, "large": 0.50}
"""Height of the shaft above the ankle, in units."""
RISE = {"flat": 0.030, "block": 0.095, "high": 0.190}
"""Height of the heel, in units."""
FILL = {"child": 0.64, "small": 0.80, "medium": 0.88, "large": 0.95}
"""Share of the image that the larger side of a pair fills, by size."""


@register_silhouette("boot")
def draw_boot(scene: Scene) -> None:
    """Draw a boot: shaft with folds at the ankle; a zip, laces or buckled straps; a welt and a pull tab."""
    d, heel, size = scene.design, scene.choose_cut("heel"), scene.appearance.size
    body = place_shoes(scene, (0.12, 0.75), (0.24, 0.46))
    closure = choose_usual_cut(scene, "closure", "zip", 0.2)
    lug = d.uniform("lug", 0.026, 0.052) if heel == "flat" else d.uniform("welt", 0.014, 0.024)
    last = Last(
        rise=RISE[heel] * d.uniform("rise", 0.92, 1.06),
        broad={"flat": 0.98, "block": 0.92, "high": 0.84}[heel] * d.uniform("broad", 0.95, 1.05),
        point=d.uniform("point", 0.0, 0.3 if heel == "flat" else 0.8),
        thick=lug,
        spring=0.016,
    )
    upper = Upper(
        last=last,
        throat=0.40,
        collar=(0.98, 0.97, 0.98),
        toe=d.uniform("toe", 0.92, 1.15),
        tall=d.uniform("tall", 0.88, 1.0),
        out=0.010,
    )
    shaft = _sample_shaft(scene, upper, SHAFT[size] * d.uniform("shaft height", 0.94, 1.06))
    add_wall(body, last, "dark", 0.006, -last.thick, grow=0.013)
    add_lid(body, last, "heel", -0.004, grow=0.013)
    stack = d.choice("stack", ("heel", "dark"))
    add_heel(
        body,
        last,
        "block" if heel == "flat" else heel,
        {"flat": 0.97, "block": d.uniform("block", 0.74, 0.94), "high": d.uniform("pin", 0.14, 0.24)}[heel],
        stack,
    )
    add_bed(body, last, "insole", shade=0.4)
    add_upper(body, upper, quilted=True)
    add_shaft(body, shaft)
    _add_rim(body, shaft)
    if d.chance("cap", 0.35):
        add_skin(body, upper, "trim", np.linspace(0.87, 1.0, 7), 0.0, math.pi, out=0.003, number=13)
    if d.chance("tab", 0.6):
        _add_tab(body, shaft)
    eyes: list[Points] = []
    buckles: list[Points] = []
    if closure == "laces":
        eyes = [*add_laces(body, upper, 4, 0.66, "lace", crossed=True, bow=False), *_add_shaft_laces(body, shaft)]
    elif closure == "belt":
        buckles = _add_straps(body, shaft)
    finish_shoes(scene, body, last, FILL[size])
    for x, y in [place for pair in eyes for point in pair for place in body.where_visible(point[None], 0.02)]:
        draw_ring(scene, x, y, 0.0095, 0.0095, 0.0075)
    for x, y in [place for point in buckles for place in body.where_visible(point, 0.02)]:
        draw_buckle(scene, x, y, 0.030, 0.028, 0.011)
    if closure == "zip":
        _draw_zip(scene, body, shaft)
    plate = shaft.points(np.array([0.72 * math.pi]), np.array([0.80]), 0.006)
    for x, y in body.where_visible(plate, 0.02):
        draw_plate(scene, x, y, 0.026, 0.016)
    _draw_seams(body, upper, shaft)


def _sample_shaft(scene: Scene, upper: Upper, height: float) -> Shaft:
    """Sample a shaft that widens upwards, with folds at the ankle that the shot places."""
    d, rng = scene.design, scene.shot.generator("folds")
    wide = d.uniform("leg", 0.080, 0.094) + 0.10 * min(height, 0.35)
    slouch = d.uniform("slouch", 0.3, 1.4)
    folds = tuple(
        (rng.uniform(0.02, 0.10) + 0.06 * k, rng.uniform(0, 6.28), 0.006 * slouch * rng.uniform(0.6, 1.2))
        for k in range(3)
    )
    return Shaft(
        upper=upper, height=height, wide=wide, deep=1.12 * wide, lean=d.uniform("lean", -0.03, 0.0), folds=folds
    )


def _add_rim(body: SolidBody, shaft: Shaft) -> None:
    """Add the bound rim at the top of the shaft."""
    turn = np.linspace(math.pi, -math.pi, 25)[:, None]
    edge = shaft.points(turn, 1 - np.array([0.0, 0.3, 0.7, 1.0])[None, :] * 0.018 / shaft.height, 0.005)
    body.add(edge, "self", back="lining")
    inner = shaft.points(turn, 1 - np.array([0.0, 0.3, 1.0])[None, :] * 0.05 / shaft.height, -0.004)
    body.add(inner, "lining", back="lining", part="lining")


def _add_tab(body: SolidBody, shaft: Shaft) -> None:
    """Add the pull tab behind."""
    turn = np.linspace(math.pi + 0.16, math.pi - 0.16, 5)[:, None]
    t = np.array([1 + 0.028 / shaft.height, 1.0, 1 - 0.05 / shaft.height])[None, :]
    body.add(shaft.points(turn, t, 0.007), "trim", back="trim")


def _add_shaft_laces(body: SolidBody, shaft: Shaft) -> list[Points]:
    """Add laces up the front of a shaft; return the places of the hooks."""
    number = max(3, min(9, round(shaft.height / 0.05)))
    levels = np.linspace(0.04, 0.92, number)
    hooks = []
    for side in (-1, 1):
        turn = np.linspace(side * 0.36, side * 0.62, 5)[::-side]
        body.add(shaft.points(turn[:, None], np.linspace(0.97, 0.0, 9)[None, :], 0.005), "self")
        hooks.append(shaft.points(np.full(number, side * 0.48), levels, 0.009))
    share, above = np.linspace(0, 1, 7), np.minimum(np.arange(number) + 1, number - 1)
    laces = [(k, side) for k in range(number) for side in ((-1, 1) if k + 1 < number else (1,))]
    turns = np.stack([side * 0.44 * (1 - 2 * share) for _, side in laces])
    t = np.stack([levels[k] + (levels[above[k]] - levels[k]) * share for k, _ in laces])
    paths = shaft.points(turns, t, 0.012)
    outs = shaft.points(turns, t, 1.0) - shaft.points(turns, t, 0.0)
    outs /= np.linalg.norm(outs, axis=-1, keepdims=True)
    for path, out in zip(paths, outs, strict=True):
        across = np.cross(out, np.gradient(path, axis=0))
        across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
        add_strap(body, path, out, 0.015, "lace", across=across, back="lace", thick=0.006, thin=True)
    return [np.stack([one, two]) for one, two in zip(hooks[0], hooks[1], strict=True)]


def _add_straps(body: SolidBody, shaft: Shaft) -> list[Points]:
    """Add a strap around the ankle, another at the top of a tall shaft; return the places of their buckles."""
    places = []
    rows = [(min(0.35, 0.03 / shaft.height), 0.042)]
    if shaft.height > 0.18:
        rows.append((1 - 0.075 / shaft.height, 0.036))
    turn = np.linspace(math.pi, -math.pi, 33)[:, None]
    for level, width in rows:
        edge = np.array([0.5, 0.4, -0.4, -0.5])[None, :] * width / shaft.height
        lift = np.array([0.004, 0.010, 0.010, 0.004])
        body.add(shaft.points(turn, level + edge + 0 * turn, lift[None, :]), "trim", part="strap")
        places.append(shaft.points(np.array([0.42 * math.pi]), np.array([level]), 0.013))
    return places


def _draw_zip(scene: Scene, body: SolidBody, shaft: Shaft) -> None:
    """Draw a zip up both sides of the shaft; the one in sight is drawn."""
    for turn in (0.52 * math.pi, -0.52 * math.pi):
        t = np.linspace(0.93, 0.0, 9)
        for line in body.placed(shaft.points(np.full(9, turn), t, 0.003)):
            for curve in body.stretches(line, 0.02):
                if len(curve) > 4:
                    draw_zipper(scene, curve, width=0.022)


def _draw_seams(body: SolidBody, upper: Upper, shaft: Shaft) -> None:
    """Draw the seam between vamp and shaft, and the one behind."""
    for side in (-1, 1):
        share = np.linspace(0.04, 0.92, 12)
        angle = 0.5 * math.pi * share
        line = upper.skin(0.44 + 0.10 * np.sin(math.pi * share), angle if side < 0 else math.pi - angle, 0.001)
        body.add_seam(line, dark=0.3)
        body.add_topstitch(line + np.array([0.008, 0.0, 0.0]))
    back = np.linspace(0.95, 0.0, 8)
    body.add_seam(shaft.points(np.full(8, 0.93 * math.pi), back, 0.001), dark=0.25)
