"""The verbatim ledger: real codes, URLs and strings that turn up in a synthetic catalog, or that its spec may emit."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy import stats

from generator.audit.rows import Rows, normalised, tokens
from generator.fit import vocabulary as public
from schemas import markets
from schemas.audit import Hit
from schemas.catalog import MISSING_LABEL, SLOT, CatalogSpec, title_word

_HOST = re.compile(r"^([a-z][a-z0-9+.-]*:)?//[^/?#]*", re.IGNORECASE)
_SHORTEST_PATH = 8
"""Characters of a URL path below which it names no product (`/`, `/shop`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What two catalogs have in common letter for letter."""

    codes: Sequence[Hit]
    products: Sequence[Hit]
    """Codes that bear the same title in both."""
    urls: Sequence[Hit]
    """Paths of item and picture URLs; the host does not count, as a copy may have been moved to another."""
    codes_by_chance: float
    """Expected number of shared codes, were the synthetic ones drawn at random among all of their length."""


def shared(real: Rows, synthetic: Rows) -> Shared:
    """Verbatim codes, products and URLs."""
    titles: dict[str, set[str]] = {}
    for row, title in zip(real.products, real.titles, strict=True):
        titles.setdefault(row.product_code, set()).add(title)
    codes = {row.product_code: title for row, title in zip(synthetic.products, synthetic.titles, strict=True)}
    both = sorted(codes.keys() & titles.keys())
    paths = _paths(synthetic) & _paths(real)
    return Shared(
        codes=[Hit(check="shared_codes", text=code, detail=f"synthetic title {codes[code]!r}") for code in both],
        products=[
            Hit(check="verbatim_products", text=code, detail=codes[code])
            for code in both
            if codes[code] and codes[code] in titles[code]
        ],
        urls=[Hit(check="verbatim_urls", text=path, detail="path of an item or picture URL") for path in sorted(paths)],
        codes_by_chance=_by_chance(titles, codes),
    )


def chance_bound(expected: float, p: float) -> int:
    """The most shared codes that chance gives with a probability above p (Poisson)."""
    return int(stats.poisson.isf(p, expected)) if expected > 0 else 0


def emitted(spec: CatalogSpec) -> Mapping[str, str]:
    """Every string that the spec may put into a row, normalised -> where it stands in the spec.

    Words of titles one by one and, where a value or a template has several in a row, as a phrase; category names of all
    levels; navigation labels; names of the shop.
    """
    found: dict[str, str] = {}

    def add(text: str, place: str) -> None:
        words = tokens(normalised(text))
        for part in {*words, " ".join(words)} - {""}:
            found.setdefault(part, place)

    for category in spec.categories:
        for template in category.titles:
            for literal in SLOT.split(template)[::2]:
                add(literal, "a title template")
    for name, attribute in spec.attributes.items():
        for key, value in attribute.values.items():
            add(title_word(key, value), f"the title word of {name} {key!r}")
    return found


def names_emitted(spec: CatalogSpec) -> Mapping[str, str]:
    """Category names, labels and names of the shop that the spec may emit, normalised -> where they stand."""
    found = {normalised(name): "a category" for category in spec.categories for name in category.path}
    found |= {normalised(label): "a navigation label" for label in spec.navigation.labels}
    found |= {normalised(spec.shop.brand): "the brand", normalised(spec.shop.website_name): "the name of the site"}
    return {name: place for name, place in found.items() if name and name != normalised(MISSING_LABEL)}


def too_rare(
    spec: CatalogSpec, members: Rows, holdout: Rows, min_support: int, public: Iterable[str] = ()
) -> tuple[list[Hit], int]:
    """Strings of the spec that real rows hold, but fewer than `min_support` families of train; and all that are real.

    Strings no real row holds come from elsewhere, and so do `public` words; neither can give a row away. The names of
    the real brand and site may not appear at all: they stand for one shop.
    """
    known = set(public)
    hits, num_real = [], 0
    pieces = ((emitted(spec), _phrases), (names_emitted(spec), _names))
    for strings, of_row in pieces:
        counts, elsewhere = (_support(rows, set(strings), of_row) for rows in (members, holdout))
        for text, place in sorted(strings.items()):
            held = counts[text]
            num_real += held + elsewhere[text] > 0
            if held + elsewhere[text] and held < min_support and text not in known:
                hits.append(Hit(check="string_support", text=text, detail=f"{place}; held by {held} real families"))
    shops = {normalised(name) for row in members.products for name in (row.brand, row.website_name) if name}
    own = {normalised(spec.shop.brand), normalised(spec.shop.website_name)}
    hits += [Hit(check="string_support", text=name, detail="the real shop's own name") for name in sorted(shops & own)]
    return hits, num_real


def public_words() -> frozenset[str]:
    """Words of toile's own lists (materials, patterns, colours, nouns, labels): they say nothing of anybody's rows."""
    lists = (
        *(public.SILHOUETTE_WORDS, public.MATERIAL_WORDS, public.PATTERN_WORDS, public.PALETTE, public.COLOUR_WORDS),
        *(
            public.NAVIGATION_LABELS,
            markets.NOUNS,
            markets.COLOURS,
            markets.WORDS,
            *map(list, markets.WORDS),
            [public.FALLBACK_SILHOUETTE],
        ),
    )
    texts = {normalised(text) for each in lists for text in strings_in(each)}
    return frozenset(texts | {word for text in texts for word in tokens(text)})


def strings_in(document: Any) -> set[str]:
    """Every text anywhere in a spec document, keys too."""
    if isinstance(document, Mapping):
        return strings_in(list(document)) | {text for value in document.values() for text in strings_in(value)}
    if isinstance(document, str):
        return {document}
    if isinstance(document, Sequence):
        return {text for value in document for text in strings_in(value)}
    return set()


def _paths(rows: Rows) -> set[str]:
    urls = (url for row in rows.products for url in (row.itemurl, row.imageurl) if url)
    paths = {_HOST.sub("", url) for url in urls}
    return {path for path in paths if len(path) >= _SHORTEST_PATH}


def _by_chance(real: Iterable[str], synthetic: Iterable[str]) -> float:
    lengths = [Counter(len(code) for code in codes if code.isdigit() and code.isascii()) for codes in (real, synthetic)]
    return sum(lengths[0][n] * lengths[1][n] / (9 * 10.0 ** (n - 1)) for n in lengths[0].keys() & lengths[1].keys())


def _support(rows: Rows, wanted: set[str], of_row: Any) -> Counter[str]:
    """Families that hold each wanted string."""
    held: dict[str, set[int]] = {}
    longest = max((len(text.split()) for text in wanted), default=0)
    for number, family in enumerate(rows.family.tolist()):
        for text in of_row(rows, number, longest) & wanted:
            held.setdefault(text, set()).add(family)
    return Counter({text: len(families) for text, families in held.items()})


def _phrases(rows: Rows, number: int, longest: int) -> set[str]:
    words = tokens(rows.titles[number])
    return {" ".join(words[a : a + n]) for n in range(1, longest + 1) for a in range(len(words) - n + 1)}


def _names(rows: Rows, number: int, longest: int) -> set[str]:
    row = rows.products[number]
    return {normalised(n) for n in (row.category1_code, row.category2_code, row.category3_code) if n}
