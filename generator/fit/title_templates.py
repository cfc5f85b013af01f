"""Infer title templates of each kind from real titles.

Words that name a material, a pattern or a colour become slots. Words of fewer than k families do not enter the spec:
every second of them becomes a slot {name} (the second one of a title {term}), for which invented names (toile's own
words) stand, so that titles vary as in the shop; the others become slots of more frequent words. The result is a
template if k families of the kind share it. Else its words before the type word become the slots {lead} and {style},
whose values k families have each. A title of which no such form has k families gets the templates of the same type
elsewhere in the shop, or the shapes of other titles with its type word; then words are left out, and at last it has
toile's own words.

The type word stays as it is: every title of a kind names the silhouette that is drawn (`find_kind`). A word is left out
if it contains a digit, or if it belongs to the name of a brand. A private fit has no titles: its words are toile's own.
"""

import math
import unicodedata
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TypeVar

from generator.fit.categories import FittedKind, count_rows, group_by, limit_growth, round_borrowed
from generator.fit.families import PREPOSITIONS, Family, count_families, find_fixed, find_type, read_title_word
from generator.fit.vocabulary import invent_names, is_people_word, is_plain_word, list_terms, read_type_word
from schemas.markets import MARKETS, silhouette_noun

Word = TypeVar("Word", str, tuple[str, ...])
SLOTS = ("colour", "pattern", "material")
WORD_SLOTS = ("lead", "style")
"""Slots of the first and the last word before the type word."""
STAND_INS = ("name", "term")
"""Slots of the first and the second word of a title that fewer than k families have."""
_STAND_IN_SLOTS = tuple(f"{{{slot}}}" for slot in STAND_INS)
_MIN_NAMES, _MAX_NAMES = 32, 512
"""Fewest and most invented names of a spec."""
_MAX_TEMPLATES = 24
_MAX_TEMPLATE_WORDS = 9
"""Largest number of words of a template."""
_SHORT = 2
"""Words of so few letters are articles and prepositions: no slot has them."""
_FUNCTION_WORDS = frozenset(
    (
        *("and", "with", "for", "the", "from", "und", "mit", "für", "aus", "der", "die", "das", "et", "avec", "pour"),
        *("sans", "des", "les", "con", "per", "del", "della", "para", "los", "las", "una", "men's", "women's"),
    )
)
_BEFORE_SLOTS = frozenset({*PREPOSITIONS, "mit", "with", "avec", "con", "à", "a", "and", "und", "et", "e"})
"""Words that make no sense without the slot after them."""
_LINKS = _BEFORE_SLOTS | _FUNCTION_WORDS

_LAST_WHOLE = 2
"""The number of the last form of a title that is not shorter than the title."""
_NOUN, _RARE = "{noun}", "{rare}"
"""In titles that are taken apart: the type words, and a rare word that becomes a slot of frequent words."""

Items = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Titles:
    """The templates of all kinds, and the words of their slots."""

    templates: Mapping[int, Mapping[str, float]]
    """Number of a kind -> template -> weight; missing where toile's own words are used."""
    words: Mapping[str, Mapping[int, str]]
    """lead or style -> id of a record -> its word, folded."""
    spelled: Mapping[str, str]
    """Folded word -> most frequent spelling."""
    stand_ins: Mapping[str, tuple[str, ...]]
    """name or term -> the words that stand for rare words, of all kinds."""
    num_replaced: int
    """Rows with a rare word for which another one stands."""
    num_elsewhere: int
    """Rows whose title has too few families in its kind and takes those of the same type elsewhere."""
    num_own: int
    """Rows whose title takes toile's own words."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """A title, split at its type word, with slots."""

    before: Items
    noun: Items
    after: Items
    rare: Items
    """The words for which other ones stand."""


@dataclass(frozen=True, slots=True)
class _Forms:
    """The forms of a record's title from full to bare; the first one that enough families share is its template."""

    forms: tuple[Items, ...]
    words: Mapping[str, str]
    """lead or style -> the word, folded."""
    rare: Items
    """The words, as spelled, for which others stand in its template."""
    shape: Items
    """Its slots, with `_NOUN` in the place of its type words."""
    noun: Items


def infer_titles(kinds: Sequence[FittedKind], min_support: int, names: Iterable[str], market: str) -> Titles:
    """Infer the templates and words that at least `min_support` families use; `names` are those of brands and sites.

    Of the public words of `market` are the terms, and the type words where a title has one of few families.
    """
    forbidden = {word.casefold() for name in names for word in name.replace("-", " ").split()}
    members = [member for kind in kinds for member in kind.members]
    common = _common_words(members, min_support, forbidden)
    parts = {id(member): _split_title(member, common, forbidden, market) for member in members}
    leading = _find_leading(parts.values())
    forms = {key: _list_forms(found, leading) for key, found in parts.items() if found is not None}
    words = {slot: {key: each.words[slot] for key, each in forms.items() if slot in each.words} for slot in WORD_SLOTS}
    readable = [member for member in members if id(member) in forms]
    shapes = _count_shapes(readable, forms, min_support)
    by_first = {
        first: _count_shapes(each, forms, min_support)
        for first, each in group_by(readable, lambda member: (member.path or ("",))[0]).items()
    }
    supported: dict[int, tuple[dict[str, int], list[Family]]] = {}
    for kind in kinds:
        for records in kind.levels:
            if id(records) not in supported:
                supported[id(records)] = _supported(records, forms, min_support, shapes)
    templates: dict[int, dict[str, float]] = {}
    num_elsewhere = num_own = 0
    for number, kind in enumerate(kinds):
        rest = supported[id(kind.levels[0])][1]
        weights = _fill_shapes(by_first.get(kind.path[0]) or shapes, kind, forms, min_support, market)
        for depth in (2, 1, 0):
            own, left = supported[id(kind.levels[depth])]
            counts = _limit_growth(own, len(kind.levels[depth]), weights, min_support) if depth else own
            weights = _complete(counts, left, weights, min_support)
        num_elsewhere += count_rows(rest) if weights else 0
        num_own += count_rows(rest) if not weights else 0
        if weights:
            ordered = sorted(weights.items(), key=lambda item: (-item[1], item[0]))
            templates[number] = dict(ordered[:_MAX_TEMPLATES])
    replaced = [member for member in members if id(member) in forms and forms[id(member)].rare]
    return Titles(
        templates=templates,
        words=words,
        spelled=common,
        stand_ins=_choose_stand_ins([forms[id(member)].rare for member in replaced], common, market),
        num_replaced=count_rows(replaced),
        num_elsewhere=num_elsewhere,
        num_own=num_own,
    )


def _complete(
    own: Mapping[str, float], rest: Sequence[Family], wider: Mapping[str, float], min_support: int
) -> dict[str, float]:
    """Return the weights of templates: their own records count, the rest has the proportions of a wider group.

    A rest of fewer than k families is not counted.
    """
    weights = {text: float(count) for text, count in own.items()}
    known = {_skeleton(tuple(text.split())) for text in weights}
    more = {text: weight for text, weight in wider.items() if _skeleton(tuple(text.split())) not in known}
    if more and (not weights or count_families(rest) >= min_support):
        total = sum(more.values())
        weights |= {text: round_borrowed(max(len(rest), 1) * weight / total) for text, weight in more.items()}
    return weights


def _limit_growth(
    own: Mapping[str, int], num_records: int, wider: Mapping[str, float], min_support: int
) -> Mapping[str, float]:
    """Limit how fast the weights of templates grow from those of a wider group to their own counts."""
    total = sum(wider.values())
    return {
        text: limit_growth(count, count, num_records * wider.get(text, 0.0) / total if total else 0.0, min_support)
        for text, count in own.items()
    }


def _count_shapes(members: Sequence[Family], forms: Mapping[int, "_Forms"], min_support: int) -> dict[Items, int]:
    """Count the shapes of titles (slots only, whatever the type word) that k families of the whole shop share."""
    groups: dict[Items, list[Family]] = defaultdict(list)
    for member in members:
        groups[_skeleton(forms[id(member)].shape)].append(member)
    return {
        tuple(_fullest_variant(Counter(forms[id(member)].shape for member in each)).split()): len(each)
        for _, each in sorted(groups.items())
        if count_families(each) >= min_support
    }


def _fill_shapes(
    shapes: Mapping[Items, int], kind: FittedKind, forms: Mapping[int, "_Forms"], min_support: int, market: str
) -> dict[str, float]:
    """Return shapes of titles as templates of a kind, with its type words that k families use anywhere."""
    groups: dict[Items, list[Family]] = defaultdict(list)
    for member in kind.levels[2]:
        if id(member) in forms:
            groups[forms[id(member)].noun].append(member)
    nouns = {noun: len(each) for noun, each in groups.items() if count_families(each) >= min_support}
    if not nouns and kind.fixed == (None, None):
        nouns = {tuple(silhouette_noun(kind.silhouette, market).split()): 1}
    found: Counter[str] = Counter()
    for noun, weight in nouns.items():
        for shape, count in shapes.items():
            text = " ".join(" ".join(noun) if item == _NOUN else item for item in shape)
            found[text] += count * weight / sum(nouns.values())  # type: ignore[assignment]
    return dict(found)


def own_template(silhouette: str, attributes: Iterable[str], market: str) -> str:
    """Return the market's template of the attributes and its noun: `{pattern} {material} Trench Coat`."""
    have = set(attributes)
    noun = silhouette_noun(silhouette, market)
    slots: dict[str, str] = {slot: f"{{{slot}}}" for slot in ("pattern", "material") if slot in have}
    order = [noun if part == "noun" else slots.get(part) for part in MARKETS[market].order]
    return " ".join(part for part in order if part)


def fits_kind(template: str, silhouette: str, words: Mapping[str, Sequence[str]]) -> bool:
    """Return whether titles of a template name the silhouette, whatever words its slots have.

    `words` are the title words of each slot, possibly empty. One slot is varied at a time, the others have their first.
    """
    parts = template.split()
    usual = {f"{{{slot}}}": found[0] for slot, found in words.items() if found}

    def names(varied: str, word: str) -> bool:
        title = " ".join((word if part == varied else usual.get(part, "")) if "{" in part else part for part in parts)
        found = find_type(tuple(title.split()))
        return found is not None and found[0] == silhouette

    slots = {part for part in parts if "{" in part}
    return names("", "") and all(names(slot, word) for slot in slots for word in words.get(slot[1:-1], ()))


def drop_slots(template: str, slots: Iterable[str]) -> str:
    """Remove slots from a template, and prepositions before them."""
    return drop_words(template, (f"{{{slot}}}" for slot in slots))


def drop_words(template: str, words: Iterable[str]) -> str:
    """Remove words or slots from a template, whatever their case, and prepositions before them."""
    dropped = {word.casefold() for word in words if word}
    found: list[str] = []
    for word in template.split():
        if word.casefold() not in dropped:
            found.append(word)
        elif found and found[-1].casefold() in _BEFORE_SLOTS:
            found.pop()
    return " ".join(found)


def drop_untrue_words(template: str, slot: str, values: Iterable[tuple[str, str]]) -> str | None:
    """Remove words that name a material (or pattern) which not every product has; None if the type word is one.

    `values` are (what is drawn, title word) of the values of the slot. A value whose word the slot shows is named.
    """
    parts = template.split()
    found = find_type(tuple(part for part in parts if "{" not in part))
    literal = [part for part in parts if "{" not in part]
    type_words = set(range(found[1], found[2])) if found else set[int]()
    said: dict[int, str] = {}
    for number, part in enumerate(literal):
        read = read_type_word if number in type_words else read_title_word
        named = read(slot, part)
        if named is not None:
            said[number] = named
    has_slot = f"{{{slot}}}" in parts

    def is_true(number: int) -> bool:
        return all((word and has_slot) or _agree(drawn, said[number]) for drawn, word in values)

    values = list(values)
    untrue = {number for number in said if not is_true(number)}
    return None if untrue & type_words else drop_words(template, (literal[number] for number in untrue))


def _agree(drawn: str, said: str) -> bool:
    """Return whether a drawn material is the one that a title says, or a kind of it: grained leather, rib knit."""
    return drawn == said or drawn.endswith(f"-{said}") or said.endswith(f"-{drawn}")


def has_preposition(template: str, slot: str) -> bool:
    """Return whether a preposition stands before a slot: a value without a word would leave it alone."""
    parts = template.split()
    places = [number for number, part in enumerate(parts) if part == f"{{{slot}}}"]
    return any(number and parts[number - 1].casefold() in _BEFORE_SLOTS for number in places)


def _common_words(members: Iterable[Family], min_support: int, forbidden: Set[str]) -> dict[str, str]:
    """Map each case-folded word that enough families use to its most frequent spelling."""
    holders: dict[str, set[object]] = defaultdict(set)
    spelled: Counter[str] = Counter()
    for index, member in enumerate(members):
        for word in member.words:
            holders[word.casefold()].add(member.name or index)
        spelled.update(set(member.words))
    best: dict[str, str] = {}
    for word, _ in sort_by_count(spelled):
        best.setdefault(word.casefold(), word)
    return {
        folded: best[folded]
        for folded, found in sorted(holders.items())
        if len(found) >= min_support and folded not in forbidden and is_plain_word(folded)
    }


def _choose_stand_ins(rare: Sequence[Items], common: Mapping[str, str], market: str) -> dict[str, tuple[str, ...]]:
    """Choose the words that stand for rare ones: as many names as there are different ones, to a power of two.

    They are spelled as most of the rare words are: in capitals, in small letters, with one capital.
    """
    if not rare:
        return {}
    first = [words[0] for words in rare]
    num = 1 << math.ceil(math.log2(len({word.casefold() for word in first})))
    script = "katakana" if 2 * sum(_is_katakana(word) for word in first) > len(first) else "latin"
    names = invent_names(script)[: min(max(num, _MIN_NAMES), _MAX_NAMES)]
    terms = tuple(word for word in list_terms(market) if word.casefold() not in common) or names[: _MIN_NAMES // 2]
    plain = [word for word in first if is_plain_word(word)]
    spell = next((f for f in (str.upper, str.lower) if 2 * sum(w == f(w) for w in plain) > len(plain)), str)
    return {"name": tuple(map(spell, names)), "term": tuple(map(spell, terms))}


def _find_leading(titles: Iterable[_Parts | None]) -> set[str]:
    """Return the words that stand first more often than last, in titles with several words before the type word."""
    first: Counter[str] = Counter()
    last: Counter[str] = Counter()
    for parts in titles:
        before = parts.before if parts is not None else ()
        modifiers = [word.casefold() for word in before if _is_modifier(word) or word in (_RARE, *_STAND_IN_SLOTS)]
        if len(modifiers) > 1:
            first[modifiers[0]] += 1
            last[modifiers[-1]] += 1
    return {word for word, count in first.items() if count > last[word] and not word.startswith("{")}


def _split_title(member: Family, common: Mapping[str, str], forbidden: Set[str], market: str) -> _Parts | None:
    """Split a title at its type word, with slots for materials, patterns, colours and rare words.

    A type word of few families becomes the market's own. Returns None where the title does not name the record's kind.
    """
    found = find_type(member.words)
    if found is None or found[0] != member.kind:
        return None
    silhouette, start, end = found
    words, type_words = member.words, member.words[start:end]
    noun = tuple(common.get(word.casefold(), "") for word in type_words)
    if not all(noun):
        noun = tuple(silhouette_noun(silhouette, market).split()) if find_fixed(words) == (None, None) else ()
    if not noun:
        return None
    rare: list[str] = []
    before = _replace_with_slots(words[:start], common, forbidden, (), rare)
    after = _replace_with_slots(words[end:], common, forbidden, before, rare, are_names=True)
    return _Parts(before, noun, after, tuple(rare))


def _list_forms(parts: _Parts, leading: Set[str]) -> _Forms:
    """Return the forms of a title: as it is, with slots for all modifiers, its shape, and shorter ones."""
    before, noun, after = parts.before, parts.noun, parts.after
    places = [place for place, word in enumerate(before) if word == _RARE or _is_modifier(word)]
    roles: dict[str, int] = {}
    if len(places) == 1:
        roles["lead" if before[places[0]].casefold() in leading else "style"] = places[0]
    elif places:
        roles = {"lead": places[0], "style": places[-1]}
    slot_at = {place: f"{{{slot}}}" for slot, place in roles.items()}
    linked = next((place for place, word in enumerate(after) if word.casefold() in _LINKS), len(after))
    later = [place for place, word in enumerate(after[:linked]) if _is_modifier(word)] if not roles else []
    behind = {later[0]: "{style}"} if later else {}  # Robe Marlo en soie
    free = [slot for slot in _STAND_IN_SLOTS if slot not in (*before, *after)]
    spare = dict(zip((place for place in places if place not in slot_at), free, strict=False))

    def keep(*slots: str, stand_ins: bool) -> Items:
        kept = {roles[slot] for slot in slots if slot in roles}
        items = [
            slot_at[k] if k in kept else word if _is_kept(word) else spare.get(k, "") for k, word in enumerate(before)
        ]
        if stand_ins:
            shown = behind if "style" in slots else {}
            items += [_NOUN, *(shown.get(k, word if _is_kept(word) else "") for k, word in enumerate(after))]
        else:
            items.append(_NOUN)
        return tuple(dict.fromkeys(word for word in items if word and (stand_ins or word not in _STAND_IN_SLOTS)))

    slotted = {**spare, **slot_at}
    whole = [slotted.get(k, "") if word == _RARE else word for k, word in enumerate(before)]
    full = (*(word for word in whole if word), *noun, *after)[:_MAX_TEMPLATE_WORDS]
    loose_after = (behind.get(k, word if _is_kept(word) else "") for k, word in enumerate(after))
    loose = (*(slotted.get(k, word) for k, word in enumerate(before)), *noun, *(word for word in loose_after if word))
    words = {slot: before[k].casefold() for slot, k in roles.items() if before[k] != _RARE}
    choices = (("lead", "style"), ("style",), ("lead",), ())
    shorter = [keep(*slots, stand_ins=kept) for kept in (True, False) for slots in choices]
    forms = [tuple(w for item in form for w in (noun if item == _NOUN else (item,))) for form in shorter]
    return _Forms(
        forms=(*((full, loose) if len(before) + len(noun) <= _MAX_TEMPLATE_WORDS else (noun, noun)), *forms, noun),
        words=words | ({"style": after[later[0]].casefold()} if later else {}),
        rare=parts.rare,
        shape=shorter[0],
        noun=noun,
    )


def _is_slot(word: str) -> bool:
    return word.startswith("{") and word != _RARE


def _is_kept(word: str) -> bool:
    """Return whether shorter forms of a title keep a word: a slot, and for whom the product is."""
    return _is_slot(word) or is_people_word(word)


def _is_modifier(word: str) -> bool:
    """Return whether a word may be the value of a slot: no slot itself, no type word, no preposition."""
    folded = word.casefold()
    return (
        not word.startswith("{")
        and len(folded) > _SHORT
        and folded not in _FUNCTION_WORDS
        and not is_people_word(word)
        and find_type((word,)) is None
        and read_title_word("material", word) is None
        and read_title_word("pattern", word) is None
    )


def _replace_with_slots(
    words: Sequence[str],
    common: Mapping[str, str],
    forbidden: Set[str],
    earlier: Items,
    rare: list[str],
    *,
    are_names: bool = False,
) -> Items:
    """Replace words with slots; consecutive colour words are one slot, a second material stays a word.

    A preposition before a material is part of the slot's words. For every second rare word, by a hash of it, another
    stands (for all of them where `are_names`): such words are added to `rare`. A rare word after a preposition is left
    out with it.
    """
    items: list[str] = []
    for number, word in enumerate(words):
        folded = word.casefold()
        following = words[number + 1] if number + 1 < len(words) else ""
        slot = next((name for name in SLOTS if read_title_word(name, word) is not None), None)
        if folded in PREPOSITIONS and read_title_word("material", following) is not None:
            continue
        if slot is not None and f"{{{slot}}}" not in (*earlier, *items):
            items.append(f"{{{slot}}}")
        elif slot == "colour" and items and items[-1] == "{colour}":
            continue
        elif folded in common:
            items.append(common[folded])  # the most frequent spelling
        elif number and words[number - 1].casefold() in _LINKS:
            if items and items[-1].casefold() in _LINKS:
                items.pop()
        elif folded in forbidden or not _may_be_name(word):
            continue
        elif zlib.crc32(folded.encode()) % 2 and not are_names:
            items.append(_RARE)
        elif len(rare) < len(STAND_INS):
            items.append(_STAND_IN_SLOTS[len(rare)])
            rare.append(word)
    return tuple(items)


def _may_be_name(word: str) -> bool:
    """Return whether an invented name may stand for a word: of such letters, no type word, no article."""
    first = next((char for char in word if char.isalpha()), " ")
    is_known = unicodedata.name(first, "").startswith(("LATIN", "KATAKANA"))
    return is_known and len(word) > _SHORT and word.casefold() not in _FUNCTION_WORDS and find_type((word,)) is None


def _is_katakana(word: str) -> bool:
    return unicodedata.name(word[0], "").startswith("KATAKANA")


def _supported(
    records: Sequence[Family], forms: Mapping[int, _Forms], min_support: int, shapes: Iterable[Items]
) -> tuple[dict[str, int], list[Family]]:
    """Return the templates that enough families of the records share, with their numbers, and the records without.

    A record whose shape is one of the shop's gets no form that is shorter than that.
    """
    known = {_skeleton(shape) for shape in shapes}
    found: dict[str, int] = {}
    rest = list(records)
    elsewhere: list[Family] = []
    longest = max((len(each.forms) for each in forms.values()), default=0)
    for depth in range(longest):
        groups: dict[Items, list[Family]] = defaultdict(list)
        for member in rest:
            own = forms.get(id(member))
            if own is not None:
                groups[_skeleton(own.forms[depth])].append(member)
        assigned = set()
        for _, inside in sorted(groups.items()):
            if count_families(inside) >= min_support:
                text = _fullest_variant(Counter(forms[id(member)].forms[depth] for member in inside))
                found[text] = found.get(text, 0) + len(inside)
                assigned |= {id(member) for member in inside}
        rest = [member for member in rest if id(member) not in assigned]
        if depth == _LAST_WHOLE:
            elsewhere = [m for m in rest if id(m) in forms and _skeleton(forms[id(m)].shape) in known]
            left = {id(member) for member in elsewhere}
            rest = [member for member in rest if id(member) not in left]
    return found, [*elsewhere, *rest]


def _skeleton(items: Items) -> Items:
    """Remove the slots of material and pattern, whose values may have an empty word."""
    return tuple(item for item in items if item not in {"{material}", "{pattern}"})


def _fullest_variant(found: Counter[Items]) -> str:
    """Return the variant with most slots, of several the most frequent one."""
    fullest: Items = max((items for items, _ in sort_by_count(found)), key=len)
    return " ".join(fullest)


def sort_by_count(counts: Counter[Word]) -> list[tuple[Word, int]]:
    """Sort by count, then by name, so that the order of the rows does not matter."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
