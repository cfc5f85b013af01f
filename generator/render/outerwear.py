"""Coats and jackets."""

from generator.render.canvas import Scene
from generator.render.curves import Curve, Stretch, box, mirrored, on_side, outline
from generator.render.details import buckle, button, flap, strap, welt, zipper
from generator.render.garment import (
    Cut,
    armhole_seams,
    body_folds,
    body_half,
    cuff,
    hem_band,
    hem_folds,
    inside_back,
    shirt_collar,
    sleeves,
    staged,
    v_neck,
)


def _vent(scene: Scene, cut: Cut, top: float, spread: float) -> None:
    """The lining between the parted fronts, and the two edges that frame it."""
    low = cut.length + cut.dip + 0.004
    scene.inside(outline([(0.012, top), (0.02 + spread, low)], (-spread, low)), lift=0.028, clip=True)


def _lapels(scene: Scene, cut: Cut, width: float, low: float) -> None:
    """Turned-back fronts from the collar to `low`, and a notched collar over them."""
    n = cut.neck
    for side in (-1, 1):
        lapel: list[Stretch] = [
            [(n, 0.006), (n + 0.030, 0.050)],
            (n + width, 0.085),
            [(0.75 * (n + width), 0.5 * (0.085 + low)), (0.012, low)],
            [(0.45 * n, 0.45 * low), (n, 0.006)],
        ]
        scene.panel(
            outline(*lapel) * (side, 1),
            puff=0.007,
            soft=0.012,
            lift=0.004,
            follow=False,
            grain=side * 0.5,
            shadow=0.55,
            reach=0.014,
        )
        collar: list[Stretch] = [
            [(0.50 * n, -0.030), (n + 0.006, -0.016), (n + 0.046, 0.030)],
            (n + 0.034, 0.066),
            [(n - 0.006, 0.046), (0.66 * n, 0.052)],
            [(0.92 * n, 0.010), (0.50 * n, -0.030)],
        ]
        scene.panel(
            outline(*collar) * (side, 1), puff=0.008, soft=0.012, lift=0.005, grain=side * 0.7, shadow=0.55, reach=0.012
        )
    scene.panel(
        mirrored([(0.0, -0.034), (0.6 * n, -0.030), (n, -0.016)], [(0.8 * n, 0.012), (0.0, -0.004)]),
        puff=0.006,
        soft=0.012,
        shade=0.92,
        shadow=0.4,
        reach=0.010,
    )


def trench_coat(scene: Scene) -> None:
    """Belted, double-breasted, with epaulettes, storm flap, cuff straps and a parted hem that shows the lining."""
    d = scene.design
    cut = Cut(
        neck=0.048,
        scoop=0.20,
        shoulder=0.142,
        slope=0.040,
        chest=0.132,
        armhole=0.165,
        waist=d.between("waist", 0.104, 0.118),
        waist_at=0.31,
        hem=d.between("hem", 0.165, 0.205),
        length=0.72,
        dip=0.010,
    )
    cut = staged(scene, cut, 1.03)
    arms = sleeves(scene, cut, length=d.between("sleeve", 0.40, 0.44), half_cuff=0.040, angle=0.25)
    inside_back(scene, cut, 0.24)
    folds = [*body_folds(scene, cut), *hem_folds(scene, cut.waist_at, cut, 6, 0.007)]
    scene.panel(
        mirrored(*body_half(cut, v_neck(cut))),
        puff=0.016,
        soft=0.024,
        volume=0.016,
        folds=folds,
        shadow=0.55,
        reach=0.018,
    )
    armhole_seams(scene, cut)
    _vent(scene, cut, cut.waist_at + 0.10, d.between("vent", 0.040, 0.065))
    overlap = d.between("overlap", 0.050, 0.064)
    scene.seam([(overlap, cut.scoop - 0.02), (overlap, cut.waist_at + 0.02)], dark=0.45)
    storm = outline([(-0.045, 0.02), (-cut.shoulder + 0.012, 0.048)], [(-0.122, 0.15), (-0.07, 0.195), (-0.020, 0.17)])
    if d.chance("storm flap", 0.8):
        scene.overlay(storm, puff=0.005, soft=0.012, shadow=0.55)
    _lapels(scene, cut, d.between("lapel", 0.050, 0.066), cut.scoop)
    for side in (-1, 1):
        strap(scene, on_side([(0.075, 0.022), (cut.shoulder - 0.008, cut.slope + 0.012)], side), 0.026)
        button(scene, side * 0.082, 0.025, 0.0085)
        welt(scene, (side * 0.105, cut.waist_at + 0.06), (side * 0.125, cut.waist_at + 0.135))
    for y in (0.215, 0.27, cut.waist_at + 0.075, cut.waist_at + 0.135):
        for x in (-overlap, overlap):
            button(scene, x, y, 0.0125)
    _belt(scene, cut)
    for arm in arms:
        strap(scene, arm.across(0.86), 0.020)
        buckle(scene, *arm.across(0.86)[0], 0.010, 0.014, 0.006)


def _belt(scene: Scene, cut: Cut) -> None:
    """A belt at the waist with a big buckle and a hanging end."""
    w, y = cut.waist + 0.004, cut.waist_at
    scene.overlay(
        mirrored([(0.0, y - 0.018), (w, y - 0.022)], (w, y + 0.014), (0.0, y + 0.018)),
        puff=0.007,
        soft=0.010,
        shadow=0.6,
    )
    strap(
        scene,
        [
            (0.012, y),
            (0.040, y + 0.03),
            (0.052, y + 0.10),
            (0.050 + scene.shot.between("belt end", -0.02, 0.02), y + 0.17),
        ],
        0.030,
    )
    buckle(scene, 0.0, y, 0.026, 0.027, 0.011)


def coat(scene: Scene) -> None:
    """Single-breasted, straight, with a notched collar, flap pockets and big buttons."""
    d = scene.design
    cut = Cut(
        neck=0.050,
        scoop=d.between("scoop", 0.16, 0.22),
        shoulder=d.between("shoulder", 0.142, 0.162),
        slope=0.038,
        chest=0.148,
        armhole=0.175,
        waist=d.between("waist", 0.128, 0.152),
        waist_at=0.36,
        hem=d.between("hem", 0.145, 0.205),
        length=d.between("length", 0.66, 0.73),
        dip=0.006,
    )
    cut = staged(scene, cut, 1.05)
    padded = scene.appearance.quilting != "none"
    arms = sleeves(
        scene,
        cut,
        length=d.between("sleeve", 0.39, 0.45),
        half_cuff=d.between("cuff", 0.040, 0.056),
        angle=0.20,
        quilted=padded,
    )
    inside_back(scene, cut, 0.26)
    folds = [*body_folds(scene, cut), *hem_folds(scene, 0.45, cut, 4, 0.004)]
    scene.panel(
        mirrored(*body_half(cut, v_neck(cut))),
        puff=0.018,
        soft=0.026,
        volume=0.014,
        folds=folds,
        shadow=0.55,
        reach=0.018,
        quilted=padded,
    )
    armhole_seams(scene, cut)
    _vent(scene, cut, 0.48 * cut.length + 0.06, d.between("vent", 0.035, 0.055))
    scene.seam([(0.012, cut.scoop), (0.014, 0.5 * cut.length + 0.04)], dark=0.55, width=0.006)
    _lapels(scene, cut, d.between("lapel", 0.050, 0.072), cut.scoop)
    num_buttons = d.one_of("buttons", (3, 4))
    for i in range(num_buttons):
        button(scene, -0.004, cut.scoop + 0.025 + (0.5 * cut.length - cut.scoop + 0.04) * i / num_buttons, 0.0215)
    pocket_y = min(0.40, cut.length - 0.14)
    for side in (-1, 1):
        if d.chance("flaps", 0.6):
            flap(scene, (side * 0.060, pocket_y), (side * 0.128, pocket_y), 0.036)
        else:
            welt(scene, (side * 0.085, pocket_y - 0.03), (side * 0.110, pocket_y + 0.06), 0.026)
    for arm in arms:
        cuff(scene, arm, 0.035)
        for share in (0.94, 0.97):
            a, b = arm.across(share)
            button(scene, a[0] + 0.8 * (b[0] - a[0]), a[1] + 0.8 * (b[1] - a[1]), 0.010)


def quilted_jacket(scene: Scene) -> None:
    """Short, boxy, with a corduroy-like collar, snap fastening, patch pockets and bound edges."""
    d = scene.design
    cut = Cut(
        neck=0.056,
        scoop=0.080,
        shoulder=0.172,
        slope=0.042,
        chest=0.168,
        armhole=0.19,
        waist=0.165,
        waist_at=0.34,
        hem=d.between("hem", 0.165, 0.188),
        length=d.between("length", 0.50, 0.56),
        dip=0.004,
    )
    cut = staged(scene, cut, 1.22, wrists=0.54)
    arms = sleeves(scene, cut, length=d.between("sleeve", 0.40, 0.44), half_cuff=0.050, angle=0.20, quilted=True)
    inside_back(scene, cut, 0.14)
    scene.panel(
        mirrored(*body_half(cut, v_neck(cut))),
        puff=0.020,
        soft=0.028,
        volume=0.016,
        folds=body_folds(scene, cut)[:6],
        shadow=0.5,
        quilted=True,
    )
    armhole_seams(scene, cut)
    gap = d.between("gap", 0.030, 0.052)
    scene.inside(
        outline([(0.0, cut.scoop), (gap, cut.length + 0.012)], (-gap, cut.length + 0.012)), lift=0.028, clip=True
    )
    for side in (-1, 1):
        edge: Curve = [(side * 0.004, cut.scoop), (side * (gap + 0.006), cut.length + 0.002)]
        strap(scene, edge, 0.022, "self")
        for i in range(4):
            t = (i + 0.6) / 4.2
            button(scene, side * (0.004 + (gap + 0.002) * t), cut.scoop + (cut.length - cut.scoop) * t, 0.0165)
        x0, x1, y0 = 0.070, 0.140, cut.length - 0.155
        if d.chance("patch pockets", 0.7):
            scene.overlay(
                box(min(side * x0, side * x1), y0, max(side * x0, side * x1), y0 + 0.105, 0.012),
                "main",
                puff=0.008,
                soft=0.014,
            )
            strap(scene, [(side * x0, y0), (side * x1, y0)], 0.020, "self")
        else:
            welt(scene, (side * 0.09, y0), (side * 0.125, y0 + 0.10), 0.026, "self")
    hem_band(scene, cut, 0.016, "self")
    shirt_collar(scene, cut, spread=d.between("spread", 0.030, 0.045), depth=0.105, stand=0.020, cloth="self")
    for arm in arms:
        cuff(scene, arm, 0.022, "self")


def puffer_jacket(scene: Scene) -> None:
    """Down jacket: swollen body and sleeves, a zip and a standing collar or hood."""
    d = scene.design
    hood = d.chance("hood", 0.5)
    cut = Cut(
        neck=0.066,
        scoop=0.150,
        shoulder=0.180,
        slope=0.040,
        chest=0.190,
        armhole=0.205,
        waist=0.196,
        waist_at=0.34,
        hem=d.between("hem", 0.170, 0.192),
        length=d.between("length", 0.47, 0.53),
        dip=0.010,
    )
    cut = staged(scene, cut, 1.17, top=-0.135 if hood else -0.06, wrists=0.54)
    arms = sleeves(
        scene,
        cut,
        length=d.between("sleeve", 0.38, 0.42),
        half_cuff=0.052,
        angle=0.22,
        fullness=1.22,
        quilted=True,
        puff=0.034,
    )
    if hood:
        scene.panel(
            mirrored([(0.0, -0.135), (0.075, -0.110), (0.105, -0.03), (0.080, 0.05)], (0.0, 0.06)),
            puff=0.030,
            soft=0.030,
            quilted=True,
        )
    collar = d.between("collar", 0.050, 0.070)
    scene.inside(
        mirrored(
            [(0.0, -collar - 0.006), (0.055, -collar - 0.002), (0.076, -collar + 0.012)],
            [(0.078, 0.03), (0.070, 0.15), (0.0, 0.165)],
        ),
        lift=0.010,
    )
    scene.panel(mirrored(*body_half(cut, v_neck(cut))), puff=0.034, soft=0.040, volume=0.018, shadow=0.5, quilted=True)
    armhole_seams(scene, cut)
    for side in (-1, 1):
        welt(scene, (side * 0.105, cut.length - 0.17), (side * 0.130, cut.length - 0.075), 0.024, "self")
        _open_collar(scene, side, collar)
    zipper(scene, [(0.0, 0.145), (0.003, 0.5 * cut.length), (0.0, cut.length + 0.004)], width=0.020)
    hem_band(scene, cut, 0.026, "self", inset=0.012)
    for arm in arms:
        cuff(scene, arm, 0.026, "self", 0.94)


def _open_collar(scene: Scene, side: int, tall: float) -> None:
    """One half of a padded standing collar, unzipped and leaning outwards."""
    inner: Curve = [(0.056, -tall + 0.016), (0.032, 0.050), (0.004, 0.155)]
    outer: list[Stretch] = [
        [(0.062, -tall - 0.004), (0.080, -tall + 0.014)],
        (0.086, 0.012),
        [(0.066, 0.075), (0.004, 0.155)],
    ]
    leaf = outline(inner[::-1], *outer) * (side, 1)
    scene.panel(leaf, puff=0.024, soft=0.022, lift=0.004, shadow=0.5, quilted=True)
    zipper(scene, on_side(inner, side), width=0.014, pull=False)
