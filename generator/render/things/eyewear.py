"""Draw sunglasses from the front, with the temples folded behind the lenses or open."""

import numpy as np

from generator.render.engine.curves import Curve, Outline, disc, on_side, outline, ribbon
from generator.render.engine.fittings import draw_plate
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene

SIZE = {"child": 0.69, "small": 0.84, "medium": 0.98, "large": 1.05}
"""Scale of a pair of glasses, by size."""
HALF_HEIGHT = {
    "square": 0.76,
    "round": 0.94,
    "cat-eye": 0.72,
    "pilot": 0.86,
    "oval": 0.60,
    "oversized": 0.95,
    "hexagon": 0.84,
}
"""Half height of a lens over its half width."""


@register_silhouette("sunglasses")
def draw_sunglasses(scene: Scene) -> None:
    """Draw sunglasses: seven lens shapes with a graded tint, a rim, a bridge and hinges, which may be metal."""
    d = scene.design
    scene.set_camera(SIZE[scene.appearance.size], (0.0, 0.5))
    style = d.choice("style", tuple(HALF_HEIGHT))
    rx = d.uniform("lens width", 0.148, 0.170) * (
        1.07 if style == "oversized" else 0.94 if style in ("round", "oval") else 1.0
    )
    ry = rx * HALF_HEIGHT[style] * d.uniform("lens height", 0.93, 1.08)
    rim = d.uniform("rim", 0.033, 0.047)
    gap = d.uniform("gap", 0.026, 0.042)
    cx, cy = gap + rx, 0.51
    lens = _lens(style, cx, cy, rx, ry)
    folded = scene.shot.chance("folded", 0.45)
    for side in (-1, 1):
        _draw_temple(scene, side, cx + rx + 0.3 * rim, cy - 0.42 * ry, rim, folded)
    for side in (-1, 1):
        frame = (lens - (cx, cy)) * (1 + rim / rx, 1 + rim / ry) + (cx, cy)
        shape = frame * (side, 1)
        scene.add_panel(shape, "main", puff=0.018, soft=0.45 * rim, lift=0.006, shadow=0.45, reach=0.012)
        scene.add_panel(lens * (side, 1), "lens", puff=0.012, soft=0.05, lift=0.002, shadow=0.0)
        _draw_tint(scene, lens * (side, 1), cy, ry)
    _draw_bridge(scene, style, gap, cy, ry)
    for side in (-1, 1):
        x = side * (cx + rx + 0.55 * rim)
        draw_plate(scene, x, cy - 0.42 * ry, 0.022, 0.014)


def _draw_tint(scene: Scene, lens: Outline, cy: float, ry: float) -> None:
    """Draw a tint that is darker above, under a diagonal glare."""
    top = lens * (1, 0.55) + (0, 0.45 * (cy - 1.1 * ry))
    scene.darken(top, 0.55, 0.05)
    scene.darken(ribbon([(float(lens[:, 0].min()), cy - ry), (float(lens[:, 0].max()), cy - ry)], 0.05), 0.4, 0.02)


def _draw_temple(scene: Scene, side: int, x: float, y: float, rim: float, folded: bool) -> None:
    """Draw a temple: open, it recedes behind the rim; folded, it crosses behind the lenses."""
    wide = max(0.022, 0.85 * rim)
    if folded:
        arm: Curve = [
            (side * (x + 0.006), y),
            (side * (x - 0.09), y + 0.004),
            (-side * 0.06, y + 0.012),
            (-side * 0.17, y + 0.05),
            (-side * 0.21, y + 0.13),
        ]
        scene.add_panel(ribbon(arm, wide, 0.9 * wide), puff=0.008, soft=0.008, shade=0.7, shadow=0.3)
        return
    arm = on_side(
        [(x - 0.004, y + 0.004), (x + 0.020, y - 0.050), (x + 0.010, y - 0.135), (x - 0.030, y - 0.190)], side
    )
    scene.add_panel(ribbon(arm, wide, 0.85 * wide), puff=0.008, soft=0.010, shade=0.82, shadow=0.0)
    scene.add_overlay(ribbon(arm, 0.012, 0.009), "fitting", puff=0.003, soft=0.004, shade=0.9, shadow=0.0)


def _draw_bridge(scene: Scene, style: str, gap: float, cy: float, ry: float) -> None:
    """Draw the bridge: a saddle, or one or two metal bars, with nose pads below."""
    cloth = "fitting" if scene.appearance.hardware != "none" else "main"
    reach, tall = gap + 0.016, 0.034
    y = cy - (0.34 if style in ("round", "pilot") else 0.42) * ry
    bar: Curve = [(-reach, y + 0.014), (0.0, y - 0.014), (reach, y + 0.014)]
    scene.add_panel(ribbon(bar, tall), cloth, puff=0.012, soft=0.4 * tall, lift=0.008, shadow=0.4, reach=0.010)
    if style == "pilot":
        upper: Curve = [(-gap - 0.05, cy - ry - 0.006), (0.0, cy - ry - 0.018), (gap + 0.05, cy - ry - 0.006)]
        scene.add_panel(ribbon(upper, 0.016), cloth, puff=0.008, soft=0.006, lift=0.008, shadow=0.4, reach=0.010)
    for side in (-1, 1):
        scene.add_panel(
            disc(side * (gap - 0.004), y + 0.26 * ry + 0.02, 0.010, 0.022), "clear", puff=0.010, soft=0.008, shadow=0.3
        )


def _lens(style: str, cx: float, cy: float, rx: float, ry: float) -> Outline:
    if style in ("round", "oval"):
        return disc(cx, cy, rx, ry, 2.1)
    if style == "square":
        return disc(cx, cy, rx, ry, 4.2)
    if style == "oversized":
        return disc(cx, cy, rx, ry, 2.9)
    if style == "hexagon":
        corners = [
            (cx - rx, cy),
            (cx - 0.62 * rx, cy - ry),
            (cx + 0.62 * rx, cy - ry),
            (cx + rx, cy - 0.05 * ry),
            (cx + 0.55 * rx, cy + ry),
            (cx - 0.55 * rx, cy + ry),
        ]
        return _rounded(corners)
    if style == "cat-eye":
        points = [(1.12, -1.05), (0.85, 0.35), (0.0, 1.0), (-0.9, 0.3), (-1.0, -0.45), (-0.3, -0.80), (1.12, -1.05)]
    else:
        points = [
            (-0.75, -1.0),
            (0.0, -1.03),
            (0.85, -0.9),
            (1.0, -0.3),
            (0.7, 0.7),
            (0.1, 1.0),
            (-0.65, 0.55),
            (-1.0, -0.35),
            (-0.75, -1.0),
        ]
    return outline([(cx + x * rx, cy + y * ry) for x, y in points])


def _rounded(corners: Curve) -> Outline:
    """Return a polygon with rounded corners, by cutting off each corner three times."""
    points = np.array(corners)
    for _ in range(3):
        after = np.roll(points, -1, axis=0)
        points = np.stack([0.82 * points + 0.18 * after, 0.18 * points + 0.82 * after], axis=1).reshape(-1, 2)
    return np.asarray(points, np.float64)
