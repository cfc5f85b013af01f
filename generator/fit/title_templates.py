"""Titles taken apart: words that name a material, a pattern or a colour become slots, the others have to be common.

A word that fewer than k families use, that holds a digit, or that belongs to the name of a brand is left out. What
remains of a title is its skeleton; a skeleton with k families behind it becomes a template. This looks at every word of
every title: a private fit does not use it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from generator.fit.mechanisms import Path3
from generator.fit.statistics import Family
from generator.fit.vocabulary import COLOUR_WORDS, MATERIAL_WORDS, PATTERN_WORDS, is_plain_word, noun

Word = TypeVar("Word", str, tuple[str, ...])
SLOTS = ("colour", "pattern", "material")
_KNOWN = {"colour": COLOUR_WORDS, "pattern": PATTERN_WORDS, "material": MATERIAL_WORDS}
_MOST_TEMPLATES = 12
_LONGEST = 9
"""Words of a template, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """What the titles of a catalog are made of."""

    templates: Mapping[Path3, Mapping[str, int]]
    """Category -> template -> designs; an empty mapping where no title of the category is common enough."""
    words: Mapping[str, Mapping[str, int]]
    """material or pattern -> word of the titles -> designs; k at least."""


def grammar(members: Sequence[Family], min_support: int, names: Iterable[str]) -> Grammar:
    """Templates and words with at least `min_support` families behind each; `names` are those of brands and sites."""
    forbidden = {word.casefold() for name in names for word in name.replace("-", " ").split()}
    common = _common_words(members, min_support, forbidden)
    slotted = [(member.path, _slotted(member.words, common)) for member in members if member.path is not None]
    variants: dict[tuple[str, ...], Counter[tuple[str, ...]]] = {}
    for _, items in slotted:
        variants.setdefault(_skeleton(items), Counter())[items] += 1
    full = {
        skeleton: _fullest(skeleton, found, min_support)
        for skeleton, found in variants.items()
        if found.total() >= min_support and any("{" not in item for item in skeleton)
    }
    templates: dict[Path3, Counter[str]] = {}
    for path, items in slotted:
        own = templates.setdefault(path, Counter())
        if _skeleton(items) in full:
            own[full[_skeleton(items)]] += 1
    return Grammar(
        templates={path: dict(_ranked(found)[:_MOST_TEMPLATES]) for path, found in templates.items()},
        words={slot: _slot_words(members, slot, min_support) for slot in ("material", "pattern")},
    )


def plain_template(silhouette: str, attributes: Iterable[str], *, colour: bool = False) -> str:
    """The attributes and the English name of the thing: `{pattern} {material} Trench Coat`."""
    have = set(attributes)
    slots = [f"{{{slot}}}" for slot in SLOTS if slot in have and (colour or slot != "colour")]
    return " ".join([*slots, noun(silhouette)])


def fitting(template: str, attributes: Iterable[str]) -> str:
    """The template without slots that the category lacks."""
    have = {f"{{{name}}}" for name in attributes}
    return " ".join(word for word in template.split() if not word.startswith("{") or word in have)


def _common_words(members: Iterable[Family], min_support: int, forbidden: set[str]) -> dict[str, str]:
    """Case-folded word -> its commonest spelling, for words that enough families use."""
    counts: Counter[str] = Counter()
    spelled: Counter[str] = Counter()
    for member in members:
        counts.update({word.casefold() for word in member.words})
        spelled.update(set(member.words))
    best: dict[str, str] = {}
    for word, _ in _ranked(spelled):
        best.setdefault(word.casefold(), word)
    return {
        folded: best[folded]
        for folded, count in sorted(counts.items())
        if count >= min_support and folded not in forbidden and is_plain_word(folded)
    }


def _slotted(words: Sequence[str], common: Mapping[str, str]) -> tuple[str, ...]:
    """The title with slots; a run of colour words is one colour, a second material is a word like others."""
    items: list[str] = []
    for word in words:
        folded = word.casefold()
        slot = next((name for name in SLOTS if folded in _KNOWN[name]), None)
        if slot is not None and f"{{{slot}}}" not in items:
            items.append(f"{{{slot}}}")
        elif slot == "colour" and items[-1] == "{colour}":
            continue
        elif folded in common and len(items) < _LONGEST:
            items.append(_spelling(word, common[folded]))
    return tuple(items)


def _spelling(word: str, commonest: str) -> str:
    """One spelling for all: the commonest one, which has most of the families behind it."""
    return commonest if word.casefold() == commonest.casefold() else word


def _skeleton(items: tuple[str, ...]) -> tuple[str, ...]:
    """Without material and pattern, whose values may have an empty word."""
    return tuple(item for item in items if item not in {"{material}", "{pattern}"})


def _fullest(skeleton: tuple[str, ...], found: Counter[tuple[str, ...]], min_support: int) -> str:
    """The variant with most slots among the common ones; slots in front where none is common."""
    usual = [items for items, count in _ranked(found) if count >= min_support]
    if not usual:
        slots = [f"{{{slot}}}" for slot in SLOTS if slot != "colour" and any(f"{{{slot}}}" in items for items in found)]
        usual = [(*slots, *skeleton)]
    fullest = max(usual, key=len)
    return " ".join(fullest)


def _slot_words(members: Iterable[Family], slot: str, min_support: int) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for member in members:
        first = next((word.casefold() for word in member.words if word.casefold() in _KNOWN[slot]), None)
        if first is not None:
            counts[first] += 1
    return {word: count for word, count in sorted(counts.items()) if count >= min_support}


def _ranked(counts: Counter[Word]) -> list[tuple[Word, int]]:
    """The commonest first; equally common ones by name, so that the answer never hangs on the order of rows."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
