"""How much does each speed-up of training gain on one GPU, and is training as fast as predicted?

    python -m benchmarks.ladder --out ladder_h200_DATE.json [--rungs NAME ...] [--budget 480]
    python -m benchmarks.ladder --out tried.json --tiny

Each rung adds one thing to the rung before, from what is common to everything together; the last rungs have targets.
Every rung has a prediction with its reason, written before the measurement. Weights are random (nothing is downloaded),
images are made in memory. Where a step does not fit into memory, the micro-batch is halved until it does, and the file
records it. The file is written after each rung; another call with the same file measures the missing rungs, or again
those that --rungs names. Needs only torch, transformers and peft.
"""

import argparse
import dataclasses
import gc
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from finetune.benchmark import (
    FULL_SIZE,
    SYNTHETIC,
    TOO_LITTLE_MEMORY,
    device_name,
    measure_matmul_peak,
    measure_throughput,
)
from schemas.errors import ToileError
from schemas.manifest import versions
from schemas.training import MixSource, SpeedSpec, TrainingSpec

ALL_OFF = SpeedSpec(**dict.fromkeys((each.name for each in dataclasses.fields(SpeedSpec)), False))
ALL_ON = SpeedSpec(compile=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One addition to the rung before."""

    name: str
    why: str
    """Reason for the prediction."""
    ratio: tuple[float, float] | None = None
    """Predicted samples/s over those of the rung before: from, to."""
    samples_per_second: float | None = None
    """Predicted."""
    target: float | None = None
    """Target in samples/s, independent of the prediction."""
    changes: dict[str, Any] = field(default_factory=dict)
    """Fields of the TrainingSpec."""
    speed: dict[str, bool] = field(default_factory=dict)
    """Speed switches."""
    fresh: bool = False
    """Start from all switches on, with 4 crops, instead of from the rung before."""


RUNGS = (
    Rung(
        name="everything_off_16_crops",
        samples_per_second=4.0,
        why="67 TFLOP executed a sample (47 and the decoder's forward again) at a third of 790 TFLOP/s; a dense mask",
        changes={"num_crops": 16},
        speed={"checkpointing": True},
    ),
    Rung(
        name="4_crops",
        ratio=(3.0, 3.6),
        why="14.2 instead of 47.7 TFLOP a sample, and less attention among 817 than among 2,569 positions",
        changes={"num_crops": 4},
    ),
    Rung(
        name="no_checkpointing",
        ratio=(1.27, 1.43),
        why="6 of 20 TFLOP are the second forward of the decoder",
        speed={"checkpointing": False},
    ),
    Rung(
        name="cast_once",
        ratio=(1.15, 1.4),
        why="adapters in float32 cast every layer's input up and every product down: memory traffic, no arithmetic",
        speed={"cast_once": True},
    ),
    Rung(
        name="causal_attention",
        ratio=(1.05, 1.35),
        why="a mask bars the flash kernel; 1.25 to 1.35 is said of eager attention, masked sdpa is between",
        speed={"causal_attention": True},
    ),
    Rung(
        name="answer_logits",
        ratio=(1.02, 1.05),
        why="817 x 32,064 logits a sample in two formats, for 30 that count",
        speed={"answer_logits": True},
    ),
    Rung(
        name="fused_lora",
        ratio=(1.05, 1.12),
        why="three passes fewer over each product's output; before compile, which fuses them itself",
        speed={"fused_lora": True},
    ),
    Rung(
        name="compile",
        ratio=(1.08, 1.22),
        why="norms, rotations and gates fused: 1.15 to 1.27 of plain layers, some of it taken by fused_lora",
        speed={"compile": True},
    ),
    Rung(
        name="real_tiles",
        ratio=(1.0, 1.02),
        why="square pictures fill all 5 crops, so only the tower's last layer goes: 0.08 of 14 TFLOP",
        speed={"real_tiles": True},
    ),
    Rung(
        name="picture_bytes",
        ratio=(1.0, 1.1),
        why="a fifth of the bytes between processes; nothing where 8 loaders keep up",
        speed={"picture_bytes": True},
    ),
    Rung(
        name="copy_ahead",
        ratio=(1.0, 1.08),
        why="collecting and copying 32 pictures no longer lies between two steps",
        speed={"copy_ahead": True},
    ),
    Rung(
        name="fused_optimiser",
        ratio=(1.0, 1.02),
        why="25 million adapter weights are nothing beside 4.1 billion",
        speed={"fused_optimiser": True},
    ),
    Rung(
        name="target_lora_4_crops",
        samples_per_second=28.0,
        target=28.0,
        why="half of 790 TFLOP/s over 14.2 TFLOP: what the best published LoRA recipes reach on one H100",
        fresh=True,
    ),
    Rung(
        name="target_lora_4_crops_without_compile",
        ratio=(0.8, 1.0),
        why="fused_lora in place of compile, for those who do not want to wait for it",
        fresh=True,
        speed={"compile": False},
    ),
    Rung(
        name="target_lora_16_crops",
        samples_per_second=8.3,
        target=8.4,
        why="half of 790 TFLOP/s over 47.7 TFLOP; 10 GB of activations a sample",
        changes={"num_crops": 16, "micro_batch_size": 8},
        fresh=True,
    ),
    Rung(
        name="target_full_4_crops",
        samples_per_second=19.6,
        target=19.0,
        why="half of 790 TFLOP/s over 20.1 TFLOP, with the vision tower frozen; 23.8 and 16.6 where it is trained",
        changes={"method": "full", "freeze": ("vision",), "micro_batch_size": 8},
        fresh=True,
    ),
)


def main() -> None:
    """Measure the rungs and write the file after each."""
    parser = argparse.ArgumentParser(description="The ladder of speed-ups, each predicted and measured.")
    parser.add_argument("--out", type=Path, required=True, help="JSON file, continued if it is there")
    parser.add_argument("--rungs", nargs="+", choices=[rung.name for rung in RUNGS], help="only these, also again")
    parser.add_argument("--budget", type=float, default=480.0, help="seconds after which no rung is begun")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--micro-batch-size", type=int, help="tried first; the whole batch by default")
    parser.add_argument("--steps", type=int, default=7)
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--device", default="cuda")
    parser.add_argument(
        "--tiny", action="store_true", help="the tiny model on the CPU without compile, to test the script"
    )
    measure_missing_rungs(parser.parse_args())


def measure_missing_rungs(options: argparse.Namespace) -> None:
    """Measure all requested rungs that the file lacks."""
    began = time.monotonic()
    device = "cpu" if options.tiny else options.device
    document = json.loads(options.out.read_text()) if options.out.is_file() else {}
    peak = document.get("peak_tflops") or measure_matmul_peak(device, torch.bfloat16, [256] if options.tiny else None)
    document = {
        "what": "ladder", "command": " ".join(["python", "-m", "benchmarks.ladder", *sys.argv[1:]]),
        "tiny": options.tiny,
        "device": device_name(device), "peak_tflops": peak, "versions": versions("torch", "transformers", "peft"),
        "rungs": document.get("rungs", {}),
    }  # fmt: skip
    print(f"{document['device']}: {peak:.4g} TFLOP/s in square bfloat16 products", file=sys.stderr, flush=True)
    for rung, spec in zip(RUNGS, make_specs(options), strict=True):
        wanted = rung.name in options.rungs if options.rungs else rung.name not in document["rungs"]
        if not wanted:
            continue
        if time.monotonic() - began > options.budget:
            print(f"{rung.name} and the following rungs: not measured in this call", file=sys.stderr)
            break
        document["rungs"][rung.name] = measure_rung(rung, spec, options, peak, device)
        check_predictions(document["rungs"])
        options.out.write_text(json.dumps(document, indent=1) + "\n")
        print(format_rung(rung.name, document["rungs"][rung.name]), file=sys.stderr, flush=True)


def make_specs(options: argparse.Namespace) -> list[TrainingSpec]:
    """Return the spec of each rung."""
    base = TrainingSpec(
        mix=(MixSource(data=SYNTHETIC),),
        max_steps=1,
        model="tiny" if options.tiny else FULL_SIZE,
        dtype="bfloat16",
        batch_size=options.batch_size,
        micro_batch_size=options.micro_batch_size,
        num_crops=4,
        speed=ALL_OFF,
    )
    found = []
    reached = base
    for rung in RUNGS:
        before = dataclasses.replace(base, speed=ALL_ON) if rung.fresh else reached
        reached = dataclasses.replace(before, **rung.changes, speed=dataclasses.replace(before.speed, **rung.speed))
        found.append(reached)
    return found


def measure_rung(
    rung: Rung, spec: TrainingSpec, options: argparse.Namespace, peak: float, device: str
) -> dict[str, Any]:
    """Return a rung's figures, or its error; use smaller micro-batches where memory is too small."""
    if options.tiny:
        spec = dataclasses.replace(spec, speed=dataclasses.replace(spec.speed, compile=False))
    micro = min(spec.micro_batch_size or spec.batch_size, spec.batch_size)
    too_large: list[int] = []
    found: dict[str, Any] = {"prediction": prediction_record(rung), "too_large_micro_batches": too_large}
    began = time.monotonic()
    while micro:
        if spec.speed.compile:
            torch._dynamo.reset()
        if device.startswith("cuda"):
            gc.collect()
            torch.cuda.empty_cache()
        try:
            figures = measure_throughput(
                dataclasses.replace(spec, micro_batch_size=micro),
                image_px=(64, 64) if options.tiny else (672, 672),
                num_steps=options.steps,
                num_warmup=options.warmup,
                device=device,
                num_loaders=0 if options.tiny else None,
                peak_tflops=peak,
            )
        except (ToileError, RuntimeError) as error:  # torch's compiler raises RuntimeErrors
            if isinstance(error, ToileError) and TOO_LITTLE_MEMORY in error.problem:
                too_large.append(micro)
                micro //= 2
                continue
            return {**found, "error": " ".join(f"{type(error).__name__}: {error}".split())[:500]}
        seconds = round(time.monotonic() - began, 1)
        return {**found, "micro_batch_size": micro, "seconds": seconds, **dataclasses.asdict(figures)}
    return {**found, "error": "not even one example fits into memory"}


def prediction_record(rung: Rung) -> dict[str, Any]:
    """Return the prediction as it was written."""
    return {"ratio": rung.ratio, "samples_per_second": rung.samples_per_second, "target": rung.target, "why": rung.why}


def check_predictions(rungs: dict[str, Any]) -> None:
    """Record for each rung whether its prediction held: a ratio within its bounds, a rate at most 5 % too low."""
    for before, rung in zip([None, *RUNGS], RUNGS, strict=False):
        found = rungs.get(rung.name, {})
        now = found.get("samples_per_second")
        if now is None:
            continue
        then = rungs.get(before.name, {}).get("samples_per_second") if before else None
        if rung.ratio:
            found["ratio"] = now / then if then else None
            found["held"] = rung.ratio[0] <= now / then <= rung.ratio[1] if then else None
        elif rung.samples_per_second:
            found["held"] = now >= 0.95 * rung.samples_per_second
        if rung.target:
            found["target_reached"] = now >= rung.target


def format_rung(name: str, found: dict[str, Any]) -> str:
    """Return one rung as a line of text."""
    if "error" in found:
        return f"{name:38}{found['error']}"
    ratio = f"x{found['ratio']:.2f}" if found.get("ratio") else ""
    return (
        f"{name:38}{found['samples_per_second']:8.3g} samples/s {ratio:6} {found['tflops']:7.4g} TFLOP/s "
        f"({found['share_of_peak']:.1%})  {found['memory_gb']:.1f} GB  micro-batch {found['micro_batch_size']}  "
        f"waiting {found['waiting_share']:.1%}  {format_prediction(found['prediction'])}"
    )


def format_prediction(prediction: dict[str, Any]) -> str:
    """Return the prediction in a few characters."""
    ratio: Sequence[float] | None = prediction["ratio"]
    return f"predicted x{ratio[0]}-{ratio[1]}" if ratio else f"predicted {prediction['samples_per_second']}/s"


if __name__ == "__main__":
    main()
