"""A frozen decoder in 4 bits (QLoRA, Dettmers et al. 2023, arXiv 2305.14314): NormalFloat4, computed in the run's type.

The only importer of bitsandbytes, which is optional. Adapters trained on a 4-bit base are laid over the base in its own
numbers afterwards, as QLoRA does.
"""

from typing import Any

import torch
from torch import nn

from schemas.errors import ToileError


def quantise(model: Any, kind: str, dtype: torch.dtype) -> None:
    """Replace the linear layers of the decoder's blocks; head, embeddings and vision tower stay as they are."""
    assert kind == "nf4", kind
    try:
        import bitsandbytes as bnb
    except ImportError as error:
        hint = "pip install bitsandbytes, or quantise: none"
        raise ToileError("quantise", "bitsandbytes is not installed", hint) from error
    for layer in model.model.layers:
        for holder in (layer.self_attn, layer.mlp):
            for name, linear in list(holder.named_children()):
                if not isinstance(linear, nn.Linear):
                    continue
                small = bnb.nn.Linear4bit(
                    linear.in_features, linear.out_features, bias=False, compute_dtype=dtype, quant_type="nf4"
                )
                weight = linear.weight.detach()
                small.weight = bnb.nn.Params4bit(weight.cpu(), requires_grad=False, quant_type="nf4", module=small)
                setattr(holder, name, small.to(weight.device))  # moving it to its device is what quantises it
    model.is_loaded_in_4bit = True  # what PEFT looks at
