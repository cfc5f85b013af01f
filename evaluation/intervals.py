"""Figures with two-sided intervals: a rate, a mean, a median, and the mean over groups.

Every interval is a closed form, so a result never depends on a random stream. Rows are taken as independent.
"""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure of n rows with its interval; None where n is too small to say."""

    n: int
    value: float | None
    low: float | None
    high: float | None


NOTHING = Estimate(n=0, value=None, low=None, high=None)
Estimator = Callable[[Values, float], Estimate]


def rate(values: Values, confidence: float) -> Estimate:
    """Share of ones among zeros and ones, with the Wilson score interval (Wilson 1927; scipy's binomtest)."""
    if not len(values):
        return NOTHING
    successes = int(values.sum())
    low, high = wilson(successes, len(values), confidence)
    return Estimate(n=len(values), value=successes / len(values), low=low, high=high)


@functools.cache
def wilson(successes: int, n: int, confidence: float) -> tuple[float, float]:
    """Score interval of a binomial rate, without continuity correction; n > 0."""
    found = stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    return max(0.0, float(found.low)), min(1.0, float(found.high))


def mean(values: Values, confidence: float) -> Estimate:
    """Mean of values between 0 and 1, with Student's t interval cut to [0, 1].

    Values that are all alike say nothing about their spread; then the Wilson interval of their sum stands in, which is
    at least wide enough because no variable on [0, 1] varies more than a binary one of the same mean.
    """
    n = len(values)
    if not n:
        return NOTHING
    centre = float(values.mean())
    if n == 1 or values.min() == values.max():
        low, high = _wilson_of_mean(centre, n, confidence)
    else:
        half = float(stats.t.ppf((1 + confidence) / 2, n - 1) * values.std(ddof=1) / math.sqrt(n))
        low, high = max(0.0, centre - half), min(1.0, centre + half)
    return Estimate(n=n, value=centre, low=low, high=high)


def median(values: Values, confidence: float) -> Estimate:
    """Median with the distribution-free interval between two order statistics (David & Nagaraja, section 7.1).

    Infinite values are allowed and sort last. A median or limit that is infinite, or that so few rows (under 6 at 95 %)
    cannot bound, is None.
    """
    n = len(values)
    if not n:
        return NOTHING
    ordered = np.sort(values)
    outside = int(stats.binom.ppf((1 - confidence) / 2, n, 0.5))
    low, high = (float(ordered[outside - 1]), float(ordered[n - outside])) if outside else (math.inf, math.inf)
    return Estimate(n=n, value=_finite(float(middles(ordered[None])[0])), low=_finite(low), high=_finite(high))


def middles(values: Values) -> Values:
    """The median of each row; infinite when half of its values or more are."""
    ordered = np.sort(values, axis=-1)
    lower, upper = ordered[..., (values.shape[-1] - 1) // 2], ordered[..., values.shape[-1] // 2]
    finite = np.where(np.isinf(upper), 0.0, lower) + np.where(np.isinf(upper), 0.0, upper)
    found: Values = np.where(np.isinf(upper), np.inf, finite / 2)
    return found


def macro(groups: Sequence[Estimate]) -> Estimate:
    """Unweighted mean over groups; each group's distance to its limits enters squared (MOVER).

    Zou & Donner 2008 (Statist. Med. 27, 1693-1702): unlike a standard error it does not vanish when every group is at
    0 or 1. `n` is the rows of all groups.
    """
    if not groups:
        return NOTHING
    centre = sum(known(group.value) for group in groups) / len(groups)
    down = math.hypot(*(known(group.value) - known(group.low) for group in groups)) / len(groups)
    up = math.hypot(*(known(group.high) - known(group.value) for group in groups)) / len(groups)
    return Estimate(n=sum(group.n for group in groups), value=centre, low=centre - down, high=centre + up)


def known(value: float | None) -> float:
    """A figure that must exist: rates and means of at least one row always do."""
    assert value is not None, "a rate or mean of at least one row"
    return value


def _wilson_of_mean(centre: float, n: int, confidence: float) -> tuple[float, float]:
    z = float(stats.norm.ppf((1 + confidence) / 2))
    moved = (centre + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(centre * (1 - centre) / n + z * z / (4 * n * n))
    return max(0.0, moved - half) if centre > 0 else 0.0, min(1.0, moved + half) if centre < 1 else 1.0


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
