"""`seen.parquet`: every row that a model may have seen in training, also in the trainings of its base.

One line per training row: its code and family, hashes of its image file and pixels, its fingerprint, for a generated
product what is drawn, and which training it was. Evaluation compares its rows with these. A training on a base that has
such a file copies it, and so does an export, so the list is complete along any chain of trainings and merges.
"""

import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.appearance import appearance_sha256
from schemas.errors import ToileError
from schemas.fingerprints import COLOUR_BYTES, LEVELS_BYTES, fingerprint, pixel_sha256
from schemas.images import BadImageError, decode_rgb
from schemas.util.files import storage_errors

SEEN = "seen.parquet"
SCHEMA = pa.schema(
    [
        *(
            (name, pa.string())
            for name in ("product_code", "family", "picture_sha256", "pixels_sha256", "drawn_sha256")
        ),
        ("detail", pa.binary(LEVELS_BYTES)),
        ("colours", pa.binary(COLOUR_BYTES)),
        *((name, pa.string()) for name in ("training", "data")),
    ]
)
"""Columns of `seen.parquet`. `picture_sha256` is that of the file; `detail` and `colours` are the image's fingerprint;
`training` names the run and `data` the folder or spec of the row. Null where there is nothing to compare: an image that
was rendered while training has no file, a photograph is not drawn, a blank image has no fingerprint."""
REQUIRED = ("product_code", "family", "picture_sha256")
_CHUNK_ROWS = 2000
"""Rows in memory at once."""
_MAX_THREADS = 8

SeenRow = dict[str, Any]


def describe_row(code: str, family: str, image: bytes | None, attributes: Any, data: str) -> SeenRow:
    """Return one line of the list, without its training; `image` is the file, `attributes` those of the product."""
    row: SeenRow = {"product_code": code, "family": family, "drawn_sha256": appearance_sha256(attributes), "data": data}
    return row if image is None else {**row, **_describe_image(image)}


def describe_rows(rows: Iterable[tuple[str, str, bytes | None, Any]], data: str) -> Iterator[SeenRow]:
    """Yield the lines of rows (code, family, image file, attributes), in their order; images are decoded in threads."""
    remaining = iter(rows)
    with ThreadPoolExecutor(min(_MAX_THREADS, os.cpu_count() or 1)) as pool:
        while batch := list(itertools.islice(remaining, _CHUNK_ROWS)):
            yield from pool.map(lambda row: describe_row(*row, data), batch)


def _describe_image(file: bytes) -> SeenRow:
    """Return the hashes of an image file; of a broken one, which training never decoded, only that of the file."""
    row: SeenRow = {"picture_sha256": hashlib.sha256(file).hexdigest()}
    try:
        image = decode_rgb(file)
    except BadImageError:
        return row
    known = fingerprint(image)
    row["pixels_sha256"] = pixel_sha256(image)
    return row if known is None else {**row, "detail": known.levels, "colours": known.colours}


def write_seen(out: Path, rows: Iterable[SeenRow], *, training: str = "", inherited: Sequence[Path] = ()) -> None:
    """Write the rows of a training, and the lines of the folders in `inherited` that other trainings have seen.

    A training that several of these files list is copied from the first of them.
    """
    path, temporary = out / SEEN, out / f"{SEEN}.part"
    with storage_errors(path):
        with pq.ParquetWriter(temporary, SCHEMA, compression="zstd", use_dictionary=["training", "data"]) as writer:
            remaining = iter(rows)
            while batch := [{**row, "training": training} for row in itertools.islice(remaining, _CHUNK_ROWS)]:
                writer.write_table(pa.Table.from_pylist(batch, schema=SCHEMA))
            listed = {training} if training else set[str]()
            for folder in inherited:
                if not (folder / SEEN).is_file():
                    continue
                theirs: set[str] = set()
                for table in read_seen(folder / SEEN, SCHEMA.names, fallback=folder.name):
                    theirs.update(table["training"].unique().to_pylist())
                    known = pa.array(sorted(listed), pa.string())
                    new = table.filter(pc.invert(pc.is_in(table["training"], value_set=known)))
                    if new.num_rows:
                        writer.write_batch(new)
                listed |= theirs
        temporary.replace(path)


def read_seen(path: Path, columns: Sequence[str], *, fallback: str = "") -> Iterator[pa.RecordBatch]:
    """Yield the columns of a list in batches; a column that an older list lacks is null, its training `fallback`.

    Raises ToileError for a damaged list, and for one without code, family and image hash.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as parquet:
            there = parquet.schema_arrow.names
            missing = sorted(set(REQUIRED) - set(there))
            if missing:
                raise ToileError(str(path), f"lacks the column {missing[0]}", "train again")
            for batch in parquet.iter_batches(_CHUNK_ROWS, columns=[name for name in columns if name in there]):
                yield _complete(batch, columns, fallback)
    except (pa.ArrowException, OSError) as error:
        raise ToileError(str(path), f"is damaged: {error}", "train again, or restore the file") from error


def _complete(batch: pa.RecordBatch, columns: Sequence[str], fallback: str) -> pa.RecordBatch:
    """Return the batch with all `columns`, in their order and types."""
    found = []
    for name in columns:
        kind = SCHEMA.field(name).type
        column = batch[name].cast(kind) if name in batch.schema.names else pa.nulls(batch.num_rows, kind)
        found.append(pc.fill_null(column, fallback) if name == "training" else column)
    return pa.RecordBatch.from_arrays(found, schema=pa.schema([SCHEMA.field(name) for name in columns]))
