"""Measure the environments: seconds to install, disk space, and seconds until each command has started.

    python -m benchmarks.install --out benchmarks/results/install_2cores_2026-12-01.json

Each set of extras is installed into a fresh environment with the pinned versions, by uv, once; packages come from uv's
cache where it has them. A command has started when it has read its options: `toile COMMAND --help`, median of five.
"""

import argparse
import json
import os
import statistics
import subprocess
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any

from schemas.manifest import versions
from toile.cli import GROUPS

ROOT = Path(__file__).parents[1]
EXTRAS = {"pip install .": "", "pip install '.[train]'": "[train]", "make setup": "[dev]"}
NUM_STARTS = 5


def disk_megabytes(folder: Path) -> float:
    """Return the size of all files below `folder` in MB, as `du --apparent-size` counts them."""
    return sum(path.lstat().st_size for path in folder.rglob("*")) / 1e6


def time_process(*command: str | Path) -> float:
    """Return the seconds a command takes as a whole process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def measure(extras: str) -> dict[str, Any]:
    """Install toile with `extras` into a new environment and measure it."""
    uv = Path(sysconfig.get_path("scripts")) / "uv"
    with tempfile.TemporaryDirectory() as folder:
        scripts = Path(folder) / "bin"
        time_process(uv, "venv", "--quiet", "--clear", folder)
        pinned = ("--constraint", ROOT / "constraints.txt")
        install = time_process(uv, "pip", "install", "--python", scripts / "python", *pinned, f"{ROOT}{extras}")
        commands = [name for group in GROUPS.values() for name in group]
        starts = {
            name: [time_process(scripts / "toile", name, "--help") for _ in range(NUM_STARTS + 1)][1:]
            for name in commands
        }
        medians = {name: round(statistics.median(seconds), 3) for name, seconds in starts.items()}
        return {
            "install_seconds": round(install, 1),
            "disk_mb": round(disk_megabytes(Path(folder))),
            "start_seconds": medians,
            "slowest_start_seconds": max(medians.values()),
        }


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # with it, no start finds compiled modules
    found = {name: measure(extras) for name, extras in EXTRAS.items()}
    result = {
        "command": f"python -m benchmarks.install --out {out}",
        "versions": versions("torch", "transformers"),
        **found,
    }
    out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
