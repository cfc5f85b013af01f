"""Colours in linear light, and the palette that a pattern derives from one ground colour."""

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Colour = npt.NDArray[np.float32]
"""Linear RGB, shape (3,), 0 to 1."""

BLACKEST = 0.010
"""Reflectance of the darkest dye; pure black would hide all folds."""


@functools.lru_cache(maxsize=1024)
def linear(code: str) -> Colour:
    """Return the linear colour of an sRGB code #rrggbb, limited to the reflectance of dyed cloth (IEC 61966-2-1).

    The array is read-only, as all callers share it.
    """
    srgb = np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    light = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    colour = (BLACKEST + (0.90 - BLACKEST) * light).astype(np.float32)
    colour.flags.writeable = False
    return colour


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """Return the mixture of two colours with the given share of `b`."""
    return (a * (1 - share) + b * share).astype(np.float32)


def luminance(colour: Colour) -> float:
    """Return the relative luminance (Rec. 709), 0 to 1."""
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
    width: float = 0.5
    """Relative width of the motifs: 0 thin, 1 broad."""


def palette(ground: Colour, strength: float = 0.82, dye: Colour | None = None, width: float = 0.5) -> Palette:
    """Return three companion colours that are readable on any ground colour.

    `strength` is the share of the contrast colour; `dye` replaces ivory and ink as that colour where it is far enough
    from the ground in lightness.
    """
    far = CREAM if luminance(ground) < 0.22 else INK
    if dye is not None and abs(luminance(dye) ** 0.5 - luminance(ground) ** 0.5) > 0.22:
        far = dye
    turned = np.roll(ground, 1) * 0.55 + np.array([0.20, 0.04, 0.03], np.float32)
    return Palette(
        ground, mix(ground, far, strength), mix(ground, far, 0.51 * strength), np.clip(turned, 0.02, 0.8), width
    )
