"""Run every example at a small size; it writes what its docstring says."""

import ast
import importlib.util
import json
import os
import re
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))


def load_example(name: str) -> ModuleType:
    """Load the script as a module; it does nothing until its `main` is called."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use one process: a few products render faster without starting others."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0}, raising=False)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_example_has_docstrings_and_annotations(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert f"python examples/{path.name} " in (ast.get_docstring(tree) or "")
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert ast.get_docstring(functions["main"])
    assert all(argument.annotation for argument in functions["main"].args.args)
    assert len(path.read_text().splitlines()) <= 220


def test_list_of_examples_is_complete() -> None:
    listed = re.findall(r"\]\((\w+\.py)\)", (EXAMPLES / "README.md").read_text())
    assert sorted(listed) == [path.name for path in SCRIPTS]


def test_eight_products(tmp_path: Path) -> None:
    load_example("eight_products").main(tmp_path / "eight.jpg")
    with Image.open(tmp_path / "eight.jpg") as sheet:
        assert sheet.size == (4 * 336, 2 * (336 + 58))


def test_pipeline_example(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load_example("test_a_pipeline").main(tmp_path, num_products=120, image_size=32)
    shown = capsys.readouterr().out
    found = pd.read_csv(tmp_path / "found.csv", dtype=str)
    truth = pd.read_parquet(tmp_path / "faulty" / "extra" / "faults.parquet")
    assert "rows named" in shown
    caught = truth["product_code"].isin(found["product_code"])
    assert caught.mean() > 0.75
    assert found["product_code"].isin(truth["product_code"]).mean() > 0.75
    right = truth.merge(found, on=["product_code", "kind"])
    for kind in ("missing-title", "missing-picture", "duplicate", "mojibake", "cmyk-picture", "currency-slip"):
        assert (right["kind"] == kind).sum() == (truth["kind"] == kind).sum(), kind


def test_pipeline_checks_read_only_shop_columns() -> None:
    columns = set(load_example("test_a_pipeline").COLUMNS)
    assert not columns & {"family", "split", "source", "inferable", "attributes"}


def test_load_test_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load_example("load_test_training").main(tmp_path, loaders=(0,), num_steps=2, batch_size=4)
    figures = json.loads((tmp_path / "throughput-0-loaders.json").read_text())
    assert figures["num_steps"] == 2
    assert figures["samples_per_second"] > 0
    assert 0 < figures["waiting_share"] < 1
    assert re.search(r"0 loaders: +[\d.]+ samples/s, +\d+% of the time waiting for data", capsys.readouterr().out)


def test_compare_fine_tunes(short_answers: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load_example("compare_fine_tunes").main(tmp_path, num_real=60, num_synthetic=30, num_steps=2, limit=3)
    shown = capsys.readouterr().out
    assert "synthetic-only -> mixed" in shown
    mixed = json.loads((tmp_path / "models" / "mixed" / "run.json").read_text())
    assert len(mixed["num_examples"]) == 2
    compared = json.loads((tmp_path / "comparison" / "comparison.json").read_text())
    assert compared["scores"]
    assert (tmp_path / "comparison" / "report.html").is_file()


def test_privacy_safe_twin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load_example("privacy_safe_twin").main(tmp_path, num_real=3000, num_twin=1500)
    shown = capsys.readouterr().out
    spent = [float(cost) for cost in re.findall(r"^  (?!total).*epsilon ([\d.]+)", shown, re.MULTILINE)]
    assert len(spent) > 5
    assert sum(spent) == pytest.approx(1.0, abs=0.01)
    distance = re.search(r"total variation of category shares: ([\d.]+)%", shown)
    assert distance is not None
    assert float(distance[1]) < 25
    real = set(pd.read_parquet(tmp_path / "real" / "data", columns=["product_code"])["product_code"])
    twin = set(pd.read_parquet(tmp_path / "twin" / "data", columns=["product_code"])["product_code"])
    assert real
    assert len(twin) == 1500
