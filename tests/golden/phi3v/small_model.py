"""The small random model of the golden numbers: sizes, weights, and a tokenizer of the published kind.

Nothing is trained. Weights have a standard deviation that makes every part of the model affect the logits.
"""

import json
import math
import re
from typing import Any

import torch
from tokenizers import Tokenizer, models, trainers
from torch import Tensor

SEED = 2031

CLIP = {
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 4,
    "num_attention_heads": 6,
    "image_size": 336,
    "patch_size": 14,
    "projection_dim": 32,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5,
}
"""The vision tower; `vision_config` of config.json, which the published file lacks (there it is always CLIP ViT-L)."""

SIZES = {
    "hidden_size": 48,
    "intermediate_size": 160,
    "num_attention_heads": 4,
    "num_hidden_layers": 3,
    "num_key_value_heads": 4,
}
"""The decoder; a head of 12 has 6 rotary pairs."""

PIECES = 400
"""Ordinary pieces of the tokenizer, 32,000 in the published one; the special tokens follow."""

SPECIAL_TOKENS = ("<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>", "<|image|>")
STRIPS_WHITE_SPACE = {"</s>", "<|assistant|>", "<|image|>"}
STOP_TOKENS = ("<|end|>", "<|endoftext|>")
VOCABULARY = 416
"""Rows of the embedding: like the published one, more than the tokenizer has ids."""

WORDS = """a and are at be black brief both category coat coats colours compare costs count five four full green
hat hats how image in is it left look many more name of on one or pieces price product red repeat second shown system
that the them there these this three two user what where which wool yes no
Product Category Full Price COATS HATS Red Wool Coat What Which Where Name Compare Look Yes No Five The There"""
"""Words of the cases, from which pieces of more than one letter are merged."""

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.,:?!-\u20ac\u00fc\u2581"
"""Pieces of their own; every other character is spelled in bytes."""

IGNORED = re.compile(r"\.wte\.weight$|position_ids$")
"""Entries of the published model's state dict that the published checkpoints do not hold."""


def small_config(published: dict[str, Any], switch_length: int, max_length: int) -> dict[str, Any]:
    """Return the published config.json with small sizes and six of each list of rope factors, first to last."""
    rope = published["rope_scaling"]
    pairs = SIZES["hidden_size"] // SIZES["num_attention_heads"] // 2
    for name in ("short_factor", "long_factor"):
        rope[name] = [rope[name][round(pair * (len(rope[name]) - 1) / (pairs - 1))] for pair in range(pairs)]
    return published | SIZES | {
        "img_processor": published["img_processor"] | {"image_dim_out": CLIP["hidden_size"]},
        "max_position_embeddings": max_length,
        "original_max_position_embeddings": switch_length,
        "pad_token_id": PIECES + SPECIAL_TOKENS.index("<|endoftext|>"),
        "rope_scaling": rope,
        "vision_config": CLIP,
        "vocab_size": VOCABULARY,
    }  # fmt: skip


def sample_weights(shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Sample all tensors in bfloat16, in the order of their names."""
    generator = torch.Generator().manual_seed(SEED)
    weights = {}
    for name, shape in sorted(shapes.items()):
        noise = torch.randn(shape, generator=generator)
        weights[name] = (_mean(name) + _standard_deviation(name, shape) * noise).to(torch.bfloat16)
    return weights


def _is_norm(name: str) -> bool:
    return "norm" in name


def _mean(name: str) -> float:
    return 1.0 if _is_norm(name) and name.endswith("weight") else 0.0


def _standard_deviation(name: str, shape: tuple[int, ...]) -> float:
    """Return the standard deviation of a tensor, chosen so that every part of the model affects the logits."""
    if _is_norm(name) or name.endswith("bias"):
        return 0.3
    if name.endswith(("_GN", "embed_tokens.weight")):
        return 1.0
    if "embeddings." in name:
        # Small, as in CLIP itself, so that the epsilon of the following norm matters.
        return 0.01 if len(shape) < 4 else 0.02 / math.sqrt(math.prod(shape[1:]))
    gain = {"lm_head.weight": 3.0, "q_proj.weight": 1.5, "k_proj.weight": 1.5, "qkv_proj.weight": 1.5}
    return gain.get(".".join(name.split(".")[-2:]), 1.0) / math.sqrt(math.prod(shape[1:]))


def tokenizer_documents() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return tokenizer.json and tokenizer_config.json, built like the published ones.

    They have pieces with byte fallback, a visible space in front of every section of text, and special tokens, some of
    which strip the white space that follows.
    """
    space = "\u2581"
    trainer = trainers.BpeTrainer(vocab_size=PIECES - 3 - 256, initial_alphabet=list(LETTERS), show_progress=False)
    trained = Tokenizer(models.BPE())
    trained.train_from_iterator([space + word for word in WORDS.split() for _ in range(len(word))], trainer)
    learned = json.loads(trained.to_str())["model"]
    names = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *learned["vocab"]]
    assert len(names) == PIECES, len(names)
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in learned["merges"]]
    numbered = [*enumerate(names[:3]), *enumerate(SPECIAL_TOKENS, start=PIECES)]
    added = [
        {
            "content": token, "single_word": False, "lstrip": False, "rstrip": token in STRIPS_WHITE_SPACE,
            "normalized": False, "special": token != "</s>", "id": number,
        }
        for number, token in numbered
    ]  # fmt: skip
    start = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    second = [{"SpecialToken": {"id": "<s>", "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}]
    text = [start, {"Sequence": {"id": "A", "type_id": 0}}]
    space_out = {"type": "Replace", "pattern": {"String": " "}, "content": space}
    space_back = {"type": "Replace", "pattern": {"String": space}, "content": " "}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": space}, space_out]},
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing", "single": text, "pair": text + second,
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [space_back, {"type": "ByteFallback"}, {"type": "Fuse"},
                         {"type": "Strip", "content": " ", "start": 1, "stop": 0}],
        },
        "model": {
            "type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True,
            "vocab": {name: number for number, name in enumerate(names)}, "merges": merges,
        },
    }  # fmt: skip
    settings = {
        "add_bos_token": True,
        "add_eos_token": False,
        "added_tokens_decoder": {str(token["id"]): {k: v for k, v in token.items() if k != "id"} for token in added},
        "additional_special_tokens": ["<|system|>", "<|end|>", "<|user|>"],
        "bos_token": "<s>",
        "clean_up_tokenization_spaces": False,
        "eos_token": "<|endoftext|>",
        "legacy": False,
        "pad_token": "<|endoftext|>",
        "padding_side": "right",
        "tokenizer_class": "LlamaTokenizer",
        "unk_token": "<unk>",
    }
    return tokenizer, settings
