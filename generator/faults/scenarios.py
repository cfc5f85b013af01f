"""Decide which rows of a catalog are faulty on purpose: the kinds of faults, their shares, and the selected rows.

    plan = make_plan(spec, seed=0, start=0, num_products=1000, images=True)
    kind_N = plan.select_rows(batch, index_N)    # number in KINDS of the fault of each row, or NO_FAULT

Whether product i has a fault of a kind depends on (seed, kind, i) and on the row's values, never on other rows. A row
has at most one fault. Kinds are tried in a fixed order, each with the probability share / (1 - shares tried before). So
the expected share of each kind is exact: its share of the eligible rows. `docs/faults.md` describes each kind.

To add a kind of fault, add it to `KINDS` here and a function to `_MAKERS` in `generator.faults.inject`.
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
from schemas.catalog import MISSING_LABEL, CatalogSpec, ProductKind, list_kinds, rendered_attribute
from schemas.errors import ToileError, suggest

DEFAULT_SHARE = 0.02
MAX_TOTAL_SHARE = 0.5
"""Bound on the sum of all shares: at least half of the rows stay clean."""
ALL = "all"
COPY_KINDS = frozenset({"duplicate", "near-duplicate"})
"""Kinds that leave the selected row clean and add a copy after the last product instead."""
DRIFT_DAYS = 182
"""The date of drifted rows is so many days after that of the catalog."""
NO_FAULT = -1

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One way for a row to be wrong."""

    name: str
    group: str
    column: str
    """The column that is wrong; `faults.parquet` lists it, and other changed columns separately."""


KINDS = (
    FaultKind("missing-title", "missing", "title"),
    FaultKind("missing-category", "missing", "category3_code"),
    FaultKind("missing-price", "missing", "full_price"),
    FaultKind("missing-picture", "missing", "image"),
    FaultKind("duplicate", "duplicates", "product_code"),
    FaultKind("near-duplicate", "duplicates", "product_code"),
    FaultKind("wrong-category", "categories", "category3_code"),
    FaultKind("outlier-price", "prices", "full_price"),
    FaultKind("currency-slip", "prices", "full_price"),
    FaultKind("mojibake", "text", "title"),
    FaultKind("right-to-left", "text", "title"),
    FaultKind("emoji", "text", "title"),
    FaultKind("long-title", "text", "title"),
    FaultKind("broken-picture", "pictures", "image"),
    FaultKind("huge-picture", "pictures", "image"),
    FaultKind("cmyk-picture", "pictures", "image"),
    FaultKind("16-bit-picture", "pictures", "image"),
    FaultKind("animated-picture", "pictures", "image"),
    FaultKind("exif-rotated-picture", "pictures", "image"),
    FaultKind("new-season", "drift", "title"),
    FaultKind("price-rise", "drift", "full_price"),
    FaultKind("category-split", "drift", "category3_code"),
)
"""In the order in which they are tried."""
GROUPS = {
    **{group: tuple(kind.name for kind in KINDS if kind.group == group) for group in {k.group: None for k in KINDS}},
    ALL: tuple(kind.name for kind in KINDS),
}


@dataclass(frozen=True, slots=True)
class CategorySplit:
    """A leaf category that is divided in two."""

    category: str
    attribute: str
    value: str
    """Products with this value of the attribute go to one of the new categories, all others to the other."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FaultPlan:
    """The scenarios of one catalog, and everything that making its faults needs."""

    spec: CatalogSpec
    seed: int
    shares: Mapping[str, float]
    """Kind -> share of its eligible rows, above 0."""
    images: bool
    """Whether the catalog has images."""
    num_products: int
    drift_start: int
    """Products from this number on, the last third, can have drifted."""
    drift_date: str
    category_paths: tuple[tuple[str, ...], ...]
    """Paths of all leaf categories with a name, each category once."""
    split: CategorySplit | None

    def select_rows(self, batch: pa.RecordBatch, index_N: Index) -> Index:
        """Return for each row the number of its fault in KINDS, or NO_FAULT.

        Args:
            batch: The N clean rows; images are not needed.
            index_N: Their product numbers.
        """
        kind_N = np.full(len(index_N), NO_FAULT)
        tried_N: Floats = np.zeros(len(index_N))
        for number, kind in enumerate(KINDS):
            share = self.shares.get(kind.name, 0.0)
            if share:
                eligible_N = self._eligible_rows(kind, batch, index_N)
                chosen_N = uniform(self.seed, f"scenario/{kind.name}", index_N) < share / (1 - tried_N)
                kind_N[eligible_N & chosen_N & (kind_N == NO_FAULT)] = number
                tried_N += share * eligible_N
        return kind_N

    def _eligible_rows(self, kind: FaultKind, batch: pa.RecordBatch, index_N: Index) -> Mask:
        """Return where the fault would change the row."""
        eligible_N = np.full(len(index_N), self.images)
        if kind.column != "image":
            eligible_N = _mask(pc.is_valid(batch[kind.column]))
        if kind.name == "near-duplicate":
            eligible_N &= _mask(pc.and_(pc.is_valid(batch["title"]), pc.is_valid(batch["full_price"])))
        if kind.name == "wrong-category":
            eligible_N &= _mask(batch["inferable"]) & (len(self.category_paths) > 1)
        if kind.group == "drift":
            eligible_N &= index_N >= self.drift_start
        if kind.name == "category-split":
            category = self.split.category if self.split else ""
            eligible_N &= _mask(pc.fill_null(pc.equal(batch["category3_code"], category), fill_value=False))
        return eligible_N


def resolve_shares(named: Mapping[str, float], where: str, *, images: bool = True) -> dict[str, float]:
    """Return the share of every kind with a share above 0, in the order of KINDS.

    The share of a group applies to each of its kinds. A kind overrides its group, and a group overrides `all`. Without
    `images` a group leaves out its kinds of images, and such a kind named itself is refused.

    Raises:
        ToileError: A name is unknown, a share is out of range, or the sum is above MAX_TOTAL_SHARE.
    """
    shares: dict[str, float] = {}
    for name in sorted(named, key=lambda name: (name != ALL, name not in GROUPS)):
        if name not in GROUPS and name not in GROUPS[ALL]:
            raise ToileError(where, f"unknown scenario {name!r}", suggest(name, [*GROUPS[ALL], *GROUPS]))
        if not 0 <= named[name] <= MAX_TOTAL_SHARE:
            hint = f"write a share from 0 to {MAX_TOTAL_SHARE:g}, as in {name}={DEFAULT_SHARE:g}"
            raise ToileError(where, f"{named[name]:g} is not a valid share for the scenario {name!r}", hint)
        for kind in KINDS:
            if kind.name == name and kind.column == "image" and not images and named[name] > 0:
                hint = "leave out --no-images, or this scenario"
                raise ToileError(where, f"{name!r} changes images, and this catalog has none", hint)
            if kind.name in (name, *GROUPS.get(name, ())) and (images or kind.column != "image"):
                shares[kind.name] = named[name]
    total = sum(shares.values())
    if total > MAX_TOTAL_SHARE + 1e-9:
        hint = f"give smaller ones, as in all={DEFAULT_SHARE:g}; at least half of the rows stay clean"
        raise ToileError(where, f"the shares of all scenarios sum to {total:.3g}, more than {MAX_TOTAL_SHARE:g}", hint)
    return {kind.name: shares[kind.name] for kind in KINDS if shares.get(kind.name)}


def adds_rows(named: Mapping[str, float], *, images: bool) -> bool:
    """Return whether scenarios add copies of rows."""
    return bool(COPY_KINDS & resolve_shares(named, "scenarios", images=images).keys())


def merge_scenarios(document: dict[str, Any], chosen: Sequence[str], *, images: bool) -> dict[str, Any]:
    """Return the catalog document with the scenarios of the command line added.

    Args:
        document: A checked catalog spec.
        chosen: NAME or NAME=SHARE. They override those of the document, and a share of 0 removes one. Without any, the
            document itself is returned.
        images: Whether the catalog has images.
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
            raise ToileError(f"--scenario {text}", f"{share!r} is not a number", hint) from error
    resolve_shares(asked, "--scenario", images=images)
    own = resolve_shares(document.get("scenarios", {}), "scenarios", images=images)
    named = {kind for name in asked for kind in (name, *GROUPS.get(name, ()))}
    kept = {name: share for name, share in own.items() if name not in named}
    merged = resolve_shares({**kept, **asked}, "--scenario", images=images)
    without = {key: value for key, value in document.items() if key != "scenarios"}
    return {**without, "scenarios": merged} if merged else without


def make_plan(spec: CatalogSpec, *, seed: int, start: int, num_products: int, images: bool) -> FaultPlan | None:
    """Return the plan of a catalog's products start..start + num_products - 1; None for a spec without scenarios.

    Raises:
        ToileError: A name or share is invalid (see `resolve_shares`), the spec has too few codes for the copies, or its
            date is not one of the calendar.
    """
    shares = resolve_shares(spec.scenarios, f"{spec.name}: scenarios", images=images)
    if not shares:
        return None
    if "near-duplicate" in shares:
        check_codes(spec, start + 2 * num_products)
        assert start + 2 * num_products < num_codes(spec.code_digits), (start, num_products)
    compile_catalog(spec)
    paths = {category.path[2]: category.path for category in spec.categories if category.path[2] != MISSING_LABEL}
    return FaultPlan(
        spec=spec,
        seed=seed,
        shares=shares,
        images=images,
        num_products=num_products,
        drift_start=start + -(-2 * num_products // 3),
        drift_date=_drift_date(spec) if any(name in shares for name in GROUPS["drift"]) else spec.shop.competence_date,
        category_paths=tuple(paths.values()),
        split=_choose_split(spec, list(paths)),
    )


def _drift_date(spec: CatalogSpec) -> str:
    try:
        day = datetime.date.fromisoformat(spec.shop.competence_date) + datetime.timedelta(days=DRIFT_DAYS)
    except (ValueError, OverflowError) as error:
        where = f"{spec.name}: shop.competence_date"
        problem = f"{spec.shop.competence_date!r} is not a date that drift can start from"
        raise ToileError(where, problem, "write a date of the calendar, as in 2026-10-01") from error
    return day.isoformat()


def _choose_split(spec: CatalogSpec, names: list[str]) -> CategorySplit | None:
    """Choose the largest leaf category and its most frequent material, or else the top value of another attribute."""
    if not names:
        return None
    kinds = list_kinds(spec)
    sizes = {name: sum(kind.share for kind in kinds if kind.path[2] == name) for name in names}
    largest = max(names, key=sizes.__getitem__)
    kind = max((kind for kind in kinds if kind.path[2] == largest), key=lambda each: each.share)

    def preference(name: str) -> tuple[bool, bool, bool]:
        drawn = rendered_attribute(name, spec.attributes[name])
        return len(_weights(spec, kind, name)) > 1, drawn == "material", drawn not in ("colour", None)

    attribute = max((name for name in spec.attributes if name in kind.attributes), key=preference)
    weights = _weights(spec, kind, attribute)
    return CategorySplit(largest, attribute, max(weights, key=weights.__getitem__))


def _weights(spec: CatalogSpec, kind: ProductKind, attribute: str) -> Mapping[str, float]:
    """Return value -> weight of an attribute, as products of a kind can have it."""
    own, values = kind.attributes[attribute], spec.attributes[attribute].values
    weights = {value: record.weight for value, record in values.items()} if own is None else own
    return {value: weight for value, weight in weights.items() if weight > 0}


def _mask(values: pa.Array) -> Mask:
    found: Mask = values.to_numpy(zero_copy_only=False)
    return found.copy()
