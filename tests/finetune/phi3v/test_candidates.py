"""Log-probabilities of given answers equal those of one forward pass for each."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from finetune.phi3v.candidates import build_token_tree
from finetune.phi3v.modeling import Phi3VForCausalLM
from finetune.phi3v.processing import Phi3VProcessor
from schemas.errors import ToileError
from tests.finetune.phi3v.test_modeling import ONE, TWO, toy_model, toy_processor
from tests.finetune.phi3v.test_tiling import make_image

TEXTS = [ONE, "no image at all", TWO]
PICTURES = [[make_image()], [], [make_image(60, 20, 1), make_image(20, 60, 2)]]
CANDIDATES = [[[5, 6, 7], [5, 6, 8, 9], [5, 6], [10], [5, 6, 7]], [[3]], [[4] * 6, [4, 4, 4, 5, 4], [9, 1]]]


@pytest.fixture(scope="module")
def model() -> Phi3VForCausalLM:
    return toy_model(vocab_size=2048, original_max_position_embeddings=4096)


@pytest.fixture(scope="module")
def processor() -> Phi3VProcessor:
    return toy_processor()


@torch.no_grad()
def slow(model: Any, batch: dict[str, Tensor], candidate: Sequence[int]) -> float:
    """One row, one answer: a forward pass over both and the sum over the answer's tokens."""
    ids = torch.cat([batch["input_ids"], torch.tensor([candidate])], dim=1)[:, :-1]
    logits = model(**{**batch, "input_ids": ids, "attention_mask": torch.ones_like(ids)}).logits[0]
    first = batch["input_ids"].shape[1] - 1
    return sum(float(logits[first + place].log_softmax(-1)[token]) for place, token in enumerate(candidate))


def all_slow(model: Any, processor: Phi3VProcessor, candidates: Sequence[Sequence[Sequence[int]]]) -> list[Tensor]:
    alone = [processor([text], [images]) for text, images in zip(TEXTS, PICTURES, strict=True)]
    return [torch.tensor([slow(model, row, each) for each in of_row])
            for row, of_row in zip(alone, candidates, strict=True)]  # fmt: skip


def assert_rows_close(found: Sequence[Tensor], expected: Sequence[Tensor]) -> None:
    for found_row, expected_row in zip(found, expected, strict=True):
        torch.testing.assert_close(found_row, expected_row, atol=2e-3, rtol=1e-5)


@pytest.mark.parametrize("padding_side", ["left", "right"])
def test_candidate_logprobs_equal_separate_forwards(
    model: Phi3VForCausalLM, processor: Phi3VProcessor, padding_side: str
) -> None:
    found = model.logprob(CANDIDATES, **processor(TEXTS, PICTURES, padding_side=padding_side))
    assert [row.shape for row in found] == [(5,), (1,), (3,)]
    assert_rows_close(found, all_slow(model, processor, CANDIDATES))


def test_candidates_across_rope_switch(processor: Phi3VProcessor) -> None:
    """The first row ends at the switch with short answers and beyond it with long ones; the last starts beyond it."""
    alone = processor(TEXTS[:1], PICTURES[:1])["input_ids"].shape[1]
    model = toy_model(vocab_size=2048, original_max_position_embeddings=alone + 2)
    lengths = [processor([text], [each])["input_ids"].shape[1] for text, each in zip(TEXTS, PICTURES, strict=True)]
    assert lengths[1] < alone < alone + 2 < lengths[2]
    assert_rows_close(
        model.logprob(CANDIDATES, **processor(TEXTS, PICTURES, padding_side="left")),
        all_slow(model, processor, CANDIDATES),
    )


def test_candidates_do_not_affect_each_other(model: Phi3VForCausalLM, processor: Phi3VProcessor) -> None:
    batch = processor(TEXTS, PICTURES, padding_side="left")
    found = model.logprob(CANDIDATES, **batch)
    turned = model.logprob([row[::-1] for row in CANDIDATES], **batch)
    assert_rows_close([row.flip(0) for row in turned], found)
    one_fewer = model.logprob([row[:1] for row in CANDIDATES], **batch)
    assert_rows_close(one_fewer, [row[:1] for row in found])


def test_next_token_probabilities_sum_to_one(model: Phi3VForCausalLM, processor: Phi3VProcessor) -> None:
    batch = processor([ONE], [[make_image()]])
    found = model.logprob([[[7, token] for token in range(2048)] + [[7]]], **batch)[0]
    torch.testing.assert_close(found[:-1].logsumexp(0), found[-1], atol=1e-4, rtol=0.0)


def test_candidates_depend_on_image_and_keep_batch(model: Phi3VForCausalLM, processor: Phi3VProcessor) -> None:
    batch = processor([ONE], [[make_image()]])
    before = {name: tensor.clone() for name, tensor in batch.items()}
    first = model.logprob([CANDIDATES[0]], **batch)[0]
    again = model.logprob([CANDIDATES[0]], **batch)[0]
    other = model.logprob([CANDIDATES[0]], **processor([ONE], [[Image.new("RGB", (64, 48), "red")]]))[0]
    assert torch.equal(first, again)
    assert (first - other).abs().min() > 1e-3
    assert all(torch.equal(batch[name], before[name]) for name in before)


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        ([[[1], []]], r"candidate \[\]: is empty"),
        ([[[1, -2]]], r"candidate \[1, -2\]: holds the id -2"),
        ([[[1]], [[2]]], "are given for 2 rows, but the batch has 1"),
    ],
)
def test_invalid_candidates_are_refused(
    model: Phi3VForCausalLM, processor: Phi3VProcessor, candidates: list[list[list[int]]], message: str
) -> None:
    with pytest.raises(ToileError, match=message):
        model.logprob(candidates, **processor([ONE], [[make_image()]]))


def test_no_candidates_give_empty_result(model: Phi3VForCausalLM, processor: Phi3VProcessor) -> None:
    assert model.logprob([[]], **processor([ONE], [[make_image()]]))[0].shape == (0,)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=5), min_size=1, max_size=9))
def test_token_tree_merges_prefixes(candidates: list[list[int]]) -> None:
    tree = build_token_tree(candidates)
    assert [[tree.tokens[edge] for edge in path] for path in tree.paths] == candidates
    beginnings = {tuple(each[:length]) for each in candidates for length in range(1, len(each) + 1)}
    followed = {tuple(each[:length]) for each in candidates for length in range(1, len(each))}
    assert (len(tree.tokens), len(tree.inner)) == (len(beginnings), len(followed))
    assert tree.attention_mask().sum(dim=1).tolist() == [depth + 1 for depth in tree.depths()]
