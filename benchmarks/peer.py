"""The same training by two programs: toile's loop, and `transformers.Trainer` with PEFT.

    python -m benchmarks.train --peer trainer --out benchmarks/results/train_peer_2cores_2026-12-01.json
    python -m benchmarks.peer --program trainer --model small --steps 10      # one program, its figures as JSON

Both train the same model class with the same random weights and LoRA adapters on the same examples in the same order,
with the same AdamW, learning rate, clipping and number format. Four programs:

* `toile`: the loop of `toile train` with its default switches;
* `toile, switches off`: the loop alone, with the plain model;
* `trainer`: Trainer with the plain model: logits at all positions, a dense mask, normalized tiles;
* `trainer, toile's model`: Trainer with the switches that belong to the model, not to the loop.

Every program runs in a process of its own, so its peak memory is its own; the programs take turns, round by round, so a
busy machine slows all of them. The first two steps of each process are not timed. The comparison fails where two
programs have different losses.
"""

import argparse
import dataclasses
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import torch

from finetune.adapters import select_trainable
from finetune.benchmark import (
    FULL_SIZE,
    FULL_SIZE_CROPS,
    SYNTHETIC,
    LoadedModel,
    device_name,
    open_sources,
    peak_memory,
    reset_peak_memory,
    run_timed_steps,
    synchronize,
)
from finetune.data_loader import EncodedExample, ExampleLoader
from finetune.data_mix import mix
from finetune.distributed import Ranks
from finetune.model_setup import apply_optimizations, compute_dtype, forward_kwargs, make_trainable
from finetune.phi3v.configuration import Phi3VConfig, full_size_config
from finetune.phi3v.loading import assemble
from finetune.phi3v.modeling import init_weights
from finetune.phi3v.processing import Phi3VProcessor
from finetune.phi3v.tiny import tiny_config, tiny_processor
from schemas.errors import ToileError
from schemas.manifest import versions
from schemas.training import MixSource, OptimiserSpec, SpeedSpec, TrainingSpec

PROGRAMS = ("toile", "toile, switches off", "trainer", "trainer, toile's model")
MODELS = ("tiny", "small", FULL_SIZE)
NUM_WARMUP = 2
CLOSE = 1e-3
"""Largest difference between the programs' losses of a step."""
IMAGE_PX = (448, 448)
SWITCHES_OFF = SpeedSpec(**dict.fromkeys((field.name for field in dataclasses.fields(SpeedSpec)), False))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PeerRun:
    """Figures of one program in one process."""

    losses: Sequence[float]
    """Loss of every step, warm-up included, in nats a token."""
    step_seconds: Sequence[float]
    """Of every step after the warm-up."""
    samples_per_second: float
    """Batch size over the median step."""
    memory_gb: float
    """Peak in 10^9 bytes."""
    memory_of: str
    """device or process."""


def small_config() -> Phi3VConfig:
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


def make_config(model: str) -> Phi3VConfig:
    """Return the configuration of one of `MODELS`."""
    return {"tiny": tiny_config, "small": small_config, FULL_SIZE: full_size_config}[model]()


def make_spec(
    model: str, num_steps: int, *, batch_size: int = 8, num_crops: int = 4, dtype: str = "float32"
) -> TrainingSpec:
    """Return the run of both programs: LoRA with a constant learning rate on images made in memory."""
    return TrainingSpec(
        mix=(MixSource(data=SYNTHETIC),),
        model=model,
        max_steps=num_steps,
        batch_size=batch_size,
        num_crops=num_crops,
        dtype=dtype,
        optimiser=OptimiserSpec(learning_rate=1e-3, schedule="constant"),
    )


def run_program(program: str, spec: TrainingSpec, device: str = "cpu") -> PeerRun:
    """Train for `spec.max_steps` steps with one of `PROGRAMS` and return its figures."""
    config = make_config(spec.model)
    dtype = compute_dtype(spec)
    base = assemble(config, init_weights(config, spec.seed, dtype, device), dtype=dtype, device=device)
    base.name_or_path = base.config._name_or_path = spec.model
    processor = tiny_processor(config, num_crops=spec.num_crops or FULL_SIZE_CROPS)
    ranks = Ranks(device=device)
    if program in ("toile, switches off", "trainer"):
        spec = dataclasses.replace(spec, speed=SWITCHES_OFF)
    reset_peak_memory(device)
    run = _run_toile if program.startswith("toile") else _run_trainer
    losses, seconds = run(base, processor, spec, ranks)
    memory_gb, memory_of = peak_memory(device)
    timed = seconds[NUM_WARMUP:]
    return PeerRun(
        losses=losses,
        step_seconds=timed,
        samples_per_second=spec.batch_size / statistics.median(timed),
        memory_gb=memory_gb,
        memory_of=memory_of,
    )


def _run_toile(
    base: Any, processor: Phi3VProcessor, spec: TrainingSpec, ranks: Ranks
) -> tuple[list[float], list[float]]:
    """Return loss and seconds of every step of toile's loop."""
    model, masters = make_trainable(base, spec, ranks)
    loaded = LoadedModel(model=model, masters=masters, processor=processor)
    timings = list(run_timed_steps(spec, loaded, open_sources(spec, IMAGE_PX), ranks, num_loaders=0))
    return [timing.loss for timing in timings], [timing.seconds for timing in timings]


def _run_trainer(
    base: Any, processor: Phi3VProcessor, spec: TrainingSpec, ranks: Ranks
) -> tuple[list[float], list[float]]:
    """Return loss and seconds of every step of `transformers.Trainer`."""
    from transformers import Trainer, TrainerCallback, TrainingArguments

    # Trainer copies batches to the device as they are: cutting and normalizing images there is toile's loop's.
    spec = dataclasses.replace(spec, speed=dataclasses.replace(spec.speed, picture_bytes=False))
    model = select_trainable(base, spec)
    apply_optimizations(base, spec)
    switches = forward_kwargs(spec)
    sources = open_sources(spec, IMAGE_PX)
    examples = ExampleLoader(sources, processor)
    source, row = mix([each.num_examples for each in sources], [1.0], spec.seed, 0, spec.max_steps * spec.batch_size)
    keys = list(zip(source.tolist(), row.tolist(), strict=True))

    class Examples(torch.utils.data.Dataset[EncodedExample | ToileError]):
        def __len__(self) -> int:
            return len(keys)

        def __getitem__(self, number: int) -> EncodedExample | ToileError:
            return examples[keys[number]]

    class LossTrainer(Trainer):  # type: ignore[misc]
        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            number = None if num_items_in_batch is None else int(num_items_in_batch)
            outputs = model(**inputs, **switches, num_supervised=number)
            return (outputs.loss, outputs) if return_outputs else outputs.loss

    class Recorder(TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.losses: list[float] = []
            self.ends: list[float] = []

        def on_train_begin(self, *_: Any, **__: Any) -> None:
            self.ends.append(time.perf_counter())

        def on_step_end(self, *_: Any, **__: Any) -> None:
            synchronize(ranks.device)
            self.ends.append(time.perf_counter())

        def on_log(self, arguments: Any, state: Any, control: Any, logs: Any = None, **__: Any) -> None:
            if logs and "loss" in logs:
                self.losses.append(float(logs["loss"]))

    recorder = Recorder()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=spec.max_steps,
            per_device_train_batch_size=spec.batch_size,
            learning_rate=spec.optimiser.learning_rate,
            lr_scheduler_type="constant",
            weight_decay=spec.optimiser.weight_decay,
            adam_beta1=spec.optimiser.beta1,
            adam_beta2=spec.optimiser.beta2,
            max_grad_norm=spec.optimiser.max_grad_norm,
            optim="adamw_torch_fused",
            bf16=spec.dtype == "bfloat16",
            use_cpu=ranks.device == "cpu",
            train_sampling_strategy="sequential",
            dataloader_pin_memory=ranks.device != "cpu",
            remove_unused_columns=False,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            seed=spec.seed,
        )
        trainer = LossTrainer(
            model=model.train(),
            args=arguments,
            train_dataset=Examples(),
            data_collator=examples.collate,
            callbacks=[recorder],
        )
        trainer.train()
    seconds = [after - before for before, after in zip(recorder.ends, recorder.ends[1:], strict=False)]
    return recorder.losses, seconds


def compare_programs(model: str, num_rounds: int, num_steps: int) -> dict[str, Any]:
    """Run all programs in turn, each in its own process; return medians over the rounds, and ratios to `trainer`."""
    runs: dict[str, list[dict[str, Any]]] = {program: [] for program in PROGRAMS}
    for _ in range(num_rounds):
        for program in PROGRAMS:
            command = [sys.executable, "-m", "benchmarks.peer", "--program", program, "--model", model]
            command += ["--steps", str(num_steps)]
            answer = subprocess.run(command, capture_output=True, text=True, check=True)
            runs[program].append(json.loads(answer.stdout.splitlines()[-1]))
    steps = zip(*(run["losses"] for several in runs.values() for run in several), strict=True)
    apart = max(max(step) - min(step) for step in steps)
    if apart > CLOSE:
        raise RuntimeError(f"{model}: the programs do not compute the same: losses are {apart:.2g} apart")
    found: dict[str, Any] = {"largest_difference_of_losses": apart}
    for program in PROGRAMS:
        ratios = [
            own["samples_per_second"] / other["samples_per_second"]
            for own, other in zip(runs[program], runs["trainer"], strict=True)
        ]
        losses = runs[program][0]["losses"]
        found[program] = {
            "samples_per_second": round(statistics.median(run["samples_per_second"] for run in runs[program]), 3),
            "ratio_to_trainer": round(statistics.median(ratios), 3),
            "ratios": [round(ratio, 3) for ratio in ratios],
            "memory_gb": round(statistics.median(run["memory_gb"] for run in runs[program]), 3),
            "first_loss": losses[0],
            "last_loss": losses[-1],
        }
    return found


def make_document(num_rounds: int, num_steps: int, models: Sequence[str]) -> dict[str, Any]:
    """Measure all models and return the result with the versions it depends on."""
    return {
        "what": "the same LoRA training by toile and by transformers.Trainer with PEFT, on the CPU in float32",
        "rounds": num_rounds,
        "steps": num_steps,
        "batch_size": make_spec("tiny", 1).batch_size,
        "num_crops": make_spec("tiny", 1).num_crops,
        "picture_px": IMAGE_PX,
        "device": device_name("cpu"),
        "models": {model: compare_programs(model, num_rounds, num_steps) for model in models},
        "versions": versions("torch", "transformers", "peft"),
    }


def main() -> None:
    """Run one program and print its figures as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", choices=PROGRAMS, required=True)
    parser.add_argument("--model", choices=MODELS, default="tiny")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(torch.get_num_threads())
    spec = make_spec(options.model, options.steps, batch_size=options.batch_size, dtype=options.dtype)
    print(json.dumps(dataclasses.asdict(run_program(options.program, spec, options.device))))


if __name__ == "__main__":
    main()
