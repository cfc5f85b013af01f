"""`result.json`, `comparison.json` and `matrix.json`: the results of evaluations.

The figures are one flat list, so `pandas.DataFrame(document["scores"])` is the table. Figures are written with six
significant digits.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

from annotated_types import Ge, Gt, Le

from schemas.documents import Count, Keys, OneOf, Sha256, Text, from_dict, read_document
from schemas.errors import ToileError
from schemas.evaluation import EVERY_CONTROL, PROTOCOLS, EvaluationSpec, Protocol, Split
from schemas.util.files import sha256_of, write_json

Record = TypeVar("Record", "Result", "Comparison")
RESULT = "result.json"
COMPARISON = "comparison.json"
MATRIX = "matrix.json"
OTHER = "(other)"
"""`category` of the pooled categories with fewer than `min_category_rows` rows."""
BEST = "best"
"""`protocol` of a difference where each model answers under the protocol that was chosen for it."""
BASE = "base"
"""`mix` of a model that is not trained."""
ALL = "all"
"""`mix` of a model that is trained on all sources."""
Control = Annotated[str, OneOf(EVERY_CONTROL)]
Rows = Annotated[str, OneOf(("all", "inferable", "clean", "touched"))]
SomeRows = Annotated[str, OneOf(("all", "inferable"))]
Share = Annotated[float, Ge(0), Le(1)]
Pooled = Annotated[Mapping[str, tuple[str, ...]], Keys(("all", "inferable"))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One figure with its interval."""

    protocol: Protocol
    split: Split
    control: Control
    """none, blank, shuffled or shuffled_in_category: which image the model saw."""
    rows: Rows
    """all, inferable (without leaf categories that are site navigation), clean or touched (by training)."""
    category: str | None
    """A category3_code, `(other)` for the pooled ones, null for all rows together."""
    metric: Text
    n: Count
    """Rows behind the figure."""
    families: Count
    """Product families of these rows; intervals take into account that the rows of a family are alike."""
    value: float | None
    """null where n is 0, where a median is among answers without a price, and where a figure is not defined."""
    low: float | None
    high: float | None
    baseline: str | None = None
    """The name of the baseline; left out for the model."""
    p_holm: float | None = None
    """Of a gain over blind baselines: p of no gain, adjusted for the number of gains; left out elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One figure of two models on the same rows; `low` and `high` bound the difference, tuned - base."""

    protocol: Annotated[str, OneOf((*PROTOCOLS, BEST))]
    split: Split
    control: Control
    rows: Rows
    category: str | None
    metric: Text
    n: Count
    """Rows in the figure's n for both models."""
    families: Count
    base: float | None
    base_low: float | None
    base_high: float | None
    tuned: float | None
    tuned_low: float | None
    tuned_high: float | None
    difference: float | None
    low: float | None
    high: float | None
    p: Share | None
    """Two-sided permutation test that flips whole families; null where there is no test or too few rows or families."""
    p_mcnemar: Share | None
    """Of rates: McNemar's exact test, which treats rows as independent."""
    p_holm: Share | None
    """Holm's correction over the categories with the same metric, rows and control; null outside categories."""
    p_bh: Share | None
    """Benjamini-Hochberg over the same: for exploration, not for claims."""
    detectable: float | None
    """The smallest difference that these rows detect with power 0.8 (see `methods`); null where none is."""
    insufficient: bool
    """Fewer than `min_category_rows` rows, or too few families for a small p: no p."""
    baseline: str | None = None
    """Where set, `base` is this baseline instead of the base model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What was evaluated on which data; with the versions it decides the predictions."""

    model: str
    """Name or folder as given."""
    model_sha256: Sha256 | None
    """Of configuration and weights, for a local folder."""
    adapter: str | None
    adapter_sha256: Sha256 | None
    data: str
    """The catalog folder as given."""
    data_sha256: Sha256
    """Of the manifest's list of files with their hashes."""
    prompt: str
    spec: EvaluationSpec
    server: str | None = None
    """The address of the server that answered; null where the model ran in this process."""
    answers: tuple[str, ...] = ()
    """Files of answers as given to `toile score`; empty where toile asked the model."""
    answers_sha256: Sha256 | None = None
    """Of their contents."""
    columns: Mapping[str, Text] = field(default_factory=dict)
    """Columns of these files that were named: ours -> theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many rows were evaluated."""

    rows: Count
    """Rows of the split."""
    evaluated: Count
    inferable: Count
    """Of those evaluated."""
    families: Count
    """Of those evaluated; colourways of one design share a family."""
    skipped: Count
    """Rows without title, category, price or image."""
    baseline_rows: Count
    """Rows of the train split that the baselines are fitted on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A row that was not evaluated."""

    product_code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """How many evaluated rows are the same as a training row, by one criterion."""

    kind: Annotated[str, OneOf(("code", "family", "picture", "pixels", "drawn", "copy", "title"))]
    """code, family, picture (bytes of the image), pixels, drawn (the same generated product), copy (the image re-saved,
    resized or cropped) or title; a title does not count as touched."""
    source: Annotated[str, OneOf(("train", "adapter", "model"))]
    """train: the train split of the evaluated data; adapter, model: the rows in their `seen.parquet`."""
    rows: Count
    """Evaluated rows."""
    share: Share
    compared: Count
    """Training rows that could be compared by this criterion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Repeatability: some rows are answered once more with batch size 1."""

    rows: Annotated[int, Ge(1)]
    flips: Count
    """Rows whose answer is a different text."""
    rate: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """The first question of one protocol, exactly as the model received it."""

    protocol: Protocol
    text: str
    """Of rank and price with the answer prefix of the first row."""
    sha256: Sha256
    """Of the text in UTF-8."""
    token_ids_head: tuple[int, ...] | None
    """The first 256 ids, every run of image positions (negative ids) as one; null where the ids are unknown."""
    token_ids_sha256: Sha256 | None
    """Of all ids as a JSON list without spaces, image positions included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """Speed of the last start; never compared."""

    rows: Count
    """Rows answered in that start, under every protocol and control, without the repeats of the noise check."""
    rows_per_second: float | None
    """During inference, of all processes together; null where nothing was left to answer."""
    new_tokens_per_second: float | None
    """null where the model does not count them."""
    ranks: Annotated[int, Ge(1)]
    """Processes that answered."""
    seconds: Annotated[Mapping[str, Annotated[float, Ge(0)]], Keys(("load", "answer", "score"))]
    """load (the model), answer, and score (with the page)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """Best achievable score: the expected score of a perfect image reader that knows the catalog's spec."""

    n: Annotated[int, Ge(1)]
    """Rows behind it."""
    bounded: Count
    """Of these, rows for which only an upper bound is known."""
    category: Share
    title: Share
    title_exact: Share
    """The title to the letter."""
    price: Share
    joint: Share
    """Category, title and price right."""
    reasoning: Share
    """Mean accuracy: the mean of category, title and price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """`result.json`: one model on one data set."""

    inputs: Inputs
    data_from_here: str
    """The catalog folder relative to this one, so that both can move together."""
    device: str
    dtype: str
    counts: Counts
    skipped: tuple[Skipped, ...]
    pooled: Pooled
    """For rows all and inferable: the categories behind `(other)`."""
    uses_picture: bool | None
    """Whether the interval of the gain over blank images is above 0; null where no control was run."""
    verdict: str
    notes: tuple[str, ...]
    methods: Mapping[str, str]
    versions: Mapping[str, str]
    seconds: Annotated[float, Ge(0)]
    """Wall time of the last start; never compared."""
    scores: tuple[Score, ...]
    chosen: str | None = None
    """The protocol chosen on validation rows; null where none was."""
    leaks: tuple[Leak, ...] = ()
    touched: tuple[str, ...] = ()
    """Codes of the evaluated rows whose code, family or image occurs in training."""
    noise: Noise | None = None
    """null where it was not measured."""
    throughput: Throughput | None = None
    prompts: tuple[Prompt, ...] = ()
    """The first question of each protocol."""
    ceiling: Annotated[Mapping[str, Ceiling], Keys(("all", "inferable"), required=False)] | None = None
    """Best achievable scores, for rows all and inferable; null where no catalog spec generated the data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two models of a comparison."""

    inputs: Inputs
    chosen: str | None
    """Its protocol in differences under `best`; null for the headline one."""
    from_here: str
    """Its evaluation folder relative to the comparison's, so that both can move together."""
    predictions_sha256: Sha256
    uses_picture: bool | None
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatShare:
    """How much of the gain in category accuracy is only the form of the answer.

    A ranking needs no form, so a gain that is smaller under rank was partly learnt form.
    """

    rows: SomeRows
    n: Annotated[int, Ge(1)]
    families: Annotated[int, Ge(1)]
    gain: float
    """tuned - base in category accuracy under the protocol generate."""
    gain_ranked: float
    """The same under rank."""
    difference: float
    """gain - gain_ranked, bounded by `low` and `high`."""
    low: float | None
    high: float | None
    share: float | None
    """difference / gain; null unless the interval of gain is above 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`comparison.json`: two models on the same rows of the same data."""

    base: Side
    tuned: Side
    counts: Counts
    pooled: Pooled
    notes: tuple[str, ...]
    methods: Mapping[str, str]
    versions: Mapping[str, str]
    scores: tuple[Difference, ...]
    format_share: tuple[FormatShare, ...] = ()
    """For all and for inferable rows; empty unless both models answered under generate and under rank."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One figure of one model on the test rows of one source."""

    mix: str
    """base (not trained), the one source that it was trained on, or all."""
    test: str
    metric: str
    n: Count
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """The effect of another mix on the same test rows: `after` - `before`."""

    test: str
    before: str
    after: str
    metric: str
    n: Count
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    """Holm's correction over all contrasts of the same metric."""
    detectable: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """`matrix.json`: models of several mixes on the test rows of several sources."""

    mixes: Mapping[str, Mapping[str, Annotated[float, Gt(0)]]]
    """Mix -> source -> its weight; base has none."""
    tests: Mapping[str, str]
    """Source -> its folder."""
    rows: SomeRows
    """inferable or all: the rows of the figures."""
    num_steps: Annotated[int, Ge(1)]
    """Of every training run: each mix gets the same number of examples."""
    model: str
    cells: Sequence[Cell]
    contrasts: Sequence[Contrast]


def read_result(folder: Path) -> Result:
    """Return the result of a finished evaluation folder."""
    return _read(Result, folder / RESULT, "toile evaluate")


def read_comparison(folder: Path) -> Comparison:
    """Return the comparison in a folder."""
    return _read(Comparison, folder / COMPARISON, "toile compare")


def write_result(folder: Path, result: Result) -> None:
    """Check a result and write it atomically."""
    _write(folder / RESULT, result)


def write_comparison(folder: Path, comparison: Comparison) -> None:
    """Check a comparison and write it atomically."""
    _write(folder / COMPARISON, comparison)


def as_written(record: Record) -> Record:
    """Return the record as reading it back gives it, with six significant digits: no page depends on the seventh."""
    return from_dict(type(record), document_of(record), type(record).__name__)


def document_of(record: Any) -> Any:
    """Return a record as plain JSON values, with six significant digits and without an empty `baseline`."""
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
    """Return the hash that two runs share where they are one: by contents instead of paths, without the batch size."""
    return sha256_of(identity_document(inputs))


def identity_document(inputs: Inputs) -> dict[str, Any]:
    """Return the part of the inputs that `identity` hashes."""
    document: dict[str, Any] = document_of(inputs)
    del document["data"], document["adapter"], document["answers"], document["spec"]["batch_size"]
    if inputs.model_sha256 is not None:
        del document["model"]
    return document


def _read(record: type[Record], path: Path, command: str) -> Record:
    if not path.is_file():
        raise ToileError(str(path.parent), f"holds no {path.name}", f"point to a folder that `{command}` has finished")
    return from_dict(record, read_document(path), str(path))


def _write(path: Path, record: Record) -> None:
    document = document_of(record)
    from_dict(type(record), document, str(path))
    write_json(path, document)
