"""Tracking is off unless asked for, works offline, and never stops a run."""

from pathlib import Path
from typing import Any

import pytest

from finetune.tracking import NullTracker, WandbTracker, open_tracker
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


def test_missing_wandb_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "wandb", None)
    with pytest.raises(ToileError) as caught:
        open_tracker("wandb", {}, tmp_path)
    assert "toile[track]" in caught.value.hint
