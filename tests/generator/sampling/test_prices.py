"""Prices: the lattice, snapping, discounts, truncated euros."""

from decimal import ROUND_DOWN, Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.sampling.prices import convert_to_euros, list_price_points, snap_to_points
from generator.sampling.products import rows
from schemas.catalog import PriceBand, Prices
from schemas.errors import ToileError
from schemas.validation import from_document, load
from tests.conftest import PRESETS

LUXURY = Prices(bands=(PriceBand(below=1000, per=100, endings=(20, 50, 80, 90)), PriceBand(per=100, endings=(50, 90))))


def test_legal_prices_equal_a_manual_list() -> None:
    points = list_price_points(LUXURY, 1200)
    assert points[:5].tolist() == [20, 50, 80, 90, 120]
    assert [p for p in points if 900 <= p <= 1200] == [920, 950, 980, 990, 1050, 1090, 1150, 1190]
    assert points[-1] >= 1200


def test_endings_of_99_cents() -> None:
    points = list_price_points(
        Prices(bands=(PriceBand(below=20, per=5, endings=(4.99,)), PriceBand(per=10, endings=(9.99,)))), 50
    )
    assert points[:6].tolist() == [4.99, 9.99, 14.99, 19.99, 29.99, 39.99]


@given(st.lists(st.floats(1, 5000), min_size=1, max_size=20))
def test_snapping_equals_the_slow_definition(prices: list[float]) -> None:
    points = list_price_points(LUXURY, 6000)
    slow = [min(points.tolist(), key=lambda p: (abs(p - price), p)) for price in prices]
    assert snap_to_points(points, np.array(prices)).tolist() == slow


@given(st.integers(1, 10**13), st.integers(1, 10**9))
def test_euros_are_truncated_exactly(mills: int, rate_millionths: int) -> None:
    """Prices of a thousandth to 1e10 units, which are 0.000001 to 1,000 euros each."""
    exact = Decimal(mills) / 1000 * Decimal(rate_millionths) / 1_000_000
    euros = float(convert_to_euros(rate_millionths / 1e6, np.array([mills / 1000]))[0])
    assert euros == float(exact.quantize(Decimal("0.01"), ROUND_DOWN))


def test_euros_match_observed_pairs_of_the_real_table() -> None:
    assert convert_to_euros(0.92251, np.array([2490.0, 820.0])).tolist() == [2297.04, 756.45]


def test_every_generated_price_is_legal_and_discounts_follow_the_spec() -> None:
    spec = load(PRESETS / "sportswear.yaml", "catalog")
    table = rows(spec, 1, np.arange(20_000)).to_pandas()
    cents = (table["full_price"] * 100).round().astype(int)
    assert set(cents % 100) == {99}
    assert table["flg_discount"].mean() == pytest.approx(0.4, abs=0.02)
    assert ((table["price"] < table["full_price"]) == (table["flg_discount"] == 1)).all()
    reduced = table[table["flg_discount"] == 1]
    assert (reduced["price"] / reduced["full_price"]).median() == pytest.approx(0.7, abs=0.05)


def test_price_median_and_factors_are_those_of_the_spec(spec_document: dict) -> None:  # type: ignore[type-arg]
    spec_document["prices"] = {"bands": [{"per": 1}]}
    spec = from_document(spec_document, "catalog")
    table = rows(spec, 1, np.arange(100_000)).to_pandas()
    totes = table[(table["category3_code"] == "TOTES") & table["attributes"].str.contains('"pattern": "plain"')]
    quilted = totes["attributes"].str.contains('"quilting": "diamond"')
    leather = totes["attributes"].str.contains('"material": "leather"')
    assert (quilted == leather).all(), "the rules of quilting"
    base = totes[~leather]["full_price"].median()
    assert base == pytest.approx(690, rel=0.02)
    assert totes[leather]["full_price"].median() / base == pytest.approx(2.2 * 1.35, rel=0.02)
    assert np.log(totes[~leather]["full_price"]).std() == pytest.approx(0.06, rel=0.1)
    coats = table[(table["category3_code"] == "TRENCH COATS") & table["attributes"].str.contains('"pattern": "plain"')]
    leather = coats["attributes"].str.contains('"material": "leather"')
    ratio = coats[leather]["full_price"].median() / coats[~leather]["full_price"].median()
    assert ratio == pytest.approx(2.2, rel=0.02)


def test_a_lattice_finer_than_its_range_allows_is_refused() -> None:
    with pytest.raises(ToileError, match="price points"):
        list_price_points(Prices(bands=(PriceBand(per=0.01, endings=(0,)),)), 1e7)
