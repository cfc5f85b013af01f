"""One model's outcomes under one protocol and control as columns of numbers, and a figure over some of their rows."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from evaluation.metrics import ratios
from evaluation.metrics.figures import FIGURES, POOLED
from evaluation.metrics.scoring import Outcome
from evaluation.metrics.slices import Slice
from evaluation.stats import intervals
from evaluation.stats.clusters import Families, Values, num_families, numbered, spanning
from evaluation.stats.intervals import NOTHING, Estimate
from evaluation.stats.resampling import Weighted, bca, plain
from schemas.evaluation import EvaluationSpec

Places = npt.NDArray[np.intp]


class Columns:
    """A column for each figure, made when it is first asked for; estimates are kept, for slices repeat."""

    def __init__(self, scored: Sequence[Outcome], spec: EvaluationSpec, median_price: float | None = None) -> None:
        """`median_price` is that of the train rows, for D2; without it D2 has no value.

        Rows are put in the order of their codes, so that no figure depends on the order of predictions.
        """
        self.scored = scored = sorted(scored, key=lambda outcome: outcome.product_code)
        self.spec = spec
        self.families: Families = numbered([outcome.family for outcome in scored])
        self.categories: Families = numbered([outcome.category for outcome in scored])
        self.codes = [outcome.product_code for outcome in scored]
        self._median_price = median_price
        self._columns: dict[str, Values] = {}
        self._estimates: dict[tuple[str, bytes], Estimate] = {}

    def column(self, name: str) -> Values:
        """What each outcome counts for a figure; NaN where it is not in the figure's n."""
        if name not in self._columns:
            of = (lambda o: 0.0 if o.answer.price else np.nan) if name in POOLED else FIGURES[name].of
            self._columns[name] = np.array([of(outcome) for outcome in self.scored], dtype=np.float64)
        return self._columns[name]

    def counted(self, name: str, places: Places) -> Places:
        """Those of `places` that are in the figure's n."""
        return places[~np.isnan(self.column(name)[places])]

    def estimate(self, name: str, part: Slice) -> Estimate:
        """A figure over a slice, with its interval."""
        key = (name, part.members.tobytes())
        if key not in self._estimates:
            self._estimates[key] = self._estimate(name, self.counted(name, part.members))
        return self._estimates[key]

    def macro(self, name: str, groups: Sequence[Slice]) -> Estimate:
        """The unweighted mean of a figure over groups, wider where families are in several of them."""
        members = [self.counted(name, group.members) for group in groups]
        rows = np.concatenate(members) if members else np.empty(0, np.intp)
        return intervals.macro(
            [self.estimate(name, group) for group in groups],
            num_families(self.families[rows]),
            spanning(self.column(name), self.families, members),
        )

    def weighted(self, name: str, places: Places) -> Weighted | None:
        """A pooled figure or a median over rows that are in its n, for resampling; None where it cannot be taken."""
        if name not in POOLED:
            return ratios.middle(self.column(name)[places])
        answered, true = self._log_prices(places)
        match name:
            case "price_rmsle":
                return ratios.rmsle(answered, true)
            case "price_d2":
                return None if self._median_price is None else ratios.d2(answered, true, np.log(self._median_price))
            case "price_spearman":
                return ratios.rank_correlation(answered, true, np.zeros(len(places), np.intp))
        return ratios.rank_correlation(answered, true, self.categories[places])

    def _estimate(self, name: str, places: Places) -> Estimate:
        families, spec = self.families[places], self.spec
        if not len(places):
            return NOTHING
        if name in POOLED:
            return self._pooled(name, places)
        values = self.column(name)[places]
        match FIGURES[name].kind:
            case "rate":
                return intervals.rate(values, spec.confidence, families)
            case "mean":
                return intervals.mean(values, spec.confidence, families)
            case "size":
                return intervals.mean(values, spec.confidence, families, top=np.inf)
        return intervals.median(values, spec.confidence, families)

    def _pooled(self, name: str, places: Places) -> Estimate:
        families, figure = self.families[places], self.weighted(name, places)
        low: float | None
        high: float | None
        value, low, high = np.nan, None, None
        if figure is not None:
            value = plain(figure, len(places))
            low, high = bca(figure, families, self.spec.confidence, self.spec.seed)
        return Estimate(
            n=len(places),
            families=num_families(families),
            value=value if np.isfinite(value) else None,
            low=low,
            high=high,
        )

    def _log_prices(self, places: Places) -> tuple[Values, Values]:
        pairs = [(self.scored[place].answer.price or np.nan, self.scored[place].true_price) for place in places]
        answered, true = np.log(np.array(pairs, dtype=np.float64).reshape(-1, 2)).T
        return answered, true
