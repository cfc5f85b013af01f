"""Draw boots in profile, toe to the right: ankle boot to knee boot on a flat, block or high heel."""

import numpy as np

from generator.render.engine.curves import Curve, Point, outline, ribbon, smooth_line
from generator.render.engine.fittings import choose_usual_cut, draw_buckle, draw_plate, draw_ring, draw_zipper
from generator.render.engine.height_field import Crease
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene
from generator.render.shoes.soles import Foot, draw_heel_under, draw_sole_under

FLOOR = 0.90
SHAFT = {"child": 0.30, "small": 0.26, "medium": 0.40, "large": 0.62}
"""Height of the shaft above the seat of the heel, in units."""


@register_silhouette("boot")
def draw_boot(scene: Scene) -> None:
    """Draw a boot: shaft with folds at the ankle; a zip, laces or buckled straps; a welt and a pull tab."""
    d, heel, size = scene.design, scene.choose_cut("heel"), scene.appearance.size
    pair = scene.shot.chance("pair", scene.pose.pairs)
    foot = Foot(
        rise={"flat": 0.034, "block": 0.082, "high": 0.150}[heel] * d.uniform("rise", 0.9, 1.1),
        toe=0.315 + d.uniform("toe", -0.02, 0.025),
        spring=0.014,
        thick=d.uniform("lug", 0.024, 0.044) if heel == "flat" else 0.016,
        floor=FLOOR,
    )
    seat = FLOOR - foot.thick - foot.rise
    top = max(seat - SHAFT[size] * d.uniform("shaft height", 0.94, 1.06), 0.10)
    zoom = {"child": 0.84, "small": 1.08, "medium": 1.0, "large": 0.98}[size] * (0.93 if pair else 1.0)
    scene.set_camera(zoom, (0.02, 0.5 * (top + FLOOR) + (0.0 if size == "large" else 0.02)))
    upper = _BootUpper(scene, foot, top)
    closure = choose_usual_cut(scene, "closure", "zip", 0.2)
    if heel == "high":
        draw_heel_under(scene, foot, heel, "main")
    upper.draw_opening(scene)
    upper.draw_upper(scene)
    upper.draw_details(scene)
    {"zip": upper.draw_zip, "laces": upper.draw_laces, "belt": upper.draw_straps}[closure](scene)
    if heel != "high":
        draw_heel_under(scene, foot, heel, "heel")
    draw_sole_under(scene, foot, "dark")
    scene.add_topstitch([(x, y + 0.004) for x, y in foot.under()[2:]], "stitch", length=0.013, width=0.003)
    if pair:
        scene.add_copy_behind(scene.shot.uniform("apart", 0.055, 0.095), -scene.shot.uniform("rise", 0.030, 0.055))
    scene.place_on_floor(foot.heel, foot.toe, FLOOR)


class _BootUpper:
    """The upper of one boot: its outline, and what is sewn on it."""

    def __init__(self, scene: Scene, foot: Foot, top: float) -> None:
        d = scene.design
        self.foot, self.top = foot, top
        self.x0 = foot.heel
        self.seat = foot.floor - foot.thick - foot.rise
        self.ground = foot.floor - foot.thick
        half = d.uniform("ankle", 0.098, 0.116)
        self.ankle = self.seat - 0.150
        self.middle = self.x0 + half + 0.022
        tall = max(0.0, self.ankle - top)
        self.half = half + 0.10 * min(tall, 0.35) + d.uniform("flare", -0.008, 0.022)
        self.slant = d.uniform("slant", -0.020, 0.030)
        self.box = d.uniform("toe box", 0.082, 0.115)
        self.point = d.uniform("point", 0.0, 0.8)

    @property
    def back_top(self) -> Point:
        return (self.middle - self.half, self.top + self.slant)

    @property
    def front_top(self) -> Point:
        return (self.middle + self.half - 0.006, self.top)

    def front(self) -> Curve:
        """Return the line from the top of the shaft down the instep to the tip of the toe."""
        x, y = self.front_top
        low, toe = self.ground - self.foot.spring, self.foot.toe
        bend = (self.middle + 0.108, self.ankle + 0.012 + 0.05 * self.foot.rise)
        shin: list[Point] = [(0.45 * x + 0.55 * bend[0] - 0.004, 0.5 * (y + bend[1]))] if bend[1] - y > 0.16 else []
        blunt = 1 - self.point
        return [
            (x, y),
            *shin,
            bend,
            (self.middle + 0.178, 0.46 * bend[1] + 0.54 * (low - self.box) - 0.004),
            (toe - 0.11, low - self.box),
            (toe - 0.040, low - (0.58 + 0.18 * blunt) * self.box),
            (toe - 0.004, low - (0.16 + 0.26 * blunt) * self.box),
            (toe, low + 0.002),
        ]

    def back(self) -> Curve:
        """Return the line from the seat of the heel up to the top of the shaft."""
        x, y = self.back_top
        calf: list[Point] = [(x - 0.006, 0.55 * y + 0.45 * self.ankle)] if self.ankle - y > 0.16 else []
        return [
            (self.x0, self.seat),
            (self.x0 - 0.014, self.seat - 0.050),
            (self.x0 + 0.010, self.ankle),
            *calf,
            (x, y),
        ]

    def rim(self, drop: float = 0.0) -> Curve:
        """Return the near edge of the opening, from back to front."""
        (x0, y0), (x1, y1) = self.back_top, self.front_top
        return [(x0, y0 + drop), (0.5 * (x0 + x1), 0.5 * (y0 + y1) + 0.030 + drop), (x1, y1 + drop)]

    def draw_opening(self, scene: Scene) -> None:
        """Draw the inner side of the shaft, seen through its opening."""
        (x0, y0), (x1, y1) = self.back_top, self.front_top
        middle = (0.5 * (x0 + x1), 0.5 * (y0 + y1) - 0.026)
        scene.add_inside(
            outline([(x0 + 0.003, y0), middle, (x1 - 0.003, y1)], [(middle[0], middle[1] + 0.09), (x0, y0)]), lift=0.012
        )
        scene.darken(
            outline(
                [(x0, y0 + 0.012), (middle[0], middle[1] + 0.030), (x1, y1 + 0.012)], (x1, y1 + 0.05), (x0, y0 + 0.05)
            ),
            0.75,
            0.014,
        )

    def draw_upper(self, scene: Scene) -> None:
        """Draw the upper with its folds."""
        shape = outline(self.back(), self.rim(), self.front(), self.foot.under()[::-1])
        scene.add_panel(
            shape, puff=0.040, soft=0.034, volume=0.040, folds=self._folds(scene), shadow=0.4, reach=0.008, quilted=True
        )

    def _folds(self, scene: Scene) -> list[Crease]:
        """Return creases around the ankle, where the shaft bends, that fade on the shaft."""
        rng = scene.shot.generator("folds")
        slouch = scene.design.uniform("slouch", 0.5, 1.6)
        front, creases = self.middle + 0.115, []
        for i in range(4):
            y = self.ankle + 0.020 - 0.040 * i
            if y < self.top + 0.05:
                break
            depth = (0.0075 - 0.0012 * i) * slouch * (-1) ** i
            start = (front - 0.008 * i, y + rng.normal(0, 0.006))
            creases.append(
                Crease(
                    start, (self.middle - 0.11, y + 0.030 + rng.normal(0, 0.012)), depth, 0.013, rng.normal(0.08, 0.05)
                )
            )
        toe = self.foot.toe
        for i, depth in enumerate((-0.004, 0.003)):
            x = toe - 0.175 + 0.03 * i
            creases.append(
                Crease((x, self.ground - self.box - 0.04), (x - 0.04, self.ground - 0.02), depth, 0.012, 0.12)
            )
        if self.ankle - self.top > 0.2:
            creases.append(
                Crease((self.middle + 0.02, self.top + 0.03), (self.middle - 0.01, self.ankle), 0.006, 0.034)
            )
        return creases

    def draw_details(self, scene: Scene) -> None:
        """Draw bound rim, seams of vamp and counter, toe cap, pull tab."""
        d = scene.design
        scene.add_overlay(
            ribbon([(x, y + 0.008) for x, y in self.rim()], 0.018), "self", puff=0.007, soft=0.008, shadow=0.25
        )
        scene.add_topstitch(self.rim(0.030))
        if d.chance("vamp seam", 0.7):
            x, y = self.middle + 0.112, self.ankle + 0.035
            curve: Curve = [
                (x + 0.035, y + 0.010),
                (x - 0.015, y + 0.065),
                (x - 0.05, 0.5 * (y + self.ground) + 0.02),
                (x - 0.045, self.foot.at(x - 0.045)),
            ]
            scene.add_seam(curve, dark=0.4)
            scene.add_topstitch([(a + 0.010, b + 0.003) for a, b in curve])
        counter = [
            (self.x0 + 0.010, self.ankle + 0.010),
            (self.x0 + 0.095, self.ankle + 0.065),
            (self.x0 + 0.115, self.foot.at(self.x0 + 0.115)),
        ]
        scene.add_seam(counter, dark=0.35)
        scene.add_topstitch([(a - 0.010, b + 0.006) for a, b in counter])
        if d.chance("cap", 0.35):
            back, low = self.foot.toe - 0.105, self.ground
            shape = outline(
                [(back + 0.008, low - 0.16), (back - 0.008, low - 0.05), (back + 0.005, low + 0.01)],
                (self.foot.toe + 0.03, low + 0.01),
                (self.foot.toe + 0.03, low - 0.16),
            )
            scene.add_overlay(shape, "trim", puff=0.004, soft=0.010)
            scene.add_topstitch([(back + 0.020, low - 0.12), (back + 0.003, low - 0.05), (back + 0.014, low - 0.01)])
        if d.chance("tab", 0.6):
            x, y = self.back_top
            scene.add_overlay(
                ribbon([(x + 0.014, y + 0.055), (x + 0.010, y - 0.026)], 0.024),
                "trim",
                puff=0.006,
                soft=0.008,
                clip=False,
            )
        draw_plate(scene, self.middle - 0.035, self.top + 0.5 * self.slant + 0.072, 0.026, 0.016)

    def draw_zip(self, scene: Scene) -> None:
        """Draw a zip up the inner side, and a gore beside it on a short shaft."""
        x = self.middle - 0.010
        draw_zipper(
            scene,
            [
                (x, self.top + 0.5 * self.slant + 0.048),
                (x - 0.012, 0.5 * (self.top + self.ankle) + 0.02),
                (x - 0.018, self.seat - 0.055),
            ],
            width=0.022,
        )

    def draw_laces(self, scene: Scene) -> None:
        """Draw laces from the vamp up the shaft, through eyelets below and hooks above."""
        line = [p for p in self.front() if p[0] < self.foot.toe - 0.12]
        (x, y), (a, b) = line[0], line[-1]
        stay: Curve = [(x - 0.024, y + 0.012), *[(u - 0.030, v + 0.014) for u, v in line[1:-1]], (a - 0.075, b + 0.006)]
        scene.add_overlay(ribbon(stay, 0.050), "self", puff=0.006, soft=0.010, shadow=0.35)
        from_top = ribbon_points(stay, max(5, round((self.ankle - self.top) / 0.050) + 4))
        for u, v, du, dv in from_top:
            near, far = (u - 0.006 * dv, v + 0.006 * du), (u + 0.046 * dv, v - 0.046 * du)
            draw_ring(scene, *near, 0.0095, 0.0095, 0.0075)
            scene.add_overlay(
                ribbon(
                    [
                        near,
                        (0.5 * (near[0] + far[0]), 0.5 * (near[1] + far[1]) - 0.006),
                        (far[0] + 0.02 * du, far[1] - 0.02 * dv),
                    ],
                    0.014,
                ),
                "lace",
                puff=0.007,
                soft=0.006,
                shadow=0.5,
                clip=False,
            )
        u, v, du, dv = from_top[0]
        knot = (u + 0.02 * dv, v - 0.02 * du)
        for tail in (
            [(-0.030, 0.030), (-0.044, 0.070), (-0.012, 0.040)],
            [(0.040, 0.012), (0.052, 0.050), (0.012, 0.026)],
            [(-0.006, 0.05), (-0.012, 0.105)],
        ):
            scene.add_overlay(
                ribbon([knot, *[(knot[0] + p, knot[1] + q) for p, q in tail]], 0.012),
                "lace",
                puff=0.006,
                soft=0.005,
                shadow=0.5,
                clip=False,
            )

    def draw_straps(self, scene: Scene) -> None:
        """Draw a buckled strap around the ankle, another at the top of a tall shaft."""
        rows = [(self.ankle + 0.035, 0.040)]
        if self.ankle - self.top > 0.18:
            rows.append((self.top + 0.5 * self.slant + 0.115, 0.036))
        for y, width in rows:
            ends = 0.135 if y > self.ankle else self.half + 0.02
            curve: Curve = [
                (self.middle - ends, y - 0.012),
                (self.middle - 0.02, y + 0.018),
                (self.middle + ends + 0.03, y - 0.020),
            ]
            scene.add_overlay(ribbon(curve, width), "trim", puff=0.007, soft=0.010, shadow=0.5)
            for side in (-0.36, 0.36):
                scene.add_topstitch([(a, b + side * width) for a, b in curve])
            draw_buckle(scene, self.middle + 0.022, y + 0.013, 0.030, 0.0255, 0.011)
            for i in range(3):
                scene.darken(
                    ribbon(
                        [(self.middle - 0.040 - 0.022 * i, y + 0.015), (self.middle - 0.036 - 0.022 * i, y + 0.015)],
                        0.006,
                    ),
                    0.85,
                    0.001,
                )


def ribbon_points(curve: Curve, number: int) -> list[tuple[float, float, float, float]]:
    """Return evenly spaced points along a curve, each with the direction there: (x, y, dx, dy)."""
    line = smooth_line(curve)
    steps = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = np.linspace(0.05, 0.97, number) * steps[-1]
    ahead = [np.interp(at + 1e-3, steps, line[:, axis]) - np.interp(at - 1e-3, steps, line[:, axis]) for axis in (0, 1)]
    length = np.hypot(*ahead) + 1e-12
    columns = [np.interp(at, steps, line[:, 0]), np.interp(at, steps, line[:, 1]), ahead[0] / length, ahead[1] / length]
    return [tuple(float(c[i]) for c in columns) for i in range(number)]  # type: ignore[misc]
