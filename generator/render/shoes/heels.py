"""Draw pumps and loafers three-quarter, in snapshots from above."""

import math

import numpy as np

from generator.render.engine.fittings import draw_plate, draw_ring
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
    band_directions,
    finish_shoes,
    place_shoes,
)
from generator.render.shoes.uppers import TOP, Upper, add_skin, add_upper, strap_over

RISE = {"flat": 0.022, "block": 0.130, "high": 0.225}
"""Height of the heel of a pump, in units."""
LOAFER_RISE = {"flat": 0.026, "block": 0.085}
"""Height of the heel of a loafer, in units."""


@register_silhouette("pump")
def draw_pump(scene: Scene) -> None:
    """Draw a low-cut court shoe, from ballet flat to stiletto, with a pointed to round toe, a bow or a plaque."""
    d, heel = scene.design, scene.choose_cut("heel")
    body = place_shoes(scene, (0.12, 0.75), (0.20, 0.46))
    last = Last(
        rise=RISE[heel] * d.uniform("rise", 0.90, 1.06),
        broad={"flat": 0.92, "block": 0.86, "high": 0.80}[heel] * d.uniform("broad", 0.95, 1.05),
        point=d.uniform("point", 0.1, 1.0),
        thick=d.uniform("sole", 0.010, 0.016) if heel != "high" or d.chance("thin", 0.75) else 0.040,
        spring=0.010,
    )
    collar = d.uniform("counter", 0.62, 0.72), d.uniform("side", 0.30, 0.44), 0.60
    throat = d.uniform("throat", 0.70, 0.77)
    upper = Upper(last=last, throat=throat, collar=collar, toe=d.uniform("toe", 0.80, 1.0), tall=0.92, out=0.005)
    _add_thin_sole(
        body, last, heel, d.uniform("pin", 0.10, 0.20) if heel == "high" else d.uniform("block", 0.62, 0.92), "main"
    )
    add_bed(body, last, "insole", shade=0.9)
    add_upper(body, upper, "insole")
    if d.chance("cap", 0.2):
        add_skin(body, upper, "trim", np.linspace(0.885, 1.0, 7), 0.0, math.pi, out=0.002, number=11)
    plaque = scene.appearance.hardware != "none"
    if not plaque and d.chance("bow", 0.5):
        _add_flat_bow(body, upper, throat + 0.025, d.uniform("bow", 0.034, 0.050))
    finish_shoes(scene, body, last)
    if plaque:
        _draw_ornament(scene, body, upper.skin(np.array([throat + 0.045]), np.array([TOP]), 0.004), 0.034, 0.020)


def _add_thin_sole(body: SolidBody, last: Last, heel: str, thin: float, cloth: str) -> None:
    """Add a thin sole and, below it, a low heel, a block or a high heel."""
    add_wall(body, last, "heel", 0.002, -last.thick, grow=0.004)
    add_lid(body, last, "heel", -0.004, grow=0.004)
    add_heel(
        body,
        last,
        "block" if heel == "flat" else heel,
        0.97 if heel == "flat" else thin,
        "heel" if heel == "flat" else cloth,
    )


def _add_flat_bow(body: SolidBody, upper: Upper, f: float, width: float) -> None:
    """Add a flat bow across the throat."""
    for angles in ((TOP - 0.02, TOP - 0.62), (TOP + 0.02, TOP + 0.62), (TOP - 0.12, TOP + 0.12)):
        knot = angles[1] - angles[0] < 0.3 and angles[0] < TOP - 0.1
        strap_over(
            body,
            upper,
            (f, f),
            angles,
            (0.5 if knot else 1.0) * width,
            "self",
            out=0.014 if knot else 0.006,
            thick=0.010,
            number=7,
        )


def _draw_ornament(scene: Scene, body: SolidBody, points: Points, wide: float, high: float) -> None:
    """Draw a plaque with a framed middle where it is visible."""
    for x, y in body.where_visible(points, 0.02):
        draw_plate(scene, x, y, wide, high)
        draw_ring(scene, x, y, 0.70 * wide, 0.62 * high, 0.18 * wide, "dark")


@register_silhouette("loafer")
def draw_loafer(scene: Scene) -> None:
    """Draw a loafer: a raised apron seam around the front, a band across the instep with a slot, metal or tassels."""
    d, heel = scene.design, scene.choose_cut("heel")
    body = place_shoes(scene, (0.15, 0.80), (0.20, 0.46))
    last = Last(
        rise=LOAFER_RISE[heel] * d.uniform("rise", 0.92, 1.06),
        broad=d.uniform("broad", 0.86, 0.98),
        point=d.uniform("point", 0.0, 0.7),
        thick=d.uniform("sole", 0.014, 0.034),
        spring=0.016,
    )
    throat = d.uniform("throat", 0.50, 0.57)
    collar = d.uniform("counter", 0.70, 0.80), d.uniform("side", 0.46, 0.58), 0.80
    upper = Upper(last=last, throat=throat, collar=collar, toe=d.uniform("toe", 0.90, 1.12), tall=0.98, out=0.007)
    add_wall(body, last, d.choice("welt", ("heel", "dark")), 0.004, -last.thick, grow=0.012)
    add_lid(body, last, "heel", -0.004, grow=0.012)
    add_heel(body, last, "block", 0.96 if heel == "flat" else 0.86, d.choice("stack", ("heel", "dark")))
    add_bed(body, last, "insole", shade=0.8)
    add_upper(body, upper, "insole")
    share = np.linspace(-1, 1, 21)
    reach, wide = d.uniform("apron", 0.86, 0.92), d.uniform("apron width", 0.62, 0.86)
    angle = TOP + wide * np.sign(share) * np.abs(share) ** 0.62
    f = reach - (reach - throat - 0.02) * np.abs(share) ** 2.4
    path, outward, across = band_directions(
        last, upper.skin(f, angle, 0.001), upper.skin(f + 0.02, angle) - upper.skin(f - 0.02, angle), f
    )
    add_strap(body, path, outward, 0.016, "self", across=across, back="self", thick=0.007)
    style = d.choice("band", ("band", "bit", "band", "tassel"))
    at = throat + 0.045
    strap_over(
        body,
        upper,
        (at - 0.05, at - 0.05),
        (0.22, math.pi - 0.22),
        d.uniform("band width", 0.058, 0.082),
        d.choice("band cloth", ("self", "main", "trim")),
        out=0.006,
        lean=0.05,
        thick=0.006,
    )
    if style == "tassel":
        for side in (-0.16, 0.16):
            for fan in (-0.07, 0.0, 0.07):
                share = np.linspace(0, 1, 5)
                f = at + 0.01 + 0.085 * share
                angle = TOP + side + fan * share
                path, outward, across = band_directions(
                    last,
                    upper.skin(f, angle, 0.016),
                    np.cross(
                        np.gradient(upper.skin(f, angle), axis=0), upper.skin(f, angle, 1.0) - upper.skin(f, angle)
                    ),
                    f,
                )
                add_strap(body, path, outward, 0.020, "self", across=across, back="self", thick=0.006)
    finish_shoes(scene, body, last)
    metal = scene.appearance.hardware != "none"
    place = upper.skin(np.array([at]), np.array([TOP]), 0.014)
    if style == "bit" or metal:
        _draw_bit(scene, body, upper, at)
    else:
        for x, y in body.where_visible(place, 0.02):
            draw_plate(scene, x, y, 0.030, 0.010, "dark")


def _draw_bit(scene: Scene, body: SolidBody, upper: Upper, f: float) -> None:
    """Draw two rings joined by a bar across the instep."""
    ends = upper.skin(np.full(3, f), TOP + np.array([-0.42, 0.0, 0.42]), 0.016)
    for x, y in body.where_visible(ends[1:2], 0.02):
        draw_plate(scene, x, y, 0.034, 0.011)
    for x, y in [place for end in (ends[:1], ends[2:]) for place in body.where_visible(end, 0.02)]:
        draw_ring(scene, x, y, 0.022, 0.020, 0.010)
