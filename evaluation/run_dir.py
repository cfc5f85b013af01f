"""The folder of an evaluation or a comparison: which files belong to a run, when it continues, when it is refused.

`inputs.json` is written before the first prediction, `result.json` last. A folder with the first and without the second
is unfinished and continues when the inputs are the same. Of several processes each writes `predictions-rankN.jsonl`;
the first one merges them into `predictions.jsonl`, in the order in which one process would have written them.
"""

import contextlib
import datetime
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from evaluation.models.base import ModelUnderTest
from finetune.run_dir import is_weights, weights_digest
from schemas.answer import PROMPT
from schemas.documents import read_document
from schemas.errors import ToileError
from schemas.evaluation import PREDICTIONS, EvaluationSpec, Prediction, append_predictions, read_predictions
from schemas.manifest import MANIFEST, read_manifest
from schemas.result import COMPARISON, RESULT, Inputs, Result, identity_document
from schemas.util.files import file_sha256, sha256_of, write_atomic, write_json
from schemas.util.locks import is_lock

INPUTS = "inputs.json"
REPORT = "report.html"
LEAKS = "leaks.jsonl"
NOISE = "noise.jsonl"
PACKAGES = ("torch", "transformers", "peft", "numpy", "scipy", "pillow")
"""Packages whose versions are recorded in a result."""
SCORING_PACKAGES = ("numpy", "scipy", "pillow")
"""Those of a result whose answers come from files."""
_OF_EVALUATION = (INPUTS, PREDICTIONS, LEAKS, NOISE, RESULT, REPORT)
_OF_COMPARISON = (COMPARISON, REPORT)

TIMEOUT = datetime.timedelta(days=7)
"""How long a process waits for the slowest one; torchrun stops all when one fails."""
Key = tuple[str, str, str]
"""Product code, protocol, control."""


def run_inputs(model: ModelUnderTest, data: Path, spec: EvaluationSpec) -> Inputs:
    """Return what decides the predictions; hashes the weights of a local model and of the adapter."""
    return Inputs(
        model=model.model,
        model_sha256=None if model.weights is None else weights_sha256(model.weights),
        adapter=None if model.adapter is None else str(model.adapter),
        adapter_sha256=None if model.adapter is None else weights_sha256(model.adapter),
        data=str(data),
        data_sha256=data_sha256(data),
        prompt=PROMPT,
        spec=spec,
        server=model.server,
    )


def data_sha256(folder: Path) -> str:
    """Return a hash of the manifest's file hashes: the same for equal data, wherever and whenever it was made."""
    return sha256_of(sorted([file.path, file.sha256] for file in read_manifest(folder).files))


def weights_sha256(folder: Path) -> str:
    """Return a hash of weights and configuration of a model or adapter folder; logs and run records do not count."""
    names = [path.name for path in folder.iterdir() if is_weights(path.name)]
    if not names:
        raise ToileError(str(folder), "holds no weights", "point to a model or adapter folder")
    return weights_digest({name: file_sha256(folder / name) for name in names})


def prepare(out: Path, inputs: Inputs, *, force: bool) -> bool:
    """Prepare `out` for these inputs; return True when it already holds their finished result.

    Unfinished predictions of the same inputs are kept. `force` removes an evaluation. Other contents are a ToileError.
    """
    _make_folder(out)
    if (out / INPUTS).is_file() and not force:
        _refuse_other_inputs(out, inputs)
        return (out / RESULT).is_file()
    _clear(out, (*_OF_EVALUATION, *_rank_file_names(out)) if force else ())
    write_json(out / INPUTS, identity_document(inputs))
    return False


@contextlib.contextmanager
def forget_unanswered(out: Path, *, enabled: bool = True) -> Iterator[None]:
    """Remove what the run wrote to `out` where it fails before its first answer: the folder is free for another run."""
    try:
        yield
    except ToileError:
        answered = any((out / name).is_file() for name in (PREDICTIONS, *_rank_file_names(out)))
        if enabled and not answered:
            for name in (INPUTS, LEAKS):
                (out / name).unlink(missing_ok=True)
        raise


def prepare_comparison(out: Path, *, force: bool) -> bool:
    """Prepare `out` for a comparison; return True when it holds one already. Other contents are a ToileError."""
    _make_folder(out)
    if (out / COMPARISON).is_file() and not force:
        return True
    _clear(out, _OF_COMPARISON if force else ())
    return False


def find_data(folder: Path, result: Result, data: Path | None) -> Path:
    """Return the catalog of a result: `data`, else the path relative to the result, else the path as it was given.

    Raises ToileError where no catalog is found or its contents are others.
    """
    places = [data] if data else [folder / result.data_from_here, Path(result.inputs.data)]
    found = next((place for place in places if (place / MANIFEST).is_file()), None)
    if found is None:
        tried = ", ".join(str(place) for place in places)
        raise ToileError(str(folder), f"its data was not found: {tried}", "name its folder with --data")
    if data_sha256(found) != result.inputs.data_sha256:
        raise ToileError(str(found), f"is not the data of {folder}", "name the folder of that data with --data")
    return found


def relative(path: Path, start: Path) -> str:
    """Return `path` relative to the folder `start`, with forward slashes; absolute where they share no drive."""
    try:
        return Path(os.path.relpath(path.resolve(), start.resolve())).as_posix()
    except ValueError:
        return path.resolve().as_posix()


def write_text(path: Path, text: str) -> None:
    """Write atomically in UTF-8; lone surrogates, which UTF-8 cannot hold, become a question mark."""
    write_atomic(path, text.encode("utf-8", "replace"))


def rank_file(path: Path, rank: int) -> Path:
    """Return the file of one process: `predictions-rank3.jsonl` for `predictions.jsonl`."""
    return path.with_name(f"{path.stem}-rank{rank}{path.suffix}")


def rank_files(path: Path) -> list[Path]:
    """Return the files of all processes that exist, sorted."""
    return sorted(path.parent.glob(f"{path.stem}-rank*{path.suffix}"))


def merge_rank_files(path: Path, order: Sequence[Key] = ()) -> None:
    """Merge the files of all processes into `path`, lines of `order` first and in that order, and remove the files.

    A kill at any moment loses no line: the files are removed last, and a line that is in two files is equal in both.
    """
    found: dict[Key, Prediction] = {}
    for file in (path, *rank_files(path)):
        for prediction in read_predictions(file):
            found.setdefault(prediction.key, prediction)
    wanted = [key for key in order if key in found]
    listed = set(wanted)
    keys = [*wanted, *(key for key in found if key not in listed)]
    if rank_files(path) or keys != list(found):
        whole = path.with_name(path.name + ".part")
        whole.unlink(missing_ok=True)
        append_predictions(whole, [found[key] for key in keys])
        whole.replace(path)
    for file in rank_files(path):
        file.unlink()


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ToileError(str(out), f"cannot be created: {error.strerror}", "choose another folder") from error


def _clear(out: Path, replaceable: tuple[str, ...]) -> None:
    """Remove what may be replaced, and rank_files of our files that a kill left; anything else is a ToileError."""
    replaceable += tuple(f"{name}.part" for name in {*_OF_EVALUATION, *_OF_COMPARISON})
    others = sorted(path.name for path in out.iterdir() if path.name not in replaceable and not is_lock(path.name))
    if others:
        raise ToileError(
            str(out),
            f"contains other files: {', '.join(others[:3])}",
            "choose a new folder; --force replaces only what this command makes",
        )
    for name in replaceable:
        (out / name).unlink(missing_ok=True)


def _rank_file_names(out: Path) -> list[str]:
    """Return the names of files that several processes left before they were merged."""
    return [path.name for log in (PREDICTIONS, NOISE) for path in rank_files(out / log)]


def _refuse_other_inputs(out: Path, inputs: Inputs) -> None:
    there, ours = read_document(out / INPUTS), json.loads(json.dumps(identity_document(inputs)))
    if there == ours:
        return
    flat_there, flat_ours = _flatten_spec(there), _flatten_spec(ours)
    differing = sorted(key for key in flat_there | flat_ours if flat_there.get(key) != flat_ours.get(key))
    raise ToileError(
        str(out),
        f"holds an evaluation with another {format_keys(differing)}",
        "choose a new folder, or give --force to replace it",
    )


def format_keys(keys: Iterable[str]) -> str:
    """Return keys of an identity in words: `data_sha256` is the data."""
    return ", ".join(key.removesuffix("_sha256") for key in keys)


def _flatten_spec(document: dict[str, object]) -> dict[str, object]:
    flat = dict(document)
    spec = flat.pop("spec", {})
    return flat | (spec if isinstance(spec, dict) else {})
