"""Six markets: what a catalog spec that names one need not say - currency, price endings, words and order of a title.

`completed` fills these in where a spec is silent, before its record is built; a spec without a market stays as it is.
Price endings follow what shops there are known for: .99 in the US and the UK, ,95 and ,99 in Germany, ,90 and whole
euros in France, tens of yen below whole thousands in Japan, 49, 99, 499 and 999 in India.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from schemas import vocabulary as lexicon
from schemas.appearance import DRAWN, SHOWN

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """The habits of one market."""

    country_code: str
    currency_code: str
    eur_rate: float
    """Euros for one unit of the currency: a round figure of the mid twenties, not a quotation."""
    locale: str
    """As Babel and Faker name it."""
    bands: tuple[Mapping[str, Any], ...]
    """Legal prices, as a spec would list them."""
    order: tuple[str, ...]
    """The parts of a title; `noun` is the silhouette, `line` whatever names without being drawn."""
    colour: str = "{}"
    """The phrase that a colour word stands in."""
    has_cents: bool = True
    """False for a currency without a smaller unit: every price is a whole number."""
    writes_zero_cents: bool = False
    """Whether a whole price is written with its two zeros."""


_ADJECTIVES_FIRST = ("line", "size", "colour", "quilting", "pattern", "material", "noun", "hardware", "lining")
_COLOUR_LAST = ("line", "size", "quilting", "pattern", "material", "noun", "hardware", "lining", "colour")
_NOUN_FIRST = ("noun", "line", "material", "pattern", "size", "quilting", "hardware", "lining", "colour")
MARKETS: dict[str, Market] = {
    "US": Market(
        country_code="USA",
        currency_code="USD",
        eur_rate=0.92251,
        locale="en_US",
        bands=(
            {"below": 20, "per": 1, "endings": [0.49, 0.99]},
            {"below": 100, "per": 1, "endings": [0.99]},
            {"below": 500, "per": 5, "endings": [4.95]},
            {"below": 1000, "per": 10, "endings": [0, 5]},
            {"per": 50, "endings": [0, 40]},
        ),
        order=_COLOUR_LAST,
        colour="in {}",
    ),
    "UK": Market(
        country_code="GBR",
        currency_code="GBP",
        eur_rate=1.16,
        locale="en_GB",
        bands=(
            {"below": 25, "per": 1, "endings": [0.50, 0.99]},
            {"below": 150, "per": 5, "endings": [0, 4.99]},
            {"below": 1000, "per": 5, "endings": [0]},
            {"per": 50, "endings": [0, 40]},
        ),
        order=_ADJECTIVES_FIRST,
    ),
    "DE": Market(
        country_code="DEU",
        currency_code="EUR",
        eur_rate=1.0,
        locale="de_DE",
        bands=(
            {"below": 50, "per": 1, "endings": [0.95, 0.99]},
            {"below": 300, "per": 5, "endings": [4.95, 4.99]},
            {"below": 1000, "per": 10, "endings": [0, 9]},
            {"per": 50, "endings": [0, 40]},
        ),
        order=_NOUN_FIRST,
        colour="in {}",
        writes_zero_cents=True,
    ),
    "FR": Market(
        country_code="FRA",
        currency_code="EUR",
        eur_rate=1.0,
        locale="fr_FR",
        bands=(
            {"below": 100, "per": 1, "endings": [0, 0.90]},
            {"below": 500, "per": 5, "endings": [0, 4.90]},
            {"per": 10, "endings": [0]},
        ),
        order=_NOUN_FIRST,
        colour="coloris {}",
        writes_zero_cents=True,
    ),
    "JP": Market(
        country_code="JPN",
        currency_code="JPY",
        eur_rate=0.0061,
        locale="ja_JP",
        bands=(
            {"below": 1000, "per": 100, "endings": [80]},
            {"below": 10_000, "per": 1000, "endings": [480, 800, 980]},
            {"below": 100_000, "per": 1000, "endings": [0, 800, 900]},
            {"per": 1000, "endings": [0]},
        ),
        order=("line", "size", "material", "pattern", "quilting", "noun", "hardware", "lining", "colour"),
        has_cents=False,
    ),
    "IN": Market(
        country_code="IND",
        currency_code="INR",
        eur_rate=0.0105,
        locale="en_IN",
        bands=(
            {"below": 1000, "per": 50, "endings": [49]},
            {"below": 5000, "per": 100, "endings": [99]},
            {"below": 20_000, "per": 500, "endings": [499]},
            {"per": 1000, "endings": [999]},
        ),
        order=_ADJECTIVES_FIRST,
    ),
}
_RATES = {market.currency_code: market.eur_rate for market in MARKETS.values()}


def completed(document: Document) -> Document:
    """The document with everything its market adds where it says nothing; itself where it names no market.

    The price bands are only those of the market where the currency is, and the euro rate is that of the currency.
    """
    name = document["shop"].get("market")
    if name is None:
        return document
    market = MARKETS[name]
    shop = {"country_code": market.country_code, "currency_code": market.currency_code, **document["shop"]}
    shop.setdefault("eur_rate", _RATES.get(shop["currency_code"], 1.0))
    prices = dict(document.get("prices", {}))
    if shop["currency_code"] == market.currency_code:
        prices.setdefault("bands", [dict(band) for band in market.bands])
    categories = document["categories"]
    return {
        **document,
        "shop": shop,
        "prices": prices,
        "attributes": {
            key: _attribute(key, attribute, _sold_as(key, categories), name)
            for key, attribute in document["attributes"].items()
        },
        "categories": [_category(category, document["attributes"], name) for category in categories],
    }


def _sold_as(attribute: str, categories: list[Document]) -> frozenset[str]:
    """The silhouettes of the categories that have the attribute."""
    return frozenset(entry["silhouette"] for entry in categories if attribute in entry.get("attributes", {}))


def _drawn(name: str, attribute: Document) -> str | None:
    """`schemas.catalog.drawn_attribute` of a document."""
    return attribute.get("draws") or (name if name in DRAWN else None)


def _attribute(name: str, attribute: Document, silhouettes: frozenset[str], market: str) -> Document:
    drawn = _drawn(name, attribute)
    if drawn is None:
        return attribute
    values = {
        key: value
        if value.get("title") is not None
        else {**value, "title": _title(drawn, key, value, silhouettes, market)}
        for key, value in attribute["values"].items()
    }
    return {**attribute, "values": values}


def _title(drawn: str, key: str, value: Document, silhouettes: frozenset[str], market: str) -> str | None:
    """The market's words for one value; None, and so its own name, for a word that nothing draws."""
    if drawn == "colour":
        own = " ".join(word[:1].upper() + word[1:] for word in key.split(" "))
        return MARKETS[market].colour.format(lexicon.colour(key, market) or own)
    word = value.get("draws") or key
    return lexicon.phrase(drawn, word, silhouettes, market) if (drawn, word) in lexicon.WORDS else None


def _category(category: Document, attributes: Document, market: str) -> Document:
    """The category, with the market's template for what its silhouette shows where it has none of its own."""
    if "titles" in category:
        return category
    names = [name for name in category.get("attributes", {}) if name in attributes]
    shown = SHOWN[category["silhouette"]] | {"colour"}
    slots: dict[str, list[str]] = {}
    for name in names:
        drawn = _drawn(name, attributes[name])
        if drawn in shown or (drawn is None and not attributes[name].get("hidden", False)):
            slots.setdefault(drawn or "line", []).append(f"{{{name}}}")
    noun = lexicon.noun(category["silhouette"], market)
    parts: Iterator[str] = (
        word for part in MARKETS[market].order for word in ([noun] if part == "noun" else slots.get(part, []))
    )
    return {**category, "titles": {" ".join(parts): 1.0}}
