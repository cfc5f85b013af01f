"""Sweaters and shirts."""

from generator.render.canvas import Scene
from generator.render.curves import box, mirrored, on_side, ribbon
from generator.render.details import button, patch_pocket, ring, zipper
from generator.render.garment import (
    Cut,
    armhole_seams,
    body_folds,
    body_half,
    cuff,
    hem_band,
    inside_back,
    neck_band,
    round_neck,
    shirt_collar,
    sleeves,
    staged,
    v_neck,
)


def t_shirt(scene: Scene) -> None:
    """Short sleeves, a ribbed round or pointed neck, straight body."""
    d = scene.design
    cut = Cut(
        scoop=d.between("scoop", 0.040, 0.075),
        neck=d.between("neck", 0.058, 0.075),
        chest=0.165,
        hem=d.between("hem", 0.160, 0.185),
    )
    cut = staged(scene, cut, 1.30)
    neckline = v_neck(cut) if scene.cut("neckline") == "v" else round_neck(cut)
    arms = sleeves(scene, cut, length=d.between("sleeve", 0.13, 0.19), half_cuff=0.066, angle=0.62)
    inside_back(scene, cut, cut.scoop + 0.01, "main")
    scene.panel(
        mirrored(*body_half(cut, neckline)),
        puff=0.014,
        soft=0.026,
        volume=0.012,
        folds=body_folds(scene, cut),
        shadow=0.35,
    )
    armhole_seams(scene, cut)
    neck_band(scene, neckline, 0.018)
    for arm in arms:
        scene.topstitch(arm.across(0.88))
    scene.topstitch(
        [
            (-cut.hem + 0.004, cut.length - 0.014),
            (0.0, cut.length - 0.014 + cut.dip),
            (cut.hem - 0.004, cut.length - 0.014),
        ]
    )


def sweater(scene: Scene) -> None:
    """Long sleeves, ribbed neck, cuffs and hem; crew, V or roll neck."""
    d = scene.design
    style = scene.cut("neckline")
    cut = Cut(
        scoop=0.130 if style == "v" else 0.042,
        neck=d.between("neck width", 0.058, 0.068),
        chest=0.172,
        hem=d.between("hem", 0.155, 0.175),
        length=d.between("length", 0.46, 0.52),
    )
    cut = staged(scene, cut, 1.28, wrists=0.54)
    neckline = v_neck(cut) if style == "v" else round_neck(cut)
    arms = sleeves(
        scene, cut, length=0.42, half_cuff=0.044, angle=d.between("angle", 0.20, 0.28), fullness=1.08, puff=0.022
    )
    inside_back(scene, cut, cut.scoop + 0.01, "main")
    scene.panel(
        mirrored(*body_half(cut, neckline)),
        puff=0.022,
        soft=0.030,
        volume=0.014,
        folds=body_folds(scene, cut)[:7],
        shadow=0.4,
    )
    armhole_seams(scene, cut)
    if style == "roll":
        tall = d.between("roll", 0.055, 0.080)
        scene.panel(
            mirrored(
                [(0.0, -tall), (0.045, -tall - 0.004), (0.058, -tall + 0.016)],
                [(0.062, 0.0), (0.050, 0.026), (0.0, 0.040)],
            ),
            "rib",
            puff=0.018,
            soft=0.022,
            lift=0.004,
            shadow=0.5,
        )
        scene.seam([(-0.058, -0.35 * tall), (0.0, -0.2 * tall), (0.058, -0.35 * tall)], dark=0.4, width=0.008)
    else:
        neck_band(scene, neckline, d.between("band", 0.022, 0.032))
    hem_band(scene, cut, d.between("hem band", 0.040, 0.060), inset=0.012)
    for arm in arms:
        cuff(scene, arm, 0.050, "rib", 0.92)


def hoodie(scene: Scene) -> None:
    """Hood, drawstrings and a pouch pocket; metal hardware is a zip front, eyelets and cord ends."""
    d = scene.design
    hood, length = d.between("hood", 0.125, 0.155), d.between("length", 0.46, 0.51)
    cut = Cut(scoop=0.070, neck=0.066, chest=0.176, hem=0.165, length=length)
    cut = staged(scene, cut, 1.15, -hood, 0.54)
    arms = sleeves(scene, cut, length=0.42, half_cuff=0.044, angle=0.23, fullness=1.12, puff=0.022)
    scene.panel(
        mirrored([(0.0, -hood), (0.070, -hood + 0.016), (0.108, -0.05), (0.096, 0.03)], (0.0, 0.05)),
        puff=0.026,
        soft=0.030,
    )
    scene.inside(
        mirrored([(0.0, -hood + 0.034), (0.050, -hood + 0.050), (0.074, -0.04), (0.050, 0.05)], (0.0, 0.085)),
        lift=0.022,
    )
    scene.darken(mirrored([(0.0, -0.01), (0.05, 0.0)], [(0.05, 0.08), (0.0, 0.09)]), 0.4, 0.02)
    scene.panel(
        mirrored(*body_half(cut, round_neck(cut))),
        puff=0.022,
        soft=0.030,
        volume=0.014,
        folds=body_folds(scene, cut)[:7],
        shadow=0.4,
    )
    armhole_seams(scene, cut)
    for side in (-1, 1):
        edge = [(0.074, -0.055), (0.086, 0.0), (0.050, 0.056), (0.002, 0.086)]
        scene.panel(ribbon(on_side(edge, side), 0.034, 0.030), puff=0.012, soft=0.014, lift=0.003, shadow=0.5)
    low, wide = cut.length - 0.02, d.between("pouch", 0.095, 0.115)
    scene.overlay(
        mirrored(
            [(0.0, low - 0.135), (0.62 * wide, low - 0.135)], (wide, low - 0.05), [(wide, low), (0.0, low + 0.006)]
        ),
        puff=0.008,
        soft=0.016,
    )
    for side in (-1, 1):
        scene.topstitch(on_side([(0.62 * wide - 0.012, low - 0.128), (wide - 0.012, low - 0.046)], side))
    if scene.appearance.hardware != "none":
        zipper(scene, [(0.0, 0.088), (0.0, 0.5 * cut.length), (0.0, cut.length + 0.01)], width=0.018)
    _cords(scene)
    hem_band(scene, cut, 0.045, inset=0.012)
    for arm in arms:
        cuff(scene, arm, 0.045, "rib", 0.92)


def _cords(scene: Scene) -> None:
    """Two drawstrings that hang from eyelets and end in tips."""
    for side in (-1, 1):
        swing = scene.shot.between(f"cord {side}", -0.012, 0.012)
        ring(scene, side * 0.030, 0.082, 0.009, 0.009, 0.006)
        scene.overlay(
            ribbon(on_side([(0.030, 0.086), (0.033 + swing, 0.13), (0.030 + swing, 0.185)], side), 0.010),
            "cord",
            puff=0.006,
            soft=0.004,
            clip=False,
        )
        scene.overlay(
            ribbon(on_side([(0.030 + swing, 0.180), (0.030 + swing, 0.205)], side), 0.014),
            "fitting",
            puff=0.006,
            soft=0.005,
            clip=False,
        )


def shirt(scene: Scene) -> None:
    """Pointed collar, buttoned placket, cuffs, a curved tail and sometimes a chest pocket."""
    d = scene.design
    cut = Cut(
        scoop=0.066,
        neck=0.056,
        chest=0.162,
        waist=d.between("waist", 0.142, 0.160),
        hem=0.162,
        length=d.between("length", 0.54, 0.58),
        dip=0.0,
    )
    cut = staged(scene, cut, 1.22, wrists=0.54)
    arms = sleeves(scene, cut, length=d.between("sleeve", 0.42, 0.46), half_cuff=0.040, angle=0.22)
    inside_back(scene, cut, 0.08, "main")
    tail = d.between("tail", 0.010, 0.050)
    half = [
        *body_half(cut, v_neck(cut))[:-1],
        [(cut.hem, cut.length), (0.6 * cut.hem, cut.length + 0.9 * tail), (0.0, cut.length + tail)],
    ]
    scene.panel(mirrored(*half), puff=0.013, soft=0.024, volume=0.010, folds=body_folds(scene, cut), shadow=0.4)
    armhole_seams(scene, cut)
    scene.overlay(box(-0.017, cut.scoop - 0.02, 0.017, cut.length + tail - 0.002), puff=0.003, soft=0.010)
    for x in (-0.013, 0.013):
        scene.topstitch([(x, cut.scoop), (x, cut.length + tail - 0.006)], width=0.0025)
    if d.chance("pocket", 0.6):
        patch_pocket(scene, 0.045, 0.165, 0.115, 0.250)
    shirt_collar(
        scene, cut, spread=d.between("spread", 0.020, 0.050), depth=d.between("points", 0.085, 0.115), stand=0.018
    )
    num_buttons = 6
    for i in range(num_buttons):
        button(scene, 0.0, cut.scoop + 0.02 + (cut.length - cut.scoop - 0.05) * i / (num_buttons - 1), 0.0080, "shell")
    for arm in arms:
        cuff(scene, arm, 0.050, "main", 1.02)
        a, b = arm.across(0.955)
        button(scene, a[0] + 0.6 * (b[0] - a[0]), a[1] + 0.6 * (b[1] - a[1]), 0.007, "shell")


def polo_shirt(scene: Scene) -> None:
    """Soft collar, a short placket with two or three buttons, ribbed sleeve ends."""
    d = scene.design
    cut = Cut(
        scoop=0.078, neck=0.058, chest=0.163, hem=d.between("hem", 0.158, 0.175), length=d.between("length", 0.50, 0.55)
    )
    cut = staged(scene, cut, 1.28)
    arms = sleeves(scene, cut, length=d.between("sleeve", 0.15, 0.20), half_cuff=0.060, angle=0.55)
    inside_back(scene, cut, 0.09, "main")
    scene.panel(
        mirrored(*body_half(cut, v_neck(cut))),
        puff=0.014,
        soft=0.026,
        volume=0.012,
        folds=body_folds(scene, cut),
        shadow=0.35,
    )
    armhole_seams(scene, cut)
    low = d.between("placket", 0.17, 0.21)
    scene.overlay(box(-0.019, cut.scoop - 0.02, 0.019, low), "self", puff=0.004, soft=0.010)
    shirt_collar(
        scene,
        cut,
        spread=d.between("spread", 0.036, 0.052),
        depth=d.between("points", 0.090, 0.108),
        stand=0.018,
        cloth="rib",
    )
    num_buttons = d.one_of("buttons", (2, 3))
    for i in range(num_buttons):
        button(scene, 0.0, cut.scoop + 0.022 + (low - cut.scoop - 0.040) * i / (num_buttons - 1), 0.0085, "shell")
    for arm in arms:
        cuff(scene, arm, 0.022, "rib", 1.0)
    scene.topstitch(
        [
            (-cut.hem + 0.004, cut.length - 0.014),
            (0.0, cut.length - 0.014 + cut.dip),
            (cut.hem - 0.004, cut.length - 0.014),
        ]
    )
