"""A run that is killed, shared among processes, or asked twice: the same predictions, byte for byte."""

import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from evaluation import predict
from evaluation.models.base import Generated, ModelUnderTest, VisionModel
from evaluation.rows import Rows, read_rows
from evaluation.run import evaluate
from evaluation.run_dir import merge_rank_files, rank_file, rank_files
from finetune.distributed import Ranks, init_process_group
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec, Prediction, append_predictions, read_predictions
from schemas.product import Product
from schemas.result import Result
from tests.helpers.shard_fixture import in_split, products, table_model, write_shards
from toile.cli import main

ROOT = Path(__file__).parents[2]
PROTOCOLS = ("generate", "constrained", "rank", "price")
pytestmark = pytest.mark.usefixtures("few_resamples")


class MoodyModel:
    """Answers depend on the whole batch, as in low precision; dies after some calls."""

    def __init__(self, calls: int = 1000) -> None:
        self.calls = calls

    def generate(self, images: Sequence[Image.Image], prompts: Sequence[str]) -> list[Generated]:
        if self.calls == 0:
            raise KeyboardInterrupt
        self.calls -= 1
        mood = sum(value for seen in images for value in seen.tobytes()[:3])
        return [Generated(text=f"{mood}: {seen.getpixel((0, 0))}", truncated=False) for seen in images]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ThreadRanks(Ranks):
    """Threads in place of processes."""

    meeting: threading.Barrier
    values: list[float]

    def total(self, number: float) -> float:
        self.values[self.rank] = number
        try:
            self.meeting.wait()
            total = sum(self.values)
            self.meeting.wait()
        except threading.BrokenBarrierError as error:
            raise ToileError("rank", "another has stopped", "") from error
        return total


def in_threads(size: int, work: Any) -> list[BaseException | None]:
    """`work(ranks)` on each of `size` ranks; what each of them raised."""
    meeting, values = threading.Barrier(size, timeout=60), [0.0] * size
    raised: list[BaseException | None] = [None] * size

    def run(rank: int) -> None:
        try:
            work(ThreadRanks(rank=rank, size=size, local_rank=rank, meeting=meeting, values=values))
        except (ToileError, KeyboardInterrupt) as error:
            raised[rank] = error
            meeting.abort()

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return raised


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    made = [*in_split(products(37)), *in_split(products(60)[37:], "train")]
    return read_rows(write_shards(tmp_path / "data", made), EvaluationSpec())


SPEC = EvaluationSpec(batch_size=4)


@pytest.fixture
def alone(tmp_path: Path, rows: Rows) -> bytes:
    """What one undisturbed process writes."""
    predict(MoodyModel(), rows, tmp_path / "alone.jsonl", SPEC)
    return (tmp_path / "alone.jsonl").read_bytes()


@pytest.mark.parametrize("size", [2, 3, 20])
def test_several_processes_write_what_one_writes(tmp_path: Path, rows: Rows, alone: bytes, size: int) -> None:
    path = tmp_path / "p.jsonl"
    found: list[list[Prediction]] = []
    models = [MoodyModel() for _ in range(size)]
    raised = in_threads(size, lambda ranks: found.append(predict(models[ranks.rank], rows, path, SPEC, ranks=ranks)))
    assert raised == [None] * size
    assert path.read_bytes() == alone
    assert rank_files(path) == []
    assert all(one == found[0] for one in found), "every process gets every prediction"
    used = [1000 - model.calls for model in models]
    assert max(used) - min(used) <= 1, "shares are even"


@pytest.mark.parametrize(("before", "after"), [(3, 1), (3, 2), (2, 5), (1, 2)])
@pytest.mark.parametrize("calls", [0, 2])
def test_a_killed_run_is_continued_by_another_number_of_processes(
    tmp_path: Path, rows: Rows, alone: bytes, before: int, after: int, calls: int
) -> None:
    path = tmp_path / "p.jsonl"
    dying = [MoodyModel(calls + rank) for rank in range(before)]
    raised = in_threads(before, lambda ranks: predict(dying[ranks.rank], rows, path, SPEC, ranks=ranks))
    assert any(isinstance(error, KeyboardInterrupt) for error in raised)
    models = [MoodyModel() for _ in range(after)]
    if after == 1:
        predict(models[0], rows, path, SPEC)
    else:
        assert (
            in_threads(after, lambda ranks: predict(models[ranks.rank], rows, path, SPEC, ranks=ranks))
            == [None] * after
        )
    assert path.read_bytes() == alone
    assert rank_files(path) == []
    num_batches = -(-(37 + 1) // 4)
    saved = num_batches - sum(1000 - model.calls for model in models)
    answered = [calls + rank - model.calls for rank, model in enumerate(dying)]
    assert saved == sum(answered), "what was answered is not asked again"


def line(code: str, answer: str = "x") -> Prediction:
    return Prediction(
        product_code=code,
        family="f",
        split="test",
        source="s",
        inferable=True,
        protocol="generate",
        control="none",
        shown=code,
        answer=answer,
        truncated=False,
    )


def test_joining_loses_no_line_whenever_it_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.jsonl"
    append_predictions(path, [line("1")])
    append_predictions(rank_file(path, 0), [line("4"), line("2")])
    append_predictions(rank_file(path, 11), [line("3")])
    order = [line(code).key for code in "1234"]
    unlink = Path.unlink

    def killed(self: Path, missing_ok: bool = False) -> None:
        if "rank11" in self.name:
            raise KeyboardInterrupt
        unlink(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", killed)
    with pytest.raises(KeyboardInterrupt):
        merge_rank_files(path, order)
    monkeypatch.undo()
    assert [one.product_code for one in read_predictions(path)] == list("1234")
    assert rank_files(path) == [rank_file(path, 11)]
    merge_rank_files(path, order)
    assert [one.product_code for one in read_predictions(path)] == list("1234")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["p.jsonl"]


def test_single_process_needs_no_process_group() -> None:
    with init_process_group("cpu") as ranks:
        assert ranks == Ranks()
    devices = (ranks.assign_device("cuda"), ranks.assign_device(None))
    assert (ranks.total(3.5), ranks.owns_batch(7), *devices) == (3.5, True, "cuda", None)


def test_each_process_takes_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    third = Ranks(rank=10, size=16, local_rank=2)
    assert third.assign_device("cpu") == "cpu"
    assert third.assign_device("cuda:1") == "cuda:1"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 8)
    assert third.assign_device(None) == third.assign_device("cuda") == "cuda:2"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert third.assign_device(None) is None


def candidate(model: VisionModel, **more: Any) -> ModelUnderTest:
    return ModelUnderTest(
        **{"model": "m", "adapter": None, "device": "cpu", "dtype": "float32", "load": lambda: model, **more}
    )


def test_a_run_on_several_processes_leaves_the_folder_that_one_leaves(tmp_path: Path, rows: Rows) -> None:
    evaluate(candidate(MoodyModel()), rows.folder, tmp_path / "one", SPEC)
    results: list[Result] = []
    raised = in_threads(
        3,
        lambda ranks: results.append(
            evaluate(candidate(MoodyModel()), rows.folder, tmp_path / "three", SPEC, ranks=ranks, quiet=True)
        ),
    )
    assert raised == [None] * 3
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert sorted(path.name for path in (tmp_path / "three").iterdir()) == names
    for name in ("inputs.json", "predictions.jsonl", "noise.jsonl"):
        assert (tmp_path / "three" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
    one, three = (json.loads((tmp_path / name / "result.json").read_text()) for name in ("one", "three"))
    assert (one["throughput"]["ranks"], three["throughput"]["ranks"]) == (1, 3)
    for document in (one, three):
        del document["seconds"], document["throughput"]
    assert one == three
    assert results[0] == results[1] == results[2]
    again = in_threads(
        2, lambda ranks: evaluate(candidate(MoodyModel(0)), rows.folder, tmp_path / "three", SPEC, ranks=ranks)
    )
    assert again == [None, None], "a finished run is read back by all"


class Instructable(MoodyModel):
    """Reads perfectly where the prompt says how to answer."""

    def __init__(self, rows: Sequence[Product], calls: int = 1000) -> None:
        super().__init__(calls)
        self.table = table_model(rows)

    def generate(self, images: Sequence[Image.Image], prompts: Sequence[str]) -> list[Generated]:
        moody = super().generate(images, prompts)
        return self.table.generate(images, prompts) if "CATEGORY is one of" in prompts[0] else moody


def test_a_choice_of_prompt_survives_a_change_of_processes(tmp_path: Path) -> None:
    made = products(90)
    made = [*in_split(made[:11]), *in_split(made[11:30], "validation"), *in_split(made[30:], "train")]
    made = [dataclasses.replace(row, family=f"{row.split}-{row.family}") for row in made]
    data = write_shards(tmp_path / "data", made)
    spec = dataclasses.replace(SPEC, choose_prompt=True)
    whole = evaluate(candidate(Instructable(made)), data, tmp_path / "whole", spec)
    assert (whole.chosen, whole.inputs.spec.protocols) == ("instructed", ("generate",))
    assert {score.protocol for score in whole.scores if score.split == "test"} == {"generate", "instructed"}

    for dies_after in (2, 9, 14):
        out = tmp_path / str(dies_after)

        def run(ranks: Ranks, out: Path = out, calls: int = dies_after) -> None:
            evaluate(candidate(Instructable(made, calls)), data, out, spec, ranks=ranks, quiet=True)

        assert any(isinstance(error, KeyboardInterrupt) for error in in_threads(2, run))
        again = evaluate(candidate(Instructable(made)), data, out, spec)
        assert (out / "predictions.jsonl").read_bytes() == (tmp_path / "whole" / "predictions.jsonl").read_bytes()
        assert (again.chosen, again.scores) == (whole.chosen, whole.scores)


def test_the_other_processes_stop_when_the_first_refuses(tmp_path: Path, rows: Rows) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.doc").write_text("mine")
    raised = in_threads(
        2, lambda ranks: evaluate(candidate(MoodyModel(0)), rows.folder, tmp_path / "out", SPEC, ranks=ranks)
    )
    assert "contains other files" in str(raised[0])
    assert "another has stopped" in str(raised[1])


def test_force_removes_what_several_processes_left(tmp_path: Path, rows: Rows) -> None:
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        evaluate(candidate(MoodyModel(2)), rows.folder, out, SPEC)
    append_predictions(rank_file(out / "predictions.jsonl", 3), [line("1")])
    append_predictions(rank_file(out / "noise.jsonl", 0), [line("1")])
    other = dataclasses.replace(SPEC, seed=5)
    evaluate(candidate(MoodyModel()), rows.folder, out, other, force=True)
    assert not [path for path in out.iterdir() if "rank" in path.name]


def command(shop: Path, out: Path) -> list[str]:
    """Two batches of the tiny model under every way of asking it."""
    asked = [word for protocol in PROTOCOLS for word in ("--protocol", protocol)]
    return [
        *("--quiet", "evaluate", "--model", "tiny", "--data", str(shop), "--out", str(out), "--device", "cpu"),
        *("--limit", "4", "--batch-size", "2", "--control", "none", "--no-noise-check", *asked),
    ]


def started(words: Sequence[str], **more: str) -> "subprocess.Popen[str]":
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    settings = {**kept, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", **more}
    return subprocess.Popen(
        [sys.executable, *words],
        cwd=ROOT,
        env=settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that torchrun's own processes die with it
    )


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """As the subprocesses have it: another number of threads adds up in another order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, catalog: Path) -> Path:
    """The folder of an uninterrupted process, with one thread like the others."""
    out = tmp_path_factory.mktemp("whole") / "out"
    with one_thread():
        shown = CliRunner().invoke(main, command(catalog, out))
    assert shown.exit_code == 0, shown.output
    return out


def same(out: Path, whole: Path) -> bool:
    one, other = (json.loads((folder / "result.json").read_text())["scores"] for folder in (out, whole))
    return one == other and (out / "predictions.jsonl").read_bytes() == (whole / "predictions.jsonl").read_bytes()


def kill_in_the_middle(process: "subprocess.Popen[str]", out: Path, size: int) -> None:
    """SIGKILL to it and its children when the logs hold about this many bytes."""
    while sum(path.stat().st_size for path in out.glob("predictions*.jsonl")) < size:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    for number in (process.pid, *descendants(process.pid)):  # torchrun gives each of its processes a session of its own
        os.kill(number, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def descendants(number: int) -> list[int]:
    children = [int(each) for each in Path(f"/proc/{number}/task/{number}/children").read_text().split()]
    return [*children, *(each for child in children for each in descendants(child))]


def test_kill_9_costs_nothing(tmp_path: Path, catalog: Path, whole: Path) -> None:
    out = tmp_path / "out"
    kill_in_the_middle(started(["-m", "toile", *command(catalog, out)]), out, 1000)
    assert 0 < len(read_predictions(out / "predictions.jsonl")) < len(read_predictions(whole / "predictions.jsonl"))
    with one_thread():
        assert CliRunner().invoke(main, command(catalog, out)).exit_code == 0
    assert same(out, whole)


MEETING = """
import os, sys
from pathlib import Path
import torch.distributed
from evaluation.run import evaluate
from finetune.distributed import init_process_group
from tests.evaluation.test_run import SPEC, MoodyModel, candidate
other = os.fork()
os.environ |= {"RANK": "01"[other == 0], "LOCAL_RANK": "01"[other == 0]}
with init_process_group("cpu") as ranks:
    result = evaluate(candidate(MoodyModel()), Path(sys.argv[1]), Path(sys.argv[2]), SPEC, ranks=ranks)
if other:
    assert os.waitpid(other, 0)[1] == 0
print(ranks.rank, ranks.size, ranks.local_rank, result.throughput.ranks, result.counts.evaluated)
"""
"""Two processes, forked when all is imported."""


def test_two_processes_meet_as_torchrun_has_them_meet(tmp_path: Path, rows: Rows, alone: bytes) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    meeting = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    words = ["-c", MEETING, str(rows.folder), str(tmp_path / "out")]
    both = started(words, **meeting)
    out, error = both.communicate(timeout=200)
    assert both.returncode == 0, error
    assert out == "1 2 1 2 37\n0 2 0 2 37\n"
    assert (tmp_path / "out" / "predictions.jsonl").read_bytes() == alone


@pytest.mark.slow
def test_torchrun_killed_and_continued_by_one(tmp_path: Path, catalog: Path, whole: Path) -> None:
    out = tmp_path / "out"
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "toile"]
    kill_in_the_middle(started([*words, *command(catalog, out)]), out, 1000)
    with one_thread():
        assert CliRunner().invoke(main, command(catalog, out)).exit_code == 0
    assert same(out, whole)
