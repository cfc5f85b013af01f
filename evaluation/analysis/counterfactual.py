"""Counterfactual images: how answers move when one attribute of a product is rendered with another value.

    evaluate_counterfactuals(local_model("tiny"), data, out, EvaluationSpec(controls=(), limit=50))

A model that reads the material from the image moves its price with the material. One that has learnt what usually
occurs together may move its category with the colour or the background. Pairs of one product family are correlated, so
every interval is by families. Answers use the same log and batches as an evaluation, a changed image under the code of
its product, a slash and the attribute, so a killed run continues.
"""

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from evaluation.metrics.scoring import Outcome, category_key, score_answers
from evaluation.metrics.titles import SLOTS
from evaluation.models.base import ModelUnderTest
from evaluation.protocols.generate import predict
from evaluation.report.page import FILTERS, STYLES, TEMPLATES
from evaluation.rows import Rows, decode_image, read_rows, train_rows
from evaluation.run_dir import INPUTS, PACKAGES, REPORT, prepare, run_inputs, write_text
from evaluation.stats.intervals import (
    NOTHING,
    ClusterIds,
    Estimate,
    Values,
    Weighted,
    bca,
    factorize,
    median,
    rate,
    unweighted,
)
from schemas.counterfactual import (
    COUNTERFACTUAL,
    MIN_FAMILIES,
    MIN_PAIRS,
    NUISANCE,
    Change,
    Counterfactual,
    Figure,
    Pair,
    Redraw,
    Redrawn,
    Sensitivity,
    read_counterfactual,
    write_counterfactual,
)
from schemas.documents import from_dict
from schemas.errors import ToileError
from schemas.evaluation import PREDICTIONS, EvaluationSpec
from schemas.images import thumbnail_uri
from schemas.manifest import versions
from schemas.product import Product
from schemas.result import RESULT, document_of
from schemas.util.console import progress_bar
from schemas.util.files import text_sha256
from schemas.util.pages import embed_json, render_page

_ROUNDING = 1e-9
COUNTERFACTUAL_METHODS: Mapping[str, str] = {
    "pairs": "a test product rendered as it is and again with one attribute changed to a value that the catalog spec "
    "allows with its others, all equally likely; all other random choices of the image are the same, and what "
    "the renderer derives from the attribute follows it (a lining and a check take their second colours from the "
    "colour). nuisance: "
    "another camera, light, folds and background. Asked under the protocol generate",
    "expected": "ln of the ratio of the spec's price factors",
    "unread": "share of pairs where one of the two answers lacks a category or a readable price; such a pair counts as "
    "neither moved nor unmoved in the figure that lacks something",
    "category_moved": "share of pairs whose two answered categories differ, not counting spelling, number and other "
    "words for the same category",
    "direction": "of pairs whose legal price should move: share whose answered price moved the same way; an unmoved "
    "price has not",
    "slope": "sum of (answered * expected) over sum of expected^2, both changes of ln price, over pairs where a change "
    "is expected; BCa bootstrap by families",
    "false_movement": "median |change of ln price| answered where none is expected",
    "false_moves": "share of the same pairs whose answered price moved by more than the price tolerance",
    "title_names": "of pairs whose true title names another colour, material or pattern: share whose second answer "
    "names exactly the new one",
    "intervals": "rates: Wilson; median: order statistics; all by product family; no correction for the number of "
    "attributes",
}


def make_pair(change: Change, before: Outcome, after: Outcome) -> Pair:
    """Compare the answers to a product and to its change."""
    answered = None
    if before.answer.price is not None and after.answer.price is not None:
        answered = math.log(after.answer.price / before.answer.price)
    moved = None
    if before.answer.category and after.answer.category:
        moved = _name_category(before) != _name_category(after)
    return Pair(
        product_code=before.product_code,
        family=before.family,
        attribute=change.attribute,
        old=change.old,
        new=change.new,
        log_change=change.log_change,
        steps=change.log_change != 0 and after.true_price != before.true_price,
        answered_log_change=answered,
        category_moved=moved,
        title_names=_title_names_new_value(change.attribute, before, after),
    )


def _name_category(outcome: Outcome) -> str:
    """Return one name for all spellings of an answered category, also of one that the data does not have."""
    return category_key(outcome.answered_category or outcome.answer.category or "")


def compute_sensitivities(pairs: Sequence[Pair], spec: EvaluationSpec) -> tuple[Sensitivity, ...]:
    """Return one row per attribute, in the order in which they first appear."""
    attributes = dict.fromkeys(pair.attribute for pair in pairs)
    return tuple(compute_sensitivity([pair for pair in pairs if pair.attribute == name], spec) for name in attributes)


def compute_sensitivity(pairs: Sequence[Pair], spec: EvaluationSpec) -> Sensitivity:
    """Return the row of one attribute; `pairs` are its own, at least one."""
    moved = [pair for pair in pairs if pair.category_moved is not None]
    priced = [pair for pair in pairs if pair.answered_log_change is not None]
    stepping = [pair for pair in priced if pair.steps]
    still = [pair for pair in priced if pair.log_change == 0]
    named = [pair for pair in pairs if pair.title_names is not None]
    tolerance = math.log1p(spec.price_tolerance) + _ROUNDING
    row = {
        "unread": _rate(pairs, lambda pair: pair.category_moved is None or pair.answered_log_change is None, spec),
        "category_moved": _rate(moved, lambda pair: bool(pair.category_moved), spec),
        "direction": _rate(stepping, _moves_same_way, spec),
        "slope": _slope([pair for pair in priced if pair.log_change != 0], spec),
        "false_movement": _figure(
            median(np.abs(_answered(still)), spec.confidence, _families(still)) if still else NOTHING
        ),
        "false_moves": _rate(still, lambda pair: abs(pair.answered_log_change or 0.0) > tolerance, spec),
        "title_names": _rate(named, lambda pair: bool(pair.title_names), spec),
    }
    return Sensitivity(
        attribute=pairs[0].attribute,
        pairs=len(pairs),
        families=len({pair.family for pair in pairs}),
        enough=_is_enough(row["unread"]),
        sentences=_sentences(pairs[0].attribute, row, spec.price_tolerance),
        **row,
    )


def weighted_slope(answered: Values, expected: Values) -> Weighted:
    """Return least squares of answered on expected change through the origin; NaN where nothing is expected."""
    products, squares = answered * expected, expected**2

    def figure(weights: Values) -> Values:
        total = squares @ weights
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(total > 0, (products @ weights) / total, np.nan)

    return figure


def _title_names_new_value(attribute: str, before: Outcome, after: Outcome) -> bool | None:
    if attribute not in SLOTS or before.words.named(attribute, before.true_title) == after.words.named(
        attribute, after.true_title
    ):
        return None
    return after.agrees(attribute)


def _moves_same_way(pair: Pair) -> bool:
    return (pair.answered_log_change or 0.0) * pair.log_change > 0


def _rate(pairs: Sequence[Pair], holds: Callable[[Pair], bool], spec: EvaluationSpec) -> Figure:
    values = np.array([holds(pair) for pair in pairs], np.float64)
    return _figure(rate(values, spec.confidence, _families(pairs)) if pairs else NOTHING)


def _slope(pairs: Sequence[Pair], spec: EvaluationSpec) -> Figure:
    if not pairs:
        return _figure(NOTHING)
    figure = weighted_slope(_answered(pairs), np.array([pair.log_change for pair in pairs]))
    families = _families(pairs)
    low, high = bca(figure, families, spec.confidence, spec.seed)
    num = len({pair.family for pair in pairs})
    return Figure(n=len(pairs), families=num, value=unweighted(figure, len(pairs)), low=low, high=high)


def _answered(pairs: Sequence[Pair]) -> Values:
    return np.array([pair.answered_log_change for pair in pairs], np.float64)


def _families(pairs: Sequence[Pair]) -> ClusterIds:
    return factorize([pair.family for pair in pairs])


def _figure(estimate: Estimate) -> Figure:
    return Figure(n=estimate.n, families=estimate.families, value=estimate.value, low=estimate.low, high=estimate.high)


def _is_enough(figure: Figure) -> bool:
    return figure.n >= MIN_PAIRS and figure.families >= MIN_FAMILIES


def _sentences(attribute: str, row: Mapping[str, Figure], tolerance: float) -> tuple[str, ...]:
    """Return one sentence per figure, or that there are too few pairs for it."""
    attribute = "another shot (camera, light, folds)" if attribute == NUISANCE else attribute
    if not _is_enough(row["unread"]):
        return (f"{attribute}: {_too_few(row['unread'])}",)
    said = [_category_sentence(attribute, row["category_moved"])]
    if row["slope"].n:
        said.append(_slope_sentence(attribute, row["slope"]))
    if row["false_movement"].n:
        said.append(_false_movement_sentence(attribute, row["false_movement"], row["false_moves"], tolerance))
    return tuple(said)


def _category_sentence(attribute: str, figure: Figure) -> str:
    if not _is_enough(figure):
        return f"category and {attribute}: {_too_few(figure, 'answers with a category')}"
    return f"category moves with {attribute} in {_format_percent(figure)} of pairs"


def _slope_sentence(attribute: str, figure: Figure) -> str:
    if not _is_enough(figure):
        return f"price and {attribute}: {_too_few(figure, 'an expected change and readable prices')}"
    assert figure.value is not None, figure
    low = figure.value if figure.low is None else figure.low
    high = figure.value if figure.high is None else figure.high
    verb = "follows" if low > 0 else "moves against" if high < 0 else "is not seen to follow"
    return f"price {verb} {attribute}: slope {figure.value:.2g}{_format_interval(figure)}"


def _false_movement_sentence(attribute: str, figure: Figure, moves: Figure, tolerance: float) -> str:
    if not _is_enough(figure):
        return f"false movement with {attribute}: {_too_few(figure, 'no expected change and readable prices')}"
    assert figure.value is not None, figure
    assert moves.value is not None, moves
    low, high = (None if end is None else math.expm1(end) for end in (figure.low, figure.high))
    median_change = dataclasses.replace(figure, value=math.expm1(figure.value), low=low, high=high)
    return (
        f"price moves with {attribute} where it should not: by {_format_percent(median_change)} at the median, "
        f"by more than {100 * tolerance:.0f} % in {_format_percent(moves)} of pairs"
    )


def _too_few(figure: Figure, what: str = "") -> str:
    one = figure.n == 1
    pairs = f"{figure.n} {'pair' if one else 'pairs'}{f' with {what}' if what else ''}"
    if figure.n < MIN_PAIRS:
        return f"{pairs} {'is' if one else 'are'} too few to say anything ({MIN_PAIRS} needed)"
    return f"{pairs} of {figure.families} product families are too few to say anything ({MIN_FAMILIES} needed)"


def _format_percent(figure: Figure) -> str:
    value = 100 * (figure.value or 0.0)
    if figure.low is None or figure.high is None:
        return f"{value:.0f} % (no interval)"
    return f"{value:.0f} % ({100 * figure.low:.0f} to {100 * figure.high:.0f})"


def _format_interval(figure: Figure) -> str:
    return (
        " (no interval)" if figure.low is None or figure.high is None else f" ({figure.low:.2g} to {figure.high:.2g})"
    )


def evaluate_counterfactuals(
    model: ModelUnderTest,
    data: Path,
    out: Path,
    spec: EvaluationSpec,
    *,
    redraw: Redraw | None = None,
    force: bool = False,
    quiet: bool = False,
) -> Counterfactual:
    """Ask about products of `spec.split` as they are and changed, and write table and page to `out`.

    An unfinished run of the same inputs continues, a finished one is read back.

    Args:
        model: the model to ask; see `evaluation.models`.
        data: a catalog made by `toile generate`.
        out: folder of the run.
        spec: protocol generate, no controls.
        redraw: renders a product and its changes; by the catalog's own spec when None.
        force: replace an earlier run in `out`.
        quiet: show no progress.

    Raises ToileError, before the model is loaded, where no row can be rendered or `out` holds something else.
    """
    from generator.sampling.counterfactuals import make_renderer

    began = time.monotonic()
    redraw = redraw or make_renderer(data, spec.seed)
    assert (spec.protocols, spec.controls) == (("generate",), ()), spec
    inputs = run_inputs(model, data, spec)
    if _is_finished(out, force=force) and not force:
        prepare(out, inputs, force=False)
        return read_counterfactual(out)
    prepare(out, inputs, force=force)
    rows = read_rows(data, spec, quiet=quiet)
    redrawn = _render_variants(rows, redraw, quiet=quiet)
    shown = _as_rows(rows, redrawn)
    predictions = predict(
        model.load(), shown, out / PREDICTIONS, spec, quiet=quiet, what="answering about rendered images"
    )
    categories = [row.category3_code for row in train_rows(data) if row.category3_code]
    scored = score_answers(shown.products, predictions, spec, categories)
    by_code = {outcome.product_code: outcome for outcome in scored}
    asked = [_answered_change(change, each.original, by_code) for each in redrawn for change in each.changes]
    pairs = tuple(make_pair(change, before, after) for change, before, after in asked)
    record = Counterfactual(
        inputs=inputs,
        device=model.device,
        dtype=model.dtype,
        rows=rows.num_rows,
        products=len(redrawn),
        sensitivities=compute_sensitivities(pairs, spec),
        pairs=pairs,
        notes=_notes(rows, redrawn, spec),
        methods=COUNTERFACTUAL_METHODS,
        versions=versions(*PACKAGES),
        seconds=time.monotonic() - began,
    )
    found = from_dict(Counterfactual, document_of(record), str(out / COUNTERFACTUAL))  # as reading it back gives it
    images = {product.product_code: product.image or b"" for product in shown.products}
    write_text(out / REPORT, render_counterfactual_page(found, by_code, images))
    write_counterfactual(out, found)
    return found


def summarize(record: Counterfactual) -> dict[str, object]:
    """Return the figures for one line of JSON: {"material": {"pairs": 50, "slope": [value, low, high], ...}, ...}."""
    return {
        row.attribute: {
            "pairs": row.pairs,
            "category_moved": [row.category_moved.value, row.category_moved.low, row.category_moved.high],
            "slope": [row.slope.value, row.slope.low, row.slope.high],
        }
        for row in record.sensitivities
    }


def _is_finished(out: Path, *, force: bool) -> bool:
    """Return whether `out` holds a finished run; `force` removes its files. Raises ToileError for an evaluation."""
    if (out / RESULT).is_file():
        raise ToileError(str(out), "holds an evaluation", "choose a new folder")
    finished = (out / COUNTERFACTUAL).is_file() and (out / INPUTS).is_file()
    if force and (out / INPUTS).is_file():
        for name in (COUNTERFACTUAL, f"{COUNTERFACTUAL}.part"):
            (out / name).unlink(missing_ok=True)
    return finished


def _render_variants(rows: Rows, redraw: Redraw, *, quiet: bool) -> list[Redrawn]:
    """Render every visually identifiable row as it is and changed."""
    products = [product for product in rows.products if product.inferable]
    if not products:
        raise ToileError(
            str(rows.folder),
            f"no row of the test split can be rendered: {rows.num_rows} rows, {len(rows.products)} of them complete",
            "generate more products; rows need a category of their own, title, price and image",
        )
    found = []
    with progress_bar("rendering", len(products), quiet=quiet) as advance:
        for product in products:
            found.append(redraw(product))
            advance(1)
    return found


def _as_rows(rows: Rows, redrawn: Sequence[Redrawn]) -> Rows:
    """Return originals and changes as rows to ask about, each original before its changes."""
    products = [
        product for each in redrawn for product in (each.original, *(change.product for change in each.changes))
    ]
    sizes = {product.product_code: decode_image(product, rows.folder).size for product in products}
    return replace(rows, products=tuple(products), skipped=(), sizes=sizes)


def _answered_change(change: Change, original: Product, answers: dict[str, Outcome]) -> tuple[Change, Outcome, Outcome]:
    return change, answers[original.product_code], answers[change.product.product_code]


def _notes(rows: Rows, redrawn: Sequence[Redrawn], spec: EvaluationSpec) -> tuple[str, ...]:
    """Return what a reader must know before the figures are believed."""
    found = []
    if len(rows.products) < rows.num_rows:
        found.append(f"{len(rows.products)} of {rows.num_rows} rows, sampled with seed {spec.seed} (--limit)")
    if len(redrawn) < len(rows.products):
        missing = f"{len(rows.products) - len(redrawn)} of {len(rows.products)} rows"
        found.append(f"{missing} were left out: they are under a navigation label, which no image shows")
    others = sum(not each.as_stored for each in redrawn)
    if others:
        found.append(
            f"{others} images rendered now differ from those in the catalog, which other versions rendered; both "
            "images of every pair were rendered now"
        )
    return tuple(found)


SHOWN = 12
IMAGE_PX = 224


@dataclass(frozen=True, slots=True, kw_only=True)
class CardSide:
    """One image and what was answered to it."""

    image: str
    """A data URI."""
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A pair to look at."""

    pair: Pair
    before: CardSide
    after: CardSide


def render_counterfactual_page(
    record: Counterfactual, answers: Mapping[str, Outcome], images: Mapping[str, bytes]
) -> str:
    """Return the page; `answers` and `images` (files) are by product code, those of changes by their own."""
    return render_page(
        TEMPLATES,
        "counterfactual.html.j2",
        styles=(*STYLES, "counterfactual.css.j2"),
        filters=FILTERS,
        record=record,
        spec=record.inputs.spec,
        cards=[_card(pair, answers, images) for pair in sample_pairs(record.pairs)],
        document=embed_json(document_of(record)),
        change=_format_change,
        number=_format_number,
        least=MIN_PAIRS,
    )


def sample_pairs(pairs: Sequence[Pair]) -> list[Pair]:
    """Select a dozen pairs by a hash: every attribute in turn, no product twice while there are others."""
    waiting: dict[str, list[Pair]] = {}
    for pair in sorted(pairs, key=lambda pair: text_sha256(f"counterfactual:{pair.product_code}/{pair.attribute}")):
        waiting.setdefault(pair.attribute, []).append(pair)
    order = list(dict.fromkeys(pair.attribute for pair in pairs))
    taken: list[Pair] = []
    codes: set[str] = set()
    while len(taken) < min(SHOWN, len(pairs)):
        for attribute in order:
            left = waiting[attribute]
            if left and len(taken) < SHOWN:
                chosen = next((pair for pair in left if pair.product_code not in codes), left[0])
                left.remove(chosen)
                codes.add(chosen.product_code)
                taken.append(chosen)
    return sorted(taken, key=lambda pair: order.index(pair.attribute))


def _card(pair: Pair, answers: Mapping[str, Outcome], images: Mapping[str, bytes]) -> Card:
    first, second = (
        CardSide(image=thumbnail_uri(images[code], IMAGE_PX, quality=88), outcome=answers[code])
        for code in (pair.product_code, f"{pair.product_code}/{pair.attribute}")
    )
    return Card(pair=pair, before=first, after=second)


def _format_change(log_change: float | None) -> str:
    """Return a change of ln price in percent: +60 %."""
    if log_change is None:
        return "no price to compare"
    return f"{100 * math.expm1(min(log_change, 50.0)):+.0f}\u202f%".replace("-", "\u2212")


def _format_number(value: float | None) -> str:
    return "\u2013" if value is None else f"{value:.2f}".replace("-", "\u2212")
