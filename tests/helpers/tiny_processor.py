"""A small processor of `transformers` for a vision model with its own chat template, made on the spot, offline."""

from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from transformers import LlavaProcessor, PreTrainedTokenizerFast
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

IMAGE_TOKEN = "<|image_1|>"


def tiny_vision_processor(chat_template: str, edge: int = 32) -> Any:
    """Return a processor with one token a byte and images of `edge` x `edge` pixels."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: number for number, letter in enumerate(alphabet)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevelDecoder()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<|end|>", extra_special_tokens=[IMAGE_TOKEN]
    )
    images = CLIPImageProcessorPil(size={"height": edge, "width": edge}, crop_size={"height": edge, "width": edge})
    return LlavaProcessor(
        image_processor=images,
        tokenizer=fast,
        patch_size=16,
        vision_feature_select_strategy="full",
        chat_template=chat_template,
        image_token=IMAGE_TOKEN,
    )
