"""Draw large bags: totes and backpacks."""

import numpy as np

from generator.render.engine.curves import Curve, box, disc, mirror_curve, mirrored_outline, on_side, outline, ribbon
from generator.render.engine.fittings import draw_buckle, draw_button, draw_plate, draw_ring, draw_strap, draw_zipper
from generator.render.engine.height_field import Crease
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene
from generator.render.things.perspective import SlantedFace, sample_view

BULK = {"child": 0.68, "small": 0.81, "medium": 0.96, "large": 1.06}
"""Scale of a bag, by size."""


class Tote:
    """The measures of one tote, and the view of the shot."""

    def __init__(self, scene: Scene) -> None:
        d = scene.design
        self.view = sample_view(scene, 0.12, 0.30, eye=0.62, above=0.21)
        self.high = d.uniform("high", 0.40, 0.56)
        self.top, self.low = 0.92 - self.high, 0.92
        self.wide, self.base = d.uniform("top width", 0.27, 0.36), d.uniform("base width", 0.25, 0.33)
        self.mouth, self.deep = d.uniform("mouth", 0.075, 0.125), d.uniform("deep", 0.075, 0.115)
        self.sag = d.uniform("sag", 0.0, 0.028)
        self.pleat = d.uniform("pleat", 0.015, 0.055)

    def rim(self, z: float, drop: float = 0.0, inset: float = 0.0) -> Curve:
        """Return the upper edge of the wall at depth z, left to right, `drop` below the edge."""
        half = self.wide - inset + (self.base - self.wide) * drop / self.high
        return self.view.curve(
            [
                (-half, self.top + drop, z),
                (-0.5 * half, self.top + drop + 0.75 * self.sag, z),
                (0.0, self.top + drop + self.sag, z),
                (0.5 * half, self.top + drop + 0.75 * self.sag, z),
                (half, self.top + drop, z),
            ]
        )

    def depth(self, drop: float) -> float:
        """Return how far in front of the middle the front wall is, `drop` below the edge."""
        return self.mouth + (self.deep - self.mouth) * drop / self.high

    def at(self, x: float, drop: float) -> tuple[float, float]:
        """Return a point of the front wall."""
        sag = self.sag * max(0.0, 1 - (x / self.wide) ** 2) * max(0.0, 1 - drop / self.high)
        return self.view.point(x, self.top + drop + sag, self.depth(drop))


@register_silhouette("tote-bag")
def draw_tote_bag(scene: Scene) -> None:
    """Draw an open bag with two handles and a pleated gusset; the lining shows in the opening."""
    d = scene.design
    drop = d.uniform("handle", 0.12, 0.27)
    bag = Tote(scene)
    scale = min(1.0, 0.84 / (bag.high + drop + 0.06))
    scene.set_camera(BULK[scene.appearance.size] * scale * 1.06, (0.0, 0.5 * (0.97 + bag.top - drop)))
    spread = d.uniform("spread", 0.34, 0.55) * bag.wide
    mount = d.choice("mount", ("ring", "tab", "long"))
    width = d.uniform("handle width", 0.022, 0.034)
    _draw_handle(scene, bag, spread, drop, -bag.mouth, width, 0.78)
    _draw_mouth(scene, bag)
    _draw_gusset(scene, bag)
    _draw_front(scene, bag)
    _draw_mounts(scene, bag, spread, mount, width)
    _draw_handle(scene, bag, spread, drop * 0.97, bag.mouth, width, 1.0, ringed=mount == "ring")
    for side in (-1, 1):
        x, y = bag.at(side * spread, 0.004)
        if mount == "ring":
            draw_ring(scene, x, y + 0.016, 0.026, 0.024, 0.011)
    x, y = bag.at(0.0, d.uniform("plaque", 0.10, 0.17))
    draw_plate(scene, x, y, 0.046, 0.021)
    side = bag.view.side
    left, right = (
        bag.view.point(-side * bag.base, bag.low, bag.deep),
        bag.view.point(side * bag.base, bag.low, -bag.deep),
    )
    scene.place_on_floor(min(left[0], right[0]), max(left[0], right[0]), bag.view.point(0.0, bag.low, bag.deep)[1])


def _draw_handle(
    scene: Scene, bag: Tote, spread: float, drop: float, z: float, width: float, shade: float, *, ringed: bool = False
) -> None:
    lean = 0.35 * z
    foot, peak = bag.top + (0.010 if ringed else 0.035), bag.top - drop
    curve = bag.view.curve(
        [
            (-spread, foot, z),
            (-0.97 * spread, bag.top - 0.45 * drop, z + 0.2 * lean),
            (-0.62 * spread, peak + 0.12 * drop, z + 0.5 * lean),
            (0.0, peak, z + 0.6 * lean),
            (0.62 * spread, peak + 0.12 * drop, z + 0.5 * lean),
            (0.97 * spread, bag.top - 0.45 * drop, z + 0.2 * lean),
            (spread, foot, z),
        ]
    )
    scene.add_panel(
        ribbon(curve, width), "trim", puff=0.42 * width, soft=0.35 * width, shade=shade, shadow=0.45, reach=0.010
    )
    scene.add_topstitch([(x, y + 0.001) for x, y in curve[1:-1]], width=0.003)


def _draw_mouth(scene: Scene, bag: Tote) -> None:
    """Draw the inner side of the back wall and of the far gusset, darker towards the bottom."""
    back, front = bag.rim(-bag.mouth), bag.rim(bag.mouth, 0.02)
    side = bag.view.side
    far = (back[0], front[0]) if side > 0 else (back[-1], front[-1])
    scene.add_inside(outline(back, front[-1], front[::-1], back[0]), lift=0.014)
    deep = bag.rim(0.35 * bag.mouth, 0.03)
    scene.darken(outline(deep, [deep[-1], *front[::-1]], deep[0]), 0.60, 0.016)
    inner = (0.5 * (far[0][0] + far[1][0]) + 0.03 * side, 0.5 * (far[0][1] + far[1][1]) + 0.004)
    scene.darken(np.array([far[0], inner, far[1]]), 0.25, 0.006)
    scene.add_overlay(
        ribbon([(x, y + 0.003) for x, y in back], 0.014), "trim", puff=0.004, soft=0.005, shadow=0.3, clip=False
    )


def _draw_gusset(scene: Scene, bag: Tote) -> None:
    """Draw the side wall: two halves that meet in a pleat, which goes inwards at the top."""
    side, top, low = bag.view.side, bag.top, bag.low
    fold = [
        (side * (bag.wide - bag.pleat), top + 0.012, 0.0),
        (side * (0.5 * (bag.wide + bag.base) - 0.35 * bag.pleat), 0.5 * (top + low), 0.0),
        (side * (bag.base + 0.004), low - 0.05, 0.0),
        (side * bag.base, low, 0.0),
    ]
    middle = bag.view.curve(fold)
    for z, slope, shade in ((-1.0, 0.75, 0.92), (1.0, 1.5, 0.70)):
        edge = bag.view.curve(
            [
                (side * bag.wide, top, z * bag.mouth),
                (side * (0.5 * (bag.wide + bag.base) + 0.006), 0.5 * (top + low), z * 0.5 * (bag.mouth + bag.deep)),
                (side * bag.base, low - 0.02, z * bag.deep),
                (side * (bag.base - 0.01), low, z * (bag.deep - 0.01)),
            ]
        )
        shape = outline(middle, edge[::-1][0], edge[::-1])
        scene.add_panel(
            shape,
            puff=0.010,
            soft=0.020,
            folds=[SlantedFace(middle[1][0], side * slope)],
            shade=shade,
            shadow=0.0,
            quilted=False,
        )
    scene.add_seam(middle[:3], width=0.006, dark=0.30)
    front = [
        bag.at(side * bag.wide, 0.0),
        bag.at(side * 0.5 * (bag.wide + bag.base), 0.5 * bag.high),
        bag.at(side * bag.base, bag.high),
    ]
    scene.darken(
        outline(front, [(front[-1][0] + side * 0.03, front[-1][1]), (front[0][0] + side * 0.02, front[0][1])]),
        0.35,
        0.014,
    )


def _draw_front(scene: Scene, bag: Tote) -> None:
    d, base = scene.design, bag.base
    rim = bag.rim(bag.mouth)
    left: Curve = [bag.at(-base, bag.high - 0.025), bag.at(-0.5 * (bag.wide + base) - 0.008, 0.5 * bag.high), rim[0]]
    right = [rim[-1], bag.at(0.5 * (bag.wide + base) + 0.008, 0.5 * bag.high), bag.at(base, bag.high - 0.025)]
    bottom = [
        bag.at(base, bag.high - 0.025),
        bag.at(base - 0.022, bag.high),
        bag.at(0.0, bag.high + 0.004),
        bag.at(-base + 0.022, bag.high),
        bag.at(-base, bag.high - 0.025),
    ]
    soft = scene.design.uniform("soft", 0.3, 1.5)
    folds: list[Crease | SlantedFace] = [
        Crease(
            bag.at(s * bag.wide * 0.80, 0.02), bag.at(s * base * 0.62, bag.high - 0.08), -0.006 * soft, 0.030, 0.06 * s
        )
        for s in (-1, 1)
    ]
    folds.append(
        Crease(bag.at(-0.3 * base, bag.high - 0.12), bag.at(0.5 * base, bag.high - 0.03), 0.004 * soft, 0.030, 0.05)
    )
    folds.append(SlantedFace(0.0, -0.16 * bag.view.side))
    scene.add_panel(
        outline(left, rim, right, bottom), puff=0.018, soft=0.022, volume=0.014, folds=folds, shadow=0.15, quilted=True
    )
    band = bag.rim(bag.mouth, 0.042)
    scene.add_overlay(outline(rim, band[-1], band[::-1]), "trim", puff=0.006, soft=0.010)
    scene.add_topstitch([(x, y - 0.008) for x, y in band])
    if d.chance("base panel", 0.55):
        tall = d.uniform("base height", 0.07, 0.15)
        edge = [
            bag.at(-base - 0.03, bag.high - tall),
            bag.at(0.0, bag.high - tall + 0.004),
            bag.at(base + 0.03, bag.high - tall),
        ]
        foot = [bag.at(base + 0.03, bag.high + 0.03), bag.at(-base - 0.03, bag.high + 0.03)]
        scene.add_overlay(outline(edge, foot[0], foot[1]), "trim", puff=0.004, shadow=0.35)
        scene.add_topstitch([(x, y + 0.012) for x, y in edge])
    elif d.chance("pocket", 0.35):
        half = 0.55 * base
        corners = [
            bag.at(-half, 0.40 * bag.high),
            bag.at(half, 0.40 * bag.high),
            bag.at(half * 0.98, 0.80 * bag.high),
            bag.at(-half * 0.98, 0.80 * bag.high),
        ]
        scene.add_overlay(np.array(corners), puff=0.008, soft=0.014)
        scene.add_topstitch([(corners[0][0], corners[0][1] + 0.016), (corners[1][0], corners[1][1] + 0.016)])
    for side in (-1, 1):
        scene.add_topstitch(
            [
                (x - side * 0.010, y)
                for x, y in (
                    bag.at(side * bag.wide, 0.05),
                    bag.at(side * 0.5 * (bag.wide + base), 0.5 * bag.high),
                    bag.at(side * base, bag.high - 0.03),
                )
            ],
            width=0.003,
        )
        x, y = bag.at(side * (base - 0.05), bag.high)
        scene.add_overlay(disc(x, y + 0.002, 0.012, 0.008), "fitting", puff=0.008, soft=0.006, clip=False)


def _draw_mounts(scene: Scene, bag: Tote, spread: float, mount: str, width: float) -> None:
    """Draw the mounts of the handles: a tab with a ring, a stitched tab, or a band down to the bottom."""
    for side in (-1, 1):
        reach = {"ring": 0.085, "tab": 0.095, "long": bag.high - 0.01}[mount]
        half = 0.5 * width + 0.006 if mount != "ring" else 0.024
        points = [bag.at(side * spread + h, r) for h, r in ((-half, 0.012), (half, 0.012), (half, reach))]
        tip = [bag.at(side * spread, reach + (0.022 if mount != "long" else 0.0)), bag.at(side * spread - half, reach)]
        scene.add_overlay(outline(points, tip), "trim", puff=0.006, soft=0.010, shadow=0.45)
        if mount != "long":
            x, y = bag.at(side * spread, reach - 0.012)
            draw_button(scene, x, y, 0.0105)
            scene.add_topstitch(
                [(a, b - 0.006) for a, b in (points[1], points[2], tip[0], tip[1], points[0])], width=0.003
            )
        else:
            for edge in (-0.7, 0.7):
                scene.add_topstitch(
                    [bag.at(side * spread + edge * half, 0.02), bag.at(side * spread + edge * half, reach - 0.01)],
                    width=0.003,
                )


@register_silhouette("backpack")
def draw_backpack(scene: Scene) -> None:
    """Draw a backpack: shoulder straps behind, a zip or a lid with buckled straps, front and side pockets."""
    d = scene.design
    scene.set_camera(0.98 * BULK[scene.appearance.size], (0.0, 0.51))
    wide, low = d.uniform("width", 0.215, 0.305), 0.92
    top = 0.17 + d.uniform("short", 0.0, 0.10)
    arch, lid = d.uniform("arch", 0.04, 0.15), scene.choose_cut("closure") == "belt"
    scene.place_on_floor(-wide, wide, low)
    _draw_backpack_straps(scene, wide, top, low)
    body = mirrored_outline(
        [(0.0, top), (0.6 * wide, top + 0.012), (0.93 * wide, top + arch), (wide, top + arch + 0.10)],
        [(wide + 0.012, 0.60), (wide + 0.008, low - 0.04), (wide - 0.04, low), (0.0, low + 0.004)],
    )
    rng = scene.shot.generator("slump")
    slump = [
        Crease(
            (s * wide * rng.uniform(0.5, 0.95), 0.42 + 0.1 * i),
            (s * wide * rng.uniform(-0.1, 0.3), 0.47 + 0.1 * i),
            rng.uniform(-0.006, 0.005),
            0.022,
            rng.normal(0, 0.1),
        )
        for i, s in enumerate((1, -1, 1, -1))
    ]
    scene.add_panel(body, puff=0.034, soft=0.040, volume=0.030, folds=slump, shadow=0.4, quilted=True)
    if not lid:
        half = [(0.45 * wide, top + 0.055), (0.80 * wide, top + arch + 0.06), (0.88 * wide, 0.47)]
        draw_zipper(scene, [*mirror_curve(half[::-1]), (0.0, top + 0.045), *half], width=0.018)
    _draw_front_pocket(scene, wide, low, 0.54 if lid else 0.56)
    if lid:
        _draw_lid(scene, wide, top, arch)
    patch = 0.70 if lid else 0.5 * (top + 0.06 + 0.56)
    if scene.appearance.hardware == "none":
        scene.add_overlay(box(-0.045, patch - 0.025, 0.045, patch + 0.025, 0.010), "trim", soft=0.010, clip=False)
    else:
        draw_plate(scene, 0.0, patch, 0.050, 0.024)


def _draw_front_pocket(scene: Scene, wide: float, low: float, y: float) -> None:
    """Draw one zipped bellows pocket, or two side by side."""
    inner = wide - 0.045
    style = scene.design.choice("front pocket", ("bellows", "round", "pair"))
    if style == "pair":
        half = 0.5 * inner - 0.008
        for side in (-1, 1):
            x = side * (half + 0.008)
            scene.add_overlay(
                box(x - half, y, x + half, low - 0.05, 0.030),
                puff=0.024,
                soft=0.026,
                lift=0.008,
                shadow=0.6,
                quilted=True,
                clip=False,
            )
            draw_zipper(scene, [(x - half + 0.02, y + 0.035), (x + half - 0.02, y + 0.035)], width=0.015)
        return
    corner = 0.05 if style == "bellows" else 0.13
    front = mirrored_outline(
        [
            (0.0, y - (0.02 if style == "round" else 0.0)),
            (inner - (0.06 if style == "round" else 0.0), y),
            (inner, y + (0.06 if style == "round" else 0.0)),
        ],
        [(inner + 0.008, low - 0.04 - corner), (inner - 0.6 * corner, low - 0.05), (0.0, low - 0.045)],
    )
    scene.add_overlay(front, puff=0.024, soft=0.028, lift=0.008, shadow=0.6, quilted=True, clip=False)
    reach = inner - (0.05 if style == "round" else 0.03)
    draw_zipper(scene, [(-reach, y + 0.045), (0.0, y + 0.038), (reach, y + 0.045)], width=0.018)


def _draw_backpack_straps(scene: Scene, wide: float, top: float, low: float) -> None:
    """Draw shoulder straps, grab loop and side pockets, half hidden by the body."""
    out, end = scene.design.uniform("strap out", 0.045, 0.105), scene.shot.uniform("strap end", 0.74, 0.84)
    for side in (-1, 1):
        curve = on_side([(0.10, top + 0.02), (wide + 0.02, top + 0.10), (wide + out, 0.52), (wide + 0.02, end)], side)
        scene.add_panel(ribbon(curve, 0.060, 0.032), "self", puff=0.014, soft=0.016, shade=0.80, shadow=0.3)
        scene.add_topstitch([(x - 0.018 * side, y) for x, y in curve], width=0.003)
    loop = [(-0.06, top + 0.03), (-0.05, top - 0.04), (0.0, top - 0.058), (0.05, top - 0.04), (0.06, top + 0.03)]
    scene.add_panel(ribbon(loop, 0.026), "self", puff=0.010, soft=0.010, shadow=0.3)
    if not scene.design.chance("side pockets", 0.65):
        return
    pocket = outline(
        [(wide - 0.03, 0.60), (wide + 0.045, 0.62)], [(wide + 0.052, low - 0.05), (wide - 0.03, low - 0.01)]
    )
    for side in (-1, 1):
        scene.add_panel(pocket * (side, 1), "self", puff=0.018, soft=0.020, shadow=0.2)
        scene.add_overlay(
            ribbon(on_side([(wide - 0.03, 0.612), (wide + 0.044, 0.632)], side), 0.022), "rib", puff=0.004, soft=0.006
        )


def _draw_lid(scene: Scene, wide: float, top: float, arch: float) -> None:
    """Draw a flap over the opening with one or two buckled straps."""
    drop = top + scene.design.uniform("lid drop", 0.22, 0.30)
    shape = mirrored_outline(
        [(0.0, top - 0.014), (0.6 * wide, top), (0.96 * wide, top + arch), (wide + 0.014, top + arch + 0.08)],
        [(wide + 0.010, drop), (0.8 * wide, drop + 0.035), (0.0, drop + 0.045)],
    )
    scene.add_panel(shape, puff=0.026, soft=0.034, lift=0.010, volume=0.016, shadow=0.7, reach=0.020, quilted=True)
    scene.add_topstitch(
        [
            (-wide, drop - 0.008),
            (-0.8 * wide, drop + 0.022),
            (0.0, drop + 0.032),
            (0.8 * wide, drop + 0.022),
            (wide, drop - 0.008),
        ]
    )
    places = (-0.45, 0.45) if scene.design.chance("two straps", 0.7) else (0.0,)
    for at in places:
        x, end = at * wide, drop + 0.135
        draw_strap(scene, [(x, top + 0.06), (x, end)], 0.038, "trim")
        for edge in (-0.013, 0.013):
            scene.add_topstitch([(x + edge, top + 0.07), (x + edge, end - 0.01)], width=0.003)
        for i in range(3):
            scene.darken(disc(x, drop + 0.072 + 0.020 * i, 0.0045), 0.85, 0.001)
        draw_buckle(scene, x, drop + 0.035, 0.032, 0.026, 0.012)
