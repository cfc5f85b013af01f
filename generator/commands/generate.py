"""Define the command `toile generate`."""

from pathlib import Path
from typing import Any

import click

from generator.commands import FolderOrUrl, is_quiet, say
from schemas.util.console import progress_bar


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
