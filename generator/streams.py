"""Independent named random streams: a counter-based hash of (seed, concern, index).

Each concern (material, price, code, ...) has its own stream, so a new colour never moves a price, and value number i
does not depend on which other values are drawn. The mixer is the 64-bit finaliser of SplitMix64 (Steele, Lea and
Flood 2014, "Fast splittable pseudorandom number generators", section 5), applied twice with two keys per stream.

    >>> uniform(7, "price", np.arange(3)).round(3)
    array([0.703, 0.344, 0.704])
"""

import functools
import hashlib

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

Index = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bits = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_UNIFORM_BITS = 40  # few enough that table key + uniform stays exact in a double (see attributes.Choice)


def bits(seed: int, concern: str, index: Index) -> Bits:
    """64 random bits for each index; `index` may hold any non-negative integers in any order."""
    first, second = _keys(seed, concern)
    return _mixed(_mixed(index.astype(np.uint64) * _GOLDEN + first) ^ second)


def uniform(seed: int, concern: str, index: Index) -> Floats:
    """Numbers in [0, 1) with a resolution of 2^-40."""
    return (bits(seed, concern, index) >> np.uint64(64 - _UNIFORM_BITS)).astype(np.float64) * 2.0**-_UNIFORM_BITS


def normal(seed: int, concern: str, index: Index) -> Floats:
    """Standard normal numbers, by the inverse of the distribution function; |z| < 7.1."""
    return np.asarray(ndtri(uniform(seed, concern, index) + 2.0 ** -(_UNIFORM_BITS + 1)), np.float64)


def integers(seed: int, concern: str, index: Index) -> Index:
    """Non-negative integers below 2^31: seeds for whoever needs one."""
    return (bits(seed, concern, index) >> np.uint64(33)).astype(np.int64)


@functools.lru_cache(maxsize=1024)
def _keys(seed: int, concern: str) -> tuple[np.uint64, np.uint64]:
    digest = hashlib.blake2b(f"{seed}/{concern}".encode(), digest_size=16).digest()
    return np.uint64(int.from_bytes(digest[:8], "little")), np.uint64(int.from_bytes(digest[8:], "little"))


def _mixed(z: Bits) -> Bits:
    z = (z ^ (z >> np.uint64(30))) * _M1
    z = (z ^ (z >> np.uint64(27))) * _M2
    return z ^ (z >> np.uint64(31))
