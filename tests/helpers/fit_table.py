"""Invented shops for the fit: one of 80 categories with Zipf shares, and a sports shop of three broad leaves."""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from generator.fit.vocabulary import find_kind, read_material, read_pattern, split_words
from schemas.product import Product, split_of
from tests.helpers.shard_fixture import relist, write_shards

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


_DESIGNER = (
    ("OUTERWEAR", "Trench Coat", ("Long Ashcombe", "Short Ashcombe", "Reversible", "Belted"), 2100.0),
    ("OUTERWEAR", "Jacket", ("Padded", "Cropped", "Reversible Check", "Hooded"), 1650.0),
    ("OUTERWEAR", "Waistcoat", ("Quilted", "Short"), 900.0),
    ("KNITWEAR", "Sweater", ("Crew-neck", "Superfine", "Brushed"), 980.0),
    ("KNITWEAR", "Cardigan", ("Cropped", "Button-up"), 1150.0),
    ("DENIM", "Jeans", ("Five-pocket", "Flared", "Straight", "Baggy"), 740.0),
    ("DENIM", "Shorts", ("Frayed", "Long"), 520.0),
    ("DENIM", "Shirt", ("Boxy",), 690.0),
    ("LEATHER GOODS", "Belt Bag", ("Small", "Padded"), 1250.0),
    ("LEATHER GOODS", "Wallet", ("Bifold", "Zip"), 430.0),
    ("LEATHER GOODS", "Umbrella", ("Folding",), 350.0),
)
"""Leaf, type words, words before them, usual price."""
_CLOTHS = {
    "OUTERWEAR": (("100% polyamide", "Nylon", 0.8), ("Outer: 100% cotton; Lining: 100% viscose", "Gabardine", 1.0),
                  ("90% wool 10% cashmere", "Wool", 1.2), ("100% lambskin", "Leather", 2.4)),
    "KNITWEAR": (("100% virgin wool", "Wool", 1.0), ("100% cashmere", "Cashmere", 1.7)),
    "DENIM": (("100% cotton", "Denim", 1.0),),
    "LEATHER GOODS": (("Calfskin", "Leather", 1.0), ("Goatskin", "Suede", 1.1)),
}  # fmt: skip
_DESIGNER_COLOURS = ("Black", "Black/Chalk", "Navy", "Camel Brown", "Ecru", "Moss Green", "Bordeaux, Black")


def sample_designer_rows(num_rows: int = 500, seed: int = 0) -> tuple[list[Product], dict[str, dict[str, str]]]:
    """Sample an invented shop of two designers: leaves of several types, compositions and colours in own columns."""
    rng = random.Random(seed)
    found: list[Product] = []
    own: dict[str, dict[str, str]] = {}
    for number in range(num_rows):
        brand, level = rng.choice((("ORSAVI", 1.0), ("ORSAVI", 1.0), ("PELLUCHI", 0.7)))
        leaf, word, styles, price = rng.choice(_DESIGNER)
        composition, cloth, factor = rng.choice(_CLOTHS[leaf])
        said = cloth if rng.random() < 0.6 else ""
        title = " ".join(part for part in (rng.choice(styles), said, word) if part)
        code = f"{40_000_000 + number}"
        full = float(round(price * level * factor * rng.lognormvariate(0, 0.15) / 50) * 50 - rng.choice((0, 10)))
        own[code] = {"Composition": composition, "colour name": rng.choice(_DESIGNER_COLOURS)}
        found.append(
            Product(
                website_name="Galerie Nordhagen",
                country_code="USA",
                currency_code="USD",
                brand=brand,
                category1_code=brand,
                category2_code=leaf,
                category3_code=leaf,
                product_code=code,
                title=title if rng.random() < 0.8 else title.capitalize(),
                full_price=full,
                price=full,
                flg_discount=0,
                family=f"designer-{number}",
                split="train",
                source="designer",
                inferable=True,
            )
        )
    return found, own


def write_folder(
    place: Path,
    products: list[Product],
    own: Mapping[str, Mapping[str, str | float | None]] | None = None,
    currency: str = "USD",
) -> Path:
    """Write the rows as a finished catalog folder with a currency; `own` is product code -> the shop's own cells."""
    folder = write_shards(place, products, {"currency": currency})
    if own:
        names = list(dict.fromkeys(name for cells in own.values() for name in cells))
        for file in (folder / "data").glob("*.parquet"):
            table = pq.read_table(file)
            codes = table["product_code"].to_pylist()
            for name in names:
                table = table.append_column(name, pa.array([own.get(code, {}).get(name) for code in codes]))
            pq.write_table(table, file)
        relist(folder)
    return folder


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


_BRANCHES = {
    "WOMEN": 34, "MEN": 32, "KIDS": 14, "HERITAGE": 6, "TRAIL": 5, "FOOTBALL": 4, "TRAINING": 3, "SWIM": 1, "BASICS": 1
}  # fmt: skip
_SPORTS: dict[str, tuple[tuple[str, float, tuple[int, ...], float], ...]] = {
    "CLOTHING": (
        ("Tee", 5, (20, 25, 28, 30), 0.35),
        ("Pants", 4, (45, 50, 60, 65), 0.5),
        ("Shorts", 3, (25, 30, 35), 0.5),
        ("Hoodie", 3, (55, 60, 65, 70), 0.4),
        ("Jacket", 2, (70, 80, 100, 130), 0.6),
        ("Jersey", 2, (65, 90), 0.3),
        ("Leggings", 2, (35, 45, 55), 0.45),
        ("Dress", 1, (50, 60), 0.6),
    ),
    "SHOES": (
        ("Shoes", 12, (65, 70, 80, 100, 120, 150, 180), 0.6),
        ("Slides", 3, (25, 35, 45), 0.3),
        ("Boots", 1, (120, 160, 200), 0.7),
    ),
    "ACCESSORIES": (
        ("Backpack", 3, (35, 45, 55), 0.3),
        ("Cap", 2, (22, 24, 28), 0.2),
        ("Gloves", 1, (18, 25, 30), 0.2),
        ("Socks", 2, (10, 12, 16), 0.1),
        ("Beanie", 1, (20, 24), 0.2),
    ),
}
"""Leaf -> (type word of titles, weight, prices, share on sale)."""
_LINES = (
    "Vantor",
    "Kestry",
    "Ollaro",
    "Brixen",
    "Tarvo",
    "Merrow",
    "Sollin",
    "Quarrel",
    "Pellis",
    "Dunmore",
    "Fenwick",
)
_STYLES = ("Run", "Trail", "Essential", "Tapered", "Slim", "Graphic", "Club", "Pro", "Light", "Cropped", "Classic")
_SPORTS_COLOURS = {"Black": 25, "White": 20, "Grey": 12, "Blue": 12, "Pink": 8, "Green": 7, "Red": 6, "Core Black": 5,
                   "Legend Ink / White": 2, "Burgundy": 2, "Yellow": 2, "Orange": 2, "Purple": 2}  # fmt: skip


def sample_sports_rows(num_rows: int = 845, seed: int = 0) -> tuple[list[Product], dict[str, dict[str, str]]]:
    """Sample an invented sports shop: three broad leaves under nine branches, the type of product in the title only.

    Shoes have more colours than clothes, and a design may be sold under several branches. Returns the rows, all in
    the train split, and for each code the cells of the shop's own columns `colour` and `season`.
    """
    rng = random.Random(seed)
    found: list[Product] = []
    own: dict[str, dict[str, str]] = {}
    while len(found) < num_rows:
        leaf = rng.choices(("CLOTHING", "SHOES", "ACCESSORIES"), (5, 3, 2))[0]
        word, _, prices, on_sale = rng.choices(_SPORTS[leaf], [each[1] for each in _SPORTS[leaf]])[0]
        branch = rng.choices(list(_BRANCHES), list(_BRANCHES.values()))[0]
        branch = "MEN" if word == "Dress" and branch == "SWIM" else branch
        style = rng.choice(_STYLES)
        title = " ".join([rng.choice(_LINES), *([style] if rng.random() < 0.7 else []), word])
        full = float(rng.choice(prices))
        size = 1
        while rng.random() < (0.72 if leaf == "SHOES" else 0.3):
            size += 1
        colours = list(_SPORTS_COLOURS)
        for _ in range(min(size, 8, num_rows - len(found))):
            colour = rng.choices(colours, [_SPORTS_COLOURS[each] for each in colours])[0]
            colours.remove(colour)
            here = branch if rng.random() < 0.85 else rng.choice(("WOMEN", "MEN"))
            percent = rng.choices((20, 30, 40, 50), (2, 4, 2, 3))[0] if rng.random() < on_sale else 0
            code = f"{60_000_000 + len(found)}"
            price = float(round(full * (1 - percent / 100)))
            own[code] = {"colour": colour, "season": "summer" if word in ("Shorts", "Slides", "Tee") else "all year"}
            found.append(
                Product(
                    website_name="Striderra",
                    country_code="USA",
                    currency_code="USD",
                    brand="STRIDERRA",
                    category1_code="SPORT",
                    category2_code=here,
                    category3_code=leaf,
                    product_code=code,
                    title=title,
                    full_price=full,
                    price=price,
                    flg_discount=int(price < full),
                    family=f"sports-{title}",
                    split="train",
                    source="sports",
                    inferable=True,
                )
            )
    return found, own


def list_contradictions(rows: Iterable[Product]) -> list[tuple[str, str, str]]:
    """List (title, what it names, what is drawn) of the products whose title does not name the drawn silhouette."""
    found = []
    for row in rows:
        drawn = str((row.attributes or {})["silhouette"])
        match = find_kind(row.title or "")
        if match is None or match.silhouette != drawn:
            found.append((row.title or "", match.silhouette if match else "nothing", drawn))
    return found


def list_untrue_words(rows: Iterable[Product]) -> list[tuple[str, str, str]]:
    """List (title, what it names, what is drawn) of the products whose title names only materials that are not drawn.

    The same of patterns. The words are read one by one.
    """
    found = []
    for row in rows:
        for name, read in (("material", read_material), ("pattern", read_pattern)):
            drawn = str((row.attributes or {}).get(name))
            said = [named for word in split_words(row.title or "") if (named := read(word)) is not None]
            if said and not any(drawn == each or drawn.endswith(f"-{each}") for each in said):
                found.append((row.title or "", said[0], drawn))
    return found


def sample_rows_of_words(words: Sequence[str], country: str, currency: str, num_rows: int = 500) -> list[Product]:
    """Sample a shop with one broad leaf whose titles are these words, with and without a line name before them."""
    rng = random.Random(country)
    rows = sample_rows(num_rows, 2, paths=(("A", "MODE", "MODE"),), repeat=0.0)
    return [
        replace(
            row,
            title=f"{rng.choice(('Marlo ', 'Vento ', 'Kira ', ''))}{rng.choice(words)}",
            family=f"{country}-{number}",
            currency_code=currency,
            country_code=country,
            category3_code="MODE",
            inferable=True,
        )
        for number, row in enumerate(rows)
    ]


_ABROAD: dict[str, tuple[str, dict[str, tuple[str, ...]]]] = {
    "EUR de": (
        "Marlo",
        {
            "BEKLEIDUNG": ("Laufshirt", "Trainingshose", "Kapuzenpullover", "Softshelljacke", "Lederjacke", "Sport-BH"),
            "SCHUHE": ("Laufschuhe", "Wanderstiefel", "Badelatschen", "Fußballschuhe"),
            "ZUBEHÖR": ("Rucksack", "Mütze", "Gürtel aus Leder", "Socken", "Sonnenbrille"),
        },
    ),
    "EUR fr": (
        "Élise",
        {
            "VÊTEMENTS": ("Robe longue", "Robe chemise", "Manteau en laine", "Jean", "Gilet en maille", "Costume"),
            "CHAUSSURES": ("Baskets", "Mocassins en daim", "Bottines", "Derbies"),
            "ACCESSOIRES": ("Sac à dos", "Cabas", "Foulard en soie", "Ceinture", "Boucles d'oreilles"),
        },
    ),
    "JPY ja": (
        "アルベ",
        {
            "ウェア": ("リネンシャツ", "ウールコート", "シャツワンピース", "ワイドパンツ", "Tシャツ", "タンクトップ"),
            "シューズ": ("スニーカー", "ローファー", "ショートブーツ"),
            "バッグ": ("トートバッグ", "レザーバッグ", "ボストンバッグ", "キーケース"),
        },
    ),
}
ABROAD = tuple(_ABROAD)
"""Currency and language of the invented shops abroad."""


def sample_rows_abroad(name: str, num_rows: int = 240) -> list[Product]:
    """Sample an invented shop of broad leaves; titles are German, French or Japanese; some name what is undrawn."""
    rng = random.Random(name)
    line, leaves = _ABROAD[name]
    found = []
    for number in range(num_rows):
        leaf = rng.choice(list(leaves))
        word, colour = rng.choice(leaves[leaf]), rng.choice(("", "", f" {line}"))
        code, price = f"{50_000_000 + number}", float(rng.choice((20, 40, 60, 120)))
        found.append(
            Product(
                website_name=BRAND,
                currency_code=name[:3],
                brand=BRAND.upper(),
                category1_code="A",
                category2_code="ALL",
                category3_code=leaf,
                product_code=code,
                title=word + colour,
                full_price=price,
                price=price,
                flg_discount=0,
                family=f"abroad-{number}",
                split="train",
                source="abroad",
                inferable=True,
            )
        )
    return found


_MARKET = {
    "CLOTHING": ("Coat", "Jeans", "T-Shirt", "Hoodie", "Dress", "Leggings", "Polo Shirt", "Bra"),
    "SHOES": ("Sneakers", "Boots", "Sandals", "Pumps", "Slides"),
    "ACCESSORIES": ("Backpack", "Tote Bag", "Belt", "Cap", "Socks", "Sunglasses"),
}
_MARKET_TITLES = (
    "{brand} {who}'s {style} {cloth} {word}, {colour}, {size}",
    "{brand} {model} {word} {style} for {who} ({colour})",
    "{BRAND} {word} {who} {style} - {colour} Size {size}",
    "{who}'s {style} {word} with {detail} | {cloth} | {colour}",
    "{word} with {detail} 2-pack",
)
_MARKET_COLOURS = ("Black", "Off White", "Navy Blue", "Dark Grey", "Heather Grey", "Olive", "Sand", "Ecru", "Rust",
                   "Lilac", "Hot Pink", "Mint", "Cobalt", "Stone", "Coral", "Gold", "Burgundy", "Blush")  # fmt: skip


def sample_market_rows(num_rows: int = 400, seed: int = 0) -> tuple[list[Product], dict[str, dict[str, str]]]:
    """Sample an invented market place: titles with brands, models, people, sizes and colours; fine leaves.

    Leaves of SOCKS and BRAS sell what is not drawn. Returns the rows and the cells of the column `colour`.
    """
    rng = random.Random(seed)
    brands = ("Norvik", "Veltano", "Kassen", "Trilume", "Ostridge")
    found: list[Product] = []
    own: dict[str, dict[str, str]] = {}
    while len(found) < num_rows:
        who = rng.choices(("Women", "Men", "Kids"), (4, 4, 2))[0]
        group = rng.choices(list(_MARKET), (5, 3, 3))[0]
        word = rng.choice(_MARKET[group])
        if who == "Men" and word in ("Dress", "Pumps", "Bra"):
            continue
        brand = rng.choice(brands)
        facts = {
            "brand": brand, "BRAND": brand.upper(), "who": who, "word": word, "model": f"X{rng.randint(10, 999)}",
            "style": rng.choice(("Slim Fit", "Casual", "Classic", "Waterproof", "Running", "High Waist")),
            "cloth": rng.choice(("Cotton", "Leather", "Nylon", "Recycled Polyester")),
            "detail": rng.choice(("logo", "belt", "pockets", "hood")), "size": rng.choice(("S", "XL", "42")),
        }  # fmt: skip
        form, full = rng.choice(_MARKET_TITLES), round(rng.lognormvariate(4, 0.6) / 10) * 10 + 9.99
        for colour in rng.sample(_MARKET_COLOURS, rng.randint(1, 3)):
            code = f"{30_000_000 + len(found)}"
            own[code] = {"colour": colour}
            found.append(
                Product(
                    website_name="Bazaar Umbral",
                    country_code="USA",
                    currency_code="USD",
                    brand=brand,
                    category1_code=who.upper(),
                    category2_code=group,
                    category3_code=f"{word}s".replace("ss", "s").upper() if rng.random() < 0.8 else "NEW",
                    product_code=code,
                    title=form.format(colour=colour, **facts),
                    full_price=full,
                    price=full,
                    flg_discount=0,
                    family=f"market-{len(own)}",
                    split="train",
                    source="market",
                    inferable=True,
                )
            )
    return found, own
