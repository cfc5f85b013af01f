"""`extra/faults.parquet`: one line for every faulty row of a catalog, in the order of the rows.

Each shard leaves its lines beside its receipt, and at the end they are joined: no more than one shard's lines are in
memory, and a run that was killed gives the same bytes as one that was not.
"""

import io
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from generator.catalog.storage import Folder
from schemas.errors import ToileError
from schemas.manifest import ExtraFile, check_extra
from schemas.util.files import file_sha256, storage_errors

FAULTS = "extra/faults.parquet"
SCHEMA = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),  # product number; added rows have numbers after the last product
        pa.field("product_code", pa.string(), nullable=False),  # as it stands in the data
        pa.field("split", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("form", pa.string(), nullable=False),  # which of the ways to have this fault
        pa.field("column", pa.string(), nullable=False),  # what is wrong first of all
        pa.field("true_value", pa.string(), nullable=False),  # JSON; of a picture the sha256 of its file
        pa.field("faulty_value", pa.string(), nullable=False),  # JSON, likewise
        pa.field("other_true_values", pa.string()),  # JSON object of the other changed columns
        pa.field("of_row", pa.int64()),  # what an added row is a copy of
        pa.field("file", pa.string(), nullable=False),
    ]
)


def part_name(receipts: str, shard: int) -> str:
    """Where a shard leaves its lines until all are joined."""
    return f"{receipts}/{shard:05d}.faults.parquet"


def encoded(lines: list[dict[str, Any]]) -> bytes:
    """The lines of one shard as a Parquet file."""
    buffer = io.BytesIO()
    _write([pa.Table.from_pylist(lines, schema=SCHEMA)], buffer)
    return buffer.getvalue()


def join(parts: Iterable[str], out: Folder) -> ExtraFile:
    """Write the lines of all shards as one file, a row group for each shard that has some; atomic."""
    with tempfile.TemporaryDirectory(prefix="toile-faults-") as scratch:
        path = Path(scratch) / "faults.parquet"
        with storage_errors(path), path.open("wb") as file:
            num_rows = _write((_read(out, part) for part in parts), file)
        sha256 = file_sha256(path)
        out.put(FAULTS, path)
        return ExtraFile(path=FAULTS, num_rows=num_rows, num_bytes=path.stat().st_size, sha256=sha256)


def _read(out: Folder, part: str) -> pa.Table:
    with out.open(part) as file:
        return pq.read_table(file)


def read_faults(path: Path) -> list[dict[str, Any]]:
    """The lines of a `faults.parquet`; another file, or a damaged one, is a ToileError."""
    hint = "name the extra/faults.parquet of a folder made by `toile generate --scenario`"
    try:
        check_extra(path)
        table = pq.read_table(path, page_checksum_verification=True)
        lacking = [name for name in SCHEMA.names if name not in table.schema.names]
        if lacking:
            raise ToileError(str(path), f"lacks the columns {', '.join(lacking)}", hint)
        lines: list[dict[str, Any]] = table.select(SCHEMA.names).cast(SCHEMA).to_pylist()
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:  # a name that is no UTF-8, or stands twice
        raise ToileError(str(path), f"is no readable Parquet file: {error}", hint) from error
    return lines


def _write(tables: Iterable[pa.Table], file: BinaryIO) -> int:
    """All tables as one Parquet file; returns the number of its rows."""
    num_rows = 0
    with pq.ParquetWriter(file, SCHEMA, compression="zstd", write_page_checksum=True) as writer:
        for table in tables:
            if table.num_rows:
                writer.write_table(table)
                num_rows += table.num_rows
    return num_rows
