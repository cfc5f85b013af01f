"""Generation: with and without cache, alone and in a batch, greedy and sampled, and where it stops."""

from typing import Any

import pytest
import torch

from finetune.phi3v.modeling import Phi3VForCausalLM
from finetune.phi3v.processing import Phi3VProcessor
from tests.finetune.phi3v.test_modeling import ONE, TWO, assert_close, rows_of_logits, toy_model, toy_processor
from tests.finetune.phi3v.test_tiling import make_image


@pytest.fixture
def model() -> Phi3VForCausalLM:
    return toy_model(vocab_size=2048)


@pytest.fixture(scope="module")
def processor() -> Phi3VProcessor:
    return toy_processor()


def test_generation_with_and_without_cache(model: Phi3VForCausalLM) -> None:
    """The rows cross the rope switch of 48 positions at different steps, where the cache is computed again."""
    processor = toy_processor(num_crops=1)
    texts, images = [ONE, TWO, "none" + "x" * 33], [[make_image()], [make_image(seed=1), make_image()], []]
    batch = processor(texts, images, padding_side="left")
    lengths = batch["attention_mask"].sum(dim=1).tolist()
    assert max(lengths) < 48 < min(sorted(lengths)[1:]) + 16
    arguments: dict[str, Any] = {"max_new_tokens": 16, "min_new_tokens": 16, "do_sample": False, "eos_token_id": 6}
    width = batch["input_ids"].shape[1]
    cached = model.generate(**batch, **arguments)[:, width:]
    assert torch.equal(cached, model.generate(**batch, **arguments, use_cache=False)[:, width:])
    for row, (text, row_images) in enumerate(zip(texts, images, strict=True)):
        single = processor([text], [row_images], padding_side="left")
        found = model.generate(**single, **arguments)[0, single["input_ids"].shape[1] :]
        assert torch.equal(found, cached[row]), row


def test_generation_equals_argmax_of_forwards(model: Phi3VForCausalLM, processor: Phi3VProcessor) -> None:
    batch = processor([ONE], [[make_image()]], padding_side="left")
    prompt = batch["input_ids"].shape[1]
    generated = model.generate(**batch, max_new_tokens=10, min_new_tokens=10, do_sample=False, eos_token_id=6)
    assert generated.shape == (1, prompt + 10)
    assert prompt + 10 < 48
    images = {name: batch[name] for name in ("pixel_values", "image_sizes")}
    logits = model(input_ids=generated, **images).logits[0, prompt - 1 : -1]
    assert torch.equal(logits.index_fill(1, torch.tensor([6]), -1e9).argmax(dim=-1), generated[0, prompt:])


def test_beams_keep_images_of_their_row(model: Phi3VForCausalLM, processor: Phi3VProcessor) -> None:
    images = [[make_image(60, 20, 1), make_image(20, 60, 2)], [make_image(seed=3)]]
    batch = processor([TWO, ONE], images, padding_side="left")
    ids, rest = model._expand_inputs_for_generation(2, False, **batch)
    expected = rows_of_logits(model, batch)
    for row, found in enumerate(rows_of_logits(model, {"input_ids": ids, **rest})):
        assert_close(found, expected[row // 2])
    beams = model.generate(**batch, max_new_tokens=3, num_beams=2, do_sample=False)
    assert beams.shape == (2, batch["input_ids"].shape[1] + 3)


def test_sampling_follows_logit_distribution(model: Phi3VForCausalLM, processor: Phi3VProcessor) -> None:
    """2,000 first tokens over a small set: each count within 4.5 standard deviations of its expectation."""
    batch = processor([ONE], [[make_image()]], padding_side="left")
    with torch.no_grad():
        probabilities = (model(**batch).logits[0, -1] / 60).softmax(-1)
    allowed = probabilities.topk(5).indices
    expected = probabilities[allowed] / probabilities[allowed].sum()
    torch.manual_seed(0)
    sampled = model.generate(
        **batch, max_new_tokens=1, do_sample=True, temperature=60.0, top_k=0, num_return_sequences=2000,
        prefix_allowed_tokens_fn=lambda row, ids: allowed.tolist(),
    )[:, -1]  # fmt: skip
    counts = torch.stack([(sampled == token).sum() for token in allowed]).double()
    assert counts.sum() == 2000
    spread = (2000 * expected * (1 - expected)).double().sqrt()
    assert ((counts - 2000 * expected).abs() < 4.5 * spread).all(), (counts, 2000 * expected)


def test_sampling_is_deterministic_per_seed(model: Phi3VForCausalLM, processor: Phi3VProcessor) -> None:
    batch = processor([ONE, TWO], [[make_image()], [make_image(seed=1)] * 2], padding_side="left")

    def sample(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        found: torch.Tensor = model.generate(**batch, max_new_tokens=8, do_sample=True, temperature=50.0, top_k=0)
        return found

    assert torch.equal(sample(1), sample(1))
    assert not torch.equal(sample(1), sample(2))


@pytest.mark.parametrize("stop", ["<|end|>", "<|endoftext|>"])
def test_generation_stops_at_either_end_token(model: Phi3VForCausalLM, processor: Phi3VProcessor, stop: str) -> None:
    """The first row stops at its third token, the second continues."""
    batch = processor([ONE, TWO], [[make_image()], [make_image(seed=1)] * 2], padding_side="left")
    width, end = batch["input_ids"].shape[1], processor.tokenizer.convert_tokens_to_ids(stop)
    assert end in processor.stop_token_ids

    def allowed(row: int, ids: torch.Tensor) -> list[int]:
        return [end] if row == 0 and len(ids) == width + 2 else [700 + row]

    ids = model.generate(
        **batch, max_new_tokens=5, do_sample=False, prefix_allowed_tokens_fn=allowed,
        eos_token_id=processor.stop_token_ids, pad_token_id=processor.pad_token_id,
    )[:, width:]  # fmt: skip
    assert ids[0].tolist() == [700, 700, end, processor.pad_token_id, processor.pad_token_id]
    assert ids[1].tolist() == [701] * 5
    assert processor.decode(ids[0].tolist()) == processor.decode([700, 700])


def test_repetition_penalty_ignores_image_positions(model: Phi3VForCausalLM, processor: Phi3VProcessor) -> None:
    """A negative id would be out of bounds; the first token is the best one after the penalty, computed by hand."""
    batch = processor([ONE], [[make_image()]], padding_side="left")
    with torch.no_grad():
        logits = model(**batch).logits[0, -1].clone()
    seen = sorted(set(batch["input_ids"][0].clamp(min=0).tolist()))
    logits[seen] = torch.where(logits[seen] < 0, logits[seen] * 5.0, logits[seen] / 5.0)
    found = model.generate(**batch, max_new_tokens=1, do_sample=False, repetition_penalty=5.0)
    assert found[0, -1] == logits.argmax()
    assert torch.equal(found[0, :-1], batch["input_ids"][0])
