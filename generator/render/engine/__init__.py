"""The drawing engine: height fields, cloth materials, shading and the compiled kernels that they share."""

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
import numpy.typing as npt

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
UInt8Array = npt.NDArray[np.uint8]
Kernel = TypeVar("Kernel", bound=Callable[..., object])


def njit_cached(kernel: Kernel) -> Kernel:
    """Return `kernel` compiled by `numba.njit(cache=True)`: strict floating point, one thread.

    Where numba finds no folder to write its cache to, each process compiles the kernel again.
    """
    try:
        compiled: Any = numba.njit(cache=True)(kernel)
    except RuntimeError as error:
        if "cannot cache function" not in str(error):
            raise
        compiled = numba.njit(kernel)
    fast: Kernel = compiled
    return fast
