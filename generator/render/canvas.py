"""The scene that a pattern sheet draws on: panels of cloth, seams and fittings, laid one over the other.

Nothing is shaded here. Every panel leaves its mask, height, cloth and place in the cloth in planes as large as the
picture (a G-buffer); `light.py` turns the planes into colours once, whatever the number of panels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from generator.render.curves import Curve, Outline, along
from generator.render.fabric import Cloth
from generator.render.relief import Fold, Plane, blotches, blur, folded, inflated, resized
from generator.render.variation import Variation
from schemas.appearance import ANY, CUTS_OF, Appearance

COARSE_SIDE = 168
"""Cells along the picture on which smooth relief is computed; smaller pictures use one cell a pixel."""
CRUMPLE = 0.0026
"""Height of the faint unevenness that all cloth has, in units."""
Window = tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class Area:
    """The part of the picture that an outline touches."""

    window: Window
    mask: Plane
    """Coverage 0..1 of each pixel in the window."""
    coarse_mask: Plane
    coarse_window: Window


class Scene:
    """One product on its way to a picture."""

    def __init__(self, appearance: Appearance, size: int, cloths: dict[str, Cloth]) -> None:
        self.appearance, self.size, self.cloths = appearance, size, cloths
        self.design = Variation(f"{appearance.silhouette}/design", appearance.design_seed)
        self.shot = Variation("shot", appearance.shot_seed)
        self.cell = max(1, round(size / COARSE_SIDE))
        self.side = math.ceil(size / self.cell) * self.cell
        self.alpha, self.height, self.shade, self.quilt, self.u, self.v = np.zeros(
            (6, self.side, self.side), np.float32
        )
        self.cover: dict[str, Plane] = {}
        self.floor: tuple[float, float, float] | None = None
        self.stage(1.0)

    def cut(self, name: str) -> str:
        """The word of a cut, such as `neckline`: what the appearance asks for, or else what this design has."""
        word = getattr(self.appearance, name)
        return self.design.one_of(name, CUTS_OF[self.appearance.silhouette][name]) if word == ANY else str(word)

    def stage(self, zoom: float, centre: tuple[float, float] = (0.0, 0.5)) -> None:
        """Places the camera: the garment point `centre` lies mid-picture, one unit spans `zoom` pictures.

        Each shot adds a little turn, shift and zoom. Call it once, before the first panel.
        """
        shot = self.shot
        self.zoom = zoom * self.size * shot.between("zoom", 0.97, 1.03)
        turn = shot.between("turn", -0.022, 0.022)
        self.turned = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
        self.centre = np.array(centre)
        self.middle = self.size * (0.5 + np.array([shot.between("x", -0.012, 0.012), shot.between("y", -0.012, 0.012)]))
        self.x, self.y = self._garment_units(self.side, 1)
        self.coarse_x, self.coarse_y = self._garment_units(self.side // self.cell, self.cell)
        place = np.float32(self.shot.between("crumple", 0.0, 9.0))
        self.crumple = CRUMPLE * blotches(self.coarse_x + place, self.coarse_y, 0.13)

    def _garment_units(self, side: int, cell: int) -> tuple[Plane, Plane]:
        pixels = (np.arange(side) + 0.5) * cell
        dx, dy = (pixels - self.middle[0]) / self.zoom, (pixels - self.middle[1]) / self.zoom
        (a, b), (c, d) = self.turned.T
        x = a * dx[None, :] + b * dy[:, None] + self.centre[0]
        y = c * dx[None, :] + d * dy[:, None] + self.centre[1]
        return x.astype(np.float32), y.astype(np.float32)

    def pixels(self, points: Outline) -> Outline:
        """Garment units to pixels."""
        return np.asarray((points - self.centre) @ self.turned.T * self.zoom + self.middle, np.float64)

    def panel(
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
    ) -> None:
        """Lays a panel over what is there.

        `puff` is the height it rises to over `soft` units from its edge, `volume` a broader bulge on top; `lift` its
        thickness. `follow` lets it ride on the relief below (a pocket), otherwise it starts from the ground (a sleeve);
        `clip` cuts it off where nothing lies below. `grain` turns its threads (radians), `shade` darkens what lies
        inside, `shadow` is the strength and `reach` the width of the shadow it casts on what is below.
        """
        area = self._area(shape, margin=0.02 + reach)
        if area is None:
            return
        window, mask = area.window, area.mask
        if clip:
            mask = mask * self.alpha[window]
        if shadow:
            self._cast(area, shadow, reach)
        unit, coarse = self.zoom / self.cell, area.coarse_window
        rise = inflated(area.coarse_mask, soft * unit)
        form = puff * rise
        if volume:
            form = form + volume * inflated(area.coarse_mask, 3.2 * soft * unit)
        if folds:
            form = form + folded(folds, self.coarse_x[coarse], self.coarse_y[coarse]) * np.minimum(1.3 * rise, 1)
        height = resized(form + self.crumple[coarse], mask.shape[1], mask.shape[0]) + lift
        if follow:
            height = height + self.height[window]
        self._lay(window, mask, height, cloth, grain, shade, quilted)

    def overlay(
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
    ) -> None:
        """Sews a panel onto what is there: it rides on the relief below and, with `clip`, ends where that ends."""
        form = {"puff": puff, "soft": soft, "lift": lift, "grain": grain, "shade": shade}
        self.panel(
            shape, cloth, **form, shadow=shadow, reach=0.011, follow=True, clip=clip, folds=folds, quilted=quilted
        )

    def inside(self, shape: Outline, cloth: str = "lining", *, lift: float = 0.020, clip: bool = False) -> None:
        """The inner side of a product, seen through an opening: flat, in half shade, `lift` above the ground."""
        self.panel(shape, cloth, puff=0.0, lift=lift, shade=0.85, shadow=0.5 if clip else 0.0, clip=clip)

    def stamp(self, window: Window, mask: Plane, height: Plane, cloth: str) -> None:
        """Lays a small part whose mask and relief are known at every pixel, riding on what is below."""
        self._lay(window, mask, self.height[window] + height, cloth, 0.0, 1.0, False)

    def seam(self, curve: Curve, *, width: float = 0.0045, depth: float = 0.0030, dark: float = 0.35) -> None:
        """Presses a seam into what is there: a dark groove."""
        drawn = self._line(along(curve), width)
        if drawn is None:
            return
        window, mask = drawn
        mask = mask * self.alpha[window]
        self.height[window] -= depth * mask
        self.shade[window] *= 1 - dark * mask

    def topstitch(self, curve: Curve, cloth: str = "thread", *, length: float = 0.011, width: float = 0.0040) -> None:
        """A row of stitches along a curve, in thread; stitches shorter than two pixels melt into a line."""
        line = along(curve)
        steps = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
        num_stitches = max(1, round(float(steps[-1]) / length))
        ends = np.linspace(0, steps[-1], 3 * num_stitches + 1)
        points = np.stack([np.interp(ends, steps, line[:, axis]) for axis in (0, 1)], axis=1)
        drawn = self._line(points, width, dashed=True)
        if drawn is None:
            return
        window, mask = drawn
        mask = mask * self.alpha[window]
        self.stamp(window, mask, 0.0012 * mask, cloth)

    def near(self, x: float, y: float, radius: float) -> Window | None:
        """The window around a point in garment units, or None when it leaves the picture."""
        (px, py), reach = self.pixels(np.array([[x, y]]))[0], radius * self.zoom + 2
        x0, y0, x1, y1 = math.floor(px - reach), math.floor(py - reach), math.ceil(px + reach), math.ceil(py + reach)
        inside = x0 >= 0 and y0 >= 0 and x1 <= self.side and y1 <= self.side
        return (slice(y0, y1), slice(x0, x1)) if inside else None

    def darken(self, shape: Outline, strength: float, soft: float) -> None:
        """A soft shadow of the given outline on the parts below it."""
        area = self._area(shape, margin=3 * soft)
        if area is None:
            return
        shadow = blur(area.coarse_mask, soft * self.zoom / self.cell)
        self.shade[area.window] *= 1 - strength * np.clip(resized(shadow, *area.mask.shape[::-1]), 0, 1)

    def stand(self, x0: float, x1: float, y: float) -> None:
        """Puts the product on a floor: it touches it from x0 to x1 at height y."""
        (a, b), (c, _) = self.pixels(np.array([[x0, y], [x1, y]]))
        self.floor = (a, c, b)

    def _area(self, shape: Outline, margin: float) -> Area | None:
        polygon = self.pixels(shape)
        reach = margin * self.zoom
        low = np.floor((polygon.min(axis=0) - reach) / self.cell).astype(int) * self.cell
        high = np.ceil((polygon.max(axis=0) + reach) / self.cell).astype(int) * self.cell
        (x0, y0), (x1, y1) = np.maximum(low, 0).tolist(), np.minimum(high, self.side).tolist()
        width, height, cell = x1 - x0, y1 - y0, self.cell
        if width < 2 * cell or height < 2 * cell:
            return None
        fine = 4 if width * height < 16000 else 2
        drawing = Image.new("L", (width * fine, height * fine))
        ImageDraw.Draw(drawing).polygon(((polygon - (x0, y0)) * fine - 0.5).ravel().tolist(), fill=255)
        mask = np.asarray(drawing.reduce(fine), np.float32) / np.float32(255)
        coarse = mask if cell == 1 else np.asarray(drawing.reduce(fine * cell), np.float32) / np.float32(255)
        window = (slice(y0, y1), slice(x0, x1))
        coarse_window = (slice(y0 // cell, y1 // cell), slice(x0 // cell, x1 // cell))
        return Area(window, mask, coarse, coarse_window)

    def _line(self, points: Outline, width: float, *, dashed: bool = False) -> tuple[Window, Plane] | None:
        """The mask of a line; dashed draws two of every three stretches between the points."""
        line = self.pixels(points)
        x0, y0 = np.maximum(np.floor(line.min(axis=0)).astype(int) - 4, 0).tolist()
        x1, y1 = np.minimum(np.ceil(line.max(axis=0)).astype(int) + 4, self.side).tolist()
        if x1 - x0 < 2 or y1 - y0 < 2:
            return None
        fine = 4
        pen = width * self.zoom * fine
        drawing = Image.new("L", ((x1 - x0) * fine, (y1 - y0) * fine))
        draw, vertices = ImageDraw.Draw(drawing), [tuple(p) for p in ((line - (x0, y0)) * fine).tolist()]
        if dashed:
            for i in range(0, len(vertices) - 2, 3):
                draw.line(vertices[i : i + 3], fill=255, width=max(2, round(pen)))
        else:
            draw.line(vertices, fill=255, width=max(2, round(pen)), joint="curve")
        mask = np.asarray(drawing.reduce(fine), np.float32) * np.float32(min(1.0, pen / 2) / 255)
        return (slice(y0, y1), slice(x0, x1)), mask

    def _cast(self, area: Area, strength: float, reach: float) -> None:
        """Darkens what lies below, shifted down and to the right, away from the key light."""
        unit = self.zoom / self.cell
        soft = blur(area.coarse_mask, 0.8 * reach * unit)
        down, right = round(0.5 * reach * unit), round(0.3 * reach * unit)
        moved = np.zeros_like(soft)
        height, width = soft.shape
        moved[down:, right:] = soft[: height - down, : width - right]
        self.shade[area.window] *= 1 - strength * np.clip(resized(moved, *area.mask.shape[::-1]), 0, 1)

    def _lay(
        self, window: Window, mask: Plane, height: Plane, cloth: str, grain: float, shade: float, quilted: bool
    ) -> None:
        keep = 1 - mask
        if cloth not in self.cover:
            self.cover[cloth] = np.zeros((self.side, self.side), np.float32)
        for cover in self.cover.values():
            cover[window] *= keep
        self.cover[cloth][window] += mask
        self.alpha[window] = 1 - (1 - self.alpha[window]) * keep
        for plane, value in ((self.height, height), (self.shade, shade), (self.quilt, float(quilted))):
            view = plane[window]
            view += mask * (value - view)
        x, y = self.x[window], self.y[window]
        solid = mask > 0.5
        c, s = np.float32(math.cos(grain)), np.float32(math.sin(grain))
        np.copyto(self.u[window], c * x - s * y, where=solid)
        np.copyto(self.v[window], s * x + c * y, where=solid)
