"""How like the real catalog is the synthetic one? One number a question, 0 for alike, each computable on any two
tables.

The audit puts beside each number the same one of one real half against the other: no synthetic catalog can be expected
to be closer to the shop than the shop is to itself. Shares are per row, title repeats and sizes per family.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

import numpy as np
from scipy import stats

from generator.audit.rows import Floats, Mask, Rows
from generator.audit.two_samples import told_apart, wrong_categories, wrong_prices
from schemas.audit import CategoryFigures

LEAST = 20
"""Rows of a category on both sides, below which its prices are not compared."""
COMMON = 0.005
"""Share of real prices that an ending needs to belong to the shop's lattice."""


Metric = Callable[[Rows, Rows], float | None]


def price_distance(real: Rows, other: Rows) -> float | None:
    """Kolmogorov-Smirnov distance of log full prices: largest gap between the two distribution functions."""
    return ks(_known(real.log_price), _known(other.log_price))


def category_price_distance(real: Rows, other: Rows) -> float | None:
    """The same within each leaf of at least 20 rows on both sides, averaged with the real shares."""
    found = [(len(a), ks(a, b)) for a, b in _by_leaf(real, other) if min(len(a), len(b)) >= LEAST]
    weights = [count for count, distance in found if distance is not None]
    values = [distance for _, distance in found if distance is not None]
    return float(np.average(values, weights=weights)) if values else None


def off_lattice(real: Rows, other: Rows) -> float | None:
    """Share of the other's prices whose size and ending no half percent of the real prices has."""
    known = Counter(price_points(real))
    enough = max(2, COMMON * known.total())
    lattice = {point for point, count in known.items() if count >= enough}
    theirs = price_points(other)
    return sum(point not in lattice for point in theirs) / len(theirs) if theirs and known else None


def ending_distance(real: Rows, other: Rows) -> float | None:
    """Total variation of the endings: a price's last two digits before the point, and its cents."""
    return total_variation((ending for _, ending in price_points(real)), (ending for _, ending in price_points(other)))


def discount_distance(real: Rows, other: Rows) -> float | None:
    """Total variation of the reductions, to the nearest five percent; no reduction is one of them."""
    return total_variation(*(np.round(rows.discount * 20).astype(int).tolist() for rows in (real, other)))


def top_distance(real: Rows, other: Rows) -> float | None:
    """Total variation of the first category level."""
    return total_variation(*([branch.split(" > ")[0] for branch in rows.branches] for rows in (real, other)))


def branch_distance(real: Rows, other: Rows) -> float | None:
    """Total variation of the first two levels."""
    return total_variation(real.branches, other.branches)


def leaf_distance(real: Rows, other: Rows) -> float | None:
    """Total variation of the whole path."""
    return total_variation(*(zip(rows.branches, rows.leaves, strict=True) for rows in (real, other)))


def title_length_distance(real: Rows, other: Rows) -> float | None:
    """Kolmogorov-Smirnov distance of the number of characters of a title."""
    return ks(*(np.array([len(title) for title in rows.titles if title], np.float64) for rows in (real, other)))


def vocabulary_distance(real: Rows, other: Rows) -> float | None:
    """Jensen-Shannon divergence (base 2, in [0, 1]) of the title words, each word once a title."""
    ours, theirs = (Counter(word for words in rows.words for word in words) for rows in (real, other))
    if not ours or not theirs:
        return None
    every = sorted(ours.keys() | theirs.keys())
    p, q = (np.array([counts[word] for word in every]) / counts.total() for counts in (ours, theirs))
    middle = (p + q) / 2
    return float((stats.entropy(p, middle, base=2) + stats.entropy(q, middle, base=2)) / 2)


def unknown_words(real: Rows, other: Rows) -> float | None:
    """Share of the other's title words, each once a title, that no real title holds."""
    known = {word for words in real.words for word in words}
    theirs = [word for words in other.words for word in words]
    return sum(word not in known for word in theirs) / len(theirs) if theirs and known else None


def repeat_difference(real: Rows, other: Rows) -> float | None:
    """Difference in how many families share their title with another one, on samples of equal size."""
    size = min(real.num_families, other.num_families)
    shares = [_repeats(rows, size) for rows in (real, other)]
    return abs(shares[0] - shares[1]) if size else None


def size_distance(real: Rows, other: Rows) -> float | None:
    """Total variation of the number of colourways of a family, 6 and more as one."""
    return total_variation(*(np.minimum(np.bincount(rows.family), 6).tolist() for rows in (real, other)))


def missing_difference(real: Rows, other: Rows) -> float | None:
    """Largest difference of any column in the share of missing values."""
    names = ("title", "full_price", "price", "category1_code", "category2_code", "category3_code")
    shares = [np.array([[getattr(row, n) is None for n in names] for row in rows.products]) for rows in (real, other)]
    return float(np.abs(shares[0].mean(axis=0) - shares[1].mean(axis=0)).max())


def association_difference(real: Rows, other: Rows) -> float | None:
    """Largest difference of any pairwise association, each in [0, 1]; see `associations`."""
    ours, theirs = associations(real), associations(other)
    both = [abs(ours[name] - theirs[name]) for name in ours.keys() & theirs.keys()]
    return max(both) if both else None


def associations(rows: Rows) -> Mapping[str, float]:
    """Pair of columns -> how much one says about the other.

    Correlation ratio (share of variance explained, squared eta) of the log price by category level and of title length;
    Cramer's V of reductions by branch and level by level; Spearman's rank correlation of price and title length.
    """
    priced = ~np.isnan(rows.log_price)
    top = [branch.split(" > ")[0] for branch in rows.branches]
    found: dict[str, float | None] = {
        "log price by first level": _explained(rows.log_price, top, priced),
        "log price by branch": _explained(rows.log_price, rows.branches, priced),
        "log price by leaf": _explained(rows.log_price, rows.leaves, priced),
        "reduced by branch": cramers_v(rows.branches, [value > 0 for value in rows.discount.tolist()]),
        "leaf by first level": cramers_v(rows.leaves, top),
    }
    length = np.array([len(words) for words in rows.words], np.float64)
    found["title words by leaf"] = _explained(length, rows.leaves, length > 0)
    if priced.sum() > 2 and np.ptp(length[priced]) and np.ptp(rows.log_price[priced]):
        found["price and title words"] = abs(float(stats.spearmanr(rows.log_price[priced], length[priced]).statistic))
    return {name: value for name, value in found.items() if value is not None}


METRICS: Mapping[str, Metric] = {
    "price_distance": price_distance,
    "category_price_distance": category_price_distance,
    "off_lattice": off_lattice,
    "ending_distance": ending_distance,
    "discount_distance": discount_distance,
    "first_level_distance": top_distance,
    "branch_distance": branch_distance,
    "leaf_distance": leaf_distance,
    "title_length_distance": title_length_distance,
    "vocabulary_distance": vocabulary_distance,
    "unknown_words": unknown_words,
    "title_repeat_difference": repeat_difference,
    "colourway_distance": size_distance,
    "missing_difference": missing_difference,
    "association_difference": association_difference,
    "told_apart": told_apart,
}
"""Comparisons of two tables. Those of `TASKS` need a third, to be tested on."""
TASKS: Mapping[str, Callable[[Rows, Rows], float | None]] = {
    "wrong_categories": wrong_categories,
    "wrong_prices": wrong_prices,
}
"""Train on the first, test on the second."""


def halves(rows: Rows, seed: int) -> tuple[Rows, Rows]:
    """Two halves of a catalog, whole families to one side."""
    chosen: Mask = np.zeros(rows.num_families, bool)
    chosen[np.random.default_rng(seed).permutation(rows.num_families)[: rows.num_families // 2]] = True
    return rows.of(chosen), rows.of(~chosen)


def category_figures(real: Rows, synthetic: Rows, first: Rows, second: Rows) -> list[CategoryFigures]:
    """Every leaf of either catalog, largest real ones first; `first` and `second` are halves of the real catalog."""
    found = []
    sides = [_leaf_prices(rows) for rows in (real, synthetic, first, second)]
    counts = [Counter(rows.leaves) for rows in (real, synthetic)]
    for leaf in sorted(counts[0].keys() | counts[1].keys(), key=lambda name: (-counts[0][name], name)):
        a, b, one, two = (side.get(leaf, np.zeros(0)) for side in sides)
        found.append(
            CategoryFigures(
                category=leaf or "(none)",
                num_real=counts[0][leaf],
                num_synthetic=counts[1][leaf],
                share_real=counts[0][leaf] / max(len(real), 1),
                share_synthetic=counts[1][leaf] / max(len(synthetic), 1),
                median_real=float(np.exp(np.median(a))) if len(a) else None,
                median_synthetic=float(np.exp(np.median(b))) if len(b) else None,
                price_ks=ks(a, b) if min(len(a), len(b)) >= LEAST else None,
                real_against_real=ks(one, two) if min(len(one), len(two)) >= LEAST // 2 else None,
            )
        )
    return found


def ks(first: Floats, second: Floats) -> float | None:
    """sup |F - G| of two samples; None where one is empty."""
    if not len(first) or not len(second):
        return None
    return float(stats.ks_2samp(first, second, method="asymp").statistic)


def total_variation(first: Iterable[Hashable], second: Iterable[Hashable]) -> float | None:
    """Half the sum of absolute differences of the shares; None where one is empty."""
    p, q = Counter(first), Counter(second)
    if not p or not q:
        return None
    return sum(abs(p[key] / p.total() - q[key] / q.total()) for key in p.keys() | q.keys()) / 2


def cramers_v(first: Sequence[Hashable], second: Sequence[Hashable]) -> float | None:
    """Cramer's V, corrected for bias (Bergsma 2013); None where a side has one value only."""
    names = [sorted(set(map(str, side))) for side in (first, second)]
    rows, columns = map(len, names)
    if min(rows, columns) < 2:
        return None
    places = [{name: k for k, name in enumerate(each)} for each in names]
    table = np.zeros((rows, columns))
    np.add.at(table, tuple([p[str(v)] for v in side] for p, side in zip(places, (first, second), strict=True)), 1)
    n = table.sum()
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / n
    phi2 = max(0.0, float(((table - expected) ** 2 / expected).sum()) / n - (rows - 1) * (columns - 1) / (n - 1))
    corrected = [count - (count - 1) ** 2 / (n - 1) for count in (rows, columns)]
    return float(np.sqrt(phi2 / max(min(corrected) - 1, 1e-9)))


def price_points(rows: Rows) -> list[tuple[int, float]]:
    """(number of digits before the point, ending) of every price: 1,290.00 is (4, 90.0)."""
    prices = [row.full_price for row in rows.products if row.full_price is not None and row.full_price > 0]
    return [(len(str(int(price))), round(price % 100 if price >= 100 else price % 10, 2)) for price in prices]


def _known(values: Floats) -> Floats:
    return values[~np.isnan(values)]


def _leaf_prices(rows: Rows) -> dict[str, Floats]:
    groups: dict[str, list[float]] = {}
    for leaf, price in zip(rows.leaves, rows.log_price.tolist(), strict=True):
        if price == price:
            groups.setdefault(leaf, []).append(price)
    return {leaf: np.array(prices) for leaf, prices in groups.items()}


def _by_leaf(real: Rows, other: Rows) -> Iterable[tuple[Floats, Floats]]:
    ours, theirs = _leaf_prices(real), _leaf_prices(other)
    return ((ours[leaf], theirs[leaf]) for leaf in sorted(ours.keys() & theirs.keys()))


def _repeats(rows: Rows, size: int) -> float:
    """Among `size` families (evenly picked), the share whose title another of them has."""
    title = dict(zip(rows.family.tolist(), rows.titles, strict=True))
    picked = [title[k * rows.num_families // size] for k in range(size)]
    counts = Counter(picked)
    return sum(counts[each] > 1 for each in picked) / max(size, 1)


def _explained(values: Floats, groups: Sequence[str], kept: Mask) -> float | None:
    """Share of the variance between groups (eta squared), corrected for the number of groups (epsilon squared)."""
    names: dict[str, int] = {}
    number = np.array([names.setdefault(name, len(names)) for name in groups], np.int64)[kept]
    values = values[kept]
    if len(values) < 3 or not np.ptp(values) or len(np.unique(number)) in (1, len(values)):
        return None
    means = np.bincount(number, values, len(names)) / np.maximum(np.bincount(number, minlength=len(names)), 1)
    within = float(((values - means[number]) ** 2).sum()) / (len(values) - len(np.unique(number)))
    return max(0.0, 1 - within / float(values.var(ddof=1)))
