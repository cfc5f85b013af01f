"""Run one evaluation: rows, contamination check, answers, scores, page, result.

    from evaluation.run import evaluate
    result = evaluate("tiny", Path("data/small"), Path("results/base"))

The folder holds `inputs.json`, `predictions.jsonl`, `report.html` and, written last, `result.json`. A run that was
killed continues with the same call. The model is loaded only after the data was checked.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from evaluation import answer_files
from evaluation.analysis import contamination
from evaluation.analysis.contamination import Contamination
from evaluation.metrics.baselines import TrainingFrequencies, fit_baselines
from evaluation.metrics.score_matrix import family_notes, headline_outcomes, small_categories
from evaluation.metrics.scores import SCORE_METHODS, compute_scores, image_verdict
from evaluation.metrics.scoring import Outcome, scoring_rules
from evaluation.models.base import ModelUnderTest, VisionModel
from evaluation.protocols.answers import Answers, answer
from evaluation.protocols.generate import predict
from evaluation.protocols.protocols import check_model_supports
from evaluation.report.evidence import Evidence, make_evidence
from evaluation.report.page import render_result_page
from evaluation.rows import Rows, read_rows
from evaluation.run_dir import (
    NOISE,
    PACKAGES,
    REPORT,
    SCORING_PACKAGES,
    data_sha256,
    forget_unanswered,
    prepare,
    relative,
    run_inputs,
    write_text,
)
from finetune.distributed import Ranks
from schemas.errors import ToileError
from schemas.evaluation import PREDICTIONS, EvaluationSpec, Prediction, append_predictions, read_predictions
from schemas.manifest import MANIFEST, read_manifest, require_images, versions
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
from schemas.util.files import file_sha256, sha256_of, text_sha256
from schemas.validation import from_document

BestScores = Mapping[str, Ceiling]
"""By kind of rows: all, inferable."""
REPEATED_SHARE, FEWEST_REPEATED, MOST_REPEATED = 0.05, 8, 200
REPEATABILITY_METHODS = {
    "noise": "5 % of the rows (8 to 200, selected by a hash) asked again under the headline protocol at batch size 1; "
    "a flip is another answer text",
}
UNKNOWN_PROMPT = "(asked by another tool)"
"""`prompt` of a result whose answers come from files."""
_UNKNOWN_QUESTION = "the answers come from files: how the model was asked is not known to toile"
_BEST_SCORE_METHOD = (
    "best achievable score: the expected score of a model that knows the catalog's spec, reads every attribute that an "
    "image shows without error and gives the answer with the highest probability of being right; joint is the "
    "probability of one whole answer. A lucky model may score above it"
)


def evaluate(
    model: ModelUnderTest | str,
    data: Path | str,
    out: Path | str,
    spec: EvaluationSpec | None = None,
    *,
    adapter: Path | None = None,
    device: str | None = None,
    force: bool = False,
    quiet: bool = False,
    allow_seen: bool = False,
    noise_check: bool = True,
    ranks: Ranks | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Result:
    """Ask a model about the rows of a catalog, score the answers, and write result and page to `out`.

    An unfinished run of the same inputs continues. A finished one is read back.

    Args:
        model: a `ModelUnderTest`, or the name of a local model: hub name, folder, `tiny`.
        data: folder of a catalog.
        out: folder of the run.
        spec: split, protocols, controls and thresholds; the defaults when None.
        adapter: PEFT adapter for a model given by name.
        device: device for a model given by name; a GPU where there is one when None.
        force: replace what an earlier run left in `out`.
        quiet: show no progress.
        allow_seen: evaluate rows that the model was trained on, with a note in the result.
        noise_check: ask some rows again at batch size 1 (batch-size repeatability).
        ranks: this process among several; each answers its share of the batches, the first one does the rest.
        say: receives messages for people.

    Raises ToileError for contents of `out` that belong to something else, for rows the model was trained on, for data
    without rows to evaluate, and for a protocol that model or data cannot serve.
    """
    data, out = Path(data), Path(out)
    spec, ranks = spec or EvaluationSpec(), ranks or Ranks()
    if isinstance(model, str):
        from evaluation.models.phi3v import local_model

        model = local_model(model, adapter, device, max_new_tokens=spec.max_new_tokens, say=say)
    if model.server:  # its answer needs no weights, so it is known before any row is read
        check_model_supports(model.load(), spec)
    clock = _Stopwatch()
    inputs = run_inputs(model, data, spec) if ranks.first else None
    if inputs is not None:
        prepare(out, inputs, force=force)
    ranks.wait()
    with forget_unanswered(out, enabled=ranks.first):
        return _evaluate(model, data, out, spec, inputs, ranks, clock, quiet, allow_seen, noise_check, say)


def _evaluate(
    model: ModelUnderTest,
    data: Path,
    out: Path,
    spec: EvaluationSpec,
    inputs: Inputs | None,
    ranks: Ranks,
    clock: "_Stopwatch",
    quiet: bool,
    allow_seen: bool,
    noise_check: bool,
    say: Callable[[str], None],
) -> Result:
    """Evaluate into a prepared folder."""
    if (out / RESULT).is_file():
        result = read_result(out)
        if not allow_seen:
            contamination.refuse_seen(out, result.leaks, result.counts.evaluated, model.trained_folders)
        return result
    quiet = quiet or not ranks.first
    rows = _read_rows(data, spec, quiet=quiet)
    checked = None
    best = None
    if ranks.first:
        checked = _check_contamination(model, rows, out, spec, allow_seen=allow_seen, quiet=quiet)
        best = upper_bound(data, spec, rows.products, say)
    ranks.wait()
    with clock.phase("load"):
        network = model.load()
    already = _num_answered(read_predictions(out / PREDICTIONS))
    with clock.phase("answer"):
        answers = answer(network, rows, out / PREDICTIONS, spec, ranks=ranks, quiet=quiet)
    tokens = _total(getattr(network, "new_tokens", None), ranks)
    noise = _measure_repeatability(network, rows, answers, out, ranks, quiet=quiet) if noise_check else None
    if inputs is not None and checked is not None:
        with clock.phase("score"):
            result, scored, evidence = _score(model, inputs, rows, answers, checked, noise, relative(data, out))
        speed = _throughput(_num_answered(_all_predictions(answers)) - already, tokens, ranks, clock)
        result = _add_best_scores(best, replace(result, throughput=speed, seconds=clock.total()))
        _write(out, result, rows, scored, evidence)
    ranks.wait()
    return result if ranks.first else read_result(out)


def score_file(
    answers: Path | str | Sequence[Path | str],
    data: Path | str,
    out: Path | str,
    spec: EvaluationSpec | None = None,
    *,
    controls: Mapping[str, Path] | None = None,
    columns: Mapping[str, str] | None = None,
    name: str | None = None,
    force: bool = False,
    quiet: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> Result:
    """Score answers that another tool wrote, and write predictions, result and page to `out`, as `evaluate` does.

    Rows without an answer count as wrong; what is missing, repeated or unknown is in the notes of the result.

    Args:
        answers: files of answers, see `evaluation.answer_files`, or folders with a `predictions.jsonl`.
        data: folder of the catalog that the answers are about.
        out: folder of the run.
        spec: split, limit and limits of right answers; protocols and controls are those of the files. The first
            protocol is that of answers whose file does not say how the model was asked.
        controls: blank, shuffled or shuffled_in_category -> file of answers to such images.
        columns: `evaluation.answer_files.COLUMN_NAMES` -> column of the files, where it is not found by itself.
        name: of the model; the first file's path when None.
        force: replace what an earlier run left in `out`.
        quiet: show no progress.
        say: receives messages for people.

    Raises ToileError for files that cannot be read or have no answer about an evaluated row, and for contents of `out`
    that belong to something else.
    """
    listed = [answers] if isinstance(answers, str | Path) else answers
    files: list[tuple[Path, str | None]] = [(_answers_file(Path(each)), None) for each in listed]
    files += [(_answers_file(path), control) for control, path in (controls or {}).items()]
    data, out, spec = Path(data), Path(out), spec or EvaluationSpec()
    clock = _Stopwatch()
    codes = answer_files.read_codes(data)
    given: list[answer_files.GivenAnswer] = []
    unread: list[str] = []
    for path, control in files:
        found, sentences, lost = answer_files.read_answers([path], codes, columns=columns, control=control)
        given += found
        unread += lost
        for sentence in sentences:
            say(sentence)
    rows = _read_rows(data, spec, quiet=quiet)
    matched = answer_files.match_answers(given, rows, codes, spec, spec.protocol)
    spec = replace(spec, protocols=matched.protocols, controls=matched.controls, choose_prompt=False)
    inputs = Inputs(
        model=name or str(files[0][0]),
        model_sha256=None,
        adapter=None,
        adapter_sha256=None,
        data=str(data),
        data_sha256=data_sha256(data),
        prompt=UNKNOWN_PROMPT,
        spec=spec,
        answers=tuple(f"{control}={path}" if control else str(path) for path, control in files),
        answers_sha256=sha256_of([[file_sha256(path), control] for path, control in files]),
        columns=columns or {},
    )
    if prepare(out, inputs, force=force):
        return read_result(out)
    source = ModelUnderTest(model=inputs.model, adapter=None, device="unknown", dtype="unknown", load=_refuse_to_load)
    checked = _check_contamination(source, rows, out, spec, allow_seen=True, quiet=quiet)
    best = upper_bound(data, spec, rows.products, say)
    (out / PREDICTIONS).unlink(missing_ok=True)
    append_predictions(out / PREDICTIONS, matched.predictions)
    scored_answers = Answers(
        spec=spec,
        predictions=matched.predictions,
        choice=None,
        prompts=(),
        notes=(_UNKNOWN_QUESTION, *unread, *matched.notes),
    )
    result, scored, evidence = _score(source, inputs, rows, scored_answers, checked, None, relative(data, out))
    methods = {**result.methods, **dict.fromkeys(spec.protocols, _UNKNOWN_QUESTION)}
    result = _add_best_scores(best, replace(result, methods=methods, seconds=clock.total()))
    _write(out, result, rows, scored, evidence)
    return result


def _answers_file(path: Path) -> Path:
    """Return the file of answers: a folder of an evaluation stands for its predictions."""
    found = path / PREDICTIONS if path.is_dir() else path
    if not found.is_file():
        raise ToileError(str(found), "is not there", "give the file of answers")
    return found


def _refuse_to_load() -> VisionModel:
    raise AssertionError("the model is not here, its answers are")


def upper_bound(
    data: Path, spec: EvaluationSpec, products: Sequence[Product], say: Callable[[str], None] = lambda text: None
) -> BestScores | None:
    """Return the best achievable scores of rows of a catalog; None where its spec does not explain all of them.

    That is the case for imported catalogs and for those with faulty rows, which `say` reports.
    """
    from generator.upper_bound import best_scores

    manifest = read_manifest(data)
    if manifest.kind != "generate":
        return None
    if manifest.extra:
        say(f"no best achievable score: {manifest.extra[0].num_rows} rows of {data} are faulty on purpose")
        return None
    rules = scoring_rules(spec, products)
    where = f"{data / MANIFEST}: inputs.spec_document"
    return best_scores(from_document(manifest.inputs["spec_document"], "catalog", where), rules, products)


def sample_repeated_rows(rows: Rows, seed: int) -> Rows:
    """Return the rows that are asked again, in file order: the same ones for every model."""
    wanted = max(FEWEST_REPEATED, math.ceil(REPEATED_SHARE * len(rows.products)))
    number = min(len(rows.products), MOST_REPEATED, wanted)
    first = sorted(rows.products, key=lambda product: text_sha256(f"noise:{seed}:{product.product_code}"))[:number]
    codes = {product.product_code for product in first}
    return replace(rows, products=tuple(p for p in rows.products if p.product_code in codes))


def single_sample_spec(spec: EvaluationSpec) -> EvaluationSpec:
    """Return the spec under which rows are asked again: headline protocol, own image, batch size 1."""
    return replace(spec, protocols=(spec.protocol,), controls=(), choose_prompt=False, batch_size=1)


def compare_repeats(first: Sequence[Prediction], again: Sequence[Prediction]) -> Noise:
    """Count how many of the repeated answers differ from the first ones.

    A batch changes the order of sums, so in low precision the greedy token can change, and the answer with it. Servers
    mix requests as well. Differences between models that are smaller than this rate mean nothing.
    """
    answers = {prediction.key: prediction.answer for prediction in first}
    flips = sum(prediction.answer != answers[prediction.key] for prediction in again)
    return Noise(rows=len(again), flips=flips, rate=flips / len(again))


def repeatability_notes(found: Noise | None) -> tuple[str, ...]:
    """Return what a reader must know before small differences are believed."""
    if found is None:
        return ("batch-size repeatability was not measured (--no-noise-check)",)
    if not found.flips:
        return ()
    share = f"{found.flips} of {found.rows} answers ({100 * found.rate:.1f} %)"
    return (f"batch-size repeatability: {share} change when asked at batch size 1",)


def count_rows(rows: Rows, frequencies: TrainingFrequencies | None) -> Counts:
    """Count the rows of each kind."""
    return Counts(
        rows=rows.num_rows,
        evaluated=len(rows.products),
        inferable=sum(product.inferable for product in rows.products),
        families=len({product.family for product in rows.products}),
        skipped=len(rows.skipped),
        baseline_rows=frequencies.num_rows if frequencies else 0,
    )


def data_notes(
    rows: Rows, scored: Sequence[Outcome], spec: EvaluationSpec, frequencies: TrainingFrequencies | None
) -> tuple[str, ...]:
    """Return what a reader must know about the data before the figures are believed."""
    found = []
    if frequencies is None:
        found.append("the data has no train rows, so there are no baselines")
    elif spec.split == "train":
        found.append("the baselines are fitted on the same rows that are evaluated")
    if len(rows.products) + len(rows.skipped) < rows.num_rows:
        found.append(f"{len(rows.products)} of {rows.num_rows} rows, sampled with seed {spec.seed} (--limit)")
    for control in spec.controls:
        if not any(outcome.control == control for outcome in scored):
            needed = "two families of one category" if control == "shuffled_in_category" else "at least two rows"
            found.append(f"control {control} needs {needed} and was left out")
    return (*found, *family_notes(headline_outcomes(scored, spec, "none"), spec.min_category_rows))


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


def _read_rows(data: Path, spec: EvaluationSpec, *, quiet: bool) -> Rows:
    rows = read_rows(data, spec, quiet=quiet)
    if not rows.products:
        require_images(data)
        raise ToileError(
            str(data),
            f"no row of the {spec.split} split can be evaluated: {rows.num_rows} rows, {len(rows.skipped)} skipped",
            "rows need title, category, price and image; generate more rows or choose another --split",
        )
    return rows


def _check_contamination(
    model: ModelUnderTest, rows: Rows, out: Path, spec: EvaluationSpec, *, allow_seen: bool, quiet: bool
) -> Contamination:
    """Find what the rows share with training data; refuse rows the model was trained on unless `allow_seen`."""
    found = contamination.find_contamination(rows, spec.split, model.trained_folders, quiet=quiet)
    if not allow_seen:
        contamination.refuse_seen(found, found.leaks, len(rows.products), model.trained_folders)
    contamination.write_matches(out, found)
    return found


def _measure_repeatability(
    network: VisionModel, rows: Rows, answers: Answers, out: Path, ranks: Ranks, *, quiet: bool
) -> Noise:
    again = predict(
        network,
        sample_repeated_rows(rows, answers.spec.seed),
        out / NOISE,
        single_sample_spec(answers.spec),
        ranks=ranks,
        quiet=quiet,
        what="asking some rows again",
    )
    return compare_repeats(answers.predictions, again)


def _score(
    model: ModelUnderTest,
    inputs: Inputs,
    rows: Rows,
    answers: Answers,
    checked: Contamination,
    noise: Noise | None,
    data_from_here: str,
) -> tuple[Result, list[Outcome], Evidence]:
    """Return the result without time and speed, the outcomes, and the evidence for the page."""
    spec, choice = answers.spec, answers.choice
    frequencies = fit_baselines(rows.folder, rows.products)
    asked = (*rows.products, *(choice.products if choice else ()))
    touched = tuple(product.product_code for product in rows.products if product.product_code in checked.touched)
    evidence = make_evidence(spec, asked, [_all_predictions(answers)], frequencies, touched)
    (scored,) = evidence.outcomes()
    scores = compute_scores(scored, asked, spec, frequencies, checked.touched)
    uses_picture, sentence = image_verdict(scores, spec.confidence)
    result = Result(
        inputs=inputs,
        data_from_here=data_from_here,
        device=model.device,
        dtype=model.dtype,
        counts=count_rows(rows, frequencies),
        skipped=rows.skipped,
        pooled=small_categories(headline_outcomes(scored, spec, "none"), spec.min_category_rows),
        uses_picture=uses_picture,
        verdict=sentence,
        notes=(
            *data_notes(rows, scored, spec, frequencies),
            *answers.notes,
            *contamination.contamination_notes(
                checked, len(rows.products), model.trained_folders, model.model if inputs.answers else model.server
            ),
            *(() if inputs.answers else repeatability_notes(noise)),
        ),
        methods={**SCORE_METHODS, **answers.methods, **contamination.METHODS, **REPEATABILITY_METHODS},
        versions=versions(*(SCORING_PACKAGES if inputs.answers else PACKAGES)),
        seconds=0.0,
        scores=scores,
        chosen=choice.protocol if choice else None,
        leaks=checked.leaks,
        touched=touched,
        noise=noise,
        prompts=answers.prompts,
    )
    return result, scored, evidence


def _write(out: Path, result: Result, rows: Rows, scored: Sequence[Outcome], evidence: Evidence) -> None:
    """Write the page, and then the result, which marks the run as finished."""
    write_text(out / REPORT, render_result_page(result, rows.products, scored, rows.folder, evidence, near=out))
    write_result(out, result)


def _add_best_scores(best: BestScores | None, result: Result) -> Result:
    """Return the result as it is written, with the best achievable scores where they are known."""
    if best is not None:
        bounded = max(each.bounded for each in best.values())
        note = f"the best achievable score of {bounded} rows is only an upper bound: their images leave too much open"
        notes = (*result.notes, note) if bounded else result.notes
        methods = {**result.methods, "ceiling": _BEST_SCORE_METHOD}
        result = replace(result, ceiling=best, notes=notes, methods=methods)
    return as_written(result)


def _all_predictions(answers: Answers) -> tuple[Prediction, ...]:
    """Return the answers about the evaluated rows and about the validation rows that chose a prompt."""
    return (*answers.predictions, *(answers.choice.predictions if answers.choice else ()))


def _num_answered(predictions: Sequence[Prediction]) -> int:
    """Count the rows with an answer about their own image."""
    return len({prediction.product_code for prediction in predictions if prediction.control == "none"})


def _total(number: int | None, ranks: Ranks) -> int | None:
    """Return the sum over all processes; None when one of them does not know its number."""
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
