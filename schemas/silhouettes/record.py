"""The record of a silhouette: what its image shows, what it is called, and what it costs."""

from dataclasses import dataclass, field
from typing import Literal

MARKET_CODES = ("US", "UK", "DE", "FR", "JP", "IN")
"""The markets, in the order of every `PerMarket`."""
PerMarket = tuple[str, str, str, str, str, str]
"""One text for each of the six markets."""
CLOTH = frozenset({"material", "pattern", "size"})
"""What nearly all silhouettes show."""
EVERY_FIT = ("slim", "straight", "loose")
"""The words of the cut `fit`."""
TURNED = ("flat", "turned")
"""The words of the cut `presentation` of trousers and swimwear: square to the camera, or on a body turned a little."""
WORN = (*TURNED, "ghost-mannequin")
"""The words of the cut `presentation` of most clothes: also on a body that is not seen."""
FOLDABLE = (*WORN, "folded")
"""The words of the cut `presentation` of clothes that shops also fold to a stack."""
FOLDED = frozenset({"material", "pattern", "presentation"})
"""What nearly all folded clothes still show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silhouette:
    """A type of garment or object; generator/render has its rendering function under `@register_silhouette(name)`."""

    name: str
    """The name in specs and attributes: small letters and hyphens."""
    shows: frozenset[str]
    """Style attributes, beside colour and cuts, that change the image visibly; no other may set the price."""
    cuts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Cut -> the words, beside `any`, that look different from each other; a spec may ask for no other."""
    folded_shows: frozenset[str] = frozenset()
    """The attributes and cuts that the image still shows when the product is folded."""
    size_wording: Literal["garment", "shoe", "thing"] = "thing"
    """Which words a title uses for size and lining: a small garment is short, a large shoe high."""
    nouns: PerMarket
    """What a title calls it in each market: one word or phrase, never inflected."""
    group: str
    """Its department in a shop; a key of GROUPS in generator/scaffold/starter_spec.py."""
    category: PerMarket
    """The name of its leaf category in a shop of each market; no commas."""
    category_pattern: str
    """Regular expression, in small letters, of what shops anywhere call such a category."""
    match_priority: int
    """Order in which `category_pattern` of all silhouettes are tried, lowest first: specific before general."""
    title_words: str = ""
    """The words, beside `nouns`, that titles use for it: `en: jeans, mom jeans`, a line or more for each language.

    A word stands in the singular or in the plural: English, French and Spanish words are found in the other form too,
    unless a `!` follows. German and Italian plurals are written out. generator/fit/vocabulary.py reads them.
    """
    usual_usd: float
    """Price in US dollars in a shop that is neither cheap nor expensive."""
    materials: tuple[str, ...]
    """Material words, the most common first; at least one, even where the image shows none."""
