"""The model as it is trained: which parameters move, in which numbers, with which of the ways to compute faster."""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from finetune.adapters import load_model, prepare
from finetune.distributed import Ranks, divided
from finetune.fused_lora import fuse
from finetune.optimizer import Masters, trained
from finetune.phi3v.processing import Phi3VProcessor
from finetune.quantization import quantise
from schemas.errors import ToileError
from schemas.training import TrainingSpec


def load_trainable(
    spec: TrainingSpec, ranks: Ranks, say: Callable[[str], None] = lambda text: None
) -> tuple[Any, Masters, Phi3VProcessor]:
    """The model in training mode, the masters of what moves, and the processor.

    What is frozen has the spec's dtype; masters are float32. On several processes a full fine-tune is divided over
    them. Raises ToileError for what does not fit the device.
    """
    divide = is_divided(spec, ranks)
    dtype = torch.float32 if spec.method == "full" else arithmetic(spec)
    model, processor = load_model(spec.model, dtype=dtype, device="cpu" if divide else ranks.device, seed=spec.seed)
    if spec.num_crops is not None:
        processor.num_crops = spec.num_crops
    model, masters = make_trainable(model, spec, ranks)
    say(memory_estimate(model, masters, ranks.device, ranks.size if divide else 1))
    return model, masters, processor


def make_trainable(model: Any, spec: TrainingSpec, ranks: Ranks) -> tuple[Any, Masters]:
    """As `load_trainable`, of a model that is there."""
    if spec.quantise != "none":
        if spec.method != "lora":
            raise ToileError("quantise", f"{spec.quantise} weights cannot be trained", "choose method: lora")
        quantise(model, spec.quantise, arithmetic(spec))
    bare = model
    model = prepare(model, spec)
    speed_up(bare, spec)
    if is_divided(spec, ranks):
        model = divided(model, ranks, arithmetic(spec))
        return model.train(), Masters(model, None)
    return model.train(), Masters(model, arithmetic(spec) if spec.speed.cast_once else None)


def is_divided(spec: TrainingSpec, ranks: Ranks) -> bool:
    """Whether each process holds a share of the weights: the full fine-tune on several."""
    return spec.method == "full" and ranks.size > 1


def speed_up(bare: Any, spec: TrainingSpec) -> None:
    """Switch on what the spec's `speed` asks of the model; the rest of it concerns the loop and the feed.

    `bare` is the Phi3VForCausalLM, in whose layers PEFT has put its adapters.
    """
    speed = spec.speed
    bare.model.vision_embed_tokens.real_tiles = speed.real_tiles
    if speed.fused_lora and spec.method == "lora" and not speed.compile:  # compiled, PEFT's own form is fused as well
        fuse(bare)
    tower = bare.model.vision_embed_tokens.img_processor.vision_model
    for layer in (*bare.model.layers, *tower.encoder.layers):
        if speed.checkpointing and trained(layer):
            layer.forward = functools.partial(checkpoint, layer.forward, use_reentrant=False)
        if speed.compile:
            layer.compile()
    if speed.compile:
        torch._dynamo.config.recompile_limit = 64  # a few lengths, and two kinds of layers that share their code


def arithmetic(spec: TrainingSpec) -> torch.dtype:
    """The number format that the model computes in."""
    found: torch.dtype = getattr(torch, spec.dtype)
    return found


def mixed_precision(spec: TrainingSpec, device: str) -> torch.autocast:
    """Without `cast_once`: arithmetic in bfloat16 on what is kept in float32, cast at every use."""
    wanted = spec.dtype == "bfloat16" and not spec.speed.cast_once
    return torch.autocast(device.split(":")[0], dtype=torch.bfloat16, enabled=wanted)


def ways(spec: TrainingSpec) -> dict[str, bool]:
    """The switches that `forward` takes."""
    return {"supervised_only": spec.speed.answer_logits, "right_padded": spec.speed.causal_attention}


def memory_estimate(model: nn.Module, masters: Masters, device: str, shares: int = 1) -> str:
    """What weights, gradients and AdamW's two moments take here, as a sentence; too much for a GPU is a ToileError.

    Activations come on top: they depend on pictures and batch. `shares` are the processes that divide it all.
    """
    moving = sum(master.numel() for master in masters.by_name.values())
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    copies = sum(4 * kept.numel() for _, kept in (*masters.pairs, *masters.frozen))
    total = (weights + copies + moving * (4 + 8)) // shares
    if device.startswith("cuda"):
        free = torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_allocated(device)
        if total > free:
            problem = f"needs {total / 2**30:.1f} GiB before activations, {free / 2**30:.1f} GiB are free"
            raise ToileError(device, problem, "train with method: lora, dtype: bfloat16, or quantise: nf4")
    return f"{moving:,} trained parameters; {total / 2**30:.2f} GiB before activations (weights, gradients, AdamW)"
