"""Generate a catalog from a spec, as a whole or some of its shards: the functions behind `toile generate`.

from generator.catalog.generate import generate
manifest, written = generate("fashion-luxury", "data/luxury", num_products=500)

`write_part` writes a range of shards for one task of a job array. Tasks run in any order, at the same time, and on any
machine that sees the folder; each may be repeated. The task that finds no shard missing finishes the folder.

    toile generate SPEC --out DIR --num-products 10000000 --shards 40:50
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator.catalog.parallel import num_cores
from generator.catalog.run_folder import check_versions, load_manifest, open_or_resume, shared_lock
from generator.catalog.shards import (
    GenerateInputs,
    Progress,
    check_inputs,
    finalize,
    generate_shards,
    pending_shards,
    write_shards,
)
from generator.catalog.storage import Folder, resolve_folder
from generator.faults.scenarios import merge_scenarios
from generator.render import STUDIO
from generator.sampling.extra_columns import check_extra_columns
from generator.sampling.products import compile_catalog
from schemas.catalog import CatalogSpec
from schemas.documents import read_document
from schemas.errors import ToileError
from schemas.manifest import Manifest
from schemas.util.files import as_document
from schemas.validation import from_document, preset_path

_RANGE = re.compile(r"(?P<first>[0-9]{1,9})?:(?P<end>[0-9]{1,9})?")


def generate(
    spec: CatalogSpec | Mapping[str, Any] | Path | str,
    out: Path | str,
    *,
    num_products: int = 1000,
    seed: int = 0,
    start: int = 0,
    image_size: int | None = 336,
    photo: str = STUDIO,
    masks: bool = False,
    scenarios: Sequence[str] = (),
    num_workers: int | None = None,
    cluster: str | None = None,
    force: bool = False,
    progress: Callable[[int], None] = lambda n: None,
) -> tuple[Manifest, bool]:
    """Generate products start, start + 1, ... of a spec into Parquet files in a folder, or at a URL such as s3://b/x.

    Args:
        spec: the path of a YAML file, the name of a preset, a document or a loaded spec.
        out: a new folder; an unfinished catalog of the same inputs is continued.
        num_products: the size of the catalog.
        seed: products are a pure function of (spec, seed, number).
        start: number of the first product.
        image_size: longer edge of the images in pixels (studio images are square); None for rows without images.
        photo: "studio" or "snapshot".
        masks: write the mask, the parts and the box of every product to extra/.
        scenarios: kinds of faulty rows, as in "wrong-category" or "missing=0.01".
        num_workers: processes; None for all cores. Never changes a byte.
        cluster: address of a Ray cluster that renders instead.
        force: replace another catalog in `out`.
        progress: called with the number of products just finished.

    Returns:
        The manifest, and False if the folder already held this catalog, finished.

    Raises:
        ToileError: for an invalid spec, or an `out` that holds anything else.
    """
    inputs = make_inputs(
        spec,
        num_products=num_products,
        seed=seed,
        start=start,
        image_size=image_size,
        photo=photo,
        masks=masks,
        scenarios=scenarios,
    )
    workers = num_workers or num_cores()
    return write_shards(inputs, out, num_workers=workers, cluster=cluster, force=force, progress=progress)


def make_inputs(
    spec: CatalogSpec | Mapping[str, Any] | Path | str,
    *,
    image_size: int | None,
    scenarios: Sequence[str] = (),
    **numbers: Any,
) -> GenerateInputs:
    """Return the inputs of a catalog with its validated document; arguments as of `generate`."""
    document = merge_scenarios(_read_and_check(spec), scenarios, images=image_size is not None)
    return GenerateInputs(spec_document=document, image_size=image_size, **numbers)


def _read_and_check(spec: CatalogSpec | Mapping[str, Any] | Path | str) -> dict[str, Any]:
    """Return the document of a spec; problems that only show in its compiled tables are raised too."""
    document: dict[str, Any]
    if isinstance(spec, CatalogSpec):
        document, where = as_document(spec), spec.name
    elif isinstance(spec, Mapping):
        document, where = dict(spec), "document"
    else:
        path = preset_path(str(spec), "catalog") or Path(spec)
        document, where = read_document(path), str(path)
    checked = from_document(document, "catalog", where)
    compile_catalog(checked, where)
    check_extra_columns(checked, where)
    return document


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardRange:
    """A half-open range of shard numbers."""

    first: int = 0
    end: int | None = None
    """One after the last; None for all that follow."""

    def within(self, num_shards: int) -> range:
        """Return the numbers in a catalog of so many shards; raise ToileError for a range outside it."""
        end = num_shards if self.end is None else self.end
        if not 0 <= self.first < end <= num_shards:
            last = "" if self.end is None else self.end
            held = f"there are {num_shards} shards, 0 to {num_shards - 1}" if num_shards > 1 else "there is 1 shard, 0"
            hint = f"choose from 0:{num_shards}"
            raise ToileError(f"--shards {self.first}:{last}", f"is not a range of this catalog: {held}", hint)
        return range(self.first, end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The result of a run of some shards."""

    wanted: range
    written: tuple[int, ...]
    """The other ones existed already."""
    num_missing: int
    """Shards of the whole catalog that no run has written yet."""
    manifest: Manifest | None
    """Of the whole catalog; None while it is unfinished."""


def parse_shard_range(text: str) -> ShardRange:
    """Parse A:B, A: or :B, counted from 0, B excluded."""
    match = _RANGE.fullmatch(text)
    if match is None:
        raise ToileError(f"--shards {text}", "is not A:B", "write, for example, 0:10, 10:20 or 20:")
    first, end = match["first"], match["end"]
    return ShardRange(first=int(first or 0), end=None if end is None else int(end))


def write_part(
    inputs: GenerateInputs,
    out: Path | str | Folder,
    shards: ShardRange,
    *,
    num_workers: int = 1,
    cluster: str | None = None,
    progress: Progress = lambda n: None,
) -> Part:
    """Write only these shards of the catalog; the last run that is active finishes it once no shard is missing.

    Otherwise like `write_shards`, but an unfinished folder that other versions started is refused and not restarted:
    other tasks are writing there.
    """
    out, wanted = resolve_folder(out), shards.within(inputs.num_shards)
    check_inputs(inputs)
    began = time.monotonic()
    with shared_lock(out) as run:
        with run.exclusive():
            check_versions(out, inputs.as_manifest(), inputs.num_shards)
            existing = open_or_resume(out, "generate", inputs.as_manifest(), inputs.num_shards, force=False)
        if existing is not None:
            return Part(wanted=wanted, written=(), num_missing=0, manifest=existing)
        written = generate_shards(inputs, wanted, out, num_workers=num_workers, cluster=cluster, progress=progress)
        with run.exclusive():
            is_last, manifest = run.is_last(), load_manifest(out)
            finished = manifest is not None and manifest.finished
            if not finished:
                manifest = finalize(inputs, out, began) if is_last else None
            missing = 0 if manifest else len(pending_shards(inputs, out, range(inputs.num_shards)))
    return Part(wanted=wanted, written=tuple(written), num_missing=missing, manifest=manifest)


def format_part_summary(part: Part, num_shards: int) -> str:
    """Return what was written and what is missing in one line."""
    names = f"shards {part.wanted.start} to {part.wanted[-1]}" if len(part.wanted) > 1 else f"shard {part.wanted[0]}"
    there = len(part.wanted) - len(part.written)
    already = f" ({there} of them there already)" if 0 < there < len(part.wanted) else ""
    did = f"{names} written{already}" if part.written else f"{names} there already"
    if part.manifest is not None:
        return f"{did}; with them all {num_shards} are there, and the catalog is finished"
    if part.num_missing:
        return f"{did}; {part.num_missing} of {num_shards} shards are missing, and the catalog is unfinished"
    return f"{did}; no shard is missing, and a task that is still at work finishes the catalog"
