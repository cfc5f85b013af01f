"""Draw hats as solid bodies: caps, beanies, bucket hats, flat caps, fedoras and sun hats.

A hat stands on the floor with its front towards z > 0. `angle` runs around it, 0 in front and pi / 2 at its right
side; `t` runs from the rim (0) to the top (1).
"""

import math
from collections.abc import Callable

import numpy as np

from generator.render.clothes.prints import STROKES, WORDS
from generator.render.engine import Float64Array
from generator.render.engine.curves import Outline, disc, mirrored_outline, ribbon, smooth_loop
from generator.render.engine.fittings import draw_ring
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene
from generator.render.engine.solid import Points, SolidBody, Viewpoint

FILL = {"child": 0.62, "small": 0.72, "medium": 0.83, "large": 0.93}
"""Share of the image that the larger side of a hat fills, by size."""
AROUND_EYELET = np.array([[0.0, 0.16, -0.16, 0.0, 0.0], [0.0, 0.0, 0.0, 0.08, -0.08]])
"""Offsets in angle and t of an eyelet and of points around it; it is drawn where none of them is hidden."""
Crown = Callable[[Float64Array, Float64Array], Points]
"""Returns the points of a crown at angles and t."""


def sample_view(scene: Scene, turns: tuple[float, float], pitch: tuple[float, float], above: float) -> Viewpoint:
    """Sample the view of a hat: turned by up to `turns` (often, seldom), from `pitch` above, more in snapshots."""
    shot, snapshot = scene.shot, scene.pose.room < 1
    reach = turns[1] if shot.chance("turned far", 0.25) else turns[0] * (0.5 if snapshot else 1.0)
    yaw = shot.uniform("yaw", -reach, reach)
    high = shot.uniform("pitch", *pitch)
    if snapshot:  # seen by a person who stands before its front
        high = shot.uniform("floor pitch", 0.45, above)
    return Viewpoint(yaw=yaw, pitch=high)


def finish_hat(scene: Scene, body: SolidBody, prints: list[Points], wide: float = 1.0) -> None:
    """Set the camera, draw the hat, and let it stand on the floor with the given outlines."""
    body.fit_camera(FILL[scene.appearance.size], wide, limpness=0.3)
    scene.stand_on([body.flat(points) for points in prints])
    body.draw()


def ring(angle: Float64Array, wide: float, deep: float, y: Float64Array | float = 0.0) -> Points:
    """Return points of an ellipse around the axis."""
    x, z = wide * np.sin(angle), deep * np.cos(angle)
    return np.stack(np.broadcast_arrays(x, y, z), axis=-1)


def around(number: int, start: float = -math.pi, end: float = math.pi) -> Float64Array:
    """Return angles from the left of the back over the front, shape (number, 1)."""
    return np.linspace(start, end, number)[:, None]


def downwards(number: int, top: float = 1.0, low: float = 0.0) -> Float64Array:
    """Return t from the top to the rim, shape (1, number)."""
    return np.linspace(top, low, number)[None, :]


def sample_dents(scene: Scene, size: float) -> Callable[[Float64Array, Float64Array], Float64Array]:
    """Sample how far a soft crown is dented at each angle and t: a few broad waves, none at the rim."""
    rng = scene.shot.generator("dents")
    waves = [(k, m, rng.uniform(0, 6.28), rng.uniform(0.3, 1.0) * size) for k, m in ((1, 2), (2, 3), (3, 2), (2, 6))]

    def dents(angle: Float64Array, t: Float64Array) -> Float64Array:
        total = sum(a * np.sin(k * angle + m * t + p) for k, m, p, a in waves)
        return np.asarray(total * np.sin(np.pi * np.clip(t, 0, 1)) ** 1.5)

    return dents


def wrap(grid: Points, angle: Float64Array, radius: float) -> Float64Array:
    """Return texture coordinates of a surface around the axis: `radius` x angle, and the length down from the top."""
    steps = np.linalg.norm(np.diff(grid, axis=1), axis=-1).mean(axis=0)
    down = np.concatenate([[0.0], np.cumsum(steps)])
    return np.stack(np.broadcast_arrays(radius * angle, down[None, :]), axis=-1)


def add_button(body: SolidBody, top: Points, radius: float, cloth: str = "self") -> None:
    """Add the covered button on top of a cap."""
    angle, t = around(13), downwards(4)
    flat = radius * np.cos(0.5 * np.pi * t)
    grid = ring(angle, 1.0, 1.0) * np.stack([flat, flat, flat], axis=-1)
    grid[..., 1] = 0.6 * radius * np.sin(0.5 * np.pi * t)
    body.add(grid + top, cloth)


@register_silhouette("cap")
def draw_cap(scene: Scene) -> None:
    """Draw a baseball cap: a crown of panels, sometimes with a mesh back or an emblem, and a curved or flat peak."""
    d, shot = scene.design, scene.shot
    body = SolidBody(scene, sample_view(scene, (0.75, 1.35), (0.16, 0.42), 0.95))
    wide, deep, high = (
        d.uniform("wide", 0.188, 0.205),
        d.uniform("deep", 0.220, 0.240),
        d.uniform("crown", 0.178, 0.235),
    )
    stiff, panels = d.uniform("stiff", 0.0, 1.0), d.choice("panels", (6, 6, 5))
    dents = sample_dents(scene, 0.0045 * (1.6 - stiff))
    lean = shot.uniform("slump", -0.02, 0.01) * (1 - stiff)

    def crown(angle: Float64Array, t: Float64Array) -> Points:
        front = np.clip(np.cos(angle), 0, 1) ** 1.5
        rise = 0.5 * np.pi * t
        flat = np.cos(rise) ** (0.66 - (0.08 + 0.14 * stiff) * front) + dents(angle, t)
        points = ring(angle, wide, deep) * np.stack([flat, flat, flat], axis=-1)
        points[..., 1] = high * np.sin(rise) ** 0.95 + lean * front * np.sin(2 * rise)
        points[..., 2] += lean * t
        return points

    back = d.choice("back", ("same", "same", "same", "mesh", "other"))
    split = math.radians(62 if panels == 5 else 60)
    t = downwards(9)
    cloths = {"same": "main", "mesh": "tape", "other": "cord"}
    for start, end, cloth in ((-split, split, "main"), (split, 2 * math.pi - split, cloths[back])):
        angle = around(9 if start < 0 else 15, start, end)
        grid = crown(angle, t)
        body.add(grid, cloth, uv=wrap(grid, angle, deep), part="body")
    peak, rows = _add_peak(scene, body, wide, deep, d.uniform("peak", 0.155, 0.205), d.uniform("bend", 0.0, 1.0))
    add_button(body, crown(np.array(0.0), np.array(1.0)), 0.020, "self" if back == "same" else "cord")
    edge = np.linspace(-math.pi, math.pi, 40)
    finish_hat(scene, body, [ring(edge, wide, deep, -0.01), peak])
    seams = [math.radians(a) for a in ((0, 60, 120, 180, 240, 300) if panels == 6 else (62, 125, 180, 235, 298))]
    down = np.linspace(0.97, 0.0, 24)
    for seam in seams:
        body.add_seam(crown(np.full_like(down, seam), down), dark=0.35)
        for beside in (-0.045, 0.045) if abs(math.sin(0.5 * seam)) < 0.6 else (0.045,):
            body.add_topstitch(crown(seam + beside / (0.25 + np.cos(0.5 * np.pi * down)), down))
    for place in (30, 90, 150, 210, 270, 330) if panels == 6 else (95, 150, 210, 265):
        _draw_eyelet(scene, body, crown(math.radians(place) + AROUND_EYELET[0], 0.60 + AROUND_EYELET[1]))
    for row in rows:
        body.add_topstitch(row)
    _draw_emblem(scene, body, crown, wide, high)


def _add_peak(
    scene: Scene, body: SolidBody, wide: float, deep: float, reach: float, bend: float
) -> tuple[Points, list[Points]]:
    """Add a peak in front of the rim, arched by `bend`; return its outline on the floor, and its rows of stitching."""
    d = scene.design
    across = np.linspace(-1, 1, 19)[:, None]
    out = np.linspace(0, 1, 8)[None, :]
    angle = across * math.radians(72)
    squared = d.uniform("square peak", 2.2, 3.4)
    length = reach * (1 - np.abs(across) ** squared) ** (1 / squared) * (1 - 0.12 * bend)
    flare = 1 + 0.05 * out * np.abs(across)
    x = wide * 1.01 * np.sin(angle) * flare
    z = deep * 1.01 * np.cos(angle) + length * out
    share = out * length / reach
    fall = (0.03 + 0.13 * bend) * np.abs(across) ** 2 - 0.03 * bend * (1 - across**2)
    y = 0.004 - fall * share - 0.030 * share
    top = np.stack(np.broadcast_arrays(x, y, z), axis=-1)
    cloth = d.choice("peak cloth", ("main", "self", "main", "cord", "panel"))
    lower = top - np.array([0.0, 0.010, 0.0])
    body.add(lower, "self", back="self", shade=0.75)
    body.add(top, cloth)
    rim = np.stack([top[:, -1], lower[:, -1]], axis=1)
    body.add(rim, d.choice("peak edge", (cloth, cloth, "cord", "trim")))
    floor = lower[:, -1].copy()
    floor[:, 1] = -0.03
    return np.concatenate([floor, ring(angle[::-1, 0], wide, deep, -0.03)]), [top[1:-1, k] for k in (2, 3, 4, 5, 6)]


def _draw_eyelet(scene: Scene, body: SolidBody, points: Points) -> None:
    """Draw a stitched eyelet where it is visible; `points` are its place, and others around it."""
    for x, y in body.where_visible(points, 0.006):
        draw_ring(scene, x, y, 0.0085, 0.0085, 0.006, "thread")


def _draw_emblem(scene: Scene, body: SolidBody, crown: Crown, wide: float, high: float) -> None:
    """Draw an embroidered emblem of our own on the front: invented letters, a peak, a wave or a shape."""
    d = scene.design
    if not d.chance("emblem", 0.7):
        return
    kind = d.choice("emblem kind", ("letters", "letters", "letters", "peak", "wave", "sun", "shield", "lozenge", "bar"))
    size = d.uniform("emblem size", 0.042, 0.075)
    first, second = d.choice("emblem cloth", (("lace", "cord"), ("cord", "lace"), ("trim", "lace"), ("print", "cord")))
    word = d.choice("emblem word", WORDS)[: d.choice("emblem letters", (2, 3, 4, 5, 6, 7))]
    shapes = _letter_shapes(word, size, first) if kind == "letters" else _emblem_shapes(kind, size, first, second)
    for flat, cloth in shapes:
        angle, t = flat[:, 0] / (0.86 * wide), 0.40 - flat[:, 1] / (1.27 * high)
        points = crown(angle, t)
        if body.visible(points, 0.03).mean() > 0.85:
            scene.add_overlay(body.flat(points), cloth, puff=0.005, soft=0.006, shadow=0.25)


def _letter_shapes(word: str, size: float, cloth: str) -> list[tuple[Outline, str]]:
    """Return the strokes of a word as outlines (units to the right and down from the middle), and their cloth."""
    high = min(2.0 * size, 4.6 * size / len(word))
    wide, shapes = 0.72 * high, []
    for number, letter in enumerate(word):
        left = (number - 0.5 * len(word)) * 1.25 * wide + 0.125 * wide
        for stroke in STROKES[letter].split():
            a, b = ((left + int(stroke[i]) / 4 * wide, (int(stroke[i + 1]) / 6 - 0.5) * high) for i in (0, 2))
            shapes.append((ribbon([a, b], 0.20 * high), cloth))
    return shapes


def _emblem_shapes(kind: str, size: float, first: str, second: str) -> list[tuple[Outline, str]]:
    """Return outlines (units to the right and down from the middle) and cloths of an emblem."""
    s = size
    if kind == "peak":
        ground = np.array(
            [(-1.2 * s, 0.7 * s), (-0.3 * s, -0.8 * s), (0.2 * s, 0.0), (0.5 * s, -0.4 * s), (1.2 * s, 0.7 * s)]
        )
        snow = np.array([(-0.55 * s, -0.35 * s), (-0.3 * s, -0.8 * s), (0.0, -0.3 * s), (-0.25 * s, -0.15 * s)])
        return [(ground, first), (snow, second)]
    if kind == "wave":
        x = np.linspace(-1.2 * s, 1.2 * s, 21)
        line = 0.22 * s * np.sin(2 * np.pi * x / (1.2 * s))
        band = np.concatenate([np.stack([x, line - 0.17 * s], axis=1), np.stack([x, line + 0.17 * s], axis=1)[::-1]])
        return [(band + np.array([0.0, 0.62 * k * s]), cloth) for k, cloth in ((-1, first), (0, second), (1, first))]
    if kind == "sun":
        turn = np.linspace(0, 2 * np.pi, 33)[:-1]
        reach = np.where(np.arange(32) % 4 < 2, 1.0, 0.72) * s
        rays = np.stack([reach * np.cos(turn), reach * np.sin(turn)], axis=1)
        return [(rays, first), (disc(0.0, 0.0, 0.45 * s), second)]
    if kind == "shield":
        outer = mirrored_outline([(0.0, -s), (0.8 * s, -0.85 * s)], [(0.75 * s, 0.1 * s), (0.0, s)])
        return [
            (outer, first),
            (np.array([(-0.6 * s, -0.2 * s), (0.6 * s, -0.2 * s), (0.6 * s, 0.1 * s), (-0.6 * s, 0.1 * s)]), second),
        ]
    if kind == "lozenge":
        outer = np.array([(0.0, -s), (0.9 * s, 0.0), (0.0, s), (-0.9 * s, 0.0)])
        return [(outer, first), (0.5 * outer, second)]
    return [(smooth_loop([(-1.3 * s, -0.4 * s), (1.3 * s, -0.4 * s), (1.3 * s, 0.4 * s), (-1.3 * s, 0.4 * s)]), first)]


@register_silhouette("flat-cap")
def draw_flat_cap(scene: Scene) -> None:
    """Draw a flat cap: a broad crown that slopes forward onto a short stiff peak; in one piece or of eight panels."""
    d = scene.design
    body = SolidBody(scene, sample_view(scene, (0.85, 1.35), (0.28, 0.55), 1.25))
    wide, deep = d.uniform("wide", 0.176, 0.206), d.uniform("deep", 0.212, 0.252)
    high, full = d.uniform("crown", 0.088, 0.160), d.uniform("full", 0.0, 0.24)
    eight, ahead = d.chance("eight panels", 0.4), d.uniform("ahead", 0.03, 0.055)
    dents = sample_dents(scene, 0.006)

    def crown(angle: Float64Array, t: Float64Array) -> Points:
        front = np.clip(np.cos(angle), 0, 1)
        rise = 0.5 * np.pi * t
        flat = np.cos(rise) ** 0.62 * (1 + full * np.sin(np.pi * t) * (1 - 0.3 * front)) + dents(angle, t)
        points = ring(angle, wide, deep) * np.stack([flat, flat, flat], axis=-1)
        slope = 1 - (0.72 if not eight else 0.5) * front * np.cos(rise) ** 0.4
        points[..., 1] = (high + 0.05 * eight) * np.sin(rise) ** 0.62 * slope
        points[..., 2] += ahead * front * np.sin(np.pi * t) ** 0.5 + 0.02 * t
        return points

    angle, t = around(25), downwards(10)
    grid = crown(angle, t)
    flat_uv = np.stack([grid[..., 0], grid[..., 2]], axis=-1)
    body.add(grid, "main", uv=wrap(grid, angle, deep) if eight else flat_uv)
    peak = _add_flat_peak(body, wide, deep, d.uniform("peak", 0.055, 0.105))
    if eight or d.chance("button", 0.3):
        add_button(body, crown(np.array(0.0), np.array(1.0)), 0.017)
    edge = np.linspace(-math.pi, math.pi, 40)
    finish_hat(scene, body, [ring(edge, wide, deep), peak])
    down = np.linspace(0.99, 0.0, 24)
    seams = [0.785 * k for k in range(8)] if eight else [0.62, -0.62]
    for seam in seams:
        turn = seam * (np.ones_like(down) if eight else 1.25 + 0.75 * down)
        line = crown(turn, down)
        body.add_seam(line, dark=0.35)
        body.add_topstitch(crown(turn + 0.05, down))


def _add_flat_peak(body: SolidBody, wide: float, deep: float, reach: float) -> Points:
    """Add the short peak of a flat cap, covered with the same cloth; return its outline on the floor."""
    across, out = np.linspace(-1, 1, 19)[:, None], np.linspace(0, 1, 6)[None, :]
    angle = across * math.radians(62)
    length = reach * (1 - np.abs(across) ** 2.4) ** (1 / 2.4)
    x, z = wide * np.sin(angle) * (1 + 0.02 * out), deep * 0.99 * np.cos(angle) + length * out
    y = 0.016 - 0.016 * across**2 - (0.016 + 0.02 * across**2) * out * length / reach
    top = np.stack(np.broadcast_arrays(x, y, z), axis=-1)
    lower = top - np.array([0.0, 0.012, 0.0])
    body.add(lower, "self", back="self", shade=0.75)
    body.add(top, "main", uv=np.stack([top[..., 0], top[..., 2]], axis=-1))
    body.add(np.stack([top[:, -1], lower[:, -1]], axis=1), "self")
    floor = lower[:, -1].copy()
    floor[:, 1] = 0.0
    return np.concatenate([floor, ring(angle[::-1, 0], wide, deep)])


@register_silhouette("beanie")
def draw_beanie(scene: Scene) -> None:
    """Draw a knitted cap from the front: high or slouching, ribbed or smooth, with a turn-up, a pompon or a patch."""
    d, shot = scene.design, scene.shot
    yaw, pitch = shot.uniform("yaw", -0.5, 0.5), shot.uniform("pitch", 0.02, 0.20)
    body = SolidBody(scene, Viewpoint(yaw=yaw, pitch=pitch, near=0.12))
    head, high = d.uniform("head", 0.205, 0.235), d.uniform("high", 0.36, 0.47)
    turned, cuff = d.chance("turned up", 0.60), d.uniform("cuff", 0.095, 0.155)
    slouch, narrow = d.uniform("slouch", 0.0, 1.0) ** 2, d.uniform("narrow", 0.0, 1.0)
    ribs, pompon = d.choice("ribs", (0, 24, 32)), d.chance("pompon", 0.25)
    lean, flat_share = shot.uniform("lean", -0.07, 0.07) * (0.3 + slouch), 0.8 if scene.pose.room == 1 else 0.35
    rng = shot.generator("slump")
    slumps = [(rng.uniform(0.35, 0.95), rng.uniform(0.02, 0.05), rng.uniform(-0.9, 0.9)) for _ in range(3)]

    def crown(angle: Float64Array, t: Float64Array) -> Points:
        rise = 0.5 * np.pi * np.clip((t - 0.25) / 0.75, 0, 1)
        flat = np.cos(rise) ** (0.58 + 0.34 * narrow) * (1 + 0.10 * slouch * np.sin(np.pi * t))
        flat = flat + 0.030 * np.cos(9 * angle) * np.clip(t - 0.55, 0, 1) * (1 - t) * 2.2
        if ribs:
            flat = flat * (1 + 0.022 * np.cos(ribs * angle) * (1 - 0.5 * t))
        for place, size, twist in slumps:
            flat = flat + size * slouch * np.sin(3 * (angle + twist)) * np.exp(-(((t - place) / 0.10) ** 2))
        points = ring(angle, head, flat_share * head) * np.stack([flat, flat, flat], axis=-1)
        points[..., 1] = high * (0.62 * np.minimum(t / 0.25, 1) * 0.55 + (1 - 0.62 * 0.55) * np.sin(rise) ** 0.95)
        points[..., 0] += lean * np.clip(t - 0.3, 0, 1) ** 1.5
        points[..., 1] -= 0.05 * slouch * np.clip(t - 0.75, 0, 1) * (1 - np.cos(2 * angle)) * 2
        return points

    angle, t = around(33 if not ribs else 81), downwards(12)
    grid = crown(angle, t)
    body.add(grid, "main", uv=wrap(grid, angle, head))
    if turned:
        _add_cuff(body, head, flat_share, cuff, ribs)
    else:
        low = np.array([1.02, 1.045, 1.045, 1.0])[None, :] * np.ones_like(angle)
        edge = ring(angle, head, flat_share * head) * low[..., None]
        edge[..., 1] = np.array([0.055, 0.045, 0.006, -0.004])[None, :]
        body.add(edge, "rib main", uv=wrap(edge, angle, head))
    if pompon:
        _add_pompon(scene, body, crown(np.array(0.0), np.array(1.0)), d.uniform("ball", 0.062, 0.092))
    finish_hat(scene, body, [], 1.12)
    scene.ground = None
    if d.chance("patch", 0.45):
        _draw_patch(
            scene, body, head, flat_share, cuff if turned else 0.09, d.choice("patch cloth", ("trim", "label", "cord"))
        )


def _add_cuff(body: SolidBody, head: float, flat_share: float, cuff: float, ribs: int) -> None:
    """Add the turned-up edge of a beanie, ribbed and a little wider than the crown."""
    angle, t = around(81), np.linspace(0, 1, 6)[None, :]
    number = ribs or 36
    bulge = 1.055 + 0.035 * np.sin(np.pi * np.clip(t, 0, 1)) ** 0.4 + 0.012 * np.cos(number * angle)
    edge = ring(angle, head, flat_share * head) * bulge[..., None]
    edge[..., 1] = cuff * (1 - t) - 0.006 + 0.004 * np.cos(2 * angle)
    body.add(edge, "rib main", uv=wrap(edge, angle, head))
    lip = np.stack([ring(angle[:, 0], head * 0.97, flat_share * head * 0.97, cuff - 0.012), edge[:, 0]], axis=1)
    body.add(lip, "rib main", shade=0.8)


def _add_pompon(scene: Scene, body: SolidBody, at: Points, radius: float) -> None:
    """Add a ball of yarn ends on top: a sphere of tufts of uneven length."""
    rng = scene.design.generator("tufts")
    angle, polar = around(49), np.linspace(0.02, math.pi - 0.02, 25)[None, :]
    rough = 1 + 0.17 * rng.uniform(-1, 1, (49, 25)) + 0.06 * rng.uniform(-1, 1, (49, 25))
    rough[-1] = rough[0]
    grid = np.stack(
        [
            radius * rough * np.sin(polar) * np.sin(angle),
            radius * rough * np.cos(polar),
            radius * rough * np.sin(polar) * np.cos(angle),
        ],
        axis=-1,
    )
    shade = np.clip(0.35 + 0.75 * (rough - 0.80) / 0.4, 0.35, 1.0)
    body.add(grid + at + np.array([0.0, 0.72 * radius, 0.0]), "self", shade=shade)


def _draw_patch(scene: Scene, body: SolidBody, head: float, flat_share: float, tall: float, cloth: str) -> None:
    """Draw a woven or leather patch on the front of the turn-up."""
    d = scene.design
    half, high = d.uniform("patch width", 0.030, 0.048), d.uniform("patch height", 0.018, 0.028)
    middle = d.choice("patch place", (0.0, 0.0, 0.55))
    angle = middle + np.array([-half, half, half, -half]) / head
    y = 0.48 * tall + np.array([high, high, -high, -high])
    points = ring(angle, 1.11 * head, 1.11 * flat_share * head, y)
    if body.visible(points, 0.05).all():
        scene.add_overlay(body.flat(points), cloth, puff=0.003, soft=0.005, shadow=0.3)


@register_silhouette("bucket-hat")
def draw_bucket_hat(scene: Scene) -> None:
    """Draw a bucket hat: a flat crown on a sloping side, a brim that hangs or stands out, with rows of stitching."""
    d = scene.design
    body = SolidBody(scene, sample_view(scene, (0.9, 1.5), (0.26, 0.50), 1.0))
    head, tall = d.uniform("head", 0.185, 0.205), d.uniform("tall", 0.150, 0.195)
    taper, fall = d.uniform("taper", 0.74, 0.90), d.uniform("fall", 0.45, 1.05)
    width = d.uniform("brim", 0.120, 0.170)
    dents = sample_dents(scene, 0.007)
    angle = around(31)

    def side(turn: Float64Array, t: Float64Array) -> Points:
        share = 1 - (1 - taper) * t + dents(turn, t)
        points = ring(turn, head, 1.12 * head) * np.stack([share, share, share], axis=-1)
        points[..., 1] = tall * t
        return points

    grid = side(angle, downwards(9))
    body.add(grid, "main", uv=wrap(grid, angle, head))
    share = np.linspace(0.0, 1.0, 7)[None, :]
    top = ring(angle, head * taper, 1.12 * head * taper) * share[..., None]
    top[..., 1] = tall + 0.014 * np.sqrt(1 - 0.98 * share**2) - 0.004
    body.add(top, "main", uv=np.stack([top[..., 0], top[..., 2]], axis=-1))
    edge = add_brim(scene, body, head, 1.12 * head, width, fall, wave=0.10)
    if d.chance("band", 0.3):
        add_band(body, side, angle, 0.02, 0.22, d.choice("band cloth", ("cord", "self", "trim")))
    finish_hat(scene, body, [edge])
    turn = np.linspace(-math.pi, math.pi, 90)
    body.add_seam(side(turn, np.full_like(turn, 0.985)), dark=0.45)
    for level in (0.94,):
        body.add_topstitch(side(turn, np.full_like(turn, level)))
    for seam in (-0.5 * math.pi, 0.5 * math.pi):
        down = np.linspace(0.97, 0.03, 14)
        body.add_seam(side(np.full_like(down, seam), down), dark=0.35)
    for seam in (-1.75, -1.35, 1.35, 1.75):
        _draw_eyelet(scene, body, side(seam + AROUND_EYELET[0], 0.60 + AROUND_EYELET[1]))


def add_brim(
    scene: Scene,
    body: SolidBody,
    wide: float,
    deep: float,
    width: float,
    fall: float,
    *,
    wave: float = 0.0,
    curl: tuple[float, float] = (0.0, 0.0),
    cloth: str = "main",
    rows: int = 4,
) -> Points:
    """Add a brim of a width around the rim, `fall` radians below the horizontal; return its edge on the floor.

    `curl` turns it up at the sides and at the back, as shares of its width. `rows` of stitching are raised ridges.
    """
    rng = scene.shot.generator("brim")
    angle, out = around(37), np.linspace(0, 1, 5 if not rows else 3 * rows + 1)[None, :]
    waves = sum(rng.uniform(-wave, wave) * np.sin(k * angle + rng.uniform(0, 6.28)) for k in (2, 3, 4))
    lean = fall + waves * out
    reach = width * out
    points = ring(angle, wide, deep) + ring(angle, 1.0, 1.0) * (reach * np.cos(lean))[..., None]
    up = curl[0] * np.sin(angle) ** 2 + curl[1] * np.clip(-np.cos(angle), 0, 1) ** 2
    ridges = 0.0016 * np.cos(2 * np.pi * rows * out) if rows else 0.0
    points[..., 1] = -reach * np.sin(lean) + width * up * out**2.2 + ridges
    uv = np.stack(np.broadcast_arrays(angle * (wide + 0.5 * width), reach), axis=-1)
    under = points - np.array([0.0, 0.007, 0.0])
    body.add(under[:, ::-1], "self", uv=uv[:, ::-1], shade=0.62, part="lining")
    body.add(points, cloth, uv=uv)
    body.add(np.stack([points[:, -1], under[:, -1]], axis=1), "self")
    edge = points[:, -1].copy()
    edge[:, 1] = points[..., 1].min()
    return edge


def add_band(
    body: SolidBody, side: Crown, angle: Float64Array, low: float, high: float, cloth: str, out: float = 1.022
) -> None:
    """Add a ribbon around the crown between two values of t."""
    points = side(angle, downwards(5, high, low))
    grow = np.array([out, out + 0.006, out + 0.006, out + 0.006, out])[None, :, None]
    body.add(points * np.concatenate([grow, np.ones_like(grow), grow], axis=-1), cloth, part="trim")


@register_silhouette("fedora")
def draw_fedora(scene: Scene) -> None:
    """Draw a fedora: a pinched crown with a crease on top, a ribbon with a bow, a brim that is bent down in front."""
    d = scene.design
    body = SolidBody(scene, sample_view(scene, (0.95, 1.35), (0.22, 0.42), 1.05))
    head, tall = d.uniform("head", 0.172, 0.188), d.uniform("tall", 0.205, 0.250)
    pinch, taper = d.uniform("pinch", 0.12, 0.26), d.uniform("taper", 0.70, 0.80)
    width, fall = d.uniform("brim", 0.110, 0.165), d.uniform("fall", 0.0, 0.16)
    trilby = width < 0.13
    angle = around(37)

    def side(turn: Float64Array, t: Float64Array) -> Points:
        share = 1 - (1 - taper) * t**1.4
        front = np.exp(-(((np.abs(turn) - 0.62) / 0.42) ** 2))
        share = share * (1 - pinch * front * np.clip((t - 0.25) / 0.75, 0, 1) ** 1.5)
        points = ring(turn, head, 1.20 * head) * np.stack([share, share, share], axis=-1)
        points[..., 1] = tall * t * (1 + 0.10 * np.cos(turn) * t)
        return points

    body.add(side(angle, downwards(9)), "main", uv=wrap(side(angle, downwards(9)), angle, head))
    share = np.linspace(0.0, 1.0, 11)[None, :]
    rim = side(angle, np.ones((1, 1)))
    top = rim * share[..., None]
    round_ = np.sqrt(np.maximum(1 - share**4, 0))
    dent = np.exp(-((top[..., 0] / (0.30 * head)) ** 2)) * (1 - share**3)
    top[..., 1] = rim[..., 1] * (1 - 0.0 * share) + 0.028 * round_ - d.uniform("dent", 0.060, 0.085) * dent
    body.add(top, "main", uv=np.stack([top[..., 0], top[..., 2]], axis=-1))
    curl = (d.uniform("sides", 0.10, 0.40), d.uniform("snap", 0.25, 0.60) if trilby else d.uniform("back", 0.0, 0.22))
    edge = add_brim(scene, body, head, 1.20 * head, width, fall, wave=0.04, curl=curl, rows=0)
    ribbon_cloth = d.choice("ribbon", ("dark", "trim", "cord", "self"))
    high = d.uniform("ribbon height", 0.16, 0.24)
    add_band(body, side, angle, 0.015, high, ribbon_cloth)
    _add_bow(body, side, high, ribbon_cloth)
    finish_hat(scene, body, [edge])


def _add_bow(body: SolidBody, side: Crown, high: float, cloth: str) -> None:
    """Add the flat bow of a ribbon on the left side of the crown."""
    for middle, half in ((-1.75, 0.16), (-1.42, 0.16), (-1.585, 0.05)):
        turn = np.linspace(middle - half, middle + half, 7)[:, None]
        points = side(turn, downwards(4, 0.95 * high, 0.03))
        out = 1.055 + (0.03 if half < 0.1 else 0.0)
        body.add(points * np.array([out, 1.0, out]), cloth, part="trim")


@register_silhouette("sun-hat")
def draw_sun_hat(scene: Scene) -> None:
    """Draw a sun hat: a round crown, a wide brim in soft waves, a ribbon around the crown."""
    d = scene.design
    body = SolidBody(scene, sample_view(scene, (0.9, 1.5), (0.38, 0.64), 1.15))
    head, tall = d.uniform("head", 0.150, 0.166), d.uniform("tall", 0.140, 0.180)
    width, fall, square = (
        d.uniform("brim", 0.145, 0.275),
        d.uniform("fall", 0.0, 0.55),
        d.uniform("square", 0.42, 0.75),
    )
    dents = sample_dents(scene, 0.006)
    angle = around(31)

    def crown(turn: Float64Array, t: Float64Array) -> Points:
        rise = 0.5 * np.pi * t
        share = np.cos(rise) ** square + dents(turn, t)
        points = ring(turn, head, 1.12 * head) * np.stack([share, share, share], axis=-1)
        points[..., 1] = tall * np.sin(rise) ** 0.9
        return points

    grid = crown(angle, downwards(10))
    body.add(grid, "main", uv=wrap(grid, angle, head))
    edge = add_brim(scene, body, head, 1.12 * head, width, fall, wave=0.16, rows=0)
    if d.chance("ribbon", 0.8):
        high, cloth = d.uniform("ribbon height", 0.14, 0.26), d.choice("ribbon cloth", ("dark", "cord", "trim", "lace"))
        add_band(body, crown, angle, 0.01, high, cloth, 1.03)
        if d.chance("bow", 0.5):
            _add_bow(body, crown, high, cloth)
    finish_hat(scene, body, [edge])
