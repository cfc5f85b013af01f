"""Perspective views of boxy bodies such as bags: turned a little and seen from above."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from generator.render.engine import Float32Array
from generator.render.engine.curves import Curve, Outline, Point, outline
from generator.render.engine.height_field import Crease
from generator.render.engine.scene import Scene

Corner = tuple[float, float, float]
"""x to the right, y down, z towards the camera (before the rotation), in garment units."""

PERSPECTIVE = 0.30
"""Relative reduction in size per unit of distance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A camera that looks down on a body rotated about its vertical axis; at y = `eye` it looks horizontally."""

    yaw: float
    """Rotation that shows the right side (x > 0), in radians; negative for the left side."""
    pitch: float
    """How far from above, in radians."""
    eye: float = 0.5

    @property
    def side(self) -> int:
        """+1 where the right side is visible, -1 for the left side."""
        return 1 if self.yaw >= 0 else -1

    def point(self, x: float, y: float, z: float = 0.0) -> Point:
        """Project a corner to garment units."""
        near = x * math.sin(self.yaw) + z * math.cos(self.yaw)
        scale = 1 + PERSPECTIVE * near
        across = (x * math.cos(self.yaw) - z * math.sin(self.yaw)) * scale
        down = (y - self.eye) * math.cos(self.pitch) + near * math.sin(self.pitch)
        return (across, self.eye + down * scale)

    def curve(self, corners: Iterable[Corner]) -> Curve:
        """Project a line through the corners."""
        return [self.point(*corner) for corner in corners]


def sample_view(scene: Scene, least: float = 0.12, most: float = 0.34, eye: float = 0.5, above: float = 0.14) -> View:
    """Sample the view of one shot: left or right side, `least` to `most` radians, seen from about `above` radians."""
    shot = scene.shot
    side = -1 if shot.chance("left side", 0.5) else 1
    return View(yaw=side * shot.uniform("yaw", least, most), pitch=above * shot.uniform("pitch", 0.8, 1.25), eye=eye)


class SlantedFace(NamedTuple):
    """A receding face as a `Fold` of a panel: its height falls by `slope` per unit to the right of x."""

    x: float
    slope: float

    def height(self, x: Float32Array, y: Float32Array) -> Float32Array:
        return np.asarray(-self.slope * (x - np.float32(self.x)), np.float32)


class Box:
    """A bag with a front, a top and a side, in the view of one shot."""

    def __init__(self, scene: Scene, wide: float, high: float, deep: float, low: float = 0.90) -> None:
        d = scene.design
        self.view: View = sample_view(scene, eye=0.7)
        self.wide, self.high, self.deep, self.low = wide, high, deep, low
        self.top = low - high
        self.round = d.uniform("rounded", 0.02, 0.11)
        self.flare = d.uniform("flare", -0.025, 0.030)

    def half(self, t: float) -> float:
        """Return half the width at share t of the way down."""
        return self.wide + self.flare * (t - 0.5)

    def at(self, x: float, t: float, z: float = 1.0) -> tuple[float, float]:
        """Project a point: x = -1..1 across, t = 0..1 down, z = 1 in front to -1 behind."""
        return self.view.point(x * self.half(t), self.top + t * self.high, z * self.deep)

    def line(self, points: Curve, z: float = 1.0) -> Curve:
        """Project points of the box, each (x, t, z)."""
        return [self.at(x, t, z) for x, t in points]

    def front(self) -> Outline:
        """Return the outline of the front."""
        rx, rt = self.round / self.wide, self.round / self.high
        return outline(
            self.line([(-1, 0.0), (0, 0.0), (1, 0.0)]),
            self.line([(1, 0.0), (1.0, 0.5), (1, 1 - rt)]),
            self.line([(1, 1 - rt), (1 - 0.3 * rx, 1 - 0.3 * rt), (1 - rx, 1.0)]),
            self.line([(1 - rx, 1.0), (0, 1.005), (-1 + rx, 1.0)]),
            self.line([(-1 + rx, 1.0), (-1 + 0.3 * rx, 1 - 0.3 * rt), (-1, 1 - rt)]),
            self.line([(-1, 1 - rt), (-1.0, 0.5), (-1, 0.0)]),
        )

    def draw(self, scene: Scene, *, puff: float = 0.022) -> None:
        """Draw side, top and front; the side is in half shade."""
        s, rt = self.view.side, self.round / self.high
        fold = self.line([(s * 0.97, 0.03), (s * 0.985, 0.5), (s, 1 - 0.6 * rt)], 0.0)
        for z, slope, shade in ((-1.0, 0.75, 0.90), (1.0, 1.5, 0.70)):
            edge = self.line([(s, 0.0), (s * 1.004, 0.5), (s, 1 - 0.8 * rt), (s * 0.97, 1 - 0.3 * rt)], z)
            scene.add_panel(
                outline(fold, edge[-1], edge[::-1]),
                puff=0.008,
                soft=0.014,
                folds=[SlantedFace(fold[1][0], s * slope)],
                shade=shade,
                shadow=0.0,
            )
        scene.add_seam(fold, width=0.005, dark=0.25)
        back, front = (
            self.line([(-1, 0.0), (0, -0.008), (1, 0.0)], -1.0),
            self.line([(1, 0.015), (0, 0.015), (-1, 0.015)]),
        )
        scene.add_panel(outline(back, front[0], front), puff=0.014, soft=0.016, shadow=0.2, quilted=False)
        folds: list[SlantedFace | Crease] = [
            SlantedFace(0.0, -0.14 * s),
            Crease(self.at(-0.75, 0.55), self.at(-0.45, 0.95), -0.004, 0.022, 0.1),
            Crease(self.at(0.8, 0.5), self.at(0.5, 0.95), 0.004, 0.022, -0.1),
        ]
        scene.add_panel(self.front(), puff=puff, soft=0.026, volume=0.018, folds=folds, shadow=0.25, quilted=True)
        edge = self.line(
            [
                (0.94, 0.06),
                (0.94, 1 - rt),
                (1 - 1.1 * self.round / self.wide, 0.955),
                (-1 + 1.1 * self.round / self.wide, 0.955),
                (-0.94, 1 - rt),
                (-0.94, 0.06),
            ]
        )
        scene.add_topstitch(edge, width=0.003)

    def place_on_floor(self, scene: Scene) -> None:
        """Let the bag touch the floor along the outline of its base."""
        xs = [self.at(x, 1.0, z)[0] for x in (-0.92, 0.92) for z in (-1.0, 1.0)]
        scene.place_on_floor(min(xs), max(xs), self.at(0.0, 1.0)[1])
