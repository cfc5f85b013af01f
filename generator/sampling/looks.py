"""Which products look alike: rows with the same category, title template and values share all texts made of these.

A catalog of millions of products has some thousand such looks, so titles, addresses and the JSON of the attributes are
put together once a look.
"""

import functools
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from generator.sampling.arrow_columns import joined_texts, joined_where_there, looked_up, numbers, numbers_of, text
from generator.sampling.streams import Index
from generator.sampling.titles import CompiledTitles, joined, title_words
from schemas.catalog import CatalogSpec, drawing_word, drawn_attribute

_MOST_NUMBERS = 2**62
SHOT_SEED = ', "shot_seed": '
"""In the JSON of the attributes between the two seeds."""


@dataclass(frozen=True, slots=True)
class LookTexts:
    """The texts of each look."""

    title: pa.DictionaryArray
    address: pa.StringArray
    """Of the product's page, up to its code."""
    attributes_head: pa.StringArray
    """The JSON before the design's seed."""
    attributes_tail: pa.StringArray
    """The JSON behind the shot's seed."""


def dense(key_N: Index) -> tuple[Index, Index]:
    """Number the different keys: the number of each row's key and, for each key, a row that has it."""
    encoded = numbers(key_N).dictionary_encode()
    number_N = numbers_of(encoded.indices).astype(np.int64)
    row_K = np.zeros(len(encoded.dictionary), np.int64)
    row_K[number_N] = np.arange(len(key_N))
    return number_N, row_K


def numbered(
    columns: Iterable[tuple[Index, int]], numbered_keys: Callable[[Index], tuple[Index, Index]] = dense
) -> tuple[Index, Index]:
    """Number the different combinations of some columns, each given with a bound of its numbers (from 0).

    Returns the number of each row's combination and, for each combination, a row that has it.
    """
    key_N, num_keys = None, 1
    for values_N, bound in columns:
        if key_N is None:
            key_N, num_keys = values_N, bound
            continue
        if num_keys * bound > _MOST_NUMBERS:
            key_N, row_K = numbered_keys(key_N)
            num_keys = len(row_K)
        key_N, num_keys = key_N * bound + values_N, num_keys * bound
    assert key_N is not None
    return numbered_keys(key_N)


def look_texts(
    spec: CatalogSpec, titles: CompiledTitles, category_U: Index, template_U: Index, chosen: Mapping[str, Index]
) -> LookTexts:
    """The texts of looks, given what they consist of: category entry, title template, the value of each attribute."""
    words_US = title_words(titles, template_U, chosen)
    slugs = joined(titles.slugs, words_US, "-")
    before_code = pc.if_else(pc.equal(slugs, text("")), text("p"), text("-p"))
    silhouettes, drawn_values, named_values = value_texts(spec)
    drawn = [_looked_up(silhouettes, category_U), *(_looked_up(drawn_values[n], chosen[n]) for n in drawn_values)]
    named = [_looked_up(named_values[name], chosen[name]) for name in named_values]
    return LookTexts(
        title=joined(titles.words, words_US, " ").dictionary_encode(),
        address=joined_texts(f"https://{spec.shop.host}/", slugs, before_code),
        attributes_head=joined_texts("{", joined_where_there(drawn, ", "), ', "design_seed": '),
        attributes_tail=joined_texts(', "choices": {', joined_where_there(named, ", "), "}}"),
    )


_Texts = tuple[str | None, ...]


@functools.lru_cache(maxsize=8)
def value_texts(spec: CatalogSpec) -> tuple[_Texts, dict[str, _Texts], dict[str, _Texts]]:
    """The JSON of each entry's silhouette, and by attribute of each value as it is drawn, and as the spec names it.

    The number after an attribute's last value stands for none at all.
    """
    drawn, named = {}, {}
    for name, attribute in spec.attributes.items():
        word, values = drawn_attribute(name, attribute), attribute.values.items()
        named[name] = (*(_pair(name, key) for key in attribute.values), None)
        if word is not None:
            drawn[name] = (*(_pair(word, drawing_word(key, value)) for key, value in values), None)
    return tuple(_pair("silhouette", category.silhouette) for category in spec.categories), drawn, named


def _pair(name: str, value: str) -> str:
    return json.dumps({name: value})[1:-1]


def _looked_up(values: _Texts, index_N: Index) -> pa.StringArray:
    return looked_up(values, index_N).dictionary_decode()
