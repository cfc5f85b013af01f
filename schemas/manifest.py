"""What lies in a shard folder, made from what: `manifest.json`. A folder without a finished one is not a data set."""

import dataclasses
import hashlib
import importlib.metadata
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.border import build, read_document, storage_errors, validate
from schemas.errors import ToileError

MANIFEST = "manifest.json"


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


def write_json(path: Path, document: Any) -> None:
    """Write atomically: a reader sees the old file or the whole new one, also after a kill or a full disk."""
    temporary = path.with_name(path.name + ".part")
    with storage_errors(path):
        with temporary.open("w", encoding="utf-8") as file:
            file.write(json_text(document))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)


def json_text(document: Any) -> str:
    """A document as its file holds it."""
    return json.dumps(document, indent=1, ensure_ascii=False, default=_plain) + "\n"


def as_document(record: Any) -> dict[str, Any]:
    """A record as a plain JSON document."""
    document: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(record), default=_plain))
    return document


def sha256_of(document: Any) -> str:
    """Of the canonical JSON form: sorted keys, no spaces."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def versions(*packages: str) -> dict[str, str]:
    """Versions that can change bytes: Python, the processor family, toile, and the packages named."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for package in ("toile", *packages):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
