"""How statistics of real rows are released: the options of a fit, the division of epsilon, noise, and the ledger.

A `Statistic` holds counts in cells, together with how much one family can change them. `NoNoise` returns the counts
unchanged. `OpenDPMechanism` adds OpenDP's noise and records the cost in a ledger. The noise comes from the operating
system and cannot be seeded, so two private fits differ. Neighbouring data sets differ by one product family.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from generator.fit import CategoryPath as CategoryPath
from generator.fit import FitOptions as FitOptions
from schemas.catalog import Release
from schemas.errors import ToileError

BUDGET_SHARES = {
    "table": 0.85,
    "median": 0.04,
    "endings": 0.02,
    "materials": 0.015,
    "patterns": 0.01,
    "colours": 0.02,
    "discounts": 0.015,
    "navigation": 0.01,
    "sizes": 0.02,
}
"""Share of epsilon of each statistic; the sum is 1. Categories and prices, which decide most of a catalog, get most."""
CATEGORY_LIST_SHARE = 0.35
"""Part of the share of "table" that releases the list of categories, where that list is not public."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic:
    """Counts of families in cells that are known without looking at the rows."""

    name: str
    counts: tuple[int, ...]
    bins: str
    """What the cells are and why they are public."""
    sensitivity: int = 1
    """Largest L1 distance between the counts of two neighbouring data sets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedStatistic:
    """Counts of families by a name that only the rows contain; a family has at most one name."""

    name: str
    counts: Mapping[CategoryPath, int]
    bins: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantileStatistic:
    """One number a family, of which a quantile is released."""

    name: str
    numbers: tuple[float, ...]
    candidates: tuple[float, ...]
    """Possible answers, known without looking at the rows."""
    bins: str


class Mechanism(Protocol):
    """How statistics are released."""

    private: bool

    def noise_scale(self, share: float) -> float:
        """Return the scale of the noise on a count released for this share of epsilon; 0 without noise."""

    def release_counts(self, statistic: Statistic, share: float) -> list[int]:
        """Return the counts of the cells, with noise for `share` of epsilon; may be negative."""

    def release_keys(self, statistic: KeyedStatistic, share: float, min_support: int) -> dict[CategoryPath, int]:
        """Return the names that at least `min_support` families have, with their approximate counts."""

    def release_quantile(self, values: QuantileStatistic, alpha: float, share: float) -> float:
        """Return the candidate that is closest to the quantile `alpha` of the families' numbers."""

    def record_public(self, statistic: str, what: str) -> None:
        """Record in the ledger that a value is public and was not taken from the rows."""


class NoNoise:
    """Release statistics unchanged, without privacy."""

    private = False

    def noise_scale(self, share: float) -> float:
        return 0.0

    def release_counts(self, statistic: Statistic, share: float) -> list[int]:
        return list(statistic.counts)

    def release_keys(self, statistic: KeyedStatistic, share: float, min_support: int) -> dict[CategoryPath, int]:
        return {key: count for key, count in sorted(statistic.counts.items()) if count >= min_support}

    def release_quantile(self, values: QuantileStatistic, alpha: float, share: float) -> float:
        ordered = sorted(values.numbers)
        wanted = ordered[min(int(alpha * len(ordered)), len(ordered) - 1)] if ordered else values.candidates[0]
        return min(values.candidates, key=lambda candidate: abs(math.log(candidate / wanted)))

    def record_public(self, statistic: str, what: str) -> None:
        return None


class OpenDPMechanism:
    """Release statistics through OpenDP within a budget. Raises ToileError if OpenDP is not installed."""

    private = True

    def __init__(self, epsilon: float, delta: float) -> None:
        self.epsilon, self.delta = epsilon, delta
        self.ledger: list[Release] = []
        self._dp = load_opendp()

    def noise_scale(self, share: float) -> float:
        return 1 / (self.epsilon * share)

    def release_counts(self, statistic: Statistic, share: float) -> list[int]:
        measurement, spent = self.laplace_measurement(statistic.sensitivity, share)
        self._record(statistic.name, "discrete Laplace noise", spent, 0.0, statistic.sensitivity, statistic.bins)
        return [int(count) for count in measurement(list(statistic.counts))]

    def laplace_measurement(self, sensitivity: int, share: float) -> tuple[Any, float]:
        """Return the OpenDP measurement for integer counts, and its epsilon by its privacy map, at most the share."""
        dp, wanted = self._dp, self.epsilon * share
        space = dp.vector_domain(dp.atom_domain(T=int)), dp.l1_distance(T=int)
        scale = sensitivity / wanted
        measurement = space >> dp.m.then_laplace(scale=scale)
        while measurement.map(sensitivity) > wanted:  # the map rounds up
            scale = math.nextafter(scale, math.inf)
            measurement = space >> dp.m.then_laplace(scale=scale)
        return measurement, float(measurement.map(sensitivity))

    def release_keys(self, statistic: KeyedStatistic, share: float, min_support: int) -> dict[CategoryPath, int]:
        measurement, (epsilon, delta), threshold = self.threshold_measurement(share, min_support)
        mechanism = f"discrete Laplace noise, then names below {threshold} are dropped"
        self._record(statistic.name, mechanism, epsilon, delta, 1, statistic.bins)
        released = measurement({json.dumps(key): count for key, count in statistic.counts.items()})
        paths = {key: json.loads(key) for key in sorted(released)}
        return {(first, second, third): int(released[key]) for key, (first, second, third) in paths.items()}

    def threshold_measurement(self, share: float, min_support: int) -> tuple[Any, tuple[float, float], int]:
        """Return the OpenDP measurement for names only the rows contain, its (epsilon, delta) and threshold."""
        dp, wanted = self._dp, self.epsilon * share
        domain = dp.map_domain(dp.atom_domain(T=str), dp.atom_domain(T=int))
        metric = dp.l01inf_distance(dp.absolute_distance(T=int))
        scale = 1 / wanted
        threshold = max(min_support, math.ceil(1 + scale * math.log(1 / (2 * self.delta))))
        while True:
            measurement = dp.m.make_laplace_threshold(domain, metric, scale=scale, threshold=threshold)
            epsilon, delta = measurement.map((1, 1, 1))
            if epsilon <= wanted and delta <= self.delta:
                return measurement, (float(epsilon), float(delta)), threshold
            scale = math.nextafter(scale, math.inf) if epsilon > wanted else scale
            threshold += delta > self.delta

    def release_quantile(self, values: QuantileStatistic, alpha: float, share: float) -> float:
        measurement, spent = self.quantile_measurement(values.candidates, alpha, share)
        name = f"{values.name}, quantile {alpha:g}"
        self._record(name, "exponential mechanism (permute and flip)", spent, 0.0, 1, values.bins)
        return float(measurement(list(values.numbers)))

    def quantile_measurement(self, candidates: Sequence[float], alpha: float, share: float) -> tuple[Any, float]:
        """Return the OpenDP measurement of a quantile, and its epsilon by its privacy map."""
        dp, wanted = self._dp, self.epsilon * share
        space = dp.vector_domain(dp.atom_domain(T=float, nan=False)), dp.symmetric_distance()

        def make(scale: float) -> Any:
            measure = dp.max_divergence()
            return dp.m.make_private_quantile(*space, measure, candidates=list(candidates), alpha=alpha, scale=scale)

        scale = make(1.0).map(1) / wanted
        while make(scale).map(1) > wanted:
            scale *= 1 + 1e-12
        return make(scale), float(make(scale).map(1))

    def record_public(self, statistic: str, what: str) -> None:
        self._record(statistic, "public", 0.0, 0.0, 0, what)

    def _record(self, name: str, mechanism: str, epsilon: float, delta: float, sensitivity: int, bins: str) -> None:
        row = Release(
            statistic=name, mechanism=mechanism, epsilon=epsilon, delta=delta, sensitivity=sensitivity, bins=bins
        )
        self.ledger.append(row)
        assert math.fsum(each.epsilon for each in self.ledger) <= self.epsilon * (1 + 1e-9), self.ledger
        assert math.fsum(each.delta for each in self.ledger) <= self.delta, self.ledger


def load_opendp() -> Any:
    """Import OpenDP and enable the mechanisms used here. Raises ToileError if it is not installed."""
    try:
        import opendp.prelude as dp
    except ImportError as error:
        raise ToileError("--epsilon", f"needs OpenDP: {error}", "pip install 'toile[privacy]'") from error
    dp.enable_features("contrib")
    return dp
