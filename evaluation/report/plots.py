"""What the page shows of single answers: prices, confused categories, errors by attribute, and a gallery.

Everything here follows from the outcomes of the headline protocol; the page adds words and layout. Plots are SVG with
the parts of `schemas.util.pages`. Samples are taken by hashes, so the same results give the same page.
"""

import itertools
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evaluation.metrics.score_matrix import ScoreMatrix, Slice
from evaluation.metrics.scoring import FIELDS, Outcome
from evaluation.metrics.titles import SLOTS
from evaluation.rows import read_encoded_images
from evaluation.stats.intervals import Estimate
from schemas.evaluation import EvaluationSpec
from schemas.images import thumbnail_uri
from schemas.product import Product, read
from schemas.result import OTHER
from schemas.util.files import text_sha256
from schemas.util.pages import Axis, Plot, circles, format_tick, line, polygon

_PLOT = Plot(width=440, height=400, left=80, right=22, top=12, bottom=54)
MAX_POINTS = 1200
"""Per model; of more points a sample by a hash is shown, so that the page stays small."""
GROUPS = 5
LEAST_IN_GROUP = 5
"""Answers per calibration group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """The prices of one model's answers."""

    name: str
    """model, base or tuned."""
    pairs: Sequence[tuple[str, float, float]]
    """Product code, true price, answered price; both > 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePlot:
    """The plot of one model's prices."""

    svg: str
    """Empty without any price."""
    n: int
    """Answers with a price."""
    shown: int
    """Points in the plot."""
    outside: int
    """Points beyond the axes, drawn at their ends."""


def collect_prices(name: str, outcomes: Sequence[Outcome]) -> Points:
    """Return true and answered price of every answer with a price."""
    pairs = [(o.product_code, o.true_price, o.answer.price) for o in outcomes if o.answer.price is not None]
    return Points(name=name, pairs=pairs)


def plot_prices(series: Sequence[Points], tolerance: float, unit: str) -> dict[str, PricePlot]:
    """Return a plot of answered against true price for each model, on the same logarithmic axes.

    A band shows where a price counts as right; points inside are filled, the others are rings.
    """
    samples = [_subsample(points.pairs) for points in series]
    found = {}
    for points, pairs in zip(series, samples, strict=True):
        svg, outside = "", 0
        if pairs:
            low, high = _bounds(samples)
            x, y = _PLOT.x_axis(low, high, log=True), _PLOT.y_axis(low, high, log=True)
            labels = [(tick, format_tick(tick)) for tick in _price_ticks(x)]
            right = [abs(answered - true) <= tolerance * true * (1 + 1e-9) for _, true, answered in pairs]
            places = [(x.position(true), y.position(answered)) for _, true, answered in pairs]
            outside = sum(not (low <= t <= high and low <= a <= high) for _, t, a in pairs)
            parts = [
                *_band(x, y, tolerance),
                *_PLOT.x_ticks(x, labels, grid="grid"),
                *_PLOT.y_ticks(y, labels, grid="grid"),
                *_PLOT.axis_titles(f"true price{unit}", f"answered price{unit}"),
                circles([p for p, hit in zip(places, right, strict=True) if not hit], 3, f"{points.name} miss"),
                circles([p for p, hit in zip(places, right, strict=True) if hit], 3, f"{points.name} hit"),
            ]
            words = f"{sum(right)} of {len(pairs)} answered prices of {points.name} are within the tolerance"
            svg = _PLOT.svg(words, parts)
        found[points.name] = PricePlot(svg=svg, n=len(points.pairs), shown=len(pairs), outside=outside)
    return found


def _subsample(pairs: Sequence[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    return sorted(pairs, key=lambda pair: text_sha256(pair[0]))[:MAX_POINTS]


def _bounds(samples: Sequence[Sequence[tuple[str, float, float]]]) -> tuple[float, float]:
    """Return limits of the axes that absurd answers change little.

    They are slightly beyond the 0.5th and 99.5th percentile of true and answered prices, but not beyond a hundred times
    the true ones.
    """
    true = sorted(price for pairs in samples for _, price, _ in pairs)
    ordered = sorted([*true, *(price for pairs in samples for *_, price in pairs)])
    margin = len(ordered) // 200
    low = max(ordered[margin], true[len(true) // 200] / 100)
    high = min(ordered[-1 - margin], true[-1 - len(true) // 200] * 100)
    return low / 1.25, max(high, low * 1.5) * 1.25


def _price_ticks(axis: Axis) -> list[float]:
    """Return at most seven round prices; of more decades every second, third, ... one."""
    found = axis.ticks(most=7)
    return found[:: -(-len(found) // 7)] if found else []


def _band(x: Axis, y: Axis, tolerance: float) -> list[str]:
    """Return the area of prices within the tolerance, and the diagonal."""
    steps = [x.low * (x.high / x.low) ** (step / 40) for step in range(41)]
    above = [(x.position(p), y.position(p * (1 + tolerance))) for p in steps]
    below = [(x.position(p), y.position(max(p * (1 - tolerance), x.low / 1e6))) for p in reversed(steps)]
    ends = (x.position(x.low), y.position(y.low)), (x.position(x.high), y.position(y.high))
    return [polygon(above + below, "band"), line(*ends, "diagonal")]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationGroup:
    """Products with similar answered prices."""

    n: int
    answered: float
    """Median of the answered prices."""
    true: float
    """Median of the true prices."""
    ratio: float
    """Median of true / answered: the factor by which an answer of this size should be multiplied."""


def calibrate(points: Points) -> list[CalibrationGroup]:
    """Group answers by answered price into up to five groups of one size; no group for few answers.

    A calibrated model has a ratio of 1 in each. One that answers the same everywhere has a single group, which is right
    on the whole and says nothing.
    """
    ordered = sorted((answered, true) for _, true, answered in points.pairs)
    groups = min(GROUPS, len(ordered) // LEAST_IN_GROUP)
    ends = [len(ordered) * number // groups for number in range(groups + 1)] if groups else []
    found = []
    for first, last in itertools.pairwise(ends):
        part = ordered[first:last]
        found.append(
            CalibrationGroup(
                n=len(part),
                answered=statistics.median(answered for answered, _ in part),
                true=statistics.median(true for _, true in part),
                ratio=statistics.median(true / answered for answered, true in part),
            )
        )
    return found


MOST_CATEGORIES = 24
"""Categories in the heat map; the others share a row and a column."""
MOST_CONFUSIONS, FEW_CONFUSIONS = 10, 3
NO_CATEGORY = "no such category"


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """How often rows of a true category were answered as each category."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, int, tuple[int, ...]], ...]
    """True category, its number of rows, and the counts in the order of `columns`."""
    named: int
    """Answers that name a category of the data."""
    largest: tuple[tuple[str, str, int, int], ...]
    """True category, category answered instead, how often, of how many rows; the most frequent first."""
    model: int
    """Its place among the models."""
    others: int
    """Wrong categories that are not among `largest`."""


def count_confusions(sides: Sequence[Sequence[Outcome]]) -> list[Confusion]:
    """Count true against answered categories of each model, with the same rows and columns for all, largest first.

    Missing, unreadable and unknown categories share a column.
    """
    sizes = Counter(outcome.category for outcome in sides[-1])
    largest = sorted(sizes, key=lambda name: (-sizes[name], name))[:MOST_CATEGORIES]
    truths = [*largest, *([OTHER] if len(sizes) > MOST_CATEGORIES else [])]
    seen = [
        Counter((_column_name(o.category, largest), _column_name(o.answered_category, largest)) for o in side)
        for side in sides
    ]
    every = (*largest, OTHER, NO_CATEGORY)
    naming = [counts for counts in seen if any(answered != NO_CATEGORY for _, answered in counts)] or seen
    columns = [
        column
        for column in every
        if column in largest or any(counts[truth, column] for counts in naming for truth in truths)
    ]
    found = []
    for model, (side, counts) in enumerate(zip(sides, seen, strict=True)):
        wrong = Counter(
            (o.category, o.answered_category)
            for o in side
            if o.answered_category is not None and o.answered_category != o.category
        )
        ordered = sorted(wrong.items(), key=lambda item: (-item[1], item[0]))
        repeated = sum(n > 1 for _, n in ordered)  # what happened once is no pattern, unless nothing happened twice
        listed = ordered[: min(repeated, MOST_CONFUSIONS) or FEW_CONFUSIONS]
        totals = Counter(o.category for o in side)
        found.append(
            Confusion(
                model=model,
                columns=tuple(columns),
                rows=tuple(
                    (truth, sum(counts[truth, c] for c in every), tuple(counts[truth, c] for c in columns))
                    for truth in truths
                ),
                named=sum(o.answered_category is not None for o in side),
                largest=tuple((a, b or "", n, totals[a]) for (a, b), n in listed),
                others=sum(n for _, n in ordered[len(listed) :]),
            )
        )
    return found


def _column_name(name: str | None, largest: Sequence[str]) -> str:
    return NO_CATEGORY if name is None else name if name in largest else OTHER


ATTRIBUTES = {"material": "Material", "pattern": "Pattern", "colour": "Colour"}
MOST_VALUES = 12
"""Values of an attribute in its table; rarer ones are pooled."""
NOT_NAMED = "(none named)"
MOST_MISREAD = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeRow:
    """The products with one value of an attribute."""

    value: str
    n: int
    right: tuple[Estimate, ...]
    """The headline metric of each model."""
    named: tuple[Estimate, ...]
    """Share of answered titles that name the value, of each model, among the rows whose true title names one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeErrors:
    """How well products are read by the value of one attribute."""

    title: str
    metric: str
    rows: tuple[AttributeRow, ...]
    misread: tuple[tuple[tuple[str, str, int, int], ...], ...]
    """By model: value that the true title names, value that the answer names instead, how often, of how many."""


def read_attributes(data: Path, split: str, codes: set[str]) -> dict[str, Mapping[str, str]]:
    """Return by product code the attribute values that the catalog records; empty for catalogs without them."""
    found: dict[str, Mapping[str, str]] = {}
    for product in read(data, split=split, columns=("attributes",)):
        choices = (product.attributes or {}).get("choices")
        if product.product_code in codes and isinstance(choices, Mapping):
            found[product.product_code] = {
                slot: choices[slot] for slot in SLOTS if isinstance(choices.get(slot), str) and choices[slot].strip()
            }
    return found


def group_errors(
    sides: Sequence[Sequence[Outcome]],
    recorded: Mapping[str, Mapping[str, str]],
    spec: EvaluationSpec,
    metric: str = "joint",
) -> list[AttributeErrors]:
    """Return accuracy by material, pattern and colour; attributes with fewer than two values are left out.

    The value of a row is what the catalog records, else what its true title names.
    """
    matrices = [ScoreMatrix(side, spec) for side in sides]
    found = []
    for slot, title in ATTRIBUTES.items():
        values = [_attribute_value(outcome, slot, recorded) for outcome in matrices[0].scored]
        sizes = Counter(values)
        ordered = sorted((v for v in sizes if v != NOT_NAMED), key=lambda value: (-sizes[value], value))
        kept = ordered if len(ordered) <= MOST_VALUES else ordered[: MOST_VALUES - 1]
        groups = {value: [place for place, v in enumerate(values) if v == value] for value in kept}
        groups[OTHER] = [place for place, v in enumerate(values) if v != NOT_NAMED and v not in groups]
        groups[NOT_NAMED] = [place for place, v in enumerate(values) if v == NOT_NAMED]
        if len(ordered) < 2:
            continue
        found.append(
            AttributeErrors(
                title=title,
                metric=metric,
                rows=tuple(
                    AttributeRow(
                        value=value,
                        n=len(places),
                        right=tuple(matrix.estimate(metric, _slice(places)) for matrix in matrices),
                        named=tuple(matrix.estimate(f"title_{slot}", _slice(places)) for matrix in matrices),
                    )
                    for value, places in groups.items()
                    if places
                ),
                misread=tuple(_most_misread(matrix.scored, slot) for matrix in matrices),
            )
        )
    return found


def _attribute_value(outcome: Outcome, slot: str, recorded: Mapping[str, Mapping[str, str]]) -> str:
    value = recorded.get(outcome.product_code, {}).get(slot)
    return value or " + ".join(sorted(outcome.words.named(slot, outcome.true_title))) or NOT_NAMED


def _slice(places: Sequence[int]) -> Slice:
    return Slice(rows="all", category=None, members=np.array(places, np.intp))


def _most_misread(scored: Sequence[Outcome], slot: str) -> tuple[tuple[str, str, int, int], ...]:
    """Return the most frequent pairs of one named value and another one answered in its place."""
    totals: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for outcome in scored:
        true = outcome.words.named(slot, outcome.true_title)
        answered = outcome.words.named(slot, outcome.answer.title or "")
        if len(true) == 1:
            (value,) = true
            totals[value] += 1
            if len(answered) == 1 and answered != true:
                pairs[value, next(iter(answered))] += 1
    ordered = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))[:MOST_MISREAD]
    return tuple((a, b, n, totals[a]) for (a, b), n in ordered)


MAX_PER_GROUP = 6
THUMBNAIL_PX = 320
_JPEG_QUALITY = 78


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One product with the answers of the models."""

    product: Product
    image: str
    """A data URI; empty when the image does not exist any more."""
    outcomes: tuple[Outcome, ...]
    """One per model, under control none."""
    nearest: Outcome | None
    """The answer of the nearest training image, where there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """Products that were chosen by one rule."""

    title: str
    rule: str
    num_matching: int
    """Products that the rule admits; the first of them are shown."""
    cards: tuple[Card, ...]


def select_gallery(
    products: Sequence[Product],
    sides: Sequence[Sequence[Outcome]],
    nearest: Sequence[Outcome],
    data: Path,
    encoded: Mapping[str, bytes],
) -> list[Gallery]:
    """Select up to 6 products for each rule: where the last model does best, where worst, and random ones.

    No product appears twice. With two models best and worst are those that gained and lost most. Images missing in
    `encoded` are read from the catalog.
    """
    by_code = [{o.product_code: o for o in side if o.control == "none"} for side in sides]
    near = {o.product_code: o for o in nearest}
    present = sorted(
        (product for product in products if product.product_code in by_code[0]),
        key=lambda p: text_sha256(f"gallery:{p.product_code}"),
    )
    scores = {
        p.product_code: [_fields_right(codes[p.product_code]) for codes in by_code if p.product_code in codes]
        for p in present
    }
    taken: set[str] = set()
    chosen: list[tuple[str, str, int, list[Product]]] = []
    for title, rule, admits, merit in _RULES[len(sides)]:
        matching = [p for p in present if admits(scores[p.product_code])]
        ordered = sorted(matching, key=lambda p: merit(scores[p.product_code]), reverse=True)
        shown = [p for p in ordered if p.product_code not in taken][:MAX_PER_GROUP]
        taken |= {p.product_code for p in shown}
        if shown:
            chosen.append((title, rule, len(matching), shown))
    images = dict(encoded)
    missing: dict[str, set[str]] = defaultdict(set)
    for product in (p for *_, group in chosen for p in group if p.product_code not in images):
        missing[product.split].add(product.product_code)
    for split, codes in missing.items():
        images |= read_encoded_images(data, split, codes)
    return [
        Gallery(
            title=title,
            rule=rule,
            num_matching=number,
            cards=tuple(
                Card(
                    product=product,
                    image=_thumbnail(images.get(product.product_code)),
                    outcomes=tuple(codes[product.product_code] for codes in by_code),
                    nearest=near.get(product.product_code),
                )
                for product in group
            ),
        )
        for title, rule, number, group in chosen
    ]


def _fields_right(outcome: Outcome) -> float:
    """Return how many fields are right; title F1 breaks ties."""
    return sum(map(outcome.right, FIELDS)) + 0.1 * outcome.title_f1


def _is_random(scores: Sequence[float]) -> bool:
    return True


_Scores = Sequence[float]
_RULES: Mapping[int, Sequence[tuple[str, str, Callable[[_Scores], bool], Callable[[_Scores], float]]]] = {
    1: (
        ("Read best", "most fields right first", lambda s: s[0] >= 1, lambda s: s[0]),
        ("Read worst", "fewest fields right first", lambda s: s[0] < 3, lambda s: -s[0]),
        ("Random", "by a hash of the product code", _is_random, lambda s: 0),
    ),
    2: (
        (
            "Gained",
            "the tuned model has more fields right than the base model; largest gain first",
            lambda s: int(s[1]) > int(s[0]),
            lambda s: s[1] - s[0] + 0.01 * s[1],
        ),
        (
            "Lost",
            "the tuned model has fewer fields right than the base model; largest loss first",
            lambda s: int(s[1]) < int(s[0]),
            lambda s: s[0] - s[1],
        ),
        (
            "Still wrong",
            "the tuned model has a field wrong and no more right than the base model; fewest right first",
            lambda s: s[1] < 3 and int(s[1]) == int(s[0]),
            lambda s: -s[1],
        ),
        ("Random", "by a hash of the product code", _is_random, lambda s: 0),
    ),
}
"""Number of models -> title, rule in words, which products it admits, and their order, given the fields right."""


def _thumbnail(encoded: bytes | None) -> str:
    return "" if encoded is None else thumbnail_uri(encoded, THUMBNAIL_PX, _JPEG_QUALITY)
