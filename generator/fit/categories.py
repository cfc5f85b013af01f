"""Choose the categories of a fitted spec and estimate their shares and, with noise, their price levels.

With noise, sizes and price levels come from a small noisy table of categories by price bins. Every cell of the table is
a Poisson count plus Laplace noise. The counts follow from the size of a category, its price level and one spread that
all categories share. Sizes and levels follow distributions that are estimated from the table itself (empirical Bayes).
The estimates are posterior means: a category whose cells are mostly noise moves towards the average category. This is
postprocessing of released counts, so it costs no privacy. Without noise (scale 0) the same model takes the counts as
they are.

Letters of array shapes: K categories, B price bins, R rates, M price levels, S sizes, T true counts.
"""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.special import gammaln, ndtr

from generator.fit import statistics
from generator.fit.mechanisms import BUDGET_SHARES, CATEGORY_LIST_SHARE, CategoryPath, FitOptions, Mechanism
from generator.fit.prices import PriceModel
from generator.fit.statistics import Family
from generator.sampling.streams import Floats
from schemas.documents import read_document
from schemas.errors import ToileError

OTHER = "OTHER"
"""The leaf category that collects rare leaf categories of the same parents."""
PRICE_BIN_FACTOR = 1.8
"""The price bins of the table are cut at the released median, and this factor below and above it."""
_NUM_LEVELS, _NUM_SIZES, _NUM_RATES, _ROUNDS = 41, 40, 71, 15
_SPREADS = (0.12, 0.25, 0.5, 0.8, 1.2, 2.0)
"""Candidates for the shared spread, in units of the distance between the outer bin edges."""
_LOWEST_RATE = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryShares:
    """The categories of the spec with their shares."""

    paths: list[CategoryPath]
    shares: list[float]
    num: float
    """Families in all of them."""
    prices: PriceModel | None
    """None if prices do not come from the noisy table."""


@dataclass(frozen=True, slots=True)
class PriceLevels:
    """Estimates from the table."""

    num_K: Floats
    """Families of each category, at least 0."""
    log_price_K: Floats
    """Log of the median price of each category."""
    spread: float
    """Standard deviation of the log price within a category."""


def select_categories(
    members: list[Family], options: FitOptions, mechanism: Mechanism
) -> tuple[list[CategoryPath], int, list[Family]]:
    """Choose the categories that may appear in the spec.

    Exact counts move families of rare categories to OTHER. Returns the paths, the number of moved families, and the
    families with their new paths.
    """
    if options.categories is not None:
        mechanism.record_public(
            "categories", "the list of categories was given as public; what is not on it was left out"
        )
        return list(options.categories), 0, members
    if mechanism.private:
        return (
            list(
                mechanism.release_keys(statistics.count_categories(members), CATEGORY_LIST_SHARE, options.min_support)
            ),
            0,
            members,
        )
    counts = Counter(member.path for member in members if member.path is not None)
    rare = {path for path, count in counts.items() if count < options.min_support}
    moved = [
        replace(m, path=(m.path[0], m.path[1], OTHER)) if m.path in rare and m.path is not None else m for m in members
    ]
    kept = mechanism.release_keys(statistics.count_categories(moved), 0.0, options.min_support)
    return list(kept), sum(counts[path] for path in rare), moved


def estimate_category_shares(
    members: list[Family], paths: list[CategoryPath], options: FitOptions, mechanism: Mechanism
) -> CategoryShares:
    """Estimate shares from exact counts, or shares and price levels from the noisy table."""
    if not paths:
        return CategoryShares(paths=[], shares=[], num=0.0, prices=None)
    if not mechanism.private:
        counts = Counter(member.path for member in members)
        kept = [path for path in paths if counts[path] >= options.min_support]
        return _normalise_shares(kept, [float(counts[path]) for path in kept], None)
    share = BUDGET_SHARES["table"] - (CATEGORY_LIST_SHARE if options.categories is None else 0.0)
    middle = mechanism.release_quantile(statistics.collect_prices(members, paths), 0.5, BUDGET_SHARES["median"])
    edges = (middle / PRICE_BIN_FACTOR, middle, middle * PRICE_BIN_FACTOR)
    table = mechanism.release_counts(statistics.count_categories_by_price(members, paths, edges), share)
    counts_KB = np.array(table, np.float64).reshape(len(paths), len(edges) + 1)
    found = estimate_price_levels(counts_KB, np.log(np.array(edges)), mechanism.noise_scale(share))
    num_K, level_K = _pool_rare(found.num_K, found.log_price_K, options.min_support)
    shown = [k for k in range(len(paths)) if num_K[k] > 0]
    prices = PriceModel(
        median={paths[k]: float(np.exp(level_K[k])) for k in shown},
        spread={paths[k]: found.spread for k in shown},
        factor={},
    )
    return _normalise_shares([paths[k] for k in shown], [float(num_K[k]) for k in shown], prices)


def load_categories(path: Path) -> tuple[CategoryPath, ...]:
    """Load a public list of categories from YAML; each is a list of three names or `A > B > C`.

    Raises ToileError if the file is something else.
    """
    document = read_document(path)
    hint = "write lines such as `- WOMAN > OUTERWEAR > COATS` or `- [WOMAN, OUTERWEAR, COATS]`"
    if not isinstance(document, list) or not document:
        raise ToileError(str(path), "is not a list of categories", hint)
    found = []
    for number, entry in enumerate(document):
        names = [str(name) for name in entry] if isinstance(entry, list) else str(entry).split(" > ")
        names = [" ".join(name.replace(",", " &").split()) for name in names]
        if len(names) != 3 or not all(names):
            raise ToileError(f"{path}: [{number}]", f"{entry!r} is not a path of three names", hint)
        found.append((names[0], names[1], names[2]))
    return tuple(dict.fromkeys(found))


def estimate_price_levels(counts_KB: Floats, log_edges: Floats, scale: float) -> PriceLevels:
    """Estimate sizes and price levels.

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


def _pool_rare(num_K: Floats, level_K: Floats, min_support: int) -> tuple[Floats, Floats]:
    """Pool rare categories of similar price levels: each pool has at least `min_support` families and one price level.

    No share and no price then depends on fewer families. If all rare categories together have too few, none is kept.
    """
    num_K, level_K = num_K.copy(), level_K.copy()
    rare = [int(k) for k in np.argsort(level_K, kind="stable") if num_K[k] < min_support]
    groups: list[list[int]] = [[]]
    for k in rare:
        groups[-1].append(k)
        if num_K[groups[-1]].sum() >= min_support:
            groups.append([])
    rest = groups.pop()
    if groups:
        groups[-1] += rest
    else:
        num_K[rest] = 0.0
    for group in groups:
        level_K[group] = np.average(level_K[group], weights=num_K[group] + 1e-9)
        num_K[group] = num_K[group].mean()
    return num_K, level_K


def _normalise_shares(paths: list[CategoryPath], counts: list[float], prices: PriceModel | None) -> CategoryShares:
    """Round the shares to six digits such that their sum is 1."""
    total = sum(counts)
    shares = [round(count / total, 6) for count in counts]
    if shares:
        largest = shares.index(max(shares))
        shares[largest] = round(shares[largest] + 1 - sum(shares), 6)
    return CategoryShares(paths=paths, shares=shares, num=total, prices=prices)


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
