"""How answers move when one attribute of a product is redrawn: pairs of answers, and figures of them by attribute.

A model that reads the material from the picture moves its price with the material; one that has learnt what usually
goes together may move its category with the colour or the background. Pairs of one product family are alike, so every
interval is by families.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from evaluation.metrics.scoring import Outcome, category_key
from evaluation.metrics.title_slots import SLOTS
from evaluation.stats.clusters import Families, Values, numbered
from evaluation.stats.intervals import NOTHING, Estimate, median, rate
from evaluation.stats.resampling import Weighted, bca, plain
from schemas.counterfactual import MIN_PAIRS, Change, Figure, Pair, Sensitivity
from schemas.evaluation import EvaluationSpec

_ROUNDING = 1e-9
METHODS: Mapping[str, str] = {
    "pairs": "a test product drawn as it is and once more with one attribute changed to a value that the catalog spec "
    "allows beside its others, each likely alike; all other draws of the picture are the same, and what the renderer "
    "derives from the attribute follows it (a lining and a check take their second colours from the colour). nuisance: "
    "another camera, light, folds and background. Asked under the protocol generate",
    "expected": "ln of the ratio of the spec's price factors",
    "unread": "share of pairs where one of the two answers lacks a category or a readable price; such a pair counts as "
    "neither moved nor unmoved in the figure that lacks something",
    "category_moved": "share of pairs whose two answered categories differ, spelling apart",
    "direction": "of pairs whose legal price should move: share whose answered price moved the same way; an unmoved "
    "price has not",
    "slope": "sum of (answered * expected) over sum of expected^2, both changes of ln price, over pairs where a change "
    "is expected; BCa bootstrap by families",
    "false_movement": "median |change of ln price| answered where none is expected",
    "false_moves": "share of the same pairs whose answered price moved by more than the price tolerance",
    "title_names": "of pairs whose true title names another colour, material or pattern: share whose second answer "
    "names exactly the new one",
    "intervals": "rates: Wilson; median: order statistics; all by product family; no correction for the number of "
    "attributes",
}


def pair_of(change: Change, before: Outcome, after: Outcome) -> Pair:
    """What the answers to a product and to its change say of each other."""
    answered = None
    if before.answer.price is not None and after.answer.price is not None:
        answered = math.log(after.answer.price / before.answer.price)
    moved = None
    if before.answer.category and after.answer.category:
        moved = category_key(before.answer.category) != category_key(after.answer.category)
    return Pair(
        product_code=before.product_code,
        family=before.family,
        attribute=change.attribute,
        old=change.old,
        new=change.new,
        log_change=change.log_change,
        steps=change.log_change != 0 and after.true_price != before.true_price,
        answered_log_change=answered,
        category_moved=moved,
        title_names=_names_the_new_value(change.attribute, before, after),
    )


def sensitivities(pairs: Sequence[Pair], spec: EvaluationSpec) -> tuple[Sensitivity, ...]:
    """One row for each attribute, in the order in which they first appear."""
    attributes = dict.fromkeys(pair.attribute for pair in pairs)
    return tuple(sensitivity([pair for pair in pairs if pair.attribute == name], spec) for name in attributes)


def sensitivity(pairs: Sequence[Pair], spec: EvaluationSpec) -> Sensitivity:
    """The row of one attribute; `pairs` are its own, at least one."""
    moved = [pair for pair in pairs if pair.category_moved is not None]
    priced = [pair for pair in pairs if pair.answered_log_change is not None]
    stepping = [pair for pair in priced if pair.steps]
    still = [pair for pair in priced if pair.log_change == 0]
    named = [pair for pair in pairs if pair.title_names is not None]
    tolerance = math.log1p(spec.price_tolerance) + _ROUNDING
    row = {
        "unread": _rate(pairs, lambda pair: pair.category_moved is None or pair.answered_log_change is None, spec),
        "category_moved": _rate(moved, lambda pair: bool(pair.category_moved), spec),
        "direction": _rate(stepping, _the_same_way, spec),
        "slope": _slope([pair for pair in priced if pair.log_change != 0], spec),
        "false_movement": _figure(
            median(np.abs(_answered(still)), spec.confidence, _families(still)) if still else NOTHING
        ),
        "false_moves": _rate(still, lambda pair: abs(pair.answered_log_change or 0.0) > tolerance, spec),
        "title_names": _rate(named, lambda pair: bool(pair.title_names), spec),
    }
    return Sensitivity(
        attribute=pairs[0].attribute,
        pairs=len(pairs),
        families=len({pair.family for pair in pairs}),
        enough=len(pairs) >= MIN_PAIRS,
        sentences=_sentences(pairs[0].attribute, len(pairs), row, spec.price_tolerance),
        **row,
    )


def slope(answered: Values, expected: Values) -> Weighted:
    """Least squares of answered on expected change through the origin; NaN where nothing is expected."""
    products, squares = answered * expected, expected**2

    def figure(weights: Values) -> Values:
        total = squares @ weights
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(total > 0, (products @ weights) / total, np.nan)

    return figure


def _names_the_new_value(attribute: str, before: Outcome, after: Outcome) -> bool | None:
    if attribute not in SLOTS or before.words.named(attribute, before.true_title) == after.words.named(
        attribute, after.true_title
    ):
        return None
    return after.agrees(attribute)


def _the_same_way(pair: Pair) -> bool:
    return (pair.answered_log_change or 0.0) * pair.log_change > 0


def _rate(pairs: Sequence[Pair], holds: Callable[[Pair], bool], spec: EvaluationSpec) -> Figure:
    values = np.array([holds(pair) for pair in pairs], np.float64)
    return _figure(rate(values, spec.confidence, _families(pairs)) if pairs else NOTHING)


def _slope(pairs: Sequence[Pair], spec: EvaluationSpec) -> Figure:
    if not pairs:
        return _figure(NOTHING)
    figure = slope(_answered(pairs), np.array([pair.log_change for pair in pairs]))
    families = _families(pairs)
    low, high = bca(figure, families, spec.confidence, spec.seed)
    num = len({pair.family for pair in pairs})
    return Figure(n=len(pairs), families=num, value=plain(figure, len(pairs)), low=low, high=high)


def _answered(pairs: Sequence[Pair]) -> Values:
    return np.array([pair.answered_log_change for pair in pairs], np.float64)


def _families(pairs: Sequence[Pair]) -> Families:
    return numbered([pair.family for pair in pairs])


def _figure(estimate: Estimate) -> Figure:
    return Figure(n=estimate.n, families=estimate.families, value=estimate.value, low=estimate.low, high=estimate.high)


def _sentences(attribute: str, num_pairs: int, row: Mapping[str, Figure], tolerance: float) -> tuple[str, ...]:
    """What may be said: of each figure, or that there are too few pairs for it."""
    if num_pairs < MIN_PAIRS:
        return (f"{attribute}: {num_pairs} pairs are too few to say anything ({MIN_PAIRS} needed)",)
    said = [_of_category(attribute, row["category_moved"])]
    if row["slope"].n:
        said.append(_of_slope(attribute, row["slope"]))
    if row["false_movement"].n:
        said.append(_of_false_movement(attribute, row["false_movement"], row["false_moves"], tolerance))
    return tuple(said)


def _of_category(attribute: str, figure: Figure) -> str:
    if figure.n < MIN_PAIRS:
        return f"category and {attribute}: {_too_few(figure, 'answers with a category')}"
    return f"category moves with {attribute} in {_percent(figure)} of pairs"


def _of_slope(attribute: str, figure: Figure) -> str:
    if figure.n < MIN_PAIRS:
        return f"price and {attribute}: {_too_few(figure, 'an expected change and readable prices')}"
    assert figure.value is not None, figure
    low = figure.value if figure.low is None else figure.low
    high = figure.value if figure.high is None else figure.high
    verb = "follows" if low > 0 else "moves against" if high < 0 else "is not seen to follow"
    return f"price {verb} {attribute}: slope {figure.value:.2g}{_between(figure)}"


def _of_false_movement(attribute: str, figure: Figure, moves: Figure, tolerance: float) -> str:
    if figure.n < MIN_PAIRS:
        return f"false movement with {attribute}: {_too_few(figure, 'no expected change and readable prices')}"
    assert figure.value is not None, figure
    assert moves.value is not None, moves
    low, high = (None if end is None else math.expm1(end) for end in (figure.low, figure.high))
    median_change = dataclasses.replace(figure, value=math.expm1(figure.value), low=low, high=high)
    return (
        f"price moves with {attribute} where it should not: by {_percent(median_change)} at the median, "
        f"by more than {100 * tolerance:.0f} % in {_percent(moves)} of pairs"
    )


def _too_few(figure: Figure, what: str) -> str:
    return f"{figure.n} pairs with {what} are too few to say anything ({MIN_PAIRS} needed)"


def _percent(figure: Figure) -> str:
    value = 100 * (figure.value or 0.0)
    if figure.low is None or figure.high is None:
        return f"{value:.0f} % (no interval)"
    return f"{value:.0f} % ({100 * figure.low:.0f} to {100 * figure.high:.0f})"


def _between(figure: Figure) -> str:
    return (
        " (no interval)" if figure.low is None or figure.high is None else f" ({figure.low:.2g} to {figure.high:.2g})"
    )
