"""The columns of a large batch by compiled loops: what `product_function.compact_rows` defines, in half the time.

Only worth its while for some hundred thousand rows a process: to load the compiler takes a second, and the loops are
compiled where no earlier run has left them in the cache. Logarithms and exponentials stay numpy's, so that every number
is the same to the last bit.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from generator.attributes import Choice, CompiledAttribute
from generator.codes import halves
from generator.prices import CompiledPrices
from generator.product_function import CompiledCatalog, categories, constants, looks_of, repeat_chance
from generator.rows import families, name_hashes, row_loops, text_loops
from generator.rows.arrow_columns import entries, looked_up, numbers
from generator.rows.families import families_begin
from generator.rows.looks import SHOT_SEED, LookTexts
from generator.streams import Bits, Floats, Index, stream_keys
from schemas.catalog import CatalogSpec
from schemas.product import SPLIT_BOUNDS, SPLITS

MOST_ROWS = 1_000_000
"""So that the letters of a column are fewer than the 2^31 which Arrow's offsets can tell apart."""


def split_by_split(spec: CatalogSpec, seed: int, index_N: Index) -> tuple[Index, Index]:
    """The product numbers with those of the first split first, else in the order given, and the split of each."""
    design_D, run_N, _ = designs(spec, seed, index_N)
    split_N = split_numbers(spec.name, seed, design_D).astype(np.int8)[run_N]
    order_N = np.argsort(split_N, kind="stable")
    return index_N[order_N], split_N[order_N].astype(np.int64)


def columns_of(
    catalog: CompiledCatalog, seed: int, index_N: Index, split_N: Index | None = None
) -> dict[str, pa.Array]:
    """The columns of `product_function.ROW_COLUMNS` for one row or more, whose splits may be known."""
    assert 0 < len(index_N) <= MOST_ROWS, len(index_N)
    spec, prices, index_N = catalog.spec, catalog.prices, np.ascontiguousarray(index_N, np.int64)
    design_D, run_N, first_D = designs(spec, seed, index_N)
    category_D = pick(catalog.category, np.zeros_like(design_D), uniform(seed, "category", design_D))
    template_D = pick(catalog.titles.choice, category_D, uniform(seed, "title", design_D))
    chosen_D = choose(catalog.of_design, seed, category_D, design_D)
    rank_N = index_N - design_D[run_N]
    radix = {attribute.name: len(attribute.values) + 1 for attribute in catalog.attributes}
    colours_N = {
        colour.name: choose_distinct(colour, seed, colour.key(category_D, chosen_D, radix), design_D, first_D, rank_N)
        for colour in catalog.attributes
        if colour.name in catalog.colours
    }
    look_N, looks = looks_of(catalog, run_N, category_D, template_D, chosen_D, colours_N, row_loops.numbered_keys)
    if catalog.colours & prices.priced:
        chosen_N = {name: colours_N[name] if name in colours_N else chosen_D[name][run_N] for name in spec.attributes}
        full_N = design_prices(prices, seed, category_D[run_N], chosen_N, design_D[run_N])
    else:
        full_N = design_prices(prices, seed, category_D, chosen_D, design_D)[run_N]
    price_N = discounted(prices, seed, full_N, index_N)
    before = _letters(families_begin(spec.name, seed))
    code_N = product_codes(seed, index_N, spec.code_digits)
    labelled_N = uniform(seed, "navigation/whether", index_N) < spec.navigation.share
    return {
        **constants(spec, len(index_N)),
        **categories(catalog, seed, index_N, category_D[run_N], labelled_N),
        "product_code": code_texts(code_N, spec.code_digits),
        "title": entries(looks.title, look_N),
        "itemurl": addresses(looks.address, look_N, code_N, spec.code_digits),
        "imageurl": picture_ids(seed, index_N, f"https://assets.{spec.shop.host}/pictures/"),
        "full_price": numbers(full_N),
        "price": numbers(price_N),
        "full_price_eur": numbers(row_loops.in_euros(full_N, prices.rate_millionths)),
        "price_eur": numbers(row_loops.in_euros(price_N, prices.rate_millionths)),
        "flg_discount": numbers((price_N < full_N).astype(np.int64)),
        "family": _texts(*text_loops.numbered_names(before, design_D, run_N)),
        "split": looked_up(SPLITS, split_numbers(spec.name, seed, design_D)[run_N] if split_N is None else split_N),
        "attributes": attribute_texts(
            looks,
            look_N,
            integers(seed, "design", design_D)[run_N],
            integers(seed, "shot", index_N),
        ),
    }


def designs(spec: CatalogSpec, seed: int, index_N: Index) -> tuple[Index, row_loops.Small, Index]:
    """`first_of_design` and `runs`: the designs of the runs, the run of each row, where each run begins."""
    keys = stream_keys(seed, "colourways")
    repeats = repeat_chance(spec)
    return row_loops.designs(index_N, row_loops.uniforms(index_N, *keys), repeats, spec.colourways.max_per_family, keys)


def uniform(seed: int, concern: str, index: Index) -> Floats:
    """`streams.uniform`."""
    return row_loops.uniforms(index, *stream_keys(seed, concern))


def integers(seed: int, concern: str, index: Index) -> Index:
    """`streams.integers`."""
    return row_loops.integers_of(index, *stream_keys(seed, concern))


def pick(choice: Choice, key_N: Index, uniform_N: Floats) -> Index:
    """`Choice.pick`."""
    return row_loops.picked(key_N, uniform_N, choice.edges, choice.value_of_cell, choice.cells, choice.num_values)


def choose(
    attributes: tuple[CompiledAttribute, ...], seed: int, category_D: Index, design_D: Index
) -> dict[str, Index]:
    """`attributes.choose`."""
    radix = {attribute.name: len(attribute.values) + 1 for attribute in attributes}
    chosen: dict[str, Index] = {}
    for attribute in attributes:
        key_D = attribute.key(category_D, chosen, radix)
        chosen[attribute.name] = pick(attribute.choice, key_D, uniform(seed, f"attribute/{attribute.name}", design_D))
    return chosen


def choose_distinct(
    attribute: CompiledAttribute, seed: int, key_D: Index, design_D: Index, first_D: Index, rank_N: Index
) -> Index:
    """`attributes.choose_distinct`, given the runs."""
    keys_R2 = _keys(seed, *(f"attribute/{attribute.name}/{rank}" for rank in range(int(rank_N.max()) + 1)))
    return row_loops.drawn_apart(key_D, first_D, rank_N, design_D, attribute.weights_KV, keys_R2)


def design_prices(
    prices: CompiledPrices, seed: int, category_D: Index, chosen: Mapping[str, Index], design_D: Index
) -> Floats:
    """`prices.design_prices`."""
    z_D, tail_E, end_E = row_loops.middle_quantiles(design_D, *stream_keys(seed, "price"))
    x_E = np.sqrt(-2.0 * np.log(np.where(tail_E > 0.5, 1 - tail_E, tail_E)))
    row_loops.put_end_quantiles(z_D, end_E, tail_E, x_E, np.log(x_E))
    price_D = prices.median_C[category_D] * np.exp(prices.spread_C[category_D] * z_D)
    for name, value_D in chosen.items():
        if name in prices.priced:
            price_D *= prices.factor[name][value_D]
    return row_loops.nearest(prices.points, row_loops.cells_of(prices.points), price_D)


def discounted(prices: CompiledPrices, seed: int, full_N: Floats, index_N: Index) -> Floats:
    """`prices.discounted`."""
    if prices.discount_share <= 0:
        return full_N.copy()
    price_N = full_N.copy()
    reduced = np.flatnonzero(uniform(seed, "discount/whether", index_N) < prices.discount_share)
    uniform_R, full_R = uniform(seed, "discount/percent", index_N[reduced]), full_N[reduced]
    which_R = np.searchsorted(prices.percent_edges[:-1], uniform_R, side="right")
    asked_R = full_R * (1 - prices.percents[which_R] / 100)
    asked_R = row_loops.nearest(prices.points, row_loops.cells_of(prices.points), asked_R)
    price_N[reduced] = np.minimum(asked_R, full_R)
    return price_N


def split_numbers(catalog: str, seed: int, design_D: Index) -> Index:
    """`families.split_numbers` of the designs' families."""
    before = _letters(families_begin(catalog, seed))
    if len(before) + len(str(int(design_D.max()))) > name_hashes.LONGEST:
        return families.split_numbers(families.family_names(catalog, seed, design_D))
    head_D = name_hashes.heads_of_names(before, design_D)
    return (head_D >= np.uint64(SPLIT_BOUNDS[0])).astype(np.int64) + (head_D >= np.uint64(SPLIT_BOUNDS[1]))


def product_codes(seed: int, index_N: Index, digits: int) -> Index:
    """`codes.product_codes`."""
    p, q, rounds = halves(digits)
    keys_R2 = _keys(seed, *(f"code/{number}" for number in range(rounds)))
    return row_loops.codes(index_N, 10 ** (digits - 1), p, q, keys_R2)


def code_texts(code_N: Index, digits: int) -> pa.StringArray:
    """`codes.code_texts`."""
    return _of_one_width(text_loops.code_letters(code_N, digits), digits, len(code_N))


def picture_ids(seed: int, index_N: Index, before: str) -> pa.StringArray:
    """`codes.picture_ids`."""
    letters = text_loops.picture_addresses(index_N, _letters(before), _keys(seed, "picture-id/0", "picture-id/1"))
    return _of_one_width(letters, len(before.encode()) + 36, len(index_N))


def addresses(before: pa.StringArray, look_N: Index, code_N: Index, digits: int) -> pa.StringArray:
    """The text of each row's look, then its code."""
    return _texts(*text_loops.addresses(look_N, *_buffers(before), code_N, digits))


def attribute_texts(looks: LookTexts, look_N: Index, design_seed_N: Index, shot_seed_N: Index) -> pa.StringArray:
    """The JSON of each row's attributes."""
    head_U, tail_U, between = _buffers(looks.attributes_head), _buffers(looks.attributes_tail), _letters(SHOT_SEED)
    return _texts(*text_loops.attribute_texts(look_N, head_U, tail_U, between, design_seed_N, shot_seed_N))


def _keys(seed: int, *concerns: str) -> Bits:
    return np.array([stream_keys(seed, concern) for concern in concerns], np.uint64)


def _letters(text: str) -> text_loops.Letters:
    return np.frombuffer(text.encode(), np.uint8)


def _buffers(texts: pa.StringArray) -> tuple[npt.NDArray[np.int32], text_loops.Letters]:
    """Offsets and letters."""
    assert texts.null_count == 0, texts.null_count
    offset_N = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1, texts.offset * 4)
    return offset_N, np.frombuffer(texts.buffers()[2] or b"", np.uint8)


def _texts(offset_N: npt.NDArray[np.int32], letters: text_loops.Letters) -> pa.StringArray:
    return pa.StringArray.from_buffers(len(offset_N) - 1, pa.py_buffer(offset_N), pa.py_buffer(letters))


def _of_one_width(letters: text_loops.Letters, width: int, num: int) -> pa.StringArray:
    return _texts(np.arange(0, width * num + 1, width, dtype=np.int32), letters)
