"""A table with picture files -> the same shards as a generated catalog.

Nothing is dropped in silence: every rejected row is listed with its number and reason in `extra/rejected.jsonl`, and
too many of them stop the import. Rows that share a title or a picture form one family and never cross a split.
"""

import hashlib
import io
import json
import math
import re
import time
import unicodedata
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from generator.shards import claim, finish, read_receipt, write_receipt, write_split_files
from generator.tables import Row, mapped, read_table
from schemas.border import read_document, storage_errors
from schemas.errors import ToileError
from schemas.manifest import Manifest
from schemas.product import COLUMNS, Product, split_of, to_table

ROWS_PER_SHARD = 500
NAVIGATION_LABELS = {"view all", "new in", "all gifts", "gifts", "latest", "sale", "n.a."}
_PRICES = ("full_price", "price", "full_price_eur", "price_eur")
_KNOWN = tuple(name for name in COLUMNS if name not in {"family", "split", "source", "inferable", "attributes"})
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """What an import did."""

    manifest: Manifest
    written: bool
    """False when the folder already held the same import, finished."""
    rejected: list[dict[str, Any]]
    """row (1 is the first below the header), product_code, reason."""
    num_commas: int
    """Category names in which a comma became ` &`."""


@dataclass(slots=True)
class _Accepted:
    number: int
    product: Product
    picture: Path
    picture_sha256: str
    title_key: str


def import_table(
    table: Path,
    out: Path,
    options: ImportOptions,
    *,
    force: bool = False,
    progress: Callable[[int], None] = lambda n: None,
) -> ImportResult:
    """Write the table's rows as shards.

    Raises ToileError when the table cannot be read, a column is missing, or more than `max_bad` of the rows are bad.
    """
    if options.rate is not None and options.currency is None:
        raise ToileError(
            "--rate", "changes prices, but not into which currency", "add --currency, as in --currency USD"
        )
    began = time.monotonic()
    rows = read_table(table, options.encoding)
    theirs = set().union(*(row.keys() for row in rows[:1000]))
    colours = [_colour_of(row) for row in rows]
    rows = mapped(rows, dict(options.columns), _KNOWN, str(table))
    _check_columns(rows, theirs, table)
    accepted, rejected = _checked(rows, colours, table, options, progress)
    inputs = _inputs(table, options, accepted, rejected)
    num_commas = sum("," in str(row[f"category{level}_code"]) for row in rows for level in (1, 2, 3))
    if len(rejected) > options.max_bad * len(rows):
        first = rejected[0]
        problem = f"{len(rejected)} of {len(rows)} rows are bad, the first: row {first['row']}, {first['reason']}"
        raise ToileError(str(table), problem, "mend them, or allow more with --max-bad")
    num_shards = max(1, -(-len(accepted) // ROWS_PER_SHARD))
    existing = claim(out, "import", inputs, num_shards, force)
    if existing is not None:
        return ImportResult(manifest=existing, written=False, rejected=rejected, num_commas=num_commas)
    files = []
    for shard in range(num_shards):
        entries = read_receipt(out, shard)
        if entries is None:
            part = accepted[shard * ROWS_PER_SHARD : (shard + 1) * ROWS_PER_SHARD]
            entries = write_split_files(to_table([_with_picture(each) for each in part]), out, shard, num_shards)
            write_receipt(out, shard, entries)
        files.extend(entries)
    _write_rejected(out, rejected)
    manifest = finish(out, "import", inputs, files, num_shards, began, len(rejected))
    return ImportResult(manifest=manifest, written=True, rejected=rejected, num_commas=num_commas)


def load_category_map(path: Path) -> dict[str, str]:
    """A YAML mapping of their leaf names to ours."""
    document = read_document(path)
    if not isinstance(document, dict) or not all(isinstance(v, str) for v in document.values()):
        raise ToileError(str(path), "is not a mapping of names to names", "write lines such as `Tshirts: T-SHIRTS`")
    return {str(key): value for key, value in document.items()}


def title_key(title: str, colour: str | None) -> str:
    """What two rows of one design have in common: the title without case, punctuation, digits and its colour words."""
    words = re.findall(r"[^\W\d_]+", unicodedata.normalize("NFKC", title).casefold())
    dropped = set(re.findall(r"[^\W\d_]+", colour.casefold())) if colour else set()
    return " ".join(word for word in words if word not in dropped) or title


def _checked(
    rows: list[Row], colours: list[str | None], table: Path, options: ImportOptions, progress: Callable[[int], None]
) -> tuple[list[_Accepted], list[dict[str, Any]]]:
    """Rows that can be used, families assigned, and the others with their reasons, both in table order."""
    folder = options.images or (table if table.is_dir() else table.parent)
    accepted: dict[str, _Accepted] = {}
    rejected: list[dict[str, Any]] = []
    for number, (row, colour) in enumerate(zip(rows, colours, strict=True), start=1):
        progress(1)
        code = f"{number:08d}" if row["product_code"] is None else str(row["product_code"])
        try:
            candidate = _accept(number, code, row, colour, folder, options)
        except _BadRowError as error:
            rejected.append({"row": number, "product_code": code, "reason": str(error)})
            continue
        kept = accepted.get(code)
        if kept is None or (candidate.product.inferable and not kept.product.inferable):
            accepted[code] = candidate
        if kept is not None:
            loser = kept if accepted[code] is candidate else candidate
            reason = f"product code {code} is also that of row {accepted[code].number}"
            rejected.append({"row": loser.number, "product_code": code, "reason": reason})
    ordered = sorted(accepted.values(), key=lambda each: each.number)
    return _with_families(ordered, options.source), sorted(rejected, key=lambda each: int(each["row"]))


class _BadRowError(Exception):
    """Why one row cannot be used."""


def _accept(number: int, code: str, row: Row, colour: str | None, folder: Path, options: ImportOptions) -> _Accepted:
    picture, sha256 = _checked_picture(row["image"], folder, options.max_pixels)
    category = row["category3_code"]
    if category is not None and options.categories is not None:
        category = options.categories.get(str(category), category)
    currency = None if row["currency_code"] is None else str(row["currency_code"])
    rate = None if currency == options.currency else options.rate
    prices = {name: _price(row[name], name, rate if "eur" not in name else None) for name in _PRICES}
    full = prices["full_price"] or prices["price"]
    asked = prices["price"] or full
    if options.currency is not None and options.rate is None and currency not in (None, options.currency):
        raise _BadRowError(f"its currency is {currency}, not {options.currency} (convert with --rate)")
    text = {name: _text(row[name]) for name in _KNOWN if name not in {"image", *_PRICES}}
    text |= {f"category{level}_code": _no_comma(text[f"category{level}_code"]) for level in (1, 2)}
    leaf = _no_comma(None if category is None else str(category))
    title = text["title"]
    del text["flg_discount"]
    values: dict[str, Any] = {**text, "product_code": code, "category3_code": leaf}
    product = Product(
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
    key = title_key(title, colour) if title else f"picture {sha256}"
    return _Accepted(number, product, picture, sha256, key)


def _with_families(accepted: list[_Accepted], source: str) -> list[_Accepted]:
    """Rows joined by a title or by a picture, directly or through others, get one family name (union-find)."""
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        while parent.setdefault(node, node) != node:
            parent[node] = node = parent.setdefault(parent[node], parent[node])
        return node

    for each in accepted:
        parent[root(f"picture {each.picture_sha256}")] = root(each.title_key)
    for each in accepted:
        digest = hashlib.sha256(root(each.title_key).encode("utf-8", "surrogatepass")).hexdigest()[:12]
        family = f"{source}-{digest}"
        values = {name: getattr(each.product, name) for name in COLUMNS}
        each.product = Product(**{**values, "family": family, "split": split_of(family)})
    return accepted


def _checked_picture(name: Any, folder: Path, max_pixels: int) -> tuple[Path, str]:
    """The picture's path and sha256, after decoding all of it; a bad one raises with the reason."""
    if not name:
        raise _BadRowError("no picture is named")
    try:
        path = (folder / str(name)).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise _BadRowError(f"picture {name} lies outside {folder}")
        content = path.read_bytes()
    except OSError as error:
        raise _BadRowError(f"picture {name} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise _BadRowError(f"picture {name!r} is no file name: {error}") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # truncated EXIF
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # max_pixels decides
            with Image.open(io.BytesIO(content)) as picture:
                width, height = picture.size
                if width * height > max_pixels:
                    raise _BadRowError(f"picture {name} has {width}x{height} pixels, more than {max_pixels:,}")
                picture.load()
    except Image.DecompressionBombError as error:
        raise _BadRowError(f"picture {name} is too large: {error}") from error
    except (OSError, ValueError, SyntaxError, UserWarning) as error:
        raise _BadRowError(f"picture {name} is broken: {error}") from error
    return path, hashlib.sha256(content).hexdigest()


def _price(value: Any, name: str, rate: float | None) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise _BadRowError(f"{name} {value!r} is not a number") from error
    if not math.isfinite(number) or number <= 0:
        raise _BadRowError(f"{name} {value!r} is not a price above 0")
    return number if rate is None else max(round(number * rate, 2), 0.01)


def _text(value: Any) -> str | None:
    return None if value is None or str(value).lower() == "nan" else str(value)


def _no_comma(category: str | None) -> str | None:
    return None if category is None else re.sub(r"\s*,", " &", category)


def _colour_of(row: Row) -> str | None:
    return next((str(row[name]) for name in _COLOUR_COLUMNS if row.get(name)), None)


def _check_columns(rows: list[Row], theirs: set[str], table: Path) -> None:
    if all(row["image"] is None for row in rows):
        hint = f"name it, as in --column image=THEIRS; the table has {', '.join(sorted(theirs))}"
        raise ToileError(str(table), "no column gives pictures", hint)
    if all(row["title"] is None and row["category3_code"] is None for row in rows):
        hint = f"name them, as in --column title=THEIRS; the table has {', '.join(sorted(theirs))}"
        raise ToileError(str(table), "no column gives a title or a leaf category", hint)


def _with_picture(each: _Accepted) -> Product:
    content = each.picture.read_bytes()
    if hashlib.sha256(content).hexdigest() != each.picture_sha256:
        raise ToileError(str(each.picture), "changed while it was imported", "import again when nothing writes there")
    values = {name: getattr(each.product, name) for name in COLUMNS}
    return Product(**{**values, "image": content})


def _inputs(
    table: Path, options: ImportOptions, accepted: list[_Accepted], rejected: list[dict[str, Any]]
) -> dict[str, Any]:
    """What decides the bytes, by content: the same rows and pictures under another path are the same inputs."""
    content = hashlib.sha256()
    for each in accepted:
        content.update(repr((each.number, each.product, each.picture_sha256)).encode("utf-8", "surrogatepass"))
    content.update(json.dumps(rejected).encode())
    return {
        "table": table.name,
        "source": options.source,
        "columns": dict(options.columns),
        "currency": options.currency,
        "rate": options.rate,
        "categories": None if options.categories is None else dict(options.categories),
        "content_sha256": content.hexdigest(),
    }


def _write_rejected(out: Path, rejected: list[dict[str, Any]]) -> None:
    path = out / "extra" / "rejected.jsonl"
    with storage_errors(path):
        path.parent.mkdir(exist_ok=True)
        lines = [json.dumps(each, ensure_ascii=False) + "\n" for each in rejected]
        path.write_text("".join(lines), encoding="utf-8")
