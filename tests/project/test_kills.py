"""Kill commands at random points and start them again: the files equal those of an uninterrupted run, with no others.

The points come from a seed (`TOILE_KILL_SEED` sets another). A failure names the seed and every kill of the chain that
led to it.
"""

import json
import os
import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from schemas.manifest import MANIFEST
from tests.helpers.dataset_hub import ImageServer, dbq_table, served
from tests.helpers.flows import (
    GENERATE_FLOWS,
    Flow,
    convert_flow,
    evaluate_flow,
    fetch_flow,
    fit_flow,
    hash_files,
    import_flow,
    train_flow,
    write_run_file,
    write_table_with_images,
)
from tests.helpers.killing import ForkServer, Interruption, ProcessResult, start_fork_server

pytestmark = pytest.mark.timeout(1800)  # dozens of commands per test, on a busy machine
SEED = int(os.environ.get("TOILE_KILL_SEED", "20261121"))
LONGEST_CHAIN = 4
"""Kills of one run before it may finish."""


def sample_interruption(dice: random.Random, whole: ProcessResult, kinds: Sequence[str]) -> Interruption:
    """Sample an event, a second, or a number of bytes: uniform, except that bytes are log-uniform from 64 up."""
    kind = dice.choice(kinds)
    if kind == "write":
        return Interruption(kind=kind, at=dice.randint(1, whole.num_writes))
    if kind == "second":
        return Interruption(kind=kind, at=whole.seconds * dice.random())
    return Interruption(kind=kind, at=int(64 * (whole.largest_file_bytes / 64) ** dice.random()))


def kill_repeatedly(server: ForkServer, flow: Flow, folder: Path, *, num_kills: int, seed: str) -> list[str]:
    """Kill and restart a command until there were `num_kills` kills; return a description of each.

    A run that may finish follows every chain of kills. Its files must equal those of an uninterrupted run.
    """
    dice = random.Random(f"{SEED} {seed}")
    whole = flow.run(server, folder / "whole")
    assert whole.code == 0, whole.output
    wanted = hash_files(folder / "whole")
    kills: list[str] = []
    chain: list[str] = []
    number = 0
    while len(kills) < num_kills or chain:
        interruption = None
        if len(kills) < num_kills and len(chain) < LONGEST_CHAIN:
            interruption = sample_interruption(dice, whole, flow.kinds)
        ended = flow.run(server, folder / f"{number:05d}", interruption)
        if ended.killed:
            assert interruption is not None
            chain.append(f"{interruption.kind} {interruption.at:g} {ended.last_event}".rstrip())
            kills.append(chain[-1])
            _check_unfinished(folder / f"{number:05d}" / flow.out, folder / "whole" / flow.out)
            continue
        where = f"seed {SEED}, {seed}, chain {chain}"
        assert ended.code == 0, f"{where}: {ended.output}"
        assert hash_files(folder / f"{number:05d}") == wanted, where
        shutil.rmtree(folder / f"{number:05d}")
        chain, number = [], number + 1
    return kills


def kill_near_end(server: ForkServer, flow: Flow, folder: Path, num_last: int) -> None:
    """Kill one run at each of the last `num_last` changes, when temporary files are removed; then restart it."""
    whole = flow.run(server, folder / "whole")
    wanted = hash_files(folder / "whole")
    for number in range(num_last):
        interruption = Interruption(kind="write", at=whole.num_writes - number)
        killed = flow.run(server, folder / f"{number:05d}", interruption)
        assert killed.killed, killed.output
        again = flow.run(server, folder / f"{number:05d}")
        assert again.code == 0, f"{interruption.at:g} {killed.last_event}: {again.output}"
        assert hash_files(folder / f"{number:05d}") == wanted, f"{interruption.at:g} {killed.last_event}"


def _check_unfinished(killed: Path, whole: Path) -> None:
    """Check that a folder marked as finished has every file."""
    for name in (MANIFEST, "run.json", "result.json"):
        path = killed / name
        if path.is_file() and (name == "result.json" or json.loads(path.read_text())["finished"]):
            there, wanted = hash_files(killed), hash_files(whole)
            assert {each: there.get(each) for each in wanted} == wanted


@pytest.fixture(scope="module")
def light() -> Iterator[ForkServer]:
    """A fork server for commands that need no torch."""
    with start_fork_server("generator.catalog.shards", "generator.ingest.fetch", "jsonschema", "pandas") as server:
        yield server


@pytest.fixture(scope="module")
def heavy() -> Iterator[ForkServer]:
    """A fork server for commands that load a model."""
    with start_fork_server("finetune.train", "evaluation.run", "jsonschema", "pandas", "peft") as server:
        yield server


def test_generate_killed_six_times(light: ForkServer, tmp_path: Path) -> None:
    assert len(kill_repeatedly(light, GENERATE_FLOWS["scenarios"], tmp_path, num_kills=6, seed="default")) == 6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "num_kills"), [("images", 8), ("rows", 8), ("scenarios", 8), ("faulty images", 4), ("two workers", 4)]
)
def test_generate_killed(light: ForkServer, tmp_path: Path, name: str, num_kills: int) -> None:
    assert len(kill_repeatedly(light, GENERATE_FLOWS[name], tmp_path, num_kills=num_kills, seed=name)) == num_kills


@pytest.mark.slow
def test_fetch_killed(light: ForkServer, tmp_path: Path) -> None:
    server = ImageServer(delay_s=0.005)
    with served(server):
        dbq_table(120, server.url).to_parquet(tmp_path / "table.parquet", index=False)
        flow = fetch_flow(tmp_path / "table.parquet")
        assert len(kill_repeatedly(light, flow, tmp_path, num_kills=12, seed="fetch")) == 12


@pytest.mark.slow
def test_import_killed(light: ForkServer, tmp_path: Path) -> None:
    flow = import_flow(write_table_with_images(tmp_path))
    assert len(kill_repeatedly(light, flow, tmp_path, num_kills=8, seed="import")) == 8


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "sql", "webdataset", "imagefolder"])
def test_convert_killed(light: ForkServer, tmp_path: Path, catalog: Path, form: str) -> None:
    assert len(kill_repeatedly(light, convert_flow(catalog, form), tmp_path, num_kills=4, seed=form)) == 4


@pytest.mark.slow
def test_fit_killed(light: ForkServer, tmp_path: Path, catalog: Path) -> None:
    assert len(kill_repeatedly(light, fit_flow(catalog), tmp_path, num_kills=3, seed="fit")) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("full", {}),
        ("best", {"validate_every": 3, "keep": "best"}),
        ("lora", {"method": "lora", "lora": {"rank": 2, "dropout": 0.5}}),
    ],
)
def test_train_killed(heavy: ForkServer, tmp_path: Path, catalog: Path, name: str, changes: dict[str, Any]) -> None:
    flow = train_flow(write_run_file(tmp_path, catalog, **changes))
    assert len(kill_repeatedly(heavy, flow, tmp_path, num_kills=6, seed=name)) == 6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "num_kills", "more"),
    [
        ("one protocol", 8, ()),
        ("chosen prompt", 4, ("--protocol", "generate", "--protocol", "rank", "--choose-prompt", "--control", "none")),
    ],
)
def test_evaluate_killed(
    heavy: ForkServer, tmp_path: Path, catalog: Path, name: str, num_kills: int, more: tuple[str, ...]
) -> None:
    flow = evaluate_flow(catalog, *more)
    assert len(kill_repeatedly(heavy, flow, tmp_path, num_kills=num_kills, seed=name)) == num_kills


@pytest.mark.slow
@pytest.mark.parametrize("name", ["generate", "import", "fetch", "imagefolder"])
def test_killed_during_cleanup(light: ForkServer, tmp_path: Path, catalog: Path, name: str) -> None:
    server = ImageServer()
    with served(server):
        dbq_table(45, server.url).to_parquet(tmp_path / "table.parquet", index=False)
        flow = {
            "generate": GENERATE_FLOWS["rows"],
            "import": import_flow(write_table_with_images(tmp_path, 45)),
            "fetch": fetch_flow(tmp_path / "table.parquet"),
            "imagefolder": convert_flow(catalog, "imagefolder"),
        }[name]
        kill_near_end(light, flow, tmp_path, 16)


@pytest.mark.slow
def test_train_killed_during_cleanup(heavy: ForkServer, tmp_path: Path, catalog: Path) -> None:
    flow = train_flow(write_run_file(tmp_path, catalog, max_steps=2, checkpoint_every=1))
    kill_near_end(heavy, flow, tmp_path, 8)


@pytest.mark.slow
def test_evaluate_killed_during_cleanup(heavy: ForkServer, tmp_path: Path, catalog: Path) -> None:
    kill_near_end(heavy, evaluate_flow(catalog, "--no-noise-check", "--control", "none"), tmp_path, 6)
