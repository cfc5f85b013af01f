"""Killed anywhere, started again: the same files as from a run that nobody disturbed, and none beside them.

The moments come from a seed (`TOILE_KILL_SEED` sets another); a failure names it, and all moments of the chain of kills
that led there.
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
    GENERATING,
    Flow,
    artefacts,
    converting,
    evaluating,
    fetching,
    fitting,
    importing,
    run_file,
    table_with_pictures,
    training,
)
from tests.helpers.killing import Ended, Keeper, Moment, keeper

pytestmark = pytest.mark.timeout(1800)  # dozens of commands in a test, on a machine with other work
SEED = int(os.environ.get("TOILE_KILL_SEED", "20261121"))
LONGEST_CHAIN = 4
"""Kills of one folder before it may finish."""


def drawn_moment(dice: random.Random, whole: Ended, kinds: Sequence[str]) -> Moment:
    """Any event, any second, any number of bytes with small ones as likely as large ones."""
    kind = dice.choice(kinds)
    if kind == "write":
        return Moment(kind=kind, at=dice.randint(1, whole.num_writes))
    if kind == "second":
        return Moment(kind=kind, at=whole.seconds * dice.random())
    return Moment(kind=kind, at=int(64 * (whole.largest / 64) ** dice.random()))


def killed_often(keep: Keeper, flow: Flow, folder: Path, *, num_kills: int, seed: str) -> list[str]:
    """Kill and start again until there were `num_kills` kills; returns what they were, asserts what is left.

    Every chain of kills is followed by a run that may finish, and that one leaves what an undisturbed one leaves.
    """
    dice = random.Random(f"{SEED} {seed}")

    whole = flow.run(keep, folder / "whole")
    assert whole.code == 0, whole.said
    wanted = artefacts(folder / "whole")
    kills: list[str] = []
    chain: list[str] = []
    number = 0
    while len(kills) < num_kills or chain:
        moment = None
        if len(kills) < num_kills and len(chain) < LONGEST_CHAIN:
            moment = drawn_moment(dice, whole, flow.kinds)
        ended = flow.run(keep, folder / f"{number:05d}", moment)
        if ended.killed:
            assert moment is not None
            chain.append(f"{moment.kind} {moment.at:g} {ended.last}".rstrip())
            kills.append(chain[-1])
            _check_unfinished(folder / f"{number:05d}" / flow.out, folder / "whole" / flow.out)
            continue
        where = f"seed {SEED}, {seed}, chain {chain}"
        assert ended.code == 0, f"{where}: {ended.said}"
        assert artefacts(folder / f"{number:05d}") == wanted, where
        shutil.rmtree(folder / f"{number:05d}")
        chain, number = [], number + 1
    return kills


def killed_at_its_end(keep: Keeper, flow: Flow, folder: Path, num_last: int) -> None:
    """Kill a run of its own at each of the last changes, when the work is done and said to be."""
    whole = flow.run(keep, folder / "whole")
    wanted = artefacts(folder / "whole")
    for number in range(num_last):
        moment = Moment(kind="write", at=whole.num_writes - number)
        killed = flow.run(keep, folder / f"{number:05d}", moment)
        assert killed.killed, killed.said
        again = flow.run(keep, folder / f"{number:05d}")
        assert again.code == 0, f"{moment.at:g} {killed.last}: {again.said}"
        assert artefacts(folder / f"{number:05d}") == wanted, f"{moment.at:g} {killed.last}"


def _check_unfinished(killed: Path, whole: Path) -> None:
    """A folder that says it is finished holds everything."""
    for name in (MANIFEST, "run.json", "result.json"):
        path = killed / name
        if path.is_file() and (name == "result.json" or json.loads(path.read_text())["finished"]):
            there, wanted = artefacts(killed), artefacts(whole)
            assert {each: there.get(each) for each in wanted} == wanted


@pytest.fixture(scope="module")
def light() -> Iterator[Keeper]:
    """For commands that need no torch."""
    with keeper("generator.catalog.shards", "generator.ingest.fetch", "jsonschema", "pandas") as keep:
        yield keep


@pytest.fixture(scope="module")
def heavy() -> Iterator[Keeper]:
    """For commands that have a model."""
    with keeper("finetune.train", "evaluation.run", "jsonschema", "pandas", "peft") as keep:
        yield keep


def test_generating_killed_at_six_moments(light: Keeper, tmp_path: Path) -> None:
    assert len(killed_often(light, GENERATING["scenarios"], tmp_path, num_kills=6, seed="default")) == 6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "num_kills"), [("pictures", 8), ("rows", 8), ("scenarios", 8), ("faulty pictures", 4), ("two workers", 4)]
)
def test_generating_killed(light: Keeper, tmp_path: Path, name: str, num_kills: int) -> None:
    assert len(killed_often(light, GENERATING[name], tmp_path, num_kills=num_kills, seed=name)) == num_kills


@pytest.mark.slow
def test_fetching_killed(light: Keeper, tmp_path: Path) -> None:
    server = ImageServer(delay_s=0.005)
    with served(server):
        dbq_table(120, server.url).to_parquet(tmp_path / "table.parquet", index=False)
        flow = fetching(tmp_path / "table.parquet")
        assert len(killed_often(light, flow, tmp_path, num_kills=12, seed="fetch")) == 12


@pytest.mark.slow
def test_importing_killed(light: Keeper, tmp_path: Path) -> None:
    flow = importing(table_with_pictures(tmp_path))
    assert len(killed_often(light, flow, tmp_path, num_kills=8, seed="import")) == 8


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "sql", "webdataset", "imagefolder"])
def test_converting_killed(light: Keeper, tmp_path: Path, catalog: Path, form: str) -> None:
    assert len(killed_often(light, converting(catalog, form), tmp_path, num_kills=4, seed=form)) == 4


@pytest.mark.slow
def test_fitting_killed(light: Keeper, tmp_path: Path, catalog: Path) -> None:
    assert len(killed_often(light, fitting(catalog), tmp_path, num_kills=3, seed="fit")) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("full", {}),
        ("best", {"validate_every": 3, "keep": "best"}),
        ("lora", {"method": "lora", "lora": {"rank": 2, "dropout": 0.5}}),
    ],
)
def test_training_killed(heavy: Keeper, tmp_path: Path, catalog: Path, name: str, changes: dict[str, Any]) -> None:
    flow = training(run_file(tmp_path, catalog, **changes))
    assert len(killed_often(heavy, flow, tmp_path, num_kills=6, seed=name)) == 6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "num_kills", "more"),
    [
        ("one protocol", 8, ()),
        ("chosen prompt", 4, ("--protocol", "generate", "--protocol", "rank", "--choose-prompt", "--control", "none")),
    ],
)
def test_evaluating_killed(
    heavy: Keeper, tmp_path: Path, catalog: Path, name: str, num_kills: int, more: tuple[str, ...]
) -> None:
    flow = evaluating(catalog, *more)
    assert len(killed_often(heavy, flow, tmp_path, num_kills=num_kills, seed=name)) == num_kills


@pytest.mark.slow
@pytest.mark.parametrize("name", ["generate", "import", "fetch", "imagefolder"])
def test_killed_while_tidying_up(light: Keeper, tmp_path: Path, catalog: Path, name: str) -> None:
    server = ImageServer()
    with served(server):
        dbq_table(45, server.url).to_parquet(tmp_path / "table.parquet", index=False)
        flow = {
            "generate": GENERATING["rows"],
            "import": importing(table_with_pictures(tmp_path, 45)),
            "fetch": fetching(tmp_path / "table.parquet"),
            "imagefolder": converting(catalog, "imagefolder"),
        }[name]
        killed_at_its_end(light, flow, tmp_path, 16)


@pytest.mark.slow
def test_training_killed_while_tidying_up(heavy: Keeper, tmp_path: Path, catalog: Path) -> None:
    flow = training(run_file(tmp_path, catalog, max_steps=2, checkpoint_every=1))
    killed_at_its_end(heavy, flow, tmp_path, 8)


@pytest.mark.slow
def test_evaluating_killed_while_tidying_up(heavy: Keeper, tmp_path: Path, catalog: Path) -> None:
    killed_at_its_end(heavy, evaluating(catalog, "--no-noise-check", "--control", "none"), tmp_path, 6)
