"""Import: every row is in the catalog or listed with its number and reason; families never cross a split."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from generator.ingest import ImportOptions
from generator.ingest.import_table import ImportResult, import_table
from generator.ingest.rows import normalize_title
from generator.ingest.tables import READERS, SUFFIXES_BY_PREFERENCE
from generator.pages.describe import describe
from schemas.errors import ToileError
from schemas.product import read
from toile.cli import main

SHARED = Path(__file__).parents[4] / "shared" / "real" / "studio100"
HEADER = ["product_code", "title", "category1_code", "category3_code", "full_price", "price", "currency_code", "image"]


def write_image(path: Path, seed: int = 0, size: tuple[int, int] = (40, 50), kind: str = "JPEG") -> None:
    """Write an image of noise, different for each seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).save(path, kind)


def rows(num: int) -> list[dict[str, Any]]:
    """Return valid rows, each with a different title and image."""
    words = ["Alpha", "Beta", "Gamma", "Delta", "Epsilon", "Zeta", "Eta", "Theta", "Iota", "Kappa"]
    return [
        {
            "product_code": str(1000 + k),
            "title": f"{words[k % 10]} {words[k // 10 % 10]} Coat",
            "category1_code": "WOMAN",
            "category3_code": "COATS",
            "full_price": f"{100 + k}",
            "price": f"{90 + k}",
            "currency_code": "USD",
            "image": f"pictures/{k}.jpg",
        }
        for k in range(num)
    ]


def write(folder: Path, table: list[dict[str, Any]], encoding: str = "utf-8") -> Path:
    """Write the table as CSV, with an image for every row."""
    for k in range(len(table)):
        write_image(folder / f"pictures/{k}.jpg", k)
    path = folder / "products.csv"
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    return path


def options(**changes: Any) -> ImportOptions:
    values: dict[str, Any] = {"columns": {}, "source": "test", **changes}
    return ImportOptions(**values)


def run(folder: Path, table: list[dict[str, Any]], **changes: Any) -> ImportResult:
    return import_table(write(folder, table), folder / "out", options(**changes))


def test_rows_and_image_bytes_are_unchanged(tmp_path: Path) -> None:
    result = run(tmp_path, rows(20))
    found = {row.product_code: row for row in read(tmp_path / "out")}
    assert result.manifest.num_products == len(found) == 20
    row = found["1007"]
    assert (row.title, row.category3_code, row.full_price, row.price) == ("Theta Alpha Coat", "COATS", 107.0, 97.0)
    assert (row.currency_code, row.flg_discount, row.inferable, row.source) == ("USD", 1, True, "test")
    assert row.image == (tmp_path / "pictures/7.jpg").read_bytes()
    assert row.attributes is None


def _break_image(name: str) -> Any:
    def spoil(folder: Path, row: dict[str, Any]) -> None:
        path = folder / row["image"]
        if name == "missing":
            path.unlink()
        elif name == "truncated":
            path.write_bytes(path.read_bytes()[:400])
        elif name == "html":
            path.write_text("<html>404</html>")
        elif name == "empty":
            path.write_bytes(b"")
        elif name == "huge":
            Image.new("1", (20_000, 20_000)).save(path, "PNG")
        elif name == "bomb":
            Image.new("1", (8_000, 8_000)).save(path, "PNG")

    return spoil


def _set_value(column: str, value: Any) -> Any:
    def spoil(folder: Path, row: dict[str, Any]) -> None:
        row[column] = value

    return spoil


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_break_image("missing"), "cannot be read: No such file"),
        (_break_image("truncated"), "is broken"),
        (_break_image("html"), "is broken"),
        (_break_image("empty"), "is broken"),
        (_break_image("huge"), "too large: Image size (400000000 pixels)"),
        (_break_image("bomb"), "8000x8000 pixels, more than 50,000,000"),
        (_set_value("image", ""), "no image is named"),
        (_set_value("image", "../../../etc/passwd"), "outside"),
        (_set_value("full_price", "-5"), "full_price '-5' is not a price above 0"),
        (_set_value("full_price", "1e999"), "not a price above 0"),
        (_set_value("price", "cheap"), "price 'cheap' is not a number"),
        (_set_value("full_price", "0"), "not a price above 0"),
        (_set_value("product_code", "1001"), "product code 1001 is also that of row 2"),
    ],
)
def test_bad_row_is_rejected_by_number_and_the_others_are_imported(tmp_path: Path, spoil: Any, reason: str) -> None:
    table = rows(24)
    path = write(tmp_path, table)
    spoil(tmp_path, table[16])
    pictures = {p: p.read_bytes() for p in (tmp_path / "pictures").iterdir()}
    write(tmp_path, table)
    for name in (tmp_path / "pictures").iterdir():
        if name in pictures:
            name.write_bytes(pictures[name])
        else:
            name.unlink()
    result = import_table(path, tmp_path / "out", options())
    assert [row["row"] for row in result.rejected] == [17]
    assert reason in result.rejected[0]["reason"]
    listed = [json.loads(line) for line in (tmp_path / "out/extra/rejected.jsonl").read_text().splitlines()]
    assert listed == result.rejected
    assert result.manifest.rejected == 1
    assert len(list(read(tmp_path / "out"))) == 23


def test_empty_price_is_missing(tmp_path: Path) -> None:
    table = rows(5)
    table[2]["full_price"] = table[2]["price"] = ""
    run(tmp_path, table)
    found = {row.product_code: row for row in read(tmp_path / "out")}
    assert found["1002"].full_price is None


def test_row_with_an_extra_field_does_not_shift_its_columns(tmp_path: Path) -> None:
    path = write(tmp_path, rows(3))
    lines = path.read_text().splitlines()[:2]
    path.write_text("\n".join([*lines, "1001,Beta Coat,W,COATS,1,1,USD,pictures/1.jpg,"]))
    assert not import_table(path, tmp_path / "out", options()).rejected
    path.write_text("\n".join([*lines, "1001,Beta,Coat,W,COATS,1,1,USD,pictures/1.jpg"]))
    with pytest.raises(ToileError, match="line 3 has 9 fields, not 8"):
        import_table(path, tmp_path / "out", options(), force=True)


def test_rate_without_a_currency_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToileError, match="the new currency is missing"):
        run(tmp_path, rows(3), rate=0.5)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"full_price": [1, 2]}, "is not a number"),
        ({"image": "a\0b.jpg"}, "not a file name"),
        ({"image": 7}, "cannot be read"),
    ],
)
def test_values_of_a_wrong_type_are_bad_rows(tmp_path: Path, line: dict[str, Any], reason: str) -> None:
    write(tmp_path, rows(2))
    good = {**rows(1)[0], "currency_code": "usd"}
    table = tmp_path / "t.jsonl"
    table.write_text("\n".join(json.dumps(row) for row in (good, {**rows(2)[1], **line})))
    result = import_table(table, tmp_path / "out", options(max_bad=0.5))
    assert reason in result.rejected[0]["reason"]


@pytest.mark.parametrize("encoding", ["utf-16", "klingon"])
def test_unknown_encoding_is_no_traceback(tmp_path: Path, encoding: str) -> None:
    for name in ("t.csv", "t.jsonl"):
        (tmp_path / name).write_text('{"title": "x"}\n')
        with pytest.raises(ToileError, match=r"encoding|is not utf-16 text"):
            import_table(tmp_path / name, tmp_path / "out", options(encoding=encoding))


def test_too_many_bad_rows_stop_the_import_and_write_nothing(tmp_path: Path) -> None:
    table = rows(10)
    table[3]["full_price"] = "free"
    path = write(tmp_path, table)
    with pytest.raises(ToileError) as caught:
        import_table(path, tmp_path / "out", options())
    assert "1 of 10 rows are bad, the first: row 4" in caught.value.problem
    assert "--max-bad" in caught.value.hint
    assert not (tmp_path / "out").exists()
    assert import_table(path, tmp_path / "out", options(max_bad=0.1)).manifest.num_products == 9


def test_wrong_encoding_is_explained_and_the_right_one_read(tmp_path: Path) -> None:
    table = rows(4)
    table[2]["title"] = "Caf\u00e9 Coat"
    path = write(tmp_path, table, encoding="latin-1")
    with pytest.raises(ToileError) as caught:
        import_table(path, tmp_path / "out", options(encoding="utf-8"))
    assert caught.value.where == f"{path}:4"
    assert "--encoding" in caught.value.hint
    result = import_table(path, tmp_path / "out", options())
    assert "cp1252 text" in result.notes[0]
    assert "Caf\u00e9 Coat" in {row.title for row in read(tmp_path / "out")}
    with pytest.raises(ToileError, match="not an encoding"):
        import_table(path, tmp_path / "out", options(encoding="klingon"))


def test_column_mapping_and_hints_for_typos(tmp_path: Path) -> None:
    table = [
        {("words" if k == "title" else "shot" if k == "image" else k): v for k, v in row.items()} for row in rows(3)
    ]
    path = write(tmp_path, table)
    with pytest.raises(ToileError, match="no column contains images"):
        import_table(path, tmp_path / "out", options())
    with pytest.raises(ToileError) as caught:
        import_table(path, tmp_path / "out", options(columns={"title": "wrods", "image": "shto"}))
    assert caught.value.problem == f"{path} has no columns 'wrods', 'shto'"
    assert "'words'" in caught.value.hint
    with pytest.raises(ToileError) as caught:
        import_table(path, tmp_path / "out", options(columns={"titel": "words", "image": "shot"}))
    assert "'title'" in caught.value.hint
    import_table(path, tmp_path / "out", options(columns={"title": "words", "image": "shot"}))
    assert all(row.title for row in read(tmp_path / "out"))


def test_missing_values_and_navigation_labels(tmp_path: Path) -> None:
    table = rows(4)
    table[0]["category3_code"] = "N.A."
    table[1]["category3_code"] = "View All"
    table[2]["category3_code"] = "BAGS, TOTES"
    table[3]["title"] = ""
    result = run(tmp_path, table)
    found = {row.product_code: row for row in read(tmp_path / "out")}
    assert (found["1000"].category3_code, found["1000"].inferable) == (None, False)
    assert (found["1001"].category3_code, found["1001"].inferable) == ("View All", False)
    assert (found["1002"].category3_code, found["1002"].inferable) == ("BAGS & TOTES", True)
    assert found["1003"].title is None
    assert result.num_commas == 1


def test_code_under_a_navigation_label_is_replaced_by_the_category(tmp_path: Path) -> None:
    table = rows(24)
    table[5] = {**table[5], "product_code": "1004", "category3_code": "SHIRTS"}
    table[4]["category3_code"] = "NEW IN"
    result = run(tmp_path, table)
    assert [row["row"] for row in result.rejected] == [5]
    assert {row.product_code: row for row in read(tmp_path / "out")}["1004"].category3_code == "SHIRTS"


def test_rate_changes_every_price_and_the_currency(tmp_path: Path) -> None:
    run(tmp_path, rows(3), rate=0.5, currency="EUR")
    found = {row.product_code: row for row in read(tmp_path / "out")}
    assert (found["1002"].full_price, found["1002"].price, found["1002"].currency_code) == (51.0, 46.0, "EUR")


def test_currency_that_contradicts_the_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToileError, match="its currency is USD, not INR"):
        run(tmp_path, rows(3), currency="INR")


def test_category_map(tmp_path: Path) -> None:
    run(tmp_path, rows(3), categories={"COATS": "OUTERWEAR"})
    assert {row.category3_code for row in read(tmp_path / "out")} == {"OUTERWEAR"}


def test_colourways_and_shared_images_are_one_family(tmp_path: Path) -> None:
    table = [{**row, "colour": "Navy Blue"} for row in rows(6)]
    table[0]["title"], table[0]["colour"] = "Runner Navy Blue Shoe 42", "Navy Blue"
    table[1]["title"], table[1]["colour"] = "Runner Red Shoe 43", "Red"
    path = write(tmp_path, table)
    (tmp_path / "pictures/2.jpg").write_bytes((tmp_path / "pictures/1.jpg").read_bytes())
    import_table(path, tmp_path / "out", options())
    family = {row.product_code: row.family for row in read(tmp_path / "out")}
    assert family["1000"] == family["1001"] == family["1002"]
    assert len(set(family.values())) == 4


def test_normalize_title_ignores_case_sizes_punctuation_and_colour() -> None:
    assert normalize_title("AIR-Max 90, Blue, size 43", "blue") == normalize_title("air max 90 XL", None)
    assert normalize_title("Blue", "blue") == "Blue"


@pytest.mark.parametrize("suffix", [".tsv", ".jsonl", ".parquet"])
def test_every_kind_of_table_gives_the_same_rows(tmp_path: Path, suffix: str) -> None:
    import pandas as pd

    table = rows(6)
    write(tmp_path, table)
    import_table(tmp_path / "products.csv", tmp_path / "csv", options())
    frame, path = pd.DataFrame(table), tmp_path / f"products{suffix}"
    if suffix == ".tsv":
        frame.to_csv(path, sep="\t", index=False)
    elif suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.astype({"full_price": float}).to_parquet(path)
    import_table(path, tmp_path / "other", options())
    assert list(read(tmp_path / "other")) == list(read(tmp_path / "csv"))


def test_every_readable_suffix_has_a_place_in_the_preference() -> None:
    assert sorted(suffix for group in SUFFIXES_BY_PREFERENCE for suffix in group) == sorted(READERS)


def test_class_folders(tmp_path: Path) -> None:
    for k in range(4):
        write_image(tmp_path / "photos" / ("hat" if k % 2 else "shoes") / f"{k // 2}.png", k, kind="PNG")
    result = import_table(tmp_path / "photos", tmp_path / "out", options())
    assert result.manifest.num_products == 4
    assert {(row.product_code, row.category3_code) for row in read(tmp_path / "out")} == {
        *(("shoes-0", "shoes"), ("hat-0", "hat")),
        *(("shoes-1", "shoes"), ("hat-1", "hat")),
    }


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.csv", "", "well-formed|no rows"),
        ("a.csv", "title,image\n", "no rows"),
        ("a.csv", 'title,image\n"x,y\n', "well-formed"),
        ("a.jsonl", '{"title": "x"}\n{bad\n', "not valid JSON"),
        ("a.jsonl", "[1]\n", "not a JSON object"),
        ("a.parquet", "no parquet", "Parquet"),
        ("a.docx", "x", "not a kind of table"),
        ("a.xlsx", "x", "not a readable workbook"),
    ],
)
def test_unreadable_table_is_a_one_line_error(tmp_path: Path, name: str, content: str, problem: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ToileError, match=problem):
        import_table(tmp_path / name, tmp_path / "out", options())


def test_second_import_does_nothing_and_another_table_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, rows(5))
    assert import_table(path, tmp_path / "out", options()).written
    assert not import_table(path, tmp_path / "out", options()).written
    with pytest.raises(ToileError, match="other inputs"):
        import_table(path, tmp_path / "out", options(source="else"))


def test_describe_counts_the_imported_rows(tmp_path: Path) -> None:
    table = rows(11)
    table[3]["title"] = ""
    run(tmp_path, table)
    figures = describe(tmp_path / "out")
    assert figures["num_products"] == 11
    assert figures["full_price"] == {"min": 100, "p10": 101, "median": 105, "p90": 109, "max": 110}
    assert figures["picture_sizes"] == {"40x50 JPEG": 11}
    assert figures["missing"]["title"] == 1
    assert figures["categories"]["COATS"]["n"] == 11
    assert sum(figures["splits"].values()) == 11


def test_commands_import_and_describe(tmp_path: Path) -> None:
    table = rows(30)
    table[8]["full_price"] = "-1"
    path = write(tmp_path, table)
    runner = CliRunner()
    out = str(tmp_path / "out")
    imported = runner.invoke(main, ["import", str(path), "--out", out, "--source", "mine"], catch_exceptions=False)
    assert imported.exit_code == 0
    assert "row 9 (code 1008) rejected" in imported.stderr
    assert imported.stdout == ""
    described = runner.invoke(main, ["describe", out, "--json"], catch_exceptions=False)
    assert json.loads(described.stdout)["num_rejected"] == 1
    shown = runner.invoke(main, ["describe", out], catch_exceptions=False)
    assert "COATS" in shown.stdout
    assert "40x50 JPEG 29" in shown.stdout


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real photographs are not here")
def test_import_of_a_hundred_real_rows(tmp_path: Path) -> None:
    result = import_table(
        SHARED / "products.csv", tmp_path / "out", options(source="studio", rate=0.012, currency="USD")
    )
    assert result.manifest.num_products == 100
    assert not result.rejected
    assert all(row.image and Image.open(io.BytesIO(row.image)).size for row in read(tmp_path / "out"))


def test_currency_that_is_no_code_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("title,price,image\nWool Coat,10,a.jpg\n")
    for command in ("import", "fetch"):
        arguments = [command, str(tmp_path / "t.csv"), "--currency", "usd", "--out", str(tmp_path / "out")]
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 2
        assert "is not three capital letters, such as USD" in done.output


def test_missing_images_name_the_option_of_their_folder(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("title,price,image\nWool Coat,10,a.jpg\n")
    done = CliRunner().invoke(main, ["import", str(tmp_path / "t.csv"), "--out", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert "--images" in done.output
