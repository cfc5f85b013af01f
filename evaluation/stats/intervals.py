"""Figures with two-sided intervals: a rate, a mean, a median, and the mean over groups.

Every interval here is a closed form, so it never depends on a random stream, and respects families of rows that are
alike (`evaluation.stats.clusters`). Without `families` every row is one of its own.
"""

import functools
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from schemas.util.stats import wilson

Values = npt.NDArray[np.float64]
Families = npt.NDArray[np.intp]
FEW_FAMILIES = 10
"""With fewer, the spread between families cannot be learnt from the rows."""


def factorize(names: Sequence[Hashable]) -> Families:
    """An integer for each name, equal ones for equal names, in the order of first appearance."""
    seen: dict[Hashable, int] = {}
    return np.array([seen.setdefault(name, len(seen)) for name in names], dtype=np.intp)


def singleton_clusters(n: int) -> Families:
    """Every row a family of its own."""
    return np.arange(n, dtype=np.intp)


def relabel(families: Families) -> Families:
    """The same families numbered from 0 without gaps."""
    return np.unique(families, return_inverse=True)[1].astype(np.intp)


def num_families(families: Families) -> int:
    """How many families these rows belong to."""
    return int(np.count_nonzero(np.bincount(families))) if len(families) else 0


def cluster_sums(values: Values, families: Families) -> Values:
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
    scatter = cluster_sums(values - values.mean(), families)
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


def spanning_factor(values: Values, families: Families, groups: Sequence[npt.NDArray[np.intp]]) -> float:
    """By which factor the mean of the groups' means varies more than if no family were in two groups; at least 1.

    `groups` are places in `values`, disjoint. The factor is one of standard errors.
    """
    together: Values = np.zeros(int(families.max()) + 1 if len(families) else 0)
    apart = 0.0
    for members in groups:
        scatter = cluster_sums(values[members] - values[members].mean(), families[members]) / len(members)
        together[: len(scatter)] += scatter
        apart += float(scatter @ scatter)
    return math.sqrt(max(1.0, float(together @ together) / apart)) if apart > 0 else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure of n rows with its interval; None where n is too small to say."""

    n: int
    families: int
    """Families that the n rows belong to."""
    value: float | None
    low: float | None
    high: float | None


NOTHING = Estimate(n=0, families=0, value=None, low=None, high=None)


def rate(values: Values, confidence: float, families: Families | None = None) -> Estimate:
    """Share of ones among zeros and ones, with the Wilson score interval of the effective number of rows.

    Wilson 1927; with the effective number in place of n as in Dean & Pagano 2015 (Journal of Survey Statistics and
    Methodology 3, 484-503), but without their degrees of freedom, which made it too wide.
    """
    if not len(values):
        return NOTHING
    families = singleton_clusters(len(values)) if families is None else families
    share = float(values.mean())
    low, high = wilson(share, effective_rows(values, families), confidence)
    return Estimate(n=len(values), families=num_families(families), value=share, low=low, high=high)


def mean(values: Values, confidence: float, families: Families | None = None, top: float = 1.0) -> Estimate:
    """Mean of values between 0 and `top`, with Student's t interval of the families' scatter, cut to these bounds.

    Values that are all alike say nothing about their spread. On [0, 1] the Wilson interval of their mean stands in,
    which is at least wide enough because no variable there varies more than a binary one of the same mean; without an
    upper bound there is no interval.
    """
    n = len(values)
    if not n:
        return NOTHING
    families = singleton_clusters(n) if families is None else families
    num, centre = num_families(families), float(values.mean())
    low: float | None
    high: float | None
    if num > 1 and values.min() < values.max():
        half = student_quantile(confidence, num - 1) * standard_error(values, families)
        low, high = max(0.0, centre - half), min(top, centre + half)
    else:
        alike = effective_rows(values, families)
        low, high = wilson(centre, alike, confidence) if top == 1 else (None, None)
    return Estimate(n=n, families=num, value=centre, low=low, high=high)


def median(values: Values, confidence: float, families: Families | None = None) -> Estimate:
    """Median with the distribution-free interval between two order statistics.

    David & Nagaraja, Order Statistics, section 7.1; with families the ranks of the effective number of rows are
    stretched to n, which is Woodruff's interval (1952, JASA 47, 635-646). Infinite values are allowed and sort last. A
    median or limit that is infinite, or that so few rows (under 6 at 95 %) cannot bound, is None.
    """
    n = len(values)
    if not n:
        return NOTHING
    families = singleton_clusters(n) if families is None else families
    ordered = np.sort(values)
    centre = float(row_medians(ordered[None])[0])
    rows = effective_rows((values <= centre).astype(np.float64), families)
    outside = int(stats.binom.ppf((1 - confidence) / 2, int(rows + 1e-9), 0.5) * n / rows + 1e-9)
    low, high = (float(ordered[outside - 1]), float(ordered[n - outside])) if outside else (math.inf, math.inf)
    return Estimate(
        n=n, families=num_families(families), value=nan_if_none(centre), low=nan_if_none(low), high=nan_if_none(high)
    )


def row_medians(values: Values) -> Values:
    """The median of each row; infinite when half of its values or more are."""
    ordered = np.sort(values, axis=-1)
    lower, upper = ordered[..., (values.shape[-1] - 1) // 2], ordered[..., values.shape[-1] // 2]
    finite = np.where(np.isinf(upper), 0.0, lower) + np.where(np.isinf(upper), 0.0, upper)
    found: Values = np.where(np.isinf(upper), np.inf, finite / 2)
    return found


def macro(groups: Sequence[Estimate], families: int, widening: float = 1.0) -> Estimate:
    """Unweighted mean over groups; each group's distance to its limits enters squared (MOVER).

    Zou & Donner 2008 (Statist. Med. 27, 1693-1702): unlike a standard error it does not vanish when every group is at
    0 or 1. `n` is the rows of all groups, `families` theirs; `widening` is `clusters.spanning`.
    """
    if not groups:
        return NOTHING
    centre = sum(require_value(group.value) for group in groups) / len(groups)
    down = (
        widening
        * math.hypot(*(require_value(group.value) - require_value(group.low) for group in groups))
        / len(groups)
    )
    up = (
        widening
        * math.hypot(*(require_value(group.high) - require_value(group.value) for group in groups))
        / len(groups)
    )
    return Estimate(
        n=sum(group.n for group in groups),
        families=families,
        value=centre,
        low=max(0.0, centre - down),
        high=min(1.0, centre + up),
    )


def require_value(value: float | None) -> float:
    """A figure that must exist: rates and means of at least one row always do."""
    assert value is not None, "a rate or mean of at least one row"
    return value


@functools.cache
def student_quantile(confidence: float, degrees: int) -> float:
    """The two-sided quantile of Student's t."""
    return float(stats.t.ppf((1 + confidence) / 2, degrees))


def nan_if_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
