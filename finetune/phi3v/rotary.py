"""Rotary positions with two sets of frequencies, chosen for each row by that row's own length.

Phi-3 divides its rotary frequencies by "short" factors, and by "long" factors in rows longer than 4096 positions. The
published code (and transformers) look at the longest row of a batch and treat all rows alike, so a short row changes
its logits when a long one stands beside it. Here a row's factors depend on that row alone. Source:
Phi3SuScaledRotaryEmbedding in modeling_phi3_v.py; LongRoPE, arXiv 2402.13753, section 3.

Shapes: B batch, T positions, D size of a head, P = D / 2 pairs.
"""

import torch
from torch import Tensor, nn

from finetune.phi3v.configuration import Phi3VConfig, attention_scaling


class LongRope(nn.Module):
    """Cosines and sines for the positions of a batch; no parameters and nothing that changes between calls."""

    short_P: Tensor
    long_P: Tensor

    def __init__(self, config: Phi3VConfig) -> None:
        super().__init__()
        self.scaling = attention_scaling(config)
        self.switch_length = config.original_max_position_embeddings
        rope = config.rope_parameters
        head_size = config.hidden_size // config.num_attention_heads
        exponent_P = torch.arange(0, head_size, 2, dtype=torch.float32, device="cpu") / head_size
        base_P = rope["rope_theta"] ** exponent_P
        for name in ("short", "long"):
            factor_P = torch.tensor(rope[f"{name}_factor"], dtype=torch.float32, device="cpu")
            self.register_buffer(f"{name}_P", 1.0 / (factor_P * base_P), persistent=False)

    def forward(self, x: Tensor, position_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Two (B, T, D) tensors in the type of `x`, from (B, T) positions; a row is as long as its largest plus one."""
        length_B11 = position_ids.amax(dim=-1)[:, None, None] + 1
        frequency_B1P = torch.where(length_B11 > self.switch_length, self.long_P.float(), self.short_P.float())
        angle_BTP = position_ids[..., None].float() * frequency_B1P
        angle_BTD = torch.cat((angle_BTP, angle_BTP), dim=-1)
        return (angle_BTD.cos() * self.scaling).to(x.dtype), (angle_BTD.sin() * self.scaling).to(x.dtype)


def positions_from_mask(attention_mask_BT: Tensor) -> Tensor:
    """(B, T) positions that count the real tokens of a row from 0; padding on either side never lengthens a row."""
    return (attention_mask_BT.long().cumsum(dim=-1) - 1).clamp(min=0)
