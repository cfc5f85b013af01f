"""Files of an evaluation and a comparison as written once: they stay readable, and score the same.

Made by `python -m tests.evaluation.test_golden`; a change of these files is a change of a contract.
"""

import contextlib
import functools
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from evaluation import compare, score
from evaluation.models.base import ModelUnderTest
from evaluation.run import evaluate
from schemas.answer import render
from schemas.evaluation import EvaluationSpec, read_predictions
from schemas.product import Product
from schemas.result import document_of, read_comparison, read_result
from tests.helpers.shard_fixture import TableModel, in_split, products, table_model, truth, write_shards

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "evaluation"
SPEC = EvaluationSpec(controls=("blank",), min_category_rows=5)


def rows() -> list[Product]:
    return [*in_split(products(14, 1, ("Bags", "Belts"))), *in_split(products(20, 1, ("Bags", "Belts"))[14:], "train")]


def answers() -> dict[str, str]:
    """One answer of each sort, then perfect ones."""
    made = rows()
    texts = [
        "A nice bag.",
        "**Product**: x, **Category**: bags, **Price**: $1,290.00",
        '{"title": "y", "category": "Hats", "price": -3}',
        "Category: Belts",
        render(made[4].title or "", "Belts", 1.0),
        truth(made[5]) + " and more",
    ]
    return {row.product_code: text for row, text in zip(made, texts, strict=False)}


def make(folder: Path) -> None:
    """Write `base`, `tuned` and `comparison` under `folder`."""
    data = write_shards(folder / "data", rows())
    written = answers()
    texts = {
        "base": {row.product_code: written.get(row.product_code, "?") for row in rows()},
        "tuned": {row.product_code: written.get(row.product_code, truth(row)) for row in rows()},
    }
    for name, of_side in texts.items():
        load = functools.partial(_model, of_side)
        candidate = ModelUnderTest(model=name, adapter=None, device="cpu", dtype="float32", load=load)
        evaluate(candidate, data, folder / name, SPEC)
    compare(folder / "base", folder / "tuned", folder / "comparison")


def _model(of_side: dict[str, str]) -> TableModel:
    return table_model(rows(), lambda row: of_side[row.product_code])


def same(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    """Equal names and, to five digits, figures; bootstrap limits may follow numpy's streams."""
    assert len(found) == len(expected)
    for row, old in zip(found, expected, strict=True):
        loose = {"low", "high"} if old["metric"] == "price_median_ape" and "p_holm" in old else set()
        assert row.keys() == old.keys()
        for key in old.keys() - loose:
            wanted = pytest.approx(old[key], rel=1e-5, abs=1e-9) if isinstance(old[key], float) else old[key]
            assert row[key] == wanted, (old, key)


def test_written_files_stay_readable() -> None:
    result, comparison = read_result(GOLDEN), read_comparison(GOLDEN)
    assert result.inputs.spec == SPEC
    assert comparison.tuned.inputs == result.inputs
    assert len(read_predictions(GOLDEN / "predictions.jsonl")) == 2 * result.counts.evaluated


def test_written_predictions_score_the_same() -> None:
    judged = [row for row in rows() if row.split == "test"]
    train = [row for row in rows() if row.split == "train"]
    touched = read_result(GOLDEN).touched
    assert touched == ("10000013",), "one family reaches into the train split"
    scores = score(judged, read_predictions(GOLDEN / "predictions.jsonl"), SPEC, train, touched)
    same(document_of(scores), json.loads((GOLDEN / "result.json").read_text())["scores"])


def test_today_the_same_differences_are_written(tmp_path: Path) -> None:
    make(tmp_path)
    written = json.loads((tmp_path / "comparison" / "comparison.json").read_text())["scores"]
    same(written, json.loads((GOLDEN / "comparison.json").read_text())["scores"])


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        make(Path())
        for source in ("tuned/predictions.jsonl", "tuned/result.json", "comparison/comparison.json"):
            shutil.copy(source, GOLDEN / Path(source).name)
