"""The one exception for what a user can cause, and the parts of its messages: places and nearest valid names."""

import difflib
import struct
import zlib
from collections.abc import Iterable

BROKEN_IMAGE_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    LookupError,
    ArithmeticError,
    struct.error,
    zlib.error,
)
"""What Pillow raises for broken image files, except its DecompressionBombError. Mutants of all formats raised OSError,
ValueError, SyntaxError, TypeError (TIFF), KeyError (TIFF) and IndexError (GIF)."""
_MOST_SHOWN = 30


class ToileError(Exception):
    """Says where something is wrong, what is wrong, and what to do next.

    `where` is a file with a path inside it, a shard and row, or a tensor name. `hint` is the next thing to do. All
    three are passed to `Exception.__init__`, so the error survives pickling between processes.
    """

    def __init__(self, where: str, problem: str, hint: str) -> None:
        super().__init__(where, problem, hint)
        self.where = where
        self.problem = problem
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}\n  hint: {self.hint}"


def json_path(where: str, path: Iterable[object]) -> str:
    """Return the place of a value in a document, as every error names it.

    >>> json_path("catalog.yaml", ["categories", 3, "price"])
    'catalog.yaml: categories[3].price'
    """
    inside = ""
    for step in path:
        inside += f"[{step}]" if isinstance(step, int) else f".{step}"
    return f"{where}: {inside.lstrip('.')}" if inside else where


def suggest(name: object, valid: Iterable[str]) -> str:
    """Return a hint that names the closest valid name, or all of them where none is close.

    >>> suggest("shrit", ["shirt", "coat"])
    "did you mean 'shirt'?"
    """
    names = sorted(str(v) for v in valid)
    close = difflib.get_close_matches(str(name).lower(), names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    shown = ", ".join(names[:_MOST_SHOWN]) + (", ..." if len(names) > _MOST_SHOWN else "")
    return f"valid names: {shown}"
