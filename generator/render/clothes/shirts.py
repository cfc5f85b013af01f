"""T-shirts, polo shirts and shirts."""

from generator.render.clothes.collars import collar_button, inside_back, neck_band, round_neck, shirt_collar, v_neck
from generator.render.clothes.details import button, flap, patch_pocket
from generator.render.clothes.fronts import button_row, lap, placket
from generator.render.clothes.garment import Arm, Cut, arm, body, cuff, fitted, hem_stitch, sleeves, staged, stitched
from generator.render.engine.canvas import Scene
from generator.render.engine.curves import Curve, box, on_side
from generator.render.engine.silhouette_registry import pattern_sheet


def _short_or_long(scene: Scene, short: float, cuffs: tuple[float, float]) -> Arm:
    """The sleeve that `sleeve` asks for: `short` units or down to the wrist, with half cuffs (short, long)."""
    d = scene.design
    if scene.cut("sleeve") == "short":
        return arm(scene, short, cuffs[0] + d.between("mouth", 0.0, 0.018), angle=d.between("angle", 0.42, 0.88))
    return arm(scene, d.between("long sleeve", 0.37, 0.44), cuffs[1], angle=d.between("hang", 0.18, 0.40))


@pattern_sheet("t-shirt")
def t_shirt(scene: Scene) -> None:
    """Short or long sleeves, a ribbed round or pointed neck, straight body."""
    d, pointed = scene.design, scene.cut("neckline") == "v"
    chest = d.between("chest", 0.174, 0.191)
    cut = Cut(
        scoop=d.between("v depth", 0.125, 0.160) if pointed else d.between("scoop", 0.040, 0.066),
        neck=d.between("neck", 0.058, 0.075),
        shoulder=chest + d.between("shoulder", -0.004, 0.014),
        chest=chest,
        armhole=d.between("armhole", 0.170, 0.205),
        waist=chest - d.between("waist", -0.006, 0.016),
        hem=chest + d.between("hem", -0.010, 0.016),
        length=d.between("length", 0.53, 0.61),
    )
    cut = fitted(cut, scene.cut("fit"))
    made = _short_or_long(scene, d.between("sleeve", 0.10, 0.18), (0.068, 0.046))
    cut = staged(scene, cut, 1.30, sleeve=made)
    neckline = v_neck(cut) if pointed else round_neck(cut)
    arms = sleeves(scene, cut, made)
    inside_back(scene, cut, cut.scoop + 0.01, "main")
    body(scene, cut, neckline, puff=0.014, volume=0.012, shadow=0.35)
    neck_band(scene, neckline, d.between("band", 0.014, 0.024))
    for each in arms:
        stitched(scene, each.across(0.90 if made.length < 0.3 else 0.965))
    hem_stitch(scene, cut)
    if d.chance("pocket", 0.25):
        patch_pocket(scene, 0.042, 0.135, 0.112, 0.220)


@pattern_sheet("polo-shirt")
def polo_shirt(scene: Scene) -> None:
    """Soft collar, a short placket with two or three buttons, ribbed sleeve ends, slits at the sides."""
    d = scene.design
    chest = d.between("chest", 0.170, 0.186)
    cut = Cut(
        scoop=0.078,
        neck=0.058,
        shoulder=chest + d.between("shoulder", 0.002, 0.014),
        chest=chest,
        waist=chest - d.between("waist", -0.002, 0.014),
        hem=chest + d.between("hem", -0.008, 0.010),
        length=d.between("length", 0.53, 0.61),
    )
    cut = fitted(cut, scene.cut("fit"))
    made = _short_or_long(scene, d.between("sleeve", 0.12, 0.18), (0.062, 0.046))
    cut = staged(scene, cut, 1.28, sleeve=made)
    arms = sleeves(scene, cut, made)
    inside_back(scene, cut, 0.09, "main")
    body(scene, cut, v_neck(cut), puff=0.014, volume=0.012, shadow=0.35)
    low = d.between("placket", 0.17, 0.21)
    placket(scene, 0.019, cut.scoop - 0.02, low, "self")
    scene.seam([(-0.019, low - 0.016), (0.019, low - 0.016)], dark=0.25, width=0.003)
    shirt_collar(
        scene,
        cut,
        spread=d.between("spread", 0.030, 0.052),
        depth=d.between("points", 0.088, 0.112),
        stand=0.018,
        cloth=d.one_of("collar", ("rib", "self")),
        stitched=False,
    )
    num_buttons = d.one_of("buttons", (2, 3))
    button_row(scene, 0.0, cut.scoop + 0.022, low - 0.026, num_buttons, 0.0085, "shell")
    for each in arms:
        cuff(scene, each, 0.022, "rib", 1.0)
    hem_stitch(scene, cut)
    for side in (-1, 1):
        scene.seam([(side * (cut.hem - 0.008), cut.length - 0.035), (side * (cut.hem - 0.006), cut.length)], dark=0.35)
    if d.chance("emblem", 0.4):
        scene.overlay(box(0.068, 0.140, 0.086, 0.158, 0.004), "cord", puff=0.003, soft=0.004)


@pattern_sheet("shirt")
def shirt(scene: Scene) -> None:
    """Pointed or buttoned-down collar, placket, yoke seams, chest pockets, barrel cuffs and a curved tail."""
    d = scene.design
    chest = d.between("chest", 0.170, 0.187)
    cut = Cut(
        scoop=0.066,
        neck=0.056,
        shoulder=chest + d.between("shoulder", 0.002, 0.016),
        chest=chest,
        waist=chest * d.between("waist", 0.87, 1.0),
        hem=chest * d.between("hem", 0.94, 1.05),
        length=d.between("length", 0.56, 0.65),
        dip=0.0,
    )
    cut = fitted(cut, scene.cut("fit"))
    made = _short_or_long(scene, d.between("sleeve", 0.14, 0.20), (0.062, 0.048))
    cut = staged(scene, cut, 1.22, top=-0.03, sleeve=made)
    arms = sleeves(scene, cut, made)
    inside_back(scene, cut, 0.085, "main")
    tail = d.between("tail", 0.006, 0.056)
    hem: list[Curve] = [
        [
            (cut.hem, cut.length - 0.4 * tail),
            (0.82 * cut.hem, cut.length + 0.1 * tail),
            (0.5 * cut.hem, cut.length + 0.9 * tail),
            (0.0, cut.length + tail),
        ]
    ]
    body(scene, cut, v_neck(cut), puff=0.013, soft=0.024, volume=0.010, shadow=0.4, hem=hem)
    for side in (-1, 1):  # the yoke comes over the shoulder
        scene.seam(on_side([(cut.neck + 0.016, 0.030), (cut.shoulder - 0.004, cut.slope + 0.022)], side), dark=0.22)
    front = lap(scene) * 0.017
    low = cut.length + tail
    if d.chance("placket", 0.7):
        placket(scene, 0.017, cut.scoop - 0.02, low - 0.002)
    else:
        scene.seam([(front, cut.scoop), (front, low)], dark=0.45, width=0.004)
    style = d.one_of("pockets", ("none", "one", "one", "two"))
    if style != "none":
        patch_pocket(scene, 0.045, 0.160, 0.116, 0.248)
    if style == "two":
        patch_pocket(scene, -0.116, 0.160, -0.045, 0.248)
        for side in (-1, 1):
            flap(scene, (side * 0.043, 0.156), (side * 0.118, 0.156), 0.036)
            button(scene, side * 0.080, 0.182, 0.0075, "shell")
    depth, spread = d.between("points", 0.085, 0.120), d.between("spread", 0.014, 0.058)
    shirt_collar(scene, cut, spread=spread, depth=depth, stand=0.020)
    if d.chance("button-down", 0.35):
        for side in (-1, 1):
            button(scene, side * (cut.neck * 0.70 + 0.92 * spread), depth - 0.013, 0.0055, "shell")
    collar_button(scene, cut)
    count = d.one_of("buttons", (6, 7))
    button_row(scene, 0.0, cut.scoop + 0.060, low - 0.075, count - 1, 0.0080, "shell")
    for each in arms:
        if made.length < 0.3:
            cuff(scene, each, 0.026, "main", 1.03)
            continue
        cuff(scene, each, 0.052, "main", 1.04)
        a, b = each.across(0.955)
        button(scene, a[0] + 0.6 * (b[0] - a[0]), a[1] + 0.6 * (b[1] - a[1]), 0.007, "shell")
