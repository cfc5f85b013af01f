"""Draw shorts and swim shorts: legs laid at an angle, ends perpendicular to them, elastic waists or a fly."""

import math
from collections.abc import Sequence

import numpy as np

from generator.render.clothes.bottoms import (
    draw_cargo_pockets,
    draw_drawstring,
    draw_fly,
    draw_jeans_pockets,
    draw_rib_band,
    draw_slant_pockets,
    draw_waistband,
)
from generator.render.clothes.folded import fold_half, fold_legs
from generator.render.clothes.folds import pull_folds
from generator.render.clothes.fronts import placket_side
from generator.render.clothes.garment import LENGTHS, child_zoom, draw_stitches
from generator.render.clothes.prints import NUMBERS, WORDS, draw_text
from generator.render.clothes.trouser_legs import Leg, LegMeasures, draw_back_waist, leg_folds, waist_gathers
from generator.render.clothes.turned import turn_garment
from generator.render.engine.curves import Curve, Point, mirrored_outline, on_side, outline, ribbon
from generator.render.engine.fittings import draw_buckle, draw_button, draw_ring
from generator.render.engine.height_field import Crease, Fold
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene

SHORTS_LENGTHS = {"child": 0.84, "small": 0.74, "medium": 1.0, "large": 1.27}
"""Length of shorts relative to their medium size: from above the thigh to below the knee."""
SHORTS_STYLES = ("tailored", "tailored", "five-pocket", "five-pocket", "cargo", "running", "sweat", "board")
SPORTY = ("running", "sweat", "board")
"""Styles with an elastic waist instead of a fly."""
LEG_WIDTHS = {"slim": (0.071, 0.078), "straight": (0.083, 0.092), "loose": (0.097, 0.111)}
"""Half width of a leg at its end, by fit."""
HEMS = {
    "five-pocket": ("turned up", "turned up", "frayed", "stitched"),
    "tailored": ("turned up", "stitched", "stitched"),
    "cargo": ("turned up", "stitched", "stitched"),
    "running": ("bound", "stitched", "stitched"),
    "sweat": ("stitched", "stitched", "bound"),
    "board": ("stitched", "stitched", "band"),
}
FRINGE_POINTS = 71
"""Number of points along a frayed end."""
EASE = {"slim": -0.006, "straight": 0.0, "loose": 0.012}
"""Half width of the hips beyond that of straight shorts, by fit."""


@register_silhouette("shorts")
def draw_shorts(scene: Scene) -> None:
    """Draw shorts: tailored, like jeans, with cargo pockets, or with an elastic waist (running, sweat, board)."""
    d, fit = scene.design, scene.choose_cut("fit")
    style = d.choice("style", SHORTS_STYLES)
    sporty = style in SPORTY
    length = d.uniform("length", 0.340, 0.396) * SHORTS_LENGTHS[scene.appearance.size]
    boxy = 1.15 if scene.appearance.size == "child" else 1.0
    hip = (0.163 + d.uniform("hips", -0.006, 0.010) + EASE[fit]) * boxy
    waist = hip * (d.uniform("elastic", 0.60, 0.74) if sporty else d.uniform("waist", 0.76, 0.95))
    half_leg = d.uniform("leg width", *LEG_WIDTHS[fit]) * boxy
    legs = LegMeasures(
        waist=waist,
        hip=hip,
        crotch=min(d.uniform("rise", 0.186, 0.224), length - 0.045),
        length=length,
        half_leg=half_leg,
        foot=half_leg,
        front=d.uniform("front", 0.014, 0.030),
    )
    slant = d.uniform("slant", 0.02, 0.16) + max(0.0, 0.30 - length)  # the shorter, the more the ends slant
    drawn = lay_legs(scene, legs, slant, gathered=sporty, pressed=style == "tailored" and d.chance("pressed", 0.3))
    if style == "five-pocket":
        draw_jeans_pockets(scene, legs)
    else:
        draw_slant_pockets(scene, legs)
    if style == "running":
        _draw_side_panels(scene, drawn, d.choice("panel kind", ("strip", "strip", "wedge")))
    if style == "cargo":
        draw_cargo_pockets(scene, legs, drawn)
    draw_hems(scene, drawn, d.choice("hem", HEMS[style]))
    if style in ("sweat", "board") and d.chance("lettering", 0.35):
        _draw_lettering(scene, drawn)
    if sporty:
        if style == "running" or d.chance("gathered band", 0.6):
            draw_gathered_band(scene, legs)
        else:
            draw_rib_band(scene, legs, 0.044)
        if d.chance("cord", 0.75):
            draw_drawstring(scene, legs.front + 0.020, d.uniform("cord length", 0.07, 0.14))
        return
    side = draw_waistband(scene, legs, 0.034)
    draw_fly(scene, legs, side, 2 if style == "five-pocket" else 1)
    if d.chance("belt", 0.12):
        _draw_belt(scene, legs, side)
    else:
        button = "rivet" if style == "five-pocket" else d.choice("button", ("shell", "fitting", "rivet"))
        draw_button(scene, side * 0.004, 0.018 + legs.front, 0.0090, button)


@register_silhouette("swim-shorts")
def draw_swim_shorts(scene: Scene) -> None:
    """Draw light short swim shorts with an elastic waist, a cord, side stripes or contrast hems, and slits."""
    d = scene.design
    length = d.uniform("length", 0.320, 0.372) * LENGTHS[scene.appearance.size]
    boxy = 1.15 if scene.appearance.size == "child" else 1.0
    waist, hip = d.uniform("waist", 0.100, 0.120) * boxy, d.uniform("hips", 0.158, 0.172) * boxy
    half_leg = d.uniform("leg width", 0.084, 0.104) * boxy
    legs = LegMeasures(
        waist=waist,
        hip=hip,
        crotch=min(d.uniform("rise", 0.182, 0.216), length - 0.050),
        length=length,
        half_leg=half_leg,
        foot=half_leg,
        front=d.uniform("front", 0.012, 0.026),
    )
    drawn = lay_legs(scene, legs, d.uniform("slant", 0.02, 0.15), gathered=True)
    trim = d.choice("trim", ("none", "none", "none", "stripe", "stripe", "hem"))
    if trim == "stripe":
        _draw_side_panels(scene, drawn, "strip")
    draw_hems(scene, drawn, "band" if trim == "hem" else "stitched")
    for leg in drawn:
        mouth: Curve = [(legs.hip - 0.034, 0.062), (legs.hip - 0.010, 0.125)]
        scene.add_seam(on_side(mouth, leg.side), dark=0.5)
    draw_gathered_band(scene, legs)
    top = legs.front + 0.018
    if d.chance("eyelets", 0.4):
        for side in (-1, 1):
            draw_ring(scene, side * 0.013, top, 0.0050, 0.0050, 0.0040, "rivet")
    draw_drawstring(scene, top, d.uniform("cord", 0.07, 0.13))


def lay_legs(
    scene: Scene, legs: LegMeasures, slant: float, *, gathered: bool = False, pressed: bool = False
) -> list[Leg]:
    """Set the camera, and draw the inner back and both legs; return them, none where they are folded.

    `slant` is the angle by which the ends of the legs rise outwards, beyond that at which the legs lie (radians).
    """
    if scene.pose.folded:
        side = placket_side(scene)
        fold_legs(scene, side, legs.hip, legs.length)
        fold_half(scene, side, (legs.waist, legs.hip), legs.crotch, legs.front)
        return []
    laid = {side: _lay_leg(scene, side, legs, slant) for side in (-1, 1)}
    wide = max(legs.hip, *(leg.outer[-1][0] for leg in laid.values())) + 0.012
    low = max(leg.inner[-1][1] for leg in laid.values()) + 0.012
    scene.set_camera(min(1.75 * child_zoom(scene), 0.455 / wide, 0.90 / low), (0.0, 0.5 * low))
    outer, inner = laid[1].outer, laid[1].inner
    ends = [(0.5 * legs.hip, 0.5 * legs.hip, legs.crotch)]
    if inner[-1][1] > legs.crotch + 0.02:
        ends.append((0.5 * (outer[-1][0] + inner[-1][0]), 0.5 * (outer[-1][0] - inner[-1][0]), inner[-1][1]))
    turn_garment(scene, [*outer], legs=ends)
    draw_back_waist(scene, legs)
    depth = scene.shot.uniform("back hem", -0.006, 0.010) * (0.4 + scene.pose.slack)
    for side in scene.far_to_near:
        leg = laid[side]
        if depth > 0.002:  # the back of a leg is seen below its front
            shape = outline(leg.end(0.04, -0.004), leg.end(-depth, -0.008)[::-1])
            scene.add_panel(shape, puff=0.0, lift=0.002, shade=0.55, shadow=0.0)
        _draw_leg(scene, legs, leg, gathered=gathered, pressed=pressed)
    drift = scene.pose.slack * scene.shot.uniform("rise drift", -0.008, 0.008)
    scene.add_seam([(0.0, 0.04), (drift, 0.7 * legs.crotch), (0.0, legs.crotch)], dark=0.5)
    hollow = mirrored_outline([(0.0, legs.crotch - 0.05), (0.030, legs.crotch)], [(0.0, legs.crotch + 0.01)])
    scene.darken(hollow, 0.35, 0.012)
    return [laid[side] for side in scene.far_to_near]


def _lay_leg(scene: Scene, side: int, legs: LegMeasures, slant: float) -> Leg:
    """Sample where this shot lays a leg: at an angle from straight down, with its end about perpendicular to it."""
    pose, shot = scene.pose, scene.shot
    angle = 4.0 * max(pose.stride, 0.0) + shot.uniform(f"leg angle {side}", 0.01, 0.05 + 0.12 * pose.slack)
    low = legs.length + pose.slack * shot.uniform(f"leg drop {side}", -0.008, 0.008)
    gap = 0.003 + (low - legs.crotch) * math.tan(angle)
    rise = 2.0 * legs.half_leg * math.sin(0.8 * angle + slant)
    end = (gap + 2.0 * legs.half_leg * math.cos(0.8 * angle + slant), low - rise)
    spread, hip_at = end[0] - legs.hip, min(0.135 - 0.035 * min(pose.slack, 1.0), 0.46 * end[1])
    full = pose.slack * shot.uniform(f"leg full {side}", -0.010, 0.010)
    outer = [
        (legs.waist, 0.0),
        (legs.waist + 0.48 * (legs.hip - legs.waist), 0.38 * hip_at),
        (legs.hip - 0.003 + 0.16 * spread, hip_at),
        (legs.hip + 0.58 * spread + full, hip_at + 0.5 * (end[1] - hip_at)),
        end,
    ]
    inner = [(0.0, legs.crotch), (0.40 * gap + 0.4 * full, 0.52 * legs.crotch + 0.48 * low), (gap, low)]
    return Leg(side, 0.5 * (gap + end[0]), outer, inner)


def _draw_leg(scene: Scene, legs: LegMeasures, leg: Leg, *, gathered: bool, pressed: bool) -> None:
    side, outer, inner = leg.side, leg.outer, leg.inner
    rng = scene.shot.generator(f"crotch folds {side}")
    folds = leg_folds(scene, side, leg.step, legs)
    for i in range(int(rng.integers(2, 5))):  # pulls that fan out from the crotch
        angle, long = rng.uniform(-0.9, 0.9), rng.uniform(0.06, 0.15)
        a = (side * 0.006, legs.crotch - 0.006 * i)
        b = (side * long * math.cos(angle), a[1] - long * math.sin(angle))
        folds += pull_folds(rng, a, b, rng.uniform(0.004, 0.008), rng.uniform(0.006, 0.011), fork=0.2)
    if gathered:
        folds += waist_gathers(scene, side, legs)
    strong = 1.0 + 0.4 * scene.pose.slack
    folds = [fold._replace(depth=strong * fold.depth) for fold in folds if isinstance(fold, Crease)]
    if pressed:
        folds.append(Crease((side * 0.52 * legs.hip, 0.07), (side * leg.step, legs.length + 0.05), 0.009, 0.006))
    sag = 0.006 + 0.5 * (inner[-1][1] + outer[-1][1])
    shape = outline(
        [(0.0, legs.front + 0.002), (0.6 * legs.waist, 0.58 * legs.front), (legs.waist, 0.0)],
        outer,
        [outer[-1], (leg.step, sag), inner[-1]],
        list(inner)[::-1],
        (0.0, legs.front + 0.002),
    )
    scene.add_panel(shape * (side, 1), puff=0.018, soft=0.026, volume=0.012, folds=folds, grain=side * 0.05, shadow=0.5)
    scene.add_seam(on_side([(x - 0.008, y) for x, y in outer[1:]], side), dark=0.20, width=0.0035)


def draw_hems(scene: Scene, drawn: Sequence[Leg], kind: str) -> None:
    """Draw the ends of the legs: stitched, turned up, bound or with a band of another colour, or frayed."""
    depth = scene.design.uniform("hem depth", 0.022, 0.044)
    for leg in drawn:
        if kind == "turned up":
            shape = outline(leg.end(depth, 0.003), leg.end(-0.003, 0.004)[::-1])
            cloth = "self" if scene.appearance.pattern == "plain" else "main"
            scene.add_overlay(shape, cloth, puff=0.008, soft=0.010, shadow=0.6, clip=False)
            draw_stitches(scene, leg.end(depth - 0.008, -0.002))
        elif kind == "frayed":
            _draw_fringe(scene, leg)
        elif kind in ("band", "bound"):
            deep = 0.010 if kind == "bound" else 0.6 * depth
            shape = outline(leg.end(deep, 0.002), leg.end(-0.003, 0.002)[::-1])
            scene.add_overlay(shape, "cord", puff=0.002, soft=0.005, shadow=0.15)
        else:
            draw_stitches(scene, leg.end(0.016, -0.002))


def _draw_fringe(scene: Scene, leg: Leg) -> None:
    """Draw the loose threads of a cut edge."""
    rng = scene.shot.generator(f"fringe {leg.side}")
    end = np.array(leg.end(0.0))
    across = np.linspace(0.0, 1.0, FRINGE_POINTS)
    line = np.stack([np.interp(across, (0.0, 0.5, 1.0), end[:, axis]) for axis in (0, 1)], axis=1)
    line[:, 1] += np.where(np.arange(FRINGE_POINTS) % 2, rng.uniform(0.001, 0.013, FRINGE_POINTS), -0.002)
    line[:, 0] += rng.normal(0.0, 0.002, FRINGE_POINTS)
    shape = np.concatenate([leg.end(0.003), line[::-1]])
    scene.add_panel(shape, "lace", puff=0.0, lift=0.001, shadow=0.0, shade=0.85)


def _draw_side_panels(scene: Scene, drawn: Sequence[Leg], kind: str) -> None:
    """Draw a strip of another colour along each outer seam, or a wedge that widens towards the end."""
    wide = scene.design.uniform("panel", 0.012, 0.026)
    for leg in drawn:
        inward = [(x - (wide if kind == "strip" else 0.006 + 2.4 * wide * y), y) for x, y in leg.outer[1:]]
        edge = [(x + 0.004, y) for x, y in leg.outer[1:]]
        shape = outline(on_side(edge, leg.side), on_side(inward, leg.side)[::-1])
        scene.add_overlay(shape, "cord", puff=0.001, soft=0.006, shadow=0.1, edge=0.0, part="body")


def _draw_lettering(scene: Scene, drawn: Sequence[Leg]) -> None:
    """Draw a word or a number near the end of one leg."""
    d = scene.design
    side = d.choice("lettering side", (-1, 1))
    text = d.choice("lettering word", (*WORDS, *NUMBERS))
    for leg in drawn:
        if leg.side == side:
            low = 0.5 * (leg.inner[-1][1] + leg.outer[-1][1])
            wide = d.uniform("lettering width", 0.05, 0.10) * (0.6 if text in NUMBERS else 1.0)
            draw_text(scene, text, (leg.foot, low - 0.085), wide, 0.24, "print")


def _draw_belt(scene: Scene, legs: LegMeasures, side: int) -> None:
    """Draw a belt that was left in the loops."""
    w, y = legs.waist, 0.016
    line: list[Point] = [
        (-w, y),
        (-0.6 * w, y + 0.56 * legs.front),
        (0.0, y + legs.front),
        (0.6 * w, y + 0.56 * legs.front),
    ]
    scene.add_overlay(ribbon([*line, (w, y)], 0.024), "trim", puff=0.003, soft=0.006, shadow=0.5)
    draw_buckle(scene, side * 0.012, y + legs.front, 0.017, 0.017, 0.006)


def draw_gathered_band(scene: Scene, legs: LegMeasures) -> None:
    """Draw an elastic waistband with many short folds that fade out below."""
    rng = scene.shot.generator("gathers")
    w, front, folds = legs.waist, legs.front, list[Fold]()
    for i in range(18):
        x = (-1 + 2 * (i + rng.uniform(0.2, 0.8)) / 18) * w
        folds.append(Crease((x, -0.012), (1.04 * x, 0.070), float(rng.uniform(0.003, 0.006)), 0.0050))
    band = mirrored_outline(
        [(0.0, front - 0.004), (0.6 * w, 0.4 * front), (w, -0.004)],
        (w + 0.004, 0.036),
        [(0.6 * w, 0.030 + 0.6 * front), (0.0, 0.036 + front)],
    )
    scene.add_panel(band, puff=0.009, soft=0.014, lift=0.004, folds=folds, shadow=0.40, reach=0.010)
    for y in (0.012, 0.026):
        scene.add_seam([(-w, y), (0.0, y + 0.9 * front), (w, y)], dark=0.20, width=0.003)
