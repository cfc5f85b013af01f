"""Small pictures of a few products, drawn by a process beside the one that reads and checks their spec.

To import the compiler of the renderer and to load its loops takes longer than all the rest of `toile check`.
"""

import contextlib
import gc
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from generator.catalog.workers import process_beside
from schemas.errors import ToileError

if TYPE_CHECKING:  # what is loaded before the process begins delays it
    from PIL import Image

    from generator.scaffold.kept_pictures import Draw
    from schemas.appearance import Appearance


def check_sheet(file: Path) -> None:
    """Raise a ToileError for a file whose name is not that of a JPEG or PNG picture."""
    if file.suffix.lower() not in {".jpg", ".jpeg", ".png"}:
        raise ToileError(str(file), "is no JPEG or PNG file", "name it sheet.jpg")


@contextlib.contextmanager
def drawer() -> "Iterator[Draw]":
    """What draws, with its loops loaded while other things are done; what was drawn before is not drawn again.

    What is new is kept when the block ends: show it before.
    """
    with process_beside(_load, _drawn) as draw:
        from generator.scaffold.kept_pictures import keeping

        with keeping(draw) as pictures_of:
            yield pictures_of


def _load() -> None:
    gc.disable()  # a tenth of all this time would go to looking for garbage, of which there is none
    for unneeded in ("scipy", "cffi"):  # numba would look there for a BLAS and for C's types
        sys.modules[unneeded] = None  # type: ignore[assignment]
    from schemas.appearance import Appearance

    shirt = Appearance(
        silhouette="shirt", colour="#406080", material="cotton", pattern="check", design_seed=0, shot_seed=0
    )
    _drawn(([shirt], 32))


def _drawn(asked: "tuple[Sequence[Appearance], int]") -> "list[Image.Image]":
    from generator.render import draw_appearance  # loads the compiler

    appearances, edge = asked
    return [draw_appearance(each, edge) for each in appearances]
