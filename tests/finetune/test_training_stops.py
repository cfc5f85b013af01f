"""How a run ends: early, at its best weights, or with a fault after an emergency checkpoint."""

import dataclasses
import errno
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

import finetune.optimizer
import finetune.train
from finetune.adapters import load_model
from finetune.benchmark import estimate_run
from finetune.checkpoint import Progress
from finetune.model_setup import load_trainable
from finetune.optimizer import backward, learning_rate
from finetune.run_dir import load_run
from finetune.tracking import read_training, write_run_page
from finetune.train import load_run_spec, train
from schemas.errors import ToileError
from schemas.training import LoraSpec, MixSource, OptimiserSpec, TrainingSpec
from tests.helpers.page_tree import parse, text
from toile.cli import main


def spec_for(catalog: Path, **changes: Any) -> TrainingSpec:
    values: dict[str, Any] = {
        "mix": (MixSource(data=str(catalog)),),
        "max_steps": 6,
        "batch_size": 2,
        "lora": LoraSpec(rank=2),
        "optimiser": OptimiserSpec(learning_rate=1e-3, schedule="constant"),
        "checkpoint_every": 100,
        **changes,
    }
    return TrainingSpec(**values)


def log(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def set_validation_losses(losses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the validation losses by the given ones, in order."""
    coming = iter(losses)
    monkeypatch.setattr(finetune.train, "validation_loss", lambda *_: next(coming))


def test_early_stopping_keeps_best_weights(catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_validation_losses([5.0, 3.0, 4.0, 3.5], monkeypatch)
    spec = spec_for(catalog, max_steps=50, validate_every=1, patience=2, keep="best")
    record, _ = train(spec, tmp_path / "best", device="cpu")
    assert (record.num_steps, record.best_step, record.validation_loss) == (4, 2, 3.0)
    monkeypatch.undo()
    two, _ = train(spec_for(catalog, max_steps=2), tmp_path / "two", device="cpu")
    assert two.best_step is None
    kept, wanted = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("best", "two"))
    assert all(torch.equal(kept[name], wanted[name]) for name in wanted)
    assert load_run(tmp_path / "best" / "run.json").best_step == 2


def test_final_validation_counts_between_intervals(
    catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_validation_losses([5.0, 4.0], monkeypatch)
    spec = spec_for(catalog, max_steps=3, validate_every=2, keep="best")
    record, _ = train(spec, tmp_path / "out", device="cpu")
    assert (record.best_step, record.validation_loss) == (3, 4.0)


def test_killed_run_keeps_best_weights(catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_for(catalog, validate_every=1, keep="best", checkpoint_every=2)
    whole = tmp_path / "whole"
    set_validation_losses([5.0, 3.0, 4.0, 4.0, 4.0, 4.0], monkeypatch)
    train(spec, whole, device="cpu")
    real = learning_rate

    def stopped(optimiser: OptimiserSpec, step: int, num_steps: int) -> float:
        if step == 6:
            raise KeyboardInterrupt
        return real(optimiser, step, num_steps)

    set_validation_losses([5.0, 3.0, 4.0, 4.0, 4.0], monkeypatch)
    monkeypatch.setattr(finetune.train, "learning_rate", stopped)
    with pytest.raises(KeyboardInterrupt):
        train(spec, tmp_path / "killed", device="cpu")
    monkeypatch.setattr(finetune.train, "learning_rate", real)
    set_validation_losses([4.0, 4.0], monkeypatch)
    record, _ = train(spec, tmp_path / "killed", device="cpu")
    assert record.best_step == 2
    kept, wanted = (load_file(out / "adapter_model.safetensors") for out in (tmp_path / "killed", whole))
    assert all(torch.equal(kept[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("change", [{"patience": 2}, {"keep": "best"}], ids=str)
def test_early_stopping_needs_validation(change: dict[str, Any], catalog: Path, tmp_path: Path) -> None:
    with pytest.raises(ToileError, match="validate_every is 0"):
        train(spec_for(catalog, **change), tmp_path / "out", device="cpu")
    assert not (tmp_path / "out").exists()


def test_nan_validation_loss_is_never_best() -> None:
    progress = Progress(step=1)
    assert not progress.record_validation(float("nan"))
    assert (progress.best_loss, progress.best_step) == (None, None)


def test_progress_counts_validations_since_best() -> None:
    progress = Progress(step=1)
    assert progress.record_validation(2.0)
    assert not progress.record_validation(2.0)
    assert not progress.record_validation(float("nan"))
    assert (progress.best_loss, progress.best_step, progress.since_best) == (2.0, 1, 2)


def state_of(out: Path) -> dict[str, Any]:
    (path,) = (out / "resume").glob("step-*.pt")
    state: dict[str, Any] = torch.load(path, weights_only=True)
    return state


@pytest.mark.parametrize("fault", ["memory", "number"])
def test_emergency_checkpoint_before_error(
    fault: str, catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_for(catalog)
    train(spec, tmp_path / "whole", device="cpu")
    real, calls = backward, []

    def failing(*arguments: Any) -> torch.Tensor:
        calls.append(1)
        if len(calls) == 4 and fault == "memory":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        loss = real(*arguments)
        return loss * float("nan") if len(calls) == 4 else loss

    monkeypatch.setattr(finetune.optimizer, "backward", failing)
    with pytest.raises(ToileError) as caught:
        train(spec, tmp_path / "out", device="cpu")
    assert "\n" not in f"{caught.value.where}: {caught.value.problem}"
    assert ("micro_batch_size" if fault == "memory" else "learning_rate") in caught.value.hint
    assert state_of(tmp_path / "out")["run"]["step"] == 3
    monkeypatch.setattr(finetune.optimizer, "backward", real)
    smaller = dataclasses.replace(spec, micro_batch_size=1) if fault == "memory" else spec
    train(smaller, tmp_path / "out", device="cpu")
    expected = [row["loss"] for row in log(tmp_path / "whole")]
    assert [row["loss"] for row in log(tmp_path / "out")] == pytest.approx(expected, rel=1e-5)


def fitting_only(num_rows: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let `backward` run out of memory for micro-batches of more rows; return the list of the sizes it was given."""
    real, sizes = backward, []

    def limited(model: Any, masters: Any, batches: Any, *arguments: Any) -> torch.Tensor:
        sizes.append(max(len(batch["input_ids"]) for batch in batches))
        if sizes[-1] <= num_rows:
            return real(model, masters, batches, *arguments)
        real(model, masters, batches[:1], *arguments)  # gradients of a part of the step are there already
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    monkeypatch.setattr(finetune.optimizer, "backward", limited)
    return sizes


def test_auto_batch_halves_micro_batch(catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_for(catalog, batch_size=8, max_steps=3)
    train(spec, tmp_path / "whole", device="cpu")
    sizes = fitting_only(2, monkeypatch)
    said: list[str] = []
    record, _ = train(spec, tmp_path / "out", device="cpu", auto_batch=True, say=said.append)
    assert sizes == [8, 4, 2, 2, 2]
    assert [text for text in said if "micro_batch_size is 2" in text]
    assert record.num_steps == 3
    expected = [row["loss"] for row in log(tmp_path / "whole")]
    assert [row["loss"] for row in log(tmp_path / "out")] == pytest.approx(expected, rel=1e-5)


def test_auto_batch_ends_at_one_example(catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = fitting_only(0, monkeypatch)
    with pytest.raises(ToileError, match="too little memory for a step"):
        train(spec_for(catalog, batch_size=2), tmp_path / "out", device="cpu", auto_batch=True)
    assert sizes == [2, 1]


@pytest.mark.parametrize(("minutes", "kept"), [(1e-9, ["step-00000003.pt"]), (60.0, []), (None, [])])
def test_checkpoints_by_time(
    minutes: float | None, kept: list[str], catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = learning_rate

    def stopped(optimiser: OptimiserSpec, step: int, num_steps: int) -> float:
        if step == 4:
            raise KeyboardInterrupt
        return real(optimiser, step, num_steps)

    monkeypatch.setattr(finetune.train, "learning_rate", stopped)
    with pytest.raises(KeyboardInterrupt):
        train(spec_for(catalog, checkpoint_minutes=minutes), tmp_path / "out", device="cpu")
    assert [path.name for path in (tmp_path / "out").glob("resume/*")] == kept
    monkeypatch.setattr(finetune.train, "learning_rate", real)
    said: list[str] = []
    train(spec_for(catalog, checkpoint_minutes=None), tmp_path / "out", device="cpu", say=said.append)
    wanted = "continuing after step 3 of 6" if kept else "begins with step 1"
    assert [text for text in said if wanted in text]


@pytest.mark.parametrize(("num_steps", "window"), [(1, 1), (3, 1), (6, 3)])
def test_first_and_last_loss_are_of_different_steps(num_steps: int, window: int, catalog: Path, tmp_path: Path) -> None:
    record, _ = train(spec_for(catalog, max_steps=num_steps), tmp_path / "out", device="cpu")
    losses = [row["loss"] for row in log(tmp_path / "out")]
    assert record.first_loss == pytest.approx(sum(losses[:window]) / window)
    assert record.last_loss == pytest.approx(sum(losses[-window:]) / window)


def test_dry_run_estimates_and_writes_nothing(catalog: Path, tmp_path: Path) -> None:
    run = tmp_path / "run.yaml"
    run.write_text(f"mix: [{{data: {catalog}}}]\nmax_steps: 7\nbatch_size: 4\nmicro_batch_size: 2\nvalidate_every: 3\n")
    before = sorted(tmp_path.rglob("*"))
    answer = CliRunner().invoke(main, ["train", str(run), "--out", str(tmp_path / "out"), "--dry-run"])
    assert answer.exit_code == 0, answer.output
    assert sorted(tmp_path.rglob("*")) == before
    table = dict(line.split(maxsplit=1) for line in answer.stdout.splitlines())
    assert table["steps"] == "7 of 4 examples, 2 at once"
    found = estimate_run(load_run_spec(run), device="cpu")
    assert found.num_validations == 3
    assert found.total_seconds == pytest.approx(7 * found.step_seconds + 3 * found.validation_seconds)
    record, _ = train(run, tmp_path / "real", device="cpu")
    assert dict(record.num_examples) == dict(found.num_examples)


def test_checkpoint_size_of_dry_run(catalog: Path, tmp_path: Path) -> None:
    spec = spec_for(catalog, method="full", checkpoint_every=2, max_steps=3)
    found = estimate_run(spec, device="cpu")
    sizes: list[int] = []
    train(
        spec,
        tmp_path / "out",
        device="cpu",
        report=lambda step: sizes.extend(path.stat().st_size for path in (tmp_path / "out").glob("resume/*.pt")),
    )
    assert sizes[0] == pytest.approx(found.checkpoint_bytes, rel=0.05)


def test_full_disk_keeps_previous_checkpoint(catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, saves = torch.save, []

    def filling(state: Any, file: Any) -> None:
        saves.append(1)
        real(state, file)
        if len(saves) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", filling)
    spec = spec_for(catalog, checkpoint_every=2)
    with pytest.raises(ToileError, match="No space left on device"):
        train(spec, tmp_path / "out", device="cpu")
    assert [each.name for each in (tmp_path / "out" / "resume").iterdir()] == ["step-00000002.pt"]
    record, _ = train(spec, tmp_path / "out", device="cpu")
    assert record.num_steps == 6


def test_dropout_resumes_exactly(catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_for(catalog, lora=LoraSpec(rank=2, dropout=0.5), checkpoint_every=2)
    train(spec, tmp_path / "whole", device="cpu")
    real = learning_rate

    def stopped(optimiser: OptimiserSpec, step: int, num_steps: int) -> float:
        if step == 4:
            raise KeyboardInterrupt
        return real(optimiser, step, num_steps)

    monkeypatch.setattr(finetune.train, "learning_rate", stopped)
    with pytest.raises(KeyboardInterrupt):
        train(spec, tmp_path / "out", device="cpu")
    monkeypatch.setattr(finetune.train, "learning_rate", real)
    train(spec, tmp_path / "out", device="cpu")
    assert [row["loss"] for row in log(tmp_path / "out")] == [row["loss"] for row in log(tmp_path / "whole")]


@pytest.mark.filterwarnings("ignore")
def test_tracked_run_logs_example_answers(catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = pytest.importorskip("wandb")
    monkeypatch.setattr(finetune.train, "MAX_NEW_TOKENS", 8)  # nothing is learned, so no answer ends
    sent: list[dict[str, Any]] = []

    class Recorded:
        def log(self, figures: dict[str, Any], step: int | None = None) -> None:
            sent.append({**figures, "at": step})

        def finish(self) -> None:
            sent.append({"finished": True})

    def init(**settings: Any) -> Recorded:
        sent.append(settings)
        return Recorded()

    monkeypatch.setattr(wandb, "init", init)
    train(spec_for(catalog, max_steps=2, tracking="wandb"), tmp_path / "out", device="cpu")
    assert sent[0]["config"]["spec"]["max_steps"] == 2
    assert [entry["at"] for entry in sent if "loss" in entry] == [1, 2]
    assert all("samples_per_second" in entry for entry in sent if "loss" in entry)
    (table,) = (entry["examples"] for entry in sent if "examples" in entry)
    assert table.columns == ["picture", "true", "answered"]
    assert 4 < len(table.data) <= finetune.train.NUM_ANSWERS
    assert all(isinstance(image, wandb.Image) and true.startswith("Product: ") for image, true, _ in table.data)
    assert sent[-1] == {"finished": True}
    kept = read_training(tmp_path / "out").examples
    assert [(each.true, each.answered) for each in kept] == [(true, answered) for _, true, answered in table.data]
    page = parse(write_run_page(tmp_path / "out"))
    assert len(list(page.iter("img"))) == len(kept)
    assert "was trained for 2 steps" in text(page)


def test_saved_adapter_equals_master_weights(catalog: Path, tmp_path: Path) -> None:
    spec = spec_for(catalog, dtype="bfloat16", batch_size=2, max_steps=2, num_crops=1)
    train(spec, tmp_path / "out", device="cpu")
    tensors = load_file(tmp_path / "out" / "adapter_model.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}
    assert any(bool((tensor.to(torch.bfloat16).float() != tensor).any()) for tensor in tensors.values())
    load_model("tiny", adapter=tmp_path / "out", dtype=torch.bfloat16)


def test_memory_estimate(catalog: Path) -> None:
    said: list[str] = []
    from finetune.distributed import Ranks

    model, masters, _ = load_trainable(spec_for(catalog, method="full"), Ranks(device="cpu"), said.append)
    moving = sum(p.numel() for p in masters.by_name.values())
    all_bytes = sum(p.numel() * 4 for p in model.parameters()) + moving * 12
    assert said == [
        f"{moving:,} trained parameters; {all_bytes / 2**30:.2f} GiB before activations (weights, gradients, AdamW)"
    ]


def test_last_weights_are_kept_without_validation_loss(
    catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_validation_losses([float("nan"), float("nan")], monkeypatch)
    record, _ = train(spec_for(catalog, max_steps=2, validate_every=1, keep="best"), tmp_path / "out", device="cpu")
    assert (record.num_steps, record.best_step, record.validation_loss) == (2, None, None)
