"""From rows to predictions: every image is shown to the model once under every protocol; controls without evidence.

A control replaces the image: `blank` is one colour, `shuffled` is another product's image, `shuffled_in_category` is
another image of the same category. A model that reads images loses its score on the first two. One that guesses from
frequencies keeps it. With another image of the same category it keeps what follows from the category alone.

The question of a protocol is the same for every product and decoding is greedy, so an answer belongs to an image: the
answer under `shuffled` is the answer that the image got as a product's own, and blank images of one size share one
answer. Controls therefore cost almost nothing. Images are asked about in a random order, so a model that knows the
order of the rows learns nothing from a place in it. Batches are formed from the full list, whatever is done already, so
a run that was killed and continued writes the same lines as one that was not.

To add a control: its name in `schemas.evaluation`, its images in `_plan_questions`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from evaluation.metrics.scoring import category_key
from evaluation.models.base import ShapedModel, VisionModel
from evaluation.protocols.inference import ProtocolRunner, Reply
from evaluation.protocols.protocols import (
    DatasetStats,
    check_model_supports,
    check_supported,
    needs_dataset_stats,
    read_dataset_stats,
)
from evaluation.rows import Rows, decode_image, new_prediction
from evaluation.run_dir import Key, merge_rank_files, rank_file, rank_files
from finetune.distributed import Ranks
from schemas.evaluation import EvaluationSpec, Prediction, append_predictions, read_predictions
from schemas.product import Product
from schemas.util.console import progress_bar
from schemas.util.files import text_sha256


def blank_image(size: tuple[int, int], colour: tuple[int, int, int]) -> Image.Image:
    """Return an image of one colour and the size of the true image, so that it has as many image tokens."""
    return Image.new("RGB", size, colour)


def shuffled_pairs(products: Sequence[Product], seed: int, within_category: bool = False) -> dict[str, str]:
    """Return for each product code the code whose image is shown instead; every image is given and received once.

    Families are in random order and every row takes the image as many places further as the largest family is long. So
    no row sees its own family while that family is at most half of all rows; otherwise no row sees its own image. A
    single row has no partner: the result is empty.

    Within categories the same is done in each category, except that no row ever sees its own family: where one is more
    than half of the category, some images are shown twice, and a category of one family is left out.
    """
    if not within_category:
        return _rotate_images(products, seed) if len(products) > 1 else {}
    by_category: dict[str, list[Product]] = defaultdict(list)
    for product in products:
        if product.category3_code:
            by_category[category_key(product.category3_code)].append(product)
    found: dict[str, str] = {}
    for number, key in enumerate(sorted(by_category)):
        members = by_category[key]
        sizes = np.unique([product.family for product in members], return_counts=True)[1]
        if len(sizes) > 1:
            alone = 2 * int(sizes.max()) > len(members)
            found |= _borrow_images(members) if alone else _rotate_images(members, [seed, number])
    return found


def _rotate_images(products: Sequence[Product], seed: int | list[int]) -> dict[str, str]:
    families = sorted({product.family for product in products})
    order = dict(zip(families, np.random.default_rng(seed).permutation(len(families)), strict=True))
    row = sorted(products, key=lambda product: (order[product.family], product.product_code))
    largest = max(np.unique([order[product.family] for product in products], return_counts=True)[1])
    step = int(largest) if 2 * largest <= len(row) else 1
    return {a.product_code: b.product_code for a, b in zip(row, row[step:] + row[:step], strict=True)}


def _borrow_images(products: Sequence[Product]) -> dict[str, str]:
    """Assign to each family the images of the other families in turn."""
    row = sorted(products, key=lambda product: product.product_code)
    found: dict[str, str] = {}
    for family in sorted({product.family for product in row}):
        own = [product.product_code for product in row if product.family == family]
        others = [product.product_code for product in row if product.family != family]
        found |= {code: others[place % len(others)] for place, code in enumerate(own)}
    return found


Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _ShownImage:
    """What the model sees: a product's own image, or a blank one of a size."""

    code: str | None
    size: tuple[int, int]


_ProductControl = tuple[Product, str]
"""A product and the control under which it is asked about."""
_Questions = dict[_ShownImage, list[_ProductControl]]


@dataclass(frozen=True, slots=True)
class _Batch:
    """Images of one shape."""

    shape: Shape
    images: Sequence[_ShownImage]


def predict(
    model: VisionModel,
    rows: Rows,
    path: Path,
    spec: EvaluationSpec,
    *,
    dataset_stats: DatasetStats | None = None,
    ranks: Ranks = Ranks(),
    quiet: bool = False,
    what: str = "answering rows",
) -> list[Prediction]:
    """Return the model's answers to `rows` under every protocol and control of `spec`, appended to `path` as they come.

    Lines that exist already are kept and not asked again. Answers are returned in the order of protocols, controls,
    rows. `dataset_stats` are read from the catalog where they are needed and not given. Several processes share the
    batches, and all return everything. Raises ToileError, before anything runs, for a protocol that model or data
    cannot serve.
    """
    check_model_supports(model, spec)
    if dataset_stats is None and needs_dataset_stats(spec.protocols):
        dataset_stats = read_dataset_stats(rows.folder, spec)
    if dataset_stats is not None:
        check_supported(dataset_stats, spec.protocols, rows.folder)
    runner = ProtocolRunner(model, spec, dataset_stats)
    questions = _plan_questions(rows, spec)
    products = {product.product_code: product for product in rows.products}
    batches = list(_make_batches(questions, model, spec))
    order = [key for batch in batches for key in _batch_keys(batch, questions, spec)]
    _merge_rank_predictions(path, order, ranks)
    found = read_predictions(path)
    done = {prediction.key for prediction in found}
    mine = [batch for number, batch in enumerate(batches) if ranks.owns_batch(number)]
    still_open = [batch for batch in mine if not done.issuperset(_batch_keys(batch, questions, spec))]
    total, waiting = (sum(len(batch.images) for batch in some) for some in (mine, still_open))
    with progress_bar(f"{what}: {', '.join(spec.protocols)}", total, done=total - waiting, quiet=quiet) as advance:
        for batch in still_open:
            shown = [
                decode_image(products[image.code], rows.folder)
                if image.code
                else blank_image(image.size, rows.mean_colour)
                for image in batch.images
            ]
            shows_product = [image.code is not None for image in batch.images]
            replies = runner.replies(shown, shows_product, blank_image(batch.shape[1:], rows.mean_colour))
            lines = [line for line in _batch_predictions(batch, replies, questions) if line.key not in done]
            append_predictions(path if ranks.size == 1 else rank_file(path, ranks.rank), lines)
            found += lines
            advance(len(batch.images))
    _merge_rank_predictions(path, order, ranks, sort=bool(done))
    return sort_predictions(found if ranks.size == 1 else read_predictions(path), rows.products, spec)


def _merge_rank_predictions(path: Path, order: Sequence[Key], ranks: Ranks, *, sort: bool = False) -> None:
    """Merge what several processes have written, now or earlier, into `path`, as if one had written it.

    `sort` when an earlier start may have left gaps before later lines.
    """
    ranks.wait()
    if ranks.first and (sort or rank_files(path)):
        ours = set(order)
        before = [prediction.key for prediction in read_predictions(path) if prediction.key not in ours]
        merge_rank_files(path, [*before, *order])
    ranks.wait()


def sort_predictions(
    predictions: Sequence[Prediction], products: Sequence[Product], spec: EvaluationSpec
) -> list[Prediction]:
    """Return predictions about these products in the order of `spec`'s protocols and controls, then of the rows."""
    found = {prediction.key: prediction for prediction in predictions}
    keys = (
        (product.product_code, protocol, control)
        for protocol in spec.protocols
        for control in ("none", *spec.controls)
        for product in products
    )
    return [found[key] for key in keys if key in found]


def _plan_questions(rows: Rows, spec: EvaluationSpec) -> _Questions:
    """Return for each image the products and controls that it is shown for."""
    partner = {}
    if "shuffled" in spec.controls:
        partner["shuffled"] = shuffled_pairs(rows.products, spec.seed)
    if "shuffled_in_category" in spec.controls:
        partner["shuffled_in_category"] = shuffled_pairs(rows.products, spec.seed, within_category=True)
    asked: _Questions = {}
    for product in rows.products:
        code = product.product_code
        asked.setdefault(_ShownImage(code, rows.sizes[code]), []).append((product, "none"))
        for control in spec.controls:
            if control == "blank":
                asked.setdefault(_ShownImage(None, rows.sizes[code]), []).append((product, control))
            elif code in partner[control]:
                other = partner[control][code]
                asked.setdefault(_ShownImage(other, rows.sizes[other]), []).append((product, control))
    return asked


def _make_batches(questions: _Questions, model: VisionModel, spec: EvaluationSpec) -> Iterator[_Batch]:
    """Group images of one shape, the largest shapes first.

    So a batch needs padding for text only, and too little memory shows in the first batch.
    """
    shape_of = _shape_function(model)
    by_shape: dict[Shape, list[_ShownImage]] = {}
    for image in questions:
        by_shape.setdefault(shape_of(image.size), []).append(image)
    for shape in sorted(by_shape, reverse=True):
        images = sorted(by_shape[shape], key=lambda image: (image.size, text_sha256(f"{spec.seed}:{image.code}")))
        for start in range(0, len(images), spec.batch_size):
            yield _Batch(shape, images[start : start + spec.batch_size])


def _shape_function(model: VisionModel) -> Callable[[tuple[int, int]], Shape]:
    """Return the model's own function from image size to shape, or (pixels, width, height)."""
    if isinstance(model, ShapedModel):
        return model.shape
    return lambda size: (size[0] * size[1], *size)


def _batch_keys(batch: _Batch, questions: _Questions, spec: EvaluationSpec) -> Iterator[Key]:
    """Yield the keys of a batch in the order in which its lines are written."""
    for protocol in spec.protocols:
        for image in batch.images:
            for product, control in questions[image]:
                yield (product.product_code, protocol, control)


def _batch_predictions(
    batch: _Batch, replies: Mapping[str, Sequence[Reply]], questions: _Questions
) -> list[Prediction]:
    return [
        _make_prediction(product, protocol, control, image, reply)
        for protocol, of_protocol in replies.items()
        for image, reply in zip(batch.images, of_protocol, strict=True)
        for product, control in questions[image]
    ]


def _make_prediction(product: Product, protocol: str, control: str, image: _ShownImage, reply: Reply) -> Prediction:
    assert product.full_price is not None, product.product_code
    return new_prediction(
        product,
        protocol,
        control,
        reply.text,
        shown=image.code,
        truncated=reply.truncated,
        prefix=reply.prefix,
        ranking=reply.ranking.categories if reply.ranking else None,
        log_probs=reply.ranking.log_probs if reply.ranking else None,
        posterior=reply.prices.against(product.full_price) if reply.prices else None,
    )
