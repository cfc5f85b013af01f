"""Two processes train like one: the same gradients, losses and weights, also after a kill."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

from finetune.data_loader import step_batches, unpack_images
from finetune.data_mix import open_source
from finetune.distributed import Ranks
from finetune.model_setup import load_trainable
from finetune.optimizer import backward
from finetune.train import train
from schemas.errors import ToileError
from schemas.training import TrainingSpec
from schemas.validation import load

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
TWO = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
GRADIENTS = """
import os, socket, sys, torch
from pathlib import Path
from finetune.data_loader import step_batches, unpack_images
from finetune.data_mix import open_source
from finetune.distributed import wrap_ddp, init_process_group
from finetune.optimizer import backward
from finetune.model_setup import is_sharded, load_trainable
from schemas.validation import load
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = str(free.getsockname()[1])
other = os.fork()
os.environ |= {"RANK": "01"[other == 0], "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
with init_process_group("cpu") as ranks:
    for path in map(Path, sys.argv[1:]):
        spec = load(path, "training")
        model, masters, processor = load_trainable(spec, ranks)
        batches = next(step_batches(spec, [open_source(Path(spec.mix[0].data), "train")], processor, 0, 0, ranks))
        mine = sum(int((batch["labels"] >= 0).sum()) for batch in batches)
        parallel = model if is_sharded(spec, ranks) else wrap_ddp(model, ranks)
        backward(parallel, masters, [unpack_images(b, processor) for b in batches], int(ranks.total(mine)), spec, ranks)
        found = {name: getattr(m.grad, "full_tensor", lambda m=m: m.grad)() for name, m in masters.by_name.items()}
        if ranks.first:
            torch.save(found, path.with_suffix(".pt"))
if other:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(other, 0)[1]))
"""
"""Both methods in two processes, forked after the imports; the slow tests start them by torchrun."""


def run_file(folder: Path, catalog: Path, method: str, **changes: Any) -> Path:
    document: dict[str, Any] = {
        "mix": [{"data": str(catalog)}],
        "max_steps": 4,
        "method": method,
        "batch_size": 6,
        "micro_batch_size": 2,
        "optimiser": {"learning_rate": 1e-3},
        "lora": {"rank": 4, "targets": ["decoder", "projector", "vision"]},
        "checkpoint_every": 2,
        **changes,
    }
    path = folder / f"{method}.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def spec_of(path: Path) -> TrainingSpec:
    spec: TrainingSpec = load(path, "training")
    return spec


def two(*arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *TWO, *(str(argument) for argument in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=False, timeout=240)
    assert not check or done.returncode == 0, done.stderr[-3000:]
    return done


def log(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def two_process_gradients(catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For each method, a run file and the gradients of its first step on two processes."""
    folder = tmp_path_factory.mktemp("two")
    runs = [str(run_file(folder, catalog, method)) for method in ("lora", "full")]
    command = [sys.executable, "-c", GRADIENTS, *runs]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=False, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.parametrize("method", ["lora", "full"])
def test_two_process_gradient_equals_single_process(method: str, two_process_gradients: Path, catalog: Path) -> None:
    spec, alone = spec_of(two_process_gradients / f"{method}.yaml"), Ranks(device="cpu")
    model, masters, processor = load_trainable(spec, alone)
    batches = next(step_batches(spec, [open_source(catalog, "train")], processor, 0, 0, alone))
    number = sum(int((batch["labels"] >= 0).sum()) for batch in batches)
    backward(model, masters, [unpack_images(batch, processor) for batch in batches], number, spec, alone)
    found = torch.load(two_process_gradients / f"{method}.pt", weights_only=True)
    assert found.keys() == masters.by_name.keys()
    largest = max(float(m.grad.abs().max()) for m in masters.by_name.values() if m.grad is not None)
    for name, master in masters.by_name.items():
        assert master.grad is not None, name
        torch.testing.assert_close(found[name], master.grad, rtol=1e-3, atol=1e-5 * largest, msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["lora", "full"])
def test_two_processes_train_same_weights_after_kill(method: str, catalog: Path, tmp_path: Path) -> None:
    """Two processes stop in the middle of step 4, as on a killed machine; two continue, and for adapters also one."""
    path = run_file(tmp_path, catalog, method)
    train(spec_of(path), tmp_path / "one", device="cpu")
    script = tmp_path / "killed.py"
    script.write_text(
        "import os, sys, finetune.train as t\n"
        "rate = t.learning_rate\n"
        "t.learning_rate = lambda o, step, n: os._exit(9) if step == 4 and sys.argv[3:] else rate(o, step, n)\n"
        "from toile.cli import main\n"
        "main(['train', sys.argv[1], '--out', sys.argv[2], '--device', 'cpu'])\n"
    )
    killed = two(script, path, tmp_path / "two", "kill", check=False)
    assert killed.returncode != 0
    assert not json.loads((tmp_path / "two" / "run.json").read_text())["finished"]
    states = [each.name for each in (tmp_path / "two" / "resume").iterdir()]
    assert states == ["step-00000002" if method == "full" else "step-00000002.pt"]
    if method == "full":
        with pytest.raises(ToileError, match="shard the weights"):
            train(spec_of(path), tmp_path / "two", device="cpu")
        two(script, path, tmp_path / "two")
    else:
        train(spec_of(path), tmp_path / "two", device="cpu")
    one, both = log(tmp_path / "one"), log(tmp_path / "two")
    for name in ("loss", "gradient_norm", "supervised_tokens"):
        assert [row[name] for row in both] == pytest.approx([row[name] for row in one], rel=1e-4)
    name = "model.safetensors" if method == "full" else "adapter_model.safetensors"
    first, second = load_file(tmp_path / "one" / name), load_file(tmp_path / "two" / name)
    assert first.keys() == second.keys()
    for key, tensor in first.items():
        torch.testing.assert_close(second[key], tensor, rtol=1e-3, atol=2e-4, msg=key)
    assert not (tmp_path / "two" / "resume").exists()


def test_process_shares_partition_the_step(catalog: Path, tmp_path: Path) -> None:
    """For any number of processes, no row is used twice and none is left out."""
    spec = spec_of(run_file(tmp_path, catalog, "lora"))
    sources = [open_source(catalog, "train")]
    _, _, processor = load_trainable(spec, Ranks(device="cpu"))

    def titles(size: int, done: int) -> list[list[tuple[int, ...]]]:
        steps: list[list[tuple[int, ...]]] = []
        shares = [
            list(step_batches(spec, sources, processor, done, 0, Ranks(device="cpu", rank=rank, size=size)))
            for rank in range(size)
        ]
        for step in zip(*shares, strict=True):
            rows = [row for share in step for batch in share for row in batch["labels"].tolist()]
            steps.append(sorted(tuple(label for label in row if label >= 0) for row in rows))
        return steps

    whole = titles(1, 0)
    assert len(whole) == spec.max_steps
    assert all(len(step) == spec.batch_size for step in whole)
    assert titles(2, 0) == titles(3, 0) == titles(6, 0) == whole
    assert titles(3, 2) == whole[2:]
    with pytest.raises(ToileError, match="cannot share evenly") as caught:
        titles(4, 0)
    assert "multiple of 4" in caught.value.hint


def test_ranks_own_batches_and_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    ranks = [Ranks(rank=rank, size=3, local_rank=rank) for rank in range(3)]
    assert [[each.owns_batch(number) for each in ranks].count(True) for number in range(7)] == [1] * 7
    assert [each.first for each in ranks] == [True, False, False]
    assert ranks[1].assign_device("cuda:5") == "cuda:5"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [each.assign_device(None) for each in ranks] == ["cuda:0", "cuda:1", "cuda:0"]
    assert Ranks().assign_device(None) is None, "one process alone keeps the choice"


def test_one_process_needs_no_torch() -> None:
    """Evaluation against a server runs on machines without torch."""
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from finetune.distributed import init_process_group\n"
        "with init_process_group('cpu') as ranks:\n"
        "    print(ranks.size, ranks.total(3.5), ranks.assign_device(None))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["1", "3.5", "None"]
