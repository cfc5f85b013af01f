"""`toile describe` as figures and as a page: counted again by hand, drawn to scale, safe, within the page."""

import json
import math
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from generator.pages.describe import BINS_PER_DECADE, MOST_WORDS, describe
from generator.pages.describe_page import (
    FLOOR,
    bin_edge,
    histogram,
    price_axis,
    price_ticks,
    write_describe_page,
)
from schemas.product import COLUMNS, Product, read
from schemas.util.pages import Axis
from tests.helpers.browser import find_chromium, open_browser
from tests.helpers.page_rows import HOSTILE, PageParser, other_rows
from tests.helpers.shard_fixture import write_shards
from toile.cli import main


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("rows") / f"a & b{HOSTILE[:1]}c", other_rows())


@pytest.fixture(scope="module")
def figures(catalog: Path, other: Path) -> list[dict[str, Any]]:
    return [describe(catalog), describe(other)]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, figures: list[dict[str, Any]]) -> Path:
    path = tmp_path_factory.mktemp("page") / "both.html"
    write_describe_page(figures, path)
    return path


def test_figures_are_those_counted_by_hand(figures: list[dict[str, Any]], catalog: Path, other: Path) -> None:
    for found, folder in zip(figures, (catalog, other), strict=True):
        rows = list(read(folder))
        titles = [row.title for row in rows if row.title is not None]
        assert found["num_products"] == len(rows)
        assert found["num_families"] == len({row.family for row in rows})
        assert found["num_distinct_titles"] == len(set(titles))
        assert found["title_lengths"] == {str(k): n for k, n in sorted(Counter(map(len, titles)).items())}
        assert found["missing"] == {n: k for n in COLUMNS if (k := sum(getattr(row, n) is None for row in rows))}
        sizes = Counter(Counter(row.family for row in rows).values())
        assert found["family_sizes"] == {str(size): n for size, n in sorted(sizes.items())}
        for word, n in found["title_words"].items():
            assert n == sum(word in re.findall(r"[^\W\d_]+", title.lower()) for title in titles)
        assert len(found["title_words"]) <= MOST_WORDS
        assert sum(each["n"] for each in found["paths"]) == len(rows)
        assert json.dumps(found, allow_nan=False)


def test_prices_are_binned_by_currency_and_category(figures: list[dict[str, Any]], catalog: Path, other: Path) -> None:
    def good(row: Product) -> bool:
        return row.full_price is not None and math.isfinite(row.full_price) and row.full_price > 0

    for found, folder in zip(figures, (catalog, other), strict=True):
        rows = list(read(folder))
        assert set(found["prices"]) == {row.currency_code or "none" for row in rows}
        for currency, prices in found["prices"].items():
            here = [row for row in rows if (row.currency_code or "none") == currency]
            values = [row.full_price for row in here if good(row)]
            assert prices["num_priced"] == len(values) == sum(prices["bins"].values())
            assert prices["median"] == pytest.approx(np.median(np.array(values, np.float64)))
            for k, n in prices["bins"].items():
                assert n == sum(
                    bin_edge(int(k)) * (1 - 1e-9) <= value < bin_edge(int(k) + 1) * (1 - 1e-9)
                    for value in values
                    if value
                )
            assert sum(each["n"] for each in prices["categories"].values()) == len(here)
            for category, each in prices["categories"].items():
                priced = [row for row in here if good(row) and (row.category3_code or "(none)") == category]
                assert each["num_priced"] == len(priced)


def test_bins_divide_every_decade_equally() -> None:
    assert bin_edge(0) == 1
    assert bin_edge(BINS_PER_DECADE) == 10
    assert bin_edge(2 * BINS_PER_DECADE) == 100
    axis = price_axis([0, 3, 2 * BINS_PER_DECADE - 1], 300)
    assert (axis.low, axis.high) == (1, 100)
    assert [axis.position(price) for price in (1, 10, 100, 0.1, 1000)] == pytest.approx([0, 150, 300, 0, 300])


@pytest.mark.parametrize(("low", "high"), [(1, 1.21), (90, 4000), (0.01, 1e9), (995, 1210), (1212, 1468), (1, 100)])
def test_axes_have_a_few_round_labels_inside(low: float, high: float) -> None:
    ticks = price_ticks(Axis(low=low, high=high, start=0, end=300, log=True))
    assert 1 <= len(ticks) <= 8
    for tick in ticks:
        assert 0 <= tick.x <= 300
        value = float(tick.text.replace(",", ""))
        assert low * 0.99 <= value <= high * 1.01
        digits = f"{value:e}".split("e")[0].replace(".", "").rstrip("0")
        assert high / low < 1.3 or len(digits) <= 2
    assert [tick.x for tick in ticks] == sorted(tick.x for tick in ticks)
    if high / low > 4:
        assert len(ticks) >= 2


def test_histogram_heights_are_to_scale() -> None:
    edges = {k: (10.0 * k, 10.0, f"bin {k}") for k in range(3)}
    alone = histogram([{0: 5, 2: 10}], edges, "x")
    assert [(bar.x, bar.words) for bar in alone.sides[0]] == [(0, "bin 0: 5"), (20, "bin 2: 10")]
    low, high = (FLOOR - bar.y for bar in alone.sides[0])
    assert high == pytest.approx(2 * low, abs=0.2)
    assert not alone.outlines
    two = histogram([{0: 1, 1: 1}, {0: 300, 1: 300}], edges, "x")
    assert two.outlines[0] == two.outlines[1], "each folder in shares of its own rows"
    assert two.outlines[0].startswith(f"M0 {FLOOR}H")
    assert 1 not in histogram([{0: 1}, {}], edges, "x").outlines


def test_the_page_shows_the_figures_and_embeds_them(page: Path, figures: list[dict[str, Any]]) -> None:
    text = page.read_text(encoding="utf-8")
    assert json.loads(PageParser(text).texts["script toile"]) == json.loads(json.dumps(figures))
    for found in figures:
        assert f"<td>{found['num_families']}</td>" in text
        for column, n in found["missing"].items():
            assert re.search(rf"<td>{column}</td>.*<td>{n}</td>", text), column
    for currency in ("USD", "JPY"):
        assert f"<h3>Full price in {currency}</h3>" in text
    assert text.count("<svg") == text.count("</svg>")


def test_differences_between_two_folders_are_in_points(page: Path, figures: list[dict[str, Any]]) -> None:
    first, second = (found["missing"].get("title", 0) / found["num_products"] for found in figures)
    line = re.search(r"<tr><td>title</td>.*?</tr>", page.read_text(encoding="utf-8"), re.DOTALL)
    assert line
    assert f"{100 * (second - first):+.1f} points".replace("-", "\u2212") in line[0]


def test_hostile_names_stay_text_and_nothing_refers_outside(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    found = PageParser(text)
    assert "<img" not in text
    assert text.count("</script") == 1
    assert "&lt;/script&gt;&lt;img" in text, "the category itself is there, as text"
    outward = {"src", "href", "action", "style", "srcset"}
    assert not [(tag, a) for tag, a in found.tags if outward & a.keys() or any(name.startswith("on") for name in a)]
    policy = next(a["content"] for _, a in found.tags if a.get("http-equiv"))
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "script-src 'none'" in policy


def test_a_folder_without_images_titles_and_prices_has_a_page(tmp_path: Path) -> None:
    rows = [Product(product_code="1", family="f", split="train", source="s", inferable=False)]
    folder = write_shards(tmp_path / "data", rows)
    write_describe_page([describe(folder)], tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "No row has a title." in text
    assert "No row has a price above 0 in this currency." in text


def test_the_command_prints_both_and_writes_the_page_once(catalog: Path, other: Path, tmp_path: Path) -> None:
    runner, page = CliRunner(), tmp_path / "page.html"
    command = ["describe", str(catalog), str(other), "--page", str(page)]
    printed = runner.invoke(main, command, catch_exceptions=False)
    assert printed.exit_code == 0
    assert printed.stdout.count(" different titles, ") == 2
    assert str(page) in printed.stderr
    assert "</span> and <span" in page.read_text()
    refused = runner.invoke(main, [*command, "--json"], catch_exceptions=False)
    assert refused.exit_code == 1
    assert refused.stdout == ""
    assert "exists already" in refused.stderr
    again = runner.invoke(main, [*command, "--json", "--force"], catch_exceptions=False)
    assert [each["num_products"] for each in json.loads(again.stdout)] == [120, 40]


@pytest.mark.system
@pytest.mark.parametrize("width", [1200, 360])
def test_a_browser_draws_the_page_without_complaint(page: Path, tmp_path: Path, width: int) -> None:
    binary = find_chromium()
    if binary is None:
        pytest.skip("no Chromium here")
    with open_browser(binary, tmp_path / "profile") as window:
        window.size(width, 900)
        window.open(page)
        assert window.errors() == []
        assert window.requests() == [page.as_uri()]
        assert window.js("document.documentElement.scrollWidth") <= width
        assert window.js("getComputedStyle(document.querySelector('h1 .side0')).color") == "rgb(31, 111, 120)"
