"""Mutated specs, tables, images and documents: a result or a ToileError, never another exception."""

import dataclasses
import functools
import io
import json
import os
import random
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image

from generator.catalog.shards import encode_masks
from generator.faults.scoring import FAULTS_SCHEMA
from generator.pages.catalog_page import make_thumbnail
from generator.render.engine.parts import RenderedParts
from schemas.documents import read_document
from schemas.product import to_table
from tests.generator.ingest.test_import_table import rows
from tests.helpers.fuzzing import RECORD, TARGETS, accepts, mutate
from tests.helpers.kinds_spec import kinds_document
from tests.helpers.shard_fixture import products
from toile.cli import main

PRESETS = Path(__file__).parents[2] / "schemas" / "presets"
ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "150"))
"""Mutants per target. For more: FUZZ_ROUNDS=20000 pytest tests/project/test_fuzz.py."""
SLOW = {"catalog-spec": 3, "json-spec": 3, "parquet": 2, "shard": 2, "image": 2, "thumbnail": 2}
"""Targets that get fewer rounds."""


def _encoded(kind: str, size: tuple[int, int] = (24, 18)) -> bytes:
    file = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(file, kind)
    return file.getvalue()


def _table_of_a_catalog(target: str) -> bytes:
    if target == "masks":
        cover = np.ones((4, 4), np.uint8)
        parts = RenderedParts(
            image=Image.new("RGB", (4, 4)), mask=cover, part_ids=cover, names=("none", "body"), box=(0, 0, 4, 4)
        )
        return encode_masks([("1", parts), ("2", parts)])
    file = io.BytesIO()
    if target == "shard":
        made = [dataclasses.replace(row, attributes={"colour": "navy", "list": [1, None]}) for row in products(4)]
        pq.write_table(to_table(made), file, write_page_checksum=False)
    else:
        line = dict.fromkeys(FAULTS_SCHEMA.names, "1") | {"row": 1, "of_row": None}
        pq.write_table(pa.Table.from_pylist([line, line], FAULTS_SCHEMA), file, write_page_checksum=False)
    return file.getvalue()


def _two_frames() -> bytes:
    frames = [Image.effect_noise((20, 14), spread).convert("P") for spread in (50, 60)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    return file.getvalue()


@functools.cache
def examples(target: str) -> tuple[bytes, ...]:
    """Return valid inputs of a target."""
    table = rows(8)
    if target == "catalog-spec":
        return tuple((PRESETS / f"{name}.yaml").read_bytes() for name in ("demo", "home-beauty"))
    if target == "training-spec":
        return ((PRESETS / "demo-run.yaml").read_bytes(),)
    if target == "json-spec":
        return tuple(json.dumps(each).encode() for each in (read_document(PRESETS / "demo.yaml"), kinds_document()))
    if target in {"csv", "tsv"}:
        separator = "," if target == "csv" else "\t"
        return (
            "\n".join(
                separator.join(str(cell) for cell in line) for line in [list(table[0]), *map(dict.values, table)]
            ).encode(),
        )
    if target == "jsonl":
        return ("\n".join(json.dumps(row) for row in table).encode(),)
    if target == "parquet":
        file = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(table), file)
        return (file.getvalue(),)
    if target in {"image", "thumbnail"}:
        return (*(_encoded(kind) for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP")), _two_frames())
    if target == "manifest":
        return (RECORD,)
    if target in {"shard", "faults", "masks"}:
        return (_table_of_a_catalog(target),)
    if target == "predictions":
        line = {"product_code": "1", "text": "title: A", "truth": {"title": "A", "category": "B", "full_price": 1.0}}
        return (json.dumps(line).encode() + b"\n",)
    return (b"title: Wool Coat\ncategory: COATS\nprice: 1,290.00", b'{"title": "A", "category": "B", "price": 3}')


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_mutants_of_valid_inputs_are_accepted_or_refused(target: str) -> None:
    rng = random.Random(target)
    for content in examples(target):
        accepts(target, content)
        for _ in range(ROUNDS // SLOW.get(target, 1) // len(examples(target)) + 1):
            accepts(target, mutate(content, rng))


@pytest.mark.parametrize("target", sorted(set(TARGETS) - {"predictions"}))
def test_examples_are_valid(target: str) -> None:
    assert all(accepts(target, content) for content in examples(target))


def test_every_pillow_error_is_a_broken_image() -> None:
    """The first was found by atheris, the second by mutants: a GIF without an end, a TIFF with strips at 140/x."""
    two = _two_frames()
    assert make_thumbnail(two[: two.rindex(b"!\xf9") + 1], 16).jpeg is not None, "its first image is whole"
    tiff = bytearray(_encoded("TIFF"))
    position = tiff.index(struct.pack("<HH", 0x111, 4))
    tiff[position + 2] = 5
    assert make_thumbnail(bytes(tiff), 16).jpeg is None
    assert not accepts("image", bytes(tiff))


def _in_parquet(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def test_deeply_nested_attributes_are_refused() -> None:
    """Found by reading the code: the JSON parser of Python raises RecursionError."""
    table = to_table(products(1))
    deep = pa.array(["[" * 100_000])
    table = table.set_column(table.schema.get_field_index("attributes"), "attributes", deep)
    assert not accepts("shard", _in_parquet(table))


def test_faults_with_columns_of_other_names_or_types_are_refused() -> None:
    """The first was found by a mutant: Arrow reads a name that is not UTF-8, and fails when the name is used."""
    content = examples("faults")[0]
    assert not accepts("faults", content.replace(b"of_row", b"of_\xe1ow"))
    table = pa.Table.from_pylist([dict.fromkeys(FAULTS_SCHEMA.names, "one")])
    assert not accepts("faults", _in_parquet(table))
    assert not accepts("faults", _in_parquet(table.append_column("row", pa.array([1]))))


@pytest.mark.parametrize("number", range(6))
def test_broken_spec_or_table_is_a_one_line_error(tmp_path: Path, number: int) -> None:
    rng = random.Random(number)
    (tmp_path / "spec.yaml").write_bytes(mutate(examples("catalog-spec")[0], rng))
    (tmp_path / "table.csv").write_bytes(mutate(examples("csv")[0], rng))
    for words in (
        ["generate", "spec.yaml", "--no-images", "--num-products", "5", "--out", "out"],
        ["check", "spec.yaml"],
        ["import", "table.csv", "--out", "imported"],
    ):
        words = [str(tmp_path / word) if "." in word or word in {"out", "imported"} else word for word in words]
        result = CliRunner().invoke(main, words)
        assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
        assert "Traceback" not in result.output
