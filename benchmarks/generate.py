"""How many catalog rows a second does one core draw into Arrow, and into Parquet on disk?

A table for people, then one JSON line. The median of five runs; a fixed numpy loop is timed beside them, so that
figures of several machines can be compared. `--out FILE` also writes the JSON to a file.

    python benchmarks/generate.py --out benchmarks/results/generate_2cores_2026-11-21.json
"""

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from generator.product_function import rows
from generator.shards import GenerateInputs, write_shards
from schemas.border import read_document
from schemas.manifest import versions
from schemas.specs import load, preset_path

NUM_ROWS = 200_000
REPEATS = 5


def calibration() -> None:
    """A fixed amount of numpy work: 40 sorts of a million numbers."""
    numbers = np.random.default_rng(0).random(1_000_000)
    for _ in range(40):
        np.sort(numbers)


def cpu_seconds(work: Callable[[], object]) -> list[float]:
    """Processor seconds of this process for each repeat, after one run that is not counted."""
    work()
    found = []
    for _ in range(REPEATS):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    results: dict[str, object] = {}
    for preset in ("demo", "fashion-luxury", "sportswear"):
        path = preset_path(preset, "catalog")
        assert path is not None
        spec, document = load(path, "catalog"), read_document(path)
        index = np.arange(NUM_ROWS)
        inputs = GenerateInputs(spec_document=document, seed=0, start=0, num_products=NUM_ROWS, image_size=None)

        def to_disk(inputs: GenerateInputs = inputs) -> None:
            with tempfile.TemporaryDirectory() as folder:
                write_shards(inputs, Path(folder) / "out")

        arrow = cpu_seconds(lambda spec=spec, index=index: rows(spec, 0, index))  # type: ignore[misc]
        parquet = cpu_seconds(to_disk)
        results[preset] = {
            "arrow_rows_per_cpu_second": round(NUM_ROWS / statistics.median(arrow)),
            "parquet_rows_per_cpu_second": round(NUM_ROWS / statistics.median(parquet)),
            "arrow_cpu_seconds": [round(s, 4) for s in arrow],
            "parquet_cpu_seconds": [round(s, 4) for s in parquet],
        }
    calibrated = statistics.median(cpu_seconds(calibration))
    print(f"{'preset':<16}{'rows/s into Arrow':>20}{'rows/s into Parquet':>22}   (one core, processor time)")
    for name, figures in results.items():
        assert isinstance(figures, dict)
        arrow_rate, parquet_rate = figures["arrow_rows_per_cpu_second"], figures["parquet_rows_per_cpu_second"]
        print(f"{name:<16}{arrow_rate:>20,}{parquet_rate:>22,}")
    print(f"calibration (40 numpy sorts of a million): {calibrated:.2f} s")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    document = {
        "benchmark": "generate",
        "command": "python benchmarks/generate.py",
        "num_rows": NUM_ROWS,
        "results": results,
        "calibration_cpu_seconds": round(calibrated, 3),
        "versions": versions("numpy", "pyarrow"),
        "commit": commit.strip(),
    }
    print(json.dumps(document))
    if arguments.out:
        arguments.out.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
