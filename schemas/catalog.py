"""The catalog spec: what a shop sells, in what shares, how it looks, what it is called, and what it costs.

Read with `schemas.load(path, "catalog")`; the shipped examples are `schemas/presets/*.yaml`, and `docs/catalog-spec.md`
explains them. Shares, weights and price factors are per design (a family of colourways); navigation labels and colours
are per product. Where a shop names its market, `schemas.markets` has filled in what the document did not say.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from schemas.appearance import ANY, CUTS, DRAWN, SHOWN, STYLE_VALUES, shown_as, words_known
from schemas.errors import ToileError
from schemas.extra import ExtraColumn, extra_complaints
from schemas.markets import MARKETS
from schemas.provenance import Provenance, provenance_complaints
from schemas.validation import nearest, place

SLOT = re.compile(r"\{([^{}]*)\}")
MISSING_LABEL = "N.A."


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """The fictional shop the rows seem to come from."""

    website_name: str
    brand: str
    host: str
    """Ends in .example, so that no URL can ever lead anywhere."""
    market: str | None = None
    """Whose currency, price endings and title words hold where the spec is silent: US, UK, DE, FR, JP or IN."""
    country_code: str = "USA"
    currency_code: str = "USD"
    competence_date: str = "2026-01-01"
    """The day the catalog is of, YYYY-MM-DD."""
    eur_rate: float = 1.0
    """Euros for one unit of the currency; EUR columns are truncated, not rounded, to cents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Colourways:
    """How many products share one design."""

    repeat_share: float = 0.0
    """Share of products that are a further colour of the design before them, in [0, 1)."""
    max_per_family: int = 6
    """No design has more colours than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Navigation:
    """Rows whose leaf is a label of the site (VIEW ALL, NEW IN, N.A.) that no picture can tell."""

    share: float = 0.0
    labels: Mapping[str, float] = field(default_factory=lambda: {MISSING_LABEL: 1.0})
    """Label -> weight; N.A. becomes a missing value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceBand:
    """Legal prices below a bound: every multiple of `per` plus one of the endings (per 100 and 50, 90: x50 and x90)."""

    below: float | None = None
    """Upper bound of the band, exclusive; None for the last band."""
    per: float = 1.0
    endings: tuple[float, ...] = (0.0,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Discounts:
    """Reduced products: `price` below `full_price` and flg_discount = 1."""

    share: float = 0.0
    percents: Mapping[str, float] = field(default_factory=lambda: {"20": 1.0})
    """Reduction in percent -> weight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """The shop's price habits."""

    bands: tuple[PriceBand, ...] = (PriceBand(),)
    """From low to high; a drawn price moves to the nearest legal one."""
    discounts: Discounts = Discounts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One value of an attribute."""

    draws: str | None = None
    """The drawing word for it (colours: #rrggbb); by default the value's own name."""
    title: str | None = None
    """The word it puts into a title; by default its name with capitals; empty for no word."""
    price: float = 1.0
    """Factor on the price, > 0."""
    weight: float = 1.0
    """How often, beside the other values, where a category does not say otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Changes the weights of one attribute's values where attributes listed before it have given values."""

    when: Mapping[str, tuple[str, ...]]
    multiply: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """Something a design has: its material, its length, the name of its line."""

    values: Mapping[str, Value]
    draws: str | None = None
    """What it changes in the picture (material, pattern, colour, size, ...); by default its own name if that is one."""
    rules: tuple[Rule, ...] = ()
    hidden: bool = False
    """True admits that a price factor of this attribute cannot be seen in the picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogNormalPrice:
    """Price of a design before the factors of its attributes."""

    median: float
    """Half of the designs whose factors are all 1 cost less; in the shop's currency, > 0."""
    spread: float = 0.1
    """Standard deviation of the log price that no attribute explains; at 0.1, 95 % lie within a factor 1.22."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A leaf of the tree together with the silhouette it sells."""

    path: tuple[str, ...]
    """category1, category2, category3; a third value N.A. stands for a missing leaf."""
    share: float
    """Share of all designs; the shares of a spec sum to 1."""
    silhouette: str
    price: LogNormalPrice
    titles: Mapping[str, float] = field(default_factory=dict)
    """Template -> weight; `{attribute}` stands for the title word of the chosen value. A market has one of its own."""
    attributes: Mapping[str, Mapping[str, float] | None] = field(default_factory=dict)
    """The attributes its products have; a mapping value -> weight, or nothing for the values' own weights."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CatalogSpec:
    """A whole catalog; equality is identity, so that compiled forms can be cached."""

    name: str
    """Lower-case word with hyphens; the `source` of its rows and the stem of their families."""
    shop: Shop
    attributes: Mapping[str, Attribute]
    categories: tuple[Category, ...]
    description: str = ""
    code_digits: int = 8
    colourways: Colourways = Colourways()
    navigation: Navigation = Navigation()
    prices: Prices = Prices()
    extra: Mapping[str, ExtraColumn] = field(default_factory=dict)
    """Name -> what is in it: further columns of text behind those that every catalog has."""
    scenarios: Mapping[str, float] = field(default_factory=dict)
    """Kind or group of faults -> share of the rows made faulty on purpose (`docs/scenarios.md`), in [0, 0.5]."""
    provenance: Provenance | None = None
    """What a fitted spec knows of real rows; None for one written by hand."""


def drawn_attribute(name: str, attribute: Attribute) -> str | None:
    """Which drawn attribute it sets, or None for one that only names or prices."""
    return attribute.draws or (name if name in DRAWN else None)


def drawing_word(name: str, value: Value) -> str:
    """What the renderer is told for a value."""
    return value.draws or name


def title_word(name: str, value: Value) -> str:
    """What a title says for a value; empty for nothing."""
    if value.title is not None:
        return value.title
    return " ".join(word[:1].upper() + word[1:] for word in name.split(" "))


def check_catalog(spec: CatalogSpec, where: str) -> None:
    """Raise a ToileError for what a JSON Schema cannot say: sums, names that refer to each other, unseen prices."""
    for complaint in _complaints(spec):
        path, problem, hint = complaint
        raise ToileError(place(where, path), problem, hint)


_Complaint = tuple[list[object], str, str]


def _complaints(spec: CatalogSpec) -> Iterator[_Complaint]:
    total = sum(category.share for category in spec.categories)
    if abs(total - 1) > 1e-6:
        yield ["categories"], f"the shares sum to {total:.6g}, not 1", f"divide each share by {total:.6g}"
    longest = spec.colourways.max_per_family
    if spec.colourways.repeat_share > 1 - 1 / longest:
        problem = f"{spec.colourways.repeat_share:g} cannot be reached with {longest} colours a design"
        yield ["colourways", "repeat_share"], problem, f"at most {1 - 1 / longest:.3f}, or a larger max_per_family"
    yield from _prices(spec.prices)
    yield from _without_cents(spec)
    yield from extra_complaints(spec.extra, spec.code_digits)
    yield from provenance_complaints(spec.provenance)
    earlier: set[str] = set()
    for name, attribute in spec.attributes.items():
        yield from _attribute(name, attribute, spec, earlier)
        earlier.add(name)
    seen: set[tuple[tuple[str, ...], str]] = set()
    for number, category in enumerate(spec.categories):
        at: list[object] = ["categories", number]
        if (category.path, category.silhouette) in seen:
            yield at, f"{' > '.join(category.path)} with {category.silhouette} appears twice", "merge the two entries"
        seen.add((category.path, category.silhouette))
        yield from _category(at, category, spec)
    for path, weights in (
        (["navigation", "labels"], spec.navigation.labels),
        (["prices", "discounts", "percents"], spec.prices.discounts.percents),
    ):
        if sum(weights.values()) <= 0:
            yield [*path], "all weights are 0", "give at least one a weight"
    for label in spec.navigation.labels:
        if any(category.path[2] == label != MISSING_LABEL for category in spec.categories):
            yield ["navigation", "labels"], f"{label!r} is also a leaf of the tree", "rename one of them"


def _prices(prices: Prices) -> Iterator[_Complaint]:
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
            yield at, f"an ending reaches the step {band.per:g}", "endings lie between 0 and `per`"
    for percent in prices.discounts.percents:
        if not re.fullmatch(r"[1-9][0-9]?(\.[0-9]+)?", percent):
            yield ["prices", "discounts", "percents"], f"{percent!r} is no percentage below 100", "write 20 for 20 %"


def _without_cents(spec: CatalogSpec) -> Iterator[_Complaint]:
    market = MARKETS.get(spec.shop.market or "")
    if market is None or market.has_cents or spec.shop.currency_code != market.currency_code:
        return
    for number, band in enumerate(spec.prices.bands):
        if any(amount % 1 for amount in (band.per, *band.endings)):
            problem = f"{market.currency_code} has no smaller unit, and a price of this band is no whole number"
            yield ["prices", "bands", number], problem, "use whole numbers for `per` and `endings`"


def _attribute(name: str, attribute: Attribute, spec: CatalogSpec, earlier: set[str]) -> Iterator[_Complaint]:
    at: list[object] = ["attributes", name]
    drawn = drawn_attribute(name, attribute)
    if sum(value.weight for value in attribute.values.values()) <= 0:
        yield [*at, "values"], "all weights are 0", "give at least one value a weight"
    for key, value in attribute.values.items():
        word = drawing_word(key, value)
        if drawn == "colour" and not re.fullmatch(r"#[0-9a-f]{6}", word):
            yield [*at, "values", key, "draws"], f"{word!r} is no colour", "write it as '#1f3a5f'"
        elif drawn in STYLE_VALUES and word not in STYLE_VALUES[drawn]:
            yield [*at, "values", key], f"{word!r} is nothing the renderer draws", nearest(word, STYLE_VALUES[drawn])
    if drawn is None and not attribute.hidden and any(value.price != 1 for value in attribute.values.values()):
        yield at, "has price factors but is not drawn", "set `draws`, or `hidden: true` to say the picture hides it"
    for number, rule in enumerate(attribute.rules):
        for other, values in rule.when.items():
            if other not in earlier:
                hint = "rules look at attributes listed before" if other in spec.attributes else nearest(other, earlier)
                yield [*at, "rules", number, "when"], f"{other!r} is not an attribute listed before {name!r}", hint
                return
            if drawn_attribute(other, spec.attributes[other]) == "colour":
                hint = "put the rule on the colour instead, looking at this attribute"
                yield [*at, "rules", number, "when"], f"{other!r} differs within a design", hint
            for value_name in set(values) - set(spec.attributes[other].values):
                hint = nearest(value_name, spec.attributes[other].values)
                yield [*at, "rules", number, "when", other], f"unknown value {value_name!r}", hint
        for value_name in set(rule.multiply) - set(attribute.values):
            yield (
                [*at, "rules", number, "multiply"],
                f"unknown value {value_name!r}",
                nearest(value_name, attribute.values),
            )


def _category(at: list[object], category: Category, spec: CatalogSpec) -> Iterator[_Complaint]:
    drawn_by: dict[str, str] = {}
    for name, weights in category.attributes.items():
        inside = [*at, "attributes", name]
        if name not in spec.attributes:
            yield inside, f"unknown attribute {name!r}", nearest(name, spec.attributes)
            return
        attribute = spec.attributes[name]
        if weights is not None:
            for value_name in set(weights) - set(attribute.values):
                yield inside, f"unknown value {value_name!r}", nearest(value_name, attribute.values)
            if sum(weights.values()) <= 0:
                yield inside, "all weights are 0", "give at least one value a weight"
        drawn = drawn_attribute(name, attribute)
        if drawn is None:
            continue
        if drawn in drawn_by:
            yield inside, f"draws {drawn!r}, as {drawn_by[drawn]!r} does", "keep one of them"
        drawn_by[drawn] = name
        chosen = attribute.values if weights is None else {k: attribute.values[k] for k, w in weights.items() if w > 0}
        priced = len({value.price for value in chosen.values()}) > 1
        if priced and drawn != "colour" and drawn not in SHOWN[category.silhouette] and not attribute.hidden:
            problem = f"prices by {drawn!r}, which a {category.silhouette} does not show"
            shown = ", ".join(sorted(SHOWN[category.silhouette]))
            yield inside, problem, f"it shows {shown}; or set `hidden: true`"
        if drawn in CUTS and (drawn in SHOWN[category.silhouette] or drawn == "presentation"):
            yield from _cut(inside, drawn, {drawing_word(key, value) for key, value in chosen.items()}, category)
        alike: dict[str, float] = {}
        for key, value in chosen.items():
            if alike.setdefault(drawing_word(key, value), value.price) != value.price and not attribute.hidden:
                problem = f"gives two prices to what is drawn alike ({drawing_word(key, value)!r})"
                yield inside, problem, "draw them differently, price them alike, or set `hidden: true`"
    yield from _folded(at, category, spec, drawn_by)
    if "colour" not in drawn_by:
        yield [*at, "attributes"], "no colour", "list the attribute that draws `colour`"
    if not category.titles:
        yield at, "the key 'titles' is missing", "add templates such as '{material} Coat', or name shop.market"
        return
    for template in category.titles:
        yield from _template([*at, "titles"], template, category)
    if sum(category.titles.values()) <= 0:
        yield [*at, "titles"], "all weights are 0", "give at least one template a weight"


def _folded(
    at: list[object], category: Category, spec: CatalogSpec, drawn_by: Mapping[str, str]
) -> Iterator[_Complaint]:
    """Where some products lie folded, no price may depend on what a folded one hides."""
    if "folded" not in _words(category, spec, drawn_by.get("presentation")):
        return
    seen = shown_as(category.silhouette, "folded") | {"colour"}
    for drawn, name in drawn_by.items():
        attribute = spec.attributes[name]
        chosen = _chosen(category, spec, name)
        if drawn in seen or attribute.hidden or len({attribute.values[key].price for key in chosen}) < 2:
            continue
        problem = f"prices by {drawn!r}, which a folded {category.silhouette} does not show"
        hint = f"folded it shows {', '.join(sorted(seen))}; set `hidden: true`, or give `folded` no weight"
        yield [*at, "attributes", name], problem, hint


def _chosen(category: Category, spec: CatalogSpec, name: str) -> list[str]:
    """The values of an attribute that products of a category can have."""
    own, values = category.attributes[name], spec.attributes[name].values
    weights = {key: value.weight for key, value in values.items()} if own is None else own
    return [key for key in values if weights.get(key, 0.0) > 0]


def _words(category: Category, spec: CatalogSpec, name: str | None) -> set[str]:
    """The drawing words of those values; none where the category lacks the attribute."""
    if name is None:
        return set()
    return {drawing_word(key, spec.attributes[name].values[key]) for key in _chosen(category, spec, name)}


def _cut(at: list[object], cut: str, words: set[str], category: Category) -> Iterator[_Complaint]:
    """A silhouette knows some words of a cut; `any` beside others would name a product by what is not seen."""
    known = words_known(category.silhouette, cut)
    for word in sorted(words - {ANY, *known}):
        yield at, f"a {category.silhouette} has no {cut} {word!r}", f"it draws {', '.join(known)}, or any"
    if ANY in words and len(words) > 1:
        yield at, f"'any' stands beside other words of {cut}", "give the words their weights, or leave `any` alone"


def _template(at: list[object], template: str, category: Category) -> Iterator[_Complaint]:
    slots = SLOT.findall(template)
    if template.count("{") != len(slots) or template.count("}") != len(slots):
        yield at, f"{template!r} has a loose brace", "write slots as {material}"
    for slot in slots:
        if slot not in category.attributes:
            yield at, f"{template!r} names {slot!r}, which the category lacks", nearest(slot, category.attributes)
    if any("{" in word and not re.fullmatch(r"\{[^{}]*\}", word) for word in template.split()):
        yield at, f"{template!r} joins a slot to other characters", "put spaces around slots"
    if all("{" in word for word in template.split()):
        yield at, f"{template!r} has no fixed word", "name the product, as in '{material} Coat'"
