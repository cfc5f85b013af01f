"""The statistics keep their promises on planted models: coverage, false alarms, power; and the checks can fail.

Bounds are honest: a count passes when some true share within the promise is compatible with it (exact binomial, 1 in
10,000). `benchmarks/certify.py` does the same at length.
"""

import numpy as np
import pytest

from benchmarks import certify as certifying
from benchmarks.certify import Finding, Setting
from evaluation.stats import intervals

ALONE = Setting(families=150, largest=1, alike=0.0, rates=(0.4, 0.55))
ALIKE = Setting(families=120, largest=3, alike=0.7, rates=(0.6, 0.75))
DISCRETE = {"median", "rate difference"}
"""Kinds that promise at least their confidence: their limits move in steps."""


@pytest.mark.parametrize("setting", [ALONE, ALIKE], ids=["alone", "alike"])
def test_intervals_cover_the_planted_truth_as_often_as_they_say(setting: Setting) -> None:
    found = {f.what: f for f in certifying.coverage(setting, 1200, seed=0, bootstrap=False)}
    naive = found.pop("rate, rows as independent")
    assert len(found) == 6
    for what, finding in found.items():
        assert finding.within(0.93, 0.98 if what in DISCRETE else 0.97), (what, finding.share)
    assert naive.within(0.93, 0.97) is (setting is ALONE), "taking alike rows for independent is caught"


FEW_HOLD_MOST = {
    "one of 60": Setting(families=9, largest=1, alike=0.5, rates=(0.5, 0.5), large=(60,)),
    "one of 180": Setting(families=29, largest=3, alike=0.95, rates=(0.5, 0.5), large=(180,)),
    "one of 24": Setting(families=24, largest=1, alike=0.8, rates=(0.8, 0.9), large=(24,)),
    "ever smaller": Setting(families=3, largest=1, alike=0.8, rates=(0.5, 0.5), large=(21, 13, 8, 5, 3, 3, 2, 2, 1)),
    "one of 100": Setting(families=30, largest=1, alike=0.6, rates=(0.5, 0.6), large=(100,)),
    "five of 20": Setting(families=55, largest=1, alike=0.95, rates=(0.9, 0.95), large=(20,) * 5),
}


@pytest.mark.parametrize("name", FEW_HOLD_MOST)
def test_intervals_cover_where_few_families_hold_most_rows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    setting = FEW_HOLD_MOST[name]
    found = {f.what: f for f in certifying.coverage(setting, 200, seed=3, bootstrap=False) if f.repetitions}
    assert not found.pop("rate, rows as independent").within(0.93, 1.0)
    assert {"rate", "mean", "rate difference", "mean difference", "macro"} <= set(found)
    for what, finding in found.items():
        assert finding.share > 0.95, (what, finding.share)
    assert found["rate"].width is not None
    assert found["rate"].width < 1, "an interval says something"
    monkeypatch.setattr(intervals, "LOPSIDED_DEGREES", 0.0)
    unguarded = {f.what: f for f in certifying.coverage(setting, 200, seed=3, bootstrap=False)}
    assert not unguarded["mean"].within(0.93, 1.0), "without the guard this test fails"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer resamples and flips: the same methods with a little more noise."""
    monkeypatch.setattr(intervals, "RESAMPLES", 600)
    monkeypatch.setattr(intervals, "FLIPS", 999)


@pytest.mark.usefixtures("quick")
def test_bootstrap_intervals_cover_the_planted_truth() -> None:
    setting = Setting(families=70, largest=2, alike=0.5, rates=(0.5, 0.5))
    pooled = {"RMSLE", "D2", "Spearman", "median difference"}
    for finding in certifying.coverage(setting, 220, seed=1):
        if finding.what in pooled:
            assert finding.within(0.93, 0.975), (finding.what, finding.share)
            pooled.remove(finding.what)
    assert not pooled


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("alike", [0.0, 0.7])
def test_equal_models_are_called_different_in_at_most_five_percent(alike: float) -> None:
    setting = Setting(families=60, largest=3, alike=alike, rates=(0.5, 0.5))
    found = {f.what: f for f in certifying.false_alarms(setting, 1000, seed=2)}
    for what in ("families flipped", "graded, families flipped"):
        assert found[what].within(0.0, 0.05), (what, found[what].share)
    assert found["McNemar on rows"].within(0.0, 0.05) is (alike == 0), "McNemar takes alike rows for independent ones"


@pytest.mark.parametrize("alike", [0.0, 0.5, 0.9])
def test_the_printed_gain_is_found_with_the_printed_power(alike: float) -> None:
    found = certifying.found_gains(150, 3, alike, 800, seed=3)
    assert found.within(0.74, 0.86), found.share


def test_a_finding_is_judged_by_its_count() -> None:
    assert Finding(what="x", repetitions=1000, times=950).within(0.93, 0.97)
    assert not Finding(what="x", repetitions=1000, times=880).within(0.93, 0.97)
    assert not Finding(what="x", repetitions=5000, times=4950).within(0.93, 0.97)
    assert Finding(what="x", repetitions=20, times=16).within(0.93, 0.97), "twenty data sets say little"


def test_planted_models_are_as_right_and_as_alike_as_they_should_be() -> None:
    setting = Setting(families=30_000, largest=2, alike=0.5, rates=(0.3, 0.8))
    answers = certifying.planted(setting, np.random.default_rng(4))
    assert answers.first.mean() == pytest.approx(0.3, abs=0.01)
    assert answers.second.mean() == pytest.approx(0.8, abs=0.01)
    pairs = np.flatnonzero(answers.families[1:] == answers.families[:-1])
    together = np.corrcoef(answers.true[pairs], answers.true[pairs + 1])[0, 1]
    assert together == pytest.approx(0.5, abs=0.03)
    assert np.std(answers.answered - answers.true) == pytest.approx(certifying.ERROR, rel=0.03)
    assert np.corrcoef(answers.first, answers.second)[0, 1] > 0.1, "both find the same rows hard"
