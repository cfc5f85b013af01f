"""Fit a catalog spec to real rows, exact or with differential privacy. The entry point is `fit_spec.fit`.

The options are here, because every module of the package reads them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

CategoryPath = tuple[str, str, str]
"""category1, category2, category3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOptions:
    """How to fit a spec to rows."""

    epsilon: float | None = None
    """Privacy loss of all releases together; None for exact counts."""
    delta: float = 1e-6
    """Spent only where names of categories, or values of columns that are kept, are released above a threshold."""
    unit: Literal["family", "row"] = "family"
    """With epsilon: what it protects, a product family or a single row (of a table without families)."""
    min_support: int = 5
    """Smallest number of families behind a word or a value."""
    categories: tuple[CategoryPath, ...] | None = None
    """Paths that are public knowledge, such as the menu of the site; None to find them in the rows."""
    price_range: tuple[float, float] | None = None
    """With epsilon: lowest and highest price, if they are public knowledge."""
    name: str = "twin"
    currency: str | None = None
    country: str | None = None
    images: bool = True
    """Whether to read colours from images where neither a column nor the title names one."""
    keep: tuple[str, ...] = ()
    """The user's own columns that the spec and the generated catalog have too."""
    keep_values: Mapping[str, tuple[str | float, ...]] = field(default_factory=dict)
    """With epsilon: column that is kept -> its values, where they are public; others are found in the rows."""
