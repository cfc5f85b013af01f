"""The built-in tiny model: its tokenizer, its size, its seed, its numbers, and that it can learn."""

import json
import math

import numpy as np
import torch

from finetune.phi3v import load_model, pad_rows
from finetune.phi3v.modeling import init_weights
from finetune.phi3v.tiny import GARMENTS, SPECIAL_TOKENS, TINY_TOKENIZER, build_tokenizer, tiny_config, tiny_processor
from tests.finetune.phi3v.test_processing import PROMPT
from tests.finetune.phi3v.test_tiling import make_image
from tests.golden.phi3v.make import ANSWER, GOLDEN, compute_numbers


def test_committed_tokenizer_is_current() -> None:
    assert json.loads(build_tokenizer().to_str()) == json.loads(TINY_TOKENIZER.read_text(encoding="utf-8"))


def test_special_tokens_have_the_lowest_ids() -> None:
    tokenizer = tiny_processor().tokenizer
    assert [tokenizer.convert_tokens_to_ids(token) for token in SPECIAL_TOKENS] == list(range(8))
    assert len(tokenizer) <= tiny_config().vocab_size


def test_digits_are_single_tokens() -> None:
    processor = tiny_processor()
    ids = processor.encode_plain("1350.0")
    assert [processor.decode([token]) for token in ids] == ["1", "3", "5", "0", ".", "0"]


def test_shop_words_are_single_tokens() -> None:
    processor = tiny_processor()
    for garment in GARMENTS.split():
        assert len(processor.encode_plain(f" {garment.capitalize()}")) == 1, garment
        assert len(processor.encode_plain(f" {garment.upper()}")) == 1, garment
    assert len(processor.encode_plain(ANSWER)) <= 20
    longest = "Product: Long Check-lined Houndstooth Cashmere Trench Coat, Category: WALLETS & CARD CASES, "
    assert len(processor.encode_plain(longest + "Full Price: 12420.5")) <= 28


def test_tiny_parameter_count() -> None:
    model, _ = load_model("tiny")
    assert 1_000_000 < sum(parameter.numel() for parameter in model.parameters()) < 1_500_000
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_init_weights_depend_only_on_seed() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = init_weights(tiny_config(), seed=5)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    second, other = init_weights(tiny_config(), seed=5), init_weights(tiny_config(), seed=6)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["lm_head.weight"], other["lm_head.weight"])


def test_tiny_golden_numbers() -> None:
    """After an intended change: python -m tests.golden.phi3v.make"""
    golden, found = json.loads(GOLDEN.read_text(encoding="utf-8")), compute_numbers()
    assert found.keys() == golden.keys()
    assert found["input_ids"] == golden["input_ids"]
    assert found["generated_ids"] == golden["generated_ids"]
    np.testing.assert_allclose(found["pixels"], golden["pixels"], atol=0.03)
    for name in ("vectors", "logits", "loss"):
        np.testing.assert_allclose(found[name], golden[name], atol=2e-3, err_msg=name)


def test_tiny_model_learns() -> None:
    model, processor = load_model("tiny")
    model.train()
    texts = [
        "Product: Red Bag, Category: BAGS, Full Price: 10.0",
        "Product: Navy Hat, Category: HATS, Full Price: 20.0",
    ]
    tiles = [processor.tile(make_image(seed=seed)) for seed in range(2)]
    prompt = processor.tokenize(PROMPT, [tiles[0].num_tokens])
    answers = [[*processor.encode_plain(text), processor.stop_token_ids[0]] for text in texts]
    batch = processor.collate([prompt + answer for answer in answers], tiles)
    rows = [[-100] * len(prompt) + answer for answer in answers]
    batch["labels"] = pad_rows(rows, fill=-100, padding_side="right")
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
    losses = []
    for _ in range(12):
        loss = model(**batch, supervised_only=True).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(loss.item())
    assert abs(losses[0] - math.log(tiny_config().vocab_size)) < 0.3
    assert losses[-1] < losses[0] / 2
