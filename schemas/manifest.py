"""What lies in a shard folder, made from what: `manifest.json`. A folder without a finished one is not a data set."""

import functools
import importlib.metadata
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.errors import ToileError
from schemas.util.files import file_sha256
from schemas.validation import build, read_document, validate

MANIFEST = "manifest.json"
EXTRA = "extra"
DAMAGE_HINT = "copy it again, or make the folder again with --force; `toile verify` lists every file that is damaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardFile:
    """One Parquet file of the folder."""

    path: str
    """Relative to the folder, with forward slashes."""
    split: str
    num_rows: int
    num_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraFile:
    """A table of the folder that holds no products, such as the list of faulty rows."""

    path: str
    """Relative to the folder, with forward slashes."""
    num_rows: int
    num_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Provenance and contents of a shard folder."""

    kind: str
    """`generate`, `import` or `fetch`: which command made it."""
    finished: bool
    inputs: Mapping[str, Any]
    """Everything that decides the bytes: the spec and its sha256, seed, start, num_products, picture size, ..."""
    files: tuple[ShardFile, ...]
    num_products: int
    num_shards: int
    versions: Mapping[str, str]
    seconds: float
    """Wall time; never part of any comparison."""
    rejected: int = 0
    """Rows of an imported table that are listed in rejected.jsonl instead."""
    extra: tuple[ExtraFile, ...] = ()
    """What lies beside the products."""


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a finished folder, or a ToileError that says what is missing."""
    path = folder / MANIFEST
    return finished(load_manifest(path) if path.is_file() else None, str(folder))


def finished(manifest: Manifest | None, where: str) -> Manifest:
    """The manifest of the folder at `where`, or a ToileError when there is none or it is unfinished."""
    if manifest is None:
        raise ToileError(where, f"holds no {MANIFEST}", "point to a folder made by `toile generate` or `toile import`")
    if not manifest.finished:
        raise ToileError(where, "is unfinished", "run the command that made it once more; it continues where it was")
    return manifest


def load_manifest(path: Path) -> Manifest:
    """A manifest, finished or not."""
    return checked_manifest(read_document(path), str(path))


def checked_manifest(document: Any, where: str) -> Manifest:
    """The manifest that a parsed document holds."""
    validate(document, "manifest", where)
    return build(Manifest, document)


def check_content(file: Path, entry: ShardFile | ExtraFile) -> None:
    """Raise a ToileError where a file of the folder has other content than its manifest says.

    A process reads the whole file for it once, and again when its size or date has changed: pages of a Parquet file
    have checksums, but what describes them (counts, places, encodings) has none, and a bit there can change rows.
    """
    try:
        state = file.stat()
        found = _cached_sha256(file.resolve(), state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise ToileError(str(file), f"cannot be read: {error.strerror}", DAMAGE_HINT) from error
    if found != entry.sha256:
        raise ToileError(str(file), "is damaged: its sha256 is not the one in the manifest", DAMAGE_HINT)


def check_extra(file: Path) -> None:
    """The same for a table in `extra/`; one in no shard folder, or in no manifest, may hold anything."""
    file = file.absolute()
    path = file.parent.parent / MANIFEST
    if file.parent.name == EXTRA and path.is_file():
        for entry in load_manifest(path).extra:
            if entry.path == f"{EXTRA}/{file.name}":
                check_content(file, entry)


@functools.cache
def _cached_sha256(file: Path, num_bytes: int, mtime_ns: int) -> str:
    return file_sha256(file)


def versions(*packages: str) -> dict[str, str]:
    """Versions that can change bytes: Python, the processor family, toile, and the packages named."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for package in ("toile", *packages):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found
