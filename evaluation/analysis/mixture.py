"""Which mix helps on which rows: evaluations of several models on several test sets as one table.

Every model answers the same rows of a test set, so two mixes are compared pair by pair. The questions are fixed before
anybody looks: on each source's rows, what does training on it bring at all, and what does every other mix bring beyond
that?
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from evaluation.analysis.comparison import compare
from evaluation.report.page import headline_rows
from evaluation.report.write import matrix_page
from evaluation.run_dir import REPORT, write_text
from schemas.documents import from_dict
from schemas.result import (
    ALL,
    BASE,
    MATRIX,
    Cell,
    Contrast,
    Difference,
    Matrix,
    Result,
    Score,
    document_of,
    read_result,
)
from schemas.util.files import write_json
from schemas.util.stats import holm

METRICS = ("joint", "category", "title", "price", "reasoning")


def questions(sources: Sequence[str]) -> list[tuple[str, str, str]]:
    """(test, before, after): base against training on the source, then that against every other mix."""
    asked = []
    for test in sources:
        asked.append((test, BASE, test))
        asked += [(test, test, mix) for mix in (*sources, ALL) if mix != test]
    return asked


def gather(
    out: Path,
    evaluated: Mapping[tuple[str, str], Path],
    mixes: Mapping[str, Mapping[str, float]],
    tests: Mapping[str, str],
    *,
    model: str,
    num_steps: int,
    force: bool = False,
) -> Matrix:
    """The matrix of finished evaluation folders by (mix, test), written to `out` with its page, beside comparisons."""
    results = {place: read_result(folder) for place, folder in evaluated.items()}
    rows = headline_rows(next(iter(results.values())).counts)
    cells = [
        Cell(mix=mix, test=test, metric=metric, n=score.n, value=score.value, low=score.low, high=score.high)
        for (mix, test), result in results.items()
        for metric in METRICS
        for score in [_headline(result, metric, rows)]
    ]
    contrasts: list[Contrast] = []
    for test, before, after in questions(list(tests)):
        folder = out / "comparisons" / f"{test}-{before}-{after}"
        comparison = compare(evaluated[before, test], evaluated[after, test], folder, force=force)
        for metric in METRICS:
            found = _found(comparison.scores, metric, rows)
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
        contrasts=[each for metric in METRICS for each in _adjusted([c for c in contrasts if c.metric == metric])],
    )
    document = document_of(matrix)
    from_dict(Matrix, document, str(out / MATRIX))
    write_text(out / REPORT, matrix_page(matrix))
    write_json(out / MATRIX, document)
    return matrix


def _adjusted(contrasts: Sequence[Contrast]) -> list[Contrast]:
    """With Holm's p over those that have one."""
    tested = [place for place, contrast in enumerate(contrasts) if contrast.p is not None]
    adjusted = dict(zip(tested, holm([contrasts[place].p or 0.0 for place in tested]), strict=True))
    return [dataclasses.replace(each, p_holm=adjusted.get(place)) for place, each in enumerate(contrasts)]


def _headline(result: Result, metric: str, rows: str) -> Score:
    """Of all categories together, with the true picture, under the headline protocol, which stands first."""
    return next(score for score in result.scores if _plain(score, metric, rows))


def _found(scores: Sequence[Difference], metric: str, rows: str) -> Difference:
    return next(score for score in scores if _plain(score, metric, rows))


def _plain(score: Score | Difference, metric: str, rows: str) -> bool:
    kind = (score.metric, score.rows, score.control, score.category, score.baseline)
    return kind == (metric, rows, "none", None, None)
