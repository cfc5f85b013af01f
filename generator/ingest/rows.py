"""What one row of somebody's table means in our columns, whether it can be used, and which rows belong together.

The tables of DBQ (Data Boutique) decide the odd cases: int64 or text codes, "N.A." for what is missing, categories that
are percent-encoded ("BEDDING%20%26%20BEDROOM"), a code that comes again under a navigation label.
"""

import hashlib
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator.ingest.tables import Row
from schemas.product import COLUMNS, Product, split_of

NAVIGATION_LABELS = {"view all", "new in", "all gifts", "gifts", "latest", "sale", "n.a."}
KNOWN_COLUMNS = tuple(name for name in COLUMNS if name not in {"family", "split", "source", "inferable", "attributes"})
_PRICES = ("full_price", "price", "full_price_eur", "price_eur")
_CATEGORIES = ("category1_code", "category2_code", "category3_code")
_COLOUR_COLUMNS = ("colour", "color", "colour_name", "color_name")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """How a foreign table is to be read."""

    images: Path | None = None
    """Folder that picture paths are relative to; by default the table's own folder."""
    columns: Mapping[str, str]
    """Our column name -> theirs, where they differ."""
    source: str
    currency: str | None = None
    """Currency of the resulting rows; by default what the table says."""
    rate: float | None = None
    """Factor on every price, for a table in another currency."""
    categories: Mapping[str, str] | None = None
    """Their leaf -> ours, where they differ."""
    encoding: str = "utf-8"
    max_bad: float = 0.05
    """Share of rejected rows above which nothing is written."""
    max_pixels: int = 50_000_000
    """Larger pictures are rejected before they are decoded."""


class BadRowError(Exception):
    """Why one row cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture that has been checked, and how to get its bytes once more."""

    sha256: str
    where: str
    read: Callable[[], bytes]


@dataclass(slots=True)
class Accepted:
    """A row that can be used, with its picture."""

    number: int
    product: Product
    picture: Picture
    title_key: str


def product_of(number: int, row: Row, options: ImportOptions) -> Product:
    """The row in our columns, without picture and family; a value that cannot be used raises BadRowError."""
    category = row["category3_code"]
    decoded = None if category is None else decoded_category(str(category))
    if category is not None and options.categories is not None:
        decoded = options.categories.get(str(category), options.categories.get(str(decoded), decoded))
    currency = None if row["currency_code"] is None else str(row["currency_code"])
    rate = None if currency == options.currency else options.rate
    prices = {name: _price(row[name], name, rate if "eur" not in name else None) for name in _PRICES}
    full = prices["full_price"] or prices["price"]
    asked = prices["price"] or full
    if options.currency is not None and options.rate is None and currency not in (None, options.currency):
        raise BadRowError(f"its currency is {currency}, not {options.currency} (convert with --rate)")
    text = {name: _text(row[name]) for name in KNOWN_COLUMNS if name not in {"image", "flg_discount", *_PRICES}}
    for name in _CATEGORIES[:2]:
        text[name] = _no_comma(None if text[name] is None else decoded_category(str(text[name])))
    leaf = _no_comma(decoded)
    values: dict[str, Any] = {**text, "product_code": code_of(number, row), "category3_code": leaf}
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
        inferable=leaf is not None and leaf.lower() not in NAVIGATION_LABELS,
    )


def code_of(number: int, row: Row) -> str:
    """The product code as text: whole numbers without the `.0` that a column with gaps gets on its way through CSV.

    A row without a code is called by its number.
    """
    value = row["product_code"]
    if value is None:
        return f"{number:08d}"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return re.sub(r"(?<=\d)\.0+$", "", str(value)) if re.fullmatch(r"\d+\.0+", str(value)) else str(value)


def decoded_category(text: str) -> str:
    """A category without percent-encoding; unchanged where what comes out would be no printable UTF-8 text."""
    try:
        plain = re.sub(r"(?:%[0-9A-Fa-f]{2})+", lambda part: bytes.fromhex(part[0].replace("%", "")).decode(), text)
    except UnicodeDecodeError:
        return text
    return plain.strip() if plain.isprintable() and plain.strip() else text


def num_commas(rows: list[Row]) -> int:
    """Category names in which a comma becomes ` &`."""
    return sum("," in decoded_category(str(row[name])) for row in rows for name in _CATEGORIES)


def colour_of(row: Row) -> str | None:
    """The colour that a table names, under any of the usual headings."""
    return next((str(row[name]) for name in _COLOUR_COLUMNS if row.get(name)), None)


def title_key(title: str, colour: str | None) -> str:
    """What two rows of one design have in common: the title without case, punctuation, digits and its colour words."""
    words = re.findall(r"[^\W\d_]+", unicodedata.normalize("NFKC", title).casefold())
    dropped = set(re.findall(r"[^\W\d_]+", colour.casefold())) if colour else set()
    return " ".join(word for word in words if word not in dropped) or title


def accepted_row(number: int, product: Product, picture: Picture, colour: str | None) -> Accepted:
    """A row with its picture, and the key that its colourways share."""
    key = title_key(product.title, colour) if product.title else f"picture {picture.sha256}"
    return Accepted(number, product, picture, key)


def without_repeats(candidates: list[Accepted]) -> tuple[list[Accepted], list[dict[str, Any]]]:
    """One row for each product code, and the others with their reason, both in table order.

    The first one stays, unless a later one has a leaf that a picture can tell and the first has none.
    """
    kept: dict[str, Accepted] = {}
    rejected = []
    for candidate in candidates:
        code = candidate.product.product_code
        first = kept.setdefault(code, candidate)
        if first is candidate:
            continue
        if candidate.product.inferable and not first.product.inferable:
            kept[code], loser = candidate, first
        else:
            loser = candidate
        reason = f"product code {code} is also that of row {kept[code].number}"
        rejected.append({"row": loser.number, "product_code": code, "reason": reason})
    ordered = sorted(kept.values(), key=lambda each: each.number)
    return ordered, sorted(rejected, key=lambda each: int(each["row"]))


def with_families(accepted: list[Accepted], source: str) -> list[Accepted]:
    """Rows joined by a title or by a picture, directly or through others, get one family name (union-find)."""
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        while parent.setdefault(node, node) != node:
            parent[node] = node = parent.setdefault(parent[node], parent[node])
        return node

    for each in accepted:
        parent[root(f"picture {each.picture.sha256}")] = root(each.title_key)
    for each in accepted:
        digest = hashlib.sha256(root(each.title_key).encode("utf-8", "surrogatepass")).hexdigest()[:12]
        family = f"{source}-{digest}"
        values = {name: getattr(each.product, name) for name in COLUMNS}
        each.product = Product(**{**values, "family": family, "split": split_of(family)})
    return accepted


def _price(value: Any, name: str, rate: float | None) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise BadRowError(f"{name} {value!r} is not a number") from error
    if not math.isfinite(number) or number <= 0:
        raise BadRowError(f"{name} {value!r} is not a price above 0")
    return number if rate is None else max(round(number * rate, 2), 0.01)


def _text(value: Any) -> str | None:
    return None if value is None or str(value).lower() == "nan" else str(value)


def _no_comma(category: str | None) -> str | None:
    return None if category is None else re.sub(r"\s*,", " &", category)
