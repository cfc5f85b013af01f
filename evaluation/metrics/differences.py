"""Paired differences of two models on the same rows, of each baseline and the second model, and the format share.

The format share is how much of a gain is only the form of the answer: the gain in free text minus the gain in ranking.
A base model may recognise a trench coat and not know how to write it. Ranked over the closed set it needs no form, so
what a tuned model gains under `generate` and not under `rank` it gained by learning the sentence.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from evaluation.metrics import metrics
from evaluation.metrics.baselines import TrainingFrequencies, answered_categories, make_baselines, score_baseline
from evaluation.metrics.metrics import HEADLINE, METRICS, POOLED
from evaluation.metrics.score_matrix import (
    CONTAMINATION_ROWS,
    ROWS,
    Indices,
    ScoreMatrix,
    Slice,
    list_protocols,
    macro_groups,
    make_slices,
    select_outcomes,
)
from evaluation.metrics.scoring import Outcome
from evaluation.stats import intervals, paired
from evaluation.stats.intervals import Estimate, Values, bca, cluster_sums, num_families, spanning_factor
from evaluation.stats.paired import NOTHING, PairedEstimate, rate_difference
from schemas.evaluation import EvaluationSpec
from schemas.product import Product
from schemas.result import BEST, OTHER, Difference, FormatShare
from schemas.util.stats import benjamini_hochberg, holm

_FREE, _RANKED = "generate", "rank"
DIFFERENCE_METHODS = {
    "difference": "tuned - base, on the same rows: those counted by the metric for both; where less is better, a value "
    "below 0 is a gain",
    "difference_intervals": "families as in the scores. Rates: Newcombe 1998, method 10; means: paired Student's t; "
    f"medians: percentiles of {intervals.RESAMPLES} paired bootstrap resamples of families; macro: MOVER over the "
    "groups; pooled price figures: BCa of the same resamples. Lopsided families as in the scores: exact limits in "
    "Newcombe's, which means have then, too",
    "p": "sign flips of whole families; exact for rates and for mean accuracy, where families of one row make it "
    f"McNemar's exact test; else all flips of up to {intervals.ENUMERATED} families and {intervals.FLIPS} seeded "
    "ones beyond; "
    "none for medians and pooled figures, nor where it is insufficient: below min_category_rows rows, or with so few "
    "families that no p can be small enough (2^(1 - G) for G families, so five at 0.05)",
    "p_mcnemar": "McNemar, exact, rows taken as independent: for comparison with tables that do so",
    "p_holm": "Holm over the categories that share metric, rows and control: for claims; p_bh: Benjamini-Hochberg over "
    "the same: for exploring",
    "detectable": "the difference found with power 0.8. Rates: when 5 % of the rows are lost, from Connor 1987, "
    "n = (z_alpha/2 sqrt(s) + z_power sqrt(s - d^2))^2 / d^2 with s = 0.1 + d and n the number of independent rows "
    "that tell as much about the difference; else (z_alpha/2 + z_power) standard errors as the interval shows them; "
    "within categories alpha is divided among those tested",
    "best": "each model under the protocol that was chosen for it on validation rows, else under the headline one; "
    "absent where neither was chosen",
    "format_share": "gain in category accuracy under generate minus the gain under rank, on the rows answered under "
    "both, with the BCa interval of a bootstrap of families; share: of the gain under generate",
}


@dataclass(frozen=True, slots=True)
class _MatrixPair:
    """Score matrices of two models, row by row the same products under one control."""

    first: ScoreMatrix
    second: ScoreMatrix
    protocol: str
    split: str
    control: str
    baseline: str | None = None
    touched: Collection[str] = ()
    gains: dict[tuple[str, bytes], PairedEstimate] = field(default_factory=dict)
    """Cache: slices repeat where all rows are visually identifiable."""

    @property
    def spec(self) -> EvaluationSpec:
        return self.second.spec


def compute_differences(
    first: Sequence[Outcome],
    second: Sequence[Outcome],
    spec: EvaluationSpec,
    chosen: tuple[str, str] | None = None,
    median_price: float | None = None,
    touched: Collection[str] = (),
) -> list[Difference]:
    """Return differences per shared protocol and control: all metrics, headline metrics by category, macro means.

    Last, as protocol `best`, base and tuned under their `chosen` protocols, where those are given. Both lists hold the
    same (product, control) of each protocol. Codes in `touched` get rows of their own, and so do the others (clean).
    """
    shared = [
        pair for pair in list_protocols(second, spec) if pair in list_protocols(first, spec) and pair[1] == spec.split
    ]
    found: list[Difference] = []
    for protocol, _ in shared:
        for control in ("none", *spec.controls):
            sides = _matrices(first, second, (protocol, protocol), control, spec, median_price)
            found += _differences_of_matrices(sides, (protocol, protocol), protocol, control, touched)
    if chosen is not None:
        sides = _matrices(first, second, chosen, "none", spec, median_price)
        found += _differences_of_matrices(sides, chosen, BEST, "none", touched)
    return found


def compare_with_baselines(
    tuned: Sequence[Outcome], products: Sequence[Product], spec: EvaluationSpec, frequencies: TrainingFrequencies
) -> list[Difference]:
    """Return the tuned model minus each baseline, on the baseline's metrics; `base` is the baseline."""
    seeing = {outcome.product_code: outcome for outcome in select_outcomes(tuned, spec.protocol, spec.split, "none")}
    judged = [product for product in products if product.product_code in seeing]
    second = ScoreMatrix([seeing[product.product_code] for product in judged], spec, frequencies.median_price)
    answered = answered_categories(second.scored)
    found = []
    for baseline in make_baselines(frequencies, answered, spec.seed):
        guessed = ScoreMatrix(
            score_baseline(baseline, judged, spec, frequencies.categories), spec, frequencies.median_price
        )
        pair = _MatrixPair(guessed, second, spec.protocol, spec.split, "none", baseline.name)
        answerable = metrics.metric_names(spec.protocol, "none")
        found += _all_differences(pair, [name for name in baseline.metrics if name in answerable], ())
    return found


def compute_format_shares(
    first: Sequence[Outcome], second: Sequence[Outcome], spec: EvaluationSpec
) -> tuple[FormatShare, ...]:
    """Return one for all and one for visually identifiable rows; none where a model lacks one of the two protocols."""
    found = []
    for rows in ROWS:
        sides = [
            {
                o.product_code: o
                for o in select_outcomes(side, protocol, spec.split, "none")
                if rows == "all" or o.inferable
            }
            for protocol in (_FREE, _RANKED)
            for side in (first, second)
        ]
        codes = [code for code in sides[0] if all(code in side for side in sides)]
        if codes:
            base, tuned, base_ranked, tuned_ranked = (
                ScoreMatrix([side[code] for code in codes], spec) for side in sides
            )
            found.append(_format_share(base, tuned, base_ranked, tuned_ranked, rows))
    return tuple(found)


def _format_share(
    base: ScoreMatrix, tuned: ScoreMatrix, base_ranked: ScoreMatrix, tuned_ranked: ScoreMatrix, rows: str
) -> FormatShare:
    spec, families = tuned.spec, tuned.families
    columns = [side.column("category") for side in (base, tuned, base_ranked, tuned_ranked)]
    free = rate_difference(columns[0], columns[1], spec.confidence, families)
    ranked = rate_difference(columns[2], columns[3], spec.confidence, families)
    gaps = (columns[1] - columns[0]) - (columns[3] - columns[2])
    low, high = bca(lambda weights: gaps @ weights / weights.sum(axis=0), families, spec.confidence, spec.seed)
    gain, difference = free.difference or 0.0, float(np.mean(gaps))
    return FormatShare(
        rows=rows,
        n=free.n,
        families=free.families,
        gain=gain,
        gain_ranked=ranked.difference or 0.0,
        difference=difference,
        low=low,
        high=high,
        share=difference / gain if (free.low or 0.0) > 0 else None,
    )


def _matrices(
    first: Sequence[Outcome],
    second: Sequence[Outcome],
    protocols: tuple[str, str],
    control: str,
    spec: EvaluationSpec,
    median_price: float | None,
) -> list[ScoreMatrix]:
    """Return one matrix per model that was asked this way."""
    sides = [
        select_outcomes(side, name, spec.split, control) for side, name in zip((first, second), protocols, strict=True)
    ]
    return [ScoreMatrix(side, spec, median_price) for side in sides if side]


def _differences_of_matrices(
    sides: Sequence[ScoreMatrix], protocols: tuple[str, str], name: str, control: str, touched: Collection[str]
) -> list[Difference]:
    if len(sides) < 2:
        return []
    theirs = metrics.metric_names(protocols[1], control)
    answerable = [figure for figure in metrics.metric_names(protocols[0], control) if figure in theirs]
    by_category = [figure for figure in HEADLINE if figure in answerable]
    pair = _MatrixPair(sides[0], sides[1], name, sides[1].spec.split, control, touched=touched)
    return _adjust_p_values(_all_differences(pair, answerable, by_category))


def _all_differences(pair: _MatrixPair, together: Sequence[str], by_category: Sequence[str]) -> list[Difference]:
    assert pair.first.codes == pair.second.codes, "both sides answer the same products in the same order"
    parts = make_slices(pair.second.scored, pair.spec.min_category_rows, pair.touched)
    found = []
    for part in parts:
        tested = _num_tested(pair, parts, part.rows) if part.category else 1
        alpha = (1 - pair.spec.confidence) / max(1, tested)
        found += [_difference(pair, part, name, alpha) for name in (by_category if part.category else together)]
        if part.category is None and part.rows not in CONTAMINATION_ROWS:
            groups = macro_groups(parts, part.rows, pair.spec.min_category_rows)
            found += [_macro_difference(pair, groups, part, name) for name in together if name in HEADLINE]
    return found


def _num_tested(pair: _MatrixPair, parts: Sequence[Slice], rows: str) -> int:
    """Return the number of categories that enter Holm's correction: with enough rows and families."""
    groups = [part for part in macro_groups(parts, rows, pair.spec.min_category_rows) if part.category != OTHER]
    alpha = 1 - pair.spec.confidence
    return sum(intervals.can_differ(num_families(pair.second.families[part.members]), alpha) for part in groups)


def _difference(pair: _MatrixPair, part: Slice, name: str, alpha: float) -> Difference:
    places = pair.second.counted(name, pair.first.counted(name, part.members))
    same = replace(part, members=places)
    gain = _cached_estimate(pair, places, name)
    figures_of = [side.estimate(name, same) for side in (pair.first, pair.second)]
    rate = name in METRICS and METRICS[name].kind == "rate"
    detectable = (
        paired.detectable_rate(gain.effective, alpha)
        if rate
        else paired.detectable_difference(gain, pair.spec.confidence, alpha)
    )
    rows_alone = _mcnemar(pair, places, name) if rate and len(places) else None
    return _make_difference(pair, part, name, figures_of, gain, detectable, rows_alone)


def _cached_estimate(pair: _MatrixPair, places: Indices, name: str) -> PairedEstimate:
    key = (name, places.tobytes())
    if key not in pair.gains:
        pair.gains[key] = _paired_estimate(pair, places, name)
    return pair.gains[key]


def _paired_estimate(pair: _MatrixPair, places: Indices, name: str) -> PairedEstimate:
    spec, families = pair.spec, pair.second.families[places]
    kind = "pooled" if name in POOLED else METRICS[name].kind
    if kind in {"pooled", "median"}:
        weighted = [side.weighted(name, places) if len(places) else None for side in (pair.first, pair.second)]
        if weighted[0] is None or weighted[1] is None:
            return NOTHING
        of = paired.pooled_difference if kind == "pooled" else paired.median_difference
        return of(weighted[0], weighted[1], families, spec.confidence, spec.seed)
    first, second = (side.column(name)[places] for side in (pair.first, pair.second))
    if kind == "rate":
        return paired.rate_difference(first, second, spec.confidence, families)
    bound = 1.0 if kind == "mean" else np.inf
    steps = METRICS[name].steps
    return paired.mean_difference(first, second, spec.confidence, families, bound=bound, steps=steps, seed=spec.seed)


def _mcnemar(pair: _MatrixPair, places: Indices, name: str) -> float:
    first, second = (side.column(name)[places] for side in (pair.first, pair.second))
    return paired.mcnemar(int(np.sum(first > second)), int(np.sum(second > first)))


def _macro_difference(pair: _MatrixPair, groups: Sequence[Slice], part: Slice, name: str) -> Difference:
    gains: Values = pair.second.column(name) - pair.first.column(name)
    families, members = pair.second.families, [group.members for group in groups]
    p, num = None, 0
    if groups:
        weights = np.zeros(len(gains))
        for places in members:
            weights[places] = 1 / len(places)
        p = intervals.flip_p(cluster_sums(weights * gains, families), pair.spec.seed)
        num = num_families(families[np.concatenate(members)])
    gain = paired.macro_difference(
        [_cached_estimate(pair, places, name) for places in members], num, spanning_factor(gains, families, members), p
    )
    figures_of = [side.macro(name, groups) for side in (pair.first, pair.second)]
    detectable = paired.detectable_difference(gain, pair.spec.confidence, 1 - pair.spec.confidence)
    return _make_difference(pair, part, f"{name}_macro", figures_of, gain, detectable, None)


def _make_difference(
    pair: _MatrixPair,
    part: Slice,
    metric: str,
    figures_of: Sequence[Estimate],
    gain: PairedEstimate,
    detectable: float | None,
    rows_alone: float | None,
) -> Difference:
    base, tuned = figures_of
    enough = gain.n >= pair.spec.min_category_rows
    insufficient = not (enough and intervals.can_differ(gain.families, 1 - pair.spec.confidence))
    return Difference(
        protocol=pair.protocol,
        split=pair.split,
        control=pair.control,
        rows=part.rows,
        category=part.category,
        metric=metric,
        n=gain.n,
        families=gain.families,
        base=base.value,
        base_low=base.low,
        base_high=base.high,
        tuned=tuned.value,
        tuned_low=tuned.low,
        tuned_high=tuned.high,
        difference=gain.difference,
        low=gain.low,
        high=gain.high,
        p=None if insufficient else gain.p,
        p_mcnemar=None if insufficient else rows_alone,
        p_holm=None,
        p_bh=None,
        detectable=detectable,
        insufficient=insufficient,
        baseline=pair.baseline,
    )


def _adjust_p_values(rows: Sequence[Difference]) -> list[Difference]:
    """Fill in `p_holm` and `p_bh` for categories with a p, adjusted among those of one metric and kind of rows."""
    families: dict[tuple[str, str], list[int]] = {}
    for place, row in enumerate(rows):
        if row.category not in {None, OTHER} and row.p is not None:
            families.setdefault((row.rows, row.metric), []).append(place)
    holm_p, bh_p = (_adjust_within_groups(rows, families, by) for by in (holm, benjamini_hochberg))
    return [replace(row, p_holm=holm_p.get(place), p_bh=bh_p.get(place)) for place, row in enumerate(rows)]


def _adjust_within_groups(
    rows: Sequence[Difference],
    families: dict[tuple[str, str], list[int]],
    by: Callable[[Sequence[float]], list[float]],
) -> dict[int, float]:
    adjusted: dict[int, float] = {}
    for places in families.values():
        p_values = [row.p for row in (rows[place] for place in places) if row.p is not None]
        adjusted |= dict(zip(places, by(p_values), strict=True))
    return adjusted
