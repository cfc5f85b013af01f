"""Outcomes of one model under one protocol and control as a matrix of rows x metrics, and metrics over slices of it.

A slice is a kind of rows (all, visually identifiable, clean, touched) and a category, or the pooled small categories.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.metrics import metrics
from evaluation.metrics.metrics import METRICS, POOLED
from evaluation.metrics.scoring import Outcome
from evaluation.stats import intervals
from evaluation.stats.intervals import (
    NOTHING,
    ClusterIds,
    Estimate,
    Values,
    Weighted,
    bca,
    factorize,
    num_families,
    spanning_factor,
    unweighted,
)
from schemas.evaluation import EvaluationSpec
from schemas.result import OTHER

ROWS = ("all", "inferable")
CONTAMINATION_ROWS = ("clean", "touched")
"""Rows that training has not touched, and those it has; not divided by category."""
LARGE_FAMILY = 0.1
LARGE_FAMILY_ROWS = 10
"""A family is named where it holds more than this share of the rows, and at least so many."""
MAX_LISTED = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slice:
    """Some rows of a list of outcomes."""

    rows: str
    """all, inferable, clean or touched."""
    category: str | None
    """None: all categories together; `(other)`: the pooled small ones."""
    members: npt.NDArray[np.intp]
    """Indices in the list."""


def make_slices(scored: Sequence[Outcome], min_rows: int, touched: Collection[str] = ()) -> list[Slice]:
    """Return slices of all and of visually identifiable rows: together, by category, the pooled small ones.

    Then, where there are any, the rows whose codes are `touched` by training, and the others.
    """
    found: list[Slice] = []
    categories = np.array([outcome.category for outcome in scored], dtype=object)
    for rows in ROWS:
        places = _row_indices(scored, rows)
        found.append(Slice(rows=rows, category=None, members=places))
        small = small_categories(scored, min_rows)[rows]
        for category in sorted(set(categories[places])):
            found.append(Slice(rows=rows, category=category, members=places[categories[places] == category]))
        if small:
            found.append(Slice(rows=rows, category=OTHER, members=places[np.isin(categories[places], small)]))
    if touched:
        met = np.array([outcome.product_code in touched for outcome in scored], dtype=bool)
        for rows, chosen in zip(CONTAMINATION_ROWS, (~met, met), strict=True):
            found.append(Slice(rows=rows, category=None, members=np.flatnonzero(chosen)))
    return found


def small_categories(scored: Sequence[Outcome], min_rows: int) -> dict[str, tuple[str, ...]]:
    """Return for all and for visually identifiable rows the categories with fewer than `min_rows` rows."""
    counts = {rows: Counter(scored[place].category for place in _row_indices(scored, rows)) for rows in ROWS}
    return {rows: tuple(sorted(c for c, n in found.items() if n < min_rows)) for rows, found in counts.items()}


def macro_groups(parts: Sequence[Slice], rows: str, min_rows: int) -> list[Slice]:
    """Return the slices whose mean is the macro figure: categories and the pooled rest, of at least `min_rows` rows."""
    return [part for part in parts if part.rows == rows and part.category and len(part.members) >= min_rows]


def family_notes(scored: Sequence[Outcome], min_rows: int) -> tuple[str, ...]:
    """Return what a reader must know about large families of the rows that one protocol and control asked about."""
    families = factorize([outcome.family for outcome in scored])
    found = []
    if len(scored) and is_large(int(np.bincount(families).max()), len(scored)):
        sizes = np.bincount(families)
        name = scored[int(np.flatnonzero(families == sizes.argmax())[0])].family
        found.append(f"one family ({name}) holds {sizes.max()} of {len(scored)} rows")
    if intervals.is_lopsided(families):
        found.append(
            f"the {num_families(families)} families of the {len(scored)} rows differ much in size: they tell as much "
            f"as {intervals.kish_rows(families):.1f} independent rows, so intervals are wide"
        )
    if 0 < intervals.bootstrap_degrees(families) < intervals.BOOTSTRAP_DEGREES:
        found.append("families are too few or too unequal for a bootstrap: its figures have no intervals")
    lopsided = [
        f"{part.category} ({np.bincount(families[part.members]).max()} of {len(part.members)} rows in the largest "
        "family)"
        for part in macro_groups(make_slices(scored, min_rows), "all", min_rows)
        if intervals.is_lopsided(families[part.members])
    ]
    if lopsided:
        more = f" and {len(lopsided) - MAX_LISTED} more" if len(lopsided) > MAX_LISTED else ""
        listed = ", ".join(lopsided[:MAX_LISTED])
        found.append(f"families differ much in size, so intervals are wide: {listed}{more}")
    return tuple(found)


def is_large(rows: int, total: int) -> bool:
    """Return whether a family of so many rows is named in the notes."""
    return rows >= LARGE_FAMILY_ROWS and rows > LARGE_FAMILY * total


def list_protocols(scored: Sequence[Outcome], spec: EvaluationSpec) -> list[tuple[str, str]]:
    """Return the pairs of protocol and split that were answered, the headline first, then in the order of the spec.

    The headline is always included. Validation rows, which choose a prompt, come last.
    """
    headline = (spec.protocol, spec.split)
    found = {(outcome.protocol, outcome.split) for outcome in scored} - {headline}
    order = {protocol: place for place, protocol in enumerate(spec.protocols)}
    return [headline, *sorted(found, key=lambda pair: (pair[1] != spec.split, order.get(pair[0], len(order)), pair))]


def select_outcomes(scored: Sequence[Outcome], protocol: str, split: str, control: str | None = None) -> list[Outcome]:
    """Return the outcomes of one protocol and split, in their order; of one control where it is given."""
    return [
        outcome
        for outcome in scored
        if (outcome.protocol, outcome.split) == (protocol, split) and control in {None, outcome.control}
    ]


def headline_outcomes(scored: Sequence[Outcome], spec: EvaluationSpec, control: str | None = None) -> list[Outcome]:
    """Return the outcomes of the headline protocol on the evaluated split."""
    return select_outcomes(scored, spec.protocol, spec.split, control)


def _row_indices(scored: Sequence[Outcome], rows: str) -> npt.NDArray[np.intp]:
    return np.flatnonzero([rows == "all" or outcome.inferable for outcome in scored]).astype(np.intp)


Indices = npt.NDArray[np.intp]


class ScoreMatrix:
    """A column per metric, computed when it is first needed; estimates are cached because slices repeat."""

    def __init__(self, scored: Sequence[Outcome], spec: EvaluationSpec, median_price: float | None = None) -> None:
        """Sort the outcomes by product code, so that no figure depends on the order of predictions.

        `median_price` is that of the train rows, for D2; without it D2 has no value.
        """
        self.scored = scored = sorted(scored, key=lambda outcome: outcome.product_code)
        self.spec = spec
        self.families: ClusterIds = factorize([outcome.family for outcome in scored])
        self.categories: ClusterIds = factorize([outcome.category for outcome in scored])
        self.codes = [outcome.product_code for outcome in scored]
        self._median_price = median_price
        self._columns: dict[str, Values] = {}
        self._estimates: dict[tuple[str, bytes], Estimate] = {}

    def column(self, name: str) -> Values:
        """Return what each outcome counts for a metric, (N,); NaN where the metric does not count it."""
        if name not in self._columns:
            of = (lambda o: 0.0 if o.answer.price else np.nan) if name in POOLED else METRICS[name].of
            self._columns[name] = np.array([of(outcome) for outcome in self.scored], dtype=np.float64)
        return self._columns[name]

    def counted(self, name: str, places: Indices) -> Indices:
        """Return those of `places` that the metric counts."""
        return places[~np.isnan(self.column(name)[places])]

    def estimate(self, name: str, part: Slice) -> Estimate:
        """Return a metric over a slice, with its interval."""
        key = (name, part.members.tobytes())
        if key not in self._estimates:
            self._estimates[key] = self._estimate(name, self.counted(name, part.members))
        return self._estimates[key]

    def macro(self, name: str, groups: Sequence[Slice]) -> Estimate:
        """Return the unweighted mean of a metric over groups; the interval is wider where families are in several."""
        members = [self.counted(name, group.members) for group in groups]
        rows = np.concatenate(members) if members else np.empty(0, np.intp)
        return intervals.macro(
            [self.estimate(name, group) for group in groups],
            num_families(self.families[rows]),
            spanning_factor(self.column(name), self.families, members),
        )

    def weighted(self, name: str, places: Indices) -> Weighted | None:
        """Return a pooled metric or a median as a function of row weights; None where it cannot be computed."""
        if name not in POOLED:
            return metrics.weighted_median(self.column(name)[places])
        answered, true = self._log_prices(places)
        match name:
            case "price_rmsle":
                return metrics.rmsle(answered, true)
            case "price_d2":
                return None if self._median_price is None else metrics.d2(answered, true, np.log(self._median_price))
            case "price_spearman":
                return metrics.rank_correlation(answered, true, np.zeros(len(places), np.intp))
        return metrics.rank_correlation(answered, true, self.categories[places])

    def _estimate(self, name: str, places: Indices) -> Estimate:
        families, spec = self.families[places], self.spec
        if not len(places):
            return NOTHING
        if name in POOLED:
            return self._pooled(name, places)
        values = self.column(name)[places]
        match METRICS[name].kind:
            case "rate":
                return intervals.rate(values, spec.confidence, families)
            case "mean":
                return intervals.mean(values, spec.confidence, families)
            case "size":
                return intervals.mean(values, spec.confidence, families, top=np.inf)
        return intervals.median(values, spec.confidence, families)

    def _pooled(self, name: str, places: Indices) -> Estimate:
        families, figure = self.families[places], self.weighted(name, places)
        low: float | None
        high: float | None
        value, low, high = np.nan, None, None
        if figure is not None:
            value = unweighted(figure, len(places))
            low, high = bca(figure, families, self.spec.confidence, self.spec.seed)
        return Estimate(
            n=len(places),
            families=num_families(families),
            value=value if np.isfinite(value) else None,
            low=low,
            high=high,
        )

    def _log_prices(self, places: Indices) -> tuple[Values, Values]:
        pairs = [(self.scored[place].answer.price or np.nan, self.scored[place].true_price) for place in places]
        answered, true = np.log(np.array(pairs, dtype=np.float64).reshape(-1, 2)).T
        return answered, true
