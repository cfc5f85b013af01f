"""Training: loss of a step, supervised tokens, checkpoints, and exact resume after a kill."""

import dataclasses
import itertools
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from safetensors.torch import load_file

import finetune.train
from finetune.adapters import load_model
from finetune.checkpoint import Checkpointer, Progress
from finetune.data_loader import IGNORED, collate, encode_example, step_batches
from finetune.data_mix import ShardSource, open_source
from finetune.distributed import Ranks
from finetune.model_setup import load_trainable
from finetune.optimizer import learning_rate, make_optimizer
from finetune.run_dir import load_run
from finetune.train import train
from schemas.answer import render
from schemas.errors import ToileError
from schemas.training import LoraSpec, MixSource, OptimiserSpec, TrainingSpec

ALONE = Ranks(device="cpu")


def spec_for(catalog: Path, **changes: Any) -> TrainingSpec:
    """A short full run of the tiny model."""
    values: dict[str, Any] = {
        "mix": (MixSource(data=str(catalog)),),
        "max_steps": 10,
        "method": "full",
        "batch_size": 6,
        "optimiser": OptimiserSpec(learning_rate=2e-3, warmup_steps=2),
        "checkpoint_every": 3,
        **changes,
    }
    return TrainingSpec(**values)


def losses(out: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (out / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def uninterrupted(catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of ten steps."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    train(spec_for(catalog), out, device="cpu")
    return out


def test_labels_supervise_answer_and_end_token_only(catalog: Path) -> None:
    _, processor = load_model("tiny")
    examples = [open_source(catalog, "train").example(row) for row in range(4)]
    examples.append(dataclasses.replace(examples[0], title="A <|end|> </s> title, Category: x"))
    rows = [encode_example(example, processor) for example in examples]
    batch = collate(rows, processor)
    end = processor.stop_token_ids[0]
    for place, example in enumerate(examples):
        ids, labels = batch["input_ids"][place], batch["labels"][place]
        learned = labels[labels != IGNORED].tolist()
        assert learned[-1] == end
        assert end not in learned[:-1]
        assert processor.decode(learned[:-1]) == render(example.title, example.category, example.full_price)
        positions = (labels != IGNORED).nonzero().flatten()
        assert positions.tolist() == list(range(int(positions[0]), int(positions[-1]) + 1))
        assert torch.equal(ids[positions], labels[positions])
        assert (ids[: positions[0]] < 0).sum() == rows[place].tiles.num_tokens
        assert (batch["attention_mask"][place][int(positions[-1]) + 1 :] == 0).all()


def test_step_loss_does_not_depend_on_micro_batches(catalog: Path, tmp_path: Path) -> None:
    whole = spec_for(catalog, max_steps=2)
    for name, size in (("whole", None), ("split", 2), ("uneven", 4)):
        train(dataclasses.replace(whole, micro_batch_size=size), tmp_path / name, device="cpu")
    for name in ("split", "uneven"):
        assert losses(tmp_path / name) == pytest.approx(losses(tmp_path / "whole"), rel=2e-5)


def test_first_loss_equals_slow_definition(catalog: Path, uninterrupted: Path) -> None:
    spec = spec_for(catalog)
    sources = [open_source(catalog, "train")]
    model, _, processor = load_trainable(spec, ALONE)
    batch = processor.unpack(next(step_batches(spec, sources, processor, 0, 0, ALONE))[0])
    labels = batch.pop("labels")
    with torch.no_grad():
        chances = model(**batch).logits.log_softmax(-1)
    total = [
        -float(chances[row, place - 1, labels[row, place]])
        for row in range(labels.shape[0])
        for place in range(1, labels.shape[1])
        if labels[row, place] >= 0
    ]
    assert losses(uninterrupted)[0] == pytest.approx(sum(total) / len(total), rel=1e-5)


def test_training_lowers_loss_and_writes_record(uninterrupted: Path, catalog: Path) -> None:
    values = losses(uninterrupted)
    assert len(values) == 10
    assert values[-1] < values[0] - 0.5
    run = load_run(uninterrupted / "run.json")
    assert run.finished
    assert run.num_steps == 10
    assert run.num_skipped[str(catalog)] > 0
    assert run.validation_loss is not None
    assert run.versions["torch"] == torch.__version__
    seen = pq.read_table(uninterrupted / "seen.parquet")
    assert seen.num_rows == run.num_examples[str(catalog)]
    assert not (uninterrupted / "resume").exists()


def test_trained_checkpoint_loads_and_differs_from_base(uninterrupted: Path) -> None:
    before = dict(load_model("tiny")[0].named_parameters())
    after = dict(load_model(uninterrupted)[0].named_parameters())
    assert before.keys() == after.keys()
    assert not torch.equal(before["lm_head.weight"], after["lm_head.weight"])


def test_killed_run_resumes_to_same_bits(catalog: Path, uninterrupted: Path, tmp_path: Path) -> None:
    """Kill -9 in the second step after the second checkpoint, then run the same command again."""
    run = tmp_path / "run.yaml"
    document = {
        "mix": [{"data": str(catalog)}],
        "max_steps": 10,
        "method": "full",
        "batch_size": 6,
        "optimiser": {"learning_rate": 2e-3, "warmup_steps": 2},
        "checkpoint_every": 3,
    }
    run.write_text(yaml.safe_dump(document))
    out = tmp_path / "out"
    killer = (
        "import os, signal, finetune.train as t\n"
        "rate = t.learning_rate\n"
        "def last(optimiser, step, num_steps):\n"
        "    if step == 8: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return rate(optimiser, step, num_steps)\n"
        "t.learning_rate = last\n"
        f"import torch; torch.set_num_threads({torch.get_num_threads()})\n"
        f"from toile.cli import main; main(['train', {str(run)!r}, '--out', {str(out)!r}, '--device', 'cpu'])"
    )
    killed = subprocess.run([sys.executable, "-c", killer], check=False, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not load_run(out / "run.json").finished
    assert [path.name for path in (out / "resume").iterdir()] == ["step-00000006.pt"]
    record, trained = train(spec_for(catalog), out, device="cpu")
    assert trained
    assert losses(out) == losses(uninterrupted)
    first, second = (load_file(folder / "model.safetensors") for folder in (out, uninterrupted))
    assert all(torch.equal(first[name], second[name]) for name in second)
    assert record.last_loss == load_run(uninterrupted / "run.json").last_loss


def test_finished_run_is_not_repeated_and_another_spec_is_refused(catalog: Path, uninterrupted: Path) -> None:
    stamp = (uninterrupted / "model.safetensors").stat().st_mtime_ns
    record, trained = train(spec_for(catalog), uninterrupted, device="cpu")
    assert not trained
    assert record.finished
    with pytest.raises(ToileError, match="another spec"):
        train(spec_for(catalog, seed=5), uninterrupted, device="cpu")
    assert (uninterrupted / "model.safetensors").stat().st_mtime_ns == stamp


def test_foreign_output_folder_is_refused(catalog: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(ToileError, match="not made by toile"):
        train(spec_for(catalog), tmp_path, device="cpu", force=True)
    assert (tmp_path / "letter.txt").read_text() == "dear"


def test_force_replaces_only_run_files(catalog: Path, tmp_path: Path) -> None:
    train(spec_for(catalog, max_steps=1), tmp_path / "out", device="cpu")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    train(spec_for(catalog, max_steps=2), tmp_path / "out", device="cpu", force=True)
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"
    assert len(losses(tmp_path / "out")) == 2


def test_run_without_checkpoint_may_change_spec(catalog: Path, tmp_path: Path) -> None:
    with pytest.raises(ToileError):
        train(spec_for(catalog, model=str(tmp_path / "nothing")), tmp_path / "out", device="cpu")
    assert train(spec_for(catalog, max_steps=1), tmp_path / "out", device="cpu")[1]


def test_load_model_refuses_unfinished_run(uninterrupted: Path, tmp_path: Path) -> None:
    shutil.copytree(uninterrupted, tmp_path / "copy")
    run = tmp_path / "copy" / "run.json"
    run.write_text(run.read_text().replace('"finished": true', '"finished": false'))
    with pytest.raises(ToileError, match="unfinished"):
        load_model(tmp_path / "copy")


def test_broken_image_error_keeps_hint_across_loader_processes(catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, processor = load_model("tiny")
    source = open_source(catalog, "train")
    assert isinstance(source, ShardSource)
    table = source.table
    broken = pa.array([{"bytes": b"x", "path": "x.jpg"}] * table.num_rows, table.schema.field("image").type)
    spoiled = dataclasses.replace(
        source, table=table.set_column(table.schema.get_field_index("image"), "image", broken)
    )
    for num_loaders in (0, 1):
        with pytest.raises(ToileError, match="has an image that is broken"):
            list(step_batches(spec_for(catalog), [spoiled], processor, 0, num_loaders, ALONE))


def test_lora_trains_only_adapters_and_loads_on_base(catalog: Path, tmp_path: Path) -> None:
    spec = spec_for(catalog, method="lora", max_steps=3, lora=LoraSpec(rank=4), seed=2)
    train(spec, tmp_path / "adapter", device="cpu")
    names = set(load_file(tmp_path / "adapter" / "adapter_model.safetensors"))
    assert names
    assert all("lora_" in name for name in names)
    assert not any("img_processor" in name for name in names)
    model, _ = load_model("tiny", adapter=tmp_path / "adapter")
    base, _ = load_model("tiny", seed=2)
    inner = dict(model.get_base_model().named_parameters())
    assert torch.equal(inner["lm_head.weight"], base.lm_head.weight)
    moved = [p for name, p in model.named_parameters() if "lora_B" in name]
    assert any(p.abs().sum() > 0 for p in moved)
    with pytest.raises(ToileError) as caught:
        load_model(tmp_path / "elsewhere", adapter=tmp_path / "adapter")
    assert "--model tiny" in caught.value.hint


def test_unknown_lora_target_lists_valid_names(catalog: Path, tmp_path: Path) -> None:
    spec = spec_for(catalog, method="lora", lora=LoraSpec(targets=("query_proj",)))
    with pytest.raises(ToileError) as caught:
        train(spec, tmp_path / "out", device="cpu")
    assert "query_proj" in caught.value.problem
    assert "qkv_proj" in caught.value.hint


def test_non_finite_loss_stops_before_update(catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = load_trainable

    def nan_model(*arguments: Any) -> Any:
        model, masters, processor = real(*arguments)
        with torch.no_grad():
            model.lm_head.weight[0, 0] = float("nan")
        return model, masters, processor

    monkeypatch.setattr(finetune.train, "load_trainable", nan_model)
    with pytest.raises(ToileError) as caught:
        train(spec_for(catalog), tmp_path / "out", device="cpu")
    assert caught.value.where == "step 1"
    assert "learning_rate" in caught.value.hint
    assert not load_run(tmp_path / "out" / "run.json").finished


def test_checkpoint_restores_and_reports_damage(catalog: Path, tmp_path: Path) -> None:
    spec = spec_for(catalog)
    _, masters, _ = load_trainable(spec, ALONE)
    optimizer = make_optimizer(masters, spec.optimiser)
    states = Checkpointer(out=tmp_path, masters=masters, optimizer=optimizer, ranks=ALONE, sharded=False)
    assert states.load() == Progress()
    reached = Progress(step=4, losses=[2.0, 1.5, 1.0, 0.5], best_loss=0.7, best_step=2, since_best=1)
    states.save(dataclasses.replace(reached, step=3))
    states.save(reached)
    assert [path.name for path in (tmp_path / "resume").iterdir()] == ["step-00000004.pt"]
    assert states.load() == reached
    path = tmp_path / "resume" / "step-00000004.pt"
    for damaged in (path.read_bytes()[:5000], b"no archive at all"):
        path.write_bytes(damaged)
        with pytest.raises(ToileError, match="is damaged"):
            states.load()


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_learning_rate_warms_up_and_decays(schedule: str) -> None:
    optimiser = OptimiserSpec(learning_rate=0.1, warmup_steps=10, schedule=schedule)
    rates = [learning_rate(optimiser, step, 100) for step in range(1, 101)]
    assert rates[0] == pytest.approx(0.01)
    assert rates[9] == rates[10] == pytest.approx(0.1)
    if schedule == "constant":
        assert set(rates[9:]) == {0.1}
    else:
        assert all(a > b for a, b in itertools.pairwise(rates[10:]))
        assert rates[55] == pytest.approx(0.05, abs=0.001)
        assert 0 < rates[-1] < 0.003


def test_mix_trains_on_both_folders(catalog: Path, tmp_path: Path, demo_document: dict[str, Any]) -> None:
    from generator.catalog.shards import GenerateInputs, write_shards

    inputs = GenerateInputs(spec_document=demo_document, seed=8, start=0, num_products=40, image_size=48)
    write_shards(inputs, tmp_path / "second")
    mixture = (MixSource(data=str(catalog), weight=3), MixSource(data=str(tmp_path / "second"), weight=1))
    record, _ = train(spec_for(catalog, mix=mixture, max_steps=2), tmp_path / "out", device="cpu")
    assert set(record.num_examples) == {str(catalog), str(tmp_path / "second")}
    assert [entry["weight"] for entry in record.inputs["data"]] == [3, 1]


def test_loader_processes_give_same_batches(catalog: Path) -> None:
    spec = spec_for(catalog, max_steps=2)
    sources = [open_source(catalog, "train")]
    _, processor = load_model("tiny")
    here = [batch for step in step_batches(spec, sources, processor, 0, 0, ALONE) for batch in step]
    there = [batch for step in step_batches(spec, sources, processor, 0, 2, ALONE) for batch in step]
    assert all(torch.equal(a[name], b[name]) for a, b in zip(here, there, strict=True) for name in a)


def test_train_command_resumes_with_run_file_and_flags(catalog: Path, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from toile.cli import main

    run = tmp_path / "run.yaml"
    run.write_text("mix: [{data: nowhere}]\nmax_steps: 50\nmethod: full\nbatch_size: 4\n")
    command = ["train", str(run), "--out", str(tmp_path / "out"), "--max-steps", "2", "--device", "cpu"]
    missing = CliRunner().invoke(main, command)
    assert missing.exit_code == 1
    assert f"{tmp_path}/nowhere" in missing.output
    unweighted = CliRunner().invoke(main, [*command, "--mix", str(catalog)])
    assert unweighted.exit_code == 1
    assert "DIR=WEIGHT" in unweighted.output
    done = CliRunner().invoke(main, [*command, "--mix", f"{catalog}=1"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "2 steps" in done.stderr
    again = CliRunner().invoke(main, [*command, "--mix", f"{catalog}=1", "--resume"], catch_exceptions=False)
    assert "nothing to do" in again.stderr
    run.write_text(f"mix: [{{data: {catalog}}}]\nmax_steps: 2\nmethod: full\nbatch_size: 4\n")
    record, trained = train(str(run), str(tmp_path / "out"), device="cpu")
    assert (record.num_steps, trained) == (2, False), "the function reads the same run file as the command"
