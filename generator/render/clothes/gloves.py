"""Draw gloves: a pair laid flat, backs up."""

import math

import numpy as np

from generator.render.engine.curves import Curve, Outline, outline, ribbon
from generator.render.engine.fittings import draw_button, draw_plate
from generator.render.engine.height_field import Crease
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene

SIZE = {"child": 0.62, "small": 0.76, "medium": 0.90, "large": 1.06}
"""Scale of a pair of gloves, by size."""


@register_silhouette("gloves")
def draw_gloves(scene: Scene) -> None:
    """Draw a pair, one half over the other: leather with quirks and points, or ribbed like knitwear."""
    d = scene.design
    cuff = d.uniform("cuff", 0.10, 0.24)
    scene.set_camera(1.28 * SIZE[scene.appearance.size], (0.0, 0.53))
    kind = d.choice("kind", ("buttoned", "ribbed", "strapped"))
    fat, long = d.uniform("fat", 0.92, 1.10), d.uniform("long", 0.92, 1.06)
    turn = scene.shot.uniform("lean", 0.10, 0.26)
    hand = _Hand(
        fat, long, cuff, scene.shot.uniform("spread", 0.2, 1.0), (0.115 + 0.05 * turn, 0.66 - 0.3 * (cuff - 0.17)), turn
    )
    hand.draw(scene, kind)
    scene.add_copy_behind(-scene.shot.uniform("apart", 0.0, 0.03), -scene.shot.uniform("rise", -0.02, 0.04), flip=True)


FINGERS = ((-0.083, -0.305, -0.16), (-0.029, -0.355, -0.055), (0.026, -0.335, 0.045), (0.079, -0.262, 0.155))
"""Knuckle (x), tip (y above the knuckles) and spread (radians) of the four fingers of a left hand, back up."""


class _Hand:
    """One glove with its wrist at `at`, rotated by `turn` radians."""

    def __init__(
        self, fat: float, long: float, cuff: float, spread: float, at: tuple[float, float], turn: float
    ) -> None:
        self.spread, self.fat, self.long, self.cuff, self.at, self.turn = spread, fat, long, cuff, at, turn

    def place(self, points: Curve) -> Curve:
        """Transform points from the hand (wrist at the origin, fingers up) to garment units."""
        c, s = math.cos(self.turn), math.sin(self.turn)
        return [
            (self.at[0] + c * x * self.fat - s * y * self.long, self.at[1] + s * x * self.fat + c * y * self.long)
            for x, y in points
        ]

    def finger(self, i: int) -> Curve:
        """Return the middle line of finger `i`, from the hand's coordinates."""
        x, tip, spread = FINGERS[i]
        spread *= self.spread
        root = -0.145
        reach = tip - root + 0.145 * 0.12
        return [
            (x * 0.92, root + 0.05),
            (x, root - 0.02),
            (x + 0.55 * reach * -math.sin(spread), root + 0.55 * reach),
            (x + reach * -math.sin(spread) * 0.95, root + reach),
        ]

    def draw(self, scene: Scene, kind: str) -> None:
        """Draw the glove: palm, fingers, seams and closure."""
        thumb: Curve = [(-0.060, -0.040), (-0.118, -0.105), (-0.158, -0.165), (-0.168, -0.215)]
        cuff = self.place(
            [
                (-0.090, 0.0),
                (-0.098 - 0.10 * self.cuff, self.cuff),
                (0.0, self.cuff + 0.008),
                (0.094 + 0.10 * self.cuff, self.cuff),
                (0.088, 0.0),
            ]
        )
        scene.add_inside(
            np.array(
                self.place(
                    [
                        (-0.085, self.cuff - 0.02),
                        (0.085, self.cuff - 0.02),
                        (0.08, self.cuff + 0.016),
                        (-0.08, self.cuff + 0.016),
                    ]
                )
            ),
            "lining",
            lift=0.004,
        )
        _lay_finger(scene, _finger_outline(self.place(thumb), 0.074 * self.fat))
        for i in (3, 0, 2, 1):
            _lay_finger(scene, _finger_outline(self.place(self.finger(i)), 0.0565 * self.fat))
        palm = outline(
            self.place([(-0.092, 0.02), (-0.100, -0.05), (-0.112, -0.135), (-0.100, -0.205)]),
            self.place([(-0.100, -0.205), (-0.055, -0.182), (-0.002, -0.190), (0.052, -0.178), (0.105, -0.182)]),
            self.place([(0.105, -0.182), (0.108, -0.10), (0.092, 0.02)]),
        )
        rng = scene.shot.generator("hand")
        wrinkles = []
        for y in (-0.005, 0.02, 0.045):
            a, b = self.place([(-0.085, y), (0.085, y + rng.normal(0, 0.012))])
            wrinkles.append(Crease(a, b, rng.uniform(-0.006, 0.006), 0.010, 0.05))
        scene.add_panel(palm, puff=0.016, soft=0.022, volume=0.010, folds=wrinkles, shadow=0.0, lift=0.008)
        scene.add_panel(
            outline(cuff[:2], cuff[1:4], cuff[3:]),
            "rib" if kind == "ribbed" else "main",
            puff=0.018,
            soft=0.020,
            folds=wrinkles,
            shadow=0.12,
            lift=0.008,
            grain=-self.turn,
        )
        for x, y in ((-0.052, -0.150), (-0.002, -0.158), (0.050, -0.148)):
            line = self.place([(x * 0.72, -0.055), (x, y)])
            scene.add_seam(line, width=0.006, depth=0.004, dark=0.35)
            scene.add_topstitch([(a + 0.005, b) for a, b in line], width=0.003)
        edge = self.place(
            [
                (-0.094 - 0.10 * self.cuff, self.cuff - 0.016),
                (0.0, self.cuff - 0.008),
                (0.090 + 0.10 * self.cuff, self.cuff - 0.016),
            ]
        )
        scene.add_topstitch(edge, width=0.003)
        self._draw_close(scene, kind)

    def _draw_close(self, scene: Scene, kind: str) -> None:
        """Draw the closure at the wrist: a button on a tab, a strap, or ribs with a small plaque."""
        if kind == "ribbed":
            scene.add_seam(self.place([(-0.092, 0.004), (0.0, 0.010), (0.090, 0.004)]), width=0.006, dark=0.35)
        else:
            band = self.place(
                [(-0.088, 0.026), (0.0, 0.036), (0.088, 0.026)]
                if kind == "strapped"
                else [(0.088, 0.030), (0.0, 0.034)]
            )
            scene.add_overlay(ribbon(band, 0.032), "trim", puff=0.006, soft=0.009, shadow=0.45)
        x, y = self.place([(0.022, 0.034)])[0]
        if scene.appearance.hardware == "none":
            draw_button(scene, x, y, 0.013)
        else:
            draw_plate(scene, x, y, 0.026, 0.015)


def _lay_finger(scene: Scene, shape: Outline) -> None:
    scene.add_panel(shape, puff=0.020, soft=0.016, shadow=0.35, reach=0.008)


def _finger_outline(curve: Curve, width: float) -> Outline:
    """Return a finger of a glove: a band with a round end."""
    band = ribbon(curve, width, 0.80 * width)
    half = len(band) // 2
    left, right = band[half - 1], band[half]
    middle, aside = (left + right) / 2, (left - right) / 2
    ahead = np.array([aside[1], -aside[0]])
    if ahead @ (np.array(curve[-1]) - np.array(curve[-2])) < 0:
        ahead = -ahead
    angles = np.linspace(0, np.pi, 9)[1:-1, None]
    cap = middle + np.cos(angles) * aside + 1.15 * np.sin(angles) * ahead
    return np.concatenate([band[:half], cap, band[half:]])
