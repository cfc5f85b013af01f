"""Evidence in a page: its answers give its figures, and a changed figure is found. Also summaries for CI."""

import base64
import dataclasses
import functools
import gzip
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from evaluation import compare
from evaluation.models.base import ModelUnderTest, VisionModel
from evaluation.report.console import write_summary
from evaluation.report.evidence import PACKED, make_evidence, pack_evidence, rescore
from evaluation.report.page import write_report
from evaluation.run import evaluate
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec
from schemas.product import Product
from schemas.result import read_comparison, read_result
from tests.helpers.shard_fixture import guessing, in_split, products, table_model, write_shards
from toile.cli import main

SPEC = EvaluationSpec(min_category_rows=10)


def toile(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def _itself(model: VisionModel) -> VisionModel:
    return model


@pytest.fixture(scope="module")
def rows() -> list[Product]:
    return [*in_split(products(60, 2)), *in_split(products(120, 2)[60:], "train")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, rows: Sequence[Product]) -> Path:
    """base/, tuned/ and comparison/ of two models that guess."""
    folder = tmp_path_factory.mktemp("evidence")
    data = write_shards(folder / "data", rows)
    for number, (name, right) in enumerate((("base", 0.3), ("tuned", 0.8))):
        model = guessing(rows, {"category": right, "title": right, "price": right}, number)
        load = functools.partial(_itself, model)
        candidate = ModelUnderTest(model=f"<{name}>|x", adapter=None, device="cpu", dtype="float32", load=load)
        evaluate(candidate, data, folder / name, SPEC, quiet=True)
    compare(folder / "base", folder / "tuned", folder / "comparison")
    return folder


@pytest.mark.parametrize("name", ["base", "tuned", "comparison"])
def test_a_page_proves_itself(name: str, place: Path) -> None:
    page = place / name / "report.html"
    found = rescore(page)
    assert found.differing == ()
    shown = read_comparison(place / name) if name == "comparison" else read_result(place / name)
    assert found.num_figures == len(shown.scores) > 100
    done = toile("report", "rescore", page)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"figures": found.num_figures, "differing": 0}


@pytest.mark.parametrize("name", ["tuned", "comparison"])
def test_writing_a_page_once_more_proves_the_same(name: str, place: Path) -> None:
    page = place / name / "report.html"
    before = page.read_text()
    write_report(place / name)
    assert page.read_text() == before
    assert rescore(page).differing == ()


def changed(page: Path, target: Path, change: Callable[[dict[str, object]], None]) -> Path:
    """The page with other evidence."""
    text = page.read_text()
    match = PACKED.search(text)
    assert match is not None
    document = json.loads(gzip.decompress(base64.b64decode(match[1])))
    change(document)
    packed = base64.b64encode(gzip.compress(json.dumps(document).encode())).decode()
    target.write_text(text.replace(match[1], packed))
    return target


def test_a_changed_figure_is_found(place: Path, tmp_path: Path) -> None:
    text = (place / "tuned" / "report.html").read_text()
    value = next(s.value for s in read_result(place / "tuned").scores if s.metric == "joint" and s.category is None)
    forged = re.sub(rf'("metric":"joint",[^}}]*?"value":){value}', r"\g<1>0.99", text, count=1)
    assert forged != text
    page = tmp_path / "report.html"
    page.write_text(forged)
    assert len(rescore(page).differing) == 1
    done = toile("report", "rescore", page)
    assert done.exit_code == 1
    assert "shows other figures than its answers give: generate / test / none" in done.output
    assert "joint" in done.output


def test_a_changed_answer_is_found(place: Path, tmp_path: Path) -> None:
    def blank(document: dict[str, object]) -> None:
        side = document["sides"][0]  # type: ignore[index]
        for prediction in [each for each in side if each["control"] == "none"][:20]:
            prediction["answer"] = "?"

    page = changed(place / "tuned" / "report.html", tmp_path / "report.html", blank)
    assert len(rescore(page).differing) > 10


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<html></html>", "contains no figures"),
        ('<script type="application/json" id="toile">{}</script>', "contains no figures"),
        (
            '<script type="application/json" id="toile">{}</script>'
            '<script type="application/gzip+base64" id="evidence">AAAA</script>',
            "is damaged",
        ),
        (
            '<script type="application/json" id="toile">{"a": </script>'
            f'<script type="application/gzip+base64" id="evidence">{base64.b64encode(gzip.compress(b"{}")).decode()}'
            "</script>",
            "is damaged",
        ),
        (
            '<script type="application/json" id="toile">{}</script>'
            f'<script type="application/gzip+base64" id="evidence">{base64.b64encode(gzip.compress(b"{}")).decode()}'
            "</script>",
            "missing",
        ),
    ],
)
def test_rescore_of_a_file_that_is_no_page(text: str, problem: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(text)
    with pytest.raises(ToileError, match=problem):
        rescore(page)


def test_evidence_larger_than_the_limit_is_refused(place: Path) -> None:
    with pytest.raises(ToileError, match="too large"):
        rescore(place / "tuned" / "report.html", max_bytes=1000)


def test_images_and_log_probabilities_stay_out(rows: Sequence[Product]) -> None:
    held = make_evidence(SPEC, rows[:3], [[]], None, ())
    document = json.loads(gzip.decompress(base64.b64decode(pack_evidence(held))))
    assert all("image" not in product for product in document["products"])
    assert pack_evidence(held) == pack_evidence(held)


def test_markdown_shows_headline_figures_and_no_markup_of_names(place: Path, tmp_path: Path) -> None:
    write_summary(place / "tuned", tmp_path / "s.md", {"joint": 1.1})
    text = (tmp_path / "s.md").read_text()
    assert text.startswith("**\\<tuned\\>\\|x**: ")
    assert re.search(
        r"^\| exact match \(all fields\) \| \d+ \| [\d.]+ % \| [\d.]+ % to [\d.]+ % \|$", text, re.MULTILINE
    )
    assert "Below its threshold: joint is" in text
    write_summary(place / "comparison", tmp_path / "c.md", {})
    assert re.search(r"^\| category \| \d+ \| [\d.]+ % \| [\d.]+ % \| ", (tmp_path / "c.md").read_text(), re.MULTILINE)


def test_junit_has_a_case_for_every_floor(place: Path, tmp_path: Path) -> None:
    done = toile("report", "summary", place / "tuned", "--out", tmp_path / "s.xml", "--fail-under", "joint=0.99",
                 "--fail-under", "category=0.1")  # fmt: skip
    assert done.exit_code == 1
    assert "joint is" in done.output
    suite = ElementTree.parse(tmp_path / "s.xml").getroot()[0]
    cases = {case.get("name"): case.findall("failure") for case in suite.iter("testcase")}
    assert list(cases) == ["joint >= 0.99", "category >= 0.1", "<tuned>|x"]
    assert len(cases["joint >= 0.99"]) == 1
    assert not cases["category >= 0.1"]
    assert not cases["<tuned>|x"], "this model uses the image"
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
    assert suite[0].tag == "properties"


def test_json_is_the_figures(place: Path, tmp_path: Path) -> None:
    done = toile("report", "summary", place / "comparison", "--out", tmp_path / "s.json")
    assert done.exit_code == 0, done.output
    document = json.loads((tmp_path / "s.json").read_text())
    found = next(
        d for d in read_comparison(place / "comparison").scores
        if (d.metric, d.control, d.category, d.baseline, d.rows) == ("joint", "none", None, None, document["rows"])
    )  # fmt: skip
    assert document["figures"]["joint"] == {
        name: getattr(found, name) for name in ("n", "base", "tuned", "difference", "low", "high", "p")
    }


def test_a_summary_needs_a_known_ending_and_floors_need_a_result(place: Path, tmp_path: Path) -> None:
    with pytest.raises(ToileError, match="no kind of summary"):
        write_summary(place / "tuned", tmp_path / "s.txt", {})
    with pytest.raises(ToileError, match="has no thresholds"):
        write_summary(place / "comparison", tmp_path / "s.md", {"joint": 0.5})


def test_a_blind_model_fails_its_image_case(rows: Sequence[Product], tmp_path: Path) -> None:
    data = write_shards(tmp_path / "data", rows)
    blind = table_model(list(rows), lambda _: "Product: a, Category: Bags, Full Price: 10")
    candidate = ModelUnderTest(model="blind", adapter=None, device="cpu", dtype="float32", load=lambda: blind)
    evaluate(candidate, data, tmp_path / "out", dataclasses.replace(SPEC, limit=20), quiet=True)
    write_summary(tmp_path / "out", tmp_path / "s.xml", {})
    (failure,) = ElementTree.parse(tmp_path / "s.xml").getroot().iter("failure")
    assert "does not use the image" in str(failure.get("message"))
