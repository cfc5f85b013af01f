"""What did `make demo` show, and how long did each step take?

Reads the folder that a finished demo left; prints the table of the README, then one JSON line; `--out FILE` writes it.

    make demo && python -m benchmarks.demo toile-demo --out benchmarks/results/demo_2cores_2026-12-01.json

`--titles` instead measures what the title rule says of models with a planted fault, on the held-out titles of the demo:

    python -m benchmarks.demo --titles --out benchmarks/results/titles_2cores_2026-12-01.json
"""

import argparse
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evaluation.metrics.scoring import scoring_rules
from evaluation.metrics.titles import Vocabulary, normalize_title, token_f1
from generator import products
from generator.upper_bound import best_scores
from schemas.evaluation import EvaluationSpec
from schemas.product import Product
from schemas.validation import list_presets, load

PARTS = ("category", "title", "title_exact", "price", "joint")
BASELINES = {
    "majority category": "majority-category",
    "median price of the true category": "category-median",
    "nearest train image": "nearest-picture",
}


def main() -> None:
    """Collect, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("toile-demo"))
    parser.add_argument("--titles", action="store_true")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    document = measure_titles() if arguments.titles else collect(arguments.folder)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    document["commit"] = commit.strip()
    print(json.dumps(document))
    if arguments.out:
        arguments.out.write_text(json.dumps(document, indent=1) + "\n")


TITLE_MODELS: dict[str, Callable[[str], str]] = {
    "true title": lambda title: title,
    "never names pattern or quilting": lambda title: _without_pattern(title),
    "always Striped": lambda title: f"Striped {_without_pattern(title)}",
    "always a wrong pattern": lambda title: f"{'Check' if 'Striped' in title else 'Striped'} {_without_pattern(title)}",
}
"""Models that read everything but the pattern."""


def measure_titles(num_products: int = 6000) -> dict[str, Any]:
    """Return the share of the demo's held-out titles that each planted model has right, under both rules."""
    spec = load("demo", "catalog")
    rows = [row for row in products(spec, 0, 0, num_products) if row.split == "test" and row.inferable]
    return {
        "benchmark": "titles",
        "command": "python -m benchmarks.demo --titles",
        "n": len(rows),
        "models": {name: title_rates(rows, answer) for name, answer in TITLE_MODELS.items()},
        "best_achievable": {name: best_titles(name, num_products) for name in list_presets("catalog")},
    }


def best_titles(preset: str, num_products: int) -> dict[str, float]:
    """Return the best achievable title scores on visually identifiable rows of a preset."""
    spec = load(preset, "catalog")
    rows = [row for row in products(spec, 0, 0, num_products) if row.inferable]
    best = best_scores(spec, scoring_rules(EvaluationSpec(), rows), rows)["inferable"]
    return {"title": round(best.title, 4), "title_exact": round(best.title_exact, 4)}


def title_rates(rows: list[Product], answer: Callable[[str], str]) -> dict[str, float]:
    """Return shares of rows: word F1 of at least 0.8 alone, the rule of the evaluation, and to the letter."""
    words, least = Vocabulary(rows), EvaluationSpec().title_f1
    counts = dict.fromkeys(("f1_at_least_0.8", "title", "title_exact"), 0)
    for row in rows:
        title = row.title or ""
        answered = answer(title)
        f1 = token_f1(answered, title)
        counts["f1_at_least_0.8"] += f1 >= least - 1e-9
        counts["title"] += f1 > least + 1e-9 and words.matches(answered, title, words.shown_values(row))
        counts["title_exact"] += normalize_title(answered) == normalize_title(title)
    return {name: round(count / len(rows), 4) for name, count in counts.items()}


def _without_pattern(title: str) -> str:
    return re.sub(r"\b(?:Check|Striped|Quilted) ", "", title)


def collect(demo: Path) -> dict[str, Any]:
    """Return the figures that a finished demo left in its folder, and print them."""
    tuned, base = (json.loads((demo / name / "result.json").read_text()) for name in ("tuned", "base"))
    comparison = json.loads((demo / "comparison" / "comparison.json").read_text())
    run = json.loads((demo / "checkpoint" / "run.json").read_text())
    catalog = json.loads((demo / "catalog" / "manifest.json").read_text())
    rows = {
        "trained": {part: figure(tuned, part, control="none") for part in PARTS},
        "untrained": {part: figure(base, part, control="none") for part in PARTS},
        "trained, blank picture": {part: figure(tuned, part, control="blank") for part in PARTS},
        "trained, another product's picture": {part: figure(tuned, part, control="shuffled") for part in PARTS},
        **{name: {part: figure(tuned, part, baseline=key) for part in PARTS} for name, key in BASELINES.items()},
    }
    paired = paired_with(comparison, "price", "category-median")
    n = rows["trained"]["category"]["n"]
    print(f"| {n} held-out products | category | title | title exact | price within 20 % | exact match |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, figures in rows.items():
        print(f"| {name} | " + " | ".join(shown(figures[part]) for part in PARTS) + " |")
    print(f"\nprice against the median of the true category: {paired['difference']:+.3f}")
    print(f"  paired 95 % interval {paired['low']:+.3f} to {paired['high']:+.3f}")
    nearest = {part: paired_with(comparison, part, "nearest-picture") for part in PARTS}
    for part, row in nearest.items():
        interval = f"{row['low']:+.3f} to {row['high']:+.3f}"
        print(f"{part} against the nearest train image: {row['difference']:+.3f} ({interval})")
    return {
        "benchmark": "demo",
        "command": "make demo && python -m benchmarks.demo toile-demo",
        "rows": rows,
        "price_against_category_median": paired,
        "against_nearest_image": nearest,
        "seconds": {
            "generate": catalog["seconds"],
            "train": run["seconds"],
            "evaluate_untrained": base["seconds"],
            "evaluate_trained": tuned["seconds"],
        },
        "training_samples_per_second": run["samples_per_second"],
        "num_cores": os.cpu_count(),
        "versions": tuned["versions"],
    }


def paired_with(comparison: dict[str, Any], metric: str, baseline: str) -> dict[str, Any]:
    """Return the paired difference of the trained model and a baseline on the inferable rows."""
    wanted = (baseline, metric, "inferable", None, "none")
    row = next(
        row
        for row in comparison["scores"]
        if (row.get("baseline"), row["metric"], row["rows"], row["category"], row["control"]) == wanted
    )
    return {key: row[key] for key in ("n", "difference", "low", "high", "p")}


def figure(result: dict[str, Any], metric: str, control: str = "none", baseline: str | None = None) -> dict[str, Any]:
    """Return value, low, high and n of a score on the inferable rows; None where the baseline has no such metric."""
    for row in result["scores"]:
        if (row["metric"], row["rows"], row["category"], row["control"]) == (metric, "inferable", None, control) and (
            row.get("baseline") == baseline
        ):
            return {key: row[key] for key in ("n", "value", "low", "high")}
    return dict.fromkeys(("n", "value", "low", "high"))


def shown(figure: dict[str, Any]) -> str:
    """Return a figure as text, such as `79 % (75-82)`, or a dash."""
    if figure["value"] is None:
        return "-"
    return f"{100 * figure['value']:.0f} % ({100 * figure['low']:.0f}-{100 * figure['high']:.0f})"


if __name__ == "__main__":
    main()
