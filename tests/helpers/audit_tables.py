"""Rows that represent a real shop, an independent synthetic catalog of it, and leaks planted into that catalog."""

import copy
import io
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from generator.sampling.products import products
from schemas.catalog import CatalogSpec
from schemas.documents import read_document
from schemas.product import Product, split_of
from schemas.validation import from_document
from tests.helpers.fit_table import BRAND, sample_rows

PRESET = Path(__file__).parents[2] / "schemas" / "presets" / "fashion-luxury.yaml"
LINES = [
    *("Alder", "Birchley", "Calder", "Denholm", "Eastcote", "Farley", "Garrick", "Hythe", "Ingram", "Jarrow"),
    *("Kelso", "Lydney", "Marlow", "Norden", "Oakham", "Penryn", "Quorn", "Rothbury", "Selsey", "Thornby"),
    *("Ulver", "Venn", "Wexcombe", "Yarrow", "Ashdown", "Brant", "Corbel", "Dunmore", "Elstow", "Frome"),
    *("Goring", "Hexham", "Ivel", "Keld", "Lanark", "Melrose", "Naseby", "Orford", "Pickering", "Rye"),
]


def shop_document(name: str = "shop") -> dict[str, Any]:
    """Return the luxury preset with forty line names in its titles, some frequent, some rare, and discounts."""
    document: dict[str, Any] = copy.deepcopy(read_document(PRESET))
    document["name"] = name
    values = {line: {"weight": 1 / (k + 3)} for k, line in enumerate(LINES)}
    document["attributes"]["line"] = {"values": values}
    document["prices"]["discounts"] = {"share": 0.2, "percents": {"30": 2, "50": 1}}
    for category in document["categories"]:
        category["attributes"]["line"] = None
        category["titles"] = {"{line} " + title: weight for title, weight in category["titles"].items()}
    return document


def spec_of(document: dict[str, Any]) -> CatalogSpec:
    spec: CatalogSpec = from_document(document, "catalog", "shop")
    return spec


def generate_rows(seed: int, num: int = 2500, document: dict[str, Any] | None = None) -> list[Product]:
    """Generate rows of the shop; another seed gives an independent synthetic catalog."""
    return list(products(spec_of(document or shop_document()), seed, 0, num))


def plant_copies(
    catalog: Sequence[Product], chosen: Sequence[Product], *, price_noise: float = 0.0, seed: int = 0
) -> list[Product]:
    """Replace the first rows of a catalog by copies of the chosen ones, with other codes, URLs and families."""
    rng = np.random.default_rng(seed)
    rows = list(catalog)
    for place, row in enumerate(chosen):
        factor = 1 + rng.uniform(-price_noise, price_noise)
        own, prices = rows[place], [row.full_price, row.price]
        if price_noise:
            prices = [price and round(price * factor, 2) for price in prices]
        rows[place] = replace(
            row,
            product_code=own.product_code,
            itemurl=own.itemurl,
            imageurl=own.imageurl,
            split=own.split,
            source=own.source,
            family=f"copy-{place}",
            full_price=prices[0],
            price=prices[1],
        )
    return rows


Change = Callable[[Product], Product]


def change_title(change: Callable[[str], str]) -> Change:
    """Return a function that changes the title of a row."""
    return lambda row: replace(row, title=change(row.title or ""))


def move_prices(row: Product) -> Product:
    """Raise the prices of a row by 1 %."""
    full, paid = row.full_price, row.price
    return replace(row, full_price=full and round(full * 1.01, 2), price=paid and round(paid * 1.01, 2))


CHANGES: dict[str, Change] = {
    "verbatim": lambda row: row,
    "prices moved by 1 %": move_prices,
    "one letter added": change_title(lambda title: f"{title[: len(title) // 2]}q{title[len(title) // 2 :]}"),
    "accents": change_title(lambda title: title.replace("a", "á").replace("e", "é").upper()),
    "hyphens for blanks": change_title(lambda title: title.replace(" ", "-")),
    "a hyphen in a word": change_title(lambda title: f"{title[:3]}-{title[3:]}"),
    "words reversed": change_title(lambda title: "  ".join(reversed(title.split()))),
    "one word added": change_title(lambda title: f"{title} Zephyr"),
}
"""What hides a copy of a row."""


def sample_train_rows(real: Sequence[Product], share: float, seed: int = 0) -> list[Product]:
    """Sample a share of the train rows."""
    train = [row for row in real if row.split == "train"]
    picked = np.random.default_rng(seed).permutation(len(train))[: round(share * len(train))]
    return [train[k] for k in sorted(picked.tolist())]


def find_rarest_rows(real: Sequence[Product], num: int = 50) -> list[Product]:
    """Find the train rows with the rarest title words in sum, then with the most extreme prices; one a family."""
    counts = Counter(word for row in real for word in (row.title or "").split())
    prices = [np.log(row.full_price or 1) for row in real]
    middle, spread = np.mean(prices), np.std(prices)

    def rarity(row: Product) -> float:
        words = sum(-np.log(counts[word] / len(real)) for word in (row.title or "").split())
        return float(words + abs(np.log(row.full_price or 1) - middle) / spread)

    train = {row.family: row for row in real if row.split == "train"}
    return sorted(train.values(), key=rarity)[-num:]


def encode_jpeg(image: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


# --- invented tables with the traits of real ones: few broad leaves, many fine ones, designer titles

_GARMENTS: dict[str, tuple[str, ...]] = {
    "CLOTHING": ("Tee", "Shorts", "Hoodie", "Track Pants", "Jacket", "Leggings", "Jersey", "Polo Shirt", "Sweatshirt"),
    "SHOES": ("Sneakers", "Running Shoes", "Slides", "Boots", "Football Boots"),
    "ACCESSORIES": ("Cap", "Backpack", "Socks", "Gloves", "Beanie", "Duffel Bag"),
}
_TONES = ("Black", "White", "Grey", "Navy", "Red", "Green", "Blue", "Pink", "Beige")
_SYLLABLES = ("ba", "cor", "dal", "fen", "gri", "hul", "jor", "kem", "lor", "mi", "nar", "pel", "rus", "tov", "vil")


def invent_words(num: int, seed: int) -> list[str]:
    """Invent as many different names."""
    rng = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < num:
        found["".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(2, 3))).title()] = None
    return list(found)


def invent_sports_rows(seed: int, num: int = 845) -> list[Product]:
    """Invent a sports shop: three broad leaves under three branches, line names, colourways, several discounts."""
    rng = random.Random(seed)
    lines, extras = invent_words(60, seed), invent_words(90, seed + 1000)
    level = {line: rng.gauss(0, 0.25) for line in lines}

    def invent() -> _Design:
        branch = rng.choices(("MEN", "WOMEN", "KIDS"), (4, 4, 2))[0]
        leaf = rng.choices(tuple(_GARMENTS), (6, 3, 2))[0]
        kinds = _GARMENTS[leaf]
        kind = rng.choices(kinds, [1 / (k + 1) for k in range(len(kinds))])[0]
        line = rng.choices(lines, [1 / (k + 2) for k in range(len(lines))])[0]
        words = [line, *([rng.choice(extras)] if rng.random() < 0.35 else []), kind]
        base = 25 + 12 * kinds.index(kind) + (40 if leaf == "SHOES" else 0)
        price = max(10.0, 5 * round(base * np.exp(level[line] + rng.gauss(0, 0.2)) / 5))
        discount = rng.choices((0, 20, 30, 40, 50), (6, 1, 1.5, 1, 0.5))[0]
        size = rng.choices((1, 2, 3, 4), (5, 3, 2, 1) if leaf != "SHOES" else (2, 3, 3, 2))[0]
        return _Design((branch, "SPORTS", leaf), " ".join(words), price, discount, size)

    return _expand(rng, invent, num, "sports")


def invent_designer_rows(seed: int, num: int = 760, *, priced: bool = True) -> list[Product]:
    """Invent four designer shops in one table: long titles with rare words, price points in steps, one row a family."""
    rng = random.Random(seed)
    rare = invent_words(400, seed)
    leaves = (
        ("DENIM", ("Jeans", "Denim Jacket", "Denim Shorts", "Denim Skirt"), 45, 5),
        ("OUTERWEAR", ("Coat", "Trench Coat", "Blouson", "Puffer Jacket", "Parka"), 2600, 50),
        ("KNITWEAR", ("Sweater", "Cardigan", "Polo Shirt"), 1400, 50),
        ("LEATHER CLOTHING", ("Jacket", "Skirt"), 5200, 100),
    )
    materials = ("Wool", "Cotton", "Nylon", "Leather", "Cashmere", "Silk")
    sold: list[_Design] = []

    def invent() -> _Design:
        if sold and rng.random() < 0.25:  # another colour of a product is a family of its own
            again = rng.choice(sold)
            price = again.price if rng.random() < 0.7 else again.price + 50
            return replace(again, price=price)
        leaf, kinds, base, step = rng.choices(leaves, (40, 37, 15, 8))[0]
        words = [rng.choices(rare, [1 / (k + 4) for k in range(len(rare))])[0] for _ in range(rng.choice((0, 1, 1, 2)))]
        words += [rng.choice(materials)] if rng.random() < 0.6 or not words else []
        kind = rng.choice(kinds)
        price = step * max(1, round(base * np.exp(rng.gauss(0, 0.3)) * (1 + 0.2 * kinds.index(kind)) / step))
        sold.append(_Design(("WOMEN", "CLOTHING", leaf), " ".join([*words, kind]), float(price), 0, 1))
        return sold[-1]

    rows = _expand(rng, invent, num, "designer")
    return rows if priced else [replace(row, full_price=None, price=None, flg_discount=None) for row in rows]


def invent_fine_rows(seed: int, num: int = 3000) -> list[Product]:
    """Invent a shop with 80 fine leaves, from the table of the fit's tests, with line names in its titles."""
    rng = random.Random(seed)
    lines = invent_words(150, seed)
    weights = [1 / (k + 3) for k in range(len(lines))]
    names: dict[str, str] = {}
    rows = sample_rows(num, seed, train_only=False)
    for row in rows:
        names.setdefault(row.family, rng.choices(lines, weights)[0] if rng.random() < 0.8 else "")
    return [
        replace(
            row, title=f"{names[row.family]} {(row.title or '').replace(BRAND, '')}".strip(), split=split_of(row.family)
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class _Design:
    path: tuple[str, str, str]
    title: str
    price: float
    discount: int
    num_colourways: int


def _expand(rng: random.Random, invent: Callable[[], _Design], num: int, name: str) -> list[Product]:
    """Return the rows of as many designs as are needed, one a colour."""
    rows: list[Product] = []
    while len(rows) < num:
        design, family = invent(), f"{name}-{len(rows)}"
        for colour in rng.sample(_TONES, min(design.num_colourways, num - len(rows))):
            code = f"{name[:2].upper()}{rng.randrange(10**7):07d}"
            price = round(design.price * (1 - design.discount / 100), 2)
            rows.append(
                Product(
                    website_name=name.title(),
                    country_code="USA",
                    currency_code="USD",
                    brand=f"REAL {name.upper()}",
                    category1_code=design.path[0],
                    category2_code=design.path[1],
                    category3_code=design.path[2],
                    product_code=code,
                    title=f"{design.title} {colour}" if rng.random() < 0.5 else design.title,
                    itemurl=f"https://www.{name}.com/p/{code}",
                    imageurl=f"https://www.{name}.com/i/{code}.jpg",
                    full_price=design.price,
                    price=price,
                    flg_discount=int(design.discount > 0),
                    family=family,
                    split=split_of(family),
                    source=name,
                    inferable=True,
                )
            )
    return rows
