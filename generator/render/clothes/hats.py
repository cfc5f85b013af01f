"""Hats."""

import math

from generator.render.clothes.details import ring, strap
from generator.render.engine.canvas import Scene
from generator.render.engine.curves import Curve, Point, disc, mirrored, on_side, outline, ribbon
from generator.render.engine.relief import Crease, Flutes
from generator.render.engine.silhouette_registry import pattern_sheet

FILL = {"child": 0.67, "small": 0.82, "medium": 0.97, "large": 1.09}
"""How much of the picture a hat fills."""


@pattern_sheet("cap")
def cap(scene: Scene) -> None:
    """Baseball cap in profile: a soft or a stiff crown, a mesh back on some, a flat or a curved peak to the right."""
    d = scene.design
    scene.stage(FILL[scene.appearance.size], (0.055, 0.50))
    high, peak = d.between("crown", 0.27, 0.41), d.between("peak", 0.19, 0.27)
    low, front, back = 0.64, 0.235, -0.275 + d.between("back", -0.02, 0.02)
    top, stiff = low - high, d.between("stiff", 0.0, 1.0)
    crest = -0.03 + 0.05 * stiff
    mesh = d.chance("mesh", 0.25)
    under: Curve = [(front - 0.14, low - 0.020), (front + 0.10, low - 0.002), (front + peak, low + 0.055)]
    below: Curve = [(front + 0.55 * peak, low + 0.060), (front - 0.10, low + 0.055), (front - 0.24, low + 0.02)]
    scene.panel(outline(under, below, under[0]), "self", puff=0.004, shade=0.55, shadow=0.0)
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
    scene.panel(crown, puff=0.040, soft=0.050, volume=0.036, folds=slack, shadow=0.3)
    if mesh:
        rear = outline(
            [(crest - 0.02, top - 0.02), (-0.055, low - 0.5 * high), (-0.045, low + 0.05)],
            (back - 0.03, low + 0.05),
            (back - 0.03, top - 0.02),
        )
        scene.overlay(rear, "rib", puff=0.003, soft=0.010, shadow=0.2)
    seams: list[Curve] = [
        [(crest, top), (-0.045, low - 0.5 * high), (-0.03, low + 0.02)],
        [(crest, top), (0.09, low - 0.62 * high), (0.13, low - 0.005)],
        [(crest, top), (-0.17, low - 0.60 * high), (-0.185, low + 0.012)],
    ]
    for curve in seams:
        scene.seam(curve, dark=0.45)
        scene.topstitch([(x - 0.011, y + 0.006) for x, y in curve], width=0.003)
    for x in (-0.105, 0.055):
        ring(scene, x, top + 0.32 * high, 0.011, 0.011, 0.008, "thread")
    scene.panel(disc(crest, top - 0.002, 0.024, 0.012), "self", puff=0.012, soft=0.010, shadow=0.4, reach=0.008)
    _bill(scene, front, low, peak)
    strap(scene, [(back + 0.003, low - 0.022), (-0.13, low + 0.004)], 0.036, "self", clip=True)


def _bill(scene: Scene, front: float, low: float, peak: float) -> None:
    """The peak with its rows of stitching: bent like a beak, or flat."""
    bend = scene.design.between("bend", 0.2, 1.25)
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
    scene.panel(bill, puff=0.014, soft=0.022, lift=0.005, shadow=0.55, reach=0.018)
    for i in range(4):
        t = 0.2 + 0.2 * i
        scene.topstitch(
            [
                (front - 0.03 + 0.10 * t, low - 0.060 + 0.014 * i),
                (front + 0.06 + 0.5 * t * peak, low - 0.034 + 0.010 * i),
                (front + (0.66 + 0.26 * t) * peak, low - 0.006 + 0.012 * bend + 0.010 * i),
            ],
            width=0.003,
        )


@pattern_sheet("beanie")
def beanie(scene: Scene) -> None:
    """A knitted cap: a dome that may slouch, a turned-up ribbed edge or a plain one, a pompon or none."""
    d = scene.design
    scene.stage(1.02 * FILL[scene.appearance.size], (0.0, 0.51))
    head, high = d.between("head", 0.235, 0.295), d.between("high", 0.34, 0.48)
    low, cuff = 0.5 + 0.5 * high + 0.02, d.between("cuff", 0.09, 0.17)
    top, slouch = low - high, d.between("slouch", 0.0, 1.0)
    pompon, turned = d.chance("pompon", 0.4), d.chance("turned up", 0.7)
    lean = scene.shot.between("lean", -0.05, 0.05) * slouch
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
    scene.inside(
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
    scene.panel(
        outline(right, hem, left),
        puff=0.044,
        soft=0.060,
        volume=0.046,
        folds=[*gathers, *_slumps(scene, head, top, high, slouch)],
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
        scene.panel(band, "rib main", puff=0.026, soft=0.030, volume=0.040, lift=0.012, shadow=0.55, reach=0.016)
        if d.chance("label", 0.5):
            scene.overlay(
                ribbon([(-0.035, low - 0.35 * cuff + 0.02), (0.035, low - 0.35 * cuff + 0.02)], 0.040),
                "trim",
                puff=0.003,
                soft=0.006,
            )
    else:
        scene.overlay(
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
        _pompon(scene, (tip[0], top - 0.040), d.between("ball", 0.060, 0.085))


def _slumps(scene: Scene, head: float, top: float, high: float, slouch: float) -> list[Crease]:
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


def _pompon(scene: Scene, at: Point, radius: float) -> None:
    """A ball of yarn ends: short tufts from the outside in, each catching the light."""
    rng = scene.design.generator("tufts")
    scene.panel(disc(at[0], at[1], 0.80 * radius), "self", puff=0.03, soft=0.03, shade=0.8, shadow=0.4)
    for share in (1.0, 0.70, 0.38):
        number = round(34 * share)
        for i in range(number):
            angle = 2 * math.pi * (i / number) + rng.normal(0, 0.1)
            reach = radius * share * rng.uniform(0.92, 1.12)
            end = (at[0] + reach * math.cos(angle), at[1] + reach * math.sin(angle))
            start = (at[0] + 0.25 * reach * math.cos(angle), at[1] + 0.25 * reach * math.sin(angle))
            scene.panel(
                ribbon([start, end], 0.026, 0.014),
                "self",
                puff=0.012,
                soft=0.006,
                lift=0.010 + 0.02 * (1 - share),
                shadow=0.22,
                reach=0.005,
            )


@pattern_sheet("bucket-hat")
def bucket_hat(scene: Scene) -> None:
    """Flat, domed or high crown over a brim that hangs or stands out, with rows of stitching."""
    d = scene.design
    scene.stage(FILL[scene.appearance.size], (0.0, 0.50))
    kind = d.one_of("kind", ("hanging", "sloping", "wide"))
    tall = d.between("crown", 0.15, 0.26)
    top, band = 0.53 - tall, 0.53
    fall = {
        "hanging": d.between("brim", 0.15, 0.20),
        "sloping": d.between("brim", 0.11, 0.16),
        "wide": d.between("brim", 0.07, 0.11),
    }[kind]
    brim = {
        "hanging": d.between("width", 0.30, 0.345),
        "sloping": d.between("width", 0.34, 0.40),
        "wide": d.between("width", 0.40, 0.44),
    }[kind]
    low, head = band + fall, d.between("head", 0.205, 0.245)
    crown = head * d.between("top width", 0.66, 0.90)
    sag, dome = 0.055, d.between("dome", 0.0, 0.045)
    under: Curve = [(0.6 * brim, low + 0.5 * sag), (0.0, low + 0.6 * sag)]
    scene.panel(
        mirrored([(0.0, band + 0.02), (head, band)], (brim - 0.01, low - 0.02), under),
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
    scene.panel(
        mirrored(
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
    scene.seam([*on_side(tip[::-1], -1), (0.0, top + 0.066), *tip], dark=0.5)
    scene.topstitch(
        [*on_side([(x, y + 0.011) for x, y in tip[::-1]], -1), (0.0, top + 0.077), *[(x, y + 0.011) for x, y in tip]],
        width=0.003,
    )
    for side in (-1, 1):
        scene.seam(on_side([(0.55 * crown, top + 0.058), (0.62 * head, band + 0.5 * sag)], side), dark=0.4)
        if d.chance("eyelets", 0.7):
            for y in (0.36, 0.48):
                ring(scene, side * 0.165, top + y * (band - top) + 0.03, 0.010, 0.010, 0.007, "thread")
    _brim(scene, head, brim, band, low, sag)
    if d.chance("band", 0.3):
        curve: Curve = [
            (-head, band - 0.024),
            (-0.5 * head, band + 0.75 * sag - 0.022),
            (0.0, band + sag - 0.022),
            (0.5 * head, band + 0.75 * sag - 0.022),
            (head, band - 0.024),
        ]
        scene.overlay(ribbon(curve, 0.036), "trim", puff=0.005, soft=0.008, shadow=0.3)


def _brim(scene: Scene, head: float, brim: float, band: float, low: float, sag: float) -> None:
    """A cone of cloth from the band to the edge, waving a little, with five rows of stitching."""
    edge: Curve = [(head, band - 0.004), (0.5 * head, band + 0.75 * sag), (0.0, band + sag)]
    phase, wave = scene.shot.between("wave", 0, 6.28), scene.shot.between("waves", 0.006, 0.016)
    fold = [Flutes(band, low + 0.06, brim, head, 2.6, wave, phase)]
    scene.panel(
        mirrored(
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
        scene.topstitch([*on_side(row[::-1], -1), (0.0, y + sag + 0.006), *row], width=0.003)
