"""Evaluation folders: what belongs to one run, when a run goes on, and when it refuses.

`inputs.json` is written before the first prediction, `result.json` last: a folder with the first and without the second
is unfinished and continues when the inputs are the same.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from evaluation.distributed import parts
from schemas.documents import read_document
from schemas.errors import ToileError
from schemas.manifest import MANIFEST, read_manifest
from schemas.prediction import PREDICTIONS
from schemas.result import COMPARISON, RESULT, Inputs, Result, identity_document
from schemas.util.files import file_sha256, sha256_of, write_atomic, write_json
from schemas.util.locks import is_lock

INPUTS = "inputs.json"
REPORT = "report.html"
LEAKS = "leaks.jsonl"
NOISE = "noise.jsonl"
_OF_EVALUATION = (INPUTS, PREDICTIONS, LEAKS, NOISE, RESULT, REPORT)
_OF_COMPARISON = (COMPARISON, REPORT)


def data_sha256(folder: Path) -> str:
    """Of the manifest's list of files with their hashes: the same for equal data, wherever and whenever made."""
    return sha256_of(sorted([file.path, file.sha256] for file in read_manifest(folder).files))


def weights_sha256(folder: Path) -> str:
    """Of the weights and the configuration of a model or adapter folder; not of logs and run records beside them."""
    names = sorted(
        path.name
        for path in folder.iterdir()
        if path.suffix in {".safetensors", ".bin"} or path.name in {"config.json", "adapter_config.json"}
    )
    if not names:
        raise ToileError(str(folder), "holds no weights", "point to a model or adapter folder")
    whole = hashlib.sha256()
    for name in names:
        whole.update(f"{name}:{file_sha256(folder / name)}\n".encode())
    return whole.hexdigest()


def prepare(out: Path, inputs: Inputs, *, force: bool) -> bool:
    """Make `out` ready for these inputs; True when it already holds their finished result.

    Unfinished predictions of the same inputs stay; an evaluation goes under `force`; anything else is refused.
    """
    _make(out)
    if (out / INPUTS).is_file() and not force:
        _refuse_others(out, inputs)
        return (out / RESULT).is_file()
    _clear(out, (*_OF_EVALUATION, *_parts(out)) if force else ())
    write_json(out / INPUTS, identity_document(inputs))
    return False


def prepare_comparison(out: Path, *, force: bool) -> bool:
    """Make `out` ready for a comparison; True when it holds one already, whichever. Other contents are refused."""
    _make(out)
    if (out / COMPARISON).is_file() and not force:
        return True
    _clear(out, _OF_COMPARISON if force else ())
    return False


def find_data(folder: Path, result: Result, data: Path | None) -> Path:
    """The shard folder of a result: as told, where it lies from the result, or as it was given; contents checked."""
    places = [data] if data else [folder / result.data_from_here, Path(result.inputs.data)]
    found = next((place for place in places if (place / MANIFEST).is_file()), None)
    if found is None:
        tried = ", ".join(str(place) for place in places)
        raise ToileError(str(folder), f"its data is not there: {tried}", "say where it lies now with --data")
    if data_sha256(found) != result.inputs.data_sha256:
        raise ToileError(str(found), f"is not the data of {folder}", "say with --data where that lies now")
    return found


def relative(path: Path, start: Path) -> str:
    """`path` as seen from the folder `start`, with forward slashes; absolute where they share no drive."""
    try:
        return Path(os.path.relpath(path.resolve(), start.resolve())).as_posix()
    except ValueError:
        return path.resolve().as_posix()


def write_text(path: Path, text: str) -> None:
    """Write atomically in UTF-8; what UTF-8 cannot hold (lone surrogates) becomes a question mark."""
    write_atomic(path, text.encode("utf-8", "replace"))


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ToileError(str(out), f"cannot be made: {error.strerror}", "choose another folder") from error


def _clear(out: Path, replaceable: tuple[str, ...]) -> None:
    """Remove what may be replaced, and parts of our files that a kill left; anything else is a ToileError."""
    replaceable += tuple(f"{name}.part" for name in {*_OF_EVALUATION, *_OF_COMPARISON})
    strangers = sorted(path.name for path in out.iterdir() if path.name not in replaceable and not is_lock(path.name))
    if strangers:
        raise ToileError(
            str(out),
            f"holds other things: {', '.join(strangers[:3])}",
            "choose a new folder; --force replaces only what this command makes",
        )
    for name in replaceable:
        (out / name).unlink(missing_ok=True)


def _parts(out: Path) -> list[str]:
    """What several processes left before their answers were joined."""
    return [path.name for log in (PREDICTIONS, NOISE) for path in parts(out / log)]


def _refuse_others(out: Path, inputs: Inputs) -> None:
    there, ours = read_document(out / INPUTS), json.loads(json.dumps(identity_document(inputs)))
    if there == ours:
        return
    flat_there, flat_ours = _flat(there), _flat(ours)
    differing = sorted(key for key in flat_there | flat_ours if flat_there.get(key) != flat_ours.get(key))
    raise ToileError(
        str(out),
        f"holds an evaluation with another {named(differing)}",
        "choose a new folder, or give --force to replace it",
    )


def named(keys: Iterable[str]) -> str:
    """Keys of an identity in words: `data_sha256` is the data."""
    return ", ".join(key.removesuffix("_sha256") for key in keys)


def _flat(document: dict[str, object]) -> dict[str, object]:
    flat = dict(document)
    spec = flat.pop("spec", {})
    return flat | (spec if isinstance(spec, dict) else {})
