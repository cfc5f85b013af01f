"""Arrow arrays from numpy arrays and Python lists, by their buffers.

`pa.array` and `pa.scalar` would do, but they import pandas if it is installed, which takes longer than many a command.
"""

import functools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from generator.sampling.streams import Index

_TYPES = {"int32": pa.int32(), "int64": pa.int64(), "float64": pa.float64()}


def numbers(values_N: npt.NDArray[np.generic]) -> pa.Array:
    """Numbers or booleans without missing ones; the memory is shared with numpy where it can be."""
    if values_N.dtype == np.bool_:
        return pa.Array.from_buffers(pa.bool_(), len(values_N), [None, _bitmap(values_N.astype(np.bool_))])
    kind = _TYPES[values_N.dtype.name]
    return pa.Array.from_buffers(kind, len(values_N), [None, pa.py_buffer(np.ascontiguousarray(values_N))])


def texts(values: Sequence[str | None]) -> pa.StringArray:
    """One text for each value; None is a missing one."""
    encoded = [b"" if value is None else value.encode() for value in values]
    offsets = np.zeros(len(values) + 1, np.int32)
    np.cumsum([len(each) for each in encoded], out=offsets[1:])
    there = None if None not in values else _bitmap(np.array([value is not None for value in values]))
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)), there)


def texts_of_one_width(letters_NW: npt.NDArray[np.uint8]) -> pa.StringArray:
    """One text a row of ASCII letters."""
    num, width = letters_NW.shape
    offsets = np.arange(0, width * num + 1, width, dtype=np.int32) if width else np.zeros(num + 1, np.int32)
    return pa.StringArray.from_buffers(num, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(letters_NW)))


@functools.lru_cache(maxsize=1024)
def text(value: str) -> pa.StringScalar:
    """One text, for the compute functions of Arrow."""
    return texts([value])[0]


def looked_up(values: tuple[str | None, ...], index_N: Index) -> pa.DictionaryArray:
    """values[i] for each i, held as a dictionary: Parquet and Arrow then treat every value once, not once a row."""
    number_V, there_V, different = _dictionary(values)
    there = None if there_V is None else _bitmap(there_V[index_N])
    numbers_N = pa.Array.from_buffers(pa.int32(), len(index_N), [there, pa.py_buffer(number_V[index_N])])
    return pa.DictionaryArray.from_arrays(numbers_N, different)


@functools.lru_cache(maxsize=1024)
def _dictionary(
    values: tuple[str | None, ...],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_] | None, pa.StringArray]:
    """The number of each value among the different ones, which are there (None: all), and the different ones."""
    number = {value: place for place, value in enumerate(dict.fromkeys(value for value in values if value is not None))}
    number_V = np.array([0 if value is None else number[value] for value in values], np.int32)
    there_V = np.array([value is not None for value in values]) if None in values else None
    return number_V, there_V, texts([*number] or [""])


def entries(values: pa.DictionaryArray, index_N: Index) -> pa.DictionaryArray:
    """The entries of those numbers, with the same dictionary."""
    return pa.DictionaryArray.from_arrays(numbers(numbers_of(values.indices)[index_N]), values.dictionary)


def numbers_of(array: pa.Array) -> npt.NDArray[np.int32]:
    """The 32-bit numbers of an array without missing ones, as numpy sees them."""
    assert array.type == pa.int32(), array.type
    return np.frombuffer(array.buffers()[1], np.int32, len(array), array.offset * 4)


def joined_texts(*parts: str | pa.Array) -> pa.StringArray:
    """The parts of each row in one text; a missing part makes it missing."""
    arrays = [text(part) if isinstance(part, str) else part for part in parts]
    return pc.binary_join_element_wise(*arrays, text(""))


def joined_where_there(columns: Sequence[pa.Array], separator: str) -> pa.StringArray:
    """One text a row of those that are not missing; empty where all are."""
    nothing = functools.reduce(pc.and_, [column.is_null() for column in columns])  # Arrow would leave such rows out
    first = pc.if_else(nothing, text(""), columns[0])
    return pc.binary_join_element_wise(first, *columns[1:], text(separator), null_handling="skip")


def plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch without dictionaries: every column as it reads."""
    columns = [c.dictionary_decode() if pa.types.is_dictionary(c.type) else c for c in batch.columns]
    fields = [field.with_type(column.type) for field, column in zip(batch.schema, columns, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields, batch.schema.metadata))


def _bitmap(bits_N: npt.NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(bits_N, bitorder="little"))
