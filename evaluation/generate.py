"""The protocol `generate`: show every picture once, take down what the model writes.

The question is the same for every product and decoding is greedy, so an answer belongs to a picture: the answer to a
shuffled picture is the answer that the picture got as a product's own, and blank pictures of one size share theirs.
Controls therefore cost next to nothing. Batches are cut from the full list, whatever is done already, so a run that was
killed and continued writes the same lines as one that was not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.controls import blank, partners
from evaluation.model import Generated, VisionModel
from evaluation.rows import Rows, decoded
from schemas.answer import PROMPT
from schemas.evaluation import EvaluationSpec
from schemas.prediction import Prediction, append_predictions, read_predictions
from schemas.product import Product
from schemas.progress import progress_bar


@dataclass(frozen=True, slots=True)
class _Picture:
    """What is put before the model: a product's own picture, or a blank one of a size."""

    code: str | None
    size: tuple[int, int]


_Asked = tuple[Product, str]
"""A product and the control under which it is asked about."""
_Questions = dict[_Picture, list[_Asked]]


def predict(
    model: VisionModel, rows: Rows, path: Path, spec: EvaluationSpec, *, quiet: bool = False
) -> list[Prediction]:
    """The model's answers to `rows` under every control of `spec`, appended to the file `path` as they come.

    Lines that are there already are kept and not asked again. Returned in the order of controls, then rows.
    """
    questions = _questions(rows, spec)
    products = {product.product_code: product for product in rows.products}
    done = {prediction.key for prediction in read_predictions(path)}
    batches = [batch for batch in _batches(list(questions), spec.batch_size) if _open(batch, questions, spec, done)]
    waiting = sum(map(len, batches))
    with progress_bar("answering rows", len(questions), done=len(questions) - waiting, quiet=quiet) as advance:
        for batch in batches:
            drawn = [
                decoded(products[picture.code], rows.folder) if picture.code else blank(picture.size, rows.mean_colour)
                for picture in batch
            ]
            answers = model.generate(drawn, [PROMPT] * len(batch))
            lines = _lines(batch, answers, questions, spec)
            append_predictions(path, [line for line in lines if line.key not in done])
            advance(len(batch))
    return _in_order(read_predictions(path), rows.products, spec)


def _questions(rows: Rows, spec: EvaluationSpec) -> _Questions:
    """Which products are asked about before which picture; large pictures first, one shape beside another.

    So a batch needs little padding, and memory that does not suffice shows in the first batch.
    """
    partner = partners(rows.products, spec.seed) if "shuffled" in spec.controls else {}
    asked: _Questions = {}
    for product in rows.products:
        code = product.product_code
        asked.setdefault(_Picture(code, rows.sizes[code]), []).append((product, "none"))
        if "blank" in spec.controls:
            asked.setdefault(_Picture(None, rows.sizes[code]), []).append((product, "blank"))
        if code in partner:
            shown = _Picture(partner[code], rows.sizes[partner[code]])
            asked.setdefault(shown, []).append((product, "shuffled"))
    return dict(sorted(asked.items(), key=lambda item: (-item[0].size[0] * item[0].size[1], item[0].size)))


def _batches(pictures: Sequence[_Picture], batch_size: int) -> Iterator[Sequence[_Picture]]:
    for start in range(0, len(pictures), batch_size):
        yield pictures[start : start + batch_size]


def _open(
    batch: Sequence[_Picture], questions: _Questions, spec: EvaluationSpec, done: set[tuple[str, str, str]]
) -> bool:
    """Whether a line of this batch is still missing."""
    return any(
        (product.product_code, spec.protocol, control) not in done
        for picture in batch
        for product, control in questions[picture]
    )


def _lines(
    batch: Sequence[_Picture], answers: Sequence[Generated], questions: _Questions, spec: EvaluationSpec
) -> list[Prediction]:
    return [
        Prediction(
            product_code=product.product_code,
            family=product.family,
            split=product.split,
            source=product.source,
            inferable=product.inferable,
            protocol=spec.protocol,
            control=control,
            shown=picture.code,
            answer=answer.text,
            truncated=answer.truncated,
        )
        for picture, answer in zip(batch, answers, strict=True)
        for product, control in questions[picture]
    ]


def _in_order(predictions: Sequence[Prediction], products: Sequence[Product], spec: EvaluationSpec) -> list[Prediction]:
    found = {prediction.key: prediction for prediction in predictions}
    keys = [(p.product_code, spec.protocol, control) for control in ("none", *spec.controls) for p in products]
    return [found[key] for key in keys if key in found]
