"""Draw pairs of gloves and mittens as solid bodies: laid flat beside each other, or one across the other.

A point of one glove has u across it (the thumb at u < 0), v along it (the wrist at 0, fingers above), and z towards the
viewer, in units: 0.02 is about one centimetre.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from generator.render.engine import Float64Array
from generator.render.engine.fittings import draw_button, draw_plate
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene
from generator.render.engine.solid import Points, SolidBody, Viewpoint

FILL = {"child": 0.58, "small": 0.68, "medium": 0.81, "large": 0.93}
"""Share of the image that the larger side of a pair fills, by size."""
FINGERS = ((-0.069, 0.168, 0.11), (-0.023, 0.190, 0.03), (0.023, 0.177, -0.04), (0.065, 0.140, -0.14))
"""Middle at the knuckles (u), length and spread (radians to the left) of the fingers of a left hand, back up."""
KNUCKLES = (0.184, 0.200, 0.194, 0.172)
"""Where the fingers begin (v)."""
Add = Callable[..., None]
"""Adds a grid of points of a left glove, the light on it, and the cloths of its front and back."""
THUMB = ((-0.052, 0.050), (-0.082, 0.105), (-0.118, 0.150), (-0.138, 0.196), (-0.142, 0.232))
"""Middle line of the thumb (u, v)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where one glove of a pair lies: mirrored, turned, moved, and how far above the ground."""

    x: float
    y: float
    z: float
    turn: float
    mirrored: bool

    def apply(self, points: Points) -> Points:
        """Return where points of a left glove are; a mirrored grid is reversed to keep its front."""
        u, v = (-points[..., 0] if self.mirrored else points[..., 0]), points[..., 1]
        c, s = math.cos(self.turn), math.sin(self.turn)
        placed = np.stack([c * u - s * v + self.x, s * u + c * v + self.y, points[..., 2] + self.z], axis=-1)
        return placed[::-1] if self.mirrored else placed


@dataclass(frozen=True, slots=True, kw_only=True)
class Glove:
    """The design of a pair: a hand, fingers or one bag for all of them, and a cuff."""

    mitten: bool
    fat: float
    long: float
    thick: float
    cuff: float
    flare: float
    spread: float

    def half(self, v: Float64Array) -> Float64Array:
        """Return half the width at v: the cuff below 0, the wrist, the palm, and the bag of a mitten."""
        wide = 0.096 if not self.mitten else 0.106
        at = [-self.cuff, -0.35 * self.cuff, 0.0, 0.06, 0.12, 0.185, 0.26]
        top = wide if self.mitten else 0.080
        halves = [0.076 + self.flare, 0.075 + 0.3 * self.flare, 0.072, 0.084, 0.095, wide, top]
        smooth = np.interp(np.linspace(0, 1, 61), np.linspace(0, 1, 7), at)
        line = np.convolve(np.pad(np.interp(smooth, at, halves), 5, mode="edge"), np.ones(11) / 11, mode="valid")
        return np.asarray(self.fat * np.interp(v, smooth, line))

    def height(self, v: Float64Array) -> Float64Array:
        """Return how thick the glove is at v."""
        at, heights = (-self.cuff, -0.02, 0.06, 0.12, 0.17, 0.22), (0.020, 0.026, 0.036, 0.038, 0.034, 0.022)
        return np.asarray(self.thick * np.interp(v, at, heights))


@register_silhouette("gloves")
def draw_gloves(scene: Scene) -> None:
    """Draw a pair: leather with three seams on the back, or knitted with ribbed cuffs; some are mittens."""
    d, shot = scene.design, scene.shot
    glove = Glove(
        mitten=d.chance("mitten", 0.35),
        fat=d.uniform("fat", 0.96, 1.10),
        long=d.uniform("long", 0.94, 1.08),
        thick=d.uniform("thick", 0.90, 1.25),
        cuff=d.uniform("cuff", 0.07, 0.20),
        flare=d.uniform("flare", 0.0, 0.022),
        spread=shot.uniform("spread", -0.15, 0.75),
    )
    kind = d.choice(
        "kind", ("ribbed", "ribbed", "fur") if glove.mitten else ("buttoned", "ribbed", "ribbed", "strapped", "fur")
    )
    view = Viewpoint(yaw=shot.uniform("yaw", -0.10, 0.10), pitch=-shot.uniform("pitch", 0.0, 0.38), near=0.16)
    body = SolidBody(scene, view)
    layouts = _sample_layouts(scene, glove)
    for number, layout in enumerate(layouts):
        _add_glove(scene, body, glove, layout, kind, str(number))
    body.fit_camera(FILL[scene.appearance.size], limpness=0.35)
    body.draw()
    for layout in layouts:
        _draw_details(scene, body, glove, layout, kind)


def _sample_layouts(scene: Scene, glove: Glove) -> list[Layout]:
    """Sample how the pair lies: side by side with the thumbs inside or outside, or one across the other."""
    shot = scene.shot
    kind = shot.choice("lie", ("across", "apart", "beside", "apart"))
    side = shot.choice("upper", (-1, 1))
    tilt = shot.uniform("tilt", -0.25, 0.25)
    if kind == "across":
        turn = shot.uniform("cross", 0.16, 0.46)
        apart = shot.uniform("near", 0.07, 0.13)
        up = shot.uniform("slide", -0.03, 0.06)
        return [
            Layout(x=side * apart, y=up, z=0.0, turn=tilt - side * turn, mirrored=side < 0),
            Layout(x=-0.4 * side * apart, y=-up, z=0.050, turn=tilt + 0.3 * side * turn, mirrored=side > 0),
        ]
    thumbs_in = kind == "beside"
    apart = glove.fat * (0.125 if not thumbs_in else 0.150) + shot.uniform("gap", 0.0, 0.03)
    fan = shot.uniform("fan", -0.04, 0.16) if not thumbs_in else shot.uniform("fan", -0.02, 0.14)
    return [
        Layout(
            x=s * apart,
            y=shot.uniform(f"up {s}", -0.02, 0.02),
            z=0.025 * (s == side),
            turn=-s * fan + shot.uniform(f"turn {s}", -0.05, 0.05),
            mirrored=(s < 0) == thumbs_in,
        )
        for s in (-1, 1)
    ]


def _section(number: int = 15, low: float = -0.16) -> Float64Array:
    """Return angles of the section of a tube from its left over the front to its right, shape (number, 1)."""
    return np.linspace(low * math.pi, (1 - low) * math.pi, number)[:, None]


def _tube(line: Points, radius: Float64Array, flat: float, low: Float64Array) -> tuple[Points, Float64Array]:
    """Return a tube around a line of (u, v) at heights `low`, from its end down, and the light beside it."""
    along = np.gradient(line, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    angle, right = _section(), np.stack([along[:, 1], -along[:, 0]], axis=1)
    across = -np.cos(angle)[..., None] * (radius[:, None] * right)[None]
    high = low[None, :] + flat * radius[None, :] * np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** 0.85
    grid = np.concatenate([line[None] + across, high[..., None]], axis=-1)
    light = np.broadcast_to(0.58 + 0.42 * np.clip(np.sin(angle), 0, 1) ** 0.55, high.shape)
    return grid[:, ::-1], light


def _sink(t: Float64Array, share: float) -> Float64Array:
    """Return how far the root of a finger lies inside the hand: it rises over a share of its length."""
    return np.asarray(0.032 * (1 - np.clip(t / share, 0, 1)) ** 1.6)


def _steps(number: int) -> Float64Array:
    """Return numbers from 0 to 1, closer together towards 1, where the tip is round."""
    t = np.linspace(0, 1, number)
    return np.asarray(1 - (1 - t) ** 1.6)


def _add_glove(scene: Scene, body: SolidBody, glove: Glove, layout: Layout, kind: str, name: str) -> None:
    """Add one glove: thumb, fingers, hand and cuff."""
    rng = scene.shot.generator(f"glove {name}")
    t = _steps(15)
    base = 0.030 * glove.thick

    def add(grid: Points, light: Float64Array, cloth: str = "main", back: str | None = None) -> None:
        uv = np.stack([grid[..., 0], -grid[..., 1]], axis=-1)
        shade = np.broadcast_to(light, grid.shape[:2])
        if layout.mirrored:
            uv, shade = uv[::-1], shade[::-1]
        body.add(layout.apply(grid), cloth, back=back, uv=uv, shade=shade, dense=len(grid) < 50)

    tip = np.clip((t - 0.80) / 0.20, 0, 1)
    around_tip = np.sqrt(np.maximum(1 - tip**2, 0.0)) + 1e-4
    thumb = np.stack([np.interp(t, np.linspace(0, 1, 5), [p[k] for p in THUMB]) for k in (0, 1)], axis=1)
    thumb = _smooth(thumb) * (glove.fat, glove.long)
    thumb[:, 0] += 0.020 * rng.uniform(-0.5, 1.0) * t**2
    width = np.interp(t, (0.0, 0.25, 0.5, 1.0), (0.020, 0.036, 0.034, 0.030))
    add(*_tube(thumb, glove.fat * around_tip * width, 0.80, 0.8 * base - _sink(t, 0.30)))
    if glove.mitten:
        v = 0.08 + (0.385 * glove.long - 0.08) * (1 - (1 - np.linspace(0, 1, 25)) ** 2.2)
    else:
        v = np.linspace(0.0, 0.225 * glove.long, 13)
        for i in (3, 0, 2, 1):
            u, length, spread = FINGERS[i]
            lean = spread * glove.spread + rng.uniform(-0.05, 0.05)
            bend = rng.uniform(-0.16, 0.16)
            reach = (length * glove.long + 0.07) * t
            line = np.stack(
                [
                    u * glove.fat - np.sin(lean) * reach - 0.5 * bend * reach * np.maximum(reach - 0.07, 0),
                    (KNUCKLES[i] * glove.long - 0.07) + reach * np.cos(lean),
                ],
                axis=1,
            )
            radius = 0.0265 * glove.fat * around_tip * (1.03 - 0.12 * t)
            low = base + rng.uniform(-0.003, 0.003) - _sink(t, 0.095 / (length + 0.07))
            add(*_tube(line, radius, 0.92 + rng.uniform(-0.06, 0.06), low))
    _add_hand(glove, add, rng, v)
    _add_cuff(glove, add, rng, kind)


def _smooth(line: Points) -> Points:
    """Return a line with its corners rounded."""
    padded = np.concatenate([2 * line[:1] - line[1:4][::-1], line, 2 * line[-1:] - line[-4:-1][::-1]])
    kernel = np.ones(5) / 5
    return np.stack([np.convolve(padded[:, k], kernel, mode="same")[3:-3] for k in (0, 1)], axis=1)


def _add_hand(glove: Glove, add: Add, rng: np.random.Generator, v: Float64Array) -> None:
    """Add the back of the hand from the wrist to the knuckles, or to the tip of a mitten."""
    angle = _section(23, -0.10)
    v = np.concatenate([np.linspace(-0.012, v[0], 4)[:-1], v]) if glove.mitten else v
    half, high = glove.half(v), glove.height(v)
    if glove.mitten:
        end = np.clip((v - 0.24 * glove.long) / (0.145 * glove.long), 0, 1)
        rounded = np.sqrt(np.maximum(1 - end**2.3, 0.0)) + 1e-4
        half, high = half * rounded, np.maximum(high, 0.030 * glove.thick) * rounded**0.8
    sine, cosine = np.sin(angle), np.cos(angle)
    u = -np.sign(cosine) * np.abs(cosine) ** 0.75 * half + 0.006 * glove.fat
    relief = sum(
        rng.uniform(0.3, 1.0) * np.sin(k * u / 0.05 + m * v[None, :] / 0.05 + rng.uniform(0, 6.28))
        for k, m in ((0.5, 0.9), (1.1, 0.4), (0.7, 1.5))
    )
    z = 0.016 * glove.thick + high * np.sign(sine) * np.abs(sine) ** 0.62 + 0.0022 * relief * np.clip(sine, 0, 1)
    grid = np.stack(np.broadcast_arrays(u, v[None, :], z), axis=-1)
    light = 0.66 + 0.34 * np.clip(sine, 0, 1) ** 0.4
    add(grid[:, ::-1], light)


def _add_cuff(glove: Glove, add: Add, rng: np.random.Generator, kind: str) -> None:
    """Add the cuff: ribbed, of the same cloth with wrinkles, or with a trim of fur; its inside shows below."""
    angle = np.linspace(0.5 * math.pi, -1.5 * math.pi, 193 if kind == "ribbed" else 57)[:, None]
    v = np.linspace(0.035, -glove.cuff, 14)
    t = np.clip(-v / glove.cuff, 0, 1)[None, :]
    ridge = 1 + (0.06 * np.sin(24 * angle) if kind == "ribbed" else 0.0)
    half, high = glove.half(v), glove.height(v)
    sine, cosine = np.sin(angle), np.cos(angle)
    wrinkle = 1 + 0.10 * np.sin(2 * math.pi * (2.2 * t + 0.25 * cosine) + rng.uniform(0, 6.28)) * np.exp(
        -(((t - 0.15) / 0.25) ** 2)
    )
    u = -np.sign(cosine) * np.abs(cosine) ** 0.8 * half + 0.006 * glove.fat
    z = 0.018 * glove.thick + (high + 0.004) * np.sign(sine) * np.abs(sine) ** 0.7 * ridge * wrinkle
    grid = np.stack(np.broadcast_arrays(u, v[None, :], z), axis=-1)
    light = (0.66 + 0.34 * np.clip(sine, 0, 1) ** 0.4) * (1 + 2.6 * np.minimum(ridge - 1, 0))
    add(grid, light, "rib" if kind == "ribbed" else "main", "lining")
    if kind == "fur":
        s = np.linspace(0, 1, 17)
        level = np.interp(s, np.linspace(0, 1, 6), v[-6:]) - 0.012 * (s - 0.3)
        ring = grid[:, -3][:, None]
        bulge = 1 + 0.20 * np.sin(math.pi * s)[None, :] ** 0.5 + 0.05 * rng.uniform(-1, 1, (57, 17))
        bulge[-1] = bulge[0]
        fur = np.stack(np.broadcast_arrays(ring[..., 0] * bulge, level, ring[..., 2] * bulge + 0.006), axis=-1)
        add(fur, np.clip(0.95 + 2.5 * (bulge - 1.17), 0.7, 1.0), "fur", "lining")


def _draw_details(scene: Scene, body: SolidBody, glove: Glove, layout: Layout, kind: str) -> None:
    """Draw seams and stitches on the back, and the closure at the wrist."""

    def back(u: Float64Array, v: Float64Array) -> Points:
        flat = np.clip(1 - (u / glove.half(v)) ** 2, 0, 1)
        z = 0.016 * glove.thick + glove.height(v) * flat**0.31
        points = layout.apply(np.stack([u + 0.006 * glove.fat, v, z], axis=-1))
        return points[::-1] if layout.mirrored else points

    t = np.linspace(0, 1, 12)
    if not glove.mitten and kind != "ribbed":
        for middle in (-0.042, 0.0, 0.042):
            line = back(glove.fat * middle * (0.62 + 0.38 * t), 0.055 + 0.115 * t)
            body.add_seam(line, width=0.005, depth=0.003, dark=0.40)
            body.add_topstitch(line + np.array([0.005, 0.0, 0.0]), width=0.0028)
    if kind in ("buttoned", "strapped"):
        reach = (-0.9, 0.9) if kind == "strapped" else (-0.15, 0.9)
        u = glove.half(np.array(-0.012)) * np.linspace(*reach, 9)
        strip = [back(u, np.full(9, level)) for level in (0.005, -0.029)]
        seen = body.visible(np.concatenate(strip) + np.array([0.0, 0.0, 0.01]), 0.03)
        if seen.mean() > 0.8:
            shape = np.concatenate([body.flat(strip[0]), body.flat(strip[1])[::-1]])
            scene.add_overlay(shape, "trim", puff=0.005, soft=0.008, shadow=0.45)
    place = back(np.array([0.03, 0.06, 0.0, 0.03, 0.03]), np.array([-0.012, -0.012, -0.012, 0.01, -0.03]))
    if body.visible(place + np.array([0.0, 0.0, 0.01]), 0.03).all():
        x, y = body.flat(place[:1])[0].tolist()
        if scene.appearance.hardware != "none":
            draw_plate(scene, x, y, 0.026, 0.015)
        elif kind in ("buttoned", "strapped"):
            draw_button(scene, x, y, 0.012)
