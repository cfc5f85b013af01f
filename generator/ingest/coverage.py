"""How much of a table got its picture: every row in exactly one class, with the reasons, so that no row is missed."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from generator.ingest.downloads import DEAD, FETCHED, NO_PICTURE, REFUSED, TOO_LARGE, PictureOutcome
from schemas.documents import read_document
from schemas.errors import ToileError

IN_TABLE, NO_URL, DUPLICATE, BAD_ROW, OPEN = "in the table", "N.A.", "duplicate", "bad row", "not reached"
CLASSES = (FETCHED, IN_TABLE, DEAD, NO_PICTURE, TOO_LARGE, REFUSED, NO_URL, DUPLICATE, BAD_ROW, OPEN)
SUSPICIOUS = 5
"""Rows that show one and the same picture from which on it is named: a shop's "no picture" is a picture too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFate:
    """What became of one row."""

    number: int
    """1 is the first row of the table."""
    product_code: str
    outcome: str
    """One of CLASSES."""
    reason: str = ""
    url: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """The report, as it is kept in `extra/coverage.json`."""

    rows: int
    products: int
    """Rows that are in the catalog: fetched or in the table."""
    outcomes: Mapping[str, int]
    """Rows by class; they add up to `rows`."""
    reasons: Mapping[str, Mapping[str, int]]
    """Rows by class and reason, where a class has reasons."""
    same_url: int
    """Rows whose URL is also that of an earlier row; asked for once."""
    same_picture: int
    """Rows of the catalog whose picture is, byte for byte, also that of an earlier one."""
    most_shown: Mapping[str, Any] | None
    """The picture that most rows show (`sha256`, `rows`), where that is suspicious."""
    hosts: Mapping[str, Mapping[str, int]]
    """URLs by host and class."""

    @property
    def share(self) -> float:
        """Products per row of the table."""
        return self.products / self.rows if self.rows else 0.0


def coverage_of(fates: list[RowFate], outcomes_by_host: Mapping[str, Iterable[PictureOutcome]]) -> Coverage:
    """Counts in a fixed order, the same for the same fates."""
    counts = Counter(fate.outcome for fate in fates)
    shown = Counter(fate.sha256 for fate in fates if fate.outcome in (FETCHED, IN_TABLE))
    urls = Counter(fate.url for fate in fates if fate.url)
    (sha256, most), *_ = sorted(shown.items(), key=lambda each: (-each[1], str(each[0]))) or [("", 0)]
    return Coverage(
        rows=len(fates),
        products=counts[FETCHED] + counts[IN_TABLE],
        outcomes={name: counts[name] for name in CLASSES},
        reasons={
            name: _counted(fate.reason for fate in fates if fate.outcome == name)
            for name in CLASSES
            if any(fate.reason for fate in fates if fate.outcome == name)
        },
        same_url=sum(urls.values()) - len(urls),
        same_picture=sum(shown.values()) - len(shown),
        most_shown={"sha256": sha256, "rows": most} if most >= SUSPICIOUS else None,
        hosts={host: _counted(each.outcome for each in outcomes_by_host[host]) for host in sorted(outcomes_by_host)},
    )


def read_coverage(path: Path) -> Coverage:
    """The report of an earlier run."""
    document = read_document(path)
    names = {field.name for field in fields(Coverage)}
    if not isinstance(document, dict) or set(document) != names:
        raise ToileError(str(path), "is no coverage report", "make the folder again with --force")
    return Coverage(**document)


def report_lines(coverage: Coverage) -> list[str]:
    """The report for people: one line a class, then what is worth knowing."""
    lines = [f"{coverage.rows:,} rows, {coverage.products:,} with their picture ({coverage.share:.0%})"]
    for name in CLASSES:
        count = coverage.outcomes[name]
        if count or name in (FETCHED, DEAD, NO_PICTURE, NO_URL, DUPLICATE):
            reasons = ", ".join(f"{reason} {n:,}" for reason, n in list(coverage.reasons.get(name, {}).items())[:6])
            lines.append(f"  {name:<14} {count:>9,}  {reasons}".rstrip())
    if coverage.same_url or coverage.same_picture:
        lines.append(f"  {coverage.same_url:,} rows name the URL of an earlier row")
        lines.append(f"  {coverage.same_picture:,} rows show, byte for byte, the picture of an earlier row")
    if coverage.most_shown is not None:
        rows, sha256 = coverage.most_shown["rows"], coverage.most_shown["sha256"]
        lines.append(f"  {rows:,} rows show one and the same picture, sha256 {sha256[:16]}: perhaps a placeholder")
    for host, counts in list(coverage.hosts.items())[:10]:
        lines.append(f"  {host or 'no host'}: " + ", ".join(f"{name} {n:,}" for name, n in counts.items()))
    if len(coverage.hosts) > 10:
        lines.append(f"  and {len(coverage.hosts) - 10:,} more hosts (extra/coverage.json)")
    return lines


def _counted(names: Iterable[str]) -> dict[str, int]:
    """Most frequent first, then by name."""
    return dict(sorted(Counter(names).items(), key=lambda each: (-each[1], each[0])))
