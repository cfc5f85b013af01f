"""Products rendered again with one attribute changed, and `counterfactual.json`: how a model's answers change."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, MinLen

from schemas.documents import Count, Text, from_dict, read_document
from schemas.errors import ToileError
from schemas.product import Product
from schemas.result import Inputs, document_of
from schemas.util.files import write_json

COUNTERFACTUAL = "counterfactual.json"
NUISANCE = "nuisance"
"""The change that changes no attribute: only camera, light, folds and background."""
MIN_PAIRS = 20
"""With fewer pairs a figure is shown without a conclusion."""
MIN_FAMILIES = 8
"""The same with pairs of fewer product families: they are too alike, and the interval of a slope needs seven."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A product as it would be with one attribute changed."""

    attribute: str
    """What changes in the image (material, colour, hardware, ...), or nuisance."""
    old: str
    """The catalog spec's own names of the values; of nuisance the seeds of the two shots."""
    new: str
    log_change: float
    """ln of the new price factor over the old one: the expected change of ln price. 0 where the spec has one price."""
    product: Product
    """The changed row with its image; its code is the old one, a slash and the attribute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redrawn:
    """A product rendered again without a change, and its changes."""

    original: Product
    as_stored: bool
    """Whether the image rendered now is, byte for byte, the one in the catalog."""
    changes: tuple[Change, ...]


Redraw = Callable[[Product], Redrawn]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The answers to one product without and with the change."""

    product_code: Text
    family: Text
    attribute: Text
    old: str
    new: str
    log_change: float
    """Expected change of ln price, by the catalog spec."""
    steps: bool
    """Whether the expected change also changes the legal price, by one step of the shop's prices or more."""
    answered_log_change: float | None
    """null where one of the two answers has no readable price."""
    category_moved: bool | None
    """null where one of the two answers has no category."""
    title_names: bool | None
    """Whether the second answer's title names the new value; null where the spec's title does not name it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure with its interval, from n pairs of some product families."""

    n: Count
    families: Count
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """How the answers change with one attribute."""

    attribute: Text
    pairs: Annotated[int, Ge(1)]
    families: Annotated[int, Ge(1)]
    enough: bool
    """False below 20 pairs or 8 families."""
    unread: Figure
    """Share of pairs where one of the two answers lacks a category or a readable price. In the other figures a pair
    counts where the values that they need are present."""
    category_moved: Figure
    direction: Figure
    """Share of pairs whose price changed in the right direction, among those whose legal price should change."""
    slope: Figure
    """Slope of answered on expected change of ln price, through the origin: 1 is full response, 0 none."""
    false_movement: Figure
    """Median |change of ln price| answered where none is expected."""
    false_moves: Figure
    """Share of the same pairs whose answered price changed by more than the price tolerance."""
    title_names: Figure
    """Share of second answers whose title names the new value, among those where the spec's title does."""
    sentences: Annotated[tuple[str, ...], MinLen(1)]
    """The figures in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterfactual:
    """`counterfactual.json`: a finished run."""

    inputs: Inputs
    device: str
    dtype: str
    rows: Count
    """Rows of the split."""
    products: Annotated[int, Ge(1)]
    """Rows asked about, each with several images."""
    sensitivities: tuple[Sensitivity, ...]
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...]
    methods: Mapping[str, str]
    versions: Mapping[str, str]
    seconds: Annotated[float, Ge(0)]
    """Wall time of the last start; never compared."""


def read_counterfactual(folder: Path) -> Counterfactual:
    """Return the finished run in a folder; raise a `ToileError` where there is none."""
    path = folder / COUNTERFACTUAL
    if not path.is_file():
        hint = "point to a folder that `toile counterfactual` has finished"
        raise ToileError(str(folder), f"holds no {COUNTERFACTUAL}", hint)
    return from_dict(Counterfactual, read_document(path), str(path))


def write_counterfactual(folder: Path, record: Counterfactual) -> None:
    """Check a run and write it atomically."""
    document = document_of(record)
    from_dict(Counterfactual, document, str(folder / COUNTERFACTUAL))
    write_json(folder / COUNTERFACTUAL, document)
