"""How much memory does a row of training need at the published size? Bytes that autograd keeps for the backward pass.

    python -m benchmarks.memory --out benchmarks/results/memory_2cores_2026-12-01.json

A GPU is not needed: the decoder has the published width, but 1 and 2 layers, in bfloat16 on the CPU. Every layer keeps
the same bytes, so the bytes of 32 layers follow by a straight line; a third point tests the line at 4 crops. Counted
are the storages that autograd holds when the loss is computed, without parameters. A GPU's allocator, temporary
buffers and other attention kernels come on top. The vision tower is frozen and has 2 of its 24 layers: it keeps
nothing.
"""

import argparse
import dataclasses
import gc
import json
from pathlib import Path
from typing import Any

import torch

from finetune.benchmark import make_synthetic_source
from finetune.data_loader import ExampleLoader, unpack_images
from finetune.distributed import Ranks
from finetune.model_setup import forward_kwargs, make_trainable
from finetune.phi3v.configuration import full_size_config
from finetune.phi3v.loading import assemble
from finetune.phi3v.modeling import init_weights
from finetune.phi3v.tiny import tiny_processor
from schemas.manifest import versions
from schemas.training import LoraSpec, MixSource, SpeedSpec, TrainingSpec

NUM_LAYERS = 32
MEASURED_LAYERS = (1, 2, 3)
LINE_CROPS = 4
IMAGE_PX = 1344
"""Edge of the images: large enough for 16 crops."""
RUNS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "LoRA, rank 16": ((1, 4, 16), {}),
    "LoRA, rank 16, checkpointing": ((1, 4, 16), {"speed": SpeedSpec(checkpointing=True)}),
    "LoRA, rank 64": ((1,), {"lora": LoraSpec(rank=64)}),
    "full, frozen vision tower": ((1, 4), {"method": "full", "freeze": ("vision",)}),
}
"""Name -> numbers of crops, and changes of the training spec."""


def kept_bytes(spec: TrainingSpec, num_layers: int) -> tuple[int, int, int]:
    """Return the bytes kept for the backward pass of one row, trained parameters, and the row's positions."""
    config = full_size_config()
    config.num_hidden_layers = num_layers
    config.vision_config.num_hidden_layers = 2
    base = assemble(config, init_weights(config, 0, torch.bfloat16, "cpu"), dtype=torch.bfloat16, device="cpu")
    base.name_or_path = base.config._name_or_path = "full-size"
    model, masters = make_trainable(base, spec, Ranks())
    processor = tiny_processor(config, num_crops=spec.num_crops or 1)
    examples = ExampleLoader([make_synthetic_source(IMAGE_PX, IMAGE_PX)], processor)
    batch = examples.collate([examples[0, 0]])
    assert isinstance(batch, dict), batch
    moved = unpack_images(batch, processor)
    moved = {name: each.bfloat16() if each.is_floating_point() else each for name, each in moved.items()}
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}

    def count(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        loss = model(**moved, **forward_kwargs(spec)).loss
    assert loss.requires_grad
    trained = sum(master.numel() for master in masters.by_name.values())
    return sum(kept.values()), trained, int(batch["attention_mask"].sum())


def extrapolate(values: dict[int, int]) -> tuple[int, float | None]:
    """Return the value at `NUM_LAYERS` on the line through two points, and the third point's deviation."""
    first, second, third = (values.get(number) for number in MEASURED_LAYERS)
    assert first is not None
    assert second is not None
    slope = second - first
    off = None if third is None else abs(third - (second + slope)) / third
    return first + slope * (NUM_LAYERS - 1), off


def measure() -> dict[str, Any]:
    """Measure every run at every number of crops."""
    found: dict[str, Any] = {}
    for name, (numbers, changes) in RUNS.items():
        for crops in numbers:
            plain = TrainingSpec(
                mix=(MixSource(data="synthetic"),), max_steps=1, dtype="bfloat16", num_crops=crops, model="full-size"
            )
            spec = dataclasses.replace(plain, **changes)
            layers = MEASURED_LAYERS if crops == LINE_CROPS else MEASURED_LAYERS[:2]
            measured = {}
            for number in layers:
                measured[number] = kept_bytes(spec, number)
                gc.collect()  # a graph with hooks is a cycle: it holds gigabytes
            kept, deviation = extrapolate({number: values[0] for number, values in measured.items()})
            trained, _ = extrapolate({number: values[1] for number, values in measured.items()})
            found.setdefault(name, {})[f"{crops} crops"] = {
                "kept_gb_per_row": round(kept / 1e9, 3),
                "third_layer_off_the_line": None if deviation is None else round(deviation, 5),
                "positions": measured[1][2],
                "trained_parameters": trained,
                "masters_gradients_moments_gb": round(trained * 16 / 1e9, 3),
            }
            print(name, crops, found[name][f"{crops} crops"], flush=True)
    return found


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    document = {
        "command": f"python -m benchmarks.memory --out {out}",
        "versions": versions("torch", "transformers", "peft"),
        "num_layers": NUM_LAYERS,
        "measured_layers": MEASURED_LAYERS,
        "runs": measure(),
    }
    out.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
