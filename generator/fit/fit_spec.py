"""Fit a catalog spec to real rows: count, release, build the spec, and write it as YAML.

    from generator.fit.fit_spec import fit, to_yaml
    text = to_yaml(fit(Path("data/real"), FitOptions(epsilon=1.0)))

Only the train split is read. Without epsilon the counts are exact, and values of fewer than k families are left out.
With epsilon every count passes through `mechanisms.OpenDPMechanism` before it is used, and titles consist of public
words. docs/privacy.md explains the guarantees.
"""

import dataclasses
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from generator.fit import statistics
from generator.fit.attributes import FittedCategory, build_attributes
from generator.fit.categories import CategoryShares, estimate_category_shares, select_categories
from generator.fit.mechanisms import (
    BUDGET_SHARES,
    CategoryPath,
    FitOptions,
    Mechanism,
    NoNoise,
    OpenDPMechanism,
)
from generator.fit.prices import ENDING_CELLS, PriceModel, count_price_endings, fit_price_model, infer_price_bands
from generator.fit.statistics import PERCENTS, Family
from generator.fit.title_templates import infer_title_templates
from generator.fit.vocabulary import MATERIAL_WORDS, PATTERN_WORDS, find_first, find_silhouette
from generator.sampling.products import compile_catalog
from schemas.catalog import MISSING_LABEL, Provenance
from schemas.documents import parse_document
from schemas.errors import ToileError
from schemas.manifest import read_manifest
from schemas.markets import MARKETS
from schemas.product import read
from schemas.util.files import storage_errors, write_atomic
from schemas.validation import from_document

__all__ = ["Fit", "FitOptions", "fit", "to_yaml", "write_spec"]

NOISE_WIDTHS = 4.0
"""A noisy cell below this many noise scales counts as empty."""
ENDING_WIDTHS = 7.0
"""The same for price endings, of which there are hundreds of cells."""
DEFAULT_MAX_COLOURWAYS = 6
"""Largest number of colourways of a family in a private fit, which does not look at single families."""
_HEADINGS = {
    "shop": "An invented shop: no name of the real one is here.",
    "colourways": "How many products share a design.",
    "navigation": "Products under a label of the site instead of their category.",
    "prices": "The endings of full prices, and the discounts: percent -> weight.",
    "attributes": "What a design has. `draws` is the renderer's word, `title` the word in titles, `price` a factor.",
    "categories": "Shares are of designs; `median` is the price of a design whose factors are all 1.",
    "provenance": "Where this spec comes from. Keep it with the spec.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A fitted spec as a document, with remarks and messages."""

    document: dict[str, Any]
    notes: dict[str, str]
    """`category 0`, `material cashmere`, ... -> a remark on that line of the YAML file."""
    messages: tuple[str, ...]
    """For people; with epsilon they depend on noisy counts only."""


def fit(folder: Path | str, options: FitOptions | None = None, mechanism: Mechanism | None = None) -> Fit:
    """Fit a catalog spec to the train split of a catalog folder.

    `mechanism` releases the statistics; by default it follows from the options. Raises ToileError if there is nothing
    to fit, or if the noise hides every category.
    """
    folder, options = Path(folder), options or FitOptions()
    if mechanism is None:
        mechanism = NoNoise() if options.epsilon is None else OpenDPMechanism(options.epsilon, options.delta)
    currency, country = _find_market(folder, options, mechanism)
    members, num_rows = statistics.read_families(folder, currency, images=options.images)
    paths, num_merged, members = select_categories(members, options, mechanism)
    category_shares = estimate_category_shares(members, paths, options, mechanism)
    if not category_shares.paths:
        raise _nothing_to_fit(folder, options, mechanism)
    categories = [
        _fitted_category(path, share) for path, share in zip(category_shares.paths, category_shares.shares, strict=True)
    ]
    templates = (
        None if mechanism.private else infer_title_templates(members, options.min_support, _read_brand_names(folder))
    )
    prices = category_shares.prices or _fit_exact_prices(members, categories, options)
    attributes, category_documents, notes = build_attributes(
        members, categories, prices, templates, mechanism, options.min_support, category_shares.num
    )
    _note_categories(notes, categories, members, mechanism)
    sizes = _fit_colourways(members, mechanism, options)
    provenance, messages = _build_provenance(members, num_rows, category_shares, sizes, options, mechanism)
    shop = _invent_shop(options.name, currency, country, members, mechanism, options.min_support)
    document = {
        "name": options.name,
        "description": f"Fitted by toile fit. {provenance.statement}",
        "shop": shop,
        "colourways": sizes,
        "navigation": _fit_navigation(members, category_shares.paths, mechanism, options),
        "prices": _fit_prices(members, category_shares.paths, mechanism, options),
        "attributes": attributes,
        "categories": category_documents,
        "provenance": provenance,
    }
    if num_merged:
        messages = (*messages, f"{num_merged} designs of rare categories were moved to OTHER or left out")
    return Fit(document=_add_ledger(document, options, mechanism), notes=notes, messages=messages)


def to_yaml(fit: Fit) -> str:
    """Return a fitted spec as YAML that a person can read and edit: headings, and remarks on lines that need one."""
    document, notes = fit.document, fit.notes
    lines = ["# A catalog spec fitted from real rows by `toile fit`. Edit it, then: toile check THIS_FILE"]
    lines += [f"# {line}" for line in _wrap(document["provenance"].statement)]
    lines += [f"name: {_yaml_text(document['name'])}", f"description: {_yaml_text(document['description'])}"]
    for key, heading in _HEADINGS.items():
        lines += ["", f"# {heading}", *_yaml_part(key, document[key], notes)]
    return "\n".join(lines) + "\n"


def write_spec(fit: Fit, out: Path | str) -> None:
    """Write a fitted spec as YAML, atomically. Raises ToileError if the spec does not compile."""
    out = Path(out)
    text = to_yaml(fit)
    compile_catalog(from_document(parse_document(text, str(out), is_json=False), "catalog", str(out)), str(out))
    with storage_errors(out):
        write_atomic(out, text)


def _fitted_category(path: CategoryPath, share: float) -> FittedCategory:
    silhouette, named = find_silhouette(path)
    return FittedCategory(path=path, share=share, silhouette=silhouette, named=named)


def _fit_exact_prices(members: list[Family], categories: list[FittedCategory], options: FitOptions) -> PriceModel:
    """Fit prices of each category, with factors for the materials and patterns that its images show."""
    by_path = {each.path: each for each in categories}
    rendered = []
    for member in members:
        words: dict[str, str] = {}
        category = by_path.get(member.path) if member.path is not None else None
        if category is not None and category.shows("material"):
            words["material"] = find_first(member.words, MATERIAL_WORDS) or category.usual_material
        pattern = find_first(member.words, PATTERN_WORDS)
        if category is not None and category.shows("pattern") and pattern is not None:
            words["pattern"] = pattern
        rendered.append(words)
    return fit_price_model(members, [each.path for each in categories], rendered, options.min_support)


def _note_categories(
    notes: dict[str, str], categories: Sequence[FittedCategory], members: Sequence[Family], mechanism: Mechanism
) -> None:
    counts = Counter(member.path for member in members)
    for number, each in enumerate(categories):
        guess = "" if each.named else "no known word in the path: choose a silhouette"
        support = "" if mechanism.private else f"{counts[each.path]} designs"
        notes[f"category {number}"] = "; ".join(text for text in (support, guess) if text)


def _fit_colourways(members: list[Family], mechanism: Mechanism, options: FitOptions) -> dict[str, Any]:
    """Fit the number of colourways: exact from the sizes of families, noisy as a geometric distribution."""
    if mechanism.private:
        one, more = mechanism.release_counts(statistics.count_colourways(members), BUDGET_SHARES["sizes"])
        repeat = max(more, 0) / max(one + more, 1)
        return {"repeat_share": round(min(repeat, 0.8), 4), "max_per_family": DEFAULT_MAX_COLOURWAYS}
    counts = Counter(member.num_colourways for member in members)
    kept = {size: count for size, count in sorted(counts.items()) if count >= options.min_support} or {1: 1}
    longest = max(kept)
    mean = sum(size * count for size, count in kept.items()) / sum(kept.values())
    repeat = min(1 - 1 / mean, 1 - 1 / longest, 0.95) - 5e-5
    return {"repeat_share": round(max(repeat, 0.0), 4), "max_per_family": longest}


def _fit_navigation(
    members: list[Family], paths: Sequence[CategoryPath], mechanism: Mechanism, options: FitOptions
) -> dict[str, Any]:
    known = (
        statistics.list_public_labels()
        if mechanism.private
        else statistics.find_common_labels(members, options.min_support)
    )
    category_names = {path[2] for path in paths}
    labels = tuple(label for label in known if label not in category_names and "," not in label)
    counts = mechanism.release_counts(statistics.count_navigation_labels(members, labels), BUDGET_SHARES["navigation"])
    least = max(options.min_support, NOISE_WIDTHS * mechanism.noise_scale(BUDGET_SHARES["navigation"]))
    kept = {label: count for label, count in zip(labels, counts[1:-1], strict=True) if count >= least}
    elsewhere = sum(kept.values()) + (counts[-1] if counts[-1] >= least else 0)
    real = max(counts[0], 1)
    share = round(elsewhere / (elsewhere + real), 4)
    return {"share": share, "labels": kept or {MISSING_LABEL: 1}}


def _fit_prices(
    members: list[Family], paths: Sequence[CategoryPath], mechanism: Mechanism, options: FitOptions
) -> dict[str, Any]:
    counts = mechanism.release_counts(count_price_endings(members, paths), BUDGET_SHARES["endings"])
    assert len(counts) == len(ENDING_CELLS), len(counts)
    least = max(options.min_support, ENDING_WIDTHS * mechanism.noise_scale(BUDGET_SHARES["endings"]))
    discounted = mechanism.release_counts(statistics.count_discounts(members), BUDGET_SHARES["discounts"])
    enough = max(options.min_support, NOISE_WIDTHS / 2 * mechanism.noise_scale(BUDGET_SHARES["discounts"]))
    percents = {str(p): count for p, count in zip(PERCENTS, discounted[1:], strict=True) if count >= enough}
    total = sum(percents.values())
    return {
        "bands": infer_price_bands(counts, least, 0.02 if mechanism.private else 0.005),
        "discounts": {
            "share": round(total / (total + max(discounted[0], 1)), 4),
            "percents": percents or {"20": 1},
        },
    }


def _invent_shop(
    name: str, currency: str, country: str, members: Sequence[Family], mechanism: Mechanism, min_support: int
) -> dict[str, Any]:
    """Invent the names of the shop; the euro rate is that of toile's markets, or of the rows if enough rows agree."""
    rate = next((market.eur_rate for market in MARKETS.values() if market.currency_code == currency), 1.0)
    rates = Counter(round(m.eur_rate, 3) for m in members if m.eur_rate is not None)
    if not mechanism.private and rates and rates.most_common(1)[0][1] >= min_support:
        near = rates.most_common(1)[0][0]
        exact = [m.eur_rate for m in members if m.eur_rate is not None and round(m.eur_rate, 3) == near]
        rate = round(float(np.median(exact)), 4)
    words = name.replace("-", " ")
    return {
        "website_name": words.title(),
        "brand": words.upper(),
        "host": f"www.{name}.example",
        "country_code": country,
        "currency_code": currency,
        "eur_rate": rate,
    }


def _find_market(folder: Path, options: FitOptions, mechanism: Mechanism) -> tuple[str, str]:
    """Return currency and country: from the options, else the manifest, else (exact fit only) the most frequent."""
    inputs = read_manifest(folder).inputs
    shop = (inputs.get("spec_document") or {}).get("shop", {})
    currency = options.currency or inputs.get("currency") or shop.get("currency_code")
    country = options.country or shop.get("country_code")
    if mechanism.private:
        if currency is None:
            hint = "name it, as in --currency USD: looking it up in the rows would not be private"
            raise ToileError(str(folder), "does not say which currency its prices are in", hint)
        mechanism.record_public("currency and country", "given, or named by the manifest of the folder")
        return str(currency), str(country or "USA")
    rows = Counter[str](), Counter[str]()
    if currency is None or country is None:
        for row in read(folder, split="train", columns=("currency_code", "country_code")):
            rows[0].update([row.currency_code] if row.currency_code else [])
            rows[1].update([row.country_code] if row.country_code else [])
    found = [
        given or next((code for code, count in counts.most_common(1) if _is_code(code, count, options)), usual)
        for given, counts, usual in ((currency, rows[0], "USD"), (country, rows[1], "USA"))
    ]
    return str(found[0]), str(found[1])


def _is_code(code: str, count: int, options: FitOptions) -> bool:
    return count >= options.min_support and len(code) == 3 and code.isascii() and code.isupper()


def _read_brand_names(folder: Path) -> set[str]:
    """Read the names of brands and sites in the rows; their words may not become words of the spec."""
    found: set[str] = set()
    for row in read(folder, split="train", columns=("brand", "website_name")):
        found |= {name for name in (row.brand, row.website_name) if name}
    return found


def _nothing_to_fit(folder: Path, options: FitOptions, mechanism: Mechanism) -> ToileError:
    if mechanism.private:
        hint = "give a public list with --categories FILE, a larger --epsilon, or more rows"
        return ToileError(str(folder), f"the noise of epsilon {options.epsilon:g} hides every category", hint)
    problem = f"no category has {options.min_support} product families in its train split"
    return ToileError(str(folder), problem, "fit more rows, or lower --min-support")


def _build_provenance(
    members: Sequence[Family],
    num_rows: int,
    category_shares: CategoryShares,
    sizes: dict[str, Any],
    options: FitOptions,
    mechanism: Mechanism,
) -> tuple[Provenance, tuple[str, ...]]:
    make: Callable[..., Provenance] = Provenance
    if not mechanism.private:
        statement = (
            "This spec is NOT private: shares, prices and words were counted in real rows without noise. Words and "
            f"values with fewer than {options.min_support} product families behind them were left out."
        )
        record = make(
            fitted_from="the train split of a shard folder",
            num_rows=num_rows,
            num_families=len(members),
            private=False,
            statement=statement,
            min_support=options.min_support,
        )
        return record, (statement,)
    num_families = round(category_shares.num)
    statement = (
        f"What this spec says of real rows is differentially private: epsilon {options.epsilon:g} in all, delta at "
        f"most {options.delta:g}, for one product family more or less in the train split. The ledger lists all "
        "of it."
    )
    record = make(
        fitted_from="the train split of a shard folder",
        num_rows=round(num_families / (1 - sizes["repeat_share"])),
        num_families=num_families,
        private=True,
        statement=statement,
        min_support=options.min_support,
        epsilon=options.epsilon,
        delta=options.delta,
    )
    messages = [
        statement,
        f"about {num_families:,} designs in {len(category_shares.paths)} categories, by noisy counts",
    ]
    if num_families * (options.epsilon or 0) < 20 * len(category_shares.paths):
        messages.append("few designs for so much noise: prices and small shares are little better than guesses")
    if options.categories is None:
        messages.append("rare categories were left out; a public list (--categories FILE) keeps them")
    return record, tuple(messages)


def _add_ledger(document: dict[str, Any], options: FitOptions, mechanism: Mechanism) -> dict[str, Any]:
    """Add to the provenance the ledger of releases and the sums that were spent."""
    if not isinstance(mechanism, OpenDPMechanism):
        return document
    rows = tuple(mechanism.ledger)
    values = {name: getattr(document["provenance"], name) for name in Provenance.__dataclass_fields__}
    spent = math.fsum(row.epsilon for row in rows), math.fsum(row.delta for row in rows)
    assert options.epsilon is not None
    assert abs(spent[0] - options.epsilon) < 1e-9 * options.epsilon + 1e-12, spent
    values |= {"ledger": rows, "epsilon": spent[0], "delta": spent[1]}
    return {**document, "provenance": Provenance(**values)}


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
        case "shop":
            return ["shop:", *(f"  {name}: {_yaml_value(each)}" for name, each in value.items())]
    return [f"{key}: {_yaml_value(value)}"]


def _band_values(band: Any) -> dict[str, Any]:
    values = dataclasses.asdict(band)
    return {name: each for name, each in values.items() if each is not None}


def _yaml_attributes(attributes: Mapping[str, Any], notes: Mapping[str, str]) -> Iterable[str]:
    yield "attributes:"
    for name, attribute in attributes.items():
        yield _with_note(f"  {name}:", notes.get(name))
        yield "    values:"
        for value, facts in attribute["values"].items():
            yield _with_note(f"      {_yaml_text(value)}: {_yaml_value(facts)}", notes.get(f"{name} {value}"))


def _yaml_categories(categories: Iterable[Mapping[str, Any]], notes: Mapping[str, str]) -> Iterable[str]:
    yield "categories:"
    for number, category in enumerate(categories):
        yield _with_note(f"  - path: {_yaml_value(category['path'])}", notes.get(f"category {number}"))
        yield from (f"    {name}: {_yaml_value(category[name])}" for name in ("share", "silhouette", "price"))
        yield _with_note("    titles:", notes.get(f"titles {number}"))
        yield from (f"      {_yaml_text(template)}: {weight}" for template, weight in category["titles"].items())
        yield "    attributes:"
        for name, weights in category["attributes"].items():
            yield f"      {name}:" if weights is None else f"      {name}: {_yaml_value(weights)}"


def _yaml_provenance(record: Provenance) -> Iterable[str]:
    yield "provenance:"
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if field.name == "ledger" or value is None:
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
