"""Things beside clothes, bags and shoes: belt, scarf, perfume."""

import math

from generator.render.clothes.details import buckle, plate, ring, strap
from generator.render.clothes.folded import GIVE, folded_folds, lift_of, stack, thickness
from generator.render.engine.canvas import Scene
from generator.render.engine.curves import Curve, Outline, Point, between, box, disc, mirrored, outline, ribbon
from generator.render.engine.relief import Crease
from generator.render.engine.silhouette_registry import pattern_sheet


@pattern_sheet("belt")
def belt(scene: Scene) -> None:
    """Closed to a loop and seen from a little above, or rolled up; buckle in front, holes in the end."""
    d, size = scene.design, scene.appearance.size
    width = {"child": 0.072, "small": 0.068, "medium": 0.098, "large": 0.138}[size] * d.between("width", 0.90, 1.10)
    scene.stage({"child": 0.70}.get(size, 0.98), (0.0, 0.5))
    rolled = scene.shot.chance("rolled", 0.4)
    shape = d.one_of("buckle", ("square", "round", "wide", "plate"))
    (_rolled if rolled else _looped)(scene, width, shape)


def _looped(scene: Scene, width: float, shape: str) -> None:
    d, y = scene.design, 0.5
    rx, ry = d.between("loop", 0.35, 0.40), d.between("tilt", 0.11, 0.18)
    arc = [(rx * math.sin(a), y - ry * math.cos(a)) for a in [math.pi * (i / 8 - 0.5) for i in range(9)]]
    scene.panel(ribbon(arc, 0.86 * width), "insole", puff=0.006, soft=0.014, shade=0.72, shadow=0.0)
    front = [(rx * math.sin(a), y + ry * math.cos(a)) for a in [1.72 * (i / 6 - 1) for i in range(13)]]
    scene.panel(ribbon(front, width), puff=0.010, soft=0.016, volume=0.006, lift=0.004, shadow=0.45, reach=0.016)
    for offset in (-0.5, 0.5):
        scene.topstitch([(x * 0.985, v + offset * (width - 0.024)) for x, v in front[1:-1]], width=0.0035)
    low = y + ry
    for i in range(5):
        x = 0.13 + 0.036 * i
        scene.darken(disc(x, y + ry * math.sqrt(max(0.0, 1 - (x / rx) ** 2)), 0.0065), 0.85, 0.001)
    tip = 0.13 + 0.036 * 5 + 0.03
    lap = y + ry * math.sqrt(max(0.0, 1 - (tip / rx) ** 2))
    scene.seam(
        [(tip - 0.012, lap - 0.48 * width), (tip + 0.016, lap), (tip - 0.012, lap + 0.48 * width)],
        width=0.007,
        dark=0.55,
    )
    strap(scene, [(-0.16, low - 0.012), (-0.130, low - 0.010)], width + 0.018, "self")
    _buckle(scene, (0.0, low), width, shape)


def _rolled(scene: Scene, width: float, shape: str) -> None:
    """A roll that stands on its edge, seen from above: its turns side by side, and the buckle in front of it."""
    d = scene.design
    rx, turns = d.between("roll", 0.24, 0.29), d.one_of("turns", (2, 3, 4))
    squash, step = 0.60, 0.040
    y = 0.5 - 0.35 * width
    for k in range(turns):
        r = rx - step * k
        ring_of = disc(0.0, y, r, squash * r)
        inner = disc(0.0, y, r - 0.011, squash * (r - 0.009))
        if k == 0:
            side = outline(
                [
                    (-r, y),
                    (-0.7 * r, y + 0.72 * squash * r),
                    (0.0, y + squash * r),
                    (0.7 * r, y + 0.72 * squash * r),
                    (r, y),
                ],
                (r, y + width),
                [
                    (0.7 * r, y + width + 0.72 * squash * r),
                    (0.0, y + width + squash * r),
                    (-0.7 * r, y + width + 0.72 * squash * r),
                    (-r, y + width),
                ],
            )
            rounding = Crease((0.0, y - 0.3), (0.0, y + 1.4), 0.05, 0.22)
            scene.panel(side, puff=0.006, soft=0.012, folds=[rounding], shadow=0.0)
            front = [(r * math.sin(a), y + squash * r * math.cos(a)) for a in [1.45 * (i / 6 - 1) for i in range(13)]]
            for at in (0.12, 0.88):
                scene.topstitch([(x, v + at * width) for x, v in front], width=0.0035)
        scene.panel(ring_of, "self", puff=0.006, soft=0.008, shadow=0.0, shade=1.0)
        scene.panel(inner, "insole", puff=0.0, lift=-0.01, shade=0.34, shadow=0.0)
    r = rx - step * (turns - 1) - 0.012
    wall = outline(
        [(-r, y), (-0.7 * r, y - 0.72 * squash * r), (0.0, y - squash * r), (0.7 * r, y - 0.72 * squash * r), (r, y)],
        [(0.6 * r, y - 0.30 * squash * r), (0.0, y - 0.45 * squash * r), (-0.6 * r, y - 0.30 * squash * r), (-r, y)],
    )
    scene.panel(wall, "insole", puff=0.004, soft=0.012, lift=-0.008, shade=0.72, shadow=0.0)
    middle = y + squash * rx + 0.5 * width
    strap(scene, [(-0.125, middle - 0.022), (-0.100, middle - 0.014)], width + 0.016, "self")
    for i in range(4):
        x = 0.10 + 0.026 * i
        scene.darken(disc(x, y + squash * rx * math.sqrt(1 - (x / rx) ** 2) + 0.5 * width, 0.006), 0.85, 0.001)
    _buckle(scene, (0.0, middle), width, shape)


def _buckle(scene: Scene, at: Point, width: float, shape: str) -> None:
    (x, y), frame = at, 0.5 * width + 0.020
    if shape == "round":
        ring(scene, x, y, frame + 0.012, frame + 0.012, 0.028)
        bar = box(x - frame, y - 0.008, x + frame * 0.9, y + 0.008, 0.006)
        scene.overlay(bar, "fitting", puff=0.006, soft=0.006, clip=False)
    elif shape == "plate":
        plate(scene, x, y, 1.35 * frame, frame)
        ring(scene, x, y, 1.10 * frame, 0.76 * frame, 0.008, power=6.0)
    else:
        buckle(scene, x, y, frame * (1.0 if shape == "square" else 1.5), frame, 0.024)


@pattern_sheet("scarf")
def scarf(scene: Scene) -> None:
    """Laid round a neck that is not there, folded flat to a strip, or rolled; with a fringe or a hem."""
    d = scene.design
    if scene.pose.folded:
        _scarf_stack(scene)
        return
    kind = d.one_of("laid", ("loop", "folded", "once"))
    {"loop": _scarf_loop, "folded": _scarf_folded, "once": _scarf_once}[kind](scene)


def _fringe(scene: Scene, a: Point, b: Point, length: float, name: str) -> None:
    """Tassels from a to b, straight down, each swaying a little."""
    number = max(4, round(math.dist(a, b) / 0.013))
    for i in range(number + 1):
        x, y = between(a, b, i / number)
        end = (
            x + scene.shot.between(f"fringe {name} {i}", -0.008, 0.008),
            y + length * scene.shot.between(f"long {name} {i}", 0.85, 1.1),
        )
        scene.panel(
            ribbon([(x, y - 0.006), (0.5 * (x + end[0]) + 0.002, 0.5 * (y + end[1])), end], 0.0085, 0.005),
            "self",
            puff=0.005,
            soft=0.003,
            shadow=0.0,
        )


def _scarf_stack(scene: Scene) -> None:
    """Folded to a square, as it lies in a shop: the end below all layers, a label in one corner."""
    d = scene.design
    half, low = d.between("stack width", 0.150, 0.180), d.between("stack length", 0.250, 0.290)
    fringe = d.between("fringe", 0.0, 0.07)
    bottom = low + 3 * thickness(scene) + (0.030 if fringe > 0.02 else 0.012)
    scene.stage(min(0.66 / (2 * half), 0.76 / bottom), (0.0, 0.5 * bottom), give=GIVE)
    left, right = -half + 0.010, 0.55 * half
    end = low + 3 * thickness(scene) + 0.010
    if fringe > 0.02:
        _fringe(scene, (left + 0.006, end), (right - 0.006, end - 0.002), 0.5 * fringe, "end")
    scene.panel(box(left, 0.1, right, end, 0.006), puff=0.008, soft=0.012, lift=0.002, shadow=0.3)
    stack(scene, (-half, half), 0.0, low, 3)
    shape = box(-half, 0.0, half, low, 0.018)
    folds = folded_folds(scene, half, low)
    scene.panel(shape, puff=0.020, soft=0.020, volume=0.010, lift=lift_of(scene, 3), folds=folds, shadow=0.5, edge=0.0)
    x, y = 0.62 * half, low - 0.050
    scene.overlay(box(x, y, x + 0.036, y + 0.022, 0.002), "label", puff=0.001, soft=0.003, shadow=0.25)


def _scarf_folded(scene: Scene) -> None:
    """Folded lengthwise and once across: a thick strip, its layers showing at the fold, fringes below."""
    d, size = scene.design, scene.appearance.size
    wide = {"child": 0.17, "small": 0.19, "medium": 0.23, "large": 0.28}[size] * d.between("width", 0.85, 1.1)
    tall = {"child": 0.26, "small": 0.30, "medium": 0.36, "large": 0.385}[size]
    scene.stage(1.0, (0.0, 0.5))
    top, low, fringe = 0.49 - tall, 0.47 + tall, d.between("fringe", 0.0, 0.07)
    lean = scene.shot.between("lean", -0.012, 0.012)
    if fringe > 0.02:
        _fringe(scene, (-wide + 0.016, low - 0.02), (wide - 0.010, low - 0.026), fringe, "back")
    scene.panel(
        box(-wide + 0.012, top + 0.010, wide + 0.010, low - 0.016, 0.014),
        puff=0.014,
        soft=0.014,
        shade=0.86,
        shadow=0.3,
    )
    if fringe > 0.02:
        _fringe(scene, (-wide + 0.01, low), (wide - 0.016, low), fringe, "front")
    rng = scene.shot.generator("laid")
    soft = [
        Crease(
            (rng.uniform(-wide, 0), rng.uniform(top, low)),
            (rng.uniform(0, wide), rng.uniform(top, low)),
            rng.uniform(-0.006, 0.006),
            0.030,
            rng.normal(0, 0.15),
        )
        for _ in range(4)
    ]
    shape = outline(
        [(-wide, top + 0.014), (-0.5 * wide, top), (0.5 * wide, top + 0.002), (wide, top + 0.012)],
        [(wide + lean, 0.5), (wide - 0.004, low - 0.004)],
        [(0.0, low + 0.004), (-wide + 0.004, low)],
        [(-wide + lean, 0.5), (-wide, top + 0.014)],
    )
    scene.panel(shape, puff=0.026, soft=0.028, volume=0.008, folds=soft, lift=0.010, shadow=0.5, reach=0.014)
    scene.seam([(wide - 0.006 + lean, top + 0.02), (wide - 0.004 + lean, low - 0.01)], width=0.004, dark=0.3)
    scene.overlay(
        box(-0.85 * wide, low - 0.075, -0.85 * wide + 0.055, low - 0.045, 0.003),
        "label",
        puff=0.001,
        soft=0.003,
        shadow=0.25,
    )


def _scarf_once(scene: Scene) -> None:
    """Hung on a hook: gathered above, two ends side by side."""
    d, size = scene.design, scene.appearance.size
    low = {"child": 0.62, "small": 0.70, "medium": 0.82, "large": 0.90}[size]
    wide = {"child": 0.13, "small": 0.13, "medium": 0.155, "large": 0.17}[size] * d.between("width", 0.9, 1.2)
    scene.stage({"child": 0.84}.get(size, 1.0), (0.0, 0.5 * (0.06 + low)))
    fringe = d.between("fringe", 0.02, 0.06)
    for side, drop in ((1, d.between("uneven", 0.05, 0.22)), (-1, 0.0)):
        end, swing = low - drop, scene.shot.between(f"swing {side}", -0.02, 0.03)
        mid = side * (0.09 + swing) * (1.0 if side > 0 else 0.9)
        _fringe(scene, (mid - 0.9 * wide, end), (mid + 0.9 * wide, end), fringe, str(side))
        rng = scene.shot.generator(f"drape {side}")
        drape = [
            Crease(
                (side * 0.01 + o * 0.05, 0.06), (mid + o * wide * 1.5 + rng.normal(0, 0.01), end + 0.05), depth, 0.017
            )
            for o, depth in ((-0.45, 0.011), (-0.15, -0.010), (0.18, 0.012), (0.48, -0.009))
        ]
        shape = outline(
            [(side * 0.010 - 0.030, 0.074), (side * 0.010, 0.058), (side * 0.010 + 0.030, 0.074)],
            [(mid * 0.6 + 0.62 * wide, 0.20), (mid + 0.96 * wide, 0.42), (mid + wide, end)],
            [(mid, end + 0.006), (mid - wide, end - 0.002)],
            [(mid - 0.96 * wide, 0.42), (mid * 0.6 - 0.62 * wide, 0.20), (side * 0.010 - 0.030, 0.074)],
        )
        scene.panel(shape, puff=0.018, soft=0.020, folds=drape, grain=-0.06 * side, shadow=0.5, reach=0.018)


def _scarf_loop(scene: Scene) -> None:
    """A loop, a crossing and two hanging ends."""
    d, size = scene.design, scene.appearance.size
    length = {"child": 0.34, "small": 0.36, "medium": 0.48, "large": 0.58}[size]
    wide = {"child": 0.110, "small": 0.115, "medium": 0.145, "large": 0.160}[size] * d.between("width", 0.88, 1.2)
    scene.stage({"child": 0.78}.get(size, 1.0), (0.0, 0.20 + 0.5 * length))
    behind = [(-0.13, 0.26), (-0.10, 0.12), (0.0, 0.075), (0.10, 0.12), (0.13, 0.26)]
    wrap = [
        Crease((-0.12, 0.18), (0.12, 0.18), 0.008, 0.016, 0.35),
        Crease((-0.10, 0.20), (0.10, 0.20), -0.007, 0.014, 0.40),
    ]
    scene.panel(ribbon(behind, 0.10), puff=0.018, soft=0.022, folds=wrap, shade=0.72, shadow=0.0)
    fringe = d.between("fringe", 0.030, 0.070)
    for side, drop in ((1, 1.0), (-1, d.between("uneven", 0.72, 0.97))):
        swing = scene.shot.between(f"swing {side}", 0.01, 0.05)
        low = 0.30 + length * drop
        tail: Curve = [
            (-side * 0.06, 0.24),
            (side * 0.03, 0.36),
            (side * (0.07 + swing), 0.5 * (0.36 + low)),
            (side * (0.07 + 1.4 * swing), low),
        ]
        _fringe(scene, (tail[-1][0] - 0.45 * wide, low), (tail[-1][0] + 0.45 * wide, low), fringe, str(side))
        drape = [
            Crease((tail[1][0] + o * wide, tail[1][1]), (tail[-1][0] + 1.1 * o * wide, low + 0.06), depth, 0.014)
            for o, depth in ((-0.36, -0.007), (-0.20, 0.010), (0.02, -0.010), (0.27, 0.010))
        ]
        scene.panel(
            ribbon(tail, 0.86 * wide, wide),
            puff=0.016,
            soft=0.022,
            folds=drape,
            grain=side * 0.08,
            shadow=0.5,
            reach=0.018,
        )
    for side in (-1, 1):
        band: Curve = [(side * 0.145, 0.16), (side * 0.150, 0.25), (side * 0.085, 0.335), (-side * 0.03, 0.375)]
        fold = [
            Crease((side * 0.13, 0.20), (-side * 0.02, 0.36), 0.010, 0.013, -0.2 * side),
            Crease((side * 0.16, 0.22), (side * 0.0, 0.39), -0.009, 0.011, -0.2 * side),
            Crease((side * 0.175, 0.20), (side * 0.04, 0.40), 0.008, 0.010, -0.25 * side),
        ]
        scene.panel(
            ribbon(band, 0.085, 0.130), puff=0.024, soft=0.024, folds=fold, grain=side * 0.8, shadow=0.55, reach=0.018
        )


@pattern_sheet("perfume-bottle")
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
