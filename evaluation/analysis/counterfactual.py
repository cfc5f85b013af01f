"""One counterfactual run from start to end: rows, redrawn pictures, answers, sensitivity table, page.

The redrawing is handed in: pictures are made by another package. Answers go through the same log and the same batches
as an evaluation's, a changed picture under the code of its product, a slash and the attribute; so a killed run
continues.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from evaluation.analysis.counterfactual_page import counterfactual_page
from evaluation.analysis.sensitivity import METHODS, pair_of, sensitivities
from evaluation.metrics.scoring import Outcome, outcomes
from evaluation.protocols.generate import predict
from evaluation.rows import Rows, decoded, read_rows, train_rows
from evaluation.run import PACKAGES, Candidate, inputs_of
from evaluation.run_dir import INPUTS, REPORT, prepare, write_text
from schemas.counterfactual import (
    COUNTERFACTUAL,
    Change,
    Counterfactual,
    Redraw,
    Redrawn,
    read_counterfactual,
    write_counterfactual,
)
from schemas.documents import from_dict
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec
from schemas.manifest import versions
from schemas.prediction import PREDICTIONS
from schemas.product import Product
from schemas.result import RESULT, document_of
from schemas.util.console import progress_bar


def run(
    candidate: Candidate,
    data: Path,
    out: Path,
    spec: EvaluationSpec,
    redraw: Redraw,
    *,
    force: bool = False,
    quiet: bool = False,
) -> Counterfactual:
    """Ask about products of `spec.split` as they are and changed, and write table and page to `out`.

    An unfinished run of the same inputs is continued, a finished one read back. Raises ToileError, before the model is
    loaded, where no row can be redrawn or `out` holds something else.
    """
    began = time.monotonic()
    assert (spec.protocols, spec.controls) == (("generate",), ()), spec
    inputs = inputs_of(candidate, data, spec)
    if _claimed(out, force=force) and not force:
        prepare(out, inputs, force=False)
        return read_counterfactual(out)
    prepare(out, inputs, force=force)
    rows = read_rows(data, spec, quiet=quiet)
    redrawn = _redrawn(rows, redraw, quiet=quiet)
    shown = _pictures(rows, redrawn)
    predictions = predict(
        candidate.load(), shown, out / PREDICTIONS, spec, quiet=quiet, what="answering about redrawn pictures"
    )
    categories = [row.category3_code for row in train_rows(data) if row.category3_code]
    scored = outcomes(shown.products, predictions, spec, categories)
    by_code = {outcome.product_code: outcome for outcome in scored}
    asked = [_asked(change, each.original, by_code) for each in redrawn for change in each.changes]
    pairs = tuple(pair_of(change, before, after) for change, before, after in asked)
    record = Counterfactual(
        inputs=inputs,
        device=candidate.device,
        dtype=candidate.dtype,
        rows=rows.num_rows,
        products=len(redrawn),
        sensitivities=sensitivities(pairs, spec),
        pairs=pairs,
        notes=_notes(rows, redrawn, spec),
        methods=METHODS,
        versions=versions(*PACKAGES),
        seconds=time.monotonic() - began,
    )
    found = from_dict(Counterfactual, document_of(record), str(out / COUNTERFACTUAL))  # as reading it back gives it
    pictures = {product.product_code: product.image or b"" for product in shown.products}
    write_text(out / REPORT, counterfactual_page(found, by_code, pictures))
    write_counterfactual(out, found)
    return found


def summary(record: Counterfactual) -> dict[str, object]:
    """Small enough for one line: {"material": {"pairs": 50, "slope": [value, low, high], ...}, ...}."""
    return {
        row.attribute: {
            "pairs": row.pairs,
            "category_moved": [row.category_moved.value, row.category_moved.low, row.category_moved.high],
            "slope": [row.slope.value, row.slope.low, row.slope.high],
        }
        for row in record.sensitivities
    }


def _claimed(out: Path, *, force: bool) -> bool:
    """Whether `out` holds a finished run; under `force` what one has left is removed. An evaluation is refused."""
    if (out / RESULT).is_file():
        raise ToileError(str(out), "holds an evaluation", "choose a new folder")
    finished = (out / COUNTERFACTUAL).is_file() and (out / INPUTS).is_file()
    if force and (out / INPUTS).is_file():
        for name in (COUNTERFACTUAL, f"{COUNTERFACTUAL}.part"):
            (out / name).unlink(missing_ok=True)
    return finished


def _redrawn(rows: Rows, redraw: Redraw, *, quiet: bool) -> list[Redrawn]:
    """Every row whose leaf a picture can tell, as it is and changed."""
    products = [product for product in rows.products if product.inferable]
    if not products:
        raise ToileError(
            str(rows.folder),
            f"no row of the test split can be redrawn: {rows.num_rows} rows, {len(rows.products)} of them complete",
            "make more products; rows need a category of their own, title, price and picture",
        )
    found = []
    with progress_bar("redrawing", len(products), quiet=quiet) as advance:
        for product in products:
            found.append(redraw(product))
            advance(1)
    return found


def _pictures(rows: Rows, redrawn: Sequence[Redrawn]) -> Rows:
    """Originals and changes as rows to ask about, each original before its changes."""
    products = [
        product for each in redrawn for product in (each.original, *(change.product for change in each.changes))
    ]
    sizes = {product.product_code: decoded(product, rows.folder).size for product in products}
    return replace(rows, products=tuple(products), skipped=(), sizes=sizes)


def _asked(change: Change, original: Product, answers: dict[str, Outcome]) -> tuple[Change, Outcome, Outcome]:
    return change, answers[original.product_code], answers[change.product.product_code]


def _notes(rows: Rows, redrawn: Sequence[Redrawn], spec: EvaluationSpec) -> tuple[str, ...]:
    """What a reader must know before believing the figures."""
    found = []
    if len(rows.products) < rows.num_rows:
        found.append(f"{len(rows.products)} of {rows.num_rows} rows, drawn by seed {spec.seed} (--limit)")
    if len(redrawn) < len(rows.products):
        missing = f"{len(rows.products) - len(redrawn)} of {len(rows.products)} rows"
        found.append(f"{missing} were left out, for they stand under a navigation label, which no picture can tell")
    others = sum(not each.as_stored for each in redrawn)
    if others:
        found.append(
            f"{others} pictures drawn now differ from those in the shards, which other versions drew; both pictures of "
            "every pair were drawn now"
        )
    return tuple(found)
