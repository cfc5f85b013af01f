"""How many catalog rows a second does one core make into Arrow and Parquet, compared with Faker, Mimesis and pyarrow?

All rates are medians of one run, in processor time of all threads and in elapsed time. A fixed numpy loop is timed
between the repeats. A repeat is calm if that loop, before and after it, took at most 15 % longer than the fastest of
the run; then no other process slows the core down. Each measurement is repeated until five repeats were calm, at most
twenty times. The table has the medians of the first five repeats, and those of the calm ones.

Faker and Mimesis make the same columns in a Python loop, for a few thousand rows. Where they have no such value (a
title of the category's words, attributes), they choose among a few. The last lines are bare pyarrow: as many columns of
as many bytes from numpy's random numbers, written with toile's settings and with pyarrow's own. The ratio to bare
pyarrow is comparable between machines and between busy and quiet moments. The table is followed by one JSON line;
`--out FILE` also writes the JSON to a file. `--rows N ...` measures whole commands that write N rows, in their own
processes.

    python -m benchmarks.generate --rows 2000000 10000000 --out benchmarks/results/generate_2cores_2026-12-01.json
"""

import argparse
import json
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from faker import Faker
from mimesis import Generic
from mimesis.locales import Locale

from generator.catalog.shards import GenerateInputs, add_images, to_parquet, write_shards
from generator.sampling.arrow_columns import fixed_width_strings, to_arrow
from generator.sampling.products import dictionary_rows
from schemas.documents import read_document
from schemas.manifest import versions
from schemas.product import ARROW_SCHEMA
from schemas.validation import load, preset_path

PRESETS = ("demo", "fashion-luxury", "home-beauty", "marketplace", "sportswear")
LIBRARIES_LIKE = "fashion-luxury"
"""The preset whose columns and sizes the other libraries reproduce."""
NUM_ROWS = 200_000
"""Rows into Arrow and of bare pyarrow: as many as in a shard."""
NUM_ROWS_LOOPED = 2_000
REPEATS, MOST_REPEATS = 5, 20
"""Number of calm repeats, and of all repeats."""
CALM, MOST_WAITS = 1.15, 4
"""Longest calibration of a calm moment, relative to the fastest; tries to find such a moment."""
_FASTEST = [float("inf")]
"""The fastest calibration so far."""
_CATEGORIES = ("COATS", "DRESSES", "SHIRTS", "TROUSERS", "SHOES", "BAGS")


def calibration() -> float:
    """Return the processor seconds of a fixed amount of numpy work: ten sorts of a million numbers."""
    values = np.random.default_rng(0).random(1_000_000)
    began = time.process_time()
    for _ in range(10):
        np.sort(values)
    return time.process_time() - began


def measure(work: Callable[[], object], num_rows: int) -> dict[str, Any]:
    """Return the rates of repeated calls, after one call that is not counted."""
    work()
    cpu: list[float] = []
    wall: list[float] = []
    calibrated: list[tuple[float, float]] = []
    while len(cpu) < REPEATS or (len(_calm(calibrated)) < REPEATS and len(cpu) < MOST_REPEATS):
        before = _note(calibration())
        for _ in range(MOST_WAITS if len(cpu) >= REPEATS else 0):
            if before > CALM * _FASTEST[0]:
                time.sleep(0.5)
                before = _note(calibration())
        began_cpu, began_wall = time.process_time(), time.perf_counter()
        work()
        cpu.append(time.process_time() - began_cpu)
        wall.append(time.perf_counter() - began_wall)
        calibrated.append((before, _note(calibration())))
    return {
        "rows": num_rows,
        "rows_per_cpu_second": round(num_rows / statistics.median(cpu[:REPEATS])),
        "rows_per_second": round(num_rows / statistics.median(wall[:REPEATS])),
        "cpu_us_per_row": round(statistics.median(cpu[:REPEATS]) / num_rows * 1e6, 3),
        "calibration_cpu_seconds": [[round(s, 4) for s in pair] for pair in calibrated],
        "cpu_seconds": [round(s, 4) for s in cpu],
        "wall_seconds": [round(s, 4) for s in wall],
    }


def _note(seconds: float) -> float:
    _FASTEST[0] = min(_FASTEST[0], seconds)
    return seconds


def _calm(calibrated: Sequence[Sequence[float]]) -> list[int]:
    """Return the repeats with a calm calibration before and after them."""
    return [k for k, pair in enumerate(calibrated) if max(pair) <= CALM * _FASTEST[0]]


def add_calm_rates(rates: dict[str, Any]) -> dict[str, Any]:
    """Add the medians of the calm repeats, once the fastest calibration of the run is known."""
    calm = _calm(rates["calibration_cpu_seconds"])
    found: dict[str, Any] = {"calm_repeats": len(calm)}
    if calm:
        for name, of in (("calm_rows_per_cpu_second", "cpu_seconds"), ("calm_rows_per_second", "wall_seconds")):
            found[name] = round(rates["rows"] / statistics.median(rates[of][k] for k in calm))
    return {**rates, **found}


def make_with_faker(num_rows: int) -> pa.Table:
    """Make the columns of a catalog in a loop over Faker's providers."""
    fake = Faker()
    fake.seed_instance(0)
    choice, digits, price = fake.random.choice, fake.random.randrange, fake.random.uniform
    made = [
        _row(
            shop=fake.company(),
            title=f"{fake.color_name()} {fake.word()} {choice(_CATEGORIES)}",
            code=str(10_000_000 + digits(90_000_000)),
            picture=fake.uuid4(),
            category=choice(_CATEGORIES),
            price=round(price(20, 2000), 2),
            discounted=fake.boolean(20),
            colour=fake.hex_color(),
            seed=digits(2**31),
        )
        for _ in range(num_rows)
    ]
    return pa.Table.from_pylist(made, schema=ARROW_SCHEMA)


def make_with_mimesis(num_rows: int) -> pa.Table:
    """Make the same columns with Mimesis."""
    fake = Generic(Locale.EN, seed=0)
    made = [
        _row(
            shop=fake.finance.company(),
            title=f"{fake.text.color()} {fake.text.word()} {fake.random.choice(_CATEGORIES)}",
            code=str(fake.numeric.integer_number(10_000_000, 99_999_999)),
            picture=fake.cryptographic.uuid(),
            category=fake.random.choice(_CATEGORIES),
            price=fake.numeric.float_number(20, 2000, 2),
            discounted=fake.random.random() < 0.2,
            colour=fake.text.hex_color(),
            seed=fake.numeric.integer_number(0, 2**31),
        )
        for _ in range(num_rows)
    ]
    return pa.Table.from_pylist(made, schema=ARROW_SCHEMA)


def _row(
    *,
    shop: str,
    title: str,
    code: str,
    picture: str,
    category: str,
    price: float,
    discounted: bool,
    colour: str,
    seed: int,
) -> dict[str, Any]:
    asked = round(price * 0.8, 2) if discounted else price
    return {
        "website_name": shop,
        "competence_date": "2026-10-01",
        "country_code": "USA",
        "currency_code": "USD",
        "brand": shop.upper(),
        "category1_code": "WOMAN",
        "category2_code": "READY-TO-WEAR",
        "category3_code": category,
        "product_code": code,
        "title": title,
        "itemurl": f"https://shop.example/{title.lower().replace(' ', '-')}-p{code}",
        "imageurl": f"https://assets.shop.example/pictures/{picture.upper()}",
        "full_price": price,
        "price": asked,
        "full_price_eur": round(price * 0.92, 2),
        "price_eur": round(asked * 0.92, 2),
        "flg_discount": int(discounted),
        "image": None,
        "family": f"shop-{seed}",
        "split": "train",
        "source": "shop",
        "inferable": True,
        "attributes": json.dumps({"colour": colour, "design_seed": seed, "shot_seed": seed}),
    }


def make_bare(like: pa.Table) -> pa.Table:
    """Return a table with as many rows and columns of as many bytes: dictionaries are kept, all else is random.

    Letters are two of 16, as random as hexadecimal digits; the texts of a column have one length.
    """
    random, num = np.random.default_rng(0), like.num_rows
    columns = []
    for name in like.column_names:
        column = like[name].combine_chunks()
        column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
        if pa.types.is_dictionary(column.type):
            places = to_arrow(random.integers(0, len(column.dictionary), num, np.int32))
            column = pa.DictionaryArray.from_arrays(places, column.dictionary)
        elif pa.types.is_string(column.type):
            width = round(len(column.buffers()[2]) / num)
            few = random.integers(0, 16, (num, min(width, 16)), np.uint8) + np.uint8(ord("a"))
            letters_NW = np.full((num, width), ord("x"), np.uint8)
            letters_NW[:, : few.shape[1]] = few
            column = fixed_width_strings(letters_NW)
        elif pa.types.is_floating(column.type):
            column = to_arrow(random.integers(1, 1000, num).astype(np.float64))
        elif pa.types.is_integer(column.type):
            column = to_arrow(random.integers(0, 2, num))
        columns.append(column)
    return pa.table(columns, schema=like.schema)


def write_default_parquet(table: pa.Table) -> pa.Buffer:
    """Write the file with pyarrow's default settings."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue()


def measure_command(num_rows: int) -> dict[str, Any]:
    """Measure time and peak memory of the whole command with one worker in its own process; call in ascending order."""
    before, used = calibration(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        command = [*(sys.executable, "-m", "toile", "--quiet", "generate", LIBRARIES_LIKE, "--no-images")]
        command += ["--num-products", str(num_rows), "--workers", "1", "--out", f"{folder}/out"]
        began = time.perf_counter()
        subprocess.run(command, check=True)
        wall = time.perf_counter() - began
        num_bytes = sum(path.stat().st_size for path in Path(folder).rglob("*.parquet"))
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    return {
        "rows": num_rows,
        "peak_mib": round(now.ru_maxrss / 1024),
        "calibration_cpu_seconds": [round(before, 4), round(calibration(), 4)],
        "cpu_seconds": round(cpu, 2),
        "wall_seconds": round(wall, 2),
        "rows_per_cpu_second": round(num_rows / cpu),
        "rows_per_second": round(num_rows / wall),
        "parquet_bytes_per_row": round(num_bytes / num_rows, 1),
    }


def _inputs(preset: Path, num_products: int) -> GenerateInputs:
    document = read_document(preset)
    return GenerateInputs(spec_document=document, seed=0, start=0, num_products=num_products, image_size=None)


def measure_catalog(preset: str, num_written: int) -> dict[str, Any]:
    """Measure a preset into Arrow (dictionary columns) and into a finished folder."""
    path = preset_path(preset, "catalog")
    assert path is not None
    spec, index_N, inputs = load(path, "catalog"), np.arange(NUM_ROWS), _inputs(path, num_written)
    num_bytes = 0

    def to_disk() -> None:
        nonlocal num_bytes
        with tempfile.TemporaryDirectory() as folder:
            manifest, _ = write_shards(inputs, Path(folder) / "out")
        num_bytes = sum(entry.num_bytes for entry in manifest.files)

    parquet = measure(to_disk, num_written)
    return {
        "arrow": measure(lambda: dictionary_rows(spec, 0, index_N), NUM_ROWS),
        "parquet": {**parquet, "bytes_per_row": round(num_bytes / num_written, 1)},
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--written", type=int, default=400_000, help="rows of each catalog into Parquet")
    parser.add_argument("--rows", type=int, nargs="*", default=[], help="also write that many rows by the command")
    arguments = parser.parse_args()
    pa.set_cpu_count(1)
    commands = [measure_command(num_rows) for num_rows in sorted(arguments.rows)]
    results = {preset: measure_catalog(preset, arguments.written) for preset in PRESETS}
    path = preset_path(LIBRARIES_LIKE, "catalog")
    assert path is not None
    batch = dictionary_rows(load(path, "catalog"), 0, np.arange(NUM_ROWS))
    like = pa.Table.from_batches([add_images(batch, _inputs(path, NUM_ROWS))])
    for name, make in (("Faker", make_with_faker), ("Mimesis", make_with_mimesis)):
        results[name] = {
            "arrow": measure(lambda make=make: make(NUM_ROWS_LOOPED), NUM_ROWS_LOOPED),  # type: ignore[misc]
            "parquet": measure(lambda make=make: to_parquet([make(NUM_ROWS_LOOPED)]), NUM_ROWS_LOOPED),  # type: ignore[misc]
        }
    into_arrow = measure(lambda: make_bare(like), NUM_ROWS)
    results["bare pyarrow"] = {"arrow": into_arrow, "parquet": measure(lambda: to_parquet([make_bare(like)]), NUM_ROWS)}
    by_default = measure(lambda: write_default_parquet(make_bare(like)), NUM_ROWS)
    results["bare, its defaults"] = {"arrow": into_arrow, "parquet": by_default}
    results = {name: {into: add_calm_rates(rates) for into, rates in of.items()} for name, of in results.items()}
    pairs = [pair for of in results.values() for rates in of.values() for pair in rates["calibration_cpu_seconds"]]
    calibrated = [seconds for pair in pairs for seconds in pair]
    bare_rate = results["bare pyarrow"]["parquet"]["rows_per_cpu_second"]
    header = f"{'rows/s, one core':<21}{'Arrow':>11}{'calm':>11}{'Parquet':>11}{'calm':>11}"
    print(f"{header}{'of bare':>9}{'calm, elapsed':>15}")
    for name, rates in results.items():
        arrow, parquet = rates["arrow"], rates["parquet"]
        figures = [arrow["rows_per_cpu_second"], arrow.get("calm_rows_per_cpu_second")]
        figures += [parquet["rows_per_cpu_second"], parquet.get("calm_rows_per_cpu_second")]
        shown = "".join(f"{'-' if figure is None else format(figure, ','):>11}" for figure in figures)
        ratio = parquet["rows_per_cpu_second"] / bare_rate
        print(f"{name:<21}{shown}{ratio:>9.2f}{parquet.get('calm_rows_per_second', 0):>15,}")
    for whole in commands:
        print(
            f"{whole['rows']:,} rows with the command: {whole['cpu_seconds']} s of processor time, "
            f"{whole['rows_per_cpu_second']:,} rows/s, at most {whole['peak_mib']} MiB"
        )
    least, most = min(calibrated), max(calibrated)
    middle = statistics.median(calibrated)
    print(f"calibration (10 numpy sorts of a million): {middle:.3f} s ({least:.3f} to {most:.3f})")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    document = {
        "benchmark": "generate",
        "command": shlex.join(["python", "-m", "benchmarks.generate", *sys.argv[1:]]),
        "results": results,
        "commands": commands,
        "calibration_cpu_seconds": round(statistics.median(calibrated), 3),
        "versions": versions("numpy", "pyarrow", "faker", "mimesis"),
        "commit": commit.strip(),
    }
    print(json.dumps(document))
    if arguments.out:
        arguments.out.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
