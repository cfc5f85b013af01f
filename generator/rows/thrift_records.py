"""Records in Thrift's compact protocol, in which Parquet files describe themselves.

Apache Thrift, doc/specs/thrift-compact-protocol.md. Only what `generator.rows.file_layout` needs: numbers, texts,
records and lists of them.

    >>> record({1: int32(3), 3: text("a")})
    b'\\x15\\x06(\\x01a\\x00'
"""

from collections.abc import Iterable, Mapping

Field = tuple[int, bytes]
"""The number of its type, and its content."""

_INT32, _INT64, _TEXT, _LIST, _RECORD = 5, 6, 8, 9, 12


def record(fields: Mapping[int, Field | None]) -> bytes:
    """The fields by their numbers, ascending, at most 15 apart; None is one that is left out."""
    parts, before = [], 0
    for number, field in fields.items():
        if field is not None:
            parts.append(bytes([(number - before) << 4 | field[0]]) + field[1])
            before = number
    return b"".join(parts) + b"\0"


def varint(number: int) -> bytes:
    """A number from 0, seven bits a byte."""
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def int32(number: int) -> Field:
    """A number of 32 bits with its sign."""
    return _INT32, _signed(number)


def int64(number: int) -> Field:
    """A number of 64 bits with its sign."""
    return _INT64, _signed(number)


def text(content: str | bytes) -> Field:
    """A text, or any bytes."""
    return _TEXT, _sized(content)


def inner(content: bytes) -> Field:
    """A `record` in another."""
    return _RECORD, content


def int32s(numbers: Iterable[int]) -> Field:
    """A list of numbers."""
    return _listed(_INT32, [_signed(number) for number in numbers])


def texts(contents: Iterable[str | bytes]) -> Field:
    """A list of texts."""
    return _listed(_TEXT, [_sized(content) for content in contents])


def inners(contents: Iterable[bytes]) -> Field:
    """A list of `record`s."""
    return _listed(_RECORD, list(contents))


def _listed(kind: int, items: list[bytes]) -> Field:
    head = bytes([len(items) << 4 | kind]) if len(items) < 15 else bytes([0xF0 | kind]) + varint(len(items))
    return _LIST, head + b"".join(items)


def _signed(number: int) -> bytes:
    return varint(number << 1 if number >= 0 else (-number << 1) - 1)


def _sized(content: str | bytes) -> bytes:
    content = content.encode() if isinstance(content, str) else content
    return varint(len(content)) + content
