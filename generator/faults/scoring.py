"""The list of faulty rows, `extra/faults.parquet`, and how well a pipeline finds them.

    score = score_faults(Path("found.csv"), Path("data/faulty/extra/faults.parquet"))

The list has one line for every faulty row, in the order of the rows. Each shard writes its lines as a part, and
`join_parts` joins the parts at the end. So only one shard's lines are in memory, and a killed run gives the same bytes.

What a pipeline found is a table with the column `product_code` or `row`, and `kind` where it says kinds. A row counts
once for each kind it is found under. Rules:

- A faulty row is found when it is named, under any kind or none. Recall asks for the right kind too, or for its group,
  such as `missing`. Precision of a kind or group is about the rows named under that very word.
- A pipeline cannot tell which of a duplicate and its original came first. So naming either finds the duplicate, and
  naming both is no false alarm.
- Any other named row is a false alarm: clean rows, and rows that the catalog does not have.
"""

import dataclasses
import io
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from generator.catalog.storage import Folder
from generator.faults.scenarios import ALL, GROUPS, KINDS
from schemas.errors import ToileError, suggest
from schemas.manifest import MANIFEST, ExtraFile, check_extra, read_manifest
from schemas.product import read
from schemas.util.files import file_sha256, storage_errors

FAULTS_FILE = "extra/faults.parquet"
FAULTS_SCHEMA = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),  # product number; added rows have numbers after the last product
        pa.field("product_code", pa.string(), nullable=False),  # as in the data
        pa.field("split", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("form", pa.string(), nullable=False),  # variant of the kind
        pa.field("column", pa.string(), nullable=False),  # the column that is wrong
        pa.field("true_value", pa.string(), nullable=False),  # JSON; of an image the sha256 of its file
        pa.field("faulty_value", pa.string(), nullable=False),  # JSON, likewise
        pa.field("other_true_values", pa.string()),  # JSON object of the other changed columns
        pa.field("of_row", pa.int64()),  # the original of an added row
        pa.field("file", pa.string(), nullable=False),
    ]
)
CONFIDENCE = 0.95
ANY = "any"
"""The line of all kinds together."""

Row = dict[str, Any]
Name = str | int
"""A product code, or a row number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A part of a whole, with its interval."""

    part: int
    whole: int
    value: float | None
    """None where the whole is 0."""
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KindScore:
    """How well the faults of one kind were found."""

    kind: str
    found: Share
    """Of the faulty rows of this kind, those that were named at all."""
    recall: Share | None
    """Those that were named under this kind or its group; None where the table says no kinds."""
    precision: Share | None
    """Of the rows named under this kind, those that have it; None where the table says no kinds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultScore:
    """How well a pipeline finds faulty rows."""

    any: KindScore
    """All kinds together: `precision` is the share of named rows that are faulty, whatever the kind."""
    kinds: tuple[KindScore, ...]
    """Kinds in the order of `scenarios.KINDS`, then groups; only those that are in the truth or were named."""
    num_named: int
    """Different rows."""
    says_kinds: bool
    unknown_kinds: Mapping[str, int]
    """Names that are neither kind nor group, with the rows named under them: they count as named without a kind."""
    unknown_names: int | None
    """Named rows that the catalog does not have; None where the truth is not in the folder of its catalog."""


def part_name(receipts: str, shard: int) -> str:
    """Return the name of the part of a shard."""
    return f"{receipts}/{shard:05d}.faults.parquet"


def encode_part(lines: list[Row]) -> bytes:
    """Return the lines of one shard as a Parquet file."""
    buffer = io.BytesIO()
    _write_tables([pa.Table.from_pylist(lines, schema=FAULTS_SCHEMA)], buffer)
    return buffer.getvalue()


def join_parts(parts: Iterable[str], out: Folder) -> ExtraFile:
    """Write the lines of all shards as one file, atomically: a row group for each shard that has lines."""
    with tempfile.TemporaryDirectory(prefix="toile-faults-") as scratch:
        path = Path(scratch) / "faults.parquet"
        with storage_errors(path), path.open("wb") as file:
            num_rows = _write_tables((_read_part(out, part) for part in parts), file)
        out.put(FAULTS_FILE, path)
        num_bytes, sha256 = path.stat().st_size, file_sha256(path)
        return ExtraFile(path=FAULTS_FILE, num_rows=num_rows, num_bytes=num_bytes, sha256=sha256)


def read_faults(path: Path) -> list[Row]:
    """Read the lines of a `faults.parquet`; raise ToileError for another or a damaged file."""
    hint = "name the extra/faults.parquet of a folder made by `toile generate --scenario`"
    try:
        check_extra(path)
        table = pq.read_table(path, page_checksum_verification=True)
        lacking = [name for name in FAULTS_SCHEMA.names if name not in table.schema.names]
        if lacking:
            raise ToileError(str(path), f"lacks the columns {', '.join(lacking)}", hint)
        lines: list[Row] = table.select(FAULTS_SCHEMA.names).cast(FAULTS_SCHEMA).to_pylist()
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:  # a name that is not UTF-8, or occurs twice
        raise ToileError(str(path), f"is not a readable Parquet file: {error}", hint) from error
    return lines


def score_faults(found: Path, truth: Path) -> FaultScore:
    """Score a table of found faults against the `extra/faults.parquet` of a catalog.

    Raises:
        ToileError: A file cannot be read, the table has neither `product_code` nor `row`, or a row names nothing.
    """
    from generator.ingest.columns import find_columns  # generating needs this module, and not these
    from generator.ingest.tables import read_table

    faults, table = read_faults(truth), read_table(found)
    for problem in table.broken.values():
        raise ToileError(str(found), problem, "fix that line: every line names a faulty row")
    theirs = list(table.rows[0])
    columns = {name: name for name in ("product_code", "row", "kind")}
    if not {"product_code", "row"} & {*theirs}:
        columns |= find_columns(table.rows, {}, str(found))
    rows = [{ours: row.get(columns[ours]) for ours in ("product_code", "row", "kind")} for row in table.rows]
    key = _key_column(columns, theirs, found)
    codes = _codes_without_zeros(faults) if key == "product_code" else {}
    named = _named_rows(rows, key, codes, found)
    unknown = Counter(kind for kinds in named.values() for kind in kinds if kind and kind not in _KINDS_BY_NAME)
    strangers = _count_strangers(named.keys() - _kinds_by_row(faults, key).keys(), key, truth)
    return score_named(faults, named, key, unknown, strangers)


def score_named(
    faults: list[Row],
    named: Mapping[Name, set[str | None]],
    key: str,
    unknown: Mapping[str, int],
    strangers: int | None,
) -> FaultScore:
    """Score named rows against the lines of the truth.

    Args:
        faults: The lines of the truth.
        named: Name of a row -> the kinds it is named under.
        key: `product_code` or `row`, what the names are.
        unknown: Unknown kind -> number of rows.
        strangers: Number of names that the catalog does not have, if known.
    """
    truth, kinds_by_row = [(line["kind"], _names_of(line, key)) for line in faults], _kinds_by_row(faults, key)
    said = {kind for kinds in named.values() for kind in kinds if kind is not None}
    found = [(kind, names) for kind, names in truth if not names.isdisjoint(named)]
    right = [(kind, names) for kind, names in found if any(kind in _expand(named.get(name, ())) for name in names)]

    def score_kind(kind: str, members: Iterable[str]) -> KindScore:
        whole = sum(each in members for each, _ in truth)
        claimed = {name for name, kinds in named.items() if kind in kinds}
        correct = sum(not kinds_by_row[name].isdisjoint(members) for name in claimed)
        return KindScore(
            kind=kind,
            found=make_share(sum(each in members for each, _ in found), whole),
            recall=make_share(sum(each in members for each, _ in right), whole) if said else None,
            precision=make_share(correct, len(claimed)) if said else None,
        )

    wanted = said | {kind for kind, _ in truth}
    overall = score_kind(ANY, GROUPS[ALL])
    precision = make_share(sum(bool(kinds_by_row[name]) for name in named), len(named))
    return FaultScore(
        any=dataclasses.replace(overall, precision=precision),
        kinds=tuple(score_kind(name, members) for name, members in _KINDS_BY_NAME.items() if name in wanted),
        num_named=len(named),
        says_kinds=bool(said),
        unknown_kinds=dict(unknown),
        unknown_names=strangers,
    )


def make_share(part: int, whole: int) -> Share:
    """Return a rate with its Wilson interval; no value where the whole is 0."""
    from schemas.util.stats import wilson  # scipy is slow to import, and generating needs this module

    if whole == 0:
        return Share(part=part, whole=whole, value=None, low=None, high=None)
    low, high = wilson(part / whole, whole, CONFIDENCE)
    return Share(part=part, whole=whole, value=part / whole, low=low, high=high)


_KINDS_BY_NAME: dict[str, tuple[str, ...]] = {**{kind.name: (kind.name,) for kind in KINDS}, **GROUPS}
"""Name in the column `kind` -> the kinds that it means."""


def _expand(names: Iterable[str | None]) -> set[str]:
    """Return the kinds that names of kinds and groups mean."""
    return {each for name in names for each in _KINDS_BY_NAME.get(name or "", ())}


def _key_column(columns: Mapping[str, str], theirs: list[str], found: Path) -> str:
    for key in ("product_code", "row"):
        if columns[key] in theirs:
            return key
    problem = f"has neither a column product_code nor row; it has {', '.join(theirs)}"
    raise ToileError(str(found), problem, f"name the products; {suggest('product_code', theirs)}")


def _codes_without_zeros(faults: list[Row]) -> dict[str, str]:
    """Return code without leading zeros -> code, for the codes of the truth: who reads codes as numbers loses zeros."""
    codes = {str(name) for line in faults for name in _names_of(line, "product_code")}
    return {code.lstrip("0"): code for code in codes if code.isdecimal() and code.startswith("0")}


def _named_rows(rows: list[Row], key: str, codes: Mapping[str, str], found: Path) -> dict[Name, set[str | None]]:
    from generator.ingest.rows import format_code, quote_cell

    named: dict[Name, set[str | None]] = defaultdict(set)
    for number, row in enumerate(rows, start=1):
        name = None if row[key] is None else format_code(row[key])
        if name is None or (key == "row" and not name.isdecimal()):
            hint = f"fix row {number}: it must name a product" if name is None else "use product_code for codes"
            raise ToileError(f"{found}: row {number}", f"{quote_cell(row[key])} is not a {key}", hint)
        kind = None if row["kind"] is None else re.sub(r"[\s_]+", "-", str(row["kind"]).lower())
        named[int(name) if key == "row" else codes.get(name, name)].add(kind)
    return dict(named)


def _names_of(line: Mapping[str, Any], key: str) -> set[Name]:
    """Return the names that find a faulty row: its own, and for a copy that of its original."""
    if line["of_row"] is None:
        return {line[key]}
    return {line["row"], line["of_row"]} if key == "row" else {line["product_code"], _original_code(line)}


def _original_code(line: Mapping[str, Any]) -> str:
    """Return the code of the original of a copy, which is its true code."""
    return str(line["true_value"]).strip('"')


def _kinds_by_row(faults: list[Row], key: str) -> dict[Name, set[str]]:
    """Return name of a faulty row -> the kinds that it finds; an empty set for other names."""
    kinds: dict[Name, set[str]] = defaultdict(set)
    for line in faults:
        for name in _names_of(line, key):
            kinds[name].add(line["kind"])
    return kinds


def _count_strangers(names: set[Name], key: str, truth: Path) -> int | None:
    """Count the names, none of them faulty, that the catalog of the truth does not have."""
    folder = truth.absolute().parent.parent
    if not (folder / MANIFEST).is_file() or truth.absolute() != folder / FAULTS_FILE:
        return None
    if key == "row":
        inputs = read_manifest(folder).inputs
        products = range(int(inputs["start"]), int(inputs["start"]) + int(inputs["num_products"]))
        return sum(name not in products for name in names)
    existing = {product.product_code for product in read(folder, columns=()) if product.product_code in names}
    return len(names - existing)


def _read_part(out: Folder, part: str) -> pa.Table:
    with out.open(part) as file:
        return pq.read_table(file)


def _write_tables(tables: Iterable[pa.Table], file: BinaryIO) -> int:
    """Write all tables as one Parquet file; return the number of its rows."""
    num_rows = 0
    with pq.ParquetWriter(file, FAULTS_SCHEMA, compression="zstd", write_page_checksum=True) as writer:
        for table in tables:
            if table.num_rows:
                writer.write_table(table)
                num_rows += table.num_rows
    return num_rows
