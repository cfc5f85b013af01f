"""Price figures that are no mean over rows: RMSLE, rank correlation, D2; and the median, all with weights on the rows.

Each takes weights [rows, resamples] and gives one figure a resample, for `evaluation.stats.resampling`.
`answered` and `true` are natural logarithms of prices, one for each row with a readable price.
"""

import numpy as np
import numpy.typing as npt

from evaluation.stats.clusters import Families, Values
from evaluation.stats.resampling import Weighted


def rmsle(answered: Values, true: Values) -> Weighted:
    """Root of the mean squared difference of logarithms: 0.1 is about 10 % off."""
    squared = (answered - true) ** 2

    def figure(weights: Values) -> Values:
        found: Values = np.sqrt(squared @ weights / weights.sum(axis=0))
        return found

    return figure


def d2(answered: Values, true: Values, baseline: float) -> Weighted:
    """1 - sum |ln answer - ln truth| / sum |ln baseline - ln truth|: the share of the baseline's error that is gone.

    As scikit-learn's `d2_absolute_error_score` on logarithms, but against a baseline fitted elsewhere. 0 is no better
    than always answering the baseline, 1 is perfect, below 0 is worse.
    """
    errors = np.stack([np.abs(answered - true), np.abs(baseline - true)])

    def figure(weights: Values) -> Values:
        ours, theirs = errors @ weights
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(theirs > 0, 1 - ours / theirs, np.nan)

    return figure


def rank_correlation(answered: Values, true: Values, groups: Families) -> Weighted:
    """Spearman's rho over ranks taken within each group, groups pooled by their rows.

    A row's rank becomes its place among the rows of its group, from -1/2 to 1/2 (ties share the middle one), and rho is
    the correlation of these places over all rows. With one group it is Spearman's rho. With categories as groups, a
    model that knows nothing but the median price of each category gets no figure, because its answers do not vary
    there; a category in which they do not vary counts as uncorrelated.
    """
    left, right = _Places(answered, groups), _Places(true, groups)

    def figure(weights: Values) -> Values:
        one, other = left.of(weights), right.of(weights)
        weighted = weights * one
        covariance = np.einsum("nb,nb->b", weighted, other)
        scale = np.sqrt(np.einsum("nb,nb->b", weighted, one) * np.einsum("nb,nb,nb->b", weights, other, other))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(scale > 1e-12, covariance / scale, np.nan)

    return figure


def middle(values: Values) -> Weighted:
    """The median, infinite when half of the weight or more is on infinite values."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]

    def figure(weights: Values) -> Values:
        heaped = np.cumsum(weights[order], axis=0)
        half = heaped[-1] / 2
        lower, upper = ordered[np.sum(heaped < half, axis=0)], ordered[np.sum(heaped <= half, axis=0)]
        finite = np.where(np.isinf(upper), 0.0, lower) + np.where(np.isinf(upper), 0.0, upper)
        return np.where(np.isinf(upper), np.inf, finite / 2)

    return figure


class _Places:
    """Where each row stands within its group, under any weights: the order is found once."""

    def __init__(self, values: Values, groups: Families) -> None:
        self._order = np.lexsort((values, groups))
        sorted_groups, sorted_values = groups[self._order], values[self._order]
        new_group = np.r_[True, sorted_groups[1:] != sorted_groups[:-1]]
        new_value = new_group | np.r_[True, sorted_values[1:] != sorted_values[:-1]]
        row_of = np.empty(len(values), np.intp)
        row_of[self._order] = np.arange(len(values))
        self._tie = _ends(new_value, row_of)
        self._group = _ends(new_group, row_of) if new_group.sum() > 1 else None

    def of(self, weights: Values) -> Values:
        """Places from -1/2 to 1/2, [rows, resamples]; 0 in a group without weight."""
        heaped = np.zeros((len(weights) + 1, weights.shape[1]))
        np.cumsum(weights[self._order], axis=0, out=heaped[1:])
        rank = (heaped[self._tie[0]] + heaped[self._tie[1]]) / 2
        if self._group is None:
            return np.asarray(rank / heaped[-1] - 0.5)
        before = heaped[self._group[0]]
        total = heaped[self._group[1]] - before
        return np.where(total > 0, (rank - before) / np.where(total > 0, total, 1.0) - 0.5, 0.0)


def _ends(is_first: npt.NDArray[np.bool_], row_of: Families) -> tuple[Families, Families]:
    """For each row where its run of equals begins and ends among the sorted rows."""
    starts = np.flatnonzero(is_first)
    run = (np.cumsum(is_first) - 1)[row_of]
    return starts[run], np.r_[starts[1:], len(is_first)][run]
