"""Baselines: frequencies of the train split, the model's own categories, and the nearest image."""

import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation import score
from evaluation.metrics.baselines import (
    NEAREST_IMAGE,
    find_nearest_answers,
    fit_baselines,
    fit_frequencies,
    image_features,
    make_baselines,
    sample_train_images,
)
from schemas.answer import parse, render
from schemas.product import Product
from tests.evaluation.metrics.test_scores import answered, find, mixed
from tests.helpers.shard_fixture import in_split, products, truth, write_shards


def image_of(colour: tuple[int, int, int], stripes: int = 0, form: str = "PNG", px: int = 48) -> bytes:
    pixels = np.full((px, px, 3), colour, np.uint8)
    if stripes > 0:
        pixels[np.arange(px) // stripes % 2 == 1] = 255
    elif stripes < 0:
        pixels[:, np.arange(px) // -stripes % 2 == 1] = 255
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form)
    return file.getvalue()


def seen(rows: Sequence[Product], images: Sequence[bytes]) -> list[Product]:
    return [dataclasses.replace(row, image=image) for row, image in zip(rows, images, strict=True)]


def named(
    rows: Sequence[Product], name: str, answered: dict[str, str | None] | None = None, seed: int = 0
) -> list[str]:
    """The answers of one baseline, fitted on `rows` and asked about them."""
    habits = fit_frequencies(rows)
    assert habits is not None
    found = next(b for b in make_baselines(habits, answered or {}, seed) if b.name == name)
    return [found.answer(row) for row in rows]


def test_the_prior_answers_categories_with_their_shares() -> None:
    rows = mixed({"A": 600, "B": 300, "C": 100})
    found = [parse(text).category for text in named(rows, "category-prior")]
    shares = [found.count(name) / 1000 for name in "ABC"]
    assert shares == pytest.approx([0.6, 0.3, 0.1], abs=0.05)
    assert found == [parse(text).category for text in named(rows, "category-prior")]
    assert found != [parse(text).category for text in named(rows, "category-prior", seed=1)]
    right = np.mean([row.category3_code == name for row, name in zip(rows, found, strict=True)])
    assert right == pytest.approx(0.36 + 0.09 + 0.01, abs=0.05), "sampled independently of the row"


def test_titles_of_the_true_category_and_prices_of_the_predicted_one() -> None:
    rows = mixed({"A": 3, "B": 3})
    titles, prices = ["t", "t", "u", "v", "w", "w"], [10.0, 20.0, 30.0, 100.0, 200.0, 300.0]
    rows = [dataclasses.replace(r, title=t, full_price=p) for r, t, p in zip(rows, titles, prices, strict=True)]
    assert [parse(text).title for text in named(rows, "category-commonest-title")] == ["t"] * 3 + ["w"] * 3
    said: dict[str, str | None] = {row.product_code: name for row, name in zip(rows, ["A", "B", None], strict=False)}
    found = [parse(text).price for text in named(rows, "predicted-category-median", said)]
    assert found == [20.0, 200.0, 65.0, 65.0, 65.0, 65.0]
    unknown = dataclasses.replace(rows[0], category3_code="Z")
    habits = fit_frequencies(rows)
    assert habits is not None
    by_name = {b.name: b for b in make_baselines(habits, {}, 0)}
    assert parse(by_name["category-commonest-title"].answer(unknown)).title == "t"


def test_the_predicted_median_follows_the_models_answers() -> None:
    train = mixed({"A": 30, "B": 30})
    train = [dataclasses.replace(r, full_price=100.0 if r.category3_code == "A" else 900.0) for r in train]
    rows = mixed({"A": 20, "B": 20})
    rows = [dataclasses.replace(r, full_price=100.0 if r.category3_code == "A" else 900.0) for r in rows]
    always_a = [render("x", "A", 5.0)] * 40
    scores = score(rows, answered(rows, always_a), train=train)
    assert find(scores, "price", baseline="predicted-category-median").value == 0.5
    assert find(scores, "price", baseline="category-median").value == 1.0
    assert find(scores, "price_d2", baseline="category-median").value == 1.0
    perfect = score(rows, answered(rows, [truth(row) for row in rows]), train=train)
    assert find(perfect, "price", baseline="predicted-category-median").value == 1.0


def test_the_nearest_image_is_the_one_that_looks_the_same() -> None:
    colours = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30)]
    train = seen(products(4), [image_of(colour) for colour in colours])
    train = [dataclasses.replace(row, family=f"train-{i}") for i, row in enumerate(train)]
    near = [image_of((r - 20, g - 10, b - 5), form="JPEG", px=90) for r, g, b in colours[::-1]]
    asked = [dataclasses.replace(row, family=f"test-{i}") for i, row in enumerate(seen(products(4, 1), near))]
    found = find_nearest_answers(train, asked)
    assert [found[row.product_code] for row in asked] == [truth(row) for row in train[::-1]]


def test_edges_tell_what_colours_do_not() -> None:
    lying, standing = image_of((0, 0, 0), 3), image_of((0, 0, 0), -3)
    one, other = image_features(lying), image_features(standing)
    assert one is not None
    assert other is not None
    assert one.shape == (8 * 8 * 3 + 4 * 4 * 8,)
    assert np.abs(one[:192] - other[:192]).max() == 0, "the thumbnail averages the stripes"
    assert np.abs(one[192:] - other[192:]).max() > 1
    train = [dataclasses.replace(row, family=f"t{i}") for i, row in enumerate(seen(products(2), [lying, standing]))]
    asked = [dataclasses.replace(row, family="x") for row in seen(products(2, 3), [standing, lying])]
    assert list(find_nearest_answers(train, asked).values()) == [truth(train[1]), truth(train[0])]


def test_a_row_never_finds_itself_or_its_family() -> None:
    rows = seen(products(30), [image_of((i * 8, 255 - i * 8, i)) for i in range(30)])
    found = find_nearest_answers(rows, rows)
    family_of = {truth(row): row.family for row in rows}
    assert all(family_of[found[row.product_code]] != row.family for row in rows)


def test_broken_images_and_half_rows_are_passed_over() -> None:
    good, broken = seen(products(2), [image_of((9, 9, 9)), b"not an image"])
    unpriced = dataclasses.replace(good, full_price=None, product_code="u")
    other = dataclasses.replace(good, family="other", product_code="o")
    assert find_nearest_answers([broken, unpriced, good], [other, dataclasses.replace(broken, family="y")]) == {
        "o": truth(good)
    }
    assert find_nearest_answers([broken], [other]) == find_nearest_answers([good], []) == {}
    assert image_features(b"") is None


def test_fit_baselines_compares_a_bounded_sample_of_train_images(tmp_path: Path) -> None:
    train, test = in_split(products(60), "train"), in_split(products(80)[60:], "test")
    folder = write_shards(tmp_path, [*train, *test])
    without = [dataclasses.replace(row, image=None) for row in test]
    whole = fit_baselines(folder, without)
    assert whole is not None
    assert whole == fit_baselines(folder, test), "images are read where rows do not hold them"
    assert set(whole.nearest) == {row.product_code for row in test}
    assert set(whole.nearest.values()) <= {truth(row) for row in train}
    few = fit_baselines(folder, test, max_images=5)
    assert few is not None
    assert len(set(few.nearest.values())) <= 5
    assert few.nearest == fit_baselines(folder, test[::-1], max_images=5).nearest  # type: ignore[union-attr]
    assert (few.num_rows, few.median_price) == (whole.num_rows, whole.median_price)
    sampled = [row.product_code for row in sample_train_images(folder, 5)]
    assert sampled == [row.product_code for row in train if row.product_code in set(sampled)]
    assert len(sampled) == 5


def test_without_images_or_train_rows_there_is_no_nearest_image(tmp_path: Path) -> None:
    rows = [dataclasses.replace(row, image=None) for row in in_split(products(20))]
    scores = score(rows, answered(rows, [truth(row) for row in rows]), train=in_split(products(20, 1), "train"))
    assert NEAREST_IMAGE not in {s.baseline for s in scores}
    assert fit_baselines(write_shards(tmp_path, in_split(products(5))), rows) is None


def test_a_copy_in_the_train_split_shows_in_the_nearest_image() -> None:
    train = in_split(products(50), "train")
    copies = [
        dataclasses.replace(row, split="test", family=f"c{i}", product_code=f"c{i}") for i, row in enumerate(train)
    ]
    scores = score(copies, answered(copies, ["?"] * 50), train=train)
    assert find(scores, "joint", baseline=NEAREST_IMAGE).value == 1.0
    assert find(scores, "title_exact", baseline=NEAREST_IMAGE).value == 1.0
