"""Draw leggings, track pants and cargo trousers."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

from generator.render.clothes.bottoms import (
    draw_cargo_pockets,
    draw_drawstring,
    draw_fly,
    draw_leg_ends,
    draw_rib_band,
    draw_slant_pockets,
    draw_waistband,
)
from generator.render.clothes.garment import LENGTHS, draw_stitches
from generator.render.clothes.trouser_legs import FRONT, Leg, LegMeasures, draw_legs, place_trousers, sample_legs
from generator.render.engine.curves import Curve, Point, mirrored_outline, on_side, outline, ribbon
from generator.render.engine.fittings import draw_button, draw_zipper
from generator.render.engine.height_field import Crease, Fold
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene


def _long(scene: Scene, low: float, high: float) -> float:
    """Sample the length of trousers in the size that the appearance asks for."""
    return scene.design.uniform("length", low, high) * (0.3 + 0.7 * LENGTHS[scene.appearance.size])


@register_silhouette("leggings")
def draw_leggings(scene: Scene) -> None:
    """Draw leggings: narrow legs, a wide band without opening, flat seams, panels of another tone."""
    d = scene.design
    boxy = 1.15 if scene.appearance.size == "child" else 1.0
    length = _long(scene, 0.68, 0.77)
    waist, hip = d.uniform("waist", 0.098, 0.114) * boxy, d.uniform("hips", 0.018, 0.028) * boxy
    half_leg = d.uniform("ankle", 0.030, 0.038) * boxy
    legs = LegMeasures(
        waist=waist,
        hip=waist + hip,
        crotch=d.uniform("rise", 0.205, 0.235),
        length=length,
        half_leg=half_leg,
        foot=max(d.uniform("spread", 0.44, 0.60) * (waist + hip), half_leg + 0.008),
        knee=d.uniform("knee", -0.006, 0.004),
    )
    place_trousers(scene, legs, 1.15)
    drawn = draw_legs(scene, legs, outseam=False)
    kind = d.choice("panels", ("plain", "plain", "stripe", "knee", "calf"))
    for leg in drawn:
        if kind == "stripe":
            _draw_stripe(scene, leg, "self" if d.chance("tonal", 0.5) else "cord", d.uniform("stripe", 0.010, 0.022))
        elif kind in ("knee", "calf"):
            _draw_panel(scene, legs, leg, 0.40 if kind == "knee" else 0.62, 0.60 if kind == "knee" else 0.94)
        draw_stitches(scene, leg.end(0.014, -0.002))
    depth = d.uniform("band", 0.048, 0.085)
    _draw_wide_band(scene, legs, depth, "rib" if d.chance("contrast band", 0.25) else "main")


def _draw_stripe(scene: Scene, leg: Leg, cloth: str, width: float, away: float = 0.004) -> None:
    """Draw a strip along the outer seam of a leg, `away` units from it."""
    line: list[Point] = [(x - away - 0.5 * width, y) for x, y in leg.outer[1:]]
    scene.add_overlay(ribbon(on_side(line, leg.side), width), cloth, puff=0.001, soft=0.006, shadow=0.10, part="body")


def _draw_panel(scene: Scene, legs: LegMeasures, leg: Leg, start: float, end: float) -> None:
    """Draw a panel of a darker tone across a leg between two shares of its length."""
    inside = legs.length - legs.crotch
    top, low = ((1 - share) * inside for share in (start, end))
    upper, lower = _across(legs, leg, top), _across(legs, leg, low)
    shape = outline(upper, lower[::-1])
    scene.add_overlay(shape, "self", puff=0.0, soft=0.006, shadow=0.0, edge=0.0, part="body")
    for line in (upper, lower):
        scene.add_seam(line, dark=0.25, width=0.0035)


def _across(legs: LegMeasures, leg: Leg, up: float) -> Curve:
    """Return a line across a leg, `up` units above its end."""
    y = legs.length - up
    (ax, bx) = (_x_at(edge, y) for edge in (leg.inner, leg.outer))
    return on_side([(ax, y), (0.5 * (ax + bx), y + 0.008), (bx, y - 0.004)], leg.side)


def _x_at(edge: Curve, y: float) -> float:
    """Return where an edge is at a height."""
    for (ax, ay), (bx, by) in itertools.pairwise(edge):
        if ay <= y <= by:
            return ax + (bx - ax) * (y - ay) / max(by - ay, 1e-9)
    return edge[-1][0]


def _draw_wide_band(scene: Scene, legs: LegMeasures, depth: float, cloth: str) -> None:
    """Draw a wide elastic band without an opening; it hides the inner side of the back."""
    w, low = legs.waist, depth
    wide = w + (legs.hip - w) * min(low / 0.15, 1.0)
    band = mirrored_outline(
        [(0.0, 0.004), (0.6 * w, 0.001), (w + 0.001, -0.004)],
        [(w + 0.001, -0.004), (wide + 0.002, low)],
        [(0.6 * wide, low + 0.010), (0.0, low + 0.014)],
    )
    scene.add_panel(band, cloth, puff=0.006, soft=0.012, lift=0.003, shadow=0.30, reach=0.008, grain=1.57)
    scene.add_seam([(-wide, low), (0.0, low + 0.014), (wide, low)], dark=0.32, width=0.004)


@register_silhouette("track-pants")
def draw_track_pants(scene: Scene) -> None:
    """Draw track pants: elastic waist with a cord, knitted cuffs or open ends, a stripe or piping at the side."""
    d = scene.design
    length = _long(scene, 0.68, 0.76)
    cuffed, cuff = d.chance("cuffs", 0.6), d.uniform("cuff depth", 0.036, 0.056)
    widths = {"slim": (0.050, 0.058), "straight": (0.066, 0.076), "loose": (0.088, 0.104)}
    legs = sample_legs(
        scene, length, widths, waist=d.uniform("waist", 0.112, 0.132), hip=d.uniform("hips", 0.036, 0.052)
    )
    if cuffed:
        legs = replace(legs, half_leg=0.88 * legs.half_leg)
    place_trousers(scene, legs, 1.04, cuff=cuff if cuffed else 0.0)
    drawn = draw_legs(scene, legs, gathered=True)
    trim = d.choice("trim", ("none", "none", "stripe", "stripe", "two stripes", "piping", "panel"))
    for leg in drawn:
        if trim in ("stripe", "two stripes"):
            _draw_stripe(scene, leg, "cord", 0.011)
        if trim == "two stripes":
            _draw_stripe(scene, leg, "cord", 0.011, away=0.026)
        elif trim == "piping":
            _draw_stripe(scene, leg, "cord", 0.005, away=0.010)
        elif trim == "panel":
            _draw_stripe(scene, leg, "rib", 0.034, away=0.0)
    zipped = d.chance("zipped pockets", 0.4)
    for side in (-1, 1):
        mouth: Curve = [(0.80 * legs.waist, 0.066), (0.88 * legs.hip, 0.105), (legs.hip - 0.012, 0.150)]
        if zipped:
            draw_zipper(scene, on_side(mouth, side), width=0.010, pull=False)
        else:
            scene.add_seam(on_side(mouth, side), dark=0.48, width=0.005)
    if cuffed:
        _draw_leg_cuffs(scene, drawn, cuff, d.uniform("tuck", 0.26, 0.36))
    else:
        draw_leg_ends(scene, drawn, turned_up=False)
    draw_rib_band(scene, legs, d.uniform("band", 0.036, 0.048))
    if d.chance("cord", 0.75):
        draw_drawstring(scene, 0.044, d.uniform("cord length", 0.07, 0.12))


def _draw_leg_cuffs(scene: Scene, drawn: Sequence[Leg], depth: float, tuck: float) -> None:
    """Draw knitted cuffs, which narrow the leg ends by the share `tuck`; the leg bulges over them."""
    rng = scene.shot.generator("cuffs")
    for leg in drawn:
        (ax, ay), middle, (bx, by) = leg.end()
        inward = 0.5 * tuck * (bx - ax)
        top = [(ax + 0.3 * inward, ay - 0.006), (middle[0], middle[1] - 0.004), (bx - 0.3 * inward, by - 0.006)]
        low = [(bx - inward, by + depth), (middle[0], middle[1] + depth), (ax + inward, ay + depth)]
        shape = outline(
            top,
            [top[-1], (bx - inward, by + 0.3 * depth), low[0]],
            low,
            [low[-1], (ax + inward, ay + 0.3 * depth), top[0]],
        )
        scene.add_panel(shape, "rib", puff=0.010, soft=0.012, lift=0.002, shadow=0.35, reach=0.008, part="cuff")
        for i in range(5):
            x = ax + (bx - ax) * (i + rng.uniform(0.2, 0.8)) / 5
            scene.add_seam(
                [(x, ay - 0.004), (x + rng.normal(0, 0.003), ay - rng.uniform(0.020, 0.050))], dark=0.16, width=0.005
            )


@register_silhouette("cargo-trousers")
def draw_cargo_trousers(scene: Scene) -> None:
    """Draw cargo trousers: a flapped pocket on each thigh, slant pockets, knee seams; with a fly or a drawstring."""
    d = scene.design
    length = _long(scene, 0.71, 0.79)
    widths = {"slim": (0.054, 0.062), "straight": (0.072, 0.082), "loose": (0.096, 0.114)}
    legs = sample_legs(
        scene, length, widths, waist=d.uniform("waist", 0.122, 0.148), hip=d.uniform("hips", 0.036, 0.050)
    )
    place_trousers(scene, legs, 1.22)
    drawn = draw_legs(scene, legs)
    draw_slant_pockets(scene, legs)
    if d.chance("knee seams", 0.5):
        for leg in drawn:
            for up in (0.44, 0.56):
                scene.add_seam(_across(legs, leg, up * (legs.length - legs.crotch)), dark=0.32, width=0.004)
    draw_cargo_pockets(scene, legs, drawn)
    side = draw_waistband(scene, legs, 0.038)
    draw_fly(scene, legs, side)
    draw_button(scene, side * 0.004, 0.019 + FRONT, 0.0110, "shell")
    if d.chance("cinched", 0.4):
        _draw_cinched_ends(scene, drawn)
    else:
        draw_leg_ends(scene, drawn, turned_up=False)


def _draw_cinched_ends(scene: Scene, drawn: Sequence[Leg]) -> None:
    """Draw leg ends that are gathered by a cord in a tunnel."""
    rng = scene.shot.generator("cinched")
    for leg in drawn:
        scene.add_seam(leg.end(0.020), dark=0.42, width=0.005)
        (ax, ay), _, (bx, _) = leg.end()
        folds: list[Fold] = []
        for i in range(7):
            x = ax + (bx - ax) * (i + rng.uniform(0.2, 0.8)) / 7
            folds.append(Crease((x, ay + 0.008), (x, ay - 0.016), 0.004, 0.005))
            scene.add_seam([(x, ay - 0.024), (x + rng.normal(0, 0.004), ay - rng.uniform(0.05, 0.08))], dark=0.20)
        shape = outline(leg.end(0.020), leg.end(-0.004, -0.006)[::-1])
        scene.add_overlay(shape, "main", puff=0.006, soft=0.010, shadow=0.2, folds=folds, clip=False)
        end = leg.foot + leg.side * 0.5 * abs(bx - ax)
        cord: Curve = [(end, ay - 0.010), (end + leg.side * 0.010, ay + 0.020), (end + leg.side * 0.004, ay + 0.040)]
        scene.add_overlay(ribbon(cord, 0.007), "cord", puff=0.004, soft=0.004, clip=False)
