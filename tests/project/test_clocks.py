"""A clock that runs backwards and files dated in the future change no result."""

import os
import re
import time
from pathlib import Path

import pytest

from tests.helpers.dataset_hub import ImageServer, dbq_table
from tests.helpers.flows import GENERATE_FLOWS, Flow, evaluate_flow, fetch_flow, hash_files, train_flow, write_run_file
from tests.helpers.killing import CLOCK_BACKWARDS, Interruption, start_fork_server

ROOT = Path(__file__).parents[2]
READS_CLOCK = re.compile(r"st_mtime|st_ctime|getmtime|time\.time\b|time_ns\(")
ALLOWED = {"generator/ingest/downloads.py", "schemas/manifest.py"}
"""Retries read `Retry-After`, which may be a date. The manifest hashes a file again when its date changes."""


def test_no_module_reads_the_clock_or_file_dates() -> None:
    files = [
        path
        for package in ("schemas", "generator", "finetune", "evaluation")
        for path in (ROOT / package).rglob("*.py")
    ]
    found = {path.relative_to(ROOT).as_posix() for path in files if READS_CLOCK.search(path.read_text())}
    assert found == ALLOWED


@pytest.mark.slow
def test_backward_clock_changes_nothing(tmp_path: Path, catalog: Path, image_server: ImageServer) -> None:
    dbq_table(30, image_server.url).to_parquet(tmp_path / "table.parquet", index=False)
    flows: dict[str, Flow] = {
        "generate": GENERATE_FLOWS["images"],
        "fetch": fetch_flow(tmp_path / "table.parquet"),
        "train": train_flow(write_run_file(tmp_path, catalog, max_steps=4)),
        "evaluate": evaluate_flow(catalog, "--control", "none"),
    }
    with start_fork_server("generator.catalog.shards", "finetune.train", "jsonschema") as server:
        for name, flow in flows.items():
            whole = flow.run(server, tmp_path / f"{name}-0")
            assert whole.code == 0, whole.output
            wanted = hash_files(tmp_path / f"{name}-0")
            back, target = Interruption(kind=CLOCK_BACKWARDS, at=3600), tmp_path / f"{name}-1"
            assert flow.run(server, target, back).code == 0
            assert hash_files(target) == wanted, name
            killed = tmp_path / f"{name}-2"
            assert flow.run(server, killed, Interruption(kind="write", at=whole.num_writes // 2)).killed
            later = time.time() + 1e6
            for path in killed.rglob("*"):
                os.utime(path, (later, later))
            again = flow.run(server, killed, back)
            assert again.code == 0, again.output
            assert hash_files(killed) == wanted, name
