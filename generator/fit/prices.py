"""The price habits of a shop: how its prices end, what materials and patterns cost, how much a category varies."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from generator.fit.mechanisms import Path3, Statistic
from generator.fit.statistics import Family, cell_counts
from schemas.catalog import PriceBand

BOUNDS = (100.0, 1000.0, None)
"""Below these prices a shop may have other endings."""
_CENTS = ("00", "49", "50", "90", "95", "99", "other")
_SHRINK = 10.0
"""A category's own variance and a factor count as much as the usual one at this many designs."""
_FACTOR_RANGE = (0.4, 2.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceModel:
    """Medians, spreads and factors that a set of designs teaches."""

    median: Mapping[Path3, float]
    """Of designs whose factors are all 1."""
    spread: Mapping[Path3, float]
    factor: Mapping[tuple[str, str], float]
    """(attribute, drawing word) -> factor on the price."""


def _cells(level: int) -> list[str]:
    """`level/digit/cents`; whole multiples of ten above 100 go by their tens digit: `level/t3/00`."""
    pairs = [f"{level}/{digit}/{cents}" for digit in range(10) for cents in _CENTS]
    if level == 0:
        return pairs
    return [pair for pair in pairs if pair != f"{level}/0/00"] + [f"{level}/t{tens}/00" for tens in range(10)]


CELLS = tuple(cell for level in range(len(BOUNDS)) for cell in _cells(level))


def endings(members: Iterable[Family], paths: Sequence[Path3]) -> Statistic:
    """Designs of the listed categories by the ending of their full price."""
    known = set(paths)
    found = (_cell(m.full_price) for m in members if m.full_price is not None and m.path in known)
    bins = "below 100, below 1,000, above; last digit (of round prices: tens) and cents .00 .49 .50 .90 .95 .99: public"
    return cell_counts("price endings", CELLS, found, bins)


def bands(counts: Sequence[int], least: float, least_share: float) -> tuple[PriceBand, ...]:
    """The legal prices that have enough designs behind them; a level without any is like the one below it.

    An ending is kept with at least `least` designs that are at least `least_share` of those kept in its level.
    """
    found: list[tuple[float | None, float, tuple[float, ...]]] = []
    for level, bound in enumerate(BOUNDS):
        inside = {cell: count for cell, count in zip(CELLS, counts, strict=True) if cell.startswith(f"{level}/")}
        strong = {cell: count for cell, count in inside.items() if count >= max(least, 1)}
        total = sum(strong.values())
        kept = [cell for cell, count in strong.items() if count >= least_share * total]
        step, ends = _lattice(kept) if kept else (found[-1][1:] if found else (1.0, (0.0,)))
        if found and (step, ends) == found[-1][1:]:
            found[-1] = (bound, step, ends)
        else:
            found.append((bound, step, ends))
    return tuple(PriceBand(below=bound, per=step, endings=ends) for bound, step, ends in found)


def price_model(
    members: Sequence[Family], paths: Sequence[Path3], drawn: Sequence[Mapping[str, str]], min_support: int
) -> PriceModel:
    """Least squares on log prices without noise: a level for each category, a factor for each supported value.

    `drawn` gives each family's attribute -> drawing word. Factors are shrunk towards 1, variances towards the usual.
    """
    number = {path: index for index, path in enumerate(paths)}
    rows = [
        (m, words)
        for m, words in zip(members, drawn, strict=True)
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
    answer = np.linalg.solve(design.T @ design + ridge, design.T @ (log_price - centre))
    factor = {pair: float(np.exp(value)) for pair, value in zip(pairs, answer[len(paths) :], strict=True)}
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


def _cell(price: float) -> str:
    level = next(number for number, bound in enumerate(BOUNDS) if bound is None or price < bound)
    units, cents = divmod(round(price * 100), 100)
    named = f"{cents:02d}"
    named = named if named in _CENTS else "other"
    if level > 0 and units % 10 == 0 and named == "00":
        return f"{level}/t{units // 10 % 10}/00"
    return f"{level}/{units % 10}/{named}"


def _lattice(kept: Sequence[str]) -> tuple[float, tuple[float, ...]]:
    """The shortest step, with its endings, that gives the prices of these cells."""
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
