"""Small things: wallet, belt, sunglasses, scarf, perfume."""

import math

from generator.render.canvas import Scene
from generator.render.curves import Curve, Outline, box, disc, mirrored, on_side, outline, ribbon
from generator.render.details import buckle, button, plate, ring, strap
from generator.render.relief import Crease

SCALE = {"child": 0.62, "small": 0.76, "medium": 0.90, "large": 1.06}
"""How much of the picture a small thing fills."""


def wallet(scene: Scene) -> None:
    """A folded wallet with cards and notes in view, closed by a tab: metal snap plate, or a horn stud."""
    d = scene.design
    scene.stage(0.98 * SCALE[scene.appearance.size], (0.0, 0.5))
    wide, high = d.between("width", 0.30, 0.40), d.between("height", 0.21, 0.27)
    top, low, r = 0.5 - high, 0.5 + high, d.between("corner", 0.015, 0.050)
    scene.panel(box(-wide, top, wide, low, r), "trim", puff=0.010, soft=0.016, shade=0.8)
    scene.panel(box(-wide + 0.03, top - 0.050, wide - 0.10, low - 0.05, 0.012), "note", puff=0.002, shadow=0.5)
    for i, cloth in enumerate(("card", "shell")):
        y = top - 0.020 + 0.032 * i
        scene.panel(
            box(-wide + 0.06, y, wide - 0.07 + 0.02 * i, low - 0.05, 0.016),
            cloth,
            puff=0.002,
            soft=0.008,
            shadow=0.5,
            reach=0.010,
        )
    dip = d.between("dip", 0.0, 0.05)
    front = mirrored(
        [(0.0, top + 0.060 + dip), (wide - 0.10, top + 0.052), (wide, top + 0.050)],
        [(wide + 0.004, low - r), (wide - r, low), (0.0, low + 0.004)],
    )
    scene.panel(front, puff=0.022, soft=0.030, lift=0.006, shadow=0.6, reach=0.016, quilted=True)
    inset = 0.022
    scene.topstitch(
        [
            (-wide + inset, top + 0.07),
            (-wide + inset, low - r),
            (-wide + r + inset, low - inset),
            (wide - r - inset, low - inset),
            (wide - inset, low - r),
            (wide - inset, top + 0.07),
        ]
    )
    closure = d.one_of("closure", ("tab", "tongue"))
    if closure == "tab":
        strap(scene, [(wide + 0.022, 0.52), (wide - 0.14, 0.52)], 0.085, "trim")
        x, y = wide - 0.10, 0.52
    else:
        strap(scene, [(0.0, top - 0.02), (0.0, 0.53)], 0.100, "trim")
        x, y = 0.0, 0.50
    if scene.appearance.hardware == "none":
        button(scene, x, y, 0.022)
    else:
        plate(scene, x, y, 0.048, 0.034)
        for side in (-1, 1):
            plate(scene, side * (wide - 0.028), low - 0.026, 0.030, 0.028)


def belt(scene: Scene) -> None:
    """A closed loop seen from a little above, buckle in front, holes in the end."""
    d = scene.design
    size = scene.appearance.size
    scene.stage({"child": 0.70}.get(size, 0.98), (0.0, 0.5))
    width = {"child": 0.075, "small": 0.070, "medium": 0.100, "large": 0.140}[size] * d.between("width", 0.92, 1.08)
    rx, ry = d.between("loop", 0.36, 0.40), d.between("tilt", 0.12, 0.17)
    y = 0.5
    arc = [(rx * math.sin(a), y - ry * math.cos(a)) for a in [math.pi * (i / 8 - 0.5) for i in range(9)]]
    scene.panel(ribbon(arc, 0.9 * width), "heel", puff=0.006, soft=0.014, shade=0.72, shadow=0.0)
    front = [(x, 2 * y - v) for x, v in arc]
    scene.panel(ribbon(front, width), puff=0.010, soft=0.018, volume=0.004, lift=0.004, shadow=0.45, reach=0.016)
    for offset in (-0.5, 0.5):
        scene.topstitch([(x * 0.985, v + offset * (width - 0.024)) for x, v in front[1:-1]], width=0.0035)
    centre, frame = y + ry, 0.5 * width + 0.022
    for i in range(5):
        x = 0.12 + 0.036 * i
        v = y + ry * math.sqrt(max(0.0, 1 - (x / rx) ** 2))
        scene.darken(disc(x, v, 0.0065), 0.85, 0.001)
    shape = d.one_of("buckle", ("square", "round", "wide"))
    strap(scene, [(-0.16, centre - 0.012), (-0.128, centre - 0.010)], width + 0.018, "self")
    if shape == "round":
        ring(scene, 0.0, centre, frame + 0.012, frame + 0.012, 0.032)
        scene.overlay(
            box(-frame, centre - 0.009, frame * 0.9, centre + 0.009, 0.006),
            "fitting",
            puff=0.006,
            soft=0.006,
            clip=False,
        )
    else:
        buckle(scene, 0.0, centre, frame * (1.0 if shape == "square" else 1.5), frame, 0.030)


def sunglasses(scene: Scene) -> None:
    """Front view: two dark lenses in a thick frame; metal hardware is the bridge, the hinges and the temple cores."""
    d = scene.design
    scene.stage({"child": 0.66, "small": 0.80, "medium": 0.94, "large": 1.06}[scene.appearance.size], (0.0, 0.5))
    style = d.one_of("style", ("square", "round", "cat-eye", "pilot"))
    rx, ry = (
        d.between("lens width", 0.150, 0.170),
        {"square": 0.120, "round": 0.150, "cat-eye": 0.115, "pilot": 0.140}[style],
    )
    gap, rim = 0.036, d.between("rim", 0.024, 0.040)
    cx, cy = gap + rx, 0.51
    for side in (-1, 1):
        temple = on_side([(cx + rx, cy - 0.055), (cx + rx + 0.010, cy - 0.15), (cx + rx - 0.05, cy - 0.235)], side)
        scene.panel(ribbon(temple, 0.034, 0.026), "main", puff=0.008, soft=0.010, shade=0.8, shadow=0.0)
        scene.overlay(ribbon(temple, 0.014, 0.010), "fitting", puff=0.003, soft=0.004, shade=0.9, shadow=0.0)
    for side in (-1, 1):
        lens = _lens(style, cx, cy, rx, ry)
        scene.panel(
            _scaled(lens, cx, cy, 1 + rim / rx, 1 + rim / ry) * (side, 1),
            puff=0.018,
            soft=0.5 * rim,
            lift=0.006,
            shadow=0.5,
            reach=0.014,
        )
        scene.panel(lens * (side, 1), "lens", puff=0.010, soft=0.05, lift=0.002, shade=1.0, shadow=0.0)
    bridge: Curve = [(-gap - 0.012, cy - 0.045), (0.0, cy - 0.070), (gap + 0.012, cy - 0.045)]
    scene.panel(
        ribbon(bridge, 0.040),
        "fitting" if scene.appearance.hardware != "none" else "main",
        puff=0.012,
        soft=0.014,
        lift=0.008,
        shadow=0.4,
        reach=0.010,
    )
    if style == "pilot":
        scene.panel(
            ribbon([(-gap - 0.03, cy - ry - 0.012), (0.0, cy - ry - 0.020), (gap + 0.03, cy - ry - 0.012)], 0.022),
            "fitting" if scene.appearance.hardware != "none" else "main",
            puff=0.008,
            soft=0.008,
            lift=0.008,
            shadow=0.4,
            reach=0.010,
        )
    for side in (-1, 1):
        plate(scene, side * (cx + rx + 0.45 * rim), cy - 0.055, 0.022, 0.016)


def _lens(style: str, cx: float, cy: float, rx: float, ry: float) -> Outline:
    if style == "round":
        return disc(cx, cy, ry, ry)
    if style == "square":
        return disc(cx, cy, rx, ry, 4.5)
    if style == "cat-eye":
        return outline(
            [
                (cx + rx + 0.02, cy - ry - 0.01),
                (cx + 0.85 * rx, cy + 0.35 * ry),
                (cx, cy + ry),
                (cx - 0.9 * rx, cy + 0.3 * ry),
                (cx - rx, cy - 0.45 * ry),
                (cx - 0.3 * rx, cy - 0.80 * ry),
                (cx + rx + 0.02, cy - ry - 0.01),
            ]
        )
    return outline(
        [
            (cx - 0.75 * rx, cy - ry),
            (cx, cy - 1.03 * ry),
            (cx + 0.85 * rx, cy - 0.9 * ry),
            (cx + rx, cy - 0.3 * ry),
            (cx + 0.7 * rx, cy + 0.7 * ry),
            (cx + 0.1 * rx, cy + ry),
            (cx - 0.65 * rx, cy + 0.55 * ry),
            (cx - rx, cy - 0.35 * ry),
            (cx - 0.75 * rx, cy - ry),
        ]
    )


def _scaled(shape: Outline, cx: float, cy: float, fx: float, fy: float) -> Outline:
    return (shape - (cx, cy)) * (fx, fy) + (cx, cy)


def scarf(scene: Scene) -> None:
    """Laid around a neck that is not there: a loop, a crossing and two hanging ends with fringes."""
    d = scene.design
    size = scene.appearance.size
    length = {"child": 0.34, "small": 0.36, "medium": 0.48, "large": 0.58}[size]
    wide = {"child": 0.110, "small": 0.115, "medium": 0.135, "large": 0.150}[size] * d.between("width", 0.92, 1.08)
    scene.stage({"child": 0.78}.get(size, 1.0), (0.0, 0.20 + 0.5 * length))
    scene.panel(
        ribbon([(-0.13, 0.26), (-0.10, 0.12), (0.0, 0.075), (0.10, 0.12), (0.13, 0.26)], 0.10),
        puff=0.014,
        soft=0.022,
        shade=0.72,
        shadow=0.0,
    )
    fringe = d.between("fringe", 0.030, 0.070)
    for side, drop in ((1, 1.0), (-1, d.between("uneven", 0.80, 0.97))):
        swing = scene.shot.between(f"swing {side}", 0.01, 0.05)
        low = 0.30 + length * drop
        tail: Curve = [
            (-side * 0.06, 0.24),
            (side * 0.03, 0.36),
            (side * (0.07 + swing), 0.5 * (0.36 + low)),
            (side * (0.07 + 1.4 * swing), low),
        ]
        for i in range(11):
            x = tail[-1][0] + (i / 10 - 0.5) * 0.90 * wide
            scene.panel(
                ribbon(
                    [(x, low - 0.01), (x + scene.shot.between(f"fringe {side} {i}", -0.010, 0.010), low + fringe)],
                    0.011,
                    0.007,
                ),
                "self",
                puff=0.006,
                soft=0.004,
                shadow=0.0,
            )
        drape = [
            Crease((t[0] + o * wide, t[1]), (tail[-1][0] + 1.1 * o * wide, low + 0.06), depth, 0.014)
            for o, depth in ((-0.25, 0.009), (0.02, -0.009), (0.27, 0.008))
            for t in (tail[1],)
        ]
        scene.panel(
            ribbon(tail, 0.92 * wide, wide),
            puff=0.014,
            soft=0.024,
            folds=drape,
            grain=side * 0.08,
            shadow=0.5,
            reach=0.018,
        )
    for side in (-1, 1):
        band: Curve = [(side * 0.145, 0.16), (side * 0.150, 0.25), (side * 0.085, 0.335), (-side * 0.03, 0.375)]
        fold = [
            Crease((side * 0.13, 0.20), (-side * 0.02, 0.36), 0.008, 0.014, -0.2 * side),
            Crease((side * 0.16, 0.22), (side * 0.0, 0.39), -0.007, 0.012, -0.2 * side),
        ]
        scene.panel(
            ribbon(band, 0.085, 0.130), puff=0.022, soft=0.026, folds=fold, grain=side * 0.8, shadow=0.5, reach=0.018
        )


def perfume_bottle(scene: Scene) -> None:
    """Thick glass, tinted perfume, a printed label, and a cap: metal or lacquered."""
    d = scene.design
    scene.stage(
        0.96 * {"child": 0.60, "small": 0.72, "medium": 0.88, "large": 1.04}[scene.appearance.size], (0.0, 0.52)
    )
    wide, top, low = d.between("width", 0.165, 0.255), d.between("shoulder", 0.38, 0.44), 0.93
    shape = d.one_of("shape", ("square", "rounded", "tapered"))
    scene.stand(-wide * 0.95, wide * 0.95, low)
    wall = 0.028

    def glass(inset: float) -> Outline:
        w, t, b = wide - inset, top + inset, low - 1.7 * inset
        if shape == "square":
            return box(-w, t, w, b, 0.028)
        if shape == "rounded":
            return disc(0.0, (t + b) / 2, w * 1.08, (b - t) / 2, 3.0)
        return mirrored(
            [(0.0, t), (0.62 * w, t), (0.70 * w, t + 0.02)],
            [(w, b - 0.06), (w - 0.01, b - 0.01), (w - 0.04, b), (0.0, b)],
        )

    scene.panel(box(-0.055, top - 0.050, 0.055, top + 0.03), "fitting", puff=0.014, soft=0.020, shadow=0.0)
    scene.panel(glass(0.0), "clear", puff=0.026, soft=0.026, volume=0.010)
    scene.overlay(glass(wall), "liquid", puff=-0.008, soft=0.020, shadow=0.35, clip=False)
    scene.overlay(
        ribbon([(0.012, top - 0.01), (0.006, 0.65), (0.02, low - 0.08)], 0.008), "clear", puff=0.0, shadow=0.2
    )
    half = (0.60 if shape == "tapered" else 0.72) * wide
    scene.overlay(box(-half, 0.57, half, 0.81, 0.010), "paper", puff=0.002, soft=0.008, shadow=0.35, clip=False)
    tall, cap_half = d.between("cap", 0.14, 0.22), d.between("cap width", 0.075, 0.115)
    style = d.one_of("cap shape", ("block", "dome", "ball"))
    base = top - 0.018
    cover = {
        "block": box(-cap_half, base - tall, cap_half, base, 0.012),
        "dome": mirrored(
            [(0.0, base - tall), (0.7 * cap_half, base - 0.85 * tall), (cap_half, base - 0.45 * tall)],
            [(cap_half, base), (0.0, base)],
        ),
        "ball": disc(0.0, base - 0.5 * tall, 0.55 * tall, 0.52 * tall),
    }[style]
    scene.panel(cover, "fitting", puff=0.050, soft=0.050, lift=0.004, shadow=0.4, reach=0.012)
    plate(scene, 0.0, 0.69, 0.30 * half, 0.026)
