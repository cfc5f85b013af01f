"""Two models on the same rows: the difference with its interval, an exact test, and the smallest detectable difference.

The difference is always second minus first. Rows where both models are right, or both wrong, say nothing about which is
better, so paired tests have the power. Rows of one family count together: intervals are cluster-robust
(`evaluation.stats.intervals`), and tests flip the sign of whole families (`evaluation.stats.intervals.flip_p`).
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from evaluation.stats.intervals import (
    BOOTSTRAP_DEGREES,
    ClusterIds,
    Values,
    Weighted,
    bca,
    bootstrap,
    bootstrap_degrees,
    cluster_sums,
    effective_rows,
    flip_p,
    half_width,
    is_lopsided,
    num_families,
    rate_limits,
    relabel,
    require_value,
    singleton_clusters,
    unweighted,
)
from schemas.util.stats import two_sided_quantile

POWER = 0.8
LOSSES = 0.05
"""Share of rows assumed lost (right before, wrong after) in `detectable_rate`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedEstimate:
    """A difference between two figures of the same n rows."""

    n: int
    families: int
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    effective: float = 0.0
    """Effective number of rows of the difference."""


NOTHING = PairedEstimate(n=0, families=0, difference=None, low=None, high=None, p=None)


def rate_difference(
    first: Values, second: Values, confidence: float, families: ClusterIds | None = None
) -> PairedEstimate:
    """Return the difference of two rates on the same rows, with Newcombe's interval and the exact sign-flip test.

    Source: Newcombe 1998 (Statist. Med. 17, 2635-2650), method 10: Wilson limits of both rates, combined by the
    correlation phi of the pairs, which is moved towards 0 by n/2 when positive. All counts are scaled to the effective
    number of rows of the difference, and lopsided families have exact limits (`intervals.rate_limits`). Where every
    family has one row, the test is McNemar's exact one.
    """
    n = len(first)
    if not n:
        return NOTHING
    families = singleton_clusters(n) if families is None else families
    gains = second - first
    rows = effective_rows(gains, families)
    low, high = _newcombe(first, second, rows, confidence, families)
    return PairedEstimate(
        n=n,
        families=num_families(families),
        difference=float(gains.mean()),
        low=low,
        high=high,
        p=flip_p(cluster_sums(gains, families), 0, steps=1),
        effective=rows,
    )


@functools.cache
def mcnemar(only_first: int, only_second: int) -> float:
    """Return the exact two-sided p of McNemar's test for independent rows: a fair coin over the discordant rows."""
    discordant = only_first + only_second
    return float(stats.binomtest(only_first, discordant).pvalue) if discordant else 1.0


def mean_difference(
    first: Values,
    second: Values,
    confidence: float,
    families: ClusterIds | None = None,
    *,
    bound: float = 1.0,
    steps: int | None = None,
    seed: int = 0,
) -> PairedEstimate:
    """Return the mean of the rows' differences in [-bound, bound]: cluster-robust Student's t, and the sign-flip test.

    Equal differences have no spread to estimate. The interval then reaches as far as rows that differ could still be
    unseen (1 - (alpha/2)^(1/n) of them), and is None without a bound. Lopsided families of values in [0, 1], as `bound`
    1 says, have the limits of `rate_difference`: no such value varies more than a binary one. `steps` and `seed` as in
    `flip_p`.
    """
    n = len(first)
    if not n:
        return NOTHING
    families = singleton_clusters(n) if families is None else families
    gains, num = second - first, num_families(families)
    centre, rows = float(gains.mean()), effective_rows(gains, families)
    low: float | None
    high: float | None
    if bound == 1 and is_lopsided(families):
        low, high = _newcombe(first, second, rows, confidence, families)
    elif num > 1 and gains.min() < gains.max():
        half = half_width(gains, confidence, families)
        low, high = max(-bound, centre - half), min(bound, centre + half)
    elif math.isfinite(bound):
        half = 1 - ((1 - confidence) / 2) ** (1 / rows)
        low, high = max(-bound, centre - half), min(bound, centre + half)
    else:
        low, high = None, None
    return PairedEstimate(
        n=n,
        families=num,
        difference=centre,
        low=low,
        high=high,
        p=flip_p(cluster_sums(gains, families), seed, steps),
        effective=rows,
    )


def median_difference(
    first: Weighted, second: Weighted, families: ClusterIds, confidence: float, seed: int
) -> PairedEstimate:
    """Return the difference of two medians, with the percentile interval of a paired bootstrap of families.

    Infinite values (answers without a price) are allowed; a limit or difference that is infinite is None. There is no
    test. Percentiles and not BCa, because leaving out one family moves a median by one step or not at all. Too few or
    lopsided families have no limits, as in `bca`.
    """
    n = len(families)
    if not n:
        return NOTHING
    medians = unweighted(first, n), unweighted(second, n)
    missing = PairedEstimate(n=n, families=num_families(families), difference=None, low=None, high=None, p=None)
    if math.isinf(medians[0]) and math.isinf(medians[1]):
        return missing
    codes = relabel(families)
    gains = np.sort(bootstrap(lambda weights: _finite_differences(first(weights), second(weights)), codes, seed))
    tail = int(len(gains) * (1 - confidence) / 2)
    figures = (medians[1] - medians[0], gains[tail], gains[-1 - tail])
    difference, low, high = (float(figure) if math.isfinite(figure) else None for figure in figures)
    if bootstrap_degrees(codes) < BOOTSTRAP_DEGREES:
        low, high = None, None
    return PairedEstimate(n=n, families=missing.families, difference=difference, low=low, high=high, p=None)


def pooled_difference(
    first: Weighted, second: Weighted, families: ClusterIds, confidence: float, seed: int
) -> PairedEstimate:
    """Return the difference of two pooled figures, with the BCa interval of a paired bootstrap; no test."""
    if not len(families):
        return NOTHING

    def gap(weights: Values) -> Values:
        return second(weights) - first(weights)

    value = unweighted(gap, len(families))
    low, high = bca(gap, families, confidence, seed)
    return PairedEstimate(
        n=len(families),
        families=num_families(families),
        difference=value if math.isfinite(value) else None,
        low=low,
        high=high,
        p=None,
    )


def macro_difference(
    groups: Sequence[PairedEstimate], families: int, widening: float = 1.0, p: float | None = None
) -> PairedEstimate:
    """Return the unweighted mean of the groups' differences; limits are combined as in `intervals.macro`."""
    if not groups:
        return NOTHING
    centre = sum(require_value(group.difference) for group in groups) / len(groups)
    down = math.hypot(*(require_value(group.difference) - require_value(group.low) for group in groups)) / len(groups)
    up = math.hypot(*(require_value(group.high) - require_value(group.difference) for group in groups)) / len(groups)
    return PairedEstimate(
        n=sum(group.n for group in groups),
        families=families,
        difference=centre,
        low=max(-1.0, centre - widening * down),
        high=min(1.0, centre + widening * up),
        p=p,
    )


@functools.lru_cache(maxsize=4096)
def detectable_rate(n: float, alpha: float) -> float | None:
    """Return the smallest gain d in a rate that McNemar's test finds with power 0.8 when 5 % of the rows are lost.

    Source: Connor 1987 (Biometrics 43, 207-211): n = (z_alpha/2 sqrt(s) + z_power sqrt(s - d^2))^2 / d^2 with the share
    of discordant rows s = 2 * 0.05 + d, solved for d. `n` is the effective number of rows. None when even d = 0.9 needs
    more.
    """
    if n == 0:
        return None
    needed, power = two_sided_quantile(1 - alpha), float(stats.norm.ppf(POWER))

    def enough(gain: float) -> bool:
        discordant = 2 * LOSSES + gain
        rows = (needed * math.sqrt(discordant) + power * math.sqrt(discordant - gain**2)) ** 2 / gain**2
        return rows <= n

    low, high = 0.0, 1 - 2 * LOSSES
    if not enough(high):
        return None
    for _ in range(40):
        centre = (low + high) / 2
        low, high = (low, centre) if enough(centre) else (centre, high)
    return high


def detectable_difference(gain: PairedEstimate, confidence: float, alpha: float) -> float | None:
    """Return the smallest difference found with power 0.8 at the spread that the interval shows.

    (z_alpha/2 + z_power) standard errors, one being half the interval's width over its quantile.
    """
    if gain.low is None or gain.high is None or gain.high <= gain.low:
        return None
    error = (gain.high - gain.low) / 2 / two_sided_quantile(confidence)
    return (two_sided_quantile(1 - alpha) + float(stats.norm.ppf(POWER))) * error


def _newcombe(
    first: Values, second: Values, rows: float, confidence: float, families: ClusterIds
) -> tuple[float, float]:
    """Return Newcombe's limits of the difference of two means in [0, 1], from `rows` effective rows."""
    means = float(first.mean()), float(second.mean())
    limits = [rate_limits(each, rows, confidence, families) for each in means]
    down, up = ([abs(each - limit[side]) for each, limit in zip(means, limits, strict=True)] for side in (0, 1))
    phi, difference = _phi(first, second, rows), means[1] - means[0]
    return (
        max(-1.0, difference - _combine_limits(down[1], up[0], phi)),
        min(1.0, difference + _combine_limits(up[1], down[0], phi)),
    )


def _phi(first: Values, second: Values, rows: float) -> float:
    """Return the correlation of the pairs; a positive one is moved towards 0 by 1 / (2 rows) in the covariance.

    For zeros and ones this is Newcombe's phi: with the four counts a, b, c, d of n pairs, (ad - bc - n/2) over the root
    of the product of the margins.
    """
    spread = math.sqrt(float(first.var()) * float(second.var()))
    if spread == 0:
        return 0.0
    together = float(np.mean(first * second)) - float(first.mean()) * float(second.mean())
    return (max(together - 1 / (2 * rows), 0.0) if together > 0 else together) / spread


def _combine_limits(one: float, other: float, phi: float) -> float:
    return math.sqrt(max(0.0, one**2 - 2 * phi * one * other + other**2))


def _finite_differences(first: Values, second: Values) -> Values:
    """Return differences in which two infinite medians are equal."""
    same = np.isinf(first) & np.isinf(second)
    return np.where(same, 0.0, np.where(same, 0.0, second) - np.where(same, 0.0, first))
