"""What a mix x test matrix leaves behind: `matrix.json`, one figure a cell and one paired difference a question."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BASE = "base"
ALL = "all"
MATRIX = "matrix.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One figure of one model on the test rows of one source."""

    mix: str
    """base (not trained), the source that it was trained on alone, or all."""
    test: str
    metric: str
    n: int
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """What another mix changes on the same test rows: `after` - `before`."""

    test: str
    before: str
    after: str
    metric: str
    n: int
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    """Holm over all contrasts of the same metric: so many chances to be lucky."""
    detectable: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """The whole table."""

    mixes: Mapping[str, Mapping[str, float]]
    """Mix -> source -> its weight; base has none."""
    tests: Mapping[str, str]
    """Source -> its folder."""
    rows: str
    """inferable or all: which rows the figures are about."""
    num_steps: int
    """Of every training run: each mix gets the same number of examples."""
    model: str
    cells: Sequence[Cell]
    contrasts: Sequence[Contrast]
