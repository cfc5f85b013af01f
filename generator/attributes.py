"""What a product is: the weighted, conditional choices of a catalog spec as tables that answer whole arrays at once."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from generator.streams import Floats, Index, uniform
from schemas.catalog import Attribute, CatalogSpec
from schemas.errors import ToileError


@dataclass(frozen=True, slots=True)
class Choice:
    """Weighted choices for many situations (keys) at once, as one sorted array of key + cumulative share.

    Looking up key + u by bisection is the inverse of the distribution function of that key.
    """

    edges: Floats
    num_values: int

    @staticmethod
    def of(weights_KV: Floats) -> "Choice":
        """From weights per key; each row must have a positive sum."""
        shares_KV = weights_KV / weights_KV.sum(axis=1, keepdims=True)
        cumulative_KV = np.minimum(np.cumsum(shares_KV, axis=1), 1.0)
        num_keys, num_values = weights_KV.shape
        last_V = num_values - 1 - np.argmax(weights_KV[:, ::-1] > 0, axis=1)
        cumulative_KV[np.arange(num_values) >= last_V[:, None]] = 1.0
        return Choice((np.arange(num_keys)[:, None] + cumulative_KV).ravel(), num_values)

    def pick(self, key_N: Index, uniform_N: Floats) -> Index:
        """The chosen value number for each key; values of weight 0 are never chosen."""
        found = np.searchsorted(self.edges, key_N + uniform_N, side="right")
        return found - key_N * self.num_values


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

    A design with more colourways than values starts over with all of them.
    """
    remaining_NV = attribute.weights_KV[key_N].copy()
    picked_N = np.zeros(len(key_N), np.int64)
    for rank in range(int(rank_N.max(initial=0)) + 1):
        rows = np.flatnonzero(rank_N >= rank)
        used_up = rows[remaining_NV[rows].sum(axis=1) <= 0]
        remaining_NV[used_up] = attribute.weights_KV[key_N[used_up]]
        picked = _inverse(remaining_NV[rows], uniform(seed, f"attribute/{attribute.name}/{rank}", design_N[rows]))
        remaining_NV[rows, picked] = 0.0
        picked_N[rows] = picked
    return picked_N


def _inverse(weights_NV: Floats, uniform_N: Floats) -> Index:
    """The value at each uniform number, for rows that each have weights of their own."""
    cumulative_NV = np.cumsum(weights_NV, axis=1)
    passed_NV: npt.NDArray[np.bool_] = cumulative_NV <= (uniform_N * cumulative_NV[:, -1])[:, None]
    picked_N: Index = passed_NV.sum(axis=1).astype(np.int64)
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
