"""What the picture is worth to the model: its accuracy minus the accuracy it keeps without evidence.

MMStar (arXiv 2403.20330) found models that answer visual questions nearly as well without the pictures. A second gain
is over another product of the same category: whether more is seen than the category.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from evaluation.metrics.score_matrix import Columns
from evaluation.metrics.slices import ROWS
from evaluation.stats.intervals import known
from evaluation.stats.paired import NOTHING, PairedEstimate, rate_difference
from schemas.result import Score

BLIND = ("blank", "shuffled")
IN_CATEGORY = "shuffled_in_category"
GAINS = ("category", "title", "price", "joint")
"""What gains are taken in, as far as the protocol answers it."""
_SUFFIX = "_visual_gain"
_DECIDING = ("category", "joint", "price")
"""The verdict rests on the first two of these that there are."""


def visual_gains(sides: Mapping[str, Columns], names: Sequence[str], protocol: str, split: str) -> list[Score]:
    """Gains in `names` of the control none over the others in `sides`, for all and inferable rows.

    A `_visual_gain` is over the better of blank and shuffled; its limits are the lower ones of the two paired
    differences: it counts only when it is a gain over both. An `_in_category_gain` is over another product of the same
    category, on the rows that have one. Without controls the list is empty.
    """
    found = []
    blind = [sides[control] for control in BLIND if control in sides]
    for rows in ROWS if "none" in sides else ():
        for name in names:
            gains = [_gain(sides["none"], other, name, rows) for other in blind]
            if gains:
                found.append(_score(_least(gains), protocol, split, rows, f"{name}{_SUFFIX}"))
            if IN_CATEGORY in sides:
                gain = _gain(sides["none"], sides[IN_CATEGORY], name, rows)
                found.append(_score(gain, protocol, split, rows, f"{name}_in_category_gain"))
    return found


def verdict(scores: Sequence[Score]) -> tuple[bool | None, str]:
    """Whether the model uses the picture, and the sentence that says so.

    The first protocol with a gain decides, which is the headline one, on inferable rows where there are any.
    """
    gains = [score for score in scores if score.metric.endswith(_SUFFIX) and score.n]
    gains = [score for score in gains if (score.protocol, score.split) == (gains[0].protocol, gains[0].split)]
    rows = "inferable" if any(score.rows == "inferable" for score in gains) else "all"
    by_name = {score.metric.removesuffix(_SUFFIX): score for score in gains if score.rows == rows}
    deciding = [(name, by_name[name]) for name in _DECIDING if name in by_name][:2]
    if not deciding:
        return None, "not tested: no control was run, so nothing shows whether this model uses the picture"
    figures = ", ".join(f"{name} {_shown(score)}" for name, score in deciding)
    measured = f"visual gain on {deciding[0][1].n} {rows} rows: {figures}"
    if max(known(score.low) for _, score in deciding) > 0:
        return True, f"this model uses the picture ({measured})"
    return False, f"this model does not use the picture, as far as these rows can tell ({measured})"


def _gain(seeing: Columns, blind: Columns, name: str, rows: str) -> PairedEstimate:
    place_of = {code: place for place, code in enumerate(blind.codes)}
    places = [
        place
        for place, outcome in enumerate(seeing.scored)
        if outcome.product_code in place_of and (rows == "all" or outcome.inferable)
    ]
    partners = [place_of[seeing.codes[place]] for place in places]
    first, second = blind.column(name)[partners], seeing.column(name)[places]
    return rate_difference(first, second, seeing.spec.confidence, seeing.families[np.array(places, np.intp)])


def _least(gains: Sequence[PairedEstimate]) -> PairedEstimate:
    if not all(gain.n for gain in gains):
        return NOTHING
    return PairedEstimate(
        n=min(gain.n for gain in gains),
        families=min(gain.families for gain in gains),
        difference=min(known(gain.difference) for gain in gains),
        low=min(known(gain.low) for gain in gains),
        high=min(known(gain.high) for gain in gains),
        p=None,
    )


def _score(gain: PairedEstimate, protocol: str, split: str, rows: str, metric: str) -> Score:
    return Score(
        protocol=protocol,
        split=split,
        control="none",
        rows=rows,
        category=None,
        metric=metric,
        n=gain.n,
        families=gain.families,
        value=gain.difference,
        low=gain.low,
        high=gain.high,
    )


def _shown(score: Score) -> str:
    return f"{known(score.value):+.3f} [{known(score.low):+.3f}, {known(score.high):+.3f}]"
