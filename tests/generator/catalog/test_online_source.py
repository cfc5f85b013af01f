"""A spec as a training source equals its generated folder: same rows, same order, same pixels, same losses."""

import dataclasses
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from finetune.data_loader import step_batches
from finetune.data_mix import Source, SpecSource, check_currencies, find_source, open_mix, open_source
from finetune.distributed import Ranks
from finetune.phi3v import load_model
from generator.catalog.online_source import open_online_rows
from generator.commands.specs import generate
from schemas.errors import ToileError
from schemas.evaluation import SPLITS
from schemas.product import read
from schemas.training import DrawSpec, MixSource, TrainingSpec
from schemas.validation import list_presets
from tests.conftest import PRESETS
from toile.cli import main

SAME_AS_CATALOG = DrawSpec(num_products=120, seed=3, image_size=64)
"""Inputs of the fixture `catalog`."""


def online(split: str = "train", data: Path = PRESETS / "demo.yaml", **changes: Any) -> SpecSource:
    """Return the rows of a spec, by default those of the fixture `catalog`."""
    source = find_source(data, split, dataclasses.replace(SAME_AS_CATALOG, **changes))
    assert isinstance(source, SpecSource)
    return source


def shown(source: Source, row: int) -> tuple[str, str, float, bytes]:
    example = source.example(row)
    return example.title, example.category, example.full_price, example.image.tobytes()


@pytest.mark.parametrize("split", SPLITS)
def test_online_rows_equal_generated_folder(catalog: Path, split: str) -> None:
    stored, source = find_source(catalog, split), online(split)
    assert stored is not None
    assert source.num_examples == stored.num_examples
    assert source.num_skipped == stored.num_skipped
    assert source.currencies() == stored.currencies()
    for row in range(stored.num_examples):
        assert shown(source, row) == shown(stored, row)


def test_online_seen_rows_have_no_hashes(catalog: Path) -> None:
    kept = ("product_code", "family", "drawn_sha256")
    stored = [{name: row[name] for name in kept} for row in open_source(catalog, "train").seen()]
    rendered = list(online().seen())
    assert [{name: row[name] for name in kept} for row in rendered] == stored
    assert {name for row in rendered for name in row} == {*kept, "data"}


def test_online_rows_do_not_depend_on_batch_rows() -> None:
    whole = online().rows
    parts = open_online_rows(PRESETS / "demo.yaml", "train", SAME_AS_CATALOG, batch_rows=7)
    assert parts is not None
    assert parts.index_N.tolist() == whole.index_N.tolist()
    assert parts.num_skipped == whole.num_skipped > 0
    assert list(parts.iterate_keys(batch_rows=7)) == list(whole.iterate_keys())


def test_larger_catalog_starts_with_smaller_one() -> None:
    few, many = online().rows.index_N.tolist(), online(num_products=500).rows.index_N.tolist()
    assert many[: len(few)] == few
    assert many[len(few)] >= 120


def test_online_source_pickles_four_bytes_per_row() -> None:
    few, many = online(num_products=1000), online(num_products=50_000)
    grown = len(pickle.dumps(many)) - len(pickle.dumps(few))
    assert grown == pytest.approx(4 * (many.num_examples - few.num_examples), abs=100)
    assert shown(pickle.loads(pickle.dumps(few)), 5) == shown(few, 5)


def test_worker_processes_render_same_batches(catalog: Path) -> None:
    _, processor = load_model("tiny")
    spec = TrainingSpec(mix=(MixSource(data="a"), MixSource(data="b")), max_steps=2, batch_size=4)
    sources: list[Source] = [online(), open_source(catalog, "train")]
    alone, shared = (list(step_batches(spec, sources, processor, 0, num, Ranks(device="cpu"))) for num in (0, 2))
    for one, other in zip(alone, shared, strict=True):
        for batch, same in zip(one, other, strict=True):
            assert all((batch[name] == same[name]).all() for name in batch)


def test_online_hash_covers_what_decides_images(tmp_path: Path) -> None:
    copy = tmp_path / "another-name.yaml"
    copy.write_text((PRESETS / "demo.yaml").read_text())
    assert online(data=copy).content_sha256 == online().content_sha256 == online("test").content_sha256
    changed = tmp_path / "changed.yaml"
    changed.write_text((PRESETS / "demo.yaml").read_text().replace("\nname: demo\n", "\nname: demi\n"))
    others = [online(seed=4), online(num_products=121), online(image_size=65), online(data=changed)]
    assert len({online().content_sha256, *(other.content_sha256 for other in others)}) == 5


def test_draw_defaults_equal_generate_defaults() -> None:
    defaults = {option.name: option.default for option in generate.params if isinstance(option, click.Option)}
    assert {name: defaults[name] for name in dataclasses.asdict(DrawSpec())} == dataclasses.asdict(DrawSpec())


def test_online_source_is_named_after_file_or_preset(tmp_path: Path) -> None:
    copy = tmp_path / "copy.yaml"
    copy.write_text((PRESETS / "demo.yaml").read_text())
    assert online(data=copy).folder == copy
    assert online().folder == Path("demo")


def test_mixed_currencies_of_specs_are_refused(spec_document: dict[str, Any], tmp_path: Path) -> None:
    spec_document["shop"]["currency_code"] = "INR"
    rupees = tmp_path / "rupees.json"
    rupees.write_text(json.dumps(spec_document))
    check_currencies([online()])
    with pytest.raises(ToileError, match="INR"):
        check_currencies([online(), online(data=rupees)])


Fault = Callable[[Path, Path], list[MixSource]]
FAULTS: dict[str, tuple[Fault, str, str]] = {
    "nothing there": (
        lambda tmp, shards: [MixSource(data=str(tmp / "fashion-luxry"))],
        "is no shard folder, no catalog spec and no shipped preset",
        "did you mean 'fashion-luxury'?",
    ),
    "draw of a folder": (
        lambda tmp, shards: [MixSource(data=str(shards), draw=DrawSpec())],
        "is a folder, whose products are rendered already",
        "leave out draw",
    ),
    "twice": (
        lambda tmp, shards: [
            MixSource(data=str(PRESETS / "demo.yaml")),
            MixSource(data=str(PRESETS / "demo.yaml"), draw=DrawSpec(seed=1)),
        ],
        "is there twice with different settings of draw",
        "raise num_products",
    ),
    "a broken spec": (
        lambda tmp, shards: [MixSource(data=str(broken_spec(tmp)))],
        "unknown key 'colour'",
        "colourways",
    ),
    "more than codes": (
        lambda tmp, shards: [MixSource(data=str(PRESETS / "demo.yaml"), draw=DrawSpec(num_products=60_000_000))],
        "digits give codes for",
        "code_digits",
    ),
}


def broken_spec(folder: Path) -> Path:
    path = folder / "broken.yaml"
    path.write_text((PRESETS / "demo.yaml").read_text() + "\ncolour: 3\n")
    return path


@pytest.mark.parametrize("fault", FAULTS)
def test_open_mix_refuses_faulty_entries(fault: str, catalog: Path, tmp_path: Path) -> None:
    make, problem, hint = FAULTS[fault]
    with pytest.raises(ToileError) as caught:
        open_mix(make(tmp_path, catalog), "train")
    assert problem in caught.value.problem
    assert hint in caught.value.hint


def test_split_without_rows_is_none() -> None:
    data = PRESETS / "demo.yaml"
    draw = DrawSpec(num_products=1, image_size=32)
    found = [find_source(data, split, draw) for split in SPLITS]
    assert sum(source is None for source in found) >= 2


def run_file(path: Path, **entry: Any) -> Path:
    path.write_text(json.dumps({"mix": [entry], "max_steps": 3, "batch_size": 4, "method": "full"}))
    return path


def train(run: Path, out: Path, *options: str) -> list[float]:
    result = CliRunner().invoke(main, ["--quiet", "train", str(run), "--out", str(out), "--device", "cpu", *options])
    assert result.exit_code == 0, result.output
    return [json.loads(line)["loss"] for line in (out / "log.jsonl").read_text().splitlines()]


def test_training_from_spec_equals_training_from_folder(catalog: Path, tmp_path: Path) -> None:
    draw = dataclasses.asdict(SAME_AS_CATALOG)
    from_folder = train(run_file(tmp_path / "folder.json", data=str(catalog)), tmp_path / "folder")
    from_spec = train(run_file(tmp_path / "spec.json", data="demo", draw=draw), tmp_path / "spec", "--loaders", "1")
    assert from_spec == from_folder
    folder, spec = (json.loads((tmp_path / name / "run.json").read_text()) for name in ("folder", "spec"))
    assert spec["validation_loss"] == folder["validation_loss"]
    assert [each.get("draw") for each in (*folder["inputs"]["data"], *spec["inputs"]["data"])] == [None, draw]
    assert list(spec["num_examples"]) == ["demo"]
    assert list(spec["num_examples"].values()) == list(folder["num_examples"].values())
    seen = pq.read_table(tmp_path / "spec" / "seen.parquet")
    codes = {each.product_code for each in read(catalog, split="train", columns=("product_code",))}
    assert set(seen["product_code"].to_pylist()) <= codes
    assert seen.num_rows == spec["num_examples"]["demo"]
    assert seen["picture_sha256"].null_count == seen.num_rows


def test_file_next_to_run_precedes_preset(tmp_path: Path) -> None:
    from finetune.train import load_run_spec

    run = run_file(tmp_path / "run.json", data="demo")
    assert load_run_spec(run).mix[0].data == str(list_presets("catalog")["demo"])
    assert load_run_spec(run, mix=[MixSource(data="sportswear")]).mix[0].data == str(
        list_presets("catalog")["sportswear"]
    )
    (tmp_path / "demo").mkdir()
    assert load_run_spec(run).mix[0].data == str(tmp_path / "demo")


def test_unknown_mix_entry_stops_command(tmp_path: Path) -> None:
    run = run_file(tmp_path / "run.json", data="dmo")
    result = CliRunner().invoke(main, ["train", str(run), "--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "no shard folder, no catalog spec and no shipped preset" in result.output
    assert "did you mean 'demo'?" in result.output
    assert not (tmp_path / "out").exists()


def test_online_index_is_ascending_int32() -> None:
    index_N = online(num_products=30_000).rows.index_N
    assert index_N.dtype == np.int32
    assert (np.diff(index_N) > 0).all()
