"""Draw jackets: quilted jacket, puffer jacket, gilet, bomber jacket and blazer."""

from generator.render.clothes.collars import (
    draw_inside_back,
    draw_lapels,
    draw_shirt_collar,
    draw_standing_collar,
    v_neck,
)
from generator.render.clothes.folds import body_folds
from generator.render.clothes.fronts import (
    draw_button_row,
    draw_front_edge,
    draw_pockets,
    draw_sleeve_buttons,
    draw_snap,
    draw_zip_front,
    placket_side,
)
from generator.render.clothes.garment import (
    GarmentMeasures,
    apply_fit,
    armhole_line,
    draw_body,
    draw_cuff,
    draw_hem_band,
    draw_rib_cuff,
    draw_sleeves,
    place_garment,
    sample_sleeve,
    straight_outline,
)
from generator.render.engine.curves import Curve, Point, Stretch, box, mirrored_outline, on_side, outline, ribbon
from generator.render.engine.fittings import draw_button, draw_strap, draw_welt, draw_zipper
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene


@register_silhouette("quilted-jacket")
def draw_quilted_jacket(scene: Scene) -> None:
    """Draw a short boxy jacket with a turned-down collar, snaps or a zip, patch or slit pockets and bound edges."""
    d, closure = scene.design, scene.choose_cut("closure")
    chest = d.uniform("chest", 0.168, 0.202)
    measures = GarmentMeasures(
        neck=0.056,
        scoop=0.080,
        shoulder=chest + d.uniform("shoulder", -0.004, 0.012),
        slope=0.042,
        chest=chest,
        armhole=0.195,
        waist=chest - d.uniform("waist", -0.002, 0.018),
        waist_at=0.34,
        hem=chest + d.uniform("hem", -0.006, 0.020),
        length=d.uniform("length", 0.54, 0.62),
        dip=0.004,
    )
    sleeve = sample_sleeve(scene, d.uniform("sleeve", 0.36, 0.43), d.uniform("mouth", 0.052, 0.064), angle=0.22)
    measures = place_garment(scene, measures, 1.22, top=-0.03, sleeve=sleeve)
    arms = draw_sleeves(scene, measures, sleeve, quilted=True)
    draw_inside_back(scene, measures, 0.14)
    draw_body(
        scene,
        measures,
        v_neck(measures),
        puff=0.020,
        soft=0.028,
        volume=0.016,
        folds=body_folds(scene, measures)[:6],
        quilted=True,
        shadow=0.5,
    )
    low = measures.length + 0.004
    gap = d.uniform("gap", 0.026, 0.050)
    opening = outline(
        [(0.0, measures.scoop), (0.7 * gap, 0.5 * low), (gap, low + 0.008)],
        [(-gap, low + 0.008), (-0.7 * gap, 0.5 * low), (0.0, measures.scoop)],
    )
    scene.add_inside(opening, lift=0.028, clip=True)
    x0, x1, y0 = 0.070, 0.140, measures.length - 0.155
    patched = d.chance("patch pockets", 0.6)
    for side in (-1, 1):
        edge: Curve = [
            (side * 0.004, measures.scoop),
            (side * (0.7 * gap + 0.004), 0.5 * low),
            (side * (gap + 0.006), low),
        ]
        if closure == "zip":
            draw_zipper(scene, edge, width=0.012, pull=side == 1)
        draw_strap(
            scene, on_side([(abs(x) + (0.014 if closure == "zip" else 0), y) for x, y in edge], side), 0.020, "self"
        )
        if closure == "buttons":
            for i in range(4):
                t = (i + 0.6) / 4.2
                x = 0.004 + (gap + 0.002) * (1.4 * t - 0.4 * t * t)
                draw_snap(scene, side * x, measures.scoop + (low - measures.scoop) * t, 0.0125)
        if patched:
            corners = min(side * x0, side * x1), y0, max(side * x0, side * x1), y0 + 0.105
            scene.add_overlay(box(*corners, 0.012), puff=0.008, soft=0.014, quilted=True)
            draw_strap(scene, [(side * x0, y0), (side * x1, y0)], 0.018, "self")
        else:
            draw_welt(scene, (side * 0.09, y0), (side * 0.125, y0 + 0.10), 0.026, "self")
    draw_strap(
        scene,
        [(-measures.hem, low - 0.006), (0.0, low - 0.006 + measures.dip), (measures.hem, low - 0.006)],
        0.016,
        "self",
        clip=True,
    )
    draw_shirt_collar(scene, measures, spread=d.uniform("spread", 0.030, 0.045), depth=0.105, stand=0.022, cloth="self")
    for each in arms:
        draw_cuff(scene, each, 0.022, "self")


def _puffer_measures(scene: Scene, shoulder: float, chest: float) -> GarmentMeasures:
    d = scene.design
    hem = chest - d.uniform("hem", 0.002, 0.022)
    return GarmentMeasures(
        neck=0.064,
        scoop=0.110,
        shoulder=shoulder,
        slope=0.042,
        chest=chest,
        armhole=0.205,
        waist=chest + d.uniform("waist", -0.004, 0.010),
        waist_at=0.34,
        hem=hem,
        length=d.uniform("length", 0.51, 0.59),
        dip=0.008,
        tuck=0.012,
    )


@register_silhouette("puffer-jacket")
def draw_puffer_jacket(scene: Scene) -> None:
    """Draw a down jacket: padded body and sleeves, a zip, a padded standing collar, often with a hood behind it."""
    d = scene.design
    hood = d.chance("hood", 0.5)
    chest = d.uniform("chest", 0.184, 0.218)
    measures = _puffer_measures(scene, chest - 0.006, chest)
    sleeve = sample_sleeve(
        scene,
        d.uniform("sleeve", 0.35, 0.42),
        d.uniform("mouth", 0.054, 0.066),
        angle=0.22,
        fullness=d.uniform("fullness", 1.12, 1.30),
    )
    measures = place_garment(scene, measures, 1.17, top=-0.135 if hood else -0.07, sleeve=sleeve)
    arms = draw_sleeves(scene, measures, sleeve, quilted=True, puff=0.034)
    if hood:
        shape = mirrored_outline([(0.0, -0.135), (0.075, -0.110), (0.105, -0.03), (0.080, 0.05)], (0.0, 0.06))
        scene.add_panel(shape, puff=0.030, soft=0.030, quilted=True)
        for side in (-1, 1):
            rim: Curve = [(0.004, -0.112), (0.056, -0.088), (0.076, -0.030)]
            scene.add_seam(on_side(rim, side), dark=0.4, width=0.006)
    draw_hem_band(scene, measures, 0.034, "self")
    _draw_padded_front(scene, measures, d.uniform("collar", 0.050, 0.070))
    for side in (-1, 1):
        draw_welt(scene, (side * 0.105, measures.length - 0.17), (side * 0.130, measures.length - 0.075), 0.024, "self")
    for each in arms:
        if d.chance("ribbed cuffs", 0.35):
            draw_rib_cuff(scene, each, 0.045, 0.10)
        else:
            draw_cuff(scene, each, 0.026, "self", 0.94)


def _draw_padded_front(
    scene: Scene, measures: GarmentMeasures, collar: float, *, sleeved: bool = True, buttons: bool = False
) -> None:
    """Draw body, zip and a collar unzipped half-way, so that the lining shows."""
    inner = mirrored_outline(
        [(0.0, -collar - 0.006), (0.055, -collar - 0.002), (0.076, -collar + 0.012)],
        [(0.078, 0.03), (0.070, 0.15), (0.0, 0.165)],
    )
    scene.add_inside(inner, lift=0.010)
    draw_body(
        scene,
        measures,
        v_neck(measures),
        puff=0.034,
        soft=0.040,
        volume=0.018,
        folds=(),
        quilted=True,
        shadow=0.5,
        sleeved=sleeved,
    )
    scene.add_inside(mirrored_outline([(0.0, 0.02), (0.062, 0.0)], [(0.034, 0.10), (0.0, 0.160)]), lift=0.010)
    for side in (-1, 1):
        _draw_open_collar(scene, side, collar)
    end = measures.length + 0.024
    if buttons:
        strip = outline([(-0.021, 0.150), (0.021, 0.150)], (0.021, end), (-0.021, end))
        scene.add_panel(strip, puff=0.016, soft=0.016, lift=0.020, shadow=0.55, quilted=True)
        for i in range(5):
            draw_snap(scene, 0.0, 0.170 + (end - 0.195) * i / 4, 0.0110)
    else:
        draw_zipper(scene, [(0.0, 0.145), (0.003, 0.5 * measures.length), (0.0, end)], width=0.014)


def _draw_open_collar(scene: Scene, side: int, tall: float) -> None:
    """Draw one half of a padded standing collar, unzipped and leaning outwards."""
    inner: Curve = [(0.056, -tall + 0.016), (0.032, 0.050), (0.004, 0.155)]
    outer: list[Stretch] = [
        [(0.062, -tall - 0.004), (0.080, -tall + 0.014)],
        (0.086, 0.012),
        [(0.066, 0.075), (0.004, 0.155)],
    ]
    leaf = outline(inner[::-1], *outer) * (side, 1)
    scene.add_panel(leaf, puff=0.024, soft=0.022, lift=0.004, shadow=0.5, quilted=True)
    draw_zipper(scene, on_side(inner, side), width=0.010, pull=False)


@register_silhouette("gilet")
def draw_gilet(scene: Scene) -> None:
    """Draw a padded sleeveless jacket: bound armholes, a standing collar, zip or snaps."""
    d = scene.design
    measures = _puffer_measures(scene, d.uniform("shoulder", 0.140, 0.162), d.uniform("chest", 0.172, 0.190))
    measures = place_garment(scene, measures, 1.28, top=-0.07)
    _draw_back_of_armholes(scene, measures)
    draw_hem_band(scene, measures, 0.032, "self")
    _draw_padded_front(
        scene,
        measures,
        d.uniform("collar", 0.048, 0.070),
        sleeved=False,
        buttons=scene.choose_cut("closure") == "buttons",
    )
    for side in (-1, 1):
        band = ribbon(on_side(armhole_line(measures), side), 0.016)
        scene.add_overlay(band, "self", puff=0.006, soft=0.007, shadow=0.5)
    style = d.choice("pockets", ("slits", "slits", "flaps"))
    for side in (-1, 1):
        if style == "slits":
            draw_zipper(
                scene, [(side * 0.100, measures.length - 0.175), (side * 0.124, measures.length - 0.085)], width=0.013
            )
        else:
            x0, x1, y = 0.058, 0.140, measures.length - 0.150
            corners = min(side * x0, side * x1), y, max(side * x0, side * x1), y + 0.095
            scene.add_overlay(box(*corners, 0.014), puff=0.012, soft=0.016, quilted=True)
            scene.add_overlay(
                box(corners[0] - 0.003, y - 0.012, corners[2] + 0.003, y + 0.030, 0.008),
                "self",
                puff=0.008,
                soft=0.012,
                shadow=0.6,
                clip=False,
            )
            draw_snap(scene, side * 0.099, y + 0.018, 0.008)


def _draw_back_of_armholes(scene: Scene, measures: GarmentMeasures) -> None:
    """Draw the lining of the back, which shows beside a hollow armhole."""
    for side in (-1, 1):
        tip, pit = (measures.shoulder - 0.003, measures.slope), (measures.chest, measures.armhole)
        inner = (min(tip[0], pit[0]) - 0.05, 0.6 * pit[1])
        bulge = (0.35 * tip[0] + 0.65 * pit[0] - 0.008, 0.62 * pit[1])
        scene.add_inside(outline([tip, bulge, pit], inner) * (side, 1), lift=0.006)


@register_silhouette("bomber-jacket")
def draw_bomber_jacket(scene: Scene) -> None:
    """Draw a short full jacket: ribbed collar, cuffs and hem, a zip, slanted snap pockets, a sleeve pocket."""
    d = scene.design
    measures = GarmentMeasures(
        neck=0.058,
        scoop=d.uniform("scoop", 0.070, 0.090),
        shoulder=d.uniform("shoulder", 0.180, 0.208),
        slope=0.044,
        chest=d.uniform("chest", 0.182, 0.198),
        armhole=0.205,
        waist=d.uniform("waist", 0.186, 0.212),
        waist_at=0.34,
        hem=d.uniform("hem", 0.182, 0.206),
        length=d.uniform("length", 0.44, 0.51),
        dip=0.004,
        tuck=d.uniform("tuck", 0.018, 0.034),
    )
    measures = apply_fit(measures, scene.choose_cut("fit"))
    sleeve = sample_sleeve(
        scene, d.uniform("sleeve", 0.36, 0.40), 0.050, angle=d.uniform("angle", 0.22, 0.30), fullness=1.22, tuck=0.26
    )
    measures = place_garment(scene, measures, 1.22, top=-0.06, sleeve=sleeve)
    arms = draw_sleeves(scene, measures, sleeve, puff=0.024)
    for each in arms:
        draw_rib_cuff(scene, each, d.uniform("cuff", 0.050, 0.066), 0.26)
    depth = d.uniform("band", 0.056, 0.078)
    draw_hem_band(scene, measures, depth)
    raglan = d.chance("raglan", 0.4)
    draw_body(scene, measures, v_neck(measures), puff=0.024, soft=0.032, sleeved=not raglan)
    if raglan:
        for side in (-1, 1):
            line: Curve = [
                (measures.neck + 0.010, 0.010),
                (0.64 * measures.chest, 0.52 * measures.armhole),
                (measures.chest, measures.armhole),
            ]
            scene.add_seam(on_side(line, side), dark=0.42)
    draw_standing_collar(scene, measures, d.uniform("collar", 0.030, 0.044))
    scene.add_inside(
        mirrored_outline(
            [(0.0, -0.026), (0.84 * measures.neck, -0.022)],
            [(0.45 * measures.neck, 0.36 * measures.scoop), (0.0, 0.6 * measures.scoop)],
        )
    )
    standing = measures.scoop - 0.010
    end = measures.length + 0.70 * depth
    flapped = d.chance("zip flap", 0.3)
    draw_zip_front(scene, standing, end, width=0.013)
    if flapped:
        draw_front_edge(scene, placket_side(scene) * 0.030, measures.scoop + 0.02, measures.length)
    for side in (-1, 1):
        a, b = (side * 0.072, measures.length - 0.120), (side * 0.128, measures.length - 0.050)
        draw_welt(scene, a, b, 0.024)
        draw_snap(scene, side * 0.100, measures.length - 0.085, 0.0065)
    if d.chance("sleeve pocket", 0.6):
        _draw_sleeve_pocket(scene, arms[1].across(0.36), arms[1].angle)


def _draw_sleeve_pocket(scene: Scene, edges: tuple[Point, Point], angle: float) -> None:
    (ax, ay), (bx, by) = edges
    x, y = 0.5 * (ax + bx), 0.5 * (ay + by)
    draw_zipper(scene, [(x - 0.012, y - 0.036), (x + 0.018, y + 0.036)], width=0.012)


@register_silhouette("blazer")
def draw_blazer(scene: Scene) -> None:
    """Draw a tailored jacket: notched or peaked lapels, one or two button rows, darts, breast pocket, round fronts."""
    d, double = scene.design, scene.design.chance("double-breasted", 0.35)
    measures = GarmentMeasures(
        neck=0.050,
        scoop=d.uniform("scoop", 0.215, 0.255) if double else d.uniform("scoop", 0.205, 0.275),
        shoulder=d.uniform("shoulder", 0.152, 0.168),
        slope=d.uniform("slope", 0.034, 0.044),
        chest=0.150,
        armhole=0.175,
        waist=d.uniform("waist", 0.126, 0.142),
        waist_at=0.32,
        hem=d.uniform("hem", 0.148, 0.162),
        length=d.uniform("length", 0.48, 0.56),
        dip=0.002,
    )
    measures = apply_fit(measures, scene.choose_cut("fit"))
    sleeve = sample_sleeve(scene, d.uniform("sleeve", 0.40, 0.43), 0.042, angle=0.17)
    measures = place_garment(scene, measures, 1.26, top=-0.04, sleeve=sleeve)
    arms = draw_sleeves(scene, measures, sleeve)
    draw_inside_back(scene, measures, measures.scoop + 0.04)
    last = min(measures.scoop + 0.10, measures.length - 0.13)
    hem: list[Curve | Point] = []
    if not double:
        round_off = d.uniform("cutaway", 0.035, 0.075)
        low = mirrored_outline(
            [(0.0, last), (0.10, last)], (0.11, measures.length - 0.003), (0.0, measures.length - 0.004)
        )
        scene.add_panel(low, "lining", puff=0.0, lift=0.006, shade=0.78, shadow=0.0)
        hem = [
            [
                (measures.hem, measures.length),
                (0.6 * measures.hem, measures.length + 0.008),
                (round_off + 0.012, measures.length + 0.007),
            ],
            [
                (round_off + 0.012, measures.length + 0.007),
                (0.62 * round_off, measures.length - 0.018),
                (0.20 * round_off, measures.length - 0.075),
                (0.0, last + 0.012),
            ],
        ]
    draw_body(
        scene,
        measures,
        v_neck(measures),
        puff=0.015,
        volume=0.016,
        folds=body_folds(scene, measures)[:6],
        shadow=0.5,
        hem=hem or None,
    )
    side = placket_side(scene)
    pocket_y = max(measures.waist_at + 0.035, measures.length - 0.165)
    for each in (-1, 1):  # darts
        dart: Curve = [(0.080, measures.armhole + 0.04), (0.072, measures.waist_at), (0.080, pocket_y)]
        scene.add_seam(on_side(dart, each), dark=0.26, width=0.0035)
    draw_pockets(scene, d.choice("pockets", ("flap", "flap", "jet", "patch")), 0.060, 0.124, pocket_y, 0.032)
    draw_welt(scene, (0.062, 0.176), (0.108, 0.170), 0.017)
    if double:
        edge = side * d.uniform("overlap", 0.046, 0.060)
        draw_front_edge(scene, edge, measures.scoop - 0.01, measures.length + 0.004, stitch_inset=0.0)
    else:
        scene.add_seam([(0.0, measures.scoop), (side * 0.006, last + 0.012)], dark=0.50, width=0.004)
    peak = double or d.chance("peak", 0.15)
    draw_lapels(
        scene,
        measures,
        width=d.uniform("lapel", 0.046, 0.070),
        low=measures.scoop,
        gorge=d.uniform("gorge", 0.048, 0.072),
        peak=peak,
        wrap=0.030 if double else 0.0,
    )
    if d.chance("pocket square", 0.2):
        scene.add_overlay(
            straight_outline((0.070, 0.172), (0.078, 0.152), (0.088, 0.160), (0.096, 0.150), (0.101, 0.170)),
            "lace",
            puff=0.003,
            soft=0.006,
            clip=False,
        )
    if double:
        for y in (measures.scoop + 0.020, measures.scoop + 0.078):
            for x in (-0.036, 0.036):
                draw_button(scene, x, y, 0.0120)
        for x in (-0.050, 0.050):
            draw_button(scene, x, measures.scoop - 0.044, 0.0120)
    else:
        count = d.choice("buttons", (1, 2, 2, 3))
        draw_button_row(
            scene, side * -0.002, measures.scoop + 0.014, measures.scoop + 0.014 + 0.046 * (count - 1), count, 0.0108
        )
    for each_arm in arms:
        draw_sleeve_buttons(scene, each_arm.across(1.0), each_arm.angle, d.choice("sleeve buttons", (2, 3, 4)), 0.0075)
