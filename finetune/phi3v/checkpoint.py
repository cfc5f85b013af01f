"""Checkpoints in the published form: found, fetched where necessary, and read strictly.

Only safetensors and JSON are read, never code or pickles. A tensor that is unknown, missing or misshapen is an error
with its name: transformers only reports missing ones and goes on with random numbers in their place.
This is the only file of the package that talks to the network, and it does so for hub names alone.
"""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import HfApi, constants, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import HfHubHTTPError
from safetensors import SafetensorError, safe_open
from torch import Tensor

from finetune.phi3v.configuration import Phi3VConfig
from finetune.phi3v.modeling import Phi3VForCausalLM
from schemas.errors import ToileError
from schemas.util.files import storage_errors

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
HUB_NAME = re.compile(r"(?P<name>\w[\w.-]*/[\w.-]+)(@(?P<revision>[\w./-]+))?")
FETCHED = ("*.json", "*.safetensors")
ALIASES = re.compile(r"model\.vision_embed_tokens\.wte\.weight|.*\.embeddings\.position_ids")
"""Copies of other tensors that older conversions wrote along; ignored."""
DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
"""Types of weights that are read, as safetensors names them."""
MAX_LISTED = 12
NETWORK_ERROR: type[Exception] = next(base for base in HfHubHTTPError.__mro__ if base.__name__ == "HTTPError")
"""The root of all errors of the HTTP library that huggingface_hub is built on, which changes with its versions."""
HUB_ERRORS = (OSError, ValueError, NETWORK_ERROR)
"""What huggingface_hub raises: all its own errors are one of the first two, the network's are the last."""


def find_folder(name_or_folder: str | Path, say: Callable[[str], None] = lambda text: None) -> Path:
    """A folder as it is, or the local snapshot of a hub name, fetched where necessary: JSON and safetensors only.

    A hub name may pin a revision, `owner/name@revision`. A repository's folder in a hub cache (`models--owner--name`)
    stands for the snapshot of its `main`. `say` hears how much is about to be fetched, before it is.
    """
    folder = Path(name_or_folder)
    if folder.is_dir():
        return _cached_snapshot(folder) if (folder / "snapshots").is_dir() else folder
    name = str(name_or_folder)
    match = HUB_NAME.fullmatch(name)
    if folder.exists() or match is None:
        hint = 'Give a folder with config.json, a hub name such as "microsoft/Phi-3.5-vision-instruct", or "tiny".'
        raise ToileError(name, "is neither a folder nor a hub name", hint)
    try:
        _announce(match["name"], match["revision"], say)
        return Path(snapshot_download(match["name"], revision=match["revision"], allow_patterns=list(FETCHED)))
    except HUB_ERRORS as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        hint = (
            "Check the name and the network; to continue offline, copy the checkpoint here and give its folder, "
            'or take the built-in model "tiny".'
        )
        raise ToileError(name, f"cannot be fetched from the hub: {reason}", hint) from error


def revision_of(folder: Path) -> str | None:
    """The commit that a folder in a hub cache is a snapshot of; None for any other folder."""
    return folder.name if folder.parent.name == "snapshots" else None


def _cached_snapshot(repository: Path) -> Path:
    """The snapshot of `main` in a repository's folder of a hub cache, or its only one."""
    reference = repository / "refs" / "main"
    names = [reference.read_text().strip()] if reference.is_file() else []
    names += sorted(path.name for path in (repository / "snapshots").iterdir())
    if len(set(names)) != 1 and not reference.is_file():
        problem = f"is a hub cache with {len(names)} snapshots and no refs/main"
        raise ToileError(str(repository), problem, f"Give one of the folders in {repository / 'snapshots'}.")
    snapshot = repository / "snapshots" / names[0]
    if not snapshot.is_dir():
        raise ToileError(str(snapshot), "is missing, but refs/main names it", "Fetch the model again.")
    return snapshot


def _announce(name: str, revision: str | None, say: Callable[[str], None]) -> None:
    """Tell `say` the size of what is not in the cache yet.

    Silent where the hub cannot be asked: the cache may have it all, and if not, fetching says why.
    """
    if constants.HF_HUB_OFFLINE:
        return
    try:
        info = HfApi().model_info(name, revision=revision, files_metadata=True)
    except NETWORK_ERROR:
        return
    wanted = [file for file in info.siblings or () if file.rfilename.endswith((".json", ".safetensors"))]
    absent = [
        file for file in wanted if not isinstance(try_to_load_from_cache(name, file.rfilename, revision=info.sha), str)
    ]
    if absent:
        size = sum(file.size or 0 for file in absent)
        say(f"fetching {len(absent)} files of {name}, {size / 1e9:.2f} GB, into {constants.HF_HUB_CACHE}")


def read_weights(
    folder: Path, config: Phi3VConfig, dtype: torch.dtype | None, device: str | torch.device
) -> dict[str, Tensor]:
    """All tensors of a checkpoint, after names, shapes and types of all its files were compared with the configuration.

    Tensor by tensor from the mapped file, so that there is never a second copy of the weights in memory. `dtype` None
    keeps each tensor as it is stored.
    """
    files = weight_files(folder)
    compare_names(_all_shapes(files, folder), config, str(folder))
    return {name: tensor.to(device=device, dtype=dtype or tensor.dtype) for name, tensor in _tensors(files)}


def stored_dtype(folder: Path) -> torch.dtype:
    """The type of the head's weights in the files: that of the checkpoint."""
    for path in weight_files(folder):
        with safe_open(path, framework="pt") as file:
            if "lm_head.weight" in file.keys():  # noqa: SIM118  # not a dict
                return DTYPES[file.get_slice("lm_head.weight").get_dtype()]
    raise ToileError(str(folder), "holds no lm_head.weight", "Give a complete Phi-3-Vision checkpoint.")


def fingerprint(tensors: Mapping[str, Tensor] | Path) -> str:
    """sha256 over names, types, shapes and bytes of all tensors, sorted by name.

    The same for any division into files. `tensors` is a checkpoint's folder, read as it is stored, or the tensors.
    """
    if isinstance(tensors, Path):
        files = weight_files(tensors)
        _all_shapes(files, tensors)
        return _digest((name, tensor) for name, tensor in _tensors(files, in_order=True))
    return _digest(sorted(tensors.items()))


def _digest(tensors: Iterable[tuple[str, Tensor]]) -> str:
    digest = hashlib.sha256()
    for name, tensor in tensors:
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().contiguous().flatten().view(torch.uint8).cpu().numpy().data)
    return digest.hexdigest()


def _tensors(files: Iterable[Path], *, in_order: bool = False) -> Iterator[tuple[str, Tensor]]:
    """Names and tensors of all files, one at a time; `in_order` sorts by name across the files."""
    places = []
    for path in files:
        with safe_open(path, framework="pt") as file:
            places += [(name, path) for name in file.keys() if not ALIASES.fullmatch(name)]  # noqa: SIM118
    opened = {path: safe_open(path, framework="pt") for _, path in places}
    for name, path in sorted(places) if in_order else places:
        yield name, opened[path].get_tensor(name)  # type: ignore[no-untyped-call]


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


def _all_shapes(files: Iterable[Path], folder: Path) -> dict[str, tuple[int, ...]]:
    """Name -> shape of the tensors in all files, aliases left out, read from their headers; types are checked."""
    found: dict[str, tuple[int, ...]] = {}
    strange: list[str] = []
    for path in files:
        try:
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118  # not a dict
                    if ALIASES.fullmatch(name):
                        continue
                    entry = file.get_slice(name)
                    if name in found:
                        raise ToileError(str(path), f"repeats the tensor {name}", "Fetch the checkpoint again.")
                    found[name] = tuple(entry.get_shape())
                    if entry.get_dtype() not in DTYPES:
                        strange.append(f"{name} {entry.get_dtype()}")
        except (SafetensorError, OSError) as error:
            hint = "The file is damaged or incomplete; fetch it again."
            raise ToileError(str(path), f"is no readable safetensors file: {error}", hint) from error
    if strange:
        problem = f"of a type that is not read: {_listed(strange)}"
        hint = f"Give a checkpoint in {', '.join(DTYPES)}; quantised ones are not read."
        raise ToileError(str(folder), problem, hint)
    return found


@contextlib.contextmanager
def weights_written(folder: Path) -> Iterator[None]:
    """Turn what a disk can answer while weights are written into a ToileError at their folder.

    The safetensors library tells of a full disk by an error of its own.
    """
    with storage_errors(folder):
        try:
            yield
        except SafetensorError as error:
            raise system_error(error, folder) from error


def system_error(error: Exception, path: Path) -> Exception:
    """The OSError that a library written in Rust means, which puts the system's number into its text; else `error`."""
    number = re.search(r"os error (\d+)", str(error))
    return error if number is None else OSError(int(number[1]), os.strerror(int(number[1])), str(path))


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
