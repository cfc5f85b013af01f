"""Commands on finished catalogs: describe, show, verify, convert, push, score-faults."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from generator.commands import FolderOrUrl, is_quiet, say
from generator.export import FORMATS
from schemas.util.console import progress_bar, strip_control_chars

if TYPE_CHECKING:
    from generator.faults.scoring import FaultScore, Share

_CATALOG = click.Path(exists=True, file_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_PAGE = click.Path(dir_okay=False, path_type=Path)
_MOST_FINDINGS_SHOWN = 20


@click.command()
@click.argument("catalog", type=_CATALOG)
@click.argument("other", type=_CATALOG, required=False)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document (two catalogs: a list) instead of tables."
)
@click.option("--page", type=_PAGE, metavar="PAGE.html", help="Write the figures as a page too.")
@click.option("--force", is_flag=True, help="Replace an existing page.")
@click.pass_context
def describe(
    ctx: click.Context, catalog: Path, other: Path | None, as_json: bool, page: Path | None, force: bool
) -> None:
    """Print what is in CATALOG, or in two catalogs: counts, prices, titles, image sizes, missing values.

    \b
    Example:
      toile describe data/luxury
      toile describe data/real data/synthetic --page both.html
    """
    from generator.pages.describe import describe as compute_figures
    from generator.pages.describe import print_figures
    from generator.pages.describe_page import write_describe_page
    from schemas.util.pages import refuse_existing

    if page is not None:
        refuse_existing(page, force=force)
    every = [compute_figures(folder) for folder in ([catalog] if other is None else [catalog, other])]
    if as_json:
        click.echo(json.dumps(every[0] if other is None else every, ensure_ascii=False))
    else:
        for figures in every:
            print_figures(figures)
    if page is not None:
        write_describe_page(every, page)
        say(ctx, f"page: {page}")


@click.command()
@click.argument("catalog", type=_CATALOG)
@click.argument("other", type=_CATALOG, required=False)
@click.option(
    "--out", required=True, type=_PAGE, metavar="PAGE.html", help="The page to write; it needs no other file."
)
@click.option("--limit", default=2000, show_default=True, type=click.IntRange(min=1), help="Most products in the page.")
@click.option(
    "--picture-size",
    default=256,
    show_default=True,
    type=click.IntRange(32, 2048),
    help="Longest edge of an image in pixels.",
)
@click.option("--force", is_flag=True, help="Replace an existing page.")
@click.pass_context
def show(
    ctx: click.Context, catalog: Path, other: Path | None, out: Path, limit: int, picture_size: int, force: bool
) -> None:
    """Write CATALOG, or two catalogs side by side, as one page to browse: images, filters, prices by attribute.

    \b
    Example:
      toile show data/luxury --out luxury.html
      toile show data/real data/synthetic --out both.html
    """
    from generator.pages.catalog_page import write_catalog_page

    folders = [catalog] if other is None else [catalog, other]
    with progress_bar("reading", None, quiet=is_quiet(ctx)) as advance:
        shown = write_catalog_page(folders, out, limit=limit, image_size=picture_size, force=force, progress=advance)
    some = f"{shown.products:,} of {shown.of:,}" if shown.products < shown.of else f"{shown.products:,}"
    without = f", {shown.without_image:,} without an image that can be shown" if shown.without_image else ""
    say(ctx, f"{some} products{without}, {shown.num_bytes / 1e6:.1f} MB: {out}")


@click.command()
@click.argument("catalog", type=FolderOrUrl(exists=True))
@click.option("--sample", default=100, show_default=True, type=click.IntRange(min=0), help="Products to compare.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Seed of the sample.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document of everything.")
@click.pass_context
def verify(ctx: click.Context, catalog: str, sample: int, seed: int, as_json: bool) -> None:
    """Compare CATALOG, a folder or a URL, with its manifest; exit 1 where something differs.

    Checks every file's sha256, columns, row count and split, and that no product code repeats. Of a generated catalog,
    a sample of products is generated again from spec, seed and number and compared byte for byte.

    \b
    Example:
      toile verify data/luxury
    """
    from generator.catalog.verify import finished_manifest, to_json, verification_error
    from generator.catalog.verify import verify as run

    with progress_bar("verifying", finished_manifest(catalog).num_products, quiet=is_quiet(ctx)) as advance:
        found = run(catalog, sample=sample, seed=seed, progress=advance)
    if as_json:
        click.echo(to_json(found))
    else:
        for finding in found.findings[:_MOST_FINDINGS_SHOWN]:
            click.echo(strip_control_chars(f"{finding.where}: {finding.problem}"))
        if len(found.findings) > _MOST_FINDINGS_SHOWN:
            click.echo(f"... and {len(found.findings) - _MOST_FINDINGS_SHOWN:,} more (--json prints all)")
        way = "byte for byte" if found.byte_for_byte else "rows equal, images within a tolerance (other versions)"
        again = f", {found.num_redrawn:,} products generated again and compared {way}" if found.num_redrawn else ""
        click.echo(f"{found.num_files} files, {found.num_rows:,} rows read{again}: {len(found.findings)} findings")
    if found.findings:
        raise verification_error(found, catalog)


@click.command()
@click.argument("catalog", type=_CATALOG)
@click.option("--to", "form", required=True, type=click.Choice(FORMATS), help="Format to write.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="New folder for the export."
)
@click.option("--split", type=click.Choice(["train", "validation", "test"]), help="One split; all by default.")
@click.option("--limit", type=click.IntRange(min=1), help="The first rows only.")
@click.option("--no-images", is_flag=True, help="Rows only.")
@click.option("--spreadsheet-safe", is_flag=True, help="CSV: escape formulas, mark the file as UTF-8.")
@click.option("--force", is_flag=True, help="Replace another export in --out.")
@click.pass_context
def convert(ctx: click.Context, /, catalog: Path, out: Path, force: bool, no_images: bool, **options: Any) -> None:
    """Write CATALOG as CSV, JSON lines, SQL (SQLite and PostgreSQL), WebDataset archives or an imagefolder.

    Images are written byte for byte, as files named after their product. --out appears when it is complete. After a
    kill, the same command starts again and gives the same bytes.

    Titles are written as they are. A title that begins with =, +, - or @ is a formula to a spreadsheet: for CSV,
    --spreadsheet-safe puts an apostrophe before such text.

    \b
    Example:
      toile convert data/luxury --to imagefolder --out data/luxury-images
    """
    from generator.export.convert import ConvertOptions
    from generator.export.convert import convert as export_catalog
    from schemas.util.locks import run_lock

    ctx.with_resource(run_lock(out, sibling_file=True))
    wanted = ConvertOptions(pictures=not no_images, **options)
    with progress_bar("converting", None, quiet=is_quiet(ctx)) as advance:
        done, written = export_catalog(catalog, out, wanted, force=force, progress=advance)
    for what, number in done.counts.items():
        say(ctx, f"  {number:,} {what}")
    say(ctx, f"{done.num_products:,} products, {done.num_pictures:,} images: {out}", finished_before=not written)


@click.command()
@click.argument("catalog", type=_CATALOG)
@click.argument("repository", metavar="OWNER/NAME")
@click.option("--private/--public", default=True, show_default=True, help="Visibility of a new data set.")
@click.option("--revision", metavar="BRANCH", help="Branch of the data set, created if missing; main by default.")
@click.option("--message", metavar="TEXT", help="Commit message; by default the number of products.")
@click.option(
    "--allow-real", is_flag=True, help="Push imported or fetched rows too: you have the right to publish them."
)
@click.pass_context
def push(
    ctx: click.Context,
    catalog: Path,
    repository: str,
    private: bool,
    revision: str | None,
    message: str | None,
    allow_real: bool,
) -> None:
    """Upload CATALOG, which must be finished, and its data card to the data set OWNER/NAME of a Hugging Face hub.

    Every file is compared with the manifest first. One commit adds what is not there yet, and removes files of an
    earlier push that this catalog does not have. The hub is that of HF_ENDPOINT, the token that of HF_TOKEN or of
    `hf auth login`.

    \b
    Example:
      toile push data/luxury my-team/luxury
    """
    from generator.catalog.push import push as upload_catalog

    done = upload_catalog(
        catalog,
        repository,
        private=private,
        branch=revision,
        message=message,
        allow_real=allow_real,
        say=lambda text: say(ctx, text),
    )
    removed = f", {done.num_removed} of an earlier push removed" if done.num_removed else ""
    changed = done.num_files or done.num_removed
    sent = f"{done.num_files} files sent{removed}, commit {done.commit}"
    say(ctx, sent if changed else "everything is there already, nothing to do")
    click.echo(done.url)


@click.command()
@click.argument("found", type=_FILE)
@click.option("--truth", required=True, type=_FILE, help="The extra/faults.parquet of the catalog.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table.")
def score_faults(found: Path, truth: Path, as_json: bool) -> None:
    """Score FOUND, a table of rows that a pipeline considers faulty, against the true faults of a catalog.

    FOUND is CSV, TSV, JSONL or Parquet with a column product_code (or row, the product number), and kind if the
    pipeline says which kind of fault it is.

    \b
    Example:
      toile score-faults found.csv --truth data/faulty/extra/faults.parquet
    """
    from generator.faults.scoring import score_faults as compute_score

    result = compute_score(found, truth)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(result)))
    else:
        _print_score(result)


def _print_score(score: "FaultScore") -> None:
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    console = Console(markup=False, highlight=False, soft_wrap=True)
    headers = ["faults", "found", *(["recall", "precision"] if score.says_kinds else ["precision"])]
    table = Table("kind", *(Column(header, justify="right") for header in headers))
    for line in (*score.kinds, score.any):
        figures = [line.found, *([line.recall] if score.says_kinds else []), line.precision]
        table.add_row(
            Text(strip_control_chars(line.kind)),
            f"{line.found.whole:,}",
            *(_format_percent(figure) for figure in figures),
        )
    console.print(table)
    console.print(f"{score.num_named:,} rows named. Intervals: Wilson, 95 %. found: named at all", end="")
    console.print("; recall: under the right kind or group." if score.says_kinds else ".")
    if score.unknown_names is None:
        console.print("It is unknown whether the catalog has all of them: the truth is not in its folder.")
    elif score.unknown_names:
        console.print(f"{score.unknown_names:,} of them are not in the catalog: they count as false alarms.")
    for kind, count in score.unknown_kinds.items():
        console.print(f"{count:,} are named under {kind!r}, which is not a kind: they count as named without one.")


def _format_percent(share: "Share | None") -> str:
    if share is None or share.value is None or share.low is None or share.high is None:
        return "-"
    return f"{share.part:,}/{share.whole:,} = {share.value:.0%} ({share.low:.0%}-{share.high:.0%})"
