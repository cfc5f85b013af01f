"""Draw fronts: overlapping edges, rows of buttons, zips, toggles and belts, and the pockets beside them.

Sizes are in garment units.
"""

import math

from generator.render.clothes.garment import GarmentMeasures, draw_near_sleeve, draw_stitches, straight_outline
from generator.render.engine.curves import Curve, Point, box, mirrored_outline, outline, ribbon
from generator.render.engine.fittings import (
    draw_buckle,
    draw_button,
    draw_flap,
    draw_ring,
    draw_strap,
    draw_welt,
    draw_zipper,
)
from generator.render.engine.scene import Scene


def placket_side(scene: Scene) -> int:
    """Return which front is on top: +1 where its edge is to the right of the axis."""
    return 1 if scene.design.chance("lap", 0.5) else -1


def draw_front_edge(scene: Scene, x: float, top: float, low: float, *, stitch_inset: float = 0.014) -> None:
    """Draw the edge of the top front, its shadow, and a row of stitches `stitch_inset` units from the edge."""
    side = 1 if x >= 0 else -1
    scene.darken(outline([(x, top), (x + side * 0.010, top)], (x + side * 0.012, low), (x, low)), 0.30, 0.005)
    scene.add_seam([(x, top), (x + 0.002, 0.5 * (top + low)), (x, low)], dark=0.50, width=0.0040)
    if stitch_inset:
        scene.add_seam(
            [(x - side * stitch_inset, top), (x - side * stitch_inset, low)], dark=0.20, width=0.003, depth=0.0014
        )


def draw_placket(scene: Scene, half: float, top: float, low: float, cloth: str = "main") -> None:
    """Draw the band that carries the buttons, stitched along both sides."""
    scene.add_overlay(box(-half, top, half, low), cloth, puff=0.003, soft=0.008, shadow=0.4)
    for x in (-half + 0.004, half - 0.004):
        draw_stitches(scene, [(x, top + 0.01), (x, low - 0.004)])


def draw_button_row(
    scene: Scene, x: float, top: float, low: float, count: int, radius: float, cloth: str = "fitting", hole: float = 0.0
) -> None:
    """Draw `count` buttons from `top` to `low`, each in a buttonhole of length `hole`."""
    for i in range(count):
        y = top + (low - top) * i / max(count - 1, 1)
        if hole:
            scene.add_seam([(x - hole, y), (x + 1.2 * radius, y)], dark=0.45, width=0.0035)
        draw_button(scene, x, y, radius, cloth)


def draw_open_front(
    scene: Scene, measures: GarmentMeasures, low: float, cloth: str = "lining", *, widest: float = 0.16
) -> tuple[Curve, Curve]:
    """Draw fronts that have fallen open from the neck to `low`, with the inner back between them.

    Return the left and the right edge, from the neck down. The shot decides how far they are apart.
    """
    n, shot = measures.neck, scene.shot
    gap = shot.uniform("front gap", 0.25, 1.0) * widest
    drift, bow = shot.uniform("front drift", 0.25, 0.75), shot.uniform("front bow", 0.2, 0.9)
    edges: list[Curve] = []
    for side, share in ((-1, drift), (1, 1 - drift)):
        wide = gap * share
        turn = shot.uniform(f"front turn {side}", -0.012, 0.020)
        middle = 0.5 * n + bow * (wide - 0.5 * n)
        edges.append(
            [
                (side * 0.94 * n, 0.012),
                (side * 0.62 * n, 0.085),
                (side * (middle + turn), 0.45 * low),
                (side * (wide + turn), 0.78 * low),
                (side * wide, low + 0.004),
            ]
        )
    left, right = edges
    inner = outline([(-0.94 * n, -0.004), (0.0, 0.004), (0.94 * n, -0.004)], list(right), list(left)[::-1])
    scene.add_panel(inner, cloth, puff=0.0, lift=0.012, shade=0.74, shadow=0.0, clip=False, part="lining")
    for side, edge in ((-1, left), (1, right)):
        shadow = outline(list(edge), *[[(x - side * 0.030, y) for x, y in edge[::-1]]])
        scene.darken(shadow, 0.34, 0.012)
    return left, right


def draw_parted_hem(
    scene: Scene, measures: GarmentMeasures, x: float, top: float, spread: float, drift: float = 0.4
) -> None:
    """Draw fronts that fall open below `top`, at x, and show the inner side.

    `drift` divides the way between both edges.
    """
    low = measures.length + measures.dip + 0.006
    left, right = x - drift * spread, x + (1 - drift) * spread
    scene.add_inside(
        outline(
            [(x, top), (x + 0.6 * (right - x), 0.5 * (top + low)), (right, low)],
            [(left, low), (x + 0.4 * (left - x), 0.5 * (top + low)), (x, top)],
        ),
        lift=0.028,
        clip=True,
    )


def draw_toggle(scene: Scene, x: float, y: float, reach: float) -> None:
    """Draw a wooden or metal peg held by cords, with a leather patch at both ends."""
    for side in (-1, 1):
        outer, inner = x + side * reach, x + side * (reach - 0.026)
        scene.add_overlay(
            straight_outline((outer, y - 0.015), (inner, y), (outer, y + 0.015)),
            "trim",
            puff=0.003,
            soft=0.006,
            shadow=0.5,
        )
        for up in (-0.0045, 0.0045):
            scene.add_overlay(
                ribbon([(x + side * (reach - 0.012), y + 0.5 * up), (x + side * 0.012, y + up)], 0.0055),
                "trim",
                puff=0.003,
                soft=0.003,
                shadow=0.45,
            )
    peg: Curve = [(x - 0.034, y + 0.004), (x, y - 0.001), (x + 0.034, y - 0.004)]
    scene.add_overlay(ribbon(peg, 0.022), "fitting", puff=0.010, soft=0.007, shadow=0.6)


def draw_zip_front(scene: Scene, top: float, low: float, *, width: float = 0.016, x: float = 0.0) -> None:
    """Draw a zip from `low` to `top`, with the puller at the top."""
    for side in (-1, 1):
        scene.add_seam(
            [(x + side * 1.5 * width, top), (x + side * 1.5 * width, low)], dark=0.25, width=0.003, depth=0.0015
        )
    draw_zipper(scene, [(x, top), (x + 0.002, 0.5 * (top + low)), (x, low)], width=width)


def draw_waist_belt(scene: Scene, measures: GarmentMeasures, *, tied: bool, width: float = 0.036) -> None:
    """Draw a belt of the same cloth at the waist, through loops: with a buckle, or a knot with two hanging ends."""
    _draw_around_the_waist(scene, measures, width)
    draw_near_sleeve(scene)
    y, side = measures.waist_at, placket_side(scene)
    sway = scene.shot.uniform("belt end", -0.02, 0.02)
    if not tied:
        reach = scene.design.uniform("belt reach", 0.10, 0.20)
        tail: Curve = [
            (side * 0.016, y),
            (side * 0.040, y + 0.028),
            (side * 0.054, y + 0.6 * reach),
            (side * 0.050 + sway, y + reach),
        ]
        draw_strap(scene, tail, 0.9 * width)
        draw_buckle(scene, 0.0, y + 0.002, 0.72 * width + 0.006, 0.74 * width + 0.006, 0.34 * width)
        return
    for lean, reach in ((-0.030, 0.135), (0.026, 0.190)):
        tail = [
            (side * 0.006, y + 0.004),
            (side * (0.006 + 0.55 * lean), y + 0.45 * reach),
            (side * lean + sway, y + reach),
        ]
        scene.add_overlay(ribbon(tail, 0.86 * width, 0.95 * width), puff=0.005, soft=0.010, shadow=0.55, clip=False)
    knot = outline(
        [(-0.022, y - 0.020), (0.0, y - 0.024), (0.024, y - 0.014)],
        [(0.020, y + 0.018), (0.0, y + 0.026), (-0.020, y + 0.016), (-0.022, y - 0.020)],
    )
    scene.add_overlay(knot * (side, 1), puff=0.014, soft=0.013, shadow=0.6, grain=0.9, clip=False)


def _draw_around_the_waist(scene: Scene, measures: GarmentMeasures, width: float) -> None:
    w, y, half = measures.waist + 0.004, measures.waist_at, 0.5 * width
    band = mirrored_outline(
        [(0.0, y - half + 0.004), (w, y - half - 0.003)], (w, y + half - 0.003), (0.0, y + half + 0.004)
    )
    scene.add_overlay(band, puff=0.007, soft=0.010, shadow=0.6, grain=1.57)
    for x in (-0.72 * w, 0.72 * w):
        draw_strap(scene, [(x, y - half - 0.012), (x, y + half + 0.010)], 0.012)


def draw_pockets(
    scene: Scene, kind: str, x0: float, x1: float, y: float, depth: float = 0.034, cloth: str = "main"
) -> None:
    """Draw a pair of pockets from x0 to x1 off the axis, at y: `flap`, `welt` (slanted), `patch`, `jet` or `none`."""
    for side in (-1, 1):
        a, b = (side * x0, y + 0.004), (side * x1, y)
        if kind == "flap":
            draw_flap(scene, a, b, depth, cloth)
            scene.add_seam([(side * x0, y), (side * x1, y - 0.004)], dark=0.35, width=0.0045)
        elif kind == "welt":
            middle = 0.5 * (x0 + x1)
            draw_welt(scene, (side * (middle - 0.016), y - 0.020), (side * (middle + 0.014), y + 0.065), 0.026, cloth)
        elif kind == "jet":
            draw_welt(scene, a, b, 0.012, cloth)
        elif kind == "patch":
            draw_patch_pocket_of(scene, side, x0, x1, y, 2.6 * depth, cloth)


def draw_patch_pocket_of(
    scene: Scene, side: int, x0: float, x1: float, y: float, depth: float, cloth: str = "main", flapped: bool = False
) -> None:
    """Draw a sewn-on pocket with round lower corners, its opening hemmed or under a flap."""
    shape = outline(
        [(x0, y), (x1, y - 0.002)],
        [
            (x1 + 0.002, y + 0.8 * depth),
            (x1 - 0.014, y + depth),
            (x0 + 0.014, y + depth + 0.002),
            (x0, y + 0.8 * depth),
        ],
        (x0, y),
    )
    scene.add_overlay(shape * (side, 1), cloth, puff=0.006, soft=0.012, shadow=0.5, part="pocket")
    if flapped:
        draw_flap(scene, (side * (x0 - 0.003), y - 0.004), (side * (x1 + 0.003), y - 0.006), 0.40 * depth, cloth)
    else:
        draw_stitches(scene, [(side * x0, y + 0.016), (side * x1, y + 0.014)])


def draw_sleeve_buttons(scene: Scene, edges: tuple[Point, Point], angle: float, count: int, radius: float) -> None:
    """Draw a row of buttons at the outer edge of a sleeve end."""
    (ax, ay), (bx, by) = edges
    x, y = (bx, by) if abs(bx) > abs(ax) else (ax, ay)
    inward = -0.012 if x > 0 else 0.012
    for i in range(count):
        back = (0.020 + 0.019 * i) if count > 1 else 0.030
        draw_button(scene, x + inward - back * math.sin(angle), y - back * math.cos(angle), radius)


def draw_snap(scene: Scene, x: float, y: float, radius: float = 0.009) -> None:
    """Draw a press stud: a plain domed disc with a rim."""
    draw_ring(scene, x, y, radius, radius, 0.5 * radius)
    draw_ring(scene, x, y, 0.45 * radius, 0.45 * radius, 0.8 * radius)
