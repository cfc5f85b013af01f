"""Draw solid bodies (shoes, hats) from surfaces in space, seen from any side.

A surface is a grid of points (x to the right, y up, z towards the viewer, units before the rotation). All surfaces of a
body share one depth buffer, so that near parts hide far ones; the heights of the scene are then their true depths.

    body = SolidBody(scene, Viewpoint(yaw=0.6, pitch=0.3))
    body.add(points, "main", back="lining")
    body.fit_camera(0.8)
    body.draw()
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from generator.render.engine import Float32Array, Float64Array, njit_cached
from generator.render.engine.curves import Outline, Point
from generator.render.engine.scene import Scene, Window

Points = Float64Array
"""Points in space, shape (..., 3)."""
SAMPLES = 2
"""Samples along a side of each pixel."""
ROUNDNESS = 0.75
"""Height of the scene over true depth; the true value 1 is too dark at the sides for a softbox."""
NARROW = 8
"""Number of columns below which a row of a triangle is tested column by column, without computing its ends."""
HIDDEN = 0.012
"""A point this far (units) behind what is drawn at its pixel is hidden."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewpoint:
    """A camera that looks at a body turned by `yaw` about its vertical axis, from `pitch` above (radians)."""

    yaw: float
    """Above 0 the front (z > 0) faces to the right."""
    pitch: float
    near: float = 0.22
    """Enlargement for each unit of depth."""

    def project(self, points: Points) -> Points:
        """Return x to the right, y down and depth towards the camera, in units; shape (..., 3) as `points`."""
        c, s, cp, sp = math.cos(self.yaw), math.sin(self.yaw), math.cos(self.pitch), math.sin(self.pitch)
        x, y, z = points[..., 0], points[..., 1], points[..., 2]
        right, ahead = c * x + s * z, c * z - s * x
        depth = y * sp + ahead * cp
        larger = 1 + self.near * depth
        return np.stack([right * larger, (ahead * sp - y * cp) * larger, depth], axis=-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where one copy of a body stands, such as the left shoe of a pair: mirrored, turned, then moved."""

    x: float = 0.0
    z: float = 0.0
    turn: float = 0.0
    """Rotation about the vertical axis, in radians."""
    mirrored: bool = False
    """Whether z is reversed."""

    def apply(self, points: Points) -> Points:
        """Return where points of the body are."""
        x, z = points[..., 0], -points[..., 2] if self.mirrored else points[..., 2]
        c, s = math.cos(self.turn), math.sin(self.turn)
        return np.stack([c * x + s * z + self.x, points[..., 1], c * z - s * x + self.z], axis=-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Surface:
    """A projected grid, its texture coordinates and shade, and the cloths of its two sides."""

    points: Points
    looks: Float64Array
    cloths: tuple[str, str | None]
    parts: tuple[str | None, str | None]
    quilted: bool


class SolidBody:
    """The surfaces of one body in one view, or of several copies of it; nothing is drawn before `draw`."""

    def __init__(self, scene: Scene, view: Viewpoint, placements: Sequence[Placement] = (Placement(),)) -> None:
        self.scene, self.view, self.placements = scene, view, tuple(placements)
        self.surfaces: list[_Surface] = []
        self.low = 0.0
        """The smallest depth of the body, which becomes the ground of the scene."""

    def add(
        self,
        points: Points,
        cloth: str = "main",
        *,
        back: str | None = None,
        uv: Float64Array | None = None,
        shade: float | Float64Array = 1.0,
        part: str | None = None,
        back_part: str | None = None,
        quilted: bool = False,
        dense: bool = True,
    ) -> None:
        """Add a surface: a grid of points, shape (n, m, 3).

        Seen from its front, the first index runs to the right and the second downwards. `back` is the cloth of the
        other side, which is invisible without one. `uv` are the texture coordinates in units, shape (n, m, 2), by
        default lengths along the grid; `shade` is the received light (0-1), one value or one for each point. A `dense`
        surface is smooth through the points, another is flat between them.
        """
        if uv is None:
            uv = np.stack([_lengths(points, 0), _lengths(points, 1)], axis=-1)
        looks = np.concatenate([uv, np.broadcast_to(shade, points.shape[:2])[..., None]], axis=-1)
        for axis in (0, 1) if dense else ():
            points, looks = _subdivide(points, axis), _subdivide(looks, axis)
        for placement in self.placements:
            way = slice(None, None, -1) if placement.mirrored else slice(None)
            self.surfaces.append(
                _Surface(
                    points=self.view.project(placement.apply(points)[:, way]),
                    looks=looks[:, way],
                    cloths=(cloth, back),
                    parts=(part, back_part or part),
                    quilted=quilted,
                )
            )

    def placed(self, points: Points) -> list[Points]:
        """Return where points of the body are in each of its copies."""
        return [placement.apply(points) for placement in self.placements]

    def box(self) -> tuple[float, float, float, float]:
        """Return x0, y0, x1, y1 around the body, in units."""
        (x0, y0, low), (x1, y1, _) = _bounds(np.concatenate([each.points.reshape(-1, 3) for each in self.surfaces]))
        self.low = low - 0.02
        return x0, y0, x1, y1

    def fit_camera(self, fill: float, wide: float = 1.0, limpness: float | None = None) -> None:
        """Set the camera so that the larger side of the body, its width counted `wide` times, fills a share."""
        x0, y0, x1, y1 = self.box()
        centre = 0.5 * (x0 + x1), 0.5 * (y0 + y1)
        self.scene.set_camera(fill / max(wide * (x1 - x0), y1 - y0), centre, limpness)

    def draw(self) -> None:
        """Rasterize all surfaces and add them to the scene; the camera is set before.

        Surfaces of the same cloths and part are one layer. Layers are composited one after the other; each mask is the
        share of what later ones leave. Heights and looks of a pixel are those of the layer that covers most of it: a
        blend would be a slope.
        """
        scene = self.scene
        scene.solid = True
        self.box()
        places = [_to_pixels(scene, each.points) for each in self.surfaces]
        windows = [_window(scene, place) for place in places]
        rows, columns = _union(windows)
        high, wide = max(rows.stop - rows.start, 0), max(columns.stop - columns.start, 0)
        depth = np.full((SAMPLES * high, SAMPLES * wide), -1e9, np.float32)
        owner = np.zeros(depth.shape, np.uint8)
        looks = np.zeros((high, wide, 3), np.float32)
        layers: dict[tuple[str, str | None, bool], list[Window]] = {}
        sides = []
        for each, window in zip(self.surfaces, windows, strict=True):
            names = [(each.cloths[side] or each.cloths[0], each.parts[side], each.quilted) for side in (0, 1)]
            for name in names:
                layers.setdefault(name, []).append(window)
            sides.append(names)
        labels = {name: number for number, name in enumerate(layers, 1)}
        for each, flat, (front, back) in zip(self.surfaces, places, sides, strict=True):
            place = np.empty(each.points.shape)
            place[..., :2] = SAMPLES * (flat - (columns.start, rows.start))
            place[..., 2] = each.points[..., 2]
            pair = labels[front], labels[back] if each.cloths[1] else 0
            rasterize_grid(place, each.looks, pair, depth, owner, looks)
        nearer = np.zeros((high, wide), np.float32)
        found = []
        for name, label in reversed(labels.items()):
            y, x = window = _union(layers[name])
            shape = max(y.stop - y.start, 0), max(x.stop - x.start, 0)
            mask, height = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
            if resolve_layer(
                owner, depth, label, (y.start - rows.start, x.start - columns.start), nearer, mask, height
            ):
                height -= np.float32(self.low)
                height *= np.float32(ROUNDNESS)
                found.append((window, mask, height, name))
        for window, mask, height, (cloth, part, quilted) in found[::-1]:
            scene.add_relief(window, mask, height, cloth, part, quilted)
        for window, mask, height, _ in found[::-1]:
            np.copyto(scene.height[window], height, where=mask > 0.5)
        middle = owner[1::SAMPLES, 1::SAMPLES] > 0
        for plane, value in zip((scene.u, scene.v, scene.shade), np.moveaxis(looks, 2, 0), strict=True):
            np.copyto(plane[rows, columns], value, where=middle)

    def visible(self, points: Points, margin: float = HIDDEN) -> npt.NDArray[np.bool_]:
        """Return which of some points in space are neither hidden nor outside the image, after `draw`."""
        seen = self.view.project(points)
        scene = self.scene
        pixels = np.floor(_to_pixels(scene, seen)).astype(np.intp)
        inside = ((pixels >= 1) & (pixels < scene.side - 1)).all(axis=-1)
        column, row = np.clip(pixels[..., 0], 0, scene.side - 1), np.clip(pixels[..., 1], 0, scene.side - 1)
        height = (seen[..., 2] - self.low) * ROUNDNESS
        return np.asarray(inside & (scene.alpha[row, column] > 0.3) & (height > scene.height[row, column] - margin))

    def where_visible(self, points: Points, margin: float = HIDDEN) -> list[Point]:
        """Return where the first of some neighbouring points is, in each copy of the body in which all are visible."""
        shown = [each for each in self.placed(points) if self.visible(each, margin).all()]
        return [(float(x), float(y)) for x, y in (self.flat(each)[0] for each in shown)]

    def flat(self, points: Points | Sequence[tuple[float, float, float]]) -> Outline:
        """Return where points in space are in garment units, shape (n, 2)."""
        return np.ascontiguousarray(self.view.project(np.asarray(points, np.float64))[..., :2])

    def stretches(self, points: Points, margin: float = HIDDEN) -> list[list[Point]]:
        """Return the visible stretches of a line in space as curves in garment units."""
        seen, flat = self.visible(points, margin), self.flat(points)
        curves: list[list[Point]] = [[]]
        for shown, (x, y) in zip(seen.tolist(), flat.tolist(), strict=True):
            if shown:
                curves[-1].append((x, y))
            elif curves[-1]:
                curves.append([])
        return [_thin_out(curve) for curve in curves if len(curve) > 2]

    def add_seam(self, points: Points, *, width: float = 0.0045, depth: float = 0.003, dark: float = 0.35) -> None:
        """Press a seam along the visible stretches of a line."""
        for curve in [curve for each in self.placed(points) for curve in self.stretches(each)]:
            self.scene.add_seam(curve, width=width, depth=depth, dark=dark)

    def add_topstitch(self, points: Points, cloth: str = "thread", *, width: float = 0.003) -> None:
        """Add a row of stitches along the visible stretches of a line."""
        for curve in [curve for each in self.placed(points) for curve in self.stretches(each)]:
            self.scene.add_topstitch(curve, cloth, width=width)


def _thin_out(curve: list[Point]) -> list[Point]:
    """Return at most seven points of a curve, both ends among them; seams are splines through few points."""
    return [curve[k] for k in np.unique(np.linspace(0, len(curve) - 1, 7).astype(int))]


def _subdivide(grid: Float64Array, axis: int) -> Float64Array:
    """Return a grid with a point more between each two, on the cubic curve through four of them."""
    rows = np.moveaxis(grid, axis, 0)
    if len(rows) < 4:
        return grid
    ends = np.concatenate([2 * rows[:1] - rows[1:2], rows, 2 * rows[-1:] - rows[-2:-1]])
    dense = np.empty((2 * len(rows) - 1, *rows.shape[1:]))
    dense[::2] = rows
    dense[1::2] = (9 * (ends[1:-2] + ends[2:-1]) - ends[:-3] - ends[3:]) / 16
    return np.moveaxis(dense, 0, axis)


def _lengths(points: Points, axis: int) -> Float64Array:
    """Return the length along an axis of the grid at each point, measured from the middle."""
    steps = np.linalg.norm(np.diff(points, axis=axis), axis=-1).mean(axis=1 - axis)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    along -= 0.5 * along[-1]
    return np.asarray(np.broadcast_to(along[:, None] if axis == 0 else along[None, :], points.shape[:2]))


def _to_pixels(scene: Scene, points: Points) -> Outline:
    """Return the pixels of projected points, shape (..., 2)."""
    flat = scene.to_pixels(np.ascontiguousarray(points[..., :2].reshape(-1, 2)))
    return flat.reshape(*points.shape[:-1], 2)


def _bounds(flat: Points) -> tuple[list[float], list[float]]:
    """Return the smallest and the largest value of each column."""
    columns = np.ascontiguousarray(flat.T)  # several times faster than along the first axis
    return columns.min(axis=1).tolist(), columns.max(axis=1).tolist()


def _window(scene: Scene, place: Outline) -> Window:
    """Return the window of the image around some pixels; it may be empty."""
    (x0, y0), (x1, y1) = _bounds(place.reshape(-1, 2))
    rows = slice(max(int(y0) - 1, 0), min(int(y1) + 2, scene.side))
    return rows, slice(max(int(x0) - 1, 0), min(int(x1) + 2, scene.side))


def _union(windows: list[Window]) -> Window:
    """Return the smallest window around all."""
    (top, low), (left, right) = (
        (min(each[axis].start for each in windows), max(each[axis].stop for each in windows)) for axis in (0, 1)
    )
    return slice(top, low), slice(left, right)


@njit_cached
def rasterize_grid(
    place: Float64Array,
    looks: Float64Array,
    names: tuple[int, int],
    depth: Float32Array,
    owner: npt.NDArray[np.uint8],
    shown: Float32Array,
) -> None:
    """Rasterize a grid of column, row (samples) and depth into a depth buffer; shape (n, m, 3).

    The nearest surface owns a sample, under the first of `names` where its front faces the camera, under the second
    where its back does; a side named 0 is invisible. `shown` keeps the looks of the middle sample of each pixel.
    """
    high, wide = depth.shape
    for i in range(place.shape[0] - 1):
        for j in range(place.shape[1] - 1):
            for half in range(2):
                bi, bj = (i + 1, j) if half == 0 else (i + 1, j + 1)
                ci, cj = (i + 1, j + 1) if half == 0 else (i, j + 1)
                ax, ay = place[i, j, 0], place[i, j, 1]
                bx, by = place[bi, bj, 0], place[bi, bj, 1]
                cx, cy = place[ci, cj, 0], place[ci, cj, 1]
                area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
                name = names[0] if area > 0 else names[1]
                if abs(area) < 1e-9 or name == 0:
                    continue
                scale = 1 / area
                r0, r1 = max(int(min(ay, by, cy) - 0.5), 0), min(int(max(ay, by, cy) + 0.5), high - 1)
                c0, c1 = max(int(min(ax, bx, cx) - 0.5), 0), min(int(max(ax, bx, cx) + 0.5), wide - 1)
                b_step, c_step = (cy - ay) * scale, -(by - ay) * scale
                near, b_rise, c_rise = (
                    place[i, j, 2],
                    place[bi, bj, 2] - place[i, j, 2],
                    place[ci, cj, 2] - place[i, j, 2],
                )
                z_step = b_step * b_rise + c_step * c_rise
                for row in range(r0, r1 + 1):
                    y = row + 0.5
                    b = ((c0 + 0.5 - ax) * (cy - ay) - (y - ay) * (cx - ax)) * scale
                    c = ((bx - ax) * (y - ay) - (by - ay) * (c0 + 0.5 - ax)) * scale
                    first, last = 0, c1 - c0
                    if last > NARROW:  # the columns where b, c and 1 - b - c are above 0, and one more on each side
                        for value, step in ((b, b_step), (c, c_step), (1 - b - c, -b_step - c_step)):
                            if step > 1e-12:
                                first = max(first, int(min(-value / step, 1e6)) - 1)
                            elif step < -1e-12:
                                last = min(last, int(min(max(-value / step, -2.0), 1e6)) + 1)
                    if first > last:
                        continue
                    b, c = b + (first - 1) * b_step, c + (first - 1) * c_step
                    z = near + b * b_rise + c * c_rise
                    for column in range(c0 + first, c0 + last + 1):
                        b, c, z = b + b_step, c + c_step, z + z_step
                        if b < -1e-7 or c < -1e-7 or b + c > 1 + 1e-7 or z <= depth[row, column]:
                            continue
                        depth[row, column] = z
                        owner[row, column] = name
                        if row % SAMPLES == 1 and column % SAMPLES == 1:
                            for k in range(3):
                                shown[row // SAMPLES, column // SAMPLES, k] = (
                                    (1 - b - c) * looks[i, j, k] + b * looks[bi, bj, k] + c * looks[ci, cj, k]
                                )


@njit_cached
def resolve_layer(
    owner: npt.NDArray[np.uint8],
    depth: Float32Array,
    label: int,
    corner: tuple[int, int],
    nearer: Float32Array,
    mask: Float32Array,
    height: Float32Array,
) -> bool:
    """Compute mask and depth of a layer in a window; return whether it is visible.

    `corner` is the window's first row and column. `nearer` counts the samples of later layers in each pixel.
    """
    top, left = corner
    found = False
    for i in range(mask.shape[0]):
        for j in range(mask.shape[1]):
            count, most = 0, np.float32(-1e9)
            row, column = SAMPLES * (top + i), SAMPLES * (left + j)
            for k in range(SAMPLES * SAMPLES):
                y, x = row + k // SAMPLES, column + k % SAMPLES
                if owner[y, x] == label:
                    count += 1
                    most = max(most, depth[y, x])
            if count:
                found = True
                mask[i, j] = count / (SAMPLES * SAMPLES - nearer[top + i, left + j])
                middle = owner[row + 1, column + 1] == label
                height[i, j] = depth[row + 1, column + 1] if middle else most
                nearer[top + i, left + j] += count
    return found
