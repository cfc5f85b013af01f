"""The folder of a run: which run may write there, its log, and the record of what was trained on what.

`run.json` is the record, `log.jsonl` has one line of metrics a step, `examples.jsonl` has some answers of the trained
model, and `report.html` is what `toile report run` makes of them.

`seen.parquet` has a line for every row that the model may have seen: its code and family, hashes of its image file and
pixels, its fingerprint, for a generated product what is drawn, and which training it was. Evaluation compares its rows
with these. A training on a base that has such a file copies it, and so does an export, so the list is complete along
any chain of trainings and merges.
"""

import contextlib
import hashlib
import itertools
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from finetune.data_mix import SeenRow, Source
from schemas.documents import from_dict, read_document
from schemas.errors import ToileError
from schemas.fingerprints import COLOUR_BYTES, LEVELS_BYTES
from schemas.manifest import versions
from schemas.training import EarlierRun, RunRecord, TrainingSpec
from schemas.util.files import as_document, file_sha256, sha256_of, storage_errors, write_atomic, write_json
from schemas.util.locks import is_lock

RUN = "run.json"
SEEN = "seen.parquet"
LOG = "log.jsonl"
EXAMPLES = "examples.jsonl"
REPORT = "report.html"
_PACKAGES = ("torch", "transformers", "peft", "numpy", "pillow")
RUN_FILES = (
    *("log.jsonl", "examples.jsonl", "report.html", "seen.parquet"),
    *("config.json", "generation_config.json", "preprocessor_config.json"),
    *("tokenizer*.json", "special_tokens_map.json", "adapter_config.json", "*.safetensors", "*.safetensors.index.json"),
)
"""Patterns of the files that a run writes into its folder, in addition to run.json."""
_HASHED_FILES = (
    *("*.safetensors", "*.safetensors.index.json", "config.json", "adapter_config.json", "preprocessor_config.json"),
    *("tokenizer.json", "seen.parquet"),
)
_SAFETENSORS_TEMPORARY = ".tmp??????"
"""A file that the safetensors library was writing when the process was killed; as large as the weights."""
MAX_STEP = 2**63
SEEN_SCHEMA = pa.schema(
    [
        *(
            (name, pa.string())
            for name in ("product_code", "family", "picture_sha256", "pixels_sha256", "drawn_sha256")
        ),
        ("detail", pa.binary(LEVELS_BYTES)),
        ("colours", pa.binary(COLOUR_BYTES)),
        *((name, pa.string()) for name in ("training", "data")),
    ]
)
"""Columns of `seen.parquet`. `picture_sha256` is that of the file; `detail` and `colours` are the image's fingerprint;
`training` names the run and `data` the folder or spec of the row. Null where there is nothing to compare: an image that
was rendered while training has no file, a photograph is not drawn, a blank image has no fingerprint."""
_REQUIRED = ("product_code", "family", "picture_sha256")
_SEEN_CHUNK_ROWS = 2000
"""Lines of `seen.parquet` in memory at once."""
_CHANGEABLE_FIELDS = {"checkpoint_every", "checkpoint_minutes", "tracking", "micro_batch_size", "speed"}
"""Spec fields that change weights by rounding at most, so a run may be continued with other values."""


def run_inputs(spec: TrainingSpec, sources: Sequence[Source], base: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything that decides the weights. Folders, the base model's too, count by content, not by path.

    `base` is the result of `adapters.describe_base`.
    """
    data = [
        {
            "folder": str(source.folder),
            "content_sha256": source.content_sha256,
            "weight": entry.weight,
            **({"draw": as_document(entry.draw)} if entry.draw else {}),
        }
        for entry, source in zip(spec.mix, sources, strict=True)
    ]
    document = as_document(spec)
    return {"spec": {key: value for key, value in document.items() if key != "mix"}, "base": dict(base), "data": data}


def open_or_resume(out: Path, inputs: dict[str, Any], *, force: bool) -> RunRecord | None:
    """Take the folder for the run of these inputs.

    Returns the record of a finished run with the same inputs, else None and leaves an unfinished record. Raises
    ToileError for a folder of another run, unless `force` replaces it, and for a folder that toile did not make.
    """
    path = out / RUN
    if path.is_file():
        existing = load_run(path)
        if _identity(existing.inputs) == _identity(inputs) and not force:
            return existing if existing.finished else None
        if not force and (existing.finished or (out / "resume").exists()):
            state = "a finished" if existing.finished else "an unfinished"
            raise ToileError(str(out), f"holds {state} run of another spec", "choose another --out, or --force")
        _write_unfinished(path, inputs)
        _remove_run_files(out)
        return None
    if out.exists() and (
        not out.is_dir() or any(each.name != f"{RUN}.part" and not is_lock(each.name) for each in out.iterdir())
    ):
        raise ToileError(str(out), "exists and was not made by toile", "choose a new or an empty folder for --out")
    _write_unfinished(path, inputs)
    return None


def finish_run(out: Path, record: RunRecord) -> None:
    """Write the finished record, last of all files."""
    with storage_errors(out):
        for path in out.glob(_SAFETENSORS_TEMPORARY):
            path.unlink()
    document = {**as_document(record), "versions": versions(*_PACKAGES), "files": hash_files(out)}
    from_dict(RunRecord, document, str(out / RUN))
    with storage_errors(out / RUN):
        write_json(out / RUN, document)


def weights_digest(hashes: Mapping[str, str]) -> str:
    """Return one hash of weights and configuration, of file name -> sha256; other files do not count."""
    whole = hashlib.sha256()
    for name in sorted(filter(is_weights, hashes)):
        whole.update(f"{name}:{hashes[name]}\n".encode())
    return whole.hexdigest()


def is_weights(name: str) -> bool:
    """Return whether a file of this name decides what a model or an adapter answers."""
    return name.endswith((".safetensors", ".bin")) or name in {"config.json", "adapter_config.json"}


def load_run(path: Path) -> RunRecord:
    """Return the record in a run.json, finished or not."""
    return from_dict(RunRecord, read_document(path), str(path))


def training_name(out: Path, inputs: Mapping[str, Any]) -> str:
    """Return the name of a training in `seen.parquet`: that of its folder, and the start of a hash of its inputs."""
    return f"{out.resolve().name} ({_identity(inputs)[:8]})"


def earlier_runs(*folders: Path) -> tuple[EarlierRun, ...]:
    """Return the trainings of a model, the first one first; `folders` are an adapter and its base, or a model alone.

    None is known of a folder without a run.json; an adapter without one counts as a training of unknown rows. A
    training that does not list its rows has `rows_listed` false.
    """
    if not folders:
        return ()
    folder, *bases = folders
    if not (folder / RUN).is_file():
        listed, is_adapter = (folder / SEEN).is_file(), (folder / "adapter_config.json").is_file()
        unknown = EarlierRun(
            name=folder.name, model="unknown", data={}, num_examples={}, num_steps=0, rows_listed=listed
        )
        return (*earlier_runs(*bases), *((unknown,) if is_adapter else ()))
    run = load_run(folder / RUN)
    last = EarlierRun(
        name=run.name or training_name(folder, run.inputs),
        model=str(run.inputs["spec"].get("model")),
        data={entry["folder"]: entry["content_sha256"] for entry in run.inputs["data"]},
        num_examples=run.num_examples,
        num_steps=run.num_steps,
        rows_listed=(folder / SEEN).is_file(),
    )
    return (*(run.trained_before or earlier_runs(*bases)), last)


def load_finished(folder: Path) -> RunRecord:
    """Return the record of a finished run. Raises ToileError for an unfinished one."""
    run = load_run(folder / RUN)
    if not run.finished:
        raise ToileError(str(folder), "is unfinished", "run `toile train` once more; it continues where it was")
    return run


def check_files(folder: Path) -> None:
    """Raise ToileError where a run's files are not what it wrote: nothing else notices a flipped bit in a weight."""
    if not (folder / RUN).is_file():
        return
    run, hashes = load_run(folder / RUN), hash_files(folder)
    for name, sha256 in run.files.items():
        if hashes.get(name) != sha256:
            problem = "is not what training wrote" if name in hashes else "is missing, although the run lists it"
            hint = f"fetch or train it again; if it was changed on purpose, remove {name} from {RUN}"
            raise ToileError(str(folder / name), problem, hint)


def hash_files(folder: Path) -> dict[str, str]:
    """Return name -> sha256 of the files that a model is loaded from, and of the list of seen rows."""
    paths = {path for pattern in _HASHED_FILES for path in folder.glob(pattern)}
    return {path.name: file_sha256(path) for path in sorted(paths)}


@contextlib.contextmanager
def open_log(out: Path, num_done: int, *, first: bool) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Yield a function that appends one step's metrics to `log.jsonl`; it does nothing unless this process is `first`.

    Lines of steps after `num_done` are removed: a killed run logged beyond its last checkpoint.
    """
    path = out / LOG
    if not first:
        yield lambda metrics: None
        return
    with storage_errors(path):
        lines = path.read_bytes().splitlines() if path.is_file() else []
        kept = [line for number, line in enumerate(lines, start=1) if _is_done(line, num_done, f"{path}:{number}")]
        write_atomic(path, b"".join(line + b"\n" for line in kept))

    def write(metrics: Mapping[str, Any]) -> None:
        with storage_errors(path), path.open("a", encoding="utf-8") as file:  # so that closing it counts as writing
            file.write(json.dumps(metrics) + "\n")

    yield write


def read_log(folder: Path) -> list[dict[str, Any]]:
    """Return the metrics of each step in `log.jsonl`, in order; empty without that file.

    A last line that a running or killed process has not finished is left out. Raises ToileError for other damage.
    """
    path = folder / LOG
    lines = path.read_bytes().splitlines() if path.is_file() else []
    return [
        json.loads(line) for number, line in enumerate(lines, start=1) if _is_done(line, MAX_STEP, f"{path}:{number}")
    ]


def _is_done(line: bytes, num_done: int, where: str) -> bool:
    """Return whether a line of the log is complete and belongs to a step that will not be done again."""
    if not line.endswith(b"}"):
        return False
    try:
        step: int = json.loads(line)["step"]
        return step <= num_done
    except (ValueError, KeyError, TypeError) as error:
        raise ToileError(where, "is damaged", "remove that line, or start again with --force") from error


def _write_unfinished(path: Path, inputs: dict[str, Any]) -> None:
    record = RunRecord(
        finished=False, inputs=inputs, num_steps=0, num_examples={}, num_skipped={}, versions=versions(*_PACKAGES)
    )
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, as_document(record))


def _remove_run_files(out: Path) -> None:
    """Remove the files that a run writes, and no others."""
    for pattern in (*RUN_FILES, _SAFETENSORS_TEMPORARY):
        for path in out.glob(pattern):
            path.unlink()
    for folder in ("resume", "tensorboard"):
        shutil.rmtree(out / folder, ignore_errors=True)


def _identity(inputs: Any) -> str:
    """Return a hash of the inputs that decide the weights: runs with the same hash continue each other."""
    data = [{"sha256": entry["content_sha256"], "weight": entry["weight"]} for entry in inputs["data"]]
    spec = {key: value for key, value in inputs["spec"].items() if key not in _CHANGEABLE_FIELDS}
    base = {"model": inputs["base"]["sha256"]}
    if inputs["base"].get("adapter"):
        base["adapter"] = inputs["base"]["adapter"]
    return sha256_of({"spec": spec | base, "data": data})


def write_seen(out: Path, rows: Iterable[SeenRow], *, training: str = "", inherited: Sequence[Path] = ()) -> None:
    """Write the rows of a training, and the lines of the folders in `inherited` that other trainings have seen.

    A training that several of these files list is copied from the first of them.
    """
    path, temporary = out / SEEN, out / f"{SEEN}.part"
    with storage_errors(path):
        with pq.ParquetWriter(
            temporary, SEEN_SCHEMA, compression="zstd", use_dictionary=["training", "data"]
        ) as writer:
            remaining = iter(rows)
            while batch := [{**row, "training": training} for row in itertools.islice(remaining, _SEEN_CHUNK_ROWS)]:
                writer.write_table(pa.Table.from_pylist(batch, schema=SEEN_SCHEMA))
            listed = {training} if training else set[str]()
            for folder in inherited:
                if not (folder / SEEN).is_file():
                    continue
                theirs: set[str] = set()
                for table in read_seen(folder / SEEN, SEEN_SCHEMA.names, fallback=folder.name):
                    theirs.update(table["training"].unique().to_pylist())
                    known = pa.array(sorted(listed), pa.string())
                    new = table.filter(pc.invert(pc.is_in(table["training"], value_set=known)))
                    if new.num_rows:
                        writer.write_batch(new)
                listed |= theirs
        temporary.replace(path)


def read_seen(path: Path, columns: Sequence[str], *, fallback: str = "") -> Iterator[pa.RecordBatch]:
    """Yield the columns of a list in batches; a column that an older list lacks is null, its training `fallback`.

    Raises ToileError for a damaged list, and for one without code, family and image hash.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as parquet:
            there = parquet.schema_arrow.names
            missing = sorted(set(_REQUIRED) - set(there))
            if missing:
                raise ToileError(str(path), f"lacks the column {missing[0]}", "train again")
            for batch in parquet.iter_batches(_SEEN_CHUNK_ROWS, columns=[name for name in columns if name in there]):
                yield _complete(batch, columns, fallback)
    except (pa.ArrowException, OSError) as error:
        raise ToileError(str(path), f"is damaged: {error}", "train again, or restore the file") from error


def _complete(batch: pa.RecordBatch, columns: Sequence[str], fallback: str) -> pa.RecordBatch:
    """Return the batch with all `columns`, in their order and types."""
    found = []
    for name in columns:
        kind = SEEN_SCHEMA.field(name).type
        column = batch[name].cast(kind) if name in batch.schema.names else pa.nulls(batch.num_rows, kind)
        found.append(pc.fill_null(column, fallback) if name == "training" else column)
    return pa.RecordBatch.from_arrays(found, schema=pa.schema([SEEN_SCHEMA.field(name) for name in columns]))
