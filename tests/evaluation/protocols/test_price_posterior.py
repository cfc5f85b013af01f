"""The price posterior: probabilities that sum to one, scores that equal their slow definitions, legal prices."""

import itertools
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evaluation import predict
from evaluation.protocols.answers import answer
from evaluation.protocols.inference import price_distribution
from evaluation.protocols.protocols import MAX_PRICE_POINTS, subsample
from evaluation.rows import read_rows
from schemas.answer import parse
from schemas.evaluation import EvaluationSpec, read_predictions
from tests.helpers.scoring_model import Colour, scoring_model
from tests.helpers.shard_fixture import colour_of, products, write_shards

PRICES = st.floats(0.5, 1e5)
TABLES = st.lists(st.tuples(PRICES, st.floats(-80, 0)), min_size=1, max_size=12, unique_by=lambda row: row[0]).map(
    sorted
)


def made(table: list[tuple[float, float]]) -> tuple[list[float], list[float], list[float]]:
    """Points, log-probabilities, and probabilities by definition."""
    points, logs = [row[0] for row in table], [row[1] for row in table]
    total = math.fsum(map(math.exp, logs))
    return points, logs, [math.exp(value) / total for value in logs]


@given(table=TABLES, shift=st.floats(-500, 500))
def test_probabilities_sum_to_one_and_only_their_ratios_count(table: list[tuple[float, float]], shift: float) -> None:
    points, logs, probabilities = made(table)
    found = price_distribution(points, [value + shift for value in logs])
    assert float(found.probabilities.sum()) == pytest.approx(1.0, abs=1e-12)
    assert found.probabilities == pytest.approx(np.array(probabilities), rel=1e-9, abs=1e-12)


@given(table=TABLES, truth=PRICES)
def test_scores_equal_their_slow_definitions(table: list[tuple[float, float]], truth: float) -> None:
    points, logs, probabilities = made(table)
    found = price_distribution(points, logs)
    pairs = list(zip(points, probabilities, strict=True))
    apart = sum(p * abs(math.log(x) - math.log(truth)) for x, p in pairs)
    among = sum(p * q * abs(math.log(x) - math.log(y)) for (x, p), (y, q) in itertools.product(pairs, pairs))
    assert found.crps(truth) == pytest.approx(apart - among / 2, abs=1e-9)
    for place in (points[0], points[-1], truth):
        below, at = sum(p for x, p in pairs if x < place), sum(p for x, p in pairs if x == place)
        assert found.pit(place) == pytest.approx(below + at / 2, abs=1e-9)
    for level in (0.1, 0.5, 0.9):
        reached = [x for place, x in enumerate(points) if math.fsum(probabilities[: place + 1]) >= level - 1e-12]
        assert found.quantile(level) == reached[0]
    recorded = found.against(truth)
    assert recorded.q10 <= recorded.q50 <= recorded.q90
    assert recorded.covered == (recorded.q10 <= truth <= recorded.q90)
    assert parse(found.answer()).price == recorded.q50


@given(points=st.lists(PRICES, min_size=2, max_size=2, unique=True).map(sorted), p=st.floats(0.01, 0.99), truth=PRICES)
def test_crps_of_two_prices_is_known_in_closed_form(points: list[float], p: float, truth: float) -> None:
    found = price_distribution(points, [math.log(p), math.log(1 - p)])
    a, b, y = (math.log(value) for value in (*points, truth))
    expected = p * abs(a - y) + (1 - p) * abs(b - y) - p * (1 - p) * (b - a)
    assert found.crps(truth) == pytest.approx(expected, abs=1e-9)


def test_crps_of_a_certain_price_is_its_log_error() -> None:
    found = price_distribution([10.0, 20.0, 40.0], [-900.0, 0.0, -900.0]).against(40.0)
    assert found.crps == pytest.approx(math.log(2), abs=1e-6)
    assert (found.q10, found.q50, found.q90, found.covered, found.pit) == (20.0, 20.0, 20.0, False, 1.0)
    assert price_distribution([10.0, 20.0], [-900.0, 0.0]).against(20.0).pit == 0.5


def test_crps_of_many_points_nears_that_of_the_normal_distribution() -> None:
    """Closed form: Gneiting and Raftery 2007, equation 21."""
    grid = np.linspace(-6, 6, 4001)
    found = price_distribution(
        [float(value) for value in np.exp(grid)], [float(value) for value in stats.norm.logpdf(grid)]
    )
    for z in (-1.5, 0.0, 0.7):
        expected = z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / math.sqrt(math.pi)
        assert found.crps(math.exp(z)) == pytest.approx(expected, abs=1e-3)


def test_a_calibrated_posterior_covers_what_it_says() -> None:
    """Truths sampled from the posterior: four of five within the central 80 %, PIT uniform on average."""
    draw = np.random.default_rng(0)
    points = [float(value) for value in np.exp(np.linspace(3, 8, 200))]
    found = price_distribution(points, [-0.5 * ((math.log(point) - 5.5) / 0.6) ** 2 for point in points])
    truths = draw.choice(points, size=2000, p=found.probabilities)
    recorded = [found.against(float(truth)) for truth in truths]
    assert np.mean([one.covered for one in recorded]) == pytest.approx(0.8, abs=0.03)
    assert stats.kstest([one.pit for one in recorded], "uniform").statistic < 0.03
    wrong = price_distribution(points, [-0.5 * ((math.log(point) - 6.0) / 0.6) ** 2 for point in points])
    honest, biased = (np.mean([one.crps(float(truth)) for truth in truths[:300]]) for one in (found, wrong))
    assert honest < biased


COUNTS = st.dictionaries(st.integers(1, 400).map(float), st.integers(1, 50), min_size=1, max_size=80).map(Counter)


@given(prices=COUNTS, limit=st.integers(2, 40))
def test_thinning_keeps_legal_prices_and_every_one_that_is_common(prices: Counter[float], limit: int) -> None:
    kept = subsample(prices, limit)
    assert len(kept) == len(set(kept)) == min(limit, len(prices))
    assert set(kept) <= set(prices)
    if len(prices) > limit:
        share = prices.total() / limit
        assert {price for price, number in prices.items() if number >= 2 * share} <= set(kept)


def test_thinned_prices_lie_as_the_rows_lie() -> None:
    prices = Counter({float(price): 1 for price in range(1, 5001)})
    kept = np.array(sorted(subsample(prices, MAX_PRICE_POINTS)))
    assert np.abs(np.quantile(kept, [0.1, 0.5, 0.9]) - [500, 2500, 4500]).max() < 12


def test_planted_likelihoods_give_the_known_posterior(tmp_path: Path) -> None:
    rows = [replace(row, split="test" if place < 8 else "train") for place, row in enumerate(products(40))]
    seen = read_rows(write_shards(tmp_path, rows), EvaluationSpec())
    legal = sorted({row.full_price or 0.0 for row in rows[8:]})

    def near_its_colour(colour: Colour, prefix: str, candidate: str) -> float:
        centre = 5.0 + colour[0] / 100
        return -30.0 - ((math.log(float(candidate)) - centre) / 0.3) ** 2 / 2

    model = scoring_model(rows, near_its_colour)
    spec = EvaluationSpec(protocols=("price",), controls=("blank",))
    found = predict(model, seen, tmp_path / "p.jsonl", spec)
    assert read_predictions(tmp_path / "p.jsonl")[0].posterior is not None
    by_code = {row.product_code: row for row in rows}
    for prediction in found:
        truth = by_code[prediction.product_code].full_price or 0.0
        colour = colour_of(prediction.shown) if prediction.shown else seen.mean_colour
        logs = [near_its_colour(colour, "", f" {price!r}") for price in legal]
        assert prediction.posterior == price_distribution(legal, logs).against(truth)
        assert parse(prediction.answer).price == prediction.posterior.q50


def test_given_price_points_replace_those_of_the_train_rows(tmp_path: Path) -> None:
    rows = [replace(row, split="test") for row in products(4)]
    seen = read_rows(write_shards(tmp_path, rows), EvaluationSpec())
    spec = EvaluationSpec(protocols=("price",), controls=(), price_points=(99.5, 1200.0, 450.0))
    model = scoring_model(rows, lambda colour, prefix, candidate: {" 99.5": -1.0, " 450.0": -0.5}.get(candidate, -9.0))
    found = answer(model, seen, tmp_path / "p.jsonl", spec)
    assert {parse(one.answer).price for one in found.predictions} == {450.0}
    assert found.notes == ()


def test_the_result_says_how_many_prices_stand_for_all(tmp_path: Path) -> None:
    rows = [
        replace(row, split="test" if place < 3 else "train", full_price=float(place + 1))
        for place, row in enumerate(products(700))
    ]
    seen = read_rows(write_shards(tmp_path, rows), EvaluationSpec())
    found = answer(scoring_model(rows), seen, tmp_path / "p.jsonl", EvaluationSpec(protocols=("price",), controls=()))
    assert found.notes == ("protocol price uses 512 of the 697 distinct prices of the train rows",)
