"""EvaluationSpec, Prediction, Result and Comparison: faulty ones are refused; the log survives a kill."""

import dataclasses
import typing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec, Prediction, append_predictions, read_predictions
from schemas.result import (
    Inputs,
    Score,
    document_of,
    identity,
)
from schemas.validation import validate


@pytest.mark.parametrize(
    ("document", "place", "hint"),
    [
        ({"splitt": "test"}, "spec.yaml", "did you mean 'split'?"),
        ({"split": "tests"}, "spec.yaml: split", "did you mean 'test'?"),
        ({"controls": ["blank", "blnk"]}, "spec.yaml: controls[1]", "did you mean 'blank'?"),
        ({"confidence": 1}, "spec.yaml: confidence", ""),
        ({"limit": 0}, "spec.yaml: limit", ""),
    ],
)
def test_a_faulty_spec_is_refused_with_its_place(document: object, place: str, hint: str) -> None:
    with pytest.raises(ToileError) as caught:
        validate(document, "evaluation", "spec.yaml")
    assert caught.value.where == place
    assert hint in caught.value.hint


def prediction(code: str = "1", answer: str = "Product: x", control: str = "none") -> Prediction:
    return Prediction(
        product_code=code,
        family="f",
        split="test",
        source="s",
        inferable=True,
        protocol="generate",
        control=control,
        shown=code,
        answer=answer,
        truncated=False,
    )


@given(st.lists(st.text(st.characters(), min_size=0), max_size=5))
def test_any_answer_survives_the_file(tmp_path_factory: pytest.TempPathFactory, answers: list[str]) -> None:
    path = tmp_path_factory.mktemp("log") / "predictions.jsonl"
    written = [prediction(str(place), answer) for place, answer in enumerate(answers)]
    append_predictions(path, written[:2])
    append_predictions(path, written[2:])
    assert read_predictions(path) == written


@pytest.mark.parametrize("cut", [1, 7, 100])
def test_a_torn_last_line_is_dropped_and_written_again(tmp_path: Path, cut: int) -> None:
    whole, torn = tmp_path / "whole.jsonl", tmp_path / "torn.jsonl"
    append_predictions(whole, [prediction("1"), prediction("2", "\u2028 \u00e9 \U0001f9e5")])
    torn.write_bytes(whole.read_bytes()[:-cut])
    assert read_predictions(torn) == [prediction("1")]
    append_predictions(torn, [prediction("2", "\u2028 \u00e9 \U0001f9e5")])
    assert torn.read_bytes() == whole.read_bytes()


def test_a_file_that_is_torn_before_its_first_line_ends_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    path.write_bytes(b'{"product_code": "1' + b" " * 9000)
    assert read_predictions(path) == []
    append_predictions(path, [prediction("1")])
    assert read_predictions(path) == [prediction("1")]
    assert path.read_bytes().endswith(b"}\n")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{}", "is missing"),
        ("nonsense", "is not valid JSON"),
        ('{"extra": 1}', "unknown key|is missing"),
    ],
)
def test_a_line_that_is_no_prediction_is_an_error_with_its_number(tmp_path: Path, line: str, problem: str) -> None:
    path = tmp_path / "predictions.jsonl"
    append_predictions(path, [prediction("1")])
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(ToileError, match=problem) as caught:
        read_predictions(path)
    assert caught.value.where.startswith(f"{path}:2")


def test_a_repeated_prediction_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    append_predictions(path, [prediction("1"), prediction("1", control="blank")])
    assert len(read_predictions(path)) == 2
    append_predictions(path, [prediction("1", "another answer")])
    with pytest.raises(ToileError, match="repeats the prediction"):
        read_predictions(path)


def inputs(**more: typing.Any) -> Inputs:
    known: dict[str, typing.Any] = {
        "model": "tiny",
        "model_sha256": None,
        "adapter": None,
        "adapter_sha256": None,
        "data": "data",
        "data_sha256": "0" * 64,
        "prompt": "?",
        "spec": EvaluationSpec(),
    }
    return Inputs(**{**known, **more})


def test_identity_goes_by_contents_and_forgives_paths_and_batch_size() -> None:
    same = [
        inputs(data="elsewhere"),
        inputs(spec=EvaluationSpec(batch_size=1)),
        inputs(adapter="moved"),
    ]
    assert {identity(one) for one in same} == {identity(inputs())}
    other = [
        inputs(model="other"),
        inputs(data_sha256="1" * 64),
        inputs(adapter_sha256="2" * 64),
        inputs(spec=EvaluationSpec(seed=1)),
        inputs(prompt="!"),
    ]
    assert len({identity(one) for one in [inputs(), *other]}) == len(other) + 1
    moved = [inputs(model=name, model_sha256="3" * 64) for name in ("a", "b")]
    assert identity(moved[0]) == identity(moved[1])


def test_documents_hold_six_digits_and_no_empty_baseline() -> None:
    known: dict[str, typing.Any] = {"protocol": "generate", "split": "test", "control": "none", "rows": "all"}
    score = Score(**known, category=None, metric="joint", n=3, families=2, value=1 / 3, low=1e-12, high=None)
    document = document_of(score)
    assert (document["value"], document["low"], document["high"]) == (0.333333, 1e-12, None)
    assert "baseline" not in document
    assert document_of(dataclasses.replace(score, baseline="median-price"))["baseline"] == "median-price"
