"""What the evaluation asks of a model: an answer to a picture and a prompt, and how likely given answers are.

Structural typing: a model is anything with these methods, so the packages that make models import nothing from here.
The model sees pictures and prompts only. No code, file name or row order reaches it. Only `generate` is needed; what
a model can do beyond it, `evaluation.protocols.protocols` finds out before anything runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from PIL import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """One answer as the model wrote it."""

    text: str
    """Without its end token."""
    truncated: bool
    """True when the limit of new tokens came before the end token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerForm:
    """All that a constrained answer may be: the sentence of `schemas.answer.render` with one of these categories."""

    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogProbs:
    """How likely a model takes the candidates of one row to be."""

    values: tuple[float, ...]
    """Natural log-probabilities, summed over the tokens of each candidate."""
    num_tokens: tuple[int, ...]
    """How many tokens each sum is over."""


class VisionModel(Protocol):
    """A function from (picture, prompt) to text: greedy, so that the same question has the same answer."""

    def generate(self, pictures: Sequence[Image.Image], prompts: Sequence[str]) -> list[Generated]:
        """One answer for each pair of RGB picture and prompt, in their order."""
        ...


@runtime_checkable
class ConstrainedModel(Protocol):
    """A model that can be kept to a form; says so by `constrains`."""

    constrains: bool

    def generate(
        self, pictures: Sequence[Image.Image], prompts: Sequence[str], *, constraint: AnswerForm | None = None
    ) -> list[Generated]:
        """As `VisionModel.generate`; under a constraint every answer has exactly its form."""
        ...


@runtime_checkable
class RankingModel(Protocol):
    """A model whose log-probabilities can be read."""

    def logprob(
        self,
        pictures: Sequence[Image.Image],
        prompts: Sequence[str],
        prefixes: Sequence[str],
        answers: Sequence[Sequence[str]],
        *,
        ended: bool = False,
    ) -> list[LogProbs]:
        """ln P(candidate | picture, prompt, prefix) for every candidate text of each row.

        `prefixes` are beginnings of the answer that stand fixed, `answers` what may follow, white space in between
        included. With `ended` the end of the answer counts as part of each candidate.
        """
        ...


@runtime_checkable
class ShapedModel(Protocol):
    """A model to which pictures of several sizes look alike."""

    def shape(self, size: tuple[int, int]) -> tuple[int, int, int]:
        """What pictures of this width and height have in common once they are tensors: cost, width and height.

        Rows of one batch share it; those of high cost come first.
        """
        ...


@runtime_checkable
class TokenModel(Protocol):
    """A model that can show its tokens."""

    def token_ids(self, picture: Image.Image, prompt: str, prefix: str = "") -> list[int]:
        """The ids of picture, prompt and answer prefix as they enter the model; negative ones are picture positions."""
        ...
