"""The catalog spec: what a shop sells and in what shares, how it looks, what it is called, and what it costs.

    spec = schemas.load("fashion-luxury", "catalog")

The shipped examples are `schemas/presets/*.yaml`; docs/catalog-spec.md explains them. Shares, weights and price factors
are per design (a family of colourways); navigation labels and colours are per product. Where a shop names its market,
`schemas.markets` fills in what the document leaves out.
"""

import datetime
import decimal
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import Ge, Gt, Le, Len, MaxLen, MinLen

from schemas.appearance import DRAWN, SILHOUETTES, STYLE_VALUES
from schemas.documents import Count, OneOf, Pattern, Text
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
EXTRA_TYPES = ("text", "number", "date")
LARGEST_NUMBER = 2**53
"""Of an extra column, in units of its last decimal: up to it, a double holds every whole number."""
EAN_DIGITS = 11
"""An EAN-13 is a 2 (numbers for use inside a shop), these digits, and a check digit."""
_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EPOCH = datetime.date(1970, 1, 1).toordinal()
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
    per: Annotated[float, Ge(0.001)] = 1.0
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

    median: Annotated[float, Gt(0), Le(1e12)] | None = None
    """In the shop's currency; half of the designs whose factors are all 1 cost less. Either this or `quantiles`."""
    spread: Annotated[float, Ge(0), Le(3)] | None = None
    """Standard deviation of the log price that no attribute explains, beside `median`; by default 0.1, where 95 % are
    within a factor of 1.22."""
    quantiles: Annotated[tuple[Annotated[float, Gt(0), Le(1e12)], ...], MinLen(2)] | None = None
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
    """One more column: text that a provider makes, or what an attribute says about the product."""

    provider: Annotated[str, OneOf(PROVIDERS)] | None = None
    """What kind of text: company, name, city, email, ... Either this or `attribute`."""
    locale: Annotated[str, Pattern("^[a-z]{2,3}(_[A-Z]{2})?$", "language and country, as in de_DE")] | None = None
    """Language and country, as in de_DE; by default the market's, or en_US."""
    per: Annotated[str, OneOf(("product", "design"))] = "product"
    """`product` or `design`: whether the colourways of a design share the value."""
    pool: Annotated[int, Ge(1), Le(10_000)] | None = None
    """Sample from this many different values, as a shop has so many suppliers; null means a new value each time."""
    unique: bool = False
    """Whether no two products have the same value."""
    attribute: Name | None = None
    """Repeat the values of this attribute; `N.A.`, or no such attribute, is a missing value."""
    type: Annotated[str, OneOf(EXTRA_TYPES)] = "text"
    """text, number or date: of an attribute, either its value's name or something within the range of the value."""
    ranges: Mapping[str, Annotated[tuple[float | str, ...], Len(2, 2)]] = field(default_factory=dict)
    """Value of the attribute -> first and last number (or date, YYYY-MM-DD), both included; uniform in between."""
    decimals: Annotated[int, Ge(0), Le(6)] = 0
    """Decimals of a number; without any, the column has whole numbers."""


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
    """No word or value of the rows in the spec has fewer families behind it (noisy counts where private)."""
    unit: str = "family"
    """What is protected: two sets of rows are neighbours when one of them has one family (or row) more."""
    price_range: tuple[float, ...] = ()
    """Lowest and highest price, where they were given as public."""
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
    distinct_titles: Annotated[float, Ge(0), Le(1)] = 0.0
    """Share of the designs that sample the words of their title again where a design shortly before them has it, as in
    shops whose products all have names of their own. What the image shows stays."""
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


def range_steps(column: ExtraColumn, value: str) -> tuple[int, int]:
    """Return the first and the last step within the range that an extra column has for a value of its attribute.

    The steps of a number are multiples of its last decimal, those of a date are days since 1970-01-01. Raises
    ValueError for bounds of another type, and where no step is between them.
    """
    bounds = column.ranges[value]
    if column.type == "date":
        if not all(isinstance(each, str) and _DATE.fullmatch(each) for each in bounds):
            raise ValueError("a bound is no date")
        first, last = (datetime.date.fromisoformat(str(each)).toordinal() - _EPOCH for each in bounds)
    else:
        if any(isinstance(each, str) for each in bounds):
            raise ValueError("a bound is no number")
        low, high = (decimal.Decimal(repr(each)).scaleb(column.decimals) for each in bounds)
        first = int(low.to_integral_value(decimal.ROUND_CEILING))
        last = int(high.to_integral_value(decimal.ROUND_FLOOR))
        if max(abs(first), abs(last)) > LARGEST_NUMBER:
            raise ValueError("a bound is too large")
    if first > last:
        raise ValueError("nothing is between its bounds")
    return first, last


def column_dtype(column: ExtraColumn) -> str:
    """Return the name of an extra column's type in Arrow and `datasets`."""
    numbers = "float64" if column.decimals else "int64"
    return {"text": "string", "number": numbers, "date": "date32"}[column.type]


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
