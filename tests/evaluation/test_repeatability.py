"""Batch-size repeatability and throughput in a result."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from evaluation.models.base import Generated
from evaluation.rows import Rows, read_rows
from evaluation.run import evaluate, sample_repeated_rows
from schemas.evaluation import EvaluationSpec
from schemas.product import Product
from schemas.result import Noise
from tests.evaluation.test_run import SPEC, MoodyModel, candidate
from tests.helpers.shard_fixture import TableModel, in_split, products, table_model, write_shards

pytestmark = pytest.mark.usefixtures("few_resamples")


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    made = [*in_split(products(37)), *in_split(products(60)[37:], "train")]
    return read_rows(write_shards(tmp_path / "data", made), EvaluationSpec())


def test_repeatability_is_the_share_of_changed_answers(tmp_path: Path, rows: Rows) -> None:
    moody = evaluate(candidate(MoodyModel()), rows.folder, tmp_path / "moody", SPEC)
    assert moody.noise == Noise(rows=8, flips=8, rate=1.0)
    assert any("8 of 8 answers (100.0 %) change when asked at batch size 1" in note for note in moody.notes)
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
    sampled, other = (
        [product.product_code for product in sample_repeated_rows(whole, seed=seed).products] for seed in (0, 1)
    )
    assert len(sampled) == asked
    assert sampled == sorted(sampled, key=int), "in the order of the rows"
    assert asked == number or sampled != other


def test_throughput_counts_the_last_start_only(tmp_path: Path, rows: Rows) -> None:
    class Counting(TableModel):
        new_tokens = 0

        def generate(self, images: Sequence[Image.Image], prompts: Sequence[str]) -> list[Generated]:
            self.new_tokens += 10 * len(images)
            return super().generate(images, prompts)

    out = tmp_path / "out"
    first = evaluate(candidate(Counting({})), rows.folder, out, SPEC).throughput
    assert first is not None
    assert first.rows == 37
    assert set(first.seconds) == {"load", "answer", "score"}
    assert first.rows_per_second == pytest.approx(37 / first.seconds["answer"], rel=1e-3)
    assert first.new_tokens_per_second == pytest.approx(38 * 10 / first.seconds["answer"], rel=1e-3)
    (out / "result.json").unlink()
    second = evaluate(candidate(Counting({})), rows.folder, out, SPEC).throughput
    assert second is not None
    assert (second.rows, second.rows_per_second, second.new_tokens_per_second) == (0, None, None)
