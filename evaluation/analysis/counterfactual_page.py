"""The page of a counterfactual run: the table, and some pairs of pictures with both answers.

As every page here it is one file that refers to nothing outside, runs no script, and escapes what it shows.
"""

import base64
import hashlib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image

from evaluation.metrics.scoring import Outcome
from evaluation.report.write import embedded, page_templates
from schemas.counterfactual import MIN_PAIRS, Counterfactual, Pair
from schemas.result import document_of

SHOWN = 12
PICTURE_PX = 224


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One picture and what was said about it."""

    picture: str
    """A data URI."""
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A pair to look at."""

    pair: Pair
    before: Shot
    after: Shot


def counterfactual_page(record: Counterfactual, answers: Mapping[str, Outcome], pictures: Mapping[str, bytes]) -> str:
    """The page; `answers` and `pictures` (files) are by product code, those of changes by their own."""
    environment = page_templates()
    page = environment.get_template("counterfactual.html.j2")
    return page.render(
        record=record,
        spec=record.inputs.spec,
        cards=[_card(pair, answers, pictures) for pair in shown(record.pairs)],
        document=embedded(document_of(record)),
        change=_change,
        number=_number,
        least=MIN_PAIRS,
    )


def shown(pairs: Sequence[Pair]) -> list[Pair]:
    """A dozen pairs, drawn by a hash: every attribute in turn, no product twice while there are others."""
    waiting: dict[str, list[Pair]] = {}
    for pair in sorted(pairs, key=lambda pair: _hash(pair)):
        waiting.setdefault(pair.attribute, []).append(pair)
    order = list(dict.fromkeys(pair.attribute for pair in pairs))
    taken: list[Pair] = []
    codes: set[str] = set()
    while len(taken) < min(SHOWN, len(pairs)):
        for attribute in order:
            left = waiting[attribute]
            if left and len(taken) < SHOWN:
                chosen = next((pair for pair in left if pair.product_code not in codes), left[0])
                left.remove(chosen)
                codes.add(chosen.product_code)
                taken.append(chosen)
    return sorted(taken, key=lambda pair: order.index(pair.attribute))


def _card(pair: Pair, answers: Mapping[str, Outcome], pictures: Mapping[str, bytes]) -> Card:
    first, second = (
        Shot(picture=_data_uri(pictures[code]), outcome=answers[code])
        for code in (pair.product_code, f"{pair.product_code}/{pair.attribute}")
    )
    return Card(pair=pair, before=first, after=second)


def _data_uri(encoded: bytes) -> str:
    with Image.open(io.BytesIO(encoded)) as picture:
        small = picture.convert("RGB")
    small.thumbnail((PICTURE_PX, PICTURE_PX))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=88, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def _change(log_change: float | None) -> str:
    """A change of ln price as people say it: +60 %."""
    if log_change is None:
        return "no price to compare"
    return f"{100 * math.expm1(min(log_change, 50.0)):+.0f}\u202f%".replace("-", "\u2212")


def _number(value: float | None) -> str:
    return "\u2013" if value is None else f"{value:.2f}".replace("-", "\u2212")


def _hash(pair: Pair) -> bytes:
    name = f"counterfactual:{pair.product_code}/{pair.attribute}"
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
