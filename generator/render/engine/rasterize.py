"""Compiled kernels on outlines: splines, warp and bend, the transform to pixels, and coverage.

Points have the shape (n, 2). `waves` are the rows of `pose.sample_warp`, `bend` the rows of `turned.bend_table`.
"""

import math

import numpy as np
import numpy.typing as npt

from generator.render.engine import Float32Array, Float64Array, njit_cached


@njit_cached
def hermite_spline(points: Float64Array, corners: npt.NDArray[np.bool_], hermite: Float64Array) -> Float64Array:
    """Return a closed curve through the points: cubic Hermite segments with the basis `hermite`, sharp at corners."""
    num_points, steps = points.shape[0], hermite.shape[0]
    curve = np.empty((num_points * steps, 2), np.float64)
    for n in range(num_points):
        m = n + 1 if n + 1 < num_points else 0
        after, before = m + 1 if m + 1 < num_points else 0, n - 1
        ax, ay, bx, by = points[n, 0], points[n, 1], points[m, 0], points[m, 1]
        chord = math.hypot(bx - ax, by - ay)
        leave_x, leave_y, arrive_x, arrive_y = bx - ax, by - ay, bx - ax, by - ay
        if not corners[n]:
            dx, dy = bx - points[before, 0], by - points[before, 1]
            share = chord / (math.hypot(dx, dy) + 1e-12)
            leave_x, leave_y = share * dx, share * dy
        if not corners[m]:
            dx, dy = points[after, 0] - ax, points[after, 1] - ay
            share = chord / (math.hypot(dx, dy) + 1e-12)
            arrive_x, arrive_y = share * dx, share * dy
        for k in range(steps):
            a, b, c, d = hermite[k]
            curve[n * steps + k, 0] = a * ax + b * leave_x + c * bx + d * arrive_x
            curve[n * steps + k, 1] = a * ay + b * leave_y + c * by + d * arrive_y
    return curve


@njit_cached
def stroke_outline(middle: Float64Array, width: float, end_width: float) -> Float64Array:
    """Return the outline of a band along a line; its width changes linearly from one end to the other."""
    last = middle.shape[0] - 1
    shape = np.empty((2 * last + 2, 2), np.float64)
    for n in range(last + 1):
        a, b = max(n - 1, 0), min(n + 1, last)
        dx, dy = middle[b, 0] - middle[a, 0], middle[b, 1] - middle[a, 1]
        half = 0.5 * (width + (end_width - width) * n / max(last, 1)) / (math.hypot(dx, dy) + 1e-12)
        shape[n, 0], shape[n, 1] = middle[n, 0] - half * dy, middle[n, 1] + half * dx
        shape[2 * last + 1 - n, 0], shape[2 * last + 1 - n, 1] = middle[n, 0] + half * dy, middle[n, 1] - half * dx
    return shape


@njit_cached
def warp_point(x: float, y: float, waves: Float64Array) -> tuple[float, float]:
    """Return the displacement of a point (units): three waves along each axis."""
    dx, dy = 0.0, 0.0
    half = waves.shape[0] // 2
    for n in range(half):
        dx += waves[n, 3] * math.sin(waves[n, 0] * x + waves[n, 1] * y + waves[n, 2])
        m = n + half
        dy += waves[m, 3] * math.sin(waves[m, 0] * x + waves[m, 1] * y + waves[m, 2])
    return dx, dy


@njit_cached
def body_depth(x: float, y: float, bend: Float64Array) -> float:
    """Return how near the camera the front of a worn garment is, in units: a round body, or two legs.

    Row 0 of `bend` is the view. The others, at even heights, have half width and depth of the body, middle and half
    width of a leg, how far the legs have parted there (0 to 1), and how much the cloth is compressed at the side.
    """
    last = bend.shape[0] - 2
    place = min(max((y - bend[0, 4]) / bend[0, 5], 0.0), last - 1e-6)
    k = int(place) + 1
    f = place + 1 - k
    half = bend[k, 0] + f * (bend[k + 1, 0] - bend[k, 0])
    deep = bend[k, 1] + f * (bend[k + 1, 1] - bend[k, 1])
    parted = bend[k, 4] + f * (bend[k + 1, 4] - bend[k, 4])
    t = x / half
    z = float(deep * max(1 - t * t, 0.0))
    if parted > 0:
        middle = bend[k, 2] + f * (bend[k + 1, 2] - bend[k, 2])
        leg = bend[k, 3] + f * (bend[k + 1, 3] - bend[k, 3])
        t = (abs(x) - middle) / leg
        z += float(parted * (0.9 * leg * max(1 - t * t, 0.0) - z))
    return z


@njit_cached
def wrap_across(x: float, y: float, bend: Float64Array) -> float:
    """Return how far from the axis a garment point is when the cloth goes round a body (units).

    Flat cloth is half its girth wide, the body in it less: the cloth is compressed towards the sides.
    """
    last = bend.shape[0] - 2
    place = min(max((y - bend[0, 4]) / bend[0, 5], 0.0), last - 1e-6)
    k = int(place) + 1
    f = place + 1 - k
    half = bend[k, 0] + f * (bend[k + 1, 0] - bend[k, 0])
    share = bend[k, 5] + f * (bend[k + 1, 5] - bend[k, 5])
    t = min(max(x / half, -1.0), 1.0)
    return float(x - share * half * t * t * t)


@njit_cached
def bend_point(x: float, y: float, bend: Float64Array) -> tuple[float, float]:
    """Return the position of a garment point on the turned body, in perspective (units).

    Row 0 of `bend` has sine and cosine of the rotation, the height of the camera, the enlargement per unit of depth,
    and height and distance of the other rows.
    """
    sin, cos, level, near = bend[0, 0], bend[0, 1], bend[0, 2], bend[0, 3]
    z = body_depth(x, y, bend)
    x = wrap_across(x, y, bend)
    larger = 1 + near * (cos * z - sin * x)
    return (cos * x + sin * z) * larger, level + (y - level) * larger


@njit_cached
def unbend_point(x: float, y: float, bend: Float64Array) -> tuple[float, float]:
    """Return the garment point that `bend_point` maps to (x, y), by Newton's method."""
    px, py, small = x / bend[0, 1], y, 1e-4
    for _ in range(4):
        qx, qy = bend_point(px, py, bend)
        slope = max((bend_point(px + small, py, bend)[0] - qx) / small, 0.25)
        px += (x - qx) / slope
        py += y - qy
    return px, py


@njit_cached
def add_body_depth(
    height: Float32Array, alpha: Float32Array, x: Float32Array, y: Float32Array, bend: Float64Array, share: float
) -> None:
    """Add a share of the depth of the turned body to the height field where alpha > 0."""
    sin, cos = bend[0, 0], bend[0, 1]
    last = bend.shape[0] - 2
    for i in range(height.shape[0]):
        for j in range(height.shape[1]):
            if alpha[i, j] > 0:
                k = int(min(max((y[i, j] - bend[0, 4]) / bend[0, 5], 0.0), last)) + 1
                across = min(max(x[i, j], -bend[k, 0]), bend[k, 0])
                height[i, j] += share * (cos * body_depth(x[i, j], y[i, j], bend) - sin * across)


@njit_cached
def to_pixels(
    points: Float64Array, step: float, waves: Float64Array, bend: Float64Array, camera: Float64Array
) -> Float64Array:
    """Transform garment points to pixels; a step > 0 splits the longer segments of a closed outline.

    `camera` has cosine and sine of its rotation, the garment point and the pixel at its centre, and pixels per unit. A
    `bend` without rows is flat.
    """
    c, s, centre_x, centre_y, middle_x, middle_y, zoom = camera
    num_points = points.shape[0]
    total = num_points
    if step > 0:
        total = 0
        for n in range(num_points):
            m = n + 1 if n + 1 < num_points else 0
            long = math.hypot(points[m, 0] - points[n, 0], points[m, 1] - points[n, 1])
            total += max(1, math.ceil(long / step))
    placed = np.empty((total, 2), np.float64)
    k = 0
    for n in range(num_points):
        m = n + 1 if n + 1 < num_points else 0
        pieces = 1
        if step > 0:
            long = math.hypot(points[m, 0] - points[n, 0], points[m, 1] - points[n, 1])
            pieces = max(1, math.ceil(long / step))
        for piece in range(pieces):
            share = piece / pieces
            x = points[n, 0] + share * (points[m, 0] - points[n, 0])
            y = points[n, 1] + share * (points[m, 1] - points[n, 1])
            dx, dy = warp_point(x, y, waves)
            if bend.shape[0] > 0:
                x, y = bend_point(x + dx, y + dy, bend)
                dx, dy = 0.0, 0.0
            x += dx - centre_x
            y += dy - centre_y
            placed[k, 0] = (c * x + s * y) * zoom + middle_x
            placed[k, 1] = (c * y - s * x) * zoom + middle_y
            k += 1
    return placed


@njit_cached
def from_pixels(
    x: Float32Array, y: Float32Array, waves: Float64Array, bend: Float64Array, camera: Float64Array
) -> None:
    """Fill planes with the garment coordinates (units) of each pixel.

    The inverse of `to_pixels` to first order in the warp.

    Warp and bend are smooth: they are computed every 8 pixels and interpolated.
    """
    c, s, centre_x, centre_y, middle_x, middle_y, zoom = camera
    side, cell = x.shape[0], 8
    num_knots = side // cell + 2
    knots = np.empty((2, num_knots, num_knots), np.float64)
    for i in range(num_knots):
        for j in range(num_knots):
            dx, dy = (j * cell - middle_x) / zoom, (i * cell - middle_y) / zoom
            flat_x, flat_y = c * dx - s * dy + centre_x, s * dx + c * dy + centre_y
            if bend.shape[0] > 0:
                worn_x, worn_y = unbend_point(flat_x, flat_y, bend)
                dx, dy = warp_point(worn_x, worn_y, waves)
                knots[0, i, j], knots[1, i, j] = dx + flat_x - worn_x, dy + flat_y - worn_y
            else:
                knots[0, i, j], knots[1, i, j] = warp_point(flat_x, flat_y, waves)
    for i in range(side):
        row = i // cell
        f = (i + 0.5) / cell - row
        dy = (i + 0.5 - middle_y) / zoom
        for column in range(num_knots - 1):
            left_x = knots[0, row, column] + f * (knots[0, row + 1, column] - knots[0, row, column])
            left_y = knots[1, row, column] + f * (knots[1, row + 1, column] - knots[1, row, column])
            right_x = knots[0, row, column + 1] + f * (knots[0, row + 1, column + 1] - knots[0, row, column + 1])
            right_y = knots[1, row, column + 1] + f * (knots[1, row + 1, column + 1] - knots[1, row, column + 1])
            first, end = column * cell, min((column + 1) * cell, side)
            across, down = x[i, first:end], y[i, first:end]
            start = (first + 0.5 - middle_x) / zoom
            begin_x, step_x = c * start - s * dy + centre_x - left_x, c / zoom - (right_x - left_x) / cell
            begin_y, step_y = s * start + c * dy + centre_y - left_y, s / zoom - (right_y - left_y) / cell
            begin_x, begin_y = begin_x - 0.5 * (right_x - left_x) / cell, begin_y - 0.5 * (right_y - left_y) / cell
            for n in range(across.shape[0]):
                across[n] = begin_x + n * step_x
                down[n] = begin_y + n * step_y


@njit_cached
def bounding_window(points: Float64Array, reach: float, side: int) -> tuple[int, int, int, int]:
    """Return first and last row and column (last exclusive) within `reach` pixels of the points, inside the image."""
    x0 = x1 = points[0, 0]
    y0 = y1 = points[0, 1]
    for n in range(1, points.shape[0]):
        x0, x1 = min(x0, points[n, 0]), max(x1, points[n, 0])
        y0, y1 = min(y0, points[n, 1]), max(y1, points[n, 1])
    top, left = max(0, math.floor(y0 - reach)), max(0, math.floor(x0 - reach))
    return top, min(side, math.ceil(y1 + reach)), left, min(side, math.ceil(x1 + reach))


@njit_cached
def coverage(polygon: Float64Array, height: int, width: int) -> Float32Array:
    """Return the share of each pixel inside a closed polygon (pixels).

    Exact areas, accumulated from each edge to its right.
    """
    gain = np.zeros((height, width + 2), np.float64)
    last = polygon.shape[0] - 1
    for n in range(polygon.shape[0]):
        ax, ay = polygon[last if n == 0 else n - 1]
        bx, by = polygon[n]
        if ay == by:
            continue
        sign = 1.0
        if ay > by:
            ax, ay, bx, by, sign = bx, by, ax, ay, -1.0
        lean = (bx - ax) / (by - ay)
        for i in range(max(0, math.floor(ay)), min(height, math.ceil(by))):
            y0, y1 = max(ay, i), min(by, i + 1.0)
            x0 = min(max(ax + (y0 - ay) * lean, 0.0), float(width))
            x1 = min(max(ax + (y1 - ay) * lean, 0.0), float(width))
            if x0 > x1:
                x0, x1 = x1, x0
            rise = sign * (y1 - y0)
            first, final = int(x0), int(x1)
            if first == final:
                part = 0.5 * (x0 + x1) - first
                gain[i, first] += rise * (1 - part)
                gain[i, first + 1] += rise * part
                continue
            rise /= x1 - x0
            for j in range(first, final + 1):
                left, right = max(x0, j), min(x1, j + 1.0)
                step = rise * (right - left)
                part = 0.5 * (left + right) - j
                gain[i, j] += step * (1 - part)
                gain[i, j + 1] += step * part
    mask = np.empty((height, width), np.float32)
    for i in range(height):
        total = 0.0
        for j in range(width):
            total += gain[i, j]
            mask[i, j] = min(abs(total), 1.0)
    return mask


@njit_cached
def line_distance(
    points: Float64Array, dashed: bool, height: int, width: int, reach: float
) -> tuple[Float32Array, Float32Array]:
    """Return the distance of each pixel to a line (within `reach`), and the arc length there, in pixels.

    With `dashed`, only two of every three segments exist, with straight ends.
    """
    away = np.full((height, width), np.float32(1e6))
    place = np.zeros((height, width), np.float32)
    walked = 0.0
    for n in range(points.shape[0] - 1):
        ax, ay = points[n]
        dx, dy = points[n + 1, 0] - ax, points[n + 1, 1] - ay
        long = math.hypot(dx, dy)
        if long < 1e-9:
            continue
        if not (dashed and n % 3 == 2):
            j0 = max(0, int(min(ax, ax + dx) - reach))
            j1 = min(width, int(max(ax, ax + dx) + reach) + 2)
            i0 = max(0, int(min(ay, ay + dy) - reach))
            i1 = min(height, int(max(ay, ay + dy) + reach) + 2)
            for i in range(i0, i1):
                for j in range(j0, j1):
                    px, py = j + 0.5 - ax, i + 0.5 - ay
                    t = (px * dx + py * dy) / (long * long)
                    if dashed and (t < 0 or t > 1):
                        continue
                    t = min(max(t, 0.0), 1.0)
                    off_x, off_y = px - t * dx, py - t * dy
                    square = off_x * off_x + off_y * off_y
                    if square >= reach * reach:
                        continue
                    distance = math.sqrt(square)
                    if distance < away[i, j]:
                        away[i, j] = distance
                        place[i, j] = walked + t * long
        walked += long
    return away, place
