"""Pictures that hold no evidence: a blank one, and another product's.

A model that reads pictures loses its score on both; one that guesses from habit keeps it.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from schemas.product import Product


def blank(size: tuple[int, int], colour: tuple[int, int, int]) -> Image.Image:
    """One colour over the size of the true picture, so the model spends the same number of image tokens."""
    return Image.new("RGB", size, colour)


def partners(products: Sequence[Product], seed: int) -> dict[str, str]:
    """For each product code the code whose picture is shown instead: everybody gives and gets one picture.

    Families stand in a row in random order and everybody takes the picture as many places further as the largest
    family is long, so nobody sees its own family while that family is at most half of all rows; otherwise nobody sees
    its own picture. A single row has no partner: the result is empty.
    """
    if len(products) < 2:
        return {}
    families = sorted({product.family for product in products})
    order = dict(zip(families, np.random.default_rng(seed).permutation(len(families)), strict=True))
    row = sorted(products, key=lambda product: (order[product.family], product.product_code))
    largest = max(np.unique([order[product.family] for product in products], return_counts=True)[1])
    step = int(largest) if 2 * largest <= len(row) else 1
    return {a.product_code: b.product_code for a, b in zip(row, row[step:] + row[:step], strict=True)}
