"""Bags."""

import numpy as np

from generator.render.canvas import Scene
from generator.render.curves import Curve, along, between, box, flipped, mirrored, on_side, outline, ribbon
from generator.render.details import buckle, button, plate, ring, strap, zipper
from generator.render.relief import Crease

BULK = {"child": 0.62, "small": 0.74, "medium": 0.88, "large": 1.04}
"""How much of the picture a bag fills."""


def _handle(scene: Scene, spread: float, top: float, foot: float, width: float, shade: float) -> None:
    curve = [
        (-spread, foot),
        (-0.93 * spread, 0.45 * (top + foot)),
        (-0.5 * spread, top + 0.03),
        (0.0, top),
        (0.5 * spread, top + 0.03),
        (0.93 * spread, 0.45 * (top + foot)),
        (spread, foot),
    ]
    scene.panel(ribbon(curve, width), "trim", puff=0.4 * width, soft=0.35 * width, shade=shade, shadow=0.5, reach=0.012)


def tote_bag(scene: Scene) -> None:
    """Open top, two handles; the lining shows in the opening."""
    d = scene.design
    scene.stage(BULK[scene.appearance.size], (0.0, 0.50))
    top, low = 0.40, 0.90
    wide, base = d.between("top width", 0.30, 0.36), d.between("base width", 0.27, 0.36)
    drop, spread = d.between("handle", 0.08, 0.20), d.between("spread", 0.12, 0.17)
    scene.stand(-base, base, low)
    _handle(scene, spread * 0.94, drop - 0.025, top + 0.02, 0.024, 0.6)
    rim = 0.055
    scene.inside(
        mirrored(
            [(0.0, top - rim), (0.7 * wide, top - 0.8 * rim), (wide, top)],
            [(0.8 * wide, top + 0.05), (0.0, top + 0.06)],
        ),
        lift=0.024,
    )
    front = mirrored(
        [(0.0, top + 0.020), (0.7 * wide, top + 0.014), (wide, top)],
        [(0.5 * (wide + base) + 0.012, 0.65), (base, low - 0.02)],
        [(base - 0.02, low), (0.0, low + 0.006)],
    )
    folds = [
        Crease((s * wide * 0.92, top + 0.03), (s * base * 0.8, low - 0.06), -0.007, 0.03, 0.05 * s) for s in (-1, 1)
    ]
    scene.panel(front, puff=0.024, soft=0.030, volume=0.016, folds=folds, shadow=0.2, quilted=True)
    scene.overlay(
        mirrored(
            [(0.0, top + 0.020), (0.7 * wide, top + 0.014), (wide, top)],
            (wide, top + 0.034),
            [(0.7 * wide, top + 0.048), (0.0, top + 0.054)],
        ),
        "trim",
        puff=0.006,
        soft=0.012,
    )
    if d.chance("base panel", 0.6):
        scene.overlay(
            mirrored([(0.0, low - 0.10), (base + 0.03, low - 0.11)], [(base + 0.02, low + 0.02), (0.0, low + 0.02)]),
            "trim",
            puff=0.004,
            shadow=0.35,
        )
    _handle(scene, spread, drop, top + 0.03, 0.028, 1.0)
    tab = mirrored([(0.0, top + 0.01), (0.028, top + 0.01)], [(0.028, top + 0.09), (0.0, top + 0.125)])
    for side in (-1, 1):
        scene.overlay(tab + np.array([side * spread, 0.0]), "trim", puff=0.006, clip=False)
        ring(scene, side * spread, top + 0.030, 0.034, 0.030, 0.013)
        button(scene, side * spread, top + 0.085, 0.012)
    plate(scene, 0.0, top + 0.125, 0.046, 0.020)


def shoulder_bag(scene: Scene) -> None:
    """A flap bag on a long strap; metal hardware is a chain strap and a turn lock, else a leather strap and a loop."""
    d = scene.design
    scene.stage(BULK[scene.appearance.size], (0.0, 0.47))
    wide, high = d.between("width", 0.30, 0.40), d.between("height", 0.30, 0.38)
    top, bulge = 0.50, d.between("bulge", 0.0, 0.04)
    low = top + high
    scene.stand(-wide * 0.9, wide * 0.9, low)
    peak = d.between("strap", 0.05, 0.12)
    sway = scene.shot.between("sway", -0.03, 0.03)
    reach = 0.80 * wide
    curve = [
        (-reach, top + 0.03),
        (-0.90 * reach + 0.5 * sway, 0.30),
        (-0.42 * reach + sway, peak + 0.06),
        (sway, peak),
        (0.42 * reach + sway, peak + 0.06),
        (0.90 * reach + 0.5 * sway, 0.30),
        (reach, top + 0.03),
    ]
    if scene.appearance.hardware != "none":
        chain(scene, curve, 0.030)
    else:
        scene.panel(ribbon(curve, 0.034), "trim", puff=0.008, soft=0.012)
    sides: Curve = [
        (wide - 0.015, top + 0.01),
        (wide + bulge, top + 0.6 * high),
        (wide - 0.02, low - 0.03),
        (wide - 0.07, low),
    ]
    scene.panel(
        mirrored([(0.0, top - 0.008), (wide - 0.03, top), (wide - 0.015, top + 0.01)], sides, (0.0, low + 0.004)),
        puff=0.030,
        soft=0.034,
        volume=0.014,
        shadow=0.3,
        quilted=True,
    )
    _flap(scene, wide, top, high)
    for side in (-1, 1):
        ring(scene, side * reach, top + 0.020, 0.026, 0.028, 0.012)


def _flap(scene: Scene, wide: float, top: float, high: float) -> None:
    """The flap, round, square or pointed, with its lock."""
    d = scene.design
    tongue = d.one_of("flap", (0.45, 0.62, 0.74)) * high
    style = d.one_of("flap shape", ("round", "square", "pointed"))
    edge: Curve = {
        "round": [(wide, top + 0.35 * tongue), (0.75 * wide, top + 0.88 * tongue), (0.0, top + tongue)],
        "square": [
            (wide, top + 0.72 * tongue),
            (wide - 0.03, top + tongue - 0.01),
            (wide - 0.07, top + tongue),
            (0.0, top + tongue),
        ],
        "pointed": [(wide, top + 0.55 * tongue), (0.5 * wide, top + 0.80 * tongue), (0.0, top + 1.08 * tongue)],
    }[style]
    cover = mirrored([(0.0, top - 0.020), (wide - 0.04, top - 0.012), (wide, top + 0.02)], edge[0], edge)
    scene.panel(cover, puff=0.020, soft=0.030, lift=0.008, shadow=0.7, reach=0.020, quilted=True)
    scene.topstitch(
        [*[(-0.95 * x, y - 0.014) for x, y in edge], *[(0.95 * x, y - 0.014) for x, y in edge[::-1]][1:]], width=0.0035
    )
    lock = top + tongue * (1.0 if style != "pointed" else 1.05) - 0.045
    if scene.appearance.hardware != "none":
        plate(scene, 0.0, lock, 0.050, 0.036)
        scene.overlay(
            box(-0.012, lock - 0.022, 0.012, lock + 0.022, 0.008),
            "fitting",
            puff=0.012,
            soft=0.010,
            shadow=0.6,
            clip=False,
        )
    else:
        strap(scene, [(0.0, lock - 0.05), (0.0, lock + 0.055)], 0.044, "trim")
        button(scene, 0.0, lock + 0.01, 0.014)


def chain(scene: Scene, curve: Curve, width: float) -> None:
    """Oval links along a curve, every second one seen on edge."""
    line = along(curve)
    steps = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    ends = np.linspace(0, steps[-1], max(2, round(float(steps[-1]) / (0.95 * width))))
    xs, ys = np.interp(ends, steps, line[:, 0]), np.interp(ends, steps, line[:, 1])
    for i in range(len(ends)):
        if i % 2:
            j, k = max(i - 1, 0), min(i + 1, len(ends) - 1)
            link = [between((xs[i], ys[i]), (xs[j], ys[j]), 0.75), between((xs[i], ys[i]), (xs[k], ys[k]), 0.75)]
            scene.panel(ribbon(link, 0.34 * width), "fitting", puff=0.006, soft=0.1 * width, shadow=0.3, reach=0.006)
        else:
            ring(scene, float(xs[i]), float(ys[i]), 0.52 * width, 0.52 * width, 0.34 * width)


def backpack(scene: Scene) -> None:
    """Two shoulder straps behind, a lid or zip, a front pocket and side pockets."""
    d = scene.design
    scene.stage(0.98 * BULK[scene.appearance.size], (0.0, 0.51))
    wide, top, low = d.between("width", 0.25, 0.30), 0.17, 0.92
    arch, lid = d.between("arch", 0.05, 0.13), d.chance("lid", 0.55)
    scene.stand(-wide, wide, low)
    _behind_backpack(scene, wide, top, low)
    body = mirrored(
        [(0.0, top), (0.6 * wide, top + 0.012), (0.93 * wide, top + arch), (wide, top + arch + 0.10)],
        [(wide + 0.012, 0.60), (wide + 0.008, low - 0.04), (wide - 0.04, low), (0.0, low + 0.004)],
    )
    scene.panel(body, puff=0.034, soft=0.040, volume=0.018, shadow=0.4, quilted=True)
    if not lid:
        half = [(0.45 * wide, top + 0.055), (0.80 * wide, top + arch + 0.06), (0.88 * wide, 0.47)]
        zipper(scene, [*flipped(half[::-1]), (0.0, top + 0.045), *half], width=0.018)
    inner, pocket = wide - 0.045, 0.54 if lid else 0.56
    front = mirrored(
        [(0.0, pocket), (inner, pocket)], [(inner + 0.008, low - 0.09), (inner - 0.03, low - 0.05), (0.0, low - 0.045)]
    )
    scene.overlay(front, puff=0.020, soft=0.026, lift=0.006, shadow=0.6, quilted=True, clip=False)
    zipper(scene, [(-inner + 0.03, pocket + 0.04), (inner - 0.03, pocket + 0.04)], width=0.018)
    if lid:
        _lid(scene, wide, top, arch)
    patch = 0.70 if lid else 0.36
    if scene.appearance.hardware == "none":
        scene.overlay(box(-0.045, patch - 0.025, 0.045, patch + 0.025, 0.010), "trim", soft=0.010, clip=False)
    else:
        plate(scene, 0.0, patch, 0.050, 0.024)


def _behind_backpack(scene: Scene, wide: float, top: float, low: float) -> None:
    """Shoulder straps, grab loop and side pockets, half hidden by the body."""
    for side in (-1, 1):
        curve = on_side([(0.10, top + 0.02), (0.30, 0.26), (wide + 0.10, 0.52), (wide + 0.02, 0.80)], side)
        scene.panel(ribbon(curve, 0.055, 0.035), "self", puff=0.012, soft=0.016, shade=0.80, shadow=0.3)
    loop = [(-0.06, top + 0.03), (-0.05, top - 0.05), (0.0, top - 0.07), (0.05, top - 0.05), (0.06, top + 0.03)]
    scene.panel(ribbon(loop, 0.026), "self", puff=0.010, soft=0.010, shadow=0.3)
    pocket = outline(
        [(wide - 0.03, 0.56), (wide + 0.055, 0.58)], [(wide + 0.060, low - 0.05), (wide - 0.03, low - 0.01)]
    )
    for side in (-1, 1):
        scene.panel(pocket * (side, 1), "self", puff=0.018, soft=0.020, shadow=0.2)


def _lid(scene: Scene, wide: float, top: float, arch: float) -> None:
    """A flap over the opening, held by two buckled straps."""
    drop = top + scene.design.between("lid drop", 0.22, 0.30)
    shape = mirrored(
        [(0.0, top - 0.014), (0.6 * wide, top), (0.96 * wide, top + arch), (wide + 0.014, top + arch + 0.08)],
        [(wide + 0.010, drop), (0.8 * wide, drop + 0.035), (0.0, drop + 0.045)],
    )
    scene.panel(shape, puff=0.026, soft=0.034, lift=0.008, shadow=0.7, reach=0.020, quilted=True)
    for side in (-1, 1):
        strap(scene, on_side([(0.45 * wide, top + 0.06), (0.45 * wide, drop + 0.13)], side), 0.038, "trim")
        buckle(scene, side * 0.45 * wide, drop + 0.035, 0.032, 0.026, 0.014)
