"""Write the small shop in `examples/shop`: 30 products with rendered images, as a table that `toile import` reads.

    python scripts/make_example_shop.py examples/shop

The table plays the part of real data in the README: a CSV file with image files next to it. Nothing in it is real.
"""

import csv
import sys
from pathlib import Path

import schemas
from generator import draw, products
from schemas.product import Product

NUM_PRODUCTS = 30
SEED = 32
IMAGE_SIZE = 112
COLUMNS = ("product_code", "title", "category1_code", "category2_code", "category3_code", "full_price")


def main(out: Path) -> None:
    """Render the first products of the preset `demo` that have a category, and write them to `out`."""
    spec = schemas.load("demo", "catalog")
    chosen: list[Product] = [each for each in products(spec, SEED, 0, 3 * NUM_PRODUCTS) if each.inferable][
        :NUM_PRODUCTS
    ]
    (out / "images").mkdir(parents=True, exist_ok=True)
    with (out / "products.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([*COLUMNS, "image"])
        for each in chosen:
            name = f"images/{each.product_code}.jpg"
            draw(each, IMAGE_SIZE).save(out / name, quality=90)
            table.writerow([*(getattr(each, column) for column in COLUMNS), name])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
