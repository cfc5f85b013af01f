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
    place_garment,
    sample_sleeve,
    straight_outline,
)
from generator.render.clothes.turned import turn_garment
from generator.render.engine.curves import Curve, Point, Stretch, mirrored_outline, on_side, outline, ribbon
from generator.render.engine.fittings import draw_buckle, draw_button, draw_strap
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
        scoop=d.uniform("v depth", 0.130, 0.185) if pointed else d.uniform("scoop", 0.050, 0.090),
        neck=d.uniform("neck", 0.056, 0.080),
        shoulder=chest - d.uniform("shoulder", 0.008, 0.018) if bare else chest + d.uniform("shoulder", 0.0, 0.012),
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
    flutes = hem_folds(scene, gathered_at, measures, shape.flutes + d.uniform("flutes", -0.5, 1.5), shape.depth)
    folds = [*body_folds(scene, measures)[:8], *flutes]
    scene.add_panel(mirrored_outline(*half), puff=0.014, soft=0.022, volume=0.012, folds=folds, shadow=0.4)
    draw_near_sleeve(scene)
    _draw_bodice(scene, measures, neckline, sleeved=bool(sleeve_measures))
    if style == "tiered":
        _draw_tiers(scene, measures)
    for each in arms:
        draw_cuff(scene, each, 0.018 if sleeve == "short" else 0.030)
    if scene.appearance.hardware != "none":
        draw_waist_belt(scene, measures, tied=False, width=d.uniform("belt", 0.026, 0.040))
    elif style != "shift" and d.chance("sash", 0.3):
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
    style = d.choice("bodice", ("darts", "princess", "buttons"))
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


@register_silhouette("skirt")
def draw_skirt(scene: Scene) -> None:
    """Draw a skirt: pencil, straight or flared, mini to midi, pleated, buttoned or wrapped.

    With metal hardware it has two strap buckles.
    """
    d, fit = scene.design, scene.choose_cut("fit")
    child = scene.appearance.size == "child"
    length = d.uniform("length", 0.40, 0.468) * LENGTHS[scene.appearance.size]
    waist = d.uniform("waist", 0.132, 0.166) * (1.15 if child else 1.0)
    spread = {"slim": (-0.004, 0.010), "straight": (0.036, 0.064), "loose": (0.096, 0.160)}[fit]
    hem = waist + d.uniform("hem", *spread) * (0.55 + 0.45 * length / 0.56)
    style = d.choice(
        "style",
        {
            "slim": ("plain", "wrap", "slit"),
            "straight": ("pleated", "buttons", "plain", "wrap"),
            "loose": ("plain", "pleated", "buttons"),
        }[fit],
    )
    scene.set_camera(min(1.50 * child_zoom(scene), 0.45 / (hem + 0.01), 0.86 / length), (0.0, length / 2))
    turn_garment(scene, [(waist, 0.0), (0.5 * (waist + hem) + 0.02, 0.4 * length), (hem, length)])
    bulge = 0.030 if fit == "slim" else 0.018
    hip: Curve = [
        (waist, 0.036),
        (waist + 0.28 * (hem - waist) + bulge, 0.30 * length),
        (waist + 0.62 * (hem - waist) + 0.6 * bulge, 0.65 * length),
        (hem, length),
    ]
    back = mirrored_outline(
        [(0.0, 0.001), (0.6 * waist, 0.0), (0.99 * waist, -0.004)], [(0.96 * waist, 0.045), (0.0, 0.05)]
    )
    scene.add_inside(back, "main", lift=0.01)
    scene.darken(mirrored_outline([(0.0, 0.012), (waist, 0.004)], [(waist, 0.05), (0.0, 0.05)]), 0.35, 0.010)
    waves, deep = {"slim": (2.0, 0.003), "straight": (3.0, 0.006), "loose": (6.5, 0.013)}[fit]
    phase = scene.shot.uniform("flutes", 0, 6.28)
    folds: list[Fold] = [Flutes(0.05, length, hem, waist, waves, deep, phase)]
    pleats = _pleats(d.choice("pleats", (3, 4, 5))) if style == "pleated" else []
    folds += [Crease((waist * t, 0.04), (hem * t, length + 0.06), 0.011, 0.011) for t in pleats]
    below = [(hem, length), (0.5 * hem, length + 0.014), (0.0, length + 0.018)]
    scene.add_panel(
        mirrored_outline([(0.0, 0.050), (waist, 0.036)], hip, below),
        puff=0.016,
        soft=0.026,
        volume=0.016,
        folds=folds,
        shadow=0.0,
    )
    for t in pleats:
        scene.add_seam(
            [(waist * t, 0.06), (0.5 * (waist + hem) * t, 0.5 * length), (hem * t, length + 0.01)], dark=0.45
        )
    _draw_skirt_front(scene, style, waist, hem, length)
    scene.add_panel(
        mirrored_outline(
            [(0.0, 0.018), (0.6 * waist, 0.010), (waist, -0.001)],
            (waist + 0.004, 0.048),
            [(0.6 * waist, 0.058), (0.0, 0.066)],
        ),
        "self",
        puff=0.007,
        soft=0.014,
        shadow=0.5,
        reach=0.010,
        grain=1.57,
    )
    side = placket_side(scene)
    if scene.appearance.hardware == "none":
        if style in ("buttons", "wrap"):
            draw_button(scene, 0.0 if style == "buttons" else side * 0.55 * waist, 0.042, 0.0100, "shell")
        return
    for y in (0.033, 0.115):
        draw_strap(
            scene, [(side * 0.30 * waist, y + 0.008), (side * (waist + 0.004), y - 0.005)], 0.028, "self", clip=True
        )
        draw_buckle(scene, side * 0.60 * waist, y + 0.002, 0.028, 0.026, 0.013)


def _pleats(count: int) -> list[float]:
    return [-0.84 + 1.68 * i / (2 * count - 1) for i in range(2 * count)]


def _draw_skirt_front(scene: Scene, style: str, waist: float, hem: float, length: float) -> None:
    side = placket_side(scene)
    if style == "buttons":
        scene.add_seam([(0.020, 0.06), (0.024, length + 0.016)], dark=0.40, width=0.004)
        count = max(4, round(length / 0.075))
        for i in range(count):
            draw_button(scene, 0.0, 0.085 + (length - 0.125) * i / (count - 1), 0.0100, "shell")
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
    elif style == "slit":
        top = 0.58 * length
        gap = straight_outline(
            (side * 0.42 * hem, top), (side * 0.46 * hem, length + 0.022), (side * 0.38 * hem, length + 0.022)
        )
        scene.add_inside(gap, "main", lift=0.004, clip=True)
        scene.darken(gap, 0.6, 0.004)
        scene.add_seam([(side * 0.42 * waist, 0.06), (side * 0.42 * hem, top)], dark=0.30)
    elif style == "plain":
        for each in (-1, 1):
            scene.add_seam([(each * 0.50 * waist, 0.062), (each * 0.54 * waist, 0.150)], dark=0.28, width=0.0035)
            mouth: Curve = [(0.74 * waist, 0.062), (0.92 * waist + 0.010, 0.120)]
            scene.add_seam(on_side(mouth, each), dark=0.40)
