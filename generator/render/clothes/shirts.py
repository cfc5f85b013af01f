"""Draw T-shirts, polo shirts and shirts."""

import math
from dataclasses import replace

from generator.render.clothes.collars import (
    draw_collar_button,
    draw_inside_back,
    draw_neck_band,
    draw_open_collar,
    draw_shirt_collar,
    round_neck,
    v_neck,
)
from generator.render.clothes.fronts import draw_button_row, draw_open_front, draw_placket, placket_side
from generator.render.clothes.garment import (
    GarmentMeasures,
    SleeveMeasures,
    apply_fit,
    draw_body,
    draw_cuff,
    draw_hem_stitch,
    draw_sleeves,
    draw_stitches,
    place_garment,
    sample_sleeve,
)
from generator.render.clothes.prints import draw_chest_print
from generator.render.engine.cloths import has_placed_print
from generator.render.engine.curves import Curve, box, interpolate, on_side, ribbon
from generator.render.engine.fittings import draw_button, draw_flap, draw_patch_pocket
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene


def _sample_sleeve(scene: Scene, short: float, cuffs: tuple[float, float]) -> SleeveMeasures:
    """Return the sleeve that the cut asks for: `short` units long or to the wrist, with half cuffs (short, long)."""
    d = scene.design
    if scene.choose_cut("sleeve") == "short":
        return sample_sleeve(
            scene, short, cuffs[0] + d.uniform("mouth", 0.0, 0.018), angle=d.uniform("angle", 0.60, 1.08)
        )
    return sample_sleeve(scene, d.uniform("long sleeve", 0.43, 0.51), cuffs[1], angle=d.uniform("hang", 0.18, 0.40))


@register_silhouette("t-shirt")
def draw_t_shirt(scene: Scene) -> None:
    """Draw a T-shirt: short or long sleeves, a ribbed round or V neck, a straight body."""
    d, pointed = scene.design, scene.choose_cut("neckline") == "v"
    chest = d.uniform("chest", 0.196, 0.215)
    measures = GarmentMeasures(
        scoop=d.uniform("v depth", 0.125, 0.160) if pointed else d.uniform("scoop", 0.040, 0.080),
        neck=d.uniform("neck", 0.058, 0.086),
        shoulder=chest * d.uniform("shoulder", 0.85, 1.0),
        slope=d.uniform("slope", 0.048, 0.078),
        chest=chest,
        armhole=d.uniform("armhole", 0.165, 0.195),
        waist=chest - d.uniform("waist", -0.008, 0.022),
        hem=chest + d.uniform("hem", -0.010, 0.030),
        length=d.uniform("length", 0.53, 0.61),
    )
    measures = apply_fit(measures, scene.choose_cut("fit"))
    made = _sample_sleeve(scene, d.uniform("sleeve", 0.076, 0.148), (0.066, 0.039))
    measures = place_garment(scene, measures, 1.30, sleeve=made)
    neckline = v_neck(measures) if pointed else round_neck(measures)
    arms = draw_sleeves(scene, measures, made)
    draw_inside_back(scene, measures, measures.scoop + 0.01, "main")
    draw_body(scene, measures, neckline, puff=0.014, volume=0.012, shadow=0.35)
    draw_chest_print(scene, measures)
    draw_neck_band(scene, neckline, d.uniform("band", 0.009, 0.021), d.choice("band cloth", ("rib", "self", "self")))
    for each in arms:
        draw_stitches(scene, each.across(0.90 if made.length < 0.3 else 0.965))
    draw_hem_stitch(scene, measures)
    if d.chance("pocket", 0.25) and not has_placed_print(scene.appearance):
        draw_patch_pocket(scene, 0.042, 0.135, 0.112, 0.220)


@register_silhouette("polo-shirt")
def draw_polo_shirt(scene: Scene) -> None:
    """Draw a polo shirt: soft collar, a short placket with two or three buttons, ribbed sleeve ends, side slits."""
    d = scene.design
    chest = d.uniform("chest", 0.170, 0.186)
    measures = GarmentMeasures(
        scoop=0.078,
        neck=0.058,
        shoulder=chest + d.uniform("shoulder", 0.002, 0.014),
        chest=chest,
        waist=chest - d.uniform("waist", -0.002, 0.014),
        hem=chest + d.uniform("hem", -0.008, 0.010),
        length=d.uniform("length", 0.53, 0.61),
    )
    measures = apply_fit(measures, scene.choose_cut("fit"))
    made = _sample_sleeve(scene, d.uniform("sleeve", 0.10, 0.16), (0.062, 0.040))
    measures = place_garment(scene, measures, 1.28, sleeve=made)
    arms = draw_sleeves(scene, measures, made)
    draw_inside_back(scene, measures, 0.09, "main")
    draw_body(scene, measures, v_neck(measures), puff=0.014, volume=0.012, shadow=0.35)
    low = d.uniform("placket", 0.17, 0.21)
    draw_placket(scene, 0.019, measures.scoop - 0.02, low, "self")
    scene.add_seam([(-0.019, low - 0.016), (0.019, low - 0.016)], dark=0.25, width=0.003)
    draw_shirt_collar(
        scene,
        measures,
        spread=d.uniform("spread", 0.030, 0.052),
        depth=d.uniform("points", 0.088, 0.112),
        stand=0.018,
        cloth=d.choice("collar", ("rib", "self")),
        stitched=False,
    )
    num_buttons = d.choice("buttons", (2, 3))
    draw_button_row(scene, 0.0, measures.scoop + 0.022, low - 0.026, num_buttons, 0.0085, "shell")
    for each in arms:
        draw_cuff(scene, each, 0.022, "rib", 1.0)
    draw_hem_stitch(scene, measures)
    for side in (-1, 1):
        scene.add_seam(
            [
                (side * (measures.hem - 0.008), measures.length - 0.035),
                (side * (measures.hem - 0.006), measures.length),
            ],
            dark=0.35,
        )
    if d.chance("emblem", 0.4):
        scene.add_overlay(box(0.068, 0.140, 0.086, 0.158, 0.004), "cord", puff=0.003, soft=0.004)


@register_silhouette("shirt")
def draw_shirt(scene: Scene) -> None:
    """Draw a shirt: collar with a stand, placket, yoke seams, chest pockets, cuffs, a curved tail.

    A snapshot may show it unbuttoned at the neck or all the way down.
    """
    d, undone = scene.design, scene.pose.undone
    chest = d.uniform("chest", 0.182, 0.201)
    measures = GarmentMeasures(
        scoop=0.066 if not undone else 0.095 + 0.20 * min(undone, 0.4),
        neck=d.uniform("neck", 0.046, 0.056),
        shoulder=chest + d.uniform("shoulder", 0.002, 0.016),
        chest=chest,
        waist=chest * d.uniform("waist", 0.87, 1.0),
        hem=chest * d.uniform("hem", 0.94, 1.05),
        armhole=d.uniform("armhole", 0.165, 0.185),
        length=d.uniform("length", 0.52, 0.60),
        dip=0.0,
    )
    measures = apply_fit(measures, scene.choose_cut("fit"))
    made = _sample_sleeve(scene, d.uniform("sleeve", 0.13, 0.18), (0.060, 0.040))
    stand = 0.016 + 0.020 * scene.shot.uniform("collar stand", 0.0, 1.0)
    measures = place_garment(scene, measures, 1.22, top=-0.045, sleeve=made)
    arms = draw_sleeves(scene, measures, made)
    draw_inside_back(scene, measures, measures.scoop + 0.02, "main")
    tail = d.uniform("tail", 0.006, 0.056)
    side_length = measures.length - 0.4 * tail
    hem: list[Curve] = [
        [
            (measures.hem, side_length),
            (0.82 * measures.hem, measures.length + 0.1 * tail),
            (0.5 * measures.hem, measures.length + 0.9 * tail),
            (0.0, measures.length + tail),
        ]
    ]
    draw_body(
        scene,
        replace(measures, length=side_length),
        v_neck(measures),
        puff=0.010,
        soft=0.024,
        volume=0.008,
        shadow=0.3,
        hem=hem,
    )
    for side in (-1, 1):  # the yoke continues over the shoulder
        scene.add_seam(
            on_side([(measures.neck + 0.016, 0.030), (measures.shoulder - 0.004, measures.slope + 0.022)], side),
            dark=0.22,
        )
    if measures.waist < 0.92 * measures.chest:
        for side in (-1, 1):
            dart: Curve = [
                (0.50 * chest, 0.24),
                (0.46 * chest, measures.waist_at),
                (0.50 * chest, measures.length - 0.09),
            ]
            scene.add_seam(on_side(dart, side), dark=0.20, width=0.0035)
    _draw_chest_pockets(scene)
    low = measures.length + tail
    depth, spread = d.uniform("points", 0.078, 0.112), d.uniform("spread", 0.014, 0.058)
    button = d.choice("button cloth", ("shell", "shell", "self", "tape")), d.uniform("button", 0.0050, 0.0076)
    if undone >= 1.0:
        _draw_open_shirt(scene, measures, low, button)
    else:
        _draw_buttoned_front(scene, measures, low, button)
    if undone:
        draw_open_collar(
            scene, measures, spread=0.4 * spread + 0.022, depth=0.95 * depth, stand=stand, puff=0.005, shadow=0.4
        )
    else:
        draw_shirt_collar(scene, measures, spread=spread, depth=depth, stand=stand, puff=0.005, shadow=0.4)
        if d.chance("button-down", 0.35):
            for side in (-1, 1):
                draw_button(scene, side * (measures.neck * 0.70 + 0.92 * spread), depth - 0.013, 0.0055, button[0])
        draw_collar_button(scene, measures, button[0])
    for each in arms:
        if made.length < 0.3:
            draw_cuff(scene, each, 0.026, "main", 1.03)
            continue
        draw_cuff(scene, each, 0.052, "main", 1.04)
        a, b = each.across(0.955)
        draw_button(scene, a[0] + 0.6 * (b[0] - a[0]), a[1] + 0.6 * (b[1] - a[1]), 0.007, button[0])


def _draw_chest_pockets(scene: Scene) -> None:
    style = scene.design.choice("pockets", ("none", "none", "none", "one", "one", "one", "two", "two"))
    if style != "none":
        draw_patch_pocket(scene, 0.045, 0.160, 0.116, 0.248)
    if style == "two":
        draw_patch_pocket(scene, -0.116, 0.160, -0.045, 0.248)
        for side in (-1, 1):
            draw_flap(scene, (side * 0.043, 0.156), (side * 0.118, 0.156), 0.036)
            draw_button(scene, side * 0.080, 0.182, 0.0075, "shell")


def _draw_buttoned_front(scene: Scene, measures: GarmentMeasures, low: float, button: tuple[str, float]) -> None:
    """Draw the placket or the edge of the top front, and its buttons; `button` is their cloth and radius."""
    d, side = scene.design, placket_side(scene)
    if d.chance("placket", 0.7):
        draw_placket(scene, 0.017, measures.scoop - 0.02, low - 0.002)
        scene.add_seam([(side * 0.017, measures.scoop), (side * 0.017, low)], dark=0.40, width=0.0035)
    else:
        scene.add_seam([(side * 0.017, measures.scoop), (side * 0.017, low)], dark=0.45, width=0.004)
    count = d.choice("buttons", (6, 7))
    first = 0.126
    step = (low - 0.075 - first) / (count - 2)
    top = first + step * math.ceil(max(measures.scoop + 0.012 - first, 0.0) / step)
    num_closed = round((low - 0.075 - top) / step) + 1
    draw_button_row(scene, 0.0, top, low - 0.075, num_closed, button[1], button[0])


def _draw_open_shirt(scene: Scene, measures: GarmentMeasures, low: float, button: tuple[str, float]) -> None:
    """Draw the fronts of an unbuttoned shirt; the buttons are at one edge."""
    for side, edge in zip((-1, 1), draw_open_front(scene, measures, low, "main"), strict=True):
        inset = [(x + side * 0.014, y) for x, y in edge]
        scene.add_overlay(ribbon(inset, 0.028), puff=0.003, soft=0.008, shadow=0.45)
        draw_stitches(scene, [(x + side * 0.012, y) for x, y in inset])
        if side == placket_side(scene):
            for i in range(6):
                x, y = interpolate(edge[1 + i // 2], edge[2 + i // 2], 0.15 + 0.5 * (i % 2))
                draw_button(scene, x + side * 0.014, y, button[1], button[0])
