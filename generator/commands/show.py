"""Commands that look into shard folders: describe, show."""

import json
from pathlib import Path

import click

from schemas.util.console import progress_bar

_SHARDS = click.Path(exists=True, file_okay=False, path_type=Path)
_PAGE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("shards", type=_SHARDS)
@click.argument("other", type=_SHARDS, required=False)
@click.option(
    "--out", required=True, type=_PAGE, metavar="PAGE.html", help="The page to write; it needs no other file."
)
@click.option("--limit", default=2000, show_default=True, type=click.IntRange(min=1), help="Most products in the page.")
@click.option(
    "--picture-size",
    default=256,
    show_default=True,
    type=click.IntRange(32, 2048),
    help="Their longest edge in pixels.",
)
@click.option("--force", is_flag=True, help="Replace an existing page.")
@click.pass_context
def show(
    ctx: click.Context, shards: Path, other: Path | None, out: Path, limit: int, picture_size: int, force: bool
) -> None:
    """Write SHARDS, or two folders beside each other, as one page to browse: pictures, filters, prices by attribute.

    \b
    Example:
      toile show data/luxury --out luxury.html
      toile show data/real data/synthetic --out both.html
    """
    from generator.pages import catalog_page

    folders = [shards] if other is None else [shards, other]
    quiet = bool(ctx.obj and ctx.obj.get("quiet"))
    with progress_bar("reading", None, quiet=quiet) as advance:
        shown = catalog_page.show(folders, out, limit=limit, picture_size=picture_size, force=force, progress=advance)
    if not quiet:
        some = f"{shown.products:,} of {shown.of:,}" if shown.products < shown.of else f"{shown.products:,}"
        without = f", {shown.without_picture:,} without a picture that can be shown" if shown.without_picture else ""
        click.echo(f"{some} products{without}, {shown.num_bytes / 1e6:.1f} MB: {out}", err=True)


@click.command()
@click.argument("shards", type=_SHARDS)
@click.argument("other", type=_SHARDS, required=False)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document (two folders: a list) instead of tables."
)
@click.option("--page", type=_PAGE, metavar="PAGE.html", help="Write the figures as a page too.")
@click.option("--force", is_flag=True, help="Replace an existing page.")
@click.pass_context
def describe(
    ctx: click.Context, shards: Path, other: Path | None, as_json: bool, page: Path | None, force: bool
) -> None:
    """Print what is in SHARDS, or in two folders: counts, prices, titles, picture sizes, missing values.

    \b
    Example:
      toile describe data/luxury
      toile describe data/real data/synthetic --page both.html
    """
    from generator.pages import describe as describing
    from generator.pages import describe_page
    from generator.pages.html import refuse_existing

    if page is not None:
        refuse_existing(page, force=force)
    every = [describing.describe(folder) for folder in ([shards] if other is None else [shards, other])]
    if as_json:
        click.echo(json.dumps(every[0] if other is None else every, ensure_ascii=False))
    else:
        for figures in every:
            describing.printed(figures)
    if page is not None:
        describe_page.write(every, page)
        if not (ctx.obj and ctx.obj.get("quiet")):
            click.echo(f"page: {page}", err=True)
