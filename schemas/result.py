"""What an evaluation and a comparison leave behind: `result.json` and `comparison.json`.

Both hold their figures as one flat list `scores`, so `pandas.DataFrame(document["scores"])` is the table. Figures are
written with six significant digits.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec
from schemas.util.files import sha256_of, write_json
from schemas.validation import build, read_document, validate

Record = TypeVar("Record", "Result", "Comparison")
RESULT = "result.json"
COMPARISON = "comparison.json"
OTHER = "(other)"
"""Stands in `category` for the pooled categories of fewer than `min_category_rows` rows."""
BEST = "best"
"""Stands in `protocol` of a difference where each model answers under the protocol that was chosen for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One figure with its interval."""

    protocol: str
    split: str
    control: str
    """none, blank, shuffled or shuffled_in_category: which picture the model saw."""
    rows: str
    """all, inferable (without the leaves that are site navigation), clean or touched (by training)."""
    category: str | None
    """A category3_code, `(other)` for the pooled ones, None for all rows together."""
    metric: str
    n: int
    """Rows behind the figure."""
    families: int
    """Product families that these rows belong to; intervals respect that a family's rows are alike."""
    value: float | None
    """None when n is 0, for a median that lies among answers without a price, and where a figure is not defined."""
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
    """Rows in the figure's n for both models."""
    families: int
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
    """Two-sided, families flipped whole; None where the test does not exist or the rows are insufficient."""
    p_mcnemar: float | None
    """Of rates: McNemar's exact test with rows taken as independent."""
    p_holm: float | None
    """Holm over the categories that share metric, rows and control; None outside categories."""
    p_bh: float | None
    """Benjamini-Hochberg over the same: for exploring, not for claims."""
    detectable: float | None
    """The smallest difference that these rows find with power 0.8 (see `methods`); None when no difference would do."""
    insufficient: bool
    """Fewer than `min_category_rows` rows: no p."""
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
    server: str | None = None
    """The address of the server that answered, None where the model ran in this process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    rows: int
    """Rows of the split."""
    evaluated: int
    inferable: int
    """Of those evaluated."""
    families: int
    """Of those evaluated; colourways of one design share a family."""
    skipped: int
    """Rows without title, category, price or picture."""
    baseline_rows: int
    """Rows of the train split that the baselines are fitted on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    product_code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """How many evaluated rows are the same as a row of training, in one way."""

    kind: str
    """code, family, picture (its bytes), pixels, title or look_alike; the last two do not touch a row."""
    source: str
    """train: the train split of the evaluated data; adapter, model: what their `seen.parquet` lists."""
    rows: int
    """Evaluated rows."""
    share: float
    compared: int
    """Rows of training that could be compared in this way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Some rows answered once more, alone: what batching, or a server's moods, do to the answers."""

    rows: int
    flips: int
    """Rows whose answer is another text then."""
    rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What the model was really asked under one protocol: its first question, to the token."""

    protocol: str
    text: str
    """Of rank and price with the answer prefix of the first row."""
    sha256: str
    """Of the text in UTF-8."""
    token_ids_head: tuple[int, ...] | None
    """The first 256 ids, every run of picture positions (negative ids) as one; None where the model tells no ids."""
    token_ids_sha256: str | None
    """Of all ids as a JSON list without spaces, picture positions and all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """How fast the last start was; never part of any comparison."""

    rows: int
    """Answered in that start, under every protocol and control; repeats for the noise check left out."""
    rows_per_second: float | None
    """While answering, by all processes together; None when nothing was left to answer."""
    new_tokens_per_second: float | None
    """None where the model does not count them."""
    ranks: int
    """Processes that answered."""
    seconds: Mapping[str, float]
    """load (the model), answer, and score (with the page)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """What a perfect reader of pictures who knows the catalog's spec would score, in expectation, on these rows."""

    n: int
    """Rows behind it."""
    bounded: int
    """Of these, rows for which only an upper bound is known."""
    category: float
    title: float
    price: float
    joint: float
    reasoning: float


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
    chosen: str | None = None
    """The protocol chosen on validation rows; None when none was."""
    leaks: tuple[Leak, ...] = ()
    touched: tuple[str, ...] = ()
    """Codes of the evaluated rows whose code, family or picture training has touched."""
    noise: Noise | None = None
    """None when it was not measured."""
    throughput: Throughput | None = None
    prompts: tuple[Prompt, ...] = ()
    """One for each protocol."""
    ceiling: Mapping[str, Ceiling] | None = None
    """For rows all and inferable; None unless a catalog spec drew the data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two models of a comparison."""

    inputs: Inputs
    chosen: str | None
    """Its protocol in differences under `best`; None for the headline one."""
    from_here: str
    """Its evaluation folder relative to the comparison's, so that both can move together."""
    predictions_sha256: str
    uses_picture: bool | None
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatShare:
    """How much of the gain in category is only the form of the answer: what is gone when categories are ranked.

    A ranking needs no form, so a gain that is smaller there was partly learnt form.
    """

    rows: str
    n: int
    families: int
    gain: float
    """tuned - base in category accuracy under the protocol generate."""
    gain_ranked: float
    """The same under rank."""
    difference: float
    """gain - gain_ranked, bounded by `low` and `high`."""
    low: float | None
    high: float | None
    share: float | None
    """difference / gain; None unless the interval of gain lies above 0."""


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
    format_share: tuple[FormatShare, ...] = ()
    """For all and for inferable rows; empty unless both models answered under generate and under rank."""


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
    if record is None or isinstance(record, str | int):  # most are, and the questions below take longer
        return record
    if isinstance(record, float):
        return float(f"{record:.6g}")
    if dataclasses.is_dataclass(record):
        pairs = ((field.name, getattr(record, field.name)) for field in dataclasses.fields(record))
        return {name: document_of(value) for name, value in pairs if (name, value) != ("baseline", None)}
    if isinstance(record, Mapping):
        return {key: document_of(value) for key, value in record.items()}
    return [document_of(value) for value in record] if isinstance(record, list | tuple) else record


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
