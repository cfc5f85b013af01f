"""Commands that make and check a catalog: generate, verify."""

from pathlib import Path
from typing import Any

import click

from generator.commands import FolderOrUrl, is_quiet, say
from schemas.util.console import progress_bar, strip_control_chars

_MOST_FINDINGS_SHOWN = 20


@click.command()
@click.argument("spec", type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=FolderOrUrl(), help="New folder for the catalog, or a URL such as s3://bucket/prefix."
)
@click.option("--num-products", default=1000, show_default=True, type=click.IntRange(min=1), help="Catalog size.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Another seed, another catalog.")
@click.option("--start", default=0, show_default=True, type=click.IntRange(min=0), help="Number of the first product.")
@click.option(
    "--image-size", default=336, show_default=True, type=click.IntRange(32, 2048), help="Image edge in pixels."
)
@click.option("--no-images", is_flag=True, help="Rows only.")
@click.option(
    "--photo",
    default="studio",
    show_default=True,
    type=click.Choice(["studio", "snapshot"]),
    help="As a shop shows its products, or as people photograph their own: on a floor, a bed, a hanger.",
)
@click.option("--masks", is_flag=True, help="Write the mask, the parts and the box of every product to extra/.")
@click.option(
    "--scenario",
    "scenarios",
    multiple=True,
    metavar="NAME[=SHARE]",
    help="Faulty rows of this kind, such as wrong-category or missing=0.01 (0.02 by default); repeatable.",
)
@click.option("--workers", type=click.IntRange(min=1), help="Processes; all cores by default. Never changes a byte.")
@click.option("--cluster", metavar="ADDRESS", help="Render on a Ray cluster: auto, HOST:PORT or ray://HOST:PORT.")
@click.option("--shards", metavar="A:B", help="Only these shards, from 0, without B: a task of a job array.")
@click.option("--force", is_flag=True, help="Replace another catalog in --out.")
@click.pass_context
def generate(
    ctx: click.Context,
    spec: Path,
    out: str,
    num_products: int,
    seed: int,
    start: int,
    image_size: int,
    no_images: bool,
    photo: str,
    masks: bool,
    scenarios: tuple[str, ...],
    workers: int | None,
    cluster: str | None,
    shards: str | None,
    force: bool,
) -> None:
    """Generate a catalog from SPEC (a YAML file, or the name of a preset) into Parquet files.

    \b
    Example:
      toile generate fashion-luxury --num-products 500 --out data/luxury
    """
    from generator.catalog.generate import generate as run
    from generator.catalog.generate import make_inputs

    if shards is not None and force:
        raise click.UsageError("--force with --shards: every task would remove what the others have written.")
    if no_images and (masks or photo != "studio"):
        raise click.UsageError("--no-images renders nothing: leave out --photo and --masks, or --no-images.")
    if cluster is not None and workers is not None:
        raise click.UsageError("--workers counts processes of this machine, --cluster renders on others: give one.")
    catalog: dict[str, Any] = {
        "seed": seed,
        "start": start,
        "num_products": num_products,
        "image_size": None if no_images else image_size,
        "photo": photo,
        "masks": masks,
        "scenarios": scenarios,
    }
    if shards is not None:
        _generate_part(ctx, make_inputs(spec, **catalog), out, shards, workers, cluster)
        return
    with progress_bar("generating", num_products, quiet=is_quiet(ctx)) as advance:
        manifest, written = run(
            spec, out, **catalog, num_workers=workers, cluster=cluster, force=force, progress=advance
        )
    faulty = [] if masks else manifest.extra
    faults = "".join(f", {extra.num_rows:,} of them faulty ({extra.path})" for extra in faulty)
    text = f"{manifest.num_products:,} products in {len(manifest.files)} files{faults}: {out}"
    say(ctx, text, finished_before=not written)


def _generate_part(
    ctx: click.Context, inputs: Any, out: str, shards: str, workers: int | None, cluster: str | None
) -> None:
    """Generate some shards, as one task of a job array."""
    from generator.catalog.generate import format_part_summary, parse_shard_range, write_part
    from generator.catalog.parallel import num_cores

    chosen = parse_shard_range(shards)
    num_products = sum(map(inputs.num_products_of, chosen.within(inputs.num_shards)))
    with progress_bar("generating", num_products, quiet=is_quiet(ctx)) as advance:
        part = write_part(inputs, out, chosen, num_workers=workers or num_cores(), cluster=cluster, progress=advance)
    say(ctx, f"{format_part_summary(part, inputs.num_shards)}: {out}")


@click.command()
@click.argument("catalog", type=FolderOrUrl(exists=True))
@click.option("--sample", default=100, show_default=True, type=click.IntRange(min=0), help="Products to compare.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Another seed, other products.")
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
