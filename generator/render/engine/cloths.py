"""The cloths that silhouettes name ("main", "lining", "fitting", ...), derived from an appearance."""

import numpy as np

from generator.render.engine.colour import CREAM, INK, Colour, linear, luminance, mix, palette
from generator.render.engine.materials import Cloth, PatternStyle
from generator.render.engine.variation import Variation
from schemas.appearance import Appearance

METALS = {"silver": "#d3d6da", "gold": "#d6ac4e"}
HORN = linear("#3b2a1e")
SAND = linear("#cdb488")
BURGUNDY = linear("#7d2233")
SMALL_PRINTS = ("dress", "skirt")
"""Silhouettes whose patterns are smaller: they are sewn from light cloth."""
KNITTED = ("knit", "cable-knit", "wool", "cashmere", "jersey", "boucle", "shearling")
"""Materials whose collars and cuffs are knitted bands."""
COIL_ZIPS = (
    *("puffer-jacket", "parka", "windbreaker", "track-jacket", "bomber-jacket", "fleece-jacket", "quilted-jacket"),
    *("coat", "gilet", "cardigan"),
)
"""Silhouettes whose zips without metal are plastic coils dyed like the cloth."""
DYES = ("#a52a32", "#27407c", "#2f6b4f", "#d8a63a", "#c9788c", "#e9e4d8", "#1b1c20", "#7fa6c9", "#6d6f73")
"""Second colours of printed and woven patterns."""
PLACED_PRINTS = ("t-shirt", "sweater", "hoodie")
"""Silhouettes whose pattern `print` is one motif on the chest; elsewhere it repeats."""


def build_cloths(appearance: Appearance) -> dict[str, Cloth]:
    """Return name -> cloth: `main` has the material and pattern; the colours of the others follow from its colour."""
    colour = linear(appearance.colour)
    material, pattern = appearance.material, appearance.pattern
    deep = mix(colour * 0.42, HORN, 0.45)
    style = sample_pattern_style(appearance)
    if has_placed_print(appearance):
        pattern = "plain"
    return {
        "main": Cloth(colour, material, pattern, style),
        "self": Cloth(colour * 0.92, material),
        "trim": Cloth(deep, "leather"),
        "rib": Cloth(colour * 0.86, "ribbing"),
        "panel": Cloth(_second_colour(colour, style), material),
        "panel rib": Cloth(_second_colour(colour, style), "ribbing"),
        "fur": Cloth(_fur(colour, appearance), "shearling"),
        "rib main": Cloth(colour * np.float32(0.94), "ribbing" if material in KNITTED else material, pattern, style),
        "lining": _lining(appearance.lining, colour, material, pattern, style),
        "thread": Cloth(_thread(colour, material), "horn"),
        "cord": Cloth(palette(colour).second, "canvas"),
        "shell": Cloth(mix(CREAM, colour, 0.12), "horn"),
        "fitting": _fitting(appearance.hardware, "metal"),
        "teeth": _zip_teeth(appearance, colour),
        "tape": Cloth(colour * 0.45, "canvas"),
        "sole": Cloth(linear("#e9e6de"), "rubber"),
        "print": Cloth(palette(colour, 0.92, style.dye).contrast, "horn"),
        "print accent": Cloth(palette(colour, 0.92).accent, "horn"),
        "accent": Cloth(palette(colour).second, "suede"),
        "bumper": Cloth(deep, "rubber"),
        "insole": Cloth(SAND if luminance(colour) > 0.02 else mix(SAND, HORN, 0.4), "leather"),
        "cork": Cloth(linear("#a8825a"), "stoneware"),
        "dial": Cloth(CREAM, "lacquer"),
        "self dial": Cloth(colour * np.float32(0.8), "lacquer"),
        "hand": Cloth(linear("#b3372c"), "horn"),
        "gum": Cloth(linear("#b07a45"), "rubber"),
        "stitch": Cloth(linear("#c9c4b6"), "horn"),
        "dark": Cloth(linear("#26221f"), "rubber"),
        "heel": Cloth(linear("#4a2f1d"), "leather"),
        "lace": Cloth(mix(CREAM, colour, 0.10) if luminance(colour) < 0.5 else mix(colour, INK, 0.55), "ribbing"),
        "note": Cloth(linear("#9fb3a0"), "cotton"),
        "card": Cloth(linear("#5d7fa6"), "lacquer"),
        "clear": Cloth(linear("#dfe6e6"), "glass"),
        "paper": Cloth(mix(CREAM, colour, 0.06), "lacquer", pattern, style),
        "lens": Cloth(linear("#20242c"), "glass"),
        "liquid": Cloth(mix(colour, CREAM, 0.38), "liquid"),
        "case": Cloth(mix(INK, colour, 0.04) * np.float32(0.7), "ceramic", pattern, style),
        "bullet": Cloth(colour, "wax"),
        "wax": Cloth(mix(CREAM, colour, 0.18), "wax"),
        "fill": Cloth(mix(CREAM, colour, 0.30), "liquid"),
        "label": Cloth(CREAM, "lacquer"),
        "rivet": Cloth(linear("#b98a5e"), "metal"),
        "flame": Cloth(linear("#ffc25e"), "wax"),
        "glow": Cloth(linear("#fff3cf"), "wax"),
    }


def _fitting(hardware: str, material: str) -> Cloth:
    return Cloth(HORN, "horn") if hardware == "none" else Cloth(linear(METALS[hardware]), material)


def _zip_teeth(appearance: Appearance, colour: Colour) -> Cloth:
    """Return the teeth of zips: metal, horn, or for outerwear without metal a plastic coil near its colour."""
    if appearance.hardware == "none" and appearance.silhouette in COIL_ZIPS:
        return Cloth(mix(colour * np.float32(0.55), INK, 0.25), "horn")
    return _fitting(appearance.hardware, "teeth")


def has_placed_print(appearance: Appearance) -> bool:
    """Return whether the pattern is one print on the chest; a stack of folded clothes shows a repeated one."""
    placed = appearance.pattern == "print" and appearance.silhouette in PLACED_PRINTS
    return placed and appearance.presentation != "folded"


def sample_pattern_style(appearance: Appearance) -> PatternStyle:
    """Sample how this design prints or weaves its pattern; all colourways share it."""
    design = Variation(f"{appearance.silhouette}/pattern", appearance.design_seed)
    return PatternStyle(
        scale=2 ** (design.uniform("scale", -0.75, 0.45) - (0.6 if appearance.silhouette in SMALL_PRINTS else 0.0)),
        strength=design.uniform("strength", 0.60, 0.92),
        dye=linear(design.choice("dye", DYES)) if design.chance("dyed", 0.5) else None,
        width=design.uniform("width", 0.0, 1.0),
    )


def _lining(lining: str, colour: Colour, material: str, pattern: str, style: PatternStyle) -> Cloth:
    if lining == "none":
        return Cloth(colour * np.float32(0.70), material, pattern, style)
    if lining == "plain":
        return Cloth(CREAM if luminance(colour) < 0.35 else BURGUNDY, "satin")
    return Cloth(SAND, "cotton", "check")


def _second_colour(colour: Colour, style: PatternStyle) -> Colour:
    """Return the colour of panels and ribs in another colour: black, white or a dye, as the design decides."""
    choices = palette(colour, 0.85, style.dye)
    if style.width < 0.35:
        return INK if luminance(colour) > 0.05 else choices.contrast
    return choices.contrast if style.width < 0.75 else mix(colour, INK, 0.55)


def _fur(colour: Colour, appearance: Appearance) -> Colour:
    """Return the colour of a fur trim: brown, grey or near the colour of the cloth."""
    tone = Variation(f"{appearance.silhouette}/fur", appearance.design_seed).choice("tone", (0, 0, 1, 2, 3))
    return (mix(HORN, SAND, 0.25), linear("#8d8a86"), linear("#2a2826"), mix(colour, CREAM, 0.25))[tone]


def _thread(colour: Colour, material: str) -> Colour:
    """Return orange for denim, otherwise a little lighter or darker than the cloth."""
    return linear("#cf8a3c") if material == "denim" else mix(colour, palette(colour).contrast, 0.22)
