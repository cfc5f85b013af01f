"""The noise floor: some rows answered once more, one at a time. What differs then is no property of the model.

Batches change the order of sums, so in low precision the greedy token can change and the answer with it; a server has
its own ways of mixing requests. Differences between models that are smaller than this mean nothing.
"""

import dataclasses
import hashlib
import math
from collections.abc import Sequence

from evaluation.rows import Rows
from schemas.evaluation import EvaluationSpec
from schemas.prediction import Prediction
from schemas.result import Noise

SHARE, FEWEST, MOST = 0.05, 8, 200
METHODS = {
    "noise": "5 % of the rows (8 to 200, drawn by hash) asked once more under the headline protocol at batch size 1; a "
    "flip is another answer text",
}


def sample(rows: Rows, seed: int) -> Rows:
    """The rows that are asked once more: the same ones for every model."""
    number = min(len(rows.products), MOST, max(FEWEST, math.ceil(SHARE * len(rows.products))))
    drawn = sorted(rows.products, key=lambda product: _place(product.product_code, seed))[:number]
    codes = {product.product_code for product in drawn}
    return dataclasses.replace(rows, products=tuple(p for p in rows.products if p.product_code in codes))


def alone(spec: EvaluationSpec) -> EvaluationSpec:
    """How they are asked: the headline protocol, their own picture, one at a time."""
    return dataclasses.replace(spec, protocols=(spec.protocol,), controls=(), choose_prompt=False, batch_size=1)


def noise(first: Sequence[Prediction], again: Sequence[Prediction]) -> Noise:
    """How many of the answers given again differ from the first ones."""
    answers = {prediction.key: prediction.answer for prediction in first}
    flips = sum(prediction.answer != answers[prediction.key] for prediction in again)
    return Noise(rows=len(again), flips=flips, rate=flips / len(again))


def notes(found: Noise | None) -> tuple[str, ...]:
    """What a reader must know before believing small differences."""
    if found is None:
        return ("the noise floor was not measured (--no-noise-check)",)
    if not found.flips:
        return ()
    return (f"{found.flips} of {found.rows} answers ({100 * found.rate:.1f} %) change when asked alone: noise floor",)


def _place(code: str, seed: int) -> bytes:
    return hashlib.sha256(f"noise:{seed}:{code}".encode("utf-8", "surrogatepass")).digest()
