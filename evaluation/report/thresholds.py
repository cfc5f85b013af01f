"""`--fail-under METRIC=VALUE`: an evaluation as a gate, for CI and for release scripts."""

from collections.abc import Mapping
from pathlib import Path

from evaluation.metrics.figures import HEADLINE, shown
from schemas.errors import ToileError, suggest
from schemas.evaluation import EvaluationSpec
from schemas.result import Result, Score


def check_floors(floors: Mapping[str, float], spec: EvaluationSpec) -> None:
    """ToileError for a figure that the headline protocol does not have: before the model has spent an hour."""
    names = {*shown(spec.protocol, "none"), *(f"{name}_macro" for name in HEADLINE)}
    for metric in floors:
        if metric not in names:
            problem = f"the protocol {spec.protocol} has no figure {metric!r}"
            raise ToileError("--fail-under", problem, suggest(metric, names))


def hold_floors(floors: Mapping[str, float], result: Result, out: Path) -> None:
    """ToileError when a figure of the headline protocol on all rows, with their own pictures, is below its floor."""
    below = below_floors(floors, result)
    if below:
        raise ToileError(str(out), "; ".join(below), "--fail-under asks for more; the result itself is complete")


def below_floors(floors: Mapping[str, float], result: Result) -> list[str]:
    """One sentence a floor that is not held; a figure without a value is below every floor."""
    figures = {score.metric: score for score in result.scores if _is_headline(score, result.inputs.spec)}
    below = []
    for metric, floor in floors.items():
        value, n = figures[metric].value, figures[metric].n
        if value is None or value < floor:
            below.append(f"{metric} is {'without value' if value is None else value} on {n} rows, below {floor:g}")
    return below


def _is_headline(score: Score, spec: EvaluationSpec) -> bool:
    place = (score.protocol, score.split, score.control, score.rows, score.category, score.baseline)
    return place == (spec.protocol, spec.split, "none", "all", None, None)
