"""Counterfactual images: models of known sensitivity are measured correctly."""

import dataclasses
import functools
import json
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from evaluation.analysis.counterfactual import (
    compute_sensitivities,
    compute_sensitivity,
    evaluate_counterfactuals,
    sample_pairs,
    weighted_slope,
)
from evaluation.models.base import Generated, ModelUnderTest
from evaluation.rows import ENCODED_FILE
from generator.catalog.shards import GenerateInputs, write_shards
from generator.sampling.counterfactuals import make_renderer, render_product
from generator.sampling.products import products
from schemas.answer import render
from schemas.counterfactual import (
    NUISANCE,
    Counterfactual,
    Figure,
    Pair,
    Redrawn,
    Sensitivity,
    read_counterfactual,
)
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec
from schemas.product import Product, read
from schemas.validation import from_document
from tests.helpers.shard_fixture import products as imported_products
from tests.helpers.shard_fixture import write_shards as write_imported
from toile.cli import main

SPEC = EvaluationSpec(controls=(), limit=130)
Answer = Callable[[Product, float], str]
"""(rendered product, its price before snapping to legal prices) -> answer."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, demo_document: dict[str, Any]) -> Path:
    """A catalog with some 130 test rows; the others have no images, because no test needs them."""
    spec = from_document(demo_document, "catalog")
    rows = [
        render_product(product, 48) if product.split == "test" else product for product in products(spec, 4, 0, 1300)
    ]
    inputs = {"spec_document": demo_document, "image_size": 48}
    folder = write_imported(tmp_path_factory.mktemp("counterfactual") / "shop", rows, inputs)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"kind": "generate"}))
    return folder


@functools.cache
def render_once(data: Path) -> Callable[[Product], Redrawn]:
    """Return a renderer with a cache: rendering takes most of the time, and many models see the same images."""
    redraw = make_renderer(data, SPEC.seed)
    known: dict[str, Redrawn] = {}

    def render(product: Product) -> Redrawn:
        if product.product_code not in known:
            known[product.product_code] = redraw(product)
        return known[product.product_code]

    return render


class Table:
    """Answers by the image file it sees, by a table of the rendered images."""

    def __init__(self, data: Path, answer: Answer) -> None:
        self.answer, self.asked, self.patience = answer, 0, math.inf
        self.rendered: dict[bytes | None, tuple[Product, float]] = {}
        self._redraw = render_once(data)

    def redraw(self, product: Product) -> Redrawn:
        found = self._redraw(product)
        price = found.original.full_price or 0.0
        self.rendered[found.original.image] = (found.original, price)
        for change in found.changes:
            self.rendered[change.product.image] = (change.product, price * math.exp(change.log_change))
        return found

    def generate(self, images: Sequence[Image.Image], prompts: Sequence[str]) -> list[Generated]:
        if self.asked >= self.patience:
            raise KeyboardInterrupt
        self.asked += len(images)
        return [
            Generated(text=self.answer(*self.rendered[image.info[ENCODED_FILE]]), truncated=False) for image in images
        ]


def measured(data: Path, out: Path, answer: Answer) -> dict[str, Sensitivity]:
    return {row.attribute: row for row in started(Table(data, answer), data, out).sensitivities}


def started(table: Table, data: Path, out: Path, *, force: bool = False) -> Counterfactual:
    candidate = ModelUnderTest(model="table", adapter=None, device="cpu", dtype="none", load=lambda: table)
    return evaluate_counterfactuals(candidate, data, out, SPEC, redraw=table.redraw, force=force, quiet=True)


def perfect(product: Product, price: float) -> str:
    return render(product.title or "", product.category3_code or "", price)


def blind(product: Product, price: float) -> str:
    return render("Cotton Shirt", "SHIRTS", 390.0)


def fooled_by_colour(product: Product, price: float) -> str:
    colour = (product.attributes or {})["colour"]
    return render(product.title or "", f"CATEGORY {colour}", 300.0 + int(colour[1:], 16) % 97)


def toile(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def pair(**changes: Any) -> Pair:
    plain: dict[str, Any] = {
        "product_code": "1",
        "family": "f",
        "attribute": "material",
        "old": "wool",
        "new": "silk",
        "log_change": 0.5,
        "steps": True,
        "answered_log_change": 0.5,
        "category_moved": False,
        "title_names": True,
    }
    return Pair(**plain | changes)


def many(num: int, **changes: Any) -> list[Pair]:
    return [pair(product_code=str(number), family=str(number), **changes) for number in range(num)]


def test_a_model_that_knows_the_prices_has_slope_one_and_keeps_the_category(shop: Path, tmp_path: Path) -> None:
    found = measured(shop, tmp_path / "out", perfect)
    for name in ("material", "pattern"):
        row = found[name]
        assert row.enough
        assert row.slope.value == pytest.approx(1, abs=1e-4)
        assert row.direction.value == 1
        assert row.direction.low is not None
        assert row.direction.low > 0.8
        assert row.title_names.value == 1
        assert f"price follows {name}: slope 1" in row.sentences[1]
    for name in ("colour", NUISANCE):
        assert found[name].slope == Figure(n=0, families=0, value=None, low=None, high=None)
        assert found[name].false_movement.value == 0
    for row in (row for row in found.values() if row.enough):
        assert row.category_moved.value == 0
        assert row.category_moved.high is not None
        assert 0 < row.category_moved.high < 0.2, "no move seen is not no move"
        assert row.unread.value == 0
        name = "another shot (camera, light, folds)" if row.attribute == NUISANCE else row.attribute
        assert row.sentences[0].startswith(f"category moves with {name} in 0 % (0 to ")


def test_a_blind_model_has_slope_zero(shop: Path, tmp_path: Path) -> None:
    found = measured(shop, tmp_path / "out", blind)
    for name in ("material", "pattern"):
        assert found[name].slope.value == 0
        assert found[name].direction.value == 0
        assert f"price is not seen to follow {name}: slope 0" in found[name].sentences[1]
    assert found["material"].category_moved.value == 0
    assert found["material"].title_names.value is not None
    assert found["material"].title_names.value < 0.9, "it says cotton, always"


def test_a_model_that_reads_the_category_from_the_colour_is_caught(shop: Path, tmp_path: Path) -> None:
    found = measured(shop, tmp_path / "out", fooled_by_colour)
    assert found["colour"].category_moved.value == 1
    assert found["colour"].false_movement.value is not None
    assert found["colour"].false_movement.value > 0.02
    assert found["colour"].sentences[0].startswith("category moves with colour in 100 % (")
    assert [found[name].category_moved.value for name in ("material", "pattern", NUISANCE)] == [0, 0, 0]
    assert found[NUISANCE].false_movement.value == 0


def test_a_title_that_stays_does_not_name_the_new_value(shop: Path, tmp_path: Path) -> None:
    titles = {product.product_code: product.title or "" for product in read(shop, split="test")}

    def stubborn(product: Product, price: float) -> str:
        return render(titles[product.product_code.partition("/")[0]], product.category3_code or "", price)

    found = measured(shop, tmp_path / "out", stubborn)
    assert found["material"].title_names.value == 0
    assert found["colour"].title_names.n == 0, "no title of this shop names a colour"
    assert found["material"].title_names.n == found["material"].pairs


def test_the_slope_is_that_of_least_squares() -> None:
    rng = np.random.default_rng(3)
    expected, answered = rng.normal(size=30), rng.normal(size=30)
    times = rng.integers(0, 3, 30)
    whole = np.repeat(expected, times), np.repeat(answered, times)
    reference = np.linalg.lstsq(whole[0][:, None], whole[1], rcond=None)[0][0]
    assert weighted_slope(answered, expected)(times[:, None].astype(np.float64))[0] == pytest.approx(reference)


def test_the_interval_of_the_slope_covers_it_and_widens_with_families() -> None:
    rng = np.random.default_rng(8)
    family_slope = rng.normal(0.7, 0.4, 12)
    pairs = [
        pair(product_code=str(k), family=str(k // 4), log_change=x, answered_log_change=family_slope[k // 4] * x)
        for k, x in enumerate(rng.uniform(0.2, 0.9, 48) * rng.choice([-1, 1], 48))
    ]
    together = compute_sensitivity(pairs, SPEC).slope
    apart = compute_sensitivity([dataclasses.replace(each, family=each.product_code) for each in pairs], SPEC).slope
    assert together.value == apart.value
    assert (together.n, together.families, apart.families) == (48, 12, 48)
    assert together.low is not None
    assert together.high is not None
    assert apart.low is not None
    assert apart.high is not None
    assert together.low < 0.7 < together.high
    assert together.high - together.low > 1.4 * (apart.high - apart.low)


def test_an_unread_answer_counts_as_neither() -> None:
    pairs = [*many(30), *many(10, answered_log_change=None), *many(5, category_moved=None), *many(5, steps=False)]
    row = compute_sensitivity(pairs, SPEC)
    assert (row.pairs, row.unread.n, row.unread.value) == (50, 50, 15 / 50)
    assert (row.category_moved.n, row.category_moved.value) == (45, 0)
    assert (row.direction.n, row.direction.value) == (35, 1), "no readable price, or a price that should not move"
    assert row.slope.n == 40


@pytest.mark.parametrize(("answered", "share"), [(0.01, 1), (-0.5, 0), (0.0, 0)])
def test_a_price_that_stays_has_not_moved_the_right_way(answered: float, share: float) -> None:
    assert compute_sensitivity(many(20, answered_log_change=answered), SPEC).direction.value == share
    back = compute_sensitivity(many(20, log_change=-0.5, answered_log_change=-answered), SPEC)
    assert back.direction.value == share


def test_a_median_hides_what_the_share_of_moved_prices_shows() -> None:
    still = {"attribute": "colour", "log_change": 0.0, "steps": False}
    pairs = [*many(30, answered_log_change=math.log(1.2), **still), *many(10, answered_log_change=-0.4, **still)]
    row = compute_sensitivity(pairs, SPEC)
    assert row.false_movement.n == 40
    assert row.false_movement.value == pytest.approx(math.log(1.2))
    assert (row.false_moves.n, row.false_moves.value) == (40, 10 / 40), "as far as the tolerance is not beyond it"
    assert row.direction.n == row.slope.n == 0
    assert re.fullmatch(
        r"price moves with colour where it should not: by 20 % \(20 to \d+\) at the median, "
        r"by more than 20 % in 25 % \(14 to 40\) of pairs",
        row.sentences[1],
    )


def test_too_few_pairs_are_said_to_be_too_few() -> None:
    row = compute_sensitivity(many(19), SPEC)
    assert not row.enough
    assert row.sentences == ("material: 19 pairs are too few to say anything (20 needed)",)
    assert compute_sensitivity(many(20), SPEC).enough
    thin = compute_sensitivity([*many(19), *many(10, answered_log_change=None)], SPEC)
    assert thin.enough
    assert "price and material: 19 pairs" in thin.sentences[1]
    alike = [dataclasses.replace(each, family=f"f{k % 7}") for k, each in enumerate(many(70))]
    row = compute_sensitivity(alike, SPEC)
    assert not row.enough
    assert row.sentences == ("material: 70 pairs of 7 product families are too few to say anything (8 needed)",)


def test_another_word_for_the_same_category_has_not_moved(shop: Path, tmp_path: Path) -> None:
    def wordy(product: Product, price: float) -> str:
        category = product.category3_code or ""
        return render(
            product.title or "", category.lower().removesuffix("s") if "/" in product.product_code else category, price
        )

    found = measured(shop, tmp_path, wordy)
    assert {row.category_moved.value for row in found.values()} == {0.0}


@pytest.mark.parametrize(
    ("answered", "said"),
    [(0.9, "price follows material"), (-0.9, "price moves against material"), (0.0, "is not seen to follow")],
)
def test_the_verdict_says_what_the_interval_shows(answered: float, said: str) -> None:
    rng = np.random.default_rng(1)
    pairs = [dataclasses.replace(each, answered_log_change=answered / 2 + rng.normal(0, 0.2)) for each in many(40)]
    assert said in compute_sensitivity(pairs, SPEC).sentences[1]


def test_every_attribute_has_its_row_in_order() -> None:
    rows = compute_sensitivities([*many(2), *many(3, attribute="colour", log_change=0.0), *many(1)], SPEC)
    assert [(row.attribute, row.pairs) for row in rows] == [("material", 3), ("colour", 3)]


def test_the_page_shows_a_dozen_pairs_of_all_attributes_and_products() -> None:
    names = ("material", "pattern", "colour", NUISANCE)
    pairs = [pair(product_code=str(code), attribute=name) for code in range(30) for name in names]
    taken = sample_pairs(pairs)
    assert [each.attribute for each in taken] == [name for name in names for _ in range(3)]
    assert len({each.product_code for each in taken}) == 12
    assert len(sample_pairs(pairs[:5])) == 5


def test_a_killed_run_continues_and_ends_alike(shop: Path, tmp_path: Path) -> None:
    whole = Table(shop, perfect)
    expected = started(whole, shop, tmp_path / "whole")
    killed = Table(shop, perfect)
    killed.patience = 50
    with pytest.raises(KeyboardInterrupt):
        started(killed, shop, tmp_path / "out")
    second = Table(shop, perfect)
    found = started(second, shop, tmp_path / "out")
    assert killed.asked + second.asked == whole.asked
    assert dataclasses.replace(found, seconds=0) == dataclasses.replace(expected, seconds=0)
    files = [tmp_path / name / "predictions.jsonl" for name in ("whole", "out")]
    assert files[0].read_bytes() == files[1].read_bytes()
    third = Table(shop, perfect)
    assert started(third, shop, tmp_path / "out") == found == read_counterfactual(tmp_path / "out")
    assert third.asked == 0, "a finished run is read back"
    assert started(third, shop, tmp_path / "out", force=True).pairs == found.pairs
    assert third.asked == whole.asked


def test_the_page_is_one_closed_file_and_escapes_answers(shop: Path, tmp_path: Path) -> None:
    def hostile(product: Product, price: float) -> str:
        return render("</script><script>alert(1)</script><img src=x onerror=alert(2)>", "<b>&'\"", price)

    started(Table(shop, hostile), shop, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "default-src 'none'; img-src data:; style-src 'sha256-" in page
    assert "alert(1)" in page
    assert re.findall(r"<script[^>]*>", page) == ['<script type="application/json" id="counterfactual">']
    assert "<img src=x" not in page
    assert "<b>&'" not in page
    assert "<link" not in page
    assert not re.search(r"url\(|@import", page)
    assert set(re.findall(r"<img src=\"([a-z]+:)", page)) == {"data:"}
    assert page.count('src="data:image/jpeg') == 24
    document = json.loads(page.rpartition('id="counterfactual">')[2].partition("</script>")[0])
    assert document == json.loads((tmp_path / "out" / "counterfactual.json").read_text())


def test_the_command_runs_the_tiny_model(short_answers: None, catalog: Path, tmp_path: Path) -> None:
    arguments = ("counterfactual", "--model", "tiny", "--data", catalog, "--limit", "2", "--device", "cpu")
    shown = toile(*arguments, "--out", tmp_path / "out")
    assert shown.exit_code == 0, shown.output
    *sentences, last = shown.stdout.splitlines()
    assert any("too few to say anything" in sentence for sentence in sentences)
    assert json.loads(last)["colour"]["pairs"] == read_counterfactual(tmp_path / "out").products
    again = toile(*arguments, "--out", tmp_path / "out")
    assert "nothing to do" in again.stderr
    assert again.stdout == shown.stdout
    other = toile(*arguments[:-3], "1", "--device", "cpu", "--out", tmp_path / "out")
    assert other.exit_code == 1
    assert "another limit" in other.stderr


def test_the_command_refuses_imported_images_and_folders_without_test_rows(
    tmp_path: Path, demo_document: dict[str, Any]
) -> None:
    imported = write_imported(tmp_path / "imported", imported_products(12))
    refused = toile("counterfactual", "--model", "tiny", "--data", imported, "--out", tmp_path / "out")
    assert refused.exit_code == 1
    assert "contains imported images, which cannot be rendered" in refused.stderr
    assert not (tmp_path / "out").exists()
    few = tmp_path / "few"
    write_shards(GenerateInputs(spec_document=demo_document, seed=1, start=0, num_products=2, image_size=48), few)
    refused = toile("counterfactual", "--model", "tiny", "--data", few, "--out", tmp_path / "out")
    assert refused.exit_code == 1
    assert "no row of the test split can be rendered" in refused.stderr


def test_folder_of_an_evaluation_is_refused(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text("{}")
    with pytest.raises(ToileError, match="holds an evaluation"):
        started(Table(shop, perfect), shop, tmp_path, force=True)
    assert (tmp_path / "result.json").read_text() == "{}"
