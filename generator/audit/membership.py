"""Membership inference: can somebody who holds the synthetic catalog tell which real families the fit has read?

Three attacks score every real family: the distance to the nearest synthetic row; the same against the distance to the
nearest other real row; and the ratio of the two densities there (van Breugel et al. 2023, DOMIAS, arXiv 2302.12580).
The reference is all other real families, members or not, so that under no leak members and holdout are exchangeable.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from generator.audit.record_distance import Surroundings, by_family
from generator.audit.rows import Floats, Mask, Rows

FALSE_POSITIVES = 0.01
_RESAMPLES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """How well one attack tells members from the holdout."""

    name: str
    auc: float
    """Chance that a member scores above a family of the holdout; 0.5 is guessing."""
    low: float
    high: float
    """Interval of the AUC by resampling families, at the level asked for."""
    tpr: float
    """Share of members above the score that 1 % of the holdout exceeds."""
    tpr_low: float
    tpr_high: float
    tpr_p: float
    """Of a share this large or larger, if nothing leaked; exact."""
    roc: tuple[tuple[float, float], ...]
    """False and true positive rate, from (0, 0) to (1, 1)."""


def scores(rows: Rows, released: Surroundings, reference: Surroundings) -> Mapping[str, Floats]:
    """Attack -> one score a family, higher is more likely a member; a family scores as its best row does."""
    floor = 1e-6
    return {
        "distance": by_family(-released.nearest, rows),
        "calibrated distance": by_family(reference.nearest - released.nearest, rows),
        "density ratio": by_family(np.log(released.density + floor) - np.log(reference.density + floor), rows),
    }


def attack(name: str, score: Floats, member: Mask, *, level: float, seed: int = 0) -> Attack:
    """AUC and true positives at 1 % false ones, with intervals of this level from resampled families."""
    inside, outside = score[member], score[~member]
    wins = (inside[:, None] > outside[None, :]) + 0.5 * (inside[:, None] == outside[None, :])
    draw = np.random.default_rng(seed)
    m, h = len(inside), len(outside)
    weight_M = draw.multinomial(m, np.full(m, 1 / m), _RESAMPLES) / m
    weight_H = draw.multinomial(h, np.full(h, 1 / h), _RESAMPLES) / h
    aucs = ((weight_M @ wins) * weight_H).sum(axis=1)
    tprs = _resampled_tprs(inside, outside, weight_M, weight_H)
    tail = (1 - level) / 2
    auc_low, auc_high = np.quantile(aucs, [tail, 1 - tail])
    tpr_low, tpr_high = np.quantile(tprs, [tail, 1 - tail])
    threshold, tpr = _at_one_percent(inside, outside)
    return Attack(
        name=name,
        auc=float(wins.mean()),
        low=float(auc_low),
        high=float(auc_high),
        tpr=tpr,
        tpr_low=float(tpr_low),
        tpr_high=float(tpr_high),
        tpr_p=_rank_p(int((inside > threshold).sum()), m, h),
        roc=_roc(inside, outside),
    )


def chance_tpr(members: int, holdout: int, level: float) -> float:
    """The largest share of members at 1 % false positives that guessing reaches with at least this probability."""
    above = np.arange(members + 1)
    k = _allowed(holdout)
    p = stats.hypergeom.cdf(k, members + holdout, holdout, above + k)
    return float(above[p >= level].max()) / members


def _allowed(holdout: int) -> int:
    """How many families of the holdout 1 % are, rounded down: with fewer than 100 families, none may be above."""
    return int(FALSE_POSITIVES * holdout)


def _at_one_percent(inside: Floats, outside: Floats) -> tuple[float, float]:
    threshold = float(np.sort(outside)[::-1][_allowed(len(outside))])
    return threshold, float((inside > threshold).mean())


def _rank_p(above: int, m: int, h: int) -> float:
    """Chance of `above` or more members before the (k + 1)-th of the holdout in a random order of all m + h.

    That event is: among the first above + k of the order, at most k belong to the holdout. Ties count against the
    attack.
    """
    k = _allowed(h)
    return float(stats.hypergeom.cdf(k, m + h, h, above + k)) if above else 1.0


def _resampled_tprs(inside: Floats, outside: Floats, weight_M: Floats, weight_H: Floats) -> Floats:
    order_M, order_H = np.argsort(-inside), np.argsort(-outside)
    above_H = np.cumsum(weight_H[:, order_H], axis=1)
    place = (above_H <= FALSE_POSITIVES + 1e-6).sum(axis=1)
    thresholds = outside[order_H][np.minimum(place, len(outside) - 1)]
    above_M = np.concatenate([np.zeros((len(weight_M), 1)), np.cumsum(weight_M[:, order_M], axis=1)], axis=1)
    counts = np.searchsorted(-inside[order_M], -thresholds, side="left")
    found: Floats = above_M[np.arange(len(weight_M)), counts]
    return found


def _roc(inside: Floats, outside: Floats, points: int = 200) -> tuple[tuple[float, float], ...]:
    thresholds = np.unique(np.concatenate([inside, outside]))[::-1]
    if len(thresholds) > points:
        thresholds = thresholds[np.linspace(0, len(thresholds) - 1, points).astype(int)]
    ordered_M, ordered_H = np.sort(inside), np.sort(outside)
    tpr = 1 - np.searchsorted(ordered_M, thresholds, side="left") / len(inside)
    fpr = 1 - np.searchsorted(ordered_H, thresholds, side="left") / len(outside)
    return ((0.0, 0.0), *zip(fpr.tolist(), tpr.tolist(), strict=True))
