"""One optimizer step: gradients of all its micro-batches into the master weights, clipping, AdamW, learning rate.

The loss of a step is the sum over its supervised tokens divided by their number in the whole step. So neither
micro-batches nor processes nor answer lengths change it (transformers issue 34191 shows what happens otherwise).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from finetune.data_loader import Batch, Prefetcher
from finetune.distributed import Ranks, without_sync
from finetune.model_setup import MasterWeights, forward_kwargs, mixed_precision
from schemas.training import OptimiserSpec, TrainingSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """The loss and gradients of a step before the update; over all processes, except `waited`."""

    loss: float
    """Mean over the supervised tokens, in nats a token."""
    gradient_norm: float
    """L2 norm before clipping."""
    num_supervised: int
    """Supervised positions."""
    waited: float
    """Seconds in which this process had no batch for this step."""


def make_optimizer(masters: MasterWeights, optimiser: OptimiserSpec, fused: bool = True) -> torch.optim.Optimizer:
    """Return AdamW over the master weights; vectors (norms, biases, separators) get no weight decay."""
    decayed = [master for master in masters.by_name.values() if master.ndim >= 2]
    others = [master for master in masters.by_name.values() if master.ndim < 2]
    groups = [{"params": decayed, "weight_decay": optimiser.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=optimiser.learning_rate,
        betas=(optimiser.beta1, optimiser.beta2),
        fused=fused,
    )


def learning_rate(optimiser: OptimiserSpec, step: int, num_steps: int) -> float:
    """Return the rate of step 1, 2, ..., num_steps: a linear warm-up, then constant or falling to 0 after the end."""
    peak, warmup = optimiser.learning_rate, optimiser.warmup_steps
    if step <= warmup:
        return peak * step / warmup
    done = (step - 1 - warmup) / max(num_steps - warmup, 1)
    if optimiser.schedule == "constant":
        return peak
    return peak * (1 - done) if optimiser.schedule == "linear" else peak * (1 + math.cos(math.pi * done)) / 2


def forward_backward(
    model: nn.Module, masters: MasterWeights, prefetcher: Prefetcher, step: int, spec: TrainingSpec, ranks: Ranks
) -> StepResult:
    """Compute the clipped gradients of the next step into the master weights; prefetch while a GPU is busy.

    Random numbers depend on seed, step and process only, so dropout continues after a restart as it would have.
    """
    batches = prefetcher.next_step()
    torch.manual_seed((spec.seed * 1_000_003 + step) * ranks.size + ranks.rank)
    num_supervised, waited = int(ranks.total(prefetcher.num_supervised)), prefetcher.waited
    part = backward(model, masters, batches, num_supervised, spec, ranks)
    norm = clip_gradients(masters, spec.optimiser.max_grad_norm)
    prefetcher.prefetch()
    loss = ranks.total(float(part))
    return StepResult(loss=loss, gradient_norm=float(norm), num_supervised=num_supervised, waited=waited)


def backward(
    model: nn.Module,
    masters: MasterWeights,
    batches: Sequence[Batch],
    num_supervised: int,
    spec: TrainingSpec,
    ranks: Ranks,
) -> Tensor:
    """Add the gradients of one step to the master weights; return this process's part of the loss, a scalar tensor.

    `num_supervised` is the number of supervised positions of the whole step on all processes.
    """
    loss = torch.zeros((), device=ranks.device)
    for number, batch in enumerate(batches):
        last = number == len(batches) - 1
        with without_sync(model, last):
            with mixed_precision(spec, ranks.device):
                part = model(**batch, **forward_kwargs(spec), num_supervised=num_supervised).loss
            (part * ranks.size).backward()  # processes take the mean of their gradients, the step needs the sum
        loss += part.detach()
        if last or ranks.size == 1:
            masters.collect_gradients()
    return loss


def clip_gradients(masters: MasterWeights, max_norm: float) -> Tensor:
    """Scale the gradients down to the L2 norm `max_norm`; return the norm before."""
    norm = nn.utils.clip_grad_norm_(masters.by_name.values(), max_norm)
    return norm.full_tensor() if hasattr(norm, "full_tensor") else norm


def optimizer_step(masters: MasterWeights, optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Do one AdamW step at this learning rate, clear the gradients and copy the weights to the model."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    masters.copy_to_model()
