"""Draw sweaters, cardigans and hoodies."""

from generator.render.clothes.collars import (
    draw_hood_behind,
    draw_hood_edges,
    draw_inside_back,
    draw_neck_band,
    draw_roll_neck,
    round_neck,
    v_neck,
)
from generator.render.clothes.folds import body_folds
from generator.render.clothes.fronts import draw_button_row, draw_patch_pocket_of, placket_side
from generator.render.clothes.garment import (
    GarmentMeasures,
    apply_fit,
    draw_body,
    draw_hem_band,
    draw_rib_cuff,
    draw_sleeves,
    draw_stitches,
    place_garment,
    sample_sleeve,
)
from generator.render.clothes.prints import draw_chest_print
from generator.render.engine.curves import Curve, Point, mirrored_outline, on_side, outline, ribbon
from generator.render.engine.fittings import draw_ring, draw_zipper
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene


def _knit_measures(scene: Scene, scoop: float) -> GarmentMeasures:
    d = scene.design
    chest = d.uniform("chest", 0.186, 0.204)
    return GarmentMeasures(
        scoop=scoop,
        neck=d.uniform("neck width", 0.056, 0.070),
        shoulder=chest + d.uniform("shoulder", -0.002, 0.014),
        chest=chest,
        waist=chest - d.uniform("waist", -0.004, 0.014),
        hem=chest - d.uniform("hem", -0.004, 0.016),
        length=d.uniform("length", 0.43, 0.50),
        tuck=d.uniform("tuck", 0.006, 0.022),
    )


@register_silhouette("sweater")
def draw_sweater(scene: Scene) -> None:
    """Draw a sweater: long sleeves, ribbed neck, cuffs and hem; crew, V or roll neck; some with raglan seams."""
    d, style = scene.design, scene.choose_cut("neckline")
    measures = apply_fit(
        _knit_measures(scene, d.uniform("v depth", 0.125, 0.165) if style == "v" else 0.042), scene.choose_cut("fit")
    )
    sleeve = sample_sleeve(
        scene,
        d.uniform("sleeve", 0.39, 0.48),
        d.uniform("cuff", 0.039, 0.050),
        angle=d.uniform("angle", 0.18, 0.40),
        fullness=d.uniform("fullness", 1.02, 1.25),
        tuck=0.24,
    )
    measures = place_garment(scene, measures, 1.26, top=-0.08 if style == "roll" else -0.02, sleeve=sleeve)
    neckline = v_neck(measures) if style == "v" else round_neck(measures)
    arms = draw_sleeves(scene, measures, sleeve, puff=0.022)
    for each in arms:
        draw_rib_cuff(scene, each, d.uniform("cuff depth", 0.040, 0.066), 0.24)
    draw_hem_band(scene, measures, d.uniform("hem band", 0.036, 0.066))
    draw_inside_back(scene, measures, measures.scoop + 0.01, "main", label=style != "roll")
    raglan = d.chance("raglan", 0.3)
    draw_body(
        scene,
        measures,
        neckline,
        puff=0.022,
        soft=0.030,
        folds=body_folds(scene, measures)[:7],
        shadow=0.4,
        sleeved=not raglan,
    )
    if raglan:
        for side in (-1, 1):
            line: Curve = [
                (measures.neck + 0.012, 0.010),
                (0.62 * measures.chest, 0.55 * measures.armhole),
                (measures.chest, measures.armhole),
            ]
            scene.add_seam(on_side(line, side), dark=0.38, width=0.006)
    draw_chest_print(scene, measures)
    if style == "roll":
        draw_roll_neck(scene, measures, d.uniform("roll", 0.055, 0.080))
    else:
        draw_neck_band(scene, neckline, d.uniform("band", 0.020, 0.034))


@register_silhouette("cardigan")
def draw_cardigan(scene: Scene) -> None:
    """Draw a knitted jacket with a ribbed border down both fronts, buttoned, zipped or open."""
    d, style, closure = scene.design, scene.choose_cut("neckline"), scene.choose_cut("closure")
    measures = _knit_measures(scene, d.uniform("v depth", 0.150, 0.215) if style == "v" else 0.050)
    measures = apply_fit(measures, scene.choose_cut("fit"))
    sleeve = sample_sleeve(
        scene,
        d.uniform("sleeve", 0.39, 0.48),
        d.uniform("cuff", 0.040, 0.049),
        angle=d.uniform("angle", 0.20, 0.34),
        fullness=d.uniform("fullness", 1.0, 1.15),
        tuck=0.22,
    )
    measures = place_garment(scene, measures, 1.24, sleeve=sleeve)
    neckline = v_neck(measures) if style == "v" else round_neck(measures)
    arms = draw_sleeves(scene, measures, sleeve, puff=0.022)
    for each in arms:
        draw_rib_cuff(scene, each, d.uniform("cuff depth", 0.036, 0.060), 0.22)
    draw_hem_band(scene, measures, 0.046)
    draw_inside_back(scene, measures, measures.scoop + 0.01, "main")
    draw_body(scene, measures, neckline, puff=0.022, soft=0.030, folds=body_folds(scene, measures)[:7], shadow=0.4)
    wide, low = d.uniform("border", 0.026, 0.038), measures.length + 0.036
    gap = d.uniform("gap", 0.070, 0.100) if closure == "open" else 0.0
    if gap:
        _draw_fallen_open(scene, measures, gap, low)
    else:
        _draw_border(scene, measures, neckline, wide, low)
    if d.chance("pockets", 0.55):
        for side in (-1, 1):
            x0 = 0.052 + gap * 0.6
            draw_patch_pocket_of(scene, side, x0, x0 + 0.075, measures.length - 0.125, 0.088)
    if gap:
        for side in (-1, 1):
            edge: list[Point] = [(0.98 * measures.neck, -0.002), *_open_edge(measures, gap, low)]
            band = ribbon(on_side(edge, side), wide)
            scene.add_panel(band, "rib", puff=0.008, soft=0.4 * wide, lift=0.003, shadow=0.45, grain=-0.1 * side)
    elif closure == "zip":
        draw_zipper(scene, [(0.0, measures.scoop + 0.012), (0.002, 0.5 * low), (0.0, low)], width=0.017)
    else:
        count = d.choice("buttons", (5, 6, 7)) if style == "round" else d.choice("buttons", (4, 5))
        draw_button_row(
            scene, 0.0, measures.scoop + 0.018, low - 0.020, count, d.uniform("button", 0.0095, 0.0135), hole=0.018
        )


def _draw_border(scene: Scene, measures: GarmentMeasures, neckline: Curve, wide: float, low: float) -> None:
    """Draw the ribbed border of a closed cardigan: around the neck and down the middle."""
    draw_neck_band(scene, neckline, 0.9 * wide)
    top = measures.scoop - 0.004
    strip = outline([(-0.5 * wide, top), (0.5 * wide, top)], (0.5 * wide, low), (-0.5 * wide, low))
    scene.add_panel(strip, "rib", puff=0.007, soft=0.010, lift=0.003, shadow=0.45, reach=0.010)
    scene.add_seam(
        [(placket_side(scene) * 0.48 * wide, top), (placket_side(scene) * 0.48 * wide, low)], dark=0.5, width=0.004
    )


def _open_edge(measures: GarmentMeasures, gap: float, low: float) -> list[Point]:
    """Return the front edge of an open cardigan, below the neck point."""
    return [(0.72 * measures.neck + 0.010, 0.5 * measures.scoop + 0.03), (0.75 * gap, 0.55 * low), (0.92 * gap, low)]


def _draw_fallen_open(scene: Scene, measures: GarmentMeasures, gap: float, low: float) -> None:
    n = measures.neck
    edge = [(n, 0.0), *_open_edge(measures, gap, low)]
    opening = mirrored_outline([(0.0, 0.002), (n, -0.004)], edge, (0.0, low - 0.004))
    scene.add_panel(opening, puff=0.004, lift=0.012, shade=0.66, shadow=0.0)
    scene.darken(mirrored_outline([(0.0, 0.05), (0.03, 0.05)], [(0.05, low), (0.0, low)]), 0.30, 0.030)
    back: Curve = [(-n, -0.006), (-0.6 * n, 0.004), (0.0, 0.008), (0.6 * n, 0.004), (n, -0.006)]
    scene.add_panel(ribbon(back, 0.030), "rib", puff=0.006, soft=0.010, lift=0.014, shade=0.85, shadow=0.2, grain=1.57)
    scene.add_overlay(
        mirrored_outline([(0.0, 0.026), (0.35 * n, 0.025)], (0.35 * n, 0.040), (0.0, 0.041)),
        "label",
        puff=0.001,
        shade=0.75,
    )
    band = mirrored_outline([(0.0, low - 0.046), (gap, low - 0.046)], (gap, low - 0.002), (0.0, low - 0.002))
    scene.add_overlay(band, "rib", puff=0.002, shade=0.62, shadow=0.0)


@register_silhouette("hoodie")
def draw_hoodie(scene: Scene) -> None:
    """Draw a hoodie with drawstrings and a pouch pocket; metal hardware is a zip, eyelets and cord ends."""
    d = scene.design
    chest = d.uniform("chest", 0.186, 0.204)
    hood, wide = d.uniform("hood", 0.120, 0.155), d.uniform("hood width", 0.096, 0.116)
    measures = GarmentMeasures(
        scoop=0.070,
        neck=0.066,
        shoulder=chest + d.uniform("shoulder", -0.002, 0.014),
        chest=chest,
        waist=chest - d.uniform("waist", 0.0, 0.016),
        hem=chest - d.uniform("hem", 0.0, 0.018),
        length=d.uniform("length", 0.45, 0.52),
        tuck=d.uniform("tuck", 0.008, 0.020),
    )
    measures = apply_fit(measures, scene.choose_cut("fit"))
    sleeve = sample_sleeve(
        scene, d.uniform("sleeve", 0.38, 0.46), 0.041, angle=d.uniform("angle", 0.18, 0.40), fullness=1.12, tuck=0.24
    )
    measures = place_garment(scene, measures, 1.15, top=-hood, sleeve=sleeve)
    arms = draw_sleeves(scene, measures, sleeve, puff=0.022)
    for each in arms:
        draw_rib_cuff(scene, each, 0.052, 0.24)
    draw_hem_band(scene, measures, d.uniform("hem band", 0.036, 0.054))
    draw_hood_behind(scene, measures, hood, wide)
    draw_body(
        scene, measures, round_neck(measures), puff=0.022, soft=0.030, folds=body_folds(scene, measures)[:7], shadow=0.4
    )
    draw_chest_print(scene, measures)
    draw_hood_edges(scene, measures, hood, wide)
    low, half = measures.length - 0.02, d.uniform("pouch", 0.092, 0.115)
    scene.add_overlay(
        mirrored_outline(
            [(0.0, low - 0.135), (0.62 * half, low - 0.135)],
            [(0.80 * half, low - 0.105), (half, low - 0.05)],
            [(half, low), (0.0, low + 0.006)],
        ),
        puff=0.008,
        soft=0.016,
    )
    for side in (-1, 1):
        mouth: Curve = [
            (0.62 * half - 0.012, low - 0.128),
            (0.80 * half - 0.014, low - 0.100),
            (half - 0.012, low - 0.046),
        ]
        draw_stitches(scene, on_side(mouth, side))
    if scene.appearance.hardware != "none":
        end = measures.length + 0.030
        draw_zipper(scene, [(0.0, 0.088), (0.0, 0.5 * measures.length), (0.0, end)], width=0.018)
    _draw_cords(scene)


def _draw_cords(scene: Scene) -> None:
    """Draw two drawstrings that hang from eyelets and end in tips."""
    for side in (-1, 1):
        swing = scene.shot.uniform(f"cord {side}", -0.012, 0.012)
        low = scene.shot.uniform(f"cord end {side}", 0.165, 0.200)
        draw_ring(scene, side * 0.030, 0.082, 0.009, 0.009, 0.006)
        cord: Curve = [(0.030, 0.086), (0.033 + swing, 0.13), (0.030 + swing, low)]
        scene.add_overlay(ribbon(on_side(cord, side), 0.010), "cord", puff=0.006, soft=0.004, clip=False)
        tip: Curve = [(0.030 + swing, low - 0.005), (0.030 + swing, low + 0.020)]
        scene.add_overlay(ribbon(on_side(tip, side), 0.014), "fitting", puff=0.006, soft=0.005, clip=False)
