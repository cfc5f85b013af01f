"""A catalog on disk: Parquet shards by split, a manifest with every file's sha256, a data card; atomic and resumable.

Shard k holds a fixed range of product numbers and writes one file a split, so its bytes depend on nothing but the
inputs and k. A finished shard leaves a receipt; a killed run continues with the shards that have none. Where scenarios
add copies of rows, these lie in shards of their own after those of the products.
"""

import functools
import hashlib
import io
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from generator.catalog.cluster import run_on_cluster
from generator.catalog.masks import encoded_masks, masks_name
from generator.catalog.run_folder import RECEIPTS, claim, finish, held_files, read_receipt, write_receipt
from generator.catalog.sharing import alone_in, check_begun, seen_from_anywhere
from generator.catalog.storage import Folder, folder_of
from generator.catalog.workers import run_in_processes
from generator.faults.inject import has_copy, inject_faults, make_copies
from generator.faults.scenarios import FaultPlan, adds_rows, make_plan
from generator.faults.scoring import encode_part, join_parts, part_name
from generator.render import STUDIO, draw
from generator.render.engine.parts import RenderedParts
from generator.sampling.extra_columns import check_extra_columns, with_extra_columns
from generator.sampling.products import check_codes, compile_catalog, dictionary_rows, rows, sample_splits
from generator.sampling.streams import Index
from schemas.catalog import CatalogSpec
from schemas.errors import ToileError
from schemas.manifest import ExtraFile, Manifest, ShardFile
from schemas.product import ARROW_SCHEMA, IMAGE_TYPE, SPLITS, from_batch
from schemas.util.files import as_document, sha256_of
from schemas.validation import from_document

JPEG_QUALITY = 90
PRODUCTS_PER_SHARD = {True: 500, False: 200_000}
"""With and without pictures. Part of the layout, not of the worker count: the same inputs give the same files."""
ROW_GROUP = {True: 100, False: 50_000}
"""Rows of a row group with and without images: a few megabytes, so that readers can pick rows cheaply."""
SEEN_SECONDS = 90.0
"""How long a shard may be invisible here that another machine has written; NFS keeps listings for a minute."""
SHARDS_COPIED = 10
"""Shards of products whose copies share one shard."""

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateInputs:
    """Everything that decides the bytes of a generated catalog."""

    spec_document: dict[str, Any]
    seed: int
    start: int
    num_products: int
    image_size: int | None
    """Edge of the square pictures in pixels; None for rows without pictures."""
    photo: str = STUDIO
    """How the products are photographed, one of `generator.render.PHOTOS`."""
    masks: bool = False
    """Whether masks, parts and boxes are written beside the pictures."""

    def __post_init__(self) -> None:
        assert self.num_products >= 1, self.num_products
        assert self.start >= 0, self.start
        assert not self.masks or self.image_size is not None, "masks of no pictures"

    @property
    def products_per_shard(self) -> int:
        return PRODUCTS_PER_SHARD[self.image_size is not None]

    @property
    def num_product_shards(self) -> int:
        return -(-self.num_products // self.products_per_shard)

    @property
    def num_shards(self) -> int:
        """Those of the products, then those of their copies."""
        copied = adds_rows(self.spec_document.get("scenarios", {}), images=self.image_size is not None)
        return self.num_product_shards + (-(-self.num_product_shards // SHARDS_COPIED) if copied else 0)

    def shard_range(self, shard: int) -> tuple[int, int]:
        """First product number of a shard and the one after its last; nothing for a shard of copies."""
        first, end = self.start + shard * self.products_per_shard, self.start + self.num_products
        return min(first, end), min(first + self.products_per_shard, end)

    def num_products_of(self, shard: int) -> int:
        """Products of a shard, not their copies."""
        first, end = self.shard_range(shard)
        return end - first

    def copied_ranges(self, shard: int) -> list[tuple[int, int]]:
        """The ranges of the shards whose copies a shard of copies holds."""
        first = (shard - self.num_product_shards) * SHARDS_COPIED
        return [self.shard_range(each) for each in range(first, min(first + SHARDS_COPIED, self.num_product_shards))]

    def as_manifest(self) -> dict[str, Any]:
        """What is as usual is not in it, so that a catalog keeps its manifest when a new choice is born."""
        document = as_document(self)
        unusual = {name: value for name, value in document.items() if (name, value) not in _USUAL.items()}
        return {**unusual, "spec_sha256": sha256_of(self.spec_document)}


_USUAL: dict[str, Any] = {"photo": STUDIO, "masks": False}


def write_shards(
    inputs: GenerateInputs,
    out: Path | str | Folder,
    *,
    num_workers: int = 1,
    cluster: str | None = None,
    force: bool = False,
    progress: Progress = lambda n: None,
) -> tuple[Manifest, bool]:
    """Write the catalog to a folder or URL; returns its manifest, and False when it was already there, finished.

    `num_workers` processes draw, or the Ray cluster at the address `cluster`. `progress` is told the number of products
    of each shard that is done. An unfinished folder of the same inputs is continued (anew, when other versions began
    it); any other folder is refused without `force`, one that toile did not make or that another run writes to always.
    """
    out = folder_of(out)
    check_inputs(inputs)
    with alone_in(out):
        existing = claim(out, "generate", inputs.as_manifest(), inputs.num_shards, force)
        if existing is not None:
            return existing, False
        began, wanted = time.monotonic(), range(inputs.num_shards)
        draw_shards(inputs, wanted, out, num_workers=num_workers, cluster=cluster, progress=progress)
        manifest = complete(inputs, out, began)
        assert manifest is not None, unwritten(inputs, out, wanted)
        return manifest, True


def check_inputs(inputs: GenerateInputs) -> None:
    """Raise a ToileError for a spec that cannot be drawn so often, before anything is written."""
    spec = _spec(json.dumps(inputs.spec_document))
    compile_catalog(spec)
    check_codes(spec, inputs.start + inputs.num_products)
    check_extra_columns(spec)
    plan = _plan(inputs, spec)
    if inputs.masks and plan is not None:
        problem = "with --masks: faulty pictures are not where their masks are"
        raise ToileError("scenarios", problem, "leave one of the two out")


def unwritten(inputs: GenerateInputs, out: Folder, shards: range) -> list[int]:
    """Those of the shards that are not whole with all they have to say."""
    faulty, held = _plan(inputs, _spec(json.dumps(inputs.spec_document))) is not None, held_files(out)
    held |= out.sizes("extra") if inputs.masks else {}
    return [
        shard
        for shard in shards
        if read_receipt(out, shard, held) is None
        or (faulty and part_name(RECEIPTS, shard) not in held)
        or (inputs.masks and masks_name(shard, inputs.num_shards) not in held)
    ]


def draw_shards(
    inputs: GenerateInputs,
    shards: range,
    out: Folder,
    *,
    num_workers: int,
    cluster: str | None,
    progress: Progress = lambda n: None,
) -> list[int]:
    """Write what is missing of these shards of a claimed folder, here or on a cluster; returns which it was."""
    missing = unwritten(inputs, out, shards)
    for shard in sorted(set(shards) - set(missing)):
        progress(inputs.num_products_of(shard))
    if cluster is None:
        arguments = [(inputs, shard, out) for shard in missing]
        done = run_in_processes(write_shard, arguments, num_workers if out.shared else 1)
    else:
        there = seen_from_anywhere(out)
        done = run_on_cluster(write_shard_there, [(inputs, shard, there) for shard in missing], cluster)
    for shard in done:
        progress(inputs.num_products_of(shard))
    if cluster is not None:
        _wait_for(inputs, out, shards)
    return missing


def complete(inputs: GenerateInputs, out: Folder, began: float) -> Manifest | None:
    """Finish a folder whose shards are all there; None, and nothing done, while one is missing."""
    shards = range(inputs.num_shards)
    if unwritten(inputs, out, shards):
        return None
    held = held_files(out)
    files = [entry for shard in shards for entry in read_receipt(out, shard, held) or ()]
    faulty = _plan(inputs, _spec(json.dumps(inputs.spec_document))) is not None
    parts = (part_name(RECEIPTS, shard) for shard in shards)
    extra: tuple[ExtraFile, ...] = (join_parts(parts, out),) if faulty else ()
    if inputs.masks:
        extra = tuple(_listed(out, masks_name(shard, inputs.num_shards)) for shard in shards)
    return finish(out, "generate", inputs.as_manifest(), files, inputs.num_shards, began, extra=extra)


def write_shard_there(inputs: GenerateInputs, shard: int, out: Folder) -> int:
    """`write_shard` on another machine, once that has seen that it writes to the very folder that the run has begun."""
    check_begun(out, inputs.as_manifest(), inputs.num_shards)
    return write_shard(inputs, shard, out)


def write_shard(inputs: GenerateInputs, shard: int, out: Folder) -> int:
    """Write the files of one shard and its receipt: pure, atomic, safe to repeat. Returns the shard number."""
    spec = _spec(json.dumps(inputs.spec_document))
    plan = _plan(inputs, spec)
    if plan is None and inputs.image_size is None:
        write_receipt(out, shard, _write_files(_rows_by_split(inputs, spec, shard), out, shard, inputs.num_shards))
        return shard
    masks: list[tuple[str, RenderedParts]] = []
    if shard < inputs.num_product_shards:
        table, lines = _products(inputs, spec, plan, np.arange(*inputs.shard_range(shard)), masks)
    else:
        assert plan is not None, "only scenarios have copies"
        table, lines = _copies(inputs, spec, plan, shard)
    entries = write_split_files(table, out, shard, inputs.num_shards)
    if plan is not None:
        files = {entry.split: entry.path for entry in entries}
        out.write(part_name(RECEIPTS, shard), encode_part([{**line, "file": files[line["split"]]} for line in lines]))
    if inputs.masks:
        out.write(masks_name(shard, inputs.num_shards), encoded_masks(masks))
    write_receipt(out, shard, entries)
    return shard


def _rows_by_split(inputs: GenerateInputs, spec: CatalogSpec, shard: int) -> Iterator[tuple[str, list[pa.Table]]]:
    """Yield, for each split, the rows of a shard without images, a table for each row group."""
    index_N = np.arange(*inputs.shard_range(shard))
    split_N = sample_splits(spec, inputs.seed, index_N)
    for number, split in enumerate(SPLITS):
        of_split_N = index_N[split_N == number]
        groups = range(0, len(of_split_N), ROW_GROUP[False])
        yield split, (_row_group(inputs, spec, number, of_split_N[k : k + ROW_GROUP[False]]) for k in groups)


def _row_group(inputs: GenerateInputs, spec: CatalogSpec, split: int, index_N: Index) -> pa.Table:
    batch = dictionary_rows(spec, inputs.seed, index_N, np.full(len(index_N), split))
    table = pa.Table.from_batches([with_pictures(batch, inputs)])
    return with_extra_columns(table, spec, inputs.seed, index_N)


def product_table(inputs: GenerateInputs, index_N: Index) -> pa.Table:
    """The rows of any product numbers of the catalog as they are stored, faults and pictures included."""
    spec = _spec(json.dumps(inputs.spec_document))
    return _products(inputs, spec, _plan(inputs, spec), index_N)[0]


def _products(
    inputs: GenerateInputs,
    spec: CatalogSpec,
    plan: FaultPlan | None,
    index_N: Index,
    masks: list[tuple[str, RenderedParts]] | None = None,
) -> tuple[pa.Table, list[dict[str, Any]]]:
    """The rows of products, and what is faulty among them; where the inputs ask for masks, these go into `masks`."""
    batch = rows(spec, inputs.seed, index_N)
    table = pa.Table.from_batches([with_pictures(batch, inputs, masks)])
    table = with_extra_columns(table, spec, inputs.seed, index_N)
    return (table, []) if plan is None else inject_faults(plan, table, index_N, plan.select_rows(batch, index_N))


def _copies(
    inputs: GenerateInputs, spec: CatalogSpec, plan: FaultPlan, shard: int
) -> tuple[pa.Table, list[dict[str, Any]]]:
    """The rows of a shard of copies, all of them faults; the pictures of no other rows are drawn."""
    tables, lines = [], []
    for first, last in inputs.copied_ranges(shard):
        index_N = np.arange(first, last)
        batch = rows(spec, inputs.seed, index_N)
        kind_N = plan.select_rows(batch, index_N)
        copied_N = np.flatnonzero(has_copy(kind_N))
        originals = pa.Table.from_batches([with_pictures(batch.take(pa.array(copied_N)), inputs)])
        originals = with_extra_columns(originals, spec, inputs.seed, index_N[copied_N])
        table, told = make_copies(plan, originals, index_N[copied_N], kind_N[copied_N])
        tables.append(table)
        lines += told
    return pa.concat_tables(tables), lines


def with_pictures(
    batch: pa.RecordBatch, inputs: GenerateInputs, masks: list[tuple[str, RenderedParts]] | None = None
) -> pa.RecordBatch:
    """The batch in the full column order, each row with its drawn picture as JPEG (or null)."""
    columns = {name: batch.column(name) for name in batch.schema.names}
    columns["image"] = pa.nulls(batch.num_rows, IMAGE_TYPE)
    if inputs.image_size is not None:
        pictures = []
        for product in from_batch(batch):
            if inputs.masks and masks is not None:
                parts = draw(product, inputs.image_size, inputs.photo, parts=True)
                masks.append((product.product_code, parts))
                picture = parts.image
            else:
                picture = draw(product, inputs.image_size, inputs.photo)
            pictures.append({"bytes": jpeg(picture), "path": f"{product.product_code}.jpg"})
        columns["image"] = pa.array(pictures, IMAGE_TYPE)
    fields = [field.with_type(columns[field.name].type) for field in ARROW_SCHEMA]
    schema = pa.schema(fields, ARROW_SCHEMA.metadata)
    return pa.RecordBatch.from_arrays([columns[name] for name in ARROW_SCHEMA.names], schema=schema)


def jpeg(picture: Any) -> bytes:
    """The encoded file; quality and subsampling are fixed because the bytes are part of the contract."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()


def write_split_files(table: pa.Table, out: Folder, shard: int, num_shards: int) -> list[ShardFile]:
    """Write one Parquet file for each split that has rows; each is complete or absent."""
    parts = ((split, table.filter(pc.equal(table["split"], split))) for split in SPLITS)
    return _write_files(((split, [part]) for split, part in parts if part.num_rows), out, shard, num_shards)


def _write_files(
    parts: Iterable[tuple[str, Iterable[pa.Table]]], out: Folder, shard: int, num_shards: int
) -> list[ShardFile]:
    """Write a file for each split, given its rows, and return the manifest's entries."""
    entries = []
    for split, tables in parts:
        content, num_rows = to_parquet(tables)
        if not num_rows:
            continue
        name = f"data/{split}-{shard:05d}-of-{num_shards:05d}.parquet"
        out.write(name, content)
        sha256 = hashlib.sha256(content).hexdigest()
        entries.append(ShardFile(path=name, split=split, num_rows=num_rows, num_bytes=len(content), sha256=sha256))
    return entries


CODECS_OF_UNIQUE = {
    "itemurl": "snappy",
    "attributes": "snappy",
    "product_code": "zstd",
    "imageurl": "zstd",
    "family": "zstd",
}
"""Codecs of the columns with hardly a value twice, which have neither a dictionary nor statistics.

Measured with benchmarks/generate.py: snappy takes half of zstd's time for long texts, and zstd halves random digits.
"""
PAGE_BYTES = 1 << 18
_VALUES_AT_ONCE = 16_384


def to_parquet(tables: Iterable[pa.Table]) -> tuple[bytes, int]:
    """Return the Parquet file of some tables, each at least one row group, and its number of rows.

    Readers see plain columns: which tables had dictionaries is not in the file. Pages have checksums and an index.
    """
    sink, num_rows, writer = pa.BufferOutputStream(), 0, None
    for table in tables:
        if writer is None:
            names = [*_leaf_names(table.schema)]
            repeating = [name for name in names if name not in CODECS_OF_UNIQUE and not name.startswith("image.")]
            writer = pq.ParquetWriter(
                sink,
                table.schema.remove_metadata(),
                compression={**dict.fromkeys(names, "snappy"), **CODECS_OF_UNIQUE},
                use_dictionary=repeating,
                column_encoding={"imageurl": "DELTA_BYTE_ARRAY"},  # each repeats the start of the one before it
                write_statistics=repeating,
                write_page_index=True,
                write_page_checksum=True,
                write_batch_size=_VALUES_AT_ONCE,
                data_page_size=PAGE_BYTES,
                store_schema=False,  # it would name the dictionaries
            )
            writer.add_key_value_metadata(table.schema.metadata or {})
        has_images = table["image"].null_count < table.num_rows
        writer.write_table(table.replace_schema_metadata(None), row_group_size=ROW_GROUP[has_images])
        num_rows += table.num_rows
    if writer is not None:
        writer.close()
    return sink.getvalue().to_pybytes(), num_rows


def _leaf_names(schema: pa.Schema) -> Iterator[str]:
    """Yield the names of the columns as Parquet counts them."""
    for each in schema:
        if pa.types.is_struct(each.type):
            yield from (f"{each.name}.{inner.name}" for inner in each.type)
        else:
            yield each.name


def _listed(out: Folder, name: str) -> ExtraFile:
    """What the manifest says of a table beside the products."""
    content = out.read(name)
    assert content is not None, name
    num_rows = pq.ParquetFile(io.BytesIO(content)).metadata.num_rows
    digest = hashlib.sha256(content).hexdigest()
    return ExtraFile(path=name, num_rows=num_rows, num_bytes=len(content), sha256=digest)


def _wait_for(inputs: GenerateInputs, out: Folder, shards: range) -> None:
    """Until shards that other machines have written are seen here; a network's disk may show them late."""
    began = time.monotonic()
    while missing := unwritten(inputs, out, shards):
        if time.monotonic() - began > SEEN_SECONDS:
            problem = f"lacks {len(missing)} of the shards that the workers have written"
            raise ToileError(out.where(), problem, "write to a folder that every machine sees, or to an s3:// URL")
        time.sleep(0.5)


@functools.lru_cache(maxsize=4)
def _spec(document: str) -> CatalogSpec:
    """The spec of a JSON document; checked once a process, not once a shard."""
    spec: CatalogSpec = from_document(json.loads(document), "catalog")
    return spec


def _plan(inputs: GenerateInputs, spec: CatalogSpec) -> FaultPlan | None:
    """What the scenarios of the spec do to these products."""
    return make_plan(
        spec,
        seed=inputs.seed,
        start=inputs.start,
        num_products=inputs.num_products,
        images=inputs.image_size is not None,
    )
