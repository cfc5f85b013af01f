"""A catalog as an audit looks at it: one entry a row without its picture, text normalised, grouped by product family.

The family is the privacy unit: colourways of one design share title and price, so one family is one secret, and every
test of an audit counts families.
"""

import functools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from schemas.errors import ToileError
from schemas.product import COLUMNS, Product, read

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
_READ = tuple(name for name in COLUMNS if name not in {"image", "attributes"})
_TOKEN = re.compile(r"[^\W_]+(?:['&.-][^\W_]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Some rows of a catalog; arrays of one entry a row."""

    products: Sequence[Product]
    titles: Sequence[str]
    """Normalised as `normalised` says; empty where missing."""
    words: Sequence[frozenset[str]]
    """The words of each title."""
    leaves: Sequence[str]
    branches: Sequence[str]
    """First and second category level, joined."""
    log_price: Floats
    """Natural logarithm of full_price; nan where missing or not above 0."""
    discount: Floats
    """1 - price / full_price, rounded to whole percents; 0 where unknown."""
    family: Index
    """Number of the family, from 0, in order of first appearance."""
    num_families: int

    def __len__(self) -> int:
        return len(self.products)

    def of(self, families: Mask) -> "Rows":
        """The rows of the families that the mask (one entry a family) keeps."""
        return encoded([row for row, number in zip(self.products, self.family, strict=True) if families[number]])


@functools.lru_cache(maxsize=65536)
def normalised(text: str) -> str:
    """Compatibility form, lower case, single spaces: what counts as the same text."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


@functools.lru_cache(maxsize=65536)
def tokens(text: str) -> tuple[str, ...]:
    """The words of a normalised text; hyphens, apostrophes and ampersands stay inside words."""
    return tuple(_TOKEN.findall(text))


def encoded(products: Sequence[Product]) -> Rows:
    """Products as the arrays of an audit."""
    titles = [normalised(row.title or "") for row in products]
    price = np.array([row.full_price or np.nan for row in products], np.float64)
    paid = np.array([row.price or np.nan for row in products], np.float64)
    numbers: dict[str, int] = {}
    family = np.array([numbers.setdefault(row.family, len(numbers)) for row in products], np.int64)
    with np.errstate(invalid="ignore", divide="ignore"):
        log_price = np.where(price > 0, np.log(price), np.nan)
        discount = np.nan_to_num(np.round(1 - paid / price, 2), nan=0.0, posinf=0.0, neginf=0.0)
    return Rows(
        products=products,
        titles=titles,
        words=[frozenset(tokens(title)) for title in titles],
        leaves=[normalised(row.category3_code or "") for row in products],
        branches=[normalised(f"{row.category1_code or ''} > {row.category2_code or ''}") for row in products],
        log_price=log_price,
        discount=discount,
        family=family,
        num_families=len(numbers),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Real:
    """The real catalog, split into what a fit may have read and what it cannot have."""

    rows: Rows
    member: Mask
    """One entry a family: True in train; False (holdout) in validation and test."""

    @property
    def members(self) -> Rows:
        return self.rows.of(self.member)

    @property
    def holdout(self) -> Rows:
        return self.rows.of(~self.member)


def read_real(folder: Path) -> Real:
    """The real catalog of a shard folder; a ToileError without enough families on either side."""
    return real_of(list(read(folder, columns=_READ)), str(folder))


def real_of(products: Sequence[Product], where: str = "real") -> Real:
    """Members are the families of `train`, the holdout those of `validation` and `test`: no fit reads either.

    A family in several splits is a member, as a fit may have read it.
    """
    rows = encoded(products)
    member = np.zeros(rows.num_families, bool)
    for number, row in zip(rows.family, products, strict=True):
        member[number] |= row.split == "train"
    for count, name in ((int(member.sum()), "train"), (int((~member).sum()), "validation and test together")):
        if count < MIN_FAMILIES:
            problem = f"holds {count} product families in {name}; an audit needs {MIN_FAMILIES} or more on each side"
            raise ToileError(where, problem, "audit a larger real catalog, with its train and test rows")
    return Real(rows=rows, member=member)


def read_synthetic(folder: Path) -> Rows:
    """The synthetic catalog of a shard folder, all splits; a ToileError without rows."""
    products = list(read(folder, columns=_READ))
    if not products:
        raise ToileError(str(folder), "holds no rows", "generate some products first")
    return encoded(products)


def distinct(rows: Rows) -> Rows:
    """The rows without repeats of title, categories and prices: repeats would only look like more evidence."""
    seen: dict[tuple[object, ...], Product] = {}
    for row in rows.products:
        categories = (row.category1_code, row.category2_code, row.category3_code)
        seen.setdefault((row.title, *categories, row.full_price, row.price), row)
    return encoded(list(seen.values()))


MIN_FAMILIES = 8
"""On each side; fewer decide nothing."""
