"""Every preset matches its first comment: price endings, categories, discounts, titles, identifiable images."""

import functools
import json
import re

import numpy as np
import pandas as pd
import pytest

from evaluation.metrics.scoring import scoring_rules
from generator import draw, products
from generator.fit.vocabulary import find_kind
from generator.sampling.products import rows
from generator.upper_bound import best_scores
from schemas.appearance import SILHOUETTES
from schemas.catalog import CatalogSpec, list_kinds, possible_values, rendered_attribute, title_word
from schemas.evaluation import EvaluationSpec
from schemas.validation import list_presets, load

CATALOGS = sorted(list_presets("catalog"))
SPEC = EvaluationSpec()
RULES = scoring_rules(SPEC, [])


@functools.cache
def catalog(name: str) -> CatalogSpec:
    return load(name, "catalog")


@functools.cache
def table(name: str) -> pd.DataFrame:
    sampled: pd.DataFrame = rows(catalog(name), 0, np.arange(6000)).to_pandas()
    return sampled


def endings(name: str) -> set[int]:
    """Return the cents of all full prices."""
    return set((table(name)["full_price"] * 100).round().astype(int) % 100)


def lengths(name: str) -> list[int]:
    """Return the number of words of each title."""
    return [len(title.split()) for title in table(name)["title"].dropna()]


@pytest.mark.parametrize("name", CATALOGS)
def test_a_preset_is_a_shop_of_some_breadth_under_its_own_name(name: str) -> None:
    spec = catalog(name)
    assert spec.name == name
    assert spec.description
    assert spec.shop.host.endswith(".example")
    assert spec.shop.website_name.upper() == spec.shop.brand
    assert len({each.path for each in spec.categories}) >= 8


@pytest.mark.parametrize("name", CATALOGS)
def test_products_of_every_preset_can_be_rendered(name: str) -> None:
    for each in products(catalog(name), 0, 0, 12):
        assert draw(each, 32).size == (32, 32)


@pytest.mark.parametrize("name", CATALOGS)
def test_every_leaf_category_can_be_identified_from_the_image(name: str) -> None:
    """A perfect model gets the leaf category of every row right, and title and price of most rows."""
    sampled = [each for each in products(catalog(name), 0, 0, 300) if each.inferable]
    best = best_scores(catalog(name), RULES, sampled)["inferable"]
    assert best.bounded == 0
    assert best.category == 1
    assert best.title > 0.9
    assert best.price > 0.75


@pytest.mark.parametrize("name", CATALOGS)
def test_titles_are_clean_and_name_the_product(name: str) -> None:
    titles = table(name)["title"].dropna()
    assert not titles.str.contains(r"[{}]|  |^ | $").any()
    assert min(lengths(name)) >= 2


@pytest.mark.parametrize("name", CATALOGS)
def test_the_type_word_of_every_title_is_the_silhouette_that_is_drawn(name: str) -> None:
    """Every template of every kind with every value of every attribute at least once, the others sampled."""
    spec = catalog(name)
    drawn = [json.loads(text)["silhouette"] for text in table(name)["attributes"]]
    said = set(zip(table(name)["title"], drawn, strict=True))
    random = np.random.default_rng(0)
    for kind in list_kinds(spec):
        words = {
            key: [title_word(value, spec.attributes[key].values[value]) for value in possible_values(spec, kind, key)]
            for key in kind.attributes
        }
        for number in range(max(map(len, words.values()))):
            chosen = {key: each[number] if number < len(each) else random.choice(each) for key, each in words.items()}
            said |= {(" ".join(template.format(**chosen).split()), kind.silhouette) for template in kind.titles}
    found = {title: find_kind(title) for title, _ in said}
    assert {(t, s) for t, s in said if (match := found[t]) is None or match.silhouette != s} == set()


@pytest.mark.parametrize("name", CATALOGS)
def test_colours_of_a_preset_are_distinguishable(name: str) -> None:
    for attribute_name, attribute in catalog(name).attributes.items():
        if rendered_attribute(attribute_name, attribute) == "colour":
            codes = [str(value.draws) for value in attribute.values.values()]
            rgb = np.array([[int(code[i : i + 2], 16) for i in (1, 3, 5)] for code in codes])
            distance = np.abs(rgb[:, None] - rgb[None]).max(axis=2) + 255 * np.eye(len(codes))
            assert distance.min() >= 8, codes[int(distance.min(axis=1).argmin())]


def test_marketplace_has_every_silhouette() -> None:
    assert {each.silhouette for each in catalog("marketplace").categories} == set(SILHOUETTES)
    assert len({each.path for each in catalog("marketplace").categories}) >= 25


def test_the_marketplace_ends_in_99_and_49_is_cheap_and_mostly_reduced() -> None:
    found = table("marketplace")
    assert endings("marketplace") == {49, 99}
    assert found["full_price"].median() < 25
    assert found["flg_discount"].mean() == pytest.approx(0.56, abs=0.03)
    assert any(int(percent) % 5 for percent in catalog("marketplace").prices.discounts.percents)
    assert np.mean(lengths("marketplace")) > 1.6 * np.mean(lengths("sportswear"))


def test_home_and_beauty_ends_in_whole_or_half_dollars() -> None:
    found = table("home-beauty")
    assert endings("home-beauty") == {0, 50}
    assert 40 < found["full_price"].median() < 120
    assert {"vase", "mug", "candle", "cushion", "throw", "lipstick", "perfume-bottle"} <= {
        each.silhouette for each in catalog("home-beauty").categories
    }


def test_marketplace_titles_match_their_images() -> None:
    """What a title names is in the attributes that the image shows: stripes, kids' sizes, quilting, stoneware."""
    spec = catalog("marketplace")
    for each in products(spec, 3, 0, 400):
        facts, title = each.attributes or {}, each.title or ""
        assert bool(re.search(r"\bStriped\b", title)) <= (facts.get("pattern") == "stripes"), title
        assert bool(re.search(r"\bKids\b", title)) == (facts.get("size") == "child"), title
        assert bool(re.search(r"(?<!Channel )Quilted\b", title)) <= (facts.get("quilting") == "diamond"), title
        assert bool(re.search(r"\bChannel Quilted\b", title)) <= (facts.get("quilting") == "channel"), title
        assert bool(re.search(r"\bStoneware\b", title)) == (facts["material"] == "stoneware"), title
