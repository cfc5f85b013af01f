"""Parquet files of a catalog without images: values, statistics of prices, and checksums of pages."""

import io
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import generator.catalog.shards
from generator.catalog.shards import GenerateInputs, write_shards
from generator.sampling.products import rows
from schemas.documents import read_document
from schemas.evaluation import SPLITS
from schemas.product import ARROW_SCHEMA
from schemas.validation import from_document, preset_path
from tests.conftest import PRESETS


@pytest.fixture(autouse=True)
def _small_row_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use small sizes, so that a few thousand rows have several shards, row groups and pages."""
    monkeypatch.setattr(generator.catalog.shards, "ROW_GROUP", {True: 100, False: 900})
    monkeypatch.setattr(generator.catalog.shards, "PRODUCTS_PER_SHARD", {True: 20, False: 2500})
    monkeypatch.setattr(generator.catalog.shards, "PAGE_BYTES", 1 << 14)


def inputs(document: dict[str, Any], num_products: int, seed: int = 7, start: int = 0) -> GenerateInputs:
    return GenerateInputs(spec_document=document, seed=seed, start=start, num_products=num_products, image_size=None)


def check_rows(wanted: GenerateInputs, folder: Path) -> None:
    """Compare the files with the rows that the spec defines, in the order of their numbers."""
    write_shards(wanted, folder)
    spec = from_document(wanted.spec_document, "catalog")
    defined = pa.Table.from_batches([rows(spec, wanted.seed, np.arange(wanted.num_products) + wanted.start)])
    for split in SPLITS:
        names = sorted((folder / "data").glob(f"{split}-*"))
        found = [pq.read_table(name, page_checksum_verification=True) for name in names]
        for table in found:
            table.validate(full=True)
            assert table.schema.equals(ARROW_SCHEMA, check_metadata=True)
        expected = defined.filter(pc.equal(defined["split"], split))
        if not found:
            assert expected.num_rows == 0
            continue
        table = pa.concat_tables(found)
        assert table["image"].null_count == table.num_rows
        assert table.select(expected.column_names).combine_chunks().equals(expected.combine_chunks())


@pytest.mark.parametrize(("num_products", "start"), [(4000, 0), (2500, 39_000_000), (1, 12_345)])
@pytest.mark.parametrize("preset", ["demo", "fashion-luxury", "home-beauty", "marketplace", "sportswear"])
def test_pyarrow_reads_the_rows_that_the_spec_defines(
    preset: str, num_products: int, start: int, tmp_path: Path
) -> None:
    path = preset_path(preset, "catalog")
    assert path is not None
    check_rows(inputs(read_document(path), num_products, start=start), tmp_path / "out")


def test_unusual_specs_are_read_back_too(spec_document: dict[str, Any], tmp_path: Path) -> None:
    spec_document["attributes"]["colour"]["values"] = {
        'b\u00e9ige "1"': {"draws": "#000000", "price": 1.5},
        "\u7d3a": {"draws": "#000080"},
    }
    for category in spec_document["categories"]:
        category["attributes"]["colour"] = None
    spec_document["colourways"] = {"repeat_share": 0.7, "max_per_family": 5}
    spec_document["code_digits"] = 11
    spec_document["name"] = "a-name-too-long-for-a-block"
    check_rows(inputs(spec_document, 3000, seed=10**30), tmp_path / "out")


@pytest.fixture(scope="module")
def luxury(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of several row groups."""
    folder = tmp_path_factory.mktemp("luxury") / "out"
    document = read_document(PRESETS / "fashion-luxury.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generator.catalog.shards, "ROW_GROUP", {True: 100, False: 900})
        write_shards(inputs(document, 3000, seed=1), folder)
    return folder / "data" / "train-00000-of-00001.parquet"


def test_a_row_group_has_the_true_bounds_and_null_counts(luxury: Path) -> None:
    file = pq.ParquetFile(luxury)
    assert file.num_row_groups == 3
    for number in range(file.num_row_groups):
        group, table = file.metadata.row_group(number), file.read_row_group(number)
        for place in range(group.num_columns):
            column = group.column(place)
            name, found = column.path_in_schema, column.statistics
            if name.startswith("image.") or name in generator.catalog.shards.CODECS_OF_UNIQUE:
                assert found is None, f"{name}: bounds of texts without repetition say nothing"
                continue
            values = table[name]
            assert found.null_count == values.null_count
            assert (found.min, found.max) == (pc.min(values).as_py(), pc.max(values).as_py())


def test_only_columns_of_few_values_have_a_dictionary(luxury: Path) -> None:
    group = pq.ParquetFile(luxury).metadata.row_group(0)
    columns = [group.column(place) for place in range(group.num_columns)]
    with_dictionary = {column.path_in_schema: column.has_dictionary_page for column in columns}
    assert not any(with_dictionary[name] for name in generator.catalog.shards.CODECS_OF_UNIQUE)
    assert all(with_dictionary[name] for name in ("title", "category3_code", "full_price", "split"))


def test_every_flipped_byte_of_a_page_is_detected(luxury: Path) -> None:
    content = luxury.read_bytes()
    group = pq.ParquetFile(io.BytesIO(content)).metadata.row_group(0)
    for place in range(group.num_columns):
        column = group.column(place)
        start = column.data_page_offset if column.dictionary_page_offset is None else column.dictionary_page_offset
        damaged = bytearray(content)
        damaged[start + column.total_compressed_size - 1] ^= 1  # the last byte of its last page
        with pytest.raises(OSError, match="CRC checksum"):
            pq.read_table(io.BytesIO(damaged), page_checksum_verification=True)


def test_datasets_pandas_and_pyarrow_read_the_same(luxury: Path, tmp_path: Path) -> None:
    read = datasets.load_dataset(str(luxury.parents[1]), cache_dir=str(tmp_path))["train"]
    table = pq.read_table(luxury)
    assert read.features == datasets.Features.from_arrow_schema(ARROW_SCHEMA)
    assert read.num_rows == table.num_rows
    assert read[5:8]["title"] == table["title"].to_pylist()[5:8]
    frame = pd.read_parquet(luxury)
    assert frame["attributes"].tolist() == table["attributes"].to_pylist()
    assert frame["full_price"].tolist() == table["full_price"].to_pylist() == read["full_price"]


def test_bytes_do_not_depend_on_the_size_of_the_catalog(tmp_path: Path) -> None:
    document = read_document(PRESETS / "demo.yaml")
    for name, num_products in (("short", 2500), ("long", 5000)):
        write_shards(inputs(document, num_products), tmp_path / name)
    for split in SPLITS:
        short = tmp_path / "short" / "data" / f"{split}-00000-of-00001.parquet"
        long = tmp_path / "long" / "data" / f"{split}-00000-of-00002.parquet"
        assert short.read_bytes() == long.read_bytes()
