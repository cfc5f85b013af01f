"""Tracking is off unless asked for, works offline, and never stops a run."""

import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from finetune.tracking import LoggedExample, NullTracker, WandbTracker, open_tracker
from schemas.errors import ToileError


def test_tracking_is_off_by_default(tmp_path: Path) -> None:
    tracker = open_tracker("none", {}, tmp_path)
    assert isinstance(tracker, NullTracker)
    tracker.log({"loss": 1.0}, 1)
    tracker.finish()
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore")
def test_wandb_offline_without_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    tracker = open_tracker("wandb", {"seed": 1}, tmp_path)
    tracker.log({"loss": 2.5}, 1)
    tracker.finish()
    runs = list((tmp_path / "wandb").glob("offline-run-*"))
    assert len(runs) == 1
    assert list(runs[0].glob("*.wandb"))


def test_failing_tracker_is_not_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    wandb = pytest.importorskip("wandb")

    class Failing:
        calls = 0

        def log(self, figures: Any, step: int) -> None:
            Failing.calls += 1
            raise wandb.Error("the server is gone")

        def finish(self) -> None:
            raise AssertionError("not called any more")

    monkeypatch.setattr(wandb, "init", lambda **_: Failing())
    tracker = WandbTracker({}, tmp_path)
    tracker.log({"loss": 1.0}, 1)
    tracker.log({"loss": 1.0}, 2)
    tracker.finish()
    assert Failing.calls == 1
    assert "training continues: the server is gone" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore")
def test_tensorboard_events_of_a_continued_run(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    first = open_tracker("tensorboard", {"seed": 1}, tmp_path)
    for step, loss in enumerate((3.0, 2.0, 9.0), start=1):
        first.log({"step": step, "loss": loss, "validation_loss": None}, step)
    first.finish()
    second = open_tracker("tensorboard", {"seed": 1}, tmp_path, num_done=2)
    second.log({"step": 3, "loss": 1.0}, 3)
    image = Image.new("RGB", (8, 6), "red")
    second.log_examples([LoggedExample(image=image, true="Product: a", answered="Product: b")])
    second.finish()
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert events.Tags()["scalars"] == ["loss"]
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(1, 3.0), (2, 2.0), (3, 1.0)]
    (kept,) = events.Images("example_00/picture")
    assert (kept.step, kept.width, kept.height) == (3, 8, 6)
    (text,) = events.Tensors("example_00/answers/text_summary")
    assert text.tensor_proto.string_val[0].decode() == "true: Product: a\n\nanswered: Product: b"


@pytest.mark.filterwarnings("ignore")
def test_tensorboard_on_a_full_disk_stops_tracking_only(tmp_path: Path, capsys: Any) -> None:
    pytest.importorskip("tensorboard")
    (tmp_path / "tensorboard").write_text("a file where the folder should be")
    tracker = open_tracker("tensorboard", {}, tmp_path)
    tracker.log({"loss": 1.0}, 1)
    tracker.finish()
    assert "training continues" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["wandb", "tensorboard"])
def test_missing_tracker_is_explained(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    with pytest.raises(ToileError) as caught:
        open_tracker(name, {}, tmp_path)
    assert "toile[track]" in caught.value.hint
