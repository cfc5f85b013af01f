"""Verify a catalog against its manifest: hashes, columns, splits, codes, and a sample of regenerated products.

    assert not verify("data/luxury").findings

Everything is read in batches. Codes are compared in buckets on disk, so that memory does not grow with the catalog.
"""

import contextlib
import dataclasses
import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from generator.catalog.run_folder import load_manifest, provenance
from generator.catalog.shards import GenerateInputs, build_table
from generator.catalog.storage import Folder, resolve_folder
from generator.faults.scoring import FAULTS_FILE
from schemas.documents import from_dict
from schemas.errors import ToileError
from schemas.images import BadImageError, decode_rgb
from schemas.manifest import MANIFEST, ExtraFile, Manifest, ShardFile, require_finished
from schemas.product import ARROW_SCHEMA, COLUMNS, split_of

_CODES_IN_MEMORY = 4_000_000
_BLOCK = 1 << 20
_TOLERANCE = 2.0
"""Mean difference in grey levels (0 to 255) that images of other versions or processors may have."""

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A difference between the catalog and its manifest."""

    where: str
    """File, or file and product."""
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was compared, and the differences."""

    num_files: int
    num_rows: int
    num_redrawn: int
    """Products regenerated from spec, seed and number and compared; 0 for imported rows."""
    byte_for_byte: bool
    """False where other versions made the catalog: then rows must be equal and images within a tolerance."""
    findings: tuple[Finding, ...]


def finished_manifest(folder: Path | str | Folder) -> Manifest:
    """Return the manifest of a finished folder or URL; raises ToileError that says what is missing."""
    place = resolve_folder(folder)
    return require_finished(load_manifest(place), place.where())


def find_damage(folder: Folder, manifest: Manifest) -> Iterator[tuple[ShardFile | ExtraFile, str | None]]:
    """Yield every file of the manifest and the problem with its size or sha256; None where there is none."""
    held = {**folder.sizes("data"), **folder.sizes("extra")}
    listed: list[ShardFile | ExtraFile] = [*manifest.files, *manifest.extra]
    for entry in listed:
        yield entry, _check_file(folder, entry, held.get(entry.path))


def verify(
    folder: Path | str | Folder, *, sample: int = 100, seed: int = 0, progress: Progress = lambda n: None
) -> Verification:
    """Compare a finished folder or URL with its manifest and, if it was generated, regenerate `sample` products.

    `progress` is called with the number of rows of each file. A file that cannot be read is a finding; only a folder
    without a finished manifest raises ToileError. `seed` chooses the sample.
    """
    folder = resolve_folder(folder)
    manifest = finished_manifest(folder)
    findings = list(_find_unlisted(folder, manifest))
    readable = []
    for entry, problem in find_damage(folder, manifest):
        if problem is not None:
            findings.append(Finding(where=entry.path, problem=problem))
        elif isinstance(entry, ShardFile):
            findings += [Finding(where=entry.path, problem=each) for each in _check_contract(folder, entry)]
            readable.append(entry)
        if isinstance(entry, ShardFile):
            progress(entry.num_rows)
    repeats = _count_repeated_codes(folder, readable)
    intended = _count_intended_repeats(folder)
    for code, times in sorted(repeats.items()):
        if times > 1 + intended[code]:
            findings.append(Finding(where=f"product {code}", problem=f"appears {times} times"))
    byte_for_byte = dict(manifest.versions) == provenance(dict(manifest.inputs))
    num_redrawn = 0
    if manifest.kind == "generate":
        num_redrawn, differing = _compare_regenerated(
            folder, manifest, {e.path for e in readable}, sample, seed, byte_for_byte
        )
        findings += differing
    return Verification(
        num_files=len(manifest.files),
        num_rows=sum(entry.num_rows for entry in readable),
        num_redrawn=num_redrawn,
        byte_for_byte=byte_for_byte,
        findings=tuple(findings),
    )


def _find_unlisted(folder: Folder, manifest: Manifest) -> Iterator[Finding]:
    """Yield Parquet files that readers of the folder would take for a part of it."""
    listed = {entry.path for entry in manifest.files}
    for name in folder.sizes("data"):
        if name.endswith(".parquet") and name not in listed:
            yield Finding(where=name, problem="is not in the manifest, although it is in the data folder")


def _check_file(folder: Folder, entry: ShardFile | ExtraFile, size: int | None) -> str | None:
    if size is None:
        return "is missing"
    if size != entry.num_bytes:
        return f"has {size:,} bytes, not {entry.num_bytes:,}"
    digest = hashlib.sha256()
    with folder.open(entry.path) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return None if digest.hexdigest() == entry.sha256 else "has other content than when it was written (sha256 differs)"


@contextlib.contextmanager
def _parquet(folder: Folder, name: str) -> Iterator[pq.ParquetFile]:
    with folder.open(name) as file, pq.ParquetFile(file) as parquet:
        yield parquet


def _check_contract(folder: Folder, entry: ShardFile) -> Iterator[str]:
    """Yield columns, row counts and splits that differ from the contract."""
    with _parquet(folder, entry.path) as parquet:
        names, schema = parquet.schema_arrow.names, parquet.schema_arrow
        if tuple(names[: len(COLUMNS)]) != COLUMNS:
            yield f"has the columns {', '.join(names)}, not {', '.join(COLUMNS)}"
            return
        wrong = [name for name in COLUMNS if schema.field(name).type != ARROW_SCHEMA.field(name).type]
        if wrong:
            yield "; ".join(f"{n} is {schema.field(n).type}, not {ARROW_SCHEMA.field(n).type}" for n in wrong)
            return
        if parquet.metadata.num_rows != entry.num_rows:
            yield f"has {parquet.metadata.num_rows:,} rows, not {entry.num_rows:,}"
        families: set[tuple[str | None, str | None]] = set()
        for batch in parquet.iter_batches(10_000, columns=["family", "split", "product_code"]):
            if batch["product_code"].null_count:
                yield f"has {batch['product_code'].null_count} rows without a product code"
            pairs = pa.Table.from_batches([batch]).group_by(["family", "split"]).aggregate([])
            families.update(zip(pairs["family"].to_pylist(), pairs["split"].to_pylist(), strict=True))
        misplaced = [f for f, split in families if f is None or split != entry.split or split_of(f) != split]
        if misplaced:
            yield f"contains {len(misplaced)} families of another split, such as {sorted(map(str, misplaced))[0]}"


def _count_repeated_codes(folder: Folder, entries: list[ShardFile]) -> dict[str, int]:
    """Return the codes that appear more than once, with their counts; numbers are sorted in buckets on disk."""
    num_buckets = 1 + sum(entry.num_rows for entry in entries) // _CODES_IN_MEMORY
    others: Counter[str] = Counter()
    repeated: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="toile-codes-") as scratch:
        buckets = [Path(scratch) / f"{number}.int64" for number in range(num_buckets)]
        for entry in entries:
            with _parquet(folder, entry.path) as parquet:
                for batch in parquet.iter_batches(100_000, columns=["product_code"]):
                    codes = batch["product_code"].drop_null()
                    is_number = pc.match_substring_regex(codes, "^[1-9][0-9]{0,17}$")
                    others.update(codes.filter(pc.invert(is_number)).to_pylist())
                    _spill(codes.filter(is_number).cast(pa.int64()).to_numpy(), buckets)
        for bucket in buckets:
            if bucket.is_file():
                value_N, count_N = np.unique(np.fromfile(bucket, np.int64), return_counts=True)
                again_N = count_N > 1
                repeated |= {str(v): int(n) for v, n in zip(value_N[again_N], count_N[again_N], strict=True)}
    return repeated | {code: times for code, times in others.items() if times > 1}


def _spill(code_N: Any, buckets: list[Path]) -> None:
    for number, bucket in enumerate(buckets):
        part_N = code_N[code_N % len(buckets) == number]
        with bucket.open("ab") as file:
            part_N.tofile(file)


def _count_intended_repeats(folder: Folder) -> Counter[str]:
    """Return how often a scenario repeats each code on purpose."""
    if FAULTS_FILE not in folder.sizes("extra"):
        return Counter()
    try:
        with folder.open(FAULTS_FILE) as file:
            table = pq.read_table(file, columns=["product_code", "kind"])
    except (pa.ArrowException, OSError):
        return Counter()  # its damage is a separate finding
    return Counter(table.filter(pc.equal(table["kind"], "duplicate"))["product_code"].to_pylist())


def _compare_regenerated(
    folder: Folder, manifest: Manifest, readable: set[str], sample: int, seed: int, byte_for_byte: bool
) -> tuple[int, list[Finding]]:
    """Return the number of regenerated products, and those that differ from the stored ones."""
    document = {key: value for key, value in manifest.inputs.items() if key != "spec_sha256"}
    inputs = from_dict(GenerateInputs, document, f"{MANIFEST}: inputs")
    chosen = np.random.default_rng(seed).choice(inputs.num_products, min(sample, inputs.num_products), replace=False)
    by_shard: dict[int, list[int]] = {}
    for offset in np.sort(chosen).tolist():
        by_shard.setdefault(offset // inputs.products_per_shard, []).append(inputs.start + offset)
    findings, num_compared = [], 0
    for shard, numbers in by_shard.items():
        expected = build_table(inputs, np.array(numbers))
        for split in pc.unique(expected["split"]).to_pylist():
            name = f"data/{split}-{shard:05d}-of-{manifest.num_shards:05d}.parquet"
            wanted = expected.filter(pc.equal(expected["split"], split))
            if name not in readable:
                if not any(entry.path == name for entry in manifest.files):
                    problem = f"is not listed, although {wanted.num_rows} of its products were asked for"
                    findings.append(Finding(where=name, problem=problem))
                continue
            stored = _read_rows(folder, name, wanted["product_code"].to_pylist())
            for row in wanted.to_pylist():
                num_compared += 1
                code = row["product_code"]
                difference = _compare_rows(row, stored.get(code), byte_for_byte)
                if difference is not None:
                    findings.append(Finding(where=f"{name}: product {code}", problem=difference))
    return num_compared, findings


def _read_rows(folder: Folder, name: str, codes: list[str]) -> dict[str, dict[str, Any]]:
    """Return the first row of each code in a file; only row groups that contain one of the codes are read."""
    found: dict[str, dict[str, Any]] = {}
    with _parquet(folder, name) as parquet:
        for group in range(parquet.num_row_groups):
            held = parquet.read_row_group(group, columns=["product_code"])["product_code"]
            mask = pc.is_in(held, value_set=pa.array(codes, pa.string()))
            if pc.any(mask).as_py():
                for row in parquet.read_row_group(group).filter(mask).to_pylist():
                    found.setdefault(row["product_code"], row)
    return found


def _compare_rows(expected: dict[str, Any], stored: dict[str, Any] | None, byte_for_byte: bool) -> str | None:
    """Describe the first difference; None where there is none."""
    if stored is None:
        return "is missing"
    images = [row.pop("image") for row in (expected, stored)]
    for name, value in expected.items():
        if name not in stored or stored[name] != value:
            return f"{name} is {stored.get(name)!r}, but spec and seed give {value!r}"
    ours, theirs = (image and image["bytes"] for image in images)
    if ours == theirs:
        return None
    if byte_for_byte or not ours or not theirs:
        return "its image is not the one that spec and seed give"
    distance = _image_distance(ours, theirs)
    return None if distance is not None and distance <= _TOLERANCE else f"its image differs by {distance} grey levels"


def _image_distance(first: bytes, second: bytes) -> float | None:
    """Return the mean absolute difference in grey levels; None where one is no image or the sizes differ."""
    try:
        a, b = (np.asarray(decode_rgb(each), np.int16) for each in (first, second))
    except BadImageError:
        return None
    return float(np.abs(a - b).mean()) if a.shape == b.shape else None


def to_json(found: Verification) -> str:
    """Return one JSON document of the verification."""
    return json.dumps(dataclasses.asdict(found), ensure_ascii=False)


def verification_error(found: Verification, folder: str) -> ToileError:
    """Return the error that ends a verification with findings."""
    first = found.findings[0]
    problem = f"{len(found.findings)} findings, the first: {first.where}: {first.problem}"
    return ToileError(folder, problem, "restore those files, or make the folder again with --force")
