"""Read other people's tables: CSV, TSV, JSON lines, Parquet, Arrow, `datasets` folders and class folders.

`read_table(path)` returns a list of rows, each a dict from column name to value. Values are text or numbers, missing
values are None. An image inside a table is a `StoredImage`, which stays on disk until it is read.

    rows = read_table(Path("shop/products.csv"))

To add a kind of file, write a function `(path, encoding) -> list[Row]` and add it with its suffix to `READERS`. Add
the suffix to `SUFFIXES_BY_PREFERENCE` too. To add a kind of folder, extend `read_table` and `table_files`. What the
columns mean is decided in `generator.ingest.rows`.

A folder of `datasets` holds Parquet files (as on a hub), or what `datasets.save_to_disk` writes: `state.json` with the
names of Arrow streams, and for several splits a `dataset_dict.json` above it. Class labels, which these files hold as
numbers, become names.
"""

import json
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.errors import ToileError, suggest
from schemas.manifest import MANIFEST

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
MISSING = {"", "n.a.", "none", "null"}
"""Text that means "no value", in lower case."""
SUFFIXES_BY_PREFERENCE = ((".parquet",), (".arrow",), (".jsonl", ".ndjson", ".csv", ".tsv"))
"""A data set often holds the same rows in several kinds of files. The first kind that is there is read."""
_BATCH = 32
"""Rows of an image column in memory at once."""

Row = dict[str, Any]
Cell = tuple[bytes | None, str | None]
"""The bytes of an image and the path it had. Either may be missing."""


class StoredImage:
    """An image inside a table, read on request."""

    __slots__ = ("_column", "_index")

    def __init__(self, column: "_ParquetColumn | _ArrowColumn", index: int) -> None:
        self._column = column
        self._index = index

    def read(self) -> Cell:
        """Return its bytes and path. This is fast as long as the images of a file are read in order."""
        return self._column.read_cell(self._index)


def read_table(path: Path, encoding: str = "utf-8") -> list[Row]:
    """Read the rows of a file or a folder. Element k of the list is row k + 1 in messages.

    A folder is read as one of `datasets` if it holds such files, else as class folders. A catalog made by toile is
    refused, because import would replace its families and splits.
    """
    if not path.is_dir():
        return read_files([path], encoding)
    if (path / MANIFEST).is_file():
        hint = "use the folder as it is: toile train, evaluate and describe read it; or import its original table"
        raise ToileError(str(path), "is already a catalog made by toile", hint)
    files = table_files(path)
    return read_files(files, encoding) if files else list(_read_class_folders(path))


def read_files(paths: list[Path], encoding: str = "utf-8") -> list[Row]:
    """Read the rows of several files, one after the other, each with the reader of its suffix."""
    rows: list[Row] = []
    for path in paths:
        reader = READERS.get(path.suffix.lower())
        if reader is None:
            problem = f"{path.suffix or 'no suffix'!r} is not a kind of table that toile reads"
            hint = f"use {', '.join(sorted(READERS))}, a folder of `datasets`, or a folder of class folders"
            raise ToileError(str(path), problem, hint)
        rows += reader(path, encoding)
    if not rows:
        raise ToileError(str(paths[0]), "has no rows", "check that the file is complete")
    return [{str(name): normalize_missing(value) for name, value in row.items()} for row in rows]


def table_files(folder: Path) -> list[Path]:
    """Return the files of a folder of `datasets`, in order; an empty list for any other folder."""
    listing = folder / "dataset_dict.json"
    if listing.is_file():
        splits = _read_json(listing).get("splits")
        if not isinstance(splits, list):
            raise ToileError(f"{listing}: splits", "is missing", "save the data set again")
        return [file for split in splits for file in table_files(folder / str(split))]
    if (folder / "state.json").is_file():
        entries = _read_json(folder / "state.json").get("_data_files")
        if not isinstance(entries, list) or not all(isinstance(e, dict) and "filename" in e for e in entries):
            raise ToileError(f"{folder / 'state.json'}: _data_files", "is missing", "save the data set again")
        return [folder / str(entry["filename"]) for entry in entries]
    found = (path.relative_to(folder) for path in folder.rglob("*.parquet"))
    return [folder / path for path in sorted(found) if not any(part.startswith(".") for part in path.parts)]


def normalize_missing(value: Any) -> Any:
    """Return the value without outer white space, or None for "N.A.", empty text, NaN and the like."""
    if isinstance(value, str):
        return None if value.strip().lower() in MISSING else value.strip()
    return None if value is None or value != value else value


def rename_columns(rows: list[Row], columns: dict[str, str], known: tuple[str, ...], where: str) -> list[Row]:
    """Return the rows under our column names; every row has all `known` columns.

    Args:
        rows: Rows under their own column names.
        columns: Our name -> their name. A column of the same name needs no entry.
        known: Our column names.
        where: What messages call the table.

    Raises:
        ToileError: A name in `columns` does not exist, or a text column holds bytes.
    """
    theirs = list(dict.fromkeys(name for row in rows[:1000] for name in row))
    for ours, name in columns.items():
        if ours not in known:
            raise ToileError(f"--column {ours}={name}", f"toile has no column {ours!r}", suggest(ours, known))
        if name not in theirs:
            raise ToileError(f"--column {ours}={name}", f"{where} has no column {name!r}", suggest(name, theirs))
    wanted = {ours: columns.get(ours, ours) for ours in known}
    for ours, name in wanted.items():
        if ours != "image" and any(isinstance(row.get(name), StoredImage) for row in rows[:1000]):
            raise ToileError(where, f"column {name!r} holds bytes, not text", "save the column as text")
    return [{ours: row.get(name) for ours, name in wanted.items()} for row in rows]


def _read_delimited(path: Path, encoding: str) -> list[Row]:
    """Read CSV or TSV; every value is text."""
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path, sep=separator, dtype=str, keep_default_na=False, index_col=False, encoding=_allow_bom(encoding)
            )
    except UnicodeError as error:
        raise _wrong_encoding(path, encoding) from error
    except LookupError as error:
        raise _unknown_encoding(encoding) from error
    except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError) as error:
        problem = str(error).strip().replace("\n", " ")
        raise ToileError(str(path), f"is not a well-formed table: {problem}", "fix that line") from error
    rows: list[Row] = frame.to_dict(orient="records")  # type: ignore[assignment]
    return rows


def _read_json_lines(path: Path, encoding: str) -> list[Row]:
    """Read one JSON object a line; empty lines are skipped."""
    rows: list[Row] = []
    number = 0
    try:
        with path.open(encoding=_allow_bom(encoding)) as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ToileError(f"{path}:{number}", "is not a JSON object", "write one {...} a line")
                rows.append(row)
    except UnicodeError as error:
        raise _wrong_encoding(path, encoding) from error
    except LookupError as error:
        raise _unknown_encoding(encoding) from error
    except (ValueError, RecursionError) as error:
        raise ToileError(f"{path}:{number}", f"is not valid JSON: {error}", "fix that line") from error
    return rows


def _read_parquet(path: Path, encoding: str) -> list[Row]:
    """Read a Parquet file; a cell of an image column is a StoredImage. Parquet has its own encoding."""
    try:
        with pq.ParquetFile(path) as file:
            schema: pa.Schema = file.schema_arrow
            num_rows: int = file.metadata.num_rows
            table = file.read(columns=_columns_without_bytes(schema))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ToileError(str(path), f"is not a readable Parquet file: {error}", "make it again") from error
    images = {name: _ParquetColumn(path, name, num_rows) for name in _image_columns(schema)}
    return _arrow_rows(path, table, schema, images, num_rows)


def _read_arrow_stream(path: Path, encoding: str) -> list[Row]:
    """Read an Arrow stream. The file is mapped into memory, not loaded."""
    try:
        table: pa.Table = pa.ipc.open_stream(pa.memory_map(str(path))).read_all()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ToileError(str(path), f"is not a readable Arrow stream: {error}", "save the data set again") from error
    images = {name: _ArrowColumn(table[name]) for name in _image_columns(table.schema)}
    return _arrow_rows(path, table.select(_columns_without_bytes(table.schema)), table.schema, images, table.num_rows)


READERS: dict[str, Callable[[Path, str], list[Row]]] = {
    ".csv": _read_delimited,
    ".tsv": _read_delimited,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".parquet": _read_parquet,
    ".arrow": _read_arrow_stream,
}
"""Suffix -> function that reads such a file. A new kind of table is added here."""


def _read_class_folders(folder: Path) -> Iterator[Row]:
    """Return one row an image. The folder's name is the category, the file's stem is the product code.

    Where stems repeat, the code begins with the folder's name.
    """
    images = sorted(p for p in folder.glob("*/*") if p.suffix.lower() in IMAGE_SUFFIXES)
    if not images:
        raise ToileError(str(folder), "has no images in class folders", "arrange them as FOLDER/CLASS/image.jpg")
    stems = Counter(image.stem for image in images)
    for image in images:
        name = str(image.relative_to(folder))
        code = image.stem if stems[image.stem] == 1 else f"{image.parent.name}-{image.stem}"
        yield {"product_code": code, "category3_code": image.parent.name, "image": name}


def _arrow_rows(
    path: Path, table: pa.Table, schema: pa.Schema, images: "dict[str, Any]", num_rows: int
) -> list[dict[str, Any]]:
    """Return the rows of a table without bytes, with class labels by name and images added."""
    labels = _class_labels(schema)
    try:
        rows: list[dict[str, Any]] = table.to_pylist() if table.num_columns else [{} for _ in range(num_rows)]
    except (UnicodeDecodeError, OverflowError, ValueError) as error:  # bytes that are not text, impossible dates
        raise ToileError(str(path), f"has an invalid value in a column: {error}", "make it again") from error
    for index, row in enumerate(rows):
        for name, names in labels.items():
            number = row.get(name)
            row[name] = names[number] if isinstance(number, int) and 0 <= number < len(names) else number
        row.update((name, StoredImage(column, index)) for name, column in images.items())
    return rows


class _ParquetColumn:
    """One image column of one file. It is read forward in small batches, and from the start again where necessary."""

    def __init__(self, path: Path, name: str, num_rows: int) -> None:
        self._path, self._name, self._num_rows = path, name, num_rows
        self._batches: Iterator[pa.RecordBatch] | None = None
        self._cells: pa.Array = []
        self._first = 0

    def read_cell(self, index: int) -> Cell:
        try:
            if self._batches is None or index < self._first:
                file = pq.ParquetFile(self._path)
                self._batches, self._cells, self._first = file.iter_batches(_BATCH, columns=[self._name]), [], 0
            while index >= self._first + len(self._cells):
                self._first += len(self._cells)
                self._cells = next(self._batches).column(0)
            cell = _split_cell(self._cells[index - self._first].as_py())
        except (pa.ArrowException, OSError, StopIteration, UnicodeDecodeError) as error:
            raise ToileError(str(self._path), f"cannot be read at row {index + 1}: {error}", "make it again") from error
        if index == self._num_rows - 1:
            self._batches, self._cells, self._first = None, [], 0  # a folder may have more files than may be open
        return cell


class _ArrowColumn:
    """One image column of a mapped table."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._column = column

    def read_cell(self, index: int) -> Cell:
        return _split_cell(self._column[index].as_py())


def _split_cell(value: Any) -> Cell:
    if isinstance(value, dict):
        return value.get("bytes"), value.get("path")
    return value, None


def _image_columns(schema: pa.Schema) -> list[str]:
    """Return columns of bytes, and of the struct of bytes and path that `datasets` calls an Image."""
    return [
        field.name
        for field in schema
        if _is_bytes(field.type)
        or (pa.types.is_struct(field.type) and {"bytes", "path"} == {each.name for each in field.type})
    ]


def _columns_without_bytes(schema: pa.Schema) -> list[str]:
    return [field.name for field in schema if not _contains_bytes(field.type)]


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _contains_bytes(kind: pa.DataType) -> bool:
    return _is_bytes(kind) or any(_contains_bytes(kind.field(k).type) for k in range(kind.num_fields))


def _class_labels(schema: pa.Schema) -> dict[str, list[str]]:
    """Return column -> names of its class numbers, from the feature metadata that `datasets` writes."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        labelled = {name: each for name, each in features.items() if each.get("_type") == "ClassLabel"}
        return {name: [str(label) for label in each["names"]] for name, each in labelled.items()}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}  # the metadata is optional, so unknown metadata is not an error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ToileError(str(path), f"is not readable JSON: {error}", "save the data set again") from error
    return document if isinstance(document, dict) else {}


def _allow_bom(encoding: str) -> str:
    """Read UTF-8 with or without the byte order mark that spreadsheets write."""
    return "utf-8-sig" if encoding.lower() in {"utf-8", "utf8"} else encoding


def _unknown_encoding(encoding: str) -> ToileError:
    return ToileError(f"--encoding {encoding}", "is not an encoding of Python", "use latin-1, cp1252, utf-16, ...")


def _wrong_encoding(path: Path, encoding: str) -> ToileError:
    content, line = path.read_bytes(), 1
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
    except UnicodeError:
        line = 1  # the error has no position, as for UTF-16 without its mark
    return ToileError(f"{path}:{line}", f"is not {encoding} text", "name its encoding, as in --encoding latin-1")
