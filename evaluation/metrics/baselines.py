"""Answers that never read a picture, fitted on the train split: what any model has to beat.

They write answers like a model and are scored like one. Each is scored on the fields it is about. One of them, the
nearest picture, does see pictures, but understands nothing of them (`evaluation.metrics.nearest`).
"""

import bisect
import hashlib
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from annotated_types import Ge

from evaluation.metrics.scoring import Outcome, category_key, outcomes
from schemas.answer import render
from schemas.evaluation import EvaluationSpec
from schemas.prediction import Prediction
from schemas.product import Product

CATEGORY_MEDIAN = "category-median"
NEAREST_PICTURE = "nearest-picture"
_CATEGORY = ("category",)
_PRICE = ("price", "price_within_10", "price_within_25", "price_median_ape", "price_male", "price_d2")
_TITLE = ("title", "title_exact", "title_f1")
_WHOLE = ("joint", "reasoning")
METHODS = {
    "baselines": "fitted on the train rows. majority-category and commonest-title: always the same; category-prior: "
    "drawn with the categories' shares; median-price: of all rows; majority-category-median: of the commonest "
    "category; category-median and category-commonest-title: told the true category; predicted-category-median: of the "
    "category that the model answered; constant: commonest category, title and its price at once; nearest-picture: the "
    "answer of the most similar of at most 2000 train pictures, drawn by a hash, by an 8 x 8 thumbnail and its edges",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What the train split is like; every field without a default is set when it holds at least one whole row."""

    num_rows: Annotated[int, Ge(1)]
    """Rows with title, category and price."""
    categories: tuple[str, ...]
    counts: Mapping[str, Annotated[int, Ge(1)]]
    """Rows by category."""
    majority_category: str
    commonest_title: str
    median_price: float
    category_prices: Mapping[str, float]
    """Median price by category key."""
    category_titles: Mapping[str, str]
    """Commonest title by category key."""
    nearest: Mapping[str, str] = field(default_factory=dict)
    """By code of an evaluated row: the true answer to the most similar train picture; empty if not looked up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    name: str
    metrics: tuple[str, ...]
    """The figures that its answers are about."""
    answer: Callable[[Product], str]


def fit(train: Iterable[Product]) -> Habits | None:
    """Counts and medians of the rows that have title, category and price; None without any. Ties go by the alphabet."""
    categories: Counter[str] = Counter()
    all_titles: Counter[str] = Counter()
    titles: dict[str, Counter[str]] = defaultdict(Counter)
    prices: dict[str, list[float]] = defaultdict(list)
    for product in train:
        if product.title and product.category3_code and product.full_price:
            categories[product.category3_code] += 1
            key = category_key(product.category3_code)
            titles[key][product.title] += 1
            all_titles[product.title] += 1
            prices[key].append(product.full_price)
    if not categories:
        return None
    return Habits(
        num_rows=categories.total(),
        categories=tuple(sorted(categories)),
        counts=dict(categories),
        majority_category=_commonest(categories),
        commonest_title=_commonest(all_titles),
        median_price=float(np.median([price for group in prices.values() for price in group])),
        category_prices={key: float(np.median(group)) for key, group in prices.items()},
        category_titles={key: _commonest(group) for key, group in titles.items()},
    )


def baselines(habits: Habits, answered: Mapping[str, str | None], seed: int) -> tuple[Baseline, ...]:
    """All of them; `answered` is the category that the model answered, by product code.

    The oracles are told the true category, so only a model that sees more than the category can beat them. A category
    unknown to the train split gets the overall median or title, and so does a row for which the model has no category.
    """
    majority, title = habits.majority_category, habits.commonest_title
    constant = render(title, majority, habits.category_prices[category_key(majority)])

    def always(_: Product) -> str:
        return constant

    def priced(category: str | None) -> str:
        price = habits.category_prices.get(category_key(category or ""), habits.median_price)
        return render(title, majority, price)

    def entitled(product: Product) -> str:
        known = habits.category_titles.get(category_key(product.category3_code or ""), title)
        return render(known, majority, habits.median_price)

    found = [
        Baseline(name="majority-category", metrics=_CATEGORY, answer=always),
        Baseline(name="category-prior", metrics=_CATEGORY, answer=_prior(habits, seed)),
        Baseline(name="commonest-title", metrics=_TITLE, answer=always),
        Baseline(name="category-commonest-title", metrics=_TITLE, answer=entitled),
        Baseline(name="median-price", metrics=_PRICE, answer=lambda _: priced(None)),
        Baseline(name="majority-category-median", metrics=_PRICE, answer=always),
        Baseline(
            name="predicted-category-median",
            metrics=_PRICE,
            answer=lambda product: priced(answered.get(product.product_code)),
        ),
        Baseline(name=CATEGORY_MEDIAN, metrics=_PRICE, answer=lambda product: priced(product.category3_code)),
        Baseline(name="constant", metrics=_WHOLE, answer=always),
    ]
    if habits.nearest:
        every = (*_CATEGORY, *_TITLE, *_PRICE, *_WHOLE)
        found.append(
            Baseline(name=NEAREST_PICTURE, metrics=every, answer=lambda p: habits.nearest.get(p.product_code, ""))
        )
    return tuple(found)


def answered_categories(scored: Iterable[Outcome]) -> dict[str, str | None]:
    """The category that was answered to each product's own picture."""
    return {outcome.product_code: outcome.answered_category for outcome in scored if outcome.control == "none"}


def baseline_outcomes(
    baseline: Baseline, products: Sequence[Product], spec: EvaluationSpec, categories: Iterable[str]
) -> list[Outcome]:
    """The baseline's answers to these rows, scored like a model's under control none."""
    return outcomes(products, [_prediction(baseline, product, spec) for product in products], spec, categories)


def _prior(habits: Habits, seed: int) -> Callable[[Product], str]:
    """A category for each product, drawn by a hash of seed and code with the shares of the train rows."""
    names = sorted(habits.counts)
    bounds = list(itertools.accumulate(habits.counts[name] for name in names))

    def drawn(product: Product) -> str:
        text = f"prior:{seed}:{product.product_code}".encode("utf-8", "surrogatepass")
        place = int.from_bytes(hashlib.sha256(text).digest()[:8], "big") * bounds[-1] >> 64
        name = names[bisect.bisect_right(bounds, place)]
        return render(habits.commonest_title, name, habits.median_price)

    return drawn


def _prediction(baseline: Baseline, product: Product, spec: EvaluationSpec) -> Prediction:
    return Prediction(
        product_code=product.product_code,
        family=product.family,
        split=product.split,
        source=product.source,
        inferable=product.inferable,
        protocol=spec.protocol,
        control="none",
        shown=None,
        answer=baseline.answer(product),
        truncated=False,
    )


def _commonest(counts: Counter[str]) -> str:
    return min(counts, key=lambda name: (-counts[name], name))
