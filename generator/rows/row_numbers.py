"""The numbers behind many rows, by compiled loops: designs, categories, values, prices, codes; no texts yet.

Only worth its while for some hundred thousand rows a process: to load the compiler takes a second, and the loops are
compiled where no earlier run has left them in the cache. Logarithms and exponentials stay numpy's, so that every number
is the same to the last bit.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from generator.rows import name_hashes, row_loops
from generator.rows.text_loops import Letters
from generator.sampling import families
from generator.sampling.attributes import Choice, CompiledAttribute
from generator.sampling.codes import halves
from generator.sampling.families import families_begin
from generator.sampling.prices import CompiledPrices
from generator.sampling.products import CompiledCatalog, repeat_chance
from generator.sampling.streams import Bits, Floats, Index, stream_keys
from schemas.catalog import CatalogSpec
from schemas.product import SPLIT_BOUNDS

MOST_ROWS = 1_000_000
"""So that the letters of a column are fewer than the 2^31 which Arrow's offsets can tell apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowNumbers:
    """What rows are, before any of it is text. D counts designs, N rows."""

    index_N: Index
    """Product numbers."""
    design_D: Index
    """The first product of each run of rows of one design."""
    run_N: row_loops.Small
    """The run of each row."""
    category_D: Index
    template_D: Index
    chosen_D: Mapping[str, Index]
    """Values of the attributes that a design has."""
    colours_N: Mapping[str, Index]
    """Values of the others."""
    full_N: Index
    """Places among the legal prices."""
    price_N: Index
    code_N: Index
    labelled_N: npt.NDArray[np.bool_]
    design_seed_D: Index
    shot_seed_N: Index


def numbers_of(catalog: CompiledCatalog, seed: int, index_N: Index) -> RowNumbers:
    """The numbers of one row or more."""
    assert 0 < len(index_N) <= MOST_ROWS, len(index_N)
    spec, prices, index_N = catalog.spec, catalog.prices, np.ascontiguousarray(index_N, np.int64)
    design_D, run_N, first_D = designs(spec, seed, index_N)
    category_D = pick(catalog.category, np.zeros_like(design_D), uniform(seed, "category", design_D))
    chosen_D = choose(catalog.of_design, seed, category_D, design_D)
    rank_N = index_N - design_D[run_N]
    radix = {attribute.name: len(attribute.values) + 1 for attribute in catalog.attributes}
    colours_N = {
        colour.name: choose_distinct(colour, seed, colour.key(category_D, chosen_D, radix), design_D, first_D, rank_N)
        for colour in catalog.attributes
        if colour.name in catalog.colours
    }
    if catalog.colours & prices.priced:
        chosen_N = {name: colours_N[name] if name in colours_N else chosen_D[name][run_N] for name in spec.attributes}
        full_N = design_prices(prices, seed, category_D[run_N], chosen_N, design_D[run_N])
    else:
        full_N = design_prices(prices, seed, category_D, chosen_D, design_D)[run_N]
    return RowNumbers(
        index_N=index_N,
        design_D=design_D,
        run_N=run_N,
        category_D=category_D,
        template_D=pick(catalog.titles.choice, category_D, uniform(seed, "title", design_D)),
        chosen_D=chosen_D,
        colours_N=colours_N,
        full_N=full_N,
        price_N=discounted(prices, seed, full_N, index_N),
        code_N=product_codes(seed, index_N, spec.code_digits),
        labelled_N=uniform(seed, "navigation/whether", index_N) < spec.navigation.share,
        design_seed_D=integers(seed, "design", design_D),
        shot_seed_N=integers(seed, "shot", index_N),
    )


def split_by_split(spec: CatalogSpec, seed: int, index_N: Index) -> tuple[Index, Index]:
    """The product numbers with those of the first split first, else in the order given, and the split of each."""
    design_D, run_N, _ = designs(spec, seed, index_N)
    split_N = split_numbers(spec.name, seed, design_D).astype(np.int8)[run_N]
    order_N = np.argsort(split_N, kind="stable")
    return index_N[order_N], split_N[order_N].astype(np.int64)


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
    keys_R2 = keys_of(seed, *(f"attribute/{attribute.name}/{rank}" for rank in range(int(rank_N.max()) + 1)))
    return row_loops.drawn_apart(key_D, first_D, rank_N, design_D, attribute.weights_KV, keys_R2)


def design_prices(
    prices: CompiledPrices, seed: int, category_D: Index, chosen: Mapping[str, Index], design_D: Index
) -> Index:
    """The places of `prices.design_prices` among the legal ones."""
    z_D, tail_E, end_E = row_loops.middle_quantiles(design_D, *stream_keys(seed, "price"))
    x_E = np.sqrt(-2.0 * np.log(np.where(tail_E > 0.5, 1 - tail_E, tail_E)))
    row_loops.put_end_quantiles(z_D, end_E, tail_E, x_E, np.log(x_E))
    price_D = prices.median_C[category_D] * np.exp(prices.spread_C[category_D] * z_D)
    for name, value_D in chosen.items():
        if name in prices.priced:
            price_D *= prices.factor[name][value_D]
    return row_loops.nearest(prices.points, row_loops.cells_of(prices.points), price_D)


def discounted(prices: CompiledPrices, seed: int, full_N: Index, index_N: Index) -> Index:
    """The places of `prices.discounted`, given those of the full prices."""
    price_N = full_N.copy()
    if prices.discount_share <= 0:
        return price_N
    reduced = np.flatnonzero(uniform(seed, "discount/whether", index_N) < prices.discount_share)
    uniform_R, full_R = uniform(seed, "discount/percent", index_N[reduced]), full_N[reduced]
    which_R = np.searchsorted(prices.percent_edges[:-1], uniform_R, side="right")
    asked_R = prices.points[full_R] * (1 - prices.percents[which_R] / 100)
    price_N[reduced] = np.minimum(row_loops.nearest(prices.points, row_loops.cells_of(prices.points), asked_R), full_R)
    return price_N


def split_numbers(catalog: str, seed: int, design_D: Index) -> Index:
    """`families.split_numbers` of the designs' families."""
    before = letters_of(families_begin(catalog, seed))
    if len(before) + len(str(int(design_D.max()))) > name_hashes.LONGEST:
        return families.split_numbers(families.family_names(catalog, seed, design_D))
    head_D = name_hashes.heads_of_names(before, design_D)
    return (head_D >= np.uint64(SPLIT_BOUNDS[0])).astype(np.int64) + (head_D >= np.uint64(SPLIT_BOUNDS[1]))


def product_codes(seed: int, index_N: Index, digits: int) -> Index:
    """`codes.product_codes`."""
    p, q, rounds = halves(digits)
    keys_R2 = keys_of(seed, *(f"code/{number}" for number in range(rounds)))
    return row_loops.codes(index_N, 10 ** (digits - 1), p, q, keys_R2)


def keys_of(seed: int, *concerns: str) -> Bits:
    """The keys of several streams."""
    return np.array([stream_keys(seed, concern) for concern in concerns], np.uint64)


def letters_of(text: str) -> Letters:
    """The letters of a text, encoded."""
    return np.frombuffer(text.encode(), np.uint8)
