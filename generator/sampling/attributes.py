"""Sample attribute values: the weighted, conditional choices of a catalog spec, compiled to tables for whole arrays."""

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from generator.sampling.streams import Floats, Index, uniform, uniform_again
from schemas.catalog import Attribute, CatalogSpec, ProductKind, list_kinds, possible_values
from schemas.errors import ToileError

_CELLS = (256, 64, 16, 4, 1)
_MOST_CELLS = 2**19
"""Of one table, so that it stays in the processor's cache."""
_DESIGNS_AT_ONCE = 4096
"""Designs whose weights are in memory at once, for the same reason."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Weighted choices for many situations (keys) at once, as one sorted array of key + cumulative share.

    A bisection for key + u inverts the distribution function of that key. A table of cells of u answers most look-ups
    without bisection: a cell that contains no edge has one value.
    """

    edges: Floats
    num_values: int
    cells: int
    """Number of cells of each key's [0, 1); a power of two, so that the bounds are exact."""
    value_of_cell: npt.NDArray[np.int32]
    """Cell number (key * cells + cell) -> value number, or -1 where an edge is inside the cell."""

    @staticmethod
    def of(weights_KV: Floats) -> "Choice":
        """Compile weights per key; each row must have a positive sum."""
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
        """Return the value number for each key and uniform number; values of weight 0 are never picked."""
        picked_N: Index = self.value_of_cell[key_N * self.cells + (uniform_N * self.cells).astype(np.int64)].astype(
            np.int64
        )
        open_ = np.flatnonzero(picked_N < 0)
        key, u = key_N[open_], uniform_N[open_]
        picked_N[open_] = np.searchsorted(self.edges, key + u, side="right") - key * self.num_values
        return picked_N


@dataclass(frozen=True, slots=True)
class CompiledAttribute:
    """One attribute: its value numbers, and the earlier attributes on which its weights depend."""

    name: str
    values: tuple[str, ...]
    parents: tuple[str, ...]
    weights_KV: Floats
    """Weights by (kind, parents' values); the last column is 'this kind has no such attribute'."""
    choice: Choice

    @property
    def absent(self) -> int:
        """The value number that means 'this kind has no such attribute'."""
        return len(self.values)

    def key(self, kind_N: Index, chosen: Mapping[str, Index], radix: Mapping[str, int]) -> Index:
        """Return the table row of each product: kind and parents' values in mixed radix."""
        key_N = kind_N
        for parent in self.parents:
            key_N = key_N * radix[parent] + chosen[parent]
        return key_N


def compile_attributes(spec: CatalogSpec, where: str) -> tuple[CompiledAttribute, ...]:
    """Compile every attribute of the spec to a table.

    Raises ToileError for a situation in which all weights are 0. `where` names the spec in the message.
    """
    compiled: list[CompiledAttribute] = []
    for name, attribute in spec.attributes.items():
        parents = tuple(dict.fromkeys(parent for rule in attribute.rules for parent in rule.when))
        earlier = {other.name: other for other in compiled}
        rows = [
            _weights(spec, kind, name, attribute, dict(zip(parents, state, strict=True)), where)
            for kind in list_kinds(spec)
            for state in itertools.product(*((*earlier[parent].values, None) for parent in parents))
        ]
        weights_KV = np.array(rows, np.float64)
        compiled.append(CompiledAttribute(name, tuple(attribute.values), parents, weights_KV, Choice.of(weights_KV)))
    return tuple(compiled)


def sample_attributes(
    attributes: tuple[CompiledAttribute, ...],
    seed: int,
    kind_N: Index,
    design_N: Index,
    again: Collection[str] = (),
    attempt_N: Index | None = None,
) -> dict[str, Index]:
    """Sample the value numbers of every attribute for each design, each attribute from the stream of its own name.

    The attributes in `again` are sampled for the attempt with this number.
    """
    radix = {attribute.name: len(attribute.values) + 1 for attribute in attributes}
    chosen: dict[str, Index] = {}
    for attribute in attributes:
        key_N = attribute.key(kind_N, chosen, radix)
        stream = f"attribute/{attribute.name}"
        if attempt_N is None or attribute.name not in again:
            uniform_N = uniform(seed, stream, design_N)
        else:
            uniform_N = uniform_again(seed, stream, design_N, attempt_N)
        chosen[attribute.name] = attribute.choice.pick(key_N, uniform_N)
    return chosen


def sample_without_replacement(
    attribute: CompiledAttribute, seed: int, key_N: Index, design_N: Index, rank_N: Index
) -> Index:
    """Return value number `rank` of each design, sampled without replacement, so that its colourways differ.

    A design with more colourways than values starts over with all of them. Consecutive rows of one design share their
    samples.
    """
    first_D, run_N = find_runs(design_N)
    uniform_D = uniform(seed, f"attribute/{attribute.name}/0", design_N[first_D])
    picked_N = attribute.choice.pick(key_N[first_D], uniform_D)[run_N]
    has_choice_K = np.count_nonzero(attribute.weights_KV, axis=1) > 1  # else every rank has the only value
    later = np.flatnonzero((rank_N > 0) & has_choice_K[key_N])
    bounds = [*find_runs(design_N[later])[0][::_DESIGNS_AT_ONCE].tolist(), len(later)]
    for first, last in itertools.pairwise(bounds):
        rows = later[first:last]
        picked_N[rows] = _sample_later(attribute, seed, key_N[rows], design_N[rows], rank_N[rows], picked_N[rows])
    return picked_N


def _sample_later(
    attribute: CompiledAttribute, seed: int, key_N: Index, design_N: Index, rank_N: Index, first_pick_N: Index
) -> Index:
    """Return the values of rows with a rank above 0, given the value with rank 0 of each row's design."""
    first_D, run_N = find_runs(design_N)
    weights_VK, key_D = attribute.weights_KV.T, key_N[first_D]
    most_D = np.maximum.reduceat(rank_N, first_D)
    open_D, remaining_VD = np.arange(len(first_D)), weights_VK[:, key_D]
    picked_D, picked_N = first_pick_N[first_D], np.empty(len(key_N), np.int64)
    for rank in range(1, int(most_D.max()) + 1):
        if rank > 1:
            left = np.flatnonzero(most_D[open_D] >= rank)
            open_D, remaining_VD = open_D[left], remaining_VD[:, left]
        remaining_VD[picked_D[open_D], np.arange(len(open_D))] = 0.0
        used_up = np.flatnonzero(~remaining_VD.any(axis=0))
        remaining_VD[:, used_up] = weights_VK[:, key_D[open_D[used_up]]]
        uniform_D = uniform(seed, f"attribute/{attribute.name}/{rank}", design_N[first_D[open_D]])
        cumulative_VD = remaining_VD.copy()
        for before_D, sum_D in itertools.pairwise(cumulative_VD):  # np.cumsum takes ten times as long for few rows
            sum_D += before_D
        picked_D[open_D] = np.sum(cumulative_VD <= uniform_D * cumulative_VD[-1], axis=0, dtype=np.int32)
        of_rank = np.flatnonzero(rank_N == rank)
        picked_N[of_rank] = picked_D[run_N[of_rank]]
    return picked_N


def find_runs(values_N: Index) -> tuple[Index, Index]:
    """Return where each run of equal values begins, and the number of the run of each value."""
    starts_N = np.ones(len(values_N), np.bool_)
    np.not_equal(values_N[1:], values_N[:-1], out=starts_N[1:])
    return np.flatnonzero(starts_N), np.cumsum(starts_N) - 1


def _weights(
    spec: CatalogSpec,
    kind: ProductKind,
    name: str,
    attribute: Attribute,
    state: Mapping[str, str | None],
    where: str,
) -> list[float]:
    if name not in kind.attributes:
        return [0.0] * len(attribute.values) + [1.0]
    own = kind.attributes[name]
    weights = {value: record.weight for value, record in attribute.values.items()} if own is None else dict(own)
    for rule in attribute.rules:
        if all(state[parent] in values for parent, values in rule.when.items()):
            for value, factor in rule.multiply.items():
                weights[value] = weights.get(value, 0.0) * factor
    row = [weights.get(value, 0.0) for value in attribute.values]
    if sum(row) > 0:
        return [*row, 0.0]
    if not _possible(spec, kind, state):
        return [*row, 1.0]
    situation = ", ".join(f"{parent} {value}" for parent, value in state.items())
    product = f"{' > '.join(kind.path)} ({kind.silhouette}) with {situation}"
    raise ToileError(f"{where}: attributes.{name}.rules", f"leave no value for {product}", "keep one weight above 0")


def _possible(spec: CatalogSpec, kind: ProductKind, state: Mapping[str, str | None]) -> bool:
    """False for a combination of parents' values that the kind never has (before rules)."""
    for parent, value in state.items():
        has = parent in kind.attributes
        if (value is None) == has or (value is not None and value not in possible_values(spec, kind, parent)):
            return False
    return True
