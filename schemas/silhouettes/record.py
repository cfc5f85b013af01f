"""What toile knows of a silhouette beside its drawing: what its picture shows, what it is called, what it costs."""

from dataclasses import dataclass, field
from typing import Literal

from schemas.row import Row

CLOTH = frozenset({"material", "pattern", "size"})
"""What nearly all silhouettes show."""
EVERY_FIT = ("slim", "straight", "loose")
"""The words of the cut `fit`."""
WORN = ("flat", "turned")
"""The words of the cut `presentation` of most clothes: square to the camera, or on a body turned a little."""
FOLDABLE = (*WORN, "folded")
"""Those of clothes that shops also fold to a stack."""
FOLDED = frozenset({"material", "pattern", "presentation"})
"""What nearly all of them still show then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silhouette:
    """One thing that toile draws; its drawing is the function under `@pattern_sheet(name)` in generator/render."""

    name: str
    """As specs and attributes write it: small letters and hyphens."""
    shows: frozenset[str]
    """The style attributes, beside colour and cuts, that change its picture visibly; no other may set its price."""
    cuts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Cut -> the words, beside `any`, that are drawn each in its own way; a spec may ask for no other."""
    folded_shows: frozenset[str] = frozenset()
    """Of the attributes and cuts those that its picture still shows when it is folded."""
    worded_as: Literal["garment", "shoe", "thing"] = "thing"
    """Which words a title takes for size and lining: a small garment is short, a large shoe high, a thing just that."""
    nouns: Row
    """What a title calls it: one word or phrase a market (US, UK, DE, FR, JP, IN), never inflected."""
    group: str
    """Its shelf in a shop; a key of GROUPS in generator/scaffold.starter_spec.py."""
    leaf: Row
    """The name of its category in a shop of each market; no commas."""
    leaf_words: str
    """Regular expression, in small letters, of what shops anywhere call such a category."""
    tried: int
    """Place of `leaf_words` among those of all silhouettes, lowest first: the special stands before the general."""
    usual_usd: float
    """Price in US dollars, in a shop that is neither cheap nor dear."""
    materials: tuple[str, ...]
    """Drawing words, the commonest first; at least one, even where the picture shows none."""
