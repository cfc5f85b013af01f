"""What an evaluation and a comparison leave behind: `result.json` and `comparison.json`.

Both hold their figures as one flat list `scores`, so `pandas.DataFrame(document["scores"])` is the table. Figures are
written with six significant digits.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from schemas.border import build, read_document, validate
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec
from schemas.manifest import sha256_of, write_json

Record = TypeVar("Record", "Result", "Comparison")
RESULT = "result.json"
COMPARISON = "comparison.json"
OTHER = "(other)"
"""Stands in `category` for the pooled categories of fewer than `min_category_rows` rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One figure with its interval."""

    protocol: str
    split: str
    control: str
    """none, blank, shuffled or shuffled_in_category: which picture the model saw."""
    rows: str
    """all, or inferable: without the leaves that are site navigation."""
    category: str | None
    """A category3_code, `(other)` for the pooled ones, None for all rows together."""
    metric: str
    n: int
    """Rows behind the figure."""
    value: float | None
    """None when n is 0, and for a median that lies among answers without a price."""
    low: float | None
    high: float | None
    baseline: str | None = None
    """The name of the baseline, None for the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One figure of two models on the same rows; `low` and `high` bound the difference, tuned - base."""

    protocol: str
    split: str
    control: str
    rows: str
    category: str | None
    metric: str
    n: int
    base: float | None
    base_low: float | None
    base_high: float | None
    tuned: float | None
    tuned_low: float | None
    tuned_high: float | None
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    """Two-sided; None where the test does not exist or n is under `min_category_rows`."""
    p_holm: float | None
    """Holm over the categories that share metric, rows and control; None outside categories."""
    detectable: float | None
    """The smallest difference that this n finds with power 0.8 (see `methods`); None when no difference would do."""
    baseline: str | None = None
    """Where set, `base` is this baseline instead of the base model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What was evaluated on what; decides the predictions together with the versions."""

    model: str
    """Name or folder as given."""
    model_sha256: str | None
    """Of configuration and weights, for a local folder."""
    adapter: str | None
    adapter_sha256: str | None
    data: str
    """The shard folder as given."""
    data_sha256: str
    """Of the manifest's list of files with their hashes."""
    prompt: str
    spec: EvaluationSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    rows: int
    """Rows of the split."""
    evaluated: int
    inferable: int
    """Of those evaluated."""
    families: int
    """Of those evaluated; intervals treat rows as independent, colourways of one family are not quite."""
    skipped: int
    """Rows without title, category, price or picture."""
    baseline_rows: int
    """Rows of the train split that the baselines are fitted on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    product_code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One model on one data set."""

    inputs: Inputs
    data_from_here: str
    """The shard folder relative to this one, so that both can move together."""
    device: str
    dtype: str
    counts: Counts
    skipped: tuple[Skipped, ...]
    pooled: Mapping[str, tuple[str, ...]]
    """For rows all and inferable: the categories behind `(other)`."""
    uses_picture: bool | None
    """Whether the interval of the visual gain lies above 0; None when no control was run."""
    verdict: str
    notes: tuple[str, ...]
    methods: Mapping[str, str]
    versions: Mapping[str, str]
    seconds: float
    """Wall time of the last start; never part of any comparison."""
    scores: tuple[Score, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two models of a comparison."""

    inputs: Inputs
    from_here: str
    """Its evaluation folder relative to the comparison's, so that both can move together."""
    predictions_sha256: str
    uses_picture: bool | None
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two models on the same rows of the same data."""

    base: Side
    tuned: Side
    counts: Counts
    pooled: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]
    methods: Mapping[str, str]
    versions: Mapping[str, str]
    scores: tuple[Difference, ...]


def read_result(folder: Path) -> Result:
    """The result of a finished evaluation folder, checked against its schema."""
    document = _checked(folder / RESULT, "result", "toile evaluate")
    return build(Result, document)


def read_comparison(folder: Path) -> Comparison:
    """The comparison in a folder, checked against its schema."""
    return build(Comparison, _checked(folder / COMPARISON, "comparison", "toile compare"))


def write_result(folder: Path, result: Result) -> None:
    """Check against the schema and write atomically."""
    _write(folder / RESULT, "result", document_of(result))


def write_comparison(folder: Path, comparison: Comparison) -> None:
    """Check against the schema and write atomically."""
    _write(folder / COMPARISON, "comparison", document_of(comparison))


def as_written(record: Record) -> Record:
    """The record as reading it back gives it, with six significant digits: no page depends on the seventh."""
    return build(type(record), document_of(record))


def document_of(record: Any) -> Any:
    """A record as plain JSON values: six significant digits, and no `baseline` key where there is none."""
    if dataclasses.is_dataclass(record):
        pairs = ((field.name, getattr(record, field.name)) for field in dataclasses.fields(record))
        return {name: document_of(value) for name, value in pairs if (name, value) != ("baseline", None)}
    if isinstance(record, Mapping):
        return {key: document_of(value) for key, value in record.items()}
    if isinstance(record, list | tuple):
        return [document_of(value) for value in record]
    return float(f"{record:.6g}") if isinstance(record, float) else record


def identity(inputs: Inputs) -> str:
    """The hash two runs must share to be one: contents rather than paths, and without the batch size."""
    return sha256_of(identity_document(inputs))


def identity_document(inputs: Inputs) -> dict[str, Any]:
    """The part of the inputs that `identity` hashes."""
    document: dict[str, Any] = document_of(inputs)
    del document["data"], document["adapter"], document["spec"]["batch_size"]
    if inputs.model_sha256 is not None:
        del document["model"]
    return document


def _checked(path: Path, kind: str, command: str) -> Any:
    if not path.is_file():
        raise ToileError(str(path.parent), f"holds no {path.name}", f"point to a folder that `{command}` has finished")
    document = read_document(path)
    _validate(document, kind, str(path))
    return document


def _validate(document: Any, kind: str, where: str) -> None:
    validate(document, kind, where)
    sides = [document] if kind == "result" else [document["base"], document["tuned"]]
    for side in sides:
        validate(side["inputs"]["spec"], "evaluation", f"{where}: inputs.spec")


def _write(path: Path, kind: str, document: Any) -> None:
    _validate(document, kind, str(path))
    write_json(path, document)
