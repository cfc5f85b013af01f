"""The product record: its columns, its Arrow schema, and how to read products from a catalog folder.

    for product in read(Path("catalog"), split="test"):
        print(product.title)

The first 17 columns have the names and types of DBQ/Burberry.Product.prices.United.States (product_code as string).
`datasets` recognises the images by the feature metadata in `ARROW_SCHEMA`, so nothing here imports it.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pyarrow as pa
from annotated_types import Ge, Gt

from schemas.documents import OneOf, Pattern, Text
from schemas.errors import ToileError
from schemas.evaluation import SPLITS as SPLITS
from schemas.evaluation import Split
from schemas.manifest import DAMAGE_HINT, Manifest, ShardFile, check_content, read_manifest

if TYPE_CHECKING:
    import pyarrow.parquet

NoComma = Annotated[str, Pattern("^[^,]*$", "a name without comma")]
SPLIT_BOUNDS = (2**64 * 8 // 10, 2**64 * 9 // 10)
"""A family with a hash below the first bound is train, below the second validation, else test."""
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


def features_with(extra: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the columns of a catalog with extra ones, given with their Arrow types, as `datasets` features."""
    return FEATURES | {name: {"dtype": dtype, "_type": "Value"} for name, dtype in extra.items()}


ARROW_SCHEMA = pa.schema(
    list(_COLUMN_TYPES.items()), metadata={"huggingface": json.dumps({"info": {"features": FEATURES}})}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One row of a catalog, real or synthetic. null means a missing value ("N.A." and empty text at the source)."""

    website_name: str | None = None
    competence_date: str | None = None
    country_code: str | None = None
    currency_code: Annotated[str, Pattern("^[A-Z]{3}$", "three capital letters")] | None = None
    brand: str | None = None
    category1_code: NoComma | None = None
    category2_code: NoComma | None = None
    category3_code: NoComma | None = None
    """The leaf category: what a model is asked for."""
    product_code: Text
    title: str | None = None
    itemurl: str | None = None
    imageurl: str | None = None
    full_price: Annotated[float, Gt(0)] | None = None
    """Before discount, in `currency_code`."""
    price: Annotated[float, Gt(0)] | None = None
    full_price_eur: Annotated[float, Ge(0)] | None = None
    price_eur: Annotated[float, Ge(0)] | None = None
    flg_discount: Annotated[int, OneOf((0, 1))] | None = None
    image: bytes | None = None
    """The encoded image file (JPEG or PNG)."""
    family: Text
    """Colourways of one design share it; splits never separate a family."""
    split: Split
    source: Text
    inferable: bool
    """False where the leaf category is site navigation (VIEW ALL, NEW IN) or missing: no image can show it."""
    attributes: Mapping[str, Any] | None = None
    """What the image shows; synthetic rows only."""


def split_of(family: str) -> str:
    """Return train, validation or test (80/10/10) by the first 8 bytes of sha256(family); stable as catalogs grow."""
    head = int.from_bytes(hashlib.sha256(family.encode("utf-8", "surrogatepass")).digest()[:8], "big")
    return SPLITS[(head >= SPLIT_BOUNDS[0]) + (head >= SPLIT_BOUNDS[1])]


def to_table(products: list[Product]) -> pa.Table:
    """Return rows as an Arrow table in `ARROW_SCHEMA`; images are named by their product code and what they are."""
    from schemas.images import image_suffix  # commands that only read rows do not need Pillow

    columns: dict[str, list[Any]] = {name: [getattr(p, name) for p in products] for name in COLUMNS}
    columns["image"] = [
        None if p.image is None else {"bytes": p.image, "path": f"{p.product_code}{image_suffix(p.image)}"}
        for p in products
    ]
    columns["attributes"] = [None if p.attributes is None else json.dumps(p.attributes) for p in products]
    return pa.table(columns, schema=ARROW_SCHEMA)


def append_columns(table: pa.Table, columns: Mapping[str, pa.Array], dtypes: Mapping[str, str]) -> pa.Table:
    """Return the table with further columns, also in the features that `datasets` reads from the file.

    Args:
        table: Rows in `ARROW_SCHEMA`.
        columns: Name -> values.
        dtypes: Name -> type as `datasets` calls it.
    """
    for name, values in columns.items():
        table = table.append_column(name, values)
    features = json.dumps({"info": {"features": features_with(dtypes)}})
    return table.replace_schema_metadata({**(table.schema.metadata or {}), b"huggingface": features.encode()})


def from_batch(batch: pa.RecordBatch) -> Iterator[Product]:
    """Yield the rows of an Arrow batch as records; columns that were not read have their defaults."""
    for row in batch.to_pylist():
        image, attributes = row.pop("image", None), row.pop("attributes", None)
        yield Product(
            **{name: value for name, value in row.items() if name in _FIELD_NAMES},
            image=None if image is None else image["bytes"],
            attributes=None if attributes is None else json.loads(attributes),
        )


def shard_files(folder: Path, split: str | None = None) -> tuple[Manifest, list[ShardFile]]:
    """Return manifest and Parquet files of a finished folder, of one split or all; check the sizes of the files."""
    manifest = read_manifest(folder)
    for entry in manifest.files:
        file = folder / entry.path
        if not file.is_file() or file.stat().st_size != entry.num_bytes:
            state = "is missing" if not file.is_file() else f"has {file.stat().st_size} bytes, not {entry.num_bytes}"
            raise ToileError(str(file), f"{state}, although the manifest lists it", DAMAGE_HINT)
    return manifest, [entry for entry in manifest.files if split in (None, entry.split)]


@contextlib.contextmanager
def open_shard(folder: Path, entry: ShardFile) -> "Iterator[pyarrow.parquet.ParquetFile]":
    """Open a Parquet file of the folder after its sha256 is compared with the manifest's; every reader uses this.

    Errors of reading it inside the block become a `ToileError` at that file.
    """
    import pyarrow.parquet as pq  # commands that only write rows do not need it

    file = folder / entry.path
    check_content(file, entry)
    try:
        with pq.ParquetFile(file, page_checksum_verification=True) as parquet:
            yield parquet
    except (pa.ArrowException, OSError, ValueError, RecursionError) as error:
        raise ToileError(str(file), f"is damaged: {error}", DAMAGE_HINT) from error


def read(folder: Path, *, split: str | None = None, columns: tuple[str, ...] = COLUMNS) -> Iterator[Product]:
    """Yield the products of a catalog folder in file order, 100 rows in memory at a time.

    Args:
        folder: the catalog.
        split: train, validation or test; None reads all.
        columns: columns to read; leave out what is not needed, usually `image`.

    Raises:
        ToileError: the folder is unfinished, or a file is missing or damaged.
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
    """Raise a ValueError where a column is missing or has another type: Arrow would leave it out silently."""
    for name in needed:
        found = schema.field(name) if name in schema.names else None
        if found is None or found.type != ARROW_SCHEMA.field(name).type or not found.nullable:
            raise ValueError(f"its footer has no column {name!r} of type {ARROW_SCHEMA.field(name).type}")


_FIELD_NAMES = {field.name for field in fields(Product)}
