"""Agreement with the published code on every clone: golden numbers of a small model, in golden/phi3v/published.

Both published forms are there: Phi-3.5-vision, and Phi-3-vision with its older layout of images and its own settings.
How the numbers were made, and which faults of the published code they exclude: golden/phi3v/README.md.
"""

import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from finetune.phi3v import Phi3VForCausalLM, Phi3VProcessor, load_model, pad_rows
from finetune.phi3v.tiling import count_tokens, pad_to_tiles
from tests.golden.phi3v.drawing import draw

PUBLISHED = Path(__file__).parents[2] / "golden" / "phi3v" / "published"
VARIANTS = ("phi-3.5", "phi-3")
SHARED_FILES = ("model.safetensors", "tokenizer.json")
"""Phi-3 is tested with the weights and the tokenizer of the other folder."""

LARGE = {"many_c16", "portrait_c6", "portrait_c9", "long_c6"}
"""Run only as `slow`; a smaller case covers the same point."""

LoadedModel = dict[str, tuple[Phi3VForCausalLM, Phi3VProcessor]]


@cache
def document(variant: str) -> dict[str, Any]:
    """cases.json of a variant."""
    found: dict[str, Any] = json.loads((PUBLISHED / variant / "cases.json").read_text(encoding="utf-8"))
    return found


@cache
def arrays(variant: str) -> dict[str, Tensor]:
    return load_file(PUBLISHED / variant / "cases.safetensors")


def names(kind: str) -> list[Any]:
    """(variant, name) of all cases or batches."""
    return [
        pytest.param(variant, entry["name"], marks=pytest.mark.slow if entry["name"] in LARGE else ())
        for variant in VARIANTS
        for entry in document(variant)[kind]
    ]


def entry_named(variant: str, name: str) -> dict[str, Any]:
    """One case or batch."""
    entries = [*document(variant)["cases"], *document(variant)["batches"]]
    found: dict[str, Any] = next(entry for entry in entries if entry["name"] == name)
    return found


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """Both variants read by the strict loader, each from a folder in the published layout."""
    phi3 = tmp_path_factory.mktemp("phi-3")
    for name in ("config.json", "preprocessor_config.json"):
        (phi3 / name).symlink_to(PUBLISHED / "phi-3" / name)
    for name in SHARED_FILES:
        (phi3 / name).symlink_to(PUBLISHED / "phi-3.5" / name)
    return {"phi-3.5": load_model(PUBLISHED / "phi-3.5"), "phi-3": load_model(phi3)}


def images(case: dict[str, Any]) -> list[Image.Image]:
    return [draw(**drawing) for drawing in case["drawings"]]


def crops_of(cases: list[dict[str, Any]]) -> int:
    """The common `num_crops` of the cases; text alone fits any."""
    (found,) = {case["num_crops"] for case in cases if case["drawings"]} or {1}
    return int(found)


def batch_of(cases: list[dict[str, Any]], processor: Phi3VProcessor, padding_side: str = "right") -> dict[str, Tensor]:
    """Prompts and answers with labels."""
    processor.num_crops = crops_of(cases)
    texts = [case["prompt"] + case["answer"] for case in cases]
    batch = processor(texts, [images(case) for case in cases], padding_side=padding_side)
    lengths = batch["attention_mask"].sum(dim=1).tolist()
    ends = [ids[mask.bool()].tolist() for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)]
    rows = [
        [-100] * case["prompt_length"] + ids[case["prompt_length"] : length]
        for case, ids, length in zip(cases, ends, lengths, strict=True)
    ]
    return {**batch, "labels": pad_rows(rows, fill=-100, padding_side=padding_side)}


def greedy(model: Phi3VForCausalLM, processor: Phi3VProcessor, cases: list[dict[str, Any]]) -> list[list[int]]:
    """Twelve new ids of each row, none of them a stop token, with the cache and left padding."""
    processor.num_crops = crops_of(cases)
    batch = processor([case["prompt"] for case in cases], [images(case) for case in cases], padding_side="left")
    ids = model.generate(**batch, max_new_tokens=12, min_new_tokens=12, do_sample=False, use_cache=True)
    found: list[list[int]] = ids[:, batch["input_ids"].shape[1] :].tolist()
    return found


def last_logits(logits_BTV: Tensor, batch: dict[str, Tensor]) -> list[Tensor]:
    """The logits of the last four real positions of each row."""
    kept = batch["attention_mask"].bool()
    return [row[mask][-4:].detach() for row, mask in zip(logits_BTV, kept, strict=True)]


def assert_close(found: Tensor, expected: Tensor, atol: float) -> None:
    torch.testing.assert_close(found.detach(), expected, atol=atol, rtol=0.0)


def check_gradients(model: Phi3VForCausalLM, loss: Tensor, variant: str, name: str) -> None:
    """Compare the norms of all gradients; NaN means that a parameter gets none."""
    model.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]  # torch
    parameters = dict(model.named_parameters())
    expected = dict(zip(document("phi-3.5")["parameters"], arrays(variant)[f"{name}.grad_norms"].tolist(), strict=True))
    assert parameters.keys() == expected.keys()
    for parameter, norm in expected.items():
        gradient = parameters[parameter].grad
        assert (gradient is None) == math.isnan(norm), parameter
        if gradient is not None:
            assert abs(gradient.norm().item() - norm) <= 1e-3 * max(norm, 1e-3), parameter


@pytest.mark.parametrize(("variant", "name"), names("cases"))
def test_case_agrees_with_the_published_code(variant: str, name: str, loaded: LoadedModel) -> None:
    model, processor = loaded[variant]
    case = entry_named(variant, name)
    batch = batch_of([case], processor)
    runs = [run if isinstance(run, list) else [run, 1] for run in case["input_ids"]]
    assert batch["input_ids"][0].tolist() == [token for token, times in runs for _ in range(times)]
    assert ("pixel_values" in batch) == bool(case["drawings"])
    if case["drawings"]:
        check_images(model, variant, case, batch)
    output = model(**batch)
    assert_close(output.logits[0, -4:], arrays(variant)[f"{name}.logits"], atol=2e-4)
    assert abs(output.loss.item() - case["loss"]) < 5e-5
    check_gradients(model, output.loss, variant, name)


def check_images(model: Phi3VForCausalLM, variant: str, case: dict[str, Any], batch: dict[str, Tensor]) -> None:
    """Compare sizes, crops and vectors of the images of a case."""
    name, pixels = case["name"], batch["pixel_values"]
    assert list(pixels.shape) == case["pixel_values_shape"]
    assert batch["image_sizes"].tolist() == case["image_sizes"]
    counts = [1 + height * width // 336**2 for height, width in case["image_sizes"]]
    used = torch.cat([image[:count] for image, count in zip(pixels, counts, strict=True)])
    assert not any(image[count:].any() for image, count in zip(pixels, counts, strict=True))
    assert_close(used[:, :, 7::61, 5::59], arrays(variant)[f"{name}.pixels"], atol=1e-5)
    moments = torch.stack([used.mean(dim=(1, 2, 3)), used.std(dim=(1, 2, 3))], dim=1)
    assert_close(moments, arrays(variant)[f"{name}.pixel_moments"], atol=1e-5)
    numbers, places = torch.unique(batch["input_ids"][batch["input_ids"] < 0], return_counts=True)
    assert dict(zip((-numbers).tolist(), places.tolist(), strict=True)) == dict(
        enumerate(case["num_image_tokens"], start=1)
    )
    embedding = model.model.vision_embed_tokens
    with torch.no_grad():
        vectors = embedding(pixels, embedding.grids(batch["image_sizes"], pixels.shape[1] - 1))
    assert len(vectors) == sum(case["num_image_tokens"])
    assert_close(vectors[case["vector_rows"]], arrays(variant)[f"{name}.vectors"], atol=2e-4)


@pytest.mark.parametrize(("variant", "name"), names("cases"))
def test_greedy_answer_equals_published_code(variant: str, name: str, loaded: LoadedModel) -> None:
    """In `text_1024`, `text_1025` and `crossing_c4` the answer grows past the switch of the rope factors."""
    model, processor = loaded[variant]
    case = entry_named(variant, name)
    assert greedy(model, processor, [case]) == [case["generated_ids"]]


@pytest.mark.parametrize(("variant", "name"), names("batches"))
def test_batch_agrees_with_the_published_code(variant: str, name: str, loaded: LoadedModel) -> None:
    model, processor = loaded[variant]
    entry = entry_named(variant, name)
    rows = [entry_named(variant, row) for row in entry["of"]]
    batch = batch_of(rows, processor)
    output = model(**batch)
    for row, found in zip(rows, last_logits(output.logits, batch), strict=True):
        assert_close(found, arrays(variant)[f"{row['name']}.logits"], atol=2e-4)
    assert abs(output.loss.item() - entry["loss"]) < 5e-5
    check_gradients(model, output.loss, variant, name)
    assert greedy(model, processor, rows) == entry["generated_ids"]


@pytest.mark.parametrize("padding_side", ["left", "right"])
@pytest.mark.parametrize("of", [("text_only", "speck_c1", "modes_c1"), ("text_1025", "wide_c4", "text_1024")])
def test_row_does_not_depend_on_batch_order_or_padding(
    of: tuple[str, ...], padding_side: str, loaded: LoadedModel
) -> None:
    """Also in a batch with rows on both sides of the switch, where the published code uses the longest row."""
    model, processor = loaded["phi-3.5"]
    for order in (of, of[::-1]):
        rows = [entry_named("phi-3.5", name) for name in order]
        batch = batch_of(rows, processor, padding_side)
        labels = batch.pop("labels")
        with torch.no_grad():
            output = model(**batch, labels=labels)
        for name, found in zip(order, last_logits(output.logits, batch), strict=True):
            assert_close(found, arrays("phi-3.5")[f"{name}.logits"], atol=2e-4)
        counts = (labels >= 0).sum(dim=1).tolist()
        expected = sum(row["loss"] * count for row, count in zip(rows, counts, strict=True)) / sum(counts)
        assert abs(output.loss.item() - expected) < 5e-5


def test_sizes_and_token_counts_equal_published() -> None:
    for width, height, num_crops, padded_height, padded_width, num_tokens in document("phi-3.5")["sizes"]:
        padded = pad_to_tiles(Image.new("RGB", (width, height)), num_crops=num_crops, tile_px=336)
        assert (padded.height, padded.width) == (padded_height, padded_width), (width, height, num_crops)
        assert count_tokens(padded.height // 336, padded.width // 336) == num_tokens


def test_plain_answers_are_tokenized_like_published(loaded: LoadedModel) -> None:
    for variant in VARIANTS:
        _, processor = loaded[variant]
        for case in document(variant)["cases"]:
            ids = batch_of([case], processor)["input_ids"][0].tolist() if not case["drawings"] else None
            answer = case["answer"].removesuffix("<|end|>").removesuffix("<|endoftext|>")
            plain = processor.encode_plain(answer)
            assert len(plain) == case["length"] - case["prompt_length"] - 1
            assert ids is None or plain == ids[case["prompt_length"] : -1]
            assert processor.decode(plain) == answer


def test_golden_numbers_have_no_near_ties() -> None:
    """No greedy step is a near tie, all images differ, and both sides of the switch are there."""
    for variant in VARIANTS:
        entries = [*document(variant)["cases"], *document(variant)["batches"]]
        assert min(entry["generated_min_margin"] for entry in entries) > 4e-4
        drawings = [json.dumps(drawing) for case in document(variant)["cases"] for drawing in case["drawings"]]
        assert len(set(drawings)) == len(drawings)
        lengths = [case["length"] for case in document(variant)["cases"]]
        switch = json.loads((PUBLISHED / variant / "config.json").read_text())["original_max_position_embeddings"]
        assert min(lengths) < switch < max(lengths)
