"""Compare evaluations: two folders of the same rows, and a matrix of several training mixes on several test sets.

    comparison = compare(Path("results/base"), Path("results/tuned"), Path("results/comparison"))

In a matrix every model answers the same rows of a test set, so two mixes are compared in pairs. The questions are fixed
in advance: on each source's rows, what does training on it bring, and what does every other mix bring beyond that?
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from evaluation.metrics import scores
from evaluation.metrics.differences import (
    DIFFERENCE_METHODS,
    compare_with_baselines,
    compute_differences,
    compute_format_shares,
)
from evaluation.metrics.score_matrix import headline_outcomes, small_categories
from evaluation.report.evidence import EvaluationFolder, read_evaluation, read_paired_evidence, refuse_unpaired
from evaluation.report.page import headline_rows, render_comparison_page, render_matrix_page
from evaluation.run_dir import REPORT, find_data, prepare_comparison, relative, write_text
from schemas.documents import from_dict
from schemas.errors import ToileError
from schemas.evaluation import PREDICTIONS
from schemas.manifest import versions
from schemas.result import (
    ALL,
    BASE,
    MATRIX,
    Cell,
    Comparison,
    Contrast,
    Difference,
    Matrix,
    Result,
    Score,
    Side,
    as_written,
    document_of,
    identity_document,
    read_comparison,
    read_result,
    write_comparison,
)
from schemas.util.files import file_sha256, write_json
from schemas.util.stats import holm


def compare(
    base: Path | str, tuned: Path | str, out: Path | str, *, data: Path | None = None, force: bool = False
) -> Comparison:
    """Compare two finished evaluation folders and write `comparison.json` with its page to `out`.

    Differences are computed from both prediction files and the catalog, for every protocol that both models answered
    under. An `out` that holds this comparison already is read back.

    Args:
        base: folder of the first evaluation.
        tuned: folder of the second evaluation; differences are tuned - base.
        out: folder of the comparison.
        data: where the catalog is now, if it was moved.
        force: replace another comparison in `out`.

    Raises ToileError for other data, another way of evaluating, or another set of (product, control).
    """
    base, tuned, out = Path(base), Path(tuned), Path(out)
    sides = (read_evaluation(base), read_evaluation(tuned))
    spec = refuse_unpaired(*sides)
    if is_finished(out, sides, force=force):
        return read_comparison(out)
    folder = find_data(base, sides[0].result, data)
    evidence = read_paired_evidence(sides, spec, folder)
    products, frequencies, touched = evidence.products, evidence.habits, set(evidence.touched)
    first, second = evidence.outcomes()
    chosen = (sides[0].result.chosen or spec.protocol, sides[1].result.chosen or spec.protocol)
    best = chosen if sides[0].result.chosen or sides[1].result.chosen else None
    rows = compute_differences(first, second, spec, best, frequencies.median_price if frequencies else None, touched)
    comparison = as_written(
        Comparison(
            base=_side(sides[0], out),
            tuned=_side(sides[1], out),
            counts=sides[0].result.counts,
            pooled=small_categories(headline_outcomes(first, spec, "none"), spec.min_category_rows),
            notes=_comparison_notes(sides[0].result, sides[1].result, spec.controls),
            methods={**scores.SCORE_METHODS, **DIFFERENCE_METHODS},
            versions={**sides[1].result.versions, **versions("numpy", "scipy")},
            scores=tuple(rows)
            + tuple(compare_with_baselines(second, products, spec, frequencies) if frequencies else ()),
            format_share=compute_format_shares(first, second, spec),
        )
    )
    results = (sides[0].result, sides[1].result)
    html = render_comparison_page(comparison, results, products, (first, second), folder, evidence, near=out)
    write_text(out / REPORT, html)
    write_comparison(out, comparison)
    return comparison


def is_finished(out: Path, sides: Sequence[EvaluationFolder], *, force: bool) -> bool:
    """Return True when `out` holds the comparison of exactly these predictions; other contents are a ToileError."""
    if not prepare_comparison(out, force=force):
        return False
    there = read_comparison(out)
    if [_side_key(there.base), _side_key(there.tuned)] != [_side_key(_side(side, out)) for side in sides]:
        raise ToileError(str(out), "holds another comparison", "choose a new folder, or give --force to replace it")
    return True


def _comparison_notes(base: Result, tuned: Result, controls: Sequence[str]) -> tuple[str, ...]:
    ran = [side for side in (base, tuned) if not side.inputs.answers]
    names = sorted(set(base.versions) | set(tuned.versions)) if len(ran) == 2 else []
    differing = [name for name in names if base.versions.get(name) != tuned.versions.get(name)]
    differing_runs = [f"base and tuned were run with another {', '.join(differing)}"] if differing else []
    for label, side in (("base", base), ("tuned", tuned)):
        alone = [control for control in side.inputs.spec.controls if control not in controls]
        if alone:
            differing_runs.append(
                f"the control {', '.join(alone)} of {label} is left out: the other side has no such answers"
            )
    limits = [side.inputs.spec.max_new_tokens for side in (base, tuned)]
    if len(ran) == 2 and limits[0] != limits[1]:
        differing_runs.append(f"base was asked with at most {limits[0]} new tokens, tuned with {limits[1]}")
    if len(ran) == 2 and (base.device, base.dtype) != (tuned.device, tuned.dtype):
        differing_runs.append(
            f"base was run on {base.device} in {base.dtype}, tuned on {tuned.device} in {tuned.dtype}"
        )
    return tuple(dict.fromkeys([*base.notes, *tuned.notes, *differing_runs]))


def _side(side: EvaluationFolder, out: Path) -> Side:
    return Side(
        inputs=side.result.inputs,
        chosen=side.result.chosen,
        from_here=relative(side.folder, out),
        predictions_sha256=file_sha256(side.folder / PREDICTIONS),
        uses_picture=side.result.uses_picture,
        verdict=side.result.verdict,
    )


def _side_key(side: Side) -> tuple[object, ...]:
    return (side.predictions_sha256, identity_document(side.inputs))


MATRIX_METRICS = ("joint", "category", "title", "title_exact", "price", "reasoning")


def matrix_questions(sources: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return (test, before, after): base against training on the source, then that against every other mix."""
    asked = []
    for test in sources:
        asked.append((test, BASE, test))
        asked += [(test, test, mix) for mix in (*sources, ALL) if mix != test]
    return asked


def build_matrix(
    out: Path,
    evaluated: Mapping[tuple[str, str], Path],
    mixes: Mapping[str, Mapping[str, float]],
    tests: Mapping[str, str],
    *,
    model: str,
    num_steps: int,
    force: bool = False,
) -> Matrix:
    """Compare finished evaluation folders by (mix, test); write the matrix and its page to `out`.

    `mixes` maps each mix to the weight of each source, `tests` each test set to its catalog.
    """
    results = {place: read_result(folder) for place, folder in evaluated.items()}
    rows = headline_rows(next(iter(results.values())).counts)
    cells = [
        Cell(mix=mix, test=test, metric=metric, n=score.n, value=score.value, low=score.low, high=score.high)
        for (mix, test), result in results.items()
        for metric in MATRIX_METRICS
        for score in [_headline_score(result, metric, rows)]
    ]
    contrasts: list[Contrast] = []
    for test, before, after in matrix_questions(list(tests)):
        folder = out / "comparisons" / f"{test}-{before}-{after}"
        comparison = compare(evaluated[before, test], evaluated[after, test], folder, force=force)
        for metric in MATRIX_METRICS:
            found = _headline_difference(comparison.scores, metric, rows)
            contrasts.append(
                Contrast(
                    test=test,
                    before=before,
                    after=after,
                    metric=metric,
                    n=found.n,
                    difference=found.difference,
                    low=found.low,
                    high=found.high,
                    p=found.p,
                    p_holm=None,
                    detectable=found.detectable,
                )
            )
    matrix = Matrix(
        mixes=mixes,
        tests=tests,
        rows=rows,
        num_steps=num_steps,
        model=model,
        cells=cells,
        contrasts=[
            each for metric in MATRIX_METRICS for each in _add_holm([c for c in contrasts if c.metric == metric])
        ],
    )
    document = document_of(matrix)
    from_dict(Matrix, document, str(out / MATRIX))
    write_text(out / REPORT, render_matrix_page(matrix))
    write_json(out / MATRIX, document)
    return matrix


def _add_holm(contrasts: Sequence[Contrast]) -> list[Contrast]:
    """Add Holm's p over the contrasts that have a p."""
    tested = [place for place, contrast in enumerate(contrasts) if contrast.p is not None]
    adjusted = dict(zip(tested, holm([contrasts[place].p or 0.0 for place in tested]), strict=True))
    return [dataclasses.replace(each, p_holm=adjusted.get(place)) for place, each in enumerate(contrasts)]


def _headline_score(result: Result, metric: str, rows: str) -> Score:
    """Return the score of all categories, own image, headline protocol, which is the first one."""
    return next(score for score in result.scores if _is_headline(score, metric, rows))


def _headline_difference(scores: Sequence[Difference], metric: str, rows: str) -> Difference:
    return next(score for score in scores if _is_headline(score, metric, rows))


def _is_headline(score: Score | Difference, metric: str, rows: str) -> bool:
    kind = (score.metric, score.rows, score.control, score.category, score.baseline)
    return kind == (metric, rows, "none", None, None)
