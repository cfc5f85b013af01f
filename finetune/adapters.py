"""What of a model is trained: low-rank adapters (PEFT) or all of it; and putting an adapter back on its base.

An adapter fits one base. Which one stands in its `run.json`: the fingerprint of the base's tensors, so a folder may be
moved or divided into other files, and a different model under the same name is still refused.
"""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from finetune.phi3v import load_model as load_base
from finetune.phi3v.checkpoint import find_folder, revision_of
from finetune.phi3v.loading import TINY, base_fingerprint
from finetune.phi3v.processing import Phi3VProcessor
from finetune.run_dir import RUN, check_files, load_finished
from schemas.documents import read_document
from schemas.errors import ToileError
from schemas.training import LoraSpec, TrainingSpec

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
LISTED = 3
PARTS = {
    "decoder": ("qkv_proj", "o_proj", "gate_up_proj", "down_proj"),
    "projector": ("img_projection.0", "img_projection.2"),
    "vision": ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"),
}
"""Part of the model -> endings of its linear layers' names."""


def load_model(
    name_or_folder: str | Path,
    *,
    dtype: torch.dtype | None = torch.float32,
    device: str | torch.device = "cpu",
    seed: int = 0,
    adapter: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[Any, Phi3VProcessor]:
    """The model in evaluation mode and its processor; with `adapter`, a PEFT folder laid over it.

    `name_or_folder`, `dtype` and `say` as in `finetune.phi3v.load_model`. An adapter for another base, or one whose
    tensors are not exactly those it announces, raises a ToileError. `tiny` takes its seed from the adapter's run.
    """
    if adapter is None:
        if (Path(name_or_folder) / RUN).is_file():
            load_finished(Path(name_or_folder))
        loaded = load_base(name_or_folder, dtype=dtype, device=device, seed=seed, say=say)
        check_files(Path(name_or_folder))
        return _named(loaded, name_or_folder)
    from peft import PeftModel

    spec = _check_base(adapter, name_or_folder)
    seed = int(spec.get("seed", 0))
    model, processor = _named(load_base(name_or_folder, dtype=dtype, device=device, seed=seed, say=say), name_or_folder)
    if spec.get("num_crops") is not None:
        processor.num_crops = spec["num_crops"]
    found = _adapter_tensors(adapter)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Found missing adapter keys")  # an error, below
            warnings.filterwarnings("ignore", message="`is_gradient_checkpointing`")
            laid_over = PeftModel.from_pretrained(model, str(adapter))
    except (KeyError, ValueError, RuntimeError, OSError, TypeError, SafetensorError) as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise ToileError(str(adapter), f"does not fit: {reason}", "give the base it was trained on") from error
    _compare_tensors(adapter, found, laid_over)
    check_files(adapter)
    return laid_over.eval(), processor


def add_lora(model: nn.Module, lora: LoraSpec, base_name: str) -> Any:
    """The model with fresh adapters on the linear layers that the targets name; only they are trained."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=_layers(model, lora.targets),
        base_model_name_or_path=base_name,
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing`")  # PEFT asks by the older name
        return get_peft_model(model, config)


def _layers(model: nn.Module, targets: Sequence[str]) -> list[str]:
    """What PEFT calls target modules: endings of names, and whole names in the tower, whose last layer is not used."""
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    endings = [ending for target in targets for ending in PARTS.get(target, (target,))]
    found = {ending: [name for name in linear if f".{name}".endswith(f".{ending}")] for ending in endings}
    unknown = [ending for ending, names in found.items() if not names]
    if unknown:
        known = sorted({name.rsplit(".", 1)[-1] for name in linear if not name.rsplit(".", 1)[-1].isdigit()})
        problem = f"the model has no layer called {', '.join(unknown)}"
        raise ToileError("lora.targets", problem, f"name parts ({', '.join(PARTS)}) or layers ({', '.join(known)})")
    unused = tuple(f"{name}." for name, _ in unused_modules(model))
    layers: list[str] = []
    for ending, names in found.items():
        used = [name for name in names if not name.startswith(unused)]
        layers += [ending] if used == names else used
    return list(dict.fromkeys(layers))


def unused_modules(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """The vision tower's last layer and norm: in the checkpoints, but nothing depends on them."""
    name = "model.vision_embed_tokens.img_processor.vision_model"
    tower: Any = model.get_submodule(name)
    last = len(tower.encoder.layers) - 1
    return [(f"{name}.{path}", tower.get_submodule(path)) for path in (f"encoder.layers.{last}", "post_layernorm")]


@torch.no_grad()
def merge(model: Any) -> Any:
    """The base model with its adapter added to its weights, layer by layer, in their own number format.

    W + scale * B A is summed in float32 and rounded once; PEFT rounds the product first. Raises ToileError for a sum
    that is no number.
    """
    from peft.tuners.lora import LoraLayer

    for name, layer in model.named_modules():
        if isinstance(layer, LoraLayer):
            weight = layer.get_base_layer().weight
            for adapter in layer.active_adapters:
                merged = weight.float() + layer.get_delta_weight(adapter).float()
                if not bool(merged.isfinite().all()):
                    raise ToileError(name, "becomes infinite with its adapter", "train again at a lower learning rate")
                weight.copy_(merged)
    return model.unload()


def prepare(model: nn.Module, spec: TrainingSpec) -> Any:
    """The model with the right parameters trainable: adapters, or everything that a loss can reach."""
    if spec.method == "lora":
        torch.manual_seed(spec.seed)
        return add_lora(model, spec.lora, spec.model)
    model.requires_grad_(True)
    frozen = [module for _, module in unused_modules(model)]
    pictures: Any = model.get_submodule("model.vision_embed_tokens")
    frozen += [{"vision": pictures.img_processor, "projector": pictures.img_projection}[part] for part in spec.freeze]
    for module in frozen:
        module.requires_grad_(False)
    return model


def base_record(name_or_folder: str, seed: int, say: Callable[[str], None] = lambda text: None) -> dict[str, Any]:
    """What a run says of its base: the fingerprint of its tensors, and for a hub model the commit."""
    if name_or_folder == TINY:
        return {"sha256": base_fingerprint(TINY, seed), "revision": None}
    folder = find_folder(name_or_folder, say)
    return {"sha256": base_fingerprint(folder), "revision": revision_of(folder)}


def _named(loaded: tuple[Any, Phi3VProcessor], name: str | Path) -> tuple[Any, Phi3VProcessor]:
    """The model under the name it was asked for, which PEFT writes into adapters and compares."""
    model, processor = loaded
    model.name_or_path = model.config._name_or_path = str(name)
    return model, processor


def _check_base(adapter: Path, name_or_folder: str | Path) -> dict[str, Any]:
    """The training spec of an adapter that fits the base; ToileError for another base.

    By content where the adapter was trained by toile; a foreign PEFT folder only knows the name.
    """
    if not (adapter / ADAPTER_CONFIG).is_file():
        raise ToileError(str(adapter), f"holds no {ADAPTER_CONFIG}", "point to a folder made by `toile train`")
    if (adapter / RUN).is_file():
        inputs = load_finished(adapter).inputs
        spec, base = dict(inputs["spec"]), inputs["base"]
    else:
        spec, base = {"model": read_document(adapter / ADAPTER_CONFIG).get("base_model_name_or_path")}, None
    theirs, ours = str(spec.get("model")), str(name_or_folder)
    if base is None:
        fits = theirs == ours
    else:
        fits = (theirs == TINY) == (ours == TINY) and base["sha256"] == base_fingerprint(
            name_or_folder, int(spec.get("seed", 0))
        )
    if not fits:
        same = ", which holds other weights now" if theirs == ours else ""
        problem = f"was trained on {theirs!r}, not on {ours!r}{same}"
        raise ToileError(str(adapter), problem, f"use --model {theirs}" if not same else "give the base of that time")
    return spec


def _adapter_tensors(adapter: Path) -> dict[str, tuple[int, ...]]:
    """Name -> shape of an adapter's tensors; never from a pickle."""
    path = adapter / ADAPTER_WEIGHTS
    if not path.is_file():
        raise ToileError(str(adapter), f"holds no {ADAPTER_WEIGHTS}", "only safetensors are read; train again")
    try:
        with safe_open(path, framework="pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ToileError(str(path), f"is no readable safetensors file: {error}", "train the adapter again") from error


def _compare_tensors(adapter: Path, found: dict[str, tuple[int, ...]], laid_over: Any) -> None:
    """PEFT only warns of adapter tensors that are missing or fit nowhere, and goes on with fresh or unused ones."""
    from peft import get_peft_model_state_dict

    tensors = get_peft_model_state_dict(laid_over, save_embedding_layers=False)  # "auto" would ask the hub
    expected = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    problems = [
        f"{word} {', '.join(sorted(names)[:LISTED])}" + (f" and {len(names) - LISTED} more" if names[LISTED:] else "")
        for word, names in (
            ("lacks", [name for name in expected if name not in found]),
            ("has the unknown", [name for name in found if name not in expected]),
        )
        if names
    ]
    if problems:
        raise ToileError(str(adapter), "does not fit: " + "; ".join(problems), "give the base it was trained on")
