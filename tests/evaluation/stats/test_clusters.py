"""Families of rows: standard errors against statsmodels, and the laws that intervals keep with rows in families."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.regression.linear_model import OLS

from evaluation.metrics.metrics import weighted_median
from evaluation.stats import intervals, paired
from evaluation.stats.intervals import ClusterIds, Values

ROWS = st.lists(st.tuples(st.floats(0, 1, width=16), st.integers(0, 12)), min_size=2, max_size=40)
BINARY = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 30)), min_size=1, max_size=50)


def columns(rows: list[tuple[float, int]]) -> tuple[Values, ClusterIds]:
    return np.array([value for value, _ in rows]), np.array([family for _, family in rows], np.intp)


@given(ROWS)
def test_the_standard_error_is_that_of_a_clustered_regression_on_a_constant(rows: list[tuple[float, int]]) -> None:
    values, families = columns(rows)
    found = intervals.standard_error(values, families)
    if len(set(families)) < 2:
        assert math.isnan(found)
        return
    fit = OLS(values, np.ones(len(values))).fit(cov_type="cluster", cov_kwds={"groups": families})
    assert found == pytest.approx(float(fit.bse[0]), abs=1e-12)


def test_the_standard_error_is_equation_4_of_miller_summed_pair_by_pair() -> None:
    draw = np.random.default_rng(0)
    values, families = draw.random(30), draw.integers(0, 11, 30)
    away = values - values.mean()
    total = sum(away[i] * away[j] for i in range(30) for j in range(30) if families[i] == families[j])
    num = len(set(families.tolist()))
    assert intervals.standard_error(values, families) == pytest.approx(math.sqrt(total * num / (num - 1)) / 30)


def test_every_row_a_family_is_the_plain_standard_error() -> None:
    values = np.random.default_rng(1).random(25)
    plain = values.std(ddof=1) / 5
    assert intervals.standard_error(values, intervals.singleton_clusters(25)) == pytest.approx(plain)


@given(ROWS)
def test_effective_rows_lie_between_one_and_all(rows: list[tuple[float, int]]) -> None:
    values, families = columns(rows)
    found = intervals.effective_rows(values, families)
    assert 1 - 1e-9 <= found <= len(values)
    if len(set(families)) == len(values):
        assert found == len(values)


@given(BINARY)
def test_rows_that_are_all_there_twice_tell_nothing_new(rows: list[tuple[bool, bool, int]]) -> None:
    """Each row becomes a family of two equal ones: every interval stays as it was, and so does p."""
    first, second = (np.array(column, dtype=float) for column in list(zip(*rows, strict=True))[:2])
    n = len(first)
    twice, families = np.repeat(np.arange(n), 2), np.repeat(np.arange(n), 2)
    for estimator in (intervals.rate, intervals.mean, intervals.median):
        single, double = estimator(first, 0.95), estimator(first[twice], 0.95, families)
        assert (single.value, single.low, single.high) == pytest.approx((double.value, double.low, double.high))
        assert (double.n, double.families) == (2 * n, n)
    for difference in (paired.rate_difference, paired.mean_difference):
        one, other = difference(first, second, 0.95), difference(first[twice], second[twice], 0.95, families)
        assert (one.low, one.high) == pytest.approx((other.low, other.high))
        assert one.p == pytest.approx(other.p)
        assert one.effective == pytest.approx(other.effective)


def test_a_bootstrap_of_doubled_rows_is_the_bootstrap_of_the_rows() -> None:
    draw = np.random.default_rng(2)
    first, second = draw.random(40), draw.random(40)
    twice = np.repeat(np.arange(40), 2)
    one = paired.median_difference(weighted_median(first), weighted_median(second), np.arange(40), 0.95, 0)
    other = paired.median_difference(weighted_median(first[twice]), weighted_median(second[twice]), twice, 0.95, 0)
    assert (one.low, one.high) == pytest.approx((other.low, other.high))


@given(BINARY, st.randoms(use_true_random=False))
def test_order_and_names_of_families_do_not_matter(rows: list[tuple[bool, bool, int]], draw: object) -> None:
    first, second = (np.array(column, dtype=float) for column in list(zip(*rows, strict=True))[:2])
    families = np.array([family for *_, family in rows], np.intp)
    order = list(range(len(rows)))
    draw.shuffle(order)  # type: ignore[attr-defined]
    renamed = 100 - families
    whole = paired.rate_difference(first, second, 0.95, families)
    moved = paired.rate_difference(first[order], second[order], 0.95, renamed[order])
    assert (whole.low, whole.high, whole.p) == pytest.approx((moved.low, moved.high, moved.p))
    one, other = intervals.rate(first, 0.95, families), intervals.rate(first[order], 0.95, renamed[order])
    assert (one.low, one.high) == pytest.approx((other.low, other.high))


@given(BINARY)
def test_intervals_hold_their_figure_and_stay_in_bounds(rows: list[tuple[bool, bool, int]]) -> None:
    first, second = (np.array(column, dtype=float) for column in list(zip(*rows, strict=True))[:2])
    families = np.array([family for *_, family in rows], np.intp)
    for found in (intervals.rate(first, 0.95, families), intervals.mean(first, 0.95, families)):
        assert 0 <= (found.low or 0) <= (found.value or 0) + 1e-12
        assert (found.value or 0) <= (found.high or 0) + 1e-12 <= 1 + 1e-9
    gain = paired.rate_difference(first, second, 0.95, families)
    assert -1 <= (gain.low or 0) <= (gain.difference or 0) + 1e-12 <= (gain.high or 0) + 2e-12 <= 1 + 1e-9
    assert 0 < (gain.p or 0) <= 1


def test_rows_that_agree_within_families_widen_the_interval() -> None:
    right = np.repeat(np.random.default_rng(3).random(60) < 0.5, 3).astype(float)
    families = np.repeat(np.arange(60), 3)
    plain, honest = intervals.rate(right, 0.95), intervals.rate(right, 0.95, families)
    assert (honest.high or 0) - (honest.low or 0) > 1.6 * ((plain.high or 0) - (plain.low or 0))
    assert intervals.effective_rows(right, families) == pytest.approx(60)


def test_effective_rows_with_few_families() -> None:
    balanced = np.array([1.0, 0.0] * 20)
    families = np.repeat(np.arange(4), 10)
    assert intervals.effective_rows(balanced, families) == pytest.approx(4)
    assert intervals.effective_rows(np.ones(40), families) == pytest.approx(4)
    assert intervals.effective_rows(np.ones(40), np.zeros(40, np.intp)) == 1
    single = intervals.rate(balanced, 0.95, np.zeros(40, np.intp))
    assert (single.high or 0) - (single.low or 0) > 0.7
    assert paired.mean_difference(np.zeros(40), balanced, 0.95, np.zeros(40, np.intp)).low == pytest.approx(-0.475)


def test_families_in_several_groups_widen_the_macro_interval() -> None:
    draw = np.random.default_rng(4)
    right = np.repeat(draw.random(50) < 0.5, 2).astype(float)
    groups = [np.arange(0, 100, 2), np.arange(1, 100, 2)]
    assert intervals.spanning_factor(right, np.repeat(np.arange(50), 2), groups) == pytest.approx(math.sqrt(2))
    assert intervals.spanning_factor(right, np.arange(100), groups) == pytest.approx(1.0)
    assert intervals.spanning_factor(np.ones(100), np.arange(100), groups) == 1.0
    halves = [intervals.rate(right[group], 0.95) for group in groups]
    plain, wide = intervals.macro(halves, 50), intervals.macro(halves, 50, math.sqrt(2))
    assert (wide.high or 0) - (wide.value or 0) == pytest.approx(
        math.sqrt(2) * ((plain.high or 0) - (plain.value or 0))
    )
    assert (plain.n, plain.families) == (100, 50)


def test_a_mean_without_upper_bound_has_no_interval_without_spread() -> None:
    found = intervals.mean(np.full(30, 2.0), 0.95, top=math.inf)
    assert (found.value, found.low, found.high) == (2.0, None, None)
    wide = intervals.mean(np.array([0.0, 4.0, 1.0]), 0.95, top=math.inf)
    assert wide.low == 0.0
    assert (wide.high or 0) > 4
    far = paired.mean_difference(np.zeros(30), np.full(30, 2.0), 0.95, bound=math.inf)
    assert (far.difference, far.low, far.high) == (2.0, None, None)


SIZES = st.lists(st.integers(1, 40), min_size=2, max_size=30)


def distances(sizes: list[int]) -> tuple[Values, Values, Values]:
    """Shares of families; the covariance of their weighted distances to the mean, of alike rows; their weights."""
    shares: Values = np.array(sizes) / sum(sizes)
    weighted = np.diag(shares) @ (np.eye(len(sizes)) - np.outer(np.ones(len(sizes)), shares))
    return shares, weighted @ weighted.T, 1 / (1 - 2 * shares + shares @ shares)


@given(SIZES)
def test_spread_degrees_are_satterthwaites_of_the_quadratic_form(sizes: list[int]) -> None:
    shares, covariance, weights = distances(sizes)
    form = np.diag(weights) @ covariance
    assert np.trace(form) == pytest.approx(shares @ shares), "the variance of the mean, without bias"
    slow = np.trace(form) ** 2 / np.trace(form @ form)
    families = np.repeat(np.arange(len(sizes)), sizes)
    assert intervals.spread_degrees(families) == pytest.approx(slow, rel=1e-9)
    assert intervals.spread_degrees(families) <= len(sizes) - 1 + 1e-9
    assert intervals.spread_degrees(3 * families) == pytest.approx(slow, rel=1e-9), "numbers without rows do not count"


def test_families_of_one_size_are_not_lopsided_and_a_large_one_is() -> None:
    for size in (1, 2, 5):
        for number in (2, 7, 30, 300):
            families = np.repeat(np.arange(number), size)
            assert intervals.spread_degrees(families) == pytest.approx(number - 1)
            assert not intervals.is_lopsided(families)
    assert not intervals.is_lopsided(np.zeros(9, np.intp))
    assert not intervals.is_lopsided(np.repeat(np.arange(60), [1, 2, 3] * 20))
    large = np.maximum(np.arange(130) - 99, 0)
    assert intervals.is_lopsided(large)
    assert intervals.kish_rows(large) == pytest.approx(130**2 / (100**2 + 30))


def test_a_lopsided_mean_without_bound_has_the_unbiased_t_interval() -> None:
    sizes = [12, 5, 2, 1, 1, 1, 1, 1]
    values, families = np.random.default_rng(5).exponential(size=24), np.repeat(np.arange(8), sizes)
    shares, _, weights = distances(sizes)
    means = np.array([values[families == each].mean() for each in range(8)])
    error = math.sqrt(float(np.sum(weights * (shares * (means - values.mean())) ** 2)))
    half = stats.t.ppf(0.975, intervals.spread_degrees(families)) * error
    assert intervals.mean(values, 0.95, families, top=math.inf).high == pytest.approx(values.mean() + half)
    gain = paired.mean_difference(np.zeros(24), values, 0.95, families, bound=math.inf)
    assert gain.low == pytest.approx(values.mean() - half)


def test_smallest_p_of_few_families() -> None:
    assert [intervals.can_differ(number, 0.05) for number in (1, 5, 6, 30)] == [False, False, True, True]
    five = np.array([3.0, 1.0, 1.0, 2.0, 5.0])
    assert intervals.flip_p(five, 0) == pytest.approx(2.0**-4)
