"""Examples -> batches: the prompt and the picture are given, the answer and its end token are learned.

Shapes: B rows, T positions; pictures as `finetune.phi3v.processing` returns them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from finetune.data_mix import Example, Source
from finetune.phi3v.processing import END_OF_ANSWER, Phi3VProcessor, pad_rows
from finetune.phi3v.tiling import PictureBytes, PictureTiles
from schemas.answer import PROMPT, render
from schemas.errors import ToileError

IGNORED = -100


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """One example as ids and tiles."""

    input_ids: list[int]
    num_prompt_ids: int
    """Of these ids, the first ones, which are not learned."""
    tiles: PictureTiles | PictureBytes


def encode(example: Example, processor: Phi3VProcessor, as_bytes: bool = False) -> Encoded:
    """Ids of prompt, answer and end token. A title is plain text: `<|end|>` inside it ends nothing.

    `as_bytes` leaves the arithmetic on pictures to the device.
    """
    tiles = processor.enlarge(example.picture) if as_bytes else processor.tile(example.picture)
    prompt = processor.tokenize(PROMPT, [tiles.num_tokens])
    answer = processor.encode_plain(render(example.title, example.category, example.full_price))
    end = int(processor.tokenizer.convert_tokens_to_ids(END_OF_ANSWER))
    return Encoded(input_ids=[*prompt, *answer, end], num_prompt_ids=len(prompt), tiles=tiles)


def collate(rows: Sequence[Encoded], processor: Phi3VProcessor, multiple_of: int = 1) -> dict[str, Tensor]:
    """A right-padded batch with `labels` (B, T): the ids of answer and end token, -100 everywhere else."""
    batch = processor.collate([row.input_ids for row in rows], [row.tiles for row in rows], multiple_of=multiple_of)
    labels = [[IGNORED] * row.num_prompt_ids + row.input_ids[row.num_prompt_ids :] for row in rows]
    length = batch["input_ids"].shape[1]
    return {**batch, "labels": pad_rows(labels, fill=IGNORED, padding_side="right", length=length)}


class ExampleLoader:
    """Encodes (source, row) pairs; what the worker processes of a DataLoader hold."""

    def __init__(
        self, sources: Sequence[Source], processor: Phi3VProcessor, *, as_bytes: bool = False, multiple_of: int = 1
    ) -> None:
        self.sources = sources
        self.processor = processor
        self.as_bytes = as_bytes
        self.multiple_of = multiple_of

    def __getitem__(self, place: tuple[int, int]) -> Encoded | ToileError:
        """The encoded example, or what is wrong with it: an error raised in a worker process would lose its hint."""
        source, row = place
        try:
            return encode(self.sources[source].example(row), self.processor, self.as_bytes)
        except ToileError as error:
            return error

    def collate(self, rows: Sequence[Encoded | ToileError]) -> dict[str, Tensor] | ToileError:
        """For a DataLoader's `collate_fn`; the first error of the batch instead of it."""
        usable = [row for row in rows if isinstance(row, Encoded)]
        errors = [row for row in rows if isinstance(row, ToileError)]
        return errors[0] if errors else collate(usable, self.processor, self.multiple_of)
