"""Parquet files straight from numbers: other readers see the rows that numpy defines, and any damage to a page."""

import io
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import generator.catalog.shards
from generator.catalog import parquet_files
from generator.catalog.shards import GenerateInputs, write_shards
from generator.rows import column_pages
from generator.rows.numbered_files import files_of
from generator.rows.page_loops import bit_packed, delta_packed, new_ends_of_names
from generator.rows.piece_loops import CONSTANT, NUMBER_OF_GROUP, NUMBER_OF_ROW, OF_GROUP, OF_ROW, compressed_texts
from generator.rows.row_loops import Small, Small2
from generator.rows.row_numbers import split_by_split
from generator.rows.text_loops import Letters
from generator.rows.text_pieces import with_stretches
from generator.sampling.products import compile_catalog, rows
from generator.sampling.streams import Index
from schemas.catalog import CatalogSpec
from schemas.product import ARROW_SCHEMA
from schemas.validation import from_document, load
from tests.conftest import PRESETS

FAR = np.arange(39_000_000, 39_002_500)


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few thousand rows have several groups and pages."""
    monkeypatch.setattr(parquet_files, "ROW_GROUP", {True: 100, False: 900})
    monkeypatch.setattr("generator.rows.numbered_files.ROW_GROUP", {True: 100, False: 900})
    monkeypatch.setattr(column_pages, "ROWS_OF_A_PAGE", 250)


def files(spec: CatalogSpec, seed: int, index_N: Index) -> tuple[list[tuple[str, int, bytes]], Index]:
    """The files of a shard, and the product numbers in their order."""
    index_N, split_N = split_by_split(spec, seed, index_N)
    return list(files_of(compile_catalog(spec), seed, index_N, split_N)), index_N


def check_rows(spec: CatalogSpec, seed: int, index_N: Index) -> None:
    made, index_N = files(spec, seed, index_N)
    wanted, first = rows(spec, seed, index_N), 0
    for split, num_rows, content in made:
        table = pq.read_table(io.BytesIO(content), page_checksum_verification=True)
        table.validate(full=True)
        assert table.schema.equals(ARROW_SCHEMA, check_metadata=True)
        assert set(table["split"].to_pylist()) == {split}
        assert table["image"].null_count == table.num_rows == num_rows
        part = pa.Table.from_batches([wanted.slice(first, num_rows)])
        for name in part.column_names:
            assert table[name].equals(part[name]), name
        first += num_rows
    assert first == len(index_N)


@pytest.mark.parametrize("index_N", [np.arange(4000), FAR, np.array([12_345])], ids=["begin", "far out", "one"])
@pytest.mark.parametrize("preset", ["demo", "fashion-luxury", "home-beauty", "marketplace", "sportswear"])
def test_pyarrow_reads_the_rows_that_numpy_defines(preset: str, index_N: Index) -> None:
    check_rows(load(PRESETS / f"{preset}.yaml", "catalog"), 7, index_N)


def test_unusual_specs_have_the_same_rows_too(spec_document: dict[str, Any]) -> None:
    spec_document["attributes"]["colour"]["values"] = {
        'b\u00e9ige "1"': {"draws": "#000000", "price": 1.5},
        "\u7d3a": {"draws": "#000080"},
    }
    for category in spec_document["categories"]:
        category["attributes"]["colour"] = None
    spec_document["colourways"] = {"repeat_share": 0.7, "max_per_family": 5}
    spec_document["code_digits"] = 11
    spec_document["name"] = "a-name-too-long-for-a-block"
    check_rows(from_document(spec_document, "catalog"), 10**30, np.arange(3000))


def test_a_row_group_tells_the_true_bounds_of_prices_and_how_much_is_missing() -> None:
    for _, _, content in files(load(PRESETS / "fashion-luxury.yaml", "catalog"), 1, np.arange(3000))[0]:
        file = pq.ParquetFile(io.BytesIO(content))
        for number in range(file.num_row_groups):
            group, table = file.metadata.row_group(number), file.read_row_group(number)
            for place in range(group.num_columns):
                column = group.column(place)
                name, told = column.path_in_schema, column.statistics
                there = table[name.partition(".")[0]]
                assert told.null_count == there.null_count
                assert told.has_min_max == ("price" in name or name == "flg_discount")
                if told.has_min_max:
                    assert (told.min, told.max) == (pc.min(there).as_py(), pc.max(there).as_py())


def test_every_flipped_byte_of_a_page_is_seen() -> None:
    _, _, content = files(load(PRESETS / "demo.yaml", "catalog"), 1, np.arange(1500))[0][0]
    group, whole = pq.ParquetFile(io.BytesIO(content)).metadata.row_group(0), pq.read_table(io.BytesIO(content))
    for place in range(group.num_columns):
        column = group.column(place)
        end = column.data_page_offset + column.total_compressed_size if column.dictionary_page_offset is None else 0
        end = end or column.dictionary_page_offset + column.total_compressed_size
        damaged = bytearray(content)
        damaged[end - 1] ^= 1  # the last byte of its last page
        with pytest.raises(OSError, match="CRC checksum"):
            pq.read_table(io.BytesIO(damaged), page_checksum_verification=True)
    assert whole.num_rows > 900


def test_datasets_and_pandas_read_a_large_catalog_like_a_small_one(
    tmp_path: Path, demo_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = GenerateInputs(spec_document=demo_document, seed=3, start=0, num_products=1500, image_size=None)
    write_shards(wanted, tmp_path / "small")
    monkeypatch.setattr(generator.catalog.shards, "COMPILED_FROM", 0)
    write_shards(wanted, tmp_path / "large")
    small, large = (
        datasets.load_dataset(str(tmp_path / name), cache_dir=str(tmp_path / f"{name}-cache"))
        for name in ("small", "large")
    )
    for split in small:
        assert large[split].features == small[split].features
        assert large[split].to_dict() == small[split].to_dict()
    name = "data/train-00000-of-00001.parquet"
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "large" / name), pd.read_parquet(tmp_path / "small" / name)
    )


@given(st.lists(st.integers(0, 2**21 - 1), max_size=300), st.integers(21, 31))
def test_bit_packing_inverts(numbers: list[int], width: int) -> None:
    packed = bit_packed(np.array(numbers, np.int64), width).tobytes()
    assert len(packed) == -(-len(numbers) // 8) * width
    whole = int.from_bytes(packed, "little")
    assert whole == sum(number << (k * width) for k, number in enumerate(numbers))


@pytest.mark.parametrize("bits", range(32))
def test_lengths_of_any_kind_invert(bits: int) -> None:
    number_N = np.random.default_rng(bits).integers(0, 2**bits, 300).astype(np.int32)
    for num in (1, 2, 33, 129, 300):
        assert unpacked(delta_packed(number_N[:num]).tobytes()) == number_N[:num].tolist()


@given(st.lists(st.integers(0, 300), min_size=1, max_size=80), st.text("ab-", max_size=9))
def test_names_are_what_they_share_with_the_one_before_and_what_is_new(steps: list[int], before: str) -> None:
    design_D = np.cumsum(steps).astype(np.int64) * 7
    run_N = np.repeat(np.arange(len(steps)), 2).astype(np.int32)
    same_N, new_N, letters = new_ends_of_names(len(before), np.frombuffer(before.encode(), np.uint8), design_D, run_N)
    found, last, rest = [], "", letters.tobytes().decode()
    for same, new in zip(same_N.tolist(), new_N.tolist(), strict=True):
        last, rest = last[:same] + rest[:new], rest[new:]
        found.append(last)
    assert found == [f"{before}{design_D[run]}" for run in run_N]
    assert rest == ""


PIECES = ["", "ab", "abcd", "x" * 70, "lorem ipsum dolor", "y" * 5, "0123456789" * 30, "z" * 4]


@given(st.lists(st.lists(st.integers(0, len(PIECES) - 1), min_size=1, max_size=6), min_size=1, max_size=40))
def test_what_is_compressed_while_it_is_put_together_is_any_text(rows_of_pieces: list[list[int]]) -> None:
    check_texts(PIECES, rows_of_pieces)


def test_copies_reach_no_farther_than_the_format_allows() -> None:
    long = ["first piece", *(f"{k:06d}" * 2000 for k in range(7))]
    check_texts(long, [[0], [1], [2], [3], [4], [5], [0], [6], [7], [0], [0], [0]])


@pytest.mark.parametrize("most", [70, 270, 65_600])
def test_letters_of_any_number_stand_between_copies(most: int) -> None:
    pieces = ["a copy", *("n" * length for length in range(most - 70, most))]
    check_texts(pieces, [row for k in range(1, len(pieces)) for row in ([0], [k], [0])])


def test_letters_that_never_repeat_are_written_as_they_are() -> None:
    distinct = [f"{k:03x}" for k in range(4096)]  # too short for a copy
    check_texts(distinct, [[k % 4096 for k in range(start, start + 40)] for start in range(0, 30_000, 40)])


FEW_PIECES = ("", "a", "four", ', "seed": ', "a longer piece of text", "another piece", "x" * 70)
NUMBERS = st.sampled_from([0, 7, 12_345, 2**31 - 1, 10**17])
VALUES = st.integers(0, len(FEW_PIECES) - 4)


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=8), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), VALUES, NUMBERS), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, 4), VALUES, NUMBERS), min_size=1, max_size=40),
)
def test_rows_of_one_group_copy_what_they_share(
    templates: list[list[tuple[int, int]]],
    groups: list[tuple[int, int, int]],
    runs: list[tuple[int, int, int, int]],
) -> None:
    rows = [
        (group % len(groups), (value + k) % (len(FEW_PIECES) - 3), number + k)
        for group, length, value, number in runs
        for k in range(length)
    ]
    wanted = []
    for group, row_value, row_number in rows:
        template, group_value, group_number = groups[group]
        of = {OF_GROUP: group_value, OF_ROW: row_value, CONSTANT: 0}
        numbers = {NUMBER_OF_GROUP: str(group_number), NUMBER_OF_ROW: str(row_number)}
        steps = templates[template % len(templates)]
        wanted.append(
            "".join(numbers[what] if what in numbers else FEW_PIECES[piece + of[what]] for what, piece in steps)
        )
    group_N = np.array([group for group, _, _ in rows], np.int32)
    template_N = np.array([groups[group][0] % len(templates) for group in group_N], np.int32)
    made = compressed(
        FEW_PIECES,
        [[(what, 0, piece) for what, piece in steps] for steps in templates],
        (template_N, group_N),
        (
            np.array([[value] for _, value, _ in groups], np.int32),
            np.array([[value] for _, value, _ in rows], np.int32),
        ),
        (np.array([[number] for _, _, number in groups]), np.array([[number] for _, _, number in rows])),
        max(map(len, wanted)),
    )
    assert made == wanted


@pytest.mark.parametrize("between", [65_500, 65_509, 65_510, 65_511, 65_600])
def test_what_a_group_shares_is_not_copied_from_too_far_back(between: int) -> None:
    pieces, of_row = (
        [*("x" * (between + k) for k in range(4)), "what all rows of the group begin with"],
        [0, 1, 2, 3, 0],
    )
    values = np.zeros((1, 0), np.int32), np.array([[piece] for piece in of_row], np.int32)
    numbers, which = (np.zeros((1, 0), np.int64), np.zeros((5, 0), np.int64)), np.zeros(5, np.int32)
    steps = [(CONSTANT, 0, 4), (OF_ROW, 0, 0)]
    made = compressed(pieces, [steps], (which, which), values, numbers, between + 50)
    assert made == [pieces[4] + pieces[piece] for piece in of_row]


def check_texts(pieces: Sequence[str], rows_of_pieces: Sequence[Sequence[int]]) -> None:
    """Each row: its pieces by all kinds of steps, then two numbers; as another library decompresses them."""
    num, kinds = len(rows_of_pieces), (CONSTANT, OF_GROUP, OF_ROW)
    value_GC = np.zeros((num, max(map(len, rows_of_pieces))), np.int32)
    templates, wanted = [], []
    for n, row in enumerate(rows_of_pieces):
        value_GC[n, : len(row)] = row
        steps = [(kinds[(n + place) % 3], place, piece) for place, piece in enumerate(row)]
        steps = [(kind, place, piece if kind == CONSTANT else 0) for kind, place, piece in steps]
        templates.append([*steps, (NUMBER_OF_GROUP, 0, 0), (NUMBER_OF_ROW, 0, 0)])
        wanted.append("".join(pieces[piece] for piece in row) + f"{n * 99}{10**n % (2**31)}")
    number_N1 = np.array([[n * 99] for n in range(num)]), np.array([[10**n % (2**31)] for n in range(num)])
    which, most = np.arange(num, dtype=np.int32), max(map(len, wanted))
    assert compressed(pieces, templates, (which, which), (value_GC, value_GC), number_N1, most) == wanted


def compressed(
    pieces: Sequence[str],
    templates: Sequence[list[tuple[int, int, int]]],
    which: tuple[Small, Small],
    values: tuple[Small2, Small2],
    numbers: tuple[Index, Index],
    longest: int,
) -> list[str]:
    """The texts that `compressed_texts` makes, decompressed by another library."""
    begins = [0, *np.cumsum([len(steps) for steps in templates]).tolist()]
    step_E4 = np.array(with_stretches([step for steps in templates for step in steps], begins), np.int32).reshape(-1, 4)
    letters: Letters = np.frombuffer("".join(pieces).encode(), np.uint8)
    offset_Q = np.cumsum([0, *map(len, pieces)]).astype(np.int32)
    begin_T, num = np.array(begins, np.int32), len(which[0])
    lengths, packed = compressed_texts(
        begin_T, step_E4, offset_Q, letters, *which, *values, *numbers, 0, num, longest + 40
    )
    size, head = int(lengths.sum()), bytearray()
    while size > 127:
        head.append(size & 127 | 128)
        size >>= 7
    raw = bytes([*head, size]) + packed.tobytes()
    text = pa.Codec("snappy").decompress(raw, decompressed_size=int(lengths.sum())).to_pybytes().decode()
    ends = np.cumsum([0, *lengths]).tolist()
    assert ends[-1] == len(text)
    return [text[first:last] for first, last in itertools.pairwise(ends)]


def unpacked(content: bytes) -> list[int]:
    """DELTA_BINARY_PACKED as Encodings.md defines it, bit by bit."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = content[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def zigzag() -> int:
        value = varint()
        return value >> 1 ^ -(value & 1)

    block, minis, count, found = varint(), varint(), varint(), [zigzag()]
    while len(found) < count:
        least = zigzag()
        widths = content[at : at + minis]
        at += minis
        for width in widths:
            if len(found) >= count:
                break
            bits = int.from_bytes(content[at : at + block // minis * width // 8], "little")
            at += block // minis * width // 8
            for k in range(min(block // minis, count - len(found))):
                found.append(found[-1] + least + (bits >> k * width & (1 << width) - 1))
    assert at == len(content)
    return found
