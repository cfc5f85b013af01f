"""Title metrics: attribute slots (colour, material, pattern, type) and chrF2.

A title is read against word lists: `Striped Cotton Bucket Hat` names the pattern stripes, the material cotton and the
type bucket hat, and no colour. Only values that the true title names are compared, so a row without a colour word does
not count for colours. An answer is right when it names the same values and no other, so listing every material gains
nothing. Values in a synthetic row's `attributes.choices` extend the lists, because a spec may use its own materials.
"""

import functools
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from schemas.product import Product

SLOTS = ("colour", "material", "pattern", "type")
Tokens = Callable[[str], tuple[str, ...]]

_WORDS: Mapping[str, str] = {
    "colour": "black white ivory cream ecru beige camel tan brown chestnut chocolate cognac taupe stone sand slate "
    "charcoal navy blue indigo teal turquoise aqua green olive khaki forest sage mint emerald red burgundy "
    "oxblood crimson maroon scarlet pink rose blush fuchsia magenta purple plum lilac lavender violet orange rust "
    "brick coral peach apricot yellow mustard honey lemon",
    "material": "gabardine cotton jersey denim wool cashmere mohair alpaca nylon polyester polyamide viscose lyocell "
    "leather suede nubuck shearling silk satin velvet corduroy canvas linen tweed twill poplin flannel fleece "
    "acetate lace mesh tulle chiffon crepe organza rubber raffia straw ramie jute ceramic stoneware enamel",
    "pattern": "check floral houndstooth argyle camouflage paisley leopard zebra herringbone tartan chevron gingham "
    "monogram logo",
    "type": "blazer parka gilet vest cape poncho cardigan blouse top dress gown skirt trousers jeans leggings joggers "
    "shorts jumpsuit suit wallet belt backpack pouch clutch briefcase bag loafer pump sandal slide mule boot shoe "
    "cap beanie hat scarf shawl glove tie sock bikini swimsuit earring necklace bracelet ring watch umbrella candle "
    "blanket throw cushion vase mug lipstick coat jacket shirt sweater hoodie sneaker sunglasses perfume",
}
_SYNONYMS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "colour": {"grey": ("grey", "gray"), "sky": ("sky", "sky blue")},
    "material": {"knit": ("knit", "knitted")},
    "pattern": {
        "check": ("checked", "checkered"),
        "stripes": ("stripe", "striped"),
        "dots": ("dot", "dotted", "polka dot"),
        "camouflage": ("camo",),
        "floral": ("flower",),
    },
    "type": {
        "trench coat": ("trench coat", "trench"),
        "duffle coat": ("duffle coat",),
        "car coat": ("car coat",),
        "puffer jacket": ("puffer jacket", "puffer", "down jacket"),
        "bomber jacket": ("bomber jacket", "bomber"),
        "denim jacket": ("denim jacket",),
        "sweater": ("jumper", "pullover"),
        "hoodie": ("hooded top",),
        "sweatshirt": ("sweatshirt",),
        "polo shirt": ("polo shirt", "polo"),
        "t-shirt": ("t shirt", "tee", "tshirt"),
        "tank top": ("tank top",),
        "trousers": ("pants", "trouser", "chinos"),
        "shorts": ("swim shorts",),
        "tote bag": ("tote bag", "tote"),
        "shoulder bag": ("shoulder bag",),
        "crossbody bag": ("crossbody bag", "crossbody"),
        "bucket bag": ("bucket bag",),
        "sneaker": ("trainer",),
        "card case": ("card case", "card holder"),
        "bucket hat": ("bucket hat",),
        "scarf": ("scarves",),
        "perfume": ("eau de parfum", "eau de toilette", "fragrance"),
    },
}


class Vocabulary:
    """The words of each slot, and which of them a title names."""

    def __init__(self, products: Iterable[Product], tokens: Tokens) -> None:
        """Add the attribute values of `products`; `tokens` splits a title into folded words."""
        self._tokens = tokens
        self._phrases = {slot: _slot_phrases(slot, tokens) for slot in SLOTS}
        for slot, value in sorted({pair for product in products for pair in _chosen_values(product)}):
            self._phrases[slot] = _add_plurals({tokens(value): value}) | self._phrases[slot]
        self._longest: dict[tuple[str, str], int] = {}
        for slot, phrase in ((slot, phrase) for slot, phrases in self._phrases.items() for phrase in phrases if phrase):
            self._longest[slot, phrase[0]] = max(len(phrase), self._longest.get((slot, phrase[0]), 0))
        self._known: dict[tuple[str, str], frozenset[str]] = {}

    def named(self, slot: str, title: str) -> frozenset[str]:
        """Return the values of a slot that a title names; of overlapping phrases the longest, from the left."""
        if (slot, title) not in self._known:
            self._known[slot, title] = self._read(slot, self._tokens(title))
        return self._known[slot, title]

    def agrees(self, slot: str, answer: str | None, truth: str) -> bool | None:
        """Return whether an answer names the same values of a slot as `truth`; None where `truth` names none."""
        values = self.named(slot, truth)
        return values == self.named(slot, answer or "") if values else None

    def _read(self, slot: str, words: tuple[str, ...]) -> frozenset[str]:
        phrases, found, place = self._phrases[slot], set(), 0
        while place < len(words):
            taken = 1
            for length in range(self._longest.get((slot, words[place]), 0), 0, -1):
                value = phrases.get(words[place : place + length])
                if value is not None:
                    found.add(value)
                    taken = length
                    break
            place += taken
        return frozenset(found)


def _slot_phrases(slot: str, tokens: Tokens) -> dict[tuple[str, ...], str]:
    found = {tokens(word): word for word in _WORDS[slot].split()}
    for value, spellings in _SYNONYMS[slot].items():
        found |= {tokens(spelling): value for spelling in (value, *spellings)}
    return _add_plurals(found)


def _add_plurals(phrases: Mapping[tuple[str, ...], str]) -> dict[tuple[str, ...], str]:
    """Add each phrase with s and es at its last word, unless that is a phrase of its own."""
    endings = {
        (*phrase[:-1], phrase[-1] + end): value for phrase, value in phrases.items() if phrase for end in ("s", "es")
    }
    return endings | dict(phrases)


def _chosen_values(product: Product) -> Iterable[tuple[str, str]]:
    choices = (product.attributes or {}).get("choices")
    if isinstance(choices, Mapping):
        for slot in SLOTS:
            value = choices.get(slot)
            if isinstance(value, str) and value.strip():
                yield slot, value


CHRF_ORDER = 6
"""N-grams of one to six characters, white space removed."""
CHRF_BETA = 2
"""Recall weighs twice as much as precision."""


def chrf(answer: str, truth: str) -> float:
    """Return chrF2 of two titles: between 0 and 1, after NFKC and case folding; 0 where a text has no character.

    F-score (beta 2) of the mean precision and recall over character n-grams of order 1 to 6, white space removed, over
    the orders that both texts have, as sacrebleu counts them. Source: Popovic 2015 (WMT, pages 392-395).
    """
    precision, recall, orders = 0.0, 0.0, 0
    for ours, theirs in zip(
        _character_ngrams(_fold_letters(answer)), _character_ngrams(_fold_letters(truth)), strict=True
    ):
        if ours and theirs:
            shared = sum(min(count, theirs[run]) for run, count in ours.items() if run in theirs)
            precision += shared / ours.total()
            recall += shared / theirs.total()
            orders += 1
    if not precision + recall:
        return 0.0
    precision, recall = precision / orders, recall / orders
    return (1 + CHRF_BETA**2) * precision * recall / (CHRF_BETA**2 * precision + recall)


def _fold_letters(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


@functools.lru_cache(maxsize=4096)
def _character_ngrams(text: str) -> tuple[Counter[str], ...]:
    return tuple(
        Counter(text[start : start + length] for start in range(len(text) - length + 1))
        for length in range(1, CHRF_ORDER + 1)
    )
