"""The mix x test matrix: its runs, its questions, and that the table agrees with the folders."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from evaluation.analysis.comparison import matrix_questions
from generator.catalog.shards import GenerateInputs, write_shards
from schemas.documents import from_dict
from schemas.result import Matrix, read_result
from schemas.util.stats import holm
from toile.cli import main


def toile(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


pytestmark = pytest.mark.usefixtures("short_answers")


@pytest.fixture(scope="module")
def made(short_answers: None, tmp_path_factory: pytest.TempPathFactory, demo_document: dict[str, Any]) -> Path:
    """A finished matrix of two small catalogs in `m`, and what the command printed."""
    place = tmp_path_factory.mktemp("matrix")
    for seed, name in ((1, "real"), (2, "made")):
        inputs = GenerateInputs(spec_document=demo_document, seed=seed, start=0, num_products=60, image_size=32)
        write_shards(inputs, place / name / "data")
    run = {
        "mix": [{"data": "real/data", "weight": 1}, {"data": "made/data", "weight": 3}],
        "max_steps": 2,
        "method": "lora",
        "batch_size": 4,
    }
    (place / "run.yaml").write_text(yaml.safe_dump(run))
    shown = toile("matrix", place / "run.yaml", "--out", place / "m", "--device", "cpu", "--limit", "2")
    assert shown.exit_code == 0, shown.output
    (place / "stdout").write_text(shown.stdout)
    return place


def test_every_mix_is_trained_once_and_tested_everywhere(made: Path) -> None:
    document = json.loads((made / "m" / "matrix.json").read_text())
    from_dict(Matrix, document, "matrix.json")
    assert document["mixes"] == {
        "base": {},
        "data": {"data": 1},
        "data-2": {"data-2": 1},
        "all": {"data": 1, "data-2": 3},
    }
    assert list(document["tests"]) == ["data", "data-2"], "two folders of one name get different keys"
    for mix in document["mixes"]:
        run = made / "m" / mix / "model" / "run.json"
        assert run.is_file() is (mix != "base")
        if run.is_file():
            inputs = json.loads(run.read_text())["inputs"]
            assert [entry["weight"] for entry in inputs["data"]] == list(document["mixes"][mix].values())
            assert inputs["spec"]["max_steps"] == 2


def test_cells_and_contrasts_are_those_of_the_folders(made: Path) -> None:
    document = json.loads((made / "m" / "matrix.json").read_text())
    results = {
        (mix, test): read_result(made / "m" / mix / f"on-{test}").scores
        for mix in document["mixes"]
        for test in document["tests"]
    }
    for cell in document["cells"]:
        scores = results[cell["mix"], cell["test"]]
        same = next(
            s for s in scores
            if (s.metric, s.rows, s.control, s.category, s.baseline)
            == (cell["metric"], document["rows"], "none", None, None)
        )  # fmt: skip
        assert (cell["n"], cell["value"]) == (same.n, same.value)
    by_metric: dict[str, list[dict[str, Any]]] = {}
    for contrast in document["contrasts"]:
        by_metric.setdefault(contrast["metric"], []).append(contrast)
        folder = made / "m" / "comparisons" / f"{contrast['test']}-{contrast['before']}-{contrast['after']}"
        assert (folder / "comparison.json").is_file()
    for contrasts in by_metric.values():
        assert [(c["test"], c["before"], c["after"]) for c in contrasts] == matrix_questions(["data", "data-2"])
        tested = [c for c in contrasts if c["p"] is not None]
        assert [c["p_holm"] for c in tested] == pytest.approx(holm([c["p"] for c in tested]))


def test_the_page_and_the_table_show_it(made: Path) -> None:
    page = (made / "m" / "report.html").read_text()
    assert "Which mix helps on which rows?" in page
    assert "nothing (base)" in page
    assert "http" not in page.replace("http-equiv", "")
    stdout = (made / "stdout").read_text()
    assert "trained on" in stdout
    assert "instead of" in stdout
    assert "products evaluated" not in stdout


def test_again_does_nothing_but_read(made: Path) -> None:
    stamps = {path: path.stat().st_mtime_ns for path in (made / "m").rglob("predictions.jsonl")}
    assert len(stamps) == 8
    again = toile("matrix", made / "run.yaml", "--out", made / "m", "--device", "cpu", "--limit", "2")
    assert again.exit_code == 0, again.output
    assert again.stdout == (made / "stdout").read_text()
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


def test_questions_start_from_the_source_itself() -> None:
    assert matrix_questions(["real", "made"]) == [
        ("real", "base", "real"),
        ("real", "real", "made"),
        ("real", "real", "all"),
        ("made", "base", "made"),
        ("made", "made", "real"),
        ("made", "made", "all"),
    ]


def test_one_source_is_no_matrix(made: Path, tmp_path: Path) -> None:
    run = tmp_path / "run.yaml"
    run.write_text(yaml.safe_dump({"mix": [{"data": str(made / "real" / "data")}], "max_steps": 1}))
    one = toile("matrix", run, "--out", tmp_path / "m")
    assert one.exit_code == 1
    assert "at least two folders" in one.output
    run.write_text(yaml.safe_dump({"mix": [{"data": str(made / "real" / "data")}, {"data": "demo"}], "max_steps": 1}))
    spec = toile("matrix", run, "--out", tmp_path / "m")
    assert spec.exit_code == 1
    assert "no test rows" in spec.output
