"""How long does a picture take, cold and warm, by family, presentation and material, and its JPEG encoding alone?

A table for people, then one JSON line; `--out FILE` also writes the JSON to a file. One process, one core, processor
time; each warm figure is the median over several designs. A fixed numpy loop is timed beside, so that figures of
several machines can be compared. `cold` is the first picture of a fresh process: imports, loading compiled loops, noise
plates; `compiling` the same where the loops have never been compiled.

    python benchmarks/render.py --out benchmarks/results/render_2cores_2026-11-21.json
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
from schemas.appearance import CUTS, CUTS_OF, MATERIALS, SILHOUETTES, STYLE_VALUES, Appearance, words_known
from schemas.validation import load

PICTURE_SIZES = (112, 336, 672)
RECORD_SIZE = 336
PRESET = "demo"
NUM_RECORDS = 40
ROOT = Path(__file__).parent.parent
FIRST = """
import time
began = time.process_time()
from benchmarks.render import sampled
from generator.render import render_appearance
render_appearance(sampled("trench-coat", 0), 336)
print(time.process_time() - began)
"""


def main() -> None:
    """Times every silhouette and material, and prints the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="designs timed for each silhouette, material and size")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    repeats: int = arguments.repeats
    for silhouette in SILHOUETTES:
        render_appearance(sampled(silhouette, 0), 112)  # loads or compiles every loop, fills the noise plates
    families = {silhouette: timed(partial(sampled, silhouette), repeats) for silhouette in SILHOUETTES}
    presented = {
        f"{silhouette} {word}": timed(partial(sampled, silhouette, presentation=word), repeats)
        for silhouette in SILHOUETTES
        for word in words_known(silhouette, "presentation")
        if word != "flat"
    }
    materials = {material: timed(partial(clothed, material), repeats) for material in MATERIALS}
    found = {
        "what": "render",
        "ms_by_family": families,
        "ms_by_presentation": presented,
        "ms_by_material": materials,
        "median_over_families_ms": over(families, statistics.median),
        "slowest_family_ms": over(families, max),
        "slowest_presentation_ms": over(presented, max),
        "record_336_ms": record_milliseconds(),
        "cold_seconds": cold_seconds(),
        "compiling_seconds": cold_seconds(compiled=False),
        "numpy_yardstick_ms": yardstick(),
        **environment(repeats),
    }
    print_table(families)
    print_table(presented)
    print_table(materials)
    line = json.dumps(found)
    print(line)
    if arguments.out:
        arguments.out.write_text(line + "\n", encoding="utf-8")


def sampled(silhouette: str, number: int, presentation: str = "flat") -> Appearance:
    """An appearance with all attributes and other cuts drawn at random, the same ones in every run."""
    rng = np.random.default_rng([SILHOUETTES.index(silhouette), number])

    def pick(values: tuple[str, ...]) -> str:
        return values[int(rng.integers(len(values)))]

    style = {name: pick(values) for name, values in STYLE_VALUES.items() if name not in CUTS}
    cuts = {name: pick(words) for name, words in CUTS_OF.get(silhouette, {}).items() if name != "presentation"}
    cuts["presentation"] = presentation
    colour = f"#{int(rng.integers(1 << 24)):06x}"
    return Appearance(silhouette=silhouette, colour=colour, design_seed=number, shot_seed=number, **style, **cuts)


def clothed(material: str, number: int) -> Appearance:
    """A plain coat of one material."""
    return Appearance(
        silhouette="coat", colour="#7a5a48", material=material, hardware="silver", design_seed=number, shot_seed=number
    )


def timed(appearance: Callable[[int], Appearance], repeats: int) -> dict[str, float]:
    """Median and longest milliseconds of drawing at each size, and of drawing and encoding, or encoding alone."""
    found: dict[str, float] = {}
    for size in PICTURE_SIZES:
        times = [milliseconds(partial(render_appearance, appearance(i), size)) for i in range(repeats)]
        found[f"draw_{size}_ms"] = round(statistics.median(times), 2)
        found[f"draw_{size}_max_ms"] = round(max(times), 2)
    picture = render_appearance(appearance(0), RECORD_SIZE)
    times = [milliseconds(partial(encoded, picture)) for _ in range(repeats)]
    found[f"jpeg_{RECORD_SIZE}_ms"] = round(statistics.median(times), 2)
    return found


def record_milliseconds() -> float:
    """Milliseconds of a whole record of a shipped catalog: its row among others, and the median picture, encoded."""
    spec = load(PRESET, "catalog")
    rows = list(products(spec, 7, 0, NUM_RECORDS))
    row = milliseconds(lambda: list(products(spec, 7, 0, NUM_RECORDS))) / NUM_RECORDS
    looks = [Appearance.from_attributes(row.attributes or {}) for row in rows]
    pictures = [milliseconds(partial(drawn_and_encoded, look)) for look in looks]
    return round(row + statistics.median(pictures), 2)


def drawn_and_encoded(look: Appearance) -> bytes:
    """The picture of a record."""
    return encoded(render_appearance(look, RECORD_SIZE))


def cold_seconds(*, compiled: bool = True) -> float:
    """Processor seconds from the start of the imports of a fresh process to its first picture, median of three."""
    times = []
    for _ in range(3 if compiled else 1):
        with tempfile.TemporaryDirectory() as empty:
            changes = {} if compiled else {"NUMBA_CACHE_DIR": empty}
            where = {**os.environ, "PYTHONPATH": str(ROOT), **changes}
            there = subprocess.run([sys.executable, "-c", FIRST], cwd=ROOT, env=where, capture_output=True, check=True)
        times.append(float(there.stdout))
    return round(statistics.median(times), 2)


def encoded(picture: Image.Image) -> bytes:
    """The picture as JPEG, quality 90."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()


def milliseconds(action: Callable[[], object]) -> float:
    """Processor time of one call: other work on the machine disturbs it less than the clock."""
    began = time.process_time()
    action()
    return (time.process_time() - began) * 1e3


def over(rows: dict[str, dict[str, float]], summary: Callable[[list[float]], float]) -> dict[str, float]:
    """One figure for each column."""
    columns = next(iter(rows.values()))
    return {column: round(summary([row[column] for row in rows.values()]), 2) for column in columns}


def yardstick() -> float:
    """Milliseconds of a fixed numpy expression over a million numbers."""
    plane = np.random.default_rng(0).random((1000, 1000), np.float32)
    return round(statistics.median(milliseconds(lambda: np.exp(-np.sqrt(plane * plane + 1))) for _ in range(9)), 2)


def print_table(rows: dict[str, dict[str, float]]) -> None:
    """One line for each row; milliseconds."""
    columns = list(next(iter(rows.values())))
    print(f"{'':16}" + "".join(f"{column.removesuffix('_ms'):>14}" for column in columns))
    for name, row in rows.items():
        print(f"{name:16}" + "".join(f"{row[column]:14.1f}" for column in columns))


def environment(repeats: int) -> dict[str, object]:
    """What the numbers depend on."""
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
