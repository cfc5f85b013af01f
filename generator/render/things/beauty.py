"""Draw candles, lipsticks and perfume bottles."""

import math

import numpy as np

from generator.render.engine.curves import (
    Outline,
    Point,
    box,
    disc,
    interpolate,
    mirrored_outline,
    outline,
    ribbon,
)
from generator.render.engine.registry import register_silhouette
from generator.render.engine.revolve import (
    FRINGE,
    TILT,
    RevolvedBody,
    draw_hoop,
    draw_mouth,
    draw_revolved,
    window_of,
    wrap_texture,
)
from generator.render.engine.scene import Scene

SCALE = {"child": 0.69, "small": 0.82, "medium": 0.96, "large": 1.07}
"""Scale of a product, by size."""


@register_silhouette("candle")
def draw_candle(scene: Scene) -> None:
    """Draw wax in a jar, one or three wicks, some lit, the lid on the floor; a glass jar shows the wax."""
    d = scene.design
    style = d.choice("style", ("tumbler", "bowl", "tapered"))
    half = d.uniform("width", 0.200, 0.250)
    tall = {"tumbler": 0.56, "bowl": 0.40, "tapered": 0.50}[style] * d.uniform("height", 0.92, 1.14)
    low, half = 0.80, half * (1.12 if style == "bowl" else 1.0)
    lit = scene.shot.chance("lit", 0.4) and scene.pose.room == 1  # not in snapshots, where it lies
    top, head = low - tall, 0.155 if lit else 0.06
    zoom = min(1.05 * SCALE[scene.appearance.size], 0.92 / max(2.95 * half, tall + head + 0.08))
    scene.set_camera(zoom, (0.42 * half, 0.5 * (top - head + low + 0.07)))
    shapes: dict[str, list[Point]] = {
        "tumbler": [(1.0, 0.0), (1.0, 0.5), (1.0, 0.90), (0.96, 0.97), (0.88, 1.0)],
        "bowl": [(0.93, 0.0), (1.04, 0.30), (1.05, 0.55), (0.92, 0.86), (0.72, 1.0)],
        "tapered": [(1.06, 0.0), (0.98, 0.5), (0.91, 0.92), (0.85, 1.0)],
    }
    body = RevolvedBody(profile=[(half * share, top + at * tall) for share, at in shapes[style]])
    foot = body.profile[-1][0]
    scene.place_on_floor(-1.05 * foot, 1.9 * foot, low + 0.6 * TILT * foot)
    draw_revolved(scene, body)
    see_through = scene.appearance.material == "glass"
    if see_through:
        level = top + 0.17 * tall
        scene.add_overlay(body.band(level, low - 0.035, -0.014), "fill", puff=0.0, lift=0.0, shadow=0.0, clip=False)
        wrap_texture(scene, body)
    draw_mouth(scene, body, 0.016, 0.45, inner="fill" if see_through else "lining")
    _draw_wax_pool(scene, body, top, half, lit)
    _draw_candle_label(scene, body, top, tall)
    _draw_candle_lid(scene, half, low)


def _draw_wax_pool(scene: Scene, body: RevolvedBody, top: float, half: float, lit: bool) -> None:
    """Draw the surface of the wax, seen through the opening, and its wicks, with flames where they are lit."""
    d, inside = scene.design, body.profile[0][0] - 0.016
    pool = disc(0.0, top + 0.26 * TILT * inside, 0.97 * inside, 0.74 * TILT * inside)
    scene.add_panel(pool, "wax", puff=0.0, lift=0.1 * half, shadow=0.0, shade=0.98)
    wicks = (0.0,) if d.chance("one wick", 0.6) else (-0.45, 0.0, 0.45)
    for share in wicks:
        x, y = share * inside, top + (0.30 if share == 0.0 else 0.16) * TILT * inside
        lean = scene.shot.uniform(f"wick {share}", -0.010, 0.010)
        scene.darken(disc(x + 0.01, y + 0.004, 0.024, 0.008), 0.25, 0.004)
        scene.add_overlay(
            ribbon([(x, y), (x + 0.3 * lean, y - 0.03), (x + lean, y - 0.055)], 0.011, 0.008),
            "dark",
            puff=0.004,
            soft=0.004,
            clip=False,
        )
        if lit:
            _draw_flame(scene, x + lean, y - 0.045, f"{share}")


def _draw_flame(scene: Scene, x: float, y: float, name: str) -> None:
    """Draw a flame on a wick: yellow, white in its middle."""
    shot = scene.shot
    tall, wide = shot.uniform(f"flame {name}", 0.075, 0.105), 0.021
    tip = x + shot.uniform(f"flame tip {name}", -0.010, 0.010)
    for cloth, share in (("flame", 1.0), ("glow", 0.58)):
        w, low, top = share * wide, y + 0.012 * share, y - share * tall
        shape = outline(
            [(tip, top), (x + 0.55 * w, y - 0.55 * share * tall), (x + w, y - 0.18 * share * tall), (x, low)],
            [(x, low), (x - w, y - 0.18 * share * tall), (x - 0.55 * w, y - 0.55 * share * tall), (tip, top)],
        )
        scene.add_panel(shape, cloth, puff=0.0, shadow=0.0, lift=0.02, edge=0.0)


def _draw_candle_label(scene: Scene, body: RevolvedBody, top: float, tall: float) -> None:
    """Draw a paper label with a motif; no words."""
    d = scene.design
    shape = d.choice("label", ("tall", "wide", "round"))
    width, high = {"tall": (0.090, 0.40), "wide": (0.140, 0.26), "round": (0.095, 0.36)}[shape]
    y = top + 0.58 * tall
    half = float(body.half_width(y))
    drop = 0.85 * TILT * half
    y += drop - 0.02
    reach = min(0.5 * high * tall, 0.13)
    paper = disc(0.0, y, reach, reach) if shape == "round" else box(-width, y - reach, width, y + reach, 0.008)
    scene.add_overlay(paper, "label", puff=0.0015, soft=0.004, lift=0.001, shadow=0.25, clip=False)
    inset = 0.86
    scene.add_seam(
        [
            *map(tuple, ((paper - (0.0, y)) * inset + (0.0, y)).tolist()),
            tuple(((paper[0] - (0.0, y)) * inset + (0.0, y)).tolist()),
        ],
        width=0.004,
        depth=0.0,
        dark=0.30,
    )
    motif = d.choice("motif", ("leaf", "drop", "sun"))
    size = 0.42 * min(reach, width)
    for k in {"leaf": (-1, 0, 1), "drop": (0,), "sun": range(8)}[motif]:
        angle = k * (0.75 if motif == "leaf" else math.pi / 4)
        tip = (size * math.sin(angle), y - size * math.cos(angle))
        scene.add_overlay(
            ribbon(
                [(0.0, y + 0.2 * size), interpolate((0.0, y), tip, 0.5), tip],
                0.42 * size if motif != "sun" else 0.16 * size,
                0.08 * size,
            ),
            "fitting",
            puff=0.001,
            lift=0.0,
            shadow=0.0,
            clip=False,
        )


def _draw_candle_lid(scene: Scene, half: float, low: float) -> None:
    """Draw a lid with a knob, or a flat one with a rim, in front of the jar to the right."""
    d = scene.design
    thick, y = d.uniform("lid", 0.030, 0.055), low + 0.035
    wide = 0.66 * half
    x = half + 0.36 * wide
    lid = RevolvedBody(profile=[(wide, y - thick), (wide, y)], axis=x)
    scene.darken(disc(x, y + 0.5 * TILT * wide, 1.15 * wide, 1.4 * TILT * wide), 0.35, 0.02)
    draw_revolved(scene, lid, "fitting", shadow=0.45)
    if d.chance("knob", 0.5):
        scene.add_overlay(
            disc(x, y - thick - 0.022, 0.030, 0.026), "fitting", puff=0.026, soft=0.018, shadow=0.5, clip=False
        )
    else:
        scene.add_seam(
            [*map(tuple, disc(x, y - thick, 0.82 * wide, 0.82 * TILT * wide).tolist())],
            width=0.006,
            depth=0.004,
            dark=0.3,
        )


@register_silhouette("lipstick")
def draw_lipstick(scene: Scene) -> None:
    """Draw a bullet in the product's colour in a metal or lacquered tube, with its cap; the case is printed."""
    d = scene.design
    scene.set_camera(1.08 * SCALE[scene.appearance.size], (0.01, 0.53))
    half, x, low = d.uniform("width", 0.092, 0.122), -0.135, 0.90
    base_top = low - d.uniform("base", 0.26, 0.34)
    tube_top = base_top - d.uniform("tube", 0.09, 0.15)
    wound = d.uniform("wound out", 0.15, 0.22)
    scene.place_on_floor(x - 1.0 * half, 0.16 + 1.1 * half, low + 0.5 * TILT * half)
    base = RevolvedBody(profile=[(half, base_top), (half, low)], axis=x)
    draw_revolved(scene, base, "case")
    draw_hoop(scene, base, base_top + 0.004, base_top + 0.036, out=0.003)
    tube = RevolvedBody(profile=[(0.84 * half, tube_top), (0.84 * half, base_top)], axis=x)
    scene.darken(disc(x + 0.01, base_top, 0.95 * half, 0.95 * TILT * half), 0.30, 0.006)
    draw_revolved(scene, tube, "fitting")
    draw_mouth(scene, tube, 0.008, 0.6, "fitting")
    _draw_bullet(scene, x, 0.72 * half, tube_top, wound)
    cap_x, cap_top, cap_half = 0.16, low - (0.34 + d.uniform("cap", 0.0, 0.08)), 1.06 * half
    dome = d.choice("cap shape", (0.0, 0.012, 0.030))
    shoulder = [(cap_half - 1.2 * dome, cap_top - dome), (cap_half - 0.3 * dome, cap_top - 0.6 * dome)] if dome else []
    cap = RevolvedBody(profile=[*shoulder, (cap_half, cap_top), (cap_half, low)], axis=cap_x)
    draw_revolved(scene, cap, "case", shadow=0.25)
    draw_hoop(scene, cap, low - 0.060, low - 0.010, out=0.003)
    if d.chance("cap band", 0.5):
        draw_hoop(scene, cap, cap_top + 0.030, cap_top + 0.060, out=0.002)


def _draw_bullet(scene: Scene, x: float, half: float, low: float, tall: float) -> None:
    """Draw a round stick of colour, cut by a plane that faces up, to the front and to the left."""
    lean, open_ = scene.design.uniform("lean", 0.45, 0.95), scene.design.uniform("open", 0.75, 1.30)
    centre = low - tall
    stick = RevolvedBody(profile=[(half, centre - 0.2), (half, low)], axis=x)
    angles = np.linspace(0, np.pi, 33)
    reach = open_ * stick.depth * half
    rim = np.stack([x - half * np.cos(angles), centre + lean * half * np.cos(angles) - reach * np.sin(angles)], axis=1)
    foot = np.stack([x + half * np.cos(angles), low + TILT * half * np.sin(angles)], axis=1)
    shape = np.concatenate([rim, foot])
    scene.add_panel(shape, "bullet", puff=0.0, shadow=0.0)
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


PERFUME_FILL = {"child": 0.58, "small": 0.68, "medium": 0.80, "large": 0.92}
"""Share of the image that a bottle with its cap fills, by size."""


class Flacon:
    """The glass of a bottle: a slab, an oval, a cone or a cylinder, with perfume up to a level."""

    def __init__(self, scene: Scene) -> None:
        d = scene.design
        self.shape = d.choice("shape", ("slab", "slab", "oval", "tapered", "cylinder"))
        self.wide = d.uniform("width", 0.150, 0.235) * (0.85 if self.shape == "cylinder" else 1.0)
        self.low = 0.93
        self.top = self.low - d.uniform("height", 0.42, 0.52) * (1.12 if self.shape == "cylinder" else 1.0)
        self.level = self.top + d.uniform("level", 0.045, 0.10)
        self.corner = d.uniform("corner", 0.012, 0.045)

    def half(self, y: float) -> float:
        """Return half the width at a height."""
        share = (y - self.top) / (self.low - self.top)
        return self.wide * {"tapered": 0.66 + 0.34 * share, "oval": 1.04}.get(self.shape, 1.0)

    def outline(self, inset: float, top: float, low: float) -> Outline:
        """Return the outline `inset` units inside the glass, from a height `top` to `low`."""
        a, b = self.half(top) - inset, self.half(low) - inset
        if self.shape == "oval":
            return disc(0.0, (top + low) / 2, a, (low - top) / 2, 3.2)
        if self.shape == "cylinder":
            drop = TILT * a
            return mirrored_outline(
                [(0.0, top - drop), (0.71 * a, top - 0.71 * drop), (a, top)],
                [(a, low), (0.71 * b, low + 0.71 * drop), (0.0, low + drop)],
            )
        r = max(self.corner - 0.6 * inset, 0.006)
        return mirrored_outline(
            [(0.0, top), (a - r, top)],
            [(a - r, top), (a - 0.3 * r, top + 0.3 * r), (a, top + r)],
            [(a, top + r), (b, low - r)],
            [(b, low - r), (b - 0.3 * r, low - 0.3 * r), (b - r, low)],
            [(b - r, low), (0.0, low)],
        )


@register_silhouette("perfume-bottle")
def draw_perfume_bottle(scene: Scene) -> None:
    """Draw a flacon: thick glass, perfume with a tube in it, a printed label, a metal collar and a cap."""
    d = scene.design
    flacon = Flacon(scene)
    tall, cap_half = d.uniform("cap", 0.11, 0.19), d.uniform("cap width", 0.40, 0.66) * flacon.half(flacon.top)
    cap_half = max(cap_half, 0.060)
    head = flacon.top - 0.035 - tall
    middle = 0.5 * (head + flacon.low)
    scene.set_camera(PERFUME_FILL[scene.appearance.size] / (flacon.low - head + 0.02), (0.0, middle), limpness=0.0)
    scene.place_on_floor(-flacon.half(flacon.low) * 0.95, flacon.half(flacon.low) * 0.95, flacon.low)
    _draw_collar(scene, flacon, 0.72 * cap_half)
    _draw_flacon(scene, flacon)
    _draw_perfume_label(scene, flacon)
    _draw_cap(scene, flacon.top - 0.030, tall, cap_half)


def _draw_collar(scene: Scene, flacon: Flacon, half: float) -> None:
    """Draw the neck of the bottle and the metal ring around it."""
    neck = RevolvedBody(profile=[(half, flacon.top - 0.045), (half, flacon.top + 0.004)])
    draw_revolved(scene, neck, "fitting")


def _draw_flacon(scene: Scene, flacon: Flacon) -> None:
    """Draw glass and perfume: dark where the walls bend the light, bright in the base."""
    shot = scene.shot
    wall, base = 0.017, 0.048
    whole = flacon.outline(0.0, flacon.top, flacon.low)
    scene.add_panel(whole, "clear", puff=0.022, soft=0.020, volume=0.008, shadow=0.0)
    inner = flacon.outline(wall, flacon.top + 0.022, flacon.low - base)
    scene.add_overlay(inner, "clear", puff=-0.004, soft=0.012, shadow=0.12, shade=0.97, clip=False)
    line = [(0.0, flacon.top), (shot.uniform("tube", -0.01, 0.01), 0.6 * flacon.top + 0.4 * flacon.low)]
    line.append((shot.uniform("tube end", -0.05, 0.05), flacon.low - base - 0.02))
    scene.add_overlay(ribbon(line, 0.011), "clear", puff=0.0, soft=0.004, shade=0.84, shadow=0.12, clip=False)
    perfume = inner[inner[:, 1] > flacon.level]
    surface = max(flacon.half(flacon.level) - wall, 0.02)
    if len(perfume) > 3:
        scene.add_overlay(perfume, "liquid", puff=-0.003, soft=0.016, shadow=0.10, clip=False)
        meniscus = [(-surface, flacon.level), (0.0, flacon.level + 0.004), (surface, flacon.level)]
        scene.add_seam(meniscus, width=0.006, depth=0.0, dark=0.28)
        scene.add_overlay(ribbon(line[1:], 0.009), "liquid", puff=0.0, soft=0.004, shade=0.86, shadow=0.0, clip=False)
    for side in (-1, 1):
        edge = [
            (side * (flacon.half(y) - (0.55 if flacon.shape == "oval" else 0.35) * wall), y)
            for y in np.linspace(flacon.top + 0.06, flacon.low - 0.05, 5).tolist()
        ]
        scene.add_seam(edge, width=0.010, depth=0.0, dark=0.30 if side > 0 else 0.16)
        strip = [(side * (flacon.half(y) - 3.2 * wall), y) for y in (flacon.level + 0.02, flacon.low - base - 0.02)]
        scene.darken(ribbon(strip, 0.030), 0.16, 0.016)
    half = flacon.half(flacon.low) - 2.0 * wall
    scene.add_seam([(-half, flacon.low - 0.012), (half, flacon.low - 0.012)], width=0.010, depth=0.0, dark=0.25)


def _draw_perfume_label(scene: Scene, flacon: Flacon) -> None:
    """Draw a printed label with a frame and lines of marks; no words."""
    d = scene.design
    y = flacon.level + d.uniform("label at", 0.46, 0.60) * (flacon.low - 0.05 - flacon.level)
    wide = flacon.half(y) * d.uniform("label width", 0.50, 0.70)
    high = d.uniform("label height", 0.062, 0.095)
    scene.add_overlay(
        box(-wide, y - high, wide, y + high, 0.004), "paper", puff=0.0015, soft=0.006, shadow=0.3, clip=False
    )
    inset = 0.012
    frame = [(-wide + inset, y - high + inset), (wide - inset, y - high + inset), (wide - inset, y + high - inset)]
    scene.add_seam([frame[0], frame[1]], width=0.003, depth=0.0, dark=0.4)
    scene.add_seam([frame[2], (-wide + inset, y + high - inset)], width=0.003, depth=0.0, dark=0.4)
    rng = d.generator("marks")
    for row, size, reach in ((-0.22, 0.016, 0.62), (0.34, 0.008, 0.46)):
        marks = int(rng.integers(4, 8))
        for x in np.linspace(-reach * wide, reach * wide, marks).tolist():
            top, bottom = y + row * high - size, y + row * high + size
            lean = rng.choice((0.0, 0.0, 0.3, -0.3)) * size
            scene.add_overlay(
                ribbon([(x - lean, top), (x + lean, bottom)], 0.006), "dark", puff=0.0, shadow=0.0, clip=False
            )


def _draw_cap(scene: Scene, base: float, tall: float, half: float) -> None:
    """Draw a cap: a cylinder, a block, a dome or a ball; of metal, or of lacquer with a metal ring."""
    d = scene.design
    cloth = d.choice("cap cloth", ("fitting", "fitting", "case"))
    style = d.choice("cap shape", ("cylinder", "block", "dome", "ball"))
    if style == "ball":
        radius = 0.5 * tall + 0.012
        angles = np.linspace(0.25, np.pi - 0.25, 13)
        profile = [(radius * math.sin(a), base - radius - radius * 0.97 * math.cos(a)) for a in angles.tolist()]
        draw_revolved(scene, RevolvedBody(profile=profile), cloth)
    elif style == "block":
        scene.add_panel(box(-half, base - tall, half, base, 0.010), cloth, puff=0.016, soft=0.014, shadow=0.35)
        for side in (-1, 1):
            scene.darken(box(side * 0.70 * half, base - tall, side * half, base), 0.25, 0.010)
    else:
        top, dome = base - tall, 0.40 * tall if style == "dome" else 0.0
        turns = np.linspace(0.35, 0.5 * np.pi, 7).tolist() if dome else []
        shoulder = [(half * math.sin(a), top + dome * (1 - math.cos(a))) for a in turns] or [(half, top)]
        draw_revolved(scene, RevolvedBody(profile=[*shoulder, (half, base)]), cloth)
    if cloth == "case":
        ring = RevolvedBody(
            profile=[(0.9 * half if style != "ball" else 0.05, base - 0.012), (0.9 * half, base + 0.012)]
        )
        draw_revolved(scene, ring, "fitting")
