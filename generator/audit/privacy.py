"""The privacy checks of an audit: verbatim strings, replay, copies, membership inference, refits and canaries.

Each check has a control, real against real: one half of the member families plays the synthetic catalog, and the same
question is asked about the other half and the holdout. The result is what no leak looks like.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from generator.audit import MAX_HITS, Findings, copies, count_check, decide, membership, refits, skip_check, verbatim
from generator.audit.rows import (
    AuditTable,
    Mask,
    NeighbourStats,
    RealCatalog,
    drop_duplicates,
    find_rare_families,
    max_by_family,
    measure_neighbours,
    self_information,
)
from schemas.audit import PRIVACY, Bounds, Check, Diagnostic
from schemas.catalog import CatalogSpec
from schemas.errors import ToileError
from schemas.util.stats import holm

Progress = Callable[[str], None]
_MOST_COMPARED = 6000
"""Largest number of real rows whose distance to each real row is measured: a random sample of a large catalog."""
_MOST_SCORED = 4000
"""Largest number of real families that the membership attacks score."""
_NEAR = f"a price within {copies.NEAR_PRICE:.0%}"
_REPLAYED = {
    "replayed_titles": "titles that a single real family has and that come back",
    "replayed_rows": "whole rows (title, categories, both prices) that come back",
    "replayed_near_rows": f"rows that come back with the same title words and {_NEAR}",
    "replayed_altered_rows": (
        f"rows, like no other real one, that come back with at most one word of the title changed and {_NEAR}"
    ),
    "replayed_rare_rows": "the rarest families' whole rows that come back",
    "replayed_rare_near_rows": f"the rarest families' rows that come back with the same words and {_NEAR}",
    "replayed_rare_altered_rows": (
        f"the rarest families' rows that come back with at most one word changed and {_NEAR}"
    ),
}
_COPIED = {
    "copied_rows": "the same title words, categories and prices",
    "copied_near_rows": f"the same title words and {_NEAR}",
    "copied_altered_rows": f"at most one word of the title changed and {_NEAR}",
    "copied_titles": "the same title words, at whatever price and in whatever category",
    "copied_edited_rows": "at most one word of the title changed, and the same categories and prices",
    "copied_title_parts": "the same first or last two words of the title, and the same categories and prices",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comparison:
    """A released catalog and the real catalog that it is compared with."""

    real: RealCatalog
    release: AuditTable
    rare: Mask
    """The rare real families."""
    scored: RealCatalog
    """The families that the membership attacks score."""
    released: NeighbourStats
    """Of their rows in the release."""
    reference: NeighbourStats
    """Of their rows among other real families."""
    matches: copies.Matches
    fit_twin: copies.FitTwin | None

    def replay_tests(self) -> list[membership.LeakageTest]:
        return membership.run_leakage_tests(self.real, self.release, self.rare, self.matches)

    def attacks(self) -> list[membership.Attack]:
        """Run every attack on the members and on the holdout."""
        scores = membership.score_families(self.scored.table, self.released, self.reference)
        sides = (("train", self.scored.member), ("holdout", ~self.scored.member))
        return [
            membership.run_attack(f"{name}, {side}", score, mask, level=0.95)
            for side, mask in sides
            for name, score in scores.items()
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class RealReference:
    """What is measured on the real rows alone: once, for any number of synthetic catalogs."""

    neighbours: NeighbourStats
    """Of the real rows among other real families."""
    scored: RealCatalog
    """The families that the membership attacks score: a random sample of a large catalog."""
    scored_neighbours: NeighbourStats
    scored_families: Mask
    fit_twin: copies.FitTwin | None
    """Designs of an exact fit to the members; None if no spec can be fitted to them."""
    baseline: Mapping[str, membership.Baseline]
    """What each attack learns from an honest fit."""


def measure_reference(
    real: RealCatalog, bounds: Bounds, real_extra: verbatim.ExtraColumns | None = None
) -> RealReference:
    """Measure the distances of the real rows among themselves, and fit twins that have not seen some of them.

    `real_extra` are the user's own columns of the real catalog, which a fit reads too.
    """
    own = refits.list_cells(real.table, real_extra or {})
    own_twin = refits.generate_fit_twin(real, bounds.min_support, own)
    twins = refits.generate_unseen_twins(real, bounds.min_support, own)
    reference = _measure_neighbours(real)
    if twins is None:
        return reference
    scored_twins = [(unseen[reference.scored_families], table) for unseen, table in twins]
    return replace(
        reference,
        fit_twin=None if own_twin is None else copies.encode_fit_twin(real.table, own_twin),
        baseline=membership.measure_baseline(reference.scored, reference.scored_neighbours, scored_twins),
    )


def _measure_neighbours(real: RealCatalog, seed: int = 0) -> RealReference:
    table = real.table
    rng = np.random.default_rng(seed)
    others = table.take(np.sort(rng.permutation(len(table))[:_MOST_COMPARED]))
    neighbours = measure_neighbours(table, others, exclude_own_family=True)
    scored = np.zeros(table.num_families, bool)
    scored[rng.permutation(table.num_families)[:_MOST_SCORED]] = True
    return RealReference(
        neighbours=neighbours,
        scored=real.select(scored),
        scored_neighbours=neighbours.select(scored[table.family]),
        scored_families=scored,
        fit_twin=None,
        baseline={},
    )


def check_rows(
    real: RealCatalog,
    synthetic: AuditTable,
    bounds: Bounds,
    extra: verbatim.ExtraColumns | None = None,
    real_extra: verbatim.ExtraColumns | None = None,
    *,
    reference: RealReference | None = None,
) -> Findings:
    """Run the checks that need only rows: verbatim strings, replay, copies and membership inference.

    `extra` are further columns of the synthetic catalog, which are searched for real strings, and for rare values of
    the same columns of the real one, `real_extra`. `reference` is measured if it is None.
    """
    reference = reference or measure_reference(real, bounds, real_extra)
    comparison, control = _compare(real, synthetic, reference), _compare_half(real, reference)
    return (
        _check_verbatim(real, synthetic, bounds)
        + _check_embedded(real, synthetic, bounds, extra or {}, real_extra or {})
        + _check_rare_values(real, bounds, extra or {}, real_extra or {})
        + _check_replay(comparison, control, bounds)
        + _check_copies(comparison, control, bounds)
        + _check_membership(comparison, control, reference.baseline, bounds)
    )


def _compare(real: RealCatalog, release: AuditTable, reference: RealReference) -> _Comparison:
    matches = copies.match_catalogs(real.table, release)
    release = drop_duplicates(release)
    return _Comparison(
        real=real,
        release=release,
        rare=find_rare_families(real.table, reference.neighbours),
        scored=reference.scored,
        released=measure_neighbours(reference.scored.table, release),
        reference=reference.scored_neighbours,
        matches=matches,
        fit_twin=reference.fit_twin,
    )


def _compare_half(real: RealCatalog, reference: RealReference) -> _Comparison:
    """Compare the real families with half of the members, which play the release; the other half are its members."""
    members = np.flatnonzero(real.member)
    released = np.zeros(real.table.num_families, bool)
    released[np.random.default_rng(0).permutation(members)[: len(members) // 2]] = True
    rest = real.select(~released)
    control = replace(_measure_neighbours(rest), fit_twin=reference.fit_twin)
    return _compare(rest, real.table.select(released), control)


def _check_verbatim(real: RealCatalog, synthetic: AuditTable, bounds: Bounds) -> Findings:
    """Check for verbatim codes, products and URLs; the control compares real train with the real holdout."""
    found, control = verbatim.find_shared(real.table, synthetic), verbatim.find_shared(real.members, real.holdout)
    max_codes = max(bounds.hits, verbatim.max_shared_by_chance(found.codes_by_chance, bounds.codes_p))
    chance = f"random codes would give {found.codes_by_chance:.2g}"
    end = "lower is better; real train against real holdout gives {}"
    checks = [
        count_check(
            "shared_codes", found.codes, control.codes, max_codes, f"Product codes that are real codes; {chance}; {end}"
        ),
        count_check(
            "verbatim_products",
            found.products,
            control.products,
            bounds.hits,
            f"Real product codes with their real title; {end}",
        ),
        count_check(
            "verbatim_urls",
            found.urls,
            control.urls,
            bounds.hits,
            f"Paths of item and image URLs that are real paths, on any host; {end}",
        ),
    ]
    return Findings(checks=checks, hits=[*found.codes[:MAX_HITS], *found.products[:MAX_HITS], *found.urls[:MAX_HITS]])


def _check_embedded(
    real: RealCatalog,
    synthetic: AuditTable,
    bounds: Bounds,
    extra: verbatim.ExtraColumns,
    real_extra: verbatim.ExtraColumns,
) -> Findings:
    """Search all texts for real codes and titles; the control searches real train for those of the real holdout."""
    found = verbatim.find_embedded(real.table, synthetic, extra, real_extra, public_p=bounds.codes_p)
    control = verbatim.find_embedded(real.holdout, real.members)
    max_codes = max(bounds.hits, verbatim.max_shared_by_chance(found.codes_by_chance, bounds.codes_p))
    end = "lower is better; real train against real holdout gives {}"
    checks = [
        count_check(
            "embedded_codes",
            found.codes,
            control.codes,
            max_codes,
            "Real product codes inside any text: title, URL, brand, category, attributes or a further column; random "
            f"digits would give {found.codes_by_chance:.2g}; {end}",
        ),
        count_check(
            "embedded_titles",
            found.titles,
            control.titles,
            bounds.hits,
            "Titles of a single real family inside any text but the title; those of public words alone (Black Wool "
            f"Coat) count where more are found than of titles that nobody has; {end}",
        ),
    ]
    return Findings(checks=checks, hits=[*found.codes[:MAX_HITS], *found.titles[:MAX_HITS]])


def _check_rare_values(
    real: RealCatalog, bounds: Bounds, extra: verbatim.ExtraColumns, real_extra: verbatim.ExtraColumns
) -> Findings:
    """Search the columns that both catalogs have in addition for values of few real families."""
    columns = sorted(extra.keys() & real_extra.keys())
    if not columns:
        why = "does not apply: the catalogs have no further columns in common"
        return Findings(checks=[skip_check("rare_values", PRIVACY, why)])
    found = verbatim.find_rare_values(
        real, {name: real_extra[name] for name in columns}, extra, bounds.min_support, verbatim.list_public_words()
    )
    text = (
        f"Values of the columns {', '.join(columns)} that fewer than {bounds.min_support} train families have, without "
        "numbers, dates and public words; lower is better; there is {} to compare with"
    )
    return Findings(checks=[count_check("rare_values", found, None, bounds.hits, text)], hits=found[:MAX_HITS])


def _check_replay(comparison: _Comparison, control: _Comparison, bounds: Bounds) -> Findings:
    """Run the replay tests of train and of the holdout; their p-values are adjusted by Holm's method."""
    tests, controls = comparison.replay_tests(), control.replay_tests()
    num = 2 * len(tests)
    adjusted = holm([*(test.p for test in tests), *(test.holdout_p for test in tests)])
    checks = []
    for test, member_p, holdout_p, other in zip(
        tests, adjusted[: len(tests)], adjusted[len(tests) :], controls, strict=True
    ):
        p, other_p = min(member_p, holdout_p), min(1.0, 2 * min(other.p, other.holdout_p))
        leaks = [
            membership.smallest_detectable_leak(test, bounds.replay_p / num, of_holdout=of_holdout)
            for of_holdout in (False, True)
        ]
        figures = {
            "members": float(test.members),
            "members_replayed": float(test.members_hit),
            "holdout": float(test.holdout),
            "holdout_replayed": float(test.holdout_hit),
            "member_rate": test.member_rate,
            "holdout_rate": test.holdout_rate,
            "p": test.p,
            "holdout_p": test.holdout_p,
            "control_member_rate": other.member_rate,
            "control_holdout_rate": other.holdout_rate,
        }
        # A leak is a share of all families: the rarest ones are few, and so is a leak among them.
        named = zip(("smallest_leak", "smallest_holdout_leak"), leaks, strict=True)
        figures |= {name: leak * test.share for name, leak in named if leak is not None}
        checks.append(
            decide(
                Check(
                    name=test.name,
                    kind=PRIVACY,
                    value=p,
                    real_against_real=other_p,
                    bound=bounds.replay_p,
                    better="higher",
                    passed=p >= bounds.replay_p,
                    meaning=(
                        f"Probability of so large a difference, if nothing leaked, between {_REPLAYED[test.name]}: "
                        f"{test.member_rate:.1%} of the train families, {test.holdout_rate:.1%} of the holdout, which "
                        f"no fit reads. Higher is better (p, adjusted for {num} tests); real against real gives "
                        f"{other_p:.2g} ({other.member_rate:.1%} and {other.holdout_rate:.1%})."
                    ),
                    figures=figures,
                ),
                figures.get("smallest_leak"),
                "train families",
                bounds.smallest_leak,
            )
        )
    return Findings(checks=checks)


def _check_copies(comparison: _Comparison, control: _Comparison, bounds: Bounds) -> Findings:
    """Test whether distinctive real products, of train or not, match synthetic ones more often than by chance."""
    tests, controls = (
        copies.run_copy_tests(each.matches, each.fit_twin, bounds.min_support) for each in (comparison, control)
    )
    real_p = {test.name: test.p for test in controls}  # of more tests where only the synthetic catalog has no prices
    checks = []
    for test, p in zip(tests, holm([test.p for test in tests]), strict=True):
        leak = test.smallest_leak(bounds.copies_p / len(tests))
        if leak is not None:  # of the products; each copied row is one of them
            leak *= len(test.hit) / len(comparison.real.table)
        matched, chance = int(test.hit.sum()), float(test.chance.sum())
        figures = {
            "products": float(len(test.hit)),
            "matched": float(matched),
            "chance": chance,
            "p": test.p,
            "fit_twin_is_control": float(test.is_twin),
        }
        how = (
            "a large twin of an exact fit to train, which this catalog looks like"
            if test.is_twin
            else "how often the titles and prices of this catalog recur in itself, and in a twin of a fit to train"
        )
        checks.append(
            decide(
                Check(
                    name=test.name,
                    kind=PRIVACY,
                    value=p,
                    real_against_real=real_p[test.name],
                    bound=bounds.copies_p,
                    better="higher",
                    passed=p >= bounds.copies_p,
                    meaning=(
                        f"Probability of so many real products, of train or holdout, that come back with "
                        f"{_COPIED[test.name]}, if nothing was copied: {matched:,} of {len(test.hit):,} that are like "
                        f"no other real one; {chance:.1f} by chance, by the control: {how}. A match weighs more where "
                        f"chance gives fewer. Higher is better (p, adjusted for {len(tests)} tests); real against real "
                        f"gives {real_p[test.name]:.2g}."
                    ),
                    figures=figures if leak is None else {**figures, "smallest_leak": leak},
                ),
                leak,
                "the rows",
                bounds.smallest_verbatim_leak if test.name == copies.ROWS.name else bounds.smallest_leak,
            )
        )
    why = "does not apply: a catalog has no prices, so titles are compared as whole rows"
    checks += [skip_check(rule.name, PRIVACY, why) for rule in copies.RULES[len(tests) :]]
    return Findings(checks=checks)


def _check_membership(
    comparison: _Comparison, control: _Comparison, baseline: Mapping[str, membership.Baseline], bounds: Bounds
) -> Findings:
    """Check the best attack by AUC (bound: normal approximation of the rank test) and by true positive rate (exact).

    An attack on train may have what it learns from an honest fit in addition.
    """
    attacks, others = comparison.attacks(), control.attacks()
    member = comparison.scored.member
    m, h = int(member.sum()), int((~member).sum())
    level = bounds.membership_p / len(attacks)

    def allowed(attack: membership.Attack) -> membership.Baseline:
        name, side = attack.name.split(", ")
        nothing = membership.Baseline(auc=0.0, tpr=0.0)
        return baseline.get(name, nothing) if side == "train" else nothing

    best = max(attacks, key=lambda attack: attack.auc - allowed(attack).auc)
    best_control = max(others, key=lambda attack: attack.auc)
    spread = math.sqrt((m + h + 1) / (12 * m * h))
    bound = 0.5 + allowed(best).auc + float(stats.norm.isf(level)) * spread
    detectable = bound + 0.84 * spread
    sharp = max(attacks, key=lambda attack: (attack.tpr - allowed(attack).tpr, -attack.tpr_p))
    sharp_control = min(others, key=lambda attack: (attack.tpr_p, -attack.tpr))
    sides = (h, m) if sharp.name.endswith("holdout") else (m, h)
    tpr_bound = min(membership.max_tpr_by_chance(*sides, level) + allowed(sharp).tpr, 1.0)
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
                f"How well the best of {len(attacks)} attacks ({best.name}) ranks the families of one side, train or "
                "holdout, above the other: "
                f"AUC, 95 % interval {best.low:.3f} to {best.high:.3f}; 0.5 is guessing, lower is better; real "
                f"against real gives {best_control.auc:.3f}. The bound allows for {allowed(best).auc:.3f} above "
                "guessing, which an attack on train learns from an exact fit to other families of the shop. With "
                f"{m:,} and {h:,} families an AUC of {detectable:.3f} is "
                "detected with power 0.8."
            ),
            figures={
                "low": best.low,
                "high": best.high,
                "detectable": detectable,
                "allowed": allowed(best).auc,
            },
        ),
        Check(
            name="membership_tpr",
            kind=PRIVACY,
            value=sharp.tpr,
            real_against_real=sharp_control.tpr,
            bound=tpr_bound,
            better="lower",
            passed=sharp.tpr <= tpr_bound,
            meaning=(
                f"Share of the families of one side that the best attack ({sharp.name}) identifies while it wrongly "
                f"identifies at most 1 % of the other side; 95 % interval {sharp.tpr_low:.3f} to {sharp.tpr_high:.3f}; "
                f"lower is better; real against real gives {sharp_control.tpr:.3f}."
            ),
            figures={
                "low": sharp.tpr_low,
                "high": sharp.tpr_high,
                "p": sharp.tpr_p,
                "allowed": allowed(sharp).tpr,
            },
        ),
    ]
    return Findings(checks=checks, diagnostics=_distances(comparison), roc=best.roc)


def _distances(comparison: _Comparison) -> list[Diagnostic]:
    """Return nearest-record distances as diagnostics, not as a test: copies of rare rows hardly change them."""
    nearest = -max_by_family(-comparison.released.nearest, comparison.scored.table)
    member = comparison.scored.member
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
                    f"holdout gives {other:.3f}. Not a test: a table with its 50 rarest rows copied hardly changes it."
                ),
            )
        )
    return found


def check_spec(
    real: RealCatalog,
    spec: CatalogSpec,
    bounds: Bounds,
    refit: refits.Refit | None,
    *,
    num_refits: int,
    progress: Progress,
) -> Findings:
    """Run the checks of the spec: its strings, canaries, and how it changes without single families.

    `refit` is None if the spec was not fitted to rows.
    """
    members = real.members
    provenance = spec.provenance
    k = bounds.min_support if provenance is None else max(1, provenance.min_support)
    public = verbatim.list_public_words()
    if provenance is not None and provenance.private and refits.has_public_categories(provenance):
        public |= {name for name, place in verbatim.list_names(spec).items() if place == "a category"}
    rare_strings, num_real = verbatim.find_rare_strings(spec, members, real.holdout, k, public)
    strings = count_check(
        "string_support",
        rare_strings,
        None,
        bounds.hits,
        f"Strings that the spec may emit and that are in real rows, but in fewer than {k} train families, without "
        f"public words; {num_real} of its strings are in real rows; lower is better; real against real would give {{}}",
        real_strings=float(num_real),
        min_support=float(k),
    )
    found = Findings(checks=[strings], hits=rare_strings[:MAX_HITS])
    if refit is None or provenance is None:
        why = "the spec was not fitted to rows (it has no provenance), so it cannot be fitted again"
        return found + Findings(
            checks=[skip_check(name, PRIVACY, why) for name in ("refit_strings", "refit_shares", "canaries")]
        )
    progress("refitting with canaries")
    try:
        canaries, planted = refits.plant_canaries(refit, members)
    except ToileError as error:
        return found + _skip_refits(error, "refit_strings", "refit_shares", "canaries")
    found += Findings(
        checks=[
            count_check(
                "canaries",
                canaries,
                None,
                bounds.hits,
                f"Words of {planted} invented families, one each, that are in a fit of the real rows with these "
                "families; lower is better; there is {} to compare with, because no real row has the words",
                planted=float(planted),
            )
        ],
        hits=canaries,
    )
    if provenance.private:
        why = (
            "does not apply to a spec with noise: the noise hides one family more or less, and the bound is the "
            f"epsilon of its ledger ({provenance.epsilon:g})"
        )
        return found + Findings(checks=[skip_check(name, PRIVACY, why) for name in ("refit_strings", "refit_shares")])
    chosen = refits.most_influential(self_information(members), min(num_refits, members.num_families))
    progress(f"refitting without each of {len(chosen)} families")
    try:
        influence = refits.leave_one_out(refit, members, chosen, k)
    except ToileError as error:
        return found + _skip_refits(error, "refit_strings", "refit_shares")
    return found + _check_influence(influence, k, bounds)


def _skip_refits(error: ToileError, *names: str) -> Findings:
    """Skip checks whose fit was refused: that is no leak, and decides nothing."""
    why = f"does not apply: the rows could not be fitted again with the settings of the spec: {error.problem}"
    return Findings(checks=[skip_check(name, PRIVACY, why) for name in names])


def _check_influence(influence: refits.Influence, k: int, bounds: Bounds) -> Findings:
    """Check that at least `k` families are behind every string and every counted weight of the spec."""
    who = f"without one of {influence.num_refits} families (half of them the rarest, the others random)"
    figures: Mapping[str, float] = {
        "refits": float(influence.num_refits),
        "moved": influence.moved,
        "price": influence.price,
    }
    strings = count_check(
        "refit_strings",
        influence.lost,
        None,
        bounds.hits,
        f"Strings that vanish from the spec {who}, although fewer than {k} families have them; "
        f"{influence.at_threshold} more had exactly {k} families; lower is better; there is {{}} to compare with",
        **figures,
    )
    shares = count_check(
        "refit_shares",
        influence.rare,
        None,
        bounds.hits,
        f"Weights of fewer than {k} designs, counted one by one, that become smaller {who}; lower is better; there is "
        f"{{}} to compare with. One family changes a kind, title or attribute of up to {influence.moved:.1%} of the "
        f"twin's products, because a value of exactly {k} families may be lost with it, and a price by up to "
        f"{math.expm1(influence.price):.0%}: this has no bound without noise",
        **figures,
    )
    return Findings(checks=[strings, shares], hits=[*influence.lost[:MAX_HITS], *influence.rare[:MAX_HITS]])
