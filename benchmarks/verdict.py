"""How often is a model said to use the image that does not, and how often one that does?

Random models answer rows of a small catalog with correlated families, under their own image, a blank one and another
product's. Three kinds do not use the image: `prior` samples every answer from the shop's frequencies, `image` does so
once for each image (its answers follow the image and say nothing about it), `refusing` answers like `image` and mostly
refuses blank images. `reader` gets a share of the fields right from the image. Prints, for each kind and number of
rows, the share of models with a positive verdict; `--out FILE` writes one JSON document.

    python -m benchmarks.verdict --out benchmarks/results/verdict_2cores_2026-12-01.json
"""

import argparse
import json
import random
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from evaluation.metrics.score_matrix import ScoreMatrix
from evaluation.metrics.scores import GAIN_METRICS, compute_image_gains, image_verdict
from evaluation.metrics.scoring import score_answers
from evaluation.protocols.generate import shuffled_pairs
from generator import products
from schemas.answer import render
from schemas.evaluation import EvaluationSpec, Prediction
from schemas.product import Product
from schemas.util.stats import wilson
from schemas.validation import load

BLIND_KINDS = ("prior", "image", "refusing")
READER = "reader"
SIZES = (30, 120)
CATEGORIES = ("SKIRTS", "SCARVES")
"""Two only, so that guesses are often right and differences have much room."""
CONTROLS = ("none", "blank", "shuffled")


def main() -> None:
    """Simulate, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=200, help="Models of each kind and size.")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    counts = {
        f"{kind}, {size} rows": simulate(kind, size, arguments.models)
        for kind in (*BLIND_KINDS, READER)
        for size in SIZES
    }
    shares = {name: round(found["True"] / arguments.models, 4) for name, found in counts.items()}
    blind = [found for name, found in counts.items() if not name.startswith(READER)]
    positive, total = sum(found["True"] for found in blind), arguments.models * len(blind)
    low, high = wilson(positive / total, total, 0.95)
    for name, share in shares.items():
        print(f"{name:24s} said to use the image: {100 * share:.1f} %")
    print(f"blind models together: {positive} of {total} ({100 * low:.1f} to {100 * high:.1f} %)")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    document = {
        "benchmark": "verdict",
        "command": "python -m benchmarks.verdict",
        "models_of_each": arguments.models,
        "verdicts": counts,
        "said_to_use_the_image": shares,
        "blind": {"models": total, "positive": positive, "low": round(low, 4), "high": round(high, 4)},
        "commit": commit.strip(),
    }
    print(json.dumps(document))
    if arguments.out:
        arguments.out.write_text(json.dumps(document, indent=1) + "\n")


def simulate(kind: str, num_rows: int, num_models: int) -> dict[str, int]:
    """Return how many models of a kind got each verdict."""
    catalog = products(load("demo", "catalog"), 5, 0, 10 * num_rows)
    rows = [row for row in catalog if row.inferable and row.category3_code in CATEGORIES][:num_rows]
    found = Counter({"True": 0, "False": 0, "None": 0})
    for seed in range(num_models):
        found[str(verdict(rows, kind, seed))] += 1
    return dict(found)


def verdict(rows: Sequence[Product], kind: str, seed: int) -> bool | None:
    """Return the verdict about one random model."""
    draw = random.Random(f"{kind}:{seed}")
    spec = EvaluationSpec(seed=seed)
    level = draw.uniform(0.05, 0.9)
    own = {row.product_code: _answer(row, rows, kind, level, draw) for row in rows}
    partner = shuffled_pairs(rows, spec.seed)
    blank = _sample(rows, draw)
    predictions = []
    for row in rows:
        code = row.product_code
        texts = {"none": own[code], "blank": blank, "shuffled": own[partner[code]]}
        if kind == "prior":
            texts |= {control: _sample(rows, draw) for control in ("blank", "shuffled")}
        elif kind == "refusing" and draw.random() < level:
            texts["blank"] = "I am sorry, I see no product."
        predictions += [_prediction(row, control, texts[control]) for control in CONTROLS]
    scored = score_answers(rows, predictions, spec, ())
    sides = {control: ScoreMatrix([o for o in scored if o.control == control], spec) for control in CONTROLS}
    gains = compute_image_gains(sides, GAIN_METRICS, spec.protocol, spec.split)
    return image_verdict(gains, spec.confidence)[0]


def _answer(row: Product, rows: Sequence[Product], kind: str, level: float, draw: random.Random) -> str:
    other = draw.choice(rows)
    if kind != READER:
        return _sample(rows, draw)
    title, category, price = ((row if draw.random() < level else other) for _ in range(3))
    return render(title.title or "", category.category3_code or "", price.full_price or 0.0)


def _sample(rows: Sequence[Product], draw: random.Random) -> str:
    """Return the true answer to a random row."""
    row = draw.choice(rows)
    return render(row.title or "", row.category3_code or "", row.full_price or 0.0)


def _prediction(row: Product, control: str, answer: str) -> Prediction:
    return Prediction(
        product_code=row.product_code,
        family=row.family,
        split="test",
        source=row.source,
        inferable=row.inferable,
        protocol="generate",
        control=control,
        shown=row.product_code,
        answer=answer,
        truncated=False,
    )


if __name__ == "__main__":
    main()
