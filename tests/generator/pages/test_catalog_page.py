"""`toile show`: the page contains the rows, whatever they are, and no reference outside itself."""

import base64
import dataclasses
import hashlib
import io
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

from generator.catalog.shards import GenerateInputs
from generator.catalog.shards import write_shards as generate
from generator.pages import catalog_page
from generator.pages.catalog_page import (
    SHOWN_COLUMNS,
    faults_by_row,
    labels,
    make_thumbnail,
    price_parts,
    read_rows,
    split_limit,
    spread_evenly,
    write_catalog_page,
)
from schemas.errors import ToileError
from schemas.manifest import read_manifest
from schemas.product import read
from schemas.util.pages import embed_json, render_page
from schemas.validation import from_document
from tests.helpers.kinds_spec import kinds_document
from tests.helpers.page_rows import HOSTILE, embedded_document, other_rows, parse_page
from tests.helpers.shard_fixture import write_shards
from toile.cli import main


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("rows") / "other", other_rows())


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, catalog: Path, other: Path) -> Path:
    """A generated and an imported folder on one page."""
    page = tmp_path_factory.mktemp("page") / "sub" / "both.html"
    shown = write_catalog_page([catalog, other], page, image_size=48)
    assert (shown.products, shown.of, shown.without_image) == (160, 160, 3)
    assert shown.num_bytes == page.stat().st_size
    return page


def test_numbers_and_dates_of_extra_columns_are_on_the_page(tmp_path: Path) -> None:
    document = kinds_document()
    ranges = {"basic": ["2026-03-01", "2026-03-01"], "Nova": ["2026-04-01", "2026-04-01"]}
    document["extra"] = {
        "arrived": {"attribute": "line", "type": "date", "ranges": ranges},
        "grams": {"attribute": "line", "type": "number", "ranges": {"basic": [100, 100], "Nova": [200, 200]}},
    }
    inputs = GenerateInputs(spec_document=document, seed=1, start=0, num_products=60, image_size=None)
    generate(inputs, tmp_path / "data")
    write_catalog_page([tmp_path / "data"], tmp_path / "page.html", image_size=48)
    shown = {tuple(each["extra"].values()) for each in embedded_document(tmp_path / "page.html")["products"]}
    assert shown == {("2026-03-01", 100), ("2026-04-01", 200), (None, None)}


def policy(page: Path) -> dict[str, str]:
    content = next(a["content"] for tag, a in parse_page(page).tags if a.get("http-equiv") == "Content-Security-Policy")
    assert content is not None
    return dict(directive.split(" ", 1) for directive in content.split("; "))


def test_the_embedded_rows_are_the_rows(both: Path, catalog: Path, other: Path) -> None:
    found = embedded_document(both)
    rows = [*read(catalog), *read(other)]
    assert [side["word"] for side in found["folders"]] == ["synthetic", "imported"]
    assert len(found["products"]) == len(rows)
    for shown, row in zip(found["products"], rows, strict=True):
        for name, value in zip(found["columns"], shown["values"], strict=True):
            kept = getattr(row, name)
            assert value == ("nan" if isinstance(kept, float) and math.isnan(kept) else kept)
    numbers = [(shown["folder"], shown["row"]) for shown in found["products"]]
    assert numbers == [(0, k) for k in range(120)] + [(1, k) for k in range(40)]
    assert set(SHOWN_COLUMNS) == set(found["columns"])


def test_the_parts_of_a_price_are_those_of_the_spec(both: Path, catalog: Path) -> None:
    spec = from_document(read_manifest(catalog).inputs["spec_document"], "catalog")
    found = embedded_document(both)["products"]
    for shown, row in zip(found, read(catalog), strict=False):
        parts = price_parts(spec, row)
        assert shown["parts"] == (None if parts is None else json.loads(json.dumps(dataclasses.asdict(parts))))
    assert all(shown["parts"] is None for shown in found[120:])


def test_images_are_the_rows_own_and_small(both: Path, catalog: Path, other: Path) -> None:
    lines = parse_page(both).texts["script images"].split("\n")
    rows = [*read(catalog), *read(other)]
    assert len(lines) == len(rows)
    for line, row, shown in zip(lines, rows, embedded_document(both)["products"], strict=True):
        assert bool(line) == shown["image"]
        if line:
            small = Image.open(io.BytesIO(base64.b64decode(line)))
            assert (small.format, small.mode) == ("JPEG", "RGB")
            assert max(small.size) <= 48
            whole = Image.open(io.BytesIO(row.image or b"")).convert("RGB").resize((1, 1), Image.Resampling.BOX)
            close = small.resize((1, 1), Image.Resampling.BOX)
            assert all(abs(a - b) <= 6 for a, b in zip(whole.tobytes(), close.tobytes(), strict=True))
    facts = {shown["facts"] for shown in embedded_document(both)["products"] if not shown["image"]}
    assert facts == {"no image", "the image is broken or in an unknown format", "the image is an empty file"}


def test_the_page_has_no_reference_outside_itself(both: Path) -> None:
    page = parse_page(both)
    outward = {"src", "href", "action", "data", "poster", "srcset", "style", "background", "formaction", "ping"}
    assert not [(tag, a) for tag, a in page.tags if outward & a.keys() or any(name.startswith("on") for name in a)]
    assert {tag for tag, _ in page.tags} & {"link", "iframe", "img", "object", "embed", "form", "base"} == set()
    assert "url(" not in page.texts["style"]
    assert "@import" not in page.texts["style"]
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "fetch(", "XMLHttpRequest"):
        assert word not in page.texts["script"]


def test_only_our_style_and_script_may_apply(both: Path) -> None:
    page, rules = parse_page(both), policy(both)
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    for name in ("style", "script"):
        digest = hashlib.sha256(page.texts[name].encode()).digest()
        assert rules[f"{name}-src"] == f"'sha256-{base64.b64encode(digest).decode()}'"
    assert [a.get("type") for tag, a in page.tags if tag == "script"] == ["application/json", "text/plain", None]


def test_hostile_text_ends_no_element(both: Path) -> None:
    text = both.read_text(encoding="utf-8")
    assert "<img" not in text
    assert text.count("</script") == 3
    assert "onerror" in text, "the title itself is there"
    assert HOSTILE in json.dumps(embedded_document(both)["products"][120]["values"])


def test_embedded_json_survives_any_text_and_refuses_what_json_cannot_say() -> None:
    anything = {HOSTILE: ["&amp;", "\u2028", "\ud800", '"', "\\u003c"]}
    text = str(embed_json(anything))
    assert json.loads(text) == anything
    assert not set("<>&") & set(text)
    with pytest.raises(ValueError, match="JSON"):
        embed_json([math.nan])


def test_folder_names_are_escaped() -> None:
    title = "<b onclick=x>'\"&"
    html_text = render_page(
        Path(catalog_page.__file__).parent,
        "show.html.j2",
        styles=("show.css.j2",),
        scripts=("show.js.j2",),
        sides=[{"label": title, "word": title, "shown": 1, "total": 2}],
        title=title,
        document=embed_json({}),
        images="",
    )
    assert "<b onclick" not in html_text


@pytest.mark.parametrize(
    ("totals", "limit", "expected"),
    [
        ([10], 3, [3]),
        ([10], 30, [10]),
        ([5000, 100], 2000, [1900, 100]),
        ([70, 80], 100, [50, 50]),
        ([3, 0], 9, [3, 0]),
    ],
)
def test_folders_share_the_limit(totals: list[int], limit: int, expected: list[int]) -> None:
    assert split_limit(totals, limit) == expected


def test_a_limit_picks_evenly_and_the_page_says_so(catalog: Path, tmp_path: Path) -> None:
    assert spread_evenly(10, 10) == list(range(10))
    assert spread_evenly(10, 4) == [0, 2, 5, 7]
    shown = write_catalog_page([catalog], tmp_path / "page.html", limit=7, image_size=32)
    assert (shown.products, shown.of) == (7, 120)
    assert "showing 7 of 120 products, evenly spread over the folder" in (tmp_path / "page.html").read_text()
    rows = list(read(catalog))
    assert [shown["row"] for shown in embedded_document(tmp_path / "page.html")["products"]] == [
        0,
        17,
        34,
        51,
        68,
        85,
        102,
    ]
    for numbers in ([], [119], [3, 4, 99, 100, 101], list(range(120))):
        assert [(k, product) for k, product, _ in read_rows(catalog, numbers)] == [(k, rows[k]) for k in numbers]


def test_labels_of_folders_are_different(tmp_path: Path) -> None:
    assert labels([tmp_path / "a" / "data"]) == ["data"]
    assert labels([tmp_path / "a" / "data", tmp_path / "b" / "data"]) == ["a/data", "b/data"]
    assert len(set(labels([tmp_path, tmp_path]))) == 2


def test_a_page_is_replaced_only_with_force(catalog: Path, tmp_path: Path) -> None:
    runner, out = CliRunner(), tmp_path / "page.html"
    command = ["show", str(catalog), "--out", str(out), "--limit", "3"]
    first = runner.invoke(main, command, catch_exceptions=False)
    assert (first.exit_code, first.stdout) == (0, "")
    assert "3 of 120 products" in first.stderr
    out.write_text("mine")
    refused = runner.invoke(main, command, catch_exceptions=False)
    assert refused.exit_code == 1
    assert "exists already" in refused.stderr
    assert "--force" in refused.stderr
    assert out.read_text() == "mine"
    assert runner.invoke(main, [*command, "--force"], catch_exceptions=False).exit_code == 0
    assert out.read_text() != "mine"
    with pytest.raises(ToileError, match="is a folder"):
        write_catalog_page([catalog], tmp_path, force=True)


def test_rows_made_faulty_on_purpose_are_marked(tmp_path: Path, spec_document: dict[str, Any]) -> None:
    from generator.faults.scenarios import merge_scenarios

    spec = merge_scenarios(
        spec_document, ("missing=0.05", "duplicates=0.05", "wrong-category", "broken-picture=0.05"), images=True
    )
    generate(GenerateInputs(spec_document=spec, seed=1, start=0, num_products=80, image_size=32), tmp_path / "data")
    marked = faults_by_row(tmp_path / "data")
    rows = list(read(tmp_path / "data"))
    kinds = Counter(fault["kind"] for every in marked.values() for fault in every)
    assert sum(kinds.values()) == read_manifest(tmp_path / "data").extra[0].num_rows
    for number, every in marked.items():
        for fault in every:
            if fault["values"] and fault["kind"] != "duplicate":
                assert str(getattr(rows[number], fault["column"])) == str(fault["faulty"])
    write_catalog_page([tmp_path / "data"], tmp_path / "page.html", image_size=32)
    shown = embedded_document(tmp_path / "page.html")["products"]
    assert {k: product["faults"] for k, product in enumerate(shown) if product["faults"]} == marked


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def shown_pixel(file: bytes, place: tuple[int, int] = (2, 2)) -> tuple[int, ...]:
    found = make_thumbnail(file, 64)
    assert found.jpeg is not None, found.facts
    pixel = Image.open(io.BytesIO(found.jpeg)).getpixel(place)
    assert isinstance(pixel, tuple)
    return pixel


def near(pixel: tuple[int, ...], expected: tuple[int, ...]) -> bool:
    return all(abs(a - b) <= 12 for a, b in zip(pixel, expected, strict=True))


def test_unusual_files_are_shown_as_they_are_meant() -> None:
    red = Image.new("RGB", (40, 20), (200, 30, 30))
    assert near(shown_pixel(encoded(red.convert("CMYK"), "JPEG")), (200, 30, 30))
    grey16 = Image.new("I;16", (40, 20), 128 * 257)
    assert near(shown_pixel(encoded(grey16, "PNG")), (128, 128, 128)), "not cut off to white"
    clear = Image.new("RGBA", (40, 20), (0, 0, 0, 0))
    assert near(shown_pixel(encoded(clear, "PNG")), (255, 255, 255))
    assert near(shown_pixel(encoded(red.quantize(4), "GIF")), (200, 30, 30))
    moving = encoded(red, "GIF", save_all=True, append_images=[Image.new("RGB", (40, 20), "blue")])
    assert near(shown_pixel(moving), (200, 30, 30))
    assert "first of 2 frames" in make_thumbnail(moving, 64).facts
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = make_thumbnail(encoded(red, "JPEG", exif=exif), 64)
    assert upright.ratio == 0.5
    assert "turned upright" in upright.facts
    assert make_thumbnail(encoded(red, "PNG"), 64).ratio == 2


def test_files_that_cannot_be_shown_say_why() -> None:
    good = encoded(Image.effect_noise((200, 200), 80).convert("RGB"), "PNG")
    for file in (good[:300], good[: len(good) // 2], good[:40] + b"\0" * 200 + good[240:]):
        found = make_thumbnail(file, 64)
        assert found.jpeg is None
        assert found.facts.startswith("the image is broken")
    huge = make_thumbnail(encoded(Image.new("1", (10_000, 8_000)), "PNG"), 64)
    assert huge.jpeg is None
    assert huge.facts == "the image has 10000x8000 pixels, more than 50,000,000"
