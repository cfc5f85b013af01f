"""Colours in linear light and the small palette that a pattern mixes from one ground colour."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Colour = npt.NDArray[np.float32]
"""Linear RGB, shape (3,), 0 to 1."""

BLACKEST = 0.010
"""Reflectance of the darkest dye; pure black would hide every fold."""


def linear(code: str) -> Colour:
    """The linear colour of an sRGB code #rrggbb, kept within the reflectance of dyed cloth."""
    srgb = np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    light = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return (BLACKEST + (0.90 - BLACKEST) * light).astype(np.float32)


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """`share` of b in a."""
    return (a * (1 - share) + b * share).astype(np.float32)


def luminance(colour: Colour) -> float:
    """Relative luminance (Rec. 709)."""
    return float(colour @ np.array([0.2126, 0.7152, 0.0722], np.float32))


CREAM = linear("#f2eadb")
INK = linear("#1d2130")


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of a printed or woven pattern."""

    ground: Colour
    contrast: Colour
    """Far from the ground in lightness: light on dark cloth, dark on light cloth."""
    second: Colour
    """Between ground and contrast."""
    accent: Colour
    """Another hue, for thin lines and small motifs."""


def palette(ground: Colour) -> Palette:
    """Three companions of a ground colour that stay readable on it, whatever it is."""
    far = CREAM if luminance(ground) < 0.22 else INK
    turned = np.roll(ground, 1) * 0.55 + np.array([0.20, 0.04, 0.03], np.float32)
    return Palette(ground, mix(ground, far, 0.82), mix(ground, far, 0.42), np.clip(turned, 0.02, 0.8))
