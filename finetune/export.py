"""A base and its adapter as one checkpoint in the published layout, for toile and for everything else that reads it.

The weights are merged layer by layer and written as safetensors in the base's own number format; whatever else lies
beside the base - configuration, tokenizer, picture settings - goes along as it is. Of the training, `run.json` and
`seen.parquet` go along too, so an evaluation of the merged model still knows which rows it has seen.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from finetune.adapters import load_model, merge
from finetune.phi3v import Phi3VProcessor, save_model
from finetune.phi3v.checkpoint import HUB_NAME, find_folder, read_json
from finetune.phi3v.loading import TINY
from finetune.run_dir import OURS, RUN, SEEN, file_hashes, load_run
from schemas.errors import ToileError
from schemas.util.files import as_document, storage_errors, write_json

_LAYOUT = ("LICENSE*", "*.json", "*.model", "*.py")
"""Files of a base that go along: what describes and reads it. Python files are copied as text, never run."""


def export(
    name_or_folder: str,
    out: Path,
    *,
    adapter: Path | None = None,
    dtype: torch.dtype | None = None,
    device: str = "cpu",
    seed: int = 0,
    force: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> Path:
    """Write the model, with `adapter` merged into it, to the folder `out`, and return that.

    `dtype` None keeps the base's own. Loading `out` again gives the merged model's logits to the last bit. `out` must
    be new or empty; `force` replaces a folder that holds nothing but a checkpoint. Raises ToileError for an adapter of
    another base, and for whatever cannot be read or written.
    """
    _check_out(out, [folder for folder in (Path(name_or_folder), adapter) if folder], force=force)
    model, processor = load_model(name_or_folder, dtype=dtype, device=device, seed=seed, adapter=adapter, say=say)
    if adapter is not None:
        model = merge(model)
    aside = out.with_name(out.name + ".part")
    with storage_errors(out):
        shutil.rmtree(aside, ignore_errors=True)
        save_model(model, processor, aside)
        if name_or_folder != TINY:
            _keep_layout(find_folder(name_or_folder), aside, processor, name_or_folder)
        trained = adapter or Path(name_or_folder)
        for name in (RUN, SEEN):
            if (trained / name).is_file():
                shutil.copyfile(trained / name, aside / name)
        if (aside / RUN).is_file():
            write_json(aside / RUN, as_document(replace(load_run(aside / RUN), files=file_hashes(aside))))
        if out.exists():
            shutil.rmtree(out)
        aside.rename(out)
    say(
        f"{sum(p.numel() for p in model.parameters()):,} parameters in {str(model.dtype).removeprefix('torch.')}: {out}"
    )
    return out


def _check_out(out: Path, sources: list[Path], *, force: bool) -> None:
    """Raise ToileError unless `out` is free, or holds only what an export may replace and is no source of this one."""
    if any(out.resolve() == source.resolve() for source in sources):
        raise ToileError(str(out), "is what would be exported", "choose another --out")
    if out.exists() and not out.is_dir():
        raise ToileError(str(out), "is a file", "choose another --out")
    there = sorted(out.iterdir()) if out.is_dir() else []
    strange = [path.name for path in there if not any(path.match(each) for each in (*OURS, *_LAYOUT, RUN))]
    if there and (strange or not force):
        held = f"holds {', '.join(path.name for path in there[:3])}" if not strange else f"holds {strange[0]}"
        hint = "choose a new folder for --out" + ("" if strange else ", or --force to replace the checkpoint")
        raise ToileError(str(out), held, hint)


def _keep_layout(base: Path, out: Path, processor: Phi3VProcessor, name: str) -> None:
    """The base's own files beside the new weights; only type, number of crops and homes of remote code are changed.

    `auto_map` names Python files that other programs may want to fetch; they are not fetched here, so for a hub model
    the names get their repository in front, as transformers writes them.
    """
    ours = {path.name: read_json(path) for path in (out / "config.json", out / "preprocessor_config.json")}
    for pattern in _LAYOUT:
        for path in base.glob(pattern):
            if path.name not in (RUN, "model.safetensors.index.json") and not path.name.startswith("adapter_"):
                shutil.copyfile(path, out / path.name)
    match = HUB_NAME.fullmatch(name) if not Path(name).is_dir() else None
    for path in sorted(out.glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(document, dict):
            continue
        changes: dict[str, Any] = {}
        if match and isinstance(document.get("auto_map"), dict):
            changes["auto_map"] = {key: _at_home(value, match["name"]) for key, value in document["auto_map"].items()}
        if path.name == "config.json":
            changes["torch_dtype"] = ours[path.name]["torch_dtype"]
        if path.name == "preprocessor_config.json":
            changes["num_crops"] = processor.num_crops
        if any(document.get(key) != value for key, value in changes.items()):
            path.write_text(json.dumps(document | changes, indent=2) + "\n", encoding="utf-8")


def _at_home(reference: Any, repository: str) -> Any:
    """`owner/name--file.Class` of a reference to remote code."""
    if isinstance(reference, str):
        return reference if "--" in reference else f"{repository}--{reference}"
    return [_at_home(each, repository) for each in reference] if isinstance(reference, list) else reference
