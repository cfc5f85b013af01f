"""Load and validate spec documents: catalogs, training runs and evaluations, as files or parsed values.

    spec = load("my-catalog.yaml", "catalog")

Which function to call:

- `load(path, kind)`: a file or a shipped preset of any kind.
- `load_spec(spec)`: a catalog spec in whatever form a Python caller has it: path, preset, document or record.
- `from_document(document, kind)`: a document that is parsed already. The two above end here.
- `validate(document, kind, where)`: only check a document, without building the record.
- `list_presets(kind)`: the names and files of the shipped presets.

A spec is read, checked against its record (`schemas.documents.from_dict`) and built. Where it does not conform,
`jsonschema` finds the most telling violation of the generated JSON Schema, and the message names the file, the path
inside it, what is expected, and the nearest valid name. Then `check_catalog` checks what types cannot express.
"""

import functools
import itertools
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, overload

from schemas.appearance import ANY, CUTS, SHOWN, STYLE_VALUES, cut_words, visible_attributes
from schemas.catalog import (
    CAN_BE_UNIQUE,
    EAN_DIGITS,
    LEDGER_TOLERANCE,
    MISSING_LABEL,
    SLOT,
    Attribute,
    CatalogSpec,
    Category,
    Colourways,
    Discounts,
    ExtraColumn,
    Prices,
    ProductKind,
    Provenance,
    list_kinds,
    possible_values,
    price_factor,
    range_steps,
    rendered_attribute,
    rendered_word,
)
from schemas.documents import NOT_FINITE, expectation, from_dict, read_document, schema, shown, type_name
from schemas.errors import ToileError, json_path, suggest
from schemas.evaluation import EvaluationSpec
from schemas.markets import MARKETS, apply_market_defaults
from schemas.training import TrainingSpec

PRESETS = Path(__file__).parent / "presets"
_RECORDS: dict[str, type[Any]] = {"catalog": CatalogSpec, "training": TrainingSpec, "evaluation": EvaluationSpec}


@overload
def load(path: Path | str, kind: Literal["catalog"]) -> CatalogSpec: ...
@overload
def load(path: Path | str, kind: Literal["training"]) -> TrainingSpec: ...
@overload
def load(path: Path | str, kind: Literal["evaluation"]) -> EvaluationSpec: ...
def load(path: Path | str, kind: str) -> Any:
    """Return the spec in a YAML or JSON file.

    Args:
        path: the file, or the name of a shipped preset.
        kind: catalog, training or evaluation.

    Raises:
        ToileError: names the file, the place inside it, and what to write.
    """
    path = preset_path(str(path), kind) or Path(path)
    return from_document(read_document(path), kind, str(path))


def load_spec(spec: CatalogSpec | Mapping[str, Any] | Path | str) -> CatalogSpec:
    """Return a catalog spec, given the path of a YAML or JSON file, the name of a preset, or a document.

    Raises a `ToileError` for an invalid document; it names the file, the path in it, and what is expected.
    """
    if isinstance(spec, CatalogSpec):
        return spec
    if isinstance(spec, Mapping):
        found: CatalogSpec = from_document(dict(spec), "catalog")
        return found
    return load(spec, "catalog")


def from_document(document: Any, kind: str, where: str = "document") -> Any:
    """Return the spec in a document that is already parsed; `where` is its name in error messages."""
    if not isinstance(document, dict):
        raise ToileError(where, "holds no mapping", f"write `key: value` lines; see schemas/{kind}.schema.json")
    validate(document, kind, where)
    spec = from_dict(_RECORDS[kind], apply_market_defaults(document) if kind == "catalog" else document, where)
    if kind == "catalog":
        check_catalog(spec, where)
    return spec


def validate(document: object, kind: str, where: str) -> None:
    """Raise a `ToileError` where a spec document does not conform; `kind` is catalog, training or evaluation.

    The record's own check decides, because it takes a hundredth of the time; `jsonschema` explains.
    """
    try:
        from_dict(_RECORDS[kind], document, where)
    except ToileError as error:
        if error.problem == NOT_FINITE:  # it compares false with every bound, so jsonschema cannot see it
            raise
        raise _explain(document, kind, where) or error from None


def list_presets(kind: str) -> dict[str, Path]:
    """Return the shipped presets of a kind, name to file."""
    files = sorted(PRESETS.glob("*.yaml"))
    return {path.stem: path for path in files if path.stem.endswith("-run") == (kind == "training")}


def preset_path(name: str, kind: str) -> Path | None:
    """Return the file of a shipped preset (`demo`, `fashion-luxury`), or None where `name` is the path of a file.

    Raises a `ToileError` with the nearest preset where it is neither.
    """
    if Path(name).is_file():
        return None
    shipped = list_presets(kind)
    if name in shipped:
        return shipped[name]
    if Path(name).suffix in {".yaml", ".yml", ".json"} or "/" in name:
        raise ToileError(name, "no such file", f"shipped presets: {', '.join(shipped)}")
    raise ToileError(name, f"is neither a file nor a shipped {kind}", suggest(name, shipped))


@functools.cache
def _validator(kind: str) -> Any:
    import jsonschema  # here, so that training and generation import without it

    return jsonschema.Draft202012Validator(schema(kind))


def _explain(document: object, kind: str, where: str) -> ToileError | None:
    """Return the error for the most telling violation of the JSON Schema; None where jsonschema finds none."""
    from jsonschema.exceptions import best_match  # slow to import, and needed only for an explanation

    try:
        error = best_match(_validator(kind).iter_errors(document))
        return None if error is None else _as_toile_error(error, where)
    except (TypeError, RecursionError):  # a key that is not text; nested too deeply to be quoted
        return None


def _as_toile_error(error: Any, where: str) -> ToileError:
    at = json_path(where, error.absolute_path)
    value, rule = error.instance, error.validator_value
    match error.validator:
        case "additionalProperties":
            known = error.schema.get("properties", {})
            unknown = next(iter(sorted(str(key) for key in value if key not in known)), "?")
            return ToileError(at, f"unknown key {unknown!r}", suggest(unknown, known))
        case "required":
            missing = next(key for key in rule if key not in value)
            return ToileError(at, f"the key {missing!r} is missing", f"add it: {_describe(error.schema, missing)}")
        case "enum":
            valid = [str(each) for each in rule if each is not None]
            return ToileError(at, f"{shown(value)} is not a valid value", suggest(value, valid))
        case "type":
            kinds = rule if isinstance(rule, str) else " or ".join(rule)
            return ToileError(at, f"expected {kinds}, found {type_name(value)} {shown(value)}", "fix the value")
        case "minItems" | "minProperties" | "minLength":
            return ToileError(at, f"is empty or too short: {shown(value)}", f"give at least {rule}")
    hint = ": ".join(filter(None, [f"give {expectation(error.schema)}", error.schema.get("description")]))
    return ToileError(at, str(error.message)[:300], hint)


def _describe(node: Any, key: str) -> str:
    about = node.get("properties", {}).get(key, {})
    return str(about.get("description") or expectation(about))


# -- what types cannot express -----------------------------------------------------------------------------------------


def check_catalog(spec: CatalogSpec, where: str) -> None:
    """Raise a `ToileError` for what types cannot express: sums, references between names, prices no image shows."""
    for path, problem, hint in _find_problems(spec):
        raise ToileError(json_path(where, path), problem, hint)


_Problem = tuple[list[object], str, str]
"""Path in the spec, problem, hint."""


def _find_problems(spec: CatalogSpec) -> Iterator[_Problem]:
    total = sum(category.share for category in spec.categories)
    if abs(total - 1) > 1e-6:
        yield ["categories"], f"the shares sum to {total:.6g}, not 1", f"divide each share by {total:.6g}"
    yield from _check_colourways(["colourways"], spec.colourways)
    yield from _check_prices(spec.prices)
    yield from _check_whole_amounts(spec)
    for name, column in spec.extra.items():
        yield from _check_extra(["extra", name], name, column, spec)
    yield from _check_provenance(spec.provenance)
    earlier: set[str] = set()
    for name, attribute in spec.attributes.items():
        yield from _check_attribute(name, attribute, spec, earlier)
        earlier.add(name)
    for number, category in enumerate(spec.categories):
        yield from _check_form(["categories", number], category)
    sellers: dict[tuple[tuple[str, ...], str], int] = {}
    for kind in list_kinds(spec):
        if sellers.setdefault((kind.path, kind.silhouette), kind.category) != kind.category:
            problem = f"{' > '.join(kind.path)} with {kind.silhouette} appears twice"
            yield [*kind.at], problem, "merge the two entries, as two `kinds` of one category where they differ"
        yield from _check_kind([*kind.at], kind, spec)
    if sum(spec.navigation.labels.values()) <= 0:
        yield ["navigation", "labels"], "all weights are 0", "give at least one a weight"
    for label in spec.navigation.labels:
        if any(category.path[2] == label != MISSING_LABEL for category in spec.categories):
            yield ["navigation", "labels"], f"{label!r} is also a leaf category", "rename one of them"


def _check_prices(prices: Prices) -> Iterator[_Problem]:
    last = 0.0
    for number, band in enumerate(prices.bands):
        at: list[object] = ["prices", "bands", number]
        is_last = number == len(prices.bands) - 1
        if (band.below is None) != is_last:
            yield at, "only the last band has no upper bound", "give `below` to every band but the last"
        if band.below is not None and band.below <= last:
            yield at, f"below {band.below:g} does not follow {last:g}", "list the bands from low to high"
        last = band.below or last
        if any(ending >= band.per for ending in band.endings):
            yield at, f"an ending reaches the step {band.per:g}", "endings are between 0 and `per`"
    yield from _check_discounts(["prices", "discounts"], prices.discounts)


def _check_discounts(at: list[object], discounts: Discounts) -> Iterator[_Problem]:
    for percent in discounts.percents:
        if not re.fullmatch(r"[1-9][0-9]?(\.[0-9]+)?", percent):
            yield [*at, "percents"], f"{percent!r} is no percentage below 100", "write 20 for 20 %"
    if sum(discounts.percents.values()) <= 0:
        yield [*at, "percents"], "all weights are 0", "give at least one a weight"


def _check_colourways(at: list[object], colourways: Colourways) -> Iterator[_Problem]:
    highest = 1 - 1 / colourways.max_per_family
    if colourways.repeat_share > highest:
        problem = f"{colourways.repeat_share:g} cannot be reached with {colourways.max_per_family} colours per design"
        yield [*at, "repeat_share"], problem, f"at most {highest:.3f}, or a larger max_per_family"


def _check_whole_amounts(spec: CatalogSpec) -> Iterator[_Problem]:
    market = MARKETS.get(spec.shop.market or "")
    if market is None or market.has_cents or spec.shop.currency_code != market.currency_code:
        return
    for number, band in enumerate(spec.prices.bands):
        if any(amount % 1 for amount in (band.per, *band.endings)):
            problem = f"{market.currency_code} has no smaller unit, and a price of this band is no whole number"
            yield ["prices", "bands", number], problem, "use whole numbers for `per` and `endings`"


def _check_attribute(name: str, attribute: Attribute, spec: CatalogSpec, earlier: set[str]) -> Iterator[_Problem]:
    at: list[object] = ["attributes", name]
    drawn = rendered_attribute(name, attribute)
    if sum(value.weight for value in attribute.values.values()) <= 0:
        yield [*at, "values"], "all weights are 0", "give at least one value a weight"
    for key, value in attribute.values.items():
        word = rendered_word(key, value)
        if drawn == "colour" and not re.fullmatch(r"#[0-9a-f]{6}", word):
            yield [*at, "values", key, "draws"], f"{word!r} is no colour", "write it as '#1f3a5f'"
        elif drawn in STYLE_VALUES and word not in STYLE_VALUES[drawn]:
            yield [*at, "values", key], f"{word!r} is unknown to the renderer", suggest(word, STYLE_VALUES[drawn])
    if drawn is None and not attribute.hidden and any(value.price != 1 for value in attribute.values.values()):
        yield (
            at,
            "has price factors but is not rendered",
            "set `draws`, or `hidden: true` to state that the image hides it",
        )
    for number, rule in enumerate(attribute.rules):
        for other, values in rule.when.items():
            if other not in earlier:
                hint = "rules look at attributes listed before" if other in spec.attributes else suggest(other, earlier)
                yield [*at, "rules", number, "when"], f"{other!r} is not an attribute listed before {name!r}", hint
                return
            if rendered_attribute(other, spec.attributes[other]) == "colour":
                hint = "put the rule on the colour instead, looking at this attribute"
                yield [*at, "rules", number, "when"], f"{other!r} differs within a design", hint
            for value_name in set(values) - set(spec.attributes[other].values):
                hint = suggest(value_name, spec.attributes[other].values)
                yield [*at, "rules", number, "when", other], f"unknown value {value_name!r}", hint
        for value_name in set(rule.multiply) - set(attribute.values):
            yield (
                [*at, "rules", number, "multiply"],
                f"unknown value {value_name!r}",
                suggest(value_name, attribute.values),
            )


def _check_form(at: list[object], category: Category) -> Iterator[_Problem]:
    """Find a category that is neither one kind nor a list of kinds, or both."""
    if category.colourways is not None:
        yield from _check_colourways([*at, "colourways"], category.colourways)
    if not category.kinds:
        for key in ("silhouette", "price"):
            if getattr(category, key) is None:
                yield at, f"the key {key!r} is missing", "add it, or `kinds` with the types of products it sells"
        return
    for key in ("silhouette", "price", "titles", "attributes", "discounts"):
        if getattr(category, key):
            yield [*at, key], f"{key!r} is beside `kinds`", "move it into the kinds that it belongs to"
    total = sum(kind.share for kind in category.kinds)
    if abs(total - 1) > 1e-6:
        yield [*at, "kinds"], f"the shares sum to {total:.6g}, not 1", f"divide each share by {total:.6g}"


def _check_kind(at: list[object], kind: ProductKind, spec: CatalogSpec) -> Iterator[_Problem]:
    drawn_by: dict[str, str] = {}
    for name, weights in kind.attributes.items():
        inside = [*at, "attributes", name]
        if name not in spec.attributes:
            yield inside, f"unknown attribute {name!r}", suggest(name, spec.attributes)
            return
        attribute = spec.attributes[name]
        if weights is not None:
            for value_name in set(weights) - set(attribute.values):
                yield inside, f"unknown value {value_name!r}", suggest(value_name, attribute.values)
            if sum(weights.values()) <= 0:
                yield inside, "all weights are 0", "give at least one value a weight"
        drawn = rendered_attribute(name, attribute)
        if drawn is None:
            continue
        if drawn in drawn_by:
            yield inside, f"draws {drawn!r}, as {drawn_by[drawn]!r} does", "keep one of them"
        drawn_by[drawn] = name
        if drawn in CUTS and (drawn in SHOWN[kind.silhouette] or drawn == "presentation"):
            yield from _check_cut(inside, drawn, _possible_words(kind, spec, name), kind.silhouette)
    yield from _check_price([*at, "price"], kind, spec)
    yield from _check_factors(at, kind, spec, drawn_by)
    yield from _check_discounts([*at, "discounts"], kind.discounts)
    if "colour" not in drawn_by:
        yield [*at, "attributes"], "no colour", "list the attribute that draws `colour`"
    if not kind.titles:
        yield at, "the key 'titles' is missing", "add templates such as '{material} Coat', or name shop.market"
        return
    for template in kind.titles:
        yield from _check_template([*at, "titles"], template, kind)
    if sum(kind.titles.values()) <= 0:
        yield [*at, "titles"], "all weights are 0", "give at least one template a weight"


def _check_price(at: list[object], kind: ProductKind, spec: CatalogSpec) -> Iterator[_Problem]:
    """Find a price that is given twice or not at all, and factors of what the kind does not have."""
    price = kind.price
    if (price.median is None) == (price.quantiles is None):
        found = "neither `median` nor `quantiles`" if price.median is None else "both `median` and `quantiles`"
        yield at, f"has {found}", "give one of them"
    if price.quantiles is not None:
        if price.spread is not None:
            yield [*at, "spread"], "is beside `quantiles`, which have a spread of their own", "leave it out"
        for number, (below, above) in enumerate(itertools.pairwise(price.quantiles)):
            if above < below:
                problem = f"{above:g} is below {below:g}"
                yield [*at, "quantiles", number + 1], problem, "list the prices from low to high"
    for name, factors in price.factors.items():
        inside = [*at, "factors", name]
        if name not in kind.attributes:
            yield inside, f"is no attribute of this {kind.silhouette}", suggest(name, kind.attributes)
            return
        possible = possible_values(spec, kind, name)
        for key in set(factors) - set(possible):
            yield [*inside, key], f"is no value of {name} that this {kind.silhouette} has", suggest(key, possible)


def _check_factors(
    at: list[object], kind: ProductKind, spec: CatalogSpec, drawn_by: Mapping[str, str]
) -> Iterator[_Problem]:
    """Find price factors that the image cannot show, of attributes that are not called hidden."""
    shown = SHOWN[kind.silhouette] | {"colour"}
    drawn_of = {name: drawn for drawn, name in drawn_by.items()}
    for name in kind.attributes:
        if spec.attributes[name].hidden:
            continue
        own = name in kind.price.factors
        inside = [*at, "price", "factors", name] if own else [*at, "attributes", name]
        drawn, values = drawn_of.get(name), spec.attributes[name].values
        factors = {key: price_factor(spec, kind, name, key) for key in possible_values(spec, kind, name)}
        if drawn is None:
            if own and len({*factors.values(), 1.0}) > 1:
                hint = "set `draws`, or `hidden: true` to state that the image hides it"
                yield inside, f"prices by {name!r}, which is not rendered", hint
            continue
        if drawn not in shown and len(set(factors.values())) > 1:
            problem = f"prices by {drawn!r}, which a {kind.silhouette} does not show"
            yield inside, problem, f"it shows {', '.join(sorted(shown))}; or set `hidden: true`"
        alike: dict[str, float] = {}
        for key, factor in factors.items():
            word = rendered_word(key, values[key])
            if alike.setdefault(word, factor) != factor:
                problem = f"gives two prices to values that look the same ({word!r})"
                yield inside, problem, "give them different looks or one price, or set `hidden: true`"
    yield from _check_folded(at, kind, spec, drawn_by)


def _check_folded(
    at: list[object], kind: ProductKind, spec: CatalogSpec, drawn_by: Mapping[str, str]
) -> Iterator[_Problem]:
    """Where some products lie folded, no price may depend on what a folded one hides."""
    if "folded" not in _possible_words(kind, spec, drawn_by.get("presentation")):
        return
    seen = visible_attributes(kind.silhouette, "folded") | {"colour"}
    for drawn, name in drawn_by.items():
        factors = {price_factor(spec, kind, name, key) for key in possible_values(spec, kind, name)}
        if drawn in seen or spec.attributes[name].hidden or len(factors) < 2:
            continue
        problem = f"prices by {drawn!r}, which a folded {kind.silhouette} does not show"
        hint = f"folded it shows {', '.join(sorted(seen))}; set `hidden: true`, or give `folded` no weight"
        yield [*at, "attributes", name], problem, hint


def _possible_words(kind: ProductKind, spec: CatalogSpec, name: str | None) -> set[str]:
    """Return the renderer's words for the possible values; empty where the kind lacks the attribute."""
    if name is None:
        return set()
    return {rendered_word(key, spec.attributes[name].values[key]) for key in possible_values(spec, kind, name)}


def _check_cut(at: list[object], cut: str, words: set[str], silhouette: str) -> Iterator[_Problem]:
    """Refuse words that the silhouette lacks, and `any` with others: a title would name a cut that is not visible."""
    known = cut_words(silhouette, cut)
    for word in sorted(words - {ANY, *known}):
        yield at, f"a {silhouette} has no {cut} {word!r}", f"it has {', '.join(known)}, or any"
    if ANY in words and len(words) > 1:
        yield at, f"'any' is mixed with other words of {cut}", "give the words their weights, or use `any` alone"


def _check_template(at: list[object], template: str, kind: ProductKind) -> Iterator[_Problem]:
    slots = SLOT.findall(template)
    if template.count("{") != len(slots) or template.count("}") != len(slots):
        yield at, f"{template!r} has an unmatched brace", "write slots as {material}"
    for slot in slots:
        if slot not in kind.attributes:
            yield at, f"{template!r} names {slot!r}, which its products lack", suggest(slot, kind.attributes)
    if any("{" in word and not re.fullmatch(r"\{[^{}]*\}", word) for word in template.split()):
        yield at, f"{template!r} joins a slot to other characters", "put spaces around slots"
    if all("{" in word for word in template.split()):
        yield at, f"{template!r} has no fixed word", "name the product, as in '{material} Coat'"


def _check_extra(at: list[object], name: str, column: ExtraColumn, spec: CatalogSpec) -> Iterator[_Problem]:
    """Find what types cannot express: names of other columns, values that cannot be unique, ranges of nothing."""
    if name in schema("product")["properties"]:
        yield at, f"{name!r} is a column of every catalog", f"choose another name, such as 'own_{name}'"
    if column.attribute is not None:
        yield from _check_repeated(at, column, column.attribute, spec)
        return
    if column.provider is None:
        hint = "add it (company, name, city, ...), or the `attribute` that the column repeats"
        yield at, "the key 'provider' is missing", hint
    for key in ("ranges", "decimals"):
        if getattr(column, key):
            yield [*at, key], f"{key!r} belongs to a column that repeats an attribute", "leave it out"
    if column.type != "text":
        yield [*at, "type"], f"a provider makes text, not a {column.type}", "leave it out, or repeat an `attribute`"
    if not column.unique:
        return
    if column.provider not in CAN_BE_UNIQUE:
        problem = f"{column.provider!r} cannot be unique"
        yield [*at, "unique"], problem, f"these can: {', '.join(CAN_BE_UNIQUE)}"
    if column.pool is not None:
        yield [*at, "unique"], f"a pool of {column.pool} values repeats them", "leave out `unique` or `pool`"
    if column.per == "design":
        yield [*at, "unique"], "the products of a design share the value", "leave out `unique` or `per`"
    if column.provider == "ean13" and spec.code_digits > EAN_DIGITS:
        problem = f"an EAN-13 has room for {EAN_DIGITS} digits, not {spec.code_digits}"
        yield [*at, "unique"], problem, f"code_digits of at most {EAN_DIGITS}, or leave out `unique`"


def _check_repeated(at: list[object], column: ExtraColumn, name: str, spec: CatalogSpec) -> Iterator[_Problem]:
    for key in ("provider", "locale", "pool", "unique"):
        if getattr(column, key):
            yield [*at, key], f"{key!r} is beside `attribute`", "leave out one of them"
    if name not in spec.attributes:
        yield [*at, "attribute"], f"unknown attribute {name!r}", suggest(name, spec.attributes)
        return
    values = spec.attributes[name].values
    if column.type != "number" and column.decimals:
        yield [*at, "decimals"], f"a {column.type} has no decimals", "leave it out, or `type: number`"
    if column.type == "text":
        if column.ranges:
            yield [*at, "ranges"], "text has no range", "leave it out, or choose `type: number` or `type: date`"
        return
    for value in column.ranges:
        if value not in values:
            yield [*at, "ranges"], f"unknown value {value!r}", suggest(value, values)
            return
        try:
            range_steps(column, value)
        except ValueError as error:
            form = (
                "two dates, YYYY-MM-DD, from early to late"
                if column.type == "date"
                else "two numbers, from low to high"
            )
            yield [*at, "ranges", value], f"is no range: {error}", f"write {form}"
    for value in values:
        if value not in column.ranges and value != MISSING_LABEL:
            yield (
                [*at, "ranges"],
                f"has no range for {value!r}",
                f"add one; the value {MISSING_LABEL!r} alone needs none",
            )


def _check_provenance(provenance: Provenance | None) -> Iterator[_Problem]:
    """Find a ledger that does not add up, or a privacy claim without one."""
    if provenance is None:
        return
    if not provenance.private:
        if provenance.epsilon is not None or provenance.delta is not None or provenance.ledger:
            yield ["provenance"], "has a ledger, and says that it is not private", "fit it again"
        return
    for total, spent, name in (
        (provenance.epsilon, math.fsum(row.epsilon for row in provenance.ledger), "epsilon"),
        (provenance.delta, math.fsum(row.delta for row in provenance.ledger), "delta"),
    ):
        if total is None:
            yield ["provenance", name], "is missing although the spec says it is private", "fit it again"
        elif abs(total - spent) > LEDGER_TOLERANCE:
            problem = f"{total:g} is not what the ledger sums to, {spent:.9g}"
            yield ["provenance", name], problem, "a ledger must list all that was spent; fit it again"
