"""Evaluate a model during training: the loss on validation rows, and answers to a few images.

The validation loss decides which weights are the best and when to stop. The answers are something to look at, not a
score.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from finetune.data_loader import ExampleLoader, chunk_starts, length_multiple, raise_if_error, unpack_images
from finetune.data_mix import Source
from finetune.distributed import Ranks
from finetune.model_setup import forward_kwargs, mixed_precision
from finetune.phi3v.processing import Phi3VProcessor
from finetune.tracking import LoggedExample
from schemas.answer import PROMPT, render
from schemas.training import TrainingSpec

MAX_VALIDATION_ROWS = 256
"""Rows of the validation loss, evenly from the validation splits of the mix."""
NUM_ANSWERS = 16
ANSWER_BATCH_SIZE = 8
MAX_NEW_TOKENS = 96


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
    size = spec.micro_batch_size or max(1, spec.batch_size // ranks.size)
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
    model: Any, processor: Phi3VProcessor, sources: Sequence[Source], device: str
) -> list[LoggedExample]:
    """Return greedy answers to `NUM_ANSWERS` images, evenly spaced over the rows of the sources."""
    examples = [sources[source].example(row) for source, row in sample_validation_rows(sources, NUM_ANSWERS)]
    logged: list[LoggedExample] = []
    training = model.training
    model.eval()
    for start in chunk_starts(examples, ANSWER_BATCH_SIZE):
        part = examples[start : start + ANSWER_BATCH_SIZE]
        batch = processor([PROMPT] * len(part), [[example.image] for example in part], padding_side="left")
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
