"""What an audit leaves behind: `audit.json`, one check a question, each with its bound and its control."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from schemas.validation import build, read_document, validate

AUDIT = "audit.json"
PRIVACY = "privacy"
FIDELITY = "fidelity"
GATES = ("both", PRIVACY, FIDELITY)

MARGINS: Mapping[str, float] = {
    "price_distance": 0.15,
    "category_price_distance": 0.2,
    "off_lattice": 0.1,
    "ending_distance": 0.15,
    "discount_distance": 0.1,
    "first_level_distance": 0.1,
    "branch_distance": 0.1,
    "leaf_distance": 0.15,
    "title_length_distance": 0.25,
    "vocabulary_distance": 0.2,
    "unknown_words": 0.25,
    "title_repeat_difference": 0.3,
    "colourway_distance": 0.2,
    "missing_difference": 0.1,
    "association_difference": 0.25,
    "told_apart": 0.4,
    "wrong_categories": 0.2,
    "wrong_prices": 0.2,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Where a check fails; the defaults stand in the schema too."""

    replay_p: float = 0.01
    """A replay test fails below this p (after Holm)."""
    membership_p: float = 0.002
    """An attack fails beyond what guessing reaches with this probability, over all attacks of a kind."""
    codes_p: float = 0.001
    """More shared codes than chance gives with this probability are a leak."""
    min_support: int = 5
    """Real families that must hold a string of a fitted spec."""
    hits: int = 0
    """Verbatim products, URLs and pictures, too rare strings, canaries: how many may be found."""
    margins: Mapping[str, float] = field(default_factory=lambda: dict(MARGINS))
    """Fidelity figure -> how far above real against real it may lie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question and its answer."""

    name: str
    kind: str
    """privacy or fidelity."""
    value: float | None
    """None where the question does not apply."""
    real_against_real: float | None
    """The same figure of real rows against other real rows; None where there is none."""
    bound: float | None
    better: str
    """lower: passes while value <= bound; higher: while value >= bound."""
    passed: bool | None
    """None where the question does not apply."""
    meaning: str
    """In a sentence: what it is, its direction, what real against real gives."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """The numbers behind the value, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """A figure that never passes or fails anything."""

    name: str
    value: float | None
    real_against_real: float | None
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One thing that was found where nothing should be."""

    check: str
    text: str
    """The real string, code or picture."""
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryFigures:
    """One leaf beside the same leaf of the real catalog."""

    category: str
    num_real: int
    num_synthetic: int
    share_real: float
    share_synthetic: float
    median_real: float | None
    median_synthetic: float | None
    price_ks: float | None
    """Kolmogorov-Smirnov distance of log full prices; None with fewer than 20 rows on a side."""
    real_against_real: float | None
    """The same of two halves of the real leaf."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """The whole document. It is made from real rows: publish it only where those may be published."""

    passed: bool
    gate: str
    """Whose checks decide `passed`: both, privacy or fidelity."""
    real: str
    synthetic: str
    spec: str | None
    num_members: int
    """Families of the real train rows."""
    num_holdout: int
    """Families of the real validation and test rows, which no fit reads."""
    num_real: int
    num_synthetic: int
    bounds: Bounds
    checks: tuple[Check, ...]
    diagnostics: tuple[Diagnostic, ...]
    hits: tuple[Hit, ...]
    """At most 50 a check."""
    categories: tuple[CategoryFigures, ...]


def load_audit(path: Path) -> Audit:
    """An audit document, checked against its schema."""
    document = read_document(path)
    validate(document, "audit", str(path))
    return build(Audit, document)
