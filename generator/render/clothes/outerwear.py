"""Draw coats: trench coat, coat, car coat, duffle coat and cape."""

from generator.render.clothes.collars import (
    draw_hood_lying,
    draw_inside_back,
    draw_lapels,
    draw_shirt_collar,
    round_neck,
    v_neck,
)
from generator.render.clothes.folds import body_folds, hem_folds
from generator.render.clothes.fronts import (
    draw_button_row,
    draw_front_edge,
    draw_parted_hem,
    draw_patch_pocket_of,
    draw_pockets,
    draw_sleeve_buttons,
    draw_toggle,
    draw_waist_belt,
    draw_zip_front,
    placket_side,
)
from generator.render.clothes.garment import (
    GarmentMeasures,
    apply_fit,
    body_outline,
    draw_body,
    draw_cuff,
    draw_sleeves,
    draw_stitches,
    place_garment,
    sample_sleeve,
)
from generator.render.engine.curves import Curve, mirrored_outline, on_side, outline
from generator.render.engine.fittings import draw_buckle, draw_button, draw_strap
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene


@register_silhouette("trench-coat")
def draw_trench_coat(scene: Scene) -> None:
    """Draw a belted double-breasted coat: epaulettes, storm flap, cuff straps, a parted hem that shows the lining."""
    d = scene.design
    measures = GarmentMeasures(
        neck=0.048,
        scoop=d.uniform("scoop", 0.17, 0.21),
        shoulder=d.uniform("shoulder", 0.138, 0.150),
        slope=0.040,
        chest=0.134,
        armhole=0.165,
        waist=d.uniform("waist", 0.106, 0.124),
        waist_at=0.31,
        hem=d.uniform("hem", 0.150, 0.205),
        length=d.uniform("length", 0.66, 0.74),
        dip=0.008,
    )
    sleeve = sample_sleeve(scene, d.uniform("sleeve", 0.37, 0.43), d.uniform("cuff", 0.042, 0.052), angle=0.24)
    measures = place_garment(scene, measures, 1.03, top=-0.04, sleeve=sleeve)
    arms = draw_sleeves(scene, measures, sleeve)
    draw_inside_back(scene, measures, measures.scoop + 0.04)
    folds = [*body_folds(scene, measures), *hem_folds(scene, measures.waist_at, measures, 5, 0.006)]
    draw_body(scene, measures, v_neck(measures), volume=0.016, folds=folds, shadow=0.55)
    side, overlap = placket_side(scene), d.uniform("overlap", 0.048, 0.062)
    vent = d.uniform("vent", 0.045, 0.075)
    draw_parted_hem(scene, measures, side * overlap * 0.8, measures.waist_at + 0.07, vent, 0.35 if side > 0 else 0.65)
    draw_front_edge(scene, side * overlap, measures.scoop - 0.02, measures.waist_at + 0.09)
    if d.chance("storm flap", 0.8):
        _draw_storm_flap(scene, measures, -side)
    draw_lapels(
        scene,
        measures,
        width=d.uniform("lapel", 0.052, 0.070),
        low=measures.scoop,
        gorge=0.070,
        peak=d.chance("peak", 0.3),
        wrap=0.012,
    )
    for each in (-1, 1):
        tab: Curve = [(measures.neck + 0.030, 0.020), (measures.shoulder - 0.008, measures.slope + 0.012)]
        draw_strap(scene, on_side(tab, each), 0.026)
        draw_button(scene, each * (measures.neck + 0.040), 0.024, 0.0085)
    draw_pockets(scene, d.choice("pockets", ("welt", "welt", "flap")), 0.066, 0.124, measures.waist_at + 0.085, 0.032)
    for y in (measures.scoop + 0.020, measures.scoop + 0.070, measures.waist_at + 0.065, measures.waist_at + 0.125):
        for x in (-overlap + 0.012, overlap - 0.012):
            draw_button(scene, x, y, 0.0125)
    draw_waist_belt(scene, measures, tied=d.chance("knot", 0.25))
    for each_arm in arms:
        draw_strap(scene, each_arm.across(0.86), 0.020)
        a, b = each_arm.across(0.86)
        draw_buckle(scene, *(a if abs(a[0]) > abs(b[0]) else b), 0.010, 0.014, 0.006)
        a, b = each_arm.across(0.955)
        draw_stitches(scene, [a, b])


def _draw_storm_flap(scene: Scene, measures: GarmentMeasures, side: int) -> None:
    """Draw a loose layer over one shoulder and breast, held by the armhole."""
    tip = measures.shoulder - 0.010
    edge: Curve = [(measures.chest - 0.014, 0.130), (0.082, 0.190), (0.030, measures.scoop - 0.004)]
    shape = outline(
        [(0.040, 0.016), (tip, measures.slope + 0.004)], [(tip, measures.slope + 0.004), *edge], (0.040, 0.016)
    )
    scene.add_overlay(shape * (side, 1), puff=0.005, soft=0.012, shadow=0.6)
    draw_stitches(scene, on_side([(x - 0.004, y - 0.008) for x, y in edge], side))


@register_silhouette("coat")
def draw_coat(scene: Scene) -> None:
    """Draw a long coat with a notched collar: single or double row of big buttons, a zip, or a tied belt."""
    d, closure = scene.design, scene.choose_cut("closure")
    measures = GarmentMeasures(
        neck=0.050,
        scoop=d.uniform("scoop", 0.15, 0.22),
        shoulder=d.uniform("shoulder", 0.144, 0.164),
        slope=0.038,
        chest=0.150,
        armhole=0.175,
        waist=d.uniform("waist", 0.130, 0.150),
        waist_at=0.34,
        hem=d.uniform("hem", 0.145, 0.195),
        length=d.uniform("length", 0.64, 0.73),
        dip=0.005,
    )
    measures = apply_fit(measures, scene.choose_cut("fit"))
    sleeve = sample_sleeve(scene, d.uniform("sleeve", 0.37, 0.43), d.uniform("cuff", 0.048, 0.062), angle=0.20)
    measures = place_garment(scene, measures, 1.05, top=-0.04, sleeve=sleeve)
    padded = scene.appearance.quilting != "none"
    arms = draw_sleeves(scene, measures, sleeve, quilted=padded)
    draw_inside_back(scene, measures, measures.scoop + 0.03)
    folds = [*body_folds(scene, measures), *hem_folds(scene, 0.45, measures, 4, 0.004)]
    draw_body(scene, measures, v_neck(measures), puff=0.018, folds=folds, shadow=0.55, quilted=padded)
    side, double = placket_side(scene), closure == "buttons" and d.chance("double-breasted", 0.4)
    edge = d.uniform("overlap", 0.050, 0.064) if double else 0.020
    last = 0.5 * measures.length + 0.05
    draw_parted_hem(
        scene, measures, side * edge, last + 0.02, d.uniform("vent", 0.040, 0.070), 0.35 if side > 0 else 0.65
    )
    draw_front_edge(scene, side * edge, measures.scoop - (0.02 if double else 0.002), last + 0.03)
    draw_lapels(
        scene,
        measures,
        width=d.uniform("lapel", 0.052, 0.078),
        low=measures.scoop,
        gorge=d.uniform("gorge", 0.060, 0.085),
        peak=double and d.chance("peak", 0.6),
        wrap=0.012 if double else 0.0,
    )
    kind = d.choice("pockets", ("flap", "welt", "jet", "patch"))
    pocket_y = min(0.41, measures.length - 0.15)
    draw_pockets(scene, kind, 0.062, 0.128, pocket_y, 0.036)
    if closure == "zip":
        draw_zip_front(scene, measures.scoop + 0.004, measures.length - 0.08, width=0.013)
    elif closure == "belt":
        draw_waist_belt(scene, measures, tied=d.chance("knot", 0.7), width=0.042)
    else:
        count = d.choice("buttons", (3, 4))
        rows = (-edge + 0.014, edge - 0.014) if double else (0.0,)
        for x in rows:
            draw_button_row(scene, x, measures.scoop + 0.030, last - 0.030, count, 0.0165 if double else 0.0190)
    for each in arms:
        if d.chance("turned cuffs", 0.3):
            draw_cuff(scene, each, 0.050)
        draw_sleeve_buttons(scene, each.across(0.99), each.angle, 2, 0.0095)


@register_silhouette("car-coat")
def draw_car_coat(scene: Scene) -> None:
    """Draw a straight coat to mid-thigh: turned-down collar, slanted pockets; buttons, a zip or a hidden front."""
    d, closure = scene.design, scene.choose_cut("closure")
    measures = GarmentMeasures(
        neck=0.052,
        scoop=d.uniform("scoop", 0.060, 0.085),
        shoulder=d.uniform("shoulder", 0.162, 0.180),
        slope=d.uniform("slope", 0.040, 0.058),
        chest=0.166,
        armhole=0.195,
        waist=d.uniform("waist", 0.158, 0.172),
        waist_at=0.36,
        hem=d.uniform("hem", 0.168, 0.196),
        length=d.uniform("length", 0.56, 0.63),
        dip=0.004,
    )
    measures = apply_fit(measures, scene.choose_cut("fit"))
    sleeve = sample_sleeve(scene, d.uniform("sleeve", 0.38, 0.44), d.uniform("cuff", 0.052, 0.064), angle=0.20)
    measures = place_garment(scene, measures, 1.14, top=-0.04, sleeve=sleeve)
    arms = draw_sleeves(scene, measures, sleeve)
    raglan = d.chance("raglan", 0.45)
    draw_inside_back(scene, measures, measures.scoop + 0.03)
    folds = [*body_folds(scene, measures)[:8], *hem_folds(scene, 0.40, measures, 3, 0.004)]
    draw_body(scene, measures, v_neck(measures), puff=0.018, folds=folds, shadow=0.55, sleeved=not raglan)
    if raglan:
        for each in (-1, 1):
            line: Curve = [
                (measures.neck + 0.010, 0.012),
                (0.66 * measures.chest, 0.55 * measures.armhole),
                (measures.chest, measures.armhole),
            ]
            scene.add_seam(on_side(line, each), dark=0.38)
            scene.add_seam(on_side([(x - 0.010, y + 0.006) for x, y in line], each), dark=0.18, width=0.003)
    side, last = placket_side(scene), measures.length - 0.15
    draw_parted_hem(
        scene, measures, side * 0.022, last + 0.03, d.uniform("vent", 0.030, 0.055), 0.35 if side > 0 else 0.65
    )
    draw_front_edge(scene, side * 0.022, measures.scoop + 0.010, last + 0.03, stitch_inset=0.044)
    draw_pockets(
        scene, d.choice("pockets", ("welt", "welt", "patch", "flap")), 0.072, 0.140, measures.length - 0.20, 0.040
    )
    draw_shirt_collar(
        scene, measures, spread=d.uniform("spread", 0.030, 0.052), depth=d.uniform("points", 0.100, 0.130), stand=0.024
    )
    if closure == "zip":
        draw_zip_front(scene, measures.scoop + 0.006, measures.length - 0.02, width=0.013)
    else:
        draw_button_row(scene, 0.0, measures.scoop + 0.050, last, d.choice("buttons", (3, 4, 5)), 0.0160, hole=0.024)
    for each_arm in arms:
        if d.chance("tabs", 0.5):
            draw_strap(scene, each_arm.across(0.90), 0.022)
        draw_sleeve_buttons(scene, each_arm.across(0.90), 0.0, 1, 0.009)


@register_silhouette("duffle-coat")
def draw_duffle_coat(scene: Scene) -> None:
    """Draw a straight heavy coat: a hood on the shoulders, a yoke, toggles on cords, big patch pockets."""
    d = scene.design
    measures = GarmentMeasures(
        neck=0.056,
        scoop=0.066,
        shoulder=d.uniform("shoulder", 0.156, 0.172),
        slope=0.044,
        chest=0.160,
        armhole=0.185,
        waist=d.uniform("waist", 0.156, 0.166),
        waist_at=0.36,
        hem=d.uniform("hem", 0.166, 0.190),
        length=d.uniform("length", 0.60, 0.69),
        dip=0.004,
    )
    measures = apply_fit(measures, scene.choose_cut("fit"))
    sleeve = sample_sleeve(scene, d.uniform("sleeve", 0.39, 0.43), 0.054, angle=0.20)
    measures = place_garment(scene, measures, 1.08, top=-0.08, sleeve=sleeve)
    arms = draw_sleeves(scene, measures, sleeve, puff=0.020)
    draw_body(
        scene, measures, v_neck(measures), puff=0.020, volume=0.016, folds=body_folds(scene, measures)[:8], shadow=0.55
    )
    low = d.uniform("yoke", 0.118, 0.145)
    yoke = mirrored_outline(
        [(0.0, 0.020), (measures.neck, 0.0)],
        (measures.shoulder - 0.002, measures.slope + 0.002),
        (measures.chest - 0.004, 0.94 * low),
        [(0.55 * measures.chest, low), (0.0, low + 0.006)],
    )
    scene.add_overlay(yoke, puff=0.005, soft=0.012, shadow=0.55)
    draw_stitches(
        scene, [(-measures.chest + 0.012, low - 0.010), (0.0, low - 0.004), (measures.chest - 0.012, low - 0.010)]
    )
    side, last = placket_side(scene), measures.length - 0.16
    draw_parted_hem(
        scene, measures, side * 0.030, last + 0.02, d.uniform("vent", 0.035, 0.060), 0.35 if side > 0 else 0.65
    )
    draw_front_edge(scene, side * 0.030, 0.10, last + 0.03)
    for each in (-1, 1):
        draw_patch_pocket_of(scene, each, 0.058, 0.136, measures.length - 0.225, 0.105, flapped=d.chance("flaps", 0.6))
    draw_hood_lying(scene, measures)
    count = d.choice("toggles", (3, 4))
    for i in range(count):
        draw_toggle(scene, 0.0, 0.170 + (last - 0.180) * i / (count - 1), d.uniform("reach", 0.058, 0.072))
    for each_arm in arms:
        draw_strap(scene, each_arm.across(0.90), 0.024)
        draw_sleeve_buttons(scene, each_arm.across(0.90), 0.0, 1, 0.009)


@register_silhouette("cape")
def draw_cape(scene: Scene) -> None:
    """Draw a cloak that widens from the shoulders to the hem, with slits for the arms; buttoned or open."""
    d, closure = scene.design, scene.choose_cut("closure")
    measures = GarmentMeasures(
        neck=0.052,
        scoop=d.uniform("scoop", 0.070, 0.120),
        shoulder=d.uniform("shoulder", 0.150, 0.170),
        slope=d.uniform("slope", 0.060, 0.080),
        chest=0.215,
        armhole=0.22,
        waist=d.uniform("waist", 0.262, 0.285),
        waist_at=0.36,
        hem=d.uniform("hem", 0.300, 0.370),
        length=d.uniform("length", 0.53, 0.61),
        dip=d.uniform("dip", 0.010, 0.050),
    )
    measures = place_garment(scene, measures, 1.16, top=-0.04)
    neckline = v_neck(measures) if d.chance("v", 0.5) else round_neck(measures)
    draw_inside_back(scene, measures, measures.scoop + 0.03)
    folds = [*body_folds(scene, measures)[:4], *hem_folds(scene, 0.12, measures, d.uniform("flutes", 5, 8), 0.013)]
    half = body_outline(measures, neckline)
    half[1:4] = [
        [
            neckline[-1],
            (0.60 * measures.shoulder, 0.48 * measures.slope),
            (measures.shoulder, 1.25 * measures.slope),
            (measures.chest, measures.armhole),
            (measures.waist, measures.waist_at),
            (measures.hem, measures.length),
        ]
    ]
    scene.add_panel(mirrored_outline(*half), puff=0.018, soft=0.028, volume=0.022, folds=folds)
    side, edge = placket_side(scene), 0.022
    if closure == "open":
        draw_parted_hem(scene, measures, 0.0, measures.scoop + 0.010, d.uniform("gap", 0.13, 0.18), 0.5)
    else:
        draw_parted_hem(scene, measures, side * edge, 0.62 * measures.length, 0.060, 0.35 if side > 0 else 0.65)
        draw_front_edge(scene, side * edge, measures.scoop, 0.64 * measures.length)
    for each in (-1, 1):
        slit: Curve = [(0.115, 0.235), (0.128, 0.30), (0.146, 0.385)]
        scene.darken(outline(*[on_side(slit, each)], (each * 0.158, 0.385), (each * 0.124, 0.235)), 0.35, 0.010)
        scene.add_seam(on_side(slit, each), dark=0.75, width=0.008, depth=0.006)
        line: Curve = [(measures.neck + 0.02, 0.014), (0.9 * measures.shoulder, 0.10), (1.02 * measures.shoulder, 0.20)]
        scene.add_seam(on_side(line, each), dark=0.22)
    if d.chance("lapels", 0.4):
        draw_lapels(scene, measures, width=0.050, low=measures.scoop + 0.02, gorge=0.045)
    else:
        draw_shirt_collar(
            scene, measures, spread=d.uniform("spread", 0.02, 0.06), depth=measures.scoop + 0.04, stand=0.022
        )
    if closure == "open":
        draw_button(scene, 0.0, measures.scoop + 0.012, 0.014)
    else:
        draw_button_row(scene, 0.0, measures.scoop + 0.030, 0.58 * measures.length, d.choice("buttons", (3, 4)), 0.0170)
