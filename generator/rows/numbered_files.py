"""The Parquet files of many rows, straight from their numbers: no column is ever laid out as text in memory.

The rows are those of `product_function.compact_rows`, which the tests compare after reading the files back.
"""

import functools
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from generator.catalog.parquet_files import ROW_GROUP
from generator.rows import column_pages, row_loops, text_loops
from generator.rows.column_pages import pieces_of
from generator.rows.compiled_rows import buffers_of
from generator.rows.file_layout import SNAPPY, Chunk, FileLayout
from generator.rows.page_loops import new_ends_of_names
from generator.rows.piece_loops import compressed_texts
from generator.rows.row_loops import Small, Small2
from generator.rows.row_numbers import RowNumbers, keys_of, letters_of, numbers_of
from generator.rows.text_pieces import TextSteps, address_steps, attribute_steps
from generator.sampling.families import families_begin
from generator.sampling.looks import numbered
from generator.sampling.products import CompiledCatalog, categories, constants
from generator.sampling.streams import Index
from schemas.product import ARROW_SCHEMA, COLUMNS, SPLITS

_NOTHING = np.zeros((0, 0), np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wordings:
    """The titles of rows by what they consist of; different wordings may read the same. W counts wordings."""

    wording_N: Small
    """The wording of each row."""
    title_W: Index
    """The number of the title of each wording."""
    titles: pa.StringArray
    """The different ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shard:
    """The rows of a shard as numbers."""

    catalog: CompiledCatalog
    seed: int
    rows: RowNumbers
    words: Wordings
    categories: dict[str, pa.Array]
    category_N: Small
    """The category entry of each row."""
    template_N: Small
    """The title template of each row."""
    value_DA: Small2
    """The value of each attribute that is no colour."""
    colour_NA: Small2


def files_of(catalog: CompiledCatalog, seed: int, index_N: Index, split_N: Index) -> Iterator[tuple[str, int, bytes]]:
    """Split, number of rows and content of a file for each split that has rows; the rows of a split stand together."""
    rows = numbers_of(catalog, seed, index_N)
    words, category_N = wordings(catalog, rows), rows.category_D[rows.run_N]
    shard = _Shard(
        catalog=catalog,
        seed=seed,
        rows=rows,
        words=words,
        categories=categories(catalog, seed, index_N, category_N, rows.labelled_N),
        category_N=category_N.astype(np.int32),
        template_N=rows.template_D[rows.run_N].astype(np.int32),
        value_DA=_side_by_side(rows.chosen_D.values(), len(rows.design_D)),
        colour_NA=_side_by_side(rows.colours_N.values(), len(index_N)),
    )
    bounds = np.searchsorted(split_N, np.arange(len(SPLITS) + 1)).tolist()
    for split, first, last in zip(SPLITS, bounds[:-1], bounds[1:], strict=True):
        if first < last:
            yield split, last - first, _file(shard, split, first, last)


def wordings(catalog: CompiledCatalog, rows: RowNumbers) -> Wordings:
    """The titles of rows."""
    titles, keys = catalog.titles, row_loops.numbered_keys
    bound = {attribute.name: len(attribute.values) + 1 for attribute in catalog.attributes}
    uses = {name: (titles.literal_TS == -1 - k).any(axis=1) for k, name in enumerate(titles.attribute_names)}
    of_design = [
        (values_D * uses[name][rows.template_D], bound[name])
        for name, values_D in rows.chosen_D.items()
        if uses[name].any()
    ]
    kind_D, row_K = numbered([(rows.template_D, len(titles.literal_TS)), *of_design], keys)
    of_row = [
        (values_N * uses[name][rows.template_D][rows.run_N], bound[name])
        for name, values_N in rows.colours_N.items()
        if uses[name].any()
    ]
    wording_N, row_W = numbered([(kind_D[rows.run_N], len(row_K)), *of_row], keys)
    design_W = rows.run_N[row_W]
    chosen_W = {name: values_D[design_W] for name, values_D in rows.chosen_D.items()}
    chosen_W |= {name: values_N[row_W] for name, values_N in rows.colours_N.items()}
    begin_A = np.cumsum([0, *map(len, titles.word_of_value)])
    value_WA = _side_by_side([chosen_W[name] for name in titles.attribute_names], len(row_W))
    word_X = np.concatenate([*titles.word_of_value, np.zeros(0, np.int64)])
    word_WS = text_loops.words_of(titles.literal_TS, rows.template_D[design_W], value_WA, word_X, begin_A)
    offset_W, letters = text_loops.joined(word_WS, *buffers_of(titles.words), text_loops.SPACE)
    buffers = [None, pa.py_buffer(offset_W), pa.py_buffer(letters)]
    different = pa.Array.from_buffers(pa.string(), len(word_WS), buffers).dictionary_encode()
    title_W = np.frombuffer(different.indices.buffers()[1], np.int32, len(word_WS)).astype(np.int64)
    return Wordings(wording_N=wording_N.astype(np.int32), title_W=title_W, titles=different.dictionary)


def _side_by_side(columns: Collection[Index], num_rows: int) -> Small2:
    """One row each for all columns."""
    found = np.empty((num_rows, len(columns)), np.int32)
    for number, column in enumerate(columns):
        found[:, number] = column
    return found


def _file(shard: _Shard, split: str, first: int, last: int) -> bytes:
    layout = FileLayout(ARROW_SCHEMA)
    for start in range(first, last, ROW_GROUP[False]):
        end = min(start + ROW_GROUP[False], last)
        chunks = {**_small_chunks(shard, split, start, end), **_text_chunks(shard, start, end)}
        chunks["image"] = [column_pages.nothing(end - start)] * 2
        layout.add_group(end - start, [chunk for name in COLUMNS for chunk in chunks[name]])
    return layout.content()


def _small_chunks(shard: _Shard, split: str, start: int, end: int) -> dict[str, list[Chunk]]:
    """The columns of few values, from row `start` to before `end`."""
    num_rows, spec, rows = end - start, shard.catalog.spec, shard.rows
    same = {name: column[0].as_py() for name, column in constants(spec, 1).items()} | {"split": split}
    found = {name: column_pages.same_text(value, num_rows) for name, value in same.items()}
    for name, column in shard.categories.items():
        part = column.slice(start, num_rows)
        found[name] = column_pages.bits_of(part) if name == "inferable" else column_pages.numbered_texts(part)
    found["title"] = _titles(shard.words, start, end)
    reduced_N = (rows.price_N[start:end] < rows.full_N[start:end]).astype(np.int64)
    bounds = struct.pack("<q", int(reduced_N.min())), struct.pack("<q", int(reduced_N.max()))
    found["flg_discount"] = column_pages.numbered(struct.pack("<qq", 0, 1), 2, reduced_N, bounds=bounds)
    return {name: [chunk] for name, chunk in (found | _prices(shard, start, end)).items()}


def _titles(words: Wordings, start: int, end: int) -> Chunk:
    number_N, row_E = row_loops.numbered_keys(words.title_W[words.wording_N[start:end]])
    which_E = words.title_W[words.wording_N[start + row_E]]
    entries = text_loops.entries(*buffers_of(words.titles), which_E).tobytes()
    return column_pages.numbered(entries, len(which_E), number_N, codec=SNAPPY)


def _prices(shard: _Shard, start: int, end: int) -> dict[str, Chunk]:
    """All four columns by the places of legal prices: one dictionary in the shop's currency, one in euros."""
    prices = shard.catalog.prices
    place_2N = np.concatenate([shard.rows.full_N[start:end], shard.rows.price_N[start:end]])
    number_2N, row_E = row_loops.numbered_keys(place_2N)
    found = {}
    for name, rows in (("full_price", slice(0, end - start)), ("price", slice(end - start, None))):
        bounds = [place_2N[rows].min(), place_2N[rows].max()]
        for column, euros in ((name, False), (f"{name}_eur", True)):
            worth = functools.partial(row_loops.in_euros, rate_millionths=prices.rate_millionths) if euros else np.copy
            low, high = worth(prices.points[bounds])
            entries = worth(prices.points[place_2N[row_E]]).tobytes()
            ends = struct.pack("<d", low), struct.pack("<d", high)
            found[column] = column_pages.numbered(entries, len(row_E), number_2N[rows], bounds=ends)
    return found


def _text_chunks(shard: _Shard, start: int, end: int) -> dict[str, list[Chunk]]:
    """The columns in which every row has a text of its own."""
    spec, seed, rows, digits = shard.catalog.spec, shard.seed, shard.rows, shard.catalog.spec.code_digits
    picture_keys, before = keys_of(seed, "picture-id/0", "picture-id/1"), f"https://assets.{spec.shop.host}/pictures/"
    codes, pictures, addresses, attributes = [], [], [], []
    for first, last in pieces_of(start, end):
        letters = text_loops.code_letters(rows.code_N[first:last], digits)
        codes.append(column_pages.texts_of_one_length(letters, digits, last - first))
        letters = text_loops.picture_addresses(rows.index_N[first:last], letters_of(""), picture_keys)
        pictures.append(column_pages.texts_that_begin_alike(before.encode(), letters, 36, last - first))
        addresses.append(column_pages.compressed_page(*_addresses(shard, first, last)))
        attributes.append(column_pages.compressed_page(*_attributes(shard, first, last)))
    names = letters_of(families_begin(spec.name, seed))
    families = new_ends_of_names(len(names), names, rows.design_D, rows.run_N[start:end])
    return {
        "product_code": [column_pages.zstd_chunk(codes)],
        "imageurl": [column_pages.zstd_chunk(pictures)],
        "itemurl": [column_pages.compressed_chunk(addresses)],
        "attributes": [column_pages.compressed_chunk(attributes)],
        "family": [Chunk(pages=[column_pages.texts_with_new_ends(*families)])],
    }


def _addresses(shard: _Shard, first: int, last: int) -> tuple[Small, text_loops.Letters]:
    steps = address_steps(shard.catalog.spec, tuple(shard.rows.colours_N))
    return _compressed(shard, steps, shard.template_N, _NOTHING, shard.rows.code_N[:, None], first, last)


def _attributes(shard: _Shard, first: int, last: int) -> tuple[Small, text_loops.Letters]:
    rows, steps = shard.rows, attribute_steps(shard.catalog.spec, tuple(shard.rows.colours_N))
    numbers = rows.design_seed_D[:, None], rows.shot_seed_N[:, None]
    return _compressed(shard, steps, shard.category_N, *numbers, first, last)


def _compressed(
    shard: _Shard, steps: TextSteps, template_N: Small, number_GK: Index, number_NK: Index, first: int, last: int
) -> tuple[Small, text_loops.Letters]:
    pieces = steps.begin_T, steps.step_E4, steps.offset_Q, steps.letters_Q
    values = shard.rows.run_N, shard.value_DA, shard.colour_NA
    return compressed_texts(*pieces, template_N, *values, number_GK, number_NK, first, last, steps.most_letters)
