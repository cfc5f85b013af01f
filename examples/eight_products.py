"""Draw eight products of a preset beside their titles and prices: the picture in the README.

python examples/eight_products.py docs/eight-products.jpg
"""

import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from generator import draw, product
from schemas import Product, load
from schemas.specs import preset_path

EDGE, CAPTION = 336, 58
NUMBERS = (101, 59, 115, 58, 129, 20, 134, 35)


def captioned(each: Product) -> Image.Image:
    """The product's picture above its title, leaf and price."""
    card = Image.new("RGB", (EDGE, EDGE + CAPTION), "white")
    card.paste(draw(each, EDGE), (0, 0))
    pen = ImageDraw.Draw(card)
    pen.text((10, EDGE + 8), str(each.title), "#222222", ImageFont.load_default(17))
    pen.text((10, EDGE + 32), f"{each.category3_code}   ${each.full_price:,.0f}", "#777777", ImageFont.load_default(14))
    return card


def main(out: Path) -> None:
    """Two rows of four products."""
    path = preset_path("fashion-luxury", "catalog")
    assert path is not None
    spec = load(path, "catalog")
    sheet = Image.new("RGB", (4 * EDGE, 2 * (EDGE + CAPTION)), "white")
    for place, number in enumerate(NUMBERS):
        sheet.paste(captioned(product(spec, 0, number)), (place % 4 * EDGE, place // 4 * (EDGE + CAPTION)))
    sheet.save(out, quality=88)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
