"""Draw home products: vase, mug, cushion, throw."""

import math
from typing import NamedTuple

import numpy as np

from generator.render.engine import Float64Array
from generator.render.engine.curves import Point, disc, mirrored_outline, outline, ribbon
from generator.render.engine.height_field import Crease
from generator.render.engine.registry import register_silhouette
from generator.render.engine.revolve import TILT, RevolvedBody, draw_hoop, draw_mouth, draw_revolved, window_of
from generator.render.engine.scene import Scene
from generator.render.engine.solid import Points, SolidBody, Viewpoint

SCALE = {"child": 0.69, "small": 0.82, "medium": 0.96, "large": 1.07}
"""Scale of a product, by size."""
FORESHORTENED = 1.7
"""Depth of a horizontal face over its height in the image."""


@register_silhouette("vase")
def draw_vase(scene: Scene) -> None:
    """Draw a vase of five shapes, some with handles; metal hardware is a ring at neck and foot."""
    d = scene.design
    scene.set_camera(0.98 * SCALE[scene.appearance.size], (0.0, 0.52))
    style = d.choice("style", ("bottle", "amphora", "cylinder", "globe", "trumpet"))
    wide = d.uniform("width", 0.92, 1.12)
    top, low = 0.10 + d.uniform("top", 0.0, 0.07), 0.93
    tall = low - top
    shapes: dict[str, list[Point]] = {
        "bottle": [(0.075, 0.0), (0.066, 0.14), (0.072, 0.30), (0.19, 0.50), (0.235, 0.70), (0.20, 0.90), (0.135, 1.0)],
        "amphora": [(0.12, 0.0), (0.092, 0.07), (0.105, 0.16), (0.24, 0.32), (0.265, 0.46), (0.19, 0.78), (0.105, 1.0)],
        "cylinder": [(0.185, 0.0), (0.180, 0.10), (0.178, 0.5), (0.185, 0.88), (0.165, 1.0)],
        "globe": [(0.11, 0.0), (0.098, 0.07), (0.13, 0.17), (0.285, 0.40), (0.315, 0.60), (0.25, 0.86), (0.14, 1.0)],
        "trumpet": [
            (0.215, 0.0),
            (0.155, 0.12),
            (0.105, 0.36),
            (0.115, 0.58),
            (0.165, 0.80),
            (0.150, 0.95),
            (0.13, 1.0),
        ],
    }
    if style == "globe":
        top, tall = top + 0.14, tall - 0.14
    body = RevolvedBody(profile=[(wide * half, top + share * tall) for half, share in shapes[style]])
    foot = body.profile[-1][0]
    scene.place_on_floor(-1.0 * foot, 1.0 * foot, low + 0.6 * TILT * foot)
    if style in ("amphora", "bottle") and d.chance("handles", 0.5):
        _draw_vase_handles(scene, body, top, tall)
    draw_revolved(scene, body)
    draw_mouth(scene, body, 0.022, 0.80)
    if scene.appearance.hardware != "none":
        draw_hoop(scene, body, top + 0.010, top + 0.045)
        draw_hoop(scene, body, low - 0.050, low - 0.012)


def _draw_vase_handles(scene: Scene, body: RevolvedBody, top: float, tall: float) -> None:
    y0, y1 = top + 0.09 * tall, top + 0.36 * tall
    inner, outer = (float(body.half_width(y)) for y in (y0, y1))
    reach = max(inner, outer) + 0.035
    for side in (-1, 1):
        curve = [
            (side * x, y)
            for x, y in ((inner - 0.01, y0), (reach, y0 + 0.01), (reach, 0.6 * y0 + 0.4 * y1), (outer - 0.03, y1))
        ]
        scene.add_panel(ribbon(curve, 0.036, 0.044), puff=0.024, soft=0.016, shadow=0.0)


@register_silhouette("mug")
def draw_mug(scene: Scene) -> None:
    """Draw a cup with a handle.

    Straight, rounded or tapered; the lining is its inside, metal hardware a gilt rim and foot.
    """
    d = scene.design
    scene.set_camera(1.02 * SCALE[scene.appearance.size], (0.085, 0.52))
    style = d.choice("style", ("straight", "barrel", "tapered", "flared"))
    half, tall = d.uniform("width", 0.245, 0.290), d.uniform("height", 0.52, 0.64)
    top = 0.53 - tall / 2
    low = top + tall
    shapes: dict[str, list[Point]] = {
        "straight": [(1.0, 0.0), (0.985, 0.3), (0.985, 0.88), (0.95, 0.97), (0.87, 1.0)],
        "barrel": [(0.92, 0.0), (1.0, 0.25), (1.06, 0.55), (0.98, 0.85), (0.78, 1.0)],
        "tapered": [(1.06, 0.0), (1.0, 0.3), (0.87, 0.75), (0.78, 0.96), (0.72, 1.0)],
        "flared": [(1.10, 0.0), (0.96, 0.18), (0.94, 0.45), (0.96, 0.75), (0.84, 0.93), (0.62, 1.0)],
    }
    body = RevolvedBody(profile=[(half * share, top + at * tall) for share, at in shapes[style]])
    foot = body.profile[-1][0]
    scene.place_on_floor(-1.02 * foot, 1.02 * foot, low + 0.6 * TILT * foot)
    _draw_mug_handle(scene, body, top, tall)
    draw_revolved(scene, body)
    draw_mouth(scene, body, 0.020, 0.62)
    if scene.appearance.hardware != "none":
        draw_hoop(scene, body, top + 0.004, top + 0.036)
        draw_hoop(scene, body, low - 0.055, low - 0.025)


def _draw_mug_handle(scene: Scene, body: RevolvedBody, top: float, tall: float) -> None:
    """Draw a handle: a round loop, a square loop or an open hook."""
    d = scene.design
    style, out = d.choice("handle", ("round", "square", "low")), d.uniform("handle reach", 0.13, 0.18)
    y0, y1 = top + 0.16 * tall, top + 0.80 * tall
    x0, x1 = (float(body.half_width(y)) - 0.02 for y in (y0, y1))
    far = max(x0, x1) + out
    ears: dict[str, list[Point]] = {
        "round": [
            (x0, y0),
            (far - 0.05, y0 - 0.005),
            (far, 0.6 * y0 + 0.4 * y1),
            (far - 0.06, 0.2 * y0 + 0.8 * y1),
            (x1, y1),
        ],
        "square": [(x0, y0), (far - 0.04, y0), (far, y0 + 0.04), (far, y1 - 0.06), (far - 0.04, y1 - 0.01), (x1, y1)],
        "low": [
            (x0, y0 + 0.02),
            (far - 0.07, y0 - 0.03),
            (far, y0 + 0.08),
            (far - 0.03, 0.4 * y0 + 0.6 * y1),
            (x1, y1),
        ],
    }
    scene.add_panel(ribbon(ears[style], 0.056, 0.050), "self", puff=0.030, soft=0.022, shadow=0.0)


class Pillow(NamedTuple):
    """A stuffed cover: a point of it has a and b from -1 to 1 to the right and up, its middle is the origin."""

    wide: float
    high: float
    depth: float
    """Half width, half height and half thickness, in units."""
    pinch: float
    """How far the middle of a side is inside the line between the corners, as a share."""
    full: float
    """Exponent of the thickness: small is stuffed tightly up to the seam."""
    dent: float
    """How far the upper edge is pressed in at its middle, in units."""
    waves: tuple[tuple[float, float, float], ...]
    """Folds that run in from the corners: number, phase and depth in units."""

    def outline(self, a: Float64Array, b: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Return x and y of a point."""
        x = self.wide * a * (1 - self.pinch * (1 - b**2) ** 1.5)
        y = self.high * b * (1 - self.pinch * (1 - a**2) ** 1.5 * np.where(b < 0, 0.5, 1.0))
        return x, y - self.dent * np.exp(-((a / 0.30) ** 2)) * np.clip(0.5 + 0.5 * b, 0, 1) ** 2

    def height(self, a: Float64Array, b: Float64Array) -> Float64Array:
        """Return half the thickness of a point; the filling sags, and folds run in from the corners."""
        inside = np.clip((1 - a**2) * (1 - b**2), 0, 1)
        folds = np.zeros_like(inside)
        for number, (turns, phase, size) in enumerate(self.waves):
            ca, cb = (-1, 1)[number % 2], (-1, 1)[number // 2]
            away = np.hypot((a - ca) * self.wide, (b - cb) * self.high) / min(self.wide, self.high)
            angle = np.arctan2(np.abs(b - cb) * self.high, np.abs(a - ca) * self.wide)
            folds += size * np.sin(turns * angle + phase) * away * np.exp(-((away / 0.55) ** 2)) * np.sin(2 * angle)
        folds -= 0.6 * self.dent * np.exp(-((a / 0.16) ** 2)) * np.clip(b, 0, 1)
        return np.asarray(self.depth * inside**self.full * (1 - 0.16 * b) + folds * np.clip(4 * inside, 0, 1))

    def edge(self, number: int, out: float = 0.0) -> Points:
        """Return points of the seam, clockwise from the upper left corner, `out` units outside it."""
        t = np.linspace(-1, 1, number)
        one = np.ones_like(t)
        a = np.concatenate([t, one, -t, -one])
        b = np.concatenate([one, -t, -one, t])
        x, y = self.outline(a, b)
        reach = np.maximum(np.hypot(a, b) ** 4, 1.0) ** 0.25
        return np.stack([x + out * a / reach, y + out * b / reach, np.zeros_like(x)], axis=1)


@register_silhouette("cushion")
def draw_cushion(scene: Scene) -> None:
    """Draw a stuffed cover that stands, square or lumbar; edge plain, piped, fringed, flanged or with tassels."""
    d, shot = scene.design, scene.shot
    lumbar = d.chance("lumbar", 0.35)
    wide, high = d.uniform("width", 0.34, 0.395), d.uniform("height", 0.32, 0.38)
    if lumbar:
        wide, high = d.uniform("long", 0.385, 0.415), d.uniform("low", 0.21, 0.27)
    edge = d.choice("edge", ("plain", "plain", "piped", "flange", "fringe", "tassels"))
    rng = shot.generator("folds")
    waves = tuple((rng.uniform(7, 13), rng.uniform(0, 6.28), rng.uniform(0.015, 0.045)) for _ in range(4))
    pillow = Pillow(
        wide,
        high,
        min(wide, high) * d.uniform("stuffed", 0.60, 0.85),
        d.uniform("pinch", 0.10, 0.17),
        d.uniform("full", 0.56, 0.85),
        shot.choice("pressed", (0.0, 0.0, 1.0)) * shot.uniform("dent", 0.03, 0.07),
        waves,
    )
    yaw = shot.uniform("yaw", -0.28, 0.28) if shot.chance("frontal", 0.5) else shot.uniform("turned", -0.6, 0.6)
    body = SolidBody(scene, Viewpoint(yaw=yaw, pitch=shot.uniform("pitch", -0.06, 0.26), near=0.18))
    _add_cover(body, pillow)
    if edge == "flange":
        _add_flange(body, pillow)
    elif edge == "piped":
        _add_piping(body, pillow, "cord" if d.chance("contrast", 0.5) else "self")
    room = {"fringe": 0.060, "tassels": 0.075}.get(edge, 0.0)
    body.fit_camera(0.81 * SCALE[scene.appearance.size] * wide / (wide + room), limpness=0.25)
    low = pillow.edge(9)[18:27]
    ahead = np.array([0.0, 0.0, 0.06])
    scene.stand_on([body.flat(np.concatenate([low + ahead, low[::-1] - ahead]))])
    if edge == "fringe":
        _draw_fringe(scene, body, pillow)
    body.draw()
    if edge == "tassels":
        for x, y in body.flat(pillow.edge(2)[[0, 2, 4, 6]]).tolist():
            _draw_tassel(scene, x, y, 1 if x > 0 else -1)


def _add_cover(body: SolidBody, pillow: Pillow) -> None:
    """Add the front and the back of a cushion; both are dark near the seam, where the sides turn away."""
    t = np.sin(0.5 * np.pi * np.linspace(-1, 1, 35))
    a, b = np.meshgrid(t, t[::-1], indexing="ij")
    x, y = pillow.outline(a, b)
    z = pillow.height(a, b)
    uv = np.stack([pillow.wide * a, -pillow.high * b], axis=-1)
    light = 0.76 + 0.24 * np.clip(4 * (1 - np.maximum(np.abs(a), np.abs(b))), 0, 1) ** 0.7
    light *= 1 - 0.16 * np.clip(-b - 0.2, 0, 1)
    front, back = np.stack([x, y, z + 0.002], axis=-1), np.stack([x, y, -z - 0.002], axis=-1)
    body.add(front, "main", uv=uv, shade=light, quilted=True)
    body.add(back[::-1], "main", uv=uv[::-1], shade=0.85)


def _add_flange(body: SolidBody, pillow: Pillow) -> None:
    """Add a flat border around the seam."""
    grid = np.stack([pillow.edge(17, out) for out in (0.042, 0.022, 0.0, -0.012)], axis=1)
    body.add(grid, "main", back="main", uv=np.stack([grid[..., 0], -grid[..., 1]], axis=-1), shade=0.96)


def _add_piping(body: SolidBody, pillow: Pillow, cloth: str) -> None:
    """Add a cord around the seam."""
    path, out = pillow.edge(25), pillow.edge(25, 1.0) - pillow.edge(25)
    turn = np.linspace(-math.pi, math.pi, 9)[None, :, None]
    grid = path[:, None] + 0.011 * (np.cos(turn) * out[:, None] + np.sin(turn) * np.array([0.0, 0.0, 1.0]))
    body.add(grid[:, ::-1], cloth)


def _draw_fringe(scene: Scene, body: SolidBody, pillow: Pillow) -> None:
    """Draw loose threads along the left and right edges."""
    rng = scene.shot.generator("fringe")
    number = round(2 * pillow.high / 0.0135)
    b = np.linspace(-0.96, 0.96, number)
    for side in (-1, 1):
        x, y = pillow.outline(np.full_like(b, side), b)
        roots = body.flat(np.stack([x - 0.02 * side, y, np.zeros_like(x)], axis=1))
        ends = body.flat(np.stack([x + 0.055 * side, y, np.zeros_like(x)], axis=1))
        for root, end in zip(roots.tolist(), ends.tolist(), strict=True):
            tip = end[0] + rng.uniform(-0.008, 0.008), end[1] + rng.uniform(-0.002, 0.014)
            scene.add_panel(ribbon([tuple(root), tip], 0.011, 0.007), "self", puff=0.005, soft=0.004, shadow=0.0)


def _draw_tassel(scene: Scene, x: float, y: float, side: int) -> None:
    rng = scene.shot.generator(f"tassel {x:.2f} {y:.2f}")
    for i in range(7):
        end = (x + side * 0.012 + (i - 3) * 0.009 + rng.normal(0, 0.002), y + 0.085 + rng.uniform(-0.008, 0.008))
        scene.add_panel(
            ribbon([(x + side * 0.006, y + 0.015), end], 0.010, 0.012), "trim", puff=0.005, soft=0.004, shadow=0.2
        )
    scene.add_overlay(disc(x + side * 0.006, y + 0.012, 0.019, 0.022), "trim", puff=0.014, soft=0.010, clip=False)


@register_silhouette("throw")
def draw_throw(scene: Scene) -> None:
    """Draw a folded blanket: rounded folds in front, a receding top, fringe or bound edge, one corner turned over."""
    d = scene.design
    scene.set_camera(0.95 * SCALE[scene.appearance.size], (0.0, 0.52))
    wide, layers = d.uniform("width", 0.38, 0.43), d.choice("layers", (3, 4, 5))
    thick = {3: 0.098, 4: 0.080, 5: 0.068}[layers] * d.uniform("thickness", 0.92, 1.08)
    low = 0.80
    scene.place_on_floor(-wide, wide, low + 0.004)
    for i in range(layers):
        _draw_layer(scene, i, wide, low - i * thick, thick)
    top = low - layers * thick + 0.012
    _draw_top_face(scene, wide, top, thick)


def _draw_layer(scene: Scene, number: int, wide: float, low: float, thick: float) -> None:
    """Draw one fold of the stack, seen end on."""
    shot = scene.shot
    left = -wide + shot.uniform(f"left {number}", -0.010, 0.012)
    right = wide + shot.uniform(f"right {number}", -0.012, 0.010)
    sag = shot.uniform(f"sag {number}", -0.004, 0.006)
    top = low - 1.12 * thick
    shape = outline(
        [(left + 0.02, top), (0.5 * left, top + sag), (0.5 * right, top - sag), (right - 0.02, top)],
        [(right + 0.006, 0.7 * top + 0.3 * low), (right + 0.006, 0.3 * top + 0.7 * low), (right - 0.02, low)],
        [(0.4 * right, low + 0.003), (0.4 * left, low + 0.003 + sag), (left + 0.02, low)],
        [(left - 0.006, 0.3 * top + 0.7 * low), (left - 0.006, 0.7 * top + 0.3 * low), (left + 0.02, top)],
    )
    rng = shot.generator(f"layer {number}")
    folds = []
    for _ in range(4):
        x = rng.uniform(left, right)
        folds.append(
            Crease((x, low), (x + rng.normal(0, 0.05), top), rng.uniform(-0.006, 0.006), rng.uniform(0.012, 0.03))
        )
    scene.add_panel(shape, puff=0.55 * thick, soft=0.42 * thick, folds=folds, shadow=0.55, reach=0.016)


def _draw_top_face(scene: Scene, wide: float, front: float, thick: float) -> None:
    d, shot = scene.design, scene.shot
    back, narrow = front - d.uniform("depth", 0.17, 0.25), 0.86 * wide
    rng = shot.generator("top")
    folds = [
        Crease(
            (rng.uniform(-wide, wide), front),
            (rng.uniform(-narrow, narrow), back),
            rng.uniform(-0.006, 0.006),
            rng.uniform(0.02, 0.04),
        )
        for _ in range(4)
    ]
    drop = 0.75 * thick
    shape = mirrored_outline(
        [(0.0, back - 0.004), (0.6 * narrow, back), (narrow - 0.02, back + 0.004)],
        [
            (narrow, back + 0.02),
            (wide + 0.004, front + 0.2 * drop),
            (wide - 0.002, front + 0.7 * drop),
            (wide - 0.03, front + drop),
        ],
        [(0.5 * wide, front + drop + 0.003), (0.0, front + drop)],
    )
    scene.add_panel(shape, puff=0.040, soft=0.030, folds=folds, shadow=0.55, reach=0.018)
    window = window_of(scene, shape)
    y = scene.y[window]
    far = (y < front) & (y > back - 0.02) & (scene.height[window] > 0)
    np.copyto(scene.v[window], np.asarray(front + FORESHORTENED * (y - front), np.float32), where=far)
    if d.chance("fringe", 0.5):
        for i in range(44):
            x = (i / 43 - 0.5) * 1.9 * (wide - 0.02)
            end = (x + rng.normal(0, 0.004), front + drop + 0.070 + rng.uniform(-0.010, 0.010))
            scene.add_panel(
                ribbon([(x, front + drop - 0.012), end], 0.011, 0.008),
                "self",
                puff=0.006,
                soft=0.004,
                shadow=0.3,
                reach=0.008,
            )
    corner = d.uniform("corner", 0.15, 0.22)
    x = wide - 0.012
    fold = outline(
        [(x - corner, front + drop), (x - 0.55 * corner, front - 0.15 * corner), (x - 0.06, front - 0.62 * corner)],
        [(x - 0.03, front - 0.2 * corner), (x, front + 0.4 * drop)],
    )
    scene.add_panel(fold, "lining", puff=0.018, soft=0.020, lift=0.05, shadow=0.5, reach=0.016)
