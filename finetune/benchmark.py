"""Load test of training: samples and tokens a second, TFLOP/s, share of the device's peak, memory, idle time.

    toile throughput --model full-size --num-crops 4 --batch-size 32 --dtype bfloat16 --with compile

It measures the code that trains: the same loaders, prefetcher, model, backward pass and update as in a run; nothing is
saved. `finetune.flops` counts the operations. The peak is measured, not read from a data sheet, whose figure no real
product reaches: the fastest square matrix product on this device, just before, in the run's number format.

Without a run file the data are images and answers made in memory from a seed, of any size. They cost a loader what real
ones cost: each image is kept as JPEG bytes of a photograph's size and decoded each time. There is nothing to learn from
them.
"""

import contextlib
import dataclasses
import gc
import hashlib
import io
import itertools
import resource
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from finetune.data_loader import Batch, Prefetcher, length_multiple, micro_batch_size, step_batches
from finetune.data_mix import Example, Source, open_mix
from finetune.distributed import Ranks, init_process_group, wrap_ddp
from finetune.flops import RowShape, executed_flops, useful_flops
from finetune.model_setup import (
    MasterWeights,
    compute_dtype,
    estimate_memory,
    is_sharded,
    load_trainable,
    make_trainable,
)
from finetune.optimizer import forward_backward, learning_rate, make_optimizer, optimizer_step
from finetune.phi3v.configuration import full_size_config
from finetune.phi3v.loading import assemble, check_device
from finetune.phi3v.modeling import init_weights
from finetune.phi3v.processing import Phi3VProcessor
from finetune.phi3v.tiling import count_tokens
from finetune.phi3v.tiny import tiny_processor
from finetune.train import check_choices, default_loaders, load_run_spec, open_validation, sample_validation_rows
from schemas.errors import ToileError
from schemas.images import decode_rgb
from schemas.manifest import versions
from schemas.training import MixSource, SpeedSpec, TrainingSpec
from schemas.util.console import format_duration

FULL_SIZE = "full-size"
"""Name of a model with the published sizes and random weights, made on the device: nothing is downloaded."""
FULL_SIZE_CROPS = 4
"""Its number of crops by default."""
_ESTIMATE_STEPS = 2
TOO_LITTLE_MEMORY = "too little memory"

MATMUL_SIZES = {"cuda": (4096, 8192, 16384), "cpu": (512, 1024, 2048)}
"""Edges of the square products that measure a device's peak."""
_MATMUL_REPEATS = 3
_SLOW_SECONDS = 1.0
"""No larger product is tried after one that takes longer."""

SYNTHETIC = "synthetic"
"""Name of the data made in memory, in the mix of a measurement."""
_NUM_IMAGES = 64
"""Different images, which the rows share."""
_MIN_PX, _MAX_PX = 16, 8192
_GRAIN = 6.0
"""Standard deviation of the noise on an image's colours: about 0.3 bytes a pixel, as in catalog photographs."""
_JPEG_QUALITY = 90
_WORDS = (
    "belted", "checked", "cotton", "silk", "wool", "leather", "quilted", "cashmere", "trench", "coat", "shirt",
    "scarf", "tote", "bag", "sneakers", "dress", "jacket", "with", "in", "and", "stripe", "logo", "classic", "mini",
)  # fmt: skip
_CATEGORIES = ("Coats", "Dresses", "Bags", "Shoes", "Scarves & Shawls", "Knitwear", "Trousers", "Small Accessories")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model that is ready to be trained."""

    model: Any
    masters: MasterWeights
    processor: Phi3VProcessor


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTiming:
    """One step of this process."""

    seconds: float
    """From the step's start to the next one's."""
    waited: float
    """Seconds in which there was no batch for this step; spent in the step before where batches are prefetched."""
    loss: float
    micro_batches: Sequence[Sequence[RowShape]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSeconds:
    """Seconds of the measured steps."""

    median: float
    lower_quartile: float
    upper_quartile: float
    shortest: float
    longest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """The result of a measurement; rates divide the measured steps' content by their number times the median step."""

    samples_per_second: float
    """Over all processes, as are the tokens."""
    text_tokens_per_second: float
    """Prompt, answer and end token; padding does not count."""
    picture_tokens_per_second: float
    """Positions that are image vectors."""
    tflops: float
    """Useful operations a second of one device, in 10^12."""
    executed_tflops: float
    """With those for padding, empty tiles, masked pairs and recomputed activations."""
    peak_tflops: float
    """Of square products on this device in this number format."""
    share_of_peak: float
    """tflops / peak_tflops (MFU)."""
    waiting_share: float
    """Share of the time without a batch; an upper bound on a GPU."""
    padding_share: float
    """Share of the computed positions that is padding."""
    step_seconds: StepSeconds
    num_steps: int
    num_warmup_steps: int
    """Steps in no figure but the next."""
    warmup_seconds: float
    """Of the warm-up steps: compilation, first batches, choice of kernels."""
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
    """The training spec and the other options."""
    versions: Mapping[str, str]


def measure_throughput(
    spec: TrainingSpec | Path | str,
    *,
    image_px: tuple[int, int] | None = None,
    num_steps: int = 10,
    num_warmup: int = 3,
    device: str | None = None,
    num_loaders: int | None = None,
    peak_tflops: float | None = None,
    clock: Callable[[], float] = time.perf_counter,
    say: Callable[[str], None] = lambda text: None,
    report: Callable[[StepTiming], None] = lambda step: None,
) -> Throughput:
    """Train for a few steps and time them, on the mix of the spec (or run file) or on images made in memory.

    `image_px` is the (width, height) of images made in memory; None takes the mix. `spec.model` may also be
    `full-size`. `peak_tflops` None measures the peak. The processes that torchrun started share the work; each returns
    figures of its own device and of all samples. Raises ToileError for settings that contradict each other, and for
    what does not fit the device or its memory.
    """
    spec = spec if isinstance(spec, TrainingSpec) else load_run_spec(Path(spec))
    check_choices(spec)
    with init_process_group(device) as ranks, explain_out_of_memory(ranks.device, spec):
        check_device(ranks.device)
        say = say if ranks.first else lambda text: None
        spec = dataclasses.replace(spec, max_steps=num_warmup + num_steps + 1)  # the last measured step prefetches too
        if image_px is not None:
            spec = dataclasses.replace(spec, mix=(MixSource(data=SYNTHETIC),))
        sources = open_sources(spec, image_px)
        loaders = default_loaders(ranks) if num_loaders is None else num_loaders
        peak = measure_matmul_peak(ranks.device, compute_dtype(spec)) if peak_tflops is None else peak_tflops
        say(f"{ranks.device}: {peak:.4g} TFLOP/s in square {spec.dtype} products")
        torch.set_num_threads(torch.get_num_threads())  # as a run does
        began = time.perf_counter()
        loaded = load_for_training(spec, ranks, say)
        say(f"model loaded after {time.perf_counter() - began:.1f} s; warming up for {num_warmup} steps")
        reset_peak_memory(ranks.device)
        timings = []
        steps = run_timed_steps(spec, loaded, sources, ranks, loaders, clock)
        for timing in itertools.islice(steps, num_warmup + num_steps):
            timings.append(timing)
            report(timing)
        settings = {"picture_px": image_px, "num_loaders": loaders}
        return summarize(
            dataclasses.replace(spec, num_crops=loaded.processor.num_crops),
            loaded.model.config,
            timings,
            num_warmup=num_warmup,
            peak_tflops=peak,
            memory=peak_memory(ranks.device),
            ranks=ranks,
            settings=settings,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEstimate:
    """What a run will need, from two timed steps of it."""

    sizes: str
    """Trained parameters, and memory before activations."""
    num_examples: Mapping[str, int]
    """Folder -> rows that can be learned from."""
    num_steps: int
    batch_size: int
    micro_batch_size: int
    """Of one process."""
    step_seconds: float
    """Mean of the timed steps."""
    memory_gb: float
    """Peak of the timed steps in 10^9 bytes."""
    memory_of: str
    """device: held by tensors on it; process: resident on the host."""
    checkpoint_bytes: int
    """Of one resumable checkpoint: master weights and AdamW's two moments."""
    num_validations: int
    num_validation_rows: int
    """Of one validation."""
    validation_seconds: float
    """Of one validation, by the number of its rows: a forward pass takes about a third of a step."""

    @property
    def total_seconds(self) -> float:
        """Seconds of the whole run, without loading and saving."""
        return self.num_steps * self.step_seconds + self.num_validations * self.validation_seconds


def estimate_run(
    spec: TrainingSpec,
    *,
    device: str | None = None,
    num_loaders: int | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> RunEstimate:
    """Time two steps of a run after one of warm-up, write nothing, and return what the whole run will need.

    Raises ToileError as a run does, also for settings that do not fit the device's memory.
    """
    check_choices(spec)
    with init_process_group(device) as ranks, explain_out_of_memory(ranks.device, spec):
        sizes = ""

        def remember(text: str) -> None:
            nonlocal sizes
            sizes = text

        sources = open_sources(spec)
        validation = sample_validation_rows(open_validation(spec))
        loaders = default_loaders(ranks) if num_loaders is None else num_loaders
        loaded = load_for_training(spec, ranks, remember)
        say(f"{spec.model} is loaded; timing {_ESTIMATE_STEPS} steps after one of warm-up")
        reset_peak_memory(ranks.device)
        short = dataclasses.replace(spec, max_steps=_ESTIMATE_STEPS + 2)  # the last timed step prefetches too
        steps = run_timed_steps(short, loaded, sources, ranks, loaders)
        timed = list(itertools.islice(steps, _ESTIMATE_STEPS + 1))[1:]
        step_seconds = statistics.fmean(timing.seconds for timing in timed)
        memory_gb, memory_of = peak_memory(ranks.device)
        num_inner = spec.max_steps // spec.validate_every if spec.validate_every else 0
        at_end = not spec.validate_every or spec.max_steps % spec.validate_every > 0 or spec.keep == "last"
        return RunEstimate(
            sizes=sizes,
            num_examples={str(source.folder): source.num_examples for source in sources},
            num_steps=spec.max_steps,
            batch_size=spec.batch_size,
            micro_batch_size=micro_batch_size(spec, ranks),
            step_seconds=step_seconds,
            memory_gb=memory_gb,
            memory_of=memory_of,
            checkpoint_bytes=3 * 4 * sum(master.numel() for master in loaded.masters.by_name.values()),
            num_validations=(num_inner + at_end) if validation else 0,
            num_validation_rows=len(validation),
            validation_seconds=step_seconds / 3 * len(validation) / spec.batch_size,
        )


def format_estimate(found: RunEstimate, spec: TrainingSpec) -> str:
    """Return the estimate as a table for people."""
    num_rows = sum(found.num_examples.values())
    often = f"every {spec.checkpoint_every:,} steps"
    if spec.checkpoint_minutes is not None:
        often += f" and at least every {spec.checkpoint_minutes:g} minutes"
    validations = (
        f"{found.num_validations:,} of {found.num_validation_rows:,} rows" if found.num_validations else "none"
    )
    rate = found.batch_size / found.step_seconds
    rows = [
        ("model", f"{spec.model}, {spec.method}: {found.sizes}"),
        *(("examples", f"{number:,} in {folder}") for folder, number in found.num_examples.items()),
        ("steps", f"{found.num_steps:,} of {found.batch_size:,} examples, {found.micro_batch_size:,} at once"),
        ("passes", f"{found.num_steps * found.batch_size / num_rows:.1f} over the examples"),
        ("one step", f"{found.step_seconds:.3g} s, {rate:.3g} samples/s (mean of {_ESTIMATE_STEPS} steps)"),
        ("memory", f"{found.memory_gb:.3g} GB at most in these steps, of the {found.memory_of}"),
        ("checkpoints", f"{found.checkpoint_bytes / 1e6:,.0f} MB each, {often}"),
        ("validations", validations),
        ("whole run", f"about {format_duration(found.total_seconds)}, without loading and saving"),
    ]
    return "\n".join(f"{name:13}{value}" for name, value in rows)


def load_for_training(spec: TrainingSpec, ranks: Ranks, say: Callable[[str], None] = lambda text: None) -> LoadedModel:
    """Load the model that the spec names, or make the full-size one, ready to be trained."""
    if spec.model != FULL_SIZE:
        model, masters, processor = load_trainable(spec, ranks, say)
        return LoadedModel(model=model, masters=masters, processor=processor)
    config = full_size_config()
    dtype = torch.float32 if spec.method == "full" else compute_dtype(spec)
    sharded = is_sharded(spec, ranks)
    device = "cpu" if sharded else ranks.device
    base = assemble(config, init_weights(config, spec.seed, dtype, device), dtype=dtype, device=device)
    base.name_or_path = base.config._name_or_path = FULL_SIZE
    model, masters = make_trainable(base, spec, ranks)
    say(estimate_memory(model, masters, ranks.device, ranks.size if sharded else 1))
    processor = tiny_processor(config, num_crops=spec.num_crops or FULL_SIZE_CROPS)
    return LoadedModel(model=model, masters=masters, processor=processor)


def open_sources(spec: TrainingSpec, image_px: tuple[int, int] | None = None) -> Sequence[Source]:
    """Return the data: made in memory where `image_px` gives (width, height), else the spec's mix."""
    return open_mix(spec.mix, "train") if image_px is None else [make_synthetic_source(*image_px, seed=spec.seed)]


def run_timed_steps(
    spec: TrainingSpec,
    loaded: LoadedModel,
    sources: Sequence[Source],
    ranks: Ranks,
    num_loaders: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[StepTiming]:
    """Train for `spec.max_steps` steps as a run does and yield their timings; the caller's own time does not count.

    Nothing waits for a GPU after the update, as in a run. A step's loss is the point at which Python and the GPU meet,
    so each timing is one whole step, from loss to loss.
    """
    model = loaded.model if is_sharded(spec, ranks) else wrap_ddp(loaded.model, ranks)
    optimizer = make_optimizer(loaded.masters, spec.optimiser, spec.speed.fused_optimiser)
    shapes: deque[list[list[RowShape]]] = deque()
    batches = step_batches(spec, sources, loaded.processor, 0, num_loaders, ranks)
    steps = record_shapes(batches, loaded.processor, shapes)
    prefetcher = Prefetcher(steps, loaded.processor, ranks.device, ahead=spec.speed.copy_ahead)
    for step in range(1, spec.max_steps + 1):
        began = clock()
        result = forward_backward(model, loaded.masters, prefetcher, step, spec, ranks)
        optimizer_step(loaded.masters, optimizer, learning_rate(spec.optimiser, step, spec.max_steps))
        yield StepTiming(
            seconds=clock() - began, waited=result.waited, loss=result.loss, micro_batches=shapes.popleft()
        )


def record_shapes(
    steps: Iterator[list[Batch]], processor: Phi3VProcessor, shapes: deque[list[list[RowShape]]]
) -> Iterator[list[Batch]]:
    """Yield the same batches; append the shapes of their rows, read on the host, to `shapes`."""
    for batches in steps:
        shapes.append([row_shapes(batch, processor.tile_px) for batch in batches])
        yield batches


def row_shapes(batch: Batch, tile_px: int) -> list[RowShape]:
    """Return what decides the cost of each row of a batch; every row has one image."""
    grids = [(height // tile_px, width // tile_px) for height, width in batch["image_sizes"].tolist()]
    num_tokens = batch["attention_mask"].sum(dim=1).tolist()
    num_supervised = (batch["labels"] >= 0).sum(dim=1).tolist()
    return [
        RowShape(grid=grid, num_tokens=tokens, num_supervised=supervised)
        for grid, tokens, supervised in zip(grids, num_tokens, num_supervised, strict=True)
    ]


def summarize(
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
    """Compute the figures of all steps after the first `num_warmup`; `spec.num_crops` is the number that was used."""
    measured = timings[num_warmup:]
    num = len(measured)
    step_seconds = summarize_times([timing.seconds for timing in measured])
    micro_batches = [rows for timing in measured for rows in timing.micro_batches]
    rows = [row for batch in micro_batches for row in batch]
    multiple = length_multiple(spec)
    useful = useful_flops(config, spec, rows).total / 1e12
    executed = executed_flops(config, spec, micro_batches, spec.num_crops or 1, multiple).total / 1e12
    positions = sum(
        len(batch) * -(-max(row.num_tokens for row in batch) // multiple) * multiple for batch in micro_batches
    )
    tokens = sum(row.num_tokens for row in rows)
    image_tokens = sum(count_tokens(*row.grid, config.lines_per_tile) for row in rows)
    seconds = num * step_seconds.median
    return Throughput(
        samples_per_second=ranks.total(len(rows)) / seconds,
        text_tokens_per_second=ranks.total(tokens - image_tokens) / seconds,
        picture_tokens_per_second=ranks.total(image_tokens) / seconds,
        tflops=useful / seconds,
        executed_tflops=executed / seconds,
        peak_tflops=peak_tflops,
        share_of_peak=useful / seconds / peak_tflops,
        waiting_share=sum(timing.waited for timing in measured) / sum(timing.seconds for timing in measured),
        padding_share=1 - tokens / positions,
        step_seconds=step_seconds,
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


def summarize_times(seconds: Sequence[float]) -> StepSeconds:
    """Return median, extremes and quartiles, interpolated linearly between the steps."""
    several = [*seconds, *seconds] if len(seconds) == 1 else seconds
    lower, median, upper = statistics.quantiles(several, n=4, method="inclusive")
    return StepSeconds(
        median=median, lower_quartile=lower, upper_quartile=upper, shortest=min(seconds), longest=max(seconds)
    )


@contextlib.contextmanager
def explain_out_of_memory(device: str, spec: TrainingSpec) -> Iterator[None]:
    """Raise ToileError where memory is too small; the allocator of the host reports it only in its message."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        messages = ("out of memory", "can't allocate memory", "not enough memory")
        known = isinstance(error, (torch.OutOfMemoryError, MemoryError))
        if not known and not any(message in str(error) for message in messages):
            raise
        size = spec.micro_batch_size or spec.batch_size
        problem = f"has {TOO_LITTLE_MEMORY} for {size} examples at once"
        raise ToileError(device, problem, "set a smaller --micro-batch-size, or --with checkpointing") from error


def override_spec(
    spec: TrainingSpec | None, *, on: Sequence[str] = (), off: Sequence[str] = (), **changes: Any
) -> TrainingSpec:
    """Return the spec, or a default one, with the command line's changes; a change to None keeps the spec's value.

    `on` and `off` are names of `SpeedSpec`, `rank` is the adapters', all others are fields of the spec. Raises
    ToileError for an unknown switch and for one that is on and off.
    """
    spec = spec or TrainingSpec(mix=(MixSource(data=SYNTHETIC),), max_steps=1)
    known = [field.name for field in dataclasses.fields(SpeedSpec)]
    for option, names in (("--with", on), ("--without", off)):
        for name in names:
            if name not in known:
                raise ToileError(f"{option} {name}", "is not a speed switch", f"choose from {', '.join(known)}")
    if both := set(on) & set(off):
        raise ToileError(f"--with {min(both)}", "is also --without", "leave out one of the two")
    speed = dataclasses.replace(spec.speed, **dict.fromkeys(on, True), **dict.fromkeys(off, False))
    rank = changes.pop("rank", None)
    lora = spec.lora if rank is None else dataclasses.replace(spec.lora, rank=rank)
    given = {name: value for name, value in changes.items() if value is not None}
    return dataclasses.replace(spec, **given, speed=speed, lora=lora)


def parse_image_size(text: str) -> tuple[int, int]:
    """Return width and height in px of "672" or "800x600". Raises ToileError for anything else."""
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isascii() and side.isdigit() for side in sides):
        raise ToileError(f"--picture-size {text}", "is not a size", "write 672, or 800x600 for width and height in px")
    return int(sides[0]), int(sides[-1])


def format_table(found: Throughput) -> str:
    """Return the figures as a table for people."""
    steps = found.step_seconds
    rows = [
        ("samples/s", f"{found.samples_per_second:.3g}"),
        ("text tokens/s", f"{found.text_tokens_per_second:,.0f}"),
        ("image tokens/s", f"{found.picture_tokens_per_second:,.0f}"),
        ("TFLOP/s", f"{found.tflops:.4g} of {found.peak_tflops:.4g} in square products: MFU {found.share_of_peak:.1%}"),
        ("TFLOP a sample", f"{found.useful_tflop_per_sample:.4g}, {found.executed_tflop_per_sample:.4g} executed"),
        ("seconds a step", f"{steps.median:.4g} (quartiles {steps.lower_quartile:.4g} and {steps.upper_quartile:.4g})"),
        ("waiting for data", f"{found.waiting_share:.1%}"),
        ("padding", f"{found.padding_share:.1%} of the positions"),
        ("memory", f"{found.memory_gb:.3g} GB at most, of the {found.memory_of}"),
        ("measured", f"{found.num_steps} steps, after {found.num_warmup_steps} in {found.warmup_seconds:.1f} s"),
        ("on", f"{found.device}" + (f", {found.processes} processes" if found.processes > 1 else "")),
    ]
    return "\n".join(f"{name:18}{value}" for name, value in rows)


def measure_matmul_peak(device: str, dtype: torch.dtype, sizes: Sequence[int] | None = None) -> float:
    """Return TFLOP/s of the fastest of several square products: each size three times, after one that is not timed.

    Entries are normally distributed, as in a model: a GPU needs less power for zeros and would run faster.
    """
    kind = device.split(":")[0]
    number = 20 if kind == "cuda" else 1
    best = 0.0
    for size in sizes or MATMUL_SIZES.get(kind, MATMUL_SIZES["cpu"]):
        left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
        product = left @ right
        synchronize(device)
        shortest = float("inf")
        for _ in range(_MATMUL_REPEATS):
            began = time.perf_counter()
            for _ in range(number):
                torch.mm(left, right, out=product)
            synchronize(device)
            shortest = min(shortest, time.perf_counter() - began)
        best = max(best, number * 2 * size**3 / shortest / 1e12)
        if shortest > _SLOW_SECONDS:
            break
    return best


def synchronize(device: str) -> None:
    """Wait until a GPU has finished its queue."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def reset_peak_memory(device: str) -> None:
    """Free unused memory and reset the peak."""
    gc.collect()
    if device.startswith("cuda"):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device: str) -> tuple[float, str]:
    """Return (10^9 bytes, "device" or "process"): tensors on a GPU, else the process's peak resident memory."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device) / 1e9, "device"
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9, "process"


def device_name(device: str) -> str:
    """Return the GPU's product name, or the device and its number of threads."""
    if device.startswith("cuda"):
        return str(torch.cuda.get_device_name(device))
    return f"{device}, {torch.get_num_threads()} threads"


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticSource:
    """Rows of random products in memory; a `finetune.data_mix.Source`."""

    folder: Path
    num_examples: int
    num_skipped: int
    content_sha256: str
    seed: int
    jpegs: tuple[bytes, ...]

    def currencies(self) -> set[str | None]:
        """Return US dollars."""
        return {"USD"}

    def example(self, row: int) -> Example:
        """Return a random product with a title of 4 to 9 words."""
        rng = np.random.default_rng([self.seed, 1, row])
        words = rng.choice(_WORDS, size=int(rng.integers(4, 10)))
        return Example(
            title=" ".join(words).capitalize(),
            category=str(rng.choice(_CATEGORIES)),
            full_price=float(rng.integers(50, 5000)),
            image=decode_rgb(self.jpegs[row % len(self.jpegs)]),
        )

    def seen(self) -> Iterator[dict[str, str | None]]:
        """Yield nothing: no test row is among these."""
        return iter(())


def make_synthetic_source(width_px: int, height_px: int, seed: int = 0, num_examples: int = 4096) -> SyntheticSource:
    """Return random products with images of one size. Raises ToileError for a size outside the bounds."""
    if not all(_MIN_PX <= side <= _MAX_PX for side in (width_px, height_px)):
        problem = f"is {width_px}x{height_px} px"
        raise ToileError("image size", problem, f"choose sides of {_MIN_PX} to {_MAX_PX} px")
    jpegs = tuple(_make_jpeg(width_px, height_px, seed, number) for number in range(_NUM_IMAGES))
    digest = hashlib.sha256(b"".join(jpegs)).hexdigest()
    return SyntheticSource(
        folder=Path(SYNTHETIC),
        num_examples=num_examples,
        num_skipped=0,
        content_sha256=digest,
        seed=seed,
        jpegs=jpegs,
    )


def _make_jpeg(width_px: int, height_px: int, seed: int, number: int) -> bytes:
    """Return a JPEG of soft patches of colour under some grain."""
    rng = np.random.default_rng([seed, 0, number])
    patches = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    soft = np.asarray(patches.resize((width_px, height_px), Image.Resampling.BICUBIC), dtype=np.float32)
    grain = rng.normal(0, _GRAIN, (height_px, width_px, 1)).astype(np.float32)
    image = Image.fromarray(np.clip(soft + grain, 0, 255).astype(np.uint8))
    file = io.BytesIO()
    image.save(file, format="JPEG", quality=_JPEG_QUALITY)
    return file.getvalue()
