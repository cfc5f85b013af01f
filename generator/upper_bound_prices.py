"""How often an answered price is right: the chance of every tolerance window over the legal prices of a spec."""

import numpy as np
from scipy.special import ndtr

from generator.sampling.prices import CompiledPrices, nearest_legal
from generator.sampling.streams import Floats, Index

_MOST_CHANCES = 400_000  # of all states together; keeps an appearance within some hundredths of a second
_FURTHEST_Z = 7.2  # beyond every normal number that streams.normal gives


def price_windows(prices: CompiledPrices, median_S: Floats, spread_S: Floats, tolerance: float) -> tuple[Floats, bool]:
    """State, answer -> the chance that the price lies within the tolerance of the answer; False for upper bounds.

    An answer a is right for prices p with |a - p| <= tolerance * p, from a / (1 + tolerance) to a / (1 - tolerance);
    the best one may begin at a legal price. Where too many of them are in reach, every window looked at is widened
    to hold those that begin before the next one.
    """
    points = prices.points
    low = np.searchsorted(points, (median_S * np.exp(-_FURTHEST_Z * spread_S)).min(), side="left") - 1
    high = np.searchsorted(points, (median_S * np.exp(_FURTHEST_Z * spread_S)).max(), side="right")
    low, high = max(int(low), 0), min(int(high), len(points) - 1)
    step = -(-(high - low + 1) * len(median_S) // _MOST_CHANCES)
    start_J = np.arange(low, high + 1, step)
    ratio = (1 + tolerance) / (1 - tolerance) if tolerance < 1 else np.inf
    last_J = np.minimum(start_J + step - 1, high)
    end_J = np.searchsorted(points, points[last_J] * ratio, side="right") - 1
    middle = np.append((points[1:] + points[:-1]) / 2, np.inf)
    upper_SJ = _at_most(points, middle, end_J, median_S, spread_S)
    lower_SJ = np.where(start_J > 0, _at_most(points, middle, start_J - 1, median_S, spread_S), 0.0)
    return upper_SJ - lower_SJ, step == 1


def _at_most(points: Floats, middle: Floats, index_J: Index, median_S: Floats, spread_S: Floats) -> Floats:
    """State, place in the list of legal prices -> the chance of a price no higher than that one."""
    fixed_SJ = nearest_legal(points, median_S)[:, None] <= points[index_J]
    with np.errstate(divide="ignore", invalid="ignore"):
        z_SJ = np.log(middle[index_J] / median_S[:, None]) / spread_S[:, None]
    found: Floats = np.where(spread_S[:, None] > 0, ndtr(z_SJ), fixed_SJ)
    return found
