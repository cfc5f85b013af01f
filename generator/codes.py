"""Unique product codes and picture names without a set in memory and without a retry: keyed permutations and hashes."""

import numpy as np
import pyarrow as pa

from generator.streams import Index, bits

_ROUNDS = 6
_HEX = np.frombuffer(b"".join(f"{byte:02X}".encode() for byte in range(256)), np.uint8).reshape(256, 2)


def num_codes(digits: int) -> int:
    """How many codes of that many digits exist (the first digit is never 0)."""
    return 9 * int(10 ** (digits - 1))


def product_codes(seed: int, index: Index, digits: int) -> Index:
    """A different `digits`-digit number for every index below `num_codes(digits)`.

    A Feistel network on Z_p x Z_q with p * q = num_codes: each round adds a keyed hash of one half to the other, which
    is undone by subtraction, so the whole is a permutation (Black and Rogaway 2002, "Ciphers with arbitrary finite
    domains", section 5, method of unbalanced halves).
    """
    assert index.size == 0 or (index.min() >= 0 and index.max() < num_codes(digits)), (index.min(), index.max(), digits)
    q = 10 ** ((digits - 1) // 2)
    p = num_codes(digits) // q
    left, right = index // q, index % q
    for number in range(0, _ROUNDS, 2):
        left = (left + _below(seed, f"code/{number}", right, p)) % p
        right = (right + _below(seed, f"code/{number + 1}", left, q)) % q
    codes: Index = left * q + right + 10 ** (digits - 1)
    return codes


def picture_ids(seed: int, index: Index) -> pa.StringArray:
    """Upper-case version-4 UUIDs (RFC 9562, section 5.4), one for each index."""
    halves = np.stack([bits(seed, "picture-id/0", index), bits(seed, "picture-id/1", index)], axis=1)
    raw = halves.astype(">u8").view(np.uint8).reshape(-1, 16).copy()
    raw[:, 6] = raw[:, 6] & 0x0F | 0x40
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    digits = _HEX[raw].reshape(-1, 32)
    text = np.full((len(index), 36), ord("-"), np.uint8)
    for start, stop, shift in ((0, 8, 0), (8, 12, 1), (12, 16, 2), (16, 20, 3), (20, 32, 4)):
        text[:, start + shift : stop + shift] = digits[:, start:stop]
    offsets = np.arange(0, 36 * (len(index) + 1), 36).astype(np.int32)
    return pa.StringArray.from_buffers(len(index), pa.py_buffer(offsets), pa.py_buffer(text.tobytes()))


def _below(seed: int, concern: str, index: Index, bound: int) -> Index:
    return (bits(seed, concern, index) % np.uint64(bound)).astype(np.int64)
