"""Draw jackets of everyday wear: denim jacket, windbreaker, track jacket, fleece jacket and parka."""

import numpy as np

from generator.render.clothes.collars import (
    draw_hood_behind,
    draw_hood_edges,
    draw_inside_back,
    draw_open_collar,
    draw_shirt_collar,
    draw_standing_collar,
    round_neck,
    v_neck,
)
from generator.render.clothes.folds import body_folds
from generator.render.clothes.fronts import (
    draw_button_row,
    draw_front_edge,
    draw_open_front,
    draw_patch_pocket_of,
    draw_snap,
    draw_zip_front,
    placket_side,
)
from generator.render.clothes.garment import (
    GarmentMeasures,
    Sleeve,
    apply_fit,
    draw_body,
    draw_cuff,
    draw_hem_band,
    draw_rib_cuff,
    draw_sleeves,
    draw_stitches,
    place_garment,
    sample_sleeve,
)
from generator.render.engine.curves import (
    Curve,
    Outline,
    Point,
    interpolate,
    mirrored_outline,
    on_side,
    outline,
    ribbon,
)
from generator.render.engine.fittings import draw_button, draw_flap, draw_ring, draw_welt, draw_zipper
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene


def _jacket_measures(
    scene: Scene, chest: tuple[float, float], length: tuple[float, float], *, tuck: float = 0.0
) -> GarmentMeasures:
    """Return the measures of a straight jacket; the neckline is deeper where this shot shows it unfastened."""
    d, undone = scene.design, scene.pose.undone
    half = d.uniform("chest", *chest)
    return GarmentMeasures(
        neck=0.058,
        scoop=0.070 + 0.22 * min(undone, 0.4),
        shoulder=half + d.uniform("shoulder", -0.006, 0.012),
        slope=0.044,
        chest=half,
        armhole=0.200,
        waist=half - d.uniform("waist", -0.002, 0.016),
        waist_at=0.34,
        hem=half - d.uniform("hem", -0.006, 0.016),
        length=d.uniform("length", *length),
        dip=0.004,
        tuck=tuck,
    )


def _draw_fastened_zip(scene: Scene, measures: GarmentMeasures, low: float, width: float) -> None:
    """Draw the zip of a closed or half-open front, or both halves of it along the edges of an open one."""
    if scene.pose.undone < 1.0:
        draw_zip_front(scene, measures.scoop - 0.006, low, width=width)
        return
    for side, edge in zip((-1, 1), draw_open_front(scene, measures, low), strict=True):
        inset = [(x + side * 0.6 * width, y) for x, y in edge]
        draw_zipper(scene, inset, width=0.8 * width, pull=False)
        scene.add_seam([(x + side * 2.4 * width, y) for x, y in edge], dark=0.22, width=0.003)


def _elastic_end(scene: Scene, arm: Sleeve, depth: float) -> None:
    """Gather the end of a sleeve with a narrow elastic band."""
    draw_rib_cuff(scene, arm, depth, 0.20, "self")


@register_silhouette("denim-jacket")
def draw_denim_jacket(scene: Scene) -> None:
    """Draw a short jacket with a shirt collar: yoke, chest flaps, seams that converge to a waistband, metal buttons."""
    d, undone = scene.design, scene.pose.undone
    measures = apply_fit(_jacket_measures(scene, (0.182, 0.200), (0.46, 0.53), tuck=0.006), scene.choose_cut("fit"))
    sleeve = sample_sleeve(scene, d.uniform("sleeve", 0.38, 0.43), d.uniform("cuff", 0.044, 0.052), angle=0.22)
    measures = place_garment(scene, measures, 1.20, top=-0.04, sleeve=sleeve)
    arms = draw_sleeves(scene, measures, sleeve)
    draw_inside_back(scene, measures, measures.scoop + 0.03)
    band = d.uniform("band", 0.044, 0.058)
    draw_hem_band(scene, measures, band, "main")
    draw_body(scene, measures, v_neck(measures), puff=0.014, volume=0.012, shadow=0.5)
    yoke = d.uniform("yoke", 0.112, 0.136)
    low = measures.length + 0.70 * band
    for side in (-1, 1):
        across: Curve = [(0.012, yoke + 0.004), (0.5 * measures.chest, yoke), (measures.chest - 0.012, yoke - 0.004)]
        scene.add_seam(on_side(across, side), dark=0.42)
        scene.add_topstitch(on_side([(x, y + 0.008) for x, y in across], side), width=0.0030)
        x0, x1 = 0.046, 0.046 + d.uniform("pocket", 0.060, 0.074)
        for x, end in ((x0 + 0.004, 0.030), (x1 - 0.004, 0.070)):
            bow: Curve = [
                (x, yoke + 0.02),
                (0.5 * (x + end) + 0.004, 0.5 * (yoke + measures.length)),
                (end, measures.length),
            ]
            seam = on_side(bow, side)
            scene.add_seam(seam, dark=0.34)
            scene.add_topstitch([(x + side * 0.006, y) for x, y in seam], width=0.0028)
        draw_flap(scene, (side * x0, yoke + 0.002), (side * x1, yoke), 0.040)
        draw_button(scene, side * 0.5 * (x0 + x1), yoke + 0.024, 0.0100)
        if d.chance("side pockets", 0.6):
            draw_welt(scene, (side * 0.128, measures.length - 0.12), (side * 0.146, measures.length - 0.035), 0.020)
    if undone >= 1.0:
        for side, edge in zip((-1, 1), draw_open_front(scene, measures, low), strict=True):
            strip = ribbon([(x + side * 0.016, y) for x, y in edge], 0.032)
            scene.add_overlay(strip, puff=0.004, soft=0.008, shadow=0.5)
            scene.add_topstitch([(x + side * 0.028, y) for x, y in edge], width=0.0028)
            if side == placket_side(scene):
                for i in range(5):
                    x, y = interpolate(edge[1 + i // 2], edge[2 + i // 2], 0.2 + 0.5 * (i % 2))
                    draw_button(scene, x + side * 0.015, y, 0.0118)
    else:
        side = placket_side(scene)
        draw_front_edge(scene, side * 0.018, measures.scoop, low, stitch_inset=0.0)
        for x in (-0.018, 0.018):
            scene.add_topstitch([(x, measures.scoop + 0.02), (x, low)], width=0.0028)
        top = max(measures.scoop + 0.02, 0.095)
        draw_button_row(scene, 0.0, top, low - 0.018, 5 if undone else 6, 0.0118)
    draw = draw_open_collar if undone else draw_shirt_collar
    draw(
        scene, measures, spread=d.uniform("spread", 0.030, 0.050), depth=d.uniform("points", 0.088, 0.112), stand=0.022
    )
    for arm in arms:
        draw_cuff(scene, arm, 0.046, "main", 1.03)
        a, b = arm.across(0.955)
        draw_button(scene, *interpolate(a, b, 0.6), 0.0100)


def _draw_colour_panels(scene: Scene, measures: GarmentMeasures, neckline: Curve) -> None:
    """Draw a second colour on the body: a yoke, the sides, or all below the chest."""
    d = scene.design
    kind = d.choice("panels", ("yoke", "yoke", "sides", "low", "none"))
    if kind == "none":
        return
    tip, pit = (measures.shoulder, measures.slope), (measures.chest, measures.armhole)
    if kind == "yoke":
        low, point = d.uniform("panel", 0.110, 0.165), d.uniform("point", -0.030, 0.050)
        shape = mirrored_outline(
            [(0.0, 0.0), (neckline[-1][0], 0.0)],
            [(neckline[-1][0], 0.0), tip],
            [tip, (pit[0] - 0.004, low)],
            [(pit[0] - 0.004, low), (0.0, low + point)],
        )
        _sew_panel(scene, shape)
        return
    if kind == "low":
        top = d.uniform("panel low", 0.26, 0.36)
        shape = mirrored_outline(
            [(0.0, top), (measures.chest + 0.03, top)],
            (measures.hem + 0.05, measures.length + 0.03),
            (0.0, measures.length + 0.03),
        )
        _sew_panel(scene, shape)
        return
    inner = d.uniform("panel side", 0.55, 0.75)
    for side in (-1, 1):
        edge: Curve = [
            (0.86 * pit[0], 0.75 * pit[1]),
            (inner * measures.waist, 0.55 * measures.length),
            (0.80 * measures.hem, measures.length + 0.03),
        ]
        shape = outline(list(edge), (measures.hem + 0.04, measures.length + 0.03), (pit[0] + 0.03, 0.75 * pit[1]))
        _sew_panel(scene, shape * (side, 1))


def _sew_panel(scene: Scene, shape: Outline) -> None:
    scene.add_overlay(shape, "panel", puff=0.002, soft=0.006, lift=0.001, shadow=0.2)


@register_silhouette("windbreaker")
def draw_windbreaker(scene: Scene) -> None:
    """Draw a thin jacket: hood or standing collar, a zip, often a second colour, drawcords, elastic cuffs and hem."""
    d = scene.design
    hooded = d.chance("hood", 0.65)
    measures = apply_fit(_jacket_measures(scene, (0.194, 0.214), (0.52, 0.60), tuck=0.010), scene.choose_cut("fit"))
    sleeve = sample_sleeve(
        scene, d.uniform("sleeve", 0.38, 0.43), d.uniform("cuff", 0.046, 0.054), angle=0.24, fullness=1.08, tuck=0.18
    )
    hood, wide = d.uniform("hood height", 0.120, 0.150), d.uniform("hood width", 0.096, 0.114)
    measures = place_garment(scene, measures, 1.18, top=-hood if hooded else -0.06, sleeve=sleeve)
    two = d.chance("two sleeves", 0.4)
    arms = draw_sleeves(scene, measures, sleeve, cloth="panel" if two else "main", puff=0.016)
    for arm in arms:
        _elastic_end(scene, arm, 0.030)
    if hooded:
        draw_hood_behind(scene, measures, hood, wide, cloth="panel" if d.chance("hood colour", 0.3) else "main")
    else:
        draw_inside_back(scene, measures, measures.scoop + 0.02)
    draw_hem_band(scene, measures, 0.024, "self")
    neckline = round_neck(measures) if hooded else v_neck(measures)
    draw_body(scene, measures, neckline, puff=0.014, volume=0.012, shadow=0.45)
    _draw_colour_panels(scene, measures, neckline)
    low = measures.length + 0.016
    if not hooded:
        draw_standing_collar(scene, measures, d.uniform("collar", 0.040, 0.056), cloth="main")
    _draw_fastened_zip(scene, measures, low, 0.011)
    if hooded:
        draw_hood_edges(scene, measures, hood, wide)
        _draw_drawcords(scene, measures.scoop)
    for side in (-1, 1):
        x, y = side * d.uniform("pocket at", 0.088, 0.112), measures.length - 0.165
        draw_zipper(scene, [(x, y), (x + side * 0.026, y + 0.085)], width=0.008, pull=False)
        end: Curve = [(side * 0.11, low), (side * 0.118, low + 0.02)]
        scene.add_overlay(ribbon(end, 0.006), "cord", puff=0.003, soft=0.003, clip=False)
    if d.chance("chest mark", 0.5):
        mark: Curve = [(0.070, 0.150), (0.105, 0.150)]
        scene.add_overlay(ribbon(mark, 0.010), "print", puff=0.001, soft=0.002)


def _draw_drawcords(scene: Scene, top: float) -> None:
    """Draw the two cords of a hood, with stoppers."""
    for side in (-1, 1):
        swing, low = (
            scene.shot.uniform(f"cord {side}", -0.014, 0.014),
            scene.shot.uniform(f"cord end {side}", 0.05, 0.10),
        )
        line: Curve = [(0.026, top + 0.012), (0.030 + swing, top + 0.6 * low), (0.028 + swing, top + low)]
        scene.add_overlay(ribbon(on_side(line, side), 0.007), "cord", puff=0.004, soft=0.003, clip=False)
        draw_ring(scene, side * (0.028 + swing), top + low, 0.006, 0.009, 0.006)


@register_silhouette("track-jacket")
def draw_track_jacket(scene: Scene) -> None:
    """Draw the top of a tracksuit: a zip, ribbed collar, cuffs and hem, stripes on the sleeves or in the ribs."""
    d = scene.design
    measures = apply_fit(_jacket_measures(scene, (0.178, 0.194), (0.46, 0.52), tuck=0.012), scene.choose_cut("fit"))
    sleeve = sample_sleeve(
        scene, d.uniform("sleeve", 0.38, 0.43), 0.048, angle=d.uniform("angle", 0.2, 0.3), fullness=1.06, tuck=0.22
    )
    measures = place_garment(scene, measures, 1.10, top=-0.06, sleeve=sleeve)
    arms = draw_sleeves(scene, measures, sleeve, puff=0.016)
    style = d.choice("stripes", ("sleeves", "sleeves", "ribs", "ribs", "none"))
    rib = "rib" if d.chance("rib tone", 0.6) else "panel rib"
    cuff, band = d.uniform("cuff depth", 0.040, 0.056), d.uniform("hem band", 0.044, 0.060)
    for arm in arms:
        if style == "sleeves":
            _draw_sleeve_stripes(scene, arm, d.choice("stripe count", (1, 2)))
        draw_rib_cuff(scene, arm, cuff, 0.22, rib)
        if style == "ribs":
            for share in (0.25, 0.60):
                a, b = arm.across(1 + share * cuff / arm.length)
                scene.add_overlay(ribbon([interpolate(a, b, 0.13), interpolate(a, b, 0.87)], 0.007), "lace", puff=0.001)
    draw_inside_back(scene, measures, measures.scoop + 0.02)
    draw_hem_band(scene, measures, band, rib)
    draw_body(scene, measures, v_neck(measures), puff=0.016, soft=0.026, volume=0.012, shadow=0.42)
    if d.chance("shoulder panels", 0.25):
        _draw_colour_panels(scene, measures, v_neck(measures))
    collar = d.uniform("collar", 0.036, 0.050)
    draw_standing_collar(scene, measures, collar, cloth=rib)
    low = measures.length + 0.70 * band
    if style == "ribs":
        for share in (0.15, 0.50):
            y = measures.length + share * band
            w = measures.hem - measures.tuck - 0.002
            scene.add_overlay(ribbon([(-w, y), (0.0, y + measures.dip), (w, y)], 0.007), "lace", puff=0.001)
        for side in (-1, 1):
            line: Curve = [(0.96 * measures.neck, -0.55 * collar), (0.50 * measures.neck, 0.25 * measures.scoop)]
            scene.add_overlay(ribbon(on_side(line, side), 0.006), "lace", puff=0.001)
    _draw_fastened_zip(scene, measures, low, 0.011)
    for side in (-1, 1):
        y = measures.length - 0.155
        draw_welt(scene, (side * 0.100, y), (side * 0.126, y + 0.085), 0.013, "self")
    if d.chance("emblem", 0.5):
        badge: Outline = outline([(0.072, 0.128), (0.100, 0.128)], (0.100, 0.150), [(0.086, 0.166), (0.072, 0.150)])
        scene.add_overlay(badge, "lace", puff=0.002, soft=0.003)


def _draw_sleeve_stripes(scene: Scene, arm: Sleeve, count: int) -> None:
    """Draw one broad stripe or two along the outer half of a sleeve (three are a trademark)."""
    for i in range(count):
        share = 0.66 if count == 1 else 0.58 + 0.19 * i
        line: list[Point] = []
        for at in (0.06, 0.28, 0.50, 0.72, 0.94):
            a, b = arm.across(at)
            inner, outer = (a, b) if abs(a[0]) < abs(b[0]) else (b, a)
            line.append(interpolate(inner, outer, share))
        scene.add_overlay(ribbon(line, 0.024 if count == 1 else 0.010), "lace", puff=0.001, soft=0.003, shadow=0.1)


@register_silhouette("fleece-jacket")
def draw_fleece_jacket(scene: Scene) -> None:
    """Draw a soft thick jacket: a standing collar, a zip, bound edges, zipped pockets, some with a smooth yoke."""
    d = scene.design
    measures = apply_fit(_jacket_measures(scene, (0.184, 0.200), (0.50, 0.57)), scene.choose_cut("fit"))
    sleeve = sample_sleeve(scene, d.uniform("sleeve", 0.37, 0.42), d.uniform("cuff", 0.050, 0.060), angle=0.38)
    measures = place_garment(scene, measures, 1.22, top=-0.07, sleeve=sleeve)
    arms = draw_sleeves(scene, measures, sleeve, puff=0.024)
    draw_inside_back(scene, measures, measures.scoop + 0.02, "main")
    folds = body_folds(scene, measures)[:5]
    draw_body(scene, measures, v_neck(measures), puff=0.024, soft=0.034, folds=folds, volume=0.014, shadow=0.45)
    if d.chance("yoke", 0.45):
        _draw_colour_panels(scene, measures, v_neck(measures))
    draw_standing_collar(scene, measures, d.uniform("collar", 0.048, 0.062), cloth="main", puff=0.016)
    low = measures.length + 0.006
    _draw_fastened_zip(scene, measures, low, 0.011)
    hem: Curve = [(-measures.hem, low - 0.004), (0.0, low - 0.004 + measures.dip), (measures.hem, low - 0.004)]
    if scene.pose.undone < 1.0:
        scene.add_overlay(ribbon(hem, 0.012), "panel", puff=0.004, soft=0.006)
    for arm in arms:
        draw_cuff(scene, arm, 0.014, "panel", 1.0)
    for side in (-1, 1):
        y = measures.length - 0.170
        draw_zipper(scene, [(side * 0.100, y), (side * 0.124, y + 0.090)], width=0.010, pull=False)
    if d.chance("chest pocket", 0.5):
        draw_zipper(scene, [(0.060, 0.150), (0.110, 0.146)], width=0.009, pull=False)


@register_silhouette("parka")
def draw_parka(scene: Scene) -> None:
    """Draw a long padded jacket: a hood, mostly with a fur rim, a covered zip with snaps, a drawn waist, pockets."""
    d = scene.design
    chest = d.uniform("chest", 0.158, 0.180)
    undone = scene.pose.undone
    measures = GarmentMeasures(
        neck=0.062,
        scoop=0.076 + 0.20 * min(undone, 0.4),
        shoulder=chest + d.uniform("shoulder", -0.006, 0.008),
        slope=0.046,
        chest=chest,
        armhole=0.195,
        waist=chest - d.uniform("waist", 0.004, 0.022),
        waist_at=0.36,
        hem=chest + d.uniform("hem", -0.002, 0.026),
        length=d.uniform("length", 0.58, 0.67),
        dip=0.010,
    )
    measures = apply_fit(measures, scene.choose_cut("fit"))
    sleeve = sample_sleeve(
        scene, d.uniform("sleeve", 0.37, 0.42), d.uniform("cuff", 0.050, 0.060), angle=0.22, fullness=1.08
    )
    hood, wide = d.uniform("hood", 0.130, 0.160), d.uniform("hood width", 0.104, 0.122)
    measures = place_garment(scene, measures, 1.06, top=-hood - 0.02, sleeve=sleeve)
    padded = scene.appearance.quilting != "none"
    arms = draw_sleeves(scene, measures, sleeve, quilted=padded, puff=0.024)
    furred = d.chance("fur", 0.7)
    draw_hood_behind(scene, measures, hood, wide)
    folds = body_folds(scene, measures)[:9]
    draw_body(
        scene,
        measures,
        round_neck(measures),
        puff=0.024,
        soft=0.034,
        volume=0.016,
        folds=folds,
        shadow=0.5,
        quilted=padded,
    )
    low, side = measures.length + measures.dip, placket_side(scene)
    if undone >= 1.0:
        for edge_side, edge in zip((-1, 1), draw_open_front(scene, measures, low, widest=0.13), strict=True):
            draw_zipper(scene, [(x + edge_side * 0.010, y) for x, y in edge], width=0.010, pull=False)
    else:
        flap = outline([(-0.024, measures.scoop - 0.006), (0.026, measures.scoop - 0.006)], (0.026, low), (-0.024, low))
        scene.add_overlay(flap, puff=0.008, soft=0.012, shadow=0.5)
        draw_front_edge(scene, side * 0.026, measures.scoop, low, stitch_inset=0.008)
        if d.chance("snaps", 0.7):
            count = d.choice("snap count", (4, 5, 6))
            for i in range(count):
                draw_snap(scene, 0.0, measures.scoop + 0.035 + (low - measures.scoop - 0.085) * i / (count - 1), 0.0095)
    if d.chance("drawn waist", 0.6):
        half = measures.waist + 0.002
        y = measures.waist_at + 0.01
        for x0, x1 in ((-half, -0.03), (0.03, half)):
            scene.add_seam([(x0, y), (0.5 * (x0 + x1), y + 0.004), (x1, y)], dark=0.40, width=0.006, depth=0.006)
    for each in (-1, 1):
        x0, x1, y = (
            0.052,
            0.052 + d.uniform("pocket", 0.070, 0.084),
            measures.length - d.uniform("pocket at", 0.20, 0.235),
        )
        if d.chance("patch", 0.6):
            draw_patch_pocket_of(scene, each, x0, x1, y, 0.105, flapped=True)
            draw_snap(scene, each * 0.5 * (x0 + x1), y + 0.024, 0.008)
        else:
            draw_welt(scene, (each * 0.098, y - 0.01), (each * 0.126, y + 0.085), 0.024)
    draw_hood_edges(scene, measures, hood, wide)
    if furred:
        _draw_fur_rim(scene, measures, hood, wide)
    for arm in arms:
        if d.chance("rib cuffs", 0.4):
            draw_rib_cuff(scene, arm, 0.036, 0.16)
        else:
            draw_cuff(scene, arm, 0.030, "main", 1.02)
            draw_stitches(scene, list(arm.across(0.955)))


def _draw_fur_rim(scene: Scene, measures: GarmentMeasures, tall: float, wide: float) -> None:
    """Draw fur around the opening of a standing hood: tufts of uneven length on both sides of a band."""
    rng = scene.design.generator("fur")
    line: list[Point] = [
        (0.24 * wide, measures.scoop - 0.012),
        (0.60 * wide, 0.040),
        (0.82 * wide, -0.02),
        (0.80 * wide, -0.52 * tall),
        (0.50 * wide, -0.92 * tall),
        (0.0, -1.0 * tall),
    ]
    path = [*line, *[(-x, y) for x, y in line[-2::-1]]]
    thick = scene.design.uniform("fur depth", 0.030, 0.046)
    band = ribbon(path, thick)
    num = len(band)
    middle = band.mean(axis=0)
    away = band - middle
    tufts = 1 + np.where(np.arange(num) % 2 == 0, 1.0, -0.2) * rng.uniform(0.02, 0.16, num)
    shape = middle + away * tufts[:, None]
    scene.add_panel(
        np.asarray(shape), "fur", puff=0.020, soft=0.016, lift=0.010, shadow=0.6, reach=0.018, part="collar"
    )
    for i in range(26):
        share = (i + rng.uniform(0.1, 0.9)) / 26 * (len(path) - 1)
        k = min(int(share), len(path) - 2)
        x, y = interpolate(path[k], path[k + 1], share - k)
        dx, dy = rng.normal(0, 0.010), rng.normal(0, 0.010)
        scene.add_seam([(x - dx, y - dy), (x + dx, y + dy)], dark=0.28, width=0.004, depth=0.004)
