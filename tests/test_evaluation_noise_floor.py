"""The noise floor: which rows are asked once more, how, and what is said of it."""

from pathlib import Path

import pytest

from evaluation import noise_floor
from evaluation.evaluation_run import evaluate
from evaluation.rows import Rows, read_rows
from schemas.evaluation import EvaluationSpec
from schemas.product import Product
from schemas.result import Noise
from tests.shard_fixture import in_split, products, table_model, write_shards
from tests.test_evaluation_running import SPEC, MoodyModel, candidate


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    made = [*in_split(products(37)), *in_split(products(60)[37:], "train")]
    return read_rows(write_shards(tmp_path / "data", made), EvaluationSpec())


def test_the_noise_floor_is_the_share_of_answers_that_change_alone(tmp_path: Path, rows: Rows) -> None:
    moody = evaluate(candidate(MoodyModel()), rows.folder, tmp_path / "moody", SPEC)
    assert moody.noise == Noise(rows=8, flips=8, rate=1.0)
    assert any("8 of 8 answers (100.0 %) change when asked alone" in note for note in moody.notes)
    steady = evaluate(candidate(table_model(rows.products)), rows.folder, tmp_path / "steady", SPEC)
    assert steady.noise == Noise(rows=8, flips=0, rate=0.0)
    assert not any("asked alone" in note for note in steady.notes)
    off = evaluate(candidate(MoodyModel()), rows.folder, tmp_path / "off", SPEC, noise_check=False)
    assert off.noise is None
    assert any("--no-noise-check" in note for note in off.notes)
    assert not (tmp_path / "off" / "noise.jsonl").exists()


def test_rows_are_asked_again_one_at_a_time_and_once_only(tmp_path: Path, rows: Rows) -> None:
    model = table_model(rows.products)
    out = tmp_path / "out"
    evaluate(candidate(model), rows.folder, out, SPEC)
    assert model.batches == [4] * 9 + [2] + [1] * 8
    (out / "result.json").unlink()
    log = (out / "noise.jsonl").read_bytes()
    (out / "noise.jsonl").write_bytes(b"".join(log.splitlines(keepends=True)[:5]))
    again = table_model(rows.products)
    evaluate(candidate(again), rows.folder, out, SPEC)
    assert again.batches == [1] * 3
    assert (out / "noise.jsonl").read_bytes() == log


@pytest.mark.parametrize(("number", "asked"), [(3, 3), (8, 8), (100, 8), (161, 9), (1000, 50), (9000, 200)])
def test_five_percent_of_the_rows_are_asked_again(number: int, asked: int) -> None:
    made = [
        Product(product_code=str(code), family=str(code), split="test", source="s", inferable=True)
        for code in range(number)
    ]
    whole = Rows(folder=Path(), num_rows=number, products=tuple(made), skipped=(), sizes={}, mean_colour=(0, 0, 0))
    drawn = [product.product_code for product in noise_floor.sample(whole, seed=0).products]
    assert len(drawn) == asked
    assert drawn == sorted(drawn, key=int), "in the order of the rows"
    assert asked == number or drawn != [product.product_code for product in noise_floor.sample(whole, seed=1).products]
