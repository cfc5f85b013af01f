"""Does the published size work: write, read, generate, score, train one step? In what time and memory?

    python -m benchmarks.full_size FOLDER [--device cpu] [--size full] > benchmarks/results/full_size_HOST_DATE.json

FOLDER gets a checkpoint of 4,146,621,440 random parameters in bfloat16 (8.3 GB; used again where it exists) and a small
catalog. Every part runs in its own process, so its memory peak is its own. Nothing is downloaded. Messages go to
stderr, one JSON document to stdout.
"""

import argparse
import json
import multiprocessing
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from finetune.phi3v import load_model, save_model
from finetune.phi3v.configuration import full_size_config
from finetune.phi3v.loading import assemble, base_fingerprint
from finetune.phi3v.modeling import init_weights
from finetune.phi3v.tiny import tiny_config, tiny_processor
from finetune.run_dir import load_run
from finetune.train import train
from generator.catalog.shards import GenerateInputs, write_shards
from schemas.answer import PROMPT
from schemas.documents import read_document
from schemas.manifest import versions
from schemas.training import MixSource, OptimiserSpec, TrainingSpec
from schemas.validation import preset_path

CANDIDATES = [f"Product: Belted coat, Category: {name}, Full Price:" for name in ("Coats", "Bags", "Shoes", "Scarves")]


def main() -> None:
    """Run the parts one after the other and print their results."""
    parser = argparse.ArgumentParser(description="The full pipeline at the published size, with random weights.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", choices=["full", "tiny"], default="full", help="tiny tests the script itself")
    arguments = parser.parse_args()
    parts: list[tuple[str, Callable[[Path, str, str], dict[str, Any]]]] = [
        ("write", write), ("fingerprint", fingerprint), ("load", load), ("generate", generate),
        ("logprob", logprob), ("train_one_step", train_one_step),
    ]  # fmt: skip
    found = {}
    for name, part in parts:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found[name] = pool.apply(measure_part, (part, arguments.folder, arguments.device, arguments.size))
        print(name, found[name], file=sys.stderr, flush=True)
    document = {
        "what": "full_size", "command": " ".join(["python", "-m", "benchmarks.full_size", *sys.argv[1:]]),
        "size": arguments.size,
        "device": arguments.device, "parts": found, **describe_environment(),
    }  # fmt: skip
    print(json.dumps(document, indent=1))


def measure_part(
    part: Callable[[Path, str, str], dict[str, Any]], folder: Path, device: str, size: str
) -> dict[str, Any]:
    """Return a part's result, its seconds, and its peak memory in GB (on the CPU with the pages of mapped files)."""
    began = time.monotonic()
    found = part(folder, device, size)
    found["seconds"] = round(time.monotonic() - began, 1)
    found["peak_gb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9, 2)
    if device.startswith("cuda"):
        found["peak_gpu_gb"] = round(torch.cuda.max_memory_allocated() / 1e9, 2)
    return found


def write(folder: Path, device: str, size: str) -> dict[str, Any]:
    """Write the checkpoint, unless it exists, and a catalog of 60 products."""
    model_folder = folder / size
    if not (model_folder / "config.json").is_file():
        config = full_size_config() if size == "full" else tiny_config()
        model = assemble(config, init_weights(config, 0, torch.bfloat16), dtype=torch.bfloat16, device="cpu")
        save_model(model, tiny_processor(config, num_crops=1), model_folder)
    preset = preset_path("demo", "catalog")
    assert preset is not None
    document = read_document(preset)
    inputs = GenerateInputs(spec_document=document, seed=1, start=0, num_products=60, image_size=112)
    write_shards(inputs, folder / "catalog")
    files = sorted(model_folder.glob("*.safetensors"))
    return {"files": len(files), "gb": round(sum(path.stat().st_size for path in files) / 1e9, 2)}


def fingerprint(folder: Path, device: str, size: str) -> dict[str, Any]:
    """Read every byte."""
    return {"sha256": base_fingerprint(folder / size)}


def load(folder: Path, device: str, size: str) -> dict[str, Any]:
    """Compare names, shapes and types, and map the weights."""
    model, _ = load_model(folder / size, dtype=None, device=device)
    tensors = model.state_dict()
    return {"tensors": len(tensors), "parameters": sum(tensor.numel() for tensor in tensors.values())}


def generate(folder: Path, device: str, size: str) -> dict[str, Any]:
    """Generate two greedy tokens after an image with and without cache; check that another image changes the logits."""
    model, processor = load_model(folder / size, dtype=None, device=device)
    batch = batch_of(processor, Image.effect_mandelbrot((300, 400), (-2, -1.5, 1, 1.5), 50).convert("RGB"), device)
    width = batch["input_ids"].shape[1]
    with torch.inference_mode():
        ids = model.generate(**batch, max_new_tokens=2, min_new_tokens=2, do_sample=False)
        other = batch_of(processor, Image.new("RGB", (300, 400), "red"), device)
        logits = [model(**each, logits_to_keep=1).logits[0, -1].float() for each in (batch, other)]
    return {
        "positions": width, "ids": ids[0, width:].tolist(),
        "first_is_argmax": int(logits[0].argmax()) == int(ids[0, width]),
        "largest_difference_to_another_image": round(float((logits[0] - logits[1]).abs().max()), 3),
    }  # fmt: skip


def logprob(folder: Path, device: str, size: str) -> dict[str, Any]:
    """Score four answers of about twenty tokens after one prefill."""
    model, processor = load_model(folder / size, dtype=None, device=device)
    batch = batch_of(processor, Image.new("RGB", (300, 400), "red"), device)
    found = model.logprob([[processor.encode_plain(text) for text in CANDIDATES]], **batch)[0]
    return {"logprobs": [round(value, 3) for value in found.tolist()]}


def train_one_step(folder: Path, device: str, size: str) -> dict[str, Any]:
    """Train one LoRA step on one example with the training loop: rank 16 on the decoder, bfloat16 base."""
    spec = TrainingSpec(
        mix=(MixSource(data=str(folder / "catalog")),), model=str(folder / size), max_steps=1, batch_size=1,
        dtype="bfloat16", num_crops=1, optimiser=OptimiserSpec(learning_rate=1e-4),
    )  # fmt: skip
    out = folder / f"adapter-{size}"
    train(spec, out, device=device, force=True, say=lambda text: print(text, file=sys.stderr))
    record = load_run(out / "run.json")
    return {"loss": record.first_loss, "train_seconds": record.seconds}


def batch_of(processor: Any, image: Image.Image, device: str) -> dict[str, torch.Tensor]:
    """Return the question about one image, on the device, pixels in bfloat16."""
    batch = processor([PROMPT], [[image]], padding_side="left")
    return {
        name: tensor.to(device, torch.bfloat16) if tensor.is_floating_point() else tensor.to(device)
        for name, tensor in batch.items()
    }


def describe_environment() -> dict[str, Any]:
    """Return the machine and the versions."""
    head = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(head, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return {
        "commit": commit.stdout.strip(), "machine": platform.machine(), "threads": torch.get_num_threads(),
        "versions": versions("torch", "transformers", "peft"),
    }  # fmt: skip


if __name__ == "__main__":
    main()
