"""Statistics of a catalog that prompts and candidates need: categories, currency, examples, reference titles, prices.

Nothing here depends on the row that the model is asked about. Examples and reference titles are rows of another split
than the evaluated one (train, or validation where train is evaluated), and only of families that no other split holds.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from evaluation.metrics.scoring import ClosedSet
from evaluation.rows import NO_IMAGE, missing_part
from schemas.errors import ToileError
from schemas.evaluation import SPLITS, EvaluationSpec
from schemas.product import Product, read
from schemas.util.files import text_sha256

MAX_PRICE_POINTS = 512
_COLUMNS = ("title", "category3_code", "full_price", "currency_code")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetStats:
    """Statistics of one catalog under one spec."""

    categories: tuple[str, ...]
    """The closed set, sorted: every category of any split under its representative spelling."""
    currency: str | None
    """None where rows have several currencies or none."""
    examples: tuple[Product, ...]
    """`num_examples` rows of different categories, fewer where there are fewer categories."""
    references: tuple[tuple[str, str], ...]
    """A title of each category that has one: (category, title), sorted."""
    price_points: tuple[float, ...]
    """Sorted; empty without train rows."""
    num_prices: int
    """Number of distinct full prices that the price points represent."""


def read_dataset_stats(folder: Path, spec: EvaluationSpec) -> DatasetStats:
    """Compute the statistics in one pass over the shards, without images."""
    donor = "train" if spec.split != "train" else "validation"
    asked = [product for split in SPLITS if split != donor for product in read(folder, split=split, columns=_COLUMNS)]
    families = {product.family for product in asked}
    names = {product.category3_code for product in asked}
    currencies = {product.currency_code for product in asked}
    prices = Counter(_train_prices(asked))
    donors: dict[str, Product] = {}
    for product in read(folder, split=donor, columns=_COLUMNS):
        names.add(product.category3_code)
        currencies.add(product.currency_code)
        prices.update(_train_prices([product]))
        if product.family not in families and missing_part(product) == NO_IMAGE:  # which was not read
            name = product.category3_code or ""
            donors[name] = min(donors.get(name, product), product, key=lambda row: _example_key(row, spec.seed))
    closed = ClosedSet({name for name in names if name}, spec.aliases)
    of_category: dict[str, Product] = {}
    for product in sorted(donors.values(), key=lambda row: _example_key(row, spec.seed)):
        of_category.setdefault(closed.label(product.category3_code or "") or "", product)
    return DatasetStats(
        categories=closed.labels(),
        currency=currencies.pop() if len(currencies) == 1 else None,
        examples=tuple(product for product in of_category.values() if product.inferable)[: spec.num_examples],
        references=tuple(sorted((name, product.title or "") for name, product in of_category.items())),
        price_points=tuple(sorted(spec.price_points or subsample(prices, MAX_PRICE_POINTS))),
        num_prices=len(spec.price_points or prices),
    )


def check_supported(dataset_stats: DatasetStats, protocols: Iterable[str], folder: Path) -> None:
    """Raise a ToileError for a protocol that the data has nothing for."""
    wanted = set(protocols)
    if "examples" in wanted and not dataset_stats.examples:
        raise ToileError(
            str(folder),
            "has no row for an example: examples need train rows of families that are not evaluated",
            "leave out the protocol examples, or generate more rows",
        )
    if "price" in wanted and len(dataset_stats.price_points) < 2:
        raise ToileError(
            str(folder),
            f"has {len(dataset_stats.price_points)} distinct prices among its train rows",
            "leave out the protocol price, or give price_points in the spec",
        )


def subsample(prices: Counter[float], limit: int) -> list[float]:
    """Return at most `limit` of the distinct prices; `prices` counts the rows of each. All of them where they are few.

    Otherwise the prices at equally spaced quantiles of the rows, so that points are dense where rows are. A common
    price occupies several quantiles; the places that this leaves go to the most common of the other prices.
    """
    if len(prices) <= limit:
        return list(prices)
    rows = sorted(prices.elements())
    kept = {rows[(2 * step + 1) * len(rows) // (2 * limit)] for step in range(limit)}
    for price in sorted(prices, key=lambda price: (-prices[price], price)):
        if len(kept) == limit:
            break
        kept.add(price)
    return list(kept)


def _example_key(product: Product, seed: int) -> str:
    return text_sha256(f"example:{seed}:{product.product_code}")


def _train_prices(products: Iterable[Product]) -> Iterator[float]:
    for product in products:
        price = product.full_price
        if product.split == "train" and price is not None and 0 < price < math.inf:
            yield price
