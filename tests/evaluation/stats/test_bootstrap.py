"""Cluster bootstrap and sign flips: BCa against scipy and a slow definition, flips against full enumeration."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evaluation.metrics import metrics
from evaluation.metrics.metrics import rmsle
from evaluation.stats import intervals
from evaluation.stats.intervals import ClusterIds, Values, bca, bootstrap, flip_p
from evaluation.stats.paired import mcnemar, median_difference


def mean_of(values: Values) -> intervals.Weighted:
    return lambda weights: values @ weights / weights.sum(axis=0)


def expanded(families: int, confidence: float) -> float:
    """The quantile of expanded intervals."""
    return float(stats.t.ppf((1 + confidence) / 2, families - 1) * math.sqrt(families / (families - 1)))


def slow_bca(values: Values, families: ClusterIds, confidence: float, seed: int) -> tuple[float, float]:
    """The mean's limits with every resample written out as rows, and every family left out by hand."""
    names = sorted(set(families.tolist()))
    resampled = []
    for counts in intervals._bootstrap_counts(len(names), seed).T:
        rows = [values[families == name] for name, count in zip(names, counts, strict=True) for _ in range(count)]
        resampled.append(np.concatenate(rows).mean())
    left_out = np.array([values[families != name].mean() for name in names])
    share = np.mean([(d < values.mean()) + 0.5 * math.isclose(d, values.mean(), rel_tol=1e-15) for d in resampled])
    shift = stats.norm.ppf(share)
    away = left_out.mean() - left_out
    speed = (away**3).sum() / (6 * (away**2).sum() ** 1.5)
    ends = [shift + sign * expanded(len(names), confidence) for sign in (-1, 1)]
    low, high = np.quantile(resampled, [stats.norm.cdf(shift + end / (1 - speed * end)) for end in ends])
    return float(low), float(high)


def test_bca_equals_a_slow_definition_that_copies_rows() -> None:
    draw = np.random.default_rng(0)
    families = draw.permutation(np.arange(60) % 25)
    values = draw.exponential(size=60) + families / 10
    assert bca(mean_of(values), families, 0.95, 3) == pytest.approx(slow_bca(values, families, 0.95, 3), rel=1e-6)


def test_too_few_and_lopsided_families_have_no_bootstrap_interval() -> None:
    values = np.random.default_rng(0).random(60)
    assert bca(mean_of(values), np.arange(60) % 6, 0.95, 0) == (None, None)
    assert bca(mean_of(values), np.arange(60) % 7, 0.95, 0) != (None, None)
    assert bca(mean_of(values), np.maximum(np.arange(60) - 40, 0), 0.95, 0) == (None, None), "one family of 41"
    weighted = metrics.weighted_median(values), metrics.weighted_median(values[::-1])
    gain = median_difference(*weighted, np.maximum(np.arange(60) - 40, 0), 0.95, 0)
    assert (gain.low, gain.high) == (None, None)
    assert gain.difference == 0


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_bca_of_families_of_one_is_scipys_at_the_expanded_level(confidence: float) -> None:
    values = np.random.default_rng(1).exponential(size=80)
    found = bca(mean_of(values), np.arange(80), confidence, 0)
    level = float(2 * stats.norm.cdf(expanded(80, confidence)) - 1)
    oracle = stats.bootstrap((values,), np.mean, confidence_level=level, n_resamples=20000, rng=1, method="BCa")
    assert found == pytest.approx(tuple(oracle.confidence_interval), rel=0.02)


def test_bootstrap_is_seeded() -> None:
    values, families = np.random.default_rng(2).random(50), np.repeat(np.arange(25), 2)
    assert bca(mean_of(values), families, 0.95, 0) == bca(mean_of(values), families, 0.95, 0)
    assert bca(mean_of(values), families, 0.95, 0) != bca(mean_of(values), families, 0.95, 1)


def test_bootstrap_resamples_whole_families() -> None:
    families = np.repeat(np.arange(30), [1, 2, 3] * 10)
    counts = []

    def watching(weights: Values) -> Values:
        counts.append(weights)
        first: Values = weights[0]
        return first

    bootstrap(watching, families, 0)
    weights = np.concatenate(counts, axis=1).T
    assert weights.shape == (intervals.RESAMPLES, 60)
    for family in range(30):
        own = weights[:, families == family]
        assert (own == own[:, :1]).all()
    firsts = weights[:, np.unique(families, return_index=True)[1]]
    assert (firsts.sum(axis=1) == 30).all()
    assert firsts.mean() == pytest.approx(1.0)


def test_bootstrap_in_chunks_gives_the_same_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(3)
    answered, true, families = draw.random(90), draw.random(90), np.repeat(np.arange(45), 2)
    whole = bca(rmsle(answered, true), families, 0.95, 0)
    intervals._cached_counts.cache_clear()
    monkeypatch.setattr(intervals, "_CHUNK_CELLS", 500)
    assert bca(rmsle(answered, true), families, 0.95, 0) == pytest.approx(whole, rel=1e-12)
    intervals._cached_counts.cache_clear()


def test_without_spread_or_with_one_family_there_is_no_interval() -> None:
    assert bca(mean_of(np.ones(20)), np.arange(20), 0.95, 0) == (None, None)
    assert bca(mean_of(np.arange(20.0)), np.zeros(20, np.intp), 0.95, 0) == (None, None)
    undefined = bca(lambda weights: np.full(weights.shape[1], np.nan), np.arange(20), 0.95, 0)
    assert undefined == (None, None)


def test_leaving_out_sets_of_families_changes_little(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(4).exponential(size=600)
    coarse = bca(mean_of(values), np.arange(600), 0.95, 0)
    monkeypatch.setattr(intervals, "JACKKNIFE_PARTS", 10_000)
    assert bca(mean_of(values), np.arange(600), 0.95, 0) == pytest.approx(coarse, rel=1e-3)


def every_flip(sums: Values) -> float:
    moved = sums[sums != 0]
    totals = [abs(np.dot(signs, moved)) for signs in itertools.product((1, -1), repeat=len(moved))]
    return float(np.mean([total >= abs(moved.sum()) - 1e-9 for total in totals])) if len(moved) else 1.0


WHOLE = st.lists(st.integers(-4, 4), max_size=10).map(lambda sums: np.array(sums, dtype=float))


@given(WHOLE)
def test_whole_sums_are_flipped_exactly(sums: Values) -> None:
    assert flip_p(sums, 0, steps=1) == pytest.approx(every_flip(sums))
    assert flip_p(sums / 3, 0, steps=3) == pytest.approx(every_flip(sums))


@given(st.lists(st.floats(-1, 1, width=16), max_size=10).map(np.array))
def test_flips_of_up_to_twelve_families_are_enumerated(sums: Values) -> None:
    assert flip_p(sums, 0) == pytest.approx(every_flip(sums))


@given(st.integers(0, 40), st.integers(0, 40))
def test_families_of_one_row_make_it_mcnemars_test(lost: int, won: int) -> None:
    sums = np.array([-1.0] * lost + [1.0] * won + [0.0] * 5)
    assert flip_p(sums, 0, steps=1) == pytest.approx(mcnemar(lost, won))


def test_many_sums_are_flipped_as_scipy_does() -> None:
    draw = np.random.default_rng(5)
    for shift in (0.0, 0.2, 0.3):
        sums = draw.normal(shift, 1, 60)
        settings: dict[str, Any] = {"permutation_type": "samples", "n_resamples": 20000, "rng": 1}
        oracle = stats.permutation_test((sums,), np.sum, vectorized=True, **settings)
        assert flip_p(sums, 0) == pytest.approx(oracle.pvalue, abs=0.02)
        assert flip_p(sums, 0) == flip_p(-sums, 0)


def test_random_flips_agree_with_exact_p() -> None:
    sums = np.random.default_rng(6).integers(-3, 4, 80).astype(float)
    sums[:6] = 3
    assert flip_p(sums, 0) == pytest.approx(flip_p(sums, 0, steps=1), abs=0.02)


def test_p_of_random_flips_is_never_zero() -> None:
    assert flip_p(np.linspace(1, 2, 200), 0) == 1 / (intervals.FLIPS + 1)
    assert flip_p(np.ones(200), 0, steps=1) == pytest.approx(2 * 0.5**200)
