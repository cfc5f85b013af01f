"""Confidence intervals of a rate, a mean, a median and a macro mean, for rows in clusters (product families).

Colourways of one design share title, category and often the price, so a model tends to be right about all of them or
about none. A standard error for independent rows is too small: where families of one to three rows agree, 83 instead of
95 of 100 intervals cover the truth (`benchmarks/certify.py`). Every function takes the family of each row as an
integer, and equals the textbook formula where every family has one row. Without `families` every row is a cluster of
its own. These intervals are closed forms, so they need no random numbers.

A few large families are the hard case: they decide the figure, and a family that decides the mean hardly differs from
it, so rows show too small a spread. `spread_degrees` says how many independent squares that spread is made of. Where
they are few, the rows of a family count as one, and exact binomial limits replace approximate ones.

Figures without a formula have a cluster bootstrap (`bca`), and paired rows a sign-flip test (`flip_p`). Whole families
are resampled, seeded and vectorised: a resample is a weight per row, the number of times that its family was selected.
A figure is therefore a function of weights, and no row is copied.
"""

import functools
import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from schemas.util.stats import clopper_pearson, wilson

Values = npt.NDArray[np.float64]
ClusterIds = npt.NDArray[np.intp]
"""For each row the number of its cluster, shape (N,): its product family, or another group such as its category."""
FEW_FAMILIES = 10
"""With fewer, the spread between families cannot be estimated from the rows."""
LOPSIDED_DEGREES = 20.0
LOPSIDED_SHARE = 0.6
"""Families are lopsided where `spread_degrees` is below both: 20, and this share of what families of one size have."""
BOOTSTRAP_DEGREES = 6.0
"""Fewer `spread_degrees` have no bootstrap interval: resamples of so few families vary too little."""
RESAMPLES = 2000
"""Bootstrap resamples. Read at each call, so that tests can run with fewer."""
FLIPS = 4999
"""Random sign flips of a test; read at each call too."""
ENUMERATED = 12
"""Up to this many families all 2^12 flips are enumerated."""
JACKKNIFE_PARTS = 400
"""More families than these are left out several at a time; that changes the acceleration little."""
_CHUNK_CELLS = 400_000
_CACHED_CELLS = 30_000_000

Weighted = Callable[[Values], Values]
"""From weights (rows, resamples) to one figure per resample, (resamples,); NaN where a resample has none."""


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


def spread_degrees(families: ClusterIds) -> float:
    """Return the degrees of freedom of the spread between families, where rows of a family are alike; at most G - 1.

    The unbiased variance of the mean of G families with shares w of the rows is sum_g (w_g d_g)^2 / k_g, with d_g the
    distance of the family's mean to the mean, k_g = 1 - 2 w_g + S and S = sum_g w_g^2. Its degrees of freedom are
    Satterthwaite's for a sum of dependent squares: E^2 over half of the variance. G - 1 where all families have one
    size, near 1 where one of them decides the mean.
    Source: Bell & McCaffrey 2002 (Survey Methodology 28, 169-181) and Pustejovsky & Tipton 2018 (Journal of Business &
    Economic Statistics 36, 672-683), for a regression on a constant whose families have equal variance.
    """
    sizes = np.bincount(families)
    w: Values = sizes[sizes > 0] / len(families)
    if len(w) < 2:
        return 0.0
    squares = float(w @ w)
    a: Values = w**2 / (1 - 2 * w + squares)
    none, once, twice = (float(np.sum(a * w**power)) for power in range(3))
    every_pair = squares**2 * none**2 + 2 * none * twice + 2 * once**2 - 4 * squares * none * once
    apart = every_pair - float(np.sum(a**2 * (squares - 2 * w) ** 2))
    return squares**2 / (float(np.sum(w**4)) + max(0.0, apart))


def is_lopsided(families: ClusterIds) -> bool:
    """Return whether a few families hold so many of the rows that they decide the figure."""
    num = num_families(families)
    return num > 1 and spread_degrees(families) < min(LOPSIDED_DEGREES, LOPSIDED_SHARE * (num - 1))


def kish_rows(families: ClusterIds) -> float:
    """Return the effective number of families, 1 / (sum of squared shares): rows of a family count as one.

    Source: Kish 1965, Survey Sampling, section 8.2, for families whose rows are all alike.
    """
    sizes = np.bincount(families).astype(np.float64)
    return len(families) ** 2 / float(sizes @ sizes)


def can_differ(num: int, alpha: float) -> bool:
    """Return whether a sign-flip test of this many families can reach p <= alpha: its smallest p is 2^(1 - G)."""
    return 2.0 ** (1 - num) <= alpha


def effective_rows(values: Values, families: ClusterIds) -> float:
    """Return the effective sample size of the mean: how many independent rows would have its variance, in [1, N].

    1 + variance of the rows / variance of the mean; the design effect is N over this. At most `kish_rows` where nothing
    varies, with fewer than ten families, and where families are lopsided.
    """
    n, num = len(values), num_families(families)
    if num == n:
        return float(n)
    alike = kish_rows(families)
    error, variance = standard_error(values, families), float(values.var())
    if not variance > 0 or not error > 0:
        return alike
    found = min(float(n), 1 + variance / error**2)
    return min(found, alike) if num < FEW_FAMILIES or is_lopsided(families) else found


def rate_limits(share: float, rows: float, confidence: float, families: ClusterIds) -> tuple[float, float]:
    """Return the limits of a rate of an effective number of rows: Wilson's, or exact ones for lopsided families."""
    return (clopper_pearson if is_lopsided(families) else wilson)(share, rows, confidence)


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
    and Methodology 3, 484-503), but without their degrees of freedom, which made it too wide. Lopsided families have
    `clopper_pearson` limits.
    """
    if not len(values):
        return NOTHING
    families = singleton_clusters(len(values)) if families is None else families
    share = float(values.mean())
    low, high = rate_limits(share, effective_rows(values, families), confidence, families)
    return Estimate(n=len(values), families=num_families(families), value=share, low=low, high=high)


def mean(values: Values, confidence: float, families: ClusterIds | None = None, top: float = 1.0) -> Estimate:
    """Return the mean of values in [0, `top`], with the cluster-robust Student's t interval, clipped to these bounds.

    Equal values say nothing about their spread. On [0, 1] the Wilson interval of their mean is used then: it is wide
    enough, because no variable in [0, 1] varies more than a binary one of the same mean. Without an upper bound there
    is no interval. Lopsided families have exact binomial limits for the same reason, and without a bound Student's t
    with the unbiased variance and the degrees of freedom of `spread_degrees`.
    """
    n = len(values)
    if not n:
        return NOTHING
    families = singleton_clusters(n) if families is None else families
    num, centre = num_families(families), float(values.mean())
    low: float | None
    high: float | None
    if top == 1 and is_lopsided(families):
        low, high = clopper_pearson(centre, kish_rows(families), confidence)
    elif num > 1 and values.min() < values.max():
        half = half_width(values, confidence, families)
        low, high = max(0.0, centre - half), min(top, centre + half)
    else:
        alike = effective_rows(values, families)
        low, high = wilson(centre, alike, confidence) if top == 1 else (None, None)
    return Estimate(n=n, families=num, value=centre, low=low, high=high)


def half_width(values: Values, confidence: float, families: ClusterIds) -> float:
    """Return half the width of the Student's t interval of a mean of at least two families, as in `mean`."""
    if not is_lopsided(families):
        return student_quantile(confidence, num_families(families) - 1) * standard_error(values, families)
    sizes = np.bincount(families)
    shares: Values = sizes / len(values)
    scatter = cluster_sums(values - values.mean(), families) / len(values)
    error = math.sqrt(float(np.sum(scatter**2 / (1 - 2 * shares + float(shares @ shares)))))
    return student_quantile(confidence, spread_degrees(families)) * error


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
def student_quantile(confidence: float, degrees: float) -> float:
    """Return the two-sided quantile of Student's t."""
    return float(stats.t.ppf((1 + confidence) / 2, degrees))


def _none_if_infinite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def bca(figure: Weighted, families: ClusterIds, confidence: float, seed: int) -> tuple[float | None, float | None]:
    """Return bias-corrected and accelerated bootstrap limits of a figure; families are sampled with replacement.

    Source: Efron 1987 (JASA 82, 171-185); the acceleration is from leaving out one family at a time. Quantiles are
    those of Student's t times sqrt(G / (G - 1)) for G families instead of the normal ones, because resamples of few
    families vary too little (Hesterberg 2015, The American Statistician 69, 371-386, section 4.2: expanded intervals).
    Lopsided families have `spread_degrees` in place of G - 1. None where these are fewer than `BOOTSTRAP_DEGREES`,
    where resamples do not vary, or where one in twenty has no figure.
    """
    codes = relabel(families)
    degrees = bootstrap_degrees(codes)
    if degrees < BOOTSTRAP_DEGREES:
        return None, None
    value = unweighted(figure, len(codes))
    resampled = bootstrap(figure, codes, seed)
    found = resampled[np.isfinite(resampled)]
    if not math.isfinite(value) or len(found) < 0.95 * len(resampled) or found.min() == found.max():
        return None, None
    below = float(np.mean(found < value) + np.mean(found <= value)) / 2
    shift = float(stats.norm.ppf(min(max(below, 0.5 / len(found)), 1 - 0.5 / len(found))))
    speed = _acceleration(_jackknife(figure, codes))
    z = student_quantile(confidence, degrees) * math.sqrt((degrees + 1) / degrees) * np.array([-1.0, 1.0])
    ends = stats.norm.cdf(shift + (shift + z) / (1 - speed * (shift + z)))
    low, high = np.quantile(found, ends)
    return float(low), float(high)


def bootstrap_degrees(families: ClusterIds) -> float:
    """Return the degrees of freedom of a bootstrap of families: G - 1, or `spread_degrees` where they are lopsided."""
    return spread_degrees(families) if is_lopsided(families) else num_families(families) - 1.0


def unweighted(figure: Weighted, num_rows: int) -> float:
    """Return the figure of the rows as they are."""
    return float(figure(np.ones((num_rows, 1)))[0])


def bootstrap(figure: Weighted, codes: ClusterIds, seed: int) -> Values:
    """Return the figure of each resample, (RESAMPLES,), in a fixed order; `codes` are families without gaps."""
    weights = _bootstrap_counts(int(codes.max()) + 1, seed)
    parts = np.array_split(weights, max(1, weights.shape[1] * len(codes) // _CHUNK_CELLS), axis=1)
    return np.concatenate([figure(part[codes].astype(np.float64)) for part in parts])


def flip_p(sums: Values, seed: int, steps: int | None = None) -> float:
    """Return the two-sided p of the hypothesis that a family's summed difference is symmetric around 0.

    The sign of whole families is flipped (Fisher's randomisation test); the statistic is the sum over families. `steps`
    says that every sum is an integer multiple of 1 / steps: then the distribution is computed exactly, and for families
    of one row and steps = 1 this is McNemar's exact test. Otherwise all flips are enumerated for up to twelve families
    that differ, and `FLIPS` seeded ones beyond, with one added above and below so that p is never 0.
    """
    moved = np.abs(sums[sums != 0])
    if not len(moved):
        return 1.0
    if steps is not None:
        return _exact_flip_p(sums, steps)
    observed = abs(float(sums.sum())) * (1 - 1e-12)
    if len(moved) <= ENUMERATED:
        signs = 1 - 2 * ((np.arange(2 ** len(moved))[:, None] >> np.arange(len(moved))) & 1)
        return float(np.mean(np.abs(signs @ moved) >= observed))
    reached = int(np.sum(np.abs(_flipped_sums(sums, seed)) >= observed))
    return (reached + 1) / (FLIPS + 1)


def _exact_flip_p(sums: Values, steps: int) -> float:
    """Convolve the distributions of k * (2 * Binomial(c, 1/2) - c) over sizes k that occur c times."""
    whole = np.rint(np.abs(sums) * steps).astype(np.int64)
    sizes, counts = np.unique(whole[whole > 0], return_counts=True)
    distribution = np.ones(1)
    for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):
        spread = np.zeros(2 * size * count + 1)
        spread[:: 2 * size] = _binomial_pmf(count)
        distribution = np.convolve(distribution, spread)
    reach = (len(distribution) - 1) // 2
    observed = abs(int(np.rint(float(sums.sum()) * steps)))
    if not observed:
        return 1.0
    return min(1.0, float(distribution[: reach - observed + 1].sum() + distribution[reach + observed :].sum()))


@functools.lru_cache(maxsize=4096)
def _binomial_pmf(count: int) -> Values:
    found: Values = stats.binom.pmf(np.arange(count + 1), count, 0.5)
    return found


def _flipped_sums(sums: Values, seed: int) -> Values:
    signs = _signs(len(sums), seed, FLIPS)
    parts = np.array_split(signs, max(1, signs.size // _CHUNK_CELLS))
    return np.concatenate([part.astype(np.float64) @ sums for part in parts])


@functools.lru_cache(maxsize=2)
def _signs(num: int, seed: int, flips: int) -> npt.NDArray[np.int8]:
    rng = np.random.default_rng([seed, num])
    return (1 - 2 * rng.integers(0, 2, (flips, num), dtype=np.int8)).astype(np.int8)


def _bootstrap_counts(num: int, seed: int) -> npt.NDArray[np.int16]:
    """Return how often each family is in each resample; the same for every figure of the same families."""
    make = _cached_counts if num * RESAMPLES <= _CACHED_CELLS else _make_counts
    return make(num, seed, RESAMPLES)


@functools.lru_cache(maxsize=4)
def _cached_counts(num: int, seed: int, resamples: int) -> npt.NDArray[np.int16]:
    return _make_counts(num, seed, resamples)


def _make_counts(num: int, seed: int, resamples: int) -> npt.NDArray[np.int16]:
    rng = np.random.default_rng([seed, num])
    found = np.empty((num, resamples), np.int16)
    for part in np.array_split(found, max(1, found.size // _CHUNK_CELLS), axis=1):
        width = part.shape[1]
        cells = rng.integers(0, num, (width, num)) * width + np.arange(width)[:, None]
        part[:] = np.bincount(cells.ravel(), minlength=part.size).reshape(part.shape)
    return found


def _jackknife(figure: Weighted, codes: ClusterIds) -> Values:
    """Return the figure without each family in turn, or without each of 400 sets of families."""
    num = int(codes.max()) + 1
    part_of = np.arange(num) % min(num, JACKKNIFE_PARTS)
    found = []
    for parts in np.array_split(np.arange(part_of.max() + 1), max(1, part_of.max() * len(codes) // _CHUNK_CELLS)):
        found.append(figure((part_of[codes][:, None] != parts[None, :]).astype(np.float64)))
    return np.concatenate(found)


def _acceleration(left_out: Values) -> float:
    usable = left_out[np.isfinite(left_out)]
    away = usable.mean() - usable
    scale = float(np.sum(away**2))
    return float(np.sum(away**3)) / (6 * scale**1.5) if scale > 0 else 0.0
