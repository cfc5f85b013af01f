"""Fetch a table of image URLs, from a hub or from disk, and its images into a catalog.

    fetch_dataset("owner/name", "data/shop", FetchOptions(limit=200))

Rows are read and checked before anything is asked for. The images go into `.downloads` with a journal, so that a killed
run asks only for what is missing. Then every row is either in the catalog or in `extra/rejected.jsonl`, and counted in
`extra/coverage.json`. `extra/fetched.jsonl` lists the outcome of every URL, with the sha256 of its image.
"""

import asyncio
import fnmatch
import hashlib
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

from generator.catalog.run_folder import open_or_resume
from generator.catalog.storage import LocalFolder
from generator.ingest import FetchPolicy, ImportOptions
from generator.ingest.downloads import (
    FETCHED,
    REFUSED,
    Downloads,
    ImageClient,
    ImageOutcome,
    Resolver,
    format_outcomes,
    host_of,
    read_outcomes,
    resolve_host,
    validate_response,
)
from generator.ingest.fetch_rows import (
    Coverage,
    JoinedRows,
    check_rows,
    join_images,
    list_wanted,
    read_coverage,
    summarize_coverage,
)
from generator.ingest.hub import download_dataset
from generator.ingest.import_table import (
    check_rate,
    content_sha256,
    describe_columns,
    num_shards,
    write_rejected,
    write_rows,
)
from generator.ingest.rate_limit import Clock, FetchCallbacks, WallClock, fetch_all
from generator.ingest.rows import count_commas, describe_families, list_warnings
from generator.ingest.tables import READERS, SUFFIXES_BY_PREFERENCE, table_files
from schemas.errors import ToileError
from schemas.manifest import MANIFEST, Manifest, load_manifest
from schemas.product import read
from schemas.util.files import file_sha256, sha256_of, storage_errors, write_json
from schemas.util.locks import run_lock

DOWNLOADS = ".downloads"
OUTCOMES_FILE = "extra/fetched.jsonl"
COVERAGE_FILE = "extra/coverage.json"
_ADVICE = {
    "a redirect": "--allow-redirects follows redirects",
    "a private address": "--allow-private asks addresses that are not on the open internet",
    "no connection": "check the network; a proxy has to be named with --proxy",
    "its host has no address": "check the network; a proxy has to be named with --proxy",
    "timeout": "check the network, or allow more with --timeout",
}
"""Reason for no image -> what may help."""


_READING = ("encoding", "delimiter", "decimal", "category")
"""Options of reading that are part of a request where they are given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOptions:
    """What is fetched, and which coverage is enough."""

    reading: ImportOptions = field(default_factory=ImportOptions)
    policy: FetchPolicy = field(default_factory=FetchPolicy)
    limit: int | None = None
    """The first rows of the table only."""
    files: tuple[str, ...] = ()
    """Patterns for the files of the data set that are read; all tables without any."""
    url_suffix: str = ""
    """Added to every URL, for servers that scale images: `?wid=672`."""
    min_coverage: float = 0.0
    """Products per row below which no catalog is written."""
    retry_dead: bool = False
    """Ask again for every image that an earlier run of the same folder did not get."""
    accept_missing: bool = False
    """Write the catalog although a server that had answered stopped answering."""
    keep_downloads: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchResult:
    """The result of a fetch."""

    manifest: Manifest
    written: bool
    """False when the folder already held the same fetch, finished."""
    coverage: Coverage
    num_commas: int = 0
    """Category names in which a comma became ` &`."""
    notes: tuple[str, ...] = ()
    """How the table was read: encoding, columns, prices, families."""
    warnings: tuple[str, ...] = ()
    """What is odd about its rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Functions that are told about the progress of a fetch."""

    say: Callable[[str], None] = lambda text: None
    progress: Callable[[int], None] = lambda number: None
    """Called with the number of rows checked or images settled."""
    report: Callable[[Coverage], None] = lambda coverage: None
    """Called with the coverage before it is compared with what is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The name look-up and the clock; tests replace them."""

    resolve: Resolver = resolve_host
    clock: Clock = field(default_factory=WallClock)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The files of rows on this machine, and their name."""

    name: str
    """The hub name or the file's name."""
    commit: str | None
    """Of the hub; None for a local table."""
    paths: tuple[Path, ...]
    files: tuple[dict[str, Any], ...]
    """path inside the data set, num_bytes and sha256 of each."""


def fetch_dataset(
    dataset: str,
    out: Path | str,
    options: FetchOptions | None = None,
    *,
    force: bool = False,
    reporter: Reporter | None = None,
    environment: Environment | None = None,
) -> FetchResult:
    """Fetch a data set of a hub (`owner/name[@revision]`), or a local table of URLs, into shards at `out`.

    Raises:
        ToileError: The hub or the table cannot be read, too many rows are bad in themselves, a server stopped
            answering, no image was found, or fewer than `min_coverage`. What was fetched by then stays in the folder,
            and the same call continues.
    """
    out, options = Path(out), _with_defaults(options or FetchOptions(), dataset)
    check_rate(options.reading)
    reporter, environment, began = reporter or Reporter(), environment or Environment(), time.monotonic()
    source = find_source(dataset, options.files, reporter.say)
    request = _describe_request(source, options)
    existing = _find_same_request(out, request)
    if existing is not None and existing.finished and not force and not options.retry_dead:
        with run_lock(out):  # a kill may have come just after the manifest, before the lock and downloads were removed
            open_or_resume(LocalFolder(path=out), "fetch", dict(existing.inputs), existing.num_shards, False)
            coverage = read_coverage(out / COVERAGE_FILE)
            reporter.report(coverage)
            _remove_downloads(out, options)
        return FetchResult(manifest=existing, written=False, coverage=coverage)
    rows, arranged = check_rows(
        list(source.paths),
        source.name,
        options.reading,
        limit=options.limit,
        url_suffix=options.url_suffix,
        beside=out.parent / f"{out.name}.rejected.jsonl",
        progress=reporter.progress,
    )
    with run_lock(out), _claim_folder(out, request, existing, force) as downloads:
        _forget_outcomes(downloads, options)
        firsts = list(dict.fromkeys(each.url for each in rows if each.url is not None))
        missed = _download_images(firsts, downloads, options, reporter, environment)
        while wanted := list_wanted(rows, downloads.outcomes, missed):  # of products with further URLs
            missed |= _download_images(wanted, downloads, options, reporter, environment)
        urls = dict.fromkeys(url for each in rows for url in each.urls)
        outcomes = {url: downloads.outcomes[url] for url in urls if url in downloads.outcomes}
        joined = join_images(rows, outcomes, missed, downloads.read, options.reading.source)
        coverage = _write_lists(out, joined, outcomes)
        reporter.report(coverage)
        _check_coverage(dataset, coverage, missed, options)
        manifest = _write_catalog(out, request, arranged.own, joined, outcomes, options, began)
    _remove_downloads(out, options)
    return FetchResult(
        manifest=manifest,
        written=True,
        coverage=coverage,
        num_commas=count_commas(arranged.rows),
        notes=(*describe_columns(arranged), describe_families(joined.valid)),
        warnings=tuple(list_warnings(joined.valid)),
    )


def find_source(dataset: str, patterns: tuple[str, ...], say: Callable[[str], None]) -> Source:
    """Return the table that a path or `owner/name[@revision]` names; download it where necessary.

    `patterns` choose among the files (`data/train-*`). Without any, the first group of SUFFIXES_BY_PREFERENCE is read.
    """
    path = Path(dataset)
    if not path.exists():
        by_suffix = tuple(tuple(f"*{suffix}" for suffix in group) for group in SUFFIXES_BY_PREFERENCE)
        kinds = (patterns,) if patterns else by_suffix
        found = download_dataset(dataset, lambda names: choose_files(names, patterns, dataset), kinds, say)
        return _describe_source(found.name, found.commit, found.folder, found.files)
    if path.is_file():
        return _describe_source(path.name, None, path.parent, (path.name,))
    if (path / MANIFEST).is_file():
        hint = "fetch from the table that it was made from"
        raise ToileError(dataset, "is already a catalog made by toile", hint)
    listed = table_files(path) or [each for each in sorted(path.rglob("*")) if each.is_file()]
    names = [each.relative_to(path).as_posix() for each in listed]
    visible = [name for name in names if not any(part.startswith(".") for part in PurePosixPath(name).parts)]
    return _describe_source(path.resolve().name, None, path, tuple(choose_files(visible, patterns, dataset)))


def choose_files(names: list[str], patterns: tuple[str, ...], dataset: str) -> list[str]:
    """Return the files to read, in their order; raise ToileError where there is none."""
    tables = [name for name in names if PurePosixPath(name).suffix.lower() in READERS]
    if patterns:
        chosen = [name for name in tables if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]
        if not chosen:
            shown = ", ".join(tables[:10]) or "no table"
            raise ToileError(f"--files {' '.join(patterns)}", f"matches no table of {dataset}", f"it has {shown}")
        return chosen
    for suffixes in SUFFIXES_BY_PREFERENCE:
        chosen = [name for name in tables if PurePosixPath(name).suffix.lower() in suffixes]
        if chosen:
            return chosen
    suffixes_found = sorted({PurePosixPath(name).suffix or name for name in names})
    hint = f"it has {', '.join(suffixes_found[:10]) or 'no files'}; toile reads {', '.join(sorted(READERS))}"
    raise ToileError(dataset, "has no table", f"{hint}; toile import reads a folder of class folders")


def _describe_source(name: str, commit: str | None, folder: Path, files: tuple[str, ...]) -> Source:
    described = tuple(_describe_file(folder, file) for file in files)
    return Source(name=name, commit=commit, paths=tuple(folder / file for file in files), files=described)


def _describe_file(folder: Path, file: str) -> dict[str, Any]:
    path = folder / file
    try:
        return {"path": file, "num_bytes": path.stat().st_size, "sha256": file_sha256(path)}
    except OSError as error:
        raise ToileError(str(path), f"cannot be read: {error.strerror}", "check the file") from error


def _with_defaults(options: FetchOptions, dataset: str) -> FetchOptions:
    """Name the source of the rows after the data set, and this program as the user agent, where they are empty."""
    name, policy = dataset.partition("@")[0], options.policy
    name = Path(name).stem if Path(dataset).is_file() else name.rstrip("/").rpartition("/")[2] or dataset
    reading = options.reading if options.reading.source else replace(options.reading, source=name)
    agent = f"toile/{version('toile')} (fetches the images of a catalog once, for private study)"
    policy = policy if policy.user_agent else replace(policy, user_agent=agent)
    return replace(options, reading=reading, policy=policy)


def _remove_downloads(out: Path, options: FetchOptions) -> None:
    """Remove the downloads of a finished catalog, unless they are wanted."""
    if not options.keep_downloads:
        shutil.rmtree(out / DOWNLOADS, ignore_errors=True)


def _describe_request(source: Source, options: FetchOptions) -> dict[str, Any]:
    """Return what is asked for, without limits and timeouts: the same request continues in the same folder."""
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
        **{name: value for name in _READING if (value := getattr(reading, name)) is not None},
    }


def _find_same_request(out: Path, request: dict[str, Any]) -> Manifest | None:
    """Return the manifest of a folder that was finished or started for the same request."""
    path = out / MANIFEST
    if not path.is_file():
        return None
    manifest = load_manifest(path)
    asked = {name: manifest.inputs.get(name) for name in request}
    return manifest if manifest.kind == "fetch" and sha256_of(asked) == sha256_of(request) else None


def _claim_folder(out: Path, request: dict[str, Any], existing: Manifest | None, force: bool) -> Downloads:
    """Claim the folder for this request; return what was downloaded into it before."""
    downloads = Downloads(out / DOWNLOADS)
    if force and (out / MANIFEST).is_file():
        shutil.rmtree(out / DOWNLOADS, ignore_errors=True)
    if existing is not None and existing.finished and not force:
        with downloads:
            _restore_downloads(out, downloads)
    inputs = request if existing is None or existing.finished else dict(existing.inputs)
    open_or_resume(LocalFolder(path=out), "fetch", inputs, 1, force or (existing is not None and existing.finished))
    return downloads


def _forget_outcomes(downloads: Downloads, options: FetchOptions) -> None:
    """Forget what is to be asked again: everything that failed, or what was refused and may be allowed now."""
    if options.retry_dead:
        downloads.forget(lambda each: each.outcome != FETCHED)
    elif options.policy.allow_private or options.policy.allow_redirects:
        downloads.forget(lambda each: each.outcome == REFUSED)


def _restore_downloads(out: Path, downloads: Downloads) -> None:
    """Copy the images of a finished folder from its shards, so that they are not asked for again."""
    by_sha256: dict[str, list[ImageOutcome]] = defaultdict(list)
    for outcome in read_outcomes(out / OUTCOMES_FILE):
        if outcome.sha256 is not None and outcome.url not in downloads.outcomes:
            by_sha256[outcome.sha256].append(outcome)
    for product in read(out, columns=("image",)):
        content = product.image or b""
        for outcome in by_sha256.pop(hashlib.sha256(content).hexdigest(), ()):
            downloads.save(outcome, content)


def _download_images(
    urls: list[str], downloads: Downloads, options: FetchOptions, reporter: Reporter, environment: Environment
) -> dict[str, str]:
    """Ask for every URL that has no outcome yet; return those that stay undecided, with the reason."""
    absent = [url for url in urls if url not in downloads.outcomes]
    by_host: dict[str, list[str]] = defaultdict(list)
    for url in absent:
        by_host[host_of(url)].append(url)
    if absent:
        had = f", {len(urls) - len(absent):,} are here already" if len(absent) < len(urls) else ""
        whom = f"{len(by_host):,} hosts" if len(by_host) > 1 else next(iter(by_host)) or "nobody"
        reporter.say(f"asking {whom} for {len(absent):,} images{had}")
    answered = {host_of(each.url) for each in downloads.outcomes.values() if each.status is not None}

    def save(outcome: ImageOutcome, content: bytes | None) -> None:
        downloads.save(outcome, content)
        reporter.progress(1)

    async def fetch_absent() -> dict[str, str]:
        async with ImageClient(options.policy, environment.resolve) as client:
            callbacks = FetchCallbacks(
                get=client.get,
                close_host=client.close_host,
                validate=lambda url, response: validate_response(url, response, options.reading.max_pixels),
                save=save,
                policy=options.policy,
                clock=environment.clock,
            )
            return await fetch_all(dict(by_host), answered, callbacks)

    try:
        return asyncio.run(fetch_absent())
    except BaseExceptionGroup as group:
        raise next(_flatten(group)) from None


def _flatten(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _flatten(error)
        else:
            yield error


def _write_lists(out: Path, rows: JoinedRows, outcomes: dict[str, ImageOutcome]) -> Coverage:
    """Write the outcomes, the coverage and the rejected rows, also when too few images were found."""
    by_host: dict[str, list[ImageOutcome]] = defaultdict(list)
    for outcome in outcomes.values():
        by_host[host_of(outcome.url)].append(outcome)
    coverage = summarize_coverage(rows.row_outcomes, by_host)
    with storage_errors(out / OUTCOMES_FILE):
        (out / OUTCOMES_FILE).parent.mkdir(exist_ok=True)
        (out / OUTCOMES_FILE).write_text(format_outcomes(outcomes.values()), encoding="utf-8")
        write_json(out / COVERAGE_FILE, asdict(coverage))
    write_rejected(LocalFolder(path=out), rows.rejected)
    return coverage


def _check_coverage(dataset: str, coverage: Coverage, missed: dict[str, str], options: FetchOptions) -> None:
    """Raise ToileError when images are undecided, there are none at all, or fewer than wanted."""
    if missed and not options.accept_missing:
        reason = next(iter(missed.values()))
        problem = f"{len(missed):,} images are missing, because their server stopped answering: {reason}"
        hint = "run the same command again later, it continues; --accept-missing writes the catalog without them"
        raise ToileError(dataset, problem, hint)
    if coverage.products == 0:
        counts = ", ".join(f"{name} {n:,}" for name, n in coverage.outcomes.items() if n)
        raise ToileError(dataset, f"none of {coverage.rows:,} rows has an image: {counts}", suggest_step(coverage))
    if coverage.share < options.min_coverage:
        problem = f"{coverage.share:.1%} of the rows have an image, less than --min-coverage {options.min_coverage:g}"
        raise ToileError(dataset, problem, f"{suggest_step(coverage)}, or lower --min-coverage")


def suggest_step(coverage: Coverage) -> str:
    """Return what may bring more images, by the most frequent reason for having none."""
    counts = [
        (n, reason) for reasons in coverage.reasons.values() for reason, n in reasons.items() if reason in _ADVICE
    ]
    advice = f"{_ADVICE[max(counts)[1]]}; " if counts else ""
    return f"{advice}--retry-dead asks again for every missing image"


def _write_catalog(
    out: Path,
    request: dict[str, Any],
    own_columns: tuple[str, ...],
    rows: JoinedRows,
    outcomes: dict[str, ImageOutcome],
    options: FetchOptions,
    began: float,
) -> Manifest:
    """Claim the folder again, now for these images, and write the shards."""
    policy = options.policy
    inputs = {
        **request,
        "accepted": {
            "max_bytes": policy.max_bytes,
            "max_pixels": options.reading.max_pixels,
            "redirects": policy.allow_redirects,
            "private_addresses": policy.allow_private,
        },
        "own_columns": list(own_columns),
        "fetched_sha256": hashlib.sha256(format_outcomes(outcomes.values()).encode()).hexdigest(),
        "content_sha256": content_sha256(rows.valid, rows.rejected),
    }
    other = sha256_of(load_manifest(out / MANIFEST).inputs) != sha256_of(inputs)
    open_or_resume(LocalFolder(path=out), "fetch", inputs, num_shards(rows.valid), other)
    _write_lists(out, rows, outcomes)  # claiming removes those of other inputs
    return write_rows(LocalFolder(path=out), "fetch", inputs, rows.valid, rows.rejected, began)
