"""A table of URLs, from a hub or from disk -> its pictures -> the same shards as any other catalog.

Rows are read and checked before anything is asked for. The pictures go into `.downloads` with a journal, so that a
killed run asks only for what is missing; then every row is either in the catalog or in `extra/rejected.jsonl`, counted
in `extra/coverage.json`, and what was fetched stands frozen, URL by URL with its sha256, in `extra/fetched.jsonl`.
"""

import asyncio
import hashlib
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from generator.catalog.run_folder import claim
from generator.catalog.storage import LocalFolder
from generator.ingest.coverage import Coverage, coverage_of, read_coverage
from generator.ingest.downloads import (
    FETCHED,
    NO_PICTURE,
    REFUSED,
    TOO_LARGE,
    Downloads,
    PictureOutcome,
    frozen_list,
    read_outcomes,
)
from generator.ingest.fetch_rows import SortedRows, sort_rows, wanted_rows
from generator.ingest.fetch_source import Source, find_source
from generator.ingest.hub import PictureClient, Resolver, host_of, look_up
from generator.ingest.image_files import BadPictureError, check_picture, looks_like_a_page
from generator.ingest.import_table import check_rate, content_sha256, num_shards, write_rejected, write_rows
from generator.ingest.rate_limit import Answer, Clock, Manners, Round, WallClock, fetch_all
from generator.ingest.rows import ImportOptions
from schemas.errors import ToileError
from schemas.manifest import MANIFEST, Manifest, load_manifest
from schemas.product import read
from schemas.util.files import sha256_of, storage_errors, write_json
from schemas.util.locks import run_lock

DOWNLOADS = ".downloads"
FROZEN = "extra/fetched.jsonl"
COVERAGE = "extra/coverage.json"
_NEXT = {
    "a redirect": "--allow-redirects follows redirects",
    "a private address": "--allow-private asks addresses that are not on the open internet",
    "no connection": "check the network; a proxy has to be named with --proxy",
    "its host has no address": "check the network; a proxy has to be named with --proxy",
    "timeout": "check the network, or allow more with --timeout",
}
"""Commonest reason for no picture -> what may help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOptions:
    """What is fetched, and what counts as enough."""

    reading: ImportOptions
    manners: Manners
    limit: int | None = None
    """The first rows of the table only."""
    files: tuple[str, ...] = ()
    """Patterns for the files of the data set that are read; all tables without any."""
    url_suffix: str = ""
    """Added to every URL, for servers that scale pictures: `?wid=672`."""
    min_coverage: float = 0.0
    """Products per row below which no catalog is written."""
    retry_dead: bool = False
    """Ask once more for every picture that an earlier run of the same folder did not get."""
    accept_missing: bool = False
    """Write the catalog although a server that had answered stopped doing so."""
    keep_downloads: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchResult:
    """What a fetch did."""

    manifest: Manifest
    written: bool
    """False when the folder already held the same fetch, finished."""
    coverage: Coverage
    num_commas: int = 0
    """Category names in which a comma became ` &`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """Who hears what while it happens."""

    say: Callable[[str], None] = lambda text: None
    progress: Callable[[int], None] = lambda number: None
    report: Callable[[Coverage], None] = lambda coverage: None
    """Hears the coverage before anything is decided by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What tests put in place of the real one."""

    resolve: Resolver = look_up
    clock: Clock = field(default_factory=WallClock)


def fetch_dataset(
    dataset: str,
    out: Path,
    options: FetchOptions,
    *,
    force: bool = False,
    talk: Talk | None = None,
    world: World | None = None,
) -> FetchResult:
    """Fetch a data set of a hub (`owner/name[@revision]`), or a local table of URLs, into shards at `out`.

    Raises ToileError when the hub or the table cannot be read, too many rows are bad in themselves, a server stopped
    answering half-way, no picture was found, or fewer than `min_coverage`. What was fetched by then stays in the
    folder, and the same command continues.
    """
    check_rate(options.reading)
    talk, world, began = talk or Talk(), world or World(), time.monotonic()
    source = find_source(dataset, options.files, talk.say)
    request = _request(source, options)
    existing = _same(out, request)
    if existing is not None and existing.finished and not force and not options.retry_dead:
        with run_lock(out):  # a kill may have come just after the manifest, and left its lock too
            claim(LocalFolder(path=out), "fetch", dict(existing.inputs), existing.num_shards, False)
            coverage = read_coverage(out / COVERAGE)
            talk.report(coverage)
            _tidy(out, options)
        return FetchResult(manifest=existing, written=False, coverage=coverage)
    wanted, commas = wanted_rows(
        source, options.reading, limit=options.limit, url_suffix=options.url_suffix, progress=talk.progress
    )
    urls = list(dict.fromkeys(each.url for each in wanted if each.url is not None))
    with run_lock(out), _claimed(out, request, existing, force) as downloads:
        _forget(downloads, options)
        missed = _download(urls, downloads, options, talk, world)
        outcomes = {url: downloads.outcomes[url] for url in urls if url in downloads.outcomes}
        rows = sort_rows(wanted, outcomes, missed, downloads.read, options.reading.source)
        coverage = _write_lists(out, rows, outcomes)
        talk.report(coverage)
        _check_enough(dataset, coverage, missed, options)
        manifest = _write(out, request, rows, outcomes, options, began)
    _tidy(out, options)
    return FetchResult(manifest=manifest, written=True, coverage=coverage, num_commas=commas)


def _tidy(out: Path, options: FetchOptions) -> None:
    """The downloads of a finished catalog go, unless they are wanted."""
    if not options.keep_downloads:
        shutil.rmtree(out / DOWNLOADS, ignore_errors=True)


def judged(url: str, answer: Answer, max_pixels: int) -> PictureOutcome:
    """What an answer is worth, decided by decoding it."""
    try:
        check_picture(answer.content, max_pixels)
    except BadPictureError as error:
        if error.too_large:
            outcome, reason = TOO_LARGE, f"more than {max_pixels:,} pixels"
        else:
            outcome, reason = NO_PICTURE, _what(answer.content)
        return PictureOutcome(url=url, outcome=outcome, reason=reason, status=200, final_url=answer.final_url)
    return PictureOutcome(
        url=url,
        outcome=FETCHED,
        status=200,
        num_bytes=len(answer.content),
        sha256=hashlib.sha256(answer.content).hexdigest(),
        final_url=answer.final_url,
    )


def _what(content: bytes) -> str:
    if not content:
        return "nothing"
    return "a page" if looks_like_a_page(content) else "broken, or in no format that is known"


def _request(source: Source, options: FetchOptions) -> dict[str, Any]:
    """What is asked for, apart from the manner: the same request continues in the same folder."""
    reading = options.reading
    return {
        "dataset": source.name,
        "revision": source.commit,
        "files": list(source.files),
        "limit": options.limit,
        "url_suffix": options.url_suffix,
        "source": reading.source,
        "columns": dict(reading.columns),
        "currency": reading.currency,
        "rate": reading.rate,
        "categories": None if reading.categories is None else dict(reading.categories),
    }


def _same(out: Path, request: dict[str, Any]) -> Manifest | None:
    """The manifest of a folder that answers, or began to answer, the same request."""
    path = out / MANIFEST
    if not path.is_file():
        return None
    manifest = load_manifest(path)
    asked = {name: manifest.inputs.get(name) for name in request}
    return manifest if manifest.kind == "fetch" and sha256_of(asked) == sha256_of(request) else None


def _claimed(out: Path, request: dict[str, Any], existing: Manifest | None, force: bool) -> Downloads:
    """The folder claimed for this request, and what was downloaded into it before."""
    downloads = Downloads(out / DOWNLOADS)
    if force and (out / MANIFEST).is_file():
        shutil.rmtree(out / DOWNLOADS, ignore_errors=True)
    if existing is not None and existing.finished and not force:
        with downloads:
            _restore(out, downloads)
    inputs = request if existing is None or existing.finished else dict(existing.inputs)
    claim(LocalFolder(path=out), "fetch", inputs, 1, force or (existing is not None and existing.finished))
    return downloads


def _forget(downloads: Downloads, options: FetchOptions) -> None:
    """What is to be asked again: everything that failed, or what was refused and may be allowed now."""
    if options.retry_dead:
        downloads.forget(lambda each: each.outcome != FETCHED)
    elif options.manners.allow_private or options.manners.allow_redirects:
        downloads.forget(lambda each: each.outcome == REFUSED)


def _restore(out: Path, downloads: Downloads) -> None:
    """Take the pictures of a finished folder back out of its shards, so that they are not asked for again."""
    by_sha256: dict[str, list[PictureOutcome]] = defaultdict(list)
    for outcome in read_outcomes(out / FROZEN):
        if outcome.sha256 is not None and outcome.url not in downloads.outcomes:
            by_sha256[outcome.sha256].append(outcome)
    for product in read(out, columns=("image",)):
        content = product.image or b""
        for outcome in by_sha256.pop(hashlib.sha256(content).hexdigest(), ()):
            downloads.keep(outcome, content)


def _download(urls: list[str], downloads: Downloads, options: FetchOptions, talk: Talk, world: World) -> dict[str, str]:
    """Ask for every URL that has no outcome yet; returns those that stay open, with the reason."""
    absent = [url for url in urls if url not in downloads.outcomes]
    by_host: dict[str, list[str]] = defaultdict(list)
    for url in absent:
        by_host[host_of(url)].append(url)
    if absent:
        had = f", {len(urls) - len(absent):,} are here already" if len(absent) < len(urls) else ""
        whom = f"{len(by_host):,} hosts" if len(by_host) > 1 else next(iter(by_host)) or "nobody"
        talk.say(f"asking {whom} for {len(absent):,} pictures{had}")
    answered = {host_of(each.url) for each in downloads.outcomes.values() if each.status is not None}

    def keep(outcome: PictureOutcome, content: bytes | None) -> None:
        downloads.keep(outcome, content)
        talk.progress(1)

    async def work() -> dict[str, str]:
        async with PictureClient(options.manners, world.resolve) as client:
            work = Round(
                get=client.get,
                leave=client.leave,
                judge=lambda url, answer: judged(url, answer, options.reading.max_pixels),
                keep=keep,
                manners=options.manners,
                clock=world.clock,
            )
            return await fetch_all(dict(by_host), answered, work)

    try:
        return asyncio.run(work())
    except BaseExceptionGroup as group:
        raise next(_leaves(group)) from None


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _write_lists(out: Path, rows: SortedRows, outcomes: dict[str, PictureOutcome]) -> Coverage:
    """The frozen list, the coverage and the rejected rows, there also when too few pictures were found."""
    by_host: dict[str, list[PictureOutcome]] = defaultdict(list)
    for outcome in outcomes.values():
        by_host[host_of(outcome.url)].append(outcome)
    coverage = coverage_of(rows.fates, by_host)
    with storage_errors(out / FROZEN):
        (out / FROZEN).parent.mkdir(exist_ok=True)
        (out / FROZEN).write_text(frozen_list(outcomes.values()), encoding="utf-8")
        write_json(out / COVERAGE, asdict(coverage))
    write_rejected(LocalFolder(path=out), rows.rejected)
    return coverage


def _check_enough(dataset: str, coverage: Coverage, missed: dict[str, str], options: FetchOptions) -> None:
    if missed and not options.accept_missing:
        reason = next(iter(missed.values()))
        problem = f"{len(missed):,} pictures are still to come, because their server stopped answering: {reason}"
        hint = "run the same command again later, it continues; --accept-missing writes the catalog without them"
        raise ToileError(dataset, problem, hint)
    if coverage.products == 0:
        commonest = ", ".join(f"{name} {n:,}" for name, n in coverage.outcomes.items() if n)
        raise ToileError(dataset, f"not one of {coverage.rows:,} rows has a picture: {commonest}", next_step(coverage))
    if coverage.share < options.min_coverage:
        problem = f"{coverage.share:.1%} of the rows have a picture, less than --min-coverage {options.min_coverage:g}"
        raise ToileError(dataset, problem, f"{next_step(coverage)}, or ask for less coverage")


def next_step(coverage: Coverage) -> str:
    """What may bring more pictures, by the commonest reason for having none."""
    counts = [(n, reason) for reasons in coverage.reasons.values() for reason, n in reasons.items() if reason in _NEXT]
    advice = f"{_NEXT[max(counts)[1]]}; " if counts else ""
    return f"{advice}--retry-dead asks once more for every picture that did not come"


def _write(
    out: Path,
    request: dict[str, Any],
    rows: SortedRows,
    outcomes: dict[str, PictureOutcome],
    options: FetchOptions,
    began: float,
) -> Manifest:
    """Claim the folder once more, now for these very pictures, and write the shards."""
    manners = options.manners
    inputs = {
        **request,
        "accepted": {
            "max_bytes": manners.max_bytes,
            "max_pixels": options.reading.max_pixels,
            "redirects": manners.allow_redirects,
            "private_addresses": manners.allow_private,
        },
        "fetched_sha256": hashlib.sha256(frozen_list(outcomes.values()).encode()).hexdigest(),
        "content_sha256": content_sha256(rows.accepted, rows.rejected),
    }
    other = sha256_of(load_manifest(out / MANIFEST).inputs) != sha256_of(inputs)
    claim(LocalFolder(path=out), "fetch", inputs, num_shards(rows.accepted), other)
    _write_lists(out, rows, outcomes)  # claiming removes those of other inputs
    return write_rows(LocalFolder(path=out), "fetch", inputs, rows.accepted, rows.rejected, began)
