"""Write catalogs in other formats: CSV, JSON lines, `imagefolder`, WebDataset, and SQL for SQLite and PostgreSQL.

`read_export` reads the files back, for `toile import`.

Each format has one function, which takes the rows, their columns and the `ExportFolder`. To add a format, write such a
function, add its name to `generator.export.FORMATS`, and call and describe it in `generator.export.convert`.
"""

import contextlib
import csv
import io
import json
import math
import re
import tarfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from generator.export.rows import BATCH, ExportFolder, ExportRow, HashedFile
from schemas.errors import ToileError
from schemas.evaluation import SPLITS
from schemas.product import ARROW_SCHEMA

IMAGE_FOLDER = "pictures"
"""Folder of the images of tables."""
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes text that begins with one of these for a formula (OWASP, "CSV Injection")."""
_NEEDS_QUOTES = re.compile(r"""[,"\r\n]|^\s|\s\Z|^\Z""")
_LINE_ENDS = {code: f"\\u{code:04x}" for code in (0x85, 0x2028, 0x2029)}
"""Characters that some readers of JSON lines take for line ends."""
MAX_ARCHIVE_SAMPLES = 1_000
MAX_ARCHIVE_BYTES = 100_000_000
"""Bounds of one archive; whichever comes first."""
TABLE = "products"
INDEXED = ("product_code", "category3_code")
_CONTROL = re.compile("[\0-\x1f\x7f]")
_NEEDS_ESCAPE = re.compile(r"[\0-\x1f\x7f'\\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What differs between two databases."""

    name: str
    types: dict[pa.DataType, str]
    key: str
    """Type of the primary key."""
    first_statements: str
    """Before the inserts."""
    literal: Callable[[Any], str]


def write_csv(
    rows: Iterable[ExportRow], columns: pa.Schema, folder: ExportFolder, *, spreadsheet_safe: bool = False
) -> None:
    """Write `products.csv`: UTF-8, RFC 4180 with line feeds. Nothing between two commas is null, `""` is empty text.

    `spreadsheet_safe` puts an apostrophe before text that is a formula to a spreadsheet, and a byte order mark before
    the file.
    """
    names = [*columns.names, "image"]
    with folder.open("products.csv") as file:
        file.write(b"\xef\xbb\xbf" * spreadsheet_safe + (",".join(map(_csv_field, names)) + "\n").encode())
        for row in rows:
            values = [*row.values.values(), _write_image(row, folder)]
            if spreadsheet_safe:
                values = [_escape_formula(value) for value in values]
            file.write((",".join(map(_csv_field, values)) + "\n").encode())


def write_jsonl(rows: Iterable[ExportRow], columns: pa.Schema, folder: ExportFolder) -> None:
    """Write `products.jsonl`: one object a line, in which `attributes` is an object."""
    with folder.open("products.jsonl") as file:
        for row in rows:
            file.write(json_line({**parse_attributes(row.values), "image": _write_image(row, folder)}))


def write_imagefolder(rows: Iterable[ExportRow], columns: pa.Schema, folder: ExportFolder) -> None:
    """Write a folder for each split: its images, and `metadata.jsonl` with their `file_name`, null without an image.

    `datasets` guesses types from the lines. It refuses splits with different types, for instance where a column is
    empty in one of them. So the types of every hundred lines are guessed in the same way here. Where they differ, every
    split gets `metadata.parquet`, which has types, in place of `metadata.jsonl`.
    """
    guesses = _GuessedTypes()
    with contextlib.ExitStack() as stack:
        files: dict[str, Any] = {}
        for split, batch in _batches_by_split(rows):
            if split not in files:
                files[split] = stack.enter_context(folder.open(f"{split}/metadata.jsonl"))
            lines = []
            for row in batch:
                if row.image is not None:
                    folder.write_image(split, row.image_name or "", row.image)
                lines.append(json_line({"file_name": row.image_name, **row.values}))
            guesses.add(split, b"".join(lines))
            files[split].write(b"".join(lines))
    if not folder.num_images:
        raise ToileError("--to imagefolder", "needs a catalog with images", "choose csv or jsonl")
    if not guesses.agree:
        for split in files:
            _convert_to_parquet(split, pa.schema([("file_name", pa.string()), *columns]), folder)


def json_line(document: dict[str, Any]) -> bytes:
    """Return one object and its line feed, without any other character that readers take for a line end."""
    return (json.dumps(document, ensure_ascii=False).translate(_LINE_ENDS) + "\n").encode()


def parse_attributes(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with `attributes` parsed as JSON; invalid text stays text."""
    document = dict(values)
    if document.get("attributes") is not None:
        with contextlib.suppress(ValueError, RecursionError):
            document["attributes"] = json.loads(document["attributes"], parse_constant=_refuse_constant)
    return document


def write_webdataset(rows: Iterable[ExportRow], columns: pa.Schema, folder: ExportFolder) -> None:
    """Write archives `train-000000.tar` and so on: `KEY.json` for every row, after `KEY.jpg` (or .png) of its image.

    The layout is that of https://github.com/webdataset/webdataset: the members of one sample share everything before
    the first dot and follow each other. Times, owners and order are fixed, so the same rows give the same bytes.
    """
    with contextlib.ExitStack() as stack:
        archives: dict[str, _Archives] = {}
        for row in rows:
            if row.split not in archives:
                archives[row.split] = _Archives(row.split, folder)
                stack.callback(archives[row.split].close)
            members = {}
            if row.image is not None and row.image_name is not None:
                members[row.image_name] = row.image
                folder.count_image(row.image_name, row.image)
            document = {**parse_attributes(row.values), "image": row.image_name}
            archives[row.split].add({**members, f"{row.stem}.json": json_line(document)})


def write_sql(rows: Iterable[ExportRow], columns: pa.Schema, folder: ExportFolder, counts: Counter[str]) -> None:
    """Write `schema.sqlite.sql`, `products.sqlite.sql`, and both for `postgresql`.

    The inserts load all or nothing. Images are files, and a column has their paths. `row_number` is the primary key,
    because a faulty catalog may repeat a product code. Values come back as they were: numbers to the last bit, text
    with quotes, backslashes, line ends and any language. Only the character NUL becomes U+FFFD for PostgreSQL, whose
    text cannot contain it; `counts` grows by the number of such texts.
    """
    columns = columns.append(pa.field("image", pa.string()))
    for dialect in DIALECTS:
        with folder.open(f"schema.{dialect.name}.sql") as file:
            file.write(table_schema(columns, dialect).encode())
    remaining = iter(rows)
    texts = [name for name in columns.names if columns.field(name).type == pa.string()]
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(folder.open(f"{TABLE}.{dialect.name}.sql")) for dialect in DIALECTS]
        for file, dialect in zip(files, DIALECTS, strict=True):
            file.write(f"{dialect.first_statements}\n".encode())
        while batch := [_values(row, _write_image(row, folder)) for row in islice(remaining, BATCH)]:
            nul = sum("\0" in (row[name] or "") for row in batch for name in texts)
            counts["texts with a NUL, which is U+FFFD for PostgreSQL"] += nul
            for file, dialect in zip(files, DIALECTS, strict=True):
                file.write(_insert_statement(batch, columns, dialect).encode())
        for file in files:
            file.write(b"COMMIT;\n")


def table_schema(columns: pa.Schema, dialect: Dialect) -> str:
    """Return the statements that create the table and its indexes."""
    lines = [f"  {_quote_name('row_number')} {dialect.key} PRIMARY KEY"]
    lines += [f"  {_quote_name(field.name)} {dialect.types[field.type]}" for field in columns]
    indexes = [
        f"CREATE INDEX {TABLE}_{name} ON {TABLE} ({_quote_name(name)});\n" for name in INDEXED if name in columns.names
    ]
    return f"CREATE TABLE {TABLE} (\n" + ",\n".join(lines) + "\n);\n" + "".join(indexes)


def sqlite_literal(value: Any) -> str:
    """Return a value in the syntax of SQLite. Its shell drops carriage returns, so control characters are bytes."""
    if isinstance(value, str):
        if _CONTROL.search(value):
            return f"CAST(X'{value.encode().hex()}' AS TEXT)"
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, bool):
        return str(int(value))
    return _sqlite_real(value) if isinstance(value, float) else _number_literal(value)


def postgresql_literal(value: Any) -> str:
    """Return a value in the syntax of PostgreSQL, for any setting of `standard_conforming_strings`."""
    if isinstance(value, str):
        if not _NEEDS_ESCAPE.search(value):
            return f"'{value}'"
        return "E'" + _NEEDS_ESCAPE.sub(_escape, value) + "'"
    return str(value).upper() if isinstance(value, bool) else _number_literal(value)


def read_export(folder: Path, form: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of an export, in order, with all columns as text or numbers and the bytes of `image`, or None.

    `form` is one of READABLE. Raises ToileError for a file that is not as it was written.
    """
    try:
        yield from READABLE[form](folder)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, pa.ArrowException, tarfile.TarError) as error:
        problem = f"is not as toile convert wrote it: {error}"
        raise ToileError(str(folder), problem, "write it again with toile convert") from error


def _read_csv(folder: Path) -> Iterator[dict[str, Any]]:
    with (folder / "products.csv").open("rb") as file:
        names = next(csv.reader([file.readline().decode("utf-8-sig")]))
        file.seek(0)
        options = pyarrow.csv.ConvertOptions(
            column_types={name: _CSV_TYPES.get(name, pa.string()) for name in names},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        parsing = pyarrow.csv.ParseOptions(newlines_in_values=True)
        table = pyarrow.csv.read_csv(file, parse_options=parsing, convert_options=options)
    for batch in table.to_batches(max_chunksize=BATCH):
        for row in batch.to_pylist():
            yield {**row, "image": _read_image(folder, row["image"])}


def _read_jsonl(folder: Path) -> Iterator[dict[str, Any]]:
    with (folder / "products.jsonl").open("rb") as file:
        for line in file:
            row = _attributes_as_text(json.loads(line))
            yield {**row, "image": _read_image(folder, row["image"])}


def _read_imagefolder(folder: Path) -> Iterator[dict[str, Any]]:
    for split in SPLITS:
        lines, table = folder / split / "metadata.jsonl", folder / split / "metadata.parquet"
        if lines.is_file():
            with lines.open("rb") as file:
                rows = [_attributes_as_text(json.loads(line)) for line in file]
        else:
            rows = pq.read_table(table).to_pylist() if table.is_file() else []
        for row in rows:
            name = row.pop("file_name")
            yield {**row, "image": _read_image(folder / split, name)}


def _read_webdataset(folder: Path) -> Iterator[dict[str, Any]]:
    for split in SPLITS:
        for path in sorted(folder.glob(f"{split}-*.tar")):
            with tarfile.open(path) as archive:
                image = None
                for member in archive:
                    file = archive.extractfile(member)
                    content = b"" if file is None else file.read()
                    if member.name.endswith(".json"):
                        row = _attributes_as_text(json.loads(content))
                        yield {**row, "image": None if row["image"] is None else image}
                        image = None
                    else:
                        image = content


READABLE: dict[str, Callable[[Path], Iterator[dict[str, Any]]]] = {
    "csv": _read_csv,
    "jsonl": _read_jsonl,
    "imagefolder": _read_imagefolder,
    "webdataset": _read_webdataset,
}
"""Formats that `toile import` reads back as the catalog they were written from."""
_CSV_TYPES = {field.name: pa.string() if field.name == "image" else field.type for field in ARROW_SCHEMA}


def _attributes_as_text(row: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(row.get("attributes"), str | None):
        row["attributes"] = json.dumps(row["attributes"])
    return row


def _read_image(folder: Path, name: str | None) -> bytes | None:
    """Return the image of that name inside the folder."""
    if name is None:
        return None
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ValueError(f"image {name!r} is outside the folder")
    return path.read_bytes()


class _GuessedTypes:
    """The types that Arrow's JSON reader guesses, batch after batch."""

    def __init__(self) -> None:
        self.agree = True
        self._first: dict[str, pa.DataType] | None = None
        self._splits: set[str] = set()

    def add(self, split: str, lines: bytes) -> None:
        try:
            schema = pyarrow.json.read_json(
                io.BytesIO(lines), read_options=pyarrow.json.ReadOptions(block_size=len(lines) + 1)
            ).schema
        except pa.ArrowException:
            self.agree = False
            return
        guessed = dict(zip(schema.names, schema.types, strict=True))
        if self._first is None:
            self._first = guessed
        allowed = () if split not in self._splits else (pa.null(),)  # a later batch may be all null, the first not
        self.agree &= all(kind in (self._first[name], *allowed) for name, kind in guessed.items())
        self._splits.add(split)


def _batches_by_split(rows: Iterable[ExportRow]) -> Iterator[tuple[str, list[ExportRow]]]:
    """Return the rows in order, in batches of one split; up to `BATCH` rows of each split are in memory."""
    waiting: dict[str, list[ExportRow]] = {}
    for row in rows:
        batch = waiting.setdefault(row.split, [])
        batch.append(row)
        if len(batch) == BATCH:
            yield row.split, waiting.pop(row.split)
    yield from waiting.items()


def _convert_to_parquet(split: str, schema: pa.Schema, folder: ExportFolder) -> None:
    """Replace the JSON lines of a split by the same rows in Parquet."""
    lines = folder.path / split / "metadata.jsonl"
    with (
        lines.open("rb") as source,
        folder.open(f"{split}/metadata.parquet") as target,
        pq.ParquetWriter(target, schema, compression="zstd") as writer,
    ):
        while batch := [json.loads(line) for line in islice(source, 10_000)]:
            writer.write_table(pa.Table.from_pylist(batch, schema))
    folder.remove(f"{split}/metadata.jsonl")


def _write_image(row: ExportRow, folder: ExportFolder) -> str | None:
    """Write the image of a row; return its path, None without an image."""
    if row.image is None or row.image_name is None:
        return None
    return folder.write_image(IMAGE_FOLDER, row.image_name, row.image)


def _csv_field(value: Any) -> str:
    if value is None:
        return ""
    text = str(value)
    return '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES.search(text) else text


def _escape_formula(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


class _Archives:
    """The archives of one split; one is open at a time."""

    def __init__(self, split: str, folder: ExportFolder) -> None:
        self._split, self._folder = split, folder
        self._stack = contextlib.ExitStack()
        self._file: HashedFile | None = None
        self._num_archives = self._num_samples = 0

    def add(self, members: dict[str, bytes]) -> None:
        """Append a sample; open a new archive when the current one is full."""
        sample = b"".join(_tar_member(name, content) for name, content in members.items())
        full = self._file is not None and (
            self._num_samples >= MAX_ARCHIVE_SAMPLES or self._file.tell() + len(sample) > MAX_ARCHIVE_BYTES
        )
        if self._file is None or full:
            self.close()
            self._file = self._stack.enter_context(self._folder.open(f"{self._split}-{self._num_archives:06d}.tar"))
            self._num_archives, self._num_samples = self._num_archives + 1, 0
        self._file.write(sample)
        self._num_samples += 1

    def close(self) -> None:
        """End the archive with the zeros that the format requires."""
        if self._file is not None:
            end = 2 * tarfile.BLOCKSIZE
            with self._stack:
                self._file.write(bytes(end + -(self._file.tell() + end) % tarfile.RECORDSIZE))


def _tar_member(name: str, content: bytes) -> bytes:
    """Return header, content and padding, with time 0, owner 0 and mode 644."""
    header = tarfile.TarInfo(name)
    header.size = len(content)
    return header.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % tarfile.BLOCKSIZE)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in "'\\":
        return {"'": "''", "\\": "\\\\"}[character]
    return "\ufffd" if character == "\0" else f"\\x{ord(character):02x}"


def _sqlite_real(value: float) -> str:
    """Return an expression that SQLite evaluates exactly.

    SQLite reads short decimals exactly, and may miss the last bit of others. Those are written as whole numbers divided
    by, or multiplied with, powers of two, which is exact.
    """
    text = repr(value)
    if value == 0 or ("e" not in text and len(text.strip("-").replace(".", "")) <= 15):
        return text
    mantissa, exponent = math.frexp(value)
    whole, exponent = int(math.ldexp(mantissa, 53)), exponent - 53
    steps = _powers_of_two(abs(exponent))
    return "(" + f"{whole} * 1.0" + "".join(f" {'/' if exponent < 0 else '*'} {step}" for step in steps) + ")"


def _powers_of_two(exponent: int) -> Iterator[int]:
    """Return factors below 2**63 with the product 2**exponent."""
    while exponent > 0:
        yield 1 << min(exponent, 62)
        exponent -= 62


def _number_literal(value: float | int | None) -> str:
    return "NULL" if value is None else repr(value)


def _values(row: ExportRow, path: str | None) -> dict[str, Any]:
    return {"row_number": row.number, **row.values, "image": path}


def _insert_statement(batch: list[dict[str, Any]], columns: pa.Schema, dialect: Dialect) -> str:
    names = ", ".join(map(_quote_name, ("row_number", *columns.names)))
    lines = ",\n".join("(" + ", ".join(map(dialect.literal, row.values())) + ")" for row in batch)
    return f"INSERT INTO {TABLE} ({names}) VALUES\n{lines};\n"


def _quote_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


DIALECTS = (
    Dialect(
        name="sqlite",
        types={pa.string(): "TEXT", pa.int64(): "INTEGER", pa.float64(): "REAL", pa.bool_(): "BOOLEAN"},
        key="INTEGER",
        first_statements="BEGIN;",
        literal=sqlite_literal,
    ),
    Dialect(
        name="postgresql",
        types={pa.string(): "TEXT", pa.int64(): "BIGINT", pa.float64(): "DOUBLE PRECISION", pa.bool_(): "BOOLEAN"},
        key="BIGINT",
        first_statements="SET client_encoding = 'UTF8';\nBEGIN;",
        literal=postgresql_literal,
    ),
)
