"""One optimiser step: gradients of all its micro-batches into the masters, the norm cut, AdamW.

The loss of a step is the sum over its supervised tokens divided by their number in the whole step, so neither
micro-batches nor processes nor answer lengths change it (transformers issue 34191 is what happens otherwise).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from finetune.data_loader import Batch, Feed
from finetune.distributed import Ranks, without_sync
from finetune.model_setup import mixed_precision, ways
from finetune.optimizer import Masters
from schemas.training import TrainingSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a step found before it moves anything; of all processes together, but for `waited`."""

    loss: float
    gradient_norm: float
    """Before it was cut."""
    num_supervised: int
    """Learned positions."""
    waited: float
    """Seconds in which there was no batch for this step."""


def gradients(model: nn.Module, masters: Masters, feed: Feed, step: int, spec: TrainingSpec, ranks: Ranks) -> Taken:
    """Gradients of the feed's next step, cut, in the masters. Looks ahead in the feed while a GPU is busy.

    Random numbers depend on seed, step and process alone, so that dropout continues as it would have.
    """
    batches = feed.step()
    torch.manual_seed((spec.seed * 1_000_003 + step) * ranks.size + ranks.rank)
    num_supervised, waited = int(ranks.total(feed.num_supervised)), feed.waited
    part = backward(model, masters, batches, num_supervised, spec, ranks)
    norm = clip(masters, spec.optimiser.max_grad_norm)
    feed.look_ahead()
    loss = ranks.total(float(part))
    return Taken(loss=loss, gradient_norm=float(norm), num_supervised=num_supervised, waited=waited)


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
