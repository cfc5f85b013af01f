"""Product codes: unique by construction, keyed, of fixed length."""

import re
import uuid

import numpy as np
import pytest

from generator.sampling.codes import format_codes, image_ids, num_codes, product_codes
from generator.sampling.products import check_codes
from schemas.errors import ToileError
from schemas.validation import load
from tests.conftest import PRESETS


@pytest.mark.parametrize("digits", [4, 5, 6])
def test_codes_are_a_permutation_of_all_numbers_of_that_length(digits: int) -> None:
    codes = product_codes(7, np.arange(num_codes(digits)), digits)
    assert sorted(codes.tolist()) == list(range(10 ** (digits - 1), 10**digits))


def test_codes_of_a_million_products_are_unique_and_have_eight_digits() -> None:
    codes = product_codes(0, np.arange(1_000_000), 8)
    assert len(np.unique(codes)) == 1_000_000
    assert codes.min() >= 10_000_000
    assert codes.max() <= 99_999_999


def test_another_seed_gives_other_unordered_codes() -> None:
    first, second = (product_codes(seed, np.arange(1000), 8) for seed in (0, 1))
    assert (first != second).mean() > 0.99
    assert abs(np.corrcoef(np.arange(1000), first)[0, 1]) < 0.1


def test_image_ids_are_distinct_version_4_uuids_in_capitals() -> None:
    ids = image_ids(3, np.arange(1000)).to_pylist()
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
    codes = product_codes(1, np.arange(500), digits)
    assert format_codes(codes, digits).to_pylist() == [str(code) for code in codes.tolist()]
