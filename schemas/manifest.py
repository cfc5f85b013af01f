"""`manifest.json`: the contents of a catalog folder and what it was made from.

A folder without a finished manifest is not a data set.
"""

import functools
import importlib.metadata
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge

from schemas.documents import Count, OneOf, Pattern, Sha256, from_dict, read_document
from schemas.errors import ToileError
from schemas.evaluation import Split
from schemas.util.files import file_sha256

MANIFEST = "manifest.json"
EXTRA = "extra"
DAMAGE_HINT = "copy it again, or make the folder again with --force; `toile verify` lists every file that is damaged"
_DATA_PATH = Pattern(r"^data/[a-z]+-[0-9]{5}-of-[0-9]{5}\.parquet$", "data/SPLIT-NNNNN-of-NNNNN.parquet")
_EXTRA_PATH = Pattern(r"^extra/[a-z-]+([0-9]{5}-of-[0-9]{5})?\.parquet$", "extra/NAME.parquet")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardFile:
    """One Parquet file of the folder."""

    path: Annotated[str, _DATA_PATH]
    """Relative to the folder, with forward slashes."""
    split: Split
    num_rows: Annotated[int, Ge(1)]
    num_bytes: Annotated[int, Ge(1)]
    sha256: Sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraFile:
    """A table of the folder that has no products, such as the list of faulty rows."""

    path: Annotated[str, _EXTRA_PATH]
    """Relative to the folder, with forward slashes."""
    num_rows: Count
    num_bytes: Annotated[int, Ge(1)]
    sha256: Sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """`manifest.json` of a catalog folder: its contents and what it was made from."""

    kind: Annotated[str, OneOf(("generate", "import", "fetch"))]
    """Which command made it: generate, import or fetch."""
    finished: bool
    """Whether all files are complete."""
    inputs: Mapping[str, Any]
    """Everything that decides the bytes: the spec and its sha256, seed, start, num_products, image size, ..."""
    files: tuple[ShardFile, ...]
    """The Parquet files of products."""
    num_products: Count
    num_shards: Annotated[int, Ge(1)]
    versions: Mapping[str, str]
    """Versions of everything that can change bytes."""
    seconds: Annotated[float, Ge(0)]
    """Wall time; never compared."""
    rejected: Count = 0
    """Rows of an imported table that are listed in rejected.jsonl instead."""
    extra: tuple[ExtraFile, ...] = ()
    """Tables without products, such as the list of faulty rows."""


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a finished folder; raise a `ToileError` where it is missing or unfinished."""
    path = folder / MANIFEST
    return require_finished(load_manifest(path) if path.is_file() else None, str(folder))


def require_images(folder: Path) -> None:
    """Raise a `ToileError` where the catalog was made with `--no-images`."""
    inputs = read_manifest(folder).inputs
    if inputs.get("images") is False or inputs.get("image_size", 0) is None:
        raise ToileError(str(folder), "is a catalog without images", "make it again without --no-images")


def require_finished(manifest: Manifest | None, where: str) -> Manifest:
    """Return the manifest of the folder `where`; raise a `ToileError` where there is none or it is unfinished."""
    if manifest is None:
        raise ToileError(where, f"holds no {MANIFEST}", "point to a folder made by `toile generate` or `toile import`")
    if not manifest.finished:
        raise ToileError(where, "is unfinished", "run the command that made it once more; it continues where it was")
    return manifest


def load_manifest(path: Path) -> Manifest:
    """Return a manifest, finished or not."""
    return parse_manifest(read_document(path), str(path))


def parse_manifest(document: Any, where: str) -> Manifest:
    """Return the manifest in a parsed document; `where` is its name in error messages."""
    return from_dict(Manifest, document, where)


def check_content(file: Path, entry: ShardFile | ExtraFile) -> None:
    """Raise a `ToileError` where the content of a file differs from the manifest.

    A process hashes each file once, and again when its size or date changes. Pages of a Parquet file have checksums,
    but their headers (counts, offsets, encodings) have none, and a changed bit there can change rows.
    """
    try:
        state = file.stat()
        found = _cached_sha256(file.resolve(), state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise ToileError(str(file), f"cannot be read: {error.strerror}", DAMAGE_HINT) from error
    if found != entry.sha256:
        raise ToileError(str(file), "is damaged: its sha256 is not the one in the manifest", DAMAGE_HINT)


def check_extra(file: Path) -> None:
    """Do the same for a table in `extra/`; a table in no catalog folder, or in no manifest, is not checked."""
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
    """Return versions that can change bytes: Python, the processor family, toile, and the named packages."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for package in ("toile", *packages):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found
