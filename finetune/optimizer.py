"""AdamW with float32 masters, its groups and its learning rates.

A small step on a large weight is lost in bfloat16, so AdamW moves float32 masters; the model computes with copies in
its own type, cast once a step (Micikevicius et al. 2018, arXiv 1710.03740, section 3.1). Where the model computes in
float32 a master is the parameter itself and nothing is copied.
"""

import math

import torch
from torch import Tensor, nn

from schemas.training import OptimiserSpec


def trained(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that move, by name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


class Masters:
    """`by_name`: what AdamW moves, by the names of the parameters; `working`: what the model computes with."""

    def __init__(self, model: nn.Module, dtype: torch.dtype | None) -> None:
        """Cast the parameters to `dtype`, keeping what they were; None leaves them as they are.

        Frozen ones of a full fine-tune are float32 like the others, and what they hand on must fit the next layer.
        """
        self.working = trained(model)
        self.by_name = dict(self.working)
        for name, parameter in self.working.items():
            if dtype is not None and parameter.dtype != dtype:
                self.by_name[name] = nn.Parameter(parameter.detach())
                parameter.data = parameter.data.to(dtype)
        both = zip(self.working.values(), self.by_name.values(), strict=True)
        self.pairs = [(working, master) for working, master in both if working is not master]
        """Those that are kept twice."""
        self.frozen: list[tuple[nn.Parameter, Tensor]] = []
        """Those that were cast and do not move, with what they were."""
        for parameter in model.parameters():
            if dtype not in {None, torch.float32} and not parameter.requires_grad and parameter.dtype == torch.float32:
                self.frozen.append((parameter, parameter.data))
                parameter.data = parameter.data.to(dtype)

    def values(self) -> dict[str, Tensor]:
        """What a state keeps, by name."""
        return {name: master.detach() for name, master in self.by_name.items()}

    def collect_gradients(self) -> None:
        """Add the gradients of the working parameters to those of the masters, in float32, and forget them."""
        for working, master in self.pairs:
            if working.grad is not None:
                gradient = working.grad.to(master.dtype)
                master.grad = gradient if master.grad is None else master.grad.add_(gradient)
                working.grad = None

    @torch.no_grad()
    def hand_down(self) -> None:
        """Round the masters to what the model computes with."""
        if self.pairs:
            torch._foreach_copy_([working for working, _ in self.pairs], [master for _, master in self.pairs])

    def unround(self) -> None:
        """Put the masters themselves into the model: what is saved."""
        for working, master in (*self.pairs, *self.frozen):
            working.data = master.data

    @torch.no_grad()
    def load(self, values: dict[str, Tensor]) -> None:
        """Take the values of a saved state, name by name."""
        assert self.by_name.keys() == values.keys(), sorted(self.by_name.keys() ^ values.keys())[:5]
        for name, value in values.items():
            self.by_name[name].copy_(value)
        self.hand_down()


def make_optimiser(masters: Masters, optimiser: OptimiserSpec, fused: bool = True) -> torch.optim.Optimizer:
    """AdamW over the masters; no decay on vectors (norms, biases, separators)."""
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
    """The rate of step 1, 2, ..., num_steps: a linear warm-up, then constant or falling to 0 just after the end."""
    peak, warmup = optimiser.learning_rate, optimiser.warmup_steps
    if step <= warmup:
        return peak * step / warmup
    done = (step - 1 - warmup) / max(num_steps - warmup, 1)
    if optimiser.schedule == "constant":
        return peak
    return peak * (1 - done) if optimiser.schedule == "linear" else peak * (1 + math.cos(math.pi * done)) / 2
