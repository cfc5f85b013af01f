"""Weights drawn from a seed, for any size of the model: the start of tiny, and a full-size stand-in without a download.

The full-size model has the published shapes and costs what the published one costs in memory and time; it knows
nothing.
"""

import math

import torch
from torch import Tensor, nn

from finetune.phi3v.configuration import Phi3VConfig
from finetune.phi3v.modeling import Phi3VForCausalLM


def full_size_config() -> Phi3VConfig:
    """The published sizes, 4,146,621,440 parameters; the rope factors are smooth stand-ins for the published lists."""
    return Phi3VConfig(
        vocab_size=32064,
        hidden_size=3072,
        intermediate_size=8192,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=32,
        max_position_embeddings=131072,
        original_max_position_embeddings=4096,
        rope_parameters={
            "rope_type": "longrope",
            "rope_theta": 10000.0,
            "short_factor": [1.0 + 2.0 * pair / 48 for pair in range(48)],
            "long_factor": [1.0 + 63.0 * pair / 47 for pair in range(48)],
        },
        sliding_window=131072,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=3,
    )


def seeded_weights(
    config: Phi3VConfig, seed: int, dtype: torch.dtype = torch.float32, device: str = "cpu"
) -> dict[str, Tensor]:
    """Every tensor of the model under its published name, drawn in the order of the names from one generator.

    Chosen for training from scratch: each matrix keeps the size of what goes through it (deviation 1 / sqrt(inputs)),
    the last one of each residual branch is smaller by sqrt(2 x layers), and the head starts near zero, so that the
    first loss is about ln(vocabulary). The global random state is neither read nor moved. A GPU draws other
    numbers than the CPU.
    """
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in Phi3VForCausalLM(config).state_dict().items()}
    generator = torch.Generator(device=device).manual_seed(seed)
    return {name: _draw(name, shape, config, generator).to(dtype) for name, shape in sorted(shapes.items())}


def _draw(name: str, shape: torch.Size, config: Phi3VConfig, generator: torch.Generator) -> Tensor:
    """One tensor; which kind it is shows in its name."""
    tensor = torch.empty(shape, device=generator.device)
    if "norm" in name and name.endswith("weight"):
        return tensor.fill_(1.0)
    if name.endswith("bias"):
        return tensor.zero_()
    return nn.init.normal_(tensor, std=_deviation(name, shape, config), generator=generator)


def _deviation(name: str, shape: torch.Size, config: Phi3VConfig) -> float:
    """Standard deviation of a drawn tensor."""
    if name.endswith(("embed_tokens.weight", "position_embedding.weight", "class_embedding")):
        return 0.1
    if name.endswith("lm_head.weight"):
        return 0.02
    if name.endswith("_GN"):
        return 1.0
    spread = 1 / math.sqrt(math.prod(shape[1:]))
    if name.endswith(("o_proj.weight", "down_proj.weight")):
        return spread / math.sqrt(2 * config.num_hidden_layers)
    if name.endswith(("out_proj.weight", "fc2.weight")):
        return spread / math.sqrt(2 * config.vision_config.num_hidden_layers)
    return spread
