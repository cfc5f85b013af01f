"""Reading somebody's table: CSV, TSV, JSON lines, Parquet, a folder of `datasets` or of class folders, all as rows."""

import json
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from generator.ingest.arrow_tables import StoredPicture, arrow_files, read_parquet, read_stream
from schemas.errors import ToileError, suggest
from schemas.manifest import MANIFEST

PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
MISSING = {"", "n.a.", "none", "null"}

Row = dict[str, Any]


def read_table(path: Path, encoding: str = "utf-8") -> list[Row]:
    """The rows of a table; values are text or numbers, missing ones None, pictures inside it `StoredPicture`.

    Row k of the list is row k + 1 for people. A folder is one of `datasets` where it holds its files, else one of class
    folders; a catalog that toile made is refused, because families and splits made anew would not be the ones it has.
    """
    if not path.is_dir():
        return read_files([path], encoding)
    if (path / MANIFEST).is_file():
        hint = "use the folder as it is: toile train, evaluate and describe read it; import the table it was made from"
        raise ToileError(str(path), "is a catalog that toile made already", hint)
    files = arrow_files(path)
    return read_files(files, encoding) if files else list(_class_folders(path))


def read_files(paths: list[Path], encoding: str = "utf-8") -> list[Row]:
    """The rows of several tables, one after the other."""
    rows: list[Row] = []
    for path in paths:
        reader = READERS.get(path.suffix.lower())
        if reader is None:
            problem = f"{path.suffix or 'no suffix'!r} is no kind of table toile reads"
            hint = f"use {', '.join(sorted(READERS))}, a folder of `datasets`, or a folder of class folders"
            raise ToileError(str(path), problem, hint)
        rows += reader(path, encoding)
    if not rows:
        raise ToileError(str(paths[0]), "holds no rows", "check that the file is complete")
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
            raise ToileError(f"--column {ours}={name}", f"toile has no column {ours!r}", suggest(ours, known))
        if name not in theirs:
            raise ToileError(f"--column {ours}={name}", f"{where} has no column {name!r}", suggest(name, theirs))
    wanted = {ours: columns.get(ours, ours) for ours in known}
    for ours, name in wanted.items():
        if ours != "image" and any(isinstance(row.get(name), StoredPicture) for row in rows[:1000]):
            raise ToileError(where, f"column {name!r} holds bytes, not text", "write it anew as text")
    return [{ours: row.get(name) for ours, name in wanted.items()} for row in rows]


def _delimited(path: Path, encoding: str) -> list[Row]:
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path, sep=separator, dtype=str, keep_default_na=False, index_col=False, encoding=_with_bom(encoding)
            )
    except UnicodeError as error:
        raise _wrong_encoding(path, encoding) from error
    except LookupError as error:
        raise _unknown_encoding(encoding) from error
    except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError) as error:
        problem = str(error).strip().replace("\n", " ")
        raise ToileError(str(path), f"is no well-formed table: {problem}", "mend that line") from error
    rows: list[Row] = frame.to_dict(orient="records")  # type: ignore[assignment]
    return rows


def _json_lines(path: Path, encoding: str) -> list[Row]:
    rows: list[Row] = []
    number = 0
    try:
        with path.open(encoding=_with_bom(encoding)) as file:
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
        raise ToileError(f"{path}:{number}", f"is not valid JSON: {error}", "mend that line") from error
    return rows


def _class_folders(folder: Path) -> Iterator[Row]:
    """One row a picture; the folder's name is the leaf category, the file's stem the code
    (with the folder's name before it where stems repeat)."""
    pictures = sorted(p for p in folder.glob("*/*") if p.suffix.lower() in PICTURE_SUFFIXES)
    if not pictures:
        raise ToileError(str(folder), "holds no pictures in class folders", "lay them out as FOLDER/CLASS/picture.jpg")
    stems = Counter(picture.stem for picture in pictures)
    for picture in pictures:
        name = str(picture.relative_to(folder))
        code = picture.stem if stems[picture.stem] == 1 else f"{picture.parent.name}-{picture.stem}"
        yield {"product_code": code, "category3_code": picture.parent.name, "image": name}


def _with_bom(encoding: str) -> str:
    """UTF-8 with or without the mark that spreadsheets put in front."""
    return "utf-8-sig" if encoding.lower() in {"utf-8", "utf8"} else encoding


def _unknown_encoding(encoding: str) -> ToileError:
    return ToileError(f"--encoding {encoding}", "is no encoding Python knows", "use latin-1, cp1252, utf-16, ...")


def _wrong_encoding(path: Path, encoding: str) -> ToileError:
    content, line = path.read_bytes(), 1
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
    except UnicodeError:
        line = 1  # no place is known, as for UTF-16 without its mark
    return ToileError(f"{path}:{line}", f"is not {encoding} text", "name its encoding, as in --encoding latin-1")


READERS: dict[str, Callable[[Path, str], list[Row]]] = {
    ".csv": _delimited,
    ".tsv": _delimited,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": lambda path, encoding: read_parquet(path),
    ".arrow": lambda path, encoding: read_stream(path),
}
"""Suffix -> how such a file is read."""
