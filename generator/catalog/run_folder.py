"""The life of a catalog's folder: claimed for its inputs, a receipt for every finished shard, at last the manifest.

A folder is taken by an unfinished manifest before anything else is written, so nothing half-written is ever taken for
whole; what toile did not write there is never touched.
"""

import json
import time
from fnmatch import fnmatchcase
from typing import Any

from generator.catalog.data_card import data_card
from generator.catalog.storage import Folder
from generator.faults.scoring import FAULTS_FILE
from schemas.documents import parse_document
from schemas.errors import ToileError
from schemas.manifest import MANIFEST, ExtraFile, Manifest, ShardFile, parse_manifest, versions
from schemas.util.files import as_document, is_unique_part, json_text, sha256_of
from schemas.util.locks import is_lock

RECEIPTS = ".receipts"
FETCHED_LISTS = ("extra/fetched.jsonl", "extra/coverage.json")
"""What a fetch says beside its shards."""


def claim(out: Folder, kind: str, inputs: dict[str, Any], num_shards: int, force: bool) -> Manifest | None:
    """Take the folder for these inputs: returns its manifest when the work is already done, else None.

    Writes an unfinished manifest first, so that nothing half-written is ever taken for whole.
    """
    existing, versions_here = stored_manifest(out), made_by(inputs)
    if existing is not None:
        if sha256_of(existing.inputs) == sha256_of(inputs) and existing.kind == kind and not force:
            if existing.finished:
                _check_held(out, existing)  # a file that is missing or cut is an error, not "nothing to do"
                if RECEIPTS in out.sizes():  # a kill came just after the manifest, or after the last receipt was gone
                    out.remove([*out.sizes(RECEIPTS), f"{RECEIPTS}/{0:05d}.json"])
                return existing
            if existing.versions == versions_here and existing.num_shards == num_shards:
                return None  # else it was begun by versions, or cut into shards, that would not fit
        elif not force:
            state = "a finished" if existing.finished else "an unfinished"
            raise ToileError(
                out.where(), f"holds {state} catalog made from other inputs", "choose another --out, or --force"
            )
    elif any(not is_lock(name) and not is_unique_part(name, MANIFEST) for name in out.sizes()):
        raise ToileError(out.where(), "exists and was not made by toile", "choose a new or an empty folder for --out")
    fresh = Manifest(
        kind=kind,
        finished=False,
        inputs=inputs,
        files=(),
        num_products=0,
        num_shards=num_shards,
        versions=versions_here,
        seconds=0.0,
    )
    _write_manifest(out, fresh)  # first of all: from here on the folder is ours, and unfinished
    if existing is not None:
        _remove_ours(out)
    return None


def stored_manifest(out: Folder) -> Manifest | None:
    """The manifest of a folder, finished or not; None where it has none."""
    content, where = out.read(MANIFEST), out.where(MANIFEST)
    if content is None:
        return None
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ToileError(where, f"is not UTF-8 text (byte {error.start})", "save the file as UTF-8") from error
    return parse_manifest(parse_document(text, where, is_json=True), where)


def write_receipt(out: Folder, shard: int, entries: list[ShardFile]) -> None:
    """Say that a shard is whole; written after its files and after what it says of faults."""
    documents = [as_document(entry) for entry in entries]
    out.write(f"{RECEIPTS}/{shard:05d}.json", json_text([*documents, sha256_of(documents)]).encode())


def held_files(out: Folder) -> dict[str, int | None]:
    """The shards and receipts that are there, with their sizes: one listing for any number of receipts to be read."""
    return {**out.sizes("data"), **out.sizes(RECEIPTS)}


def read_receipt(out: Folder, shard: int, held: dict[str, int | None]) -> list[ShardFile] | None:
    """The files of a finished shard, or None when it has to be written (again)."""
    name = f"{RECEIPTS}/{shard:05d}.json"
    content = out.read(name) if name in held else None
    if content is None:
        return None
    try:
        *documents, sha256 = json.loads(content)
    except (ValueError, TypeError):
        return None
    if sha256_of(documents) != sha256:
        return None  # damaged, and so would be the manifest that repeats it
    entries = [ShardFile(**document) for document in documents]
    return entries if all(held.get(each.path) == each.num_bytes for each in entries) else None


def finish(
    out: Folder,
    kind: str,
    inputs: dict[str, Any],
    files: list[ShardFile],
    num_shards: int,
    began: float,
    rejected: int = 0,
    extra: tuple[ExtraFile, ...] = (),
) -> Manifest:
    """Remove what kills left half-written, write the data card and the finished manifest, then drop the receipts."""
    manifest = Manifest(
        kind=kind,
        finished=True,
        inputs=inputs,
        files=tuple(files),
        num_products=sum(entry.num_rows for entry in files),
        num_shards=num_shards,
        versions=made_by(inputs),
        seconds=round(time.monotonic() - began, 3),
        rejected=rejected,
        extra=extra,
    )
    out.remove(name for under in ("", "data", "extra") for name in out.sizes(under) if is_unique_part(name))
    out.write("README.md", data_card(manifest).encode())
    _write_manifest(out, manifest)
    out.remove(out.sizes(RECEIPTS))
    return manifest


def _write_manifest(out: Folder, manifest: Manifest) -> None:
    out.write(MANIFEST, json_text(as_document(manifest)).encode())


def made_by(inputs: dict[str, Any]) -> dict[str, str]:
    """Versions that decide the bytes."""
    others = ["faker"] if inputs.get("spec_document", {}).get("extra") else []
    others += ["numba"] if "spec_document" in inputs and inputs.get("image_size") is not None else []
    return versions("numpy", "pillow", "pyarrow", *others)


def _check_held(out: Folder, manifest: Manifest) -> None:
    held = {**out.sizes("data"), **out.sizes("extra")}
    listed: list[ShardFile | ExtraFile] = [*manifest.files, *manifest.extra]
    for entry in listed:
        size = held.get(entry.path)
        if size != entry.num_bytes:
            state = "is missing" if size is None else f"has {size} bytes, not {entry.num_bytes}"
            problem = f"{state}, although the manifest lists it"
            raise ToileError(out.where(entry.path), problem, "make the folder again with --force")


def _remove_ours(out: Folder) -> None:
    """Remove what toile wrote there and nothing else."""
    data, receipts = "data/*-[0-9]*-of-[0-9]*.parquet*", (f"{RECEIPTS}/*.json*", f"{RECEIPTS}/*.faults.parquet*")
    beside = ("extra/rejected.jsonl", *FETCHED_LISTS, f"{FAULTS_FILE}*", "extra/masks-[0-9]*-of-[0-9]*.parquet*")
    ours = (data, *receipts, *beside, "README.md")
    held = {**out.sizes(), **held_files(out), **out.sizes("extra")}
    out.remove(
        name for name, size in held.items() if size is not None and any(fnmatchcase(name, pattern) for pattern in ours)
    )
