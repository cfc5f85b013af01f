"""Products with one attribute changed: nothing else changes, the spec can produce them, and the price follows."""

import dataclasses
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from generator.catalog.shards import GenerateInputs, write_shards
from generator.render import build_scene, draw
from generator.sampling.counterfactuals import counterfactuals, make_renderer, render_product
from generator.sampling.prices import list_price_points
from generator.sampling.products import products
from schemas import load
from schemas.appearance import SHOWN, Appearance
from schemas.catalog import CatalogSpec
from schemas.counterfactual import NUISANCE, Change
from schemas.errors import ToileError
from schemas.product import Product, read
from tests.helpers.shard_fixture import products as imported_products
from tests.helpers.shard_fixture import write_shards as write_imported

FOLLOWS = {"title", "full_price", "price", "full_price_eur", "price_eur", "flg_discount"}
OURS = {"product_code", "itemurl", "imageurl", "image", "attributes"}
PRICES = ("full_price", "price", "full_price_eur", "price_eur", "flg_discount")


@pytest.fixture(scope="module", params=["demo", "fashion-luxury"])
def spec(request: pytest.FixtureRequest) -> CatalogSpec:
    return load(request.param, "catalog")


def some(spec: CatalogSpec, num: int = 150, seed: int = 5) -> list[Product]:
    return [product for product in products(spec, seed, 0, num) if product.inferable]


def pairs(spec: CatalogSpec, num: int = 150) -> list[tuple[Product, Change]]:
    return [(product, change) for product in some(spec, num) for change in counterfactuals(spec, product, 0)]


def attributes_of(product: Product) -> dict[str, Any]:
    assert product.attributes is not None
    return dict(product.attributes)


def pixels(product: Product, size: int = 96) -> Any:
    return np.asarray(draw(product, size), np.int64)


def mask(product: Product, size: int = 96) -> Any:
    return np.asarray(build_scene(Appearance.from_attributes(attributes_of(product)), size).alpha)


def test_a_changed_row_differs_in_its_attribute_and_in_what_follows_from_it(spec: CatalogSpec) -> None:
    seen = set()
    for product, change in pairs(spec):
        before, after = attributes_of(product), attributes_of(change.product)
        old, new = before.pop("choices"), after.pop("choices")
        moved = {name for name in before if before[name] != after[name]}
        fields = {f.name for f in dataclasses.fields(Product)}
        differing = {name for name in fields if getattr(product, name) != getattr(change.product, name)}
        assert change.product.product_code == f"{product.product_code}/{change.attribute}"
        if change.attribute == NUISANCE:
            assert moved == {"shot_seed"}
            assert old == new
            assert differing <= OURS, "another shot has the same title and price"
        else:
            assert moved == {change.attribute}
            (name,) = {name for name in old if old[name] != new[name]}
            assert (old[name], new[name]) == (change.old, change.new)
            assert differing <= OURS | FOLLOWS
        assert before.keys() == after.keys()
        seen.add(change.attribute)
    assert {"material", "pattern", "colour", NUISANCE} <= seen


def test_every_visible_attribute_is_changed_once() -> None:
    spec = load("fashion-luxury", "catalog")
    for product in some(spec):
        changes = counterfactuals(spec, product, 0)
        names = [change.attribute for change in changes]
        assert len(names) == len(set(names))
        assert names[-1] == NUISANCE
        assert set(names[:-1]) <= {"colour", *SHOWN[attributes_of(product)["silhouette"]]}
        assert "colour" in names


def test_catalog_contains_what_the_changes_describe() -> None:
    """Compare titles with those of 30,000 other products: a combination that is absent there is impossible."""
    spec = load("demo", "catalog")

    def shown(product: Product) -> tuple[object, ...]:
        choices = attributes_of(product)["choices"]
        return (product.category3_code, *(choices.get(name) for name in ("material", "pattern", "quilting")))

    titles: dict[tuple[object, ...], set[str | None]] = {}
    for product in products(spec, 1, 0, 30_000):
        titles.setdefault(shown(product), set()).add(product.title)
    for _, change in pairs(spec):
        assert titles[shown(change.product)] == {change.product.title}


def test_no_change_breaks_a_rule_of_the_catalog() -> None:
    spec = load("fashion-luxury", "catalog")
    for _, change in pairs(spec, 400):
        choices = attributes_of(change.product)["choices"]
        for name, attribute in spec.attributes.items():
            for rule in attribute.rules:
                if name in choices and all(choices.get(parent) in values for parent, values in rule.when.items()):
                    assert rule.multiply.get(choices[name], 1) > 0, (change.attribute, choices)


def test_the_price_moves_by_the_ratio_of_the_factors_to_a_legal_price(spec: CatalogSpec) -> None:
    legal = set(list_price_points(spec.prices, 500_000.0).tolist())
    factor = {
        (name, value): record.price
        for name, attribute in spec.attributes.items()
        for value, record in attribute.values.items()
    }
    largest = 0.0
    for product, change in pairs(spec):
        old, new = attributes_of(product)["choices"], attributes_of(change.product)["choices"]
        ratio = math.prod(factor[name, new[name]] / factor[name, old[name]] for name in old)
        assert product.full_price is not None
        assert change.product.full_price is not None
        assert change.log_change == pytest.approx(math.log(ratio), abs=1e-12)
        if ratio == 1:
            assert [getattr(product, name) for name in PRICES] == [getattr(change.product, name) for name in PRICES]
        else:
            assert change.product.full_price in legal
            largest = max(largest, abs(math.log(change.product.full_price / product.full_price) - change.log_change))
            assert change.product.price is not None
            assert change.product.price <= change.product.full_price
            assert change.product.flg_discount == (change.product.price < change.product.full_price)
    assert 0 < largest < 0.2, "half a step between two legal prices, no more"


def test_image_changes_only_where_the_attribute_is_visible() -> None:
    spec = load("fashion-luxury", "catalog")
    looked: set[str] = set()
    for product, change in pairs(spec, 60):
        if change.attribute in looked:
            continue
        looked.add(change.attribute)
        before, after = pixels(product), pixels(change.product)
        moved = np.abs(before - after).max(axis=2)
        assert moved.max() > 20, f"{change.attribute} changes the image"
        masks = mask(product), mask(change.product)
        if change.attribute in {"colour", "material", "pattern", "lining", "quilting"}:
            assert np.array_equal(*masks), f"{change.attribute} leaves the outline"
        if change.attribute not in {NUISANCE, "size"}:
            side = moved.shape[0]
            background = np.maximum(*masks)[:side, :side] <= 0
            background[1:-1, 1:-1] &= (
                background[:-2, 1:-1] & background[2:, 1:-1] & background[1:-1, :-2] & background[1:-1, 2:]
            )
            assert moved[background].max() <= 2, f"{change.attribute} leaves the background"
    assert {"material", "pattern", "colour", "hardware", "size", "quilting", NUISANCE} <= looked


def test_unchanged_product_is_rendered_to_the_same_bytes(catalog: Path) -> None:
    redraw = make_renderer(catalog, 0)
    for product in list(read(catalog, split="test"))[:4]:
        if product.inferable:
            found = redraw(product)
            assert found.as_stored
            assert found.original == product
            assert render_product(product, 64).image == product.image
            assert all(change.product.image not in (None, product.image) for change in found.changes)
            other = redraw(dataclasses.replace(product, image=b"rendered by another version"))
            assert not other.as_stored
            assert other.original == product


def test_new_values_depend_on_seed_and_product_alone() -> None:
    spec = load("fashion-luxury", "catalog")

    def values(seed: int, *, backwards: bool = False) -> dict[str, str]:
        rows = some(spec)[::-1] if backwards else some(spec)
        return {c.product.product_code: c.new for row in rows for c in counterfactuals(spec, row, seed)}

    assert values(0) == values(0, backwards=True)
    again = values(1)
    assert np.mean([again[code] != value for code, value in values(0).items()]) > 0.3


def test_products_that_cannot_be_rendered_are_refused(
    tmp_path: Path, catalog: Path, demo_document: dict[str, Any]
) -> None:
    imported = write_imported(tmp_path / "imported", imported_products(12))
    with pytest.raises(ToileError, match="cannot be rendered") as caught:
        make_renderer(imported, 0)
    assert caught.value.hint == "point --data to a folder made by `toile generate`"
    no_spec = tmp_path / "no-spec"
    shutil.copytree(catalog, no_spec)
    manifest = json.loads((no_spec / "manifest.json").read_text())
    del manifest["inputs"]["spec_document"]
    (no_spec / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ToileError, match="is missing") as caught:
        make_renderer(no_spec, 0)
    assert caught.value.where.endswith("manifest.json: inputs.spec_document")
    bare = tmp_path / "bare"
    write_shards(GenerateInputs(spec_document=demo_document, seed=0, start=0, num_products=20, image_size=None), bare)
    with pytest.raises(ToileError, match="no image was rendered"):
        make_renderer(bare, 0)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"title": "Something Else"}, "no template of the spec"),
        ({"category3_code": "SUBMARINES"}, "no kind of the spec"),
        ({"attributes": None}, "which values of the spec"),
    ],
)
def test_a_row_of_another_catalog_is_refused(change: dict[str, Any], problem: str) -> None:
    spec = load("demo", "catalog")
    with pytest.raises(ToileError, match=problem) as caught:
        counterfactuals(spec, dataclasses.replace(some(spec)[0], **change), 0)
    assert caught.value.where.startswith("product ")
