"""One training run, from a spec to an adapter or a checkpoint: a plain loop that can be killed and continued.

The loss of a step is the sum over its supervised tokens divided by their number in the whole step, so neither
micro-batches nor answer lengths change it (transformers issue 34191 is what happens otherwise). On one processor the
same run gives the same bits, continued or not.
"""

import contextlib
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from finetune.adapters import base_record, load_model, prepare
from finetune.checkpoints import load_state, remove_states, save_state
from finetune.collate import ExampleLoader
from finetune.mixing import ExampleSource, check_currencies, find_source, mix, open_source, seen_rows
from finetune.phi3v import save_model
from finetune.phi3v.processing import Phi3VProcessor
from finetune.run_folder import claim_run, finish_run, run_inputs, write_seen
from finetune.tracking import open_tracker
from schemas.border import storage_errors
from schemas.errors import ToileError
from schemas.training import OptimiserSpec, RunRecord, TrainingSpec

LOG = "log.jsonl"
VALIDATION_EXAMPLES = 256
"""At most so many examples, evenly from the validation splits of the mix, make the validation loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """What a progress bar shows of a step."""

    step: int
    num_new: int
    """Steps since the last report: 1, and more at first when a run continues."""
    loss: float
    samples_per_second: float


def train(
    spec: TrainingSpec,
    out: Path,
    *,
    device: str | None = None,
    num_loaders: int = 0,
    force: bool = False,
    report: Callable[[StepReport], None] = lambda step: None,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[RunRecord, bool]:
    """Train as the spec says; the folders of its mix are paths. Returns the run's record, and False if it was finished.

    `out` becomes a PEFT folder (method lora) or a checkpoint under the published names (method full), with `run.json`,
    `log.jsonl` and `seen.parquet` beside it. An unfinished run of the same inputs continues after its last checkpoint.
    `num_loaders` processes decode pictures ahead; 0 decodes in this one.
    """
    sources = [open_source(Path(source.data), "train") for source in spec.mix]
    check_currencies(sources)
    for source in sources:
        incomplete = f"{source.num_skipped} rows without title, category, price or picture"
        say(f"{source.folder}: {source.num_examples} examples, {incomplete}")
    inputs = run_inputs(spec, sources, base_record(spec.model, spec.seed, say))
    finished = claim_run(out, inputs, force=force)
    if finished is not None:
        return finished, False
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(torch.get_num_threads())  # said aloud, MKL may not use fewer on a busy machine: other sums
    model, processor = load_trainable(spec, device)
    say(memory_estimate(model, device))
    optimiser = make_optimiser(model, spec.optimiser, device)
    num_done, losses = load_state(out, model, optimiser)
    if num_done:
        say(f"continuing after step {num_done}")
    keep_log(out / LOG, num_done)
    tracker = open_tracker(spec.tracking, inputs, out)
    began = time.monotonic()
    model.train()
    steps = step_batches(spec, sources, processor, num_done, num_loaders)
    with out_of_memory(device), (out / LOG).open("a", encoding="utf-8") as log:
        for step, batches in enumerate(steps, start=num_done + 1):
            step_began = time.monotonic()
            torch.manual_seed(spec.seed * 1_000_003 + step)  # dropout: the same after a restart
            rate = learning_rate(spec.optimiser, step, spec.max_steps)
            for group in optimiser.param_groups:
                group["lr"] = rate
            num_supervised = sum(int((batch["labels"] >= 0).sum()) for batch in batches)
            loss = torch.zeros((), device=device)
            optimiser.zero_grad(set_to_none=True)
            for batch in batches:
                on_device = {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}
                with mixed_precision(spec, device):
                    part = model(**on_device, supervised_only=True, num_supervised=num_supervised).loss
                part.backward()
                loss += part.detach()
            gradient_norm = nn.utils.clip_grad_norm_(trained(model), spec.optimiser.max_grad_norm)
            value = float(loss)
            check_finite(value, float(gradient_norm), step, out)
            optimiser.step()
            losses.append(value)
            seconds = time.monotonic() - step_began
            figures: dict[str, Any] = {
                "step": step,
                "loss": value,
                "learning_rate": rate,
                "gradient_norm": float(gradient_norm),
                "supervised_tokens": num_supervised,
                "samples_per_second": spec.batch_size / seconds,
                "seconds": round(seconds, 4),
            }
            if spec.validate_every and step % spec.validate_every == 0:
                figures["validation_loss"] = validation_loss(model, processor, spec, device)
            with storage_errors(out / LOG):
                log.write(json.dumps(figures) + "\n")
                log.flush()
            tracker.log(figures, step)
            num_new = step if step == num_done + 1 else 1
            report(StepReport(step=step, num_new=num_new, loss=value, samples_per_second=spec.batch_size / seconds))
            if step % spec.checkpoint_every == 0 and step < spec.max_steps:
                save_state(out, model, optimiser, step, losses)
    seconds = time.monotonic() - began
    final = validation_loss(model, processor, spec, device)
    tracker.log({"validation_loss": final}, spec.max_steps)
    tracker.finish()
    save_trained(model, processor, spec, out)
    write_seen(out, seen_rows(sources))
    record = RunRecord(
        finished=True,
        inputs=inputs,
        num_steps=spec.max_steps,
        num_examples={str(source.folder): source.num_examples for source in sources},
        num_skipped={str(source.folder): source.num_skipped for source in sources},
        versions={},
        seconds=round(seconds, 3),
        samples_per_second=round((spec.max_steps - num_done) * spec.batch_size / max(seconds, 1e-9), 2),
        first_loss=float(np.mean(losses[:10])),
        last_loss=float(np.mean(losses[-10:])),
        validation_loss=final,
    )
    finish_run(out, record)
    remove_states(out)
    return record, True


@contextlib.contextmanager
def out_of_memory(device: str) -> Iterator[None]:
    """A device that cannot hold a step's activations is a ToileError."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise ToileError(device, "has too little memory for a step", "set a smaller micro_batch_size") from error


def keep_log(path: Path, num_done: int) -> None:
    """Drop the lines of steps that will be done again: a killed run logged beyond its last checkpoint."""
    if not path.is_file():
        return
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
    kept = [line for line in lines if json.loads(line)["step"] <= num_done]
    with storage_errors(path):
        temporary = path.with_suffix(".part")
        temporary.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        temporary.replace(path)


def load_trainable(spec: TrainingSpec, device: str) -> tuple[Any, Phi3VProcessor]:
    """The model with the right parameters trainable. What is trained is float32, what is frozen as the spec says."""
    dtype = torch.float32 if spec.method == "full" else getattr(torch, spec.dtype)
    model, processor = load_model(spec.model, dtype=dtype, device=device, seed=spec.seed)
    if spec.num_crops is not None:
        processor.num_crops = spec.num_crops
    return prepare(model, spec), processor


def trained(model: nn.Module) -> list[nn.Parameter]:
    """The parameters that move."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def memory_estimate(model: nn.Module, device: str) -> str:
    """What weights, gradients and AdamW's two moments take, as a sentence; too much for a GPU is a ToileError.

    Activations come on top: they depend on pictures and batch.
    """
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    moving = sum(p.numel() for p in trained(model))
    total = weights + moving * (4 + 8)
    if device.startswith("cuda"):
        free = torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_allocated(device)
        if total > free:
            problem = f"needs {total / 2**30:.1f} GiB before activations, {free / 2**30:.1f} GiB are free"
            raise ToileError(device, problem, "train with method: lora, or dtype: bfloat16")
    return f"{moving:,} trained parameters; {total / 2**30:.2f} GiB before activations (weights, gradients, AdamW)"


def make_optimiser(model: nn.Module, optimiser: OptimiserSpec, device: str) -> torch.optim.Optimizer:
    """AdamW over the trained parameters; no decay on vectors (norms, biases, separators)."""
    decayed = [parameter for parameter in trained(model) if parameter.ndim >= 2]
    others = [parameter for parameter in trained(model) if parameter.ndim < 2]
    groups = [{"params": decayed, "weight_decay": optimiser.weight_decay}, {"params": others, "weight_decay": 0.0}]
    betas = (optimiser.beta1, optimiser.beta2)
    return torch.optim.AdamW(
        [group for group in groups if group["params"]], lr=optimiser.learning_rate, betas=betas, fused=True
    )


def learning_rate(optimiser: OptimiserSpec, step: int, num_steps: int) -> float:
    """The rate of step 1, 2, ..., num_steps: a linear warm-up, then constant or falling to 0 just after the end."""
    peak, warmup = optimiser.learning_rate, optimiser.warmup_steps
    if step <= warmup:
        return peak * step / warmup
    done = (step - 1 - warmup) / max(num_steps - warmup, 1)
    if optimiser.schedule == "constant":
        return peak
    return peak * (1 - done) if optimiser.schedule == "linear" else peak * (1 + math.cos(math.pi * done)) / 2


def mixed_precision(spec: TrainingSpec, device: str) -> torch.autocast:
    """bfloat16 arithmetic on float32 weights where the spec asks for it, else nothing."""
    return torch.autocast(device.split(":")[0], dtype=torch.bfloat16, enabled=spec.dtype == "bfloat16")


def step_batches(
    spec: TrainingSpec, sources: list[ExampleSource], processor: Phi3VProcessor, num_done: int, num_loaders: int
) -> Iterator[list[dict[str, Tensor]]]:
    """The micro-batches of each step after the first `num_done`."""
    sizes = [source.num_examples for source in sources]
    first, last = num_done * spec.batch_size, spec.max_steps * spec.batch_size
    source, row = mix(sizes, [entry.weight for entry in spec.mix], spec.seed, first, last)
    places = list(zip(source.tolist(), row.tolist(), strict=True))
    size = min(spec.micro_batch_size or spec.batch_size, spec.batch_size)
    steps = [places[start : start + spec.batch_size] for start in range(0, len(places), spec.batch_size)]
    micro = [step[start : start + size] for step in steps for start in range(0, len(step), size)]
    examples = ExampleLoader(sources, processor)
    loader: DataLoader[Any] = DataLoader(
        examples,  # type: ignore[arg-type]  # indexed by (source, row), which the batch sampler gives
        batch_sampler=micro,
        collate_fn=examples.collate,
        num_workers=num_loaders,
        prefetch_factor=4 if num_loaders else None,
        persistent_workers=False,
    )
    per_step = -(-spec.batch_size // size)
    batches = iter(loader)
    for _ in range(len(steps)):
        yield [whole(next(batches)) for _ in range(per_step)]


def whole(batch: dict[str, Tensor] | ToileError) -> dict[str, Tensor]:
    """The batch, or the error of one of its examples, raised here."""
    if isinstance(batch, ToileError):
        raise batch
    return batch


def check_finite(loss: float, gradient_norm: float, step: int, out: Path) -> None:
    """A loss or gradient that is no number ends the run before it can spoil the weights."""
    if not (math.isfinite(loss) and math.isfinite(gradient_norm)):
        problem = f"the loss is {loss} and the gradient norm {gradient_norm}"
        hint = f"lower optimiser.learning_rate; the last checkpoint is in {out}/resume"
        raise ToileError(f"step {step}", problem, hint)


@torch.no_grad()
def validation_loss(model: Any, processor: Phi3VProcessor, spec: TrainingSpec, device: str) -> float | None:
    """Mean loss a token on the mix's validation rows; None when no folder has any."""
    found = [find_source(Path(entry.data), "validation") for entry in spec.mix]
    sources = [source for source in found if source is not None]
    if not sources:
        return None
    loader = ExampleLoader(sources, processor)
    each = max(1, VALIDATION_EXAMPLES // len(sources))
    places = [
        (number, int(row))
        for number, source in enumerate(sources)
        for row in np.unique(np.linspace(0, source.num_examples - 1, min(each, source.num_examples)).astype(int))
    ]
    size = spec.micro_batch_size or spec.batch_size
    total, count = 0.0, 0
    model.eval()
    for start in range(0, len(places), size):
        batch = whole(loader.collate([loader[place] for place in places[start : start + size]]))
        num = int((batch["labels"] >= 0).sum())
        with mixed_precision(spec, device):
            loss = model(**{k: v.to(device) for k, v in batch.items()}, supervised_only=True).loss
        total, count = total + float(loss) * num, count + num
    model.train()
    return total / count


def save_trained(model: Any, processor: Phi3VProcessor, spec: TrainingSpec, out: Path) -> None:
    """An adapter as a PEFT folder, or everything as a checkpoint."""
    with storage_errors(out):
        if spec.method == "lora":
            model.save_pretrained(out, save_embedding_layers=False)  # "auto" would ask the hub about the base
        else:
            save_model(model, processor, out)
