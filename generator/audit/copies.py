"""Find real products that come back under another code and with changed texts, and test whether that is chance.

Titles are folded: case, accents, punctuation, hyphens, repeated blanks and the order of words do not matter. A word of
the synthetic catalog that no real title has is replaced by the real word that one letter, or one blank, turns it into,
and left out if there is none. A title that was cut inside a word is completed. Two designs match if they
have the same words, differ by one word, or begin or end with the same two words, and if their full prices are close or
the same.

Chance also repeats products, so copies need a control. A comparison of train with the holdout (`membership`) does not
find a catalog that copies both. The tests here count the distinctive real products, those that match no other real
product, that match a synthetic one. Families with the same title words, prices and categories are one product, such as
colours that the shop lists apart; one that as many families have as an exact fit asks for is not distinctive. For each
product a control gives the probability that an honest catalog matches it:

- Fit twin: an exact spec is fitted to the train rows, as `toile fit` does, and tens of thousands of its designs are
  searched for the product. This is the control of a catalog that looks like such a twin: as many of its designs, apart
  from those that match real ones, are designs of the fit twin too.
- Repeats: for any other catalog, the probability that its titles and prices have of recurring within the catalog
  itself. How often a title recurs is predicted from its words and from the fit twin; given the title, how often the
  price recurs is predicted from the prices of designs of the category whose titles predict a similar one. In catalogs
  without prices, the rarest word of a title has the place of the price. The fit twin is a lower bound.

A match weighs more where chance gives hardly any: the weight is the log likelihood ratio of a leak of 2 %.
"""

import bisect
import functools
import itertools
import math
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize, sparse, special, stats
from scipy.sparse import csgraph, linalg
from sklearn.linear_model import LogisticRegression

from generator.audit.rows import AuditTable, Floats, Index, Mask, drop_duplicates
from schemas.audit import COPIED_ROWS

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
_LEAK = 0.02
_STEPS = 4
"""Weights are rounded to 1 / 4."""
_RAREST = 0.001
"""Smallest probability that a fit twin matches a product by chance: it does not exclude less."""
_RAREST_REPEAT = 0.01
"""The same of catalogs that are no twin, whose probabilities are predicted."""
_SLACK = 1.15
"""A catalog may have this many times as many matches as the control: the chance of a catalog that is no twin is a
prediction, and one design may match several products unless the whole row must be the same."""
_PARTS_SLACK = 1.25
"""The same for parts of titles: which of them go together is less free than which prices."""
_WORD_SLACK = 1.5
"""The same for catalogs without prices, where words have the place of prices."""
_KNOWN = 10
"""Of so many families of the fit twin one is kept apart, to see how many of its designs are known."""
_MARGIN = 0.01
"""A twin may have this share of unknown designs more than a fit twin, and what chance adds."""
_SIGMAS = 4.5
_HALVES = 6
_LIKE_PRICES = (0.02, 0.98)
"""Smallest and largest probability that a price recurs."""
_PRIOR_SD = (2.0, 0.7)
"""Of the prior of the calibration of prices: intercept around 0, slope around 1."""
_POWER = 0.8
_LEAKS = (*(0.0025 * step for step in range(1, 41)), *(0.01 * step for step in range(11, 101)))
_MANY = 400
"""Expected matches from which their number is nearly normal."""
_SHORTEST_REPAIR = 4
"""Shorter words are not repaired: one letter makes too many words of them."""
_SHORTEST_BEGINNING = 6
"""Letters of a title that may have been cut."""
_LAST = "\U0010ffff"
_WORD = re.compile(r"[^\W_]+")
_APOSTROPHE = re.compile("['’‘`´]")
_LOOKALIKES = str.maketrans("авекмнорстухіѕјԁԛԝαβεηικμνορτυχ", "abekmhopctyxisjdqwabehikmvoptux")
"""Cyrillic and Greek letters -> the Latin letters that they are taken for."""


@functools.lru_cache(maxsize=65536)
def fold_words(text: str) -> tuple[str, ...]:
    """Return the words of a text without case, accents, punctuation and invisible characters, split at hyphens."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    letters = "".join(c for c in plain if not unicodedata.combining(c) and unicodedata.category(c) != "Cf")
    return tuple(map(_replace_lookalikes, _WORD.findall(_APOSTROPHE.sub("", letters))))


def _replace_lookalikes(word: str) -> str:
    """Replace Cyrillic and Greek letters that look like Latin ones, in a word that has Latin letters or only such."""
    found = word.translate(_LOOKALIKES)
    return found if found.isascii() else word


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
    priced: bool = True
    """Whether the price counts at all."""
    parts: bool = False
    """Whether the first two words of a title, or the last two, are compared in the place of all."""


ROWS = Rule(name=COPIED_ROWS, equal=True, exact=True)
NEAR_ROWS = Rule(name="copied_near_rows", equal=True)
ALTERED_ROWS = Rule(name="copied_altered_rows", equal=False)
TITLES = Rule(name="copied_titles", equal=True, priced=False)
EDITED_ROWS = Rule(name="copied_edited_rows", equal=False, exact=True)
TITLE_PARTS = Rule(name="copied_title_parts", equal=True, exact=True, parts=True)
RULES = (ROWS, NEAR_ROWS, ALTERED_ROWS, TITLES, EDITED_ROWS, TITLE_PARTS)
UNPRICED_RULES = (ROWS, NEAR_ROWS, ALTERED_ROWS)
"""Those that apply to catalogs without prices: there, a title is the whole row."""


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
    title has cannot tell whether the others are copied. A title that was cut inside a word becomes a real one that
    begins so, whatever its price.
    """
    titles = [fold_words(row.title or "") for row in table.products]
    if real is None:
        return [frozenset(words) for words in titles]
    theirs = [fold_words(row.title or "") for row in real.products]
    known = {word for words in theirs for word in words}
    repair, complete = make_repair(known), make_completion(theirs)
    return [complete(words) or frozenset(known.intersection(repair(words))) for words in titles]


def make_completion(titles: Iterable[tuple[str, ...]]) -> Callable[[Sequence[str]], frozenset[str] | None]:
    """Return a function that finds the title that was cut inside a word; None if the last word is a whole one.

    Shops have titles with a word less at the same price, such as that of a colour. Of several titles with the same
    beginning it finds always the same one.
    """
    whole = {"".join(words): words for words in titles}
    known = {word for words in whole.values() for word in words}
    ordered = sorted(whole)

    @functools.cache
    def complete(text: str) -> frozenset[str] | None:
        if len(text) < _SHORTEST_BEGINNING:
            return None
        first, end = bisect.bisect_left(ordered, text), bisect.bisect_left(ordered, text + _LAST)
        return frozenset(whole[ordered[first + zlib.crc32(text.encode()) % (end - first)]]) if first < end else None

    return lambda words: complete("".join(words)) if words and words[-1] not in known else None


def cut_titles(table: AuditTable) -> tuple[AuditTable, list[frozenset[str]]]:
    """Return a table that has each row twice, and for its titles the first two words, then the last two, as one."""
    places, parts = [], []
    for place, row in enumerate(table.products):
        words = fold_words(row.title or "")
        if len(words) > 1:
            places += [place, place]
            parts += [frozenset({f"{words[0]} {words[1]} ..."}), frozenset({f"... {words[-2]} {words[-1]}"})]
    return table.take(np.array(places, np.int64)), parts


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
    own_title, their_title = match_titles(real.words, other.words, equal=rule.equal)
    counts = _count_near(real, other, own_title, their_title, rule)
    if other is real:
        counts -= _count_near(real, other, own_title, their_title, rule, own_family=True)
    return counts


def _count_near(
    real: Designs, other: Designs, own_title: Index, their_title: Index, rule: Rule, *, own_family: bool = False
) -> Index:
    """Count the designs with a matching title and price; with `own_family`, only those of the own family.

    If the rule is exact, categories and discount must be the same too.
    """
    own, title = _join(own_title, their_title, real.title)
    keys, wanted = [other.title], [title]
    if rule.exact:
        own_details, their_details = _number_details(real, other)
        keys, wanted = [*keys, their_details], [*wanted, own_details[own]]
    if own_family:
        keys, wanted = [*keys, other.family], [*wanted, real.family[own]]
    group, found = _number_groups(keys, wanted)
    known = found >= 0
    own, found = own[known], found[known]
    prices, own_prices = other.log_price, real.log_price[own]
    if not rule.priced:
        prices, own_prices = np.zeros(len(other)), np.zeros(len(own))
    width = 0.0 if rule.exact else math.log1p(NEAR_PRICE)
    return np.bincount(own, _count_in_window(group, prices, found, own_prices, width), len(real)).astype(np.int64)


def _number_details(real: Designs, other: Designs) -> tuple[Index, Index]:
    """Number the categories and discounts of two catalogs."""
    numbers = {detail: number for number, detail in enumerate(dict.fromkeys([*real.details, *other.details]))}
    first, second = (np.array([numbers[each] for each in designs.details], np.int64) for designs in (real, other))
    return first, second


def _number_groups(keys: Sequence[Index], wanted: Sequence[Index]) -> tuple[Index, Index]:
    """Number the combinations of keys; return those of the entries, and of the wanted ones, -1 if no entry has it."""
    group, asked = np.zeros(len(keys[0]), np.int64), np.zeros(len(wanted[0]), np.int64)
    known = np.full(len(asked), len(group) > 0)
    for key, want in zip(keys, wanted, strict=True) if len(group) else ():
        size = 1 + max(int(key.max(initial=0)), int(want.max(initial=0)))
        values, group = np.unique(group * size + key, return_inverse=True)
        place = np.minimum(np.searchsorted(values, asked * size + want), len(values) - 1)
        known &= values[place] == asked * size + want
        asked = place
    return group, np.where(known, asked, -1)


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
class FitTwin:
    """Designs of a twin of an exact fit to the train rows."""

    designs: Designs
    apart: Designs
    """Those of other families, to see how many designs of such a twin are not in `designs`."""
    priced: bool
    parts: Designs
    """The designs with parts of their titles; see `cut_titles`."""


def encode_fit_twin(table: AuditTable, twin: AuditTable) -> FitTwin:
    """Encode a twin of a fit to rows of a table."""
    titles, priced = fold_titles(table), has_prices(table)
    ranks = None if priced else rank_words(titles)
    designs = encode_designs(twin, fold_titles(twin, table), ranks)
    apart = designs.family % _KNOWN == 0  # whole families: rows of a family, such as colours, have its price
    return FitTwin(
        designs=designs.select(~apart),
        apart=designs.select(apart),
        priced=priced,
        parts=encode_designs(*cut_titles(twin)),
    )


def find_products(table: AuditTable) -> Index:
    """Return the number of the product of each family; see `merge_families`."""
    titles = fold_titles(table)
    found: Index = merge_families(encode_designs(table, titles, None if has_prices(table) else rank_words(titles)))[1]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """The matches of a synthetic catalog with the real one, and of the real one with itself."""

    titles: Sequence[frozenset[str]]
    """Words of the title of each real row."""
    their_titles: Sequence[frozenset[str]]
    """Of each synthetic row, repaired."""
    real: Designs
    released: Designs
    """Designs of the synthetic catalog, each once."""
    repeats: Designs
    """Those of all of its families: a design that families have in common recurs."""
    priced: bool
    """Whether both catalogs have prices."""
    products: Designs
    """The real designs, of products in place of families."""
    product: Index
    """Product of each real family."""
    num_holders: Index
    """Families of each product."""
    parts: "Matches | None" = None
    """The same of parts of titles, see `cut_titles`; None without prices."""

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
    once = drop_duplicates(synthetic)
    titles, their_titles = fold_titles(real), fold_titles(once, real)
    priced = has_prices(real) and has_prices(synthetic)
    ranks = None if priced else rank_words(titles)
    designs = encode_designs(real, titles, ranks)
    products, product = merge_families(designs)
    whole = Matches(
        titles=titles,
        their_titles=their_titles,
        real=designs,
        released=encode_designs(once, their_titles, ranks),
        repeats=encode_designs(synthetic, fold_titles(synthetic, real), ranks),
        priced=priced,
        products=products,
        product=product,
        num_holders=np.bincount(product, minlength=products.num_families),
    )
    return replace(whole, parts=_match_parts(whole, real, once, synthetic)) if priced else whole


def _match_parts(whole: Matches, real: AuditTable, once: AuditTable, synthetic: AuditTable) -> Matches:
    """Match parts of titles; the products are those of whole titles."""
    designs = encode_designs(*cut_titles(real))
    released, repeats = (encode_designs(*cut_titles(table)) for table in (once, synthetic))
    return replace(
        whole,
        real=designs,
        released=released,
        repeats=repeats,
        products=replace(designs, family=whole.product[designs.family], num_families=whole.products.num_families),
        product=merge_families(designs)[1],
    )


def has_prices(table: AuditTable) -> bool:
    """Return whether any row has a price."""
    return bool((~np.isnan(table.log_price)).any())


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyTest:
    """Result of one test for copies of distinctive real products, of train or not; arrays of one entry a product."""

    name: str
    hit: Mask
    """Whether a synthetic product matches."""
    chance: Floats
    """Probability that an honest catalog matches."""
    slack: float = 1.0
    """An honest catalog may have this many times as many matches."""
    is_twin: bool = False
    """Whether the fit twin is the control."""

    @property
    def bound(self) -> Floats:
        """Probability of a match that the test allows for."""
        return np.minimum(self.slack * self.chance, 1.0)

    @property
    def weights(self) -> Index:
        """Log likelihood ratio of a match, in units of 1 / `_STEPS`."""
        found: Index = np.round(_STEPS * np.log1p(_LEAK * (1 - self.bound) / self.bound)).astype(np.int64)
        return found

    @property
    def p(self) -> float:
        """Probability of a sum of weights at least this large if nothing was copied."""
        return weighted_tail(self.bound, self.weights, int(self.weights @ self.hit))

    def smallest_leak(self, alpha: float) -> float | None:
        """Return the smallest share of copied products that is detected with power 0.8; None if not even all."""
        weights = self.weights
        needed, most = find_least(self.bound, weights, alpha), int(weights.sum())
        if needed > most:
            return None
        for leak in _LEAKS:
            if weighted_tail(self.chance + leak * (1 - self.chance), weights, needed) >= _POWER:
                return leak
        return None


def find_least(means: Floats, weights: Index, alpha: float) -> int:
    """Return the smallest value whose `weighted_tail` is at most `alpha`."""
    low, high = 0, 1
    while weighted_tail(means, weights, high) > alpha:
        low, high = high, 2 * high
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if weighted_tail(means, weights, middle) <= alpha else (middle, high)
    return high


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


def run_copy_tests(matches: Matches, fit_twin: FitTwin | None, min_support: int) -> list[CopyTest]:
    """Run the test of each rule; that of parts of titles is for catalogs that look like the fit twin alone.

    `fit_twin` is None if no spec could be fitted to the real rows. `min_support` are the families from which a fit may
    know a product.
    """
    if fit_twin is not None and fit_twin.priced != matches.priced:
        fit_twin = None
    is_twin = fit_twin is not None and looks_fitted(matches, fit_twin)
    found = []
    for rule in RULES if matches.priced else UNPRICED_RULES:
        if rule.parts and not is_twin:  # shops list variants of a product under similar titles: nothing tells how often
            continue
        each, twin = matches, fit_twin
        if rule.parts and matches.parts is not None:
            each, twin = matches.parts, None if fit_twin is None else replace(fit_twin, designs=fit_twin.parts)
        kept = each.find_distinctive_products(rule, min_support)
        chance = expect_twin_matches(each, twin, rule, kept)
        if not is_twin or not rule.equal:  # altered titles come in clusters, which the fit twin does not tell
            chance = np.maximum(chance, expect_repeats(each, twin, rule, kept))
        hit = each.products.by_family(count_matches(each.products, each.released, rule)) > 0
        slack = _PARTS_SLACK if rule.parts else _SLACK if is_twin or matches.priced else _WORD_SLACK
        found.append(
            CopyTest(
                name=rule.name,
                hit=hit[kept],
                chance=chance[kept],
                slack=1.0 if is_twin and rule is ROWS else slack,
                is_twin=is_twin,
            )
        )
    return found


def looks_fitted(matches: Matches, fit_twin: FitTwin) -> bool:
    """Return whether a catalog has no more designs that the fit twin has not than another part of that twin.

    Designs that match real ones do not count: they are what the tests are about.
    """
    if not len(fit_twin.apart):
        return False
    for rule in (ROWS, NEAR_ROWS):
        shares, sizes = [], []
        for designs in (matches.repeats, fit_twin.apart):
            own = count_matches(designs, matches.real, rule) == 0
            unknown = own & (count_matches(designs, fit_twin.designs, rule) == 0)
            shares.append(float(unknown.sum()) / max(int(own.sum()), 1))
            sizes.append(max(len(np.unique(designs.family[own])), 1))  # designs of a family are alike
        expected = max(shares[1], 1 / sizes[1])
        spread = math.sqrt(expected * (1 - expected) * (1 / sizes[0] + 1 / sizes[1]) + _MARGIN**2)
        if shares[0] > shares[1] + _SIGMAS * spread or sizes[0] == 1:
            return False
    return True


def expect_twin_matches(matches: Matches, fit_twin: FitTwin | None, rule: Rule, kept: Mask) -> Floats:
    """Return the probability that the fit twin has of matching each real product with as many designs.

    Products that it never matches have together the rate of those that it matches once (Good and Turing).
    """
    if fit_twin is None or not len(fit_twin.designs):
        return np.full(matches.products.num_families, _RAREST)
    counts = matches.products.by_family(count_matches(matches.products, fit_twin.designs, rule)).astype(np.float64)
    never, once = kept & (counts == 0), kept & (counts == 1)
    counts[never] = once.sum() / max(int(never.sum()), 1)
    found: Floats = np.maximum(-np.expm1(-counts * len(matches.released) / len(fit_twin.designs)), _RAREST)
    return found


def expect_repeats(matches: Matches, fit_twin: FitTwin | None, rule: Rule, kept: Mask) -> Floats:
    """Return the probability that a catalog repeats each real product as it repeats its own ones."""
    repeats = _limit_repeats(matches)
    their_title = match_titles(matches.products.words, matches.released.words, equal=rule.equal)[0]
    matched = np.isin(np.arange(len(matches.products.words)), their_title)
    recurs = predict_titles(matches.products, repeats, fit_twin, rule)
    products = matches.products
    title, first = np.unique(products.family * len(products.words) + products.title, return_index=True)
    missed = np.log1p(-np.minimum(recurs[title % len(products.words)], 1 - 1e-9))
    of_title = -np.expm1(np.bincount(products.family[first], missed, products.num_families))
    has_title = np.zeros(products.num_families, bool)
    np.logical_or.at(has_title, products.family, matched[products.title])
    if not rule.priced:
        return np.clip(of_title, _RAREST_REPEAT, 1.0)
    permuted = permute_prices(matches.products, matches.released, rule, kept)
    price = calibrate_prices(repeats, rule)(np.where(has_title, permuted.of_others, permuted.alike))
    return np.clip(of_title * price, _RAREST_REPEAT, 1.0)


def _limit_repeats(matches: Matches, seed: int = 0) -> Designs:
    """Leave out families that repeat a design of another one, at random, if the real catalog has fewer such.

    Copies that are released several times must not pass as products that recur by chance.
    """
    designs = matches.repeats
    product = merge_families(designs)[1]
    allowed = int(len(product) * (1 - len(np.unique(matches.product)) / max(len(matches.product), 1)))
    order = np.random.default_rng(seed).permutation(len(product))
    again = np.ones(len(product), bool)
    again[order[np.unique(product[order], return_index=True)[1]]] = False
    left_out = order[again[order]][allowed:]
    return designs.select(~np.isin(designs.family, left_out))


def predict_titles(real: Designs, repeats: Designs, fit_twin: FitTwin | None, rule: Rule) -> Floats:
    """Return the probability that each real title recurs in a catalog as its own titles do.

    It is predicted by logistic regression from how probable its words are among the titles of all families that do not
    have it, and from how often the fit twin has it. What is learned is whether a second family has a title that one
    family has. A title is as if it were one that differs by one word if the rule does not ask for equal ones.
    """
    holders: dict[int, set[int]] = {}
    for title, family in zip(repeats.title.tolist(), repeats.family.tolist(), strict=True):
        holders.setdefault(title, set()).add(family)

    def count_holders(titles: Sequence[frozenset[str]]) -> list[int]:
        like: dict[int, set[int]] = {}
        own, their = match_titles(titles, repeats.words, equal=rule.equal)
        for title, other in zip(own.tolist(), their.tolist(), strict=True):
            like.setdefault(title, set()).update(holders.get(other, ()))
        return [len(like.get(title, ())) for title in range(len(titles))]

    num_holders = count_holders(repeats.words)
    places = [title for title, families in sorted(holders.items()) for _ in families]
    recurs = np.array([num_holders[title] > 1 for title in places])
    if recurs.all() or not recurs.any():
        return np.full(len(real.words), (recurs.sum() + 0.5) / (len(recurs) + 1))
    score = _score_titles([repeats.words[title] for title in places])

    def describe(titles: Sequence[frozenset[str]], num: Sequence[int]) -> Floats:
        scores = np.array([score(words, each) for words, each in zip(titles, num, strict=True)], np.float64)
        if fit_twin is None or not len(fit_twin.designs):
            return scores[:, None]
        title, other = match_titles(titles, fit_twin.designs.words, equal=rule.equal)
        sizes = np.bincount(fit_twin.designs.title, minlength=len(fit_twin.designs.words))[other]
        return np.stack([scores, np.log(np.bincount(title, sizes, len(titles)) + 0.5)], axis=1)

    theirs = describe(repeats.words, num_holders)[places]
    middle, spread = theirs.mean(axis=0), theirs.std(axis=0) + 1e-9
    model = LogisticRegression(C=10.0).fit((theirs - middle) / spread, recurs)
    found: Floats = model.predict_proba((describe(real.words, count_holders(real.words)) - middle) / spread)[:, 1]
    return found


def _score_titles(titles: Sequence[frozenset[str]]) -> Callable[[frozenset[str], int], float]:
    """Return a function of words and a number: their log probability among the titles but for as many that have them.

    Words go together (eau de parfum): each one is as probable as it is among the titles with the word before it, in the
    order from the rarest, that it goes with most often.
    """
    counts = Counter(word for words in titles for word in words)
    pairs = Counter(pair for words in titles for pair in itertools.combinations(sorted(words), 2))

    def score(words: frozenset[str], less: int) -> float:
        ordered = sorted(words, key=lambda word: (counts[word], word))
        found = 0.0
        for place, word in enumerate(ordered):
            most = (max(counts[word] - less, 0) + 0.5) / (len(titles) + 1)
            for other in ordered[:place]:
                both = pairs[(word, other) if word < other else (other, word)]
                most = max(most, (max(both - less, 0) + 0.5) / (max(counts[other] - less, 0) + 1))
            found += math.log(most)
        return found

    return score


def calibrate_prices(repeats: Designs, rule: Rule, *, seed: int = 0) -> Callable[[Floats], Floats]:
    """Return a function that corrects the probability that a price recurs with its title after permuting prices.

    Prices may follow titles in ways that the permutation does not keep, and then they do so within the catalog too.
    Among products of one half whose titles recur in the other half, a logistic regression predicts whether the price
    does too. Copies of real products do not change it: their titles recur no more than others. The corrected
    probability is never smaller.
    """
    rng = np.random.default_rng(seed)
    given, found = [np.zeros(0)], [np.zeros(0, bool)]
    for _ in range(_HALVES):
        half = rng.permutation(repeats.num_families) < repeats.num_families // 2
        first, second = repeats.select(half[repeats.family]), repeats.select(~half[repeats.family])
        own, their = match_titles(first.words, second.words, equal=rule.equal)
        recurring = np.isin(np.arange(len(first.words)), own[np.isin(their, second.title)])
        kept = first.by_family(count_matches(first, first, rule)) == 0
        kept &= first.by_family(recurring[first.title].astype(np.int64)) > 0
        given.append(permute_prices(first, second, rule, kept).of_others[kept])
        found.append(first.by_family(count_matches(first, second, rule))[kept] > 0)
    odds, again = special.logit(np.clip(np.concatenate(given), *_LIKE_PRICES)), np.concatenate(found)

    def loss(line: Floats) -> float:
        predicted = line[0] + line[1] * odds
        likelihood = float((np.logaddexp(0, predicted) - again * predicted).sum()) / _HALVES
        return likelihood + 0.5 * float(((line - [0.0, 1.0]) ** 2 / np.square(_PRIOR_SD)).sum())

    intercept, slope = optimize.minimize(loss, [0.0, 1.0]).x

    def correct(probability: Floats) -> Floats:
        plain = np.clip(probability, *_LIKE_PRICES)
        found: Floats = np.maximum(plain, special.expit(intercept + max(slope, 0.0) * special.logit(plain)))
        return found

    return correct


@dataclass(frozen=True, slots=True, kw_only=True)
class PermutedPrices:
    """Matches of each real family after the prices of the other catalog are permuted within strata."""

    of_others: Floats
    """Probability of a match if each design with its title gets the price of another one, never its own."""
    alike: Floats
    """Share of prices like its own among the designs of its category with a similar predicted price, with one more."""


def permute_prices(real: Designs, other: Designs, rule: Rule, kept: Mask) -> PermutedPrices:
    """Compute what is expected after permuting the prices of the other catalog, for the families that are kept."""
    width = 0.0 if rule.exact else math.log1p(NEAR_PRICE)
    category, their_category = _number_categories(real, other)
    stratum, own_stratum = _stratify(other, their_category, real, category)
    sizes = np.bincount(stratum)
    their_order = np.argsort(other.title, kind="stable")
    own_title, their_title = match_titles(real.words, other.words, equal=rule.equal)
    own_details, their_details = _number_details(real, other)
    survival = np.zeros(real.num_families)
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
        survival += np.bincount(real.family[mine], np.log1p(-np.minimum(others, 0.99)), real.num_families)
    near = 1 + _count_in_window(stratum, other.log_price, own_stratum, real.log_price, width)
    share = near / (1 + np.append(sizes, 0)[own_stratum])
    alike = np.bincount(real.family, np.log1p(-np.minimum(share, 0.99)), real.num_families)
    return PermutedPrices(of_others=-np.expm1(survival), alike=-np.expm1(alike))


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
