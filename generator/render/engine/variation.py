"""Named draws: each concern of a picture has its own stream, so no draw can shift another."""

import hashlib
import zlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


class Variation:
    """The variation that one seed gives to one family of concerns (`shot`, or the `design` of a silhouette).

    A draw depends on the seed, the family and its own name alone: more, fewer or other names change nothing else.
    """

    def __init__(self, family: str, seed: int) -> None:
        self.family, self.seed = family, seed

    def uniform(self, name: str, low: float, high: float) -> float:
        """One uniform draw, by hashing: a numpy Generator for each number would cost more than the drawing."""
        digest = hashlib.blake2b(f"{self.seed}/{self.family}/{name}".encode(), digest_size=8).digest()
        return low + (high - low) * (int.from_bytes(digest, "big") / 2**64)

    def chance(self, name: str, probability: float) -> bool:
        """True with the given probability."""
        return self.uniform(name, 0.0, 1.0) < probability

    def choice(self, name: str, options: Sequence[T]) -> T:
        """One of the options, each equally likely."""
        return options[int(self.uniform(name, 0.0, len(options)))]

    def generator(self, name: str) -> np.random.Generator:
        """A fresh numpy Generator for a concern that needs many draws."""
        return np.random.default_rng([self.seed, zlib.crc32(f"{self.family}/{name}".encode())])
