"""Dresses, skirts, trousers and shorts."""

from generator.render.canvas import Scene
from generator.render.curves import Curve, Stretch, box, mirrored, on_side, outline, ribbon
from generator.render.details import buckle, button, strap
from generator.render.garment import (
    LENGTHS,
    Cut,
    armhole_seams,
    body_folds,
    body_half,
    child_zoom,
    cuff,
    hem_folds,
    inside_back,
    round_neck,
    sized,
    sleeves,
    v_neck,
)
from generator.render.relief import Crease, Flutes, Fold


def dress(scene: Scene) -> None:
    """Fitted bodice, flared skirt, and a belt: tied in a knot, or with a metal buckle."""
    d = scene.design
    sleeve = d.one_of("sleeves", ("none", "short", "long"))
    shoulder = 0.112 if sleeve == "none" else 0.132
    cut = sized(
        scene,
        Cut(
            scoop=d.between("scoop", 0.06, 0.12),
            neck=d.between("neck", 0.056, 0.080),
            shoulder=shoulder,
            slope=0.034,
            chest=0.122,
            armhole=0.155,
            waist=d.between("waist", 0.088, 0.100),
            waist_at=0.30,
            hem=d.between("hem", 0.17, 0.26),
            length=0.70,
            dip=0.014,
        ),
    )
    scene.stage(1.06 * child_zoom(scene), (0.0, cut.length / 2))
    neckline = v_neck(cut) if d.chance("v neck", 0.4) else round_neck(cut)
    arms = []
    if sleeve != "none":
        arms = sleeves(
            scene,
            cut,
            length=0.13 if sleeve == "short" else 0.40,
            half_cuff=0.052 if sleeve == "short" else 0.034,
            angle=0.5 if sleeve == "short" else 0.27,
            fullness=d.between("fullness", 1.0, 1.25),
        )
    inside_back(scene, cut, cut.scoop + 0.01, "main")
    half = body_half(cut, neckline)
    if sleeve == "none":
        half[2] = [(cut.shoulder, cut.slope), (cut.shoulder - 0.020, 0.11), (cut.chest, cut.armhole)]
    half[3] = [(cut.chest, cut.armhole), (cut.waist, cut.waist_at)]
    flare = 0.5 * (cut.waist + cut.hem) + d.between("flare", -0.02, 0.02)
    half.insert(4, [(cut.waist, cut.waist_at), (flare, 0.5 * (cut.waist_at + cut.length)), (cut.hem, cut.length)])
    folds = [*body_folds(scene, cut)[:6], *hem_folds(scene, cut.waist_at, cut, d.between("flutes", 5, 9), 0.013)]
    scene.panel(mirrored(*half), puff=0.014, soft=0.022, volume=0.012, folds=folds, shadow=0.4)
    if sleeve != "none":
        armhole_seams(scene, cut)
    for arm in arms:
        cuff(scene, arm, 0.020)
    _sash(scene, cut)


def _sash(scene: Scene, cut: Cut) -> None:
    w, y = cut.waist + 0.004, cut.waist_at
    band = mirrored([(0.0, y - 0.018), (w, y - 0.020)], (w, y + 0.018), (0.0, y + 0.022))
    scene.overlay(band, "self", puff=0.007, soft=0.012)
    if scene.appearance.hardware != "none":
        buckle(scene, 0.0, y + 0.001, 0.042, 0.038, 0.018)
        return
    for lean in (-0.030, 0.018):
        strap(scene, [(-0.02, y + 0.01), (-0.02 + 0.6 * lean, y + 0.08), (-0.02 + lean, y + 0.16)], 0.024, "self")
    scene.overlay(box(-0.038, y - 0.022, -0.004, y + 0.022, 0.012), "self", puff=0.012, soft=0.014, clip=False)


def skirt(scene: Scene) -> None:
    """Pencil, flared or pleated, on a waistband with two strap buckles at the side."""
    d = scene.design
    style = d.one_of("style", ("pencil", "flared", "pleated"))
    child = scene.appearance.size == "child"
    length = 0.56 * LENGTHS[scene.appearance.size]
    waist = 0.150 * (1.15 if child else 1.0)
    hem = {"pencil": 0.165, "flared": 0.270, "pleated": 0.235}[style] * (0.75 + 0.25 * length / 0.56) + d.between(
        "hem", -0.015, 0.025
    )
    scene.stage(1.26 * child_zoom(scene), (0.0, length / 2))
    hip: Curve = [
        (waist, 0.05),
        (waist + (0.045 if style == "pencil" else 0.5 * (hem - waist)), 0.40 * length),
        (hem, length),
    ]
    scene.inside(mirrored([(0.0, 0.01), (waist, 0.0)], [(0.96 * waist, 0.045), (0.0, 0.05)]), lift=0.01)
    phase = scene.shot.between("flutes", 0, 6.28)
    folds: list[Fold] = [
        Flutes(
            0.05,
            length,
            hem,
            waist,
            {"pencil": 2.0, "flared": 7.0, "pleated": 4.0}[style],
            0.004 if style == "pencil" else 0.012,
            phase,
        )
    ]
    if style == "pleated":
        folds += [Crease((waist * t, 0.04), (hem * t, length + 0.06), 0.012, 0.012) for t in _pleats()]
    scene.panel(
        mirrored(
            [(0.0, 0.056), (waist, 0.05)], hip, [(hem, length), (0.5 * hem, length + 0.014), (0.0, length + 0.018)]
        ),
        puff=0.016,
        soft=0.026,
        volume=0.016,
        folds=folds,
        shadow=0.0,
    )
    if style == "pleated":
        for t in _pleats():
            scene.seam(
                [(waist * t, 0.06), (0.5 * (waist + hem) * t, 0.5 * length), (hem * t, length + 0.01)], dark=0.45
            )
    scene.panel(
        mirrored([(0.0, 0.012), (waist, 0.0)], (waist + 0.004, 0.052), (0.0, 0.066)),
        "self",
        puff=0.007,
        soft=0.014,
        shadow=0.5,
        reach=0.010,
    )
    for y in (0.035, 0.115):
        strap(scene, [(0.35 * waist, y + 0.006), (waist + 0.004, y - 0.006)], 0.026, "self", clip=True)
        buckle(scene, 0.62 * waist, y + 0.001, 0.024, 0.022, 0.011)


def _pleats() -> list[float]:
    return [-0.8, -0.53, -0.27, 0.0, 0.27, 0.53, 0.8]


def trousers(scene: Scene) -> None:
    """Two legs, fly, pockets, belt loops; straight, tapered or flared, with a crease or turn-ups."""
    d = scene.design
    length = 0.80 * (0.3 + 0.7 * LENGTHS[scene.appearance.size])
    cut = d.one_of("leg", (0.048, 0.064, 0.094)) + d.between("leg width", -0.006, 0.006)
    _legs(scene, length, cut, d.between("spread", 0.075, 0.100), zoom=1.0, waist=0.125)


def shorts(scene: Scene) -> None:
    """Short wide legs, turn-ups or a drawstring."""
    d = scene.design
    length = 0.42 * LENGTHS[scene.appearance.size]
    _legs(
        scene, length, d.between("leg width", 0.086, 0.106), d.between("spread", 0.100, 0.122), zoom=1.46, waist=0.145
    )


def _legs(scene: Scene, length: float, half_leg: float, foot: float, *, zoom: float, waist: float) -> None:
    d, boxy = scene.design, 1.15 if scene.appearance.size == "child" else 1.0
    waist, half_leg = waist * boxy, half_leg * boxy
    scene.stage(zoom * child_zoom(scene), (0.0, length / 2))
    hip, crotch = waist + 0.034, 0.20 + d.between("rise", -0.01, 0.02)
    scene.inside(mirrored([(0.0, 0.012), (0.95 * waist, 0.0)], [(0.95 * waist, 0.05), (0.0, 0.05)]), lift=0.008)
    for side in (-1, 1):
        step = foot + scene.shot.between(f"step {side}", -0.012, 0.012)
        thigh = 0.5 * (hip + step + half_leg) + 0.012
        leg: list[Stretch] = [
            [(0.0, 0.016), (0.6 * waist, 0.010), (waist, 0.0)],
            [(hip, 0.13), (max(thigh, hip * 0.94), max(crotch + 0.06, 0.45 * length)), (step + half_leg, length)],
            [(step, length + 0.006), (step - half_leg, length)],
            [(0.016 + 0.35 * max(step - half_leg, 0), 0.5 * (crotch + length)), (0.0, crotch)],
            (0.0, 0.016),
        ]
        folds = _leg_folds(scene, side, step, half_leg, crotch, length, hip)
        scene.panel(
            outline(*leg) * (side, 1), puff=0.018, soft=0.026, volume=0.012, folds=folds, grain=side * 0.05, shadow=0.0
        )
        _leg_seams(scene, side, waist, hip, step, half_leg, length)
    scene.seam([(0.0, 0.04), (0.0, crotch)], dark=0.5)
    scene.topstitch([(0.030, 0.045), (0.032, crotch - 0.075), (0.004, crotch - 0.030)], width=0.0035)
    band = mirrored(
        [(0.0, 0.014), (0.6 * waist, 0.009), (waist + 0.002, -0.002)],
        (waist + 0.008, 0.036),
        [(0.6 * waist, 0.047), (0.0, 0.052)],
    )
    scene.panel(band, puff=0.006, soft=0.012, lift=0.004, shadow=0.45, reach=0.010)
    if d.chance("drawstring", 0.3):
        for lean in (-0.020, 0.016):
            scene.overlay(
                ribbon([(0.0, 0.034), (0.8 * lean, 0.085), (lean, 0.135)], 0.010),
                "cord",
                puff=0.005,
                soft=0.004,
                clip=False,
            )
    else:
        for x in (-0.72 * waist, -0.34 * waist, 0.34 * waist, 0.72 * waist):
            strap(scene, [(x, 0.000), (x, 0.054)], 0.015, clip=True)
        button(scene, 0.0, 0.033, 0.011, "shell")


def _leg_folds(
    scene: Scene, side: int, step: float, half_leg: float, crotch: float, length: float, hip: float
) -> list[Fold]:
    rng = scene.shot.generator(f"folds leg {side}")
    folds: list[Fold] = []
    for i in range(3):  # whiskers from the crotch
        a = (side * 0.006, crotch - 0.012 + 0.016 * i)
        b = (side * (0.75 * hip), a[1] - rng.uniform(0.015, 0.060) + 0.045 * i)
        folds.append(Crease(a, b, rng.uniform(0.004, 0.007) * (-1 if i % 2 else 1), 0.010, rng.normal(0, 0.06)))
    num_drags = 2 + round(6 * (length - crotch))
    for i in range(num_drags):
        y = crotch + 0.08 + (length - crotch - 0.10) * (i + rng.uniform(0.2, 0.8)) / num_drags
        x = 0.6 * hip + (step - 0.6 * hip) * (y - crotch) / max(length - crotch, 0.05)
        a, b = (side * (x - half_leg), y + rng.normal(0, 0.012)), (side * (x + half_leg), y + rng.normal(0, 0.03))
        folds.append(Crease(a, b, rng.uniform(-0.0055, 0.0055), rng.uniform(0.010, 0.018), rng.normal(0, 0.12)))
    if scene.design.chance("pressed", 0.5):
        folds.append(Crease((side * 0.55 * hip, 0.08), (side * step, length + 0.05), 0.009, 0.007))
    return folds


def _leg_seams(scene: Scene, side: int, waist: float, hip: float, step: float, half_leg: float, length: float) -> None:
    pocket = on_side([(0.62 * waist, 0.048), (0.72 * hip, 0.085), (hip - 0.004, 0.115)], side)
    scene.seam(pocket, dark=0.5)
    scene.topstitch([(x - side * 0.008, y + 0.010) for x, y in pocket], width=0.0035)
    if scene.design.chance("turn-up", 0.4):
        edge = [(step - half_leg - 0.005, length - 0.032), (step + half_leg + 0.007, length - 0.034)]
        band = outline(
            edge,
            [edge[1], (step + half_leg + 0.006, length + 0.004)],
            (step - half_leg - 0.004, length + 0.006),
            edge[0],
        )
        scene.overlay(band * (side, 1), puff=0.006, soft=0.012, clip=False)
    else:
        scene.topstitch(
            on_side([(step - half_leg, length - 0.016), (step + half_leg, length - 0.016)], side), width=0.0035
        )
