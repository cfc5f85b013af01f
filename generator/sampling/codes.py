"""Unique product codes and picture names without a set in memory and without a retry: keyed permutations and hashes."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from generator.sampling.arrow_columns import texts_of_one_width
from generator.sampling.streams import Index, bits

_ROUNDS = 6
_UUID_GROUPS = ((0, 8, 0), (8, 12, 1), (12, 16, 2), (16, 20, 3), (20, 32, 4))
"""First digit, the one after the last, hyphens before them."""


def _four_letters(digits: bytes) -> npt.NDArray[np.uint32]:
    """Number of four digits -> these, as the bytes of one number."""
    base = len(digits)
    letters = np.empty((base, base, base, base, 4), np.uint8)
    for place in range(4):
        letters[..., place] = np.frombuffer(digits, np.uint8).reshape(-1, *[1] * (3 - place))
    return letters.view(np.uint32).ravel()


_FOUR_DIGITS, _FOUR_HEX = _four_letters(b"0123456789"), _four_letters(b"0123456789ABCDEF")


def num_codes(digits: int) -> int:
    """How many codes of that many digits exist (the first digit is never 0)."""
    return 9 * int(10 ** (digits - 1))


def halves(digits: int) -> tuple[int, int, int]:
    """The sizes of the halves of a code, p * q = num_codes, and the number of rounds that mix them."""
    q = int(10 ** ((digits - 1) // 2))
    return num_codes(digits) // q, q, _ROUNDS


def product_codes(seed: int, index: Index, digits: int) -> Index:
    """A different `digits`-digit number for every index below `num_codes(digits)`.

    A Feistel network on Z_p x Z_q with p * q = num_codes: each round adds a keyed hash of one half to the other, which
    is undone by subtraction, so the whole is a permutation (Black and Rogaway 2002, "Ciphers with arbitrary finite
    domains", section 5, method of unbalanced halves).
    """
    assert index.size == 0 or (index.min() >= 0 and index.max() < num_codes(digits)), (index.min(), index.max(), digits)
    p, q, rounds = halves(digits)
    left = index // q
    right = index - left * q
    for number in range(0, rounds, 2):
        left = _sum_below(left, _below(seed, f"code/{number}", right, p), p)
        right = _sum_below(right, _below(seed, f"code/{number + 1}", left, q), q)
    codes: Index = left * q + right + 10 ** (digits - 1)
    return codes


def code_texts(code_N: Index, digits: int) -> pa.StringArray:
    """Codes of that many digits as text."""
    groups = -(-digits // 4)
    number_NG = np.empty((len(code_N), groups), np.uint32)
    for group in reversed(range(groups)):
        higher_N = code_N // 10_000
        number_NG[:, group] = _FOUR_DIGITS[code_N - higher_N * 10_000]
        code_N = higher_N
    return texts_of_one_width(number_NG.view(np.uint8)[:, groups * 4 - digits :])


def picture_ids(seed: int, index: Index, before: str = "") -> pa.StringArray:
    """Upper-case version-4 UUIDs (RFC 9562, section 5.4), one for each index, each with the same text before it."""
    number_N4 = np.stack([bits(seed, "picture-id/0", index), bits(seed, "picture-id/1", index)], axis=1).astype(">u8")
    number_NG = number_N4.view(">u2").reshape(-1, 8).astype(np.intp)
    number_NG[:, 3] = number_NG[:, 3] & 0x0FFF | 0x4000
    number_NG[:, 4] = number_NG[:, 4] & 0x3FFF | 0x8000
    digit_ND = _FOUR_HEX[number_NG].view(np.uint8).reshape(-1, 32)
    start = len(before.encode())
    text_NW = np.empty((len(index), start + 36), np.uint8)
    text_NW[:, :start] = np.frombuffer(before.encode(), np.uint8)
    text_NW[:, start:] = ord("-")
    for first, end, hyphens in _UUID_GROUPS:
        text_NW[:, start + first + hyphens : start + end + hyphens] = digit_ND[:, first:end]
    return texts_of_one_width(text_NW)


def _below(seed: int, concern: str, index: Index, bound: int) -> npt.NDArray[np.uint64]:
    number = bits(seed, concern, index)
    return number - number // np.uint64(bound) * np.uint64(bound)  # numpy divides by one number far faster than with %


def _sum_below(first: Index, second: npt.NDArray[np.uint64], bound: int) -> Index:
    """The sum modulo `bound` of numbers that lie below it."""
    total: Index = first + second.astype(np.int64)
    return total - (total >= bound) * bound
