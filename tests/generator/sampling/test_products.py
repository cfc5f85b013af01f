"""A product is a pure function: any range, any order, any batch gives the same row; shares and rules hold."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.sampling.arrow_columns import factorize_columns
from generator.sampling.attributes import Choice, sample_without_replacement
from generator.sampling.products import (
    compile_catalog,
    dictionary_rows,
    family_start,
    product,
    products,
    rows,
    sample_splits,
    split_numbers,
)
from generator.sampling.streams import uniform
from schemas.catalog import CatalogSpec
from schemas.errors import ToileError
from schemas.evaluation import SPLITS
from schemas.product import ARROW_SCHEMA, split_of
from schemas.validation import from_document, load
from tests.conftest import PRESETS

LUXURY = load(PRESETS / "fashion-luxury.yaml", "catalog")


@pytest.fixture(scope="module")
def luxury() -> pd.DataFrame:
    """Return 20,000 rows with their attributes as a column of dictionaries."""
    table: pd.DataFrame = rows(LUXURY, 4, np.arange(20_000)).to_pandas()
    return table.assign(attributes=table["attributes"].map(json.loads))


@given(st.integers(0, 2**31), st.lists(st.integers(0, 40_000_000), min_size=1, max_size=30))
def test_row_does_not_depend_on_other_rows_of_the_batch(seed: int, index: list[int]) -> None:
    together = rows(LUXURY, seed, np.array(index))
    for place, i in enumerate(index[:3]):
        assert rows(LUXURY, seed, np.array([i])).to_pylist() == together.slice(place, 1).to_pylist()


def test_products_and_product_agree_with_each_other() -> None:
    listed = list(products(LUXURY, 2, 10, 25))
    assert listed == [product(LUXURY, 2, i) for i in range(10, 35)]


def test_another_process_makes_the_same_product() -> None:
    code = (
        "from schemas.validation import load, preset_path; from generator import product;"
        "print(product(load(preset_path('fashion-luxury', 'catalog'), 'catalog'), 9, 123456))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert answer.strip() == repr(product(LUXURY, 9, 123456))


def test_designs_equal_a_scan_from_the_start() -> None:
    found = family_start(LUXURY, 0, np.arange(5000))
    assert found[0] == 0
    steps = np.diff(found)
    starts = np.flatnonzero(steps) + 1
    assert (found[starts] == starts).all()
    assert np.diff(np.append(starts, 5000)).max() <= LUXURY.colourways.max_per_family


def test_colourways_share_everything_but_colour_code_and_image(luxury: pd.DataFrame) -> None:
    assert 1 - luxury["family"].nunique() / len(luxury) == pytest.approx(LUXURY.colourways.repeat_share, abs=0.01)
    for _, family in luxury.groupby("family"):
        if len(family) == 1:
            continue
        assert family["title"].nunique() == 1
        assert family["full_price"].nunique() == 1
        assert family["split"].nunique() == 1
        colours = [attributes["colour"] for attributes in family["attributes"]]
        assert len(set(colours)) == len(colours)
        rest = {
            json.dumps({k: v for k, v in a.items() if k not in {"colour", "shot_seed", "choices"}})
            for a in family["attributes"]
        }
        assert len(rest) == 1


def test_shares_of_categories_navigation_and_splits_are_those_of_the_spec(luxury: pd.DataFrame) -> None:
    designs = luxury.drop_duplicates("family")
    inferable = designs[designs["inferable"]]
    bags = inferable["category2_code"].eq("BAGS").mean()
    expected = sum(c.share for c in LUXURY.categories if c.path[1] == "BAGS")
    known = sum(c.share for c in LUXURY.categories if c.path[2] != "N.A.")
    assert bags == pytest.approx(expected / known, abs=0.01)
    labels = luxury["category3_code"].isin(["VIEW ALL", "NEW IN"]).mean()
    assert labels == pytest.approx(LUXURY.navigation.share * 8 / 12, abs=0.01)
    assert (luxury["split"] == "test").mean() == pytest.approx(0.1, abs=0.015)
    assert not luxury.loc[luxury["category3_code"].isna(), "inferable"].any()


def test_rules_are_obeyed(luxury: pd.DataFrame) -> None:
    choices = pd.DataFrame(list(luxury["attributes"].map(lambda a: a["choices"])))
    leather = choices[choices["material"].isin(["leather", "suede", "bag suede", "denim"])]
    assert len(leather) > 500
    assert set(leather["pattern"].dropna()) == {"plain"}
    assert (choices.loc[choices["material"] == "cashmere knit", "pattern"] == "argyle").any()


def test_titles_are_clean_and_as_long_as_real_ones(luxury: pd.DataFrame) -> None:
    titles = luxury["title"]
    assert titles.notna().all()
    assert not titles.str.contains(r"  |^ | $|[{}]").any()
    assert titles.str.len().between(4, 71).all()
    lowered = titles.str.lower().str.replace(r"[^a-z0-9]+", "-", regex=True)
    assert (luxury["itemurl"].str.split("/").str[-1] == lowered + "-p" + luxury["product_code"]).all()


def test_urls_use_reserved_domains(luxury: pd.DataFrame) -> None:
    for column in ("itemurl", "imageurl"):
        hosts = luxury[column].str.extract(r"^https://([^/]+)/")[0]
        assert hosts.str.endswith(".example").all()


def _with_new_colour(document: dict[str, Any]) -> None:
    document["attributes"]["colour"]["values"]["plum"] = {"draws": "#55324f", "weight": 50}


def _with_new_price(document: dict[str, Any]) -> None:
    for category in document["categories"]:
        category["price"]["median"] *= 3


def _with_navigation(document: dict[str, Any]) -> None:
    document["navigation"]["share"] = 0.9


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        (_with_new_colour, {"attributes"}),
        (_with_new_price, {"full_price", "price", "full_price_eur", "price_eur"}),
        (_with_navigation, {"category3_code", "inferable"}),
    ],
)
def test_changing_one_stream_changes_nothing_else(
    spec_document: dict[str, Any], change: Callable[[dict[str, Any]], None], moved: set[str]
) -> None:
    before = rows(from_document(spec_document, "catalog"), 0, np.arange(500))
    change(spec_document)
    after = rows(from_document(spec_document, "catalog"), 0, np.arange(500))
    differ = {name for name in before.schema.names if not before.column(name).equals(after.column(name))}
    assert differ == moved


def test_a_colour_without_enough_values_starts_over(spec_document: dict[str, Any]) -> None:
    spec_document["attributes"]["colour"]["values"] = {"black": {"draws": "#000000"}, "navy": {"draws": "#000080"}}
    spec_document["colourways"] = {"repeat_share": 0.7, "max_per_family": 4}
    spec = from_document(spec_document, "catalog")
    table = rows(spec, 0, np.arange(400)).to_pandas()
    sizes = table.groupby("family").size()
    assert sizes.max() > 2


def test_a_rule_that_leaves_nothing_is_an_error_before_any_row(spec_document: dict[str, Any]) -> None:
    spec_document["attributes"]["pattern"]["rules"][0]["multiply"]["plain"] = 0
    spec: CatalogSpec = from_document(spec_document, "catalog")
    with pytest.raises(ToileError) as caught:
        product(spec, 0, 0)
    assert "attributes.pattern.rules" in caught.value.where
    assert "material" in caught.value.problem


@given(st.data())
def test_choice_equals_a_scan_of_the_weights(data: st.DataObject) -> None:
    num_keys, num_values = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 7))
    weights = np.array(data.draw(st.lists(st.sampled_from([0, 1, 3, 0.01, 7]), min_size=42, max_size=42)))
    weights_KV = weights[: num_keys * num_values].reshape(num_keys, num_values).astype(np.float64)
    weights_KV[:, 0] += weights_KV.sum(axis=1) == 0
    choice = Choice.of(weights_KV)
    cell = np.arange(257) / 256
    uniform_N = np.concatenate([uniform(0, "walk", np.arange(500)), cell[:-1], cell[1:] - 2.0**-40])
    key_N = np.arange(len(uniform_N)) % num_keys
    picked_N = choice.pick(key_N, uniform_N)
    walked_N = [
        int((choice.edges[key * num_values : (key + 1) * num_values] <= key + u).sum())
        for key, u in zip(key_N.tolist(), uniform_N.tolist(), strict=True)
    ]
    assert picked_N.tolist() == walked_N
    assert (weights_KV[key_N, picked_N] > 0).all()


def slow_colour(weights: list[float], seed: int, name: str, design: int, rank: int) -> int:
    """Sample one product's colours one after the other, without replacement."""
    left = list(weights)
    for draw in range(rank + 1):
        left = left if sum(left) > 0 else list(weights)
        cumulative = np.cumsum(left)
        reached = uniform(seed, f"attribute/{name}/{draw}", np.array([design]))[0] * cumulative[-1]
        picked = int((cumulative <= reached).sum())
        left[picked] = 0.0
    return picked


@pytest.mark.parametrize("order", ["ascending", "descending", "at random"])
def test_colours_equal_sequential_sampling(order: str) -> None:
    index_N = np.arange(300) if order != "at random" else np.random.default_rng(0).integers(0, 300, 300)
    index_N = index_N[::-1] if order == "descending" else index_N
    colour = next(a for a in compile_catalog(LUXURY).attributes if a.name == "colour")
    design_N = family_start(LUXURY, 0, index_N)
    key_N = design_N % len(colour.weights_KV)
    found = sample_without_replacement(colour, 5, key_N, design_N, index_N - design_N)
    slow = [
        slow_colour(colour.weights_KV[key].tolist(), 5, "colour", design, i - design)
        for key, design, i in zip(key_N.tolist(), design_N.tolist(), index_N.tolist(), strict=True)
    ]
    assert found.tolist() == slow


def named_spec(distinct: float) -> CatalogSpec:
    """A shop of two kinds with 40 names of lines; half of its titles have none."""
    lines: dict[str, Any] = {f"line{number}": {} for number in range(40)}
    kind = {"price": {"median": 50}, "attributes": {"material": None, "line": None, "colour": None}}
    document = {
        "name": "lines",
        "shop": {"website_name": "Lines", "brand": "LINES", "host": "lines.example"},
        "distinct_titles": distinct,
        "colourways": {"repeat_share": 0.3, "max_per_family": 3},
        "attributes": {
            "material": {"values": {"cotton": {}, "linen": {}, "wool": {}}},
            "line": {"values": lines},
            "colour": {"values": {"red": {"draws": "#aa2222"}, "blue": {"draws": "#2222aa"}}},
        },
        "categories": [
            {"path": ["A", "B", "COATS"], "share": 0.5, "silhouette": "coat", **kind,
             "titles": {"{line} {material} Coat {colour}": 1, "{line} {line} Coat": 1}},
            {"path": ["A", "B", "SHIRTS"], "share": 0.5, "silhouette": "shirt", **kind,
             "titles": {"{material} Shirt": 1}},
        ],
    }  # fmt: skip
    spec: CatalogSpec = from_document(document, "catalog", "lines")
    return spec


def test_distinct_titles_are_sampled_again_and_nothing_else_changes() -> None:
    index = np.arange(60)
    plain, distinct = (rows(named_spec(share), 4, index).to_pandas() for share in (0.0, 1.0))
    changed = [name for name in plain if not plain[name].equals(distinct[name])]
    assert set(changed) == {"title", "itemurl", "attributes"}

    def repeats(table: pd.DataFrame) -> int:
        coats = table[table.category3_code == "COATS"].drop_duplicates("family")
        return int(coats.title.str.replace(r" (Red|Blue)$", "", regex=True).duplicated().sum())

    assert repeats(plain) > 2
    assert repeats(distinct) == 0
    shirts = plain.category3_code == "SHIRTS"
    assert plain[shirts].title.equals(distinct[shirts].title)  # no word that the image does not show
    looks = [[{**json.loads(text), "choices": None} for text in table.attributes] for table in (plain, distinct)]
    assert looks[0] == looks[1]


def test_distinct_titles_do_not_depend_on_other_rows_of_the_batch() -> None:
    spec, index = named_spec(0.8), np.random.default_rng(0).permutation(5000)[:300]
    every = rows(spec, 4, np.arange(5000))
    assert rows(spec, 4, index)["title"].to_pylist() == every["title"].take(pa.array(index)).to_pylist()
    assert product(spec, 4, 4096).title == every["title"][4096].as_py()


def test_splits_equal_split_of() -> None:
    design_D = np.array([0, 9, 10, 99_999, 40_000_000, *range(300)])
    assert [SPLITS[k] for k in split_numbers("a-shop-12-", design_D)] == [split_of(f"a-shop-12-{n}") for n in design_D]
    index_N = np.arange(500, 1500)
    batch = dictionary_rows(LUXURY, 3, index_N)
    assert batch["split"].to_pylist() == [split_of(name) for name in batch["family"].to_pylist()]
    split_N = sample_splits(LUXURY, 3, index_N)
    assert [SPLITS[k] for k in split_N] == batch["split"].to_pylist()
    assert dictionary_rows(LUXURY, 3, index_N, split_N).equals(batch)


def test_combinations_are_numbered_beyond_64_bits() -> None:
    columns = np.random.default_rng(1).integers(0, 4, (9, 500))
    columns[4:] = columns[0]
    number_N, row_K = factorize_columns([(column, 2**20) for column in columns])
    combinations = {tuple(column) for column in columns.T.tolist()}
    assert len(row_K) == len(combinations)
    assert (columns[:, row_K[number_N]] == columns).all()


def test_dictionary_rows_equal_plain_rows() -> None:
    index_N = np.arange(700, 900)
    compact, batch = dictionary_rows(LUXURY, 3, index_N), rows(LUXURY, 3, index_N)
    assert compact.to_pylist() == batch.to_pylist()
    assert batch.schema.equals(pa.schema([ARROW_SCHEMA.field(name) for name in batch.schema.names]))
    assert pa.types.is_dictionary(compact.schema.field("title").type)


def test_docstring_examples() -> None:
    import doctest

    import generator.sampling.codes
    import generator.sampling.products
    import generator.sampling.streams

    for module in (generator.sampling.codes, generator.sampling.products, generator.sampling.streams):
        found = doctest.testmod(module, extraglobs={"np": np})
        assert found.attempted > 0
        assert found.failed == 0


def test_every_preset_makes_products_that_can_be_rendered() -> None:
    from generator import draw

    for name in ("demo", "fashion-luxury", "sportswear"):
        spec = load(PRESETS / f"{name}.yaml", "catalog")
        for each in products(spec, 0, 0, 12):
            assert draw(each, 32).size == (32, 32)


def test_spec_is_compiled_once_under_any_name() -> None:
    assert compile_catalog(LUXURY, "here.yaml") is compile_catalog(LUXURY, "there.yaml") is compile_catalog(LUXURY)
