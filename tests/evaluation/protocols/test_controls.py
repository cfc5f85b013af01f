"""Shuffled images: no row sees its own image, and within a category all images are of that category."""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from evaluation.metrics.scoring import category_key
from evaluation.protocols.generate import shuffled_pairs
from schemas.product import Product
from tests.helpers.shard_fixture import products

SHAPES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 8)), max_size=40)


def shaped(shape: Sequence[tuple[int, int]]) -> list[Product]:
    names = ("BAGS", "Hats", "hats ", "Scarves")
    return [
        dataclasses.replace(row, category3_code=names[category], family=f"f{family}")
        for row, (category, family) in zip(products(max(1, len(shape))), shape, strict=False)
    ]


@given(SHAPES, st.integers(0, 5))
def test_within_a_category_everybody_sees_another_family_of_it(shape: list[tuple[int, int]], seed: int) -> None:
    rows = shaped(shape)
    by_code = {row.product_code: row for row in rows}
    families = defaultdict(set)
    for row in rows:
        families[category_key(row.category3_code or "")].add(row.family)
    found = shuffled_pairs(rows, seed, within_category=True)
    for code, other in found.items():
        assert category_key(by_code[code].category3_code or "") == category_key(by_code[other].category3_code or "")
        assert by_code[code].family != by_code[other].family
    expected = {row.product_code for row in rows if len(families[category_key(row.category3_code or "")]) > 1}
    assert set(found) == expected, "left out are the rows of categories with one family, and no others"


@given(SHAPES, st.integers(0, 5))
def test_every_image_is_shown_once_where_no_family_is_most_of_its_category(
    shape: list[tuple[int, int]], seed: int
) -> None:
    rows = shaped(shape)
    found = shuffled_pairs(rows, seed, within_category=True)
    by_category = defaultdict(list)
    for row in rows:
        by_category[category_key(row.category3_code or "")].append(row)
    for members in by_category.values():
        largest = max(Counter(row.family for row in members).values())
        codes = {row.product_code for row in members}
        if 2 * largest <= len(members):
            assert {found[code] for code in codes} == codes


def test_partners_do_not_depend_on_the_order_of_rows_and_do_on_the_seed() -> None:
    rows = products(90)
    for within in (False, True):
        assert shuffled_pairs(rows, 1, within) == shuffled_pairs(rows[::-1], 1, within)
        assert shuffled_pairs(rows, 1, within) != shuffled_pairs(rows, 2, within)


def test_rows_of_one_family_in_a_category_are_left_out() -> None:
    rows = [dataclasses.replace(row, family="one", category3_code="Hats") for row in products(4)]
    assert shuffled_pairs(rows, 0, within_category=True) == {}
    assert shuffled_pairs([], 0, within_category=True) == shuffled_pairs([], 0) == {}
    lonely = dataclasses.replace(rows[0], family="two", product_code="9")
    assert shuffled_pairs([*rows, lonely], 0, within_category=True) == {
        **{row.product_code: "9" for row in rows},
        "9": rows[0].product_code,
    }
