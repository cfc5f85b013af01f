"""The protocols: how a model is asked, the prompt of each, what each needs, and whether model and data can serve it.

A base model loses points for not knowing the form of the answer, and a tuned one gains them for it. Several protocols
divide a gain into form and perception:

    generate     the training prompt, answered greedily
    instructed   the same question with the answer form, the closed list of categories and the currency
    examples     instructed, and answers of a few train rows
    constrained  instructed, and only the answer form can be written
    rank         log-probability of every category of the closed set, after the model's own title
    price        probability of every price point, after the model's own title and category

One prompt serves all rows of a protocol. `rank` and `price` use the training prompt: the form of the prefix tells a
base model what is wanted, so both models are asked alike. The prefix is in the model's own words (its answer to the
same image and prompt) and contains nothing of the row: a tuned model expects a title before the category. An untuned
one whose answer has no title is asked after the bare label.

Prompts and candidates need statistics of the catalog: categories, currency, examples, reference titles, prices. Nothing
there depends on the row that the model is asked about. Examples and reference titles are rows of another split than the
evaluated one (train, or validation where train is evaluated), and only of families that no other split holds.

To add a protocol: its name in `schemas.evaluation`, its prompt in `make_prompt` and its text in `PROTOCOL_METHODS`
here, its answers in `evaluation.protocols.inference.ProtocolRunner`, and, where it answers only some fields, an entry
in `evaluation.metrics.metrics.FIELDS_ANSWERED`.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.metrics.scoring import ClosedSet
from evaluation.models.base import ConstrainedModel, RankingModel, VisionModel
from evaluation.rows import NO_IMAGE, missing_part
from schemas.answer import PROMPT, QUESTION, parse, render
from schemas.errors import ToileError
from schemas.evaluation import SPLITS, EvaluationSpec
from schemas.product import Product, read
from schemas.util.files import text_sha256

FREE_TEXT_PROTOCOLS = ("generate", "instructed", "examples")
"""The model writes free text; a prompt is chosen among these, the earlier one on a tie."""
RANKING_PROTOCOLS = ("rank", "price")
"""Candidates are scored after a prefix from the model's own answer to the training prompt."""
PROTOCOL_METHODS = {
    "generate": "the training prompt, greedy; for every protocol, equal questions about equal images are asked once",
    "instructed": "greedy; the prompt adds the form of the answer, the closed list of categories and the currency",
    "examples": "instructed, and answers of num_examples train rows of different categories, selected by a hash of "
    "seed and code among families that no other split holds",
    "constrained": "instructed, and of the tokens that keep the answer in the training form (title of one line, "
    "category of the closed set, decimal price) the most probable is taken",
    "rank": "ln P(category | image, training prompt, `Product: {the model's own title}, Category:`), closed by what "
    "follows a category; per_token: over its tokens; calibrated: less ln of the mean of P under a blank image behind "
    "one train title of each category. An answer without a title: behind `Category:`, blank image and all",
    "price": "P(price | image, training prompt, the model's own title and category), closed by the end token, over "
    "the distinct full prices of the train rows (at most 512: at equally spaced quantiles of the rows, then the "
    "commonest), divided by its sum; the answer is the median. Unreadable answers: behind `Full Price:`",
}
"""How each protocol asks, for results."""
CHOICE_METHOD = (
    "the free-text protocol with the most right categories, titles and prices on validation rows; test is not seen"
)
MAX_PRICE_POINTS = 512
_COLUMNS = ("title", "category3_code", "full_price", "currency_code")
_ALTERNATIVE = "use --protocol generate, instructed or examples, or evaluate the model itself, without a server"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetStats:
    """Statistics of one catalog under one spec."""

    categories: tuple[str, ...]
    """The closed set, sorted: every category of any split under its representative spelling."""
    currency: str | None
    """None where rows have several currencies or none."""
    examples: tuple[Product, ...]
    """`num_examples` rows of different categories, fewer where there are fewer categories."""
    references: tuple[tuple[str, str], ...]
    """A title of each category that has one: (category, title), sorted."""
    price_points: tuple[float, ...]
    """Sorted; empty without train rows."""
    num_prices: int
    """Number of distinct full prices that the price points represent."""


def read_dataset_stats(folder: Path, spec: EvaluationSpec) -> DatasetStats:
    """Compute the statistics in one pass over the shards, without images."""
    donor = "train" if spec.split != "train" else "validation"
    asked = [product for split in SPLITS if split != donor for product in read(folder, split=split, columns=_COLUMNS)]
    families = {product.family for product in asked}
    names = {product.category3_code for product in asked}
    currencies = {product.currency_code for product in asked}
    prices = Counter(_train_prices(asked))
    donors: dict[str, Product] = {}
    for product in read(folder, split=donor, columns=_COLUMNS):
        names.add(product.category3_code)
        currencies.add(product.currency_code)
        prices.update(_train_prices([product]))
        if product.family not in families and missing_part(product) == NO_IMAGE:  # which was not read
            name = product.category3_code or ""
            donors[name] = min(donors.get(name, product), product, key=lambda row: _example_key(row, spec.seed))
    closed = ClosedSet({name for name in names if name}, spec.aliases)
    of_category: dict[str, Product] = {}
    for product in sorted(donors.values(), key=lambda row: _example_key(row, spec.seed)):
        of_category.setdefault(closed.label(product.category3_code or "") or "", product)
    return DatasetStats(
        categories=closed.labels(),
        currency=currencies.pop() if len(currencies) == 1 else None,
        examples=tuple(product for product in of_category.values() if product.inferable)[: spec.num_examples],
        references=tuple(sorted((name, product.title or "") for name, product in of_category.items())),
        price_points=tuple(sorted(spec.price_points or subsample(prices, MAX_PRICE_POINTS))),
        num_prices=len(spec.price_points or prices),
    )


def check_supported(dataset_stats: DatasetStats, protocols: Iterable[str], folder: Path) -> None:
    """Raise a ToileError for a protocol that the data has nothing for."""
    wanted = set(protocols)
    if "examples" in wanted and not dataset_stats.examples:
        raise ToileError(
            str(folder),
            "has no row for an example: examples need train rows of families that are not evaluated",
            "leave out the protocol examples, or generate more rows",
        )
    if "price" in wanted and len(dataset_stats.price_points) < 2:
        raise ToileError(
            str(folder),
            f"has {len(dataset_stats.price_points)} distinct prices among its train rows",
            "leave out the protocol price, or give price_points in the spec",
        )


def subsample(prices: Counter[float], limit: int) -> list[float]:
    """Return at most `limit` of the distinct prices; `prices` counts the rows of each. All of them where they are few.

    Otherwise the prices at equally spaced quantiles of the rows, so that points are dense where rows are. A common
    price occupies several quantiles; the places that this leaves go to the most common of the other prices.
    """
    if len(prices) <= limit:
        return list(prices)
    rows = sorted(prices.elements())
    kept = {rows[(2 * step + 1) * len(rows) // (2 * limit)] for step in range(limit)}
    for price in sorted(prices, key=lambda price: (-prices[price], price)):
        if len(kept) == limit:
            break
        kept.add(price)
    return list(kept)


def needs_dataset_stats(protocols: Iterable[str]) -> bool:
    """Return whether prompts, forms or candidates come from the data."""
    return set(protocols) != {"generate"}


def check_model_supports(model: VisionModel, spec: EvaluationSpec) -> None:
    """Raise a ToileError for a protocol that the model cannot serve, before anything runs."""
    scored = [protocol for protocol in spec.protocols if protocol in RANKING_PROTOCOLS]
    if scored and not isinstance(model, RankingModel):
        raise ToileError(
            f"protocol {', '.join(scored)}", "needs log-probabilities, which this model does not return", _ALTERNATIVE
        )
    if "constrained" in spec.protocols and not can_constrain(model):
        raise ToileError("protocol constrained", "needs a model whose tokens can be constrained", _ALTERNATIVE)


def can_constrain(model: VisionModel) -> bool:
    """Return whether `generate` accepts a constraint."""
    return isinstance(model, ConstrainedModel) and model.constrains


def add_protocol(spec: EvaluationSpec, protocol: str) -> tuple[str, ...]:
    """Return the protocols of a run, with `protocol` at the end where it is not among them."""
    return spec.protocols if protocol in spec.protocols else (*spec.protocols, protocol)


CONTENT_FREE = "N/A"
"""A content-free title, where the data has none; as in Zhao et al. 2021, arXiv 2102.09690."""


def make_prompt(protocol: str, dataset_stats: DatasetStats | None) -> str:
    """Return the prompt of a protocol; only `generate`, `rank` and `price` work without `dataset_stats`."""
    if protocol in ("generate", "rank", "price"):
        return PROMPT
    assert dataset_stats is not None, protocol
    lines = [QUESTION, *_instructions(dataset_stats)]
    if protocol == "examples":
        lines += ["Answers about other pictures were, for example:", *map(_render_example, dataset_stats.examples)]
    return PROMPT.replace(QUESTION, "\n".join(lines))


def category_prefix(answer: str) -> str:
    """Return the text before the category of an answer, with the title of `answer` where one can be read."""
    title = parse(answer).title
    return _title_prefix(title) if title else "Category:"


def price_prefix(answer: str) -> str:
    """Return the text before the price, with title and category of `answer` where both can be read."""
    found = parse(answer)
    return (
        f"{_title_prefix(found.title)} {found.category}, Full Price:"
        if found.title and found.category
        else "Full Price:"
    )


def reference_prefixes(prefix: str, dataset_stats: DatasetStats) -> tuple[str, ...]:
    """Return prefixes of the same form that say nothing about the image, for the content-free prior of categories.

    After one title the prior would be what that title says, so all titles of `dataset_stats.references` are used.
    """
    if prefix == "Category:":
        return (prefix,)
    return tuple(_title_prefix(title) for _, title in dataset_stats.references) or (_title_prefix(CONTENT_FREE),)


def category_candidates(categories: Sequence[str]) -> list[str]:
    """Return the categories as they follow the prefix, closed by what follows, so that short names gain nothing."""
    return [f" {category}, Full Price:" for category in categories]


def price_candidates(points: Sequence[float]) -> list[str]:
    """Return the prices as they follow the prefix, written as in the training form."""
    return [f" {float(point)!r}" for point in points]


def _title_prefix(title: str | None) -> str:
    return f"Product: {title}, Category:"


def _instructions(dataset_stats: DatasetStats) -> list[str]:
    currency = (
        f"in {_escape_markup(dataset_stats.currency)}" if dataset_stats.currency else "in the currency of the shop"
    )
    return [
        "Answer with one line of exactly this form: Product: TITLE, Category: CATEGORY, Full Price: PRICE",
        "TITLE is the product's name as a shop would print it.",
        f"CATEGORY is one of these: {'; '.join(map(_escape_markup, dataset_stats.categories))}",
        f"PRICE is its full price {currency}, digits and a decimal point only.",
    ]


def _render_example(product: Product) -> str:
    return _escape_markup(render(product.title or "", product.category3_code or "", product.full_price or 0.0))


def _escape_markup(text: str) -> str:
    """Return text without anything that a tokenizer reads as a special token or an image position."""
    return " ".join(text.replace("<", "< ").split())


def _example_key(product: Product, seed: int) -> str:
    return text_sha256(f"example:{seed}:{product.product_code}")


def _train_prices(products: Iterable[Product]) -> Iterator[float]:
    for product in products:
        price = product.full_price
        if product.split == "train" and price is not None and 0 < price < math.inf:
            yield price
