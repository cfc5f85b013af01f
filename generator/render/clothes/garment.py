"""Bodies, sleeves, cuffs and hems that coats, tops and dresses share.

Garment units: y = 0 at the neck; one unit is about 2.4 shoulder widths of a medium garment.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from generator.render.clothes.folded import face_folds, fold_top, layer_lift
from generator.render.clothes.folds import body_folds, sleeve_folds
from generator.render.clothes.turned import WRAP, turn_garment
from generator.render.engine.curves import Curve, Outline, Point, mirrored_outline, on_side, outline
from generator.render.engine.height_field import Fold
from generator.render.engine.scene import Scene

LENGTHS = {"child": 0.88, "small": 0.80, "medium": 1.0, "large": 1.17}
"""Length of a garment relative to its medium size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GarmentMeasures:
    """The measures of an upper garment in units: half widths, and heights below the neck point."""

    neck: float = 0.060
    scoop: float = 0.040
    """Depth of the front neckline."""
    shoulder: float = 0.175
    slope: float = 0.045
    chest: float = 0.165
    armhole: float = 0.185
    waist: float = 0.160
    waist_at: float = 0.36
    hem: float = 0.170
    length: float = 0.52
    dip: float = 0.008
    """How much lower the hem hangs in the middle."""
    tuck: float = 0.0
    """How much a band narrows the hem, with the sides bulging over it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SleeveMeasures:
    """The measures of a sleeve, and its position in this shot."""

    length: float
    half_cuff: float
    angle: float = 0.24
    """Angle between the sleeve and straight down, in radians."""
    fullness: float = 1.0
    """Width at half length relative to a straight taper."""
    tuck: float = 0.0
    """Share by which a knitted cuff narrows the end."""


NEAR = 1.18
"""Zoom of garments: a small one leaves room, a large one fills the image."""


@dataclass(frozen=True, slots=True)
class Ease:
    """The effect of a fit: factors on widths, and an addition to the depth of the armhole (units)."""

    shoulder: float = 1.0
    chest: float = 1.0
    waist: float = 1.0
    hem: float = 1.0
    armhole: float = 0.0


EASE = {"slim": Ease(0.95, 0.91, 0.85, 0.90, -0.010), "straight": Ease(), "loose": Ease(1.10, 1.15, 1.20, 1.18, 0.016)}


def apply_size(scene: Scene, measures: GarmentMeasures) -> GarmentMeasures:
    """Return the measures in the length that the appearance asks for; a child's garment is also boxier."""
    factor = LENGTHS[scene.appearance.size]
    boxy = 1.05 if scene.appearance.size == "child" else 1.0
    return replace(
        measures,
        neck=measures.neck * boxy,
        shoulder=measures.shoulder * boxy,
        chest=measures.chest * boxy,
        waist=(max(measures.waist, 0.97 * measures.chest) if boxy > 1 else measures.waist) * boxy,
        waist_at=measures.waist_at * min(1.0, 0.5 + 0.5 * factor),
        hem=(measures.chest + (measures.hem - measures.chest) * factor) * boxy,
        length=max(measures.length * factor, measures.armhole + 0.12),
    )


def apply_fit(measures: GarmentMeasures, fit: str) -> GarmentMeasures:
    """Return the measures for a fit: `slim` is narrower, `loose` is wider with dropped shoulders.

    The fits differ by more than 10 %, which is more than the designs of one fit differ.
    """
    ease = EASE[fit]
    return replace(
        measures,
        shoulder=measures.shoulder * ease.shoulder,
        chest=measures.chest * ease.chest,
        waist=measures.waist * ease.waist,
        hem=measures.hem * ease.hem,
        armhole=measures.armhole + ease.armhole,
    )


def sample_sleeve(
    scene: Scene, length: float, half_cuff: float, *, angle: float = 0.24, fullness: float = 1.0, tuck: float = 0.0
) -> SleeveMeasures:
    """Return the measures of a sleeve with the angle sampled for this shot: two thirds hang, a third are spread.

    A child's sleeve is shorter.
    """
    lie = scene.shot.uniform("arms", 0.0, 1.0)
    angle = angle * (0.88 + 0.3 * lie) if lie < 0.66 else angle + 0.02 + 1.05 * (lie - 0.66)
    if scene.appearance.size == "child":
        length *= 0.86
    return SleeveMeasures(length=length, half_cuff=half_cuff, angle=angle, fullness=fullness, tuck=tuck)


def arm_angles(scene: Scene, sleeve: SleeveMeasures, side: int) -> Point:
    """Return the angles of upper arm and forearm from straight down, in radians; short sleeves are straight."""
    angle = scene.pose.sleeve(sleeve.angle, sleeve.length, side)
    bend = scene.pose.elbows[0 if side < 0 else 1] if sleeve.length > 0.3 else 0.0
    return angle, max(angle - bend, -0.12) if bend else angle


def place_garment(
    scene: Scene, measures: GarmentMeasures, zoom: float, *, top: float = -0.02, sleeve: SleeveMeasures | None = None
) -> GarmentMeasures:
    """Apply the size and set the camera to the middle of the garment, farther away if it is wide or tall.

    Collar or hood begin at `top`. Return the measures in that size.
    """
    made = apply_size(scene, measures)
    if scene.pose.folded:
        fold_top(scene, made.chest, made.length, top)
        return made
    low, wide = made.length + made.dip, max(made.hem, made.chest, made.waist)
    wide *= 1 - WRAP if scene.pose.worn else 1
    if sleeve is not None:
        x, y = 0.5 * (made.shoulder + made.chest), 0.5 * (made.slope + made.armhole)
        wrapped, cuff = (WRAP * made.chest, 0.030) if scene.pose.worn else (0.0, 0.0)
        for side in (-1, 1):
            upper, lower = arm_angles(scene, sleeve, side)
            upper, lower, half = upper + 0.045, lower + 0.045, 0.5 * sleeve.length
            low = max(low, y + half * (math.cos(upper) + math.cos(lower)) + sleeve.half_cuff * math.sin(upper) + cuff)
            out = x - wrapped + half * (math.sin(upper) + math.sin(lower))
            wide = max(wide, out + 1.1 * sleeve.half_cuff + 0.01)
    low += 0.065 if scene.pose.worn else 0.0  # the hem of a worn garment is nearer to the camera
    side_room = 0.43 if scene.pose.yaw else 0.455  # the near side of a turned body looks larger
    reach = min(NEAR * zoom * child_zoom(scene), side_room / wide, 0.91 / (low - top))
    scene.set_camera(reach, (0.0, 0.5 * (low + top)))
    sides = [
        (made.chest, made.armhole),
        (made.waist, made.waist_at),
        (made.hem, max(made.length, made.waist_at + 0.01)),
    ]
    turn_garment(scene, sides, chest_at=0.85 * made.armhole)
    return made


def child_zoom(scene: Scene) -> float:
    """Return the zoom factor of a child's garment, which is smaller in the frame."""
    return 0.74 if scene.appearance.size == "child" else 1.0


def hem_line(measures: GarmentMeasures) -> Curve:
    """Return the hem from the side to the axis."""
    return [
        (measures.hem - measures.tuck, measures.length),
        (0.5 * measures.hem, measures.length + 0.8 * measures.dip),
        (0.0, measures.length + measures.dip),
    ]


def body_outline(
    measures: GarmentMeasures, neckline: Curve, hem: Sequence[Curve | Point] | None = None
) -> list[Curve | Point]:
    """Return neckline (from the axis to the neck point), shoulder, armhole, side and hem of the right half."""
    tip = (measures.shoulder, measures.slope)
    pit = (measures.chest, measures.armhole)
    side: list[Point] = [pit, (measures.waist, measures.waist_at), (measures.hem, measures.length)]
    if measures.waist_at > measures.length - 0.05:
        side = [pit, (measures.hem, measures.length)]
    if measures.tuck:
        side[-1:] = [(measures.hem, measures.length - 0.050), (measures.hem - measures.tuck, measures.length)]
    return [
        neckline,
        [neckline[-1], (0.5 * (neckline[-1][0] + tip[0]), 0.46 * (neckline[-1][1] + tip[1])), tip],
        [tip, (measures.chest - 0.006, 0.55 * (measures.slope + measures.armhole)), pit],
        side,
        *(hem or [hem_line(measures)]),
    ]


def draw_body(
    scene: Scene,
    measures: GarmentMeasures,
    neckline: Curve,
    *,
    puff: float = 0.016,
    soft: float = 0.025,
    volume: float = 0.013,
    folds: Sequence[Fold] | None = None,
    quilted: bool = False,
    shadow: float = 0.45,
    hem: Sequence[Curve | Point] | None = None,
    sleeved: bool = True,
) -> None:
    """Draw the front of a garment, with the seams where sleeves are set in."""
    folds = body_folds(scene, measures) if folds is None else folds
    edge, lift = 1.0, 0.003
    if scene.pose.folded:
        folds, soft, edge, lift = face_folds(scene, 0.8 * measures.chest, 0.4), 0.020, 0.0, layer_lift(scene, 3)
    half = body_outline(measures, neckline, hem)
    if not sleeved:
        half[2] = armhole_line(measures)
    shape = mirrored_outline(*half)
    scene.add_panel(
        shape,
        puff=puff,
        soft=soft,
        volume=volume,
        lift=lift,
        folds=folds,
        quilted=quilted,
        shadow=shadow,
        edge=edge,
    )
    draw_near_sleeve(scene)
    if sleeved:
        draw_armhole_seams(scene, measures)


def armhole_line(measures: GarmentMeasures) -> Curve:
    """Return the armhole of a sleeveless garment, from the shoulder to the armpit."""
    tip, pit = (measures.shoulder, measures.slope), (measures.chest, measures.armhole)
    inner = min(tip[0], pit[0])
    return [tip, (inner - 0.012, 0.42 * tip[1] + 0.58 * pit[1]), (inner + 0.25 * (pit[0] - inner), 0.97 * pit[1]), pit]


@dataclass(frozen=True, slots=True)
class Sleeve:
    """The end of a drawn sleeve, for cuffs and straps."""

    shoulder: Point
    elbow: Point
    wrist: Point
    half_cuff: float
    angle: float
    """Angle between the forearm and straight down, in radians."""
    length: float
    near: bool = False
    """Whether it is in front of the body: the nearer sleeve of a turned garment."""

    def across(self, share: float) -> tuple[Point, Point]:
        """Return the two edges of the sleeve at a share of its length, near the wrist."""
        a, b, part = self.elbow, self.wrist, 2 * share - 1
        if share < 0.5:
            a, b, part = self.shoulder, self.elbow, 2 * share
        x, y = a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part
        dx, dy = math.cos(self.angle) * self.half_cuff, -math.sin(self.angle) * self.half_cuff
        return (x - dx, y - dy), (x + dx, y + dy)


def draw_sleeves(
    scene: Scene,
    measures: GarmentMeasures,
    sleeve: SleeveMeasures,
    *,
    cloth: str = "main",
    quilted: bool = False,
    puff: float = 0.016,
) -> list[Sleeve]:
    """Draw both sleeves, hanging from the armholes; the shot swings each a little. Return where they end.

    A folded garment has none to draw. The near sleeve of a turned garment, with all that is on it, is deferred to
    `draw_near_sleeve`.
    """
    if scene.pose.folded:
        return []
    return [_draw_sleeve(scene, measures, side, sleeve, cloth, quilted, puff) for side in (-1, 1)]


def _draw_sleeve(
    scene: Scene, measures: GarmentMeasures, side: int, sleeve: SleeveMeasures, cloth: str, quilted: bool, puff: float
) -> Sleeve:
    length = sleeve.length
    swing = scene.shot.uniform(f"swing {side}", -0.045, 0.045)
    angle, forearm = (each + swing for each in arm_angles(scene, sleeve, side))
    tip, pit = (side * measures.shoulder, measures.slope), (side * measures.chest, measures.armhole)
    middle = (0.5 * (measures.shoulder + measures.chest), 0.5 * (measures.slope + measures.armhole))
    fold = 0.5 * length
    elbow_at = (middle[0] + fold * math.sin(angle), middle[1] + fold * math.cos(angle))
    wrist = (side * (elbow_at[0] + fold * math.sin(forearm)), elbow_at[1] + fold * math.cos(forearm))
    half_top = 0.44 * (measures.armhole - measures.slope)
    elbow = scene.shot.uniform(f"elbow {side}", 0.004, 0.014) * min(1.0, length / 0.4)

    def edge(share: float, out: float) -> Point:
        half = half_top + (sleeve.half_cuff - half_top) * share
        half *= 1 + (sleeve.fullness - 1) * math.sin(math.pi * share**1.3)
        half *= 1 - sleeve.tuck * max(0.0, (share - 0.90) / 0.10) ** 1.5
        away = out * half + elbow * math.sin(math.pi * share)
        up, down = min(share, 0.5) * length, max(share - 0.5, 0.0) * length
        lean = angle + (forearm - angle) * min(max(2.5 * share - 0.75, 0.0), 1.0)
        x = middle[0] + up * math.sin(angle) + down * math.sin(forearm) + away * math.cos(lean)
        return (side * x, middle[1] + up * math.cos(angle) + down * math.cos(forearm) - away * math.sin(lean))

    ends = (0.6, 0.90, 0.97, 1.0) if sleeve.tuck else (0.6, 1.0)
    if forearm != angle:
        ends = (0.42, 0.58, *ends[1:])
    outer = [tip, edge(0.22, 1), *(edge(share, 1) for share in ends)]
    inner = [*(edge(share, -1) for share in ends[::-1]), edge(0.25, -1), pit]
    near = scene.pose.worn or scene.pose.yaw * side < 0
    set_in = [pit, (side * (measures.chest - 0.006), 0.55 * (measures.slope + measures.armhole)), tip]
    under_body = [(0.7 * pit[0], pit[1]), (0.7 * tip[0], tip[1])]

    def lay(before: bool = True) -> None:
        scene.add_panel(
            outline(outer, inner[0], inner, *([set_in] if before else under_body)),
            cloth,
            puff=puff,
            soft=0.026,
            volume=0.6 * puff,
            lift=0.008 if before else 0.003,
            folds=sleeve_folds(scene, side, edge, length),
            grain=side * angle,
            quilted=quilted,
            part="sleeve",
            shadow=0.45 if before else 0.0,
        )

    lay(before=False)
    if near:
        scene.near_sleeve.append(lay)
    elbow_point = (side * elbow_at[0], elbow_at[1])
    shoulder = (side * middle[0], middle[1])
    return Sleeve(shoulder, elbow_point, wrist, sleeve.half_cuff, side * forearm, length, near)


def draw_near_sleeve(scene: Scene) -> None:
    """Draw what `draw_sleeves` deferred; call it after the body, and again after what goes round the body."""
    scene.body_drawn = True
    for lay in scene.near_sleeve:
        lay()


def draw_cuff(scene: Scene, sleeve: Sleeve, depth: float, cloth: str = "main", flare: float = 1.06) -> None:
    """Draw a band around the wrist, `flare` times as wide as the sleeve; `depth` reaches up from its end."""
    if sleeve.near:
        scene.near_sleeve.append(lambda: draw_cuff(scene, replace(sleeve, near=False), depth, cloth, flare))
        if not scene.body_drawn:
            return
    (a, b), (c, d) = sleeve.across(1 - depth / sleeve.length), sleeve.across(1.01)
    wide = _widen(outline([a, b], d, c), flare)
    scene.add_overlay(wide, cloth, puff=0.007, soft=0.012, grain=sleeve.angle, clip=False, part="cuff")


def draw_rib_cuff(scene: Scene, sleeve: Sleeve, depth: float, tuck: float, cloth: str = "rib") -> None:
    """Draw a knitted band at the end of a sleeve, which it narrows by the share `tuck`."""
    if sleeve.near:
        scene.near_sleeve.append(lambda: draw_rib_cuff(scene, replace(sleeve, near=False), depth, tuck, cloth))
        if not scene.body_drawn:
            return
    length = sleeve.length
    (a, b), (c, d) = sleeve.across(1 - 0.12 * depth / length), sleeve.across(1 + 0.80 * depth / length)
    (a, b), (c, d) = _taper(a, b, 1.03 - tuck), _taper(c, d, 0.99 - tuck)
    scene.add_panel(
        outline([a, b], d, c), cloth, puff=0.010, soft=0.014, lift=0.001, grain=sleeve.angle, shadow=0.3, part="cuff"
    )


def _taper(a: Point, b: Point, share: float) -> tuple[Point, Point]:
    x, y = 0.5 * (a[0] + b[0]), 0.5 * (a[1] + b[1])
    return (x + share * (a[0] - x), y + share * (a[1] - y)), (x + share * (b[0] - x), y + share * (b[1] - y))


def _widen(shape: Outline, factor: float) -> Outline:
    middle = shape.mean(axis=0)
    return np.asarray((shape - middle) * factor + middle, np.float64)


def draw_hem_band(scene: Scene, measures: GarmentMeasures, depth: float, cloth: str = "rib") -> None:
    """Draw a band along the hem, over which the body bulges a little; call it before `draw_body`."""
    top, low, w = measures.length - 0.30 * depth, measures.length + 0.75 * depth, measures.hem - measures.tuck
    shape = mirrored_outline(
        [(0.0, top + measures.dip), (0.5 * w, top + 0.8 * measures.dip), (w - 0.002, top)],
        [(w + 0.001, 0.5 * (top + low)), (w - 0.004, low)],
        [(0.5 * w, low + 0.8 * measures.dip), (0.0, low + measures.dip)],
    )
    scene.add_panel(shape, cloth, puff=0.010, soft=0.016, lift=0.001, shadow=0.40, reach=0.010)


def draw_hem_stitch(scene: Scene, measures: GarmentMeasures, up: float = 0.015, rows: int = 1) -> None:
    """Draw rows of stitches along the hem."""
    for i in range(rows):
        y = measures.length - up - 0.007 * i
        draw_stitches(scene, [(-measures.hem + 0.004, y), (0.0, y + measures.dip), (measures.hem - 0.004, y)])


def draw_stitches(scene: Scene, curve: Curve) -> None:
    """Draw a row of machine stitches: contrast thread on denim, otherwise a fine groove in the same tone."""
    if scene.appearance.material == "denim":
        scene.add_topstitch(curve, width=0.0028)
    else:
        scene.add_seam(curve, width=0.0028, depth=0.0012, dark=0.17)


def straight_outline(*corners: Point) -> Outline:
    """Return a closed outline of straight edges."""
    return np.array(corners, np.float64)


def draw_armhole_seams(scene: Scene, measures: GarmentMeasures) -> None:
    """Draw the seams where the sleeves are set in."""
    for side in (-1, 1):
        curve = [
            (measures.shoulder, measures.slope),
            (measures.chest - 0.008, 0.55 * (measures.slope + measures.armhole)),
            (measures.chest, measures.armhole),
        ]
        scene.add_seam(on_side(curve, side), dark=0.30)
