"""Encode examples, collate them to the batches of each step, and move the batches to the device.

Worker processes decode images; batches are copied while a step computes. The prompt and the image are given, the answer
and its end token are learned. (sizes, weights, seed, step) alone decide which examples a step has: not micro-batches,
processes or restarts.

Shapes: B rows, T positions; images as `finetune.phi3v.processing` returns them.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from finetune.data_mix import Example, Source, mix
from finetune.distributed import Ranks
from finetune.phi3v.processing import END_OF_ANSWER, Phi3VProcessor, pad_rows
from finetune.phi3v.tiling import ImageBytes, ImageTiles
from generator.catalog.parallel import block_interrupts
from schemas.answer import PROMPT, render
from schemas.errors import ToileError
from schemas.training import TrainingSpec

Batch = dict[str, Tensor]
IGNORED = -100
"""Label of positions that are not learned."""
COMPILED_MULTIPLE = 16
"""Under torch.compile row lengths are multiples of this, so that few different lengths are compiled."""
_PREFETCHED_BATCHES = 4
"""Batches that each worker process prepares ahead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedExample:
    """One example as token ids and image tiles."""

    input_ids: list[int]
    num_prompt_ids: int
    """How many of the first ids are the prompt, which is not learned."""
    tiles: ImageTiles | ImageBytes


def encode_example(example: Example, processor: Phi3VProcessor, as_bytes: bool = False) -> EncodedExample:
    """Return the ids of prompt, answer and end token. A title is plain text: `<|end|>` inside it ends nothing.

    `as_bytes` leaves cutting and normalizing the image to the device.
    """
    tiles = processor.resize(example.image) if as_bytes else processor.tile(example.image)
    prompt = processor.tokenize(PROMPT, [tiles.num_tokens])
    answer = processor.encode_plain(render(example.title, example.category, example.full_price))
    end = int(processor.tokenizer.convert_tokens_to_ids(END_OF_ANSWER))
    return EncodedExample(input_ids=[*prompt, *answer, end], num_prompt_ids=len(prompt), tiles=tiles)


def collate(rows: Sequence[EncodedExample], processor: Phi3VProcessor, multiple_of: int = 1) -> Batch:
    """Return a right-padded batch; `labels` (B, T) are the ids of answer and end token, -100 everywhere else."""
    batch = processor.collate([row.input_ids for row in rows], [row.tiles for row in rows], multiple_of=multiple_of)
    labels = [[IGNORED] * row.num_prompt_ids + row.input_ids[row.num_prompt_ids :] for row in rows]
    length = batch["input_ids"].shape[1]
    return {**batch, "labels": pad_rows(labels, fill=IGNORED, padding_side="right", length=length)}


class ExampleLoader:
    """Encode (source, row) pairs: the dataset of a DataLoader, held by its worker processes."""

    def __init__(
        self, sources: Sequence[Source], processor: Phi3VProcessor, *, as_bytes: bool = False, multiple_of: int = 1
    ) -> None:
        self.sources = sources
        self.processor = processor
        self.as_bytes = as_bytes
        self.multiple_of = multiple_of

    def __getitem__(self, key: tuple[int, int]) -> EncodedExample | ToileError:
        """Return the encoded example, or its error: an error raised in a worker process would lose its hint."""
        source, row = key
        try:
            return encode_example(self.sources[source].example(row), self.processor, self.as_bytes)
        except ToileError as error:
            return error

    def collate(self, rows: Sequence[EncodedExample | ToileError]) -> Batch | ToileError:
        """Return the batch, or the first error among its rows; the `collate_fn` of a DataLoader."""
        usable = [row for row in rows if isinstance(row, EncodedExample)]
        errors = [row for row in rows if isinstance(row, ToileError)]
        return errors[0] if errors else collate(usable, self.processor, self.multiple_of)


def step_batches(
    spec: TrainingSpec,
    sources: Sequence[Source],
    processor: Phi3VProcessor,
    num_done: int,
    num_loaders: int,
    ranks: Ranks,
) -> Iterator[list[Batch]]:
    """Yield this process's micro-batches of each step after the first `num_done`, in host memory.

    `num_loaders` worker processes decode ahead; 0 decodes in this process.
    """
    if spec.batch_size % ranks.size:
        problem = f"is {spec.batch_size}, which {ranks.size} processes cannot share evenly"
        raise ToileError("batch_size", problem, f"choose a multiple of {ranks.size}, or another number of processes")
    first, last = num_done * spec.batch_size, spec.max_steps * spec.batch_size
    sizes = [source.num_examples for source in sources]
    source, row = mix(sizes, [entry.weight for entry in spec.mix], spec.seed, first, last)
    keys = list(zip(source.tolist(), row.tolist(), strict=True))
    shares = [
        keys[start : start + spec.batch_size][ranks.rank :: ranks.size] for start in chunk_starts(keys, spec.batch_size)
    ]
    size = micro_batch_size(spec, ranks)
    micro_batches = [share[start : start + size] for share in shares for start in chunk_starts(share, size)]
    examples = ExampleLoader(sources, processor, as_bytes=spec.speed.picture_bytes, multiple_of=length_multiple(spec))
    loader: DataLoader[Any] = DataLoader(
        examples,  # type: ignore[arg-type]  # indexed by (source, row), which the batch sampler gives
        batch_sampler=micro_batches,
        collate_fn=examples.collate,
        num_workers=num_loaders,
        prefetch_factor=_PREFETCHED_BATCHES if num_loaders else None,
        pin_memory=ranks.device.startswith("cuda"),
    )
    with block_interrupts():  # the worker processes end with this one
        batches = iter(loader)
    for share in shares:
        yield [raise_if_error(next(batches)) for _ in chunk_starts(share, size)]


def micro_batch_size(spec: TrainingSpec, ranks: Ranks) -> int:
    """Return the number of examples that one process computes at once."""
    share = max(1, spec.batch_size // ranks.size)
    return min(spec.micro_batch_size or share, share)


def chunk_starts(items: Sequence[Any], size: int) -> range:
    """Return the start indices of consecutive chunks of at most `size` items."""
    return range(0, len(items), size)


def length_multiple(spec: TrainingSpec) -> int:
    """Return the number that the row lengths of batches are multiples of."""
    return COMPILED_MULTIPLE if spec.speed.compile else 1


def raise_if_error(batch: Batch | ToileError) -> Batch:
    """Return the batch, or raise the error of one of its examples."""
    if isinstance(batch, ToileError):
        raise batch
    return batch


@dataclass(slots=True)
class Prefetcher:
    """Deliver the batches of one step after another on the device; `num_supervised` and `waited` are of the last."""

    steps: Iterator[list[Batch]]
    processor: Phi3VProcessor
    device: str
    ahead: bool
    """Whether `prefetch` does anything."""
    num_supervised: int = 0
    """Supervised positions in this process's share of the step."""
    waited: float = 0.0
    """Seconds in which the device was idle because the batch was not ready."""
    _next: tuple[list[Batch], int, float] | None = None
    _stream: Any = field(default=None)

    def __post_init__(self) -> None:
        if self.device.startswith("cuda"):
            self._stream = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]

    def next_step(self) -> list[Batch]:
        """Return the batches of the next step. Raises StopIteration after the last."""
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

    def prefetch(self) -> None:
        """Fetch the next step's batches while the device works on its queue."""
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
        """Return batches, supervised positions, and the seconds for which an idle device waited.

        `busy` is a CUDA event behind the queued work, or None. A device that is still busy when the batches arrive has
        not waited. One that has finished meanwhile counts as having waited for all of it: an upper bound.
        """
        began = time.perf_counter()
        batches = next(self.steps)
        seconds = time.perf_counter() - began
        waited = 0.0 if busy is not None and not busy.query() else seconds
        num_supervised = sum(int((batch["labels"] >= 0).sum()) for batch in batches)
        return [self._move(batch) for batch in batches], num_supervised, waited

    def _move(self, batch: Batch) -> Batch:
        if self._stream is None:
            return unpack_images({name: tensor.to(self.device) for name, tensor in batch.items()}, self.processor)
        with torch.cuda.stream(self._stream):
            return unpack_images(_copy_to_gpu(batch, self.device), self.processor)


def _copy_to_gpu(batch: Batch, device: str) -> Batch:
    """Copy all but `image_sizes`: Python reads the sizes, and on the device each read would wait for it."""
    return {
        name: tensor if name == "image_sizes" else tensor.to(device, non_blocking=True)
        for name, tensor in batch.items()
    }


def unpack_images(batch: Batch, processor: Phi3VProcessor) -> Batch:
    """Cut and normalize the images on the device where they are bytes; return other batches unchanged."""
    return processor.unpack(batch) if "pixel_bytes" in batch else batch
