"""A table as the bytes of a Parquet file: quick to write, small, the same for the same rows, plain columns for readers.

Columns that come as dictionaries are written as such without looking at their values again; whoever reads the file sees
text. What else is chosen here was measured with `benchmarks/generate.py`.
"""

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP = {True: 100, False: 100_000}
"""Rows of a row group with and without pictures: a few megabytes, so that readers can pick rows cheaply."""
_REPEATING = ("full_price", "price", "full_price_eur", "price_eur", "flg_discount")
"""Numbers with few values: smaller with a dictionary, and the only columns whose bounds say anything."""
_SMALLER_WITH_ZSTD = ("product_code", "imageurl")
"""Random digits, which other codecs leave as they are; all else snappy compresses in half the time."""
_ALIKE_AT_FIRST = "imageurl"
"""Texts that begin alike: each says how much of the one before it keeps, so that there is less to compress."""
_VALUES_AT_ONCE = 16_384
_PAGE_BYTES = 1 << 18


def as_parquet(table: pa.Table) -> bytes:
    """The whole file, with checksums and a page index."""
    encoded = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]
    codecs = dict.fromkeys(_leaf_names(table.schema), "snappy" if encoded else "zstd")
    codecs |= dict.fromkeys(_SMALLER_WITH_ZSTD, "zstd")
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink,
        table.schema.remove_metadata(),
        compression=codecs,
        use_dictionary=[*encoded, *_REPEATING] if encoded else True,
        column_encoding={_ALIKE_AT_FIRST: "DELTA_BYTE_ARRAY"} if encoded else None,
        write_statistics=[*_REPEATING] if encoded else True,
        write_page_index=True,
        write_page_checksum=True,
        write_batch_size=_VALUES_AT_ONCE,
        data_page_size=_PAGE_BYTES,
        store_schema=False,  # it would name the dictionaries
    ) as writer:
        writer.add_key_value_metadata(table.schema.metadata or {})
        has_pictures = table["image"].null_count < table.num_rows
        writer.write_table(table.replace_schema_metadata(None), row_group_size=ROW_GROUP[has_pictures])
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _leaf_names(schema: pa.Schema) -> list[str]:
    """Of the columns as Parquet counts them."""
    return [
        f"{field.name}.{inner.name}" if pa.types.is_struct(field.type) else field.name
        for field in schema
        for inner in (field.type if pa.types.is_struct(field.type) else [field])
    ]
