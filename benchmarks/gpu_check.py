"""Everything that only a GPU can tell, in one command of under nine minutes: `scripts/gpu_check.sh [FOLDER]`.

    python -m benchmarks.gpu_check --out FOLDER                 # on a machine with a GPU
    python -m benchmarks.gpu_check --out FOLDER --rehearse      # the same steps on the CPU with small models

`FOLDER/gpu_check.json` is written after every step; another call continues after the last finished one. Needs torch,
transformers and peft only; nothing is downloaded, weights are random. The steps:

* checks: the model and one step of training on the device against the CPU in float32, each speed switch on against off,
  4-bit weights, generation, batches against single rows, FSDP2 with one process. Each has a tolerance and fails alone.
* full size: LoRA at 4 and 16 crops and a full fine-tune with a frozen vision tower, beside their predictions.
* evaluation: answers a second, batched and one by one.
* peer: the same training by `transformers.Trainer` with PEFT.

The exit code is 1 when a check fails or a step ends with an error.
"""

import argparse
import dataclasses
import importlib.util
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.peer import PROGRAMS, make_config, make_spec
from finetune.adapters import select_trainable
from finetune.benchmark import (
    FULL_SIZE,
    FULL_SIZE_CROPS,
    LoadedModel,
    device_name,
    open_sources,
    run_timed_steps,
    synchronize,
)
from finetune.data_loader import ExampleLoader, unpack_images
from finetune.distributed import Ranks, wrap_fsdp
from finetune.model_setup import MasterWeights, compute_dtype, forward_kwargs, make_trainable, quantize_decoder
from finetune.optimizer import backward
from finetune.phi3v.loading import assemble
from finetune.phi3v.modeling import init_weights
from finetune.phi3v.processing import Phi3VProcessor
from finetune.phi3v.tiny import tiny_processor
from schemas.answer import PROMPT
from schemas.manifest import versions
from schemas.training import TrainingSpec

BUDGET_SECONDS = 520.0
"""No step starts later than this after the start of a call."""
STEP_LIMIT_SECONDS = 240.0
NUM_ROWS = 4
NUM_STEPS = 4
IMAGE_PX = (448, 448)
NEW_TOKENS = 24
BFLOAT16_ERROR = 0.03
"""Bound of a relative error (RMS of the difference over RMS of the reference) in bfloat16: 8 bits of mantissa, a few
dozen roundings in sequence."""
FLOAT32_ERROR = 1e-3
"""Bound where both sides compute in float32, in another order."""
GRADIENT_COSINE = 0.99
"""Smallest cosine between bfloat16 gradients and those of the CPU in float32."""
NF4_ERROR = 0.5
"""Bound for 4-bit weights, whose random values are not those of a trained model: a wrong layout gives about 1.4."""


class NotAvailableError(Exception):
    """A library or a device that a check needs is absent."""


class OutOfToleranceError(Exception):
    """A figure of a check is outside its bound."""


@dataclasses.dataclass(slots=True)
class Figures:
    """Figures of one check, each compared with its bound."""

    values: dict[str, float] = dataclasses.field(default_factory=dict)
    failed: list[str] = dataclasses.field(default_factory=list)

    def at_most(self, name: str, value: float, bound: float) -> None:
        """Record a figure that must be finite and not larger than `bound`."""
        self._record(name, value, value <= bound, f"at most {bound:g}")

    def at_least(self, name: str, value: float, bound: float) -> None:
        """Record a figure that must be finite and not smaller than `bound`."""
        self._record(name, value, value >= bound, f"at least {bound:g}")

    def _record(self, name: str, value: float, holds: bool, bound: str) -> None:
        self.values[name] = float(f"{value:.6g}")
        if not (math.isfinite(value) and holds):
            self.failed.append(f"{name} is {value:.4g}, wanted {bound}")


def make_base(spec: TrainingSpec, device: str, dtype: torch.dtype | None = None) -> tuple[Any, Phi3VProcessor]:
    """Return a model with random weights, made on the CPU and moved, and its processor."""
    dtype, config = dtype or compute_dtype(spec), make_config(spec.model)
    base = assemble(config, init_weights(config, spec.seed, torch.float32, "cpu"), dtype=torch.float32, device="cpu")
    base.name_or_path = base.config._name_or_path = spec.model
    return base.to(device=device, dtype=dtype), tiny_processor(config, num_crops=spec.num_crops or FULL_SIZE_CROPS)


def make_batch(spec: TrainingSpec, processor: Phi3VProcessor, device: str, dtype: torch.dtype) -> dict[str, Tensor]:
    """Return a batch of `NUM_ROWS` examples made in memory."""
    examples = ExampleLoader(open_sources(spec, IMAGE_PX), processor)
    batch = examples.collate([examples[0, row] for row in range(NUM_ROWS)])
    assert isinstance(batch, dict), batch
    moved = unpack_images({name: tensor.to(device) for name, tensor in batch.items()}, processor)
    return {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in moved.items()}


def relative_error(found: Tensor, wanted: Tensor) -> float:
    """Return the RMS of the difference over the RMS of `wanted`."""
    found, wanted = found.detach().double().cpu(), wanted.detach().double().cpu()
    return float((found - wanted).norm() / wanted.norm())


def cosine(found: Tensor, wanted: Tensor) -> float:
    """Return the cosine of the angle between two flattened tensors."""
    return float(torch.nn.functional.cosine_similarity(found.double().cpu(), wanted.double().cpu(), dim=0))


@torch.inference_mode()
def logits_of(spec: TrainingSpec, device: str, dtype: torch.dtype) -> Tensor:
    """Return the logits (S, V) before each supervised position, in float32 on the CPU."""
    base, processor = make_base(spec, device, dtype)
    batch = make_batch(spec, processor, device, dtype)
    logits: Tensor = base.eval()(**batch, **forward_kwargs(spec)).logits
    return logits.float().cpu()


def gradients_of(spec: TrainingSpec, device: str) -> tuple[float, Tensor]:
    """Return loss and flattened gradients of one step, in float32 on the CPU."""
    base, processor = make_base(spec, device, torch.float32 if spec.method == "full" else None)
    model, masters = make_trainable(base, spec, Ranks(device=device))
    batch = make_batch(spec, processor, device, compute_dtype(spec))
    num_supervised = int((batch["labels"] >= 0).sum())
    loss = backward(model, masters, [batch], num_supervised, spec, Ranks(device=device))
    found = [master.grad.float().flatten().cpu() for master in masters.by_name.values() if master.grad is not None]
    return float(loss), torch.cat(found)


def losses_of(spec: TrainingSpec, device: str) -> Tensor:
    """Return the losses (`NUM_STEPS`,) of the training loop."""
    base, processor = make_base(spec, device, torch.float32 if spec.method == "full" else None)
    model, masters = make_trainable(base, spec, Ranks(device=device))
    loaded = LoadedModel(model=model, masters=masters, processor=processor)
    return _run_steps(spec, loaded, device)


def _run_steps(spec: TrainingSpec, loaded: LoadedModel, device: str) -> Tensor:
    steps = run_timed_steps(spec, loaded, open_sources(spec, IMAGE_PX), Ranks(device=device), num_loaders=0)
    return torch.tensor([timing.loss for timing in steps])


def with_speed(spec: TrainingSpec, **switches: bool) -> TrainingSpec:
    """Return the spec with some speed switches changed."""
    return dataclasses.replace(spec, speed=dataclasses.replace(spec.speed, **switches))


def check_float32_forward(spec: TrainingSpec, device: str, figures: Figures) -> None:
    """Compare float32 logits on the device with those on the CPU."""
    wanted = logits_of(spec, "cpu", torch.float32)
    figures.at_most("relative_error", relative_error(logits_of(spec, device, torch.float32), wanted), FLOAT32_ERROR)


def check_bfloat16_forward(spec: TrainingSpec, device: str, figures: Figures) -> None:
    """Compare bfloat16 logits on the device with float32 logits on the CPU."""
    wanted = logits_of(spec, "cpu", torch.float32)
    found = logits_of(spec, device, torch.bfloat16)
    figures.at_most("relative_error", relative_error(found, wanted), BFLOAT16_ERROR)


def check_adapter_gradients(spec: TrainingSpec, device: str, figures: Figures) -> None:
    """Compare loss and adapter gradients in bfloat16 on the device with float32 on the CPU."""
    _compare_gradients(spec, device, figures)


def check_full_gradients(spec: TrainingSpec, device: str, figures: Figures) -> None:
    """Compare loss and gradients of all weights in bfloat16 on the device with float32 on the CPU."""
    _compare_gradients(dataclasses.replace(spec, method="full"), device, figures)


def _compare_gradients(spec: TrainingSpec, device: str, figures: Figures) -> None:
    wanted_loss, wanted = gradients_of(spec, "cpu")
    loss, found = gradients_of(dataclasses.replace(spec, dtype="bfloat16"), device)
    figures.at_most("loss_relative_error", abs(loss - wanted_loss) / wanted_loss, BFLOAT16_ERROR)
    figures.at_least("gradient_cosine", cosine(found, wanted), GRADIENT_COSINE)
    figures.at_most("gradient_norm_error", abs(float(found.norm() / wanted.norm()) - 1), BFLOAT16_ERROR)


def check_copy_ahead(spec: TrainingSpec, device: str, figures: Figures) -> None:
    """Compare losses with batches copied on a second stream from pinned memory, and without."""
    _compare_switch(spec, device, figures, "copy_ahead")


def check_fused_optimiser(spec: TrainingSpec, device: str, figures: Figures) -> None:
    """Compare losses with AdamW in one kernel and in many."""
    _compare_switch(spec, device, figures, "fused_optimiser")


def check_fused_lora(spec: TrainingSpec, device: str, figures: Figures) -> None:
    """Compare losses with our in-place adapter product and PEFT's own."""
    _compare_switch(spec, device, figures, "fused_lora")


def check_checkpointing(spec: TrainingSpec, device: str, figures: Figures) -> None:
    """Compare losses with recomputed and with stored activations."""
    _compare_switch(spec, device, figures, "checkpointing")


def check_compile(spec: TrainingSpec, device: str, figures: Figures) -> None:
    """Compare losses under torch.compile with eager ones."""
    _compare_switch(spec, device, figures, "compile")


def _compare_switch(spec: TrainingSpec, device: str, figures: Figures, name: str) -> None:
    off, on = (losses_of(with_speed(spec, **{name: value}), device) for value in (False, True))
    figures.at_most("loss_relative_error", relative_error(on, off), FLOAT32_ERROR)


def check_training_lowers_loss(spec: TrainingSpec, device: str, figures: Figures) -> None:
    """Train in bfloat16 for a few steps: float32 master weights must let small updates through."""
    losses = losses_of(dataclasses.replace(spec, dtype="bfloat16"), device)
    figures.at_most("last_over_first_loss", float(losses[-1] / losses[0]), 0.99)


def check_nf4(spec: TrainingSpec, device: str, figures: Figures) -> None:
    """Compare logits with 4-bit decoder weights and with the weights they were made from."""
    if importlib.util.find_spec("bitsandbytes") is None:
        raise NotAvailableError("bitsandbytes is not installed")
    base, processor = make_base(spec, device, torch.bfloat16)
    batch = make_batch(spec, processor, device, torch.bfloat16)
    with torch.inference_mode():
        wanted = base.eval()(**batch, **forward_kwargs(spec)).logits.float()
    quantize_decoder(base, "nf4", torch.bfloat16)
    with torch.inference_mode():
        found = base.eval()(**batch, **forward_kwargs(spec)).logits.float()
    figures.at_most("relative_error", relative_error(found, wanted), NF4_ERROR)


def generate(
    spec: TrainingSpec, device: str, dtype: torch.dtype, batch_size: int, num_images: int = NUM_ROWS
) -> tuple[list[str], float]:
    """Return greedy answers to images made in memory and the seconds they took, model and first batch excluded."""
    from evaluation.models.phi3v import Phi3VisionBackend

    base, processor = make_base(spec, device, dtype)
    backend = Phi3VisionBackend(base, processor, max_new_tokens=NEW_TOKENS)
    (source,) = open_sources(spec, IMAGE_PX)
    images = [source.example(row).image for row in range(num_images)]
    backend.generate(images[:batch_size], [PROMPT] * len(images[:batch_size]))
    synchronize(device)
    began = time.perf_counter()
    answers = [
        answer.text
        for start in range(0, num_images, batch_size)
        for answer in backend.generate(
            images[start : start + batch_size], [PROMPT] * len(images[start : start + batch_size])
        )
    ]
    synchronize(device)
    return answers, time.perf_counter() - began


def check_generation(spec: TrainingSpec, device: str, figures: Figures) -> None:
    """Compare greedy answers in float32 on the device with those on the CPU."""
    wanted, _ = generate(spec, "cpu", torch.float32, NUM_ROWS)
    found, _ = generate(spec, device, torch.float32, NUM_ROWS)
    figures.at_most("different_answers", sum(a != b for a, b in zip(found, wanted, strict=True)), 0)


def check_batch_invariance(spec: TrainingSpec, device: str, figures: Figures) -> None:
    """Compare greedy answers of a batch in float32 with those of its rows one by one."""
    batched, _ = generate(spec, device, torch.float32, NUM_ROWS)
    single, _ = generate(spec, device, torch.float32, 1)
    figures.at_most("different_answers", sum(a != b for a, b in zip(batched, single, strict=True)), 0)


def check_fsdp_one_process(spec: TrainingSpec, device: str, figures: Figures) -> None:
    """Compare losses of a full fine-tune sharded by FSDP2 over one process with those of the unsharded model."""
    spec = dataclasses.replace(spec, method="full")
    wanted = losses_of(with_speed(spec, cast_once=False), device)
    with process_group_of_one(device):
        base, processor = make_base(spec, device, torch.float32)
        model = wrap_fsdp(select_trainable(base, spec), Ranks(device=device), compute_dtype(spec)).train()
        loaded = LoadedModel(model=model, masters=MasterWeights(model, None), processor=processor)
        found = _run_steps(spec, loaded, device)
    figures.at_most("loss_relative_error", relative_error(found, wanted), FLOAT32_ERROR)


@contextmanager
def process_group_of_one(device: str) -> Iterator[None]:
    """Open a process group whose only member is this process."""
    from torch import distributed  # a group that training never opens

    with tempfile.TemporaryDirectory() as folder:
        backend = "nccl" if device.startswith("cuda") else "gloo"
        distributed.init_process_group(backend, init_method=f"file://{folder}/store", rank=0, world_size=1)
        try:
            yield
        finally:
            distributed.destroy_process_group()


CHECKS: dict[str, Callable[[TrainingSpec, str, Figures], None]] = {
    name.removeprefix("check_"): function
    for name, function in list(globals().items())
    if name.startswith("check_") and callable(function)
}
"""Name -> check of a spec on a device."""


def run_check(name: str, spec: TrainingSpec, device: str) -> dict[str, Any]:
    """Run one check and return its figures; raise OutOfToleranceError or NotAvailableError."""
    figures = Figures()
    torch.manual_seed(0)
    CHECKS[name](spec, device, figures)
    if figures.failed:
        raise OutOfToleranceError("; ".join(figures.failed))
    return figures.values


def check_spec(model: str) -> TrainingSpec:
    """Return the run that all checks are variations of: float32 LoRA of a small model."""
    return make_spec(model, NUM_STEPS, batch_size=NUM_ROWS)


def measure_evaluation(model: str, device: str, dtype: torch.dtype, num_images: int, batch_size: int) -> dict[str, Any]:
    """Return answers a second, batched and one by one, of a model whose answers all have `NEW_TOKENS` tokens."""
    spec = make_spec(model, 1)
    _, batched = generate(spec, device, dtype, batch_size, num_images)
    _, single = generate(spec, device, dtype, 1, num_images)
    return {
        "num_images": num_images,
        "new_tokens": NEW_TOKENS,
        "batch_size": batch_size,
        "batched_rows_per_second": num_images / batched,
        "single_rows_per_second": num_images / single,
        "ratio": single / batched,
    }


def make_steps(out: Path, rehearse: bool, device: str) -> dict[str, list[str]]:
    """Return the steps that run in processes of their own: name -> arguments of Python."""
    program = ["-m", "benchmarks.gpu_check", "--out", str(out), *(["--rehearse"] if rehearse else [])]
    model = "tiny" if rehearse else FULL_SIZE
    peer = ["-m", "benchmarks.peer", "--model", model, "--device", device, "--steps", "4" if rehearse else "8"]
    peer += ["--dtype", "float32" if rehearse else "bfloat16", "--batch-size", "4" if rehearse else "8"]
    targets = ("lora_4_crops_without_compile", "full_4_crops", "lora_16_crops", "lora_4_crops")
    ladder = ["-m", "benchmarks.ladder", "--out", str(out / "ladder.json")]
    ladder += ["--tiny", "--steps", "1", "--warmup", "1", "--batch-size", "2"] if rehearse else ["--steps", "5"]
    return {
        **{f"check {name}": [*program, "--only", f"check {name}"] for name in CHECKS},
        "evaluation": [*program, "--only", "evaluation"],
        **{f"peer {name}": [*peer, "--program", name] for name in PROGRAMS if name != "toile, switches off"},
        **{f"full size target_{name}": [*ladder, "--rungs", f"target_{name}"] for name in targets},
    }


def run_one(name: str, rehearse: bool, device: str) -> dict[str, Any]:
    """Run one step of this module in this process."""
    if name == "evaluation":
        if rehearse:
            return measure_evaluation("tiny", device, torch.float32, num_images=4, batch_size=4)
        return measure_evaluation(FULL_SIZE, device, torch.bfloat16, num_images=64, batch_size=32)
    return run_check(name.removeprefix("check "), check_spec("tiny" if rehearse else "small"), device)


def run_step(name: str, arguments: Sequence[str], out: Path) -> dict[str, Any]:
    """Run a step in its own process; return its state and figures."""
    began = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, timeout=STEP_LIMIT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return {"state": "error", "problem": f"not finished after {STEP_LIMIT_SECONDS:.0f} s"}
    found: dict[str, Any] = {"seconds": round(time.monotonic() - began, 1)}
    if done.returncode:
        return {**found, "state": "error", "problem": done.stderr.strip()[-800:]}
    if name.startswith("full size "):
        rung = json.loads((out / "ladder.json").read_text())["rungs"][name.removeprefix("full size ")]
        state = {"state": "error", "problem": rung["error"]} if "error" in rung else {"state": "measured"}
        return {**found, **state, "figures": rung}
    figures = json.loads(done.stdout.splitlines()[-1])
    outcome = {key: figures.pop(key) for key in ("state", "problem") if key in figures}
    return {"state": "measured", **found, **outcome, "figures": figures}


def run_all(out: Path, rehearse: bool, device: str, budget: float) -> dict[str, Any]:
    """Run all steps that `out` has no result of, and write the document after each."""
    out.mkdir(parents=True, exist_ok=True)
    path, began = out / "gpu_check.json", time.monotonic()
    document: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {"steps": {}}
    document |= {
        "what": "checks and measurements of training and evaluation" + (", rehearsed on the CPU" if rehearse else ""),
        "command": " ".join(["python", "-m", "benchmarks.gpu_check", *sys.argv[1:]]),
        "device": device_name(device),
        "versions": versions("torch", "transformers", "peft", "bitsandbytes"),
    }
    for name, arguments in make_steps(out, rehearse, device).items():
        if name in document["steps"]:
            continue
        if time.monotonic() - began > budget:
            print(f"{name}: not started, the time is up; the same command continues", file=sys.stderr)
            break
        document["steps"][name] = found = run_step(name, arguments, out)
        path.write_text(json.dumps(document, indent=1) + "\n")
        print(format_step(name, found), file=sys.stderr, flush=True)
    return document


def format_step(name: str, found: dict[str, Any]) -> str:
    """Return one step as a line of text."""
    figures = found.get("figures", {})
    shown = {key: value for key, value in figures.items() if isinstance(value, int | float) and value is not True}
    keys = ("samples_per_second", "memory_gb", "share_of_peak", "ratio", "batched_rows_per_second")
    chosen = {key: shown[key] for key in keys if key in shown} or dict(list(shown.items())[:3])
    text = "  ".join(f"{key} {value:.4g}" for key, value in chosen.items())
    return f"{name:44}{found['state']:14}{found.get('problem', text)[:200]}"


def main() -> None:
    """Run everything, or one step in this process, and print its figures as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for gpu_check.json, continued if it is there")
    parser.add_argument("--rehearse", action="store_true", help="on the CPU with small models")
    parser.add_argument("--only", help="one step, in this process")
    parser.add_argument("--budget", type=float, default=BUDGET_SECONDS, help="seconds after which no step starts")
    options = parser.parse_args()
    device = "cpu" if options.rehearse else "cuda"
    if device == "cuda" and not torch.cuda.is_available():
        sys.exit("this machine has no GPU that torch can use; --rehearse runs the same steps on the CPU")
    os.environ.setdefault("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "0")
    if options.only is None:
        document = run_all(options.out, options.rehearse, device, options.budget)
        wrong = [name for name, found in document["steps"].items() if found["state"] in ("failed", "error")]
        print(f"{len(document['steps'])} steps, {len(wrong)} failed: {options.out}/gpu_check.json")
        sys.exit(1 if wrong else 0)
    found: dict[str, Any]
    try:
        found = run_one(options.only, options.rehearse, device)
        found["state"] = "passed" if options.only.startswith("check ") else "measured"
    except OutOfToleranceError as error:
        found = {"state": "failed", "problem": str(error)}
    except NotAvailableError as error:
        found = {"state": "not available", "problem": str(error)}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
