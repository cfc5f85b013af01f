"""Manage the folder of a catalog: start or resume it, mark finished shards, lock it, finish it with a manifest.

    with exclusive_lock(out):
        if open_or_resume(out, "generate", inputs, num_shards, force=False) is None:
            ...  # write each missing shard, then write_marker(out, shard, entries)
            finish(out, "generate", inputs, entries, num_shards, began=time.monotonic())

An unfinished manifest is written before anything else, so an incomplete folder is never taken for a complete one. Each
finished shard leaves a marker file in `.receipts`. Files that toile did not write are never touched.

Folders on a disk are locked (schemas/util/locks.py). Object stores have no locks: there the unfinished manifest keeps
other inputs out, and the same inputs make the same files.
"""

import contextlib
import json
import time
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from generator.catalog.storage import Folder, LocalFolder
from generator.faults.scoring import FAULTS_FILE
from schemas.catalog import ExtraColumn, column_dtype
from schemas.documents import from_dict, parse_document
from schemas.errors import ToileError
from schemas.evaluation import SPLITS
from schemas.manifest import MANIFEST, ExtraFile, Manifest, ShardFile, parse_manifest, versions
from schemas.product import features_with
from schemas.util.files import as_document, is_unique_part, json_text, sha256_of
from schemas.util.locks import SharedRun, is_lock, run_lock, shared_run

MARKERS = ".receipts"
FETCHED_LISTS = ("extra/fetched.jsonl", "extra/coverage.json")
"""Files that a fetch writes in addition to its shards."""
_LICENCE = {"generate": "cc0-1.0", "import": "unknown", "fetch": "unknown"}


def open_or_resume(out: Folder, kind: str, inputs: dict[str, Any], num_shards: int, force: bool) -> Manifest | None:
    """Start or resume a folder for these inputs; return its manifest if the work is already done, else None.

    Raises ToileError for a folder that toile did not make, and without `force` for a catalog of other inputs.
    """
    existing, versions_here = load_manifest(out), provenance(inputs)
    if existing is not None:
        if sha256_of(existing.inputs) == sha256_of(inputs) and existing.kind == kind and not force:
            if existing.finished:
                _check_sizes(out, existing)  # a missing or truncated file is an error, not "nothing to do"
                if MARKERS in out.sizes():  # a kill came just after the manifest, or after the last marker was removed
                    out.remove([*out.sizes(MARKERS), f"{MARKERS}/{0:05d}.json"])
                return existing
            if existing.versions == versions_here and existing.num_shards == num_shards:
                return None  # shards of other versions, or of another number of shards, would not fit
        elif not force:
            state = "a finished" if existing.finished else "an unfinished"
            raise ToileError(
                out.where(), f"contains {state} catalog made from other inputs", "choose another --out, or --force"
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
    _write_manifest(out, fresh)  # before anything else: from here on the folder is ours, and unfinished
    if existing is not None:
        _remove_own_files(out)
    return None


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
    """Remove temporary files that kills left, write the data card and the finished manifest, remove the markers.

    `began` is the time of `time.monotonic` when the run started.
    """
    manifest = Manifest(
        kind=kind,
        finished=True,
        inputs=inputs,
        files=tuple(files),
        num_products=sum(entry.num_rows for entry in files),
        num_shards=num_shards,
        versions=provenance(inputs),
        seconds=round(time.monotonic() - began, 3),
        rejected=rejected,
        extra=extra,
    )
    out.remove(name for under in ("", "data", "extra") for name in out.sizes(under) if is_unique_part(name))
    out.write("README.md", render_data_card(manifest).encode())
    _write_manifest(out, manifest)
    out.remove(out.sizes(MARKERS))
    return manifest


def load_manifest(out: Folder) -> Manifest | None:
    """Return the manifest of a folder, finished or not; None where it has none."""
    content, where = out.read(MANIFEST), out.where(MANIFEST)
    if content is None:
        return None
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ToileError(where, f"is not UTF-8 text (byte {error.start})", "save the file as UTF-8") from error
    return parse_manifest(parse_document(text, where, is_json=True), where)


def write_marker(out: Folder, shard: int, entries: list[ShardFile]) -> None:
    """Mark a shard as finished; call it after all other files of the shard are written."""
    documents = [as_document(entry) for entry in entries]
    out.write(f"{MARKERS}/{shard:05d}.json", json_text([*documents, sha256_of(documents)]).encode())


def read_marker(out: Folder, shard: int, held: dict[str, int | None]) -> list[ShardFile] | None:
    """Return the files of a finished shard, or None if it has to be written (again); `held` is from `list_files`."""
    name = f"{MARKERS}/{shard:05d}.json"
    content = out.read(name) if name in held else None
    if content is None:
        return None
    try:
        *documents, sha256 = json.loads(content)
    except (ValueError, TypeError):
        return None
    if sha256_of(documents) != sha256:
        return None  # a damaged marker would make a damaged manifest
    entries = [ShardFile(**document) for document in documents]
    return entries if all(held.get(each.path) == each.num_bytes for each in entries) else None


def list_files(out: Folder) -> dict[str, int | None]:
    """Return the shards and markers in the folder with their sizes: one listing serves any number of `read_marker`."""
    return {**out.sizes("data"), **out.sizes(MARKERS)}


def provenance(inputs: Mapping[str, Any]) -> dict[str, str]:
    """Return the versions of the packages that decide the bytes of the files."""
    others = ["faker"] if any(column.provider for column in _extra_columns(inputs).values()) else []
    others += ["numba"] if "spec_document" in inputs and inputs.get("image_size") is not None else []
    return versions("numpy", "pillow", "pyarrow", *others)


def _extra_columns(inputs: Mapping[str, Any]) -> dict[str, ExtraColumn]:
    """Return the extra columns of the spec in a manifest's inputs; an imported catalog has none."""
    documents = inputs.get("spec_document", {}).get("extra", {})
    return {name: from_dict(ExtraColumn, each, f"extra.{name}") for name, each in documents.items()}


def exclusive_lock(out: Folder) -> contextlib.AbstractContextManager[None]:
    """Keep other runs out of the folder; raises ToileError where one is writing."""
    return run_lock(out.path) if isinstance(out, LocalFolder) else contextlib.nullcontext()


def shared_lock(out: Folder) -> contextlib.AbstractContextManager[SharedRun]:
    """Join the runs that share the folder; raises ToileError where a run holds it exclusively."""
    if isinstance(out, LocalFolder):
        return shared_run(out.path)
    return contextlib.nullcontext(SharedRun(folder=None, own=contextlib.ExitStack()))


def resolve_absolute(out: Folder) -> Folder:
    """Return the folder under the name that other machines use; raises ToileError where only this process sees it."""
    if not out.shared:
        raise ToileError(out.where(), "is seen by one process alone", "write to a shared folder or an s3:// URL")
    return LocalFolder(path=Path.cwd() / out.path) if isinstance(out, LocalFolder) else out


def check_same_run(out: Folder, inputs: Mapping[str, Any], num_shards: int) -> None:
    """Raise ToileError unless this machine sees the folder started for these inputs, and has the same versions."""
    started = load_manifest(out)
    if started is None or started.finished or sha256_of(started.inputs) != sha256_of(inputs):
        problem = "is not the folder that the run has started" if started else "is not there on this machine"
        raise ToileError(out.where(), problem, "write to a folder that every machine sees, or to an s3:// URL")
    check_versions(out, inputs, num_shards)


def check_versions(out: Folder, inputs: Mapping[str, Any], num_shards: int) -> None:
    """Raise ToileError where other versions started the same inputs: the shards would not fit together."""
    started, here = load_manifest(out), provenance(inputs)
    if started is None or started.finished or sha256_of(started.inputs) != sha256_of(inputs):
        return
    if started.num_shards != num_shards:
        problem = f"was started by another version of toile, in {started.num_shards} shards instead of {num_shards}"
        hint = "install the same version of toile on every machine, or start again with --force"
        raise ToileError(out.where(), problem, hint)
    if started.versions == here:
        return
    differing = [
        f"{name} {there} there, {here.get(name, 'none')} here"
        for name, there in started.versions.items()
        if here.get(name) != there
    ]
    hint = "install the same versions on every machine, or start again without --shards, with --force"
    raise ToileError(out.where(), f"was started with other versions: {', '.join(differing)}", hint)


def render_data_card(manifest: Manifest) -> str:
    """Return the README.md of a catalog: YAML front matter for hubs and `datasets`, then text for people.

    The front matter names the files of each split, so that loading gives the splits, the features and the licence.
    """
    counts = {split: sum(f.num_rows for f in manifest.files if f.split == split) for split in SPLITS}
    present = [split for split in SPLITS if counts[split]]
    files = "\n".join(f"  - split: {split}\n    path: data/{split}-*.parquet" for split in present)
    types = {name: column_dtype(column) for name, column in _extra_columns(manifest.inputs).items()}
    columns = features_with(types | dict.fromkeys(manifest.inputs.get("own_columns", ()), "string"))
    features = "\n".join(f"  - name: {name}\n    dtype: {_dtype(kind)}" for name, kind in columns.items())
    front = (
        f"license: {_LICENCE[manifest.kind]}\nconfigs:\n- config_name: default\n  data_files:\n{files}\n"
        f"dataset_info:\n  features:\n{features}\n"
    )
    rows = "\n".join(f"| {split} | {counts[split]:,} |" for split in present)
    inputs = {key: value for key, value in manifest.inputs.items() if key != "spec_document"}
    return f"""---
{front}---

# {_card_title(manifest)}

{_card_text(manifest)}{_card_extra_files(manifest)}

| split | products |
| --- | ---: |
{rows}

Splits never separate a family (the colourways of one design). `manifest.json` contains the sha256 of every file.

Made from:

```json
{json.dumps(inputs, indent=1, ensure_ascii=False)}
```
"""


def _dtype(feature: dict[str, str]) -> str:
    return "image" if feature["_type"] == "Image" else feature["dtype"]


def _card_title(manifest: Manifest) -> str:
    if manifest.kind == "generate":
        return f"A synthetic catalog: {manifest.inputs['spec_document']['name']}"
    made = {"import": "An imported", "fetch": "A fetched"}[manifest.kind]
    return f"{made} catalog: {manifest.inputs['source']}"


def _card_text(manifest: Manifest) -> str:
    if manifest.kind == "generate":
        text = (
            "A program sampled every row and rendered every image from a catalog spec. No real product, shop or person "
            "is in it; all URLs end in `.example` and lead nowhere. Free for any use (CC0)."
        )
        fitted = manifest.inputs["spec_document"].get("provenance")
        return text if fitted is None else f"{text}\n\nThe spec was fitted to real rows. {fitted['statement']}"
    if manifest.kind == "fetch":
        return (
            f"Rows of {manifest.inputs['dataset']} and the images at their URLs. The images belong to those who made "
            "them, and toile does not know the licence of the rows: for private study, not for redistribution. "
            f"{manifest.rejected} rows have no image or could not be used; `extra/rejected.jsonl` says why, "
            "`extra/fetched.jsonl` lists what was fetched."
        )
    return (
        "Rows and images of a table that was given to toile. Their licence is that of the source, which toile does not "
        f"know: check it before sharing. {manifest.rejected} rows were rejected; `extra/rejected.jsonl` says why."
    )


def _card_extra_files(manifest: Manifest) -> str:
    """Describe the tables of faulty rows and of masks: whoever loads the folder must know that some rows are wrong."""
    faults = [entry for entry in manifest.extra if "masks" not in entry.path]
    lines = [f"`{entry.path}` lists the {entry.num_rows:,} rows that are faulty on purpose." for entry in faults]
    if len(faults) < len(manifest.extra):
        lines.append("`extra/masks-*.parquet` say where each product and each of its parts is in its image.")
    return "".join(f"\n\n{line}" for line in lines)


def _write_manifest(out: Folder, manifest: Manifest) -> None:
    out.write(MANIFEST, json_text(as_document(manifest)).encode())


def _check_sizes(out: Folder, manifest: Manifest) -> None:
    held = {**out.sizes("data"), **out.sizes("extra")}
    listed: list[ShardFile | ExtraFile] = [*manifest.files, *manifest.extra]
    for entry in listed:
        size = held.get(entry.path)
        if size != entry.num_bytes:
            state = "is missing" if size is None else f"has {size} bytes, not {entry.num_bytes}"
            problem = f"{state}, although the manifest lists it"
            raise ToileError(out.where(entry.path), problem, "make the folder again with --force")


def _remove_own_files(out: Folder) -> None:
    """Remove the files that toile wrote and nothing else."""
    data, markers = "data/*-[0-9]*-of-[0-9]*.parquet*", (f"{MARKERS}/*.json*", f"{MARKERS}/*.faults.parquet*")
    extra = ("extra/rejected.jsonl", *FETCHED_LISTS, f"{FAULTS_FILE}*", "extra/masks-[0-9]*-of-[0-9]*.parquet*")
    patterns = (data, *markers, *extra, "README.md")
    held = {**out.sizes(), **list_files(out), **out.sizes("extra")}
    out.remove(
        name
        for name, size in held.items()
        if size is not None and any(fnmatchcase(name, pattern) for pattern in patterns)
    )
