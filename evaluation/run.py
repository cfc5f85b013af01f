"""One evaluation from start to end: rows, leaks, answers, scores, page, result. The model comes only when needed."""

import dataclasses
import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from evaluation.analysis import contamination
from evaluation.analysis.contamination import Ledger
from evaluation.metrics.baselines import Habits, habits_of
from evaluation.metrics.score_matrix import headline, pooled
from evaluation.metrics.scores import METHODS, scores_of, verdict
from evaluation.metrics.scoring import Outcome
from evaluation.models.base import VisionModel
from evaluation.protocols.answers import Answers, answer
from evaluation.protocols.generate import predict
from evaluation.report.evidence import Evidence, evidence_of
from evaluation.report.page import result_page
from evaluation.rows import Rows, read_rows
from evaluation.run_dir import ALONE, NOISE, REPORT, Ranks, data_sha256, prepare, relative, weights_sha256, write_text
from schemas.answer import PROMPT
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec
from schemas.manifest import versions
from schemas.prediction import PREDICTIONS, Prediction, read_predictions
from schemas.product import Product
from schemas.result import (
    RESULT,
    Ceiling,
    Counts,
    Inputs,
    Noise,
    Result,
    Throughput,
    as_written,
    read_result,
    write_result,
)

REPEATED_SHARE, FEWEST_REPEATED, MOST_REPEATED = 0.05, 8, 200
REPEATABILITY_METHODS = {
    "noise": "5 % of the rows (8 to 200, drawn by hash) asked once more under the headline protocol at batch size 1; a "
    "flip is another answer text",
}


def sample_repeated_rows(rows: Rows, seed: int) -> Rows:
    """The rows that are asked once more: the same ones for every model."""
    number = min(
        len(rows.products), MOST_REPEATED, max(FEWEST_REPEATED, math.ceil(REPEATED_SHARE * len(rows.products)))
    )
    drawn = sorted(rows.products, key=lambda product: _repeat_key(product.product_code, seed))[:number]
    codes = {product.product_code for product in drawn}
    return dataclasses.replace(rows, products=tuple(p for p in rows.products if p.product_code in codes))


def single_sample_spec(spec: EvaluationSpec) -> EvaluationSpec:
    """How they are asked: the headline protocol, their own image, one at a time."""
    return dataclasses.replace(spec, protocols=(spec.protocol,), controls=(), choose_prompt=False, batch_size=1)


def compare_repeats(first: Sequence[Prediction], again: Sequence[Prediction]) -> Noise:
    """How many of the answers given again differ from the first ones."""
    answers = {prediction.key: prediction.answer for prediction in first}
    flips = sum(prediction.answer != answers[prediction.key] for prediction in again)
    return Noise(rows=len(again), flips=flips, rate=flips / len(again))


def repeatability_notes(found: Noise | None) -> tuple[str, ...]:
    """What a reader must know before believing small differences."""
    if found is None:
        return ("batch-size repeatability was not measured (--no-noise-check)",)
    if not found.flips:
        return ()
    return (f"{found.flips} of {found.rows} answers ({100 * found.rate:.1f} %) change at batch size 1 (repeatability)",)


def _repeat_key(code: str, seed: int) -> bytes:
    return hashlib.sha256(f"noise:{seed}:{code}".encode("utf-8", "surrogatepass")).digest()


PACKAGES = ("torch", "transformers", "peft", "numpy", "scipy", "pillow")
Ceilings = Mapping[str, Ceiling]
"""By kind of rows: all, inferable."""
_CEILING = (
    "the best expected score of any model: of one that knows the catalog's spec, reads every attribute that a image "
    "shows without error and gives the answer with the best chance of being right; joint is the chance of one whole "
    "answer. With luck a model may score above it"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """The model to evaluate: what it is called and how to get it."""

    model: str
    """Hub name, folder, `tiny`, or the name that a server knows."""
    weights: Path | None = None
    """The folder, where the model is one: its contents are part of the run's identity."""
    adapter: Path | None
    device: str
    dtype: str
    load: Callable[[], VisionModel]
    """Called once, after the data was read and every image looked at."""
    server: str | None = None
    """The address of the server that answers, None where `load` brings the model into this process."""

    @property
    def trained(self) -> dict[str, Path]:
        """The folders that may say what the model was trained on, by what they are."""
        folders = {"model": self.weights, "adapter": self.adapter}
        return {name: folder for name, folder in folders.items() if folder is not None}


class _Stopwatch:
    """Wall seconds by phase."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - began

    def total(self) -> float:
        return time.monotonic() - self.started


def evaluate(
    candidate: Candidate,
    data: Path,
    out: Path,
    spec: EvaluationSpec,
    *,
    force: bool = False,
    quiet: bool = False,
    allow_seen: bool = False,
    noise_check: bool = True,
    ranks: Ranks = ALONE,
    ceilings: Callable[[Sequence[Product]], Ceilings | None] | None = None,
) -> Result:
    """Answers, scores and page of a model on a shard folder, in `out`; continues an unfinished run of the same inputs.

    A finished run of the same inputs is read back. Anything else in `out` is a ToileError without `force`, and rows
    that the model was trained on are one without `allow_seen`. `noise_check` asks some rows once more. Of several
    processes every one answers its share; the first does the rest, and all return the result. `ceilings` gives the best
    scores that any model could reach on the evaluated rows, None where nobody knows.
    """
    clock = _Stopwatch()
    inputs = inputs_of(candidate, data, spec) if ranks.first else None
    if inputs is not None:
        prepare(out, inputs, force=force)
    ranks.wait()
    if (out / RESULT).is_file():
        result = read_result(out)
        if not allow_seen:
            contamination.refuse_seen(result.leaks, result.counts.evaluated, candidate.trained)
        return result
    quiet = quiet or not ranks.first
    rows = _rows(data, spec, quiet=quiet)
    ledger = _ledger(candidate, rows, out, spec, allow_seen=allow_seen, quiet=quiet) if ranks.first else None
    ceiling = ceilings(rows.products) if ceilings and ranks.first else None
    ranks.wait()
    with clock.phase("load"):
        model = candidate.load()
    already = _num_answered(read_predictions(out / PREDICTIONS))
    with clock.phase("answer"):
        answers = answer(model, rows, out / PREDICTIONS, spec, ranks=ranks, quiet=quiet)
    tokens = _total(getattr(model, "new_tokens", None), ranks)
    noise = _noise(model, rows, answers, out, ranks, quiet=quiet) if noise_check else None
    if inputs is not None and ledger is not None:
        with clock.phase("score"):
            result, scored, evidence = _scored(candidate, inputs, rows, answers, ledger, noise, relative(data, out))
        speed = _throughput(_num_answered(_all(answers)) - already, tokens, ranks, clock)
        result = _under(ceiling, replace(result, throughput=speed, seconds=clock.total()))
        write_text(out / REPORT, result_page(result, rows.products, scored, data, evidence))
        write_result(out, result)
    ranks.wait()
    return result if ranks.first else read_result(out)


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
        server=candidate.server,
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
    elif spec.split == "train":
        found.append("the baselines are fitted on the very rows that are evaluated")
    if len(rows.products) + len(rows.skipped) < rows.num_rows:
        found.append(f"{len(rows.products)} of {rows.num_rows} rows, drawn by seed {spec.seed} (--limit)")
    for control in spec.controls:
        if not any(outcome.control == control for outcome in scored):
            needed = "two families of one category" if control == "shuffled_in_category" else "at least two rows"
            found.append(f"control {control} needs {needed} and was left out")
    return tuple(found)


def _rows(data: Path, spec: EvaluationSpec, *, quiet: bool) -> Rows:
    rows = read_rows(data, spec, quiet=quiet)
    if not rows.products:
        raise ToileError(
            str(data),
            f"no row of the {spec.split} split can be evaluated: {rows.num_rows} rows, {len(rows.skipped)} skipped",
            "rows need title, category, price and image; make more rows or choose another --split",
        )
    return rows


def _ledger(
    candidate: Candidate, rows: Rows, out: Path, spec: EvaluationSpec, *, allow_seen: bool, quiet: bool
) -> Ledger:
    """What the rows share with training; refused where the model has seen them, unless that is wanted."""
    found = contamination.audit(rows, spec.split, candidate.trained, quiet=quiet)
    if not allow_seen:
        contamination.refuse_seen(found.leaks, len(rows.products), candidate.trained)
    contamination.write_matches(out, found)
    return found


def _noise(model: VisionModel, rows: Rows, answers: Answers, out: Path, ranks: Ranks, *, quiet: bool) -> Noise:
    again = predict(
        model,
        sample_repeated_rows(rows, answers.spec.seed),
        out / NOISE,
        single_sample_spec(answers.spec),
        ranks=ranks,
        quiet=quiet,
        what="asking some rows again",
    )
    return compare_repeats(answers.predictions, again)


def _scored(
    candidate: Candidate,
    inputs: Inputs,
    rows: Rows,
    answers: Answers,
    ledger: Ledger,
    noise: Noise | None,
    data_from_here: str,
) -> tuple[Result, list[Outcome], Evidence]:
    """The result but for the figures of the run itself, and what the page needs beside it."""
    spec, choice = answers.spec, answers.choice
    habits = habits_of(rows.folder, rows.products)
    asked = (*rows.products, *(choice.products if choice else ()))
    touched = tuple(product.product_code for product in rows.products if product.product_code in ledger.touched)
    evidence = evidence_of(spec, asked, [_all(answers)], habits, touched)
    (scored,) = evidence.outcomes()
    scores = scores_of(scored, asked, spec, habits, ledger.touched)
    uses_picture, sentence = verdict(scores)
    result = Result(
        inputs=inputs,
        data_from_here=data_from_here,
        device=candidate.device,
        dtype=candidate.dtype,
        counts=counts(rows, habits),
        skipped=rows.skipped,
        pooled=pooled(headline(scored, spec, "none"), spec.min_category_rows),
        uses_picture=uses_picture,
        verdict=sentence,
        notes=(
            *notes(rows, scored, spec, habits),
            *answers.notes,
            *contamination.notes(ledger, len(rows.products), candidate.trained, candidate.server),
            *repeatability_notes(noise),
        ),
        methods={**METHODS, **answers.methods, **contamination.METHODS, **REPEATABILITY_METHODS},
        versions=versions(*PACKAGES),
        seconds=0.0,
        scores=scores,
        chosen=choice.protocol if choice else None,
        leaks=ledger.leaks,
        touched=touched,
        noise=noise,
        prompts=answers.prompts,
    )
    return result, scored, evidence


def _under(ceiling: Ceilings | None, result: Result) -> Result:
    """The result as it is written, with its ceiling where there is one."""
    if ceiling is not None:
        bounded = max(each.bounded for each in ceiling.values())
        note = f"the ceiling of {bounded} rows is only an upper bound: their images leave too much open"
        notes = (*result.notes, note) if bounded else result.notes
        result = replace(result, ceiling=ceiling, notes=notes, methods={**result.methods, "ceiling": _CEILING})
    return as_written(result)


def _all(answers: Answers) -> tuple[Prediction, ...]:
    """About the evaluated rows, and about the validation rows that chose a prompt."""
    return (*answers.predictions, *(answers.choice.predictions if answers.choice else ()))


def _num_answered(predictions: Sequence[Prediction]) -> int:
    """Rows with an answer about their own image."""
    return len({prediction.product_code for prediction in predictions if prediction.control == "none"})


def _total(number: int | None, ranks: Ranks) -> int | None:
    """Of all processes; None as soon as one does not know."""
    unknown = ranks.total(number is None)
    total = ranks.total(number or 0)
    return None if unknown else int(total)


def _throughput(num_rows: int, tokens: int | None, ranks: Ranks, clock: _Stopwatch) -> Throughput:
    seconds = clock.seconds["answer"]
    return Throughput(
        rows=num_rows,
        rows_per_second=num_rows / seconds if num_rows else None,
        new_tokens_per_second=tokens / seconds if tokens else None,
        ranks=ranks.size,
        seconds=clock.seconds,
    )
