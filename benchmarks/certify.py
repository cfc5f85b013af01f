"""Do confidence intervals and tests have their nominal coverage, error rate and power? Simulated models decide.

A simulated model is right with known probabilities, and correlated within families to a known degree. So every true
figure is known, and it can be counted whether an interval covers it. Families are many, few and equal, or lopsided: a
few of them hold most of the rows. Three claims are checked: intervals cover the
truth as often as they say; two equal models are called different at most as often as alpha; the gain that `detectable`
prints is found with the power it names. Each figure is compared with that of rows treated as independent. The
output is a table for people, then one JSON line; `--out FILE` writes it. The tests run the same functions with few
repetitions.

    python -m benchmarks.certify --repetitions 400 --out benchmarks/results/certify_2cores_2026-12-01.json
"""

import argparse
import json
import math
import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from evaluation.metrics import metrics
from evaluation.stats import intervals, paired
from evaluation.stats.intervals import ClusterIds, Estimate, Values, Weighted, bca, relabel, spanning_factor
from evaluation.stats.paired import LOSSES, PairedEstimate
from schemas.manifest import versions

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What one simulated data set is like."""

    families: int
    largest: int
    """Families have from one to this many rows."""
    alike: float
    """Correlation of the rows of a family, in [0, 1); 0 are independent rows."""
    rates: tuple[float, float]
    """The planted accuracies of two models."""
    large: tuple[int, ...] = ()
    """Sizes of further families."""

    @property
    def name(self) -> str:
        small = f"{self.families} families of 1 to {self.largest}" if self.families else ""
        counts = Counter(self.large)
        listed = ", ".join(str(size) if num == 1 else f"{num} x {size}" for size, num in counts.items())
        large = f"families of {listed}" if self.large else ""
        return f"{' and '.join(filter(None, (large, small)))}, alike {self.alike}, rates {self.rates}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How often something happened in how many data sets."""

    what: str
    repetitions: int
    times: int
    width: float | None = None
    """Mean width of the intervals that have both limits."""

    @property
    def share(self) -> float:
        return self.times / self.repetitions if self.repetitions else math.nan

    def within(self, low: float, high: float) -> bool:
        """Return whether a true share from `low` to `high` fits the count: exact binomial test at 1 in 10,000."""
        most, least = stats.binom.ppf([0.9999, 0.0001], self.repetitions, [high, low])
        return bool(least <= self.times <= most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Two simulated models' answers to the same rows."""

    families: ClusterIds
    first: Values
    """1 where the first model is right."""
    second: Values
    true: Values
    """ln prices."""
    answered: Values
    """ln prices: the truth plus an error that a family shares in part."""
    answered_again: Values
    """As `answered`, of another model of equal accuracy."""


ERROR = 0.3
"""Standard deviation of the planted error of ln price; that of ln price is 1."""


def planted(setting: Setting, rng: np.random.Generator) -> Answers:
    """Simulate one data set. A row is right when a normal number is below the quantile of its model's accuracy.

    The number is in part the family's, in part the row's difficulty that both models share, in part noise. So families
    are correlated in both models and in their difference.
    """
    sizes = np.concatenate([np.array(setting.large, np.intp), rng.integers(1, setting.largest + 1, setting.families)])
    families = np.repeat(np.arange(len(sizes)), sizes).astype(np.intp)
    shared = _alike(setting.alike, families, rng)
    right = []
    for rate in setting.rates:
        own = _alike(setting.alike, families, rng)
        right.append((math.sqrt(0.5) * (shared + own) < stats.norm.ppf(rate)).astype(np.float64))
    true = _alike(setting.alike, families, rng)
    answered, again = (true + ERROR * _alike(setting.alike, families, rng) for _ in range(2))
    return Answers(
        families=families, first=right[0], second=right[1], true=true, answered=answered, answered_again=again
    )


def coverage(setting: Setting, repetitions: int, seed: int, *, bootstrap: bool = True) -> list[Finding]:
    """Count how often each kind of 95 % interval covers its true value.

    An interval without one limit is open on that side; data sets for which a kind has none are not counted.
    """
    rng = np.random.default_rng(seed)
    true, kinds = _truths(setting), _kinds(bootstrap)
    hits, given = dict.fromkeys(kinds, 0), dict.fromkeys(kinds, 0)
    widths: dict[str, list[float]] = {what: [] for what in kinds}
    for _ in range(repetitions):
        answers = planted(setting, rng)
        for what, interval in kinds.items():
            low, high = interval(answers)
            given[what] += low is not None or high is not None
            if low is not None and high is not None:
                widths[what].append(high - low)
            below = low is None or low <= true[what]
            hits[what] += below and (high is None or true[what] <= high) and (low is not None or high is not None)
    return [
        Finding(
            what=what,
            repetitions=given[what],
            times=times,
            width=float(np.mean(widths[what])) if widths[what] else None,
        )
        for what, times in hits.items()
    ]


def false_alarms(setting: Setting, repetitions: int, seed: int) -> list[Finding]:
    """Count how often two equal models differ with p < 0.05: by whole families, and by McNemar on independent rows."""
    assert setting.rates[0] == setting.rates[1], "equal models"
    rng = np.random.default_rng(seed)
    counted = {"families flipped": 0, "McNemar on rows": 0, "graded, families flipped": 0}
    for number in range(repetitions):
        answers = planted(setting, rng)
        gain = paired.rate_difference(answers.first, answers.second, CONFIDENCE, answers.families)
        lost, won = np.sum(answers.first > answers.second), np.sum(answers.second > answers.first)
        grades = [rng.uniform(0.5, 1.0, len(right)) * right for right in (answers.first, answers.second)]
        graded = paired.mean_difference(grades[0], grades[1], CONFIDENCE, answers.families, seed=number % 4)
        counted["families flipped"] += (gain.p or 0) < 1 - CONFIDENCE
        counted["McNemar on rows"] += paired.mcnemar(int(lost), int(won)) < 1 - CONFIDENCE
        counted["graded, families flipped"] += (graded.p or 0) < 1 - CONFIDENCE
    return [Finding(what=what, repetitions=repetitions, times=times) for what, times in counted.items()]


def found_gains(families: int, largest: int, alike: float, repetitions: int, seed: int) -> Finding:
    """Count how often the gain that `detectable_rate` prints is found with p < 0.05, when 5 % of the rows are lost.

    The rows of a family agree with probability `alike`; the effective number of rows follows from that.
    """
    rng = np.random.default_rng(seed)
    times = 0
    for _ in range(repetitions):
        sizes = rng.integers(1, largest + 1, families).astype(np.intp)
        n = int(sizes.sum())
        effective = n / (1 + alike * (float(np.sum(sizes**2)) / n - 1))
        gain = paired.detectable_rate(round(effective, 1), 1 - CONFIDENCE)
        assert gain is not None, "as many families as can find something"
        change = _agreeing(sizes, alike, (LOSSES, LOSSES + gain), rng)
        base = np.where(change < 0, 1.0, 0.0)
        family_of = np.repeat(np.arange(families), sizes).astype(np.intp)
        found = paired.rate_difference(base, base + change, CONFIDENCE, family_of)
        times += (found.p or 0) < 1 - CONFIDENCE
    return Finding(what=f"printed gain, alike {alike}", repetitions=repetitions, times=times)


Interval = Callable[[Answers], tuple[float | None, float | None]]


def _kinds(bootstrap: bool) -> dict[str, Interval]:
    closed: dict[str, Interval] = {
        "rate": lambda a: _ends(intervals.rate(a.first, CONFIDENCE, a.families)),
        "rate, rows as independent": lambda a: _ends(intervals.rate(a.first, CONFIDENCE)),
        "rate difference": lambda a: _ends(paired.rate_difference(a.first, a.second, CONFIDENCE, a.families)),
        "mean": lambda a: _ends(intervals.mean((a.first + a.second) / 2, CONFIDENCE, a.families)),
        "mean difference": lambda a: _ends(
            paired.mean_difference(a.first / 3, a.second / 3, CONFIDENCE, a.families, steps=3)
        ),
        "median": lambda a: _ends(intervals.median(np.exp(a.answered), CONFIDENCE, a.families)),
        "macro": lambda a: _ends(_macro(a)),
    }
    resampled: dict[str, Interval] = {
        "RMSLE": lambda a: bca(metrics.rmsle(a.answered, a.true), a.families, CONFIDENCE, 0),
        "D2": lambda a: bca(metrics.d2(a.answered, a.true, 0.0), a.families, CONFIDENCE, 0),
        "Spearman": lambda a: bca(_spearman(a), a.families, CONFIDENCE, 0),
        "median difference": lambda a: _ends(
            paired.median_difference(
                metrics.weighted_median(np.abs(a.answered - a.true)),
                metrics.weighted_median(np.abs(a.answered_again - a.true)),
                relabel(a.families),
                CONFIDENCE,
                0,
            )
        ),
    }
    return closed | resampled if bootstrap else closed


def _truths(setting: Setting) -> dict[str, float]:
    """Of the planted figures; Spearman's rho of two normal numbers is 6 / pi asin(r / 2)."""
    first, second = setting.rates
    correlation = 1 / math.sqrt(1 + ERROR**2)
    return {
        "rate": first,
        "rate, rows as independent": first,
        "rate difference": second - first,
        "mean": (first + second) / 2,
        "mean difference": (second - first) / 3,
        "median": 1.0,
        "macro": (first + second) / 2,
        "RMSLE": ERROR,
        "D2": 1 - ERROR,
        "Spearman": 6 / math.pi * math.asin(correlation / 2),
        "median difference": 0.0,
    }


def _macro(answers: Answers) -> Estimate:
    """Over two groups of one accuracy each: the two models represent two categories, each with its own families."""
    groups = [intervals.rate(side, CONFIDENCE, answers.families) for side in (answers.first, answers.second)]
    values = np.concatenate([answers.first, answers.second])
    both = np.concatenate([answers.families, answers.families])
    n = len(answers.families)
    widening = spanning_factor(values, both, [np.arange(n), np.arange(n, 2 * n)])
    return intervals.macro(groups, groups[0].families, widening)


def _spearman(answers: Answers) -> Weighted:
    return metrics.rank_correlation(answers.answered, answers.true, np.zeros(len(answers.true), np.intp))


def _ends(found: Estimate | PairedEstimate) -> tuple[float | None, float | None]:
    return found.low, found.high


def _alike(share: float, families: ClusterIds, rng: np.random.Generator) -> Values:
    """Standard normal numbers that correlate by `share` within a family."""
    own = rng.standard_normal(len(families))
    common = rng.standard_normal(int(families.max()) + 1)[families]
    return np.asarray(math.sqrt(share) * common + math.sqrt(1 - share) * own)


def _agreeing(sizes: ClusterIds, alike: float, shares: tuple[float, float], rng: np.random.Generator) -> Values:
    """-1, +1 or 0 for each row, with these shares of -1 and +1; all of a family the same with probability `alike`."""
    lost, won = shares
    families = np.repeat(np.arange(len(sizes)), sizes)
    number = rng.random(len(families))
    same = rng.random(len(sizes)) < alike
    number = np.where(same[families], rng.random(len(sizes))[families], number)
    return np.where(number < lost, -1.0, np.where(number < lost + won, 1.0, 0.0))


SETTINGS = (
    Setting(families=300, largest=1, alike=0.0, rates=(0.4, 0.55)),
    Setting(families=300, largest=1, alike=0.0, rates=(0.05, 0.9)),
    Setting(families=60, largest=3, alike=0.5, rates=(0.5, 0.5)),
    Setting(families=150, largest=3, alike=0.5, rates=(0.6, 0.75)),
    Setting(families=150, largest=3, alike=0.95, rates=(0.6, 0.75)),
    Setting(families=30, largest=3, alike=0.5, rates=(0.3, 0.7)),
)
LOPSIDED = (
    Setting(families=9, largest=1, alike=0.5, rates=(0.5, 0.5), large=(60,)),
    Setting(families=14, largest=3, alike=0.95, rates=(0.5, 0.5), large=(90,)),
    Setting(families=29, largest=3, alike=0.95, rates=(0.5, 0.5), large=(180,)),
    Setting(families=30, largest=1, alike=0.6, rates=(0.5, 0.6), large=(100,)),
    Setting(families=24, largest=1, alike=0.8, rates=(0.8, 0.9), large=(24,)),
    Setting(families=3, largest=1, alike=0.8, rates=(0.5, 0.5), large=(21, 13, 8, 5, 3, 3, 2, 2, 1)),
    Setting(families=100, largest=1, alike=0.8, rates=(0.8, 0.9), large=(40,)),
    Setting(families=5, largest=3, alike=0.8, rates=(0.03, 0.1), large=(40, 40)),
    Setting(families=55, largest=1, alike=0.95, rates=(0.9, 0.95), large=(20,) * 5),
    Setting(families=300, largest=1, alike=0.95, rates=(0.1, 0.2), large=(20,) * 10),
    Setting(families=0, largest=1, alike=0.8, rates=(0.3, 0.5), large=tuple(range(30, 0, -1))),
)
"""Few families hold most of the rows."""
EQUAL = tuple(
    Setting(families=0, largest=1, alike=alike, rates=rates, large=(4,) * families)
    for families, alike, rates in (
        *((5, 0.5, (0.5, 0.5)), (8, 0.5, (0.5, 0.7)), (12, 0.8, (0.5, 0.5)), (20, 0.5, (0.3, 0.5))),
        *((30, 0.8, (0.5, 0.5)), (30, 0.5, (0.95, 0.9))),
    )
)
"""Few families of one size."""
BOOTSTRAP_SHARE = 5
"""One data set in so many is bootstrapped as well, which takes a hundred times as long."""


def main() -> None:
    """Run the simulations, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=2000, help="data sets for each setting")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    repetitions: int = arguments.repetitions
    began = time.process_time()
    document: dict[str, Any] = {
        "benchmark": "certify",
        "repetitions": repetitions,
        "coverage": [covered(setting, repetitions) for setting in (*SETTINGS, *EQUAL, *LOPSIDED)],
        "coverage_without_the_rule_for_lopsided_families": [without_rule(each, repetitions) for each in LOPSIDED],
        "false_alarms": [alarms(alike, repetitions) for alike in (0.0, 0.5, 0.95)],
        "power": [power(alike, repetitions) for alike in (0.0, 0.5, 0.95)],
        "cpu_seconds": round(time.process_time() - began, 1),
        "num_cores": os.cpu_count(),
        "versions": versions("numpy", "scipy"),
        "commit": commit(),
    }
    print(json.dumps(document))
    if arguments.out:
        arguments.out.write_text(json.dumps(document, indent=1) + "\n")


def covered(setting: Setting, repetitions: int) -> dict[str, Any]:
    """Measure coverage of the closed forms in all data sets, of bootstrap intervals in a fifth of them."""
    found = coverage(setting, repetitions, 0, bootstrap=False)
    closed = {finding.what for finding in found}
    bootstrapped = coverage(setting, max(1, repetitions // BOOTSTRAP_SHARE), 1)
    found += [finding for finding in bootstrapped if finding.what not in closed]
    show(f"coverage of 95 % intervals: {setting.name}", found)
    return summary(setting, found)


def summary(setting: Setting, found: Sequence[Finding]) -> dict[str, Any]:
    """Return shares and mean widths of one setting."""
    widths = {finding.what: round(finding.width, 4) for finding in found if finding.width is not None}
    return {"setting": setting.name, "shares": shares(found), "mean_widths": widths}


def without_rule(setting: Setting, repetitions: int) -> dict[str, Any]:
    """Measure coverage of the closed forms as if no families were lopsided."""
    before = intervals.LOPSIDED_DEGREES
    intervals.LOPSIDED_DEGREES = 0.0
    try:
        found = coverage(setting, repetitions, 0, bootstrap=False)
    finally:
        intervals.LOPSIDED_DEGREES = before
    show(f"without the rule for lopsided families: {setting.name}", found)
    return summary(setting, found)


def alarms(alike: float, repetitions: int) -> dict[str, Any]:
    """Measure how often equal models are called different at p < 0.05."""
    setting = Setting(families=100, largest=3, alike=alike, rates=(0.5, 0.5))
    found = false_alarms(setting, repetitions, 2)
    show(f"equal models called different: 100 families of 1 to 3, alike {alike}", found)
    return {"alike": alike, "families": 100, "shares": shares(found)}


def power(alike: float, repetitions: int) -> dict[str, Any]:
    """Measure how often the printed detectable gain is found at p < 0.05; it promises 0.8."""
    found = [found_gains(families, 3, alike, repetitions, 3) for families in (100, 300)]
    for families, finding in zip((100, 300), found, strict=True):
        show(f"printed gain found, {families} families of 1 to 3, alike {alike}", [finding])
    return {"alike": alike, "shares": {"100 families": found[0].share, "300 families": found[1].share}}


def show(title: str, found: Sequence[Finding]) -> None:
    """Print one line per finding, with two standard errors of the count."""
    print(title)
    for finding in found:
        if not finding.repetitions:
            print(f"  {finding.what:<28}   no interval")
            continue
        error = 2 * (finding.share * (1 - finding.share) / finding.repetitions) ** 0.5
        print(
            f"  {finding.what:<28}{finding.share:>7.3f} +- {error:.3f}   ({finding.repetitions} data sets)"
            + (f", mean width {finding.width:.3f}" if finding.width is not None else "")
        )


def shares(found: Sequence[Finding]) -> dict[str, float]:
    """Return the shares by name; kinds without any interval are left out."""
    return {finding.what: round(finding.share, 4) for finding in found if finding.repetitions}


def commit() -> str:
    """Return the commit of the working tree."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    main()
