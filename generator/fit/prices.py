"""Fit a shop's pricing: price points, and for each kind of products its price levels, price factors and discounts.

Prices of a kind are given by quantiles with at least k families in each step between two of them; where there are too
few, lowest, middle and highest follow from their mean and spread. No quantile is the price of a single family: it is
the mean of the log prices of the k families around it, and the lowest and highest follow from the outermost step.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import fdtrc

from generator.fit.categories import FittedKind, ValueCounter
from generator.fit.families import Family, count_families
from generator.sampling.streams import Floats
from schemas.appearance import SHOWN
from schemas.catalog import PriceBand
from schemas.markets import MARKETS
from schemas.silhouettes import RECORDS

_MOST_STEPS = 24
"""Most steps between the quantiles of a kind."""
_LEAST_STEPS = 3
"""A kind without families for so many steps has three quantiles by its mean and spread."""
_LEAST_PER_STEP = 4
"""Families in a step, also where k is smaller: fewer say little of the distribution."""
_SHRINK = 6.0
"""A kind's own variance, or a factor, and the average one have equal weight at this many families."""
_USUAL_SPREAD = 0.25
_FEW_SPREAD = 0.1
"""The spread to which that of few prices is shrunk."""
_FACTOR_RANGE = (0.4, 2.5)
_LEAST_FACTOR = 0.08
"""Smaller effects of a material on the log price are left out."""
_COVERAGE = 0.97
"""Share of a price level's families whose price must be legal, of the best that any step reaches."""
_MOST_ENDINGS = 40
_STEPS = (5.0, 2.0, 1.0)
"""Steps between equal endings, times a power of ten."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class KindPrice:
    """The price of a kind of products as it is in the spec, with its factors by the renderer's word."""

    document: Document
    factors: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """(attribute, word of the renderer) -> factor on the price."""
    source: str
    """`own`, or whose records it was fitted to."""


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


def fit_kind_price(
    kind: FittedKind, slots_of: Mapping[str, Mapping[int, str]], bounds: tuple[float, float], min_support: int
) -> KindPrice:
    """Fit the price of a kind to its own records, or to the next level with enough families that have a price.

    `slots_of` is attribute -> id of a record -> the renderer's word, for the attributes that may set the price;
    `bounds` are those of the shop's log prices.
    """
    sources = (
        ("own", kind.members),
        ("its type", kind.levels[1]),
        ("its leaf", kind.leaf),
        ("its type", kind.levels[2]),
    )
    priced_by = ((source, [member for member in members if member.full_price]) for source, members in sources)
    found = next((each for each in priced_by if count_families(each[1]) >= min_support), None)
    if found is None:
        return KindPrice(document=_usual_price(kind), source="toile")
    source, priced = found
    log_price = np.array([math.log(member.full_price or 1.0) for member in priced])
    weights = np.array([float(member.num_colourways) for member in priced])
    factors: dict[tuple[str, str], float] = {}
    if source == "own":
        for slot, words in slots_of.items():
            if slot in SHOWN[kind.silhouette]:
                factors |= _fit_factors(slot, [words.get(id(m)) for m in priced], log_price, priced, min_support)
        log_price = log_price - np.array(
            [sum(math.log(factors.get((s, w.get(id(m), "")), 1.0)) for s, w in slots_of.items()) for m in priced]
        )
    return KindPrice(
        document=_describe(log_price, weights, priced, bounds, min_support), factors=factors, source=source
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


def infer_price_bands(members: Iterable[Family], min_support: int) -> tuple[PriceBand, ...]:
    """Infer the price points of each power of ten, as endings above multiples of a step.

    Of the steps whose endings cover about as many families as any, the one with the shortest description is chosen: few
    endings, and few price points beside those that occur. An ending has at least k families behind it.
    """
    levels: dict[int, dict[float, set[object]]] = defaultdict(lambda: defaultdict(set))
    for index, member in enumerate(members):
        price = round(member.full_price or 0.0, 2)
        if price > 0:
            levels[math.floor(math.log10(price) + 1e-9)][price].add(member.name or index)
    merged = _merge_levels(levels, min_support)
    bands: list[PriceBand] = []
    for number, (power, prices) in enumerate(merged):
        per, endings = _step_and_endings(power, prices, min_support)
        bound = None if number == len(merged) - 1 else float(10.0 ** (power + 1))
        if bands and (per, endings) == (bands[-1].per, bands[-1].endings):
            bands[-1] = PriceBand(below=bound, per=per, endings=endings)
        else:
            bands.append(PriceBand(below=bound, per=per, endings=endings))
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
    power: int, prices: Mapping[float, set[object]], min_support: int
) -> tuple[float, tuple[float, ...]]:
    """Return the step and endings of shortest description that cover nearly all families that any step covers."""
    finest = max(power - 3, -2)
    steps = {base * 10.0**exponent for exponent in range(power, finest - 1, -1) for base in _STEPS}
    steps.add(10.0 ** (power + 1))
    everyone = len(set().union(*prices.values()))
    tried = []
    for step in sorted({round(step, 2) for step in steps if step >= 0.01}):
        cells: dict[float, list[float]] = defaultdict(list)
        for price in prices:
            cells[round(price % step, 2) % step].append(price)
        holders = {ending: set().union(*(prices[p] for p in inside)) for ending, inside in cells.items()}
        kept = tuple(sorted(ending for ending, found in holders.items() if len(found) >= min_support))
        if kept:
            covered = len(set().union(*(holders[ending] for ending in kept)))
            num_points = 9 * 10.0**power / step * len(kept)
            num_families = sum(len(holders[ending]) for ending in kept)
            bits = len(kept) * math.log2(max(step / 0.01, 2)) + num_families * math.log2(max(num_points, 1))
            if len(kept) > _MOST_ENDINGS:
                continue
            tried.append((covered / everyone, bits, step, kept))
    if not tried:
        return round(max(10.0 ** (power - 1), 0.01), 2), (0.0,)
    best = max(coverage for coverage, *_ in tried)
    _, _, step, endings = min((each for each in tried if each[0] >= _COVERAGE * best), key=lambda each: each[1:3])
    return step, endings


def _describe(
    log_price: Floats, weights: Floats, priced: Sequence[Family], bounds: tuple[float, float], min_support: int
) -> Document:
    """Return quantiles within the bounds: as many as the families allow, at least lowest, middle and highest."""
    order = np.argsort(log_price, kind="stable")
    log_price, weights = log_price[order], weights[order]
    num_steps = min(count_families(priced) // max(min_support, _LEAST_PER_STEP), _MOST_STEPS)
    values = (
        _quantiles(log_price, weights, num_steps, min_support)
        if num_steps >= _LEAST_STEPS
        else _few_quantiles(log_price, weights)
    )
    bounded = np.clip(np.maximum.accumulate(values), *bounds)
    return {"quantiles": [_round_price(math.exp(value)) for value in bounded]}


def _few_quantiles(log_price: Floats, weights: Floats) -> Floats:
    """Return lowest, middle and highest of an even distribution with the mean and the (shrunk) spread of few prices."""
    mean = float(np.average(log_price, weights=weights))
    squares = float(np.sum((log_price - mean) ** 2))
    half = math.sqrt(3 * (squares + _SHRINK * _FEW_SPREAD**2) / (len(log_price) + _SHRINK))
    return np.array([mean - half, mean, mean + half])


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


def _usual_price(kind: FittedKind) -> Document:
    return {"median": _round_price(RECORDS[kind.silhouette].usual_usd), "spread": _USUAL_SPREAD}


def usual_rate(currency: str) -> float:
    """Return how many units of the currency a US dollar is, by the rates of toile's markets."""
    rates = {market.currency_code: market.eur_rate for market in MARKETS.values()}
    return rates["USD"] / rates.get(currency, rates["USD"])


def _list_percents(member: Family) -> list[tuple[int, float]]:
    return [(row.discount_percent, member.row_weight) for row in member.rows if row.discount_percent]


def _round_price(price: float) -> float:
    return max(float(f"{price:.4g}"), 0.01)
