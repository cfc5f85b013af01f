"""Disks that fill up, folders that may not be written to, files that are damaged: one line that names the file and says
what next, nothing lost, and the same command ends well once the fault is mended.
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

pytestmark = pytest.mark.timeout(1800)  # dozens of commands in a test, on a machine with other work
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
ROOM = (0.02, 0.3, 0.6, 0.9)
"""Of what the command needs."""
PAGE = 4096
"""Bytes that the smallest file takes."""
SAID = 600
"""A limit for files counts for what the command says as well."""
can_mount = pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="needs the right to mount")


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with start_fork_server(
        "generator.catalog.shards", "generator.ingest.fetch", "finetune.train", "peft", "jsonschema"
    ) as found:
        yield found


@pytest.fixture
def flow(request: pytest.FixtureRequest, tmp_path: Path, catalog: Path, image_server: ImageServer) -> Flow:
    """The command of that name."""
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
    """A file system of that size on the folder."""
    folder.mkdir()
    if not mounted("-t", "tmpfs", "-o", f"size={num_bytes}", "tmpfs", str(folder)):
        pytest.skip("mounting is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def mounted(*words: str) -> bool:
    return subprocess.run(["mount", *words], check=False, capture_output=True).returncode == 0


def refused(ended: ProcessResult, *words: str) -> None:
    """Exit 1 with one line and a hint."""
    assert ended.code == 1, ended.output
    assert "Traceback" not in ended.output, ended.output
    assert "hint: " in ended.output, ended.output
    assert any(word in ended.output for word in words), ended.output


@pytest.mark.slow
@can_mount
@pytest.mark.parametrize("flow", NAMES, indirect=True)
def test_a_disk_that_fills_up(server: ForkServer, flow: Flow, tmp_path: Path) -> None:
    whole = flow.run(server, tmp_path / "whole")
    assert whole.code == 0, whole.output
    wanted = hash_files(tmp_path / "whole")
    pages = sum(-(-path.stat().st_size // PAGE) for path in (tmp_path / "whole").rglob("*") if path.is_file())
    for room in sorted({max(1, int(pages * share)) for share in ROOM}):
        place = tmp_path / f"disk{room}"
        with small_disk(place, room * PAGE):
            refused(flow.run(server, place), "No space left", "no space left")
            assert mounted("-o", "remount,size=200m", str(place))
            again = flow.run(server, place)
            assert again.code == 0, again.output
            assert hash_files(place) == wanted


@pytest.mark.slow
@pytest.mark.parametrize("flow", NAMES, indirect=True)
def test_a_file_that_may_not_grow(server: ForkServer, flow: Flow, tmp_path: Path) -> None:
    whole = flow.run(server, tmp_path / "whole")
    assert whole.code == 0, whole.output
    wanted = hash_files(tmp_path / "whole")
    for number, share in enumerate((0.001, 0.1, 0.5, 0.99)):
        limit = Interruption(kind=LIMIT, at=max(SAID, int(whole.largest_file_bytes * share)))
        refused(flow.run(server, tmp_path / f"{number:05d}", limit), "File too large", "cannot be written")
        again = flow.run(server, tmp_path / f"{number:05d}")
        assert again.code == 0, again.output
        assert hash_files(tmp_path / f"{number:05d}") == wanted


@pytest.mark.slow
@can_mount
@pytest.mark.parametrize("flow", NAMES, indirect=True)
def test_a_folder_that_may_not_be_written_to(server: ForkServer, flow: Flow, tmp_path: Path) -> None:
    """From the beginning, half-way, and when all is done."""
    whole = flow.run(server, tmp_path / "whole")
    assert whole.code == 0, whole.output
    wanted = hash_files(tmp_path / "whole")
    place = tmp_path / "disk0"
    with small_disk(place, 200_000_000):
        for interruption in (None, Interruption(kind="write", at=whole.num_writes // 2)):
            if interruption is not None:
                assert flow.run(server, place, interruption).killed
            before = hash_files(place)
            assert mounted("-o", "remount,ro", str(place))
            refused(flow.run(server, place), "Read-only file system")
            assert hash_files(place) == before
            assert mounted("-o", "remount,rw", str(place))
        assert flow.run(server, place).code == 0
        assert hash_files(place) == wanted
        assert mounted("-o", "remount,ro", str(place))
        done = flow.run(server, place)
        assert "Traceback" not in done.output, done.output
        assert hash_files(place) == wanted
