"""Commands that look into catalogs: describe, show."""

import json
from pathlib import Path

import click

from generator.commands import is_quiet, say
from schemas.util.console import progress_bar

_CATALOG = click.Path(exists=True, file_okay=False, path_type=Path)
_PAGE = click.Path(dir_okay=False, path_type=Path)


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
    from schemas.util.html import refuse_existing

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
