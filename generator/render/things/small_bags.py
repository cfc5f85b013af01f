"""Draw small bags: shoulder bag, cross-body bag and clutch, turned a little and seen from above."""

import numpy as np

from generator.render.engine.curves import Curve, box, disc, interpolate, outline, ribbon, smooth_line
from generator.render.engine.fittings import draw_button, draw_plate, draw_ring, draw_strap, draw_zipper
from generator.render.engine.height_field import Crease
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene
from generator.render.things.bags import BULK
from generator.render.things.perspective import Box, SlantedFace


@register_silhouette("shoulder-bag")
def draw_shoulder_bag(scene: Scene) -> None:
    """Draw a flap bag, a zipped half moon or a soft hobo, on a short strap, a long strap or a chain."""
    d, held = scene.design, scene.choose_cut("strap")
    kind = d.choice("kind", ("flap", "flap", "moon", "hobo"))
    wide, high = d.uniform("width", 0.28, 0.37), d.uniform("height", 0.25, 0.34)
    rise = {
        "short": d.uniform("short strap", 0.16, 0.24),
        "long": d.uniform("long strap", 0.42, 0.50),
        "chain": d.uniform("chain", 0.28, 0.42),
    }[held]
    low = 0.90
    bag = Box(scene, wide, high, d.uniform("deep", 0.045, 0.085), low)
    full = high + rise + 0.05
    scene.set_camera(
        BULK[scene.appearance.size] * min(1.0, 0.84 / full) * 1.04, (0.0, low - 0.5 * full + 0.02), limpness=0.45
    )
    sway = scene.shot.uniform("sway", -0.03, 0.03)
    if kind == "flap":
        _draw_strap_loop(scene, bag, held, rise, 0.86, 0.0, sway)
        bag.draw(scene)
        _draw_flap(scene, bag)
        for side in (-1, 1):
            x, y = bag.at(side * 0.86, 0.0, 0.0)
            draw_ring(scene, x, y + 0.006, 0.022, 0.022, 0.010)
    else:
        _draw_strap_loop(scene, bag, held, rise, 0.90, 0.10, sway)
        _draw_crescent(scene, bag, kind)
        for side in (-1, 1):
            x, y = bag.at(side * 0.90, 0.10, 0.0)
            draw_ring(scene, x, y, 0.024, 0.024, 0.011)
    bag.place_on_floor(scene)


def _draw_strap_loop(scene: Scene, bag: Box, held: str, rise: float, reach: float, at: float, sway: float) -> None:
    """Draw the strap: it rises from both ends of the bag and bends over where a hand would hold it."""
    peak = bag.at(0.0, 0.0, 0.0)[1] - rise
    (x0, y0), (x1, y1) = bag.at(-reach, at, 0.0), bag.at(reach, at, 0.0)
    narrow = {"short": 0.62, "long": 0.34, "chain": 0.45}[held]
    curve: Curve = [
        (x0, y0 + 0.01),
        (x0 * (0.55 + 0.5 * narrow) + 0.4 * sway, y0 - 0.45 * rise),
        (narrow * x0 * 0.72 + sway, peak + 0.16 * rise),
        (sway, peak),
        (narrow * x1 * 0.72 + sway, peak + 0.16 * rise),
        (x1 * (0.55 + 0.5 * narrow) + 0.4 * sway, y1 - 0.45 * rise),
        (x1, y1 + 0.01),
    ]
    if held == "chain":
        draw_chain(scene, curve, 0.028)
        middle = smooth_line(curve)[len(smooth_line(curve)) * 2 // 5 : len(smooth_line(curve)) * 3 // 5]
        scene.add_panel(
            ribbon([(float(x), float(y)) for x, y in middle[::3]], 0.030), "trim", puff=0.008, soft=0.010, shadow=0.3
        )
        return
    width = 0.042 if held == "short" else 0.030
    scene.add_panel(ribbon(curve, width), "trim", puff=0.008, soft=0.010)
    for side in (-0.34, 0.34):
        scene.add_topstitch([(x + side * width, y) for x, y in curve[1:-1]], width=0.003)
    if held == "long":
        (a, b), (c, e) = curve[4], curve[5]
        x, y = interpolate((a, b), (c, e), 0.55)
        draw_ring(scene, x + 0.004, y, 0.024, 0.019, 0.009, power=4.0)


def _draw_flap(scene: Scene, bag: Box) -> None:
    """Draw the flap, round, square or pointed, over the top and down to its lock."""
    d = scene.design
    tongue = d.uniform("flap", 0.46, 0.76)
    style = d.choice("flap shape", ("round", "square", "pointed"))
    edge: Curve = {
        "round": [(1.0, 0.30 * tongue), (0.96, 0.62 * tongue), (0.72, 0.90 * tongue), (0.0, tongue)],
        "square": [(1.0, 0.60 * tongue), (1.0, tongue - 0.10), (0.95, tongue - 0.02), (0.86, tongue), (0.0, tongue)],
        "pointed": [(1.0, 0.45 * tongue), (0.5, 0.76 * tongue), (0.0, 1.08 * tongue)],
    }[style]
    right = bag.line(edge)
    left = bag.line([(-x, t) for x, t in edge[::-1]])
    back = bag.line([(-0.97, 0.0), (0.0, -0.012), (0.97, 0.0)], -0.85)
    shape = outline(back, [bag.at(1.0, 0.012), right[0]], right, left, [left[-1], bag.at(-1.0, 0.012)], back[0])
    scene.add_panel(
        shape,
        puff=0.020,
        soft=0.024,
        volume=0.008,
        lift=0.010,
        folds=[SlantedFace(0.0, -0.14 * bag.view.side)],
        shadow=0.65,
        reach=0.016,
        quilted=True,
    )
    inset = [(0.95 * x, t - 0.035) for x, t in edge]
    scene.add_topstitch(bag.line([(-x, t) for x, t in inset] + inset[::-1][1:]), width=0.0035)
    x, y = bag.at(0.0, tongue * (1.02 if style == "pointed" else 0.96) - 0.05)
    if scene.appearance.hardware == "none":
        draw_strap(scene, [(x, y - 0.05), (x, y + 0.055)], 0.044, "trim")
        draw_button(scene, x, y + 0.012, 0.014)
        return
    if d.chance("round lock", 0.4):
        draw_ring(scene, x, y, 0.030, 0.030, 0.016)
        scene.add_overlay(disc(x, y, 0.016), "fitting", puff=0.012, soft=0.010, shadow=0.4, clip=False)
    else:
        draw_plate(scene, x, y, 0.048, 0.032)
        scene.add_overlay(
            box(x - 0.011, y - 0.020, x + 0.011, y + 0.020, 0.007),
            "fitting",
            puff=0.012,
            soft=0.009,
            shadow=0.6,
            clip=False,
        )


def _draw_crescent(scene: Scene, bag: Box, kind: str) -> None:
    """Draw a bag with a round bottom: stiff and zipped along its top, or soft and dipping in the middle."""
    dip = scene.design.uniform("dip", 0.16, 0.34) if kind == "hobo" else -0.02
    full = 1.0 if kind == "hobo" else 0.96
    top: Curve = [(-1.0, 0.06), (-0.55, 0.06 + 0.85 * dip), (0.0, 0.06 + dip), (0.55, 0.06 + 0.85 * dip), (1.0, 0.06)]
    low: Curve = [
        (1.0, 0.06),
        (1.06, 0.34),
        (0.86, 0.78),
        (0.45, 0.97),
        (0.0, full),
        (-0.45, 0.97),
        (-0.86, 0.78),
        (-1.06, 0.34),
        (-1.0, 0.06),
    ]
    behind = bag.line(top, -0.9)
    scene.add_panel(
        outline(behind, [behind[-1], *bag.line([(1.0, 0.3), (-1.0, 0.3)])]),
        puff=0.010,
        soft=0.014,
        shade=0.80,
        shadow=0.0,
    )
    s = bag.view.side
    side = bag.line([(s * 1.0, 0.06), (s * 1.06, 0.34), (s * 0.86, 0.78), (s * 0.45, 0.97)], -0.7)
    scene.add_panel(
        outline(side, bag.line([(s * 0.45, 0.9), (s * 0.8, 0.5), (s * 1.0, 0.08)])),
        puff=0.010,
        soft=0.016,
        shade=0.72,
        shadow=0.0,
    )
    rng = scene.shot.generator("drape")
    drape = [
        Crease(
            bag.at(e * rng.uniform(0.8, 0.97), 0.10),
            bag.at(e * rng.uniform(0.05, 0.5), rng.uniform(0.55, 0.85)),
            rng.uniform(0.004, 0.010) * (1 if i % 2 else -1),
            0.020,
            0.12 * e,
        )
        for i, e in enumerate((-1, -1, 1, 1))
    ]
    folds: list[Crease | SlantedFace] = [SlantedFace(0.0, -0.12 * s), *(drape if kind == "hobo" else [])]
    scene.add_panel(
        outline(bag.line(top), bag.line(low)),
        puff=0.026,
        soft=0.030,
        volume=0.026,
        folds=folds,
        shadow=0.35,
        quilted=True,
    )
    scene.add_topstitch(bag.line([(0.95 * x, 0.06 + 0.93 * (t - 0.06)) for x, t in low]), width=0.003)
    if kind == "moon":
        draw_zipper(scene, bag.line([(-0.86, 0.085), (0.0, 0.075), (0.86, 0.085)]), width=0.018)
    else:
        scene.add_overlay(ribbon(bag.line([(x, t + 0.02) for x, t in top]), 0.022), "trim", puff=0.006, soft=0.008)
    for e in (-1, 1):
        x, y = bag.at(e * 0.93, 0.12)
        scene.add_overlay(disc(x, y, 0.036, 0.044), "trim", puff=0.006, soft=0.010)
    x, y = bag.at(0.0, 0.55 if kind == "moon" else 0.62)
    draw_plate(scene, x, y, 0.044, 0.020)


@register_silhouette("crossbody-bag")
def draw_crossbody_bag(scene: Scene) -> None:
    """Draw a small bag on a long thin strap or chain: with a flap, or a camera bag with a zip and a front pocket."""
    d, held = scene.design, scene.choose_cut("strap")
    kind = d.choice("kind", ("flap", "camera", "saddle"))
    wide = d.uniform("width", 0.17, 0.235)
    high = wide * {"flap": 1.35, "camera": 1.30, "saddle": 1.6}[kind] * d.uniform("height", 0.9, 1.1)
    low, rise = 0.92, d.uniform("strap", 0.36, 0.46)
    bag = Box(scene, wide, high, d.uniform("deep", 0.045, 0.075), low)
    full = high + rise + 0.05
    scene.set_camera(
        1.10 * BULK[scene.appearance.size] * min(1.0, 0.80 / full), (0.0, low - 0.5 * full + 0.02), limpness=0.45
    )
    sway, lift = scene.shot.uniform("sway", -0.05, 0.05), bag.at(0.0, 0.0, 0.0)[1]
    curve = _long_loop(scene, bag, lift - rise, sway)
    if held == "chain":
        draw_chain(scene, curve, 0.022)
    else:
        scene.add_panel(ribbon(curve, 0.020), "trim", puff=0.006, soft=0.007)
        x, y = curve[2]
        draw_ring(scene, x, y, 0.017, 0.014, 0.007, power=4.0)
    bag.draw(scene, puff=0.026)
    if kind == "camera":
        _draw_camera(scene, bag)
    else:
        _draw_flap(scene, bag)
    for side in (-1, 1):
        x, y = bag.at(side * 0.98, 0.03, 0.0)
        draw_strap(scene, [(x, y - 0.005), (x, y + 0.050)], 0.024, "trim")
        draw_ring(scene, x, y - 0.006, 0.015, 0.016, 0.008)
    bag.place_on_floor(scene)


def _long_loop(scene: Scene, bag: Box, peak: float, sway: float) -> Curve:
    """Return a long strap, held up high or fallen to one side."""
    (x0, y0), (x1, y1) = bag.at(-0.98, 0.02, 0.0), bag.at(0.98, 0.02, 0.0)
    tall = y0 - peak
    return [
        (x0, y0),
        (0.92 * x0 + 0.3 * sway, y0 - 0.38 * tall),
        (0.62 * x0 + 0.7 * sway, y0 - 0.74 * tall),
        (0.22 * x0 + sway, peak + 0.03 * tall),
        (0.22 * x1 + sway, peak + 0.03 * tall),
        (0.62 * x1 + 0.7 * sway, y1 - 0.74 * tall),
        (0.92 * x1 + 0.3 * sway, y1 - 0.38 * tall),
        (x1, y1),
    ]


def _draw_camera(scene: Scene, bag: Box) -> None:
    """Draw a camera bag: a zip along the top and a pocket in front, with a tassel on the puller."""
    draw_zipper(scene, bag.line([(-0.90, 0.02), (0.0, 0.012), (0.90, 0.02)], 0.1), width=0.016, pull=False)
    corners = bag.line([(-0.80, 0.36), (0.80, 0.36), (0.80, 0.90), (-0.80, 0.90)])
    middle = np.mean(corners, axis=0)
    half = (np.ptp(np.array(corners), axis=0) / 2).tolist()
    scene.add_overlay(
        disc(float(middle[0]), float(middle[1]), half[0], half[1], 6.0),
        puff=0.018,
        soft=0.020,
        lift=0.006,
        shadow=0.5,
        quilted=True,
    )
    draw_zipper(scene, bag.line([(-0.68, 0.44), (0.68, 0.44)]), width=0.013)
    x, y = bag.at(-0.80, 0.04, 0.3)
    scene.add_overlay(
        ribbon([(x, y), (x - 0.006, y + 0.07), (x + 0.002, y + 0.11)], 0.012, 0.020),
        "trim",
        puff=0.006,
        soft=0.006,
        clip=False,
    )
    draw_plate(scene, *bag.at(0.0, 0.68), 0.034, 0.016)


@register_silhouette("clutch")
def draw_clutch(scene: Scene) -> None:
    """Draw a flat bag: an envelope, a frame with a kiss lock, or a zipped pouch; with or without a chain."""
    d, held = scene.design, scene.choose_cut("strap")
    kind = d.choice("kind", ("envelope", "frame", "pouch"))
    wide = d.uniform("width", 0.33, 0.40)
    high = wide * d.uniform("proportion", 0.95, 1.30)
    bag = Box(scene, wide, high, 0.028 if kind != "frame" else 0.050, 0.5 + 0.5 * high)
    bag.round = min(bag.round, 0.06)
    scene.set_camera(1.00 * BULK[scene.appearance.size], (0.0, 0.5 - (0.07 if held == "chain" else 0.0)), limpness=0.35)
    if held == "chain":
        (x0, y0), (x1, y1) = bag.at(-0.94, 0.02, 0.0), bag.at(0.94, 0.02, 0.0)
        sway = scene.shot.uniform("sway", -0.08, 0.08)
        curve: Curve = [
            (x0, y0),
            (0.92 * x0 + sway, y0 - 0.10),
            (0.4 * x0 + sway, y0 - 0.165),
            (0.4 * x1 + sway, y1 - 0.165),
            (0.92 * x1 + sway, y1 - 0.10),
            (x1, y1),
        ]
        draw_chain(scene, curve, 0.024)
    bag.draw(scene, puff=0.018)
    if kind == "envelope":
        _draw_flap(scene, bag)
    elif kind == "frame":
        scene.add_overlay(
            ribbon(
                bag.line(
                    [
                        (-1.01, 0.16),
                        (-1.0, 0.02),
                        (-0.94, -0.01),
                        (0.0, -0.02),
                        (0.94, -0.01),
                        (1.0, 0.02),
                        (1.01, 0.16),
                    ],
                    0.4,
                ),
                0.026,
            ),
            "fitting",
            puff=0.010,
            soft=0.009,
            clip=False,
        )
        x, y = bag.at(0.0, -0.03, 0.3)
        for side in (-1, 1):
            scene.add_overlay(
                disc(x + side * 0.015, y - 0.014, 0.018), "fitting", puff=0.018, soft=0.012, shadow=0.5, clip=False
            )
        for i in range(5):
            at = -0.7 + 0.35 * i
            scene.add_seam(bag.line([(at, 0.06), (at * 0.96, 0.34)]), width=0.006, dark=0.2)
    else:
        draw_zipper(scene, bag.line([(-0.90, 0.06), (0.0, 0.05), (0.90, 0.06)]), width=0.018)
        scene.add_overlay(
            ribbon([bag.at(-0.9, 0.06), bag.at(-0.98, 0.24), bag.at(-0.96, 0.40)], 0.016, 0.026),
            "trim",
            puff=0.006,
            soft=0.007,
            clip=False,
        )
        draw_plate(scene, *bag.at(0.55, 0.76), 0.040, 0.017)
    bag.place_on_floor(scene)


def draw_chain(scene: Scene, curve: Curve, width: float) -> None:
    """Draw oval links along a curve, every second one edge-on."""
    line = smooth_line(curve)
    steps = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    ends = np.linspace(0, steps[-1], max(2, round(float(steps[-1]) / (0.95 * width))))
    xs, ys = np.interp(ends, steps, line[:, 0]), np.interp(ends, steps, line[:, 1])
    for i in range(len(ends)):
        if i % 2:
            j, k = max(i - 1, 0), min(i + 1, len(ends) - 1)
            link = [
                interpolate((xs[i], ys[i]), (xs[j], ys[j]), 0.75),
                interpolate((xs[i], ys[i]), (xs[k], ys[k]), 0.75),
            ]
            scene.add_panel(
                ribbon(link, 0.34 * width), "fitting", puff=0.006, soft=0.1 * width, shadow=0.3, reach=0.006
            )
        else:
            draw_ring(scene, float(xs[i]), float(ys[i]), 0.52 * width, 0.52 * width, 0.34 * width)
