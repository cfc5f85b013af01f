"""Pages and plots: untrusted text stays text, and axes put values where they belong."""

import base64
import hashlib
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from schemas.errors import ToileError
from schemas.util import pages as svg
from schemas.util.pages import embed_json, refuse_existing, render_page, write_page

HOSTILE = "</script><script>alert('x')</script>&\u2028"


def test_a_page_escapes_values_and_admits_only_its_own_script(tmp_path: Path) -> None:
    page = '<meta content="{{ policy }}"><style>{{ style }}</style><script>{{ script }}</script><p>{{ name | up }}</p>'
    for name, text in {"page.j2": page, "a.css": "p{}", "b.css": "q{}", "a.js": "run()"}.items():
        (tmp_path / name).write_text(text)
    html = render_page(
        tmp_path, "page.j2", styles=("a.css", "b.css"), scripts=("a.js",), filters={"up": str.upper}, name="<b>"
    )
    assert "<style>p{}q{}</style><script>run()</script><p>&lt;B&gt;</p>" in html
    digest = base64.b64encode(hashlib.sha256(b"run()").digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html
    assert "script-src 'none'" in render_page(tmp_path, "page.j2", filters={"up": str.upper}, name="")


def test_characters_that_no_page_may_have_are_shown_by_their_codes(tmp_path: Path) -> None:
    (tmp_path / "page.j2").write_text('<p title="{{ name }}">{{ name }}</p>')
    html = render_page(tmp_path, "page.j2", name="a\0b\x1b[31m\tc\n\u00e9")
    assert html == '<p title="a\\x00b\\x1b[31m\tc\n\u00e9">a\\x00b\\x1b[31m\tc\n\u00e9</p>'


def test_embedded_json_cannot_close_its_element() -> None:
    text = embed_json({"title": HOSTILE})
    assert not set("<>&") & set(text)
    assert json.loads(text) == {"title": HOSTILE}
    with pytest.raises(ValueError, match="JSON compliant"):
        embed_json({"value": float("nan")})


def test_pages_are_written_with_their_folder_and_replaced_only_by_force(tmp_path: Path) -> None:
    page = tmp_path / "new" / "page.html"
    refuse_existing(page, force=False)
    write_page(page, "a\ud800b")
    assert page.read_bytes() == b"a?b"
    refuse_existing(page, force=True)
    with pytest.raises(ToileError, match="exists already"):
        refuse_existing(page, force=False)
    with pytest.raises(ToileError, match="is a folder"):
        refuse_existing(tmp_path, force=True)


PLOT = svg.Plot(width=420, height=280, left=44, right=12, top=12, bottom=40)


def test_axes_map_values_to_pixels() -> None:
    x, y = PLOT.x_axis(10, 1000, log=True), PLOT.y_axis(0, 1)
    assert [x.position(value) for value in (10, 100, 1000)] == pytest.approx([44, 226, 408])
    assert [y.position(value) for value in (0, 0.5, 1)] == pytest.approx([240, 126, 12])
    assert x.position(1) == x.position(0) == 44  # outside: the nearer end
    assert y.position(2) == 12


def test_ticks_are_round_and_few() -> None:
    assert PLOT.x_axis(9, 600, log=True).ticks() == [10, 20, 50, 100, 200, 500]
    assert PLOT.x_axis(1, 1e6, log=True).ticks() == [1, 10, 100, 1000, 1e4, 1e5, 1e6]
    assert PLOT.y_axis(0, 1).ticks(most=6) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    for low, high in ((0, 1), (-3, 17), (0.001, 0.0042), (5, 123456)):
        ticks = PLOT.y_axis(low, high).ticks()
        assert 2 <= len(ticks) <= 9
        assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in ticks)


def test_a_plot_is_wellformed_whatever_its_labels_hold() -> None:
    x, y = PLOT.x_axis(10, 1000, log=True), PLOT.y_axis(0, 1)
    parts = [
        *PLOT.x_ticks(x, [(tick, f"{tick:g}") for tick in x.ticks()], grid="grid"),
        *PLOT.y_ticks(y, [(0.5, HOSTILE)]),
        *PLOT.axis_titles(HOSTILE, '"'),
        svg.polyline([(1, 2), (3.14159, 4)], "curve"),
        svg.polygon([(1, 2), (3, 4), (5, 6)], "band"),
        svg.circles([(1, 2)], 3.2, "model"),
    ]
    text = PLOT.svg('a "label"', parts)
    root = ET.fromstring(text)
    assert root.get("aria-label") == 'a "label"'
    assert HOSTILE in [element.text for element in root.iter("text")]
    assert "script" not in {element.tag for element in root.iter()}
    assert re.search(r'points="1,2 3.1,4"', text)


def test_a_share_bar_has_value_and_interval_in_percent() -> None:
    root = ET.fromstring(svg.share_bar('base "b" 40 %', 0.4, 0.25, 0.554321, "base", [0.9]))
    assert root.get("class") == "share base"
    assert root.get("aria-label") == 'base "b" 40 %'
    value = next(each for each in root.iter("rect") if each.get("class") == "value")
    assert value.get("width") == "40%"
    whole, *caps = (each for each in root.iter("line") if each.get("class") == "interval")
    assert (whole.get("x1"), whole.get("x2")) == ("25%", "55.43%")
    assert [each.get("x1") for each in caps] == [each.get("x2") for each in caps] == ["25%", "55.43%"]
    assert next(each for each in root.iter("line") if each.get("class") == "mark").get("x1") == "90%"


def test_a_share_bar_of_zero_has_no_value_and_stays_in_its_place() -> None:
    assert 'class="value"' not in svg.share_bar("none", 0.0, 0.0, 0.2, "base")
    assert 'class="interval"' not in svg.share_bar("none", 0.0, None, None, "base")
    assert 'width="100%"' in svg.share_bar("too much", 1.4, -0.2, 1.7, "base")
    assert 'x1="0%"' in svg.share_bar("too much", 1.4, -0.2, 1.7, "base")
    assert HOSTILE not in svg.share_bar(HOSTILE, 0.5, None, None, HOSTILE)


@pytest.mark.parametrize(
    ("value", "amount", "tick"),
    [
        (0.0, "0", "0"),
        (0.2, "0.20", "0.2"),
        (1290.0, "1,290", "1,290"),
        (1290.5, "1,290.50", "1,290.5"),
        (250_000.0, "250,000", "250,000"),
        (2_000_000.0, "2,000,000", "2M"),
        (5e300, "5e+300", "5e+300"),
        (1e-5, "1e-05", "1e-05"),
        (-3.25, "-3.25", "-3.25"),
    ],
)
def test_amounts_and_ticks_are_written_alike_everywhere(value: float, amount: str, tick: str) -> None:
    assert svg.format_amount(value) == amount
    assert svg.format_tick(value) == tick
