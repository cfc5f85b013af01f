"""Texts made of few pieces, compressed while they are put together: no letter is looked at that was written before.

Raw Snappy (google/snappy, format_description.txt): literals, and copies from up to 64 KiB back. A general compressor
must search for what repeats; here each piece knows where it stood last, and pieces that follow each other there as they
do here become one copy. Whoever reads the texts sees nothing of this.
"""

import numpy as np

from generator.render.engine.compiling import compiled
from generator.rows.row_loops import Small, Small2
from generator.rows.text_loops import Letters, put, put_number, width_of
from generator.sampling.streams import Index

CONSTANT, OF_GROUP, OF_ROW, NUMBER_OF_GROUP, NUMBER_OF_ROW = range(5)
"""What a step of a text is: a piece (the same everywhere, by a column of the row's group, by one of the row), or the
digits of a number."""
_FARTHEST, _SHORTEST = 65_535, 4
"""Letters back that a copy is made from; letters of a copy."""
_LONGEST_LITERAL = 60_000


@compiled
def put_literal(out: Letters, at: int, letters: Letters, num: int) -> int:
    """Letters as they are; returns where they end."""
    if num <= 60:
        out[at] = np.uint8((num - 1) << 2)
        at += 1
    elif num <= 256:
        out[at], out[at + 1] = np.uint8(60 << 2), np.uint8(num - 1)
        at += 2
    else:
        out[at] = np.uint8(62 << 2)
        for k in range(3):
            out[at + 1 + k] = np.uint8(((num - 1) >> (8 * k)) & 255)
        at += 4
    put(out, at, letters, 0, num)
    return at + num


@compiled
def put_copy(out: Letters, at: int, back: int, length: int) -> int:
    """What stands `back` letters before, also where that reaches into what is being written; returns where it ends."""
    while length > 64:
        out[at], out[at + 1], out[at + 2] = np.uint8(254), np.uint8(back & 255), np.uint8(back >> 8)
        length -= 64
        at += 3
    out[at], out[at + 1], out[at + 2] = np.uint8(2 | (length - 1) << 2), np.uint8(back & 255), np.uint8(back >> 8)
    return at + 3


@compiled
def compressed_texts(
    begin_T: Small,
    step_E4: Small2,
    offset_Q: Small,
    letters_Q: Letters,
    template_N: Small,
    group_N: Small,
    value_GC: Small2,
    value_NC: Small2,
    number_GK: Index,
    number_NK: Index,
    first: int,
    last: int,
    most_letters: int,
) -> tuple[Small, Letters]:
    """The lengths of the texts of the rows from `first` to before `last`, and the texts behind each other, compressed.

    The steps of a row are those of its template, each (what it is, its column, its first piece, the end of the
    stretch of steps without anything of the row that begins here, or 0): the value of the column is added to give the
    piece. Rows of one group have one template; the second one copies such stretches whole from the first.
    `most_letters` of one text.
    """
    length_N = np.empty(last - first, np.int32)
    out = np.empty((last - first) * (most_letters + most_letters // 16 + 32) + 64, np.uint8)
    waiting, num_waiting = np.empty(_LONGEST_LITERAL + most_letters + 64, np.uint8), 0
    seen_Q, seen_E = np.full(len(offset_Q), -_FARTHEST - 1, np.int64), np.zeros(len(step_E4), np.int64)
    width_E, stretch, group_before = np.zeros(len(step_E4), np.int64), 0, -1
    at, place, copied, copied_from = 0, 0, 0, 0
    for n in range(first, last):
        begins, group, template = place, group_N[n], template_N[n]
        if num_waiting > _LONGEST_LITERAL:
            at = put_literal(out, at, waiting, num_waiting)
            num_waiting = 0
        e = begin_T[template]
        while e < begin_T[template + 1]:
            what, column, piece, end = step_E4[e, 0], step_E4[e, 1], step_E4[e, 2], step_E4[e, 3]
            number, here, back, width = 0, 0, place + _FARTHEST + 1, 0
            if end:
                if group == group_before and place - seen_E[e] <= _FARTHEST and width_E[e] >= _SHORTEST:
                    back, width = place - seen_E[e], width_E[e]
                stretch, seen_E[e] = e, place
            if width:
                e = end
            else:
                e += 1
                if what == NUMBER_OF_GROUP:
                    number = number_GK[group, column]
                    width = width_of(number)
                elif what == NUMBER_OF_ROW:
                    number = number_NK[n, column]
                    width = width_of(number)
                else:
                    if what == OF_GROUP:
                        piece += value_GC[group, column]
                    elif what == OF_ROW:
                        piece += value_NC[n, column]
                    here = offset_Q[piece]
                    width = offset_Q[piece + 1] - here
                    back = place - seen_Q[piece]
                    seen_Q[piece] = place
                if e == step_E4[stretch, 3]:
                    width_E[stretch] = place + width - seen_E[stretch]
                if width == 0:
                    continue
            place += width
            if copied and back == copied_from:
                copied += width
                continue
            if copied:
                at = put_copy(out, at, copied_from, copied)
                copied = 0
            if back <= _FARTHEST and width >= _SHORTEST:
                if num_waiting:
                    at = put_literal(out, at, waiting, num_waiting)
                    num_waiting = 0
                copied, copied_from = width, back
            elif what >= NUMBER_OF_GROUP:
                put_number(waiting, num_waiting + width, number)
                num_waiting += width
            else:
                put(waiting, num_waiting, letters_Q, here, here + width)
                num_waiting += width
        length_N[n - first], group_before = place - begins, group
    if copied:
        at = put_copy(out, at, copied_from, copied)
    if num_waiting:
        at = put_literal(out, at, waiting, num_waiting)
    return length_N, out[:at]
