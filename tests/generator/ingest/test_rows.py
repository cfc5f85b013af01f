"""Foreign tables: odd values, and tables with images inside, as `datasets` and hubs write them."""

import csv
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from generator.ingest import ImportOptions
from generator.ingest.columns import KNOWN_COLUMNS
from generator.ingest.import_table import ImportResult, import_table
from generator.ingest.rows import decode_category, parse_code, parse_product
from generator.ingest.tables import READERS, StoredImage
from schemas.catalog import MISSING_LABEL, NAVIGATION_LABELS
from schemas.errors import ToileError
from schemas.product import read
from tests.helpers.dataset_hub import image_bytes


def run(table: Path, out: Path, **changes: Any) -> ImportResult:
    return import_table(table, out, ImportOptions(**{"columns": {}, "source": "test", **changes}))


def plain_rows(num: int) -> dict[str, list[Any]]:
    """Return columns of valid rows, each with a different title."""
    names = [f"{chr(65 + k % 26)}{chr(65 + k // 26)} Coat" for k in range(num)]
    return {"product_code": list(range(1, num + 1)), "title": names, "full_price": [5.0] * num}


@given(st.text())
def test_percent_encoded_categories_are_decoded(text: str) -> None:
    printable = text.isprintable() and bool(text.strip())
    encoded = quote(text, safe="")
    assert decode_category(encoded) == (unquote(encoded).strip() if printable else encoded)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("BEDDING%20%26%20BEDROOM", "BEDDING & BEDROOM"),
        ("CAF%C3%89", "CAF\u00c9"),
        ("100% COTTON", "100% COTTON"),
        ("50%-OFF", "50%-OFF"),
        ("A%FFB", "A%FFB"),
        ("A%00B", "A%00B"),
        ("%20", "%20"),
        ("SHIRTS+TOPS", "SHIRTS+TOPS"),
        ("BAGS%2C TOTES", "BAGS, TOTES"),
    ],
)
def test_percent_encoding_that_is_not_text_stays(text: str, meant: str) -> None:
    assert decode_category(text) == meant


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (80911111, "80911111"),
        (80911111.0, "80911111"),
        ("80911111.0", "80911111"),
        ("0080.0", "0080"),
        ("A-12.0", "A-12.0"),
        ("12.50", "12.50"),
        ("00123", "00123"),
        (None, "00000007"),
    ],
)
def test_codes_are_text_without_a_decimal_zero(value: Any, code: str) -> None:
    assert parse_code(7, {"product_code": value}) == code


def test_a_code_column_with_a_gap_and_encoded_categories_through_csv(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(image_bytes(1))
    with (tmp_path / "t.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["product_code", "title", "category1_code", "category3_code", "image"])
        writer.writerow(["80911111.0", "50%20 off", "SHOES%20%26%20BOOTS", "HATS%2C%20GLOVES", "1.jpg"])
    result = run(tmp_path / "t.csv", tmp_path / "out", categories={"other": "x"})
    (row,) = read(tmp_path / "out")
    assert (row.product_code, row.title, row.category1_code) == ("80911111", "50%20 off", "SHOES & BOOTS")
    assert (row.category3_code, result.num_commas) == ("HATS & GLOVES", 1)
    for key in ("HATS%2C%20GLOVES", "HATS, GLOVES"):
        run(tmp_path / "t.csv", tmp_path / key, categories={key: "HEADGEAR"})
        assert [each.category3_code for each in read(tmp_path / key)] == ["HEADGEAR"]


LABELS = [*NAVIGATION_LABELS, MISSING_LABEL]


@pytest.mark.parametrize("label", [*LABELS, *(label.lower() for label in LABELS), quote("TOUT VOIR")])
def test_row_under_a_navigation_label_of_any_language_is_not_inferable(label: str) -> None:
    row: dict[str, Any] = dict.fromkeys(KNOWN_COLUMNS) | {"title": "Coat", "category3_code": label}
    assert not parse_product(1, row, ImportOptions()).inferable
    row["category3_code"] = f"{label} COATS"
    assert parse_product(1, row, ImportOptions()).inferable


def image_data_set(num: int) -> datasets.Dataset:
    """Return rows with images and class labels, as in image data sets."""
    features = datasets.Features(
        {
            "product_code": datasets.Value("int64"),
            "title": datasets.Value("string"),
            "full_price": datasets.Value("float64"),
            "label": datasets.ClassLabel(names=["HATS", "COATS"]),
            "picture": datasets.Image(),
        }
    )
    pictures = [{"bytes": image_bytes(k), "path": None} for k in range(num)]
    columns = {**plain_rows(num), "label": [k % 2 for k in range(num)], "picture": pictures}
    return datasets.Dataset.from_dict(columns, features=features)


@pytest.mark.parametrize("form", ["parquet", "folder", "saved", "saved splits"])
def test_images_and_labels_from_every_form_of_a_data_set(tmp_path: Path, form: str) -> None:
    data_set, place = image_data_set(70), tmp_path / "table"
    if form == "parquet":
        place = tmp_path / "table.parquet"
        data_set.to_parquet(place)
    elif form == "folder":
        (place / "data").mkdir(parents=True)
        data_set.select(range(30)).to_parquet(place / "data/test-0.parquet")
        data_set.select(range(30, 70)).to_parquet(place / "data/train-0.parquet")
        (place / "README.md").write_text("# words")
    elif form == "saved":
        data_set.save_to_disk(place, num_shards=3)
    else:
        parts = {"train": data_set.select(range(50)), "test": data_set.select(range(50, 70))}
        datasets.DatasetDict(parts).save_to_disk(place)
    run(place, tmp_path / "out", columns={"image": "picture", "category3_code": "label"})
    found = {int(row.product_code): row for row in read(tmp_path / "out")}
    assert {code: row.image for code, row in found.items()} == {k + 1: image_bytes(k) for k in range(70)}
    assert {code: row.category3_code for code, row in found.items()} == {
        k + 1: ("HATS", "COATS")[k % 2] for k in range(70)
    }


def test_column_of_bytes_is_a_column_of_images(tmp_path: Path) -> None:
    columns = {**plain_rows(3), "image": [image_bytes(k) for k in range(3)]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    run(tmp_path / "t.parquet", tmp_path / "out")
    assert {row.image for row in read(tmp_path / "out")} == {image_bytes(k) for k in range(3)}


def test_cell_without_bytes_names_a_file_and_a_bad_image_is_a_bad_row(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(image_bytes(8))
    cells = [
        {"bytes": None, "path": "a.jpg"},
        {"bytes": image_bytes(1)[:300], "path": None},
        {"bytes": None, "path": None},
        None,
        {"bytes": image_bytes(2), "path": "../outside.jpg"},
    ]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = {**plain_rows(5), "image": pa.array(cells, kind)}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    result = run(tmp_path / "t.parquet", tmp_path / "out", max_bad=0.9)
    reasons = {row["row"]: row["reason"] for row in result.rejected}
    assert reasons.pop(2).startswith("its image is broken: ")
    assert reasons == {3: "no image is named", 4: "no image is named"}
    assert {row.image for row in read(tmp_path / "out")} == {image_bytes(8), image_bytes(2)}


def test_stored_images_are_read_in_any_order(tmp_path: Path) -> None:
    columns = {**plain_rows(100), "image": [image_bytes(k) for k in range(100)]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet", row_group_size=40)
    cells = [row["image"] for row in READERS[".parquet"](tmp_path / "t.parquet", ImportOptions()).rows]
    assert all(isinstance(cell, StoredImage) for cell in cells)
    for k in (99, 0, 41, 40, 39, 39, 98, 3, 99, 5):
        assert cells[k].read() == (image_bytes(k), None)


def test_title_of_bytes_is_refused_by_name(tmp_path: Path) -> None:
    columns = {**plain_rows(2), "title": [b"a", b"b"], "image": [image_bytes(k) for k in range(2)]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    with pytest.raises(ToileError, match="column 'title' holds bytes, not text"):
        run(tmp_path / "t.parquet", tmp_path / "out")


def test_catalog_of_toile_is_refused_and_a_table_of_urls_needs_fetch(tmp_path: Path) -> None:
    pq.write_table(pa.table({**plain_rows(1), "image": [image_bytes(1)]}), tmp_path / "t.parquet")
    run(tmp_path / "t.parquet", tmp_path / "catalog")
    with pytest.raises(ToileError, match="is already a catalog made by toile") as caught:
        run(tmp_path / "catalog", tmp_path / "out")
    assert "use the folder as it is" in caught.value.hint
    columns = {**plain_rows(2), "imageurl": ["http://a.example/1", "http://a.example/2"]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    with pytest.raises(ToileError) as caught:
        run(tmp_path / "t.parquet", tmp_path / "out")
    assert f"toile fetch {tmp_path / 't.parquet'} --out DIR" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("dataset_dict.json", "{}", "splits: is missing"),
        ("dataset_dict.json", "{", "not readable JSON"),
        ("state.json", '{"_data_files": [1]}', "_data_files: is missing"),
        ("state.json", '{"_data_files": [{"filename": "gone.arrow"}]}', "not a readable Arrow stream"),
    ],
)
def test_damaged_datasets_folder_is_a_one_line_error(tmp_path: Path, name: str, content: str, problem: str) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / name).write_text(content)
    with pytest.raises(ToileError, match=problem):
        run(tmp_path / "saved", tmp_path / "out")


def test_reasons_for_a_bad_image_are_the_same_each_time(tmp_path: Path) -> None:
    """A second run is compared by its reasons too, so they may not contain memory addresses."""
    pages = [b"<html></html>", *(image_bytes(k) for k in range(30))]
    pq.write_table(pa.table({**plain_rows(31), "image": pages}), tmp_path / "t.parquet")
    assert run(tmp_path / "t.parquet", tmp_path / "out").written
    assert not run(tmp_path / "t.parquet", tmp_path / "out").written


def test_format_that_pillow_passes_to_other_programs_is_not_opened(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.eps")
    pq.write_table(pa.table({**plain_rows(1), "image": [(tmp_path / "a.eps").read_bytes()]}), tmp_path / "t.parquet")
    with pytest.raises(ToileError, match="its image is EPS: convert it to JPEG or PNG"):
        run(tmp_path / "t.parquet", tmp_path / "out")
