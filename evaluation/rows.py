"""The rows that an evaluation is about: those of the split that have a title, a category, a price and a picture.

What is left out is listed with its reason. Encoded pictures stay in memory (about 50 kB each), decoded ones do not.
"""

import hashlib
import io
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from schemas.errors import BROKEN_IMAGE_ERRORS, ToileError
from schemas.evaluation import EvaluationSpec
from schemas.product import Product, open_shard, read, shard_files
from schemas.result import Skipped
from schemas.util.console import Advance, progress_bar

STORED = "stored"
"""Key of `Image.info`: the picture file that was decoded, for a model that reads files itself."""
_UNREADABLE = (*BROKEN_IMAGE_ERRORS, Image.DecompressionBombError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """One split of a shard folder, ready to be evaluated."""

    folder: Path
    num_rows: int
    """Rows of the split, before skipping and `limit`."""
    products: tuple[Product, ...]
    """What is evaluated, with encoded pictures, in file order; every code appears once."""
    skipped: tuple[Skipped, ...]
    sizes: Mapping[str, tuple[int, int]]
    """Width and height in pixels of each product's picture, by product code."""
    mean_colour: tuple[int, int, int]
    """sRGB; the mean over pictures of each picture's mean colour. Mid grey when there is no picture."""


def read_rows(folder: Path, spec: EvaluationSpec, *, quiet: bool = False) -> Rows:
    """The rows of `spec.split`; under `spec.limit` those whose hash of seed and code comes first, in file order.

    Every picture is decoded once, small, so that a damaged one is found before the model has spent an hour.
    """
    products: list[Product] = []
    skipped: list[Skipped] = []
    seen: set[str] = set()
    for product in read(folder, split=spec.split):
        if product.product_code in seen:
            raise ToileError(
                str(folder),
                f"the code {product.product_code!r} appears twice in {spec.split}",
                "take one of the rows out, or make the folder again, without the scenario duplicate",
            )
        seen.add(product.product_code)
        reason = missing_part(product)
        if reason:
            skipped.append(Skipped(product_code=product.product_code, reason=reason))
        else:
            products.append(product)
            _keep_first(products, spec)
    chosen = _chosen(products, spec)
    with progress_bar("looking at rows", len(chosen), quiet=quiet) as advance:
        sizes, mean_colour = _survey(chosen, folder, advance)
    return Rows(
        folder=folder,
        num_rows=len(seen),
        products=tuple(chosen),
        skipped=tuple(skipped),
        sizes=sizes,
        mean_colour=mean_colour,
    )


def missing_part(product: Product) -> str | None:
    """Why a row cannot be evaluated (`no title`, `no category`, `no price`, `no picture`), or None."""
    price = product.full_price
    present = {
        "title": bool(product.title),
        "category": bool(product.category3_code),
        "price": price is not None and math.isfinite(price) and price > 0,
        "picture": bool(product.image),
    }
    return next((f"no {part}" for part, there in present.items() if not there), None)


def train_rows(folder: Path) -> Iterator[Product]:
    """The train split with nothing but title, category and price: what the baselines are fitted on."""
    return read(folder, split="train", columns=("title", "category3_code", "full_price"))


def truths(folder: Path, split: str, codes: Collection[str]) -> list[Product]:
    """The rows of these codes without pictures, in file order; a code that is not there is left out."""
    columns = ("title", "category3_code", "full_price", "currency_code")
    return [product for product in read(folder, split=split, columns=columns) if product.product_code in codes]


def encoded_pictures(folder: Path, split: str, codes: Collection[str]) -> dict[str, bytes]:
    """The picture files of these codes; a row without one is left out."""
    found = (p for p in read(folder, split=split, columns=("image",)) if p.product_code in codes)
    return {product.product_code: product.image for product in found if product.image}


def decoded(product: Product, folder: Path) -> Image.Image:
    """The product's picture as RGB, transparency dropped as the published processor does.

    A picture that cannot be decoded raises a ToileError naming its shard and code.
    """
    picture = _converted(_opened(product, folder), product, folder)
    picture.info[STORED] = product.image
    return picture


def _survey(
    products: Sequence[Product], folder: Path, advance: Advance
) -> tuple[dict[str, tuple[int, int]], tuple[int, int, int]]:
    sizes: dict[str, tuple[int, int]] = {}
    total = [0, 0, 0]
    for product in products:
        picture = _opened(product, folder)
        sizes[product.product_code] = picture.size
        picture.draft("RGB", (16, 16))  # JPEG decodes at an eighth of its size
        small = _converted(picture, product, folder).resize((1, 1), Image.Resampling.BOX)
        for channel, value in enumerate(small.tobytes()):
            total[channel] += value
        advance(1)
    mean = [round(value / len(sizes)) for value in total] if sizes else [128, 128, 128]
    return sizes, (mean[0], mean[1], mean[2])


def _opened(product: Product, folder: Path) -> Image.Image:
    assert product.image is not None, product.product_code
    try:
        return Image.open(io.BytesIO(product.image))
    except _UNREADABLE as error:
        raise _damaged(product, folder, error) from error


def _converted(picture: Image.Image, product: Product, folder: Path) -> Image.Image:
    try:
        return (picture.convert("RGBA") if picture.mode == "P" else picture).convert("RGB")
    except _UNREADABLE as error:
        raise _damaged(product, folder, error) from error


def _damaged(product: Product, folder: Path, error: Exception) -> ToileError:
    return ToileError(
        f"{_shard_of(product, folder)}: product {product.product_code}",
        f"the picture cannot be decoded: {error}",
        "make the folder again, without a scenario that breaks pictures; `toile import` rejects such rows",
    )


def _shard_of(product: Product, folder: Path) -> Path:
    for entry in shard_files(folder, product.split)[1]:
        with open_shard(folder, entry) as parquet:
            if product.product_code in parquet.read(["product_code"])["product_code"].to_pylist():
                return folder / entry.path
    return folder


def _rank(product: Product, spec: EvaluationSpec) -> bytes:
    name = f"{spec.seed}:{product.product_code}"
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()


def _keep_first(products: list[Product], spec: EvaluationSpec) -> None:
    """Bounds memory under a limit: at most twice the limit stays."""
    if spec.limit is not None and len(products) >= 2 * spec.limit + 100:
        products[:] = _chosen(products, spec)


def _chosen(products: Sequence[Product], spec: EvaluationSpec) -> list[Product]:
    if spec.limit is None or len(products) <= spec.limit:
        return list(products)
    last = sorted(_rank(product, spec) for product in products)[spec.limit - 1]
    return [product for product in products if _rank(product, spec) <= last]
