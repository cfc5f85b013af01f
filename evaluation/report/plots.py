"""The plot of answered against true prices (SVG), and the gallery of a few products with small images."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.metrics.scoring import FIELDS, Outcome
from evaluation.rows import read_encoded_images
from schemas.images import thumbnail_uri
from schemas.product import Product
from schemas.util.files import text_sha256
from schemas.util.pages import Axis, Plot, circles, line, polygon

_PLOT = Plot(width=640, height=460, left=64, right=26, top=14, bottom=46)
MAX_POINTS = 1200
"""Per model; of more points a sample by a hash is shown, so that the page stays small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """The prices of one model's answers."""

    name: str
    """Letters only: the class of its points in the SVG."""
    pairs: Sequence[tuple[str, float, float]]
    """Product code, true price, answered price; both > 0."""


def plot_prices(series: Sequence[Points], tolerance: float, unit: str) -> str:
    """Return the SVG: a band where a price counts as right, the diagonal, one circle per answer; "" without answers."""
    shown = [Points(name=points.name, pairs=_subsample(points.pairs)) for points in series]
    prices = [price for points in shown for _, *both in points.pairs for price in both]
    if not prices:
        return ""
    low, high = _bounds(prices)
    x, y = _PLOT.x_axis(low, high, log=True), _PLOT.y_axis(low, high, log=True)
    labels = [(tick, f"{tick:g}") for tick in x.ticks()]
    parts = [
        *_band(x, y, tolerance),
        *_PLOT.x_ticks(x, labels, grid="grid"),
        *_PLOT.y_ticks(y, labels, grid="grid"),
        *_PLOT.axis_titles(f"true price{unit}", f"answered price{unit}"),
    ]
    for points in shown:
        centres = [(x.position(true), y.position(answered)) for _, true, answered in points.pairs]
        parts.append(circles(centres, 3.2, points.name))
    return _PLOT.svg("answered against true price", parts)


def _subsample(pairs: Sequence[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    ordered = sorted(pairs, key=lambda pair: hashlib.sha256(pair[0].encode("utf-8", "replace")).digest())
    return ordered[:MAX_POINTS]


def _bounds(prices: Sequence[float]) -> tuple[float, float]:
    """Return limits slightly beyond the 0.5th and 99.5th percentile, so that one absurd answer changes little."""
    ordered = sorted(prices)
    margin = len(ordered) // 200
    low, high = ordered[margin], ordered[-1 - margin]
    return low / 1.25, max(high, low * 1.5) * 1.25


def _band(x: Axis, y: Axis, tolerance: float) -> list[str]:
    """Return the area of prices within the tolerance, and the diagonal."""
    steps = [x.low * (x.high / x.low) ** (step / 40) for step in range(41)]
    above = [(x.position(p), y.position(p * (1 + tolerance))) for p in steps]
    below = [(x.position(p), y.position(max(p * (1 - tolerance), x.low / 1e6))) for p in reversed(steps)]
    ends = (x.position(x.low), y.position(y.low)), (x.position(x.high), y.position(y.high))
    return [polygon(above + below, "band"), line(*ends, "diagonal")]


MAX_PER_GROUP = 9
THUMBNAIL_PX = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One product with the answers of the models."""

    product: Product
    image: str
    """A data URI; empty when the image does not exist any more."""
    outcomes: tuple[Outcome, ...]
    """One per model, under control none."""


def select_gallery(
    products: Sequence[Product], sides: Sequence[Sequence[Outcome]], data: Path, encoded: Mapping[str, bytes]
) -> dict[str, list[Card]]:
    """Select up to 9 products per group: where the last model does best, where worst, and random ones.

    No product appears twice. With two models best and worst are those that gained and lost most. Images missing in
    `encoded` are read from the catalog.
    """
    by_code = [{o.product_code: o for o in side if o.control == "none"} for side in sides]
    present = sorted(
        (product for product in products if product.product_code in by_code[0]),
        key=lambda p: text_sha256(f"gallery:{p.product_code}"),
    )
    ranked = sorted(present, key=lambda p: -_merit([codes[p.product_code] for codes in by_code]))
    groups: dict[str, list[Product]] = {}
    names = ("most gained", "most lost or wrong") if len(sides) > 1 else ("best", "worst")
    for name, candidates in zip((*names, "random"), (ranked, ranked[::-1], present), strict=True):
        taken = {product.product_code for group in groups.values() for product in group}
        groups[name] = [product for product in candidates if product.product_code not in taken][:MAX_PER_GROUP]
    chosen = {p.product_code for group in groups.values() for p in group}
    split = present[0].split if present else "test"
    images = encoded if chosen <= set(encoded) else read_encoded_images(data, split, chosen)
    return {
        name: [
            Card(
                product=product,
                image=_thumbnail(images.get(product.product_code)),
                outcomes=tuple(codes[product.product_code] for codes in by_code),
            )
            for product in group
        ]
        for name, group in groups.items()
    }


def _merit(outcomes: Sequence[Outcome]) -> float:
    """Return right fields of the last model, minus those of the first where there are two; title F1 breaks ties."""
    scores = [sum(map(o.right, FIELDS)) + 0.1 * o.title_f1 for o in outcomes]
    return scores[-1] - scores[0] + 0.01 * scores[-1] if len(scores) > 1 else scores[0]


def _thumbnail(encoded: bytes | None) -> str:
    return "" if encoded is None else thumbnail_uri(encoded, THUMBNAIL_PX)
