"""The interfaces of a model (classes of `typing.Protocol`), and `ModelUnderTest`, which loads one.

A model is any object with these methods, so packages that make models import nothing from here. It receives images and
prompts only; no product code, file name or row order reaches it. `generate` is required. The other methods are
optional, and `evaluation.protocols.protocols.check_model_supports` refuses an evaluation protocol without them.

A new backend is a module in this folder: a class with these methods and a function that returns a `ModelUnderTest`, as
`evaluation.models.phi3v.local_model` and `evaluation.models.openai_server.server_model` do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from PIL import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """One answer as the model wrote it."""

    text: str
    """Without the end token."""
    truncated: bool
    """True when the limit of new tokens was reached before the end token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerForm:
    """The set of constrained answers: the sentence of `schemas.answer.render` with one of these categories."""

    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogProbs:
    """Log-probabilities of the candidates of one row."""

    values: tuple[float, ...]
    """Natural log-probabilities, summed over the tokens of each candidate."""
    num_tokens: tuple[int, ...]
    """Number of tokens in each sum."""


class VisionModel(Protocol):
    """A function from (image, prompt) to text: greedy, so that the same question has the same answer."""

    def generate(self, images: Sequence[Image.Image], prompts: Sequence[str]) -> list[Generated]:
        """Return one answer for each pair of RGB image and prompt, in their order."""
        ...


@runtime_checkable
class ConstrainedModel(Protocol):
    """A model whose answers can be constrained; `constrains` says whether they can."""

    constrains: bool

    def generate(
        self, images: Sequence[Image.Image], prompts: Sequence[str], *, constraint: AnswerForm | None = None
    ) -> list[Generated]:
        """Do the same as `VisionModel.generate`; under a constraint every answer has exactly its form."""
        ...


@runtime_checkable
class RankingModel(Protocol):
    """A model that returns log-probabilities of given answers."""

    def logprob(
        self,
        images: Sequence[Image.Image],
        prompts: Sequence[str],
        prefixes: Sequence[str],
        answers: Sequence[Sequence[str]],
        *,
        ended: bool = False,
    ) -> list[LogProbs]:
        """Return ln P(candidate | image, prompt, prefix) for every candidate of each row.

        Args:
            images: RGB, one per row.
            prompts: one per row.
            prefixes: the fixed beginning of the answer, one per row.
            answers: candidates per row that may follow the prefix, with the white space in between.
            ended: count the end of the answer as part of each candidate.
        """
        ...


@runtime_checkable
class ShapedModel(Protocol):
    """A model for which images of several sizes become tensors of one shape."""

    def shape(self, size: tuple[int, int]) -> tuple[int, int, int]:
        """Return (cost, width, height) of the tensors made from images of this width and height in pixels.

        Rows of one batch share it. Batches of high cost run first.
        """
        ...


@runtime_checkable
class TokenModel(Protocol):
    """A model that shows its tokens."""

    def token_ids(self, image: Image.Image, prompt: str, prefix: str = "") -> list[int]:
        """Return the ids of image, prompt and answer prefix as the model receives them; image positions are < 0."""
        ...


@runtime_checkable
class TemplatedModel(Protocol):
    """A model that is asked through a chat template of its own."""

    def prompt_text(self, prompt: str) -> str:
        """Return the text in which the model receives a prompt, with marks of its own in the place of the image."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUnderTest:
    """The model to evaluate: its name, and how to load it."""

    model: str
    """Hub name, folder, `tiny`, or the name that a server uses."""
    weights: Path | None = None
    """The model's folder, where it is one: a hash of its contents is part of the run's identity."""
    adapter: Path | None
    device: str
    dtype: str
    load: Callable[[], VisionModel]
    """Called once, after the data was read and every image decoded."""
    server: str | None = None
    """URL of the server that answers; None where `load` brings the model into this process."""

    @property
    def trained_folders(self) -> dict[str, Path]:
        """The folders that may list the rows the model was trained on, by kind: model, adapter."""
        folders = {"model": self.weights, "adapter": self.adapter}
        return {name: folder for name, folder in folders.items() if folder is not None}
