"""What did `make demo` show, and how long did each step take?

Reads the folder that a finished demo left; prints the table of the README, then one JSON line; `--out FILE` writes it.

    make demo && python -m benchmarks.demo toile-demo --out benchmarks/results/demo_2cores_2026-12-01.json
"""

import argparse
import json
import os
import subprocess
from pathlib import Path
from typing import Any

PARTS = ("category", "title", "price", "joint")
BASELINES = {
    "majority category": "majority-category",
    "median price of the true category": "category-median",
    "nearest train image": "nearest-picture",
}


def main() -> None:
    """Collect, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    demo: Path = arguments.folder
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
    paired = next(
        row
        for row in comparison["scores"]
        if row.get("baseline") == "category-median"
        and (row["metric"], row["rows"], row["category"], row["control"]) == ("price", "inferable", None, "none")
    )
    n = rows["trained"]["category"]["n"]
    print(f"| {n} held-out products | category | title | price within 20 % | all three |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, figures in rows.items():
        print(f"| {name} | " + " | ".join(shown(figures[part]) for part in PARTS) + " |")
    print(f"\nprice against the median of the true category: {paired['difference']:+.3f}")
    print(f"  paired 95 % interval {paired['low']:+.3f} to {paired['high']:+.3f}")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    document = {
        "benchmark": "demo",
        "command": "make demo && python -m benchmarks.demo toile-demo",
        "rows": rows,
        "price_against_category_median": {key: paired[key] for key in ("n", "difference", "low", "high", "p")},
        "seconds": {
            "generate": catalog["seconds"],
            "train": run["seconds"],
            "evaluate_untrained": base["seconds"],
            "evaluate_trained": tuned["seconds"],
        },
        "training_samples_per_second": run["samples_per_second"],
        "num_cores": os.cpu_count(),
        "versions": tuned["versions"],
        "commit": commit.strip(),
    }
    print(json.dumps(document))
    if arguments.out:
        arguments.out.write_text(json.dumps(document, indent=1) + "\n")


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
