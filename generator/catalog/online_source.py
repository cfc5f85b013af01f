"""Rows straight from a catalog spec: product i is rendered when it is asked for, and no catalog is written.

The rows and pixels are those that `toile generate` writes with the same seed, number of products and image size: the
same rows in the same order, and images go through the same JPEG file. `OnlineRows` holds the spec and the numbers of
its products, four bytes each, so it is cheap to send to worker processes. Training opens it in `finetune.data_mix`.

Shapes: N rows.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
from PIL import Image

from generator.catalog.shards import GenerateInputs, encode_jpeg
from generator.render import draw
from generator.sampling.products import check_codes, compile_catalog, product, rows
from schemas.catalog import CatalogSpec
from schemas.documents import read_document
from schemas.errors import ToileError, suggest
from schemas.evaluation import SPLITS
from schemas.images import decode_rgb
from schemas.manifest import versions
from schemas.product import Product
from schemas.training import DrawSpec
from schemas.util.files import sha256_of
from schemas.validation import from_document, list_presets

Numbers = npt.NDArray[np.int32]
BATCH_ROWS = 20_000
"""Rows in memory at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineRows:
    """The usable rows of one split of a spec's catalog: those with title, category and price."""

    name: Path
    """The spec's file, or the preset's name."""
    spec: CatalogSpec
    seed: int
    image_size: int
    """Longer edge of the images in px."""
    photo: str
    index_N: Numbers
    """The product number of each row, ascending."""
    num_skipped: int
    """Rows of the split without title, category or price."""
    content_sha256: str
    """Of what decides rows and images: spec, seed, number of products, image size, versions."""

    def render(self, row: int) -> tuple[Product, Image.Image]:
        """Return one product and its RGB image; as long as `toile generate` takes for it, and a few milliseconds."""
        sampled = product(self.spec, self.seed, int(self.index_N[row]))
        image = decode_rgb(encode_jpeg(draw(sampled, self.image_size, self.photo)))
        return sampled, image

    def iterate_keys(self, batch_rows: int = BATCH_ROWS) -> Iterator[dict[str, str]]:
        """Yield product_code, family and attributes (JSON) of every row; `batch_rows` are in memory at once."""
        for first in range(0, len(self.index_N), batch_rows):
            batch = rows(self.spec, self.seed, self.index_N[first : first + batch_rows].astype(np.int64))
            yield from batch.select(["product_code", "family", "attributes"]).to_pylist()


def open_online_rows(path: Path, split: str, drawing: DrawSpec, batch_rows: int = BATCH_ROWS) -> OnlineRows | None:
    """Return the usable rows of one split of a spec's catalog, or None when there are none.

    `path` is a spec's file, `drawing` says which products. `batch_rows` are in memory
    at once.
    Raises ToileError for a path that is no spec and no preset, for a spec with a fault, and for one whose products
    cannot be rendered while training.
    """
    catalog = _read(path, drawing)
    index_N, num_skipped = _usable_rows(catalog, batch_rows)[split]
    if not len(index_N):
        return None
    return OnlineRows(
        name=catalog.name,
        spec=catalog.spec,
        seed=drawing.seed,
        image_size=drawing.image_size,
        photo=drawing.photo,
        index_N=index_N,
        num_skipped=num_skipped,
        content_sha256=catalog.content_sha256,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Catalog:
    """A spec, and which of its products; equal to another one with the same content."""

    content_sha256: str
    name: Path = field(compare=False)
    spec: CatalogSpec = field(compare=False)
    drawing: DrawSpec = field(compare=False)


def _read(path: Path, drawing: DrawSpec) -> _Catalog:
    """Read and check the spec, or the preset, of this name."""
    shipped = list_presets("catalog")
    if not path.exists():
        problem = "is no shard folder, no catalog spec and no shipped preset"
        raise ToileError(str(path), problem, f"check the path; as a preset: {suggest(path.name, shipped)}")
    document: dict[str, Any] = read_document(path)
    spec: CatalogSpec = from_document(document, "catalog", str(path))
    if spec.scenarios:
        problem = "has scenarios, and faulty rows are not rendered while training"
        raise ToileError(f"{path}: scenarios", problem, "take them out, or name a folder made by `toile generate`")
    compile_catalog(spec, str(path))
    check_codes(spec, drawing.num_products)
    inputs = GenerateInputs(
        spec_document=document,
        seed=drawing.seed,
        start=0,
        num_products=drawing.num_products,
        image_size=drawing.image_size,
        photo=drawing.photo,
    )
    return _Catalog(
        name=Path(path.stem) if path in shipped.values() else path,
        spec=spec,
        drawing=drawing,
        content_sha256=sha256_of({**inputs.as_manifest(), "versions": versions("numpy", "pillow", "pyarrow")}),
    )


@functools.lru_cache(maxsize=8)
def _usable_rows(catalog: _Catalog, batch_rows: int) -> dict[str, tuple[Numbers, int]]:
    """Return split -> (numbers of its usable products, how many other products it has)."""
    found: dict[str, list[Numbers]] = {split: [] for split in SPLITS}
    total = dict.fromkeys(SPLITS, 0)
    for first in range(0, catalog.drawing.num_products, batch_rows):
        number_N = np.arange(first, min(first + batch_rows, catalog.drawing.num_products))
        batch = rows(catalog.spec, catalog.drawing.seed, number_N)
        usable = pc.and_(pc.is_valid(batch["title"]), pc.is_valid(batch["category3_code"]))
        usable_N = pc.and_(usable, pc.is_valid(batch["full_price"])).to_numpy(zero_copy_only=False)
        for split in SPLITS:
            of_split_N = pc.equal(batch["split"], split).to_numpy(zero_copy_only=False)
            found[split].append(number_N[of_split_N & usable_N].astype(np.int32))
            total[split] += int(of_split_N.sum())
    joined = {split: np.concatenate(parts) for split, parts in found.items()}
    return {split: (index_N, total[split] - len(index_N)) for split, index_N in joined.items()}
