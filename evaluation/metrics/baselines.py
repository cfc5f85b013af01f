"""Baselines: what any model has to beat. Most never see an image; all are fitted to the train split.

They write answers as a model does and are scored as a model is, each on the metrics it is about. The strongest one is
usually the nearest image: it answers what belongs to the most similar train image. An image is an 8 x 8 thumbnail of
its colours, and the gradient magnitude by direction in 4 x 4 cells (as in Dalal & Triggs 2005, coarser, without
normalisation). What it gets right needs no understanding; where it is very good, test images are copies of train
images.

To add a baseline: an entry in `make_baselines`.
"""

import bisect
import hashlib
import heapq
import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Ge
from PIL import Image

from evaluation.metrics.scoring import Outcome, category_key, score_answers
from evaluation.rows import new_prediction, read_encoded_images, train_rows
from evaluation.stats.intervals import Values, factorize
from schemas.answer import render
from schemas.evaluation import EvaluationSpec
from schemas.images import BadImageError, decode_rgb
from schemas.product import Product, from_batch, open_shard, shard_files
from schemas.util.files import text_sha256

CATEGORY_MEDIAN = "category-median"
NEAREST_IMAGE = "nearest-picture"
_CATEGORY = ("category",)
_PRICE = ("price", "price_within_10", "price_within_25", "price_median_ape", "price_male", "price_d2")
_TITLE = ("title", "title_exact", "title_f1")
_WHOLE = ("joint", "reasoning")
BASELINE_METHODS = {
    "baselines": "fitted on the train rows. majority-category and commonest-title: always the same; category-prior: "
    "sampled with the categories' shares; median-price: of all rows; majority-category-median: of the most common "
    "category; category-median and category-commonest-title: given the true category; predicted-category-median: of "
    "the category that the model answered; constant: most common category, title and its price; nearest-picture: the "
    "answer of the most similar of at most 2000 train images, selected by a hash, by an 8 x 8 thumbnail and its edges",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingFrequencies:
    """Counts and medians of the train split; it has at least one row with title, category and price."""

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
    """Most common title by category key."""
    nearest: Mapping[str, str] = field(default_factory=dict)
    """By code of an evaluated row: the true answer to the most similar train image; empty if not looked up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A rule that answers for a product."""

    name: str
    metrics: tuple[str, ...]
    """The metrics that its answers are about."""
    answer: Callable[[Product], str]


def fit_frequencies(train: Iterable[Product]) -> TrainingFrequencies | None:
    """Count rows with title, category and price; None without any. Ties are broken alphabetically."""
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
    return TrainingFrequencies(
        num_rows=categories.total(),
        categories=tuple(sorted(categories)),
        counts=dict(categories),
        majority_category=_most_common(categories),
        commonest_title=_most_common(all_titles),
        median_price=float(np.median([price for group in prices.values() for price in group])),
        category_prices={key: float(np.median(group)) for key, group in prices.items()},
        category_titles={key: _most_common(group) for key, group in titles.items()},
    )


def make_baselines(
    frequencies: TrainingFrequencies, answered: Mapping[str, str | None], seed: int
) -> tuple[Baseline, ...]:
    """Return all baselines; `answered` is the category that the model answered, by product code.

    The oracles know the true category, so only a model that sees more than the category can beat them. For a category
    that the train split does not have, and for rows without an answered category, the overall median or title is used.
    """
    majority, title = frequencies.majority_category, frequencies.commonest_title
    constant = render(title, majority, frequencies.category_prices[category_key(majority)])

    def answer_constant(_: Product) -> str:
        return constant

    def answer_price(category: str | None) -> str:
        price = frequencies.category_prices.get(category_key(category or ""), frequencies.median_price)
        return render(title, majority, price)

    def answer_title(product: Product) -> str:
        known = frequencies.category_titles.get(category_key(product.category3_code or ""), title)
        return render(known, majority, frequencies.median_price)

    found = [
        Baseline(name="majority-category", metrics=_CATEGORY, answer=answer_constant),
        Baseline(name="category-prior", metrics=_CATEGORY, answer=_sample_from_prior(frequencies, seed)),
        Baseline(name="commonest-title", metrics=_TITLE, answer=answer_constant),
        Baseline(name="category-commonest-title", metrics=_TITLE, answer=answer_title),
        Baseline(name="median-price", metrics=_PRICE, answer=lambda _: answer_price(None)),
        Baseline(name="majority-category-median", metrics=_PRICE, answer=answer_constant),
        Baseline(
            name="predicted-category-median",
            metrics=_PRICE,
            answer=lambda product: answer_price(answered.get(product.product_code)),
        ),
        Baseline(name=CATEGORY_MEDIAN, metrics=_PRICE, answer=lambda product: answer_price(product.category3_code)),
        Baseline(name="constant", metrics=_WHOLE, answer=answer_constant),
    ]
    if frequencies.nearest:
        every = (*_CATEGORY, *_TITLE, *_PRICE, *_WHOLE)
        found.append(
            Baseline(name=NEAREST_IMAGE, metrics=every, answer=lambda p: frequencies.nearest.get(p.product_code, ""))
        )
    return tuple(found)


def answered_categories(scored: Iterable[Outcome]) -> dict[str, str | None]:
    """Return the category that was answered to each product's own image."""
    return {outcome.product_code: outcome.answered_category for outcome in scored if outcome.control == "none"}


def score_baseline(
    baseline: Baseline, products: Sequence[Product], spec: EvaluationSpec, categories: Iterable[str]
) -> list[Outcome]:
    """Score the baseline's answers to these rows like a model's under control none."""
    return score_answers(
        products,
        [new_prediction(product, spec.protocol, "none", baseline.answer(product), shown=None) for product in products],
        spec,
        categories,
    )


def _sample_from_prior(frequencies: TrainingFrequencies, seed: int) -> Callable[[Product], str]:
    """Sample a category for each product with the shares of the train rows, by a hash of seed and code."""
    names = sorted(frequencies.counts)
    bounds = list(itertools.accumulate(frequencies.counts[name] for name in names))

    def sample(product: Product) -> str:
        text = f"prior:{seed}:{product.product_code}".encode("utf-8", "surrogatepass")
        place = int.from_bytes(hashlib.sha256(text).digest()[:8], "big") * bounds[-1] >> 64
        name = names[bisect.bisect_right(bounds, place)]
        return render(frequencies.commonest_title, name, frequencies.median_price)

    return sample


def _most_common(counts: Counter[str]) -> str:
    return min(counts, key=lambda name: (-counts[name], name))


MAX_TRAIN_IMAGES = 2000
"""Train images that are compared: those whose hash of the code comes first."""
_THUMBNAIL, _GREY, _CELLS, _DIRECTIONS = 8, 32, 4, 8


def fit_baselines(
    folder: Path, judged: Sequence[Product], *, max_images: int = MAX_TRAIN_IMAGES
) -> TrainingFrequencies | None:
    """Fit the baselines to a catalog's train split, and find the nearest train image of each of the `judged` rows.

    Images that `judged` rows do not hold are read from the catalog. None where the train split has no usable row.
    """
    frequencies = fit_frequencies(train_rows(folder))
    if frequencies is None:
        return None
    images = {product.product_code: product.image for product in judged if product.image}
    for split in sorted({product.split for product in judged}):
        missing = {p.product_code for p in judged if p.split == split} - set(images)
        images |= read_encoded_images(folder, split, missing) if missing else {}
    seen = [replace(product, image=images.get(product.product_code)) for product in judged]
    return replace(frequencies, nearest=find_nearest_answers(sample_train_images(folder, max_images), seen))


def find_nearest_answers(train: Iterable[Product], judged: Iterable[Product]) -> dict[str, str]:
    """Return for each code of `judged` the true answer to the most similar image of `train`, the first of equals.

    A row's own family does not count as similar, which matters where train rows are judged. Rows without a readable
    image, and train rows without title, category or price, are left out.
    """
    whole = (row for row in train if row.title and row.category3_code and row.full_price)
    known, asked = _compute_features(whole), _compute_features(judged)
    if not known or not asked:
        return {}
    known_NF, asked_MF = (np.stack([seen for _, seen in rows]) for rows in (known, asked))
    colours = _THUMBNAIL * _THUMBNAIL * 3
    for block in (slice(0, colours), slice(colours, None)):  # both parts weigh the same
        spread = float(known_NF[:, block].std(axis=0).mean()) or 1.0
        for table in (known_NF, asked_MF):
            table[:, block] /= spread * math.sqrt(table[:, block].shape[1])
    family_of = factorize([row.family for row, _ in (*known, *asked)])
    found = []
    for places in np.array_split(np.arange(len(asked)), len(asked) // 1000 + 1):
        apart_MN = (known_NF**2).sum(axis=1)[None, :] - 2 * asked_MF[places] @ known_NF.T
        apart_MN[family_of[len(known) + places][:, None] == family_of[None, : len(known)]] = np.inf
        found += apart_MN.argmin(axis=1).tolist()
    return {row.product_code: _render_truth(known[place][0]) for (row, _), place in zip(asked, found, strict=True)}


def image_features(encoded: bytes) -> Values | None:
    """Return colours of an 8 x 8 thumbnail in [0, 1], then edges of 4 x 4 cells by 8 directions, (320,), or None."""
    try:
        plain = decode_rgb(encoded, draft_px=2 * _GREY)
    except BadImageError:
        return None
    small = plain.resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX)
    grey = np.asarray(plain.convert("L").resize((_GREY, _GREY), Image.Resampling.BOX), np.float64) / 255
    down, right = np.gradient(grey)
    direction = ((np.arctan2(down, right) + np.pi) / (2 * np.pi) * _DIRECTIONS).astype(int) % _DIRECTIONS
    row, column = np.indices(grey.shape) * _CELLS // _GREY
    place = (row * _CELLS + column) * _DIRECTIONS + direction
    edges = np.bincount(place.ravel(), weights=np.hypot(down, right).ravel(), minlength=_CELLS**2 * _DIRECTIONS)
    return np.concatenate([np.asarray(small, np.float64).ravel() / 255, edges])


def _compute_features(products: Iterable[Product]) -> list[tuple[Product, Values]]:
    looked = ((replace(product, image=None), image_features(product.image)) for product in products if product.image)
    return [(product, seen) for product, seen in looked if seen is not None]


def _render_truth(product: Product) -> str:
    return render(product.title or "", product.category3_code or "", product.full_price or 0.0)


def sample_train_images(folder: Path, limit: int) -> Iterator[Product]:
    """Yield at most `limit` train rows with their images, in file order; they come first by a hash of their codes.

    Only row groups that hold one of them are read whole.
    """
    codes = (product.product_code for product in train_rows(folder))
    chosen = set(heapq.nsmallest(limit, codes, key=lambda code: text_sha256(f"nearest:{code}")))
    columns = ["product_code", "family", "split", "source", "inferable", "title", "category3_code", "full_price"]
    for entry in shard_files(folder, "train")[1]:
        with open_shard(folder, entry) as parquet:
            for number in range(parquet.num_row_groups):
                named = parquet.read_row_group(number, ["product_code"])["product_code"].to_pylist()
                if chosen.isdisjoint(named):
                    continue
                for batch in parquet.read_row_group(number, [*columns, "image"]).to_batches():
                    yield from (product for product in from_batch(batch) if product.product_code in chosen)
