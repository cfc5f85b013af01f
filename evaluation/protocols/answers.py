"""All that is asked of a model in one evaluation: a prompt chosen where that is wanted, then the rows."""

import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evaluation.dataset_stats import Facts, read_facts, require
from evaluation.metrics.scoring import FIELDS, outcomes
from evaluation.models.base import TokenModel, VisionModel
from evaluation.protocols.generate import predict
from evaluation.protocols.protocols import CHOICE, FREE_TEXT, METHODS, check, needs_facts, prompt_of, with_protocol
from evaluation.rows import Rows, decoded, read_rows
from evaluation.run_dir import ALONE, Ranks
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec
from schemas.prediction import Prediction
from schemas.product import Product
from schemas.result import Prompt

VALIDATION = "validation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The prompt that did best on validation rows, and what it was chosen by."""

    protocol: str
    products: tuple[Product, ...]
    """The validation rows, images and all."""
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


IDS_SHOWN = 256
"""Of the first question of a protocol."""


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
        """How was asked, by protocol, and how the prompt was chosen."""
        asked = (*self.spec.protocols, *(FREE_TEXT if self.choice else ()))
        chosen = {"chosen": CHOICE} if self.choice else {}
        return {protocol: text for protocol, text in METHODS.items() if protocol in asked} | chosen


def answer(
    model: VisionModel,
    rows: Rows,
    path: Path,
    spec: EvaluationSpec,
    *,
    ranks: Ranks = ALONE,
    quiet: bool = False,
) -> Answers:
    """Ask everything that `spec` says, writing each answer to `path`; what is there already is not asked again.

    Raises ToileError before anything runs where model or data cannot serve one of the protocols.
    """
    check(model, spec)
    wanted = (*spec.protocols, *(FREE_TEXT if spec.choose_prompt else ()))
    facts = read_facts(rows.folder, spec) if needs_facts(wanted) else None
    choice = None
    if facts is not None:
        require(facts, wanted, rows.folder)
        if spec.choose_prompt:
            choice = choose(model, rows, path, spec, facts, ranks=ranks, quiet=quiet)
            spec = replace(spec, protocols=with_protocol(spec, choice.protocol))
    predictions = predict(model, rows, path, spec, facts=facts, ranks=ranks, quiet=quiet)
    return Answers(
        spec=spec,
        predictions=tuple(predictions),
        choice=choice,
        prompts=prompts_asked(model, rows, predictions, spec, facts),
        notes=_notes(spec, facts),
    )


def prompts_asked(
    model: VisionModel, rows: Rows, predictions: Sequence[Prediction], spec: EvaluationSpec, facts: Facts | None
) -> tuple[Prompt, ...]:
    """For each protocol the question about the first row, with its own image."""
    first = rows.products[0]
    found = []
    for protocol in spec.protocols:
        key = (first.product_code, protocol, "none")
        prefix = next(prediction.prefix for prediction in predictions if prediction.key == key) or ""
        prompt = prompt_of(protocol, facts)
        ids = model.token_ids(decoded(first, rows.folder), prompt, prefix) if isinstance(model, TokenModel) else None
        found.append(
            Prompt(
                protocol=protocol,
                text=prompt + prefix,
                sha256=_sha256(prompt + prefix),
                token_ids_head=None if ids is None else tuple(_without_repeated_positions(ids)[:IDS_SHOWN]),
                token_ids_sha256=None if ids is None else _sha256(json.dumps(ids, separators=(",", ":"))),
            )
        )
    return tuple(found)


def _notes(spec: EvaluationSpec, facts: Facts | None) -> tuple[str, ...]:
    if facts is None or "price" not in spec.protocols or facts.num_prices == len(facts.price_points):
        return ()
    points = len(facts.price_points)
    return (f"price weighs {points} of the {facts.num_prices} distinct prices of the train rows",)


def _without_repeated_positions(ids: Sequence[int]) -> list[int]:
    """Every run of one and the same negative id shrunk to a single one."""
    return [
        token for value, run in itertools.groupby(ids) for token in (itertools.islice(run, 1) if value < 0 else run)
    ]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
