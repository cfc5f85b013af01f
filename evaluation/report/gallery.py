"""A few products to look at: the best, the worst and some drawn by a hash, with small pictures inside the page."""

import base64
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from evaluation.metrics.scoring import FIELDS, Outcome
from evaluation.rows import encoded_pictures
from schemas.product import Product

EACH = 9
THUMBNAIL_PX = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One product with what the models made of it."""

    product: Product
    picture: str
    """A data URI; empty when the picture is not there any more."""
    outcomes: tuple[Outcome, ...]
    """One for each model, under control none."""


def gallery(
    products: Sequence[Product], sides: Sequence[Sequence[Outcome]], data: Path, encoded: Mapping[str, bytes]
) -> dict[str, list[Card]]:
    """By group up to 9 products each: where the last model does best, where worst, and at random; nobody appears twice.

    With two models best and worst are those that gained and lost most. Pictures missing in `encoded` are read from
    the shards.
    """
    by_code = [{o.product_code: o for o in side if o.control == "none"} for side in sides]
    present = sorted(
        (product for product in products if product.product_code in by_code[0]), key=lambda p: _hash(p.product_code)
    )
    ranked = sorted(present, key=lambda p: -_merit([codes[p.product_code] for codes in by_code]))
    groups: dict[str, list[Product]] = {}
    names = ("most gained", "most lost or wrong") if len(sides) > 1 else ("best", "worst")
    for name, candidates in zip((*names, "drawn at random"), (ranked, ranked[::-1], present), strict=True):
        taken = {product.product_code for group in groups.values() for product in group}
        groups[name] = [product for product in candidates if product.product_code not in taken][:EACH]
    chosen = {p.product_code for group in groups.values() for p in group}
    split = present[0].split if present else "test"
    pictures = encoded if chosen <= set(encoded) else encoded_pictures(data, split, chosen)
    return {
        name: [
            Card(
                product=product,
                picture=_thumbnail(pictures.get(product.product_code)),
                outcomes=tuple(codes[product.product_code] for codes in by_code),
            )
            for product in group
        ]
        for name, group in groups.items()
    }


def _merit(outcomes: Sequence[Outcome]) -> float:
    """Right fields of the last model, minus those of the first where there are two; title F1 breaks ties."""
    scores = [sum(map(o.right, FIELDS)) + 0.1 * o.title_f1 for o in outcomes]
    return scores[-1] - scores[0] + 0.01 * scores[-1] if len(scores) > 1 else scores[0]


def _thumbnail(encoded: bytes | None) -> str:
    if encoded is None:
        return ""
    with Image.open(io.BytesIO(encoded)) as picture:
        picture.draft("RGB", (THUMBNAIL_PX * 2, THUMBNAIL_PX * 2))
        small = (picture.convert("RGBA") if picture.mode == "P" else picture).convert("RGB")
    small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=80, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def _hash(code: str) -> bytes:
    return hashlib.sha256(b"gallery:" + code.encode("utf-8", "surrogatepass")).digest()
