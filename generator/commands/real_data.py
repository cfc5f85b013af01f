"""Commands on real data: import, fetch, fit, audit."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import click

from generator.commands import FolderOrUrl, is_quiet, say
from generator.ingest import FetchPolicy, ImportOptions
from schemas.audit import AUDIT, GATES, PRIVACY
from schemas.documents import read_document
from schemas.errors import ToileError
from schemas.util.console import progress_bar, strip_control_chars

_FOLDER = click.Path(path_type=Path, file_okay=False)
_EXISTING_FOLDER = _CATALOG = click.Path(exists=True, file_okay=False, path_type=Path)
_EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_DATASET = "DBQ/Burberry.Product.prices.United.States"
_IMPORT, _FETCH = ImportOptions(), FetchPolicy()
_POLICY = ("workers", "per_host", "retries", "max_bytes", "allow_redirects", "allow_private", "proxy")
"""Options of fetch that are fields of FetchPolicy under the same name."""

Command = Callable[..., None]


def _parse_delimiter(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return the character that an option names or is; a tab can be written as \\t."""
    names = {"comma": ",", "tab": "\t", "semicolon": ";", "pipe": "|", "\\t": "\t"}
    if value is None or value in names:
        return None if value is None else names[value]
    if len(value) != 1 or value in '"\r\n':
        raise click.BadParameter("use comma, tab, semicolon, pipe, or one character", ctx, param)
    return value


def _parse_currency(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return the code of a currency as it is."""
    if value is not None and not re.fullmatch("[A-Z]{3}", value):
        raise click.BadParameter(f"{value!r} is not three capital letters, such as USD", ctx, param)
    return value


def _reading_options(command: Command) -> Command:
    """Add the options that say how a foreign table is read, to import and fetch."""
    options = (
        click.option(
            *("--column", "columns"),
            multiple=True,
            metavar="OURS=THEIRS",
            help="A column whose name is not found by itself; repeatable.",
        ),
        click.option(
            "--currency",
            metavar="CODE",
            callback=_parse_currency,
            help="Currency of the prices (after --rate), such as USD.",
        ),
        click.option(
            "--rate", type=click.FloatRange(min=0, min_open=True), help="Multiply every price, to change currency."
        ),
        click.option("--categories", type=_EXISTING_FILE, help="YAML with lines `their category: ours`."),
        click.option("--source", help="Name kept with every row; by default that of the table."),
        click.option("--category", metavar="NAME", help="Category of rows without any: WOMEN, or 'WOMEN > SHOES'."),
        click.option("--encoding", metavar="NAME", help="Of a text file, such as cp1252; found in it by default."),
        click.option(
            "--delimiter",
            metavar="CHAR",
            callback=_parse_delimiter,
            help="Between fields: comma, tab, semicolon, pipe, or a character; found by default.",
        ),
        click.option(
            "--decimal",
            type=click.Choice(["point", "comma", ".", ","]),
            callback=lambda ctx, param, value: {"point": ".", "comma": ","}.get(value, value),
            help="Decimal mark of prices; found in each column by default.",
        ),
        click.option(
            "--max-bad",
            default=_IMPORT.max_bad,
            show_default=True,
            type=click.FloatRange(0, 1),
            help="Share of bad rows allowed.",
        ),
        click.option(
            "--max-pixels",
            default=_IMPORT.max_pixels,
            show_default=True,
            type=click.IntRange(1, 178_000_000),
            help="Largest image.",
        ),
        click.option("--force", is_flag=True, help="Replace another catalog in --out."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command(name="import")
@click.argument("table", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--images", type=_EXISTING_FOLDER, help="Folder that image paths are relative to; by default that of the table."
)
@click.option(
    "--out", required=True, type=FolderOrUrl(), help="New folder for the catalog, or a URL such as s3://bucket/prefix."
)
@click.option("--no-images", is_flag=True, help="Keep rows alone.")
@_reading_options
@click.pass_context
def import_(ctx: click.Context, /, table: Path, out: str, no_images: bool, force: bool, **options: Any) -> None:
    """Import TABLE and its images as a catalog.

    TABLE is a file (.csv, .tsv, .txt, .jsonl, .ndjson, .xlsx, .xls, .ods, .parquet, .arrow), a folder of `datasets`
    (Parquet files, or what save_to_disk wrote), or a folder of class folders. Images are files that a column names, or
    are in the table itself. Columns with the usual names of shops and exports are found; how the table was read is
    shown.

    \b
    Example:
      toile import shop/products.csv --images shop --currency USD --out data/shop
    """
    from generator.catalog.run_folder import exclusive_lock
    from generator.catalog.storage import resolve_folder
    from generator.ingest.import_table import import_table

    if no_images and options["images"] is not None:
        raise click.UsageError("--no-images reads no images: leave out --images, or --no-images.")
    ctx.with_resource(exclusive_lock(resolve_folder(out)))
    reading = replace(_take_import_options(options), with_images=not no_images)
    with progress_bar("reading", None, quiet=is_quiet(ctx)) as advance:
        result = import_table(table, out, reading, force=force, progress=advance)
    _say_findings(ctx, result.notes, result.warnings)
    for row in result.rejected[:5]:
        line = f"  row {row['row']} (code {row['product_code']}) rejected: {row['reason']}"
        click.echo(strip_control_chars(line), err=True)
    notes = f", {len(result.rejected)} rows rejected ({out}/extra/rejected.jsonl)" if result.rejected else ""
    text = f"{result.manifest.num_products:,} products{notes}{_describe_commas(result.num_commas)}: {out}"
    say(ctx, text, finished_before=not result.written)


@click.command()
@click.argument("dataset", default=_DATASET)
@click.option("--out", required=True, type=_FOLDER, help="New folder for the catalog.")
@click.option("--limit", type=click.IntRange(min=1), help="The first rows of the table only.")
@click.option("--files", multiple=True, metavar="PATTERN", help="Files of the data set to read; repeatable.")
@click.option("--url-suffix", default="", help="Added to every image URL, for servers that scale: '?wid=672'.")
@click.option(
    "--workers", default=_FETCH.workers, show_default=True, type=click.IntRange(1, 64), help="Requests at once."
)
@click.option(
    "--per-host",
    default=_FETCH.per_host,
    show_default=True,
    type=click.IntRange(1, 16),
    help="Requests at once to a host.",
)
@click.option(
    "--retries",
    default=_FETCH.retries,
    show_default=True,
    type=click.IntRange(0, 10),
    help="After 429, 5xx or no answer.",
)
@click.option(
    "--timeout",
    default=_FETCH.timeout_seconds,
    show_default=True,
    type=click.FloatRange(1, 600),
    help="Seconds for one attempt.",
)
@click.option(
    "--max-bytes", default=_FETCH.max_bytes, show_default=True, type=click.IntRange(1), help="Largest image file."
)
@click.option("--allow-redirects", is_flag=True, help="Follow up to 5 redirects, each checked; refused by default.")
@click.option("--allow-private", is_flag=True, help="Also ask addresses that are not on the open internet.")
@click.option("--proxy", metavar="URL", help="Ask through this proxy; those of the environment are not used.")
@click.option("--user-agent", help="Name sent to servers; by default toile and its version.")
@click.option(
    "--min-coverage",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Products per row needed.",
)
@click.option("--retry-dead", is_flag=True, help="Ask again for images that an earlier run did not get.")
@click.option("--accept-missing", is_flag=True, help="Finish although a server stopped answering.")
@click.option("--keep-downloads", is_flag=True, help="Keep the image files in OUT/.downloads.")
@_reading_options
@click.pass_context
def fetch(ctx: click.Context, /, dataset: str, out: Path, force: bool, **options: Any) -> None:
    """Fetch the rows of DATASET, and the images that its column `imageurl` names, as a catalog.

    DATASET is a hub name (owner/name, owner/name@revision), a table (.csv, .tsv, .jsonl, .ndjson, .parquet, .arrow) or
    a folder of tables; by default DBQ/Burberry.Product.prices.United.States. Images in the tables are used as they are.

    Rows with bad values (a price, a currency) count for --max-bad. Images that are dead, not images, too large or
    refused, rows without a URL, and repeated codes do not. They are in the coverage report, which is printed and saved
    as extra/coverage.json. Too many of them are an error only with --min-coverage; no image at all is always an error.

    A killed run continues when it is started again. Images belong to their owners: see docs/data.md.

    \b
    Example:
      toile fetch DBQ/Burberry.Product.prices.United.States --limit 200 --out data/burberry
    """
    from generator.ingest.fetch import FetchOptions, Reporter, fetch_dataset
    from generator.ingest.fetch_rows import Coverage, format_coverage

    reading = _take_import_options(options)
    policy = FetchPolicy(
        user_agent=options.pop("user_agent") or "",
        timeout_seconds=options.pop("timeout"),
        **{name: options.pop(name) for name in _POLICY},
    )

    def report(coverage: Coverage) -> None:
        click.echo("\n".join(format_coverage(coverage)))

    with progress_bar("fetching", None, quiet=is_quiet(ctx)) as advance:
        reporter = Reporter(say=lambda text: say(ctx, text), progress=advance, report=report)
        fetch_options = FetchOptions(reading=reading, policy=policy, **options)
        result = fetch_dataset(dataset, out, fetch_options, force=force, reporter=reporter)
    _say_findings(ctx, result.notes, result.warnings)
    num_rejected = result.manifest.rejected
    notes = f", {num_rejected:,} rows rejected ({out}/extra/rejected.jsonl)" if num_rejected else ""
    text = f"{result.manifest.num_products:,} products{notes}{_describe_commas(result.num_commas)}: {out}"
    say(ctx, text, finished_before=not result.written)
    if not result.written and num_rejected:
        say(ctx, "  --retry-dead asks again for the missing images")


@click.command()
@click.argument("catalog", type=_CATALOG)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Spec to write, a .yaml file."
)
@click.option(
    "--epsilon",
    type=click.FloatRange(min=0.01, max=100),
    help="Privacy loss of all released figures together; 1 is common. Without it the spec is not private.",
)
@click.option(
    "--delta",
    default=1e-6,
    show_default=True,
    type=click.FloatRange(min=1e-15, max=0.01),
    help="With --epsilon: spent only on names of categories and kept values.",
)
@click.option(
    "--unit",
    default="family",
    show_default=True,
    type=click.Choice(["family", "row"]),
    help="With --epsilon: what it protects. A row only if no two show one design.",
)
@click.option(
    "--price-range",
    metavar="LOW:HIGH",
    help="With --epsilon: bounds of the prices that are public, as 10:500.",
)
@click.option(
    "--min-support",
    default=5,
    show_default=True,
    type=click.IntRange(min=1),
    help="Smallest number of product families behind a word or value.",
)
@click.option(
    "--categories",
    type=_EXISTING_FILE,
    help="YAML list of `A > B > C`: public categories, such as the menu of the site.",
)
@click.option("--name", default="twin", show_default=True, help="Name of the invented shop.")
@click.option("--currency", metavar="CODE", help="Currency of the prices; default: that of the catalog or its rows.")
@click.option("--country", metavar="CODE", help="Three letters; default: that of the catalog or its rows.")
@click.option(
    "--keep",
    multiple=True,
    metavar="COLUMN",
    help="A column of your own that the twin has too: text, numbers, dates; repeatable.",
)
@click.option(
    "--keep-values",
    type=_EXISTING_FILE,
    help="With --epsilon: YAML of the values of kept columns that are public, as in {season: [summer, winter]}.",
)
@click.option("--no-images", is_flag=True, help="Read colours from columns and titles only.")
@click.option("--force", is_flag=True, help="Replace the file.")
@click.pass_context
def fit(
    ctx: click.Context,
    catalog: Path,
    out: Path,
    epsilon: float | None,
    delta: float,
    unit: Literal["family", "row"],
    price_range: str | None,
    min_support: int,
    categories: Path | None,
    name: str,
    currency: str | None,
    country: str | None,
    keep: tuple[str, ...],
    keep_values: Path | None,
    no_images: bool,
    force: bool,
) -> None:
    """Fit a catalog spec to the train split of CATALOG: categories, prices, words, colours.

    Colour, material and pattern come from your own columns of such names, else from titles and images. What fewer than
    --min-support product families have is counted with what is next to it; the command says for how many rows.

    \b
    Example:
      toile fit data/real --out twin.yaml --epsilon 1
    """
    from generator.fit.categories import load_categories
    from generator.fit.fit_spec import FitOptions, write_spec
    from generator.fit.fit_spec import fit as fit_rows

    if out.suffix not in {".yaml", ".yml"}:
        raise ToileError(str(out), "is not a YAML file", f"name it {out.stem}.yaml")
    if out.exists() and not force:
        raise ToileError(str(out), "exists already", "choose another name, or --force")
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) or len(name) > 60:
        raise ToileError(f"--name {name}", "is not lower-case words joined by hyphens", "write it as corner-shop")
    for option, code in (("--currency", currency), ("--country", country)):
        if code is not None and not re.fullmatch("[A-Z]{3}", code):
            raise ToileError(f"{option} {code}", "is not three capital letters", "write it as USD or USA")
    if price_range is not None and epsilon is None:
        raise ToileError(
            "--price-range", "is for a private fit; an exact one reads the prices", "add --epsilon 1, or omit it"
        )
    if keep_values is not None and epsilon is None:
        raise ToileError("--keep-values", "is for a private fit; an exact one reads the values", "omit it")
    options = FitOptions(
        epsilon=epsilon,
        delta=delta,
        unit=unit,
        price_range=None if price_range is None else _parse_price_range(price_range),
        min_support=min_support,
        categories=None if categories is None else load_categories(categories),
        name=name,
        currency=currency,
        country=country,
        keep=tuple(dict.fromkeys(keep)),
        keep_values={} if keep_values is None else _load_kept_values(keep_values, keep),
        images=not no_images,
    )
    found = fit_rows(catalog, options, progress=lambda text: say(ctx, text))
    for message in found.messages:
        say(ctx, message)
    write_spec(found, out)
    say(ctx, f"written: {out}")
    say(ctx, f"next: toile check {out}")


def _load_kept_values(path: Path, keep: Sequence[str]) -> dict[str, tuple[str | float, ...]]:
    """Load the public values of kept columns. Raises ToileError if the file holds something else."""
    document = read_document(path)
    hint = "write {season: [summer, winter]}, and --keep season"
    if not isinstance(document, dict) or not document:
        raise ToileError(str(path), "is not a mapping of columns to lists of values", hint)
    found: dict[str, tuple[str | float, ...]] = {}
    for name, values in document.items():
        if name not in keep:
            raise ToileError(f"{path}: {name}", "is no column of --keep", hint)
        if not isinstance(values, list) or not values or not all(isinstance(v, str | int | float) for v in values):
            raise ToileError(f"{path}: {name}", "is not a list of text and numbers", hint)
        plain = (str(v).lower() if isinstance(v, bool) else v if isinstance(v, str) else float(v) for v in values)
        found[name] = tuple(dict.fromkeys(" ".join(v.split()) if isinstance(v, str) else v for v in plain))
    return found


def _parse_price_range(text: str) -> tuple[float, float]:
    """Parse `LOW:HIGH`. Raises ToileError if it is not two positive numbers in order."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)", text)
    low, high = (float(found[1]), float(found[2])) if found else (0.0, 0.0)
    if not 0.001 <= low < high <= 1e12:
        hint = "write the lowest and the highest price that is public, as in --price-range 10:500"
        raise ToileError(f"--price-range {text}", "is not two prices up to 1e12, the lower one first", hint)
    return low, high


@click.command()
@click.option(
    "--real",
    required=True,
    type=_CATALOG,
    metavar="CATALOG",
    help="Real rows: train is what a fit reads, the rest is holdout.",
)
@click.option("--synthetic", required=True, type=_CATALOG, metavar="CATALOG", help="Synthetic catalog to audit.")
@click.option("--out", required=True, type=_FOLDER, help="Folder for the results.")
@click.option(
    "--spec",
    type=click.Path(path_type=Path),
    help="Spec of the synthetic catalog: its strings are checked too; a fitted one is fitted again.",
)
@click.option(
    "--gate",
    default=PRIVACY,
    show_default=True,
    type=click.Choice(GATES),
    help="Kind of checks whose failure makes the exit code 1.",
)
@click.option(
    "--refits",
    default=8,
    show_default=True,
    type=click.IntRange(min=1),
    help="Number of families to leave out, one a refit.",
)
@click.option("--force", is_flag=True, help="Replace an audit in --out.")
@click.pass_context
def audit(
    ctx: click.Context,
    real: Path,
    synthetic: Path,
    out: Path,
    spec: Path | None,
    gate: str,
    refits: int,
    force: bool,
) -> None:
    """Check the privacy and fidelity of a synthetic catalog against real rows.

    Writes audit.json and report.html into --out. Exit code 1 if a check of the
    gate fails, or without audit.json if the audit could not be made.

    \b
    Example:
      toile audit --real data/real --synthetic data/twin \\
        --spec twin.yaml --out results/audit
    """
    from generator.audit.run import PAGE, format_audit
    from generator.audit.run import audit as run_audit
    from schemas.util.locks import run_lock
    from schemas.validation import load

    ctx.with_resource(run_lock(out))
    for name in (AUDIT, PAGE):
        if (out / name).exists() and not force:
            raise ToileError(str(out / name), "exists already", "choose another --out, or --force")
    found = run_audit(
        real,
        synthetic,
        out=out,
        spec=None if spec is None else load(spec, "catalog"),
        spec_name=None if spec is None else str(spec),
        gate=gate,
        num_refits=refits,
        progress=lambda text: say(ctx, f"{text} ..."),
    )
    for line in format_audit(found):
        click.echo(strip_control_chars(line))
    say(ctx, f"written: {out / PAGE}")
    if not found.passed:
        ctx.exit(1)


def _take_import_options(options: dict[str, Any]) -> ImportOptions:
    """Remove the options of `_reading_options` (and `--images`) from `options`; return them as ImportOptions."""
    from generator.ingest.import_table import load_category_map

    taken = ("images", "currency", "rate", "encoding", "delimiter", "decimal", "category", "max_bad", "max_pixels")
    columns, categories = options.pop("columns"), options.pop("categories")
    return ImportOptions(
        columns=dict(_parse_pair(text) for text in columns),
        categories=None if categories is None else load_category_map(categories),
        source=options.pop("source") or "",
        **{key: options.pop(key) for key in taken if key in options},
    )


def _parse_pair(text: str) -> tuple[str, str]:
    ours, equals, theirs = text.partition("=")
    if not equals or not ours or not theirs:
        raise ToileError(f"--column {text}", "is not OURS=THEIRS", "write, for example, --column title=name")
    return ours, theirs


def _say_findings(ctx: click.Context, notes: Iterable[str], warnings: Iterable[str]) -> None:
    """Show how a table was read, and what is odd about it; both may quote its cells."""
    for note in notes:
        say(ctx, f"  {strip_control_chars(note)}")
    for warning in warnings:
        say(ctx, f"  warning: {strip_control_chars(warning)}")


def _describe_commas(num_commas: int) -> str:
    return f", {num_commas} categories with a comma renamed" if num_commas else ""
