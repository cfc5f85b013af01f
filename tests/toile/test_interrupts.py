"""Ctrl-C at any moment: one line, exit code 130, no worker left, and a folder that the same command continues."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.dataset_hub import ImageServer, dbq_table, served

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
START = "import sys, toile.__main__ as m; sys.argv = ['toile', *sys.argv[1:]]; print('ready', flush=True); m.main()"


def interrupted(arguments: list[str], delay: float, *, times: int = 1) -> tuple[int, list[str], int]:
    """Run a command, send SIGINT to its process group `delay` seconds after its start, as a terminal does.

    Return the exit code, the lines on stderr, and the id of the process group.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", START, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(delay)
    for _ in range(times):
        os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    return process.returncode, [line for line in stderr.splitlines() if line], process.pid


def is_running(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def assert_stopped(code: int, lines: list[str], group: int) -> None:
    assert lines == ["stopped by Ctrl-C; run the same command again to continue"]
    assert code == 130
    end = time.monotonic() + 20
    while is_running(group):
        assert time.monotonic() < end, "a worker is left"
        time.sleep(0.05)


@pytest.mark.parametrize("delay", [0.05, 0.8])
def test_interrupt_in_the_first_second_is_one_line(delay: float, tmp_path: Path) -> None:
    command = ["generate", "demo", "--out", str(tmp_path / "out"), "--num-products", "4000", "--workers", "2"]
    assert_stopped(*interrupted(command, delay))


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.3, 1.5, 2.5, 4.0, 7.0])
def test_interrupt_while_workers_start_and_render_is_one_line(delay: float, tmp_path: Path) -> None:
    command = ["generate", "demo", "--out", str(tmp_path / "out"), "--num-products", "4000", "--workers", "2"]
    assert_stopped(*interrupted(command, delay))


@pytest.mark.slow
def test_interrupted_catalog_is_continued(tmp_path: Path) -> None:
    small = ["generate", "demo", "--out", str(tmp_path / "out"), "--num-products", "600", "--image-size", "32"]
    code, lines, group = interrupted([*small, "--workers", "2"], 6.0)
    if code != 0:  # a fast machine may have finished
        assert_stopped(code, lines, group)
    done = subprocess.run([sys.executable, "-m", "toile", *small, "--workers", "1"], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("delay", [1.0, 6.0, 12.0])
def test_interrupt_of_training_is_one_line(delay: float, tmp_path: Path) -> None:
    run = {"model": "tiny", "method": "lora", "max_steps": 100000, "batch_size": 2}
    mix = [{"data": "demo", "weight": 1, "draw": {"num_products": 50, "image_size": 64}}]
    (tmp_path / "run.yaml").write_text(json.dumps({**run, "mix": mix}))
    arguments = ["train", str(tmp_path / "run.yaml"), "--out", str(tmp_path / "out"), "--loaders", "1"]
    code, lines, group = interrupted(arguments, delay)
    assert code == 130, lines
    assert lines[-1] == "stopped by Ctrl-C; run the same command again to continue"
    assert not any("Traceback" in line for line in lines)
    end = time.monotonic() + 20
    while is_running(group):
        assert time.monotonic() < end, "a loader is left"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("delay", [1.0, 5.0])
def test_interrupt_of_a_fetch_is_one_line_and_it_continues(delay: float, tmp_path: Path) -> None:
    server = ImageServer(delay_s=0.3)
    with served(server):
        dbq_table(200, server.url).to_parquet(tmp_path / "table.parquet", index=False)
        command = ["fetch", str(tmp_path / "table.parquet"), "--out", str(tmp_path / "out"), "--allow-private"]
        code, lines, group = interrupted(command, delay)
    assert code == 130, lines
    assert lines[-1] == "stopped by Ctrl-C; run the same command again to continue"
    assert not any("Traceback" in line or "Exception" in line for line in lines)
    assert not is_running(group)


def test_error_of_a_command_is_not_an_interrupt(tmp_path: Path) -> None:
    """The same start, without Ctrl-C."""
    done = subprocess.run(
        [sys.executable, "-m", "toile", "describe", str(tmp_path / "nothing")],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode in (1, 2)
    assert "Ctrl-C" not in done.stderr
