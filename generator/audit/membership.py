"""Test whether families that a fit may have read (members) leave traces in the synthetic catalog.

Two kinds of tests compare members (families of the real train split) with the holdout, which no fit has read.

Replay: do members come back more often than the holdout, or the holdout more often than members? Chance alone repeats
real rows: most shops sell a black wallet at 390. A leak is an excess on one side. Fisher's exact test, one-sided, gives
the p-value of each side; the caller adjusts for several tests (Holm). A catalog that copies both sides alike is found
by `copies`. Counting reproductions against a holdout follows "Phantoms and Disclosures" (arXiv 2606.16952).
Distances to the nearest record, the usual score, let a table pass with its 50 rarest rows copied ("The DCR Delusion",
arXiv 2505.01524).

Membership inference: can somebody who has the synthetic catalog distinguish members from the holdout, either way?
Three attacks score every real family: the distance to the nearest synthetic row; that distance against the distance to
the nearest other real row; and the ratio of the two densities (van Breugel et al. 2023, DOMIAS, arXiv 2302.12580). The
reference is all other real families, members or not, so that without a leak members and holdout are exchangeable.
"""

import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from generator.audit.copies import ALTERED_ROWS, NEAR_ROWS, Matches
from generator.audit.rows import AuditTable, Floats, Index, Mask, NeighbourStats, RealCatalog, max_by_family

POWER = 0.8
FALSE_POSITIVES = 0.01
_RESAMPLES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakageTest:
    """Result of one replay test among some families."""

    name: str
    members: int
    """Number of member families that the test looks at."""
    members_hit: int
    holdout: int
    holdout_hit: int
    p: float
    """Probability of an excess at least this large among members if nothing leaked."""
    holdout_p: float
    """The same among the holdout."""
    share: float
    """Share of all families that the test looks at."""

    @property
    def member_rate(self) -> float:
        return self.members_hit / max(self.members, 1)

    @property
    def holdout_rate(self) -> float:
        return self.holdout_hit / max(self.holdout, 1)


def run_leakage_tests(real: RealCatalog, synthetic: AuditTable, rare: Mask, matches: Matches) -> list[LeakageTest]:
    """Run all replay tests of a synthetic catalog; `rare` are the families of `rows.find_rare_families`."""
    every = np.ones(real.table.num_families, bool)
    rows = find_row_hits(real.table, synthetic, matches)
    near, altered = matches.find_hits(NEAR_ROWS), matches.find_hits(ALTERED_ROWS)
    looks: list[tuple[str, Mask, Mask]] = [
        ("replayed_titles", find_unique_titles(real.table, matches), find_title_hits(real.table, matches)),
        ("replayed_rows", every, rows),
        ("replayed_near_rows", every, near),
        ("replayed_altered_rows", matches.find_distinctive(ALTERED_ROWS), altered),
        ("replayed_rare_rows", rare, rows),
        ("replayed_rare_near_rows", rare, near),
        ("replayed_rare_altered_rows", rare, altered),
    ]
    return [run_leakage_test(name, real.member, kept, hit) for name, kept, hit in looks]


def run_leakage_test(name: str, member: Mask, kept: Mask, hit: Mask) -> LeakageTest:
    """Run Fisher's exact test, one-sided and both ways, on the families that `kept` selects: which side is hit more."""
    inside, outside = member & kept, ~member & kept
    a, b = int((hit & inside).sum()), int((hit & outside).sum())
    m, h = int(inside.sum()), int(outside.sum())
    p, holdout_p = (
        float(min(stats.hypergeom.sf(hits - 1, m + h, a + b, size), 1.0)) if m and h else 1.0
        for hits, size in ((a, m), (b, h))
    )
    return LeakageTest(
        name=name,
        members=m,
        members_hit=a,
        holdout=h,
        holdout_hit=b,
        p=p,
        holdout_p=holdout_p,
        share=float(kept.mean()) if len(kept) else 0.0,
    )


def smallest_detectable_leak(test: LeakageTest, alpha: float, *, of_holdout: bool = False) -> float | None:
    """Return the smallest share of copied members that the test detects with power 0.8; None if not even all of them.

    With `of_holdout`, the holdout is copied and the members are the control.

    The computation is exact. The holdout is hit with probability b (as observed, with half a hit added), members with
    b + leak (1 - b). Every possible number of holdout hits has its smallest number of member hits with p <= alpha.
    """
    m, h, control_hits = test.members, test.holdout, test.holdout_hit
    if of_holdout:
        m, h, control_hits = test.holdout, test.members, test.members_hit
    if not m or not h:
        return None
    chance = (control_hits + 0.5) / (h + 1)
    low, high = stats.binom.ppf([1e-7, 1 - 1e-7], h, chance).astype(int)
    hits = np.arange(low, high + 1)
    needed = _needed(m, h, hits, alpha)
    weight = stats.binom.pmf(hits, h, chance)

    def power(leak: float) -> float:
        return float(weight @ stats.binom.sf(needed - 1, m, chance + leak * (1 - chance)))

    if power(1.0) < POWER:
        return None
    steps = np.linspace(0, 1, 1025)
    return float(steps[bisect.bisect_left(steps, POWER, key=power)])


def _needed(m: int, h: int, hits: Index, alpha: float) -> Index:
    """Return for each number of holdout hits the fewest member hits with p <= alpha; m + 1 if there is none."""
    low, high = np.zeros(len(hits), np.int64), np.full(len(hits), m + 1)
    while (low < high).any():
        middle = (low + high) // 2
        enough = stats.hypergeom.sf(middle - 1, m + h, np.minimum(middle, m) + hits, m) <= alpha
        enough |= middle > m
        high = np.where(enough, middle, high)
        low = np.where(enough, low, middle + 1)
    return low


def find_title_hits(real: AuditTable, matches: Matches) -> Mask:
    """Find families with a title that has the same words as a synthetic one."""
    known = set(matches.their_titles) - {frozenset()}
    return _any_row(real, (words in known for words in matches.titles))


def find_row_hits(real: AuditTable, synthetic: AuditTable, matches: Matches) -> Mask:
    """Find families with a row whose title words, categories, full price and price are those of one synthetic row."""
    known = set(_keys(synthetic, matches.their_titles))
    return _any_row(real, (bool(key[0]) and key in known for key in _keys(real, matches.titles)))


def find_unique_titles(real: AuditTable, matches: Matches) -> Mask:
    """Find families whose title words no other real family has: a generic title comes back by chance."""
    holders: dict[frozenset[str], set[int]] = {}
    for words, family in zip(matches.titles, real.family.tolist(), strict=True):
        if words:
            holders.setdefault(words, set()).add(family)
    return _any_row(real, (len(holders.get(words, ())) == 1 for words in matches.titles))


def _keys(rows: AuditTable, titles: Sequence[frozenset[str]]) -> Iterable[tuple[object, ...]]:
    for title, parents, category, row in zip(titles, rows.parents, rows.categories, rows.products, strict=True):
        yield title, parents, category, row.full_price, row.price


def _any_row(rows: AuditTable, flags: Iterable[bool]) -> Mask:
    return max_by_family(np.fromiter(flags, np.float64, len(rows)), rows) > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """Result of one membership inference attack."""

    name: str
    auc: float
    """Probability that a member scores above a family of the holdout; 0.5 is guessing."""
    low: float
    high: float
    """Bootstrap interval of the AUC over families, at the requested level."""
    tpr: float
    """True positive rate at a false positive rate of 1 %."""
    tpr_low: float
    tpr_high: float
    tpr_p: float
    """Exact probability of a rate at least this high if nothing leaked."""
    roc: tuple[tuple[float, float], ...]
    """False and true positive rates, from (0, 0) to (1, 1)."""


def score_families(table: AuditTable, released: NeighbourStats, reference: NeighbourStats) -> Mapping[str, Floats]:
    """Score every family with each attack; higher is more likely a member. A family has the score of its best row."""
    floor = 1e-6
    return {
        "distance": max_by_family(-released.nearest, table),
        "calibrated distance": max_by_family(reference.nearest - released.nearest, table),
        "density ratio": max_by_family(np.log(released.density + floor) - np.log(reference.density + floor), table),
    }


def run_attack(name: str, score: Floats, member: Mask, *, level: float, seed: int = 0) -> Attack:
    """Compute AUC and true positive rate at 1 % false positives, with bootstrap intervals over families."""
    inside, outside = score[member], score[~member]
    wins = (inside[:, None] > outside[None, :]) + 0.5 * (inside[:, None] == outside[None, :])
    rng = np.random.default_rng(seed)
    m, h = len(inside), len(outside)
    weight_M = rng.multinomial(m, np.full(m, 1 / m), _RESAMPLES) / m
    weight_H = rng.multinomial(h, np.full(h, 1 / h), _RESAMPLES) / h
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


def max_tpr_by_chance(members: int, holdout: int, level: float) -> float:
    """Return the largest true positive rate at 1 % false positives that guessing reaches with probability `level`."""
    above = np.arange(members + 1)
    k = _allowed(holdout)
    p = stats.hypergeom.cdf(k, members + holdout, holdout, above + k)
    return float(above[p >= level].max()) / members


def _allowed(holdout: int) -> int:
    """Return 1 % of the holdout families, rounded down: with fewer than 100 families, none may be above."""
    return int(FALSE_POSITIVES * holdout)


def _at_one_percent(inside: Floats, outside: Floats) -> tuple[float, float]:
    threshold = float(np.sort(outside)[::-1][_allowed(len(outside))])
    return threshold, float((inside > threshold).mean())


def _rank_p(above: int, m: int, h: int) -> float:
    """Return the probability of at least `above` members before the (k + 1)-th holdout family in a random order.

    That event is: among the first above + k of all m + h families, at most k belong to the holdout. Ties count against
    the attack.
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
