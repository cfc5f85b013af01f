"""The columns of a large batch by compiled loops: what `product_function.compact_rows` defines, in half the time."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from generator.rows import row_loops, text_loops
from generator.rows.row_numbers import keys_of, letters_of, numbers_of, split_numbers
from generator.sampling.arrow_columns import entries, looked_up, numbers
from generator.sampling.families import families_begin
from generator.sampling.looks import SHOT_SEED, LookTexts
from generator.sampling.products import CompiledCatalog, categories, constants, looks_of
from generator.sampling.streams import Index
from schemas.product import SPLITS


def columns_of(
    catalog: CompiledCatalog, seed: int, index_N: Index, split_N: Index | None = None
) -> dict[str, pa.Array]:
    """The columns of `product_function.ROW_COLUMNS` for one row or more, whose splits may be known."""
    spec, prices, of = catalog.spec, catalog.prices, numbers_of(catalog, seed, index_N)
    keys = row_loops.numbered_keys
    look_N, looks = looks_of(catalog, of.run_N, of.category_D, of.template_D, of.chosen_D, of.colours_N, keys)
    full_N, price_N = prices.points[of.full_N], prices.points[of.price_N]
    split_N = split_numbers(spec.name, seed, of.design_D)[of.run_N] if split_N is None else split_N
    before = letters_of(families_begin(spec.name, seed))
    return {
        **constants(spec, len(of.index_N)),
        **categories(catalog, seed, of.index_N, of.category_D[of.run_N], of.labelled_N),
        "product_code": code_texts(of.code_N, spec.code_digits),
        "title": entries(looks.title, look_N),
        "itemurl": addresses(looks.address, look_N, of.code_N, spec.code_digits),
        "imageurl": picture_ids(seed, of.index_N, f"https://assets.{spec.shop.host}/pictures/"),
        "full_price": numbers(full_N),
        "price": numbers(price_N),
        "full_price_eur": numbers(row_loops.in_euros(full_N, prices.rate_millionths)),
        "price_eur": numbers(row_loops.in_euros(price_N, prices.rate_millionths)),
        "flg_discount": numbers((of.price_N < of.full_N).astype(np.int64)),
        "family": _texts(*text_loops.numbered_names(before, of.design_D, of.run_N)),
        "split": looked_up(SPLITS, split_N),
        "attributes": attribute_texts(looks, look_N, of.design_seed_D[of.run_N], of.shot_seed_N),
    }


def code_texts(code_N: Index, digits: int) -> pa.StringArray:
    """`codes.code_texts`."""
    return _of_one_width(text_loops.code_letters(code_N, digits), digits, len(code_N))


def picture_ids(seed: int, index_N: Index, before: str) -> pa.StringArray:
    """`codes.picture_ids`."""
    letters = text_loops.picture_addresses(index_N, letters_of(before), keys_of(seed, "picture-id/0", "picture-id/1"))
    return _of_one_width(letters, len(before.encode()) + 36, len(index_N))


def addresses(before: pa.StringArray, look_N: Index, code_N: Index, digits: int) -> pa.StringArray:
    """The text of each row's look, then its code."""
    return _texts(*text_loops.addresses(look_N, *buffers_of(before), code_N, digits))


def attribute_texts(looks: LookTexts, look_N: Index, design_seed_N: Index, shot_seed_N: Index) -> pa.StringArray:
    """The JSON of each row's attributes."""
    head_U, tail_U, between = (
        buffers_of(looks.attributes_head),
        buffers_of(looks.attributes_tail),
        letters_of(SHOT_SEED),
    )
    return _texts(*text_loops.attribute_texts(look_N, head_U, tail_U, between, design_seed_N, shot_seed_N))


def buffers_of(texts: pa.StringArray) -> tuple[npt.NDArray[np.int32], text_loops.Letters]:
    """Offsets and letters; what is missing has none."""
    offset_N = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1, texts.offset * 4)
    return offset_N, np.frombuffer(texts.buffers()[2] or b"", np.uint8)


def _texts(offset_N: npt.NDArray[np.int32], letters: text_loops.Letters) -> pa.StringArray:
    return pa.StringArray.from_buffers(len(offset_N) - 1, pa.py_buffer(offset_N), pa.py_buffer(letters))


def _of_one_width(letters: text_loops.Letters, width: int, num: int) -> pa.StringArray:
    return _texts(np.arange(0, width * num + 1, width, dtype=np.int32), letters)
