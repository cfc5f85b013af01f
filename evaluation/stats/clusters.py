"""Rows of one product family are alike: how much that widens an interval.

Colourways of one design share title, category and often the price, so a model tends to be right about all of them or
about none. A standard error that takes them for independent rows is too small: where families of one to three rows
agree, 83 instead of 95 of a hundred intervals cover the truth (`benchmarks/certify.py`). Everything here takes the
family of each row as an integer and gives back the plain figure where every family has one row.
"""

import math
from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
Families = npt.NDArray[np.intp]
FEW_FAMILIES = 10
"""With fewer, the spread between families cannot be learnt from the rows."""


def numbered(names: Sequence[Hashable]) -> Families:
    """An integer for each name, equal ones for equal names, in the order of first appearance."""
    seen: dict[Hashable, int] = {}
    return np.array([seen.setdefault(name, len(seen)) for name in names], dtype=np.intp)


def singles(n: int) -> Families:
    """Every row a family of its own."""
    return np.arange(n, dtype=np.intp)


def compact(families: Families) -> Families:
    """The same families numbered from 0 without gaps."""
    return np.unique(families, return_inverse=True)[1].astype(np.intp)


def num_families(families: Families) -> int:
    """How many families these rows belong to."""
    return int(np.count_nonzero(np.bincount(families))) if len(families) else 0


def family_sums(values: Values, families: Families) -> Values:
    """The sum of each family, by its number; 0 for a number that no row has."""
    return np.asarray(np.bincount(families, weights=values), np.float64)


def standard_error(values: Values, families: Families) -> float:
    """Of the mean of the rows, from the scatter of whole families: at least one row; NaN for a single family.

    Miller 2024 (arXiv 2411.00640), equation 4, times G / (G - 1) for G families under the root, so that it is the usual
    standard error where every family has one row.
    """
    num = num_families(families)
    if num < 2:
        return math.nan
    scatter = family_sums(values - values.mean(), families)
    return math.sqrt(float(scatter @ scatter) * num / (num - 1)) / len(values)


def effective_rows(values: Values, families: Families) -> float:
    """How many independent rows would tell as much about the mean as these do; at least 1, at most all of them.

    1 + variance of the rows / variance of the mean; the design effect is the number of rows over this. Where nothing
    varies, and with fewer than ten families, the rows of a family count as one: n^2 / (sum of squared family sizes).
    """
    n, num = len(values), num_families(families)
    if num == n:
        return float(n)
    sizes = np.bincount(families).astype(np.float64)
    alike = n * n / float(sizes @ sizes)
    error, variance = standard_error(values, families), float(values.var())
    if not variance > 0 or not error > 0:
        return alike
    found = min(float(n), 1 + variance / error**2)
    return min(found, alike) if num < FEW_FAMILIES else found


def spanning(values: Values, families: Families, groups: Sequence[npt.NDArray[np.intp]]) -> float:
    """By which factor the mean of the groups' means varies more than if no family were in two groups; at least 1.

    `groups` are places in `values`, disjoint. The factor is one of standard errors.
    """
    together: Values = np.zeros(int(families.max()) + 1 if len(families) else 0)
    apart = 0.0
    for members in groups:
        scatter = family_sums(values[members] - values[members].mean(), families[members]) / len(members)
        together[: len(scatter)] += scatter
        apart += float(scatter @ scatter)
    return math.sqrt(max(1.0, float(together @ together) / apart)) if apart > 0 else 1.0
