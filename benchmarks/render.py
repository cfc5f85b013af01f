"""How long does one picture take, per silhouette, at 112 and at 336 pixels, and how long its JPEG encoding alone?

    python benchmarks/render.py [--repeats 5]

Prints a table for people, then one JSON line. One process, one core, CPU time; each number is the median over several
designs after one warm-up. There is no physical limit to compare with: the yardstick is a fixed numpy loop timed beside.
"""

import argparse
import io
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import PIL
from PIL import Image

from generator.render import draw_appearance
from schemas.appearance import HARDWARE, LININGS, MATERIALS, PATTERNS, QUILTINGS, SILHOUETTES, SIZES, Appearance

PICTURE_SIZES = (112, 336)


def main() -> None:
    """Times every silhouette and prints the results."""
    parser = argparse.ArgumentParser(description="Median milliseconds of one picture, per silhouette.")
    parser.add_argument("--repeats", type=int, default=5, help="designs timed for each silhouette and size")
    repeats = parser.parse_args().repeats
    draw_appearance(sampled("trench-coat", 0), 112)  # fills the noise plates
    results = {silhouette: timed_silhouette(silhouette, repeats) for silhouette in SILHOUETTES}
    print_table(results)
    print(json.dumps({"what": "render", "ms_per_picture": results, **summary(results), **environment(repeats)}))


def sampled(silhouette: str, number: int) -> Appearance:
    """An appearance with all attributes drawn at random, the same ones in every run."""
    rng = np.random.default_rng([SILHOUETTES.index(silhouette), number])

    def pick(values: tuple[str, ...]) -> str:
        return values[int(rng.integers(len(values)))]

    return Appearance(
        silhouette=silhouette,
        colour=f"#{int(rng.integers(1 << 24)):06x}",
        material=pick(MATERIALS),
        pattern=pick(PATTERNS),
        size=pick(SIZES),
        hardware=pick(HARDWARE),
        lining=pick(LININGS),
        quilting=pick(QUILTINGS),
        design_seed=number,
        shot_seed=number,
    )


def timed_silhouette(silhouette: str, repeats: int) -> dict[str, float]:
    """Median milliseconds of drawing at each size, and of encoding the larger picture as JPEG quality 90."""
    medians: dict[str, float] = {}
    for size in PICTURE_SIZES:
        times = [milliseconds(partial(draw_appearance, sampled(silhouette, i), size)) for i in range(repeats)]
        medians[f"draw_{size}_ms"] = round(statistics.median(times), 2)
        medians[f"draw_{size}_max_ms"] = round(max(times), 2)
    picture = draw_appearance(sampled(silhouette, 0), PICTURE_SIZES[-1])
    times = [milliseconds(partial(encoded, picture)) for _ in range(repeats)]
    medians["jpeg_336_ms"] = round(statistics.median(times), 2)
    return medians


def encoded(picture: Image.Image) -> bytes:
    """The picture as JPEG, quality 90."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()


def milliseconds(action: Callable[[], object]) -> float:
    """CPU time of one call: other work on the machine disturbs it less than wall time."""
    start = time.process_time()
    action()
    return (time.process_time() - start) * 1e3


def summary(results: dict[str, dict[str, float]]) -> dict[str, float]:
    """Means over the silhouettes, and the yardstick."""
    means = {f"mean_{key}": round(statistics.mean(row[key] for row in results.values()), 2) for key in results["coat"]}
    plane = np.random.default_rng(0).random((1000, 1000), np.float32)
    yardstick = statistics.median(milliseconds(lambda: np.exp(-np.sqrt(plane * plane + 1))) for _ in range(9))
    return {**means, "numpy_yardstick_ms": round(yardstick, 2)}


def print_table(results: dict[str, dict[str, float]]) -> None:
    """One line for each silhouette; milliseconds."""
    columns = list(results["coat"])
    print(f"{'':16}" + "".join(f"{column.removesuffix('_ms'):>14}" for column in columns))
    for silhouette, row in results.items():
        print(f"{silhouette:16}" + "".join(f"{row[column]:14.1f}" for column in columns))


def environment(repeats: int) -> dict[str, object]:
    """What the numbers depend on."""
    return {
        "repeats": repeats,
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "pillow": PIL.__version__,
        "machine": platform.processor() or platform.machine(),
    }


if __name__ == "__main__":
    main()
