"""The rows of a shard folder as exports write them: every column that is there, and a safe name for the picture."""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from generator.export.file_names import UNKNOWN_SUFFIX, FileNames, picture_suffix
from schemas.errors import ToileError
from schemas.product import open_shard, shard_files

BATCH = 100
"""Rows in memory at a time."""
_PLAIN = (str, int, float, type(None))
RESERVED = {"row_number", "file_name"}
"""Names that exports give to columns of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRow:
    """One row: text, whole numbers, finite numbers, truth values and None, and the picture beside them."""

    number: int
    """1 is the first row of the export."""
    split: str
    stem: str
    """A file name without suffix that no other row has."""
    values: Mapping[str, Any]
    """Every column but `image`."""
    picture: bytes | None
    suffix: str
    """With its dot; empty without a picture."""

    @property
    def picture_name(self) -> str | None:
        """The picture's file name, None without one."""
        return f"{self.stem}{self.suffix}" if self.suffix else None


def read_columns(shards: Path, split: str | None) -> pa.Schema:
    """All columns of the files but `image`, as string, int64, float64 or bool; what is none of these becomes text.

    Raises ToileError where there are no rows, two files disagree about a column, or one bears a name exports need.
    """
    found: dict[str, pa.DataType] = {}
    entries = shard_files(shards, split)[1]
    if not entries:
        raise ToileError(str(shards), f"holds no rows{f' of the split {split}' if split else ''}", "choose another")
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
        raise ToileError(str(shards), f"has a column {name}, a name that exports use themselves", "rename the column")
    return pa.schema(list(found.items()))


def read_rows(
    shards: Path,
    columns: pa.Schema,
    counts: Counter[str],
    *,
    split: str | None = None,
    limit: int | None = None,
    pictures: bool = True,
    progress: Callable[[int], None] = lambda n: None,
) -> Iterator[ExportRow]:
    """The rows in file order, `BATCH` of them in memory; `counts` grows by what had to be changed.

    `pictures` False leaves them out; the names that they would have do not change by that.
    """
    stems, names, number = FileNames(), columns.names, 0
    for entry in shard_files(shards, split)[1]:
        with open_shard(shards, entry) as parquet:
            there = [name for name in parquet.schema_arrow.names if pictures or name != "image"]
            for batch in parquet.iter_batches(batch_size=BATCH, columns=there):
                for row in batch.to_pylist():
                    if limit is not None and number == limit:
                        return
                    number += 1
                    yield _row(number, entry.split, row, names, stems, counts)
                    progress(1)


def _row(
    number: int, split: str, row: dict[str, Any], names: list[str], stems: FileNames, counts: Counter[str]
) -> ExportRow:
    code = row.get("product_code") or ""
    stem = stems.stem(code)
    counts["file names that are not the product code"] += stem != code
    picture = (row.get("image") or {}).get("bytes")
    suffix = "" if picture is None else picture_suffix(picture)
    counts["rows without a picture"] += picture is None
    counts[f"pictures of no known kind, named {UNKNOWN_SUFFIX}"] += suffix == UNKNOWN_SUFFIX
    values = {name: row.get(name) for name in names}
    for name, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            values[name] = None
            counts["numbers that were not finite, now empty"] += 1
        elif not isinstance(value, _PLAIN):
            values[name] = json.dumps(value, default=str) if isinstance(value, list | dict) else str(value)
    return ExportRow(number=number, split=split, stem=stem, values=values, picture=picture, suffix=suffix)


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_integer(kind):
        return pa.int64()
    if pa.types.is_floating(kind):
        return pa.float64()
    return pa.bool_() if pa.types.is_boolean(kind) else pa.string()
