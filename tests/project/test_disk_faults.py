"""Full disks, read-only folders and limits of the file size.

The error is one line with the file's name and a hint. Nothing is lost, and the same command succeeds once the fault is
fixed.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.dataset_hub import ImageServer, dbq_table
from tests.helpers.flows import (
    GENERATE_FLOWS,
    Flow,
    convert_flow,
    evaluate_flow,
    fetch_flow,
    fit_flow,
    hash_files,
    import_flow,
    train_flow,
    write_run_file,
    write_table_with_images,
)
from tests.helpers.killing import LIMIT, ForkServer, Interruption, ProcessResult, start_fork_server

pytestmark = pytest.mark.timeout(1800)  # dozens of commands per test, on a busy machine
NAMES = (
    "generate",
    "fetch",
    "import",
    "convert",
    "imagefolder",
    "fit",
    "train",
    "train at its end",
    "lora at its end",
    "evaluate",
)
DISK_SHARES = (0.02, 0.3, 0.6, 0.9)
"""Sizes of the disk, relative to what the command needs."""
PAGE_BYTES = 4096
"""Size of the smallest file on a tmpfs."""
MIN_LIMIT_BYTES = 600
"""The limit applies to the file with the command's output as well."""
can_mount = pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="needs the right to mount")


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with start_fork_server(
        "generator.catalog.shards", "generator.ingest.fetch", "finetune.train", "peft", "jsonschema"
    ) as found:
        yield found


@pytest.fixture
def flow(request: pytest.FixtureRequest, tmp_path: Path, catalog: Path, image_server: ImageServer) -> Flow:
    """Return the command of the requested name."""
    match request.param:
        case "generate":
            return GENERATE_FLOWS["scenarios"]
        case "fetch":
            dbq_table(60, image_server.url).to_parquet(tmp_path / "table.parquet", index=False)
            return fetch_flow(tmp_path / "table.parquet")
        case "import":
            return import_flow(write_table_with_images(tmp_path, 60))
        case "convert":
            return convert_flow(catalog, "webdataset")
        case "imagefolder":
            return convert_flow(catalog, "imagefolder")
        case "fit":
            return fit_flow(catalog)
        case "train":
            return train_flow(write_run_file(tmp_path, catalog, max_steps=4))
        case "train at its end":
            return train_flow(write_run_file(tmp_path, catalog, max_steps=1, checkpoint_every=9))
        case "lora at its end":
            return train_flow(write_run_file(tmp_path, catalog, max_steps=1, checkpoint_every=9, method="lora"))
        case _:
            return evaluate_flow(catalog)


@contextlib.contextmanager
def small_disk(folder: Path, num_bytes: int) -> Iterator[None]:
    """Mount a file system of that size on the folder."""
    folder.mkdir()
    if not mount("-t", "tmpfs", "-o", f"size={num_bytes}", "tmpfs", str(folder)):
        pytest.skip("mounting is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def mount(*words: str) -> bool:
    return subprocess.run(["mount", *words], check=False, capture_output=True).returncode == 0


def assert_refused(ended: ProcessResult, *words: str) -> None:
    """Check for exit code 1 and an error with a hint and one of the words."""
    assert ended.code == 1, ended.output
    assert "Traceback" not in ended.output, ended.output
    assert "hint: " in ended.output, ended.output
    assert any(word in ended.output for word in words), ended.output


@pytest.mark.slow
@can_mount
@pytest.mark.parametrize("flow", NAMES, indirect=True)
def test_full_disk(server: ForkServer, flow: Flow, tmp_path: Path) -> None:
    whole = flow.run(server, tmp_path / "whole")
    assert whole.code == 0, whole.output
    wanted = hash_files(tmp_path / "whole")
    pages = sum(-(-path.stat().st_size // PAGE_BYTES) for path in (tmp_path / "whole").rglob("*") if path.is_file())
    for room in sorted({max(1, int(pages * share)) for share in DISK_SHARES}):
        target = tmp_path / f"disk{room}"
        with small_disk(target, room * PAGE_BYTES):
            assert_refused(flow.run(server, target), "No space left", "no space left")
            assert mount("-o", "remount,size=200m", str(target))
            again = flow.run(server, target)
            assert again.code == 0, again.output
            assert hash_files(target) == wanted


@pytest.mark.slow
@pytest.mark.parametrize("flow", NAMES, indirect=True)
def test_file_size_limit(server: ForkServer, flow: Flow, tmp_path: Path) -> None:
    whole = flow.run(server, tmp_path / "whole")
    assert whole.code == 0, whole.output
    wanted = hash_files(tmp_path / "whole")
    for number, share in enumerate((0.001, 0.1, 0.5, 0.99)):
        limit = Interruption(kind=LIMIT, at=max(MIN_LIMIT_BYTES, int(whole.largest_file_bytes * share)))
        assert_refused(flow.run(server, tmp_path / f"{number:05d}", limit), "File too large", "cannot be written")
        again = flow.run(server, tmp_path / f"{number:05d}")
        assert again.code == 0, again.output
        assert hash_files(tmp_path / f"{number:05d}") == wanted


@pytest.mark.slow
@can_mount
@pytest.mark.parametrize("flow", NAMES, indirect=True)
def test_read_only_folder(server: ForkServer, flow: Flow, tmp_path: Path) -> None:
    """Before the start, half-way, and after the end."""
    whole = flow.run(server, tmp_path / "whole")
    assert whole.code == 0, whole.output
    wanted = hash_files(tmp_path / "whole")
    target = tmp_path / "disk0"
    with small_disk(target, 200_000_000):
        for interruption in (None, Interruption(kind="write", at=whole.num_writes // 2)):
            if interruption is not None:
                assert flow.run(server, target, interruption).killed
            before = hash_files(target)
            assert mount("-o", "remount,ro", str(target))
            assert_refused(flow.run(server, target), "Read-only file system")
            assert hash_files(target) == before
            assert mount("-o", "remount,rw", str(target))
        assert flow.run(server, target).code == 0
        assert hash_files(target) == wanted
        assert mount("-o", "remount,ro", str(target))
        done = flow.run(server, target)
        assert "Traceback" not in done.output, done.output
        assert hash_files(target) == wanted
