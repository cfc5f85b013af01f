"""All protocols with the real tiny model on a small catalog: laws that hold for any weights."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from evaluation import predict
from evaluation.models.phi3v import Phi3VisionBackend
from evaluation.protocols.answers import Answers, answer
from evaluation.protocols.protocols import read_dataset_stats
from evaluation.rows import Rows, read_rows
from finetune import load_model
from schemas.answer import PROMPT, parse
from schemas.evaluation import EvaluationSpec, Prediction

ALL = ("generate", "instructed", "examples", "constrained", "rank", "price")
SPEC = EvaluationSpec(protocols=ALL, controls=("blank", "shuffled"), limit=6, batch_size=8)
ROOM = 34


@pytest.fixture(scope="module")
def model() -> tuple[Any, Any]:
    """The tiny model of random weights, made sure of itself."""
    network, processor = load_model("tiny", seed=1)
    with torch.no_grad():
        network.lm_head.weight.mul_(40)
    return network, processor


@pytest.fixture(scope="module")
def rows(catalog: Path) -> Rows:
    return read_rows(catalog, SPEC)


@pytest.fixture(scope="module")
def answers(model: tuple[Any, Any], rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    path = tmp_path_factory.mktemp("tiny") / "p.jsonl"
    return answer(Phi3VisionBackend(*model, max_new_tokens=ROOM), rows, path, SPEC)


def test_every_protocol_answers_in_its_own_form(answers: Answers, rows: Rows) -> None:
    assert len(answers.predictions) >= len(ALL) * 3 * len(rows.products)
    facts = read_dataset_stats(rows.folder, SPEC)
    for prediction in answers.predictions:
        said = parse(prediction.answer)
        if prediction.protocol == "constrained":
            assert said.strict
            assert said.category in facts.categories
        if prediction.protocol == "rank":
            assert prediction.ranking is not None
            assert sorted(prediction.ranking) == list(facts.categories)
            assert said.category == prediction.ranking[0]
        if prediction.protocol == "price":
            assert said.price in facts.price_points
            assert prediction.posterior is not None
            assert prediction.posterior.q50 == said.price


def test_images_make_a_difference(answers: Answers) -> None:
    shown = [p for p in answers.predictions if p.protocol == "rank" and p.control == "none"]
    assert len({p.log_probs["raw"][0] for p in shown if p.log_probs}) == len(shown)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_the_batch_size_changes_nothing(
    model: tuple[Any, Any], answers: Answers, rows: Rows, tmp_path: Path, batch_size: int
) -> None:
    spec = replace(SPEC, batch_size=batch_size, protocols=("generate", "constrained", "rank", "price"))
    found = predict(Phi3VisionBackend(*model, max_new_tokens=ROOM), rows, tmp_path / "p.jsonl", spec)
    by_key = {prediction.key: prediction for prediction in answers.predictions}
    for prediction in found:
        assert_alike(prediction, by_key[prediction.key])


def assert_alike(one: Prediction, other: Prediction) -> None:
    assert replace(one, log_probs=None, posterior=None) == replace(other, log_probs=None, posterior=None)
    for measure in one.log_probs or {}:
        assert one.log_probs is not None
        assert other.log_probs is not None
        assert one.log_probs[measure] == pytest.approx(other.log_probs[measure], abs=2e-3)
    if one.posterior and other.posterior:
        assert (one.posterior.q10, one.posterior.q90) == (other.posterior.q10, other.posterior.q90)
        assert one.posterior.crps == pytest.approx(other.posterior.crps, abs=1e-3)


def test_the_result_can_say_what_was_asked_to_the_token(model: tuple[Any, Any], answers: Answers, rows: Rows) -> None:
    _, processor = model
    assert [prompt.protocol for prompt in answers.prompts] == list(ALL)
    first = rows.products[0].product_code
    for prompt in answers.prompts:
        assert prompt.sha256 == hashlib.sha256(prompt.text.encode()).hexdigest()
        assert prompt.token_ids_head is not None
        assert [token for token in prompt.token_ids_head if token < 0] == [-1], "image positions as one"
    by_protocol = {prompt.protocol: prompt for prompt in answers.prompts}
    assert by_protocol["generate"].text == PROMPT
    ids = processor.tokenize(PROMPT, [41])  # one tile and the whole, 16 vectors each; line ends and a separator
    shrunk = [token for place, token in enumerate(ids) if token >= 0 or ids[place - 1] >= 0]
    assert list(by_protocol["generate"].token_ids_head or ()) == shrunk
    (ranked,) = [p for p in answers.predictions if p.key == (first, "rank", "none")]
    assert by_protocol["rank"].text == f"{PROMPT}{ranked.prefix}"
    whole = ids + processor.encode_plain(ranked.prefix)
    digest = hashlib.sha256(json.dumps(whole, separators=(",", ":")).encode()).hexdigest()
    assert by_protocol["rank"].token_ids_sha256 == digest
