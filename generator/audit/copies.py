"""Find real products that come back under another code and with changed texts, and test whether that is chance.

Titles are folded: case, accents, punctuation, hyphens, repeated blanks and the order of words do not matter. A word of
the synthetic catalog that no real title has is replaced by the real word that one letter, or one blank, turns it into,
and left out if there is none. Two designs match if they have the same words, or differ by one word, and if their full
prices are close.

Chance also repeats products, so copies need a control. A comparison of train with the holdout (`membership`) does not
find a catalog that copies both. The tests here count the distinctive real products, those that match no other real
product, that match a synthetic one. Families with the same title words, prices and categories are one product, such as
colours that the shop lists apart; one that as many families have as an exact fit asks for is not distinctive. Two
controls say how many products an honest catalog would match:

- Unseen twins: the real products are divided into folds, a spec is fitted to all others, and catalogs of it are
  searched for the products of the fold. A fit that never saw a product can match it by chance only.
- Permuted prices: a synthetic product with the title of a real one gets the price of another synthetic product of the
  category, whose title predicts a similar price. It has the real price by chance only. In catalogs without prices, the
  rarest word of a title has the place of the price.

The products are grouped by both, and the larger number counts in each group. A match where chance gives
hardly any weighs more: the weight is the log likelihood ratio of a leak of 2 %.
"""

import functools
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse, stats
from scipy.sparse import csgraph, linalg

from generator.audit.rows import AuditTable, Floats, Index, Mask

NEAR_PRICE = 0.02
"""Two prices are near within this share."""
_NO_PRICE = -40.0
"""Logarithm of a missing price: two missing prices are equal, and far from all others."""
_WIDTH = 256.0
"""Between the numbers of two groups whose log prices are searched as one list."""
_FAR = 100.0
"""Largest predicted difference of log prices."""
_ROUNDING = 1e-6
_WORD_STEP = 0.05
"""Between the numbers of words that have the place of log prices: more than near prices differ."""
_MOST_WORDS = 4000
_SHARED = 2
"""Words that two titles must share if one has one word more."""
_SHARED_IF_CHANGED = 3
"""Words that two titles must share if one word is another one."""
_STRATUM = 24
"""Prices are permuted among so many designs of a category whose titles predict a similar price."""
_FOLDS = 4
_RIDGE = 1.0
_SMALL_CATEGORY = 5
"""Prices of categories with fewer synthetic designs are permuted together."""
_MAX_PAIRS = 4_000_000
"""Largest number of pairs of designs in memory."""
_FEW_TWINS = (0.003, 0.03, 0.1, 0.4)
"""Largest expected numbers of matching unseen twins in the groups of families."""
_FEW_PRICES = (0.07, 0.16, 0.35)
"""Largest probabilities to match after permuting prices in the groups of families."""
_LEAK = 0.02
_STEPS = 4
"""Weights are rounded to 1 / 4."""
_SLACK = 1.15
"""An honest catalog may have this many times as many matches as the larger control."""
_WORD_SLACK = 1.5
"""The same for catalogs without prices: which words go together is less free than which prices."""
_PRIOR = 5.0
"""Matches that are added to both sides of the ratio of real products: it is near 1 where few match."""
_HALVES = 3
_MAX_LINK = 2.0
"""Largest ratio that prices which follow titles explain."""
_FEWEST = 0.1
"""Expected matches of a group at least: the controls do not exclude fewer."""
_POWER = 0.8
_LEAKS = (*(0.0025 * step for step in range(1, 41)), *(0.01 * step for step in range(11, 101)))
_MANY = 400
"""Expected matches from which their number is nearly normal."""
_SHORTEST_REPAIR = 4
"""Shorter words are not repaired: one letter makes too many words of them."""
_WORD = re.compile(r"[^\W_]+")
_APOSTROPHE = re.compile("['’‘`´]")


@functools.lru_cache(maxsize=65536)
def fold_words(text: str) -> tuple[str, ...]:
    """Return the words of a text without case, accents and punctuation; a hyphen separates words."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return tuple(_WORD.findall(_APOSTROPHE.sub("", "".join(c for c in plain if not unicodedata.combining(c)))))


def make_repair(vocabulary: Iterable[str]) -> Callable[[Sequence[str]], tuple[str, ...]]:
    """Return a function that replaces unknown words by known ones: one letter more, less or another, or one blank."""
    known = frozenset(vocabulary)
    near: dict[str, list[str]] = {}
    for word in sorted(known):
        for part in _without_a_letter(word) if len(word) >= _SHORTEST_REPAIR else ():
            near.setdefault(part, []).append(word)

    @functools.cache
    def repair_word(word: str) -> tuple[str, ...]:
        if len(word) < _SHORTEST_REPAIR:
            return (word,)
        found = {each for part in _without_a_letter(word) for each in near.get(part, ())}
        if found:
            return (min(found, key=lambda each: (len(each) == len(word), each)),)
        splits = ((word[:k], word[k:]) for k in range(2, len(word) - 1))
        return next((pair for pair in splits if known.issuperset(pair)), (word,))

    def repair(words: Sequence[str]) -> tuple[str, ...]:
        out: list[str] = []
        for place, word in enumerate(words):
            if place and out and (word not in known or out[-1] not in known) and out[-1] + word in known:
                out[-1] += word
            else:
                out.append(word)
        return tuple(part for word in out for part in ((word,) if word in known else repair_word(word)))

    return repair


def _without_a_letter(word: str) -> set[str]:
    return {word} | {word[:k] + word[k + 1 :] for k in range(len(word))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When two designs match."""

    name: str
    equal: bool
    """Whether the titles must have the same words; if not, one word may be added, removed or changed."""
    exact: bool = False
    """Whether categories, full price and discount must be the same; if not, the full price must be near."""


ROWS = Rule(name="copied_rows", equal=True, exact=True)
NEAR_ROWS = Rule(name="copied_near_rows", equal=True)
ALTERED_ROWS = Rule(name="copied_altered_rows", equal=False)
RULES = (ROWS, NEAR_ROWS, ALTERED_ROWS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Designs:
    """The different titles, prices and categories of each family, one entry each."""

    family: Index
    words: Sequence[frozenset[str]]
    """Of the different titles."""
    title: Index
    """Number of the title in `words`."""
    log_price: Floats
    details: Sequence[tuple[str, str, float]]
    """Categories and discount."""
    num_families: int

    def __len__(self) -> int:
        return len(self.title)

    def select(self, kept: Mask) -> "Designs":
        """Return the designs that the mask selects."""
        places = np.flatnonzero(kept)
        return replace(
            self,
            family=self.family[places],
            title=self.title[places],
            log_price=self.log_price[places],
            details=[self.details[place] for place in places.tolist()],
        )

    def by_family(self, counts: Index) -> Index:
        """Return the sum of counts of designs for each family."""
        return np.bincount(self.family, counts, self.num_families).astype(np.int64)


def fold_titles(table: AuditTable, real: AuditTable | None = None) -> list[frozenset[str]]:
    """Return the folded words of each title.

    With `real`, words are repaired to those of its titles, and what remains unknown is left out: a word that no real
    title has cannot tell whether the others are copied.
    """
    titles = [fold_words(row.title or "") for row in table.products]
    if real is None:
        return [frozenset(words) for words in titles]
    known = {word for row in real.products for word in fold_words(row.title or "")}
    repair = make_repair(known)
    return [frozenset(known.intersection(repair(words))) for words in titles]


def merge_families(designs: Designs) -> tuple[Designs, Index]:
    """Merge families that have a design in common: the same title words, price, categories and discount.

    Returns the designs with the numbers of products in place of families, each once, and the product of each family.
    """
    prices = np.round(designs.log_price / _ROUNDING).tolist()
    keys: dict[tuple[object, ...], int] = {}
    numbers = np.array(
        [keys.setdefault(key, len(keys)) for key in zip(designs.title.tolist(), prices, designs.details, strict=True)],
        np.int64,
    )
    links = sparse.coo_matrix(
        (np.ones(len(numbers)), (designs.family, designs.num_families + numbers)),
        shape=(designs.num_families + len(keys),) * 2,
    )
    product = csgraph.connected_components(links, directed=False)[1][: designs.num_families].astype(np.int64)
    num_products = int(product.max(initial=-1)) + 1
    first = np.unique(numbers, return_index=True)[1]
    kept = designs.select(np.isin(np.arange(len(designs)), first))
    return replace(kept, family=product[kept.family], num_families=num_products), product


def rank_words(titles: Iterable[frozenset[str]]) -> Mapping[str, int]:
    """Number the words of titles, the rarest first."""
    counts = Counter(word for words in titles for word in words)
    return {word: rank for rank, word in enumerate(sorted(counts, key=lambda word: (counts[word], word)))}


def encode_designs(
    table: AuditTable, titles: Sequence[frozenset[str]], ranks: Mapping[str, int] | None = None
) -> Designs:
    """Return the designs of a catalog; `titles` has the words of each row.

    With `ranks`, for catalogs without prices, the rarest word of a title is taken out and has the place of the price.
    """
    numbers: dict[frozenset[str], int] = {}
    prices = np.round(np.nan_to_num(table.log_price, nan=_NO_PRICE), 9).tolist()
    if ranks is not None:
        rarest = [min(words, key=lambda word: (ranks.get(word, len(ranks)), word), default="") for words in titles]
        prices = [_WORD_STEP * (ranks.get(word, len(ranks)) % _MOST_WORDS) for word in rarest]
    details = list(zip(table.parents, table.categories, table.discount.tolist(), strict=True))
    designs: dict[tuple[int, int, float, tuple[str, str, float]], None] = {}
    for place, (family, words) in enumerate(zip(table.family.tolist(), titles, strict=True)):
        if words:
            compared = words if ranks is None else words - {rarest[place]}
            title = numbers.setdefault(compared, len(numbers))
            designs[family, title, prices[place], details[place]] = None
    return Designs(
        family=np.array([family for family, _, _, _ in designs], np.int64),
        words=list(numbers),
        title=np.array([title for _, title, _, _ in designs], np.int64),
        log_price=np.array([price for _, _, price, _ in designs], np.float64),
        details=[detail for _, _, _, detail in designs],
        num_families=table.num_families,
    )


def match_titles(own: Sequence[frozenset[str]], their: Sequence[frozenset[str]], *, equal: bool) -> tuple[Index, Index]:
    """Return the pairs of places of titles that have the same words or, unless `equal`, differ by one word.

    With one word more, less or another they share all words but that; `_SHARED` or `_SHARED_IF_CHANGED`
    are the fewest.
    Titles without one of their words are looked up, so no title is compared with all others.
    """
    place = {words: number for number, words in enumerate(their)}
    shorter: dict[frozenset[str], list[int]] = {}
    if not equal:
        for number, words in enumerate(their):
            for word in words if len(words) > _SHARED else ():
                shorter.setdefault(words - {word}, []).append(number)
    pairs: list[tuple[int, int]] = []
    for number, words in enumerate(own):
        found = {place[words]} if words in place else set[int]()
        if not equal:
            found.update(shorter.get(words, ()))
            for part in (words - {word} for word in words if len(words) > _SHARED):
                if part in place:
                    found.add(place[part])
                if len(part) >= _SHARED_IF_CHANGED:
                    found.update(k for k in shorter.get(part, ()) if len(their[k]) == len(words))
        pairs.extend((number, other) for other in sorted(found))
    both = np.array(pairs, np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def count_matches(real: Designs, other: Designs, rule: Rule) -> Index:
    """Count the designs of another catalog, or of other families if it is the same, that match each real design."""
    if rule.exact:
        return _count_equal(real, other)
    own_title, their_title = match_titles(real.words, other.words, equal=rule.equal)
    counts = _count_near(real, other, own_title, their_title)
    if other is real:
        counts -= _count_near(real, other, own_title, their_title, own_family=True)
    return counts


def _count_equal(real: Designs, other: Designs) -> Index:
    def keys(designs: Designs) -> list[tuple[object, ...]]:
        prices = np.round(designs.log_price / _ROUNDING).tolist()
        titles = [designs.words[title] for title in designs.title.tolist()]
        return list(zip(titles, prices, designs.details, strict=True))

    holders: dict[tuple[object, ...], list[int]] = {}
    for key, family in zip(keys(other), other.family.tolist(), strict=True):
        holders.setdefault(key, []).append(family)
    found = (holders.get(key, []) for key in keys(real))
    if other is real:
        pairs = zip(found, real.family.tolist(), strict=True)
        return np.array([sum(each != family for each in families) for families, family in pairs], np.int64)
    return np.array([len(families) for families in found], np.int64)


def _count_near(
    real: Designs, other: Designs, own_title: Index, their_title: Index, *, own_family: bool = False
) -> Index:
    """Count the designs with a matching title and a near price; with `own_family`, only those of the own family."""
    own, group = _join(own_title, their_title, real.title)
    groups = other.title
    if own_family:
        numbers, groups = np.unique(other.family * len(other.words) + other.title, return_inverse=True)
        wanted = real.family[own] * len(other.words) + group
        place = np.minimum(np.searchsorted(numbers, wanted), len(numbers) - 1)
        known = numbers[place] == wanted
        own, group = own[known], place[known]
    sizes = _count_in_window(groups, other.log_price, group, real.log_price[own], math.log1p(NEAR_PRICE))
    return np.bincount(own, sizes, len(real)).astype(np.int64)


def _count_in_window(groups: Index, log_price: Floats, group: Index, middle: Floats, width: float) -> Index:
    """Count for each entry of `group` and `middle` the members of the group with a log price within `width`."""
    ordered = np.sort(groups * _WIDTH + log_price)
    wanted, width = group * _WIDTH + middle, width + _ROUNDING
    found: Index = np.searchsorted(ordered, wanted + width, "right") - np.searchsorted(ordered, wanted - width, "left")
    return found


def _join(keys: Index, values: Index, wanted: Index) -> tuple[Index, Index]:
    """Return the places in `wanted` and the values of their keys, one entry a pair; `keys` ascend."""
    first, end = np.searchsorted(keys, wanted, "left"), np.searchsorted(keys, wanted, "right")
    sizes = end - first
    places = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes - first, sizes)
    return np.repeat(np.arange(len(wanted)), sizes), values[places]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """How many designs of twins whose fit has not seen a real family match it; arrays of one row a rule."""

    expected: Floats
    """Matches per design of a first part of the twins, after permuting their prices; it groups the families."""
    rate: Floats
    """Matches per design of the rest of the twins."""
    priced: bool

    def select(self, families: Mask) -> "Unseen":
        """Return the entries of the families that the mask selects."""
        return replace(self, expected=self.expected[:, families], rate=self.rate[:, families])


def measure_unseen(table: AuditTable, twins: Iterable[tuple[Mask, AuditTable]]) -> Unseen:
    """Count the matches of each real product in twins, given as (families that the fit has not seen, rows).

    No fit has seen a part of the families of a product (`find_products`). Each family has the counts of its product.
    """
    titles, priced = fold_titles(table), has_prices(table)
    ranks = None if priced else rank_words(titles)
    real, product = merge_families(encode_designs(table, titles, ranks))
    expected = np.zeros((len(RULES), real.num_families))
    rate = np.zeros((len(RULES), real.num_families))
    for families, twin in twins:
        hidden = np.zeros(real.num_families, bool)
        hidden[product[families]] = True
        designs = encode_designs(twin, fold_titles(twin, table), ranks)
        part = np.arange(len(designs)) % 2 == 0
        first, second = designs.select(part), designs.select(~part)
        own = real.select(hidden[real.family])
        for number, rule in enumerate(RULES):
            matches = own.by_family(count_matches(own, second, rule))
            expected[number] += permute_prices(own, first, rule, hidden).expected / max(len(first), 1)
            rate[number] += matches / max(len(second), 1)
    return Unseen(expected=expected[:, product], rate=rate[:, product], priced=priced)


def find_products(table: AuditTable) -> Index:
    """Return the number of the product of each family; see `merge_families`."""
    titles = fold_titles(table)
    found: Index = merge_families(encode_designs(table, titles, None if has_prices(table) else rank_words(titles)))[1]
    return found


def measure_link(other: Designs, rule: Rule, *, seed: int = 0) -> float:
    """Return how many times as often as after permuting prices one half of a catalog matches its other half.

    Prices may follow titles in ways that the permutation does not keep, and then they do so within the synthetic
    catalog too. Copies of real products do not: they match each other no more than other products. The result is at
    least 1. Families that a permutation hardly matches do not count.
    """
    rng = np.random.default_rng(seed)
    hits = chance = _PRIOR
    for _ in range(_HALVES):
        half = rng.permutation(other.num_families) < other.num_families // 2
        first, second = other.select(~half[other.family]), other.select(half[other.family])
        kept = ~half & (first.by_family(count_matches(first, first, rule)) == 0)
        permuted = permute_prices(first, second, rule, kept)
        usual = kept & (permuted.of_any > _FEW_PRICES[0])
        hits += float((usual & (first.by_family(count_matches(first, second, rule)) > 0)).sum()) / _HALVES
        chance += float(permuted.of_others[usual].sum()) / _HALVES
    return min(max(hits / chance, 1.0), _MAX_LINK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """The matches of a synthetic catalog with the real one, and of the real one with itself."""

    titles: Sequence[frozenset[str]]
    """Words of the title of each real row."""
    their_titles: Sequence[frozenset[str]]
    """Of each synthetic row, repaired."""
    real: Designs
    released: Designs
    priced: bool
    """Whether both catalogs have prices."""
    products: Designs
    """The real designs, of products in place of families."""
    product: Index
    """Product of each real family."""
    num_holders: Index
    """Families of each product."""

    def find_hits(self, rule: Rule) -> Mask:
        """Return which real families match a synthetic one."""
        return self.real.by_family(count_matches(self.real, self.released, rule)) > 0

    def find_distinctive(self, rule: Rule) -> Mask:
        """Return which families match no other real family."""
        return _find_distinctive(self.real, rule)

    def find_distinctive_products(self, rule: Rule, min_support: int) -> Mask:
        """Return which products match no other real product; those of `min_support` families and more do not count.

        Without prices the title must be that of one family, in any category: a title that recurs is learned.
        """
        found = _find_distinctive(self.products, rule)
        if self.priced:
            return found & (self.num_holders < max(min_support, 2))
        return found & (self.num_holders < 2) & _find_distinctive(self.products, NEAR_ROWS)


def _find_distinctive(real: Designs, rule: Rule) -> Mask:
    titled = np.bincount(real.family, minlength=real.num_families) > 0
    found: Mask = titled & (real.by_family(count_matches(real, real, rule)) == 0)
    return found


def match_catalogs(real: AuditTable, synthetic: AuditTable) -> Matches:
    """Match the families of two catalogs, and the real families with each other."""
    titles, their_titles = fold_titles(real), fold_titles(synthetic, real)
    priced = has_prices(real) and has_prices(synthetic)
    ranks = None if priced else rank_words(titles)
    designs = encode_designs(real, titles, ranks)
    products, product = merge_families(designs)
    return Matches(
        titles=titles,
        their_titles=their_titles,
        real=designs,
        released=encode_designs(synthetic, their_titles, ranks),
        priced=priced,
        products=products,
        product=product,
        num_holders=np.bincount(product, minlength=products.num_families),
    )


def has_prices(table: AuditTable) -> bool:
    """Return whether any row has a price."""
    return bool((~np.isnan(table.log_price)).any())


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyTest:
    """Result of one test for copies of distinctive real products, of train or not; arrays of one entry a group."""

    name: str
    products: int
    """Number of distinctive products."""
    hits: Index
    """How many of them match a synthetic one."""
    chance: Floats
    """How many an honest catalog matches, by the larger control."""
    room: Floats
    """How many products would be in the group if they were copied."""
    slack: float = _SLACK

    @property
    def bound(self) -> Floats:
        """Number of matches that the test allows for in each group."""
        return self.slack * self.chance + _FEWEST

    @property
    def weights(self) -> Index:
        """Log likelihood ratio of a match, in units of 1 / `_STEPS`."""
        found: Index = np.round(_STEPS * np.log1p(_LEAK * self.room / self.bound)).astype(np.int64)
        return found

    @property
    def p(self) -> float:
        """Probability of a sum of weights at least this large if nothing was copied."""
        return weighted_tail(self.bound, self.weights, int(self.weights @ self.hits))

    def smallest_leak(self, alpha: float) -> float | None:
        """Return the smallest share of copied products that is detected with power 0.8; None if not even all."""
        weights = self.weights
        needed, most = 0, int(weights @ np.ceil(self.room))
        low, high = 0, most + 1
        while low < high:  # the smallest sum of weights that fails
            middle = (low + high) // 2
            low, high = (low, middle) if weighted_tail(self.bound, weights, middle) <= alpha else (middle + 1, high)
        needed = low
        if needed > most:
            return None
        for leak in _LEAKS:
            hits = self.chance + leak * np.maximum(self.room - self.chance, 0)
            if weighted_tail(hits, weights, needed) >= _POWER:
                return leak
        return None


def weighted_tail(means: Floats, weights: Index, least: int) -> float:
    """Return the probability that a sum of Poisson numbers times integer weights is at least `least`.

    The distribution comes from Panjer's recursion; where it would be long, from a normal distribution.
    """
    means, weights = means[weights > 0], weights[weights > 0]
    if least <= 0:
        return 1.0
    if not len(means):
        return 0.0
    mean, variance = float(means @ weights), float(means @ weights**2)
    if float(means.sum()) > _MANY:
        return float(stats.norm.sf((least - 0.5 - mean) / math.sqrt(variance)))
    chance = np.zeros(least)
    chance[0] = math.exp(-float(means.sum()))
    sizes = np.unique(weights)
    steps = np.array([float(means[weights == size].sum()) * size for size in sizes.tolist()])
    for total in range(1, least):
        reached = sizes <= total
        chance[total] = float(steps[reached] @ chance[total - sizes[reached]]) / total
    return max(1.0 - float(chance.sum()), 0.0)


def run_copy_tests(matches: Matches, unseen: Unseen | None, min_support: int) -> list[CopyTest]:
    """Run the test of each rule.

    `unseen` is None if no spec could be fitted to the real rows. `min_support` are the families from which a fit may
    know a product.
    """
    if unseen is not None and unseen.priced != matches.priced:
        unseen = None
    num_families, first = len(matches.product), np.unique(matches.product, return_index=True)[1]
    nothing = np.zeros((len(RULES), num_families))
    expected, rate = (nothing, nothing) if unseen is None else (unseen.expected, unseen.rate)
    return [
        _run_copy_test(
            rule,
            matches,
            matches.find_distinctive_products(rule, min_support),
            expected[number, first],
            rate[number, first],
        )
        for number, rule in enumerate(RULES)
    ]


def _run_copy_test(rule: Rule, matches: Matches, kept: Mask, expected: Floats, rate: Floats) -> CopyTest:
    real, other = matches.products, matches.released
    hit = kept & (real.by_family(count_matches(real, other, rule)) > 0)
    twin_group = np.searchsorted(_FEW_TWINS, expected * len(other))
    twin_chance = -np.expm1(-rate * len(other))
    permuted_prices = permute_prices(real, other, rule, kept)
    by_price = permuted_prices.of_others
    price_group, copied_group = (
        np.searchsorted(_FEW_PRICES, chance) for chance in (permuted_prices.of_any, permuted_prices.if_copied)
    )
    num = len(_FEW_PRICES) + 1
    shape = (len(_FEW_TWINS) + 1) * num
    # Hits are left out of the probabilities where these are small: copies would hide behind themselves.
    odds = np.where(price_group < num - 1, np.where(hit, 0.0, by_price / np.maximum(1 - by_price, 0.5)), by_price)

    def add(price: Index, values: Floats) -> Floats:
        sums: Floats = np.bincount(twin_group[kept] * num + price[kept], values[kept], shape).astype(np.float64)
        return sums.reshape(-1, num)

    permuted, unseen = (
        measure_link(other, rule) * add(price_group, odds),
        add(price_group, twin_chance).sum(axis=1, keepdims=True),
    )
    weight = permuted + _FEWEST * (add(price_group, np.ones(len(kept))) > 0)
    chance = np.maximum(permuted, unseen * weight / np.maximum(weight.sum(axis=1, keepdims=True), _FEWEST))
    return CopyTest(
        name=rule.name,
        products=int(kept.sum()),
        hits=add(price_group, hit.astype(np.float64)).astype(np.int64).ravel(),
        chance=chance.ravel(),
        room=add(copied_group, np.ones(len(kept))).ravel(),
        slack=_SLACK if matches.priced else _WORD_SLACK,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PermutedPrices:
    """Matches of each real family after the prices of the other catalog are permuted within strata."""

    expected: Floats
    """Expected number of matching designs."""
    of_others: Floats
    """Probability of a match if each design gets the price of another one, never its own."""
    of_any: Floats
    """Probability if it gets that of any one, its own included: the same before and after a permutation."""
    if_copied: Floats
    """The same after a copy of the family is added to the designs of its category with a similar predicted price."""


def permute_prices(real: Designs, other: Designs, rule: Rule, kept: Mask) -> PermutedPrices:
    """Compute what is expected after permuting the prices of the other catalog, for the families that are kept."""
    width = 0.0 if rule.exact else math.log1p(NEAR_PRICE)
    category, their_category = _number_categories(real, other)
    stratum, own_stratum = _stratify(other, their_category, real, category)
    sizes = np.bincount(stratum)
    their_order = np.argsort(other.title, kind="stable")
    own_title, their_title = match_titles(real.words, other.words, equal=rule.equal)
    details = {detail: number for number, detail in enumerate(dict.fromkeys([*real.details, *other.details]))}
    own_details, their_details = (
        np.array([details[each] for each in designs.details], np.int64) for designs in (real, other)
    )
    expected, survival, any_survival = (np.zeros(real.num_families) for _ in range(3))
    places = np.flatnonzero(kept[real.family])
    own, title = _join(own_title, their_title, real.title[places])
    own = places[own]
    num_pairs = np.bincount(other.title, minlength=len(other.words))[title]
    for part in np.split(np.arange(len(own)), np.flatnonzero(np.diff(np.cumsum(num_pairs) // _MAX_PAIRS)) + 1):
        pair, their = _join(other.title[their_order], their_order, title[part])
        mine = own[part][pair]
        if rule.exact:
            same = own_details[mine] == their_details[their]
            mine, their = mine[same], their[same]
        near = _count_in_window(stratum, other.log_price, stratum[their], real.log_price[mine], width)
        members, own_price = sizes[stratum[their]], np.abs(other.log_price[their] - real.log_price[mine])
        others = (near - (own_price <= width + _ROUNDING)) / np.maximum(members - 1, 1)
        family = real.family[mine]
        expected += np.bincount(family, near / members, real.num_families)
        for total, chance in ((survival, others), (any_survival, near / members)):
            total += np.bincount(family, np.log1p(-np.minimum(chance, 0.99)), real.num_families)
    alike = 1 + _count_in_window(stratum, other.log_price, own_stratum, real.log_price, width)
    like = alike / (1 + np.append(sizes, 0)[own_stratum])
    copied = any_survival + np.bincount(real.family, np.log1p(-np.minimum(like, 0.99)), real.num_families)
    return PermutedPrices(
        expected=expected,
        of_others=-np.expm1(survival),
        of_any=-np.expm1(any_survival),
        if_copied=-np.expm1(copied),
    )


def _number_categories(real: Designs, other: Designs) -> tuple[Index, Index]:
    """Number the categories of two catalogs; those with few designs in the other one are 0."""
    sizes: dict[tuple[str, str], int] = {}
    for parents, leaf, _ in other.details:
        sizes[parents, leaf] = sizes.get((parents, leaf), 0) + 1
    large = [path for path, size in sizes.items() if size >= _SMALL_CATEGORY]
    numbers = {path: number for number, path in enumerate(large, start=1)}
    first, second = (
        np.array([numbers.get(detail[:2], 0) for detail in designs.details], np.int64) for designs in (real, other)
    )
    return first, second


def _stratify(designs: Designs, category: Index, real: Designs, real_category: Index) -> tuple[Index, Index]:
    """Number the strata: designs of a category whose titles predict a similar price.

    Returns the stratum of each design, and the one that a copy of each real design would be in; -1 if its category has
    no designs.
    """
    predicted, real_predicted = _predict_prices(designs, category, real)
    order = np.lexsort((predicted, category))
    _, first, sizes = np.unique(category[order], return_index=True, return_counts=True)
    rank = np.arange(len(order)) - np.repeat(first, sizes)
    size = np.repeat(sizes, sizes)
    start = (rank % _STRATUM == 0) & ((rank == 0) | (rank <= size - _STRATUM // 2))
    found = np.empty(len(order), np.int64)
    found[order] = np.cumsum(start) - 1
    keys, wanted = (
        numbers * _WIDTH + np.clip(prices, -_FAR, _FAR)
        for numbers, prices in ((category[order], predicted[order]), (real_category, real_predicted))
    )
    place = np.searchsorted(keys, wanted)
    nearest = np.full(len(real), -1, np.int64)
    for each in (np.minimum(place, len(order) - 1), np.maximum(place - 1, 0)):
        same = category[order][each] == real_category if len(order) else np.zeros(len(real), bool)
        nearest[same] = found[order][each[same]]
    return found, nearest


def _predict_prices(designs: Designs, category: Index, real: Designs) -> tuple[Floats, Floats]:
    """Predict log prices, relative to the category, from title words by ridge regression on the other families.

    Returns the predictions for the designs and for real ones.
    """
    titles, real_titles = ([each.words[title] for title in each.title.tolist()] for each in (designs, real))
    vocabulary = {word: k for k, word in enumerate(sorted(frozenset[str]().union(*titles)))}
    words, real_words = _bags(titles, vocabulary), _bags(real_titles, vocabulary)
    price = (
        designs.log_price - (np.bincount(category, designs.log_price) / np.maximum(np.bincount(category), 1))[category]
    )
    fold = designs.family % _FOLDS
    found, real_found = np.zeros(len(designs)), np.zeros(len(real))
    for number in range(_FOLDS):
        rest = fold != number
        if rest.any() and not rest.all():
            weights = linalg.lsqr(words[rest], price[rest], damp=_RIDGE, iter_lim=40)[0]
            found[~rest] = words[~rest] @ weights
            real_found += real_words @ weights / _FOLDS
    return found, real_found


def _bags(titles: Sequence[frozenset[str]], vocabulary: Mapping[str, int]) -> sparse.csr_matrix:
    """Return titles x words of the vocabulary; other words do not count."""
    columns = [[vocabulary[word] for word in sorted(words) if word in vocabulary] for words in titles]
    ends = np.cumsum([0, *map(len, columns)])
    flat = [column for row in columns for column in row]
    return sparse.csr_matrix((np.ones(len(flat)), flat, ends), shape=(len(titles), max(len(vocabulary), 1)))
