"""Find verbatim real strings: codes, titles and URLs that a synthetic catalog repeats, and strings of its spec."""

import functools
import random
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from scipy import stats

from generator.audit.copies import fold_words
from generator.audit.rows import AuditTable, RealCatalog, normalise_text, tokenize
from generator.fit import vocabulary as public
from schemas import markets
from schemas.audit import Hit
from schemas.catalog import MISSING_LABEL, NAVIGATION_LABELS, SLOT, CatalogSpec, list_kinds, title_word

_HOST = re.compile(r"^([a-z][a-z0-9+.-]*:)?//[^/?#]*", re.IGNORECASE)
_SHORTEST_PATH = 8
"""Shorter URL paths name no product (`/`, `/shop`)."""
_SHORTEST_CODE = 5
"""Shorter codes are in any text by chance. A code has a digit."""
_SHORTEST_TITLE = 3
"""Words of a title that identifies a product inside a longer text; the whole text of a cell may have one less."""
_ANY = -1
_DECOYS = 5
"""For each title of public words, at most."""
_SEARCHED = ("website_name", "brand", "title", "itemurl", "imageurl", "family", "source")
_DIGITS = re.compile(r"\d+")
_URLS = ("itemurl", "imageurl")
_CATEGORIES = ("category1_code", "category2_code", "category3_code")
ExtraColumns = Mapping[str, Sequence[Any]]
"""Columns of a catalog that are not in `schemas.product.COLUMNS`: name -> one value a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedStrings:
    """Codes, products and URLs that two catalogs share verbatim."""

    codes: Sequence[Hit]
    products: Sequence[Hit]
    """Codes that have the same title in both catalogs."""
    urls: Sequence[Hit]
    """Paths of item and image URLs; hosts are ignored, because a copy may be on another host."""
    codes_by_chance: float
    """Expected number of shared codes if the synthetic ones were random among all codes of their length."""


def find_shared(real: AuditTable, synthetic: AuditTable) -> SharedStrings:
    """Find the codes, products and URLs that two catalogs share; a code may be written backwards."""
    titles: dict[str, set[str]] = {}
    for row, title in zip(real.products, real.titles, strict=True):
        titles.setdefault(row.product_code, set()).add(title)
    codes = {row.product_code: title for row, title in zip(synthetic.products, synthetic.titles, strict=True)}
    known = titles.keys() | {code[::-1] for code in titles}
    both = sorted(codes.keys() & known)
    paths = _paths(synthetic) & _paths(real)
    return SharedStrings(
        codes=[Hit(check="shared_codes", text=code, detail=f"synthetic title {codes[code]!r}") for code in both],
        products=[
            Hit(check="verbatim_products", text=code, detail=codes[code])
            for code in both
            if codes[code] and codes[code] in titles.get(code, set()) | titles.get(code[::-1], set())
        ],
        urls=[Hit(check="verbatim_urls", text=path, detail="path of an item or image URL") for path in sorted(paths)],
        codes_by_chance=_expected_by_chance(known, codes),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedStrings:
    """Real codes and titles inside the texts of another catalog, one hit a string and column."""

    codes: Sequence[Hit]
    titles: Sequence[Hit]
    codes_by_chance: float
    """Expected number of found codes if all digits of the texts were random."""


def find_embedded(
    real: AuditTable,
    synthetic: AuditTable,
    extra: ExtraColumns | None = None,
    real_extra: ExtraColumns | None = None,
    *,
    public_p: float = 0.001,
) -> EmbeddedStrings:
    """Find real product codes, and titles that only one real family has, inside any text of another catalog.

    All texts are searched: brand, site, categories, family, `attributes` and the extra columns; for codes also titles
    and URLs, where titles come back by chance. Case, accents, blanks and punctuation do not matter. A code may be
    written backwards. What a row owns, its code and its title, is left to the checks of codes and titles.

    A title of public words alone (Black Wool Coat) may be in a text by chance, as may a decoy: that title with one word
    exchanged for another title's. Such titles are hits where chance gives them that lead over decoys with a probability
    of `public_p` at most.
    """
    own_codes = {_compact(row.product_code) for row in synthetic.products}
    codes = {_compact(row.product_code): row.product_code for row in real.products}
    codes = {code: text for code, text in codes.items() if len(code) >= _SHORTEST_CODE and any(map(str.isdigit, code))}
    codes = {code[::-1]: text for code, text in codes.items()} | codes
    titles = _distinctive_titles(real, real_extra or {})
    words_of_all = list_public_words()
    public = {words for words in titles if words_of_all.issuperset(words)}
    decoys = _make_decoys(public, real)
    titles |= dict.fromkeys(decoys, "")
    code_lengths, title_lengths = sorted({len(code) for code in codes}), sorted({len(words) for words in titles})
    found_codes: dict[tuple[str, str], Hit] = {}
    found_titles: dict[tuple[tuple[str, ...], str], Hit] = {}
    windows: set[str] = set()
    seen: set[tuple[str, str]] = set()
    for place, row in enumerate(synthetic.products):
        title = fold_words(row.title or "")
        for column, text in _texts(synthetic, place, extra or {}):
            if (column, text) in seen:
                continue
            if column not in _URLS:
                seen.add((column, text))
            compact = _compact(text)
            for part in _windows(compact, code_lengths):
                if part.isdigit():
                    windows.add(part)
                if part in codes and part not in own_codes:
                    detail = f"in the column {column} of product {row.product_code}"
                    found_codes[part, column] = Hit(check="embedded_codes", text=codes[part], detail=detail)
            words = () if column == "title" or column in _URLS else fold_words(text)
            for n in title_lengths:
                for start in range(len(words) - n + 1):
                    phrase = words[start : start + n]
                    whole = len(words) == n and column not in _CATEGORIES
                    if phrase in titles and (n >= _SHORTEST_TITLE or whole) and not _contains(title, phrase):
                        detail = f"in the column {column} of product {row.product_code}"
                        found_titles[phrase, column] = Hit(check="embedded_titles", text=titles[phrase], detail=detail)
    found = {phrase for phrase, _ in found_titles}
    num_public, num_decoys = len(found & public), len(found & decoys)
    by_chance = stats.binom.sf(num_public - 1, num_public + num_decoys, len(public) / max(len(public | decoys), 1))
    ignored = decoys | (public if by_chance > public_p else set())
    return EmbeddedStrings(
        codes=list(found_codes.values()),
        titles=[hit for (phrase, _), hit in found_titles.items() if phrase not in ignored],
        codes_by_chance=_expected_by_chance(codes, windows - own_codes),
    )


def _compact(text: str) -> str:
    return "".join(fold_words(text))


def _windows(text: str, lengths: Iterable[int]) -> set[str]:
    """Return the parts of these lengths; digits only as a whole run, because a longer number holds many by chance."""
    parts = {text[start : start + n] for n in lengths for start in range(len(text) - n + 1)}
    runs = set(_DIGITS.findall(text))
    return {part for part in parts if not part.isdigit() or part in runs}


def _contains(words: tuple[str, ...], phrase: tuple[str, ...]) -> bool:
    return any(words[start : start + len(phrase)] == phrase for start in range(len(words) - len(phrase) + 1))


def _texts(table: AuditTable, place: int, extra: ExtraColumns) -> Iterable[tuple[str, str]]:
    """Yield the columns and texts of a row, each value of `attributes` and of a list by itself."""
    row = table.products[place]
    for column in (*_SEARCHED, *_CATEGORIES):
        if text := getattr(row, column):
            yield column, text
    for text in sorted(_leaf_texts(row.attributes)):
        yield "attributes", text
    for column, values in extra.items():
        for text in sorted(_leaf_texts(values[place])):
            yield column, text


def _leaf_texts(value: Any) -> set[str]:
    """Return every text and number inside a value as text."""
    if isinstance(value, Mapping):
        return {text for key, each in value.items() for text in {str(key), *_leaf_texts(each)}}
    if isinstance(value, list | tuple):
        return {text for each in value for text in _leaf_texts(each)}
    return set() if value is None or isinstance(value, bool | bytes) else {str(value)}


def _distinctive_titles(real: AuditTable, extra: ExtraColumns) -> dict[tuple[str, ...], str]:
    """Map the words of each title that one real family has to the title.

    Left out are titles that are a term of toile's own vocabulary (Puffer Jacket), a brand or a category, and those that
    a further column of another family has.
    """
    holders: dict[tuple[str, ...], set[int]] = {}
    texts: dict[tuple[str, ...], str] = {}
    elsewhere: dict[tuple[str, ...], set[int]] = {}
    for place, (row, family) in enumerate(zip(real.products, real.family.tolist(), strict=True)):
        words = fold_words(row.title or "")
        holders.setdefault(words, set()).add(family)
        texts[words] = row.title or ""
        for name in ("brand", *_CATEGORIES):
            elsewhere.setdefault(fold_words(getattr(row, name) or ""), set()).add(_ANY)
        for value in (text for column in extra.values() for text in _leaf_texts(column[place])):
            elsewhere.setdefault(fold_words(value), set()).add(family)
    terms = {fold_words(text) for text in list_public_words()}
    return {
        words: texts[words]
        for words, families in holders.items()
        if len(families) == 1
        and len(words) >= _SHORTEST_TITLE - 1
        and words not in terms
        and not elsewhere.get(words, families) - families
    }


def _make_decoys(titles: Set[tuple[str, ...]], real: AuditTable, seed: int = 0) -> set[tuple[str, ...]]:
    """Make titles that are not real from each of the titles: one word is that of another title, as far from its end."""
    rng = random.Random(seed)
    known = {fold_words(row.title or "") for row in real.products} | {fold_words(text) for text in list_public_words()}
    by_place: dict[int, list[str]] = {}
    for words in sorted(titles):
        for place, word in enumerate(reversed(words)):
            by_place.setdefault(place, []).append(word)
    found = set()
    for words in sorted(titles):
        for _ in range(_DECOYS):
            place = rng.randrange(len(words))
            decoy = (*words[:place], rng.choice(by_place[len(words) - 1 - place]), *words[place + 1 :])
            found |= {decoy} - known
    return found


def max_shared_by_chance(expected: float, p: float) -> int:
    """Return the largest number of shared codes that chance gives with a probability above p (Poisson)."""
    return int(stats.poisson.isf(p, expected)) if expected > 0 else 0


def list_title_strings(spec: CatalogSpec) -> Mapping[str, str]:
    """Map every normalised string that the spec may put into a title to its place in the spec.

    Words are listed one by one and, if a value or a template has several consecutive ones, as a phrase.
    """
    found: dict[str, str] = {}

    def add(text: str, place: str) -> None:
        words = tokenize(normalise_text(text))
        for part in {*words, " ".join(words)} - {""}:
            found.setdefault(part, place)

    for kind in list_kinds(spec):
        for template in kind.titles:
            for literal in SLOT.split(template)[::2]:
                add(literal, "a title template")
    for name, attribute in spec.attributes.items():
        for key, value in attribute.values.items():
            add(title_word(key, value), f"the title word of {name} {key!r}")
    return found


def list_names(spec: CatalogSpec) -> Mapping[str, str]:
    """Map every normalised category name, label and shop name that the spec may emit to its place in the spec."""
    found = {normalise_text(name): "a category" for category in spec.categories for name in category.path}
    found |= {normalise_text(label): "a navigation label" for label in spec.navigation.labels}
    found |= {
        normalise_text(spec.shop.brand): "the brand",
        normalise_text(spec.shop.website_name): "the name of the site",
    }
    return {name: place for name, place in found.items() if name and name != normalise_text(MISSING_LABEL)}


def find_rare_strings(
    spec: CatalogSpec, members: AuditTable, holdout: AuditTable, min_support: int, public: Iterable[str] = ()
) -> tuple[list[Hit], int]:
    """Find strings of the spec that are in real rows, but in fewer than `min_support` families of train.

    Strings that are in no real row, and `public` words, reveal nothing. The names of the real brand and site may not
    appear at all, because they identify the shop. Returns the hits, and the number of strings that are in real rows.
    """
    known = set(public)
    hits, num_real = [], 0
    pieces = ((list_title_strings(spec), _count_titles), (list_names(spec), _count_names))
    for strings, count in pieces:
        counts, elsewhere = (count(rows, set(strings)) for rows in (members, holdout))
        for text, place in sorted(strings.items()):
            num_families = counts[text]
            num_real += num_families + elsewhere[text] > 0
            if num_families + elsewhere[text] and num_families < min_support and text not in known:
                hits.append(Hit(check="string_support", text=text, detail=f"{place}; in {num_families} real families"))
    shops = {normalise_text(name) for row in members.products for name in (row.brand, row.website_name) if name}
    own = {normalise_text(spec.shop.brand), normalise_text(spec.shop.website_name)}
    hits += [Hit(check="string_support", text=name, detail="the real shop's own name") for name in sorted(shops & own)]
    return hits, num_real


def find_rare_values(
    real: RealCatalog, real_extra: ExtraColumns, extra: ExtraColumns, min_support: int, public: Iterable[str] = ()
) -> list[Hit]:
    """Find values of further columns that real families have, but fewer than `min_support` of train.

    A value without a letter is a number or a date, which comes back by chance.
    """
    known = set(public)
    hits = []
    for column, values in sorted(real_extra.items()):
        holders: dict[str, set[int]] = {}
        for value, family in zip(values, real.table.family.tolist(), strict=True):
            for text in _leaf_texts(value):
                holders.setdefault(normalise_text(text), set()).add(family)
        synthetic = {normalise_text(text) for value in extra[column] for text in _leaf_texts(value)}
        for text in sorted((synthetic & holders.keys()) - known):
            num_families = sum(bool(real.member[family]) for family in holders[text])
            if num_families < min_support and any(map(str.isalpha, text)):
                detail = f"in the column {column} of {num_families} train families"
                hits.append(Hit(check="rare_values", text=text, detail=detail))
    return hits


@functools.cache
def list_public_words() -> frozenset[str]:
    """List the words of toile's own vocabulary, which reveal nothing about real rows."""
    lists = (
        *(public.SILHOUETTE_WORDS, public.PALETTE, list(public.list_words())),
        *(
            NAVIGATION_LABELS,
            markets.NOUNS,
            markets.COLOURS,
            markets.WORDS,
            *map(list, markets.WORDS),
            [public.FALLBACK_SILHOUETTE],
        ),
    )
    texts = {normalise_text(text) for each in lists for text in collect_strings(each)}
    return frozenset(texts | {word for text in texts for word in tokenize(text)})


def collect_strings(document: Any) -> set[str]:
    """Collect every string in a document, keys included."""
    if isinstance(document, Mapping):
        return collect_strings(list(document)) | {
            text for value in document.values() for text in collect_strings(value)
        }
    if isinstance(document, str):
        return {document}
    if isinstance(document, Sequence):
        return {text for value in document for text in collect_strings(value)}
    return set()


def _paths(table: AuditTable) -> set[str]:
    urls = (url for row in table.products for url in (row.itemurl, row.imageurl) if url)
    paths = {_HOST.sub("", url) for url in urls}
    return {path for path in paths if len(path) >= _SHORTEST_PATH}


def _expected_by_chance(real: Iterable[str], synthetic: Iterable[str]) -> float:
    lengths = [Counter(len(code) for code in codes if code.isdigit() and code.isascii()) for codes in (real, synthetic)]
    return sum(lengths[0][n] * lengths[1][n] / (9 * 10.0 ** (n - 1)) for n in lengths[0].keys() & lengths[1].keys())


def contains_words(words: Sequence[str], wanted: Sequence[str]) -> bool:
    """Return whether words contain the wanted ones in their order, perhaps with others between them.

    A title template leaves out rare words: "Baggy Jeans" is supported by "Baggy Patch Jeans".
    """
    left = iter(words)
    return all(word in left for word in wanted)


def _count_titles(rows: AuditTable, wanted: set[str]) -> Counter[str]:
    """Count the families with a title that contains the words of each wanted text."""
    titles: dict[tuple[str, ...], set[int]] = {}
    for title, family in zip(rows.titles, rows.family.tolist(), strict=True):
        titles.setdefault(tuple(tokenize(title)), set()).add(family)
    holders: dict[str, list[tuple[str, ...]]] = {}
    for words in titles:
        for word in set(words):
            holders.setdefault(word, []).append(words)
    found: Counter[str] = Counter()
    for text in wanted:
        parts = text.split()
        candidates = min((holders.get(part, []) for part in parts), key=len, default=[])
        found[text] = len(set().union(*(titles[words] for words in candidates if contains_words(words, parts))))
    return found


def _count_names(rows: AuditTable, wanted: set[str]) -> Counter[str]:
    """Count the families with a category of each wanted name."""
    held: dict[str, set[int]] = {}
    for row, family in zip(rows.products, rows.family.tolist(), strict=True):
        names = {normalise_text(n) for n in (row.category1_code, row.category2_code, row.category3_code) if n}
        for text in names & wanted:
            held.setdefault(text, set()).add(family)
    return Counter({text: len(families) for text, families in held.items()})
