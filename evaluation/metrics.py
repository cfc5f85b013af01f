"""From predictions to the flat list of scores: by control, rows, category and metric, each with n and interval."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation import intervals
from evaluation.baselines import Baseline, Habits, baseline_outcomes, baselines, fit
from evaluation.intervals import Estimate, Values
from evaluation.scoring import FIELDS, Outcome, outcomes
from evaluation.slices import Slice, macro_groups, slices
from evaluation.visual_gain import visual_gains
from schemas.evaluation import EvaluationSpec
from schemas.prediction import Prediction
from schemas.product import Product
from schemas.result import Score

HEADLINE = ("category", "title", "price", "joint", "reasoning")
"""Shown per category for every control, and as macro figures."""
FAILURES = {
    "category": ("wrong", "out-of-set", "missing", "truncated"),
    "title": ("wrong", "missing", "truncated"),
    "price": ("wrong", "missing", "unreadable", "not-positive", "truncated"),
}
"""Reasons by field; `category:wrong` and so on are metrics: the share of rows that failed so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A figure over outcomes: what one outcome counts, and how the counts are summed up."""

    of: Callable[[Outcome], float]
    kind: str
    """rate (of zeros and ones), mean (of values between them) or median."""


def _metrics() -> dict[str, Metric]:
    rates: dict[str, Callable[[Outcome], float]] = {
        "category": lambda o: o.right("category"),
        "title": lambda o: o.right("title"),
        "price": lambda o: o.right("price"),
        "joint": lambda o: all(map(o.right, FIELDS)),
        "title_exact": lambda o: o.title_exact,
        "parsed": lambda o: None not in (o.answer.title, o.answer.category, o.answer.price),
        "parsed_strict": lambda o: o.answer.strict,
        "truncated": lambda o: o.truncated,
    }
    found = {name: Metric(of=of, kind="rate") for name, of in rates.items()}
    found["reasoning"] = Metric(of=lambda o: sum(map(o.right, FIELDS)) / 3, kind="mean")
    found["title_f1"] = Metric(of=lambda o: o.title_f1, kind="mean")
    found["price_median_ape"] = Metric(of=lambda o: o.price_error, kind="median")
    for field, reasons in FAILURES.items():
        for reason in reasons:
            found[f"{field}:{reason}"] = Metric(of=_failed(field, reason), kind="rate")
    return found


def _failed(field: str, reason: str) -> Callable[[Outcome], float]:
    return lambda outcome: outcome.reasons[field] == reason


METRICS: Mapping[str, Metric] = _metrics()
DETAILED = tuple(name for name in METRICS if ":" not in name)
"""Shown per category for control none."""
_ESTIMATES = {"rate": intervals.rate, "mean": intervals.mean, "median": intervals.median}
METHODS = {
    "category": "right when equal after NFKC, case folding and joining of blanks, _, / and -; closed set of the data",
    "title": "right when the F1 of the token multiset reaches title_f1 (NFKC, case folded, punctuation stripped)",
    "price": "right when |answer - truth| / truth is at most price_tolerance",
    "joint": "category, title and price all right",
    "reasoning": "mean of category, title and price, per row",
    "price_median_ape": "median of |answer - truth| / truth over all rows; no price in the answer counts as infinite",
    "parsed": "title, category and price all found by the tolerant parser; parsed_strict: exactly the training form",
    "malformed": "answers that cannot be read are wrong, never dropped",
    "macro": "unweighted mean over categories with at least min_category_rows rows; the rest is one group, (other), "
    "which counts when it has as many",
    "visual_gain": "accuracy on the true picture minus the larger one of blank and shuffled; its interval takes the "
    "lower limits of both paired differences",
    "controls": "blank: the mean colour of the evaluated pictures, same size; shuffled: the picture of another family; "
    "the answer to a picture is asked once, decoding is greedy",
    "intervals": "rates: Wilson; means: Student's t; medians: order statistics; macro: MOVER over the groups",
    "independence": "rows are treated as independent; colourways of one family are not quite",
}


def score(
    products: Iterable[Product],
    predictions: Sequence[Prediction],
    spec: EvaluationSpec | None = None,
    train: Iterable[Product] = (),
) -> tuple[Score, ...]:
    """Every figure of a result: the model's by control, then the baselines', which need the `train` rows.

    Each prediction needs its row among `products`; rows without a prediction are not counted.
    """
    spec = spec or EvaluationSpec()
    habits = fit(train)
    rows = list(products)
    scored = outcomes(rows, predictions, spec, habits.categories if habits else ())
    return scores_of(scored, rows, spec, habits)


def scores_of(
    scored: Sequence[Outcome], products: Sequence[Product], spec: EvaluationSpec, habits: Habits | None
) -> tuple[Score, ...]:
    """As `score`, from outcomes."""
    found: list[Score] = []
    for control in ("none", *spec.controls):
        of_control = [outcome for outcome in scored if outcome.control == control]
        if of_control or control == "none":
            detail = DETAILED if control == "none" else HEADLINE
            found += _scores(of_control, spec, _Table(control, tuple(METRICS), detail, HEADLINE))
    found += visual_gains(scored, spec, METRICS["category"].of, METRICS["joint"].of)
    answered = {outcome.product_code for outcome in scored}
    judged = [product for product in products if product.product_code in answered]
    for baseline in baselines(habits) if habits else ():
        guessed = baseline_outcomes(baseline, judged, spec, habits.categories if habits else ())
        found += _scores(guessed, spec, _baseline_table(baseline))
    return tuple(found)


def values(metric: str, scored: Sequence[Outcome], part: Slice) -> Values:
    """What each outcome of a slice counts for a metric."""
    return np.array([METRICS[metric].of(scored[place]) for place in part.members], dtype=np.float64)


def estimate(metric: str, scored: Sequence[Outcome], part: Slice, confidence: float) -> Estimate:
    """A metric over a slice, with its interval."""
    return _ESTIMATES[METRICS[metric].kind](values(metric, scored, part), confidence)


def macro_estimate(
    metric: str, scored: Sequence[Outcome], parts: Sequence[Slice], rows: str, spec: EvaluationSpec
) -> Estimate:
    """The mean of a metric over the groups that `macro_groups` names."""
    groups = macro_groups(parts, rows, spec.min_category_rows)
    return intervals.macro([estimate(metric, scored, group, spec.confidence) for group in groups])


@dataclass(frozen=True, slots=True)
class _Table:
    """Which figures are shown of one control or baseline."""

    control: str
    together: tuple[str, ...]
    by_category: tuple[str, ...]
    macro: tuple[str, ...]
    baseline: str | None = None


def _baseline_table(baseline: Baseline) -> _Table:
    headline = tuple(name for name in baseline.metrics if name in HEADLINE)
    return _Table("none", baseline.metrics, headline, headline, baseline.name)


def _scores(scored: Sequence[Outcome], spec: EvaluationSpec, table: _Table) -> list[Score]:
    parts = slices(scored, spec.min_category_rows)
    found = []
    for part in parts:
        for metric in table.by_category if part.category else table.together:
            found.append(_score(estimate(metric, scored, part, spec.confidence), spec, table, part, metric))
        if part.category is None:
            for metric in table.macro:
                figure = macro_estimate(metric, scored, parts, part.rows, spec)
                found.append(_score(figure, spec, table, part, f"{metric}_macro"))
    return found


def _score(figure: Estimate, spec: EvaluationSpec, table: _Table, part: Slice, metric: str) -> Score:
    return Score(
        protocol=spec.protocol,
        split=spec.split,
        control=table.control,
        rows=part.rows,
        category=part.category,
        metric=metric,
        n=figure.n,
        value=figure.value,
        low=figure.low,
        high=figure.high,
        baseline=table.baseline,
    )
