"""Generate a catalog on disk: Parquet shards by split, a manifest with every file's sha256, a data card.

    inputs = GenerateInputs(spec_document=document, seed=0, start=0, num_products=500, image_size=336)
    manifest, written = write_shards(inputs, "data/luxury", num_workers=8)

Shard k contains a fixed range of product numbers and writes one file for each split, so its bytes depend only on the
inputs and k. A finished shard leaves a marker, and a run that was killed continues with the shards that have none.
Where scenarios add copies of rows, the copies are in shards of their own after those of the products.

With masks, one more file a shard has the ground truth of its images: the mask, the parts and the box of each product.

    for masks in read_masks(Path("data/luxury/extra/masks-00000-of-00001.parquet")):
        print(masks.product_code, masks.box)

`read_masks` returns arrays; other readers of Parquet find two PNG images in each row.
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
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image

from generator.catalog.parallel import report, run_in_processes, run_on_cluster
from generator.catalog.run_folder import (
    MARKERS,
    check_same_run,
    exclusive_lock,
    finish,
    list_files,
    open_or_resume,
    read_marker,
    resolve_absolute,
    write_marker,
)
from generator.catalog.storage import Folder, resolve_folder
from generator.faults.inject import has_copy, inject_faults, make_copies
from generator.faults.scenarios import FaultPlan, adds_rows, make_plan
from generator.faults.scoring import encode_part, join_parts, part_name
from generator.render import STUDIO, draw
from generator.render.engine.parts import RenderedParts
from generator.sampling.extra_columns import add_extra_columns, check_extra_columns
from generator.sampling.products import check_codes, compile_catalog, dictionary_rows, rows, sample_splits
from generator.sampling.streams import Index
from schemas.catalog import CatalogSpec
from schemas.errors import BROKEN_IMAGE_ERRORS, ToileError
from schemas.evaluation import SPLITS
from schemas.manifest import ExtraFile, Manifest, ShardFile, check_extra
from schemas.product import ARROW_SCHEMA, IMAGE_TYPE, from_batch
from schemas.util.files import as_document, sha256_of
from schemas.validation import from_document

Pixels = npt.NDArray[np.uint8]
MASKS_SCHEMA = pa.schema(
    [
        ("product_code", pa.string()),
        ("mask", IMAGE_TYPE),  # grey: cover of the product, 0 to 255
        ("parts", IMAGE_TYPE),  # grey: the number of the part, 0 is the background
        ("names", pa.list_(pa.string())),  # of the numbers
        ("box", pa.list_(pa.int32(), 4)),  # x0, y0, x1, y1 in pixels, x1 and y1 just outside
    ]
)
JPEG_QUALITY = 90
PRODUCTS_PER_SHARD = {True: 500, False: 200_000}
"""With and without images. Independent of the number of workers, so that the same inputs give the same files."""
ROW_GROUP = {True: 100, False: 100_000}
"""Rows of a row group with and without images: a few megabytes, so that readers can pick rows cheaply."""
CODECS_OF_UNIQUE = {
    "product_code": "zstd",
    "itemurl": "snappy",
    "imageurl": "zstd",
    "family": "zstd",
    "attributes": "snappy",
}
"""The columns whose values hardly repeat: they have no dictionary and no statistics.

Measured with benchmarks/generate.py: zstd halves random digits, and snappy takes half of zstd's time for long texts.
"""
PAGE_BYTES = 1 << 18
_VALUES_AT_ONCE = 16_384
VISIBLE_SECONDS = 90.0
"""How long a shard of another machine may be invisible here; NFS caches directory listings for a minute."""
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
    """Longer edge of the images in pixels; None for rows without images."""
    photo: str = STUDIO
    """How the products are photographed, one of `generator.render.PHOTOS`."""
    masks: bool = False
    """Whether masks, parts and boxes of the images are written to `extra/`."""

    def __post_init__(self) -> None:
        assert self.num_products >= 1, self.num_products
        assert self.start >= 0, self.start
        assert not self.masks or self.image_size is not None, "masks need images"

    @property
    def products_per_shard(self) -> int:
        return PRODUCTS_PER_SHARD[self.image_size is not None]

    @property
    def num_product_shards(self) -> int:
        return -(-self.num_products // self.products_per_shard)

    @property
    def num_shards(self) -> int:
        """Number of shards of the products and of their copies."""
        copied = adds_rows(self.spec_document.get("scenarios", {}), images=self.image_size is not None)
        return self.num_product_shards + (-(-self.num_product_shards // SHARDS_COPIED) if copied else 0)

    def shard_range(self, shard: int) -> tuple[int, int]:
        """Return the first product number of a shard and the one after its last; empty for a shard of copies."""
        first, end = self.start + shard * self.products_per_shard, self.start + self.num_products
        return min(first, end), min(first + self.products_per_shard, end)

    def num_products_of(self, shard: int) -> int:
        """Return the number of products of a shard, without copies."""
        first, end = self.shard_range(shard)
        return end - first

    def copied_ranges(self, shard: int) -> list[tuple[int, int]]:
        """Return the product ranges of the shards whose copies are in a shard of copies."""
        first = (shard - self.num_product_shards) * SHARDS_COPIED
        return [self.shard_range(each) for each in range(first, min(first + SHARDS_COPIED, self.num_product_shards))]

    def as_manifest(self) -> dict[str, Any]:
        """Return the inputs for the manifest; defaults are omitted, so new options do not change old manifests."""
        document = as_document(self)
        changed = {name: value for name, value in document.items() if (name, value) not in _DEFAULTS.items()}
        return {**changed, "spec_sha256": sha256_of(self.spec_document)}


_DEFAULTS: dict[str, Any] = {"photo": STUDIO, "masks": False}


def write_shards(
    inputs: GenerateInputs,
    out: Path | str | Folder,
    *,
    num_workers: int = 1,
    cluster: str | None = None,
    force: bool = False,
    progress: Progress = lambda n: None,
) -> tuple[Manifest, bool]:
    """Write the catalog to a folder or URL; return its manifest, and False if it was already there and finished.

    An unfinished folder of the same inputs is continued, or started again if other versions started it.

    Args:
        inputs: everything that decides the bytes.
        out: a folder or a URL.
        num_workers: number of processes.
        cluster: address of a Ray cluster that renders instead.
        force: replace a catalog of other inputs.
        progress: called with the number of products just finished.

    Raises:
        ToileError: `out` contains another catalog (without `force`) or files that toile did not make, or another run
            writes there.
    """
    out = resolve_folder(out)
    check_inputs(inputs)
    with exclusive_lock(out):
        existing = open_or_resume(out, "generate", inputs.as_manifest(), inputs.num_shards, force)
        if existing is not None:
            return existing, False
        began, wanted = time.monotonic(), range(inputs.num_shards)
        generate_shards(inputs, wanted, out, num_workers=num_workers, cluster=cluster, progress=progress)
        manifest = finalize(inputs, out, began)
        assert manifest is not None, pending_shards(inputs, out, wanted)
        return manifest, True


def check_inputs(inputs: GenerateInputs) -> None:
    """Raise ToileError for a spec that cannot give so many products, before anything is written."""
    spec = _load_spec(json.dumps(inputs.spec_document))
    compile_catalog(spec)
    check_codes(spec, inputs.start + inputs.num_products)
    check_extra_columns(spec)
    plan = _plan_faults(inputs, spec)
    if inputs.masks and plan is not None:
        problem = "with --masks: masks do not match faulty images"
        raise ToileError("scenarios", problem, "leave one of the two out")


def pending_shards(inputs: GenerateInputs, out: Folder, shards: range) -> list[int]:
    """Return those of the shards that are not complete, with their faults and masks."""
    faulty, held = _plan_faults(inputs, _load_spec(json.dumps(inputs.spec_document))) is not None, list_files(out)
    held |= out.sizes("extra") if inputs.masks else {}
    return [
        shard
        for shard in shards
        if read_marker(out, shard, held) is None
        or (faulty and part_name(MARKERS, shard) not in held)
        or (inputs.masks and masks_file(shard, inputs.num_shards) not in held)
    ]


def generate_shards(
    inputs: GenerateInputs,
    shards: range,
    out: Folder,
    *,
    num_workers: int,
    cluster: str | None,
    progress: Progress = lambda n: None,
) -> list[int]:
    """Write the missing ones of these shards to an opened folder, here or on a cluster; return their numbers."""
    missing = pending_shards(inputs, out, shards)
    for shard in sorted(set(shards) - set(missing)):
        progress(inputs.num_products_of(shard))
    if cluster is None:
        left = sum(map(inputs.num_products_of, missing))

        def count(number: int) -> None:
            nonlocal left
            number = min(number, left)  # a task that was killed and started again counts some products twice
            left -= number
            progress(number)

        arguments = [(inputs, shard, out) for shard in missing]
        for _ in run_in_processes(write_shard, arguments, num_workers if out.shared else 1, count):
            pass
        progress(left)
    else:
        absolute = resolve_absolute(out)
        for shard in run_on_cluster(write_shard_worker, [(inputs, shard, absolute) for shard in missing], cluster):
            progress(inputs.num_products_of(shard))
        _wait_until_visible(inputs, out, shards)
    return missing


def finalize(inputs: GenerateInputs, out: Folder, began: float) -> Manifest | None:
    """Finish a folder whose shards are all complete; return None, and do nothing, while one is missing."""
    shards = range(inputs.num_shards)
    if pending_shards(inputs, out, shards):
        return None
    held = list_files(out)
    files = [entry for shard in shards for entry in read_marker(out, shard, held) or ()]
    faulty = _plan_faults(inputs, _load_spec(json.dumps(inputs.spec_document))) is not None
    extra: tuple[ExtraFile, ...] = (join_parts((part_name(MARKERS, shard) for shard in shards), out),) if faulty else ()
    if inputs.masks:
        extra = tuple(_describe_extra(out, masks_file(shard, inputs.num_shards)) for shard in shards)
    return finish(out, "generate", inputs.as_manifest(), files, inputs.num_shards, began, extra=extra)


def write_shard_worker(inputs: GenerateInputs, shard: int, out: Folder) -> int:
    """Run `write_shard` on another machine, after checking that it sees the folder which the run has started."""
    check_same_run(out, inputs.as_manifest(), inputs.num_shards)
    return write_shard(inputs, shard, out)


def write_shard(inputs: GenerateInputs, shard: int, out: Folder) -> int:
    """Write the files of one shard and its marker: pure, atomic, safe to repeat. Return the shard number."""
    spec = _load_spec(json.dumps(inputs.spec_document))
    plan = _plan_faults(inputs, spec)
    masks: list[tuple[str, RenderedParts]] = []
    lines: list[dict[str, Any]] = []
    if plan is None and inputs.image_size is None:
        entries = _write_files(_rows_by_split(inputs, spec, shard), out, shard, inputs.num_shards)
    else:
        if shard < inputs.num_product_shards:
            table, lines = _build_products(inputs, spec, plan, np.arange(*inputs.shard_range(shard)), masks)
        else:
            assert plan is not None, "only scenarios have copies"
            table, lines = _build_copies(inputs, spec, plan, shard)
        entries = write_split_files(table, out, shard, inputs.num_shards)
    if plan is not None:
        files = {entry.split: entry.path for entry in entries}
        out.write(part_name(MARKERS, shard), encode_part([{**line, "file": files[line["split"]]} for line in lines]))
    if inputs.masks:
        out.write(masks_file(shard, inputs.num_shards), encode_masks(masks))
    write_marker(out, shard, entries)
    return shard


def build_table(inputs: GenerateInputs, index_N: Index) -> pa.Table:
    """Return the rows of any product numbers of the catalog as they are stored, with faults and images."""
    spec = _load_spec(json.dumps(inputs.spec_document))
    return _build_products(inputs, spec, _plan_faults(inputs, spec), index_N)[0]


def _rows_by_split(inputs: GenerateInputs, spec: CatalogSpec, shard: int) -> Iterator[tuple[str, Iterator[pa.Table]]]:
    """Yield each split and the rows of a shard without images, one table for each row group."""
    index_N = np.arange(*inputs.shard_range(shard))
    split_N = sample_splits(spec, inputs.seed, index_N)
    for number, split in enumerate(SPLITS):
        yield split, _row_groups(inputs, spec, number, index_N[split_N == number])


def _row_groups(inputs: GenerateInputs, spec: CatalogSpec, split: int, index_N: Index) -> Iterator[pa.Table]:
    for first in range(0, len(index_N), ROW_GROUP[False]):
        group_N = index_N[first : first + ROW_GROUP[False]]
        batch = dictionary_rows(spec, inputs.seed, group_N, np.full(len(group_N), split))
        table = pa.Table.from_batches([add_images(batch, inputs)])
        yield add_extra_columns(table, spec, inputs.seed, group_N)


def _build_products(
    inputs: GenerateInputs,
    spec: CatalogSpec,
    plan: FaultPlan | None,
    index_N: Index,
    masks: list[tuple[str, RenderedParts]] | None = None,
) -> tuple[pa.Table, list[dict[str, Any]]]:
    """Return the rows of products and the lines of their faults; append their masks where the inputs ask for masks."""
    batch = rows(spec, inputs.seed, index_N)
    table = pa.Table.from_batches([add_images(batch, inputs, masks)])
    table = add_extra_columns(table, spec, inputs.seed, index_N)
    return (table, []) if plan is None else inject_faults(plan, table, index_N, plan.select_rows(batch, index_N))


def _build_copies(
    inputs: GenerateInputs, spec: CatalogSpec, plan: FaultPlan, shard: int
) -> tuple[pa.Table, list[dict[str, Any]]]:
    """Return the rows of a shard of copies, which are all faults; images of other rows are not rendered."""
    tables, lines = [], []
    for first, last in inputs.copied_ranges(shard):
        index_N = np.arange(first, last)
        batch = rows(spec, inputs.seed, index_N)
        kind_N = plan.select_rows(batch, index_N)
        copied_N = np.flatnonzero(has_copy(kind_N))
        originals = pa.Table.from_batches([add_images(batch.take(pa.array(copied_N)), inputs, progress=_ignore)])
        originals = add_extra_columns(originals, spec, inputs.seed, index_N[copied_N])
        table, new_lines = make_copies(plan, originals, index_N[copied_N], kind_N[copied_N])
        tables.append(table)
        lines += new_lines
    return pa.concat_tables(tables), lines


def add_images(
    batch: pa.RecordBatch,
    inputs: GenerateInputs,
    masks: list[tuple[str, RenderedParts]] | None = None,
    progress: Progress = report,
) -> pa.RecordBatch:
    """Return the batch in the full column order, each row with its rendered JPEG image (or null)."""
    columns = {name: batch.column(name) for name in batch.schema.names}
    columns["image"] = pa.nulls(batch.num_rows, IMAGE_TYPE)
    if inputs.image_size is not None:
        images = []
        for product in from_batch(batch):
            if inputs.masks and masks is not None:
                parts = draw(product, inputs.image_size, inputs.photo, parts=True)
                masks.append((product.product_code, parts))
                image = parts.image
            else:
                image = draw(product, inputs.image_size, inputs.photo)
            images.append({"bytes": encode_jpeg(image), "path": f"{product.product_code}.jpg"})
            progress(1)
        columns["image"] = pa.array(images, IMAGE_TYPE)
    else:
        progress(batch.num_rows)
    fields = [field.with_type(columns[field.name].type) for field in ARROW_SCHEMA]
    schema = pa.schema(fields, ARROW_SCHEMA.metadata)
    return pa.RecordBatch.from_arrays([columns[name] for name in ARROW_SCHEMA.names], schema=schema)


def _ignore(number: int) -> None:
    """Report nothing: copies are rendered again, and counted once."""


def encode_jpeg(image: Any) -> bytes:
    """Return the encoded file; quality and subsampling are fixed because the bytes are part of the contract."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
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


def _describe_extra(out: Folder, name: str) -> ExtraFile:
    """Return the manifest's entry of an extra table."""
    content = out.read(name)
    assert content is not None, name
    num_rows = pq.ParquetFile(io.BytesIO(content)).metadata.num_rows
    digest = hashlib.sha256(content).hexdigest()
    return ExtraFile(path=name, num_rows=num_rows, num_bytes=len(content), sha256=digest)


def _wait_until_visible(inputs: GenerateInputs, out: Folder, shards: range) -> None:
    """Wait until the shards of other machines are visible here; a network file system may show them late."""
    began = time.monotonic()
    while missing := pending_shards(inputs, out, shards):
        if time.monotonic() - began > VISIBLE_SECONDS:
            problem = f"lacks {len(missing)} of the shards that the workers have written"
            raise ToileError(out.where(), problem, "write to a folder that every machine sees, or to an s3:// URL")
        time.sleep(0.5)


@functools.lru_cache(maxsize=4)
def _load_spec(document: str) -> CatalogSpec:
    """Return the spec of a JSON document; it is checked once a process, not once a shard."""
    spec: CatalogSpec = from_document(json.loads(document), "catalog")
    return spec


def _plan_faults(inputs: GenerateInputs, spec: CatalogSpec) -> FaultPlan | None:
    """Return what the scenarios of the spec do to these products; None for a spec without scenarios."""
    return make_plan(
        spec,
        seed=inputs.seed,
        start=inputs.start,
        num_products=inputs.num_products,
        images=inputs.image_size is not None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Masks:
    """Where a product is in its image."""

    product_code: str
    mask: Pixels
    """Cover of the product, 0 to 255, shape (h, w)."""
    part_ids: Pixels
    """The number of the part at each pixel, 0 is the background; shape (h, w)."""
    names: tuple[str, ...]
    """The name of each number."""
    box: tuple[int, int, int, int]
    """x0, y0, x1, y1 in pixels, x1 and y1 just outside."""


def masks_file(shard: int, num_shards: int) -> str:
    """Return the name of the file of one shard, relative to the folder."""
    return f"extra/masks-{shard:05d}-of-{num_shards:05d}.parquet"


def encode_masks(drawn: Iterable[tuple[str, RenderedParts]]) -> bytes:
    """Return the Parquet file of some products, given with their product codes."""
    rows = [
        {
            "product_code": code,
            "mask": {"bytes": _encode_png(parts.mask), "path": f"{code}.png"},
            "parts": {"bytes": _encode_png(parts.part_ids), "path": f"{code}-parts.png"},
            "names": list(parts.names),
            "box": list(parts.box),
        }
        for code, parts in drawn
    ]
    file = io.BytesIO()
    pq.write_table(
        pa.Table.from_pylist(rows, MASKS_SCHEMA), file, row_group_size=100, compression="zstd", write_page_checksum=True
    )
    return file.getvalue()


def read_masks(path: Path) -> Iterator[Masks]:
    """Yield the masks of a file from `toile generate --masks`; raise ToileError for a damaged or another file."""
    check_extra(path)
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for batch in file.iter_batches(100, columns=MASKS_SCHEMA.names):
                for row in batch.to_pylist():
                    yield Masks(
                        product_code=row["product_code"],
                        mask=_decode_png(row["mask"]["bytes"]),
                        part_ids=_decode_png(row["parts"]["bytes"]),
                        names=tuple(row["names"]),
                        box=tuple(row["box"]),
                    )
    except (pa.ArrowException, *BROKEN_IMAGE_ERRORS, Image.DecompressionBombError) as error:
        raise ToileError(str(path), f"contains no masks: {error}", "make the catalog again with --masks") from error


def _encode_png(pixels: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=6)
    return file.getvalue()


def _decode_png(png: bytes) -> Pixels:
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        return np.asarray(image.convert("L"), np.uint8)
