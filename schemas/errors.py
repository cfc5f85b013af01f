"""The one exception for what a user can cause: a bad document, file, checkpoint, device or network answer."""

import struct
import zlib

BROKEN_PICTURE = (OSError, ValueError, SyntaxError, TypeError, LookupError, ArithmeticError, struct.error, zlib.error)
"""What Pillow raises for picture files that are broken, beside its DecompressionBombError; mutants of all formats gave
OSError, ValueError, SyntaxError, TypeError (TIFF), KeyError (TIFF) and IndexError (GIF)."""


class ToileError(Exception):
    """Says where something is wrong, what is wrong, and what to do next.

    `where` is a file with a path inside it, a shard and row, or a tensor name; `hint` is the next thing to do.
    All three fields go to `Exception.__init__`, so the error survives a trip through a process pool.
    """

    def __init__(self, where: str, problem: str, hint: str) -> None:
        super().__init__(where, problem, hint)
        self.where = where
        self.problem = problem
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}\n  hint: {self.hint}"
