"""Built-in vocabulary (no private data): words for silhouettes, materials, patterns, colours and navigation labels.

None of the words comes from a catalog, so using them reveals nothing about one. `find_silhouette` looks at the names of
categories only.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from schemas.markets import NOUNS
from schemas.silhouettes import RECORDS

SILHOUETTE_WORDS: tuple[tuple[str, str], ...] = tuple(
    (each.name, each.category_pattern) for each in sorted(RECORDS.values(), key=lambda each: each.match_priority)
)
"""(silhouette, pattern for names of its categories), in the order in which they are tried."""
FALLBACK_SILHOUETTE = "t-shirt"
"""Rendered for a category whose names contain no known word."""

MATERIAL_WORDS = {
    **{word: word for word in ("gabardine", "cotton", "jersey", "denim", "wool", "nylon", "leather", "suede", "silk")},
    **{word: word for word in ("canvas", "acetate", "glass", "ceramic", "stoneware", "metal")},
    **{word: word for word in ("twill", "linen", "corduroy", "velvet", "cashmere", "boucle", "shearling", "satin")},
    "bouclé": "boucle",
    "sheepskin": "shearling",
    "sherpa": "shearling",
    "velour": "velvet",
    "steel": "metal",
    "rib-knit": "rib-knit",
    "ribbed": "rib-knit",
    "cable-knit": "cable-knit",
    "patent": "patent-leather",
    "grained": "grained-leather",
    "croc-effect": "exotic-leather",
    "croc-embossed": "exotic-leather",
    "crocodile": "exotic-leather",
    "python": "exotic-leather",
    "knit": "knit",
    "knitted": "knit",
    "mohair": "knit",
    "merino": "wool",
    "tweed": "wool",
    "poplin": "cotton",
    "chiffon": "silk",
    "polyester": "nylon",
    "fleece": "jersey",
    "viscose": "silk",
    "porcelain": "ceramic",
    "flannel": "wool",
    "ripstop": "nylon",
}
"""Word of a title -> material of the renderer."""
PATTERN_WORDS = {
    "check": "check",
    "checked": "check",
    "tartan": "tartan",
    "plaid": "check",
    "gingham": "gingham",
    "windowpane": "windowpane",
    "stripe": "stripes",
    "striped": "stripes",
    "stripes": "stripes",
    "pinstripe": "pinstripe",
    "pinstriped": "pinstripe",
    "dotted": "dots",
    "dots": "dots",
    "dot": "dots",
    "houndstooth": "houndstooth",
    "dogtooth": "houndstooth",
    "herringbone": "herringbone",
    "chevron": "herringbone",
    "argyle": "argyle",
    "floral": "floral",
    "flower": "floral",
    "camouflage": "camouflage",
    "camo": "camouflage",
    "leopard": "leopard",
    "monogram": "monogram",
    "print": "print",
    "printed": "print",
    "paisley": "print",
    "colour-block": "colour-block",
    "color-block": "colour-block",
}
PALETTE = {
    "black": "#1b1a1c",
    "charcoal": "#3f4247",
    "grey": "#8b8f94",
    "silver": "#c3c6c9",
    "white": "#f4f4f2",
    "ivory": "#efe8d8",
    "beige": "#d8c7a3",
    "camel": "#c39a63",
    "tan": "#9c6a3f",
    "brown": "#5d3f2b",
    "khaki": "#8a8560",
    "olive": "#5d6540",
    "green": "#2f6b47",
    "mint": "#a5d3b8",
    "teal": "#1e7f80",
    "sky": "#8fb0cc",
    "blue": "#2a55a5",
    "navy": "#1f2a44",
    "purple": "#6a4585",
    "lilac": "#b9a3cf",
    "pink": "#e58fb1",
    "red": "#b8292f",
    "burgundy": "#5b1a22",
    "orange": "#dd7430",
    "yellow": "#e6c445",
    "gold": "#c9a24a",
}
"""Name of a colour -> RGB code, for colours that every catalog may have."""
COLOUR_WORDS = {
    **{name: name for name in PALETTE},
    "gray": "grey",
    "cream": "ivory",
    "sand": "beige",
    "stone": "beige",
    "honey": "camel",
    "chocolate": "brown",
    "oxblood": "burgundy",
    "wine": "burgundy",
    "violet": "purple",
    "rose": "pink",
    "blush": "pink",
    "lime": "green",
    "royal": "blue",
    "turquoise": "teal",
    "mustard": "yellow",
    "rust": "orange",
    "coral": "orange",
    "plum": "purple",
    "slate": "charcoal",
    "moss": "olive",
    "maroon": "burgundy",
}


def find_silhouette(path: Sequence[str]) -> tuple[str, bool]:
    """Find the silhouette of a category by its names. Returns it and whether a known word was found.

    The leaf category is tried first, then its parents: TRENCH COATS under OUTERWEAR is a trench coat.
    """
    for name in reversed(path):
        folded = name.casefold()
        for silhouette, words in SILHOUETTE_WORDS:
            if re.search(words, folded):
                return silhouette, True
    return FALLBACK_SILHOUETTE, False


def english_noun(silhouette: str) -> str:
    """Return the English noun for a silhouette."""
    return NOUNS[silhouette][0]


def split_words(title: str) -> list[str]:
    """Split a title into words, in their order and spelling, without punctuation around them."""
    return [word for word in (part.strip("()[]{},.;:!?\"'*/|-") for part in _clean(title).split()) if word]


def find_first(words: Iterable[str], known: dict[str, str]) -> str | None:
    """Return the value of the first word that is in a public list; None if no word is."""
    return next((known[word.casefold()] for word in words if word.casefold() in known), None)


def is_plain_word(word: str) -> bool:
    """Return whether a word has only letters, with hyphens or apostrophes inside: no digits, codes or braces."""
    return re.fullmatch(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", word) is not None


def _clean(title: str) -> str:
    return "".join(
        " " if unicodedata.category(char)[0] in "ZC" else char for char in unicodedata.normalize("NFC", title)
    )


@dataclass(frozen=True, slots=True)
class KindMatch:
    """The type word of a title."""

    silhouette: str
    word: str
    position: int


_STUB = {
    "tee": "t-shirt", "jersey": "t-shirt", "slides": "sandal", "leggings": "trousers", "pants": "trousers",
    "shoes": "sneaker", "socks": None, "jacket": "bomber-jacket", "denim": "jeans", "blouson": "bomber-jacket",
    "bermudas": "shorts",
}  # fmt: skip


def find_kind(title: str) -> KindMatch | None:
    found = None
    words = title.split()
    for number, word in enumerate(words):
        folded = word.casefold()
        if folded in _STUB:
            name = _STUB[folded]
            found = None if name is None else KindMatch(name, word, number)
            continue
        if folded in MATERIAL_WORDS:
            continue
        silhouette, named = find_silhouette((" ".join(words[max(number - 1, 0) : number + 1]),))
        if named and find_silhouette((word,))[1]:
            found = KindMatch(silhouette, word, number)
    return found


def read_material(text: str) -> str | None:
    words = re.findall(r"[a-z-]+", text.casefold())
    more = {"polyamide": "nylon", "lambskin": "leather", "calfskin": "leather", "goatskin": "leather"}
    return next((w for w in ({**MATERIAL_WORDS, **more}.get(word) for word in words) if w), None)


def read_pattern(text: str) -> str | None:
    return find_first(split_words(text), PATTERN_WORDS)


def read_colour(text: str) -> str | None:
    return find_first(re.findall(r"[a-z-]+", text.casefold()), COLOUR_WORDS)


def find_attribute_columns(names: Iterable[str]) -> dict[str, str]:
    return {name: name for name in names if name in {"colour", "material", "pattern"}}
