"""How well a pipeline finds the faulty rows of a catalog: recall of every kind, precision where it says kinds.

What was found is a table with the column `product_code` or `row`, and `kind` where the pipeline tells it. A row counts
once for each kind it is found under. Policy:

- A faulty row is found when it is named, under any kind or none. Recall asks for the right kind too, or for its group,
  such as `missing`. Precision of a kind or group is about the rows named under just that word.
- Of a duplicate and its original a pipeline cannot tell which came first: naming either finds the duplicate, and
  naming both is no false alarm.
- Whatever else is named is a false alarm: clean rows, and rows that the catalog does not have.
"""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator.faults.scenarios import ALL, GROUPS, KINDS
from generator.faults.table import FAULTS, read_faults
from generator.ingest.tables import Row, read_table
from schemas.errors import ToileError, suggest
from schemas.manifest import MANIFEST, read_manifest
from schemas.product import read
from schemas.util.stats import wilson

CONFIDENCE = 0.95
ANY = "any"
"""The line of all kinds together."""

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
    """A pipeline's error detection."""

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
    """Named rows that the catalog does not have; None where the catalog does not lie beside the truth."""


def score_faults(found: Path, truth: Path) -> FaultScore:
    """Score a table of found faults against the `extra/faults.parquet` of a catalog.

    Raises ToileError for a file that cannot be read, one without `product_code` and `row`, and rows that name nothing.
    """
    faults, rows = read_faults(truth), read_table(found)
    by = _names(rows, found)
    named = _named(rows, by, found)
    unknown = Counter(kind for kinds in named.values() for kind in kinds if kind and kind not in _MEANT)
    strangers = _strangers(named.keys() - _twins(faults, by).keys(), by, truth)
    return scored(faults, named, by, unknown, strangers)


def scored(
    faults: list[dict[str, Any]],
    named: Mapping[Name, set[str | None]],
    by: str,
    unknown: Mapping[str, int],
    strangers: int | None,
) -> FaultScore:
    """The score of what was named (name -> its kinds) against the lines of the truth."""
    truth, twins = [(line["kind"], _own(line, by)) for line in faults], _twins(faults, by)
    said = {kind for kinds in named.values() for kind in kinds if kind is not None}
    found = [(kind, names) for kind, names in truth if not names.isdisjoint(named)]
    right = [(kind, names) for kind, names in found if any(kind in _meant(named.get(name, ())) for name in names)]

    def line_of(kind: str, members: Iterable[str]) -> KindScore:
        whole = sum(each in members for each, _ in truth)
        claimed = {name for name, kinds in named.items() if kind in kinds}
        return KindScore(
            kind=kind,
            found=share(sum(each in members for each, _ in found), whole),
            recall=share(sum(each in members for each, _ in right), whole) if said else None,
            precision=share(sum(not twins[name].isdisjoint(members) for name in claimed), len(claimed))
            if said
            else None,
        )

    wanted = said | {kind for kind, _ in truth}
    overall = line_of(ANY, GROUPS[ALL])
    return FaultScore(
        any=dataclasses.replace(overall, precision=share(sum(bool(twins[name]) for name in named), len(named))),
        kinds=tuple(line_of(name, members) for name, members in _MEANT.items() if name in wanted),
        num_named=len(named),
        says_kinds=bool(said),
        unknown_kinds=dict(unknown),
        unknown_names=strangers,
    )


def share(part: int, whole: int) -> Share:
    """A rate with its Wilson interval; no value where the whole is 0."""
    if whole == 0:
        return Share(part=part, whole=whole, value=None, low=None, high=None)
    low, high = wilson(part / whole, whole, CONFIDENCE)
    return Share(part=part, whole=whole, value=part / whole, low=low, high=high)


_MEANT: dict[str, tuple[str, ...]] = {**{kind.name: (kind.name,) for kind in KINDS}, **GROUPS}
"""What a name in the column `kind` can mean."""


def _meant(kinds: Iterable[str | None]) -> set[str]:
    return {each for kind in kinds for each in _MEANT.get(kind or "", ())}


def _names(rows: list[Row], found: Path) -> str:
    for by in ("product_code", "row"):
        if any(by in row for row in rows):
            return by
    columns = list(dict.fromkeys(name for row in rows for name in row))
    problem = f"has neither a column product_code nor row; it has {', '.join(columns)}"
    raise ToileError(str(found), problem, f"name the products; {suggest('product_code', columns)}")


def _named(rows: list[Row], by: str, found: Path) -> dict[Name, set[str | None]]:
    named: dict[Name, set[str | None]] = defaultdict(set)
    for number, row in enumerate(rows, start=1):
        value = row.get(by)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if value is None or (by == "row" and not str(value).isdecimal()):
            hint = "every row must name a product" if value is None else "use product_code for codes"
            raise ToileError(f"{found}: row {number}", f"{value!r} is no {by}", hint)
        kind = row.get("kind")
        named[int(value) if by == "row" else str(value)].add(None if kind is None else str(kind))
    return dict(named)


def _own(line: Mapping[str, Any], by: str) -> set[Name]:
    """The names under which a faulty row is found: its own, and of a copy that of its original."""
    if line["of_row"] is None:
        return {line[by]}
    return {line["row"], line["of_row"]} if by == "row" else {line["product_code"], _original_code(line)}


def _original_code(line: Mapping[str, Any]) -> str:
    """The code of what a copy was made of stands as its true code."""
    return str(line["true_value"]).strip('"')


def _twins(faults: list[dict[str, Any]], by: str) -> dict[Name, set[str]]:
    """Every name under which a faulty row is found -> the kinds of what it finds; nothing for others."""
    kinds: dict[Name, set[str]] = defaultdict(set)
    for line in faults:
        for name in _own(line, by):
            kinds[name].add(line["kind"])
    return kinds


def _strangers(names: set[Name], by: str, truth: Path) -> int | None:
    """How many of the names, none of them faulty, the catalog beside the truth does not have."""
    folder = truth.absolute().parent.parent
    if not (folder / MANIFEST).is_file() or truth.absolute() != folder / FAULTS:
        return None
    if by == "row":
        inputs = read_manifest(folder).inputs
        products = range(int(inputs["start"]), int(inputs["start"]) + int(inputs["num_products"]))
        return sum(name not in products for name in names)
    there = {product.product_code for product in read(folder, columns=()) if product.product_code in names}
    return len(names - there)
