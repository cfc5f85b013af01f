"""Finished evaluation folders, one or two, and the evidence that their figures follow from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evaluation.metrics.nearest import habits_of
from evaluation.protocols.protocols import with_protocol
from evaluation.report.evidence import Evidence, evidence_of
from evaluation.rows import truths
from evaluation.run_dir import named
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec
from schemas.prediction import PREDICTIONS, Prediction, read_predictions
from schemas.product import Product
from schemas.result import Result, identity_document, read_result


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """A finished evaluation as it lies on disk."""

    folder: Path
    result: Result
    predictions: tuple[Prediction, ...]
    """Sorted by protocol, control, then product code."""


def evidence_of_one(folder: Path, shards: Path) -> Evidence:
    """Everything behind one result; `shards` is the data folder."""
    result = read_result(folder)
    predictions = read_predictions(folder / PREDICTIONS)
    spec = result.inputs.spec
    if result.chosen:
        spec = replace(spec, protocols=with_protocol(spec, result.chosen))
    products = _products_of([predictions], shards)
    return _evidence(spec, products, [predictions], result.touched, shards)


def evidence_of_pair(sides: Sequence[Evaluated], spec: EvaluationSpec, shards: Path) -> Evidence:
    """Everything behind a comparison; `spec` is what `refuse_unpaired` returned."""
    predictions = [side.predictions for side in sides]
    touched = sorted({code for side in sides for code in side.result.touched})
    return _evidence(spec, _products_of(predictions, shards), predictions, touched, shards)


def _evidence(
    spec: EvaluationSpec,
    products: Sequence[Product],
    sides: Sequence[Sequence[Prediction]],
    touched: Sequence[str],
    shards: Path,
) -> Evidence:
    habits = habits_of(shards, [product for product in products if product.split == spec.split])
    return evidence_of(spec, products, sides, habits, touched)


def read_evaluated(folder: Path) -> Evaluated:
    """A finished evaluation folder; an unfinished one is a ToileError."""
    result = read_result(folder)
    predictions = read_predictions(folder / PREDICTIONS)
    if not predictions:
        raise ToileError(str(folder / PREDICTIONS), "holds no prediction", "evaluate again with --force")
    ordered = sorted(predictions, key=lambda p: (p.protocol, p.control, p.product_code))
    return Evaluated(folder=folder, result=result, predictions=tuple(ordered))


def _products_of(sides: Sequence[Sequence[Prediction]], folder: Path) -> list[Product]:
    """The rows that any side was asked about, without pictures; validation rows too, where a prompt was chosen."""
    codes: dict[str, set[str]] = {}
    for prediction in (prediction for side in sides for prediction in side):
        codes.setdefault(prediction.split, set()).add(prediction.product_code)
    return [product for split in sorted(codes) for product in truths(folder, split, codes[split])]


def refuse_unpaired(base: Evaluated, tuned: Evaluated) -> EvaluationSpec:
    """Raise a ToileError unless both answer the same questions about the same rows, judged in the same way.

    They need one protocol in common. Returned is the way of judging, with the protocols that both have.
    """
    ours, theirs = (_question(side.result) for side in (base, tuned))
    differing = sorted(key for key in ours if ours[key] != theirs[key])
    if differing:
        raise ToileError(
            str(tuned.folder),
            f"was evaluated with another {named(differing)} than {base.folder}",
            "evaluate both models on the same data in the same way",
        )
    spec = base.result.inputs.spec
    protocols = _answered(base, spec.split)
    shared = tuple(protocol for protocol in protocols if protocol in _answered(tuned, spec.split))
    if not shared:
        raise ToileError(
            str(tuned.folder),
            f"was asked under no protocol that {base.folder} was asked under",
            "evaluate both models with one protocol in common",
        )
    missing = _keys(base, shared, spec.split) ^ _keys(tuned, shared, spec.split)
    if missing:
        code, protocol, control = min(missing)
        raise ToileError(
            str(tuned.folder),
            f"answers other rows than {base.folder}: {len(missing)} have no partner, "
            f"such as product {code} ({protocol}, control {control})",
            "evaluate both models on the same rows",
        )
    return replace(spec, protocols=shared)


def _question(result: Result) -> dict[str, object]:
    document = identity_document(result.inputs)
    of_model = ("model", "model_sha256", "adapter_sha256", "server")
    of_asking = ("protocols", "choose_prompt", "validation_limit")
    return {
        name: value for name, value in {**document.pop("spec"), **document}.items() if name not in of_model + of_asking
    }


def _answered(side: Evaluated, split: str) -> list[str]:
    """The protocols under which rows of the split were answered, the headline first."""
    found = {prediction.protocol for prediction in side.predictions if prediction.split == split}
    ordered = [protocol for protocol in side.result.inputs.spec.protocols if protocol in found]
    return [*ordered, *sorted(found - set(ordered))]


def _keys(side: Evaluated, protocols: Sequence[str], split: str) -> set[tuple[str, str, str]]:
    return {p.key for p in side.predictions if p.protocol in protocols and p.split == split}
