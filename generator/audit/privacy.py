"""The privacy checks of an audit: verbatim ledger, replay, membership inference, refits, canaries. Each with its
control.

The control, real against real, treats one half of the real train families as if it were the synthetic catalog and asks
the same question about the other half and the holdout: whatever that gives is what no leak looks like.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from generator.audit import membership, refits, replay
from generator.audit import verbatim as ledger
from generator.audit.rarity import rare, surprise
from generator.audit.record_distance import Surroundings, by_family, surroundings
from generator.audit.rows import Mask, Real, Rows, distinct
from schemas.audit import PRIVACY, Bounds, Check, Diagnostic, Hit
from schemas.catalog import CatalogSpec
from schemas.util.stats import holm

Progress = Callable[[str], None]
MOST_HITS = 50
_REPLAYED = {
    "replayed_titles": "titles that a single real family bears and that come back",
    "replayed_rows": "whole rows (title, categories, both prices) that come back",
    "replayed_near_rows": "rows that come back with the same title words and a price within 2 %",
    "replayed_rare_rows": "the rarest families' whole rows that come back",
    "replayed_rare_near_rows": "the rarest families' rows that come back with the same words and a price within 2 %",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What one part of an audit found."""

    checks: Sequence[Check] = ()
    diagnostics: Sequence[Diagnostic] = ()
    hits: Sequence[Hit] = ()
    roc: tuple[tuple[float, float], ...] = ()
    """Of the best attack."""

    def __add__(self, other: "Findings") -> "Findings":
        return Findings(
            checks=(*self.checks, *other.checks),
            diagnostics=(*self.diagnostics, *other.diagnostics),
            hits=(*self.hits, *other.hits),
            roc=self.roc or other.roc,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """A release, and the real families it is held against."""

    real: Real
    kept: Mask
    rare: Mask
    released: Surroundings
    reference: Surroundings
    release: Rows

    @property
    def excesses(self) -> list[replay.Excess]:
        return replay.excesses(self.real, self.release, self.rare, self.kept)

    def attacks(self) -> list[membership.Attack]:
        found = membership.scores(self.real.rows, self.released, self.reference)
        member = self.real.member[self.kept]
        return [membership.attack(name, score[self.kept], member, level=0.95) for name, score in found.items()]


def rows_privacy(real: Real, synthetic: Rows, bounds: Bounds) -> Findings:
    """Everything that rows alone can tell: ledger, replay and membership inference."""
    question, control = _questions(real, synthetic)
    return (
        _ledger(real, synthetic, bounds) + _replay(question, control, bounds) + _membership(question, control, bounds)
    )


def _questions(real: Real, synthetic: Rows) -> tuple[_Question, _Question]:
    """The audit's own question and the control's: half of the members as the release, the other half as members."""
    rows = real.rows
    everyone = np.ones(rows.num_families, bool)
    reference = surroundings(rows, rows, apart=True)
    release = distinct(synthetic)
    asked = _Question(
        real=real,
        kept=everyone,
        rare=rare(rows, reference, everyone),
        released=surroundings(rows, release),
        reference=reference,
        release=release,
    )
    members = np.flatnonzero(real.member)
    shown = np.zeros(rows.num_families, bool)
    shown[np.random.default_rng(0).permutation(members)[: len(members) // 2]] = True
    half, rest = distinct(rows.of(shown)), Real(rows=rows.of(~shown), member=real.member[~shown])
    around = surroundings(rest.rows, rest.rows, apart=True)
    everyone_left = np.ones(rest.rows.num_families, bool)
    control = _Question(
        real=rest,
        kept=everyone_left,
        rare=rare(rest.rows, around, everyone_left),
        released=surroundings(rest.rows, half),
        reference=around,
        release=half,
    )
    return asked, control


def _ledger(real: Real, synthetic: Rows, bounds: Bounds) -> Findings:
    found = ledger.shared(real.rows, synthetic)
    halves = ledger.shared(real.members, real.holdout)
    most = max(bounds.hits, ledger.chance_bound(found.codes_by_chance, bounds.codes_p))
    questions: tuple[tuple[str, Sequence[Hit], Sequence[Hit], int, str], ...] = (
        (
            "shared_codes",
            *(found.codes, halves.codes, most),
            f"Product codes that are real ones; random codes would give {found.codes_by_chance:.2g}",
        ),
        (
            "verbatim_products",
            *(found.products, halves.products, bounds.hits),
            "Real product codes that bear their real title",
        ),
        (
            "verbatim_urls",
            *(found.urls, halves.urls, bounds.hits),
            "Paths of item and picture URLs that are real ones, whatever the host",
        ),
    )
    checks = [
        counted(name, hits, control, bound, f"{text}; lower is better; real train against real holdout gives {{}}")
        for name, hits, control, bound, text in questions
    ]
    listed = [hit for _, hits, *_ in questions for hit in hits[:MOST_HITS]]
    return Findings(checks=checks, hits=listed)


def counted(
    name: str, hits: Sequence[object], control: Sequence[object] | None, bound: int, text: str, **figures: float
) -> Check:
    """A check that counts; `text` has a gap for what real against real gives."""
    return Check(
        name=name,
        kind=PRIVACY,
        value=float(len(hits)),
        real_against_real=None if control is None else float(len(control)),
        bound=float(bound),
        better="lower",
        passed=len(hits) <= bound,
        meaning=sentence(text.format("nothing" if control is None else len(control))),
        figures=figures,
    )


def sentence(text: str) -> str:
    """With a full stop."""
    return f"{text[:1].upper()}{text[1:]}."


def not_asked(name: str, kind: str, why: str) -> Check:
    """A check that does not apply."""
    return Check(
        name=name,
        kind=kind,
        value=None,
        real_against_real=None,
        bound=None,
        better="lower",
        passed=None,
        meaning=sentence(why),
    )


def _replay(question: _Question, control: _Question, bounds: Bounds) -> Findings:
    tests, controls = question.excesses, control.excesses
    adjusted = holm([test.p for test in tests])
    checks = []
    for test, p, other in zip(tests, adjusted, controls, strict=True):
        leak = replay.smallest_leak(test, bounds.replay_p / len(tests))
        power = (
            "No leak among so few families could be seen."
            if leak is None
            else (
                f"The smallest leak that this test would see 4 times out of 5 is {leak:.1%} of {test.members:,} "
                "families."
            )
        )
        figures = {
            "members": float(test.members),
            "members_replayed": float(test.members_hit),
            "holdout": float(test.holdout),
            "holdout_replayed": float(test.holdout_hit),
            "member_rate": test.member_rate,
            "holdout_rate": test.holdout_rate,
            "p": test.p,
            "control_member_rate": other.member_rate,
            "control_holdout_rate": other.holdout_rate,
        }
        checks.append(
            Check(
                name=test.name,
                kind=PRIVACY,
                value=p,
                real_against_real=other.p,
                bound=bounds.replay_p,
                better="higher",
                passed=p >= bounds.replay_p,
                meaning=(
                    f"Chance of so large an excess, were nothing leaked, of {_REPLAYED[test.name]}: "
                    f"{test.member_rate:.1%} of the train families, {test.holdout_rate:.1%} of the holdout, which no "
                    "fit "
                    f"reads. Higher is better (p, adjusted for {len(tests)} tests); real against real gives "
                    f"{other.p:.2g} "
                    f"({other.member_rate:.1%} and {other.holdout_rate:.1%}). {power}"
                ),
                figures=figures if leak is None else {**figures, "smallest_leak": leak},
            )
        )
    return Findings(checks=checks)


def _membership(question: _Question, control: _Question, bounds: Bounds) -> Findings:
    attacks, others = question.attacks(), control.attacks()
    member = question.real.member
    m, h = int(member.sum()), int((~member).sum())
    level = bounds.membership_p / len(attacks)
    best, best_control = max(attacks, key=lambda a: a.auc), max(others, key=lambda a: a.auc)
    bound = 0.5 + float(stats.norm.isf(level)) * math.sqrt((m + h + 1) / (12 * m * h))
    detectable = bound + 0.84 * math.sqrt((m + h + 1) / (12 * m * h))
    sharp = min(attacks, key=lambda a: (a.tpr_p, -a.tpr))
    sharp_control = min(others, key=lambda a: (a.tpr_p, -a.tpr))
    tpr_bound = membership.chance_tpr(m, h, level)
    checks = [
        Check(
            name="membership_auc",
            kind=PRIVACY,
            value=best.auc,
            real_against_real=best_control.auc,
            bound=bound,
            better="lower",
            passed=best.auc <= bound,
            meaning=(
                f"How well the best of {len(attacks)} attacks ({best.name}) ranks train families above the holdout: "
                "AUC, "
                f"95 % interval {best.low:.3f} to {best.high:.3f}; 0.5 is guessing, lower is better; real against real "
                f"gives {best_control.auc:.3f}. With {m:,} and {h:,} families an AUC of {detectable:.3f} would be "
                "seen 4 "
                "times out of 5."
            ),
            figures={"low": best.low, "high": best.high, "detectable": detectable},
        ),
        Check(
            name="membership_tpr",
            kind=PRIVACY,
            value=sharp.tpr,
            real_against_real=sharp_control.tpr,
            bound=tpr_bound,
            better="lower",
            passed=sharp.tpr_p >= level,
            meaning=(
                f"Share of train families that the sharpest attack ({sharp.name}) names while it wrongly names at "
                "most 1 % "
                f"of the holdout; 95 % interval {sharp.tpr_low:.3f} to {sharp.tpr_high:.3f}; lower is better; real "
                "against "
                f"real gives {sharp_control.tpr:.3f}."
            ),
            figures={"low": sharp.tpr_low, "high": sharp.tpr_high, "p": sharp.tpr_p},
        ),
    ]
    return Findings(checks=checks, diagnostics=_distances(question), roc=best.roc)


def _distances(question: _Question) -> list[Diagnostic]:
    """Nearest-record distances, which are no test: copies of rare rows hardly move them."""
    nearest = -by_family(-question.released.nearest, question.real.rows)
    member = question.real.member
    found = []
    for name, share in (("nearest_record_median", 0.5), ("nearest_record_5_percent", 0.05)):
        value, other = (float(np.quantile(nearest[side], share)) for side in (member, ~member))
        found.append(
            Diagnostic(
                name=name,
                value=value,
                real_against_real=other,
                meaning=(
                    f"Distance in [0, 1] from train families to the nearest synthetic row, quantile {share:g}; the "
                    "holdout "
                    f"gives {other:.3f}. No test: a table with its 50 rarest rows copied hardly changes it."
                ),
            )
        )
    return found


def spec_privacy(
    real: Real, spec: CatalogSpec, bounds: Bounds, refit: refits.Refit | None, *, num_refits: int, progress: Progress
) -> Findings:
    """What the spec itself may give away: its strings, and how it changes with single families."""
    members = real.members
    provenance = spec.provenance
    k = bounds.min_support if provenance is None else max(1, provenance.min_support)
    rare_strings, num_real = ledger.too_rare(spec, members, real.holdout, k, ledger.public_words())
    strings = counted(
        "string_support",
        rare_strings,
        None,
        bounds.hits,
        f"Strings that the spec may emit and real rows hold, but fewer than {k} train families, public words apart; "
        f"{num_real} of its strings are in real rows at all; lower is better; real against real would give {{}}",
        real_strings=float(num_real),
        min_support=float(k),
    )
    found = Findings(checks=[strings], hits=rare_strings[:MOST_HITS])
    if refit is None or provenance is None:
        why = "the spec was not fitted to rows (it has no provenance), so there is nothing to fit again"
        return found + Findings(
            checks=[not_asked(name, PRIVACY, why) for name in ("refit_strings", "refit_shares", "canaries")]
        )
    progress("refitting with canaries")
    canaries, planted = refits.canaries_in(refit, members)
    found += Findings(
        checks=[
            counted(
                "canaries",
                canaries,
                None,
                bounds.hits,
                f"Words of {planted} made-up families, one each, that a fit of the real rows with them lets through; "
                "lower is "
                "better; there is {} to compare with, as no real row holds them",
                planted=float(planted),
            )
        ],
        hits=canaries,
    )
    if provenance.private:
        why = (
            "not asked of a spec with noise: one family more or less drowns in it, and the bound is the epsilon of its "
            f"ledger ({provenance.epsilon:g})"
        )
        return found + Findings(checks=[not_asked(name, PRIVACY, why) for name in ("refit_strings", "refit_shares")])
    chosen = refits.most_telling(surprise(members), min(num_refits, members.num_families))
    progress(f"refitting without each of {len(chosen)} families")
    influence = refits.leave_one_out(refit, members, chosen, k)
    return found + _influence(influence, k, bounds)


def _influence(influence: refits.Influence, k: int, bounds: Bounds) -> Findings:
    most = math.log(k / (k - 1)) + 0.01 if k > 1 else math.inf
    together = math.log(2) + 0.01 if k > 1 else math.inf
    text = (
        f"Strings that vanish from the spec when one of {influence.num_refits} families (the rarest half, the others "
        "at "
        f"random) is left out, though fewer than {k} families hold them; {influence.at_the_edge} more stood on "
        f"exactly {k}; "
        "lower is better; there is {} to compare with"
    )
    figures: Mapping[str, float] = {
        "refits": float(influence.num_refits),
        "regrouped": influence.regrouped,
        "price": influence.price,
    }
    shares = Check(
        name="refit_shares",
        kind=PRIVACY,
        value=influence.share,
        real_against_real=None,
        bound=most if math.isfinite(most) else None,
        better="lower",
        passed=influence.share <= most and influence.regrouped <= together,
        meaning=(
            "Largest change of any share or weight of the spec when one family is left out, as a log ratio; lower is "
            f"better; {k} families behind each share allow log({k}/{k - 1}) = {most - 0.01:.3f}. Beside a value that "
            f"exactly {k} held, and that went, it was {influence.regrouped:.3f}; log(2) = {together - 0.01:.3f} is "
            f"allowed there. The largest change of a price was {influence.price:.3f}."
        ),
        figures=figures,
    )
    strings = counted("refit_strings", influence.lost, None, bounds.hits, text, **figures)
    return Findings(checks=[strings, shares], hits=influence.lost[:MOST_HITS])
