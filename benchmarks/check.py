"""Measure `toile check` in a terminal: seconds until the tables and the images are complete.

    python -m benchmarks.check --out benchmarks/results/check_2cores_2026-12-01.json

The command runs in a terminal of 100 columns. The first round is not counted: it compiles the kernels of the renderer
where they are not compiled yet.
"""

import argparse
import fcntl
import json
import os
import pty
import shlex
import statistics
import struct
import sys
import termios
import time
from pathlib import Path
from typing import Any

from schemas.manifest import versions

PRESETS = ("demo", "fashion-luxury", "home-beauty", "marketplace", "sportswear")
TIMES = ("calibration", "first_table", "tables", "images", "end")
HALF_BLOCK = "\N{UPPER HALF BLOCK}".encode()
"""The output of images contains it, that of tables does not."""


def time_check(preset: str) -> dict[str, float]:
    """Return the seconds from the start of the command to the first table, last table, last image and exit."""
    start = time.perf_counter()
    process, terminal = pty.fork()
    if process == 0:
        terminal_like = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": "100"}
        toile = Path(sys.executable).with_name("toile")
        os.execve(toile, [str(toile), "check", preset], {**os.environ, **terminal_like})
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    arrived: list[tuple[float, bytes]] = []
    try:
        while content := os.read(terminal, 1 << 16):
            arrived.append((time.perf_counter() - start, content))
    except OSError:  # the terminal is closed when the last process that writes to it exits
        pass
    finally:
        os.close(terminal)
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    assert status == 0, b"".join(content for _, content in arrived).decode()
    tables = [seconds for seconds, content in arrived if HALF_BLOCK not in content]
    images = [seconds for seconds, content in arrived if HALF_BLOCK in content]
    return {
        "first_table": arrived[0][0],
        "tables": max(seconds for seconds in tables if seconds < images[0]),
        "images": arrived[-1][0],
        "end": time.perf_counter() - start,
    }


def time_calibration_loop() -> float:
    """Return the seconds of a fixed amount of Python: it takes up to twice as long on a shared core."""
    start = time.perf_counter()
    total = 0
    for number in range(1_000_000):
        total += number
    return time.perf_counter() - start


def measure(num_rounds: int) -> dict[str, Any]:
    """Time every preset once per round; return the median and the minimum over all, and the single times."""
    seconds: dict[str, list[dict[str, float]]] = {preset: [] for preset in PRESETS}
    for round_number in range(num_rounds + 1):
        for preset in PRESETS:
            times = {"calibration": time_calibration_loop(), **time_check(preset)}
            if round_number:
                seconds[preset].append({name: round(value, 3) for name, value in times.items()})
    every = [times for preset in PRESETS for times in seconds[preset]]
    summary = {
        name: {"median": statistics.median(t[name] for t in every), "fastest": min(t[name] for t in every)}
        for name in TIMES
    }
    return {"seconds": summary, "rounds": seconds}


def main() -> None:
    """Measure, print and write the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found = measure(options.rounds)
    print(f"seconds (median, fastest of {options.rounds * len(PRESETS)}):")
    for name, of in found["seconds"].items():
        print(f"  {name:12} {of['median']:.2f} {of['fastest']:.2f}")
    if options.out:
        document = {
            "command": shlex.join(["python", "-m", "benchmarks.check", *sys.argv[1:]]),
            "versions": versions("numba", "numpy", "rich"),
            **found,
        }
        options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
