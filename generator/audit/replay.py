"""Are rows that a fit may have read replayed more often than rows it cannot have read? An exact test, by families.

Chance alone makes a synthetic catalog repeat real rows: most shops sell a black wallet at 390. A leak shows as an
excess: families of the real `train` rows come back more often than those of the holdout, which nothing has read.
Fisher's exact test, one-sided, says how surprising the excess is; Holm's method corrects for asking several times.
Counting reproductions against a holdout follows "Phantoms and Disclosures" (arXiv 2606.16952); distances to the nearest
record, the usual score, let a table pass with its 50 rarest rows copied ("The DCR Delusion", arXiv 2505.01524).
"""

import bisect
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from generator.audit.record_distance import by_family
from generator.audit.rows import Index, Mask, Real, Rows

NEAR_PRICE = 0.02
"""A near replay has the same title words and a price within this share."""
POWER = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """One test of replay among some families."""

    name: str
    members: int
    """Families of train that the test looks at."""
    members_hit: int
    holdout: int
    holdout_hit: int
    p: float
    """Of an excess this large or larger among members, if nothing leaked."""

    @property
    def member_rate(self) -> float:
        return self.members_hit / max(self.members, 1)

    @property
    def holdout_rate(self) -> float:
        return self.holdout_hit / max(self.holdout, 1)


def excesses(real: Real, synthetic: Rows, rare: Mask, kept: Mask) -> list[Excess]:
    """All replay tests of a release among the families `kept` (one entry a family); `rare` as in `rarity`."""
    hits = {
        "replayed_titles": title_hits(real.rows, synthetic),
        "replayed_rows": row_hits(real.rows, synthetic),
        "replayed_near_rows": near_hits(real.rows, synthetic),
    }
    return [
        excess("replayed_titles", real.member, kept & single_titles(real.rows), hits["replayed_titles"]),
        excess("replayed_rows", real.member, kept, hits["replayed_rows"]),
        excess("replayed_near_rows", real.member, kept, hits["replayed_near_rows"]),
        excess("replayed_rare_rows", real.member, kept & rare, hits["replayed_rows"]),
        excess("replayed_rare_near_rows", real.member, kept & rare, hits["replayed_near_rows"]),
    ]


def excess(name: str, member: Mask, kept: Mask, hit: Mask) -> Excess:
    """Fisher's exact test, one-sided, on families: member or holdout, hit or not."""
    inside, outside = member & kept, ~member & kept
    a, b = int((hit & inside).sum()), int((hit & outside).sum())
    m, h = int(inside.sum()), int(outside.sum())
    p = float(stats.hypergeom.sf(a - 1, m + h, a + b, m)) if m and h else 1.0
    return Excess(name=name, members=m, members_hit=a, holdout=h, holdout_hit=b, p=min(p, 1.0))


def smallest_leak(test: Excess, alpha: float) -> float | None:
    """The smallest share of the members that, copied, this test would catch 4 times out of 5; None if not even all.

    Exact: the holdout hits by chance b (as seen, with half a hit added), members by b + leak (1 - b); every number of
    holdout hits that can happen has its smallest number of member hits with p <= alpha.
    """
    m, h = test.members, test.holdout
    if not m or not h:
        return None
    chance = (test.holdout_hit + 0.5) / (h + 1)
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
    """For each number of holdout hits, the fewest member hits with p <= alpha; m + 1 where none will do."""
    low, high = np.zeros(len(hits), np.int64), np.full(len(hits), m + 1)
    while (low < high).any():
        middle = (low + high) // 2
        enough = stats.hypergeom.sf(middle - 1, m + h, np.minimum(middle, m) + hits, m) <= alpha
        enough |= middle > m
        high = np.where(enough, middle, high)
        low = np.where(enough, low, middle + 1)
    return low


def title_hits(real: Rows, synthetic: Rows) -> Mask:
    """Families with a title that the synthetic catalog holds too, letter for letter after normalising."""
    known = set(synthetic.titles) - {""}
    return _any(real, (title in known for title in real.titles))


def row_hits(real: Rows, synthetic: Rows) -> Mask:
    """Families with a row whose title, categories, full price and price all come back in one synthetic row."""
    known = set(_keys(synthetic))
    return _any(real, (bool(key[0]) and key in known for key in _keys(real)))


def near_hits(real: Rows, synthetic: Rows) -> Mask:
    """Families with a row whose title words come back at a full price within 2 %, in any order and category."""
    prices: dict[frozenset[str], list[float]] = {}
    for words, price in zip(synthetic.words, synthetic.log_price.tolist(), strict=True):
        if words and price == price:
            prices.setdefault(words, []).append(price)
    for found in prices.values():
        found.sort()
    step = float(np.log1p(NEAR_PRICE))

    def near(words: frozenset[str], price: float) -> bool:
        found = prices.get(words)
        if not found or price != price:
            return False
        place = bisect.bisect_left(found, price - step)
        return place < len(found) and found[place] <= price + step

    return _any(real, (near(words, price) for words, price in zip(real.words, real.log_price.tolist(), strict=True)))


def single_titles(real: Rows) -> Mask:
    """Families whose title no other real family bears: a generic title comes back by itself."""
    holders: dict[str, set[int]] = {}
    for title, family in zip(real.titles, real.family.tolist(), strict=True):
        if title:
            holders.setdefault(title, set()).add(family)
    return _any(real, (len(holders.get(title, ())) == 1 for title in real.titles))


def _keys(rows: Rows) -> Iterable[tuple[object, ...]]:
    for title, branch, leaf, row in zip(rows.titles, rows.branches, rows.leaves, rows.products, strict=True):
        yield title, branch, leaf, row.full_price, row.price


def _any(rows: Rows, flags: Iterable[bool]) -> Mask:
    return by_family(np.fromiter(flags, np.float64, len(rows)), rows) > 0
