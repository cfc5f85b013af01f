"""Draw wrist watches from the front: case, dial and hands on a band that bends away above and below."""

import math

import numpy as np

from generator.render.engine.curves import Curve, Outline, box, disc, outline, ribbon
from generator.render.engine.fittings import draw_ring
from generator.render.engine.height_field import Crease
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene

SIZE = {"child": 0.70, "small": 0.80, "medium": 0.94, "large": 1.02}
"""Scale of a watch, by size."""


class _Case:
    """The case, and how its band leaves it."""

    def __init__(self, scene: Scene) -> None:
        d = scene.design
        self.shape = d.choice("case", ("round", "round", "square", "barrel"))
        self.rx = d.uniform("case width", 0.160, 0.205)
        self.ry = self.rx * {"round": 1.0, "square": d.uniform("tall", 0.98, 1.22), "barrel": 1.22}[self.shape]
        self.power = {"round": 2.0, "square": 7.0, "barrel": 3.2}[self.shape]
        self.band = self.rx * d.uniform("band", 0.64, 0.80)
        self.y = 0.5

    def face(self, inset: float) -> Outline:
        """Return the outline of the case, `inset` units inside its edge."""
        return disc(0.0, self.y, self.rx - inset, self.ry - inset, self.power)


@register_silhouette("watch")
def draw_watch(scene: Scene) -> None:
    """Draw a watch: round, square or barrel case; strap or links; hour marks, hands and crown."""
    d = scene.design
    scene.set_camera(SIZE[scene.appearance.size], (0.0, 0.5), limpness=0.0)
    case = _Case(scene)
    linked = scene.appearance.hardware != "none" and d.chance("links", 0.25)
    for up in (-1, 1):
        _draw_links(scene, case, up) if linked else _draw_strap(scene, case, up)
    if not linked:
        _draw_lugs(scene, case)
    scene.add_panel(
        box(case.rx - 0.012, case.y - 0.022, case.rx + 0.026, case.y + 0.022, 0.007),
        "fitting",
        puff=0.014,
        soft=0.010,
        shadow=0.3,
    )
    for i in range(3):
        y = case.y - 0.012 + 0.012 * i
        scene.add_seam([(case.rx + 0.004, y), (case.rx + 0.025, y)], width=0.004, dark=0.5)
    scene.add_panel(case.face(0.0), "fitting", puff=0.030, soft=0.020, lift=0.012, shadow=0.55, reach=0.014)
    bezel = d.uniform("bezel", 0.016, 0.034)
    if d.chance("dark bezel", 0.3):
        scene.add_overlay(case.face(0.007), "dark", puff=0.004, soft=0.008, shadow=0.2, clip=False)
        scene.add_overlay(case.face(bezel - 0.005), "fitting", puff=0.004, soft=0.005, shadow=0.2, clip=False)
    _draw_dial(scene, case, bezel)


def _draw_strap(scene: Scene, case: _Case, up: int) -> None:
    """Draw one half of a strap: it gets narrower, bends away, and ends with a buckle above and holes below."""
    near, far = case.y + up * 0.80 * case.ry, 0.5 + up * 0.425
    wide, narrow = case.band, 0.80 * case.band
    shape = outline(
        [(-wide, near), (-wide, near + up * 0.08), (-narrow, far - up * 0.035), (-0.82 * narrow, far - up * 0.008)],
        [(0.0, far + up * (0.0 if up < 0 else 0.006)), (0.82 * narrow, far - up * 0.008)],
        [(narrow, far - up * 0.035), (wide, near + up * 0.08), (wide, near)],
    )
    bend = [Crease((-0.3, 0.5 + up * 0.20), (0.3, 0.5 + up * 0.20), 0.020, 0.10)]
    scene.add_panel(shape, puff=0.014, soft=0.018, volume=0.010, folds=bend, shadow=0.3)
    for side in (-1, 1):
        scene.add_topstitch(
            [
                (side * (wide - 0.014), near + up * 0.05),
                (side * (0.5 * (wide + narrow) - 0.010), 0.5 * (near + far)),
                (side * (narrow - 0.012), far - up * 0.035),
            ],
            width=0.0045,
        )
    if up > 0:
        for i in range(6):
            scene.darken(disc(0.0, far - 0.050 - 0.034 * i, 0.0075), 0.9, 0.0012)
    else:
        scene.add_overlay(
            box(-narrow - 0.006, far + 0.092, narrow + 0.006, far + 0.124, 0.006),
            "self",
            puff=0.008,
            soft=0.008,
            shadow=0.5,
            clip=False,
        )
        frame = narrow + 0.014
        for a, b in (
            ((-frame, far + 0.040), (-frame, far - 0.026)),
            ((frame, far - 0.026), (frame, far + 0.040)),
            ((-frame - 0.006, far - 0.024), (frame + 0.006, far - 0.024)),
            ((0.0, far - 0.022), (0.0, far + 0.050)),
        ):
            scene.add_panel(
                ribbon([a, b], 0.014), "fitting", puff=0.012, soft=0.006, shadow=0.35, reach=0.006, lift=0.006
            )
    scene.darken(box(-wide - 0.02, 0.5 + up * 0.38, wide + 0.02, 0.5 + up * 0.50), 0.28, 0.03)


def _draw_links(scene: Scene, case: _Case, up: int) -> None:
    """Draw rows of links: metal outside, the main material in the middle."""
    num_rows, tall = 9, (0.435 - 0.72 * case.ry) / 9
    for i in reversed(range(num_rows)):
        y = case.y + up * (0.72 * case.ry + tall * (i + 0.5))
        half, squeeze = case.band * (1 - 0.022 * i), 0.56 * tall * (1 - 0.02 * i)
        for side in (-1, 1):
            x = side * 0.84 * half
            scene.add_panel(
                box(x - 0.19 * half, y - squeeze, x + 0.19 * half, y + squeeze, 0.006),
                "fitting",
                puff=0.012,
                soft=0.010,
                shadow=0.3,
                reach=0.005,
                shade=1 - 0.03 * i,
            )
        scene.add_panel(
            box(-0.67 * half, y - squeeze - up * 0.3 * tall, 0.67 * half, y + squeeze - up * 0.3 * tall, 0.006),
            puff=0.014,
            soft=0.010,
            shadow=0.3,
            reach=0.005,
            shade=1 - 0.03 * i,
        )


def _draw_lugs(scene: Scene, case: _Case) -> None:
    for up in (-1, 1):
        for side in (-1, 1):
            curve: Curve = [
                (side * (case.band + 0.013), case.y + up * 0.60 * case.ry),
                (side * (case.band + 0.014), case.y + up * (case.ry + 0.012)),
                (side * (case.band + 0.010), case.y + up * (case.ry + 0.046)),
            ]
            scene.add_panel(ribbon(curve, 0.028, 0.020), "fitting", puff=0.014, soft=0.010, shadow=0.4, reach=0.008)


def _draw_dial(scene: Scene, case: _Case, bezel: float) -> None:
    """Draw the dial under its glass.

    Bars or dots for the hours, two hands and a thin third one, sometimes a small dial.
    """
    d = scene.design
    face = d.choice("dial", ("dial", "dark", "self dial"))
    scene.add_overlay(case.face(bezel), face, puff=-0.006, soft=0.012, shadow=0.0, lift=0.0, clip=False)
    mark = "fitting" if scene.appearance.hardware != "none" else "shell" if face != "dial" else "dark"
    rx, ry = case.rx - bezel - 0.012, case.ry - bezel - 0.012
    style, long = d.choice("marks", ("bars", "dots", "quarters")), 0.026
    for hour in range(12):
        angle = math.pi * hour / 6
        s, c = math.sin(angle), -math.cos(angle)
        reach = 1 / (abs(s) ** case.power + abs(c) ** case.power) ** (1 / case.power)
        x, y = s * rx * reach, c * ry * reach
        if style == "dots" and hour % 3:
            scene.add_overlay(
                disc(0.93 * x, case.y + 0.93 * y, 0.0075), mark, puff=0.005, soft=0.004, shadow=0.3, clip=False
            )
        elif style == "bars" or hour % 3 == 0:
            size = long * (1.35 if hour % 3 == 0 else 1.0)
            inner = 1 - size / math.hypot(x, y)
            scene.add_overlay(
                ribbon([(x, case.y + y), (inner * x, case.y + inner * y)], 0.010 if hour % 3 else 0.013),
                mark,
                puff=0.004,
                soft=0.004,
                shadow=0.3,
                clip=False,
            )
    if d.chance("small dial", 0.4):
        draw_ring(scene, 0.0, case.y + 0.48 * ry, 0.26 * rx, 0.26 * rx, 0.006, mark)
        scene.add_overlay(
            ribbon([(0.0, case.y + 0.48 * ry), (0.12 * rx, case.y + 0.36 * ry)], 0.005),
            mark,
            puff=0.003,
            soft=0.003,
            shadow=0.3,
            clip=False,
        )
    minutes = scene.shot.uniform("minutes", 0.0, 60.0)
    hours = scene.shot.choice("hours", range(12)) + minutes / 60
    for turn, length, width in ((hours / 12, 0.58, 0.024), (minutes / 60, 0.86, 0.017)):
        _draw_hand(scene, case, 2 * math.pi * turn, length * min(rx, ry), width, mark)
    _draw_hand(scene, case, 2 * math.pi * scene.shot.uniform("seconds", 0, 1), 0.86 * min(rx, ry), 0.0045, "hand")
    scene.add_overlay(disc(0.0, case.y, 0.011), mark, puff=0.006, soft=0.005, shadow=0.4, clip=False)


def _draw_hand(scene: Scene, case: _Case, angle: float, length: float, width: float, cloth: str) -> None:
    ahead = np.array([math.sin(angle), -math.cos(angle)])
    aside = np.array([-ahead[1], ahead[0]]) * width / 2
    at = np.array([0.0, case.y])
    shape = np.array(
        [
            at - 0.16 * length * ahead - 0.7 * aside,
            at + 0.35 * length * ahead - aside,
            at + length * ahead,
            at + 0.35 * length * ahead + aside,
            at - 0.16 * length * ahead + 0.7 * aside,
        ]
    )
    scene.add_overlay(shape, cloth, puff=0.004, soft=0.004, shadow=0.5, clip=False)
