"""How much of a gain is only the form of the answer: the gain in free text against the gain in ranking.

A base model may know a trench coat and not know how to say so. Ranked over the closed set it needs no form, so what a
tuned model gains under `generate` and not under `rank` it gained by learning to fill in the sentence.
"""

from collections.abc import Sequence

import numpy as np

from evaluation.metrics.score_matrix import Columns
from evaluation.metrics.scoring import Outcome
from evaluation.metrics.slices import ROWS, under
from evaluation.stats.paired import rate_difference
from evaluation.stats.resampling import bca
from schemas.evaluation import EvaluationSpec
from schemas.result import FormatShare

FREE, RANKED = "generate", "rank"
METHODS = {
    "format_share": "gain in category accuracy under generate minus the gain under rank, on the rows answered under "
    "both, with the BCa interval of a bootstrap of families; share: of the gain under generate",
}


def format_shares(first: Sequence[Outcome], second: Sequence[Outcome], spec: EvaluationSpec) -> tuple[FormatShare, ...]:
    """For all and for inferable rows; empty where a model lacks one of the two protocols on the evaluated split."""
    found = []
    for rows in ROWS:
        sides = [
            {o.product_code: o for o in under(side, protocol, spec.split, "none") if rows == "all" or o.inferable}
            for protocol in (FREE, RANKED)
            for side in (first, second)
        ]
        codes = [code for code in sides[0] if all(code in side for side in sides)]
        if codes:
            base, tuned, base_ranked, tuned_ranked = (Columns([side[code] for code in codes], spec) for side in sides)
            found.append(_share(base, tuned, base_ranked, tuned_ranked, rows))
    return tuple(found)


def _share(base: Columns, tuned: Columns, base_ranked: Columns, tuned_ranked: Columns, rows: str) -> FormatShare:
    spec, families = tuned.spec, tuned.families
    columns = [side.column("category") for side in (base, tuned, base_ranked, tuned_ranked)]
    free = rate_difference(columns[0], columns[1], spec.confidence, families)
    ranked = rate_difference(columns[2], columns[3], spec.confidence, families)
    gaps = (columns[1] - columns[0]) - (columns[3] - columns[2])
    low, high = bca(lambda weights: gaps @ weights / weights.sum(axis=0), families, spec.confidence, spec.seed)
    gain, difference = free.difference or 0.0, float(np.mean(gaps))
    return FormatShare(
        rows=rows,
        n=free.n,
        families=free.families,
        gain=gain,
        gain_ranked=ranked.difference or 0.0,
        difference=difference,
        low=low,
        high=high,
        share=difference / gain if (free.low or 0.0) > 0 else None,
    )
