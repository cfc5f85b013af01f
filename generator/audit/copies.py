"""Find real products that come back under another code and with changed texts, and test whether that is chance.

Titles are folded: case, accents, punctuation, hyphens, repeated blanks and the order of words do not matter. A word of
the synthetic catalog that no real title has is replaced by the real word that one letter, or one blank, turns it into.
Two designs match if they have the same words, or differ by one word, and if their full prices are close.

Chance also repeats products, so copies need a control. A comparison of train with the holdout (`membership`) does not
find a catalog that copies both. The tests here count the distinctive families, those that match no other real family,
that match a synthetic one. The control permutes the prices of the synthetic catalog among designs of a category whose
titles predict a similar price. An invented product has the price of a real one with the same words as often as after a
permutation; a copy has it always. Prices follow titles in ways that a linear prediction does not see. The tests
therefore allow for the excess that one half of the real products has with the other half, and for 10 % at least.
"""

import functools
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse, stats
from scipy.sparse import linalg

from generator.audit.rows import AuditTable, Floats, Index, Mask

NEAR_PRICE = 0.02
"""Two prices are near within this share."""
_POWER_QUANTILE = 0.8416
"""Standard normal quantile of power 0.8."""
_MANY = 20
"""Expected matches from which their number is nearly normal."""
_FEWEST = 0.5
"""Expected matches at least: 40 permutations do not exclude fewer."""
_SMALLEST_SPREAD = 0.5
_SHARED = 2
"""Words that two titles must share if one has one word more."""
_SHARED_IF_CHANGED = 3
"""Words that two titles must share if one word is another one."""
_MIN_LINK = 1.1
"""Matches of an honest catalog may exceed those after shuffling its prices by this factor at least."""
_SHUFFLES = 40
_STRATUM = 8
"""Prices are permuted among so many designs of a category whose titles predict a similar price."""
_FOLDS = 4
_RIDGE = 1.0
_PRIOR = 5.0
"""Matches that are added to both sides of the ratio of real products: it is near 1 where few match."""
_HALVES = 6
_HALF_SHUFFLES = 8
_SMALL_CATEGORY = 5
"""Prices of categories with fewer synthetic designs are permuted together."""
_BLOCK = 1024
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
class Designs:
    """The different titles and full prices of each family, one entry each."""

    family: Index
    words: Sequence[frozenset[str]]
    log_price: Floats
    """nan if missing; such a design matches no other."""
    category: Index
    """Number of the category path."""
    num_families: int


def fold_titles(table: AuditTable, real: AuditTable | None = None) -> list[frozenset[str]]:
    """Return the folded words of each title; with `real`, words are repaired to those of its titles."""
    repair: Callable[[Sequence[str]], tuple[str, ...]] = tuple
    if real is not None:
        repair = make_repair(word for row in real.products for word in fold_words(row.title or ""))
    return [frozenset(repair(fold_words(row.title or ""))) for row in table.products]


def encode_designs(table: AuditTable, titles: Sequence[frozenset[str]]) -> Designs:
    """Return the designs of a catalog; `titles` has the words of each row."""
    paths: dict[tuple[str, str], int] = {}
    designs: dict[tuple[int, frozenset[str], float], int] = {}
    for place, (words, price) in enumerate(zip(titles, table.log_price.tolist(), strict=True)):
        if words and price == price:
            path = paths.setdefault((table.parents[place], table.categories[place]), len(paths))
            designs.setdefault((int(table.family[place]), words, price), path)
    return Designs(
        family=np.array([family for family, _, _ in designs], np.int64),
        words=[words for _, words, _ in designs],
        log_price=np.array([price for _, _, price in designs], np.float64),
        category=np.array(list(designs.values()), np.int64),
        num_families=table.num_families,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Pairs of designs whose titles match, at any price."""

    real: Designs
    other: Designs
    own: Index
    """Place of the design in `real`."""
    their: Index
    """Place of the design in `other`."""
    equal: Mask
    """Whether the words are the same; if not, one word differs."""

    def close(self, price_share: float, log_price: Floats | None = None) -> Mask:
        """Return which pairs have prices within a share; `log_price` replaces the prices of `other`."""
        theirs = self.other.log_price if log_price is None else log_price
        found: Mask = np.abs(self.real.log_price[self.own] - theirs[self.their]) <= math.log1p(price_share) + 1e-9
        return found

    def families(self, kept: Mask) -> Mask:
        """Return which real families have a pair that `kept` selects."""
        hit = np.zeros(self.real.num_families, bool)
        hit[self.real.family[self.own[kept]]] = True
        return hit


def find_pairs(real: Designs, other: Designs) -> Pairs:
    """Find the designs with the same words or with one word added, removed or changed.

    If `other` is `real`, pairs within a family are left out.
    """
    vocabulary = {word: k for k, word in enumerate(sorted(frozenset().union(*real.words, *other.words)))}
    own_bags, their_bags = _bags(real.words, vocabulary), _bags(other.words, vocabulary)
    own_length = np.array([len(words) for words in real.words], np.int64)[:, None]
    own, their, same = [], [], []
    for start in range(0, len(other.words), _BLOCK):
        part = slice(start, start + _BLOCK)
        length = np.array([len(words) for words in other.words[part]], np.int64)[None, :]
        shared = (own_bags @ their_bags[part].T).toarray()
        equal = (shared == own_length) & (shared == length)
        shorter = np.minimum(own_length, length)
        match = equal | ((shared == shorter) & (np.abs(own_length - length) == 1) & (shared >= _SHARED))
        match |= (own_length == length) & (shared == shorter - 1) & (shared >= _SHARED_IF_CHANGED)
        if other is real:
            match &= real.family[:, None] != real.family[None, part]
        rows, columns = np.nonzero(match)
        own.append(rows)
        their.append(columns + start)
        same.append(equal[rows, columns])
    nothing = np.zeros(0, np.int64)
    return Pairs(
        real=real,
        other=other,
        own=np.concatenate([nothing, *own]),
        their=np.concatenate([nothing, *their]),
        equal=np.concatenate([nothing.astype(bool), *same]),
    )


def _bags(titles: Sequence[frozenset[str]], vocabulary: Mapping[str, int]) -> sparse.csr_matrix:
    columns = [vocabulary[word] for words in titles for word in sorted(words)]
    ends = np.cumsum([0, *(len(words) for words in titles)])
    ones = np.ones(len(columns), np.int16)
    return sparse.csr_matrix((ones, columns, ends), shape=(len(titles), max(len(vocabulary), 1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """The matches of a synthetic catalog with the real one, and of the real one with itself."""

    titles: Sequence[frozenset[str]]
    """Words of the title of each real row."""
    their_titles: Sequence[frozenset[str]]
    """Of each synthetic row, repaired."""
    released: Pairs
    reference: Pairs

    def find_hits(self, *, equal: bool, price_share: float = NEAR_PRICE) -> Mask:
        """Return which real families match a synthetic one; with `equal`, by the same words."""
        return _find_matching(self.released, equal, price_share)

    def find_distinctive(self, *, equal: bool, price_share: float = NEAR_PRICE) -> Mask:
        """Return which families match no other real family."""
        return ~_find_matching(self.reference, equal, price_share)


def _find_matching(pairs: Pairs, equal: bool, price_share: float) -> Mask:
    return pairs.families(pairs.close(price_share) & (pairs.equal if equal else True))


def match_catalogs(real: AuditTable, synthetic: AuditTable) -> Matches:
    """Match the families of two catalogs, and the real families with each other."""
    titles, their_titles = fold_titles(real), fold_titles(synthetic, real)
    designs = encode_designs(real, titles)
    return Matches(
        titles=titles,
        their_titles=their_titles,
        released=find_pairs(designs, encode_designs(synthetic, their_titles)),
        reference=find_pairs(designs, designs),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyTest:
    """Result of one test for copies of distinctive real families, of train or not."""

    name: str
    families: int
    """Number of distinctive families."""
    hits: int
    """How many of them match a synthetic one."""
    shuffled: float
    """The mean number after the prices are permuted."""
    link: float
    """Factor by which matches may exceed `shuffled`: that of real products among themselves, 1.1 at least."""
    spread: float
    """Standard deviation of the number if nothing was copied."""

    @property
    def expected(self) -> float:
        return self.shuffled * self.link

    @property
    def p(self) -> float:
        """Probability of at least so many matches if nothing was copied."""
        return self._p_of(self.hits)

    def smallest_leak(self, alpha: float) -> float | None:
        """Return the smallest share of copied families that is detected with power 0.8; None if not even all."""
        room = self.families - self.shuffled
        for leak in np.linspace(0, 1, 401)[1:].tolist():
            hits = self.shuffled + leak * room
            spread = math.sqrt(self.spread**2 + leak * (1 - leak) * max(room, 0))
            if room > 0 and self._p_of(hits - _POWER_QUANTILE * spread) <= alpha:
                return float(leak)
        return None

    def _p_of(self, hits: float) -> float:
        """Return the normal tail; with few expected hits the Poisson tail where that is larger."""
        normal = float(stats.norm.sf((hits - 0.5 - self.expected) / self.spread))
        if self.expected > _MANY:
            return normal
        return max(normal, float(stats.poisson.sf(math.floor(hits) - 1, max(self.expected, _FEWEST))))


def run_copy_tests(matches: Matches, *, seed: int = 0) -> list[CopyTest]:
    """Run the tests: the same words and price; the same words and a near price; one word changed and a near price."""
    return [
        _run_copy_test("copied_rows", matches, equal=True, price_share=0.0, seed=seed),
        _run_copy_test("copied_near_rows", matches, equal=True, price_share=NEAR_PRICE, seed=seed),
        _run_copy_test("copied_altered_rows", matches, equal=False, price_share=NEAR_PRICE, seed=seed),
    ]


def _run_copy_test(name: str, matches: Matches, *, equal: bool, price_share: float, seed: int) -> CopyTest:
    kept = matches.find_distinctive(equal=equal, price_share=price_share)
    hits, mean, spread = _shuffle_prices(matches.released, equal, price_share, kept, seed)
    link = max(_MIN_LINK, _measure_link(matches.reference, equal, price_share, seed))
    return CopyTest(
        name=name,
        families=int(kept.sum()),
        hits=hits,
        shuffled=mean,
        link=link,
        spread=max(spread * math.sqrt(link), _SMALLEST_SPREAD),
    )


def _measure_link(reference: Pairs, equal: bool, price_share: float, seed: int) -> float:
    """Return how many times as often as after shuffling prices the real families of one half match those of the other.

    The families of one half that are distinctive in it are tested, as in the test itself; summed over several halves.
    """
    rng = np.random.default_rng(seed)
    designs = reference.real
    own_family, their_family = designs.family[reference.own], designs.family[reference.their]
    close = reference.close(price_share) & (reference.equal if equal else True)
    hits, shuffled = 0.0, 0.0
    for _ in range(_HALVES):
        released = rng.permutation(designs.num_families) < designs.num_families // 2
        inside = ~released[own_family]
        kept = ~released & ~reference.families(close & inside & ~released[their_family])
        across = np.flatnonzero(inside & released[their_family])
        pairs = replace(
            reference, own=reference.own[across], their=reference.their[across], equal=reference.equal[across]
        )
        found, mean, _ = _shuffle_prices(
            pairs, equal, price_share, kept, seed, _HALF_SHUFFLES, released[designs.family]
        )
        hits, shuffled = hits + found, shuffled + mean
    hits, shuffled = hits / _HALVES, shuffled / _HALVES
    return (hits + _PRIOR) / (shuffled + _PRIOR)


def _stratify(designs: Designs, places: Index) -> tuple[Index, Index]:
    """Return the places in an order in which neighbours have a category and a predicted price in common, and strata."""
    category = designs.category[places]
    category = np.where(np.bincount(category, minlength=1)[category] < _SMALL_CATEGORY, -1, category)
    order = np.lexsort((_predict_prices(designs, places, category), category))
    ordered = category[order]
    _, first = np.unique(ordered, return_index=True)
    rank = np.arange(len(order)) - np.repeat(first, np.diff([*first, len(order)]))
    stratum: Index = np.cumsum(rank % _STRATUM == 0) if len(order) else rank
    return places[order], stratum


def _predict_prices(designs: Designs, places: Index, category: Index) -> Floats:
    """Predict log prices, relative to the category, from title words by ridge regression on the other families."""
    titles = [designs.words[place] for place in places.tolist()]
    vocabulary = {word: k for k, word in enumerate(sorted(frozenset[str]().union(*titles)))}
    words = _bags(titles, vocabulary).astype(np.float64)
    price = designs.log_price[places]
    _, group = np.unique(category, return_inverse=True)
    price = price - (np.bincount(group, price) / np.bincount(group))[group] if len(group) else price
    fold = designs.family[places] % _FOLDS
    found = np.zeros(len(places))
    for number in range(_FOLDS):
        rest = fold != number
        if rest.any() and not rest.all():
            weights = linalg.lsqr(words[rest], price[rest], damp=_RIDGE, iter_lim=40)[0]
            found[~rest] = words[~rest] @ weights
    return found


def _shuffle_prices(
    pairs: Pairs,
    equal: bool,
    price_share: float,
    kept: Mask,
    seed: int,
    num: int = _SHUFFLES,
    moved: Mask | None = None,
) -> tuple[int, float, float]:
    """Return the number of kept families that match, its mean after shuffling prices, and its standard deviation.

    `moved` are the designs of the other catalog whose prices are permuted; all of them if None.
    """
    chosen = np.flatnonzero(kept[pairs.real.family[pairs.own]] & (pairs.equal if equal else True))
    narrow = replace(pairs, own=pairs.own[chosen], their=pairs.their[chosen], equal=pairs.equal[chosen])
    rng = np.random.default_rng(seed)
    price = pairs.other.log_price
    places = np.arange(len(price)) if moved is None else np.flatnonzero(moved)
    order, stratum = _stratify(pairs.other, places)

    def count(log_price: Floats) -> int:
        return int(narrow.families(narrow.close(price_share, log_price)).sum())

    counts = []
    for _ in range(num):
        shuffled = price.copy()
        shuffled[order] = price[order[np.lexsort((rng.random(len(order)), stratum))]]
        counts.append(count(shuffled))
    return count(price), float(np.mean(counts)), float(np.std(counts))
