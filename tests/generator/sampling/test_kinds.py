"""Categories that sell several kinds of products: shares, prices, discounts, colourways; and laws of random specs."""

import copy
import json
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.metrics.scoring import scoring_rules
from generator.sampling.counterfactuals import counterfactuals
from generator.sampling.extra_columns import add_extra_columns
from generator.sampling.prices import snap_to_points
from generator.sampling.products import (
    compile_catalog,
    compile_colourways,
    family_start,
    product,
    products,
    row_shares,
    rows,
    sample_kinds,
)
from generator.sampling.streams import uniform
from generator.upper_bound import best_scores
from schemas.catalog import CatalogSpec, list_kinds, possible_values, price_factor
from schemas.documents import from_dict, schema
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec
from schemas.silhouettes import RECORDS
from schemas.util.files import as_document
from schemas.validation import from_document, load
from tests.helpers.kinds_spec import documents, kinds_document

WRONG: tuple[Any, ...] = (None, True, -1, 0, 1.5, "", "x", [], {}, [1, 2], {"x": 1})
SEED = 4
RULES = scoring_rules(EvaluationSpec(), [])


def build(document: dict[str, Any]) -> CatalogSpec:
    spec: CatalogSpec = from_document(document, "catalog", "shop.yaml")
    return spec


def kind_numbers(spec: CatalogSpec, seed: int, index_N: Any) -> Any:
    return sample_kinds(compile_catalog(spec), seed, family_start(spec, seed, np.asarray(index_N)))


SPEC = build(kinds_document())


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Return 40,000 rows with what their attributes say and the number of their kind."""
    found: pd.DataFrame = rows(SPEC, SEED, np.arange(40_000)).to_pandas()
    said = pd.DataFrame([json.loads(text) for text in found["attributes"]])
    kinds = kind_numbers(SPEC, SEED, np.arange(40_000))
    return found.assign(kind=kinds, silhouette=said["silhouette"], choices=said["choices"])


# -- the document ------------------------------------------------------------------------------------------------------


def test_a_category_of_one_kind_is_shorthand_for_a_list_of_one() -> None:
    for name in ("demo", "fashion-luxury"):
        flat = load(name, "catalog")
        document = as_document(flat)
        for category in document["categories"]:
            keys = ("silhouette", "price", "titles", "attributes", "discounts")
            category["kinds"] = [{key: category.pop(key) for key in keys if key in category}]
        listed = build(document)
        assert list_kinds(listed)[1].at == ("categories", 1, "kinds", 0)
        assert list_kinds(flat)[1].at == ("categories", 1)
        index_N = np.arange(700)
        assert rows(listed, 1, index_N).equals(rows(flat, 1, index_N))


def test_kinds_are_listed_in_order_with_defaults_resolved() -> None:
    kinds = list_kinds(SPEC)
    assert [kind.silhouette for kind in kinds] == ["jeans", "shorts", "jeans", "sneaker", "boot", "tote-bag"]
    assert [kind.share for kind in kinds] == pytest.approx([0.25, 0.15, 0.1, 0.15, 0.15, 0.2])
    assert [kind.category for kind in kinds] == [0, 0, 0, 1, 1, 2]
    assert [kind.discounts.share for kind in kinds] == [0.6, *[0.1] * 5]
    assert [kind.colourways.max_per_family for kind in kinds] == [6, 6, 6, 1, 1, 3]
    assert [list(kind.titles) for kind in kinds][:2] == [
        ["{material} Jeans {colour}"],
        ["{line} {material} Shorts"],
    ]


def _set(*path: Any) -> Callable[[dict[str, Any]], None]:
    *inside, key, value = path

    def change(document: dict[str, Any]) -> None:
        target: Any = document["categories"]
        for step in inside:
            target = target[step]
        target[key] = value

    return change


def _drop(*path: Any) -> Callable[[dict[str, Any]], None]:
    *inside, key = path

    def change(document: dict[str, Any]) -> None:
        target: Any = document["categories"]
        for step in inside:
            target = target[step]
        del target[key]

    return change


BAD: dict[str, tuple[Callable[[dict[str, Any]], None], str, str, str]] = {
    "shares of kinds": (_set(0, "kinds", 0, "share", 0.4), "categories[0].kinds", "sum to 0.9", "0.9"),
    "both forms": (_set(0, "silhouette", "coat"), "categories[0].silhouette", "beside `kinds`", "move it"),
    "titles beside kinds": (_set(0, "titles", {"Coat": 1}), "categories[0].titles", "beside `kinds`", "move it"),
    "discounts beside kinds": (_set(0, "discounts", {}), "categories[0].discounts", "beside `kinds`", "move it"),
    "no form": (_drop(2, "silhouette"), "categories[2]", "'silhouette' is missing", "`kinds`"),
    "no price": (_drop(2, "price"), "categories[2]", "'price' is missing", "`kinds`"),
    "no kind": (_set(0, "kinds", []), "categories[0]", "'silhouette' is missing", "`kinds`"),
    "neither price": (
        _set(0, "kinds", 1, "price", {}),
        "categories[0].kinds[1].price",
        "neither `median` nor `quantiles`",
        "one of them",
    ),
    "both prices": (_set(0, "kinds", 0, "price", "median", 5), "kinds[0].price", "both `median` and", "one of them"),
    "spread of quantiles": (_set(0, "kinds", 0, "price", "spread", 0.1), "kinds[0].price.spread", "beside", "leave"),
    "one quantile": (_set(0, "kinds", 0, "price", "quantiles", [5]), "kinds[0].price.quantiles", "short", "at least 2"),
    "quantiles in disorder": (
        _set(0, "kinds", 0, "price", "quantiles", [5, 9, 8]),
        "categories[0].kinds[0].price.quantiles[2]",
        "8 is below 9",
        "low to high",
    ),
    "factor of nothing": (
        _set(0, "kinds", 0, "price", "factors", {"line": {"Nova": 2}}),
        "kinds[0].price.factors.line",
        "no attribute of this jeans",
        "material",
    ),
    "factor of an unknown value": (
        _set(0, "kinds", 0, "price", "factors", {"material": {"denom": 2}}),
        "kinds[0].price.factors.material.denom",
        "no value of material",
        "'denim'",
    ),
    "factor of a value that it lacks": (
        _set(0, "kinds", 0, "price", "factors", {"material": {"leather": 2}}),
        "kinds[0].price.factors.material.leather",
        "no value of material",
        "cotton, denim",
    ),
    "factor of an empty table": (
        _set(0, "kinds", 0, "price", "factors", {"material": {}}),
        "kinds[0].price.factors.material",
        "empty",
        "at least 1",
    ),
    "title of a slot that it lacks": (
        _set(0, "kinds", 0, "titles", {"{line} Jeans": 1}),
        "categories[0].kinds[0].titles",
        "'line'",
        "material",
    ),
    "unknown silhouette": (_set(0, "kinds", 1, "silhouette", "short"), "kinds[1].silhouette", "'short'", "'shorts'"),
    "discount above 100": (
        _set(0, "kinds", 0, "discounts", {"share": 0.1, "percents": {"120": 1}}),
        "categories[0].kinds[0].discounts.percents",
        "'120'",
        "20",
    ),
    "discounts without weight": (
        _set(0, "kinds", 0, "discounts", {"share": 0.1, "percents": {"20": 0}}),
        "categories[0].kinds[0].discounts.percents",
        "all weights are 0",
        "weight",
    ),
    "too many repeats": (
        _set(0, "colourways", {"repeat_share": 0.6, "max_per_family": 2}),
        "categories[0].colourways.repeat_share",
        "0.6",
        "0.5",
    ),
    "twice": (
        _set(1, "path", ["W", "CLOTHING", "CLOTHING"]),
        "categories[2]",
        "with jeans appears twice",
        "as two `kinds`",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_kind_is_refused_with_place_and_hint(name: str) -> None:
    document = kinds_document()
    change, where, problem, hint = BAD[name]
    if name == "twice":
        document["categories"].append({**copy.deepcopy(document["categories"][0]), "share": 0.0})
        document["categories"][2], document["categories"][3] = document["categories"][3], document["categories"][2]
    else:
        change(document)
    with pytest.raises(ToileError) as caught:
        build(document)
    assert caught.value.where.startswith("shop.yaml: categories")
    assert where in caught.value.where
    assert problem in caught.value.problem
    assert hint in caught.value.hint


def test_a_price_factor_must_be_visible_unless_it_is_hidden() -> None:
    document = kinds_document()
    kind = document["categories"][0]["kinds"][1]
    document["attributes"]["line"] = {"values": {"basic": {"title": ""}, "Nova": {}}}
    document["categories"][2]["attributes"].pop("line")
    with pytest.raises(ToileError) as caught:
        build(document)
    assert caught.value.where == "shop.yaml: categories[0].kinds[1].price.factors.line"
    assert "not rendered" in caught.value.problem
    document["attributes"]["quilting"] = {"values": {"none": {}, "diamond": {}}}
    document["attributes"]["line"]["hidden"] = True
    kind["attributes"]["quilting"] = None
    kind["price"]["factors"] = {"quilting": {"diamond": 2}}
    with pytest.raises(ToileError) as caught:
        build(document)
    assert caught.value.where == "shop.yaml: categories[0].kinds[1].price.factors.quilting"
    assert "which a shorts does not show" in caught.value.problem
    document["attributes"]["quilting"]["hidden"] = True
    build(document)


# -- what is sampled ---------------------------------------------------------------------------------------------------


def test_kinds_have_their_share_of_designs_and_what_belongs_to_them(table: pd.DataFrame) -> None:
    designs = table.drop_duplicates("family")
    for number, kind in enumerate(list_kinds(SPEC)):
        own = table[table["kind"] == number]
        share = (designs["kind"] == number).mean()
        assert abs(share - kind.share) < 4 * math.sqrt(kind.share / len(designs))
        assert set(own["silhouette"]) == {kind.silhouette}
        assert set(own["category3_code"]) == {kind.path[2]}
        noun = "Booties" if kind.silhouette == "boot" else RECORDS[kind.silhouette].nouns[0]
        assert own["title"].str.contains(noun.split()[-1][:4]).all()
        materials = Counter(choices["material"] for choices in own.drop_duplicates("family")["choices"])
        assert materials.keys() == set(possible_values(SPEC, kind, "material"))


def test_discounts_are_those_of_the_kind(table: pd.DataFrame) -> None:
    for number, share in enumerate([0.6, 0.1, 0.1, 0.1, 0.1, 0.1]):
        own = table[table["kind"] == number]
        assert own["flg_discount"].mean() == pytest.approx(share, abs=4 * math.sqrt(0.25 / len(own)))
    reduced = table[(table["kind"] == 0) & (table["flg_discount"] == 1)]
    halved = (reduced["price"] / reduced["full_price"]).between(0.47, 0.53).mean()
    assert halved == pytest.approx(0.75, abs=0.03)


def test_prices_follow_their_quantiles_and_the_factors_of_the_kind(table: pd.DataFrame) -> None:
    own = table[(table["kind"] == 0)].drop_duplicates("family")
    cotton = np.array([choices["material"] == "cotton" for choices in own["choices"]])
    quantiles = np.array([30.0, 40, 40, 48, 480])
    for factor, prices in ((1.0, own["full_price"][~cotton]), (0.5, own["full_price"][cotton])):
        for price in (32, 36, 45, 48, 100, 150, 300):  # P(price <= x), from the definition
            below = np.searchsorted(quantiles, price) - 1
            inside = np.log(price / quantiles[below]) / np.log(quantiles[below + 1] / quantiles[below])
            expected = (below + inside) / 4
            error = 4 * math.sqrt(0.25 / len(prices)) + 0.02 / factor  # legal prices are whole dollars
            assert (prices <= price * factor).mean() == pytest.approx(expected, abs=error)
        at_mass = (prices == round(40 * factor)).mean()
        assert at_mass == pytest.approx(0.25, abs=4 * math.sqrt(0.2 / len(prices)) + 0.06)
        assert prices.between(30 * factor, 480 * factor).all()


def test_factors_of_a_kind_replace_those_of_the_values() -> None:
    jeans, shorts, *_, bag = list_kinds(SPEC)
    assert price_factor(SPEC, jeans, "material", "cotton") == 0.5
    assert price_factor(SPEC, jeans, "material", "denim") == 1
    assert price_factor(SPEC, shorts, "material", "cotton") == 1.2
    assert (price_factor(SPEC, shorts, "line", "Nova"), price_factor(SPEC, bag, "line", "Nova")) == (3, 1.5)
    assert price_factor(SPEC, jeans, "line", "Nova") == 1, "it has no line"
    document = kinds_document()
    for kind in document["categories"][0]["kinds"]:
        kind["price"] = {"median": 100, "spread": 0.0, "factors": kind["price"].get("factors", {})}
    flat = build(document)
    for number, row in enumerate(rows(flat, 1, np.arange(600)).to_pylist()):
        choices = json.loads(row["attributes"])["choices"]
        if row["category3_code"] == "CLOTHING":
            kind = list_kinds(flat)[kind_numbers(flat, 1, [number])[0]]
            factor = math.prod(price_factor(flat, kind, name, value) for name, value in choices.items())
            assert row["full_price"] == snap_to_points(compile_catalog(flat).prices.points, np.array([100 * factor]))[0]


# -- colourways --------------------------------------------------------------------------------------------------------


def test_shares_of_rows_and_of_designs_are_both_right() -> None:
    """Three quarters of the clothing and no shoes are further colours: 4 products a design, and 1."""
    index_N = np.arange(200_000)
    start_N = family_start(SPEC, SEED, index_N)
    category_K = np.array([kind.category for kind in list_kinds(SPEC)])
    category_N = category_K[sample_kinds(compile_catalog(SPEC), SEED, start_N)]
    designs, products = np.bincount(category_N[start_N == index_N]), np.bincount(category_N)
    sizes = np.array([4.0, 1.0, 1.25])
    assert designs / designs.sum() == pytest.approx([0.5, 0.3, 0.2], abs=0.005)
    assert products / designs == pytest.approx(sizes, rel=0.01)
    expected = np.array([0.5, 0.3, 0.2]) * sizes / (np.array([0.5, 0.3, 0.2]) @ sizes)
    assert products / products.sum() == pytest.approx(expected, abs=0.004)
    assert np.bincount(category_K, row_shares(compile_catalog(SPEC))) == pytest.approx(expected)
    largest = np.array([np.bincount(start_N[category_N == number]).max() for number in range(3)])
    assert largest.tolist() == [6, 1, 3]


@given(st.lists(st.integers(0, 5_000_000), min_size=1, max_size=20))
def test_a_family_does_not_depend_on_the_other_products(index: list[int]) -> None:
    together = family_start(SPEC, SEED, np.array(index))
    for place, i in enumerate(index):
        around = np.arange(max(i - 3, 0), i + 2)
        assert family_start(SPEC, SEED, around)[min(i, 3)] == together[place] == walked(SPEC, i)


def walked(spec: CatalogSpec, i: int) -> int:
    """Return the start of the family of product i: one product after the other, from the start of its block."""
    catalog = compile_catalog(spec)
    start = i - i % catalog.colourways.block
    for number in range(start + 1, i + 1):
        kind = int(sample_kinds(catalog, SEED, np.array([start]))[0])
        goes_on = uniform(SEED, "colourways", np.array([number]))[0] < catalog.colourways.repeats_K[kind]
        if not goes_on or number - start >= list_kinds(spec)[kind].colourways.max_per_family:
            start = number
    return start


SETTINGS = st.builds(
    lambda longest, share: {"repeat_share": share * (1 - 1 / longest), "max_per_family": longest},
    st.integers(1, 5),
    st.sampled_from([0.0, 0.3, 0.6, 0.9]),
)


@given(st.lists(st.tuples(SETTINGS, st.integers(1, 9)), min_size=1, max_size=3))
def test_mean_family_sizes_are_those_of_the_spec(kinds: list[tuple[dict[str, Any], int]]) -> None:
    """The expected products and designs of each kind in a block, by the chain of (kind, size so far)."""
    share_K = np.array([weight for _, weight in kinds]) / sum(weight for _, weight in kinds)
    document, tote = kinds_document(), kinds_document()["categories"][2]
    document["categories"] = [
        {**tote, "path": ["W", "BAGS", f"TOTES {number}"], "share": share, "colourways": setting}
        for number, ((setting, _), share) in enumerate(zip(kinds, share_K.tolist(), strict=True))
    ]
    found = compile_colourways(build(document), "shop.yaml")
    state = {(kind, 1): share for kind, share in enumerate(share_K.tolist())}
    products, designs = np.zeros(len(kinds)), share_K.copy()
    for place in range(found.block):
        for (kind, _), share in state.items():
            products[kind] += share
        if place == found.block - 1:
            break
        moved: dict[tuple[int, int], float] = {}
        for (kind, size), share in state.items():
            repeats = found.repeats_K[kind] if size < found.longest_K[kind] else 0.0
            moved[kind, size + 1] = moved.get((kind, size + 1), 0.0) + share * repeats
            for other, weight in enumerate(share_K.tolist()):
                moved[other, 1] = moved.get((other, 1), 0.0) + share * (1 - repeats) * weight
                designs[other] += share * (1 - repeats) * weight
        state = moved
    expected = [1 / (1 - setting["repeat_share"]) for setting, _ in kinds]
    assert products / designs == pytest.approx(expected, rel=1e-9)


def test_a_share_that_cut_families_cannot_reach_is_refused() -> None:
    document = kinds_document()
    document["categories"][0]["colourways"] = {"repeat_share": 5 / 6, "max_per_family": 6}
    with pytest.raises(ToileError) as caught:
        compile_catalog(build(document), "shop.yaml")
    assert caught.value.where == "shop.yaml: categories[0].colourways.repeat_share"
    reachable = float(caught.value.hint.split()[2].rstrip(","))
    assert 0.82 < reachable < 5 / 6
    document["categories"][0]["colourways"]["repeat_share"] = reachable - 0.001
    compile_catalog(build(document))


# -- whatever uses a kind ----------------------------------------------------------------------------------------------


def test_a_counterfactual_price_has_the_factor_of_the_kind() -> None:
    seen = Counter[tuple[str, float]]()
    for i in range(200):
        row = product(SPEC, SEED, i)
        kind = list_kinds(SPEC)[kind_numbers(SPEC, SEED, [i])[0]]
        for change in counterfactuals(SPEC, row, 0):
            if change.attribute == "material":
                new, old = (price_factor(SPEC, kind, "material", value) for value in (change.new, change.old))
                ratio = new / old
                assert change.log_change == pytest.approx(math.log(ratio))
                assert change.new in possible_values(SPEC, kind, "material")
                seen[kind.silhouette, round(ratio, 3)] += 1
    assert {("jeans", 0.5), ("jeans", 2.5), ("shorts", 1.2), ("boot", 0.4)} <= seen.keys()


# -- random specs ------------------------------------------------------------------------------------------------------


@given(documents(), st.integers(0, 2**31))
def test_random_specs_generate_products_of_their_kinds(document: dict[str, Any], seed: int) -> None:
    spec = build(document)
    index_N = np.array([4, 0, 1, 2, 97, 1_000_000 + seed % 7])
    batch = rows(spec, seed, index_N).to_pylist()
    kinds = list_kinds(spec)
    for i, row in zip(index_N.tolist(), batch, strict=True):
        alone = pa.RecordBatch.from_pylist([row]).to_pylist()
        assert rows(spec, seed, np.array([i])).to_pylist() == alone
        said = json.loads(row["attributes"])
        own = [kind for kind in kinds if (kind.path[2] == row["category3_code"]) or not row["inferable"]]
        fitting = [kind for kind in own if kind.silhouette == said["silhouette"]]
        assert fitting
        assert any(
            kind.attributes.keys() == said["choices"].keys()
            and all(value in possible_values(spec, kind, name) for name, value in said["choices"].items())
            for kind in fitting
        )
        assert 0 < row["price"] <= row["full_price"]
    assert product(spec, seed, 97).title == batch[4]["title"]
    extra = add_extra_columns(pa.Table.from_pylist(batch), spec, seed, index_N)["season"].to_pylist()
    assert extra == [json.loads(row["attributes"])["choices"].get("season") for row in batch]
    evaluated = [each for each in products(spec, seed, 0, 12) if each.category3_code]
    for best in best_scores(spec, RULES, evaluated).values() if evaluated else ():
        assert 0 < best.joint <= min(best.category, best.title, best.price) + 1e-9


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict | list):
        for key, inside in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(inside, (*path, key))


@given(documents(), st.randoms(use_true_random=False))
def test_changed_random_specs_are_accepted_as_jsonschema_accepts_them(
    document: dict[str, Any], choices: random.Random
) -> None:
    validator = jsonschema.Draft202012Validator(schema("catalog"))
    assert validator.is_valid(document)
    for _ in range(5):
        changed = copy.deepcopy(document)
        *inside, last = choices.choice([path for path in _places(document) if path[:1] == ("categories",) and path[1:]])
        target: Any = changed
        for step in inside:
            target = target[step]
        target[last] = choices.choice(WRONG)
        try:
            from_dict(CatalogSpec, changed, "here")
            accepted = True
        except ToileError:
            accepted = False
        assert accepted is validator.is_valid(changed), ([*inside, last], target[last])
