"""Two models on the same rows: the difference with its interval, an exact test, and what n could have found at all.

The difference is always second minus first. Rows are taken as independent; pairs are what carries the power: rows where
both models are right, or both wrong, say nothing about which is better.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from evaluation.intervals import Values, known, middles, wilson

POWER = 0.8
LOSSES = 0.05
"""Share of rows assumed lost (right before, wrong after) where `detectable_rate` is computed."""
RESAMPLES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedEstimate:
    """A difference between two figures of the same n rows."""

    n: int
    difference: float | None
    low: float | None
    high: float | None
    p: float | None


NOTHING = PairedEstimate(n=0, difference=None, low=None, high=None, p=None)


def rate_difference(first: Values, second: Values, confidence: float) -> PairedEstimate:
    """Difference of two rates on the same rows: Newcombe's interval and McNemar's exact p.

    Newcombe 1998 (Statist. Med. 17, 2635-2650), method 10: Wilson limits of both rates, joined by the correlation phi
    of the pairs, which is brought nearer to 0 by n/2 when positive.
    """
    n = len(first)
    if not n:
        return NOTHING
    both, only_first, only_second = (
        int(np.sum(mask)) for mask in ((first * second) > 0, first > second, second > first)
    )
    neither = n - both - only_first - only_second
    rates = ((both + only_first) / n, (both + only_second) / n)
    limits = [wilson(round(rate * n), n, confidence) for rate in rates]
    down = [rate - low for rate, (low, _) in zip(rates, limits, strict=True)]
    up = [high - rate for rate, (_, high) in zip(rates, limits, strict=True)]
    phi = _phi(both, only_first, only_second, neither)
    difference = (only_second - only_first) / n
    low = difference - _joined(down[1], up[0], phi)
    high = difference + _joined(up[1], down[0], phi)
    return PairedEstimate(
        n=n, difference=difference, low=max(-1.0, low), high=min(1.0, high), p=mcnemar(only_first, only_second)
    )


@functools.cache
def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided p of McNemar's test: a fair coin over the rows where exactly one model is right."""
    discordant = only_first + only_second
    return float(stats.binomtest(only_first, discordant).pvalue) if discordant else 1.0


def mean_difference(first: Values, second: Values, confidence: float) -> PairedEstimate:
    """Mean of the rows' differences, each between -1 and 1, with Student's paired t interval and test.

    Differences that are all alike have no spread to learn from; the interval then reaches as far as rows that differ
    could still hide unseen (1 - (alpha/2)^(1/n) of them), and p is that of a sign test.
    """
    n = len(first)
    if not n:
        return NOTHING
    gains = second - first
    centre = float(gains.mean())
    if n == 1 or gains.min() == gains.max():
        half = 1 - ((1 - confidence) / 2) ** (1 / n)
        p = min(1.0, 2 * 0.5**n) if centre else 1.0
    else:
        error = float(gains.std(ddof=1)) / math.sqrt(n)
        half = float(stats.t.ppf((1 + confidence) / 2, n - 1)) * error
        p = 2 * float(stats.t.sf(abs(centre) / error, n - 1))
    return PairedEstimate(n=n, difference=centre, low=max(-1.0, centre - half), high=min(1.0, centre + half), p=p)


def median_difference(first: Values, second: Values, confidence: float, seed: int) -> PairedEstimate:
    """Difference of two medians on the same rows, with the percentile interval of a paired bootstrap from `seed`.

    Infinite values (answers without a price) are allowed; a limit or difference that is infinite is None. No test.
    """
    n = len(first)
    if not n:
        return NOTHING
    medians = middles(np.stack([first, second]))
    if np.isinf(medians).all():
        return PairedEstimate(n=n, difference=None, low=None, high=None, p=None)
    rng = np.random.default_rng(seed)
    parts = []
    for chunk in np.array_split(np.arange(RESAMPLES), max(1, RESAMPLES * n // 1_000_000)):
        rows = rng.integers(0, n, size=(len(chunk), n))
        parts.append(_gaps(middles(first[rows]), middles(second[rows])))
    gains = np.sort(np.concatenate(parts))
    tail = int(RESAMPLES * (1 - confidence) / 2)
    figures = (medians[1] - medians[0], gains[tail], gains[RESAMPLES - 1 - tail])
    difference, low, high = (float(figure) if np.isfinite(figure) else None for figure in figures)
    return PairedEstimate(n=n, difference=difference, low=low, high=high, p=None)


def macro_difference(groups: Sequence[PairedEstimate]) -> PairedEstimate:
    """Unweighted mean of the groups' differences; their limits are joined as in `intervals.macro`. No test."""
    if not groups:
        return NOTHING
    centre = sum(known(group.difference) for group in groups) / len(groups)
    down = math.hypot(*(known(group.difference) - known(group.low) for group in groups)) / len(groups)
    up = math.hypot(*(known(group.high) - known(group.difference) for group in groups)) / len(groups)
    return PairedEstimate(
        n=sum(group.n for group in groups), difference=centre, low=centre - down, high=centre + up, p=None
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted so that the chance of any false finding among all of them stays below alpha (Holm 1979)."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


@functools.cache
def detectable_rate(n: int, alpha: float) -> float | None:
    """The smallest gain d in a rate that McNemar's test finds with power 0.8 when 5 % of the rows are lost.

    Connor 1987 (Biometrics 43, 207-211): n = (z_alpha/2 sqrt(s) + z_power sqrt(s - d^2))^2 / d^2 with the share of
    discordant rows s = 2 * 0.05 + d, solved for d. None when even d = 0.9 needs more rows.
    """
    if n == 0:
        return None
    needed, power = float(stats.norm.ppf(1 - alpha / 2)), float(stats.norm.ppf(POWER))

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


def detectable_mean(gains: Values, alpha: float) -> float | None:
    """The smallest mean gain found with power 0.8 at the spread seen: (z_alpha/2 + z_power) * sd / sqrt(n)."""
    if len(gains) < 2 or gains.min() == gains.max():
        return None
    factor = float(stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(POWER))
    return factor * float(gains.std(ddof=1)) / math.sqrt(len(gains))


def _phi(both: int, only_first: int, only_second: int, neither: int) -> float:
    n = both + only_first + only_second + neither
    margins = (both + only_first) * (only_second + neither) * (both + only_second) * (only_first + neither)
    if margins == 0:
        return 0.0
    numerator = both * neither - only_first * only_second
    return (max(numerator - n / 2, 0.0) if numerator > 0 else numerator) / math.sqrt(margins)


def _joined(one: float, other: float, phi: float) -> float:
    return math.sqrt(max(0.0, one**2 - 2 * phi * one * other + other**2))


def _gaps(first: Values, second: Values) -> Values:
    """Differences in which two infinite medians are equal."""
    same = np.isinf(first) & np.isinf(second)
    return np.where(same, 0.0, np.where(same, 0.0, second) - np.where(same, 0.0, first))
