"""Checkpoints in the published form: found, fetched where necessary, and read strictly.

Only safetensors and JSON are read, never code or pickles. A tensor that is unknown, missing or misshapen is an error
with its name: transformers only reports missing ones and goes on with random numbers in their place.
This is the only file of the package that talks to the network, and it does so for hub names alone.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx
import torch
from huggingface_hub import snapshot_download
from safetensors import SafetensorError, safe_open
from torch import Tensor

from finetune.phi3v.configuration import Phi3VConfig
from finetune.phi3v.modeling import Phi3VForCausalLM
from schemas.errors import ToileError

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
HUB_NAME = re.compile(r"\w[\w.-]*/[\w.-]+")
ALIASES = re.compile(r"model\.vision_embed_tokens\.wte\.weight|.*\.embeddings\.position_ids")
"""Copies of other tensors that older conversions wrote along; ignored."""
MAX_LISTED = 12
HUB_ERRORS = (OSError, ValueError, httpx.HTTPError)
"""What huggingface_hub raises: all its own errors are one of the first two, the network's are the last."""


def find_folder(name_or_folder: str | Path) -> Path:
    """A folder as it is, or the local snapshot of a hub name, fetched where necessary: JSON and safetensors only."""
    folder = Path(name_or_folder)
    if folder.is_dir():
        return folder
    name = str(name_or_folder)
    if folder.exists() or not HUB_NAME.fullmatch(name):
        hint = 'Give a folder with config.json, a hub name such as "microsoft/Phi-3.5-vision-instruct", or "tiny".'
        raise ToileError(name, "is neither a folder nor a hub name", hint)
    try:
        return Path(snapshot_download(name, allow_patterns=["*.json", "*.safetensors"]))
    except HUB_ERRORS as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        hint = (
            "Check the name and the network; to continue offline, copy the checkpoint here and give its folder, "
            'or take the built-in model "tiny".'
        )
        raise ToileError(name, f"cannot be fetched from the hub: {reason}", hint) from error


def read_weights(
    folder: Path, config: Phi3VConfig, dtype: torch.dtype, device: str | torch.device
) -> dict[str, Tensor]:
    """All tensors of a checkpoint, after names and shapes of all its files were compared with the configuration."""
    files = weight_files(folder)
    found: dict[str, tuple[int, ...]] = {}
    for path in files:
        found |= _shapes(path)
    compare_names(found, config, str(folder))
    tensors = {}
    for path in files:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118  # not a dict
                if not ALIASES.fullmatch(name):
                    tensors[name] = file.get_tensor(name).to(device=device, dtype=dtype)
    return tensors


def weight_files(folder: Path) -> list[Path]:
    """The shards that the index names, or the one file; ToileError where one of them is not there."""
    index_path, single = folder / INDEX, folder / WEIGHTS
    if not index_path.is_file():
        if single.is_file():
            return [single]
        pickles = sorted(path.name for path in folder.glob("*.bin"))
        problem = f"holds no {WEIGHTS}" + (f", only {', '.join(pickles)}" if pickles else "")
        raise ToileError(str(folder), problem, "Only safetensors are read; convert or fetch them.")
    weight_map = read_json(index_path).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ToileError(f"{index_path}: weight_map", "is missing or empty", "Fetch the index file again.")
    shards = [folder / str(name) for name in sorted(set(weight_map.values()))]
    absent = [path.name for path in shards if not path.is_file()]
    if absent:
        raise ToileError(str(folder), f"lacks the shards {', '.join(absent)}", "Fetch the missing files.")
    return shards


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; ToileError when there is none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ToileError(str(path), "is missing", "Give a folder with a complete Phi-3-Vision checkpoint.") from error
    except (OSError, ValueError) as error:
        raise ToileError(str(path), f"is no readable JSON: {error}", "Fetch the file again.") from error
    if not isinstance(document, dict):
        raise ToileError(str(path), f"holds a {type(document).__name__}, not an object", "Fetch the file again.")
    return document


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Name -> shape of the tensors in one file, aliases left out, read from its header."""
    try:
        with safe_open(path, framework="pt") as file:
            names = [name for name in file.keys() if not ALIASES.fullmatch(name)]  # noqa: SIM118  # not a dict
            return {name: tuple(file.get_slice(name).get_shape()) for name in names}
    except (SafetensorError, OSError) as error:
        hint = "The file is damaged or incomplete; fetch it again."
        raise ToileError(str(path), f"is no readable safetensors file: {error}", hint) from error


def compare_names(found: dict[str, tuple[int, ...]], config: Phi3VConfig, where: str) -> None:
    """Raise ToileError unless exactly the published tensors are there, shaped as the configuration asks."""
    with torch.device("meta"):
        expected = {name: tuple(t.shape) for name, t in Phi3VForCausalLM(config).state_dict().items()}
    problems = []
    if missing := sorted(expected.keys() - found.keys()):
        problems.append(f"missing: {_listed(f'{name} {expected[name]}' for name in missing)}")
    if unknown := sorted(found.keys() - expected.keys()):
        problems.append(f"unknown: {_listed(f'{name} {found[name]}' for name in unknown)}")
    wrong = [name for name in sorted(found.keys() & expected.keys()) if found[name] != expected[name]]
    if wrong:
        problems.append(f"misshapen: {_listed(f'{n} {found[n]}, expected {expected[n]}' for n in wrong)}")
    if problems:
        hint = "Give weights and config.json of one and the same Phi-3-Vision model; merge adapters before saving."
        raise ToileError(where, "; ".join(problems), hint)


def _listed(entries: Iterable[str]) -> str:
    """At most twelve entries, and how many more there are."""
    lines = list(entries)
    more = f" and {len(lines) - MAX_LISTED} more" if len(lines) > MAX_LISTED else ""
    return ", ".join(lines[:MAX_LISTED]) + more
