"""Intervals and paired statistics against statsmodels, published examples, slow definitions and simulation."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as mcnemar_oracle
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from evaluation.metrics.metrics import weighted_median
from evaluation.stats import intervals, paired
from evaluation.stats.intervals import Estimate, Values
from schemas.util.stats import benjamini_hochberg, holm, wilson

PAIRS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=60)


def ones(successes: int, n: int) -> Values:
    return np.array([1.0] * successes + [0.0] * (n - successes))


def pairs(both: int, first: int, second: int, neither: int) -> tuple[Values, Values]:
    left = [1.0] * (both + first) + [0.0] * (second + neither)
    right = [1.0] * both + [0.0] * first + [1.0] * second + [0.0] * neither
    return np.array(left), np.array(right)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
@pytest.mark.parametrize(("successes", "n"), [(0, 1), (1, 1), (0, 20), (20, 20), (7, 20), (150, 304)])
def test_wilson_equals_statsmodels(successes: int, n: int, confidence: float) -> None:
    found = intervals.rate(ones(successes, n), confidence)
    low, high = proportion_confint(successes, n, alpha=1 - confidence, method="wilson")
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)
    assert (found.n, found.value) == (n, successes / n)


@pytest.mark.parametrize("true_rate", [0.05, 0.3, 0.5, 0.9])
def test_wilson_covers_the_truth_about_as_often_as_it_says(true_rate: float) -> None:
    n = 100
    weights = stats.binom.pmf(range(n + 1), n, true_rate)
    covered = [low <= true_rate <= high for low, high in (wilson(k / n, n, 0.95) for k in range(n + 1))]
    assert 0.92 < float(np.sum(weights * covered)) < 0.985


def test_nothing_has_no_value() -> None:
    empty = np.array([])
    nothing = Estimate(n=0, families=0, value=None, low=None, high=None)
    assert intervals.rate(empty, 0.95) == intervals.mean(empty, 0.95) == intervals.median(empty, 0.95) == nothing
    assert intervals.macro([], 0) == nothing
    for difference in (paired.rate_difference, paired.mean_difference):
        assert difference(empty, empty, 0.95) == paired.NOTHING
    nobody = np.array([], np.intp)
    assert paired.median_difference(weighted_median(empty), weighted_median(empty), nobody, 0.95, 0) == paired.NOTHING
    assert paired.pooled_difference(weighted_median(empty), weighted_median(empty), nobody, 0.95, 0) == paired.NOTHING
    assert paired.macro_difference([], 0) == paired.NOTHING
    assert paired.detectable_rate(0, 0.05) is None


def test_the_mean_has_students_interval_inside_its_bounds() -> None:
    values = np.array([0.0, 1 / 3, 2 / 3, 1.0, 1.0, 1 / 3])
    found = intervals.mean(values, 0.9)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    wide = intervals.mean(np.array([0.0, 1.0]), 0.95)
    assert (wide.low, wide.high) == (0.0, 1.0)


@pytest.mark.parametrize("values", [[0.0] * 30, [1.0] * 30, [0.5], [2 / 3] * 10])
def test_a_mean_without_spread_still_has_a_width(values: list[float]) -> None:
    found = intervals.mean(np.array(values), 0.95)
    assert found.value == pytest.approx(values[0])
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low > 0.05
    if values[0] in {0.0, 1.0}:
        assert (found.low, found.high) == pytest.approx(wilson(values[0], len(values), 0.95))


def test_the_median_interval_covers_the_median_at_least_as_often_as_it_says() -> None:
    draw = np.random.default_rng(1)
    for n in (6, 15, 80):
        found = [intervals.median(draw.lognormal(size=n), 0.95) for _ in range(600)]
        covered = [e.low is not None and e.high is not None and e.low <= 1.0 <= e.high for e in found]
        assert 0.925 < np.mean(covered) <= 1.0


def test_answers_without_a_price_push_the_median_up_and_never_vanish() -> None:
    inf = math.inf
    assert intervals.median(np.array([0.1, 0.2, inf]), 0.95).value == 0.2
    assert intervals.median(np.array([0.1, 0.2, inf, inf]), 0.95).value is None
    assert intervals.median(np.array([0.1, inf, inf]), 0.95) == Estimate(
        n=3, families=3, value=None, low=None, high=None
    )
    mostly = intervals.median(np.array([0.1] * 20 + [inf] * 12), 0.95)
    assert (mostly.value, mostly.low, mostly.high) == (0.1, 0.1, None)


def test_too_few_rows_bound_no_median() -> None:
    assert intervals.median(np.arange(5.0), 0.95) == Estimate(n=5, families=5, value=2.0, low=None, high=None)
    assert intervals.median(np.arange(6.0), 0.95) == Estimate(n=6, families=6, value=2.5, low=0.0, high=5.0)


def test_the_macro_interval_of_one_group_is_that_of_the_group() -> None:
    group = intervals.rate(ones(3, 30), 0.95)
    found = intervals.macro([group], 30)
    assert (found.value, found.low, found.high) == pytest.approx((group.value, group.low, group.high))


def test_the_macro_interval_covers_the_mean_of_the_groups() -> None:
    draw = np.random.default_rng(2)
    rates, n = np.array([0.1, 0.5, 0.95, 1.0]), 25
    hits = 0
    for _ in range(800):
        groups = [intervals.rate(ones(int(k), n), 0.95) for k in draw.binomial(n, rates)]
        found = intervals.macro(groups, 100)
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= rates.mean() <= found.high
    assert 0.93 < hits / 800 < 0.995
    assert found.n == 100


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        ((36, 12, 2, 0), 0.0569, 0.3404),  # Newcombe 1998, table II, method 10
        ((1, 1, 7, 12), -0.507, -0.026),  # Bentur et al. 2009 in Fagerland et al. 2014
        ((14, 5, 0, 22), 0.011, 0.226),  # Altman et al. 2000, Statistics with Confidence, table 6.2
    ],
)
def test_newcombes_interval_equals_published_examples(table: tuple[int, ...], low: float, high: float) -> None:
    first, second = pairs(*table)
    found = paired.rate_difference(second, first, 0.95)
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-4)


@given(PAIRS)
def test_swapping_the_models_mirrors_the_difference(outcomes: list[tuple[int, int]]) -> None:
    first, second = np.array(outcomes, dtype=float).T
    one, other = paired.rate_difference(first, second, 0.95), paired.rate_difference(second, first, 0.95)
    mirrored = (-(other.difference or 0), -(other.high or 0), -(other.low or 0))
    assert (one.difference, one.low, one.high) == pytest.approx(mirrored)
    assert one.p == pytest.approx(other.p)


@pytest.mark.parametrize("probabilities", [(0.4, 0.1, 0.2, 0.3), (0.02, 0.02, 0.06, 0.9), (0.9, 0.05, 0.0, 0.05)])
def test_newcombes_interval_covers_the_true_difference(probabilities: tuple[float, ...]) -> None:
    draw = np.random.default_rng(3)
    truth = probabilities[2] - probabilities[1]
    found = [paired.rate_difference(*pairs(*draw.multinomial(80, probabilities)), 0.95) for _ in range(600)]
    covered = np.mean([(e.low or 0) <= truth <= (e.high or 0) for e in found])
    assert 0.925 < covered < 0.995


@pytest.mark.parametrize(("only_first", "only_second"), [(0, 0), (0, 6), (3, 11), (10, 10), (25, 60), (1, 0)])
def test_mcnemar_equals_statsmodels(only_first: int, only_second: int) -> None:
    oracle = mcnemar_oracle([[50, only_first], [only_second, 40]], exact=True).pvalue
    assert paired.mcnemar(only_first, only_second) == pytest.approx(min(1.0, oracle))


def test_two_equal_models_are_called_different_in_at_most_five_percent_of_all_trials() -> None:
    draw = np.random.default_rng(4)
    p_values = []
    for _ in range(800):
        first, second = draw.binomial(1, 0.6, (2, 60)).astype(float)
        p_values.append(paired.rate_difference(first, second, 0.95).p or 0.0)
    assert np.mean(np.array(p_values) < 0.05) <= 0.06


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_equals_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1], abs=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_benjamini_hochberg_equals_statsmodels(p_values: list[float]) -> None:
    assert benjamini_hochberg(p_values) == pytest.approx(multipletests(p_values, method="fdr_bh")[1], abs=1e-12)


def test_a_mean_difference_is_students_paired_test() -> None:
    draw = np.random.default_rng(5)
    first, second = draw.random(40), draw.random(40)
    found = paired.mean_difference(first, second, 0.95)
    oracle = stats.ttest_rel(second, first)
    interval = oracle.confidence_interval(0.95)
    assert found.p == pytest.approx(oracle.pvalue, abs=0.02), "the sign-flip test is near it"
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_differences_that_are_all_alike_are_not_certain() -> None:
    same = paired.mean_difference(np.full(30, 0.5), np.full(30, 0.5), 0.95)
    assert (same.difference, same.p) == (0.0, 1.0)
    assert same.high == pytest.approx(1 - 0.025 ** (1 / 30))
    better = paired.mean_difference(np.zeros(10), np.full(10, 0.5), 0.95)
    assert better.p == pytest.approx(2 / 2**10)
    assert better.low is not None
    assert better.low < 0.5


def test_a_median_difference_is_a_seeded_bootstrap_that_finds_a_plain_gain() -> None:
    draw = np.random.default_rng(6)
    second = draw.lognormal(-2, 0.3, 150)
    first = second * 2
    alone = np.arange(150)
    found = paired.median_difference(weighted_median(first), weighted_median(second), alone, 0.95, seed=0)
    assert found == paired.median_difference(weighted_median(first), weighted_median(second), alone, 0.95, seed=0)
    assert found.difference == pytest.approx(np.median(second) - np.median(first))
    assert found.high is not None
    assert found.high < 0
    without_prices = paired.median_difference(
        weighted_median(np.full(20, math.inf)), weighted_median(second[:20]), alone[:20], 0.95, 0
    )
    assert (without_prices.difference, without_prices.low) == (None, None)


def test_detectable_is_what_an_exact_mcnemar_test_finds_in_four_of_five_trials() -> None:
    draw = np.random.default_rng(7)
    for n in (100, 304):
        gain = paired.detectable_rate(n, 0.05)
        assert gain is not None
        lost, won = paired.LOSSES, paired.LOSSES + gain
        counts = draw.multinomial(n, [lost, won, 1 - lost - won], size=700)
        found = np.mean([paired.mcnemar(int(b), int(c)) < 0.05 for b, c, _ in counts])
        assert 0.70 < found < 0.88


@pytest.mark.parametrize(("n", "expected"), [(20, 0.46), (50, 0.23), (100, 0.145), (304, 0.07), (912, 0.035)])
def test_detectable_is_near_the_exactly_computed_table(n: int, expected: float) -> None:
    assert paired.detectable_rate(n, 0.05) == pytest.approx(expected, abs=0.035)


def test_detectable_shrinks_with_n_and_grows_with_the_number_of_tests() -> None:
    sizes = [paired.detectable_rate(n, 0.05) or 1.0 for n in (10, 20, 50, 100, 1000)]
    assert sizes == sorted(sizes, reverse=True)
    assert (paired.detectable_rate(50, 0.0025) or 1.0) > (paired.detectable_rate(50, 0.05) or 1.0)
    assert paired.detectable_rate(3, 0.0025) is None
    gains = np.array(list(itertools.islice(itertools.cycle([0.0, 1 / 3, -1 / 3]), 300)))
    expected = (1.959964 + 0.841621) * gains.std(ddof=1) / math.sqrt(300)
    spread = paired.mean_difference(np.zeros(300), gains, 0.95)
    assert paired.detectable_difference(spread, 0.95, 0.05) == pytest.approx(expected, rel=5e-3)
    assert (paired.detectable_difference(spread, 0.95, 0.0025) or 0) > expected * 1.2
    assert paired.detectable_difference(paired.NOTHING, 0.95, 0.05) is None


def test_the_macro_difference_of_one_group_is_that_of_the_group() -> None:
    group = paired.rate_difference(*pairs(5, 2, 9, 14), 0.95)
    found = paired.macro_difference([group], 30)
    assert (found.difference, found.low, found.high) == pytest.approx((group.difference, group.low, group.high))
