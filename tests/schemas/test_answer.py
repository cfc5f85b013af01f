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
def test_parse_inverts_render(title: str, category: str, price: float) -> None:
    found = parse(render(title, category, price))
    assert (found.category, found.price, found.strict) == (category, price, True)
    if ", Category: " not in title:
        assert found.title == title
    else:  # the comma that would end the title is left out
        assert found.title is not None
        assert found.title.replace(", Category: ", " Category: ") == title.replace(", Category: ", " Category: ")


@given(PRICES, st.sampled_from(["\n", ", ", " ", "\n\n", "; "]))
def test_the_first_of_two_answers_counts(price: float, separator: str) -> None:
    found = parse(f"{render('Wool Coat', 'COATS', 1290)}{separator}{render('Silk Scarf', 'SCARVES', price)}")
    assert found == Answer(title="Wool Coat", category="COATS", price=1290.0, strict=False)


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
        ("1.290", 1290.0),
        ("1,29", 1.29),
        ("1.290.000", 1290000.0),
        ("$1290.", 1290.0),
        ("about 590 or 600", 590.0),
        ("100-105", 100.0),
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


def test_a_label_that_was_cut_off_ends_the_category() -> None:
    assert parse("Product: x, Category: Bags, Full").category == "Bags"
    assert parse("Product: x, Category: Bags, Full Pri", truncated=True).category == "Bags"


def test_a_list_of_categories_stays_one_text() -> None:
    assert parse("Product: x, Category: Bags, Hats, Skirts, Full Price: 3").category == "Bags, Hats, Skirts"


def test_a_price_that_may_lack_digits_is_unreadable() -> None:
    text = "Product: Coat, Category: COATS, Full Price: 12"
    assert parse(text).price == 12.0
    assert parse(text, truncated=True).price is None
    assert parse(text, truncated=True).problems == ("price:unreadable",)


def test_the_first_match_of_a_field_counts() -> None:
    assert parse("Price: 5\nPrice: 6").price == 5.0


@pytest.mark.parametrize(
    "text",
    [
        "*" * 20000,
        "product:" + " " * 20000 + "x",
        "{" * 20000,
        ", Category: " * 5000,
        "Product: " + " ," * 10000 + "x",
        "Price: " + "1," * 10000,
        "Price: " + "$ - " * 5000,
        "<think>" * 3000,
        '{"a":' * 3000,
        "the product is " * 2000,
        "|" * 20000,
        "Price: " + "about " * 4000 + "x",
        "this is a " + "x " * 10000,
    ],
)
def test_hostile_answers_are_parsed_quickly(text: str) -> None:
    started = time.monotonic()
    parse(text)
    assert time.monotonic() - started < 1.0


@pytest.mark.parametrize(
    ("text", "title", "category", "price"),
    [
        ("### Product\nWool Coat\n### Category\nCOATS\n### Full Price\n$1,290", "Wool Coat", "COATS", 1290.0),
        ("**Product:** **Wool Coat**, **Category:** **COATS**, **Price:** **$1,290**", "Wool Coat", "COATS", 1290.0),
        (
            "| Product | Category | Full Price |\n|:--|:-:|--:|\n| Wool Coat | COATS | $1,290.00 |",
            "Wool Coat",
            "COATS",
            1290.0,
        ),
        ("The product is a Wool Coat, the category is COATS, priced at $1,290", "Wool Coat", "COATS", 1290.0),
        ("This is a Wool Coat in the COATS category, priced at approximately $1,290.", "Wool Coat", "COATS", 1290.0),
        (
            '{"product": {"title": "Wool Coat", "category": {"name": "COATS"}, "price": {"value": 1290}}}',
            "Wool Coat",
            "COATS",
            1290.0,
        ),
        ('{"title": "Wool Coat", "category": "COATS", "full_price": 1290,}', "Wool Coat", "COATS", 1290.0),
        ('{"title": "Wool Coat", "category": "COATS", "full_pr', "Wool Coat", "COATS", None),
        (
            '[{"title": "Wool Coat", "category": "COATS", "price": 1290}, {"title":"Bag","category":"BAGS","price":3}]',
            "Wool Coat",
            "COATS",
            1290.0,
        ),
        (
            '{"products":[{"title": "Wool Coat", "category": "COATS", "sale_price": 890, "price": 1290}]}',
            "Wool Coat",
            "COATS",
            1290.0,
        ),
        (
            "<think>Category: maybe BAGS, price: 10?</think>\nProduct: Wool Coat, Category: COATS, Full Price: 1290.0",
            "Wool Coat",
            "COATS",
            1290.0,
        ),
        (
            "hmm price: 10 </think> Product: Wool Coat, Category: COATS, Full Price: 1290.0",
            "Wool Coat",
            "COATS",
            1290.0,
        ),
        ("Product: Wool Coat<br>Category: COATS<br/>Full Price: 1290", "Wool Coat", "COATS", 1290.0),
        ("Sale Price: $890\nProduct: Wool Coat\nCategory: COATS\nFull Price: $1,290", "Wool Coat", "COATS", 1290.0),
        ("Product: Wool Coat, Category: COATS, Price: was $1,290, now $890", "Wool Coat", "COATS", 1290.0),
        ("Product: Wool Coat, Category: COATS, Price: $890 (was $1,290)", "Wool Coat", "COATS", 1290.0),
        (
            "Product: Wool Coat, Category: COATS, Full Price: not shown (Fall 2024 collection)",
            "Wool Coat",
            "COATS",
            None,
        ),
        ("Product: Wool Coat, Category: COATS, Full Price: $1,000 - $2,000", "Wool Coat", "COATS", None),
        ("Product: Wool Coat, Category: COATS, Full Price: $1,250-$1,300", "Wool Coat", "COATS", 1250.0),
        (
            "Product: Wool Coat, Category: COATS, SKIRTS, DRESSES, Full Price: 1290",
            "Wool Coat",
            "COATS, SKIRTS, DRESSES",
            1290.0,
        ),
        ("商品名：ウールコート、カテゴリー：コート、価格：¥128,000", "ウールコート", "コート", 128000.0),
        ("Produkt: Wollmantel\nKategorie: Mäntel\nPreis: 1.290,00 €", "Wollmantel", "Mäntel", 1290.0),
        (
            "Das Produkt ist ein Wollmantel. Die Kategorie ist Mäntel und der Preis ist 1.290 €.",
            "Wollmantel",
            "Mäntel",
            1290.0,
        ),
        (
            "Nom du produit : Manteau en laine\nCatégorie : Manteaux\nPrix : 1 290,00 €",
            "Manteau en laine",
            "Manteaux",
            1290.0,
        ),
        ("Product: Wool Coat\n\nCategory: COATS\n\nFull Price: INR 1,29,000", "Wool Coat", "COATS", 129000.0),
        ("1) Product - Wool Coat\n2) Category - COATS\n3) Full Price - $1,290", "Wool Coat", "COATS", 1290.0),
        ("• Product: Wool Coat • Category: COATS • Full Price: $1,290", "Wool Coat", "COATS", 1290.0),
        ("Title: Wool Coat\nType: COATS\nMRP: ₹1,29,000", "Wool Coat", "COATS", 129000.0),
        ("product_name: Wool Coat\nproduct_type: COATS\nretail_price_usd: 1290", "Wool Coat", "COATS", 1290.0),
        ("```yaml\nproduct: Wool Coat\ncategory: COATS\nfull_price: 1290.00\n```", "Wool Coat", "COATS", 1290.0),
        ("Product = Wool Coat; Category = COATS; Full Price = 1290", "Wool Coat", "COATS", 1290.0),
        ("Product: Wool Coat Category: COATS Full Price: 1290", "Wool Coat", "COATS", 1290.0),
        ("Product: Wool Coat and Category: COATS and Full Price: 1290", "Wool Coat", "COATS", 1290.0),
        ("Product: Wool Coat, Category: COATS, Full Price: one thousand", "Wool Coat", "COATS", None),
        ("Product: Wool Coat, Category: COATS, Full Price: 1290.0<|end|>", "Wool Coat", "COATS", 1290.0),
        ("Product: Wool Coat, Category: COATS, Full Price: $1,290 USD per piece in 2024", "Wool Coat", "COATS", 1290.0),
        (
            "Product: Wool Coat, Category: COATS, Full Price: approximately between $1,200 and $3,400",
            "Wool Coat",
            "COATS",
            None,
        ),
        ("Product: Wool Coat, Category: COATS, Full Price: £1.290", "Wool Coat", "COATS", 1290.0),
        ("Product: Wool Coat, Category: COATS, Full Price: Fr. 1'290.-", "Wool Coat", "COATS", 1290.0),
        ("Product: Wool Coat, Category: COATS, Full Price: 1290€", "Wool Coat", "COATS", 1290.0),
        ("Product: Wool Coat, Category: COATS, Full Price: US$ 1,290.00", "Wool Coat", "COATS", 1290.0),
        ("Product: Wool Coat, Category: COATS, Full Price: $ 1 290", "Wool Coat", "COATS", 1290.0),
        ("Product: Wool Coat, Category: COATS, Full Price: $0", "Wool Coat", "COATS", None),
        ("Product: Shirt No. 5, Category: SHIRTS, Price: 90", "Shirt No. 5", "SHIRTS", 90.0),
        ("Product: Levi's 501 Jeans. Category: JEANS. Price: 90", "Levi's 501 Jeans", "JEANS", 90.0),
        ("I'm sorry, I can't determine the price.", None, None, None),
        (
            'Answer:\nProduct Name: "Wool Coat"\nCategory: "COATS"\nFull Price: "$1,290.00"',
            "Wool Coat",
            "COATS",
            1290.0,
        ),
        (
            'The full price of this product is $1,290. The product title is "Wool Coat" and the category is COATS.',
            "Wool Coat",
            "COATS",
            1290.0,
        ),
        ("Product: Wool Coat (men's), Category: COATS, Full Price: 1290", "Wool Coat (men's)", "COATS", 1290.0),
    ],
)
def test_forms_that_models_write(text: str, title: str | None, category: str | None, price: float | None) -> None:
    found = parse(text)
    assert (found.title, found.category, found.price) == (title, category, price)


def test_a_sentence_may_say_the_category_elsewhere() -> None:
    found = parse("This is a Wool Coat in the COATS category, priced at approximately $1,290.")
    assert found == Answer(title="Wool Coat", category="COATS", price=1290.0, strict=False)
