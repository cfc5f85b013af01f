"""Named random values: each value of an image has its own stream, so no value shifts another."""

import hashlib
import zlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


class Variation:
    """The random values of one seed and one stream (`shot`, or the `design` of a silhouette).

    A value depends only on the seed, the stream and its own name: other names change nothing.
    """

    def __init__(self, stream: str, seed: int) -> None:
        self.stream, self.seed = stream, seed

    def uniform(self, name: str, low: float, high: float) -> float:
        """Return a uniform value in [low, high), by hashing: a numpy Generator per number is too slow."""
        digest = hashlib.blake2b(f"{self.seed}/{self.stream}/{name}".encode(), digest_size=8).digest()
        return low + (high - low) * (int.from_bytes(digest, "big") / 2**64)

    def chance(self, name: str, probability: float) -> bool:
        """Return True with the given probability."""
        return self.uniform(name, 0.0, 1.0) < probability

    def choice(self, name: str, options: Sequence[T]) -> T:
        """Return one of the options with equal probability."""
        return options[int(self.uniform(name, 0.0, len(options)))]

    def generator(self, name: str) -> np.random.Generator:
        """Return a new numpy Generator for a name that needs many values."""
        return np.random.default_rng([self.seed, zlib.crc32(f"{self.stream}/{name}".encode())])
