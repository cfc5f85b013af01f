"""Product number i as a pure function of (spec, seed, i): any order, any worker count, any range gives the same bytes.

Rows are computed for whole arrays of i at once and go straight into Arrow; `product` is row i of that same path.

    >>> from schemas import load
    >>> product(load("fashion-luxury", "catalog"), seed=0, i=12).title
    'Acetate Sunglasses'
"""

import functools
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from generator.attributes import Choice, CompiledAttribute, choose, choose_distinct, compile_attributes
from generator.codes import num_codes, picture_ids, product_codes
from generator.prices import CompiledPrices, compile_prices, design_prices, discounted, euros
from generator.streams import Index, integers, uniform
from generator.titles import CompiledTitles, compile_titles, joined, title_words
from schemas.catalog import MISSING_LABEL, CatalogSpec, drawing_word, drawn_attribute
from schemas.errors import ToileError
from schemas.product import ARROW_SCHEMA, COLUMNS, SPLIT_BOUNDS, SPLITS, Product, from_batch

ROW_COLUMNS = tuple(name for name in COLUMNS if name != "image")
_BATCH = 50_000


@dataclass(frozen=True, slots=True)
class CompiledCatalog:
    """A spec as tables; made once, used for any number of products."""

    spec: CatalogSpec
    attributes: tuple[CompiledAttribute, ...]
    colours: frozenset[str]
    """The attributes that draw the colour: chosen per product, not per design."""
    prices: CompiledPrices
    titles: CompiledTitles
    category: Choice
    label: Choice


@functools.lru_cache(maxsize=8)
def compile_catalog(spec: CatalogSpec, where: str = "catalog") -> CompiledCatalog:
    """The tables of a spec; what only shows up here (a rule that leaves no value) is a ToileError too."""
    shares = np.array([[category.share for category in spec.categories]])
    return CompiledCatalog(
        spec=spec,
        attributes=compile_attributes(spec, where),
        colours=frozenset(n for n, attribute in spec.attributes.items() if drawn_attribute(n, attribute) == "colour"),
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
    catalog = compile_catalog(spec)
    check_codes(spec, int(index_N.max(initial=-1)) + 1)
    design_N = first_of_design(spec, seed, index_N)
    category_N = categories_of(catalog, seed, design_N)
    chosen = chosen_values(catalog, seed, index_N, design_N, category_N)
    full_N = design_prices(catalog.prices, seed, category_N, chosen, design_N)
    words_NS = title_words(catalog.titles, seed, category_N, chosen, design_N)
    return _batch(catalog, seed, index_N, design_N, category_N, chosen, full_N, words_NS)


def categories_of(catalog: CompiledCatalog, seed: int, design_N: Index) -> Index:
    """The number of each design's category entry."""
    return catalog.category.pick(np.zeros_like(design_N), uniform(seed, "category", design_N))


def chosen_values(
    catalog: CompiledCatalog, seed: int, index_N: Index, design_N: Index, category_N: Index
) -> dict[str, Index]:
    """Attribute -> the value number of each product; colours by product, all else by design."""
    chosen = choose(catalog.attributes, seed, category_N, design_N)
    for attribute in catalog.attributes:
        if attribute.name in catalog.colours:
            key_N = attribute.key(category_N, chosen, {a.name: len(a.values) + 1 for a in catalog.attributes})
            chosen[attribute.name] = choose_distinct(attribute, seed, key_N, design_N, index_N - design_N)
    return chosen


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
    repeats = spec.colourways.repeat_share / max(1 - 1 / longest, 1e-9)
    back_NW = index_N[:, None] - np.arange(longest)
    starts_NW = uniform(seed, "colourways", np.maximum(back_NW, 0)) >= repeats
    starts_NW |= back_NW % longest == 0
    steps_back_N: Index = np.argmax(starts_NW, axis=1)
    return index_N - steps_back_N


def _batch(
    catalog: CompiledCatalog,
    seed: int,
    index_N: Index,
    design_N: Index,
    category_N: Index,
    chosen: dict[str, Index],
    full_N: npt.NDArray[np.float64],
    words_NS: Index,
) -> pa.RecordBatch:
    spec, shop = catalog.spec, catalog.spec.shop
    price_N = discounted(catalog.prices, seed, full_N, index_N)
    codes = pa.array(product_codes(seed, index_N, spec.code_digits)).cast(pa.string())
    leaf, inferable = _leaves(catalog, seed, index_N, category_N)
    family, split = _families(spec, seed, design_N)
    slugs = joined(catalog.titles.slugs, words_NS, "-")
    constant = {
        "website_name": shop.website_name,
        "competence_date": shop.competence_date,
        "country_code": shop.country_code,
        "currency_code": shop.currency_code,
        "brand": shop.brand,
        "source": spec.name,
    }
    columns = {
        **{name: _repeated(value, len(index_N)) for name, value in constant.items()},
        "category1_code": _looked_up([category.path[0] for category in spec.categories], category_N),
        "category2_code": _looked_up([category.path[1] for category in spec.categories], category_N),
        "category3_code": leaf,
        "product_code": codes,
        "title": joined(catalog.titles.words, words_NS, " "),
        "itemurl": _concatenated(f"https://{shop.host}/", slugs, pc.if_else(pc.equal(slugs, ""), "p", "-p"), codes),
        "imageurl": _concatenated(f"https://assets.{shop.host}/pictures/", picture_ids(seed, index_N)),
        "full_price": pa.array(full_N),
        "price": pa.array(price_N),
        "full_price_eur": pa.array(euros(catalog.prices.rate_millionths, full_N)),
        "price_eur": pa.array(euros(catalog.prices.rate_millionths, price_N)),
        "flg_discount": pa.array((price_N < full_N).astype(np.int64)),
        "family": family,
        "split": split,
        "inferable": inferable,
        "attributes": _attributes(catalog, seed, index_N, design_N, category_N, chosen),
    }
    schema = pa.schema([ARROW_SCHEMA.field(name) for name in ROW_COLUMNS])
    return pa.RecordBatch.from_arrays([columns[name] for name in ROW_COLUMNS], schema=schema)


def _leaves(catalog: CompiledCatalog, seed: int, index_N: Index, category_N: Index) -> tuple[pa.Array, pa.Array]:
    """The leaf and whether a picture can tell it: navigation labels replace a share of the leaves."""
    spec = catalog.spec
    leaves = [category.path[2] for category in spec.categories]
    labels = list(spec.navigation.labels)
    names = [None if name == MISSING_LABEL else name for name in leaves + labels]
    navigation_N = uniform(seed, "navigation/whether", index_N) < spec.navigation.share
    label_N = catalog.label.pick(np.zeros_like(index_N), uniform(seed, "navigation/label", index_N))
    name_N = np.where(navigation_N, len(leaves) + label_N, category_N)
    missing = np.array([name is None for name in names])
    return _looked_up(names, name_N), pa.array(~navigation_N & ~missing[name_N])


def _families(spec: CatalogSpec, seed: int, design_N: Index) -> tuple[pa.Array, pa.Array]:
    """Family names and their splits (`schemas.product.split_of` for many names at once)."""
    designs, inverse_N = np.unique(design_N, return_inverse=True)
    names = [f"{spec.name}-{seed}-{design}" for design in designs.tolist()]
    digests = b"".join([hashlib.sha256(name.encode()).digest() for name in names])
    head = np.frombuffer(digests, ">u8")[::4]
    split = (head >= np.uint64(SPLIT_BOUNDS[0])).astype(np.int64) + (head >= np.uint64(SPLIT_BOUNDS[1]))
    return _looked_up(names, inverse_N), _looked_up(list(SPLITS), split[inverse_N])


def _attributes(
    catalog: CompiledCatalog,
    seed: int,
    index_N: Index,
    design_N: Index,
    category_N: Index,
    chosen: dict[str, Index],
) -> pa.Array:
    """The JSON of what is drawn: drawing words, seeds, and `choices` (the spec's own value names)."""
    spec = catalog.spec
    silhouettes = [json.dumps({"silhouette": category.silhouette})[1:-1] for category in spec.categories]
    drawn, named = [_looked_up(silhouettes, category_N)], []
    for name, attribute in spec.attributes.items():
        word = drawn_attribute(name, attribute)
        values = attribute.values.items()
        named.append(_looked_up([*(json.dumps({name: key})[1:-1] for key in attribute.values), None], chosen[name]))
        if word is not None:
            pairs = [json.dumps({word: drawing_word(key, value)})[1:-1] for key, value in values]
            drawn.append(_looked_up([*pairs, None], chosen[name]))
    choices = _concatenated("{", pc.binary_join_element_wise(*named, ", ", null_handling="skip"), "}")
    return _concatenated(
        "{",
        pc.binary_join_element_wise(*drawn, ", ", null_handling="skip"),
        ', "design_seed": ',
        pa.array(integers(seed, "design", design_N)).cast(pa.string()),
        ', "shot_seed": ',
        pa.array(integers(seed, "shot", index_N)).cast(pa.string()),
        ', "choices": ',
        choices,
        "}",
    )


def _looked_up(values: list[str] | list[str | None], index_N: Index) -> pa.Array:
    return pa.array(values, pa.string()).take(pa.array(index_N))


def _repeated(value: str, length: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.string()), length)


def _concatenated(*parts: str | pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(*parts, "")
