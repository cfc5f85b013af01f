"""Fetch a data set of 17 columns from a hub on loopback; hubs that refuse or cannot be reached."""

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.manifest import load_manifest
from schemas.product import read
from tests.generator.ingest.test_fetch import ROOT, hash_files
from tests.helpers.dataset_hub import COMMIT, GATED, NAME, DatasetHub, ImageServer, dbq_table, served


def hub_folder(folder: Path, server: ImageServer, num_rows: int) -> Path:
    """Write a repository as the owner of the data set arranged it, with code that must not run."""
    (folder / "data").mkdir(parents=True)
    dbq_table(num_rows, server.url).to_parquet(folder / "data/train-00000-of-00001.parquet", index=False)
    (folder / "README.md").write_text("---\nlicense: unknown\n---\n")
    (folder / "loader.py").write_text("raise SystemExit('this must never run')\n")
    return folder


SCRIPT = """
import json, sys
from click.testing import CliRunner
from toile.cli import main
for line in sys.stdin:
    done = []
    for arguments in json.loads(line):
        words = ["fetch", *arguments, "--allow-private", "--workers", "16", "--per-host", "8"]
        result = CliRunner().invoke(main, words)
        done.append({"exit": result.exit_code, "stdout": result.stdout, "stderr": result.stderr})
    print(json.dumps(done), flush=True)
"""
Fetched = Callable[[list[list[str]]], list[dict[str, Any]]]


@contextlib.contextmanager
def fetching(environment: dict[str, str]) -> Iterator[Fetched]:
    """Run command lines in a new process, because huggingface_hub reads its environment when it is imported."""
    env, pipe, command = {**os.environ, **environment}, subprocess.PIPE, [sys.executable, "-c", SCRIPT]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        questions, answers = process.stdin, process.stdout

        def fetched(runs: list[list[str]]) -> list[dict[str, Any]]:
            print(json.dumps(runs), file=questions, flush=True)
            found: list[dict[str, Any]] = json.loads(answers.readline())
            return found

        yield fetched


@pytest.mark.parametrize("num_rows", [300, pytest.param(3040, marks=pytest.mark.slow)])
def test_data_set_of_2023_is_fetched_from_a_hub(tmp_path: Path, image_server: ImageServer, num_rows: int) -> None:
    folder = hub_folder(tmp_path / "repository", image_server, num_rows)
    hub = DatasetHub(folder)
    with served(hub), fetching(hub.environment(tmp_path / "home")) as fetched:
        (done,) = fetched([["--out", str(tmp_path / "out")]])
    assert done["exit"] == 0, done["stderr"]
    manifest = load_manifest(tmp_path / "out/manifest.json")
    file = folder / "data/train-00000-of-00001.parquet"
    assert (manifest.inputs["dataset"], manifest.inputs["revision"]) == (NAME, COMMIT)
    assert manifest.inputs["files"][0]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert done["stdout"].startswith(f"{num_rows:,} rows, {manifest.num_products:,} with their image")
    assert f"fetching 1 files of {NAME}, {file.stat().st_size / 1e6:.2f} MB, commit {COMMIT}" in done["stderr"]
    assert manifest.num_products + manifest.rejected == num_rows
    assert not [line for line in hub.asked if line.endswith((".py", ".md"))]
    assert max(image_server.asked.values()) == 1
    assert all("toile/" in agent for agent in image_server.agents)
    assert image_server.most_in_progress <= 8
    assert {product.source for product in read(tmp_path / "out")} == {"Burberry.Product.prices.United.States"}


def test_hub_that_refuses_or_is_unreachable_gives_a_hint(tmp_path: Path, image_server: ImageServer) -> None:
    hub = DatasetHub(hub_folder(tmp_path / "repository", image_server, 12))
    names = ("house/none", f"{NAME}@no-such", GATED, NAME)
    cached = [
        [f"{NAME}@main", "--out", str(tmp_path / "cached")],
        [f"{NAME}@{COMMIT}", "--out", str(tmp_path / "pinned")],
    ]
    absent = [["house/none", "--out", str(tmp_path / "new")]]
    environment = hub.environment(tmp_path / "home")
    with fetching(environment) as fetched:
        with served(hub):
            online = fetched([[name, "--out", str(tmp_path / "out")] for name in names])
            asked = list(hub.asked)
        unplugged = fetched(cached + absent)  # the server has stopped
        assert hub.asked == asked
    with fetching(environment | {"HF_HUB_OFFLINE": "1"}) as fetched:
        offline = fetched([[NAME, "--out", str(tmp_path / "cached")], *absent])
    told = [f"{name}: cannot be fetched from the hub: " for name in ("house/none", f"{NAME}@no-such", GATED)]
    for done, line, why in zip(
        online, told, ("there is no such data set", "it has no revision no-such", "it is gated"), strict=False
    ):
        assert (done["exit"], line + why in done["stderr"]) == (1, True), done["stderr"]
    for done in (unplugged[-1], offline[-1]):
        assert (done["exit"], told[0] in done["stderr"], "to continue offline" in done["stderr"]) == (1, True, True)
    assert f"{hub.url} cannot be reached" in unplugged[-1]["stderr"]
    assert not (tmp_path / "new").exists()
    assert [done["exit"] for done in (online[-1], *unplugged[:2], offline[0])] == [0, 0, 0, 0]
    assert f"using the copy in the cache, commit {COMMIT}" in unplugged[0]["stderr"]
    assert "already there and finished" in offline[0]["stderr"]
    hashes = [hash_files(tmp_path / name / "data") for name in ("cached", "pinned", "out")]
    assert hashes[0] == hashes[1] == hashes[2]
