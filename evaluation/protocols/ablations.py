"""Pictures that hold no evidence: a blank one, and another product's; or of the category alone: another of its kind.

A model that reads pictures loses its score on the first two; one that guesses from habit keeps it. With another
product's picture of the same category it keeps what it knows of the category and loses the rest.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from PIL import Image

from evaluation.metrics.scoring import category_key
from schemas.product import Product


def blank(size: tuple[int, int], colour: tuple[int, int, int]) -> Image.Image:
    """One colour over the size of the true picture, so the model spends the same number of image tokens."""
    return Image.new("RGB", size, colour)


def partners(products: Sequence[Product], seed: int, within_category: bool = False) -> dict[str, str]:
    """For each product code the code whose picture is shown instead: everybody gives and gets one picture.

    Families stand in a row in random order and everybody takes the picture as many places further as the largest
    family is long, so nobody sees its own family while that family is at most half of all rows; otherwise nobody sees
    its own picture. A single row has no partner: the result is empty.

    Within categories the same is done in each category by itself, except that nobody ever sees its own family: where
    one is more than half of the category, some pictures are shown twice, and a category of one family is left out.
    """
    if not within_category:
        return _shifted(products, seed) if len(products) > 1 else {}
    by_category: dict[str, list[Product]] = defaultdict(list)
    for product in products:
        if product.category3_code:
            by_category[category_key(product.category3_code)].append(product)
    found: dict[str, str] = {}
    for number, key in enumerate(sorted(by_category)):
        members = by_category[key]
        sizes = np.unique([product.family for product in members], return_counts=True)[1]
        if len(sizes) > 1:
            alone = 2 * int(sizes.max()) > len(members)
            found |= _from_others(members) if alone else _shifted(members, [seed, number])
    return found


def _shifted(products: Sequence[Product], seed: int | list[int]) -> dict[str, str]:
    families = sorted({product.family for product in products})
    order = dict(zip(families, np.random.default_rng(seed).permutation(len(families)), strict=True))
    row = sorted(products, key=lambda product: (order[product.family], product.product_code))
    largest = max(np.unique([order[product.family] for product in products], return_counts=True)[1])
    step = int(largest) if 2 * largest <= len(row) else 1
    return {a.product_code: b.product_code for a, b in zip(row, row[step:] + row[:step], strict=True)}


def _from_others(products: Sequence[Product]) -> dict[str, str]:
    """Each family goes round the pictures of the other families."""
    row = sorted(products, key=lambda product: product.product_code)
    found: dict[str, str] = {}
    for family in sorted({product.family for product in row}):
        own = [product.product_code for product in row if product.family == family]
        others = [product.product_code for product in row if product.family != family]
        found |= {code: others[place % len(others)] for place, code in enumerate(own)}
    return found
