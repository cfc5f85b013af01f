"""Small pictures drawn before, from the user's cache folder: most of a spec stays as it was when it is edited.

A picture is kept under the hash of its appearance, its size and all that decides its pixels, so that one of another
renderer is never taken. The folder may be removed at any time; where none can be written to, everything is drawn.
"""

import contextlib
import dataclasses
import functools
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from PIL import Image
from platformdirs import user_cache_path

from schemas.appearance import Appearance
from schemas.manifest import versions
from schemas.util.files import sha256_of

Draw = Callable[[tuple[Sequence[Appearance], int]], list[Image.Image]]
"""Appearances and the edge of their pictures in pixels -> the pictures."""

MOST = 1_000
"""Pictures kept, of at most some 100 kB each; with more, all but the last ones go."""
_ROOT = Path(__file__).parents[2]
_SOURCES = ("generator/render/**/*.py", "schemas/silhouettes/**/*.py", "schemas/appearance.py")


@contextlib.contextmanager
def keeping(draw: Draw) -> Iterator[Draw]:
    """What gives the pictures of `draw`, asked only for those that are not kept; the new ones are kept at the end."""
    new: dict[str, Image.Image] = {}

    def pictures_of(asked: tuple[Sequence[Appearance], int]) -> list[Image.Image]:
        appearances, edge = asked
        names = [sha256_of([_renderer(), edge, dataclasses.asdict(each)]) for each in appearances]
        known = new | {name: picture for name in names if (picture := _kept(name, edge)) is not None}
        missing = {name: each for name, each in zip(names, appearances, strict=True) if name not in known}
        if missing:
            drawn = dict(zip(missing, draw((list(missing.values()), edge)), strict=True))
            new.update(drawn)
            known |= drawn
        return [known[name] for name in names]

    yield pictures_of
    if new:
        with contextlib.suppress(OSError):  # read-only, or full: what cannot be kept is drawn again
            _keep(new)


def _kept(name: str, edge: int) -> Image.Image | None:
    path = _folder() / f"{name}.png"
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            if picture.size != (edge, edge) or picture.mode != "RGB":
                return None
            picture.load()
            return picture
    except (OSError, SyntaxError, ValueError):  # not there, or damaged
        return None


def _keep(drawn: dict[str, Image.Image]) -> None:
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in drawn.items():
        temporary = folder / f"{name}.{os.getpid()}.part"
        picture.save(temporary, "PNG")
        temporary.replace(folder / f"{name}.png")
    others = [path for path in folder.iterdir() if path.stem not in drawn]
    if len(drawn) + len(others) > MOST:
        for path in others:
            path.unlink(missing_ok=True)


def _folder() -> Path:
    return user_cache_path("toile", appauthor=False) / "pictures"


@functools.cache
def _renderer() -> str:
    """All that decides the pixels of a picture beside its appearance and its size."""
    files = [file for pattern in _SOURCES for file in sorted(_ROOT.glob(pattern))]
    sources = {str(file.relative_to(_ROOT)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    return sha256_of([sources, versions("numpy", "numba", "pillow")])
