"""`toile evaluate`, `toile compare` and `toile report` as a user meets them."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

import evaluation
import finetune
from evaluation.cli import commands
from schemas.product import Product
from schemas.result import read_comparison, read_result
from tests.shard_fixture import TableModel, in_split, products, table_model, write_shards
from toile import main


class Network(torch.nn.Module):
    """A table model in the clothes of a network: the token ids of an answer are its code points."""

    def __init__(self, table: TableModel) -> None:
        super().__init__()
        self.table = table
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def generate(self, input_ids: torch.Tensor, pixel_values: torch.Tensor, **_: Any) -> torch.Tensor:
        colours = [tuple(int(value) for value in row) for row in pixel_values.tolist()]
        pictures = [Image.new("RGB", (2, 2), (red, green, blue)) for red, green, blue in colours]
        texts = [answer.text for answer in self.table.generate(pictures, ["?"] * len(pictures))]
        longest = max(map(len, texts)) + 1
        new = [[ord(c) for c in text] + [0] * (longest - len(text)) for text in texts]
        return torch.cat([input_ids, torch.tensor(new)], dim=1)


class Processor:
    stop_token_ids = (0,)
    tokenizer = SimpleNamespace(pad_token_id=0, decode=lambda ids, skip_special_tokens: "".join(map(chr, ids)))

    def __call__(self, texts: Sequence[str], pictures: Any, padding_side: str) -> dict[str, torch.Tensor]:
        pixels = [[float(value) for value in one.getpixel((0, 0))] for (one,) in pictures]
        return {"input_ids": torch.ones(len(texts), 3, dtype=torch.long), "pixel_values": torch.tensor(pixels)}


@pytest.fixture
def rows() -> list[Product]:
    return [*in_split(products(12)), *in_split(products(30)[12:], "train")]


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch, rows: list[Product]) -> list[dict[str, Any]]:
    """`finetune.load_model` replaced by a perfect reader; what it was called with."""
    calls: list[dict[str, Any]] = []

    def load_model(name: str, **settings: Any) -> tuple[Network, Processor]:
        calls.append({"name": name, **settings})
        perfect = table_model(rows) if settings["adapter"] or name == "perfect" else table_model(rows, lambda _: "?")
        return Network(perfect), Processor()

    monkeypatch.setattr(finetune, "load_model", load_model, raising=False)
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
    assert loaded == [{"name": "perfect", "dtype": torch.float32, "device": "cpu", "adapter": None}]
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["inputs.json", "predictions.jsonl", "report.html", "result.json"]
    assert read_result(tmp_path / "out").uses_picture is True


def test_the_same_again_says_so_and_loads_nothing(tmp_path: Path, data: Path, loaded: list[dict[str, Any]]) -> None:
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
    assert {**again, "seconds": 0} == {**result, "seconds": 0}


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
    assert "already there" in toile(*command).stderr, "logs beside the weights do not matter"
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


def test_strange_files_are_never_touched(tmp_path: Path, data: Path, loaded: list[dict[str, Any]]) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.doc").write_text("years of work")
    for force in ([], ["--force"]):
        shown = toile("evaluate", "--model", "perfect", "--data", data, "--out", out, *force)
        assert shown.exit_code == 1
        assert "holds other things: thesis.doc" in shown.stderr
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


def test_compare_and_report_close_the_thread(tmp_path: Path, data: Path, loaded: list[dict[str, Any]]) -> None:
    for name in ("base", "perfect"):
        toile("evaluate", "--model", name, "--data", data, "--out", tmp_path / name)
    command = ["compare", tmp_path / "base", tmp_path / "perfect", "--out", tmp_path / "both"]
    shown = toile(*command)
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout.splitlines()[-1])["joint"][0] == 1.0
    assert "0 -> 100 %" in shown.stdout
    assert "12 products compared" in shown.stderr
    assert read_comparison(tmp_path / "both").tuned.uses_picture is True
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


def test_quiet_shows_the_result_alone(tmp_path: Path, data: Path, loaded: list[dict[str, Any]]) -> None:
    shown = toile("--quiet", "evaluate", "--model", "perfect", "--data", data, "--out", tmp_path / "out")
    assert shown.stderr == ""
    assert json.loads(shown.stdout.splitlines()[-1])


def test_no_temporary_file_is_left(tmp_path: Path, data: Path, loaded: list[dict[str, Any]]) -> None:
    toile("evaluate", "--model", "perfect", "--data", data, "--out", tmp_path / "out")
    assert not list(tmp_path.rglob("*.part"))


def test_the_commands_and_public_names_are_all_there() -> None:
    assert [command.name for command in commands] == ["evaluate", "compare", "report"]
    assert evaluation.__all__ == sorted(evaluation.__all__) == ["compare", "predict", "report", "score"]
    assert all(callable(getattr(evaluation, name)) for name in evaluation.__all__)
    with pytest.raises(AttributeError, match="no attribute 'guess'"):
        evaluation.guess  # noqa: B018 the access is the test
