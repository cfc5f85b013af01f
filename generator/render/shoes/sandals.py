"""Draw sandals, slides and flip-flops three-quarter from above: straps over an open foot bed, singly or in pairs."""

import math

import numpy as np

from generator.render.engine.fittings import draw_buckle, draw_button, draw_ring
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene
from generator.render.engine.solid import Points, SolidBody
from generator.render.shoes.last import (
    Last,
    add_bed,
    add_heel,
    add_lid,
    add_strap,
    add_wall,
    ankle_path,
    band_path,
    finish_shoes,
    place_shoes,
)

RISE = {"flat": 0.008, "block": 0.145, "high": 0.235}
"""Height of the heel, in units."""


@register_silhouette("sandal")
def draw_sandal(scene: Scene) -> None:
    """Draw straps over an open foot bed, with or without an ankle strap; flat sole, block or high heel."""
    d, heel = scene.design, scene.choose_cut("heel")
    ankle = scene.choose_cut("strap") == "long"
    sole = d.choice("flat sole", ("cork", "cork", "leather", "rubber")) if heel == "flat" else "thin"
    thick = {
        "cork": d.uniform("cork sole", 0.050, 0.072),
        "rubber": d.uniform("rubber sole", 0.055, 0.085),
        "leather": 0.026,
        "thin": d.uniform("platform", 0.016, 0.034),
    }[sole]
    body = place_shoes(scene)
    broad = {"flat": 1.0, "block": 0.92, "high": 0.84}[heel] * d.uniform("broad", 0.95, 1.06)
    style = d.choice("bands", ("two", "one", "cross", "three", "tee") if heel == "flat" else ("two", "one", "cross"))
    wide, insole = d.uniform("band", 0.88, 1.18), d.choice("bed", ("insole", "insole", "self", "lining"))
    last = Last(
        rise=RISE[heel] * d.uniform("rise", 0.93, 1.05),
        broad=broad,
        point=0.0 if heel == "flat" else d.uniform("point", 0.0, 0.45),
        thick=thick,
    )
    thin = d.uniform("pin", 0.13, 0.24) if heel == "high" else d.uniform("block", 0.72, 0.95)
    _add_sole(body, last, sole, heel, thin)
    cup, grow = (0.014, 0.004) if sole in ("cork", "rubber") else (0.005, 0.002)
    add_bed(body, last, insole, cup=cup, grow=grow)
    fittings = _add_bands(scene, body, last, style, wide)
    if ankle:
        fittings += _add_ankle_strap(body, last, 0.046 if sole == "rubber" else 0.026)
    finish_shoes(scene, body, last)
    _draw_fittings(scene, body, fittings)


def _add_sole(body: SolidBody, last: Last, sole: str, heel: str, thin: float) -> None:
    """Add cork on a dark outsole, a thick rubber sole, or a thin sole with a heel."""
    if sole == "cork":
        add_wall(body, last, "cork", 0.014, -0.78 * last.thick, grow=0.004)
        add_wall(body, last, "dark", -0.78 * last.thick, -last.thick, grow=0.005)
    elif sole == "rubber":
        add_wall(body, last, "dark", 0.012, -last.thick, grow=0.010, flare=0.03)
        add_lid(body, last, "dark", 0.008, grow=0.010)
    else:
        add_wall(body, last, "heel" if sole == "leather" else "insole", 0.005, -last.thick, grow=0.002)
        if sole == "leather":
            add_wall(body, last, "dark", -0.65 * last.thick, -last.thick, grow=0.004)
    if heel != "flat":
        add_heel(body, last, heel, thin, "heel" if heel == "block" else "main")


def _add_bands(scene: Scene, body: SolidBody, last: Last, style: str, wide: float) -> list[tuple[Points, float, str]]:
    """Add the bands over the toes and the instep; return the places and sizes of their buckles."""
    rows = {
        "one": [(0.66, 0.70, 0.03, 0.165)],
        "two": [(0.76, 0.74, 0.02, 0.090), (0.52, 0.50, 0.03, 0.090)],
        "three": [(0.82, 0.79, 0.015, 0.036), (0.70, 0.68, 0.015, 0.036), (0.54, 0.52, 0.02, 0.036)],
        "cross": [(0.80, 0.56, 0.0, 0.060), (0.56, 0.78, 0.0, 0.060)],
        "tee": [(0.60, 0.58, 0.02, 0.040)],
    }[style]
    fittings: list[tuple[Points, float, str]] = []
    for start, end, lean, width in rows:
        path, out, across = band_path(last, start, end, lean)
        add_strap(body, path, out, width * wide, across=across)
        kind = "buckle" if width > 0.08 else "ring" if style in ("cross", "tee") else "stud"
        k = {"buckle": 11, "ring": 8, "stud": 12}[kind]
        size = {"buckle": 0.27 * width * wide, "ring": 0.032, "stud": 0.014}[kind]
        if style != "cross" or start > 0.7:
            fittings.append((path[k : k + 1] + 0.012 * out[k : k + 1], size, kind))
    if style == "tee":
        share = np.linspace(0, 1, 11)
        f = 0.86 - 0.29 * share
        angle = np.full_like(f, 0.5 * math.pi) - 0.22 * (1 - share)
        path, out, across = _strip(last, f, angle, np.minimum(1.0, 0.15 + 2.5 * share))
        add_strap(body, path, out, 0.030 * wide, across=across)
    return fittings


def _strip(last: Last, f: np.ndarray, angle: np.ndarray, rise: np.ndarray) -> tuple[Points, Points, Points]:
    """Return path, outward and width direction of a strap along the foot, `rise` of the way up from the bed."""
    path = last.over(f, angle)
    bed = last.points(f, np.zeros_like(f), 0.0)
    path[:, 1] = bed[:, 1] + rise * (path[:, 1] - bed[:, 1])
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.broadcast_to(np.array([0.0, 0.0, 1.0]), path.shape)
    out = np.cross(along, -across)
    return path, out, across


def _draw_fittings(scene: Scene, body: SolidBody, fittings: list[tuple[Points, float, str]]) -> None:
    """Draw the visible ones of buckles, rings and studs, each with its place in space and its size in units."""
    for (x, y), size, kind in [
        (at, size, kind) for points, size, kind in fittings for at in body.where_visible(points)
    ]:
        if kind == "buckle":
            draw_buckle(scene, x, y, size, 0.9 * size, 0.30 * size)
        elif kind == "ring":
            draw_ring(scene, x, y, size, 0.8 * size, 0.36 * size)
        else:
            draw_button(scene, x, y, size)


def _add_ankle_strap(body: SolidBody, last: Last, width: float) -> list[tuple[Points, float, str]]:
    """Add a strap around the ankle and a strip up to it on both sides; return the place of the buckle."""
    high = 0.165
    path, out, up = ankle_path(last, 0.165, high, 0.098, -math.pi, math.pi)
    add_strap(body, path, out, width, across=up, thick=0.006)
    outer, inner = last.halves(np.array([0.22]))
    t = np.linspace(0, 1, 5)
    for side, reach in ((1.0, float(outer[0])), (-1.0, float(inner[0]))):
        strip = last.points(0.24 - 0.06 * t, side * reach * (1 - 0.08 * t), high * t)[:: -int(side)]
        ahead = np.broadcast_to(np.array([1.0, 0.0, 0.0]), strip.shape)
        outward = np.broadcast_to(np.array([0.0, 0.0, side]), strip.shape)
        add_strap(body, strip, outward, width, across=ahead, thick=0.006)
    return [(path[14:15] + 0.006 * out[14:15], 0.85 * width, "buckle")]


@register_silhouette("slide")
def draw_slide(scene: Scene) -> None:
    """Draw slides: one broad padded band over a thick moulded foot bed, with stripes, a patch or a raised border."""
    d = scene.design
    body = place_shoes(scene)
    thick, broad = d.uniform("thick", 0.032, 0.095), d.uniform("broad", 0.92, 1.08)
    width, front = d.uniform("band", 0.17, 0.30), d.uniform("front", 0.58, 0.72)
    bed, side = d.choice("moulded", (("self", "self"), ("self", "self"), ("dark", "dark"), ("lining", "sole")))
    mark = d.choice("mark", ("stripes", "patch", "border", "none"))
    second = d.choice("second", ("lace", "cord", "trim"))
    last = Last(broad=broad, thick=thick, spring=0.020)
    add_wall(body, last, side, 0.016, -last.thick, grow=0.008, flare=0.02)
    add_bed(body, last, bed, cup=0.016, grow=0.008)
    path, out, across = band_path(last, front + 0.02, front - 0.02, 0.02, out=0.010)
    add_strap(body, path, out, width, across=across, back="lining", thick=0.018)
    marked = {"stripes": (-0.24, 0.0, 0.24), "border": (-0.42, 0.42), "none": (), "patch": ()}[mark]
    for share in marked:
        line = path + share * width * across + 0.0155 * out
        add_strap(body, line, out, 0.10 * width, second, across=across, thick=0.004)
    if mark == "patch":
        middle = slice(6, 11)
        line = path[middle] + 0.016 * out[middle]
        add_strap(body, line, out[middle], 0.5 * width, second, across=across[middle], thick=0.004)
    finish_shoes(scene, body, last)


@register_silhouette("flip-flop")
def draw_flip_flop(scene: Scene) -> None:
    """Draw flip-flops: a flat sole in layers, and two straps from a post between the toes to the sides."""
    d = scene.design
    body = place_shoes(scene)
    thick, broad = d.uniform("thick", 0.026, 0.048), d.uniform("broad", 1.0, 1.10)
    width, back = d.uniform("strap", 0.034, 0.062), d.uniform("back", 0.44, 0.54)
    straps, side = d.choice("straps", ("self", "self", "dark", "lace")), d.choice("side", ("self", "dark", "sole"))
    last = Last(broad=broad, thick=thick, spring=0.010)
    add_wall(body, last, "self", 0.003, -0.55 * thick, grow=0.004)
    add_wall(body, last, side, -0.55 * thick, -thick, grow=0.005)
    add_bed(body, last, "main", cup=0.003, grow=0.004)
    share = np.linspace(0, 1, 13)
    for edge in (0.02, math.pi - 0.02):
        f = 0.83 + (back - 0.83) * share
        angle = 0.5 * math.pi - 0.10 + (edge - 0.5 * math.pi + 0.10) * share**1.5
        path, out, across = _strip(last, f, angle, 0.85 * np.minimum(1.0, 0.1 + 4.0 * share))
        wide = width * (0.45 + 0.55 * np.minimum(1, 2.2 * share))
        add_strap(body, path, out, wide, straps, across=across, back=straps, thick=0.010)
    finish_shoes(scene, body, last)
