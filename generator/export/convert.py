"""A catalog in other forms than Parquet: CSV, JSON lines, SQL, WebDataset, `imagefolder`. Reading back gives the rows.

The export is written beside its place, as `OUT.part`, and renamed when it is whole: OUT is there entirely or not at
all. Its bytes follow from the catalog and the options alone, so one that was killed starts over to the same bytes.
"""

import contextlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge

from generator.export.card import export_card
from generator.export.folder import FORMS, ExportFile, ExportFolder
from generator.export.rows import ExportRow, read_columns, read_rows
from generator.export.sql import write_sql
from generator.export.tables import PICTURES, write_csv, write_imagefolder, write_jsonl
from generator.export.webdataset import write_webdataset
from generator.faults.scoring import FAULTS_FILE
from schemas.documents import Count, OneOf, Sha256, Shape, from_dict, read_document
from schemas.errors import ToileError
from schemas.evaluation import SPLITS, Split
from schemas.manifest import Manifest, read_manifest, versions
from schemas.util.files import as_document, file_sha256, sha256_of, storage_errors, write_json

CONVERSION = "convert.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertOptions:
    """What is exported, and how."""

    form: Annotated[str, OneOf(FORMS)]
    """One of `FORMS`."""
    split: Split | None = None
    """train, validation or test; all by default."""
    limit: Annotated[int, Ge(1)] | None = None
    """The first rows only."""
    pictures: bool = True
    """False leaves the picture files out."""
    spreadsheet_safe: bool = False
    """CSV only: text that a spreadsheet would run as a formula gets an apostrophe in front."""

    def __post_init__(self) -> None:
        assert self.form in FORMS, self.form
        assert self.limit is None or self.limit >= 1, self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionInputs(ConvertOptions):
    """Everything that decides the bytes of an export."""

    catalog_sha256: Sha256
    """The catalog by content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """`convert.json`: what an export was made from and what it holds. No times: the same export is the same file."""

    finished: bool
    inputs: Annotated[Mapping[str, Any], Shape(ConversionInputs)]
    """The catalog by content, and the options."""
    num_products: Count = 0
    num_pictures: Count = 0
    picture_bytes: Count = 0
    pictures_sha256: Sha256 | None = None
    """Of one line a picture, in row order: its name, a space, its sha256."""
    files: tuple[ExportFile, ...] = ()
    """Everything but the pictures."""
    counts: Mapping[str, Annotated[int, Ge(1)]]
    """What could not be written just as it is: in words, how often."""
    versions: Mapping[str, str]


def convert(
    shards: Path,
    out: Path,
    options: ConvertOptions,
    *,
    force: bool = False,
    progress: Callable[[int], None] = lambda n: None,
) -> tuple[Conversion, bool]:
    """Write the catalog in `shards` to the folder `out`; returns what was written, and False when it was there already.

    Another export in `out` is refused without `force`; a folder that holds anything else is refused always. Raises
    ToileError for whatever cannot be read or written, and then leaves nothing of the new export behind.
    """
    _check(options)
    manifest = read_manifest(shards)
    inputs = {"catalog_sha256": _content(manifest, shards), **as_document(options)}
    existing = _existing(out)
    same = existing is not None and existing.inputs == inputs
    if existing is not None and same and _is_whole(out, existing):
        return existing, False
    if existing is not None and not force:
        problem = "is this export, but files of it are missing or new" if same else "holds another export"
        raise ToileError(str(out), problem, "choose another --out, or --force to write it anew")
    aside = out.with_name(out.name + ".part")
    fresh = Conversion(finished=False, inputs=inputs, counts={}, versions=versions("pyarrow"))
    _begin(aside, fresh)
    try:
        written = _write(shards, aside, options, manifest, fresh, progress)
        with storage_errors(out):
            if out.exists():
                _remove(out)
            aside.rename(out)
    except ToileError:
        with contextlib.suppress(OSError):  # what is left says whose it is, and goes at the next start
            _remove(aside)
        raise
    return written, True


def _write(
    shards: Path,
    aside: Path,
    options: ConvertOptions,
    manifest: Manifest,
    fresh: Conversion,
    progress: Callable[[int], None],
) -> Conversion:
    """All files of the export, `convert.json` last."""
    counts, num_rows = Counter[str](), 0

    def rows() -> Iterator[ExportRow]:
        nonlocal num_rows
        found = read_rows(
            shards,
            columns,
            counts,
            split=options.split,
            limit=options.limit,
            pictures=options.pictures,
            progress=progress,
        )
        for row in found:
            num_rows = row.number
            yield row

    columns, folder = read_columns(shards, options.split), ExportFolder(aside)
    match options.form:
        case "csv":
            write_csv(rows(), columns, folder, spreadsheet_safe=options.spreadsheet_safe)
        case "jsonl":
            write_jsonl(rows(), columns, folder)
        case "sql":
            write_sql(rows(), columns, folder, counts)
        case "webdataset":
            write_webdataset(rows(), columns, folder)
        case "imagefolder":
            write_imagefolder(rows(), columns, folder)
    if not options.pictures:
        del counts["rows without a picture"]
    if (shards / FAULTS_FILE).is_file():
        with folder.open(FAULTS_FILE) as file:
            file.write((shards / FAULTS_FILE).read_bytes())
    noted = {what: number for what, number in sorted(counts.items()) if number}
    with folder.open("README.md") as file:
        file.write(export_card(shards, manifest, options.form, num_rows, folder, noted).encode())
    written = Conversion(
        finished=True,
        inputs=fresh.inputs,
        num_products=num_rows,
        num_pictures=folder.num_pictures,
        picture_bytes=folder.picture_bytes,
        pictures_sha256=folder.pictures_sha256 if folder.num_pictures else None,
        files=tuple(folder.files[name] for name in sorted(folder.files)),
        counts=noted,
        versions=fresh.versions,
    )
    with storage_errors(aside):
        write_json(aside / CONVERSION, as_document(written))
    return written


def _check(options: ConvertOptions) -> None:
    if options.spreadsheet_safe and options.form != "csv":
        raise ToileError("--spreadsheet-safe", f"changes nothing in {options.form}", "use it with --to csv")
    if options.form == "imagefolder" and not options.pictures:
        raise ToileError("--no-images", "leaves nothing of an imagefolder", "choose csv or jsonl")


def _content(manifest: Manifest, shards: Path) -> str:
    """The catalog by content: where it lies and how long it took to make play no part."""
    faults = file_sha256(shards / FAULTS_FILE) if (shards / FAULTS_FILE).is_file() else None
    files = [(entry.path, entry.sha256) for entry in manifest.files]
    return sha256_of([manifest.kind, dict(manifest.inputs), files, faults])


def _existing(out: Path) -> Conversion | None:
    """The export that lies there; None where there is nothing. Anything that is not ours raises."""
    if out.is_dir() and (out / CONVERSION).is_file():
        found = from_dict(Conversion, read_document(out / CONVERSION), str(out / CONVERSION))
        ours = {CONVERSION, PICTURES, *SPLITS, *(e.path.split("/")[0] for e in found.files)}
        strange = sorted(path.name for path in out.iterdir() if path.name not in ours)
        if strange:
            raise ToileError(str(out), f"holds {strange[0]}, which toile did not write", "choose another --out")
        return found
    if out.is_symlink() or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
        raise ToileError(str(out), "exists and was not made by toile convert", "choose a new or an empty folder")
    return None


def _is_whole(out: Path, conversion: Conversion) -> bool:
    """Whether the tables have their sizes and the pictures their number."""
    tables = all((out / e.path).is_file() and (out / e.path).stat().st_size == e.num_bytes for e in conversion.files)
    if not tables or conversion.inputs["form"] == "webdataset":
        return tables
    listed = {e.path for e in conversion.files} | {CONVERSION}
    there = (path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    return sum(name not in listed for name in there) == conversion.num_pictures


def _begin(aside: Path, fresh: Conversion) -> None:
    """An empty `OUT.part` that says whose it is; what a killed export left there goes."""
    with storage_errors(aside):
        if aside.is_symlink() or aside.exists():
            there = {path.name for path in aside.iterdir()} if aside.is_dir() and not aside.is_symlink() else {"."}
            if there - {f"{CONVERSION}.part"} and CONVERSION not in there:
                raise ToileError(str(aside), "exists and was not made by toile convert", "choose another --out")
            _remove(aside)
        aside.mkdir(parents=True)
        write_json(aside / CONVERSION, as_document(fresh))


def _remove(export: Path) -> None:
    """The file that says whose the folder is goes last: a kill on the way leaves nothing that would be refused."""
    for path in export.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name not in {CONVERSION, f"{CONVERSION}.part"}:
            path.unlink()
    shutil.rmtree(export)
