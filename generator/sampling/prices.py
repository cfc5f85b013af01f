"""Sample prices, vectorised: log-normal per design, snapped to the shop's price points, then discounts and euros."""

from dataclasses import dataclass

import numpy as np

from generator.sampling.streams import Floats, Index, normal, uniform
from schemas.catalog import CatalogSpec, Prices
from schemas.errors import ToileError

_HIGHEST_Z = 7.1  # streams.normal stays below it, so no sampled price is above the highest price point
_MOST_POINTS = 5_000_000


@dataclass(frozen=True, slots=True)
class CompiledPrices:
    """Tables for whole arrays of products."""

    median_C: Floats
    spread_C: Floats
    factor: dict[str, Floats]
    """Attribute -> factor by value number; the last entry (attribute absent) is 1."""
    priced: frozenset[str]
    """The attributes with a factor that is not 1."""
    points: Floats
    """Every price point up to the first above the highest price that can be sampled, ascending."""
    percents: Floats
    percent_edges: Floats
    discount_share: float
    rate_millionths: int


def compile_prices(spec: CatalogSpec, where: str) -> CompiledPrices:
    """Compile the spec's price models; raise ToileError for too many price points in the price range."""
    factor = {
        name: np.array([*(value.price for value in attribute.values.values()), 1.0])
        for name, attribute in spec.attributes.items()
    }
    highest = max(
        category.price.median
        * np.exp(_HIGHEST_Z * category.price.spread)
        * np.prod([factor[name].max() for name in category.attributes], initial=1.0)
        for category in spec.categories
    )
    shares = np.array(list(spec.prices.discounts.percents.values()))
    return CompiledPrices(
        median_C=np.array([category.price.median for category in spec.categories]),
        spread_C=np.array([category.price.spread for category in spec.categories]),
        factor=factor,
        priced=frozenset(name for name, factor_V in factor.items() if (factor_V != 1).any()),
        points=list_price_points(spec.prices, float(highest), where),
        percents=np.array([float(percent) for percent in spec.prices.discounts.percents]),
        percent_edges=np.cumsum(shares / shares.sum()),
        discount_share=spec.prices.discounts.share,
        rate_millionths=round(spec.shop.eur_rate * 1e6),
    )


def list_price_points(prices: Prices, highest: float, where: str = "prices") -> Floats:
    """Return every price point from the lowest to the first above `highest`, ascending, in whole cents, all above 0."""
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
    ordered: Floats = np.sort(np.round(np.concatenate(points), 2))
    found = ordered[np.diff(ordered, prepend=0.0) > 0]  # np.unique would load numpy's masked arrays
    if found.size == 0:
        raise ToileError(f"{where}: prices.bands", "no price point is in the bands", "widen the bands or add endings")
    return found


def sample_full_prices(
    prices: CompiledPrices, seed: int, category_N: Index, chosen: dict[str, Index], design_N: Index
) -> Floats:
    """Return the full price of each design: median * factors * exp(spread * z), snapped to the nearest price point."""
    log_noise_N = prices.spread_C[category_N] * normal(seed, "price", design_N)
    price_N = prices.median_C[category_N] * np.exp(log_noise_N)
    for name, value_N in chosen.items():
        if name in prices.priced:
            price_N = price_N * prices.factor[name][value_N]
    return snap_to_points(prices.points, price_N)


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


def apply_discounts(prices: CompiledPrices, seed: int, full_N: Floats, index_N: Index) -> Floats:
    """Return the price asked: a share of products is discounted by a percentage and snapped to a price point."""
    price_N = full_N.copy()
    reduced = np.flatnonzero(uniform(seed, "discount/whether", index_N) < prices.discount_share)
    uniform_R = uniform(seed, "discount/percent", index_N[reduced])
    which_R = np.searchsorted(prices.percent_edges[:-1], uniform_R, side="right")
    asked_R = snap_to_points(prices.points, full_N[reduced] * (1 - prices.percents[which_R] / 100))
    price_N[reduced] = np.minimum(asked_R, full_N[reduced])
    return price_N


def convert_to_euros(rate_millionths: int, price_N: Floats) -> Floats:
    """Convert prices to euros, truncated (not rounded) to cents with integers: 2490 at 0.92251 is 2297.04."""
    cents_N = np.round(price_N * 100).astype(np.int64)
    truncated_N: Floats = (cents_N * rate_millionths // 1_000_000) / 100
    return truncated_N
