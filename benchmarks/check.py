"""How long does a person wait for `toile check`? Seconds until its tables and its pictures stand in a terminal.

    python benchmarks/check.py --out benchmarks/results/check_2cores_2026-11-22.json

The command runs in a terminal of 100 columns, with the cache of pictures of a first and of a second look at a preset. A
first call, which is not counted, compiles what an installation has not compiled yet.
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
import tempfile
import termios
import time
from pathlib import Path
from typing import Any

from schemas.manifest import versions

PRESETS = ("demo", "fashion-luxury", "home-beauty", "marketplace", "sportswear")
HALF_BLOCK = "\N{UPPER HALF BLOCK}".encode()
"""What pictures are made of, and tables are not."""


def looked_at(preset: str, cache: Path) -> dict[str, float]:
    """Seconds from the start of the command to its first table, its last one, its last picture and its end."""
    began = time.perf_counter()
    process, terminal = pty.fork()
    if process == 0:
        terminal_like = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": "100"}
        toile = Path(sys.executable).with_name("toile")
        os.execve(toile, [str(toile), "check", preset], {**os.environ, **terminal_like, "XDG_CACHE_HOME": str(cache)})
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    arrived: list[tuple[float, bytes]] = []
    try:
        while content := os.read(terminal, 1 << 16):
            arrived.append((time.perf_counter() - began, content))
    except OSError:  # the terminal is gone with the last process that writes to it
        pass
    finally:
        os.close(terminal)
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    assert status == 0, b"".join(content for _, content in arrived).decode()
    tables = [seconds for seconds, content in arrived if HALF_BLOCK not in content]
    pictures = [seconds for seconds, content in arrived if HALF_BLOCK in content]
    return {
        "first_table": arrived[0][0],
        "tables": max(seconds for seconds in tables if seconds < pictures[0]),
        "pictures": arrived[-1][0],
        "end": time.perf_counter() - began,
    }


def calibration() -> float:
    """Seconds of a fixed amount of Python: some are twice as long as others where a neighbour shares the core."""
    began = time.perf_counter()
    total = 0
    for number in range(1_000_000):
        total += number
    return time.perf_counter() - began


def measured(num_rounds: int) -> dict[str, Any]:
    """Every preset in turn, each round at a first and at a second look."""
    seconds: dict[str, dict[str, list[dict[str, float]]]] = {preset: {"new": [], "kept": []} for preset in PRESETS}
    for round_number in range(num_rounds + 1):
        for preset in PRESETS:
            with tempfile.TemporaryDirectory() as cache:
                for look in ("new", "kept"):
                    found = {"calibration": calibration(), **looked_at(preset, Path(cache))}
                    if round_number:
                        seconds[preset][look].append({name: round(value, 3) for name, value in found.items()})
    return {
        look: {
            name: {
                "median": statistics.median(each[name] for preset in PRESETS for each in seconds[preset][look]),
                "fastest": min(each[name] for preset in PRESETS for each in seconds[preset][look]),
            }
            for name in ("calibration", "first_table", "tables", "pictures", "end")
        }
        for look in ("new", "kept")
    } | {"rounds": seconds}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    found = measured(asked.rounds)
    for look in ("new", "kept"):
        print(f"{look} pictures, seconds (median, fastest of {asked.rounds * len(PRESETS)}):")
        for name, of in found[look].items():
            print(f"  {name:12} {of['median']:.2f} {of['fastest']:.2f}")
    if asked.out:
        document = {
            "command": shlex.join(["python", *sys.argv]),
            "versions": versions("numba", "numpy", "rich"),
            **found,
        }
        asked.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
