"""A converted catalog that is imported again is the same catalog, in every format that is read back."""

import contextlib
import dataclasses
import json
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generator.catalog.generate import generate
from generator.catalog.verify import verify
from generator.export.convert import ConvertOptions, convert
from generator.export.formats import READABLE
from generator.ingest import ImportOptions
from generator.ingest.import_table import import_table
from schemas.evaluation import SPLITS
from schemas.product import Product, read
from tests.helpers.nasty_catalog import expected, write_nasty
from tests.helpers.odd_images import odd_images
from tests.helpers.shard_fixture import write_shards

IMAGES = [
    None,
    *(odd.content for name, odd in odd_images().items() if name in {"plain.jpg", "plain.avif", "plain.jp2"}),
]
TEXT = st.one_of(
    st.none(), st.text(st.characters(codec="utf-8"), max_size=12), st.sampled_from(["", "N.A.", "=1", "null"])
)
PRICE = st.one_of(st.none(), st.floats(0.01, 1e9))


@st.composite
def products(draw: st.DrawFn) -> list[Product]:
    """Return a few rows with any text, of any split, with or without an image."""
    rows = []
    for number in range(draw(st.integers(1, 6))):
        price = draw(PRICE)
        rows.append(
            Product(
                product_code=f"{draw(st.sampled_from(['', '0', 'a/b ']))}{number}",
                title=draw(TEXT),
                brand=draw(TEXT),
                category3_code=draw(st.sampled_from([None, "COATS", "VIEW ALL"])),
                full_price=price,
                price=price,
                flg_discount=draw(st.sampled_from([None, 0, 1])),
                image=draw(st.sampled_from(IMAGES)),
                family=f"family {number // 2}",
                split=SPLITS[draw(st.integers(0, 2))],
                source=draw(st.text(st.characters(codec="utf-8"), min_size=1, max_size=5)),
                inferable=draw(st.booleans()),
                attributes=draw(st.sampled_from([None, {"colour": "naïve", "deep": {"list": [1, None, 0.1]}}])),
            )
        )
    if all(row.image is None for row in rows):
        rows[0] = dataclasses.replace(rows[0], image=IMAGES[1])
    return rows


def by_split(folder: Path) -> dict[str, list[Product]]:
    return {split: list(read(folder, split=split)) for split in SPLITS}


@pytest.mark.parametrize("form", READABLE)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=products())
def test_catalog_comes_back(form: str, rows: list[Product]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_shards(folder / "first", rows)
        convert(folder / "first", folder / "export", ConvertOptions(form=form))
        result = import_table(folder / "export", folder / "again", ImportOptions())
        assert by_split(folder / "again") == by_split(folder / "first")
        assert result.manifest.num_products == len(rows)
        assert not import_table(folder / "export", folder / "again", ImportOptions()).written


@pytest.mark.parametrize("form", READABLE)
def test_faulty_catalog_comes_back_with_its_own_columns(form: str, tmp_path: Path) -> None:
    shards = write_nasty(tmp_path / "shards")
    convert(shards, tmp_path / "export", ConvertOptions(form=form))
    import_table(tmp_path / "export", tmp_path / "again", ImportOptions())

    def comparable(row: dict[str, Any]) -> dict[str, Any]:
        attributes = row["attributes"]
        with contextlib.suppress(ValueError):
            attributes = None if attributes is None else json.dumps(json.loads(attributes))
        rating = None if row["rating"] is None else str(row["rating"])
        return {**row, "attributes": attributes, "rating": rating}

    for split in SPLITS:
        first = [comparable(row) for row in expected(shards, split)]
        assert [comparable(row) for row in expected(tmp_path / "again", split)] == first


@pytest.mark.parametrize("table", ["", "products.csv"])
def test_generated_catalog_comes_back_from_a_folder_and_from_its_table(table: str, tmp_path: Path) -> None:
    generate("demo", tmp_path / "first", num_products=12, image_size=32, num_workers=1)
    convert(tmp_path / "first", tmp_path / "export", ConvertOptions(form="csv"))
    import_table(tmp_path / "export" / table, tmp_path / "again", ImportOptions())
    assert by_split(tmp_path / "again") == by_split(tmp_path / "first")
    assert not verify(str(tmp_path / "again"), sample=0).findings


def test_table_that_was_edited_is_read_as_any_other(tmp_path: Path) -> None:
    generate("demo", tmp_path / "first", num_products=12, image_size=32, num_workers=1)
    convert(tmp_path / "first", tmp_path / "export", ConvertOptions(form="csv"))
    table = tmp_path / "export" / "products.csv"
    table.write_text(table.read_text().replace("demo", "other"))
    import_table(table, tmp_path / "again", ImportOptions())
    assert {row.source for row in read(tmp_path / "again")} == {"products"}


def test_files_are_named_by_what_they_are(tmp_path: Path) -> None:
    kinds = ["plain.jpg", "plain.avif", "plain.jp2", "codestream.j2k", "animated.apng", "plain.qoi", "plain.tif"]
    same: dict[str, Any] = {"family": "f", "split": "train", "source": "s", "inferable": True}
    made = (odd_images()[kind].content for kind in kinds)
    rows = [Product(product_code=f"{k}", image=image, **same) for k, image in enumerate(made)]
    write_shards(tmp_path / "shards", rows)
    convert(tmp_path / "shards", tmp_path / "out", ConvertOptions(form="webdataset"))
    with tarfile.open(tmp_path / "out" / "train-000000.tar") as archive:
        names = [name for name in archive.getnames() if not name.endswith(".json")]
    assert names == ["0.jpg", "1.avif", "2.jp2", "3.j2k", "4.png", "5.qoi", "6.tif"]
