"""The whole thread on a small scale, by the commands a user types; at full size under the mark `slow`."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from finetune.run_dir import load_run
from schemas.product import read
from schemas.result import read_comparison, read_result
from toile.cli import main

SHARED = Path(__file__).parents[3] / "shared" / "real" / "studio100"


def run(*command: str) -> str:
    """The stdout of a toile command that must succeed."""
    shown = CliRunner().invoke(main, list(command), catch_exceptions=False)
    assert shown.exit_code == 0, shown.output
    return shown.stdout


def score(folder: Path, file: str = "result.json", **wanted: Any) -> dict[str, Any]:
    """The one score row of a result that has these values; of the model unless a baseline is named."""
    wanted.setdefault("baseline", None)
    scores = json.loads((folder / file).read_text())["scores"]
    found = [row for row in scores if all(row.get(key) == value for key, value in wanted.items())]
    assert len(found) == 1, found
    row: dict[str, Any] = found[0]
    return row


@pytest.fixture(scope="module")
def demo(short_answers: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo so small that it learns little, but leaves every file."""
    out = tmp_path_factory.mktemp("thread") / "demo"
    run("demo", "--out", str(out), "--num-products", "150", "--max-steps", "4", "--workers", "1")
    return out


def test_the_demo_leaves_every_file_that_was_promised(demo: Path) -> None:
    for name in (
        "catalog/manifest.json",
        "catalog/README.md",
        "run.yaml",
        "checkpoint/model.safetensors",
        "report.html",
    ):
        assert (demo / name).is_file(), name
    for folder in ("base", "tuned"):
        read_result(demo / folder)
        assert (demo / folder / "report.html").is_file()
    read_comparison(demo / "comparison")
    assert load_run(demo / "checkpoint" / "run.json").finished


def test_every_usable_test_row_is_in_the_scores(demo: Path) -> None:
    rows = list(read(demo / "catalog", split="test"))
    usable = [row for row in rows if row.title and row.category3_code and row.full_price]
    row = score(demo / "tuned", control="none", rows="all", category=None, metric="joint")
    assert row["n"] == len(usable)


def test_the_demo_again_has_nothing_to_do(demo: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in demo.rglob("*.safetensors")}
    run("demo", "--out", str(demo), "--num-products", "150", "--max-steps", "4")
    assert {path: path.stat().st_mtime_ns for path in demo.rglob("*.safetensors")} == before


def test_another_demo_in_the_folder_is_refused(demo: Path) -> None:
    shown = CliRunner().invoke(main, ["demo", "--out", str(demo), "--num-products", "151"])
    assert shown.exit_code == 1
    assert "other inputs" in shown.stderr


def test_force_never_touches_a_strangers_folder(tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / "mine.txt").write_text("years of work")
    (tmp_path / "run.yaml").write_text("mine: too")
    shown = CliRunner().invoke(main, ["demo", "--out", str(tmp_path), "--force", "--num-products", "60"])
    assert shown.exit_code == 1
    assert (tmp_path / "catalog" / "mine.txt").read_text() == "years of work"
    assert (tmp_path / "run.yaml").read_text() == "mine: too"


@pytest.mark.slow
def test_files_named_like_the_presets_do_not_disturb_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("demo", "demo-run"):
        (tmp_path / name).write_text("not yours")
    run("demo", "--out", "out", "--num-products", "60", "--max-steps", "1", "--workers", "1")
    assert (tmp_path / "out" / "report.html").is_file()


def test_a_folder_named_like_a_preset_does_not_hide_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").mkdir()
    run("generate", "demo", "--no-images", "--num-products", "5", "--out", "rows")


def test_a_lora_adapter_goes_through_the_thread(demo: Path, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("mix: [{data: catalog}]\nmax_steps: 2\nbatch_size: 4\nlora: {rank: 2}\n")
    shutil.copytree(demo / "catalog", tmp_path / "catalog")
    run("train", str(tmp_path / "run.yaml"), "--out", str(tmp_path / "adapter"), "--device", "cpu")
    model = ["--model", "tiny", "--data", str(tmp_path / "catalog"), "--limit", "3", "--device", "cpu"]
    run("evaluate", *model, "--out", str(tmp_path / "base"))
    run("evaluate", *model, "--adapter", str(tmp_path / "adapter"), "--out", str(tmp_path / "tuned"))
    run("compare", str(tmp_path / "base"), str(tmp_path / "tuned"), "--out", str(tmp_path / "comparison"))
    assert (tmp_path / "comparison" / "report.html").is_file()


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real photographs are not here")
def test_the_thread_runs_on_a_mix_with_real_photographs(demo: Path, tmp_path: Path) -> None:
    real = ["--images", str(SHARED), "--currency", "USD", "--rate", "0.012", "--out", str(tmp_path / "real")]
    run("import", str(SHARED / "products.csv"), *real)
    shutil.copytree(demo / "catalog", tmp_path / "catalog")
    (tmp_path / "run.yaml").write_text(
        "mix:\n  - {data: real, weight: 1}\n  - {data: catalog, weight: 3}\n"
        "max_steps: 3\nmethod: full\nbatch_size: 8\noptimiser: {learning_rate: 1e-3}\n"
    )
    run("train", str(tmp_path / "run.yaml"), "--out", str(tmp_path / "checkpoint"), "--device", "cpu")
    record = json.loads((tmp_path / "checkpoint" / "run.json").read_text())
    assert len(record["num_examples"]) == 2
    for data in ("real", "catalog"):
        where = ["--data", str(tmp_path / data), "--out", str(tmp_path / f"on-{data}")]
        run("evaluate", "--model", str(tmp_path / "checkpoint"), *where, "--device", "cpu")
        usable = [r for r in read(tmp_path / data, split="test") if r.title and r.category3_code and r.full_price]
        row = score(tmp_path / f"on-{data}", control="none", rows="all", category=None, metric="category")
        assert row["n"] == len(usable) > 0


@pytest.mark.slow
def test_the_demo_shows_a_model_that_reads_pictures(tmp_path: Path) -> None:
    """The promise of `make demo`: category at least 80 %, blank near the majority, price clearly above its baseline."""
    out = tmp_path / "demo"
    subprocess.run([sys.executable, "-m", "toile", "demo", "--out", str(out)], check=True)
    inferable: dict[str, Any] = {"rows": "inferable", "category": None}
    category = score(out / "tuned", control="none", metric="category", **inferable)
    assert category["n"] >= 200
    assert category["value"] >= 0.80
    majority = score(out / "tuned", baseline="majority-category", metric="category", **inferable)
    blank = score(out / "tuned", control="blank", metric="category", **inferable)
    assert abs(blank["value"] - majority["value"]) < 0.1
    price = score(out / "tuned", control="none", metric="price", **inferable)
    median = score(out / "tuned", baseline="category-median", metric="price", **inferable)
    assert price["low"] > median["value"]
    assert score(out / "base", control="none", metric="joint", **inferable)["value"] < 0.05
