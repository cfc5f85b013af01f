"""Sweaters, cardigans and hoodies."""

from generator.render.clothes.collars import (
    hood_behind,
    hood_edges,
    inside_back,
    neck_band,
    roll_neck,
    round_neck,
    v_neck,
)
from generator.render.clothes.details import ring, zipper
from generator.render.clothes.fronts import button_row, lap, patch_pocket_of
from generator.render.clothes.garment import (
    Cut,
    arm,
    body,
    fitted,
    hem_band,
    rib_cuff,
    sleeves,
    staged,
    stitched,
)
from generator.render.engine.canvas import Scene
from generator.render.engine.curves import Curve, Point, mirrored, on_side, outline, ribbon
from generator.render.engine.folds import body_folds
from generator.render.engine.silhouette_registry import pattern_sheet


def _knit_cut(scene: Scene, scoop: float) -> Cut:
    d = scene.design
    chest = d.between("chest", 0.176, 0.193)
    return Cut(
        scoop=scoop,
        neck=d.between("neck width", 0.056, 0.070),
        shoulder=chest + d.between("shoulder", -0.002, 0.014),
        chest=chest,
        waist=chest - d.between("waist", -0.004, 0.014),
        hem=chest - d.between("hem", -0.004, 0.016),
        length=d.between("length", 0.46, 0.535),
        tuck=d.between("tuck", 0.006, 0.022),
    )


@pattern_sheet("sweater")
def sweater(scene: Scene) -> None:
    """Long sleeves, ribbed neck, cuffs and hem; crew, V or roll neck; some with raglan seams."""
    d, style = scene.design, scene.cut("neckline")
    cut = fitted(_knit_cut(scene, d.between("v depth", 0.125, 0.165) if style == "v" else 0.042), scene.cut("fit"))
    made = arm(
        scene,
        d.between("sleeve", 0.34, 0.42),
        d.between("cuff", 0.046, 0.060),
        angle=d.between("angle", 0.18, 0.40),
        fullness=d.between("fullness", 1.02, 1.25),
        tuck=0.24,
    )
    cut = staged(scene, cut, 1.26, top=-0.08 if style == "roll" else -0.02, sleeve=made)
    neckline = v_neck(cut) if style == "v" else round_neck(cut)
    arms = sleeves(scene, cut, made, puff=0.022)
    for each in arms:
        rib_cuff(scene, each, d.between("cuff depth", 0.040, 0.066), 0.24)
    hem_band(scene, cut, d.between("hem band", 0.036, 0.066))
    inside_back(scene, cut, cut.scoop + 0.01, "main", label=style != "roll")
    raglan = d.chance("raglan", 0.3)
    body(scene, cut, neckline, puff=0.022, soft=0.030, folds=body_folds(scene, cut)[:7], shadow=0.4, sleeved=not raglan)
    if raglan:
        for side in (-1, 1):
            line: Curve = [(cut.neck + 0.012, 0.010), (0.62 * cut.chest, 0.55 * cut.armhole), (cut.chest, cut.armhole)]
            scene.seam(on_side(line, side), dark=0.38, width=0.006)
    if style == "roll":
        roll_neck(scene, cut, d.between("roll", 0.055, 0.080))
    else:
        neck_band(scene, neckline, d.between("band", 0.020, 0.034))


@pattern_sheet("cardigan")
def cardigan(scene: Scene) -> None:
    """A knitted jacket with a ribbed border down both fronts, buttoned, zipped or worn open."""
    d, style, closure = scene.design, scene.cut("neckline"), scene.cut("closure")
    cut = _knit_cut(scene, d.between("v depth", 0.150, 0.215) if style == "v" else 0.050)
    cut = fitted(cut, scene.cut("fit"))
    made = arm(
        scene,
        d.between("sleeve", 0.34, 0.42),
        d.between("cuff", 0.046, 0.058),
        angle=d.between("angle", 0.20, 0.34),
        fullness=d.between("fullness", 1.0, 1.15),
        tuck=0.22,
    )
    cut = staged(scene, cut, 1.24, sleeve=made)
    neckline = v_neck(cut) if style == "v" else round_neck(cut)
    arms = sleeves(scene, cut, made, puff=0.022)
    for each in arms:
        rib_cuff(scene, each, d.between("cuff depth", 0.036, 0.060), 0.22)
    hem_band(scene, cut, 0.046)
    inside_back(scene, cut, cut.scoop + 0.01, "main")
    body(scene, cut, neckline, puff=0.022, soft=0.030, folds=body_folds(scene, cut)[:7], shadow=0.4)
    wide, low = d.between("border", 0.026, 0.038), cut.length + 0.036
    gap = d.between("gap", 0.070, 0.100) if closure == "open" else 0.0
    if gap:
        _fallen_open(scene, cut, gap, low)
    else:
        _border(scene, cut, neckline, wide, low)
    if d.chance("pockets", 0.55):
        for side in (-1, 1):
            x0 = 0.052 + gap * 0.6
            patch_pocket_of(scene, side, x0, x0 + 0.075, cut.length - 0.125, 0.088)
    if gap:
        for side in (-1, 1):
            edge: list[Point] = [(0.98 * cut.neck, -0.002), *_open_edge(cut, gap, low)]
            band = ribbon(on_side(edge, side), wide)
            scene.panel(band, "rib", puff=0.008, soft=0.4 * wide, lift=0.003, shadow=0.45, grain=-0.1 * side)
    elif closure == "zip":
        zipper(scene, [(0.0, cut.scoop + 0.012), (0.002, 0.5 * low), (0.0, low)], width=0.017)
    else:
        count = d.one_of("buttons", (5, 6, 7)) if style == "round" else d.one_of("buttons", (4, 5))
        button_row(scene, 0.0, cut.scoop + 0.018, low - 0.020, count, d.between("button", 0.0095, 0.0135), hole=0.018)


def _border(scene: Scene, cut: Cut, neckline: Curve, wide: float, low: float) -> None:
    """The ribbed border of a closed cardigan: around the neck and down the middle."""
    neck_band(scene, neckline, 0.9 * wide)
    top = cut.scoop - 0.004
    strip = outline([(-0.5 * wide, top), (0.5 * wide, top)], (0.5 * wide, low), (-0.5 * wide, low))
    scene.panel(strip, "rib", puff=0.007, soft=0.010, lift=0.003, shadow=0.45, reach=0.010)
    scene.seam([(lap(scene) * 0.48 * wide, top), (lap(scene) * 0.48 * wide, low)], dark=0.5, width=0.004)


def _open_edge(cut: Cut, gap: float, low: float) -> list[Point]:
    """The front edge of an open cardigan, below the neck point."""
    return [(0.72 * cut.neck + 0.010, 0.5 * cut.scoop + 0.03), (0.75 * gap, 0.55 * low), (0.92 * gap, low)]


def _fallen_open(scene: Scene, cut: Cut, gap: float, low: float) -> None:
    n = cut.neck
    edge = [(n, 0.0), *_open_edge(cut, gap, low)]
    opening = mirrored([(0.0, 0.002), (n, -0.004)], edge, (0.0, low - 0.004))
    scene.panel(opening, puff=0.004, lift=0.012, shade=0.66, shadow=0.0)
    scene.darken(mirrored([(0.0, 0.05), (0.03, 0.05)], [(0.05, low), (0.0, low)]), 0.30, 0.030)
    back: Curve = [(-n, -0.006), (-0.6 * n, 0.004), (0.0, 0.008), (0.6 * n, 0.004), (n, -0.006)]
    scene.panel(ribbon(back, 0.030), "rib", puff=0.006, soft=0.010, lift=0.014, shade=0.85, shadow=0.2, grain=1.57)
    scene.overlay(
        mirrored([(0.0, 0.026), (0.35 * n, 0.025)], (0.35 * n, 0.040), (0.0, 0.041)), "label", puff=0.001, shade=0.75
    )
    band = mirrored([(0.0, low - 0.046), (gap, low - 0.046)], (gap, low - 0.002), (0.0, low - 0.002))
    scene.overlay(band, "rib", puff=0.002, shade=0.62, shadow=0.0)


@pattern_sheet("hoodie")
def hoodie(scene: Scene) -> None:
    """Hood, drawstrings and a pouch pocket; metal hardware is a zip front, eyelets and cord ends."""
    d = scene.design
    chest = d.between("chest", 0.176, 0.193)
    hood, wide = d.between("hood", 0.120, 0.155), d.between("hood width", 0.096, 0.116)
    cut = Cut(
        scoop=0.070,
        neck=0.066,
        shoulder=chest + d.between("shoulder", -0.002, 0.014),
        chest=chest,
        waist=chest - d.between("waist", 0.0, 0.016),
        hem=chest - d.between("hem", 0.0, 0.018),
        length=d.between("length", 0.47, 0.545),
        tuck=d.between("tuck", 0.008, 0.020),
    )
    cut = fitted(cut, scene.cut("fit"))
    made = arm(
        scene, d.between("sleeve", 0.34, 0.41), 0.046, angle=d.between("angle", 0.18, 0.40), fullness=1.12, tuck=0.24
    )
    cut = staged(scene, cut, 1.15, top=-hood, sleeve=made)
    arms = sleeves(scene, cut, made, puff=0.022)
    for each in arms:
        rib_cuff(scene, each, 0.052, 0.24)
    hem_band(scene, cut, d.between("hem band", 0.036, 0.054))
    hood_behind(scene, cut, hood, wide)
    body(scene, cut, round_neck(cut), puff=0.022, soft=0.030, folds=body_folds(scene, cut)[:7], shadow=0.4)
    hood_edges(scene, cut, hood, wide)
    low, half = cut.length - 0.02, d.between("pouch", 0.092, 0.115)
    scene.overlay(
        mirrored(
            [(0.0, low - 0.135), (0.62 * half, low - 0.135)],
            [(0.80 * half, low - 0.105), (half, low - 0.05)],
            [(half, low), (0.0, low + 0.006)],
        ),
        puff=0.008,
        soft=0.016,
    )
    for side in (-1, 1):
        mouth: Curve = [
            (0.62 * half - 0.012, low - 0.128),
            (0.80 * half - 0.014, low - 0.100),
            (half - 0.012, low - 0.046),
        ]
        stitched(scene, on_side(mouth, side))
    if scene.appearance.hardware != "none":
        end = cut.length + 0.030
        zipper(scene, [(0.0, 0.088), (0.0, 0.5 * cut.length), (0.0, end)], width=0.018)
    _cords(scene)


def _cords(scene: Scene) -> None:
    """Two drawstrings that hang from eyelets and end in tips."""
    for side in (-1, 1):
        swing = scene.shot.between(f"cord {side}", -0.012, 0.012)
        low = scene.shot.between(f"cord end {side}", 0.165, 0.200)
        ring(scene, side * 0.030, 0.082, 0.009, 0.009, 0.006)
        cord: Curve = [(0.030, 0.086), (0.033 + swing, 0.13), (0.030 + swing, low)]
        scene.overlay(ribbon(on_side(cord, side), 0.010), "cord", puff=0.006, soft=0.004, clip=False)
        tip: Curve = [(0.030 + swing, low - 0.005), (0.030 + swing, low + 0.020)]
        scene.overlay(ribbon(on_side(tip, side), 0.014), "fitting", puff=0.006, soft=0.005, clip=False)
