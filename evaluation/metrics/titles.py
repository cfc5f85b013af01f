"""Title metrics: token F1, attribute slots (colour, material, pattern, type) and chrF2.

A title is read against word lists: `Striped Cotton Bucket Hat` names the pattern stripes, the material cotton and the
type bucket hat, and no colour. The lists are English words here and the words of the six markets; values in a synthetic
row's `attributes.choices` extend them, because a spec may use its own materials. The terms of
`generator.fit.vocabulary` are of no use here: they map what looks alike to one cloth of the renderer, and polyester
would be nylon.

    Vocabulary(products).matches("Gray Wool Coats", "Grey Wool Coat", shown)   # True: two spellings of one colour

`matches` decides whether an answered title agrees with the row: it names the same values as the true title. Where that
names none, it may name what the row is known to show. Neither may it say the opposite, such as long for short sleeves.
"""

import functools
import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from schemas.appearance import visible_attributes
from schemas.markets import COLOURS, MARKETS, NOUNS, WORDS
from schemas.product import Product
from schemas.silhouettes import RECORDS

SLOTS = ("colour", "material", "pattern", "type")
Phrase = tuple[str, ...]
Named = tuple[str, str]
"""A value that a title names: slot and value, such as material and wool."""

_WORDS: Mapping[str, str] = {
    "colour": "black white ivory cream ecru beige camel tan brown chestnut chocolate cognac taupe stone sand slate "
    "charcoal navy blue indigo teal turquoise aqua green olive khaki forest sage mint emerald red burgundy "
    "oxblood crimson maroon scarlet pink rose blush fuchsia magenta purple plum lilac lavender violet orange rust "
    "brick coral peach apricot yellow mustard honey lemon",
    "material": "gabardine cotton jersey denim wool cashmere mohair alpaca nylon polyester polyamide viscose lyocell "
    "leather suede nubuck shearling silk satin velvet corduroy canvas linen tweed twill poplin flannel fleece "
    "acetate lace mesh tulle chiffon crepe organza rubber raffia straw ramie jute ceramic stoneware enamel",
    "pattern": "check floral houndstooth argyle camouflage paisley leopard zebra herringbone tartan gingham "
    "monogram logo windowpane pinstripe quilted",
    "type": "blazer parka gilet vest cape poncho cardigan blouse top dress gown skirt trousers jeans leggings joggers "
    "shorts jumpsuit suit wallet belt backpack pouch clutch briefcase bag loafer pump sandal slide mule boot shoe "
    "cap beanie hat scarf shawl glove tie sock bikini swimsuit earring necklace bracelet ring watch umbrella candle "
    "blanket throw cushion vase mug lipstick coat jacket shirt sweater hoodie sneaker sunglasses perfume",
}
_SYNONYMS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "colour": {"grey": ("gray",), "sky": ("sky blue",), "navy": ("navy blue",), "off white": ("off white", "offwhite")},
    "material": {
        "knit": ("knit", "knitted"),
        "wool": ("woollen", "woolen"),
        "rib knit": ("rib knit", "ribbed"),
        "cable knit": ("cable knit",),
        "boucle": ("boucle",),
        "faux leather": ("faux leather", "vegan leather"),
        "faux fur": ("faux fur",),
    },
    "pattern": {
        "check": ("checked", "checkered", "plaid"),
        "stripes": ("stripe", "striped"),
        "dots": ("dot", "dotted", "polka dot", "spotted"),
        "camouflage": ("camo",),
        "floral": ("flower",),
        "houndstooth": ("dogtooth",),
        "herringbone": ("chevron",),
        "pinstripe": ("pinstriped",),
        "diamond quilted": ("diamond quilted",),
        "channel quilted": ("channel quilted",),
        "print": ("print", "printed"),
        "animal print": ("animal print",),
        "colour block": ("colour block", "color block", "colourblock", "colorblock"),
    },
    "type": {
        "coat": ("overcoat",),
        "trench coat": ("trench coat", "trench"),
        "duffle coat": ("duffle coat",),
        "car coat": ("car coat",),
        "puffer jacket": ("puffer jacket", "puffer", "down jacket"),
        "bomber jacket": ("bomber jacket", "bomber"),
        "denim jacket": ("denim jacket", "trucker jacket", "jean jacket"),
        "windbreaker": ("windbreaker", "windcheater"),
        "track jacket": ("track jacket", "track top"),
        "fleece jacket": ("fleece jacket",),
        "sweater": ("jumper", "pullover"),
        "hoodie": ("hooded top", "hooded sweatshirt", "hoody"),
        "sweatshirt": ("sweat shirt",),
        "polo shirt": ("polo shirt", "polo", "polo t shirt"),
        "t-shirt": ("t shirt", "tee", "tshirt"),
        "tank top": ("tank top",),
        "trousers": ("pants", "trouser", "chinos"),
        "jeans": ("jean",),
        "leggings": ("legging",),
        "joggers": ("track pants", "sweatpants", "jogger"),
        "cargo trousers": ("cargo trousers", "cargo pants"),
        "swim shorts": ("swim shorts", "swim trunks"),
        "tote bag": ("tote bag", "tote"),
        "shoulder bag": ("shoulder bag",),
        "crossbody bag": ("crossbody bag", "crossbody", "cross body bag", "cross body"),
        "bucket bag": ("bucket bag",),
        "sneaker": ("trainer",),
        "slide": ("slider",),
        "flip flop": ("flip flop", "flipflop"),
        "card case": ("card case", "card holder"),
        "bucket hat": ("bucket hat",),
        "flat cap": ("flat cap", "newsboy cap"),
        "fedora": ("trilby",),
        "sun hat": ("sun hat", "straw hat"),
        "scarf": ("scarves",),
        "backpack": ("rucksack", "back pack"),
        "bag": ("handbag", "hand bag"),
        "sunglasses": ("sun glasses",),
        "perfume": ("eau de parfum", "eau de toilette", "fragrance"),
    },
}
_SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "pyjamas": ("pyjama", "pajama"),
    "jewellery": ("jewelry",),
    "colour": ("color", "coloured", "colored"),
    "fibre": ("fiber",),
    "sleeve": ("sleeved",),
    "fringe": ("fringed",),
    "pleat": ("pleated",),
    "crewneck": ("crew neck", "crew necked", "round neck", "roundneck"),
    "turtleneck": ("turtle neck", "roll neck", "rollneck", "polo neck"),
    "v neck": ("v necked", "vneck"),
    "flip flops": ("flip flop", "flipflop"),
    "men": ("mens", "man"),
    "women": ("womens", "woman", "ladies", "lady"),
    "boys": ("boy",),
    "girls": ("girl",),
}
"""British and American spellings, and words with and without blanks, that name no value of a slot."""
_FUNCTION_WORDS = frozenset({"a", "an", "the", "and", "in", "of", "with"})
_OPPOSITES = (
    ("long sleeve", "short sleeve", "sleeveless"),
    ("mini", "midi", "maxi"),
    ("high top", "low top"),
    ("high rise", "mid rise", "low rise"),
    ("single breasted", "double breasted"),
    ("crewneck", "turtleneck", "v neck"),
    ("slim fit", "regular fit", "relaxed fit", "oversized"),
    ("light", "dark"),
    ("men", "women"),
    ("boys", "girls"),
)
"""Words of which a title that has one cannot have another in its place."""
_FALSE_FRIENDS = ("or", "short", "plaid", "robe", "rock", "hose", "pull", "bob", "bonnet", "baskets")
"""Words of one market that mean something else in another one's titles."""
_PREPOSITIONS = frozenset({"aus", "im", "in", "mit", "en", "a"})


def title_tokens(title: str) -> Phrase:
    """Return the words after NFKC and case folding; apostrophes are removed, other punctuation separates."""
    folded = unicodedata.normalize("NFKC", title).casefold()
    joined = re.sub("['\u2018\u2019\u02bc`\u00b4]", "", folded)
    return tuple("".join(" " if unicodedata.category(c)[0] in "PS" else c for c in joined).split())


@functools.lru_cache(maxsize=65536)
def title_words(title: str) -> Phrase:
    """Return the words that titles are compared by: tokens without accents, synonyms of an attribute value as one.

    Gray and grey, striped and stripes, scarves and scarf are the same words; so are singular and plural of a garment.
    English function words such as `the` and `with` are left out, as SQuAD leaves out articles.
    """
    plain = (_strip_accents(token) for token in title_tokens(title))
    words = _replace_phrases(tuple(token for token in plain if token), _english_synonyms())
    return tuple(word for word in words if word not in _FUNCTION_WORDS)


def token_f1(answer: str, truth: str) -> float:
    """Return the harmonic mean of precision and recall over the multisets of `title_words`: 2 * shared / all words.

    Titles without any word (`???`) score 1 when they are equal, else 0. Source: Rajpurkar et al. 2016 (SQuAD), section
    6.1.
    """
    left, right = Counter(title_words(answer)), Counter(title_words(truth))
    if not left and not right:
        return float(normalize_title(answer) == normalize_title(truth))
    return 2 * (left & right).total() / (left.total() + right.total())


def normalize_title(title: str) -> str:
    """Return a title as `title_exact` compares it: after NFKC, without outer white space; case counts."""
    return unicodedata.normalize("NFKC", title).strip()


@dataclass(frozen=True, slots=True)
class Shown:
    """What a row is known to show beside its title."""

    values: frozenset[Named]
    complete: bool
    """Whether all slots are known, as in a synthetic row; else only that a title names a pattern if there is one."""


class Vocabulary:
    """The words of each slot, and which of them a title names."""

    def __init__(self, products: Iterable[Product]) -> None:
        """Add the attribute values of `products` to the built-in words."""
        self._phrases = {slot: dict(phrases) for slot, phrases in _market_phrases().items()}
        for slot, value in sorted({pair for product in products for pair in _chosen_values(product)}):
            own = {phrase: value for phrase in _with_plurals(title_words(value)) if phrase}
            self._phrases[slot] = own | self._phrases[slot]
        self._longest: dict[tuple[str, str], int] = {}
        for slot, phrase in ((slot, phrase) for slot, phrases in self._phrases.items() for phrase in phrases):
            self._longest[slot, phrase[0]] = max(len(phrase), self._longest.get((slot, phrase[0]), 0))
        self._known: dict[str, frozenset[Named]] = {}

    def named_values(self, title: str) -> frozenset[Named]:
        """Return every value that a title names; of overlapping phrases of a slot the longest, from the left.

        `Crossbody Leather Bag` names a crossbody bag, and not also a bag.
        """
        if title not in self._known:
            words = title_words(title)
            found = {each for slot in SLOTS for each in self._read(slot, words)}
            narrow = {(slot, value.rpartition(" ")[2]) for slot, value in found if slot == "type" and " " in value}
            self._known[title] = frozenset(found - narrow)
        return self._known[title]

    def named(self, slot: str, title: str) -> frozenset[str]:
        """Return the values of one slot that a title names."""
        return frozenset(value for of, value in self.named_values(title) if of == slot)

    def phrases(self, value: Named) -> list[Phrase]:
        """Return every phrase that names a value."""
        return [phrase for phrase, each in self._phrases[value[0]].items() if each == value[1]]

    def agrees(self, slot: str, answer: str | None, truth: str) -> bool | None:
        """Return whether an answer names the same values of a slot as `truth`; None where `truth` names none."""
        values = self.named(slot, truth)
        return values == self.named(slot, answer or "") if values else None

    def matches(self, answer: str, truth: str, shown: Shown) -> bool:
        """Return whether no slot of an answered title contradicts the row.

        Where the true title names values, the answer names the same and no other. Where it names none, the answer may
        name what the row shows. A colour, material or type of which the row says nothing contradicts nothing, but a
        pattern does: a product without a pattern in its title has none. Opposites contradict each other.
        """
        if _are_opposite(title_words(answer), title_words(truth)):
            return False
        for slot in SLOTS:
            true, answered = self.named(slot, truth), self.named(slot, answer)
            if answered != true and (true or not self._is_shown(slot, answered, shown)):
                return False
        return True

    def shown_values(self, product: Product) -> Shown:
        """Return what a row is known to show: of a synthetic one the values in its image, of another one nothing."""
        attributes = product.attributes or {}
        silhouette = attributes.get("silhouette")
        if silhouette not in RECORDS:
            return Shown(frozenset(), complete=False)
        visible = visible_attributes(silhouette, str(attributes.get("presentation", "any")))
        words = [NOUNS[silhouette][0], silhouette]
        words += [str(attributes.get(name)) for name in ("material", "pattern") if name in visible]
        quilting = attributes.get("quilting", "none")
        words += ["quilted", f"{quilting} quilted"] if "quilting" in visible and quilting != "none" else []
        chosen = dict(_chosen_values(product))
        words += [value for slot, value in chosen.items() if slot in visible | {"colour"}]
        words += [title for word in words for title in _market_words(word)]
        return Shown(frozenset(each for word in words for each in self.named_values(word)), complete=True)

    def _is_shown(self, slot: str, answered: frozenset[str], shown: Shown) -> bool:
        if not shown.complete and slot != "pattern":
            return True
        return answered <= {value for of, value in shown.values if of == slot}

    def _read(self, slot: str, words: Phrase) -> Iterable[Named]:
        place = 0
        while place < len(words):
            taken = 1
            for length in range(self._longest.get((slot, words[place]), 0), 0, -1):
                phrase = words[place : place + length]
                if phrase in self._phrases[slot]:
                    yield slot, self._phrases[slot][phrase]
                    taken = length
                    break
            place += taken


def _are_opposite(answer: Phrase, truth: Phrase) -> bool:
    """Return whether two titles name different ones of `_OPPOSITES`."""
    left, right = (f" {' '.join(words)} " for words in (answer, truth))
    for group in _OPPOSITES:
        ours, theirs = ({word for word in group if f" {word} " in text} for text in (left, right))
        if ours and theirs and not ours & theirs:
            return True
    return False


def _strip_accents(token: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", token) if not unicodedata.combining(c))


def _split(text: str) -> Phrase:
    """Return the words of a text before synonyms are replaced."""
    return tuple(token for token in map(_strip_accents, title_tokens(text)) if token)


def _with_plurals(phrase: Phrase) -> list[Phrase]:
    """Return the phrase and its plural."""
    if not phrase:
        return []
    *before, last = phrase
    return [phrase, (*before, last + ("es" if last.endswith(("s", "x", "z", "ch", "sh")) else "s"))]


def _replace_phrases(words: Phrase, replacements: Mapping[Phrase, Phrase]) -> Phrase:
    """Return words with the longest phrases replaced, from the left."""
    found: list[str] = []
    place = 0
    while place < len(words):
        lengths = range(min(_LONGEST_SYNONYM, len(words) - place), 0, -1)
        phrase = next((p for n in lengths if (p := words[place : place + n]) in replacements), None)
        found += replacements[phrase] if phrase is not None else words[place : place + 1]
        place += len(phrase) if phrase is not None else 1
    return tuple(found)


_LONGEST_SYNONYM = 3


@functools.cache
def _english_synonyms() -> dict[Phrase, Phrase]:
    """Return every English spelling and plural of a value -> the words of the value."""
    listed: dict[str, Phrase] = {value: (value,) for words in _WORDS.values() for value in words.split()}
    listed |= {value: (value, *spellings) for slot in SLOTS for value, spellings in _SYNONYMS[slot].items()}
    listed |= {value: (value, *spellings) for value, spellings in _SPELLINGS.items()}
    patterns = [value for value in (*_WORDS["pattern"].split(), *_SYNONYMS["pattern"]) if value != "print"]
    found: dict[Phrase, Phrase] = {}
    for value, spellings in listed.items():
        phrases = [_split(spelling) for spelling in spellings]
        if value in patterns:
            phrases += [(*phrase, end) for phrase in phrases for end in ("print", "printed") if phrase[-1] != "print"]
        for phrase in itertools.chain.from_iterable(map(_with_plurals, phrases)):
            found.setdefault(phrase, _split(value))
    return found


@functools.cache
def _market_phrases() -> Mapping[str, Mapping[Phrase, str]]:
    """Return for each slot the words of a value -> the value: English ones, then those of the six markets."""
    found = {slot: {title_words(value): value for value in _WORDS[slot].split()} for slot in SLOTS}
    for slot in SLOTS:
        found[slot] |= {title_words(value): value for value in _SYNONYMS[slot]}
    rows = [("colour", name, words) for name, words in COLOURS.items()]
    rows += [(slot, name, words) for (slot, name), words in WORDS.items() if slot in SLOTS]
    rows += [("pattern", f"{name} quilted", words) for (slot, name), words in WORDS.items() if slot == "quilting"]
    rows += [("type", name, words) for name, words in NOUNS.items()]
    for slot, name, words in rows:
        spoken = [word for word in words if word and " ".join(_split(word)) not in _FALSE_FRIENDS]
        phrases = [phrase for word in spoken if (phrase := _drop_prepositions(title_words(word)))]
        if slot == "colour":
            phrases += [
                title_words(each.colour.format(word)) for each, word in zip(MARKETS.values(), words, strict=True)
            ]
        value = next((found[slot][p] for p in [title_words(name), *phrases[:2]] if p in found[slot]), name)
        for phrase in phrases:
            found[slot].setdefault(phrase, value)
    return found


def _drop_prepositions(words: Phrase) -> Phrase:
    return _drop_prepositions(words[1:]) if words and words[0] in _PREPOSITIONS else words


def _market_words(word: str) -> list[str]:
    """Return the words of all markets for a colour, a material or a pattern."""
    rows = [COLOURS.get(word, ()), WORDS.get(("material", word), ()), WORDS.get(("pattern", word), ())]
    return [each for row in rows for each in row if each]


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
