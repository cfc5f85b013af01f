"""Infer title templates of each kind from real titles.

Words that name a material, a pattern or a colour become slots; other words must be those of at least k families. What
is left of a title is a template if k families of the kind share it. Else its words before the type word become the
slots {lead} and {style}, whose values k families have each, then they are left out. A title of which no such form has k
families gets the templates of the same type elsewhere in the shop, and at last toile's own words.

The type word stays as it is: every title of a kind names the silhouette that is drawn (`find_kind`). A word is left out
if it contains a digit, or if it belongs to the name of a brand. A private fit has no titles: its words are toile's own.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TypeVar

from generator.fit.categories import FittedKind, count_rows, round_borrowed
from generator.fit.families import PREPOSITIONS, Family, count_families, find_type, read_title_word
from generator.fit.vocabulary import is_plain_word, read_type_word
from schemas.markets import MARKETS, silhouette_noun

Word = TypeVar("Word", str, tuple[str, ...])
SLOTS = ("colour", "pattern", "material")
WORD_SLOTS = ("lead", "style")
"""Slots of the first and the last word before the type word."""
_MAX_TEMPLATES = 16
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
    num_elsewhere: int
    """Rows whose title has too few families in its kind and takes those of the same type elsewhere."""
    num_own: int
    """Rows whose title takes toile's own words."""


@dataclass(frozen=True, slots=True)
class _Forms:
    """The forms of a record's title from full to bare; the first one that enough families share is its template."""

    forms: tuple[Items, ...]
    words: Mapping[str, str]
    """lead or style -> the word, folded."""


def infer_titles(kinds: Sequence[FittedKind], min_support: int, names: Iterable[str]) -> Titles:
    """Infer the templates and words that at least `min_support` families use; `names` are those of brands and sites."""
    forbidden = {word.casefold() for name in names for word in name.replace("-", " ").split()}
    members = [member for kind in kinds for member in kind.members]
    common = _common_words(members, min_support, forbidden)
    leading = _find_leading(members, common)
    listed = ((id(member), _list_forms(member, common, leading)) for member in members)
    forms = {key: each for key, each in listed if each is not None}
    words = {slot: {key: each.words[slot] for key, each in forms.items() if slot in each.words} for slot in WORD_SLOTS}
    supported: dict[int, tuple[dict[str, int], list[Family]]] = {}
    for kind in kinds:
        for records in reversed(kind.levels):
            if id(records) not in supported:
                wider = [supported[id(kind.levels[2])][0]] if records is not kind.levels[2] else []
                known = {_skeleton(tuple(text.split())) for each in wider for text in each}
                supported[id(records)] = _supported(records, forms, min_support, known)
    templates: dict[int, dict[str, float]] = {}
    num_elsewhere = num_own = 0
    for number, kind in enumerate(kinds):
        own, rest = supported[id(kind.levels[0])]
        weights = {text: float(count) for text, count in own.items()}
        if rest and weights and count_families(rest) < min_support:
            num_elsewhere += count_rows(rest)
        elif rest or not weights:
            upper = [supported[id(kind.levels[depth])][0] for depth in (1, 2)]
            more = next(
                (found for each in upper if (found := {t: n for t, n in each.items() if t not in weights})), None
            )
            num_rows = count_rows(rest)
            if more is None and not weights:
                num_own += num_rows
            elif more is None:
                num_elsewhere += num_rows
            else:
                num_elsewhere += num_rows
                total = sum(more.values())
                weights |= {text: round_borrowed(max(len(rest), 1) * count / total) for text, count in more.items()}
        if weights:
            ordered = sorted(weights.items(), key=lambda item: (-item[1], item[0]))
            templates[number] = dict(ordered[:_MAX_TEMPLATES])
    return Titles(templates=templates, words=words, spelled=common, num_elsewhere=num_elsewhere, num_own=num_own)


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


def _common_words(members: Iterable[Family], min_support: int, forbidden: set[str]) -> dict[str, str]:
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


def _find_leading(members: Iterable[Family], common: Mapping[str, str]) -> set[str]:
    """Return the words that stand first more often than last, in titles with several words before the type word."""
    first: Counter[str] = Counter()
    last: Counter[str] = Counter()
    for member in members:
        parts = _split_title(member, common)
        modifiers = [word.casefold() for word in parts[0] if _is_modifier(word)] if parts is not None else []
        if len(modifiers) > 1:
            first[modifiers[0]] += 1
            last[modifiers[-1]] += 1
    return {word for word, count in first.items() if count > last[word]}


def _split_title(member: Family, common: Mapping[str, str]) -> tuple[Items, Items, Items] | None:
    """Return what stands before the type word, itself, and what follows, with slots and without words of few families.

    Returns None where the title does not name the record's kind in words that may be used.
    """
    found = find_type(member.words)
    if found is None or found[0] != member.kind:
        return None
    _, start, end = found
    words, type_words = member.words, member.words[start:end]
    if any(word.casefold() not in common for word in type_words):
        return None
    before = _replace_with_slots(words[:start], common, ())
    noun = tuple(common[word.casefold()] for word in type_words)
    return before, noun, _replace_with_slots(words[end:], common, before)


def _list_forms(member: Family, common: Mapping[str, str], leading: set[str]) -> _Forms | None:
    """Return the forms of a title, or None where it does not name the record's kind in words that may be used."""
    parts = _split_title(member, common)
    if parts is None:
        return None
    before, noun, after = parts
    literal = [word for word in before if _is_modifier(word)]
    roles: dict[str, str] = {}
    if len(literal) == 1:
        roles["lead" if literal[0].casefold() in leading else "style"] = literal[0]
    elif literal:
        roles = {"lead": literal[0], "style": literal[-1]}
    full = (*before, *noun, *after)[:_MAX_TEMPLATE_WORDS] if len(before) + len(noun) <= _MAX_TEMPLATE_WORDS else noun

    def keep(*slots: str) -> Items:
        names = {roles[slot]: f"{{{slot}}}" for slot in slots if slot in roles}
        found = [word if word.startswith("{") else names.get(word, "") for word in before]
        return (*dict.fromkeys(word for word in found if word), *noun)

    forms = (full, keep("lead", "style"), keep("style"), keep("lead"), keep(), noun)
    return _Forms(tuple(dict.fromkeys(forms)), {slot: word.casefold() for slot, word in roles.items()})


def _is_modifier(word: str) -> bool:
    """Return whether a word may be the value of a slot: no slot itself, no type word, no preposition."""
    folded = word.casefold()
    return (
        not word.startswith("{")
        and len(folded) > _SHORT
        and folded not in _FUNCTION_WORDS
        and find_type((word,)) is None
        and read_title_word("material", word) is None
        and read_title_word("pattern", word) is None
    )


def _replace_with_slots(words: Sequence[str], common: Mapping[str, str], earlier: Sequence[str]) -> Items:
    """Replace words with slots; consecutive colour words are one slot, a second material stays a word.

    A preposition before a material is part of the slot's words.
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
    return tuple(items)


def _supported(
    records: Sequence[Family], forms: Mapping[int, _Forms], min_support: int, wider: Set[Items]
) -> tuple[dict[str, int], list[Family]]:
    """Return the templates that enough families of the records share, with their numbers, and the records without.

    A record gets no shorter template than the first one that is in `wider`: it shall have those of its type elsewhere.
    """
    found: dict[str, int] = {}
    rest = list(records)
    elsewhere: list[Family] = []
    longest = max((len(each.forms) for each in forms.values()), default=0)
    for depth in range(longest):
        groups: dict[Items, list[Family]] = defaultdict(list)
        for member in rest:
            own = forms.get(id(member))
            if own is not None:
                groups[_form_at(own, depth)].append(member)
        assigned = set()
        for _, inside in sorted(groups.items()):
            if count_families(inside) >= min_support:
                variants = Counter(forms[id(m)].forms[min(depth, len(forms[id(m)].forms) - 1)] for m in inside)
                text = _fullest_variant(variants)
                found[text] = found.get(text, 0) + len(inside)
                assigned |= {id(member) for member in inside}
        rest = [member for member in rest if id(member) not in assigned]
        known = {id(m) for m in rest if id(m) in forms and _form_at(forms[id(m)], depth) in wider}
        elsewhere += [member for member in rest if id(member) in known]
        rest = [member for member in rest if id(member) not in known]
    return found, [*elsewhere, *rest]


def _form_at(forms: _Forms, depth: int) -> Items:
    return _skeleton(forms.forms[min(depth, len(forms.forms) - 1)])


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
