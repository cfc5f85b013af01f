"""How much faster do the speed switches make training on the CPU, together and each alone?

    python -m benchmarks.train [--rounds 14] > benchmarks/results/train_2cores_DATE.json
    python -m benchmarks.train --peer trainer > benchmarks/results/train_peer_2cores_DATE.json

All variants train the same model with the same weights and data. The plain one does what is common: eager attention
with a dense mask, logits at all positions, empty tiles through the whole vision tower, images as normalized tiles. The
others have all switches on, or one switch; the plain one runs twice, which shows the noise. The variants take their
steps in turn in one process, so a busy machine slows all of them equally. Figures are medians over the rounds, after
two warm-up rounds. The benchmark fails where two variants have different losses. The images fill 2 of 4 tiles. It
leaves out compile (minutes on a CPU), checkpointing (trades time for memory) and cast_once (nothing to cast in
float32): benchmarks/ladder.py has them. `--peer trainer` compares with another program instead: see benchmarks/peer.py.
"""

import argparse
import dataclasses
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

from benchmarks import peer
from benchmarks.peer import small_config
from finetune.benchmark import SYNTHETIC, LoadedModel, StepTiming, device_name, open_sources, run_timed_steps
from finetune.distributed import Ranks
from finetune.model_setup import make_trainable
from finetune.phi3v.loading import assemble
from finetune.phi3v.modeling import init_weights
from finetune.phi3v.tiny import tiny_processor
from schemas.manifest import versions
from schemas.training import MixSource, SpeedSpec, TrainingSpec

RANKS = Ranks(device="cpu")
SWITCHES = (
    "answer_logits", "causal_attention", "real_tiles", "fused_lora", "fused_optimiser", "picture_bytes", "copy_ahead",
)  # fmt: skip
ALL_OFF = SpeedSpec(**dict.fromkeys((field.name for field in dataclasses.fields(SpeedSpec)), False))
NUM_CROPS = 4
IMAGE_PX = (448, 224)
WARMUP = 2
CLOSE = 1e-3
PEER_ROUNDS, PEER_STEPS = 3, 12


def main() -> None:
    """Train all variants in turn and print the result."""
    parser = argparse.ArgumentParser(description="Samples/s of training with the speed switches on, off and alone.")
    parser.add_argument("--rounds", type=int, default=14, help="timed steps of each variant")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--peer", choices=["trainer"], help="compare with transformers.Trainer and PEFT instead")
    options = parser.parse_args()
    if options.peer:
        found = peer.make_document(num_rounds=PEER_ROUNDS, num_steps=PEER_STEPS, models=("tiny", "small"))
        print(json.dumps({"command": " ".join(["python", "-m", "benchmarks.train", *sys.argv[1:]]), **found}, indent=1))
        return
    torch.set_num_threads(torch.get_num_threads())
    speeds = {
        "everything off": ALL_OFF,
        "everything on": dataclasses.replace(ALL_OFF, **dict.fromkeys(SWITCHES, True)),
        **{name: dataclasses.replace(ALL_OFF, **{name: True}) for name in SWITCHES},
        "off, once more": ALL_OFF,
    }
    timings = run_in_turn({name: train_variant(speed, options) for name, speed in speeds.items()}, options.rounds)
    found = {name: summarize_variant(timings[name], timings["everything off"]) for name in speeds}
    for name, each in found.items():
        print(f"{name:18}{each['samples_per_second']:7.2f} samples/s  x{each['ratio']:.2f}", file=sys.stderr)
    print(json.dumps(make_document(found, options), indent=1))


def run_in_turn(variants: dict[str, Iterator[StepTiming]], rounds: int) -> dict[str, list[StepTiming]]:
    """Run one step of each variant in turn, repeatedly. Raises RuntimeError where the losses of a step differ."""
    timings: dict[str, list[StepTiming]] = {name: [] for name in variants}
    for number in range(WARMUP + rounds):
        for name, variant in variants.items():
            timings[name].append(next(variant))
        losses = [found[number].loss for found in timings.values()]
        if max(losses) - min(losses) > CLOSE:
            raise RuntimeError(f"step {number + 1}: the variants do not compute the same: {losses}")
    return timings


def train_variant(speed: SpeedSpec, options: argparse.Namespace) -> Iterator[StepTiming]:
    """Return an iterator over the steps of one variant."""
    spec = TrainingSpec(
        mix=(MixSource(data=SYNTHETIC),),
        max_steps=WARMUP + options.rounds + 1,
        batch_size=options.batch_size,
        num_crops=NUM_CROPS,
        speed=speed,
    )
    config = small_config()
    base = assemble(config, init_weights(config, spec.seed), dtype=torch.float32, device="cpu")
    base.name_or_path = base.config._name_or_path = spec.model
    if not speed.causal_attention:
        for part in (base.config, base.config.vision_config):
            part._attn_implementation = "eager"
    model, masters = make_trainable(base, spec, RANKS)
    loaded = LoadedModel(model=model, masters=masters, processor=tiny_processor(config, num_crops=NUM_CROPS))
    return run_timed_steps(spec, loaded, open_sources(spec, IMAGE_PX), RANKS, 0)


def summarize_variant(timings: list[StepTiming], plain: list[StepTiming]) -> dict[str, Any]:
    """Return medians of one variant, and quartiles of its ratio to the plain one, round by round."""
    seconds = [timing.seconds for timing in timings[WARMUP:]]
    ratios = [before.seconds / after for before, after in zip(plain[WARMUP:], seconds, strict=True)]
    batch = sum(len(rows) for rows in timings[-1].micro_batches)
    lower, ratio, upper = statistics.quantiles(ratios, n=4, method="inclusive")
    return {
        "samples_per_second": round(batch / statistics.median(seconds), 3),
        "median_step_seconds": round(statistics.median(seconds), 5),
        "ratio": round(ratio, 3),
        "ratio_quartiles": [round(lower, 3), round(upper, 3)],
    }


def make_document(found: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Return the result with the versions and settings it depends on."""
    head = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(head, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    with torch.device("meta"):
        from finetune.phi3v.modeling import Phi3VForCausalLM

        parameters = sum(parameter.numel() for parameter in Phi3VForCausalLM(small_config()).parameters())
    return {
        "what": "train", "command": " ".join(["python", "-m", "benchmarks.train", *sys.argv[1:]]),
        "variants": found, "rounds": options.rounds,
        "batch_size": options.batch_size, "parameters": parameters, "picture_px": IMAGE_PX, "num_crops": NUM_CROPS,
        "device": device_name("cpu"), "commit": commit.stdout.strip(),
        "versions": versions("torch", "transformers", "peft"),
    }  # fmt: skip


if __name__ == "__main__":
    main()
