"""Train a model from a run spec to an adapter or a checkpoint: a plain loop that can be killed and continued.

    record, _ = train("run.yaml", out="runs/first")

On one processor the same run gives the same bits, whether it was interrupted or not. One step is in
`finetune.optimizer`, its batches in `finetune.data_loader`, the faster ways to compute in `finetune.model_setup`. The
validation loss decides which weights are the best and when to stop; answers to a few images are something to look at.
"""

import contextlib
import dataclasses
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from finetune.adapters import describe_base, model_folders, resolve_start
from finetune.checkpoint import Checkpointer, Progress, remove_checkpoints
from finetune.data_loader import (
    ExampleLoader,
    Prefetcher,
    chunk_starts,
    length_multiple,
    micro_batch_size,
    raise_if_error,
    step_batches,
    unpack_images,
)
from finetune.data_mix import Source, find_source, open_mix, seen_rows
from finetune.distributed import Ranks, full_state_dict, init_process_group, wrap_ddp
from finetune.model_setup import MasterWeights, forward_kwargs, is_sharded, load_trainable, mixed_precision
from finetune.optimizer import forward_backward, learning_rate, make_optimizer, optimizer_step
from finetune.phi3v import save_model
from finetune.phi3v.loading import weight_write_errors
from finetune.phi3v.processing import Phi3VProcessor
from finetune.run_dir import (
    RUN,
    earlier_runs,
    finish_run,
    load_run,
    open_log,
    open_or_resume,
    run_inputs,
    training_name,
    write_seen,
)
from finetune.tracking import LoggedExample, NullTracker, open_tracker, write_examples
from schemas.answer import PROMPT, render
from schemas.errors import ToileError
from schemas.training import MixSource, RunRecord, TrainingSpec
from schemas.util.locks import run_lock
from schemas.validation import list_presets, load

MAX_VALIDATION_ROWS = 256
"""Rows of the validation loss, evenly from the validation splits of the mix."""
NUM_ANSWERS = 8
ANSWER_BATCH_SIZE = 8
MAX_NEW_TOKENS = 96
MAX_LOADERS = 8
_AVERAGED_STEPS = 10
"""Steps whose mean is the first and the last loss of the record; a short run averages over its halves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """What a progress bar shows after a step."""

    step: int
    num_new: int
    """Steps since the last report: 1, and more for the first report of a continued run."""
    loss: float
    samples_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRun:
    """A run with everything it needs."""

    spec: TrainingSpec
    out: Path
    ranks: Ranks
    inputs: dict[str, Any]
    """What decides the weights, as in `run.json`; empty on all processes but the first."""
    sources: Sequence[Source]
    validation: Sequence[Source]
    model: Any
    masters: MasterWeights
    processor: Phi3VProcessor
    optimizer: torch.optim.Optimizer
    checkpointer: Checkpointer
    num_loaders: int
    auto_batch: bool
    """Whether the micro-batch is halved where memory is too small for a step."""
    say: Callable[[str], None]


def train(
    spec: TrainingSpec | Path | str,
    out: Path | str,
    *,
    device: str | None = None,
    num_loaders: int | None = None,
    auto_batch: bool = False,
    force: bool = False,
    report: Callable[[StepReport], None] = lambda step: None,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[RunRecord, bool]:
    """Train as the spec, or the run file, says. Return the run's record, and False if it was finished before.

    `out` becomes a PEFT folder (method lora) or a checkpoint under the published names (method full), with `run.json`,
    `log.jsonl` and `seen.parquet`. An unfinished run of the same inputs continues after its last checkpoint; `force`
    replaces another run. `device` None selects a GPU where there is one. `num_loaders` worker processes decode images
    ahead; 0 decodes in this process, None chooses. `auto_batch` halves the micro-batch of a run on one process where a
    step does not fit into the device's memory, and repeats the step. The processes that torchrun started share the
    work. Raises ToileError for whatever a user can fix.
    """
    spec = spec if isinstance(spec, TrainingSpec) else load_run_spec(Path(spec))
    out = Path(out)
    check_choices(spec)
    with init_process_group(device) as ranks, run_lock(out, enabled=ranks.first):
        say = say if ranks.first else lambda text: None
        sources = open_mix(spec.mix, "train")
        for source in sources:
            incomplete = f"{source.num_skipped} rows without title, category, price or image"
            say(f"{source.folder}: {source.num_examples} examples, {incomplete}")
        inputs: dict[str, Any] = {}
        finished, was_started = None, False
        if ranks.first:
            was_started = (out / RUN).is_file() and not force
            inputs = run_inputs(resolve_start(spec), sources, describe_base(spec.model, spec.seed, say))
            finished = open_or_resume(out, inputs, force=force)
            if finished:
                remove_checkpoints(out)  # a kill just after the record left them
        if ranks.total(finished is not None):
            return finished or load_run(out / RUN), False
        torch.set_num_threads(torch.get_num_threads())  # set explicitly, MKL may not use fewer when busy: other sums
        validation = open_validation(spec)
        model, masters, processor = load_trainable(spec, ranks, say)
        optimizer = make_optimizer(masters, spec.optimiser, spec.speed.fused_optimiser)
        sharded = is_sharded(spec, ranks)
        checkpointer = Checkpointer(out=out, masters=masters, optimizer=optimizer, ranks=ranks, sharded=sharded)
        run = TrainingRun(
            spec=spec,
            out=out,
            ranks=ranks,
            inputs=inputs,
            sources=sources,
            validation=validation,
            model=model,
            masters=masters,
            processor=processor,
            optimizer=optimizer,
            checkpointer=checkpointer,
            num_loaders=default_loaders(ranks) if num_loaders is None else num_loaders,
            auto_batch=auto_batch,
            say=say,
        )
        progress = checkpointer.load()
        if progress.step:
            say(f"{out}: continuing after step {progress.step:,} of {spec.max_steps:,}")
        elif was_started:
            say(f"{out}: the earlier run stopped before its first checkpoint, so this one begins with step 1")
        return train_loop(run, progress, report), True


def load_run_spec(
    path: Path,
    *,
    model: str | None = None,
    mix: Sequence[MixSource] = (),
    max_steps: int | None = None,
) -> TrainingSpec:
    """Read a run file; `model`, `mix` and `max_steps` replace its own where they are given.

    Returns a spec whose mix has paths as seen from the working folder: those of the file are relative to the file. A
    name that is not a path may be that of a shipped preset.
    """
    spec = load(path, "training")
    entries, folder = (mix, Path()) if mix else (spec.mix, path.parent)
    changes: dict[str, Any] = {"model": model, "max_steps": max_steps}
    return dataclasses.replace(
        spec,
        mix=tuple(dataclasses.replace(entry, data=_resolve_data(entry.data, folder)) for entry in entries),
        **{name: value for name, value in changes.items() if value is not None},
    )


def _resolve_data(data: str, folder: Path) -> str:
    """Return the path of a mix entry relative to `folder`, or of a shipped preset where that path does not exist."""
    path = folder / data
    preset = None if path.exists() else list_presets("catalog").get(data)
    return str(preset or path)


def train_loop(run: TrainingRun, progress: Progress, report: Callable[[StepReport], None]) -> RunRecord:
    """Train from `progress` to the end, save the weights and return the record."""
    spec, ranks, num_before = run.spec, run.ranks, progress.step
    model = run.model if run.checkpointer.sharded else wrap_ddp(run.model, ranks)
    prefetcher = open_prefetcher(run, num_before)
    tracker = open_tracker(spec.tracking, run.inputs, run.out, num_before) if ranks.first else NullTracker()
    began = last_saved = time.monotonic()
    with (
        checkpoint_on_out_of_memory(run.checkpointer, progress),
        open_log(run.out, num_before, first=ranks.first) as log,
    ):
        while progress.step < spec.max_steps and not 0 < spec.patience <= progress.since_best:
            step_began, step = time.perf_counter(), progress.step + 1
            try:
                result = forward_backward(model, run.masters, prefetcher, step, run.spec, ranks)
            except torch.OutOfMemoryError:
                if not can_halve(run):
                    raise
                result = None
            if result is None:  # here, because the error holds the step's tensors
                run = halve_micro_batch(run)
                prefetcher = open_prefetcher(run, progress.step)
                continue
            check_finite(result.loss, result.gradient_norm, run.checkpointer, progress)
            rate = learning_rate(spec.optimiser, step, spec.max_steps)
            optimizer_step(run.masters, run.optimizer, rate)
            progress.step = step
            progress.losses.append(result.loss)
            seconds = time.perf_counter() - step_began
            metrics: dict[str, Any] = {
                "step": step,
                "loss": result.loss,
                "learning_rate": rate,
                "gradient_norm": result.gradient_norm,
                "supervised_tokens": result.num_supervised,
                "samples_per_second": spec.batch_size / seconds,
                "seconds": round(seconds, 4),
                "waited": round(result.waited, 4),
            }
            if spec.validate_every and step % spec.validate_every == 0:
                metrics["validation_loss"] = validate(run, progress)
            log(metrics)
            tracker.log(metrics, step)
            num_new = step if step == num_before + 1 else 1
            samples_per_second = spec.batch_size / seconds
            report(StepReport(step=step, num_new=num_new, loss=result.loss, samples_per_second=samples_per_second))
            minutes = (time.monotonic() - last_saved) / 60
            due = spec.checkpoint_minutes is not None and ranks.any(minutes >= spec.checkpoint_minutes)
            if (due or step % spec.checkpoint_every == 0) and step < spec.max_steps:
                run.checkpointer.save(progress)
                last_saved = time.monotonic()
    seconds = time.monotonic() - began
    window = max(1, min(_AVERAGED_STEPS, len(progress.losses) // 2))
    final = final_loss(run, progress)
    tracker.log({"validation_loss": final}, progress.step)
    record = RunRecord(
        finished=True,
        inputs=run.inputs,
        num_steps=progress.step,
        num_examples={str(source.folder): source.num_examples for source in run.sources},
        num_skipped={str(source.folder): source.num_skipped for source in run.sources},
        versions={},
        seconds=round(seconds, 3),
        samples_per_second=round((progress.step - num_before) * spec.batch_size / max(seconds, 1e-9), 2),
        first_loss=float(np.mean(progress.losses[:window])),
        last_loss=float(np.mean(progress.losses[-window:])),
        validation_loss=final,
        best_step=progress.best_step if spec.keep == "best" else None,
    )
    save(run, record)
    if ranks.first and not run.checkpointer.sharded:  # last: nothing is lost where a model cannot generate
        examples = generate_examples(run.model, run.processor, spec, run.validation or run.sources, ranks.device)
        write_examples(run.out, examples)
        tracker.log_examples(examples)
    tracker.finish()
    return record


def open_prefetcher(run: TrainingRun, num_done: int) -> Prefetcher:
    """Return the batches of all steps after the first `num_done`."""
    steps = step_batches(run.spec, run.sources, run.processor, num_done, run.num_loaders, run.ranks)
    return Prefetcher(steps, run.processor, run.ranks.device, ahead=run.spec.speed.copy_ahead)


def can_halve(run: TrainingRun) -> bool:
    """Return whether the run may continue with a smaller micro-batch. Other processes would wait for this one."""
    return run.auto_batch and run.ranks.size == 1 and micro_batch_size(run.spec, run.ranks) > 1


def halve_micro_batch(run: TrainingRun) -> TrainingRun:
    """Return the run with half the micro-batch; discard the gradients of the step that did not fit."""
    size = micro_batch_size(run.spec, run.ranks) // 2
    run.say(f"too little memory for a step: micro_batch_size is {size} from now on; set it in the run file")
    run.optimizer.zero_grad(set_to_none=True)
    run.model.zero_grad(set_to_none=True)
    if run.ranks.device.startswith("cuda"):
        torch.cuda.empty_cache()
    return dataclasses.replace(run, spec=dataclasses.replace(run.spec, micro_batch_size=size))


def validate(run: TrainingRun, progress: Progress) -> float | None:
    """Return the current validation loss; save the weights where they are the best and the best are kept."""
    loss = validation_loss(run.model, run.processor, run.spec, run.validation, run.ranks)
    if progress.record_validation(loss) and run.spec.keep == "best":
        run.checkpointer.save_best()
    return loss


def final_loss(run: TrainingRun, progress: Progress) -> float | None:
    """Put the weights that the spec keeps into the model and return their validation loss."""
    if run.spec.keep == "last":
        return validation_loss(run.model, run.processor, run.spec, run.validation, run.ranks)
    if progress.step % run.spec.validate_every:
        validate(run, progress)
    if progress.best_step is None:
        return None  # no validation loss was finite: the last weights are kept
    run.checkpointer.load_best()
    return progress.best_loss


def save(run: TrainingRun, record: RunRecord) -> None:
    """Write a PEFT folder or a checkpoint, then the record; remove the resumable checkpoints last."""
    run.masters.restore_full_precision()
    tensors = full_state_dict(run.model) if run.checkpointer.sharded else None
    if run.ranks.first:
        with weight_write_errors(run.out):
            if run.spec.method == "lora":
                # PEFT updates a model card that is there; one that a kill cut short would stay different.
                (run.out / "README.md").unlink(missing_ok=True)
                run.model.save_pretrained(run.out, save_embedding_layers=False)  # "auto" would ask the hub
            else:
                save_model(run.model, run.processor, run.out, tensors)
        inherited, name = model_folders(run.spec.model), training_name(run.out, run.inputs)
        write_seen(run.out, seen_rows(run.sources), training=name, inherited=inherited)
        before = earlier_runs(*inherited)
        finish_run(run.out, dataclasses.replace(record, name=name, trained_before=before))
        remove_checkpoints(run.out)
    run.ranks.wait()


def check_choices(spec: TrainingSpec) -> None:
    """Raise ToileError for settings that contradict each other."""
    if spec.freeze and spec.method != "full":
        raise ToileError(
            "freeze", "is of a full fine-tune; adapters freeze everything else", "name lora.targets instead"
        )
    for name, wanted in (("patience", spec.patience > 0), ("keep", spec.keep == "best")):
        if wanted and not spec.validate_every:
            raise ToileError(name, "needs validation losses, and validate_every is 0", "set validate_every, say to 50")


def open_validation(spec: TrainingSpec) -> list[Source]:
    """Open the mix's validation rows, whose families have no training row.

    Raises ToileError where there are none and the spec needs them to stop or to choose weights.
    """
    found = [find_source(Path(entry.data), "validation", entry.draw) for entry in spec.mix]
    sources = [source for source in found if source is not None]
    if not sources and (spec.patience or spec.keep == "best"):
        raise ToileError("mix", "has no validation rows", "leave out patience and keep, or add a folder that has some")
    return sources


def default_loaders(ranks: Ranks) -> int:
    """Return the number of worker processes that decode ahead: none without a GPU, where the model needs all cores."""
    cores = (os.cpu_count() or 1) // ranks.size
    return max(1, min(MAX_LOADERS, cores - 1)) if ranks.device.startswith("cuda") else 0


@contextlib.contextmanager
def checkpoint_on_out_of_memory(checkpointer: Checkpointer, progress: Progress) -> Iterator[None]:
    """Save the finished steps and raise ToileError where the device cannot hold a step's activations."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        checkpointer.save_emergency(progress)
        hint = "continue with --auto-batch, a smaller micro_batch_size, or speed: {checkpointing: true}"
        raise ToileError(checkpointer.ranks.device, "has too little memory for a step", hint) from error


def check_finite(loss: float, gradient_norm: float, checkpointer: Checkpointer, progress: Progress) -> None:
    """Save the finished steps and raise ToileError for a loss or gradient that is not finite, before the update."""
    if not (math.isfinite(loss) and math.isfinite(gradient_norm)):
        checkpointer.save_emergency(progress)
        problem = f"the loss is {loss} and the gradient norm {gradient_norm}"
        hint = (
            "lower optimiser.learning_rate and start again; the weights before this step are in "
            f"{checkpointer.out}/resume"
        )
        raise ToileError(f"step {progress.step + 1}", problem, hint)


def sample_validation_rows(sources: Sequence[Source], number: int = MAX_VALIDATION_ROWS) -> list[tuple[int, int]]:
    """Return (source, row) of at most `number` examples, evenly spaced over the rows of every source."""
    per_source = max(1, number // len(sources)) if sources else 0
    return [
        (index, int(row))
        for index, source in enumerate(sources)
        for row in np.unique(np.linspace(0, source.num_examples - 1, min(per_source, source.num_examples)).astype(int))
    ]


@torch.no_grad()
def validation_loss(
    model: Any, processor: Phi3VProcessor, spec: TrainingSpec, sources: Sequence[Source], ranks: Ranks
) -> float | None:
    """Return the mean loss over the validation rows of all sources, in nats a token; None when there are no rows.

    Every process computes its share. One that has no rows left repeats the first row uncounted: a sharded model needs
    all processes in every forward pass.
    """
    keys = sample_validation_rows(sources)
    if not keys:
        return None
    loader = ExampleLoader(sources, processor, as_bytes=spec.speed.picture_bytes, multiple_of=length_multiple(spec))
    size = micro_batch_size(spec, ranks)
    share = keys[ranks.rank :: ranks.size]
    total, count = 0.0, 0
    training = model.training
    model.eval()
    for start in chunk_starts(keys[:: ranks.size], size):
        part = share[start : start + size]
        batch = raise_if_error(loader.collate([loader[key] for key in part or keys[:1]]))
        moved = unpack_images({name: tensor.to(ranks.device) for name, tensor in batch.items()}, processor)
        with mixed_precision(spec, ranks.device):
            loss = model(**moved, **forward_kwargs(spec)).loss
        if part:
            num_supervised = int((batch["labels"] >= 0).sum())
            total, count = total + float(loss) * num_supervised, count + num_supervised
    model.train(training)
    return ranks.total(total) / ranks.total(count)


@torch.no_grad()
def generate_examples(
    model: Any, processor: Phi3VProcessor, spec: TrainingSpec, sources: Sequence[Source], device: str
) -> list[LoggedExample]:
    """Return greedy answers to `NUM_ANSWERS` images, evenly spaced over the rows of the sources."""
    examples = [sources[source].example(row) for source, row in sample_validation_rows(sources, NUM_ANSWERS)]
    logged: list[LoggedExample] = []
    training = model.training
    model.eval()
    for start in chunk_starts(examples, ANSWER_BATCH_SIZE):
        part = examples[start : start + ANSWER_BATCH_SIZE]
        batch = processor([PROMPT] * len(part), [[example.image] for example in part], padding_side="left")
        with mixed_precision(spec, device):
            ids = model.generate(
                **{name: tensor.to(device) for name, tensor in batch.items()},
                max_new_tokens=MAX_NEW_TOKENS,
                do_sample=False,
                eos_token_id=processor.stop_token_ids,
                pad_token_id=processor.pad_token_id,
            )
        for example, row in zip(part, ids[:, batch["input_ids"].shape[1] :].tolist(), strict=True):
            true = render(example.title, example.category, example.full_price)
            logged.append(LoggedExample(image=example.image, true=true, answered=processor.decode(row)))
    model.train(training)
    return logged
