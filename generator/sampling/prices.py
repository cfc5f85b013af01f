"""Sample prices, vectorised: per design, snapped to the shop's price points, then discounts and euros.

The price of a design before its factors is log-normal, or follows the quantiles that its kind has in the spec.
Suffixes of array names: N products or designs, K kinds, V values of an attribute, P percents, Q quantiles of all kinds.
"""

import math
from dataclasses import dataclass

import numpy as np

from generator.sampling.attributes import Choice
from generator.sampling.streams import Floats, Index, normal, uniform
from schemas.catalog import CatalogSpec, DesignPrice, Discounts, Prices, ProductKind, list_kinds, price_factor
from schemas.errors import ToileError

_HIGHEST_Z = 7.1  # streams.normal stays below it, so no sampled price is above the highest price point
_MOST_POINTS = 5_000_000
_SPREAD = 0.1
"""Standard deviation of the log price where a spec gives a median alone."""


@dataclass(frozen=True, slots=True)
class CompiledPrices:
    """Tables for whole arrays of products."""

    median_K: Floats
    """1 for a kind with quantiles."""
    spread_K: Floats
    """0 for a kind with quantiles."""
    log_quantiles_Q: Floats
    """The logarithms of the quantiles of all kinds that have any, one kind after the other."""
    first_quantile_K: Index
    num_quantiles_K: Index
    """0 for a kind with a median."""
    factor_KV: dict[str, Floats]
    """Attribute -> factor by kind and value number; the last column (attribute absent) is 1."""
    priced: frozenset[str]
    """The attributes with a factor that is not 1."""
    points: Floats
    """Every price point up to the first above the highest price that can be sampled, ascending."""
    discounts_K: Index
    """Kind -> number of its discounts among those that differ; the key of the next two."""
    discount_share: Floats
    percent: Choice
    percents_P: Floats
    eur_rate: float


def compile_prices(spec: CatalogSpec, where: str) -> CompiledPrices:
    """Compile the spec's price models; raise ToileError for too many price points in the price range."""
    kinds = list_kinds(spec)
    factor_KV = {
        name: np.array([[*(price_factor(spec, kind, name, key) for key in attribute.values), 1.0] for kind in kinds])
        for name, attribute in spec.attributes.items()
    }
    num_quantiles_K = np.array([len(kind.price.quantiles or ()) for kind in kinds])
    discounts: list[Discounts] = []
    for kind in kinds:
        discounts += [] if kind.discounts in discounts else [kind.discounts]
    percents = list(dict.fromkeys(percent for each in discounts for percent in each.percents))
    weights_DP = [[each.percents.get(percent, 0.0) for percent in percents] for each in discounts]
    highest = max(
        _highest_base(kind) * np.prod([factor_KV[name][number].max() for name in kind.attributes], initial=1.0)
        for number, kind in enumerate(kinds)
    )
    return CompiledPrices(
        median_K=np.array([kind.price.median or 1.0 for kind in kinds]),
        spread_K=np.array([0.0 if kind.price.quantiles else _spread(kind) for kind in kinds]),
        log_quantiles_Q=np.log([price for kind in kinds for price in kind.price.quantiles or ()]),
        first_quantile_K=np.cumsum(num_quantiles_K) - num_quantiles_K,
        num_quantiles_K=num_quantiles_K,
        factor_KV=factor_KV,
        priced=frozenset(name for name, each_KV in factor_KV.items() if (each_KV != 1).any()),
        points=list_price_points(spec.prices, float(highest), where),
        discounts_K=np.array([discounts.index(kind.discounts) for kind in kinds]),
        discount_share=np.array([each.share for each in discounts]),
        percent=Choice.of(np.array(weights_DP, np.float64)),
        percents_P=np.array([float(percent) for percent in percents]),
        eur_rate=spec.shop.eur_rate,
    )


def _spread(kind: ProductKind) -> float:
    return _SPREAD if kind.price.spread is None else kind.price.spread


def _highest_base(kind: ProductKind) -> float:
    """Return a bound of the price before factors that no sampled design exceeds."""
    if kind.price.quantiles is not None:
        return kind.price.quantiles[-1]
    return (kind.price.median or 0.0) * float(np.exp(_HIGHEST_Z * _spread(kind)))


def list_price_points(prices: Prices, highest: float, where: str = "prices") -> Floats:
    """Return every price point from the lowest to the first above `highest`, ascending, in thousandths, all above 0."""
    lowest, points = 0.0, []
    for band in prices.bands:
        upper = highest + 2 * band.per if band.below is None else band.below
        if (upper - lowest) / band.per * len(band.endings) > _MOST_POINTS:
            problem = f"a step of {band.per:g} up to {upper:,.0f} makes more than {_MOST_POINTS:,} price points"
            raise ToileError(f"{where}: prices.bands", problem, "use a larger `per` for high prices")
        steps = np.arange(np.floor(lowest / band.per), np.ceil(upper / band.per) + 1) * band.per
        inside = (steps[:, None] + np.array(band.endings)[None, :]).ravel()
        points.append(inside[(inside >= lowest) & (inside < upper) & (inside > 0)])
        lowest = upper
    ordered: Floats = np.sort(np.round(np.concatenate(points), 3))
    found = ordered[np.diff(ordered, prepend=0.0) > 0]  # np.unique would load numpy's masked arrays
    if found.size == 0:
        raise ToileError(f"{where}: prices.bands", "no price point is in the bands", "widen the bands or add endings")
    return found


def sample_full_prices(
    prices: CompiledPrices, seed: int, kind_N: Index, chosen: dict[str, Index], design_N: Index
) -> Floats:
    """Return the full price of each design: its base price times the factors, snapped to the nearest price point.

    The base price is median * exp(spread * z), or the quantile at a uniform number.
    """
    log_noise_N = prices.spread_K[kind_N] * normal(seed, "price", design_N)
    price_N = prices.median_K[kind_N] * np.exp(log_noise_N)
    by_quantile = np.flatnonzero(prices.num_quantiles_K[kind_N]) if len(prices.log_quantiles_Q) else ()
    if len(by_quantile):
        price_N[by_quantile] = quantile_prices(
            prices, kind_N[by_quantile], uniform(seed, "price", design_N[by_quantile])
        )
    for name, value_N in chosen.items():
        if name in prices.priced:
            price_N = price_N * prices.factor_KV[name][kind_N, value_N]
    return snap_to_points(prices.points, price_N)


def quantile_prices(prices: CompiledPrices, kind_N: Index, uniform_N: Floats) -> Floats:
    """Return the base price at each probability, of kinds that have quantiles: log-linear between two of them."""
    place_N = uniform_N * (prices.num_quantiles_K[kind_N] - 1)
    below_N = place_N.astype(np.int64)
    at_N = prices.first_quantile_K[kind_N] + below_N
    low_N, high_N = prices.log_quantiles_Q[at_N], prices.log_quantiles_Q[at_N + 1]
    found_N: Floats = np.exp(low_N + (place_N - below_N) * (high_N - low_N))
    return found_N


def base_median(price: DesignPrice) -> float:
    """Return the median price of designs whose factors are all 1."""
    if price.quantiles is None:
        assert price.median is not None, "`check_catalog` has refused it"
        return price.median
    middle, odd = divmod(len(price.quantiles) - 1, 2)
    return math.sqrt(price.quantiles[middle] * price.quantiles[middle + odd])


def snap_to_points(points: Floats, price_N: Floats) -> Floats:
    """Return the closest of the ascending `points` for each price; a tie goes to the lower one."""
    above = (
        np.clip(np.searchsorted(points, price_N), 1, len(points) - 1)
        if len(points) > 1
        else np.zeros_like(price_N, int)
    )
    below = np.maximum(above - 1, 0)
    lower_is_near = price_N - points[below] <= points[above] - price_N
    return np.asarray(np.where(lower_is_near, points[below], points[above]), np.float64)


def apply_discounts(prices: CompiledPrices, seed: int, kind_N: Index, full_N: Floats, index_N: Index) -> Floats:
    """Return the price asked: a share of products is discounted by a percentage and snapped to a price point."""
    price_N = full_N.copy()
    discounts_N = prices.discounts_K[kind_N]
    reduced = np.flatnonzero(uniform(seed, "discount/whether", index_N) < prices.discount_share[discounts_N])
    uniform_R = uniform(seed, "discount/percent", index_N[reduced])
    percent_R = prices.percents_P[prices.percent.pick(discounts_N[reduced], uniform_R)]
    asked_R = snap_to_points(prices.points, full_N[reduced] * (1 - percent_R / 100))
    price_N[reduced] = np.minimum(asked_R, full_N[reduced])
    return price_N


def convert_to_euros(eur_rate: float, price_N: Floats) -> Floats:
    """Convert prices to euros, truncated (not rounded) to cents with integers: 2490 at 0.92251 is 2297.04.

    Prices count in thousandths, the rate in millionths (in billionths below 0.001: 25,000 dong are a euro).
    """
    parts = 1_000_000 if eur_rate >= 1e-3 else 1_000_000_000
    mills_N, rate, per_cent = np.round(price_N * 1000).astype(np.int64), round(eur_rate * parts), 10 * parts
    whole_N, rest_N = np.divmod(mills_N, per_cent)  # so that no product is above 2^63
    truncated_N: Floats = (whole_N * rate + rest_N * rate // per_cent) / 100
    return truncated_N
