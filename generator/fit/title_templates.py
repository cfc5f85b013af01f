"""Infer title templates from real titles.

Words that name a material, a pattern or a colour become slots; the other words must be common. A word is left out if
fewer than k families use it, if it contains a digit, or if it belongs to the name of a brand. The rest of a title is
its skeleton. A skeleton of at least k families becomes a template. This reads every word of every title, so a private
fit does not use it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from generator.fit.mechanisms import CategoryPath
from generator.fit.statistics import Family
from generator.fit.vocabulary import COLOUR_WORDS, MATERIAL_WORDS, PATTERN_WORDS, english_noun, is_plain_word

Word = TypeVar("Word", str, tuple[str, ...])
SLOTS = ("colour", "pattern", "material")
_KNOWN = {"colour": COLOUR_WORDS, "pattern": PATTERN_WORDS, "material": MATERIAL_WORDS}
_MAX_TEMPLATES = 12
_MAX_TEMPLATE_WORDS = 9
"""Largest number of words of a template."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TitleTemplates:
    """Templates and slot words of the titles of a catalog."""

    templates: Mapping[CategoryPath, Mapping[str, int]]
    """Category -> template -> number of families; empty if no title of the category is common enough."""
    words: Mapping[str, Mapping[str, int]]
    """material or pattern -> word of the titles -> number of families, at least k."""


def infer_title_templates(members: Sequence[Family], min_support: int, names: Iterable[str]) -> TitleTemplates:
    """Infer the templates and words that at least `min_support` families use; `names` are those of brands and sites."""
    forbidden = {word.casefold() for name in names for word in name.replace("-", " ").split()}
    common = _common_words(members, min_support, forbidden)
    slotted = [
        (member.path, _replace_with_slots(member.words, common)) for member in members if member.path is not None
    ]
    variants: dict[tuple[str, ...], Counter[tuple[str, ...]]] = {}
    for _, items in slotted:
        variants.setdefault(_skeleton(items), Counter())[items] += 1
    full = {
        skeleton: _fullest_variant(skeleton, found, min_support)
        for skeleton, found in variants.items()
        if found.total() >= min_support and any("{" not in item for item in skeleton)
    }
    templates: dict[CategoryPath, Counter[str]] = {}
    for path, items in slotted:
        own = templates.setdefault(path, Counter())
        if _skeleton(items) in full:
            own[full[_skeleton(items)]] += 1
    return TitleTemplates(
        templates={path: dict(_sort_by_count(found)[:_MAX_TEMPLATES]) for path, found in templates.items()},
        words={slot: _count_slot_words(members, slot, min_support) for slot in ("material", "pattern")},
    )


def default_template(silhouette: str, attributes: Iterable[str], *, colour: bool = False) -> str:
    """Return the template of the attributes and the English noun: `{pattern} {material} Trench Coat`."""
    have = set(attributes)
    slots = [f"{{{slot}}}" for slot in SLOTS if slot in have and (colour or slot != "colour")]
    return " ".join([*slots, english_noun(silhouette)])


def drop_missing_slots(template: str, attributes: Iterable[str]) -> str:
    """Remove slots that the category does not have from a template."""
    have = {f"{{{name}}}" for name in attributes}
    return " ".join(word for word in template.split() if not word.startswith("{") or word in have)


def _common_words(members: Iterable[Family], min_support: int, forbidden: set[str]) -> dict[str, str]:
    """Map each case-folded word that enough families use to its most frequent spelling."""
    counts: Counter[str] = Counter()
    spelled: Counter[str] = Counter()
    for member in members:
        counts.update({word.casefold() for word in member.words})
        spelled.update(set(member.words))
    best: dict[str, str] = {}
    for word, _ in _sort_by_count(spelled):
        best.setdefault(word.casefold(), word)
    return {
        folded: best[folded]
        for folded, count in sorted(counts.items())
        if count >= min_support and folded not in forbidden and is_plain_word(folded)
    }


def _replace_with_slots(words: Sequence[str], common: Mapping[str, str]) -> tuple[str, ...]:
    """Replace words with slots; consecutive colour words are one slot, a second material stays a word."""
    items: list[str] = []
    for word in words:
        folded = word.casefold()
        slot = next((name for name in SLOTS if folded in _KNOWN[name]), None)
        if slot is not None and f"{{{slot}}}" not in items:
            items.append(f"{{{slot}}}")
        elif slot == "colour" and items[-1] == "{colour}":
            continue
        elif folded in common and len(items) < _MAX_TEMPLATE_WORDS:
            items.append(common[folded])  # the most frequent spelling
    return tuple(items)


def _skeleton(items: tuple[str, ...]) -> tuple[str, ...]:
    """Remove the slots of material and pattern, whose values may have an empty word."""
    return tuple(item for item in items if item not in {"{material}", "{pattern}"})


def _fullest_variant(skeleton: tuple[str, ...], found: Counter[tuple[str, ...]], min_support: int) -> str:
    """Return the common variant with most slots; if none is common, put the slots in front of the skeleton."""
    usual = [items for items, count in _sort_by_count(found) if count >= min_support]
    if not usual:
        slots = [f"{{{slot}}}" for slot in SLOTS if slot != "colour" and any(f"{{{slot}}}" in items for items in found)]
        usual = [(*slots, *skeleton)]
    fullest = max(usual, key=len)
    return " ".join(fullest)


def _count_slot_words(members: Iterable[Family], slot: str, min_support: int) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for member in members:
        first = next((word.casefold() for word in member.words if word.casefold() in _KNOWN[slot]), None)
        if first is not None:
            counts[first] += 1
    return {word: count for word, count in sorted(counts.items()) if count >= min_support}


def _sort_by_count(counts: Counter[Word]) -> list[tuple[Word, int]]:
    """Sort by count, then by name, so that the order of the rows does not matter."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
