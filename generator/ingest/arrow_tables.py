"""Rows of Arrow data: Parquet files, and the folders that `datasets` leaves. Pictures stay on disk until asked for.

A folder may hold Parquet files (as a hub has them) or what `datasets.save_to_disk` writes: `state.json` naming Arrow
streams, for several splits a `dataset_dict.json` above. Class labels, which such files hold as numbers, become names.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.errors import ToileError

_BATCH = 32
"""Rows of a picture column that are in memory at once."""

Cell = tuple[bytes | None, str | None]
"""The bytes of a picture and the path it had, either of which may be missing."""


class StoredPicture:
    """A picture inside a table, read when asked for."""

    __slots__ = ("_column", "_index")

    def __init__(self, column: "_ParquetColumn | _ArrowColumn", index: int) -> None:
        self._column = column
        self._index = index

    def read(self) -> Cell:
        """Its bytes and path; quick as long as pictures of a file are read in order."""
        return self._column.at(self._index)


def arrow_files(folder: Path) -> list[Path]:
    """The files of a folder of `datasets`, in their order; empty where it is no such folder."""
    listing = folder / "dataset_dict.json"
    if listing.is_file():
        splits = _json(listing).get("splits")
        if not isinstance(splits, list):
            raise ToileError(f"{listing}: splits", "is missing", "save the data set again")
        return [file for split in splits for file in arrow_files(folder / str(split))]
    if (folder / "state.json").is_file():
        entries = _json(folder / "state.json").get("_data_files")
        if not isinstance(entries, list) or not all(isinstance(e, dict) and "filename" in e for e in entries):
            raise ToileError(f"{folder / 'state.json'}: _data_files", "is missing", "save the data set again")
        return [folder / str(entry["filename"]) for entry in entries]
    found = (path.relative_to(folder) for path in folder.rglob("*.parquet"))
    return [folder / path for path in sorted(found) if not any(part.startswith(".") for part in path.parts)]


def read_parquet(path: Path) -> list[dict[str, Any]]:
    """The rows of a Parquet file; a cell of a picture column is a StoredPicture."""
    try:
        with pq.ParquetFile(path) as file:
            schema: pa.Schema = file.schema_arrow
            num_rows: int = file.metadata.num_rows
            plain = file.read(columns=_plain(schema))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ToileError(str(path), f"is not a readable Parquet file: {error}", "make it again") from error
    columns = {name: _ParquetColumn(path, name, num_rows) for name in _pictures(schema)}
    return _rows(path, plain, schema, columns, num_rows)


def read_stream(path: Path) -> list[dict[str, Any]]:
    """The rows of an Arrow stream; the file is mapped, not loaded."""
    try:
        table: pa.Table = pa.ipc.open_stream(pa.memory_map(str(path))).read_all()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ToileError(str(path), f"is not a readable Arrow stream: {error}", "save the data set again") from error
    columns = {name: _ArrowColumn(table[name]) for name in _pictures(table.schema)}
    return _rows(path, table.select(_plain(table.schema)), table.schema, columns, table.num_rows)


def _rows(
    path: Path, plain: pa.Table, schema: pa.Schema, columns: "dict[str, Any]", num_rows: int
) -> list[dict[str, Any]]:
    labels = _class_labels(schema)
    try:
        rows: list[dict[str, Any]] = plain.to_pylist() if plain.num_columns else [{} for _ in range(num_rows)]
    except (UnicodeDecodeError, OverflowError, ValueError) as error:  # bytes that are no text, days that are no days
        raise ToileError(str(path), f"holds what is no value of its column: {error}", "make it again") from error
    for index, row in enumerate(rows):
        for name, names in labels.items():
            number = row.get(name)
            row[name] = names[number] if isinstance(number, int) and 0 <= number < len(names) else number
        row.update((name, StoredPicture(column, index)) for name, column in columns.items())
    return rows


class _ParquetColumn:
    """One picture column of one file, read forward in small batches and from the start again where necessary."""

    def __init__(self, path: Path, name: str, num_rows: int) -> None:
        self._path, self._name, self._num_rows = path, name, num_rows
        self._batches: Iterator[pa.RecordBatch] | None = None
        self._cells: pa.Array = []
        self._first = 0

    def at(self, index: int) -> Cell:
        try:
            if self._batches is None or index < self._first:
                file = pq.ParquetFile(self._path)
                self._batches, self._cells, self._first = file.iter_batches(_BATCH, columns=[self._name]), [], 0
            while index >= self._first + len(self._cells):
                self._first += len(self._cells)
                self._cells = next(self._batches).column(0)
            cell = _cell(self._cells[index - self._first].as_py())
        except (pa.ArrowException, OSError, StopIteration, UnicodeDecodeError) as error:
            raise ToileError(str(self._path), f"cannot be read at row {index + 1}: {error}", "make it again") from error
        if index == self._num_rows - 1:
            self._batches, self._cells, self._first = None, [], 0  # a folder may have more files than may be open
        return cell


class _ArrowColumn:
    """One picture column of a mapped table."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._column = column

    def at(self, index: int) -> Cell:
        return _cell(self._column[index].as_py())


def _cell(value: Any) -> Cell:
    if isinstance(value, dict):
        return value.get("bytes"), value.get("path")
    return value, None


def _pictures(schema: pa.Schema) -> list[str]:
    """Columns of bytes, and of the struct of bytes and path that `datasets` calls an Image."""
    return [
        field.name
        for field in schema
        if _is_bytes(field.type)
        or (pa.types.is_struct(field.type) and {"bytes", "path"} == {each.name for each in field.type})
    ]


def _plain(schema: pa.Schema) -> list[str]:
    """Columns without bytes anywhere inside."""
    return [field.name for field in schema if not _holds_bytes(field.type)]


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _holds_bytes(kind: pa.DataType) -> bool:
    return _is_bytes(kind) or any(_holds_bytes(kind.field(k).type) for k in range(kind.num_fields))


def _class_labels(schema: pa.Schema) -> dict[str, list[str]]:
    """Column -> the names of its numbers, as the feature metadata of `datasets` says."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        labelled = {name: each for name, each in features.items() if each.get("_type") == "ClassLabel"}
        return {name: [str(label) for label in each["names"]] for name, each in labelled.items()}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}  # metadata is optional, and not ours to judge


def _json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ToileError(str(path), f"is no readable JSON: {error}", "save the data set again") from error
    return document if isinstance(document, dict) else {}
