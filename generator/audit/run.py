"""Run an audit: compare a synthetic catalog with a real one, write `audit.json` and the page `report.html`.

from generator.audit.run import audit
passed = audit(Path("data/real"), Path("data/twin"), out=Path("results/audit")).passed
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup

from generator.audit import Findings, skip_check
from generator.audit.fidelity import check_fidelity, require_sklearn
from generator.audit.images import check_images, concatenate, read_image_features
from generator.audit.privacy import Progress, check_rows, check_spec
from generator.audit.refits import list_cells, make_refit
from generator.audit.rows import AuditTable, read_extra_columns, read_real_catalog, read_synthetic
from schemas.audit import (
    AUDIT,
    FAIL,
    FIDELITY,
    INCONCLUSIVE,
    NOT_APPLICABLE,
    PASS,
    PRIVACY,
    Audit,
    Bounds,
    Check,
)
from schemas.catalog import CatalogSpec
from schemas.documents import from_dict
from schemas.manifest import read_manifest
from schemas.util.files import as_document, storage_errors, write_json
from schemas.util.pages import Plot, polyline, render_page, write_page

PAGE = "report.html"
_DISPLAY_NAMES = {
    "membership_auc": "membership (AUC)",
    "membership_tpr": "membership at 1 %",
    "identical_picture_files": "identical image files",
    "identical_pictures": "identical images",
    "copied_pictures": "copied images",
    "replayed_pictures": "replayed images",
    "off_lattice": "off price points",
    "branch_distance": "first two levels distance",
    "leaf_distance": "category distance",
    "told_apart": "classifier two-sample test (AUC)",
    "wrong_categories": "category error",
    "wrong_prices": "price error",
}
"""Names in audit.json that people read as something else."""
_STATUS_WORDS = {PASS: "ok", FAIL: "FAIL", INCONCLUSIVE: INCONCLUSIVE, NOT_APPLICABLE: "-"}
_PLOT = Plot(width=420, height=280, left=52, right=18, top=12, bottom=40)
_PRICE_STEPS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class PageData:
    """What the page shows in addition to the audit document."""

    real_prices: Sequence[float]
    """Full prices in ascending order."""
    synthetic_prices: Sequence[float]
    roc: Sequence[tuple[float, float]]
    """Of the best membership attack: false and true positive rates."""
    rendered: bool
    """Whether `toile generate` rendered the images; its renderer reads no image file."""


def audit(
    real_folder: Path | str,
    synthetic_folder: Path | str,
    *,
    out: Path | str | None = None,
    spec: CatalogSpec | None = None,
    spec_name: str | None = None,
    bounds: Bounds | None = None,
    gate: str = PRIVACY,
    num_refits: int = 8,
    progress: Progress = lambda text: None,
) -> Audit:
    """Audit the privacy and fidelity of a synthetic catalog against a real one.

    Args:
        real_folder: real catalog; its train split is what a fit may have read, the other splits are the holdout.
        synthetic_folder: catalog to audit.
        out: folder for `audit.json` and `report.html`; None writes nothing.
        spec: the spec of the synthetic catalog; None skips the checks of the spec.
        spec_name: name of the spec in the document.
        bounds: bounds of the checks; default bounds if None.
        gate: kind of checks that decide `passed`: both, privacy or fidelity.
        num_refits: number of families that are left out, one a refit.
        progress: called with a text at the start of each part.

    Raises:
        ToileError: if a folder cannot be audited, or scikit-learn is not installed.
    """
    require_sklearn()
    real_folder, synthetic_folder, out = Path(real_folder), Path(synthetic_folder), None if out is None else Path(out)
    bounds = bounds or Bounds()
    progress("reading rows")
    real, synthetic = read_real_catalog(real_folder), read_synthetic(synthetic_folder)
    progress("reading images")
    train, holdout = read_image_features(real_folder)
    images = concatenate(*read_image_features(synthetic_folder)) if len(train) else train
    progress("checking rows")
    extra, real_extra = read_extra_columns(synthetic_folder), read_extra_columns(real_folder)
    found = check_rows(real, synthetic, bounds, extra, real_extra)
    progress("comparing images")
    found += check_images(train, holdout, images, bounds)
    if spec is None:
        why = "does not apply: no spec was given (--spec)"
        names = ("string_support", "canaries", "refit_strings", "refit_shares")
        found += Findings(checks=[skip_check(name, PRIVACY, why) for name in names])
    else:
        refit = make_refit(spec, list_cells(real.table, real_extra)) if spec.provenance is not None else None
        found += check_spec(real, spec, bounds, refit, num_refits=num_refits, progress=progress)
    progress("checking fidelity")
    fidelity, categories = check_fidelity(real.table, synthetic, bounds)
    checks = (*found.checks, *fidelity)
    result = Audit(
        passed=all(check.passed is not False for check in checks if gate in ("both", check.kind)),
        gate=gate,
        real=str(real_folder),
        synthetic=str(synthetic_folder),
        spec=spec_name,
        num_members=int(real.member.sum()),
        num_holdout=int((~real.member).sum()),
        num_real=len(real.table),
        num_synthetic=len(synthetic),
        bounds=bounds,
        checks=checks,
        diagnostics=tuple(found.diagnostics),
        hits=tuple(found.hits),
        categories=tuple(categories),
    )
    if out is not None:
        data = PageData(
            real_prices=_sorted_prices(real.table),
            synthetic_prices=_sorted_prices(synthetic),
            roc=found.roc,
            rendered=read_manifest(synthetic_folder).kind == "generate",
        )
        write_audit(result, data, out)
    return result


def write_audit(audit: Audit, data: PageData, out: Path) -> None:
    """Write `audit.json` and `report.html` into a folder."""
    document = as_document(audit)
    from_dict(Audit, document, str(out / AUDIT))
    with storage_errors(out / AUDIT):
        out.mkdir(parents=True, exist_ok=True)
        write_json(out / AUDIT, document)
    write_page(out / PAGE, render_report(audit, data))


def render_report(audit: Audit, data: PageData) -> str:
    """Return the audit as one HTML page with no reference outside itself; real strings in it are escaped."""
    return render_page(
        Path(__file__).parent,
        "audit.html.j2",
        styles=("base.css.j2", "page.css.j2", "audit.css.j2"),
        audit=audit,
        verdict=summarize(audit),
        groups=[(kind, [check for check in audit.checks if check.kind == kind]) for kind in (PRIVACY, FIDELITY)],
        name=display_name,
        number=format_number,
        prices=Markup(plot_prices(data.real_prices, data.synthetic_prices)),  # made here: numbers only
        roc=Markup(plot_roc(data.roc)),
        rendered=data.rendered,
    )


def summarize(audit: Audit) -> list[str]:
    """Return the verdict in one sentence for privacy and one for fidelity."""
    return [_summarize_kind(audit, kind) for kind in (PRIVACY, FIDELITY)]


def format_checks(audit: Audit) -> list[str]:
    """Return one line a check for a terminal, failed checks first within their kind."""
    order = (FAIL, INCONCLUSIVE, PASS, NOT_APPLICABLE)
    ordered = sorted(audit.checks, key=lambda check: (check.kind == FIDELITY, order.index(check.status)))
    width = max(len(display_name(check.name)) for check in ordered)
    return [
        f"{_STATUS_WORDS[check.status]:12}  {check.kind:8}  {display_name(check.name):{width}}  "
        f"{_format_figures(check)}"
        for check in ordered
    ]


def display_name(name: str) -> str:
    """Return the name of a check as people read it."""
    return _DISPLAY_NAMES.get(name, name.replace("_", " "))


def format_number(value: float | None) -> str:
    """Format a figure with three significant digits; None as a dash."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value == int(value) and abs(value) >= 2 else f"{value:.3g}"


def plot_prices(real: Sequence[float], synthetic: Sequence[float]) -> str:
    """Plot the distribution functions of two ascending lists of prices above 0 as SVG; empty if a list is empty."""
    if not real or not synthetic:
        return ""
    low = min(_quantile(real, 0.005), _quantile(synthetic, 0.005)) / 1.1
    high = max(_quantile(real, 0.995), _quantile(synthetic, 0.995)) * 1.1
    x, y = _PLOT.x_axis(low, high, log=True), _PLOT.y_axis(0, 1)
    steps = [low * (high / low) ** (k / _PRICE_STEPS) for k in range(_PRICE_STEPS + 1)]
    curves = [
        polyline(
            [(x.position(step), y.position(bisect_right(prices, step) / len(prices))) for step in steps],
            f"curve side{side}",
        )
        for side, prices in enumerate((real, synthetic))
    ]
    labels = [(tick, f"{tick:g}") for tick in x.ticks(factors=(1, 3))]
    parts = [*_PLOT.y_ticks(y, _percents(0, 0.5, 1), grid="axis"), *_PLOT.x_ticks(x, labels), *curves]
    return _PLOT.svg("price distributions", [*parts, *_PLOT.axis_titles("full price", "share of rows up to it")])


def plot_roc(roc: Sequence[tuple[float, float]]) -> str:
    """Plot true against false positive rate as SVG, with dotted lines for guessing and for 1 % false positives."""
    if not roc:
        return ""
    x, y = _PLOT.x_axis(0, 1), _PLOT.y_axis(0, 1)
    curves = (([(0, 0), (1, 1)], "curve guess"), ([(0.01, 0), (0.01, 1)], "curve guess"), (roc, "curve side1"))
    lines = [polyline([(x.position(a), y.position(b)) for a, b in points], name) for points, name in curves]
    ticks = [*_PLOT.y_ticks(y, _percents(0, 0.5, 1), grid="axis"), *_PLOT.x_ticks(x, _percents(0, 0.25, 0.5, 0.75, 1))]
    titles = _PLOT.axis_titles("holdout identified", "train identified")
    return _PLOT.svg("ROC of the best attack", [*ticks, *lines, *titles])


def _summarize_kind(audit: Audit, kind: str) -> str:
    checks = [check for check in audit.checks if check.kind == kind and check.status != NOT_APPLICABLE]
    failed, unclear = (
        ", ".join(display_name(check.name) for check in checks if check.status == status)
        for status in (FAIL, INCONCLUSIVE)
    )
    counts = Counter(check.status for check in checks)
    decides = "" if audit.gate in ("both", kind) else " (this does not decide the exit code)"
    end = f" {counts[INCONCLUSIVE]} inconclusive, too few rows to see a leak: {unclear}." if unclear else ""
    if not failed:
        which = f"all {counts[PASS]} checks that apply and can see a small leak" if unclear else ""
        return f"{kind.capitalize()}: {which or f'all {len(checks)} checks that apply'} pass{decides}.{end}"
    return f"{kind.capitalize()}: {counts[FAIL]} of {len(checks)} checks fail{decides}: {failed}.{end}"


def _format_figures(check: Check) -> str:
    if check.value is None:
        return check.meaning
    sign = "<=" if check.better == "lower" else ">="
    control = "" if check.real_against_real is None else f", real against real {format_number(check.real_against_real)}"
    return f"{format_number(check.value)} (passes {sign} {format_number(check.bound)}{control})"


def _percents(*shares: float) -> list[tuple[float, str]]:
    return [(share, f"{share:.0%}") for share in shares]


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _sorted_prices(table: AuditTable) -> list[float]:
    return sorted(np.exp(table.log_price[~np.isnan(table.log_price)]).tolist())
