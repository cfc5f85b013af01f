"""The audit as a whole: a synthetic catalog against a real one, privacy and fidelity, `audit.json` and the page."""

from pathlib import Path

import numpy as np

from generator.audit import fidelity
from generator.audit.image_privacy import both, folder_looks, pictures_privacy
from generator.audit.privacy import Findings, Progress, not_asked, rows_privacy, sentence, spec_privacy
from generator.audit.refits import refit_as
from generator.audit.rows import Real, Rows, read_real, read_synthetic
from schemas.audit import FIDELITY, PRIVACY, Audit, Bounds, CategoryFigures, Check
from schemas.catalog import CatalogSpec
from schemas.manifest import read_manifest

SPLITS_IN_HALVES = 3
"""Real against real is the mean over so many random halves."""
_TITLES = {
    "price_distance": "Largest gap between the distribution functions of log prices",
    "category_price_distance": "The same gap within categories, averaged",
    "off_lattice": "Share of prices that end as hardly any real price of that size does",
    "ending_distance": "Share of price endings that would have to change (total variation)",
    "discount_distance": "Share of reductions that would have to change (total variation)",
    "first_level_distance": "Share of rows under another first category level (total variation)",
    "branch_distance": "Share of rows under other first two levels (total variation)",
    "leaf_distance": "Share of rows under another path of categories (total variation)",
    "title_length_distance": "Largest gap between the distribution functions of title lengths",
    "vocabulary_distance": "Jensen-Shannon divergence of title words, 0 to 1",
    "unknown_words": "Share of title words that no real title holds",
    "title_repeat_difference": "Difference in the share of families that share their title",
    "colourway_distance": "Share of families with another number of colourways (total variation)",
    "missing_difference": "Largest difference of a column's missing share",
    "association_difference": "Largest difference in how much one column says about another",
    "told_apart": "AUC of a classifier that tells synthetic rows from real ones; 0.5 is guessing",
    "wrong_categories": "Error rate on real rows of a category guesser trained on the synthetic ones",
    "wrong_prices": "Mean error in log price on real rows of a price guesser trained on the synthetic ones",
}


def audit(
    real_folder: Path,
    synthetic_folder: Path,
    *,
    spec: CatalogSpec | None = None,
    spec_name: str | None = None,
    bounds: Bounds | None = None,
    gate: str = PRIVACY,
    num_refits: int = 8,
    progress: Progress = lambda text: None,
) -> tuple[Audit, "Curves"]:
    """The audit of two shard folders and the curves of its page; raises ToileError where a folder cannot be audited."""
    bounds = bounds or Bounds()
    progress("reading rows")
    real, synthetic = read_real(real_folder), read_synthetic(synthetic_folder)
    progress("reading pictures")
    train, holdout = folder_looks(real_folder)
    pictures = both(*folder_looks(synthetic_folder)) if len(train) else train
    progress("asking about rows")
    found = rows_privacy(real, synthetic, bounds)
    progress("comparing pictures")
    found += pictures_privacy(train, holdout, pictures, bounds)
    if spec is None:
        why = "not asked: no spec was given (--spec)"
        names = ("string_support", "canaries", "refit_strings", "refit_shares")
        found += Findings(checks=[not_asked(name, PRIVACY, why) for name in names])
    else:
        refit = refit_as(spec) if spec.provenance is not None else None
        found += spec_privacy(real, spec, bounds, refit, num_refits=num_refits, progress=progress)
    progress("asking about fidelity")
    checks, categories = fidelity_checks(real.rows, synthetic, bounds)
    every = (*found.checks, *checks)
    deciding = [check for check in every if gate in ("both", check.kind)]
    result = Audit(
        passed=all(check.passed is not False for check in deciding),
        gate=gate,
        real=str(real_folder),
        synthetic=str(synthetic_folder),
        spec=spec_name,
        num_members=int(real.member.sum()),
        num_holdout=int((~real.member).sum()),
        num_real=len(real.rows),
        num_synthetic=len(synthetic),
        bounds=bounds,
        checks=every,
        diagnostics=tuple(found.diagnostics),
        hits=tuple(found.hits),
        categories=tuple(categories),
    )
    return result, Curves(found, real, synthetic, read_manifest(synthetic_folder).kind)


class Curves:
    """What the page draws beside the figures: price distributions, the ROC of the best attack."""

    def __init__(self, found: Findings, real: Real, synthetic: Rows, kind: str) -> None:
        self.roc = found.roc
        self.real_prices = _prices(real.rows)
        self.synthetic_prices = _prices(synthetic)
        self.drawn = kind == "generate"
        """Whether toile's renderer made the pictures; it opens no picture file."""


def fidelity_checks(real: Rows, synthetic: Rows, bounds: Bounds) -> tuple[list[Check], list[CategoryFigures]]:
    """Every fidelity figure beside its ceiling, and the table of categories."""
    pairs = [fidelity.halves(real, seed) for seed in range(SPLITS_IN_HALVES)]
    checks = []
    for name, metric in fidelity.METRICS.items():
        control = _mean([metric(first, second) for first, second in pairs])
        checks.append(_check(name, metric(real, synthetic), control, bounds))
    for name, task in fidelity.TASKS.items():
        shown = [_same_size(synthetic, first, seed) for seed, (first, _) in enumerate(pairs)]
        value = _mean([task(train, second) for train, (_, second) in zip(shown, pairs, strict=True)])
        checks.append(_check(name, value, _mean([task(first, second) for first, second in pairs]), bounds))
    return checks, fidelity.category_figures(real, synthetic, *pairs[0])


def _check(name: str, value: float | None, control: float | None, bounds: Bounds) -> Check:
    if value is None or control is None:
        side = "the two catalogs" if value is None else "two halves of the real catalog"
        return not_asked(name, FIDELITY, f"{_TITLES[name]}: {side} have too little to compare")
    bound = control + bounds.margins[name]
    return Check(
        name=name,
        kind=FIDELITY,
        value=value,
        real_against_real=control,
        bound=bound,
        better="lower",
        passed=value <= bound,
        meaning=sentence(f"{_TITLES[name]}; lower is better; real against real gives {control:.3f}"),
    )


def _same_size(rows: Rows, like: Rows, seed: int) -> Rows:
    """About as many rows as `like`, whole families: a larger table would only teach more."""
    wanted = min(rows.num_families, max(1, round(rows.num_families * len(like) / max(len(rows), 1))))
    chosen = np.zeros(rows.num_families, bool)
    chosen[np.random.default_rng(seed).permutation(rows.num_families)[:wanted]] = True
    return rows.of(chosen)


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _prices(rows: Rows) -> list[float]:
    return sorted(np.exp(rows.log_price[~np.isnan(rows.log_price)]).tolist())
