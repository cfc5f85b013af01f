"""Sources -> the batches of each step on the device: decoded by worker processes, copied while a step computes.

Which examples a step has is decided by (sizes, weights, seed, step) alone: not by batches, processes or restarts.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from finetune.collate import ExampleLoader
from finetune.data_mix import Source, mix
from finetune.distributed import Ranks
from finetune.phi3v.processing import Phi3VProcessor
from schemas.errors import ToileError
from schemas.training import TrainingSpec

Batch = dict[str, Tensor]
COMPILED_MULTIPLE = 16
"""Compiled layers want few different lengths."""


def step_batches(
    spec: TrainingSpec,
    sources: Sequence[Source],
    processor: Phi3VProcessor,
    num_done: int,
    num_loaders: int,
    ranks: Ranks,
) -> Iterator[list[Batch]]:
    """This process's micro-batches of each step after the first `num_done`, on the host."""
    if spec.batch_size % ranks.size:
        problem = f"is {spec.batch_size}, which {ranks.size} processes cannot share evenly"
        raise ToileError("batch_size", problem, f"choose a multiple of {ranks.size}, or another number of processes")
    first, last = num_done * spec.batch_size, spec.max_steps * spec.batch_size
    sizes = [source.num_examples for source in sources]
    source, row = mix(sizes, [entry.weight for entry in spec.mix], spec.seed, first, last)
    places = list(zip(source.tolist(), row.tolist(), strict=True))
    mine = [
        places[start : start + spec.batch_size][ranks.rank :: ranks.size] for start in starts(places, spec.batch_size)
    ]
    size = min(spec.micro_batch_size or spec.batch_size, spec.batch_size // ranks.size)
    micro = [share[start : start + size] for share in mine for start in starts(share, size)]
    examples = ExampleLoader(sources, processor, as_bytes=spec.speed.picture_bytes, multiple_of=multiple_of(spec))
    loader: DataLoader[Any] = DataLoader(
        examples,  # type: ignore[arg-type]  # indexed by (source, row), which the batch sampler gives
        batch_sampler=micro,
        collate_fn=examples.collate,
        num_workers=num_loaders,
        prefetch_factor=4 if num_loaders else None,
        pin_memory=ranks.device.startswith("cuda"),
    )
    batches = iter(loader)
    for share in mine:
        yield [whole(next(batches)) for _ in starts(share, size)]


def starts(items: Sequence[Any], size: int) -> range:
    """Where the parts of at most `size` items begin."""
    return range(0, len(items), size)


def multiple_of(spec: TrainingSpec) -> int:
    """Lengths of batches are multiples of it."""
    return COMPILED_MULTIPLE if spec.speed.compile else 1


def whole(batch: Batch | ToileError) -> Batch:
    """The batch, or the error of one of its examples, raised here."""
    if isinstance(batch, ToileError):
        raise batch
    return batch


@dataclass(slots=True)
class Feed:
    """The batches of one step after the other, on the device; `num_supervised` and `waited` are of the last one."""

    steps: Iterator[list[Batch]]
    processor: Phi3VProcessor
    device: str
    ahead: bool
    """Whether `look_ahead` does anything."""
    num_supervised: int = 0
    """Positions of this process's share that are learned."""
    waited: float = 0.0
    """Seconds in which the device had nothing to do because the batch was not there."""
    _next: tuple[list[Batch], int, float] | None = None
    _stream: Any = field(default=None)

    def __post_init__(self) -> None:
        if self.device.startswith("cuda"):
            self._stream = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]

    def step(self) -> list[Batch]:
        """The batches of the next step. Raises StopIteration after the last."""
        batches, self.num_supervised, self.waited = self._next or self._fetch(None)
        self._next = None
        if self._stream is not None:
            current = torch.cuda.current_stream(self.device)
            current.wait_stream(self._stream)
            for batch in batches:
                for tensor in batch.values():
                    if tensor.is_cuda:
                        tensor.record_stream(current)
        return batches

    def look_ahead(self) -> None:
        """Fetch the next step's batches while the device is busy with what it was given."""
        if self.ahead:
            busy = None
            if self._stream is not None:
                busy = torch.cuda.Event()  # type: ignore[no-untyped-call]
                busy.record(torch.cuda.current_stream(self.device))
            try:
                self._next = self._fetch(busy)
            except StopIteration:
                self._next = None

    def _fetch(self, busy: Any) -> tuple[list[Batch], int, float]:
        """Batches, supervised positions, and the seconds for which an idle device waited.

        A device that is still `busy` when the batches arrive has not waited. One that has finished meanwhile is taken
        to have waited for all of it: an upper bound.
        """
        began = time.perf_counter()
        batches = next(self.steps)
        seconds = time.perf_counter() - began
        waited = 0.0 if busy is not None and not busy.query() else seconds
        num_supervised = sum(int((batch["labels"] >= 0).sum()) for batch in batches)
        return [self._move(batch) for batch in batches], num_supervised, waited

    def _move(self, batch: Batch) -> Batch:
        if self._stream is None:
            return unpacked({name: tensor.to(self.device) for name, tensor in batch.items()}, self.processor)
        with torch.cuda.stream(self._stream):
            return unpacked(on_device(batch, self.device), self.processor)


def on_device(batch: Batch, device: str) -> Batch:
    """All but the sizes of pictures, which Python reads: on the device they would make it wait."""
    return {
        name: tensor if name == "image_sizes" else tensor.to(device, non_blocking=True)
        for name, tensor in batch.items()
    }


def unpacked(batch: Batch, processor: Phi3VProcessor) -> Batch:
    """With pictures cut and normalised, where they came as bytes."""
    return processor.unpack(batch) if "pixel_bytes" in batch else batch
