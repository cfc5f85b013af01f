"""Tracking is off unless asked for, works offline, and never stops a run; the page of a run shows what it logged."""

import dataclasses
import json
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

from finetune import tracking
from finetune.run_dir import hash_files, weights_digest
from finetune.tracking import (
    LoggedExample,
    NullTracker,
    WandbTracker,
    find_training,
    open_tracker,
    plot_losses,
    plot_series,
    read_training,
    write_examples,
    write_run_page,
)
from schemas.errors import ToileError
from schemas.training import RunRecord, TrainingSpec
from schemas.util.files import as_document, write_json
from tests.helpers.page_tree import parse, tables, text
from toile.cli import main


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


EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u202e\u05de\u05e2\u05d9\u05dc" + "W" * 2000


def write_run(folder: Path, steps: Sequence[Mapping[str, Any]], **changes: Any) -> Path:
    """A folder as a run leaves it, without training."""
    folder.mkdir(parents=True, exist_ok=True)
    spec = as_document(TrainingSpec(mix=(), max_steps=len(steps)))
    inputs = {"spec": {k: v for k, v in spec.items() if k != "mix"}, "base": {"sha256": "0" * 64, "revision": None}}
    data = [{"folder": "data/<b>real</b>", "content_sha256": "1" * 64, "weight": 1.0}]
    (folder / "model.safetensors").write_bytes(b"weights")
    record = RunRecord(
        finished=True,
        inputs={**inputs, "data": data},
        num_steps=len(steps),
        num_examples={"data/<b>real</b>": 1234},
        num_skipped={},
        versions={"toile": "0.1.0"},
        files=hash_files(folder),
    )
    write_json(folder / "run.json", as_document(dataclasses.replace(record, **changes)))
    (folder / "log.jsonl").write_text("".join(json.dumps(step) + "\n" for step in steps))
    return folder


def logged(number: int) -> list[dict[str, Any]]:
    return [
        {"step": k, "loss": 8.0 / k, "learning_rate": 1e-4 * k, "samples_per_second": 10.0 + k % 3}
        | ({"validation_loss": 9.0 / k} if k % 5 == 0 else {})
        for k in range(1, number + 1)
    ]


def points(svg: str, css_class: str) -> list[tuple[float, float]]:
    line = next(x for x in ElementTree.fromstring(svg).iter("polyline") if x.get("class") == css_class)
    pairs = [pair.split(",") for pair in line.attrib["points"].split()]
    return [(float(x), float(y)) for x, y in pairs]


def test_a_run_has_a_page_of_its_curve_and_examples(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", logged(40), validation_loss=0.225, samples_per_second=11.0, seconds=3.0)
    image = Image.new("RGB", (900, 500), (200, 10, 10))
    write_examples(folder, [LoggedExample(image=image, true="Product: Coat", answered=EVIL)])
    done = CliRunner().invoke(main, ["report", "run", str(folder)])
    assert done.exit_code == 0, done.output
    page = folder / "report.html"
    assert done.stdout.strip() == str(page)
    root = parse(page)
    shown = text(root)
    assert "was trained for 40 steps of 32 examples" in shown
    assert "The kept weights have a validation loss of 0.225" in shown
    assert "data/<b>real</b>, weight 1, 1,234 examples" in shown
    assert len(list(root.iter("svg"))) == 3
    (table,) = tables(root)
    assert "Validation split" in table.caption
    assert [cell.get("scope") for cell in table.head] == ["col"] * 3
    assert EVIL.split("<script>")[1][:8] in text(table.rows[0][2])
    assert table.rows[0][2].get("dir") == "auto"
    assert len(list(root.iter("script"))) == 1, "the embedded steps only"
    embedded = json.loads(next(root.iter("script")).text or "")
    assert embedded["steps"] == logged(40)
    assert len(page.read_bytes()) < 100_000


def test_the_loss_curve_puts_values_where_they_belong(tmp_path: Path) -> None:
    curve = read_training(write_run(tmp_path, logged(60)))
    svg = plot_losses(curve)
    raw, smooth, validation = (points(svg, name) for name in ("curve raw", "curve side0", "curve side1"))
    assert len(raw) == len(smooth) == 60
    assert len(validation) == 12
    assert raw[0][0] == min(x for x, _ in raw)
    assert [y for _, y in raw] == sorted(y for _, y in raw), "a falling loss goes down"
    # a logarithmic axis: equal factors are equal distances
    assert raw[1][1] - raw[0][1] == pytest.approx(raw[3][1] - raw[1][1], abs=0.2)
    (first, *_) = curve.series("loss")
    assert first == (1, 8.0)
    assert plot_series(curve, "gradient_norm") == "", "no plot without values"
    assert "tokens" not in [caption for caption, _ in curve.plots]


def test_long_runs_are_averaged_and_odd_values_left_out(tmp_path: Path) -> None:
    steps = [{"step": k, "loss": 1.0 + k % 2, "validation_loss": None} for k in range(1, 5001)]
    steps[10]["loss"] = float("nan")
    folder = write_run(tmp_path, steps)
    curve = read_training(folder)
    assert len(curve.series("loss")) == 4999
    assert len(points(plot_losses(curve), "curve raw")) <= tracking.MAX_POINTS
    assert len(plot_losses(curve)) < 20_000
    embedded = json.loads(next(parse(write_run_page(folder)).iter("script")).text or "")
    assert embedded["steps"][10]["loss"] is None


def test_a_page_while_the_run_goes_on(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", [], finished=False)
    with pytest.raises(ToileError, match="logged no step"):
        write_run_page(folder)
    (folder / "log.jsonl").write_text(json.dumps(logged(1)[0]) + '\n{"step": 2, "lo')
    shown = text(parse(write_run_page(folder)))
    assert "is not finished: it has logged 1 of 0 steps" in shown
    assert "no example answers yet" in shown
    with pytest.raises(ToileError, match="is no folder of a run"):
        read_training(tmp_path)
    (folder / "log.jsonl").write_text("no JSON}\n")
    with pytest.raises(ToileError, match="is damaged"):
        read_training(folder)
    (folder / "log.jsonl").write_text("")
    (folder / "examples.jsonl").write_text('{"true": 1}\n')
    with pytest.raises(ToileError, match="is damaged"):
        read_training(folder)


def test_a_training_is_found_near_its_results_while_it_holds_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_run(tmp_path / "runs" / "one", logged(3))
    results = tmp_path / "results" / "tuned"
    digest = weights_digest(hash_files(folder))
    assert find_training(str(folder), None, digest) == folder
    assert find_training("runs/one", results, digest) == folder.resolve()
    monkeypatch.chdir(tmp_path)
    assert find_training("runs/one", None, digest) == Path("runs/one")
    assert find_training("runs/one", None, "f" * 64) is None, "trained again since"
    assert find_training("runs/two", results, digest) is None
    (folder / "log.jsonl").unlink()
    assert find_training("runs/one", None, digest) is None
