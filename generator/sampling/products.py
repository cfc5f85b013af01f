"""Sample product number i as a pure function of (spec, seed, i), whatever the order, the range or the worker count.

Rows are computed for whole arrays of i at once and become Arrow columns without a Python string for each row. `product`
returns row i of that same path.

    >>> from schemas import load
    >>> product(load("fashion-luxury", "catalog"), seed=0, i=12).title
    'Acetate Sunglasses'

Suffixes of array names say what the array counts: N rows, D designs (runs of consecutive rows of one family), K kinds
of products, C combinations of what a design decides, U combinations that decide a row's texts, W sequences of a title's
words, L labelled rows, V values, B blocks of consecutive products, P places in a block.
"""

import functools
import hashlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from generator.sampling.arrow_columns import (
    concat_strings,
    decode_dictionaries,
    dictionary_column,
    take_entries,
    to_arrow,
)
from generator.sampling.attributes import (
    Choice,
    CompiledAttribute,
    compile_attributes,
    find_runs,
    sample_attributes,
    sample_without_replacement,
)
from generator.sampling.codes import format_codes, image_ids, num_codes, product_codes
from generator.sampling.prices import (
    CompiledPrices,
    apply_discounts,
    compile_prices,
    convert_to_euros,
    sample_full_prices,
)
from generator.sampling.streams import Floats, Index, integers, uniform
from generator.sampling.titles import (
    CompiledTitles,
    compile_titles,
    fill_templates,
    list_title_attributes,
    sample_templates,
    unique_text_keys,
)
from schemas.catalog import MISSING_LABEL, CatalogSpec, list_kinds, rendered_attribute
from schemas.errors import ToileError, json_path
from schemas.evaluation import SPLITS
from schemas.product import ARROW_SCHEMA, COLUMNS, SPLIT_BOUNDS, Product, from_batch

ROW_COLUMNS = tuple(name for name in COLUMNS if name != "image")
_BATCH = 50_000
_FAMILIES_IN_BLOCK = 16
"""Length of a block of products in largest families, where categories have different colourways."""
TITLES_IN_BLOCK, _MOST_ATTEMPTS = 2048, 16
"""Products whose titles are compared with each other, and attempts to find a new title."""
_MOST_PLACES = 2**20
"""Places of blocks that are in memory at once."""
_MOST_ITERATIONS, _BISECTIONS, _PRECISION = 200, 50, 1e-13
"""Of the search for the probabilities of another colour."""


@dataclass(frozen=True, slots=True)
class CompiledCatalog:
    """A spec as tables, made once and used for any number of products."""

    spec: CatalogSpec
    attributes: tuple[CompiledAttribute, ...]
    colours: frozenset[str]
    """The attributes that decide the rendered colour: sampled per product, not per design."""
    of_design: tuple[CompiledAttribute, ...]
    """The other attributes."""
    prices: CompiledPrices
    titles: CompiledTitles
    kind: Choice
    colourways: "CompiledColourways"
    label: Choice


@dataclass(frozen=True, slots=True)
class CompiledColourways:
    """How products form families, by kind; see `compile_colourways`."""

    block: int
    """A product whose number is a multiple of this starts a family."""
    repeats_K: Floats
    """Probability that a product is a further colour of the design before it."""
    longest_K: Index
    """Most colours of a design."""
    mean_size_K: Floats
    """Expected number of colours of a design."""
    starts_P: Floats
    """Share of the designs that start at each place of a block."""
    same: bool
    """Whether all kinds have the same numbers."""


@dataclass(frozen=True, slots=True)
class _Named:
    """A spec and its name in error messages, which does not count for equality."""

    spec: CatalogSpec
    where: str = field(compare=False)


def compile_catalog(spec: CatalogSpec, where: str = "catalog") -> CompiledCatalog:
    """Compile a spec to tables; raise ToileError for faults that only show up here (a rule that leaves no value)."""
    return _compiled(_Named(spec, where))


@functools.lru_cache(maxsize=8)
def _compiled(named: _Named) -> CompiledCatalog:
    spec, where = named.spec, named.where
    share_K = np.array([kind.share for kind in list_kinds(spec)])
    attributes = compile_attributes(spec, where)
    colours = frozenset(n for n, attribute in spec.attributes.items() if rendered_attribute(n, attribute) == "colour")
    return CompiledCatalog(
        spec=spec,
        attributes=attributes,
        colours=colours,
        of_design=tuple(attribute for attribute in attributes if attribute.name not in colours),
        prices=compile_prices(spec, where),
        titles=compile_titles(spec),
        kind=Choice.of(share_K[None, :]),
        colourways=compile_colourways(spec, where),
        label=Choice.of(np.array([list(spec.navigation.labels.values())])),
    )


def check_codes(spec: CatalogSpec, num_products: int) -> None:
    """Raise ToileError for more products than there are codes for, with some to spare (8 digits: 50 million)."""
    most = num_codes(spec.code_digits) * 5 // 9
    if num_products > most:
        problem = f"{spec.code_digits} digits give codes for {most:,} products, not {num_products:,}"
        raise ToileError(f"{spec.name}: code_digits", problem, f"set code_digits: {len(str(num_products * 2))} or more")


def product(spec: CatalogSpec, seed: int, i: int) -> Product:
    """Return product number i >= 0 of the catalog, without its image (`generator.draw` renders that from it)."""
    return next(from_batch(rows(spec, seed, np.array([i]))))


def products(spec: CatalogSpec, seed: int, start: int, num_products: int) -> Iterator[Product]:
    """Yield products start, start + 1, ... of the catalog, without images."""
    for first in range(start, start + num_products, _BATCH):
        last = min(first + _BATCH, start + num_products)
        yield from from_batch(rows(spec, seed, np.arange(first, last)))


def rows(spec: CatalogSpec, seed: int, index_N: Index) -> pa.RecordBatch:
    """Return the rows of the given product numbers in that order, all columns but the image.

    Raises ToileError where an index exceeds the number of codes that the spec's `code_digits` allow.
    """
    return decode_dictionaries(dictionary_rows(spec, seed, index_N))


def dictionary_rows(spec: CatalogSpec, seed: int, index_N: Index, split_N: Index | None = None) -> pa.RecordBatch:
    """Return the same rows with columns of few values (brand, category, title, ...) as dictionaries.

    `split_N` are the splits of the products (`sample_splits`) where the caller knows them: they are slow to compute.
    """
    catalog = compile_catalog(spec)
    check_codes(spec, int(index_N.max(initial=-1)) + 1)
    columns = _columns(catalog, seed, index_N, split_N)
    fields = [ARROW_SCHEMA.field(name).with_type(columns[name].type) for name in ROW_COLUMNS]
    return pa.RecordBatch.from_arrays([columns[name] for name in ROW_COLUMNS], schema=pa.schema(fields))


def sample_splits(spec: CatalogSpec, seed: int, index_N: Index) -> Index:
    """Return the number of each product's split in SPLITS."""
    design_N = family_start(spec, seed, index_N)
    first_D, run_N = find_runs(design_N)
    return split_numbers(_family_prefix(spec.name, seed), design_N[first_D])[run_N]


def _columns(catalog: CompiledCatalog, seed: int, index_N: Index, split_N: Index | None) -> dict[str, pa.Array]:
    """Compute what a design decides once for consecutive colourways, and texts once for each combination."""
    spec, num_rows = catalog.spec, len(index_N)
    design_N = family_start(spec, seed, index_N)
    first_D, run_N = find_runs(design_N)
    design_D = design_N[first_D]
    kind_D = sample_kinds(catalog, seed, design_D)
    kind_N = kind_D[run_N]
    template_D, chosen_D = _sample_designs(catalog, seed, kind_D, design_D)
    colours_N = _sample_colours(catalog, seed, index_N, design_N, run_N, kind_D, chosen_D)
    key_N, shared = unique_text_keys(spec, catalog.titles, run_N, kind_D, template_D, chosen_D, colours_N)
    if catalog.colours & catalog.prices.priced:
        chosen_N = {name: colours_N[name] if name in colours_N else chosen_D[name][run_N] for name in spec.attributes}
        full_N = sample_full_prices(catalog.prices, seed, kind_N, chosen_N, design_N)
    else:
        full_N = sample_full_prices(catalog.prices, seed, kind_D, chosen_D, design_D)[run_N]
    price_N = apply_discounts(catalog.prices, seed, kind_N, full_N, index_N)
    family = _family_prefix(spec.name, seed)
    split_N = split_numbers(family, design_D)[run_N] if split_N is None else split_N
    codes = format_codes(product_codes(spec.name, seed, index_N, spec.code_digits), spec.code_digits)
    key, run = to_arrow(key_N), to_arrow(run_N)
    return {
        **_constant_columns(spec, num_rows),
        **_category_columns(catalog, seed, index_N, kind_N),
        "product_code": codes,
        "title": take_entries(shared.title, key_N),
        "itemurl": concat_strings(shared.page_url.take(key), codes),
        "imageurl": image_ids(spec.name, seed, index_N, f"https://assets.{spec.shop.host}/pictures/"),
        "full_price": to_arrow(full_N),
        "price": to_arrow(price_N),
        "full_price_eur": to_arrow(convert_to_euros(catalog.prices.eur_rate, full_N)),
        "price_eur": to_arrow(convert_to_euros(catalog.prices.eur_rate, price_N)),
        "flg_discount": to_arrow((price_N < full_N).astype(np.int64)),
        "family": concat_strings(family, _to_digits(design_D)).take(run),
        "split": dictionary_column(SPLITS, split_N),
        "attributes": concat_strings(
            shared.attributes_head.take(key),
            _to_digits(integers(seed, "design", design_D)).take(run),
            ', "shot_seed": ',
            _to_digits(integers(seed, "shot", index_N)),
            shared.attributes_tail.take(key),
        ),
    }


def _to_digits(number_N: Index) -> pa.StringArray:
    return to_arrow(number_N).cast(pa.string())


def compile_colourways(spec: CatalogSpec, where: str) -> CompiledColourways:
    """Return probabilities with which the mean family of each kind has 1 / (1 - repeat_share) products.

    Families never cross the bounds of blocks, so that a product's family is found in its own block. With one setting
    for all kinds a block is as long as the largest family, and the probability has a closed form. With several, a block
    is longer, so that a late start cuts few families short; the share of starts at each place of a block and the
    probabilities, which depend on each other, are iterated to a fixed point.

    Raises ToileError for a mean size that cut families cannot reach.
    """
    kinds = list_kinds(spec)
    settings = list(dict.fromkeys(kind.colourways for kind in kinds))
    setting_K = np.array([settings.index(kind.colourways) for kind in kinds])
    longest = np.array([each.max_per_family for each in settings])
    size = 1 / (1 - np.array([each.repeat_share for each in settings]))
    if len(settings) == 1:
        block = int(longest[0])
        repeats = np.array([settings[0].repeat_share / max(1 - 1 / block, 1e-9)])
        starts_P = np.array([1.0, *[1 - repeats[0]] * (block - 1)])
    else:
        block = _FAMILIES_IN_BLOCK * int(longest.max())
        weight = np.bincount(setting_K, [kind.share for kind in kinds], len(settings))
        repeats, starts_P = _solve_repeats(block, longest, size, weight / weight.sum())
        reached = _mean_sizes(np.ones(len(settings)), longest, starts_P)
        for number in np.flatnonzero(reached < size * (1 - 1e-9)).tolist():
            problem = f"{settings[number].repeat_share:g} cannot be reached with {longest[number]} colours per design"
            hint = f"at most {1 - 1 / reached[number]:.3f}, or a larger max_per_family"
            category = next(kind.category for kind in kinds if kind.colourways == settings[number])
            own = ["categories", category] if spec.categories[category].colourways else []
            raise ToileError(json_path(where, [*own, "colourways", "repeat_share"]), problem, hint)
    return CompiledColourways(
        block=block,
        repeats_K=repeats[setting_K],
        longest_K=longest[setting_K],
        mean_size_K=size[setting_K],
        starts_P=starts_P / starts_P.sum(),
        same=len(settings) == 1,
    )


def _solve_repeats(block: int, longest: Index, size: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Return the probability of another colour for each setting, and how often each place of a block is a start."""
    starts_P, repeats = np.ones(block), np.zeros(len(size))
    for _ in range(_MOST_ITERATIONS):
        low, high = np.zeros(len(size)), np.ones(len(size))
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            too_small = _mean_sizes(middle, longest, starts_P) < size
            low, high = np.where(too_small, middle, low), np.where(too_small, high, middle)
        moved, repeats = np.abs(low - repeats).max(), low
        # a place starts a family unless one that starts earlier covers it
        covers_R = weight @ np.where(np.arange(block) < longest[:, None], repeats[:, None] ** np.arange(block), 0.0)
        for place in range(1, block):
            starts_P[place] = 1 - starts_P[:place] @ covers_R[place:0:-1]
        if moved < _PRECISION:
            break
    return repeats, starts_P


def _mean_sizes(repeats: Floats, longest: Index, starts_P: Floats) -> Floats:
    """Return the expected family size of each setting, given how often families start at each place of a block."""
    late_R = np.cumsum(starts_P)[::-1][: longest.max()]  # starts with room for more than R products
    has_room_R = late_R / starts_P.sum()
    rank_R = np.arange(len(late_R))
    sizes: Floats = np.where(rank_R < longest[:, None], repeats[:, None] ** rank_R, 0.0) @ has_room_R
    return sizes


def family_start(spec: CatalogSpec, seed: int, index_N: Index) -> Index:
    """Return the number of the first product of each product's family.

    Every block of products is walked from its start, which is always a new family: the next product is a further colour
    with the probability that the family's kind has, until the family is as large as the kind allows.
    """
    catalog = compile_catalog(spec)
    block = catalog.colourways.block
    first_B, run_N = find_runs(index_N // block)
    start_N = np.empty_like(index_N)
    at_once = max(_MOST_PLACES // block, 1)
    bounds = [*first_B[::at_once].tolist(), len(index_N)]
    for number, (first, last) in enumerate(itertools.pairwise(bounds)):
        some_B = first_B[number * at_once : (number + 1) * at_once]
        start_PB = _walk_blocks(catalog, seed, index_N[some_B] // block)
        start_N[first:last] = start_PB[index_N[first:last] % block, run_N[first:last] - number * at_once]
    return start_N


def _walk_blocks(catalog: CompiledCatalog, seed: int, block_B: Index) -> Index:
    """Return the number of the first product of the family at every place of some blocks."""
    colourways = catalog.colourways
    number_PB = np.arange(colourways.block)[:, None] + block_B * colourways.block
    uniform_PB = uniform(seed, "colourways", number_PB.ravel()).reshape(number_PB.shape)
    kind_PB = np.zeros_like(number_PB)
    if not colourways.same:
        kind_PB = sample_kinds(catalog, seed, number_PB.ravel()).reshape(number_PB.shape)
    start_PB, all_B, place_B = number_PB.copy(), np.arange(len(block_B)), np.zeros_like(block_B)
    for place in range(1, colourways.block):
        kind_B = kind_PB[place_B, all_B]
        goes_on_B = uniform_PB[place] < colourways.repeats_K[kind_B]
        goes_on_B &= place - place_B < colourways.longest_K[kind_B]
        place_B = np.where(goes_on_B, place_B, place)
        start_PB[place] = number_PB[place_B, all_B]
    return start_PB


def _family_prefix(name: str, seed: int) -> str:
    """Return what precedes the number in the names of a catalog's families."""
    return f"{name}-{seed}-"


def parse_family(name: str) -> tuple[str, int, int] | None:
    """Return the catalog, the seed and the number of the design in a family's name; None for a name of another form."""
    match name.rsplit("-", 2):
        case [catalog, seed, design] if seed.isdecimal() and design.isdecimal():
            return catalog, int(seed), int(design)
    return None


def split_numbers(prefix: str, design_D: Index) -> Index:
    """Return for each family, named by prefix and number, the number of its split in SPLITS.

    This is `schemas.product.split_of` for many names; the hash of their common prefix is computed once.
    """
    prefix_hash = hashlib.sha256(prefix.encode())
    digests = []
    for digits in _to_digits(design_D).cast(pa.binary()).to_pylist():
        name = prefix_hash.copy()
        name.update(digits)
        digests.append(name.digest())
    head_D = np.frombuffer(b"".join(digests), ">u8")[::4]
    return (head_D >= np.uint64(SPLIT_BOUNDS[0])).astype(np.int64) + (head_D >= np.uint64(SPLIT_BOUNDS[1]))


def row_shares(catalog: CompiledCatalog) -> Floats:
    """Return the expected share of each kind among all products: its share of designs times its mean family size."""
    share_K = np.array([kind.share for kind in list_kinds(catalog.spec)])
    if catalog.colourways.same:
        return share_K
    rows_K = share_K * catalog.colourways.mean_size_K
    found_K: Floats = rows_K / rows_K.sum()
    return found_K


def sample_kinds(catalog: CompiledCatalog, seed: int, design_N: Index) -> Index:
    """Sample the number of each design's kind in `list_kinds` of the spec."""
    return catalog.kind.pick(np.zeros_like(design_N), uniform(seed, "category", design_N))


def sample_values(
    catalog: CompiledCatalog, seed: int, index_N: Index, design_N: Index, kind_N: Index
) -> dict[str, Index]:
    """Sample, by attribute, the value number of each product: colours per product, all else per design."""
    chosen = _sample_designs(catalog, seed, kind_N, design_N)[1]
    chosen |= _sample_colours(catalog, seed, index_N, design_N, np.arange(len(index_N)), kind_N, chosen)
    return {name: chosen[name] for name in catalog.spec.attributes}


def _sample_designs(
    catalog: CompiledCatalog, seed: int, kind_D: Index, design_D: Index
) -> tuple[Index, dict[str, Index]]:
    """Sample the title template of each design, and the value numbers of the attributes that it decides."""
    attempt_D = None
    if catalog.spec.distinct_titles:
        block_D, inner_D = np.divmod(design_D, TITLES_IN_BLOCK)
        attempt_D = np.zeros_like(design_D)
        for block in np.unique(block_D).tolist():
            rows = np.flatnonzero(block_D == block)
            attempt_D[rows] = _count_attempts(catalog.spec, seed, block)[inner_D[rows]]
    return _sample_attempts(catalog, seed, kind_D, design_D, attempt_D)


def _sample_attempts(
    catalog: CompiledCatalog, seed: int, kind_D: Index, design_D: Index, attempt_D: Index | None
) -> tuple[Index, dict[str, Index]]:
    template_D = sample_templates(catalog.titles, seed, kind_D, design_D, attempt_D)
    again = list_title_attributes(catalog.spec) if attempt_D is not None else frozenset()
    return template_D, sample_attributes(catalog.of_design, seed, kind_D, design_D, again, attempt_D)


@functools.lru_cache(maxsize=64)
def _count_attempts(spec: CatalogSpec, seed: int, block: int) -> Index:
    """Return at which attempt each design of a block of products samples its title; 0 where no design starts.

    A design whose title (without colours) one before it in the block has tries again, if it is one of the share
    `distinct_titles`, until its title is new or the attempts are used up.
    """
    catalog = compile_catalog(spec)
    index_N = np.arange(block * TITLES_IN_BLOCK, (block + 1) * TITLES_IN_BLOCK)
    design_D = np.unique(family_start(spec, seed, index_N))
    design_D = design_D[design_D >= index_N[0]]
    kind_D = sample_kinds(catalog, seed, design_D)
    is_open_D = uniform(seed, "distinct title", design_D) < spec.distinct_titles
    absent = {
        each.name: np.full_like(design_D, each.absent) for each in catalog.attributes if each.name in catalog.colours
    }
    attempt_D = np.zeros_like(design_D)
    for _ in range(_MOST_ATTEMPTS):
        template_D, chosen_D = _sample_attempts(catalog, seed, kind_D, design_D, attempt_D)
        words_DS = fill_templates(catalog.titles, template_D, {**chosen_D, **absent})
        first = np.unique(words_DS, axis=0, return_index=True)[1]
        repeats_D = is_open_D.copy()
        repeats_D[first] = False
        attempt_D += repeats_D
    found_N = np.zeros_like(index_N)
    found_N[design_D - index_N[0]] = attempt_D
    return found_N


def _sample_colours(
    catalog: CompiledCatalog,
    seed: int,
    index_N: Index,
    design_N: Index,
    run_N: Index,
    kind_D: Index,
    chosen_D: Mapping[str, Index],
) -> dict[str, Index]:
    """Sample the value numbers of the attributes that differ within a family."""
    radix = {attribute.name: len(attribute.values) + 1 for attribute in catalog.attributes}
    found = {}
    for attribute in catalog.attributes:
        if attribute.name in catalog.colours:
            key_N = attribute.key(kind_D, chosen_D, radix)[run_N]
            found[attribute.name] = sample_without_replacement(attribute, seed, key_N, design_N, index_N - design_N)
    return found


def _constant_columns(spec: CatalogSpec, num_rows: int) -> dict[str, pa.Array]:
    """Return the columns that are the same in every row."""
    shop, zero_N = spec.shop, np.zeros(num_rows, np.int64)
    constant = {
        "website_name": shop.website_name,
        "competence_date": shop.competence_date,
        "country_code": shop.country_code,
        "currency_code": shop.currency_code,
        "brand": shop.brand,
        "source": spec.name,
    }
    return {name: dictionary_column((value,), zero_N) for name, value in constant.items()}


def _category_columns(catalog: CompiledCatalog, seed: int, index_N: Index, kind_N: Index) -> dict[str, pa.Array]:
    """Return the category's path, and whether an image can show its leaf category.

    Navigation labels replace a share of the leaf categories.
    """
    spec = catalog.spec
    paths = [kind.path for kind in list_kinds(spec)]
    name_N = kind_N.copy()
    labelled = np.flatnonzero(uniform(seed, "navigation/whether", index_N) < spec.navigation.share)
    uniform_L = uniform(seed, "navigation/label", index_N[labelled])
    name_N[labelled] = len(paths) + catalog.label.pick(np.zeros_like(labelled), uniform_L)
    leaves = [None if n == MISSING_LABEL else n for n in (*(path[2] for path in paths), *spec.navigation.labels)]
    inferable = np.array([number < len(paths) and name is not None for number, name in enumerate(leaves)])
    return {
        "category1_code": dictionary_column(tuple(path[0] for path in paths), kind_N),
        "category2_code": dictionary_column(tuple(path[1] for path in paths), kind_N),
        "category3_code": dictionary_column(tuple(leaves), name_N),
        "inferable": to_arrow(inferable[name_N]),
    }
