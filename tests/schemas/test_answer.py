"""The answer text: `parse` inverts `render`, and accepts other forms that people and models write."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.answer import PROMPT, QUESTION, Answer, parse, render

PRICES = st.floats(min_value=0, exclude_min=True, allow_nan=False, allow_infinity=False)
CATEGORIES = st.text().filter(lambda text: "," not in text)
TRICKY = st.sampled_from(
    [", Category: x", ", Full Price: 9.0", "Product: ", "\n", '{"price": 3}', "**", "\u2028", "<|end|>"]
)
TITLES = st.lists(st.one_of(st.text(), TRICKY)).map("".join)


@given(TITLES, CATEGORIES, PRICES)
def test_parse_inverts_render_for_any_title(title: str, category: str, price: float) -> None:
    assert parse(render(title, category, price)) == Answer(title=title, category=category, price=price, strict=True)


@given(st.text())
def test_parse_takes_any_text_and_every_missing_field_has_a_reason(text: str) -> None:
    answer = parse(text)
    for field in ("title", "category", "price"):
        named = [problem for problem in answer.problems if problem.startswith(f"{field}:")]
        assert answer.strict or len(named) == (getattr(answer, field) is None)


def test_answer_text_is_that_of_the_source() -> None:
    assert QUESTION == "What is shown in this image?"
    assert render("Check Shirt", "Shirts", 590) == "Product: Check Shirt, Category: Shirts, Full Price: 590.0"
    assert f"<|user|>\n<|image_1|>\n{QUESTION}<|end|>\n<|assistant|>\n" == PROMPT


def test_a_category_with_a_comma_cannot_be_rendered() -> None:
    with pytest.raises(AssertionError, match="Coats, Jackets"):
        render("x", "Coats, Jackets", 1)


@pytest.mark.parametrize(
    "text",
    [
        "Product: Check Shirt\nCategory: Shirts\nFull Price: $590",
        "full price: USD 590.00; category: Shirts; title: Check Shirt",
        "**Product:** Check Shirt, **Category:** Shirts, **Price:** 590 USD",
        "Sure! Product name: 'Check Shirt', type = Shirts, price = 590.",
        '{"title": "Check Shirt", "category": "Shirts", "full_price": 590}',
        'Here it is:\n```json\n{"Product": "Check Shirt", "Category": "Shirts", "Price": "$590.00"}\n```',
    ],
)
def test_tolerant_forms_are_understood_but_not_strict(text: str) -> None:
    assert parse(text) == Answer(title="Check Shirt", category="Shirts", price=590.0, strict=False)


@pytest.mark.parametrize(
    ("price", "meant"),
    [
        ("1,290.00", 1290.0),
        ("1.290,00", 1290.0),
        ("1 290", 1290.0),
        ("1\u202f290,50 EUR", 1290.5),
        ("1'290", 1290.0),
        ("1,290", 1290.0),
        ("1.290", 1.29),
        ("1,29", 1.29),
        ("1.290.000", 1290000.0),
        ("$1290.", 1290.0),
        ("about 590 or 600", 590.0),
        ("100-200", 100.0),
        ("590 2 pieces", 590.0),
        ("1e3", 1000.0),
    ],
)
def test_prices_are_read_with_their_separators(price: str, meant: float) -> None:
    assert parse(f"Price: {price}").price == meant


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Price: -5", "price:not-positive"),
        ("Price: -$5", "price:not-positive"),
        ("Price: 0", "price:not-positive"),
        ("Price: priceless", "price:unreadable"),
        ("Price: 1.2.3", "price:unreadable"),
        ("Price: 1,290,00", "price:unreadable"),
        ('{"category": "Bags", "price": NaN}', "price:unreadable"),
        ("Product: x, Category: y", "price:missing"),
        ("Product: x, Price: 3", "category:missing"),
        ("Category: y, Price: 3", "title:missing"),
        ("A lovely coat.", "title:missing"),
    ],
)
def test_what_cannot_be_read_is_named_and_never_guessed(text: str, problem: str) -> None:
    answer = parse(text)
    assert problem in answer.problems
    assert getattr(answer, problem.split(":")[0]) is None


def test_python_spellings_of_numbers_are_not_the_training_form() -> None:
    for price in ("1_290", "nan", "inf", "+5", "0"):
        assert not parse(f"Product: x, Category: y, Full Price: {price}").strict


def test_braces_in_a_title_do_not_hide_the_labels() -> None:
    answer = parse('Product: a {"b": 1} c, Category: Bags, Full Price: lots')
    assert (answer.title, answer.category) == ('a {"b": 1} c', "Bags")


def test_a_comma_ends_a_tolerant_category() -> None:
    assert parse("Product: x, Category: Bags, Full").category == "Bags"


def test_the_first_match_of_a_field_counts() -> None:
    assert parse("Price: 5\nPrice: 6").price == 5.0


@pytest.mark.parametrize("text", ["*" * 20000, "product:" + " " * 20000 + "x", "{" * 20000, ", Category: " * 5000])
def test_hostile_answers_are_parsed_quickly(text: str) -> None:
    started = time.monotonic()
    parse(text)
    assert time.monotonic() - started < 1.0
