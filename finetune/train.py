"""One training run, from a spec to an adapter or a checkpoint: a plain loop that can be killed and continued.

On one processor the same run gives the same bits, continued or not. What a step is stands in stepping.py, where its
batches come from in feeding.py, what is computed faster in trainable.py.
"""

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from finetune.adapters import base_record
from finetune.checkpoint import Progress, States, remove_states
from finetune.data_loader import Feed, step_batches
from finetune.data_mix import Opener, Source, check_currencies, find_source, open_source, seen_rows
from finetune.distributed import Ranks, in_step, joined, whole_weights
from finetune.model_setup import is_divided, load_trainable
from finetune.optimizer import Masters, learning_rate, make_optimiser
from finetune.phi3v import save_model
from finetune.phi3v.checkpoint import weights_written
from finetune.phi3v.processing import Phi3VProcessor
from finetune.run_dir import RUN, claim_run, finish_run, load_run, run_inputs, run_log, write_seen
from finetune.sample_answers import answered_examples
from finetune.tracking import NullTracker, open_tracker
from finetune.train_step import gradients, update
from finetune.validation import validation_loss
from schemas.errors import ToileError
from schemas.training import RunRecord, TrainingSpec
from schemas.util.locks import run_lock

MOST_LOADERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """What a progress bar shows of a step."""

    step: int
    num_new: int
    """Steps since the last report: 1, and more at first when a run continues."""
    loss: float
    samples_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run with everything it needs at hand."""

    spec: TrainingSpec
    out: Path
    ranks: Ranks
    inputs: dict[str, Any]
    """What decides the weights, as `run.json` says it; on the first process."""
    sources: Sequence[Source]
    validation: Sequence[Source]
    model: Any
    masters: Masters
    processor: Phi3VProcessor
    optimiser: torch.optim.Optimizer
    states: States


def train(
    spec: TrainingSpec,
    out: Path,
    *,
    device: str | None = None,
    num_loaders: int | None = None,
    force: bool = False,
    open_drawn: Opener | None = None,
    report: Callable[[StepReport], None] = lambda step: None,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[RunRecord, bool]:
    """Train as the spec says; the folders of its mix are paths. Returns the run's record, and False if it was finished.

    `out` becomes a PEFT folder (method lora) or a checkpoint under the published names (method full), with `run.json`,
    `log.jsonl` and `seen.parquet` beside it. An unfinished run of the same inputs continues after its last checkpoint.
    `num_loaders` processes decode pictures ahead; 0 decodes in this one, None chooses. `open_drawn` opens what is no
    shard folder: catalog specs. The processes that torchrun has started share the work.
    """
    check_choices(spec)
    with joined(device) as ranks, run_lock(out, enabled=ranks.first):
        say = say if ranks.first else lambda text: None
        sources = [open_source(Path(entry.data), "train", open_drawn) for entry in spec.mix]
        check_currencies(sources)
        for source in sources:
            incomplete = f"{source.num_skipped} rows without title, category, price or picture"
            say(f"{source.folder}: {source.num_examples} examples, {incomplete}")
        inputs: dict[str, Any] = {}
        finished = None
        if ranks.first:
            inputs = run_inputs(spec, sources, base_record(spec.model, spec.seed, say))
            finished = claim_run(out, inputs, force=force)
            if finished:
                remove_states(out)  # where a kill came just after the record
        if ranks.total(finished is not None):
            return finished or load_run(out / RUN), False
        torch.set_num_threads(torch.get_num_threads())  # said aloud, MKL may not use fewer when busy: other sums
        validation = validation_sources(spec, open_drawn)
        model, masters, processor = load_trainable(spec, ranks, say)
        optimiser = make_optimiser(masters, spec.optimiser, spec.speed.fused_optimiser)
        states = States(out=out, masters=masters, optimiser=optimiser, ranks=ranks, divided=is_divided(spec, ranks))
        run = Run(
            spec=spec,
            out=out,
            ranks=ranks,
            inputs=inputs,
            sources=sources,
            validation=validation,
            model=model,
            masters=masters,
            processor=processor,
            optimiser=optimiser,
            states=states,
        )
        progress = states.load()
        if progress.step:
            say(f"continuing after step {progress.step}")
        return go(run, progress, default_loaders(ranks) if num_loaders is None else num_loaders, report), True


def go(run: Run, progress: Progress, num_loaders: int, report: Callable[[StepReport], None]) -> RunRecord:
    """From where the run is to its end."""
    spec, ranks, num_before = run.spec, run.ranks, progress.step
    model = run.model if run.states.divided else in_step(run.model, ranks)
    steps = step_batches(spec, run.sources, run.processor, num_before, num_loaders, ranks)
    feed = Feed(steps, run.processor, ranks.device, ahead=spec.speed.copy_ahead)
    tracker = open_tracker(spec.tracking, run.inputs, run.out) if ranks.first else NullTracker()
    began = time.monotonic()
    with kept_when_full(run.states, progress), run_log(run.out, num_before, first=ranks.first) as log:
        while progress.step < spec.max_steps and not 0 < spec.patience <= progress.since_best:
            step_began, step = time.perf_counter(), progress.step + 1
            taken = gradients(model, run.masters, feed, step, spec, ranks)
            check_finite(taken.loss, taken.gradient_norm, run.states, progress)
            rate = learning_rate(spec.optimiser, step, spec.max_steps)
            update(run.masters, run.optimiser, rate)
            progress.step = step
            progress.losses.append(taken.loss)
            seconds = time.perf_counter() - step_began
            figures: dict[str, Any] = {
                "step": step,
                "loss": taken.loss,
                "learning_rate": rate,
                "gradient_norm": taken.gradient_norm,
                "supervised_tokens": taken.num_supervised,
                "samples_per_second": spec.batch_size / seconds,
                "seconds": round(seconds, 4),
                "waited": round(taken.waited, 4),
            }
            if spec.validate_every and step % spec.validate_every == 0:
                figures["validation_loss"] = validate(run, progress)
            log(figures)
            tracker.log(figures, step)
            num_new = step if step == num_before + 1 else 1
            speed = spec.batch_size / seconds
            report(StepReport(step=step, num_new=num_new, loss=taken.loss, samples_per_second=speed))
            if step % spec.checkpoint_every == 0 and step < spec.max_steps:
                run.states.save(progress)
    seconds = time.monotonic() - began
    final = kept_loss(run, progress)
    tracker.log({"validation_loss": final}, progress.step)
    if spec.tracking != "none" and ranks.first and not run.states.divided:
        examples = answered_examples(run.model, run.processor, run.validation or run.sources, ranks.device)
        tracker.log_examples(examples)
    tracker.finish()
    record = RunRecord(
        finished=True,
        inputs=run.inputs,
        num_steps=progress.step,
        num_examples={str(source.folder): source.num_examples for source in run.sources},
        num_skipped={str(source.folder): source.num_skipped for source in run.sources},
        versions={},
        seconds=round(seconds, 3),
        samples_per_second=round((progress.step - num_before) * spec.batch_size / max(seconds, 1e-9), 2),
        first_loss=float(np.mean(progress.losses[:10])),
        last_loss=float(np.mean(progress.losses[-10:])),
        validation_loss=final,
        best_step=progress.best_step if spec.keep == "best" else None,
    )
    save(run, record)
    return record


def validate(run: Run, progress: Progress) -> float | None:
    """The validation loss of now; where it is the lowest and the best are kept, the weights are."""
    loss = validation_loss(run.model, run.processor, run.spec, run.validation, run.ranks)
    if progress.judge(loss) and run.spec.keep == "best":
        run.states.save_best()
    return loss


def kept_loss(run: Run, progress: Progress) -> float | None:
    """The validation loss of the weights that are kept, which the model has afterwards."""
    if run.spec.keep == "last":
        return validation_loss(run.model, run.processor, run.spec, run.validation, run.ranks)
    if progress.step % run.spec.validate_every:
        validate(run, progress)
    if progress.best_step is None:
        return None  # no validation loss was a number: the weights of the end are kept
    run.states.load_best()
    return progress.best_loss


def save(run: Run, record: RunRecord) -> None:
    """An adapter as a PEFT folder, or everything as a checkpoint; the record last, then the states go."""
    run.masters.unround()
    tensors = whole_weights(run.model) if run.states.divided else None
    if run.ranks.first:
        with weights_written(run.out):
            if run.spec.method == "lora":
                run.model.save_pretrained(run.out, save_embedding_layers=False)  # "auto" would ask the hub
            else:
                save_model(run.model, run.processor, run.out, tensors)
        write_seen(run.out, seen_rows(run.sources))
        finish_run(run.out, record)
        remove_states(run.out)
    run.ranks.wait()


def check_choices(spec: TrainingSpec) -> None:
    """Raise ToileError for settings that contradict each other."""
    if spec.freeze and spec.method != "full":
        raise ToileError(
            "freeze", "is of a full fine-tune; adapters freeze everything else", "name lora.targets instead"
        )
    for name, asked in (("patience", spec.patience > 0), ("keep", spec.keep == "best")):
        if asked and not spec.validate_every:
            raise ToileError(name, "needs validation losses, and validate_every is 0", "set validate_every, say to 50")


def validation_sources(spec: TrainingSpec, open_drawn: Opener | None) -> list[Source]:
    """The mix's validation rows, of families that no training row belongs to; none is an error where they decide."""
    found = [find_source(Path(entry.data), "validation", open_drawn) for entry in spec.mix]
    sources = [source for source in found if source is not None]
    if not sources and (spec.patience or spec.keep == "best"):
        raise ToileError("mix", "has no validation rows", "leave out patience and keep, or add a folder that has some")
    return sources


def default_loaders(ranks: Ranks) -> int:
    """Processes that decode ahead: none without a GPU, whose cores have enough to do."""
    cores = (os.cpu_count() or 1) // ranks.size
    return max(1, min(MOST_LOADERS, cores - 1)) if ranks.device.startswith("cuda") else 0


@contextlib.contextmanager
def kept_when_full(states: States, progress: Progress) -> Iterator[None]:
    """A device that cannot hold a step's activations is a ToileError; the steps before it are saved."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        states.save_reached(progress)
        hint = "set a smaller micro_batch_size, or speed: {checkpointing: true}, and start again: it continues"
        raise ToileError(states.ranks.device, "has too little memory for a step", hint) from error


def check_finite(loss: float, gradient_norm: float, states: States, progress: Progress) -> None:
    """A loss or gradient that is no number ends the run before it can spoil the weights; what was reached is saved."""
    if not (math.isfinite(loss) and math.isfinite(gradient_norm)):
        states.save_reached(progress)
        problem = f"the loss is {loss} and the gradient norm {gradient_norm}"
        hint = f"lower optimiser.learning_rate and start anew; the weights before this step are in {states.out}/resume"
        raise ToileError(f"step {progress.step + 1}", problem, hint)
