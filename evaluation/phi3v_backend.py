"""Phi-3-Vision behind `VisionModel`: pictures and prompts to tensors, greedy decoding, text without end tokens.

The model and its processor are handed in by the command; torch is imported when the first batch comes.
"""

import re
from collections.abc import Sequence
from typing import Any

from PIL import Image

from evaluation.model import Generated
from schemas.errors import ToileError


class Phi3VisionBackend:
    """Answers in batches: prompts are padded on the left, so every answer starts where its prompt ends."""

    def __init__(self, model: Any, processor: Any, *, max_new_tokens: int) -> None:
        self.model = model.eval()
        self.processor = processor
        self.max_new_tokens = max_new_tokens
        self.stop_tokens = frozenset(_as_list(processor.stop_token_ids))
        first = next(model.parameters())
        self.device, self.dtype = first.device, first.dtype

    def generate(self, pictures: Sequence[Image.Image], prompts: Sequence[str]) -> list[Generated]:
        """Greedy answers, outer white space removed. Too little memory becomes a ToileError."""
        import torch

        batch = dict(self.processor(list(prompts), [[picture] for picture in pictures], padding_side="left"))
        batch = {name: self._placed(tensor) for name, tensor in batch.items()}
        try:
            with torch.inference_mode():
                ids = self.model.generate(
                    **batch,
                    max_new_tokens=self.max_new_tokens,
                    do_sample=False,
                    eos_token_id=sorted(self.stop_tokens),
                    pad_token_id=self.processor.tokenizer.pad_token_id,
                )
        except torch.OutOfMemoryError as error:
            raise ToileError(
                str(self.device),
                f"out of memory with {len(prompts)} pictures at once",
                "start again with a smaller --batch-size; it continues where it was",
            ) from error
        return [self._text(row) for row in ids[:, batch["input_ids"].shape[1] :].tolist()]

    def _placed(self, tensor: Any) -> Any:
        """On the model's device; pixels in the model's number format, ids as they are."""
        return tensor.to(self.device, self.dtype) if tensor.is_floating_point() else tensor.to(self.device)

    def _text(self, ids: Sequence[int]) -> Generated:
        end = next((place for place, token in enumerate(ids) if token in self.stop_tokens), None)
        text = self.processor.tokenizer.decode(list(ids[:end]), skip_special_tokens=True)
        return Generated(text=text.strip(), truncated=end is None)


def device_and_dtype(device: str | None) -> tuple[str, Any]:
    """The device asked for, or CUDA where there is one; bfloat16 on CUDA, float32 elsewhere."""
    import torch

    name = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if not re.fullmatch(r"cpu|mps|cuda(:\d+)?", name):
        raise ToileError("--device", f"unknown device {name!r}", "one of cpu, cuda, cuda:N, mps")
    kind, _, number = name.partition(":")
    devices = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if int(number or 0) >= devices[kind]:
        raise ToileError("--device", f"{name} is not there", "leave --device away, or check the driver")
    return name, torch.bfloat16 if kind == "cuda" else torch.float32


def _as_list(tokens: Any) -> list[int]:
    return [int(tokens)] if isinstance(tokens, int) else [int(token) for token in tokens]
