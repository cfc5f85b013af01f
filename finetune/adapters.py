"""Load a model with its adapter; create, merge and compute LoRA adapters (PEFT).

    model, processor = load_model("tiny", adapter=Path("runs/first"))

An adapter fits one base. Its `run.json` holds the fingerprint of the base's tensors. The folder may be moved or split
into other files; a different model under the same name is refused.

The fused adapter product computes y = x W' + b, then y += s (x A') B' in place (Hu et al. 2021, arXiv 2106.09685,
section 4.1; the gradients are its derivatives with a frozen W). PEFT computes the second term as a whole, scales it and
adds it: three more passes over an output that is 16,384 wide in the published model's largest layer.

Shapes: x (..., I), W (O, I), A (R, I), B (O, R), y (..., O); N = all positions of x, flattened.
"""

import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn import functional as F

from finetune.phi3v import load_model as load_base
from finetune.phi3v.loading import (
    ADAPTER_CONFIG,
    TINY,
    base_fingerprint,
    cached_revision,
    check_name,
    is_adapter,
    resolve_folder,
)
from finetune.phi3v.processing import Phi3VProcessor
from finetune.run_dir import RUN, check_files, load_finished
from schemas.documents import read_document
from schemas.errors import ToileError
from schemas.training import LoraSpec, TrainingSpec
from schemas.util.files import file_sha256

ADAPTER_WEIGHTS = "adapter_model.safetensors"
MAX_LISTED = 3
PARTS = {
    "decoder": ("qkv_proj", "o_proj", "gate_up_proj", "down_proj"),
    "projector": ("img_projection.0", "img_projection.2"),
    "vision": ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"),
}
"""Part of the model -> endings of its linear layers' names."""


def load_model(
    path_or_name: str | Path,
    *,
    adapter: str | Path | None = None,
    dtype: torch.dtype | None = torch.float32,
    device: str | torch.device = "cpu",
    seed: int = 0,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[Any, Phi3VProcessor]:
    """Load a model in evaluation mode and its processor; apply the PEFT folder `adapter` where one is given.

    `path_or_name`, `dtype`, `device` and `say` are those of `finetune.phi3v.load_model`; the folder of an adapter means
    its base with it. With an adapter, `tiny` takes its seed from the adapter's run. Raises ToileError for an adapter of
    another base, and for one whose tensors are not exactly those that it announces.
    """
    path_or_name, adapter = split_adapter(path_or_name, adapter)
    if adapter is None:
        if (Path(path_or_name) / RUN).is_file():
            load_finished(Path(path_or_name))
        loaded = load_base(path_or_name, dtype=dtype, device=device, seed=seed, say=say)
        check_files(Path(path_or_name))
        return _set_name(loaded, path_or_name)
    model, processor = load_base_of(adapter, path_or_name, dtype=dtype, device=device, say=say)
    return apply_adapter(model, adapter), processor


def load_base_of(
    adapter: Path,
    path_or_name: str | Path,
    *,
    dtype: torch.dtype | None,
    device: str | torch.device,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[Any, Phi3VProcessor]:
    """Load the base of an adapter, with the adapter's number of crops. Raises ToileError where it is another base."""
    spec = _check_base(adapter, path_or_name)
    loaded = load_base(path_or_name, dtype=dtype, device=device, seed=int(spec.get("seed", 0)), say=say)
    model, processor = _set_name(loaded, path_or_name)
    if spec.get("num_crops") is not None:
        processor.num_crops = spec["num_crops"]
    return model, processor


def apply_adapter(model: Any, adapter: Path, *, trainable: bool = False) -> Any:
    """Return a model with the PEFT folder `adapter` applied, of any kind but those that change prompts.

    It is in evaluation mode unless `trainable`, which makes the adapter and nothing else trainable. Raises ToileError
    for an adapter that does not fit, and for one whose tensors are not exactly those that it announces.
    """
    from peft import PeftModel

    _require_config(adapter)
    shapes = _read_adapter_shapes(adapter)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Found missing adapter keys")  # an error, below
            warnings.filterwarnings("ignore", message="`is_gradient_checkpointing`")
            warnings.filterwarnings("ignore", message=".*merging LoRA weights won't be possible")  # only for an export
            adapted = PeftModel.from_pretrained(model, str(adapter), is_trainable=trainable)
    except (KeyError, ValueError, RuntimeError, OSError, TypeError, SafetensorError) as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise ToileError(str(adapter), f"does not fit: {reason}", "give the base it was trained on") from error
    if any(config.is_prompt_learning for config in adapted.peft_config.values()):
        problem = "adds virtual tokens to the prompt, which is neither evaluated nor merged here"
        raise ToileError(str(adapter), problem, "give an adapter that changes weights, such as LoRA")
    _compare_tensors(adapter, shapes, adapted)
    check_files(adapter)
    return adapted if trainable else adapted.eval()


def split_adapter(path_or_name: str | Path, adapter: str | Path | None = None) -> tuple[str, Path | None]:
    """Return base and adapter of what is given as a model: a PEFT folder is an adapter on the base that it names.

    Anything else is returned as it is, with `adapter`. Raises ToileError for two adapters, and for a base that does not
    exist.
    """
    folder, given = Path(path_or_name), str(path_or_name)
    if not is_adapter(folder):
        return given, Path(adapter) if adapter else None
    if adapter is not None and Path(adapter).resolve() != folder.resolve():
        raise ToileError(given, "is an adapter itself", "give its base as the model, or leave out the other adapter")
    base = read_document(folder / ADAPTER_CONFIG).get("base_model_name_or_path")
    hint = f"give the base, and the folder as the adapter: --model BASE --adapter {given}"
    if not isinstance(base, str) or not base:
        raise ToileError(given, "is an adapter that does not name its base", hint)
    if Path(base).resolve() == folder.resolve() or is_adapter(Path(base)):
        raise ToileError(given, f"is an adapter, and so is its base {base!r}", hint)
    try:
        check_name(base)
    except ToileError as error:
        raise ToileError(given, f"is an adapter on {base!r}, which {error.problem}", hint) from error
    return base, folder


def add_lora(model: nn.Module, lora: LoraSpec, base_name: str) -> Any:
    """Return the model with new adapters on the linear layers that the targets name; only they are trainable."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=_find_target_layers(model, lora.targets),
        base_model_name_or_path=base_name,
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing`")  # PEFT asks by the older name
        return get_peft_model(model, config)


def _find_target_layers(model: nn.Module, targets: Sequence[str]) -> list[str]:
    """Return PEFT's target modules: name endings, and whole names in the vision tower, whose last layer is unused."""
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    endings = [ending for target in targets for ending in PARTS.get(target, (target,))]
    found = {ending: [name for name in linear if f".{name}".endswith(f".{ending}")] for ending in endings}
    unknown = [ending for ending, names in found.items() if not names]
    if unknown:
        known = sorted({name.rsplit(".", 1)[-1] for name in linear if not name.rsplit(".", 1)[-1].isdigit()})
        problem = f"the model has no layer called {', '.join(unknown)}"
        raise ToileError("lora.targets", problem, f"name parts ({', '.join(PARTS)}) or layers ({', '.join(known)})")
    unused = tuple(f"{name}." for name, _ in find_unused_modules(model))
    layers: list[str] = []
    for ending, names in found.items():
        used = [name for name in names if not name.startswith(unused)]
        layers += [ending] if used == names else used
    return list(dict.fromkeys(layers))


def find_unused_modules(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return the vision tower's last layer and norm: they are in the checkpoints, but no output depends on them."""
    name = "model.vision_embed_tokens.img_processor.vision_model"
    tower: Any = model.get_submodule(name)
    last = len(tower.encoder.layers) - 1
    return [(f"{name}.{path}", tower.get_submodule(path)) for path in (f"encoder.layers.{last}", "post_layernorm")]


@torch.no_grad()
def merge_adapter(model: Any) -> Any:
    """Return the base model with its adapter merged by PEFT, in the base's number format.

    Each layer is merged in float32 and rounded once. Every kind that PEFT can merge is merged: LoRA with its variants
    (rsLoRA, DoRA, trained biases), IA3, LoHa and others, and modules trained as a whole. Raises ToileError for a kind
    that is no change of weights, for a layer that computes something else once merged, and for weights that are not
    finite.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer

    kinds = ", ".join(str(config.peft_type.value) for config in model.peft_config.values())
    for name, layer in model.named_modules():
        if isinstance(layer, BaseTunerLayer):
            weight = next(layer.get_base_layer().parameters())
            dtype = weight.dtype
            with _merge_errors(kinds, name):
                layer.float()
                expected_NO, probe_NI = _probe(layer)
                layer.merge(safe_merge=True)
                found_NO, _ = _probe(layer, probe_NI)
            if not torch.allclose(found_NO, expected_NO, rtol=1e-3, atol=1e-3 * float(expected_NO.abs().max())):
                raise _cannot_merge(kinds, f"{name} computes something else once merged")
            layer.get_base_layer().to(dtype)
    with _merge_errors(kinds, "the model"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="All adapters are already merged")
        return model.merge_and_unload(safe_merge=True)


def _probe(layer: Any, x_NI: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return the output of a linear layer for a random input, and that input; zeros for other layers."""
    weight = layer.get_base_layer().weight
    if not isinstance(layer.get_base_layer(), nn.Linear):
        return torch.zeros(1), torch.zeros(1)
    if x_NI is None:
        noise = torch.Generator(weight.device).manual_seed(0)
        x_NI = torch.randn(4, weight.shape[1], generator=noise, device=weight.device)
    return layer(x_NI), x_NI


@contextlib.contextmanager
def _merge_errors(kinds: str, where: str) -> Iterator[None]:
    """Turn what PEFT raises for an adapter that it cannot merge into a ToileError."""
    try:
        yield
    except (AttributeError, LookupError, NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        if "NaN" in reason:
            hint = "train again at a lower learning rate"
            raise ToileError(where, "becomes infinite with its adapter", hint) from error
        raise _cannot_merge(kinds, f"{where}: {reason}") from error


def _cannot_merge(kinds: str, reason: str) -> ToileError:
    hint = "use base and adapter together: --model BASE --adapter DIR"
    return ToileError(f"adapter of the kind {kinds}", f"cannot be merged into its base: {reason}", hint)


def select_trainable(model: nn.Module, spec: TrainingSpec, start: Path | None = None) -> Any:
    """Return the model with the right parameters trainable: adapters, or everything that a loss can reach.

    Adapters are new, or those of the PEFT folder `start`.
    """
    if spec.method == "lora" and start is not None:
        return apply_adapter(model, start, trainable=True)
    if spec.method == "lora":
        torch.manual_seed(spec.seed)
        return add_lora(model, spec.lora, spec.model)
    model.requires_grad_(True)
    frozen = [module for _, module in find_unused_modules(model)]
    embedding: Any = model.get_submodule("model.vision_embed_tokens")
    frozen += [{"vision": embedding.img_processor, "projector": embedding.img_projection}[part] for part in spec.freeze]
    for module in frozen:
        module.requires_grad_(False)
    return model


def describe_base(path_or_name: str, seed: int, say: Callable[[str], None] = lambda text: None) -> dict[str, Any]:
    """Return what a run records about its base: the fingerprint of its tensors, and the commit of a hub model.

    Of an adapter it is that of its base, and the sha256 of the adapter's weights.
    """
    path_or_name, start = split_adapter(path_or_name)
    adapter = {} if start is None else {"adapter": file_sha256(start / ADAPTER_WEIGHTS)}
    if path_or_name == TINY:
        return {"sha256": base_fingerprint(TINY, seed), "revision": None, **adapter}
    folder = resolve_folder(path_or_name, say)
    return {"sha256": base_fingerprint(folder), "revision": cached_revision(folder), **adapter}


def model_folders(path_or_name: str | Path) -> list[Path]:
    """Return the folders of a model, on this machine or in the hub's cache: of an adapter its own and its base's."""
    base, start = split_adapter(path_or_name)
    return [*([] if start is None else [start]), *([] if base == TINY else [resolve_folder(base)])]


def resolve_start(spec: TrainingSpec) -> TrainingSpec:
    """Return the spec as a run records it: where training continues an adapter, with its base, rank and layers.

    Raises ToileError for settings that the adapter contradicts.
    """
    base, start = split_adapter(spec.model)
    if start is None:
        return spec
    former = _check_base(start, base)
    if base == TINY and int(former.get("seed", 0)) != spec.seed:
        problem = f"is {spec.seed}, but the weights of tiny come from the seed {former.get('seed', 0)} of {start}"
        raise ToileError("seed", problem, f"set seed: {former.get('seed', 0)}")
    spec = replace(spec, model=base, num_crops=former.get("num_crops") if spec.num_crops is None else spec.num_crops)
    if spec.method == "full":
        return spec
    config = read_document(start / ADAPTER_CONFIG)
    if config.get("peft_type") != "LORA":
        problem = f"is an adapter of the kind {config.get('peft_type')}; only LoRA is trained"
        raise ToileError(str(start), problem, f"merge it first: toile export --model {start} --out merged")
    names = config.get("target_modules")
    found = replace(
        spec.lora,
        rank=int(config["r"]),
        alpha=float(config["lora_alpha"]),
        dropout=float(config.get("lora_dropout") or 0.0),
        targets=tuple(sorted(names)) if isinstance(names, list) else spec.lora.targets,
    )
    if spec.lora not in (LoraSpec(), found) and (spec.lora.rank, spec.lora.alpha) != (found.rank, found.alpha):
        problem = f"asks for rank {spec.lora.rank} and alpha {spec.lora.alpha:g}, but {start} has other ones"
        raise ToileError("lora", problem, f"leave it out, or write rank: {found.rank}, alpha: {found.alpha:g}")
    return replace(spec, lora=found)


def _set_name(loaded: tuple[Any, Phi3VProcessor], name: str | Path) -> tuple[Any, Phi3VProcessor]:
    """Store the requested name in the model: PEFT writes it into adapters and compares it."""
    model, processor = loaded
    model.name_or_path = model.config._name_or_path = str(name)
    return model, processor


def _check_base(adapter: Path, path_or_name: str | Path) -> dict[str, Any]:
    """Return the training spec of an adapter that fits the base; raise ToileError for another base.

    Compares content where toile trained the adapter; another PEFT folder only knows the name.
    """
    _require_config(adapter)
    if (adapter / RUN).is_file():
        inputs = load_finished(adapter).inputs
        spec, base = dict(inputs["spec"]), inputs["base"]
    else:
        spec, base = {"model": read_document(adapter / ADAPTER_CONFIG).get("base_model_name_or_path")}, None
    expected, given = str(spec.get("model")), str(path_or_name)
    if base is None:
        fits = expected == given
    else:
        fits = (expected == TINY) == (given == TINY) and base["sha256"] == base_fingerprint(
            path_or_name, int(spec.get("seed", 0))
        )
    if not fits:
        changed = ", which holds other weights now" if expected == given else ""
        problem = f"was trained on {expected!r}, not on {given!r}{changed}"
        hint = f"use --model {expected}" if not changed else "give the base as it was when the adapter was trained"
        raise ToileError(str(adapter), problem, hint)
    return spec


def _require_config(adapter: Path) -> None:
    if not (adapter / ADAPTER_CONFIG).is_file():
        raise ToileError(str(adapter), f"holds no {ADAPTER_CONFIG}", "point to a folder made by `toile train` or PEFT")


def _read_adapter_shapes(adapter: Path) -> dict[str, tuple[int, ...]]:
    """Return name -> shape of an adapter's tensors; pickles are never read."""
    path = adapter / ADAPTER_WEIGHTS
    if not path.is_file():
        raise ToileError(str(adapter), f"holds no {ADAPTER_WEIGHTS}", "only safetensors are read; train again")
    try:
        with safe_open(path, framework="pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ToileError(
            str(path), f"is not a readable safetensors file: {error}", "train the adapter again"
        ) from error


def _compare_tensors(adapter: Path, found: dict[str, tuple[int, ...]], adapted: Any) -> None:
    """Raise ToileError for missing or unknown adapter tensors: PEFT only warns and continues without them."""
    from peft import get_peft_model_state_dict

    embeddings = any(name.endswith(".base_layer.weight") for name in found)  # stored where they are adapted
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*LoRA tensor.* have invalid shape")  # said of biases, which are 1-D
        tensors = get_peft_model_state_dict(adapted, save_embedding_layers=embeddings)  # "auto" would ask the hub
    expected = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    problems = [
        f"{verb} {', '.join(sorted(names)[:MAX_LISTED])}"
        + (f" and {len(names) - MAX_LISTED} more" if names[MAX_LISTED:] else "")
        for verb, names in (
            ("lacks", [name for name in expected if name not in found]),
            ("has the unknown", [name for name in found if name not in expected]),
        )
        if names
    ]
    if problems:
        raise ToileError(str(adapter), "does not fit: " + "; ".join(problems), "give the base it was trained on")


class FusedLoraLinear(torch.autograd.Function):
    """One linear layer with its adapter; the formula and the shapes are in the module docstring."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight_OI: Tensor, bias_O: Tensor | None, a_RI: Tensor, b_OR: Tensor, scale: float
    ) -> Tensor:
        """Return y (..., O)."""
        x_NI = x.reshape(-1, x.shape[-1])
        xa_NR = x_NI @ a_RI.T
        y_NO = F.linear(x_NI, weight_OI, bias_O).addmm_(xa_NR, b_OR.T, alpha=scale)
        ctx.save_for_backward(x_NI, weight_OI, a_RI, b_OR, xa_NR)
        ctx.scale, ctx.shape = scale, x.shape
        return y_NO.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None, None, Tensor, Tensor, None]:
        """Return the gradients of x, A and B."""
        x_NI, weight_OI, a_RI, b_OR, xa_NR = ctx.saved_tensors
        dy_NO = gradients[0].reshape(-1, gradients[0].shape[-1])
        dxa_NR = (dy_NO @ b_OR).mul_(ctx.scale)
        dx = None
        if ctx.needs_input_grad[0]:
            dx = torch.addmm(dy_NO @ weight_OI, dxa_NR, a_RI).view(ctx.shape)
        return dx, None, None, dxa_NR.T @ x_NI, (dy_NO.T @ xa_NR).mul_(ctx.scale), None


def fuse_lora(model: nn.Module) -> int:
    """Let every plain adapter layer use `FusedLoraLinear`; return how many. Layers with dropout or in 4 bits stay."""
    from peft.tuners.lora import Linear

    fused = 0
    for layer in model.modules():
        if not isinstance(layer, Linear) or list(layer.active_adapters) != ["default"]:
            continue
        base = layer.get_base_layer()
        plain = not layer.lora_variant and not layer.lora_bias.get("default")
        if plain and type(base) is nn.Linear and isinstance(layer.lora_dropout["default"], nn.Identity):
            layer.forward = _make_fused_forward(layer)
            fused += 1
    return fused


def unfuse_lora(model: nn.Module) -> None:
    """Restore the layers' own `forward`."""
    for layer in model.modules():
        layer.__dict__.pop("forward", None)


def _make_fused_forward(layer: Any) -> Any:
    def forward(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        base = layer.get_base_layer()
        a_RI, b_OR = layer.lora_A["default"].weight, layer.lora_B["default"].weight
        if x.dtype != a_RI.dtype or base.weight.dtype != a_RI.dtype or layer.disable_adapters or layer.merged:
            unfused: Tensor = type(layer).forward(layer, x, *args, **kwargs)
            return unfused
        y: Tensor = FusedLoraLinear.apply(  # type: ignore[no-untyped-call]
            x, base.weight, base.bias, a_RI, b_OR, layer.scaling["default"]
        )
        return y

    return forward
