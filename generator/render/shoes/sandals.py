"""Draw sandals in profile, toe to the right: bands over an open foot bed."""

import math
from dataclasses import dataclass

import numpy as np

from generator.render.engine.curves import Curve, outline, ribbon
from generator.render.engine.fittings import draw_buckle, draw_button
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene
from generator.render.shoes.heels import finish_shoe, place_shoe
from generator.render.shoes.soles import RISE, Foot, draw_heel_under, draw_sole_under


@register_silhouette("sandal")
def draw_sandal(scene: Scene) -> None:
    """Draw bands over an open foot bed, with or without an ankle strap; flat cork sole, block or high heel."""
    d, heel = scene.design, scene.choose_cut("heel")
    pair = place_shoe(scene, heel)
    cork = heel == "flat" and d.chance("cork", 0.6)
    foot = Foot(
        rise=RISE[heel] * (0.35 if cork else 1.0) * d.uniform("rise", 0.9, 1.05),
        toe=0.365 + d.uniform("toe", -0.01, 0.012),
        spring=0.016,
        thick=d.uniform("cork sole", 0.042, 0.060) if cork else d.uniform("sole", 0.016, 0.028),
    )
    if heel != "flat":
        draw_heel_under(scene, foot, heel, "heel" if heel == "block" else "main")
    ankle = scene.choose_cut("strap") == "long"
    bed = [(x, y - 0.030 * math.sin(math.pi * (i + 0.35) / 7.2)) for i, (x, y) in enumerate(foot.under())]
    style = d.choice("bands", ("two", "one", "cross", "three"))
    bands = _bands(style, d.uniform("band", 0.85, 1.2))
    for band in bands:
        _draw_band(scene, foot, band, near=False)
    if ankle:
        _draw_ankle_strap(scene, foot, near=False)
    scene.add_panel(
        outline(bed, (foot.toe, foot.under()[-1][1]), foot.under()[::-1]),
        "insole",
        puff=0.006,
        soft=0.010,
        lift=0.006,
        shadow=0.0,
    )
    draw_sole_under(scene, foot, "cork" if cork else "heel")
    if cork:
        draw_sole_under(
            scene, Foot(rise=foot.rise, toe=foot.toe, spring=foot.spring, thick=0.012, floor=foot.floor), "dark"
        )
    elif heel == "flat":
        draw_heel_under(scene, foot, heel, "heel")
    for band in bands:
        _draw_band(scene, foot, band, near=True)
    if ankle:
        _draw_ankle_strap(scene, foot, near=True)
    finish_shoe(scene, foot, pair)


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A strip of cloth from the near edge of the sole over the foot to its far edge."""

    foot: float
    """Where it leaves the sole (x)."""
    lean: float
    """How far its crown is ahead of that."""
    tall: float
    width: float


def _bands(style: str, wide: float) -> list[Band]:
    rows = {
        "one": [(0.155, 0.020, 0.105, 0.165)],
        "two": [(0.235, 0.020, 0.080, 0.068), (0.070, 0.030, 0.122, 0.068)],
        "three": [(0.270, 0.012, 0.066, 0.030), (0.185, 0.018, 0.088, 0.030), (0.085, 0.025, 0.115, 0.030)],
        "cross": [(0.245, -0.075, 0.096, 0.048), (0.105, 0.085, 0.100, 0.048)],
    }
    return [Band(foot=x, lean=lean, tall=tall, width=width * wide) for x, lean, tall, width in rows[style]]


def _side_of(foot: Foot, band: Band) -> tuple[Curve, Curve]:
    """Return the rear and the front edge of the near half of a band, from the sole up to the crown."""
    fall = 0.30 * band.width
    edges = []
    for side in (-1, 1):
        x = band.foot + 0.5 * side * band.width
        y, high = foot.at(x) + 0.006, foot.at(band.foot) - band.tall + 0.5 * side * fall
        lean = band.lean - 0.10 * side * band.width
        edges.append(
            [
                (x, y),
                (x + 0.12 * lean - 0.004, 0.45 * y + 0.55 * high),
                (x + 0.55 * lean, 0.10 * y + 0.90 * high),
                (x + lean + 0.008, high),
            ]
        )
    return edges[0], edges[1]


def _draw_band(scene: Scene, foot: Foot, band: Band, *, near: bool) -> None:
    """Draw one half of a band; the far half comes first, its inner side in shade."""
    hind, fore = _side_of(foot, band)
    crown = (0.5 * (hind[-1][0] + fore[-1][0]) + 0.006, 0.5 * (hind[-1][1] + fore[-1][1]) - 0.05 * band.width)
    shape = outline(hind, [hind[-1], crown, fore[-1]], fore[::-1])
    if not near:
        scene.add_panel(shape + np.array([0.022, -0.004]), "insole", puff=0.006, soft=0.010, shade=0.60, shadow=0.0)
        (x, y), end = hind[-1], band.foot + band.lean + 0.070
        far: Curve = [
            (x + 0.3 * band.width, crown[1] + 0.010),
            (end - 0.012, 0.6 * y + 0.4 * foot.at(end)),
            (end, foot.at(end) - 0.018),
        ]
        if band.width < 0.055:
            scene.add_panel(ribbon(far, band.width), puff=0.006, soft=0.010, shade=0.75, shadow=0.0)
        return
    scene.add_panel(shape, puff=0.016, soft=0.016, lift=0.012, shadow=0.45, reach=0.010, volume=0.016)
    if band.width > 0.055:
        for edge, inset in ((hind, 0.008), (fore, -0.008)):
            scene.add_topstitch([(x + inset, y + 0.004) for x, y in edge[:-1]])
        size = min(0.036, 0.42 * band.width)
        (x, y) = (0.5 * (hind[1][0] + fore[1][0]), 0.5 * (hind[1][1] + fore[1][1]))
        draw_buckle(scene, x, y, size, 0.85 * size, 0.009)
    else:
        draw_button(scene, band.foot, foot.at(band.foot) - 0.018, 0.009)


def _draw_ankle_strap(scene: Scene, foot: Foot, *, near: bool) -> None:
    """Draw a heel cup and an ankle strap with a buckle."""
    x0, y0 = foot.heel, foot.under()[0][1]
    high = y0 - 0.155
    if not near:
        scene.add_panel(
            ribbon([(x0 + 0.012, high + 0.012), (x0 + 0.08, high - 0.030), (x0 + 0.155, high + 0.008)], 0.020),
            "insole",
            puff=0.005,
            soft=0.008,
            shade=0.62,
            shadow=0.0,
        )
        return
    cup = outline(
        [(x0 - 0.002, y0 + 0.006), (x0 - 0.012, y0 - 0.05), (x0 + 0.002, high)],
        [(x0 + 0.030, high + 0.012), (x0 + 0.045, y0 - 0.055), (x0 + 0.105, foot.at(x0 + 0.105) + 0.006)],
    )
    scene.add_panel(cup, puff=0.012, soft=0.016, lift=0.012, shadow=0.4)
    strap: Curve = [(x0 + 0.006, high + 0.010), (x0 + 0.07, high + 0.036), (x0 + 0.165, high + 0.004)]
    scene.add_panel(ribbon(strap, 0.024), puff=0.008, soft=0.010, lift=0.016, shadow=0.5, reach=0.008)
    draw_buckle(scene, x0 + 0.092, high + 0.034, 0.021, 0.020, 0.008)
