"""Measure the fidelity of a synthetic catalog: one figure a question, 0 for equal, computable for any two tables.

The audit puts next to each figure the same figure of one half of the real catalog against the other. No synthetic
catalog can be expected to be closer to the shop than the shop is to itself. Shares are of rows; title repeats and
numbers of colourways are of families.

Three figures use scikit-learn (extra `privacy`). `classifier_auc` is a classifier two-sample test (Lopez-Paz and Oquab
2017, arXiv 1610.06545). `category_error` and `price_error` train on synthetic rows and test on real rows.
"""

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from generator.audit import as_sentence, skip_check
from generator.audit.rows import AuditTable, Floats, Mask
from schemas.audit import FIDELITY, Bounds, CategoryFigures, Check
from schemas.errors import ToileError

MIN_CATEGORY_ROWS = 20
"""Rows of a category on both sides that a comparison of its prices needs."""
COMMON_PRICE_SHARE = 0.005
"""Share of real prices from which an ending is one of the shop's price points."""
NUM_SPLITS = 3
"""Real against real is the mean over this many random halves."""
FOLDS = 3
"""Of the cross-fitting of `classifier_auc`."""
MAX_WORDS = 400
"""Most frequent title words that the learners use as features."""

Metric = Callable[[AuditTable, AuditTable], float | None]


@dataclass(frozen=True, slots=True)
class Figure:
    """One fidelity figure."""

    meaning: str
    compute: Metric
    """Of (real, other) tables; of (train, test) tables with `trains`. None if they have too few values."""
    trains: bool = False
    """Whether the figure trains on the first table and tests on the second one."""


def check_fidelity(
    real: AuditTable, synthetic: AuditTable, bounds: Bounds
) -> tuple[list[Check], list[CategoryFigures]]:
    """Compute every figure of `FIGURES` with its control, and the table of categories.

    Raises ToileError if scikit-learn is not installed.
    """
    require_sklearn()
    halves = [split_in_halves(real, seed) for seed in range(NUM_SPLITS)]
    samples = [_sample_families(synthetic, len(first), seed) for seed, (first, _) in enumerate(halves)]
    checks = []
    for name, figure in FIGURES.items():
        control = _mean([figure.compute(first, second) for first, second in halves])
        if figure.trains:  # on as many rows as the control: a larger table would only teach more
            pairs = zip(samples, halves, strict=True)
            value = _mean([figure.compute(sample, second) for sample, (_, second) in pairs])
        else:
            value = figure.compute(real, synthetic)
        checks.append(_check(name, figure.meaning, value, control, bounds.margins[name]))
    return checks, compare_categories(real, synthetic, *halves[0])


def require_sklearn() -> None:
    """Raise ToileError if scikit-learn is not installed."""
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise ToileError("toile audit", f"needs scikit-learn: {error}", "pip install 'toile[privacy]'") from error


def price_distance(real: AuditTable, other: AuditTable) -> float | None:
    """Return the Kolmogorov-Smirnov distance of log full prices: the largest gap of the distribution functions."""
    return ks_distance(_known(real.log_price), _known(other.log_price))


def category_price_distance(real: AuditTable, other: AuditTable) -> float | None:
    """Return the mean of the same distance within categories of at least 20 rows a side, weighted by real shares."""
    found = [
        (len(a), ks_distance(a, b))
        for a, b in _pair_by_category(real, other)
        if min(len(a), len(b)) >= MIN_CATEGORY_ROWS
    ]
    weights = [count for count, distance in found if distance is not None]
    values = [distance for _, distance in found if distance is not None]
    return float(np.average(values, weights=weights)) if values else None


def unusual_price_share(real: AuditTable, other: AuditTable) -> float | None:
    """Return the share of other prices whose size and ending less than 0.5 % of the real prices have."""
    known = Counter(price_points(real))
    enough = max(2, COMMON_PRICE_SHARE * known.total())
    usual = {point for point, count in known.items() if count >= enough}
    theirs = price_points(other)
    return sum(point not in usual for point in theirs) / len(theirs) if theirs and known else None


def ending_distance(real: AuditTable, other: AuditTable) -> float | None:
    """Return the total variation of the endings: the last two digits before the point, and the cents."""
    return total_variation((ending for _, ending in price_points(real)), (ending for _, ending in price_points(other)))


def discount_distance(real: AuditTable, other: AuditTable) -> float | None:
    """Return the total variation of the discounts, to the nearest 5 %, including no discount."""
    return total_variation(*(np.round(rows.discount * 20).astype(int).tolist() for rows in (real, other)))


def first_level_distance(real: AuditTable, other: AuditTable) -> float | None:
    """Return the total variation of the first category level."""
    return total_variation(*([branch.split(" > ")[0] for branch in rows.parents] for rows in (real, other)))


def branch_distance(real: AuditTable, other: AuditTable) -> float | None:
    """Return the total variation of the first two category levels."""
    return total_variation(real.parents, other.parents)


def leaf_distance(real: AuditTable, other: AuditTable) -> float | None:
    """Return the total variation of the whole category path."""
    return total_variation(*(zip(rows.parents, rows.categories, strict=True) for rows in (real, other)))


def title_length_distance(real: AuditTable, other: AuditTable) -> float | None:
    """Return the Kolmogorov-Smirnov distance of the number of characters of a title."""
    return ks_distance(
        *(np.array([len(title) for title in rows.titles if title], np.float64) for rows in (real, other))
    )


def vocabulary_distance(real: AuditTable, other: AuditTable) -> float | None:
    """Return the Jensen-Shannon divergence (base 2, in [0, 1]) of the title words, each word once a title."""
    ours, theirs = (Counter(word for words in rows.words for word in words) for rows in (real, other))
    if not ours or not theirs:
        return None
    every = sorted(ours.keys() | theirs.keys())
    p, q = (np.array([counts[word] for word in every]) / counts.total() for counts in (ours, theirs))
    middle = (p + q) / 2
    return float((stats.entropy(p, middle, base=2) + stats.entropy(q, middle, base=2)) / 2)


def unknown_words(real: AuditTable, other: AuditTable) -> float | None:
    """Return the share of the other title words, each once a title, that are in no real title."""
    known = {word for words in real.words for word in words}
    theirs = [word for words in other.words for word in words]
    return sum(word not in known for word in theirs) / len(theirs) if theirs and known else None


def title_repeat_difference(real: AuditTable, other: AuditTable) -> float | None:
    """Return the difference of the shares of families with a repeated title, on samples of equal size."""
    size = min(real.num_families, other.num_families)
    shares = [_repeat_share(rows, size) for rows in (real, other)]
    return abs(shares[0] - shares[1]) if size else None


def colourway_distance(real: AuditTable, other: AuditTable) -> float | None:
    """Return the total variation of the number of colourways of a family; 6 and more are one class."""
    return total_variation(*(np.minimum(np.bincount(rows.family), 6).tolist() for rows in (real, other)))


def missing_difference(real: AuditTable, other: AuditTable) -> float | None:
    """Return the largest difference of a column's share of missing values."""
    names = ("title", "full_price", "price", "category1_code", "category2_code", "category3_code")
    shares = [np.array([[getattr(row, n) is None for n in names] for row in rows.products]) for rows in (real, other)]
    return float(np.abs(shares[0].mean(axis=0) - shares[1].mean(axis=0)).max())


def association_difference(real: AuditTable, other: AuditTable) -> float | None:
    """Return the largest difference of a pairwise association, each in [0, 1]; see `measure_associations`."""
    ours, theirs = measure_associations(real), measure_associations(other)
    both = [abs(ours[name] - theirs[name]) for name in ours.keys() & theirs.keys()]
    return max(both) if both else None


def measure_associations(rows: AuditTable) -> Mapping[str, float]:
    """Measure how strongly pairs of columns are associated, in [0, 1].

    Correlation ratio (explained share of the variance, squared eta) of the log price by category level and of the title
    length by category. Cramer's V of discounts by category and of category by first level. Spearman's rank correlation
    of price and title length.
    """
    priced = ~np.isnan(rows.log_price)
    top = [branch.split(" > ")[0] for branch in rows.parents]
    found: dict[str, float | None] = {
        "log price by first level": _correlation_ratio(rows.log_price, top, priced),
        "log price by first two levels": _correlation_ratio(rows.log_price, rows.parents, priced),
        "log price by category": _correlation_ratio(rows.log_price, rows.categories, priced),
        "discounted by first two levels": cramers_v(rows.parents, [value > 0 for value in rows.discount.tolist()]),
        "category by first level": cramers_v(rows.categories, top),
    }
    length = np.array([len(words) for words in rows.words], np.float64)
    found["title words by category"] = _correlation_ratio(length, rows.categories, length > 0)
    if priced.sum() > 2 and np.ptp(length[priced]) and np.ptp(rows.log_price[priced]):
        found["price and title words"] = abs(float(stats.spearmanr(rows.log_price[priced], length[priced]).statistic))
    return {name: value for name, value in found.items() if value is not None}


def classifier_auc(real: AuditTable, other: AuditTable) -> float | None:
    """Return the AUC of a logistic regression that predicts the catalog of a row; 0.5 is guessing.

    Each family is scored by a model that has not seen it. Features are title words, category, log price, its ending,
    log price within the category, discount and title length. Codes, URLs and names of the shop are not used: they
    differ intentionally. The larger catalog is reduced to the size of the smaller one.
    """
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    size = min(len(real), len(other))
    if size < 2 * FOLDS:
        return None
    sides = [_cut(table, size) for table in (real, other)]
    features = DictVectorizer().fit_transform(_row_features(sides))
    label = np.repeat([0, 1], [len(side) for side in sides])
    fold = np.concatenate([side.family % FOLDS for side in sides])
    score = np.zeros(len(label))
    for k in range(FOLDS):
        train, test = fold != k, fold == k
        if not test.any() or len(np.unique(label[train])) < 2:
            continue
        model = LogisticRegression(C=1.0, max_iter=1000, random_state=0).fit(features[train], label[train])
        found = model.decision_function(features[test])
        score[test] = stats.rankdata(found) / len(found)  # comparable between folds
    return float(roc_auc_score(label, score))


def category_error(train: AuditTable, test: AuditTable) -> float | None:
    """Return the error rate of naive Bayes that predicts the category from title words and price class."""
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.naive_bayes import MultinomialNB

    known, asked = (np.array([bool(name) for name in table.categories], bool) for table in (train, test))
    if not known.any() or not asked.any():
        return None
    vectorizer = DictVectorizer()
    documents = vectorizer.fit_transform(_word_features(train, _price_classes(train)))
    names = np.array(train.categories)
    model = MultinomialNB(alpha=0.5).fit(documents[known], names[known])
    found = model.predict(vectorizer.transform(_word_features(test, _price_classes(test)))[asked])
    return float(np.mean(found != np.array(test.categories)[asked]))


def price_error(train: AuditTable, test: AuditTable) -> float | None:
    """Return the mean absolute error of ridge regression that predicts the log price from category and title words."""
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import Ridge

    known, asked = (~np.isnan(table.log_price) for table in (train, test))
    if not known.any() or not asked.any():
        return None
    common = _common_words([train])
    vectorizer = DictVectorizer()
    features = vectorizer.fit_transform(_word_features(train, train.categories, common))
    model = Ridge(alpha=1.0, solver="sparse_cg", tol=1e-8).fit(features[known], train.log_price[known])
    found = model.predict(vectorizer.transform(_word_features(test, test.categories, common))[asked])
    return float(np.abs(found - test.log_price[asked]).mean())


FIGURES: Mapping[str, Figure] = {
    "price_distance": Figure("Largest gap between the distribution functions of log prices", price_distance),
    "category_price_distance": Figure("The same gap within categories, averaged", category_price_distance),
    "off_lattice": Figure(
        "Share of prices with an ending that hardly any real price of that size has", unusual_price_share
    ),
    "ending_distance": Figure("Share of price endings that would have to change (total variation)", ending_distance),
    "discount_distance": Figure("Share of discounts that would have to change (total variation)", discount_distance),
    "first_level_distance": Figure(
        "Share of rows under another first category level (total variation)", first_level_distance
    ),
    "branch_distance": Figure("Share of rows under other first two levels (total variation)", branch_distance),
    "leaf_distance": Figure("Share of rows under another category path (total variation)", leaf_distance),
    "title_length_distance": Figure(
        "Largest gap between the distribution functions of title lengths", title_length_distance
    ),
    "vocabulary_distance": Figure("Jensen-Shannon divergence of title words, 0 to 1", vocabulary_distance),
    "unknown_words": Figure("Share of title words that are in no real title", unknown_words),
    "title_repeat_difference": Figure(
        "Difference in the share of families that share their title", title_repeat_difference
    ),
    "colourway_distance": Figure(
        "Share of families with another number of colourways (total variation)", colourway_distance
    ),
    "missing_difference": Figure("Largest difference of a column's missing share", missing_difference),
    "association_difference": Figure(
        "Largest difference of a pairwise association between columns", association_difference
    ),
    "told_apart": Figure(
        "Classifier two-sample test: AUC of a classifier of synthetic against real rows; 0.5 is guessing",
        classifier_auc,
    ),
    "wrong_categories": Figure(
        "Error rate on real rows of a category classifier trained on synthetic rows", category_error, trains=True
    ),
    "wrong_prices": Figure(
        "Mean error in log price on real rows of a price regression trained on synthetic rows", price_error, trains=True
    ),
}
"""Name in audit.json -> figure, in the order of the page."""


def split_in_halves(rows: AuditTable, seed: int) -> tuple[AuditTable, AuditTable]:
    """Split a catalog into two random halves of whole families."""
    chosen: Mask = np.zeros(rows.num_families, bool)
    chosen[np.random.default_rng(seed).permutation(rows.num_families)[: rows.num_families // 2]] = True
    return rows.select(chosen), rows.select(~chosen)


def compare_categories(
    real: AuditTable, synthetic: AuditTable, first: AuditTable, second: AuditTable
) -> list[CategoryFigures]:
    """Compare every category of either catalog, most frequent real ones first.

    `first` and `second` are halves of the real catalog, for the control.
    """
    found = []
    sides = [_prices_by_category(rows) for rows in (real, synthetic, first, second)]
    counts = [Counter(rows.categories) for rows in (real, synthetic)]
    for category in sorted(counts[0].keys() | counts[1].keys(), key=lambda name: (-counts[0][name], name)):
        a, b, one, two = (side.get(category, np.zeros(0)) for side in sides)
        found.append(
            CategoryFigures(
                category=category or "(none)",
                num_real=counts[0][category],
                num_synthetic=counts[1][category],
                share_real=counts[0][category] / max(len(real), 1),
                share_synthetic=counts[1][category] / max(len(synthetic), 1),
                median_real=float(np.exp(np.median(a))) if len(a) else None,
                median_synthetic=float(np.exp(np.median(b))) if len(b) else None,
                price_ks=ks_distance(a, b) if min(len(a), len(b)) >= MIN_CATEGORY_ROWS else None,
                real_against_real=ks_distance(one, two) if min(len(one), len(two)) >= MIN_CATEGORY_ROWS // 2 else None,
            )
        )
    return found


def ks_distance(first: Floats, second: Floats) -> float | None:
    """Return the Kolmogorov-Smirnov distance sup |F - G| of two samples; None if one is empty."""
    if not len(first) or not len(second):
        return None
    return float(stats.ks_2samp(first, second, method="asymp").statistic)


def total_variation(first: Iterable[Hashable], second: Iterable[Hashable]) -> float | None:
    """Return half the sum of absolute differences of the shares; None if one side is empty."""
    p, q = Counter(first), Counter(second)
    if not p or not q:
        return None
    return math.fsum(abs(p[key] / p.total() - q[key] / q.total()) for key in p.keys() | q.keys()) / 2


def cramers_v(first: Sequence[Hashable], second: Sequence[Hashable]) -> float | None:
    """Return Cramer's V, corrected for bias (Bergsma 2013); None if a side has only one value."""
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


def price_points(rows: AuditTable) -> list[tuple[int, float]]:
    """Return (number of digits before the point, ending) of every price: 1,290.00 is (4, 90.0)."""
    prices = [row.full_price for row in rows.products if row.full_price is not None and row.full_price > 0]
    return [(len(str(int(price))), round(price % 100 if price >= 100 else price % 10, 2)) for price in prices]


def _check(name: str, text: str, value: float | None, control: float | None, margin: float) -> Check:
    if value is None or control is None:
        side = "the two catalogs" if value is None else "two halves of the real catalog"
        return skip_check(name, FIDELITY, f"{text}: {side} have too few values to compare")
    return Check(
        name=name,
        kind=FIDELITY,
        value=value,
        real_against_real=control,
        bound=control + margin,
        better="lower",
        passed=value <= control + margin,
        meaning=as_sentence(f"{text}; lower is better; real against real gives {control:.3f}"),
    )


def _sample_families(table: AuditTable, num_rows: int, seed: int) -> AuditTable:
    """Sample whole families with about `num_rows` rows."""
    wanted = min(table.num_families, max(1, round(table.num_families * num_rows / max(len(table), 1))))
    chosen = np.zeros(table.num_families, bool)
    chosen[np.random.default_rng(seed).permutation(table.num_families)[:wanted]] = True
    return table.select(chosen)


def _cut(table: AuditTable, size: int) -> AuditTable:
    """Select about `size` rows in whole families, evenly over the catalog."""
    if len(table) <= size:
        return table
    wanted = max(1, table.num_families * size // len(table))
    chosen = np.zeros(table.num_families, bool)
    chosen[np.arange(wanted) * table.num_families // wanted] = True
    return table.select(chosen)


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _row_features(sides: Sequence[AuditTable]) -> list[dict[str, Any]]:
    """Return the features of `classifier_auc`, one dict a row; strings are categorical."""
    common = _common_words(sides)
    every = np.concatenate([table.log_price for table in sides])
    middle, spread = float(np.nanmean(every)), float(np.nanstd(every)) or 1.0
    found = []
    for table in sides:
        z = np.clip(np.nan_to_num((table.log_price - middle) / spread, nan=0.0), -4, 4).tolist()
        words = _word_features(table, table.categories, common)
        for row, features, price, discount, title in zip(
            table.products, words, z, table.discount.tolist(), table.words, strict=True
        ):
            category = features["group"]
            found.append(
                features
                | {"price": price, "squared price": price**2, f"price in {category}": price}
                | {"ending": "" if row.full_price is None else f"{row.full_price % 100:.2f}"}
                | {"discount": str(round(discount * 20)), "title length": str(min(len(title), 12))}
            )
    return found


def _word_features(table: AuditTable, groups: Sequence[str], kept: set[str] | None = None) -> list[dict[str, Any]]:
    """Return the title words (those in `kept`, or all) and one group of each row as features."""
    return [
        {**{f"word {word}": 1 for word in sorted(words) if kept is None or word in kept}, "group": group}
        for words, group in zip(table.words, groups, strict=True)
    ]


def _common_words(tables: Sequence[AuditTable]) -> set[str]:
    words = Counter(word for table in tables for each in table.words for word in sorted(each))
    return {word for word, _ in words.most_common(MAX_WORDS)}


def _price_classes(table: AuditTable) -> list[str]:
    """Return price classes a quarter wide in log price; empty if the price is missing."""
    return ["" if price != price else str(int(price / 0.25)) for price in table.log_price.tolist()]


def _known(values: Floats) -> Floats:
    return values[~np.isnan(values)]


def _prices_by_category(rows: AuditTable) -> dict[str, Floats]:
    groups: dict[str, list[float]] = {}
    for category, price in zip(rows.categories, rows.log_price.tolist(), strict=True):
        if price == price:
            groups.setdefault(category, []).append(price)
    return {category: np.array(prices) for category, prices in groups.items()}


def _pair_by_category(real: AuditTable, other: AuditTable) -> Iterable[tuple[Floats, Floats]]:
    ours, theirs = _prices_by_category(real), _prices_by_category(other)
    return ((ours[category], theirs[category]) for category in sorted(ours.keys() & theirs.keys()))


def _repeat_share(rows: AuditTable, size: int) -> float:
    """Return the share of repeated titles among `size` families, picked evenly."""
    title = dict(zip(rows.family.tolist(), rows.titles, strict=True))
    picked = [title[k * rows.num_families // size] for k in range(size)]
    counts = Counter(picked)
    return sum(counts[each] > 1 for each in picked) / max(size, 1)


def _correlation_ratio(values: Floats, groups: Sequence[str], kept: Mask) -> float | None:
    """Return the share of the variance between groups, corrected for their number (epsilon squared)."""
    names: dict[str, int] = {}
    number = np.array([names.setdefault(name, len(names)) for name in groups], np.int64)[kept]
    values = values[kept]
    if len(values) < 3 or not np.ptp(values) or len(np.unique(number)) in (1, len(values)):
        return None
    means = np.bincount(number, values, len(names)) / np.maximum(np.bincount(number, minlength=len(names)), 1)
    within = float(((values - means[number]) ** 2).sum()) / (len(values) - len(np.unique(number)))
    return max(0.0, 1 - within / float(values.var(ddof=1)))
