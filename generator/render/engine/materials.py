"""Evaluate materials: colour, fine height and reflection of a piece of cloth at each pixel.

At 112 pixels a material is recognised by its coarse marks (ribs, wrinkles, streaks, worn patches, gloss). Its weave
fades out where a period is smaller than about two pixels, instead of aliasing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from generator.render.engine import Float32Array
from generator.render.engine import materials_knit as knits
from generator.render.engine import materials_leather as leathers
from generator.render.engine import materials_solid as solids
from generator.render.engine import materials_woven as woven
from generator.render.engine.colour import CREAM, Colour, mix, palette
from generator.render.engine.finish import Finish
from generator.render.engine.patterns import pattern_colours


@dataclass(frozen=True, slots=True)
class Cloth:
    """Colour, material and pattern of a panel."""

    colour: Colour
    material: str = "cotton"
    pattern: str = "plain"
    style: "PatternStyle" = field(default_factory=lambda: PatternStyle())


@dataclass(frozen=True, slots=True)
class PatternStyle:
    """How a design prints or weaves a pattern: its scale, its second colour, and how broad its motifs are."""

    scale: float = 1.0
    strength: float = 0.82
    """Contrast of the pattern with its ground, 0 to 1."""
    dye: Colour | None = None
    """The colour of the contrast; ivory or ink where there is none, or where it is too near to the ground."""
    width: float = 0.5
    """Relative width of stripes, bars and dots, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Surface:
    """A cloth at every pixel: linear albedo, shape (h, w, 3), and its finish."""

    albedo: Float32Array
    finish: Finish


def evaluate_surface(cloth: Cloth, u: Float32Array, v: Float32Array, footprint: float) -> Surface:
    """Evaluate a cloth at texture coordinates (u, v) in units; pixels are `footprint` units wide."""
    if cloth.pattern == "plain":
        albedo = pattern_colours("plain", u, v, palette(cloth.colour), footprint)
    else:
        style = cloth.style
        colours, zoom = palette(cloth.colour, style.strength, style.dye, style.width), np.float32(1 / style.scale)
        albedo = pattern_colours(cloth.pattern, u * zoom, v * zoom, colours, footprint / style.scale)
    finish = FINISHES[cloth.material](u, v, footprint)
    if finish.bleach is not None:
        albedo = albedo + finish.bleach[..., None] * (mix(cloth.colour, CREAM, 0.75) - albedo)
    return Surface(np.asarray(albedo * finish.tone[..., None], np.float32), finish)


FINISHES: dict[str, Callable[[Float32Array, Float32Array, float], Finish]] = {
    "gabardine": woven.gabardine,
    "twill": woven.twill,
    "cotton": woven.cotton,
    "linen": woven.linen,
    "denim": woven.denim,
    "canvas": woven.canvas,
    "corduroy": woven.corduroy,
    "velvet": woven.velvet,
    "nylon": woven.nylon,
    "silk": woven.silk,
    "satin": woven.satin,
    "straw": woven.straw,
    "jersey": knits.jersey,
    "wool": knits.wool,
    "cashmere": knits.cashmere,
    "boucle": knits.boucle,
    "shearling": knits.shearling,
    "knit": knits.knit,
    "rib-knit": knits.rib_knit,
    "cable-knit": knits.cable_knit,
    "ribbing": knits.ribbing,
    "leather": leathers.leather,
    "grained-leather": leathers.grained_leather,
    "patent-leather": leathers.patent_leather,
    "exotic-leather": leathers.exotic_leather,
    "suede": leathers.suede,
    "acetate": solids.acetate,
    "glass": solids.glass,
    "metal": solids.metal,
    "ceramic": solids.ceramic,
    "stoneware": solids.stoneware,
    "teeth": solids.teeth,
    "horn": solids.horn,
    "rubber": solids.rubber,
    "liquid": solids.liquid,
    "wax": solids.wax,
    "lacquer": solids.lacquer,
}
"""The vocabulary of `schemas.appearance.MATERIALS`, and the materials of fittings, soles and linings."""
