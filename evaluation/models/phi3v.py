"""Phi-3-Vision in this process: greedy answers, constrained answers and log-probabilities of given answers.

    model = local_model("tiny")          # a ModelUnderTest; nothing is loaded yet
    backend = model.load()
    backend.generate([image], [PROMPT])

Torch is imported when the model is loaded.
"""

import contextlib
import math
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from evaluation.models.base import AnswerForm, Generated, LogProbs, ModelUnderTest, VisionModel
from evaluation.models.constrained import ConstrainedLogits, Grammar, build_grammar
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec


class Phi3VisionBackend:
    """Answer in batches: prompts are padded on the left, so that every answer starts where its prompt ends.

    An image is tiled once, however many questions are asked about it in succession.
    """

    constrains = True

    def __init__(self, model: Any, processor: Any, *, max_new_tokens: int) -> None:
        self.model = model.eval()
        self.processor = processor
        self.max_new_tokens = max_new_tokens
        self.stop_tokens = _as_id_list(processor.stop_token_ids)
        first = next(model.parameters())
        self.device, self.dtype = first.device, first.dtype
        self.new_tokens = 0
        """Tokens generated so far, without end tokens."""
        self._tiles: dict[int, tuple[Image.Image, Any]] = {}
        self._num_kept = 0
        self._shapes: dict[tuple[int, int], tuple[int, int, int]] = {}
        self._grammars: dict[AnswerForm, tuple[Grammar, dict[tuple[int, ...], Any]]] = {}

    def generate(
        self, images: Sequence[Image.Image], prompts: Sequence[str], *, constraint: AnswerForm | None = None
    ) -> list[Generated]:
        """Return greedy answers without outer white space. Raises ToileError where memory is too small."""
        tiles = self._tiled(images)
        rows = [self._prompt_ids(prompt, image) for prompt, image in zip(prompts, tiles, strict=True)]
        batch = self._batch(rows, tiles)
        settings = {} if constraint is None else {"logits_processor": [self._kept_to(constraint)]}
        with inference_mode(self.device, len(rows)):
            ids = self.model.generate(
                **batch,
                max_new_tokens=self.max_new_tokens,
                do_sample=False,
                eos_token_id=sorted(self.stop_tokens),
                pad_token_id=self.processor.pad_token_id,
                **settings,
            )
        return [self._text(row) for row in ids[:, batch["input_ids"].shape[1] :].tolist()]

    def logprob(
        self,
        images: Sequence[Image.Image],
        prompts: Sequence[str],
        prefixes: Sequence[str],
        answers: Sequence[Sequence[str]],
        *,
        ended: bool = False,
    ) -> list[LogProbs]:
        """Do the same as `RankingModel.logprob`, with one prefill per image."""
        end = [self.stop_tokens[0]] if ended else []
        tiles = self._tiled(images)
        rows, candidates = [], []
        for prompt, image, prefix, texts in zip(prompts, tiles, prefixes, answers, strict=True):
            fixed, scored = split_candidates(self.processor.encode_plain, prefix, texts, end)
            rows.append(self._prompt_ids(prompt, image) + fixed)
            candidates.append(scored)
        with inference_mode(self.device, len(rows)):
            found = self.model.logprob(candidates, **self._batch(rows, tiles))
        return [
            LogProbs(values=tuple(values.tolist()), num_tokens=tuple(map(len, ids)))
            for values, ids in zip(found, candidates, strict=True)
        ]

    def shape(self, size: tuple[int, int]) -> tuple[int, int, int]:
        """Return text positions, width and height (pixels) of all tiles; they depend on the aspect ratio only."""
        common = math.gcd(*size)
        ratio = (size[0] // common, size[1] // common)
        if ratio not in self._shapes:
            tiles = self.processor.tile(Image.new("RGB", ratio))
            height, width = tiles.image_size
            self._shapes[ratio] = (tiles.num_tokens, width, height)
        return self._shapes[ratio]

    def token_ids(self, image: Image.Image, prompt: str, prefix: str = "") -> list[int]:
        """Do the same as `TokenModel.token_ids`."""
        (tiles,) = self._tiled([image])
        return self._prompt_ids(prompt, tiles) + (self.processor.encode_plain(prefix) if prefix else [])

    def _prompt_ids(self, prompt: str, image: Any) -> list[int]:
        ids: list[int] = self.processor.tokenize(prompt, [image.num_tokens])
        return ids

    def _tiled(self, images: Sequence[Image.Image]) -> list[Any]:
        """Return the tiles of each image; those of the last two batches are cached."""
        for image in images:
            kept = self._tiles.pop(id(image), None)
            self._tiles[id(image)] = kept or (image, self.processor.tile(image))
        found = [self._tiles[id(image)][1] for image in images]
        self._num_kept = max(self._num_kept, 2 * len(images))
        for oldest in list(self._tiles)[: -self._num_kept]:
            del self._tiles[oldest]
        return found

    def _batch(self, rows: Sequence[Sequence[int]], tiles: Sequence[Any]) -> dict[str, Any]:
        """Return tensors on the model's device; pixels in the model's dtype, ids as they are."""
        batch = self.processor.collate(rows, tiles, padding_side="left")
        return {
            name: tensor.to(self.device, self.dtype) if tensor.is_floating_point() else tensor.to(self.device)
            for name, tensor in batch.items()
        }

    def _kept_to(self, form: AnswerForm) -> ConstrainedLogits:
        if form not in self._grammars:
            end, limit = self.stop_tokens[0], self.max_new_tokens
            self._grammars[form] = (build_grammar(self.processor, form, end=end, max_tokens=limit), {})
        return ConstrainedLogits(*self._grammars[form])

    def _text(self, ids: Sequence[int]) -> Generated:
        answer, length = decode_answer(self.processor.tokenizer, ids, self.stop_tokens)
        self.new_tokens += length
        return answer


def local_model(
    name: str,
    adapter: Path | None = None,
    device: str | None = None,
    *,
    max_new_tokens: int = EvaluationSpec().max_new_tokens,
    say: Callable[[str], None] = lambda text: None,
) -> ModelUnderTest:
    """Return a model that runs in this process: hub name, folder or `tiny`, with a PEFT adapter where one is given.

    The folder of an adapter means its base with it. The weights are loaded by `ModelUnderTest.load`. Raises ToileError
    for a device that does not exist, and for a name that is none of these.
    """
    from finetune.adapters import split_adapter
    from finetune.phi3v.loading import check_name

    name, adapter = split_adapter(name, adapter)
    check_name(name)
    chosen, dtype = select_device(device)

    def load() -> VisionModel:
        import torch

        from finetune import load_model

        # Without an explicit number, MKL may use fewer threads on a busy machine, which changes the order of sums.
        torch.set_num_threads(torch.get_num_threads())
        say(f"loading {name}" + (f" with {adapter}" if adapter else ""))
        network, processor = load_model(name, dtype=dtype, device=chosen, adapter=adapter, say=say)
        return Phi3VisionBackend(network, processor, max_new_tokens=max_new_tokens)

    return ModelUnderTest(
        model=name,
        weights=Path(name) if name != "tiny" and Path(name).is_dir() else None,
        adapter=adapter,
        device=chosen,
        dtype=str(dtype).removeprefix("torch."),
        load=load,
    )


def select_device(device: str | None) -> tuple[str, Any]:
    """Return device and dtype: `device`, or CUDA where there is one; bfloat16 on CUDA, float32 elsewhere."""
    import torch

    name = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if not re.fullmatch(r"cpu|mps|cuda(:\d+)?", name):
        raise ToileError("--device", f"unknown device {name!r}", "one of cpu, cuda, cuda:N, mps")
    kind, _, number = name.partition(":")
    devices = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if int(number or 0) >= devices[kind]:
        raise ToileError("--device", f"{name} does not exist", "leave out --device, or check the driver")
    return name, torch.bfloat16 if kind == "cuda" else torch.float32


@contextlib.contextmanager
def inference_mode(device: Any, num_rows: int) -> Iterator[None]:
    """Run torch without gradients; out of memory becomes a ToileError."""
    import torch

    try:
        with torch.inference_mode():
            yield
    except torch.OutOfMemoryError as error:
        raise ToileError(
            str(device),
            f"out of memory with {num_rows} images at once",
            "start again with a smaller --batch-size; the run continues",
        ) from error


def decode_answer(tokenizer: Any, ids: Sequence[int], stop_tokens: Collection[int]) -> tuple[Generated, int]:
    """Return the answer in the ids up to the first stop token, without outer white space, and its number of tokens."""
    end = next((place for place, token in enumerate(ids) if token in stop_tokens), None)
    text = tokenizer.decode(list(ids[:end]), skip_special_tokens=True)
    return Generated(text=text.strip(), truncated=end is None), len(ids) if end is None else end


def split_candidates(
    encode: Callable[[str], list[int]], prefix: str, texts: Sequence[str], end: list[int]
) -> tuple[list[int], list[list[int]]]:
    """Return the ids that prefix and all candidates have in common, and the other ids of each candidate, with `end`.

    Prefix and candidate are encoded as one text, as in training, because a token may cross the border (" St" and "yle"
    are " Style"). A last token of the prefix that some candidate changes is scored in all candidates.
    """
    whole = [encode(prefix + text) + end for text in texts]
    fixed = _common_prefix_length([encode(prefix), *whole])
    return whole[0][:fixed], [ids[fixed:] for ids in whole]


def _as_id_list(tokens: Any) -> list[int]:
    return [int(tokens)] if isinstance(tokens, int) else [int(token) for token in tokens]


def _common_prefix_length(rows: Sequence[Sequence[int]]) -> int:
    """Return the number of ids that all rows begin with."""
    limit = min(map(len, rows))
    return next((place for place in range(limit) if len({row[place] for row in rows}) > 1), limit)
