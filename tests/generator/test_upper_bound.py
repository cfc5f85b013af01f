"""The best achievable score is what the best answers reach: against brute force over many products, and laws."""

import dataclasses
import functools
import itertools
import json
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from evaluation.metrics.scoring import ROUNDING, score_answers, scoring_rules
from evaluation.metrics.titles import Vocabulary, title_words, token_f1
from evaluation.models.base import ModelUnderTest
from evaluation.report.console import print_result
from evaluation.report.page import best_achievable as shown_ceiling
from evaluation.run import evaluate
from generator import GenerateInputs, products, write_shards
from generator.sampling.prices import snap_to_points
from generator.sampling.products import compile_catalog, family_start, rows, sample_kinds
from generator.upper_bound import (
    MatchedSets,
    Oracle,
    ScoringRules,
    Title,
    Value,
    best_scores,
    colour_shares,
    largest_matched_sets,
    price_window_probabilities,
    rank_shares,
)
from schemas.answer import render
from schemas.appearance import Appearance, drop_invisible
from schemas.catalog import CatalogSpec, list_kinds
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec, Prediction
from schemas.product import Product, from_batch
from schemas.result import Ceiling, Result, read_result
from schemas.validation import from_document, load
from tests.helpers import shard_fixture

SPEC = EvaluationSpec()
RULES = scoring_rules(SPEC, [])
VOCABULARY = Vocabulary([])
PARTS = ("category", "title", "price", "joint")


def entry(name: str, share: float, **changes: Any) -> dict[str, Any]:
    """A category entry that sells plain scarves."""
    return {
        "path": ["A", "B", name],
        "share": share,
        "silhouette": "scarf",
        "price": {"median": 300, "spread": 0.0},
        "titles": {"{material} Scarf": 1},
        "attributes": {"material": {"cotton": 1, "wool": 1}, "colour": None},
        **changes,
    }


def catalog(*categories: dict[str, Any], **changes: Any) -> CatalogSpec:
    spec: CatalogSpec = from_document(document(*categories, **changes), "catalog")
    return spec


def document(*categories: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "name": "small",
        "shop": {"website_name": "S", "brand": "S", "host": "s.example"},
        "prices": {"bands": [{"per": 10}]},
        "attributes": {
            "material": {"values": {"cotton": {}, "wool": {"price": 1.5}}},
            "line": {
                "hidden": True,
                "values": {"Aria": {"title": "Aria"}, "Bolt": {"price": 1.3}, "Core": {"title": "", "price": 0.8}},
                "rules": [{"when": {"material": ["wool"]}, "multiply": {"Aria": 3}}],
            },
            "colour": {"values": {"red": {"draws": "#aa0000"}, "blue": {"draws": "#0000aa"}}},
        },
        "categories": list(categories),
        **changes,
    }


EVERYTHING = catalog(
    entry(
        "SCARVES",
        0.45,
        price={"median": 300, "spread": 0.15},
        titles={"{line} {material} Scarf": 2, "{material} Winter Crew Scarf": 1},
        attributes={"material": {"cotton": 1, "wool": 1}, "line": {"Aria": 3, "Bolt": 2, "Core": 1}, "colour": None},
    ),
    entry(
        "STOLES",
        0.35,
        price={"median": 400, "spread": 0.25},
        titles={"{material} Stole": 1, "{line} {material} Long Stole": 1},
        attributes={"material": {"cotton": 2, "wool": 1}, "line": None, "colour": {"red": 4, "blue": 1}},
    ),
    entry("N.A.", 0.2, price={"median": 250, "spread": 0.1}, titles={"{material} Shawl": 1}),
    navigation={"share": 0.4, "labels": {"VIEW ALL": 3, "NEW IN": 1, "N.A.": 1}},
    colourways={"repeat_share": 0.3, "max_per_family": 3},
)


def scarf(share: float, **changes: Any) -> dict[str, Any]:
    """A kind of plain scarves, for a category that has several."""
    return {key: value for key, value in entry("", share, **changes).items() if key != "path"}


SEVERAL_KINDS = catalog(
    {
        "path": ["A", "B", "SCARVES"],
        "share": 0.4,
        "colourways": {"repeat_share": 0.65, "max_per_family": 4},
        "kinds": [
            scarf(
                0.6,
                price={"quantiles": [90, 120, 120, 120, 200, 450], "factors": {"material": {"wool": 1}}},
                attributes={"material": {"cotton": 1, "wool": 3}, "colour": {"red": 6, "blue": 1}},
            ),
            scarf(
                0.4,
                price={"median": 380, "spread": 0.2, "factors": {"line": {"Bolt": 2}}},
                titles={"{line} {material} Winter Scarf": 2, "{material} Scarf": 1},
                attributes={"material": {"cotton": 1, "wool": 1}, "line": None, "colour": {"red": 1, "blue": 3}},
            ),
        ],
    },
    entry(
        "STOLES",
        0.6,
        colourways={"repeat_share": 0.0, "max_per_family": 1},
        price={"quantiles": [100, 900], "factors": {"material": {"cotton": 0.5, "wool": 2}}},
        titles={"{material} Stole": 1},
        attributes={"material": {"cotton": 2, "wool": 1}, "colour": {"red": 1, "blue": 4}},
    ),
    navigation={"share": 0.4, "labels": {"VIEW ALL": 3, "NEW IN": 1, "N.A.": 1}},
)


def seen(product: Product) -> Appearance:
    appearance = drop_invisible(Appearance.from_attributes(product.attributes or {}))
    return dataclasses.replace(appearance, design_seed=0, shot_seed=0)


class Lookalikes:
    """Products that look the same, counted: what the best answers reach is looked up, not computed."""

    def __init__(self, members: list[Product]) -> None:
        self.labels = np.array([member.category3_code for member in members])
        self.texts = np.array([member.title for member in members])
        self.titles = np.array([" ".join(title_words(member.title or "")) for member in members])
        self.shown = VOCABULARY.shown_values(members[0])
        self.prices = np.array([member.full_price or 0.0 for member in members])

    def right(self, label: str, title: str, price: float) -> dict[str, float]:
        """How often one answer is right."""
        answered = {name: self.matches(title, name) for name in set(self.titles)}
        category = self.labels == label
        named = np.array([answered[name] for name in self.titles])
        priced = np.abs(price - self.prices) / self.prices <= SPEC.price_tolerance + ROUNDING
        return dict(zip(PARTS, (r.mean() for r in (category, named, priced, category & named & priced)), strict=True))

    def matches(self, answer: str, title: str) -> bool:
        return token_f1(answer, title) > SPEC.title_f1 + ROUNDING and VOCABULARY.matches(answer, title, self.shown)

    def best(self) -> dict[str, tuple[str, str, float]]:
        """For each part the best answer, by trying all."""
        names = sorted(set(self.titles))
        union = sorted(set().union(*(name.split() for name in names)))
        matched: dict[frozenset[str], str] = {}
        for size in range(1, len(union) + 1):
            for title in map(" ".join, itertools.combinations(union, size)):
                hits = frozenset(name for name in names if self.matches(title, name))
                matched.setdefault(hits, title)
        titles = [title for hits, title in matched.items() if hits and not any(hits < other for other in matched)]
        labels = sorted(set(self.labels))
        prices = [float(price) * (1 + SPEC.price_tolerance) for price in sorted(set(self.prices))]
        label_LN = self.labels[None] == np.array(labels)[:, None]
        named_TN = np.array([np.isin(self.titles, list(hits)) for hits, title in matched.items() if title in titles])
        error_PN = np.abs(np.array(prices)[:, None] - self.prices) / self.prices
        priced_PN = error_PN <= SPEC.price_tolerance + ROUNDING
        both = (label_LN[:, None] & named_TN[None]).reshape(-1, len(self.labels)).astype(np.float32)
        place, last = np.unravel_index((both @ priced_PN.T.astype(np.float32)).argmax(), (len(both), len(prices)))
        whole = (labels[place // len(titles)], titles[place % len(titles)], prices[last])
        return {
            "category": (labels[label_LN.sum(axis=1).argmax()], "", 1.0),
            "title": ("", titles[named_TN.sum(axis=1).argmax()], 1.0),
            "price": ("", "", prices[priced_PN.sum(axis=1).argmax()]),
            "joint": whole,
        }


NAMED_OR_NOT = catalog(
    entry(
        "SCARVES",
        0.7,
        titles={
            "{pattern} {material} Long Fringe Scarf": 3,
            "{material} Long Fringe Scarf": 2,
            "{colour} {pattern} {material} Long Fringe Scarf": 1,
        },
        attributes={"material": {"wool": 1}, "pattern": {"check": 1, "stripes": 1}, "colour": {"red": 1}},
    ),
    entry(
        "STOLES",
        0.3,
        titles={"{material} Long Fringe Stole": 1},
        attributes={"material": {"wool": 1}, "colour": {"red": 1}},
    ),
    attributes={
        "material": {"values": {"wool": {}, "cotton": {}}},
        "pattern": {"values": {"plain": {"title": ""}, "check": {}, "stripes": {"title": "Striped"}}},
        "colour": {"values": {"red": {"draws": "#aa0000"}}},
    },
)
"""Pattern and colour are in some of the titles: an answer may name what the image shows."""


@pytest.mark.parametrize(
    "spec", [EVERYTHING, SEVERAL_KINDS, NAMED_OR_NOT], ids=["one kind each", "several kinds", "named or not"]
)
def test_best_scores_are_what_the_best_answers_reach_on_many_products(spec: CatalogSpec) -> None:
    oracle = Oracle(spec, RULES)
    sampled = [p for p in from_batch(rows(spec, 3, np.arange(30_000))) if p.category3_code]
    for inferable in (False, True):
        groups: dict[Appearance, list[Product]] = defaultdict(list)
        for product in sampled:
            if product.inferable or not inferable:
                groups[seen(product)].append(product)
        assert len(groups) == (3 if spec is NAMED_OR_NOT else 4)
        for members in groups.values():
            claimed = oracle.probabilities(members[0], inferable=inferable)
            assert claimed.exact
            known, fresh = Lookalikes(members[::2]), Lookalikes(members[1::2])
            best = known.best()
            for part in PARTS:
                value = getattr(claimed, part)
                error = 4 * np.sqrt(value * (1 - value) / len(fresh.labels)) + 1e-3
                assert fresh.right(*best[part])[part] <= value + error, (part, inferable)  # no answer does better
                assert known.right(*best[part])[part] >= value - error, (part, inferable)  # and some does as well
            commonest = np.unique(known.texts, return_counts=True)[1].max() / len(known.texts)
            assert claimed.title_exact == pytest.approx(commonest, abs=4 * 0.5 / np.sqrt(len(known.texts)))


def only(spec: CatalogSpec, num_products: int = 300, rules: ScoringRules = RULES) -> dict[str, Ceiling]:
    sampled = [product for product in products(spec, 0, 0, num_products) if product.category3_code]
    found = best_scores(spec, rules, sampled)
    assert {each.bounded for each in found.values()} == {0}
    return found


def of(ceiling: Ceiling) -> list[float]:
    return [getattr(ceiling, part) for part in PARTS]


def test_a_catalog_without_randomness_has_best_scores_of_one() -> None:
    found = only(catalog(entry("SCARVES", 1.0)))
    assert of(found["all"]) == of(found["inferable"]) == [1, 1, 1, 1]
    assert found["all"].reasoning == 1
    assert found["all"].n == found["inferable"].n == 300


def test_of_two_identical_categories_the_larger_share_is_reachable() -> None:
    found = only(catalog(entry("SCARVES", 0.7), entry("STOLES", 0.3)))["all"]
    assert of(found) == pytest.approx([0.7, 1, 1, 0.7])
    apart = entry("STOLES", 0.3, price={"median": 900, "spread": 0}, titles={"{material} Long Fringe Stole": 1})
    assert of(only(catalog(entry("SCARVES", 0.7), apart))["all"]) == pytest.approx([0.7, 0.7, 0.7, 0.7])


def test_two_spellings_of_one_category_count_as_one() -> None:
    assert of(only(catalog(entry("T-SCARVES", 0.7), entry("T SCARVES", 0.3)))["all"]) == pytest.approx([1, 1, 1, 1])


def test_joint_is_lower_where_the_best_parts_contradict() -> None:
    titles = {"{material} Long Fringe Stole": 1}
    spec = catalog(
        entry("ONE", 0.4), entry("TWO", 0.3, titles=titles), entry("THREE", 0.3, titles=titles)
    )  # fmt: skip
    assert of(only(spec)["all"]) == pytest.approx([0.4, 0.6, 1, 0.4])


def test_spread_lowers_price_and_joint_alone() -> None:
    before = [1.0, 1.0]
    for spread in (0.1, 0.2, 0.4):
        bands = {"bands": [{"per": 0.5}]}
        found = only(catalog(entry("SCARVES", 1.0, price={"median": 300, "spread": spread}), prices=bands))["all"]
        assert (found.category, found.title) == (1, 1)
        assert found.joint == pytest.approx(found.price)
        assert found.price < before[0]
        assert found.reasoning == pytest.approx((2 + found.price) / 3)
        before = [found.price, found.joint]
    z = np.log(1.5) / 2 / 0.4
    assert found.price == pytest.approx(2 * norm.cdf(z) - 1, abs=0.002)  # of a price that is not put on a lattice


def test_navigation_lowers_only_the_category_and_only_on_all_rows() -> None:
    found = only(catalog(entry("SCARVES", 1.0), navigation={"share": 0.25, "labels": {"VIEW ALL": 1}}))
    assert of(found["all"]) == pytest.approx([0.75, 1, 1, 0.75])
    assert of(found["inferable"]) == [1, 1, 1, 1]
    mostly = only(catalog(entry("SCARVES", 1.0), navigation={"share": 0.75, "labels": {"VIEW ALL": 9, "N.A.": 1}}))
    assert of(mostly["all"])[0] == pytest.approx(0.675 / 0.925)  # rows without a category are not evaluated


def test_without_inferable_rows_there_is_no_score_of_them() -> None:
    spec = catalog(entry("N.A.", 1.0), navigation={"share": 0.5, "labels": {"VIEW ALL": 1}})
    assert list(only(spec)) == ["all"]


def test_an_answer_may_hedge_between_titles() -> None:
    titles = {"{material} Long Scarf": 1, "{material} Crew Neck Long Scarf": 1}
    assert only(catalog(entry("SCARVES", 1.0, titles=titles)))["all"].title == 1  # by "Wool Crew Long Scarf"
    strict = dataclasses.replace(RULES, title_f1=0.9)
    assert only(catalog(entry("SCARVES", 1.0, titles=titles)), rules=strict)["all"].title == pytest.approx(0.5)


def test_names_of_what_looks_alike_are_only_bounded() -> None:
    colours = {"dusk": {"draws": "#202030"}, "night": {"draws": "#202030"}}
    for values, bounded in ((colours, True), ({"dusk": colours["dusk"]}, False)):
        drawing = document(
            entry(
                "SCARVES",
                1.0,
                titles={"{colour} {material} Long Fringe Scarf": 1, "{material} Long Fringe Scarf": 1},
                attributes={"material": {"wool": 1}, "colour": None},
            )
        )
        drawing["attributes"]["colour"] = {"values": values}
        spec: CatalogSpec = from_document(drawing, "catalog")
        sampled = list(products(spec, 0, 0, 40))
        found = best_scores(spec, scoring_rules(SPEC, sampled), sampled)["all"]
        assert (found.bounded == found.n) is bounded
        assert (found.title == 1) is not bounded
        assert found.title > 0.5


def test_prices_between_too_many_legal_ones_are_bounded_from_above() -> None:
    prices = compile_catalog(EVERYTHING).prices
    prices = dataclasses.replace(prices, spread_K=np.array([0.15, 0.0, 0.1]))
    kind_S, scale_S = np.array([0, 1]), np.array([300.0, 500.0])
    exact, is_exact = price_window_probabilities(prices, kind_S, scale_S, 0.2)
    bound, still_exact = price_window_probabilities(prices, kind_S, scale_S, 0.2, most_probabilities=80)
    assert (is_exact, still_exact) == (True, False)
    assert (bound.max(axis=1) >= exact.max(axis=1)).all()
    assert bound.max(axis=1) == pytest.approx(exact.max(axis=1), abs=0.05)
    assert exact[1].max() == 1


def test_price_windows_of_quantiles_are_counted_among_a_million_prices() -> None:
    prices = compile_catalog(SEVERAL_KINDS).prices
    window_SJ, exact = price_window_probabilities(prices, np.array([0, 2]), np.array([1.0, 2.0]), RULES.price_tolerance)
    assert exact
    probability_N = (np.arange(1_000_000) + 0.5) / 1_000_000
    for state, (quantiles, factor) in enumerate((([90, 120, 120, 120, 200, 450], 1), ([100, 900], 2))):
        place_N = probability_N * (len(quantiles) - 1)
        logs = np.interp(place_N, np.arange(len(quantiles)), np.log(quantiles))
        legal_N = snap_to_points(prices.points, np.exp(logs) * factor)
        low = max(int(np.searchsorted(prices.points, 90, side="left")) - 1, 0)
        for place in range(0, window_SJ.shape[1], 3):
            start = prices.points[low + place]
            counted = np.mean((legal_N >= start) & (legal_N <= start * 1.5 + 1e-6))
            assert window_SJ[state, place] == pytest.approx(counted, abs=2e-5)


def test_an_image_with_too_many_hidden_states_is_only_bounded() -> None:
    sampled = [product for product in products(EVERYTHING, 0, 0, 50) if product.category3_code]
    found = best_scores(EVERYTHING, RULES, sampled, most_states=2)["all"]
    assert of(found) == [1, 1, 1, 1]
    assert found.bounded == found.n == len(sampled)


def test_a_row_that_the_spec_cannot_have_produced_is_refused() -> None:
    spec = catalog(entry("SCARVES", 1.0))
    (row,) = products(spec, 0, 0, 1)
    green = dataclasses.replace(row, attributes={**(row.attributes or {}), "colour": "#00aa00"})
    with pytest.raises(ToileError, match="never renders") as caught:
        best_scores(spec, RULES, [green])
    assert row.product_code in caught.value.where
    with pytest.raises(ToileError, match="does not say what its image shows"):
        best_scores(spec, RULES, [dataclasses.replace(row, attributes=None)])


def test_a_model_that_gives_the_best_answers_reaches_the_best_score() -> None:
    spec = load("fashion-luxury", "catalog")
    sampled = [product for product in products(spec, 5, 0, 4500) if product.inferable]
    best = best_scores(spec, RULES, sampled)["inferable"]
    assert best.bounded == 0
    answers = [_best_answer(spec, product) for product in sampled]
    scored = score_answers(sampled, answers, SPEC, {product.category3_code or "" for product in sampled})
    reached = {part: np.mean([outcome.right(part) for outcome in scored]) for part in ("category", "title", "price")}
    assert reached["category"] == best.category == 1
    assert reached["title"] == pytest.approx(best.title, abs=4 * np.sqrt(0.03 / len(sampled)))
    assert 0.95 < best.title < 0.98
    assert 0.85 < best.price < 0.97
    assert reached["price"] == pytest.approx(best.price, abs=4 * np.sqrt(0.07 / len(sampled)))


def _best_answer(spec: CatalogSpec, product: Product) -> Prediction:
    """The answer of one who knows how the preset prices and names things, and hedges where it has two names."""
    choices = (product.attributes or {})["choices"]
    entry = next(
        c for c in list_kinds(spec) if c.path[2] == product.category3_code and c.path[0] == product.category1_code
        and c.silhouette == (product.attributes or {})["silhouette"]
    )  # fmt: skip
    factors = [spec.attributes[name].values[value].price for name, value in choices.items()]
    title = re.sub(r"Heritage |Oversized |Crew-neck ", "", product.title or "")
    if len(title.split()) > 2:
        title = title.replace("Sweater", "Crew Sweater")
    price = _best_price(spec, round((entry.price.median or 0) * float(np.prod(factors)), 6), entry.price.spread or 0)
    return predicted(product, render(title, entry.path[2], price))


@functools.cache
def _best_price(spec: CatalogSpec, median: float, spread: float) -> float:
    """The best of all answers to 2,001 prices of equal chance."""
    quantile_N = (np.arange(2001) + 0.5) / 2001
    drawn_N = snap_to_points(compile_catalog(spec).prices.points, median * np.exp(spread * norm.ppf(quantile_N)))
    answers = [float(price) * (1 + SPEC.price_tolerance) for price in np.unique(drawn_N)]
    return max(answers, key=lambda answer: float(np.mean(np.abs(answer - drawn_N) / drawn_N <= 0.2 + ROUNDING)))


def predicted(product: Product, answer: str) -> Prediction:
    return Prediction(
        product_code=product.product_code,
        family=product.family,
        split=product.split,
        source=product.source,
        inferable=product.inferable,
        protocol="generate",
        control="none",
        shown=product.product_code,
        answer=answer,
        truncated=False,
    )


def evaluated(data: Path, out: Path) -> Result:
    """A model that says nothing, on all rows of the test split."""
    model = ModelUnderTest(
        model="silent", adapter=None, device="cpu", dtype="float32", load=lambda: shard_fixture.TableModel({})
    )
    spec = EvaluationSpec(controls=(), split="train")
    return evaluate(model, data, out, spec, quiet=True, allow_seen=True)


def test_an_evaluation_shows_the_best_achievable_score_of_a_synthetic_catalog(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawing = document(entry("SCARVES", 0.7), entry("STOLES", 0.3))
    inputs = GenerateInputs(spec_document=drawing, seed=0, start=0, num_products=12, image_size=32)
    write_shards(inputs, tmp_path / "data")
    result = evaluated(tmp_path / "data", tmp_path / "out")
    assert result.ceiling is not None
    assert of(result.ceiling["all"]) == pytest.approx([0.7, 1, 1, 0.7])
    assert "ceiling" in result.methods
    page = (tmp_path / "out" / "report.html").read_text()
    assert "best achievable 70\u202f%" in page
    assert "0\u202f% of it" in page
    print_result(result)
    printed = capsys.readouterr().out
    assert (
        "best achievable score of visually identifiable rows: category 70 % (0 % of it), title 100 % (0 % of it), "
        "title exact 100 % (0 % of it), price 100 % (0 % of it), exact match 70 % (0 % of it)" in printed
    )
    stored = json.loads((tmp_path / "out" / "result.json").read_text())["ceiling"]
    assert stored["inferable"]["reasoning"] == pytest.approx(0.9)


def test_imported_rows_have_no_best_achievable_score(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = shard_fixture.write_shards(tmp_path / "data", shard_fixture.in_split(shard_fixture.products(4), "train"))
    result = evaluated(data, tmp_path / "out")
    assert result.ceiling is None
    assert "ceiling" not in result.methods
    assert shown_ceiling(result, "all", "joint") is None
    assert "ceiling" not in (tmp_path / "out" / "report.html").read_text().replace('"ceiling": null', "").replace(
        '"ceiling":null', ""
    )
    print_result(result)
    assert "best achievable" not in capsys.readouterr().out


def test_a_share_of_the_best_achievable_score_may_be_above_one() -> None:
    golden = read_result(Path(__file__).parents[1] / "golden" / "evaluation")
    assert golden.ceiling is None  # written before there was one
    joint = next(s.value for s in golden.scores if (s.metric, s.rows, s.control) == ("joint", "all", "none"))
    assert joint is not None
    lucky = Ceiling(n=9, bounded=0, category=1, title=0, title_exact=0, price=1, joint=joint / 1.5, reasoning=1)
    result = dataclasses.replace(golden, ceiling={"all": lucky})
    best, share = shown_ceiling(result, "all", "joint") or (None, None)
    assert best == joint / 1.5
    assert share == pytest.approx(1.5)
    assert shown_ceiling(result, "all", "title") == (0, None)
    assert shown_ceiling(result, "inferable", "title") is None


SLOT_OF = {"k": ("material", "x"), "b": ("material", "y"), "c": ("colour", "z"), "d": ("colour", "z")}
"""Letters that name values, two of them the same one; e names nothing."""
LETTER_TITLES = st.lists(st.sampled_from("kbcde"), min_size=1, max_size=4).map(lambda words: tuple(sorted(words)))


def values_in(words: Iterable[str]) -> frozenset[Value]:
    return frozenset(SLOT_OF[word] for word in words if word in SLOT_OF)


def spelled(value: Value) -> list[tuple[str, ...]]:
    return [(letter,) for letter, each in SLOT_OF.items() if each == value]


def agrees(answer: str, title: tuple[str, ...], shown: frozenset[Value]) -> bool:
    """What the evaluation asks of an answer, slot by slot."""
    named, true = values_in(answer.split()), values_in(title)
    for slot in ("material", "colour"):
        said, wanted = ({value for value in values if value[0] == slot} for values in (named, true))
        if not (said == wanted if wanted else said <= shown):
            return False
    return True


@given(
    st.lists(LETTER_TITLES, min_size=1, max_size=5, unique=True),
    st.sampled_from([0.5, 0.6, 0.8, 1.0]),
    st.sets(st.sampled_from("kbc")).map(values_in),
)
def test_largest_matched_sets_are_those_of_brute_force(
    titles: list[tuple[str, ...]], least: float, shown: frozenset[Value]
) -> None:
    most = {word: max(title.count(word) for title in titles) for word in "kbcde"}
    every = itertools.product(*(range(most[word] + 1) for word in "kbcde"))
    answers = [" ".join(w for w, n in zip("kbcde", counts, strict=True) for _ in range(n)) for counts in every]
    sets = {
        frozenset(
            i
            for i, title in enumerate(titles)
            if token_f1(answer, " ".join(title)) >= least - ROUNDING and agrees(answer, title, shown)
        )
        for answer in answers
        if answer
    }
    largest = {one for one in sets if one and not any(one < other for other in sets)}
    made = [Title(title, values_in(title)) for title in titles]
    found = largest_matched_sets(made, shown, spelled, least - ROUNDING)
    assert found.exact
    assert set(found.sets) == largest
    short = largest_matched_sets(made, shown, spelled, least - ROUNDING, most_steps=2)
    assert all(any(one <= other for other in short.sets) for one in largest)
    assert short.exact or any(one not in sets for one in short.sets) or set(short.sets) == largest


def test_very_many_titles_are_bounded_unless_their_shared_words_are_enough() -> None:
    many = [Title((f"line {number}", "scarf")) for number in range(150)]
    everything = (frozenset(range(150)),)
    assert largest_matched_sets(many, frozenset(), spelled, 0.8) == MatchedSets(everything, False)
    shared = [Title(("cashmere", *title.words)) for title in many]
    assert largest_matched_sets(shared, frozenset(), spelled, 0.8) == MatchedSets(everything, True)


@given(st.lists(st.sampled_from([0.0, 0.7, 1.0, 4.0]), min_size=1, max_size=5).filter(any), st.integers(1, 7))
def test_colour_shares_are_those_of_all_orders_of_sampling(weights: list[float], longest: int) -> None:
    ranks = tuple(1 / 2 ** (rank + 1) for rank in range(longest))
    expected = np.zeros(len(weights))

    def sample(rank: int, chance: float, left: dict[int, float]) -> None:
        if rank < longest:
            left = left or {v: w for v, w in enumerate(weights) if w > 0}
            for v, weight in left.items():
                share = chance * weight / sum(left.values())
                expected[v] += share * ranks[rank]
                sample(rank + 1, share, {other: w for other, w in left.items() if other != v})

    sample(0, 1.0, {})
    found = colour_shares(tuple(weights), ranks)
    assert found / found.sum() == pytest.approx(expected / expected.sum(), abs=1e-9)


@pytest.mark.parametrize("spec", [load("fashion-luxury", "catalog"), SEVERAL_KINDS], ids=["one setting", "two"])
def test_rank_shares_are_those_of_a_long_catalog(spec: CatalogSpec) -> None:
    index_N, catalog = np.arange(120_000), compile_catalog(spec)
    start_N = family_start(spec, 1, index_N)
    kind_N = sample_kinds(catalog, 1, start_N)
    for kind in {0, int(kind_N.max())}:
        own_N = (index_N - start_N)[(catalog.colourways.longest_K == catalog.colourways.longest_K[kind])[kind_N]]
        shares = rank_shares(catalog.colourways, kind)
        counted = np.bincount(own_N, minlength=len(shares)) / len(own_N)
        assert sum(shares) == pytest.approx(1)
        assert shares == pytest.approx(counted.tolist(), abs=0.006)
