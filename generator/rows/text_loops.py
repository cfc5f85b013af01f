"""The texts of many rows as compiled loops that write letters straight into the buffers of Arrow arrays."""

import numpy as np
import numpy.typing as npt

from generator.render.engine.compiling import compiled
from generator.rows.row_loops import Small, Small2, random_bits
from generator.sampling.streams import Bits, Index

Letters = npt.NDArray[np.uint8]

_ZERO = np.uint8(ord("0"))
_HYPHEN = np.uint8(ord("-"))
SPACE = np.uint8(ord(" "))
_FOUR_DIGITS = np.frombuffer(b"".join(b"%04d" % number for number in range(10_000)), np.uint8)
_TWO_HEX = np.frombuffer(b"".join(b"%02X" % number for number in range(256)), np.uint8)


@compiled
def put(letters: Letters, start: int, source: Letters, first: int, last: int) -> None:
    """Copy source[first:last] to where `start` is."""
    there, here = np.uint64(start), np.uint64(first)  # unsigned: numba need not look for negative places
    for k in range(np.uint64(last - first)):
        letters[there + k] = source[here + k]


@compiled
def width_of(number: int) -> int:
    """Decimal digits of a number from 0."""
    width, bound = (9, 1_000_000_000) if number >= 100_000_000 else (1, 10)
    while number >= bound and width < 19:
        width += 1
        bound *= 10
    return width


@compiled
def put_number(letters: Letters, end: int, number: int) -> int:
    """Write a number from 0 so that it ends before `end`; returns where it begins."""
    while number >= 10_000:
        higher = number // 10_000
        four = (number - higher * 10_000) * 4
        letters[end - 4] = _FOUR_DIGITS[four]
        letters[end - 3] = _FOUR_DIGITS[four + 1]
        letters[end - 2] = _FOUR_DIGITS[four + 2]
        letters[end - 1] = _FOUR_DIGITS[four + 3]
        number = higher
        end -= 4
    while True:
        higher = number // 10
        end -= 1
        letters[end] = _ZERO + np.uint8(number - higher * 10)
        number = higher
        if number == 0:
            return end


@compiled
def numbered_names(before: Letters, number_N: Index, run_N: Small) -> tuple[Small, Letters]:
    """The same text before a number, for each row the number of its run."""
    start, end = len(before), 0
    offset_N = np.empty(len(run_N) + 1, np.int32)
    for n in range(len(run_N)):
        offset_N[n] = end
        end += start + width_of(number_N[run_N[n]])
    offset_N[len(run_N)] = end
    letters = np.empty(end, np.uint8)
    for n in range(len(run_N)):
        put(letters, offset_N[n], before, 0, start)
        put_number(letters, offset_N[n + 1], number_N[run_N[n]])
    return offset_N, letters


@compiled
def addresses(look_N: Index, offset_U: Small, before_U: Letters, code_N: Index, digits: int) -> tuple[Small, Letters]:
    """The text of each row's look, then its code."""
    end, offset_N = 0, np.empty(len(look_N) + 1, np.int32)
    for n in range(len(look_N)):
        offset_N[n] = end
        end += offset_U[look_N[n] + 1] - offset_U[look_N[n]] + digits
    offset_N[len(look_N)] = end
    letters = np.empty(end, np.uint8)
    for n in range(len(look_N)):
        look = look_N[n]
        put(letters, offset_N[n], before_U, offset_U[look], offset_U[look + 1])
        put_number(letters, offset_N[n + 1], code_N[n])
    return offset_N, letters


@compiled
def words_of(literal_TS: Index, template_W: Index, value_WA: Small2, word_X: Index, begin_A: Index) -> Small2:
    """`titles.title_words`: the words of the values of attribute a begin at `begin_A` in `word_X`."""
    word_WS = np.empty((len(template_W), literal_TS.shape[1]), np.int32)
    for w in range(len(template_W)):
        for s in range(literal_TS.shape[1]):
            word = literal_TS[template_W[w], s]
            attribute = -1 - word
            word_WS[w, s] = word_X[begin_A[attribute] + value_WA[w, attribute]] if attribute >= 0 else word
    return word_WS


@compiled
def joined(word_WS: Small2, offset_V: Small, letters_V: Letters, separator: np.uint8) -> tuple[Small, Letters]:
    """The words of each row, words of no letters left out."""
    offset_W, end = np.empty(len(word_WS) + 1, np.int32), 0
    for w in range(len(word_WS)):
        offset_W[w] = end
        begins = end
        for word in word_WS[w]:
            width = offset_V[word + 1] - offset_V[word]
            end += width + (1 if width and end > begins else 0)
    offset_W[len(word_WS)] = end
    letters, at = np.empty(end, np.uint8), 0
    for w in range(len(word_WS)):
        for word in word_WS[w]:
            first, last = offset_V[word], offset_V[word + 1]
            if first < last and at > offset_W[w]:
                letters[at] = separator
                at += 1
            put(letters, at, letters_V, first, last)
            at += last - first
    return offset_W, letters


@compiled
def entries(offset_U: Small, letters_U: Letters, which_E: Index) -> Letters:
    """Some texts behind each other, each after its length, as Parquet's dictionaries hold them."""
    num_bytes = 0
    for e in range(len(which_E)):
        num_bytes += 4 + offset_U[which_E[e] + 1] - offset_U[which_E[e]]
    letters, at = np.empty(num_bytes, np.uint8), 0
    for e in range(len(which_E)):
        first, last = offset_U[which_E[e]], offset_U[which_E[e] + 1]
        for k in range(4):
            letters[at + k] = np.uint8(((last - first) >> (8 * k)) & 255)
        put(letters, at + 4, letters_U, first, last)
        at += 4 + last - first
    return letters


@compiled
def code_letters(code_N: Index, digits: int) -> Letters:
    """Codes of that many digits, one behind the other."""
    letters = np.empty(len(code_N) * digits, np.uint8)
    for n in range(len(code_N)):
        put_number(letters, (n + 1) * digits, code_N[n])
    return letters


@compiled
def picture_addresses(index_N: Index, before: Letters, keys_22: Bits) -> Letters:
    """`codes.picture_ids`: the text before each, then a version-4 UUID of 36 letters."""
    start, width = len(before), len(before) + 36
    letters = np.empty(len(index_N) * width, np.uint8)
    hyphens = (8, 13, 18, 23)
    places = (0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34)
    for n in range(len(index_N)):
        at = n * width
        put(letters, at, before, 0, start)
        at += start
        high = random_bits(index_N[n], keys_22[0, 0], keys_22[0, 1])
        low = random_bits(index_N[n], keys_22[1, 0], keys_22[1, 1])
        high = (high & ~np.uint64(0xF000)) | np.uint64(0x4000)
        low = (low & ~np.uint64(0xC000000000000000)) | np.uint64(0x8000000000000000)
        for k in range(4):
            letters[at + hyphens[k]] = _HYPHEN
        for k in range(8):
            pair = np.int64((high >> np.uint64(56 - 8 * k)) & np.uint64(255)) * 2
            letters[at + places[k]] = _TWO_HEX[pair]
            letters[at + places[k] + 1] = _TWO_HEX[pair + 1]
            pair = np.int64((low >> np.uint64(56 - 8 * k)) & np.uint64(255)) * 2
            letters[at + places[8 + k]] = _TWO_HEX[pair]
            letters[at + places[8 + k] + 1] = _TWO_HEX[pair + 1]
    return letters


@compiled
def attribute_texts(
    look_N: Index,
    head_U: tuple[Small, Letters],
    tail_U: tuple[Small, Letters],
    between: Letters,
    design_seed_N: Index,
    shot_seed_N: Index,
) -> tuple[Small, Letters]:
    """The head of each row's look, the seed of its design, the text between, the seed of its shot, the look's tail."""
    head_at, heads = head_U
    tail_at, tails = tail_U
    offset_N = np.empty(len(look_N) + 1, np.int32)
    offset_N[0] = 0
    for n in range(len(look_N)):
        look = look_N[n]
        width = head_at[look + 1] - head_at[look] + tail_at[look + 1] - tail_at[look] + len(between)
        offset_N[n + 1] = offset_N[n] + width + width_of(design_seed_N[n]) + width_of(shot_seed_N[n])
    letters = np.empty(offset_N[len(look_N)], np.uint8)
    for n in range(len(look_N)):
        look = look_N[n]
        put(letters, offset_N[n], heads, head_at[look], head_at[look + 1])
        at = offset_N[n + 1] - (tail_at[look + 1] - tail_at[look])
        put(letters, at, tails, tail_at[look], tail_at[look + 1])
        at = put_number(letters, at, shot_seed_N[n]) - len(between)
        put(letters, at, between, 0, len(between))
        put_number(letters, at, design_seed_N[n])
    return offset_N, letters
