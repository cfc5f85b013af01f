"""Import a table with image files as a catalog, in the same shards as a generated one.

    import_table("shop/products.csv", "data/shop", ImportOptions(currency="USD"))

Every rejected row is listed with its number and reason in `extra/rejected.jsonl`; too many of them stop the import, and
the list is written beside the folder. Rows that share a title or an image form one family and never cross a split.
"""

import base64
import contextlib
import hashlib
import itertools
import json
import re
import time
import unicodedata
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa

from generator.catalog.run_folder import finish, list_files, open_or_resume, read_marker, write_marker
from generator.catalog.shards import write_split_files
from generator.catalog.storage import Folder, LocalFolder, resolve_folder
from generator.export.convert import Conversion, find_export
from generator.export.formats import read_export
from generator.ingest import ImportOptions
from generator.ingest.columns import MORE_IMAGES, ArrangedTable, arrange, split_images
from generator.ingest.rows import (
    BadRowError,
    CheckedImage,
    ValidRow,
    assign_families,
    count_commas,
    describe_families,
    drop_repeated_codes,
    format_code,
    list_warnings,
    parse_code,
    parse_product,
    quote_cell,
)
from generator.ingest.tables import StoredImage, list_images, read_table
from schemas.documents import read_document
from schemas.errors import ToileError
from schemas.images import UNKNOWN_SUFFIX, BadImageError, check_image, image_suffix
from schemas.manifest import Manifest
from schemas.product import ARROW_SCHEMA, COLUMNS, Product, append_columns, to_table
from schemas.util.files import sha256_of, write_atomic

ROWS_PER_SHARD = 500
_SHORTEST_BASE64 = 100
"""Shorter text is a file name."""
_KINDS_SHOWN = 4
"""Kinds of reasons in the error for too many bad rows, besides the first."""
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
    notes: tuple[str, ...]
    """How the table was read: encoding, columns, prices, families."""
    warnings: tuple[str, ...]
    """What is odd about its rows."""


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
    export = find_export(table)
    if export is not None and not _changes_rows(options):
        return _restore_export(*export, table, out, options, force, progress, began)
    content = read_table(table, options)
    beside = _rejected_beside(out, table)
    broken = [_reject(number, f"{number:08d}", problem) for number, problem in content.broken.items()]
    check_bad(broken, len(content.rows), str(table), options.max_bad, beside)
    arranged = arrange(content, options, str(table))
    if options.with_images:
        arranged = _name_images_by_code(arranged, ImageFinder(options.images or table.parent))
    _check_columns(arranged, list_names(content.rows), table, options)
    valid, rejected = _validate_rows(arranged, table, options, progress)
    check_bad(rejected, len(arranged.rows), str(table), options.max_bad, beside)
    inputs = {
        "table": table.name,
        "source": options.source,
        "columns": dict(options.columns),
        "currency": options.currency,
        "rate": options.rate,
        "categories": None if options.categories is None else dict(options.categories),
        "own_columns": list(arranged.own),
        **({} if options.with_images else {"images": False}),
        "content_sha256": content_sha256(valid, rejected),
    }
    existing = open_or_resume(out, "import", inputs, num_shards(valid), force)
    manifest = write_rows(out, "import", inputs, valid, rejected, began) if existing is None else existing
    return ImportResult(
        manifest=manifest,
        written=existing is None,
        rejected=rejected,
        num_commas=count_commas(arranged.rows),
        notes=(*describe_columns(arranged), describe_families(valid)),
        warnings=tuple(list_warnings(valid)),
    )


def _changes_rows(options: ImportOptions) -> bool:
    """Return whether the options ask for other rows than those of the table."""
    unchanged = ImportOptions(
        source=options.source, images=options.images, max_bad=options.max_bad, max_pixels=options.max_pixels
    )
    return options != unchanged


def _restore_export(
    folder: Path,
    export: Conversion,
    table: Path,
    out: Folder,
    options: ImportOptions,
    force: bool,
    progress: Callable[[int], None],
    began: float,
) -> ImportResult:
    """Write the catalog that an export was made from: the same rows, families, splits, attributes and images."""
    inputs: dict[str, Any] = {
        "table": table.name,
        "source": None,
        "columns": {},
        "currency": None,
        "rate": None,
        "categories": None,
        "own_columns": [],
        "content_sha256": sha256_of([export.pictures_sha256, [(each.path, each.sha256) for each in export.files]]),
    }
    shards = max(1, -(-export.num_products // ROWS_PER_SHARD))
    rows = read_export(folder, str(export.inputs["form"]))
    first = next(rows, None)
    own = [] if first is None else [name for name in first if name not in COLUMNS]
    inputs["own_columns"] = own
    existing = open_or_resume(out, "import", inputs, shards, force)
    manifest = existing
    if manifest is None:
        files, held = [], list_files(out)
        remaining = itertools.chain([] if first is None else [first], rows)
        for shard in range(shards):
            part = list(itertools.islice(remaining, ROWS_PER_SHARD))
            progress(len(part))
            entries = read_marker(out, shard, held)
            if entries is None:
                entries = write_split_files(_to_arrow(part, own), out, shard, shards)
                write_marker(out, shard, entries)
            files.extend(entries)
        manifest = finish(out, "import", inputs, files, shards, began)
    note = "an export of toile: rows, families, splits, attributes and images are those of its catalog"
    return ImportResult(
        manifest=manifest, written=existing is None, rejected=[], num_commas=0, notes=(note,), warnings=()
    )


def _to_arrow(rows: list[dict[str, Any]], own: list[str]) -> pa.Table:
    """Return rows of an export as they are stored; own columns are text."""
    images = [
        None
        if row["image"] is None
        else {"bytes": row["image"], "path": f"{row['product_code']}{image_suffix(row['image'])}"}
        for row in rows
    ]
    columns = {name: images if name == "image" else [row.get(name) for row in rows] for name in COLUMNS}
    texts = {name: [None if row.get(name) is None else str(row[name]) for row in rows] for name in own}
    arrays = {name: pa.array(values, pa.string()) for name, values in texts.items()}
    return append_columns(pa.table(columns, schema=ARROW_SCHEMA), arrays, dict.fromkeys(own, "string"))


def describe_columns(arranged: ArrangedTable) -> list[str]:
    """Return how the columns of a table were read, one line each."""
    own = [name for name in arranged.own if name not in arranged.columns]
    renamed = [f"{ours} <- {theirs}" for ours, theirs in arranged.columns.items() if ours != theirs]
    return [
        *arranged.notes,
        *([f"columns: {', '.join(renamed)}"] if renamed else []),
        *([f"kept as own columns: {', '.join(own)}"] if own else []),
        *([f"not used: {', '.join(arranged.unused)}"] if arranged.unused else []),
    ]


def list_names(rows: list[dict[str, Any]]) -> list[str]:
    """Return the names of all columns of a table, in its order."""
    return list(dict.fromkeys(name for row in rows for name in row))


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
            own = {
                name: pa.array([each.own.get(name) for each in part], pa.string())
                for name in inputs.get("own_columns", ())
            }
            table = append_columns(table, own, dict.fromkeys(own, "string"))
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
        sha256 = each.image.sha256 if each.image else None
        values = repr((each.number, each.product, sha256, dict(each.own)))
        content.update(values.encode("utf-8", "surrogatepass"))
    content.update(json.dumps(rejected).encode())
    return content.hexdigest()


def check_rate(options: ImportOptions) -> None:
    """Raise ToileError for a rate without a currency, because a rate converts prices to another currency."""
    if options.rate is not None and options.currency is None:
        raise ToileError(
            "--rate", "changes prices, but the new currency is missing", "add, for example, --currency USD"
        )


def check_bad(rejected: list[RejectedRow], num_rows: int, where: str, max_bad: float, beside: Path) -> None:
    """Raise ToileError when more than the allowed share of the rows is bad, and list them in the file `beside`.

    The error shows the first row of each kind of reason. A list that an earlier run left there is removed.
    """
    if len(rejected) <= max_bad * num_rows:
        beside.unlink(missing_ok=True)
        return
    beside.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(beside, _format_rejected(rejected))
    kinds: dict[str, RejectedRow] = {}
    for each in rejected:
        kinds.setdefault(re.sub(r"'[^']*'|\"[^\"]*\"|\d+", "*", str(each["reason"])), each)
    first, *others = [f"row {each['row']}, {each['reason']}" for each in kinds.values()]
    more = "".join(f"; {each}" for each in others[:_KINDS_SHOWN]) + ("; ..." if len(others) > _KINDS_SHOWN else "")
    problem = f"{len(rejected)} of {num_rows} rows are bad, the first: {first}{more}"
    folder = ", name the folder of the images with --images" if "No such file" in problem else ""
    raise ToileError(where, problem, f"fix the rows listed in {beside}{folder}, or allow more with --max-bad")


def find_missing(arranged: ArrangedTable) -> str | None:
    """Return the problem where no row has a title or a leaf category."""
    if all(row.values["title"] is None and row.values["category3_code"] is None for row in arranged.rows):
        return "no column contains titles or leaf categories"
    return None


def write_rejected(out: Folder, rejected: list[RejectedRow]) -> None:
    """Write the rows that are not in the catalog, one JSON object a line."""
    out.write("extra/rejected.jsonl", _format_rejected(rejected))


def _rejected_beside(out: Folder, table: Path) -> Path:
    """Return where rejected rows are listed when nothing is written to `out`: beside it, for a URL in this folder."""
    local = out.path if isinstance(out, LocalFolder) else Path(table.stem)
    return local.parent / f"{local.name}.rejected.jsonl"


def _reject(number: int, code: str, reason: str) -> RejectedRow:
    return {"row": number, "product_code": code, "reason": reason}


def _format_rejected(rejected: list[RejectedRow]) -> bytes:
    lines = [json.dumps(each, ensure_ascii=False) + "\n" for each in rejected]
    return "".join(lines).encode("utf-8", "backslashreplace")


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
    arranged: ArrangedTable, table: Path, options: ImportOptions, progress: Callable[[int], None]
) -> tuple[list[ValidRow], list[RejectedRow]]:
    """Return the valid rows, with families, and the others with their reasons, both in table order."""
    finder = ImageFinder(options.images or (table if table.is_dir() else table.parent))
    candidates: list[ValidRow] = []
    rejected: list[RejectedRow] = []
    for row in arranged.rows:
        progress(1)
        try:
            if row.problem is not None:
                raise BadRowError(row.problem)
            more = split_images(row.own.get(MORE_IMAGES)) if options.with_images else []
            image = _read_first(row.values["image"], more, finder, options.max_pixels) if options.with_images else None
            product = parse_product(row.number, row.values, options, arranged.decimals, arranged.currency)
        except BadRowError as error:
            rejected.append(_reject(row.number, parse_code(row.number, row.values), str(error)))
            continue
        candidates.append(ValidRow(row.number, product, image, row.own.get("color") or row.own.get("colour"), row.own))
    valid, repeated = drop_repeated_codes(candidates)
    return assign_families(valid, options.source), sorted(rejected + repeated, key=lambda each: int(each["row"]))


def _name_images_by_code(arranged: ArrangedTable, finder: "ImageFinder") -> ArrangedTable:
    """Return a table without any image column with the files that are named like the codes, if most of them exist."""
    rows = [row for row in arranged.rows if row.values["product_code"] is not None]
    if not rows or any(row.values["image"] or row.values["imageurl"] for row in arranged.rows):
        return arranged
    names = [format_code(row.values["product_code"]) for row in rows]
    if 2 * sum(map(finder.contains, names)) < len(names):
        return arranged
    for row, name in zip(rows, names, strict=True):
        row.values["image"] = name
    note = f"images: files named like {arranged.columns['product_code']!r}, as no column names them"
    return replace(arranged, notes=(*arranged.notes, note))


class ImageFinder:
    """Find image files by the names that people write: `15970`, `img\\0.jpg`, `/img/2.jpg`, other Unicode, other case.

    A name that is no path in the folder is looked up among all images below it, without case and also without suffix
    and folders; it must name one file only.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._root = folder.resolve()
        self._by_name: dict[str, set[Path]] | None = None

    def contains(self, name: str) -> bool:
        """Return whether the name is that of one file."""
        return len(self._look_up(name)) == 1

    def find(self, name: str) -> Path:
        """Return the path of the file. Raises BadRowError."""
        plain = name.strip().replace("\\", "/").removeprefix("file://")
        try:
            for text in dict.fromkeys((name, plain, plain.lstrip("/"), unquote(plain).lstrip("/"))):
                path = (self.folder / text).resolve()
                if path.is_relative_to(self._root) and path.is_file():
                    return path
        except OSError as error:
            raise BadRowError(f"image {quote_cell(name)} is not a file name: {error.strerror}") from error
        except ValueError as error:
            raise BadRowError(f"image {quote_cell(name)} is not a file name: {error}") from error
        found = self._look_up(plain) or self._look_up(unquote(plain))
        if len(found) == 1:
            return next(iter(found))
        if found:
            raise BadRowError(f"image {quote_cell(name)} is one of {len(found)} files, such as {sorted(found)[0]}")
        if not path.is_relative_to(self._root):
            raise BadRowError(f"image {quote_cell(name)} is outside {self.folder}")
        raise BadRowError(f"image {quote_cell(name)} cannot be read: No such file or directory")

    def _look_up(self, name: str) -> set[Path]:
        if self._by_name is None:
            self._by_name = defaultdict(set)
            for path in list_images(self.folder):
                for text in {path.as_posix(), path.with_suffix("").as_posix(), path.name, path.stem}:
                    self._by_name[_fold(text)].add((self.folder / path).resolve())
        wanted = _fold(name.lstrip("/"))
        last = wanted.rpartition("/")[2]
        names = (wanted, last, last.removesuffix(".0"))  # a number that pandas wrote in a column with gaps
        found = next((self._by_name[each] for each in names if each in self._by_name), set())
        return {path for path in found if path.is_relative_to(self._root)}


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _read_first(cell: Any, more: list[str], finder: ImageFinder, max_pixels: int) -> CheckedImage:
    """Return the first image of a product that can be used; where none can, raise the BadRowError of the first."""
    try:
        return _read_image(cell, finder, max_pixels)
    except BadRowError:
        for name in more:
            with contextlib.suppress(BadRowError):
                return _read_image(name, finder, max_pixels)
        raise


def _read_image(cell: Any, finder: ImageFinder, max_pixels: int) -> CheckedImage:
    """Check the image that a cell holds or names, by decoding all of it; a bad one raises BadRowError."""
    if isinstance(cell, StoredImage):
        image = read_stored_image(cell, max_pixels)
        if image is not None:
            return image
        cell = cell.read()[1]
    if not cell:
        raise BadRowError("no image is named")
    decoded = _decode_base64(str(cell))
    path = finder.find(str(cell)) if decoded is None else Path()

    def read() -> bytes:
        return path.read_bytes() if decoded is None else decoded

    try:
        content = read()
        check_image(content, max_pixels)
    except OSError as error:
        raise BadRowError(f"image {quote_cell(cell)} cannot be read: {error.strerror}") from error
    except BadImageError as error:
        raise BadRowError(f"image {quote_cell(cell)} {error.problem}") from error
    where = str(path) if decoded is None else "the table"
    return CheckedImage(sha256=hashlib.sha256(content).hexdigest(), where=where, read=read)


def _decode_base64(cell: str) -> bytes | None:
    """Return the bytes of an image that a cell holds as base64 text, also after `data:image/...;base64,`; else None."""
    head, _, text = cell.rpartition(",") if cell.startswith("data:") else ("", "", cell)
    if not head and len(cell) < _SHORTEST_BASE64:
        return None
    try:
        content = base64.b64decode(re.sub(r"\s", "", text), validate=True)
    except ValueError:
        return None
    return content if head or image_suffix(content) != UNKNOWN_SUFFIX else None


def _check_columns(arranged: ArrangedTable, theirs: list[str], table: Path, options: ImportOptions) -> None:
    """Raise ToileError for all columns that are missing at once."""
    problems, names, hint = [], [], ""
    if options.with_images and all(row.values["image"] is None for row in arranged.rows):
        problems.append("no column contains images")
        names.append("--column image=THEIRS")
        hint = "keep rows alone with --no-images; or "
        if any(row.values["imageurl"] for row in arranged.rows):
            hint = f"it has URLs of images: toile fetch {table} --out DIR; or keep rows alone with --no-images; or "
    missing = find_missing(arranged)
    if missing is not None:
        problems.append(missing)
        names.append("--column title=THEIRS")
    if problems:
        hint += f"name the columns, as in {' '.join(names)}; the table has {', '.join(theirs)}"
        raise ToileError(str(table), "; ".join(problems), hint)


def _read_product(row: ValidRow) -> Product:
    """Return the product with its image, which must be the one that was checked."""
    if row.image is None:
        return row.product
    content = row.image.read()
    if hashlib.sha256(content).hexdigest() != row.image.sha256:
        raise ToileError(row.image.where, "changed while it was read", "run it again when nothing writes there")
    values = {name: getattr(row.product, name) for name in COLUMNS}
    return Product(**{**values, "image": content})
