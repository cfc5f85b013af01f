"""Everything that a model is asked in one evaluation: choose a prompt where that is wanted, then ask about the rows.

The prompt of a model is chosen on validation rows; test rows are not used for the choice. A model that needs
instructions is asked with them, one that has learnt the bare question without. Comparing each model under its own best
prompt gives the gain of training without the gain of the answer form.
"""

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evaluation.metrics.scoring import FIELDS, score_answers
from evaluation.models.base import TemplatedModel, TokenModel, VisionModel
from evaluation.protocols.generate import predict
from evaluation.protocols.protocols import (
    CHOICE_METHOD,
    FREE_TEXT_PROTOCOLS,
    PROTOCOL_METHODS,
    DatasetStats,
    add_protocol,
    check_model_supports,
    check_supported,
    make_prompt,
    needs_dataset_stats,
    read_dataset_stats,
)
from evaluation.rows import Rows, decode_image, read_rows
from finetune.distributed import Ranks
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec, Prediction
from schemas.product import Product
from schemas.result import Prompt
from schemas.util.files import text_sha256

VALIDATION = "validation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The prompt that did best on validation rows, and the rows it was chosen on."""

    protocol: str
    products: tuple[Product, ...]
    """The validation rows with their images."""
    predictions: tuple[Prediction, ...]
    """About these rows, under every free-text protocol; of split validation."""


def choose_prompt(
    model: VisionModel,
    rows: Rows,
    path: Path,
    spec: EvaluationSpec,
    dataset_stats: DatasetStats,
    *,
    ranks: Ranks = Ranks(),
    quiet: bool = False,
) -> Choice:
    """Ask every free-text protocol about up to `validation_limit` validation rows; the highest mean accuracy wins.

    Mean accuracy is the mean over rows of the share of category, title and price that are right; the earlier protocol
    wins a tie. Rows that share a code or a family with `rows` or with an example are left out.
    """
    if spec.split == VALIDATION:
        raise ToileError(
            "choose_prompt",
            "needs validation rows that are not evaluated, but the split is validation",
            "evaluate another split, or name the protocol",
        )
    asked = replace(
        spec,
        split=VALIDATION,
        protocols=FREE_TEXT_PROTOCOLS,
        controls=(),
        limit=spec.validation_limit,
        choose_prompt=False,
    )
    found = read_rows(rows.folder, asked, quiet=quiet)
    codes = {product.product_code for product in rows.products}
    families = {product.family for product in (*rows.products, *dataset_stats.examples)}
    products = tuple(p for p in found.products if p.product_code not in codes and p.family not in families)
    if not products:
        raise ToileError(
            str(rows.folder),
            f"has no validation row to choose a prompt on: {found.num_rows} rows, {len(found.skipped)} skipped",
            "name the protocol instead, or generate more rows",
        )
    chosen_by = replace(found, products=products)
    predictions = predict(
        model, chosen_by, path, asked, dataset_stats=dataset_stats, ranks=ranks, quiet=quiet, what="choosing a prompt"
    )
    best = max(
        FREE_TEXT_PROTOCOLS, key=lambda protocol: _num_right(protocol, products, predictions, spec, dataset_stats)
    )
    return Choice(protocol=best, products=products, predictions=tuple(predictions))


def _num_right(
    protocol: str,
    products: Sequence[Product],
    predictions: Sequence[Prediction],
    spec: EvaluationSpec,
    dataset_stats: DatasetStats,
) -> int:
    """Count the right categories, titles and prices; every protocol was asked about the same rows."""
    answers = [prediction for prediction in predictions if prediction.protocol == protocol]
    scored = score_answers(products, answers, spec, dataset_stats.categories)
    return sum(outcome.right(field) for outcome in scored for field in FIELDS)


MAX_IDS_SHOWN = 256
"""Token ids of the first question of a protocol that a result lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What an evaluation scores."""

    spec: EvaluationSpec
    """As given, with the chosen protocol among its protocols."""
    predictions: tuple[Prediction, ...]
    """About the evaluated rows, in the order of protocols, controls, rows."""
    choice: Choice | None
    """None unless the spec asks for it."""
    prompts: tuple[Prompt, ...]
    notes: tuple[str, ...]
    """What a reader must know about the questions."""

    @property
    def methods(self) -> dict[str, str]:
        """How the model was asked, by protocol, and how the prompt was chosen."""
        asked = (*self.spec.protocols, *(FREE_TEXT_PROTOCOLS if self.choice else ()))
        chosen = {"chosen": CHOICE_METHOD} if self.choice else {}
        return {protocol: text for protocol, text in PROTOCOL_METHODS.items() if protocol in asked} | chosen


def answer(
    model: VisionModel,
    rows: Rows,
    path: Path,
    spec: EvaluationSpec,
    *,
    ranks: Ranks = Ranks(),
    quiet: bool = False,
) -> Answers:
    """Ask everything that `spec` says and append each answer to `path`; what is there already is not asked again.

    Raises ToileError before anything runs where model or data cannot serve one of the protocols.
    """
    check_model_supports(model, spec)
    wanted = (*spec.protocols, *(FREE_TEXT_PROTOCOLS if spec.choose_prompt else ()))
    dataset_stats = read_dataset_stats(rows.folder, spec) if needs_dataset_stats(wanted) else None
    choice = None
    if dataset_stats is not None:
        check_supported(dataset_stats, wanted, rows.folder)
        if spec.choose_prompt:
            choice = choose_prompt(model, rows, path, spec, dataset_stats, ranks=ranks, quiet=quiet)
            spec = replace(spec, protocols=add_protocol(spec, choice.protocol))
    predictions = predict(model, rows, path, spec, dataset_stats=dataset_stats, ranks=ranks, quiet=quiet)
    return Answers(
        spec=spec,
        predictions=tuple(predictions),
        choice=choice,
        prompts=record_prompts(model, rows, predictions, spec, dataset_stats),
        notes=(*_price_notes(spec, dataset_stats), *getattr(model, "notes", ())),
    )


def record_prompts(
    model: VisionModel,
    rows: Rows,
    predictions: Sequence[Prediction],
    spec: EvaluationSpec,
    dataset_stats: DatasetStats | None,
) -> tuple[Prompt, ...]:
    """Return for each protocol the question about the first row, with its own image."""
    first = rows.products[0]
    found = []
    for protocol in spec.protocols:
        key = (first.product_code, protocol, "none")
        prefix = next(prediction.prefix for prediction in predictions if prediction.key == key) or ""
        prompt = make_prompt(protocol, dataset_stats)
        text = (model.prompt_text(prompt) if isinstance(model, TemplatedModel) else prompt) + prefix
        ids = (
            model.token_ids(decode_image(first, rows.folder), prompt, prefix) if isinstance(model, TokenModel) else None
        )
        found.append(
            Prompt(
                protocol=protocol,
                text=text,
                sha256=text_sha256(text),
                token_ids_head=None if ids is None else tuple(_collapse_image_positions(ids)[:MAX_IDS_SHOWN]),
                token_ids_sha256=None if ids is None else text_sha256(json.dumps(ids, separators=(",", ":"))),
            )
        )
    return tuple(found)


def _price_notes(spec: EvaluationSpec, dataset_stats: DatasetStats | None) -> tuple[str, ...]:
    if (
        dataset_stats is None
        or "price" not in spec.protocols
        or dataset_stats.num_prices == len(dataset_stats.price_points)
    ):
        return ()
    points = len(dataset_stats.price_points)
    return (f"protocol price uses {points} of the {dataset_stats.num_prices} distinct prices of the train rows",)


def _collapse_image_positions(ids: Sequence[int]) -> list[int]:
    """Replace every run of one negative id by a single one."""
    return [
        token for value, run in itertools.groupby(ids) for token in (itertools.islice(run, 1) if value < 0 else run)
    ]
