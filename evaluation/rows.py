"""The rows that an evaluation is about: those of one split that have a title, a category, a price and an image.

Rows that are left out are listed with the reason. Encoded images stay in memory (about 50 kB each), decoded ones do
not.
"""

import contextlib
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec, Prediction
from schemas.images import BadImageError, decode_rgb, strip_metadata, upright_size
from schemas.product import Product, open_shard, read, shard_files
from schemas.result import Skipped
from schemas.util.console import Advance, progress_bar
from schemas.util.files import text_sha256

ENCODED_FILE = "stored"
"""Key of `Image.info`: the image file that was decoded, without metadata, for a model that reads files itself."""
NO_IMAGE = "no picture"
"""Reason in `missing_part` and in the skipped rows of a result."""


def new_prediction(product: Product, protocol: str, control: str, answer: str, **more: Any) -> Prediction:
    """Return the prediction of a row: what scoring needs of the row, the answer, and further fields of `Prediction`.

    `shown` is the product's own code for control `none`, and `truncated` False, unless they are given.
    """
    given: dict[str, Any] = {"shown": product.product_code if control == "none" else None, "truncated": False} | more
    return Prediction(
        product_code=product.product_code,
        family=product.family,
        split=product.split,
        source=product.source,
        inferable=product.inferable,
        protocol=protocol,
        control=control,
        answer=answer,
        **given,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """One split of a catalog, ready to be evaluated."""

    folder: Path
    num_rows: int
    """Rows of the split, before skipping and `limit`."""
    products: tuple[Product, ...]
    """The rows to evaluate, with encoded images, in file order; every code appears once."""
    skipped: tuple[Skipped, ...]
    sizes: Mapping[str, tuple[int, int]]
    """Width and height in pixels of each product's image, by product code."""
    mean_colour: tuple[int, int, int]
    """sRGB; the mean over images of each image's mean colour. Mid grey without any image."""


def read_rows(folder: Path, spec: EvaluationSpec, *, quiet: bool = False) -> Rows:
    """Read the rows of `spec.split`; under `spec.limit` those whose hash of seed and code comes first, in file order.

    Every image is decoded once at low resolution, so that a damaged one is found before the model runs.
    """
    products: list[Product] = []
    skipped: list[Skipped] = []
    seen: set[str] = set()
    for product in read(folder, split=spec.split):
        if product.product_code in seen:
            raise ToileError(
                str(folder),
                f"the code {product.product_code!r} appears twice in {spec.split}",
                "remove one of the rows, or generate the catalog without the scenario duplicate",
            )
        seen.add(product.product_code)
        reason = missing_part(product)
        if reason:
            skipped.append(Skipped(product_code=product.product_code, reason=reason))
        else:
            products.append(product)
            _keep_first(products, spec)
    chosen = _apply_limit(products, spec)
    with progress_bar("reading rows", len(chosen), quiet=quiet) as advance:
        sizes, mean_colour = _measure_images(chosen, folder, advance)
    return Rows(
        folder=folder,
        num_rows=len(seen),
        products=tuple(chosen),
        skipped=tuple(skipped),
        sizes=sizes,
        mean_colour=mean_colour,
    )


def missing_part(product: Product) -> str | None:
    """Return why a row cannot be evaluated (`no title`, `no category`, `no price`, NO_IMAGE), or None."""
    price = product.full_price
    present = {
        "no title": bool(product.title),
        "no category": bool(product.category3_code),
        "no price": price is not None and math.isfinite(price) and price > 0,
        NO_IMAGE: bool(product.image),
    }
    return next((reason for reason, is_present in present.items() if not is_present), None)


def train_rows(folder: Path) -> Iterator[Product]:
    """Read title, category and price of the train split, to which the baselines are fitted."""
    return read(folder, split="train", columns=("title", "category3_code", "full_price"))


def ground_truth(folder: Path, split: str, codes: Collection[str]) -> list[Product]:
    """Read the rows of these codes without images, in file order; codes that do not exist are left out."""
    columns = ("title", "category3_code", "full_price", "currency_code", "attributes")
    return [product for product in read(folder, split=split, columns=columns) if product.product_code in codes]


def read_encoded_images(folder: Path, split: str, codes: Collection[str]) -> dict[str, bytes]:
    """Read the image files of these codes; rows without an image are left out."""
    found = (p for p in read(folder, split=split, columns=("image",)) if p.product_code in codes)
    return {product.product_code: product.image for product in found if product.image}


def decode_image(product: Product, folder: Path) -> Image.Image:
    """Return the product's pixels as `schemas.images.decode_rgb` does; `info[ENCODED_FILE]` is the file.

    The file has no metadata: a comment or a caption in it may name what the model is asked. Without a JPEG or PNG file
    there is no such entry.

    Raises a ToileError with shard and code for an image that cannot be decoded.
    """
    with _broken_images(product, folder):
        image = decode_rgb(product.image or b"")
    stripped = strip_metadata(product.image or b"")
    if stripped is not None:
        image.info[ENCODED_FILE] = stripped
    return image


def _measure_images(
    products: Sequence[Product], folder: Path, advance: Advance
) -> tuple[dict[str, tuple[int, int]], tuple[int, int, int]]:
    sizes: dict[str, tuple[int, int]] = {}
    total = [0, 0, 0]
    for product in products:
        with _broken_images(product, folder):
            sizes[product.product_code] = upright_size(product.image or b"")
            coarse = decode_rgb(product.image or b"", draft_px=16)  # JPEG decodes at an eighth of its size
        for channel, value in enumerate(coarse.resize((1, 1), Image.Resampling.BOX).tobytes()):
            total[channel] += value
        advance(1)
    mean = [round(value / len(sizes)) for value in total] if sizes else [128, 128, 128]
    return sizes, (mean[0], mean[1], mean[2])


@contextlib.contextmanager
def _broken_images(product: Product, folder: Path) -> Iterator[None]:
    """Turn BadImageError into a ToileError with the shard and the code of the product."""
    try:
        yield
    except BadImageError as error:
        raise ToileError(
            f"{_find_shard(product, folder)}: product {product.product_code}",
            f"the image {error.problem}",
            "generate the catalog without a scenario that breaks images; `toile import` rejects such rows",
        ) from error


def _find_shard(product: Product, folder: Path) -> Path:
    for entry in shard_files(folder, product.split)[1]:
        with open_shard(folder, entry) as parquet:
            if product.product_code in parquet.read(["product_code"])["product_code"].to_pylist():
                return folder / entry.path
    return folder


def _limit_key(product: Product, spec: EvaluationSpec) -> str:
    return text_sha256(f"{spec.seed}:{product.product_code}")


def _keep_first(products: list[Product], spec: EvaluationSpec) -> None:
    """Bound memory under a limit: at most twice the limit is kept."""
    if spec.limit is not None and len(products) >= 2 * spec.limit + 100:
        products[:] = _apply_limit(products, spec)


def _apply_limit(products: Sequence[Product], spec: EvaluationSpec) -> list[Product]:
    if spec.limit is None or len(products) <= spec.limit:
        return list(products)
    last = sorted(_limit_key(product, spec) for product in products)[spec.limit - 1]
    return [product for product in products if _limit_key(product, spec) <= last]
