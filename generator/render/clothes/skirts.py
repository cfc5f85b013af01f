"""Draw skirts, and the falling hems that dresses share: sides, hem, folds, gathers, tiers and bands.

Sizes are in garment units, y = 0 at the waist of a skirt.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from generator.render.clothes.fronts import draw_patch_pocket_of, placket_side
from generator.render.clothes.garment import LENGTHS, child_zoom, draw_stitches, straight_outline
from generator.render.clothes.turned import HIP_WRAP, turn_garment
from generator.render.engine.curves import (
    Curve,
    Outline,
    Point,
    Stretch,
    mirror_curve,
    mirrored_outline,
    on_side,
    outline,
    ribbon,
)
from generator.render.engine.fittings import draw_buckle, draw_button, draw_strap, draw_zipper
from generator.render.engine.height_field import FLUTE_STEPS, Crease, Flutes, Fold
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene

HEM_POINTS = 29
"""Number of points along a hem; it has at most eight folds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hem:
    """The lower edge of falling cloth: where its corners are, and how its folds make it uneven."""

    half: float
    y: float
    """Height of the corners."""
    dip: float
    """How much lower the middle is."""
    flutes: Flutes
    """The folds that end in it."""
    ripple: float
    """How much lower the hem is under a fold of average height."""
    sway: float
    """How much farther the right corner is from the axis than the left one, as a share of `half`."""

    def line(self, up: float = 0.0, inset: float = 0.0) -> list[Point]:
        """Return the hem from the left to the right corner, or a line `up` units above it, `inset` units shorter."""
        t = np.linspace(-1.0, 1.0, HEM_POINTS)
        crests, _ = self.flutes.tables()
        crest = np.interp(t, np.linspace(-1.5, 1.5, FLUTE_STEPS), crests)
        x = (self.half - inset) * (t + self.sway * t * t)
        y = self.y - up + self.dip * (1 - t * t) + self.ripple * crest * (1 - t**6)
        return list(zip(x.tolist(), y.tolist(), strict=True))

    def corner(self, side: int) -> Point:
        """Return the corner on one side."""
        return self.line()[-1 if side > 0 else 0]


def sample_hem(scene: Scene, half: float, y: float, waist: Point, flutes: Flutes, round_: float) -> Hem:
    """Sample the hem of one shot.

    Cloth cut as a part of a circle (`round_` 1) hangs perpendicular to its sides, a gathered rectangle (0) is straight.
    `waist` is half the width of the upper edge and its height.
    """
    lean = math.atan2(half - waist[0], y - waist[1])
    slack = scene.pose.slack
    return Hem(
        half=half,
        y=y,
        dip=0.006 + round_ * half * math.tan(0.5 * max(lean, 0.0)),
        flutes=flutes,
        ripple=min(0.55 * flutes.depth, 0.008) * (0.6 + 0.4 * slack),
        sway=slack * scene.shot.uniform("hem sway", -0.035, 0.035),
    )


def falling_outline(upper: Sequence[Curve], side: Curve, hem: Hem) -> Outline:
    """Return the outline of falling cloth: its upper edge, its sides and its hem.

    `upper` is the right half of what is above, from the axis to the right side; `side` goes on down to the hem. The
    left half is mirrored, and both sides end in the corners of the hem.
    """
    top, low = side[0][1], side[-1][1]
    sides = {}
    for each in (-1, 1):
        corner = hem.corner(each)
        grow = abs(corner[0]) / side[-1][0] - 1
        sides[each] = [(each * x * (1 + grow * (y - top) / (low - top)), y) for x, y in side[:-1]] + [corner]
    left = [mirror_curve(each)[::-1] for each in reversed(upper)]
    return outline(*upper, sides[1], hem.line()[::-1], sides[-1][::-1], *left)


def gathers(scene: Scene, name: str, half: float, top: float, reach: float, *, fan: float = 1.35) -> list[Fold]:
    """Return many narrow folds that start at an elastic band or a seam, spread by the factor `fan`, and fade."""
    rng, folds = scene.shot.generator(name), []
    for i in range(22):
        x = (-1 + 2 * (i + rng.uniform(0.1, 0.9)) / 22) * half
        end = (fan * x + rng.normal(0, 0.006), top + reach * rng.uniform(0.3, 1.0))
        deep, wide = float(rng.uniform(0.004, 0.008)), float(rng.uniform(0.004, 0.007))
        folds.append(Crease((x, top), end, deep, wide, rng.normal(0, 0.03), 0.6, 1.0, 1 + i))
    return list(folds)


@dataclass(frozen=True, slots=True)
class Tier:
    """A gathered seam across falling cloth: half its width, its height at the sides, and its dip."""

    half: float
    y: float
    dip: float


def tiers_of(side: Curve, shares: Sequence[float], hem: Hem) -> list[Tier]:
    """Return tiers at shares of the way down the right `side` of falling cloth."""
    top, heights = side[0][1], [y for _, y in side]
    rows = [top + share * (side[-1][1] - top) for share in shares]
    widths = np.interp(rows, heights, [x for x, _ in side]).tolist()
    return [Tier(half, y, share * hem.dip) for half, y, share in zip(widths, rows, shares, strict=True)]


def tier_folds(scene: Scene, tiers: Sequence[Tier]) -> list[Fold]:
    """Return the gathers below the seams of tiers."""
    folds: list[Fold] = []
    for i, tier in enumerate(tiers):
        folds += gathers(scene, f"tier {i}", 0.97 * tier.half, tier.y + 0.7 * tier.dip, 0.11, fan=1.04)
    return folds


def draw_tier_seams(scene: Scene, tiers: Sequence[Tier]) -> None:
    """Draw the seams of tiers."""
    for tier in tiers:
        half, y, dip = tier.half, tier.y, tier.dip
        middle = [(-0.5 * half, y + 0.75 * dip), (0.0, y + dip), (0.5 * half, y + 0.75 * dip)]
        scene.add_seam([(-half, y), *middle, (half, y)], dark=0.28, width=0.005, depth=0.005)


def draw_hem_band(scene: Scene, hem: Hem, depth: float, cloth: str, up: float = 0.0) -> None:
    """Draw a band of another cloth along a hem, `up` units above it."""
    upper, lower = hem.line(up + depth, -0.03), hem.line(up - 0.004, -0.03)  # the cloth below ends them
    shape = outline(upper, lower[::-1])
    scene.add_overlay(shape, cloth, puff=0.001, soft=0.006, shadow=0.10, edge=0.0, part="body")
    scene.add_seam(upper, dark=0.30, width=0.003)


@dataclass(frozen=True, slots=True, kw_only=True)
class SkirtMeasures:
    """The measures of a skirt in units: half widths, length at the side, and how it is made."""

    style: str
    waist: float
    hem: float
    length: float
    band: float
    """Depth of the waistband."""
    hips: float
    """How much the hips are wider than a straight line from the waist to the hem."""


SKIRT_STYLES = {
    "slim": ("pencil", "pencil", "plain", "plain", "zip", "zip", "jeans", "jeans", "wrap", "buttons"),
    "straight": ("plain", "plain", "plain", "jeans", "jeans", "pleated", "yoke", "buttons", "wrap", "gathered"),
    "loose": ("gathered", "gathered", "gathered", "circle", "circle", "pleated", "yoke", "tiered", "tulle", "buttons"),
}
SKIRT_HEMS = {"slim": (0.014, 0.034), "straight": (0.056, 0.082), "loose": (0.125, 0.210)}
"""Half width of the hem beyond that of the waist, by fit."""
SKIRT_HIPS = {"slim": (0.014, 0.024), "straight": (0.006, 0.018), "loose": (-0.012, 0.004)}
TIER_SHARES = (0.36, 0.68)
"""Position of the seams of a tiered skirt between waist and hem."""
GATHERED = ("gathered", "tiered", "tulle")
"""Styles with gathers below an elastic waist."""
ROUNDNESS = {"circle": 0.75, "pleated": 0.5, "yoke": 0.5, "gathered": 0.25, "tiered": 0.25, "tulle": 0.35}
"""How round the hem of a style is cut; 0.6 for all others."""


@register_silhouette("skirt")
def draw_skirt(scene: Scene) -> None:
    """Draw a skirt: pencil, A-line, jeans, pleated, gathered, circle, tiered, buttoned, zipped, wrapped or of tulle.

    With metal hardware it has two strap buckles.
    """
    d, fit = scene.design, scene.choose_cut("fit")
    child = scene.appearance.size == "child"
    length = d.uniform("length", 0.350, 0.409) * LENGTHS[scene.appearance.size]
    waist = d.uniform("waist", 0.124, 0.148) * (1.15 if child else 1.0)
    style = d.choice("style", SKIRT_STYLES[fit])
    elastic = style in GATHERED
    skirt = SkirtMeasures(
        style=style,
        waist=waist,
        hem=waist + d.uniform("hem", *SKIRT_HEMS[fit]) * (0.55 + 0.45 * length / 0.48),
        length=length,
        band=d.uniform("band", 0.020, 0.036) if elastic else d.uniform("band", 0.022, 0.046),
        hips=d.uniform("hips", *SKIRT_HIPS[fit]),
    )
    waves, deep = {"slim": (1.5, 0.002), "straight": (2.8, 0.0045), "loose": (6.0, 0.011)}[fit]
    flutes = Flutes(0.05, length, skirt.hem, waist, waves, deep, scene.shot.uniform("flutes", 0, 6.28))
    hem = sample_hem(scene, skirt.hem, length, (waist, 0.0), flutes, ROUNDNESS.get(style, 0.6))
    sides = [(waist, 0.0), *_side(skirt)[1:]]
    reach, low = max(max(x for x, _ in sides), skirt.hem * (1 + abs(hem.sway))) + 0.006, length + hem.dip
    reach *= 1 - HIP_WRAP if scene.pose.worn else 1
    scene.set_camera(min(2.6 * child_zoom(scene), 0.445 / reach, 0.895 / low), (0.0, 0.5 * low))
    turn_garment(scene, sides, wrap=HIP_WRAP)
    _draw_inside_waist(scene, skirt)
    _draw_skirt_body(scene, skirt, hem)
    _draw_skirt_front(scene, skirt, hem)
    _draw_skirt_band(scene, skirt)
    side = placket_side(scene)
    if scene.appearance.hardware == "none":
        if style in ("buttons", "jeans"):
            draw_button(scene, side * 0.003, 0.5 * skirt.band + 0.018, 0.0085, "rivet" if style == "jeans" else "shell")
        return
    for y in (0.033, 0.115):
        draw_strap(
            scene, [(side * 0.30 * waist, y + 0.008), (side * (waist + 0.004), y - 0.005)], 0.028, "self", clip=True
        )
        draw_buckle(scene, side * 0.60 * waist, y + 0.002, 0.028, 0.026, 0.013)


def _draw_inside_waist(scene: Scene, skirt: SkirtMeasures) -> None:
    """Draw the inner side of the back waistband with its label."""
    waist = skirt.waist
    back = mirrored_outline(
        [(0.0, 0.001), (0.6 * waist, 0.0), (0.99 * waist, -0.004)], [(0.96 * waist, 0.045), (0.0, 0.05)]
    )
    scene.add_inside(back, "main", lift=0.01)
    scene.darken(mirrored_outline([(0.0, 0.012), (waist, 0.004)], [(waist, 0.05), (0.0, 0.05)]), 0.35, 0.010)
    if scene.design.chance("labelled", 0.5):
        wide = scene.design.uniform("label", 0.012, 0.026)
        shape = mirrored_outline([(0.0, 0.007), (wide, 0.006)], (wide, 0.016), (0.0, 0.017))
        scene.add_overlay(shape, "label", puff=0.001, shade=0.7)


def _side(skirt: SkirtMeasures) -> list[Point]:
    """Return the right side from the waistband to the hem: round at the hips, then straight."""
    waist, hem, length = skirt.waist, skirt.hem, skirt.length
    flare, hip_at = hem - waist, min(0.150, 0.36 * length)

    def at(y: float, share: float) -> Point:
        return (waist + flare * y / length + share * skirt.hips, y)

    sag = -0.10 * flare if skirt.style == "circle" else 0.02 * max(flare, 0.0) if skirt.style == "gathered" else 0.0
    middle = at(0.5 * (hip_at + length), 0.55)
    return [
        (waist, skirt.band - 0.006),
        at(0.45 * hip_at, 0.75),
        at(hip_at, 1.0),
        (middle[0] + sag, middle[1]),
        (hem, length),
    ]


def _draw_skirt_body(scene: Scene, skirt: SkirtMeasures, hem: Hem) -> None:
    d, waist, length, style = scene.design, skirt.waist, skirt.length, skirt.style
    folds: list[Fold] = [hem.flutes]
    pleats = _pleats(d.choice("pleats", (4, 6, 8))) if style in ("pleated", "yoke") else []
    start = _yoke(skirt) if style == "yoke" else 0.04
    roots = [(waist + (skirt.hem - waist) * start / length) * t for t in pleats]
    folds += [
        Crease((x, start), (skirt.hem * t, length + 0.06), 0.007, 0.007) for x, t in zip(roots, pleats, strict=True)
    ]
    if style in GATHERED:
        folds += gathers(scene, "gathers", waist, skirt.band, 0.55 * length)
    if style == "tiered":
        folds += tier_folds(scene, tiers_of(_side(skirt), TIER_SHARES, hem))
    strong = 1.0 + 0.7 * scene.pose.slack
    folds = [f._replace(depth=strong * f.depth) if isinstance(f, Crease) else f for f in folds]
    top: Curve = [(0.0, skirt.band + 0.010), (waist, skirt.band - 0.006)]
    _draw_back_hem(scene, hem, 0.028 if style == "tulle" else 0.0)
    scene.add_panel(
        falling_outline([top], _side(skirt), hem),
        puff=0.012,
        soft=0.022,
        volume=0.012,
        folds=folds,
        shadow=0.0,
    )
    for root, t in zip(roots, pleats, strict=True):
        x, y = skirt.hem * t, length + hem.dip * (1 - t * t)
        middle = (0.5 * (root + x), 0.5 * (start + length))
        scene.add_seam([(root, start + 0.01), middle, (x, y)], dark=0.30, width=0.0035)
    if style in ("gathered", "circle", "plain", "tiered") and d.chance("hem bands", 0.24):
        depth = d.uniform("hem band", 0.022, 0.070)
        draw_hem_band(scene, hem, depth, "cord")
        if d.chance("second band", 0.4):
            draw_hem_band(scene, hem, 0.5 * depth, "self", up=1.3 * depth)
        return
    up = 0.006 if style == "pleated" else d.uniform("hem stitch", 0.012, 0.026)
    draw_stitches(scene, hem.line(up, 0.004))


def _draw_back_hem(scene: Scene, hem: Hem, more: float) -> None:
    """Draw the back where it is seen below the front, or the layers of tulle, which reach lower by `more` units."""
    depth = scene.shot.uniform("back hem", -0.008, 0.008) * (0.4 + scene.pose.slack)
    for deep, cloth, shade in ((more, "self", 0.80), (0.5 * more, "main", 0.72), (depth, "main", 0.55)):
        if deep > 0.002:
            shape = outline(hem.line(0.03, 0.035), hem.line(-deep, 0.008 + 0.15 * deep)[::-1])
            scene.add_panel(shape, cloth, puff=0.0, lift=0.001, shade=shade, shadow=0.0)


def _draw_skirt_band(scene: Scene, skirt: SkirtMeasures) -> None:
    """Draw the waistband: a plain one, or an elastic one with gathers, sometimes with a ruffle above."""
    waist, low, elastic = skirt.waist, skirt.band, skirt.style in GATHERED
    folds: list[Fold] = []
    if elastic and scene.design.chance("ruffle", 0.3):
        _draw_ruffle(scene, waist)
    if elastic:
        rng = scene.shot.generator("elastic")
        for i in range(26):
            x = (-1 + 2 * (i + rng.uniform(0.2, 0.8)) / 26) * waist
            folds.append(Crease((x, -0.01), (x, low + 0.02), float(rng.uniform(0.003, 0.006)), 0.0042))
    scene.add_panel(
        mirrored_outline(
            [(0.0, 0.018), (0.6 * waist, 0.010), (waist, -0.001)],
            (waist + 0.003, low),
            [(0.6 * waist, low + 0.011), (0.0, low + 0.018)],
        ),
        "self",
        puff=0.008 if elastic else 0.005,
        soft=0.012,
        folds=folds,
        shadow=0.35,
        reach=0.008,
        grain=1.57,
    )
    if skirt.style == "jeans":
        for x in (-0.74, -0.36, 0.36, 0.74):
            draw_strap(scene, [(x * waist, 0.001), (x * waist, low + 0.014)], 0.012, clip=True)


def _draw_ruffle(scene: Scene, waist: float) -> None:
    """Draw the gathered edge above a casing."""
    rng = scene.shot.generator("ruffle")
    across = np.linspace(-1.0, 1.0, 33)
    upper = np.stack([across * (waist + 0.006), rng.uniform(-0.020, -0.006, 33)], axis=1)
    lower = np.array([(waist, 0.012), (0.0, 0.024), (-waist, 0.012)])
    folds = [Crease((x * waist, -0.02), (x * waist, 0.02), 0.005, 0.005) for x in across[1:-1:2]]
    scene.add_panel(np.concatenate([upper, lower]), puff=0.006, soft=0.010, folds=folds, shadow=0.2)


def _pleats(count: int) -> list[float]:
    return [-0.84 + 1.68 * i / (2 * count - 1) for i in range(2 * count)]


def _draw_skirt_front(scene: Scene, skirt: SkirtMeasures, hem: Hem) -> None:
    """Draw what is on the front: darts, vents, pockets, fly, zip, buttons, the edge of a wrap, the seam of a tier."""
    style, waist, length = skirt.style, skirt.waist, skirt.length
    side, low = placket_side(scene), length + hem.dip
    if style == "buttons":
        scene.add_seam([(0.020, 0.06), (0.024, low)], dark=0.35, width=0.004)
        count = max(4, round(length / 0.075))
        for i in range(count):
            draw_button(scene, 0.0, 0.085 + (length - 0.125) * i / (count - 1), 0.0075, "shell")
        _draw_skirt_pockets(scene, skirt, 0.4)
    elif style == "zip":
        end = scene.design.choice("zip end", (0.74, 1.0, 1.0)) * low - 0.008
        draw_zipper(scene, [(0.0, 0.030), (0.001, 0.5 * end), (0.0, end)], width=0.010)
        _draw_darts(scene, waist)
        _draw_skirt_pockets(scene, skirt, 0.4)
    elif style == "jeans":
        _draw_jeans_front(scene, skirt, side, low)
    elif style == "yoke":
        y = _yoke(skirt)
        x = float(np.interp(y, [b for _, b in _side(skirt)], [a for a, _ in _side(skirt)]))
        scene.add_seam([(-x, y), (0.0, y + 0.016), (x, y)], dark=0.40, width=0.005)
    elif style == "tiered":
        draw_tier_seams(scene, tiers_of(_side(skirt), TIER_SHARES, hem))
    elif style == "wrap":
        edge: list[Point] = [
            (side * 0.55 * waist, 0.055),
            (side * 0.45 * skirt.hem, 0.5 * length),
            (side * 0.16 * skirt.hem, low),
        ]
        under: Stretch = (side * 0.30 * skirt.hem, low)
        scene.darken(outline(edge, under), 0.35, 0.008)
        scene.add_seam(edge, dark=0.55, width=0.005)
        scene.add_overlay(ribbon([(x - side * 0.006, y) for x, y in edge], 0.010), puff=0.003, soft=0.005, shadow=0.3)
    elif style == "pencil":
        top, x = 0.62 * length, side * scene.design.choice("vent", (0.0, 0.42)) * skirt.hem
        gap = straight_outline((x, top), (x + 0.014, low + 0.010), (x - 0.006, low + 0.010))
        scene.add_inside(gap, "main", lift=0.004, clip=True)
        scene.darken(gap, 0.5, 0.004)
        scene.add_seam([(x, skirt.band + 0.02), (x, top)], dark=0.22)
        _draw_darts(scene, waist)
    elif style == "plain":
        _draw_darts(scene, waist)
        if not _draw_skirt_pockets(scene, skirt, 0.3) and scene.design.chance("slant pockets", 0.5):
            for each in (-1, 1):
                mouth: Curve = [(0.74 * waist, skirt.band + 0.01), (0.92 * waist + 0.010, 0.120)]
                scene.add_seam(on_side(mouth, each), dark=0.35)


def _draw_skirt_pockets(scene: Scene, skirt: SkirtMeasures, share: float) -> bool:
    """Draw a patch pocket on each side of a share of the designs; return whether there are any."""
    if not scene.design.chance("patch pockets", share):
        return False
    inner, wide = 0.34 * skirt.waist, scene.design.uniform("pocket width", 0.064, 0.080)
    for each in (-1, 1):
        draw_patch_pocket_of(scene, each, inner, inner + wide, 0.24 * skirt.length, 1.15 * wide)
    return True


def _yoke(skirt: SkirtMeasures) -> float:
    """Return the height of the seam below a yoke, from which pleats fall."""
    return 0.30 * skirt.length


def _draw_darts(scene: Scene, waist: float) -> None:
    for each in (-1, 1):
        scene.add_seam([(each * 0.50 * waist, 0.050), (each * 0.54 * waist, 0.140)], dark=0.24, width=0.0035)


def _draw_jeans_front(scene: Scene, skirt: SkirtMeasures, side: int, low_end: float) -> None:
    """Draw a fly, curved pockets and the middle seam of a skirt made like jeans."""
    waist, low = skirt.waist, skirt.band + 0.018
    scene.add_seam([(0.0, low), (0.0, low_end)], dark=0.35, width=0.004)
    fly: Curve = [
        (side * 0.032, low),
        (side * 0.032, low + 0.075),
        (side * 0.018, low + 0.105),
        (side * 0.002, low + 0.115),
    ]
    draw_stitches(scene, fly)
    for each in (-1, 1):
        mouth = [(0.46 * waist, low - 0.006), (0.54 * waist, low + 0.038), (0.82 * waist, low + 0.056)]
        mouth.append((waist + 0.016, low + 0.052))
        scene.add_seam(on_side(mouth, each), dark=0.45)
        draw_stitches(scene, on_side([(x - 0.004, y + 0.008) for x, y in mouth], each))
