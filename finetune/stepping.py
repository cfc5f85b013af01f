"""One optimiser step: gradients of all its micro-batches into the masters, the norm cut, AdamW.

The loss of a step is the sum over its supervised tokens divided by their number in the whole step, so neither
micro-batches nor processes nor answer lengths change it (transformers issue 34191 is what happens otherwise).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from finetune.feeding import Batch
from finetune.optimising import Masters
from finetune.ranks import Ranks, without_sync
from finetune.trainable import mixed_precision, ways
from schemas.training import TrainingSpec


def backward(
    model: nn.Module, masters: Masters, batches: Sequence[Batch], num_supervised: int, spec: TrainingSpec, ranks: Ranks
) -> Tensor:
    """Gradients of one step into the masters; returns this process's part of the loss, on the device.

    `num_supervised` is the number of learned positions of the whole step, on all processes.
    """
    loss = torch.zeros((), device=ranks.device)
    for number, batch in enumerate(batches):
        last = number == len(batches) - 1
        with without_sync(model, last):
            with mixed_precision(spec, ranks.device):
                part = model(**batch, **ways(spec), num_supervised=num_supervised).loss
            (part * ranks.size).backward()  # processes take the mean of their gradients, the step wants the sum
        loss += part.detach()
        if last or ranks.size == 1:
            masters.collect_gradients()
    return loss


def clip(masters: Masters, max_norm: float) -> Tensor:
    """Scale the gradients down to this L2 norm; returns what it was."""
    norm = nn.utils.clip_grad_norm_(masters.by_name.values(), max_norm)
    return norm.full_tensor() if hasattr(norm, "full_tensor") else norm


def update(masters: Masters, optimiser: torch.optim.Optimizer, rate: float) -> None:
    """One step of AdamW at this rate; gradients are gone afterwards."""
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    masters.hand_down()
