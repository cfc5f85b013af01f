"""Every metric: its definition, how rows are summed up, and its meaning in words.

To add a metric: an entry in `METRICS` (what one outcome counts) and one in `MEANINGS`. A metric that is no mean over
rows (RMSLE, D2, rank correlation) is a function of row weights at the end of this module, named in `POOLED` and
computed by `evaluation.metrics.score_matrix`.

Each metric is about a field. A protocol that answers one field has the metrics of that field only. A row that a metric
says nothing about (no colour word in its title, no readable price) counts as NaN; the metric does not count it.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.metrics.scoring import FIELDS, Outcome
from evaluation.metrics.titles import SLOTS
from evaluation.stats.intervals import ClusterIds, Values, Weighted

HEADLINE = ("category", "title", "title_exact", "price", "joint", "reasoning")
"""Computed per category for every control, and as macro mean."""
FIELDS_ANSWERED = {"rank": ("category",), "price": ("price",)}
"""Protocols that answer some fields only; every other protocol answers category, title and price."""
FAILURES = {
    "category": ("wrong", "out-of-set", "missing", "refused", "truncated"),
    "title": ("wrong", "contradiction", "missing", "refused", "truncated"),
    "price": ("wrong", "missing", "unreadable", "not-positive", "refused", "truncated"),
}
"""Reasons by field; `category:wrong` and so on are metrics: the share of rows that failed for this reason."""
POOLED = ("price_rmsle", "price_d2", "price_spearman", "price_spearman_in_category")
"""Figures over all rows with a readable price, not means over rows; see `rmsle`, `d2` and `rank_correlation` below."""
_OWN_IMAGE_ONLY = {"price_bias", "title_chrf", *(f"title_{slot}" for slot in SLOTS)}
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric over outcomes: what one outcome counts, and how the counts are summed up."""

    of: Callable[[Outcome], float]
    """NaN where the metric does not count the row."""
    kind: str
    """rate (of 0 and 1), mean (of values in [0, 1]), size (mean of values >= 0) or median."""
    about: str
    """category, title, price, whole (needs all three), form (of the answer), ranking or posterior."""
    steps: int | None = None
    """The counts are integer multiples of 1 / steps, where such a number exists."""


def _make_metrics() -> dict[str, Metric]:
    found = {field: Metric(of=_is_right(field), kind="rate", about=field, steps=1) for field in FIELDS}
    found |= {
        "joint": Metric(of=lambda o: all(map(o.right, FIELDS)), kind="rate", about="whole", steps=1),
        "reasoning": Metric(of=lambda o: sum(map(o.right, FIELDS)) / 3, kind="mean", about="whole", steps=3),
        "category_strict": _rate(lambda o: o.category_strict, "category"),
        "category_top3": _rate(lambda o: math.nan if o.top3 is None else o.top3, "ranking"),
        "title_exact": _rate(lambda o: o.title_exact, "title"),
        "title_f1": Metric(of=lambda o: o.title_f1, kind="mean", about="title"),
        "title_chrf": Metric(of=lambda o: o.title_chrf, kind="mean", about="title"),
        **{f"title_{slot}": _rate(_slot_agrees(slot), "title") for slot in SLOTS},
        "price_readable": _rate(lambda o: o.answer.price is not None, "price"),
        "price_exact": _rate(lambda o: o.price_error <= _ROUNDING, "price"),
        "price_within_10": _rate(lambda o: o.price_error <= 0.10 + _ROUNDING, "price"),
        "price_within_25": _rate(lambda o: o.price_error <= 0.25 + _ROUNDING, "price"),
        "price_median_ape": Metric(of=lambda o: o.price_error, kind="median", about="price"),
        "price_male": Metric(of=lambda o: abs(log_price_ratio(o)), kind="size", about="price"),
        "price_bias": Metric(of=log_price_ratio, kind="median", about="price"),
        "price_crps": Metric(of=lambda o: _posterior_field(o, "crps"), kind="size", about="posterior"),
        "price_covered": _rate(lambda o: _posterior_field(o, "covered"), "posterior"),
        "price_width": Metric(of=_posterior_width, kind="size", about="posterior"),
        "parsed": _rate(lambda o: None not in (o.answer.title, o.answer.category, o.answer.price), "form"),
        "parsed_strict": _rate(lambda o: o.answer.strict, "form"),
        "truncated": _rate(lambda o: o.truncated, "form"),
        "refused": _rate(lambda o: o.refused, "form"),
    }
    for field, reasons in FAILURES.items():
        found |= {f"{field}:{reason}": _rate(_failed_so(field, reason), field) for reason in reasons}
    return found


def log_price_ratio(outcome: Outcome) -> float:
    """Return ln(answer / truth) of the price; NaN without a readable price."""
    price = outcome.answer.price
    return math.nan if price is None else math.log(price / outcome.true_price)


def metric_names(protocol: str, control: str) -> tuple[str, ...]:
    """Return the metrics of a protocol in their order; the finer ones are for the product's own image only."""
    about = _answered_subjects(protocol)
    free = [name for name, figure in METRICS.items() if figure.about in about]
    if control != "none":
        return tuple(name for name in free if name not in _OWN_IMAGE_ONLY)
    return (*free, *(POOLED if "price" in about else ()))


def category_metric_names(protocol: str, control: str) -> tuple[str, ...]:
    """Return the metrics that are computed per category: no reasons, and only those one category can have."""
    if control != "none":
        return headline_metrics(protocol)
    left_out = {"price_d2", "price_spearman_in_category"}
    return tuple(name for name in metric_names(protocol, control) if ":" not in name and name not in left_out)


def headline_metrics(protocol: str) -> tuple[str, ...]:
    """Return the headline metrics of a protocol."""
    return tuple(name for name in HEADLINE if METRICS[name].about in _answered_subjects(protocol))


def _answered_subjects(protocol: str) -> set[str]:
    fields = FIELDS_ANSWERED.get(protocol)
    if fields is None:
        return {*FIELDS, "whole", "form"}
    return {*fields, "ranking" if "category" in fields else "posterior"}


def _rate(of: Callable[[Outcome], float], about: str) -> Metric:
    return Metric(of=of, kind="rate", about=about, steps=1)


def _is_right(field: str) -> Callable[[Outcome], float]:
    return lambda outcome: outcome.right(field)


def _failed_so(field: str, reason: str) -> Callable[[Outcome], float]:
    return lambda outcome: outcome.reasons[field] == reason


def _slot_agrees(name: str) -> Callable[[Outcome], float]:
    def agrees(outcome: Outcome) -> float:
        found = outcome.agrees(name)
        return math.nan if found is None else found

    return agrees


def _posterior_field(outcome: Outcome, field: str) -> float:
    return math.nan if outcome.posterior is None else float(getattr(outcome.posterior, field))


def _posterior_width(outcome: Outcome) -> float:
    return math.nan if outcome.posterior is None else math.log(outcome.posterior.q90 / outcome.posterior.q10)


METRICS: Mapping[str, Metric] = _make_metrics()
MEANINGS = {
    "category": "right when it names the true category of the closed set: in any case, singular or plural, as the end "
    "of a path, with a remark in brackets, or by another word for a garment that only this category sells",
    "category_strict": "right when equal after NFKC, case folding and joining of blanks, _, / and -",
    "title": "right when the F1 of the words (NFKC, case folded, without punctuation and accents, synonyms and plurals "
    "of an attribute as one) is above title_f1, and colour, material, pattern and type are those of the true title; "
    "where that names none, what the row is known to show may be named",
    "title:contradiction": "near enough by its words, but another colour, material, pattern or type, or none",
    "price": "right when |answer - truth| / truth is at most price_tolerance",
    "joint": "exact match (all fields): category, title and price right",
    "reasoning": "mean accuracy: the mean of category, title and price right, per row",
    "category_top3": "of the protocol rank: the true category is among the first three",
    "title_exact": "share of answers with the title to the letter (NFKC, blanks around it stripped)",
    "title_f1": "F1 of the words of answered and true title, as for title, mean over rows",
    "title_chrf": "chrF2 of each title (Popovic 2015; runs of one to six letters, recall counts twice), mean over rows",
    "title_colour": "and title_material, title_pattern, title_type: of the rows whose true title names one, read "
    "against word lists and the row's own attributes, the share whose answered title names the same and no other",
    "price_readable": "share of answers with a price; the price ratios below are on these rows only, each with its "
    "own n, and say nothing about the others",
    "price_exact": "equal price; price_within_10, price_within_25: off by at most 10 and 25 %; of all rows",
    "price_median_ape": "median of |answer - truth| / truth over all rows; no price in the answer counts as infinite",
    "price_male": "mean of |ln(answer / truth)|; less is better",
    "price_bias": "median of ln(answer / truth): above 0 means too expensive",
    "price_rmsle": "root of the mean of ln(answer / truth) squared; less is better",
    "price_d2": "1 - sum |ln(answer / truth)| / sum |ln(median / truth)| against the median price of the train rows: "
    "0 is no better than always saying that median, 1 is perfect",
    "price_spearman": "rank correlation of answered and true prices; price_spearman_in_category: of their ranks "
    "within the true category, scaled to its size and pooled, so knowing the category alone gains nothing",
    "price_crps": "of the protocol price: continuous ranked probability score in ln price, mean; less is better; "
    "price_covered: truth within the 10 and 90 % quantiles, 0.8 if calibrated; price_width: mean of ln(q90 / q10)",
    "parsed": "title, category and price all found by the tolerant parser; parsed_strict: exactly the training form; "
    "refused: nothing found and the answer says that it cannot or will not",
    "truncated": "share of answers that reached the limit of new tokens before their end",
    "malformed": "answers that cannot be read are wrong; they are never dropped, never 0 and never guessed",
}


def rmsle(answered: Values, true: Values) -> Weighted:
    """Return root mean squared logarithmic error: sqrt(mean((ln answer - ln truth)^2)); 0.1 is about 10 % off.

    `answered` and `true` are natural logarithms of prices, shape (N,), of rows with a readable price, here and below.
    """
    squared = (answered - true) ** 2

    def weighted_rmsle(weights: Values) -> Values:
        found: Values = np.sqrt(squared @ weights / weights.sum(axis=0))
        return found

    return weighted_rmsle


def d2(answered: Values, true: Values, baseline: float) -> Weighted:
    """Return 1 - sum |ln answer - ln truth| / sum |ln baseline - ln truth|: the share of the baseline's error removed.

    As scikit-learn's `d2_absolute_error_score` on logarithms, with a baseline that was fitted elsewhere. 0 is no better
    than always answering the baseline, 1 is perfect, below 0 is worse.
    """
    errors = np.stack([np.abs(answered - true), np.abs(baseline - true)])

    def weighted_d2(weights: Values) -> Values:
        ours, theirs = errors @ weights
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(theirs > 0, 1 - ours / theirs, np.nan)

    return weighted_d2


def rank_correlation(answered: Values, true: Values, groups: ClusterIds) -> Weighted:
    """Return Spearman's rho over ranks taken within each group, with groups pooled by their rows.

    A row's rank becomes a position among the rows of its group, from -1/2 to 1/2 (ties share the middle one). rho is
    the correlation of these positions over all rows. With one group it is Spearman's rho. With categories as groups, a
    model that answers the median price of each category gets no value, because its answers do not vary within a
    category. A category in which answers do not vary counts as uncorrelated.
    """
    left, right = _RankPositions(answered, groups), _RankPositions(true, groups)

    def weighted_correlation(weights: Values) -> Values:
        one, other = left.of(weights), right.of(weights)
        weighted = weights * one
        covariance = np.einsum("nb,nb->b", weighted, other)
        scale = np.sqrt(np.einsum("nb,nb->b", weighted, one) * np.einsum("nb,nb,nb->b", weights, other, other))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(scale > 1e-12, covariance / scale, np.nan)

    return weighted_correlation


def weighted_median(values: Values) -> Weighted:
    """Return the weighted median; infinite when half of the weight or more is on infinite values."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]

    def median(weights: Values) -> Values:
        cumulative = np.cumsum(weights[order], axis=0)
        half = cumulative[-1] / 2
        lower, upper = ordered[np.sum(cumulative < half, axis=0)], ordered[np.sum(cumulative <= half, axis=0)]
        finite = np.where(np.isinf(upper), 0.0, lower) + np.where(np.isinf(upper), 0.0, upper)
        return np.where(np.isinf(upper), np.inf, finite / 2)

    return median


class _RankPositions:
    """The position of each row within its group, under any weights: rows are sorted once."""

    def __init__(self, values: Values, groups: ClusterIds) -> None:
        self._order = np.lexsort((values, groups))
        sorted_groups, sorted_values = groups[self._order], values[self._order]
        new_group = np.r_[True, sorted_groups[1:] != sorted_groups[:-1]]
        new_value = new_group | np.r_[True, sorted_values[1:] != sorted_values[:-1]]
        row_of = np.empty(len(values), np.intp)
        row_of[self._order] = np.arange(len(values))
        self._tie = _run_ends(new_value, row_of)
        self._group = _run_ends(new_group, row_of) if new_group.sum() > 1 else None

    def of(self, weights: Values) -> Values:
        """Return positions from -1/2 to 1/2, shape (rows, resamples); 0 in a group without weight."""
        cumulative = np.zeros((len(weights) + 1, weights.shape[1]))
        np.cumsum(weights[self._order], axis=0, out=cumulative[1:])
        rank = (cumulative[self._tie[0]] + cumulative[self._tie[1]]) / 2
        if self._group is None:
            return np.asarray(rank / cumulative[-1] - 0.5)
        before = cumulative[self._group[0]]
        total = cumulative[self._group[1]] - before
        return np.where(total > 0, (rank - before) / np.where(total > 0, total, 1.0) - 0.5, 0.0)


def _run_ends(is_first: npt.NDArray[np.bool_], row_of: ClusterIds) -> tuple[ClusterIds, ClusterIds]:
    """Return for each row where its run of equal values begins and ends among the sorted rows."""
    starts = np.flatnonzero(is_first)
    run = (np.cumsum(is_first) - 1)[row_of]
    return starts[run], np.r_[starts[1:], len(is_first)][run]
