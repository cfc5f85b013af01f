"""Reading somebody's table: CSV, TSV, JSON lines, Parquet, or a folder of class folders, all as rows of text."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.border import nearest
from schemas.errors import ToileError

PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
MISSING = {"", "n.a.", "nan", "none", "null"}

Row = dict[str, Any]


def read_table(path: Path, encoding: str = "utf-8") -> list[Row]:
    """The rows of a table; values are text or numbers, missing ones None. Row k of the list is row k + 1 for people."""
    if path.is_dir():
        return list(_class_folders(path))
    readers = {
        ".csv": _delimited,
        ".tsv": _delimited,
        ".jsonl": _json_lines,
        ".ndjson": _json_lines,
        ".parquet": _parquet,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        problem = f"{path.suffix or 'no suffix'!r} is no kind of table toile reads"
        raise ToileError(str(path), problem, f"use {', '.join(sorted(readers))}, or a folder of class folders")
    rows = reader(path, encoding)
    if not rows:
        raise ToileError(str(path), "holds no rows", "check that the file is complete")
    return [{str(name): present(value) for name, value in row.items()} for row in rows]


def present(value: Any) -> Any:
    """The value, or None for what sources write when they have none ("N.A.", empty text, NaN)."""
    if isinstance(value, str):
        return None if value.strip().lower() in MISSING else value.strip()
    return None if value is None or value != value else value


def mapped(rows: list[Row], columns: dict[str, str], known: tuple[str, ...], where: str) -> list[Row]:
    """The rows under our column names: `columns` says OURS -> THEIRS, equal names map themselves."""
    theirs = list(dict.fromkeys(name for row in rows[:1000] for name in row))
    for ours, name in columns.items():
        if ours not in known:
            raise ToileError(f"--column {ours}={name}", f"toile has no column {ours!r}", nearest(ours, known))
        if name not in theirs:
            raise ToileError(f"--column {ours}={name}", f"{where} has no column {name!r}", nearest(name, theirs))
    wanted = {ours: columns.get(ours, ours) for ours in known}
    return [{ours: row.get(name) for ours, name in wanted.items()} for row in rows]


def _delimited(path: Path, encoding: str) -> list[Row]:
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        frame = pd.read_csv(
            path,
            sep=separator,
            dtype=str,
            keep_default_na=False,
            encoding="utf-8-sig" if encoding == "utf-8" else encoding,
        )
    except UnicodeDecodeError as error:
        raise _wrong_encoding(path, encoding, error) from error
    except LookupError as error:
        raise ToileError(
            f"--encoding {encoding}", "is no encoding Python knows", "use latin-1, cp1252, utf-16, ..."
        ) from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ToileError(str(path), f"is no well-formed table: {str(error).strip()}", "mend that line") from error
    repeated = frame.columns[frame.columns.duplicated()]
    assert len(repeated) == 0, list(repeated)  # pandas numbers repeated headers
    rows: list[Row] = frame.to_dict(orient="records")  # type: ignore[assignment]
    return rows


def _json_lines(path: Path, encoding: str) -> list[Row]:
    rows: list[Row] = []
    try:
        with path.open(encoding=encoding) as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ToileError(f"{path}:{number}", "is not a JSON object", "write one {...} a line")
                rows.append(row)
    except UnicodeDecodeError as error:
        raise _wrong_encoding(path, encoding, error) from error
    except ValueError as error:
        raise ToileError(f"{path}:{len(rows) + 1}", f"is not valid JSON: {error}", "mend that line") from error
    return rows


def _parquet(path: Path, encoding: str) -> list[Row]:
    try:
        rows: list[Row] = pq.read_table(path).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise ToileError(str(path), f"is not a readable Parquet file: {error}", "make it again") from error
    return rows


def _class_folders(folder: Path) -> Iterator[Row]:
    """One row a picture; the folder's name is the leaf category, the file's stem the code."""
    pictures = sorted(p for p in folder.glob("*/*") if p.suffix.lower() in PICTURE_SUFFIXES)
    if not pictures:
        raise ToileError(str(folder), "holds no pictures in class folders", "lay them out as FOLDER/CLASS/picture.jpg")
    for picture in pictures:
        name = str(picture.relative_to(folder))
        yield {"product_code": picture.stem, "category3_code": picture.parent.name, "image": name}


def _wrong_encoding(path: Path, encoding: str, error: UnicodeDecodeError) -> ToileError:
    line = path.read_bytes()[: error.start].count(b"\n") + 1 if error.start < path.stat().st_size else 1
    return ToileError(f"{path}:{line}", f"is not {encoding} text", "name its encoding, as in --encoding latin-1")
