"""A table with picture files -> the same shards as a generated catalog.

Nothing is dropped in silence: every rejected row is listed with its number and reason in `extra/rejected.jsonl`, and
too many of them stop the import. Rows that share a title or a picture form one family and never cross a split.
"""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator.catalog.run_folder import claim, finish, held_files, read_receipt, write_receipt
from generator.catalog.shards import write_split_files
from generator.catalog.storage import Folder, folder_of
from generator.ingest.arrow_tables import StoredPicture
from generator.ingest.image_files import BadPictureError, check_picture
from generator.ingest.rows import (
    KNOWN_COLUMNS,
    Accepted,
    BadRowError,
    ImportOptions,
    Picture,
    accepted_row,
    code_of,
    colour_of,
    num_commas,
    product_of,
    title_key,
    with_families,
    without_repeats,
)
from generator.ingest.tables import Row, mapped, read_table
from schemas.documents import read_document
from schemas.errors import ToileError
from schemas.manifest import Manifest
from schemas.product import COLUMNS, Product, to_table

__all__ = ["ImportOptions", "ImportResult", "import_table", "load_category_map", "title_key"]
ROWS_PER_SHARD = 500
Rejected = dict[str, Any]
"""row (1 is the first below the header), product_code, reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """What an import did."""

    manifest: Manifest
    written: bool
    """False when the folder already held the same import, finished."""
    rejected: list[Rejected]
    num_commas: int
    """Category names in which a comma became ` &`."""


def import_table(
    table: Path,
    out: Path | str | Folder,
    options: ImportOptions,
    *,
    force: bool = False,
    progress: Callable[[int], None] = lambda n: None,
) -> ImportResult:
    """Write the table's rows as shards to a folder or URL.

    Raises ToileError when the table cannot be read, a column is missing, or more than `max_bad` of the rows are bad.
    """
    check_rate(options)
    began, out = time.monotonic(), folder_of(out)
    rows = read_table(table, options.encoding)
    theirs = set().union(*(row.keys() for row in rows[:1000]))
    colours = [colour_of(row) for row in rows]
    rows = mapped(rows, dict(options.columns), KNOWN_COLUMNS, str(table))
    _check_columns(rows, theirs, table)
    accepted, rejected = _checked(rows, colours, table, options, progress)
    check_bad(rejected, len(rows), str(table), options.max_bad)
    inputs = {
        "table": table.name,
        "source": options.source,
        "columns": dict(options.columns),
        "currency": options.currency,
        "rate": options.rate,
        "categories": None if options.categories is None else dict(options.categories),
        "content_sha256": content_sha256(accepted, rejected),
    }
    existing = claim(out, "import", inputs, num_shards(accepted), force)
    commas = num_commas(rows)
    if existing is not None:
        return ImportResult(manifest=existing, written=False, rejected=rejected, num_commas=commas)
    manifest = write_rows(out, "import", inputs, accepted, rejected, began)
    return ImportResult(manifest=manifest, written=True, rejected=rejected, num_commas=commas)


def load_category_map(path: Path) -> dict[str, str]:
    """A YAML mapping of their leaf names to ours."""
    document = read_document(path)
    if not isinstance(document, dict) or not all(isinstance(v, str) for v in document.values()):
        raise ToileError(str(path), "is not a mapping of names to names", "write lines such as `Tshirts: T-SHIRTS`")
    return {str(key): value for key, value in document.items()}


def write_rows(
    out: Folder, kind: str, inputs: dict[str, Any], accepted: list[Accepted], rejected: list[Rejected], began: float
) -> Manifest:
    """Shards, rejected.jsonl and manifest in a folder that was claimed for these inputs; continues a killed run."""
    files, held = [], held_files(out)
    for shard in range(num_shards(accepted)):
        entries = read_receipt(out, shard, held)
        if entries is None:
            part = accepted[shard * ROWS_PER_SHARD : (shard + 1) * ROWS_PER_SHARD]
            table = to_table([_with_picture(each) for each in part])
            entries = write_split_files(table, out, shard, num_shards(accepted))
            write_receipt(out, shard, entries)
        files.extend(entries)
    write_rejected(out, rejected)
    return finish(out, kind, inputs, files, num_shards(accepted), began, len(rejected))


def num_shards(accepted: list[Accepted]) -> int:
    """Shards that so many rows take; an empty catalog is one shard without files."""
    return max(1, -(-len(accepted) // ROWS_PER_SHARD))


def content_sha256(accepted: list[Accepted], rejected: list[Rejected]) -> str:
    """Of what decides the bytes: the same rows and pictures under another path are the same content."""
    content = hashlib.sha256()
    for each in accepted:
        content.update(repr((each.number, each.product, each.picture.sha256)).encode("utf-8", "surrogatepass"))
    content.update(json.dumps(rejected).encode())
    return content.hexdigest()


def check_rate(options: ImportOptions) -> None:
    """A rate makes prices of another currency, so that one must be named."""
    if options.rate is not None and options.currency is None:
        raise ToileError(
            "--rate", "changes prices, but not into which currency", "add --currency, as in --currency USD"
        )


def check_bad(rejected: list[Rejected], num_rows: int, where: str, max_bad: float) -> None:
    """Raise ToileError when more than the allowed share of the rows is bad."""
    if len(rejected) > max_bad * num_rows:
        first = rejected[0]
        problem = f"{len(rejected)} of {num_rows} rows are bad, the first: row {first['row']}, {first['reason']}"
        raise ToileError(where, problem, "mend them, or allow more with --max-bad")


def check_titles(rows: list[Row], theirs: set[str], where: str) -> None:
    """Raise ToileError when no row has a title or a leaf."""
    if all(row["title"] is None and row["category3_code"] is None for row in rows):
        hint = f"name them, as in --column title=THEIRS; the table has {', '.join(sorted(theirs))}"
        raise ToileError(where, "no column gives a title or a leaf category", hint)


def write_rejected(out: Folder, rejected: list[Rejected]) -> None:
    """The rows that are not in the catalog, one JSON object a line."""
    lines = [json.dumps(each, ensure_ascii=False) + "\n" for each in rejected]
    out.write("extra/rejected.jsonl", "".join(lines).encode("utf-8", "backslashreplace"))


def inner_picture(stored: StoredPicture, max_pixels: int) -> Picture | None:
    """The checked picture of a cell that holds its bytes; None where it holds none."""
    content = stored.read()[0]
    if content is None:
        return None
    try:
        check_picture(content, max_pixels)
    except BadPictureError as error:
        raise BadRowError(f"its picture {error.problem}") from error
    return Picture(sha256=hashlib.sha256(content).hexdigest(), where="the table", read=lambda: stored.read()[0] or b"")


def _checked(
    rows: list[Row], colours: list[str | None], table: Path, options: ImportOptions, progress: Callable[[int], None]
) -> tuple[list[Accepted], list[Rejected]]:
    """Rows that can be used, families assigned, and the others with their reasons, both in table order."""
    folder = options.images or (table if table.is_dir() else table.parent)
    candidates: list[Accepted] = []
    rejected: list[Rejected] = []
    for number, (row, colour) in enumerate(zip(rows, colours, strict=True), start=1):
        progress(1)
        try:
            picture = _picture_of(row["image"], folder, options.max_pixels)
            product = product_of(number, row, options)
        except BadRowError as error:
            rejected.append({"row": number, "product_code": code_of(number, row), "reason": str(error)})
            continue
        candidates.append(accepted_row(number, product, picture, colour))
    accepted, repeated = without_repeats(candidates)
    return with_families(accepted, options.source), sorted(rejected + repeated, key=lambda each: int(each["row"]))


def _picture_of(cell: Any, folder: Path, max_pixels: int) -> Picture:
    """The picture that a cell holds or names, after decoding all of it; a bad one raises BadRowError."""
    if isinstance(cell, StoredPicture):
        picture = inner_picture(cell, max_pixels)
        if picture is not None:
            return picture
        cell = cell.read()[1]
    if not cell:
        raise BadRowError("no picture is named")
    try:
        path = (folder / str(cell)).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise BadRowError(f"picture {cell} lies outside {folder}")
        content = path.read_bytes()
    except OSError as error:
        raise BadRowError(f"picture {cell} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BadRowError(f"picture {cell!r} is no file name: {error}") from error
    try:
        check_picture(content, max_pixels)
    except BadPictureError as error:
        raise BadRowError(f"picture {cell} {error.problem}") from error
    return Picture(sha256=hashlib.sha256(content).hexdigest(), where=str(path), read=path.read_bytes)


def _check_columns(rows: list[Row], theirs: set[str], table: Path) -> None:
    if all(row["image"] is None for row in rows):
        hint = f"name it, as in --column image=THEIRS; the table has {', '.join(sorted(theirs))}"
        if any(row["imageurl"] for row in rows):
            hint = f"it has URLs of pictures in `imageurl`: toile fetch {table} --out DIR; or {hint}"
        raise ToileError(str(table), "no column gives pictures", hint)
    check_titles(rows, theirs, str(table))


def _with_picture(each: Accepted) -> Product:
    content = each.picture.read()
    if hashlib.sha256(content).hexdigest() != each.picture.sha256:
        raise ToileError(each.picture.where, "changed while it was read", "run it again when nothing writes there")
    values = {name: getattr(each.product, name) for name in COLUMNS}
    return Product(**{**values, "image": content})
