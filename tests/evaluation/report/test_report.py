"""The page: complete in one file, safe against untrusted text, the same bytes every time."""

import base64
import dataclasses
import hashlib
import io
import itertools
import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from evaluation import compare
from evaluation.metrics.metrics import FAILURES
from evaluation.metrics.scoring import Outcome, score_answers
from evaluation.metrics.titles import SLOTS
from evaluation.models.base import ModelUnderTest, VisionModel
from evaluation.report import page, plots
from evaluation.report.console import headline_summary, print_comparison, print_result, write_summary
from evaluation.report.evidence import read_evidence
from evaluation.report.page import write_report
from evaluation.report.plots import MAX_POINTS, Points, plot_prices
from evaluation.run import evaluate
from schemas.answer import PROMPT, render
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec, read_predictions
from schemas.product import Product
from schemas.result import Comparison, Result, read_comparison, read_result
from schemas.util.pages import embed_json
from tests.helpers.browser import find_chromium, open_browser
from tests.helpers.page_tree import Table, bars, parse, tables, text
from tests.helpers.shard_fixture import CATEGORIES, colour_of, guessing, in_split, products, table_model, write_shards
from toile.cli import main

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
            assert (attributes.get(name) or "data:").startswith(("data:", "#"))
    assert not re.search(r"""(src|href)\s*=\s*["']?\s*https?:""", re.sub(r"&lt;.*?&gt;", "", html))
    assert "@import" not in html
    assert "url(" not in html


def test_what_models_write_makes_no_element(html: str) -> None:
    found = Page(html)
    assert [tag for tag, _ in found.elements].count("script") == 3
    assert all((a["src"] or "").startswith("data:image/jpeg") for tag, a in found.elements if tag == "img")
    assert not [name for _, attributes in found.elements for name in attributes if name.startswith("on")]


@pytest.mark.parametrize("name", ["base", "comparison"])
def test_what_models_write_is_shown_as_it_is(folders: Path, name: str) -> None:
    html = (folders / name / "report.html").read_text(encoding="utf-8")
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
    assert len(html.encode()) < 3_000_000, "images of noise are the largest there are"
    images = [attributes["src"] or "" for tag, attributes in Page(html).elements if tag == "img"]
    assert len(images) == len(set(images)), "nobody is shown twice"
    assert 12 <= len(images) <= 4 * plots.MAX_PER_GROUP
    for source in images:
        with Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))) as image:
            assert image.format == "JPEG"
            assert max(image.size) <= plots.THUMBNAIL_PX


def test_the_page_says_what_was_done(html: str, folders: Path) -> None:
    text = Page(html).text
    result = read_result(folders / "tuned")
    for needed in (
        PROMPT.strip(),
        result.inputs.data_sha256,
        "toile evaluate --model",
        "median price of the true category",
        "nearest training image",
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
    assert "The model uses the image: its own image instead of a blank or another one brings +" in Page(tuned).text
    assert "The base model does not use the image, as far as these rows can tell." in Page(both).text
    assert "The tuned model uses the image: " in Page(both).text
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
    assert "Control shuffled needs at least two rows" in Page(html).text
    assert "so there are no baselines" in Page(html).text
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
    assert len(re.findall(r"^nearest training image +38 +\d+ % \(\d+-\d+\)", shown.out, re.MULTILINE)) == 1
    assert len(re.findall(r"^nearest training image +38 +\d+ -> \d+ % ", shown.out, re.MULTILINE)) == 1


@pytest.mark.parametrize("suffix", [".json", ".md", ".xml"])
@pytest.mark.parametrize("name", ["tuned", "comparison"])
def test_every_summary_has_the_nearest_image_and_the_title_to_the_letter(
    folders: Path, name: str, suffix: str, tmp_path: Path
) -> None:
    write_summary(folders / name, tmp_path / f"s{suffix}", {})
    summary = (tmp_path / f"s{suffix}").read_text()
    record = read_result(folders / name) if name == "tuned" else read_comparison(folders / name)
    line = headline_summary(record, folders)
    assert list(line["nearest_image"]) == ["joint", "category", "title", "title_exact", "price", "reasoning"]
    match suffix:
        case ".json":
            found = json.loads(summary)
            assert found["nearest_image"].keys() == found["figures"].keys() == line["nearest_image"].keys()
            assert found["nearest_image"]["joint"]["n"] == 38
        case ".md":
            assert "| exact match (all fields), nearest training image | 38 |" in summary
            assert "| title to the letter | 38 |" in summary
        case ".xml":
            names = [each.get("name") for each in ElementTree.fromstring(summary).iter("property")]
            assert {"joint", "nearest_image.joint", "title_exact", "nearest_image.title_exact"} <= set(names)


def test_price_plot_perfect_answer_is_on_the_diagonal() -> None:
    pairs = [("a", 100.0, 100.0), ("b", 1000.0, 1000.0), ("c", 1000.0, 100.0)]
    found = plot_prices([Points(name="model", pairs=pairs)], 0.2, " (USD)")["model"]
    tree = ElementTree.fromstring(found.svg)
    places = sorted((float(x.attrib["cx"]), -float(x.attrib["cy"])) for x in tree.iter("circle"))
    a, c, b = ((x, -y) for x, y in places)
    line = next(x for x in tree.iter("line") if x.attrib["class"] == "diagonal")
    x1, y1, x2, y2 = (float(line.attrib[key]) for key in ("x1", "y1", "x2", "y2"))
    for x, y in (a, b):
        assert y == pytest.approx(y1 + (x - x1) * (y2 - y1) / (x2 - x1), abs=0.2)
    assert c == (b[0], a[1])
    texts = [x.text for x in tree.iter("text")]
    assert "true price (USD)" in texts
    assert {"100", "200", "500", "1,000"} <= set(texts)
    groups = {x.attrib["class"]: len(list(x)) for x in tree.iter("g")}
    assert groups == {"model miss": 1, "model hit": 2}
    assert (found.n, found.shown, found.outside) == (3, 3, 0)


def test_models_share_the_axes_of_their_prices() -> None:
    both = plot_prices(
        [Points(name="base", pairs=[("a", 10.0, 90000.0)]), Points(name="tuned", pairs=[("a", 10.0, 10.0)])], 0.2, ""
    )
    texts = [[x.text for x in ElementTree.fromstring(each.svg).iter("text")] for each in both.values()]
    assert texts[0] == texts[1]


def test_the_scatter_thins_out_and_repeats_itself() -> None:
    def plot(pairs: Sequence[tuple[str, float, float]]) -> plots.PricePlot:
        return plot_prices([Points(name="model", pairs=pairs)], 0.2, "")["model"]

    pairs = [(str(i), 10.0 + i, 20.0 + i) for i in range(3 * MAX_POINTS)]
    found = plot(pairs)
    assert found.svg.count("<circle") == found.shown == MAX_POINTS
    assert found.n == 3 * MAX_POINTS
    assert found.svg == plot(pairs[::-1]).svg
    assert plot([]).svg == ""
    assert plot([("a", 5, 5)]).svg.count("<circle") == 1
    wide = plot([("a", 1e-3, 1e9), ("b", 1, 1)])
    assert wide.outside == 1, "an absurd answer does not stretch the axes"
    assert len(wide.svg) < 6000
    labels = [x.text or "" for x in ElementTree.fromstring(wide.svg).iter("text")]
    assert max(map(len, labels[:-2])) <= 7, "labels have room beside the axis"
    outlying = plot([*((str(i), 100.0, 100.0) for i in range(500)), ("far", 100.0, 1e12)])
    assert outlying.outside == 1


def test_calibration_groups_answers_by_their_own_size() -> None:
    def points(answered: Sequence[float], true: Sequence[float]) -> Points:
        return Points(name="model", pairs=[(str(k), t, a) for k, (a, t) in enumerate(zip(answered, true, strict=True))])

    answered = [float(price) for price in range(1, 101)]
    low, *middle, high = plots.calibrate(points(answered, [2 * price for price in answered]))
    assert [group.n for group in (low, *middle, high)] == [20] * 5
    assert (low.answered, low.true, low.ratio) == (10.5, 21.0, 2.0)
    assert high.answered == 90.5
    assert len(plots.calibrate(points(answered[:12], answered[:12]))) == 2
    assert plots.calibrate(points([1.0], [1.0])) == []


def test_a_model_that_does_not_look_gets_a_sentence_in_place_of_its_score(tmp_path: Path) -> None:
    rows = [*in_split(products(40, 2)), *in_split(products(80, 2)[40:], "train")]
    blind = table_model(rows, lambda _: render("a bag", CATEGORIES[0], 10.0))
    candidate = ModelUnderTest(model="blind", adapter=None, device="cpu", dtype="float32", load=lambda: blind)
    result = evaluate(candidate, write_shards(tmp_path / "data", rows), tmp_path / "out", EvaluationSpec(), quiet=True)
    assert result.uses_picture is False
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    tiles = html[html.index("<h2>Headline") : html.index("<h2>By category")]
    assert tiles.count("not shown to use the image") == tiles.count('class="big soft">–') == 5
    assert "big model" not in tiles


# Structure and figures


def page_of(folders: Path, name: str) -> ElementTree.Element:
    return parse(folders / name / "report.html")


def figures_of(folders: Path, name: str) -> dict[page.Key, Any]:
    return page.by_key(read_result(folders / name).scores)


def outcomes_of(folders: Path, rows: Sequence[Product], name: str) -> list[Outcome]:
    """The outcomes of visually identifiable rows with their own images, scored from the files."""
    usable = [row for row in rows if row.full_price and row.inferable]
    codes = {row.product_code for row in usable}
    found = read_predictions(folders / name / "predictions.jsonl")
    own = [prediction for prediction in found if prediction.control == "none" and prediction.product_code in codes]
    return score_answers(usable, own, read_result(folders / name).inputs.spec, CATEGORIES)


@pytest.mark.parametrize("name", PAGES)
def test_every_table_has_header_cells_and_its_split(folders: Path, name: str) -> None:
    found = tables(page_of(folders, name))
    assert len(found) > 20
    for table in found:
        assert re.search(r"\b(test|validation|train) split\b", table.caption), table.caption
        assert all(cell.tag == "th" and cell.get("scope") == "col" for cell in table.head if text(cell))
        assert table.rows
        for row in table.rows:
            assert row[0].tag == "th", text(row[0])
            assert row[0].get("scope") == "row"
            assert len(row) == len(table.head), table.caption


@pytest.mark.parametrize("name", PAGES)
def test_headings_and_texts_for_screen_readers(folders: Path, name: str) -> None:
    root = page_of(folders, name)
    levels = [int(each.tag[1]) for each in root.iter() if re.fullmatch("h[1-6]", each.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert all(image.get("alt") for image in root.iter("img"))
    assert all(svg.get("role") == "img" and svg.get("aria-label") for svg in root.iter("svg"))
    ids = [each.get("id") for each in root.iter() if each.get("id")]
    assert len(ids) == len(set(ids))
    for link in root.iter("a"):
        assert link.get("href", "#").removeprefix("#") in ids
    for label in root.iter("label"):
        assert label.get("for") in ids


def check_cells(table: Table, column: int, expected: Mapping[str, Any], of: str = "value") -> None:
    """Compare numbers and texts of a column with scores by the text of the row's heading."""
    for row in table.rows:
        score, cell = expected[text(row[0])], row[column]
        value = None if score is None else getattr(score, of)
        if value is None:
            assert cell.get("data-value") == ""
            continue
        assert float(cell.get("data-value", "")) == value
        points = of == "difference"
        shown = f"{100 * value:+.0f}".replace("-", "\u2212") if points else f"{100 * value:.0f} %"
        assert text(cell).startswith(shown), (text(cell), shown)
        if of in {"value", "difference"}:
            low, high = score.low, score.high
            limits = (
                f"{100 * low:+.0f} to {100 * high:+.0f}".replace("-", "\u2212")
                if points
                else f"{100 * low:.0f}–{100 * high:.0f}"
            )
            assert text(cell).endswith(limits)


NAMES = {"Visually identifiable rows": ("inferable", None), "All rows": ("all", None)}


def line_key(heading: str) -> tuple[str, str | None]:
    """Kind of rows and category of a line of the table by category."""
    if heading.endswith(" not visually identifiable"):
        return "all", heading.removesuffix(" not visually identifiable")
    return NAMES.get(heading, ("inferable", heading))


def test_figures_and_bars_by_category_equal_the_result(folders: Path) -> None:
    sides = {name: figures_of(folders, name) for name in ("base", "tuned")}
    differences = page.by_key(read_comparison(folders / "comparison").scores)
    found = tables(page_of(folders, "comparison"), "categories")
    assert [table.element.get("data-metric") for table in found] == list(page.TITLES)
    for table in found:
        metric = str(table.element.get("data-metric"))
        headings = [text(row[0]) for row in table.rows]
        assert set(headings) == {*NAMES, *CATEGORIES, "(other)", "VIEW <ALL> not visually identifiable"}
        for name, figures in sides.items():
            expected = {h: figures[metric, line_key(h)[0], "none", line_key(h)[1], None] for h in headings}
            check_cells(table, table.column(name), expected)
            for row in table.rows:
                score = expected[text(row[0])]
                bar = next(each for each in bars(row[2]) if each[0] == name)
                assert bar[1:] == pytest.approx((100 * score.value, 100 * score.low, 100 * score.high), abs=0.006)
                assert int(row[1].get("data-value", "")) == score.n
        gains = {h: differences[metric, line_key(h)[0], "none", line_key(h)[1], None] for h in headings}
        check_cells(table, table.column("difference"), gains, "difference")


def test_figures_of_one_model_equal_the_result(folders: Path) -> None:
    figures, root = figures_of(folders, "tuned"), page_of(folders, "tuned")
    for table in tables(root, "categories"):
        metric = str(table.element.get("data-metric"))
        headings = [text(row[0]) for row in table.rows]
        expected = {h: figures[metric, line_key(h)[0], "none", line_key(h)[1], None] for h in headings}
        check_cells(table, 3, expected)
    (controls,) = (t for t in tables(root) if t.caption.startswith("Own image"))
    for row in controls.rows:
        metric = next(name for name, title in page.TITLES.items() if title == text(row[1]))
        for place, control in enumerate(("none", "blank", "shuffled"), start=2):
            assert float(row[place].get("data-value", "")) == figures[metric, "inferable", control, None, None].value
        gain = figures[f"{metric}_visual_gain", "inferable", "none", None, None]
        assert float(row[5].get("data-value", "")) == gain.value
        assert float(row[6].get("data-value", "")) == gain.p_holm
    (baselines,) = (t for t in tables(root) if t.caption.startswith("Models and baselines"))
    assert [text(row[0]) for row in baselines.rows[:2]] == ["model", "nearest training image"], "the strongest first"
    for row in baselines.rows:
        baseline = next((key for key, words in page.BASELINES.items() if words == text(row[0])), None)
        for metric, cell in zip(page.TITLES, row[1:], strict=False):
            score = figures.get((metric, "inferable", "none", None, baseline))
            assert cell.get("data-value") == ("" if score is None else str(score.value))
    for tile in (each for each in root.iter("div") if each.get("data-metric") and each.get("class") == "tile"):
        big = next(each for each in tile.iter("div") if (each.get("class") or "").startswith("big"))
        score = figures[str(tile.get("data-metric")), "inferable", "none", None, None]
        assert float(big.get("data-value", "")) == score.value
        assert bars(tile)[0][1:] == pytest.approx((100 * score.value, 100 * score.low, 100 * score.high), abs=0.006)


def test_every_reason_has_words() -> None:
    assert {reason for reasons in FAILURES.values() for reason in reasons} | {"ok"} == page.REASONS.keys()


def test_figures_of_other_splits_and_protocols_stay_out(folders: Path) -> None:
    scores = [score for score in read_result(folders / "tuned").scores if score.metric != "price"]
    others = [
        dataclasses.replace(score, split=split, protocol=protocol, value=0.123)
        for score in read_result(folders / "tuned").scores
        for split, protocol in (("validation", "generate"), ("test", "instructed"))
    ]
    found = page.by_key([*scores, *others])
    assert found == page.by_key(scores)
    assert not [key for key in found if key[0] == "price"], "no figure of another protocol fills the gap"
    assert {score.value for score in page.by_key([*scores, *others], "instructed").values()} == {0.123}


@pytest.mark.parametrize("name", ["one", "both"])
def test_rows_that_chose_a_prompt_are_in_no_table_of_the_test_split(tmp_path: Path, name: str) -> None:
    """The model has every test row right and every validation row wrong, which are all of one category of their own."""
    rows = [*in_split(products(30, 4)), *in_split(products(60, 4)[30:], "train")]
    choosing = [
        dataclasses.replace(row, split="validation", category3_code="CHOOSING", family=f"v{row.family}")
        for row in products(80, 4)[60:]
    ]
    data = write_shards(tmp_path / "data", [*rows, *choosing])
    model = table_model(rows, otherwise=render("Nothing", "CHOOSING", 7.5))
    for folder in ("one", "two"):
        candidate = ModelUnderTest(model=folder, adapter=None, device="cpu", dtype="float32", load=lambda: model)
        result = evaluate(candidate, data, tmp_path / folder, EvaluationSpec(choose_prompt=True), quiet=True)
        assert {score.split for score in result.scores} == {"test", "validation"}
    compare(tmp_path / "one", tmp_path / "two", tmp_path / "both")
    root = parse(tmp_path / name / "report.html")
    for table in tables(root):
        assert "CHOOSING" not in " ".join(map(text, itertools.chain.from_iterable(table.rows)))
        assert len(re.findall(r"\b(?:test|validation|train) split\b", table.caption)) == 1
        assert "test split" in table.caption
    lines = {text(row[0]) for row in tables(root, "categories")[0].rows}
    assert lines & set(CATEGORIES)
    for row in tables(root, "categories")[0].rows:
        assert float(row[1].get("data-value", "0")) <= 30, "no validation row is counted"


def test_models_with_other_headline_protocols_are_compared_under_one(tmp_path: Path) -> None:
    rows = [*in_split(products(24, 3)), *in_split(products(60, 3)[24:], "train")]
    data = write_shards(tmp_path / "data", rows)
    for name, right, protocols in (("a", 0.4, ("generate", "instructed")), ("b", 0.8, ("instructed", "generate"))):
        model = guessing(rows, dict.fromkeys(("category", "title", "price"), right))
        candidate = ModelUnderTest(model=name, adapter=None, device="cpu", dtype="float32", load=lambda m=model: m)  # type: ignore[misc]
        evaluate(candidate, data, tmp_path / name, EvaluationSpec(protocols=protocols), quiet=True, noise_check=False)
    differences = page.by_key(compare(tmp_path / "a", tmp_path / "b", tmp_path / "c").scores)
    root = parse(tmp_path / "c" / "report.html")
    for table in tables(root, "categories"):
        metric = str(table.element.get("data-metric"))
        assert "protocol generate" in table.caption
        for side in ("base", "tuned"):
            for row in table.rows:
                difference = differences[metric, *line_key(text(row[0]))[:1], "none", line_key(text(row[0]))[1], None]
                assert float(row[table.column(side)].get("data-value", "")) == getattr(difference, side)


def test_a_base_without_a_right_answer_is_said_and_small(folders: Path) -> None:
    root = page_of(folders, "comparison")
    lede = next(text(each) for each in root.iter("p") if each.get("class") == "lede")
    assert "The base model gets none of 38 products exactly right (95 % interval 0–" in lede
    big = [each for each in root.iter("div") if (each.get("class") or "").startswith("big")]
    assert big
    assert all(each.get("class") == "big tuned" for each in big)
    joint = tables(root, "categories")[0]
    assert {bar[1] for bar in bars(joint.element) if bar[0] == "base"} == {0.0}


def test_heat_maps_count_every_row_once(folders: Path, rows: Sequence[Product]) -> None:
    root = page_of(folders, "comparison")
    (heat,), (listed,) = tables(root, "heat"), tables(root, "confused")
    assert heat.element.get("data-label") == "tuned", "no answer of the base names a category"
    assert "base: none of the 38 answers names a category of the data" in text(root)
    scored = outcomes_of(folders, rows, "tuned")
    seen = Counter((o.category, o.answered_category) for o in scored)
    columns = [text(cell) for cell in heat.head[2:]]
    assert columns == [text(row[0]) for row in heat.rows], "the same order"
    sizes = [int(text(row[1])) for row in heat.rows]
    assert sizes == sorted(sizes, reverse=True)
    assert sum(sizes) == len(scored) == 38
    for row in heat.rows:
        counts = [int(text(cell) or 0) for cell in row[2:]]
        assert counts == [seen[text(row[0]), column] for column in columns]
        assert sum(counts) == int(text(row[1]))
        assert ["hit" in (cell.get("class") or "") for cell in row[2:]] == [c == text(row[0]) for c in columns]
    for row in listed.rows:
        count, total = map(int, text(row[2]).split(" of "))
        assert count == seen[text(row[0]), text(row[1])] > 0
        assert total == sum(n for (category, _), n in seen.items() if category == text(row[0]))


def test_many_categories_share_a_row_and_a_column(rows: Sequence[Product], folders: Path) -> None:
    scored = outcomes_of(folders, rows, "tuned")
    many = [
        dataclasses.replace(o, category=f"c{k % 40}", answered_category=None if k % 3 else f"c{k % 7}")
        for k, o in enumerate(scored * 5)
    ]
    (found,) = plots.count_confusions([many])
    assert len(found.rows) == plots.MOST_CATEGORIES + 1
    assert sum(total for _, total, _ in found.rows) == len(many)
    assert all(sum(counts) == total for _, total, counts in found.rows)
    assert found.columns[-1] == plots.NO_CATEGORY
    assert sum(counts[-1] for *_, counts in found.rows) == len(many) - found.named
    wrong = Counter((o.category, o.answered_category) for o in many if o.answered_category not in {None, o.category})
    assert [n for *_, n, _ in found.largest] == [n for _, n in wrong.most_common(len(found.largest))]
    assert found.others + sum(n for *_, n, _ in found.largest) == sum(wrong.values())


def test_errors_by_attribute_equal_a_slow_count(folders: Path, rows: Sequence[Product]) -> None:
    root = page_of(folders, "comparison")
    found = tables(root, "attributes")
    assert [table.element.get("data-attribute") for table in found] == ["Material", "Pattern"], "titles name no colour"
    for table in found:
        slot = str(table.element.get("data-attribute")).lower()
        assert slot in SLOTS
        for label in ("base", "tuned"):
            groups: dict[str, list[Outcome]] = {}
            for outcome in outcomes_of(folders, rows, label):
                named = " + ".join(sorted(outcome.words.named(slot, outcome.true_title))) or plots.NOT_NAMED
                groups.setdefault(named, []).append(outcome)
            assert {text(row[0]) for row in table.rows} == set(groups)
            for row in table.rows:
                members = groups[text(row[0])]
                right = sum(all(map(o.right, ("category", "title", "price"))) for o in members)
                assert int(text(row[1])) == len(members)
                value = float(row[table.column(label)].get("data-value", ""))
                assert value == pytest.approx(right / len(members))
                assert next(bar for bar in bars(row[2]) if bar[0] == label)[1] == pytest.approx(100 * value, abs=0.006)


def test_recorded_attributes_come_before_words_of_titles(folders: Path, rows: Sequence[Product]) -> None:
    scored = outcomes_of(folders, rows, "tuned")
    recorded = {o.product_code: {"colour": "navy" if k % 2 else "ivory"} for k, o in enumerate(scored)}
    found = {each.title: each for each in plots.group_errors([scored], recorded, EvaluationSpec())}
    assert [(row.value, row.n) for row in found["Colour"].rows] == [("ivory", 19), ("navy", 19)]
    many = {o.product_code: {"colour": f"colour {k}"} for k, o in enumerate(scored)}
    found = {each.title: each for each in plots.group_errors([scored], many, EvaluationSpec())}
    assert len(found["Colour"].rows) == plots.MOST_VALUES
    assert sum(row.n for row in found["Colour"].rows) == len(scored)


def test_cards_show_all_answers_and_mark_them_in_words(folders: Path) -> None:
    root = page_of(folders, "comparison")
    cards = list(root.iter("article"))
    assert len(cards) > plots.MAX_PER_GROUP
    for card in cards:
        (table,) = tables(card)
        assert [text(row[0]) for row in table.rows] == ["true", "base", "tuned", "nearest image"]
        assert [text(cell) for cell in table.head[1:]] == ["Category", "Title", "Price (USD)"]
        for row in table.rows[1:]:
            assert all(re.match("✓ right|✗ (?!right)", text(cell)) for cell in row[1:])
        for row in table.rows[1:]:
            if "✓ right" in text(row[1]):
                assert text(row[1]).casefold().endswith(text(table.rows[0][1]).casefold())
    rules = [text(each) for each in root.iter("p") if re.match(r"\d+ of [\d,]+ products?: ", text(each))]
    assert len(rules) >= 2, "each group says how it was chosen"


def test_gallery_groups_hold_what_their_rule_says(folders: Path, rows: Sequence[Product]) -> None:
    sides = [outcomes_of(folders, rows, name) for name in ("base", "tuned")]
    usable = [row for row in rows if row.full_price and row.inferable]
    images = {row.product_code: row.image for row in usable if row.image}
    base, tuned = sides
    mixed = [[*base[:12], *tuned[12:24], *base[24:]], [*tuned[:12], *base[12:24], *base[24:]]]
    found = {each.title: each for each in plots.select_gallery(usable, mixed, [], folders / "data", images)}
    assert list(found) == ["Gained", "Lost", "Still wrong", "Random"]

    def count(outcome: Outcome) -> int:
        return sum(outcome.reasons[field] == "ok" for field in ("category", "title", "price"))

    for card in found["Gained"].cards:
        assert count(card.outcomes[1]) > count(card.outcomes[0])
    for card in found["Lost"].cards:
        assert count(card.outcomes[1]) < count(card.outcomes[0])
    for card in found["Still wrong"].cards:
        assert count(card.outcomes[1]) == count(card.outcomes[0]) < 3
    every = [card.product.product_code for group in found.values() for card in group.cards]
    assert len(every) == len(set(every))


HOSTILE_TITLES = (
    EVIL,
    "W" * 3000,
    "\u202eright to left \u05de\u05e2\u05d9\u05dc \u0645\u0639\u0637\u0641",
    "<b>bold</b>\x00\x1b[31m",
    "",
)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of results whose titles, categories, answers and model are hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    rows = [*in_split(products(12)), *in_split(products(24)[12:], "train")]
    rows = [dataclasses.replace(row, title=HOSTILE_TITLES[k % 4]) for k, row in enumerate(rows)]
    categories = {name: f"<i>{name}</i>{'V' * 300 * k}" for k, name in enumerate(CATEGORIES)}
    rows = [dataclasses.replace(row, category3_code=categories[row.category3_code or ""]) for row in rows]
    answers = {row.product_code: HOSTILE_TITLES[(k + 1) % 5] for k, row in enumerate(rows)}
    model = table_model(rows, lambda row: render(answers[row.product_code] or "x", row.category3_code or "", 5e300))
    run(folder / "out", write_shards(folder / "data", rows), model, "<script>model</script>" + "M" * 500)
    return folder


def test_hostile_titles_and_answers_stay_text(hostile: Path) -> None:
    html = (hostile / "out" / "report.html").read_text(encoding="utf-8")
    root = parse(html)  # every element is closed: no text has opened one
    assert [each.tag for each in root.iter() if each.tag in {"i", "script"}].count("script") == 3
    assert not list(root.iter("i"))
    for table in tables(root):
        for row in table.rows:
            for cell in row:
                if "\u202e" in text(cell) and not text(cell).startswith(("✓", "✗")):
                    isolated = cell.get("dir") == "auto" or any(True for _ in cell.iter("bdi"))
                    assert isolated, "right-to-left text turns nothing else around"
    assert "5e+300" in html


OVERLAPS = """[...document.querySelectorAll("svg:not(.share)")].flatMap((svg) => {
  const boxes = [...svg.querySelectorAll("text")].map((t) => [t.textContent, t.getBoundingClientRect()]);
  return boxes.flatMap(([a, x], k) => boxes.slice(k + 1).filter(([b, y]) =>
    x.left < y.right && y.left < x.right && x.top < y.bottom && y.top < x.bottom).map(([b]) => a + " / " + b));
})"""
"""Labels of a plot that cover each other, as a browser lays them out."""


@pytest.mark.system
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_fit_a_desk_and_a_phone_in_a_browser(folders: Path, hostile: Path, tmp_path: Path, width: int) -> None:
    binary = find_chromium()
    if binary is None:
        pytest.skip("no Chromium")
    index, _ = page.write_index(hostile, force=True)
    with open_browser(binary, tmp_path) as window:
        window.size(width, 900, dark=width == 390)
        for file in (index, hostile / "out" / "report.html", folders / "comparison" / "report.html"):
            window.open(file.resolve())
            assert window.js("document.documentElement.scrollWidth") == width, file
            assert window.js(OVERLAPS) == []
            assert window.errors() == []
        column = "th[data-sort=number]:nth-child(2)"
        values = """[...document.querySelector(".tab-joint table").tBodies].at(-1).innerText"""
        before = window.js(values)
        window.js(f"""document.querySelector(".tab-joint {column} button").click()""")
        assert window.js(f"""document.querySelector(".tab-joint {column}").ariaSort""") == "descending"
        window.js(f"""document.querySelector(".tab-joint {column} button").click()""")
        assert window.js(values) != before, "sorted the other way round"
        assert window.js("""document.querySelector(".tab-price").offsetHeight""") == 0
        window.js("""document.querySelector("#tab-price").click()""")
        assert window.js("""document.querySelector(".tab-price").offsetHeight""") > 100
        assert window.js("""document.querySelector(".tab-joint").offsetHeight""") == 0


@pytest.mark.parametrize("protocol", ["rank", "price"])
def test_protocols_that_answer_one_field_have_a_page(folders: Path, protocol: str) -> None:
    """A result with the figures of one field only, as a ranking protocol gives them."""
    result = read_result(folders / "tuned")
    field = {"rank": "category", "price": "price"}[protocol]
    spec = dataclasses.replace(result.inputs.spec, protocols=(protocol,))
    kept = [
        dataclasses.replace(score, protocol=protocol)
        for score in result.scores
        if score.metric.startswith(field) or score.baseline is not None
    ]
    only = dataclasses.replace(result, scores=tuple(kept), inputs=dataclasses.replace(result.inputs, spec=spec))
    evidence = read_evidence(folders / "tuned", folders / "data")
    (scored,) = evidence.outcomes()
    renamed = [dataclasses.replace(outcome, protocol=protocol) for outcome in scored]
    judged = [product for product in evidence.products if product.split == "test"]
    root = parse(page.render_result_page(only, judged, renamed, folders / "data", evidence))
    assert [table.element.get("data-metric") for table in tables(root, "categories")] == [field]
    lede = next(text(each) for each in root.iter("p") if each.get("class") == "lede")
    words = {"rank": "categories", "price": "prices"}[protocol]
    assert re.match(f"The model gets \\d+ of 38 {words} right", lede)
    (baselines,) = (table for table in tables(root) if table.caption.startswith("Models and baselines"))
    assert all(any(cell.get("data-value") for cell in row[1:]) for row in baselines.rows), "no empty line"


@pytest.mark.parametrize(
    ("verdict", "sentence"),
    [
        (
            "not tested: no control was run, so nothing shows whether this model uses the image",
            "Whether the tuned model uses the image is not known: no control was run, so nothing shows whether this "
            "model uses the image.",
        ),
        (
            "not tested: too few product families (3, at least 8 are needed; gain over blind baselines on 3 rows: "
            "category +0.3 [-0.1, +0.5] p 1)",
            "Whether the tuned model uses the image is not known: too few product families (3, at least 8 are needed).",
        ),
    ],
)
def test_a_verdict_that_tells_nothing_says_why(folders: Path, verdict: str, sentence: str) -> None:
    inputs = read_result(folders / "tuned").inputs
    panel = page.Panel(
        label="tuned", inputs=inputs, uses_picture=None, verdict=verdict, figures={}, outcomes=[], asked={}
    )
    assert page.image_sentence(panel, "all") == sentence


@pytest.mark.parametrize(
    ("difference", "low", "high", "gain", "nearest"),
    [
        (
            0.3,
            0.1,
            0.5,
            "Fine-tuning gains +30 points (+10 to +50, p\u00a0=\u00a00.01).",
            "the tuned model is above it",
        ),
        (-0.3, -0.5, -0.1, "Fine-tuning loses \u221230 points", "the tuned model is below it"),
        (
            0.1,
            -0.1,
            0.3,
            "changes it by +10 points (\u221210 to +30, p\u00a0=\u00a00.01), which may be chance.",
            "may be chance",
        ),
        (0.0, -0.2, 0.2, "makes no difference on these rows (\u221220 to +20 points", "so is the tuned model"),
    ],
)
def test_the_first_sentences_say_what_the_interval_allows(
    folders: Path, difference: float, low: float, high: float, gain: str, nearest: str
) -> None:
    result = read_result(folders / "tuned")
    panels = [
        page.Panel(
            label=label,
            inputs=result.inputs,
            uses_picture=True,
            verdict="",
            figures=page.by_key(result.scores),
            outcomes=[],
            asked={},
        )
        for label in ("base", "tuned")
    ]
    found = {
        key: dataclasses.replace(row, difference=difference, low=low, high=high, p=0.01)
        for key, row in page.by_key(read_comparison(folders / "comparison").scores).items()
    }
    said = page.headline_sentences(panels, "inferable", "joint", found)
    assert said[0].startswith("The tuned model gets ")
    assert gain in said[2]
    assert nearest in said[3]


def test_notes_and_verdicts_are_sentences(folders: Path) -> None:
    root = page_of(folders, "base")
    notes = [text(each) for each in root.iter("li")]
    assert notes
    assert all(note[0] in "✓✗?" or (note[0].isupper() and note.endswith(".")) for note in notes)
    sentence = page.FILTERS["sentence"]
    assert sentence("some/model does not say", ["some/model"]) == "some/model does not say."
    assert sentence(" it does? ", ["some/model", ""]) == "It does?"


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours as WCAG 2.2 defines it."""

    def luminance(colour: str) -> float:
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def mixed(colour: str, ground: str, share: float) -> str:
    pairs = [(int(colour[k : k + 2], 16), int(ground[k : k + 2], 16)) for k in (1, 3, 5)]
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in pairs)


def test_colours_have_enough_contrast_in_light_and_dark(folders: Path) -> None:
    style = next(each.text or "" for each in page_of(folders, "tuned").iter("style"))
    light: dict[str, str] = {}
    dark: dict[str, str] = {}
    for place in re.finditer(r"(@media \(prefers-color-scheme: dark\) \{\s*)?:root \{(.*?)\}", style, re.DOTALL):
        (dark if place[1] else light).update(re.findall(r"--(\w+): (#[0-9a-f]{6});", place[2]))
    assert dark.keys() == light.keys() >= {"ink", "soft", "good", "bad", "base", "tuned", "paper", "ground", "tint"}
    for colours in (light, dark):
        for ink in ("ink", "soft", "good", "bad", "base", "tuned"):
            for ground in ("paper", "ground"):
                assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground, colours[ink])
        assert contrast(colours["ink"], colours["tint"]) >= 4.5
        for heat in ("tuned", "bad"):  # the darkest cell of a heat map
            assert contrast(colours["ink"], mixed(colours[heat], colours["paper"], 0.45)) >= 4.5


# The index of a folder


def test_the_index_lists_every_result_with_its_figures(folders: Path, tmp_path: Path) -> None:
    for name in PAGES:
        shutil.copytree(folders / name, tmp_path / "results & more" / name)
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "result.json").write_text("{}")
    (tmp_path / "started").mkdir()
    (tmp_path / "started" / "inputs.json").write_text("{}")
    found, number = page.write_index(tmp_path)
    assert number == 5
    root = parse(found)
    (pairs, single) = tables(root, "index")
    names = [f"results & more/{name}" for name in ("base", "tuned")]
    assert [row[0].get("data-value") for row in single.rows] == names
    for row, name in zip(single.rows, ("base", "tuned"), strict=True):
        figures = figures_of(folders, name)
        for metric, cell in zip(page.TITLES, row[1:], strict=False):
            assert float(cell.get("data-value", "")) == figures[metric, "inferable", "none", None, None].value
        assert "test split, visually identifiable rows, generate" in text(row[-1])
    assert len(pairs.rows) == 1
    for link in root.iter("a"):
        target = tmp_path / (link.get("href") or "").replace("%20", " ").replace("%26", "&")
        assert target.is_file(), link.get("href")
    assert "cannot be read" in text(root)
    assert "is an unfinished evaluation" in text(root)
    done = CliRunner().invoke(main, ["report", "index", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert (done.stdout.strip(), done.stderr.strip()) == (str(found), f"5 listed: {found}"), "an index is replaced"
    assert [each for each in root.iter("th") if each.get("data-sort")]


def test_an_index_replaces_no_other_page(folders: Path, tmp_path: Path) -> None:
    with pytest.raises(ToileError, match="holds no evaluation"):
        page.write_index(tmp_path)
    shutil.copytree(folders / "base", tmp_path / "base")
    (tmp_path / "index.html").write_text("<h1>my own</h1>")
    with pytest.raises(ToileError, match="was not made by toile"):
        page.write_index(tmp_path)
    page.write_index(tmp_path, force=True)
    assert "Results in" in (tmp_path / "index.html").read_text()
