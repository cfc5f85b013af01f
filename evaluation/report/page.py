"""What the report shows, taken from scores and outcomes: panels to look figures up in, and small tables.

Layout and words are in `report.html.j2`; here is everything that needs arithmetic.
"""

import itertools
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from evaluation.metrics.figures import FAILURES
from evaluation.metrics.scoring import Outcome
from evaluation.report.scatter import Points
from schemas.result import OTHER, Counts, Difference, Inputs, Result, Score

CONFUSED = 12
"""Categories in the confusion table; the rest share a row and a column."""
GROUPS = 5
LEAST_IN_GROUP = 5
"""Of the calibration of prices."""
NO_CATEGORY = "no such category"
CONTROLS = {
    "none": "true picture",
    "blank": "blank picture",
    "shuffled": "another picture",
    "shuffled_in_category": "another one of its category",
}
PROTOCOLS = {
    "generate": "the training prompt, answered freely",
    "instructed": "with form, categories and currency in the prompt",
    "examples": "instructed, with answers about other pictures",
    "constrained": "instructed, and only the form can be written",
    "rank": "categories by log-probability",
    "price": "prices by log-probability",
    "best": "each model under its own prompt",
}


Key = tuple[str, str, str, str | None, str | None]
"""Metric, rows, control, category, baseline."""
Row = TypeVar("Row", Score, Difference)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One model on the page."""

    label: str
    """model, base or tuned."""
    inputs: Inputs
    uses_picture: bool | None
    verdict: str
    figures: Mapping[Key, Score]
    """As `by_key` makes them."""
    outcomes: Sequence[Outcome]
    asked: Mapping[tuple[str, str, str], Score]
    """As `by_protocol` makes them."""

    def figure(
        self,
        metric: str,
        rows: str,
        control: str = "none",
        category: str | None = None,
        baseline: str | None = None,
    ) -> Score | None:
        """The score with these keys, if there is one."""
        return self.figures.get((metric, rows, control, category, baseline))

    @property
    def name(self) -> str:
        """The model, and its adapter where it has one."""
        return self.inputs.model if self.inputs.adapter is None else f"{self.inputs.model} + {self.inputs.adapter}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """How often rows of a true category were answered as each category."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, int, tuple[int, ...]], ...]
    """True category, its number of rows, and the counts in the order of `columns`."""


def headline_rows(counts: Counts) -> str:
    """Inferable rows where there are any: no picture tells the leaf of the others."""
    return "inferable" if counts.inferable else "all"


def table_lines(rows: Sequence[Score] | Sequence[Difference], counts: Counts) -> list[tuple[str, str | None]]:
    """The lines of a table by category, as (kind of rows, category): all together first, then the largest category.

    Categories are judged on inferable rows; those that no picture can tell follow, on all rows. `(other)` comes last.
    """
    sizes: dict[tuple[str, str | None], int] = {}
    for row in rows:
        if row.metric == "joint" and _plain(row):
            sizes.setdefault((row.rows, row.category), row.n)  # the headline protocol stands first
    first = headline_rows(counts)
    kinds = [first] if counts.inferable in {0, counts.evaluated} else [first, "all"]
    lines: list[tuple[str, str | None]] = [(kind, None) for kind in kinds]
    listed: set[str | None] = {None, OTHER}
    for kind in kinds:
        names = [name for rows_of, name in sizes if rows_of == kind and name not in listed]
        lines += [(kind, name) for name in sorted(names, key=lambda name: (-sizes[(kind, name)], str(name)))]
        listed |= set(names)
    return [*lines, *([(first, OTHER)] if (first, OTHER) in sizes else [])]


def baseline_names(panel: Panel) -> list[str]:
    """In the order of the scores."""
    return list(dict.fromkeys(s.baseline for s in panel.figures.values() if s.baseline is not None))


def failures(panel: Panel, rows: str) -> dict[str, list[Score]]:
    """By field the shares of the reasons that occurred, the largest first."""
    found = {}
    for field, reasons in FAILURES.items():
        shares = [panel.figure(f"{field}:{reason}", rows) for reason in reasons]
        found[field] = sorted((s for s in shares if s is not None and s.value), key=lambda s: -(s.value or 0))
    return found


def confusion(panel: Panel, rows: str) -> Confusion:
    """True against answered categories; what is missing, unreadable or out of the set is a column of its own."""
    judged = [o for o in panel.outcomes if o.control == "none" and (rows == "all" or o.inferable)]
    sizes = Counter(outcome.category for outcome in judged)
    largest = sorted(sizes, key=lambda name: (-sizes[name], name))[:CONFUSED]
    seen = Counter((_kept(o.category, largest), _kept(o.answered_category, largest)) for o in judged)
    truths = [*largest, *([OTHER] if len(sizes) > CONFUSED else [])]
    columns = [*largest, OTHER, NO_CATEGORY]
    used = [column for column in columns if column in largest or any(seen[(truth, column)] for truth in truths)]
    return Confusion(
        columns=tuple(used),
        rows=tuple(
            (truth, sum(seen[(truth, column)] for column in used), tuple(seen[(truth, column)] for column in used))
            for truth in truths
        ),
    )


def price_points(panel: Panel, truths: dict[str, float], rows: str) -> Points:
    """True and answered price of every answer with a price."""
    judged = [o for o in panel.outcomes if o.control == "none" and (rows == "all" or o.inferable)]
    return Points(
        name=panel.label,
        pairs=[(o.product_code, truths[o.product_code], o.answer.price) for o in judged if o.answer.price is not None],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """The products whose answered prices are alike."""

    n: int
    answered: float
    """Median of the answered prices."""
    true: float
    """Median of the true ones."""
    ratio: float
    """Median of true / answered: what an answer of this size has to be multiplied with."""


def calibration(points: Points) -> list[Calibrated]:
    """Answers in up to five groups of one size, from the lowest answered price to the highest; none for few answers.

    A calibrated model has a ratio of 1 in each; one that answers the same everywhere has a single group that is right
    on the whole and tells nothing.
    """
    ordered = sorted((answered, true) for _, true, answered in points.pairs)
    groups = min(GROUPS, len(ordered) // LEAST_IN_GROUP)
    ends = [len(ordered) * number // groups for number in range(groups + 1)] if groups else []
    found = []
    for first, last in itertools.pairwise(ends):
        part = ordered[first:last]
        found.append(
            Calibrated(
                n=len(part),
                answered=statistics.median(answered for answered, _ in part),
                true=statistics.median(true for _, true in part),
                ratio=statistics.median(true / answered for answered, true in part),
            )
        )
    return found


def by_key(rows: Sequence[Row]) -> dict[Key, Row]:
    """Scores or differences to look up; those of the headline protocol, which stand first."""
    found: dict[Key, Row] = {}
    for row in rows:
        found.setdefault((row.metric, row.rows, row.control, row.category, row.baseline), row)
    return found


def by_protocol(rows: Sequence[Row], split: str) -> dict[tuple[str, str, str], Row]:
    """By (protocol, metric, rows) the scores or differences of all categories together, true picture, this split."""
    return {
        (row.protocol, row.metric, row.rows): row
        for row in rows
        if _plain(row) and row.category is None and row.split == split
    }


def ways_of_asking(
    asked: Mapping[tuple[str, str, str], Score] | Mapping[tuple[str, str, str], Difference],
) -> list[str]:
    """The protocols in the order of their figures; nothing where there is only one."""
    found = list(dict.fromkeys(protocol for protocol, _, _ in asked))
    return found if len(found) > 1 else []


def ceiling(result: Result, rows: str, metric: str) -> tuple[float, float | None] | None:
    """The best expected score of any model, and the share of it that this one reaches, above 1 with luck.

    None where no ceiling is known; no share of a ceiling of 0, nor where there is no score.
    """
    if result.ceiling is None or rows not in result.ceiling:
        return None
    best: float = getattr(result.ceiling[rows], metric)
    score = by_key(result.scores).get((metric, rows, "none", None, None))
    reached = None if score is None or score.value is None or best == 0 else score.value / best
    return best, reached


def controls(panel: Panel, rows: str) -> list[str]:
    """The pictures that were shown, the true one first."""
    found = dict.fromkeys(control for metric, of_rows, control, *_ in panel.figures if of_rows == rows)
    return [control for control in CONTROLS if control in found]


def _plain(row: Score | Difference) -> bool:
    return row.control == "none" and row.baseline is None


def _kept(name: str | None, largest: Sequence[str]) -> str:
    return NO_CATEGORY if name is None else name if name in largest else OTHER
