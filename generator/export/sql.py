"""Catalogs as SQL for SQLite and PostgreSQL: a schema, and inserts that load all or nothing.

Values come back as they went in: numbers to the last bit, text with quotes, backslashes, line ends and any language.
PostgreSQL's text cannot hold the character NUL; there it becomes U+FFFD, and is counted.
"""

import contextlib
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa

from generator.export.folder import ExportFolder
from generator.export.rows import BATCH, ExportRow
from generator.export.tables import picture_writer

TABLE = "products"
INDEXED = ("product_code", "category3_code")
_CONTROL = re.compile("[\0-\x1f\x7f]")
_ESCAPED = re.compile(r"[\0-\x1f\x7f'\\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What two databases write differently."""

    name: str
    types: dict[pa.DataType, str]
    key: str
    """Type of the primary key."""
    beginning: str
    """First statements of the inserts."""
    literal: Callable[[Any], str]


def write_sql(rows: Iterable[ExportRow], columns: pa.Schema, folder: ExportFolder, counts: Counter[str]) -> None:
    """`schema.sqlite.sql`, `products.sqlite.sql`, and both for `postgresql`; pictures are files, their paths a column.

    `row_number` is the primary key, because a faulty catalog may repeat a product code.
    """
    columns = columns.append(pa.field("image", pa.string()))
    for dialect in DIALECTS:
        with folder.open(f"schema.{dialect.name}.sql") as file:
            file.write(table_schema(columns, dialect).encode())
    path_of, remaining = picture_writer(folder), iter(rows)
    texts = [name for name in columns.names if columns.field(name).type == pa.string()]
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(folder.open(f"{TABLE}.{dialect.name}.sql")) for dialect in DIALECTS]
        for file, dialect in zip(files, DIALECTS, strict=True):
            file.write(f"{dialect.beginning}\n".encode())
        while batch := [_values(row, path_of(row)) for row in islice(remaining, BATCH)]:
            nul = sum("\0" in (row[name] or "") for row in batch for name in texts)
            counts["texts with a NUL, which PostgreSQL gets as U+FFFD"] += nul
            for file, dialect in zip(files, DIALECTS, strict=True):
                file.write(_insert(batch, columns, dialect).encode())
        for file in files:
            file.write(b"COMMIT;\n")


def table_schema(columns: pa.Schema, dialect: Dialect) -> str:
    """CREATE TABLE and the indexes."""
    lines = [f"  {_quoted('row_number')} {dialect.key} PRIMARY KEY"]
    lines += [f"  {_quoted(field.name)} {dialect.types[field.type]}" for field in columns]
    indexes = [
        f"CREATE INDEX {TABLE}_{name} ON {TABLE} ({_quoted(name)});\n" for name in INDEXED if name in columns.names
    ]
    return f"CREATE TABLE {TABLE} (\n" + ",\n".join(lines) + "\n);\n" + "".join(indexes)


def sqlite_literal(value: Any) -> str:
    """A value as SQLite reads it back. Its command line drops carriage returns, so control characters go as bytes."""
    if isinstance(value, str):
        if _CONTROL.search(value):
            return f"CAST(X'{value.encode().hex()}' AS TEXT)"
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, bool):
        return str(int(value))
    return _sqlite_real(value) if isinstance(value, float) else _number(value)


def postgresql_literal(value: Any) -> str:
    """A value as PostgreSQL reads it back, whatever `standard_conforming_strings` is."""
    if isinstance(value, str):
        if not _ESCAPED.search(value):
            return f"'{value}'"
        return "E'" + _ESCAPED.sub(_escape, value) + "'"
    return str(value).upper() if isinstance(value, bool) else _number(value)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in "'\\":
        return {"'": "''", "\\": "\\\\"}[character]
    return "\ufffd" if character == "\0" else f"\\x{ord(character):02x}"


def _sqlite_real(value: float) -> str:
    """SQLite reads short decimals exactly and may miss the last bit of others: those are whole numbers divided by,
    or multiplied with, powers of two, which is exact."""
    text = repr(value)
    if value == 0 or ("e" not in text and len(text.strip("-").replace(".", "")) <= 15):
        return text
    mantissa, exponent = math.frexp(value)
    whole, exponent = int(math.ldexp(mantissa, 53)), exponent - 53
    steps = _powers_of_two(abs(exponent))
    return "(" + f"{whole} * 1.0" + "".join(f" {'/' if exponent < 0 else '*'} {step}" for step in steps) + ")"


def _powers_of_two(exponent: int) -> Iterator[int]:
    """Factors below 2**63 with the product 2**exponent."""
    while exponent > 0:
        yield 1 << min(exponent, 62)
        exponent -= 62


def _number(value: float | int | None) -> str:
    return "NULL" if value is None else repr(value)


def _values(row: ExportRow, path: str | None) -> dict[str, Any]:
    return {"row_number": row.number, **row.values, "image": path}


def _insert(batch: list[dict[str, Any]], columns: pa.Schema, dialect: Dialect) -> str:
    names = ", ".join(map(_quoted, ("row_number", *columns.names)))
    lines = ",\n".join("(" + ", ".join(map(dialect.literal, row.values())) + ")" for row in batch)
    return f"INSERT INTO {TABLE} ({names}) VALUES\n{lines};\n"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


DIALECTS = (
    Dialect(
        name="sqlite",
        types={pa.string(): "TEXT", pa.int64(): "INTEGER", pa.float64(): "REAL", pa.bool_(): "BOOLEAN"},
        key="INTEGER",
        beginning="BEGIN;",
        literal=sqlite_literal,
    ),
    Dialect(
        name="postgresql",
        types={pa.string(): "TEXT", pa.int64(): "BIGINT", pa.float64(): "DOUBLE PRECISION", pa.bool_(): "BOOLEAN"},
        key="BIGINT",
        beginning="SET client_encoding = 'UTF8';\nBEGIN;",
        literal=postgresql_literal,
    ),
)
