"""The loss on validation rows, which decides what the best weights are and when to stop."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from finetune.collate import ExampleLoader
from finetune.data_loader import multiple_of, starts, unpacked, whole
from finetune.data_mix import Source
from finetune.distributed import Ranks
from finetune.model_setup import mixed_precision, ways
from finetune.phi3v.processing import Phi3VProcessor
from schemas.training import TrainingSpec

EXAMPLES = 256
"""At most so many, evenly from the validation splits of the mix, make the validation loss."""


def spread(sources: Sequence[Source], number: int = EXAMPLES) -> list[tuple[int, int]]:
    """(source, row) of at most `number` examples, evenly over the rows of every source."""
    each = max(1, number // len(sources)) if sources else 0
    return [
        (place, int(row))
        for place, source in enumerate(sources)
        for row in np.unique(np.linspace(0, source.num_examples - 1, min(each, source.num_examples)).astype(int))
    ]


@torch.no_grad()
def validation_loss(
    model: Any, processor: Phi3VProcessor, spec: TrainingSpec, sources: Sequence[Source], ranks: Ranks
) -> float | None:
    """Mean loss a token over the validation rows of all sources; None when there are none.

    Every process takes its share. One that has nothing left repeats the first row uncounted: divided weights need all
    processes at work.
    """
    places = spread(sources)
    if not places:
        return None
    loader = ExampleLoader(sources, processor, as_bytes=spec.speed.picture_bytes, multiple_of=multiple_of(spec))
    size = spec.micro_batch_size or max(1, spec.batch_size // ranks.size)
    mine = places[ranks.rank :: ranks.size]
    total, count = 0.0, 0
    training = model.training
    model.eval()
    for start in starts(places[:: ranks.size], size):
        part = mine[start : start + size]
        batch = whole(loader.collate([loader[place] for place in part or places[:1]]))
        moved = unpacked({name: tensor.to(ranks.device) for name, tensor in batch.items()}, processor)
        with mixed_precision(spec, ranks.device):
            loss = model(**moved, **ways(spec)).loss
        if part:
            num = int((batch["labels"] >= 0).sum())
            total, count = total + float(loss) * num, count + num
    model.train(training)
    return ranks.total(total) / ranks.total(count)
