"""What the picture is worth to the model: its accuracy minus the accuracy it keeps without evidence.

MMStar (arXiv 2403.20330) found models that answer visual questions nearly as well without the pictures.
"""

from collections.abc import Callable, Sequence

import numpy as np

from evaluation.intervals import known
from evaluation.paired import NOTHING, PairedEstimate, rate_difference
from evaluation.scoring import Outcome
from evaluation.slices import ROWS
from schemas.evaluation import EvaluationSpec
from schemas.result import Score

CATEGORY_GAIN = "category_visual_gain"
JOINT_GAIN = "joint_visual_gain"


def visual_gains(
    scored: Sequence[Outcome],
    spec: EvaluationSpec,
    category: Callable[[Outcome], float],
    joint: Callable[[Outcome], float],
) -> list[Score]:
    """Gain in category and joint accuracy over the better of the controls, for all and inferable rows.

    Its limits are the lower ones of the two paired differences: a gain counts only when it is a gain over both.
    Without any control there is no gain to report: the list is empty.
    """
    controls = [name for name in spec.controls if any(outcome.control == name for outcome in scored)]
    found = []
    for rows in ROWS if controls else ():
        judged = [outcome for outcome in scored if rows == "all" or outcome.inferable]
        for metric, of in ((CATEGORY_GAIN, category), (JOINT_GAIN, joint)):
            gain = _least([_gain(judged, name, of, spec.confidence) for name in controls])
            found.append(_score(gain, spec, rows, metric))
    return found


def verdict(scores: Sequence[Score]) -> tuple[bool | None, str]:
    """Whether the model uses the picture, and the sentence that says so; inferable rows decide where there are any."""
    gains = {(s.metric, s.rows): s for s in scores if s.metric in {CATEGORY_GAIN, JOINT_GAIN} and s.n}
    rows = "inferable" if (CATEGORY_GAIN, "inferable") in gains else "all"
    if (CATEGORY_GAIN, rows) not in gains:
        return None, "not tested: no control was run, so nothing shows whether this model uses the picture"
    category, joint = gains[(CATEGORY_GAIN, rows)], gains[(JOINT_GAIN, rows)]
    measured = f"visual gain on {category.n} {rows} rows: category {_shown(category)}, joint {_shown(joint)}"
    if max(known(category.low), known(joint.low)) > 0:
        return True, f"this model uses the picture ({measured})"
    return False, f"this model does not use the picture, as far as these rows can tell ({measured})"


def _gain(judged: Sequence[Outcome], control: str, of: Callable[[Outcome], float], confidence: float) -> PairedEstimate:
    seeing = {outcome.product_code: of(outcome) for outcome in judged if outcome.control == "none"}
    blind = {outcome.product_code: of(outcome) for outcome in judged if outcome.control == control}
    codes = [code for code in seeing if code in blind]
    first = np.array([blind[code] for code in codes], dtype=np.float64)
    return rate_difference(first, np.array([seeing[code] for code in codes], dtype=np.float64), confidence)


def _least(gains: Sequence[PairedEstimate]) -> PairedEstimate:
    if not all(gain.n for gain in gains):
        return NOTHING
    return PairedEstimate(
        n=min(gain.n for gain in gains),
        difference=min(known(gain.difference) for gain in gains),
        low=min(known(gain.low) for gain in gains),
        high=min(known(gain.high) for gain in gains),
        p=None,
    )


def _score(gain: PairedEstimate, spec: EvaluationSpec, rows: str, metric: str) -> Score:
    return Score(
        protocol=spec.protocol,
        split=spec.split,
        control="none",
        rows=rows,
        category=None,
        metric=metric,
        n=gain.n,
        value=gain.difference,
        low=gain.low,
        high=gain.high,
    )


def _shown(score: Score) -> str:
    return f"{known(score.value):+.3f} [{known(score.low):+.3f}, {known(score.high):+.3f}]"
