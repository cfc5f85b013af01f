"""Draw sneakers in profile, seen slightly from above, toe to the right."""

from dataclasses import dataclass

import numpy as np

from generator.render.engine.curves import Curve, Outline, Point, outline, ribbon, smooth_line
from generator.render.engine.fittings import choose_usual_cut, draw_plate, draw_ring, draw_zipper
from generator.render.engine.height_field import Crease
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene
from generator.render.shoes.soles import LOW, draw_rubber_sole

COLLAR = {"child": 0.44, "small": 0.465, "medium": 0.385, "large": 0.255}
"""Height of the collar (y): small is a low-top, large a high-top."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SneakerMeasures:
    """The measures of one sneaker, in garment units."""

    collar: float
    toe: float
    """Foremost point (x)."""
    box: float
    """Height of the toe box above the sole."""
    throat: float
    """Where the laces end (x)."""
    sole: float
    """Thickness of the sole at the ball."""
    wedge: float
    """How much thicker the sole is at the heel."""
    across: float
    """Width of the tongue as the camera sees it."""

    @property
    def top(self) -> Point:
        """The uppermost eyelet."""
        return (-0.118, self.collar + 0.012)

    def instep(self) -> Curve:
        """Return the near edge of the upper, from the top eyelet to the tip of the toe."""
        (x, y), low = self.top, LOW - self.box
        return [
            (x, y),
            (x + 0.40 * (self.throat - x), y + 0.50 * (low - 0.030 - y)),
            (self.throat, low - 0.022),
            (self.throat + 0.35 * (self.toe - self.throat), low - 0.004),
            (self.toe - 0.055, low + 0.24 * self.box),
            (self.toe - 0.008, low + 0.62 * self.box),
            (self.toe + 0.002, LOW),
        ]


@register_silhouette("sneaker")
def draw_sneaker(scene: Scene) -> None:
    """Draw a low-top to high-top: cup sole, runner or thin rubber sole; laces, zip or slip-on."""
    d = scene.design
    pair = scene.shot.chance("pair", scene.pose.pairs)
    small = 0.82 if scene.appearance.size == "child" else 1.0
    scene.set_camera((0.92 if pair else 1.0) * small, (0.0, 0.535 if scene.appearance.size != "large" else 0.48))
    kind = d.choice("kind", ("cup", "runner", "plimsoll"))
    shoe = SneakerMeasures(
        collar=COLLAR[scene.appearance.size] + d.uniform("collar", -0.045, 0.022),
        toe=0.395 + d.uniform("toe", -0.012, 0.018),
        box=d.uniform("toe box", 0.100, 0.158),
        throat=d.uniform("throat", 0.125, 0.185),
        sole={"cup": d.uniform("cup", 0.052, 0.100), "runner": d.uniform("runner", 0.050, 0.070), "plimsoll": 0.042}[
            kind
        ],
        wedge=d.uniform("wedge", 0.020, 0.062) if kind == "runner" else 0.0,
        across=d.uniform("across", 0.030, 0.046),
    )
    closure = choose_usual_cut(scene, "closure", "laces", 0.75)
    _draw_opening(scene, shoe)
    _draw_tongue(scene, shoe, closure)
    _draw_upper(scene, shoe)
    _draw_overlays(scene, shoe, kind)
    _draw_collar(scene, shoe)
    {"laces": _draw_laces, "zip": _draw_zip, "open": _draw_slip_on}[closure](scene, shoe)
    draw_rubber_sole(scene, shoe, kind)
    if pair:
        scene.add_copy_behind(scene.shot.uniform("apart", 0.045, 0.075), -scene.shot.uniform("rise", 0.055, 0.085))
    floor = LOW + shoe.sole
    scene.place_on_floor(-0.40, shoe.toe, floor)


def _draw_opening(scene: Scene, shoe: SneakerMeasures) -> None:
    """Draw the lined far side of the collar, seen through the opening."""
    h = shoe.collar
    scene.add_inside(
        outline(
            [(-0.370, h - 0.004), (-0.315, h - 0.022), (-0.22, h - 0.018), (-0.13, h - 0.038)],
            [(-0.09, h + 0.07), (-0.30, h + 0.10), (-0.372, h - 0.004)],
        ),
        lift=0.012,
    )
    scene.darken(
        outline([(-0.36, h + 0.036), (-0.24, h + 0.030), (-0.10, h + 0.036)], (-0.12, h + 0.1), (-0.34, h + 0.1)),
        0.7,
        0.016,
    )


def _far_edge(shoe: SneakerMeasures) -> Outline:
    """Return the instep moved up and to the right, where the far side of the lacing is."""
    line = smooth_line(shoe.instep())
    keep = line[line[:, 0] <= shoe.throat + 0.012]
    t = np.linspace(0, 1, len(keep))[:, None]
    width = shoe.across * np.sqrt(1 - t**5)
    return np.asarray(keep + width * np.array([0.75, -0.80]))


def _draw_tongue(scene: Scene, shoe: SneakerMeasures, closure: str) -> None:
    """Draw the far quarter, and the padded tongue that rises out of the lacing."""
    near = smooth_line(shoe.instep())
    near = near[near[:, 0] <= shoe.throat + 0.012]
    far = _far_edge(shoe)
    scene.add_panel(
        np.concatenate([far, near[::-1] + np.array([0.0, 0.02])]),
        "self",
        puff=0.010,
        soft=0.012,
        shade=0.86,
        shadow=0.2,
    )
    (x, y), rise = shoe.top, scene.design.uniform("tongue", 0.040, 0.075)
    if closure == "open":
        rise *= 0.35
    inner = far + np.array([-0.010, 0.012])
    tip: Curve = [
        (float(inner[0, 0]), float(inner[0, 1])),
        (x + 0.030, y - 0.6 * rise),
        (x - 0.002, y - 0.98 * rise),
        (x - 0.040, y - 0.92 * rise),
        (x - 0.052, y - 0.2 * rise),
        (x - 0.025, y + 0.05),
    ]
    shape = np.concatenate([inner[::-1], outline(tip)[:-8], near + np.array([0.0, 0.02])])
    scene.add_panel(shape, "rib" if closure == "open" else "self", puff=0.016, soft=0.014, shadow=0.4, reach=0.008)
    if closure == "laces" and rise > 0.03:
        scene.add_overlay(
            ribbon([(x - 0.026, y - 0.62 * rise), (x + 0.012, y - 0.50 * rise)], 0.45 * rise), "trim", puff=0.003
        )


def _draw_upper(scene: Scene, shoe: SneakerMeasures) -> None:
    h = shoe.collar
    bow = 0.012 if h < 0.43 else 0.0
    shape = outline(
        [
            (-0.388, LOW),
            (-0.402, LOW - 0.05),
            (-0.392, 0.5 * (h + LOW) - 0.02),
            (-0.374 + bow, h + 0.03),
            (-0.377 + bow, h + 0.004),
            (-0.366 + bow, h - 0.008),
            (-0.345, h + 0.006),
            (-0.30, h + 0.036),
            (-0.23, h + 0.046),
            (-0.165, h + 0.036),
            shoe.top,
        ],
        shoe.instep(),
        [(shoe.toe, LOW), (0.0, LOW + 0.02), (-0.388, LOW)],
    )
    bend = shoe.throat + 0.012
    low = LOW - shoe.box
    flex = [
        Crease((bend + 0.026 * i, low - 0.005), (bend - 0.045 + 0.040 * i, LOW - 0.025), depth, 0.010, 0.15)
        for i, depth in enumerate((-0.0035, 0.003, -0.003))
    ]
    ankle = [
        Crease((-0.13, h + 0.07), (-0.33, h + 0.12 + 0.03 * i), depth, 0.016, 0.12)
        for i, depth in enumerate((-0.004, 0.004))
    ]
    scene.add_panel(
        shape,
        puff=0.034,
        soft=0.030,
        volume=0.034,
        folds=[*flex, *(ankle if h < 0.4 else [])],
        shadow=0.45,
        reach=0.008,
    )


def _edge_height(shoe: SneakerMeasures, x: float) -> float:
    """Return the height of the instep at x."""
    line = smooth_line(shoe.instep())
    return float(np.interp(x, line[:, 0], line[:, 1]))


def _draw_overlays(scene: Scene, shoe: SneakerMeasures, kind: str) -> None:
    """Draw heel counter, toe cap or mudguard, and side panel, each with a row of stitches."""
    d, h, toe = scene.design, shoe.collar, shoe.toe
    second = d.choice("second", ("trim", "self", "accent"))
    counter = d.uniform("counter", 0.085, 0.135)
    mid = 0.5 * (h + LOW)
    heel = outline(
        [(-0.41, LOW + 0.01), (-0.415, mid), (-0.39, h + 0.055)],
        [(-0.375 + 0.45 * counter, h + 0.075), (-0.395 + counter, mid + 0.01), (-0.36 + counter, LOW + 0.01)],
    )
    scene.add_overlay(heel, second, puff=0.005, soft=0.010, shadow=0.35)
    scene.add_topstitch(
        [(-0.385 + 0.45 * counter, h + 0.085), (-0.407 + counter, mid + 0.01), (-0.374 + counter, LOW - 0.01)]
    )
    front = d.choice("front", ("cap", "mudguard", "plain")) if kind != "plimsoll" else "cap"
    if front == "cap":
        back = toe - d.uniform("cap", 0.105, 0.150)
        edge: Curve = [
            (back - 0.012, _edge_height(shoe, back - 0.012) - 0.01),
            (back - 0.018, LOW - 0.5 * shoe.box),
            (back + 0.012, LOW + 0.02),
        ]
        cloth = "sole" if kind == "plimsoll" else "self"
        scene.add_overlay(
            outline(edge, (toe + 0.03, LOW + 0.02), [(toe + 0.03, LOW - 0.15), edge[0]]), cloth, puff=0.006, soft=0.012
        )
        for step in (0.010, 0.018):
            scene.add_topstitch([(x + step, y) for x, y in edge])
        if d.chance("punched", 0.5) and kind == "cup":
            for i in range(7):
                x = back + 0.028 + 0.012 * i
                for row in (0.42, 0.60):
                    y = LOW - row * shoe.box - 0.012 + 0.05 * (x - back)
                    scene.darken(ribbon([(x, y), (x + 0.004, y + 0.001)], 0.005), 0.9, 0.0008)
    elif front == "mudguard":
        reach, tall = d.uniform("guard", 0.10, 0.26), d.uniform("guard height", 0.40, 0.55) * shoe.box
        edge = [
            (reach - 0.03, LOW + 0.005),
            (reach + 0.04, LOW - 0.55 * tall),
            (toe - 0.10, LOW - tall),
            (toe - 0.035, LOW - 1.25 * tall),
            (toe + 0.02, LOW - 1.35 * tall),
        ]
        scene.add_overlay(
            outline(edge, (toe + 0.02, LOW + 0.02), (reach - 0.03, LOW + 0.02)), second, puff=0.006, soft=0.010
        )
        scene.add_topstitch([(x, y + 0.010) for x, y in edge[:-1]])
    if d.chance("side panel", 0.65) and kind != "plimsoll":
        lean = d.uniform("lean", -0.05, 0.07)
        curve: Curve = [
            (-0.035 + lean, h + 0.30 * (LOW - h) + 0.055),
            (-0.090 + 0.4 * lean, 0.60),
            (-0.165 - 0.3 * lean, LOW + 0.01),
        ]
        scene.add_overlay(ribbon(curve, 0.045, 0.085), second, puff=0.004, soft=0.010, shadow=0.3)
        for side in (-0.4, 0.4):
            scene.add_topstitch([(x + side * (0.040 + 0.017 * i), y) for i, (x, y) in enumerate(curve)])
    elif kind == "runner":
        saddle = outline(
            [(-0.075, h + 0.35 * (LOW - h)), (0.03, 0.575), (0.09, LOW - 0.035), (0.16, LOW + 0.01)],
            [(-0.10, LOW + 0.01), (-0.085, 0.60), (-0.115, h + 0.45 * (LOW - h)), (-0.075, h + 0.35 * (LOW - h))],
        )
        scene.add_overlay(saddle, second, puff=0.004, soft=0.008)
    draw_plate(scene, -0.378 + 0.4 * counter, mid + 0.012, 0.026, 0.019)


def _draw_collar(scene: Scene, shoe: SneakerMeasures) -> None:
    """Draw the padded rim and the pull tab at the heel."""
    h = shoe.collar
    scene.add_overlay(
        ribbon(
            [(-0.362, h + 0.016), (-0.30, h + 0.050), (-0.23, h + 0.060), (-0.165, h + 0.050), (-0.128, h + 0.030)],
            0.030,
        ),
        "self",
        puff=0.013,
        soft=0.012,
        shadow=0.3,
    )
    if scene.design.chance("tab", 0.6):
        scene.add_overlay(
            ribbon([(-0.366, h + 0.035), (-0.372, h - 0.030)], 0.022), "trim", puff=0.006, soft=0.007, clip=False
        )


def _stay(shoe: SneakerMeasures, inset: float) -> Outline:
    """Return a line along the lacing, `inset` inside the near edge."""
    line = smooth_line(shoe.instep())
    stay = line[(line[:, 0] <= shoe.throat + 0.004)]
    steps = np.gradient(stay, axis=0)
    steps /= np.linalg.norm(steps, axis=1, keepdims=True)
    return np.asarray(stay + inset * np.stack([-steps[:, 1], steps[:, 0]], axis=1))


def _draw_laces(scene: Scene, shoe: SneakerMeasures) -> None:
    """Draw eyestay, eyelets, flat laces that cross over the tongue, and a bow."""
    num_rows = {"child": 4, "small": 5, "medium": 6, "large": 8}[scene.appearance.size]
    band = _stay(shoe, 0.026)
    scene.add_overlay(ribbon([(float(x), float(y)) for x, y in band[::5]], 0.054), "self", puff=0.005, soft=0.010)
    outer = _stay(shoe, 0.048)
    scene.add_topstitch([(float(x), float(y)) for x, y in outer[2::6]])
    eyes, far = _stay(shoe, 0.020), _far_edge(shoe)
    places = [0.03 + 0.90 * i / (num_rows - 1) for i in range(num_rows)]
    near_points = [_point_along(eyes, t) for t in places]
    far_points = [_point_along(far, t, (-0.004, 0.006)) for t in places]
    for x, y in near_points:
        draw_ring(scene, x, y, 0.0085, 0.0085, 0.0065)
    style = scene.design.choice("lacing", ("cross", "bars"))
    for i in reversed(range(num_rows)):
        if style == "cross" and i + 1 < num_rows:
            _draw_lace(scene, ribbon(_arched_lace(far_points[i + 1], near_points[i]), 0.0145))
        other = far_points[i + 1] if style == "cross" and i + 1 < num_rows else far_points[i]
        start = near_points[i] if style == "bars" else near_points[min(i + 1, num_rows - 1)]
        goal = far_points[i] if style == "cross" else other
        _draw_lace(scene, ribbon(_arched_lace(start, goal), 0.0145))
    _draw_bow(scene, near_points[0], far_points[0])


def _draw_bow(scene: Scene, near: Point, far: Point) -> None:
    x, y = 0.5 * (near[0] + far[0]), 0.5 * (near[1] + far[1])
    sway = scene.shot.uniform("bow", -0.008, 0.008)
    for curve in (
        [(x, y), (x - 0.030, y + 0.026), (x - 0.052 + sway, y + 0.058), (x - 0.036, y + 0.060), (x - 0.006, y + 0.008)],
        [(x, y), (x + 0.042, y - 0.006), (x + 0.078, y + 0.014 + sway), (x + 0.070, y + 0.030), (x + 0.008, y + 0.008)],
        [(x, y), (x - 0.012, y + 0.045), (x - 0.018 - sway, y + 0.085)],
        [(x, y), (x + 0.026, y + 0.030), (x + 0.036 + sway, y + 0.066)],
    ):
        _draw_lace(scene, ribbon(curve, 0.0125))
    _draw_lace(scene, ribbon([(x - 0.009, y - 0.006), (x + 0.009, y + 0.010)], 0.019))


def _draw_lace(scene: Scene, shape: Outline) -> None:
    scene.add_overlay(shape, "lace", puff=0.006, soft=0.006, clip=False)


def _arched_lace(a: Point, b: Point) -> Curve:
    """Return a slightly arched lace from a to b."""
    return [a, (0.5 * (a[0] + b[0]) - 0.002, 0.5 * (a[1] + b[1]) - 0.004), b]


def _point_along(line: Outline, t: float, move: Point = (0.0, 0.0)) -> Point:
    """Return the point at share `t` along a line."""
    x, y = line[round(t * (len(line) - 1))]
    return (float(x) + move[0], float(y) + move[1])


def _draw_zip(scene: Scene, shoe: SneakerMeasures) -> None:
    """Draw a zip in place of the laces."""
    (x, y), low = shoe.top, LOW - shoe.box
    draw_zipper(
        scene,
        [
            (x + 0.012, y + 0.01),
            (0.45 * shoe.throat + 0.55 * x + 0.01, 0.5 * (y + low) - 0.01),
            (shoe.throat, low - 0.012),
        ],
        width=0.020,
    )


def _draw_slip_on(scene: Scene, shoe: SneakerMeasures) -> None:
    """Draw an elastic gore below the collar; there is no closure."""
    h = shoe.collar
    tall = 0.45 * (LOW - h)
    shape = outline(
        [(-0.110, h + 0.045), (-0.035, h + 0.30 * tall + 0.045)],
        [(-0.055, h + 0.8 * tall), (-0.085, h + tall), (-0.118, h + 0.75 * tall), (-0.110, h + 0.045)],
    )
    scene.add_overlay(shape, "rib", puff=-0.003, soft=0.010, shadow=0.0)
    scene.add_seam([(float(x), float(y)) for x, y in shape[::4]], dark=0.3)
