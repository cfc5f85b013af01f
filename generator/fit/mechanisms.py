"""Noise for statistics of real rows, all of it OpenDP's, and the ledger of what was spent on what.

A `Statistic` is what one look at the rows gives: whole numbers in cells, together with how much one family can move
them. `Exact` hands it on as it is; `Private` adds noise and writes the cost into the ledger. Noise comes from the
operating system and cannot be seeded, so two private fits differ. Neighbours: one family of rows more or less.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from schemas.catalog import Release
from schemas.errors import ToileError

Path3 = tuple[str, str, str]
"""category1, category2, category3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic:
    """Counts of families in cells that are known without looking."""

    name: str
    counts: tuple[int, ...]
    bins: str
    """What the cells are and who knows them."""
    sensitivity: int = 1
    """L1 distance between the counts of two neighbours, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedStatistic:
    """Counts of families by a name that only the rows know; a family has one name at most."""

    name: str
    counts: Mapping[Path3, int]
    bins: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """One number a family, asked for a quantile."""

    name: str
    numbers: tuple[float, ...]
    candidates: tuple[float, ...]
    """Possible answers, known without looking."""
    bins: str


class Releases(Protocol):
    """How a statistic leaves the rows."""

    private: bool

    def scale(self, share: float) -> float:
        """Standard width of the noise of a count released for this share of epsilon; 0 without noise."""

    def counts(self, statistic: Statistic, share: float) -> list[int]:
        """The cells, with noise for `share` of epsilon; may be negative."""

    def keys(self, statistic: KeyedStatistic, share: float, min_support: int) -> dict[Path3, int]:
        """The names that enough families have, and about how many."""

    def quantile(self, values: Values, alpha: float, share: float) -> float:
        """About the number below which a share `alpha` of the families lies, one of the candidates."""

    def public(self, statistic: str, what: str) -> None:
        """Write down what is used and was not taken from the rows."""


class Exact:
    """No noise, no privacy."""

    private = False

    def scale(self, share: float) -> float:
        return 0.0

    def counts(self, statistic: Statistic, share: float) -> list[int]:
        return list(statistic.counts)

    def keys(self, statistic: KeyedStatistic, share: float, min_support: int) -> dict[Path3, int]:
        return {key: count for key, count in sorted(statistic.counts.items()) if count >= min_support}

    def quantile(self, values: Values, alpha: float, share: float) -> float:
        ordered = sorted(values.numbers)
        wanted = ordered[min(int(alpha * len(ordered)), len(ordered) - 1)] if ordered else values.candidates[0]
        return min(values.candidates, key=lambda candidate: abs(math.log(candidate / wanted)))

    def public(self, statistic: str, what: str) -> None:
        return None


class Private:
    """OpenDP's mechanisms within a budget; raises a ToileError where OpenDP is not installed."""

    private = True

    def __init__(self, epsilon: float, delta: float) -> None:
        self.epsilon, self.delta = epsilon, delta
        self.ledger: list[Release] = []
        self._dp = load_opendp()

    def scale(self, share: float) -> float:
        return 1 / (self.epsilon * share)

    def counts(self, statistic: Statistic, share: float) -> list[int]:
        measurement, spent = self.laplace(statistic.sensitivity, share)
        self._spend(statistic.name, "discrete Laplace noise", spent, 0.0, statistic.sensitivity, statistic.bins)
        return [int(count) for count in measurement(list(statistic.counts))]

    def laplace(self, sensitivity: int, share: float) -> tuple[Any, float]:
        """The measurement for whole counts, and its cost by its own privacy map, never above the share."""
        dp, wanted = self._dp, self.epsilon * share
        space = dp.vector_domain(dp.atom_domain(T=int)), dp.l1_distance(T=int)
        scale = sensitivity / wanted
        measurement = space >> dp.m.then_laplace(scale=scale)
        while measurement.map(sensitivity) > wanted:  # rounding inside the map
            scale = math.nextafter(scale, math.inf)
            measurement = space >> dp.m.then_laplace(scale=scale)
        return measurement, float(measurement.map(sensitivity))

    def keys(self, statistic: KeyedStatistic, share: float, min_support: int) -> dict[Path3, int]:
        measurement, (epsilon, delta), threshold = self.threshold(share, min_support)
        mechanism = f"discrete Laplace noise, then names below {threshold} are dropped"
        self._spend(statistic.name, mechanism, epsilon, delta, 1, statistic.bins)
        released = measurement({json.dumps(key): count for key, count in statistic.counts.items()})
        paths = {key: json.loads(key) for key in sorted(released)}
        return {(first, second, leaf): int(released[key]) for key, (first, second, leaf) in paths.items()}

    def threshold(self, share: float, min_support: int) -> tuple[Any, tuple[float, float], int]:
        """The measurement for names that only the rows know: one name a family, one count each."""
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

    def quantile(self, values: Values, alpha: float, share: float) -> float:
        measurement, spent = self.private_quantile(values.candidates, alpha, share)
        name = f"{values.name}, quantile {alpha:g}"
        self._spend(name, "exponential mechanism (permute and flip)", spent, 0.0, 1, values.bins)
        return float(measurement(list(values.numbers)))

    def private_quantile(self, candidates: Sequence[float], alpha: float, share: float) -> tuple[Any, float]:
        """The measurement of a quantile, and its cost by its own privacy map."""
        dp, wanted = self._dp, self.epsilon * share
        space = dp.vector_domain(dp.atom_domain(T=float, nan=False)), dp.symmetric_distance()

        def made(scale: float) -> Any:
            measure = dp.max_divergence()
            return dp.m.make_private_quantile(*space, measure, candidates=list(candidates), alpha=alpha, scale=scale)

        scale = made(1.0).map(1) / wanted
        while made(scale).map(1) > wanted:
            scale *= 1 + 1e-12
        return made(scale), float(made(scale).map(1))

    def public(self, statistic: str, what: str) -> None:
        self._spend(statistic, "public", 0.0, 0.0, 0, what)

    def _spend(self, name: str, mechanism: str, epsilon: float, delta: float, sensitivity: int, bins: str) -> None:
        row = Release(
            statistic=name, mechanism=mechanism, epsilon=epsilon, delta=delta, sensitivity=sensitivity, bins=bins
        )
        self.ledger.append(row)
        assert math.fsum(each.epsilon for each in self.ledger) <= self.epsilon * (1 + 1e-9), self.ledger
        assert math.fsum(each.delta for each in self.ledger) <= self.delta, self.ledger


def load_opendp() -> Any:
    """OpenDP with the mechanisms used here switched on."""
    try:
        import opendp.prelude as dp
    except ImportError as error:
        raise ToileError("--epsilon", f"needs OpenDP: {error}", "pip install 'toile[privacy]'") from error
    dp.enable_features("contrib")
    return dp
