"""Statistics that several packages report: the interval of a rate, and p-values adjusted for several tests.

from schemas.util.stats import holm, wilson
wilson(7 / 20, 20, 0.95)    # (0.181, 0.567)
holm([0.01, 0.04, 0.03])    # [0.03, 0.06, 0.06]
"""

import functools
import math
from collections.abc import Sequence

from scipy import stats


def wilson(share: float, n: float, confidence: float) -> tuple[float, float]:
    """Return the score interval of a binomial rate of n > 0 rows, without continuity correction; n may be fractional.

    Source: Wilson 1927, JASA 22, 209-212.
    """
    z = two_sided_quantile(confidence)
    moved = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(max(0.0, share * (1 - share)) / n + z * z / (4 * n * n))
    return max(0.0, moved - half) if share > 0 else 0.0, min(1.0, moved + half) if share < 1 else 1.0


def clopper_pearson(share: float, n: float, confidence: float) -> tuple[float, float]:
    """Return the exact interval of a binomial rate of n > 0 rows; n may be fractional.

    Source: Clopper & Pearson 1934 (Biometrika 26, 404-413); with an effective number of rows as in Korn & Graubard 1998
    (Survey Methodology 24, 193-201). It covers at least as often as `confidence`, also for a single row.
    """
    right, tail = share * n, (1 - confidence) / 2
    low = float(stats.beta.ppf(tail, right, n - right + 1)) if share > 0 else 0.0
    high = float(stats.beta.ppf(1 - tail, right + 1, n - right)) if share < 1 else 1.0
    return low, high


@functools.cache
def two_sided_quantile(confidence: float) -> float:
    """Return the two-sided quantile of the normal distribution: 1.96 for 0.95."""
    return float(stats.norm.ppf((1 + confidence) / 2))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values so that the probability of any false finding among them stays below alpha.

    Source: Holm 1979, Scandinavian Journal of Statistics 6, 65-70.
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values so that below alpha at most that share of the findings is false on average; for exploring.

    Source: Benjamini and Hochberg 1995, JRSS B 57, 289-300.
    """
    return [float(p) for p in stats.false_discovery_control(p_values)] if p_values else []
