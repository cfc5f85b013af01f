"""The legs of trousers: measures, camera, shape and folds, flat or folded."""

from dataclasses import dataclass

from generator.render.clothes.folded import fold_half, fold_legs
from generator.render.clothes.folds import pull_folds
from generator.render.clothes.fronts import placket_side
from generator.render.clothes.garment import child_zoom
from generator.render.clothes.turned import turn_garment
from generator.render.engine.curves import Curve, Point, Stretch, mirrored_outline, on_side, outline
from generator.render.engine.height_field import Crease, Fold
from generator.render.engine.scene import Scene

FRONT = 0.021
"""How much lower the waist is in front than at the sides, in units; the inner side of the back shows above it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegMeasures:
    """The measures of a pair of trousers in units: half widths, and heights below the waist."""

    waist: float
    hip: float
    crotch: float
    length: float
    half_leg: float
    """Half width of one leg at its end."""
    foot: float
    """Distance of the middle of a leg end from the axis."""
    knee: float = 0.0
    """How much the leg is narrower or wider at the knee."""
    front: float = FRONT
    """How much lower the waist is in front than at the sides."""


@dataclass(frozen=True, slots=True)
class Leg:
    """A drawn leg: its side (-1 or 1), the middle of its end, and its edges as curves of the right leg."""

    side: int
    step: float
    outer: Curve
    inner: Curve

    @property
    def foot(self) -> float:
        """The x of the middle of the leg end."""
        return self.side * self.step

    def end(self, up: float = 0.0, wider: float = 0.0) -> Curve:
        """Return a line across the leg end from its inner to its outer edge, `up` units above it, on its own side."""
        (ax, ay), (bx, by) = (_point_above(edge, up) for edge in (self.inner, self.outer))
        line = [(ax - wider, ay), (0.5 * (ax + bx), 0.5 * (ay + by) + 0.006), (bx + wider, by)]
        return on_side(line, self.side)


def _point_above(edge: Curve, up: float) -> Point:
    """Return the point of the last part of an edge that is `up` units above its end."""
    (ax, ay), (bx, by) = edge[-2], edge[-1]
    share = up / max(by - ay, 1e-6)
    return bx + share * (ax - bx), by + share * (ay - by)


def sample_legs(
    scene: Scene, length: float, half_legs: dict[str, tuple[float, float]], *, waist: float, hip: float
) -> LegMeasures:
    """Sample the measures for fit and size; `half_legs` has the range of widths of each fit."""
    d, fit = scene.design, scene.choose_cut("fit")
    boxy = 1.15 if scene.appearance.size == "child" else 1.0
    half_leg = d.uniform("leg width", *half_legs[fit]) * boxy
    waist, ease = waist * boxy, {"slim": -0.008, "straight": 0.0, "loose": 0.014}[fit]
    crotch = min(d.uniform("rise", 0.185, 0.225) + 0.6 * ease, length - 0.045)
    foot = max(d.uniform("spread", 0.55, 0.84) * (waist + hip), half_leg + d.uniform("gap", 0.004, 0.030))
    knee = -0.25 * d.uniform("flare", 0.0, half_leg - 0.060) if half_leg > 0.070 else 0.0
    return LegMeasures(
        waist=waist, hip=waist + hip + ease, crotch=crotch, length=length, half_leg=half_leg, foot=foot, knee=knee
    )


def place_trousers(scene: Scene, legs: LegMeasures, zoom: float, *, cuff: float = 0.0) -> None:
    """Set the camera to the trousers, fold or turn them, and draw the inner side of the back waist with its label.

    `cuff` is how far cuffs reach below the legs.
    """
    if scene.pose.folded:
        fold_legs(scene, placket_side(scene), legs.hip, legs.length)
        return
    wide = max(legs.hip, legs.foot + scene.pose.stride + legs.half_leg + 0.014)
    low = legs.length + cuff
    scene.set_camera(min(zoom * child_zoom(scene), 0.455 / wide, 0.90 / low), (0.0, 0.5 * low))
    outer, inner = leg_edges(legs, legs.foot)
    ends = [(outer[-2], inner[-2]), (outer[-1], inner[-1])]
    parts = [(0.5 * legs.hip, 0.5 * legs.hip, legs.crotch)]
    parts += [(0.5 * (a[0] + b[0]), 0.5 * (a[0] - b[0]), a[1]) for a, b in ends if a[1] > legs.crotch + 0.02]
    turn_garment(scene, [*outer], legs=parts)
    draw_back_waist(scene, legs)


def draw_back_waist(scene: Scene, legs: LegMeasures) -> None:
    """Draw the inner side of the back waist; every other design has a label there."""
    w, low = legs.waist, legs.front + 0.03
    back = mirrored_outline([(0.0, 0.003), (0.6 * w, 0.001), (0.985 * w, -0.003)], [(0.95 * w, low), (0.0, low)])
    scene.add_inside(back, "main", lift=0.008)
    scene.darken(mirrored_outline([(0.0, 0.012), (w, 0.006)], [(w, low), (0.0, low)]), 0.45, 0.008)
    if scene.design.chance("label", 0.5):
        wide = scene.design.uniform("label", 0.012, 0.026)
        shape = mirrored_outline([(0.0, 0.007), (wide, 0.006)], (wide, 0.016), (0.0, 0.017))
        scene.add_overlay(shape, "label", puff=0.001, shade=0.7)


def leg_edges(legs: LegMeasures, step: float, bow: float = 0.0) -> tuple[Curve, Curve]:
    """Return the outer and the inner edge of the right leg, from the waist and from the crotch down.

    `bow` moves the middle of the leg outwards.
    """
    mid = 0.5 * (legs.crotch + legs.length) + 0.03
    thigh = legs.hip + 0.30 * (step + legs.half_leg - legs.hip)
    knee = 0.5 * (thigh + step + legs.half_leg) + legs.knee
    outer = [
        (legs.waist, 0.0),
        (legs.hip - 0.008, 0.095),
        (legs.hip, 0.15),
        (thigh, 0.26),
        (knee + bow, mid),
        (step + legs.half_leg, legs.length),
    ]
    gap = step - legs.half_leg
    inner = [
        (0.0, legs.crotch),
        (0.010 + 0.16 * gap, legs.crotch + 0.07),
        (0.55 * gap + 0.004 - 0.8 * legs.knee + bow, mid),
        (gap, legs.length),
    ]
    return outer, inner


def draw_legs(
    scene: Scene, legs: LegMeasures, *, pressed: bool = False, outseam: bool = True, gathered: bool = False
) -> list[Leg]:
    """Draw both legs and return them; nothing where they are folded. `gathered` adds folds below the band."""
    if scene.pose.folded:
        fold_half(scene, placket_side(scene), (legs.waist, legs.hip), legs.crotch, FRONT)
        return []
    drawn: list[Leg] = []
    for side in scene.far_to_near:
        step = legs.foot + scene.pose.stride + scene.shot.uniform(f"step {side}", -0.012, 0.012)
        bow = scene.pose.slack * scene.shot.uniform(f"bow {side}", -0.014, 0.014)
        outer, inner = leg_edges(legs, step, bow)
        shape: list[Stretch] = [
            [(0.0, legs.front + 0.002), (0.6 * legs.waist, 0.58 * legs.front), (legs.waist, 0.0)],
            outer,
            [outer[-1], (step, legs.length + 0.007), inner[-1]],
            list(inner)[::-1],
            (0.0, legs.front + 0.002),
        ]
        folds = leg_folds(scene, side, step, legs)
        if gathered:
            folds += waist_gathers(scene, side, legs)
        if pressed:
            folds.append(Crease((side * 0.52 * legs.hip, 0.07), (side * step, legs.length + 0.05), 0.009, 0.006))
        scene.add_panel(
            outline(*shape) * (side, 1),
            puff=0.018,
            soft=0.026,
            volume=0.012,
            folds=folds,
            grain=side * 0.05,
            shadow=0.0,
        )
        if outseam:
            scene.add_seam(on_side([(x - 0.009, y) for x, y in outer[1:]], side), dark=0.22, width=0.0035)
        scene.darken(
            outline(
                *[on_side([(0.0, legs.crotch), *[(x + 0.020, y) for x, y in inner[1:]]], side)],
                *[(side * x, y) for x, y in list(inner)[::-1]],
            ),
            0.22,
            0.014,
        )
        drawn.append(Leg(side, step, outer, inner))
    scene.add_seam([(0.0, 0.04), (0.002, legs.crotch)], dark=0.5)
    return drawn


def waist_gathers(scene: Scene, side: int, legs: LegMeasures) -> list[Fold]:
    """Return narrow folds that start at an elastic waistband and fade, on one side."""
    rng, folds = scene.shot.generator(f"waist gathers {side}"), []
    for i in range(9):
        x = (i + rng.uniform(0.1, 0.9)) / 9 * legs.waist
        end = (side * (1.2 * x + rng.normal(0, 0.006)), 0.05 + rng.uniform(0.04, 0.13))
        deep, wide = float(rng.uniform(0.003, 0.007)), float(rng.uniform(0.005, 0.008))
        folds.append(Crease((side * x, 0.045), end, deep, wide, rng.normal(0, 0.03), 0.6, 1.0, 1.0 + i))
    return list(folds)


def leg_folds(scene: Scene, side: int, step: float, legs: LegMeasures) -> list[Fold]:
    """Return folds that fan out from the crotch, gathers at the knee, and folds above the foot."""
    rng = scene.shot.generator(f"folds leg {side}")
    folds: list[Fold] = []
    for i in range(int(rng.integers(3, 5))):
        a = (side * 0.004, legs.crotch - 0.018 + 0.017 * i)
        b = (side * rng.uniform(0.55, 0.92) * legs.hip, a[1] - rng.uniform(0.020, 0.055) + 0.042 * i)
        folds += pull_folds(rng, a, b, rng.uniform(0.003, 0.006), rng.uniform(0.006, 0.010), fork=0.2)
    spots = [0.45, 0.52, 0.60] if legs.length > 0.48 else [0.6]
    spots += [0.90, 0.95] if legs.length > 0.48 and rng.random() < 0.6 else []
    for spot in spots:
        y = legs.crotch + (legs.length - legs.crotch) * (spot + rng.normal(0, 0.03))
        x = 0.5 * legs.hip + (step - 0.5 * legs.hip) * (y - legs.crotch) / max(legs.length - legs.crotch, 0.05)
        reach = legs.half_leg * rng.uniform(0.8, 1.1) * (1 if rng.random() < 0.5 else -1)
        a, b = (side * (x - reach), y), (side * (x + 0.5 * reach), y + rng.normal(0, 0.022))
        folds += pull_folds(rng, a, b, rng.uniform(0.0030, 0.0055), rng.uniform(0.007, 0.011))
    x0, x1 = 0.5 * legs.hip + rng.normal(0, 0.012), step + rng.normal(0, 0.008)
    folds.append(Crease((side * x0, 0.16), (side * x1, legs.length), rng.uniform(-0.004, 0.004), 0.020, 0.02, 0.3))
    return folds
