"""Phi-3-Vision backend: tensors in, text without end tokens out, single and batched."""

import functools
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from evaluation.models.phi3v import Phi3VisionBackend, select_device
from finetune import load_model
from finetune.phi3v.processing import Phi3VProcessor
from finetune.phi3v.tiny import tiny_processor
from schemas.answer import PROMPT
from schemas.errors import ToileError
from tests.finetune.phi3v.test_processing import llama_style_tokenizer

STOP, PAD = 1, 0


class FakeProcessor:
    """Token ids are code points plus two; an image is one position and becomes the value of its first pixel."""

    stop_token_ids = (STOP, PAD)
    pad_token_id = PAD

    def __init__(self) -> None:
        self.tokenizer = SimpleNamespace(decode=self.decode)
        self.sides: list[str] = []
        self.tiled = 0

    def tile(self, image: Image.Image) -> SimpleNamespace:
        self.tiled += 1
        return SimpleNamespace(value=float(image.getpixel((0, 0))[0]), num_tokens=1)  # type: ignore[index]

    def tokenize(self, text: str, num_tokens: Sequence[int]) -> list[int]:
        assert list(num_tokens) == [1]
        return [-1, *self.encode_plain(text)]

    def encode_plain(self, text: str) -> list[int]:
        return [ord(c) + 2 for c in text]

    def collate(
        self, rows: Sequence[Sequence[int]], tiles: Sequence[SimpleNamespace], padding_side: str
    ) -> dict[str, torch.Tensor]:
        self.sides.append(padding_side)
        longest = max(map(len, rows))
        ids = [[PAD] * (longest - len(row)) + list(row) for row in rows]
        pixels = [[one.value] for one in tiles]
        return {"input_ids": torch.tensor(ids), "pixel_values": torch.tensor(pixels, dtype=torch.float64)}

    def decode(self, ids: list[int], skip_special_tokens: bool) -> str:
        assert skip_special_tokens
        return "".join(chr(token - 2) for token in ids if token > STOP)


class FakeNetwork(torch.nn.Module):
    """Writes as many letters as the image's value says, then its end token when there is room."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.bfloat16))

    def generate(self, input_ids: torch.Tensor, pixel_values: torch.Tensor, **settings: Any) -> torch.Tensor:
        assert pixel_values.dtype == torch.bfloat16
        assert settings["do_sample"] is False
        assert sorted(settings["eos_token_id"]) == [PAD, STOP]
        assert settings["pad_token_id"] == PAD
        assert torch.is_inference_mode_enabled()
        room = settings["max_new_tokens"]
        rows = []
        for value in pixel_values[:, 0].int().tolist():
            new = ([ord("a") + 2] * value + [STOP] + [PAD] * room)[:room]
            rows.append(new)
        return torch.cat([input_ids, torch.tensor(rows)], dim=1)


def shown(*values: int) -> list[Image.Image]:
    return [Image.new("RGB", (4, 4), (value, 0, 0)) for value in values]


def test_answers_end_at_the_end_token_and_say_when_they_were_cut() -> None:
    processor = FakeProcessor()
    backend = Phi3VisionBackend(FakeNetwork(), processor, max_new_tokens=5)
    found = backend.generate(shown(0, 3, 4, 5, 9), ["?", "longer prompt", "?", "?", "?"])
    assert [answer.text for answer in found] == ["", "aaa", "aaaa", "aaaaa", "aaaaa"]
    assert [answer.truncated for answer in found] == [False, False, False, True, True]
    assert processor.sides == ["left"]
    assert backend.new_tokens == 0 + 3 + 4 + 5 + 5


def test_a_single_stop_token_will_do() -> None:
    processor = FakeProcessor()
    processor.stop_token_ids = STOP  # type: ignore[assignment]
    backend = Phi3VisionBackend(FakeNetwork(), processor, max_new_tokens=5)
    assert backend.stop_tokens == [STOP]


def test_too_little_memory_says_what_to_do() -> None:
    class Full(FakeNetwork):
        def generate(self, *_: Any, **__: Any) -> torch.Tensor:
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(ToileError, match="out of memory with 2 images at once") as caught:
        Phi3VisionBackend(Full(), FakeProcessor(), max_new_tokens=5).generate(shown(1, 2), ["?", "?"])
    assert "--batch-size" in caught.value.hint


def test_the_device_is_the_best_there_is_or_the_one_asked_for() -> None:
    assert select_device("cpu") == ("cpu", torch.float32)
    name, dtype = select_device(None)
    assert (name, dtype) == (("cuda", torch.bfloat16) if torch.cuda.is_available() else ("cpu", torch.float32))


@pytest.mark.parametrize(
    ("device", "problem"), [("gpu", "unknown device 'gpu'"), ("cuda:99", "cuda:99 does not exist")]
)
def test_a_device_that_is_not_there_is_refused(device: str, problem: str) -> None:
    with pytest.raises(ToileError, match=problem):
        select_device(device)


def test_an_image_is_tiled_once_for_all_questions_about_it() -> None:
    processor = FakeProcessor()
    backend = Phi3VisionBackend(FakeNetwork(), processor, max_new_tokens=5)
    batch = shown(1, 2, 3)
    for prompt in "abc":
        backend.generate(batch, [prompt] * 3)
    assert processor.tiled == 3
    for _ in range(4):
        backend.generate(shown(4, 5, 6), ["a"] * 3)
    assert processor.tiled == 3 + 12, "the pixels count, not where they lay in memory"
    assert len(backend._tiles) <= 6


class RecordingNetwork(FakeNetwork):
    """Keeps what it was asked; every candidate has the log-probability of its length, negative."""

    def logprob(self, candidates: Sequence[Sequence[Sequence[int]]], **batch: torch.Tensor) -> list[torch.Tensor]:
        assert torch.is_inference_mode_enabled()
        self.asked = [
            [row + list(ids) for ids in of_row]
            for row, of_row in zip(batch["input_ids"].tolist(), candidates, strict=True)
        ]
        self.candidates = candidates
        return [torch.tensor([-float(len(ids)) for ids in row]) for row in candidates]


PROCESSORS = {
    "tiny": tiny_processor(),
    "published kind": Phi3VProcessor(llama_style_tokenizer(), num_crops=1),
}
PREFIXES = st.sampled_from(["Category:", "Product: St", "Product: !", "Product:"]) | st.text(max_size=8).map(
    "P".__add__
)
ANSWERS = st.lists(
    st.sampled_from([" Coats,", " Coats & Jackets,", "yle", "!", " 590.0"]) | st.text(max_size=8), min_size=1
)


@pytest.mark.parametrize("kind", PROCESSORS)
@given(prefix=PREFIXES, answers=ANSWERS, ended=st.booleans())
def test_prefix_and_candidate_are_the_tokens_of_the_whole_answer(
    kind: str, prefix: str, answers: list[str], ended: bool
) -> None:
    processor = PROCESSORS[kind]
    answers = [answer for answer in answers if answer] or [" x"]
    network = RecordingNetwork()
    backend = Phi3VisionBackend(network, processor, max_new_tokens=5)
    image = Image.new("RGB", (20, 20))
    (found,) = backend.logprob([image], [PROMPT], [prefix], [answers], ended=ended)
    prompt = processor.tokenize(PROMPT, [processor.tile(image).num_tokens])
    end = [processor.stop_token_ids[0]] if ended else []
    assert network.asked[0] == [prompt + processor.encode_plain(prefix + answer) + end for answer in answers]
    assert all(ids for ids in network.candidates[0])
    assert found.num_tokens == tuple(map(len, network.candidates[0]))
    assert found.values == tuple(-float(tokens) for tokens in found.num_tokens)


def test_a_token_across_the_boundary_is_scored_in_every_candidate() -> None:
    processor = PROCESSORS["tiny"]
    network = RecordingNetwork()
    backend = Phi3VisionBackend(network, processor, max_new_tokens=5)
    backend.logprob([Image.new("RGB", (20, 20))], [PROMPT], ["Product: So"], [["ft", " x"]])
    soft, so = (processor.encode_plain(text) for text in ("Product: Soft", "Product: So"))
    assert len(soft) == len(so) == 2, "Soft is one token"
    assert network.candidates[0] == [soft[1:], processor.encode_plain("Product: So x")[1:]]


@functools.cache
def tiny() -> tuple[Any, Any]:
    network, processor = load_model("tiny")
    return network, processor


def noise(*sizes: tuple[int, int]) -> list[Image.Image]:
    return [Image.effect_noise(size, 90).convert("RGB") for size in sizes]


@pytest.mark.parametrize("side", ["left", "right"])
def test_log_probabilities_do_not_depend_on_the_side_of_the_padding(side: str) -> None:
    network, processor = tiny()
    tiles = [processor.tile(image) for image in noise((96, 64), (50, 120))]
    prompts = [processor.tokenize(PROMPT, [one.num_tokens]) for one in tiles]
    prompts[0] += processor.encode_plain("Product: Wool Coat, Category:")
    answers = [[processor.encode_plain("Bags"), processor.encode_plain("Coats and Belts")]] * 2
    found = network.logprob(answers, **processor.collate(prompts, tiles, padding_side=side))
    alone = [network.logprob([answers[row]], **processor.collate([prompts[row]], [tiles[row]]))[0] for row in range(2)]
    torch.testing.assert_close(found, alone, atol=1e-4, rtol=0)


def slow_logprob(text: str, answer: str, image: Image.Image) -> float:
    """One forward of everything, no cache, no batch."""
    network, processor = tiny()
    tiles = processor.tile(image)
    prompt = processor.tokenize(PROMPT, [tiles.num_tokens])
    whole = prompt + processor.encode_plain(text + answer)
    start = len(prompt) + len(processor.encode_plain(text))
    with torch.inference_mode():
        logits = network(**processor.collate([whole], [tiles])).logits[0].log_softmax(dim=-1)
    return float(sum(logits[place - 1, whole[place]] for place in range(start, len(whole))))


def test_log_probabilities_equal_those_of_one_forward_a_candidate() -> None:
    network, processor = tiny()
    backend = Phi3VisionBackend(network, processor, max_new_tokens=5)
    images = noise((96, 64), (50, 120), (96, 96))
    prefixes = ["Category:", "Product: Wool Coat, Category:", "Product: x y z, Category:"]
    answers = [" Coats, Full Price:", " Coats & Jackets, Full Price:", " Bags, Full Price:"]
    found = backend.logprob(images, [PROMPT] * 3, prefixes, [answers, answers[:1], answers])
    for image, prefix, log_probs in zip(images, prefixes, found, strict=True):
        for answer, value in zip(answers, log_probs.values, strict=False):
            assert value == pytest.approx(slow_logprob(prefix, answer, image), abs=1e-3)
    assert [len(log_probs.values) for log_probs in found] == [3, 1, 3]


def test_answers_and_log_probabilities_do_not_depend_on_the_batch() -> None:
    network, processor = tiny()
    images = noise(*[(40 + 17 * place, 120 - 11 * place) for place in range(8)])
    prefixes = [f"Product: {'Wool ' * place}Coat, Category:" for place in range(8)]
    answers = [[" Coats, Full Price:", " Bags, Full Price:"]] * 8
    texts, values = [], []
    for size in (1, 3, 8):
        backend = Phi3VisionBackend(network, processor, max_new_tokens=4)
        written, scored = [], []
        for start in range(0, 8, size):
            part = slice(start, start + size)
            prompts = [PROMPT] * len(images[part])
            written += backend.generate(images[part], prompts)
            scored += backend.logprob(images[part], prompts, prefixes[part], answers[part])
        texts.append(written)
        values.append([value for one in scored for value in one.values])
    assert texts[0] == texts[1] == texts[2]
    assert values[1] == pytest.approx(values[0], abs=1e-4)
    assert values[2] == pytest.approx(values[0], abs=1e-4)


def test_the_tiny_model_answers_a_batch_as_it_answers_one_by_one() -> None:
    network, processor = tiny()
    backend = Phi3VisionBackend(network, processor, max_new_tokens=6)
    images = [Image.effect_noise(size, 90).convert("RGB") for size in ((96, 64), (50, 120), (96, 96))]
    alone = [backend.generate([image], [PROMPT])[0] for image in images]
    assert backend.generate(images, [PROMPT] * 3) == alone
    assert all(answer.truncated or answer.text for answer in alone)
