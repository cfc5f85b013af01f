"""Garments folded to a stack: the front on top, rounded edges, layers below.

The face is the normal front of the garment, cut off where it is folded under (`Scene.fold_under`). Neckline, collar,
closure and pattern stay; length, width and sleeves are hidden. Layers and shadow are added. Sizes are in garment units.
"""

import math

from generator.render.engine.curves import Outline, Point, outline
from generator.render.engine.height_field import Crease, Fold
from generator.render.engine.scene import Scene

THICKNESS = {
    **dict.fromkeys(("cable-knit", "shearling", "boucle"), 0.0150),
    **dict.fromkeys(("knit", "rib-knit", "wool", "cashmere", "corduroy"), 0.0125),
    **dict.fromkeys(("denim", "canvas", "velvet", "suede", "leather", "grained-leather", "exotic-leather"), 0.0110),
}
"""Height of a layer in units; other cloths are thinner."""
THIN = 0.0085
FLY = -0.046
"""Position of the lengthwise fold of trousers relative to the axis: the fly and its button stay on top."""
FOLDED_LIMPNESS = 0.5
"""Limpness of folded garments; they are neater than flat ones."""


def layer_thickness(scene: Scene) -> float:
    """Return the height of one layer of the stack, in units."""
    return THICKNESS.get(scene.appearance.material, THIN)


def layer_lift(scene: Scene, layers_below: float) -> float:
    """Return the height of a layer above those below it, in units."""
    return 0.004 + layers_below * layer_thickness(scene)


def fold_top(scene: Scene, chest: float, length: float, top: float) -> None:
    """Set the camera, draw the layers below, and fold the sides of a top behind, then once across.

    `chest` is the half width of the front, `top` the height of its collar or hood.
    """
    half, low = min(max(0.78 * chest, 0.122), 0.150), min(max(0.66 * length, 0.325), 0.385)
    thick, num_layers = layer_thickness(scene), scene.shot.choice("layers", (2, 3, 3))
    bottom = low + num_layers * thick
    scene.set_camera(
        min(0.68 / (2 * half), 0.80 / (bottom - top)), (0.0, 0.5 * (bottom + top)), limpness=FOLDED_LIMPNESS
    )
    draw_stack(scene, (-half, half), 0.05, low, num_layers)
    scene.fold_under(face_outline(scene, (-half, half), top - 0.1, low))


def fold_legs(scene: Scene, side: int, hip: float, length: float) -> None:
    """Set the camera, fold one leg behind the other, then fold the legs up.

    The half on top is that of `side`, with the tab of the waistband, and as wide as `hip`. The end of a leg shows
    below.
    """
    low = min(0.62 * length, 0.255 + 0.3 * (hip - 0.165))
    thick, num_layers = layer_thickness(scene), 3
    bottom = low + num_layers * thick + 0.022
    near, far = FLY, hip + 0.002
    scene.set_camera(
        min(0.62 / (far - near), 0.78 / bottom), (0.5 * side * (far + near), 0.5 * bottom), limpness=FOLDED_LIMPNESS
    )
    sides = (near, far) if side > 0 else (-far, -near)
    _draw_leg_end(scene, sides, bottom)
    draw_stack(scene, sides, 0.10, low, num_layers)
    scene.fold_under(face_outline(scene, sides, -0.1, low, shoulders=0.0))


def fold_half(scene: Scene, side: int, widths: tuple[float, float], crotch: float, front: float) -> None:
    """Draw the half of the front that is on top; `widths` are half of waist and hip, `front` its height in front."""
    waist, hip = widths
    shape = outline(
        [(-0.1, front + 0.002), (0.6 * waist, 0.58 * front), (waist, 0.0)],
        [(waist, 0.0), (hip - 0.006, 0.10), (hip + 0.004, 0.16), (hip + 0.004, 0.5)],
        (-0.1, 0.5),
    )
    folds, lift = face_folds(scene, hip, 0.25), layer_lift(scene, 3)
    scene.add_panel(
        shape * (side, 1), puff=0.016, soft=0.018, volume=0.008, lift=lift, folds=folds, shadow=0.5, edge=0.0
    )
    scene.add_seam([(side * (hip - 0.010), 0.10), (side * (hip - 0.008), 0.5)], dark=0.22, width=0.0035)
    scene.add_seam([(0.0, 0.04), (side * 0.002, crotch), (-side * 0.02, crotch + 0.06)], dark=0.5)


def _draw_leg_end(scene: Scene, sides: tuple[float, float], bottom: float) -> None:
    """Draw the hem of a leg below all layers."""
    outseam = scene.shot.uniform("leg end", 0.024, 0.050)
    left, right = sides[0] + 0.006, sides[1] - outseam
    if sides[0] < -sides[1]:
        left, right = sides[0] + outseam, sides[1] - 0.006
    lean = scene.shot.uniform("leg lean", -0.004, 0.004)
    shape = outline(
        [(left, 0.1), (right, 0.1)],
        [(right, 0.1), (right + 0.001, bottom - lean - 0.004), (right - 0.005, bottom - lean)],
        [(0.5 * (left + right), bottom + 0.002), (left + 0.005, bottom + lean)],
        (left - 0.001, bottom + lean - 0.004),
    )
    scene.add_panel(shape, puff=0.008, soft=0.010, lift=0.001, shadow=0.3, reach=0.008)
    hem = [(left, bottom + lean - 0.012), (0.5 * (left + right), bottom - 0.010), (right, bottom - lean - 0.012)]
    scene.add_seam(hem, width=0.0028, depth=0.0012, dark=0.17)


def draw_stack(scene: Scene, sides: tuple[float, float], top: float, low: float, num_layers: int) -> None:
    """Draw the layers under the face, lowest first; each extends slightly beyond the face below and at the sides."""
    shot, thick = scene.shot, layer_thickness(scene)
    for i in range(num_layers, 0, -1):
        left = sides[0] + shot.uniform(f"layer left {i}", -0.007, 0.007)
        right = sides[1] + shot.uniform(f"layer right {i}", -0.007, 0.007)
        y = low + i * thick + shot.uniform(f"layer low {i}", -0.25, 0.25) * thick
        sag = shot.uniform(f"layer sag {i}", -0.25, 0.35) * thick
        begin = top if i == 1 else low - 0.10  # lower layers show only at the lower edge
        shape = outline(
            [(left + 0.014, begin), (right - 0.014, begin)],
            [
                (right - 0.014, begin),
                (right - 0.008, begin + 0.05),
                (right - 0.002, 0.5 * (begin + 0.05 + low)),
                (right, y - 0.020),
                (right - 0.005, y - 0.006),
                (right - 0.020, y),
                (0.5 * (left + right), y + sag),
                (left + 0.020, y),
                (left + 0.005, y - 0.006),
                (left, y - 0.020),
                (left + 0.002, 0.5 * (begin + 0.05 + low)),
                (left + 0.008, begin + 0.05),
                (left + 0.014, begin),
            ],
        )
        height = layer_lift(scene, num_layers - i)
        scene.add_panel(shape, puff=0.5 * thick, soft=0.8 * thick, lift=height, shadow=0.6, reach=0.010, edge=0.0)


def face_outline(scene: Scene, sides: tuple[float, float], top: float, low: float, shoulders: float = 0.030) -> Outline:
    """Return the outline along which the front is folded under: open above, with round lower corners.

    At the height of the shoulders it gets narrower by `shoulders` units.
    """
    shot, (left, right) = scene.shot, sides
    sway = [shot.uniform(f"fold {side}", -0.003, 0.003) for side in ("left", "right", "low")]

    def edge(x: float, inward: float, sway_by: float) -> list[Point]:
        middle = (x + sway_by, 0.5 * low)
        return [(x + 0.3 * inward * shoulders, 0.030), (x + 0.03 * inward * shoulders, 0.055), middle, (x, low - 0.024)]

    right_edge, left_edge = edge(right, -1, sway[1]), edge(left, 1, sway[0])
    return outline(
        [(left + shoulders, top), (right - shoulders, top)],
        (right - shoulders, 0.008),
        [
            *right_edge,
            (right - 0.005, low - 0.007),
            (right - 0.022, low),
            (0.5 * (left + right), low + sway[2]),
            (left + 0.022, low),
            (left + 0.005, low - 0.007),
            *left_edge[::-1],
        ],
        (left + shoulders, 0.008),
    )


def face_folds(scene: Scene, half: float, low: float) -> list[Fold]:
    """Return the few soft dents of a smoothed face."""
    rng = scene.shot.generator("folds folded")
    folds: list[Fold] = []
    for _ in range(int(rng.integers(2, 5))):
        a = (rng.uniform(-half, half), rng.uniform(0.06, low))
        angle, long = rng.uniform(0, 2 * math.pi), rng.uniform(0.16, 0.30)
        b = (a[0] + long * math.cos(angle), a[1] + long * math.sin(angle))
        folds.append(Crease(a, b, rng.uniform(-0.004, 0.004), rng.uniform(0.020, 0.034), rng.normal(0, 0.1), 0.0))
    return folds
