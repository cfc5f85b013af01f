"""The protocol `price`: how likely a model takes every price to be, not only which one it writes.

The candidates are legal price points, each closed by the end of the answer; their probabilities under the model,
divided by their sum, are the posterior. Scores follow Gneiting and Raftery 2007, "Strictly Proper Scoring Rules,
Prediction, and Estimation", section 4.2 (CRPS), and Czado, Gneiting and Held 2009, "Predictive Model Assessment for
Count Data" (the PIT of a distribution with steps). We take CRPS in ln price: it has no currency, an error of a factor
counts the same for a cheap product and a dear one, and for a single certain price it is |ln answer - ln truth|.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.prediction import Posterior

Values = NDArray[np.float64]
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceDistribution:
    """Probabilities of price points; `points` ascend and both have shape (P,)."""

    points: Values
    probabilities: Values

    def quantile(self, level: float) -> float:
        """The smallest point at or below which at least `level` of the probability lies."""
        return float(self.points[np.searchsorted(np.cumsum(self.probabilities), level - _ROUNDING)])

    def crps(self, truth: float) -> float:
        """E|X - y| - E|X - X'| / 2 in ln price, X and X' drawn from this distribution: 0 is perfect."""
        logs, weights = np.log(self.points), self.probabilities
        below = np.cumsum(weights)[:-1]
        spread = float(np.sum(np.diff(logs) * below * (1 - below)))  # half of E|X - X'|
        return max(0.0, float(weights @ np.abs(logs - np.log(truth))) - spread)

    def pit(self, truth: float) -> float:
        """P(X < truth) + P(X = truth) / 2."""
        below, at = self.points < truth, self.points == truth
        return min(1.0, float(self.probabilities[below].sum() + self.probabilities[at].sum() / 2))

    def against(self, truth: float) -> Posterior:
        """The posterior as it is recorded, beside the row's full price."""
        low, middle, high = (self.quantile(level) for level in (0.1, 0.5, 0.9))
        return Posterior(
            q10=low,
            q50=middle,
            q90=high,
            crps=round(self.crps(truth), 6),
            covered=low <= truth <= high,
            pit=round(self.pit(truth), 6),
        )

    def answer(self) -> str:
        """The median, as `schemas.answer.parse` reads it."""
        return json.dumps({"full_price": self.quantile(0.5)})


def distribution(points: Sequence[float], log_probs: Sequence[float]) -> PriceDistribution:
    """The normalised distribution over ascending points from log-probabilities that need not sum to one."""
    logs: Any = np.asarray(log_probs, dtype=np.float64)
    weights = np.exp(logs - logs.max())
    return PriceDistribution(points=np.asarray(points, dtype=np.float64), probabilities=weights / weights.sum())
