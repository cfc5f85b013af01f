"""Draw scarves."""

import math
from typing import NamedTuple

import numpy as np

from generator.render.clothes.folded import FOLDED_LIMPNESS, draw_stack, face_folds, layer_lift, layer_thickness
from generator.render.engine import Float64Array
from generator.render.engine.curves import Point, box, interpolate, ribbon
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene
from generator.render.engine.solid import Points, SolidBody, Viewpoint


@register_silhouette("scarf")
def draw_scarf(scene: Scene) -> None:
    """Draw a scarf: looped around an invisible neck, laid in a strip or in layers, hung up, or folded."""
    d = scene.design
    if scene.pose.folded:
        _draw_scarf_stack(scene)
        return
    kind = d.choice("laid", ("loop", "loop", "loop", "loop", "strip", "strip", "strip", "hung", "layers"))
    {"loop": _draw_loop, "layers": _draw_layers, "hung": _draw_hung, "strip": _draw_strip}[kind](scene)


def _draw_fringe(scene: Scene, a: Point, b: Point, length: float, name: str) -> None:
    """Draw tassels from a to b, straight down, each with its own sway."""
    number = max(4, round(math.dist(a, b) / 0.013))
    for i in range(number + 1):
        x, y = interpolate(a, b, i / number)
        end = (
            x + scene.shot.uniform(f"fringe {name} {i}", -0.008, 0.008),
            y + length * scene.shot.uniform(f"long {name} {i}", 0.85, 1.1),
        )
        scene.add_panel(
            ribbon([(x, y - 0.006), (0.5 * (x + end[0]) + 0.002, 0.5 * (y + end[1])), end], 0.0085, 0.005),
            "self",
            puff=0.005,
            soft=0.003,
            shadow=0.0,
        )


def _draw_scarf_stack(scene: Scene) -> None:
    """Draw a scarf folded to a square: the end below all layers, a label in one corner."""
    d = scene.design
    half, low = d.uniform("stack width", 0.150, 0.180), d.uniform("stack length", 0.250, 0.290)
    fringe = d.uniform("fringe", 0.0, 0.07)
    bottom = low + 3 * layer_thickness(scene) + (0.030 if fringe > 0.02 else 0.012)
    scene.set_camera(min(0.66 / (2 * half), 0.76 / bottom), (0.0, 0.5 * bottom), limpness=FOLDED_LIMPNESS)
    left, right = -half + 0.010, 0.55 * half
    end = low + 3 * layer_thickness(scene) + 0.010
    if fringe > 0.02:
        _draw_fringe(scene, (left + 0.006, end), (right - 0.006, end - 0.002), 0.5 * fringe, "end")
    scene.add_panel(box(left, 0.1, right, end, 0.006), puff=0.008, soft=0.012, lift=0.002, shadow=0.3)
    draw_stack(scene, (-half, half), 0.0, low, 3)
    shape = box(-half, 0.0, half, low, 0.018)
    folds = face_folds(scene, half, low)
    scene.add_panel(
        shape, puff=0.020, soft=0.020, volume=0.010, lift=layer_lift(scene, 3), folds=folds, shadow=0.5, edge=0.0
    )
    x, y = 0.62 * half, low - 0.050
    scene.add_overlay(box(x, y, x + 0.036, y + 0.022, 0.002), "label", puff=0.001, soft=0.003, shadow=0.25)


LENGTHS = {"child": 0.36, "small": 0.44, "medium": 0.54, "large": 0.66}
"""Length of the ends of a scarf, in units, by size."""
FILLS = {"child": 0.66, "small": 0.75, "medium": 0.84, "large": 0.91}
"""Share of the image that the larger side of a scarf fills, by size."""


class Drape(NamedTuple):
    """Folds across a strip of cloth, sampled per shot: they deepen and widen downwards."""

    waves: tuple[tuple[float, float, float], ...]
    """Number of half turns across, phase, and depth in units, of each wave."""

    def depth(self, across: Float64Array, down: Float64Array) -> Float64Array:
        """Return how far the cloth comes forward at -1..1 across and 0..1 down."""
        total = sum(
            size * np.sin(turns * (across + 0.10 * np.sin(3 * down + phase)) * math.pi + phase)
            for turns, phase, size in self.waves
        )
        return np.asarray(total)


def sample_drape(scene: Scene, name: str, size: float) -> Drape:
    """Sample the folds of one end of a scarf."""
    rng = scene.shot.generator(f"drape {name}")
    turns = rng.uniform(1.0, 1.5), rng.uniform(1.9, 2.7), rng.uniform(3.0, 4.4)
    sizes = size, 0.62 * size, 0.34 * size
    return Drape(tuple((t, rng.uniform(0, 6.28), a * rng.uniform(0.7, 1.2)) for t, a in zip(turns, sizes, strict=True)))


def _add_end(
    scene: Scene,
    body: SolidBody,
    name: str,
    top: tuple[float, float, float],
    low: tuple[float, float],
    widths: tuple[float, float],
    size: float,
) -> Points:
    """Add a hanging end from `top` (x, y, z) to `low` (x, y), gathered above; return its lower edge."""
    drape = sample_drape(scene, name, size)
    across, down = np.linspace(-1, 1, 19)[:, None], np.linspace(0, 1, 15)[None, :]
    opened = down**0.55
    half = 0.5 * (widths[0] + (widths[1] - widths[0]) * opened)
    sway = scene.shot.uniform(f"sway {name}", -0.02, 0.02) * np.sin(2.6 * down)
    slant = scene.shot.uniform(f"slant {name}", -0.03, 0.03)
    x = top[0] + (low[0] - top[0]) * down + sway + half * across
    y = top[1] + (low[1] - top[1]) * down + slant * across * down
    z = top[2] - 0.05 * down + drape.depth(across, down) * (0.55 + 0.45 * down) - 0.03 * across**2
    flat = np.stack(np.broadcast_arrays(0.5 * widths[1] * across, -y), axis=-1)
    grid = np.stack(np.broadcast_arrays(x, y, z), axis=-1)
    body.add(grid, "main", back="self", uv=flat, shade=np.clip(0.94 + 5.0 * drape.depth(across, down), 0.72, 1.0))
    return grid[:, -1]


def _finish(scene: Scene, body: SolidBody, edges: dict[str, Points], fringe: float) -> None:
    """Set the camera, draw the scarf, then its fringes where their roots are visible."""
    size = scene.appearance.size
    body.fit_camera(FILLS[size] - 0.06, limpness=0.6)
    body.draw()
    for name, edge in edges.items():
        if fringe < 0.02:
            for row in (0.012, 0.020):
                body.add_topstitch(edge + np.array([0.0, row, 0.0]))
            continue
        along = np.linspace(0, len(edge) - 1, 26)
        points = np.stack([np.interp(along, np.arange(len(edge)), edge[:, axis]) for axis in range(3)], axis=1)
        seen = body.visible(points + np.array([0.0, 0.008, 0.0]), 0.03)
        for i, (x, y) in enumerate(body.flat(points).tolist()):
            if seen[i]:
                _draw_tassel(scene, (x, y), fringe, f"{name} {i}")


def _draw_tassel(scene: Scene, root: Point, length: float, name: str) -> None:
    """Draw one tassel of a fringe, straight down with a sway of its own."""
    x, y = root
    sway = scene.shot.uniform(f"tassel {name}", -0.010, 0.010)
    low = y + length * scene.shot.uniform(f"long {name}", 0.85, 1.12)
    line = [(x, y - 0.006), (x + 0.3 * sway, 0.5 * (y + low)), (x + sway, low)]
    scene.add_panel(ribbon(line, 0.0085, 0.006), "self", puff=0.005, soft=0.003, shadow=0.15, reach=0.004)


def _add_ring(
    scene: Scene,
    body: SolidBody,
    name: str,
    radii: tuple[float, float],
    thick: float,
    tilt: tuple[float, float],
    y: float,
) -> None:
    """Add one turn around the neck: a thick roll of soft folds, lower in front; `tilt` is forwards and sideways."""
    rng = scene.shot.generator(f"ring {name}")
    angle, section = np.linspace(-math.pi, math.pi, 37)[:, None], np.linspace(0, 2 * math.pi, 29)[None, :]
    p = rng.uniform(0, 6.28, 4)
    folds = (
        0.13 * np.sin(3 * section + 1.2 * np.sin(angle + p[3]) + p[0])
        + 0.09 * np.sin(5 * section - 2 * angle + p[1])
        + 0.05 * np.sin(8 * section + 3 * angle + p[2])
    )
    radius = thick * (1 + 0.20 * np.cos(angle)) * (1 + folds)
    out = radius * np.sin(section)
    up = 1.25 * radius * np.cos(section)
    wide, deep = radii
    x, z = (wide + out) * np.sin(angle), (deep + out) * np.cos(angle)
    height = y + up - tilt[0] * np.cos(angle) + tilt[1] * np.sin(angle)
    uv = np.stack(np.broadcast_arrays(wide * angle, 2.2 * thick * section), axis=-1)
    grid = np.stack([x, height, z], axis=-1)
    body.add(grid, "main", uv=uv, shade=np.clip(1.0 + 1.1 * np.minimum(folds, 0), 0.6, 1.0))


def _draw_loop(scene: Scene) -> None:
    """Draw one or two turns around an invisible neck and two ends, hanging free, tucked or through a knot."""
    d, shot, size = scene.design, scene.shot, scene.appearance.size
    view = Viewpoint(yaw=shot.uniform("yaw", -0.45, 0.45), pitch=shot.uniform("pitch", 0.10, 0.30), near=0.16)
    body = SolidBody(scene, view)
    wide = d.uniform("wide", 0.20, 0.28) * {"child": 0.85, "small": 0.92, "medium": 1.0, "large": 1.06}[size]
    length, turns = LENGTHS[size] * d.uniform("long", 0.92, 1.06), d.choice("turns", (1, 2, 2))
    knot, fringe = d.chance("knot", 0.45), d.uniform("fringe", 0.0, 0.075)
    thick = d.uniform("thick", 0.058, 0.080)
    lean = shot.uniform("lean", -0.05, 0.05)
    _add_ring(scene, body, "first", (0.135, 0.105), thick, (0.085, lean), 0.0)
    if turns == 2:
        _add_ring(scene, body, "second", (0.150, 0.125), 0.92 * thick, (0.125, -lean - 0.03), -0.075)
    low = -0.16 - 0.06 * (turns - 1)
    front, edges = 0.5 if knot else 1.0, {}
    order = shot.choice("front end", (-1, 1))
    for side, nearer in ((-order, 0.0), (order, 0.035)):
        drop = d.uniform(f"drop {side}", 0.82, 1.0)
        x = side * 0.055 * front
        edges[str(side)] = _add_end(
            scene,
            body,
            str(side),
            (x, low + 0.05, 0.15 + nearer),
            (x + side * 0.060, low - length * drop),
            (0.14, wide),
            0.020,
        )
    if knot:
        _add_knot(scene, body, low, thick)
    _finish(scene, body, edges, fringe)


def _add_knot(scene: Scene, body: SolidBody, y: float, thick: float) -> None:
    """Add the knot through which the ends of a scarf are pulled: a short sleeve of tight folds."""
    rng = scene.shot.generator("knot")
    angle, down = np.linspace(-math.pi, math.pi, 33)[:, None], np.linspace(0, 1, 11)[None, :]
    folds = 0.07 * np.sin(4 * math.pi * down + 1.3 * angle + rng.uniform(0, 6.28))
    bulge = (0.80 + 0.35 * np.sin(math.pi * down)) * (1 + folds)
    x = 1.35 * thick * bulge * np.sin(angle)
    z = 0.165 + 0.95 * thick * bulge * np.cos(angle)
    height = y + 0.055 - 2.0 * thick * down + 0.25 * x
    grid = np.stack(np.broadcast_arrays(x, height, z), axis=-1)
    uv = np.stack(np.broadcast_arrays(2.2 * thick * down, thick * angle), axis=-1)
    body.add(grid, "main", uv=uv, shade=np.clip(1 + 2.5 * np.minimum(folds, 0), 0.7, 1.0))


def _draw_hung(scene: Scene) -> None:
    """Draw a scarf folded once over a hook: gathered above, two ends of deep folds, one before the other."""
    d, shot, size = scene.design, scene.shot, scene.appearance.size
    view = Viewpoint(yaw=shot.uniform("yaw", -0.35, 0.35), pitch=shot.uniform("pitch", 0.02, 0.14), near=0.16)
    body = SolidBody(scene, view)
    wide, length = d.uniform("wide", 0.24, 0.34), 1.25 * LENGTHS[size] * d.uniform("long", 0.94, 1.06)
    fringe, edges = d.uniform("fringe", 0.0, 0.075), {}
    apart, uneven = shot.uniform("apart", 0.05, 0.12), d.uniform("uneven", 0.72, 0.95)
    side = shot.choice("front end", (-1, 1))
    for name, place, drop, z in (("back", -side, 1.0, -0.05), ("front", side, uneven, 0.05)):
        edges[name] = _add_end(
            scene, body, name, (place * 0.015, 0.0, z), (place * apart, -length * drop), (0.09, wide), 0.030
        )
    _finish(scene, body, edges, fringe)


def _draw_strip(scene: Scene) -> None:
    """Draw a scarf folded once across and laid flat: two ends side by side or one over the other, soft waves."""
    d, shot, size = scene.design, scene.shot, scene.appearance.size
    view = Viewpoint(yaw=shot.uniform("yaw", -0.12, 0.12), pitch=-shot.uniform("pitch", 0.0, 0.20), near=0.14)
    body = SolidBody(scene, view)
    wide, length = d.uniform("wide", 0.20, 0.32), 1.25 * LENGTHS[size] * d.uniform("long", 0.94, 1.06)
    fringe, edges = d.uniform("fringe", 0.0, 0.085), {}
    apart, uneven = shot.uniform("apart", 0.02, 0.09), d.uniform("uneven", 0.86, 1.0)
    side = shot.choice("front end", (-1, 1))
    for name, place, drop, z in (("back", -side, 1.0, -0.03), ("front", side, uneven, 0.03)):
        edges[name] = _add_end(
            scene, body, name, (place * 0.012, 0.0, z), (place * apart, -length * drop), (0.94 * wide, wide), 0.009
        )
    _finish(scene, body, edges, fringe)


def _draw_layers(scene: Scene) -> None:
    """Draw a scarf folded lengthwise and laid in layers, seen slantwise from above: thick folds, fringes at one end."""
    d, shot, size = scene.design, scene.shot, scene.appearance.size
    yaw = shot.choice("to", (-1, 1)) * shot.uniform("yaw", 0.15, 0.85) + (
        0.5 * math.pi if d.chance("across", 0.4) else 0.0
    )
    body = SolidBody(scene, Viewpoint(yaw=yaw, pitch=shot.uniform("pitch", 0.75, 1.25), near=0.18))
    half = d.uniform("half", 0.11, 0.17) * {"child": 0.86, "small": 0.93, "medium": 1.0, "large": 1.05}[size]
    length, number = 0.95 * LENGTHS[size] * d.uniform("long", 0.9, 1.06), d.choice("layers", (2, 3, 4))
    thick, fringe = d.uniform("thick", 0.018, 0.030), d.uniform("fringe", 0.0, 0.075)
    rng = shot.generator("layers")
    for k in range(number):
        _add_layer(body, rng, half, 0.5 * length, k * 1.75 * thick, thick)
    edge = np.linspace(-0.93, 0.93, 19)
    low = np.stack([half * edge, np.full(19, (number - 0.6) * 1.4 * thick), np.full(19, 0.5 * length)], axis=1)
    body.fit_camera(FILLS[size] - 0.05, limpness=0.6)
    corners = [
        (-half, 0.0, -0.5 * length),
        (half, 0.0, -0.5 * length),
        (half, 0.0, 0.5 * length),
        (-half, 0.0, 0.5 * length),
    ]
    scene.stand_on([body.flat(corners)])
    if fringe >= 0.02:
        _draw_laid_fringe(scene, body, low, fringe)
    body.draw()


def _draw_laid_fringe(scene: Scene, body: SolidBody, edge: Points, length: float) -> None:
    """Draw the tassels of a scarf that lies on the floor, straight out from its end."""
    along = np.linspace(0, len(edge) - 1, 26)
    roots = np.stack([np.interp(along, np.arange(len(edge)), edge[:, axis]) for axis in range(3)], axis=1)
    for i, root in enumerate(roots):
        sway = scene.shot.uniform(f"tassel {i}", -0.012, 0.012)
        long = length * scene.shot.uniform(f"long {i}", 0.85, 1.12)
        out = np.array([[0.0, 0.0, -0.03], [0.4 * sway, -0.6 * root[1], 0.5 * long], [sway, -root[1], long]])
        line = [(float(x), float(y)) for x, y in body.flat(root + out)]
        scene.add_panel(ribbon(line, 0.0090, 0.006), "self", puff=0.005, soft=0.003, shadow=0.15, reach=0.004)


def _add_layer(body: SolidBody, rng: np.random.Generator, half: float, reach: float, y: float, thick: float) -> None:
    """Add one layer: a soft slab with round folds at its sides, slightly out of line with the others."""
    along, section = np.linspace(-1, 1, 21)[:, None], np.linspace(0, 2 * math.pi, 33)[None, :]
    ends = (1 - np.abs(along) ** 10) ** 0.4
    c, s = np.cos(section), np.sin(section)
    across = np.sign(c) * np.abs(c) ** 0.35
    high = np.sign(s) * np.abs(s) ** 0.6
    wave = 0.10 * thick * np.sin(5 * along + rng.uniform(0, 6.28)) + 0.25 * thick * np.sin(
        2.2 * along + 1.7 * across + rng.uniform(0, 6.28)
    )
    shift, turn = rng.uniform(-0.010, 0.010, 2), rng.uniform(-0.03, 0.03)
    x = (
        half * (0.97 + 0.03 * ends) * across
        + shift[0]
        + turn * reach * along
        + 0.006 * np.sin(4 * along + rng.uniform(0, 6.28))
    )
    z = reach * along + shift[1] - turn * half * across
    height = y + thick + thick * ends * high + wave * np.maximum(high, 0)
    grid = np.stack(np.broadcast_arrays(x, height, z), axis=-1)
    uv = np.stack(np.broadcast_arrays(half * across, reach * along), axis=-1)
    body.add(grid.transpose(1, 0, 2)[::-1], "main", uv=uv.transpose(1, 0, 2)[::-1])
