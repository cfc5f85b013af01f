"""The page: complete in one file, safe against untrusted text, the same bytes every time."""

import base64
import dataclasses
import hashlib
import io
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation import compare
from evaluation.models.base import ModelUnderTest, VisionModel
from evaluation.report import page
from evaluation.report.console import print_comparison, print_result
from evaluation.report.page import write_report
from evaluation.report.plots import MAX_POINTS, Points, plot_prices
from evaluation.run import evaluate
from schemas.answer import PROMPT, render
from schemas.evaluation import EvaluationSpec
from schemas.product import Product
from schemas.result import Comparison, Result, read_comparison, read_result
from schemas.util.pages import embed_json
from tests.helpers.shard_fixture import CATEGORIES, colour_of, guessing, in_split, products, table_model, write_shards

pytestmark = pytest.mark.usefixtures("few_resamples")

EVIL = '</script><script>alert(1)</script><img src="http://evil.example/x.png" onerror=alert(2)>"\'&{{ 7*7 }}\u2028'


class Page(HTMLParser):
    """What a browser would make of a page: elements, their attributes, and the text of scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self.inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "script":
            self.scripts[-1] += data
        elif self.inside != "style":
            self.text += data


def noisy_image(code: str) -> bytes:
    noise = np.random.default_rng(int(code)).integers(0, 255, (400, 300, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    image.putpixel((0, 0), colour_of(code))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def run(folder: Path, data: Path, model: VisionModel, name: str) -> Result:
    candidate = ModelUnderTest(model=name, adapter=None, device="cpu", dtype="float32", load=lambda: model)
    return evaluate(candidate, data, folder, EvaluationSpec())


@pytest.fixture(scope="module")
def rows() -> list[Product]:
    made = [*in_split(products(40)), *in_split(products(70)[40:], "train")]
    made[0] = dataclasses.replace(made[0], title=EVIL)
    made[1] = dataclasses.replace(made[1], category3_code="VIEW <ALL>", inferable=False)
    made[2] = dataclasses.replace(made[2], full_price=None)
    return [dataclasses.replace(row, image=noisy_image(row.product_code)) for row in made]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, rows: Sequence[Product]) -> Path:
    out = tmp_path_factory.mktemp("report")
    write_shards(out / "data", rows)
    base = table_model(
        rows, lambda row: EVIL if row.product_code > "10000020" else render(EVIL, EVIL.replace(",", ""), 5)
    )
    run(out / "base", out / "data", base, "<b>base</b>")
    tuned = guessing([row for row in rows if row.full_price], {"category": 0.9, "title": 0.7, "price": 0.8})
    run(out / "tuned", out / "data", tuned, "tuned")
    compare(out / "base", out / "tuned", out / "comparison")
    return out


PAGES = ("base", "tuned", "comparison")


@pytest.fixture(params=PAGES)
def html(request: pytest.FixtureRequest, folders: Path) -> str:
    return (folders / str(request.param) / "report.html").read_text(encoding="utf-8")


def test_nothing_points_outside_the_page(html: str) -> None:
    for _, attributes in Page(html).elements:
        for name in ("src", "href", "srcset", "action", "data", "xlink:href"):
            assert (attributes.get(name) or "data:").startswith("data:")
    assert not re.search(r"""(src|href)\s*=\s*["']?\s*https?:""", re.sub(r"&lt;.*?&gt;", "", html))
    assert "@import" not in html
    assert "url(" not in html


def test_what_models_write_makes_no_element(html: str) -> None:
    found = Page(html)
    assert [tag for tag, _ in found.elements].count("script") == 3
    assert all((a["src"] or "").startswith("data:image/jpeg") for tag, a in found.elements if tag == "img")
    assert not [name for _, attributes in found.elements for name in attributes if name.startswith("on")]
    assert "{{ 7*7 }}" in html, "answers are no templates"
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_only_our_script_may_run(html: str) -> None:
    found = Page(html)
    policy = next(a["content"] or "" for _, a in found.elements if a.get("http-equiv") == "Content-Security-Policy")
    digest = base64.b64encode(hashlib.sha256(found.scripts[-1].encode()).digest()).decode()
    assert policy.startswith("default-src 'none'")
    assert f"script-src 'sha256-{digest}'" in policy


def test_the_page_holds_the_whole_result_as_json(folders: Path) -> None:
    for name in PAGES:
        file = "comparison.json" if name == "comparison" else "result.json"
        scripts = Page((folders / name / "report.html").read_text(encoding="utf-8")).scripts
        assert json.loads(scripts[0]) == json.loads((folders / name / file).read_text(encoding="utf-8"))


def test_embedded_json_survives_any_text() -> None:
    text = "</script><!--\u2028&\\u003c"
    assert not set("<>&\u2028") & set(embed_json({"a": text}))
    assert json.loads(embed_json({"a": text})) == {"a": text}


def test_the_page_stays_small_with_large_images(html: str) -> None:
    assert len(html.encode()) < 1_500_000
    images = [attributes["src"] for tag, attributes in Page(html).elements if tag == "img"]
    assert len(images) == len(set(images)) == 27, "nobody is shown twice"


def test_thumbnails_are_small() -> None:
    from evaluation.report.plots import _thumbnail

    encoded = base64.b64decode(_thumbnail(noisy_image("5")).split(",")[1])
    with Image.open(io.BytesIO(encoded)) as image:
        assert (image.format, max(image.size)) == ("JPEG", 160)
    assert _thumbnail(None) == ""


def test_the_page_says_what_was_done(html: str, folders: Path) -> None:
    text = Page(html).text
    result = read_result(folders / "tuned")
    for needed in (
        PROMPT.strip(),
        result.inputs.data_sha256,
        "toile evaluate --model",
        "category-median",
        "exactly in the training form",
        "blank image",
        "Exact match (all fields)",
        "VIEW <ALL>",
        "not visually identifiable",
        *CATEGORIES,
        *result.versions,
    ):
        assert needed in text, needed


def test_verdicts_and_skipped_rows_are_on_the_page(folders: Path) -> None:
    base, tuned, both = ((folders / n / "report.html").read_text(encoding="utf-8") for n in PAGES)
    assert "does not use the image" in Page(base).text
    assert "this model uses the image" in Page(tuned).text
    assert "does not use the image" in Page(both).text
    assert "this model uses the image" in Page(both).text
    assert "no price" in Page(base).text
    assert "1 more could not be evaluated" in Page(base).text


def test_write_report_gives_the_same_bytes(folders: Path) -> None:
    for name in PAGES:
        before = (folders / name / "report.html").read_bytes()
        assert write_report(folders / name) == folders / name / "report.html"
        assert (folders / name / "report.html").read_bytes() == before


def test_a_page_without_any_readable_answer_or_second_row(tmp_path: Path) -> None:
    rows = in_split(products(1))
    write_shards(tmp_path / "data", rows)
    result = run(tmp_path / "out", tmp_path / "data", table_model(rows, lambda _: ""), "silent")
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "No answer holds a price" in Page(html).text
    assert "control shuffled needs at least two rows" in Page(html).text
    assert "there are no baselines" in Page(html).text
    assert result.uses_picture is None
    assert "too few product families (1," in result.verdict


def comparison_of(folders: Path) -> Comparison:
    return read_comparison(folders / "comparison")


def test_the_terminal_table_has_a_line_for_every_category(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_result(read_result(folders / "tuned"))
    print_comparison(comparison_of(folders))
    shown = capsys.readouterr()
    assert shown.err == ""
    for category in (*CATEGORIES, "VIEW <ALL>", "visually identifiable rows", "all rows", "(other)"):
        assert sum(line.startswith(category) for line in shown.out.splitlines()) == 2, category
    assert re.search(r"visually identifiable rows +38 +\d+ % \(\d+-\d+\)", shown.out)
    assert re.search(r"visually identifiable rows +38 +0 -> \d+ %", shown.out)
    assert "tuned: this model uses the image" in shown.out


def test_the_confusion_table_counts_every_row_once(folders: Path, rows: Sequence[Product]) -> None:
    from evaluation.metrics.scoring import score_answers
    from schemas.evaluation import read_predictions

    result = read_result(folders / "base")
    usable = [row for row in rows if row.full_price]
    scored = score_answers(usable, read_predictions(folders / "base" / "predictions.jsonl"), result.inputs.spec, ())
    panel = page.Panel(
        label="base", inputs=result.inputs, uses_picture=None, verdict="", figures={}, outcomes=scored, asked={}
    )
    table = page.confusion(panel, "all")
    assert sum(total for _, total, _ in table.rows) == result.counts.evaluated
    assert all(sum(counts) == total for _, total, counts in table.rows)
    assert table.columns[-1] == page.NO_CATEGORY
    assert sum(counts[-1] for _, _, counts in table.rows) == result.counts.evaluated


def test_price_plot_perfect_answer_is_on_the_diagonal() -> None:
    svg = plot_prices(
        [Points(name="model", pairs=[("a", 100, 100), ("b", 1000, 1000), ("c", 1000, 100)])], 0.2, " (USD)"
    )
    tree = ElementTree.fromstring(svg)
    places = sorted((float(x.attrib["cx"]), -float(x.attrib["cy"])) for x in tree.iter("circle"))
    a, c, b = ((x, -y) for x, y in places)
    line = next(x for x in tree.iter("line") if x.attrib["class"] == "diagonal")
    x1, y1, x2, y2 = (float(line.attrib[key]) for key in ("x1", "y1", "x2", "y2"))
    for x, y in (a, b):
        assert y == pytest.approx(y1 + (x - x1) * (y2 - y1) / (x2 - x1), abs=0.2)
    assert c == (b[0], a[1])
    texts = [x.text for x in tree.iter("text")]
    assert "true price (USD)" in texts
    assert {"100", "200", "500", "1000"} <= set(texts)


def test_the_scatter_thins_out_and_repeats_itself() -> None:
    pairs = [(str(i), 10.0 + i, 20.0 + i) for i in range(3 * MAX_POINTS)]
    svg = plot_prices([Points(name="model", pairs=pairs)], 0.2, "")
    assert svg.count("<circle") == MAX_POINTS
    assert svg == plot_prices([Points(name="model", pairs=pairs[::-1])], 0.2, "")
    assert plot_prices([Points(name="model", pairs=[])], 0.2, "") == ""
    assert plot_prices([Points(name="model", pairs=[("a", 5, 5)])], 0.2, "").count("<circle") == 1
    assert len(plot_prices([Points(name="model", pairs=[("a", 1e-3, 1e9), ("b", 1, 1)])], 0.2, "")) < 6000


@pytest.mark.system
def test_a_browser_runs_the_page_without_complaint(folders: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium here")
    address = (folders / "comparison" / "report.html").as_uri()
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"]
    shown = subprocess.run([browser, *flags, address], capture_output=True, text=True, timeout=120, check=False)
    assert "CONSOLE" not in shown.stderr
    assert 'tabindex="0"' in shown.stdout, "our script ran"


def test_calibration_groups_answers_by_their_own_size() -> None:
    def points(answered: Sequence[float], true: Sequence[float]) -> Points:
        return Points(name="model", pairs=[(str(k), t, a) for k, (a, t) in enumerate(zip(answered, true, strict=True))])

    answered = [float(price) for price in range(1, 101)]
    low, *middle, high = page.calibrate(points(answered, [2 * price for price in answered]))
    assert [group.n for group in (low, *middle, high)] == [20] * 5
    assert (low.answered, low.true, low.ratio) == (10.5, 21.0, 2.0)
    assert high.answered == 90.5
    assert len(page.calibrate(points(answered[:12], answered[:12]))) == 2
    assert page.calibrate(points([1.0], [1.0])) == []


def test_a_model_that_does_not_look_gets_a_sentence_in_place_of_its_score(tmp_path: Path) -> None:
    rows = [*in_split(products(40, 2)), *in_split(products(80, 2)[40:], "train")]
    blind = table_model(rows, lambda _: render("a bag", CATEGORIES[0], 10.0))
    candidate = ModelUnderTest(model="blind", adapter=None, device="cpu", dtype="float32", load=lambda: blind)
    result = evaluate(candidate, write_shards(tmp_path / "data", rows), tmp_path / "out", EvaluationSpec(), quiet=True)
    assert result.uses_picture is False
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    tiles = html[html.index("<h2>Headline") : html.index("<h2>By category")]
    assert tiles.count("does not use the image") == tiles.count('class="big soft">–') == 5
    assert "big model" not in tiles
