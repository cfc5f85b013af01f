"""From two models' outcomes on the same rows to the flat list of differences, and each baseline against the second."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from evaluation import paired
from evaluation.baselines import Habits, baseline_outcomes, baselines
from evaluation.intervals import Estimate
from evaluation.metrics import HEADLINE, METRICS, estimate, macro_estimate, values
from evaluation.paired import PairedEstimate
from evaluation.scoring import Outcome
from evaluation.slices import Slice, macro_groups, slices
from schemas.evaluation import EvaluationSpec
from schemas.product import Product
from schemas.result import OTHER, Difference

METHODS = {
    "difference": "tuned - base, on the same rows; for price_median_ape less is better",
    "difference_intervals": "rates: Newcombe 1998, method 10; means: paired Student's t; medians: percentiles of "
    f"{paired.RESAMPLES} paired bootstrap resamples; macro: MOVER over the groups",
    "p": "rates: McNemar, exact; means: paired t; none below min_category_rows rows",
    "p_holm": "Holm over the categories that share metric, rows and control",
    "detectable": "rates: the gain d found with power 0.8 when 5 % of the rows are lost, from Connor 1987, "
    "n = (z_alpha/2 sqrt(s) + z_power sqrt(s - d^2))^2 / d^2 with s = 0.1 + d; means: (z_alpha/2 + z_power) sd / "
    "sqrt(n); within categories alpha is shared out among those tested",
}


@dataclass(frozen=True, slots=True)
class _Pair:
    """Outcomes of two models, row by row the same products under one control."""

    first: Sequence[Outcome]
    second: Sequence[Outcome]
    control: str
    baseline: str | None = None


def differences(first: Sequence[Outcome], second: Sequence[Outcome], spec: EvaluationSpec) -> list[Difference]:
    """Every metric over all rows, the headline metrics by category, and macro figures, for each control.

    Both lists hold the same (product, control) in the same order.
    """
    found = []
    for control in ("none", *spec.controls):
        places = [place for place, outcome in enumerate(first) if outcome.control == control]
        pair = _Pair([first[place] for place in places], [second[place] for place in places], control)
        if places:
            found += _with_holm(_differences(pair, spec, tuple(METRICS), HEADLINE))
    return found


def against_baselines(
    tuned: Sequence[Outcome], products: Sequence[Product], spec: EvaluationSpec, habits: Habits
) -> list[Difference]:
    """The tuned model minus each baseline under control none, on what the baseline is about; `base` is the baseline."""
    seeing = {outcome.product_code: outcome for outcome in tuned if outcome.control == "none"}
    judged = [product for product in products if product.product_code in seeing]
    second = [seeing[product.product_code] for product in judged]
    found = []
    for baseline in baselines(habits):
        guessed = baseline_outcomes(baseline, judged, spec, habits.categories)
        found += _differences(_Pair(guessed, second, "none", baseline.name), spec, baseline.metrics, ())
    return found


def _differences(
    pair: _Pair, spec: EvaluationSpec, together: Sequence[str], by_category: Sequence[str]
) -> list[Difference]:
    parts = slices(pair.second, spec.min_category_rows)
    found = []
    for part in parts:
        tested = _tested(parts, part.rows, spec) if part.category else 1
        for metric in by_category if part.category else together:
            found.append(_difference(pair, part, metric, spec, (1 - spec.confidence) / max(1, tested)))
        if part.category is None:
            for metric in (name for name in together if name in HEADLINE):
                found.append(_macro_difference(pair, parts, part, metric, spec))
    return found


def _tested(parts: Sequence[Slice], rows: str, spec: EvaluationSpec) -> int:
    return sum(part.category != OTHER for part in macro_groups(parts, rows, spec.min_category_rows))


def _difference(pair: _Pair, part: Slice, metric: str, spec: EvaluationSpec, alpha: float) -> Difference:
    gain = _gain(pair, part, metric, spec)
    if gain.n < spec.min_category_rows:
        gain = replace(gain, p=None)
    figures = [estimate(metric, side, part, spec.confidence) for side in (pair.first, pair.second)]
    return _row(pair, part, metric, spec, figures, gain, _detectable(pair, part, metric, alpha))


def _gain(pair: _Pair, part: Slice, metric: str, spec: EvaluationSpec) -> PairedEstimate:
    first, second = values(metric, pair.first, part), values(metric, pair.second, part)
    match METRICS[metric].kind:
        case "rate":
            return paired.rate_difference(first, second, spec.confidence)
        case "mean":
            return paired.mean_difference(first, second, spec.confidence)
    return paired.median_difference(first, second, spec.confidence, spec.seed)


def _detectable(pair: _Pair, part: Slice, metric: str, alpha: float) -> float | None:
    match METRICS[metric].kind:
        case "rate":
            return paired.detectable_rate(len(part.members), alpha)
        case "mean":
            gains = values(metric, pair.second, part) - values(metric, pair.first, part)
            return paired.detectable_mean(gains, alpha)
    return None


def _macro_difference(
    pair: _Pair, parts: Sequence[Slice], part: Slice, metric: str, spec: EvaluationSpec
) -> Difference:
    groups = macro_groups(parts, part.rows, spec.min_category_rows)
    gain = paired.macro_difference([_gain(pair, group, metric, spec) for group in groups])
    figures = [macro_estimate(metric, side, parts, part.rows, spec) for side in (pair.first, pair.second)]
    return _row(pair, part, f"{metric}_macro", spec, figures, gain, None)


def _row(
    pair: _Pair,
    part: Slice,
    metric: str,
    spec: EvaluationSpec,
    figures: Sequence[Estimate],
    gain: PairedEstimate,
    detectable: float | None,
) -> Difference:
    base, tuned = figures
    return Difference(
        protocol=spec.protocol,
        split=spec.split,
        control=pair.control,
        rows=part.rows,
        category=part.category,
        metric=metric,
        n=gain.n,
        base=base.value,
        base_low=base.low,
        base_high=base.high,
        tuned=tuned.value,
        tuned_low=tuned.low,
        tuned_high=tuned.high,
        difference=gain.difference,
        low=gain.low,
        high=gain.high,
        p=gain.p,
        p_holm=None,
        detectable=detectable,
        baseline=pair.baseline,
    )


def _with_holm(rows: Sequence[Difference]) -> list[Difference]:
    """`p_holm` filled in for every category with a p, in families of one metric, control and kind of rows."""
    families: dict[tuple[str, str], list[int]] = {}
    for place, row in enumerate(rows):
        if row.category not in {None, OTHER} and row.p is not None:
            families.setdefault((row.rows, row.metric), []).append(place)
    adjusted: dict[int, float] = {}
    for places in families.values():
        p_values = [row.p for row in (rows[place] for place in places) if row.p is not None]
        adjusted |= dict(zip(places, paired.holm(p_values), strict=True))
    return [replace(row, p_holm=adjusted.get(place)) for place, row in enumerate(rows)]
