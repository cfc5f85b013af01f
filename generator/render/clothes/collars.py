"""Draw necklines, collars, lapels and hoods.

All start from the neck point of `GarmentMeasures`: half width `neck` at y = 0, front depth `scoop`. Sizes are in
garment units.
"""

from generator.render.clothes.garment import GarmentMeasures
from generator.render.engine.curves import (
    Curve,
    Point,
    Stretch,
    angle_down,
    mirror_curve,
    mirrored_outline,
    on_side,
    outline,
    ribbon,
)
from generator.render.engine.fittings import draw_button
from generator.render.engine.scene import Scene


def round_neck(measures: GarmentMeasures) -> Curve:
    """Return a scooped neckline, from the axis to the neck point."""
    return [
        (0.0, measures.scoop),
        (0.50 * measures.neck, 0.86 * measures.scoop),
        (0.90 * measures.neck, 0.42 * measures.scoop),
        (measures.neck, 0.0),
    ]


def v_neck(measures: GarmentMeasures) -> Curve:
    """Return a V neckline, slightly hollow, from the axis to the neck point."""
    return [(0.0, measures.scoop), (0.56 * measures.neck, 0.40 * measures.scoop), (measures.neck, 0.0)]


def draw_inside_back(
    scene: Scene, measures: GarmentMeasures, depth: float, cloth: str = "lining", *, label: bool = True
) -> None:
    """Draw the inner side of the back, seen through the neck opening, with its label."""
    n = measures.neck
    shape = mirrored_outline([(0.0, -0.006), (0.6 * n, -0.006), (n, -0.008)], [(n, depth), (0.0, depth)])
    worn = scene.pose.worn
    scene.add_panel(shape, cloth, puff=0.0, lift=0.014, shade=0.68 if worn else 0.82, shadow=0.0)
    if label and depth > 0.03:
        wide = scene.design.uniform("label", 0.30, 0.48) * n
        scene.add_overlay(
            mirrored_outline([(0.0, 0.013), (wide, 0.012)], (wide, 0.026), (0.0, 0.027)),
            "label",
            puff=0.001,
            shade=0.80,
        )
    scene.darken(
        mirrored_outline([(0.0, depth * 0.55), (n, depth * 0.35)], [(n, depth), (0.0, depth)]),
        0.5 if worn else 0.25,
        0.02,
    )


def draw_neck_band(scene: Scene, neckline: Curve, width: float, cloth: str = "rib") -> None:
    """Draw a band along the neckline: first behind the neck, then along the front."""
    n = neckline[-1][0]
    back = [(-n, -0.002), (-0.6 * n, 0.004), (0.0, 0.007), (0.6 * n, 0.004), (n, -0.002)]
    scene.add_overlay(ribbon(back, 0.7 * width), cloth, puff=0.003, shade=0.82, shadow=0.2, clip=False)
    inner = [(0.98 * x, y + 0.20 * width) for x, y in neckline]
    pointed = len(neckline) == 3 and neckline[1][1] < 0.6 * neckline[0][1]
    if not pointed:
        full = [*mirror_curve(inner[::-1]), *inner[1:]]
        scene.add_panel(
            ribbon(full, width), cloth, puff=0.006, soft=0.4 * width, lift=0.002, shadow=0.4, reach=0.008, part="collar"
        )
        scene.add_seam([(x, y + 0.72 * width) for x, y in full], dark=0.28, width=0.003)
        return
    for side in (-1, 1):  # the right band overlaps the left one
        leg = [(inner[0][0] - 0.004 * side, inner[0][1] + 0.006), *inner[1:]]
        shape = ribbon(on_side(leg, side), width)
        scene.add_panel(
            shape,
            cloth,
            puff=0.006,
            soft=0.4 * width,
            lift=0.002,
            grain=0.45 * side,
            shadow=0.4,
            reach=0.008,
            part="collar",
        )


def draw_roll_neck(scene: Scene, measures: GarmentMeasures, tall: float) -> None:
    """Draw a tall ribbed collar that is turned over once."""
    n = measures.neck
    tube = mirrored_outline(
        [(0.0, -tall + 0.004), (0.72 * n, -tall), (0.92 * n, -tall + 0.014)],
        [(n, -0.01), (1.06 * n, 0.010)],
        [(0.8 * n, 0.030), (0.0, 0.040)],
    )
    scene.add_panel(tube, "rib", puff=0.018, soft=0.022, lift=0.004, shadow=0.5, part="collar")
    fold = mirrored_outline(
        [(0.0, -tall - 0.002), (0.75 * n, -tall - 0.006), (0.98 * n, -tall + 0.012)],
        [(1.05 * n, -0.3 * tall), (1.03 * n, -0.12 * tall)],
        [(0.7 * n, 0.004), (0.0, 0.012)],
    )
    scene.add_panel(fold, "rib", puff=0.016, soft=0.018, lift=0.006, shadow=0.55, reach=0.010, part="collar")
    scene.darken(
        mirrored_outline([(0.0, -tall), (0.7 * n, -tall - 0.004)], [(0.6 * n, -tall + 0.014), (0.0, -tall + 0.018)]),
        0.45,
        0.006,
    )


def draw_shirt_collar(
    scene: Scene,
    measures: GarmentMeasures,
    *,
    spread: float,
    depth: float,
    stand: float = 0.016,
    cloth: str = "main",
    stitched: bool = True,
    puff: float = 0.008,
    shadow: float = 0.55,
) -> None:
    """Draw a turned-down collar: a stand at the back, two collar points that meet below the neck.

    `spread` is the distance of the points, `depth` how low they reach, `puff` their height and `shadow` the strength of
    their shadow.
    """
    n = measures.neck
    back = mirrored_outline(
        [(0.0, -stand - 0.004), (0.6 * n, -stand - 0.006), (n + 0.006, -0.004)], [(0.9 * n, 0.018), (0.0, 0.006)]
    )
    scene.add_panel(back, cloth, puff=0.005, soft=0.010, shade=0.80, shadow=0.3, reach=0.008, part="collar")
    meet, tip = (0.003, measures.scoop + 0.004), (n * 0.72 + spread, depth)
    for side in (-1, 1):
        leaf: list[Stretch] = [
            [
                (0.50 * n, -stand - 0.009),
                (0.86 * n, -stand - 0.004),
                (n + 0.013, -0.004),
                (n + 0.020, 0.020),
                (0.5 * (n + 0.020 + tip[0]), 0.55 * depth),
                tip,
            ],
            [tip, (0.5 * tip[0], 0.5 * (tip[1] + meet[1]) + 0.004), meet],
            [(0.62 * n, 0.018), (0.78 * n, -0.002), (0.50 * n, -stand - 0.009)],
        ]
        shape = outline(*leaf) * (side, 1)
        grain = side * angle_down(meet, tip)
        scene.add_panel(
            shape, cloth, puff=puff, soft=0.012, lift=0.005, grain=grain, shadow=shadow, reach=0.013, part="collar"
        )
        if stitched:
            edge: Curve = [(n + 0.008, 0.026), (0.94 * tip[0], tip[1] - 0.010), (meet[0] + 0.010, meet[1] - 0.006)]
            scene.add_seam(on_side([edge[0], edge[1]], side), width=0.0028, depth=0.0012, dark=0.16)
            scene.add_seam(on_side([edge[1], edge[2]], side), width=0.0028, depth=0.0012, dark=0.16)


def draw_open_collar(
    scene: Scene,
    measures: GarmentMeasures,
    *,
    spread: float,
    depth: float,
    stand: float,
    cloth: str = "main",
    puff: float = 0.008,
    shadow: float = 0.6,
) -> None:
    """Draw the collar of a shirt that is unbuttoned at the neck: its stand behind, its leaves lying on the chest.

    `spread` is how far the points reach beyond the neck, `depth` how low, `puff` their height and `shadow` the strength
    of their shadow.
    """
    n = measures.neck
    back: Curve = [(-n, -0.004), (-0.62 * n, 0.010), (0.0, 0.014), (0.62 * n, 0.010), (n, -0.004)]
    scene.add_panel(ribbon(back, 1.5 * stand), cloth, puff=0.004, soft=0.010, shade=0.84, shadow=0.3, part="collar")
    fall = mirrored_outline(
        [(0.0, -stand - 0.006), (0.6 * n, -stand - 0.008), (n + 0.006, -0.006)], [(0.9 * n, 0.006), (0.0, 0.004)]
    )
    scene.add_panel(fall, cloth, puff=0.006, soft=0.010, shade=0.92, shadow=0.35, reach=0.008, part="collar")
    for side in (-1, 1):
        lean = scene.shot.uniform(f"collar {side}", -0.010, 0.016)
        tip: Point = (n + spread + lean, depth - 0.4 * lean)
        x = n * (1 - min(0.82 * depth / measures.scoop, 1.0))
        low: Point = (x + 0.15 * n + 0.004, 0.80 * depth)
        leaf: list[Stretch] = [
            [(0.50 * n, -stand - 0.010), (0.88 * n, -stand - 0.005), (n + 0.018, -0.004), (n + 0.034, 0.022)],
            [(n + 0.034, 0.022), (0.55 * (n + 0.034) + 0.45 * tip[0], 0.55 * depth), tip],
            [tip, (0.5 * (tip[0] + low[0]), 0.5 * (tip[1] + low[1]) + 0.004), low],
            [low, (0.86 * n, 0.030), (0.90 * n, 0.0), (0.50 * n, -stand - 0.010)],
        ]
        scene.add_panel(
            outline(*leaf) * (side, 1),
            cloth,
            puff=puff,
            soft=0.012,
            lift=0.005,
            grain=side * angle_down(low, tip),
            shadow=shadow,
            reach=0.015,
            part="collar",
        )


def draw_lapels(
    scene: Scene,
    measures: GarmentMeasures,
    *,
    width: float,
    low: float,
    gorge: float = 0.075,
    peak: bool = False,
    wrap: float = 0.0,
    cloth: str = "main",
) -> None:
    """Draw lapels down to `low` under a collar, with a notch between them, or a peak.

    `width` is how far a lapel reaches beyond the neck, `gorge` the height of its seam with the collar, `wrap` how far
    the lapels cross the axis.
    """
    n = measures.neck
    notch: Point = (n + 0.42 * width, gorge)
    tip: Point = (n + width, gorge - (0.030 if peak else 0.002))
    corner: Point = (n + 0.52 * width + (0.004 if peak else 0.010), gorge - 0.030)
    for side in (-1, 1):
        end: Point = (0.004 - (wrap if side == 1 else 0.0), low)
        roll = [end, (0.40 * n - 0.3 * (wrap if side == 1 else 0), 0.52 * low), (0.94 * n, 0.012)]
        leaf: list[Stretch] = [
            roll,
            [roll[-1], (0.99 * n, 0.7 * gorge), notch],
            tip,
            [tip, (0.70 * (n + width), 0.5 * (gorge + low)), (0.26 * (n + width), 0.88 * low), end],
        ]
        scene.add_panel(
            outline(*leaf) * (side, 1),
            cloth,
            puff=0.008,
            soft=0.012,
            lift=0.004,
            grain=side * 0.5,
            shadow=0.6,
            reach=0.016,
            part="collar",
        )
        fall: list[Stretch] = [
            [(0.30 * n, -0.034), (0.76 * n, -0.030), (n + 0.010, -0.012), (n + 0.026, 0.010), corner],
            notch,
            [notch, (0.99 * n, 0.62 * gorge), (0.90 * n, 0.014)],
            [(0.90 * n, 0.014), (0.84 * n, -0.010), (0.30 * n, -0.020)],
        ]
        scene.add_panel(
            outline(*fall) * (side, 1),
            cloth,
            puff=0.008,
            soft=0.011,
            lift=0.006,
            grain=side * 0.7,
            shadow=0.55,
            reach=0.012,
            part="collar",
        )
    neck = mirrored_outline(
        [(0.0, -0.036), (0.6 * n, -0.033), (0.88 * n, -0.022)], [(0.86 * n, 0.0), (0.5 * n, 0.004), (0.0, 0.006)]
    )
    scene.add_panel(neck, cloth, puff=0.007, soft=0.012, shade=0.90, shadow=0.4, reach=0.010, part="collar")


def draw_standing_collar(
    scene: Scene,
    measures: GarmentMeasures,
    tall: float,
    *,
    cloth: str = "rib",
    puff: float = 0.010,
    quilted: bool = False,
) -> None:
    """Draw a band that stands up around the neck and opens in a narrow V down to the scoop."""
    n = measures.neck
    inner = mirrored_outline(
        [(0.0, -tall - 0.004), (0.9 * n, -tall)], [(n, 0.0), (0.5 * n, 0.5 * measures.scoop), (0.0, measures.scoop)]
    )
    scene.add_panel(inner, cloth, puff=0.004, soft=0.02, shade=0.72, shadow=0.0, part="collar")
    for side in (-1, 1):
        leaf: list[Stretch] = [
            [(0.86 * n, -tall - 0.004), (n + 0.004, -tall + 0.006), (n + 0.010, 0.006)],
            [(n + 0.010, 0.006), (0.62 * n + 0.01, measures.scoop * 0.75 + 0.010), (0.002, measures.scoop + 0.008)],
            [
                (0.002, measures.scoop - 0.6 * tall),
                (0.45 * n, 0.25 * measures.scoop - 0.6 * tall),
                (0.86 * n, -tall - 0.004),
            ],
        ]
        scene.add_panel(
            outline(*leaf) * (side, 1),
            cloth,
            puff=puff,
            soft=0.7 * puff + 0.006,
            lift=0.004,
            grain=-0.5 * side,
            quilted=quilted,
            shadow=0.5,
            reach=0.010,
            part="collar",
        )


def draw_hood_behind(scene: Scene, measures: GarmentMeasures, tall: float, wide: float, *, cloth: str = "main") -> None:
    """Draw a hood that stands up behind the neck, and its inner side."""
    shape = mirrored_outline(
        [(0.0, -tall), (0.55 * wide, -tall + 0.012), (wide, -0.45 * tall), (0.96 * wide, 0.0), (0.8 * wide, 0.045)],
        (0.0, 0.06),
    )
    scene.add_panel(shape, cloth, puff=0.026, soft=0.030, volume=0.012, part="collar")
    scene.add_seam([(0.0, -tall), (0.0, -tall + 0.04)], dark=0.4)
    hole = mirrored_outline(
        [(0.0, -tall + 0.036), (0.42 * wide, -tall + 0.050), (0.70 * wide, -0.40 * tall), (0.48 * wide, 0.05)],
        (0.0, measures.scoop + 0.015),
    )
    scene.add_inside(hole, lift=0.022)
    scene.darken(mirrored_outline([(0.0, -0.02), (0.05, 0.0)], [(0.05, 0.08), (0.0, 0.09)]), 0.45, 0.025)


def draw_hood_edges(scene: Scene, measures: GarmentMeasures, tall: float, wide: float) -> None:
    """Draw the front edges of a standing hood, turned over and crossing at the throat."""
    for side in (-1, 1):
        edge = [(0.72 * wide, -0.40 * tall), (0.80 * wide, 0.0), (0.48 * wide, 0.056), (0.002, measures.scoop + 0.016)]
        scene.add_panel(
            ribbon(on_side(edge, side), 0.034, 0.030),
            puff=0.012,
            soft=0.014,
            lift=0.003,
            shadow=0.5,
            grain=side * 0.3,
            part="collar",
        )


def draw_hood_lying(scene: Scene, measures: GarmentMeasures) -> None:
    """Draw a hood on the shoulders, open towards the throat: two soft rolls that meet in front."""
    n = measures.neck
    back = mirrored_outline(
        [(0.0, -0.062), (0.8 * n, -0.058), (n + 0.042, -0.020), (n + 0.044, 0.030)], [(0.6 * n, 0.05), (0.0, 0.03)]
    )
    scene.add_panel(back, puff=0.022, soft=0.024, volume=0.008, shadow=0.5, part="collar")
    scene.add_inside(
        mirrored_outline([(0.0, -0.034), (0.6 * n, -0.030), (0.98 * n, 0.0)], [(0.7 * n, 0.06), (0.0, measures.scoop)]),
        lift=0.018,
    )
    for side in (-1, 1):
        roll: list[Stretch] = [
            [
                (0.5 * n, -0.046),
                (n + 0.010, -0.036),
                (n + 0.046, 0.010),
                (n + 0.030, 0.060),
                (0.004, measures.scoop + 0.050),
            ],
            [(0.004, measures.scoop + 0.010), (0.62 * n, 0.040), (0.86 * n, 0.0), (0.5 * n, -0.046)],
        ]
        scene.add_panel(
            outline(*roll) * (side, 1), puff=0.018, soft=0.018, lift=0.004, grain=side * 0.5, shadow=0.55, part="collar"
        )


def draw_collar_button(scene: Scene, measures: GarmentMeasures, cloth: str = "shell") -> None:
    """Draw the button that closes the collar."""
    draw_button(scene, 0.0, measures.scoop + 0.004, 0.0075, cloth)
