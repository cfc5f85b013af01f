"""The built-in tiny model: the published architecture at a thousandth of its size, for CPUs and tests.

Everything is there, only smaller: crops of 112 px (8 x 8 patches, so 16 vectors), a tower whose last layer is not
run, fused projections, long-rope lists. The weights are drawn from a seed and nothing was learned; the model is meant
to be trained from scratch in minutes.
"""

from pathlib import Path

from transformers import PreTrainedTokenizerFast

from finetune.phi3v.configuration import Phi3VConfig
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


def tiny_processor(config: Phi3VConfig | None = None, num_crops: int = 1) -> Phi3VProcessor:
    """The tiny model's tokenizer with tiles of the configuration's size; by default that of the tiny model.

    With `full_size_config()` it serves a full-size model that nobody trained.
    """
    config = config or tiny_config()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(TINY_TOKENIZER), bos_token="<s>", eos_token="<|endoftext|>", pad_token="<|endoftext|>"
    )
    return Phi3VProcessor(tokenizer, num_crops=num_crops, tile_px=config.tile_px, lines_per_tile=config.lines_per_tile)
