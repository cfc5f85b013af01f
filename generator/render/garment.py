"""Bodies, sleeves and collars: the parts that coats, tops and dresses share.

Units: the body of a medium garment is drawn so that one unit is about 2.4 shoulder widths; y = 0 at the neck.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from generator.render.canvas import Scene
from generator.render.curves import Curve, Outline, Point, Stretch, flipped, heading, mirrored, on_side, outline, ribbon
from generator.render.relief import Crease, Flutes, Fold

EdgeOf = Callable[[float, float], Point]
"""The point of a sleeve at a share of its length, from -1 at the inner to +1 at the outer edge."""
LENGTHS = {"child": 0.82, "small": 0.80, "medium": 1.0, "large": 1.17}
"""Length of a garment against its medium size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The measures of an upper garment: half widths, and heights below the neck point."""

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


def sized(scene: Scene, cut: Cut) -> Cut:
    """The cut in the length that the appearance asks for; a child's is also boxier."""
    factor = LENGTHS[scene.appearance.size]
    boxy = 1.10 if scene.appearance.size == "child" else 1.0
    return Cut(
        neck=cut.neck * boxy,
        scoop=cut.scoop,
        shoulder=cut.shoulder * boxy,
        slope=cut.slope,
        chest=cut.chest * boxy,
        armhole=cut.armhole,
        waist=(cut.waist + (0.03 if boxy > 1 else 0.0)) * boxy,
        waist_at=cut.waist_at * min(1.0, 0.5 + 0.5 * factor),
        hem=(cut.chest + (cut.hem - cut.chest) * factor) * boxy,
        length=max(cut.length * factor, cut.armhole + 0.12),
        dip=cut.dip,
    )


def staged(scene: Scene, cut: Cut, zoom: float, top: float = -0.02, wrists: float = 0.0) -> Cut:
    """The cut in its size, and the camera on its middle: collar or hood begin at `top`, sleeves end at `wrists`."""
    made = sized(scene, cut)
    scene.stage(zoom * child_zoom(scene), (0.0, 0.5 * (max(made.length, wrists) + top)))
    return made


def child_zoom(scene: Scene) -> float:
    """A child's garment is smaller in the frame."""
    return 0.74 if scene.appearance.size == "child" else 1.0


def body_half(cut: Cut, neckline: Curve) -> list[Curve]:
    """Neckline (from the axis to the neck point), shoulder, armhole, side and hem of the right half."""
    tip = (cut.shoulder, cut.slope)
    pit = (cut.chest, cut.armhole)
    side: list[Point] = [pit, (cut.waist, cut.waist_at), (cut.hem, cut.length)]
    if cut.waist_at > cut.length - 0.05:
        side = [pit, (cut.hem, cut.length)]
    return [
        neckline,
        [neckline[-1], tip],
        [tip, (cut.chest - 0.006, 0.55 * (cut.slope + cut.armhole)), pit],
        side,
        [(cut.hem, cut.length), (0.5 * cut.hem, cut.length + 0.8 * cut.dip), (0.0, cut.length + cut.dip)],
    ]


def round_neck(cut: Cut) -> Curve:
    """A scooped neckline."""
    return [(0.0, cut.scoop), (0.55 * cut.neck, 0.80 * cut.scoop), (cut.neck, 0.0)]


def v_neck(cut: Cut) -> Curve:
    """A pointed neckline."""
    return [(0.0, cut.scoop), (cut.neck, 0.0)]


def inside_back(scene: Scene, cut: Cut, depth: float, cloth: str = "lining") -> None:
    """The inner side of the back, seen through the neck opening."""
    shape = mirrored([(0.0, 0.006), (0.6 * cut.neck, 0.002), (cut.neck, -0.004)], [(cut.neck, depth), (0.0, depth)])
    scene.panel(shape, cloth, puff=0.0, lift=0.014, shade=0.80, shadow=0.0)
    scene.darken(
        mirrored([(0.0, depth * 0.55), (cut.neck, depth * 0.35)], [(cut.neck, depth), (0.0, depth)]), 0.25, 0.02
    )


def body_folds(scene: Scene, cut: Cut, name: str = "body") -> list[Fold]:
    """Tension from the armpits, drags at the waist, and slow vertical waves."""
    rng = scene.shot.generator(f"folds {name}")
    folds: list[Fold] = []
    for side in (-1, 1):
        for i in range(3):
            a = (side * (cut.chest - 0.012), cut.armhole + 0.01 + 0.035 * i + rng.normal(0, 0.008))
            b = (side * (0.03 + 0.02 * i + rng.normal(0, 0.015)), a[1] + rng.uniform(-0.05, 0.10))
            folds.append(
                Crease(
                    a,
                    b,
                    rng.uniform(0.003, 0.0065) * (1 if i % 2 else -1),
                    rng.uniform(0.010, 0.018),
                    rng.normal(0, 0.08),
                )
            )
    for _ in range(4):
        x, top = rng.uniform(-0.8, 0.8) * cut.waist, rng.uniform(cut.armhole, 0.6 * cut.length)
        end = (x * 1.15 + rng.normal(0, 0.02), min(cut.length + 0.02, top + rng.uniform(0.15, 0.30)))
        folds.append(Crease((x, top), end, rng.uniform(-0.006, 0.006), rng.uniform(0.014, 0.026), rng.normal(0, 0.05)))
    return folds


def hem_folds(scene: Scene, top: float, cut: Cut, count: float, depth: float, name: str = "hem") -> list[Fold]:
    """Flutes from `top` to the hem."""
    phase = scene.shot.between(f"flutes {name}", 0.0, 6.28)
    return [Flutes(top, cut.length, cut.hem, cut.waist, count, depth, phase)]


@dataclass(frozen=True, slots=True)
class Sleeve:
    """Where a drawn sleeve ends, so that cuffs and straps find it."""

    shoulder: Point
    wrist: Point
    half_cuff: float
    angle: float

    def across(self, share: float) -> tuple[Point, Point]:
        """The two edges of the sleeve at a share of its length, near the wrist."""
        x = self.shoulder[0] + (self.wrist[0] - self.shoulder[0]) * share
        y = self.shoulder[1] + (self.wrist[1] - self.shoulder[1]) * share
        dx, dy = math.cos(self.angle) * self.half_cuff, -math.sin(self.angle) * self.half_cuff
        return (x - dx, y - dy), (x + dx, y + dy)


def sleeves(
    scene: Scene,
    cut: Cut,
    *,
    length: float,
    half_cuff: float,
    angle: float = 0.26,
    fullness: float = 1.0,
    cloth: str = "main",
    quilted: bool = False,
    puff: float = 0.016,
) -> list[Sleeve]:
    """Both sleeves, hanging from the armholes; each swings a little with the shot."""
    return [_sleeve(scene, cut, side, length, half_cuff, angle, fullness, cloth, quilted, puff) for side in (-1, 1)]


def _sleeve(
    scene: Scene,
    cut: Cut,
    side: int,
    length: float,
    half_cuff: float,
    angle: float,
    fullness: float,
    cloth: str,
    quilted: bool,
    puff: float,
) -> Sleeve:
    angle += scene.shot.between(f"swing {side}", -0.035, 0.035)
    if scene.appearance.size == "child":
        length *= 0.86
    sin, cos = math.sin(angle), math.cos(angle)
    tip, pit = (side * cut.shoulder, cut.slope), (side * cut.chest, cut.armhole)
    middle = (0.5 * (cut.shoulder + cut.chest), 0.5 * (cut.slope + cut.armhole))
    wrist = (side * (middle[0] + length * sin), middle[1] + length * cos)
    half_top = 0.40 * (cut.armhole - cut.slope)

    def edge(share: float, out: float) -> Point:
        half = (half_top + (half_cuff - half_top) * share) * (1 + (fullness - 1) * math.sin(math.pi * share))
        bend = 0.014 * math.sin(math.pi * share) * min(1.0, length / 0.4)
        x = middle[0] + length * share * sin + (out * half + bend) * cos
        return (side * x, middle[1] + length * share * cos - (out * half + bend) * sin)

    outer = [tip, edge(0.28, 1), edge(0.6, 1), edge(1.0, 1)]
    inner = [edge(1.0, -1), edge(0.6, -1), edge(0.25, -1), pit]
    under_body = [(0.7 * pit[0], pit[1]), (0.7 * tip[0], tip[1])]
    shape = outline(outer, inner, *under_body)
    scene.panel(
        shape,
        cloth,
        puff=puff,
        soft=0.026,
        volume=0.6 * puff,
        folds=_sleeve_folds(scene, side, edge, length),
        grain=side * angle,
        quilted=quilted,
        shadow=0.0,
    )
    return Sleeve((side * middle[0], middle[1]), wrist, half_cuff, side * angle)


def _sleeve_folds(scene: Scene, side: int, edge: EdgeOf, length: float) -> list[Fold]:
    """Drags across the elbow and one long fold."""
    rng = scene.shot.generator(f"folds sleeve {side}")
    num_drags = 2 + round(8 * length)
    folds: list[Fold] = []
    for i in range(num_drags):
        share = (i + 0.7) / num_drags * 0.92
        a, b = edge(share, -1), edge(min(share + rng.uniform(-0.02, 0.14), 1.0), rng.uniform(0.1, 0.9))
        depth = rng.uniform(0.003, 0.0065) * (1 if i % 2 else -1)
        folds.append(Crease(a, b, depth, rng.uniform(0.009, 0.016), rng.normal(0, 0.1)))
    folds.append(Crease(edge(0.12, 0.2), edge(0.95, -0.2), 0.005, 0.022, 0.02))
    return folds


def cuff(scene: Scene, sleeve: Sleeve, depth: float, cloth: str = "main", flare: float = 1.06) -> None:
    """A band around the wrist; positive `depth` reaches up the sleeve from its end."""
    length = math.dist(sleeve.shoulder, sleeve.wrist)
    (a, b), (c, d) = sleeve.across(1 - depth / length), sleeve.across(1.01)
    wide = _widened(outline([a, b], d, c), flare)
    scene.overlay(wide, cloth, puff=0.007, soft=0.012, grain=sleeve.angle, clip=False)


def _widened(shape: Outline, factor: float) -> Outline:
    middle = shape.mean(axis=0)
    return np.asarray((shape - middle) * factor + middle, np.float64)


def hem_band(scene: Scene, cut: Cut, depth: float, cloth: str = "rib", inset: float = 0.004) -> None:
    """A band along the hem."""
    top, low = cut.length - 0.2 * depth, cut.length + 0.8 * depth
    shape = mirrored(
        [(0.0, top + cut.dip), (0.5 * cut.hem, top + 0.8 * cut.dip), (cut.hem + 0.003, top)],
        (cut.hem - inset, low),
        [(0.5 * cut.hem, low + 0.8 * cut.dip), (0.0, low + cut.dip)],
    )
    scene.panel(shape, cloth, puff=0.009, soft=0.016, lift=0.002, shadow=0.35, reach=0.010)


def neck_band(scene: Scene, neckline: Curve, width: float, cloth: str = "rib") -> None:
    """A band along the front neckline, both sides."""
    inner = [(0.96 * x, y + 0.25 * width) for x, y in neckline]
    full = [*flipped(inner[::-1]), *inner[1:]]
    scene.panel(ribbon(full, width), cloth, puff=0.006, soft=0.4 * width, lift=0.002, shadow=0.35, reach=0.008)


def armhole_seams(scene: Scene, cut: Cut) -> None:
    """The seams where the sleeves are set in."""
    for side in (-1, 1):
        curve = [
            (cut.shoulder, cut.slope),
            (cut.chest - 0.008, 0.55 * (cut.slope + cut.armhole)),
            (cut.chest, cut.armhole),
        ]
        scene.seam(on_side(curve, side), dark=0.30)


def shirt_collar(
    scene: Scene, cut: Cut, *, spread: float, depth: float, stand: float = 0.016, cloth: str = "main"
) -> None:
    """A turned-down collar: stand at the back, two leaves in front that meet below the neck."""
    n = cut.neck
    back = mirrored(
        [(0.0, -stand - 0.004), (0.6 * n, -stand - 0.006), (n + 0.006, -0.004)], [(0.9 * n, 0.018), (0.0, 0.004)]
    )
    scene.panel(back, cloth, puff=0.005, soft=0.010, shade=0.80, shadow=0.3, reach=0.008)
    for side in (-1, 1):
        leaf: list[Stretch] = [
            [(0.55 * n, -stand - 0.008), (n + 0.012, -0.006), (n + 0.020, 0.022)],
            (n * 0.72 + spread, depth),
            (0.003, cut.scoop + 0.004),
            [(0.66 * n, 0.016), (0.80 * n, -0.004), (0.55 * n, -stand - 0.008)],
        ]
        shape = outline(*leaf) * (side, 1)
        scene.panel(
            shape,
            cloth,
            puff=0.007,
            soft=0.012,
            lift=0.004,
            grain=side * heading((0.003, cut.scoop), (n * 0.72 + spread, depth)),
            shadow=0.5,
            reach=0.012,
        )
