"""Some of a catalog's shards: what one task of a job array writes. The task that finds all of them finishes the folder.

    toile generate SPEC --out DIR --num-products 10000000 --shards 40:50

Tasks run in any order, at the same time, and on any machine that sees the folder; each may be repeated.
"""

import re
import time
from dataclasses import dataclass
from pathlib import Path

from generator.catalog.run_folder import claim, stored_manifest
from generator.catalog.shards import GenerateInputs, Progress, check_inputs, complete, draw_shards, unwritten
from generator.catalog.sharing import check_versions, shared_in
from generator.catalog.storage import Folder, folder_of
from schemas.errors import ToileError
from schemas.manifest import Manifest

_RANGE = re.compile(r"(?P<first>[0-9]{1,9})?:(?P<end>[0-9]{1,9})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardRange:
    """A half-open range of shard numbers."""

    first: int = 0
    end: int | None = None
    """One after the last; None for all that follow."""

    def within(self, num_shards: int) -> range:
        """The numbers of a catalog of so many shards; a ToileError where the range leaves it or is empty."""
        end = num_shards if self.end is None else self.end
        if not 0 <= self.first < end <= num_shards:
            last = "" if self.end is None else self.end
            held = f"there are {num_shards} shards, 0 to {num_shards - 1}" if num_shards > 1 else "there is 1 shard, 0"
            hint = f"choose from 0:{num_shards}"
            raise ToileError(f"--shards {self.first}:{last}", f"is not a range of this catalog: {held}", hint)
        return range(self.first, end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a run of some shards did."""

    wanted: range
    written: tuple[int, ...]
    """The others of them were there already."""
    num_missing: int
    """Shards of the whole catalog that nobody has written yet."""
    manifest: Manifest | None
    """Of the whole catalog, when it is finished."""


def shard_range(text: str) -> ShardRange:
    """A:B, A: or :B, counted from 0, B not included."""
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
    """Write these shards of the catalog and no others; the last run that is here finishes it, once none is missing.

    Like `write_shards` otherwise, but an unfinished folder that other versions began is refused and not begun anew:
    other tasks are at work there.
    """
    out, wanted = folder_of(out), shards.within(inputs.num_shards)
    check_inputs(inputs)
    began = time.monotonic()
    with shared_in(out) as run:
        with run.exclusive():
            check_versions(out, inputs.as_manifest(), inputs.num_shards)
            existing = claim(out, "generate", inputs.as_manifest(), inputs.num_shards, force=False)
        if existing is not None:
            return Part(wanted=wanted, written=(), num_missing=0, manifest=existing)
        written = draw_shards(inputs, wanted, out, num_workers=num_workers, cluster=cluster, progress=progress)
        with run.exclusive():
            is_last, manifest = run.is_last(), stored_manifest(out)
            finished = manifest is not None and manifest.finished
            if not finished:
                manifest = complete(inputs, out, began) if is_last else None
            missing = 0 if manifest else len(unwritten(inputs, out, range(inputs.num_shards)))
    return Part(wanted=wanted, written=tuple(written), num_missing=missing, manifest=manifest)


def told(part: Part, num_shards: int) -> str:
    """What was written and what is missing, in a line."""
    names = f"shards {part.wanted.start} to {part.wanted[-1]}" if len(part.wanted) > 1 else f"shard {part.wanted[0]}"
    there = len(part.wanted) - len(part.written)
    already = f" ({there} of them there already)" if 0 < there < len(part.wanted) else ""
    did = f"{names} written{already}" if part.written else f"{names} there already"
    if part.manifest is not None:
        return f"{did}; with them all {num_shards} are there, and the catalog is finished"
    if part.num_missing:
        return f"{did}; {part.num_missing} of {num_shards} shards are missing, and the catalog is unfinished"
    return f"{did}; no shard is missing, and a task that is still at work finishes the catalog"
