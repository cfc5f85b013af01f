"""Draw pumps and loafers in profile, toe to the right."""

from generator.render.engine.curves import Curve, Point, disc, outline, ribbon
from generator.render.engine.fittings import draw_plate, draw_ring
from generator.render.engine.height_field import Crease
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene
from generator.render.shoes.soles import RISE, Foot, draw_heel_under, draw_sole_under

SIZE = {"child": 0.79, "small": 0.86, "medium": 0.95, "large": 1.05}
"""Scale of a shoe, by size."""


def place_shoe(scene: Scene, heel: str) -> bool:
    """Set the camera; return whether the shot shows the pair."""
    pair = scene.shot.chance("pair", scene.pose.pairs)
    scene.set_camera(
        (1.08 if pair else 1.20) * SIZE[scene.appearance.size],
        (0.02, {"flat": 0.63, "block": 0.60}.get(heel, 0.56)),
        limpness=0.35,
    )
    return pair


def finish_shoe(scene: Scene, foot: Foot, pair: bool) -> None:
    """Draw the second shoe where the shot shows the pair."""
    if pair:
        scene.add_copy_behind(scene.shot.uniform("apart", 0.05, 0.085), -scene.shot.uniform("rise", 0.050, 0.080))
    scene.place_on_floor(foot.heel, foot.toe, foot.floor)


def _toe_line(foot: Foot, point: float, tall: float) -> Curve:
    """Return the line from the throat to the tip; `point` is 1 for pointed, 0 for round toes."""
    y, blunt = foot.floor - foot.thick - foot.spring, 1 - point
    return [
        (foot.toe - 0.17, y - tall * 0.92),
        (foot.toe - 0.095, y - tall * (0.70 + 0.16 * blunt)),
        (foot.toe - 0.030, y - tall * (0.30 + 0.34 * blunt)),
        (foot.toe - 0.002, y - tall * (0.06 + 0.24 * blunt)),
        (foot.toe, y + 0.002),
    ]


@register_silhouette("pump")
def draw_pump(scene: Scene) -> None:
    """Draw a low-cut court shoe, from ballet flat to stiletto, with a pointed to round toe, a bow or a plaque."""
    d, heel = scene.design, scene.choose_cut("heel")
    pair = place_shoe(scene, heel)
    point = d.uniform("point", 0.0, 1.0)
    foot = Foot(
        rise=RISE[heel] * d.uniform("rise", 0.88, 1.06),
        toe=0.345 + 0.045 * point + d.uniform("toe", -0.01, 0.01),
        spring=0.014,
        thick=0.011,
    )
    tall, throat = d.uniform("vamp", 0.075, 0.100), foot.toe - d.uniform("throat", 0.135, 0.190)
    x0, seat = foot.heel, foot.floor - foot.thick - foot.rise
    top, dip = seat - d.uniform("counter", 0.120, 0.145), foot.at(0.03) - d.uniform("side", 0.040, 0.075)
    if heel != "flat":
        draw_heel_under(scene, foot, heel, "main")
    cut_y = foot.floor - foot.thick - foot.spring - 0.92 * tall
    _draw_opening(scene, foot, (x0 + 0.012, top), (throat + 0.005, cut_y), dip)
    side: Curve = [
        (x0 + 0.012, top + 0.002),
        (x0 + 0.075, top + 0.026),
        (0.5 * (x0 + throat) + 0.03, dip + 0.012),
        (throat - 0.035, cut_y + 0.030),
        (throat, cut_y + 0.004),
    ]
    nose = _toe_line(foot, point, tall)
    shape = outline(
        [(x0, seat), (x0 - 0.018, seat - 0.045), (x0 - 0.006, seat - 0.10), (x0 + 0.012, top + 0.002)],
        side,
        [(throat, cut_y + 0.004), *[p for p in nose if p[0] > throat + 0.02]],
        foot.under()[::-1],
    )
    bend = [Crease((throat + 0.02, cut_y + 0.01), (throat - 0.045, foot.at(throat - 0.04) - 0.01), -0.003, 0.012, 0.2)]
    scene.add_panel(shape, puff=0.030, soft=0.028, volume=0.026, folds=bend, shadow=0.35, reach=0.008, quilted=False)
    scene.add_overlay(ribbon([(x, y + 0.004) for x, y in side], 0.009), "self", puff=0.004, soft=0.004, shadow=0.2)
    if d.chance("cap", 0.25):
        back = foot.toe - 0.09
        scene.add_overlay(
            outline(
                [(back + 0.01, cut_y - 0.03), (back - 0.004, foot.floor - 0.05), (back + 0.008, foot.floor)],
                (foot.toe + 0.03, foot.floor),
                (foot.toe + 0.03, cut_y),
            ),
            "trim",
            puff=0.003,
            soft=0.008,
        )
    if heel == "flat":
        draw_heel_under(scene, foot, heel, "heel")
    draw_sole_under(scene, foot, "heel")
    _draw_pump_front(scene, throat, cut_y)
    finish_shoe(scene, foot, pair)


def _draw_pump_front(scene: Scene, x: float, y: float) -> None:
    """Draw a bow or a plaque at the throat; with metal hardware always the plaque."""
    style = "plaque" if scene.appearance.hardware != "none" else scene.design.choice("front", ("bow", "none"))
    if style == "plaque":
        draw_plate(scene, x + 0.026, y + 0.024, 0.034, 0.019)
        draw_ring(scene, x + 0.026, y + 0.024, 0.024, 0.012, 0.006, "dark")
    elif style == "bow":
        for dx, dy, tilt in ((-0.026, 0.004, 0.3), (0.030, 0.016, -0.1)):
            loop = disc(x + 0.015 + dx, y + 0.012 + dy, 0.028, 0.017)
            scene.add_overlay(loop, "self", puff=0.012, soft=0.008, shadow=0.5, clip=False, grain=tilt)
        scene.add_overlay(
            disc(x + 0.017, y + 0.022, 0.009, 0.012), "self", puff=0.010, soft=0.006, shadow=0.5, clip=False
        )


def _draw_opening(scene: Scene, foot: Foot, back: Point, front: Point, dip: float) -> None:
    """Draw the inner side and the insole of a low-cut shoe, seen slightly from above."""
    middle = (0.5 * (back[0] + front[0]) + 0.02, dip - 0.022)
    scene.add_inside(
        outline(
            [back, (back[0] + 0.07, back[1] + 0.004), middle, (front[0] - 0.03, front[1] - 0.004), front],
            [(front[0], front[1] + 0.03), (middle[0], dip + 0.035), (back[0] + 0.02, back[1] + 0.05), back],
        ),
        "insole",
        lift=0.010,
    )
    scene.darken(
        outline(
            [(back[0] + 0.02, back[1] + 0.035), (middle[0], dip + 0.012), (front[0], front[1] + 0.015)],
            (front[0], front[1] + 0.05),
            (middle[0], dip + 0.06),
            (back[0], back[1] + 0.08),
        ),
        0.55,
        0.012,
    )


@register_silhouette("loafer")
def draw_loafer(scene: Scene) -> None:
    """Draw a slip-on with a stitched apron; saddle strap, tassel or plaque; a low or a block heel."""
    d, heel = scene.design, scene.choose_cut("heel")
    pair = place_shoe(scene, "flat")
    foot = Foot(
        rise=0.034 if heel == "flat" else 0.085,
        toe=0.365 + d.uniform("toe", -0.015, 0.015),
        spring=0.020,
        thick=0.020 if heel == "flat" else d.uniform("platform", 0.026, 0.046),
    )
    x0, seat, ground = foot.heel, foot.floor - foot.thick - foot.rise, foot.floor - foot.thick
    top, tall = seat - d.uniform("counter", 0.145, 0.170), d.uniform("vamp", 0.105, 0.130)
    throat = d.uniform("throat", 0.02, 0.06)
    high = ground - 0.30 * foot.rise - d.uniform("tongue", 0.185, 0.215)
    dip = foot.at(-0.09) - d.uniform("side", 0.105, 0.125)
    _draw_opening(scene, foot, (x0 + 0.014, top), (throat, high + 0.012), dip)
    tongue: Curve = [
        (throat - 0.035, high + 0.045),
        (throat - 0.030, high - 0.002),
        (throat + 0.006, high - 0.014),
        (throat + 0.05, high + 0.016),
        (throat + 0.10, high + 0.06),
    ]
    scene.add_panel(
        outline(tongue, (throat + 0.06, high + 0.10), (throat - 0.035, high + 0.07)), puff=0.012, soft=0.012, shadow=0.3
    )
    side: Curve = [
        (x0 + 0.014, top + 0.002),
        (x0 + 0.08, top + 0.028),
        (0.5 * (x0 + throat), dip + 0.006),
        (throat - 0.06, high + 0.050),
        (throat, high + 0.022),
    ]
    blunt = d.uniform("blunt", 0.45, 0.9)
    nose = [(0.5 * (throat + foot.toe) - 0.05, high + 0.070), *_toe_line(foot, 1 - blunt, tall)[1:]]
    shape = outline(
        [(x0, seat), (x0 - 0.016, seat - 0.05), (x0 - 0.004, seat - 0.11), (x0 + 0.014, top + 0.002)],
        side,
        [(throat, high + 0.022), *nose],
        foot.under()[::-1],
    )
    bend = [
        Crease((throat + 0.11, high + 0.08), (throat + 0.06, ground - 0.03), -0.003, 0.012, 0.15),
        Crease((throat + 0.14, high + 0.09), (throat + 0.10, ground - 0.03), 0.003, 0.012, 0.15),
    ]
    scene.add_panel(shape, puff=0.032, soft=0.030, volume=0.030, folds=bend, shadow=0.4, reach=0.008)
    scene.add_overlay(ribbon([(x, y + 0.006) for x, y in side], 0.012), "self", puff=0.005, soft=0.005, shadow=0.2)
    apron: Curve = [
        (throat + 0.005, high + 0.085),
        (throat + 0.09, high + 0.115),
        (foot.toe - 0.10, ground - 0.58 * tall),
        (foot.toe - 0.045, ground - 0.55 * tall),
        (foot.toe - 0.030, ground - foot.spring - 0.70 * tall),
    ]
    scene.add_seam([(x, y + 0.006) for x, y in apron], width=0.005, dark=0.45)
    scene.add_overlay(ribbon(apron, 0.008), "self", puff=0.006, soft=0.004, shadow=0.15)
    scene.add_seam([(x0 + 0.06, top + 0.03), (x0 + 0.075, seat - 0.05), (x0 + 0.062, seat)], dark=0.3)
    _draw_saddle(scene, throat, high, foot)
    draw_heel_under(scene, foot, "flat" if heel == "flat" else "block", "heel")
    draw_sole_under(scene, foot, "dark")
    scene.add_topstitch([(x, y + 0.004) for x, y in foot.under()[1:]], "stitch", length=0.012, width=0.003)
    finish_shoe(scene, foot, pair)


def _draw_saddle(scene: Scene, throat: float, high: float, foot: Foot) -> None:
    """Draw the band over the instep: slotted, with a tassel, or with a metal plaque."""
    low = foot.at(throat + 0.06)
    band = [(throat + 0.062, high + 0.040), (throat + 0.040, 0.45 * (high + low) + 0.065), (throat + 0.035, low - 0.01)]
    scene.add_overlay(ribbon(band, 0.050, 0.080), "self", puff=0.007, soft=0.010, shadow=0.45)
    for side in (-1, 1):
        scene.add_topstitch(
            [
                (band[0][0] + side * 0.018, band[0][1] + 0.012),
                (band[1][0] + side * 0.024, band[1][1]),
                (band[2][0] + side * 0.030, band[2][1] - 0.01),
            ]
        )
    x, y = throat + 0.058, high + 0.072
    if scene.appearance.hardware != "none":
        draw_plate(scene, x, y, 0.036, 0.014)
    elif scene.design.chance("tassel", 0.5):
        for i in range(5):
            scene.add_overlay(
                ribbon([(x + 0.004 * (i - 2), y), (x + 0.012 * (i - 2) + 0.008, y + 0.055)], 0.010),
                "trim",
                puff=0.005,
                soft=0.003,
                shadow=0.4,
                clip=False,
            )
        scene.add_overlay(disc(x, y, 0.014, 0.012), "trim", puff=0.010, soft=0.006, shadow=0.4, clip=False)
    else:
        scene.add_overlay(disc(x - 0.004, y + 0.01, 0.018, 0.010), "dark", puff=-0.004, soft=0.004, shadow=0.0)
