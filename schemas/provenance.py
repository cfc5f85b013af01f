"""Where a fitted catalog spec comes from: what was read, what was released of it, and at what cost in privacy.

`toile fit` writes it into the spec as `provenance`; a spec written by hand has none. The ledger is complete: its rows
sum to the totals, and what was taken as public knowledge is listed too, with nothing spent.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

TOLERANCE = 1e-9
"""Sums of the ledger may differ from the totals by rounding only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One statistic that left the real rows."""

    statistic: str
    mechanism: str
    """What added the noise, or `public` for what was not taken from the rows."""
    epsilon: float = 0.0
    delta: float = 0.0
    sensitivity: float = 0.0
    """By how much one family can move the statistic, all cells together (L1)."""
    bins: str
    """What the cells are and who knows them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What a fitted spec knows of real rows."""

    fitted_from: str
    """The kind of rows, in words."""
    num_rows: int
    """Rows read, or an estimate of them from noisy counts."""
    num_families: int
    private: bool
    """Whether everything that came from the rows is differentially private."""
    statement: str
    """What that means, in a sentence that a data card repeats."""
    min_support: int
    """No word or value stands in the spec with fewer families behind it (noisy counts where private)."""
    unit: str = "family"
    """What is protected: two sets of rows are neighbours when one of them has one family more."""
    epsilon: float | None = None
    delta: float | None = None
    ledger: tuple[Release, ...] = ()


def provenance_complaints(provenance: Provenance | None) -> Iterator[tuple[list[object], str, str]]:
    """A ledger that does not add up, or a claim without one."""
    if provenance is None:
        return
    if not provenance.private:
        if provenance.epsilon is not None or provenance.delta is not None or provenance.ledger:
            yield ["provenance"], "has a ledger, and says that it is not private", "fit it again"
        return
    for total, spent, name in (
        (provenance.epsilon, math.fsum(row.epsilon for row in provenance.ledger), "epsilon"),
        (provenance.delta, math.fsum(row.delta for row in provenance.ledger), "delta"),
    ):
        if total is None:
            yield ["provenance", name], "is missing although the spec says it is private", "fit it again"
        elif abs(total - spent) > TOLERANCE:
            problem = f"{total:g} is not what the ledger sums to, {spent:.9g}"
            yield ["provenance", name], problem, "a ledger must list all that was spent; fit it again"
