"""From predictions to the flat list of scores: by protocol, control, rows, category and metric, with n and interval.

    scores = score(products, read_predictions(path), EvaluationSpec(), train=train_rows)

The gain over blind baselines is the accuracy on the product's own image minus the accuracy without evidence (a blank
image, another product's image). MMStar (arXiv 2403.20330) found models that answer visual questions nearly as well
without the images. The gain over another product of the same category says whether more than the category is seen.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evaluation.metrics import baselines, metrics
from evaluation.metrics.baselines import (
    Baseline,
    TrainingFrequencies,
    find_nearest_answers,
    fit_frequencies,
    score_baseline,
)
from evaluation.metrics.metrics import MEANINGS
from evaluation.metrics.score_matrix import (
    CONTAMINATION_ROWS,
    ROWS,
    ScoreMatrix,
    Slice,
    list_protocols,
    macro_groups,
    make_slices,
    select_outcomes,
)
from evaluation.metrics.scoring import Outcome, score_answers
from evaluation.stats import intervals
from evaluation.stats.intervals import Estimate, require_value
from evaluation.stats.paired import NOTHING, PairedEstimate, rate_difference
from schemas.evaluation import EvaluationSpec, Prediction
from schemas.product import Product
from schemas.result import Score
from schemas.util.stats import holm

BLIND_CONTROLS = ("blank", "shuffled")
IN_CATEGORY = "shuffled_in_category"
GAIN_METRICS = ("category", "title", "price", "joint")
"""Metrics for which gains are computed, where the protocol answers them."""
_GAIN_SUFFIX = "_visual_gain"


def compute_image_gains(
    sides: Mapping[str, ScoreMatrix], names: Sequence[str], protocol: str, split: str
) -> list[Score]:
    """Return gains in `names` of the control none over the others in `sides`, for all and visually identifiable rows.

    A `_visual_gain` is the gain over blind baselines, over the better of blank and shuffled. Its limits are the lower
    ones of the two paired differences, and its p is the larger one, so it counts only when it is a gain over both; p is
    adjusted for the number of `names` (Holm), and absent without `shuffled`, because a model that refuses blank images
    gains over them whatever it sees. An `_in_category_gain` is over another product of the same category, on the rows
    that have one. The list is empty without controls.
    """
    found = []
    blind = [sides[control] for control in BLIND_CONTROLS if control in sides]
    for rows in ROWS if "none" in sides else ():
        gains = {
            name: _smaller_gain([_paired_gain(sides["none"], other, name, rows) for other in blind]) for name in names
        }
        tested = [name for name, gain in gains.items() if gain.p is not None and BLIND_CONTROLS[1] in sides]
        adjusted = dict(zip(tested, holm([gains[name].p or 0.0 for name in tested]), strict=True))
        for name, gain in gains.items():
            if blind:
                metric = f"{name}{_GAIN_SUFFIX}"
                found.append(_gain_score(gain, protocol, split, rows, metric, adjusted.get(name)))
            if IN_CATEGORY in sides:
                within = _paired_gain(sides["none"], sides[IN_CATEGORY], name, rows)
                found.append(_gain_score(within, protocol, split, rows, f"{name}_in_category_gain"))
    return found


def image_verdict(scores: Sequence[Score], confidence: float) -> tuple[bool | None, str]:
    """Return whether the model uses the image, and the sentence that says so; None where the rows cannot tell.

    It does if any of its gains over blind baselines is significant, adjusted for their number (Holm). The first
    protocol with a gain decides, which is the headline one, on visually identifiable rows where there are any. Nothing
    can be told without the control `shuffled`, nor from so few families that no p could be small enough.
    """
    gains = [score for score in scores if score.metric.endswith(_GAIN_SUFFIX) and score.n]
    gains = [score for score in gains if (score.protocol, score.split) == (gains[0].protocol, gains[0].split)]
    rows = "inferable" if any(score.rows == "inferable" for score in gains) else "all"
    gains = [score for score in gains if score.rows == rows]
    if not gains:
        return None, "not tested: no control was run, so nothing shows whether this model uses the image"
    kind = "visually identifiable" if rows == "inferable" else rows
    measured = f"gain over blind baselines on {gains[0].n} {kind} rows: {', '.join(map(_format_gain, gains))}"
    blank_only = any(score.p_holm is None for score in gains)
    if blank_only and max(require_value(score.low) for score in gains) > 0:
        problem = "a model that refuses blank images gains over them without looking; run the control shuffled"
        return None, f"not tested: {problem} ({measured})"
    least = _fewest_families(len(gains), 1 - confidence)
    if min(score.families for score in gains) < least:
        families = min(score.families for score in gains)
        return None, f"not tested: too few product families ({families}, at least {least} are needed; {measured})"
    if any(score.p_holm is not None and score.p_holm <= 1 - confidence for score in gains):
        return True, f"this model uses the image ({measured})"
    return False, f"this model does not use the image, as far as these rows can tell ({measured})"


def _fewest_families(num_tests: int, alpha: float) -> int:
    """Return the fewest families of which the sign-flip test can give a p of alpha, adjusted for the tests."""
    return math.ceil(1 + math.log2(num_tests / alpha) - 1e-9)


def _paired_gain(seeing: ScoreMatrix, blind: ScoreMatrix, name: str, rows: str) -> PairedEstimate:
    place_of = {code: place for place, code in enumerate(blind.codes)}
    places = [
        place
        for place, outcome in enumerate(seeing.scored)
        if outcome.product_code in place_of and (rows == "all" or outcome.inferable)
    ]
    partners = [place_of[seeing.codes[place]] for place in places]
    first, second = blind.column(name)[partners], seeing.column(name)[places]
    return rate_difference(first, second, seeing.spec.confidence, seeing.families[np.array(places, np.intp)])


def _smaller_gain(gains: Sequence[PairedEstimate]) -> PairedEstimate:
    if not gains or not all(gain.n for gain in gains):
        return NOTHING
    return PairedEstimate(
        n=min(gain.n for gain in gains),
        families=min(gain.families for gain in gains),
        difference=min(require_value(gain.difference) for gain in gains),
        low=min(require_value(gain.low) for gain in gains),
        high=min(require_value(gain.high) for gain in gains),
        p=max(1.0 if require_value(gain.difference) <= 0 else require_value(gain.p) for gain in gains),
    )


def _gain_score(
    gain: PairedEstimate, protocol: str, split: str, rows: str, metric: str, p_holm: float | None = None
) -> Score:
    return Score(
        protocol=protocol,
        split=split,
        control="none",
        rows=rows,
        category=None,
        metric=metric,
        n=gain.n,
        families=gain.families,
        value=gain.difference,
        low=gain.low,
        high=gain.high,
        p_holm=p_holm,
    )


def _format_gain(score: Score) -> str:
    name = score.metric.removesuffix(_GAIN_SUFFIX)
    gain = f"{require_value(score.value):+.3f} [{require_value(score.low):+.3f}, {require_value(score.high):+.3f}]"
    p = "" if score.p_holm is None else f" p {'< 0.0001' if score.p_holm < 0.0001 else f'{score.p_holm:.2g}'}"
    return f"{'exact match' if name == 'joint' else name} {gain}{p}"


SCORE_METHODS: Mapping[str, str] = {
    **MEANINGS,
    "macro": "unweighted mean over categories with at least min_category_rows rows; the rest is one group, (other), "
    "which counts when it has as many",
    "visual_gain": "gain over blind baselines: accuracy on the own image minus the larger one of blank and shuffled; "
    "its interval takes the lower limits of both paired differences, its p_holm the larger p (sign flips of whole "
    "families), adjusted for the number of gains (Holm); in_category_gain: minus that on another product of the same "
    "category",
    "uses_picture": "whether any of the gains in category, title, price and exact match over both controls is "
    "significant after that correction; null where that cannot be told: without the control shuffled, or of few "
    "families",
    "controls": "blank: the mean colour of the evaluated images, same size; shuffled: the image of another family; "
    "shuffled_in_category: of another family of the same category, rows of categories with one family left out; "
    "each image is asked about once, decoding is greedy",
    **baselines.BASELINE_METHODS,
    "families": "rows of one product family are correlated, so intervals use the scatter of whole families: standard "
    "errors as in Miller 2024 (arXiv 2411.00640, equation 4) times G / (G - 1) for G families under the root, and "
    "Student's t with G - 1 degrees; for rates and medians the number of rows is reduced to the number of "
    "independent rows with that error (where nothing varies, or under ten families: as if a family were one row). "
    "Families are lopsided where they differ much in size: where the spread between alike families has fewer "
    "degrees of freedom (Bell & McCaffrey 2002, Satterthwaite) than 20 and than 0.6 (G - 1). A family counts as one "
    "row then, and rates and means have exact (Clopper-Pearson) limits",
    "intervals": "rates: Wilson; means: Student's t; medians: order statistics (Woodruff); macro: MOVER over the "
    "groups, wider where families are in several; price_rmsle, price_d2 and both rank correlations: BCa bootstrap of "
    f"{intervals.RESAMPLES} seeded resamples of families, expanded for few families; none for "
    "fewer than seven, nor for lopsided ones with fewer than six degrees of freedom; under some 50 families they are a "
    "little too narrow nevertheless (benchmarks/certify.py)",
}


def score(
    products: Iterable[Product],
    predictions: Sequence[Prediction],
    spec: EvaluationSpec | None = None,
    train: Iterable[Product] = (),
    touched: Collection[str] = (),
) -> tuple[Score, ...]:
    """Compute every figure of a result: the model's by protocol and control, then the baselines'.

    Args:
        products: the rows of the predictions; rows without a prediction do not count.
        predictions: each needs its row among `products`.
        spec: thresholds, protocols and controls; the defaults when None.
        train: rows to which the baselines are fitted; nearest-picture needs images in `products` and `train`.
        touched: codes of rows that training has met; they and the others get figures of their own.
    """
    spec = spec or EvaluationSpec()
    rows, known = list(products), list(train)
    frequencies = fit_frequencies(known)
    if frequencies is not None:
        frequencies = replace(frequencies, nearest=find_nearest_answers(known, rows))
    scored = score_answers(rows, predictions, spec, frequencies.categories if frequencies else ())
    return compute_scores(scored, rows, spec, frequencies, touched)


def compute_scores(
    scored: Sequence[Outcome],
    products: Sequence[Product],
    spec: EvaluationSpec,
    frequencies: TrainingFrequencies | None,
    touched: Collection[str] = (),
) -> tuple[Score, ...]:
    """Do the same as `score` from outcomes: the headline protocol first, then others, validation rows, baselines."""
    median_price = frequencies.median_price if frequencies else None
    found: list[Score] = []
    for protocol, split in list_protocols(scored, spec):
        sides = {
            control: ScoreMatrix(of_control, spec, median_price)
            for control in ("none", *spec.controls)
            if (of_control := select_outcomes(scored, protocol, split, control)) or control == "none"
        }
        for control, columns in sides.items():
            found += _table_scores(columns, _control_table(protocol, split, control), touched)
        gained = [name for name in GAIN_METRICS if name in metrics.metric_names(protocol, "none")]
        found += compute_image_gains(sides, gained, protocol, split)
    return (*found, *(_baseline_scores(scored, products, spec, frequencies) if frequencies else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """Which metrics are computed for one control or baseline."""

    protocol: str
    split: str
    control: str
    together: tuple[str, ...]
    by_category: tuple[str, ...]
    macro: tuple[str, ...]
    baseline: str | None = None


def _control_table(protocol: str, split: str, control: str) -> _Table:
    return _Table(
        protocol=protocol,
        split=split,
        control=control,
        together=metrics.metric_names(protocol, control),
        by_category=metrics.category_metric_names(protocol, control),
        macro=metrics.headline_metrics(protocol),
    )


def _baseline_scores(
    scored: Sequence[Outcome], products: Sequence[Product], spec: EvaluationSpec, frequencies: TrainingFrequencies
) -> list[Score]:
    seeing = select_outcomes(scored, spec.protocol, spec.split, "none")
    answered = baselines.answered_categories(seeing)
    judged = [product for product in products if product.product_code in answered]
    found = []
    for baseline in baselines.make_baselines(frequencies, answered, spec.seed):
        guessed = score_baseline(baseline, judged, spec, frequencies.categories)
        found += _table_scores(ScoreMatrix(guessed, spec, frequencies.median_price), _baseline_table(baseline, spec))
    return found


def _baseline_table(baseline: Baseline, spec: EvaluationSpec) -> _Table:
    headline = tuple(name for name in baseline.metrics if name in metrics.HEADLINE)
    return _Table(
        protocol=spec.protocol,
        split=spec.split,
        control="none",
        together=baseline.metrics,
        by_category=headline,
        macro=headline,
        baseline=baseline.name,
    )


def _table_scores(columns: ScoreMatrix, table: _Table, touched: Collection[str] = ()) -> list[Score]:
    parts = make_slices(columns.scored, columns.spec.min_category_rows, touched)
    found = []
    for part in parts:
        for name in table.by_category if part.category else table.together:
            found.append(_make_score(columns.estimate(name, part), table, part, name))
        if part.category is None and part.rows not in CONTAMINATION_ROWS:
            groups = macro_groups(parts, part.rows, columns.spec.min_category_rows)
            found += [_make_score(columns.macro(name, groups), table, part, f"{name}_macro") for name in table.macro]
    return found


def _make_score(figure: Estimate, table: _Table, part: Slice, metric: str) -> Score:
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
