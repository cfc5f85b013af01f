"""Fit a catalog spec to real rows: read families, choose leaves and kinds, build the spec, and write it as YAML.

    from generator.fit.fit_spec import fit, to_yaml
    text = to_yaml(fit(Path("data/real"), FitOptions(epsilon=1.0)))

Only the train split is read. Values of fewer than k families are left out or counted with others. With epsilon the
records of the families are replaced by differentially private synthetic ones (`private.synthesize`) before anything
else looks at them; what follows is the same. docs/privacy.md explains the guarantees.
"""

import dataclasses
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from generator.fit import CategoryPath, FitOptions
from generator.fit.attributes import (
    Document,
    KeptColumn,
    Slot,
    count_values,
    fill_material,
    keep_column,
    make_counters,
    make_slots,
    make_stand_in_slot,
    make_word_slot,
    rendered_word,
    replace_listed_values,
    usual_material,
    weigh_slot,
)
from generator.fit.categories import FittedKind, FittedLeaf, Remark, count_rows, group_by, select_leaves
from generator.fit.families import Family, count_families, read_families
from generator.fit.prices import (
    KindPrice,
    compare_with_usual,
    count_percents,
    find_price_bounds,
    find_round_unit,
    find_wide_range,
    fit_discounts,
    fit_kind_price,
    fit_usual_spread,
    fit_word_factors,
    infer_price_bands,
    prefer_type_prices,
    usual_eur_rate,
    usual_rate,
)
from generator.fit.private import Synthesis, load_opendp, synthesize
from generator.fit.title_templates import (
    SLOTS,
    STAND_INS,
    WORD_SLOTS,
    Titles,
    drop_slots,
    drop_untrue_words,
    drop_words,
    fits_kind,
    has_preposition,
    infer_titles,
    own_template,
)
from generator.fit.vocabulary import PALETTE, guess_market, names_other_people
from generator.sampling.products import compile_catalog, rows
from schemas.catalog import MISSING_LABEL, CatalogSpec, PriceBand, Provenance, Value, title_word
from schemas.documents import parse_document
from schemas.errors import ToileError
from schemas.manifest import read_manifest
from schemas.markets import MARKETS
from schemas.prices import THREE_DECIMALS
from schemas.product import read
from schemas.util.files import storage_errors, write_atomic
from schemas.validation import from_document

__all__ = ["Fit", "FitOptions", "fit", "to_yaml", "write_spec"]

_HEADINGS = {
    "shop": "An invented shop: no name of the real one is here.",
    "colourways": "How many products share a design.",
    "distinct_titles": "Share of designs that avoid the title of another one.",
    "navigation": "Products under a label of the site instead of their category.",
    "prices": "The endings of full prices, and the discounts: percent -> weight.",
    "extra": "The columns that were kept.",
    "attributes": "What a design has. `draws` is the renderer's word, `title` the word in titles.",
    "categories": "Shares are of designs; `quantiles` are prices at evenly spaced probabilities from 0 to 1.",
    "provenance": "Where this spec comes from. Keep it with the spec.",
}
_CHECKED_ROWS = 2000
_MANY_VALUES = 10
"""So many values without any key of their own are written on few lines."""
_SYNTHETIC_SUPPORT = 5
"""Of thousands of synthetic families, so many are enough: what is rare is protected by the noise."""
_SAID_BY_GROUP = ("materials", "patterns", "colours", "discounts")
"""Tables of a private fit of which the command says where they are counted by groups of categories."""
_GUESS = "too little says what it sells: choose its silhouettes"
_MOST_NAMED = 5
_WORTH_SAYING = 0.005
"""Rules that touch a smaller share of the rows are not mentioned."""
_PRICE_TOLERANCE = 0.1
"""Largest distance (Kolmogorov-Smirnov) between generated and fitted prices without a warning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A fitted spec as a document, with remarks and messages."""

    document: dict[str, Any]
    notes: dict[str, str]
    """`category 0`, `material cashmere`, ... -> a remark on that line of the YAML file."""
    messages: tuple[str, ...]
    """For people; with epsilon they depend on noisy counts only."""


def fit(
    folder: Path | str, options: FitOptions | None = None, *, progress: Callable[[str], None] = lambda _: None
) -> Fit:
    """Fit a catalog spec to the train split of a catalog folder. Raises ToileError if there is nothing to fit."""
    folder, options = Path(folder), options or FitOptions()
    currency, country = _find_market(folder, options)
    if options.epsilon is not None:
        return _fit_private(folder, options, currency, country, progress)
    families, num_rows = read_families(folder, currency, images=options.images, keep=options.keep)
    if not any(member.full_price for member in families):
        _check_currency(folder, currency)
    return build_fit(
        families, _exact_provenance(num_rows, families, options), options, currency, country, _read_brand_names(folder)
    )


def _fit_private(
    folder: Path, options: FitOptions, currency: str, country: str | None, progress: Callable[[str], None]
) -> Fit:
    """Replace the families by private synthetic ones, and fit these like real ones. Notes and messages are private.

    So are errors after the release: they follow from the synthetic families, and say that the budget is spent.
    """
    load_opendp()
    options = dataclasses.replace(options, currency=currency)
    progress("reading the train split")
    families, _ = read_families(folder, currency, images=options.images, keep=options.keep, unit=options.unit)
    families = [replace_listed_values(family, options.keep_values) for family in families]
    made = synthesize(families, options, progress=progress)
    progress("fitting the synthetic families")
    provenance = _private_provenance(made, options)
    lenient = dataclasses.replace(options, min_support=_SYNTHETIC_SUPPORT)
    try:
        found = build_fit(made.families, provenance, lenient, currency, country)
    except ToileError as error:
        problem = f"{error.problem}; the privacy budget is spent all the same"
        raise ToileError(error.where, problem, error.hint) from error
    notes = {place: _drop_counts(note) for place, note in found.notes.items()}
    messages = [*made.messages, *_say_guesses(found, made, options)]
    return dataclasses.replace(found, notes=notes, messages=(provenance.statement, *messages))


def _say_guesses(found: Fit, made: Synthesis, options: FitOptions) -> list[str]:
    """Say what the spec does not know of each category, from what was released and from public facts only."""
    messages = []
    guessed = [c for n, c in enumerate(found.document["categories"]) if _GUESS in found.notes.get(f"category {n}", "")]
    share = sum(category["share"] for category in guessed)
    if share >= _WORTH_SAYING:
        messages.append(
            f"warning: {share:.0%} of the designs are in categories whose names do not say what they sell; the noise "
            "hides the types of products there, so they are toile's guess: edit `kinds`"
        )
    num_categories = len(found.document["categories"])
    for row in made.ledger:
        groups = re.match(r"(\d+) groups of categories", row.bins)
        if groups and int(groups[1]) < num_categories and row.statistic in _SAID_BY_GROUP:
            messages.append(
                f"{row.statistic} are those of {_number(int(groups[1]), 'group')} of categories, not of each category"
            )
    for name, values in options.keep_values.items():
        shares = Counter(family.kept.get(name) for family in made.families)
        epsilon = next((row.epsilon for row in made.ledger if row.statistic == f"column {name}"), math.inf)
        least = max(2 / epsilon, 1.0) * len(made.families) / made.num_families
        rare = [str(value) for value in values if shares[value] < least]
        if rare:
            listed = ", ".join(rare[:_MOST_NAMED]) + (", ..." if len(rare) > _MOST_NAMED else "")
            messages.append(f"warning: by noisy counts hardly any design has these values of {name}: {listed}")
        others = 1 - sum(shares[value] for value in values) / len(made.families)
        if others >= 0.5:
            messages.append(f"warning: by noisy counts {others:.0%} of the designs have no value of the list of {name}")
    return messages


def _number(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _private_provenance(made: Synthesis, options: FitOptions) -> Provenance:
    epsilon, delta = (math.fsum(getattr(row, name) for row in made.ledger) for name in ("epsilon", "delta"))
    unit = "product family" if options.unit == "family" else "row"
    return Provenance(
        fitted_from="the train split of a shard folder",
        num_rows=max(round(count_rows(made.families) / made.scale), 1),
        num_families=made.num_families,
        private=True,
        statement=(
            f"What this spec says of real rows is differentially private: epsilon {options.epsilon:g} in all, delta at "
            f"most {options.delta:g}, for one {unit} more or less in the train split. The ledger lists all of it."
        ),
        min_support=options.min_support,
        unit=options.unit,
        price_range=options.price_range or (),
        epsilon=epsilon,
        delta=delta,
        ledger=made.ledger,
    )


def _drop_counts(note: str) -> str:
    """Return a note without the number of synthetic families, which says nothing."""
    return "; ".join(part for part in note.split("; ") if not part.endswith(" designs"))


def build_fit(
    families: Sequence[Family],
    provenance: Provenance,
    options: FitOptions,
    currency: str,
    country: str | None,
    names: Iterable[str] = (),
) -> Fit:
    """Build the spec of families, real ones or private synthetic ones. `names` of brands are kept out of titles."""
    leaves, remarks = select_leaves(families, options)
    kinds = [kind for leaf in leaves for kind in leaf.kinds]
    members = [member for kind in kinds for member in kind.members]
    market = next((code for code, each in MARKETS.items() if each.country_code == country), None)
    if market is None:
        market = guess_market(currency, (name for leaf in leaves for name in leaf.path))
    num_priced = count_rows(member for member in members if member.full_price)
    decimals = 3 if currency in THREE_DECIMALS else 2
    titles = infer_titles(kinds, options.min_support, names, market)
    remarks += [
        Remark(
            "have a title that too few designs share: it takes those of the same type elsewhere",
            titles.num_elsewhere,
            "--min-support",
        ),
        Remark(
            "have a title word that too few designs have: an invented one is there",
            titles.num_replaced,
            "--min-support",
        ),
        Remark("take toile's own words for their title", titles.num_own, "--min-support"),
        Remark("have no price: theirs are those of their type", count_rows(members) - num_priced, "the table's prices"),
    ]
    slots = [
        *make_slots(members, market),
        *(make_word_slot(name, members, titles.words[name], titles.spelled) for name in WORD_SLOTS),
        *(make_stand_in_slot(name) for name in STAND_INS),
    ]
    kept: list[KeptColumn] = []
    for name in options.keep:
        kept.append(
            keep_column(
                name, members, {slot.name for slot in slots} | {each.slot.name for each in kept}, options.min_support
            )
        )
        remarks.append(
            Remark(f"have a rare value of {name}: it takes a common one", kept[-1].num_rare_rows, "--min-support")
        )
    builder = _Builder(options, slots, kept, titles, market, kinds, usual_rate(currency))
    categories, notes = builder.build_categories(leaves)
    for source, whose in (
        ("its leaf", "those of other types of its leaf, times the ratio of toile's usual prices"),
        ("the shop", "toile's usual ones, at the level and with the spread of the shop's prices"),
    ):
        rows = builder.rows_by_source[source]
        remarks.append(
            Remark(
                f"are of a type that too few designs with a price have: its prices are {whose}", rows, "--min-support"
            )
        )
    document: Document = {
        "name": options.name,
        "description": f"Fitted by toile fit. {provenance.statement}",
        "shop": _invent_shop(
            options.name, currency, country or MARKETS[market].country_code, families, options.min_support
        ),
        "colourways": builder.colourways,
        "navigation": _fit_navigation(families, {leaf.path[2] for leaf in leaves}, options.min_support),
        "prices": {
            "bands": infer_price_bands(members, options.min_support, decimals)
            if num_priced
            else (PriceBand(per=find_round_unit(currency)),),
            "discounts": builder.discounts,
        },
        "attributes": builder.build_attributes(notes),
        "categories": categories,
        "provenance": provenance,
    }
    if kept:
        document["extra"] = {each.column: each.extra for each in kept}
    if titles.templates:
        document["distinct_titles"] = 0.0
        document["distinct_titles"] = _fit_distinct_titles(Fit(document=document, notes=notes, messages=()), families)
    found = Fit(document=document, notes=notes, messages=())
    messages = [provenance.statement, *_say(remarks, count_rows(families)), *_compare_prices(found, members, decimals)]
    messages += [
        f"--keep {name}: {each.column} in the spec"
        for name, each in zip(options.keep, kept, strict=True)
        if name != each.column
    ]
    if usual_eur_rate(currency) is None and document["shop"]["eur_rate"] == 1.0:
        messages.append(
            f"no euro rate of {currency} is known: set `shop.eur_rate`, or the euro prices of the twin are wrong"
        )
    if not num_priced:
        messages.append(f"no row has a price in {currency}: the spec has toile's usual prices of each type")
    return dataclasses.replace(found, messages=tuple(messages))


def to_yaml(fit: Fit) -> str:
    """Return a fitted spec as YAML that a person can read and edit: headings, and remarks on lines that need one."""
    document, notes = fit.document, fit.notes
    lines = ["# A catalog spec fitted from real rows by `toile fit`. Edit it, then: toile check THIS_FILE"]
    lines += [f"# {line}" for line in _wrap(document["provenance"].statement)]
    lines += [f"name: {_yaml_text(document['name'])}", f"description: {_yaml_text(document['description'])}"]
    for key, heading in _HEADINGS.items():
        if key in document:
            lines += ["", f"# {heading}", *_yaml_part(key, document[key], notes)]
    return "\n".join(lines) + "\n"


def write_spec(fit: Fit, out: Path | str) -> None:
    """Write a fitted spec as YAML, atomically. Raises ToileError if the spec does not compile."""
    out = Path(out)
    text = to_yaml(fit)
    compile_catalog(from_document(parse_document(text, str(out), is_json=False), "catalog", str(out)), str(out))
    with storage_errors(out):
        write_atomic(out, text)


class _Builder:
    """Builds the categories of a spec, and the attributes that they use."""

    def __init__(
        self,
        options: FitOptions,
        slots: Sequence[Slot],
        kept: Sequence[KeptColumn],
        titles: Titles,
        market: str,
        kinds: Sequence[FittedKind],
        usd_rate: float,
    ) -> None:
        self.options, self.titles, self.market = options, titles, market
        self.slots = {slot.name: slot for slot in (*slots, *(each.slot for each in kept))}
        self.kept = [each.slot.name for each in kept]
        members = [member for kind in kinds for member in kind.members]
        self.members, self.usd_rate = members, usd_rate
        self.counters = {name: make_counters(slot, options.min_support) for name, slot in self.slots.items()}
        self.percents = count_percents(options.min_support)
        self.longest = _find_largest_size(members, options.min_support)
        self.colourways = _fit_colourways(members, self.longest)
        self.discounts = fit_discounts([members], self.percents)
        self.bounds = find_price_bounds(members, options.min_support)
        if options.epsilon is not None:  # prices outside are noise, and no spec has higher ones than the widest range
            low, high = map(math.log, options.price_range or find_wide_range(options.currency))
            self.bounds = max(self.bounds[0], low), min(self.bounds[1], high)
        self.word_factors = fit_word_factors(kinds, titles.words, options.min_support)
        for name in {slot for slot, _ in self.word_factors}:
            self.slots[name] = dataclasses.replace(self.slots[name], document={"hidden": True})
        self.scales = compare_with_usual(kinds, options.min_support)
        self.spread = fit_usual_spread(kinds, options.min_support)
        self.prefer_type = prefer_type_prices(kinds, options.min_support)
        self.rows_by_source: Counter[str] = Counter()
        self.used: dict[str, Counter[str]] = {name: Counter() for name in self.slots}

    def build_categories(self, leaves: Sequence[FittedLeaf]) -> tuple[list[Document], dict[str, str]]:
        """Build the entries of `categories`, and remarks on their lines."""
        notes: dict[str, str] = {}
        found: list[Document] = []
        number = 0
        shares = _to_shares([leaf.weight for leaf in leaves])
        for place, (leaf, share) in enumerate(zip(leaves, shares, strict=True)):
            kind_shares = _to_shares([kind.weight for kind in leaf.kinds])
            kinds = []
            for inner, (kind, kind_share) in enumerate(zip(leaf.kinds, kind_shares, strict=True)):
                document, remark = self._build_kind(number, kind)
                kinds.append({"silhouette": kind.silhouette, "share": kind_share, **document})
                notes[f"kind {place} {inner}"] = f"{kind.weight:.3g} designs"
                notes |= {f"titles {place} {inner}": remark} if remark else {}
                number += 1
            guess = _GUESS if leaf.is_guess else ""
            notes[f"category {place}"] = "; ".join(t for t in (f"{leaf.weight:.3g} designs", guess) if t)
            is_enough = count_families(leaf.members) >= self.options.min_support
            sizes = _fit_colourways(leaf.members, self.longest) if is_enough else self.colourways
            entry: Document = {"path": leaf.path, "share": share}
            entry |= {"colourways": sizes} if sizes != self.colourways else {}
            if len(kinds) == 1:
                del kinds[0]["share"]
                found.append({**entry, **kinds[0]})
            else:
                found.append({**entry, "kinds": kinds})
        return found, notes

    def build_attributes(self, notes: dict[str, str]) -> Document:
        """Build the entries of `attributes`, with the values that some kind uses; add remarks on their lines."""
        found: Document = {}
        for name, slot in self.slots.items():
            if self.used[name]:
                counts = count_values(self.members, slot)
                known = {value: place for place, value in enumerate(self.titles.stand_ins.get(name, ()))}
                values = sorted(self.used[name], key=lambda value: (-counts[value], known.get(value, 0), value))
                found[name] = {**slot.document, "values": {value: slot.describe(value) for value in values}}
                notes |= {f"{name} {value}": f"{counts[value]} designs" for value in values if counts[value]}
        return found

    def _build_kind(self, number: int, kind: FittedKind) -> tuple[Document, str]:
        """Build price, discounts, titles and attributes of a kind; return them and a remark on its titles."""
        weights = {name: weigh_slot(slot, self.counters[name], kind, self.members) for name, slot in self.slots.items()}
        weights["material"] = fill_material(kind.silhouette, weights["material"])
        weights["pattern"] = weights["pattern"] or {"plain": 1.0}
        for slot, fixed in zip(("material", "pattern"), kind.fixed, strict=True):
            if fixed is not None:
                own = {value: weight for value, weight in weights[slot].items() if rendered_word(slot, value) == fixed}
                weights[slot] = own or {f"unnamed {fixed}": 1.0}
        weights["colour"] = weights["colour"] or dict.fromkeys(PALETTE, 1.0)
        weights |= {name: dict.fromkeys(self.titles.stand_ins.get(name, ()), 1.0) for name in STAND_INS}
        titles = self._build_titles(number, kind, weights)
        remark = "" if number in self.titles.templates else "toile's own words"
        named = {part[1:-1] for template in titles for part in template.split() if part.startswith("{")}
        for name in (*WORD_SLOTS, *STAND_INS):
            if name not in named:
                del weights[name]
        usual = usual_material(kind.silhouette)
        words = {
            slot: {
                id(member): rendered_word(slot, value or usual)
                for member in kind.members
                for value, _ in self.slots[slot].values_of(member)
            }
            for slot in ("material", "pattern")
        }
        price = fit_kind_price(
            kind,
            words | dict(self.titles.words),
            self.word_factors,
            self.bounds,
            self.scales,
            self.spread,
            self.options.min_support,
            prefer_type=self.prefer_type,
        )
        self.rows_by_source[price.source] += count_rows(kind.members)
        for name, own in weights.items():
            self.used[name].update(own.keys())
        levels = (kind.members, kind.leaf, *kind.levels[1:], self.members)
        document: Document = {
            "price": self._describe_price(price, weights),
            "discounts": fit_discounts(levels, self.percents),
            "titles": titles,
            "attributes": {name: None if name in STAND_INS else own for name, own in weights.items() if own},
        }
        if document["discounts"] == self.discounts:
            del document["discounts"]
        return document, remark

    def _describe_price(self, price: KindPrice, weights: Mapping[str, Mapping[str, float]]) -> Document:
        document = dict(price.document)
        if "median" in document:
            rate = self.usd_rate if price.source == "toile" else 1.0
            low, high = self.options.price_range or (0.0, math.inf)
            document["median"] = round(min(max(document["median"] * rate, low), high), 2)
        factors: Document = {}
        for slot in ("material", "pattern", *WORD_SLOTS):
            own = {
                v: price.factors.get((slot, v if slot in WORD_SLOTS else rendered_word(slot, v)), 1.0)
                for v in weights.get(slot, ())
            }
            if len(set(own.values())) > 1:
                factors[slot] = {value: factor for value, factor in own.items() if factor != 1.0}
        return document | ({"factors": factors} if factors else {})

    def _title_words(self, weights: Mapping[str, Mapping[str, float]]) -> dict[str, list[str]]:
        """Return the title words of the values of each slot, the most frequent first."""
        return {
            slot: [title_word(value, Value(**self.slots[slot].describe(value))) for value in own][
                : 1
                if slot in STAND_INS
                else None  # no reader of titles knows any of these words
            ]
            for slot, own in weights.items()
        }

    def _build_titles(self, number: int, kind: FittedKind, weights: dict[str, dict[str, float]]) -> dict[str, float]:
        """Return the templates of a kind. Slot words with which a title would name another silhouette are removed."""
        own = _drop_other_people(self.titles.templates.get(number, {}), kind.path)
        templates = self._replace_empty_slots(own, weights)
        for text in templates:
            self._drop_unfit_words(text, kind, weights)
        found: Counter[str] = Counter()
        for text, count in templates.items():
            template = self._fit_template(text, kind, weights)
            if template is not None:
                found[template] += count  # type: ignore[assignment]
        if not found:
            return {own_template(kind.silhouette, weights, self.market): 1.0}
        return {text: round(float(count), 2) for text, count in found.items()}

    def _replace_empty_slots(
        self, templates: Mapping[str, float], weights: Mapping[str, Mapping[str, float]]
    ) -> dict[str, float]:
        """Put invented words in the place of words of which no value has enough families for this kind."""
        found: Counter[str] = Counter()
        for text, count in templates.items():
            parts = text.split()
            for slot in WORD_SLOTS:
                free = next((f"{{{n}}}" for n in STAND_INS if weights[n] and f"{{{n}}}" not in parts), "")
                if not weights[slot] and free:
                    parts = [free if part == f"{{{slot}}}" else part for part in parts]
            found[" ".join(parts)] += count  # type: ignore[assignment]
        return dict(found)

    def _drop_unfit_words(self, text: str, kind: FittedKind, weights: dict[str, dict[str, float]]) -> None:
        """Remove words of a template's slots with which it would name another silhouette, or a material twice."""
        template = drop_slots(text, [slot for slot in (*SLOTS, *WORD_SLOTS, *STAND_INS) if not weights[slot]])
        for slot in (each for each in WORD_SLOTS if f"{{{each}}}" in template.split()):
            words = self._title_words(weights)
            usual = {name: found[:1] for name, found in words.items()}  # `_fit_template` looks at all of them
            for value in list(weights[slot]):
                own = self._title_words({slot: {value: 1.0}})[slot]
                said_twice = set(own) & set(words["material"]) and "{material}" in template.split()
                if said_twice or not fits_kind(template, kind.silhouette, usual | {slot: own}):
                    del weights[slot][value]

    def _fit_template(self, text: str, kind: FittedKind, weights: Mapping[str, Mapping[str, float]]) -> str | None:
        """Return a template without slots that have no words and words that are not true; None if it names no kind."""
        template = drop_slots(text, [slot for slot in (*SLOTS, *WORD_SLOTS, *STAND_INS) if not weights[slot]])
        words = self._title_words(weights)
        for slot in (*STAND_INS, *SLOTS):
            is_alone = has_preposition(template, slot) and "" in words[slot]
            if is_alone or not fits_kind(template, kind.silhouette, words):
                shorter = drop_slots(template, [slot])
                template = shorter if is_alone or fits_kind(shorter, kind.silhouette, words) else template
        if _names_material(template, words["material"]):  # Denim Denim Jacket; of Denim Denim the type word stays
            shorter = drop_words(template, words["material"])
            template = shorter if fits_kind(shorter, kind.silhouette, words) else drop_slots(template, ["material"])
        for slot in ("material", "pattern"):
            drawn = [rendered_word(slot, value) for value in weights[slot]]
            true = drop_untrue_words(template, slot, zip(drawn, words[slot], strict=True))
            if true is None:
                return None
            template = true
        return template if fits_kind(template, kind.silhouette, words) else None


def _drop_other_people(templates: Mapping[str, float], path: CategoryPath) -> dict[str, float]:
    """Remove words such as Women's from templates of other categories."""
    found: Counter[str] = Counter()
    for text, count in templates.items():
        found[drop_words(text, [word for word in text.split() if names_other_people(word, path)])] += count  # type: ignore[assignment]
    return dict(found)


def _names_material(template: str, words: Sequence[str]) -> bool:
    """Return whether a template with a slot for the material has a word of it already."""
    parts = template.casefold().split()
    return "{material}" in parts and not {word.casefold() for word in words if word}.isdisjoint(parts)


def _to_shares(counts: Sequence[float]) -> list[float]:
    """Return shares with six digits whose sum is 1."""
    total = sum(counts)
    shares = [round(count / total, 6) for count in counts]
    largest = shares.index(max(shares))
    shares[largest] = round(shares[largest] + 1 - sum(shares), 6)
    return shares


def _find_largest_size(members: Sequence[Family], min_support: int) -> int:
    """Return the largest number of colourways that at least k families reach."""
    sizes = sorted({member.num_colourways for member in members}, reverse=True)
    return next((n for n in sizes if count_families(m for m in members if m.num_colourways >= n) >= min_support), 1)


def _fit_colourways(members: Sequence[Family], longest: int) -> Document:
    """Fit the mean number of colourways of a leaf (at least k families), none of them larger than `longest`."""
    mean = sum(min(member.num_colourways, longest) for member in members) / max(len(members), 1) or 1.0
    repeat = min(1 - 1 / mean, 1 - 1 / longest, 0.95) - 5e-5
    return {"repeat_share": round(max(repeat, 0.0), 4), "max_per_family": longest}


def _fit_navigation(families: Sequence[Family], leaf_names: set[str], min_support: int) -> Document:
    counts: Counter[str | None] = Counter()
    for member in families:
        for row in member.rows:
            counts[row.label] += member.row_weight  # type: ignore[assignment]
    holders = group_by(families, lambda member: member.label)
    kept = {
        label: round(float(counts[label]), 1)
        for label, each in sorted(holders.items(), key=lambda item: str(item[0]))
        if label is not None and label not in leaf_names and "," not in label and count_families(each) >= min_support
    }
    share = sum(kept.values()) / max(float(counts.total()), 1.0)
    return {"share": round(share, 4), "labels": kept or {MISSING_LABEL: 1}}


def _say(remarks: Sequence[Remark], num_rows: int) -> list[str]:
    """Say what share of the rows each rule touched, and what changes it."""
    return [
        f"{remark.num_rows / num_rows:.1%} of the rows {remark.what} ({remark.remedy})"
        for remark in remarks
        if remark.num_rows / num_rows >= _WORTH_SAYING
    ]


def _compare_prices(found: Fit, members: Sequence[Family], decimals: int) -> list[str]:
    """Warn where prices that the spec generates differ from those that it was fitted to."""
    real = np.sort([round(m.full_price, decimals) for m in members if m.full_price for _ in range(m.num_colourways)])
    if not len(real):
        return []
    made = np.sort(rows(_to_spec(found), 0, np.arange(_CHECKED_ROWS)).column("full_price").to_numpy())
    points = np.unique(np.concatenate([real, made]))
    below = [np.searchsorted(each, points, side="right") / len(each) for each in (real, made)]
    distance = float(np.abs(below[0] - below[1]).max())
    if distance <= _PRICE_TOLERANCE + 1.36 / np.sqrt(len(real)):
        return []
    return [
        f"warning: generated prices differ from those of the rows (median {np.median(made):,.2f}, "
        f"not {np.median(real):,.2f}; largest distance of shares {distance:.2f}): look at `prices` and `quantiles`"
    ]


def _fit_distinct_titles(found: Fit, families: Sequence[Family]) -> float:
    """Fit the share of designs that avoid a repeated title, so that as many titles as in the shop occur once only."""
    real = list({member.name or id(member): member.words for member in families}.values())
    spec = _to_spec(found)
    made = {row["family"]: row["title"] for row in rows(spec, 0, np.arange(2 * len(real))).to_pylist()}
    shares = [_count_repeats(each) for each in (real, list(made.values())[: len(real)])]
    return round(max(1 - shares[0] / shares[1], 0.0), 2) if shares[1] else 0.0


def _count_repeats(titles: Sequence[Any]) -> float:
    counts = Counter(titles)
    return sum(count for count in counts.values() if count > 1) / max(len(titles), 1)


def _to_spec(found: Fit) -> CatalogSpec:
    spec: CatalogSpec = from_document(
        parse_document(to_yaml(found), "the fitted spec", is_json=False), "catalog", "fit"
    )
    return spec


def _invent_shop(name: str, currency: str, country: str, members: Sequence[Family], min_support: int) -> Document:
    """Invent the names of the shop; the euro rate is toile's usual one, or that of the rows if enough rows agree."""
    rate = usual_eur_rate(currency) or 1.0
    rates: dict[float, list[float]] = {}
    for member in members:
        if member.eur_rate is not None:
            rates.setdefault(float(f"{member.eur_rate:.3g}"), []).append(member.eur_rate)
    most = max(rates.values(), key=len, default=[])
    if len(most) >= min_support:
        rate = float(f"{np.median(most):.4g}")
    words = name.replace("-", " ")
    return {
        "website_name": words.title(),
        "brand": words.upper(),
        "host": f"www.{name}.example",
        "country_code": country,
        "currency_code": currency,
        "eur_rate": rate,
    }


def _find_market(folder: Path, options: FitOptions) -> tuple[str, str | None]:
    """Return currency and country: from the options, else the manifest, else (exact fit only) the most frequent.

    The country may be None: that of the market whose currency and language the categories have.
    """
    inputs = read_manifest(folder).inputs
    shop = (inputs.get("spec_document") or {}).get("shop", {})
    currency = options.currency or inputs.get("currency") or shop.get("currency_code")
    country = options.country or shop.get("country_code")
    if options.epsilon is not None:
        if currency is None:
            hint = "name it, as in --currency USD: looking it up in the rows would not be private"
            raise ToileError(str(folder), "does not say which currency its prices are in", hint)
        return str(currency), str(country) if country else None
    counts = Counter[str](), Counter[str]()
    if currency is None or country is None:
        for row in read(folder, split="train", columns=("currency_code", "country_code")):
            counts[0].update([row.currency_code] if row.currency_code else [])
            counts[1].update([row.country_code] if row.country_code else [])
    found = [
        given or next((code for code, count in each.most_common(1) if _is_code(code, count, options)), usual)
        for given, each, usual in ((currency, counts[0], "USD"), (country, counts[1], None))
    ]
    return str(found[0]), str(found[1]) if found[1] else None


def _check_currency(folder: Path, currency: str) -> None:
    """Raise ToileError if the rows have prices, all of them in another currency."""
    others = Counter(
        row.currency_code
        for row in read(folder, split="train", columns=("currency_code", "full_price"))
        if row.full_price and row.currency_code
    )
    if others:
        code, _ = others.most_common(1)[0]
        raise ToileError(str(folder), f"has no price in {currency}, but in {code}", f"fit it with --currency {code}")


def _is_code(code: str, count: int, options: FitOptions) -> bool:
    return count >= options.min_support and len(code) == 3 and code.isascii() and code.isupper()


def _read_brand_names(folder: Path) -> set[str]:
    """Read the names of brands and sites in the rows; their words may not become words of the spec."""
    found: set[str] = set()
    for row in read(folder, split="train", columns=("brand", "website_name")):
        found |= {name for name in (row.brand, row.website_name) if name}
    return found


def _exact_provenance(num_rows: int, families: Sequence[Family], options: FitOptions) -> Provenance:
    return Provenance(
        fitted_from="the train split of a shard folder",
        num_rows=num_rows,
        num_families=count_families(families),
        private=False,
        statement=(
            "This spec is NOT private: shares, prices and words were counted in real rows without noise. Words and "
            f"values with fewer than {options.min_support} product families behind them were left out."
        ),
        min_support=options.min_support,
    )


def _yaml_part(key: str, value: Any, notes: Mapping[str, str]) -> Iterable[str]:
    match key:
        case "attributes":
            return _yaml_attributes(value, notes)
        case "categories":
            return _yaml_categories(value, notes)
        case "prices":
            bands = [f"    - {_yaml_value(_band_values(band))}" for band in value["bands"]]
            return ["prices:", "  bands:", *bands, f"  discounts: {_yaml_value(value['discounts'])}"]
        case "provenance":
            return _yaml_provenance(value)
        case "shop" | "extra":
            return [f"{key}:", *(f"  {name}: {_yaml_value(each)}" for name, each in value.items())]
    return [f"{key}: {_yaml_value(value)}"]


def _band_values(band: Any) -> Document:
    values = dataclasses.asdict(band)
    return {name: each for name, each in values.items() if each is not None}


def _yaml_attributes(attributes: Mapping[str, Any], notes: Mapping[str, str]) -> Iterable[str]:
    yield "attributes:"
    for name, attribute in attributes.items():
        yield _with_note(f"  {name}:", notes.get(name))
        yield from (f"    {key}: {_yaml_value(value)}" for key, value in attribute.items() if key != "values")
        if len(attribute["values"]) >= _MANY_VALUES and not any(attribute["values"].values()):
            listed = _wrap(", ".join(f"{_yaml_text(value)}: {{}}" for value in attribute["values"]))
            yield from ("    values: {", *(f"      {line}" for line in listed), "    }")
            continue
        yield "    values:"
        for value, facts in attribute["values"].items():
            yield _with_note(f"      {_yaml_text(value)}: {_yaml_value(facts)}", notes.get(f"{name} {value}"))


def _yaml_categories(categories: Iterable[Mapping[str, Any]], notes: Mapping[str, str]) -> Iterable[str]:
    yield "categories:"
    for number, category in enumerate(categories):
        yield _with_note(f"  - path: {_yaml_value(category['path'])}", notes.get(f"category {number}"))
        yield from (
            f"    {name}: {_yaml_value(category[name])}" for name in ("share", "colourways") if name in category
        )
        if "kinds" not in category:
            yield from _yaml_kind(category, "    ", notes.get(f"titles {number} 0"))
            continue
        yield "    kinds:"
        for inner, kind in enumerate(category["kinds"]):
            yield _with_note(f"      - share: {_yaml_value(kind['share'])}", notes.get(f"kind {number} {inner}"))
            yield from _yaml_kind(kind, "        ", notes.get(f"titles {number} {inner}"))


def _yaml_kind(kind: Mapping[str, Any], indent: str, note: str | None) -> Iterable[str]:
    keys = [name for name in ("silhouette", "price", "discounts") if name in kind]
    yield from (f"{indent}{name}: {_yaml_value(kind[name])}" for name in keys)
    yield _with_note(f"{indent}titles:", note)
    yield from (f"{indent}  {_yaml_text(text)}: {_yaml_value(weight)}" for text, weight in kind["titles"].items())
    yield f"{indent}attributes:"
    yield from (f"{indent}  {name}: {_yaml_value(weights)}" for name, weights in kind["attributes"].items())


def _yaml_provenance(record: Provenance) -> Iterable[str]:
    yield "provenance:"
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if field.name == "ledger" or value in (None, ()):
            continue
        yield f"  {field.name}: {_yaml_value(value)}"
    if record.ledger:
        yield "  ledger:"
        yield from (f"    - {_yaml_value(dataclasses.asdict(row))}" for row in record.ledger)


def _with_note(line: str, note: str | None) -> str:
    return f"{line}  # {note}" if note else line


def _yaml_value(value: Any) -> str:
    """Format a value as YAML on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_yaml_text(str(name))}: {_yaml_value(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_yaml_value(each) for each in value) + "]"
    if isinstance(value, float):
        return repr(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
    return _yaml_text(value) if isinstance(value, str) else json.dumps(value)


def _yaml_text(value: str) -> str:
    """Format a string: bare if YAML reads it as a string, else quoted."""
    plain = value.replace(" ", "a").replace("-", "a").replace("_", "a")
    reserved = {"yes", "no", "on", "off", "true", "false", "null", "y", "n"}
    is_bare = plain.isascii() and plain.isalpha() and value[:1].isalpha() and value.strip() == value
    return value if is_bare and value.casefold() not in reserved else json.dumps(value, ensure_ascii=False)


def _wrap(text: str, width: int = 110) -> list[str]:
    lines, line = [], ""
    for word in text.split():
        if len(line) + len(word) + 1 > width:
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()
    return [*lines, line]
