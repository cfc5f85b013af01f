"""Title metrics: chrF against sacrebleu, and the colours, materials, patterns and types that titles name."""

import dataclasses
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics import CHRF

from evaluation.metrics.titles import _FALSE_FRIENDS, SLOTS, Shown, Vocabulary, chrf, title_words, token_f1
from schemas.appearance import SHOWN
from schemas.markets import COLOURS, MARKETS, NOUNS
from schemas.markets import WORDS as WORDS_OF_MARKETS
from schemas.product import Product
from schemas.silhouettes.record import MARKET_CODES

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


WORDS = Vocabulary([])


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
        (
            "Diamond-Quilted Leather Tote",
            {"pattern": {"diamond quilted"}, "material": {"leather"}, "type": {"tote bag"}},
        ),
        ("Leopard Print Dress", {"pattern": {"leopard"}, "type": {"dress"}}),
        (
            "Trenchcoat aus Wolle im Karomuster in Schwarz",
            {"colour": {"black"}, "material": {"wool"}, "pattern": {"check"}, "type": {"trench coat"}},
        ),
        (
            "Robe chemise en soie à rayures coloris or",
            {"colour": {"gold"}, "material": {"silk"}, "pattern": {"stripes"}, "type": {"shirt"}},
        ),
        (
            "ウール チェック柄 コート ネイビー",
            {"colour": {"navy"}, "material": {"wool"}, "pattern": {"check"}, "type": {"coat"}},
        ),
        ("Wool or Silk", {"material": {"wool", "silk"}}),
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
    words = Vocabulary([row(title, material="vicuna", pattern="plain")])
    assert words.agrees("material", answer, title) is False
    assert words.agrees("material", "A vicuna coat", title) is True
    assert words.agrees("pattern", answer, title) is None, "plain is rendered, but no title names it"


def test_a_listed_word_keeps_its_value_whatever_a_row_calls_it() -> None:
    words = Vocabulary([row("Striped Scarf", pattern="Striped")])
    assert words.agrees("pattern", "Stripes Scarf", "Striped Scarf") is True


UNKNOWN = Shown(frozenset(), complete=False)


@pytest.mark.parametrize(
    ("answer", "truth", "agrees"),
    [
        ("Gray Wool Coat", "Grey Wool Coats", True),
        ("Wool Coat", "Striped Wool Coat", False),
        ("Check Wool Coat", "Striped Wool Coat", False),
        ("Striped Wool Coat", "Wool Coat", False),
        ("Cotton Coat", "Wool Coat", False),
        ("Coat", "Wool Coat", False),
        ("Wool Coat", "Coat", True),
        ("Navy Wool Coat", "Wool Coat", True),
        ("Navy Wool Coat", "Red Wool Coat", False),
        ("Wool Scarf", "Wool Coat", False),
        ("Checked Wool Coat", "Plaid Woolen Overcoat", True),
        ("Anything", "Untitled", True),
    ],
)
def test_what_contradicts_a_title_alone(answer: str, truth: str, agrees: bool) -> None:
    assert WORDS.matches(answer, truth, UNKNOWN) is agrees


@pytest.mark.parametrize(
    ("answer", "truth", "right"),
    [
        ("A wool scarf.", "Wool Scarf", True),
        ("Bracelet in Gold", "Gold Bracelet", True),
        ("Coat, Wool, Grey", "Gray Wool Coat", True),
        ("Leather Cross-body Bag", "Crossbody Leather Bag", True),
        ("Leather Handbag", "Leather Bag", True),
        ("Nylon Back Pack", "Nylon Backpack", True),
        ("Hooded Sweatshirt in Cotton", "Cotton Hoodie", True),
        ("Silk Pajama Set", "Pyjama Set in Silk", True),
        ("Round-neck Wool Sweater", "Crewneck Wool Jumper", True),
        ("Short Sleeve Cotton Tee", "Short-sleeved Cotton T-Shirt", True),
        ("Ladies' Color-block Wool Coat", "Women's Colour Block Wool Coat", True),
        ("White Cotton Shirt", "Off-white Cotton Shirt", False),
        ("Cotton Coat", "Cotton Trench Coat", False),
        ("Leather Bag", "Leather Crossbody Bag", False),
        ("Light Blue Striped Slim Fit Cotton Shirt", "Dark Blue Striped Slim Fit Cotton Shirt", False),
        ("Long-sleeved Striped Slim Fit Cotton Shirt", "Short-sleeved Striped Slim Fit Cotton Shirt", False),
        ("Women's Navy Wool Double-breasted Overcoat", "Men's Navy Wool Double-breasted Overcoat", False),
        ("Navy Wool Single-breasted Belted Overcoat", "Navy Wool Double-breasted Belted Overcoat", False),
        ("Unisex Navy Wool Double-breasted Overcoat", "Men's Navy Wool Double-breasted Overcoat", True),
    ],
)
def test_titles_are_judged_as_a_person_does(answer: str, truth: str, right: bool) -> None:
    found = token_f1(answer, truth) > 0.8 and WORDS.matches(answer, truth, UNKNOWN)
    assert found is right
    assert (token_f1(truth, answer) > 0.8 and WORDS.matches(truth, answer, UNKNOWN)) is right


def synthetic(title: str, **style: str) -> Product:
    attributes = {
        "silhouette": "scarf",
        "colour": "#22304f",
        "material": "wool",
        "choices": {"colour": "navy"},
        **style,
    }
    return dataclasses.replace(row(title), attributes=attributes)


@pytest.mark.parametrize(
    ("answer", "style", "agrees"),
    [
        ("Navy Scarf", {}, True),
        ("Navy Blue Wool Scarf", {}, True),
        ("Red Scarf", {}, False),
        ("Silk Scarf", {}, False),
        ("Striped Scarf", {"pattern": "stripes"}, True),
        ("Check Scarf", {"pattern": "stripes"}, False),
        ("Striped Scarf", {}, False),
        ("Écharpe en laine coloris bleu marine", {}, True),
    ],
)
def test_an_answer_may_name_what_a_synthetic_image_shows(answer: str, style: dict[str, str], agrees: bool) -> None:
    product = synthetic("Scarf", **style)
    assert WORDS.matches(answer, "Scarf", WORDS.shown_values(product)) is agrees


def test_what_an_image_does_not_show_may_not_be_named() -> None:
    assert "pattern" not in SHOWN["watch"]
    shown = WORDS.shown_values(synthetic("Watch", silhouette="watch", pattern="stripes"))
    assert not WORDS.matches("Striped Watch", "Watch", shown)
    assert WORDS.matches("Navy Watch", "Watch", shown)


@pytest.mark.parametrize("market", sorted(MARKETS))
def test_every_word_of_a_market_is_read_as_what_it_means(market: str) -> None:
    """Nothing that a market calls a thing contradicts what another one calls it."""
    for (slot, name), words in WORDS_OF_MARKETS.items():
        if slot in {"material", "pattern"} and any(words):
            values = WORDS.named(slot, words[MARKET_CODES.index(market)])
            assert values, (slot, name, market)
            assert values & WORDS.named(slot, words[0]), (slot, name, market)
    for name, nouns in NOUNS.items():
        noun = nouns[MARKET_CODES.index(market)]
        if noun.casefold() not in _FALSE_FRIENDS:
            assert WORDS.named("type", noun) & WORDS.named("type", nouns[1]), (name, noun)


@given(st.sampled_from(sorted(COLOURS)), st.sampled_from(sorted(NOUNS)), st.sampled_from(range(6)))
def test_words_are_folded_the_same_way_twice(colour: str, noun: str, market: int) -> None:
    title = f"{COLOURS[colour][market]} {NOUNS[noun][market]}"
    assert title_words(" ".join(title_words(title))) == title_words(title)
