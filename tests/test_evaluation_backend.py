"""Phi-3-Vision behind the evaluation: tensors in, text without end tokens out, alone or in a batch."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

from evaluation.phi3v_backend import Phi3VisionBackend, device_and_dtype
from finetune import load_model
from schemas.answer import PROMPT
from schemas.errors import ToileError

STOP, PAD = 1, 0


class FakeProcessor:
    """Token ids are code points plus two; a picture becomes the value of its first pixel."""

    stop_token_ids = (STOP, PAD)

    def __init__(self) -> None:
        self.tokenizer = SimpleNamespace(pad_token_id=PAD, decode=self.decode)
        self.calls: list[str] = []

    def __call__(
        self, texts: Sequence[str], pictures: Sequence[Sequence[Image.Image]], padding_side: str
    ) -> dict[str, torch.Tensor]:
        self.calls.append(padding_side)
        longest = max(map(len, texts))
        ids = [[PAD] * (longest - len(text)) + [ord(c) + 2 for c in text] for text in texts]
        pixels = [[float(one.getpixel((0, 0))[0])] for (one,) in pictures]  # type: ignore[index]
        return {"input_ids": torch.tensor(ids), "pixel_values": torch.tensor(pixels, dtype=torch.float64)}

    def decode(self, ids: list[int], skip_special_tokens: bool) -> str:
        assert skip_special_tokens
        return "".join(chr(token - 2) for token in ids if token > STOP)


class FakeNetwork(torch.nn.Module):
    """Writes as many letters as the picture's value says, then its end token when there is room."""

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
    assert processor.calls == ["left"]


def test_a_single_stop_token_will_do() -> None:
    processor = FakeProcessor()
    processor.stop_token_ids = STOP  # type: ignore[assignment]
    backend = Phi3VisionBackend(FakeNetwork(), processor, max_new_tokens=5)
    assert backend.stop_tokens == {STOP}


def test_too_little_memory_says_what_to_do() -> None:
    class Full(FakeNetwork):
        def generate(self, *_: Any, **__: Any) -> torch.Tensor:
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(ToileError, match="out of memory with 2 pictures at once") as caught:
        Phi3VisionBackend(Full(), FakeProcessor(), max_new_tokens=5).generate(shown(1, 2), ["?", "?"])
    assert "--batch-size" in caught.value.hint


def test_the_device_is_the_best_there_is_or_the_one_asked_for() -> None:
    assert device_and_dtype("cpu") == ("cpu", torch.float32)
    name, dtype = device_and_dtype(None)
    assert (name, dtype) == (("cuda", torch.bfloat16) if torch.cuda.is_available() else ("cpu", torch.float32))


@pytest.mark.parametrize(("device", "problem"), [("gpu", "unknown device 'gpu'"), ("cuda:99", "cuda:99 is not there")])
def test_a_device_that_is_not_there_is_refused(device: str, problem: str) -> None:
    with pytest.raises(ToileError, match=problem):
        device_and_dtype(device)


def test_the_tiny_model_answers_a_batch_as_it_answers_one_by_one() -> None:
    network, processor = load_model("tiny")
    backend = Phi3VisionBackend(network, processor, max_new_tokens=6)
    pictures = [Image.effect_noise(size, 90).convert("RGB") for size in ((96, 64), (50, 120), (96, 96))]
    alone = [backend.generate([picture], [PROMPT])[0] for picture in pictures]
    assert backend.generate(pictures, [PROMPT] * 3) == alone
    assert all(answer.truncated or answer.text for answer in alone)
