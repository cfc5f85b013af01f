"""Bodies of revolution (vases, mugs, jars, tubes) on a floor, seen slightly from above.

Their height is computed at every pixel, not on the coarse grid of cloth, and prints wrap around them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from generator.render.engine import Float32Array
from generator.render.engine.curves import Curve, Outline, disc, mirrored_outline, smooth_line
from generator.render.engine.scene import Scene, Window

Heights = Float32Array | npt.NDArray[np.float64] | float

TILT = 0.15
"""Height of a horizontal circle over its width: how far from above the camera looks."""
ROUNDNESS = 0.70
"""Depth of a body of revolution over its half width; the true value 1 is too dark at the sides for a softbox."""
FRINGE = 1.3
"""Pixels outside a body that are included in its height, so that its soft edge does not drop."""
FACING = 0.97
"""Position of the outline on the circle of the body; below 1, so that the sides keep a finite slope."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevolvedBody:
    """A body of revolution on a vertical axis; as a `Fold` it adds its roundness to a panel."""

    profile: Curve
    """Half widths from the top down, as (half width, y) with growing y, in units."""
    axis: float = 0.0
    depth: float = ROUNDNESS

    def half_width(self, y: Heights) -> Float32Array:
        """Return the half width at each height; above and below the body, that of its ends."""
        line = smooth_line(self.profile)
        top, low = self.profile[0][1], self.profile[-1][1]
        heights = np.linspace(top, low, 257)
        halves = np.interp(heights, np.maximum.accumulate(line[:, 1]), line[:, 0])
        padded = np.pad(halves, 6, mode="reflect", reflect_type="odd")
        smooth = np.convolve(padded, np.ones(7) / 7, mode="valid")
        smooth = np.convolve(smooth, np.ones(7) / 7, mode="valid")
        return np.asarray(np.interp(y, heights, smooth), np.float32)

    def across(self, x: Float32Array, y: Float32Array) -> Float32Array:
        """Return -1 at the left edge, 0 on the axis, 1 at the right edge."""
        return np.asarray(np.clip((x - self.axis) / self.half_width(y), -1, 1), np.float32)

    def bulge(self, x: Float32Array, y: Float32Array) -> Float32Array:
        """Return the depth towards the camera over the half width: 1 on the axis, less towards the sides."""
        return np.asarray(np.sqrt(1 - (FACING * self.across(x, y)) ** 2), np.float32)

    def height(self, x: Float32Array, y: Float32Array) -> Float32Array:
        """Return the height (units) of the side, and of the horizontal top, which rises towards the camera."""
        half, top = self.profile[0]
        ahead = y - (top + TILT * half * np.sqrt(1 - self.across(x, y) ** 2))
        return np.asarray(self.depth * self.half_width(y) * self.bulge(x, y) + np.minimum(ahead, 0), np.float32)

    def inside(self, x: Float32Array, y: Float32Array, margin: float = 0.0) -> npt.NDArray[np.bool_]:
        """Return a mask of the points that the body covers, and those up to `margin` units outside."""
        (half, top), (foot, low) = self.profile[0], self.profile[-1]
        drop = TILT * np.sqrt(1 - self.across(x, y) ** 2)
        beside = np.abs(x - self.axis) <= self.half_width(y) + margin
        return np.asarray(beside & (y > top - half * drop - margin) & (y < low + foot * drop + margin))

    def outline(self) -> Outline:
        """Return the outline, with the far half of the upper circle and the near half of the lower one."""
        (top, y0), (low, y1) = self.profile[0], self.profile[-1]
        turns = np.linspace(0, np.pi / 2, 9)
        arc = np.stack([np.sin(turns), TILT * np.cos(turns)], axis=1).tolist()
        upper = [(top * x, y0 - top * y) for x, y in arc]
        lower = [(low * x, y1 + low * y) for x, y in arc[::-1]]
        return np.asarray(mirrored_outline(upper, self.profile, lower) + np.array([self.axis, 0.0]))

    def band(self, y0: float, y1: float, out: float = 0.0) -> Outline:
        """Return the outline of a hoop around the body between two heights, `out` units wider than the body."""
        angles = np.linspace(-np.pi / 2, np.pi / 2, 25)
        sides = np.linspace(y0, y1, 12)
        halves = self.half_width(sides) + out
        upper, lower = (
            np.stack([half * np.sin(angles), y + TILT * half * np.cos(angles)], axis=1)
            for half, y in ((halves[0], y0), (halves[-1], y1))
        )
        right = np.stack([halves, sides], axis=1)
        around = np.concatenate([upper, right, lower[::-1], (right * (-1, 1))[::-1]])
        return np.asarray(around + np.array([self.axis, 0.0]))


def draw_revolved(scene: Scene, body: RevolvedBody, cloth: str = "main", *, shadow: float = 0.0) -> None:
    """Draw a body of revolution with a horizontal top; threads and prints wrap around it."""
    shape = body.outline()
    scene.add_panel(shape, cloth, puff=0.0, shadow=shadow, reach=0.020)
    window = window_of(scene, shape)
    x, y = scene.x[window], scene.y[window]
    np.copyto(scene.height[window], 0.01 + body.height(x, y), where=body.inside(x, y, FRINGE / scene.zoom))
    wrap_texture(scene, body)


def wrap_texture(scene: Scene, body: RevolvedBody) -> None:
    """Bend the texture coordinates of what is on a body around it."""
    window = window_of(scene, body.outline())
    x, y = scene.x[window], scene.y[window]
    across, inside = body.across(x, y), np.abs(x - body.axis) <= 1.02 * body.half_width(y)
    girth = np.float32(max(half for half, _ in body.profile))
    np.copyto(scene.u[window], girth * np.arcsin(across), where=inside)
    sag = np.float32(TILT) * body.half_width(y) * np.sqrt(1 - across**2)
    np.copyto(scene.v[window], np.asarray(y - sag, np.float32), where=inside)


def window_of(scene: Scene, shape: Outline) -> Window:
    """Return the window of the image that an outline touches."""
    corners = np.array(
        [(x, y) for x in (shape[:, 0].min(), shape[:, 0].max()) for y in (shape[:, 1].min(), shape[:, 1].max())]
    )
    pixels = scene.to_pixels(corners)
    (x0, y0), (x1, y1) = np.maximum(pixels.min(axis=0) - 2, 0).astype(int), pixels.max(axis=0).astype(int) + 3
    return slice(int(y0), int(y1)), slice(int(x0), int(x1))


def draw_hoop(
    scene: Scene, body: RevolvedBody, y0: float, y1: float, cloth: str = "fitting", out: float = 0.003
) -> None:
    """Draw a raised band around a body."""
    scene.add_overlay(body.band(y0, y1, out), cloth, puff=0.005, soft=0.35 * (y1 - y0), shadow=0.25, clip=False)


def draw_mouth(scene: Scene, body: RevolvedBody, wall: float, deep: float, inner: str = "lining") -> None:
    """Draw the opening on top of a body with a lip of width `wall`.

    Its far inner side, shaded to the depth `deep` (0-1).
    """
    (half, y), axis = body.profile[0], body.axis
    inside = half - wall
    bowl = disc(axis, y, inside, TILT * inside)
    scene.add_overlay(bowl, inner, puff=0.0, lift=0.0, shadow=0.0, shade=0.94, clip=False)
    window = window_of(scene, bowl)
    dx, dy = scene.x[window] - np.float32(axis), scene.y[window] - np.float32(y)
    within = (dx / inside) ** 2 + (dy / (TILT * inside)) ** 2 < 1
    hollow = -0.5 * body.depth * inside * np.sqrt(np.clip(1 - (FACING * dx / inside) ** 2, 0, 1))
    np.copyto(scene.height[window], np.asarray(hollow, np.float32), where=within)
    near = disc(axis, y + 0.70 * TILT * inside, 1.05 * inside, 0.75 * TILT * inside)
    scene.darken(_clip_to_ellipse(near, bowl), deep, 0.20 * TILT * inside)
    scene.darken(_clip_to_ellipse(bowl - (0.9 * inside, 0.0), bowl), 0.6 * deep, 0.25 * TILT * inside)


def _clip_to_ellipse(shape: Outline, bowl: Outline) -> Outline:
    """Return the shape with all points pulled inside an ellipse."""
    middle, reach = bowl.mean(axis=0), np.ptp(bowl, axis=0) / 2
    away = (shape - middle) / reach
    return np.asarray(middle + away / np.maximum(1, np.linalg.norm(away, axis=1, keepdims=True)) * reach, np.float64)
