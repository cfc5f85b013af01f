"""Worker processes: tasks run once, killed ones again, a task that kills its worker is reported; no orphans."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from generator.catalog.parallel import ATTEMPTS, report, run_in_processes
from schemas.errors import ToileError


def _square(number: int) -> int:
    return number * number


def _process(_: int) -> int:
    return os.getpid()


def _noted(folder: Path, number: int) -> int:
    """Write a file for each attempt."""
    (folder / f"{number}.{time.monotonic_ns()}").touch()
    return number


def _killed_at_first(folder: Path, number: int) -> int:
    """Task 3 kills its process the first time."""
    started = sorted(folder.glob(f"{number}.*"))
    _noted(folder, number)
    if number == 3 and not started:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def _killed_always(folder: Path, number: int) -> int:
    """Task 3 always kills its process."""
    _noted(folder, number)
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def _refused(number: int) -> int:
    if number == 2:
        raise ToileError("there", "is wrong", "fix it")
    return number


def test_every_task_is_done_once() -> None:
    assert sorted(run_in_processes(_square, [(k,) for k in range(7)], 2)) == [k * k for k in range(7)]
    assert list(run_in_processes(_square, [], 3)) == []


def test_one_worker_or_one_task_starts_no_process() -> None:
    assert set(run_in_processes(_process, [(1,), (2,)], 1)) == {os.getpid()}
    assert set(run_in_processes(_process, [(1,)], 8)) == {os.getpid()}


def test_error_of_a_task_is_raised_unchanged() -> None:
    with pytest.raises(ToileError, match="is wrong") as caught:
        list(run_in_processes(_refused, [(k,) for k in range(4)], 2))
    assert (caught.value.where, caught.value.hint) == ("there", "fix it")


def test_task_of_a_killed_process_runs_again(tmp_path: Path) -> None:
    done = list(run_in_processes(_killed_at_first, [(tmp_path, k) for k in range(6)], 2))
    assert sorted(done) == list(range(6)), "each result once"
    started = [path.name.partition(".")[0] for path in tmp_path.iterdir()]
    assert started.count("3") == 2
    assert len(started) <= 6 + 2, "only the tasks that were running are started again"


def test_only_the_task_that_kills_its_process_is_reported(tmp_path: Path) -> None:
    done: list[int] = []
    with pytest.raises(ToileError, match="ended without an answer") as caught:
        done.extend(run_in_processes(_killed_always, [(tmp_path, k) for k in range(6)], 2))
    assert "--workers" in caught.value.hint
    assert len(list(tmp_path.glob("3.*"))) == ATTEMPTS
    assert set(done) <= {0, 1, 2, 4, 5}
    assert len(done) == len(set(done))


RUNNING = """
import sys
from pathlib import Path
from tests.generator.catalog.test_parallel import _slow
from generator.catalog.parallel import run_in_processes
if __name__ == "__main__":
    list(run_in_processes(_slow, [(Path(sys.argv[1]), k) for k in range(2)], 2))
"""


def _slow(folder: Path, number: int) -> int:
    (folder / f"{os.getpid()}").touch()
    time.sleep(60)
    return number


def _until(wanted: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Return whether the condition became true in time."""
    deadline = time.monotonic() + seconds
    while not wanted():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def _workers_of_killed_parent(program: str, num_processes: int, folder: Path) -> list[int]:
    """Start a program, kill it with -9, and return the ids of the processes that it had started."""
    script, started = folder / "running.py", folder / "started"
    script.write_text(program)
    started.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen([sys.executable, str(script), str(started)], env=environment) as parent:
        assert _until(lambda: len(list(started.iterdir())) == num_processes)
        parent.kill()
    return [int(path.name) for path in started.iterdir()]


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="looks for processes in /proc")
def test_workers_end_with_their_parent_process(tmp_path: Path) -> None:
    """Otherwise they would continue to write for a dead run, into a folder that another run may use."""
    started = _workers_of_killed_parent(RUNNING, 2, tmp_path)
    assert _until(lambda: all(map(_is_gone, started)), 20), started


def _reporting(number: int) -> int:
    for _ in range(number):
        report(2)
    return number


@pytest.mark.parametrize("num_workers", [1, 2])
def test_progress_inside_of_tasks_reaches_the_caller(num_workers: int) -> None:
    told: list[int] = []
    results = run_in_processes(_reporting, [(k,) for k in range(1, 5)], num_workers, told.append)
    assert sorted(results) == [1, 2, 3, 4]
    assert sum(told) == 20
    report(1)
    assert sum(told) == 20, "outside of a task nobody is told"
