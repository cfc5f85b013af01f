"""Which rows a figure is about: all or inferable ones, together, by category, and the pooled small categories."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.metrics.scoring import Outcome
from schemas.evaluation import EvaluationSpec
from schemas.result import OTHER

ROWS = ("all", "inferable")
APART = ("clean", "touched")
"""Rows that training has not touched, and those it has: shown together only, not by category."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slice:
    """Some of a list of outcomes."""

    rows: str
    """all, inferable, clean or touched."""
    category: str | None
    """None is all categories together, `(other)` the pooled ones."""
    members: npt.NDArray[np.intp]
    """Places in the list."""


def slices(scored: Sequence[Outcome], min_rows: int, touched: Collection[str] = ()) -> list[Slice]:
    """For all and for inferable rows: everything, each category in the order of the alphabet, the pooled small ones.

    Then, where there are any, the rows whose codes are `touched`, and those that are not.
    """
    found: list[Slice] = []
    categories = np.array([outcome.category for outcome in scored], dtype=object)
    for rows in ROWS:
        places = _places(scored, rows)
        found.append(Slice(rows=rows, category=None, members=places))
        small = pooled(scored, min_rows)[rows]
        for category in sorted(set(categories[places])):
            found.append(Slice(rows=rows, category=category, members=places[categories[places] == category]))
        if small:
            found.append(Slice(rows=rows, category=OTHER, members=places[np.isin(categories[places], small)]))
    if touched:
        met = np.array([outcome.product_code in touched for outcome in scored], dtype=bool)
        for rows, chosen in zip(APART, (~met, met), strict=True):
            found.append(Slice(rows=rows, category=None, members=np.flatnonzero(chosen)))
    return found


def pooled(scored: Sequence[Outcome], min_rows: int) -> dict[str, tuple[str, ...]]:
    """For all and for inferable rows: the categories with fewer than `min_rows` rows."""
    counts = {rows: Counter(scored[place].category for place in _places(scored, rows)) for rows in ROWS}
    return {rows: tuple(sorted(c for c, n in found.items() if n < min_rows)) for rows, found in counts.items()}


def macro_groups(parts: Sequence[Slice], rows: str, min_rows: int) -> list[Slice]:
    """The slices whose mean is the macro figure: categories, and the pooled rest, of at least `min_rows` rows."""
    return [part for part in parts if part.rows == rows and part.category and len(part.members) >= min_rows]


def asked(scored: Sequence[Outcome], spec: EvaluationSpec) -> list[tuple[str, str]]:
    """The pairs of protocol and split that were answered, the headline first, then in the order of the spec.

    The headline is always there. Validation rows, which choose a prompt, come last.
    """
    headline = (spec.protocol, spec.split)
    found = {(outcome.protocol, outcome.split) for outcome in scored} - {headline}
    order = {protocol: place for place, protocol in enumerate(spec.protocols)}
    return [headline, *sorted(found, key=lambda pair: (pair[1] != spec.split, order.get(pair[0], len(order)), pair))]


def under(scored: Sequence[Outcome], protocol: str, split: str, control: str | None = None) -> list[Outcome]:
    """The outcomes of one protocol and split, in their order; of one control where it is given."""
    return [
        outcome
        for outcome in scored
        if (outcome.protocol, outcome.split) == (protocol, split) and control in {None, outcome.control}
    ]


def headline(scored: Sequence[Outcome], spec: EvaluationSpec, control: str | None = None) -> list[Outcome]:
    """The outcomes of the headline protocol on the evaluated split."""
    return under(scored, spec.protocol, spec.split, control)


def _places(scored: Sequence[Outcome], rows: str) -> npt.NDArray[np.intp]:
    return np.flatnonzero([rows == "all" or outcome.inferable for outcome in scored]).astype(np.intp)
