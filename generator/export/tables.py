"""Catalogs as tables with pictures beside them: CSV, JSON lines, and the `imagefolder` layout of `datasets`."""

import contextlib
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq

from generator.export.folder import ExportFolder
from generator.export.rows import BATCH, ExportRow
from schemas.errors import ToileError

PICTURES = "pictures"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""With one of these a spreadsheet takes text for a formula (OWASP, "CSV Injection")."""
_QUOTED = re.compile(r"""[,"\r\n]|^\s|\s\Z|^\Z""")
_LINE_ENDS = {code: f"\\u{code:04x}" for code in (0x85, 0x2028, 0x2029)}
"""Characters that some readers of JSON lines take for the end of a line."""


def write_csv(
    rows: Iterable[ExportRow], columns: pa.Schema, folder: ExportFolder, *, spreadsheet_safe: bool = False
) -> None:
    """`products.csv`, UTF-8, RFC 4180 with line feeds: nothing between two commas is null, `""` is empty text.

    `spreadsheet_safe` puts an apostrophe before text that would be a formula, and a byte order mark before the file.
    """
    names = [*columns.names, "image"]
    with folder.open("products.csv") as file:
        file.write(b"\xef\xbb\xbf" * spreadsheet_safe + (",".join(map(_csv_field, names)) + "\n").encode())
        for row in rows:
            values = [*row.values.values(), _picture(row, folder)]
            if spreadsheet_safe:
                values = [_no_formula(value) for value in values]
            file.write((",".join(map(_csv_field, values)) + "\n").encode())


def write_jsonl(rows: Iterable[ExportRow], columns: pa.Schema, folder: ExportFolder) -> None:
    """`products.jsonl`, one object a line, `attributes` an object in it."""
    with folder.open("products.jsonl") as file:
        for row in rows:
            file.write(json_line({**with_attributes(row.values), "image": _picture(row, folder)}))


def write_imagefolder(rows: Iterable[ExportRow], columns: pa.Schema, folder: ExportFolder) -> None:
    """A folder a split: its pictures and `metadata.jsonl` with their `file_name`, null where a row has none.

    `datasets` guesses types from the lines and refuses splits of which it guesses different ones, as where a column is
    empty in one of them. So every hundred lines are read the way it does; where the types differ, every split gets
    `metadata.parquet` in place of `metadata.jsonl`, which it reads as well and which says its types.
    """
    guesses = _Guesses()
    with contextlib.ExitStack() as stack:
        files: dict[str, Any] = {}
        for split, batch in _batches_by_split(rows):
            if split not in files:
                files[split] = stack.enter_context(folder.open(f"{split}/metadata.jsonl"))
            lines = []
            for row in batch:
                if row.picture is not None:
                    folder.add_picture(split, row.picture_name or "", row.picture)
                lines.append(json_line({"file_name": row.picture_name, **row.values}))
            guesses.add(split, b"".join(lines))
            files[split].write(b"".join(lines))
    if not folder.num_pictures:
        raise ToileError("--to imagefolder", "is for catalogs with pictures", "choose csv or jsonl")
    if not guesses.agree:
        for split in files:
            _as_parquet(split, pa.schema([("file_name", pa.string()), *columns]), folder)


def json_line(document: dict[str, Any]) -> bytes:
    """One object and its line feed, readable also where lines are split at every kind of line end."""
    return (json.dumps(document, ensure_ascii=False).translate(_LINE_ENDS) + "\n").encode()


def with_attributes(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with `attributes` as the object that its text stands for; broken text stays text."""
    document = dict(values)
    if document.get("attributes") is not None:
        with contextlib.suppress(ValueError, RecursionError):
            document["attributes"] = json.loads(document["attributes"], parse_constant=_refuse)
    return document


def picture_writer(folder: ExportFolder) -> Callable[[ExportRow], str | None]:
    """For tables of other modules: writes a row's picture, returns its path."""
    return lambda row: _picture(row, folder)


class _Guesses:
    """Types that Arrow's reader of JSON guesses, batch after batch."""

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
        nothing = () if split not in self._splits else (pa.null(),)  # a later batch may be empty, never the first
        self.agree &= all(kind in (self._first[name], *nothing) for name, kind in guessed.items())
        self._splits.add(split)


def _batches_by_split(rows: Iterable[ExportRow]) -> Iterator[tuple[str, list[ExportRow]]]:
    """Rows in order, up to `BATCH` in memory a split."""
    waiting: dict[str, list[ExportRow]] = {}
    for row in rows:
        batch = waiting.setdefault(row.split, [])
        batch.append(row)
        if len(batch) == BATCH:
            yield row.split, waiting.pop(row.split)
    yield from waiting.items()


def _as_parquet(split: str, schema: pa.Schema, folder: ExportFolder) -> None:
    """Replace a split's JSON lines by the same rows in Parquet."""
    lines = folder.path / split / "metadata.jsonl"
    with (
        lines.open("rb") as source,
        folder.open(f"{split}/metadata.parquet") as target,
        pq.ParquetWriter(target, schema, compression="zstd") as writer,
    ):
        while batch := [json.loads(line) for line in islice(source, 10_000)]:
            writer.write_table(pa.Table.from_pylist(batch, schema))
    folder.remove(f"{split}/metadata.jsonl")


def _picture(row: ExportRow, folder: ExportFolder) -> str | None:
    if row.picture is None or row.picture_name is None:
        return None
    return folder.add_picture(PICTURES, row.picture_name, row.picture)


def _csv_field(value: Any) -> str:
    if value is None:
        return ""
    text = str(value)
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def _no_formula(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
