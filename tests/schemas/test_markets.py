"""Markets: defaults of a spec, titles in each language, and local price formats."""

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from generator import product, products
from generator.sampling.prices import list_price_points
from generator.sampling.titles import slugify
from generator.scaffold.preview import format_price
from schemas import markets
from schemas.appearance import CUTS, SHOWN, SILHOUETTES, STYLE_VALUES, visible_values
from schemas.catalog import CatalogSpec
from schemas.documents import schema
from schemas.errors import ToileError
from schemas.markets import MARKETS, apply_market_defaults
from schemas.product import Product
from schemas.silhouettes.record import MARKET_CODES as COLUMNS
from schemas.validation import from_document

GOLDEN = Path(__file__).parents[1] / "golden" / "market-titles.txt"
CURRENCIES = {"US": "USD", "UK": "GBP", "DE": "EUR", "FR": "EUR", "JP": "JPY", "IN": "INR"}
LEVELS = {"US": 90.0, "UK": 75.0, "DE": 90.0, "FR": 90.0, "JP": 12000.0, "IN": 3500.0}
LOANWORDS: dict[str, set[str]] = {
    "DE": {
        *("hoodie", "jeans", "leggings", "rucksack", "shirt", "shorts", "t", "details", "vase", "v"),
        *("jersey", "denim", "nylon", "gabardine", "satin"),
        *("beige", "camel", "gold", "khaki", "orange", "sand"),
        *("beanie", "clutch", "crossbody", "pumps", "parka"),
    },
    "FR": {
        *("trench", "coat", "t", "shirt", "polo", "short", "vase", "mug", "v"),
        *("jersey", "denim", "nylon", "gabardine", "satin"),
        *("plaid", "cape", "cargo", "duffle", "gilet", "parka", "trucker", "beige", "camel", "olive", "orange"),
    },
    "JP": set(),
}
"""Words that are German, French or Japanese too, though English spells them so."""


def document(market: str | None, silhouettes: tuple[str, ...] = SILHOUETTES, median: float = 90.0) -> dict[str, Any]:
    """A spec that says as little as a spec can, with every drawing word in it."""
    styles: dict[str, Any] = {name: {"values": {word: {} for word in values}} for name, values in STYLE_VALUES.items()}
    colours = {"values": {name: {"draws": "#112233"} for name in ("black", "Gray", "heather", "red")}}
    shop = {"website_name": "A", "brand": "B", "host": "a.example"}
    return {
        "name": "all-there-is",
        "shop": shop if market is None else {**shop, "market": market},
        "colourways": {"repeat_share": 0.3, "max_per_family": 3},
        "prices": {"discounts": {"share": 0.3, "percents": {"20": 1, "30": 1}}},
        "attributes": {**styles, "colour": colours},
        "categories": [
            {
                "path": ["A", "B", silhouette.upper()],
                "share": 1 / len(silhouettes),
                "silhouette": silhouette,
                "price": {"median": median, "spread": 1.0},
                "attributes": {
                    name: dict.fromkeys(visible_values(silhouette, name), 1.0) if name in CUTS else None
                    for name in sorted(SHOWN[silhouette] | {"colour"})
                },
            }
            for silhouette in silhouettes
        ],
    }


def spec_of(market: str, **changes: Any) -> CatalogSpec:
    spec: CatalogSpec = from_document({**document(market, median=LEVELS[market]), **changes}, "catalog")
    return spec


def listing() -> str:
    """Six products of every market, one line each."""
    lines = []
    for market in COLUMNS:
        for each in (product(spec_of(market), 5, 3 * number) for number in range(6)):
            assert each.full_price is not None
            price = format_price(each.full_price, str(each.currency_code), market)
            address = urlsplit(str(each.itemurl)).path
            lines.append(f"{market} | {each.title} | {price} | {address}")
    return "\n".join(lines) + "\n"


def test_titles_prices_and_urls_of_six_markets_are_the_reviewed_ones() -> None:
    assert listing() == GOLDEN.read_text(encoding="utf-8")  # python -m tests.schemas.test_markets > its path


def test_every_silhouette_and_value_has_words_in_every_market() -> None:
    assert set(markets.NOUNS) == set(SILHOUETTES)
    assert {key for key in markets.WORDS if "/" not in key[0]} == {(n, w) for n, ws in STYLE_VALUES.items() for w in ws}
    for key, row in (*markets.NOUNS.items(), *markets.WORDS.items(), *markets.COLOURS.items()):
        assert len(row) == len(COLUMNS), key
        assert all(re.fullmatch(r"\S*( \S+)*", word) and not set("{},") & set(word) for word in row), key
        assert len({bool(word) for word in row}) == 1, f"{key} has words in some markets only"
    assert all(all(row) for row in (*markets.NOUNS.values(), *markets.COLOURS.values()))


def test_a_japanese_entry_has_one_english_word() -> None:
    rows = (*markets.NOUNS.values(), *markets.WORDS.values(), *markets.COLOURS.values())
    pairs = {(row[4], row[0]) for row in rows if row[4]}
    assert len(pairs) == len({japanese for japanese, _ in pairs})
    assert markets.to_english("ウール") == "Wool"
    assert markets.to_english("Wool") == ""


def words(title: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]+", title.lower()))


@pytest.mark.parametrize("market", ["DE", "FR", "JP"])
def test_titles_in_other_languages_have_no_english_word(market: str) -> None:
    tables = (markets.NOUNS, markets.WORDS, markets.COLOURS)
    english = {w for table in tables for row in table.values() for w in words(" ".join((row[0], row[1], row[5])))}
    own = {w for table in tables for row in table.values() for w in words(row[COLUMNS.index(market)])}
    assert own & english == LOANWORDS[market]
    for each in products(spec_of(market), 1, 0, 3000):
        title = str(each.title).replace("Heather", "")  # a colour of the spec that no list knows
        assert not words(title) & (english - LOANWORDS[market]), title


@pytest.mark.parametrize("market", COLUMNS)
def test_prices_are_legal_in_the_market_and_in_its_currency(market: str) -> None:
    spec = spec_of(market)
    rows = list(products(spec, 2, 0, 3000))
    assert {row.currency_code for row in rows} == {CURRENCIES[market]}
    assert {row.country_code for row in rows} == {MARKETS[market].country_code}
    prices = [price for row in rows for price in (row.full_price, row.price) if price is not None]
    assert len(prices) == 6000
    assert set(prices) <= set(list_price_points(spec.prices, max(prices)).tolist())
    assert all(ends_as_there(market, price) for price in prices)


def ends_as_there(market: str, price: float) -> bool:
    """The habits in other words than the bands are written in."""
    text = f"{price:.2f}"
    match market:
        case "US":
            return text.endswith((".99", ".49", ".95") if price < 500 else ("0.00", "5.00"))
        case "UK":
            return text.endswith((".50", ".99", "0.00", "5.00"))
        case "DE":
            return text.endswith((".95", ".99") if price < 300 else ("0.00", "9.00"))
        case "FR":
            return text.endswith((".90", ".00"))
        case "JP":
            return price % 1 == 0 and text.endswith(("80.00", "800.00", "900.00", "000.00"))
    return text.endswith(("49.00", "99.00"))


def test_spec_without_a_market_is_unchanged(demo_document: dict[str, Any]) -> None:
    before = copy.deepcopy(demo_document)
    assert apply_market_defaults(demo_document) is demo_document
    assert demo_document == before


def test_values_of_the_spec_override_the_market() -> None:
    own = document("DE", ("coat",))
    own["shop"] |= {"country_code": "AUT", "eur_rate": 0.5}
    own["prices"]["bands"] = [{"per": 7}]
    own["attributes"]["material"]["values"] = {"wool": {"title": "Loden"}, "Tuch": {"draws": "cotton"}}
    own["categories"][0]["titles"] = {"Joppe {material} {colour}": 1}
    before = copy.deepcopy(own)
    spec: CatalogSpec = from_document(own, "catalog")
    assert own == before, "the document stays what the user wrote"
    assert (spec.shop.country_code, spec.shop.currency_code, spec.shop.eur_rate) == ("AUT", "EUR", 0.5)
    titles = set()
    for each in products(spec, 0, 0, 60):
        assert each.full_price is not None
        assert each.full_price % 7 == 0
        titles.add(str(each.title).rpartition(" in ")[0])
    assert titles == {"Joppe Loden", "Joppe aus Baumwolle"}


def test_another_currency_has_its_own_rate_and_no_market_bands() -> None:
    own = document("JP", ("coat",))
    own["shop"]["currency_code"] = "EUR"
    spec: CatalogSpec = from_document(own, "catalog")
    assert spec.shop.eur_rate == 1.0
    assert len(spec.prices.bands) == 1


def test_size_and_lining_words_differ_between_bag_and_coat() -> None:
    def title_of(silhouettes: tuple[str, ...], attribute: str, word: str) -> str | None:
        spec: CatalogSpec = from_document(document("DE", silhouettes), "catalog")
        return spec.attributes[attribute].values[word].title

    assert title_of(("coat", "dress"), "size", "small") == "kurz geschnitten"
    assert title_of(("boot", "sneaker"), "size", "large") == "mit hohem Schaft"
    assert title_of(("coat", "tote-bag"), "size", "small") == "im Kleinformat"
    assert title_of(("coat",), "lining", "check") == "mit kariertem Futter"
    assert title_of(("coat", "mug"), "lining", "check") == "mit karierter Innenseite"


def test_titles_name_shown_attributes_and_lines_but_nothing_hidden() -> None:
    own = document("FR", ("perfume-bottle",))
    own["attributes"] |= {
        "line": {"values": {"Alto": {}}},
        "grade": {"hidden": True, "values": {"fine": {"price": 2}, "coarse": {}}},
    }
    own["categories"][0]["attributes"] = dict.fromkeys(("material", "line", "grade", "colour"))
    (template,) = from_document(own, "catalog").categories[0].titles
    assert template == "Flacon de parfum {line} {colour}"


BAD: dict[str, tuple[Callable[[dict[str, Any]], object], str, str, str]] = {
    "no titles and no market": (
        lambda d: d["shop"].pop("market"),
        "categories[0]",
        "'titles' is missing",
        "shop.market",
    ),
    "unknown market": (lambda d: d["shop"].update(market="USA"), "shop.market", "'USA'", "US"),
    "sen of a yen": (
        lambda d: d["prices"].update(bands=[{"per": 10, "endings": [9.5]}]),
        "prices.bands[0]",
        "no smaller unit",
        "whole numbers",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_market_is_refused_with_place_and_hint(name: str) -> None:
    change, where, problem, hint = BAD[name]
    own = document("JP")
    change(own)
    with pytest.raises(ToileError) as caught:
        from_document(own, "catalog", "shop.yaml")
    assert caught.value.where == f"shop.yaml: {where}"
    assert problem in caught.value.problem
    assert hint in caught.value.hint


@pytest.mark.parametrize("market", COLUMNS)
def test_urls_are_ascii_and_unique(market: str) -> None:
    rows = list(products(spec_of(market), 3, 0, 1000))
    paths = [urlsplit(str(row.itemurl)).path for row in rows]
    assert len(set(paths)) == 1000
    assert all(re.fullmatch(r"/[a-z0-9]+(-[a-z0-9]+)*-p[0-9]{8}", path) for path in paths)


def test_url_without_latin_words_begins_with_the_code() -> None:
    own = document(None, ("coat",))
    own["attributes"]["line"] = {"values": {"alto": {"title": "Alto"}, "高": {"title": "高"}}}
    own["categories"][0] |= {"titles": {"外套": 1, "外套 {line}": 1}, "attributes": {"colour": None, "line": None}}
    rows = list(products(from_document(own, "catalog"), 0, 0, 40))
    assert {str(each.title) for each in rows} == {"外套", "外套 高", "外套 Alto"}
    for each in rows:
        wanted = f"alto-p{each.product_code}" if "Alto" in str(each.title) else f"p{each.product_code}"
        assert each.itemurl == f"https://a.example/{wanted}"


def test_sharp_s_becomes_ss() -> None:
    assert slugify("Großformat, weiß") == "grossformat-weiss"


@pytest.mark.parametrize(
    ("price", "market", "expected"),
    [
        (1290, "DE", "1.290,00\u00a0€"),
        (19.95, "DE", "19,95\u00a0€"),
        (1290, "FR", "1\u202f290,00\u00a0€"),
        (1290, "UK", "£1,290"),
        (29.99, "UK", "£29.99"),
        (12800, "JP", "¥12,800"),
        (129999, "IN", "₹1,29,999"),
        (1290, "US", "$1,290"),
        (1290.5, "US", "$1,290.50"),
    ],
)
def test_price_format_of_a_market(price: float, market: str, expected: str) -> None:
    assert format_price(price, MARKETS[market].currency_code, market) == expected


def test_price_format_without_a_market_is_american() -> None:
    assert format_price(1290, "EUR") == "€1,290"
    assert format_price(12.5, "JPY") == "¥12"  # half to even: there is no smaller unit


def test_the_schema_knows_the_markets() -> None:
    enum = schema("catalog")["$defs"]["Shop"]["properties"]["market"]["enum"]
    assert tuple(enum) == (*COLUMNS, None)
    assert tuple(MARKETS) == COLUMNS


def test_colour_names_are_found_in_any_spelling() -> None:
    assert markets.colour_word("Grey", "US") == markets.colour_word("gray", "US") == "Gray"
    assert markets.colour_word("heather", "FR") is None
    titles = {str(each.title) for each in products(spec_of("FR"), 0, 0, 200)}
    assert any(title.endswith("coloris gris") for title in titles)
    assert any(title.endswith("coloris Heather") for title in titles)


def test_rows_of_a_market_are_products() -> None:
    each = next(products(spec_of("JP"), 0, 0, 1))
    assert isinstance(each, Product)
    assert each.full_price == int(each.full_price or 0.5)


if __name__ == "__main__":
    print(listing(), end="")
