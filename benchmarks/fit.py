"""How accurate is a private fit? Measure shares and price levels of a fitted spec, and the seconds of a fit.

The tables are simulated: 3,040 rows and 80 categories with Zipf shares, a new table each run. The privacy unit is the
family of rows. The table is therefore fitted with one row a family, with 1.6 rows a family, and with the families of
the train split only. The list of categories is public. Total variation and Spearman's correlation compare the spec with
the families that were read. `--opendp` measures OpenDP's contingency tables of the same families too, for 1.6 rows a
family: they are given bounds of the prices, and measure leaf, price, discount and size only (`benchmarks.twin`).
`--without` measures private fits that lack one part each.
The output is a table for people, then one JSON line; `--out FILE` saves it.

    python -m benchmarks.fit --runs 20 --without --opendp --out benchmarks/results/fit_2cores_2026-12-01.json
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from opendp.mod import OpenDPException
from scipy.stats import spearmanr

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.twin import OPENDP, PARTS, git_commit, release_by_opendp, without
from generator.fit import CategoryPath, FitOptions
from generator.fit.families import Family, read_families
from generator.fit.fit_spec import fit
from schemas.manifest import versions
from tests.helpers import fit_table

SETTINGS: tuple[tuple[str, float, bool], ...] = (
    ("one row a family", 0.0, True),
    ("1.6 rows a family", 0.375, True),
    ("1.6 rows a family, train split of 80 %", 0.375, False),
)
EPSILONS = (0.5, 1.0, 3.0)
_PRICE_RANGE = (50.0, 5000.0)


def main() -> None:
    """Run the benchmark, print the results and save them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="number of tables for each setting")
    parser.add_argument("--other-runs", type=int, default=5, help="the same for --without and --opendp")
    parser.add_argument("--without", action="store_true", help="private fits without each of their parts too")
    parser.add_argument("--opendp", action="store_true", help="OpenDP's contingency tables too")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    others = (*(PARTS if arguments.without else ()), *(OPENDP if arguments.opendp else ()))
    document: dict[str, Any] = {
        "benchmark": "fit",
        "command": f"python -m benchmarks.fit {' '.join(sys.argv[1:])}",
        "runs": arguments.runs,
        "other_runs": arguments.other_runs,
        "num_rows": 3040,
        "num_categories": len(fit_table.PATHS),
        "settings": [
            measure_setting(name, repeat, train_only, epsilon, arguments.runs)
            for name, repeat, train_only in SETTINGS
            for epsilon in EPSILONS
        ],
        "others": [
            measure_setting(*SETTINGS[1], epsilon, arguments.other_runs, other)
            for other in others
            for epsilon in (EPSILONS if other == "expected prices" else (1.0,))
        ],
        "num_cores": os.cpu_count(),
        "versions": versions("numpy", "opendp", "scipy"),
        "commit": git_commit(),
    }
    print(json.dumps(document))
    if arguments.out:
        arguments.out.write_text(json.dumps(document, indent=1) + "\n")


def measure_setting(
    name: str, repeat: float, train_only: bool, epsilon: float, runs: int, other: str | None = None
) -> dict[str, Any]:
    """Return means over tables, with the standard deviation of one table; without those that OpenDP did not finish."""
    tried = [measure_table(repeat, train_only, epsilon, seed, other) for seed in range(runs)]
    finished = [each for each in tried if each is not None]
    common = {"rows": name, "epsilon": epsilon, "method": _name(other), "failures": runs - len(finished)}
    if not finished:
        return common
    found = np.array(finished)
    mean, spread = found.mean(axis=0), found.std(axis=0)
    print(
        f"{name:<40} {_name(other):<24} epsilon {epsilon:<4g} families {mean[3]:6.0f}  "
        f"total variation {mean[0]:.3f} +- {spread[0]:.3f}  Spearman {mean[1]:.3f} +- {spread[1]:.3f}  "
        f"{np.median(found[:, 2]):.2f} s",
        flush=True,
    )
    return common | {
        "families": round(float(mean[3])),
        "total_variation": round(float(mean[0]), 4),
        "total_variation_sd": round(float(spread[0]), 4),
        "spearman": round(float(mean[1]), 4),
        "spearman_sd": round(float(spread[1]), 4),
        "seconds_median": round(float(np.median(found[:, 2])), 3),
    }


def _name(other: str | None) -> str:
    return "toile" if other is None else f"toile without {other}" if other in PARTS else other


def measure_table(
    repeat: float, train_only: bool, epsilon: float, seed: int, other: str | None = None
) -> tuple[float, float, float, int] | None:
    """Fit one table. Return total variation, Spearman's correlation, seconds and number of families.

    With an algorithm of OpenDP, its contingency table takes the place of the fit; None if it stopped with an error.
    With a part of `benchmarks.twin.PARTS`, the fit lacks that part.
    """
    rows = fit_table.sample_rows(seed=seed, repeat=repeat, train_only=train_only)
    options = FitOptions(epsilon=epsilon, categories=fit_table.PATHS)
    with tempfile.TemporaryDirectory() as place:
        folder = fit_table.write_folder(Path(place) / "shards", rows)
        start = time.perf_counter()
        if other not in OPENDP:
            with without(other) if other else nullcontext():
                found = fit(folder, options)
            leaves = {leaf["path"]: (leaf["share"], median_price(leaf)) for leaf in found.document["categories"]}
        else:
            families, _ = read_families(folder, "USD", images=False, unit="family")
            try:
                leaves = _sample_leaves(families, replace(options, price_range=_PRICE_RANGE), other)
            except OpenDPException:
                return None
        seconds = time.perf_counter() - start
    shares, prices = fit_table.category_shares(rows), fit_table.category_prices(rows)
    distance = sum(abs(shares.get(path, 0) - leaves.get(path, (0, 0))[0]) for path in fit_table.PATHS) / 2
    pairs = [(leaves[path][1], float(np.median(prices[path]))) for path in leaves if path in prices]
    correlation = float(spearmanr(*zip(*pairs, strict=True)).statistic)
    return distance, correlation, seconds, sum(len(each) for each in prices.values())


def _sample_leaves(
    families: Sequence[Family], options: FitOptions, algorithm: str
) -> dict[CategoryPath, tuple[float, float]]:
    """Return share and median price of each leaf in OpenDP's synthetic records."""
    paths, cells, grid = release_by_opendp(families, options, algorithm)
    middle_P = np.exp((grid.edges[:-1] + grid.edges[1:]) / 2)
    inside = ((path, cells["leaf"] == number) for number, path in enumerate(paths))
    return {path: (float(at.mean()), float(np.median(middle_P[cells["price"][at]]))) for path, at in inside if at.any()}


def median_price(category: dict[str, Any]) -> float:
    """Return the median price of a category: the mean of those of its kinds, weighted by their shares, in logs."""
    kinds = category.get("kinds", [category])
    shares = [kind.get("share", 1.0) for kind in kinds]
    prices = [kind["price"] for kind in kinds]
    medians = [price["median"] if "median" in price else float(np.median(price["quantiles"])) for price in prices]
    return float(np.exp(np.average(np.log(medians), weights=shares)))


if __name__ == "__main__":
    main()
