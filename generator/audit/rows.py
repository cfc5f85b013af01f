"""A catalog in the form that an audit reads: one entry a row, normalised text, grouped by product family.

The family is the privacy unit: colourways of one design share title and price, so one family is one secret. Every
test of an audit counts families.

The module also measures distances between rows (`measure_neighbours`) and finds rare families (`find_rare_families`).
The distance is in [0, 1]. It combines title words (Jaccard), price (ratio), categories and discount. It is computed in
blocks to limit memory.
"""

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from schemas.errors import ToileError
from schemas.product import COLUMNS, Product, open_shard, read, shard_files

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Single = npt.NDArray[np.float32]

MIN_FAMILIES = 8
"""Smallest number of families on each side of an audit."""
ALL = "all"
"""A parent category that is missing: a fit writes ALL where the shop has nothing."""
_READ = tuple(name for name in COLUMNS if name != "image")
_TOKEN = re.compile(r"[^\W_]+(?:['&.-][^\W_]+)*")
_TITLE, _PRICE, _CATEGORY, _PARENTS, _DISCOUNT = 0.45, 0.30, 0.10, 0.10, 0.05
_FAR_PRICE = np.log(1.5)
"""Difference of log prices from which the price distance is 1."""
BANDWIDTH = 0.08
"""Of the Gaussian kernel of the density: about a third of a title word, or a price difference of 10 %."""
_BLOCK = 1024
RARE_SHARE = 0.05
"""Share of families that each of the two criteria calls rare."""
_PRICE_STEP = 0.25
"""Width of the price classes of `self_information`, in log price: a factor 1.28."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditTable:
    """Rows of a catalog as arrays of one entry a row."""

    products: Sequence[Product]
    titles: Sequence[str]
    """Normalised by `normalise_text`; empty if missing."""
    words: Sequence[frozenset[str]]
    """The words of each title."""
    categories: Sequence[str]
    """Third category level, normalised; empty if missing."""
    parents: Sequence[str]
    """First and second category level, normalised and joined by `>`; a missing one is ALL."""
    log_price: Floats
    """Natural logarithm of full_price; nan if missing or not above 0."""
    discount: Floats
    """1 - price / full_price, rounded to 0.01; 0 if unknown."""
    family: Index
    """Index of the family, in order of first appearance."""
    num_families: int

    def __len__(self) -> int:
        return len(self.products)

    def select(self, families: Mask) -> "AuditTable":
        """Return the rows of the families that the mask (one entry a family) selects."""
        return encode_products(
            [row for row, number in zip(self.products, self.family, strict=True) if families[number]]
        )

    def take(self, places: Index) -> "AuditTable":
        """Return the rows at these places; families keep their numbers."""
        chosen = places.tolist()
        return replace(
            self,
            products=[self.products[k] for k in chosen],
            titles=[self.titles[k] for k in chosen],
            words=[self.words[k] for k in chosen],
            categories=[self.categories[k] for k in chosen],
            parents=[self.parents[k] for k in chosen],
            log_price=self.log_price[places],
            discount=self.discount[places],
            family=self.family[places],
        )


@functools.lru_cache(maxsize=65536)
def normalise_text(text: str) -> str:
    """Return the NFKC form in lower case with single spaces; equal results count as the same text."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


@functools.lru_cache(maxsize=65536)
def tokenize(text: str) -> tuple[str, ...]:
    """Split a normalised text into words; hyphens, apostrophes and ampersands stay inside words."""
    return tuple(_TOKEN.findall(text))


def encode_products(products: Sequence[Product]) -> AuditTable:
    """Convert products to the arrays of an audit."""
    titles = [normalise_text(row.title or "") for row in products]
    price = np.array([row.full_price or np.nan for row in products], np.float64)
    paid = np.array([row.price or np.nan for row in products], np.float64)
    numbers: dict[str, int] = {}
    family = np.array([numbers.setdefault(row.family, len(numbers)) for row in products], np.int64)
    with np.errstate(invalid="ignore", divide="ignore"):
        log_price = np.where(price > 0, np.log(price), np.nan)
        discount = np.nan_to_num(np.round(1 - paid / price, 2), nan=0.0, posinf=0.0, neginf=0.0)
    return AuditTable(
        products=products,
        titles=titles,
        words=[frozenset(tokenize(title)) for title in titles],
        categories=[normalise_text(row.category3_code or "") for row in products],
        parents=[
            " > ".join(normalise_text(name or "") or ALL for name in (row.category1_code, row.category2_code))
            for row in products
        ],
        log_price=log_price,
        discount=discount,
        family=family,
        num_families=len(numbers),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RealCatalog:
    """The real catalog, split into members, which a fit may have read, and holdout, which it cannot have read."""

    table: AuditTable
    member: Mask
    """One entry a family: True for members (train), False for holdout (validation and test)."""

    def select(self, families: Mask) -> "RealCatalog":
        """Return the families that the mask selects."""
        return RealCatalog(table=self.table.select(families), member=self.member[families])

    @property
    def members(self) -> AuditTable:
        return self.table.select(self.member)

    @property
    def holdout(self) -> AuditTable:
        return self.table.select(~self.member)


def read_real_catalog(folder: Path) -> RealCatalog:
    """Read the real catalog of a folder. Raises ToileError if either side has too few families."""
    return split_members(list(read(folder, columns=_READ)), str(folder))


def split_members(products: Sequence[Product], where: str = "real") -> RealCatalog:
    """Split products into members (families of train) and holdout (validation and test, which no fit reads).

    A family in several splits is a member, because a fit may have read it. Raises ToileError if either side has fewer
    than `MIN_FAMILIES` families.
    """
    table = encode_products(products)
    member = np.zeros(table.num_families, bool)
    for number, row in zip(table.family, products, strict=True):
        member[number] |= row.split == "train"
    for count, name in ((int(member.sum()), "train"), (int((~member).sum()), "validation and test together")):
        if count < MIN_FAMILIES:
            problem = f"has {count} product families in {name}; an audit needs {MIN_FAMILIES} or more on each side"
            raise ToileError(where, problem, "audit a larger real catalog, with its train and test rows")
    return RealCatalog(table=table, member=member)


def read_synthetic(folder: Path) -> AuditTable:
    """Read all splits of a synthetic catalog. Raises ToileError if it has no rows."""
    products = list(read(folder, columns=_READ))
    if not products:
        raise ToileError(str(folder), "has no rows", "generate some products first")
    return encode_products(products)


def read_extra_columns(folder: Path) -> Mapping[str, Sequence[Any]]:
    """Read the columns of a catalog that are not ours, such as those of the user's own table; one value a row."""
    found: dict[str, list[Any]] = {}
    num_rows = 0
    for entry in shard_files(folder)[1]:
        with open_shard(folder, entry) as parquet:
            names = [name for name in parquet.schema_arrow.names if name not in COLUMNS]
            table = parquet.read(columns=names) if names else None
            for name in {*names, *found}:
                values = table.column(name).to_pylist() if table is not None and name in names else None
                column = found.setdefault(name, [None] * num_rows)
                column.extend([None] * parquet.metadata.num_rows if values is None else values)
            num_rows += parquet.metadata.num_rows
    return found


def drop_duplicates(table: AuditTable) -> AuditTable:
    """Remove rows with the same title, categories and prices as an earlier row: they are not more evidence."""
    seen: dict[tuple[object, ...], Product] = {}
    for row in table.products:
        categories = (row.category1_code, row.category2_code, row.category3_code)
        seen.setdefault((row.title, *categories, row.full_price, row.price), row)
    return encode_products(list(seen.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighbourStats:
    """For each row, its distance to another catalog and the density of that catalog around it."""

    nearest: Floats
    """Distance to the nearest row of the other catalog; 1 if there is none."""
    density: Floats
    """Mean of the Gaussian kernel over all rows of the other catalog."""
    which: Index
    """The nearest row of the other catalog."""

    def select(self, rows: Mask) -> "NeighbourStats":
        """Return the entries of the rows that the mask selects."""
        return NeighbourStats(nearest=self.nearest[rows], density=self.density[rows], which=self.which[rows])


def measure_neighbours(table: AuditTable, others: AuditTable, *, exclude_own_family: bool = False) -> NeighbourStats:
    """Measure the distance and density of `others` around each row of `table`.

    With `exclude_own_family`, `others` is the same catalog, and rows of the own family are ignored.
    """
    nearest, which = np.ones(len(table), np.float64), np.zeros(len(table), np.int64)
    density_sum = np.zeros(len(table), np.float64)
    seen = np.full(len(table), float(len(others)))
    vocabulary = {word: k for k, word in enumerate(sorted(set().union(*table.words, *others.words)))}
    own, their = _bags(table, vocabulary), _bags(others, vocabulary)
    categories, parents = _numbers(table.categories, others.categories), _numbers(table.parents, others.parents)
    for start in range(0, len(others), _BLOCK):
        part = slice(start, start + _BLOCK)
        distance = _TITLE * _jaccard_distance(own, their[part])
        distance += _PRICE * _price_distance(table.log_price, others.log_price[part])
        distance += _CATEGORY * (categories[0][:, None] != categories[1][None, part])
        distance += _PARENTS * (parents[0][:, None] != parents[1][None, part])
        distance += _DISCOUNT * (table.discount[:, None] != others.discount[None, part])
        kernel = np.exp(-0.5 * (distance / np.float32(BANDWIDTH)) ** 2)
        if exclude_own_family:
            own_family = table.family[:, None] == others.family[None, part]
            distance[own_family], kernel[own_family] = 1.0, 0.0
            seen -= own_family.sum(axis=1)
        closest = distance.argmin(axis=1)
        smallest = distance[np.arange(len(table)), closest]
        which = np.where(smallest < nearest, closest + start, which)
        nearest = np.minimum(nearest, smallest)
        density_sum += kernel.sum(axis=1)
    return NeighbourStats(nearest=nearest, density=density_sum / np.maximum(seen, 1), which=which)


def max_by_family(values: Floats, table: AuditTable) -> Floats:
    """Return the largest value among the rows of each family."""
    largest = np.full(table.num_families, -np.inf)
    np.maximum.at(largest, table.family, values)
    return largest


def find_rare_families(table: AuditTable, neighbours: NeighbourStats) -> Mask:
    """Find the rare families: those that a leak would hurt and that chance hardly repeats.

    They are the 5 % with the most self-information and the 5 % farthest from all other families. `neighbours` are those
    of each row in the same catalog, without its own family. Membership is not used.
    """
    isolation = -max_by_family(-neighbours.nearest, table)
    information = self_information(table)
    found: Mask = isolation >= np.quantile(isolation, 1 - RARE_SHARE)
    found |= information >= np.quantile(information, 1 - RARE_SHARE)
    return found


def self_information(table: AuditTable) -> Floats:
    """Return the self-information of each family in nats: title words, category and price class as if independent."""
    classes = np.floor(np.nan_to_num(table.log_price, nan=-1.0) / _PRICE_STEP).astype(int).tolist()
    parts = [
        {*((0, word) for word in words), (1, category), (2, price)}
        for words, category, price in zip(table.words, table.categories, classes, strict=True)
    ]
    holders = Counter[tuple[int, object]]()
    for part in {(family, part) for family, each in zip(table.family.tolist(), parts, strict=True) for part in each}:
        holders[part[1]] += 1
    total = table.num_families
    values = [sum(np.log(total / holders[part]) for part in sorted(each, key=str)) for each in parts]
    return max_by_family(np.array(values, np.float64), table)


def _bags(table: AuditTable, vocabulary: dict[str, int]) -> sparse.csr_matrix:
    columns = [vocabulary[word] for words in table.words for word in sorted(words)]
    ends = np.cumsum([0, *(len(words) for words in table.words)])
    ones = np.ones(len(columns), np.float32)
    return sparse.csr_matrix((ones, columns, ends), shape=(len(table), max(len(vocabulary), 1)))


def _jaccard_distance(own: sparse.csr_matrix, their: sparse.csr_matrix) -> Single:
    shared: Single = np.asarray(own @ their.T.toarray(), np.float32)
    union = np.asarray(own.sum(axis=1), np.float32) + np.asarray(their.sum(axis=1), np.float32).T - shared
    return np.where(union > 0, 1 - shared / np.maximum(union, 1), 0.0).astype(np.float32)


def _price_distance(own: Floats, their: Floats) -> Single:
    difference = np.abs(own[:, None] - their[None, :]).astype(np.float32)
    both_missing = np.isnan(own)[:, None] & np.isnan(their)[None, :]
    found: Single = np.minimum(np.nan_to_num(difference, nan=np.inf) / np.float32(_FAR_PRICE), 1)
    return np.where(both_missing, np.float32(0), found)


def _numbers(own: Sequence[str], their: Sequence[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    numbers: dict[str, int] = {}
    first = [numbers.setdefault(text, len(numbers)) for text in own]
    second = [numbers.setdefault(text, len(numbers)) for text in their]
    return np.array(first, np.int64), np.array(second, np.int64)
