"""Images as tables and folders name them: several in a cell, odd names, class folders, imagefolder, bytes."""

import base64
import io
import json
import unicodedata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from generator.ingest import ImportOptions
from generator.ingest.columns import MORE_IMAGES, split_images
from generator.ingest.import_table import ImportResult, import_table
from schemas.errors import ToileError
from schemas.product import Product, read
from tests.helpers.odd_images import odd_images


def picture(number: int, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (6, 5), (number, 7 * number % 256, 9)).save(file, kind)
    return file.getvalue()


def imported(table: Path, **options: Any) -> tuple[ImportResult, list[Product]]:
    out = table.parent / f"catalog of {table.name}"
    result = import_table(table, out, ImportOptions(**options))
    return result, sorted(read(out), key=lambda row: row.product_code)


def write_table(folder: Path, cells: list[str]) -> Path:
    lines = ["product_code\ttitle\tcategory\tprice\timage"]
    lines += [
        f"{number}\tCoat {'abcdefghij'[number]}\tCOATS\t{number + 5}\t{cell}" for number, cell in enumerate(cells)
    ]
    (folder / "table.tsv").write_text("\n".join(lines))
    return folder / "table.tsv"


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("http://h/a.jpg", ["http://h/a.jpg"]),
        ("http://h/a.jpg~http://h/b.jpg", ["http://h/a.jpg", "http://h/b.jpg"]),
        ("http://h/a.jpg|http://h/b.jpg|", ["http://h/a.jpg", "http://h/b.jpg"]),
        ("http://h/a.jpg, //h/b.jpg , http://h/c", ["http://h/a.jpg", "https://h/b.jpg", "http://h/c"]),
        ("http://h/a.jpg http://h/b.jpg\nhttp://h/c.jpg", ["http://h/a.jpg", "http://h/b.jpg", "http://h/c.jpg"]),
        ("http://h/a,b.jpg?w=1,2;http://h/c.jpg", ["http://h/a,b.jpg?w=1,2", "http://h/c.jpg"]),
        ('["http://h/a.jpg", "//h/b.jpg"]', ["http://h/a.jpg", "https://h/b.jpg"]),
        ("['http://h/a.jpg', 'http://h/a.jpg']", ["http://h/a.jpg"]),
        ('[{"src": "http://h/a.jpg", "id": 1}, {"url": "//h/b.jpg"}]', ["http://h/a.jpg", "https://h/b.jpg"]),
        ('{"url": "http://h/a.jpg"}', ["http://h/a.jpg"]),
        ('<a href="x"><img class="i" src="http://h/a.jpg?a=1&amp;b=2"></a>', ["http://h/a.jpg?a=1&b=2"]),
        ("<img src='//h/a.jpg'> <img src=//h/b.jpg>", ["https://h/a.jpg", "https://h/b.jpg"]),
        ("{http://h/a.jpg,http://h/b.jpg}", ["http://h/a.jpg", "http://h/b.jpg"]),
        ('{"id": 7, "main": "http://h/a.jpg"}', ["http://h/a.jpg"]),
        ("www.h.example/a.jpg", ["https://www.h.example/a.jpg"]),
        ("a.jpg|b.webp", ["a.jpg", "b.webp"]),
        ("a b, c.jpg", ["a b, c.jpg"]),
        ("img/a.avif;img/b.JP2", ["img/a.avif", "img/b.JP2"]),
        (15970, ["15970"]),
        ("", []),
        (None, []),
        ("[]", []),
    ],
)
def test_cell_with_images_is_divided(cell: Any, found: list[str]) -> None:
    assert split_images(cell) == found


def test_first_usable_image_is_taken_and_the_others_are_kept(tmp_path: Path) -> None:
    for name in ("b.png", "c.png"):
        (tmp_path / name).write_bytes(picture(ord(name[0])))
    (tmp_path / "broken.png").write_bytes(picture(1)[:20])
    result, rows = imported(write_table(tmp_path, ["missing.png|b.png|c.png", "broken.png, c.png"]))
    assert [row.image for row in rows] == [picture(ord("b")), picture(ord("c"))]
    (file,) = {entry.path for entry in result.manifest.files}
    more = pq.read_table(tmp_path / "catalog of table.tsv" / file).to_pylist()
    assert sorted(row[MORE_IMAGES] for row in more) == ['["b.png", "c.png"]', '["c.png"]']


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("15970.jpg", "15970"),
        ("15970.jpg", "15970.0"),
        ("images/15970.jpg", "15970"),
        ("img/0.jpg", "img\\0.jpg"),
        ("img/0.jpg", "/img/0.jpg"),
        ("img/0.jpg", "./img/0.jpg"),
        ("img/0.jpg", "C:\\shop\\img\\0.jpg"),
        ("img/0.JPG", "img/0.jpg"),
        (unicodedata.normalize("NFC", "Ünï.jpg"), unicodedata.normalize("NFD", "Ünï.jpg")),
        (unicodedata.normalize("NFD", "Ünï.jpg"), unicodedata.normalize("NFC", "Ünï")),
        ("no-suffix", "no-suffix"),
    ],
)
def test_names_of_other_systems_are_found(name: str, cell: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(picture(3, "JPEG"))
    _, rows = imported(write_table(tmp_path, [cell]))
    assert rows[0].image == picture(3, "JPEG")


def test_ambiguous_and_outside_names_are_bad_rows(tmp_path: Path) -> None:
    for name in ("a/x.png", "b/x.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(picture(1))
    with pytest.raises(ToileError, match="'x' is one of 2 files"):
        imported(write_table(tmp_path, ["x"]))
    (tmp_path / "shop").mkdir()
    (tmp_path / "secret.png").write_bytes(picture(1))
    with pytest.raises(ToileError, match="is outside"):
        imported(write_table(tmp_path / "shop", ["../secret.png"]))


def test_class_folders_hold_every_format_at_any_depth(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    odd = odd_images()
    seen: dict[str, bytes] = {}
    for name, image in odd.items():
        folder = shop / ("SHOES/BOOTS" if len(seen) % 2 else "COATS")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name.upper().replace(".", f"{len(seen)}.")).write_bytes(image.content)
        seen[name] = image.content
    (shop / "COATS" / "bare").write_bytes(picture(9))
    for junk in ("COATS/._x.jpg", "__MACOSX/COATS/y.jpg", ".thumbs/z.jpg", "COATS/Thumbs.db", "COATS/notes.txt"):
        (shop / junk).parent.mkdir(parents=True, exist_ok=True)
        (shop / junk).write_bytes(b"not an image")
    result, rows = imported(shop)
    assert result.rejected == []
    assert len(rows) == len(odd) + 1
    assert {row.image for row in rows} == {*seen.values(), picture(9)}
    assert {(row.category1_code, row.category3_code) for row in rows} == {(None, "COATS"), ("SHOES", "BOOTS")}
    assert any("2 files are no images" in note for note in result.notes)
    assert {Path(path).suffix for path in stored_names(tmp_path / "catalog of shop")} >= {
        ".avif",
        ".jp2",
        ".png",
        ".tif",
    }


def stored_names(catalog: Path) -> list[str]:
    return [cell["path"] for file in catalog.glob("data/*") for cell in pq.read_table(file)["image"].to_pylist()]


def test_unreadable_formats_in_class_folders_are_bad_rows_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "shop" / "COATS").mkdir(parents=True)
    for number in range(30):
        (tmp_path / "shop" / "COATS" / f"{number}.png").write_bytes(picture(number))
    (tmp_path / "shop" / "COATS" / "phone.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(80))
    result, rows = imported(tmp_path / "shop")
    assert len(rows) == 30
    assert [each["reason"] for each in result.rejected] == [
        "image 'COATS/phone.HEIC' is HEIC: convert it to JPEG or PNG"
    ]


def test_splits_above_class_folders_are_no_categories(tmp_path: Path) -> None:
    for number, name in enumerate(("train/COATS/a.png", "train/BAGS/b.png", "test/COATS/c.png")):
        (tmp_path / "shop" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "shop" / name).write_bytes(picture(number))
    result, rows = imported(tmp_path / "shop")
    assert [row.category3_code for row in rows] == ["COATS", "BAGS", "COATS"]
    assert {row.category1_code for row in rows} == {None}
    assert any("are splits, not categories" in note for note in result.notes)


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("per_split", [True, False])
def test_imagefolder_is_read_with_its_metadata(form: str, per_split: bool, tmp_path: Path) -> None:
    root = tmp_path / "shop"
    rows: dict[Path, list[dict[str, Any]]] = {}
    for number, split in enumerate(("train", "train", "test")):
        (root / split).mkdir(parents=True, exist_ok=True)
        (root / split / f"{number}.png").write_bytes(picture(number))
        place = root / split if per_split else root
        name = f"{number}.png" if per_split else f"{split}/{number}.png"
        row = {"file_name": name, "title": f"Coat {'abc'[number]}", "category": "COATS", "price": 5.0 + number}
        rows.setdefault(place, []).append(row)
    (root / "train" / "unlisted.png").write_bytes(picture(50))
    for place, each in rows.items():
        path = place / f"metadata.{form}"
        if form == "parquet":
            pq.write_table(pa.Table.from_pylist(each), path)
        elif form == "jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in each))
        else:
            path.write_text("\n".join([",".join(each[0]), *(",".join(map(str, row.values())) for row in each)]))
    result, found = imported(root)
    assert [
        (row.title, row.category3_code, row.full_price) for row in sorted(found, key=lambda row: row.full_price or 0)
    ] == [
        ("Coat a", "COATS", 5.0),
        ("Coat b", "COATS", 6.0),
        ("Coat c", "COATS", 7.0),
    ]
    assert any(
        "1 images without a row in them are left out, such as train/unlisted.png" in note for note in result.notes
    )


IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


@pytest.mark.parametrize(
    ("name", "column"),
    [
        (
            "images",
            pa.array(
                [[{"bytes": picture(k), "path": None}, {"bytes": b"x", "path": None}] for k in range(3)],
                pa.list_(IMAGE),
            ),
        ),
        ("images", pa.array([[picture(k)] for k in range(3)], pa.list_(pa.binary()))),
        ("image", pa.array([picture(k) for k in range(3)], pa.binary_view())),
        ("image", pa.array([picture(k) for k in range(3)], pa.large_binary())),
        ("image", pa.array([base64.b64encode(picture(k)).decode() for k in range(3)])),
        ("image", pa.array([f"data:image/png;base64,{base64.b64encode(picture(k)).decode()}" for k in range(3)])),
    ],
)
def test_images_inside_of_tables_are_read_in_any_form(name: str, column: pa.Array, tmp_path: Path) -> None:
    rows = {"title": ["Coat a", "Coat b", "Coat c"], "category": ["COATS"] * 3, "price": [1.0, 2.0, 3.0]}
    pq.write_table(pa.table({**rows, name: column}), tmp_path / "t.parquet")
    _, found = imported(tmp_path / "t.parquet")
    assert [row.image for row in found] == [picture(k) for k in range(3)]


def test_error_about_bytes_in_a_table_is_short(tmp_path: Path) -> None:
    rows = {"title": ["Coat"], "category": ["COATS"], "price": [1.0], "image": ["QUJD" * 2000]}
    pq.write_table(pa.table(rows), tmp_path / "t.parquet")
    with pytest.raises(ToileError) as caught:
        imported(tmp_path / "t.parquet")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("cell", ['[{"src": "//h/a.jpg"}, {"src": "//h/b.jpg"}]', "{//h/a.jpg,//h/b.jpg}"])
def test_urls_in_objects_are_found_after_an_empty_list(cell: str, tmp_path: Path) -> None:
    lines = [{"title": "Coat", "images": []}, {"title": "Bag", "images": json.loads(cell) if "src" in cell else cell}]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    _, rows = imported(tmp_path / "t.jsonl", with_images=False)
    assert [row.imageurl for row in rows] == [None, "https://h/a.jpg"]


@pytest.mark.parametrize("place", ["", "images", "images/015"])
def test_files_named_like_the_codes_need_no_column(place: str, tmp_path: Path) -> None:
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    for number in range(3):
        (tmp_path / place / f"1597{number}.png").write_bytes(picture(number))
    lines = [f"1597{number},Men,Shirts,Shirt {'abc'[number]}" for number in range(3)]
    (tmp_path / "styles.csv").write_text("\n".join(["id,gender,articleType,productDisplayName", *lines]))
    result, rows = imported(tmp_path / "styles.csv")
    assert [row.image for row in rows] == [picture(number) for number in range(3)]
    assert any("files named like 'id'" in note for note in result.notes)


def test_without_such_files_the_images_are_missed(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(picture(1))
    (tmp_path / "t.csv").write_text("id,title\n1,Coat\n2,Bag\n3,Hat\n")
    with pytest.raises(ToileError, match="no column contains images"):
        imported(tmp_path / "t.csv")


def test_folder_without_classes_needs_a_category(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    for number in range(3):
        (tmp_path / "shop" / f"{number}.png").write_bytes(picture(number))
    with pytest.raises(ToileError, match="--category"):
        imported(tmp_path / "shop")
    _, rows = imported(tmp_path / "shop", category="WOMEN > COATS")
    assert [(row.category1_code, row.category3_code) for row in rows] == [("WOMEN", "COATS")] * 3


@pytest.mark.parametrize(("names", "category"), [(("COATS", "BAGS"), "BAGS"), (("train", "test"), None)])
def test_class_folders_beside_metadata_are_the_category(
    names: tuple[str, str], category: str | None, tmp_path: Path
) -> None:
    lines = ["file_name,text"]
    for number, name in enumerate(names):
        (tmp_path / "shop" / name).mkdir(parents=True)
        (tmp_path / "shop" / name / f"{number}.png").write_bytes(picture(number))
        lines.append(f"{name}/{number}.png,A red item {'ab'[number]}")
    (tmp_path / "shop" / "metadata.csv").write_text("\n".join(lines))
    _, rows = imported(tmp_path / "shop")
    assert (rows[1].title, rows[1].category3_code) == ("A red item b", category)


def test_percent_encoded_file_name(tmp_path: Path) -> None:
    (tmp_path / "a b.png").write_bytes(picture(1))
    (tmp_path / "100%25.png").write_bytes(picture(2))
    _, rows = imported(write_table(tmp_path, ["img/a%20b.png", "100%25.png"]))
    assert [row.image for row in rows] == [picture(1), picture(2)]
