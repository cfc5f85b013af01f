"""What the evaluation asks of a model: an answer to a picture and a prompt, nothing else.

Structural typing: a model is anything with this method, so the packages that make models import nothing from here.
The model sees pictures and prompts only. No code, file name or row order reaches it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from PIL import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """One answer as the model wrote it."""

    text: str
    """Without its end token."""
    truncated: bool
    """True when the limit of new tokens came before the end token."""


class VisionModel(Protocol):
    """A function from (picture, prompt) to text: greedy, so that the same question has the same answer."""

    def generate(self, pictures: Sequence[Image.Image], prompts: Sequence[str]) -> list[Generated]:
        """One answer for each pair of RGB picture and prompt, in their order."""
        ...
