"""Metrics against plain definitions; the metrics of each protocol; refusals; touched rows."""

import dataclasses
import math
import statistics
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from evaluation import score
from evaluation.metrics.baselines import fit_frequencies
from evaluation.metrics.metrics import HEADLINE, METRICS, POOLED, category_metric_names, headline_metrics, metric_names
from evaluation.metrics.scores import compute_scores, image_verdict
from evaluation.metrics.scoring import is_refusal, score_answers
from schemas.answer import render
from schemas.evaluation import EvaluationSpec, Posterior, Prediction
from schemas.product import Product
from schemas.result import Score
from tests.evaluation.metrics.test_scores import answered, find, planted
from tests.helpers.shard_fixture import in_split, products, truth

RIGHT = {"category": 0.7, "title": 0.4, "price": 0.5}


def guessed_prices(rows: Sequence[Product], seed: int = 0) -> list[float | None]:
    """About a sixth has no price."""
    draw = np.random.default_rng(seed)
    return [
        None if draw.random() < 1 / 6 else round(float((row.full_price or 0) * draw.lognormal(0.1, 0.3)), 2)
        for row in rows
    ]


def with_prices(rows: Sequence[Product], prices: Sequence[float | None]) -> list[str]:
    return [
        f"Title: {row.title}; Category: {row.category3_code}" + (f"; Price: {price}" if price else "")
        for row, price in zip(rows, prices, strict=True)
    ]


def test_price_figures_equal_plain_definitions() -> None:
    rows, train = in_split(products(120)), in_split(products(80, 1), "train")
    prices = guessed_prices(rows)
    prices[3] = rows[3].full_price
    scores = score(rows, answered(rows, with_prices(rows, prices)), train=train)
    pairs = [(p, row.full_price or 0.0) for p, row in zip(prices, rows, strict=True) if p is not None]
    gaps = [math.log(p / t) for p, t in pairs]
    median = statistics.median([row.full_price or 0.0 for row in train])
    expected = {
        "price_male": statistics.fmean(map(abs, gaps)),
        "price_rmsle": math.sqrt(statistics.fmean(gap * gap for gap in gaps)),
        "price_bias": statistics.median(gaps),
        "price_d2": 1 - sum(map(abs, gaps)) / sum(abs(math.log(median / t)) for _, t in pairs),
        "price_spearman": float(stats.spearmanr([p for p, _ in pairs], [t for _, t in pairs]).statistic),
    }
    for name, value in expected.items():
        found = find(scores, name)
        assert found.n == len(pairs)
        assert found.value == pytest.approx(value), name
        assert found.low is not None
        assert found.high is not None
        assert found.low < value < found.high
    assert find(scores, "price_readable").value == len(pairs) / 120
    for name, tolerance in {"price_exact": 1e-9, "price_within_10": 0.1, "price": 0.2, "price_within_25": 0.25}.items():
        right = sum(abs(p - t) / t <= tolerance for p, t in pairs)
        assert (find(scores, name).n, find(scores, name).value) == (120, right / 120)


def test_ranks_within_categories_are_pooled_over_them() -> None:
    rows = in_split(products(120))
    prices = guessed_prices(rows)
    found = find(score(rows, answered(rows, with_prices(rows, prices))), "price_spearman_in_category")
    places: tuple[list[float], list[float]] = ([], [])
    for category in sorted({row.category3_code for row in rows if row.category3_code}):
        own = [
            (price, row.full_price)
            for price, row in zip(prices, rows, strict=True)
            if row.category3_code == category and price is not None
        ]
        for side, values in enumerate(zip(*own, strict=True)):
            places[side].extend((stats.rankdata(values) - 0.5) / len(own) - 0.5)
    assert found.value == pytest.approx(float(stats.pearsonr(*places).statistic), abs=1e-9)


def test_a_model_without_prices_has_no_price_figures_and_says_so() -> None:
    rows = in_split(products(40))
    scores = score(rows, answered(rows, with_prices(rows, [None] * 40)), train=in_split(products(40, 1), "train"))
    assert find(scores, "price_readable").value == 0.0
    for name in ("price_male", "price_bias", *POOLED):
        found = find(scores, name)
        assert (found.n, found.families, found.value, found.low, found.high) == (0, 0, None, None, None)
    assert find(scores, "price_median_ape").n == 40


def test_perfect_prices_are_perfect_in_every_figure() -> None:
    rows = in_split(products(60))
    scores = score(rows, answered(rows, [truth(row) for row in rows]), train=in_split(products(40, 1), "train"))
    perfect = {"price_male": 0.0, "price_rmsle": 0.0, "price_bias": 0.0, "price_d2": 1.0, "price_spearman": 1.0}
    for name, value in {**perfect, "price_spearman_in_category": 1.0, "title_chrf": 1.0, "price_exact": 1.0}.items():
        assert find(scores, name).value == pytest.approx(value)


def test_slots_count_the_rows_whose_title_names_them() -> None:
    titles = ["Navy Wool Coat", "Check Scarf", "Cotton Hat", "Untitled"] * 5
    rows = [dataclasses.replace(row, title=title) for row, title in zip(in_split(products(20)), titles, strict=True)]
    answers = [render(title, "Bags", 5) for title in ["Blue Wool Coat", "Check Scarf", "Cotton Cap", "Untitled"] * 5]
    scores = score(rows, answered(rows, answers))
    expected = {
        "title_colour": (5, 0.0),
        "title_material": (10, 1.0),
        "title_pattern": (5, 1.0),
        "title_type": (15, 2 / 3),
    }
    for name, (n, value) in expected.items():
        assert find(scores, name).n == n
        assert find(scores, name).value == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("I'm sorry, but I can't help with identifying this.", True),
        ("I\u2019m sorry, I can\u2019t tell.", True),
        ("As an AI language model I cannot see images.", True),
        ("I am unable to determine the price of the product.", True),
        ("Sorry, I do not know", True),
        ("A navy coat on white ground.", False),
        ("", False),
        ("Can't go wrong with this sorry little hat", False),
    ],
)
def test_is_refusal(text: str, refused: bool) -> None:
    assert is_refusal(text) is refused
    rows = in_split(products(1))
    found = score_answers(rows, answered(rows, [text]), EvaluationSpec(), ())[0]
    assert found.refused is refused
    assert set(found.reasons.values()) == {"refused" if refused else "missing"}


def test_whoever_answers_after_all_has_not_refused() -> None:
    rows = in_split(products(2))
    texts = [f"I'm sorry, I can't be sure. {truth(rows[0])}", "I cannot tell. Price: 5"]
    first, second = score_answers(rows, answered(rows, texts), EvaluationSpec(), ())
    assert not first.refused
    assert (second.reasons["price"], second.reasons["title"], second.refused) == ("wrong", "missing", False)
    scores = score(rows, answered(rows, ["I cannot say.", truth(rows[1])]))
    assert find(scores, "refused").value == find(scores, "title:refused").value == 0.5


def ranked(rows: Sequence[Product], ranking: Sequence[str], control: str = "none") -> list[Prediction]:
    text = f'{{"category": "{ranking[0]}"}}'
    plain = answered(rows, [text] * len(rows), control)
    return [dataclasses.replace(p, protocol="rank", ranking=tuple(ranking)) for p in plain]


def priced(rows: Sequence[Product]) -> list[Prediction]:
    found = []
    for place, prediction in enumerate(answered(rows, ['{"price": 400}'] * len(rows))):
        posterior = Posterior(q10=200, q50=400, q90=800, crps=place / 10, covered=place % 4 > 0, pit=0.5)
        found.append(dataclasses.replace(prediction, protocol="price", posterior=posterior))
    return found


def of(scores: Sequence[Score], protocol: str, split: str = "test") -> list[Score]:
    return [s for s in scores if (s.protocol, s.split, s.baseline) == (protocol, split, None)]


def test_rank_protocol_has_category_metrics_only() -> None:
    rows = in_split(products(60))
    ranking = ["Bags", "Sneakers", "T-shirts", "Trench Coats"]
    spec = EvaluationSpec(protocols=("rank",), controls=("blank",))
    scores = score(rows, ranked(rows, ranking) + ranked(rows, ranking, "blank"), spec)
    names = {s.metric for s in scores}
    assert not {name for name in names if not name.startswith("category")}
    count = sum(row.category3_code == "Bags" for row in rows)
    assert find(scores, "category").value == pytest.approx(count / 60)
    missing = sum(row.category3_code == "Trench Coats" for row in rows)
    assert find(scores, "category_top3").value == pytest.approx(1 - missing / 60)
    assert find(scores, "category_macro").value is not None
    assert image_verdict(scores, 0.95)[0] is False


def test_price_protocol_has_price_metrics_only() -> None:
    rows = in_split(products(40))
    scores = score(rows, priced(rows), EvaluationSpec(protocols=("price",), controls=()))
    assert not {s.metric for s in scores if not s.metric.startswith("price")}
    assert find(scores, "price_crps").value == pytest.approx(1.95)
    assert find(scores, "price_covered").value == 0.75
    assert find(scores, "price_width").value == pytest.approx(math.log(4))
    right = sum(abs(400 / (row.full_price or 1) - 1) <= 0.2 for row in rows)
    assert find(scores, "price").value == right / 40


def test_protocols_and_splits_are_scored_apart_the_headline_first() -> None:
    rows, chosen = in_split(products(60)), in_split(products(80)[60:], "validation")
    plain, better = planted(rows, RIGHT), [truth(row) for row in rows]
    predictions = [
        *[dataclasses.replace(p, protocol="instructed") for p in answered(chosen, ["?"] * 20)],
        *ranked(rows, ["Bags", "Hats"]),
        *[dataclasses.replace(p, protocol="instructed") for p in answered(rows, better)],
        *answered(rows, plain),
    ]
    spec = EvaluationSpec(protocols=("generate", "rank"))
    scores = score([*rows, *chosen], predictions, spec, in_split(products(50, 1), "train"))
    order = list(dict.fromkeys((s.protocol, s.split) for s in scores if s.baseline is None))
    assert order == [("generate", "test"), ("rank", "test"), ("instructed", "test"), ("instructed", "validation")]
    for protocol, split, n in (("generate", "test", 60), ("instructed", "test", 60), ("instructed", "validation", 20)):
        assert find(of(scores, protocol, split), "category").n == n
    alone = score(rows, answered(rows, plain), spec, in_split(products(50, 1), "train"))
    assert of(scores, "generate") == of(alone, "generate"), "other protocols change nothing"
    assert [s for s in scores if s.baseline] == [s for s in alone if s.baseline]
    assert find(of(scores, "instructed"), "joint").value == 1.0


def test_touched_rows_and_clean_ones_are_scored_apart() -> None:
    rows = in_split(products(50))
    touched = {row.product_code for row in rows[:10]}
    answers = [truth(row) if row.product_code in touched else "?" for row in rows]
    habits = fit_frequencies([])
    scored = score_answers(rows, answered(rows, answers), EvaluationSpec(), ())
    scores = compute_scores(scored, rows, EvaluationSpec(), habits, touched)
    assert (find(scores, "joint", rows="touched").n, find(scores, "joint", rows="touched").value) == (10, 1.0)
    assert (find(scores, "joint", rows="clean").n, find(scores, "joint", rows="clean").value) == (40, 0.0)
    assert {s.category for s in scores if s.rows in {"clean", "touched"}} == {None}
    assert not [s for s in scores if s.rows == "clean" and s.metric.endswith("_macro")]
    assert not [s for s in compute_scores(scored, rows, EvaluationSpec(), habits) if s.rows == "clean"]


def test_the_gain_within_the_category_is_taken_over_its_own_rows() -> None:
    rows = in_split(products(90))
    half = rows[:50]
    predictions = answered(rows, [truth(row) for row in rows])
    predictions += answered(half, [render("x", row.category3_code or "", 1) for row in half], "shuffled_in_category")
    spec = EvaluationSpec(controls=("shuffled_in_category",))
    scores = score(rows, predictions, spec)
    assert (find(scores, "category_in_category_gain").n, find(scores, "category_in_category_gain").value) == (50, 0.0)
    assert find(scores, "price_in_category_gain").value == 1.0
    assert find(scores, "category", control="shuffled_in_category").n == 50
    assert image_verdict(scores, 0.95)[0] is None, (
        "it does not test the use of images: a category may be identified by its name alone"
    )


def test_every_figure_of_a_protocol_is_known_and_headlines_are_among_them() -> None:
    for protocol in ("generate", "instructed", "examples", "constrained", "rank", "price"):
        for control in ("none", "blank"):
            names = metric_names(protocol, control)
            assert len(names) == len(set(names))
            assert set(names) <= {*METRICS, *POOLED}
            assert set(headline_metrics(protocol)) <= set(names)
            assert set(category_metric_names(protocol, control)) <= set(names)
    assert headline_metrics("generate") == HEADLINE
    assert set(metric_names("generate", "none")) | set(metric_names("rank", "none")) | set(
        metric_names("price", "none")
    ) == {
        *METRICS,
        *POOLED,
    }


def test_scores_count_families() -> None:
    rows = in_split(products(60))
    found = find(score(rows, answered(rows, planted(rows, RIGHT))), "joint")
    assert (found.n, found.families) == (60, len({row.family for row in rows}))
