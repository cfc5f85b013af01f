"""The check of a GPU: its checks on a GPU, the whole script rehearsed on the CPU, planted faults, and resuming."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import gpu_check
from benchmarks.gpu_check import CHECKS, OutOfToleranceError, check_spec, run_all, run_check

ROOT = Path(__file__).parents[2]


@pytest.mark.gpu
@pytest.mark.parametrize("name", CHECKS)
def test_check_on_gpu(name: str) -> None:
    try:
        run_check(name, check_spec("small"), "cuda")
    except gpu_check.NotAvailableError as error:
        pytest.skip(str(error))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_whole_script_rehearsed_on_cpu(tmp_path: Path) -> None:
    command = [str(ROOT / "scripts" / "gpu_check.sh"), str(tmp_path), "--rehearse", "--budget", "1100"]
    subprocess.run(command, check=True, env={"PYTHON": sys.executable, "PATH": "/usr/bin:/bin"})
    steps = json.loads((tmp_path / "gpu_check.json").read_text())["steps"]
    assert set(steps) == set(gpu_check.make_steps(tmp_path, True, "cpu"))
    states = {name: found["state"] for name, found in steps.items()}
    assert set(states.values()) <= {"passed", "measured", "not available"}, states
    losses = [steps[f"peer {name}"]["figures"]["losses"] for name in ("toile", "trainer", "trainer, toile's model")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert losses[0] == pytest.approx(losses[2], rel=1e-4)


def test_planted_fault_fails_its_check(monkeypatch: pytest.MonkeyPatch) -> None:
    real = gpu_check.logits_of

    def rounded_too_far(spec: Any, device: str, dtype: torch.dtype) -> torch.Tensor:
        logits = real(spec, device, torch.float32)
        return logits if dtype == torch.float32 else (logits * 4).round() / 4

    monkeypatch.setattr(gpu_check, "logits_of", rounded_too_far)
    with pytest.raises(OutOfToleranceError, match=r"relative_error is .*, wanted at most 0\.03"):
        run_check("bfloat16_forward", check_spec("tiny"), "cpu")


def test_not_a_number_is_out_of_tolerance() -> None:
    figures = gpu_check.Figures()
    figures.at_most("error", float("nan"), 1.0)
    figures.at_least("cosine", 1.0, 0.5)
    assert figures.failed == ["error is nan, wanted at most 1"]


def test_steps_are_continued_and_failures_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = "import pathlib; path = pathlib.Path('count'); path.write_text(path.read_text() + 'x')\n"
    steps = {
        "check a": ["-c", count + """print('{"state": "passed", "error": 0.5}')"""],
        "check b": ["-c", """print('{"state": "failed", "problem": "error is 2, wanted at most 1"}')"""],
        "check c": ["-c", "raise SystemExit('no such kernel')"],
    }
    monkeypatch.setattr(gpu_check, "make_steps", lambda *_: steps)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "count").write_text("")
    assert run_all(tmp_path, True, "cpu", budget=-1.0)["steps"] == {}
    for _ in range(2):
        found = run_all(tmp_path, True, "cpu", budget=1e9)["steps"]
    assert (tmp_path / "count").read_text() == "x"
    assert [found[name]["state"] for name in steps] == ["passed", "failed", "error"]
    assert found["check a"]["figures"] == {"error": 0.5}
    assert found["check c"]["problem"] == "no such kernel"
    assert json.loads((tmp_path / "gpu_check.json").read_text())["steps"] == found


def test_machine_without_gpu_is_told_so(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    command = [sys.executable, "-m", "benchmarks.gpu_check", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no GPU that torch can use" in done.stderr
