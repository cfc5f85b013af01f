"""How much is a twin like the shop? The field's own quality report, as a share of what real rows reach.

Half of a table is fitted, the other half is held out; 2,000 generated rows are compared with the held-out rows by the
QualityReport of SDMetrics. The control is the same report of the fitted rows: real against real is the limit. SDV's
GaussianCopula, fitted to the same rows, is an optional baseline (`--baseline`, needs `pip install sdv`). Each split is
a new random half. Rows that share a title (without its colour words) are a family, as after `toile import`.

    python -m benchmarks.twin --table sports --epsilon 1 --epsilon 3 \
        --out benchmarks/results/twin_sports_2cores_2026-12-01.json
    python -m benchmarks.twin --table shop.csv --columns category1_code=brand,category3_code=category,full_price=price

`sports` is an invented table (tests/helpers/fit_table.py). The result has figures only, no rows.
"""

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from generator.fit import CategoryPath, FitOptions
from generator.fit.fit_spec import Fit, fit, to_yaml
from generator.ingest.rows import normalize_title
from generator.sampling.products import rows as sample_rows
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
    parser.add_argument("--baseline", action="store_true", help="SDV's GaussianCopula too")
    parser.add_argument("--details", action="store_true", help="print every column's and pair's score")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    table = read_table(arguments.table, arguments.columns, arguments.currency)
    names = ["exact", *(f"epsilon {epsilon:g}" for epsilon in arguments.epsilon)]
    found: dict[str, list[dict[str, float]]] = {"limit": [], **{name: [] for name in names}}
    for seed in range(arguments.splits):
        for name, scores in measure_split(table, seed, arguments).items():
            found.setdefault(name, []).append(scores)
            print(f"split {seed}  {name:16s} " + "  ".join(f"{k} {v:.3f}" for k, v in scores.items()), flush=True)
    document = {
        "benchmark": "twin",
        "command": f"python -m benchmarks.twin {' '.join(sys.argv[1:])}",
        "num_table_rows": len(table),
        "num_generated": arguments.num_rows,
        "medians": {name: _medians(scores) for name, scores in found.items()},
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


def measure_split(table: Sequence[Row], seed: int, arguments: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Fit one random half; return the scores of each twin against the other half, and those of the fitted rows."""
    order = np.random.default_rng(seed).permutation(len(table))
    fitted = [table[i] for i in sorted(order[: len(table) // 2])]
    held_out = frame([table[i] for i in sorted(order[len(table) // 2 :])])
    limit = quality(held_out, frame(fitted), details=arguments.details)
    found = {"limit": limit}
    with tempfile.TemporaryDirectory() as place:
        folder = write_catalog(Path(place) / "fitted", fitted)
        for epsilon in (None, *arguments.epsilon):
            options = make_options(table, epsilon, arguments)
            start = time.perf_counter()
            twin = generate(fit(folder, options), arguments.num_rows)
            seconds = time.perf_counter() - start
            name = "exact" if epsilon is None else f"epsilon {epsilon:g}"
            found[name] = quality(held_out, twin, limit["score"], details=arguments.details) | {"seconds": seconds}
    if arguments.baseline:
        found["SDV GaussianCopula"] = quality(held_out, sample_copula(frame(fitted), seed), limit["score"])
    return found


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


def generate(found: Fit, num_rows: int) -> pd.DataFrame:
    """Generate rows of a fitted spec, without images."""
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
