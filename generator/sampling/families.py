"""The families of designs: their names, and the split that the hash of a name decides."""

import hashlib
import itertools

import numpy as np
import pyarrow as pa

from generator.sampling.arrow_columns import joined_texts, numbers
from generator.sampling.streams import Index
from schemas.product import SPLIT_BOUNDS


def families_begin(catalog: str, seed: int) -> str:
    """What stands before the number in the names of a catalog's families."""
    return f"{catalog}-{seed}-"


def family_names(catalog: str, seed: int, design_D: Index) -> pa.StringArray:
    """The name of each design's family."""
    return joined_texts(families_begin(catalog, seed), numbers(design_D).cast(pa.string()))


def split_numbers(names: pa.StringArray) -> Index:
    """For each name the number of its split in SPLITS (`schemas.product.split_of` for many names).

    One call of OpenSSL a name. SHA-256 over numpy arrays, many names at once, is no quicker.
    """
    offsets = np.frombuffer(names.buffers()[1], np.int32, len(names) + 1, names.offset * 4).tolist()
    letters, sha256 = names.buffers()[2].to_pybytes(), hashlib.sha256
    digests = b"".join([sha256(letters[a:b]).digest() for a, b in itertools.pairwise(offsets)])
    head = np.frombuffer(digests, ">u8")[::4]
    return (head >= np.uint64(SPLIT_BOUNDS[0])).astype(np.int64) + (head >= np.uint64(SPLIT_BOUNDS[1]))
