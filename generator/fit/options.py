"""How rows are to be fitted, and how a privacy budget is divided."""

from dataclasses import dataclass

from generator.fit.mechanisms import Path3

SHARES = {
    "table": 0.85,
    "median": 0.04,
    "endings": 0.02,
    "materials": 0.015,
    "patterns": 0.01,
    "colours": 0.02,
    "discounts": 0.015,
    "navigation": 0.01,
    "sizes": 0.02,
}
"""What each statistic gets of epsilon; categories and prices, which decide most of a catalog, get most."""
KEYS_SHARE = 0.35
"""Taken from the table's share where the list of categories has to be released too."""
QUARTILE_FACTOR = 1.8
"""The price bins of the table are cut at the released median, and this factor below and above it."""
NOISE_WIDTHS = 4.0
"""A noisy cell that holds less than so many widths of its noise counts as empty."""
ENDING_WIDTHS = 7.0
"""The same for price endings, of which there are hundreds of cells."""
USUAL_LONGEST = 6
"""Colourways of a design at most, where families are not looked at one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOptions:
    """How rows are to be fitted."""

    epsilon: float | None = None
    """Privacy loss of everything together; None for exact counts."""
    delta: float = 1e-6
    """Spent only where names of categories are released above a threshold."""
    min_support: int = 5
    """Families that must stand behind a word or a value."""
    categories: tuple[Path3, ...] | None = None
    """Paths that are public knowledge, such as the menu of the site; else they are found in the rows."""
    name: str = "twin"
    currency: str | None = None
    country: str | None = None
    pictures: bool = True
