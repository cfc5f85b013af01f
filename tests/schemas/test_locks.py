"""Two runs in one folder: the second is refused and sees who holds the lock; a kill releases it."""

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from generator.catalog.shards import GenerateInputs, write_shards
from schemas.errors import ToileError
from schemas.manifest import load_manifest
from schemas.util import locks as locking
from schemas.util.locks import LOCK, is_lock, run_lock, shared_run
from tests.helpers.shard_fixture import products
from tests.helpers.shard_fixture import write_shards as write_catalog
from toile.cli import main

HOLD = (
    "import sys, time\nfrom pathlib import Path\nfrom schemas.util.locks import run_lock, shared_run\n"
    "with {hold}(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"
)


@pytest.fixture
def holder() -> Iterator[Callable[[Path, str], subprocess.Popen[str]]]:
    """Starts a process that holds a folder, and ends it."""
    started: list[subprocess.Popen[str]] = []

    def start(folder: Path, hold: str = "run_lock") -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLD.format(hold=hold), str(folder)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_lock_names_its_holder_and_a_kill_releases_it(tmp_path: Path, holder: Any) -> None:
    folder = tmp_path / "out"
    first = holder(folder)
    with pytest.raises(ToileError) as caught, run_lock(folder):
        pytest.fail("two runs in one folder")
    assert caught.value.where == str(folder)
    assert f"another toile is writing here (pid {first.pid}, since 20" in caught.value.problem
    assert "wait for it" in caught.value.hint
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert (folder / LOCK).exists(), "a killed process leaves the file, which blocks no other process"
    with run_lock(folder):
        assert json.loads((folder / LOCK).read_text())["pid"] == os.getpid()
    assert not folder.joinpath(LOCK).exists()


def test_empty_folder_made_for_the_lock_is_removed(tmp_path: Path) -> None:
    with run_lock(tmp_path / "new"):
        assert (tmp_path / "new" / LOCK).is_file()
    assert not (tmp_path / "new").exists()
    (tmp_path / "mine").mkdir()
    with run_lock(tmp_path / "mine"):
        pass
    assert (tmp_path / "mine").is_dir()


def test_error_inside_releases_the_lock(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(KeyError), run_lock(tmp_path / "out"):
            raise KeyError


def test_symbolic_link_is_the_same_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with run_lock(tmp_path / "real"), pytest.raises(ToileError, match="writing here"), run_lock(tmp_path / "link"):
        pytest.fail("held twice")


def test_sibling_file_locks_a_folder_that_may_be_replaced(tmp_path: Path) -> None:
    with run_lock(tmp_path / "out", sibling_file=True):
        assert not (tmp_path / "out").exists()
        with pytest.raises(ToileError, match=r"out: another toile"), run_lock(tmp_path / "out", sibling_file=True):
            pytest.fail("held twice")
        with run_lock(tmp_path / "other", sibling_file=True):
            pass
    assert not list(tmp_path.iterdir())


def test_shared_runs_block_an_exclusive_run_until_the_last_leaves(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with shared_run(folder) as first, shared_run(folder) as second:
        with pytest.raises(ToileError, match="2 tasks of a job array are writing here"), run_lock(folder):
            pytest.fail("alone among others")
        with first.exclusive():
            assert not first.is_last()
        with second.exclusive():
            assert second.is_last()
        with run_lock(folder):
            pass


def test_killed_shared_run_is_not_counted(tmp_path: Path, holder: Any) -> None:
    folder = tmp_path / "out"
    other = holder(folder, "shared_run")
    with shared_run(folder) as run, run.exclusive():
        assert not run.is_last()
    other.send_signal(signal.SIGKILL)
    other.wait()
    with run_lock(folder):
        assert [path.name for path in folder.iterdir()] == [LOCK]


def test_short_lock_is_waited_for_and_a_run_lock_is_not(tmp_path: Path, holder: Any) -> None:
    with shared_run(tmp_path / "out") as run:
        code = (
            "import sys, time\nfrom pathlib import Path\nfrom schemas.util.locks import shared_run\n"
            "with shared_run(Path(sys.argv[1])) as run:\n    with run.exclusive():\n        print('held', flush=True)\n"
            "        time.sleep(0.5)\n"
        )
        command = [sys.executable, "-c", code, str(tmp_path / "out")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            with run.exclusive():  # no error
                pass
    with run_lock(tmp_path / "out"):
        began = time.monotonic()
        with pytest.raises(ToileError, match="another toile is writing"), shared_run(tmp_path / "out"):
            pytest.fail("shared what is held alone")
        assert time.monotonic() - began < locking._UNNAMED_SECONDS


def test_lock_file_names_are_recognised() -> None:
    assert is_lock(LOCK)
    assert is_lock(".toile-node7-0123456789ab.lock")
    assert not any(map(is_lock, ("poetry.lock", ".toile", "toile.lock", "manifest.json", ".toile-notes.txt")))


def test_read_only_folder_is_not_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("filelock.FileLock.acquire", refused)
    with run_lock(tmp_path):
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_file_system_without_locks_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def unknown(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", unknown)
    with pytest.raises(ToileError, match="cannot be locked") as caught, run_lock(tmp_path / "out"):
        pytest.fail("not held")
    assert "another disk" in caught.value.hint


def test_file_system_without_flock_uses_a_lock_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", unknown)
    monkeypatch.setattr(locking, "_UNNAMED_SECONDS", 0.1)
    with run_lock(tmp_path / "out"), pytest.raises(ToileError, match="writing here"), run_lock(tmp_path / "out"):
        pytest.fail("held twice")
    with run_lock(tmp_path / "out"):
        pass


def test_second_of_two_generate_processes_is_refused(tmp_path: Path, holder: Any) -> None:
    """Started at the same time, again and again: exactly one does the work, or both do it one after the other."""
    command = [sys.executable, "-m", "toile", "generate", "demo", "--no-images", "--workers", "1"]
    command += ["--out", str(tmp_path / "out")]
    seeds = ("1", "2")
    both = [
        subprocess.Popen([*command, "--num-products", "20000", "--seed", seed], stderr=subprocess.PIPE, text=True)
        for seed in seeds
    ]
    said = [process.communicate()[1] for process in both]
    codes = [process.returncode for process in both]
    assert sorted(codes) == [0, 1], said
    refused = said[codes.index(1)]
    assert "another toile is writing here (pid" in refused or "other inputs" in refused
    assert "Traceback" not in refused
    manifest = load_manifest(tmp_path / "out" / "manifest.json")
    assert manifest.finished
    assert manifest.inputs["seed"] == int(seeds[codes.index(0)])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["README.md", "data", "manifest.json"]


def test_leftover_lock_files_are_not_foreign_files(tmp_path: Path, demo_document: dict[str, Any]) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in (LOCK, "manifest.json.0123456789abcdef.part"):
        (out / name).write_text("")
    inputs = GenerateInputs(spec_document=demo_document, seed=0, start=0, num_products=20, image_size=None)
    assert write_shards(inputs, out)[1]
    assert sorted(path.name for path in out.iterdir()) == ["README.md", "data", "manifest.json"]


@pytest.fixture(scope="module")
def catalog_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few products of all splits."""
    return write_catalog(tmp_path_factory.mktemp("locking") / "catalog", products(40))


COMMANDS = {
    "train": "train {run} --out {out} --model tiny --mix {data}=1 --max-steps 1 --device cpu",
    "evaluate": "evaluate --model tiny --data {data} --out {out} --device cpu",
    "convert": "convert {data} --to csv --out {out}",
    "import": "import {table} --out {out} --currency USD",
    "fetch": "fetch {table} --out {out} --currency USD --allow-private",
    "audit": "audit --real {data} --synthetic {data} --out {out}",
    "generate": "generate demo --num-products 5 --no-images --out {out}",
    "generate --shards": "generate demo --num-products 5 --no-images --shards 0: --out {out}",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_that_writes_a_folder_locks_it(name: str, catalog_folder: Path, tmp_path: Path) -> None:
    run, table, out = tmp_path / "run.yaml", tmp_path / "table.csv", tmp_path / "out"
    run.write_text(f"model: tiny\nmix:\n- data: {catalog_folder}\n  weight: 1\nmax_steps: 1\n")
    table.write_text(
        "product_code,title,category3_code,full_price,imageurl\n1,Coat,COATS,10,http://127.0.0.1:1/1.jpg\n"
    )
    line = COMMANDS[name].format(run=run, table=table, out=out, data=catalog_folder)
    with run_lock(out, sibling_file=name == "convert"):
        result = CliRunner().invoke(main, line.split())
    assert result.exit_code == 1, result.output
    assert f"{out}: another toile is writing here (pid {os.getpid()}, since" in result.output
    assert not out.exists()


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no /proc here")
def test_folder_that_cannot_be_made_is_not_called_locked() -> None:
    with (
        pytest.raises(ToileError, match="cannot be written: No such file or directory") as caught,
        run_lock(Path("/proc/x")),
    ):
        pass
    assert "another toile" not in str(caught.value)
