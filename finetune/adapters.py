"""What of a model is trained: low-rank adapters (PEFT) or all of it; and putting an adapter back on its base."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from finetune.phi3v import load_model as load_base
from finetune.phi3v.processing import Phi3VProcessor
from finetune.run_folder import RUN, load_run
from schemas.border import read_document
from schemas.errors import ToileError
from schemas.training import LoraSpec, RunRecord, TrainingSpec

ADAPTER_CONFIG = "adapter_config.json"


def load_model(
    name_or_folder: str | Path,
    *,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
    seed: int = 0,
    adapter: Path | None = None,
) -> tuple[Any, Phi3VProcessor]:
    """The model in evaluation mode and its processor; with `adapter`, a PEFT folder laid over it.

    An adapter for another base raises a ToileError. `tiny` takes its seed from the adapter's run.
    """
    if adapter is None:
        if (Path(name_or_folder) / RUN).is_file():
            _check_finished(Path(name_or_folder))
        return _named(load_base(name_or_folder, dtype=dtype, device=device, seed=seed), name_or_folder)
    from peft import PeftModel

    spec = _adapter_spec(adapter)
    if str(spec.get("model")) != str(name_or_folder):
        problem = f"was trained on {spec.get('model')!r}, not on {str(name_or_folder)!r}"
        raise ToileError(str(adapter), problem, f"use --model {spec.get('model')}")
    loaded = load_base(name_or_folder, dtype=dtype, device=device, seed=int(spec.get("seed", 0)))
    model, processor = _named(loaded, name_or_folder)
    if spec.get("num_crops") is not None:
        processor.num_crops = spec["num_crops"]
    try:
        laid_over = PeftModel.from_pretrained(model, str(adapter))
    except (ValueError, RuntimeError, OSError, SafetensorError) as error:
        raise ToileError(str(adapter), f"does not fit: {str(error)[:200]}", "train the adapter again") from error
    return laid_over.eval(), processor


def add_lora(model: nn.Module, lora: LoraSpec, base_name: str) -> Any:
    """The model with fresh adapters on every linear layer that bears one of the target names; only they are trained."""
    from peft import LoraConfig, get_peft_model

    names = {name.rsplit(".", 1)[-1] for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    unknown = [target for target in lora.targets if target not in names]
    if unknown:
        hint = f"its linear layers are {', '.join(sorted(names))}"
        raise ToileError("lora.targets", f"the model has no layer called {', '.join(unknown)}", hint)
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.targets),
        base_model_name_or_path=base_name,
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)


def prepare(model: nn.Module, spec: TrainingSpec) -> Any:
    """The model with the right parameters trainable: adapters, or everything."""
    if spec.method == "lora":
        torch.manual_seed(spec.seed)
        return add_lora(model, spec.lora, spec.model)
    return model.requires_grad_(True)


def _named(loaded: tuple[Any, Phi3VProcessor], name: str | Path) -> tuple[Any, Phi3VProcessor]:
    """The model under the name it was asked for, which PEFT writes into adapters and compares."""
    model, processor = loaded
    model.name_or_path = model.config._name_or_path = str(name)
    return model, processor


def _adapter_spec(adapter: Path) -> dict[str, Any]:
    """The training spec in the adapter's run.json; for a foreign PEFT folder, what its own configuration says."""
    if not (adapter / ADAPTER_CONFIG).is_file():
        raise ToileError(str(adapter), f"holds no {ADAPTER_CONFIG}", "point to a folder made by `toile train`")
    if (adapter / RUN).is_file():
        spec: dict[str, Any] = dict(_check_finished(adapter).inputs["spec"])
        return spec
    config = read_document(adapter / ADAPTER_CONFIG)
    return {"model": config.get("base_model_name_or_path")}


def _check_finished(folder: Path) -> RunRecord:
    run = load_run(folder / RUN)
    if not run.finished:
        raise ToileError(str(folder), "is unfinished", "run `toile train` once more; it continues where it was")
    return run
