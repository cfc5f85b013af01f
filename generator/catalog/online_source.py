"""Training rows straight from a catalog spec: product i is drawn when it is asked for, and nothing lies on disk.

What a spec gives is what `toile generate` writes with the same seed, number of products and picture size: the same
rows in the same order and, since pictures go through the same JPEG file, the same pixels. A source holds the spec and
the numbers of its products, four bytes each, so it goes to worker processes cheaply.
"""

import functools
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
from PIL import Image

from generator.catalog.shards import GenerateInputs, jpeg
from generator.render import draw
from generator.sampling.products import check_codes, compile_catalog, product, rows
from schemas.catalog import CatalogSpec
from schemas.documents import read_document
from schemas.errors import ToileError, suggest
from schemas.manifest import versions
from schemas.product import SPLITS
from schemas.training import DrawSpec, MixSource
from schemas.util.files import sha256_of
from schemas.validation import from_document, presets

E = TypeVar("E")
Numbers = npt.NDArray[np.int32]
_BATCH = 20_000
"""Rows in memory at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnSource(Generic[E]):
    """The rows of one split of a spec's catalog that can be learned from; fulfils `finetune.data_mix.Source`."""

    folder: Path
    """Its name: the spec's file, or the preset's name."""
    spec: CatalogSpec
    seed: int
    image_size: int
    photo: str
    index_N: Numbers
    """The product number of each row, ascending."""
    num_skipped: int
    """Rows of the split without title, category or price: no examples."""
    content_sha256: str
    """Of what decides the rows and pictures: spec, seed, number of products, picture size, versions."""
    record: Callable[..., E]
    """Makes the example of title, category, full_price and picture."""

    @property
    def num_examples(self) -> int:
        return len(self.index_N)

    def currencies(self) -> set[str | None]:
        return {self.spec.shop.currency_code}

    def example(self, row: int) -> E:
        """The example of one row, drawn now; as long as `toile generate` takes for it, and a few milliseconds."""
        drawn = product(self.spec, self.seed, int(self.index_N[row]))
        picture = Image.open(io.BytesIO(jpeg(draw(drawn, self.image_size, self.photo)))).convert("RGB")
        return self.record(
            title=drawn.title, category=drawn.category3_code, full_price=drawn.full_price, picture=picture
        )

    def seen(self) -> Iterator[dict[str, str | None]]:
        """Code and family of every row; no hash, which would take drawing them all."""
        for first in range(0, len(self.index_N), _BATCH):
            batch = rows(self.spec, self.seed, self.index_N[first : first + _BATCH].astype(np.int64))
            for row in batch.select(["product_code", "family"]).to_pylist():
                yield {**row, "picture_sha256": None}


def opener(mix: Sequence[MixSource], record: Callable[..., E]) -> Callable[[Path, str], DrawnSource[E] | None]:
    """A function (what the mix names, split) -> its rows, None when there are none, for every spec of the mix.

    `record` makes an example of title, category, full_price and picture. Specs are read and checked here, once. Raises
    ToileError for an entry that is no folder, spec or preset, for a spec with a fault, and for `draw` where it does not
    belong.
    """
    catalogs: dict[Path, _Catalog] = {}
    for entry in mix:
        path = Path(entry.data)
        if path.is_dir():
            if entry.draw is not None:
                problem = "is a folder, whose products are drawn already, and its entry says draw"
                raise ToileError(f"mix: {path}", problem, "leave out draw, or name a catalog spec")
            continue
        drawing = entry.draw or DrawSpec()
        if path in catalogs and catalogs[path].drawing != drawing:
            hint = "raise num_products of one entry, or copy the spec under another name"
            raise ToileError(f"mix: {path}", "is there twice, drawn in two ways", hint)
        catalogs[path] = catalogs.get(path) or _read(path, drawing)

    def open_drawn(path: Path, split: str) -> DrawnSource[E] | None:
        catalog = catalogs[path]
        index_N, num_skipped = _learnable(catalog)[split]
        if not len(index_N):
            return None
        return DrawnSource(
            folder=catalog.name,
            spec=catalog.spec,
            seed=catalog.drawing.seed,
            image_size=catalog.drawing.image_size,
            photo=catalog.drawing.photo,
            index_N=index_N,
            num_skipped=num_skipped,
            content_sha256=catalog.content_sha256,
            record=record,
        )

    return open_drawn


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Catalog:
    """A spec of the mix, and which of its products."""

    name: Path
    spec: CatalogSpec
    drawing: DrawSpec
    content_sha256: str


def _read(path: Path, drawing: DrawSpec) -> _Catalog:
    shipped = presets("catalog")
    if not path.exists():
        problem = "is no shard folder, no catalog spec and no shipped preset"
        raise ToileError(str(path), problem, f"check the path; as a preset: {suggest(path.name, shipped)}")
    document: dict[str, Any] = read_document(path)
    spec: CatalogSpec = from_document(document, "catalog", str(path))
    if spec.scenarios:
        problem = "has scenarios, and faulty rows are not drawn while training"
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
def _learnable(catalog: _Catalog) -> dict[str, tuple[Numbers, int]]:
    """Split -> the numbers of its products that can be learned from, and how many others it has."""
    found: dict[str, list[Numbers]] = {split: [] for split in SPLITS}
    total = dict.fromkeys(SPLITS, 0)
    for first in range(0, catalog.drawing.num_products, _BATCH):
        number_N = np.arange(first, min(first + _BATCH, catalog.drawing.num_products))
        batch = rows(catalog.spec, catalog.drawing.seed, number_N)
        usable = pc.and_(pc.is_valid(batch["title"]), pc.is_valid(batch["category3_code"]))
        usable_N = pc.and_(usable, pc.is_valid(batch["full_price"])).to_numpy(zero_copy_only=False)
        for split in SPLITS:
            of_split_N = pc.equal(batch["split"], split).to_numpy(zero_copy_only=False)
            found[split].append(number_N[of_split_N & usable_N].astype(np.int32))
            total[split] += int(of_split_N.sum())
    joined = {split: np.concatenate(parts) for split, parts in found.items()}
    return {split: (index_N, total[split] - len(index_N)) for split, index_N in joined.items()}
