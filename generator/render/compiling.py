"""Inner loops become machine code: numba compiles them when they are first called and keeps them in its cache.

Every loop is pure arithmetic on arrays, one thread, strict floating point: the same input gives the same bytes. Where
no folder can be written to, nothing is kept and each process compiles for itself.
"""

from collections.abc import Callable
from typing import TypeVar

import numba
import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.float64]
Labels = npt.NDArray[np.uint8]
Loop = TypeVar("Loop", bound=Callable[..., object])


def compiled(loop: Loop) -> Loop:
    """The loop as machine code, kept on disk where that is possible."""
    try:
        fast: Loop = numba.njit(cache=True)(loop)
    except RuntimeError:  # numba found no folder it may write to
        fast = numba.njit(loop)
    return fast
