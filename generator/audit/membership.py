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
An honest exact fit knows the shares, price levels and frequent words of its rows, and attacks see that in small tables.
`measure_baseline` measures how much, on fits to two thirds of the families, and the tests allow for it.
"""

import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from generator.audit.copies import ALTERED_ROWS, NEAR_ROWS, Matches
from generator.audit.rows import (
    AuditTable,
    Floats,
    Index,
    Mask,
    NeighbourStats,
    RealCatalog,
    encode_products,
    max_by_family,
    measure_neighbours,
)

POWER = 0.8
FALSE_POSITIVES = 0.01
MOST_ALLOWED = 0.1
"""What an exact fit may teach an attack at most: a fit that teaches more memorises."""


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
    """Interval of the AUC, at the requested level."""
    tpr: float
    """True positive rate at a false positive rate of 1 %."""
    tpr_low: float
    tpr_high: float
    tpr_p: float
    """Exact probability of a rate at least this high if nothing leaked."""
    roc: tuple[tuple[float, float], ...]
    """False and true positive rates, from (0, 0) to (1, 1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What an attack learns from an honest exact fit, above guessing."""

    auc: float
    tpr: float


def score_families(table: AuditTable, released: NeighbourStats, reference: NeighbourStats) -> Mapping[str, Floats]:
    """Score every family with each attack; higher is more likely a member. A family has the score of its best row."""
    floor = 1e-6
    return {
        "distance": max_by_family(-released.nearest, table),
        "calibrated distance": max_by_family(reference.nearest - released.nearest, table),
        "density ratio": max_by_family(np.log(released.density + floor) - np.log(reference.density + floor), table),
    }


def measure_baseline(
    real: RealCatalog, neighbours: NeighbourStats, twins: Iterable[tuple[Mask, AuditTable]]
) -> Mapping[str, Baseline]:
    """Measure what each attack learns from twins of an exact fit, given as (families that the fit has not seen, rows).

    The AUC and the true positive rate compare the families that a fit has seen with those that it has not. Every family
    is on both sides, in different twins, so that luck of the split cancels.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    for unseen, table in twins:
        twin = encode_products(table.products[: len(real.table)])
        scores = score_families(real.table, measure_neighbours(real.table, twin), neighbours)
        for name, score in scores.items():
            inside, outside = score[~unseen], score[unseen]
            found.setdefault(name, []).append(
                (float(_wins(inside, outside).mean()), _at_one_percent(inside, outside)[1])
            )
    means = {name: np.mean(values, axis=0) for name, values in found.items()}
    return {
        name: Baseline(
            auc=min(max(float(auc) - 0.5, 0.0), MOST_ALLOWED),
            tpr=min(max(float(tpr) - FALSE_POSITIVES, 0.0), MOST_ALLOWED),
        )
        for name, (auc, tpr) in means.items()
    }


def run_attack(name: str, score: Floats, member: Mask, *, level: float) -> Attack:
    """Compute AUC and true positive rate at 1 % false positives.

    The interval of the AUC is DeLong's (1988), that of the rate is Clopper and Pearson's for a fixed threshold.
    """
    inside, outside = score[member], score[~member]
    m, h = len(inside), len(outside)
    wins, losses = _wins(inside, outside), _wins(outside, inside)
    auc = float(wins.mean())
    width = float(stats.norm.isf((1 - level) / 2)) * float(np.sqrt(np.var(wins) / m + np.var(losses) / h))
    threshold, tpr = _at_one_percent(inside, outside)
    above = int((inside > threshold).sum())
    interval = stats.binomtest(above, m).proportion_ci(confidence_level=level)
    return Attack(
        name=name,
        auc=auc,
        low=max(auc - width, 0.0),
        high=min(auc + width, 1.0),
        tpr=tpr,
        tpr_low=float(interval.low),
        tpr_high=float(interval.high),
        tpr_p=_rank_p(above, m, h),
        roc=_roc(inside, outside),
    )


def _wins(own: Floats, other: Floats) -> Floats:
    """Return for each own score the share of the others that are below it; a tie counts half."""
    ordered = np.sort(other)
    below = np.searchsorted(ordered, own, "left") + np.searchsorted(ordered, own, "right")
    found: Floats = below / (2 * len(other))
    return found


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


def _roc(inside: Floats, outside: Floats, points: int = 200) -> tuple[tuple[float, float], ...]:
    thresholds = np.unique(np.concatenate([inside, outside]))[::-1]
    if len(thresholds) > points:
        thresholds = thresholds[np.linspace(0, len(thresholds) - 1, points).astype(int)]
    ordered_M, ordered_H = np.sort(inside), np.sort(outside)
    tpr = 1 - np.searchsorted(ordered_M, thresholds, side="left") / len(inside)
    fpr = 1 - np.searchsorted(ordered_H, thresholds, side="left") / len(outside)
    return ((0.0, 0.0), *zip(fpr.tolist(), tpr.tolist(), strict=True))
