"""Draw hats: baseball cap (in profile, and from the front in snapshots), beanie, bucket hat."""

import math

import numpy as np

from generator.render.engine.curves import Curve, Outline, Point, box, disc, mirrored_outline, on_side, outline, ribbon
from generator.render.engine.fittings import draw_ring, draw_strap
from generator.render.engine.height_field import Crease, Flutes
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene

FILL = {"child": 0.67, "small": 0.82, "medium": 0.97, "large": 1.09}
"""Scale of a hat, by size."""
FRONT_FILL = {"child": 0.70, "small": 0.82, "medium": 0.95, "large": 1.05}
"""Scale of a cap seen from the front, by size."""


@register_silhouette("cap")
def draw_cap(scene: Scene) -> None:
    """Draw a baseball cap in profile: soft or stiff crown, sometimes a mesh back, a flat or curved peak."""
    d = scene.design
    scene.set_camera(FILL[scene.appearance.size], (0.055, 0.50))
    high, peak = d.uniform("crown", 0.27, 0.41), d.uniform("peak", 0.19, 0.27)
    low, front, back = 0.64, 0.235, -0.275 + d.uniform("back", -0.02, 0.02)
    top, stiff = low - high, d.uniform("stiff", 0.0, 1.0)
    crest = -0.03 + 0.05 * stiff
    mesh = d.chance("mesh", 0.25)
    under: Curve = [(front - 0.14, low - 0.020), (front + 0.10, low - 0.002), (front + peak, low + 0.055)]
    below: Curve = [(front + 0.55 * peak, low + 0.060), (front - 0.10, low + 0.055), (front - 0.24, low + 0.02)]
    scene.add_panel(outline(under, below, under[0]), "self", puff=0.004, shade=0.55, shadow=0.0)
    crown = outline(
        [
            (back, low),
            (back - 0.006, low - 0.45 * high),
            (-0.19, top + 0.06 + 0.02 * (1 - stiff)),
            (crest, top),
            (0.12 + 0.03 * stiff, top + 0.045 - 0.010 * stiff),
            (0.215 + 0.012 * stiff, low - 0.48 * high),
            (front, low - 0.02),
        ],
        [(0.0, low + 0.028), (back, low)],
    )
    slack = [
        Crease((0.02, low - 0.75 * high), (0.19, low - 0.35 * high), 0.008 * (1 - stiff), 0.030, 0.1),
        Crease((-0.22, low - 0.30 * high), (-0.05, low - 0.45 * high), -0.007 * (1 - stiff), 0.030, -0.1),
    ]
    scene.add_panel(crown, puff=0.040, soft=0.050, volume=0.036, folds=slack, shadow=0.3)
    if mesh:
        rear = outline(
            [(crest - 0.02, top - 0.02), (-0.055, low - 0.5 * high), (-0.045, low + 0.05)],
            (back - 0.03, low + 0.05),
            (back - 0.03, top - 0.02),
        )
        scene.add_overlay(rear, "rib", puff=0.003, soft=0.010, shadow=0.2)
    seams: list[Curve] = [
        [(crest, top), (-0.045, low - 0.5 * high), (-0.03, low + 0.02)],
        [(crest, top), (0.09, low - 0.62 * high), (0.13, low - 0.005)],
        [(crest, top), (-0.17, low - 0.60 * high), (-0.185, low + 0.012)],
    ]
    for curve in seams:
        scene.add_seam(curve, dark=0.45)
        scene.add_topstitch([(x - 0.011, y + 0.006) for x, y in curve], width=0.003)
    for x in (-0.105, 0.055):
        draw_ring(scene, x, top + 0.32 * high, 0.011, 0.011, 0.008, "thread")
    scene.add_panel(disc(crest, top - 0.002, 0.024, 0.012), "self", puff=0.012, soft=0.010, shadow=0.4, reach=0.008)
    _draw_bill(scene, front, low, peak)
    draw_strap(scene, [(back + 0.003, low - 0.022), (-0.13, low + 0.004)], 0.036, "self", clip=True)


def _draw_bill(scene: Scene, front: float, low: float, peak: float) -> None:
    """Draw the peak with its rows of stitching, curved or flat."""
    bend = scene.design.uniform("bend", 0.2, 1.25)
    bill = outline(
        [
            (front - 0.150, low - 0.012),
            (front - 0.03, low - 0.070),
            (front + 0.06, low - 0.045 - 0.012 * (1 - bend)),
            (front + 0.70 * peak, low - 0.022 + 0.012 * bend),
            (front + 0.97 * peak, low + 0.006 + 0.026 * bend),
            (front + peak, low + 0.020 + 0.038 * bend),
        ],
        [(front + 0.55 * peak, low + 0.020 + 0.014 * bend), (front, low + 0.006), (front - 0.150, low - 0.012)],
    )
    scene.add_panel(bill, puff=0.014, soft=0.022, lift=0.005, shadow=0.55, reach=0.018)
    for i in range(4):
        t = 0.2 + 0.2 * i
        scene.add_topstitch(
            [
                (front - 0.03 + 0.10 * t, low - 0.060 + 0.014 * i),
                (front + 0.06 + 0.5 * t * peak, low - 0.034 + 0.010 * i),
                (front + (0.66 + 0.26 * t) * peak, low - 0.006 + 0.012 * bend + 0.010 * i),
            ],
            width=0.003,
        )


@register_silhouette("beanie")
def draw_beanie(scene: Scene) -> None:
    """Draw a knitted cap: a dome that may slouch, a turned-up ribbed edge or a plain one, with or without a pompon."""
    d = scene.design
    scene.set_camera(1.02 * FILL[scene.appearance.size], (0.0, 0.51))
    head, high = d.uniform("head", 0.235, 0.295), d.uniform("high", 0.34, 0.48)
    low, cuff = 0.5 + 0.5 * high + 0.02, d.uniform("cuff", 0.09, 0.17)
    top, slouch = low - high, d.uniform("slouch", 0.0, 1.0)
    pompon, turned = d.chance("pompon", 0.4), d.chance("turned up", 0.7)
    lean = scene.shot.uniform("lean", -0.05, 0.05) * slouch
    broad = head * (1.0 + 0.10 * slouch)
    tip = (lean, top)
    if pompon:
        low, top, tip = low + 0.035, top + 0.035, (lean, top + 0.035)
    right: Curve = [
        tip,
        (0.45 * broad + lean, top + 0.030),
        (0.88 * broad + 0.6 * lean, top + 0.30 * high),
        (broad, low - 0.40 * high),
        (head, low),
    ]
    left: Curve = [
        (-head, low),
        (-broad, low - 0.40 * high),
        (-0.88 * broad + 0.6 * lean, top + 0.30 * high),
        (-0.45 * broad + lean, top + 0.030),
        tip,
    ]
    hem: Curve = [(head, low), (0.5 * head, low + 0.024), (0.0, low + 0.032), (-0.5 * head, low + 0.024), (-head, low)]
    scene.add_inside(
        outline([(-head, low - 0.01), (0.0, low - 0.03), (head, low - 0.01)], [(0.0, low + 0.02), (-head, low - 0.01)])
    )
    gathers = [
        Crease(
            (tip[0] + 0.012 * i, top + 0.005),
            (0.24 * i * head + 0.4 * lean, top + 0.48 * high),
            -0.008,
            0.012 + 0.003 * abs(i),
            0.0,
        )
        for i in (-3, -2, -1, 0, 1, 2, 3)
    ]
    scene.add_panel(
        outline(right, hem, left),
        puff=0.044,
        soft=0.060,
        volume=0.046,
        folds=[*gathers, *_slump_folds(scene, head, top, high, slouch)],
    )
    if turned:
        edge = low - cuff
        band = outline(
            [
                (-head - 0.012, edge),
                (-0.5 * head, edge + 0.026),
                (0.0, edge + 0.034),
                (0.5 * head, edge + 0.026),
                (head + 0.012, edge),
            ],
            [(head + 0.016, low - 0.4 * cuff), (head + 0.002, low + 0.004)],
            [(0.5 * head, low + 0.030), (0.0, low + 0.038), (-0.5 * head, low + 0.030), (-head - 0.002, low + 0.004)],
            [(-head - 0.016, low - 0.4 * cuff), (-head - 0.012, edge)],
        )
        scene.add_panel(band, "rib main", puff=0.026, soft=0.030, volume=0.040, lift=0.012, shadow=0.55, reach=0.016)
        if d.chance("label", 0.5):
            scene.add_overlay(
                ribbon([(-0.035, low - 0.35 * cuff + 0.02), (0.035, low - 0.35 * cuff + 0.02)], 0.040),
                "trim",
                puff=0.003,
                soft=0.006,
            )
    else:
        scene.add_overlay(
            ribbon(
                [
                    (-head, low - 0.018),
                    (-0.5 * head, low + 0.008),
                    (0.0, low + 0.016),
                    (0.5 * head, low + 0.008),
                    (head, low - 0.018),
                ],
                0.045,
            ),
            "rib main",
            puff=0.010,
            soft=0.014,
            shadow=0.2,
        )
    if pompon:
        _draw_pompon(scene, (tip[0], top - 0.040), d.uniform("ball", 0.060, 0.085))


def _slump_folds(scene: Scene, head: float, top: float, high: float, slouch: float) -> list[Crease]:
    rng = scene.shot.generator("slump")
    return [
        Crease(
            (-0.8 * head, top + (0.35 + 0.12 * i) * high),
            (0.8 * head, top + (0.33 + 0.12 * i) * high),
            0.010 * slouch * (-1) ** i,
            0.022,
            rng.normal(0.05, 0.04),
        )
        for i in range(3)
    ]


def _draw_pompon(scene: Scene, at: Point, radius: float) -> None:
    """Draw a ball of yarn ends: short tufts from the outside in, each with its own light."""
    rng = scene.design.generator("tufts")
    scene.add_panel(disc(at[0], at[1], 0.80 * radius), "self", puff=0.03, soft=0.03, shade=0.8, shadow=0.4)
    for share in (1.0, 0.70, 0.38):
        number = round(34 * share)
        for i in range(number):
            angle = 2 * math.pi * (i / number) + rng.normal(0, 0.1)
            reach = radius * share * rng.uniform(0.92, 1.12)
            end = (at[0] + reach * math.cos(angle), at[1] + reach * math.sin(angle))
            start = (at[0] + 0.25 * reach * math.cos(angle), at[1] + 0.25 * reach * math.sin(angle))
            scene.add_panel(
                ribbon([start, end], 0.026, 0.014),
                "self",
                puff=0.012,
                soft=0.006,
                lift=0.010 + 0.02 * (1 - share),
                shadow=0.22,
                reach=0.005,
            )


@register_silhouette("bucket-hat")
def draw_bucket_hat(scene: Scene) -> None:
    """Draw a flat, domed or high crown over a hanging or flared brim, with rows of stitching."""
    d = scene.design
    scene.set_camera(FILL[scene.appearance.size], (0.0, 0.50))
    kind = d.choice("kind", ("hanging", "sloping", "wide"))
    tall = d.uniform("crown", 0.15, 0.26)
    top, band = 0.53 - tall, 0.53
    fall = {
        "hanging": d.uniform("brim", 0.15, 0.20),
        "sloping": d.uniform("brim", 0.11, 0.16),
        "wide": d.uniform("brim", 0.07, 0.11),
    }[kind]
    brim = {
        "hanging": d.uniform("width", 0.30, 0.345),
        "sloping": d.uniform("width", 0.34, 0.40),
        "wide": d.uniform("width", 0.40, 0.44),
    }[kind]
    low, head = band + fall, d.uniform("head", 0.205, 0.245)
    crown = head * d.uniform("top width", 0.66, 0.90)
    sag, dome = 0.055, d.uniform("dome", 0.0, 0.045)
    under: Curve = [(0.6 * brim, low + 0.5 * sag), (0.0, low + 0.6 * sag)]
    scene.add_panel(
        mirrored_outline([(0.0, band + 0.02), (head, band)], (brim - 0.01, low - 0.02), under),
        "self",
        puff=0.0,
        shade=0.45,
        shadow=0.0,
    )
    rng = scene.shot.generator("dents")
    dents = [
        Crease(
            (s * crown * rng.uniform(0.3, 0.8), top + 0.05),
            (s * head * rng.uniform(0.3, 0.9), band),
            rng.uniform(-0.008, 0.006),
            0.028,
            rng.normal(0, 0.1),
        )
        for s in (-1, 1)
    ]
    scene.add_panel(
        mirrored_outline(
            [(0.0, top - dome), (0.7 * crown, top + 0.008 - 0.6 * dome), (crown, top + 0.030)],
            [(head - 0.014, 0.5 * (top + band)), (head, band)],
            [(0.5 * head, band + 0.75 * sag), (0.0, band + sag)],
        ),
        puff=0.034,
        soft=0.045,
        volume=0.034,
        folds=dents,
    )
    tip: Curve = [(0.55 * crown, top + 0.058), (crown, top + 0.032)]
    scene.add_seam([*on_side(tip[::-1], -1), (0.0, top + 0.066), *tip], dark=0.5)
    scene.add_topstitch(
        [*on_side([(x, y + 0.011) for x, y in tip[::-1]], -1), (0.0, top + 0.077), *[(x, y + 0.011) for x, y in tip]],
        width=0.003,
    )
    for side in (-1, 1):
        scene.add_seam(on_side([(0.55 * crown, top + 0.058), (0.62 * head, band + 0.5 * sag)], side), dark=0.4)
        if d.chance("eyelets", 0.7):
            for y in (0.36, 0.48):
                draw_ring(scene, side * 0.165, top + y * (band - top) + 0.03, 0.010, 0.010, 0.007, "thread")
    _draw_brim(scene, head, brim, band, low, sag)
    if d.chance("band", 0.3):
        curve: Curve = [
            (-head, band - 0.024),
            (-0.5 * head, band + 0.75 * sag - 0.022),
            (0.0, band + sag - 0.022),
            (0.5 * head, band + 0.75 * sag - 0.022),
            (head, band - 0.024),
        ]
        scene.add_overlay(ribbon(curve, 0.036), "trim", puff=0.005, soft=0.008, shadow=0.3)


def _draw_brim(scene: Scene, head: float, brim: float, band: float, low: float, sag: float) -> None:
    """Draw a cone of cloth from the band to the edge, slightly wavy, with five rows of stitching."""
    edge: Curve = [(head, band - 0.004), (0.5 * head, band + 0.75 * sag), (0.0, band + sag)]
    phase, wave = scene.shot.uniform("wave", 0, 6.28), scene.shot.uniform("waves", 0.006, 0.016)
    fold = [Flutes(band, low + 0.06, brim, head, 2.6, wave, phase)]
    scene.add_panel(
        mirrored_outline(
            edge[::-1],
            [(head, band - 0.004), (0.5 * (head + brim) - 0.012, 0.5 * (band + low)), (brim, low - 0.02)],
            [(0.85 * brim, low + 0.35 * sag), (0.45 * brim, low + 0.85 * sag), (0.0, low + sag)],
        ),
        puff=0.016,
        soft=0.026,
        lift=0.004,
        folds=fold,
        shadow=0.55,
        reach=0.018,
    )
    for i in range(1, 6):
        t = i / 6
        half, y = head + (brim - head) * t, band + (low - 0.02 - band) * t
        row: Curve = [(0.5 * half, y + 0.80 * sag), (0.98 * half, y + 0.004)]
        scene.add_topstitch([*on_side(row[::-1], -1), (0.0, y + sag + 0.006), *row], width=0.003)


def draw_cap_front(scene: Scene) -> None:
    """Draw a baseball cap from the front or three-quarter: crown of panels, button, emblem, and a bent peak."""
    d, shot = scene.design, scene.shot
    scene.set_camera(FRONT_FILL[scene.appearance.size], (0.0, 0.50))
    top, head = 0.5 - d.uniform("front crown", 0.33, 0.43), d.uniform("front head", 0.240, 0.290)
    rim = 0.54 + shot.uniform("seen from", -0.05, 0.05)
    yaw = shot.uniform("yaw", -0.75, 0.75)
    reach = d.uniform("front peak", 0.17, 0.26) + shot.uniform("peak seen", -0.03, 0.10)
    across = 0.42 * head * math.sin(yaw)
    crown: Curve = [
        (0.0, top),
        (0.42 * head, top + 0.022),
        (0.80 * head, top + 0.26 * (rim - top)),
        (0.98 * head, top + 0.66 * (rim - top)),
        (0.97 * head, rim),
    ]
    scene.add_panel(
        mirrored_outline(crown, [(0.97 * head, rim), (0.70 * head, rim + 0.050), (0.0, rim + 0.070)]),
        puff=0.050,
        soft=0.070,
        volume=0.040,
    )
    for place in (-1.25, -0.45, 0.45, 1.25):
        x = head * math.sin(place + 0.45 * yaw)
        low = rim + 0.06 * (1 - min(1.0, abs(x) / head)) - 0.012
        seam: Curve = [(0.10 * x, top + 0.010), (0.70 * x, top + 0.30 * (rim - top)), (x, low)]
        scene.add_seam(seam, dark=0.34)
        scene.add_topstitch([(px + 0.009, py + 0.004) for px, py in seam], width=0.003)
        draw_ring(scene, 0.62 * x + 0.02, top + 0.28 * (rim - top), 0.008, 0.007, 0.006, "thread")
    scene.add_panel(disc(0.0, top + 0.006, 0.026, 0.013), "self", puff=0.012, soft=0.010, shadow=0.4, reach=0.008)
    _draw_emblem(scene, 0.42 * top + 0.58 * rim, head, 1.15 * across)
    _draw_front_peak(scene, rim, head, reach, across)


def _draw_front_peak(scene: Scene, rim: float, head: float, reach: float, across: float) -> None:
    """Draw a peak towards the camera: a crescent under the crown, bent down at both sides, `across` from the axis."""
    d = scene.design
    half, bent = d.uniform("bill", 0.80, 0.94) * head, d.uniform("flat peak", 0.2, 1.0)
    lean = 0.35 * across
    edge: Curve = [(-half, rim + 0.008), (-0.5 * half, rim + 0.020), (0.0, rim + 0.026), (0.5 * half, rim + 0.020)]
    outer: Curve = [
        (half, rim + 0.008),
        (1.02 * half + lean, rim + 0.30 * reach + 0.045 * bent),
        (0.80 * half + lean, rim + 0.78 * reach + 0.020 * bent),
        (0.40 * half + lean, rim + reach + 0.008),
        (lean, rim + 1.05 * reach + 0.010),
        (-0.40 * half + lean, rim + reach + 0.008),
        (-0.80 * half + lean, rim + 0.78 * reach + 0.020 * bent),
        (-1.02 * half + lean, rim + 0.30 * reach + 0.045 * bent),
        (-half, rim + 0.008),
    ]
    moved = [[(x + 0.55 * across, y) for x, y in line] for line in (edge, outer)]
    bends = [
        Crease(
            (side * 0.62 * half + 0.55 * across, rim + 0.03),
            (side * 0.72 * half + 0.55 * across + lean, rim + reach),
            -0.016 * bent,
            0.050,
        )
        for side in (-1, 1)
    ]
    cloth = "trim" if d.chance("other peak", 0.12) else "self" if d.chance("same peak", 0.4) else "main"
    scene.add_panel(
        outline([*moved[0], moved[1][0]], moved[1]),
        cloth,
        puff=0.020,
        soft=0.030,
        volume=0.010,
        lift=0.010,
        folds=bends,
        shadow=0.50,
        reach=0.022,
    )
    for share in (0.35, 0.52, 0.69, 0.86):
        row = [(x * (0.86 + 0.10 * share), rim + 0.026 + (y - rim - 0.026) * share) for x, y in outer[1:-1]]
        scene.add_topstitch([(x + 0.55 * across, y) for x, y in row], width=0.0026)


def _draw_emblem(scene: Scene, y: float, head: float, x: float) -> None:
    """Draw an embroidered emblem without letters: a disc, a bar, a shield or a lozenge."""
    d = scene.design
    if not d.chance("emblem", 0.65):
        return
    kind, size = d.choice("emblem kind", ("disc", "bar", "shield", "lozenge")), d.uniform("emblem size", 0.05, 0.10)
    cloth = d.choice("emblem cloth", ("lace", "cord", "trim"))
    shapes: list[Outline] = [disc(0.0, y, size, 0.85 * size)]
    if kind == "bar":
        shapes = [box(-1.3 * size, y - 0.4 * size, 1.3 * size, y + 0.4 * size, 0.02)]
    elif kind == "shield":
        shapes = [mirrored_outline([(0.0, y - size), (0.8 * size, y - 0.9 * size)], [(0.7 * size, y), (0.0, y + size)])]
    elif kind == "lozenge":
        shapes = [mirrored_outline([(0.0, y - size), (0.8 * size, y)], [(0.8 * size, y), (0.0, y + size)])]
    for shape in shapes:
        scene.add_overlay(shape + np.array([x, 0.0]), cloth, puff=0.006, soft=0.008, shadow=0.3)
