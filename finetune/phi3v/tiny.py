"""The built-in tiny model: the published architecture at a thousandth of its size, for CPUs and tests.

Everything is there, only smaller: crops of 112 px (8 x 8 patches, so 16 vectors), a tower whose last layer is not
run, fused projections, long-rope lists. The weights are drawn from a seed and nothing was learned; the model is meant
to be trained from scratch in minutes.
"""

import math
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from finetune.phi3v.configuration import Phi3VConfig
from finetune.phi3v.modeling import Phi3VForCausalLM
from finetune.phi3v.processing import Phi3VProcessor

TINY_TOKENIZER = Path(__file__).with_name("tiny_tokenizer.json")

VOCABULARY_SIZE = 2048
"""Rows of the tiny model's embedding; the tokenizer has a few tokens fewer (every listed word is one token)."""

HEAD_PAIRS = 16
"""Rotary pairs of a head of 32."""


def tiny_config() -> Phi3VConfig:
    """Sizes of the tiny model, about 1.4 million parameters."""
    return Phi3VConfig(
        vocab_size=VOCABULARY_SIZE,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=131072,
        original_max_position_embeddings=4096,
        rope_parameters={
            "rope_type": "longrope",
            "rope_theta": 10000.0,
            "short_factor": [1.0 + 2.0 * pair / HEAD_PAIRS for pair in range(HEAD_PAIRS)],
            "long_factor": [1.0 + 4.0 * pair for pair in range(HEAD_PAIRS)],
        },
        sliding_window=131072,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=3,
        vision_config={
            "hidden_size": 96,
            "intermediate_size": 256,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "image_size": 112,
            "patch_size": 14,
            "projection_dim": 64,
            "hidden_act": "quick_gelu",
            "layer_norm_eps": 1e-5,
        },
    )


def tiny_weights(config: Phi3VConfig, seed: int) -> dict[str, Tensor]:
    """Every tensor of the model under its published name, drawn in the order of the names from one generator.

    Chosen for training from scratch: each matrix keeps the size of what goes through it (deviation 1 / sqrt(inputs)),
    the last one of each residual branch is smaller by sqrt(2 x layers), and the head starts near zero, so that the
    first loss is about ln(vocabulary). The global random state is neither read nor moved.
    """
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in Phi3VForCausalLM(config).state_dict().items()}
    generator = torch.Generator(device="cpu").manual_seed(seed)
    return {name: _draw(name, shape, config, generator) for name, shape in sorted(shapes.items())}


def tiny_processor() -> Phi3VProcessor:
    """The processor of the tiny model, with a single crop beside the whole picture."""
    config = tiny_config()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(TINY_TOKENIZER), bos_token="<s>", eos_token="<|endoftext|>", pad_token="<|endoftext|>"
    )
    return Phi3VProcessor(tokenizer, num_crops=1, tile_px=config.tile_px, lines_per_tile=config.lines_per_tile)


def _draw(name: str, shape: torch.Size, config: Phi3VConfig, generator: torch.Generator) -> Tensor:
    """One tensor; which kind it is shows in its name."""
    tensor = torch.empty(shape)
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
