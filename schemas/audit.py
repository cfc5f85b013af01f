"""`audit.json`, the result of a privacy and fidelity audit: one check per question, with its bound and its control."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Gt, Le

from schemas.documents import Count, Keys, OneOf, Text, from_dict, read_document

AUDIT = "audit.json"
PRIVACY = "privacy"
FIDELITY = "fidelity"
GATES = ("both", PRIVACY, FIDELITY)
PASS = "pass"
FAIL = "fail"
INCONCLUSIVE = "inconclusive"
NOT_APPLICABLE = "not applicable"
COPIED_ROWS = "copied_rows"
"""Name of the check for rows that are copied verbatim."""
STATUSES = (PASS, FAIL, INCONCLUSIVE, NOT_APPLICABLE)

Probability = Annotated[float, Gt(0), Le(1)]
MARGINS: Mapping[str, float] = {
    "price_distance": 0.01,
    "category_price_distance": 0.01,
    "price_level": 0.01,
    "category_price_level": 0.01,
    "title_price_level": 0.01,
    "worst_category_price": 0.0,
    "off_lattice": 0.01,
    "ending_distance": 0.01,
    "discount_distance": 0.01,
    "category_discount_distance": 0.0,
    "first_level_distance": 0.01,
    "branch_distance": 0.01,
    "leaf_distance": 0.01,
    "missing_leaf_rows": 0.01,
    "missing_leaves": 0.0,
    "title_length_distance": 0.01,
    "vocabulary_distance": 0.01,
    "unknown_words": 0.01,
    "title_repeat_difference": 0.01,
    "title_category_link": 0.01,
    "title_price_link": 0.01,
    "colourway_distance": 0.01,
    "missing_difference": 0.01,
    "extra_column_distance": 0.01,
    "association_difference": 0.01,
    "told_apart": 0.02,
    "wrong_categories": 0.01,
    "wrong_prices": 0.01,
}
"""Fidelity figure, in the order of the page -> how far beyond the bound of real halves it may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Where a check fails."""

    replay_p: Probability = 0.01
    """A replay test fails below this p-value, after Holm's correction."""
    copies_p: Probability = 0.01
    """A test for copies fails below this p-value, after Holm's correction."""
    smallest_leak: Probability = 0.05
    """A test that passes, but detects only a leak of a larger share of the families or rows, is inconclusive."""
    smallest_verbatim_leak: Probability = 0.01
    """The same for rows that are copied verbatim (`copied_rows`)."""
    membership_p: Probability = 0.002
    """An attack fails beyond what guessing reaches with this probability, over all attacks of a kind."""
    codes_p: Probability = 0.001
    """More shared codes than chance gives with this probability are a leak."""
    min_support: Annotated[int, Ge(1)] = 5
    """Real families that must have a string of a fitted spec."""
    hits: Count = 0
    """Verbatim products, URLs and images, too rare strings, canaries: how many may be found."""
    margins: Annotated[Mapping[str, Annotated[float, Ge(0)]], Keys(tuple(MARGINS), required=False)] = field(
        default_factory=lambda: dict(MARGINS)
    )
    """Fidelity figure -> how far beyond the bound of real halves it may be; those not named have the default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question and its answer."""

    name: str
    kind: Annotated[str, OneOf((PRIVACY, FIDELITY))]
    """privacy or fidelity."""
    value: float | None
    """null where the question does not apply."""
    real_against_real: float | None
    """The same figure of real rows against other real rows; null where there is none."""
    bound: float | None
    better: Annotated[str, OneOf(("lower", "higher"))]
    """lower: passes while value <= bound; higher: while value >= bound."""
    passed: bool | None
    """null where the question does not apply or the answer is inconclusive."""
    meaning: Text
    """In a sentence: what it is, its direction, and what real against real gives."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """The numbers behind the value, by name."""
    inconclusive: bool = False
    """Nothing was found, but among so few rows a leak of `bounds.smallest_leak`, or a lost link, could not be seen."""
    status: Annotated[str, OneOf(("", *STATUSES))] = ""
    """pass, fail, inconclusive or not applicable; filled from `passed` and `inconclusive`."""

    def __post_init__(self) -> None:
        undecided = INCONCLUSIVE if self.inconclusive else NOT_APPLICABLE
        status = undecided if self.passed is None else PASS if self.passed else FAIL
        object.__setattr__(self, "status", status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """A figure without a bound."""

    name: str
    value: float | None
    real_against_real: float | None
    meaning: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """The score of SDMetrics' quality report, in [0, 1], against random halves of the real families."""

    score: float
    """Of synthetic rows, as many as the limit has."""
    limit: float
    """Of the other half of the real families."""
    share_of_limit: Annotated[float, Ge(0)]
    shapes: Mapping[str, float]
    """Column -> similarity of its distribution."""
    shapes_limit: Mapping[str, float]
    pairs: float | None
    """Mean similarity of the trends of pairs of columns; null if no pair has one."""
    pairs_limit: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One string, code or image that was found where none may be."""

    check: str
    text: str
    """The real string, code or image."""
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryFigures:
    """One leaf category of the synthetic catalog and of the real one."""

    category: str
    num_real: Count
    num_synthetic: Count
    share_real: Annotated[float, Ge(0)]
    share_synthetic: Annotated[float, Ge(0)]
    median_real: float | None
    median_synthetic: float | None
    price_ks: float | None
    """Kolmogorov-Smirnov distance of log full prices; null with fewer than 20 rows on a side."""
    real_against_real: float | None
    """The same of two halves of the real rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """`audit.json`. It is made from real rows: publish it only where those may be published."""

    passed: bool
    gate: Annotated[str, OneOf(GATES)]
    """Whose checks decide `passed`: both, privacy or fidelity."""
    real: str
    synthetic: str
    spec: str | None
    num_members: Count
    """Families of the real train rows."""
    num_holdout: Count
    """Families of the real validation and test rows, which no fit reads."""
    num_real: Count
    num_synthetic: Count
    bounds: Bounds
    checks: tuple[Check, ...]
    diagnostics: tuple[Diagnostic, ...]
    hits: tuple[Hit, ...]
    """At most 50 per check."""
    categories: tuple[CategoryFigures, ...]
    quality: Quality | None = None
    """null where no column has values on both sides, and in documents of earlier versions."""
    smallest_verbatim_leak: float | None = None
    """Smallest share of the real rows whose verbatim copies are detected with power 0.8 (`copied_rows`); null if none
    is. Filled from the checks."""
    verdict: Annotated[str, OneOf(("", PASS, FAIL, INCONCLUSIVE))] = ""
    """Of the gate: fail if a check fails; inconclusive if verbatim copies of `bounds.smallest_verbatim_leak` of the
    rows could pass; else pass. Filled from the checks."""

    def __post_init__(self) -> None:
        copied = next((check for check in self.checks if check.name == COPIED_ROWS), None)
        unclear = self.gate != FIDELITY and copied is not None and copied.status == INCONCLUSIVE
        verdict = FAIL if not self.passed else INCONCLUSIVE if unclear else PASS
        object.__setattr__(self, "verdict", verdict)
        leak = None if copied is None else copied.figures.get("smallest_leak")
        object.__setattr__(self, "smallest_verbatim_leak", leak)


def load_audit(path: Path) -> Audit:
    """Return the audit in a file."""
    return from_dict(Audit, read_document(path), str(path))
