"""The commands that bring foreign rows and their pictures in: import and fetch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from generator.commands import FolderOrUrl
from schemas.errors import ToileError
from schemas.util.console import progress_bar, strip_control_chars

_FOLDER = click.Path(path_type=Path, file_okay=False)
_EXISTING_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_DATASET = "DBQ/Burberry.Product.prices.United.States"
_USER_AGENT = "toile/{version} (fetches the pictures of a catalog once, for private study)"

Command = Callable[..., None]


def _reading_options(command: Command) -> Command:
    """The options that say how a foreign table is to be read, the same for both commands."""
    options = (
        click.option(
            *("--column", "columns"),
            multiple=True,
            metavar="OURS=THEIRS",
            help="A column under another name; repeatable.",
        ),
        click.option("--currency", metavar="CODE", help="Currency of the prices (after --rate), such as USD."),
        click.option(
            "--rate", type=click.FloatRange(min=0, min_open=True), help="Multiply every price, to change currency."
        ),
        click.option("--categories", type=_EXISTING_FILE, help="YAML: their leaf: ours."),
        click.option("--source", help="Name kept with every row; by default that of the table."),
        click.option("--encoding", default="utf-8", show_default=True, help="Of a CSV, TSV or JSONL file."),
        click.option(
            *("--max-bad",),
            default=0.05,
            show_default=True,
            type=click.FloatRange(0, 1),
            help="Share of bad rows allowed.",
        ),
        click.option(
            "--max-pixels",
            default=50_000_000,
            show_default=True,
            type=click.IntRange(1, 178_000_000),
            help="Largest picture.",
        ),
        click.option("--force", is_flag=True, help="Replace another catalog in --out."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command(name="import")
@click.argument("table", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--images", type=_EXISTING_FOLDER, help="Folder that picture paths are relative to; the table's own by default."
)
@click.option(
    "--out", required=True, type=FolderOrUrl(), help="New folder for the catalog, or a URL such as s3://bucket/prefix."
)
@_reading_options
@click.pass_context
def import_(ctx: click.Context, /, table: Path, out: str, force: bool, **options: Any) -> None:
    """Bring TABLE and its pictures into shards.

    TABLE is a CSV, TSV, JSONL or Parquet file, a folder of `datasets` (Parquet files, or one that save_to_disk wrote),
    or a folder of class folders. Pictures are files that the column `image` names, or lie in the table itself.

    \b
    Example:
      toile import shop/products.csv --images shop --currency USD --out data/shop
    """
    from generator.catalog.run_folder import exclusive_lock
    from generator.catalog.storage import resolve_folder
    from generator.ingest.import_table import import_table

    ctx.with_resource(exclusive_lock(resolve_folder(out)))
    reading = _reading(options, table.stem)
    with progress_bar("reading", None, quiet=_quiet(ctx)) as advance:
        result = import_table(table, out, reading, force=force, progress=advance)
    for row in result.rejected[:5]:
        click.echo(
            strip_control_chars(f"  row {row['row']} (code {row['product_code']}) rejected: {row['reason']}"), err=True
        )
    notes = f", {len(result.rejected)} rows rejected ({out}/extra/rejected.jsonl)" if result.rejected else ""
    _say(ctx, f"{result.manifest.num_products:,} products{notes}{_renamed(result.num_commas)}: {out}", result.written)


@click.command()
@click.argument("dataset", default=_DATASET)
@click.option("--out", required=True, type=_FOLDER, help="New folder for the catalog.")
@click.option("--limit", type=click.IntRange(min=1), help="The first rows of the table only.")
@click.option("--files", multiple=True, metavar="PATTERN", help="Files of the data set to read; repeatable.")
@click.option("--url-suffix", default="", help="Added to every picture URL, for servers that scale: '?wid=672'.")
@click.option("--workers", default=8, show_default=True, type=click.IntRange(1, 64), help="Requests at once.")
@click.option(
    "--per-host", default=4, show_default=True, type=click.IntRange(1, 16), help="Requests at once to a host."
)
@click.option("--retries", default=4, show_default=True, type=click.IntRange(0, 10), help="After 429, 5xx or silence.")
@click.option(
    "--timeout", default=60.0, show_default=True, type=click.FloatRange(1, 600), help="Seconds for one attempt."
)
@click.option(
    "--max-bytes", default=20_000_000, show_default=True, type=click.IntRange(1), help="Largest picture file."
)
@click.option("--allow-redirects", is_flag=True, help="Follow up to 5 redirects, each checked; refused by default.")
@click.option("--allow-private", is_flag=True, help="Ask addresses that are not on the open internet, too.")
@click.option("--proxy", metavar="URL", help="Ask through this proxy; those of the environment are not used.")
@click.option("--user-agent", help="Who asks; the default names toile and its version.")
@click.option(
    "--min-coverage", default=0.0, show_default=True, type=click.FloatRange(0, 1), help="Products per row needed."
)
@click.option("--retry-dead", is_flag=True, help="Ask again for pictures that an earlier run did not get.")
@click.option("--accept-missing", is_flag=True, help="Finish although a server stopped answering half-way.")
@click.option("--keep-downloads", is_flag=True, help="Keep the picture files in OUT/.downloads.")
@_reading_options
@click.pass_context
def fetch(ctx: click.Context, /, dataset: str, out: Path, force: bool, **options: Any) -> None:
    """Fetch the rows of DATASET and the pictures that its column `imageurl` names into shards.

    DATASET is a hub name (owner/name, owner/name@revision), a table (CSV, TSV, JSONL, Parquet) or a folder of tables;
    by default DBQ/Burberry.Product.prices.United.States. Pictures that lie in the tables are taken from there.

    Rows that are bad in themselves (a price, a currency) count for --max-bad. Pictures that are dead, no picture, too
    large or refused, rows without URL and repeated codes do not: they are the coverage report, printed and kept in
    extra/coverage.json, and only --min-coverage makes too many of them an error. None at all is always one.

    A run that was killed continues when it is started again. Pictures belong to their owners: see docs/data.md.

    \b
    Example:
      toile fetch DBQ/Burberry.Product.prices.United.States --limit 200 --out data/burberry
    """
    from importlib.metadata import version

    from generator.ingest.downloads import FetchPolicy
    from generator.ingest.fetch import FetchOptions, Reporter, fetch_dataset
    from generator.ingest.fetch_rows import Coverage, format_coverage

    quiet = _quiet(ctx)
    reading = _reading(options, Path(dataset.partition("@")[0]).stem if Path(dataset).is_file() else _name(dataset))
    agent = options.pop("user_agent") or _USER_AGENT.format(version=version("toile"))
    policy = FetchPolicy(
        user_agent=agent,
        timeout_seconds=options.pop("timeout"),
        **{name: options.pop(name) for name in _POLICY},
    )

    def say(text: str) -> None:
        if not quiet:
            click.echo(text, err=True)

    def report(coverage: Coverage) -> None:
        click.echo("\n".join(format_coverage(coverage)))

    with progress_bar("fetching", None, quiet=quiet) as advance:
        reporter = Reporter(
            say=lambda text: None if quiet else click.echo(text, err=True), progress=advance, report=report
        )
        result = fetch_dataset(
            dataset, out, FetchOptions(reading=reading, policy=policy, **options), force=force, reporter=reporter
        )
    rejected = (
        f", {result.manifest.rejected:,} rows without ({out}/extra/rejected.jsonl)" if result.manifest.rejected else ""
    )
    text = f"{result.manifest.num_products:,} products{rejected}{_renamed(result.num_commas)}: {out}"
    _say(ctx, text, result.written)
    if not result.written and result.manifest.rejected:
        _say(ctx, "  --retry-dead asks again for the pictures that did not come", True)


_POLICY = ("workers", "per_host", "retries", "max_bytes", "allow_redirects", "allow_private", "proxy")


def _reading(options: dict[str, Any], name: str) -> Any:
    """Takes the options of `_reading_options` (and `--images`) out of the others."""
    from generator.ingest.import_table import load_category_map
    from generator.ingest.rows import ImportOptions

    taken = ("images", "currency", "rate", "encoding", "max_bad", "max_pixels")
    columns, categories = options.pop("columns"), options.pop("categories")
    return ImportOptions(
        columns=dict(_pair(text) for text in columns),
        categories=None if categories is None else load_category_map(categories),
        source=options.pop("source") or name,
        **{key: options.pop(key) for key in taken if key in options},
    )


def _name(dataset: str) -> str:
    """What the rows of a data set are called: its name without the owner and the revision."""
    return dataset.partition("@")[0].rstrip("/").rpartition("/")[2] or dataset


def _pair(text: str) -> tuple[str, str]:
    ours, equals, theirs = text.partition("=")
    if not equals or not ours or not theirs:
        raise ToileError(f"--column {text}", "is not OURS=THEIRS", "write, for example, --column title=name")
    return ours, theirs


def _renamed(num_commas: int) -> str:
    return f", {num_commas} categories with a comma renamed" if num_commas else ""


def _quiet(ctx: click.Context) -> bool:
    return bool(ctx.obj and ctx.obj.get("quiet"))


def _say(ctx: click.Context, text: str, written: bool) -> None:
    if not _quiet(ctx):
        click.echo(text if written else f"already there and finished, nothing to do: {text}", err=True)
