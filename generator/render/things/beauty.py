"""Things of the dressing table: candle and lipstick."""

import math

import numpy as np

from generator.render.engine.canvas import Scene
from generator.render.engine.curves import Point, between, box, disc, ribbon
from generator.render.engine.revolve import FRINGE, TILT, Turned, hoop, mouth, turn, window_of, wrap
from generator.render.engine.silhouette_registry import pattern_sheet

SCALE = {"child": 0.64, "small": 0.76, "medium": 0.89, "large": 1.03}
"""How much of the picture a thing of the house fills."""


@pattern_sheet("candle")
def candle(scene: Scene) -> None:
    """Wax poured into a jar, one wick or three, its lid on the floor beside it; a glass jar shows the wax through."""
    d = scene.design
    style = d.one_of("style", ("tumbler", "bowl", "tapered"))
    half = d.between("width", 0.200, 0.250)
    tall = {"tumbler": 0.56, "bowl": 0.40, "tapered": 0.50}[style] * d.between("height", 0.92, 1.14)
    low, half = 0.80, half * (1.12 if style == "bowl" else 1.0)
    scene.stage(1.08 * SCALE[scene.appearance.size], (0.42 * half, 0.55))
    top = low - tall
    shapes: dict[str, list[Point]] = {
        "tumbler": [(1.0, 0.0), (1.0, 0.5), (1.0, 0.90), (0.96, 0.97), (0.88, 1.0)],
        "bowl": [(0.93, 0.0), (1.04, 0.30), (1.05, 0.55), (0.92, 0.86), (0.72, 1.0)],
        "tapered": [(1.06, 0.0), (0.98, 0.5), (0.91, 0.92), (0.85, 1.0)],
    }
    body = Turned(profile=[(half * share, top + at * tall) for share, at in shapes[style]])
    foot = body.profile[-1][0]
    scene.stand(-1.05 * foot, 1.9 * foot, low + 0.6 * TILT * foot)
    turn(scene, body)
    see_through = scene.appearance.material == "glass"
    if see_through:
        level = top + 0.17 * tall
        scene.overlay(body.band(level, low - 0.035, -0.014), "fill", puff=0.0, lift=0.0, shadow=0.0, clip=False)
        wrap(scene, body)
    mouth(scene, body, 0.016, 0.45, inner="fill" if see_through else "lining")
    _wax_pool(scene, body, top, half)
    _candle_label(scene, body, top, tall)
    _candle_lid(scene, half, low)


def _wax_pool(scene: Scene, body: Turned, top: float, half: float) -> None:
    """The surface of the wax, seen through the mouth, and its wicks."""
    d, inside = scene.design, body.profile[0][0] - 0.016
    pool = disc(0.0, top + 0.26 * TILT * inside, 0.97 * inside, 0.74 * TILT * inside)
    scene.panel(pool, "wax", puff=0.0, lift=0.1 * half, shadow=0.0, shade=0.98)
    wicks = (0.0,) if d.chance("one wick", 0.6) else (-0.45, 0.0, 0.45)
    for share in wicks:
        x, y = share * inside, top + (0.30 if share == 0.0 else 0.16) * TILT * inside
        lean = scene.shot.between(f"wick {share}", -0.010, 0.010)
        scene.darken(disc(x + 0.01, y + 0.004, 0.024, 0.008), 0.25, 0.004)
        scene.overlay(
            ribbon([(x, y), (x + 0.3 * lean, y - 0.03), (x + lean, y - 0.055)], 0.011, 0.008),
            "dark",
            puff=0.004,
            soft=0.004,
            clip=False,
        )


def _candle_label(scene: Scene, body: Turned, top: float, tall: float) -> None:
    """A paper label with a motif instead of words."""
    d = scene.design
    shape = d.one_of("label", ("tall", "wide", "round"))
    width, high = {"tall": (0.090, 0.40), "wide": (0.140, 0.26), "round": (0.095, 0.36)}[shape]
    y = top + 0.58 * tall
    half = float(body.half_width(y))
    drop = 0.85 * TILT * half
    y += drop - 0.02
    reach = min(0.5 * high * tall, 0.13)
    paper = disc(0.0, y, reach, reach) if shape == "round" else box(-width, y - reach, width, y + reach, 0.008)
    scene.overlay(paper, "label", puff=0.0015, soft=0.004, lift=0.001, shadow=0.25, clip=False)
    inset = 0.86
    scene.seam(
        [
            *map(tuple, ((paper - (0.0, y)) * inset + (0.0, y)).tolist()),
            tuple(((paper[0] - (0.0, y)) * inset + (0.0, y)).tolist()),
        ],
        width=0.004,
        depth=0.0,
        dark=0.30,
    )
    motif = d.one_of("motif", ("leaf", "drop", "sun"))
    size = 0.42 * min(reach, width)
    for k in {"leaf": (-1, 0, 1), "drop": (0,), "sun": range(8)}[motif]:
        angle = k * (0.75 if motif == "leaf" else math.pi / 4)
        tip = (size * math.sin(angle), y - size * math.cos(angle))
        scene.overlay(
            ribbon(
                [(0.0, y + 0.2 * size), between((0.0, y), tip, 0.5), tip],
                0.42 * size if motif != "sun" else 0.16 * size,
                0.08 * size,
            ),
            "fitting",
            puff=0.001,
            lift=0.0,
            shadow=0.0,
            clip=False,
        )


def _candle_lid(scene: Scene, half: float, low: float) -> None:
    """A lid with a knob, or a flat one with a rim, in front of the jar to the right."""
    d = scene.design
    thick, y = d.between("lid", 0.030, 0.055), low + 0.035
    wide = 0.66 * half
    x = half + 0.36 * wide
    lid = Turned(profile=[(wide, y - thick), (wide, y)], axis=x)
    scene.darken(disc(x, y + 0.5 * TILT * wide, 1.15 * wide, 1.4 * TILT * wide), 0.35, 0.02)
    turn(scene, lid, "fitting", shadow=0.45)
    if d.chance("knob", 0.5):
        scene.overlay(
            disc(x, y - thick - 0.022, 0.030, 0.026), "fitting", puff=0.026, soft=0.018, shadow=0.5, clip=False
        )
    else:
        scene.seam(
            [*map(tuple, disc(x, y - thick, 0.82 * wide, 0.82 * TILT * wide).tolist())],
            width=0.006,
            depth=0.004,
            dark=0.3,
        )


@pattern_sheet("lipstick")
def lipstick(scene: Scene) -> None:
    """A wound-out bullet in the colour, in a tube of metal or dark lacquer, its cap beside it; the case is printed."""
    d = scene.design
    scene.stage(1.08 * SCALE[scene.appearance.size], (0.01, 0.53))
    half, x, low = d.between("width", 0.092, 0.122), -0.135, 0.90
    base_top = low - d.between("base", 0.26, 0.34)
    tube_top = base_top - d.between("tube", 0.09, 0.15)
    wound = d.between("wound out", 0.15, 0.22)
    scene.stand(x - 1.0 * half, 0.16 + 1.1 * half, low + 0.5 * TILT * half)
    base = Turned(profile=[(half, base_top), (half, low)], axis=x)
    turn(scene, base, "case")
    hoop(scene, base, base_top + 0.004, base_top + 0.036, out=0.003)
    tube = Turned(profile=[(0.84 * half, tube_top), (0.84 * half, base_top)], axis=x)
    scene.darken(disc(x + 0.01, base_top, 0.95 * half, 0.95 * TILT * half), 0.30, 0.006)
    turn(scene, tube, "fitting")
    mouth(scene, tube, 0.008, 0.6, "fitting")
    _bullet(scene, x, 0.72 * half, tube_top, wound)
    cap_x, cap_top, cap_half = 0.16, low - (0.34 + d.between("cap", 0.0, 0.08)), 1.06 * half
    dome = d.one_of("cap shape", (0.0, 0.012, 0.030))
    shoulder = [(cap_half - 1.2 * dome, cap_top - dome), (cap_half - 0.3 * dome, cap_top - 0.6 * dome)] if dome else []
    cap = Turned(profile=[*shoulder, (cap_half, cap_top), (cap_half, low)], axis=cap_x)
    turn(scene, cap, "case", shadow=0.25)
    hoop(scene, cap, low - 0.060, low - 0.010, out=0.003)
    if d.chance("cap band", 0.5):
        hoop(scene, cap, cap_top + 0.030, cap_top + 0.060, out=0.002)


def _bullet(scene: Scene, x: float, half: float, low: float, tall: float) -> None:
    """A round stick of colour, cut by a plane that faces up, to the front and to the left."""
    lean, open_ = scene.design.between("lean", 0.45, 0.95), scene.design.between("open", 0.75, 1.30)
    centre = low - tall
    stick = Turned(profile=[(half, centre - 0.2), (half, low)], axis=x)
    angles = np.linspace(0, np.pi, 33)
    reach = open_ * stick.depth * half
    rim = np.stack([x - half * np.cos(angles), centre + lean * half * np.cos(angles) - reach * np.sin(angles)], axis=1)
    foot = np.stack([x + half * np.cos(angles), low + TILT * half * np.sin(angles)], axis=1)
    shape = np.concatenate([rim, foot])
    scene.panel(shape, "bullet", puff=0.0, shadow=0.0)
    window = window_of(scene, shape)
    px, py = scene.x[window], scene.y[window]
    across, bulge = stick.across(px, py), stick.bulge(px, py)
    plane = (py - centre + lean * (px - x)) / open_
    drop = np.sqrt(1 - across**2)
    fringe, depth = FRINGE / scene.zoom, stick.depth * half
    inside = (np.abs(px - x) <= half + fringe) & (py < low + TILT * half * drop + fringe)
    inside &= plane > -depth * drop - fringe / open_
    height = 0.01 + np.minimum(depth * bulge, plane + 0.25 * depth)
    np.copyto(scene.height[window], np.asarray(height, np.float32), where=inside)
