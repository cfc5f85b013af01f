"""Mutated specs, tables, pictures and records: an answer or a ToileError, never another exception."""

import functools
import io
import json
import os
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image

from schemas.border import read_document
from tests.fuzzing import TARGETS, mutated, tried
from tests.test_importing import rows
from toile import main

PRESETS = Path(__file__).parents[1] / "schemas" / "presets"
ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "150"))
"""Mutants of each target; more by hand: FUZZ_ROUNDS=20000 pytest tests/test_fuzz.py."""
SLOW = {"catalog-spec": 3, "json-spec": 3, "parquet": 2, "picture": 2, "shown-picture": 2}
"""Targets that get fewer rounds."""


def _encoded(kind: str, size: tuple[int, int] = (24, 18)) -> bytes:
    file = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(file, kind)
    return file.getvalue()


@functools.cache
def examples(target: str) -> tuple[bytes, ...]:
    """Sound inputs of a target."""
    table = rows(8)
    if target == "catalog-spec":
        return tuple((PRESETS / f"{name}.yaml").read_bytes() for name in ("demo", "home-beauty"))
    if target == "training-spec":
        return ((PRESETS / "demo-run.yaml").read_bytes(),)
    if target == "json-spec":
        return (json.dumps(read_document(PRESETS / "demo.yaml")).encode(),)
    if target in {"csv", "tsv"}:
        mark = "," if target == "csv" else "\t"
        return (
            "\n".join(
                mark.join(str(cell) for cell in line) for line in [list(table[0]), *map(dict.values, table)]
            ).encode(),
        )
    if target == "jsonl":
        return ("\n".join(json.dumps(row) for row in table).encode(),)
    if target == "parquet":
        file = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(table), file)
        return (file.getvalue(),)
    if target in {"picture", "shown-picture"}:
        return tuple(_encoded(kind) for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"))
    if target == "manifest":
        return (RECORD,)
    if target == "predictions":
        line = {"product_code": "1", "text": "title: A", "truth": {"title": "A", "category": "B", "full_price": 1.0}}
        return (json.dumps(line).encode() + b"\n",)
    return (b"title: Wool Coat\ncategory: COATS\nprice: 1,290.00", b'{"title": "A", "category": "B", "price": 3}')


RECORD = json.dumps(
    {
        "kind": "generate",
        "finished": True,
        "inputs": {"seed": 1},
        "files": [
            {
                "path": "data/train-00000-of-00001.parquet",
                "split": "train",
                "num_rows": 1,
                "num_bytes": 2,
                "sha256": "0" * 64,
            }
        ],
        "num_products": 1,
        "num_shards": 1,
        "versions": {"python": "3", "machine": "x", "toile": "0", "numpy": "2", "pillow": "1", "pyarrow": "1"},
        "seconds": 1.0,
        "rejected": 0,
    }
).encode()


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_mutants_of_sound_inputs_are_taken_or_refused(target: str) -> None:
    draw = random.Random(target)
    for content in examples(target):
        tried(target, content)
        for _ in range(ROUNDS // SLOW.get(target, 1) // len(examples(target)) + 1):
            tried(target, mutated(content, draw))


@pytest.mark.parametrize("target", sorted(set(TARGETS) - {"predictions"}))
def test_the_examples_themselves_are_sound(target: str) -> None:
    assert all(tried(target, content) for content in examples(target))


@pytest.mark.parametrize("number", range(6))
def test_a_broken_spec_or_table_on_the_command_line_is_one_line(tmp_path: Path, number: int) -> None:
    draw = random.Random(number)
    (tmp_path / "spec.yaml").write_bytes(mutated(examples("catalog-spec")[0], draw))
    (tmp_path / "table.csv").write_bytes(mutated(examples("csv")[0], draw))
    for words in (
        ["generate", "spec.yaml", "--no-images", "--num-products", "5", "--out", "out"],
        ["check", "spec.yaml"],
        ["import", "table.csv", "--out", "imported"],
    ):
        words = [str(tmp_path / word) if "." in word or word in {"out", "imported"} else word for word in words]
        result = CliRunner().invoke(main, words)
        assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
        assert "Traceback" not in result.output
