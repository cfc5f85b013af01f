"""The command that says whether a catalog is still what it was when it was made: verify."""

import click

from generator.commands.param_types import FolderOrUrl
from schemas.util.console import progress_bar, strip_control_chars

_SHOWN = 20


@click.command()
@click.argument("shards", type=FolderOrUrl(exists=True))
@click.option("--sample", default=100, show_default=True, type=click.IntRange(min=0), help="Products to make anew.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Another seed, other products.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document of everything.")
@click.pass_context
def verify(ctx: click.Context, shards: str, sample: int, seed: int, as_json: bool) -> None:
    """Compare SHARDS, a folder or a URL, with their manifest; exit 1 where something differs.

    Checks every file's sha256, columns, row count and split, and that no product code repeats; of a generated catalog,
    a sample of products is made anew from spec, seed and number and compared byte for byte.

    \b
    Example:
      toile verify data/luxury
    """
    from generator.catalog.verify import as_json as document_of
    from generator.catalog.verify import complaint, finished_manifest
    from generator.catalog.verify import verify as verification_of

    quiet = bool(ctx.obj and ctx.obj.get("quiet"))
    with progress_bar("verifying", finished_manifest(shards).num_products, quiet=quiet) as advance:
        found = verification_of(shards, sample=sample, seed=seed, progress=advance)
    if as_json:
        click.echo(document_of(found))
    else:
        for finding in found.findings[:_SHOWN]:
            click.echo(strip_control_chars(f"{finding.where}: {finding.problem}"))
        if len(found.findings) > _SHOWN:
            click.echo(f"... and {len(found.findings) - _SHOWN:,} more (--json prints all)")
        way = "byte for byte" if found.byte_for_byte else "rows equal, pictures within a tolerance (other versions)"
        anew = f", {found.num_redrawn:,} products made anew and compared {way}" if found.num_redrawn else ""
        click.echo(f"{found.num_files} files, {found.num_rows:,} rows read{anew}: {len(found.findings)} findings")
    if found.findings:
        raise complaint(found, shards)
