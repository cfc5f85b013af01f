"""A small shard folder and table models, to test evaluation without rendered images or a neural network.

Every product has an image of its own single colour, so a table model identifies the product by one pixel.
"""

import hashlib
import io
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
from PIL import Image

from evaluation.models.base import Generated
from schemas.answer import render
from schemas.manifest import MANIFEST, Manifest, ShardFile
from schemas.product import Product, split_of, to_table
from schemas.util.files import as_document, write_json

CATEGORIES = ("Trench Coats", "T-shirts", "Bags", "Sneakers")
WORDS = ("cotton", "wool", "check", "quilted", "classic", "leather", "short", "long", "silk", "striped")


def colour_of(code: str) -> tuple[int, int, int]:
    """Return a colour unique to the product, neither grey nor the mean of other colours."""
    digest = hashlib.sha256(code.encode("utf-8", "surrogatepass")).digest()
    return digest[0], digest[1], digest[2]


def image_bytes(code: str, size: tuple[int, int] = (24, 32)) -> bytes:
    """Return a PNG file in the product's colour."""
    file = io.BytesIO()
    Image.new("RGB", size, colour_of(code)).save(file, "PNG")
    return file.getvalue()


def products(num: int, seed: int = 0, categories: Sequence[str] = CATEGORIES) -> list[Product]:
    """Return `num` products in families of one to three; prices vary around a price of the category."""
    draw = random.Random(seed)
    found: list[Product] = []
    while len(found) < num:
        family = f"family-{len(found)}"
        category = draw.choice(categories)
        for _ in range(min(draw.randint(1, 3), num - len(found))):
            code = f"{10_000_000 + len(found)}"
            found.append(
                Product(
                    product_code=code,
                    brand="Toile",
                    currency_code="USD",
                    category3_code=category,
                    title=f"{draw.choice(WORDS)} {draw.choice(WORDS)} {category} {len(found)}",
                    full_price=float(round((200 + 300 * categories.index(category)) * draw.lognormvariate(0, 0.5))),
                    image=image_bytes(code),
                    family=family,
                    split=split_of(family),
                    source="test",
                    inferable=True,
                )
            )
    return found


def write_shards(folder: Path, rows: Sequence[Product], inputs: Mapping[str, object] | None = None) -> Path:
    """Write one Parquet file per split and the manifest of a finished folder."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    files = []
    for split in ("train", "validation", "test"):
        members = [row for row in rows if row.split == split]
        if members:
            path = folder / "data" / f"{split}-00000-of-00001.parquet"
            pq.write_table(to_table(members), path)
            files.append(
                ShardFile(
                    path=path.relative_to(folder).as_posix(),
                    split=split,
                    num_rows=len(members),
                    num_bytes=path.stat().st_size,
                    sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
                )
            )
    manifest = Manifest(
        kind="import",
        finished=True,
        inputs=inputs or {},
        files=tuple(files),
        num_products=len(rows),
        num_shards=1,
        versions={},
        seconds=0.0,
    )
    write_json(folder / MANIFEST, as_document(manifest))
    return folder


def relist(folder: Path) -> None:
    """Update sizes and sha256 in the manifest after a test has rewritten files."""
    document = json.loads((folder / MANIFEST).read_text())
    for entry in document["files"]:
        content = (folder / entry["path"]).read_bytes()
        entry |= {"num_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    write_json(folder / MANIFEST, document)


def in_split(rows: Sequence[Product], split: str = "test") -> list[Product]:
    """Return the rows, all in one split."""
    return [replace(row, split=split) for row in rows]


class TableModel:
    """A model that looks up its answer by the image's colour; records every question."""

    def __init__(self, answers: Mapping[tuple[int, int, int], str], otherwise: str = "I see one colour.") -> None:
        self.answers = answers
        self.otherwise = otherwise
        self.batches: list[int] = []
        self.prompts: set[str] = set()

    def generate(self, images: Sequence[Image.Image], prompts: Sequence[str]) -> list[Generated]:
        self.batches.append(len(images))
        self.prompts.update(prompts)
        colours = [seen.getpixel((0, 0)) for seen in images]
        return [
            Generated(text=self.answers.get(colour, self.otherwise), truncated=False)  # type: ignore[arg-type]
            for colour in colours
        ]


def truth(product: Product) -> str:
    """Return the correct answer."""
    return render(product.title or "", product.category3_code or "", product.full_price or 0.0)


def table_model(rows: Sequence[Product], answer: Callable[[Product], str] = truth, otherwise: str = "?") -> TableModel:
    """Return a model that answers `answer(product)` to the product's image."""
    return TableModel({colour_of(row.product_code): answer(row) for row in rows}, otherwise)


def guessing(rows: Sequence[Product], right: Mapping[str, float], seed: int = 0) -> TableModel:
    """Return a model with planted accuracies: category, title and price are each right with the given probability."""
    draw = random.Random(seed)
    names = sorted({row.category3_code or "" for row in rows})

    def answer(row: Product) -> str:
        category, title, price = row.category3_code or "", row.title or "", row.full_price or 0.0
        if draw.random() >= right["category"]:
            category = draw.choice([name for name in names if name != category])
        title = title if draw.random() < right["title"] else "something else"
        price = price * (draw.uniform(0.85, 1.15) if draw.random() < right["price"] else draw.choice([0.5, 2.0]))
        return render(title, category, round(price, 2))

    return table_model(rows, answer)
