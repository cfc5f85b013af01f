"""The adapter's product added in place to its base's: y = x W' + b, then y += s (x A') B'.

PEFT computes the second term whole, scales it and adds it: three more passes over an output that is 16,384 wide in the
published model's largest layer. Hu et al. 2021 (arXiv 2106.09685), section 4.1, is the formula; the gradients are its
derivatives with a frozen W.

Shapes: x (..., I), W (O, I), A (R, I), B (O, R), y (..., O).
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LoraProduct(torch.autograd.Function):
    """One linear layer with its adapter."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scale: float) -> Tensor:
        """(..., O)."""
        rows = x.reshape(-1, x.shape[-1])
        narrow = rows @ a.T
        y = F.linear(rows, weight, bias).addmm_(narrow, b.T, alpha=scale)
        ctx.save_for_backward(rows, weight, a, b, narrow)
        ctx.scale, ctx.shape = scale, x.shape
        return y.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None, None, Tensor, Tensor, None]:
        """Of x, A and B."""
        rows, weight, a, b, narrow = ctx.saved_tensors
        dy = gradients[0].reshape(-1, gradients[0].shape[-1])
        d_narrow = (dy @ b).mul_(ctx.scale)
        dx = None
        if ctx.needs_input_grad[0]:
            dx = torch.addmm(dy @ weight, d_narrow, a).view(ctx.shape)
        return dx, None, None, d_narrow.T @ rows, (dy.T @ narrow).mul_(ctx.scale), None


def fuse(model: nn.Module) -> int:
    """Let every plain adapter layer compute in this way; returns how many. Layers with dropout or in 4 bits stay."""
    from peft.tuners.lora import Linear

    fused = 0
    for layer in model.modules():
        if not isinstance(layer, Linear) or list(layer.active_adapters) != ["default"]:
            continue
        base = layer.get_base_layer()
        if type(base) is nn.Linear and isinstance(layer.lora_dropout["default"], nn.Identity):
            layer.forward = _forward_of(layer)
            fused += 1
    return fused


def unfuse(model: nn.Module) -> None:
    """Give the layers their own `forward` back."""
    for layer in model.modules():
        layer.__dict__.pop("forward", None)


def _forward_of(layer: Any) -> Any:
    def forward(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        base = layer.get_base_layer()
        a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
        if x.dtype != a.dtype or base.weight.dtype != a.dtype or layer.disable_adapters or layer.merged:
            plain: Tensor = type(layer).forward(layer, x, *args, **kwargs)
            return plain
        product: Tensor = LoraProduct.apply(  # type: ignore[no-untyped-call]
            x, base.weight, base.bias, a, b, layer.scaling["default"]
        )
        return product

    return forward
