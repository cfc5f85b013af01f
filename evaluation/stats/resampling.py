"""Cluster bootstrap (BCa) of figures without a formula, and the sign-flip test of paired rows.

Whole families are resampled, seeded and vectorised: a resample is a weight per row, the number of times that its family
was selected. A figure is therefore a function of weights, and no row is copied.
"""

import functools
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import stats

from evaluation.stats.intervals import ClusterIds, Values, relabel, student_quantile

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


def bca(figure: Weighted, families: ClusterIds, confidence: float, seed: int) -> tuple[float | None, float | None]:
    """Return bias-corrected and accelerated bootstrap limits of a figure; families are sampled with replacement.

    Source: Efron 1987 (JASA 82, 171-185); the acceleration is from leaving out one family at a time. Quantiles are
    those of Student's t times sqrt(G / (G - 1)) for G families instead of the normal ones, because resamples of few
    families vary too little (Hesterberg 2015, The American Statistician 69, 371-386, section 4.2: expanded intervals).
    None where resamples do not vary, where one in twenty has no figure, or with a single family.
    """
    codes = relabel(families)
    num = int(codes.max()) + 1 if len(codes) else 0
    if num < 2:
        return None, None
    value = unweighted(figure, len(codes))
    resampled = bootstrap(figure, codes, seed)
    found = resampled[np.isfinite(resampled)]
    if not math.isfinite(value) or len(found) < 0.95 * len(resampled) or found.min() == found.max():
        return None, None
    below = float(np.mean(found < value) + np.mean(found <= value)) / 2
    shift = float(stats.norm.ppf(min(max(below, 0.5 / len(found)), 1 - 0.5 / len(found))))
    speed = _acceleration(_jackknife(figure, codes))
    z = student_quantile(confidence, num - 1) * math.sqrt(num / (num - 1)) * np.array([-1.0, 1.0])
    ends = stats.norm.cdf(shift + (shift + z) / (1 - speed * (shift + z)))
    low, high = np.quantile(found, ends)
    return float(low), float(high)


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
