"""Do the statistics of an evaluation keep what they promise, on models with planted accuracies?

Coverage of every kind of 95 % interval, false alarms between two equal models, and how often the printed detectable
gain is found; with independent rows and with families of rows that are alike, and beside them what taking such rows for
independent would do. A table for people, then one JSON line; `--out FILE` keeps it.

    python benchmarks/certify.py --repetitions 2000 --out benchmarks/results/certify_2cores_2026-11-21.json
"""

import argparse
import json
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluation.stats import certify as certifying
from evaluation.stats.certify import Finding, Setting
from schemas.manifest import versions

SETTINGS = (
    Setting(families=300, largest=1, alike=0.0, rates=(0.4, 0.55)),
    Setting(families=300, largest=1, alike=0.0, rates=(0.05, 0.9)),
    Setting(families=60, largest=3, alike=0.5, rates=(0.5, 0.5)),
    Setting(families=150, largest=3, alike=0.5, rates=(0.6, 0.75)),
    Setting(families=150, largest=3, alike=0.95, rates=(0.6, 0.75)),
    Setting(families=30, largest=3, alike=0.5, rates=(0.3, 0.7)),
)
BOOTSTRAP_SHARE = 5
"""One in so many data sets is bootstrapped too: it takes a hundred times as long."""


def main() -> None:
    """Run, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=2000, help="data sets for each setting")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    repetitions: int = arguments.repetitions
    began = time.process_time()
    document: dict[str, Any] = {
        "benchmark": "certify",
        "repetitions": repetitions,
        "coverage": [covered(setting, repetitions) for setting in SETTINGS],
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
    """Coverage of the closed forms in all data sets, of the bootstrapped ones in a fifth of them."""
    found = certifying.coverage(setting, repetitions, 0, bootstrap=False)
    closed = {finding.what for finding in found}
    drawn = certifying.coverage(setting, max(1, repetitions // BOOTSTRAP_SHARE), 1)
    found += [finding for finding in drawn if finding.what not in closed]
    name = f"{setting.families} families of 1 to {setting.largest}, alike {setting.alike}, rates {setting.rates}"
    show(f"coverage of 95 % intervals: {name}", found)
    return {"setting": name, "shares": shares(found)}


def alarms(alike: float, repetitions: int) -> dict[str, Any]:
    """Equal models called different at p < 0.05."""
    setting = Setting(families=100, largest=3, alike=alike, rates=(0.5, 0.5))
    found = certifying.false_alarms(setting, repetitions, 2)
    show(f"equal models called different: 100 families of 1 to 3, alike {alike}", found)
    return {"alike": alike, "families": 100, "shares": shares(found)}


def power(alike: float, repetitions: int) -> dict[str, Any]:
    """The printed detectable gain found at p < 0.05; it promises 0.8."""
    found = [certifying.found_gains(families, 3, alike, repetitions, 3) for families in (100, 300)]
    for families, finding in zip((100, 300), found, strict=True):
        show(f"printed gain found, {families} families of 1 to 3, alike {alike}", [finding])
    return {"alike": alike, "shares": {"100 families": found[0].share, "300 families": found[1].share}}


def show(title: str, found: Sequence[Finding]) -> None:
    """One line a finding, with two standard errors of the count."""
    print(title)
    for finding in found:
        error = 2 * (finding.share * (1 - finding.share) / finding.repetitions) ** 0.5
        print(f"  {finding.what:<28}{finding.share:>7.3f} +- {error:.3f}   ({finding.repetitions} data sets)")


def shares(found: Sequence[Finding]) -> dict[str, float]:
    """By what it is about."""
    return {finding.what: round(finding.share, 4) for finding in found}


def commit() -> str:
    """Of the working tree."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    main()
