"""A model and its processor by name - the built-in tiny one, a folder, a hub name - and back into a folder."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import save_torch_state_dict
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from finetune.phi3v.checkpoint import (
    compare_names,
    find_folder,
    fingerprint,
    read_json,
    read_weights,
    system_error,
    weights_written,
)
from finetune.phi3v.configuration import Phi3VConfig, config_from_json, config_to_json
from finetune.phi3v.modeling import Phi3VForCausalLM
from finetune.phi3v.processing import END_OF_ANSWER, END_OF_TEXT, Phi3VProcessor
from finetune.phi3v.rotary import LongRope
from finetune.phi3v.seeded import seeded_weights
from finetune.phi3v.tiling import CLIP_MEAN, CLIP_STD
from finetune.phi3v.tiny import tiny_config, tiny_processor
from schemas.errors import ToileError

TINY = "tiny"


def load_model(
    name_or_folder: str | Path,
    *,
    dtype: torch.dtype | None = torch.float32,
    device: str | torch.device = "cpu",
    seed: int = 0,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[Phi3VForCausalLM, Phi3VProcessor]:
    """The model, in evaluation mode, and its processor.

    `name_or_folder` is "tiny" (drawn from `seed`, which means nothing otherwise), a folder with a checkpoint, a hub
    name (`owner/name` or `owner/name@revision`), or a repository's folder in a hub cache. `dtype` None keeps the type
    that the weights are stored in. HF_ENDPOINT and HF_HUB_OFFLINE are honoured; `say` hears of a download before it
    starts. Raises ToileError for whatever keeps the model from being complete, and for a device that is not there.
    """
    check_device(device)
    if str(name_or_folder) == TINY:
        config = tiny_config()
        processor, tensors = tiny_processor(), seeded_weights(config, seed)
    else:
        folder = find_folder(name_or_folder, say)
        config = config_from_json(read_json(folder / "config.json"), str(folder / "config.json"))
        processor = load_processor(folder, config)
        tensors = read_weights(folder, config, dtype=dtype, device=device)
    model = assemble(config, tensors, dtype=dtype, device=device)
    model.generation_config.eos_token_id = processor.stop_token_ids
    model.generation_config.pad_token_id = processor.pad_token_id
    return model, processor


def base_fingerprint(name_or_folder: str | Path, seed: int = 0) -> str:
    """sha256 over the tensors of a model as they are stored: what an adapter says it was trained on.

    It depends on neither the folder's place nor its division into files. `seed` counts for "tiny" alone.
    """
    if str(name_or_folder) == TINY:
        return fingerprint(seeded_weights(tiny_config(), seed))
    return fingerprint(find_folder(name_or_folder))


def save_model(
    model: Phi3VForCausalLM, processor: Phi3VProcessor, folder: Path | str, tensors: dict[str, Tensor] | None = None
) -> None:
    """Write weights (in shards of 5 GB), configuration, tokenizer and picture settings; `load_model` reads them back.

    `tensors` stand for those of a model whose weights are divided over processes. Raises ToileError when the tensors do
    not bear the published names, as those of a model with adapters.
    """
    folder = Path(folder)
    tensors = tensors or {name: tensor.detach() for name, tensor in model.state_dict().items()}
    compare_names({name: tuple(tensor.shape) for name, tensor in tensors.items()}, model.config, "model")
    dtype = str(tensors["lm_head.weight"].dtype).removeprefix("torch.")
    stop, pad = processor.stop_token_ids, processor.pad_token_id
    with weights_written(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _write_json(folder / "config.json", config_to_json(model.config, dtype))
        _write_json(folder / "generation_config.json", {"bos_token_id": 1, "eos_token_id": stop, "pad_token_id": pad})
        _write_json(folder / "preprocessor_config.json", _picture_settings(processor))
        try:
            processor.tokenizer.save_pretrained(folder)
        except Exception as error:  # the tokenizers library raises a bare Exception for a full disk
            raise system_error(error, folder) from error
        save_torch_state_dict(tensors, folder, metadata={"format": "pt"})
        for path in folder.glob("*.safetensors"):
            shutil.copymode(folder / "config.json", path)  # safetensors makes files that only their owner may read


def assemble(
    config: Phi3VConfig, tensors: dict[str, Tensor], *, dtype: torch.dtype | None, device: str | torch.device
) -> Phi3VForCausalLM:
    """A model in evaluation mode around the given tensors; no random weights are ever drawn for it.

    The entries of the dict are replaced one by one by what the model holds, so no tensor is kept in two types.
    """
    with torch.device("meta"):
        model = Phi3VForCausalLM(config)
    for name, tensor in tensors.items():
        tensors[name] = tensor.to(device=device, dtype=dtype or tensor.dtype)
    model.load_state_dict(tensors, strict=True, assign=True)
    _fill_buffers(model, device)
    empty = [name for name, tensor in [*model.named_parameters(), *model.named_buffers()] if tensor.is_meta]
    assert not empty, empty
    model.eval()
    return model


def load_processor(folder: Path, config: Phi3VConfig) -> Phi3VProcessor:
    """Tokenizer and picture settings of a checkpoint's folder."""
    pictures_path = folder / "preprocessor_config.json"
    pictures = read_json(pictures_path)
    num_crops = pictures.get("num_crops")
    if not isinstance(num_crops, int) or num_crops < 1:
        raise ToileError(f"{pictures_path}: num_crops", f"is {num_crops!r}", "Write a whole number such as 16 or 4.")
    return Phi3VProcessor(
        load_tokenizer(folder, config.vocab_size),
        num_crops=num_crops,
        tile_px=config.tile_px,
        lines_per_tile=config.lines_per_tile,
        image_mean=pictures.get("image_mean", CLIP_MEAN),
        image_std=pictures.get("image_std", CLIP_STD),
    )


def load_tokenizer(folder: Path, vocab_size: int) -> PreTrainedTokenizerFast:
    """The tokenizer of a checkpoint's folder, from tokenizer.json alone.

    `from_pretrained` would build a LlamaTokenizer, as tokenizer_config.json asks it to, and that one gives other ids.
    """
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise ToileError(str(path), "is missing", "Copy tokenizer.json of the model into the folder.")
    try:
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_file=str(path), bos_token="<s>", eos_token=END_OF_TEXT, pad_token=END_OF_TEXT, unk_token="<unk>"
        )
    except Exception as error:  # the tokenizers library raises a bare Exception for a broken file
        raise ToileError(str(path), f"is no readable tokenizer: {error}", "Fetch the file again.") from error
    vocabulary = json.loads(tokenizer.backend_tokenizer.to_str())
    known = vocabulary["model"]["vocab"].keys() | {token["content"] for token in vocabulary["added_tokens"]}
    lost = [token for token in ("<s>", END_OF_ANSWER, END_OF_TEXT) if token not in known]
    if lost or len(tokenizer) > vocab_size:
        problem = f"lacks {', '.join(lost)}" if lost else f"has {len(tokenizer)} tokens, the model {vocab_size} rows"
        raise ToileError(str(path), problem, "Give the tokenizer.json that belongs to this model.")
    return tokenizer


def check_device(device: str | torch.device) -> None:
    """Raise ToileError for a device that torch does not know or that is not in this machine."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ToileError(f"device {device}", f"cannot be used: {reason}", 'Use "cpu".') from error


def _fill_buffers(model: Phi3VForCausalLM, device: str | torch.device) -> None:
    """The two kinds of tensors that are computed, not loaded: rotary frequencies and the numbers of CLIP's places."""
    model.model.rotary_emb = LongRope(model.config).to(device)
    embeddings = model.model.vision_embed_tokens.img_processor.vision_model.embeddings
    positions = torch.arange(embeddings.num_positions, device=device)[None]
    embeddings.register_buffer("position_ids", positions, persistent=False)


def _picture_settings(processor: Phi3VProcessor) -> dict[str, Any]:
    """preprocessor_config.json as published, without the references to remote code."""
    return {
        "image_mean": list(processor.image_mean),
        "image_processor_type": "Phi3VImageProcessor",
        "image_std": list(processor.image_std),
        "num_crops": processor.num_crops,
        "num_img_tokens": processor.lines_per_tile**2,
        "processor_class": "Phi3VProcessor",
    }


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
