"""SHA-256 of many short names as a compiled loop: as many at a time as the processor's vectors hold.

FIPS 180-4, sections 4.1.2, 4.2.2, 5 and 6.2, for messages of one block. `hashlib` needs half a microsecond a name, most
of it for the call.
"""

import math

import numpy as np
import numpy.typing as npt

from generator.render.engine.compiling import compiled
from generator.rows.text_loops import Letters, put, put_number, width_of
from generator.sampling.streams import Bits, Index

LONGEST = 55
"""Letters of a name that fits into one block with its end mark and its length."""
_LANES = 128
_8, _16, _24, _32 = np.uint32(8), np.uint32(16), np.uint32(24), np.uint64(32)
Words = npt.NDArray[np.uint32]


def _fractions(root: int, count: int) -> list[int]:
    """The first 32 bits behind the point of the square or cube roots of the first primes."""
    primes = [n for n in range(2, 312) if all(n % m for m in range(2, math.isqrt(n) + 1))][:count]
    return [_root_of(prime << (32 * root), root) & 0xFFFFFFFF for prime in primes]


def _root_of(number: int, root: int) -> int:
    """Rounded down."""
    low, high = 0, 1 << 40
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**root <= number else (low, middle)
    return low


_START = np.array(_fractions(2, 8), np.uint32)
_ROUND = np.array(_fractions(3, 64), np.uint32)


@compiled
def heads_of_names(before: Letters, number_D: Index) -> Bits:
    """The first 64 bits of the hash of each name: the same text, then a number; at most LONGEST letters."""
    found_D, word_WL = np.empty(len(number_D), np.uint64), np.zeros((16, _LANES), np.uint32)
    block, start = np.zeros(64, np.uint8), len(before)
    put(block, 0, before, 0, start)
    for first in range(0, len(number_D), _LANES):
        lanes = min(_LANES, len(number_D) - first)
        for lane in range(lanes):
            end = start + width_of(number_D[first + lane])
            for k in range(start, 64):
                block[k] = 0
            put_number(block, end, number_D[first + lane])
            block[end] = 128
            block[62], block[63] = end >> 5, (end << 3) & 255
            for w in range(16):
                high = np.uint32(block[4 * w]) << _24 | np.uint32(block[4 * w + 1]) << _16
                word_WL[w, lane] = high | np.uint32(block[4 * w + 2]) << _8 | np.uint32(block[4 * w + 3])
        _compress(word_WL, found_D[first : first + lanes])
    return found_D


@compiled
def _compress(word_WL: Words, found_L: Bits) -> None:
    """Every step for all lanes before the next one: loops that the compiler turns into vector instructions."""
    state_8L, sum_L = np.empty((8, _LANES), np.uint32), np.empty(_LANES, np.uint32)
    for k in range(8):
        state_8L[k] = _START[k]
    for t in range(64):
        if t >= 16:
            _next_word(word_WL[t & 15], word_WL[(t + 1) & 15], word_WL[(t + 9) & 15], word_WL[(t + 14) & 15])
        _round(state_8L, t, word_WL[t & 15], _ROUND[t], sum_L)
    for n in range(len(found_L)):
        high, low = np.uint32(state_8L[0, n] + _START[0]), np.uint32(state_8L[1, n] + _START[1])
        found_L[n] = np.uint64(high) << _32 | np.uint64(low)


@compiled
def _turned(word: np.uint32, places: int) -> np.uint32:
    return np.uint32(word >> np.uint32(places) | word << np.uint32(32 - places))


@compiled
def _next_word(w_L: Words, w1_L: Words, w9_L: Words, w14_L: Words) -> None:
    for n in range(_LANES):
        w1, w14 = w1_L[n], w14_L[n]
        small0 = _turned(w1, 7) ^ _turned(w1, 18) ^ (w1 >> np.uint32(3))
        small1 = _turned(w14, 17) ^ _turned(w14, 19) ^ (w14 >> np.uint32(10))
        w_L[n] = np.uint32(w_L[n] + small0 + w9_L[n] + small1)


@compiled
def _round(state_8L: Words, t: int, w_L: Words, constant: np.uint32, sum_L: Words) -> None:
    """One round in place: d and h change; all words move on by one name, which is to say that names move back."""
    e_L, f_L, g_L, h_L = state_8L[4 - t & 7], state_8L[5 - t & 7], state_8L[6 - t & 7], state_8L[7 - t & 7]
    for n in range(_LANES):
        e = e_L[n]
        chosen = g_L[n] ^ (e & (f_L[n] ^ g_L[n]))
        turned = _turned(e, 6) ^ _turned(e, 11) ^ _turned(e, 25)
        sum_L[n] = np.uint32(h_L[n] + turned + chosen + constant + w_L[n])
    a_L, b_L, c_L, d_L = state_8L[-t & 7], state_8L[1 - t & 7], state_8L[2 - t & 7], state_8L[3 - t & 7]
    for n in range(_LANES):
        d_L[n] = np.uint32(d_L[n] + sum_L[n])
    for n in range(_LANES):
        a = a_L[n]
        majority = (a & b_L[n]) | (c_L[n] & (a | b_L[n]))
        turned = _turned(a, 2) ^ _turned(a, 13) ^ _turned(a, 22)
        h_L[n] = np.uint32(sum_L[n] + turned + majority)
