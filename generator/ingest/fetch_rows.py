"""The rows of a fetch: checked before anything is asked for, and put together with their pictures afterwards."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from generator.ingest.arrow_tables import StoredPicture
from generator.ingest.coverage import BAD_ROW, DUPLICATE, IN_TABLE, NO_URL, OPEN, RowFate
from generator.ingest.downloads import FETCHED, PictureOutcome
from generator.ingest.fetch_source import Source
from generator.ingest.import_table import Rejected, check_bad, check_titles, inner_picture
from generator.ingest.rows import (
    KNOWN_COLUMNS,
    Accepted,
    BadRowError,
    ImportOptions,
    Picture,
    accepted_row,
    code_of,
    colour_of,
    num_commas,
    product_of,
    with_families,
    without_repeats,
)
from generator.ingest.tables import Row, mapped, read_files
from schemas.errors import ToileError
from schemas.product import Product


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One row of the table and what it lacks."""

    number: int
    product_code: str
    colour: str | None = None
    product: Product | None = None
    """None for a row that cannot be used whatever its picture."""
    picture: Picture | None = None
    """The one that the table holds."""
    url: str | None = None
    """Where its picture is to be found; None where the table holds it, or names none."""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedRows:
    """All rows, in the catalog or not."""

    accepted: list[Accepted]
    rejected: list[Rejected]
    fates: list[RowFate]


def wanted_rows(
    source: Source, options: ImportOptions, *, limit: int | None, url_suffix: str, progress: Callable[[int], None]
) -> tuple[list[Wanted], int]:
    """The first `limit` rows of a table, checked except for pictures that are elsewhere; and the commas renamed.

    Raises ToileError when a column is missing, or more than `max_bad` of the rows are bad in themselves.
    """
    rows = read_files(list(source.paths), options.encoding)[:limit]
    theirs = sorted(set().union(*(row.keys() for row in rows[:1000])))
    colours = [colour_of(row) for row in rows]
    rows = mapped(rows, dict(options.columns), KNOWN_COLUMNS, source.name)
    if not any(row["imageurl"] or isinstance(row["image"], StoredPicture) for row in rows):
        hint = f"name it, as in --column imageurl=THEIRS; the table has {', '.join(theirs)}"
        raise ToileError(source.name, "no column gives URLs of pictures, or pictures", hint)
    check_titles(rows, set(theirs), source.name)
    wanted = []
    for number, (row, colour) in enumerate(zip(rows, colours, strict=True), start=1):
        progress(1)
        wanted.append(_wanted(number, row, colour, options, url_suffix))
    bad = [_rejected(each.number, each.product_code, each.problem) for each in wanted if each.product is None]
    check_bad(bad, len(rows), source.name, options.max_bad)
    return wanted, num_commas(rows)


def sort_rows(
    wanted: list[Wanted],
    outcomes: dict[str, PictureOutcome],
    missed: dict[str, str],
    read: Callable[[str], bytes],
    source: str,
) -> SortedRows:
    """Every row with its picture into the catalog, every other one with its reason out of it.

    `missed` are the URLs that were not reached, with the reason; `read` gives the picture of a sha256.
    """
    candidates: list[Accepted] = []
    fates: dict[int, RowFate] = {}
    for each in wanted:
        picture, fate = _picture(each, outcomes, missed, read)
        fates[each.number] = fate
        if picture is not None and each.product is not None:
            candidates.append(accepted_row(each.number, each.product, picture, each.colour))
    accepted, repeated = without_repeats(candidates)
    for row in repeated:
        number, code = int(row["row"]), str(row["product_code"])
        fates[number] = RowFate(
            number=number, product_code=code, outcome=DUPLICATE, reason="its code", url=fates[number].url
        )
    told = {int(row["row"]): row for row in repeated}
    rejected = [
        told.get(number) or _rejected(number, fate.product_code, _sentence(fate))
        for number, fate in sorted(fates.items())
        if fate.outcome not in (FETCHED, IN_TABLE)
    ]
    return SortedRows(accepted=with_families(accepted, source), rejected=rejected, fates=list(fates.values()))


def _wanted(number: int, row: Row, colour: str | None, options: ImportOptions, url_suffix: str) -> Wanted:
    code = code_of(number, row)
    try:
        product = product_of(number, row, options)
        stored = row["image"] if isinstance(row["image"], StoredPicture) else None
        picture = None if stored is None else inner_picture(stored, options.max_pixels)
    except BadRowError as error:
        return Wanted(number=number, product_code=code, problem=str(error))
    url = None if picture is not None or product.imageurl is None else product.imageurl + url_suffix
    return Wanted(number=number, product_code=code, colour=colour, product=product, picture=picture, url=url)


def _picture(
    each: Wanted, outcomes: dict[str, PictureOutcome], missed: dict[str, str], read: Callable[[str], bytes]
) -> tuple[Picture | None, RowFate]:
    def fate(outcome: str, reason: str = "", sha256: str | None = None) -> RowFate:
        return RowFate(
            number=each.number,
            product_code=each.product_code,
            outcome=outcome,
            reason=reason,
            url=each.url,
            sha256=sha256,
        )

    if each.product is None:
        return None, fate(BAD_ROW, each.problem)
    if each.picture is not None:
        return each.picture, fate(IN_TABLE, sha256=each.picture.sha256)
    if each.url is None:
        return None, fate(NO_URL)
    outcome = outcomes.get(each.url)
    if outcome is None:
        return None, fate(OPEN, missed[each.url])
    if outcome.outcome != FETCHED:
        return None, fate(outcome.outcome, outcome.reason)
    sha256 = str(outcome.sha256)
    picture = Picture(sha256=sha256, where=each.url, read=lambda: read(sha256))
    return picture, fate(FETCHED, sha256=sha256)


def _sentence(fate: RowFate) -> str:
    if fate.outcome == BAD_ROW:
        return fate.reason
    if fate.outcome == NO_URL:
        return "no picture is named"
    return f"its picture is {fate.outcome}: {fate.reason} ({fate.url})"


def _rejected(number: int, code: str, reason: str) -> dict[str, Any]:
    return {"row": number, "product_code": code, "reason": reason}
