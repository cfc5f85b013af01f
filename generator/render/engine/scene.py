"""The scene that silhouettes are drawn on: panels of cloth, seams and fittings, composited back to front.

Nothing is shaded here. Each panel writes mask, height, cloth and texture coordinates to planes as large as the image (a
G-buffer). `lighting.py` turns these planes into colours once, however many panels there are.

Lengths are in garment units: x grows to the right from the axis of symmetry, y grows downwards.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from generator.render.engine import Float32Array, kernels, rasterize
from generator.render.engine.curves import Curve, Outline, smooth_line
from generator.render.engine.drape import Drape, lay_drape
from generator.render.engine.height_field import MAX_WARP, Fold, smooth_noise, sum_folds
from generator.render.engine.lamps import studio_lamp, window_lamp
from generator.render.engine.materials import Cloth
from generator.render.engine.parts import NO_PART, part_id
from generator.render.engine.pose import STUDIO, choose_presentation, limpness_of, sample_pose, sample_warp
from generator.render.engine.variation import Variation
from schemas.appearance import ANY, CUTS_OF, Appearance

COARSE_SIDE = 168
"""Number of cells along the image for smooth fields; smaller images use one cell per pixel."""
CRUMPLE_HEIGHT = 0.0026
"""Height of the faint unevenness of all cloth, in units."""
RIM_HEIGHT = 0.0010
"""Height of the rolled rim of a panel, in units. Cloth is about one millimetre thick and folded over."""
RIM_WIDTH = 0.0023
"""Width of the rim, and of the contact shadow of a panel, in units."""
SEAM_SHADE, CONTACT_SHADE = 0.85, 0.75
"""Darkness of seams and of contact shadows, relative to what the panels ask for."""
CUT_OUT = frozenset({"sleeve", "pocket", "collar", "cuff"})
"""Parts whose pattern does not continue that of the body."""
MAX_SEGMENT = 0.03
"""Maximum length of a straight segment of an outline that is warped, in units."""
NO_BEND = np.zeros((0, 6))
"""The bend table of a garment seen square from the front."""
TURNED_ZOOM = 0.96
"""Zoom of turned garments relative to flat ones."""
MAX_BEND = 0.060
"""Maximum displacement of a point by a bend relative to its neighbours, in units."""
Window = tuple[slice, slice]


def allocate_planes(num_planes: int, side: int) -> Float32Array:
    """Return zeroed planes, shape (num_planes, side, side), with a spare column in memory.

    With the spare column all windows of the planes have the same memory layout, so numba compiles each kernel once.
    """
    return np.zeros((num_planes, side, side + 1), np.float32)[:, :, :side]


class MaskedWindow:
    """The part of the image that an outline touches, and the share of each pixel that it covers."""

    __slots__ = ("mask", "window")

    def __init__(self, window: Window, mask: Float32Array) -> None:
        self.window, self.mask = window, mask


class Scene:
    """The G-buffer of one product, and the functions that add to it."""

    def __init__(self, appearance: Appearance, size: int, cloths: dict[str, Cloth], photo: str = STUDIO) -> None:
        self.appearance, self.size, self.cloths = appearance, size, cloths
        self.design = Variation(f"{appearance.silhouette}/design", appearance.design_seed)
        self.shot = Variation("shot", appearance.shot_seed)
        self.pose = sample_pose(photo, self.shot, choose_presentation(appearance, self.shot))
        self.lamp = studio_lamp(self.shot) if photo == STUDIO else window_lamp(self.shot)
        self.side, self.cell = size, max(1, round(size / COARSE_SIDE))
        self.planes = allocate_planes(9, size)
        self.alpha, self.height, self.shade, self.padding, self.u, self.v, self.top_share = self.planes[:7]
        """Product mask (0-1), height (units), received light (0-1), quilting (0-1), texture coordinates (units), and
        the share of the top cloth; shape (size, size) each."""
        self.labels = np.zeros((3, size, size + 1), np.uint8)[:, :, :size]
        self.top_cloth, self.second_cloth, self.part_ids = self.labels
        """Number of the cloth that covers most of a pixel, of the next one, and of the part; 0 is none."""
        self.cloth_names = list(cloths)
        self.near_sleeve: list[Callable[[], None]] = []
        """Deferred drawing calls of the sleeve in front of the body of a turned garment, in order."""
        self.body_drawn = False
        self.fold_mask: Float32Array | None = None
        """Share of each pixel inside the face of a folded garment; nothing is added elsewhere."""
        self.fold_window: Window = (slice(0, size), slice(0, size))
        self.floor: tuple[float, float, float] | None = None
        self.solid = False
        """Whether heights are true depths of a solid body, with steps where one part is before another."""
        self.ground: Float32Array | None = None
        """Share of each pixel of the floor that a product seen from above covers; None where it has none."""
        self.set_camera(1.0)

    def choose_cut(self, name: str) -> str:
        """Return the value of a cut such as `neckline`: the requested one, or the one that this design samples."""
        word = getattr(self.appearance, name)
        return self.design.choice(name, CUTS_OF[self.appearance.silhouette][name]) if word == ANY else str(word)

    def set_camera(self, zoom: float, centre: tuple[float, float] = (0.0, 0.5), limpness: float | None = None) -> None:
        """Set the camera: the garment point `centre` is in the middle, one unit spans `zoom` image widths.

        Each shot adds a small rotation, shift and zoom. `limpness` is how far the outline is warped: 1 for cloth, 0 for
        glass; by default that of the silhouette. Call it once, before the first panel.
        """
        shot = self.shot
        self.zoom = zoom * self.pose.room * self.size * shot.uniform("zoom", 0.97, 1.03)
        turn = shot.uniform("turn", -0.022, 0.022)
        self.middle = self.size * (0.5 + np.array([shot.uniform("x", -0.012, 0.012), shot.uniform("y", -0.012, 0.012)]))
        self.limpness = limpness_of(self.appearance.silhouette) if limpness is None else limpness
        self.warp = sample_warp(shot, self.limpness)
        self.bend = NO_BEND
        self.camera = np.array([math.cos(turn), math.sin(turn), *centre, *self.middle, self.zoom])
        self._clear_coordinates()

    def turn_body(self, bend: npt.NDArray[np.float64]) -> None:
        """Turn the garment with the body in it; `bend` has the rows that `rasterize.bend_point` reads.

        The camera moves back, because the near side of the body looks larger.
        """
        self.bend = bend
        self.zoom *= TURNED_ZOOM
        self.camera[6] = self.zoom
        self._clear_coordinates()

    def fold_under(self, edges: Outline) -> None:
        """Fold under everything outside the outline `edges`: later panels are cut off there."""
        (frame,) = allocate_planes(1, self.side)
        area = self._rasterize(edges, margin=0.0)
        if area is not None:
            frame[area.window] = area.mask
            self.fold_window = area.window
        self.fold_mask = frame

    def _clear_coordinates(self) -> None:
        for name in ("unit_coordinates", "crumple"):
            self.__dict__.pop(name, None)

    @property
    def far_to_near(self) -> tuple[int, int]:
        """The two sides of a garment (-1 left, 1 right) in drawing order: the one nearer to the camera is last."""
        return (1, -1) if self.pose.yaw > 0 else (-1, 1)

    @functools.cached_property
    def unit_coordinates(self) -> tuple[Float32Array, Float32Array]:
        """The garment coordinates (x, y) of every pixel, in units, shape (size, size) each."""
        x, y = self.planes[7:]
        rasterize.from_pixels(x, y, self.warp, self.bend, self.camera)
        return x, y

    @property
    def x(self) -> Float32Array:
        """Garment units to the right of the axis at every pixel."""
        return self.unit_coordinates[0]

    @property
    def y(self) -> Float32Array:
        """Garment units downwards at every pixel."""
        return self.unit_coordinates[1]

    @functools.cached_property
    def crumple(self) -> Float32Array:
        """The unevenness of all cloth at every pixel, in units."""
        shift = np.float32(self.shot.uniform("crumple", 0.0, 9.0))
        planes = allocate_planes(1, self.side)
        planes[0] = np.float32(CRUMPLE_HEIGHT) * smooth_noise(self.x + shift, self.y, 0.13)
        return np.asarray(planes[0])

    @functools.cached_property
    def drape(self) -> Drape:
        """The folds of a snapshot: how limp the product is depends on its silhouette and on the shot."""
        creased = self.shot.uniform("creased", 0.5, 1.7) * (1.0 if self.limpness >= 1 else 0.3)
        return lay_drape(self.x, self.y, self.alpha, self.cell, self.zoom, self.shot, creased)

    @property
    def coarse_x(self) -> Float32Array:
        """`x` at every `cell`-th pixel."""
        return np.ascontiguousarray(self.x[self.cell // 2 :: self.cell, self.cell // 2 :: self.cell])

    @property
    def coarse_y(self) -> Float32Array:
        """`y` at every `cell`-th pixel."""
        return np.ascontiguousarray(self.y[self.cell // 2 :: self.cell, self.cell // 2 :: self.cell])

    def to_pixels(self, points: Outline) -> Outline:
        """Convert points, shape (n, 2), from garment units to pixels."""
        return rasterize.to_pixels(np.ascontiguousarray(points, np.float64), 0.0, self.warp, self.bend, self.camera)

    def add_panel(
        self,
        shape: Outline,
        cloth: str = "main",
        *,
        puff: float = 0.010,
        soft: float = 0.020,
        volume: float = 0.0,
        lift: float = 0.003,
        follow: bool = False,
        clip: bool = False,
        folds: Sequence[Fold] = (),
        grain: float = 0.0,
        shade: float = 1.0,
        shadow: float = 0.40,
        reach: float = 0.014,
        quilted: bool = False,
        edge: float = 1.0,
        part: str | None = None,
    ) -> None:
        """Add a panel of cloth over what is there; `shape` is its outline in units, shape (n, 2).

        `puff` is the height that it reaches `soft` units from its edge, `volume` an additional broad bulge and `lift`
        its thickness (all in units). With `follow` it is added to the height below (a pocket), otherwise to the ground
        (a sleeve); `clip` cuts it off where nothing is below.

        `grain` rotates its threads (radians). `shade` multiplies the light inside. `shadow` is the strength and `reach`
        the width (units) of its shadow. `edge` is the height of its rim relative to that of cloth. `part` is its name
        in part masks; by default the cloth decides.
        """
        area = self._rasterize(shape, margin=0.008 + 1.6 * reach)
        if area is None:
            return
        window, mask, unit = area.window, area.mask, self.zoom
        if clip:
            mask = mask * self.alpha[window]
        near = kernels.gaussian_blur(area.mask, max(RIM_WIDTH * unit, 0.9), 0.0, 0.0)
        if shadow:
            self._cast_shadow(area, near, shadow, reach)
        deep = kernels.gaussian_blur(mask, soft * unit, 0.0, 0.0)
        broad = kernels.gaussian_blur(mask, 3.2 * soft * unit, 0.0, 0.0) if volume else deep
        rolled = RIM_HEIGHT * edge if puff and self.limpness else 0.0
        place = self.unit_coordinates[0][window], self.unit_coordinates[1][window]
        relief = sum_folds(folds, *place, MAX_WARP + MAX_BEND * len(self.bend[:1])) if folds else deep
        sizes = (float(puff), float(volume), float(rolled), float(lift), 1.0 if folds else 0.0)
        height = kernels.panel_height(deep, broad, near, relief, self.crumple[window], sizes)
        if follow:
            height += self.height[window]
        self._composite(window, mask, height, cloth, (shade, float(quilted), grain), part)

    def add_overlay(
        self,
        shape: Outline,
        cloth: str = "main",
        *,
        puff: float = 0.005,
        soft: float = 0.012,
        shadow: float = 0.45,
        shade: float = 1.0,
        clip: bool = True,
        lift: float = 0.003,
        grain: float = 0.0,
        folds: Sequence[Fold] = (),
        quilted: bool = False,
        edge: float = 1.0,
        part: str | None = None,
    ) -> None:
        """Add a panel sewn onto what is there: it follows the height below and, with `clip`, ends where that ends."""
        self.add_panel(
            shape,
            cloth,
            puff=puff,
            soft=soft,
            lift=lift,
            follow=True,
            clip=clip,
            folds=folds,
            grain=grain,
            shade=shade,
            shadow=shadow,
            reach=0.011,
            quilted=quilted,
            edge=edge,
            part=part,
        )

    def add_inside(
        self,
        shape: Outline,
        cloth: str = "lining",
        *,
        lift: float = 0.020,
        clip: bool = False,
        part: str | None = None,
    ) -> None:
        """Add the inner side of a product, seen through an opening: flat, in half shade, `lift` units high."""
        part = part or "lining"
        self.add_panel(shape, cloth, puff=0.0, lift=lift, shade=0.85, shadow=0.5 if clip else 0.0, clip=clip, part=part)

    def add_stamp(
        self, window: Window, mask: Float32Array, height: Float32Array, cloth: str, part: str | None = None
    ) -> None:
        """Add a small part by its mask (0-1) and height (units) at each pixel of a window, on top of what is there."""
        relief = np.asarray(self.height[window] + height, np.float32)
        self._composite(window, np.asarray(mask, np.float32), relief, cloth, (1.0, 0.0, 0.0), part)

    def add_relief(
        self,
        window: Window,
        mask: Float32Array,
        height: Float32Array,
        cloth: str,
        part: str | None = None,
        quilted: bool = False,
    ) -> None:
        """Add a part by mask (0-1) and height (units) at each pixel of a window, on top of what is there."""
        self._composite(window, mask, height, cloth, (1.0, float(quilted), 0.0), part)

    def add_seam(self, curve: Curve, *, width: float = 0.0045, depth: float = 0.0030, dark: float = 0.35) -> None:
        """Press a seam into what is there: a dark groove with slightly puckered cloth on both sides; sizes in units."""
        drawn = self._trace_line(smooth_line(curve), width, margin=4 * width)
        if drawn is None:
            return
        window, mask, away, place = drawn
        mask = mask * self.alpha[window]
        unit, phase = self.zoom, 6.0 * curve[0][0] + 11.0 * curve[-1][1] + self.shot.uniform("pucker", 0.0, 6.28)
        sizes = (depth, 0.6 * width * unit, 0.16 * depth * self.limpness, 0.021 * unit, phase)
        kernels.press_seam(self.height[window], away, place, sizes)
        self.shade[window] *= 1 - SEAM_SHADE * dark * mask

    def add_topstitch(
        self, curve: Curve, cloth: str = "thread", *, length: float = 0.011, width: float = 0.0040
    ) -> None:
        """Add a row of stitches along a curve; stitches shorter than two pixels merge into a line. Sizes in units."""
        line = smooth_line(curve)
        steps = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
        num_stitches = max(1, round(float(steps[-1]) / length))
        ends = np.linspace(0, steps[-1], 3 * num_stitches + 1)
        points = np.stack([np.interp(ends, steps, line[:, axis]) for axis in (0, 1)], axis=1)
        drawn = self._trace_line(points, width, margin=0.0, dashed=True)
        hollow = self._trace_line(line, width, margin=0.012)
        if drawn is None or hollow is None:
            return
        beside, _, away, place = hollow
        sizes = (0.0008, 0.0030 * self.zoom, 0.0003 * self.limpness, 0.017 * self.zoom, 9.0 * curve[0][1])
        kernels.press_seam(self.height[beside], away, place, sizes)
        window, mask = drawn[:2]
        mask = mask * self.alpha[window]
        self._composite(window, mask, self.height[window] + 0.0012 * mask, cloth, (1.0, 0.0, 0.0), NO_PART)

    def window_at(self, x: float, y: float, radius: float) -> Window | None:
        """Return the window around a point (units), or None where it leaves the image or the folded face."""
        (px, py), reach = self.to_pixels(np.array([[x, y]]))[0], radius * self.zoom + 2
        x0, y0, x1, y1 = math.floor(px - reach), math.floor(py - reach), math.ceil(px + reach), math.ceil(py + reach)
        inside = x0 >= 0 and y0 >= 0 and x1 <= self.side and y1 <= self.side
        if inside and self.fold_mask is not None:
            inside = bool(self.fold_mask[y0:y1, x0:x1].min() > 0.5)
        return (slice(y0, y1), slice(x0, x1)) if inside else None

    def darken(self, shape: Outline, strength: float, soft: float) -> None:
        """Darken what is below by a soft shadow of the given outline; `soft` is its blur in units."""
        area = self._rasterize(shape, margin=3 * soft)
        if area is not None:
            shadow = kernels.gaussian_blur(area.mask, soft * self.zoom, 0.0, 0.0)
            kernels.darken(self.shade[area.window], shadow, float(strength))

    def place_on_floor(self, x0: float, x1: float, y: float) -> None:
        """Put the product on a floor: it touches the floor from x0 to x1 at height y (units)."""
        (a, b), (c, _) = self.to_pixels(np.array([[x0, y], [x1, y]]))
        self.floor = (a, c, b)

    def stand_on(self, shapes: Sequence[Outline]) -> None:
        """Put the product on a floor seen from above: it stands on areas with the given outlines (units)."""
        (self.ground,) = allocate_planes(1, self.side)
        for shape in shapes:
            area = self._rasterize(shape, margin=0.0)
            if area is not None:
                np.maximum(self.ground[area.window], area.mask, out=self.ground[area.window])

    def add_copy_behind(
        self, dx: float, dy: float, *, flip: bool = False, dim: float = 0.86, shadow: float = 0.55
    ) -> None:
        """Add a copy of the scene behind it, moved by dx, dy units: the other shoe or glove; `flip` mirrors it.

        `dim` multiplies the light on the copy. `shadow` darkens it further near the front piece.
        """
        right, down = round(dx * self.zoom), round(dy * self.zoom)
        alpha = self.alpha.copy()
        other = _shift_plane(alpha, right, down, flip)
        seen, edge = other * (1 - alpha), (alpha > 0) & (alpha < 1) & (other > 0)
        bare = (alpha <= 0) & (other > 0)
        soft = kernels.gaussian_blur(self.alpha, 0.014 * self.zoom, 0.0, 0.0)
        near = np.float32(dim) * (1 - np.float32(shadow) * np.clip(soft, 0, 1))
        top = _shift_plane(self.top_cloth, right, down, flip)
        for plane in (self.height, self.shade, self.padding):
            copy = _shift_plane(plane, right, down, flip)
            value = copy * near if plane is self.shade else copy
            plane += seen / np.maximum(alpha + seen, np.float32(1e-6)) * (value - plane)
        for plane in (self.u, self.v, self.top_share, self.top_cloth, self.second_cloth, self.part_ids):
            np.copyto(plane, _shift_plane(plane, right, down, flip), where=bare)
        np.copyto(self.second_cloth, top, where=edge)
        np.copyto(self.top_share, alpha / np.maximum(alpha + seen, np.float32(1e-6)), where=edge)
        self.alpha[:] = alpha + seen

    def _window(self, points: npt.NDArray[np.float64], reach: float) -> Window | None:
        y0, y1, x0, x1 = rasterize.bounding_window(points, reach, self.side)
        if self.fold_mask is not None:
            (rows, columns), more = self.fold_window, math.ceil(reach)
            y0, y1, x0, x1 = (
                *(max(y0, rows.start - more), min(y1, rows.stop + more)),
                *(max(x0, columns.start - more), min(x1, columns.stop + more)),
            )
        return None if x1 - x0 < 2 or y1 - y0 < 2 else (slice(y0, y1), slice(x0, x1))

    def _rasterize(self, shape: Outline, margin: float) -> MaskedWindow | None:
        points = np.ascontiguousarray(shape, np.float64)
        polygon = rasterize.to_pixels(points, MAX_SEGMENT if self.limpness else 0.0, self.warp, self.bend, self.camera)
        window = self._window(polygon, margin * self.zoom)
        if window is None:
            return None
        rows, columns = window
        corner = np.array([columns.start, rows.start], np.float64)
        mask = rasterize.coverage(polygon - corner, rows.stop - rows.start, columns.stop - columns.start)
        if self.fold_mask is not None:
            mask *= self.fold_mask[window]
        return MaskedWindow(window, mask)

    def _trace_line(
        self, points: Outline, width: float, *, margin: float, dashed: bool = False
    ) -> tuple[Window, Float32Array, Float32Array, Float32Array] | None:
        """Return window, mask, distance (pixels) and arc length (pixels) of a line.

        `dashed` draws two of three segments.
        """
        line = self.to_pixels(points)
        pen = width * self.zoom
        reach = max(0.5 * max(pen, 1.0) + 1, margin * self.zoom)
        window = self._window(line, reach + 1)
        if window is None:
            return None
        rows, columns = window
        corner = np.array([columns.start, rows.start], np.float64)
        shape = rows.stop - rows.start, columns.stop - columns.start
        away, place = rasterize.line_distance(line - corner, dashed, *shape, float(reach))
        if self.fold_mask is not None:
            away[self.fold_mask[window] < 0.5] = np.float32(1e6)
        mask = np.clip(np.float32(0.5 * max(pen, 1.0) + 0.5) - away, 0, 1) * np.float32(min(1.0, pen))
        return window, mask, away, place

    def _cast_shadow(self, area: MaskedWindow, near: Float32Array, strength: float, reach: float) -> None:
        """Cast a wide shadow and a contact shadow away from the key light."""
        unit, (right, down) = self.zoom, self.lamp.shadow_direction
        soft = kernels.gaussian_blur(
            area.mask, 0.8 * reach * unit, down * 0.6 * reach * unit, right * 0.6 * reach * unit
        )
        strengths = 0.9 * float(strength), min(0.4, CONTACT_SHADE * strength)
        kernels.cast_shadow(
            self.shade[area.window], soft, near, strengths, down * RIM_WIDTH * unit, right * RIM_WIDTH * unit
        )

    def _cut_out(self, part: str | None, grain: float) -> tuple[float, float]:
        """Return where in the cloth this design cuts a piece out (units): patterns do not continue across its seams."""
        if part not in CUT_OUT:
            return 0.0, 0.0
        name = f"cut out {part} {grain > 0}"
        return self.design.uniform(f"{name} across", 0.0, 0.2), self.design.uniform(f"{name} down", 0.0, 0.2)

    def _composite(
        self,
        window: Window,
        mask: Float32Array,
        height: Float32Array,
        cloth: str,
        look: tuple[float, float, float],
        part: str | None,
    ) -> None:
        shade, padded, grain = look
        rows, columns = window
        kernels.composite_panel(
            mask,
            height,
            (self.cloth_names.index(cloth) + 1, part_id(part, cloth)),
            (float(shade), float(padded)),
            (math.cos(grain), math.sin(grain), *self._cut_out(part, grain)),
            self.planes[:, rows, columns],
            self.labels[:, rows, columns],
        )


def _shift_plane(plane: npt.NDArray[Any], right: int, down: int, flip: bool) -> npt.NDArray[Any]:
    """Return the plane moved by whole pixels, zero where nothing comes in; `flip` mirrors it first."""
    source = plane[:, ::-1] if flip else plane
    side = plane.shape[0]
    moved = np.zeros_like(plane)
    moved[max(down, 0) : side + min(down, 0), max(right, 0) : side + min(right, 0)] = source[
        max(-down, 0) : side - max(down, 0), max(-right, 0) : side - max(right, 0)
    ]
    return moved
