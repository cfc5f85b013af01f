"""Draw dresses."""

from dataclasses import dataclass, replace
from typing import cast

from generator.render.clothes.collars import draw_inside_back, round_neck, v_neck
from generator.render.clothes.folds import body_folds
from generator.render.clothes.fronts import draw_waist_belt, placket_side
from generator.render.clothes.garment import (
    GarmentMeasures,
    armhole_line,
    body_outline,
    draw_armhole_seams,
    draw_cuff,
    draw_near_sleeve,
    draw_sleeves,
    draw_stitches,
    place_garment,
    sample_sleeve,
)
from generator.render.clothes.skirts import (
    Hem,
    Tier,
    draw_hem_band,
    draw_tier_seams,
    falling_outline,
    gathers,
    sample_hem,
    tier_folds,
    tiers_of,
)
from generator.render.engine.curves import Curve, Point, mirrored_outline, on_side, ribbon
from generator.render.engine.fittings import draw_button
from generator.render.engine.height_field import Flutes, Fold
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Skirt:
    """The lower part of a dress: ranges of waist and hem relative to the chest, and its folds."""

    waist: tuple[float, float]
    waist_at: tuple[float, float]
    hem: tuple[float, float]
    flutes: float
    depth: float
    round_: float
    """How round the hem is cut: 0 a gathered rectangle, 1 a part of a circle."""


_NATURAL = (0.262, 0.305)
SKIRTS = {
    "shift": Skirt(waist=(0.92, 1.02), waist_at=(0.28, 0.31), hem=(1.02, 1.35), flutes=2.5, depth=0.005, round_=0.5),
    "empire": Skirt(waist=(0.88, 0.98), waist_at=(0.205, 0.235), hem=(1.35, 1.90), flutes=5.0, depth=0.010, round_=0.5),
    "sheath": Skirt(waist=(0.76, 0.86), waist_at=_NATURAL, hem=(0.98, 1.16), flutes=2.0, depth=0.003, round_=0.5),
    "a-line": Skirt(waist=(0.76, 0.88), waist_at=_NATURAL, hem=(1.40, 1.75), flutes=4.5, depth=0.010, round_=0.8),
    "full": Skirt(waist=(0.74, 0.84), waist_at=_NATURAL, hem=(1.75, 2.15), flutes=7.0, depth=0.014, round_=0.45),
    "tiered": Skirt(waist=(0.78, 0.90), waist_at=_NATURAL, hem=(1.55, 1.95), flutes=6.0, depth=0.012, round_=0.3),
}
STRAPS = {"tank": (0.020, 0.032), "thin": (0.006, 0.010)}
"""Half width of the straps of a sleeveless dress without shoulders."""


@register_silhouette("dress")
def draw_dress(scene: Scene) -> None:
    """Draw a dress without a waist (shift, empire) or with one (sheath, A-line, full, tiered).

    Plain, buttoned, wrapped or belted; sleeveless ones have shoulders, tank straps or thin straps.
    """
    d, sleeve, pointed = scene.design, scene.choose_cut("sleeve"), scene.choose_cut("neckline") == "v"
    style = d.choice("skirt", ("shift", "empire", "sheath", "a-line", "a-line", "full", "full", "tiered"))
    shape, chest = SKIRTS[style], d.uniform("chest", 0.122, 0.142)
    bare = sleeve == "none"
    strap = d.choice("straps", ("shoulders", "shoulders", "tank", "tank", "thin")) if bare else "shoulders"
    measures = GarmentMeasures(
        scoop=d.uniform("v depth", 0.130, 0.185) if pointed else d.uniform("scoop", 0.055, 0.105),
        neck=d.uniform("neck", 0.056, 0.080),
        shoulder=chest - d.uniform("shoulder", 0.010, 0.036) if bare else chest + d.uniform("shoulder", 0.0, 0.012),
        slope=0.034,
        chest=chest,
        armhole=0.155,
        waist=chest * d.uniform("waist", *shape.waist),
        waist_at=d.uniform("waist at", *shape.waist_at),
        hem=chest * d.uniform("hem", *shape.hem),
        length=d.uniform("length", 0.62, 0.72),
        dip=d.uniform("dip", 0.004, 0.022),
    )
    if strap != "shoulders":
        half = d.uniform("strap", *STRAPS[strap])
        middle = d.uniform("strap at", 0.56, 0.68) * chest
        scoop = measures.scoop if pointed else d.uniform("deep scoop", 0.085, 0.125)
        measures = replace(
            measures, neck=middle - half, shoulder=middle + half, slope=0.004, scoop=scoop, armhole=0.165
        )
    sleeve_measures = None
    if sleeve == "short":
        sleeve_measures = sample_sleeve(
            scene,
            d.uniform("short sleeve", 0.10, 0.15),
            d.uniform("mouth", 0.046, 0.062),
            angle=0.5,
            fullness=d.uniform("fullness", 1.0, 1.22),
        )
    elif sleeve == "long":
        sleeve_measures = sample_sleeve(
            scene,
            d.uniform("long sleeve", 0.36, 0.41),
            d.uniform("wrist", 0.034, 0.050),
            angle=0.25,
            fullness=d.uniform("fullness", 1.0, 1.30),
        )
    measures = place_garment(scene, measures, 1.30, sleeve=sleeve_measures)
    flutes = Flutes(
        measures.waist_at + (0.04 if style == "shift" else 0.0),
        measures.length,
        measures.hem,
        measures.waist,
        shape.flutes + d.uniform("flutes", -0.5, 1.5),
        shape.depth,
        scene.shot.uniform("flutes hem", 0.0, 6.28),
    )
    hem = sample_hem(scene, measures.hem, measures.length, (measures.waist, measures.waist_at), flutes, shape.round_)
    thin = strap == "thin"
    neckline = _neckline(measures, pointed, thin)
    arms = draw_sleeves(scene, measures, sleeve_measures) if sleeve_measures else []
    if strap == "shoulders":
        draw_inside_back(scene, measures, measures.scoop + 0.01, "main")
    else:
        _draw_low_back(scene, measures)
    _draw_front(scene, measures, neckline, hem, style, sleeved=bool(sleeve_measures))
    draw_near_sleeve(scene)
    _draw_bodice(scene, measures, neckline, hem, sleeved=bool(sleeve_measures), pointed=pointed)
    if style == "tiered":
        draw_tier_seams(scene, _tiers(scene, measures, hem))
    for each in arms:
        draw_cuff(scene, each, 0.018 if sleeve == "short" else 0.030)
    _draw_edges(scene, measures, neckline, hem, bare=bare)
    if scene.appearance.hardware != "none":
        draw_waist_belt(scene, measures, tied=False, width=d.uniform("belt", 0.026, 0.040))
    elif style != "shift":
        _draw_waist(scene, measures)


def _neckline(measures: GarmentMeasures, pointed: bool, thin: bool) -> Curve:
    """Return the neckline from the axis to the neck point; a dress on thin straps has a straighter upper edge."""
    if pointed:
        return v_neck(measures)
    if not thin:
        return round_neck(measures)
    n, low = measures.neck, measures.scoop
    return [(0.0, low), (0.62 * n, 0.98 * low), (0.96 * n, 0.84 * low), (n, 0.5 * low), (n, 0.0)]


def _draw_low_back(scene: Scene, measures: GarmentMeasures) -> None:
    """Draw the inner side of the back and the back half of the straps of a dress without shoulders."""
    n, s, pit = measures.neck, measures.shoulder, measures.armhole
    high = scene.design.uniform("back", 0.45, 0.80) * min(measures.scoop, 0.12)
    for side in (-1, 1):
        band = [(0.5 * (n + s), -0.002), (0.5 * (n + s) - 0.004, 0.5 * high), (0.46 * (n + s), high + 0.03)]
        strip = ribbon(on_side(band, side), s - n)
        scene.add_panel(strip, puff=0.002, soft=0.006, lift=0.004, shade=0.70, shadow=0.0)
    shape = mirrored_outline(
        [(0.0, high + 0.012), (0.7 * n, high + 0.004), (s, high + 0.010), (measures.chest - 0.012, pit)],
        (measures.chest - 0.012, pit + 0.03),
        (0.0, measures.scoop + 0.03),
    )
    scene.add_panel(shape, puff=0.0, lift=0.010, shade=0.74, shadow=0.0, part="lining")
    scene.add_overlay(
        mirrored_outline([(0.0, high + 0.018), (0.014, high + 0.018)], (0.014, high + 0.030), (0.0, high + 0.030)),
        "label",
        puff=0.001,
        shade=0.80,
    )
    low = measures.scoop
    scene.darken(mirrored_outline([(0.0, 0.75 * low), (s, 0.6 * low)], [(s, low + 0.02), (0.0, low + 0.02)]), 0.3, 0.02)


def _draw_front(
    scene: Scene, measures: GarmentMeasures, neckline: Curve, hem: Hem, style: str, *, sleeved: bool
) -> None:
    """Draw the cloth of the front from the neckline to the hem."""
    upper = [cast(Curve, each) for each in body_outline(measures, neckline)[:3]]
    if not sleeved:
        upper[2] = armhole_line(measures)
    waist = (measures.waist, measures.waist_at)
    pit = (measures.chest, measures.armhole)
    bust = (0.5 * (pit[0] + waist[0]) + 0.003, 0.5 * (pit[1] + waist[1]))
    folds: list[Fold] = [*body_folds(scene, measures)[:8], hem.flutes]
    if style in ("full", "tiered", "empire") or (style == "a-line" and scene.design.chance("gathered", 0.4)):
        folds += gathers(scene, "waist gathers", measures.waist, measures.waist_at, 0.20)
    if style == "tiered":
        folds += tier_folds(scene, _tiers(scene, measures, hem))
    if style != "shift" and scene.design.chance("gathered bodice", 0.35):
        folds += gathers(scene, "bodice gathers", measures.waist, measures.waist_at, -0.08, fan=1.05)
    scene.add_panel(
        falling_outline([*upper, [pit, bust, waist]], _skirt_side(measures, style), hem),
        puff=0.013,
        soft=0.022,
        volume=0.012,
        folds=folds,
        shadow=0.4,
    )


def _skirt_side(measures: GarmentMeasures, style: str) -> list[Point]:
    """Return the right side of the skirt from the waist to the hem: it falls from the hips or from the waist."""
    waist, hem, top, length = measures.waist, measures.hem, measures.waist_at, measures.length
    drop, flare = length - top, hem - waist
    if style == "shift":
        return [(waist, top), (waist + 0.48 * flare + 0.003, top + 0.5 * drop), (hem, length)]
    if style == "sheath":
        hip = max(0.85 * waist + 0.048, 0.5 * (waist + hem))
        return [
            (waist, top),
            (hip, top + 0.13),
            (0.55 * hip + 0.45 * hem + 0.002, top + 0.13 + 0.5 * (drop - 0.13)),
            (hem, length),
        ]
    spring = {"empire": 0.0, "a-line": 0.002, "full": 0.012, "tiered": 0.008}[style]
    return [
        (waist, top),
        (waist + 0.13 * flare + spring, top + 0.10 * drop),
        (waist + 0.53 * flare + 0.6 * spring, top + 0.5 * drop),
        (hem, length),
    ]


def _draw_bodice(
    scene: Scene, measures: GarmentMeasures, neckline: Curve, hem: Hem, *, sleeved: bool, pointed: bool
) -> None:
    """Draw armhole seams, and darts, princess seams, a wrapped front or a row of buttons."""
    d = scene.design
    if sleeved:
        draw_armhole_seams(scene, measures)
    styles = ("darts", "darts", "princess", "princess", "plain", "plain", "buttons")
    style = d.choice("bodice", (*styles, "wrap", "wrap", "wrap") if pointed else styles)
    if style == "plain":
        return
    side = placket_side(scene)
    if style == "wrap":
        start = (0.56 * neckline[-1][0], 0.40 * measures.scoop)
        edge: Curve = [
            (side * start[0], start[1]),
            (0.0, measures.scoop),
            (-side * 0.88 * measures.waist, measures.waist_at),
        ]
        scene.add_seam(edge, dark=0.45, width=0.005)
        scene.darken(ribbon([(x, y + 0.004) for x, y in edge], 0.006), 0.25, 0.006)
        low = measures.length + hem.dip
        fall: Curve = [
            (-side * 0.62 * measures.waist, measures.waist_at),
            (-side * 0.55 * measures.waist, 0.5 * (measures.waist_at + low)),
            (-side * 0.25 * measures.hem, low),
        ]
        scene.darken(ribbon([(x - side * 0.006, y) for x, y in fall], 0.010), 0.30, 0.008)
        scene.add_seam(fall, dark=0.45, width=0.005)
        return
    if style == "buttons":
        x, low = side * 0.012, measures.length + hem.dip
        scene.add_seam([(x, measures.scoop), (x, low)], dark=0.40, width=0.004)
        last = low - 0.08
        count = round((last - measures.scoop) / 0.055)
        for i in range(count):
            y = measures.scoop + 0.022 + (last - measures.scoop) * i / count
            if abs(y - measures.waist_at) > 0.024:
                draw_button(scene, 0.0, y, 0.0072, "shell")
        return
    for each in (-1, 1):
        if style == "darts":
            lines: list[Curve] = [
                [(0.052, measures.waist_at - 0.095), (0.050, measures.waist_at - 0.012)],
                [(measures.chest - 0.008, measures.armhole + 0.045), (0.068, measures.armhole + 0.022)],
            ]
        else:
            lines = [
                [
                    (measures.chest - 0.026, 0.70 * measures.armhole),
                    (0.066, measures.armhole + 0.030),
                    (0.052, measures.waist_at),
                    (0.066, measures.waist_at + 0.14),
                ]
            ]
        for line in lines:
            scene.add_seam(on_side(line, each), dark=0.22, width=0.0035)


def _tiers(scene: Scene, measures: GarmentMeasures, hem: Hem) -> list[Tier]:
    shares = scene.design.choice("tiers", ((0.5,), (0.34, 0.67), (0.30, 0.64)))
    return tiers_of(_skirt_side(measures, "tiered"), shares, hem)


def _draw_edges(scene: Scene, measures: GarmentMeasures, neckline: Curve, hem: Hem, *, bare: bool) -> None:
    """Draw the edges of neck and armholes, faced or bound in another colour, and the hem, stitched or banded."""
    d = scene.design
    bound = d.chance("bound edges", 0.16)
    lines = [neckline, armhole_line(measures)] if bare else [neckline]
    for side in (-1, 1):
        for line in lines:
            if bound:
                strip = ribbon(on_side(line, side), 0.012)
                scene.add_overlay(strip, "cord", puff=0.003, soft=0.005, shadow=0.2, clip=False, part="body")
                continue
            inward = (
                [(0.99 * x, y + 0.013) for x, y in line]
                if line is neckline
                else [(x - 0.010, y + 0.004) for x, y in line]
            )
            scene.add_seam(on_side(inward, side), dark=0.18, width=0.003, depth=0.0014)
    if d.chance("hem band", 0.6 if bound else 0.06):
        draw_hem_band(scene, hem, d.uniform("hem band depth", 0.018, 0.045), "cord")
    else:
        draw_stitches(scene, hem.line(0.015, 0.004))


def _draw_waist(scene: Scene, measures: GarmentMeasures) -> None:
    """Draw what is at the waist without a buckle: a seam, a band of another colour, a tied sash, an elastic casing."""
    kind = scene.design.choice("waist kind", ("seam", "seam", "seam", "seam", "casing", "casing", "sash", "band"))
    waist, y = measures.waist, measures.waist_at
    if kind == "sash":
        draw_waist_belt(scene, measures, tied=True, width=0.028)
    elif kind == "band":
        half = scene.design.uniform("waist band", 0.010, 0.018)
        band = mirrored_outline(
            [(0.0, y - half + 0.005), (waist, y - half)], (waist, y + half), (0.0, y + half + 0.005)
        )
        scene.add_overlay(band, "cord", puff=0.002, soft=0.006, shadow=0.2, part="body")
    else:
        rows = (0.0,) if kind == "seam" else (-0.008, 0.008)
        for row in rows:
            line = [(-waist, y + row), (0.0, y + row + 0.006), (waist, y + row)]
            scene.add_seam(line, dark=0.38, width=0.006)
