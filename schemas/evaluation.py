"""The evaluation spec (which rows, protocols and controls, which answers count as right), and its predictions.

A prediction is one answer of one model to one image. `predictions.jsonl` collects them. The file is a log: every line
is written whole and flushed, so a killed run loses at most the line it was writing. Lines have what scoring needs in
addition to the catalog; `inputs.json` in the same folder has the model, the data and the question. Text outside ASCII
is escaped, so that no character of an answer can end a line.

Sources: the price tolerance of 20 % is the "static adoption rate" of LLP (arXiv 2510.09347); blank and shuffled images
as controls follow MMStar (arXiv 2403.20330).
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen

from schemas.documents import Keys, OneOf, Text, Unique, from_dict
from schemas.errors import ToileError

SPLITS = ("train", "validation", "test")
PROTOCOLS = ("generate", "instructed", "examples", "constrained", "rank", "price")
CONTROLS = ("blank", "shuffled", "shuffled_in_category")
EVERY_CONTROL = ("none", *CONTROLS)
"""`none` is the product's own image."""
PREDICTIONS = "predictions.jsonl"
Split = Annotated[str, OneOf(SPLITS)]
Protocol = Annotated[str, OneOf(PROTOCOLS)]
Price = Annotated[float, Gt(0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSpec:
    """How an evaluation is done: everything but model and data that decides the scores, and `batch_size`."""

    split: Split = "test"
    """Rows that are evaluated: train, validation or test. Baselines are always fitted on train."""
    protocols: Annotated[tuple[Protocol, ...], MinLen(1), Unique()] = ("generate",)
    """How the model is asked; the first protocol is the headline. generate: the training prompt, greedy decoding.
    instructed: with the form of the answer, the closed list of categories and the currency. examples: instructed, with
    answers of train rows. constrained: instructed, and only that form can be generated. rank: category by
    log-probability over the closed set. price: the posterior over the prices of the train rows."""
    controls: Annotated[tuple[Annotated[str, OneOf(CONTROLS)], ...], Unique()] = ("blank", "shuffled")
    """Control images that replace the true one. blank: one colour. shuffled: the image of a product of another family.
    shuffled_in_category: the same within the category."""
    num_examples: Annotated[int, Ge(1), Le(16)] = 3
    """Answers of train rows in the prompt of `examples`, each of another category."""
    rank_by: Annotated[str, OneOf(("raw", "per_token", "calibrated"))] = "calibrated"
    """Which log-probability `rank` answers by: raw, per_token (raw by number of tokens) or calibrated (raw minus that
    under a blank image). All three are recorded."""
    price_points: Annotated[tuple[Annotated[float, Gt(0)], ...], MinLen(2), MaxLen(512), Unique()] | None = None
    """Prices that `price` compares, in the catalog's currency; null means the prices of the train rows, at most 512."""
    choose_prompt: bool = False
    """Evaluate generate, instructed and examples on validation rows first, and add the best one to the protocols."""
    validation_limit: Annotated[int, Ge(1)] = 200
    """Validation rows for that choice, at most; sampled as under `limit`."""
    limit: Annotated[int, Ge(1)] | None = None
    """Evaluate this many rows, sampled by `seed` and product code so that a larger limit keeps them; null means all."""
    batch_size: Annotated[int, Ge(1)] = 8
    """Images per model call. It only decides memory, so an unfinished run may continue with another value."""
    max_new_tokens: Annotated[int, Ge(1)] = 96
    """A longer answer is cut and marked as truncated; a real one has 28 to 50 tokens."""
    price_tolerance: Annotated[float, Ge(0)] = 0.2
    """A price is right when |answer - truth| / truth is at most this."""
    title_f1: Annotated[float, Ge(0), Lt(1)] = 0.8
    """A title is right when the F1 of its words is above this, and it contradicts no attribute."""
    confidence: Annotated[float, Gt(0), Lt(1)] = 0.95
    """Confidence level of every interval; two-sided."""
    min_category_rows: Annotated[int, Ge(1)] = 20
    """Categories with fewer rows are pooled in macro figures and get no p-value."""
    seed: Annotated[int, Ge(0)] = 0
    """Seed of the sample under `limit`, the shuffled images, the examples and the bootstrap."""
    aliases: Mapping[str, Text] = field(default_factory=dict)
    """Other names of categories, such as `{"trenches": "Trench Coats"}`; compared without regard to case."""

    @property
    def protocol(self) -> str:
        """The protocol of the headline."""
        return self.protocols[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterior:
    """Statistics of the probabilities of all price points, with the product's full price."""

    q10: Price
    """The smallest price point with at least a tenth of the probability at or below it."""
    q50: Price
    """The smallest price point with at least half of the probability at or below it: the answered price."""
    q90: Price
    crps: Annotated[float, Ge(0)]
    """Continuous ranked probability score in ln price: |ln answer - ln truth| where one price has all probability."""
    covered: bool
    """Whether the true price is within q10 and q90, ends included."""
    pit: Annotated[float, Ge(0), Le(1)]
    """Probability below the truth, plus half of that at the truth: uniform where the posterior is calibrated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One line of `predictions.jsonl`: the answer about one product under one protocol and control."""

    product_code: Text
    """The product asked about: its row has the truth."""
    family: Text
    split: Split
    source: Text
    inferable: bool
    protocol: Protocol
    """generate, instructed, examples, constrained, rank or price."""
    control: Annotated[str, OneOf(EVERY_CONTROL)]
    """none (its own image), blank, shuffled or shuffled_in_category."""
    shown: str | None
    """The product whose image the model saw: its own for control none; null for a blank image."""
    answer: str
    """The text as the model wrote it, without its end token; for rank and price the answer as a JSON object."""
    truncated: bool
    """Whether the answer was cut at `max_new_tokens`."""
    prefix: str | None = None
    """For rank and price: the beginning of the answer, in the model's own words, before the scored candidates."""
    ranking: Annotated[tuple[Text, ...], MinLen(1), Unique()] | None = None
    """For rank: every category of the closed set, the answered one first."""
    log_probs: (
        Annotated[
            Mapping[str, Annotated[tuple[float, ...], MinLen(1)]],
            Keys(("raw", "per_token", "calibrated")),
        ]
        | None
    ) = None
    """For rank: natural log-probabilities `raw`, `per_token` and `calibrated`, in the order of `ranking`."""
    posterior: Posterior | None = None
    """For price: statistics of the posterior."""

    @property
    def key(self) -> tuple[str, str, str]:
        """Return the fields that identify a line of the file."""
        return (self.product_code, self.protocol, self.control)


def read_predictions(path: Path) -> list[Prediction]:
    """Return the predictions of a file in order; an unfinished last line is left out, a missing file is empty.

    Raises a `ToileError` with the line's number where a line is no prediction or repeats one.
    """
    found: dict[tuple[str, str, str], Prediction] = {}
    for number, line in enumerate(_complete_lines(path), start=1):
        where = f"{path}:{number}"
        try:
            document = json.loads(line)
        except ValueError as error:
            raise ToileError(where, f"is not valid JSON: {error}", "evaluate again with --force") from error
        prediction = from_dict(Prediction, document, where)
        if prediction.key in found:
            raise ToileError(where, f"repeats the prediction {prediction.key}", "evaluate again with --force")
        found[prediction.key] = prediction
    return list(found.values())


def append_predictions(path: Path, predictions: Iterable[Prediction]) -> None:
    """Append lines and flush them to the disk; an unfinished line that a kill left is removed first."""
    try:
        with path.open("r+b" if path.exists() else "w+b") as file:
            file.seek(_complete_bytes(path))
            file.truncate()
            for prediction in predictions:
                file.write(json.dumps(_document(prediction)).encode("ascii") + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ToileError(
            str(path), f"cannot be written: {error.strerror}", "make room and start again; it continues"
        ) from error


def _document(prediction: Prediction) -> dict[str, object]:
    """Return a prediction without the empty fields that only some protocols fill."""
    optional = {field.name for field in fields(Prediction) if field.default is not MISSING}
    return {name: value for name, value in asdict(prediction).items() if value is not None or name not in optional}


def _complete_lines(path: Path) -> list[bytes]:
    content = path.read_bytes() if path.exists() else b""
    return content[: content.rfind(b"\n") + 1].split(b"\n")[:-1]


def _complete_bytes(path: Path, step: int = 65536) -> int:
    """Return where the last whole line ends; reads backwards from the end, so appending does not read the file."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - step)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
    return 0
