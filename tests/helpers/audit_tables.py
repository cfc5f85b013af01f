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
from PIL import Image, ImageFilter, ImageOps

from generator.render import draw
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


def exchange_halves(rows: Sequence[Product], seed: int = 0) -> list[Product]:
    """Give each row the second half of the title of another one; prices and categories stay."""
    words = [(row.title or "").split() for row in rows]
    others = np.random.default_rng(seed).permutation(len(rows)).tolist()
    halves = [
        [*own[: (len(own) + 1) // 2], *words[other][(len(words[other]) + 1) // 2 :]]
        for own, other in zip(words, others, strict=True)
    ]
    return [replace(row, title=" ".join(half)) for row, half in zip(rows, halves, strict=True)]


def scale_prices(row: Product, factor: float) -> Product:
    """Multiply the prices of a row."""
    full, paid = row.full_price, row.price
    return replace(row, full_price=full and round(full * factor, 2), price=paid and round(paid * factor, 2))


CHANGES: dict[str, Change] = {
    "verbatim": lambda row: row,
    "prices moved by 1 %": lambda row: scale_prices(row, 1.01),
    "one letter added": change_title(lambda title: f"{title[: len(title) // 2]}q{title[len(title) // 2 :]}"),
    "accents": change_title(lambda title: title.replace("a", "á").replace("e", "é").upper()),
    "hyphens for blanks": change_title(lambda title: title.replace(" ", "-")),
    "a hyphen in a word": change_title(lambda title: f"{title[:3]}-{title[3:]}"),
    "words reversed": change_title(lambda title: "  ".join(reversed(title.split()))),
    "one word added": change_title(lambda title: f"{title} Zephyr"),
    "one word left out": change_title(lambda title: " ".join(title.split()[:-1]) or title),
    "first twelve letters": change_title(lambda title: title[:12]),
    "first two words": change_title(lambda title: " ".join(title.split()[:2])),
    "separators": change_title(lambda title: title.upper().replace(" ", " | ")),
    "brand and size added": change_title(lambda title: f"Quandor® {title} - size XXL (EU 61)"),
    "translated colours": change_title(
        lambda title: " ".join({"Black": "Noir", "White": "Weiß", "Red": "Rosso"}.get(w, w) for w in title.split())
    ),
    "invisible characters": change_title("\u200b".join),
    "letters of another script": change_title(lambda title: title.translate(str.maketrans("aeo", "аео"))),
    "markup": change_title(lambda title: f"<b>{title.replace(' ', '&nbsp;')}</b>"),
    "prices in another currency": lambda row: scale_prices(row, 0.92251),
    "prices times 1.25": lambda row: scale_prices(row, 1.25),
    "prices end in .99": lambda row: replace(row, full_price=row.full_price and np.floor(row.full_price) - 0.01),
    "other categories": lambda row: replace(row, category1_code="UNISEX", category3_code="SALE"),
    "no prices": lambda row: replace(row, full_price=None, price=None),
}
"""What hides a copy of a row."""


def crop(share: float, right: float, down: float) -> Callable[[Image.Image], Image.Image]:
    """Return a function that cuts a share off each side length, and enlarges the rest; (0, 0) keeps the top left."""

    def cut(image: Image.Image) -> Image.Image:
        width, height = (round(edge * (1 - share)) for edge in image.size)
        left, top = round(right * (image.width - width)), round(down * (image.height - height))
        return image.crop((left, top, left + width, top + height)).resize(image.size, Image.Resampling.BICUBIC)

    return cut


def turn_hue(image: Image.Image) -> Image.Image:
    """Change every colour, as if the product were sold in another one."""
    hue, *rest = image.convert("HSV").split()
    return Image.merge("HSV", (hue.point(lambda value: (value + 90) % 256), *rest)).convert("RGB")


def put_beside(image: Image.Image) -> Image.Image:
    """Put an image beside a picture of stripes."""
    stripes = Image.fromarray(np.tile(np.arange(image.width, dtype=np.uint8) * 9, (image.height, 1))).convert("RGB")
    both = Image.new("RGB", (2 * image.width, image.height))
    both.paste(stripes, (0, 0))
    both.paste(image, (image.width, 0))
    return both


def change_background(image: Image.Image) -> Image.Image:
    """Give what has the colour of the border another light colour."""
    pixels = np.asarray(image).astype(np.int16)
    plain = np.abs(pixels - np.median(pixels[0], axis=0)).sum(axis=2) < 40
    return Image.fromarray(np.where(plain[..., None], (205, 210, 200), pixels).astype(np.uint8))


DISGUISES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "encoded again": lambda image: image,
    "half the size": lambda image: image.resize((image.width // 2, image.height // 2), Image.Resampling.BICUBIC),
    "twice the size": lambda image: image.resize((image.width * 2, image.height * 2), Image.Resampling.BICUBIC),
    "cropped by 5 %": crop(0.05, 0.3, 0.8),
    "cropped by 10 %": crop(0.1, 0.7, 0.25),
    "cropped by 10 % at a side": lambda image: image.crop((0, 0, round(0.9 * image.width), image.height)),
    "turned by 90 degrees": lambda image: image.rotate(90),
    "turned by 180 degrees": lambda image: image.rotate(180),
    "turned by 270 degrees": lambda image: image.rotate(270),
    "mirrored": ImageOps.mirror,
    "mirrored and turned": lambda image: ImageOps.mirror(image.rotate(90)),
    "inverted": ImageOps.invert,
    "inverted and turned": lambda image: ImageOps.invert(image.rotate(90)),
    "grey": lambda image: ImageOps.grayscale(image).convert("RGB"),
    "red and blue exchanged": lambda image: Image.merge("RGB", image.split()[::-1]),
    "another hue": turn_hue,
    "brighter": lambda image: image.point(lambda value: min(255, round(1.3 * value))),
    "darker": lambda image: image.point(lambda value: round(0.7 * value)),
    "flipped": ImageOps.flip,
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(0.7)),
    "stretched": lambda image: image.resize((round(1.2 * image.width), image.height), Image.Resampling.BICUBIC),
    "padded": lambda image: ImageOps.expand(image, round(0.2 * image.width), "white"),
    "framed": lambda image: ImageOps.expand(image, round(0.05 * image.width), "black"),
    "beside another": put_beside,
    "another background": change_background,
    "sepia": lambda image: ImageOps.colorize(ImageOps.grayscale(image), "#2b1d0e", "#f5e6c8"),
}
"""What hides a copy of an image."""

ImageFile = tuple[str, str, bytes]
"""Product code, family, encoded file."""


def draw_files(rows: Sequence[Product], pixels: int = 96) -> list[ImageFile]:
    """Draw the images of rows as JPEG files."""
    return [(row.product_code, row.family, encode_jpeg(draw(row, pixels), 90)) for row in rows]


def plant_image_copies(files: Sequence[ImageFile], victims: Sequence[ImageFile], disguise: str) -> list[ImageFile]:
    """Replace the first images of a catalog by copies of real ones, disguised and encoded again."""
    changed = [DISGUISES[disguise](Image.open(io.BytesIO(file)).convert("RGB")) for _, _, file in victims]
    copies = [(f"copy {k}", f"copy {k}", encode_jpeg(image, 75)) for k, image in enumerate(changed)]
    return [*copies, *files[len(copies) :]]


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


_SPORTS = {
    "SHOES": (
        {"Running Shoes": 90, "Football Boots": 120, "Slides": 35, "Sneakers": 100},
        ("Leather", "Mesh", "Suede"),
    ),
    "CLOTHING": (
        {"Hoodie": 60, "Leggings": 45, "Shorts": 35, "Track Jacket": 75, "T-Shirt": 28},
        ("Fleece", "Cotton", "Recycled"),
    ),
    "ACCESSORIES": ({"Cap": 22, "Backpack": 48, "Socks": 14}, ("Wool", "Cotton", "Canvas")),
}
_FACTORS = {"Leather": 1.5, "Suede": 1.3, "Mesh": 0.9, "Fleece": 1.25, "Recycled": 1.1, "Wool": 1.4, "Canvas": 1.2}
_BRANCHES = ("MEN", "WOMEN", "KIDS")
_NAMES = ("Volt", "Stride", "Apex", "Court", "Terra", "Pulse", "Zenith", "Metro", "Rally", "Summit", "Delta", "Orbit")


def generate_sports_rows(seed: int, num: int = 845) -> list[Product]:
    """Generate rows of an invented sports shop: three broad leaves whose titles name garment, material and line.

    The second category level is empty, a family has up to four colourways, and shoes are reduced more often.
    """
    rng = np.random.default_rng([seed, 7])
    leaves, rows = list(_SPORTS), list[Product]()
    while len(rows) < num:
        leaf = leaves[int(rng.choice(3, p=(0.45, 0.4, 0.15)))]
        branch = _BRANCHES[int(rng.choice(3, p=(0.45, 0.35, 0.2)))]
        kinds, materials = _SPORTS[leaf]
        kind, material = str(rng.choice(list(kinds))), str(rng.choice(materials))
        name = _NAMES[min(int(rng.geometric(0.2)) - 1, len(_NAMES) - 1)]
        level = kinds[kind] * _FACTORS.get(material, 1.0) * (0.7 if branch == "KIDS" else 1.0)
        full = float(max(5, 5 * round(level * float(np.exp(rng.normal(0, 0.15))) / 5)))
        off = int(rng.choice([0, 20, 30, 50], p=(0.5, 0.2, 0.2, 0.1) if leaf == "SHOES" else (0.85, 0.05, 0.05, 0.05)))
        family = f"sports-{seed}-{len(rows)}"
        for _ in range(min(int(rng.geometric(0.45 if leaf == "SHOES" else 0.75)), 4)):
            code = f"SP{seed:03d}{len(rows):06d}"
            rows.append(
                Product(
                    country_code="USA",
                    currency_code="USD",
                    category1_code=branch,
                    category2_code=None,
                    category3_code=leaf,
                    product_code=code,
                    title=f"{name} {material} {kind}",
                    itemurl=f"https://sports.example/{code}",
                    full_price=full,
                    price=round(full * (1 - off / 100), 2),
                    flg_discount=int(off > 0),
                    family=family,
                    split=split_of(family),
                    source="test",
                    inferable=True,
                )
            )
    return rows[:num]


_DESIGN = {
    "COATS": ({"Trench Coat": 2400, "Car Coat": 2100, "Parka": 1900}, 5),
    "JACKETS": ({"Blouson": 1800, "Blazer": 2000, "Biker Jacket": 3100}, 4),
    "KNITWEAR": ({"Sweater": 1100, "Cardigan": 1300, "Polo Shirt": 850}, 4),
    "SHIRTS": ({"Shirt": 750, "Overshirt": 980}, 3),
    "DENIM": ({"Jeans": 690, "Denim Jacket": 1150}, 2),
    "TROUSERS": ({"Trousers": 880, "Cargo Pants": 990}, 2),
    "BAGS": ({"Tote Bag": 2300, "Backpack": 1700}, 2),
    "SCARVES": ({"Scarf": 480}, 1),
    "BELTS": ({"Belt": 420}, 1),
    "HATS": ({"Cap": 390, "Beanie": 350}, 1),
}
_CLOTH = {"Cotton": 1.0, "Wool": 1.15, "Leather": 1.9, "Cashmere": 1.6, "Nylon": 0.9}


def generate_designer_rows(seed: int, num: int = 845) -> list[Product]:
    """Generate rows of an invented designer shop: ten leaves of very different size, no colours, no discount."""
    rng = np.random.default_rng([seed, 11])
    leaves = list(_DESIGN)
    weights = np.array([_DESIGN[leaf][1] for leaf in leaves]) / sum(size for _, size in _DESIGN.values())
    rows = list[Product]()
    for k in range(num):
        leaf = leaves[int(rng.choice(len(leaves), p=weights))]
        kinds = _DESIGN[leaf][0]
        kind, cloth = str(rng.choice(list(kinds))), str(rng.choice(list(_CLOTH)))
        full = float(10 * round(kinds[kind] * _CLOTH[cloth] * float(np.exp(rng.normal(0, 0.2))) / 10))
        style = str(rng.choice(["", "Long ", "Hooded ", "Slim ", "Oversized ", "Embroidered "]))
        rows.append(
            Product(
                currency_code="USD",
                category1_code=str(rng.choice(["MAN", "WOMAN"])),
                category2_code="CLOTHING" if _DESIGN[leaf][1] > 1 else "ACCESSORIES",
                category3_code=leaf,
                product_code=f"DE{seed:03d}{k:06d}",
                title=f"{style}{cloth} {kind}",
                full_price=full,
                price=full,
                flg_discount=0,
                family=f"designer-{seed}-{k}",
                split=split_of(f"designer-{seed}-{k}"),
                source="test",
                inferable=True,
            )
        )
    return rows


def damage_rows(rows: Sequence[Product], damage: str, seed: int = 0) -> list[Product]:
    """Return rows with one of `DAMAGES` done to them; families keep their rows, titles and prices together."""
    rng = np.random.default_rng([seed, 13])
    families = list(dict.fromkeys(row.family for row in rows))
    first = {row.family: row for row in reversed(rows)}
    if damage == "prices times 1.25":
        return [_reprice(row, (row.full_price or 0) * 1.25) for row in rows]
    if damage == "prices times 1.25, rounded as before":
        return [_reprice(row, 5.0 * round((row.full_price or 0) * 1.25 / 5)) for row in rows]
    if damage in ("prices shuffled within categories", "prices of two categories swapped"):
        groups: dict[object, list[str]] = {}
        for family in families:
            groups.setdefault(_path(first[family]), []).append(family)
        prices = {family: first[family].full_price or 0.0 for family in families}
        given = dict(prices)
        if damage == "prices shuffled within categories":
            for members in groups.values():
                given.update(zip(members, (prices[name] for name in rng.permutation(members)), strict=True))
        else:
            large = sorted(groups.values(), key=len)[-max(2, len(groups) // 4) :]
            levels = sorted(large, key=lambda group: float(np.median([prices[name] for name in group])))
            for group, other in ((levels[0], levels[-1]), (levels[-1], levels[0])):
                given.update({name: prices[str(rng.choice(other))] for name in group})
        return [_reprice(row, given[row.family]) for row in rows]
    if damage == "titles of 30 % shuffled":
        chosen = rng.permutation(families)[: round(0.3 * len(families))].tolist()
        titles = dict(zip(chosen, (first[name].title for name in rng.permutation(chosen)), strict=True))
        return [replace(row, title=titles.get(row.family, row.title)) for row in rows]
    leaves = Counter(_path(row) for row in rows)
    if damage == "a third of the leaves missing":
        ordered = sorted(leaves, key=lambda path: (leaves[path], str(path)))
        lost = set(ordered[: max(1, round(len(ordered) / 3))])
        kept = [row for row in rows if _path(row) not in lost]
        more = [replace(row, family=f"{row.family}-again") for row in kept[: len(rows) - len(kept)]]
        return [*kept, *more]
    if damage == "discounts dropped":
        return [replace(row, price=row.full_price, flg_discount=0) for row in rows]
    if damage == "discounts moved to other categories":
        paid = [(first[name].price or 0) / (first[name].full_price or 1) for name in families]
        given_shares = dict(zip(families, rng.permutation(paid).tolist(), strict=True))
        return [
            replace(
                row,
                price=round((row.full_price or 0) * given_shares[row.family], 2),
                flg_discount=given_shares[row.family] < 1,
            )
            for row in rows
        ]
    assert damage == "category shares flattened", damage
    largest = max(leaves.values())
    weight = np.array([largest / leaves[_path(first[name])] for name in families])
    picked = rng.choice(families, len(families), p=weight / weight.sum())
    own: dict[str, list[Product]] = {}
    for row in rows:
        own.setdefault(row.family, []).append(row)
    found = [replace(row, family=f"{name}-{k}") for k, name in enumerate(picked.tolist()) for row in own[name]]
    return found[: len(rows)]


DAMAGES = (
    "prices times 1.25",
    "prices times 1.25, rounded as before",
    "prices shuffled within categories",
    "titles of 30 % shuffled",
    "a third of the leaves missing",
    "prices of two categories swapped",
    "discounts dropped",
    "discounts moved to other categories",
    "category shares flattened",
)


def _path(row: Product) -> tuple[str | None, ...]:
    return row.category1_code, row.category2_code, row.category3_code


def _reprice(row: Product, full_price: float) -> Product:
    """Give a row another full price and the same discount."""
    paid = full_price * (row.price or 0) / (row.full_price or 1)
    return replace(row, full_price=full_price, price=round(paid, 2))
