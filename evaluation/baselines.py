"""Answers that never look at a picture, fitted on the train split: what any model has to beat.

They write answers like a model and are scored like one. Each is scored on the fields it is about.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.scoring import Outcome, category_key, outcomes
from schemas.answer import render
from schemas.evaluation import EvaluationSpec
from schemas.prediction import Prediction
from schemas.product import Product

CATEGORY_MEDIAN = "category-median"
_PRICE = ("price", "price_median_ape")
_TITLE = ("title", "title_exact", "title_f1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What the train split is like; every field is set when it holds at least one whole row."""

    num_rows: int
    """Rows with title, category and price."""
    categories: tuple[str, ...]
    majority_category: str
    commonest_title: str
    median_price: float
    category_prices: dict[str, float]
    """Median price by category key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    name: str
    metrics: tuple[str, ...]
    """The figures that its answers are about."""
    answer: Callable[[Product], str]


def fit(train: Iterable[Product]) -> Habits | None:
    """Counts and medians of the rows that have title, category and price; None without any. Ties go by the alphabet."""
    categories: Counter[str] = Counter()
    titles: Counter[str] = Counter()
    prices: dict[str, list[float]] = defaultdict(list)
    for product in train:
        if product.title and product.category3_code and product.full_price:
            categories[product.category3_code] += 1
            titles[product.title] += 1
            prices[category_key(product.category3_code)].append(product.full_price)
    if not titles:
        return None
    return Habits(
        num_rows=titles.total(),
        categories=tuple(sorted(categories)),
        majority_category=_commonest(categories),
        commonest_title=_commonest(titles),
        median_price=float(np.median([price for group in prices.values() for price in group])),
        category_prices={key: float(np.median(group)) for key, group in prices.items()},
    )


def baselines(habits: Habits) -> tuple[Baseline, ...]:
    """Majority category, commonest title, three medians of price, and the one answer made of the first two.

    `category-median` is an oracle: it is told the true category, so only a model that sees more than the category can
    beat it. A category unknown to the train split gets the overall median.
    """
    majority, title = habits.majority_category, habits.commonest_title
    majority_price = habits.category_prices[category_key(majority)]

    def oracle(product: Product) -> float:
        key = category_key(product.category3_code or "")
        return habits.category_prices.get(key, habits.median_price)

    constant = render(title, majority, majority_price)
    return (
        Baseline(name="majority-category", metrics=("category",), answer=lambda _: constant),
        Baseline(name="commonest-title", metrics=_TITLE, answer=lambda _: constant),
        Baseline(name="median-price", metrics=_PRICE, answer=lambda _: render(title, majority, habits.median_price)),
        Baseline(name="majority-category-median", metrics=_PRICE, answer=lambda _: constant),
        Baseline(name=CATEGORY_MEDIAN, metrics=_PRICE, answer=lambda product: render(title, majority, oracle(product))),
        Baseline(name="constant", metrics=("joint", "reasoning"), answer=lambda _: constant),
    )


def baseline_outcomes(
    baseline: Baseline, products: Sequence[Product], spec: EvaluationSpec, categories: Iterable[str]
) -> list[Outcome]:
    """The baseline's answers to these rows, scored like a model's under control none."""
    return outcomes(products, [_prediction(baseline, product, spec) for product in products], spec, categories)


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
