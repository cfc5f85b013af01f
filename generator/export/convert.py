"""Convert a catalog to tables, SQL, WebDataset archives, an `imagefolder`, or chat data for any trainer.

    convert(Path("data/luxury"), Path("data/luxury-csv"), ConvertOptions(form="csv"))

The export is written to `OUT.part`, and renamed when it is complete. Its bytes depend on the catalog and the options
alone, so a killed export starts again and gives the same bytes.
"""

import contextlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge

from generator.export import FORMATS
from generator.export.chat import write_chat, write_chat_parquet, write_llava
from generator.export.formats import (
    IMAGE_FOLDER,
    READABLE,
    write_csv,
    write_imagefolder,
    write_jsonl,
    write_sql,
    write_webdataset,
)
from generator.export.rows import NO_IMAGE, ExportFile, ExportFolder, ExportRow, read_columns, read_rows
from generator.faults.scoring import FAULTS_FILE
from schemas.documents import Count, OneOf, Sha256, Shape, from_dict, read_document
from schemas.errors import ToileError
from schemas.evaluation import SPLITS, Split
from schemas.manifest import Manifest, read_manifest, versions
from schemas.util.files import as_document, file_sha256, sha256_of, storage_errors, write_json

CONVERSION = "convert.json"
_OF_IMAGES = {"imagefolder", "chat", "chat-parquet", "llava"}
"""Formats in which a row without an image has no place."""
_SPLIT_FILES = {
    "webdataset": "{}-*.tar",
    "imagefolder": "{}/**",
    "chat": "{}.jsonl",
    "chat-parquet": "data/{}-*.parquet",
    "llava": "{}.json",
}
"""Pattern of the files of one split."""
_HOW_TO_READ = {
    "csv": (
        '`products.csv` is UTF-8. Nothing between two commas is a missing value; an empty text is `""`. `image` is '
        "the path of the image. Titles are those of the catalog: a spreadsheet takes one that begins with `=`, `+`, "
        "`-` or `@` for a formula (`toile convert --spreadsheet-safe` prevents that)."
    ),
    "jsonl": "One JSON object a line; `image` is the path of the image, `attributes` is an object.",
    "sql": (
        "`sqlite3 -bail shop.db < schema.sqlite.sql`, then `products.sqlite.sql` in the same way; or `psql -v "
        "ON_ERROR_STOP=1 -f schema.postgresql.sql`, then `products.postgresql.sql`. The inserts load all or nothing. "
        "`image` is the path of the image."
    ),
    "webdataset": "Every archive contains the image of each row and then the row, `KEY.json`, under the same key.",
    "chat": (
        "One JSON object a line, for each split: `messages` (the question about the image, and its answer) and "
        "`images` (paths from this folder). `train.jsonl` and so on are for TRL, Unsloth and Axolotl; LLaMA-Factory "
        "takes this folder as `dataset_dir` and finds its own files by `dataset_info.json`."
    ),
    "chat-parquet": (
        "`datasets.load_dataset(FOLDER)` returns `messages` and decoded `images`, as TRL and Unsloth take them."
    ),
    "llava": "A JSON list for each split, in LLaVA's form: `image` (a path from this folder) and `conversations`.",
    "imagefolder": '`datasets.load_dataset("imagefolder", data_dir=...)` returns rows and images.',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertOptions:
    """What is exported, and how; part of `convert.json`."""

    form: Annotated[str, OneOf(FORMATS)]
    """The format, one of `FORMATS`; `form` is its key in `convert.json`."""
    split: Split | None = None
    """train, validation or test; all by default."""
    limit: Annotated[int, Ge(1)] | None = None
    """The first rows only."""
    pictures: bool = True
    """False leaves the image files out."""
    spreadsheet_safe: bool = False
    """CSV only: an apostrophe before text that a spreadsheet takes for a formula."""

    def __post_init__(self) -> None:
        assert self.form in FORMATS, self.form
        assert self.limit is None or self.limit >= 1, self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionInputs(ConvertOptions):
    """Everything that decides the bytes of an export."""

    catalog_sha256: Sha256
    """The catalog by content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """The document `convert.json`: the inputs and contents of an export. It has no times."""

    finished: bool
    inputs: Annotated[Mapping[str, Any], Shape(ConversionInputs)]
    """The catalog by content, and the options."""
    num_products: Count = 0
    num_pictures: Count = 0
    picture_bytes: Count = 0
    pictures_sha256: Sha256 | None = None
    """Hash of one line for each image, in row order: its name, a space, its sha256."""
    files: tuple[ExportFile, ...] = ()
    """All files except images."""
    counts: Mapping[str, Annotated[int, Ge(1)]]
    """Description of a change to the rows -> number of times."""
    versions: Mapping[str, str]


def convert(
    shards: Path,
    out: Path,
    options: ConvertOptions,
    *,
    force: bool = False,
    progress: Callable[[int], None] = lambda n: None,
) -> tuple[Conversion, bool]:
    """Write the catalog in `shards` to the folder `out`.

    Another export in `out` is refused without `force`. A folder with anything else is always refused.

    Returns:
        What was written, and False when it was there already.

    Raises:
        ToileError: Something cannot be read or written. Nothing of the new export is left.
    """
    _check_options(options)
    manifest = read_manifest(shards)
    inputs = {"catalog_sha256": _catalog_sha256(manifest, shards), **as_document(options)}
    existing = _read_existing(out)
    same = existing is not None and existing.inputs == inputs
    if existing is not None and same and _is_complete(out, existing):
        return existing, False
    if existing is not None and not force:
        problem = "is this export, but some of its files are missing or new" if same else "contains another export"
        raise ToileError(str(out), problem, "choose another --out, or --force to write it again")
    partial = out.with_name(out.name + ".part")
    fresh = Conversion(finished=False, inputs=inputs, counts={}, versions=versions("pyarrow"))
    _create_partial(partial, fresh)
    try:
        written = _write_files(shards, partial, options, manifest, fresh, progress)
        with storage_errors(out):
            if out.exists():
                _remove_export(out)
            partial.rename(out)
    except ToileError:
        with contextlib.suppress(OSError):  # what is left is marked as ours, and removed at the next start
            _remove_export(partial)
        raise
    return written, True


def find_export(path: Path) -> tuple[Path, Conversion] | None:
    """Return the folder and the document of a finished export that `path` is, or whose table it is; else None.

    An export of a format that is not read back, or with a table that was changed since, counts as none.
    """
    folder = path if path.is_dir() else path.parent
    if not (folder / CONVERSION).is_file():
        return None
    found = from_dict(Conversion, read_document(folder / CONVERSION), str(folder / CONVERSION))
    tables = [entry for entry in found.files if entry.path not in {"README.md", FAULTS_FILE}]
    if not found.finished or found.inputs["form"] not in READABLE or found.inputs["spreadsheet_safe"]:
        return None
    if path.is_file() and path.name not in {entry.path for entry in tables}:
        return None
    same = all((folder / each.path).is_file() and file_sha256(folder / each.path) == each.sha256 for each in tables)
    return (folder, found) if same else None


def _write_files(
    shards: Path,
    partial: Path,
    options: ConvertOptions,
    manifest: Manifest,
    fresh: Conversion,
    progress: Callable[[int], None],
) -> Conversion:
    """Write all files of the export, `convert.json` last."""
    counts, num_rows = Counter[str](), 0

    def rows() -> Iterator[ExportRow]:
        nonlocal num_rows
        found = read_rows(
            shards,
            columns,
            counts,
            split=options.split,
            limit=options.limit,
            images=options.pictures,
            progress=progress,
        )
        for row in found:
            num_rows = row.number
            yield row

    columns, folder = read_columns(shards, options.split), ExportFolder(partial)
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
        case "chat":
            write_chat(rows(), folder, counts)
        case "chat-parquet":
            write_chat_parquet(rows(), folder, counts)
        case "llava":
            write_llava(rows(), folder, counts)
    if not options.pictures:
        del counts[NO_IMAGE]
    if (shards / FAULTS_FILE).is_file():
        with folder.open(FAULTS_FILE) as file:
            file.write((shards / FAULTS_FILE).read_bytes())
    noted = {what: number for what, number in sorted(counts.items()) if number}
    with folder.open("README.md") as file:
        file.write(format_card(shards, manifest, options.form, num_rows, folder, noted).encode())
    written = Conversion(
        finished=True,
        inputs=fresh.inputs,
        num_products=num_rows,
        num_pictures=folder.num_images,
        picture_bytes=folder.image_bytes,
        pictures_sha256=folder.images_sha256 if folder.num_images else None,
        files=tuple(folder.files[name] for name in sorted(folder.files)),
        counts=noted,
        versions=fresh.versions,
    )
    with storage_errors(partial):
        write_json(partial / CONVERSION, as_document(written))
    return written


def _check_options(options: ConvertOptions) -> None:
    if options.spreadsheet_safe and options.form != "csv":
        raise ToileError("--spreadsheet-safe", f"has no effect on {options.form}", "use it with --to csv")
    if options.form in _OF_IMAGES and not options.pictures:
        problem = f"would leave nothing of {options.form}, whose rows are about their images"
        raise ToileError("--no-images", problem, "choose csv or jsonl")


def _catalog_sha256(manifest: Manifest, shards: Path) -> str:
    """Hash the content of a catalog, without its path and times."""
    faults = file_sha256(shards / FAULTS_FILE) if (shards / FAULTS_FILE).is_file() else None
    files = [(entry.path, entry.sha256) for entry in manifest.files]
    return sha256_of([manifest.kind, dict(manifest.inputs), files, faults])


def _read_existing(out: Path) -> Conversion | None:
    """Return the export in a folder, None for no or an empty folder; raise ToileError for anything else."""
    if out.is_dir() and (out / CONVERSION).is_file():
        found = from_dict(Conversion, read_document(out / CONVERSION), str(out / CONVERSION))
        ours = {CONVERSION, IMAGE_FOLDER, *SPLITS, *(e.path.split("/")[0] for e in found.files)}
        strange = sorted(path.name for path in out.iterdir() if path.name not in ours)
        if strange:
            raise ToileError(str(out), f"contains {strange[0]}, which toile did not write", "choose another --out")
        return found
    if out.is_symlink() or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
        raise ToileError(str(out), "exists and was not made by toile convert", "choose a new or an empty folder")
    return None


def _is_complete(out: Path, conversion: Conversion) -> bool:
    """Return whether the tables have their sizes and the number of images is right."""
    tables = all((out / e.path).is_file() and (out / e.path).stat().st_size == e.num_bytes for e in conversion.files)
    if not tables or conversion.inputs["form"] in {"webdataset", "chat-parquet"}:
        return tables
    listed = {e.path for e in conversion.files} | {CONVERSION}
    names = (path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    return sum(name not in listed for name in names) == conversion.num_pictures


def _create_partial(partial: Path, fresh: Conversion) -> None:
    """Create an empty `OUT.part` that is marked as ours; remove what a killed export left there."""
    with storage_errors(partial):
        if partial.is_symlink() or partial.exists():
            found = (
                {path.name for path in partial.iterdir()} if partial.is_dir() and not partial.is_symlink() else {"."}
            )
            if found - {f"{CONVERSION}.part"} and CONVERSION not in found:
                raise ToileError(str(partial), "exists and was not made by toile convert", "choose another --out")
            _remove_export(partial)
        partial.mkdir(parents=True)
        write_json(partial / CONVERSION, as_document(fresh))


def _remove_export(export: Path) -> None:
    """Remove an export, and the file that marks it as ours last, so that a killed removal can be repeated."""
    for path in export.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name not in {CONVERSION, f"{CONVERSION}.part"}:
            path.unlink()
    shutil.rmtree(export)


def format_card(
    shards: Path, manifest: Manifest, format: str, num_products: int, folder: ExportFolder, counts: Mapping[str, int]
) -> str:
    """Return the README.md of an export: front matter for hubs and `datasets`, origin, and how to read it.

    It contains no date and no path, so the same export has the same card.
    """
    inputs = {key: value for key, value in manifest.inputs.items() if key != "spec_document"}
    notes = "".join(f"- {what}: {number:,}\n" for what, number in counts.items())
    return f"""---
license: {_find_licence(shards)}
{_format_configs(format, folder)}---

# A catalog as {format}

{num_products:,} products and {folder.num_images:,} images, written by `toile convert` from a catalog that
`toile {manifest.kind}` made. `convert.json` contains the sha256 of every table. {_HOW_TO_READ[format]}

{f"Written with changes:{chr(10)}{chr(10)}{notes}{chr(10)}" if notes else ""}The catalog was made from:

```json
{json.dumps(inputs, indent=1, ensure_ascii=False)}
```
"""


def _find_licence(shards: Path) -> str:
    """Return the licence in the card of the catalog."""
    card = shards / "README.md"
    lines = card.read_text(encoding="utf-8").splitlines() if card.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("license:")), "unknown")


def _format_configs(format: str, folder: ExportFolder) -> str:
    """Return the configuration by which `datasets.load_dataset(FOLDER)` finds the files of each split."""
    patterns = {"csv": "products.csv", "jsonl": "products.jsonl"}
    if format in patterns:
        named = {"train": patterns[format]}
    else:
        glob = _SPLIT_FILES.get(format, "")
        named = {split: glob.format(split) for split in SPLITS if glob and _has_split(split, folder)}
    files = "".join(f"  - split: {split}\n    path: {path}\n" for split, path in named.items())
    return f"configs:\n- config_name: default\n  data_files:\n{files}" if files else ""


def _has_split(split: str, folder: ExportFolder) -> bool:
    return any(name.removeprefix("data/").startswith((f"{split}/", f"{split}-", f"{split}.")) for name in folder.files)
