"""Commands that tests interrupt, and the parts of their files that must be the same afterwards."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from evaluation.report.evidence import EMBEDDED, PACKED
from tests.helpers.dataset_hub import dbq_table, image_bytes
from tests.helpers.killing import KILL_KINDS, ForkServer, Interruption, ProcessResult

SMALL_SHARDS = {
    "generator.catalog.shards.PRODUCTS_PER_SHARD": [40, 15],
    "generator.ingest.import_table.ROWS_PER_SHARD": 20,
}
"""Without and with images."""
TIMING_KEYS = {
    "manifest.json": {"seconds"},
    "run.json": {"seconds", "samples_per_second"},
    "log.jsonl": {"seconds", "samples_per_second", "waited"},
    "result.json": {"seconds", "throughput"},
    "report.html": {"seconds", "throughput"},
}
"""File -> keys whose values depend on time, at any depth; pages are compared by their figures and evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A command that is interrupted."""

    arguments: Callable[[Path], Sequence[str]]
    """Return the command line for an output folder or file."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    kinds: Sequence[str] = KILL_KINDS
    out: str = "out"
    """Name of the output."""

    def run(self, server: ForkServer, place: Path, interruption: Interruption | None = None) -> ProcessResult:
        """Run the command, or a part of it, with its output in the folder `place`."""
        place.mkdir(exist_ok=True)
        words = self.arguments(place / self.out)
        return server.run(words, place, interruption, environment=self.environment, settings=self.settings)


def hash_files(folder: Path) -> dict[str, str]:
    """Return the sha256 of every file below a folder, without values that depend on time."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir():
            found[name] = "folder"
        else:
            found[name] = hashlib.sha256(_strip_times(path)).hexdigest()
    return found


def _strip_times(path: Path) -> bytes:
    names, content = TIMING_KEYS.get(path.name), path.read_bytes()
    if names is None:
        return content
    text = content.decode()
    if path.suffix == ".html":
        shown, packed = EMBEDDED.search(text), PACKED.search(text)
        assert shown is not None
        assert packed is not None
        return json.dumps([_drop_keys(json.loads(shown[1]), names), packed[1]]).encode()
    lines = text.splitlines() if path.suffix == ".jsonl" else [text]
    return json.dumps([_drop_keys(json.loads(line), names) for line in lines]).encode()


def _drop_keys(document: Any, names: set[str]) -> Any:
    if isinstance(document, dict):
        return {name: _drop_keys(value, names) for name, value in document.items() if name not in names}
    return [_drop_keys(each, names) for each in document] if isinstance(document, list) else document


def generate_flow(*more: str) -> Flow:
    return Flow(
        arguments=lambda out: ["--quiet", "generate", "demo", *more, "--seed", "5", "--out", str(out)],
        settings=SMALL_SHARDS,
    )


GENERATE_FLOWS = {
    "images": generate_flow("--num-products", "50", "--image-size", "32", "--workers", "1"),
    "rows": generate_flow("--num-products", "200", "--no-images", "--workers", "1"),
    "scenarios": generate_flow("--num-products", "100", "--no-images", "--workers", "1", "--scenario", "all"),
    "faulty images": generate_flow("--num-products", "40", "--image-size", "32", "--scenario", "all", "--workers", "1"),
    "two workers": dataclasses.replace(
        generate_flow("--num-products", "401000", "--no-images", "--workers", "2"), kinds=("second",), settings={}
    ),
}


def write_table_with_images(folder: Path, num_rows: int = 90) -> Path:
    """Write a CSV and its image files, one of them broken."""
    table = (
        dbq_table(num_rows, "http://127.0.0.1:9")
        .drop(columns="imageurl")
        .assign(image=[f"{k}.jpg" for k in range(num_rows)])
    )
    table.to_csv(folder / "table.csv", index=False)
    for k in range(num_rows):
        (folder / f"{k}.jpg").write_bytes(b"no" if k == 3 else image_bytes(k))
    return folder / "table.csv"


def train_flow(run: Path) -> Flow:
    return Flow(arguments=lambda out: ["--quiet", "train", str(run), "--device", "cpu", "--out", str(out)])


def write_run_file(folder: Path, catalog: Path, **changes: Any) -> Path:
    """Write a run file of eight short steps with a checkpoint after every second one."""
    document = {
        "mix": [{"data": str(catalog)}],
        "max_steps": 8,
        "method": "full",
        "batch_size": 2,
        "num_crops": 1,
        "optimiser": {"learning_rate": 1e-3, "warmup_steps": 2},
        "checkpoint_every": 2,
        **changes,
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(document))
    return folder / "run.yaml"


def evaluate_flow(catalog: Path, *more: str) -> Flow:
    return Flow(
        arguments=lambda out: [
            *("--quiet", "evaluate", "--model", "tiny", "--data", str(catalog), "--device", "cpu"),
            *("--limit", "4", "--batch-size", "2", *more, "--out", str(out)),
        ]
    )


def fetch_flow(table: Path) -> Flow:
    words = ["--quiet", "fetch", str(table), "--allow-private", "--source", "test", "--workers", "8"]
    return Flow(arguments=lambda out: [*words, "--out", str(out)], settings=SMALL_SHARDS)


def import_flow(table: Path) -> Flow:
    words = ["--quiet", "import", str(table), "--currency", "USD"]
    return Flow(arguments=lambda out: [*words, "--out", str(out)], settings=SMALL_SHARDS)


def convert_flow(catalog: Path, form: str) -> Flow:
    return Flow(arguments=lambda out: ["--quiet", "convert", str(catalog), "--to", form, "--out", str(out)])


def fit_flow(catalog: Path) -> Flow:
    words = ["--quiet", "fit", str(catalog), "--no-images"]
    return Flow(arguments=lambda out: [*words, "--out", str(out)], out="twin.yaml")
