"""The attributes and categories of a fitted spec: which words are drawn how, and how often, in which category."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator.fit import statistics
from generator.fit.mechanisms import Path3, Releases
from generator.fit.prices import PriceModel
from generator.fit.statistics import Family
from generator.fit.title_templates import Grammar, fitting, plain_template
from generator.fit.vocabulary import MATERIAL_WORDS, PALETTE, PATTERN_WORDS
from schemas.appearance import MATERIALS, PATTERNS, SHOWN
from schemas.silhouettes import RECORDS

_KNOWN = {"material": MATERIAL_WORDS, "pattern": PATTERN_WORDS}
_WIDTHS = 3.0
"""A noisy word has at least so many widths of the noise behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sold:
    """A category and what it sells."""

    path: Path3
    share: float
    silhouette: str
    named: bool
    """Whether a word of the path says so."""

    def shows(self, attribute: str) -> bool:
        """Whether a picture of it shows that attribute."""
        return attribute in SHOWN[self.silhouette]

    @property
    def usual_material(self) -> str:
        """What such a thing is made of where nobody says."""
        return next(iter(RECORDS[self.silhouette].materials), "cotton")


Document = dict[str, Any]
Weights = dict[str, float]


def attributes_of(
    members: Sequence[Family],
    sold: Sequence[Sold],
    prices: PriceModel,
    words: Grammar | None,
    releases: Releases,
    min_support: int,
    shares: Mapping[str, float],
    num_designs: float,
) -> tuple[Document, list[Document], dict[str, str]]:
    """The `attributes` and `categories` of the spec, and remarks; `words` is None where titles may not be read."""
    notes: dict[str, str] = {}
    attributes: Document = {}
    weights: dict[str, list[Weights]] = {}
    for slot, cells, counted in (
        ("material", MATERIALS, statistics.materials(members)),
        ("pattern", PATTERNS, statistics.patterns(members)),
    ):
        if words is None:
            share = shares[f"{slot}s"]
            noisy = releases.counts(counted, share)
            least = max(min_support, _WIDTHS * releases.scale(share))
            weights[slot] = _noisy_weights(slot, statistics.weights_of(counted, cells, noisy, least), sold, num_designs)
            drawn = {cell: cell for cell in cells}
        else:
            weights[slot] = _exact_weights(slot, words.words[slot], members, sold, min_support)
            drawn = {word: _KNOWN[slot][word] for word in words.words[slot]}
            notes |= {f"{slot} {word}": f"{count} designs" for word, count in words.words[slot].items()}
        attributes[slot] = {"values": _values(slot, weights[slot], drawn, prices)}
    attributes["colour"] = {"values": _colours(members, releases, min_support, shares["colours"], notes)}
    attributes = {name: attribute for name, attribute in attributes.items() if attribute["values"]}
    categories = [
        _category(each, {slot: weights[slot][k] for slot in weights}, prices, words, notes, k)
        for k, each in enumerate(sold)
    ]
    return attributes, categories, notes


def unnamed(drawn: str) -> str:
    """The name of a value that is drawn and has no word in the title."""
    return "plain" if drawn == "plain" else f"unnamed {drawn}"


def _noisy_weights(slot: str, kept: Mapping[str, int], sold: Sequence[Sold], num_designs: float) -> list[Weights]:
    """Usual materials of each silhouette in the released proportions; patterns alike in all categories.

    As many designs as name no material, in all, get what such a thing is usually made of and no word for it.
    """
    named = sum(kept.values())
    found: list[Weights] = []
    for each in sold:
        if slot == "pattern":
            own: Weights = {word: float(count) for word, count in kept.items()} or {"plain": 1.0}
        else:
            own = {word: float(kept[word]) for word in RECORDS[each.silhouette].materials if word in kept}
            silent = max(num_designs - named, 0.0) / named * sum(own.values()) if own else 1.0
            own |= {unnamed(each.usual_material): round(silent, 1)} if silent else {}
        found.append(own if each.shows(slot) or slot == "material" else {})
    return found


def _exact_weights(
    slot: str, words: Mapping[str, int], members: Sequence[Family], sold: Sequence[Sold], min_support: int
) -> list[Weights]:
    """The words of each category with enough designs there; the other designs, if enough, get the usual without a word.

    Fewer are left out: their share would tell of them.
    """
    counts: dict[Path3, Counter[str | None]] = {}
    for member in members:
        if member.path is not None:
            named = next((word.casefold() for word in member.words if word.casefold() in _KNOWN[slot]), None)
            counts.setdefault(member.path, Counter())[named] += 1
    found: list[Weights] = []
    for each in sold:
        own = counts[each.path]
        kept: Weights = {word: float(own[word]) for word in words if own[word] >= min_support}
        rest = own.total() - sum(kept.values())
        if rest >= min_support or not kept:
            kept[unnamed("plain" if slot == "pattern" else each.usual_material)] = float(max(rest, 1))
        found.append(kept if each.shows(slot) or slot == "material" else {})
    return found


def _values(slot: str, weights: Sequence[Weights], drawn: Mapping[str, str], prices: PriceModel) -> Document:
    """Every value that some category has."""
    names = sorted({name for own in weights for name in own})
    values: Document = {}
    for name in names:
        silent = name not in drawn or name == "plain"
        word = drawn[name] if not silent else name.removeprefix("unnamed ")
        value: Document = {} if word == name else {"draws": word}
        factor = prices.factor.get((slot, word), 1.0)
        values[name] = value | ({"title": ""} if silent else {}) | ({"price": factor} if factor != 1.0 else {})
    return values


def _colours(
    members: Sequence[Family], releases: Releases, min_support: int, share: float, notes: dict[str, str]
) -> Document:
    counted = statistics.colours(members)
    noisy = releases.counts(counted, share)
    least = max(min_support, _WIDTHS * releases.scale(share))
    kept = statistics.weights_of(counted, tuple(PALETTE), noisy, least)
    if not kept:
        notes["colour"] = "no colour was seen often enough: toile's own palette"
        kept = dict.fromkeys(PALETTE, 1)
    elif not releases.private:
        notes |= {f"colour {name}": f"{count} designs" for name, count in kept.items()}
    return {name: {"draws": PALETTE[name], "weight": count} for name, count in kept.items()}


def _category(
    sold: Sold, weights: dict[str, Weights], prices: PriceModel, words: Grammar | None, notes: dict[str, str], k: int
) -> Document:
    own: dict[str, Weights | None] = {
        slot: weight
        for slot, weight in weights.items()
        if weight and (sold.shows(slot) or not _is_priced(slot, weight, prices))
    }
    own["colour"] = None
    templates: Counter[str] = Counter()
    for template, count in (words.templates.get(sold.path, {}) if words else {}).items():
        if count > 0:
            templates[fitting(template, own)] += count
    if not templates:
        templates[plain_template(sold.silhouette, own)] += 1
        if words is not None:
            notes[f"titles {k}"] = "no title of this category was common enough: toile's own words"
    return {
        "path": sold.path,
        "share": sold.share,
        "silhouette": sold.silhouette,
        "price": {
            "median": float(f"{prices.median[sold.path]:.4g}"),
            "spread": round(prices.spread[sold.path], 3),
        },
        "titles": dict(templates),
        "attributes": own,
    }


def _is_priced(slot: str, weights: Weights, prices: PriceModel) -> bool:
    """Whether values of this category differ in price: not allowed for what a picture does not show."""
    drawn = [_KNOWN[slot].get(name, name.removeprefix("unnamed ")) for name in weights]
    return len({prices.factor.get((slot, word), 1.0) for word in drawn}) > 1
