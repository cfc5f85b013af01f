"""Tiny vision-language models of several families with random weights, written as the folders that people download.

Each function writes one folder: weights, configuration, tokenizer, image settings and chat template. The image sizes
are so small that a forward pass takes milliseconds.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (
    CLIPVisionConfig,
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3Processor,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3Processor,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

from schemas.answer import render

LLAVA_TEMPLATE = """\
{% for message in messages %}\
{{ message['role'].upper() + ': ' }}\
{% for part in message['content'] %}{% if part['type'] == 'image' %}{{ '<image>\\n' }}\
{% else %}{{ part['text'] + ' ' }}{% endif %}{% endfor %}\
{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}\
{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"""
IDEFICS_TEMPLATE = """\
<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}\
{% if message['content'][0]['type'] == 'image' %}{{ ':' }}{% else %}{{ ': ' }}{% endif %}\
{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}\
{% elif part['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>
{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"""
GEMMA_TEMPLATE = """\
{{ bos_token }}{% for message in messages %}\
<start_of_turn>{{ 'model' if message['role'] == 'assistant' else message['role'] }}
{% for part in message['content'] %}{% if part['type'] == 'image' %}{{ '<start_of_image>' }}\
{% elif part['type'] == 'text' %}{{ part['text'] | trim }}{% endif %}{% endfor %}<end_of_turn>
{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"""
CHATML_TEMPLATE = """\
{% for message in messages %}<|im_start|>{{ message['role'] }}
{% for part in message['content'] %}{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>\
{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""

_CORPUS = [
    *[render(f"{colour} {thing}", thing.upper(), 1350.0) for colour in ("Red", "Blue") for thing in ("Coat", "Dress")],
    "What is shown in this image? USER: ASSISTANT: User: Assistant: Product: , Category: , Full Price: .0",
]


def byte_level_tokenizer(*special: str, bos: str, eos: str, pad: str) -> Any:
    """Return a small byte-level BPE tokenizer, as GPT-2, Qwen and SmolLM have."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(_CORPUS, trainer)
    return _finished(tokenizer, special, bos=bos, eos=eos, pad=pad)


def sentencepiece_tokenizer(*special: str, bos: str, eos: str, pad: str, prefix_space: bool) -> Any:
    """Return a small SentencePiece-like BPE tokenizer with byte fallback: as Llama with a prefix space, else Gemma."""
    blank = "\u2581"
    tokens = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
    words = sorted({letter for text in _CORPUS for letter in text.replace(" ", blank)} | {blank})
    vocabulary = {token: number for number, token in enumerate([*tokens, *words])}
    merges: list[tuple[str, str]] = []
    for word in ("Product:", "Category:", "Full", "Price:", "COAT", "Coat"):
        whole = blank
        for letter in word:
            if whole + letter not in vocabulary:
                merges.append((whole, letter))
                vocabulary[whole + letter] = len(vocabulary)
            whole += letter
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>", byte_fallback=True))
    replace = normalizers.Replace(" ", blank)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(blank), replace]) if prefix_space else replace
    strip = [decoders.Strip(" ", 1, 0)] if prefix_space else []
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(blank, " "), decoders.ByteFallback(), decoders.Fuse(), *strip]
    )
    return _finished(tokenizer, special, bos=bos, eos=eos, pad=pad)


def _finished(tokenizer: Tokenizer, special: tuple[str, ...], **named: str) -> Any:
    names = list(dict.fromkeys([*named.values(), *special]))
    tokenizer.add_special_tokens([AddedToken(name, normalized=False) for name in names])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=named["bos"], eos_token=named["eos"], pad_token=named["pad"]
    )


def _text_sizes(tokenizer: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer) + 7,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


_TOWER_SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}


def write_llava(folder: Path) -> Path:
    """Write a LLaVA: CLIP's tower, Llama with a SentencePiece tokenizer, one image size."""
    tokenizer = sentencepiece_tokenizer("<image>", bos="<s>", eos="</s>", pad="<pad>", prefix_space=True)
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**_TOWER_SIZES, image_size=32, patch_size=8),
        text_config=LlamaConfig(**_text_sizes(tokenizer)),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=16,
    )
    images = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    processor = LlavaProcessor(
        image_processor=images,
        tokenizer=tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=LLAVA_TEMPLATE,
    )
    return _write(folder, LlavaForConditionalGeneration, config, processor)


def write_idefics3(folder: Path) -> Path:
    """Write an Idefics 3, as SmolVLM: large images are split into tiles, byte-level BPE."""
    grid = [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
    tokenizer = byte_level_tokenizer(
        "<image>",
        "<fake_token_around_image>",
        "<global-img>",
        "<end_of_utterance>",
        *grid,
        bos="<|im_start|>",
        eos="<end_of_utterance>",
        pad="<|endoftext|>",
    )
    images = Idefics3ImageProcessorPil(size={"longest_edge": 64}, max_image_size={"longest_edge": 32})
    processor = Idefics3Processor(images, tokenizer, image_seq_len=4, chat_template=IDEFICS_TEMPLATE)
    config = Idefics3Config(
        vision_config={**_TOWER_SIZES, "image_size": 32, "patch_size": 8, "model_type": "idefics3_vision"},
        text_config={**_text_sizes(processor.tokenizer), "model_type": "llama"},
        image_token_id=processor.image_token_id,
        scale_factor=2,
        pad_token_id=tokenizer.pad_token_id,
    )
    return _write(folder, Idefics3ForConditionalGeneration, config, processor)


def write_gemma3(folder: Path) -> Path:
    """Write a Gemma 3: SigLIP's tower, layers with a sliding window, images that attend in both directions."""
    special = ("<start_of_image>", "<end_of_image>", "<image_soft_token>", "<start_of_turn>", "<end_of_turn>")
    tokenizer = sentencepiece_tokenizer(*special, bos="<bos>", eos="<eos>", pad="<pad>", prefix_space=False)
    roles = dict(zip(("boi_token", "eoi_token", "image_token"), special, strict=False))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.backend_tokenizer, extra_special_tokens=roles, **tokenizer.special_tokens_map
    )
    images = Gemma3ImageProcessorPil(size={"height": 32, "width": 32}, do_pan_and_scan=False)
    processor = Gemma3Processor(images, tokenizer, chat_template=GEMMA_TEMPLATE, image_seq_length=4)
    sizes = _text_sizes(tokenizer) | {"head_dim": 8, "sliding_window": 16}
    config = Gemma3Config(
        text_config=sizes | {"layer_types": ["sliding_attention", "full_attention"]},
        vision_config={**_TOWER_SIZES, "image_size": 32, "patch_size": 8},
        mm_tokens_per_image=4,
        boi_token_index=tokenizer.convert_tokens_to_ids("<start_of_image>"),
        eoi_token_index=tokenizer.convert_tokens_to_ids("<end_of_image>"),
        image_token_index=tokenizer.image_token_id,
        eos_token_id=[tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<end_of_turn>")],
    )
    return _write(folder, Gemma3ForConditionalGeneration, config, processor)


def write_qwen25vl(folder: Path) -> Path:
    """Write a Qwen 2.5 VL: images of any size, positions in three dimensions. Its processor needs torchvision."""
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLProcessor,
        Qwen2VLVideoProcessor,
    )
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    special = ("<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
    tokenizer = byte_level_tokenizer(*special, bos="<|endoftext|>", eos="<|im_end|>", pad="<|endoftext|>")
    limits = {"shortest_edge": 28 * 28, "longest_edge": 56 * 56}
    processor = Qwen2_5_VLProcessor(
        Qwen2VLImageProcessorPil(size=limits, patch_size=14),
        tokenizer,
        Qwen2VLVideoProcessor(),
        chat_template=CHATML_TEMPLATE,
    )
    tower: dict[str, Any] = {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_heads": 4,
        "out_hidden_size": 32,
    }
    tower |= {"fullatt_block_indexes": [1], "window_size": 28, "patch_size": 14}
    ids = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in ("image_pad", "video_pad", "vision_start")}
    config = Qwen2_5_VLConfig(
        text_config=_text_sizes(tokenizer)
        | {"rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0}},
        vision_config=tower,
        image_token_id=ids["image_pad"],
        video_token_id=ids["video_pad"],
        vision_start_token_id=ids["vision_start"],
    )
    return _write(folder, Qwen2_5_VLForConditionalGeneration, config, processor)


FAMILIES: dict[str, Callable[[Path], Path]] = {
    "llava": write_llava,
    "idefics3": write_idefics3,
    "gemma3": write_gemma3,
}
"""Families that need no other package than toile itself."""


def _write(folder: Path, kind: Any, config: Any, processor: Any) -> Path:
    torch.manual_seed(1)
    model = kind(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1:
                weight.normal_(std=0.3 if "vision" in name else 0.15)
        model.get_output_embeddings().weight.mul_(6)
    model.generation_config.pad_token_id = processor.tokenizer.pad_token_id
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
