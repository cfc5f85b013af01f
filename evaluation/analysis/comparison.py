"""Two evaluation folders of the same rows: paired differences, written as `comparison.json` with its page."""

from collections.abc import Sequence
from pathlib import Path

from evaluation.analysis import format_share
from evaluation.analysis.differences import METHODS, against_baselines, differences
from evaluation.metrics import metrics
from evaluation.metrics.slices import headline, pooled
from evaluation.report.pairing import Evaluated, evidence_of_pair, read_evaluated, refuse_unpaired
from evaluation.report.write import comparison_page
from evaluation.run_dir import REPORT, find_data, prepare_comparison, relative, write_text
from schemas.errors import ToileError
from schemas.manifest import versions
from schemas.prediction import PREDICTIONS
from schemas.result import (
    Comparison,
    Result,
    Side,
    as_written,
    identity_document,
    read_comparison,
    write_comparison,
)
from schemas.util.files import file_sha256


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
    evidence = evidence_of_pair(sides, spec, folder)
    products, habits, touched = evidence.products, evidence.habits, set(evidence.touched)
    first, second = evidence.outcomes()
    chosen = (sides[0].result.chosen or spec.protocol, sides[1].result.chosen or spec.protocol)
    best = chosen if sides[0].result.chosen or sides[1].result.chosen else None
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
    results = (sides[0].result, sides[1].result)
    write_text(out / REPORT, comparison_page(comparison, results, products, (first, second), folder, evidence))
    write_comparison(out, comparison)
    return comparison


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
