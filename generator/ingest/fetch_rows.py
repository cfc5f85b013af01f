"""Check the rows of a fetch before anything is asked for, join them with their images, and report the coverage.

`check_rows` reads the table. `join_images` puts every row with its image into the catalog and gives every other row a
reason. `summarize_coverage` counts the outcomes, so that no row is missed.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from generator.ingest import ImportOptions
from generator.ingest.columns import MORE_IMAGES, ArrangedRow, ArrangedTable, arrange, split_images
from generator.ingest.downloads import DEAD, FETCHED, NO_IMAGE, REFUSED, TOO_LARGE, ImageOutcome
from generator.ingest.import_table import RejectedRow, check_bad, find_missing, list_names, read_stored_image
from generator.ingest.rows import (
    PLACEHOLDER_ROWS,
    BadRowError,
    CheckedImage,
    ValidRow,
    assign_families,
    drop_repeated_codes,
    parse_code,
    parse_product,
)
from generator.ingest.tables import StoredImage, Table, read_files
from schemas.documents import read_document
from schemas.errors import ToileError
from schemas.product import Product

IN_TABLE, NO_URL, DUPLICATE, BAD_ROW, NOT_REACHED = "in the table", "N.A.", "duplicate", "bad row", "not reached"
MOST_URLS = 9
"""Further URLs of one product that are asked for where the first ones give no image."""
ROW_OUTCOMES = (FETCHED, IN_TABLE, DEAD, NO_IMAGE, TOO_LARGE, REFUSED, NO_URL, DUPLICATE, BAD_ROW, NOT_REACHED)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One row of the table, before its image is fetched."""

    number: int
    """1 is the first row of the table."""
    product_code: str
    own: Mapping[str, str | None] = field(default_factory=dict)
    product: Product | None = None
    """None for a row that cannot be used, whatever its image."""
    image: CheckedImage | None = None
    """The image that the table holds."""
    url: str | None = None
    """URL of the image; None where the table holds the image or names none."""
    more_urls: tuple[str, ...] = ()
    """URLs of further images of the product: the first that answers is used."""
    problem: str = ""

    @property
    def urls(self) -> tuple[str, ...]:
        """All URLs, the first to ask first."""
        return () if self.url is None else (self.url, *self.more_urls)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowOutcome:
    """The result for one row."""

    number: int
    """1 is the first row of the table."""
    product_code: str
    outcome: str
    """One of ROW_OUTCOMES."""
    reason: str = ""
    url: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedRows:
    """All rows of a table: those in the catalog, the others with a reason, and the outcome of each."""

    valid: list[ValidRow]
    rejected: list[RejectedRow]
    row_outcomes: list[RowOutcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """The report in `extra/coverage.json`."""

    rows: int
    products: int
    """Rows in the catalog: fetched or in the table."""
    outcomes: Mapping[str, int]
    """Rows by outcome; they add up to `rows`."""
    reasons: Mapping[str, Mapping[str, int]]
    """Rows by outcome and reason, where an outcome has reasons."""
    same_url: int
    """Rows whose URL is also that of an earlier row; asked for once."""
    same_picture: int
    """Rows of the catalog whose image is, byte for byte, also that of an earlier one."""
    most_shown: Mapping[str, Any] | None
    """The image that most rows show (`sha256`, `rows`), where that is suspicious."""
    hosts: Mapping[str, Mapping[str, int]]
    """URLs by host and outcome."""

    @property
    def share(self) -> float:
        """Products per row of the table."""
        return self.products / self.rows if self.rows else 0.0


def check_rows(
    paths: list[Path],
    name: str,
    options: ImportOptions,
    *,
    limit: int | None,
    url_suffix: str,
    beside: Path,
    progress: Callable[[int], None],
) -> tuple[list[TableRow], ArrangedTable]:
    """Read and check the first `limit` rows of a table, except for images that are elsewhere.

    Args:
        paths: The files of the table.
        name: What messages call it.
        options: How it is read.
        limit: The first rows only.
        url_suffix: Added to every URL.
        beside: Where bad rows are listed when they are too many.
        progress: Called with the number of rows just checked.

    Raises:
        ToileError: A column is missing, or more than `max_bad` of the rows are bad in themselves.
    """
    table = read_files(paths, options)
    table = Table(rows=table.rows[:limit], broken=table.broken, notes=table.notes)
    arranged = arrange(table, options, name)
    values = [row.values for row in arranged.rows]
    problems = [] if (missing := find_missing(arranged)) is None else [missing]
    if not any(row["imageurl"] or isinstance(row["image"], StoredImage) for row in values):
        problems.insert(0, "no column contains URLs of images, or images")
    if problems:
        hint = f"name them, as in --column imageurl=THEIRS; the table has {', '.join(list_names(table.rows))}"
        raise ToileError(name, "; ".join(problems), hint)
    checked = []
    for row in arranged.rows:
        progress(1)
        checked.append(_check_row(row, arranged, options, url_suffix))
    bad = [_reject(each.number, each.product_code, each.problem) for each in checked if each.product is None]
    check_bad(bad, len(checked), name, options.max_bad, beside)
    return checked, arranged


def join_images(
    rows: list[TableRow],
    outcomes: dict[str, ImageOutcome],
    missed: dict[str, str],
    read: Callable[[str], bytes],
    source: str,
) -> JoinedRows:
    """Put every row with its image into the catalog, and give every other row its reason.

    Args:
        rows: The checked rows.
        outcomes: URL -> outcome.
        missed: URL that was not reached -> reason.
        read: Returns the image of a sha256.
        source: Name of the rows, for their families.
    """
    candidates: list[ValidRow] = []
    row_outcomes: dict[int, RowOutcome] = {}
    for row in rows:
        image, outcome = _find_image(row, outcomes, missed, read)
        row_outcomes[row.number] = outcome
        if image is not None and row.product is not None:
            colour = row.own.get("color") or row.own.get("colour")
            candidates.append(ValidRow(row.number, row.product, image, colour, row.own))
    valid, repeated = drop_repeated_codes(candidates)
    for each in repeated:
        number, code = int(each["row"]), str(each["product_code"])
        url = row_outcomes[number].url
        row_outcomes[number] = RowOutcome(
            number=number, product_code=code, outcome=DUPLICATE, reason="its code", url=url
        )
    repeated_by_number = {int(each["row"]): each for each in repeated}
    rejected = [
        repeated_by_number.get(number) or _reject(number, outcome.product_code, _explain(outcome))
        for number, outcome in sorted(row_outcomes.items())
        if outcome.outcome not in (FETCHED, IN_TABLE)
    ]
    return JoinedRows(valid=assign_families(valid, source), rejected=rejected, row_outcomes=list(row_outcomes.values()))


def summarize_coverage(
    row_outcomes: list[RowOutcome], image_outcomes_by_host: Mapping[str, Iterable[ImageOutcome]]
) -> Coverage:
    """Count the outcomes in a fixed order: the same report for the same outcomes."""
    counts = Counter(row.outcome for row in row_outcomes)
    shown = Counter(row.sha256 for row in row_outcomes if row.outcome in (FETCHED, IN_TABLE))
    urls = Counter(row.url for row in row_outcomes if row.url)
    (sha256, most), *_ = sorted(shown.items(), key=lambda each: (-each[1], str(each[0]))) or [("", 0)]
    by_host = image_outcomes_by_host
    return Coverage(
        rows=len(row_outcomes),
        products=counts[FETCHED] + counts[IN_TABLE],
        outcomes={name: counts[name] for name in ROW_OUTCOMES},
        reasons={
            name: _count(row.reason for row in row_outcomes if row.outcome == name)
            for name in ROW_OUTCOMES
            if any(row.reason for row in row_outcomes if row.outcome == name)
        },
        same_url=sum(urls.values()) - len(urls),
        same_picture=sum(shown.values()) - len(shown),
        most_shown={"sha256": sha256, "rows": most} if most >= PLACEHOLDER_ROWS else None,
        hosts={host: _count(each.outcome for each in by_host[host]) for host in sorted(by_host)},
    )


def read_coverage(path: Path) -> Coverage:
    """Read the report of an earlier run."""
    document = read_document(path)
    names = {field.name for field in fields(Coverage)}
    if not isinstance(document, dict) or set(document) != names:
        raise ToileError(str(path), "is not a coverage report", "make the folder again with --force")
    return Coverage(**document)


def format_coverage(coverage: Coverage) -> list[str]:
    """Return the report as lines of text: one line an outcome, then repeated images and hosts."""
    lines = [f"{coverage.rows:,} rows, {coverage.products:,} with their image ({coverage.share:.0%})"]
    for name in ROW_OUTCOMES:
        count = coverage.outcomes[name]
        if count or name in (FETCHED, DEAD, NO_IMAGE, NO_URL, DUPLICATE):
            reasons = ", ".join(f"{reason} {n:,}" for reason, n in list(coverage.reasons.get(name, {}).items())[:6])
            lines.append(f"  {name:<14} {count:>9,}  {reasons}".rstrip())
    if coverage.same_url or coverage.same_picture:
        lines.append(f"  {coverage.same_url:,} rows name the URL of an earlier row")
        lines.append(f"  {coverage.same_picture:,} rows show, byte for byte, the image of an earlier row")
    if coverage.most_shown is not None:
        rows, sha256 = coverage.most_shown["rows"], coverage.most_shown["sha256"]
        lines.append(f"  {rows:,} rows show the same image, sha256 {sha256[:16]}: perhaps a placeholder")
    for host, counts in list(coverage.hosts.items())[:10]:
        lines.append(f"  {host or 'no host'}: " + ", ".join(f"{name} {n:,}" for name, n in counts.items()))
    if len(coverage.hosts) > 10:
        lines.append(f"  and {len(coverage.hosts) - 10:,} more hosts (extra/coverage.json)")
    return lines


def _check_row(row: ArrangedRow, arranged: ArrangedTable, options: ImportOptions, url_suffix: str) -> TableRow:
    number, code = row.number, parse_code(row.number, row.values)
    try:
        if row.problem is not None:
            raise BadRowError(row.problem)
        product = parse_product(number, row.values, options, arranged.decimals, arranged.currency)
        stored = row.values["image"] if isinstance(row.values["image"], StoredImage) else None
        image = None if stored is None else read_stored_image(stored, options.max_pixels)
    except BadRowError as error:
        return TableRow(number=number, product_code=code, problem=str(error))
    if image is not None or product.imageurl is None:
        return TableRow(number=number, product_code=code, own=row.own, product=product, image=image)
    more = [url + url_suffix for url in split_images(row.own.get(MORE_IMAGES)) if "//" in url]
    return TableRow(
        number=number,
        product_code=code,
        own=row.own,
        product=product,
        url=product.imageurl + url_suffix,
        more_urls=tuple(more[:MOST_URLS]),
    )


def list_wanted(rows: list[TableRow], outcomes: Mapping[str, ImageOutcome], missed: Mapping[str, str]) -> list[str]:
    """Return the URLs to ask for next: of each row without an image the first URL that has no outcome yet."""
    wanted: dict[str, None] = {}
    for row in rows:
        for url in row.urls:
            if url in missed or (url in outcomes and outcomes[url].outcome == FETCHED):
                break
            if url not in outcomes:
                wanted[url] = None
                break
    return list(wanted)


def _find_image(
    row: TableRow, outcomes: dict[str, ImageOutcome], missed: dict[str, str], read: Callable[[str], bytes]
) -> tuple[CheckedImage | None, RowOutcome]:
    """Return the image of a row, None without one, and the outcome of the row."""

    url = next((each for each in row.urls if each in outcomes and outcomes[each].outcome == FETCHED), None)
    url = url or next((each for each in row.urls if each in missed), row.url)

    def row_outcome(outcome: str, reason: str = "", sha256: str | None = None) -> RowOutcome:
        return RowOutcome(
            number=row.number,
            product_code=row.product_code,
            outcome=outcome,
            reason=reason,
            url=url,
            sha256=sha256,
        )

    if row.product is None:
        return None, row_outcome(BAD_ROW, row.problem)
    if row.image is not None:
        return row.image, row_outcome(IN_TABLE, sha256=row.image.sha256)
    if url is None:
        return None, row_outcome(NO_URL)
    outcome = outcomes.get(url)
    if outcome is None:
        return None, row_outcome(NOT_REACHED, missed[url])
    if outcome.outcome != FETCHED:
        return None, row_outcome(outcome.outcome, outcome.reason)
    sha256 = str(outcome.sha256)
    image = CheckedImage(sha256=sha256, where=url, read=lambda: read(sha256))
    return image, row_outcome(FETCHED, sha256=sha256)


def _explain(outcome: RowOutcome) -> str:
    """Return the reason for `extra/rejected.jsonl`."""
    if outcome.outcome == BAD_ROW:
        return outcome.reason
    if outcome.outcome == NO_URL:
        return "no image is named"
    return f"its image is {outcome.outcome}: {outcome.reason} ({outcome.url})"


def _reject(number: int, code: str, reason: str) -> RejectedRow:
    return {"row": number, "product_code": code, "reason": reason}


def _count(names: Iterable[str]) -> dict[str, int]:
    """Count names: most frequent first, then by name."""
    return dict(sorted(Counter(names).items(), key=lambda each: (-each[1], each[0])))
