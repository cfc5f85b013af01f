"""The command that writes a catalog in other forms: convert."""

from pathlib import Path
from typing import Any

import click

from generator.export.formats import FORMATS
from schemas.util.console import progress_bar


@click.command()
@click.argument("shards", metavar="CATALOG", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--to", "form", required=True, type=click.Choice(FORMATS), help="The form to write.")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="New folder for it.")
@click.option("--split", type=click.Choice(["train", "validation", "test"]), help="One split; all by default.")
@click.option("--limit", type=click.IntRange(min=1), help="The first rows only.")
@click.option("--no-images", is_flag=True, help="Rows only.")
@click.option("--spreadsheet-safe", is_flag=True, help="CSV: disarm formulas, mark the file as UTF-8.")
@click.option("--force", is_flag=True, help="Replace another export in --out.")
@click.pass_context
def convert(ctx: click.Context, /, shards: Path, out: Path, force: bool, no_images: bool, **options: Any) -> None:
    """Write CATALOG as CSV, JSON lines, SQL (SQLite and PostgreSQL), WebDataset archives or an imagefolder.

    Pictures are written byte for byte, as files named after their product. --out appears when it is whole; after a
    kill the same command starts over and ends with the same bytes.

    Titles are written as they are. One that begins with =, +, - or @ is a formula to a spreadsheet: for CSV,
    --spreadsheet-safe puts an apostrophe before such text.

    \b
    Example:
      toile convert data/luxury --to imagefolder --out data/luxury-images
    """
    from generator.export.convert import ConvertOptions
    from generator.export.convert import convert as write
    from schemas.util.locks import run_lock

    ctx.with_resource(run_lock(out, sibling_file=True))
    wanted = ConvertOptions(pictures=not no_images, **options)
    quiet = bool(ctx.obj and ctx.obj.get("quiet"))
    with progress_bar("converting", None, quiet=quiet) as advance:
        done, written = write(shards, out, wanted, force=force, progress=advance)
    if quiet:
        return
    for what, number in done.counts.items():
        click.echo(f"  {number:,} {what}", err=True)
    text = f"{done.num_products:,} products, {done.num_pictures:,} pictures: {out}"
    click.echo(text if written else f"already there and finished, nothing to do: {text}", err=True)
