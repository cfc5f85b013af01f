"""A few products to look at: the best, the worst and some drawn by a hash, with small images inside the page."""

import base64
import hashlib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from evaluation.metrics.scoring import FIELDS, Outcome
from evaluation.rows import read_encoded_images
from schemas.product import Product

WIDTH, HEIGHT = 640, 460
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 26, 14, 46
MAX_POINTS = 1200
"""Of each model; more are thinned out by a hash, so that the page stays small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """The prices of one model's answers."""

    name: str
    """Letters only: the class of its points in the SVG."""
    pairs: Sequence[tuple[str, float, float]]
    """Product code, true price, answered price; both > 0."""


def plot_prices(series: Sequence[Points], tolerance: float, unit: str) -> str:
    """The SVG: a band where a price counts as right, the diagonal, one circle an answer. Empty text without answers."""
    thinned = [Points(name=points.name, pairs=_subsample(points.pairs)) for points in series]
    prices = [price for points in thinned for _, *both in points.pairs for price in both]
    if not prices:
        return ""
    low, high = _bounds(prices)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="answered against true price">',
        _band(low, high, tolerance),
        *_axes(low, high, unit),
    ]
    for points in thinned:
        circles = (
            f'<circle cx="{_x(true, low, high):.1f}" cy="{_y(answered, low, high):.1f}" r="3.2"/>'
            for _, true, answered in points.pairs
        )
        parts.append(f'<g class="{points.name}">{"".join(circles)}</g>')
    return "".join([*parts, "</svg>"])


def _subsample(pairs: Sequence[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    ordered = sorted(pairs, key=lambda pair: hashlib.sha256(pair[0].encode("utf-8", "replace")).digest())
    return ordered[:MAX_POINTS]


def _bounds(prices: Sequence[float]) -> tuple[float, float]:
    """Axes from the 0.5th to the 99.5th percentile, a little wider: one absurd answer must not squeeze the rest."""
    ordered = sorted(prices)
    margin = len(ordered) // 200
    low, high = ordered[margin], ordered[-1 - margin]
    return low / 1.25, max(high, low * 1.5) * 1.25


def _share(price: float, low: float, high: float) -> float:
    share = (math.log(price) - math.log(low)) / (math.log(high) - math.log(low))
    return min(1.0, max(0.0, share))


def _x(price: float, low: float, high: float) -> float:
    return _LEFT + _share(price, low, high) * (WIDTH - _LEFT - _RIGHT)


def _y(price: float, low: float, high: float) -> float:
    return HEIGHT - _BOTTOM - _share(price, low, high) * (HEIGHT - _TOP - _BOTTOM)


def _band(low: float, high: float, tolerance: float) -> str:
    steps = [low * (high / low) ** (step / 40) for step in range(41)]
    above = [(_x(p, low, high), _y(p * (1 + tolerance), low, high)) for p in steps]
    below = [(_x(p, low, high), _y(max(p * (1 - tolerance), low / 1e6), low, high)) for p in reversed(steps)]
    outline = " ".join(f"{x:.1f},{y:.1f}" for x, y in above + below)
    ends = f'x1="{_x(low, low, high):.1f}" y1="{_y(low, low, high):.1f}" x2="{_x(high, low, high):.1f}"'
    return f'<polygon class="band" points="{outline}"/><line class="diagonal" {ends} y2="{_y(high, low, high):.1f}"/>'


def _axes(low: float, high: float, unit: str) -> list[str]:
    bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
    parts = []
    for tick in _ticks(low, high):
        x, y, label = _x(tick, low, high), _y(tick, low, high), f"{tick:g}"
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom}"/>')
        parts.append(f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{label}</text>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    middle = (_TOP + bottom) / 2
    parts.append(f'<text x="{(_LEFT + right) / 2}" y="{HEIGHT - 8}" text-anchor="middle">true price{unit}</text>')
    turned = f'transform="rotate(-90 14 {middle})"'
    parts.append(f'<text x="14" y="{middle}" text-anchor="middle" {turned}>answered price{unit}</text>')
    return parts


def _ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 of every decade; only the decades when those would be more than nine."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1,)):
        found = [factor * 10.0**decade for decade in decades for factor in factors]
        inside = [tick for tick in found if low <= tick <= high]
        if len(inside) <= 9:
            break
    return inside


MAX_PER_GROUP = 9
THUMBNAIL_PX = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One product with what the models made of it."""

    product: Product
    image: str
    """A data URI; empty when the image is not there any more."""
    outcomes: tuple[Outcome, ...]
    """One for each model, under control none."""


def select_gallery(
    products: Sequence[Product], sides: Sequence[Sequence[Outcome]], data: Path, encoded: Mapping[str, bytes]
) -> dict[str, list[Card]]:
    """By group up to 9 products each: where the last model does best, where worst, and at random; nobody appears twice.

    With two models best and worst are those that gained and lost most. Images missing in `encoded` are read from
    the shards.
    """
    by_code = [{o.product_code: o for o in side if o.control == "none"} for side in sides]
    present = sorted(
        (product for product in products if product.product_code in by_code[0]),
        key=lambda p: _sample_key(p.product_code),
    )
    ranked = sorted(present, key=lambda p: -_merit([codes[p.product_code] for codes in by_code]))
    groups: dict[str, list[Product]] = {}
    names = ("most gained", "most lost or wrong") if len(sides) > 1 else ("best", "worst")
    for name, candidates in zip((*names, "drawn at random"), (ranked, ranked[::-1], present), strict=True):
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
    """Right fields of the last model, minus those of the first where there are two; title F1 breaks ties."""
    scores = [sum(map(o.right, FIELDS)) + 0.1 * o.title_f1 for o in outcomes]
    return scores[-1] - scores[0] + 0.01 * scores[-1] if len(scores) > 1 else scores[0]


def _thumbnail(encoded: bytes | None) -> str:
    if encoded is None:
        return ""
    with Image.open(io.BytesIO(encoded)) as image:
        image.draft("RGB", (THUMBNAIL_PX * 2, THUMBNAIL_PX * 2))
        small = (image.convert("RGBA") if image.mode == "P" else image).convert("RGB")
    small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=80, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def _sample_key(code: str) -> bytes:
    return hashlib.sha256(b"gallery:" + code.encode("utf-8", "surrogatepass")).digest()
