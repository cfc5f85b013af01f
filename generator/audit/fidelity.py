"""Measure the fidelity of a synthetic catalog: one figure a question, with a bound from random halves of the real one.

A figure compares a sample of a catalog with a random half of the real families, the reference. Over many random splits
the sample is the other half (the control: real against real) or as many rows of the synthetic catalog. The bound is a
quantile of the control so high that all figures of another sample of the same shop are within it in at least 95 % of
audits, plus the small margin of the figure in `schemas.audit.MARGINS`. No fit may keep words of fewer than k families:
figures of titles have a second control, the other half with such words exchanged, and the larger bound. Both sides have
the same number of rows in all comparisons, so the sizes of the catalogs do not matter. Shares are of rows; title
repeats, numbers of colourways and price tests are of families.

Several figures train a learner of scikit-learn. `told_apart` is a classifier two-sample test
(Lopez-Paz and Oquab 2017, arXiv 1610.06545). `measure_quality` is the score of SDMetrics' quality report.
"""

import functools
import math
import random
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse, stats
from scipy.sparse import csgraph

from generator.audit import as_sentence, skip_check
from generator.audit.rows import ALL, AuditTable, Floats, Index, Mask, tokenize
from generator.ingest.rows import normalize_title
from schemas.audit import FIDELITY, MARGINS, Bounds, CategoryFigures, Check, Quality

if TYPE_CHECKING:
    import pandas as pd

NUM_SPLITS = 40
"""Random splits of the real families."""
MAX_ROWS = 1500
"""Largest number of rows of a side: more only take longer."""
FALSE_ALARMS = 0.05
"""Share of audits in which an honest catalog may fail any figure."""
MIN_CATEGORY_ROWS = 20
"""Rows of a category on both sides that the table of categories needs for a comparison of prices."""
COMMON_PRICE_SHARE = 0.005
"""Share of real prices from which an ending is one of the shop's price points."""
SHARED_TITLES = 0.01
"""Share of families that share their title up to which families are made of titles."""
_INVENTED = 0.5
FOLDS = 2
"""Of the cross-fitting of `told_apart`."""
MIN_WORD_ROWS = 3
"""Rows that must have a word for it to be a feature of a learner."""
MIN_LINK = 0.1
"""Share of what shuffled titles get wrong that real titles must save for a link of titles to be compared."""
NUM_QUALITY_SPLITS = 3
"""Random halves over which `measure_quality` averages."""
QUALITY_COLUMNS = ("category1_code", "category2_code", "category3_code", "full_price", "price", "flg_discount")
_PRICES = ("full_price", "price")
_SAMPLES = 20_000
_FEW_NUMBERS = 20
_FEW = 8
"""Rows of a category on both sides from which its prices are compared within it."""
ExtraColumns = Mapping[str, Sequence[Any]]
Metric = Callable[["EncodedRows", "EncodedRows"], float | None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EncodedRows:
    """Rows of a catalog as numbers; equal texts have equal numbers in all catalogs that were encoded together."""

    top: Index
    """First category level."""
    branch: Index
    """First two levels."""
    leaf: Index
    """Whole category path."""
    category: Index
    """Third level; -1 if missing."""
    log_price: Floats
    """nan if missing."""
    discount: Index
    """To the nearest 5 %, in twentieths."""
    point: Index
    """Size and ending of the price; -1 if missing."""
    ending: Index
    title: Index
    """-1 if missing."""
    title_length: Index
    """Characters."""
    family: Index
    missing: Mask
    """Rows x columns: whether the value is missing."""
    words: sparse.csr_matrix
    """Rows x words: 1 where the title has the word."""
    extra: Index
    """Rows x further columns that both catalogs have; numbers are in tenths of the real rows."""

    def __len__(self) -> int:
        return len(self.leaf)

    def take(self, rows: Index) -> "EncodedRows":
        """Return some of the rows, by their numbers."""
        return EncodedRows(**{each.name: getattr(self, each.name)[rows] for each in fields(self)})

    def families(self) -> Index:
        """Return the number of the first row of each family."""
        first: Index = np.unique(self.family, return_index=True)[1]
        return first


@dataclass(frozen=True, slots=True)
class Figure:
    """One fidelity figure."""

    meaning: str
    compute: Metric
    """Of (reference, sample): rows of the real catalog, and as many of either catalog. None if they have too few."""
    words: bool = False
    """Whether it depends on title words: the bound allows for rare ones that a fit must exchange."""
    link: bool = False
    """Whether it asks what titles say; it does not apply if shuffled real titles would pass it."""
    remedy: str = ""
    """Why a fitted twin may fail it, and what changes that."""


def check_fidelity(
    real: AuditTable,
    synthetic: AuditTable,
    bounds: Bounds,
    *,
    extra: tuple[ExtraColumns, ExtraColumns] = ({}, {}),
    min_support: int | None = None,
    num_splits: int = NUM_SPLITS,
    progress: Callable[[str], None] = lambda text: None,
) -> tuple[list[Check], list[CategoryFigures]]:
    """Compute every figure of `FIGURES` with its control and bound, and the table of categories.

    Args:
        real: rows of the real catalog.
        synthetic: rows of the synthetic catalog.
        bounds: bounds and margins.
        extra: further columns of the two catalogs, one value a row.
        min_support: train families that a title word needs to be in a fit; that of the bounds if None.
        num_splits: random halves of the real families.
        progress: called with a text from time to time.
    """
    min_support = bounds.min_support if min_support is None else min_support
    if has_families_of_titles(real):
        synthetic = replace(synthetic, **_group_by_title(synthetic))
    exchanged = exchange_rare_words(real, min_support)
    ours, theirs, fitted = encode_rows([real, synthetic, exchanged], (*extra, extra[0]))
    values: dict[str, list[float | None]] = {name: [] for name in FIGURES}
    controls: dict[str, list[float | None]] = {name: [] for name in FIGURES}
    exchanges: dict[str, list[float | None]] = {name: [] for name, figure in FIGURES.items() if figure.words}
    shuffled: dict[str, list[float | None]] = {name: [] for name, figure in FIGURES.items() if figure.link}
    for seed in range(num_splits):
        if seed % 10 == 0:
            progress(f"checking fidelity: random halves {seed + 1} of {num_splits}")
        rng = np.random.default_rng(seed)
        parts = split_families(ours.family, theirs.family, rng)
        reference, other, sample = (rows.take(part) for rows, part in zip((ours, ours, theirs), parts, strict=True))
        mixed = replace(other, words=other.words[rng.permutation(len(other))])
        for name, figure in FIGURES.items():
            controls[name].append(figure.compute(reference, other))
            values[name].append(figure.compute(reference, sample))
            if figure.words and exchanged is not real:
                exchanges[name].append(figure.compute(reference, fitted.take(parts[1])))
            if figure.link:
                shuffled[name].append(figure.compute(reference, mixed))
    margins = {**MARGINS, **bounds.margins}
    checks = [
        _check(
            name, figure, values[name], controls[name], exchanges.get(name, ()), shuffled.get(name, ()), margins[name]
        )
        for name, figure in FIGURES.items()
    ]
    checks.append(check_missing_leaves(ours, theirs, margins["missing_leaves"]))
    order = list(MARGINS)
    return sorted(checks, key=lambda check: order.index(check.name)), compare_categories(real, synthetic)


def has_families_of_titles(real: AuditTable) -> bool:
    """Return whether families are made of titles, as an import makes them: hardly any two share one."""
    titles = _family_titles(real)
    counts = Counter(titles)
    repeated = sum(count for count in counts.values() if count > 1)
    return len(titles) > 1 and repeated <= SHARED_TITLES * len(titles)


def _family_titles(table: AuditTable) -> list[str]:
    """Return the title of the first row of each family that has one."""
    first: dict[int, str] = {}
    for title, family in zip(table.titles, table.family.tolist(), strict=True):
        first.setdefault(family, title)
    return [normalize_title(title, None) for title in first.values() if title]


def _group_by_title(table: AuditTable) -> dict[str, Any]:
    """Return families of rows that share a title, or the family of a row that does."""
    keys: dict[str, int] = {}
    titles = [
        keys.setdefault(normalize_title(title, None), len(keys)) + table.num_families if title else family
        for title, family in zip(table.titles, table.family.tolist(), strict=True)
    ]
    size = table.num_families + len(keys)
    links = sparse.coo_matrix((np.ones(len(table)), (table.family, titles)), shape=(size, size))
    joined = csgraph.connected_components(links, directed=False)[1][table.family]
    family = np.unique(joined, return_inverse=True)[1].astype(np.int64)
    return {"family": family, "num_families": int(family.max(initial=-1)) + 1}


def exchange_rare_words(real: AuditTable, min_support: int, seed: int = 0) -> AuditTable:
    """Exchange the title words that fewer than `min_support` train families have, as a fit must.

    Half of them, at random, become invented words, the others frequent words of the catalog, in proportion to the
    families that have them. All rows of a family have the same words in their place. Returns the table itself if it has
    no rare words.
    """
    holders: dict[str, set[int]] = {}
    for row, words, family in zip(real.products, real.words, real.family.tolist(), strict=True):
        for word in words if row.split == "train" else ():
            holders.setdefault(word, set()).add(family)
    sizes = {word: len(families) for word, families in sorted(holders.items()) if len(families) >= min_support}
    if all(word in sizes for words in real.words for word in words):
        return real
    rng = random.Random(seed)
    frequent, weights = list(sizes), list(sizes.values())
    found: dict[tuple[int, str], str] = {}

    def exchange(family: int, word: str) -> str:
        if word in sizes:
            return word
        if (family, word) not in found:
            is_invented = not frequent or rng.random() < _INVENTED
            found[family, word] = f"{word} {family}" if is_invented else rng.choices(frequent, weights)[0]
        return found[family, word]

    families = real.family.tolist()
    texts = [
        [exchange(family, word) for word in tokenize(title)]
        for title, family in zip(real.titles, families, strict=True)
    ]
    return replace(real, words=[frozenset(each) for each in texts], titles=[" ".join(each) for each in texts])


def check_missing_leaves(real: EncodedRows, synthetic: EncodedRows, margin: float = 0.0) -> Check:
    """Count the real category paths that the whole synthetic catalog lacks.

    The control is exact for two samples of one shop: of a path with t families in both catalogs together, n of them
    real and m synthetic in all, the synthetic one has none with probability (n / (n + m)) ** t. All rows are used: rare
    categories are in few of them.
    """
    name, text = "missing_leaves", "Number of real categories that no synthetic row has"
    leaves = [rows.leaf[rows.families()] for rows in (real, synthetic)]
    if not all(map(len, leaves)):
        return skip_check(name, FIDELITY, f"{text}: the two catalogs have too few values to compare")
    size = _num_groups(*leaves)
    counts = [np.bincount(each, minlength=size) for each in leaves]
    together = counts[0] + counts[1]
    chance = (len(leaves[0]) / (len(leaves[0]) + len(leaves[1]))) ** together[together > 0]
    samples = (np.random.default_rng(0).random((_SAMPLES, len(chance))) < chance).sum(axis=1)
    value, expected = float(np.sum((counts[0] > 0) & (counts[1] == 0))), float(chance.sum())
    bound = float(np.quantile(samples, 1 - FALSE_ALARMS / len(MARGINS))) + margin
    return Check(
        name=name,
        kind=FIDELITY,
        value=value,
        real_against_real=expected,
        bound=bound,
        better="lower",
        passed=value <= bound,
        meaning=as_sentence(f"{text}; lower is better; real against real would give {expected:.1f}"),
    )


def measure_quality(
    real: AuditTable, synthetic: AuditTable, extra: tuple[ExtraColumns, ExtraColumns] = ({}, {})
) -> Quality | None:
    """Score the synthetic rows with SDMetrics' quality report, beside the score of real rows (the limit).

    The reference is a random half of the real families. The columns are the category levels, both prices, the discount
    flag and every further column that both catalogs have. A column that a side lacks has no score; without any, the
    result is None. Numbers enter as their rank in the reference: the report's own bins depend on the extremes of each
    table, so that a single dear product would decide the score.

    Args:
        real: rows of the real catalog.
        synthetic: rows of the synthetic catalog.
        extra: further columns of the two, one value a row.
    """
    frames = _to_frames((real, synthetic), extra)
    found = []
    for seed in range(NUM_QUALITY_SPLITS):
        parts = split_families(real.family, synthetic.family, np.random.default_rng(seed))
        halves = [frame.iloc[part] for frame, part in zip((frames[0], *frames), parts, strict=True)]
        reference, other, sample = (_rank_numbers(each, halves[0]) for each in halves)
        found.append((_score(reference, sample), _score(reference, other)))
    own, limit = (
        {
            name: float(np.mean([pair[side][name] for pair in found]))
            for name in found[0][0]
            if all(math.isfinite(score[name]) for pair in found for score in pair)
        }
        for side in (0, 1)
    )
    if "" not in own:
        return None
    return Quality(
        score=own.pop(""),
        limit=limit[""],
        share_of_limit=float(np.mean([ours[""] / theirs[""] for ours, theirs in found])),
        pairs=own.pop("pairs", None),
        pairs_limit=limit.pop("pairs", None),
        shapes=own,
        shapes_limit={name: value for name, value in limit.items() if name},
    )


def encode_rows(tables: Sequence[AuditTable], extra: Sequence[ExtraColumns] | None = None) -> list[EncodedRows]:
    """Convert catalogs to numbers that can be compared between them; `extra` are further columns of each."""
    extra = extra or [{} for _ in tables]
    shared = _shared_columns(extra)
    numbers: dict[str, dict[Hashable, int]] = {}

    def encode(kind: str, values: Iterable[Hashable]) -> Index:
        known = numbers.setdefault(kind, {})
        return np.array([-1 if value is None else known.setdefault(value, len(known)) for value in values], np.int64)

    columns = [encode("word", (word for row in table.words for word in sorted(row))) for table in tables]
    encoded = []
    for table, column, own in zip(tables, columns, extra, strict=True):
        further = [encode(name, _classify_values(own[name], extra[0][name], shared[name])) for name in shared]
        points = _price_points(table)
        ends = np.cumsum([0, *(len(row) for row in table.words)])
        words = sparse.csr_matrix(
            (np.ones(len(column)), column, ends), shape=(len(table), max(len(numbers["word"]), 1))
        )
        encoded.append(
            EncodedRows(
                top=encode("top", (branch.split(" > ")[0] for branch in table.parents)),
                branch=encode("branch", table.parents),
                leaf=encode("leaf", zip(table.parents, table.categories, strict=True)),
                category=encode("category", (name or None for name in table.categories)),
                log_price=table.log_price,
                discount=np.round(table.discount * 20).astype(np.int64),
                point=encode("point", points),
                ending=encode("ending", (None if point is None else point[1] for point in points)),
                title=encode("title", (title or None for title in table.titles)),
                title_length=np.array([len(title) for title in table.titles], np.int64),
                family=table.family,
                missing=_find_missing(table),
                words=words,
                extra=np.stack(further, axis=1) if further else np.zeros((len(table), 0), np.int64),
            )
        )
    return encoded


def split_families(real: Index, synthetic: Index, rng: np.random.Generator) -> tuple[Index, Index, Index]:
    """Return rows of a random half of the real families, of the other half, and as many synthetic ones.

    Families stay whole. No side has many more than `MAX_ROWS` rows, and the second half no more than the synthetic
    catalog. The arguments are the family of each row.
    """
    count = int(real.max(initial=-1)) + 1
    chosen: Mask = np.zeros(count, bool)
    chosen[rng.permutation(count)[: count // 2]] = True
    first = _sample_families(real, np.flatnonzero(chosen[real]), MAX_ROWS, rng)
    second = _sample_families(real, np.flatnonzero(~chosen[real]), min(len(synthetic), MAX_ROWS), rng)
    return first, second, _sample_families(synthetic, np.arange(len(synthetic)), len(second), rng)


def price_distance(reference: EncodedRows, sample: EncodedRows) -> float | None:
    """Return the Kolmogorov-Smirnov distance of log full prices: the largest gap of the distribution functions."""
    return ks_distance(_known(reference.log_price), _known(sample.log_price))


def category_price_distance(reference: EncodedRows, sample: EncodedRows) -> float | None:
    """Return the mean of the same distance within categories that have a few rows on both sides, weighted by rows."""
    found = [
        (min(len(a), len(b)), ks_distance(a, b) or 0.0)
        for a, b in _pair_by_leaf(reference, sample)
        if min(len(a), len(b)) >= _FEW
    ]
    return float(np.average([d for _, d in found], weights=[n for n, _ in found])) if found else None


def price_level(reference: EncodedRows, sample: EncodedRows) -> float | None:
    """Return by what share the median full price is off: 0.25 for prices times 1.25 or divided by it."""
    a, b = _known(reference.log_price), _known(sample.log_price)
    return math.expm1(abs(float(np.median(a) - np.median(b)))) if len(a) and len(b) else None


def category_price_level(reference: EncodedRows, sample: EncodedRows) -> float | None:
    """Return by what share the mean log price of the same category is off, averaged with sign over categories."""
    pairs = _pair_by_leaf(reference, sample)
    if not pairs:
        return None
    weights = [1 / (1 / len(a) + 1 / len(b)) for a, b in pairs]
    return math.expm1(abs(float(np.average([b.mean() - a.mean() for a, b in pairs], weights=weights))))


def worst_category_price(reference: EncodedRows, sample: EncodedRows) -> float | None:
    """Return the largest difference of a category's mean log price, in standard errors of families.

    The variance of a category is shrunk to that of all categories with the weight of ten families.
    """
    sides = [rows.take(rows.families()) for rows in (reference, sample)]
    pairs = [(a, b) for a, b in _pair_by_leaf(*sides) if min(len(a), len(b)) >= 3]
    if not pairs:
        return None
    squares = np.array([((a - a.mean()) ** 2).sum() + ((b - b.mean()) ** 2).sum() for a, b in pairs])
    degrees = np.array([len(a) + len(b) - 2 for a, b in pairs])
    usual = max(float(squares.sum() / degrees.sum()), 1e-4)
    variance = (squares + 10 * usual) / (degrees + 10)
    errors = np.sqrt(variance * [1 / len(a) + 1 / len(b) for a, b in pairs])
    return float(np.max(np.abs([a.mean() - b.mean() for a, b in pairs]) / errors))


def off_lattice(reference: EncodedRows, sample: EncodedRows) -> float | None:
    """Return the share of sampled prices whose size and ending less than 0.5 % of the reference's have."""
    known, theirs = _present(reference.point), _present(sample.point)
    if not len(known) or not len(theirs):
        return None
    usual = np.bincount(known, minlength=_num_groups(known, theirs)) >= max(2, COMMON_PRICE_SHARE * len(known))
    return float(np.mean(~usual[theirs]))


def ending_distance(reference: EncodedRows, sample: EncodedRows) -> float | None:
    """Return the total variation of the endings: the last two digits before the point, and the cents."""
    return total_variation(_present(reference.ending), _present(sample.ending))


def discount_distance(reference: EncodedRows, sample: EncodedRows) -> float | None:
    """Return the total variation of the discounts, to the nearest 5 %, including no discount."""
    return total_variation(np.maximum(reference.discount, 0), np.maximum(sample.discount, 0))


def category_discount_distance(reference: EncodedRows, sample: EncodedRows) -> float | None:
    """Return the mean squared difference of a category's discounted share, in standard errors of families.

    Returns None if no family has a discount, or all have one.
    """
    size = _num_groups(reference.leaf, sample.leaf)
    reference, sample = (side.take(side.families()) for side in (reference, sample))
    rows = [np.bincount(side.leaf, minlength=size) for side in (reference, sample)]
    reduced = [np.bincount(side.leaf, side.discount > 0, size) for side in (reference, sample)]
    both = (rows[0] > 0) & (rows[1] > 0)
    usual = float(reduced[0].sum() + reduced[1].sum()) / max(len(reference) + len(sample), 1)
    if not both.any() or usual in (0, 1):
        return None
    n, m, a, b = (values[both] for values in (*rows, *reduced))
    pooled = (a + b + 5 * usual) / (n + m + 5)
    weight = 1 / (1 / n + 1 / m)
    squared = (a / n - b / m) ** 2 * weight / (pooled * (1 - pooled))
    return float(np.average(squared, weights=weight))


def first_level_distance(reference: EncodedRows, sample: EncodedRows) -> float | None:
    """Return the total variation of the first category level."""
    return total_variation(reference.top, sample.top)


def branch_distance(reference: EncodedRows, sample: EncodedRows) -> float | None:
    """Return the total variation of the first two category levels."""
    return total_variation(reference.branch, sample.branch)


def leaf_distance(reference: EncodedRows, sample: EncodedRows) -> float | None:
    """Return the total variation of the whole category path."""
    return total_variation(reference.leaf, sample.leaf)


def missing_leaf_rows(reference: EncodedRows, sample: EncodedRows) -> float | None:
    """Return the share of the reference's rows whose category path no sampled row has."""
    return float(np.mean(~np.isin(reference.leaf, sample.leaf))) if len(reference) else None


def title_length_distance(reference: EncodedRows, sample: EncodedRows) -> float | None:
    """Return the Kolmogorov-Smirnov distance of the number of characters of a title."""
    return ks_distance(*(rows.title_length[rows.title >= 0] for rows in (reference, sample)))


def vocabulary_distance(reference: EncodedRows, sample: EncodedRows) -> float | None:
    """Return the Jensen-Shannon divergence (base 2, in [0, 1]) of the title words, each word once a title."""
    ours, theirs = _count_words(reference), _count_words(sample)
    if not ours.sum() or not theirs.sum():
        return None
    p, q = ours / ours.sum(), theirs / theirs.sum()
    middle = (p + q) / 2
    return float((stats.entropy(p, middle, base=2) + stats.entropy(q, middle, base=2)) / 2)


def unknown_words(reference: EncodedRows, sample: EncodedRows) -> float | None:
    """Return the share of the sampled title words, each once a title, that are in no title of the reference."""
    ours, theirs = _count_words(reference), _count_words(sample)
    return float(theirs[ours == 0].sum() / theirs.sum()) if ours.sum() and theirs.sum() else None


def title_repeat_difference(reference: EncodedRows, sample: EncodedRows) -> float | None:
    """Return the difference of the shares of families with a repeated title, on equally many families."""
    titles = [rows.title[rows.families()] for rows in (reference, sample)]
    size = min(map(len, titles))
    if not size:
        return None
    shares = []
    for side in titles:
        picked = side[np.arange(size) * len(side) // size]
        _, place, counts = np.unique(picked, return_inverse=True, return_counts=True)
        shares.append(float(np.mean(counts[place] > 1)))
    return abs(shares[0] - shares[1])


def colourway_distance(reference: EncodedRows, sample: EncodedRows) -> float | None:
    """Return the total variation of the number of colourways of a family; 6 and more are one class."""
    return total_variation(
        *(np.minimum(np.unique(rows.family, return_counts=True)[1], 6) for rows in (reference, sample))
    )


def missing_difference(reference: EncodedRows, sample: EncodedRows) -> float | None:
    """Return the largest difference of a column's share of missing values."""
    if not len(reference) or not len(sample):
        return None
    return float(np.abs(reference.missing.mean(axis=0) - sample.missing.mean(axis=0)).max())


def extra_column_distance(reference: EncodedRows, sample: EncodedRows) -> float | None:
    """Return the largest total variation of a further column that both catalogs have; None without such columns."""
    pairs = zip(reference.extra.T, sample.extra.T, strict=True)
    return max((distance for a, b in pairs if (distance := total_variation(a, b)) is not None), default=None)


def association_difference(reference: EncodedRows, sample: EncodedRows) -> float | None:
    """Return the largest difference of a pairwise association, each in [0, 1]; see `measure_associations`."""
    ours, theirs = measure_associations(reference), measure_associations(sample)
    both = [abs(ours[name] - theirs[name]) for name in ours.keys() & theirs.keys()]
    return max(both) if both else None


def measure_associations(rows: EncodedRows) -> Mapping[str, float]:
    """Measure how strongly pairs of columns are associated, in [0, 1].

    Correlation ratio (explained share of the variance, squared eta) of the log price by category level and of the title
    length by category. Cramer's V of discounts by category level and of category by first level. Spearman's rank
    correlation of price and title length. Cramer's V of every further column by category, and the correlation ratio of
    the log price by it.
    """
    priced = ~np.isnan(rows.log_price)
    length: Floats = np.asarray(rows.words.sum(axis=1)).ravel()
    found: dict[str, float | None] = {
        "log price by first level": _correlation_ratio(rows.log_price, rows.top, priced),
        "log price by first two levels": _correlation_ratio(rows.log_price, rows.branch, priced),
        "log price by category": _correlation_ratio(rows.log_price, rows.leaf, priced),
        "discounted by first two levels": cramers_v(rows.branch, rows.discount > 0),
        "discounted by third level": cramers_v(rows.category, rows.discount > 0),
        "category by first level": cramers_v(rows.category, rows.top),
        "title words by category": _correlation_ratio(length, rows.leaf, length > 0),
    }
    if priced.sum() > 2 and np.ptp(length[priced]) and np.ptp(rows.log_price[priced]):
        found["price and title words"] = abs(float(stats.spearmanr(rows.log_price[priced], length[priced]).statistic))
    for number, column in enumerate(rows.extra.T):
        found[f"column {number} by category"] = cramers_v(rows.leaf, column)
        found[f"log price by column {number}"] = _correlation_ratio(rows.log_price, column, priced)
    return {name: value for name, value in found.items() if value is not None}


def title_category_link(reference: EncodedRows, sample: EncodedRows) -> float | None:
    """Return the error rate of naive Bayes, trained on the reference, that predicts a sampled path from the title."""
    return _classify(reference, sample, reference.words, sample.words)


def title_price_link(reference: EncodedRows, sample: EncodedRows) -> float | None:
    """Return 1 - correlation, within categories, of sampled log prices with those that title words predict.

    The prediction is a ridge regression on category and words that is trained on the reference. Differences of the
    level of prices do not matter.
    """
    found = _predict_prices(reference, sample)
    if found is None:
        return None
    predicted, actual = (_centre(values, found[2]) for values in found[:2])
    norm = math.sqrt(float((predicted**2).sum() * (actual**2).sum()))
    return 1 - float(predicted @ actual) / norm if norm > 1e-9 else None


def title_price_level(reference: EncodedRows, sample: EncodedRows) -> float | None:
    """Return by what share sampled prices are off, on average, from those of real rows of that category and title."""
    found = _predict_prices(reference, sample)
    return None if found is None else math.expm1(abs(float(np.mean(found[1] - found[0]))))


def told_apart(reference: EncodedRows, sample: EncodedRows) -> float | None:
    """Return the AUC of a logistic regression that predicts the catalog of a row; 0.5 is guessing.

    Each family is scored by a model that has not seen it. Features are title words, category, log price, its ending,
    log price within the category, discount and title length. Codes, URLs and names of the shop are not used: they
    differ intentionally.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    if min(len(reference), len(sample)) < 2 * FOLDS:
        return None
    features = _row_features([reference, sample])
    label = np.repeat([0, 1], [len(reference), len(sample)])
    fold = np.concatenate([np.unique(rows.family, return_inverse=True)[1] % FOLDS for rows in (reference, sample)])
    score = np.zeros(len(label))
    for k in range(FOLDS):
        train, test = fold != k, fold == k
        if not test.any() or len(np.unique(label[train])) < 2:
            continue
        model = LogisticRegression(C=0.3, solver="liblinear", tol=1e-2, random_state=0)
        found = model.fit(features[train], label[train]).decision_function(features[test])
        score[test] = stats.rankdata(found) / len(found)  # comparable between folds
    return float(roc_auc_score(label, score))


def wrong_categories(reference: EncodedRows, sample: EncodedRows) -> float | None:
    """Return the error rate of naive Bayes, trained on the sample, for the paths of the reference.

    It predicts from title words and price class.
    """
    features = [sparse.hstack([rows.words, _one_hot(_price_classes(rows), 64)]).tocsr() for rows in (sample, reference)]
    return _classify(sample, reference, *features)


def wrong_prices(reference: EncodedRows, sample: EncodedRows) -> float | None:
    """Return the mean absolute error in log price, on the reference, of the ridge regression trained on the sample."""
    found = _predict_prices(sample, reference)
    return None if found is None else float(np.abs(found[0] - found[1]).mean())


_RARE_WORDS = (
    "A fit leaves out title words of fewer than k families, or invents others for them: fit with a lower "
    "--min-support, or add templates to `titles` in the spec"
)
_INDEPENDENT = (
    "A fit takes title and price of a kind as independent, apart from its material, pattern and frequent words: split "
    "the `kinds` of the spec whose titles tell prices apart"
)
FIGURES: Mapping[str, Figure] = {
    "price_distance": Figure("Largest gap between the distribution functions of log prices", price_distance),
    "category_price_distance": Figure("The same gap within categories, averaged", category_price_distance),
    "price_level": Figure("By what share the median price is off", price_level),
    "category_price_level": Figure(
        "By what share prices are off in the same category, averaged with sign", category_price_level
    ),
    "title_price_level": Figure(
        "By what share prices are off for the same category and title words", title_price_level, words=True
    ),
    "worst_category_price": Figure(
        "Largest difference of a category's mean log price, in standard errors", worst_category_price
    ),
    "off_lattice": Figure("Share of prices with an ending that hardly any real price of that size has", off_lattice),
    "ending_distance": Figure("Share of price endings that would have to change (total variation)", ending_distance),
    "discount_distance": Figure("Share of discounts that would have to change (total variation)", discount_distance),
    "category_discount_distance": Figure(
        "Mean squared difference of the discounted share of a category, in standard errors", category_discount_distance
    ),
    "first_level_distance": Figure(
        "Share of rows under another first category level (total variation)", first_level_distance
    ),
    "branch_distance": Figure("Share of rows under other first two levels (total variation)", branch_distance),
    "leaf_distance": Figure("Share of rows under another category path (total variation)", leaf_distance),
    "missing_leaf_rows": Figure("Share of real rows in a category that the other side lacks", missing_leaf_rows),
    "title_length_distance": Figure(
        "Largest gap between the distribution functions of title lengths", title_length_distance, remedy=_RARE_WORDS
    ),
    "vocabulary_distance": Figure(
        "Jensen-Shannon divergence of title words, 0 to 1", vocabulary_distance, words=True, remedy=_RARE_WORDS
    ),
    "unknown_words": Figure("Share of title words that are in no title of the real half", unknown_words, words=True),
    "title_repeat_difference": Figure(
        "Difference in the share of families that share their title", title_repeat_difference, remedy=_RARE_WORDS
    ),
    "title_category_link": Figure(
        "Error rate of a classifier, trained on real rows, that predicts the category from the title",
        title_category_link,
        words=True,
        link=True,
        remedy=_RARE_WORDS,
    ),
    "title_price_link": Figure(
        "1 - correlation, within categories, of prices with those that real rows lead to expect from the title",
        title_price_link,
        words=True,
        link=True,
        remedy=_INDEPENDENT,
    ),
    "colourway_distance": Figure(
        "Share of families with another number of colourways (total variation)", colourway_distance
    ),
    "missing_difference": Figure("Largest difference of a column's missing share", missing_difference),
    "extra_column_distance": Figure(
        "Share of rows with another value in a further column of both tables (total variation), the largest",
        extra_column_distance,
    ),
    "association_difference": Figure(
        "Largest difference of a pairwise association between columns", association_difference
    ),
    "told_apart": Figure(
        "Classifier two-sample test: AUC of a classifier of the two sides; 0.5 is guessing",
        told_apart,
        words=True,
        remedy=_RARE_WORDS,
    ),
    "wrong_categories": Figure(
        "Error rate on real rows of a category classifier trained on the other side", wrong_categories, words=True
    ),
    "wrong_prices": Figure(
        "Mean error in log price on real rows of a price regression trained on the other side",
        wrong_prices,
        words=True,
        remedy=_INDEPENDENT,
    ),
}
"""Name in audit.json -> figure."""


def compare_categories(real: AuditTable, synthetic: AuditTable) -> list[CategoryFigures]:
    """Compare every category of either catalog, most frequent real ones first; the control is two real halves."""
    chosen = np.random.default_rng(0).permutation(real.num_families) % 2 == 0
    found = []
    sides = [_prices_by_category(rows) for rows in (real, synthetic, real.select(chosen), real.select(~chosen))]
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


def ks_distance(first: Floats | Index, second: Floats | Index) -> float | None:
    """Return the Kolmogorov-Smirnov distance sup |F - G| of two samples; None if one is empty."""
    if not len(first) or not len(second):
        return None
    every = np.concatenate([first, second])
    shares = [np.searchsorted(np.sort(side), every, side="right") / len(side) for side in (first, second)]
    return float(np.abs(shares[0] - shares[1]).max())


def total_variation(first: Index, second: Index) -> float | None:
    """Return half the sum of absolute differences of the shares of numbers >= 0; None if one side is empty."""
    if not len(first) or not len(second):
        return None
    size = _num_groups(first, second)
    p, q = (np.bincount(side, minlength=size) / len(side) for side in (first, second))
    return float(np.abs(p - q).sum() / 2)


def cramers_v(first: Index | Mask, second: Index | Mask) -> float | None:
    """Return Cramer's V, corrected for bias (Bergsma 2013); None if a side has only one value."""
    (names, row), (others, column) = (np.unique(side, return_inverse=True) for side in (first, second))
    rows, columns = len(names), len(others)
    if min(rows, columns) < 2:
        return None
    table = np.bincount(row * columns + column, minlength=rows * columns).reshape(rows, columns)
    n = float(table.sum())
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / n
    phi2 = max(0.0, float(((table - expected) ** 2 / expected).sum()) / n - (rows - 1) * (columns - 1) / (n - 1))
    corrected = [count - (count - 1) ** 2 / (n - 1) for count in (rows, columns)]
    return float(np.sqrt(phi2 / max(min(corrected) - 1, 1e-9)))


def upper_bound(controls: Sequence[float]) -> float:
    """Return the bound of one figure: a high quantile of its values for real halves.

    It is the quantile at Bonferroni's share of `FALSE_ALARMS` of the distribution whose square is gamma distributed
    with the mean and variance of the squared controls. An absolute difference (half normal) and a distance of many
    shares (nearly normal) both have this form.
    """
    squares = np.square(controls)
    mean, variance = float(np.mean(squares)), float(np.var(squares, ddof=1))
    if mean <= 0 or variance <= 1e-12 * mean**2:
        return math.sqrt(mean)
    tail = FALSE_ALARMS / len(MARGINS)
    return math.sqrt(float(stats.gamma.isf(tail, mean**2 / variance, scale=variance / mean)))


def _check(
    name: str,
    figure: Figure,
    values: Sequence[float | None],
    controls: Sequence[float | None],
    exchanges: Sequence[float | None],
    shuffled: Sequence[float | None],
    margin: float,
) -> Check:
    known, control, exchanged, without = (
        [value for value in each if value is not None] for each in (values, controls, exchanges, shuffled)
    )
    if not known or len(control) < 2:
        side = "the two catalogs" if len(control) > 1 else "two halves of the real catalog"
        return skip_check(name, FIDELITY, f"{figure.meaning}: {side} have too few values to compare")
    value, mean, bound = float(np.mean(known)), float(np.mean(control)), upper_bound(control) + margin
    no_link = float(np.mean(without)) if without else None
    if no_link is not None and mean > (1 - MIN_LINK) * no_link:
        why = f"{figure.meaning}: real titles say too little about it ({mean:.3f}; shuffled titles {no_link:.3f})"
        return skip_check(name, FIDELITY, why)
    meaning = f"{figure.meaning}; lower is better; real against real gives {mean:.3f}"
    figures = {}
    if len(exchanged) > 1:
        figures["rare_words_exchanged"] = float(np.mean(exchanged))
        bound = max(bound, upper_bound(exchanged) + margin)
        meaning += f", or {figures['rare_words_exchanged']:.3f} if the rare words are exchanged, as a fit must"
    if no_link is not None:
        meaning += f", shuffled titles {no_link:.3f}"
    blind = no_link is not None and value <= bound and bound >= no_link
    if blind:
        meaning += ": among so few rows a lost link cannot be seen"
    elif figure.remedy and value > bound:
        meaning += f". {figure.remedy}"
    return Check(
        name=name,
        kind=FIDELITY,
        value=value,
        real_against_real=mean,
        bound=bound,
        better="lower",
        passed=None if blind else value <= bound,
        meaning=as_sentence(meaning),
        figures=figures,
        inconclusive=blind,
    )


def _sample_families(family: Index, rows: Index, num_rows: int, rng: np.random.Generator) -> Index:
    """Sample whole families of `rows` until they have `num_rows` rows; all rows if there are no more."""
    if len(rows) <= num_rows:
        return rows
    sizes = np.bincount(family[rows])
    order = rng.permutation(np.flatnonzero(sizes))
    wanted = int(np.searchsorted(np.cumsum(sizes[order]), num_rows)) + 1
    chosen: Mask = np.zeros(len(sizes), bool)
    chosen[order[:wanted]] = True
    found: Index = rows[chosen[family[rows]]]
    return found


def _price_points(table: AuditTable) -> list[tuple[int, float] | None]:
    """Return (number of digits before the point, ending) of every price: 1,290.00 is (4, 90.0); None if missing."""
    prices = [row.full_price if row.full_price and row.full_price > 0 else None for row in table.products]
    return [
        None if price is None else (len(str(int(price))), round(price % 100 if price >= 100 else price % 10, 2))
        for price in prices
    ]


def _find_missing(table: AuditTable) -> Mask:
    """Return rows x columns: whether a value is missing. A parent category that is ALL is missing, as in a fit."""
    found = [
        [row.title is None, row.full_price is None, row.price is None, row.category3_code is None]
        + [name == ALL for name in branch.split(" > ")[:2]]
        for row, branch in zip(table.products, table.parents, strict=True)
    ]
    return np.array(found, bool).reshape(len(table), 6)


def _classify(
    train: EncodedRows, test: EncodedRows, known: sparse.csr_matrix, asked: sparse.csr_matrix
) -> float | None:
    """Return the error rate of naive Bayes that predicts the category path; rows without a leaf are left out."""
    from sklearn.naive_bayes import MultinomialNB

    rows, others = np.flatnonzero(train.category >= 0), np.flatnonzero(test.category >= 0)
    if not len(rows) or not len(others):
        return None
    used = np.flatnonzero(np.asarray(known[rows].sum(axis=0)).ravel())
    if not len(used):
        return None
    model = MultinomialNB(alpha=0.5).fit(known[rows][:, used], train.leaf[rows])
    return float(np.mean(model.predict(asked[others][:, used]) != test.leaf[others]))


def _predict_prices(train: EncodedRows, test: EncodedRows) -> tuple[Floats, Floats, Index] | None:
    """Return predicted and actual log prices of `test`, and the category paths, where a price is known."""
    others = np.flatnonzero(~np.isnan(test.log_price))
    if np.isnan(train.log_price).all() or not len(others):
        return None
    model, columns, num_leaves = _fit_prices(train)
    features = _price_features(test, columns, num_leaves)[others]
    return model.predict(features), test.log_price[others], test.leaf[others]


@functools.lru_cache(maxsize=4)
def _fit_prices(train: EncodedRows) -> tuple[Any, Index, int]:
    """Return the ridge regression of log prices on category path and frequent words, these words, and paths."""
    from sklearn.linear_model import Ridge

    rows = np.flatnonzero(~np.isnan(train.log_price))
    columns = np.flatnonzero(_count_words(train) >= MIN_WORD_ROWS)
    num_leaves = int(train.leaf.max()) + 1
    features = _price_features(train, columns, num_leaves)[rows]
    return Ridge(alpha=1.0, solver="cholesky").fit(features, train.log_price[rows]), columns, num_leaves


def _price_features(rows: EncodedRows, columns: Index, num_leaves: int) -> Floats:
    features: Floats = sparse.hstack([rows.words[:, columns], _one_hot(rows.leaf, num_leaves)]).toarray()
    return features


def _row_features(sides: Sequence[EncodedRows]) -> sparse.csr_matrix:
    """Return the features of `told_apart`, one row each."""
    prices, leaf, ending, discount, length = (
        np.concatenate([getattr(rows, name) for rows in sides])
        for name in ("log_price", "leaf", "ending", "discount", "title_length")
    )
    known = _known(prices) if not np.isnan(prices).all() else np.zeros(1)
    z = np.clip(np.nan_to_num((prices - known.mean()) / (known.std() or 1.0), nan=0.0), -4, 4)[:, None]
    leaves = _one_hot(leaf, int(leaf.max()) + 1)
    words = sparse.vstack([rows.words for rows in sides]).tocsc()
    frequent = np.flatnonzero(np.asarray(words.sum(axis=0)).ravel() >= MIN_WORD_ROWS)
    return sparse.hstack(
        [
            *(words[:, frequent], leaves, leaves.multiply(z), z, z**2),
            *(
                _one_hot(ending, int(ending.max()) + 2),
                _one_hot(np.maximum(discount, 0), 21),
                _one_hot(length // 5, 13),
            ),
        ]
    ).tocsr()


def _one_hot(numbers: Index, size: int) -> sparse.csr_matrix:
    """Return rows x `size`: 1 at the number of each row; none if it is below 0 or not below `size`."""
    rows = np.flatnonzero((numbers >= 0) & (numbers < size))
    return sparse.csr_matrix((np.ones(len(rows)), (rows, numbers[rows])), shape=(len(numbers), size))


def _price_classes(rows: EncodedRows) -> Index:
    """Return price classes a quarter wide in log price; -1 if the price is missing."""
    return np.nan_to_num(np.floor(rows.log_price / 0.25), nan=-1.0).astype(np.int64)


def _count_words(rows: EncodedRows) -> Floats:
    return np.asarray(rows.words.sum(axis=0)).ravel()


def _known(values: Floats) -> Floats:
    return values[~np.isnan(values)]


def _present(numbers: Index) -> Index:
    return numbers[numbers >= 0]


def _num_groups(first: Index, second: Index) -> int:
    return int(max(first.max(initial=-1), second.max(initial=-1))) + 1


def _centre(values: Floats, groups: Index) -> Floats:
    """Subtract the mean of its group from each value."""
    counts = np.maximum(np.bincount(groups), 1)
    centred: Floats = values - (np.bincount(groups, values) / counts)[groups]
    return centred


def _prices_by_category(rows: AuditTable) -> dict[str, Floats]:
    groups: dict[str, list[float]] = {}
    for category, price in zip(rows.categories, rows.log_price.tolist(), strict=True):
        if price == price:
            groups.setdefault(category, []).append(price)
    return {category: np.array(prices) for category, prices in groups.items()}


def _pair_by_leaf(reference: EncodedRows, sample: EncodedRows) -> list[tuple[Floats, Floats]]:
    """Return the log prices of both sides for every category path in which both have some."""
    sides: list[dict[int, Floats]] = []
    for rows in (reference, sample):
        priced = np.flatnonzero(~np.isnan(rows.log_price))
        order = priced[np.argsort(rows.leaf[priced], kind="stable")]
        leaves, starts = np.unique(rows.leaf[order], return_index=True)
        groups = np.split(rows.log_price[order], starts[1:]) if len(leaves) else []
        sides.append(dict(zip(leaves.tolist(), groups, strict=True)))
    return [(prices, sides[1][leaf]) for leaf, prices in sides[0].items() if leaf in sides[1]]


def _correlation_ratio(values: Floats, groups: Index, kept: Mask) -> float | None:
    """Return the share of the variance between groups, corrected for their number (epsilon squared)."""
    values, groups = values[kept], groups[kept]
    num_groups = len(np.unique(groups))
    if len(values) < 3 or not np.ptp(values) or num_groups in (1, len(values)):
        return None
    within = float((_centre(values, groups) ** 2).sum()) / (len(values) - num_groups)
    return max(0.0, 1 - within / float(values.var(ddof=1)))


def _to_frames(
    tables: tuple[AuditTable, AuditTable], extra: tuple[ExtraColumns, ExtraColumns]
) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Return the columns of the quality report: prices and numeric further columns as floats, others as text."""
    import pandas as pd

    shared = _shared_columns(extra)
    frames = []
    for table, own in zip(tables, extra, strict=True):
        columns: dict[str, Any] = {name: [getattr(row, name) for row in table.products] for name in QUALITY_COLUMNS}
        columns |= {name: list(own[name]) for name in shared}
        frames.append(pd.DataFrame(columns))
    for name in frames[0].columns:
        if name in _PRICES or shared.get(name):
            for frame in frames:
                frame[name] = pd.to_numeric(frame[name]).astype(float)
            continue
        parent = name in ("category1_code", "category2_code")
        for frame in frames:
            frame[name] = ["ALL" if parent and not value else str(value) for value in frame[name].tolist()]
    return frames[0], frames[1]


def _rank_numbers(rows: "pd.DataFrame", reference: "pd.DataFrame") -> "pd.DataFrame":
    """Replace each number by the share of the reference's numbers up to it; missing ones stay missing."""
    ranked = rows.reset_index(drop=True)
    for name, kind in reference.dtypes.items():
        if kind.kind == "f":
            known = np.sort(_known(reference[name].to_numpy()))
            values = ranked[name].to_numpy()
            shares = np.searchsorted(known, values, side="right") / max(len(known), 1)
            ranked[name] = np.where(np.isnan(values), np.nan, shares)
    return ranked


def _shared_columns(extra: Sequence[ExtraColumns]) -> dict[str, bool]:
    """Return the further columns that all catalogs have -> whether they are numbers.

    Texts and whole numbers of which more than half are different, such as codes and descriptions, are left out: they
    differ intentionally. Numbers have more than `_FEW_NUMBERS` different values.
    """
    found = {}
    for name in sorted(set.intersection(*(set(own) for own in extra))):
        values = [[value for value in own[name] if value is not None and value == value] for own in extra]
        num_values = len(set(map(str, values[0])))
        numeric = all(_are_numbers(known) for known in values) and num_values > _FEW_NUMBERS
        exact = not numeric or all(float(value).is_integer() for value in values[0])
        if values[0] and not (exact and num_values > len(values[0]) / 2):
            found[name] = numeric
    return found


def _are_numbers(values: Sequence[Any]) -> bool:
    try:
        return all(math.isfinite(float(value)) for value in values)
    except (TypeError, ValueError):
        return False


def _classify_values(values: Sequence[Any], real: Sequence[Any], numeric: bool) -> list[Hashable]:
    """Return values as text, or numbers as tenths of the real values; empty if missing."""
    if not numeric:
        return ["" if value is None else str(value) for value in values]
    edges = np.unique(np.quantile([float(value) for value in real if value is not None], np.arange(1, 10) / 10))
    return ["" if value is None else int(np.searchsorted(edges, float(value), side="right")) for value in values]


def _score(real: "pd.DataFrame", other: "pd.DataFrame") -> dict[str, float]:
    """Return the scores of SDMetrics' quality report: overall under "", of pairs, and of each column."""
    import warnings

    from sdmetrics.reports import QualityReport
    from sdmetrics.warnings import ConstantInputWarning

    numeric = {name: kind.kind == "f" for name, kind in real.dtypes.items()}
    kinds = {name: {"sdtype": "numerical" if numeric[name] else "categorical"} for name in real.columns}
    report = QualityReport()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantInputWarning)  # a column with one value has no trend with others
        report.generate(
            {"rows": real},
            {"rows": other},
            {"tables": {"rows": {"columns": kinds}}, "relationships": []},
            verbose=False,
        )
    shapes = report.get_details("Column Shapes", "rows")
    parts = report.get_properties().set_index("Property")["Score"]
    found = {"": float(report.get_score()), "pairs": float(parts["Column Pair Trends"])}
    return found | dict(zip(shapes["Column"].tolist(), shapes["Score"].astype(float).tolist(), strict=True))
