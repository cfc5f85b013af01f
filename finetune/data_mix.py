"""Any mix of shard folders and catalog specs as one stream of examples.

Its order is a pure function of (sizes, weights, seed) and needs no state: example t of a run is the same after a
restart, on any machine, for any batch size.
"""

import functools
import hashlib
import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from schemas.errors import BROKEN_PICTURE, ToileError
from schemas.product import open_shard, shard_files
from schemas.util.files import sha256_of

_GOLDEN_RATIO = (math.sqrt(5) - 1) / 2
_COLUMNS = ["product_code", "family", "source", "currency_code", "title", "category3_code", "full_price", "image"]

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """What one product teaches."""

    title: str
    category: str
    full_price: float
    picture: Image.Image


class Source(Protocol):
    """Rows of one split that can be learned from, wherever they come from."""

    @property
    def folder(self) -> Path:
        """Its name: a shard folder, a spec file, or a shipped preset."""

    @property
    def num_examples(self) -> int:
        """Rows that can be learned from."""

    @property
    def num_skipped(self) -> int:
        """Rows without title, category, price or picture: no examples."""

    @property
    def content_sha256(self) -> str:
        """The same catalog made twice counts as the same."""

    def currencies(self) -> set[str | None]:
        """Of the prices; None where a row does not say."""

    def example(self, row: int) -> Example:
        """The decoded example."""

    def seen(self) -> Iterator[dict[str, str | None]]:
        """product_code, family and picture_sha256 of every row that may be drawn; no hash where none is stored."""


Opener = Callable[[Path, str], Source | None]
"""(what the mix names and is no folder, split) -> its rows; None when there are none to learn from.

Drawing products is the generator's work, so the command hands this in (`generator.catalog.online_source.opener`).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleSource:
    """The usable rows of one split of a shard folder, pictures still encoded, in memory as Arrow."""

    folder: Path
    table: pa.Table
    num_skipped: int
    """Rows without title, category, price or picture: no examples."""
    content_sha256: str
    """Of the hashes of all its files: the same catalog made twice counts as the same."""

    @property
    def num_examples(self) -> int:
        return int(self.table.num_rows)

    def currencies(self) -> set[str | None]:
        return set(pc.unique(self.table["currency_code"]).to_pylist())

    def example(self, row: int) -> Example:
        """The decoded example; a picture that does not decode is a ToileError naming the product."""
        values: dict[str, Any] = {name: self.table[name][row].as_py() for name in _COLUMNS}
        try:
            picture = Image.open(io.BytesIO(values["image"]["bytes"])).convert("RGB")
        except (*BROKEN_PICTURE, Image.DecompressionBombError) as error:
            where = f"{self.folder}: product {values['product_code']}"
            hint = "take the row out, or make the folder again, without a scenario that breaks pictures"
            raise ToileError(where, f"has a broken picture: {error}", hint) from error
        return Example(
            title=values["title"],
            category=values["category3_code"],
            full_price=values["full_price"],
            picture=picture,
        )

    def seen(self) -> Iterator[dict[str, str | None]]:
        for batch in self.table.select(["product_code", "family", "image"]).to_batches(max_chunksize=100):
            for row in batch.to_pylist():
                sha256 = hashlib.sha256(row["image"]["bytes"]).hexdigest()
                yield {"product_code": row["product_code"], "family": row["family"], "picture_sha256": sha256}


def open_source(folder: Path, split: str, open_drawn: Opener | None = None) -> Source:
    """The rows of a split that can be learned from. A folder or a spec without any is a ToileError."""
    source = find_source(folder, split, open_drawn)
    if source is None:
        problem = f"has no {split} row with title, category, price and picture"
        hint = "generate with pictures, or import with --column for what is missing"
        if not folder.is_dir():
            hint = "raise num_products, as in draw: {num_products: 10000}, or give its categories a leaf"
        raise ToileError(str(folder), problem, hint)
    return source


def find_source(folder: Path, split: str, open_drawn: Opener | None = None) -> Source | None:
    """The rows of a split that can be learned from, or None when there are none.

    What is no folder goes to `open_drawn`, where there is one.
    """
    if open_drawn is not None and not folder.is_dir():
        return open_drawn(folder, split)
    manifest, entries = shard_files(folder, split)
    tables = []
    for entry in entries:
        with open_shard(folder, entry) as parquet:
            tables.append(parquet.read(_COLUMNS))
    if not tables:
        return None
    table = pa.concat_tables(tables)
    kept = table.filter(_usable(table))
    if kept.num_rows == 0:
        return None
    return ExampleSource(
        folder=folder,
        table=kept,
        num_skipped=table.num_rows - kept.num_rows,
        content_sha256=sha256_of([(entry.path, entry.sha256) for entry in manifest.files]),
    )


def _usable(table: pa.Table) -> pa.ChunkedArray:
    """True for rows with a title, a category, a price above 0 and a picture file that is not empty."""
    picture = pc.struct_field(table["image"], "bytes")
    written = [pc.binary_length(each) for each in (table["title"], table["category3_code"], picture)]
    return functools.reduce(pc.and_, [pc.greater(each, 0) for each in (*written, table["full_price"])])


def check_currencies(sources: Sequence[Source]) -> None:
    """Refuse a mix of currencies: a price without its currency cannot be learned."""
    found: dict[str | None, Path] = {}
    for source in sources:
        for currency in sorted(source.currencies(), key=str):
            found.setdefault(currency, source.folder)
    if len(found) > 1:
        listed = ", ".join(f"{currency} in {folder}" for currency, folder in found.items())
        raise ToileError("mix", f"has more than one currency: {listed}", "import again with --rate and --currency")


def mix(sizes: Sequence[int], weights: Sequence[float], seed: int, start: int, stop: int) -> tuple[Numbers, Numbers]:
    """Source and row numbers of examples start..stop-1 of the endless mixed stream.

    Sources alternate by a golden-ratio sequence, so that any stretch keeps the weights closely (Niederreiter 1992,
    section 3.1: discrepancy of Kronecker sequences); within a source every row comes once an epoch, in an order of its
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
        places = np.flatnonzero(source == number)
        epochs = -(-len(places) // size)
        orders = [np.random.default_rng([seed, 1 + number, epoch]).permutation(size) for epoch in range(epochs)]
        row[places] = np.concatenate([*orders, np.zeros(0, np.int64)])[: len(places)]
    return source[start:], row[start:]


def seen_rows(sources: Sequence[Source]) -> Iterator[dict[str, str | None]]:
    """Code, family and picture hash of every row a model may have been shown: what evaluation must not test on."""
    for source in sources:
        yield from source.seen()
