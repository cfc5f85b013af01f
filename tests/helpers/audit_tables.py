"""Rows that represent a real shop, an independent synthetic catalog of it, and leaks planted into that catalog."""

import copy
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from generator.sampling.products import products
from schemas.catalog import CatalogSpec
from schemas.documents import read_document
from schemas.product import Product
from schemas.validation import from_document

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
        own, prices = rows[place], [row.full_price or 0.0, row.price or 0.0]
        if price_noise:
            prices = [round(price * factor, 2) for price in prices]
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
