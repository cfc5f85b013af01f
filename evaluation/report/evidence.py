"""Evidence in a page: the rows without images, the answers and the baselines from which all its figures follow.

The page holds it compressed. `toile report rescore PAGE` scores the answers again and compares every figure with the
one in the page. So a figure that was changed afterwards, or that today's scoring would not give, is found without the
data. A page is untrusted input: sizes are bounded and documents are checked.
"""

import base64
import binascii
import dataclasses
import gzip
import json
import math
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Len

from evaluation.metrics.baselines import TrainingFrequencies, fit_baselines
from evaluation.metrics.differences import compare_with_baselines, compute_differences
from evaluation.metrics.scores import compute_scores
from evaluation.metrics.scoring import Outcome, score_answers
from evaluation.protocols.protocols import add_protocol
from evaluation.rows import ground_truth
from evaluation.run_dir import format_keys
from schemas.documents import from_dict
from schemas.errors import ToileError
from schemas.evaluation import PREDICTIONS, EvaluationSpec, Prediction, read_predictions
from schemas.product import Product
from schemas.result import Comparison, Result, document_of, identity_document, read_result

EMBEDDED = re.compile(r'<script type="application/json" id="toile">(.*?)</script>', re.DOTALL)
PACKED = re.compile(r'<script type="application/gzip\+base64" id="evidence">([A-Za-z0-9+/=\s]*)</script>')
MAX_EVIDENCE_BYTES = 500_000_000
"""Upper bound of unpacked evidence; a larger one is refused."""
TOLERANCE = 1e-5
"""Relative; figures are written with six digits."""
_LISTED = 5
_SCORED_ATTRIBUTES = ("silhouette", "presentation", "material", "pattern", "quilting", "choices")
"""Attributes of a synthetic row that say whether a title names what its image shows (`evaluation.metrics.titles`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that the figures of a page follow from; made by `make_evidence`, which fixes the order."""

    spec: EvaluationSpec
    """How answers are scored, with the protocols that were asked."""
    products: Sequence[Product]
    sides: Annotated[Sequence[Sequence[Prediction]], Len(1, 2)]
    """The answers of one model, or of two."""
    habits: TrainingFrequencies | None
    touched: Sequence[str]
    """Codes of rows that training has met."""

    def outcomes(self) -> list[list[Outcome]]:
        """Score every side's answers."""
        categories = self.habits.categories if self.habits else ()
        return [score_answers(self.products, side, self.spec, categories) for side in self.sides]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescored:
    """How the figures of a page compare with recomputed ones."""

    num_figures: int
    differing: tuple[str, ...]
    """Names of the figures that differ."""


def make_evidence(
    spec: EvaluationSpec,
    products: Iterable[Product],
    sides: Iterable[Iterable[Prediction]],
    frequencies: TrainingFrequencies | None,
    touched: Iterable[str],
) -> Evidence:
    """Sort by product code: resampling numbers families in order of appearance, which affects the fifth digit."""
    return Evidence(
        spec=spec,
        products=sorted(products, key=lambda product: product.product_code),
        sides=[sorted(side, key=lambda p: (p.protocol, p.control, p.product_code)) for side in sides],
        habits=frequencies,
        touched=sorted(touched),
    )


def pack_evidence(evidence: Evidence) -> str:
    """Return the evidence as base64 text for a script element."""
    document = {
        "spec": dataclasses.asdict(evidence.spec),
        "products": [scored_fields(dataclasses.replace(product, image=None)) for product in evidence.products],
        "sides": [[_prediction_fields(prediction) for prediction in side] for side in evidence.sides],
        "habits": None if evidence.habits is None else dataclasses.asdict(evidence.habits),
        "touched": evidence.touched,
    }
    text = json.dumps(document, separators=(",", ":"), sort_keys=True)
    return base64.b64encode(gzip.compress(text.encode("ascii"), mtime=0)).decode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationFolder:
    """A finished evaluation folder."""

    folder: Path
    result: Result
    predictions: tuple[Prediction, ...]
    """Sorted by protocol, control, then product code."""


def read_evidence(folder: Path, shards: Path) -> Evidence:
    """Read everything behind one result; `shards` is the catalog folder."""
    result = read_result(folder)
    predictions = read_predictions(folder / PREDICTIONS)
    spec = result.inputs.spec
    if result.chosen:
        spec = replace(spec, protocols=add_protocol(spec, result.chosen))
    products = _read_products([predictions], shards)
    return _fit_evidence(spec, products, [predictions], result.touched, shards)


def read_paired_evidence(sides: Sequence[EvaluationFolder], spec: EvaluationSpec, shards: Path) -> Evidence:
    """Read everything behind a comparison; `spec` is what `refuse_unpaired` returned."""
    predictions = [side.predictions for side in sides]
    touched = sorted({code for side in sides for code in side.result.touched})
    return _fit_evidence(spec, _read_products(predictions, shards), predictions, touched, shards)


def _fit_evidence(
    spec: EvaluationSpec,
    products: Sequence[Product],
    sides: Annotated[Sequence[Sequence[Prediction]], Len(1, 2)],
    touched: Sequence[str],
    shards: Path,
) -> Evidence:
    frequencies = fit_baselines(shards, [product for product in products if product.split == spec.split])
    return make_evidence(spec, products, sides, frequencies, touched)


def read_evaluation(folder: Path) -> EvaluationFolder:
    """Read a finished evaluation folder; an unfinished one is a ToileError."""
    result = read_result(folder)
    predictions = read_predictions(folder / PREDICTIONS)
    if not predictions:
        raise ToileError(str(folder / PREDICTIONS), "contains no prediction", "evaluate again with --force")
    ordered = sorted(predictions, key=lambda p: (p.protocol, p.control, p.product_code))
    return EvaluationFolder(folder=folder, result=result, predictions=tuple(ordered))


def _read_products(sides: Sequence[Sequence[Prediction]], folder: Path) -> list[Product]:
    """Read the rows that any side was asked about, without images; also validation rows that chose a prompt."""
    codes: dict[str, set[str]] = {}
    for prediction in (prediction for side in sides for prediction in side):
        codes.setdefault(prediction.split, set()).add(prediction.product_code)
    return [product for split in sorted(codes) for product in ground_truth(folder, split, codes[split])]


def refuse_unpaired(base: EvaluationFolder, tuned: EvaluationFolder) -> EvaluationSpec:
    """Raise a ToileError unless both answer the same questions about the same rows, scored in the same way.

    They need one protocol in common. Returns the common spec, with the protocols and controls that both have. Where one
    side's answers come from files, a control that it has for other rows is left out.
    """
    ours, theirs = (_pairing_key(side.result) for side in (base, tuned))
    from_files = bool(base.result.inputs.answers or tuned.result.inputs.answers)
    if from_files:
        del ours["prompt"], theirs["prompt"]
    differing = sorted(key for key in ours if ours[key] != theirs[key])
    if differing:
        raise ToileError(
            str(tuned.folder),
            f"was evaluated with another {format_keys(differing)} than {base.folder}",
            "evaluate both models on the same data in the same way",
        )
    spec = base.result.inputs.spec
    protocols = _answered_protocols(base, spec.split)
    shared = tuple(protocol for protocol in protocols if protocol in _answered_protocols(tuned, spec.split))
    if not shared:
        raise ToileError(
            str(tuned.folder),
            f"has no protocol in common with {base.folder}",
            "evaluate both models with one protocol in common",
        )
    both = set(base.result.inputs.spec.controls) & set(tuned.result.inputs.spec.controls)
    controls = tuple(control for control in spec.controls if control in both)
    pairs = [_prediction_keys(side, shared, controls, spec.split) for side in (base, tuned)]
    missing = pairs[0] ^ pairs[1]
    if from_files:
        uneven = {control for _, _, control in missing} - {"none"}
        controls = tuple(control for control in controls if control not in uneven)
        missing = {key for key in missing if key[2] not in uneven}
    if missing:
        code, protocol, control = min(missing)
        raise ToileError(
            str(tuned.folder),
            f"answers other rows than {base.folder}: {len(missing)} have no partner, "
            f"such as product {code} ({protocol}, control {control})",
            "evaluate both models on the same rows",
        )
    return replace(spec, protocols=shared, controls=controls)


def _pairing_key(result: Result) -> dict[str, object]:
    document = identity_document(result.inputs)
    of_model = ("model", "model_sha256", "adapter_sha256", "server", "answers_sha256", "columns")
    of_asking = ("protocols", "controls", "choose_prompt", "validation_limit", "max_new_tokens")
    return {
        name: value for name, value in {**document.pop("spec"), **document}.items() if name not in of_model + of_asking
    }


def _answered_protocols(side: EvaluationFolder, split: str) -> list[str]:
    """Return the protocols under which rows of the split were answered, the headline first."""
    found = {prediction.protocol for prediction in side.predictions if prediction.split == split}
    ordered = [protocol for protocol in side.result.inputs.spec.protocols if protocol in found]
    return [*ordered, *sorted(found - set(ordered))]


def _prediction_keys(
    side: EvaluationFolder, protocols: Sequence[str], controls: Sequence[str], split: str
) -> set[tuple[str, str, str]]:
    return {
        p.key
        for p in side.predictions
        if p.protocol in protocols and p.split == split and p.control in ("none", *controls)
    }


def rescore(page: Path, *, max_bytes: int = MAX_EVIDENCE_BYTES) -> Rescored:
    """Recompute all figures of a page from the answers in it and compare them.

    Raises ToileError for a file that is no page, is damaged, or whose evidence is larger than `max_bytes` when
    unpacked.
    """
    document, evidence = _read_page(page, max_bytes)
    scored = evidence.outcomes()
    if len(evidence.sides) == 1:
        shown: Any = from_dict(Result, document, f"{page}: figures")
        found: Any = compute_scores(scored[0], evidence.products, evidence.spec, evidence.habits, set(evidence.touched))
    else:
        comparison = shown = from_dict(Comparison, document, f"{page}: figures")
        chosen = tuple(side.chosen or evidence.spec.protocol for side in (comparison.base, comparison.tuned))
        best = (chosen[0], chosen[1]) if comparison.base.chosen or comparison.tuned.chosen else None
        price = evidence.habits.median_price if evidence.habits else None
        found = list(compute_differences(scored[0], scored[1], evidence.spec, best, price, set(evidence.touched)))
        if evidence.habits:
            found += compare_with_baselines(scored[1], evidence.products, evidence.spec, evidence.habits)
    return _compare_figures(document_of(shown.scores), document_of(found))


def refuse_differing(page: Path, found: Rescored) -> None:
    """Raise a ToileError that names the figures which the page's own answers do not give."""
    if found.differing:
        more = f" and {len(found.differing) - _LISTED} more" if found.differing[_LISTED:] else ""
        named = "; ".join(found.differing[:_LISTED]) + more
        hint = "the page was changed, or made by another version: write it again with `toile report DIR`"
        raise ToileError(str(page), f"shows other figures than its answers give: {named}", hint)


def _compare_figures(shown: list[dict[str, Any]], found: list[dict[str, Any]]) -> Rescored:
    ours, theirs = ({_figure_name(row): row for row in rows} for rows in (found, shown))
    differing = [place for place in {**theirs, **ours} if not _is_same_figure(theirs.get(place), ours.get(place))]
    return Rescored(num_figures=len(ours), differing=tuple(differing))


def _figure_name(row: dict[str, Any]) -> str:
    names = ("baseline", "protocol", "split", "control", "rows", "category", "metric")
    return " / ".join(str(row[name]) for name in names if row.get(name) is not None)


def _is_same_figure(one: dict[str, Any] | None, other: dict[str, Any] | None) -> bool:
    if one is None or other is None or one.keys() != other.keys():
        return False
    return all(_is_close(one[name], other[name]) for name in one)


def _is_close(one: Any, other: Any) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float) and not isinstance(one, bool):
        return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=1e-9)
    return bool(one == other)


def _read_page(page: Path, max_bytes: int) -> tuple[dict[str, Any], Evidence]:
    try:
        text = page.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ToileError(
            str(page), f"cannot be read: {error}", "give the report.html of a result or comparison"
        ) from error
    shown, packed = EMBEDDED.search(text), PACKED.search(text)
    if shown is None or packed is None:
        hint = "give the report.html of a result or comparison; `toile report DIR` writes an old one again"
        raise ToileError(str(page), "contains no figures and answers", hint)
    try:
        document = json.loads(shown[1])
        unpacked = json.loads(_decompress(base64.b64decode(packed[1], validate=False), max_bytes))
    except (ValueError, binascii.Error, zlib.error) as error:
        raise ToileError(str(page), f"is damaged: {error}", "write it again with `toile report DIR`") from error
    return document, from_dict(Evidence, unpacked, f"{page}: evidence")


def _decompress(packed: bytes, max_bytes: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    content = unpacker.decompress(packed, max_bytes)
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise ValueError("the answers are truncated or too large")
    return content


def scored_fields(product: Product) -> dict[str, Any]:
    """Return a product without missing values and without what no figure uses."""
    names = ("product_code", "family", "split", "source", "inferable", "title", "category3_code", "full_price")
    attributes = {name: value for name, value in (product.attributes or {}).items() if name in _SCORED_ATTRIBUTES}
    return {**{name: getattr(product, name) for name in names}, "attributes": attributes or None}


def _prediction_fields(prediction: Prediction) -> dict[str, Any]:
    """Return a prediction without log-probabilities: the ranking is what is scored."""
    kept = {**dataclasses.asdict(prediction), "log_probs": None}
    always = {"shown"}
    return {name: value for name, value in kept.items() if value is not None or name in always}
