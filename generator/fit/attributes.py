"""Build the attributes and categories of a fitted spec: the words, how they are rendered, and their weights."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator.fit import statistics
from generator.fit.mechanisms import BUDGET_SHARES, CategoryPath, Mechanism
from generator.fit.prices import PriceModel
from generator.fit.statistics import Family
from generator.fit.title_templates import TitleTemplates, default_template, drop_missing_slots
from generator.fit.vocabulary import MATERIAL_WORDS, PALETTE, PATTERN_WORDS
from schemas.appearance import MATERIALS, PATTERNS, SHOWN
from schemas.silhouettes import RECORDS

_KNOWN = {"material": MATERIAL_WORDS, "pattern": PATTERN_WORDS}
_WIDTHS = 3.0
"""A noisy word needs a count of at least this many noise scales."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedCategory:
    """A category of the spec and the silhouette it is rendered as."""

    path: CategoryPath
    share: float
    silhouette: str
    named: bool
    """Whether a word of the path names the silhouette."""

    def shows(self, attribute: str) -> bool:
        """Return whether an image of the category shows the attribute."""
        return attribute in SHOWN[self.silhouette]

    @property
    def usual_material(self) -> str:
        """Return the material of products whose title names none."""
        return next(iter(RECORDS[self.silhouette].materials), "cotton")


Document = dict[str, Any]
Weights = dict[str, float]


def build_attributes(
    members: Sequence[Family],
    categories: Sequence[FittedCategory],
    prices: PriceModel,
    templates: TitleTemplates | None,
    mechanism: Mechanism,
    min_support: int,
    num_designs: float,
) -> tuple[Document, list[Document], dict[str, str]]:
    """Build the `attributes` and `categories` of the spec, and remarks on their lines.

    `templates` is None if titles may not be read (private fit). `num_designs` is the released number of families.
    """
    notes: dict[str, str] = {}
    attributes: Document = {}
    weights: dict[str, list[Weights]] = {}
    for slot, cells, counted in (
        ("material", MATERIALS, statistics.count_materials(members)),
        ("pattern", PATTERNS, statistics.count_patterns(members)),
    ):
        if templates is None:
            share = BUDGET_SHARES[f"{slot}s"]
            noisy = mechanism.release_counts(counted, share)
            least = max(min_support, _WIDTHS * mechanism.noise_scale(share))
            weights[slot] = _noisy_weights(
                slot, statistics.keep_large_cells(counted, cells, noisy, least), categories, num_designs
            )
            rendered = {cell: cell for cell in cells}
        else:
            weights[slot] = _exact_weights(slot, templates.words[slot], members, categories, min_support)
            rendered = {word: _KNOWN[slot][word] for word in templates.words[slot]}
            notes |= {f"{slot} {word}": f"{count} designs" for word, count in templates.words[slot].items()}
        attributes[slot] = {"values": _values(slot, weights[slot], rendered, prices)}
    attributes["colour"] = {"values": _colours(members, mechanism, min_support, notes)}
    attributes = {name: attribute for name, attribute in attributes.items() if attribute["values"]}
    documents = [
        _category(each, {slot: weights[slot][k] for slot in weights}, prices, templates, notes, k)
        for k, each in enumerate(categories)
    ]
    return attributes, documents, notes


def unnamed_value(rendered: str) -> str:
    """Return the name of a value that is rendered and has no word in the title."""
    return "plain" if rendered == "plain" else f"unnamed {rendered}"


def _noisy_weights(
    slot: str, kept: Mapping[str, int], categories: Sequence[FittedCategory], num_designs: float
) -> list[Weights]:
    """Give each silhouette its usual materials in the released proportions, and all categories the same patterns.

    The share of families that name no material gets the usual material of the category, without a word in the title.
    """
    named = sum(kept.values())
    found: list[Weights] = []
    for each in categories:
        if slot == "pattern":
            own: Weights = {word: float(count) for word, count in kept.items()} or {"plain": 1.0}
        else:
            own = {word: float(kept[word]) for word in RECORDS[each.silhouette].materials if word in kept}
            silent = max(num_designs - named, 0.0) / named * sum(own.values()) if own else 1.0
            own |= {unnamed_value(each.usual_material): round(silent, 1)} if silent else {}
        found.append(own if each.shows(slot) or slot == "material" else {})
    return found


def _exact_weights(
    slot: str,
    words: Mapping[str, int],
    members: Sequence[Family],
    categories: Sequence[FittedCategory],
    min_support: int,
) -> list[Weights]:
    """Count the words of each category that have enough families there.

    The other families, if there are enough of them, get the usual value without a word. Fewer are left out: their
    share would reveal them.
    """
    counts: dict[CategoryPath, Counter[str | None]] = {}
    for member in members:
        if member.path is not None:
            named = next((word.casefold() for word in member.words if word.casefold() in _KNOWN[slot]), None)
            counts.setdefault(member.path, Counter())[named] += 1
    found: list[Weights] = []
    for each in categories:
        own = counts[each.path]
        kept: Weights = {word: float(own[word]) for word in words if own[word] >= min_support}
        rest = own.total() - sum(kept.values())
        if rest >= min_support or not kept:
            kept[unnamed_value("plain" if slot == "pattern" else each.usual_material)] = float(max(rest, 1))
        found.append(kept if each.shows(slot) or slot == "material" else {})
    return found


def _values(slot: str, weights: Sequence[Weights], rendered: Mapping[str, str], prices: PriceModel) -> Document:
    """List every value that some category has, with its rendering and price factor."""
    names = sorted({name for own in weights for name in own})
    values: Document = {}
    for name in names:
        silent = name not in rendered or name == "plain"
        word = rendered[name] if not silent else name.removeprefix("unnamed ")
        value: Document = {} if word == name else {"draws": word}
        factor = prices.factor.get((slot, word), 1.0)
        values[name] = value | ({"title": ""} if silent else {}) | ({"price": factor} if factor != 1.0 else {})
    return values


def _colours(members: Sequence[Family], mechanism: Mechanism, min_support: int, notes: dict[str, str]) -> Document:
    share = BUDGET_SHARES["colours"]
    counted = statistics.count_colours(members)
    noisy = mechanism.release_counts(counted, share)
    least = max(min_support, _WIDTHS * mechanism.noise_scale(share))
    kept = statistics.keep_large_cells(counted, tuple(PALETTE), noisy, least)
    if not kept:
        notes["colour"] = "no colour was frequent enough: toile's own palette"
        kept = dict.fromkeys(PALETTE, 1)
    elif not mechanism.private:
        notes |= {f"colour {name}": f"{count} designs" for name, count in kept.items()}
    return {name: {"draws": PALETTE[name], "weight": count} for name, count in kept.items()}


def _category(
    category: FittedCategory,
    weights: dict[str, Weights],
    prices: PriceModel,
    templates: TitleTemplates | None,
    notes: dict[str, str],
    k: int,
) -> Document:
    own: dict[str, Weights | None] = {
        slot: weight
        for slot, weight in weights.items()
        if weight and (category.shows(slot) or not _is_priced(slot, weight, prices))
    }
    own["colour"] = None
    titles: Counter[str] = Counter()
    for template, count in (templates.templates.get(category.path, {}) if templates else {}).items():
        if count > 0:
            titles[drop_missing_slots(template, own)] += count
    if not titles:
        titles[default_template(category.silhouette, own)] += 1
        if templates is not None:
            notes[f"titles {k}"] = "no title of this category was frequent enough: toile's own words"
    return {
        "path": category.path,
        "share": category.share,
        "silhouette": category.silhouette,
        "price": {
            "median": float(f"{prices.median[category.path]:.4g}"),
            "spread": round(prices.spread[category.path], 3),
        },
        "titles": dict(titles),
        "attributes": own,
    }


def _is_priced(slot: str, weights: Weights, prices: PriceModel) -> bool:
    """Return whether values of the category differ in price: not allowed if an image does not show the attribute."""
    rendered = [_KNOWN[slot].get(name, name.removeprefix("unnamed ")) for name in weights]
    return len({prices.factor.get((slot, word), 1.0) for word in rendered}) > 1
