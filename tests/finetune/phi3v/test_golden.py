"""Agreement with the published code, in numbers it gave for a small random model (the project's shared material).

The material is not part of this repository; these tests are skipped where it is absent, and every point they make is
made without it in the other files.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from torch import Tensor

from finetune.phi3v import Phi3VForCausalLM, Phi3VProcessor, load_model, pad_rows
from finetune.phi3v.tiling import count_tokens, pad_to_tiles

SHARED = Path(__file__).parents[4] / "shared" / "phi3v"

SLOW = {"portrait_c16", "wide_c16", "tall_c16", "long_rope_c16"}

pytestmark = pytest.mark.skipif(not (SHARED / "cases.json").exists(), reason="the shared golden data is not here")


@cache
def documents() -> dict[str, Any]:
    """cases.json, sizes.json and tokens.json."""
    return {name: json.loads((SHARED / f"{name}.json").read_text()) for name in ("cases", "sizes", "tokens")}


def names(kind: str) -> list[Any]:
    """Names of the cases or batches; none where the material is absent. The large cases run only as `slow`."""
    found = [case["name"] for case in documents()["cases"][kind]] if SHARED.exists() else []
    return [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in found]


def case_named(name: str) -> dict[str, Any]:
    """One case or batch."""
    cases = documents()["cases"]
    found: dict[str, Any] = next(case for case in [*cases["cases"], *cases["batches"]] if case["name"] == name)
    return found


def assert_close(found: Tensor, expected: Tensor, atol: float = 2e-4) -> None:
    torch.testing.assert_close(found.detach(), expected, atol=atol, rtol=0.0)


def array(name: str) -> Tensor:
    with safe_open(SHARED / "cases.safetensors", framework="pt") as file:
        tensor: Tensor = file.get_tensor(name)
    return tensor.float() if tensor.is_floating_point() else tensor


@pytest.fixture(scope="module")
def loaded() -> tuple[Phi3VForCausalLM, Phi3VProcessor]:
    return load_model(SHARED)


def images(case: dict[str, Any]) -> list[Image.Image]:
    found = []
    for name in case["images"]:
        with Image.open(SHARED / "images" / name) as image:
            found.append(image.copy())
    return found


def batch_of(cases: list[dict[str, Any]], processor: Phi3VProcessor, with_answer: bool = True) -> dict[str, Tensor]:
    """Prompt and answer, right padded, with labels; or prompts alone, left padded."""
    processor.num_crops = cases[0]["num_crops"]
    row_images = [images(case) for case in cases]
    if not with_answer:
        return processor([case["prompt"] for case in cases], row_images, padding_side="left")
    batch = processor([case["prompt"] + case["answer"] for case in cases], row_images)
    rows = [
        [-100] * case["prompt_length"] + batch["input_ids"][row, case["prompt_length"] : case["full_length"]].tolist()
        for row, case in enumerate(cases)
    ]
    return {**batch, "labels": pad_rows(rows, fill=-100, padding_side="right")}


def check_gradients(model: Phi3VForCausalLM, loss: Tensor, expected: dict[str, float]) -> set[str]:
    """Compares the norms of all gradients; returns the names of the parameters that got none."""
    model.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]  # torch
    norms = {name: p.grad.norm().item() for name, p in model.named_parameters() if p.grad is not None}
    for name, norm in expected.items():
        assert abs(norms.get(name, 0.0) - norm) <= 1e-3 * max(norm, 1e-3), name
    return {name for name, _ in model.named_parameters()} - set(norms)


@pytest.mark.parametrize("name", names("cases"))
def test_case_agrees_with_the_published_code(name: str, loaded: tuple[Phi3VForCausalLM, Phi3VProcessor]) -> None:
    model, processor = loaded
    case = case_named(name)
    batch = batch_of([case], processor)
    assert batch["input_ids"][0].tolist() == [token for token, times in case["input_ids_rle"] for _ in range(times)]
    if case["images"]:
        check_images(model, case, batch)
    output = model(**batch)
    assert_close(output.logits[0, -4:], array(f"{name}.logits_last4"))
    probe = output.logits[0][case["probe_positions"]][:, case["probe_vocab"]]
    assert_close(probe, array(f"{name}.logits_probe"))
    assert abs(output.loss.item() - case["loss"]) < 5e-5
    assert check_gradients(model, output.loss, case["grad_norms"]) == set(case["no_grad"])


def check_images(model: Phi3VForCausalLM, case: dict[str, Any], batch: dict[str, Tensor]) -> None:
    """Sizes, pixels, tower and vectors of the images of a case."""
    name, pixels = case["name"], batch["pixel_values"]
    assert list(pixels.shape) == case["pixel_values_shape"]
    assert batch["image_sizes"].tolist() == case["image_sizes"]
    assert_close(pixels[:, :, :, 7::41, 5::41], array(f"{name}.pixel_values_grid"), atol=1e-5)
    embedding = model.model.vision_embed_tokens
    with torch.no_grad():
        features = embedding.img_processor.vision_model(pixels[0, :2])[:, ::97]
        vectors = embedding(pixels, embedding.grids(batch["image_sizes"], pixels.shape[1] - 1))
    assert_close(features, array(f"{name}.clip_features").view_as(features))
    found = vectors[case["image_vector_rows"]]
    assert_close(found, array(f"{name}.image_vectors").view_as(found))


@pytest.mark.parametrize("name", names("cases"))
def test_greedy_answer_equals_published_code(name: str, loaded: tuple[Phi3VForCausalLM, Phi3VProcessor]) -> None:
    model, processor = loaded
    case = case_named(name)
    assert greedy(model, batch_of([case], processor, with_answer=False)) == [case["generated_ids"]]


@pytest.mark.parametrize("name", names("batches"))
def test_batch_agrees_with_the_published_code(name: str, loaded: tuple[Phi3VForCausalLM, Phi3VProcessor]) -> None:
    model, processor = loaded
    document = case_named(name)
    rows = [case_named(row) for row in document["of"]]
    batch = batch_of(rows, processor)
    assert list(batch["input_ids"].shape) == document["right_padded"]["shape"]
    output = model(**batch)
    for row, case in enumerate(rows):
        last = output.logits[row, case["full_length"] - 4 : case["full_length"]]
        assert_close(last, array(f"{name}.row{row}.logits_last4"))
    assert abs(output.loss.item() - document["right_padded"]["loss"]) < 5e-5
    check_gradients(model, output.loss, document["right_padded"]["grad_norms"])
    prompts = batch_of(rows, processor, with_answer=False)
    assert greedy(model, prompts) == document["left_padded_generation"]["generated_ids"]


def greedy(model: Phi3VForCausalLM, batch: dict[str, Tensor]) -> list[list[int]]:
    """Twelve new ids of each row, none of them the end token."""
    ids = model.generate(**batch, max_new_tokens=12, min_new_tokens=12, eos_token_id=32007, do_sample=False)
    found: list[list[int]] = ids[:, batch["input_ids"].shape[1] :].tolist()
    return found


def test_sizes_and_token_counts_equal_published() -> None:
    for width, height, num_crops, padded_height, padded_width, num_tokens, _ in documents()["sizes"]["rows"]:
        padded = pad_to_tiles(Image.new("RGB", (width, height)), num_crops=num_crops, tile_px=336)
        assert (padded.height, padded.width) == (padded_height, padded_width)
        assert count_tokens(padded.height // 336, padded.width // 336) == num_tokens


def test_tokens_equal_published(loaded: tuple[Phi3VForCausalLM, Phi3VProcessor]) -> None:
    _, processor = loaded
    assert processor.stop_token_ids == [32007, 32000]
    for row in documents()["tokens"]:
        assert processor.tokenizer(row["text"]).input_ids == row["input_ids"]
        assert processor.tokenizer(row["text"], add_special_tokens=False).input_ids == row["no_special"]


def test_plain_answers_are_tokenized_like_published(loaded: tuple[Phi3VForCausalLM, Phi3VProcessor]) -> None:
    _, processor = loaded
    for case in documents()["cases"]["cases"]:
        answer = case["answer"].removesuffix("<|end|>")
        runs = case["input_ids_rle"]
        ids = [token for token, times in runs for _ in range(times)]
        assert processor.encode_plain(answer) == ids[case["prompt_length"] : -1]
        assert processor.decode(ids[case["prompt_length"] :]) == answer
    hostile = "A<|end|>B</s> C<s><|image_1|>"
    ids = processor.encode_plain(hostile)
    assert processor.decode(ids) == hostile
    assert not {0, 1, 2} & set(ids)
    assert max(ids) < 32000
