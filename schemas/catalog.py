"""The catalog spec: what a shop sells and in what shares, how it looks, what it is called, and what it costs.

    spec = schemas.load("fashion-luxury", "catalog")

The shipped examples are `schemas/presets/*.yaml`; docs/catalog-spec.md explains them. Shares, weights and price factors
are per design (a family of colourways); navigation labels and colours are per product. Where a shop names its market,
`schemas.markets` fills in what the document leaves out.
"""

import functools
import itertools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import Ge, Gt, Le, Len, MaxLen, MinLen

from schemas.appearance import ANY, CUTS, DRAWN, SHOWN, SILHOUETTES, STYLE_VALUES, cut_words, visible_attributes
from schemas.documents import Count, OneOf, Pattern, Text, schema
from schemas.errors import ToileError, json_path, suggest
from schemas.markets import MARKETS

SLOT = re.compile(r"\{([^{}]*)\}")
MISSING_LABEL = "N.A."
NAVIGATION_LABELS = (
    *("VIEW ALL", "NEW IN", "ALL GIFTS", "GIFTS", "LATEST", "SALE", "NEW ARRIVALS", "BESTSELLERS", "TRENDING"),
    *("ALLE ANZEIGEN", "TOUT VOIR", "VEDI TUTTO", "浏览全部", "すべて見る"),
)
"""Labels of a site that are not a kind of product, so no image can show them."""
PROVIDERS = (
    *("color_name", "company", "country", "city", "date", "ean13", "email", "first_name", "job", "last_name", "name"),
    *("paragraph", "phone_number", "postcode", "sentence", "state", "street_address", "user_name", "uuid4", "word"),
)
"""The functions of Faker that a spec can name; no other can be called."""
CAN_BE_UNIQUE = ("company", "ean13", "email", "name", "phone_number", "user_name", "uuid4")
"""Providers whose values can contain the number that makes them unique and still look like what they are."""
EAN_DIGITS = 11
"""An EAN-13 is a 2 (numbers for use inside a shop), these digits, and a check digit."""
LEDGER_TOLERANCE = 1e-9
"""Sums of a privacy ledger may differ from the totals by rounding only."""

Share = Annotated[float, Ge(0), Le(1)]
Weights = Annotated[Mapping[str, Annotated[float, Ge(0)]], MinLen(1)]
CapitalCode = Annotated[str, Pattern("^[A-Z]{3}$", "three capital letters")]
CategoryName = Annotated[str, Pattern("^[^,]+$", "a name without comma")]
Name = Annotated[str, Pattern("^[a-z][a-z0-9_]*$", "small letters, digits and underscores")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """The fictional shop that sells the products."""

    website_name: Text
    """Name of the website."""
    brand: Text
    """Brand of all products."""
    host: Annotated[str, Pattern("^([a-z0-9-]+\\.)+example$", "a host name ending in .example")]
    """Host of all URLs; ends in .example, so that no URL leads anywhere."""
    market: Annotated[str, OneOf(tuple(MARKETS))] | None = None
    """Whose currency, price endings and title words apply where the spec has none: US, UK, DE, FR, JP or IN."""
    country_code: CapitalCode = "USA"
    """Three capital letters."""
    currency_code: CapitalCode = "USD"
    """Three capital letters."""
    competence_date: Annotated[str, Pattern("^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "a date as YYYY-MM-DD")] = "2026-01-01"
    """Date of the catalog, YYYY-MM-DD."""
    eur_rate: Annotated[float, Gt(0), Le(1000)] = 1.0
    """Euros for one unit of the currency; EUR columns are truncated, not rounded, to cents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Colourways:
    """How many products share one design."""

    repeat_share: Annotated[float, Ge(0), Le(0.95)] = 0.0
    """Share of products that are a further colour of the design before them."""
    max_per_family: Annotated[int, Ge(1), Le(64)] = 6
    """Most colours of a design."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Navigation:
    """Rows whose leaf category is a label of the site (VIEW ALL, NEW IN, N.A.) that no image can show."""

    share: Share = 0.0
    """Share of all products."""
    labels: Annotated[Mapping[CategoryName, Annotated[float, Ge(0)]], MinLen(1)] = field(
        default_factory=lambda: {MISSING_LABEL: 1.0}
    )
    """Label -> weight; N.A. becomes a missing value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceBand:
    """Legal prices below a bound: every multiple of `per` plus one of the endings (per 100 and 50, 90: x50 and x90)."""

    below: Annotated[float, Gt(0)] | None = None
    """Upper bound of the band, exclusive; null for the last band."""
    per: Annotated[float, Ge(0.01)] = 1.0
    """Step between equal endings."""
    endings: Annotated[tuple[Annotated[float, Ge(0)], ...], MinLen(1)] = (0.0,)
    """Amounts above a multiple of `per`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discounts:
    """Discounted products: `price` below `full_price` and flg_discount = 1."""

    share: Share = 0.0
    """Share of all products."""
    percents: Weights = field(default_factory=lambda: {"20": 1.0})
    """Discount in percent -> weight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """The shop's price points and discounts."""

    bands: Annotated[tuple[PriceBand, ...], MinLen(1)] = (PriceBand(),)
    """From low to high; a sampled price moves to the nearest legal one."""
    discounts: Discounts = Discounts()
    """Which products are discounted, and by how much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One value of an attribute."""

    draws: str | None = None
    """The renderer's word for it (colours: #rrggbb); by default the value's own name."""
    title: Annotated[str, Pattern("^\\S*( \\S+)*$", "words with single spaces between them")] | None = None
    """The words that it adds to a title; by default its name with capitals; empty for none."""
    price: Annotated[float, Gt(0), Le(1000)] = 1.0
    """Factor on the price."""
    weight: Annotated[float, Ge(0)] = 1.0
    """How often it occurs, relative to the other values, where a category has no weights of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Changes the weights of one attribute's values where attributes listed before it have given values."""

    when: Annotated[Mapping[str, Annotated[tuple[str, ...], MinLen(1)]], MinLen(1)]
    """Earlier attribute -> values of it; the rule applies where all attributes have one of their values."""
    multiply: Weights
    """Value -> factor on its weight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """A property of a design: its material, its length, the name of its line."""

    values: Annotated[Mapping[str, Value], MinLen(1)]
    """Name of the value -> the value."""
    draws: Annotated[str, OneOf(("colour", *STYLE_VALUES))] | None = None
    """What it changes in the image (material, pattern, colour, size, ...); by default its own name if that is one."""
    rules: tuple[Rule, ...] = ()
    """How values of earlier attributes change the weights."""
    hidden: bool = False
    """True states that a price factor of this attribute cannot be seen in the image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignPrice:
    """Price of a design before the factors of its attributes: log-normal, or by quantiles."""

    median: Annotated[float, Gt(0), Le(1e7)] | None = None
    """In the shop's currency; half of the designs whose factors are all 1 cost less. Either this or `quantiles`."""
    spread: Annotated[float, Ge(0), Le(3)] | None = None
    """Standard deviation of the log price that no attribute explains, beside `median`; by default 0.1, where 95 % are
    within a factor of 1.22."""
    quantiles: Annotated[tuple[Annotated[float, Gt(0), Le(1e7)], ...], MinLen(2)] | None = None
    """Prices at evenly spaced probabilities from 0 to 1, ascending; log-linear in between."""
    factors: Mapping[Name, Annotated[Mapping[str, Annotated[float, Gt(0), Le(1000)]], MinLen(1)]] = field(
        default_factory=dict
    )
    """Attribute -> value -> factor on the price; replaces the value's own `price` for these products."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One type of products that a leaf category sells."""

    silhouette: Annotated[str, OneOf(SILHOUETTES)]
    """Garment or object type that is rendered."""
    price: DesignPrice
    """Price before the factors of the attributes."""
    share: Share = 1.0
    """Share of the designs of the category; the shares of its kinds sum to 1."""
    titles: Weights = field(default_factory=dict)
    """Title template -> weight; `{attribute}` stands for the title words of the chosen value. By default the market's
    template."""
    attributes: Mapping[str, Weights | None] = field(default_factory=dict)
    """The attributes of its products; value -> weight, or nothing for the values' own weights."""
    discounts: Discounts | None = None
    """Which products are discounted, and by how much; by default those of `prices`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A leaf category and the types of products that it sells: a list of `kinds`, or the keys of a single kind."""

    path: Annotated[tuple[CategoryName, ...], Len(3, 3)]
    """category1, category2, category3; a third value N.A. means a missing leaf category."""
    share: Share
    """Share of all designs; the shares of a spec sum to 1."""
    colourways: Colourways | None = None
    """How many products share one design; by default the spec's `colourways`."""
    kinds: tuple[Kind, ...] = ()
    """The types of products; a type may occur twice, for two price levels. Leave out where the keys below are given."""
    silhouette: Annotated[str, OneOf(SILHOUETTES)] | None = None
    """Garment or object type that is rendered."""
    price: DesignPrice | None = None
    """Price before the factors of the attributes."""
    titles: Weights = field(default_factory=dict)
    """Title template -> weight; `{attribute}` stands for the title words of the chosen value. By default the market's
    template."""
    attributes: Mapping[str, Weights | None] = field(default_factory=dict)
    """The attributes of its products; value -> weight, or nothing for the values' own weights."""
    discounts: Discounts | None = None
    """Which products are discounted, and by how much; by default those of `prices`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductKind:
    """One kind of one category, with all defaults resolved; see `list_kinds`."""

    at: tuple[object, ...]
    """Where it is in the document: ("categories", 3, "kinds", 1), or ("categories", 3) for a category of one kind."""
    category: int
    """Number of the category."""
    path: tuple[str, ...]
    share: float
    """Share of all designs."""
    silhouette: str
    price: DesignPrice
    titles: Mapping[str, float]
    attributes: Mapping[str, Mapping[str, float] | None]
    discounts: Discounts
    colourways: Colourways


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraColumn:
    """One more column of text."""

    provider: Annotated[str, OneOf(PROVIDERS)]
    """What kind of text: company, name, city, email, ..."""
    locale: Annotated[str, Pattern("^[a-z]{2,3}(_[A-Z]{2})?$", "language and country, as in de_DE")] | None = None
    """Language and country, as in de_DE; by default the market's, or en_US."""
    per: Annotated[str, OneOf(("product", "design"))] = "product"
    """`product` or `design`: whether the colourways of a design share the value."""
    pool: Annotated[int, Ge(1), Le(10_000)] | None = None
    """Sample from this many different values, as a shop has so many suppliers; null means a new value each time."""
    unique: bool = False
    """Whether no two products have the same value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One statistic of the real rows that a fitted spec contains."""

    statistic: str
    """Which statistic."""
    mechanism: str
    """What added the noise, or `public` for what was not taken from the rows."""
    epsilon: Annotated[float, Ge(0)] = 0.0
    """Privacy budget spent on it."""
    delta: Annotated[float, Ge(0)] = 0.0
    """Failure probability spent on it."""
    sensitivity: Annotated[float, Ge(0)] = 0.0
    """By how much one family can change the statistic, all cells together (L1)."""
    bins: str
    """What the cells are and who knows them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What a fitted spec contains of real rows, and its cost in privacy.

    The ledger is complete: its rows sum to the totals, and public knowledge is listed too, with nothing spent.
    """

    fitted_from: str
    """The kind of rows, in words."""
    num_rows: Count
    """Rows read, or an estimate of them from noisy counts."""
    num_families: Count
    """Families of these rows."""
    private: bool
    """Whether everything that came from the rows is differentially private."""
    statement: Text
    """What that means, in a sentence that a data card repeats."""
    min_support: Annotated[int, Ge(1)]
    """No word or value in the spec has fewer families behind it (noisy counts where private)."""
    unit: str = "family"
    """What is protected: two sets of rows are neighbours when one of them has one family more."""
    epsilon: Annotated[float, Ge(0)] | None = None
    """Total privacy budget."""
    delta: Annotated[float, Ge(0), Le(1)] | None = None
    """Total failure probability."""
    ledger: tuple[Release, ...] = ()
    """Everything that was released."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CatalogSpec:
    """A whole catalog; equality is identity, so that compiled forms can be cached."""

    name: Annotated[str, Pattern("^[a-z0-9]+(-[a-z0-9]+)*$", "lower-case words joined by hyphens"), MaxLen(60)]
    """Lower-case words joined by hyphens; the `source` of the rows and the stem of their families."""
    shop: Shop
    """The fictional shop."""
    attributes: Annotated[Mapping[Name, Attribute], MinLen(1)]
    """Attribute name -> its values."""
    categories: Annotated[tuple[Category, ...], MinLen(1)]
    """The leaf categories."""
    description: str = ""
    """What the catalog is, for readers."""
    code_digits: Annotated[int, Ge(4), Le(15)] = 8
    """Digits of a product code."""
    colourways: Colourways = Colourways()
    """How many products share one design."""
    navigation: Navigation = Navigation()
    """Rows whose leaf category is a label of the site."""
    prices: Prices = Prices()
    """Legal prices and discounts."""
    extra: Mapping[Annotated[Name, MaxLen(60)], ExtraColumn] = field(default_factory=dict)
    """Column name -> what is in it: further columns of text after those that every catalog has."""
    scenarios: Mapping[str, Annotated[float, Ge(0), Le(0.5)]] = field(default_factory=dict)
    """Kind or group of faults -> share of the rows made faulty on purpose (docs/faults.md)."""
    provenance: Provenance | None = None
    """What a fitted spec contains of real rows; null for one written by hand."""


@functools.lru_cache(maxsize=32)
def list_kinds(spec: CatalogSpec) -> tuple[ProductKind, ...]:
    """Return the kinds of all categories in order: everything that says what products there are and what they cost.

    A category without `kinds` is one kind.
    """
    found = []
    for number, category in enumerate(spec.categories):
        for place, kind in enumerate(category.kinds or (_only_kind(category),)):
            found.append(
                ProductKind(
                    at=("categories", number, "kinds", place) if category.kinds else ("categories", number),
                    category=number,
                    path=category.path,
                    share=category.share * kind.share,
                    silhouette=kind.silhouette,
                    price=kind.price,
                    titles=kind.titles,
                    attributes=kind.attributes,
                    discounts=kind.discounts or spec.prices.discounts,
                    colourways=category.colourways or spec.colourways,
                )
            )
    return tuple(found)


def _only_kind(category: Category) -> Kind:
    assert category.silhouette is not None, "`check_catalog` has refused it"
    assert category.price is not None, "`check_catalog` has refused it"
    return Kind(
        silhouette=category.silhouette,
        price=category.price,
        titles=category.titles,
        attributes=category.attributes,
        discounts=category.discounts,
    )


def possible_values(spec: CatalogSpec, kind: ProductKind, name: str) -> list[str]:
    """Return the values of an attribute that products of a kind can have, rules left aside."""
    own, values = kind.attributes[name], spec.attributes[name].values
    weights = {key: value.weight for key, value in values.items()} if own is None else own
    return [key for key in values if weights.get(key, 0.0) > 0]


def price_factor(spec: CatalogSpec, kind: ProductKind, name: str, key: str) -> float:
    """Return the factor of an attribute's value on the price of a kind's products; 1 where they lack the attribute."""
    if name not in kind.attributes:
        return 1.0
    return kind.price.factors.get(name, {}).get(key, spec.attributes[name].values[key].price)


def rendered_attribute(name: str, attribute: Attribute) -> str | None:
    """Return which rendered attribute it sets, or None for one that only changes title or price."""
    return attribute.draws or (name if name in DRAWN else None)


def rendered_word(name: str, value: Value) -> str:
    """Return the renderer's word for a value."""
    return value.draws or name


def title_word(name: str, value: Value) -> str:
    """Return the title words of a value; empty for none."""
    if value.title is not None:
        return value.title
    return " ".join(word[:1].upper() + word[1:] for word in name.split(" "))


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
    yield from _check_extra(spec.extra, spec.code_digits)
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


def _check_extra(extra: Mapping[str, ExtraColumn], code_digits: int) -> Iterator[_Problem]:
    """Find what types cannot express: names of other columns, and values that cannot be unique."""
    for name, column in extra.items():
        at: list[object] = ["extra", name]
        if name in schema("product")["properties"]:
            yield at, f"{name!r} is a column of every catalog", f"choose another name, such as 'own_{name}'"
        if not column.unique:
            continue
        if column.provider not in CAN_BE_UNIQUE:
            problem = f"{column.provider!r} cannot be unique"
            yield [*at, "unique"], problem, f"these can: {', '.join(CAN_BE_UNIQUE)}"
        if column.pool is not None:
            yield [*at, "unique"], f"a pool of {column.pool} values repeats them", "leave out `unique` or `pool`"
        if column.per == "design":
            yield [*at, "unique"], "the products of a design share the value", "leave out `unique` or `per`"
        if column.provider == "ean13" and code_digits > EAN_DIGITS:
            problem = f"an EAN-13 has room for {EAN_DIGITS} digits, not {code_digits}"
            yield [*at, "unique"], problem, f"code_digits of at most {EAN_DIGITS}, or leave out `unique`"


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
