"""What each attribute adds to a price: the parts are the price, and they are the parts it was drawn from."""

import dataclasses
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest

from generator.pages.catalog_page import price_parts
from generator.sampling.attributes import sample_attributes
from generator.sampling.prices import snap_to_points
from generator.sampling.products import compile_catalog, family_start, products, sample_kinds
from generator.sampling.streams import normal, uniform
from schemas.catalog import CatalogSpec, list_kinds, price_factor
from schemas.product import Product
from schemas.validation import from_document, load
from tests.helpers.kinds_spec import kinds_document

PRESETS = ("demo", "fashion-luxury", "sportswear")


def drawn(spec: CatalogSpec, n: int) -> list[Product]:
    return list(products(spec, seed=5, start=0, num_products=n))


@pytest.mark.parametrize("preset", PRESETS)
def test_factors_multiply_and_amounts_add_to_the_full_price(preset: str) -> None:
    spec: CatalogSpec = load(preset, "catalog")
    told = 0
    for product in drawn(spec, 400):
        found = price_parts(spec, product)
        if found is None:
            continue
        told += 1
        assert product.full_price is not None
        multiplied = found.median * math.prod(part.factor for part in found.parts) * found.rest
        added = math.fsum([found.median, *(part.amount for part in found.parts), found.rest_amount])
        assert multiplied == pytest.approx(product.full_price, rel=1e-14)
        assert added == pytest.approx(product.full_price, rel=1e-13)
    assert told >= 390, "only a navigation label may hide the parts"


@pytest.mark.parametrize("preset", PRESETS)
def test_the_rest_is_the_spread_the_design_was_drawn_with(preset: str) -> None:
    """Independent of the row: the same streams give the entry, the spread and the legal price."""
    spec: CatalogSpec = load(preset, "catalog")
    catalog = compile_catalog(spec)
    index_N = np.arange(400)
    design_N = family_start(spec, 5, index_N)
    entry_N = catalog.kind.pick(np.zeros_like(design_N), uniform(5, "category", design_N))
    chosen = sample_attributes(catalog.attributes, 5, entry_N, design_N)
    spread_N = np.exp(catalog.prices.spread_K[entry_N] * normal(5, "price", design_N))
    for number, product in enumerate(drawn(spec, 400)):
        found = price_parts(spec, product)
        if found is None:
            continue
        entry = spec.categories[entry_N[number]]
        assert (found.path, found.median) == (entry.path, entry.price.median)
        for part in found.parts:
            names = list(spec.attributes[part.attribute].values)
            if part.attribute not in catalog.colours:
                assert part.value == names[chosen[part.attribute][number]]
        before = found.median * math.prod(part.factor for part in found.parts) * spread_N[number]
        legal = snap_to_points(catalog.prices.points, np.array([before]))[0]
        assert found.full_price == legal
        assert found.rest == pytest.approx(spread_N[number] * (legal / before))


def test_every_choice_is_a_part_with_its_visibility(spec_document: dict[str, Any]) -> None:
    spec_document["attributes"]["edition"] = {"hidden": True, "values": {"first": {"price": 1.5}}}
    for category in spec_document["categories"]:
        category["attributes"]["edition"] = None
    spec: CatalogSpec = from_document(spec_document, "catalog")
    seen = Counter[tuple[str, bool]]()
    for product in drawn(spec, 60):
        found = price_parts(spec, product)
        assert found is not None or not product.inferable
        if found is not None and product.attributes is not None:
            assert {part.attribute: part.value for part in found.parts} == product.attributes["choices"]
            assert all(part.draws is None or part.draws in product.attributes.values() for part in found.parts)
            assert [part.factor for part in found.parts if part.attribute == "edition"] == [1.5]
            seen.update((part.attribute, part.visible) for part in found.parts)
    assert ("edition", True) not in seen
    assert ("edition", False) in seen
    assert ("colour", False) not in seen


def test_a_price_factor_of_the_spec_shows_up_as_its_amount(spec_document: dict[str, Any]) -> None:
    spec_document["navigation"]["share"] = 0
    for category in spec_document["categories"]:
        category["price"] = {"median": 1000, "spread": 0}
    spec_document["prices"] = {"bands": [{"per": 1}]}
    spec: CatalogSpec = from_document(spec_document, "catalog")
    leather = [
        product
        for product in drawn(spec, 200)
        if product.attributes
        and product.attributes["choices"].get("material") == "leather"
        and "quilting" not in product.attributes["choices"]
    ]
    found = [price_parts(spec, product) for product in leather]
    assert leather
    for each in found:
        assert each is not None
        assert [part.amount for part in each.parts if part.attribute == "material"] == pytest.approx([1200])
        assert each.rest == pytest.approx(1, abs=1e-3), "no spread, and whole dollars"


def test_the_parts_of_a_kind_are_its_own_median_and_factors() -> None:
    """Jeans by quantiles and jeans by a median are in one category and look alike; the design says which it is."""
    spec: CatalogSpec = from_document(kinds_document(), "catalog")
    kind_N = sample_kinds(compile_catalog(spec), 5, family_start(spec, 5, np.arange(300)))
    seen = Counter[tuple[str, float]]()
    for number, product in enumerate(drawn(spec, 300)):
        kind, found = list_kinds(spec)[kind_N[number]], price_parts(spec, product)
        assert found is not None
        assert found.path == kind.path
        assert found.median == (40 if kind.price.quantiles else kind.price.median)
        for part in found.parts:
            assert part.factor == price_factor(spec, kind, part.attribute, part.value)
        multiplied = found.median * math.prod(part.factor for part in found.parts) * found.rest
        assert multiplied == pytest.approx(product.full_price)
        seen[kind.silhouette, found.median] += 1
    assert {("jeans", 40), ("jeans", 400), ("shorts", 25), ("boot", 210)} <= seen.keys()


def test_rows_that_no_entry_can_have_drawn_have_no_parts(demo_document: dict[str, Any]) -> None:
    spec: CatalogSpec = from_document(demo_document, "catalog")
    good = next(product for product in drawn(spec, 50) if product.inferable)
    assert price_parts(spec, good) is not None
    attributes = dict(good.attributes or {})
    strange: list[dict[str, Any]] = [
        {"attributes": None},
        {"attributes": {**attributes, "choices": None}},
        {"attributes": {**attributes, "choices": {**attributes["choices"], "material": "gold leaf"}}},
        {"attributes": {**attributes, "choices": {**attributes["choices"], "sleeve": "long"}}},
        {"attributes": {**attributes, "silhouette": "bicycle"}},
        {"category3_code": "BICYCLES"},
        *({"full_price": price} for price in (None, 0.0, -5.0, math.nan, math.inf)),
    ]
    for change in strange:
        assert price_parts(spec, dataclasses.replace(good, **change)) is None, change


def test_a_navigation_label_does_not_hide_the_parts_where_one_entry_fits(demo_document: dict[str, Any]) -> None:
    spec: CatalogSpec = from_document(demo_document, "catalog")
    good = next(product for product in drawn(spec, 50) if product.inferable)
    hidden = dataclasses.replace(good, category3_code="VIEW ALL", inferable=False)
    found = price_parts(spec, hidden)
    assert found is not None
    assert found == price_parts(spec, good)
    assert found.path[2] == good.category3_code
