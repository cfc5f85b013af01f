"""How accurate is a private fit? Measure shares and price levels of a fitted spec, and the seconds of a fit.

The tables are simulated: 3,040 rows and 80 categories with Zipf shares, a new table each run. The privacy unit is the
family of rows. The table is therefore fitted with one row a family, with 1.6 rows a family, and with the families of
the train split only. The list of categories is public. Total variation and Spearman's correlation compare the spec with
the families that were read. The output is a table for people, then one JSON line; `--out FILE` saves it.

    python -m benchmarks.fit --runs 5 --out benchmarks/results/fit_2cores_2026-12-01.json
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

sys.path.insert(0, str(Path(__file__).parents[1]))

from generator.fit import FitOptions
from generator.fit.fit_spec import fit
from schemas.manifest import versions
from tests.helpers import fit_table

SETTINGS: tuple[tuple[str, float, bool], ...] = (
    ("one row a family", 0.0, True),
    ("1.6 rows a family", 0.375, True),
    ("1.6 rows a family, train split of 80 %", 0.375, False),
)
EPSILONS = (0.5, 1.0, 3.0)


def main() -> None:
    """Run the benchmark, print the results and save them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="number of tables for each setting")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    document: dict[str, Any] = {
        "benchmark": "fit",
        "runs": arguments.runs,
        "num_rows": 3040,
        "num_categories": len(fit_table.PATHS),
        "settings": [
            measure_setting(name, repeat, train_only, epsilon, arguments.runs)
            for name, repeat, train_only in SETTINGS
            for epsilon in EPSILONS
        ],
        "num_cores": os.cpu_count(),
        "versions": versions("numpy", "opendp", "scipy"),
        "commit": git_commit(),
    }
    print(json.dumps(document))
    if arguments.out:
        arguments.out.write_text(json.dumps(document, indent=1) + "\n")


def measure_setting(name: str, repeat: float, train_only: bool, epsilon: float, runs: int) -> dict[str, Any]:
    """Return means over tables, with the standard deviation of one table."""
    found = np.array([measure_table(repeat, train_only, epsilon, seed) for seed in range(runs)])
    mean, spread = found.mean(axis=0), found.std(axis=0)
    print(
        f"{name:<40} epsilon {epsilon:<4g} families {mean[3]:6.0f}  total variation {mean[0]:.3f} +- {spread[0]:.3f}  "
        f"Spearman {mean[1]:.3f} +- {spread[1]:.3f}  {np.median(found[:, 2]):.2f} s",
        flush=True,
    )
    return {
        "rows": name,
        "epsilon": epsilon,
        "families": round(float(mean[3])),
        "total_variation": round(float(mean[0]), 4),
        "total_variation_sd": round(float(spread[0]), 4),
        "spearman": round(float(mean[1]), 4),
        "spearman_sd": round(float(spread[1]), 4),
        "seconds_median": round(float(np.median(found[:, 2])), 3),
    }


def measure_table(repeat: float, train_only: bool, epsilon: float, seed: int) -> tuple[float, float, float, int]:
    """Fit one table. Return total variation, Spearman's correlation, seconds and number of families."""
    rows = fit_table.sample_rows(seed=seed, repeat=repeat, train_only=train_only)
    with tempfile.TemporaryDirectory() as place:
        folder = fit_table.write_folder(Path(place) / "shards", rows)
        start = time.perf_counter()
        found = fit(folder, FitOptions(epsilon=epsilon, categories=fit_table.PATHS))
        seconds = time.perf_counter() - start
    shares, prices = fit_table.category_shares(rows), fit_table.category_prices(rows)
    got = {category["path"]: category for category in found.document["categories"]}
    distance = sum(abs(shares.get(p, 0) - (got[p]["share"] if p in got else 0)) for p in fit_table.PATHS) / 2
    pairs = [(median_price(got[path]), float(np.median(prices[path]))) for path in got if path in prices]
    correlation = float(spearmanr(*zip(*pairs, strict=True)).statistic)
    return distance, correlation, seconds, sum(len(each) for each in prices.values())


def median_price(category: dict[str, Any]) -> float:
    """Return the median price of a category: the mean of those of its kinds, weighted by their shares, in logs."""
    kinds = category.get("kinds", [category])
    shares = [kind.get("share", 1.0) for kind in kinds]
    prices = [kind["price"] for kind in kinds]
    medians = [price["median"] if "median" in price else float(np.median(price["quantiles"])) for price in prices]
    return float(np.exp(np.average(np.log(medians), weights=shares)))


def git_commit() -> str:
    """Return the commit of the working tree."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    main()
