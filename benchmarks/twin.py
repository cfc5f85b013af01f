"""How much is a twin like the shop? The field's own quality report, as a share of what real rows reach.

Half of a table is fitted, the other half is held out; 2,000 generated rows are compared with the held-out rows by the
QualityReport of SDMetrics. The control is the same report of the fitted rows: real against real is the limit. SDV's
GaussianCopula, fitted to the same rows, is an optional baseline (`--baseline`, needs `pip install sdv`). Baselines of
private fits (`--opendp`) are the contingency tables of OpenDP by its algorithms AIM, MST, Fixed and Sequential: of the
compared columns and the sizes of families only, where a private fit measures colours, materials ... too. `--without`
measures private fits that lack one part each. Each split is a new random half. Rows that share a title (without its
colour words) are a family, as after `toile import`.

    python -m benchmarks.twin --table sports --epsilon 1 --epsilon 3 \
        --out benchmarks/results/twin_sports_2cores_2026-12-01.json
    python -m benchmarks.twin --table shop.csv --columns category1_code=brand,category3_code=category,full_price=price

`sports` is an invented table (tests/helpers/fit_table.py). The result has figures only, no rows.
"""

import argparse
import hashlib
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import polars as pl
from numpy.typing import NDArray
from opendp.mod import OpenDPException

sys.path.insert(0, str(Path(__file__).parents[1]))

from generator.fit import CategoryPath, FitOptions, private
from generator.fit.attributes import PUBLIC_COLUMNS, SIZES
from generator.fit.families import PERCENTS, Family, read_families
from generator.fit.fit_spec import fit, to_yaml
from generator.fit.prices import PriceGrid, sample_prices
from generator.fit.private import MANY_LEAVES, load_opendp
from generator.ingest.rows import normalize_title
from generator.sampling.products import rows as sample_rows
from generator.sampling.streams import Floats
from schemas.catalog import CatalogSpec
from schemas.documents import parse_document
from schemas.manifest import versions
from schemas.product import Product
from schemas.validation import from_document
from tests.helpers import fit_table

CATEGORICAL = ("category1_code", "category2_code", "category3_code", "flg_discount")
NUMERICAL = ("full_price", "price")
COLUMNS = (*CATEGORICAL, *NUMERICAL)
DEFAULT_COLUMNS = "title=title,category3_code=category3_code,full_price=full_price"
OPENDP = ("OpenDP AIM", "OpenDP AIM, pairs", "OpenDP MST", "OpenDP Fixed", "OpenDP Sequential")
_NUM_SYNTHETIC = 4000
Row = dict[str, Any]


def main() -> None:
    """Run the splits, print the scores and save them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", default="sports", help="a CSV file, or sports for the invented shop")
    parser.add_argument("--columns", default=DEFAULT_COLUMNS, help="OURS=THEIRS,...; colour and material too")
    parser.add_argument("--currency", default="USD")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--num-rows", type=int, default=2000, help="generated rows")
    parser.add_argument("--min-support", type=int, default=5)
    parser.add_argument("--epsilon", type=float, action="append", default=[], help="a private fit too; repeatable")
    parser.add_argument("--price-range", help="LOW:HIGH, public bounds of the prices for private fits")
    parser.add_argument("--runs", type=int, default=1, help="private fits of each split: their noise differs")
    parser.add_argument("--baseline", action="store_true", help="SDV's GaussianCopula too")
    parser.add_argument("--without", action="store_true", help="private fits without each of their parts too")
    parser.add_argument("--opendp", nargs="*", choices=OPENDP, help="OpenDP's contingency tables too; all by default")
    parser.add_argument("--details", action="store_true", help="print every column's and pair's score")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    table = read_table(arguments.table, arguments.columns, arguments.currency)
    found: dict[str, list[dict[str, float]]] = {}
    failures: Counter[str] = Counter()
    for seed in range(arguments.splits):
        for name, scores in measure_split(table, seed, arguments):
            if scores is None:
                failures[name] += 1
                continue
            found.setdefault(name, []).append(scores)
            print(f"split {seed}  {name:28s} " + "  ".join(f"{k} {v:.3f}" for k, v in scores.items()), flush=True)
    document = {
        "benchmark": "twin",
        "command": f"python -m benchmarks.twin {' '.join(sys.argv[1:])}",
        "num_table_rows": len(table),
        "num_generated": arguments.num_rows,
        "medians": {name: _medians(scores) for name, scores in found.items()},
        "failures": failures,
        "splits": found,
        "num_cores": os.cpu_count(),
        "versions": versions("numpy", "opendp", "sdmetrics", "pandas"),
        "commit": git_commit(),
    }
    print(json.dumps(document["medians"], indent=1))
    if arguments.out:
        arguments.out.write_text(json.dumps(document, indent=1) + "\n")


def read_table(name: str, columns: str, currency: str) -> list[Row]:
    """Return the rows of a CSV file (or of the invented shop) under our names, each with a family."""
    if name == "sports":
        products, own = fit_table.sample_sports_rows()
        return [{**_row_of(product), **own[product.product_code]} for product in products]
    pairs = dict(pair.split("=") for pair in columns.split(","))
    theirs = pd.read_csv(name)
    found = []
    for number, cells in enumerate(theirs.to_dict("records")):
        row: Row = {ours: _cell(cells[column]) for ours, column in pairs.items()}
        for price in NUMERICAL:
            row[price] = float(row.get(price) or row["full_price"])
        row["product_code"] = f"{50_000_000 + number}"
        row["currency_code"] = currency
        row["flg_discount"] = int(row["price"] < row["full_price"])
        row["family"] = _family(row)
        found.append(row)
    return found


def measure_split(
    table: Sequence[Row], seed: int, arguments: argparse.Namespace
) -> Iterator[tuple[str, dict[str, float] | None]]:
    """Fit one random half; yield the scores of the fitted rows, and of each twin, against the other half.

    None where OpenDP stopped with an error (version 0.16 does so in the last step of AIM for some sizes of noise).
    """
    order = np.random.default_rng(seed).permutation(len(table))
    fitted = [table[i] for i in sorted(order[: len(table) // 2])]
    held_out = frame([table[i] for i in sorted(order[len(table) // 2 :])])
    limit = quality(held_out, frame(fitted), details=arguments.details)
    yield "limit", limit

    def judge(make: Callable[[], pd.DataFrame]) -> dict[str, float] | None:
        start = time.perf_counter()
        try:
            twin = make()
        except OpenDPException:
            return None
        seconds = time.perf_counter() - start
        return quality(held_out, twin, limit["score"], details=arguments.details) | {"seconds": seconds}

    with tempfile.TemporaryDirectory() as place:
        folder = write_catalog(Path(place) / "fitted", fitted)
        options = make_options(table, None, arguments)
        yield "exact", judge(partial(fit_and_generate, folder, options, arguments.num_rows))
        for epsilon in arguments.epsilon:
            options = make_options(table, epsilon, arguments)
            for _ in range(arguments.runs):
                yield f"epsilon {epsilon:g}", judge(partial(fit_and_generate, folder, options, arguments.num_rows))
                for part in PARTS if arguments.without else ():
                    with without(part):
                        scores = judge(partial(fit_and_generate, folder, options, arguments.num_rows))
                    yield f"epsilon {epsilon:g} without {part}", scores
            families, _ = read_families(folder, arguments.currency, images=False, unit="family")
            for name in arguments.opendp or (OPENDP if arguments.opendp == [] else ()):
                yield f"epsilon {epsilon:g} {name}", judge(partial(sample_by_opendp, families, options, name))
    if arguments.baseline:
        yield "SDV GaussianCopula", judge(partial(sample_copula, frame(fitted), seed))


def without(part: str) -> AbstractContextManager[Any]:
    """Leave one of `PARTS` out of private fits."""
    name, replacement = PARTS[part]
    return mock.patch.object(private, name, replacement)


def _project_rows(noisy_GC: Floats, base_GC: Floats, scale: float) -> tuple[Floats, float]:
    sums = base_GC.sum(axis=1)
    return np.array([private.project(row, total) for row, total in zip(noisy_GC, sums, strict=True)]), 1.0


_estimate = private.estimate
PARTS: dict[str, tuple[str, Callable[..., Any]]] = {
    "shrinkage": ("shrink", _project_rows),
    "range of prices": ("find_range", lambda noisy_P, scale: slice(0, len(noisy_P))),
    "expected prices": ("estimate", lambda tables, sizes, total, prior=None: _estimate(tables, sizes, total)),
}
"""Part of a private fit -> name of the function that does it, and what takes its place."""


def sample_by_opendp(families: Sequence[Family], options: FitOptions, name: str) -> pd.DataFrame:
    """Sample the compared columns from OpenDP's contingency table of the families; a family is one record."""
    paths, cells, grid = release_by_opendp(families, options, name)
    rng = np.random.default_rng()
    prices = sample_prices(cells["price"], cells["leaf"], grid, [np.zeros(0)] * 3, rng)
    rows = []
    for leaf, percent, size, price in zip(cells["leaf"], cells["percent"], cells["size"], prices, strict=True):
        first, second, third = paths[leaf]
        reduced = round((price or 0.0) * (1 - (0, *PERCENTS)[percent] / 100), 2)
        row = {"category1_code": first, "category2_code": second, "category3_code": third, "full_price": price}
        rows += [row | {"price": reduced, "flg_discount": int(percent > 0)}] * SIZES[size]
    return frame(rows)


def release_by_opendp(
    families: Sequence[Family], options: FitOptions, name: str
) -> tuple[Sequence[CategoryPath], dict[str, NDArray[np.int64]], PriceGrid]:
    """Release OpenDP's contingency table of the families by leaf, price cell, discount percent and size class.

    All keys are public, so delta is 0. Returns the leaves, the cells of each synthetic record, and the price cells.
    """
    dp = load_opendp()
    dp.enable_features("honest-but-curious")
    assert options.categories is not None
    assert options.price_range is not None
    assert options.epsilon is not None
    paths, (low, high) = options.categories, options.price_range
    ratio = 2.0 if len(paths) >= MANY_LEAVES else 2.0**0.5  # coarse prices where leaves are many
    edges = np.linspace(math.log(low), math.log(high), max(math.ceil(math.log(high / low) / math.log(ratio)), 4) + 1)
    grid = PriceGrid(edges=edges)
    number = {path: index for index, path in enumerate(paths)}
    sizes = next(column for column in PUBLIC_COLUMNS if column.is_geometric)
    records = [
        {
            "leaf": number[family.path],
            "price": grid.find_cell(family.full_price),
            "percent": (0, *PERCENTS).index(family.discount_percent),
            "size": sizes.cell_of(family),
        }
        for family in families
        if family.path in number and grid.find_cell(family.full_price) >= 0
    ]
    keys = {"leaf": len(paths), "price": len(edges) - 1, "percent": 1 + len(PERCENTS), "size": len(SIZES)}
    context = dp.Context.compositor(
        data=pl.DataFrame(records).lazy(),
        privacy_unit=dp.unit_of(contributions=1),
        privacy_loss=dp.loss_of(epsilon=options.epsilon),
        split_evenly_over=1,
    )
    table = (
        context.query()
        .select(*keys)
        .contingency_table(keys={key: list(range(num)) for key, num in keys.items()}, algorithm=_algorithm(name))
        .release()
    )
    rows = table.synthesize(_NUM_SYNTHETIC).drop_nulls()  # null stands for values that are not public: there are none
    return paths, {key: rows[key].to_numpy().astype(np.int64) for key in keys}, grid


def _algorithm(name: str) -> Any:
    """Return an algorithm of OpenDP with the tables that it may measure."""
    from opendp.extras.mbi import AIM, MST, Count, Fixed, Sequential

    prices, sizes, percents = ("leaf", "price"), ("leaf", "size"), ("leaf", "percent")
    match name:
        case "OpenDP AIM":
            return AIM(oneway="unkeyed")
        case "OpenDP AIM, pairs":
            return AIM(oneway="unkeyed", queries=[Count(prices), Count(sizes), Count(percents)])
        case "OpenDP MST":
            return MST()
        case "OpenDP Fixed":
            queries = [Count(prices, 0.8), Count(("size",), 0.1), Count(("percent",), 0.1)]  # by leaf they are noise
            return Fixed(oneway="unkeyed", queries=queries)
        case "OpenDP Sequential":
            oneway = Fixed(oneway="unkeyed", queries=[Count((each,)) for each in ("leaf", "price", "size", "percent")])
            pairs = AIM(oneway="unkeyed", queries=[Count(prices), Count(sizes), Count(percents)])
            return Sequential(oneway="unkeyed", algorithms=[oneway, pairs])
    raise ValueError(name)


def make_options(table: Sequence[Row], epsilon: float | None, arguments: argparse.Namespace) -> FitOptions:
    """Return the options of a fit; the leaves, the currency and the bounds of prices of a private one are public."""
    paths: tuple[CategoryPath, ...] = tuple(
        sorted({(row["category1_code"], row["category2_code"], row["category3_code"]) for row in table})
    )
    low, high = map(float, arguments.price_range.split(":")) if arguments.price_range else (0.0, 0.0)
    return FitOptions(
        epsilon=epsilon,
        categories=None if epsilon is None else paths,
        price_range=(low, high) if high else None,
        currency=arguments.currency,
        min_support=arguments.min_support,
        images=False,
    )


def write_catalog(folder: Path, rows: Sequence[Row]) -> Path:
    """Write rows as a catalog folder, all of them in the train split."""
    names = Product.__dataclass_fields__
    products = [
        Product(**{k: v for k, v in row.items() if k in names}, split="train", source="table", inferable=True)
        for row in rows
    ]
    own = {row["product_code"]: {k: v for k, v in row.items() if k not in names} for row in rows}
    return fit_table.write_folder(folder, products, own)


def fit_and_generate(folder: Path, options: FitOptions, num_rows: int) -> pd.DataFrame:
    """Fit a folder and generate rows of the spec, without images."""
    found = fit(folder, options)
    spec: CatalogSpec = from_document(parse_document(to_yaml(found), "twin", is_json=False), "catalog", "twin")
    return frame(sample_rows(spec, 0, np.arange(num_rows)).to_pylist())


def quality(
    real: pd.DataFrame, other: pd.DataFrame, limit: float | None = None, *, details: bool = False
) -> dict[str, float]:
    """Return the score of the QualityReport, its two parts, and the score's share of the limit."""
    from sdmetrics.reports.single_table import QualityReport

    kinds = {name: {"sdtype": "numerical" if name in NUMERICAL else "categorical"} for name in COLUMNS}
    report = QualityReport()
    report.generate(real, other, {"columns": kinds}, verbose=False)
    parts = report.get_properties().set_index("Property")["Score"]
    if details:
        print(
            report.get_details("Column Shapes").to_string(), "\n", report.get_details("Column Pair Trends").to_string()
        )
    score = float(report.get_score())
    found = {"score": score, "shapes": float(parts.iloc[0]), "pairs": float(parts.iloc[1])}
    return found if limit is None else found | {"share_of_limit": score / limit}


def sample_copula(real: pd.DataFrame, seed: int, num_rows: int = 2000) -> pd.DataFrame:
    """Sample rows from SDV's GaussianCopula, fitted to the same rows without privacy."""
    from sdv.metadata import Metadata
    from sdv.single_table import GaussianCopulaSynthesizer

    kinds = {name: {"sdtype": "numerical" if name in NUMERICAL else "categorical"} for name in COLUMNS}
    metadata = Metadata.load_from_dict({"tables": {"t": {"columns": kinds}}, "relationships": []})
    synthesizer = GaussianCopulaSynthesizer(metadata)
    np.random.seed(seed)  # SDV has no other seed for its samples
    synthesizer.fit({"t": real})
    sampled = synthesizer.sample(num_rows)
    table = sampled["t"] if isinstance(sampled, dict) else sampled
    typed: pd.DataFrame = table.astype(dict.fromkeys(CATEGORICAL, str))
    return typed


def frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the compared columns of rows as a data frame: text and floats."""
    table = pd.DataFrame([{name: row[name] for name in COLUMNS} for row in rows])
    return table.astype(dict.fromkeys(NUMERICAL, float) | dict.fromkeys(CATEGORICAL, str))


def git_commit() -> str:
    """Return the commit of the working tree."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _row_of(product: Product) -> Row:
    row = {name: getattr(product, name) for name in Product.__dataclass_fields__}
    return {name: value for name, value in row.items() if name not in {"split", "source", "inferable"}}


def _cell(value: Any) -> Any:
    return None if value is None or value != value else value


def _family(row: Row) -> str:
    """Return the family that `toile import` gives a row with this title: titles without colour words and digits."""
    key = normalize_title(row.get("title") or row["product_code"], row.get("colour"))
    return f"table-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def _medians(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = scores[0] if scores else ()
    return {name: round(statistics.median(each[name] for each in scores), 4) for name in names}


if __name__ == "__main__":
    main()
