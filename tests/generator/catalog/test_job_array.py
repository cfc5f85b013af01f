"""Tasks of a job array, in any order, in parallel, killed or repeated: the folder equals that of one run."""

import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import generator.catalog.run_folder
import generator.catalog.shards
from generator.catalog.generate import Part, ShardRange, format_part_summary, parse_shard_range, write_part
from generator.catalog.shards import GenerateInputs, write_shards
from generator.catalog.storage import Folder, resolve_folder
from generator.catalog.verify import verify
from schemas.errors import ToileError
from schemas.manifest import load_manifest
from tests.helpers.slow_shards import SMALL_SHARDS, slow_shard
from toile.cli import main

GENERATE = ("generate", "demo", "--num-products", "110", "--seed", "3", "--no-images", "--workers", "1")


def content(folder: Path) -> dict[str, str]:
    """Return name -> sha256 of every file in a folder; of the manifest without the elapsed time."""
    found = {}
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        data = path.read_bytes()
        if path.name == "manifest.json":
            data = json.dumps({**json.loads(data), "seconds": None}).encode()
        found[path.relative_to(folder).as_posix()] = hashlib.sha256(data).hexdigest()
    return found


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use shards so small that a few products fill several (in this process only)."""
    monkeypatch.setattr(generator.catalog.shards, "PRODUCTS_PER_SHARD", SMALL_SHARDS)


@pytest.fixture
def wanted(demo_document: dict[str, Any]) -> GenerateInputs:
    """Return inputs of 110 rows: three small shards."""
    return GenerateInputs(spec_document=demo_document, seed=3, start=0, num_products=110, image_size=None)


def some(inputs: GenerateInputs, out: Path, text: str, **options: Any) -> Part:
    return write_part(inputs, out, parse_shard_range(text), **options)


@pytest.mark.parametrize("order", [("0:1", "1:2", "2:"), ("2:", "0:1", "1:2"), ("1:2", "2:", ":1")], ids=" ".join)
def test_tasks_in_any_order_make_the_folder_of_one_run(
    tmp_path: Path, wanted: GenerateInputs, small_shards: None, order: Sequence[str]
) -> None:
    write_shards(wanted, tmp_path / "plain")
    for number, text in enumerate(order, start=1):
        assert not (tmp_path / "tasks" / "README.md").exists()
        part = some(wanted, tmp_path / "tasks", text)
        assert len(part.written) == 1
        assert part.num_missing == 3 - number
        assert (part.manifest is not None) == (number == 3)
        assert load_manifest(tmp_path / "tasks" / "manifest.json").finished == (number == 3)
    assert content(tmp_path / "tasks") == content(tmp_path / "plain")


def test_tasks_in_processes_at_the_same_time_make_the_folder_of_one_run(
    tmp_path: Path, wanted: GenerateInputs, small_shards: None
) -> None:
    write_shards(wanted, tmp_path / "plain")
    command = [
        sys.executable,
        "-m",
        "tests.helpers.slow_shards",
        *GENERATE,
        "--out",
        str(tmp_path / "tasks"),
        "--shards",
    ]
    tasks = [
        subprocess.Popen([*command, text], stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])
        for text in ("2:3", "0:1", ":2")  # two of them write shard 0
    ]
    said = [task.communicate()[1] for task in tasks]
    assert [task.returncode for task in tasks] == [0, 0, 0], said
    assert any("all 3 are there, and the catalog is finished" in each for each in said), said
    assert content(tmp_path / "tasks") == content(tmp_path / "plain")


def test_many_tasks_in_threads_finish_once(tmp_path: Path, wanted: GenerateInputs, small_shards: None) -> None:
    write_shards(wanted, tmp_path / "plain")
    parts: list[Part] = []
    texts = ("0:", ":3", "1:2", "0:2", "2:", "0:1")
    threads = [
        threading.Thread(target=lambda text=text: parts.append(some(wanted, tmp_path / "tasks", text)))
        for text in texts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(parts) == len(texts)
    assert any(part.manifest is not None for part in parts)
    assert content(tmp_path / "tasks") == content(tmp_path / "plain")


def test_task_may_write_shards_of_duplicates(tmp_path: Path, spec_document: dict[str, Any], small_shards: None) -> None:
    spec_document["scenarios"] = {"duplicate": 0.2, "missing": 0.1}
    wanted = GenerateInputs(spec_document=spec_document, seed=3, start=0, num_products=110, image_size=None)
    assert (wanted.num_product_shards, wanted.num_shards) == (3, 4)
    write_shards(wanted, tmp_path / "plain")
    for text in ("3:4", "1:3", "0:1"):
        part = some(wanted, tmp_path / "tasks", text)
    assert part.manifest is not None
    assert part.manifest.extra
    assert content(tmp_path / "tasks") == content(tmp_path / "plain")
    assert not verify(tmp_path / "tasks").findings


def test_plain_run_continues_shards_of_tasks(
    tmp_path: Path, wanted: GenerateInputs, small_shards: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_shards(wanted, tmp_path / "plain")
    some(wanted, tmp_path / "tasks", "1:2")
    written: list[int] = []
    real = generator.catalog.shards.write_shard

    def noted(inputs: GenerateInputs, shard: int, out: Folder) -> int:
        written.append(shard)
        return real(inputs, shard, out)

    monkeypatch.setattr(generator.catalog.shards, "write_shard", noted)
    write_shards(wanted, tmp_path / "tasks")
    assert written == [0, 2]
    assert content(tmp_path / "tasks") == content(tmp_path / "plain")
    assert some(wanted, tmp_path / "tasks", "0:1").written == ()


def test_running_task_finishes_folder_completed_by_another(
    tmp_path: Path, wanted: GenerateInputs, small_shards: None
) -> None:
    """Finishing removes the shard markers that the running task needs."""
    inner: list[Part] = []

    def between(_: int) -> None:
        if not inner:
            inner.append(some(wanted, tmp_path / "out", "0:3"))

    outer = some(wanted, tmp_path / "out", "0:2", progress=between)
    assert (inner[0].manifest, inner[0].num_missing) == (None, 0)
    assert "still at work" in format_part_summary(inner[0], 3)
    assert outer.manifest is not None
    write_shards(wanted, tmp_path / "plain")
    assert content(tmp_path / "out") == content(tmp_path / "plain")


def test_repeated_task_writes_nothing(tmp_path: Path, wanted: GenerateInputs, small_shards: None) -> None:
    some(wanted, tmp_path / "out", "0:2")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.parquet")}
    again = some(wanted, tmp_path / "out", "0:2")
    assert again.written == ()
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.parquet")}
    assert some(wanted, tmp_path / "out", "0:").written == (2,)


def test_partial_files_of_a_killed_task_are_removed_at_the_end(
    tmp_path: Path, wanted: GenerateInputs, small_shards: None
) -> None:
    some(wanted, tmp_path / "out", "0:2")
    left = tmp_path / "out" / "data" / "train-00002-of-00003.parquet.0123456789abcdef.part"
    left.write_bytes(b"PAR1")
    (tmp_path / "out" / "data" / "mine.part").write_text("of somebody else")
    some(wanted, tmp_path / "out", "2:")
    assert not left.exists()
    assert (tmp_path / "out" / "data" / "mine.part").exists()


def test_other_inputs_and_versions_are_refused_and_nothing_is_removed(
    tmp_path: Path, wanted: GenerateInputs, small_shards: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    some(wanted, tmp_path / "out", "0:2")
    before = content(tmp_path / "out")
    other = GenerateInputs(spec_document=wanted.spec_document, seed=4, start=0, num_products=110, image_size=None)
    with pytest.raises(ToileError, match="other inputs"):
        some(other, tmp_path / "out", "2:")
    real = generator.catalog.run_folder.provenance
    with monkeypatch.context() as patched:
        for module in (generator.catalog.run_folder, generator.catalog.run_folder):
            patched.setattr(module, "provenance", lambda inputs: {**real(inputs), "pillow": "1.0"})
        with pytest.raises(ToileError, match=r"other versions: pillow \S+ there, 1.0 here"):
            some(wanted, tmp_path / "out", "2:")
    assert content(tmp_path / "out") == before
    some(wanted, tmp_path / "out", "2:")
    assert load_manifest(tmp_path / "out" / "manifest.json").finished


def test_ranges() -> None:
    assert parse_shard_range("2:5").within(9) == range(2, 5)
    assert parse_shard_range("2:").within(9) == range(2, 9)
    assert parse_shard_range(":5").within(9) == range(5)
    assert parse_shard_range(":").within(9) == range(9)
    for text in ("5", "-1:3", "1:-1", "a:b", "1:2:3", "", "1.5:2", " 1:2", "١:٢"):
        with pytest.raises(ToileError, match="is not A:B"):
            parse_shard_range(text)
    for text in ("9:", "3:10", "4:4", "5:3"):
        with pytest.raises(ToileError, match="there are 9 shards, 0 to 8") as caught:
            parse_shard_range(text).within(9)
        assert caught.value.hint == "choose from 0:9"
    with pytest.raises(ToileError, match="there is 1 shard, 0"):
        ShardRange(first=1).within(1)


def said(*line: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, [str(each) for each in line])
    return result.exit_code, result.output


def test_command_prints_written_and_missing_shards(tmp_path: Path, small_shards: None) -> None:
    line = (*GENERATE, "--out", str(tmp_path / "out"), "--shards")
    assert said(*line, "1:3") == (
        0,
        f"shards 1 to 2 written; 1 of 3 shards are missing, and the catalog is unfinished: {tmp_path}/out\n",
    )
    assert said(*line, "1:2")[1].startswith("shard 1 there already; 1 of 3 shards are missing")
    assert said(*line, "0:2")[1].startswith(
        "shards 0 to 1 written (1 of them there already); with them all 3 are there, and the catalog is finished"
    )
    assert said(*line, "0:7")[1].splitlines() == [
        "Error: --shards 0:7: is not a range of this catalog: there are 3 shards, 0 to 2",
        "  hint: choose from 0:3",
    ]
    code, text = said(*line, "0:1", "--force")
    assert code == 2
    assert "--force with --shards" in text


def test_killed_worker_changes_no_byte(
    tmp_path: Path, wanted: GenerateInputs, small_shards: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kill one of two processes with -9 during the run: it finishes with every shard once and the same bytes."""
    write_shards(wanted, tmp_path / "plain")
    monkeypatch.setattr(generator.catalog.shards, "write_shard", slow_shard)
    killed, written = list[int](), list[int]()

    def kill_one(num_products: int) -> None:
        written.append(num_products)
        if not killed:
            victim = multiprocessing.active_children()[0]
            killed.append(victim.pid or 0)
            victim.kill()

    write_shards(wanted, tmp_path / "killed", num_workers=2, progress=kill_one)
    assert killed
    assert sum(written) == 110
    assert content(tmp_path / "killed") == content(tmp_path / "plain")


def test_two_concurrent_writers_leave_a_complete_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second starts and ends while the first is writing, like a repeated task on another machine."""
    out, real, nested = resolve_folder(tmp_path), os.fsync, list[int]()

    def sync(descriptor: int) -> None:
        real(descriptor)
        if not nested:
            nested.append(descriptor)
            out.write("data/file", b"whole")
            assert out.read("data/file") == b"whole"

    monkeypatch.setattr("schemas.util.files.os.fsync", sync)
    out.write("data/file", b"whole")
    assert nested
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["file"]
