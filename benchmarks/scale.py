"""What does a catalog cost as it grows? Time, memory and bytes for several sizes; larger ones are simulated in part.

    python -m benchmarks.scale --out benchmarks/results/scale_2cores_2026-12-01.json

Each measurement runs in its own process, so that its peak memory is its own. Catalogs of many shards are simulated:
their markers and files are written without rows, and finishing, continuing and loading them is measured.
"""

import argparse
import json
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from schemas.documents import read_document
from schemas.manifest import read_manifest, versions
from schemas.validation import preset_path

PRESET = "fashion-luxury"
ROWS = (100_000, 1_000_000, 10_000_000)
SHARDS = (200, 1_000, 5_000, 20_000)
FAR = (0, 10**6, 10**9, 10**12)


def _document() -> dict[str, Any]:
    path = preset_path(PRESET, "catalog")
    assert path is not None
    document: dict[str, Any] = read_document(path)
    return document


def rows(folder: Path, num_rows: int) -> dict[str, Any]:
    """Write, then verify a catalog without images."""
    from generator.catalog.shards import GenerateInputs, write_shards
    from generator.catalog.verify import verify

    inputs = GenerateInputs(spec_document=_document(), seed=0, start=0, num_products=num_rows, image_size=None)
    written = _timed(lambda: write_shards(inputs, folder / "catalog"))
    peak = _peak_mib()
    num_bytes = sum(entry.num_bytes for entry in read_manifest(folder / "catalog").files)
    checked = _timed(lambda: verify(folder / "catalog", sample=100))
    return {
        "write_cpu_s": written,
        "write_peak_mib": peak,
        "bytes_per_row": round(num_bytes / num_rows, 1),
        "verify_cpu_s": checked,
        "verify_peak_mib": _peak_mib(),
    }


def shards(folder: Path, num_shards: int) -> dict[str, Any]:
    """Finish a simulated catalog of so many shards, open it again, and load its manifest."""
    from generator.catalog.run_folder import MARKERS, open_or_resume, write_marker
    from generator.catalog.shards import GenerateInputs, finalize, write_shards
    from generator.catalog.storage import resolve_folder
    from schemas.evaluation import SPLITS
    from schemas.manifest import ShardFile

    out = resolve_folder(folder / "catalog")
    inputs = GenerateInputs(
        spec_document={**_document(), "code_digits": 12}, seed=0, start=0, num_products=num_shards, image_size=None
    )
    object.__setattr__(inputs, "num_products", num_shards * inputs.products_per_shard)
    assert open_or_resume(out, "generate", inputs.as_manifest(), num_shards, force=False) is None
    for name in ("data", MARKERS):
        (folder / "catalog" / name).mkdir()
    for shard in range(num_shards):
        entries = []
        for split in SPLITS:
            name = f"data/{split}-{shard:05d}-of-{num_shards:05d}.parquet"
            (folder / "catalog" / name).write_bytes(b"x")
            entries.append(ShardFile(path=name, split=split, num_rows=1, num_bytes=1, sha256="0" * 64))
        write_marker(out, shard, entries)
    finished = _timed(lambda: finalize(inputs, out, time.monotonic()))
    again = _timed(lambda: write_shards(inputs, out))
    size = (folder / "catalog" / "manifest.json").stat().st_size
    loaded = _timed(lambda: read_manifest(folder / "catalog"))
    return {
        "finish_cpu_s": finished,
        "again_cpu_s": again,
        "manifest_bytes_per_shard": round(size / num_shards),
        "load_manifest_cpu_s": loaded,
        "peak_mib": _peak_mib(),
    }


def far(folder: Path, number: int) -> dict[str, Any]:
    """Sample rows and render one image from a product number of any size."""
    from generator.render import draw
    from generator.sampling.products import compile_catalog, product, products
    from schemas.validation import from_document

    spec = from_document({**_document(), "code_digits": 15}, "catalog")
    compile_catalog(spec)
    draw(product(spec, 0, number), 112)
    return {"rows_20000_cpu_s": _timed(lambda: list(products(spec, 0, number, 20_000)))}


MEASUREMENTS: dict[str, tuple[Callable[[Path, int], dict[str, Any]], tuple[int, ...]]] = {
    "rows": (rows, ROWS),
    "shards": (shards, SHARDS),
    "far": (far, FAR),
}


def _timed(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return round(time.process_time() - began, 3)


def _peak_mib() -> int:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    """Run every measurement in its own process and print one JSON line."""
    parser = argparse.ArgumentParser(description="Slopes of time, memory and bytes over the size of a catalog.")
    parser.add_argument("--one", nargs=2, metavar=("NAME", "SIZE"), help="this measurement alone, in this process")
    parser.add_argument("--most-rows", type=int, default=ROWS[-1])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.one:
        name, size = options.one
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(MEASUREMENTS[name][0](Path(folder), int(size))))
        return
    found: dict[str, Any] = {}
    for name, (_, sizes) in MEASUREMENTS.items():
        for size in sizes:
            if name == "rows" and size > options.most_rows:
                continue
            command = [sys.executable, __file__, "--one", name, str(size)]
            answer = subprocess.run(command, check=True, capture_output=True, text=True)
            found.setdefault(name, {})[str(size)] = json.loads(answer.stdout.splitlines()[-1])
            print(name, size, found[name][str(size)], file=sys.stderr)
    result = {
        "what": "scale",
        "command": shlex.join(["python", "-m", "benchmarks.scale", *sys.argv[1:]]),
        "preset": PRESET,
        **found,
        "versions": versions("numpy", "pyarrow"),
    }
    print(json.dumps(result))
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
