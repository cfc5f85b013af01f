"""How many rows per second does an evaluation answer, compared with single requests without a cache?

Both read the same rows with the built-in tiny model on the CPU and write at most `MAX_NEW_TOKENS` greedy tokens a row:
`evaluation.predict` in batches, and transformers' own `generate` with `use_cache=False`, a row at a time. Rounds
alternate, so that a busy moment affects both; a fixed numpy loop is timed as well. The medians and their ratio are
printed, then one JSON line; `--out FILE` writes it. The answers of both are compared.

    python -m benchmarks.evaluate --out benchmarks/results/evaluate_HOST_DATE.json
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from evaluation.models.phi3v import Phi3VisionBackend
from evaluation.protocols.generate import predict
from evaluation.rows import Rows, decode_image, read_rows
from finetune import load_model
from generator.catalog.shards import GenerateInputs, write_shards
from schemas.answer import PROMPT
from schemas.documents import read_document
from schemas.evaluation import EvaluationSpec
from schemas.manifest import versions
from schemas.validation import preset_path

NUM_PRODUCTS = 240
IMAGE_SIZE = 112
BATCH_SIZE = 8
MAX_NEW_TOKENS = 40
"""A real answer takes 28 to 50; the untrained model never stops before."""
ROUNDS = 5


def make_rows(folder: Path) -> Rows:
    """The test rows of a small generated catalog."""
    path = preset_path("demo", "catalog")
    assert path is not None
    write_shards(
        GenerateInputs(
            spec_document=read_document(path), seed=0, start=0, num_products=NUM_PRODUCTS, image_size=IMAGE_SIZE
        ),
        folder,
    )
    return read_rows(folder, spec())


def spec() -> EvaluationSpec:
    """Return every row once with its own image, for the reference implementation."""
    return EvaluationSpec(controls=(), batch_size=BATCH_SIZE, max_new_tokens=MAX_NEW_TOKENS)


def batched(network: Any, processor: Any, rows: Rows, out: Path) -> list[str]:
    """Answer with `predict` and its log of predictions; answers in the order of the rows."""
    backend = Phi3VisionBackend(network, processor, max_new_tokens=MAX_NEW_TOKENS)
    out.unlink(missing_ok=True)
    return [prediction.answer for prediction in predict(backend, rows, out, spec(), quiet=True)]


def one_by_one(network: Any, processor: Any, rows: Rows) -> list[str]:
    """Answer with one call of transformers' `generate` per row, without a cache of keys and values."""
    answers = []
    for product in rows.products:
        batch = dict(processor([PROMPT], [[decode_image(product, rows.folder)]], padding_side="left"))
        with torch.inference_mode():
            ids = network.generate(
                **batch,
                max_new_tokens=MAX_NEW_TOKENS,
                do_sample=False,
                use_cache=False,
                eos_token_id=list(processor.stop_token_ids),
                pad_token_id=processor.tokenizer.pad_token_id,
            )
        new = ids[0, batch["input_ids"].shape[1] :].tolist()
        stop = next((place for place, token in enumerate(new) if token in processor.stop_token_ids), None)
        answers.append(processor.tokenizer.decode(new[:stop], skip_special_tokens=True).strip())
    return answers


def calibration() -> Sequence[str]:
    """Time a fixed amount of numpy work (ten sorts of a million), to compare machines."""
    numbers = np.random.default_rng(0).random(1_000_000)
    for _ in range(10):
        np.sort(numbers)
    return ()


def timed(work: Callable[[], Sequence[str]]) -> tuple[float, Sequence[str]]:
    """Return wall seconds and the result."""
    began = time.perf_counter()
    found = work()
    return time.perf_counter() - began, found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    network, processor = load_model("tiny")
    with tempfile.TemporaryDirectory() as folder:
        rows = make_rows(Path(folder) / "data")
        log = Path(folder) / "predictions.jsonl"
        ours, theirs = batched(network, processor, rows, log), one_by_one(network, processor, rows)  # to warm up
        seconds: dict[str, list[float]] = {"batched": [], "one_by_one": [], "calibration": []}
        for _ in range(ROUNDS):
            seconds["batched"].append(timed(lambda: batched(network, processor, rows, log))[0])
            seconds["one_by_one"].append(timed(lambda: one_by_one(network, processor, rows))[0])
            seconds["calibration"].append(timed(calibration)[0])
    num_rows = len(rows.products)
    rates = {name: num_rows / statistics.median(taken) for name, taken in seconds.items() if name != "calibration"}
    ratio = rates["batched"] / rates["one_by_one"]
    same = sum(a == b for a, b in zip(ours, theirs, strict=True))
    print(f"{num_rows} rows, tiny model, CPU with {torch.get_num_threads()} threads, medians of {ROUNDS} rounds")
    print(f"evaluation.predict, batches of {BATCH_SIZE}:   {rates['batched']:8.2f} rows/s")
    print(f"generate one by one, no cache: {rates['one_by_one']:8.2f} rows/s")
    print(f"calibration (10 numpy sorts of a million): {statistics.median(seconds['calibration']):.2f} s")
    print(f"ratio: {ratio:.1f}; {same} of {num_rows} answers are the same")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    document = {
        "benchmark": "evaluate",
        "command": "python -m benchmarks.evaluate",
        "num_rows": num_rows,
        "image_size": IMAGE_SIZE,
        "batch_size": BATCH_SIZE,
        "max_new_tokens": MAX_NEW_TOKENS,
        "rows_per_second": {name: round(rate, 3) for name, rate in rates.items()},
        "ratio": round(ratio, 2),
        "seconds": {name: [round(one, 3) for one in taken] for name, taken in seconds.items()},
        "same_answers": same,
        "num_cores": os.cpu_count(),
        "versions": versions("torch", "transformers", "numpy", "pillow"),
        "commit": commit.strip(),
    }
    print(json.dumps(document))
    if arguments.out:
        arguments.out.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
