"""Load test of training: samples and tokens a second, TFLOP/s, share of the device's peak, memory, time without data.

What is measured is what trains: the same loaders, feed, model, backward pass and update as in a run; nothing is saved.
Operations are counted by finetune/flops.py. The peak is what this device multiplies here, just before, in the run's
number format (finetune/device_peaks.py).

    toile throughput --model full-size --num-crops 4 --batch-size 32 --dtype bfloat16 --with compile
"""

import contextlib
import dataclasses
import itertools
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from finetune.data_loader import Batch, Feed, multiple_of, step_batches
from finetune.data_mix import Opener, Source, check_currencies, open_source
from finetune.device_peaks import device_name, matmul_peak, peak_memory, start_memory
from finetune.distributed import Ranks, in_step, joined
from finetune.flops import RowShape, executed_flops, useful_flops
from finetune.model_setup import arithmetic, is_divided, load_trainable, make_trainable, memory_estimate
from finetune.optimizer import Masters, learning_rate, make_optimiser
from finetune.phi3v.loading import assemble, check_device
from finetune.phi3v.processing import Phi3VProcessor
from finetune.phi3v.seeded import full_size_config, seeded_weights
from finetune.phi3v.tiling import count_tokens
from finetune.phi3v.tiny import tiny_processor
from finetune.random_data import SYNTHETIC, synthetic_source
from finetune.train import check_choices, default_loaders
from finetune.train_step import gradients, update
from schemas.errors import ToileError
from schemas.manifest import versions
from schemas.training import MixSource, SpeedSpec, TrainingSpec

FULL_SIZE = "full-size"
"""The model with the published sizes and weights drawn from the seed, on the device: nothing is downloaded."""
FULL_SIZE_CROPS = 4
"""Where nothing else is asked for."""
TOO_LITTLE_MEMORY = "too little memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A model that is ready to be trained."""

    model: Any
    masters: Masters
    processor: Phi3VProcessor


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTiming:
    """One step of this process."""

    seconds: float
    """From one step's beginning to the next one's."""
    waited: float
    """Seconds in which there was no batch for this step; spent in the step before where batches are fetched ahead."""
    loss: float
    micro_batches: Sequence[Sequence[RowShape]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Seconds of the measured steps."""

    median: float
    lower_quartile: float
    upper_quartile: float
    shortest: float
    longest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """What was measured; rates are means over the measured steps' content by the median of their seconds."""

    samples_per_second: float
    """Of all processes together, as are the tokens."""
    text_tokens_per_second: float
    """Prompt, answer and end; padding does not count."""
    picture_tokens_per_second: float
    """Positions that are picture vectors."""
    tflops: float
    """Useful operations a second of one device, in 10^12."""
    executed_tflops: float
    """With those for padding, empty tiles, masked pairs and what is computed twice."""
    peak_tflops: float
    """Of square products on this device in this number format."""
    share_of_peak: float
    """tflops / peak_tflops."""
    waiting_share: float
    """Of the time, without a batch to work on; an upper bound on a GPU."""
    padding_share: float
    """Of the computed positions, padding."""
    step_seconds: Spread
    num_steps: int
    num_warmup_steps: int
    """Not in any figure but the next."""
    warmup_seconds: float
    """Of these steps: compilation, the first batches, the choice of kernels."""
    memory_gb: float
    """Peak in 10^9 bytes, warm-up included."""
    memory_of: str
    """device: held by tensors on it; process: resident on the host."""
    useful_tflop_per_sample: float
    executed_tflop_per_sample: float
    last_loss: float
    processes: int
    device: str
    settings: Mapping[str, Any]
    """The training spec, and what else was chosen."""
    versions: Mapping[str, str]


def measure_throughput(
    spec: TrainingSpec,
    *,
    picture_px: tuple[int, int] | None = None,
    num_steps: int = 10,
    num_warmup: int = 3,
    device: str | None = None,
    num_loaders: int | None = None,
    peak_tflops: float | None = None,
    open_drawn: Opener | None = None,
    clock: Callable[[], float] = time.perf_counter,
    say: Callable[[str], None] = lambda text: None,
    report: Callable[[StepTiming], None] = lambda step: None,
) -> Throughput:
    """Train for a few steps and time them, on the spec's mix, whose folders are paths, or on pictures made in memory.

    The latter are `picture_px` wide and high; None takes the mix. `spec.model` may also be `full-size`. `peak_tflops`
    None measures it. The processes that torchrun has started share the work, and each returns figures of its own device
    and of all samples. Raises ToileError for what does not fit together, the device, or into its memory.
    """
    check_choices(spec)
    with joined(device) as ranks, told_when_full(ranks.device, spec):
        check_device(ranks.device)
        say = say if ranks.first else lambda text: None
        spec = dataclasses.replace(spec, max_steps=num_warmup + num_steps + 1)  # the last measured step looks ahead too
        if picture_px is not None:
            spec = dataclasses.replace(spec, mix=(MixSource(data=SYNTHETIC),))
        sources = open_sources(spec, picture_px, open_drawn)
        loaders = default_loaders(ranks) if num_loaders is None else num_loaders
        peak = matmul_peak(ranks.device, arithmetic(spec)) if peak_tflops is None else peak_tflops
        say(f"{ranks.device}: {peak:.4g} TFLOP/s in square {spec.dtype} products")
        torch.set_num_threads(torch.get_num_threads())  # as a run does
        began = time.perf_counter()
        loaded = load(spec, ranks, say)
        say(f"model in place after {time.perf_counter() - began:.1f} s; warming up for {num_warmup} steps")
        start_memory(ranks.device)
        timings = []
        steps = timed_steps(spec, loaded, sources, ranks, loaders, clock)
        for timing in itertools.islice(steps, num_warmup + num_steps):
            timings.append(timing)
            report(timing)
        settings = {"picture_px": picture_px, "num_loaders": loaders}
        return summarise(
            dataclasses.replace(spec, num_crops=loaded.processor.num_crops),
            loaded.model.config,
            timings,
            num_warmup=num_warmup,
            peak_tflops=peak,
            memory=peak_memory(ranks.device),
            ranks=ranks,
            settings=settings,
        )


def load(spec: TrainingSpec, ranks: Ranks, say: Callable[[str], None] = lambda text: None) -> Loaded:
    """The model that the spec names, or the full-size one, ready to be trained."""
    if spec.model != FULL_SIZE:
        model, masters, processor = load_trainable(spec, ranks, say)
        return Loaded(model=model, masters=masters, processor=processor)
    config = full_size_config()
    dtype = torch.float32 if spec.method == "full" else arithmetic(spec)
    divide = is_divided(spec, ranks)
    place = "cpu" if divide else ranks.device
    bare = assemble(config, seeded_weights(config, spec.seed, dtype, place), dtype=dtype, device=place)
    bare.name_or_path = bare.config._name_or_path = FULL_SIZE
    model, masters = make_trainable(bare, spec, ranks)
    say(memory_estimate(model, masters, ranks.device, ranks.size if divide else 1))
    processor = tiny_processor(config, num_crops=spec.num_crops or FULL_SIZE_CROPS)
    return Loaded(model=model, masters=masters, processor=processor)


def open_sources(
    spec: TrainingSpec, picture_px: tuple[int, int] | None = None, open_drawn: Opener | None = None
) -> Sequence[Source]:
    """The data: made in memory, or the spec's mix."""
    if picture_px is not None:
        return [synthetic_source(*picture_px, seed=spec.seed)]
    sources = [open_source(Path(entry.data), "train", open_drawn) for entry in spec.mix]
    check_currencies(sources)
    return sources


def timed_steps(
    spec: TrainingSpec,
    loaded: Loaded,
    sources: Sequence[Source],
    ranks: Ranks,
    num_loaders: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[StepTiming]:
    """Train for `spec.max_steps` steps as a run does; what the caller does between two steps does not count.

    A GPU is not waited for after the update, as in a run: a step's loss is the point at which both meet, so each
    timing holds one whole step, from loss to loss.
    """
    model = loaded.model if is_divided(spec, ranks) else in_step(loaded.model, ranks)
    optimiser = make_optimiser(loaded.masters, spec.optimiser, spec.speed.fused_optimiser)
    shapes: deque[list[list[RowShape]]] = deque()
    steps = watched(step_batches(spec, sources, loaded.processor, 0, num_loaders, ranks), loaded.processor, shapes)
    feed = Feed(steps, loaded.processor, ranks.device, ahead=spec.speed.copy_ahead)
    for step in range(1, spec.max_steps + 1):
        began = clock()
        taken = gradients(model, loaded.masters, feed, step, spec, ranks)
        update(loaded.masters, optimiser, learning_rate(spec.optimiser, step, spec.max_steps))
        yield StepTiming(seconds=clock() - began, waited=taken.waited, loss=taken.loss, micro_batches=shapes.popleft())


def watched(
    steps: Iterator[list[Batch]], processor: Phi3VProcessor, shapes: deque[list[list[RowShape]]]
) -> Iterator[list[Batch]]:
    """The same batches; `shapes` receives what each row of them costs, read on the host."""
    for batches in steps:
        shapes.append([row_shapes(batch, processor.tile_px) for batch in batches])
        yield batches


def row_shapes(batch: Batch, tile_px: int) -> list[RowShape]:
    """What the rows of a batch cost; each has one picture."""
    grids = [(height // tile_px, width // tile_px) for height, width in batch["image_sizes"].tolist()]
    num_tokens = batch["attention_mask"].sum(dim=1).tolist()
    num_supervised = (batch["labels"] >= 0).sum(dim=1).tolist()
    return [
        RowShape(grid=grid, num_tokens=tokens, num_supervised=supervised)
        for grid, tokens, supervised in zip(grids, num_tokens, num_supervised, strict=True)
    ]


def summarise(
    spec: TrainingSpec,
    config: Any,
    timings: Sequence[StepTiming],
    *,
    num_warmup: int,
    peak_tflops: float,
    memory: tuple[float, str],
    ranks: Ranks,
    settings: Mapping[str, Any],
) -> Throughput:
    """The figures of all steps after the first `num_warmup`; `spec.num_crops` is the number that was used."""
    measured = timings[num_warmup:]
    num = len(measured)
    spread = spread_of([timing.seconds for timing in measured])
    micro_batches = [rows for timing in measured for rows in timing.micro_batches]
    rows = [row for batch in micro_batches for row in batch]
    multiple = multiple_of(spec)
    useful = useful_flops(config, spec, rows).total / 1e12
    executed = executed_flops(config, spec, micro_batches, spec.num_crops or 1, multiple).total / 1e12
    positions = sum(
        len(batch) * -(-max(row.num_tokens for row in batch) // multiple) * multiple for batch in micro_batches
    )
    tokens = sum(row.num_tokens for row in rows)
    pictures = sum(num_vectors(config, row) for row in rows)
    seconds = num * spread.median
    return Throughput(
        samples_per_second=ranks.total(len(rows)) / seconds,
        text_tokens_per_second=ranks.total(tokens - pictures) / seconds,
        picture_tokens_per_second=ranks.total(pictures) / seconds,
        tflops=useful / seconds,
        executed_tflops=executed / seconds,
        peak_tflops=peak_tflops,
        share_of_peak=useful / seconds / peak_tflops,
        waiting_share=sum(timing.waited for timing in measured) / sum(timing.seconds for timing in measured),
        padding_share=1 - tokens / positions,
        step_seconds=spread,
        num_steps=num,
        num_warmup_steps=num_warmup,
        warmup_seconds=sum(timing.seconds for timing in timings[:num_warmup]),
        memory_gb=memory[0],
        memory_of=memory[1],
        useful_tflop_per_sample=useful / len(rows),
        executed_tflop_per_sample=executed / len(rows),
        last_loss=measured[-1].loss,
        processes=ranks.size,
        device=device_name(ranks.device),
        settings={**dataclasses.asdict(spec), **settings},
        versions=versions("torch", "transformers", "peft"),
    )


def num_vectors(config: Any, row: RowShape) -> int:
    """Positions of a row that are picture."""
    return count_tokens(*row.grid, config.lines_per_tile)


def spread_of(seconds: Sequence[float]) -> Spread:
    """Quartiles by linear interpolation between the steps."""
    several = [*seconds, *seconds] if len(seconds) == 1 else seconds
    lower, median, upper = statistics.quantiles(several, n=4, method="inclusive")
    return Spread(
        median=median, lower_quartile=lower, upper_quartile=upper, shortest=min(seconds), longest=max(seconds)
    )


@contextlib.contextmanager
def told_when_full(device: str, spec: TrainingSpec) -> Iterator[None]:
    """Memory that does not suffice is a ToileError; the allocator of the host only says so in words."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        words = ("out of memory", "can't allocate memory", "not enough memory")
        if not isinstance(error, (torch.OutOfMemoryError, MemoryError)) and not any(w in str(error) for w in words):
            raise
        size = spec.micro_batch_size or spec.batch_size
        problem = f"has {TOO_LITTLE_MEMORY} for {size} examples at once"
        raise ToileError(device, problem, "set a smaller --micro-batch-size, or --with checkpointing") from error


def chosen_spec(spec: TrainingSpec | None, *, on: Sequence[str], off: Sequence[str], **changes: Any) -> TrainingSpec:
    """The spec of a run, or a plain one, with what the command line says; None leaves a field as it is.

    `on` and `off` are names of `SpeedSpec`. Raises ToileError for an unknown switch and for one that is on and off.
    """
    spec = spec or TrainingSpec(mix=(MixSource(data=SYNTHETIC),), max_steps=1)
    known = [field.name for field in dataclasses.fields(SpeedSpec)]
    for option, names in (("--with", on), ("--without", off)):
        for name in names:
            if name not in known:
                raise ToileError(f"{option} {name}", "is no way to train faster", f"choose from {', '.join(known)}")
    if both := set(on) & set(off):
        raise ToileError(f"--with {min(both)}", "is also --without", "leave out one of the two")
    speed = dataclasses.replace(spec.speed, **dict.fromkeys(on, True), **dict.fromkeys(off, False))
    rank = changes.pop("rank", None)
    lora = spec.lora if rank is None else dataclasses.replace(spec.lora, rank=rank)
    given = {name: value for name, value in changes.items() if value is not None}
    return dataclasses.replace(spec, **given, speed=speed, lora=lora)


def picture_px_of(text: str) -> tuple[int, int]:
    """Width and height in px of "672" or "800x600"; ToileError for anything else."""
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isascii() and side.isdigit() for side in sides):
        raise ToileError(f"--picture-size {text}", "is no size", "write 672, or 800x600 for width and height in px")
    return int(sides[0]), int(sides[-1])


def printed(found: Throughput) -> str:
    """A table for people."""
    steps = found.step_seconds
    rows = [
        ("samples/s", f"{found.samples_per_second:.3g}"),
        ("text tokens/s", f"{found.text_tokens_per_second:,.0f}"),
        ("picture tokens/s", f"{found.picture_tokens_per_second:,.0f}"),
        ("TFLOP/s", f"{found.tflops:.4g} of {found.peak_tflops:.4g} in square products: {found.share_of_peak:.1%}"),
        ("TFLOP a sample", f"{found.useful_tflop_per_sample:.4g}, {found.executed_tflop_per_sample:.4g} executed"),
        ("seconds a step", f"{steps.median:.4g} (quartiles {steps.lower_quartile:.4g} and {steps.upper_quartile:.4g})"),
        ("waiting for data", f"{found.waiting_share:.1%}"),
        ("padding", f"{found.padding_share:.1%} of the positions"),
        ("memory", f"{found.memory_gb:.3g} GB at most, of the {found.memory_of}"),
        ("measured", f"{found.num_steps} steps, after {found.num_warmup_steps} in {found.warmup_seconds:.1f} s"),
        ("on", f"{found.device}" + (f", {found.processes} processes" if found.processes > 1 else "")),
    ]
    return "\n".join(f"{name:18}{value}" for name, value in rows)
