"""Prices as people write them: each spelling of a column gives the number that a person reads."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.prices import NotAPriceError, find_currency, find_decimal, read_price

# Prices: one row a column of spellings, with its decimal mark and the values that a person reads.
COLUMNS: dict[str, tuple[str, dict[str, float]]] = {
    "english": (".", {"£1,290.00": 1290, "$ 89.90": 89.9, "USD 1290": 1290, "1,290": 1290, "12": 12, ".99": 0.99}),
    "german": (",", {"1.290,00 €": 1290, "89,90": 89.9, "ab 49,95 €": 49.95, "1.290": 1290, "€ 1.290,-": 1290}),
    "dots are thousands": (",", {"890": 890, "1.290": 1290, "2.150": 2150, "3.400": 3400}),
    "commas are thousands": (".", {"890": 890, "1,290": 1290, "12,500": 12500}),
    "decimals of tiny prices": (".", {"0.0508": 0.0508, "0.051": 0.051, "0.169": 0.169}),
    "russian": (",", {"12 990 ₽": 12990, "990 руб.": 990, "от 1 290 ₽": 1290, "12\u00a0990,50 ₽": 12990.5}),
    "swiss": (".", {"1'290.-": 1290, "CHF 1\u2019290.00": 1290, "Fr. 49.90": 49.9, "1'290.00": 1290}),
    "swedish": (",", {"1 290 kr": 1290, "290:-": 290, "1 290,00 SEK": 1290, "kr. 1.290,00": 1290}),
    "indian": (".", {"₹1,25,000": 125000, "1,29,000": 129000, "Rs. 1,299": 1299, "Rs 999/-": 999, "MRP ₹ 1,999": 1999}),
    "japanese": (".", {"¥12,000": 12000, "1,290円": 1290, "￥１２，９００": 12900, "¥ 12,900 (税込)": 12900}),
    "ranges": (".", {"From $90": 90, "$90 - $120": 90, "90-120": 90, "$12.00 \u2013 $15.00": 12, "12.00 to 15.00": 12}),
    "words": (".", {"Now $45.00": 45, "$12.99/pair": 12.99, "2 for $30": 30, "$1,290.00*": 1290, "Price: $45": 45}),
    "no decimals": (".", {"12.990 \u20ab": 12990, "8.99 \u20ac": 8.99, "Rp 129.000": 129000, "3.500\uc6d0": 3500}),
    "brazilian": (",", {"R$ 1.290,00": 1290, "R$ 89,90": 89.9}),
    "programs": (".", {"129.0": 129, "1.5e3": 1500, "1290": 1290}),
    "one column of both": (".", {"89.90": 89.9, "1,290.00": 1290, "12,50": 12.5, "45.00": 45}),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_prices_of_a_column(name: str) -> None:
    decimal, column = COLUMNS[name]
    assert find_decimal(column) == decimal
    assert {text: read_price(text, decimal).value for text in column} == column


@pytest.mark.parametrize(
    "text", ["cheap", "Size 42", "1_290", "Was $120 Now $90", "12,34.5.6", "free", "call 555", "1e", "99¢", "-", "1.2k"]
)
def test_text_that_is_no_price(text: str) -> None:
    with pytest.raises(NotAPriceError):
        read_price(text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *(("usd", "USD"), ("$", "USD"), ("US$", "USD"), ("GBP", "GBP"), ("£", "GBP"), ("€", "EUR"), ("Euro", "EUR")),
        *(("Rs.", "INR"), ("₹", "INR"), ("CHF", "CHF"), ("zł", "PLN"), ("R$", "BRL"), ("C$", "CAD"), ("shells", None)),
    ],
)
def test_currency_of_a_sign(text: str, code: str | None) -> None:
    assert find_currency(text) == code


def _group(whole: int, mark: str, *, indian: bool = False) -> str:
    """Write a whole number with a mark between its groups of digits; slow and plain, to compare with."""
    digits = str(whole)
    groups: list[str] = []
    while digits:
        size = 2 if indian and groups else 3
        groups.append(digits[-size:])
        digits = digits[:-size]
    return mark.join(reversed(groups))


STYLES = {
    "english": (",", ".", "£{}"),
    "german": (".", ",", "ab {} €"),
    "swiss": ("'", ".", "CHF {}"),
    "french": ("\u202f", ",", "{}\u00a0€"),
    "plain": ("", ".", "{}"),
}


@pytest.mark.parametrize("style", STYLES)
@given(cents=st.lists(st.integers(0, 10**9), min_size=1, max_size=8))
def test_read_price_inverts_every_style(style: str, cents: list[int]) -> None:
    mark, decimal, frame = STYLES[style]
    column = [frame.format(f"{_group(each // 100, mark)}{decimal}{each % 100:02d}") for each in cents]
    assert find_decimal(column) == decimal
    assert [read_price(text, decimal).value for text in column] == [each / 100 for each in cents]


@given(whole=st.integers(0, 10**9))
def test_indian_groups(whole: int) -> None:
    assert read_price(f"₹{_group(whole, ',', indian=True)}", ".").value == whole


@given(st.text(max_size=30))
def test_any_text_is_a_price_or_none(text: str) -> None:
    find_decimal([text])
    with contextlib.suppress(NotAPriceError):
        assert isinstance(read_price(text).value, float)
