"""Draw small goods that are flat or hang: wallet, card case, tie."""

import math

import numpy as np

from generator.render.engine.curves import Curve, box, mirrored_outline, outline, ribbon
from generator.render.engine.fittings import draw_button, draw_plate, draw_strap
from generator.render.engine.height_field import Crease
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene
from generator.render.things.perspective import SlantedFace

SCALE = {"child": 0.67, "small": 0.82, "medium": 0.97, "large": 1.10}
"""Scale of a small product, by size."""


@register_silhouette("wallet")
def draw_wallet(scene: Scene) -> None:
    """Draw a zipped purse, a folded wallet with a snapped tab, or an open wallet that shows its cards."""
    d = scene.design
    scene.set_camera(0.98 * SCALE[scene.appearance.size], (0.0, 0.5))
    closure = scene.choose_cut("closure")
    if closure == "zip":
        _draw_zipped(scene, d.uniform("width", 0.34, 0.42), d.uniform("height", 0.19, 0.25))
    elif closure == "open":
        _draw_unfolded(scene, d.uniform("width", 0.37, 0.42), d.uniform("height", 0.20, 0.26))
    else:
        _draw_snapped(scene, d.uniform("width", 0.28, 0.40), d.uniform("height", 0.21, 0.29))


def _draw_metal_corners(scene: Scene, wide: float, top: float, low: float) -> None:
    """Draw metal guards on the lower corners."""
    if scene.appearance.hardware != "none":
        for side in (-1, 1):
            draw_plate(scene, side * (wide - 0.026), low - 0.024, 0.027, 0.025)


def _draw_zipped(scene: Scene, wide: float, high: float) -> None:
    """Draw a long purse with a zip on three sides; the edge of the back shows below the teeth."""
    top, low, r = 0.5 - high, 0.5 + high, scene.design.uniform("corner", 0.03, 0.08)
    scene.add_panel(box(-wide, top - 0.012, wide, low, r), puff=0.014, soft=0.016, shade=0.8)
    scene.add_panel(
        box(-wide + 0.002, top - 0.002, wide + 0.014, low + 0.006, r), "tape", puff=0.010, soft=0.010, shadow=0.3
    )
    scene.add_panel(
        box(-wide, top + 0.016, wide - 0.008, low + 0.012, r),
        puff=0.026,
        soft=0.026,
        volume=0.016,
        lift=0.008,
        shadow=0.5,
        reach=0.012,
        quilted=True,
    )
    scene.add_overlay(
        ribbon(
            [
                (-wide + 0.04, top + 0.005),
                (0.0, top + 0.004),
                (wide - r, top + 0.006),
                (wide + 0.002, top + r),
                (wide + 0.003, low - r),
            ],
            0.014,
        ),
        "teeth",
        puff=0.005,
        soft=0.005,
        shadow=0.3,
        clip=False,
    )
    tab: Curve = [(-wide + 0.04, top + 0.004), (-wide + 0.02, top + 0.07), (-wide + 0.03, top + 0.13)]
    draw_strap(scene, tab, 0.022, "trim")
    draw_plate(scene, -wide + 0.040, top + 0.006, 0.020, 0.013)
    x0, x1, y0, y1 = -wide + 0.022, wide - 0.030, top + 0.040, low - 0.010
    scene.add_topstitch([(x0, y0), (x1, y0)], width=0.0035)
    scene.add_topstitch([(x0, y0), (x0, y1 - r), (x0 + r, y1), (x1 - r, y1), (x1, y1 - r), (x1, y0)], width=0.0035)
    draw_plate(scene, 0.62 * wide, low - 0.055, 0.048, 0.018)
    _draw_metal_corners(scene, wide - 0.008, top, low + 0.012)


def _draw_unfolded(scene: Scene, wide: float, high: float) -> None:
    """Draw two open leaves: cards in slanted slots on the left, a note pocket behind, a coin pocket on the right."""
    d = scene.design
    top, low, r = 0.5 - high, 0.5 + high, d.uniform("corner", 0.012, 0.035)
    scene.add_panel(box(-wide, top, wide, low, r), puff=0.012, soft=0.014)
    scene.add_panel(box(-wide + 0.022, top - 0.024, wide - 0.06, low - 0.05, 0.008), "note", puff=0.002, shadow=0.4)
    inner = d.choice("inside", ("self", "trim"))
    for side in (-1, 1):
        leaf = box(
            min(side * 0.008, side * (wide - 0.006)),
            top + 0.026,
            max(side * 0.008, side * (wide - 0.006)),
            low - 0.006,
            r,
        )
        scene.add_panel(
            leaf,
            puff=0.012,
            soft=0.014,
            lift=0.006,
            shadow=0.5,
            folds=[SlantedFace(0.0, -side * 0.10)],
            quilted=side > 0,
        )
    x0, x1 = -wide + 0.035, -0.030
    for i, cloth in enumerate(("card", "shell", "card")):
        y = top + 0.052 + 0.046 * i
        scene.add_overlay(box(x0 + 0.012, y, x1 - 0.012, y + 0.07, 0.008), cloth, puff=0.002, soft=0.005, shadow=0.35)
        scene.add_overlay(
            np.array([(x0, y + 0.020), (x1, y + 0.026), (x1, low - 0.024), (x0, low - 0.024)]),
            inner,
            puff=0.003,
            soft=0.006,
            shadow=0.5,
        )
        scene.add_topstitch([(x0 + 0.004, y + 0.028), (x1 - 0.004, y + 0.034)], width=0.003)
    x0, x1, y = 0.030, wide - 0.035, top + 0.30 * high
    scene.add_overlay(box(x0, y, x1, low - 0.026, 0.014), inner, puff=0.014, soft=0.018, shadow=0.4)
    flap = outline(
        [(x0 - 0.004, y), (x1 + 0.004, y)],
        [(x1 + 0.004, y + 0.30 * high), (0.5 * (x0 + x1), y + 0.72 * high), (x0 - 0.004, y + 0.30 * high)],
    )
    scene.add_overlay(flap, inner, puff=0.008, soft=0.010, shadow=0.6, lift=0.006)
    draw_button(scene, 0.5 * (x0 + x1), y + 0.55 * high, 0.019)
    scene.add_seam([(0.0, top + 0.004), (0.0, low - 0.004)], width=0.010, depth=0.006, dark=0.45)
    for side in (-1, 1):
        edge = side * (wide - 0.018)
        scene.add_topstitch([(edge, top + 0.04), (edge, low - 0.02), (side * 0.02, low - 0.016)], width=0.0035)
    draw_plate(scene, wide - 0.075, top + 0.062, 0.034, 0.015)
    _draw_metal_corners(scene, wide, top, low)


def _draw_snapped(scene: Scene, wide: float, high: float) -> None:
    """Draw a folded wallet: notes and cards show at the top; a tab with a snap or a long tongue closes it."""
    d = scene.design
    top, low, r = 0.5 - high, 0.5 + high, d.uniform("corner", 0.015, 0.050)
    full = d.chance("full", 0.5)
    scene.add_panel(box(-wide, top, wide, low, r), "trim", puff=0.010, soft=0.016, shade=0.8)
    if full:
        scene.add_panel(box(-wide + 0.03, top - 0.034, wide - 0.10, low - 0.05, 0.012), "note", puff=0.002, shadow=0.5)
        scene.add_panel(
            box(-wide + 0.06, top - 0.012, wide - 0.07, low - 0.05, 0.016),
            "card",
            puff=0.002,
            soft=0.008,
            shadow=0.5,
            reach=0.010,
        )
    edge = top + (0.045 if full else 0.012)
    dip = d.uniform("dip", 0.0, 0.04) if full else 0.0
    front = mirrored_outline(
        [(0.0, edge + dip), (wide - 0.10, edge), (wide, edge - 0.002)],
        [(wide + 0.004, low - r), (wide - r, low), (0.0, low + 0.004)],
    )
    bulge = [Crease((-0.8 * wide, 0.47), (0.8 * wide, 0.50), 0.008, 0.10)]
    scene.add_panel(
        front, puff=0.024, soft=0.026, volume=0.014, folds=bulge, lift=0.006, shadow=0.6, reach=0.016, quilted=True
    )
    inset = 0.020
    scene.add_topstitch(
        [
            (-wide + inset, edge + 0.02),
            (-wide + inset, low - r),
            (-wide + r, low - inset),
            (wide - r, low - inset),
            (wide - inset, low - r),
            (wide - inset, edge + 0.02),
        ]
    )
    if d.chance("tongue", 0.4):
        draw_strap(scene, [(0.0, top - 0.02), (0.0, 0.53)], 0.100, "trim")
        x, y = 0.0, 0.50
    else:
        draw_strap(scene, [(wide + 0.018, 0.52), (wide - 0.15, 0.52)], 0.085, "trim")
        scene.add_topstitch(
            [(wide + 0.01, 0.488), (wide - 0.14, 0.488), (wide - 0.14, 0.552), (wide + 0.01, 0.552)], width=0.003
        )
        x, y = wide - 0.10, 0.52
    if scene.appearance.hardware == "none":
        draw_button(scene, x, y, 0.022)
    else:
        draw_plate(scene, x, y, 0.040, 0.030)
    _draw_metal_corners(scene, wide, top, low)


@register_silhouette("card-case")
def draw_card_case(scene: Scene) -> None:
    """Draw a thin case with open slots, straight, slanted or curved, upright or wide; one or two cards show."""
    d = scene.design
    scene.set_camera(0.95 * SCALE[scene.appearance.size], (0.0, 0.5), limpness=0.3)
    upright = d.chance("upright", 0.35)
    wide, high = (0.225, 0.315) if upright else (d.uniform("width", 0.31, 0.36), d.uniform("height", 0.205, 0.245))
    top, low, r = 0.5 - high, 0.5 + high, d.uniform("corner", 0.010, 0.045)
    scene.add_panel(box(-wide, top, wide, low, r), puff=0.012, soft=0.012, shadow=0.3)
    num_slots, cut = d.choice("slots", (1, 2, 3)), d.choice("cut", ("straight", "slanted", "curved"))
    step = min(0.085, 0.9 * high / (num_slots + 0.5))
    for i in range(num_slots):
        y = top + 0.028 + step * i
        if i == 0 or d.chance(f"card {i}", 0.6):
            out = scene.shot.uniform(f"out {i}", 0.006, 0.050 if i == 0 else 0.016)
            lean = scene.shot.uniform(f"lean {i}", -0.006, 0.006)
            card = np.array(
                [
                    (-wide + 0.022, y - out + lean),
                    (wide - 0.022, y - out - lean),
                    (wide - 0.022, y + 0.10),
                    (-wide + 0.022, y + 0.10),
                ]
            )
            scene.add_overlay(card, ("card", "shell", "note")[i], puff=0.001, soft=0.004, shadow=0.4, clip=False)
        drop = {"straight": 0.0, "slanted": 0.055, "curved": 0.0}[cut]
        edge: Curve = [(-wide, y), (0.0, y + 0.5 * drop + (0.042 if cut == "curved" else 0.0)), (wide, y + drop)]
        shape = outline(
            edge,
            [(wide, low - r), (wide - 0.3 * r, low - 0.3 * r), (wide - r, low)],
            [(-wide + r, low), (-wide + 0.3 * r, low - 0.3 * r), (-wide, low - r)],
        )
        scene.add_panel(shape, puff=0.009, soft=0.010, lift=0.004 + 0.003 * i, shadow=0.5, reach=0.008)
        scene.add_topstitch([(x * 0.97, v + 0.012) for x, v in edge], width=0.003)
    inset = 0.014
    scene.add_topstitch(
        [
            (-wide + inset, top + 0.06),
            (-wide + inset, low - r),
            (-wide + r, low - inset),
            (wide - r, low - inset),
            (wide - inset, low - r),
            (wide - inset, top + 0.06),
        ],
        width=0.003,
    )
    x, y = (0.0, low - 0.30 * high) if d.chance("middle", 0.5) else (wide - 0.085, low - 0.055)
    draw_plate(scene, x, y, 0.046, 0.019)
    if scene.appearance.hardware != "none":
        for side in (-1, 1):
            draw_plate(scene, side * (wide - 0.020), low - 0.020, 0.021, 0.021)


@register_silhouette("tie")
def draw_tie(scene: Scene) -> None:
    """Draw a tie, hanging with its knot, or folded in two with the narrow end behind; its pattern is on the bias."""
    d, size = scene.design, scene.appearance.size
    knotted = d.chance("knot", 0.85)
    zoom = {"child": 0.78, "small": 0.84, "medium": 0.90, "large": 0.96}[size] * (1.0 if knotted else 1.42)
    scene.set_camera(zoom, (0.0, 0.49))
    wide = {"child": 0.080, "small": 0.074, "medium": 0.108, "large": 0.128}[size] * d.uniform("width", 0.8, 1.15)
    sway = scene.shot.uniform("sway", -0.02, 0.02)
    tip_at = (0.93 if knotted else 0.79) + scene.shot.uniform("tip", -0.015, 0.005)
    if knotted:
        _draw_neck_loop(scene)
        narrow = outline(
            [(-0.026, 0.19), (0.022, 0.19)],
            (0.040 + sway, tip_at - 0.14),
            (0.008 + sway, tip_at - 0.105),
            (-0.030 + sway, tip_at - 0.14),
        )
        scene.add_panel(narrow, puff=0.010, soft=0.014, shade=0.80, grain=0.7, shadow=0.2)
        start, neck, waist = 0.215, 0.44 * wide, 0.80 * wide
    else:
        start, neck, waist = 0.185, 0.82 * wide, 0.92 * wide
        side = 1 if d.chance("right", 0.5) else -1
        shift = side * wide * d.uniform("apart", 0.9, 1.5)
        tail = outline(
            [(shift - 0.50 * wide, start - 0.01), (shift + 0.50 * wide, start - 0.01)],
            (shift + 0.60 * wide, tip_at - 0.20),
            (shift + 0.02, tip_at - 0.145),
            (shift - 0.55 * wide, tip_at - 0.20),
        )
        scene.add_panel(tail, puff=0.012, soft=0.014, shade=0.88, grain=0.7, shadow=0.3)
    corner = [(side * wide + sway, tip_at - 0.95 * wide) for side in (1, -1)]
    blade = outline(
        [(-neck, start), (neck, start)],
        [(neck, start), (waist + 0.5 * sway, 0.52), (0.97 * wide + sway, tip_at - 1.5 * wide), *corner[:1]],
        [(wide + sway, tip_at - 0.95 * wide), (sway, tip_at)],
        [(sway, tip_at), (-wide + sway, tip_at - 0.95 * wide)],
        [*corner[1:], (-0.97 * wide + sway, tip_at - 1.5 * wide), (-waist + 0.5 * sway, 0.52), (-neck, start)],
    )
    folds = [
        Crease((0.10 * wide, start), (-0.15 * wide, start + 0.22), -0.010, 0.014),
        Crease((-0.4 * wide, start + 0.02), (-0.3 * wide, start + 0.30), 0.006, 0.018),
    ]
    scene.add_panel(
        blade,
        puff=0.014,
        soft=0.016,
        volume=0.004,
        folds=folds if knotted else [],
        grain=0.785,
        shadow=0.45,
        reach=0.014,
    )
    if knotted:
        _draw_tie_knot(scene, wide)
    else:
        scene.add_overlay(
            box(-1.05 * neck, start - 0.012, 1.05 * neck, start + 0.006, 0.004),
            puff=0.006,
            soft=0.006,
            grain=0.785,
            clip=False,
        )
    if scene.appearance.hardware != "none":
        y = 0.50 + scene.shot.uniform("bar", -0.02, 0.02)
        scene.add_overlay(
            box(-0.80 * wide, y - 0.012, 0.92 * wide, y + 0.012, 0.005),
            "fitting",
            puff=0.008,
            soft=0.008,
            shadow=0.55,
            clip=False,
        )


def _draw_neck_loop(scene: Scene) -> None:
    """Draw the band around an invisible neck: its inner side behind, and two halves that meet in the knot."""
    d = scene.design
    wide, top = d.uniform("loop", 0.088, 0.118), d.uniform("loop top", 0.055, 0.085)
    deep, band = 0.34 * wide, d.uniform("band", 0.036, 0.046)
    behind = [(wide * math.sin(a), top - deep * math.cos(a)) for a in np.linspace(-1.75, 1.75, 11).tolist()]
    scene.add_panel(ribbon(behind, band), "self", puff=0.008, soft=0.012, shade=0.70, grain=0.8, shadow=0.1)
    for side in (1, -1):
        half = [
            (side * 0.97 * wide, top - 0.010),
            (side * 1.02 * wide, top + 0.020),
            (side * 0.74 * wide, top + 0.072),
            (side * 0.010, 0.180),
        ]
        scene.add_panel(
            ribbon(half, band, 1.25 * band), puff=0.012, soft=0.014, grain=side * 0.75, shadow=0.35, reach=0.010
        )


def _draw_tie_knot(scene: Scene, wide: float) -> None:
    """Draw the knot: wider above, with a fold across it, and the dimple below."""
    d = scene.design
    tall, fat = d.uniform("knot height", 0.085, 0.110), d.uniform("knot width", 0.54, 0.68) * wide
    top, low, slant = 0.128, 0.142 + tall, d.uniform("slant", -0.010, 0.010)
    foot = 0.60 * fat
    scene.darken(box(-0.8 * foot, low - 0.01, 0.8 * foot, low + 0.035), 0.5, 0.012)
    knot = outline(
        [(-fat, top - slant), (0.0, top - 0.010), (fat, top + slant)],
        [(fat, top + slant), (0.86 * fat, top + 0.45 * tall), (foot, low - 0.004)],
        [(foot, low - 0.004), (0.0, low + 0.008), (-foot, low - 0.004)],
        [(-foot, low - 0.004), (-0.86 * fat, top + 0.45 * tall), (-fat, top - slant)],
    )
    turn = [
        Crease((-0.8 * fat, top + 0.02), (0.5 * foot, low), -0.006, 0.012, 0.1),
        Crease((0.7 * fat, top + 0.02), (0.1 * foot, low), 0.005, 0.014, -0.1),
    ]
    scene.add_panel(knot, puff=0.026, soft=0.022, folds=turn, grain=0.35, shadow=0.5, reach=0.012)
