"""The product record, real and synthetic alike: its columns, its Arrow schema, and reading it back from shards.

The first 17 columns bear the names and types of DBQ/Burberry.Product.prices.United.States (product_code as string).
`datasets` recognises the pictures by the feature metadata that `ARROW_SCHEMA` carries, so nothing here imports it.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from schemas.errors import ToileError
from schemas.manifest import DAMAGE_HINT, Manifest, ShardFile, check_content, read_manifest

if TYPE_CHECKING:
    import pyarrow.parquet

SPLITS = ("train", "validation", "test")
SPLIT_BOUNDS = (2**64 * 8 // 10, 2**64 * 9 // 10)
"""A family whose hash lies below the first is train, below the second validation, else test."""
_STRINGS = [
    *("website_name", "competence_date", "country_code", "currency_code", "brand"),
    *("category1_code", "category2_code", "category3_code", "product_code", "title", "itemurl", "imageurl"),
]
_PRICES = ["full_price", "price", "full_price_eur", "price_eur"]
IMAGE_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_COLUMN_TYPES: dict[str, pa.DataType] = {
    **dict.fromkeys(_STRINGS, pa.string()),
    **dict.fromkeys(_PRICES, pa.float64()),
    "flg_discount": pa.int64(),
    "image": IMAGE_TYPE,
    "family": pa.string(),
    "split": pa.string(),
    "source": pa.string(),
    "inferable": pa.bool_(),
    "attributes": pa.string(),
}
COLUMNS = tuple(_COLUMN_TYPES)


def _features() -> dict[str, dict[str, str]]:
    def feature(name: str, kind: pa.DataType) -> dict[str, str]:
        if name == "image":
            return {"_type": "Image"}
        return {"dtype": "bool" if kind == pa.bool_() else str(kind).replace("double", "float64"), "_type": "Value"}

    return {name: feature(name, kind) for name, kind in _COLUMN_TYPES.items()}


FEATURES = _features()
"""The columns as `datasets` features: {"title": {"dtype": "string", "_type": "Value"}, ...}."""


def features_with(extra: Iterable[str]) -> dict[str, dict[str, str]]:
    """The columns of a catalog that has extra ones, which all hold text, as `datasets` features."""
    return FEATURES | {name: {"dtype": "string", "_type": "Value"} for name in extra}


ARROW_SCHEMA = pa.schema(
    list(_COLUMN_TYPES.items()), metadata={"huggingface": json.dumps({"info": {"features": FEATURES}})}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One row of a catalog. None stands for a missing value ("N.A." and empty text at the source)."""

    website_name: str | None = None
    competence_date: str | None = None
    country_code: str | None = None
    currency_code: str | None = None
    brand: str | None = None
    category1_code: str | None = None
    category2_code: str | None = None
    category3_code: str | None = None
    """The leaf: what a model is asked for. Holds no comma."""
    product_code: str
    title: str | None = None
    itemurl: str | None = None
    imageurl: str | None = None
    full_price: float | None = None
    """Before discount, in `currency_code`."""
    price: float | None = None
    full_price_eur: float | None = None
    price_eur: float | None = None
    flg_discount: int | None = None
    image: bytes | None = None
    """The encoded picture file (JPEG or PNG)."""
    family: str
    """Colourways of one design share it; splits never separate a family."""
    split: str
    source: str
    inferable: bool
    """False where the leaf is site navigation (VIEW ALL, NEW IN) or missing: no picture can tell it."""
    attributes: Mapping[str, Any] | None = None
    """What is drawn, synthetic rows only."""


def split_of(family: str) -> str:
    """train, validation or test (80/10/10) from the first 8 bytes of sha256(family): stable under any growth."""
    head = int.from_bytes(hashlib.sha256(family.encode("utf-8", "surrogatepass")).digest()[:8], "big")
    return SPLITS[(head >= SPLIT_BOUNDS[0]) + (head >= SPLIT_BOUNDS[1])]


def to_table(products: list[Product]) -> pa.Table:
    """Rows as an Arrow table in `ARROW_SCHEMA`; pictures are named by their product code."""
    columns: dict[str, list[Any]] = {name: [getattr(p, name) for p in products] for name in COLUMNS}
    columns["image"] = [
        None if p.image is None else {"bytes": p.image, "path": f"{p.product_code}.jpg"} for p in products
    ]
    columns["attributes"] = [None if p.attributes is None else json.dumps(p.attributes) for p in products]
    return pa.table(columns, schema=ARROW_SCHEMA)


def from_batch(batch: pa.RecordBatch) -> Iterator[Product]:
    """The rows of an Arrow batch as records; columns that were not read stay at their defaults."""
    for row in batch.to_pylist():
        picture, attributes = row.pop("image", None), row.pop("attributes", None)
        yield Product(
            **{name: value for name, value in row.items() if name in _FIELD_NAMES},
            image=None if picture is None else picture["bytes"],
            attributes=None if attributes is None else json.loads(attributes),
        )


def shard_files(folder: Path, split: str | None = None) -> tuple[Manifest, list[ShardFile]]:
    """The manifest and the Parquet files of a finished folder, sizes checked against the manifest."""
    manifest = read_manifest(folder)
    for entry in manifest.files:
        file = folder / entry.path
        if not file.is_file() or file.stat().st_size != entry.num_bytes:
            state = "is missing" if not file.is_file() else f"has {file.stat().st_size} bytes, not {entry.num_bytes}"
            raise ToileError(str(file), f"{state}, although the manifest lists it", DAMAGE_HINT)
    return manifest, [entry for entry in manifest.files if split in (None, entry.split)]


@contextlib.contextmanager
def open_shard(folder: Path, entry: ShardFile) -> "Iterator[pyarrow.parquet.ParquetFile]":
    """A Parquet file of the folder, once its sha256 has been compared with the manifest's; every reader goes this way.

    What reading it raises inside the block is a ToileError at that file.
    """
    import pyarrow.parquet as pq  # not for those who make rows

    file = folder / entry.path
    check_content(file, entry)
    try:
        with pq.ParquetFile(file, page_checksum_verification=True) as parquet:
            yield parquet
    except (pa.ArrowException, OSError, ValueError, RecursionError) as error:
        raise ToileError(str(file), f"is damaged: {error}", DAMAGE_HINT) from error


def read(folder: Path, *, split: str | None = None, columns: tuple[str, ...] = COLUMNS) -> Iterator[Product]:
    """The products of a shard folder in file order, 100 rows in memory at a time.

    `split` is train, validation or test; None reads all. `columns` leaves out what is not needed (usually `image`).
    An unfinished folder, a file missing from it, or a damaged one raises a ToileError.
    """
    if split is not None and split not in SPLITS:
        raise ToileError(str(folder), f"unknown split {split!r}", f"one of {', '.join(SPLITS)}")
    needed = [name for name in COLUMNS if name in {*columns, "product_code", "family", "split", "source", "inferable"}]
    for entry in shard_files(folder, split)[1]:
        with open_shard(folder, entry) as parquet:
            _check_columns(parquet.schema_arrow, needed)
            for batch in parquet.iter_batches(batch_size=100, columns=needed):
                yield from from_batch(batch)


def _check_columns(schema: pa.Schema, needed: list[str]) -> None:
    """Raise a ValueError where a column is missing, or of another type: Arrow would leave it out without a word."""
    for name in needed:
        found = schema.field(name) if name in schema.names else None
        if found is None or found.type != ARROW_SCHEMA.field(name).type or not found.nullable:
            raise ValueError(f"its footer has no column {name!r} of type {ARROW_SCHEMA.field(name).type}")


_FIELD_NAMES = {field.name for field in fields(Product)}
