"""Load a model and its processor by name, read and write checkpoints in the published layout.

    model, processor = load_model("microsoft/Phi-3.5-vision-instruct")

Only safetensors and JSON are read, never code or pickles. A tensor that is unknown, missing or misshapen is an error
with its name: transformers only reports missing ones and continues with random numbers in their place.
"""

import contextlib
import difflib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import save_torch_state_dict
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError, safe_open
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from finetune.phi3v.configuration import Phi3VConfig, config_from_json, config_to_json
from finetune.phi3v.modeling import LongRope, Phi3VForCausalLM, init_weights
from finetune.phi3v.processing import END_OF_ANSWER, END_OF_TEXT, Phi3VProcessor
from finetune.phi3v.tiling import CLIP_MEAN, CLIP_STD
from finetune.phi3v.tiny import tiny_config, tiny_processor
from generator.ingest.hub import HUB_NAME, download_model
from schemas.errors import ToileError
from schemas.util.files import storage_errors

TINY = "tiny"
ADAPTER_CONFIG = "adapter_config.json"
"""The file by which a folder is one of PEFT: an adapter without its base."""
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
_DOWNLOADED = ("*.json", "*.safetensors")
"""Files of a hub model that are downloaded: never code or pickles."""
ALIASES = re.compile(r"model\.vision_embed_tokens\.wte\.weight|.*\.embeddings\.position_ids")
"""Copies of other tensors that older conversions also wrote; ignored."""
DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
"""Types of weights that are read, by their names in safetensors."""
LOADING_ERRORS = (
    *(StrictDataclassError, SafetensorError),
    *(ImportError, LookupError, OSError, RuntimeError, TypeError, ValueError, AttributeError),
)
"""What transformers raises for files that it cannot load."""
MAX_LISTED = 12


def load_model(
    path_or_name: str | Path,
    *,
    dtype: torch.dtype | None = torch.float32,
    device: str | torch.device = "cpu",
    seed: int = 0,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[Phi3VForCausalLM, Phi3VProcessor]:
    """Load a model, in evaluation mode, and its processor.

    `path_or_name` is "tiny" (random weights from `seed`, which has no other use), a folder with a checkpoint, a hub
    name (`owner/name` or `owner/name@revision`), or a repository's folder in a hub cache. `dtype` None keeps the type
    of the stored weights. HF_ENDPOINT and HF_HUB_OFFLINE are honoured; `say` receives the size of a download before it
    starts. Raises ToileError for an incomplete or unknown model, and for a device that this machine lacks.
    """
    check_device(device)
    if str(path_or_name) == TINY:
        config = tiny_config()
        processor, tensors = tiny_processor(), init_weights(config, seed)
    else:
        folder = resolve_folder(path_or_name, say)
        config = config_from_json(read_json(folder / "config.json"), str(folder / "config.json"))
        processor = load_processor(folder, config)
        tensors = read_weights(folder, config, dtype=dtype, device=device)
    model = assemble(config, tensors, dtype=dtype, device=device)
    model.generation_config.eos_token_id = processor.stop_token_ids
    model.generation_config.pad_token_id = processor.pad_token_id
    return model, processor


def base_fingerprint(path_or_name: str | Path, seed: int = 0) -> str:
    """Return the sha256 over the stored tensors of a model: it identifies the base of an adapter.

    It depends on neither the folder's path nor its division into files. `seed` counts only for "tiny".
    """
    if str(path_or_name) == TINY:
        return fingerprint(init_weights(tiny_config(), seed))
    return fingerprint(resolve_folder(path_or_name))


def save_model(
    model: Phi3VForCausalLM, processor: Phi3VProcessor, folder: Path | str, tensors: dict[str, Tensor] | None = None
) -> None:
    """Write weights (in shards of 5 GB), configuration, tokenizer and image settings; `load_model` reads them back.

    `tensors` replaces the model's own where its weights are sharded over processes. Raises ToileError when the tensors
    do not have the published names, as those of a model with adapters.
    """
    folder = Path(folder)
    tensors = tensors or {name: tensor.detach() for name, tensor in model.state_dict().items()}
    check_tensors({name: tuple(tensor.shape) for name, tensor in tensors.items()}, model.config, "model")
    dtype = str(tensors["lm_head.weight"].dtype).removeprefix("torch.")
    stop, pad = processor.stop_token_ids, processor.pad_token_id
    with weight_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _write_json(folder / "config.json", config_to_json(model.config, dtype))
        _write_json(folder / "generation_config.json", {"bos_token_id": 1, "eos_token_id": stop, "pad_token_id": pad})
        _write_json(folder / "preprocessor_config.json", _image_settings(processor))
        try:
            processor.tokenizer.save_pretrained(folder)
        except Exception as error:  # the tokenizers library raises a bare Exception for a full disk
            raise to_os_error(error, folder) from error
        save_torch_state_dict(tensors, folder, metadata={"format": "pt"})
        for path in folder.glob("*.safetensors"):
            shutil.copymode(folder / "config.json", path)  # safetensors makes files that only their owner may read


def assemble(
    config: Phi3VConfig, tensors: dict[str, Tensor], *, dtype: torch.dtype | None, device: str | torch.device
) -> Phi3VForCausalLM:
    """Build a model in evaluation mode from the given tensors, without initializing random weights first.

    The entries of the dict are replaced one by one by the model's tensors, so no tensor is kept in two types.
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
    """Return the processor of a checkpoint's folder: tokenizer and image settings."""
    settings_path = folder / "preprocessor_config.json"
    settings = read_json(settings_path)
    num_crops = settings.get("num_crops")
    if not isinstance(num_crops, int) or num_crops < 1:
        raise ToileError(f"{settings_path}: num_crops", f"is {num_crops!r}", "Write a whole number such as 16 or 4.")
    return Phi3VProcessor(
        load_tokenizer(folder, config.vocab_size),
        num_crops=num_crops,
        tile_px=config.tile_px,
        lines_per_tile=config.lines_per_tile,
        image_mean=settings.get("image_mean", CLIP_MEAN),
        image_std=settings.get("image_std", CLIP_STD),
    )


def load_tokenizer(folder: Path, vocab_size: int) -> PreTrainedTokenizerFast:
    """Return the tokenizer of a checkpoint's folder, from tokenizer.json alone.

    `from_pretrained` would build a LlamaTokenizer, as tokenizer_config.json says, and that one gives other ids.
    """
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise ToileError(str(path), "is missing", "Copy tokenizer.json of the model into the folder.")
    try:
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_file=str(path), bos_token="<s>", eos_token=END_OF_TEXT, pad_token=END_OF_TEXT, unk_token="<unk>"
        )
    except Exception as error:  # the tokenizers library raises a bare Exception for a broken file
        raise ToileError(str(path), f"is not a readable tokenizer: {error}", "Fetch the file again.") from error
    vocabulary = json.loads(tokenizer.backend_tokenizer.to_str())
    known = vocabulary["model"]["vocab"].keys() | {token["content"] for token in vocabulary["added_tokens"]}
    lost = [token for token in ("<s>", END_OF_ANSWER, END_OF_TEXT) if token not in known]
    if lost or len(tokenizer) > vocab_size:
        problem = f"lacks {', '.join(lost)}" if lost else f"has {len(tokenizer)} tokens, the model {vocab_size} rows"
        raise ToileError(str(path), problem, "Give the tokenizer.json that belongs to this model.")
    return tokenizer


def check_device(device: str | torch.device) -> None:
    """Raise ToileError for a device that torch does not know or that this machine lacks."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ToileError(f"device {device}", f"cannot be used: {reason}", 'Use "cpu".') from error


def _fill_buffers(model: Phi3VForCausalLM, device: str | torch.device) -> None:
    """Compute the tensors that are not in a checkpoint: rotary frequencies and CLIP's position numbers."""
    model.model.rotary_emb = LongRope(model.config).to(device)
    embeddings = model.model.vision_embed_tokens.img_processor.vision_model.embeddings
    positions = torch.arange(embeddings.num_positions, device=device)[None]
    embeddings.register_buffer("position_ids", positions, persistent=False)


def _image_settings(processor: Phi3VProcessor) -> dict[str, Any]:
    """Return preprocessor_config.json as published, without the references to remote code."""
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


def check_name(path_or_name: str | Path) -> None:
    """Raise ToileError for what cannot name a model: neither "tiny", nor a folder with a checkpoint, nor a hub name.

    A hub is not asked.
    """
    folder, name = Path(path_or_name), str(path_or_name)
    if name == TINY:
        return
    if folder.is_dir():
        is_cache = (folder / "snapshots").is_dir()
        if is_adapter(folder):
            hint = f"merge it into its base: toile export --model {name} --out merged"
            raise ToileError(name, "is an adapter, not a whole model", hint)
        if not is_cache and not (folder / "config.json").is_file():
            raise ToileError(str(folder / "config.json"), "is missing", "give the folder of a checkpoint, which has it")
    elif folder.exists() or HUB_NAME.fullmatch(name) is None:
        near = difflib.get_close_matches(name.lower(), [TINY], n=1)
        hint = 'give a folder with config.json, a hub name such as "microsoft/Phi-3.5-vision-instruct", or "tiny"'
        problem = "is neither a folder nor a hub name"
        raise ToileError(name, problem, f"did you mean {near[0]!r}? Or {hint}" if near else hint)


def is_adapter(folder: Path) -> bool:
    """Return whether a folder is one of PEFT: an adapter without its base."""
    return (folder / ADAPTER_CONFIG).is_file() and not any((folder / name).is_file() for name in (WEIGHTS, INDEX))


def resolve_folder(
    path_or_name: str | Path, say: Callable[[str], None] = lambda text: None, patterns: tuple[str, ...] = _DOWNLOADED
) -> Path:
    """Return a folder as it is, or the local snapshot of a hub name; download the files of `patterns` where needed.

    A hub name may pin a revision, `owner/name@revision`. A repository's folder in a hub cache (`models--owner--name`)
    means the snapshot of its `main`. `say` receives the size of a download before it starts.
    """
    check_name(path_or_name)
    folder = Path(path_or_name)
    if folder.is_dir():
        return _find_snapshot(folder) if (folder / "snapshots").is_dir() else folder
    match = HUB_NAME.fullmatch(str(path_or_name))
    assert match is not None, "check_name has refused other names"
    return download_model(match["name"], match["revision"], patterns, say)


def cached_revision(folder: Path) -> str | None:
    """Return the commit of a snapshot folder in a hub cache; None for any other folder."""
    return folder.name if folder.parent.name == "snapshots" else None


def _find_snapshot(repository: Path) -> Path:
    """Return the snapshot of `main` in a repository's folder of a hub cache, or its only snapshot."""
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


def read_weights(
    folder: Path, config: Phi3VConfig, dtype: torch.dtype | None, device: str | torch.device
) -> dict[str, Tensor]:
    """Return all tensors of a checkpoint after checking names, shapes and types against the configuration.

    Tensors are read one by one from the mapped file, so there is never a second copy of the weights in memory. `dtype`
    None keeps the stored types.
    """
    files = weight_files(folder)
    check_tensors(_read_shapes(files, folder), config, str(folder))
    return {name: tensor.to(device=device, dtype=dtype or tensor.dtype) for name, tensor in _iterate_tensors(files)}


def fingerprint(tensors: Mapping[str, Tensor] | Path) -> str:
    """Return the sha256 over names, types, shapes and bytes of all tensors, sorted by name.

    It is the same for any division into files. `tensors` is a checkpoint's folder, read as stored, or the tensors.
    """
    if isinstance(tensors, Path):
        files = weight_files(tensors)
        _read_shapes(files, tensors)
        return _hash_tensors((name, tensor) for name, tensor in _iterate_tensors(files, in_order=True))
    return _hash_tensors(sorted(tensors.items()))


def _hash_tensors(tensors: Iterable[tuple[str, Tensor]]) -> str:
    digest = hashlib.sha256()
    for name, tensor in tensors:
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().contiguous().flatten().view(torch.uint8).cpu().numpy().data)
    return digest.hexdigest()


def _iterate_tensors(files: Iterable[Path], *, in_order: bool = False) -> Iterator[tuple[str, Tensor]]:
    """Yield names and tensors of all files, one at a time; `in_order` sorts by name across the files."""
    keys = []
    for path in files:
        with safe_open(path, framework="pt") as file:
            keys += [(name, path) for name in file.keys() if not ALIASES.fullmatch(name)]  # noqa: SIM118
    opened = {path: safe_open(path, framework="pt") for _, path in keys}
    for name, path in sorted(keys) if in_order else keys:
        yield name, opened[path].get_tensor(name)  # type: ignore[no-untyped-call]


def weight_files(folder: Path) -> list[Path]:
    """Return the shards that the index names, or the one file. Raises ToileError for a missing file."""
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
    """Return the object in a JSON file. Raises ToileError where there is none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ToileError(str(path), "is missing", "Give a folder with a complete Phi-3-Vision checkpoint.") from error
    except (OSError, ValueError) as error:
        raise ToileError(str(path), f"is not a readable JSON: {error}", "Fetch the file again.") from error
    if not isinstance(document, dict):
        raise ToileError(str(path), f"holds a {type(document).__name__}, not an object", "Fetch the file again.")
    return document


def _read_shapes(files: Iterable[Path], folder: Path) -> dict[str, tuple[int, ...]]:
    """Return name -> shape of the tensors in all files, without aliases, from their headers; check the types."""
    found: dict[str, tuple[int, ...]] = {}
    unsupported: list[str] = []
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
                        unsupported.append(f"{name} {entry.get_dtype()}")
        except (SafetensorError, OSError) as error:
            hint = "The file is damaged or incomplete; fetch it again."
            raise ToileError(str(path), f"is not a readable safetensors file: {error}", hint) from error
    if unsupported:
        problem = f"of a type that is not read: {_format_names(unsupported)}"
        hint = f"Give a checkpoint in {', '.join(DTYPES)}; quantised ones are not read."
        raise ToileError(str(folder), problem, hint)
    return found


@contextlib.contextmanager
def weight_write_errors(folder: Path) -> Iterator[None]:
    """Raise ToileError for errors of the disk while weights are written to `folder`.

    The safetensors library reports a full disk as an error of its own.
    """
    with storage_errors(folder):
        try:
            yield
        except SafetensorError as error:
            raise to_os_error(error, folder) from error


def to_os_error(error: Exception, path: Path) -> Exception:
    """Return the OSError that a Rust library describes by "os error N" in its message, else `error` itself."""
    number = re.search(r"os error (\d+)", str(error))
    return error if number is None else OSError(int(number[1]), os.strerror(int(number[1])), str(path))


def check_tensors(found: dict[str, tuple[int, ...]], config: Phi3VConfig, where: str) -> None:
    """Raise ToileError unless the tensors are exactly the published ones, with the shapes of the configuration."""
    with torch.device("meta"):
        expected = {name: tuple(t.shape) for name, t in Phi3VForCausalLM(config).state_dict().items()}
    problems = []
    if missing := sorted(expected.keys() - found.keys()):
        problems.append(f"missing: {_format_names(f'{name} {expected[name]}' for name in missing)}")
    if unknown := sorted(found.keys() - expected.keys()):
        problems.append(f"unknown: {_format_names(f'{name} {found[name]}' for name in unknown)}")
    wrong = [name for name in sorted(found.keys() & expected.keys()) if found[name] != expected[name]]
    if wrong:
        problems.append(f"misshapen: {_format_names(f'{n} {found[n]}, expected {expected[n]}' for n in wrong)}")
    if problems:
        hint = "Give weights and config.json of one and the same Phi-3-Vision model; merge adapters before saving."
        raise ToileError(where, "; ".join(problems), hint)


def _format_names(entries: Iterable[str]) -> str:
    """Return at most twelve entries, and how many more there are."""
    lines = list(entries)
    more = f" and {len(lines) - MAX_LISTED} more" if len(lines) > MAX_LISTED else ""
    return ", ".join(lines[:MAX_LISTED]) + more
