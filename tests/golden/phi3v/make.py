"""Write tiny.json: numbers of the tiny model (seed 0) on a test image, to detect drift.

    python -m tests.golden.phi3v.make

They depend on the seed's weights, on the tokenizer, on tiling and on every part of the model.
`tests/finetune/phi3v/test_tiny.py` compares them with a tolerance; a commit that changes them explains why.
"""

import json
from pathlib import Path
from typing import Any

import torch

from finetune.phi3v import load_model
from tests.finetune.phi3v.test_processing import PROMPT
from tests.finetune.phi3v.test_tiling import make_image

GOLDEN = Path(__file__).with_name("tiny.json")
ANSWER = "Product: Cropped Quilted Nylon Jacket, Category: QUILTED JACKETS, Full Price: 1350.0"


def compute_numbers() -> dict[str, Any]:
    """Return ids, pixels, image vectors and logits, the loss of prompt and answer, and greedy ids after the prompt."""
    model, processor = load_model("tiny", seed=0)
    image = make_image(150, 200)
    batch = processor([PROMPT + ANSWER + "<|end|>"], [[image]])
    prompt = processor([PROMPT], [[image]], padding_side="left")
    start = prompt["input_ids"].shape[1]
    labels = batch["input_ids"].clone()
    labels[:, :start] = -100
    with torch.no_grad():
        output = model(**batch, labels=labels)
        vectors = model.model.vision_embed_tokens(batch["pixel_values"], [(1, 1)])
        generated = model.generate(**prompt, max_new_tokens=6, min_new_tokens=6, do_sample=False)
    return {
        "input_ids": batch["input_ids"][0].tolist(),
        "pixels": round_values(batch["pixel_values"][0, :, :, 5::31, 3::37]),
        "vectors": round_values(vectors[::5, :6]),
        "logits": round_values(output.logits[0, ::9, ::201]),
        "loss": round_values(output.loss),
        "generated_ids": generated[0, start:].tolist(),
    }


def round_values(values: torch.Tensor) -> Any:
    """Return nested lists of values rounded to six decimal places, far below the tolerance."""
    return [round_values(value) for value in values] if values.dim() else round(float(values), 6)


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(compute_numbers(), separators=(",", ":")) + "\n", encoding="utf-8")
