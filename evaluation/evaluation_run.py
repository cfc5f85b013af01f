"""One evaluation from start to end: rows, answers, scores, page, result. The model comes last, and only when needed."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation import metrics
from evaluation.baselines import Habits, fit
from evaluation.folders import REPORT, data_sha256, prepare, relative, weights_sha256, write_text
from evaluation.generate import predict
from evaluation.model import VisionModel
from evaluation.reporting import result_page
from evaluation.rows import Rows, read_rows, train_rows
from evaluation.scoring import Outcome, outcomes
from evaluation.slices import pooled
from evaluation.visual_gain import verdict
from schemas.answer import PROMPT
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec
from schemas.manifest import versions
from schemas.prediction import PREDICTIONS
from schemas.result import Counts, Inputs, Result, as_written, read_result, write_result

PACKAGES = ("torch", "transformers", "peft", "numpy", "scipy", "pillow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """The model to evaluate: what it is called and how to get it."""

    model: str
    """Hub name, folder, or `tiny`."""
    weights: Path | None = None
    """The folder, where the model is one: its contents are part of the run's identity."""
    adapter: Path | None
    device: str
    dtype: str
    load: Callable[[], VisionModel]
    """Called once, after the data was read and every picture looked at."""


def evaluate(
    candidate: Candidate, data: Path, out: Path, spec: EvaluationSpec, *, force: bool = False, quiet: bool = False
) -> Result:
    """Answers, scores and page of a model on a shard folder, in `out`; continues an unfinished run of the same inputs.

    A finished run of the same inputs is read back. Anything else in `out` is a ToileError without `force`.
    """
    started = time.monotonic()
    inputs = inputs_of(candidate, data, spec)
    if prepare(out, inputs, force=force):
        return read_result(out)
    rows = read_rows(data, spec, quiet=quiet)
    if not rows.products:
        raise ToileError(
            str(data),
            f"no row of the {spec.split} split can be evaluated: {rows.num_rows} rows, {len(rows.skipped)} skipped",
            "rows need title, category, price and picture; make more rows or choose another --split",
        )
    predictions = predict(candidate.load(), rows, out / PREDICTIONS, spec, quiet=quiet)
    habits = fit(train_rows(data))
    scored = outcomes(rows.products, predictions, spec, habits.categories if habits else ())
    scores = metrics.scores_of(scored, rows.products, spec, habits)
    uses_picture, sentence = verdict(scores)
    result = as_written(
        Result(
            inputs=inputs,
            data_from_here=relative(data, out),
            device=candidate.device,
            dtype=candidate.dtype,
            counts=counts(rows, habits),
            skipped=rows.skipped,
            pooled=pooled([outcome for outcome in scored if outcome.control == "none"], spec.min_category_rows),
            uses_picture=uses_picture,
            verdict=sentence,
            notes=notes(rows, scored, spec, habits),
            methods=metrics.METHODS,
            versions=versions(*PACKAGES),
            seconds=time.monotonic() - started,
            scores=scores,
        )
    )
    write_text(out / REPORT, result_page(result, rows.products, scored, data))
    write_result(out, result)
    return result


def inputs_of(candidate: Candidate, data: Path, spec: EvaluationSpec) -> Inputs:
    """What decides the predictions; hashes the weights of a local model and of the adapter."""
    return Inputs(
        model=candidate.model,
        model_sha256=None if candidate.weights is None else weights_sha256(candidate.weights),
        adapter=None if candidate.adapter is None else str(candidate.adapter),
        adapter_sha256=None if candidate.adapter is None else weights_sha256(candidate.adapter),
        data=str(data),
        data_sha256=data_sha256(data),
        prompt=PROMPT,
        spec=spec,
    )


def counts(rows: Rows, habits: Habits | None) -> Counts:
    """How many rows there are of which sort."""
    return Counts(
        rows=rows.num_rows,
        evaluated=len(rows.products),
        inferable=sum(product.inferable for product in rows.products),
        families=len({product.family for product in rows.products}),
        skipped=len(rows.skipped),
        baseline_rows=habits.num_rows if habits else 0,
    )


def notes(rows: Rows, scored: Sequence[Outcome], spec: EvaluationSpec, habits: Habits | None) -> tuple[str, ...]:
    """What a reader must know before believing the figures."""
    found = []
    if habits is None:
        found.append("the data has no train rows, so there are no baselines")
    if len(rows.products) + len(rows.skipped) < rows.num_rows:
        found.append(f"{len(rows.products)} of {rows.num_rows} rows, drawn by seed {spec.seed} (--limit)")
    for control in spec.controls:
        if not any(outcome.control == control for outcome in scored):
            found.append(f"control {control} needs at least two rows and was left out")
    return tuple(found)
