"""`toile show`: the page holds the rows and nothing else, and a browser filters, sorts and shows them as it says."""

import base64
import dataclasses
import hashlib
import html.parser
import io
import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from PIL import Image

from generator.pages.catalog_page import SHOWN_COLUMNS, evenly, faults, labels, picked, shares, show
from generator.pages.pages import embedded, rendered
from generator.pages.price_parts import price_parts
from generator.pages.thumbnails import thumbnail
from generator.shards import GenerateInputs
from generator.shards import write_shards as generate
from schemas.errors import ToileError
from schemas.manifest import read_manifest
from schemas.product import Product, read
from schemas.specs import from_document
from tests.browser import Page, browsing, chromium
from tests.shard_fixture import products, write_shards
from toile import main

HOSTILE = "</script><img src=x onerror=alert(1)><!--<script>"


def other_rows() -> list[Product]:
    """Forty rows in other leaves: hostile, accented, missing and broken ones first, two currencies, two sources."""
    changes: list[dict[str, Any]] = [
        {"title": HOSTILE, "category3_code": HOSTILE, "brand": HOSTILE},
        {"title": "Crème Brûlée ROBE"},
        {"title": None},
        {"category3_code": None, "inferable": False},
        {"full_price": None},
        {"full_price": math.nan},
        {"full_price": -5.0},
        {"image": None},
        {"image": b"no picture at all"},
        {"image": b""},
        {"title": "$& {{ 7 * 7 }} ${1} \u2028 \u202e"},
        {"currency_code": "JPY", "full_price": 90000.0, "price": 45000.0},
        {"currency_code": "not a currency", "full_price": 12.5},
        {"source": "elsewhere"},
    ]
    rows = [
        dataclasses.replace(row, category1_code="WOMAN", category2_code="A/B > ~", product_code=f"9{k:07d}")
        for k, row in enumerate(products(40))
    ]
    return [dataclasses.replace(row, **change) for row, change in zip(rows, changes, strict=False)] + rows[
        len(changes) :
    ]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("rows") / "other", other_rows())


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, catalog: Path, other: Path) -> Path:
    """A generated and an imported folder on one page."""
    page = tmp_path_factory.mktemp("page") / "sub" / "both.html"
    shown = show([catalog, other], page, picture_size=48)
    assert (shown.products, shown.of, shown.without_picture) == (160, 160, 3)
    assert shown.num_bytes == page.stat().st_size
    return page


class Parsed(html.parser.HTMLParser):
    """Tags with their attributes, and the text of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = f"{tag} {dict(attrs).get('id', '')}".strip() if tag in {"script", "style"} else ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[self._inside] = self.texts.get(self._inside, "") + data


def parsed(page: Path) -> Parsed:
    return Parsed(page.read_text(encoding="utf-8"))


def document(page: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(parsed(page).texts["script toile"])
    return found


def policy(page: Path) -> dict[str, str]:
    content = next(a["content"] for tag, a in parsed(page).tags if a.get("http-equiv") == "Content-Security-Policy")
    assert content is not None
    return dict(directive.split(" ", 1) for directive in content.split("; "))


def test_the_embedded_rows_are_the_rows(both: Path, catalog: Path, other: Path) -> None:
    found = document(both)
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
    found = document(both)["products"]
    for shown, row in zip(found, read(catalog), strict=False):
        parts = price_parts(spec, row)
        assert shown["parts"] == (None if parts is None else json.loads(json.dumps(dataclasses.asdict(parts))))
    assert all(shown["parts"] is None for shown in found[120:])


def test_pictures_are_the_rows_own_and_small(both: Path, catalog: Path, other: Path) -> None:
    lines = parsed(both).texts["script pictures"].split("\n")
    rows = [*read(catalog), *read(other)]
    assert len(lines) == len(rows)
    for line, row, shown in zip(lines, rows, document(both)["products"], strict=True):
        assert bool(line) == shown["picture"]
        if line:
            small = Image.open(io.BytesIO(base64.b64decode(line)))
            assert (small.format, small.mode) == ("JPEG", "RGB")
            assert max(small.size) <= 48
            whole = Image.open(io.BytesIO(row.image or b"")).convert("RGB").resize((1, 1), Image.Resampling.BOX)
            close = small.resize((1, 1), Image.Resampling.BOX)
            assert all(abs(a - b) <= 6 for a, b in zip(whole.tobytes(), close.tobytes(), strict=True))
    told = {shown["facts"] for shown in document(both)["products"] if not shown["picture"]}
    assert told == {"no picture", "broken picture: not a picture file", "broken picture: the file is empty"}


def test_nothing_on_the_page_leads_out_of_it(both: Path) -> None:
    page = parsed(both)
    outward = {"src", "href", "action", "data", "poster", "srcset", "style", "background", "formaction", "ping"}
    assert not [(tag, a) for tag, a in page.tags if outward & a.keys() or any(name.startswith("on") for name in a)]
    assert {tag for tag, _ in page.tags} & {"link", "iframe", "img", "object", "embed", "form", "base"} == set()
    assert "url(" not in page.texts["style"]
    assert "@import" not in page.texts["style"]
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "fetch(", "XMLHttpRequest"):
        assert word not in page.texts["script"]


def test_only_our_style_and_script_may_apply(both: Path) -> None:
    page, rules = parsed(both), policy(both)
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
    assert HOSTILE in json.dumps(document(both)["products"][120]["values"])


def test_embedded_json_survives_any_text_and_refuses_what_json_cannot_say() -> None:
    anything = {HOSTILE: ["&amp;", "\u2028", "\ud800", '"', "\\u003c"]}
    text = str(embedded(anything))
    assert json.loads(text) == anything
    assert not set("<>&") & set(text)
    with pytest.raises(ValueError, match="JSON"):
        embedded([math.nan])


def test_folder_names_are_escaped() -> None:
    title = "<b onclick=x>'\"&"
    html_text = rendered(
        "show.html.j2",
        styles=("show.css.j2",),
        scripts=("show.js.j2",),
        sides=[{"label": title, "word": title, "shown": 1, "total": 2}],
        title=title,
        document=embedded({}),
        pictures="",
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
    assert shares(totals, limit) == expected


def test_a_limit_picks_evenly_and_the_page_says_so(catalog: Path, tmp_path: Path) -> None:
    assert evenly(10, 10) == list(range(10))
    assert evenly(10, 4) == [0, 2, 5, 7]
    shown = show([catalog], tmp_path / "page.html", limit=7, picture_size=32)
    assert (shown.products, shown.of) == (7, 120)
    assert "showing 7 of 120 products, evenly spread over the folder" in (tmp_path / "page.html").read_text()
    rows = list(read(catalog))
    assert [shown["row"] for shown in document(tmp_path / "page.html")["products"]] == [0, 17, 34, 51, 68, 85, 102]
    for numbers in ([], [119], [3, 4, 99, 100, 101], list(range(120))):
        assert [(k, product) for k, product, _ in picked(catalog, numbers)] == [(k, rows[k]) for k in numbers]


def test_labels_tell_folders_apart(tmp_path: Path) -> None:
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
        show([catalog], tmp_path, force=True)


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def shown_pixel(file: bytes, place: tuple[int, int] = (2, 2)) -> tuple[int, ...]:
    found = thumbnail(file, 64)
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
    assert "first of 2 frames" in thumbnail(moving, 64).facts
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = thumbnail(encoded(red, "JPEG", exif=exif), 64)
    assert upright.ratio == 0.5
    assert "turned upright" in upright.facts
    assert thumbnail(encoded(red, "PNG"), 64).ratio == 2


def test_files_that_cannot_be_shown_say_why() -> None:
    good = encoded(Image.effect_noise((200, 200), 80).convert("RGB"), "PNG")
    for file in (good[:300], good[: len(good) // 2], good[:40] + b"\0" * 200 + good[240:]):
        found = thumbnail(file, 64)
        assert found.jpeg is None
        assert found.facts.startswith("broken picture")
    huge = thumbnail(encoded(Image.new("1", (10_000, 8_000)), "PNG"), 64)
    assert huge.jpeg is None
    assert huge.facts == "picture too large to show: 10000x8000"


def test_rows_made_faulty_on_purpose_are_marked(tmp_path: Path, spec_document: dict[str, Any]) -> None:
    from generator.faults.scenarios import with_scenarios

    spec = with_scenarios(
        spec_document, ("missing=0.05", "duplicates=0.05", "wrong-category", "broken-picture=0.05"), pictures=True
    )
    generate(GenerateInputs(spec_document=spec, seed=1, start=0, num_products=80, image_size=32), tmp_path / "data")
    marked = faults(tmp_path / "data")
    rows = list(read(tmp_path / "data"))
    kinds = Counter(fault["kind"] for every in marked.values() for fault in every)
    assert sum(kinds.values()) == read_manifest(tmp_path / "data").extra[0].num_rows
    for number, every in marked.items():
        for fault in every:
            if fault["values"] and fault["kind"] != "duplicate":
                assert str(getattr(rows[number], fault["column"])) == str(fault["faulty"])
    show([tmp_path / "data"], tmp_path / "page.html", picture_size=32)
    shown = document(tmp_path / "page.html")["products"]
    assert {k: product["faults"] for k, product in enumerate(shown) if product["faults"]} == marked


# ---- in a browser


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    binary = chromium()
    if binary is None:
        pytest.skip("no Chromium here")
    with browsing(binary, tmp_path_factory.mktemp("profile")) as page:
        yield page


CARDS = "[...document.querySelectorAll('#grids li')].filter(c => c.offsetParent).map(c => c.dataset.code)"
FOCUS = "document.activeElement.closest('li')?.dataset.code"


def codes(rows: list[Product]) -> list[str]:
    return [row.product_code for row in rows]


@pytest.fixture(scope="module")
def rows(catalog: Path, other: Path) -> list[Product]:
    return [*read(catalog), *read(other)]


@pytest.mark.system
def test_the_page_opens_without_complaint_or_request(window: Page, both: Path, rows: list[Product]) -> None:
    window.open(both)
    assert window.js(CARDS) == codes(rows)
    assert window.js("document.getElementById('count').textContent") == "160 products"
    assert window.complaints() == []
    assert window.requests() == [both.as_uri()]
    titles = "[...document.querySelectorAll('#grids li .title')].map(t => t.textContent)"
    assert window.js(titles) == ["no title" if row.title is None else row.title for row in rows]


def folded(text: str | None) -> str:
    parts = unicodedata.normalize("NFKD", text or "")
    return "".join(c for c in parts if not unicodedata.category(c).startswith("M")).lower()


@pytest.mark.system
@pytest.mark.parametrize("words", ["wool", "WOOL coat", "creme brulee", "</script>", "90000001", "no such thing"])
def test_search_finds_all_words_in_any_case_and_accent(
    window: Page, both: Path, rows: list[Product], words: str
) -> None:
    window.open(both, f"q={quote(words)}")
    expected = [
        row
        for row in rows
        if all(word in folded(row.title) or row.product_code.startswith(word) for word in words.lower().split())
    ]
    assert window.js(CARDS) == codes(expected)
    assert bool(expected) != (words == "no such thing")
    assert window.js("document.getElementById('q').value") == words


@pytest.mark.system
def test_every_category_says_how_many_products_it_has_and_shows_them(
    window: Page, both: Path, rows: list[Product]
) -> None:
    counted: Counter[tuple[str | None, ...]] = Counter()
    for row in rows:
        whole = (row.category1_code, row.category2_code, row.category3_code)
        counted.update(whole[:depth] for depth in (1, 2, 3))

    def name(path: tuple[str | None, ...]) -> str:
        return "/".join("~" if label is None else quote(label, safe="!'()*-._").replace("~", "%7E") for label in path)

    window.open(both)
    options = (
        "[...document.querySelectorAll('#tree .option')].map(o => [o.dataset.path, o.querySelector('.n').textContent])"
    )
    assert dict(window.js(options)) == {name(path): str(n) for path, n in counted.items()}
    chosen: list[tuple[str | None, ...]] = [("WOMAN",), ("MAN", "SHOES")]
    for path in [*chosen, ("WOMAN", "A/B > ~", HOSTILE), ("WOMAN", "A/B > ~", None)]:
        window.open(both, f"category={quote(name(path))}")
        here = [r for r in rows if (r.category1_code, r.category2_code, r.category3_code)[: len(path)] == path]
        assert window.js(CARDS) == codes(here)
        assert here
    window.js("document.querySelector('#chips .chip').click()")
    assert window.js(CARDS) == codes(rows)
    window.js("document.querySelector('#tree [data-path=MAN] input').click()")
    assert window.js(CARDS) == [row.product_code for row in rows if row.category1_code == "MAN"]
    assert window.js("location.hash") == "#category=MAN"


@pytest.mark.system
def test_price_source_and_split_filter_and_sort(window: Page, both: Path, rows: list[Product]) -> None:
    window.open(both, "min=300&max=800&sort=price")
    inside = [row for row in rows if row.currency_code == "USD" and 300 <= (row.full_price or 0) <= 800]
    assert window.js(CARDS) == codes(sorted(inside, key=lambda row: row.full_price or 0))
    window.open(both, "currency=JPY&min=1")
    assert window.js(CARDS) == [row.product_code for row in rows if row.currency_code == "JPY"]
    window.open(both, "source=elsewhere")
    assert window.js(CARDS) == [row.product_code for row in rows if row.source == "elsewhere"]
    window.open(both, "split=test&sort=code")
    assert window.js(CARDS) == sorted(codes([row for row in rows if row.split == "test"]), key=int)
    window.open(both, "sort=-price")
    last = [by for by in rows if not (by.full_price is not None and by.full_price > 0)]
    assert window.js(CARDS)[-len(last) :] == codes(last), "rows without a price come last in either direction"


@pytest.mark.system
def test_dragging_over_the_histogram_sets_a_range(window: Page, both: Path, rows: list[Product]) -> None:
    window.open(both)
    box = window.js(
        "(({x, y, width}) => ({x, y, width}))(document.querySelector('#chart svg').getBoundingClientRect())"
    )
    for kind, share in (("mousePressed", 0.3), ("mouseMoved", 0.6), ("mouseReleased", 0.6)):
        place = {"x": box["x"] + share * box["width"], "y": box["y"] + 20, "button": "left", "clickCount": 1}
        window.call("Input.dispatchMouseEvent", type=kind, buttons=1, **place)
    low, high = (float(window.js(f"document.getElementById('{name}').value")) for name in ("low", "high"))
    assert 0 < low < high
    inside = [row for row in rows if row.currency_code == "USD" and low <= (row.full_price or 0) <= high]
    assert window.js(CARDS) == codes(inside)
    assert 0 < len(inside) < len(rows)
    window.js("document.getElementById('any-price').click()")
    assert window.js(CARDS) == codes(rows)


@pytest.mark.system
def test_two_columns_hold_the_two_folders_and_filter_together(window: Page, both: Path, rows: list[Product]) -> None:
    window.open(both, "view=two&q=cotton")
    for side, folder in enumerate((rows[:120], rows[120:])):
        cards = window.js(CARDS.replace("#grids", f"#grid-{side}"))
        assert cards == [row.product_code for row in folder if "cotton" in folded(row.title)]
        assert cards
        assert str(len(cards)) in window.js(f"document.getElementById('head-{side}').textContent")


@pytest.mark.system
def test_a_keyboard_is_enough(window: Page, both: Path, rows: list[Product]) -> None:
    window.open(both)
    window.press("/")
    assert window.js("document.activeElement.id") == "q"
    window.js("[...document.querySelectorAll('#grid-0 button')].find(b => b.tabIndex === 0).focus()")
    assert window.js("[...document.querySelectorAll('#grids button')].filter(b => b.tabIndex === 0).length") == 1
    across = window.js("getComputedStyle(document.querySelector('.block')).gridTemplateColumns.split(' ').length")
    walk = [
        ("ArrowRight", 1),
        ("ArrowDown", 1 + across),
        ("ArrowLeft", across),
        ("End", 159),
        ("Home", 0),
        ("ArrowUp", 0),
    ]
    for key, place in walk:
        window.press(key)
        assert window.js(FOCUS) == rows[place].product_code, key
    window.press("Enter")
    assert window.js("document.getElementById('product').open")
    assert window.js("document.getElementById('product-title').textContent") == rows[0].title
    window.press("ArrowRight")
    window.press("ArrowRight")
    assert window.js("document.getElementById('product-title').textContent") == rows[2].title
    assert window.js("document.getElementById('product-place').textContent") == "3 of 160"
    for _ in range(12):
        window.press("Tab")
        assert window.js("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    window.press("Escape")
    assert not window.js("document.getElementById('product').open")
    assert window.js(FOCUS) == rows[2].product_code
    assert "product" not in window.js("location.hash")


@pytest.mark.system
def test_a_product_shows_every_column_and_what_its_attributes_add(
    window: Page, both: Path, rows: list[Product]
) -> None:
    found = document(both)["products"]
    number = next(k for k, shown in enumerate(found) if shown["parts"] and shown["parts"]["parts"][0]["factor"] > 1)
    window.open(both, f"product=0.{number}")
    body = "document.getElementById('product-body')"
    facts = f"[...{body}.querySelectorAll('dl.facts dd')].map(d => d.textContent)"
    row = rows[number]
    assert set(window.js(facts)) >= {row.product_code, row.family, row.website_name, row.competence_date}
    lines = f"[...{body}.querySelectorAll('.parts tbody tr')].map(r => [...r.children].map(c => c.textContent))"
    table = window.js(lines)
    parts = found[number]["parts"]
    assert [line[0] for line in table[1:-2]] == [part["attribute"] for part in parts["parts"]]
    amounts = [re.sub(r"[^0-9.\u2212]", "", line[3]).replace("\u2212", "-") or "0" for line in table]
    assert sum(map(float, amounts[:-1])) == pytest.approx(float(amounts[-1]), abs=len(table) / 2)
    assert float(amounts[-1]) == row.full_price
    window.open(both, "product=1.8")
    assert "not a picture file" in window.js(f"{body}.textContent")
    assert window.js(f"{body}.querySelector('.parts')") is None
    assert window.complaints() == []


@pytest.mark.system
def test_the_prices_of_every_category_have_a_histogram(window: Page, both: Path, rows: list[Product]) -> None:
    window.open(both, "view=prices")
    priced = [row for row in rows if row.currency_code == "USD" and (row.full_price or 0) > 0]
    leaves = {(row.category1_code, row.category2_code, row.category3_code) for row in priced}
    assert window.js("document.querySelectorAll('#prices-list svg').length") == len(leaves)
    assert window.complaints() == []


@pytest.mark.system
@pytest.mark.parametrize("state", ["", "view=two", "view=prices", "product=0.3"])
def test_a_narrow_window_needs_no_sideways_scrolling(window: Page, both: Path, state: str) -> None:
    window.size(360, 740)
    window.open(both, state)
    assert window.js("document.documentElement.scrollWidth") <= 360
    if not state:
        window.js("document.getElementById('filters-open').click()")
        assert window.js("document.getElementById('filters').getBoundingClientRect().width") == 360
        window.js("document.getElementById('filters-close').click()")
        assert window.js("document.getElementById('filters').getBoundingClientRect().width") == 0
    window.size(1400, 1000)
