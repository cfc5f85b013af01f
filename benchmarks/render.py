"""Measure the rendering time of images, cold and warm, by silhouette, presentation and material, and JPEG encoding.

Prints a table and one JSON line; `--out FILE` also writes the JSON. One process, one core, CPU time; each warm figure
is the median over several designs. A fixed numpy loop is measured too, to compare machines. `cold` is the first image
of a new process: imports, loading of compiled kernels, noise tiles; `compiling` is the same with an empty numba cache.

    python -m benchmarks.render --out benchmarks/results/render_HOST_DATE.json
"""

import argparse
import io
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numba
import numpy as np
import PIL
from PIL import Image

from generator.render import render_appearance
from generator.sampling.products import products
from schemas.appearance import CUTS, CUTS_OF, MATERIALS, SILHOUETTES, STYLE_VALUES, Appearance, cut_words
from schemas.validation import load

IMAGE_SIZES = (112, 336, 672)
RECORD_SIZE = 336
PRESET = "demo"
NUM_RECORDS = 40
ROOT = Path(__file__).parent.parent
FIRST = """
import time
began = time.process_time()
from benchmarks.render import sample_appearance
from generator.render import render_appearance
render_appearance(sample_appearance("trench-coat", 0), 336)
print(time.process_time() - began)
"""


def main() -> None:
    """Time every silhouette and material, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="designs timed for each silhouette, material and size")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    repeats: int = arguments.repeats
    for silhouette in SILHOUETTES:
        render_appearance(
            sample_appearance(silhouette, 0), 112
        )  # loads or compiles every kernel, fills the noise tiles
    families = {silhouette: time_sizes(partial(sample_appearance, silhouette), repeats) for silhouette in SILHOUETTES}
    presented = {
        f"{silhouette} {word}": time_sizes(partial(sample_appearance, silhouette, presentation=word), repeats)
        for silhouette in SILHOUETTES
        for word in cut_words(silhouette, "presentation")
        if word != "flat"
    }
    materials = {material: time_sizes(partial(plain_coat, material), repeats) for material in MATERIALS}
    found = {
        "what": "render",
        "ms_by_family": families,
        "ms_by_presentation": presented,
        "ms_by_material": materials,
        "median_over_families_ms": summarize(families, statistics.median),
        "slowest_family_ms": summarize(families, max),
        "slowest_presentation_ms": summarize(presented, max),
        "record_336_ms": time_record(),
        "snapshot_336_ms": time_snapshots(),
        "cold_seconds": time_first_image(),
        "compiling_seconds": time_first_image(compiled=False),
        "numpy_yardstick_ms": time_numpy(),
        **environment(repeats),
    }
    print_table(families)
    print_table(presented)
    print_table(materials)
    line = json.dumps(found)
    print(line)
    if arguments.out:
        arguments.out.write_text(line + "\n", encoding="utf-8")


def sample_appearance(silhouette: str, number: int, presentation: str = "flat") -> Appearance:
    """Return an appearance with random attributes and cuts, the same in every run."""
    rng = np.random.default_rng([SILHOUETTES.index(silhouette), number])

    def pick(values: tuple[str, ...]) -> str:
        return values[int(rng.integers(len(values)))]

    style = {name: pick(values) for name, values in STYLE_VALUES.items() if name not in CUTS}
    cuts = {name: pick(words) for name, words in CUTS_OF.get(silhouette, {}).items() if name != "presentation"}
    cuts["presentation"] = presentation
    colour = f"#{int(rng.integers(1 << 24)):06x}"
    return Appearance(silhouette=silhouette, colour=colour, design_seed=number, shot_seed=number, **style, **cuts)


def plain_coat(material: str, number: int) -> Appearance:
    """Return a plain coat of one material."""
    return Appearance(
        silhouette="coat", colour="#7a5a48", material=material, hardware="silver", design_seed=number, shot_seed=number
    )


def time_sizes(appearance: Callable[[int], Appearance], repeats: int) -> dict[str, float]:
    """Return median and maximum milliseconds of rendering at each size, and of JPEG encoding."""
    found: dict[str, float] = {}
    for size in IMAGE_SIZES:
        times = [time_ms(partial(render_appearance, appearance(i), size)) for i in range(repeats)]
        found[f"draw_{size}_ms"] = round(statistics.median(times), 2)
        found[f"draw_{size}_max_ms"] = round(max(times), 2)
    image = render_appearance(appearance(0), RECORD_SIZE)
    times = [time_ms(partial(encode_jpeg, image)) for _ in range(repeats)]
    found[f"jpeg_{RECORD_SIZE}_ms"] = round(statistics.median(times), 2)
    return found


def time_record() -> float:
    """Return milliseconds of a whole catalog record: its row (in a batch) and the median image, encoded."""
    spec = load(PRESET, "catalog")
    rows = list(products(spec, 7, 0, NUM_RECORDS))
    row = time_ms(lambda: list(products(spec, 7, 0, NUM_RECORDS))) / NUM_RECORDS
    appearances = [Appearance.from_attributes(row.attributes or {}) for row in rows]
    image_ms = [time_ms(partial(render_jpeg, appearance)) for appearance in appearances]
    return round(row + statistics.median(image_ms), 2)


def time_snapshots() -> float:
    """Return the median milliseconds of rendering a snapshot of the catalog that the realism benchmark measures."""
    spec = load(ROOT / "benchmarks" / "realism" / "snapshots.yaml", "catalog")
    rows = [Appearance.from_attributes(row.attributes or {}) for row in products(spec, 7, 0, NUM_RECORDS)]
    render_appearance(rows[0], RECORD_SIZE, "snapshot")
    return round(
        statistics.median(time_ms(partial(render_appearance, row, RECORD_SIZE, "snapshot")) for row in rows), 2
    )


def render_jpeg(appearance: Appearance) -> bytes:
    """Render and encode the image of a record."""
    return encode_jpeg(render_appearance(appearance, RECORD_SIZE))


def time_first_image(*, compiled: bool = True) -> float:
    """Return CPU seconds from the imports of a new process to its first image, median of three."""
    times = []
    for _ in range(3 if compiled else 1):
        with tempfile.TemporaryDirectory() as empty:
            changes = {} if compiled else {"NUMBA_CACHE_DIR": empty}
            where = {**os.environ, "PYTHONPATH": str(ROOT), **changes}
            there = subprocess.run([sys.executable, "-c", FIRST], cwd=ROOT, env=where, capture_output=True, check=True)
        times.append(float(there.stdout))
    return round(statistics.median(times), 2)


def encode_jpeg(image: Image.Image) -> bytes:
    """Encode an image as JPEG, quality 90."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


def time_ms(action: Callable[[], object]) -> float:
    """Return the CPU milliseconds of one call; other load on the machine affects it less than wall time."""
    began = time.process_time()
    action()
    return (time.process_time() - began) * 1e3


def summarize(rows: dict[str, dict[str, float]], summary: Callable[[list[float]], float]) -> dict[str, float]:
    """Return one figure per column."""
    columns = next(iter(rows.values()))
    return {column: round(summary([row[column] for row in rows.values()]), 2) for column in columns}


def time_numpy() -> float:
    """Return milliseconds of a fixed numpy expression over a million numbers."""
    plane = np.random.default_rng(0).random((1000, 1000), np.float32)
    return round(statistics.median(time_ms(lambda: np.exp(-np.sqrt(plane * plane + 1))) for _ in range(9)), 2)


def print_table(rows: dict[str, dict[str, float]]) -> None:
    """Print one line per row, in milliseconds."""
    columns = list(next(iter(rows.values())))
    print(f"{'':16}" + "".join(f"{column.removesuffix('_ms'):>14}" for column in columns))
    for name, row in rows.items():
        print(f"{name:16}" + "".join(f"{row[column]:14.1f}" for column in columns))


def environment(repeats: int) -> dict[str, object]:
    """Return what the numbers depend on."""
    return {
        "repeats": repeats,
        "cores": os.cpu_count(),
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "numba": numba.__version__,
        "pillow": PIL.__version__,
        "machine": platform.processor() or platform.machine(),
    }


if __name__ == "__main__":
    main()
