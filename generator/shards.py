"""A catalog on disk: Parquet shards by split, a manifest with every file's sha256, a data card; atomic and resumable.

Shard k holds a fixed range of product numbers and writes one file a split, so its bytes depend on nothing but the
inputs and k. A finished shard leaves a receipt; a killed run continues with the shards that have none. Where scenarios
add copies of rows, these lie in shards of their own after those of the products.
"""

import functools
import hashlib
import io
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from generator.data_card import data_card
from generator.extra_columns import check_extra_columns, with_extra_columns
from generator.faults.fault_table import FAULTS, encoded, join, part_path
from generator.faults.faulty_rows import copies, is_copied, with_faults
from generator.faults.scenarios import Plan, adds_rows, plan_of
from generator.product_function import check_codes, compile_catalog, rows
from generator.render import draw
from generator.streams import Index
from generator.workers import run_in_processes
from schemas.border import storage_errors
from schemas.catalog import CatalogSpec
from schemas.errors import ToileError
from schemas.manifest import (
    MANIFEST,
    ExtraFile,
    Manifest,
    ShardFile,
    as_document,
    load_manifest,
    sha256_of,
    versions,
    write_json,
)
from schemas.product import ARROW_SCHEMA, SPLITS, from_batch, shard_files
from schemas.specs import from_document

RECEIPTS = ".receipts"
ROW_GROUP = {True: 100, False: 10_000}
"""Rows of a Parquet row group with and without pictures: a few megabytes, so that readers can pick rows cheaply."""
JPEG_QUALITY = 90
PRODUCTS_PER_SHARD = {True: 500, False: 50_000}
"""With and without pictures. Part of the layout, not of the worker count: the same inputs give the same files."""
FETCHED_LISTS = ("extra/fetched.jsonl", "extra/coverage.json")
"""What a fetch says beside its shards."""
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

    def __post_init__(self) -> None:
        assert self.num_products >= 1, self.num_products
        assert self.start >= 0, self.start

    @property
    def products_per_shard(self) -> int:
        return PRODUCTS_PER_SHARD[self.image_size is not None]

    @property
    def num_product_shards(self) -> int:
        return -(-self.num_products // self.products_per_shard)

    @property
    def num_shards(self) -> int:
        """Those of the products, then those of their copies."""
        copied = adds_rows(self.spec_document.get("scenarios", {}), pictures=self.image_size is not None)
        return self.num_product_shards + (-(-self.num_product_shards // SHARDS_COPIED) if copied else 0)

    def shard_range(self, shard: int) -> tuple[int, int]:
        """First product number of a shard and the one after its last; nothing for a shard of copies."""
        first, end = self.start + shard * self.products_per_shard, self.start + self.num_products
        return min(first, end), min(first + self.products_per_shard, end)

    def copied_ranges(self, shard: int) -> list[tuple[int, int]]:
        """The ranges of the shards whose copies a shard of copies holds."""
        first = (shard - self.num_product_shards) * SHARDS_COPIED
        return [self.shard_range(each) for each in range(first, min(first + SHARDS_COPIED, self.num_product_shards))]

    def as_manifest(self) -> dict[str, Any]:
        return {**as_document(self), "spec_sha256": sha256_of(self.spec_document)}


def write_shards(
    inputs: GenerateInputs, out: Path, *, num_workers: int = 1, force: bool = False, progress: Progress = lambda n: None
) -> tuple[Manifest, bool]:
    """Write the catalog to the folder `out`; returns its manifest, and False when it was already there, finished.

    `progress` is told the number of products of each shard that is done. An unfinished folder of the same inputs is
    continued (anew, when other versions began it); any other folder is refused without `force`, and a folder that toile
    did not make is refused always.
    """
    spec = _spec(json.dumps(inputs.spec_document))
    compile_catalog(spec)
    check_codes(spec, inputs.start + inputs.num_products)
    check_extra_columns(spec)
    plan = _plan(inputs, spec)
    existing = claim(out, "generate", inputs.as_manifest(), inputs.num_shards, force)
    if existing is not None:
        return existing, False
    began = time.monotonic()
    pending = []
    for shard in range(inputs.num_shards):
        told = plan is None or part_path(out / RECEIPTS, shard).is_file()
        if read_receipt(out, shard) is None or not told:
            pending.append((inputs, shard, out))
        else:
            first, last = inputs.shard_range(shard)
            progress(last - first)
    for shard in run_in_processes(write_shard, pending, num_workers):
        first, last = inputs.shard_range(shard)
        progress(last - first)
    files = [entry for shard in range(inputs.num_shards) for entry in read_receipt(out, shard) or ()]
    parts = [part_path(out / RECEIPTS, shard) for shard in range(inputs.num_shards)]
    extra = () if plan is None else (join(parts, out / FAULTS),)
    manifest = finish(out, "generate", inputs.as_manifest(), files, inputs.num_shards, began, extra=extra)
    return manifest, True


def write_shard(inputs: GenerateInputs, shard: int, out: Path) -> int:
    """Write the files of one shard and its receipt: pure, atomic, safe to repeat. Returns the shard number."""
    spec = _spec(json.dumps(inputs.spec_document))
    plan = _plan(inputs, spec)
    if shard < inputs.num_product_shards:
        table, lines = _products(inputs, spec, plan, np.arange(*inputs.shard_range(shard)))
    else:
        assert plan is not None, "only scenarios have copies"
        table, lines = _copies(inputs, spec, plan, shard)
    entries = write_split_files(table, out, shard, inputs.num_shards)
    if plan is not None:
        files = {entry.split: entry.path for entry in entries}
        write_whole(
            part_path(out / RECEIPTS, shard), encoded([{**line, "file": files[line["split"]]} for line in lines])
        )
    write_receipt(out, shard, entries)
    return shard


def product_table(inputs: GenerateInputs, index_N: Index) -> pa.Table:
    """The rows of any product numbers of the catalog as they are stored, faults and pictures included."""
    spec = _spec(json.dumps(inputs.spec_document))
    return _products(inputs, spec, _plan(inputs, spec), index_N)[0]


def _products(
    inputs: GenerateInputs, spec: CatalogSpec, plan: Plan | None, index_N: Index
) -> tuple[pa.Table, list[dict[str, Any]]]:
    """The rows of products, and what is faulty among them."""
    batch = rows(spec, inputs.seed, index_N)
    table = pa.Table.from_batches([with_pictures(batch, inputs.image_size)])
    table = with_extra_columns(table, spec, inputs.seed, index_N)
    return (table, []) if plan is None else with_faults(plan, table, index_N, plan.struck(batch, index_N))


def _copies(inputs: GenerateInputs, spec: CatalogSpec, plan: Plan, shard: int) -> tuple[pa.Table, list[dict[str, Any]]]:
    """The rows of a shard of copies, all of them faults; the pictures of no other rows are drawn."""
    tables, lines = [], []
    for first, last in inputs.copied_ranges(shard):
        index_N = np.arange(first, last)
        batch = rows(spec, inputs.seed, index_N)
        kind_N = plan.struck(batch, index_N)
        copied_N = np.flatnonzero(is_copied(kind_N))
        originals = pa.Table.from_batches([with_pictures(batch.take(pa.array(copied_N)), inputs.image_size)])
        originals = with_extra_columns(originals, spec, inputs.seed, index_N[copied_N])
        table, told = copies(plan, originals, index_N[copied_N], kind_N[copied_N])
        tables.append(table)
        lines += told
    return pa.concat_tables(tables), lines


def with_pictures(batch: pa.RecordBatch, image_size: int | None) -> pa.RecordBatch:
    """The batch in the full column order, each row with its drawn picture as JPEG (or null)."""
    pictures: list[dict[str, Any] | None] = [None] * batch.num_rows
    if image_size is not None:
        drawn = ((product.product_code, draw(product, image_size)) for product in from_batch(batch))
        pictures = [{"bytes": jpeg(picture), "path": f"{code}.jpg"} for code, picture in drawn]
    columns = {name: batch.column(name) for name in batch.schema.names}
    columns["image"] = pa.array(pictures, ARROW_SCHEMA.field("image").type)
    return pa.RecordBatch.from_arrays([columns[name] for name in ARROW_SCHEMA.names], schema=ARROW_SCHEMA)


def jpeg(picture: Any) -> bytes:
    """The encoded file; quality and subsampling are fixed because the bytes are part of the contract."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()


def write_split_files(table: pa.Table, out: Path, shard: int, num_shards: int) -> list[ShardFile]:
    """One Parquet file for each split that has rows, each written aside and then renamed."""
    entries = []
    for split in SPLITS:
        part = table.filter(pc.equal(table["split"], split))
        if part.num_rows == 0:
            continue
        path = out / "data" / f"{split}-{shard:05d}-of-{num_shards:05d}.parquet"
        with storage_errors(path):
            buffer = io.BytesIO()
            row_group = ROW_GROUP[part["image"].null_count < part.num_rows]
            pq.write_table(
                part,
                buffer,
                row_group_size=row_group,
                compression="zstd",
                write_page_index=True,
                write_page_checksum=True,
            )
        content = buffer.getvalue()
        write_whole(path, content)
        sha256 = hashlib.sha256(content).hexdigest()
        name = f"data/{path.name}"
        entries.append(ShardFile(path=name, split=split, num_rows=part.num_rows, num_bytes=len(content), sha256=sha256))
    return entries


def write_whole(path: Path, content: bytes) -> None:
    """Write a file aside and then rename it: it is whole or not there."""
    temporary = path.with_name(path.name + ".part")
    with storage_errors(path):
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)


def write_receipt(out: Path, shard: int, entries: list[ShardFile]) -> None:
    """Say that a shard is whole; written after its files and after what it says of faults."""
    path = out / RECEIPTS / f"{shard:05d}.json"
    with storage_errors(path):
        write_json(path, [as_document(entry) for entry in entries])


def read_receipt(out: Path, shard: int) -> list[ShardFile] | None:
    """The files of a finished shard, or None when it has to be written (again)."""
    path = out / RECEIPTS / f"{shard:05d}.json"
    if not path.is_file():
        return None
    entries = [ShardFile(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    whole = all((out / e.path).is_file() and (out / e.path).stat().st_size == e.num_bytes for e in entries)
    return entries if whole else None


def claim(out: Path, kind: str, inputs: dict[str, Any], num_shards: int, force: bool) -> Manifest | None:
    """Take the folder for these inputs: returns its manifest when the work is already done, else None.

    Writes an unfinished manifest first, so that nothing half-written is ever taken for whole.
    """
    path, made_by = out / MANIFEST, _made_by(inputs)
    if path.is_file():
        existing = load_manifest(path)
        if sha256_of(existing.inputs) == sha256_of(inputs) and existing.kind == kind and not force:
            if existing.finished:
                shard_files(out)  # a file that is missing or cut is an error, not "nothing to do"
                _check_extra(out, existing)
                return existing
            if existing.versions == made_by:
                _make_folders(out)
                return None
        elif not force:
            state = "a finished" if existing.finished else "an unfinished"
            raise ToileError(
                str(out), f"holds {state} catalog made from other inputs", "choose another --out, or --force"
            )
    elif out.exists() and (not out.is_dir() or any(p.name != f"{MANIFEST}.part" for p in out.iterdir())):
        raise ToileError(str(out), "exists and was not made by toile", "choose a new or an empty folder for --out")
    with storage_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        fresh = Manifest(
            kind=kind,
            finished=False,
            inputs=inputs,
            files=(),
            num_products=0,
            num_shards=num_shards,
            versions=made_by,
            seconds=0.0,
        )
        write_json(path, as_document(fresh))  # first of all: from here on the folder is ours, and unfinished
        _remove_ours(out)
    _make_folders(out)
    return None


def finish(
    out: Path,
    kind: str,
    inputs: dict[str, Any],
    files: list[ShardFile],
    num_shards: int,
    began: float,
    rejected: int = 0,
    extra: tuple[ExtraFile, ...] = (),
) -> Manifest:
    """Write the data card and the finished manifest, then drop the receipts."""
    manifest = Manifest(
        kind=kind,
        finished=True,
        inputs=inputs,
        files=tuple(files),
        num_products=sum(entry.num_rows for entry in files),
        num_shards=num_shards,
        versions=_made_by(inputs),
        seconds=round(time.monotonic() - began, 3),
        rejected=rejected,
        extra=extra,
    )
    with storage_errors(out):
        (out / "README.md").write_text(data_card(manifest), encoding="utf-8")
        write_json(out / MANIFEST, as_document(manifest))
        shutil.rmtree(out / RECEIPTS, ignore_errors=True)
    return manifest


def _made_by(inputs: dict[str, Any]) -> dict[str, str]:
    """Versions that decide the bytes."""
    faker = ["faker"] if inputs.get("spec_document", {}).get("extra") else []
    return versions("numpy", "pillow", "pyarrow", *faker)


@functools.lru_cache(maxsize=4)
def _spec(document: str) -> CatalogSpec:
    """The spec of a JSON document; checked once a process, not once a shard."""
    spec: CatalogSpec = from_document(json.loads(document), "catalog")
    return spec


def _plan(inputs: GenerateInputs, spec: CatalogSpec) -> Plan | None:
    """What the scenarios of the spec do to these products."""
    return plan_of(
        spec,
        seed=inputs.seed,
        start=inputs.start,
        num_products=inputs.num_products,
        pictures=inputs.image_size is not None,
    )


def _check_extra(out: Path, manifest: Manifest) -> None:
    for entry in manifest.extra:
        path = out / entry.path
        if not path.is_file() or path.stat().st_size != entry.num_bytes:
            problem = "is missing or cut, although the manifest lists it"
            raise ToileError(str(path), problem, "make the folder again with --force")


def _make_folders(out: Path) -> None:
    with storage_errors(out):
        (out / "data").mkdir(exist_ok=True)
        (out / RECEIPTS).mkdir(exist_ok=True)


def _remove_ours(out: Path) -> None:
    """Remove what toile wrote there and nothing else."""
    data, receipts = "data/*-[0-9]*-of-[0-9]*.parquet*", (f"{RECEIPTS}/*.json*", f"{RECEIPTS}/*.faults.parquet*")
    for pattern in (data, *receipts, "extra/rejected.jsonl", *FETCHED_LISTS, f"{FAULTS}*", "README.md"):
        for path in out.glob(pattern):
            path.unlink()
