"""Products redrawn with one attribute changed, and what a model's answers to them say: `counterfactual.json`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import ToileError
from schemas.product import Product
from schemas.result import Inputs, document_of
from schemas.util.files import write_json
from schemas.validation import build, read_document, validate

COUNTERFACTUAL = "counterfactual.json"
NUISANCE = "nuisance"
"""Name of the change that changes no attribute: another camera, light, folds and background."""
MIN_PAIRS = 20
"""With fewer pairs a figure is shown and nothing is said about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A product as it would be with one attribute changed."""

    attribute: str
    """What changes in the picture (material, colour, hardware, ...), or nuisance."""
    old: str
    """The catalog spec's own names of the values; of nuisance the seeds of the two shots."""
    new: str
    log_change: float
    """ln of the new price factor over the old one: what the price should move by. 0 where the spec has one price."""
    product: Product
    """The changed row with its picture; its code is the old one, a slash and the attribute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redrawn:
    """A product drawn anew as it is, and its changes."""

    original: Product
    as_stored: bool
    """Whether the picture drawn now is, byte for byte, the one in the shards."""
    changes: tuple[Change, ...]


Redraw = Callable[[Product], Redrawn]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The answers to one product as it is and changed."""

    product_code: str
    family: str
    attribute: str
    old: str
    new: str
    log_change: float
    """Expected change of ln price, by the catalog spec."""
    steps: bool
    """Whether the expected change also moves the legal price, by one step of the shop's prices or more."""
    answered_log_change: float | None
    """None where one of the two answers has no readable price."""
    category_moved: bool | None
    """None where one of the two answers has no category."""
    title_names: bool | None
    """Whether the second answer's title names the new value; None where the spec's title does not name it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure with its interval, from n pairs of so many product families."""

    n: int
    families: int
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """How the answers move with one attribute."""

    attribute: str
    pairs: int
    families: int
    enough: bool
    """False below 20 pairs."""
    unread: Figure
    """Share of pairs where one of the two answers lacks a category or a readable price; in the figures below a pair
    counts where what they need was read."""
    category_moved: Figure
    direction: Figure
    """Share of pairs whose price moved the way it should, among those whose legal price should move."""
    slope: Figure
    """Of answered on expected change of ln price, through the origin: 1 follows fully, 0 not at all."""
    false_movement: Figure
    """Median |change of ln price| answered where none is expected."""
    false_moves: Figure
    """Share of the same pairs whose answered price moved by more than the price tolerance."""
    title_names: Figure
    """Share of second answers whose title names the new value, among those where the spec's title does."""
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterfactual:
    """A finished run."""

    inputs: Inputs
    device: str
    dtype: str
    rows: int
    """Rows of the split."""
    products: int
    """Of them asked about, each with several pictures."""
    sensitivities: tuple[Sensitivity, ...]
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...]
    methods: Mapping[str, str]
    versions: Mapping[str, str]
    seconds: float
    """Wall time of the last start; never part of any comparison."""


def read_counterfactual(folder: Path) -> Counterfactual:
    """The finished run in a folder, or a ToileError that says what is missing."""
    path = folder / COUNTERFACTUAL
    if not path.is_file():
        hint = "point to a folder that `toile counterfactual` has finished"
        raise ToileError(str(folder), f"holds no {COUNTERFACTUAL}", hint)
    document = read_document(path)
    _check(document, str(path))
    return build(Counterfactual, document)


def write_counterfactual(folder: Path, record: Counterfactual) -> None:
    """Check against the schema and write atomically."""
    document = document_of(record)
    _check(document, str(folder / COUNTERFACTUAL))
    write_json(folder / COUNTERFACTUAL, document)


def _check(document: object, where: str) -> None:
    validate(document, "counterfactual", where)
    assert isinstance(document, dict), where
    validate(document["inputs"]["spec"], "evaluation", f"{where}: inputs.spec")
