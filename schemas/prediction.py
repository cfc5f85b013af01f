"""One answer of one model to one picture, and the file that collects them: `predictions.jsonl`.

The file is a log: every line is written whole and flushed, so a killed run loses at most the line it was writing.
Lines hold what scoring needs beside the shards; which model, data and question they belong to stands in `inputs.json`
beside them. Text outside ASCII is escaped, so that no character of an answer can end a line.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path

from schemas.errors import ToileError
from schemas.validation import build, validate

PREDICTIONS = "predictions.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterior:
    """What the probabilities of all price points say, beside the product's full price."""

    q10: float
    """The smallest price point that at least a tenth of the probability lies at or below."""
    q50: float
    """The median likewise: the price answered."""
    q90: float
    crps: float
    """Continuous ranked probability score in ln price: |ln answer - ln truth| where one price has all probability."""
    covered: bool
    """Whether the truth lies within q10 and q90, ends included."""
    pit: float
    """Probability below the truth, plus half of that at the truth: uniform where the posterior is calibrated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What the model said about one product under one protocol and control."""

    product_code: str
    """The product asked about: its row holds the truth."""
    family: str
    split: str
    source: str
    inferable: bool
    protocol: str
    """generate, instructed, examples, constrained, rank or price."""
    control: str
    """none (its own picture), blank, shuffled or shuffled_in_category."""
    shown: str | None
    """The product whose picture the model saw: its own for control none; None for a blank picture."""
    answer: str
    """The text as the model wrote it, without its end token; of rank and price their answer as a JSON object."""
    truncated: bool
    """True when the answer was cut at `max_new_tokens`."""
    prefix: str | None = None
    """Of rank and price: the beginning of the answer, in the model's own words, behind which candidates were scored."""
    ranking: tuple[str, ...] | None = None
    """Of rank: every category of the closed set, the answered one first."""
    log_probs: Mapping[str, tuple[float, ...]] | None = None
    """Of rank: natural log-probabilities `raw`, `per_token` and `calibrated`, in the order of `ranking`."""
    posterior: Posterior | None = None
    """Of price."""

    @property
    def key(self) -> tuple[str, str, str]:
        """What may appear once in a file."""
        return (self.product_code, self.protocol, self.control)


def read_predictions(path: Path) -> list[Prediction]:
    """The predictions of a file in their order; an unfinished last line is left out, a missing file is empty.

    A line that is no prediction, or repeats one, raises a ToileError with its number.
    """
    found: dict[tuple[str, str, str], Prediction] = {}
    for number, line in enumerate(_whole_lines(path), start=1):
        where = f"{path}:{number}"
        try:
            document = json.loads(line)
        except ValueError as error:
            raise ToileError(where, f"is not valid JSON: {error}", "evaluate again with --force") from error
        validate(document, "prediction", where)
        prediction = build(Prediction, document)
        if prediction.key in found:
            raise ToileError(where, f"repeats the prediction {prediction.key}", "evaluate again with --force")
        found[prediction.key] = prediction
    return list(found.values())


def append_predictions(path: Path, predictions: Iterable[Prediction]) -> None:
    """Add lines and hand them to the operating system; what a kill left of an unfinished line is removed first."""
    try:
        with path.open("r+b" if path.exists() else "w+b") as file:
            file.seek(_whole_bytes(path))
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
    """Without the fields that only some protocols fill, where they are empty."""
    optional = {field.name for field in fields(Prediction) if field.default is not MISSING}
    return {name: value for name, value in asdict(prediction).items() if value is not None or name not in optional}


def _whole_lines(path: Path) -> list[bytes]:
    content = path.read_bytes() if path.exists() else b""
    return content[: content.rfind(b"\n") + 1].split(b"\n")[:-1]


def _whole_bytes(path: Path, step: int = 65536) -> int:
    """Where the last whole line ends; looks back from the end, so appending does not read the file."""
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
