"""Render eight products of a preset with their titles and prices: the image in the README.

python examples/eight_products.py docs/eight-products.jpg
"""

import sys
from pathlib import Path

from generator import draw, product
from generator.scaffold.preview import Card, contact_sheet
from schemas import load
from schemas.validation import preset_path

EDGE = 336
NUMBERS = (101, 59, 115, 58, 129, 20, 134, 35)


def main(out: Path) -> None:
    """Write two rows of four products to an image file."""
    path = preset_path("fashion-luxury", "catalog")
    assert path is not None
    spec = load(path, "catalog")
    cards = []
    for number in NUMBERS:
        each = product(spec, 0, number)
        about = f"{each.category3_code}   ${each.full_price:,.0f}"
        cards.append(Card(image=draw(each, EDGE), title=str(each.title), subtitle=about))
    contact_sheet(cards, columns=4).save(out, quality=88)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
