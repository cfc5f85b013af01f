"""Draw soles and heels in profile, toe to the right."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from generator.render.engine.curves import Curve, Outline, box, outline, ribbon, smooth_line
from generator.render.engine.scene import Scene

FLOOR = 0.74
"""Height of the floor (y)."""
BALL = 0.135
"""Where the foot bends (x); in front of it every shoe is flat."""
SHANK = 0.42
"""Length of the foot from the ball to the heel, in units."""
RISE = {"flat": 0.030, "block": 0.135, "high": 0.225}
"""Height of the heel, in units."""
LOW = 0.665
"""Where the upper of a sneaker meets its sole (y)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foot:
    """The underside of the foot in profile, from the heel to the toe."""

    rise: float
    """Height of the heel above the floor."""
    toe: float
    spring: float
    """How far the tip of the toe is raised."""
    thick: float
    """Thickness of the sole."""
    floor: float = FLOOR

    @property
    def heel(self) -> float:
        """The rearmost point (x): a raised heel is nearer to the ball."""
        return BALL - math.sqrt(SHANK**2 - min(self.rise, 0.9 * SHANK) ** 2)

    def under(self, up: float = 0.0) -> Curve:
        """Return the line on which the upper is fixed, `up` units above it."""
        seat, ground, heel = self.floor - self.thick - self.rise - up, self.floor - self.thick - up, self.heel
        steep = self.rise / RISE["high"]
        return [
            (heel, seat),
            (heel + 0.10, seat + 0.020 * steep),
            (heel + 0.55 * (BALL - heel), ground - (0.52 - 0.06 * steep) * self.rise),
            (BALL - 0.035, ground - 0.045 * self.rise),
            (BALL + 0.06, ground),
            (0.5 * (BALL + self.toe) + 0.04, ground - 0.15 * self.spring),
            (self.toe, ground - self.spring),
        ]

    def at(self, x: float) -> float:
        """Return the height of the underside at x."""
        line = smooth_line(self.under())
        return float(np.interp(x, line[:, 0], line[:, 1]))


def draw_sole_under(scene: Scene, foot: Foot, cloth: str = "dark") -> None:
    """Draw the sole along the underside of the foot."""
    top = foot.under()
    low = [(x, y + foot.thick) for x, y in top]
    low[-1] = (foot.toe + 0.002, low[-1][1] - 0.4 * foot.thick)
    scene.add_panel(
        outline(top, (foot.toe + 0.006, top[-1][1] + 0.2 * foot.thick), low[::-1]),
        cloth,
        puff=0.004,
        soft=0.006,
        lift=0.006,
        shadow=0.35,
        reach=0.006,
    )


def draw_heel_under(scene: Scene, foot: Foot, kind: str, cloth: str) -> None:
    """Draw the heel below the seat, with its top piece; its front curves into the shank."""
    x0, y0, floor = foot.heel, foot.floor - foot.rise - 0.5 * foot.thick, foot.floor
    if kind == "flat":
        shape = outline(
            [(x0 - 0.004, y0 - 0.004), (x0 + 0.125, y0 + 0.002)],
            (x0 + 0.118, floor),
            [(x0 + 0.004, floor), (x0 - 0.004, y0)],
        )
        waist, foot_at = 0.125, x0 + 0.004
    else:
        wide = (
            scene.design.uniform("block", 0.085, 0.125)
            if kind == "block"
            else scene.design.uniform("pin", 0.016, 0.034)
        )
        foot_at = x0 + (0.012 if kind == "block" else 0.030)
        breast = x0 + (0.150 if kind == "block" else 0.165)
        waist = wide
        back: Curve = [
            (x0 + 0.002, y0 - 0.01),
            (x0 - 0.002, y0 + 0.25 * foot.rise),
            (foot_at - 0.006, y0 + 0.55 * foot.rise),
            (foot_at, floor),
        ]
        front: Curve = [
            (foot_at + wide, floor),
            (foot_at + wide + 0.002, y0 + 0.60 * foot.rise),
            (foot_at + wide + 0.35 * (breast - foot_at - wide), y0 + 0.28 * foot.rise),
            (breast, foot.at(breast) + 0.5 * foot.thick),
        ]
        shape = outline(back, (foot_at + wide, floor), front, [(x0 + 0.06, y0 + 0.005), back[0]])
    scene.add_panel(shape, cloth, puff=0.018, soft=0.022, shadow=0.25, reach=0.006)
    piece = 0.010 if kind != "high" else 0.014
    scene.add_overlay(
        box(foot_at - 0.002, floor - piece, foot_at + waist + 0.002, floor, 0.002),
        "dark",
        puff=0.002,
        soft=0.004,
        shadow=0.2,
        clip=False,
    )


class SoleMeasures(Protocol):
    """The measures of a sneaker that a rubber sole needs."""

    @property
    def toe(self) -> float:
        """Foremost point (x)."""

    @property
    def sole(self) -> float:
        """Thickness of the sole at the ball."""

    @property
    def wedge(self) -> float:
        """How much thicker it is at the heel."""


def draw_rubber_sole(scene: Scene, shoe: SoleMeasures, kind: str) -> None:
    """Draw foxing or a stepped midsole, and an outsole with a tread."""
    toe, floor = shoe.toe, LOW + shoe.sole
    edge = LOW - scene.design.uniform("foxing", 0.010, 0.022)
    wedge, spring = shoe.wedge, {"cup": 0.020, "runner": 0.036, "plimsoll": 0.012}[kind]
    top: Curve = [
        (-0.402, edge - wedge),
        (-0.22, edge - 0.6 * wedge + 0.010),
        (0.02, edge + 0.012),
        (0.22, edge + 0.010),
        (toe - 0.03, edge - 0.006 - 0.4 * spring),
        (toe + 0.008, edge - 0.6 * spring),
    ]
    flare = 0.020 if kind == "runner" else 0.008
    under: Curve = [
        (toe + 0.019, floor - spring - 0.016),
        (toe - 0.010, floor - 0.62 * spring),
        (toe - 0.055, floor - 0.28 * spring),
        (toe - 0.16, floor),
        (0.0, floor),
        (-0.30, floor),
        (-0.385, floor - 0.004),
        (-0.402 - flare, floor - 0.020),
    ]
    scene.add_panel(
        _treaded(under, edge, toe, 0.008 if kind == "runner" else 0.005),
        "dark" if kind == "runner" else "gum" if scene.design.chance("gum", 0.3) else "sole",
        puff=0.004,
        soft=0.006,
        lift=0.004,
        shadow=0.0,
        shade=0.9,
    )
    lift = 0.012 if kind != "plimsoll" else 0.008
    body = outline(top, [top[-1], *[(x, y - lift) for x, y in under]], top[0])
    scene.add_panel(body, "sole", puff=0.012, soft=0.012, volume=0.004, lift=0.008, shadow=0.35, reach=0.006)
    middle = [(x, 0.5 * (y + edge + shoe.sole)) for x, y in top]
    if kind == "runner":
        scene.add_overlay(
            outline(
                [(-0.43, floor - 0.055), (-0.24, floor - 0.052), (-0.08, floor - 0.034), (0.06, floor - 0.004)],
                (-0.43, floor),
            ),
            "bumper",
            puff=0.003,
            soft=0.006,
            shadow=0.3,
        )
        for i in range(5):
            x = -0.36 + 0.035 * i
            scene.add_seam([(x, edge - wedge + 0.028), (x + 0.012, floor - 0.060)], width=0.006, dark=0.3)
    else:
        scene.add_seam([(x, y + 0.30 * shoe.sole) for x, y in middle], width=0.005, depth=0.004, dark=0.35)
        scene.add_topstitch([(x * 0.995, y + 0.009) for x, y in top], "stitch", length=0.013, width=0.0035)
        if kind == "plimsoll":
            scene.add_overlay(
                ribbon([(x * 1.002, y + 0.4 * shoe.sole) for x, y in top], 0.006), "trim", puff=0.001, shadow=0.0
            )
        else:
            for i in range(9):
                x = toe - 0.02 - 0.011 * i
                scene.add_seam(
                    [(x + 0.008, edge + 0.012), (x + 0.006, floor - spring - 0.014 + min(0.0016 * i, 0.016))],
                    width=0.0035,
                    dark=0.25,
                )


def _treaded(under: Curve, edge: float, toe: float, deep: float) -> Outline:
    """Return the outsole with a notched lower edge."""
    line = smooth_line(under)
    steps = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = np.linspace(0, steps[-1], 4 * round(float(steps[-1]) / 0.021) + 1)
    points = np.stack([np.interp(at, steps, line[:, axis]) for axis in (0, 1)], axis=1)
    points[:, 1] -= deep * np.isin(np.arange(len(at)) % 4, (2, 3)) * (points[:, 0] < toe - 0.05)
    return np.concatenate([points, [(-0.39, edge + 0.02), (toe, edge + 0.02)]])
