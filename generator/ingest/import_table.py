"""Import a table with image files as a catalog, in the same shards as a generated one.

    import_table("shop/products.csv", "data/shop", ImportOptions(currency="USD"))

Every rejected row is listed with its number and reason in `extra/rejected.jsonl`; too many of them stop the import.
Rows that share a title or an image form one family and never cross a split.
"""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from generator.catalog.run_folder import finish, list_files, open_or_resume, read_marker, write_marker
from generator.catalog.shards import write_split_files
from generator.catalog.storage import Folder, resolve_folder
from generator.ingest import ImportOptions
from generator.ingest.rows import (
    KNOWN_COLUMNS,
    BadRowError,
    CheckedImage,
    ValidRow,
    assign_families,
    count_commas,
    drop_repeated_codes,
    find_colour,
    make_valid_row,
    parse_code,
    parse_product,
)
from generator.ingest.tables import Row, StoredImage, read_table, rename_columns
from schemas.documents import read_document
from schemas.errors import ToileError
from schemas.images import BadImageError, check_image
from schemas.manifest import Manifest
from schemas.product import COLUMNS, Product, to_table

ROWS_PER_SHARD = 500
RejectedRow = dict[str, Any]
"""row (1 is the first below the header), product_code, reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """The result of an import."""

    manifest: Manifest
    written: bool
    """False when the folder already held the same import, finished."""
    rejected: list[RejectedRow]
    num_commas: int
    """Category names in which a comma became ` &`."""


def import_table(
    table: Path | str,
    out: Path | str | Folder,
    options: ImportOptions | None = None,
    *,
    force: bool = False,
    progress: Callable[[int], None] = lambda n: None,
) -> ImportResult:
    """Write the rows of a table as shards to a folder or URL.

    Args:
        table: A file or folder that `generator.ingest.tables` reads.
        out: Folder or URL of the catalog.
        options: How the table is read; the defaults if None.
        force: Replace another catalog in `out`.
        progress: Called with the number of rows just checked.

    Raises:
        ToileError: The table cannot be read, a column is missing, or more than `max_bad` of the rows are bad.
    """
    table, options = Path(table), options or ImportOptions()
    check_rate(options)
    options = options if options.source else replace(options, source=table.stem)
    began, out = time.monotonic(), resolve_folder(out)
    rows = read_table(table, options.encoding)
    theirs = set().union(*(row.keys() for row in rows[:1000]))
    colours = [find_colour(row) for row in rows]
    rows = rename_columns(rows, dict(options.columns), KNOWN_COLUMNS, str(table))
    _check_columns(rows, theirs, table)
    valid, rejected = _validate_rows(rows, colours, table, options, progress)
    check_bad(rejected, len(rows), str(table), options.max_bad)
    inputs = {
        "table": table.name,
        "source": options.source,
        "columns": dict(options.columns),
        "currency": options.currency,
        "rate": options.rate,
        "categories": None if options.categories is None else dict(options.categories),
        "content_sha256": content_sha256(valid, rejected),
    }
    existing = open_or_resume(out, "import", inputs, num_shards(valid), force)
    num_commas = count_commas(rows)
    if existing is not None:
        return ImportResult(manifest=existing, written=False, rejected=rejected, num_commas=num_commas)
    manifest = write_rows(out, "import", inputs, valid, rejected, began)
    return ImportResult(manifest=manifest, written=True, rejected=rejected, num_commas=num_commas)


def load_category_map(path: Path) -> dict[str, str]:
    """Load a YAML mapping from their leaf categories to ours."""
    document = read_document(path)
    if not isinstance(document, dict) or not all(isinstance(v, str) for v in document.values()):
        raise ToileError(str(path), "is not a mapping of names to names", "write lines such as `Tshirts: T-SHIRTS`")
    return {str(key): value for key, value in document.items()}


def write_rows(
    out: Folder, kind: str, inputs: dict[str, Any], rows: list[ValidRow], rejected: list[RejectedRow], began: float
) -> Manifest:
    """Write shards, rejected.jsonl and manifest to a folder claimed for these inputs; continue a killed run."""
    files, held = [], list_files(out)
    for shard in range(num_shards(rows)):
        entries = read_marker(out, shard, held)
        if entries is None:
            part = rows[shard * ROWS_PER_SHARD : (shard + 1) * ROWS_PER_SHARD]
            table = to_table([_read_product(each) for each in part])
            entries = write_split_files(table, out, shard, num_shards(rows))
            write_marker(out, shard, entries)
        files.extend(entries)
    write_rejected(out, rejected)
    return finish(out, kind, inputs, files, num_shards(rows), began, len(rejected))


def num_shards(rows: list[ValidRow]) -> int:
    """Return the number of shards for these rows; an empty catalog is one shard without files."""
    return max(1, -(-len(rows) // ROWS_PER_SHARD))


def content_sha256(rows: list[ValidRow], rejected: list[RejectedRow]) -> str:
    """Hash everything that decides the written bytes: the same rows and images under another path are equal."""
    content = hashlib.sha256()
    for each in rows:
        content.update(repr((each.number, each.product, each.image.sha256)).encode("utf-8", "surrogatepass"))
    content.update(json.dumps(rejected).encode())
    return content.hexdigest()


def check_rate(options: ImportOptions) -> None:
    """Raise ToileError for a rate without a currency, because a rate converts prices to another currency."""
    if options.rate is not None and options.currency is None:
        raise ToileError(
            "--rate", "changes prices, but the new currency is missing", "add, for example, --currency USD"
        )


def check_bad(rejected: list[RejectedRow], num_rows: int, where: str, max_bad: float) -> None:
    """Raise ToileError when more than the allowed share of the rows is bad."""
    if len(rejected) > max_bad * num_rows:
        first = rejected[0]
        problem = f"{len(rejected)} of {num_rows} rows are bad, the first: row {first['row']}, {first['reason']}"
        raise ToileError(where, problem, f"fix row {first['row']} and the others, or allow more with --max-bad")


def check_titles(rows: list[Row], theirs: set[str], where: str) -> None:
    """Raise ToileError when no row has a title or a leaf category."""
    if all(row["title"] is None and row["category3_code"] is None for row in rows):
        hint = f"name them, as in --column title=THEIRS; the table has {', '.join(sorted(theirs))}"
        raise ToileError(where, "no column contains titles or leaf categories", hint)


def write_rejected(out: Folder, rejected: list[RejectedRow]) -> None:
    """Write the rows that are not in the catalog, one JSON object a line."""
    lines = [json.dumps(each, ensure_ascii=False) + "\n" for each in rejected]
    out.write("extra/rejected.jsonl", "".join(lines).encode("utf-8", "backslashreplace"))


def read_stored_image(stored: StoredImage, max_pixels: int) -> CheckedImage | None:
    """Check the image whose bytes a cell holds; None where it holds no bytes. A bad image raises BadRowError."""
    content = stored.read()[0]
    if content is None:
        return None
    try:
        check_image(content, max_pixels)
    except BadImageError as error:
        raise BadRowError(f"its image {error.problem}") from error
    sha256 = hashlib.sha256(content).hexdigest()
    return CheckedImage(sha256=sha256, where="the table", read=lambda: stored.read()[0] or b"")


def _validate_rows(
    rows: list[Row], colours: list[str | None], table: Path, options: ImportOptions, progress: Callable[[int], None]
) -> tuple[list[ValidRow], list[RejectedRow]]:
    """Return the valid rows, with families, and the others with their reasons, both in table order."""
    folder = options.images or (table if table.is_dir() else table.parent)
    candidates: list[ValidRow] = []
    rejected: list[RejectedRow] = []
    for number, (row, colour) in enumerate(zip(rows, colours, strict=True), start=1):
        progress(1)
        try:
            image = _read_image(row["image"], folder, options.max_pixels)
            product = parse_product(number, row, options)
        except BadRowError as error:
            rejected.append({"row": number, "product_code": parse_code(number, row), "reason": str(error)})
            continue
        candidates.append(make_valid_row(number, product, image, colour))
    valid, repeated = drop_repeated_codes(candidates)
    return assign_families(valid, options.source), sorted(rejected + repeated, key=lambda each: int(each["row"]))


def _read_image(cell: Any, folder: Path, max_pixels: int) -> CheckedImage:
    """Check the image that a cell holds or names, by decoding all of it; a bad one raises BadRowError."""
    if isinstance(cell, StoredImage):
        image = read_stored_image(cell, max_pixels)
        if image is not None:
            return image
        cell = cell.read()[1]
    if not cell:
        raise BadRowError("no image is named")
    try:
        path = (folder / str(cell)).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise BadRowError(f"image {cell} is outside {folder}")
        content = path.read_bytes()
    except OSError as error:
        raise BadRowError(f"image {cell} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BadRowError(f"image {cell!r} is not a file name: {error}") from error
    try:
        check_image(content, max_pixels)
    except BadImageError as error:
        raise BadRowError(f"image {cell} {error.problem}") from error
    return CheckedImage(sha256=hashlib.sha256(content).hexdigest(), where=str(path), read=path.read_bytes)


def _check_columns(rows: list[Row], theirs: set[str], table: Path) -> None:
    if all(row["image"] is None for row in rows):
        hint = f"name it, as in --column image=THEIRS; the table has {', '.join(sorted(theirs))}"
        if any(row["imageurl"] for row in rows):
            hint = f"it has URLs of images in `imageurl`: toile fetch {table} --out DIR; or {hint}"
        raise ToileError(str(table), "no column contains images", hint)
    check_titles(rows, theirs, str(table))


def _read_product(row: ValidRow) -> Product:
    """Return the product with its image, which must be the one that was checked."""
    content = row.image.read()
    if hashlib.sha256(content).hexdigest() != row.image.sha256:
        raise ToileError(row.image.where, "changed while it was read", "run it again when nothing writes there")
    values = {name: getattr(row.product, name) for name in COLUMNS}
    return Product(**{**values, "image": content})
