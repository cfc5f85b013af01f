"""`toile evaluate`, `toile compare` and `toile report` as a user meets them."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

import evaluation
import finetune
from evaluation.analysis.contamination import IN_SEEN
from evaluation.models import phi3v as phi3v_backend
from finetune.run_dir import write_seen
from schemas.errors import ToileError
from schemas.product import Product
from schemas.result import read_comparison, read_result
from tests.helpers.shard_fixture import TableModel, in_split, products, table_model, write_shards
from toile.cli import main

pytestmark = pytest.mark.usefixtures("few_resamples")


@pytest.fixture
def rows() -> list[Product]:
    """Twelve test rows and eighteen train rows of other families."""
    train = [dataclasses.replace(row, family=f"other-{row.family}") for row in products(30)[12:]]
    return [*in_split(products(12)), *in_split(train, "train")]


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch, rows: list[Product]) -> list[dict[str, Any]]:
    """`finetune.load_model` replaced by a perfect reader; what it was called with."""
    calls: list[dict[str, Any]] = []

    def load_model(name: str, **settings: Any) -> tuple[TableModel, None]:
        calls.append({"name": name, **settings})
        perfect = settings["adapter"] or name == "perfect"
        return table_model(rows) if perfect else table_model(rows, lambda _: "?"), None

    monkeypatch.setattr(finetune, "load_model", load_model, raising=False)
    monkeypatch.setattr("finetune.phi3v.loading.check_name", lambda name: None)
    monkeypatch.setattr(phi3v_backend, "Phi3VisionBackend", lambda model, processor, max_new_tokens: model)
    return calls


@pytest.fixture
def data(tmp_path: Path, rows: list[Product]) -> Path:
    return write_shards(tmp_path / "data", rows)


def toile(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_evaluate_writes_its_folder_and_ends_with_one_line_of_json(
    tmp_path: Path, data: Path, loaded: list[dict[str, Any]]
) -> None:
    shown = toile("evaluate", "--model", "perfect", "--data", data, "--out", tmp_path / "out", "--device", "cpu")
    assert shown.exit_code == 0, shown.output
    summary = json.loads(shown.stdout.splitlines()[-1])
    assert summary["joint"][0] == 1.0
    assert summary["n"] == 12
    assert "category" in shown.stdout
    assert "12 products evaluated, 0 skipped" in shown.stderr
    assert "0 of 8 answers change at batch size 1" in shown.stderr
    assert " rows/s" in shown.stderr
    asked = [{key: value for key, value in call.items() if key != "say"} for call in loaded]
    assert asked == [{"name": "perfect", "dtype": torch.float32, "device": "cpu", "adapter": None}]
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["inputs.json", "noise.jsonl", "predictions.jsonl", "report.html", "result.json"]
    assert "too few product families" in read_result(tmp_path / "out").verdict


def test_finished_run_is_read_back_without_loading_the_model(
    tmp_path: Path, data: Path, loaded: list[dict[str, Any]]
) -> None:
    command = ["evaluate", "--model", "base", "--data", data, "--out", tmp_path / "out"]
    first = toile(*command)
    before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    again = toile(*command, "--batch-size", 3)
    assert (again.exit_code, len(loaded)) == (0, 1)
    assert "already there and finished, nothing to do" in again.stderr
    assert again.stdout == first.stdout
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_an_unfinished_folder_continues(tmp_path: Path, data: Path, loaded: list[dict[str, Any]]) -> None:
    out = tmp_path / "out"
    command = ["evaluate", "--model", "perfect", "--data", data, "--out", out]
    toile(*command)
    whole = (out / "predictions.jsonl").read_bytes()
    result = json.loads((out / "result.json").read_text())
    (out / "result.json").unlink()
    (out / "predictions.jsonl").write_bytes(whole[: len(whole) // 2])
    assert toile(*command).exit_code == 0
    assert (out / "predictions.jsonl").read_bytes() == whole
    again = json.loads((out / "result.json").read_text())
    assert {**again, "seconds": 0, "throughput": 0} == {**result, "seconds": 0, "throughput": 0}


@pytest.mark.parametrize(
    ("change", "named"),
    [(["--model", "other"], "model"), (["--limit", "5"], "limit"), (["--split", "train"], "split")],
)
def test_another_run_is_refused_unless_forced(
    tmp_path: Path, data: Path, loaded: list[dict[str, Any]], change: list[str], named: str
) -> None:
    command = ["evaluate", "--model", "perfect", "--data", data, "--out", tmp_path / "out"]
    toile(*command)
    refused = toile(*command, *change)
    assert refused.exit_code == 1
    assert f"holds an evaluation with another {named}" in refused.stderr
    assert "--force" in refused.stderr
    assert toile(*command, *change, "--force").exit_code == 0


def test_other_data_under_the_same_name_is_refused(
    tmp_path: Path, data: Path, rows: list[Product], loaded: list[dict[str, Any]]
) -> None:
    command = ["evaluate", "--model", "perfect", "--data", data, "--out", tmp_path / "out"]
    toile(*command)
    write_shards(data, [dataclasses.replace(row, title="another") for row in rows])
    assert "holds an evaluation with another data" in toile(*command).stderr


def test_a_retrained_adapter_is_another_run(tmp_path: Path, data: Path, loaded: list[dict[str, Any]]) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    (adapter / "adapter_model.safetensors").write_bytes(b"1")
    command = ["evaluate", "--model", "base", "--adapter", adapter, "--data", data, "--out", tmp_path / "out"]
    assert toile(*command).exit_code == 0
    assert loaded[0]["adapter"] == adapter
    (adapter / "run.json").write_text("{}")
    assert "already there" in toile(*command).stderr, "logs next to the weights do not matter"
    (adapter / "adapter_model.safetensors").write_bytes(b"2")
    assert "with another adapter" in toile(*command).stderr


def test_a_model_folder_is_known_by_its_weights(tmp_path: Path, data: Path, loaded: list[dict[str, Any]]) -> None:
    model = tmp_path / "model"
    model.mkdir()
    command = ["evaluate", "--data", data, "--out", tmp_path / "out", "--model"]
    assert "holds no weights" in toile(*command, model).stderr
    (model / "model.safetensors").write_bytes(b"1")
    assert toile(*command, model).exit_code == 0
    moved = model.rename(tmp_path / "moved")
    assert "already there" in toile(*command, moved).stderr
    (moved / "model.safetensors").write_bytes(b"2")
    assert "with another model" in toile(*command, moved).stderr


def test_what_a_kill_left_of_a_file_is_no_obstacle(tmp_path: Path, data: Path, loaded: list[dict[str, Any]]) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "inputs.json.part").write_text("{")
    assert toile("evaluate", "--model", "perfect", "--data", data, "--out", out).exit_code == 0
    assert not list(out.glob("*.part"))


def test_foreign_files_in_out_are_refused(tmp_path: Path, data: Path, loaded: list[dict[str, Any]]) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.doc").write_text("years of work")
    for force in ([], ["--force"]):
        shown = toile("evaluate", "--model", "perfect", "--data", data, "--out", out, *force)
        assert shown.exit_code == 1
        assert "contains other files: thesis.doc" in shown.stderr
    assert [path.name for path in out.iterdir()] == ["thesis.doc"]


def test_a_split_without_usable_rows_is_an_error(tmp_path: Path, data: Path, loaded: list[dict[str, Any]]) -> None:
    shown = toile("evaluate", "--model", "x", "--data", data, "--out", tmp_path / "out", "--split", "validation")
    assert shown.exit_code == 1
    assert "no row of the validation split can be evaluated: 0 rows, 0 skipped" in shown.stderr
    assert loaded == []


def test_a_device_that_is_not_there_is_refused_at_once(tmp_path: Path, data: Path) -> None:
    shown = toile("evaluate", "--model", "tiny", "--data", data, "--out", tmp_path / "out", "--device", "tpu")
    assert shown.exit_code == 1
    assert "unknown device 'tpu'" in shown.stderr
    assert not (tmp_path / "out").exists()


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """Write a model folder like that of `toile train`, trained on other rows."""
    return trained(tmp_path / "adapter", products(60)[30:])


def trained(folder: Path, rows: Sequence[Product]) -> Path:
    """A folder with weights of no meaning and the list of rows that they were trained on."""
    folder.mkdir()
    (folder / "adapter_config.json").write_text("{}")
    (folder / "adapter_model.safetensors").write_bytes(b"1")
    write_seen(
        folder,
        [
            {
                "product_code": row.product_code,
                "family": row.family,
                "picture_sha256": hashlib.sha256(row.image or b"").hexdigest(),
            }
            for row in rows
        ],
    )
    return folder


@pytest.mark.parametrize("as_adapter", [True, False])
def test_rows_that_a_model_was_trained_on_are_refused_before_it_is_loaded(
    tmp_path: Path, data: Path, rows: list[Product], loaded: list[dict[str, Any]], as_adapter: bool
) -> None:
    folder = trained(tmp_path / "trained", [*rows[:3], *products(60)[30:]])
    if not as_adapter:
        (folder / "adapter_config.json").rename(folder / "config.json")
    model = ["--model", "base", "--adapter", folder] if as_adapter else ["--model", folder]
    command = ["evaluate", *model, "--data", data, "--out", tmp_path / "out"]
    refused = toile(*command)
    assert refused.exit_code == 1
    families = {row.family for row in rows[:3]}
    by_family = sum(row.family in families for row in rows[:12])
    assert f"{folder}: was trained on {by_family} of the 12 rows to evaluate" in refused.stderr
    assert f"(3 by code, {by_family} by family, 3 by image)" in refused.stderr
    assert "--allow-seen" in refused.stderr
    assert loaded == []

    shown = toile(*command, "--allow-seen")
    assert shown.exit_code == 0, shown.output
    result = read_result(tmp_path / "out")
    assert set(result.touched) == {row.product_code for row in rows[:12] if row.family in families}
    assert any(f"was trained on {by_family} of the 12 rows (--allow-seen)" in note for note in result.notes)
    sizes = {score.rows: score.n for score in result.scores if score.metric == "joint" and score.category is None}
    assert sizes == {"all": 12, "inferable": 12, "touched": by_family, "clean": 12 - by_family}
    lines = [json.loads(line) for line in (tmp_path / "out" / "leaks.jsonl").read_text().splitlines()]
    source = "adapter" if as_adapter else "model"
    assert {line["product_code"] for line in lines if (line["source"], line["kind"]) == (source, "code")} == {
        row.product_code for row in rows[:3]
    }
    assert toile(*command).exit_code == 1, "a finished folder is no way around"
    assert toile(*command, "--allow-seen").exit_code == 0


def test_an_adapter_of_other_rows_is_welcome_and_nothing_is_touched(
    tmp_path: Path, data: Path, loaded: list[dict[str, Any]], adapter: Path
) -> None:
    shown = toile("evaluate", "--model", "base", "--adapter", adapter, "--data", data, "--out", tmp_path / "out")
    assert shown.exit_code == 0, shown.output
    result = read_result(tmp_path / "out")
    assert result.touched == ()
    assert {score.rows for score in result.scores} == {"all", "inferable"}
    assert {(leak.source, leak.kind): leak.rows for leak in result.leaks if leak.source == "adapter"} == {
        ("adapter", kind): 0 for kind in IN_SEEN
    }


def test_an_adapter_that_does_not_say_what_it_has_seen_is_noted(
    tmp_path: Path, data: Path, loaded: list[dict[str, Any]], adapter: Path
) -> None:
    (adapter / "seen.parquet").unlink()
    toile("evaluate", "--model", "base", "--adapter", adapter, "--data", data, "--out", tmp_path / "out")
    notes = read_result(tmp_path / "out").notes
    assert f"{adapter} does not say which rows it was trained on" in notes


@pytest.mark.parametrize(
    ("floor", "value", "code"), [("joint=1", 1.0, 0), ("joint=0.999", 1.0, 0), ("joint=1.01", 1.0, 1)]
)
def test_a_floor_decides_the_exit_code(
    tmp_path: Path, data: Path, loaded: list[dict[str, Any]], floor: str, value: float, code: int
) -> None:
    command = ["evaluate", "--model", "perfect", "--data", data, "--out", tmp_path / "out"]
    shown = toile(*command, "--fail-under", floor, "--fail-under", "category=0.5")
    assert shown.exit_code == code
    assert json.loads(shown.stdout.splitlines()[-1])["joint"][0] == value, "the result is shown all the same"
    assert ("joint is 1.0 on 12 rows, below 1.01" in shown.stderr) == bool(code)
    assert toile(*command).exit_code == 0
    assert toile(*command, "--fail-under", floor).exit_code == code, "of a finished run too"


def test_a_floor_holds_on_all_rows(tmp_path: Path, rows: list[Product], loaded: list[dict[str, Any]]) -> None:
    """The headline of the table is about inferable rows; a gate is about everything."""
    changed = [dataclasses.replace(row, inferable=place % 2 == 0) for place, row in enumerate(rows)]
    data = write_shards(tmp_path / "data", changed)
    shown = toile(
        *("evaluate", "--model", "base", "--data", data, "--out", tmp_path / "out"),
        *("--fail-under", "joint=0.1", "--fail-under", "parsed=0.2"),
    )
    assert "joint is 0.0 on 12 rows, below 0.1; parsed is 0.0 on 12 rows, below 0.2" in shown.stderr


@pytest.mark.parametrize(
    ("floor", "code", "problem"),
    [
        ("jiont=0.4", 1, "has no figure 'jiont'"),
        ("joint", 2, "'joint' is not METRIC=VALUE"),
        ("joint=much", 2, "'joint=much' is not METRIC=VALUE"),
    ],
)
def test_a_floor_that_means_nothing_is_refused_at_once(
    tmp_path: Path, data: Path, loaded: list[dict[str, Any]], floor: str, code: int, problem: str
) -> None:
    command = ["evaluate", "--model", "perfect", "--data", data, "--out", tmp_path / "out"]
    shown = toile(*command, "--fail-under", floor)
    assert (shown.exit_code, loaded) == (code, [])
    assert problem in shown.stderr
    assert code == 2 or "did you mean 'joint'?" in shown.stderr


def test_protocols_and_controls_are_what_was_asked_for(
    tmp_path: Path, data: Path, loaded: list[dict[str, Any]]
) -> None:
    words = ["--protocol", "instructed", "--protocol", "generate", "--control", "shuffled_in_category"]
    command = ["evaluate", "--model", "perfect", "--data", data, "--out", tmp_path / "out"]
    shown = toile(*command, *words, "--no-noise-check")
    assert shown.exit_code == 0, shown.output
    spec = read_result(tmp_path / "out").inputs.spec
    assert (spec.protocols, spec.controls) == (("instructed", "generate"), ("shuffled_in_category",))
    assert json.loads(shown.stdout.splitlines()[-1])["joint"][0] == 1.0
    none = toile(*command, "--control", "none", "--force")
    assert none.exit_code == 0
    assert read_result(tmp_path / "out").inputs.spec.controls == ()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--protocol", "generate", "--protocol", "generate"], "--protocol names generate twice"),
        (["--control", "blank", "--control", "none"], "--control none cannot be combined"),
        (["--control", "blank", "--control", "blank"], "--control names blank twice"),
        (["--url", "http://host/v1"], "--url means nothing with --backend local"),
        (["--api-key-env", "KEY"], "--api-key-env means nothing with --backend local"),
        (["--backend", "openai"], "--backend openai needs --url"),
        (["--backend", "openai", "--url", "http://host/v1", "--device", "cpu"], "--device means nothing"),
    ],
)
def test_options_that_contradict_each_other_are_a_usage_error(
    tmp_path: Path, data: Path, loaded: list[dict[str, Any]], words: list[str], problem: str
) -> None:
    shown = toile("evaluate", "--model", "perfect", "--data", data, "--out", tmp_path / "out", *words)
    assert (shown.exit_code, loaded) == (2, [])
    assert problem in shown.stderr
    assert not (tmp_path / "out").exists()


def test_compare_and_report_after_two_evaluations(tmp_path: Path, data: Path, loaded: list[dict[str, Any]]) -> None:
    for name in ("base", "perfect"):
        toile("evaluate", "--model", name, "--data", data, "--out", tmp_path / name)
    command = ["compare", tmp_path / "base", tmp_path / "perfect", "--out", tmp_path / "both"]
    shown = toile(*command)
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout.splitlines()[-1])["joint"][0] == 1.0
    assert "0 -> 100 %" in shown.stdout
    assert "12 products compared" in shown.stderr
    assert "too few product families" in read_comparison(tmp_path / "both").tuned.verdict
    assert "already there and finished" in toile(*command).stderr

    log = tmp_path / "perfect" / "predictions.jsonl"
    written = log.read_bytes()
    log.write_bytes(written[:-1])
    assert "has changed since it was compared" in toile("report", tmp_path / "both").stderr
    log.write_bytes(written)

    before = (tmp_path / "both" / "report.html").read_bytes()
    (tmp_path / "both" / "report.html").unlink()
    shown = toile("report", tmp_path / "both")
    assert shown.stdout.strip() == str(tmp_path / "both" / "report.html")
    assert (tmp_path / "both" / "report.html").read_bytes() == before


def test_quiet_prints_only_the_result(tmp_path: Path, data: Path, loaded: list[dict[str, Any]]) -> None:
    shown = toile("--quiet", "evaluate", "--model", "perfect", "--data", data, "--out", tmp_path / "out")
    assert shown.stderr == ""
    assert json.loads(shown.stdout.splitlines()[-1])


def test_no_temporary_file_is_left(tmp_path: Path, data: Path, loaded: list[dict[str, Any]]) -> None:
    toile("evaluate", "--model", "perfect", "--data", data, "--out", tmp_path / "out")
    assert not list(tmp_path.rglob("*.part"))


def test_the_public_names_are_all_there() -> None:
    assert evaluation.__all__ == sorted(evaluation.__all__) == ["compare", "evaluate", "predict", "score", "score_file"]
    assert all(callable(getattr(evaluation, name)) for name in evaluation.__all__)
    with pytest.raises(AttributeError, match="no attribute 'guess'"):
        evaluation.guess  # noqa: B018 the access is the test


def test_mistyped_model_leaves_the_folder_free(tmp_path: Path, data: Path) -> None:
    refused = toile("evaluate", "--model", "tinyy", "--data", data, "--out", tmp_path / "out")
    assert refused.exit_code == 1
    assert "tinyy: is neither a folder nor a hub name" in refused.stderr
    assert "did you mean 'tiny'?" in refused.stderr
    assert not (tmp_path / "out").exists()


def test_model_that_cannot_be_loaded_does_not_block_the_folder(
    tmp_path: Path, data: Path, loaded: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    perfect = finetune.load_model

    def missing(name: str, **settings: Any) -> Any:
        raise ToileError(name, "is not on the hub", "check the name")

    monkeypatch.setattr(finetune, "load_model", missing)
    command = ["evaluate", "--data", data, "--out", tmp_path / "out", "--model"]
    assert "is not on the hub" in toile(*command, "owner/nmae").stderr
    monkeypatch.setattr(finetune, "load_model", perfect)
    assert toile(*command, "perfect").exit_code == 0


def test_adapter_given_as_the_model_loads_its_base(tmp_path: Path, data: Path, loaded: list[dict[str, Any]]) -> None:
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "tiny"}')
    ran = toile("evaluate", "--model", folder, "--data", data, "--out", tmp_path / "out")
    assert ran.exit_code == 0, ran.output
    assert (loaded[0]["name"], loaded[0]["adapter"]) == ("tiny", folder)
    other = toile("evaluate", "--model", folder, "--adapter", tmp_path, "--data", data, "--out", tmp_path / "other")
    assert "is an adapter itself" in other.stderr
