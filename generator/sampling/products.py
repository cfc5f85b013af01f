"""Product number i as a pure function of (spec, seed, i): any order, any worker count, any range gives the same bytes.

Rows are computed for whole arrays of i at once and go straight into Arrow, without a Python string a row; `product` is
row i of that same path.

    >>> from schemas import load
    >>> product(load("fashion-luxury", "catalog"), seed=0, i=12).title
    'Acetate Sunglasses'
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from generator.sampling.arrow_columns import entries, joined_texts, looked_up, numbers, plain
from generator.sampling.attributes import Choice, CompiledAttribute, choose, choose_distinct, compile_attributes, runs
from generator.sampling.codes import code_texts, num_codes, picture_ids, product_codes
from generator.sampling.families import family_names, split_numbers
from generator.sampling.looks import SHOT_SEED, LookTexts, dense, look_texts, numbered
from generator.sampling.prices import CompiledPrices, compile_prices, design_prices, discounted, euros
from generator.sampling.streams import Index, integers, uniform
from generator.sampling.titles import CompiledTitles, compile_titles, templates
from schemas.catalog import MISSING_LABEL, CatalogSpec, drawn_attribute
from schemas.errors import ToileError
from schemas.product import ARROW_SCHEMA, COLUMNS, SPLITS, Product, from_batch

ROW_COLUMNS = tuple(name for name in COLUMNS if name != "image")
_BATCH = 50_000


@dataclass(frozen=True, slots=True)
class CompiledCatalog:
    """A spec as tables; made once, used for any number of products."""

    spec: CatalogSpec
    attributes: tuple[CompiledAttribute, ...]
    colours: frozenset[str]
    """The attributes that draw the colour: chosen per product, not per design."""
    of_design: tuple[CompiledAttribute, ...]
    """The others."""
    prices: CompiledPrices
    titles: CompiledTitles
    category: Choice
    label: Choice


@dataclass(frozen=True, slots=True)
class _Named:
    """A spec and what errors call it, which makes it no other spec."""

    spec: CatalogSpec
    where: str = field(compare=False)


def compile_catalog(spec: CatalogSpec, where: str = "catalog") -> CompiledCatalog:
    """The tables of a spec; what only shows up here (a rule that leaves no value) is a ToileError too."""
    return _compiled(_Named(spec, where))


@functools.lru_cache(maxsize=8)
def _compiled(named: _Named) -> CompiledCatalog:
    spec, where = named.spec, named.where
    shares = np.array([[category.share for category in spec.categories]])
    attributes = compile_attributes(spec, where)
    colours = frozenset(n for n, attribute in spec.attributes.items() if drawn_attribute(n, attribute) == "colour")
    return CompiledCatalog(
        spec=spec,
        attributes=attributes,
        colours=colours,
        of_design=tuple(attribute for attribute in attributes if attribute.name not in colours),
        prices=compile_prices(spec, where),
        titles=compile_titles(spec),
        category=Choice.of(shares),
        label=Choice.of(np.array([list(spec.navigation.labels.values())])),
    )


def product(spec: CatalogSpec, seed: int, i: int) -> Product:
    """Product number i >= 0 of the catalog, without its picture (`generator.draw` makes that from it)."""
    return next(from_batch(rows(spec, seed, np.array([i]))))


def products(spec: CatalogSpec, seed: int, start: int, num_products: int) -> Iterator[Product]:
    """Products start, start + 1, ... of the catalog, without pictures."""
    for first in range(start, start + num_products, _BATCH):
        last = min(first + _BATCH, start + num_products)
        yield from from_batch(rows(spec, seed, np.arange(first, last)))


def rows(spec: CatalogSpec, seed: int, index_N: Index) -> pa.RecordBatch:
    """The rows of the given product numbers, all columns but the picture, in that order.

    Raises ToileError where an index lies beyond the number of codes that the spec's `code_digits` allow.
    """
    return plain(compact_rows(spec, seed, index_N))


def compact_rows(
    spec: CatalogSpec, seed: int, index_N: Index, *, compiled: bool = False, split_N: Index | None = None
) -> pa.RecordBatch:
    """The same rows with their columns of few values (brand, category, title, ...) as dictionaries.

    `compiled`: by loops in machine code, which must be loaded first and then take a third of the time; the rows are
    the same. `split_N` are the splits that `compiled_rows.split_by_split` has found.
    """
    catalog = compile_catalog(spec)
    check_codes(spec, int(index_N.max(initial=-1)) + 1)
    if compiled and len(index_N):
        from generator.rows.compiled_rows import columns_of  # to load the compiler takes a second

        columns = columns_of(catalog, seed, index_N, split_N)
    else:
        columns = _columns_of(catalog, seed, index_N)
    fields = [ARROW_SCHEMA.field(name).with_type(columns[name].type) for name in ROW_COLUMNS]
    return pa.RecordBatch.from_arrays([columns[name] for name in ROW_COLUMNS], schema=pa.schema(fields))


def _columns_of(catalog: CompiledCatalog, seed: int, index_N: Index) -> dict[str, pa.Array]:
    """What a design decides is worked out once for colourways that follow each other, texts once for each look."""
    spec = catalog.spec
    design_N = first_of_design(spec, seed, index_N)
    first_D, run_N = runs(design_N)
    design_D = design_N[first_D]
    category_D = categories_of(catalog, seed, design_D)
    template_D = templates(catalog.titles, seed, category_D, design_D)
    chosen_D = choose(catalog.of_design, seed, category_D, design_D)
    colours_N = _colours(catalog, seed, index_N, design_N, run_N, category_D, chosen_D)
    look_N, looks = looks_of(catalog, run_N, category_D, template_D, chosen_D, colours_N)
    if catalog.colours & catalog.prices.priced:
        chosen_N = {name: colours_N[name] if name in colours_N else chosen_D[name][run_N] for name in spec.attributes}
        full_N = design_prices(catalog.prices, seed, category_D[run_N], chosen_N, design_N)
    else:
        full_N = design_prices(catalog.prices, seed, category_D, chosen_D, design_D)[run_N]
    price_N = discounted(catalog.prices, seed, full_N, index_N)
    names = family_names(spec.name, seed, design_D)
    codes = code_texts(product_codes(seed, index_N, spec.code_digits), spec.code_digits)
    labelled_N = uniform(seed, "navigation/whether", index_N) < spec.navigation.share
    return {
        **constants(spec, len(index_N)),
        **categories(catalog, seed, index_N, category_D[run_N], labelled_N),
        "product_code": codes,
        "title": entries(looks.title, look_N),
        "itemurl": joined_texts(looks.address.take(numbers(look_N)), codes),
        "imageurl": picture_ids(seed, index_N, f"https://assets.{spec.shop.host}/pictures/"),
        "full_price": numbers(full_N),
        "price": numbers(price_N),
        "full_price_eur": numbers(euros(catalog.prices.rate_millionths, full_N)),
        "price_eur": numbers(euros(catalog.prices.rate_millionths, price_N)),
        "flg_discount": numbers((price_N < full_N).astype(np.int64)),
        "family": names.take(numbers(run_N)),
        "split": looked_up(SPLITS, split_numbers(names)[run_N]),
        "attributes": joined_texts(
            looks.attributes_head.take(numbers(look_N)),
            numbers(integers(seed, "design", design_D)[run_N]).cast(pa.string()),
            SHOT_SEED,
            numbers(integers(seed, "shot", index_N)).cast(pa.string()),
            looks.attributes_tail.take(numbers(look_N)),
        ),
    }


def categories_of(catalog: CompiledCatalog, seed: int, design_N: Index) -> Index:
    """The number of each design's category entry."""
    return catalog.category.pick(np.zeros_like(design_N), uniform(seed, "category", design_N))


def chosen_values(
    catalog: CompiledCatalog, seed: int, index_N: Index, design_N: Index, category_N: Index
) -> dict[str, Index]:
    """Attribute -> the value number of each product; colours by product, all else by design."""
    chosen = choose(catalog.of_design, seed, category_N, design_N)
    chosen |= _colours(catalog, seed, index_N, design_N, np.arange(len(index_N)), category_N, chosen)
    return {name: chosen[name] for name in catalog.spec.attributes}


def check_codes(spec: CatalogSpec, num_products: int) -> None:
    """Refuse more products than there are codes for, with some to spare (8 digits: 50 million)."""
    most = num_codes(spec.code_digits) * 5 // 9
    if num_products > most:
        problem = f"{spec.code_digits} digits give codes for {most:,} products, not {num_products:,}"
        raise ToileError(f"{spec.name}: code_digits", problem, f"set code_digits: {len(str(num_products * 2))} or more")


def first_of_design(spec: CatalogSpec, seed: int, index_N: Index) -> Index:
    """The number of the first product of each product's design.

    A product starts a new design at random, and always at multiples of max_per_family (the chance of the others is
    set so that repeat_share holds over all); so the start is found by looking back less than max_per_family numbers.
    """
    longest = spec.colourways.max_per_family
    repeats = repeat_chance(spec)
    design_N = index_N.copy()
    open_N = np.arange(len(index_N))
    while len(open_N):
        number = design_N[open_N]
        repeated = (uniform(seed, "colourways", number) < repeats) & (number % longest != 0)
        open_N = open_N[repeated]
        design_N[open_N] -= 1
    return design_N


def _colours(
    catalog: CompiledCatalog,
    seed: int,
    index_N: Index,
    design_N: Index,
    run_N: Index,
    category_D: Index,
    chosen_D: Mapping[str, Index],
) -> dict[str, Index]:
    """The value numbers of the attributes that differ within a design."""
    radix = {attribute.name: len(attribute.values) + 1 for attribute in catalog.attributes}
    found = {}
    for attribute in catalog.attributes:
        if attribute.name in catalog.colours:
            key_N = attribute.key(category_D, chosen_D, radix)[run_N]
            found[attribute.name] = choose_distinct(attribute, seed, key_N, design_N, index_N - design_N)
    return found


def repeat_chance(spec: CatalogSpec) -> float:
    """The chance that a product whose number is no multiple of max_per_family repeats the design before it."""
    return spec.colourways.repeat_share / max(1 - 1 / spec.colourways.max_per_family, 1e-9)


def looks_of(
    catalog: CompiledCatalog,
    run_N: Index | npt.NDArray[np.int32],
    category_D: Index,
    template_D: Index,
    chosen_D: Mapping[str, Index],
    colours_N: Mapping[str, Index],
    numbered_keys: Callable[[Index], tuple[Index, Index]] = dense,
) -> tuple[Index, LookTexts]:
    """The number of each product's look, and the texts of the looks; `numbered_keys` numbers what is different."""
    bound = {attribute.name: len(attribute.values) + 1 for attribute in catalog.attributes}
    design_parts = [(category_D, len(catalog.spec.categories)), (template_D, len(catalog.titles.literal_TS))]
    kind_D, row_K = numbered(
        [*design_parts, *((values, bound[name]) for name, values in chosen_D.items())], numbered_keys
    )
    colour_parts = [(values, bound[name]) for name, values in colours_N.items()]
    look_N, row_U = numbered([(kind_D[run_N], len(row_K)), *colour_parts], numbered_keys)
    design_U = run_N[row_U]
    chosen_U = {name: values[design_U] for name, values in chosen_D.items()}
    chosen_U |= {name: values[row_U] for name, values in colours_N.items()}
    return look_N, look_texts(catalog.spec, catalog.titles, category_D[design_U], template_D[design_U], chosen_U)


def constants(spec: CatalogSpec, num_rows: int) -> dict[str, pa.Array]:
    """The columns that are the same in every row."""
    shop, nowhere_else = spec.shop, np.zeros(num_rows, np.int64)
    constant = {
        "website_name": shop.website_name,
        "competence_date": shop.competence_date,
        "country_code": shop.country_code,
        "currency_code": shop.currency_code,
        "brand": shop.brand,
        "source": spec.name,
    }
    return {name: looked_up((value,), nowhere_else) for name, value in constant.items()}


def categories(
    catalog: CompiledCatalog, seed: int, index_N: Index, category_N: Index, labelled_N: npt.NDArray[np.bool_]
) -> dict[str, pa.Array]:
    """The path, and whether a picture can tell its leaf: navigation labels replace a share of the leaves."""
    spec = catalog.spec
    paths = [category.path for category in spec.categories]
    name_N = category_N.copy()
    labelled = np.flatnonzero(labelled_N)
    uniform_L = uniform(seed, "navigation/label", index_N[labelled])
    name_N[labelled] = len(paths) + catalog.label.pick(np.zeros_like(labelled), uniform_L)
    leaves = [None if n == MISSING_LABEL else n for n in (*(path[2] for path in paths), *spec.navigation.labels)]
    tells = np.array([number < len(paths) and name is not None for number, name in enumerate(leaves)])
    return {
        "category1_code": looked_up(tuple(path[0] for path in paths), category_N),
        "category2_code": looked_up(tuple(path[1] for path in paths), category_N),
        "category3_code": looked_up(tuple(leaves), name_N),
        "inferable": numbers(tells[name_N]),
    }
