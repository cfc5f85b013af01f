"""Convert the rows of other people's tables: their values in our columns, validity, repeats and families.

`parse_product(number, row, options)` turns one row of `generator.ingest.tables` into a `Product`, or raises
BadRowError with the reason. To accept another way to write a value, change it there. `drop_repeated_codes` and
`assign_families` work on all valid rows of a table.

The tables of DBQ (Data Boutique) decide the odd cases: codes that are int64 or text, "N.A." for missing values,
percent-encoded categories ("BEDDING%20%26%20BEDROOM"), and codes that occur again under a navigation label.
"""

import hashlib
import math
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from generator.ingest import ImportOptions
from generator.ingest.tables import Row
from schemas.catalog import MISSING_LABEL, NAVIGATION_LABELS
from schemas.product import COLUMNS, Product, split_of

_NOT_A_CATEGORY = {label.lower() for label in (MISSING_LABEL, *NAVIGATION_LABELS)}
"""Category names, in lower case, that no image can show."""
KNOWN_COLUMNS = tuple(name for name in COLUMNS if name not in {"family", "split", "source", "inferable", "attributes"})
"""Our columns that a foreign table can fill."""
_PRICES = ("full_price", "price", "full_price_eur", "price_eur")
_CATEGORIES = ("category1_code", "category2_code", "category3_code")
_COLOUR_COLUMNS = ("colour", "color", "colour_name", "color_name")


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
    image: CheckedImage
    design_key: str
    """Rows with the same key are colourways of one design; see `normalize_title`."""


def parse_product(number: int, row: Row, options: ImportOptions) -> Product:
    """Return the row in our columns, without image, family and split.

    Raises:
        BadRowError: A price is not a number above 0, or the currency is not the expected one.
    """
    category = row["category3_code"]
    decoded = None if category is None else decode_category(str(category))
    if category is not None and options.categories is not None:
        decoded = options.categories.get(str(category), options.categories.get(str(decoded), decoded))
    currency = None if row["currency_code"] is None else str(row["currency_code"])
    rate = None if currency == options.currency else options.rate
    prices = {name: _parse_price(row[name], name, rate if "eur" not in name else None) for name in _PRICES}
    full = prices["full_price"] or prices["price"]
    asked = prices["price"] or full
    if options.currency is not None and options.rate is None and currency not in (None, options.currency):
        raise BadRowError(f"its currency is {currency}, not {options.currency} (convert with --rate)")
    text = {name: _parse_text(row[name]) for name in KNOWN_COLUMNS if name not in {"image", "flg_discount", *_PRICES}}
    for name in _CATEGORIES[:2]:
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
        inferable=leaf is not None and leaf.lower() not in _NOT_A_CATEGORY,
    )


def parse_code(number: int, row: Row) -> str:
    """Return the product code as text; a row without a code gets its number, with eight digits.

    Whole numbers lose the `.0` that CSV adds to a column with gaps.
    """
    value = row["product_code"]
    if value is None:
        return f"{number:08d}"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return re.sub(r"(?<=\d)\.0+$", "", str(value)) if re.fullmatch(r"\d+\.0+", str(value)) else str(value)


def decode_category(text: str) -> str:
    """Undo percent-encoding. The text stays as it is where the result is not printable UTF-8."""
    try:
        plain = re.sub(r"(?:%[0-9A-Fa-f]{2})+", lambda part: bytes.fromhex(part[0].replace("%", "")).decode(), text)
    except UnicodeDecodeError:
        return text
    return plain.strip() if plain.isprintable() and plain.strip() else text


def count_commas(rows: list[Row]) -> int:
    """Count the category names in which a comma becomes ` &`."""
    return sum("," in decode_category(str(row[name])) for row in rows for name in _CATEGORIES)


def find_colour(row: Row) -> str | None:
    """Return the colour that a row of the original table names, under any of the usual column names."""
    return next((str(row[name]) for name in _COLOUR_COLUMNS if row.get(name)), None)


def normalize_title(title: str, colour: str | None) -> str:
    """Return the title without case, punctuation, digits and its colour words; equal for all colourways of a design."""
    words = re.findall(r"[^\W\d_]+", unicodedata.normalize("NFKC", title).casefold())
    dropped = set(re.findall(r"[^\W\d_]+", colour.casefold())) if colour else set()
    return " ".join(word for word in words if word not in dropped) or title


def make_valid_row(number: int, product: Product, image: CheckedImage, colour: str | None) -> ValidRow:
    """Return a row with its image and the key that its colourways share."""
    key = normalize_title(product.title, colour) if product.title else f"picture {image.sha256}"
    return ValidRow(number, product, image, key)


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

    Rows that share a title or an image, directly or through other rows, are one family (union-find).
    """
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        while parent.setdefault(node, node) != node:
            parent[node] = node = parent.setdefault(parent[node], parent[node])
        return node

    for each in rows:
        parent[root(f"picture {each.image.sha256}")] = root(each.design_key)
    for each in rows:
        digest = hashlib.sha256(root(each.design_key).encode("utf-8", "surrogatepass")).hexdigest()[:12]
        family = f"{source}-{digest}"
        values = {name: getattr(each.product, name) for name in COLUMNS}
        each.product = Product(**{**values, "family": family, "split": split_of(family)})
    return rows


def _parse_price(value: Any, name: str, rate: float | None) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise BadRowError(f"{name} {value!r} is not a number") from error
    if not math.isfinite(number) or number <= 0:
        raise BadRowError(f"{name} {value!r} is not a price above 0")
    return number if rate is None else max(round(number * rate, 2), 0.01)


def _parse_text(value: Any) -> str | None:
    return None if value is None or str(value).lower() == "nan" else str(value)


def _replace_commas(category: str | None) -> str | None:
    """Replace commas by ` &`, because the answer text separates its fields by commas."""
    return None if category is None else re.sub(r"\s*,", " &", category)
