"""`toile show` in a browser: it filters, sorts and shows the rows as the page says, and asks for nothing else."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from generator.pages.catalog_page import write_catalog_page
from schemas.product import Product, read
from tests.helpers.browser import Page, find_chromium, open_browser
from tests.helpers.page_rows import HOSTILE, embedded_document, other_rows
from tests.helpers.shard_fixture import write_shards

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty rows in other categories."""
    return write_shards(tmp_path_factory.mktemp("rows") / "other", other_rows())


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, catalog: Path, other: Path) -> Path:
    """A generated and an imported folder on one page."""
    page = tmp_path_factory.mktemp("page") / "sub" / "both.html"
    write_catalog_page([catalog, other], page, image_size=48)
    return page


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    binary = find_chromium()
    if binary is None:
        pytest.skip("no Chromium here")
    with open_browser(binary, tmp_path_factory.mktemp("profile")) as page:
        yield page


CARDS = "[...document.querySelectorAll('#grids li')].filter(c => c.offsetParent).map(c => c.dataset.code)"
FOCUS = "document.activeElement.closest('li')?.dataset.code"


def codes(rows: list[Product]) -> list[str]:
    return [row.product_code for row in rows]


@pytest.fixture(scope="module")
def rows(catalog: Path, other: Path) -> list[Product]:
    return [*read(catalog), *read(other)]


def test_the_page_opens_without_complaint_or_request(window: Page, both: Path, rows: list[Product]) -> None:
    window.open(both)
    assert window.js(CARDS) == codes(rows)
    assert window.js("document.getElementById('count').textContent") == "160 products"
    assert window.errors() == []
    assert window.requests() == [both.as_uri()]
    titles = "[...document.querySelectorAll('#grids li .title')].map(t => t.textContent)"
    assert window.js(titles) == ["no title" if row.title is None else row.title for row in rows]


def folded(text: str | None) -> str:
    parts = unicodedata.normalize("NFKD", text or "")
    return "".join(c for c in parts if not unicodedata.category(c).startswith("M")).lower()


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


def test_two_columns_hold_the_two_folders_and_filter_together(window: Page, both: Path, rows: list[Product]) -> None:
    window.open(both, "view=two&q=cotton")
    for side, folder in enumerate((rows[:120], rows[120:])):
        cards = window.js(CARDS.replace("#grids", f"#grid-{side}"))
        assert cards == [row.product_code for row in folder if "cotton" in folded(row.title)]
        assert cards
        assert str(len(cards)) in window.js(f"document.getElementById('head-{side}').textContent")


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
    window.js("window.shut = new Promise(done => { document.getElementById('product').onclose = done }); 0")
    window.press("Escape")
    assert not window.js("document.getElementById('product').open")
    window.js("shut.then(() => 0)")  # the event comes in a task of its own, after the key's
    assert window.js(FOCUS) == rows[2].product_code
    assert "product" not in window.js("location.hash")


def test_a_product_shows_every_column_and_what_its_attributes_add(
    window: Page, both: Path, rows: list[Product]
) -> None:
    found = embedded_document(both)["products"]
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
    assert "the image is broken" in window.js(f"{body}.textContent")
    assert window.js(f"{body}.querySelector('.parts')") is None
    assert window.errors() == []


def test_the_prices_of_every_category_have_a_histogram(window: Page, both: Path, rows: list[Product]) -> None:
    window.open(both, "view=prices")
    priced = [row for row in rows if row.currency_code == "USD" and (row.full_price or 0) > 0]
    categories = {(row.category1_code, row.category2_code, row.category3_code) for row in priced}
    assert window.js("document.querySelectorAll('#prices-list svg').length") == len(categories)
    assert window.errors() == []


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
