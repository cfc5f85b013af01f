"""Export a base with its adapter merged as one checkpoint in the published layout.

    export("tiny", Path("merged"), adapter=Path("runs/first"))

PEFT merges the weights layer by layer; they are written as safetensors in the base's own number format. The base's
other files (configuration, tokenizer, image settings) are copied. `run.json` names the trainings of base and adapter,
and `seen.parquet` lists the rows of both, so an evaluation of the merged model still knows which rows it has seen.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from finetune.adapters import load_model, merge_adapter, split_adapter
from finetune.phi3v import Phi3VProcessor, save_model
from finetune.phi3v.loading import TINY, read_json, resolve_folder
from finetune.run_dir import RUN, RUN_FILES, SEEN, earlier_runs, hash_files, load_run, write_seen
from generator.ingest.hub import HUB_NAME
from schemas.errors import ToileError
from schemas.util.files import as_document, storage_errors, write_json

_LAYOUT = ("LICENSE*", "*.json", "*.model", "*.py")
"""Files of a base that are copied. Python files are copied as text and never run."""


def export(
    path_or_name: str | Path,
    out: str | Path,
    *,
    adapter: str | Path | None = None,
    dtype: torch.dtype | None = None,
    device: str = "cpu",
    seed: int = 0,
    force: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> Path:
    """Write the model, with `adapter` merged into it, to the folder `out`; return that folder.

    `path_or_name` (the folder of an adapter too), `device`, `seed` and `say` are those of `load_model`; `dtype` None
    keeps the base's own. The exported model has the merged model's logits to the last bit. `out` must be new or empty;
    `force` replaces a folder that contains nothing but a checkpoint. Raises ToileError for an adapter of another base,
    for a kind that cannot be merged, and for what cannot be read or written.
    """
    out = Path(out)
    path_or_name, adapter = split_adapter(path_or_name, adapter)
    _check_out(out, [folder for folder in (Path(path_or_name), adapter) if folder], force=force)
    model, processor = load_model(path_or_name, dtype=dtype, device=device, seed=seed, adapter=adapter, say=say)
    if adapter is not None:
        model = merge_adapter(model)
    temporary = out.with_name(out.name + ".part")
    with storage_errors(out):
        shutil.rmtree(temporary, ignore_errors=True)
        save_model(model, processor, temporary)
        if str(path_or_name) != TINY:
            _copy_layout(resolve_folder(path_or_name), temporary, processor, str(path_or_name))
        _copy_ancestry(None if str(path_or_name) == TINY else resolve_folder(path_or_name), adapter, temporary)
        if out.exists():
            shutil.rmtree(out)
        temporary.rename(out)
    say(
        f"{sum(p.numel() for p in model.parameters()):,} parameters in {str(model.dtype).removeprefix('torch.')}: {out}"
    )
    return out


def _copy_ancestry(base: Path | None, adapter: Path | None, out: Path) -> None:
    """Write the run.json of the last training, with all before it, and the rows that any of them has seen."""
    folders = [folder for folder in (adapter, base) if folder is not None]
    if any((folder / SEEN).is_file() for folder in folders):
        write_seen(out, (), inherited=folders)
    trained = next((folder for folder in folders if (folder / RUN).is_file()), None)
    if trained is None:
        return
    run = load_run(trained / RUN)
    if base is not None and trained != base and not run.trained_before:
        run = replace(run, trained_before=earlier_runs(base))
    write_json(out / RUN, as_document(replace(run, files=hash_files(out))))


def _check_out(out: Path, sources: list[Path], *, force: bool) -> None:
    """Raise ToileError unless `out` is new, empty or, with `force`, a checkpoint, and none of the sources."""
    if any(out.resolve() == source.resolve() for source in sources):
        raise ToileError(str(out), "is what would be exported", "choose another --out")
    if out.exists() and not out.is_dir():
        raise ToileError(str(out), "is a file", "choose another --out")
    existing = sorted(out.iterdir()) if out.is_dir() else []
    foreign = [path.name for path in existing if not any(path.match(each) for each in (*RUN_FILES, *_LAYOUT, RUN))]
    if existing and (foreign or not force):
        held = f"holds {', '.join(path.name for path in existing[:3])}" if not foreign else f"holds {foreign[0]}"
        hint = "choose a new folder for --out" + ("" if foreign else ", or --force to replace the checkpoint")
        raise ToileError(str(out), held, hint)


def _copy_layout(base: Path, out: Path, processor: Phi3VProcessor, name: str) -> None:
    """Copy the base's own files; change only dtype, number of crops and the repository of remote code.

    `auto_map` names Python files that other programs may want to fetch. They are not fetched here, so for a hub model
    the names get their repository as a prefix, as transformers writes them.
    """
    written = {path.name: read_json(path) for path in (out / "config.json", out / "preprocessor_config.json")}
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
            changes["auto_map"] = {
                key: _add_repository(value, match["name"]) for key, value in document["auto_map"].items()
            }
        if path.name == "config.json":
            changes["torch_dtype"] = written[path.name]["torch_dtype"]
        if path.name == "preprocessor_config.json":
            changes["num_crops"] = processor.num_crops
        if any(document.get(key) != value for key, value in changes.items()):
            path.write_text(json.dumps(document | changes, indent=2) + "\n", encoding="utf-8")


def _add_repository(reference: Any, repository: str) -> Any:
    """Return `owner/name--file.Class` for a reference to remote code."""
    if isinstance(reference, str):
        return reference if "--" in reference else f"{repository}--{reference}"
    return [_add_repository(each, repository) for each in reference] if isinstance(reference, list) else reference
