"""What a model answers to a few pictures after training: something to look at, not a score."""

from collections.abc import Sequence
from typing import Any

import torch

from finetune.data_loader import starts
from finetune.data_mix import Source
from finetune.phi3v.processing import Phi3VProcessor
from finetune.tracking import Answered
from finetune.validation import spread
from schemas.answer import PROMPT, render

EXAMPLES = 16
AT_ONCE = 8
MAX_NEW_TOKENS = 96


@torch.no_grad()
def answered_examples(model: Any, processor: Phi3VProcessor, sources: Sequence[Source], device: str) -> list[Answered]:
    """Greedy answers to `EXAMPLES` pictures, evenly over the rows of the sources."""
    examples = [sources[source].example(row) for source, row in spread(sources, EXAMPLES)]
    answered: list[Answered] = []
    training = model.training
    model.eval()
    for start in starts(examples, AT_ONCE):
        part = examples[start : start + AT_ONCE]
        batch = processor([PROMPT] * len(part), [[example.picture] for example in part], padding_side="left")
        ids = model.generate(
            **{name: tensor.to(device) for name, tensor in batch.items()},
            max_new_tokens=MAX_NEW_TOKENS,
            do_sample=False,
            eos_token_id=processor.stop_token_ids,
            pad_token_id=processor.pad_token_id,
        )
        for example, row in zip(part, ids[:, batch["input_ids"].shape[1] :].tolist(), strict=True):
            true = render(example.title, example.category, example.full_price)
            answered.append(Answered(picture=example.picture, true=true, answered=processor.decode(row)))
    model.train(training)
    return answered
