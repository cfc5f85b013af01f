"""Which rows of a catalog are faulty on purpose: the kinds of faults, their shares, and the lot that strikes a row.

Whether product i has a fault of a kind depends on (seed, kind, i) and on what the row holds, never on other rows. A row
has at most one fault: kinds are asked in a fixed order, each with the chance share / (1 - shares asked before), so that
each kind strikes exactly its share of the rows it can befall, in expectation. `docs/scenarios.md` says what each does.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from generator.sampling.codes import num_codes
from generator.sampling.products import check_codes, compile_catalog
from generator.sampling.streams import Floats, Index, uniform
from schemas.catalog import MISSING_LABEL, CatalogSpec, Category, drawn_attribute
from schemas.errors import ToileError, suggest

DEFAULT_SHARE = 0.02
MOST = 0.5
"""Of all shares together: at least half of the rows stay clean."""
ALL = "all"
ADDED = frozenset({"duplicate", "near-duplicate"})
"""Kinds that leave the struck row clean and add a row after the last product instead."""
LATER_DAYS = 182
"""Drifted rows are of a day so much after the catalog's."""
_CLEAN = -1

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Kind:
    """One way for a row to be wrong."""

    name: str
    group: str
    column: str
    """What is wrong first of all; `faults.parquet` lists this column and tells the other changed ones beside it."""


KINDS = (
    Kind("missing-title", "missing", "title"),
    Kind("missing-category", "missing", "category3_code"),
    Kind("missing-price", "missing", "full_price"),
    Kind("missing-picture", "missing", "image"),
    Kind("duplicate", "duplicates", "product_code"),
    Kind("near-duplicate", "duplicates", "product_code"),
    Kind("wrong-category", "categories", "category3_code"),
    Kind("outlier-price", "prices", "full_price"),
    Kind("currency-slip", "prices", "full_price"),
    Kind("mojibake", "text", "title"),
    Kind("right-to-left", "text", "title"),
    Kind("emoji", "text", "title"),
    Kind("long-title", "text", "title"),
    Kind("broken-picture", "pictures", "image"),
    Kind("huge-picture", "pictures", "image"),
    Kind("cmyk-picture", "pictures", "image"),
    Kind("16-bit-picture", "pictures", "image"),
    Kind("animated-picture", "pictures", "image"),
    Kind("exif-rotated-picture", "pictures", "image"),
    Kind("new-season", "drift", "title"),
    Kind("price-rise", "drift", "full_price"),
    Kind("category-split", "drift", "category3_code"),
)
"""In the order in which a row is asked."""
GROUPS = {
    **{group: tuple(kind.name for kind in KINDS if kind.group == group) for group in {k.group: None for k in KINDS}},
    ALL: tuple(kind.name for kind in KINDS),
}


@dataclass(frozen=True, slots=True)
class Split:
    """A leaf that is divided in two."""

    leaf: str
    attribute: str
    value: str
    """Products with this value of the attribute go to one of the new leaves, all others to the other."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """The scenarios of one catalog and all that its faults need to know."""

    spec: CatalogSpec
    seed: int
    shares: Mapping[str, float]
    """Kind -> share of the rows it can befall, above 0."""
    pictures: bool
    num_products: int
    late_from: int
    """Products from this number on can have drifted: the last third."""
    later_date: str
    paths: tuple[tuple[str, ...], ...]
    """Of all leaves with a name, each leaf once."""
    split: Split | None

    def struck(self, batch: pa.RecordBatch, index_N: Index) -> Index:
        """For each row the number of its kind in KINDS, or -1; `batch` holds the clean rows, pictures not needed."""
        kind_N = np.full(len(index_N), _CLEAN)
        asked_N: Floats = np.zeros(len(index_N))
        for number, kind in enumerate(KINDS):
            share = self.shares.get(kind.name, 0.0)
            if share:
                possible_N = self._possible(kind, batch, index_N)
                chosen_N = uniform(self.seed, f"scenario/{kind.name}", index_N) < share / (1 - asked_N)
                kind_N[possible_N & chosen_N & (kind_N == _CLEAN)] = number
                asked_N += share * possible_N
        return kind_N

    def _possible(self, kind: Kind, batch: pa.RecordBatch, index_N: Index) -> Mask:
        """Where the fault would change the row."""
        there_N = np.full(len(index_N), self.pictures)
        if kind.column != "image":
            there_N = _mask(pc.is_valid(batch[kind.column]))
        if kind.name == "near-duplicate":
            there_N &= _mask(pc.and_(pc.is_valid(batch["title"]), pc.is_valid(batch["full_price"])))
        if kind.name == "wrong-category":
            there_N &= _mask(batch["inferable"]) & (len(self.paths) > 1)
        if kind.group == "drift":
            there_N &= index_N >= self.late_from
        if kind.name == "category-split":
            leaf = self.split.leaf if self.split else ""
            there_N &= _mask(pc.fill_null(pc.equal(batch["category3_code"], leaf), fill_value=False))
        return there_N


def shares_of(named: Mapping[str, float], where: str, *, pictures: bool = True) -> dict[str, float]:
    """The share of every kind that has one, in the order of KINDS.

    The share of a group is that of each of its kinds; a kind named itself overrides its group, a group overrides `all`.
    Without `pictures` a group leaves out its picture kinds, and such a kind named itself is refused. Unknown names,
    shares that are none, and more than MOST together are ToileErrors.
    """
    shares: dict[str, float] = {}
    for name in sorted(named, key=lambda name: (name != ALL, name not in GROUPS)):
        if name not in GROUPS and name not in GROUPS[ALL]:
            raise ToileError(where, f"unknown scenario {name!r}", suggest(name, [*GROUPS[ALL], *GROUPS]))
        if not 0 <= named[name] <= MOST:
            hint = f"write a share from 0 to {MOST:g}, as in {name}={DEFAULT_SHARE:g}"
            raise ToileError(where, f"{named[name]:g} is no share for the scenario {name!r}", hint)
        for kind in KINDS:
            if kind.name == name and kind.column == "image" and not pictures and named[name] > 0:
                hint = "leave out --no-images, or this scenario"
                raise ToileError(where, f"{name!r} spoils pictures, and this catalog has none", hint)
            if kind.name in (name, *GROUPS.get(name, ())) and (pictures or kind.column != "image"):
                shares[kind.name] = named[name]
    total = sum(shares.values())
    if total > MOST + 1e-9:
        hint = f"give smaller ones, as in all={DEFAULT_SHARE:g}; at least half of the rows stay clean"
        raise ToileError(where, f"the shares of all scenarios sum to {total:.3g}, more than {MOST:g}", hint)
    return {kind.name: shares[kind.name] for kind in KINDS if shares.get(kind.name)}


def adds_rows(named: Mapping[str, float], *, pictures: bool) -> bool:
    """Whether scenarios that were accepted add copies of rows."""
    return bool(ADDED & shares_of(named, "scenarios", pictures=pictures).keys())


def with_scenarios(document: dict[str, Any], chosen: Sequence[str], *, pictures: bool) -> dict[str, Any]:
    """The catalog document with the scenarios of the command line, NAME or NAME=SHARE, beside or over its own.

    A share of 0 takes a scenario of the document away. Nothing chosen gives back the very document.
    """
    if not chosen:
        return document
    asked: dict[str, float] = {}
    for text in chosen:
        name, equals, share = text.partition("=")
        try:
            asked[name] = float(share) if equals else DEFAULT_SHARE
        except ValueError as error:
            hint = f"write --scenario {name}, or --scenario {name}={DEFAULT_SHARE:g}"
            raise ToileError(f"--scenario {text}", f"{share!r} is no number", hint) from error
    shares_of(asked, "--scenario", pictures=pictures)
    own = shares_of(document.get("scenarios", {}), "scenarios", pictures=pictures)
    named = {kind for name in asked for kind in (name, *GROUPS.get(name, ()))}
    kept = {name: share for name, share in own.items() if name not in named}
    merged = shares_of({**kept, **asked}, "--scenario", pictures=pictures)
    without = {key: value for key, value in document.items() if key != "scenarios"}
    return {**without, "scenarios": merged} if merged else without


def plan_of(spec: CatalogSpec, *, seed: int, start: int, num_products: int, pictures: bool) -> Plan | None:
    """The plan of a catalog's products start..start + num_products - 1; None for a spec without scenarios.

    Raises ToileError for names and shares (see `shares_of`), for a spec whose codes do not suffice for the copies, and
    for a date after which there is no later one.
    """
    shares = shares_of(spec.scenarios, f"{spec.name}: scenarios", pictures=pictures)
    if not shares:
        return None
    if "near-duplicate" in shares:
        check_codes(spec, start + 2 * num_products)
        assert start + 2 * num_products < num_codes(spec.code_digits), (start, num_products)
    compile_catalog(spec)
    leaves = {category.path[2]: category.path for category in spec.categories if category.path[2] != MISSING_LABEL}
    return Plan(
        spec=spec,
        seed=seed,
        shares=shares,
        pictures=pictures,
        num_products=num_products,
        late_from=start + -(-2 * num_products // 3),
        later_date=_later(spec) if any(name in shares for name in GROUPS["drift"]) else spec.shop.competence_date,
        paths=tuple(leaves.values()),
        split=_split(spec, list(leaves)),
    )


def _later(spec: CatalogSpec) -> str:
    try:
        day = datetime.date.fromisoformat(spec.shop.competence_date) + datetime.timedelta(days=LATER_DAYS)
    except (ValueError, OverflowError) as error:
        where = f"{spec.name}: shop.competence_date"
        problem = f"{spec.shop.competence_date!r} is no day that drift can start from"
        raise ToileError(where, problem, "write a day of the calendar, as in 2026-10-01") from error
    return day.isoformat()


def _split(spec: CatalogSpec, leaves: list[str]) -> Split | None:
    """The leaf with the largest share, and its commonest material (or else another attribute's commonest value)."""
    if not leaves:
        return None
    sizes = {leaf: sum(each.share for each in spec.categories if each.path[2] == leaf) for leaf in leaves}
    largest = max(leaves, key=sizes.__getitem__)
    category = max((each for each in spec.categories if each.path[2] == largest), key=lambda each: each.share)

    def preference(name: str) -> tuple[bool, bool, bool]:
        drawn = drawn_attribute(name, spec.attributes[name])
        return len(_weights(spec, category, name)) > 1, drawn == "material", drawn not in ("colour", None)

    attribute = max((name for name in spec.attributes if name in category.attributes), key=preference)
    weights = _weights(spec, category, attribute)
    return Split(largest, attribute, max(weights, key=weights.__getitem__))


def _weights(spec: CatalogSpec, category: Category, attribute: str) -> Mapping[str, float]:
    """The values of an attribute that a category can have."""
    own, values = category.attributes[attribute], spec.attributes[attribute].values
    weights = {value: record.weight for value, record in values.items()} if own is None else own
    return {value: weight for value, weight in weights.items() if weight > 0}


def _mask(values: pa.Array) -> Mask:
    found: Mask = values.to_numpy(zero_copy_only=False)
    return found.copy()
