"""A catalog is ordinary Parquet: DuckDB, polars and pandas read the rows and images that toile's own reader gives."""

import io
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars
import pytest
from PIL import Image

from schemas.product import Product, read

COLUMNS = ("product_code", "title", "category3_code", "full_price", "currency_code", "family", "split", "inferable")


@pytest.fixture(scope="module")
def expected(catalog: Path) -> dict[str, Product]:
    return {product.product_code: product for product in read(catalog)}


def check_rows(rows: list[dict[str, Any]], expected: dict[str, Product]) -> None:
    """Compare the columns and the decoded images of rows from another reader with toile's own."""
    assert {row["product_code"] for row in rows} == set(expected)
    assert len(rows) == len(expected)
    for row in rows:
        product = expected[row["product_code"]]
        for column in COLUMNS:
            assert row[column] == getattr(product, column), column
        with Image.open(io.BytesIO(row["image"]["bytes"])) as image:
            assert image.size == (64, 64)


def test_duckdb_reads_a_catalog(catalog: Path, expected: dict[str, Product]) -> None:
    connection = duckdb.connect()
    found = connection.execute(f"SELECT * FROM read_parquet('{catalog}/data/*.parquet')")
    names = [column[0] for column in found.description or ()]
    check_rows([dict(zip(names, row, strict=True)) for row in found.fetchall()], expected)
    query = f"SELECT max(full_price) FROM read_parquet('{catalog}/data/*.parquet') WHERE split = 'train'"
    highest = max(product.full_price or 0 for product in expected.values() if product.split == "train")
    assert connection.execute(query).fetchall() == [(highest,)]


def test_polars_reads_a_catalog(catalog: Path, expected: dict[str, Product]) -> None:
    frame = polars.scan_parquet(f"{catalog}/data/*.parquet").collect()
    check_rows(frame.to_dicts(), expected)


def test_pandas_reads_a_catalog(catalog: Path, expected: dict[str, Product]) -> None:
    frame = pd.concat([pd.read_parquet(path) for path in sorted((catalog / "data").glob("*.parquet"))])
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    check_rows([{str(name): value for name, value in row.items()} for row in rows], expected)
