"""Draw trousers and jeans, and the waistbands, flies, pockets and cords of all legwear."""

from collections.abc import Sequence

import numpy as np

from generator.render.clothes.fronts import placket_side
from generator.render.clothes.garment import LENGTHS, draw_stitches, straight_outline
from generator.render.clothes.trouser_legs import FRONT, Leg, LegMeasures, draw_legs, place_trousers, sample_legs
from generator.render.engine.curves import Curve, mirrored_outline, on_side, outline, ribbon
from generator.render.engine.fittings import draw_button, draw_flap, draw_strap
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene


def draw_waistband(scene: Scene, legs: LegMeasures, depth: float, *, loops: bool = True) -> int:
    """Draw a band with a tab over the fly; return the side of the tab (-1 or 1)."""
    w, side = legs.waist, placket_side(scene)
    band = mirrored_outline(
        [(0.0, legs.front), (0.6 * w, 0.54 * legs.front), (w + 0.002, -0.002)],
        (w + 0.005, depth),
        [(0.6 * w, depth + 0.6 * legs.front), (0.0, depth + legs.front)],
    )
    scene.add_panel(band, puff=0.006, soft=0.012, lift=0.004, shadow=0.45, reach=0.010, grain=1.57)
    tab = side * scene.design.uniform("tab", 0.012, 0.034)
    scene.add_seam([(tab, legs.front), (tab, depth + legs.front)], dark=0.55, width=0.004)
    if loops:
        for x in (-0.74 * w, -0.36 * w, 0.36 * w, 0.74 * w):
            draw_strap(scene, [(x, 0.001), (x, depth + 0.016)], 0.013, clip=True)
    return side


def draw_rib_band(scene: Scene, legs: LegMeasures, depth: float) -> None:
    """Draw a knitted waistband."""
    w = legs.waist
    band = mirrored_outline(
        [(0.0, legs.front), (0.6 * w, 0.54 * legs.front), (w + 0.002, -0.002)],
        (w + 0.008, depth),
        [(0.6 * w, depth + 0.6 * legs.front), (0.0, depth + legs.front)],
    )
    scene.add_panel(band, "rib", puff=0.010, soft=0.014, lift=0.004, shadow=0.45, reach=0.010)


def draw_fly(scene: Scene, legs: LegMeasures, side: int, rows: int = 1) -> None:
    """Draw the stitches of a fly."""
    for i in range(rows):
        x = side * (0.034 - 0.007 * i)
        low = legs.crotch - 0.068
        draw_stitches(
            scene, [(x, 0.054), (x * 1.02, low), (0.55 * x, low + 0.036), (side * 0.003, low + 0.046 - 0.006 * i)]
        )


def draw_slant_pockets(scene: Scene, legs: LegMeasures) -> None:
    """Draw pockets that slant from the waistband to the outer seam."""
    for side in (-1, 1):
        mouth = on_side([(0.60 * legs.waist, 0.048), (0.80 * legs.hip, 0.090), (legs.hip - 0.002, 0.142)], side)
        scene.darken(
            outline(*[mouth], (side * legs.hip, 0.15), (side * (0.60 * legs.waist + 0.012), 0.048)), 0.28, 0.006
        )
        scene.add_seam(mouth, dark=0.5)
        scene.add_seam([(x - side * 0.010, y + 0.003) for x, y in mouth], dark=0.16, width=0.003, depth=0.001)


def draw_leg_ends(scene: Scene, legs: Sequence[Leg], turned_up: bool, depth: float = 0.036) -> None:
    """Draw stitched leg ends, or turn-ups of a depth."""
    for leg in legs:
        if turned_up:
            shape = outline(leg.end(depth, 0.004), leg.end(-0.002, 0.005)[::-1])
            scene.add_overlay(shape, puff=0.008, soft=0.012, shadow=0.5, clip=False)
        else:
            draw_stitches(scene, leg.end(0.017, -0.002))


def draw_drawstring(scene: Scene, top: float, reach: float = 0.10) -> None:
    """Draw the two ends of a cord below the waistband, knotted, or tied to a bow with two loops."""
    shot = scene.shot
    if scene.design.chance("bow", 0.4):
        for side in (-1, 1):
            wide, low = shot.uniform(f"bow wide {side}", 0.018, 0.034), shot.uniform(f"bow low {side}", 0.004, 0.034)
            loop: Curve = [
                (0.0, top + 0.002),
                (side * wide, top - 0.004 + 0.3 * low),
                (side * 1.1 * wide, top + low),
                (side * 0.004, top + 0.008),
            ]
            scene.add_overlay(ribbon(loop, 0.0080), "cord", puff=0.004, soft=0.004, clip=False)
    for i, lean in enumerate((-0.020, 0.016)):
        end, long = shot.uniform(f"cord {i}", -0.022, 0.022), reach * shot.uniform(f"cord length {i}", 0.75, 1.15)
        cord: Curve = [
            (0.3 * lean, top),
            (0.9 * lean - 0.4 * end, top + 0.5 * long),
            (lean + end, top + long),
        ]
        scene.add_overlay(ribbon(cord, 0.0090), "cord", puff=0.005, soft=0.004, clip=False)
    knot = ribbon([(-0.012, top + 0.002), (0.011, top + 0.004)], 0.012)
    scene.add_overlay(knot, "cord", puff=0.007, soft=0.005, clip=False)


@register_silhouette("trousers")
def draw_trousers(scene: Scene) -> None:
    """Draw chinos or tailored trousers: slant pockets, fly, pleats, belt loops, crease or turn-ups; or a drawstring."""
    d = scene.design
    length = d.uniform("length", 0.71, 0.79) * (0.3 + 0.7 * LENGTHS[scene.appearance.size])
    widths = {"slim": (0.046, 0.056), "straight": (0.062, 0.074), "loose": (0.086, 0.112)}
    legs = sample_legs(
        scene, length, widths, waist=d.uniform("waist", 0.118, 0.160), hip=d.uniform("hips", 0.026, 0.042)
    )
    place_trousers(scene, legs, 1.0)
    pressed = d.chance("pressed", 0.5)
    sporty = d.chance("drawstring", 0.25) and not pressed
    drawn = draw_legs(scene, legs, pressed=pressed, gathered=sporty)
    draw_slant_pockets(scene, legs)
    if pressed and d.chance("pleats", 0.6):
        for side in (-1, 1):
            for x in (0.46, 0.62)[: d.choice("pleat count", (1, 2))]:
                pleat = on_side([(x * legs.waist, 0.046), ((x + 0.02) * legs.hip, 0.13)], side)
                scene.add_seam(pleat, dark=0.5, width=0.005, depth=0.005)
    if sporty:
        draw_rib_band(scene, legs, 0.040)
        draw_drawstring(scene, 0.042, 0.11)
    else:
        side = draw_waistband(scene, legs, d.uniform("band", 0.032, 0.042))
        draw_fly(scene, legs, side)
        draw_button(scene, side * 0.004, 0.5 * 0.036 + FRONT, 0.0105, "shell")
    draw_leg_ends(scene, drawn, d.chance("turn-up", 0.35) and not sporty)


@register_silhouette("jeans")
def draw_jeans(scene: Scene) -> None:
    """Draw jeans: five pockets, rivets, a metal button, double stitching in contrast thread, worn thighs."""
    d = scene.design
    length = d.uniform("length", 0.71, 0.79) * (0.3 + 0.7 * LENGTHS[scene.appearance.size])
    widths = {"slim": (0.044, 0.054), "straight": (0.060, 0.070), "loose": (0.084, 0.108)}
    legs = sample_legs(
        scene, length, widths, waist=d.uniform("waist", 0.124, 0.164), hip=d.uniform("hips", 0.022, 0.036)
    )
    place_trousers(scene, legs, 1.08)
    drawn = draw_legs(scene, legs)
    _draw_worn(scene, legs, drawn)
    draw_jeans_pockets(scene, legs)
    side = draw_waistband(scene, legs, 0.038)
    w = legs.waist
    for y in (0.005, 0.031):
        scene.add_topstitch(
            [(-w, y), (-0.6 * w, y + 0.56 * FRONT), (0.0, y + FRONT), (0.6 * w, y + 0.56 * FRONT), (w, y)], width=0.0026
        )
    draw_fly(scene, legs, side, 2)
    draw_button(scene, side * 0.004, 0.019 + FRONT, 0.0110, "rivet")
    draw_leg_ends(scene, drawn, d.chance("turn-up", 0.25), 0.045)


def draw_jeans_pockets(scene: Scene, legs: LegMeasures) -> None:
    """Draw round front pockets with double stitching and rivets, and the coin pocket."""
    for side in (-1, 1):
        corner = (legs.hip - 0.004, 0.104)
        mouth: Curve = [(0.44 * legs.waist, 0.047), (0.50 * legs.waist, 0.086), (0.74 * legs.hip, 0.107), corner]
        scene.darken(outline(*[on_side(mouth, side)], (side * (legs.hip - 0.004), 0.050)), 0.30, 0.005)
        scene.add_seam(on_side(mouth, side), dark=0.55)
        for away in (0.006, 0.013):
            scene.add_topstitch(on_side([(x - 0.6 * away, y + away) for x, y in mouth], side), width=0.0028)
        outer = [(legs.hip - 0.010, 0.118), (legs.hip - 0.009, 0.175)]
        scene.add_topstitch(on_side(outer, side), width=0.0028)
        for x, y in ((0.46 * legs.waist, 0.060), (legs.hip - 0.014, 0.097)):
            draw_button(scene, side * x, y, 0.0048, "rivet")
    coin = outline(
        [(0.62 * legs.waist, 0.070), (0.92 * legs.hip, 0.078)], (0.90 * legs.hip, 0.112), (0.64 * legs.waist, 0.104)
    )
    scene.add_overlay(coin, puff=0.004, soft=0.006, shadow=0.4)
    scene.add_topstitch([(0.63 * legs.waist, 0.076), (0.91 * legs.hip, 0.084)], width=0.0026)


def _draw_worn(scene: Scene, legs: LegMeasures, drawn: Sequence[Leg]) -> None:
    """Darken everything but the middle of the legs: thighs and knees have lost dye, seams and edges have not."""
    strength = scene.design.uniform("wash", 0.10, 0.34)
    for leg in drawn:
        side = leg.side
        for line, inward in ((leg.outer, -0.034), (leg.inner, 0.030)):
            edge = [(x + 0.006 * (1 if inward < 0 else -1), y) for x, y in line]
            strip = outline(on_side(edge, side), *on_side([(x + inward, y) for x, y in line[::-1]], side))
            scene.darken(strip, strength, 0.016)
    low = mirrored_outline(
        [(0.0, 0.7 * legs.length), (0.4, 0.7 * legs.length)], (0.4, legs.length + 0.02), (0.0, legs.length + 0.02)
    )
    scene.darken(low, 0.7 * strength, 0.05)


def draw_cargo_pockets(scene: Scene, legs: LegMeasures, drawn: Sequence[Leg]) -> None:
    """Draw a pocket with a flap on the outer side of each thigh."""
    for leg in drawn:
        side, low = leg.side, min(leg.outer[-1][1], 0.55)
        y = min(0.5 * (legs.crotch + low) - 0.035, low - 0.115)
        x1, x2 = (float(x) + 0.008 for x in np.interp((y, y + 0.090), *np.array(leg.outer).T[::-1]))
        pocket = straight_outline((x1 - 0.074, y), (x1, y - 0.004), (x2, y + 0.090), (x2 - 0.074, y + 0.096))
        scene.add_overlay(pocket * (side, 1), puff=0.010, soft=0.014, shadow=0.5, clip=False, part="pocket")
        draw_flap(scene, (side * (x1 - 0.077), y - 0.004), (side * (x1 + 0.003), y - 0.008), 0.034)
        draw_button(scene, side * (x1 - 0.036), y + 0.016, 0.0065, "shell")
