"""The pages of a column from numbers and letters: what `pyarrow` would write after looking at every value again.

Every column may have missing values, so that each page begins with definition levels.
"""

import functools
import struct
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from generator.rows.file_layout import (
    DELTA_LENGTHS,
    DELTA_TEXTS,
    DICTIONARY,
    NOT_COMPRESSED,
    PLAIN,
    SNAPPY,
    ZSTD,
    Chunk,
    Page,
)
from generator.rows.page_loops import bit_packed, delta_packed
from generator.rows.row_loops import Small
from generator.rows.text_loops import Letters
from generator.rows.thrift_records import varint

ROWS_OF_A_PAGE = 10_000
"""Of long texts; columns with a dictionary have one page."""
_CODECS = {SNAPPY: pa.Codec("snappy"), ZSTD: pa.Codec("zstd")}
Bools = npt.NDArray[np.bool_]


def pieces_of(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The first row of each page of long texts, and the one after its last."""
    for first in range(start, end, ROWS_OF_A_PAGE):
        yield first, min(first + ROWS_OF_A_PAGE, end)


def same_text(value: str, num_rows: int) -> Chunk:
    """The same in every row."""
    return _numbered(plain_texts([value]), 1, _levels(num_rows) + b"\x01" + _run(num_rows, 0), num_rows)


def nothing(num_rows: int) -> Chunk:
    """Missing in every row, in a column of any depth."""
    return Chunk(pages=[_page(num_rows, PLAIN, _sized(_run(num_rows, 0)))], missing=num_rows)


def numbered_texts(column: pa.DictionaryArray) -> Chunk:
    """Texts with few values, some of which may be missing."""
    number_N = np.frombuffer(column.indices.buffers()[1], np.int32, len(column), column.indices.offset * 4)
    there_N = None
    if column.indices.null_count:
        there_N = _bits(column.indices.buffers()[0], column.indices.offset, len(column))
        number_N = number_N[there_N]
    values: list[str] = column.dictionary.to_pylist()
    return numbered(plain_texts(values), len(values), number_N, there_N=there_N)


def numbered(
    entries: bytes,
    num_entries: int,
    number_N: npt.NDArray[np.integer],
    *,
    there_N: Bools | None = None,
    codec: int = NOT_COMPRESSED,
    bounds: tuple[bytes, bytes] | None = None,
) -> Chunk:
    """Values by their numbers in a dictionary, whose entries are PLAIN-encoded; the numbers are those of the values
    that are there."""
    num_rows = len(number_N) if there_N is None else len(there_N)
    width = max(1, (num_entries - 1).bit_length())
    head = _levels(num_rows, there_N) + bytes([width]) + varint((len(number_N) + 7) // 8 << 1 | 1)
    content = _joined(head, bit_packed(number_N, width))
    return _numbered(entries, num_entries, content, num_rows, num_rows - len(number_N), codec, bounds)


def bits(value_N: Bools) -> Chunk:
    """Booleans."""
    content = _levels(len(value_N)) + np.packbits(value_N, bitorder="little").tobytes()
    return Chunk(pages=[_page(len(value_N), PLAIN, content)])


def bits_of(column: pa.BooleanArray) -> Chunk:
    """Booleans, none missing."""
    return bits(_bits(column.buffers()[1], column.offset, len(column)))


def plain_texts(values: Iterable[str]) -> bytes:
    """Length and letters of each."""
    return b"".join(struct.pack("<I", len(each)) + each for each in (value.encode() for value in values))


def texts_of_one_length(letters: Letters, width: int, num_rows: int) -> Page:
    """Texts behind each other, to be compressed with zstd."""
    content = _joined(_levels(num_rows), _same_lengths(width, width, num_rows), letters)
    return _packed_page(ZSTD, num_rows, DELTA_LENGTHS, content)


def texts_that_begin_alike(before: bytes, letters: Letters, width: int, num_rows: int) -> Page:
    """Texts that begin with `before` and end in that many letters of their own, to be compressed with zstd."""
    same, new = _same_lengths(0, len(before), num_rows), _same_lengths(len(before) + width, width, num_rows)
    content = _joined(_levels(num_rows), same, new, before, letters)
    return _packed_page(ZSTD, num_rows, DELTA_TEXTS, content)


def texts_with_new_ends(same_N: Small, new_N: Small, letters: Letters) -> Page:
    """Texts of which each has so many letters in common with the one before, and so many new ones."""
    content = _joined(_levels(len(same_N)), delta_packed(same_N), delta_packed(new_N), letters)
    return _page(len(same_N), DELTA_TEXTS, content)


def compressed_page(length_N: Small, compressed: Letters) -> Page:
    """Texts that `piece_loops.compressed_texts` has made; what stands before them in the page is added as it is."""
    head = _joined(_levels(len(length_N)), delta_packed(length_N))
    num_bytes = len(head) + int(length_N.sum(dtype=np.int64))
    tag = bytes([62 << 2]) + (len(head) - 1).to_bytes(3, "little")
    content = _joined(varint(num_bytes), tag, head, compressed)
    return Page(num_values=len(length_N), encoding=DELTA_LENGTHS, content=content, num_bytes=num_bytes)


def compressed_chunk(pages: Iterable[Page]) -> Chunk:
    """Of pages with copies."""
    return Chunk(codec=SNAPPY, pages=list(pages))


def zstd_chunk(pages: Iterable[Page]) -> Chunk:
    """Of pages that are compressed with zstd."""
    return Chunk(codec=ZSTD, pages=list(pages))


def _numbered(
    entries: bytes,
    num_entries: int,
    content: bytes,
    num_rows: int,
    missing: int = 0,
    codec: int = NOT_COMPRESSED,
    bounds: tuple[bytes, bytes] | None = None,
) -> Chunk:
    make = _page if codec == NOT_COMPRESSED else functools.partial(_packed_page, codec)
    return Chunk(
        codec=codec,
        dictionary=make(num_entries, PLAIN, entries),
        pages=[make(num_rows, DICTIONARY, content)],
        missing=missing,
        bounds=bounds,
    )


def _page(num_values: int, encoding: int, content: bytes) -> Page:
    return Page(num_values=num_values, encoding=encoding, content=content, num_bytes=len(content))


def _packed_page(codec: int, num_values: int, encoding: int, content: bytes) -> Page:
    packed: bytes = _CODECS[codec].compress(content, asbytes=True)
    return Page(num_values=num_values, encoding=encoding, content=packed, num_bytes=len(content))


def _joined(*parts: bytes | Letters) -> bytes:
    return b"".join(part if isinstance(part, bytes) else part.data for part in parts)


def _levels(num_rows: int, there_N: Bools | None = None) -> bytes:
    """Definition levels: 1 where there is a value."""
    if there_N is None:
        return _sized(_run(num_rows, 1))
    return _sized(varint((num_rows + 7) // 8 << 1 | 1) + np.packbits(there_N, bitorder="little").tobytes())


def _run(num: int, value: int) -> bytes:
    """The same number below 256 that many times."""
    return varint(num << 1) + bytes([value])


def _sized(content: bytes) -> bytes:
    return struct.pack("<I", len(content)) + content


@functools.lru_cache(maxsize=64)
def _same_lengths(first: int, further: int, num: int) -> bytes:
    """That of the first text, and that of all further ones."""
    return delta_packed(np.array([first, *[further] * (num - 1)], np.int32)).tobytes()


def _bits(buffer: pa.Buffer, offset: int, num: int) -> Bools:
    """The bits of an Arrow bitmap."""
    return np.unpackbits(np.frombuffer(buffer, np.uint8), count=offset + num, bitorder="little")[offset:].view(np.bool_)
