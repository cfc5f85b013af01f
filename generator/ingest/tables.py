"""Read other people's tables: CSV, TSV, JSON lines, Excel, Parquet, Arrow, `datasets` folders and class folders.

`read_table(path)` returns a `Table`: rows, each a dict from column name to value. Values are text or numbers, missing
values are None. An image inside a table is a `StoredImage`, which stays on disk until it is read.

    rows = read_table(Path("shop/products.csv")).rows

Encoding and delimiter of text files are found in the file. A line that cannot be read is an empty row of the table, and
`Table.broken` says why.

To add a kind of file, write a function `(path, options) -> Table` and add it with its suffix to `READERS`. Add
the suffix to `SUFFIXES_BY_PREFERENCE` too. To add a kind of folder, extend `read_table` and `table_files`. What the
columns mean is decided in `generator.ingest.columns`.

A folder of `datasets` holds Parquet files (as on a hub), or what `datasets.save_to_disk` writes: `state.json` with the
names of Arrow streams, and for several splits a `dataset_dict.json` above it. Class labels, which these files hold as
numbers, become names.
"""

import codecs
import csv
import io
import itertools
import json
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from generator.ingest import ImportOptions
from schemas.errors import ToileError
from schemas.images import IMAGE_SUFFIXES, UNKNOWN_SUFFIX, image_suffix
from schemas.manifest import MANIFEST

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

_OTHER_IMAGES = {".heic", ".heif", ".hif", ".jxl", ".svg", ".eps", ".dng", ".cr2", ".nef", ".arw"}
"""Suffixes of images that toile does not read: each is a bad row with the reason, and not left out in silence."""
CLASS_FOLDER = "folder"
"""Column of the folder of each image of an `imagefolder`, the category where its metadata has none."""
_SPLIT_FOLDERS = {"train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval"}
MISSING = frozenset(
    (
        *(
            "",
            "n.a.",
            "n.a",
            "n/a",
            "na",
            "nan",
            "none",
            "null",
            "nil",
            "undefined",
            "unknown",
            "<na>",
            "(null)",
            "nat",
        ),
        *(
            "<null>",
            "(blank)",
            "[]",
            "{}",
            '""',
            "\\n",
            "-",
            "--",
            "---",
            "\u2013",
            "\u2014",
            ".",
            "?",
            "tbd",
            "tba",
            "tbc",
        ),
        *("#n/a", "#n/a n/a", "#na", "#ref!", "#value!", "#name?", "#div/0!", "#null!", "#num!", "-nan", "1.#qnan"),
        *("not available", "not applicable", "no data", "sold out", "soldout", "out of stock", "unavailable"),
        *("coming soon", "on request", "price on request", "call for price", "ausverkauft", "auf anfrage"),
        *("\u00e9puis\u00e9", "agotado", "esaurito", "k.a.", "k. a.", "\u043d\u0435\u0442", "\u58f2\u308a\u5207\u308c"),
    )
)
"""Text that means "no value" in every column alike, in lower case: what people, pandas, Excel and databases write."""
SUFFIXES_BY_PREFERENCE = (
    (".parquet",),
    (".arrow",),
    (".jsonl", ".ndjson", ".csv", ".tsv"),
    (".xlsx", ".xlsm", ".xls", ".ods"),
    (".txt",),
)
"""A data set often holds the same rows in several kinds of files. The first kind that is there is read."""
DELIMITERS = {"comma": ",", "tab": "\t", "semicolon": ";", "pipe": "|"}
"""Name -> delimiter, in the order in which equally good ones are preferred."""
_SAMPLE_LINES = 300
"""Lines of a text file from which its delimiter is found."""
_SHORT_SHARE = 0.05
"""Above this share of lines with too few fields, the table was written so: spreadsheets leave out the last."""
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MOST_WORKBOOK_BYTES = 1 << 30
"""A larger workbook, unpacked, is not opened: a small file can unpack to any size."""
_C1_CONTROL = re.compile(r"[\x80-\x84\x86-\x9f]")
_BATCH = 32
"""Rows of an image column in memory at once."""

Row = dict[str, Any]
Cell = tuple[bytes | None, str | None]
"""The bytes of an image and the path it had. Either may be missing."""


class StoredImage:
    """An image inside a table, read on request."""

    __slots__ = ("_column", "_index")

    def __init__(self, column: "_ParquetColumn | _ArrowColumn", index: int) -> None:
        self._column = column
        self._index = index

    def read(self) -> Cell:
        """Return its bytes and path. This is fast as long as the images of a file are read in order."""
        return self._column.read_cell(self._index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The rows of a table under its own column names."""

    rows: list[Row]
    """Element k is row k + 1 in messages."""
    broken: Mapping[int, str] = field(default_factory=dict)
    """Row number -> why its line could not be read; such a row is empty."""
    notes: tuple[str, ...] = ()
    """What was found in the file: its encoding, its delimiter."""


def read_table(path: Path, options: ImportOptions | None = None) -> Table:
    """Read the rows of a file or a folder.

    A folder is read as an `imagefolder` if it has `metadata.*`, as one of `datasets` if it holds such files, else as
    class folders. A catalog made by toile is
    refused, because import would replace its families and splits.
    """
    if not path.is_dir():
        return read_files([path], options)
    if (path / MANIFEST).is_file():
        hint = "use the folder as it is: toile train, evaluate and describe read it; or import its original table"
        raise ToileError(str(path), "is already a catalog made by toile", hint)
    metadata = _metadata_files(path)
    if metadata:
        return _read_imagefolder(path, metadata, options or ImportOptions())
    files = table_files(path)
    if files:
        return read_files(files, options)
    return _read_class_folders(path, options or ImportOptions())


def read_files(paths: list[Path], options: ImportOptions | None = None) -> Table:
    """Read the rows of several files, one after the other, each with the reader of its suffix."""
    rows: list[Row] = []
    broken: dict[int, str] = {}
    notes: dict[str, None] = {}
    for path in paths:
        reader = READERS.get(path.suffix.lower())
        if reader is None:
            problem = f"{path.suffix or 'no suffix'!r} is not a kind of table that toile reads"
            hint = f"use {', '.join(sorted(READERS))}, a folder of `datasets`, or a folder of class folders"
            raise ToileError(str(path), problem, hint)
        table = reader(path, options or ImportOptions())
        broken |= {len(rows) + number: problem for number, problem in table.broken.items()}
        notes |= dict.fromkeys(table.notes)
        rows += table.rows
    if not rows:
        raise ToileError(str(paths[0]), "has no rows", "check that the file is complete")
    clean = [{str(name): normalize_missing(value) for name, value in row.items()} for row in rows]
    return Table(rows=clean, broken=broken, notes=tuple(notes))


def table_files(folder: Path) -> list[Path]:
    """Return the files of a folder of `datasets`, in order; an empty list for any other folder."""
    listing = folder / "dataset_dict.json"
    if listing.is_file():
        splits = _read_json(listing).get("splits")
        if not isinstance(splits, list):
            raise ToileError(f"{listing}: splits", "is missing", "save the data set again")
        return [file for split in splits for file in table_files(folder / str(split))]
    if (folder / "state.json").is_file():
        entries = _read_json(folder / "state.json").get("_data_files")
        if not isinstance(entries, list) or not all(isinstance(e, dict) and "filename" in e for e in entries):
            raise ToileError(f"{folder / 'state.json'}: _data_files", "is missing", "save the data set again")
        return [folder / str(entry["filename"]) for entry in entries]
    found = (path.relative_to(folder) for path in folder.rglob("*.parquet"))
    return [folder / path for path in sorted(found) if not is_hidden(path)]


def normalize_missing(value: Any) -> Any:
    """Return the value without outer white space, or None for "N.A.", empty text, NaN and the like."""
    if isinstance(value, str):
        return None if value.strip().lower() in MISSING else value.strip()
    return None if value is None or value != value else value


def _read_delimited(path: Path, options: ImportOptions) -> Table:
    """Read a text file of records; every value is text.

    A first line `sep=;` names the delimiter. Lines whose number of fields is not that of the header are broken, except
    for empty fields at the end. A quote that is not closed breaks its own line only.
    """
    text, notes = _decode(path, options.encoding)
    lines = list(io.StringIO(text, newline=""))
    start = 0
    named = re.fullmatch(r'"?sep=(.)"?\s*', lines[0], re.IGNORECASE) if lines else None
    if named:
        start = 1
    elif lines and lines[0].startswith("TemplateType="):
        start = 2  # a flat file of Amazon: settings, names for people, names
    delimiter = options.delimiter or (named[1] if named else _find_delimiter(lines[start : start + _SAMPLE_LINES]))
    usual = "\t" if path.suffix.lower() == ".tsv" else ","
    if delimiter != usual:
        notes.append(f"separated by {_name_delimiter(delimiter)}")
    records = _records(lines, start, delimiter)
    titles, header = _skip_titles(records, has_several=_has_several(lines[start:], delimiter))
    if titles:
        notes.append(f"left out above the header: {' / '.join(titles)[:60]!r}")
    if not any(each.strip() for each in header):
        hint = "write the names of the columns in the first line"
        raise ToileError(str(path), "is not a well-formed table: it has no header line", hint)
    names = _unique_names(header)
    needed = max(number for number, each in enumerate(header, start=1) if each.strip())
    rows: list[Row] = []
    broken: dict[int, str] = {}
    short: dict[int, tuple[str, Row]] = {}
    for line, fields, problem in records:
        if problem is None and not any(fields):
            continue
        while len(fields) > len(names) and not fields[-1].strip():
            fields.pop()
        row = dict(zip(names, fields, strict=False))
        if problem is None and not needed <= len(fields) <= len(names):
            problem = f"has {len(fields)} fields, not {len(names)}"
            if len(fields) < needed:
                short[len(rows) + 1] = (f"line {line} {problem}", row)
        rows.append(row if problem is None else {})
        if problem is not None:
            broken[len(rows)] = f"line {line} {problem}"
    if len(short) > _SHORT_SHARE * len(rows):
        for number, (_, row) in short.items():
            rows[number - 1] = row
            del broken[number]
        notes.append(f"{len(short):,} lines have fewer fields than the header: the last ones are taken as empty")
    if rows and len(broken) == len(rows):
        raise ToileError(
            str(path), f"is not a well-formed table: {broken[1]}", "fix that line, or name its --delimiter"
        )
    return Table(rows=rows, broken=broken, notes=tuple(notes))


def _skip_titles(
    records: Iterator[tuple[int, list[str], str | None]], *, has_several: bool
) -> tuple[list[str], list[str]]:
    """Return the titles above the header of a table of several columns, and the header, empty without any."""
    titles: list[str] = []
    for _, fields, problem in records:
        if problem is None and any(fields):
            words = sum(bool(each.strip()) for each in fields)
            if not has_several or words > 1 or len(fields) == 2:  # a title may have empty cells behind it
                return titles, fields
            titles += [each for each in fields if each.strip()]
    return [], titles[:1]


def _records(lines: list[str], start: int, delimiter: str) -> Iterator[tuple[int, list[str], str | None]]:
    """Yield (line number, fields, problem) of each record. After a quote that is not closed, reading goes on below."""
    limit = csv.field_size_limit(max(csv.field_size_limit(), sum(map(len, lines)) + 1))
    try:
        while start < len(lines):
            begin, restarted = start, False
            reader = csv.reader(lines[start:], delimiter=delimiter, skipinitialspace=delimiter != "\t")
            for fields in reader:
                end = start + reader.line_num
                if not _is_closed(lines[begin:end], delimiter, at_end=end == len(lines)):
                    yield begin + 1, [], "has a quote that is not closed"
                    start, restarted = begin + 1, True
                    break
                yield begin + 1, fields, None
                begin = end
            if not restarted:
                return
    finally:
        csv.field_size_limit(limit)


def _is_closed(lines: list[str], delimiter: str, *, at_end: bool) -> bool:
    """Return whether all quotes of a record are closed where they should be; a record of one line may have odd ones."""
    if len(lines) == 1:
        return not at_end or len(list(csv.reader([*lines, "x"], delimiter=delimiter, skipinitialspace=True))) > 1
    try:
        list(csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter != "\t", strict=True))
    except csv.Error:
        return False
    return True


def _find_delimiter(lines: list[str]) -> str:
    """Return the delimiter that divides most lines into as many fields as the header, and the header into most.

    Lines above the header are left out only where the first line has no delimiter at all.
    """
    counts = {
        delimiter: [len(each) for _, each, _ in _records(lines, 0, delimiter) if any(each)]
        for delimiter in DELIMITERS.values()
    }
    if not any(fields and fields[0] > 1 for fields in counts.values()):
        counts = {name: list(itertools.dropwhile(lambda number: number < 2, each)) for name, each in counts.items()}
    best, best_score = ",", (0.0, 1)
    for delimiter, fields in counts.items():
        if fields and fields[0] > 1:
            following = fields[1:] or fields
            consistent = sum(abs(number - fields[0]) <= 1 and number > 1 for number in following)
            score = (round(consistent / max(len(following), len(lines) // 2), 1), fields[0])
            if score > best_score:
                best, best_score = delimiter, score
    return best


def _has_several(lines: list[str], delimiter: str) -> bool:
    """Return whether most records of a text have several fields."""
    counts = [len(each) for _, each, _ in _records(lines[:_SAMPLE_LINES], 0, delimiter) if any(each)]
    return 2 * sum(number > 1 for number in counts) >= len(counts)


def _name_delimiter(delimiter: str) -> str:
    return next((name for name, each in DELIMITERS.items() if each == delimiter), repr(delimiter))


def _unique_names(header: list[str]) -> list[str]:
    """Return the names of the columns: one without a name gets its number, a repeated one a number behind it."""
    names: list[str] = []
    for number, each in enumerate(header, start=1):
        name = each.strip() or f"column {number}"
        repeats = sum(other == name or other.startswith(f"{name} (") for other in names)
        names.append(f"{name} ({repeats + 1})" if name in names else name)
    return names


def _read_json_lines(path: Path, options: ImportOptions) -> Table:
    """Read one JSON object a line; empty lines are skipped."""
    text, notes = _decode(path, options.encoding)
    rows: list[Row] = []
    broken: dict[int, str] = {}
    for number, line in enumerate(io.StringIO(text), start=1):
        if not line.strip():
            continue
        problem: str | None = None
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            problem = f"line {number} is not valid JSON: {error}"
        else:
            problem = None if isinstance(row, dict) else f"line {number} is not a JSON object"
        rows.append({} if problem else row)
        if problem:
            broken[len(rows)] = problem
    if rows and len(broken) == len(rows):
        raise ToileError(str(path), broken[1], "write one {...} a line")
    return Table(rows=rows, broken=broken, notes=tuple(notes))


def _read_workbook(path: Path, options: ImportOptions) -> Table:
    """Read the largest sheet of a workbook, and further visible sheets with the same header.

    The header is the first row with as many texts as half of a usual row has cells. A cell that is merged over several
    rows counts for each of them; text, whole and other numbers stay what they are.
    """
    from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if sum(each.file_size for each in archive.infolist()) > _MOST_WORKBOOK_BYTES:
                    raise ToileError(str(path), "unpacks to more than 1 GiB", "save the sheet of products as CSV")
        with CalamineWorkbook.from_path(path) as book:
            shown = [
                each.name
                for each in book.sheets_metadata
                if each.visible == SheetVisibleEnum.Visible and each.typ == SheetTypeEnum.WorkSheet
            ]
            sheets = {name: _fill_merged(book.get_sheet_by_name(name)) for name in shown or book.sheet_names}
    except (CalamineError, zipfile.BadZipFile, OSError) as error:
        hint = "open it in a spreadsheet program and save it as .xlsx or CSV (UTF-8), without a password"
        raise ToileError(str(path), f"is not a readable workbook: {error}", hint) from error
    tables = {name: _split_header(rows) for name, rows in sheets.items()}
    chosen = max(tables, key=lambda name: len(tables[name][1]) * len(tables[name][0]), default=None)
    if chosen is None or not tables[chosen][0]:
        hint = "write the names of the columns in the first line, and a product in each line below"
        raise ToileError(str(path), "has no sheet with a table", hint)
    header = tables[chosen][0]
    same = [name for name, each in tables.items() if each[0] == header]
    names = _unique_names(header)
    rows = [dict(zip(names, row, strict=False)) for name in same for row in tables[name][1]]
    notes = [f"read the {_count_sheets(same)} of {len(sheets)} sheets"] if len(sheets) > 1 else []
    titles = tables[chosen][2]
    notes += [f"left out above the header: {' / '.join(titles)[:60]!r}"] if titles else []
    return Table(rows=rows, notes=tuple(notes))


def _count_sheets(names: list[str]) -> str:
    return f"sheet {names[0]!r}" if len(names) == 1 else f"sheets {', '.join(map(repr, names))}"


def _fill_merged(sheet: "CalamineSheet") -> list[list[Any]]:
    """Return the cells of a sheet; a cell that is merged over several rows is in each of them."""
    rows = [[_plain_cell(cell) for cell in row] for row in sheet.to_python(skip_empty_area=False)]
    for (top, left), (bottom, _) in sheet.merged_cell_ranges or ():
        for row in rows[top + 1 : bottom + 1]:
            if top < len(rows) and left < min(len(rows[top]), len(row)):
                row[left] = rows[top][left]
    return rows


def _plain_cell(cell: Any) -> Any:
    """Return a cell as text or number; None for an empty one, and a date as text."""
    if isinstance(cell, str):
        return cell.strip() or None
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return int(cell)
    return cell if cell is None or isinstance(cell, int | float) else str(cell)


def _split_header(rows: list[list[Any]]) -> tuple[list[str], list[list[Any]], list[str]]:
    """Split a sheet into the names of its columns, the rows below without empty ones, and the texts above."""
    filled = [row for row in rows if any(cell is not None for cell in row)]
    counts = sorted(sum(cell is not None for cell in row) for row in filled)
    least = max(2, counts[len(counts) // 2] / 2) if counts else 2
    texts = (sum(isinstance(cell, str) for cell in row) for row in filled)
    start = next((number for number, count in enumerate(texts) if count >= least), None)
    if start is None:
        return [], [], []
    last = max(number for number, cell in enumerate(filled[start]) if cell is not None)
    header = ["" if cell is None else str(cell) for cell in filled[start][: last + 1]]
    above = [str(cell) for row in filled[:start] for cell in row if cell is not None]
    return header, [row[: last + 1] for row in filled[start + 1 :]], above


def _read_parquet(path: Path, options: ImportOptions) -> Table:
    """Read a Parquet file; a cell of an image column is a StoredImage. Parquet has its own encoding."""
    try:
        with pq.ParquetFile(path) as file:
            schema: pa.Schema = file.schema_arrow
            num_rows: int = file.metadata.num_rows
            table = file.read(columns=_columns_without_bytes(schema))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ToileError(str(path), f"is not a readable Parquet file: {error}", "make it again") from error
    images = {name: _ParquetColumn(path, name, num_rows) for name in _image_columns(schema)}
    return Table(rows=_arrow_rows(path, table, schema, images, num_rows))


def _read_arrow_stream(path: Path, options: ImportOptions) -> Table:
    """Read an Arrow stream. The file is mapped into memory, not loaded."""
    try:
        table: pa.Table = pa.ipc.open_stream(pa.memory_map(str(path))).read_all()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ToileError(str(path), f"is not a readable Arrow stream: {error}", "save the data set again") from error
    images = {name: _ArrowColumn(table[name]) for name in _image_columns(table.schema)}
    columns = table.select(_columns_without_bytes(table.schema))
    return Table(rows=_arrow_rows(path, columns, table.schema, images, table.num_rows))


READERS: dict[str, Callable[[Path, ImportOptions], Table]] = {
    ".csv": _read_delimited,
    ".tsv": _read_delimited,
    ".txt": _read_delimited,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".parquet": _read_parquet,
    ".arrow": _read_arrow_stream,
    ".xlsx": _read_workbook,
    ".xlsm": _read_workbook,
    ".xls": _read_workbook,
    ".ods": _read_workbook,
}
"""Suffix -> function that reads such a file. A new kind of table is added here."""


def is_hidden(path: Path) -> bool:
    """Return whether a relative path is a hidden file or the shadow that macOS adds to archives (`._x.jpg`)."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def _metadata_files(folder: Path) -> list[Path]:
    """Return the `metadata.*` of an `imagefolder` of `datasets`, in order."""
    found = (
        each.relative_to(folder)
        for suffix in (".csv", ".jsonl", ".parquet")
        for each in folder.rglob(f"metadata{suffix}")
    )
    return [folder / path for path in sorted(found) if not is_hidden(path)]


def _read_imagefolder(folder: Path, files: list[Path], options: ImportOptions) -> Table:
    """Read an `imagefolder`: rows with a column `file_name`, relative to their own `metadata.*`."""
    rows: list[Row] = []
    broken: dict[int, str] = {}
    named: set[str] = set()
    for file in files:
        table = read_files([file], options)
        broken |= {len(rows) + number: problem for number, problem in table.broken.items()}
        for row in table.rows:
            name = row.pop("file_name", None) or row.pop("file_names", None) or row.pop("image_file_name", None)
            names = name if isinstance(name, list) else [name]
            places = [(file.parent / str(each)).relative_to(folder).as_posix() for each in names if each is not None]
            named.update(places)
            rows.append({**row, "image": places[0] if len(places) == 1 else places or None})
    folders = [Path(row["image"]).parent.name if isinstance(row["image"], str) else "" for row in rows]
    classes = {each for each in folders if each.lower() not in _SPLIT_FOLDERS}
    if len(classes) > 1 and not any(CLASS_FOLDER in row for row in rows):
        rows = [{**row, CLASS_FOLDER: each or None} for row, each in zip(rows, folders, strict=True)]
    others = [name for name in list_images(folder) if name.as_posix() not in named]
    notes = [f"an imagefolder: {', '.join(file.relative_to(folder).as_posix() for file in files)}"]
    if others:
        notes.append(f"{len(others)} images without a row in them are left out, such as {others[0].as_posix()}")
    return Table(rows=rows, broken=broken, notes=tuple(notes))


def list_images(folder: Path) -> list[Path]:
    """Return the images in a folder and in all below it, as relative paths in order.

    A file without suffix is one if its first bytes are those of an image.
    """
    found = []
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        if is_hidden(inside) or not path.is_file():
            continue
        suffix = path.suffix.lower()
        if suffix in IMAGE_SUFFIXES or suffix in _OTHER_IMAGES or (not suffix and _is_image(path)):
            found.append(inside)
    return sorted(found)


def _is_image(path: Path) -> bool:
    with path.open("rb") as file:
        return image_suffix(file.read(32)) != UNKNOWN_SUFFIX


def _read_class_folders(folder: Path, options: ImportOptions) -> Table:
    """Return one row an image: the folders are the category, the narrowest last; the file's stem is the code.

    Where stems repeat, the code begins with the names of the folders. A first level of `train`, `test` and the like is
    no category. Images that are in no folder are read where `options.category` gives them one.
    """
    found = list_images(folder)
    images = [path for path in found if len(path.parts) > 1 or options.category is not None]
    if not images:
        hint = "arrange them as FOLDER/CLASS/image.jpg" + ("; or add --category NAME" if found else "")
        raise ToileError(str(folder), "has no images in class folders", hint)
    notes = []
    splits = {path.parts[0] for path in images if len(path.parts) > 1}
    are_splits = bool(splits) and {name.lower() for name in splits} <= _SPLIT_FOLDERS
    skipped = int(are_splits and any(len(path.parts) > 2 for path in images))
    if skipped:
        notes.append(f"{', '.join(sorted(splits))} are splits, not categories; toile divides by families itself")

    stems = Counter(image.stem for image in images)
    rows = []
    for image in images:
        levels = image.parts[skipped:-1] or image.parts[:-1]
        row = {
            "product_code": image.stem if stems[image.stem] == 1 else "-".join([*image.parts[:-1], image.stem]),
            "category3_code": levels[-1] if levels else None,
            "image": image.as_posix(),
        }
        if len(levels) > 1:
            row["category1_code"] = levels[0]
        if len(levels) > 2:
            row["category2_code"] = levels[-2]
        rows.append(row)
    left_out = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    left_out = sorted(path for path in set(left_out) - set(images) if not is_hidden(path))
    if left_out:
        notes.append(f"{len(left_out)} files are no images in class folders, such as {left_out[0].as_posix()}")
    return Table(rows=rows, notes=tuple(notes))


def _arrow_rows(
    path: Path, table: pa.Table, schema: pa.Schema, images: "dict[str, Any]", num_rows: int
) -> list[dict[str, Any]]:
    """Return the rows of a table without bytes, with class labels by name and images added."""
    labels = _class_labels(schema)
    try:
        rows: list[dict[str, Any]] = table.to_pylist() if table.num_columns else [{} for _ in range(num_rows)]
    except (UnicodeDecodeError, OverflowError, ValueError) as error:  # bytes that are not text, impossible dates
        raise ToileError(str(path), f"has an invalid value in a column: {error}", "make it again") from error
    for index, row in enumerate(rows):
        for name, names in labels.items():
            number = row.get(name)
            row[name] = names[number] if isinstance(number, int) and 0 <= number < len(names) else number
        row.update((name, StoredImage(column, index)) for name, column in images.items())
    return rows


class _ParquetColumn:
    """One image column of one file. It is read forward in small batches, and from the start again where necessary."""

    def __init__(self, path: Path, name: str, num_rows: int) -> None:
        self._path, self._name, self._num_rows = path, name, num_rows
        self._batches: Iterator[pa.RecordBatch] | None = None
        self._cells: pa.Array = []
        self._first = 0

    def read_cell(self, index: int) -> Cell:
        try:
            if self._batches is None or index < self._first:
                file = pq.ParquetFile(self._path)
                self._batches, self._cells, self._first = file.iter_batches(_BATCH, columns=[self._name]), [], 0
            while index >= self._first + len(self._cells):
                self._first += len(self._cells)
                self._cells = next(self._batches).column(0)
            cell = _split_cell(self._cells[index - self._first].as_py())
        except (pa.ArrowException, OSError, StopIteration, UnicodeDecodeError) as error:
            raise ToileError(str(self._path), f"cannot be read at row {index + 1}: {error}", "make it again") from error
        if index == self._num_rows - 1:
            self._batches, self._cells, self._first = None, [], 0  # a folder may have more files than may be open
        return cell


class _ArrowColumn:
    """One image column of a mapped table."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._column = column

    def read_cell(self, index: int) -> Cell:
        return _split_cell(self._column[index].as_py())


def _split_cell(value: Any) -> Cell:
    if isinstance(value, list):  # several images: the first that there is
        return next((cell for cell in map(_split_cell, value) if cell != (None, None)), (None, None))
    if isinstance(value, dict):
        return value.get("bytes"), value.get("path")
    return value, None


def _image_columns(schema: pa.Schema) -> list[str]:
    """Return columns of bytes, of what `datasets` calls an Image (bytes and path), and of lists of these."""
    return [field.name for field in schema if _is_image_type(field.type)]


def _is_image_type(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _is_image_type(kind.value_type)
    return _is_bytes(kind) or (pa.types.is_struct(kind) and {"bytes", "path"} == {each.name for each in kind})


def _columns_without_bytes(schema: pa.Schema) -> list[str]:
    return [field.name for field in schema if not _contains_bytes(field.type)]


def _is_bytes(kind: pa.DataType) -> bool:
    is_bytes = pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary
    return any(check(kind) for check in is_bytes)


def _contains_bytes(kind: pa.DataType) -> bool:
    return _is_bytes(kind) or any(_contains_bytes(kind.field(k).type) for k in range(kind.num_fields))


def _class_labels(schema: pa.Schema) -> dict[str, list[str]]:
    """Return column -> names of its class numbers, from the feature metadata that `datasets` writes."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        labelled = {name: each for name, each in features.items() if each.get("_type") == "ClassLabel"}
        return {name: [str(label) for label in each["names"]] for name, each in labelled.items()}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}  # the metadata is optional, so unknown metadata is not an error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ToileError(str(path), f"is not readable JSON: {error}", "save the data set again") from error
    return document if isinstance(document, dict) else {}


def _decode(path: Path, encoding: str | None) -> tuple[str, list[str]]:
    """Return the text of a file and what was found about its encoding.

    A byte order mark decides. Then the named encoding does, else UTF-16 where every second byte is 0, UTF-8, or
    Windows-1252 where the file looks like Western text in it.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ToileError(
            str(path), f"cannot be read: {error.strerror}", "check the file and its permissions"
        ) from error
    for bom, name in _BOMS:
        if content.startswith(bom):
            text = _decode_as(path, content, name).removeprefix("\ufeff")
            return text, [] if name == "utf-8" else [f"{name.upper()} text"]
    if encoding is not None:
        text = _decode_as(path, content, encoding)
        if _C1_CONTROL.search(text) and codecs.lookup(encoding).name == "iso8859-1":
            return _decode_as(path, content, "cp1252"), ["cp1252 text: what latin-1 has as control characters"]
        return text, []
    zeros = [content[place : 1 << 16 : 2].count(0) for place in (0, 1)]
    if max(zeros) > 10 * min(zeros) and len(content) % 2 == 0:
        name = "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
        return _decode_as(path, content, name), [f"{name.upper()} text without a mark"]
    try:
        return content.decode(), []
    except UnicodeDecodeError as error:
        if not _looks_western(content):
            raise _wrong_encoding(path, content, "utf-8") from error
    return content.decode("cp1252"), ["cp1252 text, as it is not UTF-8 (name another with --encoding)"]


def _decode_as(path: Path, content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeError as error:
        raise _wrong_encoding(path, content, encoding) from error
    except LookupError as error:
        problem = "is not an encoding of Python"
        raise ToileError(f"--encoding {encoding}", problem, "use cp1252, cp1251, utf-16, shift_jis, ...") from error


def _looks_western(content: bytes) -> bool:
    """Return whether text that is not UTF-8 is Windows-1252: its letters with accents stand alone among others."""
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError:
        return False
    utf8 = len(re.findall(rb"[\xc3-\xf4][\x80-\xbf]+", content))
    runs = [len(each) for each in re.findall(r"[^\W\d_\x00-\x7f]+", text)]
    return sum(length > 2 for length in runs) <= 0.1 * len(runs) and utf8 <= 0.1 * len(
        re.findall(rb"[\x80-\xff]+", content)
    )


def _wrong_encoding(path: Path, content: bytes, encoding: str) -> ToileError:
    line = 1
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
    except UnicodeError:
        line = 1  # the error has no position, as for UTF-16 without its mark
    hint = "name its encoding, as in --encoding cp1252 (Western Windows), cp1251 (Cyrillic), shift_jis, gb18030"
    return ToileError(f"{path}:{line}", f"is not {encoding} text", hint)
