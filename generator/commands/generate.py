"""The command `generate`; the other commands of the generator lie in `generator.commands`."""

from pathlib import Path
from typing import Any

import click

from generator.commands.param_types import FolderOrUrl
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
    "--image-size", default=336, show_default=True, type=click.IntRange(32, 2048), help="Picture edge in pixels."
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
@click.option("--cluster", metavar="ADDRESS", help="Draw on a Ray cluster: auto, HOST:PORT or ray://HOST:PORT.")
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
    """Draw a catalog from SPEC (a YAML file, or the name of a shipped preset) into Parquet shards.

    \b
    Example:
      toile generate fashion-luxury --num-products 500 --out data/luxury
    """
    from generator.catalog.shards import GenerateInputs, write_shards
    from generator.catalog.workers import num_cores
    from generator.faults.scenarios import with_scenarios

    if shards is not None and force:
        raise click.UsageError("--force with --shards: every task would remove what the others have written.")
    if no_images and (masks or photo != "studio"):
        raise click.UsageError("--no-images draws nothing: leave out --photo and --masks, or --no-images.")
    if cluster is not None and workers is not None:
        raise click.UsageError("--workers counts processes of this machine, --cluster draws on others: give one.")
    inputs = GenerateInputs(
        spec_document=with_scenarios(_catalog_document(spec), scenarios, pictures=not no_images),
        seed=seed,
        start=start,
        num_products=num_products,
        image_size=None if no_images else image_size,
        photo=photo,
        masks=masks,
    )
    where: dict[str, Any] = {"num_workers": workers or num_cores(), "cluster": cluster}
    if shards is not None:
        _generate_part(ctx, inputs, out, shards, where)
        return
    with progress_bar("drawing", num_products, quiet=_quiet(ctx)) as advance:
        manifest, written = write_shards(inputs, out, force=force, progress=advance, **where)
    faulty = [] if masks else manifest.extra
    faults = "".join(f", {extra.num_rows:,} of them faulty ({extra.path})" for extra in faulty)
    _say(ctx, f"{manifest.num_products:,} products in {len(manifest.files)} files{faults}: {out}", written)


def _generate_part(ctx: click.Context, inputs: Any, out: str, shards: str, where: dict[str, Any]) -> None:
    from generator.catalog.job_array import shard_range, told, write_part

    chosen = shard_range(shards)
    num_products = sum(map(inputs.num_products_of, chosen.within(inputs.num_shards)))
    with progress_bar("drawing", num_products, quiet=_quiet(ctx)) as advance:
        part = write_part(inputs, out, chosen, progress=advance, **where)
    _say(ctx, f"{told(part, inputs.num_shards)}: {out}", True)


def _catalog_document(spec: Path) -> dict[str, Any]:
    """The checked document of a spec file or of a shipped preset."""
    from generator.sampling.extra_columns import check_extra_columns
    from generator.sampling.products import compile_catalog
    from schemas.documents import read_document
    from schemas.validation import from_document, preset_path

    path = preset_path(str(spec), "catalog") or spec
    document = read_document(path)
    spec_of_document = from_document(document, "catalog", str(path))
    compile_catalog(spec_of_document, str(path))
    check_extra_columns(spec_of_document, str(path))
    checked: dict[str, Any] = document
    return checked


def _quiet(ctx: click.Context) -> bool:
    return bool(ctx.obj and ctx.obj.get("quiet"))


def _say(ctx: click.Context, text: str, written: bool) -> None:
    if not _quiet(ctx):
        click.echo(text if written else f"already there and finished, nothing to do: {text}", err=True)
