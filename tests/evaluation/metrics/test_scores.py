"""The list of scores: simulated accuracies are recovered, macro and pooled figures add up, baselines are blind."""

import dataclasses
import random
import re
from collections.abc import Sequence

import numpy as np
import pytest

from evaluation import score
from evaluation.metrics.baselines import CATEGORY_MEDIAN, fit_frequencies
from evaluation.metrics.differences import compute_differences
from evaluation.metrics.metrics import FAILURES, HEADLINE, MEANINGS, METRICS, POOLED
from evaluation.metrics.score_matrix import family_notes
from evaluation.metrics.scores import image_verdict
from evaluation.metrics.scoring import score_answers
from schemas.answer import render
from schemas.evaluation import EvaluationSpec, Prediction
from schemas.product import Product
from schemas.result import OTHER, Score, document_of
from tests.helpers.shard_fixture import CATEGORIES, guessing, in_split, products, truth


def answered(rows: Sequence[Product], answers: Sequence[str], control: str = "none") -> list[Prediction]:
    return [
        Prediction(
            product_code=row.product_code,
            family=row.family,
            split=row.split,
            source=row.source,
            inferable=row.inferable,
            protocol="generate",
            control=control,
            shown=row.product_code,
            answer=answer,
            truncated=False,
        )
        for row, answer in zip(rows, answers, strict=True)
    ]


def planted(rows: Sequence[Product], right: dict[str, float], seed: int = 0) -> list[str]:
    return list(guessing(rows, right, seed).answers.values())


def find(scores: Sequence[Score], metric: str, **where: object) -> Score:
    wanted = {"control": "none", "rows": "all", "category": None, "baseline": None, "metric": metric, **where}
    found = [s for s in scores if all(getattr(s, key) == value for key, value in wanted.items())]
    assert len(found) == 1, (wanted, len(found))
    return found[0]


def test_no_two_scores_share_their_keys() -> None:
    rows = in_split(products(80))
    predictions = answered(rows, planted(rows, {"category": 0.5, "title": 0.5, "price": 0.5}))
    scores = score(rows, predictions, train=products(100, 1))
    keys = [(s.protocol, s.split, s.control, s.rows, s.category, s.metric, s.baseline) for s in scores]
    assert len(keys) == len(set(keys))
    assert {s.protocol for s in scores} == {"generate"}
    assert {s.split for s in scores} == {"test"}


def test_planted_accuracies_come_out_within_their_intervals() -> None:
    rows = in_split(products(900))
    right = {"category": 0.7, "title": 0.4, "price": 0.9}
    scores = score(rows, answered(rows, planted(rows, right)))
    for field, expected in {**right, "joint": 0.7 * 0.4 * 0.9, "reasoning": 2 / 3, "parsed_strict": 1.0}.items():
        found = find(scores, field)
        assert (found.n, found.low is not None) == (900, True)
        assert (found.low or 0) - 0.01 <= expected <= (found.high or 0) + 0.01, (field, found)


def test_the_figures_equal_a_count_by_hand() -> None:
    rows = in_split(products(40))
    answers = [truth(row) if i % 4 else "no idea" for i, row in enumerate(rows)]
    answers[1] = render(rows[1].title or "", "Hats", rows[1].full_price or 0)
    scores = score(rows, answered(rows, answers))
    for metric, hits in {
        "category": 29,
        "title": 30,
        "price": 30,
        "joint": 29,
        "parsed": 30,
        "parsed_strict": 30,
    }.items():
        assert find(scores, metric).value == hits / 40
    assert find(scores, "reasoning").value == pytest.approx((29 + 30 + 30) / 120)
    assert find(scores, "category:out-of-set").value == 1 / 40
    assert find(scores, "title:missing").value == 10 / 40
    assert find(scores, "price_median_ape").value == 0.0


def test_the_reasons_of_a_field_and_its_accuracy_add_up_to_one() -> None:
    rows = in_split(products(60))
    texts = ["nothing", "Price: -1", "Price: ?", "Category: Hats", "Category: Bags, Price: 3"]
    answers = [truth(row) if i % 2 else texts[i % 5] for i, row in enumerate(rows)]
    scores = score(rows, answered(rows, answers))
    for field, reasons in FAILURES.items():
        total = sum(find(scores, f"{field}:{reason}").value or 0 for reason in reasons)
        assert total + (find(scores, field).value or 0) == pytest.approx(1.0)


def test_unreadable_answers_are_wrong_and_stay_in_the_denominator() -> None:
    rows = in_split(products(30))
    scores = score(rows, answered(rows, ["???"] * 30))
    for metric in HEADLINE:
        assert (find(scores, metric).n, find(scores, metric).value) == (30, 0.0)
    assert find(scores, "price_median_ape").value is None
    assert find(scores, "parsed").value == 0.0


def mixed(sizes: dict[str, int]) -> list[Product]:
    base = in_split(products(sum(sizes.values())))
    names = [name for name, size in sizes.items() for _ in range(size)]
    return [dataclasses.replace(row, category3_code=name) for row, name in zip(base, names, strict=True)]


def test_small_categories_are_shown_pooled_and_listed() -> None:
    rows = mixed({"A": 30, "B": 20, "C": 19, "D": 2})
    wrong = render("x", "A", 1e9)
    answers = [truth(row) if row.category3_code in {"A", "C"} else wrong for row in rows]
    scores = score(rows, answered(rows, answers))
    assert [find(scores, "joint", category=name).n for name in ("A", "B", "C", "D", OTHER)] == [30, 20, 19, 2, 21]
    assert find(scores, "joint", category=OTHER).value == pytest.approx(19 / 21)
    macro = find(scores, "joint_macro")
    assert macro.value == pytest.approx((1 + 0 + 19 / 21) / 3)
    assert macro.n == 71
    assert find(scores, "joint").value == pytest.approx(49 / 71)


def test_a_pooled_rest_that_is_itself_too_small_does_not_weigh_as_a_category() -> None:
    rows = mixed({"A": 30, "B": 25, "C": 3})
    answers = [truth(row) if row.category3_code != "A" else "?" for row in rows]
    scores = score(rows, answered(rows, answers))
    assert find(scores, "joint_macro").value == pytest.approx(1 / 2)
    assert find(score(rows[:5], answered(rows[:5], answers[:5])), "joint_macro").value is None


def test_inferable_rows_are_counted_apart() -> None:
    rows = [dataclasses.replace(row, inferable=i % 3 > 0) for i, row in enumerate(in_split(products(60)))]
    answers = [truth(row) if row.inferable else "?" for row in rows]
    scores = score(rows, answered(rows, answers))
    assert (find(scores, "joint").n, find(scores, "joint").value) == pytest.approx((60, 40 / 60))
    assert (find(scores, "joint", rows="inferable").n, find(scores, "joint", rows="inferable").value) == (40, 1.0)
    none = [dataclasses.replace(row, inferable=False) for row in rows]
    empty = find(score(none, answered(none, answers)), "joint", rows="inferable")
    assert (empty.n, empty.value, empty.low, empty.high) == (0, None, None, None)


def test_the_order_of_predictions_does_not_matter() -> None:
    rows = in_split(products(50))
    answers = planted(rows, {"category": 0.5, "title": 0.5, "price": 0.5})
    predictions = answered(rows, answers) + answered(rows, ["?"] * 50, "blank")
    shuffled = random.Random(1).sample(predictions, len(predictions))
    assert document_of(score(rows, predictions)) == document_of(score(rows, shuffled))


def test_every_metric_has_a_meaning() -> None:
    described = " ".join(f"{name}: {words}" for name, words in MEANINGS.items())
    plain = {name for name in (*METRICS, *POOLED) if ":" not in name}
    assert {name for name in plain if not re.search(rf"\b{name}\b", described)} == set()
    assert set(HEADLINE) <= plain


def test_baselines_are_fitted_to_the_train_split_only() -> None:
    train = mixed({"A": 5, "B": 3})
    prices = [10.0, 20.0, 30.0, 40.0, 50.0, 100.0, 200.0, 300.0]
    titles = ["t", "u", "t", "v", "w", "x", "y", "z"]
    train = [dataclasses.replace(r, full_price=p, title=t) for r, p, t in zip(train, prices, titles, strict=True)]
    habits = fit_frequencies([*train, dataclasses.replace(train[0], title=None)])
    assert habits is not None
    assert (habits.num_rows, habits.majority_category, habits.commonest_title) == (8, "A", "t")
    assert (habits.median_price, habits.category_prices) == (45.0, {"a": 30.0, "b": 200.0})

    rows = mixed({"A": 2, "B": 2, "C": 1})
    rows = [dataclasses.replace(r, full_price=p, title="T") for r, p in zip(rows, [30, 33, 200, 45, 45], strict=True)]
    scores = score(rows, answered(rows, ["?"] * 5), train=train)
    expected = {
        ("majority-category", "category"): 2 / 5,
        ("commonest-title", "title"): 1.0,
        ("commonest-title", "title_exact"): 0.0,
        ("median-price", "price"): 2 / 5,
        ("majority-category-median", "price"): 2 / 5,
        (CATEGORY_MEDIAN, "price"): 4 / 5,
        ("constant", "joint"): 2 / 5,
        ("constant", "reasoning"): (2 + 5 + 2) / 15,
    }
    for (name, metric), value in expected.items():
        assert find(scores, metric, baseline=name).value == pytest.approx(value), (name, metric)
    assert find(scores, "price", baseline=CATEGORY_MEDIAN, category="B").value == 1 / 2


def test_without_train_rows_there_are_no_baselines() -> None:
    rows = in_split(products(5))
    assert all(s.baseline is None for s in score(rows, answered(rows, ["?"] * 5)))
    assert fit_frequencies([]) is None


def sighted(rows: Sequence[Product], seeing: Sequence[str], blind: Sequence[str]) -> tuple[Score, ...]:
    predictions = answered(rows, seeing) + answered(rows, blind, "blank") + answered(rows, blind, "shuffled")
    return score(rows, predictions)


def test_image_verdict_of_a_model_that_ignores_the_image() -> None:
    rows = in_split(products(120))
    habit = [render("x", "Bags", 500)] * 120
    uses, sentence = image_verdict(sighted(rows, habit, habit), 0.95)
    assert uses is False
    assert "does not use the image" in sentence
    assert "[-0." in sentence
    uses, sentence = image_verdict(
        sighted(rows, planted(rows, {"category": 0.7, "title": 0.1, "price": 0.3}), habit), 0.95
    )
    assert uses is True
    assert "120 visually identifiable rows" in sentence


def test_the_visual_gain_is_taken_over_the_better_control() -> None:
    rows = in_split(products(100))
    half = [truth(row) if i % 2 else "?" for i, row in enumerate(rows)]
    predictions = (
        answered(rows, [truth(row) for row in rows])
        + answered(rows, ["?"] * 100, "blank")
        + answered(rows, half, "shuffled")
    )
    gain = find(score(rows, predictions), "category_visual_gain")
    assert gain.value == pytest.approx(0.5)
    assert (gain.low or 0) == pytest.approx(0.4, abs=0.03)


def test_blind_models_are_seldom_believed_to_see() -> None:
    rows = in_split(products(80))
    believed = 0
    for seed in range(20):
        right = {"category": 0.4, "title": 0.2, "price": 0.3}
        answers = [planted(rows, right, seed * 3 + control) for control in range(3)]
        predictions = answered(rows, answers[0]) + answered(rows, answers[1], "blank")
        believed += image_verdict(score(rows, [*predictions, *answered(rows, answers[2], "shuffled")]), 0.95)[0] is True
    assert believed <= 2


def test_a_verdict_needs_eight_families() -> None:
    for families, told in ((7, None), (8, True)):
        rows = [dataclasses.replace(row, family=f"f{k % families}") for k, row in enumerate(in_split(products(40)))]
        uses, sentence = image_verdict(sighted(rows, [truth(row) for row in rows], ["?"] * 40), 0.95)
        assert uses is told
        assert ("at least 8 are needed" in sentence) is (told is None)


def test_without_controls_nothing_is_claimed() -> None:
    rows = in_split(products(5))
    scores = score(rows, answered(rows, [truth(row) for row in rows]), EvaluationSpec(controls=()))
    assert image_verdict(scores, 0.95) == (None, image_verdict(scores, 0.95)[1])
    assert image_verdict(scores, 0.95)[1].startswith("not tested")


def test_intervals_narrow_with_the_square_root_of_n() -> None:
    widths = []
    for n in (100, 400):
        rows = in_split(products(n))
        found = find(score(rows, answered(rows, planted(rows, {"category": 0.5, "title": 0.5, "price": 0.5}))), "title")
        widths.append((found.high or 0) - (found.low or 0))
    assert widths[0] / widths[1] == pytest.approx(2, rel=0.1)


def test_the_categories_of_the_fixture_are_all_there() -> None:
    counted = np.unique([row.category3_code for row in products(200)])
    assert sorted(counted) == sorted(CATEGORIES)


def lopsided_rows() -> list[Product]:
    """40 rows of one category, 30 of them one family; 40 of another, each its own family."""
    rows = in_split(products(80))
    families = ["large"] * 30 + [f"own-{n}" for n in range(50)]
    categories = ["BAGS"] * 40 + ["HATS"] * 40
    return [
        dataclasses.replace(row, family=family, category3_code=category)
        for row, family, category in zip(rows, families, categories, strict=True)
    ]


def test_large_families_are_named_and_widen_intervals() -> None:
    rows = lopsided_rows()
    answers = answered(rows, planted(rows, {"category": 0.6, "title": 0.6, "price": 0.6}))
    spec = EvaluationSpec()
    outcomes = score_answers(rows, answers, spec, ())
    one, few, bootstrap, listed = family_notes(outcomes, 20)
    assert one == "one family (large) holds 30 of 80 rows"
    assert few.startswith(
        "the 51 families of the 80 rows differ much in size: they tell as much as 6.7 independent rows"
    )
    assert "no intervals" in bootstrap
    assert listed == "families differ much in size, so intervals are wide: BAGS (30 of 40 rows in the largest family)"
    assert family_notes([outcome for outcome in outcomes if outcome.category == "HATS"], 20) == ()
    assert family_notes([], 20) == ()
    scores = score(rows, answers)
    bags, hats = (find(scores, "category", category=name) for name in ("BAGS", "HATS"))
    assert (bags.high or 0) - (bags.low or 0) > 2 * ((hats.high or 0) - (hats.low or 0))
    rmsle = find(scores, "price_rmsle")
    assert (rmsle.low, rmsle.high) == (None, None)
    assert rmsle.value is not None


def test_a_category_of_five_families_has_no_p_and_does_not_enter_holm() -> None:
    rows = in_split(products(90))
    families = (
        [f"bag-{n % 5}" for n in range(30)] + [f"hat-{n % 6}" for n in range(30)] + [f"own-{n}" for n in range(30)]
    )
    categories = ["BAGS"] * 30 + ["HATS"] * 30 + ["SHOES"] * 30
    rows = [
        dataclasses.replace(row, family=family, category3_code=category)
        for row, family, category in zip(rows, families, categories, strict=True)
    ]
    spec = EvaluationSpec()
    wrong = score_answers(rows, answered(rows, ["?"] * 90), spec, ())
    right = score_answers(rows, answered(rows, [truth(row) for row in rows]), spec, ())
    found = {
        each.category: each
        for each in compute_differences(wrong, right, spec)
        if (each.metric, each.rows, each.control) == ("category", "all", "none")
    }
    bags, hats, shoes = (found[name] for name in ("BAGS", "HATS", "SHOES"))
    assert (bags.insufficient, bags.n, bags.families, bags.p, bags.p_holm) == (True, 30, 5, None, None)
    assert bags.difference == 1
    assert not hats.insufficient
    assert hats.p == pytest.approx(2.0**-5)
    assert hats.p_holm == pytest.approx(2.0**-5), "the larger of two, not of three"
    assert (shoes.p_holm or 1) < 1e-6
