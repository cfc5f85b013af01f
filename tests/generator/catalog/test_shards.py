"""Shards: same bytes for any worker count, complete or absent, readable by other libraries."""

import hashlib
import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

import generator.catalog.shards
from generator import draw, product
from generator.catalog.generate import parse_shard_range, write_part
from generator.catalog.shards import GenerateInputs, write_shards
from generator.catalog.storage import Folder
from schemas.errors import ToileError
from schemas.manifest import load_manifest
from schemas.product import ARROW_SCHEMA, COLUMNS, read, split_of, to_table
from schemas.validation import from_document

SMALL_SHARDS = {True: 20, False: 50}


def inputs(
    document: dict[str, Any], num_products: int = 60, image_size: int | None = 32, **changes: Any
) -> GenerateInputs:
    """Return inputs of a small catalog."""
    values: dict[str, Any] = {"seed": 3, "start": 0, **changes}
    return GenerateInputs(spec_document=document, num_products=num_products, image_size=image_size, **values)


def digests(folder: Path) -> dict[str, str]:
    """Return file name -> sha256 of everything that must be the same."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted((folder / "data").iterdir())}


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use shards so small that a few products fill several (in this process only)."""
    monkeypatch.setattr(generator.catalog.shards, "PRODUCTS_PER_SHARD", SMALL_SHARDS)


def test_the_manifest_lists_every_file_with_its_hash(catalog: Path) -> None:
    manifest = load_manifest(catalog / "manifest.json")
    assert manifest.finished
    assert manifest.num_products == 120 == sum(entry.num_rows for entry in manifest.files)
    assert {Path(entry.path).name: entry.sha256 for entry in manifest.files} == digests(catalog)
    assert sorted(path.name for path in catalog.iterdir()) == ["README.md", "data", "manifest.json"]


def test_rows_and_images_equal_the_product_function(catalog: Path, demo_document: dict[str, Any]) -> None:
    spec = from_document(demo_document, "catalog")
    by_code = {each.product_code: each for each in read(catalog)}
    for i in (0, 7, 119):
        expected = product(spec, 3, i)
        found = by_code[expected.product_code]
        assert found.title == expected.title
        assert found.attributes == expected.attributes
        assert found.image is not None
        rendered = np.asarray(draw(expected, 64), np.int16)
        stored = np.asarray(Image.open(io.BytesIO(found.image)).convert("RGB"), np.int16)
        assert np.abs(rendered - stored).mean() < 3  # JPEG at quality 90


def test_splits_are_by_family_and_files_by_split(catalog: Path) -> None:
    for split in ("train", "validation", "test"):
        rows = list(read(catalog, split=split))
        assert rows
        assert all(row.split == split == split_of(row.family) for row in rows)


def test_datasets_reads_three_splits_with_images(catalog: Path, tmp_path: Path) -> None:
    loaded = datasets.load_dataset(str(catalog), cache_dir=str(tmp_path))
    assert set(loaded) == {"train", "validation", "test"}
    assert sum(len(part) for part in loaded.values()) == 120
    row = loaded["train"][0]
    assert row["image"].size == (64, 64)
    assert list(loaded["train"].features) == list(COLUMNS)
    assert isinstance(row["full_price"], float)


def test_pandas_reads_the_files(catalog: Path) -> None:
    frame = pd.concat(pd.read_parquet(path) for path in (catalog / "data").glob("*.parquet"))
    assert len(frame) == 120
    assert list(frame.columns) == list(COLUMNS)
    assert frame["product_code"].is_unique


def test_row_groups_are_small(catalog: Path) -> None:
    for path in (catalog / "data").glob("*.parquet"):
        metadata = pq.ParquetFile(path).metadata
        assert all(metadata.row_group(k).num_rows <= 100 for k in range(metadata.num_row_groups))


def test_several_processes_give_the_same_bytes_as_one(tmp_path: Path, demo_document: dict[str, Any]) -> None:
    wanted = inputs(demo_document, num_products=400_100, image_size=None)
    assert wanted.num_shards == 3
    for workers in (1, 3):
        write_shards(wanted, tmp_path / str(workers), num_workers=workers)
    assert digests(tmp_path / "1") == digests(tmp_path / "3")


def test_images_do_not_depend_on_the_process_that_renders_them(
    tmp_path: Path, demo_document: dict[str, Any], small_shards: None
) -> None:
    write_shards(inputs(demo_document), tmp_path / "here")
    command = [sys.executable, "-m", "toile", "--quiet", "generate", "demo", "--out", str(tmp_path / "there")]
    command += ["--num-products", "60", "--seed", "3", "--image-size", "32"]
    subprocess.run(command, check=True)
    here = {row.product_code: row.image for row in read(tmp_path / "here")}
    there = {row.product_code: row.image for row in read(tmp_path / "there")}
    assert here == there


def test_a_range_of_products_is_part_of_the_whole(tmp_path: Path, demo_document: dict[str, Any]) -> None:
    write_shards(inputs(demo_document, 80, None), tmp_path / "whole")
    write_shards(inputs(demo_document, 30, None, start=50), tmp_path / "part")
    whole = {row.product_code: row for row in read(tmp_path / "whole")}
    part = {row.product_code: row for row in read(tmp_path / "part")}
    assert len(part) == 30
    assert all(whole[code] == row for code, row in part.items())


def test_reading_inverts_writing(catalog: Path) -> None:
    rows = list(read(catalog))
    again = to_table(rows)
    assert again.schema.equals(ARROW_SCHEMA, check_metadata=True)
    from schemas.product import from_batch

    assert list(from_batch(again.to_batches()[0])) == rows


def test_a_finished_folder_is_left_alone(tmp_path: Path, demo_document: dict[str, Any]) -> None:
    first, written = write_shards(inputs(demo_document, 20, None), tmp_path / "out")
    again, rewritten = write_shards(inputs(demo_document, 20, None), tmp_path / "out")
    assert (written, rewritten) == (True, False)
    assert again == first


def test_another_catalog_in_the_folder_is_refused_without_force(tmp_path: Path, demo_document: dict[str, Any]) -> None:
    write_shards(inputs(demo_document, 20, None), tmp_path / "out")
    before = digests(tmp_path / "out")
    with pytest.raises(ToileError, match="other inputs"):
        write_shards(inputs(demo_document, 21, None), tmp_path / "out")
    assert digests(tmp_path / "out") == before
    manifest, _ = write_shards(inputs(demo_document, 21, None), tmp_path / "out", force=True)
    assert manifest.num_products == 21


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_that_is_not_ours_is_never_touched(tmp_path: Path, demo_document: dict[str, Any], force: bool) -> None:
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "chapter1.txt").write_text("years of work")
    with pytest.raises(ToileError, match="not made by toile"):
        write_shards(inputs(demo_document, 20, None), out, force=force)
    assert (out / "chapter1.txt").read_text() == "years of work"
    assert len(list(out.iterdir())) == 1


def test_a_killed_run_continues_to_the_same_bytes(tmp_path: Path, demo_document: dict[str, Any]) -> None:
    """kill -9 in the middle, look, and start again."""
    wanted = ["generate", "demo", "--num-products", "900000", "--no-images", "--workers", "1"]
    command = [sys.executable, "-m", "toile", *wanted, "--out", str(tmp_path / "killed")]
    running = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    receipts = tmp_path / "killed" / ".receipts"
    deadline = time.monotonic() + 120
    while not (receipts.is_dir() and list(receipts.glob("*.json"))) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert not load_manifest(tmp_path / "killed" / "manifest.json").finished
    with pytest.raises(ToileError, match="unfinished"):
        next(read(tmp_path / "killed"))
    kept = {path: path.stat().st_mtime_ns for path in receipts.glob("*.json")}
    assert 1 <= len(kept) < 5
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    subprocess.run([*command[:-1], str(tmp_path / "undisturbed")], check=True, stderr=subprocess.DEVNULL)
    assert digests(tmp_path / "killed") == digests(tmp_path / "undisturbed")
    assert not list((tmp_path / "killed" / "data").glob("*.part"))


def test_shards_that_are_whole_are_not_drawn_again(
    tmp_path: Path, demo_document: dict[str, Any], small_shards: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    real = generator.catalog.shards.write_shard

    def failing(wanted: GenerateInputs, shard: int, out: Folder) -> int:
        if shard == 2 and len(written) == 2:
            raise ToileError("test", "stopped", "go on")
        written.append(shard)
        return real(wanted, shard, out)

    monkeypatch.setattr(generator.catalog.shards, "write_shard", failing)
    with pytest.raises(ToileError, match="stopped"):
        write_shards(inputs(demo_document), tmp_path / "out")
    written.append(-1)
    write_shards(inputs(demo_document), tmp_path / "out")
    assert written == [0, 1, -1, 2]


def test_a_start_that_failed_can_be_repeated(
    tmp_path: Path, demo_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("schemas.util.files.os.fsync", full)
        with pytest.raises(ToileError, match="No space left"):
            write_shards(inputs(demo_document, 20, None), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert write_shards(inputs(demo_document, 20, None), tmp_path / "out")[1]


def test_force_leaves_what_others_put_there(tmp_path: Path, demo_document: dict[str, Any]) -> None:
    write_shards(inputs(demo_document, 20, None), tmp_path / "out")
    for name in ("notes.txt", "data/notes.txt", "extra/notes.txt"):
        (tmp_path / "out" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "out" / name).write_text("mine")
    write_shards(inputs(demo_document, 21, None), tmp_path / "out", force=True)
    for name in ("notes.txt", "data/notes.txt", "extra/notes.txt"):
        assert (tmp_path / "out" / name).read_text() == "mine"


def test_a_finished_folder_that_lost_a_file_is_not_called_done(tmp_path: Path, demo_document: dict[str, Any]) -> None:
    write_shards(inputs(demo_document, 20, None), tmp_path / "out")
    next((tmp_path / "out" / "data").iterdir()).unlink()
    with pytest.raises(ToileError, match="is missing"):
        write_shards(inputs(demo_document, 20, None), tmp_path / "out")


def _limited(num_bytes: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, num_bytes))


def test_a_disk_that_takes_no_more_is_one_clear_line_and_the_run_continues_later(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "toile", "generate", "demo", "--num-products", "60000", "--no-images"]
    command += ["--workers", "1", "--out", str(tmp_path / "out")]
    full = subprocess.run(command, capture_output=True, text=True, preexec_fn=lambda: _limited(200_000), check=False)
    assert full.returncode == 1
    assert "cannot be written" in full.stderr
    assert "hint:" in full.stderr
    assert "Traceback" not in full.stderr
    assert not load_manifest(tmp_path / "out" / "manifest.json").finished
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    assert load_manifest(tmp_path / "out" / "manifest.json").num_products == 60_000


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="needs the right to mount")
def test_a_full_file_system_is_one_clear_line(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(tmp_path)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        command = [sys.executable, "-m", "toile", "generate", "demo", "--num-products", "60000", "--no-images"]
        full = subprocess.run([*command, "--out", str(tmp_path / "out")], capture_output=True, text=True, check=False)
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)
    assert full.returncode == 1
    assert "No space left" in full.stderr
    assert "free some space" in full.stderr


@pytest.mark.parametrize("damage", ["missing", "truncated", "changed size"])
def test_a_damaged_folder_is_not_read(catalog: Path, tmp_path: Path, damage: str) -> None:
    shutil.copytree(catalog, tmp_path / "copy")
    victim = sorted((tmp_path / "copy" / "data").glob("train-*"))[0]
    if damage == "missing":
        victim.unlink()
    elif damage == "truncated":
        victim.write_bytes(victim.read_bytes()[:1000])
    else:
        victim.write_bytes(victim.read_bytes() + b"x")
    with pytest.raises(ToileError) as caught:
        list(read(tmp_path / "copy"))
    assert victim.name in caught.value.where


def test_a_flipped_bit_is_an_error_wherever_it_is(catalog: Path, tmp_path: Path) -> None:
    shutil.copytree(catalog, tmp_path / "copy")
    victim = sorted((tmp_path / "copy" / "data").glob("train-*"))[0]
    content = bytearray(victim.read_bytes())
    for place in range(0, len(content), len(content) // 25):
        broken = content.copy()
        broken[place] ^= 1 << place % 8
        victim.write_bytes(broken)
        with pytest.raises(ToileError, match="is damaged") as caught:
            next(read(tmp_path / "copy", split="train"))
        assert caught.value.where == str(victim)
    victim.write_bytes(content)
    assert list(read(tmp_path / "copy", split="train")) == list(read(catalog, split="train"))


def test_the_data_card_tells_licence_splits_and_source(catalog: Path) -> None:
    card = (catalog / "README.md").read_text()
    assert "license: cc0-1.0" in card
    assert "data/train-*.parquet" in card
    assert "dtype: image" in card
    manifest = json.loads((catalog / "manifest.json").read_text())
    assert manifest["inputs"]["spec_sha256"] in card


def test_a_folder_started_with_other_shards_is_started_again(
    tmp_path: Path, demo_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = inputs(demo_document, num_products=90, image_size=None)
    monkeypatch.setattr(generator.catalog.shards, "PRODUCTS_PER_SHARD", {True: 20, False: 30})
    write_part(wanted, tmp_path / "started", parse_shard_range("0:2"))
    monkeypatch.setattr(generator.catalog.shards, "PRODUCTS_PER_SHARD", {True: 20, False: 50})
    with pytest.raises(ToileError, match="in 3 shards instead of 2"):
        write_part(wanted, tmp_path / "started", parse_shard_range("1:2"))
    write_shards(wanted, tmp_path / "started")
    write_shards(wanted, tmp_path / "at once")
    assert digests(tmp_path / "started") == digests(tmp_path / "at once")
