"""The ladder of speed-ups: each rung adds one thing, a rung that fails is recorded, the file is continued."""

import argparse
import dataclasses
import importlib.util
import itertools
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from finetune.benchmark import TOO_LITTLE_MEMORY
from schemas.errors import ToileError
from schemas.training import SpeedSpec, TrainingSpec

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "ladder.py"


@pytest.fixture(scope="module")
def ladder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmarks_ladder", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["benchmarks_ladder"] = module
    spec.loader.exec_module(module)
    return module


def options(out: Path, **changes: Any) -> argparse.Namespace:
    plain = {
        "out": out, "rungs": None, "budget": 1e9, "batch_size": 32, "micro_batch_size": None, "steps": 1, "warmup": 1,
        "device": "cpu", "tiny": True,
    }  # fmt: skip
    return argparse.Namespace(**{**plain, **changes})


def by_name(ladder: ModuleType) -> dict[str, TrainingSpec]:
    names = [rung.name for rung in ladder.RUNGS]
    return dict(zip(names, ladder.make_specs(options(Path("unused"))), strict=True))


def test_each_rung_adds_one_switch(ladder: ModuleType) -> None:
    found = by_name(ladder)
    rung_specs = [spec for name, spec in found.items() if not name.startswith("target")]
    for before, after in itertools.pairwise(rung_specs):
        before_fields, after_fields = (
            {**dataclasses.asdict(spec), **dataclasses.asdict(spec.speed), "speed": None} for spec in (before, after)
        )
        assert sum(before_fields[name] != after_fields[name] for name in after_fields) == 1
    assert rung_specs[0].speed == dataclasses.replace(ladder.ALL_OFF, checkpointing=True)
    assert rung_specs[0].num_crops == 16
    assert rung_specs[-1] == found["target_lora_4_crops"]
    everything = {field.name: field.name != "checkpointing" for field in dataclasses.fields(SpeedSpec)}
    assert dataclasses.asdict(rung_specs[-1].speed) == everything


def test_ladder_targets(ladder: ModuleType) -> None:
    targets = {rung.name: rung.target for rung in ladder.RUNGS if rung.target}
    assert targets == {"target_lora_4_crops": 28, "target_lora_16_crops": 8.4, "target_full_4_crops": 19}
    found = by_name(ladder)
    assert (found["target_lora_16_crops"].num_crops, found["target_full_4_crops"].method) == (16, "full")
    assert all(bool(rung.ratio) != bool(rung.samples_per_second) and rung.why for rung in ladder.RUNGS)


class Device:
    """A fake device that fits `room` examples at once; its speed doubles with every switch."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.asked: list[int] = []

    def __call__(self, spec: TrainingSpec, **_: Any) -> Any:
        assert spec.micro_batch_size is not None
        self.asked.append(spec.micro_batch_size)
        if spec.micro_batch_size > self.room:
            raise ToileError("cuda", f"has {TOO_LITTLE_MEMORY} for {spec.micro_batch_size} examples at once", "less")
        if spec.method == "full":
            raise RuntimeError("the compiler\nis broken")
        return Figures(samples_per_second=2.0 ** sum(dataclasses.asdict(spec.speed).values()))


@dataclasses.dataclass
class Figures:
    samples_per_second: float
    tflops: float = 1.0
    share_of_peak: float = 0.5
    memory_gb: float = 1.0
    waiting_share: float = 0.0


def test_rungs_record_memory_and_compiler_errors(
    ladder: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = Device(room=9)
    monkeypatch.setattr(ladder, "measure_throughput", device)
    monkeypatch.setattr(ladder, "measure_matmul_peak", lambda *_: 790.0)
    ladder.measure_missing_rungs(options(tmp_path / "found.json"))
    document = json.loads((tmp_path / "found.json").read_text())
    rungs = document["rungs"]
    assert list(rungs) == [rung.name for rung in ladder.RUNGS]
    assert device.asked[:3] == [32, 16, 8]
    assert rungs["no_checkpointing"]["micro_batch_size"] == 8
    assert rungs["no_checkpointing"]["too_large_micro_batches"] == [32, 16]
    assert rungs["cast_once"]["ratio"] == 2.0
    assert not rungs["cast_once"]["held"]
    assert rungs["target_full_4_crops"]["error"] == "RuntimeError: the compiler is broken"
    assert rungs["target_lora_4_crops"]["target_reached"]


def test_device_too_small_for_one_example_is_recorded(
    ladder: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ladder, "measure_throughput", Device(room=0))
    ladder.measure_missing_rungs(options(tmp_path / "found.json", rungs=["4_crops"], batch_size=4))
    found = json.loads((tmp_path / "found.json").read_text())["rungs"]["4_crops"]
    assert found["too_large_micro_batches"] == [4, 2, 1]
    assert "not even one" in found["error"]


def test_ladder_file_is_continued(ladder: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device(room=64)
    monkeypatch.setattr(ladder, "measure_throughput", device)
    out = tmp_path / "found.json"
    ladder.measure_missing_rungs(options(out, rungs=["4_crops", "everything_off_16_crops"]))
    ladder.measure_missing_rungs(options(out, budget=-1.0))
    assert len(json.loads(out.read_text())["rungs"]) == len(device.asked) == 2
    ladder.measure_missing_rungs(options(out))
    assert len(device.asked) == len(ladder.RUNGS)
    ladder.measure_missing_rungs(options(out))
    assert len(device.asked) == len(ladder.RUNGS)
    ladder.measure_missing_rungs(options(out, rungs=["4_crops"]))
    assert len(device.asked) == len(ladder.RUNGS) + 1


def test_one_rung_end_to_end(ladder: ModuleType, tmp_path: Path) -> None:
    asked = options(tmp_path / "found.json", rungs=["everything_off_16_crops"], batch_size=2)
    ladder.measure_missing_rungs(asked)
    found = json.loads(asked.out.read_text())["rungs"]["everything_off_16_crops"]
    assert found["settings"]["num_crops"] == 16
    assert found["executed_tflops"] > 1.5 * found["tflops"]


@pytest.mark.slow
def test_all_rungs_end_to_end(ladder: ModuleType, tmp_path: Path) -> None:
    asked = options(tmp_path / "found.json", batch_size=2)
    ladder.measure_missing_rungs(asked)
    rungs = json.loads(asked.out.read_text())["rungs"]
    assert list(rungs) == [rung.name for rung in ladder.RUNGS]
    assert not any("error" in found for found in rungs.values())
