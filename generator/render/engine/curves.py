"""Outlines from a few points: splines joined at corners, mirrored halves, ribbons, discs and boxes.

Garment units: x grows to the right from the axis of symmetry, y grows downwards; the image is 1 unit wide at zoom 1.
"""

import math
from collections.abc import Sequence
from typing import cast

import numpy as np
import numpy.typing as npt

from generator.render.engine.rasterize import hermite_spline, stroke_outline

Point = tuple[float, float]
Curve = Sequence[Point]
Stretch = Curve | Point
Outline = npt.NDArray[np.float64]
"""Vertices of a closed polygon or an open line, shape (n, 2), garment units."""

_STEPS = 8
_T = np.arange(_STEPS) / _STEPS
_HERMITE = np.stack([2 * _T**3 - 3 * _T**2 + 1, _T**3 - 2 * _T**2 + _T, 3 * _T**2 - 2 * _T**3, _T**3 - _T**2], axis=1)


def outline(*stretches: Stretch) -> Outline:
    """Return a closed outline of parts joined at corners: smooth curves, or single points joined by straight lines.

    Each part starts where the previous one ends. A straight line closes the last to the first.
    """
    curves = _chain(stretches)
    points = [point for curve in curves for point in curve[1:]]
    corners = [i == len(curve) - 1 for curve in curves for i in range(1, len(curve))]
    if not _same(points[-1], curves[0][0]):
        points.append(curves[0][0])
        corners.append(True)
    return _spline(np.array(points), np.array(corners))


def mirrored_outline(*half: Stretch) -> Outline:
    """Return a closed outline from its right half, given from the top of the axis to its bottom."""
    curves = _chain(half)
    return outline(*curves, *[mirror_curve(curve)[::-1] for curve in reversed(curves)])


def smooth_loop(points: Curve) -> Outline:
    """Return a closed outline without corners through the points."""
    return _spline(np.array(points), np.zeros(len(points), bool))


def smooth_line(curve: Curve) -> Outline:
    """Return an open smooth line through the points."""
    if len(curve) == 2:
        return np.array(curve)
    ends = np.zeros(len(curve), bool)
    ends[[0, -1]] = True
    return np.concatenate([_spline(np.array(curve), ends)[: -_STEPS + 1]])


def ribbon(curve: Curve, width: float, end_width: float | None = None) -> Outline:
    """Return the outline of a band along an open curve; its width (units) may taper to `end_width`."""
    return stroke_outline(
        smooth_line(curve).astype(np.float64), float(width), float(width if end_width is None else end_width)
    )


def disc(x: float, y: float, rx: float, ry: float | None = None, power: float = 2.0) -> Outline:
    """Return an ellipse with 48 vertices; a power above 2 makes it squarer (superellipse)."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    c, s = np.cos(angle), np.sin(angle)
    ry = rx if ry is None else ry
    unit = np.stack([np.sign(c) * np.abs(c) ** (2 / power), np.sign(s) * np.abs(s) ** (2 / power)], axis=1)
    return unit * (rx, ry) + (x, y)


def box(x0: float, y0: float, x1: float, y1: float, radius: float = 0.0) -> Outline:
    """Return a rectangle with rounded corners."""
    if radius <= 0:
        return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    quarter = np.linspace(0, np.pi / 2, 6)
    corners = []
    for i, (x, y) in enumerate(
        [(x1 - radius, y1 - radius), (x0 + radius, y1 - radius), (x0 + radius, y0 + radius), (x1 - radius, y0 + radius)]
    ):
        a = quarter + i * np.pi / 2
        corners.append(np.stack([x + radius * np.cos(a), y + radius * np.sin(a)], axis=1))
    return np.concatenate(corners)


def mirror_curve(curve: Curve) -> list[Point]:
    """Return the curve mirrored at the axis, in the same point order."""
    return [(-x, y) for x, y in curve]


def on_side(curve: Curve, side: int) -> list[Point]:
    """Return the curve for side +1, mirrored for side -1."""
    return [(side * x, y) for x, y in curve]


def interpolate(a: Point, b: Point, t: float) -> Point:
    """Return the point at share `t` of the way from a to b."""
    return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t)


def angle_down(a: Point, b: Point) -> float:
    """Return the angle of the line from a to b against straight down, positive towards +x (radians)."""
    return math.atan2(b[0] - a[0], b[1] - a[1])


def _chain(stretches: Sequence[Stretch]) -> list[list[Point]]:
    """Return the parts as curves that each begin at the end of the previous one."""
    curves: list[list[Point]] = []
    for stretch in stretches:
        bare = isinstance(stretch[0], int | float)
        curve = [cast(Point, stretch)] if bare else list(cast(Curve, stretch))
        if curves and not _same(curves[-1][-1], curve[0]):
            curve.insert(0, curves[-1][-1])
        if len(curve) > 1:
            curves.append(curve)
    return curves


def _same(a: Point, b: Point) -> bool:
    return abs(a[0] - b[0]) + abs(a[1] - b[1]) < 1e-9


def _spline(points: Outline, corners: npt.NDArray[np.bool_]) -> Outline:
    """Return a cubic Hermite spline with chord-length tangents, which avoids overshoot at uneven spacing."""
    return hermite_spline(points.astype(np.float64), corners, _HERMITE)
