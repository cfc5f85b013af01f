"""Words that anybody knows: which silhouette a leaf of a shop sells, and which words name materials, patterns, colours.

They are read from no catalog, so using them tells nothing about one. `silhouette_of` looks at names only.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from schemas.markets import NOUNS
from schemas.silhouettes import RECORDS

SILHOUETTE_WORDS: tuple[tuple[str, str], ...] = tuple(
    (each.name, each.leaf_words) for each in sorted(RECORDS.values(), key=lambda each: each.match_priority)
)
"""Silhouette -> what its leaves are called, in the order in which they are tried."""
FALLBACK = "t-shirt"
"""Drawn for a leaf that no word explains."""

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
"""Word of a title -> what the renderer draws."""
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
"""Colours that every catalog may have, by name."""
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

NAVIGATION = (
    *("VIEW ALL", "NEW IN", "ALL GIFTS", "GIFTS", "LATEST", "SALE", "NEW ARRIVALS", "BESTSELLERS", "TRENDING"),
    *("ALLE ANZEIGEN", "TOUT VOIR", "VEDI TUTTO", "浏览全部", "すべて見る"),
)
"""Labels of a site that are no kind of product."""


def silhouette_of(path: Sequence[str]) -> tuple[str, bool]:
    """The silhouette nearest to a leaf by its names, and whether any word said so.

    The leaf is asked first, then its parents: TRENCH COATS under OUTERWEAR is a trench coat.
    """
    for name in reversed(path):
        folded = name.casefold()
        for silhouette, words in SILHOUETTE_WORDS:
            if re.search(words, folded):
                return silhouette, True
    return FALLBACK, False


def noun(silhouette: str) -> str:
    """What the thing is called in English."""
    return NOUNS[silhouette][0]


def words_of(title: str) -> list[str]:
    """The words of a title as they stand there, without punctuation around them."""
    return [word for word in (part.strip("()[]{},.;:!?\"'*/|-") for part in _clean(title).split()) if word]


def first_known(words: Iterable[str], known: dict[str, str]) -> str | None:
    """What the first word in a public list stands for."""
    return next((known[word.casefold()] for word in words if word.casefold() in known), None)


def is_plain_word(word: str) -> bool:
    """Letters, with hyphens or apostrophes inside: no digits, no codes, no braces."""
    return re.fullmatch(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", word) is not None


def _clean(title: str) -> str:
    return "".join(
        " " if unicodedata.category(char)[0] in "ZC" else char for char in unicodedata.normalize("NFC", title)
    )
