"""Audit the privacy and fidelity of a synthetic catalog against a real one. The entry point is `run.audit`.

This module has what every check returns: `Findings` with one `Check` a question.

To add a privacy check of rows, write a function in `privacy.py` that returns `Findings`, and add it to `check_rows`.
Checks of the spec go into `check_spec`, checks of images into `images.check_images`. Its statistic belongs to the
module of its kind: `verbatim`, `copies`, `membership` (replay and membership inference), `refits` or `images`. Give it
the same figure of real against real as control, a bound in `schemas.audit.Bounds`, and a planted leak in
`tests/generator/audit/test_audit_copies.py` or `test_audit_privacy.py`. A statistical test states its smallest
detectable leak through `decide`. `python -m benchmarks.audit_power` measures what is detected, and the false alarms.

To add a fidelity figure, write a function of two samples in `fidelity.py`, add it to `fidelity.FIGURES`, and give it a
margin in `schemas.audit.MARGINS` and a change that fails it in `tests/generator/audit/test_audit_fidelity.py`. Its
bound comes from random halves of the real rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from schemas.audit import PRIVACY, Check, Diagnostic, Hit

MAX_HITS = 50
"""Largest number of hits that an audit lists for each check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The results of one part of an audit; `+` joins parts."""

    checks: Sequence[Check] = ()
    diagnostics: Sequence[Diagnostic] = ()
    hits: Sequence[Hit] = ()
    roc: tuple[tuple[float, float], ...] = ()
    """ROC curve of the best membership attack: false and true positive rates."""

    def __add__(self, other: "Findings") -> "Findings":
        return Findings(
            checks=(*self.checks, *other.checks),
            diagnostics=(*self.diagnostics, *other.diagnostics),
            hits=(*self.hits, *other.hits),
            roc=self.roc or other.roc,
        )


def count_check(
    name: str, hits: Sequence[object], control: Sequence[object] | None, bound: int, text: str, **figures: float
) -> Check:
    """Return a privacy check that passes with at most `bound` hits.

    `control` are the hits of real against real, None without a control. `text` has a `{}` for their number.
    """
    return Check(
        name=name,
        kind=PRIVACY,
        value=float(len(hits)),
        real_against_real=None if control is None else float(len(control)),
        bound=float(bound),
        better="lower",
        passed=len(hits) <= bound,
        meaning=as_sentence(text.format("nothing" if control is None else len(control))),
        figures=figures,
    )


def skip_check(name: str, kind: str, why: str) -> Check:
    """Return a check that does not apply."""
    return Check(
        name=name,
        kind=kind,
        value=None,
        real_against_real=None,
        bound=None,
        better="lower",
        passed=None,
        meaning=as_sentence(why),
    )


def decide(check: Check, leak: float | None, what: str, most: float) -> Check:
    """Add the smallest detectable leak to a check; one that passes without seeing a leak of `most` is inconclusive.

    `what` names what leaks are shares of.
    """
    text = (
        f"Not even a leak of all of {what} can be detected."
        if leak is None
        else f"The smallest leak that this test detects with power 0.8 is {leak:.1%} of {what}."
    )
    if check.passed and (leak is None or leak > most):
        text += f" Above {most:.0%} the result is inconclusive."
        return replace(check, passed=None, inconclusive=True, meaning=f"{check.meaning} {text}")
    return replace(check, meaning=f"{check.meaning} {text}")


def as_sentence(text: str) -> str:
    """Return the text with a capital letter and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."
