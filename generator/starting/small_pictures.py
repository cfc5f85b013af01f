"""Small pictures of a few products, drawn by a process beside the one that reads and checks their spec.

To import the compiler of the renderer and to load its loops takes longer than all the rest of `toile check`.
"""

import contextlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

from generator.runners.workers import process_beside
from schemas.appearance import Appearance
from schemas.errors import ToileError

Draw = Callable[[tuple[Sequence[Appearance], int]], list[Image.Image]]
"""Appearances and the edge of their pictures in pixels -> the pictures."""


def check_sheet(file: Path) -> None:
    """Raise a ToileError for a file whose name is not that of a JPEG or PNG picture."""
    if file.suffix.lower() not in {".jpg", ".jpeg", ".png"}:
        raise ToileError(str(file), "is no JPEG or PNG file", "name it sheet.jpg")


def drawer() -> contextlib.AbstractContextManager[Draw]:
    """What draws, with its loops loaded while other things are done."""
    return process_beside(_load, _drawn)


def _load() -> None:
    sys.modules["scipy"] = None  # type: ignore[assignment]  # numba would look there for a BLAS: longer than to draw
    shirt = Appearance(
        silhouette="shirt", colour="#406080", material="cotton", pattern="check", design_seed=0, shot_seed=0
    )
    _drawn(([shirt], 32))


def _drawn(asked: tuple[Sequence[Appearance], int]) -> list[Image.Image]:
    from generator.render import draw_appearance  # loads the compiler

    appearances, edge = asked
    return [draw_appearance(each, edge) for each in appearances]
