"""What comes out of a catalog spec, before a catalog is drawn: some products, every leaf's share and usual prices."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from generator.sampling.prices import sample_full_prices
from generator.sampling.products import sample_categories, sample_values, compile_catalog, family_start, rows
from generator.sampling.streams import integers
from schemas.catalog import MISSING_LABEL, CatalogSpec, drawn_attribute
from schemas.errors import ToileError
from schemas.product import Product, from_batch
from schemas.validation import place

_NUM_SHOWN = 8
_LOOKED_AT = 400
"""Products among which those shown are chosen."""
_DRAWN = 20_000
"""Prices drawn for the price ranges, of all categories together."""
_FEWEST = 400
"""And at least of each category: the 5 % point of so many lies between the true 3 % and 7 % points, mostly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryFigures:
    """One entry of `categories`."""

    path: tuple[str, ...]
    silhouette: str
    share: float
    """Expected share of all products that stand under this leaf, exact."""
    low: float
    """5 % of its full prices are below."""
    median: float
    high: float
    """5 % are above."""


def check_drawable(spec: CatalogSpec, where: str) -> None:
    """Raise a ToileError for a category whose products have no material: their rows can be made, their pictures not."""
    for number, category in enumerate(spec.categories):
        drawn = {drawn_attribute(name, spec.attributes[name]) for name in category.attributes}
        if "material" not in drawn:
            at, hint = place(where, ["categories", number, "attributes"]), "list the attribute that draws `material`"
            raise ToileError(at, f"no material, without which no {category.silhouette} can be drawn", hint)


def shown_products(spec: CatalogSpec, seed: int) -> list[tuple[int, Product]]:
    """Eight products with their numbers: the first of each category in turn, then first ones of further designs."""
    index_N = np.arange(_LOOKED_AT)
    catalog = compile_catalog(spec)
    design_N = family_start(spec, seed, index_N)
    category_N = sample_categories(catalog, seed, design_N)
    first_N = np.flatnonzero(design_N == index_N)
    new = [int(first_N[place]) for place in np.sort(np.unique(category_N[first_N], return_index=True)[1])]
    others = [number for number in first_N.tolist() if number not in new]
    numbers = sorted([*new, *others][:_NUM_SHOWN])
    return list(zip(numbers, from_batch(rows(spec, seed, np.array(numbers))), strict=True))


def category_figures(spec: CatalogSpec, seed: int) -> list[CategoryFigures]:
    """Shares and price ranges; the prices are drawn, as many of a rare category as of a common one.

    They are those of products anywhere in an endless catalog, whose categories are dealt out evenly.
    """
    catalog = compile_catalog(spec)
    num = len(spec.categories)
    index_N = integers(seed, "check/number", np.arange(max(_DRAWN, _FEWEST * num)))
    design_N = family_start(spec, seed, index_N)
    category_N = integers(seed, "check/category", design_N) % num
    chosen = sample_values(catalog, seed, index_N, design_N, category_N)
    prices_N = sample_full_prices(catalog.prices, seed, category_N, chosen, design_N)
    found = []
    for number, category in enumerate(spec.categories):
        low, middle, high = np.percentile(prices_N[category_N == number], [5, 50, 95], method="nearest").tolist()
        found.append(
            CategoryFigures(
                path=category.path,
                silhouette=category.silhouette,
                share=category.share * (1 - spec.navigation.share),
                low=low,
                median=middle,
                high=high,
            )
        )
    return found


def label_shares(spec: CatalogSpec) -> dict[str, float]:
    """Label of the site -> expected share of all products; N.A. is a missing leaf."""
    total = sum(spec.navigation.labels.values())
    shares = {label: spec.navigation.share * w / total for label, w in spec.navigation.labels.items()}
    return {label: share for label, share in shares.items() if share > 0}


def as_figures(
    spec: CatalogSpec, shown: list[tuple[int, Product]], categories: list[CategoryFigures]
) -> dict[str, Any]:
    """Everything as one JSON document."""
    return {
        "name": spec.name,
        "market": spec.shop.market,
        "currency_code": spec.shop.currency_code,
        "attributes": {name: list(attribute.values) for name, attribute in spec.attributes.items()},
        "extra": {name: column.provider for name, column in spec.extra.items()},
        "products": [
            {
                "number": number,
                "title": product.title,
                "category": product.category3_code,
                "full_price": product.full_price,
                "price": product.price,
                "choices": choices(product),
            }
            for number, product in shown
        ],
        "categories": [asdict(each) for each in categories],
        "labels": label_shares(spec),
    }


def choices(product: Product) -> dict[str, str]:
    """The spec's own names of what a product has."""
    found: dict[str, str] = dict((product.attributes or {}).get("choices", {}))
    return found


def leaf_name(path: tuple[str, ...]) -> str:
    """A path in words, without the leaf that is missing."""
    return " > ".join(name for name in path if name != MISSING_LABEL)
