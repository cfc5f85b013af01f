"""Inner loops become machine code: numba compiles them when they are first called and keeps them in its cache.

Every loop is pure arithmetic on arrays, one thread, strict floating point: the same input gives the same bytes. Where
no folder can be written to, nothing is kept and each process compiles for itself.
"""

import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
import numpy.typing as npt
from numba.core.caching import FunctionCache
from numba.core.runtime import rtsys

Plane = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.float64]
Labels = npt.NDArray[np.uint8]
Loop = TypeVar("Loop", bound=Callable[..., object])


class KeptLoop(FunctionCache):  # type: ignore[misc]
    """The cache of a loop, without the quarter of a second in which numba gets ready to compile.

    numba does so before it looks for a loop, and once more before it compiles one; a loop that is found needs no more
    than numba's memory management, as the comment in `Cache.load_overload` says.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The machine code for arguments of these types, or None."""
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)


def compiled(loop: Loop) -> Loop:
    """The loop as machine code, kept on disk where that is possible."""
    dispatcher: Any = numba.njit(loop)
    with contextlib.suppress(RuntimeError):  # numba found no folder it may write to
        dispatcher._cache = KeptLoop(loop)  # as `enable_caching` does
    fast: Loop = dispatcher
    return fast
