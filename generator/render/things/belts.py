"""Draw belts: closed to a loop, or rolled up, as solid strips that stand on their edge."""

import math

import numpy as np

from generator.render.engine import Float64Array
from generator.render.engine.curves import Point, box, disc
from generator.render.engine.fittings import draw_buckle, draw_plate, draw_ring
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene
from generator.render.engine.solid import Points, SolidBody, Viewpoint

WIDTH = {"child": 0.076, "small": 0.070, "medium": 0.098, "large": 0.136}
"""Width of the strap in units, by size."""
FILL = {"child": 0.66, "small": 0.84, "medium": 0.87, "large": 0.90}
"""Share of the image that the larger side of a belt fills, by size."""
THICK = 0.010
"""Thickness of the strap, in units."""


class Strap:
    """A strap that stands on a line on the floor, counterclockwise from above; its pointed tip is where this begins."""

    def __init__(self, line: Points, width: float, pointed: float) -> None:
        self.line, self.width = line, width
        along = np.gradient(line, axis=0)
        along /= np.linalg.norm(along, axis=1, keepdims=True)
        self.out = np.stack([-along[:, 1], along[:, 0]], axis=1)
        steps = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
        self.place = steps
        left = np.clip(steps / (pointed * width), 0, 1)
        self.half = 0.5 * width * np.sqrt(1 - (1 - left) ** 2.2 + 1e-6)

    def points(self, high: Float64Array | float, out: float = 0.0) -> Points:
        """Return points at a share of the width (-1 below, 1 above), `out` units outside; shape (n, 3)."""
        x, z = (self.line + out * self.out).T
        return np.stack([x, 0.5 * self.width + self.half * high, z], axis=1)

    def add(self, body: SolidBody) -> None:
        """Add both sides of the strap and its edges."""
        levels = np.linspace(1, -1, 7)
        outer = np.stack([self.points(v, THICK * (0.5 - 0.25 * abs(v) ** 3)) for v in levels], axis=1)
        inner = np.stack([self.points(v, -0.5 * THICK) for v in levels], axis=1)
        uv = np.stack(np.broadcast_arrays(self.place[:, None], -0.5 * self.width * levels[None, :]), axis=-1)
        body.add(outer, "main", uv=uv)
        body.add(inner[::-1], "insole", uv=uv[::-1], shade=np.linspace(0.95, 0.62, 7)[None, :])
        body.add(np.stack([inner[:, 0], outer[:, 0]], axis=1), "trim", shade=0.95)


@register_silhouette("belt")
def draw_belt(scene: Scene) -> None:
    """Draw a belt, closed to a loop and seen slightly from above, or rolled up; buckle in front, holes in the end."""
    d, shot, size = scene.design, scene.shot, scene.appearance.size
    width = WIDTH[size] * d.uniform("width", 0.90, 1.10)
    rolled = shot.chance("rolled", 0.5)
    shape = d.choice("buckle", ("square", "round", "wide", "plate"))
    pitch = shot.uniform("pitch", 0.26, 0.50)
    body = SolidBody(scene, Viewpoint(yaw=shot.uniform("yaw", -0.30, 0.30), pitch=pitch, near=0.20))
    angle, place = _rolled_line(scene, width) if rolled else _looped_line(scene)
    strap = Strap(place, width, d.uniform("point", 0.35, 0.8))
    strap.add(body)
    if not rolled:
        _add_keeper(body, strap, angle, width)
    front = int(np.argmin(np.abs(angle)))
    middle = strap.points(0.0, THICK)[front][None]
    frame = (0.5 * width + 0.020) * {"square": 1.25, "round": 1.5, "wide": 1.65, "plate": 1.6}[shape] + 0.03
    _fit_camera(body, body.flat(middle)[0].tolist(), frame, FILL[size])
    prints = [body.flat(strap.points(-1.0)), body.flat(strap.points(-1.0)[::-1])]
    scene.stand_on([np.concatenate([prints[0], prints[1] + (0.0, 0.012)])])
    body.draw()
    if d.chance("stitched", 0.7):
        for level in (-0.78, 0.78):
            body.add_topstitch(strap.points(level, 0.6 * THICK)[6:-3], width=0.0032)
    if not rolled:
        _draw_holes(scene, body, strap)
    x, y = body.flat(middle)[0].tolist()
    _draw_buckle(scene, (x, y), width, shape)


def _fit_camera(body: SolidBody, buckle: Point, frame: float, fill: float) -> None:
    """Set the camera so that the belt and its buckle, `frame` units around a point, fill a share of the image."""
    x0, y0, x1, y1 = body.box()
    x, y = buckle
    x0, x1 = min(x0, x - frame), max(x1, x + frame)
    y0, y1 = min(y0, y - frame), max(y1, y + frame)
    body.scene.set_camera(fill / max(x1 - x0, y1 - y0), (0.5 * (x0 + x1), 0.5 * (y0 + y1)), 0.05)


def _looped_line(scene: Scene) -> tuple[Float64Array, Points]:
    """Return angles (0 in front) and places of a closed belt: once around, then over its beginning to the tip."""
    d = scene.design
    lap = d.uniform("lap", 0.42, 0.75)
    wide, deep = d.uniform("loop", 0.33, 0.37), d.uniform("deep", 0.23, 0.33)
    angle = np.linspace(0.0, -2 * math.pi - lap, 161)
    over = np.clip((-angle - 5.2) / 1.0, 0, 1)
    grow = 1.3 * THICK * over * over * (3 - 2 * over)
    bend = 0.010 * np.sin(2 * angle + scene.shot.uniform("bend", 0, 6.28))
    line = np.stack([(wide + grow + bend) * np.sin(angle), (deep + grow + bend) * np.cos(angle)], axis=1)
    return angle[::-1] + 2 * math.pi, line[::-1]


def _rolled_line(scene: Scene, width: float) -> tuple[Float64Array, Points]:
    """Return angles (0 in front) and places of a rolled belt: the tip inside, the buckle outside in front."""
    d, shot = scene.design, scene.shot
    turns, outer = d.choice("turns", (2, 3, 3)), d.uniform("roll", 0.165, 0.215)
    gap = shot.uniform("gap", 0.020, 0.034)
    angle = np.linspace(-2 * math.pi * turns, shot.uniform("end", 0.0, 0.12), 48 * turns)
    radius = outer + gap * angle / (2 * math.pi)
    radius += 0.008 * np.sin(angle * 0.7 + shot.uniform("uneven", 0, 6.28))
    radius = np.maximum(radius, 0.06) * (1 + 0.5 * (width - 0.1))
    return angle, np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1)


def _add_keeper(body: SolidBody, strap: Strap, angle: Float64Array, width: float) -> None:
    """Add the loop that holds the tip, beside the buckle."""
    at = np.flatnonzero((angle > -0.40) & (angle < -0.30))
    if at.size < 2:
        return
    upper, lower = strap.points(1.12, 1.2 * THICK)[at], strap.points(-1.12, 1.2 * THICK)[at]
    body.add(np.stack([upper, 0.5 * (upper + lower), lower], axis=1), "self", part="strap", dense=False)


def _draw_holes(scene: Scene, body: SolidBody, strap: Strap) -> None:
    """Draw the holes near the tip."""
    middle = strap.points(0.0, THICK)
    for back in np.arange(5) * 0.036 + 0.10:
        k = int(np.argmin(np.abs(strap.place - back)))
        if body.visible(middle[k : k + 1], 0.03).all():
            x, y = body.flat(middle[k : k + 1])[0].tolist()
            scene.darken(disc(x, y, 0.0065), 0.85, 0.001)


def _draw_buckle(scene: Scene, at: Point, width: float, shape: str) -> None:
    """Draw a buckle: its height is its own, without the steps of the turns behind it."""
    (x, y), frame = at, 0.5 * width + 0.020
    behind, fitting = scene.height.copy(), scene.cloth_names.index("fitting") + 1
    if shape == "round":
        draw_ring(scene, x, y, frame + 0.012, frame + 0.012, 0.028)
        bar = box(x - frame, y - 0.008, x + frame * 0.9, y + 0.008, 0.006)
        scene.add_overlay(bar, "fitting", puff=0.006, soft=0.006, clip=False)
    elif shape == "plate":
        draw_plate(scene, x, y, 1.35 * frame, frame)
        draw_ring(scene, x, y, 1.10 * frame, 0.76 * frame, 0.008, power=6.0)
    else:
        draw_buckle(scene, x, y, frame * (1.0 if shape == "square" else 1.25), frame, 0.024)
    metal = np.where(scene.top_share > 0.5, scene.top_cloth, scene.second_cloth) == fitting
    level = np.float32(np.max(behind[metal], initial=0.0))
    np.copyto(scene.height, scene.height - behind + level, where=metal)
