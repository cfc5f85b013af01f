"""Infer a shop's pricing: the endings of prices, price factors of materials and patterns, spreads of categories."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from generator.fit.mechanisms import CategoryPath, Statistic
from generator.fit.statistics import Family, count_cells
from schemas.catalog import PriceBand

BOUNDS = (100.0, 1000.0, None)
"""Upper bounds of the price levels; each level may have its own endings."""
_CENTS = ("00", "49", "50", "90", "95", "99", "other")
_SHRINK = 10.0
"""A category's own variance, or a factor, and the average one have equal weight at this many families."""
_FACTOR_RANGE = (0.4, 2.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceModel:
    """Medians, spreads and factors of the prices of a set of families."""

    median: Mapping[CategoryPath, float]
    """Median price of families whose factors are all 1."""
    spread: Mapping[CategoryPath, float]
    """Standard deviation of the log price."""
    factor: Mapping[tuple[str, str], float]
    """(attribute, word of the renderer) -> factor on the price."""


def _list_ending_cells(level: int) -> list[str]:
    """List the cells of one price level; see `ENDING_CELLS`."""
    pairs = [f"{level}/{digit}/{cents}" for digit in range(10) for cents in _CENTS]
    if level == 0:
        return pairs
    return [pair for pair in pairs if pair != f"{level}/0/00"] + [f"{level}/t{tens}/00" for tens in range(10)]


ENDING_CELLS = tuple(cell for level in range(len(BOUNDS)) for cell in _list_ending_cells(level))
"""Endings of prices, `level/digit/cents`: `1/9/95` is a price in the level 100 to 1,000 that ends in 9.95.

`level` is the number of the price level in `BOUNDS`, `digit` the last digit before the point, `cents` one of `_CENTS`.
From 100 on, whole multiples of ten have their tens digit instead: `1/t3/00` is 130, 230, ... 930.
"""


def count_price_endings(members: Iterable[Family], paths: Sequence[CategoryPath]) -> Statistic:
    """Count the families of the listed categories by the ending of their full price."""
    known = set(paths)
    found = (_find_ending_cell(m.full_price) for m in members if m.full_price is not None and m.path in known)
    bins = "below 100, below 1,000, above; last digit (of round prices: tens) and cents .00 .49 .50 .90 .95 .99: public"
    return count_cells("price endings", ENDING_CELLS, found, bins)


def infer_price_bands(counts: Sequence[int], least: float, least_share: float) -> tuple[PriceBand, ...]:
    """Infer the price points from `counts` of `ENDING_CELLS`; a level without any takes those of the level below it.

    An ending needs at least `least` families, and at least `least_share` of those counted in its level.
    """
    found: list[tuple[float | None, float, tuple[float, ...]]] = []
    for level, bound in enumerate(BOUNDS):
        inside = {cell: count for cell, count in zip(ENDING_CELLS, counts, strict=True) if cell.startswith(f"{level}/")}
        strong = {cell: count for cell, count in inside.items() if count >= max(least, 1)}
        total = sum(strong.values())
        kept = [cell for cell, count in strong.items() if count >= least_share * total]
        step, ends = _step_and_endings(kept) if kept else (found[-1][1:] if found else (1.0, (0.0,)))
        if found and (step, ends) == found[-1][1:]:
            found[-1] = (bound, step, ends)
        else:
            found.append((bound, step, ends))
    return tuple(PriceBand(below=bound, per=step, endings=ends) for bound, step, ends in found)


def fit_price_model(
    members: Sequence[Family], paths: Sequence[CategoryPath], rendered: Sequence[Mapping[str, str]], min_support: int
) -> PriceModel:
    """Fit log prices by least squares, without noise: a level for each category, a factor for each common value.

    `rendered` gives for each family its attributes -> words of the renderer. Factors are shrunk towards 1, variances
    towards the average of the categories.
    """
    number = {path: index for index, path in enumerate(paths)}
    rows = [
        (m, words)
        for m, words in zip(members, rendered, strict=True)
        if m.path in number and m.full_price is not None and m.full_price > 0
    ]
    counts: dict[tuple[str, str], int] = {}
    for _, words in rows:
        for pair in words.items():
            counts[pair] = counts.get(pair, 0) + 1
    pairs = [pair for pair, count in sorted(counts.items()) if count >= min_support]
    design = np.zeros((len(rows), len(paths) + len(pairs)))
    log_price = np.array([np.log(m.full_price or 1.0) for m, _ in rows])
    for index, (member, words) in enumerate(rows):
        design[index, number[member.path or ("", "", "")]] = 1
        for pair in words.items():
            if pair in pairs:
                design[index, len(paths) + pairs.index(pair)] = 1
    ridge = np.diag([1e-9] * len(paths) + [_SHRINK / 2] * len(pairs))
    centre = float(log_price.mean()) if len(rows) else 0.0
    coefficients = np.linalg.solve(design.T @ design + ridge, design.T @ (log_price - centre))
    factor = {pair: float(np.exp(value)) for pair, value in zip(pairs, coefficients[len(paths) :], strict=True)}
    factor = {pair: float(np.clip(round(value, 2), *_FACTOR_RANGE)) for pair, value in factor.items()}
    explained = np.array([sum(np.log(factor[p]) for p in words.items() if p in factor) for _, words in rows])
    left = log_price - explained
    at = np.array([number[m.path or ("", "", "")] for m, _ in rows], np.int64)
    pooled = np.sqrt(np.mean([np.var(left[at == k]) for k in range(len(paths)) if (at == k).sum() > 1] or [0.01]))
    median, spread = {}, {}
    for k, path in enumerate(paths):
        own = left[at == k]
        level = float(np.median(own)) if len(own) else centre
        median[path] = float(np.exp(level))
        variance = (np.sum((own - level) ** 2) + _SHRINK * pooled**2) / (len(own) + _SHRINK)
        spread[path] = float(np.clip(np.sqrt(variance), 0.02, 2.0))
    return PriceModel(median=median, spread=spread, factor=factor)


def _find_ending_cell(price: float) -> str:
    """Return the cell of `ENDING_CELLS` that a price belongs to."""
    level = next(number for number, bound in enumerate(BOUNDS) if bound is None or price < bound)
    units, cents = divmod(round(price * 100), 100)
    named = f"{cents:02d}"
    named = named if named in _CENTS else "other"
    if level > 0 and units % 10 == 0 and named == "00":
        return f"{level}/t{units // 10 % 10}/00"
    return f"{level}/{units % 10}/{named}"


def _step_and_endings(kept: Sequence[str]) -> tuple[float, tuple[float, ...]]:
    """Return the shortest step, with its endings, that generates the prices of these cells."""
    level = int(kept[0].split("/")[0])
    cents: set[int] = set()
    for cell in kept:
        _, digit, named = cell.split("/")
        tails = [0] if named == "00" else range(5, 100, 10) if named == "other" else [int(named)]
        heads = [int(digit[1:]) * 10] if digit.startswith("t") else [10 * tens + int(digit) for tens in range(10)]
        cents |= {100 * head + tail for head in heads for tail in tails}
    for step in (1, 5, 10, 50) if level else (1, 5):
        inside = {value % (100 * step) for value in cents}
        if len(inside) * (100 // step) == len(cents):
            return float(step), tuple(value / 100 for value in sorted(inside))
    step = 100 if level else 10
    return float(step), tuple(sorted({value % (100 * step) / 100 for value in cents}))
