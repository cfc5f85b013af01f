"""Confidence intervals of a rate, a mean, a median and a macro mean, for rows in clusters (product families).

Colourways of one design share title, category and often the price, so a model tends to be right about all of them or
about none. A standard error for independent rows is too small: where families of one to three rows agree, 83 instead of
95 of 100 intervals cover the truth (`benchmarks/certify.py`). Every function takes the family of each row as an
integer, and equals the textbook formula where every family has one row. Without `families` every row is a cluster of
its own. All intervals are closed forms, so they need no random numbers.
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
ClusterIds = npt.NDArray[np.intp]
"""For each row the number of its cluster, shape (N,): its product family, or another group such as its category."""
FEW_FAMILIES = 10
"""With fewer, the spread between families cannot be estimated from the rows."""


def factorize(names: Sequence[Hashable]) -> ClusterIds:
    """Return an integer for each name, equal ones for equal names, in the order of first appearance (as pandas)."""
    seen: dict[Hashable, int] = {}
    return np.array([seen.setdefault(name, len(seen)) for name in names], dtype=np.intp)


def singleton_clusters(n: int) -> ClusterIds:
    """Return clusters of one row each."""
    return np.arange(n, dtype=np.intp)


def relabel(families: ClusterIds) -> ClusterIds:
    """Return the same families numbered from 0 without gaps."""
    return np.unique(families, return_inverse=True)[1].astype(np.intp)


def num_families(families: ClusterIds) -> int:
    """Return the number of families of these rows."""
    return int(np.count_nonzero(np.bincount(families))) if len(families) else 0


def cluster_sums(values: Values, families: ClusterIds) -> Values:
    """Return the sum of each family, by its number; 0 for a number that no row has."""
    return np.asarray(np.bincount(families, weights=values), np.float64)


def standard_error(values: Values, families: ClusterIds) -> float:
    """Return the cluster-robust standard error of the mean of at least one row; NaN for a single family.

    Source: Miller 2024 (arXiv 2411.00640), equation 4, times G / (G - 1) for G families under the root, so that it is
    the usual standard error where every family has one row.
    """
    num = num_families(families)
    if num < 2:
        return math.nan
    scatter = cluster_sums(values - values.mean(), families)
    return math.sqrt(float(scatter @ scatter) * num / (num - 1)) / len(values)


def effective_rows(values: Values, families: ClusterIds) -> float:
    """Return the effective sample size of the mean: how many independent rows would have its variance, in [1, N].

    1 + variance of the rows / variance of the mean; the design effect is N over this. Where nothing varies, and with
    fewer than ten families, the rows of a family count as one: N^2 / (sum of squared family sizes).
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


def spanning_factor(values: Values, families: ClusterIds, groups: Sequence[npt.NDArray[np.intp]]) -> float:
    """Return the factor by which families in several groups widen the interval of the mean of group means; at least 1.

    `groups` are disjoint indices into `values`. The factor applies to standard errors.
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
    """A metric of n rows with its interval; None where n is too small."""

    n: int
    families: int
    """Number of families of the n rows."""
    value: float | None
    low: float | None
    high: float | None


NOTHING = Estimate(n=0, families=0, value=None, low=None, high=None)


def rate(values: Values, confidence: float, families: ClusterIds | None = None) -> Estimate:
    """Return the share of ones among zeros and ones, with the Wilson score interval of the effective number of rows.

    Source: Wilson 1927; with the effective number in place of n as in Dean & Pagano 2015 (Journal of Survey Statistics
    and Methodology 3, 484-503), but without their degrees of freedom, which made it too wide.
    """
    if not len(values):
        return NOTHING
    families = singleton_clusters(len(values)) if families is None else families
    share = float(values.mean())
    low, high = wilson(share, effective_rows(values, families), confidence)
    return Estimate(n=len(values), families=num_families(families), value=share, low=low, high=high)


def mean(values: Values, confidence: float, families: ClusterIds | None = None, top: float = 1.0) -> Estimate:
    """Return the mean of values in [0, `top`], with the cluster-robust Student's t interval, clipped to these bounds.

    Equal values say nothing about their spread. On [0, 1] the Wilson interval of their mean is used then: it is wide
    enough, because no variable in [0, 1] varies more than a binary one of the same mean. Without an upper bound there
    is no interval.
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


def median(values: Values, confidence: float, families: ClusterIds | None = None) -> Estimate:
    """Return the median with the distribution-free interval between two order statistics.

    Source: David & Nagaraja, Order Statistics, section 7.1; with families the ranks of the effective number of rows are
    stretched to n (Woodruff 1952, JASA 47, 635-646). Infinite values are allowed and sort last. A median or limit that
    is infinite, or that too few rows (under 6 at 95 %) cannot bound, is None.
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
        n=n,
        families=num_families(families),
        value=_none_if_infinite(centre),
        low=_none_if_infinite(low),
        high=_none_if_infinite(high),
    )


def row_medians(values: Values) -> Values:
    """Return the median of each row; infinite when half of its values or more are."""
    ordered = np.sort(values, axis=-1)
    lower, upper = ordered[..., (values.shape[-1] - 1) // 2], ordered[..., values.shape[-1] // 2]
    finite = np.where(np.isinf(upper), 0.0, lower) + np.where(np.isinf(upper), 0.0, upper)
    found: Values = np.where(np.isinf(upper), np.inf, finite / 2)
    return found


def macro(groups: Sequence[Estimate], families: int, widening: float = 1.0) -> Estimate:
    """Return the unweighted mean over groups; each group's distance to its limits enters squared (MOVER).

    Source: Zou & Donner 2008 (Statist. Med. 27, 1693-1702). Unlike a standard error it does not vanish when every group
    is at 0 or 1. `families` is the number of families of all groups; `widening` is `spanning_factor`.
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
    """Return a figure that must exist: rates and means of at least one row always do."""
    assert value is not None, "a rate or mean of at least one row"
    return value


@functools.cache
def student_quantile(confidence: float, degrees: int) -> float:
    """Return the two-sided quantile of Student's t."""
    return float(stats.t.ppf((1 + confidence) / 2, degrees))


def _none_if_infinite(value: float) -> float | None:
    return value if math.isfinite(value) else None
