"""How much faster do the speed switches make training on the CPU, together and each alone?

    python -m benchmarks.train [--rounds 14] > benchmarks/results/train_2cores_DATE.json

All variants train the same model with the same weights and data. The plain one does what is common: eager attention
with a dense mask, logits at all positions, empty tiles through the whole vision tower, images as normalized tiles. The
others have all switches on, or one switch; the plain one runs twice, which shows the noise. The variants take their
steps in turn in one process, so a busy machine slows all of them equally. Figures are medians over the rounds, after
two warm-up rounds. The benchmark fails where two variants have different losses. The images fill 2 of 4 tiles. It
leaves out compile (minutes on a CPU), checkpointing (trades time for memory) and cast_once (nothing to cast in
float32): benchmarks/ladder.py has them.

    python -m benchmarks.train --peer trainer > benchmarks/results/train_peer_2cores_DATE.json

compares with `transformers.Trainer` and PEFT instead, on two models: the same weights, adapters, batches, optimizer,
schedule and float32. `ours` is this project's loop with all switches on; `trainer` is Trainer as people use it;
`trainer, our switches` is Trainer around the model with its switches on, which leaves the difference of the loops
alone. Each takes its steps in a process of its own, in turn and repeatedly, so that memory is that of one of them. The
benchmark fails where two of them have different losses.
"""

import argparse
import dataclasses
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

from finetune.benchmark import (
    SYNTHETIC,
    LoadedModel,
    StepTiming,
    device_name,
    open_sources,
    peak_memory,
    reset_peak_memory,
    run_timed_steps,
)
from finetune.data_loader import ExampleLoader, raise_if_error
from finetune.data_mix import mix
from finetune.distributed import Ranks
from finetune.model_setup import forward_kwargs, make_trainable
from finetune.phi3v.configuration import Phi3VConfig
from finetune.phi3v.loading import assemble
from finetune.phi3v.modeling import Phi3VForCausalLM, init_weights
from finetune.phi3v.tiny import tiny_config, tiny_processor
from schemas.manifest import versions
from schemas.training import MixSource, OptimiserSpec, SpeedSpec, TrainingSpec

RANKS = Ranks(device="cpu")
SWITCHES = (
    "answer_logits", "causal_attention", "real_tiles", "fused_lora", "fused_optimiser", "picture_bytes", "copy_ahead",
)  # fmt: skip
ALL_OFF = SpeedSpec(**dict.fromkeys((field.name for field in dataclasses.fields(SpeedSpec)), False))
NUM_CROPS = 4
IMAGE_PX = (448, 224)
WARMUP = 2
CLOSE = 1e-3


def main() -> None:
    """Train all variants in turn and print the result."""
    parser = argparse.ArgumentParser(description="Samples/s of training with the speed switches on, off and alone.")
    parser.add_argument("--rounds", type=int, default=14, help="timed steps of each variant")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--peer", choices=["trainer"], help="compare with transformers.Trainer instead")
    parser.add_argument("--repeats", type=int, default=3, help="processes of each side of a comparison")
    parser.add_argument("--side", nargs=2, metavar=("MODEL", "SIDE"), help="one process of a comparison")
    options = parser.parse_args()
    torch.set_num_threads(torch.get_num_threads())
    if options.side:
        model, side = options.side
        print(json.dumps(dataclasses.asdict(run_side(model, side, options.rounds, options.batch_size))))
        return
    if options.peer:
        print(json.dumps(compare_with_trainer(options), indent=1))
        return
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
    config = make_config()
    base = assemble(config, init_weights(config, spec.seed), dtype=torch.float32, device="cpu")
    base.name_or_path = base.config._name_or_path = spec.model
    if not speed.causal_attention:
        for part in (base.config, base.config.vision_config):
            part._attn_implementation = "eager"
    model, masters = make_trainable(base, spec, RANKS)
    loaded = LoadedModel(model=model, masters=masters, processor=tiny_processor(config, num_crops=NUM_CROPS))
    return run_timed_steps(spec, loaded, open_sources(spec, IMAGE_PX), RANKS, 0)


def make_config() -> Phi3VConfig:
    """Return sizes between tiny and full size, with the published vocabulary: 21 million parameters."""
    tiny = tiny_config()
    tower = tiny.vision_config.to_dict() | {"hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 6}
    return Phi3VConfig(
        vocab_size=32064,
        hidden_size=256,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=8,
        num_key_value_heads=8,
        max_position_embeddings=tiny.max_position_embeddings,
        original_max_position_embeddings=tiny.original_max_position_embeddings,
        rope_parameters=dict(tiny.rope_parameters),
        sliding_window=tiny.sliding_window,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=3,
        vision_config=tower,
    )


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


SIDES = ("ours", "trainer", "trainer, our switches")
MODELS: dict[str, Callable[[], Phi3VConfig]] = {"tiny": tiny_config, "20M": lambda: make_config()}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SideResult:
    """What one process of a comparison measured."""

    seconds: list[float]
    """Of each step, warm-up included."""
    cpu_seconds: list[float]
    """Of each step, of all threads: other programs on the machine hardly change it."""
    losses: list[float]
    memory_gb: float
    """Peak resident memory of the steps in 10^9 bytes."""
    memory_before_gb: float
    """Resident peak with everything loaded, before the first step."""


def compare_with_trainer(options: argparse.Namespace) -> dict[str, Any]:
    """Return figures of every side and model. Raises RuntimeError where losses differ."""
    models: dict[str, dict[str, Any]] = {}
    for model in MODELS:
        runs: dict[str, list[SideResult]] = {side: [] for side in SIDES}
        for _ in range(options.repeats):
            for side in SIDES:
                runs[side].append(run_process(model, side, options))
        losses = [run.losses for several in runs.values() for run in several]
        apart = max(max(step) - min(step) for step in zip(*losses, strict=True))
        if apart > CLOSE:
            raise RuntimeError(f"{model}: the sides do not compute the same: losses are {apart:.2g} apart")
        models[model] = {
            "parameters": count_parameters(MODELS[model]()),
            "largest_difference_of_losses": float(f"{apart:.2g}"),
            "loss_first_to_last": [round(losses[0][0], 4), round(losses[0][-1], 4)],
            "sides": {side: summarize_side(runs[side], runs["trainer"], options.batch_size) for side in SIDES},
        }
        for side, each in models[model]["sides"].items():
            rate, ratio, cpu = each["samples_per_second"], each["ratio"], each["cpu_ratio"]
            figures = f"{rate:8.2f} samples/s  x{ratio:.2f}  CPU x{cpu:.2f}  {each['peak_memory_gb']:.2f} GB"
            print(f"{model:5} {side:22}{figures}", file=sys.stderr)
    return {"what": "train_peer", **describe_setting(options), "repeats": options.repeats, "models": models}


def run_process(model: str, side: str, options: argparse.Namespace) -> SideResult:
    """Run one side in a process of its own."""
    sizes = ["--rounds", str(options.rounds), "--batch-size", str(options.batch_size)]
    command = [sys.executable, "-m", "benchmarks.train", *sizes, "--side", model, side]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{model}, {side}: {done.stderr[-2000:]}")
    return SideResult(**json.loads(done.stdout.splitlines()[-1]))


def run_side(model: str, side: str, rounds: int, batch_size: int) -> SideResult:
    """Take all steps of one side in this process."""
    config = MODELS[model]()
    spec = TrainingSpec(
        mix=(MixSource(data=SYNTHETIC),),
        max_steps=WARMUP + rounds,
        batch_size=batch_size,
        num_crops=NUM_CROPS,
        optimiser=OptimiserSpec(learning_rate=2e-3),
        speed=ALL_OFF if side == "trainer" else dataclasses.replace(ALL_OFF, **dict.fromkeys(SWITCHES, True)),
    )
    base = assemble(config, init_weights(config, spec.seed), dtype=torch.float32, device="cpu")
    base.name_or_path = base.config._name_or_path = spec.model
    network, masters = make_trainable(base, spec, RANKS)
    loaded = LoadedModel(model=network, masters=masters, processor=tiny_processor(config, num_crops=NUM_CROPS))
    before, _ = peak_memory("cpu")
    reset_peak_memory("cpu")
    if side == "ours":
        seconds, losses, cpu = [], [], [time.process_time()]
        for timing in run_timed_steps(spec, loaded, open_sources(spec, IMAGE_PX), RANKS, 0):
            seconds.append(timing.seconds)
            losses.append(timing.loss)
            cpu.append(time.process_time())
    else:
        seconds, losses, cpu = run_trainer(spec, loaded)
    memory, _ = peak_memory("cpu")
    used = [later - earlier for earlier, later in itertools.pairwise(cpu)]
    return SideResult(seconds=seconds, cpu_seconds=used, losses=losses, memory_gb=memory, memory_before_gb=before)


def run_trainer(spec: TrainingSpec, loaded: LoadedModel) -> tuple[list[float], list[float], list[float]]:
    """Train with `transformers.Trainer` on the same examples in the same order.

    Returns seconds and loss of each step, and the process time before the first and after each step.
    """
    from transformers import Trainer, TrainerCallback, TrainingArguments

    sources = open_sources(spec, IMAGE_PX)
    sizes = [source.num_examples for source in sources]
    source, row = mix(sizes, [entry.weight for entry in spec.mix], spec.seed, 0, spec.max_steps * spec.batch_size)
    keys = list(zip(source.tolist(), row.tolist(), strict=True))
    loader = ExampleLoader(sources, loaded.processor)
    losses: list[float] = []
    ends: list[float] = []
    cpu: list[float] = []

    class Rows(torch.utils.data.Dataset[Any]):
        def __len__(self) -> int:
            return len(keys)

        def __getitem__(self, index: int) -> Any:
            return loader[keys[index]]

    def collate(rows: list[Any]) -> dict[str, Any]:
        return {**raise_if_error(loader.collate(rows)), **forward_kwargs(spec)}

    class Recorder(TrainerCallback):  # type: ignore[misc]  # transformers is untyped
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            ends.append(time.perf_counter())
            cpu.append(time.process_time())

        on_step_end = on_train_begin

    class RecordingTrainer(Trainer):  # type: ignore[misc]
        def compute_loss(self, model: Any, inputs: Any, *_: Any, **__: Any) -> Any:
            loss = model(**inputs).loss
            losses.append(float(loss.detach()))
            return loss

    optimiser = spec.optimiser
    with tempfile.TemporaryDirectory() as folder:
        settings = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=spec.batch_size,
            max_steps=spec.max_steps,
            learning_rate=optimiser.learning_rate,
            lr_scheduler_type=optimiser.schedule,
            warmup_steps=optimiser.warmup_steps,
            weight_decay=optimiser.weight_decay,
            adam_beta1=optimiser.beta1,
            adam_beta2=optimiser.beta2,
            max_grad_norm=optimiser.max_grad_norm,
            optim="adamw_torch_fused",
            train_sampling_strategy="sequential",
            remove_unused_columns=False,
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            use_cpu=True,
            seed=spec.seed,
        )
        RecordingTrainer(
            model=loaded.model, args=settings, train_dataset=Rows(), data_collator=collate, callbacks=[Recorder()]
        ).train()
    return [later - earlier for earlier, later in itertools.pairwise(ends)], losses, cpu


def summarize_side(runs: list[SideResult], others: list[SideResult], batch_size: int) -> dict[str, Any]:
    """Return medians over all steps of all processes, and ratios to the other side, process by process."""
    seconds = statistics.median(each for run in runs for each in run.seconds[WARMUP:])
    cpu_seconds = statistics.median(each for run in runs for each in run.cpu_seconds[WARMUP:])
    pairs = list(zip(runs, others, strict=True))
    ratios = [median_after_warmup(other.seconds) / median_after_warmup(run.seconds) for run, other in pairs]
    cpu_ratios = [median_after_warmup(other.cpu_seconds) / median_after_warmup(run.cpu_seconds) for run, other in pairs]
    return {
        "samples_per_second": round(batch_size / seconds, 3),
        "median_step_seconds": round(seconds, 5),
        "median_step_cpu_seconds": round(cpu_seconds, 5),
        "ratio": round(statistics.median(ratios), 3),
        "ratio_of_each_repeat": [round(ratio, 3) for ratio in ratios],
        "cpu_ratio": round(statistics.median(cpu_ratios), 3),
        "cpu_ratio_of_each_repeat": [round(ratio, 3) for ratio in cpu_ratios],
        "peak_memory_gb": round(statistics.median(run.memory_gb for run in runs), 3),
        "memory_before_steps_gb": round(statistics.median(run.memory_before_gb for run in runs), 3),
    }


def median_after_warmup(steps: list[float]) -> float:
    """Return the median of the steps that count."""
    return statistics.median(steps[WARMUP:])


def count_parameters(config: Phi3VConfig) -> int:
    """Return the parameters of a model without its adapters."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in Phi3VForCausalLM(config).parameters())


def make_document(found: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Return the result with the versions and settings it depends on."""
    return {
        "what": "train",
        **describe_setting(options),
        "variants": found,
        "parameters": count_parameters(make_config()),
    }


def describe_setting(options: argparse.Namespace) -> dict[str, Any]:
    """Return command, sizes, device, commit and versions."""
    head = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(head, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return {
        "command": " ".join(["python", "-m", "benchmarks.train", *sys.argv[1:]]),
        "rounds": options.rounds,
        "batch_size": options.batch_size,
        "picture_px": IMAGE_PX,
        "num_crops": NUM_CROPS,
        "device": device_name("cpu"),
        "commit": commit.stdout.strip(),
        "versions": versions("torch", "transformers", "peft", "accelerate"),
    }


if __name__ == "__main__":
    main()
