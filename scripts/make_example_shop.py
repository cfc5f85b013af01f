"""Write the small shop in `examples/shop`: 30 products with rendered images, as a table that `toile import` reads.

    python scripts/make_example_shop.py examples/shop

The table plays the part of real data in the README: a CSV file with image files next to it. The same products are in
five further tables, as Shopify, WooCommerce, Google Merchant, Amazon and Myntra export them. Nothing in them is real.
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
SIZES = ("S", "M", "L")

Table = list[list[str]]


def main(out: Path) -> None:
    """Render the first products of the preset `demo` that have a category, and write them to `out`."""
    spec = schemas.load("demo", "catalog")
    chosen: list[Product] = [each for each in products(spec, SEED, 0, 3 * NUM_PRODUCTS) if each.inferable][
        :NUM_PRODUCTS
    ]
    (out / "images").mkdir(parents=True, exist_ok=True)
    for each in chosen:
        draw(each, IMAGE_SIZE).save(out / image_name(each), quality=90)
    rows = [[*(str(getattr(each, column)) for column in COLUMNS), image_name(each)] for each in chosen]
    write_table(out / "products.csv", [[*COLUMNS, "image"], *rows])
    write_table(out / "shopify.csv", shopify(chosen))
    write_table(out / "woocommerce.csv", woocommerce(chosen), encoding="utf-8-sig")
    write_table(out / "google-merchant.tsv", google_merchant(chosen), delimiter="\t")
    write_table(out / "amazon.txt", amazon(chosen), delimiter="\t", encoding="cp1252")
    write_table(out / "myntra.csv", myntra(chosen))


def image_name(product: Product) -> str:
    """Return the path of a product's image in the shop."""
    return f"images/{product.product_code}.jpg"


def write_table(path: Path, table: Table, delimiter: str = ",", encoding: str = "utf-8") -> None:
    """Write a table as text."""
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows(table)


def shopify(chosen: list[Product]) -> Table:
    """Return one row for each size: only the first of a product has its title, and a further row its second image."""
    header = ["Handle", "Title", "Body (HTML)", "Vendor", "Product Category", "Type", "Tags", "Published"]
    header += ["Option1 Name", "Option1 Value", "Option2 Name", "Option2 Value", "Variant SKU", "Variant Grams"]
    header += ["Variant Price", "Variant Compare At Price", "Image Src", "Image Position", "Status"]
    table = [header]
    for each in chosen:
        handle, category = f"{slug(each)}-{each.product_code}", f"Apparel & Accessories > {text(each.category2_code)}"
        first = [handle, text(each.title), f"<p>A {text(each.title)} of our&nbsp;house.</p>", "Corner", category]
        first += [text(each.category3_code), text(each.category1_code), "true"]
        for number, size in enumerate(SIZES):
            product = first if number == 0 else [handle, *[""] * 7]
            names = ["Size", size, "Color", colour(each)] if number == 0 else ["", size, "", colour(each)]
            sale = (
                [f"{price(each) * 0.8:.2f}", f"{price(each):.2f}"] if price(each) > 500 else [f"{price(each):.2f}", ""]
            )
            image = [image_name(each), "1"] if number == 0 else ["", ""]
            table.append([*product, *names, f"{each.product_code}-{size}", "500", *sale, *image, "active"])
        table.append([handle, *[""] * 15, image_name(each), "2", ""])
    return table


def woocommerce(chosen: list[Product]) -> Table:
    """Return a variable product and a variation for each size; prices have a decimal comma."""
    header = ["ID", "Type", "SKU", "Name", "Published", "Short description", "In stock?", "Regular price", "Sale price"]
    header += ["Categories", "Tags", "Images", "Parent", "Attribute 1 name", "Attribute 1 value(s)"]
    header += ["Attribute 2 name", "Attribute 2 value(s)"]
    table = [header]
    for number, each in enumerate(chosen):
        path = f"{text(each.category1_code)} > {text(each.category2_code)} > {text(each.category3_code)}"
        categories = f"{text(each.category1_code)}, {path}, Sale"
        product = [str(100 + 10 * number), "variable", each.product_code, text(each.title), "1", "", "1", "", ""]
        options = ["Color", colour(each), "Size", ", ".join(SIZES)]
        table.append([*product, categories, "", image_name(each), "", *options])
        for place, size in enumerate(SIZES, start=1):
            code, name = f"{each.product_code}-{size}", f"{text(each.title)} - {size}"
            amount = f"{price(each):.2f}".replace(".", ",")
            variation = [str(100 + 10 * number + place), "variation", code, name, "1", "", "1", amount, ""]
            table.append([*variation, "", "", "", each.product_code, "Color", colour(each), "Size", size])
    return table


def google_merchant(chosen: list[Product]) -> Table:
    """Return one row for each size, with the currency behind each price."""
    header = ["id", "item_group_id", "title", "description", "link", "image_link", "availability", "price"]
    header += ["sale_price", "brand", "google_product_category", "product_type", "color", "size", "condition"]
    table = [header]
    for each in chosen:
        path = f"{text(each.category1_code)} > {text(each.category2_code)} > {text(each.category3_code)}"
        for size in SIZES:
            row = [f"{each.product_code}-{size}", each.product_code, text(each.title), "", ""]
            sale = f"{price(each) * 0.8:.2f} USD" if price(each) > 500 else ""
            row += [image_name(each), "in stock", f"{price(each):.2f} USD", sale, "Corner"]
            table.append([*row, "Apparel & Accessories > Clothing", path, colour(each), size, "new"])
    return table


def amazon(chosen: list[Product]) -> Table:
    """Return a listings report: tabs, Windows-1252, no category and no colour."""
    header = ["item-name", "item-description", "listing-id", "seller-sku", "price", "quantity", "open-date"]
    header += ["image-url", "item-is-marketplace", "product-id-type", "asin1", "status"]
    table = [header]
    for number, each in enumerate(chosen):
        row = [f"{text(each.title)} \u2013 {colour(each)}", f"Caf\u00e9 style, \u201c{text(each.title)}\u201d"]
        row += [f"L{number:05d}", each.product_code, f"{price(each):.2f}", "4", "2026-01-05 10:00:00 PST"]
        table.append([*row, image_name(each), "y", "1", f"B0CORNER{number:02d}", "Active"])
    return table


def myntra(chosen: list[Product]) -> Table:
    """Return one row a product with prices in rupees and two levels of category beside the gender."""
    header = ["id", "gender", "masterCategory", "subCategory", "articleType", "baseColour", "season", "year", "usage"]
    header += ["productDisplayName", "brandName", "OriginalPrice (in Rs)", "DiscountPrice (in Rs)", "image"]
    table = [header]
    for each in chosen:
        rupees = round(price(each) * 80)
        row = [each.product_code, text(each.category1_code), "Apparel", text(each.category2_code)]
        row += [text(each.category3_code), colour(each), "Summer", "2026", "Casual", text(each.title), "Corner"]
        table.append([*row, f"Rs. {group_indian(rupees)}", f"Rs. {group_indian(rupees // 2)}", image_name(each)])
    return table


def text(value: str | None) -> str:
    """Return a text of a product; empty for a missing one."""
    return value or ""


def price(product: Product) -> float:
    """Return the full price of a product that has one."""
    assert product.full_price is not None, product.product_code
    return product.full_price


def colour(product: Product) -> str:
    """Return the name of the rendered colour."""
    return str((product.attributes or {})["choices"]["colour"]).title()


def slug(product: Product) -> str:
    """Return the title as it is in a URL."""
    return "-".join(text(product.title).lower().split())


def group_indian(number: int) -> str:
    """Return a number as it is written in India: 1,29,000."""
    head, tail = f"{number:04d}"[:-3], f"{number:04d}"[-3:]
    groups = [head[max(0, end - 2) : end] for end in range(len(head), 0, -2)]
    return ",".join([*reversed(groups), tail])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
