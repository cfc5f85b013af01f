"""The rows of a catalog as exports write them, safe file names for their images, and the folder of an export.

`read_rows` returns every column of each row and a safe name for its image. `ExportFolder` knows the size and sha256 of
every file when the file is closed.
"""

import hashlib
import json
import math
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa

from schemas.documents import Count, Sha256
from schemas.errors import ToileError
from schemas.images import UNKNOWN_SUFFIX, image_suffix
from schemas.product import open_shard, shard_files
from schemas.util.files import storage_errors

BATCH = 100
"""Rows in memory at a time."""
NO_IMAGE = "rows without an image"
"""Key of the count of such rows."""
_PLAIN = (str, int, float, type(None))
RESERVED = {"row_number", "file_name"}
"""Column names that exports use themselves."""
MAX_STEM = 80
"""Characters. With a suffix, a stem still fits the 100 bytes of a name in a USTAR archive."""
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRow:
    """One row: text, whole numbers, finite numbers, truth values and None; and its image."""

    number: int
    """1 is the first row of the export."""
    split: str
    stem: str
    """A file name without suffix that no other row has."""
    values: Mapping[str, Any]
    """Every column but `image`."""
    image: bytes | None
    suffix: str
    """With its dot; empty without an image."""

    @property
    def image_name(self) -> str | None:
        """The file name of the image, None without one."""
        return f"{self.stem}{self.suffix}" if self.suffix else None


def read_columns(shards: Path, split: str | None) -> pa.Schema:
    """Return all columns but `image`, as string, int64, float64 or bool. Columns of other types become text.

    Raises:
        ToileError: There are no rows, two files disagree about a column, or a column has a reserved name.
    """
    found: dict[str, pa.DataType] = {}
    entries = shard_files(shards, split)[1]
    if not entries:
        raise ToileError(str(shards), f"has no rows{f' of the split {split}' if split else ''}", "choose another")
    for entry in entries:
        with open_shard(shards, entry) as parquet:
            schema = parquet.schema_arrow
        for field in schema:
            kind = _plain_type(field.type)
            if found.setdefault(field.name, kind) != kind:
                problem = f"its column {field.name} is {kind}, and {found[field.name]} in an earlier file"
                raise ToileError(str(shards / entry.path), problem, "make the folder again with --force")
    found.pop("image", None)
    for name in RESERVED & set(found):
        raise ToileError(str(shards), f"has a column {name}, which exports use themselves", "rename the column")
    return pa.schema(list(found.items()))


def read_rows(
    shards: Path,
    columns: pa.Schema,
    counts: Counter[str],
    *,
    split: str | None = None,
    limit: int | None = None,
    images: bool = True,
    progress: Callable[[int], None] = lambda n: None,
) -> Iterator[ExportRow]:
    """Read the rows in file order, `BATCH` of them in memory.

    Args:
        shards: Folder of the catalog.
        columns: The result of `read_columns`.
        counts: Grows by the number of changes, by description.
        split: train, validation or test; all by default.
        limit: The first rows only.
        images: False leaves the images out. The names of files do not change by that.
        progress: Called with the number of rows just read.
    """
    file_names, names, number = FileNames(), columns.names, 0
    for entry in shard_files(shards, split)[1]:
        with open_shard(shards, entry) as parquet:
            present = [name for name in parquet.schema_arrow.names if images or name != "image"]
            for batch in parquet.iter_batches(batch_size=BATCH, columns=present):
                for row in batch.to_pylist():
                    if limit is not None and number == limit:
                        return
                    number += 1
                    yield _make_row(number, entry.split, row, names, file_names, counts)
                    progress(1)


class FileNames:
    """Make one file name stem for each row. The same codes in the same order get the same stems.

    Product codes may be written by anybody: a path, a device name of Windows, 5,000 characters, empty, or different
    from another one only in case. Letters, digits, `-` and `_` stay; anything else is replaced, and the name gets a
    hash of the code. Every stem is kept in memory.
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def make_stem(self, code: str) -> str:
        """Return the code itself where it is safe and new, else a safe form of it with a hash.

        Stems are ASCII, have at most `MAX_STEM` characters, start with a letter or digit, contain no dot and no slash,
        and differ from each other by more than case.
        """
        stem, attempt = (code, 0) if _is_safe(code) else (_hashed(code, 1), 1)
        while stem.lower() in self._taken:
            attempt += 1
            stem = _hashed(code, attempt)
        self._taken.add(stem.lower())
        return stem


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFile:
    """One table, archive or page of an export."""

    path: str
    """Relative to the folder, with forward slashes."""
    num_bytes: Count
    sha256: Sha256


class HashedFile:
    """A new binary file that computes its sha256; a context manager, and a file that Arrow can write to."""

    def __init__(self, folder: "ExportFolder", name: str) -> None:
        self._folder, self._name, self._path = folder, name, folder.path / name
        self._digest, self._num_bytes = hashlib.sha256(), 0
        with storage_errors(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("wb")

    @property
    def closed(self) -> bool:
        """Whether it is closed for writing."""
        return self._file.closed

    def write(self, content: bytes) -> int:
        """Append; raise ToileError for a full or read-only disk."""
        with storage_errors(self._path):
            self._file.write(content)
        self._digest.update(content)
        self._num_bytes += len(content)
        return len(content)

    def tell(self) -> int:
        """Return the number of bytes written so far."""
        return self._num_bytes

    def __enter__(self) -> "HashedFile":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with storage_errors(self._path):
            try:
                self._file.flush()
                os.fsync(self._file.fileno())
            finally:
                self._file.close()
        if error is None:
            found = ExportFile(path=self._name, num_bytes=self._num_bytes, sha256=self._digest.hexdigest())
            self._folder.files[self._name] = found


class ExportFolder:
    """The folder of an export, and what has been written to it: tables by name, images as a count and one hash."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files: dict[str, ExportFile] = {}
        self.num_images = 0
        self.image_bytes = 0
        self._images = hashlib.sha256()
        self._created: set[str] = set()

    def open(self, name: str) -> HashedFile:
        """Open a new file of that name; create its folders."""
        return HashedFile(self, name)

    def remove(self, name: str) -> None:
        """Delete a finished file."""
        del self.files[name]
        (self.path / name).unlink()

    def count_image(self, name: str, content: bytes) -> None:
        """Add an image to the count and the hash; it is in an archive or, by `write_image`, in a file."""
        self.num_images += 1
        self.image_bytes += len(content)
        self._images.update(f"{name} {hashlib.sha256(content).hexdigest()}\n".encode())

    def write_image(self, folder: str, name: str, content: bytes) -> str:
        """Write an image as it is; return its path relative to the export."""
        path = self.path / folder / name
        with storage_errors(path):
            if folder not in self._created:
                path.parent.mkdir(exist_ok=True)
                self._created.add(folder)
            path.write_bytes(content)
        self.count_image(f"{folder}/{name}", content)
        return f"{folder}/{name}"

    @property
    def images_sha256(self) -> str:
        """Hash of one line for each image, in row order: its name, a space, its sha256."""
        return self._images.hexdigest()


def _make_row(
    number: int, split: str, row: dict[str, Any], names: list[str], file_names: FileNames, counts: Counter[str]
) -> ExportRow:
    code = row.get("product_code") or ""
    stem = file_names.make_stem(code)
    counts["file names that are not the product code"] += stem != code
    image = (row.get("image") or {}).get("bytes")
    suffix = "" if image is None else image_suffix(image)
    counts[NO_IMAGE] += image is None
    counts[f"images of an unknown kind, named {UNKNOWN_SUFFIX}"] += suffix == UNKNOWN_SUFFIX
    values = {name: row.get(name) for name in names}
    for name, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            values[name] = None
            counts["numbers that were not finite, now empty"] += 1
        elif not isinstance(value, _PLAIN):
            values[name] = json.dumps(value, default=str) if isinstance(value, list | dict) else str(value)
    return ExportRow(number=number, split=split, stem=stem, values=values, image=image, suffix=suffix)


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_integer(kind):
        return pa.int64()
    if pa.types.is_floating(kind):
        return pa.float64()
    return pa.bool_() if pa.types.is_boolean(kind) else pa.string()


def _is_safe(code: str) -> bool:
    return len(code) <= MAX_STEM and bool(_SAFE.fullmatch(code)) and not _DEVICE.fullmatch(code)


def _hashed(code: str, attempt: int) -> str:
    digest = hashlib.sha256(f"{attempt} {code}".encode("utf-8", "surrogatepass")).hexdigest()[:12]
    kept = re.sub(r"[^A-Za-z0-9_-]+", "-", code[: MAX_STEM * 2]).strip("-_")[: MAX_STEM - 13].rstrip("-_")
    return f"{kept or 'product'}-{digest}"
