"""The last of a shoe: the form of a foot in space, and soles, heels and straps on it.

`f` runs from the heel (0) to the toe (1). Points are in units: x from the heel to the toe, y up from the floor, z
across the foot towards its outer side.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from generator.render.engine import Float64Array
from generator.render.engine.curves import smooth_line
from generator.render.engine.scene import Scene
from generator.render.engine.solid import Placement, Points, SolidBody, Viewpoint

FILL = {"child": 0.60, "small": 0.72, "medium": 0.83, "large": 0.94}
"""Share of the image that the larger side of a pair fills, by size."""
LENGTH = 0.78
"""Length of a flat shoe, in units."""
OUTER = ((0.0, 0.108), (0.12, 0.114), (0.30, 0.122), (0.50, 0.150), (0.66, 0.176), (0.80, 0.172), (1.0, 0.140))
INNER = ((0.0, 0.108), (0.12, 0.112), (0.30, 0.104), (0.48, 0.108), (0.64, 0.150), (0.78, 0.172), (1.0, 0.176))
"""Half widths on both sides of the line through heel and second toe, as (f, share of the length); ends are rounded."""
INSTEP = (
    (0.0, 0.30),
    (0.25, 0.29),
    (0.36, 0.265),
    (0.48, 0.222),
    (0.60, 0.172),
    (0.72, 0.134),
    (0.86, 0.104),
    (1.0, 0.08),
)
"""Height of the foot over its bed, as (f, share of the length)."""


def cosine_steps(start: float, end: float, number: int) -> Float64Array:
    """Return numbers from start to end that are denser near both."""
    return np.asarray(start + (end - start) * (0.5 - 0.5 * np.cos(np.linspace(0, np.pi, number))))


def smooth_table(table: Sequence[tuple[float, float]], at: Float64Array) -> Float64Array:
    """Interpolate a table smoothly."""
    line = smooth_line(list(table))
    return np.asarray(np.interp(at, line[:, 0], line[:, 1]))


@dataclass(frozen=True, kw_only=True)
class Last:
    """The right foot, its outer side towards z > 0: its plan, the slope of its bed, and its instep."""

    rise: float = 0.0
    """Height of the heel above the ball, in units."""
    broad: float = 1.0
    point: float = 0.0
    """0 for a round toe, 1 for a pointed one."""
    spring: float = 0.012
    """How far the tip of the toe is raised, in units."""
    thick: float = 0.03
    """Thickness of the sole, in units."""

    @functools.cached_property
    def tables(self) -> Float64Array:
        """Return f, x, height of the bed, both half widths, their share at the ends, and the instep; shape (7, n)."""
        f = cosine_steps(0.0, 1.0, 161)
        down, toe = np.clip((f - 0.14) / 0.50, 0, 1), np.clip((f - 0.72) / 0.28, 0, 1)
        bed = self.thick + self.rise * (1 - down * down * (3 - 2 * down)) + self.spring * toe**2
        steps = np.diff(f) * LENGTH
        x = np.concatenate([[0.0], np.cumsum(np.sqrt(np.maximum(steps**2 - np.diff(bed) ** 2, 0.15 * steps**2)))])
        power, start = 2.5 - 0.9 * self.point, 0.80 - 0.20 * self.point
        toe, heel = np.clip((f - start) / (1 - start), 0, 1), np.clip((0.15 - f) / 0.15, 0, 1)
        ends = np.maximum(1 - toe**power, 0) ** (1 / power) * np.maximum(1 - heel**2.3, 0) ** (1 / 2.3)
        wide = LENGTH * self.broad
        outer, inner = smooth_table(OUTER, f) * wide, smooth_table(INNER, f) * wide
        return np.stack([f, x - 0.5 * x[-1], bed, outer, inner, ends, smooth_table(INSTEP, f) * LENGTH])

    def _look_up(self, row: int, f: Float64Array) -> Float64Array:
        return np.asarray(np.interp(f, self.tables[0], self.tables[row]))

    def bed(self, f: Float64Array) -> Float64Array:
        """Return the height of the foot bed above the floor."""
        return self._look_up(2, f)

    def instep(self, f: Float64Array) -> Float64Array:
        """Return the height of the foot over its bed."""
        return self._look_up(6, f)

    def halves(self, f: Float64Array, grow: float = 0.0) -> tuple[Float64Array, Float64Array]:
        """Return the widths towards the outer and the inner side, `grow` units more than those of the bed."""
        ends = self._look_up(5, f)
        start = 0.80 - 0.20 * self.point
        apex = (0.020 - 0.014 * self.point) * LENGTH * np.clip((f - start) / (1 - start), 0, 1)
        outer, inner = self._look_up(3, f), self._look_up(4, f)
        return (outer + grow) * ends - apex, (inner + grow) * ends + apex

    def points(self, f: Float64Array, across: Float64Array, up: Float64Array | float) -> Points:
        """Return points `across` units towards the outer side of the foot and `up` units above its bed.

        Beyond both ends of the foot, x goes on.
        """
        beyond = LENGTH * (f - np.clip(f, 0, 1))
        return np.stack(np.broadcast_arrays(self._look_up(1, f) + beyond, self.bed(f) + up, across), axis=-1)

    def rim(self, grow: float = 0.0, number: int = 18) -> tuple[Float64Array, Float64Array]:
        """Return f and across of the outline of the sole, once around from the heel along the outer side."""
        f = cosine_steps(0.0, 1.0, number)
        reach = grow / LENGTH
        outer, inner = self.halves(f, grow)
        around = np.concatenate([f, f[-2::-1]])
        return around + reach * np.sin(np.pi * (around - 0.5)), np.concatenate([outer, -inner[-2::-1]])

    def over(self, f: Float64Array, angle: Float64Array, out: Float64Array | float = 0.0) -> Points:
        """Return points on the foot: angle 0 at its inner edge, pi / 2 on the instep, pi at its outer edge."""
        outer, inner = self.halves(f)
        middle, half = 0.5 * (outer - inner), 0.5 * (outer + inner)
        high = self.instep(f)
        across = middle - (half * 1.02 + out) * np.cos(angle)
        return self.points(f, across, high * np.sin(angle) ** 0.8 + out * np.sin(angle))


def add_bed(
    body: SolidBody, last: Last, cloth: str, *, grow: float = 0.0, cup: float = 0.010, shade: float = 1.0
) -> None:
    """Add the foot bed: hollow in the middle, raised at its edge."""
    f = cosine_steps(0.0, 1.0, 18)[:, None]
    share = np.linspace(-1, 1, 9)[None, :]
    outer, inner = last.halves(f, grow)
    across = np.where(share > 0, outer * share, inner * share)
    f = f + grow / LENGTH * np.sin(np.pi * (f - 0.5))
    edge = np.maximum(np.abs(share) ** 3, np.maximum(np.abs(2 * f - 1) ** 9, 0))
    grid = last.points(f, across, cup * edge)
    body.add(
        grid,
        cloth,
        uv=np.stack(np.broadcast_arrays(f * LENGTH, across), axis=-1),
        shade=shade,
        part="lining",
    )


def add_wall(
    body: SolidBody,
    last: Last,
    cloth: str,
    top: float,
    low: float,
    *,
    grow: float = 0.0,
    flare: float = 0.0,
    flat: bool = False,
) -> None:
    """Add the side of a sole from `top` to `low` units above its bed; `flat` ends on the floor instead."""
    f, across = last.rim(grow)
    levels = np.array([0.0, 0.15, 0.85, 1.0])
    out = 1 + np.array([0.0, 0.008, 0.006, -0.012]) + flare * levels
    down = np.full_like(f, low) if not flat else -last.bed(np.clip(f, 0, 1))
    up = top + (down[:, None] - top) * levels[None, :]
    body.add(last.points(f[:, None], across[:, None] * out, up), cloth, part="sole")


def add_lid(body: SolidBody, last: Last, cloth: str, up: float, *, grow: float = 0.0) -> None:
    """Add the upper side of a sole that is wider than what stands on it."""
    f = cosine_steps(0.0, 1.0, 18)[:, None]
    share = np.linspace(-1, 1, 3)[None, :]
    outer, inner = last.halves(f, grow)
    across = np.where(share > 0, outer * share, inner * share)
    f = f + grow / LENGTH * np.sin(np.pi * (f - 0.5))
    body.add(last.points(f, across, up), cloth, part="sole")


def add_heel(body: SolidBody, last: Last, kind: str, thin: float, cloth: str) -> None:
    """Add the heel below the seat: `kind` is block or high; `thin` is the width at the floor over that of the seat."""
    front = 0.25 if kind == "block" else 0.23
    f = cosine_steps(0.0, front, 7)
    outer, inner = last.halves(f)
    ring_f, ring_w = np.concatenate([f, f[::-1]]), np.concatenate([outer, -inner[::-1]])
    levels = np.linspace(0, 1, 5)
    top = last.points(ring_f, ring_w, -0.4 * last.thick)
    middle = last.points(np.array(0.075 if kind == "high" else 0.10), np.array(0.0), 0.0)
    shrink = 1 - (1 - thin) * (levels ** (0.34 if kind == "high" else 0.8))
    grid = np.empty((len(ring_f), len(levels), 3))
    for k, t in enumerate(levels):
        flat = middle + shrink[k] * (top - middle)
        grid[:, k] = flat
        grid[:, k, 1] = top[:, 1] * (1 - t)
    body.add(grid, cloth, part="heel")


def add_strap(
    body: SolidBody,
    path: Points,
    out: Points,
    width: float | Float64Array,
    cloth: str = "main",
    *,
    across: Points,
    back: str = "insole",
    thick: float = 0.012,
    shade: float = 1.0,
    thin: bool = False,
) -> None:
    """Add a padded strap along a path in space, shape (n, 3).

    `out` is the outward direction at each point and `across` the direction of its width, towards the toe. A `thin`
    one is a lace.
    """
    share = np.linspace(-1, 1, 4 if thin else 6)
    wide = 0.5 * np.broadcast_to(np.asarray(width, np.float64), (len(path),))
    high = thick * (1 - np.abs(share) ** 4)
    grid = path[None] + share[:, None, None] * (wide[:, None] * across)[None] + high[:, None, None] * out[None]
    body.add(grid, cloth, back=back, shade=shade, part="lace" if thin else "strap", dense=not thin)


def band_path(
    last: Last, start: float, end: float, lean: float, number: int = 17, out: float = 0.0
) -> tuple[Points, Points, Points]:
    """Return path, outward direction and width direction of a band from the inner to the outer edge of the sole."""
    angle = np.linspace(0, np.pi, number)
    share = angle / np.pi
    f = start + (end - start) * share + lean * np.sin(angle)
    return band_along(last, f, angle, out)


def band_along(last: Last, f: Float64Array, angle: Float64Array, lift: float = 0.0) -> tuple[Points, Points, Points]:
    """Return path, outward direction and width direction (towards the toe) of a band over the foot."""
    path = last.over(f, angle, lift)
    ahead = last.over(np.clip(f + 0.02, 0, 1), angle) - last.over(np.clip(f - 0.02, 0, 1), angle)
    return band_directions(last, path, ahead, f)


def band_directions(last: Last, path: Points, ahead: Points, f: Float64Array) -> tuple[Points, Points, Points]:
    """Return path, outward direction and width direction of a band; `ahead` points towards the toe along the foot."""
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    across = ahead - (ahead * along).sum(axis=1, keepdims=True) * along * 0.35
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
    out = np.cross(along, across)
    out /= np.linalg.norm(out, axis=1, keepdims=True) + 1e-9
    centre = last.points(f, np.zeros_like(f), 0.01)
    outward = np.sign(((path - centre) * out).sum(axis=1, keepdims=True))
    return path, out * np.where(outward == 0, 1, outward), across


def ankle_path(
    last: Last, at: float, high: float, radius: float, start: float, end: float
) -> tuple[Points, Points, Points]:
    """Return path, outward direction and width direction (up) of a strap around the ankle, between two angles."""
    angle = np.linspace(start, end, 19)
    f = at + radius / LENGTH * 1.25 * np.cos(angle)
    z = radius * np.sin(angle)
    x = (f - at) * LENGTH
    path = last.points(np.full_like(f, at), np.zeros_like(f), high) + np.stack([x, 0.05 * x, z], axis=-1)
    out = np.stack([np.cos(angle), 0 * f, np.sin(angle)], axis=-1)
    return path, out, np.broadcast_to(np.array([0.0, -1.0, 0.0]), path.shape)


def place_shoes(
    scene: Scene, yaws: tuple[float, float] = (0.30, 0.80), pitches: tuple[float, float] = (0.30, 0.58)
) -> SolidBody:
    """Sample the view of one shot and where the shoes stand: one or both three-quarter, in snapshots from above."""
    shot = scene.shot
    apart = shot.uniform("apart", 0.17, 0.23)
    if scene.pose.room < 1:  # a snapshot: a pair on the floor, seen by a person who stands
        yaw, pitch = shot.uniform("floor yaw", 0.0, 2 * math.pi), shot.uniform("floor pitch", 0.45, 1.30)
        step, turn = shot.uniform("step", -0.08, 0.08), shot.uniform("toes", -0.16, 0.10)
        left = Placement(x=step, z=-apart, turn=turn + shot.uniform("askew", -0.10, 0.10), mirrored=True)
        return SolidBody(
            scene, Viewpoint(yaw=yaw, pitch=pitch, near=0.15), [left, Placement(x=-step, z=apart, turn=-turn)]
        )
    yaw, to_left = -shot.uniform("quarter yaw", *yaws), shot.chance("toe left", 0.5)
    view = Viewpoint(yaw=-math.pi - yaw if to_left else yaw, pitch=shot.uniform("quarter pitch", *pitches))
    if not shot.chance("pair", 0.6):
        return SolidBody(scene, view, [Placement(mirrored=to_left)])
    step, turn = shot.uniform("step", -0.10, 0.16), shot.uniform("toes", -0.08, 0.05)
    near = -1 if to_left else 1
    return SolidBody(
        scene,
        view,
        [
            Placement(x=-0.5 * near * step * side, z=side * apart, turn=-side * turn, mirrored=side < 0)
            for side in (near, -near)
        ],
    )


def finish_shoes(scene: Scene, body: SolidBody, last: Last, fill: float | None = None) -> None:
    """Set the camera, draw the shoes, and let them touch the floor."""
    fill = fill or FILL[scene.appearance.size]
    body.fit_camera(fill if len(body.placements) > 1 else 0.97 * fill, limpness=0.2)
    f, across = last.rim()
    sole = last.points(np.clip(f, 0, 1), across, 0.0)
    sole[:, 1] = 0.0
    scene.stand_on([body.flat(each) for each in body.placed(sole)])
    body.draw()
