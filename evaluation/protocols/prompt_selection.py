"""The prompt of a model, chosen on validation rows: the test split is never looked at for the choice.

A model that needs instructions is asked with them, one that has learnt the bare question without. Comparing each model
under its own best prompt is the honest gain of training; under one and the same prompt it holds what the form is worth.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evaluation.distributed import ALONE, Ranks
from evaluation.metrics.scoring import FIELDS, outcomes
from evaluation.models.base import VisionModel
from evaluation.protocols.dataset_stats import Facts
from evaluation.protocols.generate import predict
from evaluation.protocols.protocols import FREE_TEXT
from evaluation.rows import Rows, read_rows
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec
from schemas.prediction import Prediction
from schemas.product import Product

VALIDATION = "validation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The prompt that did best on validation rows, and what it was chosen by."""

    protocol: str
    products: tuple[Product, ...]
    """The validation rows, pictures and all."""
    predictions: tuple[Prediction, ...]
    """Theirs, under every free-text protocol; of split validation."""


def choose(
    model: VisionModel,
    rows: Rows,
    path: Path,
    spec: EvaluationSpec,
    facts: Facts,
    *,
    ranks: Ranks = ALONE,
    quiet: bool = False,
) -> Choice:
    """Ask every free-text protocol of up to `validation_limit` validation rows; the highest reasoning score wins.

    That is the mean over rows of the share of category, title and price that are right; the earlier protocol where two
    are equal. Rows that share a code or a family with `rows` or with an example are left out.
    """
    if spec.split == VALIDATION:
        raise ToileError(
            "choose_prompt",
            "needs validation rows that are not evaluated, but the split is validation",
            "evaluate another split, or name the protocol",
        )
    asked = replace(
        spec, split=VALIDATION, protocols=FREE_TEXT, controls=(), limit=spec.validation_limit, choose_prompt=False
    )
    found = read_rows(rows.folder, asked, quiet=quiet)
    codes = {product.product_code for product in rows.products}
    families = {product.family for product in (*rows.products, *facts.examples)}
    products = tuple(p for p in found.products if p.product_code not in codes and p.family not in families)
    if not products:
        raise ToileError(
            str(rows.folder),
            f"has no validation row to choose a prompt by: {found.num_rows} rows, {len(found.skipped)} skipped",
            "name the protocol instead, or make more rows",
        )
    chosen_by = replace(found, products=products)
    predictions = predict(
        model, chosen_by, path, asked, facts=facts, ranks=ranks, quiet=quiet, what="choosing a prompt"
    )
    best = max(FREE_TEXT, key=lambda protocol: _reasoning(protocol, products, predictions, spec, facts))
    return Choice(protocol=best, products=products, predictions=tuple(predictions))


def _reasoning(
    protocol: str, products: Sequence[Product], predictions: Sequence[Prediction], spec: EvaluationSpec, facts: Facts
) -> int:
    """How many categories, titles and prices are right; every protocol was asked of the same rows."""
    answers = [prediction for prediction in predictions if prediction.protocol == protocol]
    scored = outcomes(products, answers, spec, facts.categories)
    return sum(outcome.right(field) for outcome in scored for field in FIELDS)
