"""Mix shard folders and catalog specs into one stream of examples.

    sources = open_mix([MixSource(data="data/real"), MixSource(data="data/synthetic", weight=2.0)], "train")

The order is a pure function of (sizes, weights, seed) and needs no state: example t of a run is the same after a
restart, on any machine, for any batch size.
"""

import functools
import hashlib
import itertools
import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from schemas.appearance import appearance_sha256
from schemas.errors import ToileError
from schemas.fingerprints import fingerprint, pixel_sha256
from schemas.images import BadImageError, decode_rgb
from schemas.manifest import require_images
from schemas.product import open_shard, shard_files
from schemas.training import DrawSpec, MixSource
from schemas.util.files import sha256_of

if TYPE_CHECKING:
    from generator.catalog.online_source import OnlineRows

_GOLDEN_RATIO = (math.sqrt(5) - 1) / 2
_COLUMNS = [
    *("product_code", "family", "source", "currency_code", "title", "category3_code", "full_price", "image"),
    "attributes",
]
_SEEN_CHUNK_ROWS = 200
"""Rows whose encoded images are in Python's memory at once."""

_MAX_THREADS = 8

IntArray = npt.NDArray[np.int64]
SeenRow = dict[str, Any]
"""A line of `seen.parquet`, with the columns of `finetune.run_dir.SEEN_SCHEMA`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """What a model learns from one product."""

    title: str
    category: str
    full_price: float
    image: Image.Image
    """RGB."""


class Source(Protocol):
    """The usable rows of one split: those with title, category, price and image."""

    @property
    def folder(self) -> Path:
        """The source's name: a shard folder, a spec file, or a shipped preset."""

    @property
    def num_examples(self) -> int:
        """Usable rows."""

    @property
    def num_skipped(self) -> int:
        """Rows without title, category, price or image."""

    @property
    def content_sha256(self) -> str:
        """Hash of the content: the same catalog made twice has the same."""

    def currencies(self) -> set[str | None]:
        """Return the currencies of the prices; None where a row does not name one."""

    def example(self, row: int) -> Example:
        """Return the decoded example of a row."""

    def seen(self) -> Iterator[SeenRow]:
        """Yield the line of `seen.parquet` of every row, without the training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardSource:
    """The usable rows of one split of a shard folder, as an Arrow table with encoded images."""

    folder: Path
    table: pa.Table
    num_skipped: int
    """Rows without title, category, price or image."""
    content_sha256: str
    """Hash of the hashes of all the folder's files."""

    @property
    def num_examples(self) -> int:
        return int(self.table.num_rows)

    def currencies(self) -> set[str | None]:
        return set(pc.unique(self.table["currency_code"]).to_pylist())

    def example(self, row: int) -> Example:
        """Return the decoded example. Raises ToileError, with the product's code, for an image that does not decode."""
        values: dict[str, Any] = {name: self.table[name][row].as_py() for name in _COLUMNS}
        try:
            image = decode_rgb(values["image"]["bytes"])
        except BadImageError as error:
            where = f"{self.folder}: product {values['product_code']}"
            hint = "remove the row, or make the folder again without a scenario that breaks images"
            raise ToileError(where, f"has an image that {error.problem}", hint) from error
        return Example(
            title=values["title"],
            category=values["category3_code"],
            full_price=values["full_price"],
            image=image,
        )

    def seen(self) -> Iterator[SeenRow]:
        columns = self.table.select(["product_code", "family", "image", "attributes"])
        rows = (
            (row["product_code"], row["family"], row["image"]["bytes"], json.loads(row["attributes"] or "null"))
            for batch in columns.to_batches(max_chunksize=_SEEN_CHUNK_ROWS)
            for row in batch.to_pylist()
        )
        yield from describe_rows(rows, str(self.folder))


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecSource:
    """The usable rows of one split of a catalog spec; each image is rendered when it is asked for."""

    rows: "OnlineRows"

    @property
    def folder(self) -> Path:
        return self.rows.name

    @property
    def num_examples(self) -> int:
        return len(self.rows.index_N)

    @property
    def num_skipped(self) -> int:
        return self.rows.num_skipped

    @property
    def content_sha256(self) -> str:
        return self.rows.content_sha256

    def currencies(self) -> set[str | None]:
        return {self.rows.spec.shop.currency_code}

    def example(self, row: int) -> Example:
        product, image = self.rows.render(row)
        assert product.title is not None, row
        assert product.category3_code is not None, row
        assert product.full_price is not None, row
        return Example(title=product.title, category=product.category3_code, full_price=product.full_price, image=image)

    def seen(self) -> Iterator[SeenRow]:
        """Yield code, family and what is drawn of every row; no image is rendered for it."""
        for row in self.rows.iterate_keys():
            attributes = json.loads(row["attributes"] or "null")
            yield describe_row(row["product_code"], row["family"], None, attributes, str(self.folder))


def open_mix(mix: Sequence[MixSource], split: str) -> list[Source]:
    """Open every entry of a mix.

    Raises ToileError for an entry that is neither folder nor spec nor preset, for a spec with a fault, for one without
    usable rows, for `draw` on a folder, and for a mix of currencies.
    """
    check_mix(mix)
    sources = [open_source(Path(entry.data), split, entry.draw) for entry in mix]
    check_currencies(sources)
    return sources


def open_source(data: Path, split: str, draw: DrawSpec | None = None) -> Source:
    """Return the usable rows of a split. Raises ToileError for a folder or a spec without any."""
    source = find_source(data, split, draw)
    if source is None:
        if data.is_dir():
            require_images(data)
        problem = f"has no {split} row with title, category, price and image"
        hint = "generate with images, or import with --column for what is missing"
        if not data.is_dir():
            hint = "raise num_products, as in draw: {num_products: 10000}, or give its categories a leaf"
        raise ToileError(str(data), problem, hint)
    return source


def find_source(data: Path, split: str, draw: DrawSpec | None = None) -> Source | None:
    """Return the usable rows of a split, or None when there are none.

    `data` is a shard folder or a catalog spec; `draw` says which of the spec's products.
    """
    if not data.is_dir():
        from generator.catalog.online_source import open_online_rows

        rows = open_online_rows(data, split, draw or DrawSpec())
        return None if rows is None else SpecSource(rows=rows)
    manifest, entries = shard_files(data, split)
    tables = []
    for entry in entries:
        with open_shard(data, entry) as parquet:
            tables.append(parquet.read(_COLUMNS))
    if not tables:
        return None
    table = pa.concat_tables(tables)
    usable = table.filter(_find_usable(table))
    if usable.num_rows == 0:
        return None
    return ShardSource(
        folder=data,
        table=usable,
        num_skipped=table.num_rows - usable.num_rows,
        content_sha256=sha256_of([(entry.path, entry.sha256) for entry in manifest.files]),
    )


def _find_usable(table: pa.Table) -> pa.ChunkedArray:
    """Return true for rows with a title, a category, a price above 0 and an image file that is not empty."""
    image = pc.struct_field(table["image"], "bytes")
    lengths = [pc.binary_length(each) for each in (table["title"], table["category3_code"], image)]
    return functools.reduce(pc.and_, [pc.greater(each, 0) for each in (*lengths, table["full_price"])])


def check_mix(mix: Sequence[MixSource]) -> None:
    """Raise ToileError for `draw` on a folder, and for one spec with two different settings of `draw`."""
    drawings: dict[Path, DrawSpec] = {}
    for entry in mix:
        path = Path(entry.data)
        if path.is_dir():
            if entry.draw is not None:
                problem = "is a folder, whose products are rendered already, but its entry has draw"
                raise ToileError(f"mix: {path}", problem, "leave out draw, or name a catalog spec")
            continue
        drawing = entry.draw or DrawSpec()
        if drawings.setdefault(path, drawing) != drawing:
            hint = "raise num_products of one entry, or copy the spec under another name"
            raise ToileError(f"mix: {path}", "is there twice with different settings of draw", hint)


def check_currencies(sources: Sequence[Source]) -> None:
    """Raise ToileError for a mix of currencies: a price without its currency cannot be learned."""
    found: dict[str | None, Path] = {}
    for source in sources:
        for currency in sorted(source.currencies(), key=str):
            found.setdefault(currency, source.folder)
    if len(found) > 1:
        listed = ", ".join(f"{currency} in {folder}" for currency, folder in found.items())
        raise ToileError("mix", f"has more than one currency: {listed}", "import again with --rate and --currency")


def mix(sizes: Sequence[int], weights: Sequence[float], seed: int, start: int, stop: int) -> tuple[IntArray, IntArray]:
    """Return source and row numbers of examples start..stop-1 of the endless mixed stream.

    Sources alternate by a golden-ratio sequence, so that any stretch keeps the weights closely (Niederreiter 1992,
    section 3.1: discrepancy of Kronecker sequences). Within a source every row comes once an epoch, in an order of its
    own.
    """
    assert len(sizes) == len(weights), (sizes, weights)
    assert min(*sizes, *weights) > 0, (sizes, weights)
    offset = np.random.default_rng([seed, 0]).random()
    points = (offset + _GOLDEN_RATIO * np.arange(stop)) % 1.0
    edges = np.cumsum(weights) / np.sum(weights)
    source = np.searchsorted(edges[:-1], points, side="right").astype(np.int64)
    row = np.zeros(stop, np.int64)
    for number, size in enumerate(sizes):
        positions = np.flatnonzero(source == number)
        num_epochs = -(-len(positions) // size)
        orders = [np.random.default_rng([seed, 1 + number, epoch]).permutation(size) for epoch in range(num_epochs)]
        row[positions] = np.concatenate([*orders, np.zeros(0, np.int64)])[: len(positions)]
    return source[start:], row[start:]


def seen_rows(sources: Sequence[Source]) -> Iterator[SeenRow]:
    """Yield a line for every row that a model may have seen: evaluation must not test on these."""
    for source in sources:
        yield from source.seen()


def describe_row(code: str, family: str, image: bytes | None, attributes: Any, data: str) -> SeenRow:
    """Return one line of the list, without its training; `image` is the file, `attributes` those of the product."""
    row: SeenRow = {"product_code": code, "family": family, "drawn_sha256": appearance_sha256(attributes), "data": data}
    return row if image is None else {**row, **_describe_image(image)}


def describe_rows(rows: Iterable[tuple[str, str, bytes | None, Any]], data: str) -> Iterator[SeenRow]:
    """Yield the lines of rows (code, family, image file, attributes), in their order; images are decoded in threads."""
    remaining = iter(rows)
    with ThreadPoolExecutor(min(_MAX_THREADS, os.cpu_count() or 1)) as pool:
        while batch := list(itertools.islice(remaining, _SEEN_CHUNK_ROWS)):
            codes, families, images, attributes = zip(*batch, strict=True)
            yield from pool.map(describe_row, codes, families, images, attributes, itertools.repeat(data))


def _describe_image(file: bytes) -> SeenRow:
    """Return the hashes of an image file; of a broken one, which training never decoded, only that of the file."""
    row: SeenRow = {"picture_sha256": hashlib.sha256(file).hexdigest()}
    try:
        image = decode_rgb(file)
    except BadImageError:
        return row
    known = fingerprint(image)
    row["pixels_sha256"] = pixel_sha256(image)
    return row if known is None else {**row, "detail": known.levels, "colours": known.colours}
