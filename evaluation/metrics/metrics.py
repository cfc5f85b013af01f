"""From predictions to the flat list of scores: by protocol, control, rows, category and figure, with n and interval."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from evaluation.analysis.visual_gain import GAINS, visual_gains
from evaluation.metrics import baselines, figures
from evaluation.metrics.baselines import Baseline, Habits, baseline_outcomes, fit
from evaluation.metrics.figures import MEANINGS
from evaluation.metrics.nearest import nearest_answers
from evaluation.metrics.score_matrix import Columns
from evaluation.metrics.scoring import Outcome, outcomes
from evaluation.metrics.slices import APART, Slice, asked, macro_groups, slices, under
from evaluation.stats import resampling
from evaluation.stats.intervals import Estimate
from schemas.evaluation import EvaluationSpec
from schemas.prediction import Prediction
from schemas.product import Product
from schemas.result import Score

METHODS: Mapping[str, str] = {
    **MEANINGS,
    "macro": "unweighted mean over categories with at least min_category_rows rows; the rest is one group, (other), "
    "which counts when it has as many",
    "visual_gain": "accuracy on the true picture minus the larger one of blank and shuffled; its interval takes the "
    "lower limits of both paired differences; in_category_gain: minus that on another product of the same category",
    "controls": "blank: the mean colour of the evaluated pictures, same size; shuffled: the picture of another family; "
    "shuffled_in_category: of another family of the same category, rows of categories with one family left out; "
    "the answer to a picture is asked once, decoding is greedy",
    **baselines.METHODS,
    "families": "rows of one product family are alike, so intervals take the scatter of whole families: standard "
    "errors as in Miller 2024 (arXiv 2411.00640, equation 4) times G / (G - 1) for G families under the root, and "
    "Student's t with G - 1 degrees; for rates and medians the number of rows is brought down to the number of "
    "independent rows with that error (where nothing varies, or under ten families: as if a family were one row)",
    "intervals": "rates: Wilson; means: Student's t; medians: order statistics (Woodruff); macro: MOVER over the "
    "groups, wider where families are in several; price_rmsle, price_d2 and both rank correlations: BCa bootstrap of "
    f"{resampling.RESAMPLES} seeded resamples of families, expanded for few families; under some 50 families they are "
    "a little too narrow all the same (benchmarks/certify.py)",
}


def score(
    products: Iterable[Product],
    predictions: Sequence[Prediction],
    spec: EvaluationSpec | None = None,
    train: Iterable[Product] = (),
    touched: Collection[str] = (),
) -> tuple[Score, ...]:
    """Every figure of a result: the model's by protocol and control, then the baselines', which need `train` rows.

    Each prediction needs its row among `products`; rows without a prediction are not counted. The baseline
    nearest-picture is there where both `products` and `train` hold pictures. With codes in `touched` the rows that
    training has met and those that it has not get figures of their own.
    """
    spec = spec or EvaluationSpec()
    rows, known = list(products), list(train)
    habits = fit(known)
    if habits is not None:
        habits = replace(habits, nearest=nearest_answers(known, rows))
    scored = outcomes(rows, predictions, spec, habits.categories if habits else ())
    return scores_of(scored, rows, spec, habits, touched)


def scores_of(
    scored: Sequence[Outcome],
    products: Sequence[Product],
    spec: EvaluationSpec,
    habits: Habits | None,
    touched: Collection[str] = (),
) -> tuple[Score, ...]:
    """As `score`, from outcomes: the headline protocol first, then the others, validation rows, baselines."""
    median_price = habits.median_price if habits else None
    found: list[Score] = []
    for protocol, split in asked(scored, spec):
        sides = {
            control: Columns(of_control, spec, median_price)
            for control in ("none", *spec.controls)
            if (of_control := under(scored, protocol, split, control)) or control == "none"
        }
        for control, columns in sides.items():
            found += _scores(columns, _table(protocol, split, control), touched)
        gained = [name for name in GAINS if name in figures.shown(protocol, "none")]
        found += visual_gains(sides, gained, protocol, split)
    return (*found, *(_baseline_scores(scored, products, spec, habits) if habits else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """Which figures are shown of one control or baseline."""

    protocol: str
    split: str
    control: str
    together: tuple[str, ...]
    by_category: tuple[str, ...]
    macro: tuple[str, ...]
    baseline: str | None = None


def _table(protocol: str, split: str, control: str) -> _Table:
    return _Table(
        protocol=protocol,
        split=split,
        control=control,
        together=figures.shown(protocol, control),
        by_category=figures.shown_by_category(protocol, control),
        macro=figures.headline(protocol),
    )


def _baseline_scores(
    scored: Sequence[Outcome], products: Sequence[Product], spec: EvaluationSpec, habits: Habits
) -> list[Score]:
    seeing = under(scored, spec.protocol, spec.split, "none")
    answered = baselines.answered_categories(seeing)
    judged = [product for product in products if product.product_code in answered]
    found = []
    for baseline in baselines.baselines(habits, answered, spec.seed):
        guessed = baseline_outcomes(baseline, judged, spec, habits.categories)
        found += _scores(Columns(guessed, spec, habits.median_price), _baseline_table(baseline, spec))
    return found


def _baseline_table(baseline: Baseline, spec: EvaluationSpec) -> _Table:
    headline = tuple(name for name in baseline.metrics if name in figures.HEADLINE)
    return _Table(
        protocol=spec.protocol,
        split=spec.split,
        control="none",
        together=baseline.metrics,
        by_category=headline,
        macro=headline,
        baseline=baseline.name,
    )


def _scores(columns: Columns, table: _Table, touched: Collection[str] = ()) -> list[Score]:
    parts = slices(columns.scored, columns.spec.min_category_rows, touched)
    found = []
    for part in parts:
        for name in table.by_category if part.category else table.together:
            found.append(_score(columns.estimate(name, part), table, part, name))
        if part.category is None and part.rows not in APART:
            groups = macro_groups(parts, part.rows, columns.spec.min_category_rows)
            found += [_score(columns.macro(name, groups), table, part, f"{name}_macro") for name in table.macro]
    return found


def _score(figure: Estimate, table: _Table, part: Slice, metric: str) -> Score:
    return Score(
        protocol=table.protocol,
        split=table.split,
        control=table.control,
        rows=part.rows,
        category=part.category,
        metric=metric,
        n=figure.n,
        families=figure.families,
        value=figure.value,
        low=figure.low,
        high=figure.high,
        baseline=table.baseline,
    )
