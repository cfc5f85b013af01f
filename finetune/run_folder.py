"""The folder of a run: who may write there, and the record of what was trained on what."""

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from finetune.mixing import ExampleSource
from schemas.border import build, read_document, storage_errors, validate
from schemas.errors import ToileError
from schemas.manifest import as_document, sha256_of, versions, write_json
from schemas.training import RunRecord, TrainingSpec

RUN = "run.json"
SEEN = "seen.parquet"
_PACKAGES = ("torch", "transformers", "peft", "numpy", "pillow")
_LATER = {"checkpoint_every", "tracking"}
"""Settings of a spec that change no weight, so a run may be continued with others."""


def data_inputs(spec: TrainingSpec, sources: Sequence[ExampleSource]) -> dict[str, Any]:
    """Everything that decides the weights; folders count by their content, not by their place."""
    data = [
        {"folder": str(source.folder), "manifest_sha256": source.manifest_sha256, "weight": entry.weight}
        for entry, source in zip(spec.mix, sources, strict=True)
    ]
    document = as_document(spec)
    return {"spec": {key: value for key, value in document.items() if key != "mix"}, "data": data}


def claim_run(out: Path, spec: TrainingSpec, sources: Sequence[ExampleSource], *, force: bool) -> RunRecord | None:
    """Take the folder for this run: its record when it is already finished, else None and an unfinished record."""
    inputs = data_inputs(spec, sources)
    path = out / RUN
    if path.is_file():
        existing = load_run(path)
        if _decisive(existing.inputs) == _decisive(inputs) and not force:
            return existing if existing.finished else None
        if not force:
            state = "a finished" if existing.finished else "an unfinished"
            raise ToileError(str(out), f"holds {state} run of another spec", "choose another --out, or --force")
        shutil.rmtree(out)
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ToileError(str(out), "exists and was not made by toile", "choose a new or an empty folder for --out")
    with storage_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        record = RunRecord(
            finished=False, inputs=inputs, num_steps=0, num_examples={}, num_skipped={}, versions=versions(*_PACKAGES)
        )
        write_json(path, as_document(record))
    return None


def finish_run(out: Path, record: RunRecord) -> None:
    """Write the finished record, last of all files."""
    document = {**as_document(record), "versions": versions(*_PACKAGES)}
    validate(document, "run", str(out / RUN))
    with storage_errors(out / RUN):
        write_json(out / RUN, document)


def load_run(path: Path) -> RunRecord:
    """A run's record, finished or not."""
    document = read_document(path)
    validate(document, "run", str(path))
    return build(RunRecord, document)


def write_seen(out: Path, rows: Iterable[dict[str, str]]) -> None:
    """`seen.parquet`: product_code, family, picture_sha256 of every training row."""
    schema = pa.schema([(name, pa.string()) for name in ("product_code", "family", "picture_sha256")])
    with storage_errors(out / SEEN):
        pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), out / SEEN, compression="zstd")


def _decisive(inputs: Any) -> str:
    data = [{"sha256": entry["manifest_sha256"], "weight": entry["weight"]} for entry in inputs["data"]]
    return sha256_of({"spec": {k: v for k, v in inputs["spec"].items() if k not in _LATER}, "data": data})
