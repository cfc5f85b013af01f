"""Which rows a figure is about: all or inferable ones, together, by category, and the pooled small categories."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.scoring import Outcome
from schemas.result import OTHER

ROWS = ("all", "inferable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Some of a list of outcomes."""

    rows: str
    """all or inferable."""
    category: str | None
    """None is all categories together, `(other)` the pooled ones."""
    members: tuple[int, ...]
    """Places in the list."""


def slices(scored: Sequence[Outcome], min_rows: int) -> list[Slice]:
    """For all and for inferable rows: everything, each category in the order of the alphabet, the pooled small ones."""
    found: list[Slice] = []
    for rows in ROWS:
        places = _places(scored, rows)
        found.append(Slice(rows=rows, category=None, members=tuple(places)))
        small = pooled(scored, min_rows)[rows]
        for category in sorted({scored[place].category for place in places}):
            members = tuple(place for place in places if scored[place].category == category)
            found.append(Slice(rows=rows, category=category, members=members))
        if small:
            rest = tuple(place for place in places if scored[place].category in small)
            found.append(Slice(rows=rows, category=OTHER, members=rest))
    return found


def pooled(scored: Sequence[Outcome], min_rows: int) -> dict[str, tuple[str, ...]]:
    """For all and for inferable rows: the categories with fewer than `min_rows` rows."""
    counts = {rows: Counter(scored[place].category for place in _places(scored, rows)) for rows in ROWS}
    return {rows: tuple(sorted(c for c, n in found.items() if n < min_rows)) for rows, found in counts.items()}


def macro_groups(parts: Sequence[Slice], rows: str, min_rows: int) -> list[Slice]:
    """The slices whose mean is the macro figure: categories, and the pooled rest, of at least `min_rows` rows."""
    return [part for part in parts if part.rows == rows and part.category and len(part.members) >= min_rows]


def _places(scored: Sequence[Outcome], rows: str) -> list[int]:
    return [place for place, outcome in enumerate(scored) if rows == "all" or outcome.inferable]
