"""Fit a shop's pricing: price points, and for each kind of products its price levels, price factors and discounts.

Prices of a kind are given by quantiles with at least k families in each step between two of them; where there are too
few, five follow from their mean and spread. No quantile is the price of a single family: it is the mean of the log
prices of the k families around it, and the lowest and highest follow from the outermost step.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc, gammaln, ndtr

from generator.fit.categories import FittedKind, ValueCounter
from generator.fit.families import Family, count_families
from generator.sampling.streams import Floats
from schemas.appearance import SHOWN
from schemas.catalog import PriceBand
from schemas.markets import MARKETS
from schemas.prices import EUR_RATES
from schemas.silhouettes import RECORDS

_MOST_STEPS = 24
"""Most steps between the quantiles of a kind."""
_LEAST_STEPS = 3
"""A kind without families for so many steps has five quantiles by its mean and spread."""
_LEAST_PER_STEP = 4
"""Families in a step, also where k is smaller: fewer say little of the distribution."""
_SHRINK = 6.0
"""A kind's own variance, or a factor, and the average one have equal weight at this many families."""
_USUAL_SPREAD = 0.25
_DEPTHS = (2, 1, 0)
"""Names of a category's path that say a part of the shop: parent, first category, the whole shop."""
_FACTOR_RANGE = (0.4, 2.5)
_LEAST_FACTOR = 0.08
"""Smaller effects of a material on the log price are left out."""
_COVERAGE = 0.97
"""Share of a price level's families whose price must be legal, of the best that any step reaches."""
_MOST_ENDINGS = 40
_STEPS = (5.0, 2.0, 1.0)
"""Steps between equal endings, times a power of ten."""

_DECADES_ABOVE = 3
_MOST_POINTS_ABOVE = 2_000_000
"""A spread of log prices may reach so many powers of ten above the dearest products; more price points are too many."""
_SNAP = 0.08
"""A price moves to an ending by at most this part of it."""
_WIDE_RANGE = (0.25, 1e7)
"""Lowest and highest price of a private fit without bounds, in most currencies."""
_MANY_UNITS = 500.0
"""A currency with so many units to the dollar has higher prices."""
HIGHEST_PRICE = 1e12
"""The highest price that a spec can have."""
ENDING_LEVELS = (100.0, 1000.0)
"""Prices between which endings differ."""
_DIGITS = tuple(range(10))
ENDINGS: dict[str, tuple[int, tuple[float, ...]]] = {
    "00/00": (100, (0,)), "00/50": (100, (50,)), "00/9x": (100, (90,)), "00/x0": (10, (0,)), "00/5": (10, (5,)),
    "00/9": (10, (9,)), "00/8": (10, (8,)), "00/x": (10, (1, 2, 3, 4, 6, 7)),
    "99/9": (10, (9.99,)), "99/x": (10, tuple(d + 0.99 for d in _DIGITS[:9])),
    "95/9": (10, (9.95,)), "95/x": (10, tuple(d + 0.95 for d in _DIGITS[:9])),
    "90/9": (10, (9.9,)), "90/x": (10, tuple(d + 0.9 for d in _DIGITS[:9])),
    "50": (1, (0.5,)), "49": (1, (0.49,)), "other": (1, ()),
}  # fmt: skip
"""Endings of prices (cents, then the last digits before the point) -> the step between such prices, and their rests."""
_NUM_LEVELS, _NUM_SIZES, _NUM_RATES, _ROUNDS = 41, 40, 71, 15
_SPREADS = (0.12, 0.25, 0.5, 0.8, 1.2, 2.0)
_LOWEST_RATE = 0.02

CLEAR = 5.0
"""A cell of at least this many noise scales is more than noise."""

Document = dict[str, Any]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class KindPrice:
    """The price of a kind of products as it is in the spec, with its factors by the renderer's word."""

    document: Document
    factors: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """(attribute, word of the renderer) -> factor on the price."""
    source: str
    """`own`, or whose records it was fitted to; `toile` for its usual price in dollars, if the shop has no prices."""


def find_price_bounds(members: Sequence[Family], min_support: int) -> tuple[float, float]:
    """Return bounds of the log price: as far beyond the outermost k families as a straight line through them ends."""
    by_family: dict[object, float] = {}
    for index, member in enumerate(members):
        if member.full_price:
            by_family.setdefault(member.name or index, math.log(member.full_price))
    logs = sorted(by_family.values())
    if len(logs) < min_support:
        return -math.inf, math.inf
    low, high = logs[:min_support], logs[-min_support:]
    return 2 * sum(low) / min_support - low[-1], 2 * sum(high) / min_support - high[0]


def compare_with_usual(kinds: Sequence[FittedKind], min_support: int) -> dict[tuple[str, ...], float]:
    """Compare prices with toile's usual ones: parent, first category and () -> log of the price to the usual dollars.

    It is the mean of the k families in the middle, of those kinds that k families with a price support; of all kinds
    only where no kind is supported. A part of the shop with fewer families is left out.
    """
    priced = [(kind, [member for member in kind.members if member.full_price]) for kind in kinds]
    supported = [each for each in priced if count_families(each[1]) >= min_support]
    ratios: dict[tuple[str, ...], dict[object, float]] = defaultdict(dict)
    for kind, members in supported or priced:
        usual = math.log(RECORDS[kind.silhouette].usual_usd)
        for member in members:
            for depth in _DEPTHS:
                ratio = math.log(member.full_price or 1.0) - usual
                ratios[kind.path[:depth]].setdefault(member.name or id(member), ratio)
    found = {}
    for part, by_family in ratios.items():
        first = (len(by_family) - min_support) // 2
        if first >= 0:
            found[part] = sum(sorted(by_family.values())[first : first + min_support]) / min_support
    return found


def prefer_type_prices(kinds: Sequence[FittedKind], min_support: int) -> bool:
    """Return whether products of a type elsewhere tell its price better than other types of its leaf do.

    Both are tried on the kinds of the shop that k families support, and compared by their mean absolute error.
    """
    by_type, by_leaf = [], []
    for kind in kinds:
        own = [member for member in kind.members if member.full_price]
        inside = {id(member) for member in own}
        others = [
            [member for member in records if member.full_price and id(member) not in inside]
            for records in (kind.levels[2], kind.leaf)
        ]
        if all(count_families(each) >= min_support for each in (own, *others)):
            price, elsewhere, leaf = (
                sum(
                    _scale_price(member, kind.silhouette) if scaled else math.log(member.full_price or 1.0)
                    for member in each
                )
                / len(each)
                for each, scaled in ((own, False), (others[0], False), (others[1], True))
            )
            by_type.append(abs(price - elsewhere))
            by_leaf.append(abs(price - leaf))
    return sum(by_type) < sum(by_leaf)


def _scale_price(member: Family, silhouette: str) -> float:
    """Return the log price of a product, times the ratio of toile's usual prices of the silhouette and of its own."""
    usual = RECORDS[silhouette].usual_usd / RECORDS[member.kind or silhouette].usual_usd
    return math.log((member.full_price or 1.0) * usual)


def fit_word_factors(
    kinds: Sequence[FittedKind], words_of: Mapping[str, Mapping[int, str]], min_support: int
) -> dict[tuple[str, str], float]:
    """Fit price factors of title words, such as the names of lines, over the whole shop.

    `words_of` is slot -> id of a record -> its word. A price is compared with the mean of its kind; a word of at least
    k families has a factor if the words explain more of these differences than chance (p < 0.01).
    """
    residuals: dict[int, float] = {}
    priced: list[Family] = []
    for kind in kinds:
        members = [member for member in kind.members if member.full_price]
        if count_families(members) >= min_support:
            centre = sum(math.log(member.full_price or 1.0) for member in members) / len(members)
            residuals |= {id(member): math.log(member.full_price or 1.0) - centre for member in members}
            priced += members
    found: dict[tuple[str, str], float] = {}
    for slot, words in words_of.items():
        own = [member for member in priced if id(member) in words]
        left = np.array([residuals[id(member)] for member in own])
        factors = _fit_factors(slot, [words[id(member)] for member in own], left, own, min_support)
        for member in own:
            residuals[id(member)] -= math.log(factors.get((slot, words[id(member)]), 1.0))
        found |= factors
    return found


def fit_usual_spread(kinds: Sequence[FittedKind], min_support: int) -> float:
    """Fit the usual standard deviation of the log price within a kind, to the kinds that k families support."""
    squares, degrees = 0.0, 0
    for kind in kinds:
        logs = [math.log(member.full_price) for member in kind.members if member.full_price]
        if len(logs) > 1 and count_families(m for m in kind.members if m.full_price) >= min_support:
            centre = sum(logs) / len(logs)
            squares += sum((log - centre) ** 2 for log in logs)
            degrees += len(logs) - 1
    return round(min(math.sqrt(squares / degrees), 3.0), 3) if degrees else _USUAL_SPREAD


def fit_kind_price(
    kind: FittedKind,
    slots_of: Mapping[str, Mapping[int, str]],
    shared: Mapping[tuple[str, str], float],
    bounds: tuple[float, float],
    scales: Mapping[tuple[str, ...], float],
    spread: float,
    min_support: int,
    *,
    prefer_type: bool = False,
) -> KindPrice:
    """Fit the price of a kind to its own records, or to the next level with enough families that have a price.

    `slots_of` is attribute -> id of a record -> the renderer's word (or the title's), for the attributes that may set
    the price; `shared` are factors that the whole shop has, those of `fit_word_factors`. `bounds` are those of the
    shop's log prices. Where no level with products of the kind has enough families, toile's usual price is scaled to
    the shop's prices by `scales`, those of `compare_with_usual`, with the `spread` of the log prices of a kind.
    `prefer_type` is the answer of `prefer_type_prices`. Prices of other types of the leaf are scaled, too.
    """
    leaf = [("its leaf", kind.leaf)]
    anywhere = [("its type", kind.levels[2]), ("its type", kind.named)]
    sources = (
        ("own", kind.members),
        ("its type", kind.levels[1]),
        *((*anywhere, *leaf) if prefer_type else (*leaf, *anywhere)),
    )
    priced_by = ((source, [member for member in members if member.full_price]) for source, members in sources)
    found = next((each for each in priced_by if count_families(each[1]) >= min_support), None)
    if found is None:
        usual = RECORDS[kind.silhouette].usual_usd
        scale = next((scales[kind.path[:depth]] for depth in _DEPTHS if kind.path[:depth] in scales), None)
        price = usual if scale is None else math.exp(np.clip(math.log(usual) + scale, *bounds))
        document: Document = {"median": _round_price(price), "spread": spread}
        return KindPrice(document=document, source="toile" if scale is None else "the shop")
    source, priced = found
    is_scaled = source == "its leaf"
    log_price = np.array(
        [_scale_price(m, kind.silhouette) if is_scaled else math.log(m.full_price or 1.0) for m in priced]
    )
    weights = np.array([float(member.num_colourways) for member in priced])
    factors = dict(shared)
    if source == "own":
        for slot, words in slots_of.items():
            if slot in SHOWN[kind.silhouette]:
                factors |= _fit_factors(slot, [words.get(id(m)) for m in priced], log_price, priced, min_support)
    log_price = log_price - np.array(
        [sum(math.log(factors.get((s, w.get(id(m), "")), 1.0)) for s, w in slots_of.items()) for m in priced]
    )
    return KindPrice(
        document=_describe(log_price, weights, priced, bounds, spread, min_support), factors=factors, source=source
    )


def count_percents(min_support: int) -> ValueCounter:
    """Return a counter of the percents of discounted products."""
    return ValueCounter(_list_percents, min_support)


def fit_discounts(levels: Sequence[Sequence[Family]], percents_by: ValueCounter) -> Document:
    """Fit the share of discounted products and their percents, with k discounted and k other families behind it.

    Where the records of the first level do not allow that, those of the next one are taken.
    """
    least = percents_by.min_support
    for members in levels:
        reduced = count_families(m for m in members if any(row.discount_percent for row in m.rows))
        others = count_families(m for m in members if any(not row.discount_percent for row in m.rows))
        if max(reduced, others) >= least and min(reduced, others) not in range(1, least):
            break
    else:
        return {"share": 0.0}
    rows = [(row.discount_percent, member.row_weight) for member in members for row in member.rows]
    total = sum(weight for _, weight in rows)
    share = sum(weight for percent, weight in rows if percent) / total if total else 0.0
    percents = percents_by.weigh(levels[0], levels[-1]) if share else {}
    if not percents:
        return {"share": 0.0}
    return {"share": round(share, 4), "percents": {str(p): round(weight, 1) for p, weight in sorted(percents.items())}}


def infer_price_bands(members: Iterable[Family], min_support: int, decimals: int = 2) -> tuple[PriceBand, ...]:
    """Infer the price points of each power of ten, as endings above multiples of a step.

    Of the steps whose endings cover about as many families as any, the one with the shortest description is chosen: few
    endings, and few price points beside those that occur. An ending has at least k families behind it. `decimals` are
    those of the currency. Where the endings above the dearest products would be too many, prices there are round.
    """
    levels: dict[int, dict[float, set[object]]] = defaultdict(lambda: defaultdict(set))
    for index, member in enumerate(members):
        price = round(member.full_price or 0.0, decimals)
        if price > 0:
            levels[math.floor(math.log10(price) + 1e-9)][price].add(member.name or index)
    merged = _merge_levels(levels, min_support)
    bands: list[PriceBand] = []
    for number, (power, prices) in enumerate(merged):
        per, endings = _step_and_endings(power, prices, min_support, decimals)
        bound = None if number == len(merged) - 1 else float(10.0 ** (power + 1))
        if bands and (per, endings) == (bands[-1].per, bands[-1].endings):
            bands[-1] = PriceBand(below=bound, per=per, endings=endings)
        else:
            bands.append(PriceBand(below=bound, per=per, endings=endings))
    if bands and 10.0 ** (power + 1 + _DECADES_ABOVE) / per * len(endings) > _MOST_POINTS_ABOVE:
        last = PriceBand(below=10.0 ** (power + 1), per=per, endings=endings)
        bands = [*bands[:-1], last, PriceBand(per=10.0**power)]
    return tuple(bands) or (PriceBand(),)


def _merge_levels(
    levels: Mapping[int, Mapping[float, set[object]]], min_support: int
) -> list[tuple[int, dict[float, set[object]]]]:
    """Return (power of ten, price -> families), ascending; a level with few families is merged with the next."""
    found: list[tuple[int, dict[float, set[object]]]] = []
    for power, prices in sorted(levels.items()):
        if found and len(set().union(*found[-1][1].values())) < 2 * min_support:
            below = found.pop()[1]
            prices = {**below, **prices}
        found.append((power, dict(prices)))
    if len(found) > 1 and len(set().union(*found[-1][1].values())) < 2 * min_support:
        power, prices = found.pop()
        found[-1] = (power, {**found[-1][1], **prices})
    return found


def _step_and_endings(
    power: int, prices: Mapping[float, set[object]], min_support: int, decimals: int
) -> tuple[float, tuple[float, ...]]:
    """Return the step and endings of shortest description that cover nearly all families that any step covers."""
    finest = max(power - 3, -decimals)
    unit = 10.0**-decimals
    steps = {base * 10.0**exponent for exponent in range(power, finest - 1, -1) for base in _STEPS}
    steps.add(10.0 ** (power + 1))
    everyone = len(set().union(*prices.values()))
    tried = []
    for step in sorted({round(step, decimals) for step in steps if step >= unit}):
        cells: dict[float, list[float]] = defaultdict(list)
        for price in prices:
            cells[round(price % step, decimals) % step].append(price)
        holders = {ending: set().union(*(prices[p] for p in inside)) for ending, inside in cells.items()}
        kept = tuple(sorted(ending for ending, found in holders.items() if len(found) >= min_support))
        if kept:
            covered = len(set().union(*(holders[ending] for ending in kept)))
            num_points = 9 * 10.0**power / step * len(kept)
            num_families = sum(len(holders[ending]) for ending in kept)
            bits = len(kept) * math.log2(max(step / unit, 2)) + num_families * math.log2(max(num_points, 1))
            if len(kept) > _MOST_ENDINGS:
                continue
            tried.append((covered / everyone, bits, step, kept))
    if not tried:
        return round(max(10.0 ** (power - 1), unit), decimals), (0.0,)
    best = max(coverage for coverage, *_ in tried)
    _, _, step, endings = min((each for each in tried if each[0] >= _COVERAGE * best), key=lambda each: each[1:3])
    return step, endings


def _describe(
    log_price: Floats,
    weights: Floats,
    priced: Sequence[Family],
    bounds: tuple[float, float],
    spread: float,
    min_support: int,
) -> Document:
    """Return quantiles within the bounds: as many as the families allow, at least five."""
    order = np.argsort(log_price, kind="stable")
    log_price, weights = log_price[order], weights[order]
    num_steps = min(count_families(priced) // max(min_support, _LEAST_PER_STEP), _MOST_STEPS)
    values = (
        _quantiles(log_price, weights, num_steps, min_support)
        if num_steps >= _LEAST_STEPS
        else _few_quantiles(log_price, weights, spread)
    )
    bounded = np.clip(np.maximum.accumulate(values), *bounds)
    return {"quantiles": [_round_price(math.exp(value)) for value in bounded]}


def _few_quantiles(log_price: Floats, weights: Floats, spread: float) -> Floats:
    """Return the quantiles at 0, 1/4, ... 1 of a bell curve with the mean and the spread of few prices.

    Their own spread is shrunk to the usual one of the shop. The ends are 2.1 standard deviations away.
    """
    mean = float(np.average(log_price, weights=weights))
    squares = float(np.sum((log_price - mean) ** 2))
    deviation = math.sqrt((squares + _SHRINK * spread**2) / (len(log_price) + _SHRINK))
    return mean + deviation * np.array([-2.1, -0.7, 0.0, 0.7, 2.1])


def _quantiles(log_price: Floats, weights: Floats, num_steps: int, min_support: int) -> Floats:
    """Return the quantiles of ascending prices: where k families have one price, that; else the mean of those near."""
    place = (np.cumsum(weights) - weights / 2) / weights.sum()
    width = 0.5 / num_steps
    values = []
    for number in range(num_steps + 1):
        at = number / num_steps
        exact = float(log_price[np.searchsorted(place, at, side="left").clip(0, len(place) - 1)])
        if 0 < number < num_steps and (np.abs(log_price - exact) < 1e-9).sum() >= min_support:
            values.append(exact)
            continue
        near = (place >= at - width) & (place <= at + width)
        if near.sum() < min_support:
            near = np.zeros(len(place), bool)
            near[np.argsort(np.abs(place - at), kind="stable")[:min_support]] = True
        values.append(float(np.average(log_price[near], weights=weights[near])))
    # the mean of the outer half step is that of a line from the end to its middle: the end is as far beyond it
    values[0] = 2 * values[0] - _at(log_price, place, width, min_support)
    values[-1] = 2 * values[-1] - _at(log_price, place, 1 - width, min_support)
    return np.array(values)


def _at(log_price: Floats, place: Floats, at: float, min_support: int) -> float:
    near = np.argsort(np.abs(place - at), kind="stable")[:min_support]
    return float(log_price[near].mean())


def _fit_factors(
    slot: str, words: Sequence[str | None], log_price: Floats, priced: Sequence[Family], min_support: int
) -> dict[tuple[str, str], float]:
    """Fit a factor for each word that enough families have, if the words explain more of the prices than chance."""
    groups: dict[str, list[int]] = defaultdict(list)
    for index, word in enumerate(words):
        groups[word or ""].append(index)
    known = {w: i for w, i in groups.items() if count_families([priced[k] for k in i]) >= min_support}
    if len(known) < 2:
        return {}
    samples = [log_price[indices] for indices in known.values()]
    if _anova_p_value(samples) > 0.01:
        return {}
    centre = float(np.median(np.concatenate(samples)))
    found = {}
    for word, indices in known.items():
        effect = (float(log_price[indices].mean()) - centre) * len(indices) / (len(indices) + _SHRINK)
        if word and abs(effect) >= _LEAST_FACTOR:
            found[slot, word] = float(np.clip(round(math.exp(effect), 2), *_FACTOR_RANGE))
    return found


def _anova_p_value(samples: Sequence[Floats]) -> float:
    """Return the p-value of a one-way analysis of variance (scipy.stats, which has it, takes seconds to import)."""
    num, groups = sum(len(each) for each in samples), len(samples)
    centre = np.concatenate(samples).mean()
    within = sum(float(((each - each.mean()) ** 2).sum()) for each in samples)
    between = sum(len(each) * float((each.mean() - centre) ** 2) for each in samples)
    if num <= groups or between <= 0:
        return 1.0
    ratio = (between / (groups - 1)) / max(within / (num - groups), 1e-12)
    return float(fdtrc(groups - 1, num - groups, ratio))


def usual_eur_rate(currency: str) -> float | None:
    """Return about how many euros a unit of the currency is; None for an unknown one."""
    return {**EUR_RATES, **{market.currency_code: market.eur_rate for market in MARKETS.values()}}.get(currency)


def find_wide_range(currency: str | None) -> tuple[float, float]:
    """Return the lowest and the highest price of a private fit where no bounds are given: public, by the currency."""
    unit = find_round_unit(currency or "USD")
    return _WIDE_RANGE[0] * unit, _WIDE_RANGE[1] * unit


def find_round_unit(currency: str) -> float:
    """Return 1; in a currency of small units the power of ten of them that is nearest below a dollar."""
    rate = usual_rate(currency)
    return 10.0 ** math.floor(math.log10(rate)) if rate >= _MANY_UNITS else 1.0


def usual_rate(currency: str) -> float:
    """Return about how many units of the currency a US dollar is; 1 for an unknown one."""
    dollar = usual_eur_rate("USD") or 1.0
    return dollar / (usual_eur_rate(currency) or dollar)


def _list_percents(member: Family) -> list[tuple[int, float]]:
    return [(row.discount_percent, member.row_weight) for row in member.rows if row.discount_percent]


def _round_price(price: float) -> float:
    return max(float(f"{price:.4g}"), 0.01)


def find_ending(price: float) -> str:
    """Return the ending of a price, one of `ENDINGS`."""
    units, cents = divmod(round(price * 100), 100)
    if cents == 0:
        tail = units % 100
        if units >= 100 and units % 10 == 0:
            return "00/00" if tail == 0 else "00/50" if tail == 50 else "00/9x" if tail == 90 else "00/x0"
        return {0: "00/x0", 5: "00/5", 9: "00/9", 8: "00/8"}.get(units % 10, "00/x")
    if cents in (99, 95, 90):
        return f"{cents}/9" if units % 10 == 9 else f"{cents}/x"
    return str(cents) if cents in (50, 49) else "other"


def nearest_price(price: float, ending: str) -> float:
    """Return the price with this ending that is nearest to a price; the price, rounded, if none is near."""
    step, rests = ENDINGS[ending]
    tried = [rest + step * round((price - rest) / step) for rest in rests]
    near = min((each for each in tried if each > 0), key=lambda each: abs(each - price), default=0.0)
    return round(near, 2) if abs(near - price) <= _SNAP * price else round_price(price)


def round_price(price: float) -> float:
    """Return a price with two significant digits."""
    step = 10.0 ** math.floor(math.log10(price) - 0.7)
    return round(max(round(price / step), 1) * step, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceGrid:
    """The price cells: P + 1 ascending edges of log prices. Prices outside count as those of the outermost cells."""

    edges: Floats

    def find_cell(self, price: float | None) -> int:
        """Return the cell of a price; -1 for none, and for what is no price."""
        if price is None or not price > 0:
            return -1
        log_price = math.log(price) if price < math.inf else math.inf
        return int(np.clip(np.searchsorted(self.edges, log_price, side="right") - 1, 0, len(self.edges) - 2))


@dataclass(frozen=True, slots=True)
class PriceLevels:
    """Sizes and price levels of categories, estimated from noisy counts."""

    num_K: Floats
    """Families of each category, at least 0."""
    log_price_K: Floats
    """Log of the median price of each category."""
    spread: float
    """Standard deviation of the log price within a category."""


def estimate_price_levels(counts_KB: Floats, log_edges: Floats, scale: float) -> PriceLevels:
    """Estimate sizes and price levels of categories from noisy counts by price, as Poisson draws of normal log prices.

    `counts_KB` is the noisy table, `log_edges` the log prices of the B - 1 inner bin edges, `scale` the scale of the
    Laplace noise on each cell.
    """
    rates, like_KBR, mean_KBR = _cells(counts_KB, scale)
    width = max(float(log_edges[-1] - log_edges[0]), 1e-3)
    levels_M = np.linspace(log_edges[0] - 3 * width, log_edges[-1] + 3 * width, _NUM_LEVELS)
    sizes_S = np.geomspace(0.3, max(float(counts_KB.sum()), 20.0) / 2, _NUM_SIZES)
    answers = [
        _given_spread(like_KBR, mean_KBR, rates, levels_M, sizes_S, log_edges, step * width) for step in _SPREADS
    ]
    scores = np.array([score for score, _, _ in answers])
    weights = np.exp(scores - scores.max())
    weights /= weights.sum()
    return PriceLevels(
        num_K=np.tensordot(weights, np.array([num_K for _, num_K, _ in answers]), 1),
        log_price_K=np.tensordot(weights, np.array([level_K for _, _, level_K in answers]), 1),
        spread=float(weights @ (np.array(_SPREADS) * width)),
    )


def _cells(counts_KB: Floats, scale: float) -> tuple[Floats, Floats, Floats]:
    """Return a grid of rates, the log likelihood of every cell at each rate, and the expected true count there."""
    rates = np.concatenate([[_LOWEST_RATE], np.geomspace(0.1, max(float(counts_KB.sum()), 20.0), _NUM_RATES - 1)])
    true_T = np.arange(int(max(counts_KB.max(), 0) + 12 * scale) + 5)
    poisson_TR = np.exp(true_T[:, None] * np.log(rates) - rates - gammaln(true_T + 1)[:, None])
    distance_KBT = np.abs(counts_KB[..., None] - true_T)
    noise_KBT = -distance_KBT / scale if scale > 0 else np.where(distance_KBT == 0, 0.0, -np.inf)
    highest_KB1 = noise_KBT.max(axis=-1, keepdims=True)
    weight_KBT = np.exp(noise_KBT - highest_KB1)
    total_KBR = weight_KBT @ poisson_TR + 1e-300
    mean_KBR = (weight_KBT * true_T) @ poisson_TR / total_KBR
    return rates, np.log(total_KBR) + highest_KB1, mean_KBR


def _given_spread(
    like_KBR: Floats,
    mean_KBR: Floats,
    rates: Floats,
    levels_M: Floats,
    sizes_S: Floats,
    log_edges: Floats,
    spread: float,
) -> tuple[float, Floats, Floats]:
    """Return the log evidence of a spread, and the posterior means of sizes and levels under it."""
    below_MB = ndtr((log_edges[None, :] - levels_M[:, None]) / spread)
    ends = np.zeros((len(levels_M), 1)), np.ones((len(levels_M), 1))
    share_MB = np.maximum(np.diff(np.concatenate([ends[0], below_MB, ends[1]], axis=1), axis=1), 1e-9)
    rate_MSB = np.maximum(sizes_S[None, :, None] * share_MB[:, None, :], _LOWEST_RATE)
    at_MSB = np.interp(np.log(rate_MSB), np.log(rates), np.arange(len(rates)))
    low_MSB = np.minimum(at_MSB.astype(np.int64), len(rates) - 2)
    part_MSB = at_MSB - low_MSB

    def interpolate(table_KR: Floats, b: int) -> Floats:
        low, part = low_MSB[..., b], part_MSB[..., b]
        found: Floats = table_KR[:, low] * (1 - part) + table_KR[:, low + 1] * part
        return found

    num_bins = share_MB.shape[1]
    log_KMS = np.sum([interpolate(like_KBR[:, b], b) for b in range(num_bins)], axis=0)
    highest_K11 = log_KMS.max(axis=(1, 2), keepdims=True)
    like_KMS = np.exp(log_KMS - highest_K11)
    level_M, size_S = np.full(len(levels_M), 1 / len(levels_M)), np.full(len(sizes_S), 1 / len(sizes_S))
    for _ in range(_ROUNDS):
        joint_KMS = like_KMS * level_M[None, :, None] * size_S[None, None, :]
        evidence_K = joint_KMS.sum(axis=(1, 2))
        joint_KMS /= evidence_K[:, None, None]
        level_M = _normal_like(joint_KMS.sum(axis=2).mean(axis=0), levels_M)
        size_S = _smooth(joint_KMS.sum(axis=1).mean(axis=0))
    num_K = np.sum([(joint_KMS * interpolate(mean_KBR[:, b], b)).sum(axis=(1, 2)) for b in range(num_bins)], axis=0)
    score = float(np.log(evidence_K).sum() + highest_K11.sum())
    return score, num_K, joint_KMS.sum(axis=2) @ levels_M


def _normal_like(weight_M: Floats, levels_M: Floats) -> Floats:
    """Return the normal distribution with the mean and the variance of the weights."""
    mean = weight_M @ levels_M
    deviation = max(float(np.sqrt(weight_M @ (levels_M - mean) ** 2)), float(levels_M[1] - levels_M[0]) / 2)
    bell_M: Floats = np.exp(-0.5 * ((levels_M - mean) / deviation) ** 2)
    bell_M /= bell_M.sum()
    return bell_M


def _smooth(weight_S: Floats) -> Floats:
    """Smooth the distribution over neighbouring sizes; no size becomes impossible."""
    mixed_S = weight_S * 0.98 + 0.02 / len(weight_S)
    smooth_S: Floats = np.convolve(np.pad(mixed_S, 2, mode="edge"), np.full(5, 0.2), mode="valid")
    smooth_S /= smooth_S.sum()
    return smooth_S


def spread_levels(found: PriceLevels, edges: Floats) -> Floats:
    """Return for each category the shares of the price cells under a normal distribution of log prices."""
    below = ndtr((edges[1:-1] - found.log_price_K[:, None]) / found.spread)
    ends = np.zeros((len(below), 1)), np.ones((len(below), 1))
    shares: Floats = np.diff(np.concatenate([ends[0], below, ends[1]], axis=1), axis=1) + 1e-9
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


def find_range(noisy_P: Floats, scale: float) -> slice:
    """Return the range of cells that holds the prices: the hull of all stretches that are clearly more than noise.

    A stretch is worth its noisy counts less one noise scale a cell.
    """

    def best_stretch(first: int, last: int) -> tuple[float, int, int]:
        best, start, total = (0.0, first, last), first, 0.0
        for cell in range(first, last):
            if total <= 0:
                start, total = cell, 0.0
            total += noisy_P[cell] - scale
            best = max(best, (total, start, cell + 1))
        return best

    _, low, high = best_stretch(0, len(noisy_P))
    while low > 0 and (found := best_stretch(0, low))[0] > CLEAR * scale:
        low = found[1]
    while high < len(noisy_P) and (found := best_stretch(high, len(noisy_P)))[0] > CLEAR * scale:
        high = found[2]
    return slice(low, high)


def cut_at_quantiles(price_P: Floats, num_groups: int) -> tuple[int, ...]:
    """Return the first cells of groups with about equal counts, and the number of cells."""
    below = np.cumsum(price_P) / price_P.sum()
    inner = [int(np.argmin(np.abs(below - part))) + 1 for part in np.arange(1, num_groups) / num_groups]
    middle = sorted({cut for cut in inner if 0 < cut < len(price_P)}) or [len(price_P) // 2]
    return (0, *middle, len(price_P))


def sample_prices(
    cell_N: Integers, kind_N: Integers, grid: PriceGrid, endings: Sequence[Floats], rng: np.random.Generator
) -> list[float | None]:
    """Return a price for each row, with a legal ending. Rows of one cell and one kind are spread evenly over the cell.

    `kind_N` is the number of the kind of each row, any integers.
    """
    at_N = np.zeros(len(cell_N))
    _, group_N = np.unique(np.stack([cell_N, kind_N]), axis=1, return_inverse=True)
    for group in range(int(group_N.max()) + 1):
        rows = rng.permutation(np.nonzero(group_N == group)[0])
        at_N[rows] = (np.arange(len(rows)) + rng.random()) / len(rows)
    found: list[float | None] = []
    for price in np.exp(grid.edges[cell_N] + at_N * np.diff(grid.edges)[cell_N]).tolist():
        weights = endings[int(np.searchsorted(ENDING_LEVELS, price, side="right"))]
        ending = list(ENDINGS)[rng.choice(len(weights), p=weights / weights.sum())] if weights.any() else None
        found.append(nearest_price(price, ending) if ending else round_price(price))
    return found
