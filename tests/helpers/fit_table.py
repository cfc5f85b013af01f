"""A simulated shop for the fit: 80 categories with Zipf shares, log-normal prices, colourways, discounts, labels."""

import random
from collections.abc import Iterator
from pathlib import Path

from schemas.product import Product, split_of
from tests.helpers.shard_fixture import write_shards

_THINGS = ("COATS", "T-SHIRTS", "DRESSES", "SNEAKERS", "BAGS", "WALLETS", "BELTS", "SCARVES", "SKIRTS", "SHORTS")
_AREAS = ("WOMAN", "MAN", "GIRLS", "BOYS", "BABY", "HOME", "OUTLET", "TEENS")
PATHS = tuple((area, "CLOTHING", thing) for area in _AREAS for thing in _THINGS)
"""80 categories."""
BRAND = "Quillmere"


def sample_rows(
    num_rows: int = 3040,
    seed: int = 0,
    *,
    paths: tuple[tuple[str, str, str], ...] = PATHS,
    train_only: bool = True,
    repeat: float = 0.375,
    between: float = 0.8,
    within: float = 0.4,
) -> list[Product]:
    """Sample rows in families of 1 / (1 - repeat) colourways on average."""
    rng = random.Random(seed)
    ranks = list(range(1, len(paths) + 1))
    rng.shuffle(ranks)
    levels = [rng.gauss(6.3, between) for _ in paths]
    found: list[Product] = []
    while len(found) < num_rows:
        number = rng.choices(range(len(paths)), [1 / rank for rank in ranks])[0]
        size = 1
        while rng.random() < repeat:
            size += 1
        price = float(max(10, round(rng.lognormvariate(levels[number], within) / 10) * 10))
        family = list(_family(rng, paths[number], price, min(size, num_rows - len(found)), len(found)))
        found += family
    return [_in_train(row) for row in found] if train_only else found


def _family(rng: random.Random, path: tuple[str, str, str], full: float, size: int, first: int) -> Iterator[Product]:
    material = rng.choice(("Cotton", "Cotton", "Wool", "Leather"))
    pattern = rng.choice(("", "", "Striped"))
    for number in range(size):
        colour = rng.choice(("Black", "Black", "Navy", "Red"))
        price = round(full * 0.7, 2) if rng.random() < 0.3 else full
        label = rng.random() < 0.1
        code = f"{70_000_000 + first + number}"
        family = f"real-{first}"
        yield Product(
            website_name=BRAND,
            country_code="USA",
            currency_code="USD",
            brand=BRAND.upper(),
            category1_code=path[0],
            category2_code=path[1],
            category3_code="VIEW ALL" if label else path[2],
            product_code=code,
            title=" ".join(word for word in (colour, pattern, material, path[2].title(), BRAND) if word),
            itemurl=f"https://www.quillmere.com/p{code}",
            imageurl=f"https://assets.quillmere.com/{code}.jpg",
            full_price=full,
            price=price,
            flg_discount=int(price < full),
            family=family,
            split=split_of(family),
            source="quillmere",
            inferable=not label,
        )


def _in_train(row: Product) -> Product:
    values = {name: getattr(row, name) for name in Product.__dataclass_fields__}
    return Product(**{**values, "split": "train"})


def write_folder(place: Path, products: list[Product]) -> Path:
    """Write the rows as a finished catalog folder with a currency."""
    return write_shards(place, products, {"currency": "USD"})


def category_shares(products: list[Product]) -> dict[tuple[str, str, str], float]:
    """Return the share of each category among the families of the train split."""
    prices = category_prices(products)
    total = sum(len(each) for each in prices.values())
    return {path: len(each) / total for path, each in prices.items()}


def category_prices(products: list[Product]) -> dict[tuple[str, str, str], list[float]]:
    """Return the full prices of each category: of the first inferable row of every family of the train split."""
    first: dict[str, Product] = {}
    for row in sorted(products, key=lambda each: each.product_code):
        if row.split == "train" and row.inferable:
            first.setdefault(row.family, row)
    found: dict[tuple[str, str, str], list[float]] = {}
    for row in first.values():
        assert row.full_price is not None
        path = (row.category1_code or "", row.category2_code or "", row.category3_code or "")
        found.setdefault(path, []).append(row.full_price)
    return found
