"""A Parquet file from finished pages: page headers with checksums, column chunks, row groups, the footer.

Apache Parquet's format (parquet.thrift, README.md); numbers of types, encodings and codecs are those of the format.
pyarrow's writer takes values only, and what it does to each of them costs more than to draw it; here a column's pages
come as bytes from `generator.rows.column_pages`.
"""

import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from generator.rows.thrift_records import inner, inners, int32, int32s, int64, record, text, texts

PLAIN, RLE, DELTA_LENGTHS, DELTA_TEXTS, DICTIONARY = 0, 3, 6, 7, 8
"""Encodings: as it is; runs; lengths first; what differs from the text before; numbers of a dictionary's entries."""
NOT_COMPRESSED, SNAPPY, ZSTD = 0, 1, 6
_MAGIC = b"PAR1"
_CREATED_BY = "toile version 1.0.0 (build 1)"
"""In the form that readers look for."""
_KINDS = {pa.bool_(): 0, pa.int64(): 2, pa.float64(): 5, pa.string(): 6, pa.binary(): 6}
_OPTIONAL, _UTF8 = 1, 0
_DATA_PAGE, _DICTIONARY_PAGE = 0, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The content of one page, compressed as its column is."""

    num_values: int
    """Missing ones too; entries of a dictionary."""
    encoding: int
    content: bytes
    num_bytes: int
    """Before it was compressed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One column of one row group."""

    codec: int = NOT_COMPRESSED
    dictionary: Page | None = None
    pages: Sequence[Page]
    missing: int = 0
    bounds: tuple[bytes, bytes] | None = None
    """The lowest and the highest value, encoded; None where they say nothing."""


@dataclass(frozen=True, slots=True)
class FileLayout:
    """A file in the making."""

    schema: pa.Schema
    parts: list[bytes] = field(default_factory=lambda: [_MAGIC])
    groups: list[bytes] = field(default_factory=list)
    group_rows: list[int] = field(default_factory=list)

    def add_group(self, num_rows: int, chunks: Iterable[Chunk]) -> None:
        """A row group: a chunk for each leaf of the schema, in order."""
        start = at = sum(map(len, self.parts))
        columns, num_bytes = [], 0
        for (path, kind), chunk in zip(leaves(self.schema), chunks, strict=True):
            written = [] if chunk.dictionary is None else _written(chunk.dictionary, _DICTIONARY_PAGE)
            first_data = at + sum(map(len, written))
            for page in chunk.pages:
                written += _written(page, _DATA_PAGE)
            size = sum(map(len, written))
            packed = sum(len(page.content) for page in (chunk.dictionary, *chunk.pages) if page is not None)
            unpacked = sum(page.num_bytes for page in (chunk.dictionary, *chunk.pages) if page is not None)
            columns.append(_column(path, kind, chunk, (at, first_data), (size - packed + unpacked, size)))
            num_bytes += size - packed + unpacked
            self.parts.extend(written)
            at += size
        group = {1: inners(columns), 2: int64(num_bytes), 3: int64(num_rows), 5: int64(start), 6: int64(at - start)}
        self.groups.append(record(group))
        self.group_rows.append(num_rows)

    def content(self) -> bytes:
        """The whole file."""
        metadata: Mapping[bytes, bytes] = self.schema.metadata or {}
        order = record({1: inner(record({}))})
        footer = record(
            {
                1: int32(2),
                2: inners(_schema_elements(self.schema)),
                3: int64(sum(self.group_rows)),
                4: inners(self.groups),
                5: inners(record({1: text(key), 2: text(value)}) for key, value in metadata.items()),
                6: text(_CREATED_BY),
                7: inners(order for _ in leaves(self.schema)),
            }
        )
        return b"".join([*self.parts, footer, struct.pack("<I", len(footer)), _MAGIC])


def leaves(schema: pa.Schema) -> list[tuple[tuple[str, ...], pa.DataType]]:
    """The columns as Parquet counts them: path and type."""
    found: list[tuple[tuple[str, ...], pa.DataType]] = []
    for each in schema:
        if pa.types.is_struct(each.type):
            found += [((each.name, part.name), part.type) for part in each.type]
        else:
            found.append(((each.name,), each.type))
    return found


def _written(page: Page, kind: int) -> list[bytes]:
    """Header and content."""
    crc = zlib.crc32(page.content)
    data = {1: int32(page.num_values), 2: int32(page.encoding), 3: int32(RLE), 4: int32(RLE)}
    entries = {1: int32(page.num_values), 2: int32(page.encoding)}
    header = {
        1: int32(kind),
        2: int32(page.num_bytes),
        3: int32(len(page.content)),
        4: int32(crc - (1 << 32) if crc >> 31 else crc),
        5: inner(record(data)) if kind == _DATA_PAGE else None,
        7: inner(record(entries)) if kind == _DICTIONARY_PAGE else None,
    }
    return [record(header), page.content]


def _column(
    path: tuple[str, ...], kind: pa.DataType, chunk: Chunk, places: tuple[int, int], num_bytes: tuple[int, int]
) -> bytes:
    """What the footer says of a chunk: where it begins and its data, its size before and after compression."""
    start, first_data = places
    low, high = chunk.bounds or (None, None)
    pages = [*([chunk.dictionary] if chunk.dictionary else []), *chunk.pages]
    statistics = {
        3: int64(chunk.missing),
        5: None if high is None else text(high),
        6: None if low is None else text(low),
    }
    about = {
        1: int32(_KINDS[kind]),
        2: int32s(dict.fromkeys([RLE, *(page.encoding for page in pages)])),
        3: texts(path),
        4: int32(chunk.codec),
        5: int64(sum(page.num_values for page in chunk.pages)),
        6: int64(num_bytes[0]),
        7: int64(num_bytes[1]),
        9: int64(first_data),
        11: None if chunk.dictionary is None else int64(start),
        12: inner(record(statistics)),
    }
    return record({2: int64(0), 3: inner(record(about))})


def _schema_elements(schema: pa.Schema) -> list[bytes]:
    """The root, then every column before its parts; every one may be missing."""
    elements = [record({4: text("schema"), 5: int32(len(schema))})]
    for each in schema:
        if pa.types.is_struct(each.type):
            elements.append(record({3: int32(_OPTIONAL), 4: text(each.name), 5: int32(each.type.num_fields)}))
            elements += [_element(part.name, part.type) for part in each.type]
        else:
            elements.append(_element(each.name, each.type))
    return elements


def _element(name: str, kind: pa.DataType) -> bytes:
    is_text = pa.types.is_string(kind)
    element = {
        1: int32(_KINDS[kind]),
        3: int32(_OPTIONAL),
        4: text(name),
        6: int32(_UTF8) if is_text else None,
        10: inner(record({1: inner(record({}))})) if is_text else None,
    }
    return record(element)
