"""Make unique product codes and image ids without a set in memory and without retries: keyed permutations and hashes.

>>> product_codes("shoes", 7, np.arange(3), digits=8).tolist()
[28629543, 60274643, 63229298]
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from generator.sampling.arrow_columns import fixed_width_strings
from generator.sampling.streams import Index, bits

_ROUNDS = 6
_IDS_AT_ONCE = 4096
"""Image ids that are written field by field, so that they stay in the processor's cache."""
_HYPHENS = ("hyphen0", "hyphen1", "hyphen2", "hyphen3")


def _four_letters(digits: bytes) -> npt.NDArray[np.uint32]:
    """Return, for each number of four digits, their letters as the bytes of one 32-bit word."""
    base = len(digits)
    letters = np.empty((base, base, base, base, 4), np.uint8)
    for place in range(4):
        letters[..., place] = np.frombuffer(digits, np.uint8).reshape(-1, *[1] * (3 - place))
    return letters.view(np.uint32).ravel()


_FOUR_DIGITS, _FOUR_HEX = _four_letters(b"0123456789"), _four_letters(b"0123456789ABCDEF")


def num_codes(digits: int) -> int:
    """Return how many codes of that many digits exist; the first digit is never 0."""
    return 9 * int(10 ** (digits - 1))


def product_codes(catalog: str, seed: int, index: Index, digits: int) -> Index:
    """Return a different `digits`-digit number for every index below `num_codes(digits)`.

    The order depends on the catalog's name and on the seed. So catalogs of n and m products share codes only by chance,
    n * m / num_codes of them on average; two catalogs of the same name and seed have the same codes.

    This is a Feistel network on Z_p x Z_q with p * q = num_codes. Each round adds a keyed hash of one half to the
    other, which a subtraction undoes, so the whole is a permutation (Black and Rogaway 2002, "Ciphers with arbitrary
    finite domains", section 5, method of unbalanced halves).
    """
    assert index.size == 0 or (index.min() >= 0 and index.max() < num_codes(digits)), (index.min(), index.max(), digits)
    q = int(10 ** ((digits - 1) // 2))
    p = num_codes(digits) // q
    left = index // q
    right = index - left * q
    for number in range(0, _ROUNDS, 2):
        left = _add_modulo(left, _hash_below(seed, f"{catalog}/code/{number}", right, p), p)
        right = _add_modulo(right, _hash_below(seed, f"{catalog}/code/{number + 1}", left, q), q)
    codes: Index = left * q + right + 10 ** (digits - 1)
    return codes


def format_codes(code_N: Index, digits: int) -> pa.StringArray:
    """Return codes of that many digits as strings."""
    groups = -(-digits // 4)
    word_NG = np.empty((len(code_N), groups), np.uint32)
    for group in reversed(range(groups)):
        higher_N = code_N // 10_000
        word_NG[:, group] = _FOUR_DIGITS[code_N - higher_N * 10_000]
        code_N = higher_N
    return fixed_width_strings(word_NG.view(np.uint8)[:, groups * 4 - digits :])


def image_ids(catalog: str, seed: int, index: Index, prefix: str = "") -> pa.StringArray:
    """Return an upper-case version-4 UUID (RFC 9562, section 5.4) for each index, each after the same prefix.

    Like product codes, the ids depend on the catalog's name and on the seed.
    """
    halves = [bits(seed, f"{catalog}/picture-id/{half}", index) for half in range(2)]
    number_N4 = np.stack(halves, axis=1).astype(">u8")
    number_NG = number_N4.view(">u2").reshape(-1, 8)
    number_NG[:, 3] = number_NG[:, 3] & 0x0FFF | 0x4000
    number_NG[:, 4] = number_NG[:, 4] & 0x3FFF | 0x8000
    text_N = np.empty(len(index), _uuid_type(len(prefix.encode())))
    for first in range(0, len(index), _IDS_AT_ONCE):
        block = slice(first, first + _IDS_AT_ONCE)
        text = text_N[block]
        text["prefix"] = np.frombuffer(prefix.encode(), np.uint8)
        for group in range(8):
            text[f"digits{group}"] = _FOUR_HEX.take(number_NG[block, group])
        for hyphen in _HYPHENS:
            text[hyphen] = ord("-")
    return fixed_width_strings(text_N.view(np.uint8).reshape(len(index), text_N.itemsize))


def _uuid_type(prefix_width: int) -> np.dtype[np.void]:
    """Return the layout of a prefix and a UUID: eight groups of four digits, and hyphens."""
    digits = [(f"digits{group}", np.uint32) for group in range(8)]
    hyphens = [(name, np.uint8) for name in _HYPHENS]
    parts = [*digits[:2], hyphens[0], digits[2], hyphens[1], digits[3], hyphens[2], digits[4], hyphens[3], *digits[5:]]
    return np.dtype([("prefix", np.uint8, (prefix_width,)), *parts])


def _hash_below(seed: int, stream: str, index: Index, bound: int) -> npt.NDArray[np.uint64]:
    """Return hashes modulo `bound`."""
    number = bits(seed, stream, index)
    return number - number // np.uint64(bound) * np.uint64(bound)  # numpy divides by one number far faster than with %


def _add_modulo(first: Index, second: npt.NDArray[np.uint64], bound: int) -> Index:
    """Return the sum modulo `bound` of numbers below `bound`."""
    total: Index = first + second.astype(np.int64)
    return total - (total >= bound) * bound
