"""Convert numpy arrays and Python lists to Arrow arrays and back, by their buffers.

`pa.array` and `pa.scalar` would do the same, but they import pandas where it is installed, which takes longer than most
commands.
"""

import functools
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from generator.sampling.streams import Index

_MOST_KEYS = 2**62
_TYPES = {"int32": pa.int32(), "int64": pa.int64(), "float64": pa.float64()}


def to_arrow(values_N: npt.NDArray[np.generic]) -> pa.Array:
    """Return numbers or booleans without nulls as an Arrow array; it shares numpy's memory where possible."""
    if values_N.dtype == np.bool_:
        return pa.Array.from_buffers(pa.bool_(), len(values_N), [None, _bitmap(values_N.astype(np.bool_))])
    kind = _TYPES[values_N.dtype.name]
    return pa.Array.from_buffers(kind, len(values_N), [None, pa.py_buffer(np.ascontiguousarray(values_N))])


def to_numpy(array: pa.Array) -> npt.NDArray[np.int32]:
    """Return an array of 32-bit integers without nulls as a numpy view of its memory."""
    assert array.type == pa.int32(), array.type
    return np.frombuffer(array.buffers()[1], np.int32, len(array), array.offset * 4)


def to_strings(values: Sequence[str | None]) -> pa.StringArray:
    """Return one string for each value; None becomes null."""
    encoded = [b"" if value is None else value.encode() for value in values]
    offsets = np.zeros(len(values) + 1, np.int32)
    np.cumsum([len(each) for each in encoded], out=offsets[1:])
    valid = None if None not in values else _bitmap(np.array([value is not None for value in values]))
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)), valid)


def fixed_width_strings(letters_NW: npt.NDArray[np.uint8]) -> pa.StringArray:
    """Return one string for each row of ASCII letters; all have the same width W."""
    num, width = letters_NW.shape
    offsets = np.arange(0, width * num + 1, width, dtype=np.int32) if width else np.zeros(num + 1, np.int32)
    return pa.StringArray.from_buffers(num, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(letters_NW)))


@functools.lru_cache(maxsize=1024)
def string_scalar(value: str) -> pa.StringScalar:
    """Return a string as an argument of Arrow's compute functions."""
    return to_strings([value])[0]


def dictionary_column(values: tuple[str | None, ...], index_N: Index) -> pa.DictionaryArray:
    """Return values[i] for each i as a dictionary array, so that Parquet and Arrow handle each value once."""
    code_V, valid_V, unique = _dictionary(values)
    valid = None if valid_V is None else _bitmap(valid_V[index_N])
    codes_N = pa.Array.from_buffers(pa.int32(), len(index_N), [valid, pa.py_buffer(code_V[index_N])])
    return pa.DictionaryArray.from_arrays(codes_N, unique)


@functools.lru_cache(maxsize=1024)
def _dictionary(
    values: tuple[str | None, ...],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_] | None, pa.StringArray]:
    """Return the code of each value among the unique ones, which values are not null (None: all), the unique values."""
    code = {value: place for place, value in enumerate(dict.fromkeys(value for value in values if value is not None))}
    code_V = np.array([0 if value is None else code[value] for value in values], np.int32)
    valid_V = np.array([value is not None for value in values]) if None in values else None
    return code_V, valid_V, to_strings([*code] or [""])


def take_entries(values: pa.DictionaryArray, index_N: Index) -> pa.DictionaryArray:
    """Return the entries at these places, with the same dictionary."""
    return pa.DictionaryArray.from_arrays(to_arrow(to_numpy(values.indices)[index_N]), values.dictionary)


def concat_strings(*parts: str | pa.Array) -> pa.StringArray:
    """Concatenate the parts of each row; a null part makes the result null."""
    arrays = [string_scalar(part) if isinstance(part, str) else part for part in parts]
    return pc.binary_join_element_wise(*arrays, string_scalar(""))


def join_non_null(columns: Sequence[pa.Array | pa.Scalar], separator: str) -> pa.StringArray:
    """Join the non-null values of each row; the result is empty where all are null. The first column is an array."""
    first = columns[0]
    if first.null_count:
        all_null = functools.reduce(pc.and_, [column.is_null() for column in columns])  # Arrow would return null there
        first = pc.if_else(all_null, string_scalar(""), first)
    return pc.binary_join_element_wise(first, *columns[1:], string_scalar(separator), null_handling="skip")


def factorize_columns(columns: Iterable[tuple[Index, int]]) -> tuple[Index, Index]:
    """Number the unique combinations of some columns, each given with an upper bound of its numbers (from 0).

    Returns the number of each row's combination and, for each combination, a row that has it.
    """
    key_N, num_keys = None, 1
    for values_N, bound in columns:
        if key_N is None:
            key_N, num_keys = values_N, bound
            continue
        if num_keys * bound > _MOST_KEYS:
            key_N, row_C = _factorize_keys(key_N)
            num_keys = len(row_C)
        key_N, num_keys = key_N * bound + values_N, num_keys * bound
    assert key_N is not None
    return _factorize_keys(key_N)


def _factorize_keys(key_N: Index) -> tuple[Index, Index]:
    encoded = to_arrow(key_N).dictionary_encode()
    number_N = to_numpy(encoded.indices).astype(np.int64)
    row_C = np.zeros(len(encoded.dictionary), np.int64)
    row_C[number_N] = np.arange(len(key_N))
    return number_N, row_C


def decode_dictionaries(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the batch with plain columns instead of dictionary columns."""
    columns = [c.dictionary_decode() if pa.types.is_dictionary(c.type) else c for c in batch.columns]
    fields = [field.with_type(column.type) for field, column in zip(batch.schema, columns, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields, batch.schema.metadata))


def _bitmap(bits_N: npt.NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(bits_N, bitorder="little"))
