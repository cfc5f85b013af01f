"""What a product is: the weighted, conditional choices of a catalog spec as tables that answer whole arrays at once."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from generator.sampling.streams import Floats, Index, uniform
from schemas.catalog import Attribute, CatalogSpec
from schemas.errors import ToileError

_CELLS = (256, 64, 16, 4, 1)
_MOST_CELLS = 2**19
"""Of one table, so that it stays in the processor's cache."""
_RUNS_AT_ONCE = 4096
"""Designs whose weights are held at once, for the same reason."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Weighted choices for many situations (keys) at once, as one sorted array of key + cumulative share.

    Looking up key + u by bisection is the inverse of the distribution function of that key. A table of cells of u
    answers most of them without: a cell that no edge divides has one value.
    """

    edges: Floats
    num_values: int
    cells: int
    """Into how many each key's [0, 1) is divided; a power of two, so that the bounds are exact."""
    value_of_cell: npt.NDArray[np.int32]
    """Cell number (key * cells + cell) -> value number, or -1 where an edge lies inside the cell."""

    @staticmethod
    def of(weights_KV: Floats) -> "Choice":
        """From weights per key; each row must have a positive sum."""
        shares_KV = weights_KV / weights_KV.sum(axis=1, keepdims=True)
        cumulative_KV = np.minimum(np.cumsum(shares_KV, axis=1), 1.0)
        num_keys, num_values = weights_KV.shape
        last_V = num_values - 1 - np.argmax(weights_KV[:, ::-1] > 0, axis=1)
        cumulative_KV[np.arange(num_values) >= last_V[:, None]] = 1.0
        edges = (np.arange(num_keys)[:, None] + cumulative_KV).ravel()
        cells = next(cells for cells in _CELLS if cells * num_keys <= _MOST_CELLS or cells == 1)
        bounds = np.arange(num_keys * cells + 1) / cells
        first = np.searchsorted(edges, bounds[:-1], side="right")
        last = np.searchsorted(edges, bounds[1:], side="left")
        value = np.where(first == last, first - np.arange(num_keys).repeat(cells) * num_values, -1)
        return Choice(edges, num_values, cells, value.astype(np.int32))

    def pick(self, key_N: Index, uniform_N: Floats) -> Index:
        """The chosen value number for each key; values of weight 0 are never chosen."""
        picked_N: Index = self.value_of_cell[key_N * self.cells + (uniform_N * self.cells).astype(np.int64)].astype(
            np.int64
        )
        open_ = np.flatnonzero(picked_N < 0)
        key, u = key_N[open_], uniform_N[open_]
        picked_N[open_] = np.searchsorted(self.edges, key + u, side="right") - key * self.num_values
        return picked_N


@dataclass(frozen=True, slots=True)
class CompiledAttribute:
    """One attribute: its value numbers, and which earlier attributes its weights look at."""

    name: str
    values: tuple[str, ...]
    parents: tuple[str, ...]
    weights_KV: Floats
    """Weights by (category, parents' values); the last column is 'this category has no such attribute'."""
    choice: Choice

    @property
    def absent(self) -> int:
        """The value number that stands for 'this category has no such attribute'."""
        return len(self.values)

    def key(self, category_N: Index, chosen: Mapping[str, Index], radix: Mapping[str, int]) -> Index:
        """The table row for each product: category and parents' values in mixed radix."""
        key_N = category_N
        for parent in self.parents:
            key_N = key_N * radix[parent] + chosen[parent]
        return key_N


def compile_attributes(spec: CatalogSpec, where: str) -> tuple[CompiledAttribute, ...]:
    """Every attribute of the spec as a table; a situation in which all weights are 0 is a ToileError."""
    compiled: list[CompiledAttribute] = []
    for name, attribute in spec.attributes.items():
        parents = tuple(dict.fromkeys(parent for rule in attribute.rules for parent in rule.when))
        earlier = {other.name: other for other in compiled}
        rows = [
            _weights(spec, number, name, attribute, dict(zip(parents, state, strict=True)), where)
            for number in range(len(spec.categories))
            for state in itertools.product(*((*earlier[parent].values, None) for parent in parents))
        ]
        weights_KV = np.array(rows, np.float64)
        compiled.append(CompiledAttribute(name, tuple(attribute.values), parents, weights_KV, Choice.of(weights_KV)))
    return tuple(compiled)


def choose(
    attributes: tuple[CompiledAttribute, ...], seed: int, category_N: Index, design_N: Index
) -> dict[str, Index]:
    """Value numbers of every attribute for each design; each attribute draws from the stream of its own name."""
    radix = {attribute.name: len(attribute.values) + 1 for attribute in attributes}
    chosen: dict[str, Index] = {}
    for attribute in attributes:
        key_N = attribute.key(category_N, chosen, radix)
        chosen[attribute.name] = attribute.choice.pick(key_N, uniform(seed, f"attribute/{attribute.name}", design_N))
    return chosen


def choose_distinct(attribute: CompiledAttribute, seed: int, key_N: Index, design_N: Index, rank_N: Index) -> Index:
    """Value number `rank` of each design, drawn without replacement: colourways of one design differ.

    A design with more colourways than values starts over with all of them. Rows of one design that follow each other
    share their draws.
    """
    bounds = [*runs(design_N)[0][::_RUNS_AT_ONCE].tolist(), len(design_N)]
    found = [np.zeros(0, np.int64)]
    for block in map(slice, bounds, bounds[1:]):
        found.append(_distinct(attribute, seed, key_N[block], design_N[block], rank_N[block]))
    return np.concatenate(found)


def _distinct(attribute: CompiledAttribute, seed: int, key_N: Index, design_N: Index, rank_N: Index) -> Index:
    first_D, run_N = runs(design_N)
    weights_VK, key_D = attribute.weights_KV.T, key_N[first_D]
    most_D = np.maximum.reduceat(rank_N, first_D)
    open_D, remaining_VD = np.arange(len(first_D)), weights_VK[:, key_D]
    picked_N, picked_D = np.empty(len(key_N), np.int64), np.empty(len(first_D), np.int64)
    for rank in range(int(most_D.max()) + 1):
        if rank > 0:
            left = np.flatnonzero(most_D[open_D] >= rank)
            open_D, remaining_VD = open_D[left], remaining_VD[:, left]
        used_up = np.flatnonzero(remaining_VD.sum(axis=0) <= 0)
        remaining_VD[:, used_up] = weights_VK[:, key_D[open_D[used_up]]]
        uniform_D = uniform(seed, f"attribute/{attribute.name}/{rank}", design_N[first_D[open_D]])
        picked_D[open_D] = picked = _inverse(remaining_VD, uniform_D)
        remaining_VD[picked, np.arange(len(open_D))] = 0.0
        of_rank = np.flatnonzero(rank_N == rank)
        picked_N[of_rank] = picked_D[run_N[of_rank]]
    return picked_N


def runs(values_N: Index) -> tuple[Index, Index]:
    """Where each run of equal values begins, and the number of the run of each value."""
    starts_N = np.ones(len(values_N), np.bool_)
    np.not_equal(values_N[1:], values_N[:-1], out=starts_N[1:])
    return np.flatnonzero(starts_N), np.cumsum(starts_N) - 1


def _inverse(weights_VN: Floats, uniform_N: Floats) -> Index:
    """The value at each uniform number, for columns that each have weights of their own."""
    cumulative_VN = np.cumsum(weights_VN, axis=0)
    reached_N = uniform_N * cumulative_VN[-1]
    picked_N: Index = np.zeros(len(uniform_N), np.int64)
    for cumulative_N in cumulative_VN:
        picked_N += cumulative_N <= reached_N
    return picked_N


def _weights(
    spec: CatalogSpec, number: int, name: str, attribute: Attribute, state: Mapping[str, str | None], where: str
) -> list[float]:
    category = spec.categories[number]
    if name not in category.attributes:
        return [0.0] * len(attribute.values) + [1.0]
    own = category.attributes[name]
    weights = {value: record.weight for value, record in attribute.values.items()} if own is None else dict(own)
    for rule in attribute.rules:
        if all(state[parent] in values for parent, values in rule.when.items()):
            for value, factor in rule.multiply.items():
                weights[value] = weights.get(value, 0.0) * factor
    row = [weights.get(value, 0.0) for value in attribute.values]
    if sum(row) > 0:
        return [*row, 0.0]
    if not _possible(spec, number, state):
        return [*row, 1.0]
    situation = ", ".join(f"{parent} {value}" for parent, value in state.items())
    at = f"{where}: attributes.{name}.rules"
    raise ToileError(at, f"leave no value for {' > '.join(category.path)} with {situation}", "keep one weight above 0")


def _possible(spec: CatalogSpec, number: int, state: Mapping[str, str | None]) -> bool:
    """False for a combination of parents' values that the category never has (before rules)."""
    for parent, value in state.items():
        own = spec.categories[number].attributes.get(parent, {})
        weights = {key: record.weight for key, record in spec.attributes[parent].values.items()} if own is None else own
        has = parent in spec.categories[number].attributes
        if (value is None) == has or (value is not None and weights.get(value, 0.0) <= 0):
            return False
    return True
