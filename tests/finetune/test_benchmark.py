"""The load test of training: its arithmetic, its exclusions, and that it times the steps of a real run."""

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

import finetune.benchmark
import finetune.optimizer
from benchmarks.peer import NUM_WARMUP, PROGRAMS, make_spec, run_program
from finetune.benchmark import (
    SYNTHETIC,
    StepTiming,
    Throughput,
    load_for_training,
    make_synthetic_source,
    measure_matmul_peak,
    measure_throughput,
    open_sources,
    override_spec,
    parse_image_size,
    run_timed_steps,
    summarize,
)
from finetune.distributed import Ranks
from finetune.flops import RowShape, useful_flops
from finetune.optimizer import backward
from finetune.phi3v.tiny import tiny_config, tiny_processor
from finetune.train import train
from schemas.answer import render
from schemas.errors import ToileError
from schemas.training import MixSource, SpeedSpec, TrainingSpec
from toile.cli import main

CPU = Ranks(device="cpu")
ROW = RowShape(grid=(1, 2), num_tokens=100, num_supervised=30)
IMAGE_TOKENS = (2 + 1) * 16 + 1 + (1 + 1) * 4
SMALL = TrainingSpec(mix=(MixSource(data=SYNTHETIC),), max_steps=1, batch_size=2)


def measured(spec: TrainingSpec = SMALL, **choices: Any) -> Throughput:
    options: dict[str, Any] = {"image_px": (64, 64), "num_steps": 3, "num_warmup": 1, "peak_tflops": 0.1}
    return measure_throughput(spec, device="cpu", **{**options, **choices})


def summary(timings: list[StepTiming], spec: TrainingSpec = SMALL, num_warmup: int = 0) -> Throughput:
    spec = dataclasses.replace(spec, num_crops=2)
    return summarize(
        spec,
        tiny_config(),
        timings,
        num_warmup=num_warmup,
        peak_tflops=0.5,
        memory=(1.5, "process"),
        ranks=CPU,
        settings={},
    )


def test_rates_use_median_step_seconds() -> None:
    shorter = dataclasses.replace(ROW, num_tokens=80)
    timings = [
        StepTiming(seconds=seconds, waited=waited, loss=loss, micro_batches=[[ROW, shorter], [ROW]])
        for seconds, waited, loss in ((2.0, 0.5, 7.0), (9.0, 0.0, 6.0), (1.0, 0.25, 5.0))
    ]
    found = summary(timings)
    assert found.samples_per_second == 3 / 2
    assert found.picture_tokens_per_second == 3 * IMAGE_TOKENS / 2
    assert found.text_tokens_per_second == (100 + 80 + 100 - 3 * IMAGE_TOKENS) / 2
    useful = useful_flops(tiny_config(), SMALL, [ROW, shorter, ROW]).total / 1e12
    assert found.tflops == pytest.approx(useful / 2)
    assert found.share_of_peak == pytest.approx(useful / 2 / 0.5)
    assert found.useful_tflop_per_sample == pytest.approx(useful / 3)
    assert found.executed_tflops > found.tflops
    assert found.waiting_share == pytest.approx(0.75 / 12)
    assert found.padding_share == pytest.approx(20 / 300)
    steps = found.step_seconds
    assert (steps.shortest, steps.lower_quartile, steps.median, steps.upper_quartile, steps.longest) == (
        1.0, 1.5, 2.0, 5.5, 9.0,
    )  # fmt: skip
    assert (found.num_steps, found.last_loss, found.memory_gb, found.memory_of) == (3, 5.0, 1.5, "process")


def test_compiled_lengths_count_as_padding() -> None:
    timing = StepTiming(seconds=1.0, waited=0.0, loss=1.0, micro_batches=[[ROW]])
    compiled = dataclasses.replace(SMALL, speed=SpeedSpec(compile=True))
    assert summary([timing]).padding_share == 0
    assert summary([timing], compiled).padding_share == pytest.approx(1 - 100 / 112)


def test_warmup_is_excluded_from_figures() -> None:
    slow = StepTiming(seconds=100.0, waited=90.0, loss=9.0, micro_batches=[[ROW] * 7])
    quick = StepTiming(seconds=1.0, waited=0.0, loss=1.0, micro_batches=[[ROW]])
    with_warmup, without = summary([slow, slow, quick, quick], num_warmup=2), summary([quick, quick])
    assert with_warmup.warmup_seconds == 200.0
    assert dataclasses.replace(with_warmup, warmup_seconds=0.0, num_warmup_steps=0) == without


def test_slow_first_step_counts_as_warmup(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]

    def slow_at_first(*args: Any) -> Any:
        clock[0] += 100.0 if clock[0] == 0 else 2.0
        return backward(*args)

    monkeypatch.setattr(finetune.optimizer, "backward", slow_at_first)
    found = measured(clock=lambda: clock[0])
    assert (found.warmup_seconds, found.num_warmup_steps) == (100.0, 1)
    assert (found.step_seconds.shortest, found.step_seconds.longest, found.num_steps) == (2.0, 2.0, 3)
    assert found.samples_per_second == SMALL.batch_size / 2.0


def test_caller_time_between_steps_is_not_measured() -> None:
    clock = [0.0]

    def ticking() -> float:
        clock[0] += 1
        return clock[0]

    spec = dataclasses.replace(SMALL, max_steps=3)
    seconds = []
    for timing in run_timed_steps(spec, load_for_training(spec, CPU), open_sources(spec, (64, 64)), CPU, 0, ticking):
        seconds.append(timing.seconds)
        clock[0] += 1000
    assert seconds == [1.0, 1.0, 1.0]


def test_waiting_for_data_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_synthetic_source(64, 64)
    plain = type(source).example

    def slow(self: Any, row: int) -> Any:
        time.sleep(0.1)
        return plain(self, row)

    monkeypatch.setattr(type(source), "example", slow)
    timings: list[StepTiming] = []
    found = measured(report=timings.append)
    assert all(timing.waited >= 0.2 for timing in timings)
    assert found.step_seconds.shortest >= 0.2  # also that of the last step, which fetches for one that never comes
    assert found.waiting_share == pytest.approx(
        sum(timing.waited for timing in timings[1:]) / sum(timing.seconds for timing in timings[1:])
    )


def test_measured_steps_equal_training_run(tmp_path: Path, catalog: Path) -> None:
    spec = TrainingSpec(mix=(MixSource(data=str(catalog)),), max_steps=5, batch_size=5, micro_batch_size=2)
    train(spec, tmp_path / "run", device="cpu", num_loaders=0)
    trained = [json.loads(line)["loss"] for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    timings: list[StepTiming] = []
    measured(spec, image_px=None, num_steps=3, num_warmup=1, report=timings.append)
    assert [timing.loss for timing in timings] == trained[:4]
    assert [[len(rows) for rows in timing.micro_batches] for timing in timings] == [[2, 2, 1]] * 4


def test_image_size_crops_and_batch_size_set_shapes() -> None:
    timings: list[StepTiming] = []
    spec = dataclasses.replace(SMALL, batch_size=3, num_crops=4)
    found = measured(spec, image_px=(200, 100), report=timings.append, num_loaders=1)
    rows = [row for rows in timings[-1].micro_batches for row in rows]
    assert {row.grid for row in rows} == {(1, 2)}
    assert len(rows) == 3
    assert found.settings["picture_px"] == (200, 100)
    assert found.settings["num_crops"] == 4
    assert found.picture_tokens_per_second * found.step_seconds.median == pytest.approx(3 * IMAGE_TOKENS)


def test_full_size_model_has_published_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finetune.benchmark, "full_size_config", tiny_config)  # the published ones take 16 GB
    for method in ("full", "lora"):
        found = measured(dataclasses.replace(SMALL, model="full-size", method=method, seed=4), num_steps=1)
        assert found.settings["num_crops"] == 4
        assert found.last_loss == pytest.approx(7.6, abs=0.3)  # ln(2048): nothing learned


def test_synthetic_rows_resemble_shop_rows() -> None:
    source, again = make_synthetic_source(100, 60, seed=3), make_synthetic_source(100, 60, seed=3)
    first = source.example(5)
    assert first.image.size == (100, 60)
    assert first.image.tobytes() == again.example(5).image.tobytes()
    assert source.content_sha256 == again.content_sha256 != make_synthetic_source(100, 60, seed=4).content_sha256
    assert source.jpegs[0][:2] == b"\xff\xd8"
    processor = tiny_processor()
    lengths = [
        len(processor.encode_plain(render(row.title, row.category, row.full_price)))
        for row in map(source.example, range(50))
    ]
    assert 15 <= min(lengths) <= max(lengths) <= 60


def test_matmul_peak_is_fastest_product() -> None:
    small, both = (max(measure_matmul_peak("cpu", torch.float32, sizes) for _ in range(3)) for sizes in ([8], [8, 256]))
    assert 0 < small < both


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(main, ["--quiet", "throughput", *arguments])


SHORT = ("--device", "cpu", "--batch-size", "2", "--steps", "2", "--warmup", "1")
SMALL_IMAGES = ("--picture-size", "64")


def test_throughput_json_has_all_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finetune.benchmark, "measure_matmul_peak", lambda device, dtype: 0.25)
    options = (
        "--rank",
        "3",
        "--seed",
        "7",
        "--without",
        "real_tiles",
        "--with",
        "checkpointing",
        "--dtype",
        "bfloat16",
    )
    result = invoke(*SHORT, *SMALL_IMAGES, "--json", *options)
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert list(document) == [field.name for field in dataclasses.fields(Throughput)]
    settings = document["settings"]
    assert (settings["lora"]["rank"], settings["seed"], settings["dtype"], settings["batch_size"]) == (
        3, 7, "bfloat16", 2,
    )  # fmt: skip
    assert settings["speed"]["checkpointing"]
    assert not settings["speed"]["real_tiles"]
    assert document["samples_per_second"] == pytest.approx(2 / document["step_seconds"]["median"])


def test_throughput_uses_run_file(tmp_path: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finetune.benchmark, "measure_matmul_peak", lambda device, dtype: 0.25)
    run = tmp_path / "run.yaml"
    run.write_text(f"mix: [{{data: {catalog}}}]\nmax_steps: 500\nmodel: tiny\nmethod: full\nseed: 2\n")
    result = invoke(str(run), *SHORT)
    assert result.exit_code == 0, result.output
    assert "samples/s" in result.stdout
    assert "2 steps, after 1" in result.stdout
    document = json.loads(invoke(str(run), *SHORT, "--json").stdout)
    assert document["settings"]["method"] == "full"
    assert document["settings"]["mix"][0]["data"] == str(catalog)
    assert document["settings"]["picture_px"] is None


def test_folder_named_synthetic_is_data(tmp_path: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finetune.benchmark, "measure_matmul_peak", lambda device, dtype: 0.25)
    monkeypatch.chdir(tmp_path)
    (tmp_path / SYNTHETIC).symlink_to(catalog)
    (tmp_path / "run.yaml").write_text(f"mix: [{{data: {SYNTHETIC}}}]\nmax_steps: 500\nmodel: tiny\n")
    found = json.loads(invoke("run.yaml", *SHORT, "--json").stdout)
    own = json.loads(invoke(*SHORT, *SMALL_IMAGES, "--json").stdout)
    assert found["settings"]["mix"] == own["settings"]["mix"]
    assert found["last_loss"] != own["last_loss"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--picture-size", "12y4"), "--picture-size 12y4: is not a size"),
        (("--picture-size", "9x900"), "image size: is 9x900 px"),
        (("--with", "magic"), "--with magic: is not a speed switch"),
        (("--without", "compile", "--with", "compile"), "--with compile: is also --without"),
        (("--device", "gpu5"), "device gpu5: cannot be used"),
        (("missing.yaml",), "missing.yaml"),
        (("run.yaml", "--picture-size", "64"), "--picture-size: has no effect with run.yaml"),
    ],
)
def test_throughput_faults_have_a_hint(arguments: tuple[str, ...], message: str) -> None:
    result = invoke(*SHORT, *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert "hint:" in result.stderr
    assert "Traceback" not in result.stderr


def test_unknown_switch_lists_all_names() -> None:
    with pytest.raises(ToileError) as fault:
        override_spec(None, on=(), off=("magic",))
    assert all(field.name in fault.value.hint for field in dataclasses.fields(SpeedSpec))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_missing_gpu_is_reported() -> None:
    result = invoke(*SHORT, "--device", "cuda")
    assert result.exit_code == 1
    assert "device cuda: cannot be used" in result.stderr


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        MemoryError(),
    ],
)
def test_out_of_memory_has_a_hint(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> Any:
        raise error

    monkeypatch.setattr(finetune.optimizer, "backward", full)
    with pytest.raises(ToileError, match="too little memory for 2 examples") as fault:
        measured()
    assert "--micro-batch-size" in fault.value.hint


def test_other_errors_are_not_out_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any) -> Any:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(finetune.optimizer, "backward", broken)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        measured()


@pytest.mark.parametrize(("text", "size"), [("672", (672, 672)), ("800x600", (800, 600)), ("1X2", (1, 2))])
def test_parse_image_size(text: str, size: tuple[int, int]) -> None:
    assert parse_image_size(text) == size


@pytest.mark.parametrize("text", ["", "x", "1x2x3", "-5", "1.5", "12x"])
def test_parse_image_size_refuses_other_text(text: str) -> None:
    with pytest.raises(ToileError, match="is not a size"):
        parse_image_size(text)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_trainer_of_transformers_has_the_same_losses() -> None:
    spec = make_spec("tiny", NUM_WARMUP + 2, batch_size=2, num_crops=1)
    ours, *others = (run_program(program, spec) for program in PROGRAMS)
    for other in others:
        assert other.losses == pytest.approx(ours.losses, abs=1e-4)
        assert len(other.step_seconds) == 2
    assert len(ours.losses) == NUM_WARMUP + 2
    assert ours.losses[-1] < ours.losses[0], "the programs learn"
