"""Tables as people have them: each kind of odd table is read right, or refused in words that help."""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from finetune.data_mix import open_source
from generator.ingest import ImportOptions
from generator.ingest.columns import KNOWN_COLUMNS, arrange, clean_text, fold_name, split_path
from generator.ingest.import_table import ImportResult, import_table
from generator.ingest.rows import (
    CheckedImage,
    ValidRow,
    assign_families,
    describe_families,
    list_warnings,
    parse_product,
)
from generator.ingest.tables import MISSING, read_table
from generator.pages.describe import describe
from schemas.errors import ToileError
from schemas.product import Product, read
from tests.helpers.workbooks import write_workbook
from toile.cli import main

SHOP = Path(__file__).parents[3] / "examples" / "shop"


def rows_of(folder: Path, text: str | bytes, name: str = "t.csv", **options: Any) -> tuple[list[Product], ImportResult]:
    """Import a table without images; return its products in the order of the table."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    chosen = ImportOptions(source="test", with_images=False, **options)
    result = import_table(path, folder / "out", chosen, force=True)
    return sorted(read(folder / "out"), key=lambda row: row.product_code), result


def notes_of(result: ImportResult) -> str:
    return "\n".join((*result.notes, *result.warnings))


@pytest.mark.parametrize("text", ["-5", "($12.00)", "$-5.00", "\u22125", "0", "0.00"])
def test_price_that_is_not_above_zero_is_a_bad_row(tmp_path: Path, text: str) -> None:
    lines = "".join(f"{code},Coat,10\n" for code in range(100, 130))
    _, result = rows_of(tmp_path, f'sku,name,price\n99,Coat,"{text}"\n{lines}')
    assert [each["reason"] for each in result.rejected] == [f"price {text!r} is not a price above 0"]


def test_currency_is_taken_from_signs_names_and_the_option(tmp_path: Path) -> None:
    found, result = rows_of(tmp_path, "sku,name,price\n1,Coat,$90\n2,Bag,€ 80\n3,Hat,£70\n4,Cap,12\n")
    assert [row.currency_code for row in found] == ["USD", "EUR", "GBP", None]
    assert "several currencies: USD 1, EUR 1, GBP 1" in notes_of(result)
    found, _ = rows_of(tmp_path, "sku,name,OriginalPrice (in Rs)\n1,Coat,90\n")
    assert found[0].currency_code == "INR"
    found, _ = rows_of(tmp_path, "sku,name,price\n1,Coat,$90\n", currency="CAD")  # the sign is also that of CAD
    assert found[0].currency_code == "CAD"
    with pytest.raises(ToileError, match="its currency is EUR, not USD"):
        rows_of(tmp_path, "sku,name,price\n1,Coat,90 €\n", currency="USD")


def test_decimal_is_said_and_can_be_named(tmp_path: Path) -> None:
    table = "sku,name,price\n1,Coat,1.290\n2,Bag,890\n"
    found, result = rows_of(tmp_path, table)
    assert [row.full_price for row in found] == [1290, 890]
    assert "prices in 'price' have a decimal comma: '1.290' is 1290" in notes_of(result)
    found, _ = rows_of(tmp_path, table, decimal=".")
    assert found[0].full_price == 1.29
    found, _ = rows_of(tmp_path, "sku,name,price,currency\n1,Coat,1.290,KWD\n2,Bag,0.750,KWD\n")
    assert found[0].full_price == 1.29


@pytest.mark.parametrize("word", [*sorted(MISSING), "N/A", "NaN", "<NA>", "#N/A", "\\N", "#REF!", "Sold out", " - "])
def test_missing_is_one_thing_in_every_column(tmp_path: Path, word: str) -> None:
    line = ",".join([f'"{word.replace(chr(34), chr(34) * 2)}"'] * 5)
    found, _ = rows_of(tmp_path, f"sku,name,category,price,brand,color\n1,Coat,COATS,10,North,red\n2,{line}\n")
    row = found[1]
    assert (row.title, row.category3_code, row.full_price, row.brand) == (None, None, None, None)
    assert not row.inferable


DIALECTS = {
    "semicolon": "sku;name;price\n1;Coat;10,50\n2;Bag;1.290,00\n",
    "tab": "sku\tname\tprice\n1\tCoat\t10.50\n2\tBag\t1290\n",
    "pipe": "sku|name|price\n1|Coat|10.50\n2|Bag|1290\n",
    "comma": 'sku,name,price\n1,Coat,10.50\n2,"Bag","1,290.00"\n',
    "commas in fields": 'sku;name;price\n1;"Coat";"10,50"\n2;Bag;1.290,00\n',
    "other marks in fields": '"sku";"name";"price"\n"1";"Coat";"10,50"\n"2";"Bag";"1.290,00"\n',
    "sep line": "sep=;\nsku;name;price\n1;Coat;10,50\n2;Bag;1.290,00\n",
    "trailing commas": "sku,name,price\n1,Coat,10.50,\n2,Bag,1290,,\n",
    "trailing commas everywhere": "sku,name,price,\n1,Coat,10.50,\n2,Bag,1290,\n",
    "blank lines": "\nsku,name,price\n\n1,Coat,10.50\n,,\n2,Bag,1290\n\n",
    "titles above": "My shop\n\nsku;name;price\n1;Coat;10,50\n2;Bag;1.290,00\n",
    "returns": "sku,name,price\r\n1,Coat,10.50\r\n2,Bag,1290\r\n",
    "old returns": "sku,name,price\r1,Coat,10.50\r2,Bag,1290\r",
    "spaces after commas": 'sku, name, price\n1, "Coat", 10.50\n2, Bag, 1290\n',
}


@pytest.mark.parametrize("name", DIALECTS)
def test_dialects_of_csv(tmp_path: Path, name: str) -> None:
    found, _ = rows_of(tmp_path, DIALECTS[name])
    assert [(row.product_code, row.title, row.full_price) for row in found] == [("1", "Coat", 10.5), ("2", "Bag", 1290)]


def test_one_column_may_hold_any_mark(tmp_path: Path) -> None:
    found, _ = rows_of(tmp_path, 'name\nCoat\n"Bag, small"\n"Hat, tall"\n')
    assert [row.title for row in found] == ["Coat", "Bag, small", "Hat, tall"]


@pytest.mark.parametrize(("decimal", "price"), [("point", 1.29), (".", 1.29), ("comma", 1290), (",", 1290)])
def test_decimal_option(tmp_path: Path, decimal: str, price: float) -> None:
    (tmp_path / "t.csv").write_text("sku;name;price\n1;Coat;1.290\n")
    command = ["import", str(tmp_path / "t.csv"), "--no-images", "--out", str(tmp_path / "out"), "--decimal", decimal]
    assert CliRunner().invoke(main, command, catch_exceptions=False).exit_code == 0
    assert next(read(tmp_path / "out")).full_price == price


def test_delimiter_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("sku~name\n1~Coat, long; warm\n")
    command = ["import", str(tmp_path / "t.csv"), "--no-images", "--out", str(tmp_path / "out"), "--delimiter"]
    assert CliRunner().invoke(main, [*command, "ab"]).exit_code == 2
    result = CliRunner().invoke(main, [*command, "~"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "separated by '~'" in result.stderr
    assert next(read(tmp_path / "out")).title == "Coat, long; warm"


GOOD = [f"{k},Coat {k},{k}0\n" for k in range(100, 140)]


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        ("7,Coat,10,11\n", "line 10 has 4 fields, not 3"),
        ("7\n", "line 10 has 1 fields, not 3"),
        ('7,"Coat,10\n', "line 10 has a quote that is not closed"),
    ],
)
def test_broken_line_is_one_bad_row(tmp_path: Path, broken: str, problem: str) -> None:
    text = "sku,name,price\n" + "".join(GOOD[:8]) + broken + "".join(GOOD[8:])
    found, result = rows_of(tmp_path, text)
    assert len(found) == 40
    assert [(each["row"], each["reason"]) for each in result.rejected] == [(9, problem)]
    listed = [json.loads(line) for line in (tmp_path / "out/extra/rejected.jsonl").read_text().splitlines()]
    assert listed == result.rejected


def test_open_quote_in_the_last_line_and_among_quoted_cells(tmp_path: Path) -> None:
    quoted = [f'{k},"Coat, number {k}",{k}0\n' for k in range(100, 140)]
    _, result = rows_of(tmp_path, "sku,name,price\n" + "".join(quoted) + '7,"Coat,10\n')
    assert [each["reason"] for each in result.rejected] == ["line 42 has a quote that is not closed"]
    _, result = rows_of(tmp_path, "sku,name,price\n" + "".join(quoted[:8]) + '7,"Coat,10\n' + "".join(quoted[8:]))
    assert [each["reason"] for each in result.rejected] == ["line 10 has a quote that is not closed"]


def test_cell_of_several_lines_is_one_row(tmp_path: Path) -> None:
    found, result = rows_of(tmp_path, 'sku,name,note,price\n1,Coat,"long\n\nand ""warm""",10\n2,5" heel,x,20\n')
    assert [(row.title, row.full_price) for row in found] == [("Coat", 10), ('5" heel', 20)]
    assert not result.rejected


def test_broken_json_line_is_one_bad_row(tmp_path: Path) -> None:
    lines = [json.dumps({"sku": k, "name": f"Coat {k}", "price": k}) for k in range(1, 31)]
    _, result = rows_of(tmp_path, "\n".join([*lines[:4], "{bad", *lines[4:]]), "t.jsonl")
    assert result.rejected[0]["row"] == 5
    assert result.rejected[0]["reason"].startswith("line 5 is not valid JSON")


def test_too_many_bad_rows_are_listed_beside_the_folder(tmp_path: Path) -> None:
    table = "sku,name,price\n1,Coat,cheap\n2,Bag,10\n3,Hat,-4\n4,Cap,rich\n"
    with pytest.raises(ToileError) as caught:
        rows_of(tmp_path, table)
    beside = tmp_path / "out.rejected.jsonl"
    assert str(beside) in caught.value.hint
    assert caught.value.problem.startswith(
        "3 of 4 rows are bad, the first: row 1, price 'cheap' is not a number; row 3,"
    )
    assert [json.loads(line)["row"] for line in beside.read_text().splitlines()] == [1, 3, 4]
    rows_of(tmp_path, table, max_bad=0.9)
    assert not beside.exists()
    assert (tmp_path / "out/extra/rejected.jsonl").read_text().count("\n") == 3


def test_errors_never_print_a_whole_cell(tmp_path: Path) -> None:
    for cell in ("x" * 3000, '"' + "a\nb" * 2000 + '"'):
        with pytest.raises(ToileError) as caught:
            rows_of(tmp_path, f"sku,name,price\n1,Coat,{cell}\n")
        assert len(caught.value.problem) < 250
        assert "\n" not in caught.value.problem


TITLE = "Größe \u201eM\u201c \u2013 Café €"


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        *(("utf-8", ""), ("utf-8-sig", ""), ("utf-16", ""), ("utf-16-le", ""), ("utf-16-be", ""), ("cp1252", "")),
        *(("utf-16-le", "\ufeff"), ("utf-16-be", "\ufeff"), ("utf-32", "")),
    ],
)
@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_encodings_are_found(tmp_path: Path, encoding: str, mark: str, name: str) -> None:
    text = f"sku,name,price\n1,{TITLE},10\n"
    if name.endswith("jsonl"):
        text = json.dumps({"sku": 1, "name": TITLE, "price": 10}, ensure_ascii=False)
    found, _ = rows_of(tmp_path, (mark + text).encode(encoding), name)
    assert found[0].title == TITLE


def test_latin_1_with_windows_signs_is_windows(tmp_path: Path) -> None:
    found, _ = rows_of(tmp_path, f"sku,name\n1,{TITLE}\n".encode("cp1252"), encoding="latin-1")
    assert found[0].title == TITLE


@pytest.mark.parametrize("encoding", ["cp1251", "shift_jis", "gb18030", "koi8-r"])
def test_other_encodings_are_not_taken_for_western(tmp_path: Path, encoding: str) -> None:
    title = "Пальто зимнее" if encoding in ("cp1251", "koi8-r") else "赤い帽子"
    text = f"sku,name\n1,{title}\n".encode(encoding)
    with pytest.raises(ToileError) as caught:
        rows_of(tmp_path, text)
    assert caught.value.where.endswith("t.csv:2")
    assert "--encoding" in caught.value.hint
    found, _ = rows_of(tmp_path, text, encoding=encoding)
    assert found[0].title == title


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Dolce &amp; Gabbana", "Dolce & Gabbana"),
        ("<b>Wool</b> Coat<br/>", "Wool Coat"),
        ("Caf&eacute; &amp;amp; Bar", "Café & Bar"),
        ("<p>A<script>x()</script> hat</p>", "A hat"),
        ("3 < 4 and a <wide> hat", "3 < 4 and a <wide> hat"),
        ("R&D", "R&D"),
    ],
)
def test_html_in_texts(text: str, clean: str) -> None:
    assert clean_text(text) == clean


PATHS = {
    "arrows": ["Women > Shoes", "Women > Bags > Totes", "Men > Shoes"],
    "entities": ["Women &gt; Shoes", "Women &gt; Bags &gt; Totes", "Men &gt; Shoes"],
    "breadcrumbs": ["Home / Women / Shoes", "Home / Women / Bags / Totes", "Home / Men / Shoes"],
    "slashes": ["Women/Shoes", "Women/Bags/Totes", "Men/Shoes"],
    "pipes": ["Women | Shoes", "Women | Bags | Totes", "Men | Shoes"],
    "quotes": ["Women » Shoes", "Women » Bags » Totes", "Men » Shoes"],
    "lists": ['["Women", "Shoes"]', "['Women', 'Bags', 'Totes']", '["Men", "Shoes"]'],
    "list of a path": ['["Women >> Shoes"]', '["Women >> Bags >> Totes"]', '["Men >> Shoes"]'],
}


@pytest.mark.parametrize("name", PATHS)
def test_path_in_one_cell(tmp_path: Path, name: str) -> None:
    lines = "".join(
        f'{k},Coat {k},"{cell.replace(chr(34), chr(34) * 2)}"\n' for k, cell in enumerate(PATHS[name], start=1)
    )
    found, _ = rows_of(tmp_path, f"sku,name,category\n{lines}")
    assert [(row.category1_code, row.category2_code, row.category3_code) for row in found] == [
        ("Women", None, "Shoes"),
        ("Women", "Bags", "Totes"),
        ("Men", None, "Shoes"),
    ]


def test_slash_in_a_name_is_no_path(tmp_path: Path) -> None:
    found, _ = rows_of(tmp_path, "sku,name,category\n1,A,Tops/Blouses\n2,B,Coats\n3,C,Bags\n")
    assert found[0].category3_code == "Tops/Blouses"
    lines = "".join(f"{k},A{k},{name}\n" for k, name in enumerate(["Tops/Shirts", "Tops/Tees", *"BCDEF"]))
    assert {row.category3_code for row in rows_of(tmp_path, f"sku,name,category\n{lines}")[0]} > {"Tops/Shirts", "B"}


def test_category_of_rows_without_any(tmp_path: Path) -> None:
    table = "sku,name,price\n1,Coat,10\n"
    assert rows_of(tmp_path, table, category="WOMEN")[0][0].category3_code == "WOMEN"
    row = rows_of(tmp_path, table, category="WOMEN > SHOES")[0][0]
    assert (row.category1_code, row.category3_code, row.inferable) == ("WOMEN", "SHOES", True)
    assert "no row has a category: add --category" in notes_of(rows_of(tmp_path, table)[1])


def test_split_path_of_objects_and_empty_cells() -> None:
    assert split_path([{"name": "Women"}, {"name": "Shoes"}]) == ["Women", "Shoes"]
    assert split_path(None) == []


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        *(("Variant Compare At Price", "variantcompareatprice"), ("g:price", "price"), ("entity.name", "name")),
        *(("OriginalPrice (in Rs)", "originalprice"), ("price_usd", "price"), ("Name *", "name"), ("SKU", "sku")),
    ],
)
def test_fold_name(name: str, folded: str) -> None:
    assert folded in fold_name(name)


def test_all_missing_columns_are_listed_at_once(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ToileError) as caught:
        import_table(tmp_path / "t.csv", tmp_path / "out", ImportOptions())
    assert caught.value.problem == "no column contains images; no column contains titles or leaf categories"
    assert caught.value.hint.endswith("the table has a, b")


def test_columns_are_said_and_the_others_kept(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    table = "Artikelnummer;Bezeichnung;Preis;Farbe;Season;empty;family\n"
    table += "1;Mantel;10,50;Rot;SS26;;x\n2;Tasche;20,00;;SS26;;x\n"
    found, result = rows_of(tmp_path, table)
    assert [(row.title, row.full_price) for row in found] == [("Mantel", 10.5), ("Tasche", 20)]
    assert "color <- Farbe, price <- Preis, title <- Bezeichnung, product_code <- Artikelnummer" in notes_of(result)
    assert "kept as own columns: Season" in notes_of(result)
    assert "not used: family" in notes_of(result)
    stored = [row for file in (tmp_path / "out/data").glob("*.parquet") for row in pq.read_table(file).to_pylist()]
    cells = sorted((row["title"], row["color"], row["Season"]) for row in stored)
    assert cells == [("Mantel", "Rot", "SS26"), ("Tasche", None, "SS26")]
    assert "- name: Season\n    dtype: string" in (tmp_path / "out/README.md").read_text()


def test_index_of_pandas_is_no_column(tmp_path: Path) -> None:
    _, result = rows_of(tmp_path, ",sku,name\n0,1,Coat\n1,2,Bag\n")
    assert "not used: column 1" in notes_of(result)


def test_json_values_in_cells(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    line = {
        "sku": 7,
        "name": ["Wool Coat"],
        "category": ["Women", "Coats"],
        "brand": {"name": "North"},
        "price": {"amount": "1,290.00", "currency": "EUR"},
        "tags": ["a", "b"],
    }
    found, _ = rows_of(tmp_path, json.dumps(line), "t.jsonl")
    row = found[0]
    assert (row.title, row.brand, row.category1_code, row.category3_code) == ("Wool Coat", "North", "Women", "Coats")
    assert (row.full_price, row.currency_code) == (1290, "EUR")
    file = next((tmp_path / "out/data").glob("*.parquet"))
    assert json.loads(pq.read_table(file)["tags"][0].as_py()) == ["a", "b"]


@pytest.mark.parametrize(
    ("table", "codes"),
    [
        ("Handle,Title,Variant SKU,Image Src\na,Coat,a-s,1.jpg\na,,a-m,\na,,,2.jpg\nb,Bag,b-1,3.jpg\n", ["a", "b"]),
        ("Type,SKU,Name,Parent\nvariable,1,Coat,\nvariation,1-S,Coat - S,1\nsimple,2,Bag,\n", ["1", "2"]),
        ("id,item_group_id,title,color,size\n1,g,Coat,Red,S\n2,g,Coat,Red,M\n3,g,Coat,Blue,S\n", ["1", "3"]),
        ("sku,name,size\n1,Coat,S\n1,Coat,M\n2,Bag,\n", ["1", "2"]),
        ("sku,name,image\n1,Coat,a.jpg\n1,Coat,b.jpg\n2,Bag,c.jpg\n", ["1", "2"]),
    ],
)
def test_rows_of_one_product_are_one(tmp_path: Path, table: str, codes: list[str]) -> None:
    found, result = rows_of(tmp_path, table)
    assert [row.product_code for row in found] == codes
    assert f"{table.count(chr(10)) - 1} rows are 2 products" in notes_of(result)
    assert not result.rejected


def test_equal_rows_are_repeats_and_not_sizes(tmp_path: Path) -> None:
    with pytest.raises(ToileError, match="product code 1 is also that of row 1"):
        rows_of(tmp_path, "sku,name,size\n1,Coat,S\n1,Coat,S\n")


# Layouts found in public repositories, with invented rows: their names, and what the first row must become.
LAYOUTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "prestashop": (
        "Product ID;Active (0/1);Name *;Categories (x,y,z...);Price tax excluded;Manufacturer;Image URLs (x,y,z...)\n",
        "11;1;Wool Coat;Home,Women,Coats;1.290,00;North;https://s.example/a.jpg\n",
        {"product_code": "11", "category1_code": "Women", "brand": "North"},
    ),
    "magento": (
        "sku,product_type,categories,name,price,special_price,base_image,small_image\n",
        'W1,configurable,"Default Category/Women,Default Category/Women/Coats",Wool Coat,1290.00,990.00,/1.jpg,/2.jpg\n'
        'W2,simple,"Default Category/Men,Default Category/Men/Bags",Bag,90.00,,/3.jpg,/4.jpg\n',
        {"product_code": "W1", "category1_code": "Women", "price": 990},
    ),
    "wix": (
        "handleId,fieldType,name,productImageUrl,collection,sku,price,productOptionName1,productOptionDescription1\n",
        "p1,Product,Wool Coat,a.jpg;b.jpg,Coats;Sale,WC,1290.0,Size,S;M\np1,Variant,,,,WC-S,,,S\n",
        {"product_code": "WC"},
    ),
    "squarespace": (
        "Product ID [Non Editable],Variant ID [Non Editable],Product Type [Non Editable],Title,SKU,Price,Sale Price,"
        "Categories,Hosted Image URLs\n",
        "5f1,a1,PHYSICAL,Wool Coat,S1,1290.00,0.00,/Coats,https://i.example/1.jpg\n,a2,,,S2,1290.00,0.00,,\n",
        {"product_code": "S1", "price": 1290},
    ),
    "flipkart": (
        "uniq_id,product_url,product_name,product_category_tree,pid,retail_price,discounted_price,image,brand\n",
        'u1,http://f,Wool Coat,"[""Women >> Outerwear >> Coats >> Wool Coat""]",P1,1290,990,"[""http://i/1""]",North\n',
        {"product_code": "u1", "category1_code": "Women", "category2_code": "Outerwear", "price": 990},
    ),
    "h&m": (
        "article_id,product_code,prod_name,product_type_name,product_group_name,colour_group_name,department_name,"
        "index_group_name,price\n",
        "0108775015,0108775,Wool Coat,Coats,Outerwear,Black,Knit,Women,1290\n"
        "0108775044,0108775,Wool Coat,Coats,Outerwear,White,Knit,Women,1290\n",
        {"product_code": "0108775015", "category1_code": "Women", "category2_code": "Outerwear"},
    ),
    "asos": (
        "url,name,size,category,price,color,sku,description,images\n",
        'https://a.example,Wool Coat,"UK 8,UK 10",Coats,1290.00,Neutral,126704571.0,x,"[\'https://i.example/1\']"\n',
        {"product_code": "126704571", "itemurl": "https://a.example"},
    ),
    "zara": (
        "Product ID;Product Position;Product Category;brand;url;sku;name;price;currency;scraped_at;terms;section\n",
        "185102;Aisle;Clothing;Zara;https://z.example;272145190;Wool Coat;1290.00;USD;2024-02-19;Coats;WOMAN\n",
        {"product_code": "272145190", "category1_code": "WOMAN", "category2_code": "Clothing", "currency_code": "USD"},
    ),
    "myntra scrape": (
        "Product_URL,Brand,Description,Id_Product,URL_image,Category_by_gender,Discount Price (in Rs.),Product Price\n",
        'https://m.example,North,Wool Coat,11,https://i.example/1,Coats,"Rs. 990","Rs. 1,290"\n',
        {"product_code": "11", "price": 990, "currency_code": "INR"},
    ),
    "amazon scrape": (
        "Uniq Id,Product Name,Brand Name,Asin,Category,List Price,Selling Price,Image,Product Url\n",
        'u1,Wool Coat,,,Clothing | Women | Coats,"$1,290.00",$99.99 - $120.00,https://i.example/1,https://a.example\n',
        {"product_code": "u1", "category1_code": "Clothing", "price": 99.99, "currency_code": "USD"},
    ),
    "adidas": (
        "index,url,name,sku,selling_price,original_price,currency,color,category,breadcrumbs,brand,images\n",
        "0,https://d.example,Wool Coat,FJ5089,990,1290,USD,Black,Coats,Women/Coats,adidas,https://i/1~https://i/2\n",
        {"product_code": "FJ5089", "price": 990},
    ),
    "facebook": (
        "id,title,price,link,image_link,brand,google_product_category,sale_price,item_group_id,gender,color\n",
        "1,Wool Coat,1290.00 EUR,https://s.example,https://s/1,North,Women > Coats,990.00 EUR,G1,female,Red\n",
        {"product_code": "1", "category1_code": "Women", "price": 990, "currency_code": "EUR"},
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_of_public_tables(tmp_path: Path, name: str) -> None:
    header, lines, expected = LAYOUTS[name]
    found, _ = rows_of(tmp_path, header + lines)
    assert found[0].title == "Wool Coat"
    assert (found[0].category3_code, found[0].full_price) == ("Coats", 1290)
    assert {key: getattr(found[0], key) for key in expected} == expected


EXPORTS = ("shopify.csv", "woocommerce.csv", "google-merchant.tsv", "amazon.txt", "myntra.csv")


@pytest.mark.parametrize("name", EXPORTS)
def test_exports_of_the_example_shop_need_no_option(tmp_path: Path, name: str) -> None:
    out = str(tmp_path / "out")
    result = CliRunner().invoke(main, ["import", str(SHOP / name), "--out", out], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    original = tmp_path / "original"
    import_table(SHOP / "products.csv", original)
    wanted = {row.image: row for row in read(original)}
    found = list(read(tmp_path / "out"))
    assert len(found) == len(wanted) == 30
    for row in found:
        product = wanted[row.image]
        assert row.title is not None
        assert product.title is not None
        assert row.title.startswith(product.title)
        assert row.full_price == (product.full_price or 0) * (80 if name == "myntra.csv" else 1)
        if name != "amazon.txt":  # which has no category
            assert row.category3_code == product.category3_code


def _valid(titles: list[str], images: Sequence[str | None] = (), **values: Any) -> list[ValidRow]:
    rows = []
    for number, title in enumerate(titles, start=1):
        row: dict[str, Any] = dict.fromkeys(KNOWN_COLUMNS) | {"title": title, "category3_code": "COATS"} | values
        name = images[number - 1] if images else f"{number}"
        image = None if name is None else CheckedImage(sha256=name, where=f"{name}.jpg", read=lambda: b"")
        rows.append(ValidRow(number, parse_product(number, row, ImportOptions(source="t")), image, None))
    return assign_families(rows, "t")


@pytest.mark.parametrize(
    ("titles", "num_families"),
    [
        ([f"Levis {number} Jeans" for number in range(501, 541)], 40),
        ([f"Хилл-{number}" for number in range(1, 41)], 40),
        (["Runner Shoe 42", "Runner Shoe 43", "runner shoe, 44"], 1),
        (["Wool Coat M", "Wool Coat XL", "Wool Coat - size 40"], 1),
        (["Rug 140x200 cm", "Rug 160 x 220 cm", "Rug"], 1),
        (["Air Max 90", "Air Max 95", "Air Max 90, size 43"], 2),
    ],
)
def test_numbers_in_titles_are_designs_unless_they_are_sizes(titles: list[str], num_families: int) -> None:
    rows = _valid(titles)
    assert len({row.product.family for row in rows}) == num_families
    assert f"{num_families} families" in describe_families(rows)


def test_placeholder_image_is_named_and_joins_no_families() -> None:
    titles = [f"{word} Coat" for word in ("Red", "Long", "Wool", "Short", "Rain", "Silk", "Linen")]
    rows = _valid(titles, ["same"] * 6 + ["other"])
    assert len({row.product.family for row in rows}) == 7
    assert "rows with different titles show the same image, perhaps a placeholder: same.jpg" in "\n".join(
        list_warnings(rows)
    )
    assert len({row.product.family for row in _valid(titles[:2], ["same"] * 2)}) == 1


@pytest.mark.parametrize(
    ("table", "warning"),
    [
        ("sku,name,price,currency\n1,A,10,USD\n2,B,10,usd\n3,C,10,GBP\n", "several currencies: USD 2, GBP 1"),
        (
            "sku,name,full_price,price\n1,A,63,113\n2,B,10,9\n",
            "1 rows have a price to pay above their full price, such as 1",
        ),
        (
            "sku,name,price\n" + "1,A,10\n" * 1 + "2,B,12\n3,C,120000\n",
            "1 prices are more than 1,000 times above or below",
        ),
        ("sku,name,price\n1,A,0.0508\n2,B,0.0169\n3,C,0.051\n", "half of the prices are below 0.0508"),
        ("sku,name,price,category\n1,A,,x\n2,B,9,\n", "missing: category3_code 50 %, full_price 50 %"),
        ("sku,name\n1,A\n2,A\n3,A\n4,B\n", "3 rows share their title with others, the most often 'A' (3 rows)"),
        ("sku,name\n1,A\n2,A\n3,A\n4,B\n", "one family holds 3 of 4 rows, such as 'A'"),
        ("sku,name\n1,A\n", "no row is in"),
    ],
)
def test_warnings(tmp_path: Path, table: str, warning: str) -> None:
    assert warning in "\n".join(rows_of(tmp_path, table)[1].warnings)


def test_catalog_without_images(tmp_path: Path) -> None:
    lines = "".join(f"{k},{word} Coat,{50 + k},COATS,{k}.jpg\n" for k, word in enumerate("abcdefghijklmnopqrst"))
    (tmp_path / "t.csv").write_text("sku,name,price,category,image\n" + lines)
    command = ["import", str(tmp_path / "t.csv"), "--no-images", "--out", str(tmp_path / "out")]
    assert CliRunner().invoke(main, command, catch_exceptions=False).exit_code == 0
    assert all(row.image is None for row in read(tmp_path / "out"))
    assert describe(tmp_path / "out")["num_products"] == 20
    assert CliRunner().invoke(main, [*command, "--images", str(tmp_path)]).exit_code == 2
    with pytest.raises(ToileError, match="is a catalog without images"):
        open_source(tmp_path / "out", "train")


def _fit_a_twin(folder: Path) -> tuple[str, str]:
    """Import a table without images, fit a spec, generate from it; return the folders of both catalogs."""
    words = ["Wool Coat", "Canvas Bag", "Silk Scarf", "Leather Shoes", "Denim Trousers", "Cotton Shirt"]
    lines = "".join(
        f"{1000 + k};{words[k % 6]} {'abcdefghij'[k // 6 % 10]} {k // 60};{50 + k},50 €;Women > {words[k % 6]};Red\n"
        for k in range(120)
    )
    (folder / "t.csv").write_text(f"Artikelnummer;Bezeichnung;Preis;Kategorie;Farbe\n{lines}")
    real, spec, twin = (str(folder / name) for name in ("real", "twin.yaml", "twin"))
    for command in (
        ["import", str(folder / "t.csv"), "--no-images", "--out", real],
        ["fit", real, "--out", spec, "--no-images"],
        ["generate", spec, "--no-images", "--num-products", "80", "--out", twin],
    ):
        result = CliRunner().invoke(main, command, catch_exceptions=False)
        assert result.exit_code == 0, result.output
    return real, twin


def test_a_spec_is_fitted_to_a_table_without_images(tmp_path: Path) -> None:
    _, twin = _fit_a_twin(tmp_path)
    assert {row.currency_code for row in read(Path(twin))} == {"EUR"}


@pytest.mark.slow
def test_a_catalog_without_images_is_audited(tmp_path: Path) -> None:
    real, twin = _fit_a_twin(tmp_path)
    command = ["audit", "--real", real, "--synthetic", twin, "--out", str(tmp_path / "audit")]
    result = CliRunner().invoke(main, command)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert (tmp_path / "audit/audit.json").is_file()


def test_table_of_a_catalog_reads_back(tmp_path: Path) -> None:
    found, _ = rows_of(tmp_path, "sku,name,price\n1,Coat,10\n")
    assert read_table(tmp_path / "t.csv").rows == [{"sku": "1", "name": "Coat", "price": "10"}]
    assert found[0].product_code == "1"


LANGUAGES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "german": (
        "Artikelnummer;Bezeichnung;Kategorie1;Kategorie2;Kategorie3;Normalpreis;Angebotspreis;Farbe;Hersteller\n",
        "7;Wool Coat;Women;Jackets;Coats;1.290,00 €;990,00 €;rot;North\n",
        {"price": 990, "category1_code": "Women", "category2_code": "Jackets", "brand": "North"},
    ),
    "german, sale price beside a plain one": (
        "Artikel-Nr.;Artikelname;Warengruppe;Unterkategorie;Preis (EUR);Reduzierter Preis\n",
        "7;Wool Coat;Women;Coats;1.290,00;990,00\n",
        {"price": 990, "category1_code": "Women", "currency_code": "EUR"},
    ),
    "french": (
        "référence,nom du produit,categorie1,categorie2,prix_barré,prix_soldé,marque\n",
        '7,Wool Coat,Women,Coats,"1290,00","990,00",North\n',
        {"price": 990, "category1_code": "Women", "brand": "North"},
    ),
    "italian": (
        "codice;nome prodotto;categoria;sottocategoria;prezzo di listino;prezzo in offerta\n",
        "7;Wool Coat;Women;Coats;1.290,00;990,00\n",
        {"price": 990, "category1_code": "Women"},
    ),
    "spanish": (
        "Código,Título,Categoría,Precio,Precio rebajado,Moneda\n",
        "7,Wool Coat,Women > Coats,1290.00,990.00,EUR\n",
        {"price": 990, "category1_code": "Women", "currency_code": "EUR"},
    ),
    "portuguese": (
        "código,título,categoria,preço,preço promocional\n",
        '7,Wool Coat,Women > Coats,"R$ 1.290,00","R$ 990,00"\n',
        {"price": 990, "category1_code": "Women", "currency_code": "BRL"},
    ),
    "dutch": (
        "artikelnummer;naam;categorie;subcategorie;prijs;actieprijs;merk\n",
        "7;Wool Coat;Women;Coats;1290,00;990,00;North\n",
        {"price": 990, "category1_code": "Women", "brand": "North"},
    ),
    "polish": (
        "kod;nazwa produktu;kategoria;cena;cena promocyjna\n",
        "7;Wool Coat;Women > Coats;1 290,00 zł;990,00 zł\n",
        {"price": 990, "category1_code": "Women", "currency_code": "PLN"},
    ),
    "turkish": (
        "Ürün Kodu;Ürün Adı;Kategori;Fiyat;İndirimli Fiyat\n",
        "7;Wool Coat;Women > Coats;1.290,00 TL;990,00 TL\n",
        {"price": 990, "category1_code": "Women", "currency_code": "TRY"},
    ),
    "russian": (
        "Артикул;Название товара;Категория;Подкатегория;Старая цена;Цена со скидкой\n",
        "7;Wool Coat;Women;Coats;1 290 ₽;990 ₽\n",
        {"price": 990, "category1_code": "Women", "currency_code": "RUB"},
    ),
    "russian, currency in the name": (
        "ID товара;Название;Цена до скидки, руб.;Цена, руб.;Категория 1;Категория 2\n",
        "7;Wool Coat;1 290;990;Women;Coats\n",
        {"price": 990, "category1_code": "Women"},
    ),
    "german, with tax": (
        "Bestellnummer;Beschreibung;Kategorie Ebene 1;Kategorie Ebene 2;Listenpreis brutto;Bruttopreis\n",
        "7;Wool Coat;Women;Coats;1290,00;990,00\n",
        {"price": 990, "category1_code": "Women"},
    ),
    "japanese, three levels": (
        "商品ID,商品タイトル,通常価格,税込価格,大カテゴリ,中カテゴリ,小カテゴリ\n",
        '7,Wool Coat,"1,290円",990円,Women,Jackets,Coats\n',
        {"price": 990, "category1_code": "Women", "category2_code": "Jackets"},
    ),
    "japanese": (
        "商品番号,商品名,カテゴリ,定価,セール価格,ブランド\n",
        '7,Wool Coat,Women > Coats,"¥1,290",¥990,North\n',
        {"price": 990, "category1_code": "Women", "currency_code": "JPY"},
    ),
    "chinese": (
        "商品编号,商品名称,一级分类,二级分类,原价,促销价,品牌\n",
        "7,Wool Coat,Women,Coats,1290,990,North\n",
        {"price": 990, "category1_code": "Women", "brand": "North"},
    ),
}


@pytest.mark.parametrize("name", LANGUAGES)
def test_columns_are_found_by_their_words_in_other_languages(tmp_path: Path, name: str) -> None:
    header, line, expected = LANGUAGES[name]
    (found,), _ = rows_of(tmp_path, header + line)
    assert (found.product_code, found.title) == ("7", "Wool Coat")
    assert (found.category3_code, found.full_price) == ("Coats", 1290)
    assert {key: getattr(found, key) for key in expected} == expected


@pytest.mark.parametrize(
    "name",
    [
        *("Sales Volume", "Product Position", "Code postal", "Preis 2", "Bild 2", "Price change", "Material-Nr"),
        *("Anzahl Bilder", "Category URL", "Nr", "sale", "Rabatt", "x" * 5000, "preis" * 2000),
    ],
)
def test_names_with_other_words_are_not_taken(name: str) -> None:
    (folded,) = fold_name(name)
    assert len(folded) <= len(name)


@pytest.mark.parametrize("mark", [" → ", "→", " · ", "#", " - ", " – ", " / ", "|", " > "])
def test_every_mark_between_levels_divides_a_path(tmp_path: Path, mark: str) -> None:
    paths = [mark.join(("Women", "Shoes")), mark.join(("Women", "Bags")), mark.join(("Men", "Bags"))]
    lines = "".join(f'{number},Item {"abc"[number]},"{path}",9\n' for number, path in enumerate(paths))
    found, _ = rows_of(tmp_path, "sku,title,category,price\n" + lines)
    levels = [(row.category1_code, row.category3_code) for row in found]
    assert levels == [("Women", "Shoes"), ("Women", "Bags"), ("Men", "Bags")]


@pytest.mark.parametrize("names", [("Knitwear - Fine", "Coats", "Bags"), ("T-Shirts", "A#1", "Bags · Totes")])
def test_marks_in_a_few_names_do_not_divide(tmp_path: Path, names: tuple[str, ...]) -> None:
    lines = "".join(f"{number},Item {'abc'[number]},{name},9\n" for number, name in enumerate(names))
    found, _ = rows_of(tmp_path, "sku,title,category,price\n" + lines)
    assert [row.category3_code for row in found] == list(names)


def test_category_of_the_same_name_as_its_product_stays(tmp_path: Path) -> None:
    lines = "1,Shirt,Men > Shirt,9\n2,Red Bag,Men > Bags,9\n3,Cap,Home > Men > Hats > Cap,9\n4,Blue Bag,Men > Bags,9\n"
    found, _ = rows_of(tmp_path, "sku,title,category,price\n" + lines)
    assert [row.category3_code for row in found] == ["Shirt", "Bags", "Hats", "Bags"]


def test_product_with_its_variants_in_one_object(tmp_path: Path) -> None:
    product = {
        "title": "Wool Coat",
        "vendor": "North",
        "product_type": "Coats",
        "tags": ["new"],
        "variants": [
            {"id": 1, "sku": "W-S", "price": "990.00", "compare_at_price": "1290.00"},
            {"id": 2, "sku": "W-M", "price": "995.00", "compare_at_price": None},
        ],
        "options": [{"name": "Color", "values": ["Red", "Blue"]}, {"name": "Size", "values": ["S", "M"]}],
        "images": [{"id": 5, "src": "//cdn.example/a.jpg"}, {"id": 6, "src": "//cdn.example/b.jpg"}],
    }
    (found,), result = rows_of(tmp_path, json.dumps(product) + "\n", "products.jsonl")
    assert (found.title, found.brand, found.category3_code) == ("Wool Coat", "North", "Coats")
    assert (found.full_price, found.price, found.product_code) == (1290, 990, "W-S")
    assert "color" in notes_of(result)


@pytest.mark.parametrize("listed", [True, False])
def test_price_in_the_offers_of_schema_org(tmp_path: Path, listed: bool) -> None:
    offer = {"@type": "Offer", "price": "12.50", "priceCurrency": "EUR"}
    line = {"@type": "Product", "name": "Wool Coat", "sku": "7", "offers": [offer] if listed else offer}
    (found,), _ = rows_of(tmp_path, json.dumps(line) + "\n", "t.jsonl")
    assert (found.full_price, found.currency_code) == (12.5, "EUR")


def test_options_of_etsy_further_images_and_deep_paths(tmp_path: Path) -> None:
    """Colour from a variation; further image columns join; common first levels and names of lines are no categories."""
    lines = ["Marlo", "Vento", "Kira", "Sorel"]
    rows = [
        {
            "TITLE": f"{lines[k % 4]} Wool {word}",
            "PRICE": "20.00",
            "CURRENCY_CODE": "GBP",
            "IMAGE1": f"https://i.example/{k}.jpg",
            "IMAGE2": f"https://i.example/{k}b.jpg",
            "additional_image_link": f"https://i.example/{k}b.jpg,https://i.example/{k}c.jpg",
            "VARIATION 1 NAME": "Colour",
            "VARIATION 1 VALUES": "Navy,White",
            "Breadcrumbs": f"Home > All > Women > Clothing > {word}s > {lines[k % 4]}",
            "SKU": f"E{k}",
        }
        for k, word in enumerate(["Coat", "Skirt", "Coat", "Dress", "Skirt", "Coat"])
    ]
    table = tmp_path / "etsy.csv"
    pd.DataFrame(rows).to_csv(table, index=False)
    arranged = arrange(read_table(table, ImportOptions()), ImportOptions(), "etsy")
    assert not arranged.unused
    first = arranged.rows[0]
    assert [first.values[name] for name in ("category1_code", "category2_code", "category3_code")] == [
        "Women",
        "Clothing",
        "Coats",
    ]
    assert first.own["color"] == "Navy,White"
    assert json.loads(first.own["more_images"] or "") == ["https://i.example/0b.jpg", "https://i.example/0c.jpg"]


LEVELS = {
    "the first of all": (
        ["All > Men > Shoes > Boots", "All > Men > Bags > Totes"],
        ["Boot", "Tote"],
        [("Men", "Shoes", "Boots"), ("Men", "Bags", "Totes")],
    ),
    "a type in the title": (
        ["Men > Shoes > Boots > Ankle Boots"] * 2,
        ["Black Ankle Boots"] * 2,
        [("Men", "Shoes", "Ankle Boots")] * 2,
    ),
    "the shop": (
        ["Quill > Wear > Men > Shoes > Boots", "Quill > Wear > Men > Bags > Totes"],
        ["Boot", "Tote"],
        [("Wear", "Men", "Boots"), ("Wear", "Men", "Totes")],
    ),
}


@pytest.mark.parametrize(("paths", "titles", "found"), LEVELS.values(), ids=LEVELS)
def test_levels_that_are_kept(
    paths: list[str], titles: list[str], found: list[tuple[str, ...]], tmp_path: Path
) -> None:
    table = tmp_path / "shop.csv"
    pd.DataFrame({"title": titles, "category": paths, "price": 5}).to_csv(table, index=False)
    rows = arrange(read_table(table, ImportOptions()), ImportOptions(), "shop").rows
    assert [tuple(r.values[f"category{k}_code"] for k in (1, 2, 3)) for r in rows] == found


# --- workbooks


HEADER = ("Category", "SKU", "Product name", "Price (EUR)")


def test_workbook_as_people_have_it(tmp_path: Path) -> None:
    """Several sheets, one of them hidden, a title above the header, merged cells, numbers as text and as numbers."""
    products: list[tuple[Any, ...]] = [
        ("Spring 2026", None, None, None),
        (None, None, None, None),
        HEADER,
        ("Women &gt; Coats", 7, "Wool Coat", 1299.5),
        (None, "0008", "Trench Coat", "1.450,00"),
        ("Men &gt; Hats", 9, "Cap", 35),
        (None, 10.0, "Beanie", None),
        (None, None, None, None),
    ]
    sheets: dict[str, list[tuple[Any, ...]]] = {
        "Notes": [("Made by", "us")],
        "Old": [HEADER, *[("X", n, "Y", n + 1) for n in range(40)]],
        "Products": products,
    }
    path = write_workbook(tmp_path / "t.xlsx", sheets, ("A1:D1", "A4:A5", "A6:A7"), hidden="Old")
    result = import_table(path, tmp_path / "out", ImportOptions(with_images=False, currency="EUR"))
    found = sorted(read(tmp_path / "out"), key=lambda row: row.title or "")
    assert [(row.product_code, row.title, row.category1_code, row.category3_code, row.full_price) for row in found] == [
        ("10", "Beanie", "Men", "Hats", None),
        ("9", "Cap", "Men", "Hats", 35.0),
        ("0008", "Trench Coat", "Women", "Coats", 1450.0),
        ("7", "Wool Coat", "Women", "Coats", 1299.5),
    ]
    assert "read the sheet 'Products' of 2 sheets" in notes_of(result)
    assert "'Spring 2026'" in notes_of(result)


def test_sheets_with_one_header_are_one_table(tmp_path: Path) -> None:
    sheets = {name: [HEADER, *[(name, f"{name}{n}", "Coat", 10 + n) for n in range(3)]] for name in ("Women", "Men")}
    table = read_table(write_workbook(tmp_path / "t.xlsx", sheets))
    assert [row["SKU"] for row in table.rows] == ["Women0", "Women1", "Women2", "Men0", "Men1", "Men2"]


@pytest.mark.parametrize("rows", [[], [("only one",)], [(1, 2, 3), (4, 5, 6)]])
def test_workbook_without_a_table_is_refused(tmp_path: Path, rows: list[tuple[Any, ...]]) -> None:
    with pytest.raises(ToileError, match="has no sheet with a table"):
        read_table(write_workbook(tmp_path / "t.xlsx", {"Sheet1": rows}))


def test_workbook_that_is_none_is_refused(tmp_path: Path) -> None:
    for name, content in (("a.xlsx", b"PK\x03\x04 cut"), ("a.xls", b"text"), ("a.ods", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ToileError, match="is not a readable workbook"):
            read_table(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "bomb.xlsx", "w") as archive:
        archive.writestr("xl/workbook.xml", b"")
        archive.filelist[0].file_size = 2 << 30
    with pytest.raises(ToileError, match="unpacks to more than"):
        read_table(tmp_path / "bomb.xlsx")


# --- exports of market places


def test_export_of_an_auction_site(tmp_path: Path) -> None:
    head = "Action(SiteID=US|Version=1193),Custom label (SKU),Category name,Title,PicURL,Start price,C:Color"
    lines = "".join(
        f"Add,S{n},/Clothing/Women/Coats,Wool Coat {n},http://x.example/{n}.jpg,$1{n}.00,Red\n" for n in range(3)
    )
    found, _ = rows_of(tmp_path, f"{head}\n{lines}")
    assert [(row.product_code, row.category3_code, row.full_price, row.currency_code) for row in found] == [
        (f"S{n}", "Coats", 10.0 + n, "USD") for n in range(3)
    ]
    assert all(row.imageurl for row in found)


def test_deep_path_that_ends_with_a_colour_or_a_label(tmp_path: Path) -> None:
    lines = "".join(
        f"{n},Coat {n},Home/Fashion/{who}/{what}/{last}\n"
        for n, (who, what, last) in enumerate(
            [
                ("Women", "Coats", "Black"),
                ("Women", "Coats", "Sale"),
                ("Men", "Hats", "Dark Green"),
                ("Men", "Hats", "Caps"),
            ]
        )
    )
    found, _ = rows_of(tmp_path, f"sku,name,category\n{lines}")
    assert [(row.category2_code, row.category3_code) for row in found] == [
        ("Women", "Coats"), ("Women", "Coats"), ("Men", "Hats"), ("Men", "Caps")
    ]  # fmt: skip
