"""What Parquet's encodings do to numbers and lengths, as compiled loops that write bytes.

Apache Parquet's format, Encodings.md: the hybrid of runs and bit-packing (RLE, 3), DELTA_BINARY_PACKED (5) and the
prefix lengths of DELTA_BYTE_ARRAY (7).
"""

import numpy as np
import numpy.typing as npt

from generator.render.engine.compiling import compiled
from generator.rows.row_loops import Small
from generator.rows.text_loops import Letters, put, put_number, width_of
from generator.sampling.streams import Index

_BLOCK, _MINIBLOCK, _MINIBLOCKS = 128, 32, 4
_32, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)
Words = npt.NDArray[np.uint32]


@compiled
def bit_packed(number_N: npt.NDArray[np.integer], width: int) -> Letters:
    """Numbers from 0 below 2^width, the lowest bit first, with zeros up to a multiple of eight numbers."""
    num_bytes = (len(number_N) + 7) // 8 * width
    words = np.zeros(num_bytes // 4 + 2, np.uint32)
    put_bits(words, number_N, width)
    return words.view(np.uint8)[:num_bytes]


@compiled
def put_bits(words: Words, number_N: npt.NDArray[np.integer], width: int) -> None:
    """Numbers behind each other, the lowest bit first."""
    held, bits, at = np.uint64(0), np.uint64(0), 0
    for n in range(len(number_N)):
        held |= np.uint64(number_N[n]) << bits
        bits += np.uint64(width)
        while bits >= _32:
            words[at] = np.uint32(held & _LOW)
            held >>= _32
            bits -= _32
            at += 1
    if bits:
        words[at] = np.uint32(held)


@compiled
def put_varint(letters: Letters, at: int, number: np.uint64) -> int:
    """Seven bits a byte, the lowest first; returns where it ends."""
    while number >= np.uint64(128):
        letters[at] = np.uint8(number & np.uint64(127)) | np.uint8(128)
        number >>= np.uint64(7)
        at += 1
    letters[at] = np.uint8(number)
    return at + 1


@compiled
def zigzag(number: np.int64) -> np.uint64:
    """Small numbers of either sign as small numbers."""
    return np.uint64((number << 1) ^ (number >> 63))


@compiled
def delta_packed(number_N: Small) -> Letters:
    """DELTA_BINARY_PACKED: the first number, then what each adds to the one before, in blocks of 128."""
    num = len(number_N)
    letters = np.empty(512 + num * 6, np.uint8)
    at = put_varint(letters, 0, np.uint64(_BLOCK))
    at = put_varint(letters, at, np.uint64(_MINIBLOCKS))
    at = put_varint(letters, at, np.uint64(num))
    at = put_varint(letters, at, zigzag(np.int64(number_N[0]) if num else np.int64(0)))
    delta_B, words = np.empty(_BLOCK, np.int64), np.empty(_MINIBLOCK + 1, np.uint32)
    packed = words.view(np.uint8)
    for first in range(1, num, _BLOCK):
        count = min(_BLOCK, num - first)
        delta_B[:] = 0
        for k in range(count):
            delta_B[k] = np.int64(number_N[first + k]) - np.int64(number_N[first + k - 1])
        least = delta_B[:count].min()
        at = put_varint(letters, at, zigzag(least))
        for k in range(count):
            delta_B[k] -= least
        widths = at
        at += _MINIBLOCKS
        for block in range(_MINIBLOCKS):
            part_B = delta_B[block * _MINIBLOCK : (block + 1) * _MINIBLOCK]
            width, most = 0, part_B.max() if block * _MINIBLOCK < count else np.int64(0)
            while most >> width:
                width += 1
            letters[widths + block] = width
            if width:
                put_bits(words, part_B, width)
                put(letters, at, packed, 0, 4 * width)
                at += 4 * width
    return letters[:at]


@compiled
def new_ends_of_names(start: int, before: Letters, number_D: Index, run_N: Small) -> tuple[Small, Small, Letters]:
    """Names that begin with the same text and end in the number of each row's run: how many letters each has in
    common with the one before it, how many are new, and the new ones."""
    num = len(run_N)
    same_N, new_N = np.empty(num, np.int32), np.empty(num, np.int32)
    letters, at = np.empty(num * 20 + start, np.uint8), 0
    digits, earlier = np.empty(20, np.uint8), np.empty(20, np.uint8)
    width_before = 0
    for n in range(num):
        if n and run_N[n] == run_N[n - 1]:
            same_N[n], new_N[n] = start + width_before, 0
            continue
        number = number_D[run_N[n]]
        width = width_of(number)
        put_number(digits, width, number)
        same = 0
        if n == 0:
            put(letters, at, before, 0, start)
            at += start
            same_N[n], new_N[n] = 0, start + width
        else:
            while same < min(width, width_before) and digits[same] == earlier[same]:
                same += 1
            same_N[n], new_N[n] = start + same, width - same
        put(letters, at, digits, same, width)
        at += width - same
        digits, earlier, width_before = earlier, digits, width
    return same_N, new_N, letters[:at]
