"""How far apart two rows of a catalog are, and how near or how crowded one catalog is around the rows of another.

The distance lies in [0, 1] and mixes title words (Jaccard), price (ratio), categories and discount. It is computed in
blocks, so memory stays small: 3,000 against 3,000 rows take a fifth of a second.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from generator.audit.rows import Floats, Rows

_TITLE, _PRICE, _LEAF, _BRANCH, _DISCOUNT = 0.45, 0.30, 0.10, 0.10, 0.05
_FAR_PRICE = np.log(1.5)
"""Prices this far apart or farther count as wholly different."""
BANDWIDTH = 0.08
"""Of the Gaussian kernel that measures crowding: a third of a title word, or a price 10 % off."""
_BLOCK = 1024
Single = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """One entry a row: what another catalog looks like around it."""

    nearest: Floats
    """Distance to the nearest row there; 1 where there is none."""
    density: Floats
    """Mean of the kernel over all rows there."""


def surroundings(rows: Rows, others: Rows, *, apart: bool = False) -> Surroundings:
    """Distances from each of `rows` to `others`.

    With `apart`, `others` is the same catalog, and a row does not see its own family.
    """
    nearest = np.ones(len(rows), np.float64)
    crowd = np.zeros(len(rows), np.float64)
    seen = np.full(len(rows), float(len(others)))
    vocabulary = {word: k for k, word in enumerate(sorted(set().union(*rows.words, *others.words)))}
    own, their = _bags(rows, vocabulary), _bags(others, vocabulary)
    leaves, branches = _numbers(rows.leaves, others.leaves), _numbers(rows.branches, others.branches)
    for start in range(0, len(others), _BLOCK):
        part = slice(start, start + _BLOCK)
        distance = _TITLE * _jaccard_distance(own, their[part])
        distance += _PRICE * _price_distance(rows.log_price, others.log_price[part])
        distance += _LEAF * (leaves[0][:, None] != leaves[1][None, part])
        distance += _BRANCH * (branches[0][:, None] != branches[1][None, part])
        distance += _DISCOUNT * (rows.discount[:, None] != others.discount[None, part])
        kernel = np.exp(-0.5 * (distance / np.float32(BANDWIDTH)) ** 2)
        if apart:
            kin = rows.family[:, None] == others.family[None, part]
            distance[kin], kernel[kin] = 1.0, 0.0
            seen -= kin.sum(axis=1)
        nearest = np.minimum(nearest, distance.min(axis=1))
        crowd += kernel.sum(axis=1)
    return Surroundings(nearest=nearest, density=crowd / np.maximum(seen, 1))


def by_family(values: Floats, rows: Rows) -> Floats:
    """The largest value among the rows of each family."""
    largest = np.full(rows.num_families, -np.inf)
    np.maximum.at(largest, rows.family, values)
    return largest


def _bags(rows: Rows, vocabulary: dict[str, int]) -> sparse.csr_matrix:
    columns = [vocabulary[word] for words in rows.words for word in sorted(words)]
    ends = np.cumsum([0, *(len(words) for words in rows.words)])
    ones = np.ones(len(columns), np.float32)
    return sparse.csr_matrix((ones, columns, ends), shape=(len(rows), max(len(vocabulary), 1)))


def _jaccard_distance(own: sparse.csr_matrix, their: sparse.csr_matrix) -> Single:
    shared: Single = np.asarray(own @ their.T.toarray(), np.float32)
    union = np.asarray(own.sum(axis=1), np.float32) + np.asarray(their.sum(axis=1), np.float32).T - shared
    return np.where(union > 0, 1 - shared / np.maximum(union, 1), 0.0).astype(np.float32)


def _price_distance(own: Floats, their: Floats) -> Single:
    apart = np.abs(own[:, None] - their[None, :]).astype(np.float32)
    both_missing = np.isnan(own)[:, None] & np.isnan(their)[None, :]
    found: Single = np.minimum(np.nan_to_num(apart, nan=np.inf) / np.float32(_FAR_PRICE), 1)
    return np.where(both_missing, np.float32(0), found)


def _numbers(own: object, their: object) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    numbers: dict[str, int] = {}
    first = [numbers.setdefault(text, len(numbers)) for text in own]  # type: ignore[attr-defined]
    second = [numbers.setdefault(text, len(numbers)) for text in their]  # type: ignore[attr-defined]
    return np.array(first, np.int64), np.array(second, np.int64)
