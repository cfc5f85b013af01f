"""Title metrics: chrF against sacrebleu, and the colours, materials, patterns and types that titles name."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics import CHRF

from evaluation.metrics.scoring import title_tokens
from evaluation.metrics.titles import SLOTS, Vocabulary, chrf
from schemas.product import Product

TITLES = st.text(st.sampled_from("abcde fgh Trench Co\u00e9\u00df  '"), max_size=24)


@given(TITLES, TITLES)
def test_chrf_is_sacrebleus_on_folded_titles(answer: str, truth: str) -> None:
    folded = [unicodedata.normalize("NFKC", text).casefold() for text in (answer, truth)]
    oracle = CHRF().sentence_score(folded[0], [folded[1]]).score / 100
    assert chrf(answer, truth) == pytest.approx(oracle, abs=1e-9)


def test_chrf_forgives_an_ending_and_case_and_nothing_else() -> None:
    assert chrf("STRIPED wool scarf", "Striped Wool Scarf") == 1.0
    assert 0.6 < chrf("Stripe Wool Scarf", "Striped Wool Scarf") < 1.0
    assert chrf("", "Scarf") == chrf("Scarf", "") == chrf("", "") == 0.0
    assert chrf("xyz", "abc") == 0.0


def row(title: str, **choices: str) -> Product:
    made = {"choices": choices, "silhouette": "scarf"} if choices else None
    return Product(
        product_code=title, title=title, family="f", split="test", source="s", inferable=True, attributes=made
    )


WORDS = Vocabulary([], title_tokens)


@pytest.mark.parametrize(
    ("title", "named"),
    [
        ("Striped Cotton Bucket Hat", {"pattern": {"stripes"}, "material": {"cotton"}, "type": {"bucket hat"}}),
        ("The Kensington Heritage Trench Coat", {"type": {"trench coat"}}),
        ("Check Wool Cashmere Cape", {"pattern": {"check"}, "material": {"wool", "cashmere"}, "type": {"cape"}}),
        ("Navy T-shirt", {"colour": {"navy"}, "type": {"t-shirt"}}),
        ("Suede and Check Sneakers", {"material": {"suede"}, "pattern": {"check"}, "type": {"sneaker"}}),
        ("Check and Leather Card Cases", {"material": {"leather"}, "pattern": {"check"}, "type": {"card case"}}),
        ("Gray Knitted Scarves", {"colour": {"grey"}, "material": {"knit"}, "type": {"scarf"}}),
        ("Polka-Dot Silk Dress", {"pattern": {"dots"}, "material": {"silk"}, "type": {"dress"}}),
        ("Short Shorts", {"type": {"shorts"}}),
        ("Untitled", {}),
        ("", {}),
    ],
)
def test_a_title_names_its_values(title: str, named: dict[str, set[str]]) -> None:
    assert {slot: set(WORDS.named(slot, title)) for slot in SLOTS if WORDS.named(slot, title)} == named


@pytest.mark.parametrize(
    ("answer", "agrees"),
    [
        ("Striped Wool Scarf", (None, True, True, True)),
        ("stripes, wool, scarves", (None, True, True, True)),
        ("Navy Striped Wool Scarf", (None, True, True, True)),
        ("Check Wool Scarf", (None, True, False, True)),
        ("Striped Wool Cashmere Silk Cotton Scarf", (None, False, True, True)),
        ("Wool Scarf", (None, True, False, True)),
        (None, (None, False, False, False)),
    ],
)
def test_an_answer_is_right_when_it_names_the_same_and_no_other(
    answer: str | None, agrees: tuple[bool | None, ...]
) -> None:
    assert tuple(WORDS.agrees(slot, answer, "Striped Wool Scarf") for slot in SLOTS) == agrees


def test_a_row_brings_words_of_its_own() -> None:
    title, answer = "Vicuna Coat", "Wool Coat"
    assert WORDS.agrees("material", answer, title) is None
    words = Vocabulary([row(title, material="vicuna", pattern="plain")], title_tokens)
    assert words.agrees("material", answer, title) is False
    assert words.agrees("material", "A vicuna coat", title) is True
    assert words.agrees("pattern", answer, title) is None, "plain is rendered, but no title names it"


def test_a_listed_word_keeps_its_value_whatever_a_row_calls_it() -> None:
    words = Vocabulary([row("Striped Scarf", pattern="Striped")], title_tokens)
    assert words.agrees("pattern", "Stripes Scarf", "Striped Scarf") is True
