"""Prepare a model for training: trainable parameters, float32 master weights, 4-bit weights and faster computation.

A small step on a large weight is lost in bfloat16. So AdamW updates float32 master weights, and the model computes with
copies in its own number format, cast once a step (Micikevicius et al. 2018, arXiv 1710.03740, section 3.1). Where the
model computes in float32, a master weight is the parameter itself and nothing is copied.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from finetune.adapters import fuse_lora, load_base_of, load_model, merge_adapter, select_trainable, split_adapter
from finetune.distributed import Ranks, wrap_fsdp
from finetune.phi3v.processing import Phi3VProcessor
from schemas.errors import ToileError
from schemas.training import TrainingSpec

_RECOMPILE_LIMIT = 64
"""A few row lengths, and two kinds of layers that share their code."""


class MasterWeights:
    """The float32 weights that the optimizer updates, and the parameters that the model computes with.

    `by_name` maps a parameter's name to its master weight, `working` to the model's own parameter.
    """

    def __init__(self, model: nn.Module, dtype: torch.dtype | None) -> None:
        """Cast the parameters to `dtype` and keep their originals as master weights; None casts nothing.

        Frozen float32 parameters of a full fine-tune are cast too, because their outputs must fit the next layer.
        """
        self.working = trainable_parameters(model)
        self.by_name = dict(self.working)
        for name, parameter in self.working.items():
            if dtype is not None and parameter.dtype != dtype:
                self.by_name[name] = nn.Parameter(parameter.detach())
                parameter.data = parameter.data.to(dtype)
        both = zip(self.working.values(), self.by_name.values(), strict=True)
        self.pairs = [(working, master) for working, master in both if working is not master]
        """(parameter, master weight) of those that exist twice."""
        self.frozen: list[tuple[nn.Parameter, Tensor]] = []
        """(parameter, original value) of those that were cast and are not trained."""
        for parameter in model.parameters():
            if dtype not in {None, torch.float32} and not parameter.requires_grad and parameter.dtype == torch.float32:
                self.frozen.append((parameter, parameter.data))
                parameter.data = parameter.data.to(dtype)

    def values(self) -> dict[str, Tensor]:
        """Return the master weights by name, as a checkpoint stores them."""
        return {name: master.detach() for name, master in self.by_name.items()}

    def collect_gradients(self) -> None:
        """Add the gradients of the model's parameters to those of the master weights in float32, and clear them."""
        for working, master in self.pairs:
            if working.grad is not None:
                gradient = working.grad.to(master.dtype)
                master.grad = gradient if master.grad is None else master.grad.add_(gradient)
                working.grad = None

    @torch.no_grad()
    def copy_to_model(self) -> None:
        """Round the master weights into the model's parameters."""
        for working, master in self.pairs:
            working.copy_(master)

    def restore_full_precision(self) -> None:
        """Put the master weights themselves into the model: these are saved."""
        for working, master in (*self.pairs, *self.frozen):
            working.data = master.data

    @torch.no_grad()
    def load(self, values: dict[str, Tensor]) -> None:
        """Load the values of a checkpoint, name by name, and copy them to the model."""
        assert self.by_name.keys() == values.keys(), sorted(self.by_name.keys() ^ values.keys())[:5]
        for name, value in values.items():
            self.by_name[name].copy_(value)
        self.copy_to_model()


def trainable_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters that are trained, by name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def load_trainable(
    spec: TrainingSpec, ranks: Ranks, say: Callable[[str], None] = lambda text: None
) -> tuple[Any, MasterWeights, Phi3VProcessor]:
    """Load the spec's model in training mode; return it with its master weights and its processor.

    A model that is the folder of an adapter is continued: as that adapter on its base, or, in a full fine-tune, merged
    into it. Frozen weights have the spec's dtype. A full fine-tune on several processes is sharded over them. `say`
    receives the memory estimate. Raises ToileError for a model that does not fit the device.
    """
    sharded = is_sharded(spec, ranks)
    dtype = torch.float32 if spec.method == "full" else compute_dtype(spec)
    base, start = split_adapter(spec.model)
    device = "cpu" if sharded else ranks.device
    if start is not None and spec.method == "lora":
        model, processor = load_base_of(start, base, dtype=dtype, device=device)
    else:
        model, processor = load_model(base, adapter=start, dtype=dtype, device=device, seed=spec.seed)
        model = model if start is None else merge_adapter(model)
    if spec.num_crops is not None:
        processor.num_crops = spec.num_crops
    model, masters = make_trainable(model, spec, ranks, start)
    say(estimate_memory(model, masters, ranks.device, ranks.size if sharded else 1))
    return model, masters, processor


def make_trainable(
    model: Any, spec: TrainingSpec, ranks: Ranks, start: Path | None = None
) -> tuple[Any, MasterWeights]:
    """Do what `load_trainable` does, for a model that is in memory already; `start` is an adapter to continue."""
    if spec.quantise != "none":
        if spec.method != "lora":
            raise ToileError("quantise", f"{spec.quantise} weights cannot be trained", "choose method: lora")
        quantize_decoder(model, spec.quantise, compute_dtype(spec))
    base = model
    model = select_trainable(model, spec, start)
    apply_optimizations(base, spec)
    if is_sharded(spec, ranks):
        model = wrap_fsdp(model, ranks, compute_dtype(spec))
        return model.train(), MasterWeights(model, None)
    return model.train(), MasterWeights(model, compute_dtype(spec) if spec.speed.cast_once else None)


def is_sharded(spec: TrainingSpec, ranks: Ranks) -> bool:
    """Return whether each process holds a part of the weights: in a full fine-tune on several processes."""
    return spec.method == "full" and ranks.size > 1


def quantize_decoder(model: Any, kind: str, dtype: torch.dtype) -> None:
    """Replace the linear layers of the decoder's blocks by 4-bit NormalFloat layers that compute in `dtype`.

    Head, embeddings and vision tower are unchanged. An adapter trained on a 4-bit base is applied to the base in its
    own number format afterwards (QLoRA, Dettmers et al. 2023, arXiv 2305.14314). Needs the optional bitsandbytes.
    """
    assert kind == "nf4", kind
    try:
        import bitsandbytes as bnb
    except ImportError as error:
        hint = "pip install bitsandbytes, or quantise: none"
        raise ToileError("quantise", "bitsandbytes is not installed", hint) from error
    for layer in model.model.layers:
        for parent in (layer.self_attn, layer.mlp):
            for name, linear in list(parent.named_children()):
                if not isinstance(linear, nn.Linear):
                    continue
                quantized = bnb.nn.Linear4bit(
                    linear.in_features, linear.out_features, bias=False, compute_dtype=dtype, quant_type="nf4"
                )
                weight = linear.weight.detach()
                quantized.weight = bnb.nn.Params4bit(
                    weight.cpu(), requires_grad=False, quant_type="nf4", module=quantized
                )
                setattr(parent, name, quantized.to(weight.device))  # the move to the device quantizes the weight
    model.is_loaded_in_4bit = True  # PEFT looks at this attribute


def apply_optimizations(base: Any, spec: TrainingSpec) -> None:
    """Switch on the parts of the spec's `speed` that concern the model; the training loop applies the others.

    `base` is the Phi3VForCausalLM whose layers already hold their adapters.
    """
    speed = spec.speed
    base.model.vision_embed_tokens.real_tiles = speed.real_tiles
    if speed.fused_lora and spec.method == "lora" and not speed.compile:  # torch.compile fuses PEFT's own form as well
        fuse_lora(base)
    tower = base.model.vision_embed_tokens.img_processor.vision_model
    for layer in (*base.model.layers, *tower.encoder.layers):
        if speed.checkpointing and trainable_parameters(layer):
            layer.forward = functools.partial(checkpoint, layer.forward, use_reentrant=False)
        if speed.compile:
            layer.compile()
    if speed.compile:
        torch._dynamo.config.recompile_limit = _RECOMPILE_LIMIT


def compute_dtype(spec: TrainingSpec) -> torch.dtype:
    """Return the number format that the model computes in."""
    dtype: torch.dtype = getattr(torch, spec.dtype)
    return dtype


def mixed_precision(spec: TrainingSpec, device: str) -> torch.autocast:
    """Return the autocast context of a run without `cast_once`: float32 weights, cast to bfloat16 at every use."""
    enabled = spec.dtype == "bfloat16" and not spec.speed.cast_once
    return torch.autocast(device.split(":")[0], dtype=torch.bfloat16, enabled=enabled)


def forward_kwargs(spec: TrainingSpec) -> dict[str, bool]:
    """Return the switches of the spec's `speed` that the model's `forward` takes."""
    return {"supervised_only": spec.speed.answer_logits, "right_padded": spec.speed.causal_attention}


def estimate_memory(model: nn.Module, masters: MasterWeights, device: str, num_shards: int = 1) -> str:
    """Return a sentence about the memory for weights, gradients and AdamW's two moments on one device.

    `num_shards` processes share it all. Activations come on top: they depend on images and batch size. Raises
    ToileError where a GPU has less free memory.
    """
    num_trained = sum(master.numel() for master in masters.by_name.values())
    weight_bytes = sum(p.numel() * p.element_size() for p in model.parameters())
    copy_bytes = sum(4 * kept.numel() for _, kept in (*masters.pairs, *masters.frozen))
    total_bytes = (weight_bytes + copy_bytes + num_trained * (4 + 8)) // num_shards
    if device.startswith("cuda"):
        free_bytes = torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_allocated(device)
        if total_bytes > free_bytes:
            problem = f"needs {total_bytes / 2**30:.1f} GiB before activations, {free_bytes / 2**30:.1f} GiB are free"
            raise ToileError(device, problem, "train with method: lora, dtype: bfloat16, or quantise: nf4")
    size = f"{total_bytes / 2**30:.2f} GiB before activations (weights, gradients, AdamW)"
    return f"{num_trained:,} trained parameters; {size}"
