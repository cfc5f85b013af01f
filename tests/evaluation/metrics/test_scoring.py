"""What counts as right: category, title and price of one answer."""

import dataclasses
import json
import math
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.demo import measure_titles
from evaluation.metrics.scoring import OK, ClosedSet, Outcome, category_key, score_answers
from evaluation.metrics.titles import Shown, Vocabulary, title_tokens, title_words, token_f1
from schemas.answer import parse, render
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec, Prediction
from schemas.product import Product

ROW = Product(
    product_code="1",
    category3_code="Trench Coats",
    title="Kensington Heritage Trench Coat",
    full_price=100.0,
    family="f",
    split="test",
    source="s",
    inferable=True,
)
CATEGORIES = ("Trench Coats", "T-shirts", "Bags")


def judged(answer: str, row: Product = ROW, truncated: bool = False, spec: EvaluationSpec | None = None) -> Outcome:
    prediction = Prediction(
        product_code="1",
        family="f",
        split="test",
        source="s",
        inferable=True,
        protocol="generate",
        control="none",
        shown="1",
        answer=answer,
        truncated=truncated,
    )
    return score_answers([row], [prediction], spec or EvaluationSpec(), CATEGORIES)[0]


@pytest.mark.parametrize(
    "answer",
    [
        "Trench Coats",
        "TRENCH COATS",
        " trench  coats ",
        "trench-coats",
        "Trench_Coats",
        "\uff34rench/coats",
        "trench\u00a0coats",
    ],
)
def test_spellings_of_one_category_are_one(answer: str) -> None:
    assert judged(render("x", answer, 1)).right("category")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("Bags", "wrong"),
        ("t shirts", "wrong"),
        ("Coats", "out-of-set"),
        ("Trench Coats; Bags", "out-of-set"),
        ("Trench Coats or Bags", "out-of-set"),
        ("Bags / Trench Coats", "out-of-set"),
        ("Trench Coats > Women", "out-of-set"),
        ("Women > Bags", "wrong"),
        (" ", "missing"),
    ],
)
def test_another_category_is_wrong_or_out_of_the_set(answer: str, reason: str) -> None:
    assert judged(render("x", answer, 1)).reasons["category"] == reason


@pytest.mark.parametrize(
    "answer",
    [
        "Trench Coat",
        "Women > Outerwear > Trench Coats",
        "Clothing/Trench Coat",
        "Trench Coats (Outerwear)",
        "Trench\u2011Coats",
        "Trenchcoat",
        "Trenchs",
    ],
)
def test_another_word_for_the_category_is_right_but_not_strictly(answer: str) -> None:
    found = judged(render("x", answer, 1))
    assert found.right("category")
    assert found.category_strict is (answer == "Trench\u2011Coats")
    assert found.answered_category == found.category


def test_a_garment_that_two_categories_sell_names_neither() -> None:
    names = ["Trench Coats", "Raincoats and Trenches", "Bags"]
    closed = ClosedSet(names, {})
    assert closed.recognize("Trenchcoat") is None
    assert closed.recognize("trench coat") == "Trench Coats"


def test_an_alias_counts_as_its_category() -> None:
    spec = EvaluationSpec(aliases={"Outer": "trench coats"})
    assert judged(render("x", "OUTER", 1), spec=spec).right("category")
    assert judged(render("x", "OUTER", 1)).reasons["category"] == "out-of-set"


def test_a_price_cut_off_by_the_limit_of_tokens_is_not_read() -> None:
    text = "Product: x, Category: Bags, Full Price: 100"
    assert judged(text).right("price")
    assert not judged(text, truncated=True).right("price")


WORDS_OF, NOTHING = Vocabulary([]), Shown(frozenset(), complete=False)
CASES = Path(__file__).parents[4] / "shared" / "cases" / "answers.jsonl"


@pytest.mark.skipif(not CASES.is_file(), reason="the collection of answers is not here")
def test_collected_answers_are_judged_as_a_fair_reader_judges_them() -> None:
    closed = ClosedSet(["TRENCH COATS", "SKIRTS", "T-SHIRTS", "SHIRTS"], {})
    wrong = []
    for case in map(json.loads, CASES.read_text().splitlines()):
        answer = parse(case["answer"], truncated=case["truncated"])
        judged_so = {
            "title": token_f1(answer.title or "", case["title"]) > 0.8
            and WORDS_OF.matches(answer.title or "", case["title"], NOTHING),
            "category": closed.recognize(answer.category or "") == case["category"],
            "price": answer.price is not None and abs(answer.price - case["price"]) <= 0.2 * case["price"],
        }
        if any(fair is not None and judged_so[field] != fair for field, fair in case["right"].items()):
            wrong.append(case["label"])
    assert len(wrong) <= 3, wrong


def test_two_spellings_in_the_data_are_one_category_of_the_table() -> None:
    row = dataclasses.replace(ROW, category3_code="TRENCH-COATS")
    found = judged(render("x", "trench coats", 1), row)
    assert found.category == found.answered_category == "TRENCH-COATS"
    assert (
        found.category
        == judged(render("x", "Bags", 1), dataclasses.replace(row, category3_code="TRENCH-COATS")).category
    )


@pytest.mark.parametrize(
    ("price", "right"),
    [(100, True), (120, True), (80, True), (120.01, False), (79.99, False), (1000, False), (10, False)],
)
def test_a_price_is_right_within_the_tolerance_ends_included(price: float, right: bool) -> None:
    assert judged(render("x", "Bags", price)).right("price") is right


@given(st.integers(1, 10**6))
def test_exactly_a_fifth_off_is_right_whatever_floating_point_says(cents: int) -> None:
    row = dataclasses.replace(ROW, full_price=cents / 100)
    assert judged(render("x", "Bags", cents * 1.2 / 100), row).right("price")
    assert judged(render("x", "Bags", cents * 0.8 / 100), row).right("price")
    assert not judged(render("x", "Bags", cents * 1.201 / 100), row).right("price")


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("A coat.", ("missing", "missing", "missing")),
        ("Price: free", ("missing", "missing", "unreadable")),
        ("Price: -3", ("missing", "missing", "not-positive")),
        ("Category: Trench Coats, Price: 5", (OK, "missing", "wrong")),
        ("Category: Hats; Title: Kensington Heritage Trench Coat", ("out-of-set", OK, "missing")),
        (render("a", "Bags", 500), ("wrong", "wrong", "wrong")),
        (render("kensington heritage trench coat", "Trench Coats", 99), (OK, OK, OK)),
    ],
)
def test_every_field_has_exactly_one_reason(text: str, reasons: tuple[str, str, str]) -> None:
    found = judged(text)
    assert tuple(found.reasons[field] for field in ("category", "title", "price")) == reasons
    assert (found.price_error == math.inf) is (found.answer.price is None)


def test_what_is_missing_from_a_cut_answer_was_truncated() -> None:
    found = judged("Product: Kensington Heritage Trench Coat, Category: Bags, Full", truncated=True)
    assert dict(found.reasons) == {"title": OK, "category": "wrong", "price": "truncated"}
    assert judged("It shows", truncated=False).reasons["price"] == "missing"


@pytest.mark.parametrize(
    ("answer", "truth", "f1"),
    [
        ("check cotton shirt", "Check Cotton Shirt", 1.0),
        ("T-Shirt", "T Shirt", 1.0),
        ("Women\u2019s shirt", "WOMEN'S Shirt!", 1.0),
        ("check cotton shirt", "check cotton shirt dress", 6 / 7),
        ("check check", "check", 2 / 3),
        ("grey coats", "Gray Coat", 1.0),
        ("Crepe Scarves", "Crêpe Scarf", 1.0),
        ("Woolen Jumper", "Wool Sweater", 1.0),
        ("Coats", "Cots", 0.0),
        ("shirt", "coat", 0.0),
        ("", "coat", 0.0),
        ("\u30c8\u30ec\u30f3\u30c1", "\u30c8\u30ec\u30f3\u30c1", 1.0),
        ("???", "???", 1.0),
        ("???", "!!!", 0.0),
    ],
)
def test_token_f1_counts_shared_words(answer: str, truth: str, f1: float) -> None:
    assert token_f1(answer, truth) == pytest.approx(f1)


WORDS = st.lists(st.sampled_from(["ab", "cd", "ef", "gh"]), max_size=6)


@given(WORDS, WORDS)
def test_token_f1_is_the_harmonic_mean_of_precision_and_recall(answer: list[str], truth: list[str]) -> None:
    shared = sum(min(count, Counter(truth)[word]) for word, count in Counter(answer).items())
    if shared == 0:
        expected = float(not answer and not truth)
    else:
        precision, recall = shared / len(answer), shared / len(truth)
        expected = 2 * precision * recall / (precision + recall)
    assert token_f1(" ".join(answer), " ".join(truth)) == pytest.approx(expected)
    assert token_f1(" ".join(answer), " ".join(truth)) == token_f1(" ".join(truth), " ".join(answer))


def test_a_title_is_right_above_the_threshold() -> None:
    row = dataclasses.replace(ROW, title="k b c d e f")
    assert judged(render("k b c d", "Bags", 1), row).title_f1 == pytest.approx(0.8)
    assert not judged(render("k b c d", "Bags", 1), row).right("title")
    assert judged(render("k b c d e", "Bags", 1), row).right("title")
    assert not judged(render("k b c d e", "Bags", 1), row, spec=EvaluationSpec(title_f1=0.95)).right("title")
    assert judged(render("k b c d", "Bags", 1), row, spec=EvaluationSpec(title_f1=0.79)).right("title")


def test_a_near_title_that_names_another_attribute_is_a_contradiction() -> None:
    row = dataclasses.replace(ROW, title="Striped Cotton Trench Coat with Long Belt")
    for title in (
        "Cotton Trench Coat with Long Belt",
        "Check Cotton Trench Coat with Long Belt",
        "Striped Cotton Coat with Long Belt",
    ):
        found = judged(render(title, "Bags", 1), row)
        assert found.title_f1 > 0.8
        assert found.reasons["title"] == "contradiction"
    assert judged(render("Stripe cotton trench coats, long belt", "Bags", 1), row).right("title")


def test_a_model_that_does_not_see_patterns_is_not_right_about_them() -> None:
    found = measure_titles(300)["models"]
    assert found["true title"]["title"] == 1
    assert 0.4 < found["never names pattern or quilting"]["title"] < 0.7
    assert found["never names pattern or quilting"]["f1_at_least_0.8"] > 0.95
    assert found["always Striped"]["title"] < 0.4
    assert found["always a wrong pattern"]["title"] == 0
    assert all(rates["title"] == rates["title_exact"] for rates in found.values())


def test_an_exact_title_keeps_its_case() -> None:
    assert judged(render(" Kensington Heritage Trench Coat", "Bags", 1)).title_exact
    assert not judged(render("kensington heritage trench coat", "Bags", 1)).title_exact


@given(st.text(min_size=1).filter(str.strip))
def test_a_title_to_the_letter_is_right(title: str) -> None:
    row = dataclasses.replace(ROW, title=title)
    found = judged(json.dumps({"title": title, "category": "Bags", "price": 1}), row)
    assert found.right("title") or not found.title_exact


@given(st.text())
def test_keys_and_tokens_do_not_change_when_taken_twice(text: str) -> None:
    assert title_tokens(" ".join(title_tokens(text))) == title_tokens(text)
    assert title_words(" ".join(title_words(text))) == title_words(text)
    assert category_key(category_key(text)) == category_key(text)


def test_a_prediction_without_its_row_is_an_error() -> None:
    with pytest.raises(ToileError, match="no such row") as caught:
        judged("x", dataclasses.replace(ROW, product_code="2"))
    assert "product 1" in caught.value.where
