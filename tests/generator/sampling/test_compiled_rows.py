"""The compiled loops give the rows that numpy defines, bit for bit, and large catalogs are made by them."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import generator.catalog.shards
from generator.catalog.shards import GenerateInputs, write_shards
from generator.rows import name_hashes, row_loops
from generator.rows.row_loops import cells_of, nearest, numbered_keys
from generator.rows.row_numbers import split_by_split
from generator.sampling.looks import dense
from generator.sampling.prices import nearest_legal
from generator.sampling.products import compact_rows
from generator.sampling.streams import Index
from schemas.product import SPLITS
from schemas.validation import from_document, load
from tests.conftest import PRESETS

ORDERS: dict[str, Index] = {
    "from the start": np.arange(6000),
    "far out": np.arange(39_000_000, 39_003_000),
    "backwards": np.arange(500, 0, -1),
    "at random": np.random.default_rng(0).integers(0, 40_000_000, 2000),
    "three times": np.repeat(np.arange(100, 300), 3),
    "one": np.array([12_345]),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("preset", ["demo", "fashion-luxury", "home-beauty", "marketplace", "sportswear"])
def test_compiled_rows_are_those_of_numpy(preset: str, order: str) -> None:
    spec = load(PRESETS / f"{preset}.yaml", "catalog")
    slow, fast = (compact_rows(spec, 7, ORDERS[order], compiled=compiled) for compiled in (False, True))
    assert fast.schema.equals(slow.schema)
    for name in slow.schema.names:
        assert fast.column(name).equals(slow.column(name)), name
    fast.validate(full=True)


def test_colours_with_prices_and_without_enough_values_too(spec_document: dict[str, Any]) -> None:
    spec_document["attributes"]["colour"]["values"] = {
        "black": {"draws": "#000000", "price": 1.5},
        "navy": {"draws": "#000080"},
    }
    spec_document["colourways"] = {"repeat_share": 0.7, "max_per_family": 5}
    spec_document["code_digits"] = 11
    spec_document["name"] = "a-name-too-long-for-a-block"
    spec, seed = from_document(spec_document, "catalog"), 10**30  # with the seed
    slow, fast = (compact_rows(spec, seed, np.arange(3000), compiled=compiled) for compiled in (False, True))
    assert fast.equals(slow)


def test_the_rows_of_each_split_stand_together_in_order() -> None:
    spec = load(PRESETS / "sportswear.yaml", "catalog")
    index_N, split_N = split_by_split(spec, 1, np.arange(3000))
    assert sorted(index_N.tolist()) == list(range(3000))
    steps = np.diff(index_N)
    assert (steps[np.diff(split_N) == 0] > 0).all()
    assert (np.diff(split_N) >= 0).all()
    named = compact_rows(spec, 1, index_N)["split"].to_pylist()
    assert named == [SPLITS[k] for k in split_N]
    known = compact_rows(spec, 1, index_N, compiled=True, split_N=split_N)
    assert known.to_pylist() == compact_rows(spec, 1, index_N).to_pylist()


@pytest.mark.parametrize("length", [0, 1, 40, 54])
def test_hashes_of_names_are_those_of_hashlib(length: int) -> None:
    before = b"n" * length
    number_D = np.array([0, 9, *range(200)]) if length == 54 else np.array([0, 10**9, *range(990, 1300)])
    number_D = number_D % 10 if length == 54 else number_D
    found = name_hashes.heads_of_names(np.frombuffer(before, np.uint8), number_D)
    slow = [int.from_bytes(hashlib.sha256(before + b"%d" % n).digest()[:8], "big") for n in number_D.tolist()]
    assert found.tolist() == slow


def test_keys_are_numbered_as_arrow_does_also_when_the_table_grows() -> None:
    key_N = np.random.default_rng(0).integers(0, 2**62, 9000)[np.random.default_rng(1).integers(0, 9000, 30_000)]
    (slow_N, _), (fast_N, row_K) = dense(key_N), numbered_keys(key_N)
    assert fast_N.tolist() == slow_N.tolist()
    assert (key_N[row_K[fast_N]] == key_N).all()


@pytest.mark.parametrize("points", [[5.0], [0.01, 0.02], [*range(1, 400)], [4.99, 5.0, 1e6]])
def test_the_nearest_legal_price_is_the_same(points: list[float]) -> None:
    points_P = np.array(points, np.float64)
    price_N = np.concatenate([points_P, (points_P[1:] + points_P[:-1]) / 2, np.geomspace(1e-3, 1e7, 999), [0.0]])
    found_N = points_P[nearest(points_P, cells_of(points_P), price_N)]
    assert found_N.tolist() == nearest_legal(points_P, price_N).tolist()


@pytest.mark.parametrize("bound", [1, 9, 10, 3000, 10**5, 9 * 10**9])
def test_remainders_need_no_division(bound: int) -> None:
    inverse = np.uint64((2**64 - 1) // bound)
    for number in (0, 1, bound - 1, bound, bound + 1, 2**32, 2**63, 2**64 - 1, 2**64 // bound * bound - 1):
        assert row_loops.remainder(np.uint64(number), np.uint64(bound), inverse) == number % bound


def test_a_large_catalog_has_the_same_rows_in_the_same_order(
    tmp_path: Path, demo_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = GenerateInputs(spec_document=demo_document, seed=3, start=0, num_products=3000, image_size=None)
    monkeypatch.setattr(generator.catalog.shards, "PRODUCTS_PER_SHARD", {True: 20, False: 1300})
    write_shards(wanted, tmp_path / "numpy")
    monkeypatch.setattr(generator.catalog.shards, "COMPILED_FROM", 0)
    write_shards(wanted, tmp_path / "compiled")
    names = sorted(path.name for path in (tmp_path / "numpy" / "data").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "compiled" / "data").iterdir())
    assert len(names) == 9
    for name in names:
        slow, fast = (pq.read_table(tmp_path / made / "data" / name) for made in ("numpy", "compiled"))
        assert fast.equals(slow, check_metadata=True)
