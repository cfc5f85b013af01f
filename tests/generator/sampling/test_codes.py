"""Product codes: unique by construction, keyed, of fixed length."""

import re
import uuid

import numpy as np
import pytest

from generator.sampling.codes import format_codes, image_ids, num_codes, product_codes
from generator.sampling.products import check_codes, products
from schemas.errors import ToileError
from schemas.validation import load
from tests.conftest import PRESETS


@pytest.mark.parametrize("digits", [4, 5, 6])
def test_codes_are_a_permutation_of_all_numbers_of_that_length(digits: int) -> None:
    codes = product_codes("shop", 7, np.arange(num_codes(digits)), digits)
    assert sorted(codes.tolist()) == list(range(10 ** (digits - 1), 10**digits))


def test_codes_of_a_million_products_are_unique_and_have_eight_digits() -> None:
    codes = product_codes("shop", 0, np.arange(1_000_000), 8)
    assert len(np.unique(codes)) == 1_000_000
    assert codes.min() >= 10_000_000
    assert codes.max() <= 99_999_999


def test_another_seed_gives_other_unordered_codes() -> None:
    first, second = (product_codes("shop", seed, np.arange(1000), 8) for seed in (0, 1))
    assert (first != second).mean() > 0.99
    assert abs(np.corrcoef(np.arange(1000), first)[0, 1]) < 0.1


@pytest.mark.parametrize(("name", "seed"), [("shop", 1), ("other-shop", 0)])
def test_catalogs_of_another_name_or_seed_share_no_codes_and_no_image_ids(name: str, seed: int) -> None:
    index = np.arange(1000)
    assert not set(product_codes("shop", 0, index, 8)) & set(product_codes(name, seed, index, 8))
    assert not set(image_ids("shop", 0, index).to_pylist()) & set(image_ids(name, seed, index).to_pylist())


def test_two_presets_share_no_product_codes() -> None:
    codes = [
        {product.product_code for product in products(load(PRESETS / f"{name}.yaml", "catalog"), 0, 0, 300)}
        for name in ("demo", "fashion-luxury")
    ]
    assert [len(each) for each in codes] == [300, 300]
    assert not codes[0] & codes[1]


def test_image_ids_are_distinct_version_4_uuids_in_capitals() -> None:
    ids = image_ids("shop", 3, np.arange(1000)).to_pylist()
    assert len(set(ids)) == 1000
    for text in ids[:50]:
        assert re.fullmatch(r"[0-9A-F-]{36}", text)
        assert uuid.UUID(text).version == 4
        assert uuid.UUID(text).variant == uuid.RFC_4122


def test_more_products_than_codes_is_an_error_with_the_digits_needed() -> None:
    spec = load(PRESETS / "demo.yaml", "catalog")
    check_codes(spec, 50_000_000)
    with pytest.raises(ToileError) as caught:
        check_codes(spec, 50_000_001)
    assert "code_digits" in caught.value.where
    assert "code_digits: 9" in caught.value.hint


@pytest.mark.parametrize("digits", [6, 7, 8, 9, 12])
def test_codes_are_written_as_python_writes_them(digits: int) -> None:
    codes = product_codes("shop", 1, np.arange(500), digits)
    assert format_codes(codes, digits).to_pylist() == [str(code) for code in codes.tolist()]
