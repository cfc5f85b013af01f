"""What a device reaches and holds: its best matrix product, its peak of memory, its name.

The peak is measured, not read from a data sheet, whose figure no real product reaches.
"""

import gc
import resource
import sys
import time
from collections.abc import Sequence

import torch

MATMUL_SIZES = {"cuda": (4096, 8192, 16384), "cpu": (512, 1024, 2048)}
MATMUL_REPEATS = 3
SLOW_SECONDS = 1.0
"""No larger product is tried where one takes longer."""


def matmul_peak(device: str, dtype: torch.dtype, sizes: Sequence[int] | None = None) -> float:
    """TFLOP/s of the fastest of several square products: each size three times, after one product that is not timed.

    Normally distributed entries, as in a model; zeros would draw less power, and a GPU would run faster.
    """
    kind = device.split(":")[0]
    number = 20 if kind == "cuda" else 1
    best = 0.0
    for size in sizes or MATMUL_SIZES.get(kind, MATMUL_SIZES["cpu"]):
        left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
        product = left @ right
        wait_for(device)
        shortest = float("inf")
        for _ in range(MATMUL_REPEATS):
            began = time.perf_counter()
            for _ in range(number):
                torch.mm(left, right, out=product)
            wait_for(device)
            shortest = min(shortest, time.perf_counter() - began)
        best = max(best, number * 2 * size**3 / shortest / 1e12)
        if shortest > SLOW_SECONDS:
            break
    return best


def wait_for(device: str) -> None:
    """Until a GPU has done what it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def start_memory(device: str) -> None:
    """Forget what came before."""
    gc.collect()
    if device.startswith("cuda"):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device: str) -> tuple[float, str]:
    """(10^9 bytes, of what): tensors on a GPU, else what this process ever had resident."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device) / 1e9, "device"
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9, "process"


def device_name(device: str) -> str:
    """As a person would call it."""
    if device.startswith("cuda"):
        return str(torch.cuda.get_device_name(device))
    return f"{device}, {torch.get_num_threads()} threads"
