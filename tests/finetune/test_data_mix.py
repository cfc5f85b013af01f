"""The mixed stream is a pure function of sizes, weights and seed, keeps its weights and repeats no row early."""

import hashlib
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.data_mix import ShardSource, SpecSource, check_currencies, find_source, mix, open_source, seen_rows
from schemas.appearance import appearance_sha256
from schemas.errors import ToileError
from schemas.evaluation import SPLITS
from schemas.fingerprints import pixel_sha256
from schemas.images import decode_rgb
from schemas.product import read
from schemas.training import DrawSpec
from tests.conftest import PRESETS
from tests.helpers.shard_fixture import relist

GOLDEN_SOURCE = [0, 0, 1, 0, 0, 1, 0, 1, 0, 0, 1, 0]
GOLDEN_ROW = [3, 0, 2, 2, 1, 1, 4, 0, 4, 1, 2, 0]
SIZES = st.lists(st.integers(1, 50), min_size=1, max_size=4)


@given(SIZES, st.integers(0, 2**31), st.integers(0, 200), st.integers(0, 200))
def test_mix_slice_equals_slice_of_whole_stream(sizes: list[int], seed: int, first: int, num: int) -> None:
    weights = [1.0 + k for k in range(len(sizes))]
    source, row = mix(sizes, weights, seed, 0, 400)
    part_source, part_row = mix(sizes, weights, seed, first, first + num)
    assert part_source.tolist() == source[first : first + num].tolist()
    assert part_row.tolist() == row[first : first + num].tolist()


@given(SIZES, st.integers(0, 2**31))
def test_mix_has_every_row_once_per_epoch(sizes: list[int], seed: int) -> None:
    source, row = mix(sizes, [1.0] * len(sizes), seed, 0, 600)
    for number, size in enumerate(sizes):
        shown = row[source == number].tolist()
        for start in range(0, len(shown) - size + 1, size):
            assert sorted(shown[start : start + size]) == list(range(size))


@pytest.mark.parametrize("weights", [[1, 1], [9, 1], [0.5, 0.3, 0.2]])
def test_mix_keeps_weights_in_any_stretch(weights: list[float]) -> None:
    source, _ = mix([1000] * len(weights), weights, 3, 0, 5000)
    for start in range(0, 4000, 500):
        counts = Counter(source[start : start + 500].tolist())
        for number, weight in enumerate(weights):
            assert counts[number] == pytest.approx(500 * weight / sum(weights), abs=4)


def test_mix_order_differs_by_epoch_and_seed() -> None:
    _, row = mix([200], [1], 0, 0, 400)
    _, other = mix([200], [1], 1, 0, 200)
    assert row[:200].tolist() != row[200:].tolist()
    assert row[:200].tolist() != other.tolist()
    assert row[:200].tolist() != sorted(row[:200].tolist())


def test_shard_source_has_usable_rows_and_counts_skipped(catalog: Path) -> None:
    rows = list(read(catalog, split="train"))
    complete = [r for r in rows if r.title and r.category3_code and r.full_price and r.image]
    source = open_source(catalog, "train")
    assert source.num_examples == len(complete)
    assert source.num_skipped == len(rows) - len(complete) > 0
    example = source.example(3)
    assert (example.title, example.category, example.full_price) == (
        complete[3].title,
        complete[3].category3_code,
        complete[3].full_price,
    )
    assert example.image.size == (64, 64)


def test_seen_rows_have_code_family_image_hashes_and_what_is_drawn(catalog: Path) -> None:
    rows = {r.product_code: r for r in read(catalog, split="train")}
    source = open_source(catalog, "train")
    assert len(list(source.seen())) == source.num_examples
    for seen in seen_rows([source]):
        row = rows[str(seen["product_code"])]
        assert row.image is not None
        assert seen["family"] == row.family
        assert seen["picture_sha256"] == hashlib.sha256(row.image).hexdigest()
        assert seen["pixels_sha256"] == pixel_sha256(decode_rgb(row.image))
        assert seen["drawn_sha256"] == appearance_sha256(row.attributes) is not None
        assert seen["data"] == str(catalog)


def test_rows_without_images_are_not_usable(tmp_path: Path) -> None:
    from generator.catalog.shards import GenerateInputs, write_shards
    from schemas.documents import read_document

    document = read_document(PRESETS / "demo.yaml")
    inputs = GenerateInputs(spec_document=document, seed=0, start=0, num_products=50, image_size=None)
    write_shards(inputs, tmp_path / "rows")
    assert find_source(tmp_path / "rows", "train") is None
    with pytest.raises(ToileError, match="is a catalog without images"):
        open_source(tmp_path / "rows", "train")


def test_mixed_currencies_are_refused(catalog: Path, tmp_path: Path) -> None:
    shutil.copytree(catalog, tmp_path / "rupees")
    for path in (tmp_path / "rupees" / "data").iterdir():
        table = pq.read_table(path)
        place = table.schema.get_field_index("currency_code")
        pq.write_table(table.set_column(place, "currency_code", [["INR"] * table.num_rows]), path)
    relist(tmp_path / "rupees")
    sources = [open_source(catalog, "train"), open_source(tmp_path / "rupees", "train")]
    with pytest.raises(ToileError) as caught:
        check_currencies(sources)
    assert "USD" in caught.value.problem
    assert "INR" in caught.value.problem
    assert "--rate" in caught.value.hint
    check_currencies(sources[:1])


def test_broken_image_error_names_product(catalog: Path) -> None:
    source = open_source(catalog, "train")
    assert isinstance(source, ShardSource)
    table = source.table
    broken = [{"bytes": b"not an image", "path": "x.jpg"}] * table.num_rows
    import pyarrow as pa

    place = table.schema.get_field_index("image")
    spoiled = table.set_column(place, "image", pa.array(broken, table.schema.field("image").type))
    code = table["product_code"][0].as_py()
    with pytest.raises(ToileError) as caught:
        type(source)(folder=source.folder, table=spoiled, num_skipped=0, content_sha256="").example(0)
    assert code in caught.value.where


def test_open_source_renders_rows_of_a_spec(catalog: Path, tmp_path: Path) -> None:
    assert isinstance(open_source(catalog, "train"), ShardSource)
    spec = PRESETS / "demo.yaml"
    source = open_source(spec, "train", DrawSpec(num_products=20, image_size=32))
    assert isinstance(source, SpecSource)
    assert source.example(0).image.size == (32, 32)
    few = DrawSpec(num_products=1, image_size=32)
    empty = [split for split in SPLITS if find_source(spec, split, few) is None]
    assert len(empty) >= 2
    with pytest.raises(ToileError, match=f"no {empty[0]} row with title") as caught:
        open_source(spec, empty[0], few)
    assert "num_products" in caught.value.hint
    with pytest.raises(ToileError, match="no shard folder, no catalog spec and no shipped preset"):
        open_source(tmp_path / "spec.yaml", "train")


def test_mix_golden_order() -> None:
    source, row = mix([5, 3], [2, 1], 7, 0, 12)
    assert source.tolist() == GOLDEN_SOURCE
    assert row.tolist() == GOLDEN_ROW
    assert Counter(source.tolist()) == {0: 8, 1: 4}


def test_training_on_catalogs_imports_no_numba() -> None:
    """Only a catalog spec in the mix renders images; a GPU machine that trains on catalogs may lack numba."""
    code = "import sys; import finetune.train, finetune.benchmark; print('numba' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
