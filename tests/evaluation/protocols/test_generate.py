"""From rows to predictions: what is asked, with which image, once each, also after a kill."""

import io
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from evaluation import predict
from evaluation.models.base import Generated
from evaluation.protocols.generate import blank_image, shuffled_pairs
from evaluation.rows import NO_IMAGE, Rows, missing_part, read_rows, train_rows
from schemas.answer import PROMPT
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec, read_predictions
from schemas.product import Product, split_of
from tests.helpers.shard_fixture import colour_of, image_bytes, in_split, products, table_model, truth, write_shards


def rows_of(folder: Path, rows: Sequence[Product]) -> Rows:
    return read_rows(write_shards(folder, rows), EvaluationSpec())


def test_every_product_is_asked_about_under_every_control(tmp_path: Path) -> None:
    rows = in_split(products(21))
    model = table_model(rows, otherwise="blank it is")
    found = predict(model, rows_of(tmp_path, rows), tmp_path / "p.jsonl", EvaluationSpec())
    assert [(p.control, p.product_code) for p in found] == [
        (control, row.product_code) for control in ("none", "blank", "shuffled") for row in rows
    ]
    by_code = {row.product_code: row for row in rows}
    for prediction in found:
        row = by_code[prediction.product_code]
        assert (prediction.family, prediction.split, prediction.source) == (row.family, "test", "test")
        match prediction.control:
            case "none":
                assert (prediction.shown, prediction.answer) == (row.product_code, truth(row))
            case "blank":
                assert (prediction.shown, prediction.answer) == (None, "blank it is")
            case "shuffled":
                assert prediction.shown is not None
                assert by_code[prediction.shown].family != row.family
                assert prediction.answer == truth(by_code[prediction.shown])
    assert model.prompts == {PROMPT}


def test_each_image_is_put_before_the_model_once(tmp_path: Path) -> None:
    rows = in_split(products(21))
    rows[0] = replace(rows[0], image=image_bytes(rows[0].product_code, (80, 60)))
    model = table_model(rows)
    predict(model, rows_of(tmp_path, rows), tmp_path / "p.jsonl", EvaluationSpec(batch_size=4))
    assert sum(model.batches) == 21 + 2, "21 images, and a blank one of each of two sizes"
    assert max(model.batches) == 4


def test_only_the_controls_asked_for_are_run(tmp_path: Path) -> None:
    rows = in_split(products(5))
    found = predict(table_model(rows), rows_of(tmp_path, rows), tmp_path / "p.jsonl", EvaluationSpec(controls=()))
    assert {prediction.control for prediction in found} == {"none"}


class MoodyModel:
    """Answers depend on the whole batch, as in low precision; dies after some calls."""

    def __init__(self, calls: int) -> None:
        self.calls = calls

    def generate(self, images: Sequence[Image.Image], prompts: Sequence[str]) -> list[Generated]:
        if self.calls == 0:
            raise KeyboardInterrupt
        self.calls -= 1
        mood = sum(value for seen in images for value in seen.tobytes()[:3])
        return [Generated(text=f"{mood}: {seen.getpixel((0, 0))}", truncated=False) for seen in images]


@pytest.mark.parametrize("torn", [0, 40])
@pytest.mark.parametrize("calls", [1, 3])
def test_a_killed_run_continues_to_the_same_bytes(tmp_path: Path, calls: int, torn: int) -> None:
    rows = rows_of(tmp_path, in_split(products(25)))
    spec = EvaluationSpec(batch_size=4)
    whole, broken = tmp_path / "whole.jsonl", tmp_path / "broken.jsonl"
    expected = predict(MoodyModel(100), rows, whole, spec)
    with pytest.raises(KeyboardInterrupt):
        predict(MoodyModel(calls), rows, broken, spec)
    broken.write_bytes(broken.read_bytes()[: -torn or None])
    assert 0 < len(read_predictions(broken)) < len(expected)
    assert predict(MoodyModel(100), rows, broken, spec) == expected
    assert broken.read_bytes() == whole.read_bytes()


def test_a_finished_file_asks_nothing_again(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, in_split(products(9)))
    first = predict(MoodyModel(100), rows, tmp_path / "p.jsonl", EvaluationSpec())
    assert predict(MoodyModel(0), rows, tmp_path / "p.jsonl", EvaluationSpec()) == first


def test_a_single_row_has_no_shuffled_control(tmp_path: Path) -> None:
    rows = in_split(products(1))
    found = predict(table_model(rows), rows_of(tmp_path, rows), tmp_path / "p.jsonl", EvaluationSpec())
    assert [prediction.control for prediction in found] == ["none", "blank"]


@given(st.lists(st.integers(0, 12), min_size=2, max_size=40), st.integers(0, 5))
def test_partners_are_a_derangement_that_avoids_the_family_while_it_can(families: list[int], seed: int) -> None:
    rows = [
        Product(product_code=str(i), family=str(f), split="test", source="s", inferable=True)
        for i, f in enumerate(families)
    ]
    partner = shuffled_pairs(rows, seed)
    assert sorted(partner) == sorted(partner.values()) == sorted(row.product_code for row in rows)
    assert all(code != other for code, other in partner.items())
    if 2 * max(families.count(f) for f in families) <= len(families):
        assert all(families[int(code)] != families[int(other)] for code, other in partner.items())
    assert partner == shuffled_pairs(random.Random(seed).sample(rows, len(rows)), seed), "row order does not matter"


def test_partners_change_with_the_seed() -> None:
    rows = products(50)
    assert shuffled_pairs(rows, 0) != shuffled_pairs(rows, 1)


def test_the_blank_image_has_the_mean_colour_and_the_size_of_the_true_one(tmp_path: Path) -> None:
    rows = in_split(products(12))
    seen = rows_of(tmp_path, rows)
    colours = [colour_of(row.product_code) for row in rows]
    assert seen.mean_colour == tuple(round(sum(c[i] for c in colours) / 12) for i in range(3))
    assert seen.sizes[rows[0].product_code] == (24, 32)
    assert blank_image((24, 32), seen.mean_colour).getcolors() == [(24 * 32, seen.mean_colour)]
    assert rows_of(tmp_path / "none", in_split(rows, "train")).mean_colour == (128, 128, 128)


def test_rows_that_cannot_be_evaluated_are_listed_with_their_reason(tmp_path: Path) -> None:
    rows = in_split(products(8))
    faults: list[dict[str, object]] = [
        {"title": None},
        {"category3_code": None},
        {"full_price": None},
        {"full_price": 0.0},
        {"image": None},
    ]
    broken = [replace(row, **fault) for row, fault in zip(rows, faults, strict=False)]  # type: ignore[arg-type]
    found = rows_of(tmp_path, [*broken, *rows[5:]])
    assert [one.reason for one in found.skipped] == ["no title", "no category", "no price", "no price", NO_IMAGE]
    assert [one.product_code for one in found.skipped] == [row.product_code for row in rows[:5]]
    assert (found.num_rows, len(found.products)) == (8, 3)
    assert all(missing_part(product) is None for product in found.products)


def test_a_limit_draws_the_same_rows_again_and_a_larger_one_keeps_them(tmp_path: Path) -> None:
    write_shards(tmp_path, in_split(products(400)))

    def codes(limit: int | None, seed: int = 0) -> list[str]:
        return [p.product_code for p in read_rows(tmp_path, EvaluationSpec(limit=limit, seed=seed)).products]

    assert codes(None) == sorted(codes(None))
    assert len(codes(30)) == 30
    assert codes(30) == codes(30) == sorted(codes(30))
    assert set(codes(30)) < set(codes(90)) < set(codes(None))
    assert codes(30) != codes(30, seed=1)
    assert codes(30) != codes(None)[:30], "a sample, not the head of the file"
    assert codes(1000) == codes(None)


def test_only_the_rows_of_the_split_are_evaluated(tmp_path: Path) -> None:
    rows = products(60)
    found = rows_of(tmp_path, rows)
    assert {p.product_code for p in found.products} == {r.product_code for r in rows if split_of(r.family) == "test"}
    assert {p.product_code for p in train_rows(tmp_path)} == {r.product_code for r in rows if r.split == "train"}


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((300, 200), 80).convert("RGB").save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize("damaged", [jpeg()[:9000], image_bytes("1")[:60], b"no image", jpeg()[:20]])
def test_a_damaged_image_is_named_with_shard_and_code_before_the_model_starts(tmp_path: Path, damaged: bytes) -> None:
    rows = in_split(products(6))
    rows[3] = replace(rows[3], image=damaged)
    with pytest.raises(ToileError, match="the image is ") as caught:
        rows_of(tmp_path, rows)
    assert "test-00000-of-00001.parquet" in caught.value.where
    assert rows[3].product_code in caught.value.where


def test_a_repeated_code_is_refused(tmp_path: Path) -> None:
    rows = in_split(products(3))
    with pytest.raises(ToileError, match="appears twice"):
        rows_of(tmp_path, [*rows, rows[0]])


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1"])
def test_images_of_any_mode_reach_the_model_as_rgb(tmp_path: Path, mode: str) -> None:
    file = io.BytesIO()
    Image.new(mode, (9, 7)).save(file, "TIFF" if mode == "CMYK" else "PNG")
    row = replace(in_split(products(1))[0], image=file.getvalue())
    modes: list[str] = []

    class Watching:
        def generate(self, images: Sequence[Image.Image], prompts: Sequence[str]) -> list[Generated]:
            modes.extend(seen.mode for seen in images)
            return [Generated(text="?", truncated=True) for _ in images]

    found = predict(Watching(), rows_of(tmp_path, [row]), tmp_path / "p.jsonl", EvaluationSpec())
    assert set(modes) == {"RGB"}
    assert found[0].truncated
