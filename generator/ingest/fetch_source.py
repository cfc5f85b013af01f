"""Where the rows of a fetch come from: a data set on a hub at one commit, or a table or folder on this machine."""

import fnmatch
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from generator.ingest.arrow_tables import arrow_files
from generator.ingest.hub import hub_files
from generator.ingest.tables import READERS
from schemas.errors import ToileError
from schemas.manifest import MANIFEST
from schemas.util.files import file_sha256

_KINDS = ((".parquet",), (".arrow",), (".jsonl", ".ndjson", ".csv", ".tsv"))
"""Data sets often hold the same rows in several forms: the first kind that is there is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Files of rows that lie on this machine, and what they are called."""

    name: str
    """The hub name or the file's name."""
    commit: str | None
    """Of the hub; None for a local table."""
    paths: tuple[Path, ...]
    files: tuple[dict[str, Any], ...]
    """path inside the data set, bytes and sha256 of each."""


def find_source(dataset: str, patterns: tuple[str, ...], say: Callable[[str], None]) -> Source:
    """The table that a path or `owner/name[@revision]` stands for, fetched where necessary.

    `patterns` choose among the files (`data/train-*`); without any, all Parquet files are read, or else all tables.
    """
    path = Path(dataset)
    if not path.exists():
        kinds = (patterns,) if patterns else tuple(tuple(f"*{suffix}" for suffix in kind) for kind in _KINDS)
        found = hub_files(dataset, lambda names: choose(names, patterns, dataset), kinds, say)
        return _source(found.name, found.commit, found.folder, found.files)
    if path.is_file():
        return _source(path.name, None, path.parent, (path.name,))
    if (path / MANIFEST).is_file():
        hint = "fetch from the table that it was made from"
        raise ToileError(dataset, "is a catalog that toile made already", hint)
    listed = arrow_files(path) or [each for each in sorted(path.rglob("*")) if each.is_file()]
    names = [each.relative_to(path).as_posix() for each in listed]
    visible = [name for name in names if not any(part.startswith(".") for part in PurePosixPath(name).parts)]
    return _source(path.resolve().name, None, path, tuple(choose(visible, patterns, dataset)))


def choose(names: list[str], patterns: tuple[str, ...], dataset: str) -> list[str]:
    """The files to read, in their order; ToileError where there is none."""
    tables = [name for name in names if PurePosixPath(name).suffix.lower() in READERS]
    if patterns:
        chosen = [name for name in tables if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]
        if not chosen:
            shown = ", ".join(tables[:10]) or "no table"
            raise ToileError(f"--files {' '.join(patterns)}", f"matches no table of {dataset}", f"it has {shown}")
        return chosen
    for kinds in _KINDS:
        chosen = [name for name in tables if PurePosixPath(name).suffix.lower() in kinds]
        if chosen:
            return chosen
    kept = sorted({PurePosixPath(name).suffix or name for name in names})
    hint = f"it has {', '.join(kept[:10]) or 'no files'}; toile reads {', '.join(sorted(READERS))}"
    raise ToileError(dataset, "holds no table", f"{hint}, and toile import a folder of class folders")


def _source(name: str, commit: str | None, folder: Path, files: tuple[str, ...]) -> Source:
    paths = tuple(folder / file for file in files)
    described = tuple(
        {"path": file, "num_bytes": path.stat().st_size, "sha256": _sha256(path)}
        for file, path in zip(files, paths, strict=True)
    )
    return Source(name=name, commit=commit, paths=paths, files=described)


def _sha256(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError as error:
        raise ToileError(str(path), f"cannot be read: {error.strerror}", "check the file") from error
