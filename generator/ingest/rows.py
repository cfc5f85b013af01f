"""Convert the rows of other people's tables: their values in our columns, validity, repeats and families.

`parse_product(number, row, options)` turns one row of `generator.ingest.columns` into a `Product`, or raises
BadRowError with the reason. To accept another way to write a value, change it there. `drop_repeated_codes` and
`assign_families` work on all valid rows of a table, and `list_warnings` says what is odd about them.

The tables of DBQ (Data Boutique) decide the odd cases: codes that are int64 or text, "N.A." for missing values,
percent-encoded categories ("BEDDING%20%26%20BEDROOM"), and codes that occur again under a navigation label.
"""

import hashlib
import json
import math
import re
import statistics
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from generator.ingest import ImportOptions
from generator.ingest.columns import CATEGORIES, KNOWN_COLUMNS, NAVIGATION, PRICES, ArrangedRow
from generator.ingest.tables import Row
from schemas.evaluation import SPLITS
from schemas.prices import NotAPriceError, find_currency, read_price
from schemas.product import COLUMNS, Product, split_of

PLACEHOLDER_ROWS = 5
"""Rows with the same image from which on it is reported: a shop's "no image" placeholder is an image too."""
LARGEST_FAMILY = 0.2
"""Share of the rows in one family above which it is reported; of at least ten rows half of that."""
PRICE_FACTOR = 1000.0
"""Prices more than so many times above or below the median are reported."""
_DOLLARS = frozenset(("USD", "CAD", "AUD", "NZD", "HKD", "SGD", "TWD", "MXN", "ARS", "CLP", "COP", "UYU"))
_SHARED_SIGNS = {"USD": _DOLLARS, "JPY": frozenset(("JPY", "CNY")), "GBP": frozenset(("GBP", "EGP", "LBP"))}
"""Currencies that share the sign $, \u00a5 or \u00a3."""
_SIZE_WORDS = frozenset(("xxs", "xs", "s", "m", "l", "xl", "xxl", "xxxl", "2xl", "3xl", "4xl", "5xl", "os", "onesize"))
_SIZE = re.compile(
    r"\b(?:size|gr\u00f6\u00dfe|gr|taille|taglia|talla|eu|eur|uk|us|it|fr)\.?\s*\d{1,3}(?:[.,]5)?\b"
    r"|\b\d+(?:[.,]\d+)?\s*(?:x|\u00d7)\s*\d+(?:[.,]\d+)?(?:\s*(?:x|\u00d7)\s*\d+(?:[.,]\d+)?)?\s*(?:cm|mm|m|in)?\b"
    r"|\b\d+(?:[.,]\d+)?\s*(?:cm|mm|ml|cl|l|g|kg|oz|inch|inches)\b|\bw\d{2}\s*/?\s*l\d{2}\b|\bone size\b",
    re.IGNORECASE,
)
"""What names a size in a title, together with its number."""
_SIZE_NUMBERS = range(30, 51)
"""Bare numbers in titles of one design that are sizes if all of them are in this range."""


class BadRowError(Exception):
    """The reason why one row cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedImage:
    """An image that has been decoded once, and a function that returns its bytes again."""

    sha256: str
    where: str
    """Path, URL or "the table", for messages."""
    read: Callable[[], bytes]


@dataclass(slots=True)
class ValidRow:
    """A row that can be used, with its image."""

    number: int
    """1 is the first row of the table."""
    product: Product
    image: CheckedImage | None
    """None in a catalog without images."""
    colour: str | None
    own: Mapping[str, str | None] = field(default_factory=dict)
    """Values of the user's own columns."""


def parse_product(
    number: int,
    row: Row,
    options: ImportOptions,
    decimals: Mapping[str, str] | None = None,
    usual_currency: str | None = None,
) -> Product:
    """Return the row in our columns, without image, family and split.

    Args:
        number: Its number in the table; the code of a row that has none.
        row: A value, or None, for each of KNOWN_COLUMNS.
        options: How the table is read.
        decimals: Price column -> decimal mark; a point by default.
        usual_currency: Currency of prices without any, where the table names it for a whole column.

    Raises:
        BadRowError: A price is not a number above 0, or the currency is not the expected one.
    """
    category = row["category3_code"]
    decoded = None if category is None else decode_category(str(category))
    if category is not None and options.categories is not None:
        decoded = options.categories.get(str(category), options.categories.get(str(decoded), decoded))
    found = {name: _parse_price(row[name], name, (decimals or {}).get(name, ".")) for name in PRICES}
    currency = _parse_currency(row["currency_code"])
    if currency is None:
        currency = next((found[name][1] for name in ("full_price", "price") if found[name][1]), None) or usual_currency
        if options.currency in _SHARED_SIGNS.get(currency or "", ()):
            currency = options.currency
    if options.currency is not None and options.rate is None and currency not in (None, options.currency):
        raise BadRowError(f"its currency is {currency}, not {options.currency} (convert with --rate)")
    rate = None if currency == options.currency else options.rate
    prices = {name: _convert(found[name][0], None if "eur" in name else rate) for name in PRICES}
    full = prices["full_price"] or prices["price"]
    asked = prices["price"] or full
    text = {name: _parse_text(row[name]) for name in KNOWN_COLUMNS if name not in {"image", "flg_discount", *PRICES}}
    for name in CATEGORIES[:2]:
        text[name] = _replace_commas(None if text[name] is None else decode_category(str(text[name])))
    leaf = _replace_commas(decoded)
    values: dict[str, Any] = {**text, "product_code": parse_code(number, row), "category3_code": leaf}
    return Product(
        **{**values, "currency_code": options.currency or currency},
        full_price=full,
        price=asked,
        full_price_eur=prices["full_price_eur"],
        price_eur=prices["price_eur"],
        flg_discount=int(asked < full) if asked is not None and full is not None else None,
        family="",
        split="",
        source=options.source,
        inferable=leaf is not None and leaf.lower() not in NAVIGATION,
    )


def parse_code(number: int, row: Row) -> str:
    """Return the product code as text; a row without a code gets its number, with eight digits.

    Whole numbers lose the `.0` that CSV adds to a column with gaps.
    """
    value = row["product_code"]
    return f"{number:08d}" if value is None else format_code(value)


def format_code(value: Any) -> str:
    """Return a code as text: `36774106.0` and `3.6774106e7`, as pandas writes a column with gaps, are 36774106."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value)
    if re.fullmatch(r"\d+\.0+", text):
        return text.partition(".")[0]
    if re.fullmatch(r"\d\.\d+[eE]\+?\d\d?", text) and float(text).is_integer():
        return str(int(float(text)))
    return text


def decode_category(text: str) -> str:
    """Undo percent-encoding. The text stays as it is where the result is not printable UTF-8."""
    try:
        plain = re.sub(r"(?:%[0-9A-Fa-f]{2})+", lambda part: bytes.fromhex(part[0].replace("%", "")).decode(), text)
    except UnicodeDecodeError:
        return text
    return plain.strip() if plain.isprintable() and plain.strip() else text


def count_commas(rows: Iterable[ArrangedRow]) -> int:
    """Count the category names in which a comma becomes ` &`."""
    return sum("," in decode_category(str(row.values[name])) for row in rows for name in CATEGORIES)


def normalize_title(title: str, colour: str | None) -> str:
    """Return the title without case, punctuation, sizes and its colour words; equal for all colourways of a design."""
    text = unicodedata.normalize("NFKC", title).casefold()
    words = re.findall(r"[^\W_]+", _SIZE.sub(" ", text))
    dropped = set(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", colour).casefold())) if colour else set()
    kept = [word for word in words if word not in dropped]
    while len(kept) > 1 and kept[-1] in _SIZE_WORDS:
        kept.pop()
    return " ".join(kept) or title


def drop_repeated_codes(candidates: list[ValidRow]) -> tuple[list[ValidRow], list[dict[str, Any]]]:
    """Keep one row for each product code; return the kept rows and the others with reasons, both in table order.

    The first row stays, unless only a later one has a category that an image can show.
    """
    kept: dict[str, ValidRow] = {}
    rejected = []
    for candidate in candidates:
        code = candidate.product.product_code
        first = kept.setdefault(code, candidate)
        if first is candidate:
            continue
        if candidate.product.inferable and not first.product.inferable:
            kept[code], dropped = candidate, first
        else:
            dropped = candidate
        reason = f"product code {code} is also that of row {kept[code].number}"
        rejected.append({"row": dropped.number, "product_code": code, "reason": reason})
    ordered = sorted(kept.values(), key=lambda each: each.number)
    return ordered, sorted(rejected, key=lambda each: int(each["row"]))


def assign_families(rows: list[ValidRow], source: str) -> list[ValidRow]:
    """Set family and split of each row, in place, and return the rows.

    Rows that share a title or an image, directly or through other rows, are one family (union-find). Numbers count in
    titles (501 and 505 are two designs), unless all numbers of a design look like sizes. A placeholder, an image of
    many designs, joins none.
    """
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        while parent.setdefault(node, node) != node:
            parent[node] = node = parent.setdefault(parent[node], parent[node])
        return node

    keys = _design_keys(rows)
    placeholders = set(find_placeholders(rows, keys))
    for each, key in zip(rows, keys, strict=True):
        if each.image is not None and each.image.sha256 not in placeholders:
            parent[root(f"picture {each.image.sha256}")] = root(key)
    for each, key in zip(rows, keys, strict=True):
        digest = hashlib.sha256(root(key).encode("utf-8", "surrogatepass")).hexdigest()[:12]
        family = f"{source}-{digest}"
        values = {name: getattr(each.product, name) for name in COLUMNS}
        each.product = Product(**{**values, "family": family, "split": split_of(family)})
    return rows


def find_placeholders(rows: list[ValidRow], keys: list[str] | None = None) -> dict[str, int]:
    """Return sha256 -> number of rows of each image that PLACEHOLDER_ROWS or more different designs show."""
    designs: dict[str, list[str]] = defaultdict(list)
    for each, key in zip(rows, keys or _design_keys(rows), strict=True):
        if each.image is not None and each.product.title:
            designs[each.image.sha256].append(key)
    return {sha256: len(found) for sha256, found in designs.items() if len(set(found)) >= PLACEHOLDER_ROWS}


def _design_keys(rows: list[ValidRow]) -> list[str]:
    """Return what the rows of one design share: the title without sizes and colours, else the image, else the code."""
    titles = [normalize_title(each.product.title, each.colour) if each.product.title else None for each in rows]
    numbers: dict[str, set[str]] = defaultdict(set)
    for title in titles:
        if title is not None:
            numbers[_without_numbers(title)].update(re.findall(r"\b\d+\b", title))
    keys = []
    for each, title in zip(rows, titles, strict=True):
        if title is None:
            keys.append(f"picture {each.image.sha256}" if each.image else f"code {each.product.product_code}")
            continue
        bare = _without_numbers(title)
        keys.append(bare if bare and all(int(found) in _SIZE_NUMBERS for found in numbers[bare]) else title)
    return keys


def _without_numbers(title: str) -> str:
    return " ".join(word for word in title.split() if not word.isdecimal())


def describe_families(rows: list[ValidRow]) -> str:
    """Return one line about families and splits."""
    families = Counter(each.product.family for each in rows)
    splits = Counter(each.product.split for each in rows)
    largest = max(families.values(), default=0)
    counts = ", ".join(f"{split} {splits[split]:,}" for split in SPLITS)
    return f"{len(families):,} families, the largest of {largest:,} rows; {counts}"


def list_warnings(rows: list[ValidRow]) -> list[str]:
    """Return what is odd about the rows of a catalog, one line each."""
    products = [each.product for each in rows]
    return [
        *_warn_of_families(rows),
        *_warn_of_missing(products),
        *_warn_of_prices(products),
        *_warn_of_titles(products),
    ]


def _warn_of_families(rows: list[ValidRow]) -> list[str]:
    found = []
    families = Counter(each.product.family for each in rows)
    if len(families) > 1 or len(rows) > 1:
        family, most = families.most_common(1)[0]
        title = next((each.product.title for each in rows if each.product.family == family), None)
        if most > LARGEST_FAMILY * len(rows) / (2 if most >= 10 else 1) and most > 1:
            found.append(
                f"one family holds {most:,} of {len(rows):,} rows, such as {quote_cell(title)}: rows with an equal "
                "title or image are never divided between splits, and an evaluation counts them nearly as one row"
            )
    empty = [split for split in SPLITS if not any(each.product.split == split for each in rows)]
    if empty:
        found.append(
            f"no row is in {' or '.join(empty)}: a hash divides families 80/10/10, so few of them can miss a split"
        )
    for sha256, num in find_placeholders(rows).items():
        example = next(each for each in rows if each.image is not None and each.image.sha256 == sha256)
        where = example.image.where if example.image is not None else ""
        found.append(
            f"{num:,} of {len(rows):,} rows with different titles show the same image, perhaps a placeholder: {where} "
            f"(sha256 {sha256[:16]}); it makes no family of them, but no model can read a product from it"
        )
    return found


def _warn_of_missing(products: list[Product]) -> list[str]:
    shares = []
    for name in ("title", "category3_code", "full_price", "currency_code"):
        missing = sum(getattr(each, name) is None for each in products)
        if missing:
            shares.append(f"{name} {100 * missing / len(products):.3g} %")
    found = [f"missing: {', '.join(shares)}"] if shares else []
    if products and all(each.category3_code is None for each in products):
        found.append(
            "no row has a category: add --category NAME, or name its column with --column category3_code=THEIRS"
        )
    return found


def _warn_of_prices(products: list[Product]) -> list[str]:
    found = []
    currencies = Counter(each.currency_code for each in products if each.currency_code is not None)
    if len(currencies) > 1:
        counts = ", ".join(f"{code} {num:,}" for code, num in currencies.most_common())
        found.append(f"several currencies: {counts}; keep one with --currency CODE --rate FACTOR")
    swapped = [each for each in products if each.price and each.full_price and each.price > each.full_price]
    if swapped:
        each = swapped[0]
        found.append(
            f"{len(swapped):,} rows have a price to pay above their full price, such as {each.product_code} "
            f"({each.price:g} and {each.full_price:g}): are the two columns swapped?"
        )
    by_currency: dict[str | None, list[Product]] = defaultdict(list)
    for each in products:
        if each.full_price is not None:
            by_currency[each.currency_code].append(each)
    for code, group in by_currency.items():
        median = statistics.median(each.full_price or 0.0 for each in group)
        if median < 1:
            found.append(
                f"half of the prices are below {median:.3g}, as if they were scaled: --rate FACTOR changes them"
            )
        far = [each for each in group if not median / PRICE_FACTOR <= (each.full_price or 0.0) <= median * PRICE_FACTOR]
        if far:
            found.append(
                f"{len(far):,} prices are more than {PRICE_FACTOR:,.0f} times above or below the median of {median:g}"
                f"{' ' + code if code else ''}, such as {far[0].full_price:g} of {far[0].product_code}"
            )
    return found


def _warn_of_titles(products: list[Product]) -> list[str]:
    titles = Counter(each.title for each in products if each.title is not None)
    repeated = {title: num for title, num in titles.items() if num > 1}
    if not repeated:
        return []
    title, most = max(repeated.items(), key=lambda each: each[1])
    num_rows = sum(repeated.values())
    return [f"{num_rows:,} rows share their title with others, the most often {quote_cell(title)} ({most:,} rows)"]


def quote_cell(value: Any, most: int = 60) -> str:
    """Return a value of a table as it is shown in messages: quoted, on one line and never long."""
    text = repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= most else f"{text[:most]}... ({len(text):,} characters)"


def _parse_price(value: Any, name: str, decimal: str) -> tuple[float | None, str | None]:
    """Return a price above 0 and the currency beside it; None for missing ones."""
    if isinstance(value, dict):
        amount = next((value[key] for key in ("amount", "value", "price") if key in value), None)
        currency = next((value[key] for key in ("currency", "currencyCode", "currency_code") if key in value), None)
        return _parse_price(amount, name, decimal)[0], _parse_currency(currency)
    if isinstance(value, list) and len(value) == 1:
        return _parse_price(value[0], name, decimal)
    if value is None:
        return None, None
    currency = None
    try:
        if isinstance(value, str):
            price = read_price(value, decimal)
            number, currency = price.value, price.currency
        elif isinstance(value, bool | list):
            raise NotAPriceError("is not a number")
        else:
            number = float(value)
    except (NotAPriceError, TypeError, ValueError, OverflowError) as error:
        reason = str(error) if isinstance(error, NotAPriceError) else "is not a number"
        raise BadRowError(f"{name} {quote_cell(value)} {reason}") from error
    if not math.isfinite(number) or number <= 0:
        raise BadRowError(f"{name} {quote_cell(value)} is not a price above 0")
    return number, currency


def _convert(price: float | None, rate: float | None) -> float | None:
    return price if price is None or rate is None else max(round(price * rate, 2), 0.01)


def _parse_currency(value: Any) -> str | None:
    if value is None:
        return None
    text = str(value).strip()
    code = find_currency(text) or (text.upper() if re.fullmatch("[A-Za-z]{3}", text) else None)
    if code is None:
        raise BadRowError(f"currency {quote_cell(value)} is not a code such as USD")
    return code


def _parse_text(value: Any) -> str | None:
    return None if value is None else str(value)


def _replace_commas(category: str | None) -> str | None:
    """Replace commas by ` &`, because the answer text separates its fields by commas."""
    return None if category is None else re.sub(r"\s*,", " &", category)
