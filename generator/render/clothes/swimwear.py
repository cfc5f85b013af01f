"""Draw swimsuits (swim shorts are in `bottoms.py`)."""

from generator.render.clothes.folds import pull_folds
from generator.render.clothes.garment import LENGTHS, child_zoom
from generator.render.clothes.turned import turn_garment
from generator.render.engine.curves import Curve, Point, mirrored_outline, on_side, outline, ribbon
from generator.render.engine.fittings import draw_ring
from generator.render.engine.height_field import Fold
from generator.render.engine.registry import register_silhouette
from generator.render.engine.scene import Scene


@register_silhouette("swimsuit")
def draw_swimsuit(scene: Scene) -> None:
    """Draw a one-piece: straps or halter, scooped or deep V neck, low or high leg openings, bound edges."""
    d, pointed = scene.design, scene.choose_cut("neckline") == "v"
    child = scene.appearance.size == "child"
    wide = 1.12 if child else 1.0
    length = d.uniform("length", 0.60, 0.66) * (0.4 + 0.6 * LENGTHS[scene.appearance.size])
    shoulder = d.uniform("shoulder", 0.074, 0.098) * wide
    chest, pit = d.uniform("chest", 0.116, 0.126) * wide, d.uniform("pit", 0.185, 0.215)
    waist, waist_at = d.uniform("waist", 0.094, 0.106) * (1.2 if child else 1.0), 0.56 * length
    leg_at = length - d.uniform("leg", 0.115, 0.205)
    down = min(1.0, (leg_at - waist_at) / (0.25 * length))
    hip = waist + (d.uniform("hip", 0.122, 0.136) * wide - waist) * down * (2 - down)
    gusset = 0.030 * wide
    scoop = d.uniform("v depth", 0.215, 0.275) if pointed else d.uniform("scoop", 0.135, 0.170)
    half_strap = d.uniform("strap", 0.008, 0.020)
    scene.set_camera(min(1.32 * child_zoom(scene), 0.90 / length), (0.0, 0.5 * length))
    turn_garment(scene, [(chest, pit), (waist, waist_at), (hip, leg_at)], chest_at=pit)
    inner, outer = shoulder - half_strap, shoulder + half_strap
    neckline = _neckline(scoop, inner, pointed)
    armhole: Curve = [
        (outer, 0.0),
        (outer + 0.003, 0.55 * pit),
        (0.62 * outer + 0.38 * chest, 0.84 * pit),
        (chest - 0.003, pit),
    ]
    leg: Curve = [
        (hip, leg_at),
        (0.70 * hip, leg_at + 0.42 * (length - leg_at)),
        (gusset + 0.010, length - 0.022),
        (gusset, length),
    ]
    _draw_back(scene, chest, pit, waist, waist_at, hip, leg_at, gusset, length, shoulder, half_strap)
    folds = _stretch_folds(scene, chest, pit, waist, waist_at, hip, leg_at)
    scene.add_panel(
        mirrored_outline(
            neckline,
            [(inner, 0.0), (outer, 0.0)],
            armhole,
            [(chest - 0.003, pit), (chest, pit + 0.02), (waist, waist_at), (hip, leg_at)],
            leg,
            [(gusset, length), (0.0, length + 0.002)],
        ),
        puff=0.015,
        soft=0.024,
        volume=0.016,
        folds=folds,
        shadow=0.5,
    )
    binding = d.choice("binding", ("self", "self", "cord"))
    for side in (-1, 1):
        for line in (neckline, armhole, leg):
            scene.add_overlay(
                ribbon(on_side(line, side), 0.0105), binding, puff=0.004, soft=0.004, shadow=0.35, clip=False
            )
    _draw_details(scene, scoop, chest, pit, waist, waist_at, hip, leg_at, shoulder)


def _neckline(scoop: float, inner: float, pointed: bool) -> list[Point]:
    if pointed:
        return [(0.0, scoop), (0.46 * inner, 0.50 * scoop), (inner, 0.0)]
    return [(0.0, scoop), (0.52 * inner, 0.93 * scoop), (0.90 * inner, 0.62 * scoop), (inner, 0.0)]


def _draw_back(
    scene: Scene,
    chest: float,
    pit: float,
    waist: float,
    waist_at: float,
    hip: float,
    leg_at: float,
    gusset: float,
    length: float,
    shoulder: float,
    half_strap: float,
) -> None:
    """Draw the back, seen through the neck and below the legs: higher at the neck, fuller below."""
    d = scene.design
    high = d.uniform("back", 0.10, 0.17)
    crossed = d.chance("crossed straps", 0.3)
    for side in (-1, 1):
        foot = (-0.35 * side * shoulder if crossed else side * 0.8 * shoulder, high + 0.06)
        scene.add_panel(
            ribbon(
                [(side * shoulder, 0.004), (0.5 * (side * shoulder + foot[0]), 0.5 * foot[1] + 0.01), foot],
                1.8 * half_strap,
            ),
            puff=0.003,
            soft=0.006,
            shade=0.62,
            shadow=0.0,
        )
    shape = mirrored_outline(
        [(0.0, high + 0.03), (0.6 * chest, high + 0.02), (chest - 0.004, pit)],
        [(chest - 0.004, pit), (waist - 0.004, waist_at), (hip - 0.003, leg_at)],
        [(hip - 0.003, leg_at), (0.78 * hip, leg_at + 0.62 * (length - leg_at)), (gusset, length - 0.004)],
        (0.0, length),
    )
    scene.add_panel(shape, puff=0.010, soft=0.02, shade=0.66, shadow=0.0)


def _stretch_folds(
    scene: Scene, chest: float, pit: float, waist: float, waist_at: float, hip: float, leg_at: float
) -> list[Fold]:
    """Return shallow pulls across the waist and down from the bust, as of stretch cloth without a body."""
    rng = scene.shot.generator("stretches")
    folds: list[Fold] = []
    for side in (-1, 1):
        for _ in range(3):
            y = waist_at + rng.normal(0, 0.05)
            folds += pull_folds(
                rng,
                (side * waist, y),
                (side * rng.uniform(0.1, 0.6) * waist, y + rng.normal(0, 0.03)),
                rng.uniform(0.002, 0.004),
                rng.uniform(0.006, 0.010),
            )
        folds += pull_folds(
            rng, (side * hip, leg_at), (side * 0.3 * hip, leg_at - 0.09), rng.uniform(0.002, 0.004), 0.010
        )
        folds += pull_folds(
            rng, (side * chest, pit), (side * 0.4 * chest, pit + 0.05), rng.uniform(0.003, 0.005), 0.010
        )
    return folds


def _draw_details(
    scene: Scene,
    scoop: float,
    chest: float,
    pit: float,
    waist: float,
    waist_at: float,
    hip: float,
    leg_at: float,
    shoulder: float,
) -> None:
    d = scene.design
    style = d.choice("style", ("princess", "cups", "ruched", "panel", "plain"))
    for side in (-1, 1):
        if style == "princess":
            line: Curve = [
                (0.80 * chest, 0.86 * pit),
                (0.52 * chest, pit + 0.06),
                (0.50 * waist, waist_at),
                (0.62 * hip, leg_at),
            ]
            scene.add_seam(on_side(line, side), dark=0.28)
        elif style == "cups":
            cup: Curve = [
                (chest - 0.004, pit + 0.050),
                (0.60 * chest, pit + 0.082),
                (0.10 * chest, pit + 0.054),
                (0.0, scoop + 0.02),
            ]
            scene.add_seam(on_side(cup, side), dark=0.35, width=0.005)
        elif style == "panel":
            strip = outline(
                [(chest, pit + 0.01), (waist + 0.002, waist_at), (hip, leg_at)],
                [(0.80 * hip, leg_at + 0.02), (0.62 * waist, waist_at), (0.72 * chest, pit)],
            )
            scene.add_overlay(strip * (side, 1), "cord", puff=0.001, soft=0.008, shadow=0.15)
    if style == "ruched":
        rng = scene.shot.generator("ruching")
        for i in range(11):
            y = pit + 0.05 + (leg_at - pit - 0.05) * i / 10 + float(rng.normal(0, 0.004))
            w = waist + (hip - waist) * abs(y - waist_at) / 0.2
            dip = float(rng.normal(0.010, 0.006))
            scene.add_seam(
                [(-w, y), (-0.4 * w, y + dip), (0.3 * w, y + 0.8 * dip), (w, y - 0.004)],
                dark=0.20,
                width=0.006,
                depth=0.005,
            )
    if d.chance("sliders", 0.5):
        for side in (-1, 1):
            draw_ring(scene, side * (shoulder + 0.002), 0.060, 0.014, 0.008, 0.0055, "rivet", power=4.0)
    if d.chance("waist tie", 0.25):
        scene.add_overlay(
            ribbon([(-waist, waist_at), (0.0, waist_at + 0.008), (waist, waist_at)], 0.020),
            "self",
            puff=0.005,
            soft=0.008,
        )
        for lean, reach in ((-0.020, 0.07), (0.026, 0.09)):
            scene.add_overlay(
                ribbon([(0.03, waist_at + 0.006), (0.03 + lean, waist_at + reach)], 0.015),
                "self",
                puff=0.005,
                soft=0.006,
                shadow=0.5,
            )
