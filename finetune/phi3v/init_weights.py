"""Initialize a model of any size with random weights: the tiny model, and a full-size one without a download.

The full-size model has the published shapes and needs the memory and time of the published one; it is untrained.
"""

import math

import torch
from torch import Tensor, nn

from finetune.phi3v.configuration import Phi3VConfig
from finetune.phi3v.modeling import Phi3VForCausalLM


def full_size_config() -> Phi3VConfig:
    """Return the published sizes, 4,146,621,440 parameters; the rope factors are smooth, not the published lists."""
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


def init_weights(
    config: Phi3VConfig, seed: int, dtype: torch.dtype = torch.float32, device: str = "cpu"
) -> dict[str, Tensor]:
    """Return every tensor of the model under its published name, sampled in the order of the names.

    The scales suit training from scratch. Each matrix preserves the variance of its input (standard deviation
    1 / sqrt(inputs)); the last one of each residual branch is smaller by sqrt(2 x layers) (Radford et al. 2019, GPT-2).
    The head starts near zero, so the first loss is about ln(vocabulary). The global random state is not used. A GPU
    samples other numbers than the CPU.
    """
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in Phi3VForCausalLM(config).state_dict().items()}
    generator = torch.Generator(device=device).manual_seed(seed)
    return {name: _init_tensor(name, shape, config, generator).to(dtype) for name, shape in sorted(shapes.items())}


def _init_tensor(name: str, shape: torch.Size, config: Phi3VConfig, generator: torch.Generator) -> Tensor:
    """Return one tensor; its name decides how it is initialized."""
    tensor = torch.empty(shape, device=generator.device)
    if "norm" in name and name.endswith("weight"):
        return tensor.fill_(1.0)
    if name.endswith("bias"):
        return tensor.zero_()
    return nn.init.normal_(tensor, std=_standard_deviation(name, shape, config), generator=generator)


def _standard_deviation(name: str, shape: torch.Size, config: Phi3VConfig) -> float:
    """Return the standard deviation of a random tensor."""
    if name.endswith(("embed_tokens.weight", "position_embedding.weight", "class_embedding")):
        return 0.1
    if name.endswith("lm_head.weight"):
        return 0.02
    if name.endswith("_GN"):
        return 1.0
    std = 1 / math.sqrt(math.prod(shape[1:]))
    if name.endswith(("o_proj.weight", "down_proj.weight")):
        return std / math.sqrt(2 * config.num_hidden_layers)
    if name.endswith(("out_proj.weight", "fc2.weight")):
        return std / math.sqrt(2 * config.vision_config.num_hidden_layers)
    return std
