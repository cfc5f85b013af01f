"""Pooled price metrics under weights: scipy and scikit-learn for unit weights, copied rows otherwise."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sklearn_metrics

from evaluation.metrics import metrics
from evaluation.stats.intervals import Values, Weighted, row_medians, unweighted

PAIRS = st.lists(
    st.tuples(st.sampled_from([1.0, 2.0, 5.0, 7.0, 9.5]), st.sampled_from([1.0, 3.0, 5.0, 8.0]), st.integers(0, 2)),
    min_size=2,
    max_size=25,
)
COUNTS = st.lists(st.integers(0, 3), min_size=25, max_size=25)


def columns(pairs: list[tuple[float, float, int]]) -> tuple[Values, Values, np.ndarray]:
    answered, true, groups = zip(*pairs, strict=True)
    return np.log(answered), np.log(true), np.array(groups, np.intp)


@given(PAIRS)
def test_rank_correlation_is_spearmans(pairs: list[tuple[float, float, int]]) -> None:
    answered, true, _ = columns(pairs)
    found = unweighted(metrics.rank_correlation(answered, true, np.zeros(len(pairs), np.intp)), len(pairs))
    if len(set(answered)) == 1 or len(set(true)) == 1:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(float(stats.spearmanr(answered, true).statistic))


@given(PAIRS)
def test_within_categories_it_is_the_correlation_of_scaled_ranks(pairs: list[tuple[float, float, int]]) -> None:
    answered, true, groups = columns(pairs)
    places = []
    for values in (answered, true):
        place = np.zeros(len(pairs))
        for group in set(groups.tolist()):
            own = groups == group
            place[own] = (stats.rankdata(values[own]) - 0.5) / own.sum() - 0.5
        places.append(place)
    found = unweighted(metrics.rank_correlation(answered, true, groups), len(pairs))
    scale = math.sqrt(float(places[0] @ places[0]) * float(places[1] @ places[1]))
    if scale < 1e-9:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(float(places[0] @ places[1]) / scale)


def test_rank_correlation_within_category_ignores_the_category() -> None:
    draw = np.random.default_rng(0)
    groups = np.repeat([0, 1, 2], 40)
    true = groups * 2.0 + draw.normal(size=120)
    medians = np.array([np.median(true[groups == group]) for group in range(3)])[groups]
    whole = metrics.rank_correlation(medians, true, np.zeros(120, np.intp))
    within = metrics.rank_correlation(medians, true, groups)
    assert unweighted(whole, 120) > 0.7
    assert math.isnan(unweighted(within, 120))


def test_d2_is_scikit_learns_where_the_baseline_is_the_median_of_the_rows() -> None:
    draw = np.random.default_rng(1)
    true, answered = draw.normal(size=51), draw.normal(size=51)
    found = metrics.d2(answered, true, float(np.median(true)))
    assert unweighted(found, 51) == pytest.approx(float(sklearn_metrics.d2_absolute_error_score(true, answered)))
    assert unweighted(metrics.d2(true, true, 0.3), 51) == 1.0
    assert unweighted(metrics.d2(np.full(51, 0.3), true, 0.3), 51) == 0.0
    assert math.isnan(unweighted(metrics.d2(np.ones(3), np.zeros(3), 0.0), 3))


def test_rmsle_is_scikit_learns_up_to_its_added_one() -> None:
    draw = np.random.default_rng(2)
    true, answered = draw.lognormal(size=30) + 1, draw.lognormal(size=30) + 1
    found = unweighted(metrics.rmsle(np.log(answered), np.log(true)), 30)
    assert found == pytest.approx(float(sklearn_metrics.root_mean_squared_log_error(true - 1, answered - 1)))


@given(PAIRS, COUNTS)
def test_weights_are_copies_of_rows(pairs: list[tuple[float, float, int]], counts: list[int]) -> None:
    answered, true, groups = columns(pairs)
    times = np.array(counts[: len(pairs)])
    if times.sum() == 0:
        return
    copied = np.repeat(np.arange(len(pairs)), times)
    figures: tuple[Callable[[np.ndarray], Weighted], ...] = (
        lambda rows: metrics.rmsle(answered[rows], true[rows]),
        lambda rows: metrics.d2(answered[rows], true[rows], 1.0),
        lambda rows: metrics.rank_correlation(answered[rows], true[rows], groups[rows]),
        lambda rows: metrics.weighted_median(answered[rows]),
    )
    for make in figures:
        weighted = float(make(np.arange(len(pairs)))(times[:, None].astype(float))[0])
        written_out = unweighted(make(copied), len(copied))
        assert weighted == pytest.approx(written_out, nan_ok=True)


@given(st.lists(st.sampled_from([0.1, 0.2, 0.5, math.inf]), min_size=1, max_size=12).map(np.array))
def test_the_middle_is_the_median_with_infinite_values_last(values: Values) -> None:
    expected = np.median(values) if np.isfinite(np.median(np.where(np.isinf(values), 1e9, values))) else math.inf
    found = unweighted(metrics.weighted_median(values), len(values))
    assert found == float(row_medians(values[None])[0])
    if np.sum(np.isinf(values)) * 2 < len(values) - 1:
        assert found == pytest.approx(float(expected))
