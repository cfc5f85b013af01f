"""What does the audit detect, and how often does it raise a false alarm? Plant leaks into honest twins of tables.

Three tables are invented: a sports shop with three broad leaves (845 rows), a shop with 80 fine leaves (3,000 rows) and
a table of designer shops (760 rows). An exact spec is fitted to the train rows of each, and generates honest twins.
A leak replaces the first rows of a twin by copies of real rows under other codes. It is detected if any check of rows
fails. `smallest_leak` is what the copy test itself states for the table. `--table FILE` measures a table of one's own
in addition; the result has figures only, no rows. Of each preset, the images of 200 products are real, and copies of
them, disguised, replace 5 % of 100 others. The output is a table for people, then one JSON line; `--out FILE` saves it.

    python -m benchmarks.audit_power --twins 7 --runs 5 --out benchmarks/results/audit_power_2cores_2026-12-01.json
    python -m benchmarks.audit_power --table shop.csv --columns title=title,category3_code=category,full_price=price
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.twin import DEFAULT_COLUMNS, git_commit, read_table
from generator.audit.images import check_images, copy_threshold, extract_features, measure_image_control
from generator.audit.privacy import RealReference, check_rows, measure_reference
from generator.audit.rows import RealCatalog, encode_products, split_members
from generator.fit.fit_spec import FitOptions, fit, to_yaml
from generator.sampling.products import products
from schemas.audit import FAIL, Bounds
from schemas.catalog import CatalogSpec
from schemas.documents import parse_document
from schemas.manifest import versions
from schemas.product import Product, split_of
from schemas.validation import from_document, load_spec
from tests.helpers.audit_tables import (
    CHANGES,
    DISGUISES,
    ImageFile,
    draw_files,
    exchange_halves,
    find_rarest_rows,
    invent_designer_rows,
    invent_fine_rows,
    invent_sports_rows,
    plant_copies,
    plant_image_copies,
)
from tests.helpers.fit_table import write_folder

TABLES: dict[str, Callable[[int], list[Product]]] = {
    "sports shop, 845 rows, 9 broad leaves": invent_sports_rows,
    "80 fine leaves, 3,000 rows": invent_fine_rows,
    "designer shops, 760 rows": invent_designer_rows,
}
SIDES = {"train and holdout": ("train", "validation", "test"), "train": ("train",), "holdout": ("validation", "test")}
BOUNDS = Bounds()
PRESETS = ("fashion-luxury", "sportswear", "home-beauty", "marketplace")
REAL_IMAGES, SYNTHETIC_IMAGES, COPIED_IMAGES = 200, 100, 5


def main() -> None:
    """Run the benchmark, print the results and save them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--twins", type=int, default=7, help="number of honest twins of each table")
    parser.add_argument("--runs", type=int, default=5, help="number of twins with each leak")
    parser.add_argument("--table", help="a CSV file, measured too")
    parser.add_argument("--columns", default=DEFAULT_COLUMNS, help="OURS=THEIRS,... of that file")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    tables = {name: invent(1000 + number) for number, (name, invent) in enumerate(TABLES.items())}
    if arguments.table:
        own = read_products(arguments.table, arguments.columns)
        tables[f"own table, {len(own)} rows"] = own
    document: dict[str, Any] = {
        "benchmark": "audit_power",
        "command": f"python -m benchmarks.audit_power {' '.join(sys.argv[1:])}",
        "twins": arguments.twins,
        "runs": arguments.runs,
        "tables": [measure_table(name, rows, arguments.twins, arguments.runs) for name, rows in tables.items()],
        "images": [measure_images(name, min(arguments.runs, 3)) for name in PRESETS],
        "num_cores": os.cpu_count(),
        "versions": versions("numpy", "scipy"),
        "commit": git_commit(),
    }
    print(json.dumps(document))
    if arguments.out:
        arguments.out.write_text(json.dumps(document, indent=1) + "\n")


def measure_table(name: str, rows: list[Product], num_twins: int, num_runs: int) -> dict[str, Any]:
    """Return the false alarms of honest twins of a table, and the share of twins with a leak that fail."""
    real = split_members(rows)
    start = time.perf_counter()
    reference, spec = measure_reference(real, BOUNDS), fit_exact(rows)
    print(f"{name}: {real.table.num_families} families, reference {time.perf_counter() - start:.1f} s", flush=True)
    alarms = [list_alarms(real, reference, generate_twin(spec, 500 + seed, len(rows))) for seed in range(num_twins)]
    print(f"    honest twins with an alarm: {sum(map(bool, alarms))} of {num_twins} {list(filter(None, alarms))}")
    found = []
    for leak, side, share, copies in list_leaks(rows):
        caught = Counter[str]()
        detected = 0
        for run in range(num_runs):
            planted = plant_copies(generate_twin(spec, 900 + run, len(rows)), copies(random.Random(run)))
            failed = list_alarms(real, reference, planted)
            caught.update(failed)
            detected += bool(failed)
        print(f"    {leak:34} {side:18} {share:>5}: {detected} of {num_runs}", flush=True)
        found.append(
            {"leak": leak, "rows_of": side, "share": share, "detected": detected, "by": dict(caught.most_common())}
        )
    checks = check_rows(real, encode_products(generate_twin(spec, 500, len(rows))), BOUNDS, reference=reference).checks
    return {
        "table": name,
        "rows": len(rows),
        "families": real.table.num_families,
        "holdout_families": int((~real.member).sum()),
        "honest_twins_with_alarm": sum(map(bool, alarms)),
        "alarms": alarms,
        "smallest_leak": {
            check.name: check.figures.get("smallest_leak") for check in checks if check.name.startswith("copied")
        },
        "leaks": found,
    }


def list_leaks(
    rows: Sequence[Product],
) -> list[tuple[str, str, str, Callable[[random.Random], Sequence[Product]]]]:
    """List the leaks: name, side, share of all rows, and a function that chooses and changes the rows."""

    def sample(splits: tuple[str, ...], share: float, change: str) -> Callable[[random.Random], Sequence[Product]]:
        pool = [row for row in rows if row.split in splits]

        def choose(rng: random.Random) -> Sequence[Product]:
            return [CHANGES[change](row) for row in rng.sample(pool, min(round(share * len(rows)), len(pool)))]

        return choose

    found = [("verbatim", side, "1 %", sample(splits, 0.01, "verbatim")) for side, splits in SIDES.items()]
    found += [
        (change, "train and holdout", "5 %", sample(SIDES["train and holdout"], 0.05, change)) for change in CHANGES
    ]
    halves = sample(SIDES["train and holdout"], 0.05, "verbatim")
    found.append(("halves of titles exchanged", "train and holdout", "5 %", lambda rng: exchange_halves(halves(rng))))
    found += [
        (
            "50 rarest, one word added",
            "train",
            "50",
            lambda _: [CHANGES["one word added"](r) for r in find_rarest_rows(rows)],
        ),
        ("whole holdout", "holdout", "100 %", sample(SIDES["holdout"], 1.0, "verbatim")),
        ("whole catalog", "train and holdout", "100 %", sample(SIDES["train and holdout"], 1.0, "prices moved by 1 %")),
    ]
    return found


def list_alarms(real: RealCatalog, reference: RealReference, catalog: Sequence[Product]) -> list[str]:
    """Return the names of the checks of rows that fail."""
    found = check_rows(real, encode_products(catalog), BOUNDS, reference=reference)
    return [check.name for check in found.checks if check.status == FAIL]


def measure_images(preset: str, num_runs: int) -> dict[str, Any]:
    """Return the false alarms of other products of a preset, and how many catalogs with disguised copies fail."""
    spec = load_spec(preset)
    files = draw_files(list(products(spec, 0, 0, REAL_IMAGES)))
    held = set(sorted({family for _, family, _ in files})[::5])
    members = [each for each in files if each[1] not in held]
    train, holdout = extract_features(members), extract_features(each for each in files if each[1] in held)
    control = measure_image_control(train, holdout)

    def is_failed(catalog: Sequence[ImageFile]) -> bool:
        found = check_images(train, holdout, extract_features(catalog), BOUNDS, control=control)
        return any(check.status == FAIL for check in found.checks)

    honest = [draw_files(list(products(spec, 1 + run, 0, SYNTHETIC_IMAGES))) for run in range(num_runs)]
    alarms = sum(map(is_failed, honest))
    print(f"images of {preset}: {alarms} of {num_runs} honest catalogs with an alarm", flush=True)
    detected = {}
    for name in DISGUISES:
        planted = (
            plant_image_copies(honest[run], random.Random(run).sample(members, COPIED_IMAGES), name)
            for run in range(num_runs)
        )
        detected[name] = sum(map(is_failed, planted))
        print(f"    {name:34} {detected[name]} of {num_runs}", flush=True)
    return {
        "preset": preset,
        "real": REAL_IMAGES,
        "synthetic": SYNTHETIC_IMAGES,
        "copied": COPIED_IMAGES,
        "runs": num_runs,
        "honest_with_alarm": alarms,
        "threshold": copy_threshold(control.nearest.similarity),
        "detected": detected,
    }


def read_products(table: str, columns: str) -> list[Product]:
    """Read a CSV file; rows that share a title are a family, and a hash of it chooses the split."""
    names = {each.name for each in fields(Product)}
    return [
        Product(
            **{key: value for key, value in row.items() if key in names},
            country_code="USA",
            split=split_of(row["family"]),
            source="table",
            inferable=True,
        )
        for row in read_table(table, columns, "USD")
    ]


def fit_exact(rows: list[Product]) -> CatalogSpec:
    """Fit an exact spec to the train rows."""
    with tempfile.TemporaryDirectory() as place:
        text = to_yaml(fit(write_folder(Path(place) / "shards", rows), FitOptions(images=False)))
    spec: CatalogSpec = from_document(parse_document(text, "twin", is_json=False), "catalog", "twin")
    return spec


def generate_twin(spec: CatalogSpec, seed: int, num: int) -> list[Product]:
    """Generate a twin without images."""
    return [replace(row, attributes=None) for row in products(spec, seed, 0, num)]


if __name__ == "__main__":
    main()
