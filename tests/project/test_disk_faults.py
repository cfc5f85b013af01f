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
    GENERATING,
    Flow,
    artefacts,
    converting,
    evaluating,
    fetching,
    fitting,
    importing,
    run_file,
    table_with_pictures,
    training,
)
from tests.helpers.killing import LIMIT, Ended, Keeper, Moment, keeper

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
def keep() -> Iterator[Keeper]:
    with keeper("generator.catalog.shards", "generator.ingest.fetch", "finetune.train", "peft", "jsonschema") as found:
        yield found


@pytest.fixture
def flow(request: pytest.FixtureRequest, tmp_path: Path, catalog: Path, image_server: ImageServer) -> Flow:
    """The command of that name."""
    match request.param:
        case "generate":
            return GENERATING["scenarios"]
        case "fetch":
            dbq_table(60, image_server.url).to_parquet(tmp_path / "table.parquet", index=False)
            return fetching(tmp_path / "table.parquet")
        case "import":
            return importing(table_with_pictures(tmp_path, 60))
        case "convert":
            return converting(catalog, "webdataset")
        case "imagefolder":
            return converting(catalog, "imagefolder")
        case "fit":
            return fitting(catalog)
        case "train":
            return training(run_file(tmp_path, catalog, max_steps=4))
        case "train at its end":
            return training(run_file(tmp_path, catalog, max_steps=1, checkpoint_every=9))
        case "lora at its end":
            return training(run_file(tmp_path, catalog, max_steps=1, checkpoint_every=9, method="lora"))
        case _:
            return evaluating(catalog)


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


def refused(ended: Ended, *words: str) -> None:
    """Exit 1 with one line and a hint."""
    assert ended.code == 1, ended.said
    assert "Traceback" not in ended.said, ended.said
    assert "hint: " in ended.said, ended.said
    assert any(word in ended.said for word in words), ended.said


@pytest.mark.slow
@can_mount
@pytest.mark.parametrize("flow", NAMES, indirect=True)
def test_a_disk_that_fills_up(keep: Keeper, flow: Flow, tmp_path: Path) -> None:
    whole = flow.run(keep, tmp_path / "whole")
    assert whole.code == 0, whole.said
    wanted = artefacts(tmp_path / "whole")
    pages = sum(-(-path.stat().st_size // PAGE) for path in (tmp_path / "whole").rglob("*") if path.is_file())
    for room in sorted({max(1, int(pages * share)) for share in ROOM}):
        place = tmp_path / f"disk{room}"
        with small_disk(place, room * PAGE):
            refused(flow.run(keep, place), "No space left", "no space left")
            assert mounted("-o", "remount,size=200m", str(place))
            again = flow.run(keep, place)
            assert again.code == 0, again.said
            assert artefacts(place) == wanted


@pytest.mark.slow
@pytest.mark.parametrize("flow", NAMES, indirect=True)
def test_a_file_that_may_not_grow(keep: Keeper, flow: Flow, tmp_path: Path) -> None:
    whole = flow.run(keep, tmp_path / "whole")
    assert whole.code == 0, whole.said
    wanted = artefacts(tmp_path / "whole")
    for number, share in enumerate((0.001, 0.1, 0.5, 0.99)):
        limit = Moment(kind=LIMIT, at=max(SAID, int(whole.largest * share)))
        refused(flow.run(keep, tmp_path / f"{number:05d}", limit), "File too large", "cannot be written")
        again = flow.run(keep, tmp_path / f"{number:05d}")
        assert again.code == 0, again.said
        assert artefacts(tmp_path / f"{number:05d}") == wanted


@pytest.mark.slow
@can_mount
@pytest.mark.parametrize("flow", NAMES, indirect=True)
def test_a_folder_that_may_not_be_written_to(keep: Keeper, flow: Flow, tmp_path: Path) -> None:
    """From the beginning, half-way, and when all is done."""
    whole = flow.run(keep, tmp_path / "whole")
    assert whole.code == 0, whole.said
    wanted = artefacts(tmp_path / "whole")
    place = tmp_path / "disk0"
    with small_disk(place, 200_000_000):
        for moment in (None, Moment(kind="write", at=whole.num_writes // 2)):
            if moment is not None:
                assert flow.run(keep, place, moment).killed
            before = artefacts(place)
            assert mounted("-o", "remount,ro", str(place))
            refused(flow.run(keep, place), "Read-only file system")
            assert artefacts(place) == before
            assert mounted("-o", "remount,rw", str(place))
        assert flow.run(keep, place).code == 0
        assert artefacts(place) == wanted
        assert mounted("-o", "remount,ro", str(place))
        done = flow.run(keep, place)
        assert "Traceback" not in done.said, done.said
        assert artefacts(place) == wanted
