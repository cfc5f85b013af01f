"""The audit as one page: the verdict, every check beside its control and bound, what was found, two drawings."""

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from generator.audit.plots import price_curves, roc_curve
from generator.audit.run import Curves
from schemas.audit import FIDELITY, PRIVACY, Audit, Check
from schemas.util.html import render_page

_NAMES = {"told_apart": "told apart (AUC)", "membership_auc": "membership (AUC)", "membership_tpr": "membership at 1 %"}


def audit_page(audit: Audit, curves: Curves) -> str:
    """One HTML file without a reference outside itself; real strings in it are escaped."""
    return render_page(
        Path(__file__).parent,
        "audit.html.j2",
        styles=("page.css.j2", "audit.css.j2"),
        audit=audit,
        verdict=verdict(audit),
        groups=[(kind, [check for check in audit.checks if check.kind == kind]) for kind in (PRIVACY, FIDELITY)],
        name=lambda check: _NAMES.get(check.name, check.name.replace("_", " ")),
        number=number,
        prices=Markup(price_curves(curves.real_prices, curves.synthetic_prices)),  # ours: numbers only
        roc=Markup(roc_curve(curves.roc)),
        drawn=curves.drawn,
    )


def verdict(audit: Audit) -> Sequence[str]:
    """What to read first, in a few sentences."""
    return [_told(audit, kind) for kind in (PRIVACY, FIDELITY)]


def _told(audit: Audit, kind: str) -> str:
    asked = [check for check in audit.checks if check.kind == kind and check.passed is not None]
    failed = [check for check in asked if not check.passed]
    decides = "" if audit.gate in ("both", kind) else " (this does not decide the exit code)"
    if not failed:
        return f"{kind.capitalize()}: all {len(asked)} checks that apply pass{decides}."
    names = ", ".join(_NAMES.get(check.name, check.name.replace("_", " ")) for check in failed)
    return f"{kind.capitalize()}: {len(failed)} of {len(asked)} checks fail{decides}: {names}."


def number(value: float | None) -> str:
    """A figure in three significant digits; a dash for none."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value == int(value) and abs(value) >= 2 else f"{value:.3g}"


def printed(audit: Audit) -> Sequence[str]:
    """One line a check, for a terminal: failed ones first within their kind."""
    lines = []
    for check in sorted(audit.checks, key=lambda c: (c.kind == FIDELITY, c.passed is None, c.passed is True)):
        lines.append(f"{_word(check):4}  {check.kind:8}  {check.name:24}  {_figures(check)}")
    return lines


def _word(check: Check) -> str:
    return "-" if check.passed is None else "ok" if check.passed else "FAIL"


def _figures(check: Check) -> str:
    if check.value is None:
        return check.meaning
    sign = "<=" if check.better == "lower" else ">="
    control = "" if check.real_against_real is None else f", real against real {number(check.real_against_real)}"
    return f"{number(check.value)} (passes {sign} {number(check.bound)}{control})"
