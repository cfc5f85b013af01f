"""Two evaluation folders of the same rows: paired differences, written as `comparison.json` with its page."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evaluation import format_share, metrics
from evaluation.differences import METHODS, against_baselines, differences
from evaluation.folders import REPORT, file_sha256, find_data, named, prepare_comparison, relative, write_text
from evaluation.nearest import habits_of
from evaluation.reporting import comparison_page
from evaluation.rows import truths
from evaluation.scoring import outcomes
from evaluation.slices import headline, pooled
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec
from schemas.manifest import versions
from schemas.prediction import PREDICTIONS, Prediction, read_predictions
from schemas.product import Product
from schemas.result import (
    Comparison,
    Result,
    Side,
    as_written,
    identity_document,
    read_comparison,
    read_result,
    write_comparison,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """A finished evaluation as it lies on disk."""

    folder: Path
    result: Result
    predictions: tuple[Prediction, ...]
    """Sorted by protocol, control, then product code."""


def compare(base: Path, tuned: Path, out: Path, *, data: Path | None = None, force: bool = False) -> Comparison:
    """The comparison of two finished evaluation folders, written to `out` with its page.

    Differences are computed anew from both prediction files and the shards (`data` says where they lie now, if they
    moved), for every protocol that both models answered under. Other data, another way of evaluating, or another set of
    (product, control) is a ToileError. An `out` that holds this comparison already is read back; one that holds
    anything else is refused without `force`.
    """
    sides = (read_evaluated(base), read_evaluated(tuned))
    spec = refuse_unpaired(*sides)
    if finished(out, sides, force=force):
        return read_comparison(out)
    folder = find_data(base, sides[0].result, data)
    products = products_of(sides, folder)
    habits = habits_of(folder, [product for product in products if product.split == spec.split])
    first, second = (outcomes(products, side.predictions, spec, habits.categories if habits else ()) for side in sides)
    chosen = (sides[0].result.chosen or spec.protocol, sides[1].result.chosen or spec.protocol)
    best = chosen if sides[0].result.chosen or sides[1].result.chosen else None
    touched = {code for side in sides for code in side.result.touched}
    rows = differences(first, second, spec, best, habits.median_price if habits else None, touched)
    comparison = as_written(
        Comparison(
            base=_side(sides[0], out),
            tuned=_side(sides[1], out),
            counts=sides[0].result.counts,
            pooled=pooled(headline(first, spec, "none"), spec.min_category_rows),
            notes=_notes(*(side.result for side in sides)),
            methods={**metrics.METHODS, **METHODS, **format_share.METHODS},
            versions={**sides[1].result.versions, **versions("numpy", "scipy")},
            scores=tuple(rows) + tuple(against_baselines(second, products, spec, habits) if habits else ()),
            format_share=format_share.format_shares(first, second, spec),
        )
    )
    scores = (sides[0].result.scores, sides[1].result.scores)
    write_text(out / REPORT, comparison_page(comparison, scores, products, (first, second), folder))
    write_comparison(out, comparison)
    return comparison


def read_evaluated(folder: Path) -> Evaluated:
    """A finished evaluation folder; an unfinished one is a ToileError."""
    result = read_result(folder)
    predictions = read_predictions(folder / PREDICTIONS)
    if not predictions:
        raise ToileError(str(folder / PREDICTIONS), "holds no prediction", "evaluate again with --force")
    ordered = sorted(predictions, key=lambda p: (p.protocol, p.control, p.product_code))
    return Evaluated(folder=folder, result=result, predictions=tuple(ordered))


def products_of(sides: Sequence[Evaluated], folder: Path) -> list[Product]:
    """The rows that any side was asked about, without pictures; validation rows too, where a prompt was chosen."""
    codes: dict[str, set[str]] = {}
    for prediction in (prediction for side in sides for prediction in side.predictions):
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


def finished(out: Path, sides: Sequence[Evaluated], *, force: bool) -> bool:
    """True when `out` holds the comparison of exactly these predictions; any other contents are a ToileError."""
    if not prepare_comparison(out, force=force):
        return False
    there = read_comparison(out)
    if [_fingerprint(there.base), _fingerprint(there.tuned)] != [_fingerprint(_side(side, out)) for side in sides]:
        raise ToileError(str(out), "holds another comparison", "choose a new folder, or give --force to replace it")
    return True


def _notes(base: Result, tuned: Result) -> tuple[str, ...]:
    names = sorted(set(base.versions) | set(tuned.versions))
    differing = [name for name in names if base.versions.get(name) != tuned.versions.get(name)]
    told = [f"base and tuned were run with another {', '.join(differing)}"] if differing else []
    if (base.device, base.dtype) != (tuned.device, tuned.dtype):
        told.append(f"base was run on {base.device} in {base.dtype}, tuned on {tuned.device} in {tuned.dtype}")
    return tuple(dict.fromkeys([*base.notes, *tuned.notes, *told]))


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


def _side(side: Evaluated, out: Path) -> Side:
    return Side(
        inputs=side.result.inputs,
        chosen=side.result.chosen,
        from_here=relative(side.folder, out),
        predictions_sha256=file_sha256(side.folder / PREDICTIONS),
        uses_picture=side.result.uses_picture,
        verdict=side.result.verdict,
    )


def _fingerprint(side: Side) -> tuple[object, ...]:
    return (side.predictions_sha256, identity_document(side.inputs))
