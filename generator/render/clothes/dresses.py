"""Draw dresses and skirts."""

from dataclasses import dataclass

from generator.render.clothes.collars import draw_inside_back, round_neck, v_neck
from generator.render.clothes.folds import body_folds, hem_folds
from generator.render.clothes.fronts import draw_waist_belt, placket_side
from generator.render.clothes.garment import (
    LENGTHS,
    GarmentMeasures,
    armhole_line,
    body_outline,
    child_zoom,
    draw_armhole_seams,
    draw_cuff,
    draw_near_sleeve,
    draw_sleeves,
    draw_stitches,
    place_garment,
    sample_sleeve,
    straight_outline,
)
from generator.render.clothes.turned import turn_garment
from generator.render.engine.curves import Curve, Point, Stretch, mirrored_outline, on_side, outline, ribbon
from generator.render.engine.fittings import draw_buckle, draw_button, draw_strap, draw_zipper
from generator.render.engine.height_field import Crease, Flutes, Fold
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


_NATURAL = (0.262, 0.305)
SKIRTS = {
    "shift": Skirt(waist=(0.92, 1.02), waist_at=(0.28, 0.31), hem=(1.02, 1.35), flutes=2.0, depth=0.004),
    "empire": Skirt(waist=(0.88, 0.98), waist_at=(0.205, 0.235), hem=(1.35, 1.90), flutes=5.0, depth=0.009),
    "sheath": Skirt(waist=(0.76, 0.86), waist_at=_NATURAL, hem=(0.98, 1.16), flutes=2.0, depth=0.003),
    "a-line": Skirt(waist=(0.76, 0.88), waist_at=_NATURAL, hem=(1.40, 1.75), flutes=4.0, depth=0.008),
    "full": Skirt(waist=(0.74, 0.84), waist_at=_NATURAL, hem=(1.75, 2.15), flutes=7.0, depth=0.014),
    "tiered": Skirt(waist=(0.78, 0.90), waist_at=_NATURAL, hem=(1.55, 1.95), flutes=6.0, depth=0.011),
}


@register_silhouette("dress")
def draw_dress(scene: Scene) -> None:
    """Draw a dress without a waist (shift, empire) or with one (sheath, A-line, full, tiered).

    Plain, buttoned or belted.
    """
    d, sleeve, pointed = scene.design, scene.choose_cut("sleeve"), scene.choose_cut("neckline") == "v"
    style = d.choice("skirt", ("shift", "shift", "empire", "sheath", "a-line", "full", "tiered"))
    shape, chest = SKIRTS[style], d.uniform("chest", 0.122, 0.142)
    bare = sleeve == "none"
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
    measures = place_garment(scene, measures, 1.06, sleeve=sleeve_measures)
    neckline = v_neck(measures) if pointed else round_neck(measures)
    arms = draw_sleeves(scene, measures, sleeve_measures) if sleeve_measures else []
    draw_inside_back(scene, measures, measures.scoop + 0.01, "main")
    half = body_outline(measures, neckline)
    if not sleeve_measures:
        half[2] = armhole_line(measures)
    half[3] = [
        (measures.chest, measures.armhole),
        (0.5 * (measures.chest + measures.waist) + 0.003, 0.5 * (measures.armhole + measures.waist_at)),
        (measures.waist, measures.waist_at),
    ]
    half[4:4] = [_skirt_side(measures, style)]
    gathered_at = measures.waist_at + (0.04 if style == "shift" else 0.0)
    if style != "shift" and d.chance("gathered", 0.5):
        gathers = _gathers(scene, "waist gathers", measures.waist, measures.waist_at, 0.20)
    else:
        gathers = []
    flutes = hem_folds(scene, gathered_at, measures, shape.flutes + d.uniform("flutes", -0.5, 1.5), shape.depth)
    folds = [*body_folds(scene, measures)[:8], *flutes, *gathers]
    scene.add_panel(mirrored_outline(*half), puff=0.014, soft=0.022, volume=0.012, folds=folds, shadow=0.4)
    draw_near_sleeve(scene)
    _draw_bodice(scene, measures, neckline, sleeved=bool(sleeve_measures))
    if style == "tiered":
        _draw_tiers(scene, measures)
    for each in arms:
        draw_cuff(scene, each, 0.018 if sleeve == "short" else 0.030)
    if scene.appearance.hardware != "none":
        draw_waist_belt(scene, measures, tied=False, width=d.uniform("belt", 0.026, 0.040))
    elif style != "shift" and d.chance("sash", 0.15):
        draw_waist_belt(scene, measures, tied=True, width=0.030)
    elif style != "shift":
        scene.add_seam(
            [
                (-measures.waist, measures.waist_at),
                (0.0, measures.waist_at + 0.006),
                (measures.waist, measures.waist_at),
            ],
            dark=0.4,
            width=0.006,
        )
    scene.add_seam(
        [
            (-measures.hem, measures.length - 0.016),
            (0.0, measures.length - 0.016 + measures.dip),
            (measures.hem, measures.length - 0.016),
        ],
        dark=0.15,
        width=0.003,
    )


def _skirt_side(measures: GarmentMeasures, style: str) -> list[Point]:
    waist, hem = (measures.waist, measures.waist_at), (measures.hem, measures.length)
    middle = 0.5 * (measures.waist_at + measures.length)
    if style == "shift":
        return [waist, (0.5 * (measures.waist + measures.hem) + 0.004, middle), hem]
    if style == "sheath":
        return [
            waist,
            (0.85 * measures.waist + 0.062, measures.waist_at + 0.12),
            (measures.hem + 0.008, middle + 0.05),
            hem,
        ]
    bulge = {"empire": 0.006, "a-line": 0.004, "full": 0.026, "tiered": 0.012}[style]
    return [
        waist,
        (
            measures.waist + 0.22 * (measures.hem - measures.waist) + bulge,
            measures.waist_at + 0.18 * (measures.length - measures.waist_at),
        ),
        (0.5 * (measures.waist + measures.hem) + bulge, middle),
        hem,
    ]


def _draw_bodice(scene: Scene, measures: GarmentMeasures, neckline: Curve, *, sleeved: bool) -> None:
    """Draw the neck facing, armhole seams or bindings, and darts, princess seams or a row of buttons."""
    d = scene.design
    facing = [(0.99 * x, y + 0.013) for x, y in neckline]
    for side in (-1, 1):
        scene.add_seam(on_side(facing, side), dark=0.20, width=0.003, depth=0.0014)
        if not sleeved:
            bound = [(x - 0.011, y + 0.004) for x, y in armhole_line(measures)]
            scene.add_seam(on_side(bound, side), dark=0.20, width=0.003, depth=0.0014)
    if sleeved:
        draw_armhole_seams(scene, measures)
    style = d.choice("bodice", ("darts", "darts", "darts", "princess", "princess", "gathers", "gathers", "buttons"))
    if style == "gathers":
        return
    if style == "buttons":
        x = placket_side(scene) * 0.012
        scene.add_seam([(x, measures.scoop), (x, measures.length)], dark=0.40, width=0.004)
        low = measures.length - 0.08
        count = round((low - measures.scoop) / 0.055)
        for i in range(count):
            y = measures.scoop + 0.022 + (low - measures.scoop) * i / count
            if abs(y - measures.waist_at) > 0.024:
                draw_button(scene, 0.0, y, 0.0078, "shell")
        return
    for side in (-1, 1):
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
            scene.add_seam(on_side(line, side), dark=0.26, width=0.0035)


def _draw_tiers(scene: Scene, measures: GarmentMeasures) -> None:
    """Draw gathered seams across the skirt."""
    count = scene.design.choice("tiers", (2, 3))
    rng = scene.shot.generator("tiers")
    for i in range(1, count + 1):
        t = i / (count + 1)
        y, w = (
            measures.waist_at + t * (measures.length - measures.waist_at),
            measures.waist + (t**0.85) * (measures.hem - measures.waist) + 0.012,
        )
        line: Curve = [(-w, y - 0.006), (-0.5 * w, y + 0.003), (0.0, y + 0.006), (0.5 * w, y + 0.003), (w, y - 0.006)]
        scene.add_seam(line, dark=0.45, width=0.006, depth=0.006)
        for j in range(9):
            x = (-0.92 + 1.84 * (j + rng.uniform(0.2, 0.8)) / 9) * w
            scene.add_seam(
                [(x, y + 0.008), (1.04 * x, y + rng.uniform(0.030, 0.055))], dark=0.20, width=0.005, depth=0.004
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SkirtMeasures:
    """The measures of a skirt in units: half widths, length at the side, and how it is made."""

    style: str
    waist: float
    hem: float
    length: float
    band: float
    """Depth of the waistband."""
    dip: float
    """How much lower the hem hangs in the middle."""


SKIRT_STYLES = {
    "slim": ("pencil", "pencil", "zip", "jeans", "wrap"),
    "straight": ("plain", "plain", "jeans", "pleated", "buttons", "wrap", "gathered"),
    "loose": ("gathered", "gathered", "circle", "circle", "pleated", "tiered", "buttons"),
}
SKIRT_HEMS = {"slim": (-0.012, 0.004), "straight": (0.034, 0.062), "loose": (0.100, 0.190)}
"""Half width of the hem beyond that of the waist, by fit."""


@register_silhouette("skirt")
def draw_skirt(scene: Scene) -> None:
    """Draw a skirt: pencil, A-line, jeans, pleated, gathered, circle, tiered, buttoned, zipped or wrapped.

    With metal hardware it has two strap buckles.
    """
    d, fit = scene.design, scene.choose_cut("fit")
    child = scene.appearance.size == "child"
    length = d.uniform("length", 0.40, 0.468) * LENGTHS[scene.appearance.size]
    waist = d.uniform("waist", 0.138, 0.166) * (1.15 if child else 1.0)
    style = d.choice("style", SKIRT_STYLES[fit])
    loose = style in ("gathered", "tiered", "circle")
    skirt = SkirtMeasures(
        style=style,
        waist=waist,
        hem=waist + d.uniform("hem", *SKIRT_HEMS[fit]) * (0.55 + 0.45 * length / 0.56),
        length=length,
        band=d.uniform("band", 0.026, 0.040) if loose else d.uniform("band", 0.022, 0.044),
        dip=0.020 + (0.10 if style == "circle" else 0.04) * max(0.0, fit_spread(fit)),
    )
    reach = max(skirt.hem, waist + 0.05) + 0.01
    low = length + skirt.dip
    scene.set_camera(min(1.80 * child_zoom(scene), 0.45 / reach, 0.89 / low), (0.0, 0.5 * low))
    turn_garment(scene, [(waist, 0.0), (0.5 * (waist + skirt.hem) + 0.02, 0.4 * length), (skirt.hem, length)])
    back = mirrored_outline(
        [(0.0, 0.001), (0.6 * waist, 0.0), (0.99 * waist, -0.004)], [(0.96 * waist, 0.045), (0.0, 0.05)]
    )
    scene.add_inside(back, "main", lift=0.01)
    scene.darken(mirrored_outline([(0.0, 0.012), (waist, 0.004)], [(waist, 0.05), (0.0, 0.05)]), 0.35, 0.010)
    wide = d.uniform("label", 0.016, 0.030)
    scene.add_overlay(
        mirrored_outline([(0.0, 0.007), (wide, 0.006)], (wide, 0.017), (0.0, 0.018)), "label", puff=0.001, shade=0.8
    )
    _draw_skirt_body(scene, skirt, fit)
    _draw_skirt_front(scene, skirt)
    _draw_skirt_band(scene, skirt)
    side = placket_side(scene)
    if scene.appearance.hardware == "none":
        if style in ("buttons", "jeans"):
            draw_button(scene, side * 0.003, 0.5 * skirt.band + 0.018, 0.0085, "rivet" if style == "jeans" else "shell")
        return
    for y in (0.033, 0.115):
        draw_strap(
            scene, [(side * 0.30 * waist, y + 0.008), (side * (waist + 0.004), y - 0.005)], 0.028, "self", clip=True
        )
        draw_buckle(scene, side * 0.60 * waist, y + 0.002, 0.028, 0.026, 0.013)


def fit_spread(fit: str) -> float:
    """Return how far the hem of a skirt of this fit falls in the middle: 0 straight, 1 wide."""
    return {"slim": 0.0, "straight": 0.3, "loose": 1.0}[fit]


def _draw_skirt_body(scene: Scene, skirt: SkirtMeasures, fit: str) -> None:
    waist, hem, length, style = skirt.waist, skirt.hem, skirt.length, skirt.style
    hips = {"slim": 0.024, "straight": 0.014, "loose": 0.004}[fit]
    full = 0.030 if style == "gathered" else -0.012 if style == "circle" else 0.0
    hip: Curve = [
        (waist, skirt.band - 0.006),
        (waist + 0.30 * (hem - waist) + hips + 0.6 * full, 0.26 * length),
        (waist + 0.56 * (hem - waist) + hips + full, 0.48 * length),
        (waist + 0.84 * (hem - waist) + 0.5 * hips + 0.6 * full, 0.80 * length),
        (hem, length),
    ]
    below: Curve = [
        (hem, length),
        (0.72 * hem, length + 0.55 * skirt.dip),
        (0.38 * hem, length + 0.90 * skirt.dip),
        (0.0, length + skirt.dip),
    ]
    waves, deep = {"slim": (1.5, 0.002), "straight": (2.5, 0.004), "loose": (6.0, 0.010)}[fit]
    phase = scene.shot.uniform("flutes", 0, 6.28)
    folds: list[Fold] = [Flutes(0.05, length, hem, waist, waves, deep, phase)]
    pleats = _pleats(scene.design.choice("pleats", (4, 6, 8))) if style == "pleated" else []
    folds += [Crease((waist * t, 0.04), (hem * t, length + 0.06), 0.007, 0.007) for t in pleats]
    if style in ("gathered", "tiered"):
        folds += _gathers(scene, "gathers", waist, skirt.band, 0.55 * length)
    scene.add_panel(
        mirrored_outline([(0.0, skirt.band + 0.010), (waist, skirt.band - 0.006)], hip, below),
        puff=0.014,
        soft=0.024,
        volume=0.012,
        folds=folds,
        shadow=0.0,
    )
    for t in pleats:
        scene.add_seam(
            [(waist * t, 0.05), (0.5 * (waist + hem) * t, 0.5 * length), (hem * t, length + skirt.dip)],
            dark=0.30,
            width=0.0035,
        )
    up = 0.006 if style == "pleated" else scene.design.uniform("hem stitch", 0.014, 0.026)
    draw_stitches(scene, [(0.985 * x, y - up) for x, y in _mirrored(below)])


def _mirrored(below: Curve) -> Curve:
    """Return a hem from the left to the right, given its right half from the side to the axis."""
    return [(-x, y) for x, y in below] + [(x, y) for x, y in below[-2::-1]]


def _gathers(scene: Scene, name: str, half: float, top: float, reach: float) -> list[Fold]:
    """Return many narrow folds that start at an elastic band or a seam, and fade."""
    rng, folds = scene.shot.generator(name), []
    for i in range(22):
        x = (-1 + 2 * (i + rng.uniform(0.1, 0.9)) / 22) * half
        end = (1.35 * x + rng.normal(0, 0.006), top + reach * rng.uniform(0.3, 1.0))
        deep, wide = float(rng.uniform(0.004, 0.008)), float(rng.uniform(0.004, 0.007))
        folds.append(Crease((x, top), end, deep, wide, rng.normal(0, 0.03), 0.6, 1.0, 1 + i))
    return list(folds)


def _draw_skirt_band(scene: Scene, skirt: SkirtMeasures) -> None:
    """Draw the waistband: a plain one, or an elastic one with gathers."""
    waist, low, elastic = skirt.waist, skirt.band, skirt.style in ("gathered", "tiered")
    folds: list[Fold] = []
    if elastic:
        rng = scene.shot.generator("elastic")
        for i in range(26):
            x = (-1 + 2 * (i + rng.uniform(0.2, 0.8)) / 26) * waist
            folds.append(Crease((x, -0.01), (x, low + 0.02), float(rng.uniform(0.003, 0.006)), 0.0042))
    scene.add_panel(
        mirrored_outline(
            [(0.0, 0.018), (0.6 * waist, 0.010), (waist, -0.001)],
            (waist + 0.003, low),
            [(0.6 * waist, low + 0.011), (0.0, low + 0.018)],
        ),
        "self",
        puff=0.008 if elastic else 0.005,
        soft=0.012,
        folds=folds,
        shadow=0.35,
        reach=0.008,
        grain=1.57,
    )
    if skirt.style == "jeans":
        for x in (-0.74, -0.36, 0.36, 0.74):
            draw_strap(scene, [(x * waist, 0.001), (x * waist, low + 0.014)], 0.012, clip=True)


def _pleats(count: int) -> list[float]:
    return [-0.84 + 1.68 * i / (2 * count - 1) for i in range(2 * count)]


def _draw_skirt_front(scene: Scene, skirt: SkirtMeasures) -> None:
    """Draw what is on the front: darts, vents, pockets, fly, zip, buttons, the edge of a wrap, the seam of a tier."""
    style, waist, hem, length = skirt.style, skirt.waist, skirt.hem, skirt.length
    side = placket_side(scene)
    if style == "buttons":
        scene.add_seam([(0.020, 0.06), (0.024, length + 0.016)], dark=0.35, width=0.004)
        count = max(4, round(length / 0.075))
        for i in range(count):
            draw_button(scene, 0.0, 0.085 + (length - 0.125) * i / (count - 1), 0.0075, "shell")
    elif style == "zip":
        draw_zipper(scene, [(0.0, 0.030), (0.001, 0.5 * length), (0.0, length + 0.010)], width=0.012)
        _draw_darts(scene, waist)
    elif style == "jeans":
        _draw_jeans_front(scene, skirt, side)
    elif style == "tiered":
        for share in (0.36, 0.68):
            half, y = waist + share * (hem - waist), share * length
            scene.add_seam([(-half, y), (0.0, y + 0.8 * share * skirt.dip), (half, y)], dark=0.40, width=0.005)
    elif style == "wrap":
        edge: list[Point] = [
            (side * 0.55 * waist, 0.055),
            (side * 0.45 * hem, 0.5 * length),
            (side * 0.16 * hem, length + 0.018),
        ]
        under: Stretch = (side * 0.30 * hem, length + 0.020)
        scene.darken(outline(edge, under), 0.35, 0.008)
        scene.add_seam(edge, dark=0.55, width=0.005)
        scene.add_overlay(ribbon([(x - side * 0.006, y) for x, y in edge], 0.010), puff=0.003, soft=0.005, shadow=0.3)
    elif style == "pencil":
        top, x = 0.62 * length, side * scene.design.choice("vent", (0.0, 0.42)) * hem
        gap = straight_outline((x, top), (x + 0.016, length + 0.030), (x - 0.006, length + 0.030))
        scene.add_inside(gap, "main", lift=0.004, clip=True)
        scene.darken(gap, 0.5, 0.004)
        scene.add_seam([(x, skirt.band + 0.02), (x, top)], dark=0.22)
        _draw_darts(scene, waist)
    elif style == "plain":
        _draw_darts(scene, waist)
        for each in (-1, 1):
            mouth: Curve = [(0.74 * waist, skirt.band + 0.01), (0.92 * waist + 0.010, 0.120)]
            scene.add_seam(on_side(mouth, each), dark=0.35)


def _draw_darts(scene: Scene, waist: float) -> None:
    for each in (-1, 1):
        scene.add_seam([(each * 0.50 * waist, 0.050), (each * 0.54 * waist, 0.140)], dark=0.24, width=0.0035)


def _draw_jeans_front(scene: Scene, skirt: SkirtMeasures, side: int) -> None:
    """Draw a fly, curved pockets and the middle seam of a skirt made like jeans."""
    waist, low = skirt.waist, skirt.band + 0.018
    scene.add_seam([(0.0, low), (0.0, skirt.length + skirt.dip)], dark=0.35, width=0.004)
    fly: Curve = [
        (side * 0.032, low),
        (side * 0.032, low + 0.075),
        (side * 0.018, low + 0.105),
        (side * 0.002, low + 0.115),
    ]
    draw_stitches(scene, fly)
    for each in (-1, 1):
        mouth = [(0.46 * waist, low - 0.006), (0.54 * waist, low + 0.038), (0.82 * waist, low + 0.056)]
        mouth.append((waist + 0.016, low + 0.052))
        scene.add_seam(on_side(mouth, each), dark=0.45)
        draw_stitches(scene, on_side([(x - 0.004, y + 0.008) for x, y in mouth], each))
