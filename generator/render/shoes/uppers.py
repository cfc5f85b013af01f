"""Uppers of closed shoes as surfaces on a last: vamp, quarters, collar, tongue and laces, shaft, and what is sewn on.

A point of an upper has f (0 heel, 1 toe) and an angle around the foot: 0 at the sole on the inner side, pi / 2 on the
instep, pi at the sole on the outer side.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from generator.render.engine import Float64Array
from generator.render.engine.solid import Points, SolidBody
from generator.render.shoes.last import LENGTH, Last, add_strap, band_directions, cosine_steps, smooth_table

TOP = 0.5 * math.pi


@dataclass(frozen=True, slots=True, kw_only=True)
class Upper:
    """The upper of one shoe: how far it is open, how high its collar is, and how full it is over the toes."""

    last: Last
    throat: float
    """Where the opening ends in front (f)."""
    collar: tuple[float, float, float]
    """Height of the collar at the heel, at the ankle and beside the throat, as shares of that of the foot."""
    toe: float = 1.0
    """Height of the toe box relative to the foot."""
    out: float = 0.008
    """Thickness of the shoe, in units."""
    tall: float = 1.0
    """Height of the instep relative to the foot."""

    def skin(self, f: Float64Array, angle: Float64Array, out: float | Float64Array = 0.0) -> Points:
        """Return points on the upper, `out` units outside it."""
        f, angle = np.broadcast_arrays(np.asarray(f, np.float64), np.asarray(angle, np.float64))
        outer, inner = self.last.halves(f, self.out)
        middle, half = 0.5 * (outer - inner), 0.5 * (outer + inner)
        front = np.clip((f - 0.60) / 0.40, 0, 1)
        full = self.tall + (self.toe - self.tall) * front * front * (3 - 2 * front)
        tip = np.clip((f - 0.86) / 0.14, 0, 1)
        high = self.last.instep(f) * full * (1 - tip**2.6) ** 0.40 + 0.5 * self.out
        sine, cosine = np.sin(angle), np.cos(angle)
        bulge = 1 + 0.035 * np.sin(2 * np.minimum(angle, math.pi - angle))
        across = middle - (half * bulge + out) * cosine
        ahead = f + np.clip((f - 0.9) / 0.1, 0, 1) * out / LENGTH
        behind = np.clip((0.08 - f) / 0.08, 0, 1) * np.asarray(out) / LENGTH
        lean = (
            0.040
            * np.clip((0.14 - f) / 0.14, 0, 1)
            * (sine**1.4 - 0.35 * np.sin(2 * np.minimum(angle, math.pi - angle)))
        )
        return self.last.points(ahead - behind + lean, across, high * sine**0.72 + out * sine)

    def edge(self, f: Float64Array) -> Float64Array:
        """Return the angle of the collar on the inner side; on the outer side it is pi less that."""
        heel, ankle, front = self.collar
        near = 0.14
        table = [
            (-0.05, heel),
            (0.04, heel),
            (0.50 * self.throat, ankle),
            (self.throat - near, front),
            (self.throat, 1.0),
        ]
        share = np.clip(smooth_table(table, f), 0.05, 1.0)
        return np.asarray(np.arcsin(share ** (1 / 0.72)))


def add_skin(
    body: SolidBody,
    upper: Upper,
    cloth: str,
    f: Float64Array,
    low: Float64Array | float,
    high: Float64Array | float,
    *,
    out: float = 0.0,
    back: str | None = None,
    number: int = 13,
    shade: float = 1.0,
    part: str | None = None,
    quilted: bool = False,
) -> None:
    """Add the part of an upper between two angles at each f; `out` units outside it, as what is sewn on is."""
    share = np.linspace(0, 1, number)[None, :]
    low_, high_ = (np.broadcast_to(np.asarray(value, np.float64), f.shape)[:, None] for value in (low, high))
    angle = low_ + (high_ - low_) * share
    grid = upper.skin(f[:, None], angle, out)
    uv = np.stack(np.broadcast_arrays(f[:, None] * LENGTH, angle * 0.13), axis=-1)
    body.add(grid, cloth, back=back, uv=uv, shade=shade, part=part, quilted=quilted)


def add_upper(body: SolidBody, upper: Upper, lining: str = "lining", *, quilted: bool = False) -> None:
    """Add the vamp in front of the throat and the quarters beside the opening, with their lining."""
    front = cosine_steps(upper.throat, 1.0, 15)
    add_skin(body, upper, "main", front, 0.0, math.pi, number=13, quilted=quilted)
    f = cosine_steps(0.0, upper.throat, 12)
    edge = upper.edge(f)
    add_skin(body, upper, "main", f, 0.0, edge, back=lining, number=6, quilted=quilted)
    add_skin(body, upper, "main", f, math.pi - edge, math.pi, back=lining, number=6, quilted=quilted)


def add_panel(
    body: SolidBody,
    upper: Upper,
    cloth: str,
    f: tuple[float, float],
    side: int,
    low: float,
    high: Callable[[Float64Array], Float64Array] | float,
    *,
    out: float = 0.004,
    number: int = 9,
) -> None:
    """Add a panel sewn on one side (-1 inner, 1 outer) from angle `low` up to `high`, both counted from the sole."""
    at = np.linspace(f[0], f[1], 9)
    top = high(at) if callable(high) else np.full_like(at, high)
    bottom = np.full_like(at, low)
    if side < 0:
        add_skin(body, upper, cloth, at, bottom, top, out=out, number=number)
    else:
        add_skin(body, upper, cloth, at, math.pi - top, math.pi - bottom, out=out, number=number)


def add_collar(body: SolidBody, upper: Upper, cloth: str, width: float, thick: float) -> None:
    """Add the padded rim of the opening, around the heel and up to the throat on both sides."""
    f = cosine_steps(0.0, upper.throat - 0.015, 15)
    edge = upper.edge(f)
    around = np.concatenate([f[::-1], f[1:]])
    angle = np.concatenate([edge[::-1], math.pi - edge[1:]])
    path = upper.skin(around, angle)
    centre = upper.last.points(around, np.zeros_like(around), 0.0)
    out = path - centre
    out[:, 1] *= 0.2
    out /= np.linalg.norm(out, axis=1, keepdims=True) + 1e-9
    share = np.linspace(0, math.pi * 1.5, 8)
    rise, grow = -np.cos(share), np.sin(share)
    grid = path[None] + thick * (grow[:, None, None] + 0.2) * out[None]
    grid[..., 1] += width * 0.5 * rise[::-1][:, None]
    body.add(grid[:, ::-1].transpose(1, 0, 2)[:, ::-1], cloth, back=cloth, part="collar")


def strap_over(
    body: SolidBody,
    upper: Upper,
    f: tuple[float, float],
    angles: tuple[float, float],
    width: float,
    cloth: str,
    *,
    out: float = 0.008,
    lean: float = 0.0,
    thick: float = 0.006,
    number: int = 15,
    thin: bool = False,
) -> tuple[Points, Points]:
    """Add a strap over an upper from one angle to another; return its path and its outward directions."""
    share = np.linspace(0, 1, number)
    angle = angles[0] + (angles[1] - angles[0]) * share
    at = f[0] + (f[1] - f[0]) * share + lean * np.sin(math.pi * share)
    path, outward, across = band_directions(upper.last, *_path_and_direction(upper, at, angle, out), at)
    add_strap(body, path, outward, width, cloth, across=across, back=cloth, thick=thick, thin=thin)
    return path, outward


def _path_and_direction(
    upper: Upper, f: Float64Array, angle: Float64Array, out: float | Float64Array
) -> tuple[Points, Points]:
    """Return points over an upper, and the way towards the toe at each of them."""
    path, ahead, behind = upper.skin(f + np.array([[0.0], [0.02], [-0.02]]), angle, out)
    return path, ahead - behind


def add_laces(
    body: SolidBody,
    upper: Upper,
    number: int,
    end: float,
    cloth: str,
    *,
    crossed: bool,
    gap: float = 0.36,
    bow: bool = True,
) -> list[Points]:
    """Add tongue, eyestays and laces from the throat towards the toe (`end`); return the places of the eyelets."""
    start = upper.throat - 0.03
    f = np.linspace(upper.throat - 0.16, end + 0.02, 13)
    lift = np.clip((upper.throat - f) / 0.16, 0, 1)
    share = np.linspace(-1, 1, 9)[None, :]
    wide = (gap * (1 + 0.5 * lift))[:, None]
    grid = upper.skin(f[:, None], TOP + wide * share, 0.003 + 0.030 * lift[:, None] - 0.012 * share**2 * lift[:, None])
    body.add(grid, "self", back="lining", part="trim", back_part="lining")
    at = np.linspace(start, end, number)
    eyes = []
    for side in (-1, 1):
        rows = np.linspace(upper.throat - 0.035, end - 0.005, 13)
        edge = TOP + side * gap
        add_skin(
            body, upper, "self", rows, min(edge, edge + side * 0.30), max(edge, edge + side * 0.30), out=0.006, number=5
        )
        eyes.append(upper.skin(at, np.full(number, TOP + side * (gap + 0.12)), 0.009))
    for k in range(number):
        ahead = k + 1 if crossed and k + 1 < number else k
        for side in (-1, 1) if crossed else (1,):
            angles = TOP - side * (gap + 0.10), TOP + side * (gap + 0.10)
            where = {"out": 0.012, "lean": -0.004, "thick": 0.006}
            strap_over(body, upper, (at[k], at[ahead]), angles, 0.017, cloth, number=7, thin=True, **where)
    if bow:
        _add_bow(body, upper, start, cloth)
    return [np.stack([one, two]) for one, two in zip(eyes[0], eyes[1], strict=True)]


def _add_bow(body: SolidBody, upper: Upper, f: float, cloth: str) -> None:
    """Add the bow of the laces: two loops and two ends."""
    for side in (-1, 1):
        for reach, ahead, high in ((0.75, 0.02, 0.030), (0.62, 0.10, 0.018)):
            share = np.linspace(0, 1, 9)
            angle = TOP + side * reach * share
            at = f + ahead * np.sin(0.5 * math.pi * share) - 0.015
            out = 0.014 + high * np.sin(math.pi * share) * (1 - 0.3 * share)
            path, outward, across = band_directions(upper.last, *_path_and_direction(upper, at, angle, out), at)
            add_strap(body, path, outward, 0.015, cloth, across=across, back=cloth, thick=0.005, thin=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaft:
    """The shaft of a boot above the opening of its upper, from t = 0 at the collar to 1 at the top."""

    upper: Upper
    height: float
    """Height above the collar, in units."""
    wide: float
    """Half width at the top, across the leg."""
    deep: float
    """Half depth at the top, along the foot."""
    lean: float = 0.0
    """How far the top is ahead of the ankle, in units."""
    folds: tuple[tuple[float, float, float], ...] = ()
    """Folds around the ankle: height above the collar (units), phase, depth (units)."""

    def ring(self, turn: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Return f and angle of the collar at a turn around the leg: 0 in front, pi behind, pi / 2 outside."""
        back = 0.5 - 0.5 * np.cos(turn)
        f = self.upper.throat * (1 - back) ** 0.9
        edge = self.upper.edge(f)
        return f, np.where(np.sin(turn) >= 0, math.pi - edge, edge)

    def points(self, turn: Float64Array, t: Float64Array, out: float | Float64Array = 0.0) -> Points:
        """Return points of the shaft."""
        turn, t, out = np.broadcast_arrays(turn, t, out)
        for place, phase, depth in self.folds:
            level = self.height * t - place - 0.02 * np.sin(turn + phase)
            out = out + depth * np.exp(-((level / 0.018) ** 2)) * np.sin(1.5 * turn + phase) * np.minimum(1, 12 * t)
        last = self.upper.last
        base = self.upper.skin(*self.ring(turn), out)
        centre = last.points(np.array(0.215), np.array(0.0), 0.0)
        x, z = (self.deep + out) * np.cos(turn) + self.lean, (self.wide + out) * np.sin(turn)
        collar = last.points(np.array(0.22), np.array(0.0), 0.24 * LENGTH * self.upper.tall)[1]
        top = np.stack([centre[0] + x, np.full_like(x, collar + self.height), centre[2] + z], axis=-1)
        t = t[..., None]
        share = t ** np.array([0.55, 1.0, 0.55])
        return np.asarray(base + (top - base) * share)


def add_shaft(body: SolidBody, shaft: Shaft, cloth: str = "main", lining: str = "lining") -> None:
    """Add a shaft with its lining."""
    turn = np.linspace(-math.pi, math.pi, 33)
    t = np.linspace(1, 0, 13)[None, :]
    grid = shaft.points(turn[:, None], t)
    uv = np.stack(np.broadcast_arrays(turn[:, None] * 0.11, -shaft.height * t), axis=-1)
    body.add(grid[::-1], cloth, back=lining, uv=uv[::-1], quilted=True)
