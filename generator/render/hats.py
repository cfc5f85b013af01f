"""Hats."""

from generator.render.canvas import Scene
from generator.render.curves import Curve, disc, mirrored, on_side, outline
from generator.render.details import ring, strap
from generator.render.relief import Flutes

FILL = {"child": 0.67, "small": 0.82, "medium": 0.97, "large": 1.09}
"""How much of the picture a hat fills."""


def cap(scene: Scene) -> None:
    """Baseball cap in profile: sewn panels, top button, eyelet and a curved peak to the right."""
    d = scene.design
    scene.stage(FILL[scene.appearance.size], (0.055, 0.50))
    high, peak = d.between("crown", 0.30, 0.38), d.between("peak", 0.20, 0.26)
    low, front = 0.64, 0.235
    top = low - high
    under: Curve = [(front - 0.14, low - 0.020), (front + 0.10, low - 0.002), (front + peak, low + 0.055)]
    scene.panel(
        outline(
            under,
            [(front + 0.55 * peak, low + 0.060), (front - 0.10, low + 0.055), (front - 0.24, low + 0.02)],
            under[0],
        ),
        "self",
        puff=0.004,
        shade=0.55,
        shadow=0.0,
    )
    crown = outline(
        [
            (-0.275, low),
            (-0.280, low - 0.45 * high),
            (-0.19, top + 0.06),
            (-0.03, top),
            (0.12, top + 0.045),
            (0.215, low - 0.48 * high),
            (front, low - 0.02),
        ],
        [(0.0, low + 0.028), (-0.275, low)],
    )
    scene.panel(crown, puff=0.040, soft=0.050, volume=0.030, shadow=0.3)
    seams: list[Curve] = [
        [(-0.03, top), (-0.045, low - 0.5 * high), (-0.03, low + 0.02)],
        [(-0.03, top), (0.09, low - 0.62 * high), (0.13, low - 0.005)],
        [(-0.03, top), (-0.17, low - 0.60 * high), (-0.185, low + 0.012)],
    ]
    for curve in seams:
        scene.seam(curve, dark=0.45)
        scene.topstitch([(x - 0.011, y + 0.006) for x, y in curve], width=0.003)
    for x in (-0.105, 0.045):
        ring(scene, x, top + 0.32 * high, 0.011, 0.011, 0.008, "thread")
    scene.panel(disc(-0.03, top - 0.002, 0.024, 0.012), "self", puff=0.012, soft=0.010, shadow=0.4, reach=0.008)
    _bill(scene, front, low, peak)
    strap(scene, [(-0.272, low - 0.022), (-0.13, low + 0.004)], 0.036, "self", clip=True)


def _bill(scene: Scene, front: float, low: float, peak: float) -> None:
    """The stiff curved peak with three rows of stitching."""
    bill = outline(
        [
            (front - 0.150, low - 0.012),
            (front - 0.03, low - 0.070),
            (front + 0.06, low - 0.045),
            (front + 0.70 * peak, low - 0.012),
            (front + 0.97 * peak, low + 0.030),
            (front + peak, low + 0.058),
        ],
        [(front + 0.55 * peak, low + 0.034), (front, low + 0.006), (front - 0.150, low - 0.012)],
    )
    scene.panel(bill, puff=0.014, soft=0.022, lift=0.005, shadow=0.55, reach=0.018)
    for i in range(3):
        t = 0.25 + 0.25 * i
        scene.topstitch(
            [
                (front - 0.03 + 0.10 * t, low - 0.060 + 0.016 * i),
                (front + 0.06 + 0.5 * t * peak, low - 0.030 + 0.012 * i),
                (front + (0.66 + 0.26 * t) * peak, low + 0.012 + 0.012 * i),
            ],
            width=0.003,
        )


def bucket_hat(scene: Scene) -> None:
    """Soft crown and a sloping brim with rows of stitching."""
    d = scene.design
    scene.stage(FILL[scene.appearance.size], (0.0, 0.50))
    top, band, low = 0.5 - d.between("crown", 0.17, 0.23), 0.53, 0.53 + d.between("brim", 0.13, 0.18)
    crown, head, brim = d.between("top width", 0.155, 0.19), 0.225, d.between("brim width", 0.34, 0.40)
    sag = 0.055
    scene.panel(
        mirrored(
            [(0.0, band + 0.02), (head, band)],
            (brim - 0.01, low - 0.02),
            [(0.6 * brim, low + 0.5 * sag), (0.0, low + 0.6 * sag)],
        ),
        "self",
        puff=0.0,
        shade=0.45,
        shadow=0.0,
    )
    scene.panel(
        mirrored(
            [(0.0, top), (0.7 * crown, top + 0.008), (crown, top + 0.030)],
            [(head - 0.014, 0.5 * (top + band)), (head, band)],
            [(0.5 * head, band + 0.75 * sag), (0.0, band + sag)],
        ),
        puff=0.034,
        soft=0.045,
        volume=0.022,
    )
    scene.seam(
        [
            (-crown, top + 0.032),
            (-0.55 * crown, top + 0.058),
            (0.0, top + 0.066),
            (0.55 * crown, top + 0.058),
            (crown, top + 0.032),
        ],
        dark=0.5,
    )
    for side in (-1, 1):
        scene.seam(on_side([(0.55 * crown, top + 0.058), (0.62 * head, band + 0.5 * sag)], side), dark=0.4)
        for y in (0.36, 0.48):
            ring(scene, side * 0.165, top + y * (band - top) + 0.03, 0.010, 0.010, 0.007, "thread")
    _brim(scene, head, brim, band, low, sag)


def _brim(scene: Scene, head: float, brim: float, band: float, low: float, sag: float) -> None:
    """A cone of cloth from the band to the edge, waving a little, with five rows of stitching."""
    edge: Curve = [(head, band - 0.004), (0.5 * head, band + 0.75 * sag), (0.0, band + sag)]
    phase = scene.shot.between("wave", 0, 6.28)
    fold = [Flutes(band, low + 0.06, brim, head, 2.6, 0.011, phase)]
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
        scene.topstitch(
            [
                (-0.98 * half, y + 0.004),
                (-0.5 * half, y + 0.80 * sag),
                (0.0, y + sag + 0.006),
                (0.5 * half, y + 0.80 * sag),
                (0.98 * half, y + 0.004),
            ],
            width=0.003,
        )
