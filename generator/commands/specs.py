"""Commands for catalog specs: new, check, generate."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from generator.commands import FolderOrUrl, is_quiet, say
from schemas.errors import ToileError
from schemas.silhouettes.record import MARKET_CODES
from schemas.util.console import progress_bar

_KINDS = ("luxury", "sportswear", "marketplace", "home-beauty")
_TERMINAL_EDGE, _SHEET_EDGE = 64, 224
"""Pixels of a rendered image. A terminal of up to 400 columns shows at most 49 of them."""


@click.command()
@click.argument("spec", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--name", metavar="NAME", help="Shop name, such as corner-shop; default: the file name.")
@click.option("--market", type=click.Choice(MARKET_CODES), help="Currency, price endings, language of titles.")
@click.option("--kind", type=click.Choice(_KINDS), help="What kind of shop.")
@click.option("--silhouette", "silhouettes", multiple=True, metavar="NAME", help="A garment type to sell; repeatable.")
@click.option("--price", metavar="LEVEL|MEDIAN", help="budget, middle, premium, luxury, or a median price.")
@click.option("--force", is_flag=True, help="Replace the file.")
@click.pass_context
def new(
    ctx: click.Context,
    spec: Path,
    name: str | None,
    market: str | None,
    kind: str | None,
    silhouettes: tuple[str, ...],
    price: str | None,
    force: bool,
) -> None:
    """Write a commented catalog spec to SPEC (a .yaml file). In a terminal, ask for options that are not given.

    \b
    Example:
      toile new corner-shop.yaml --market DE --kind marketplace
    """
    from generator.scaffold.starter_spec import KINDS, starter_spec
    from schemas.markets import MARKETS
    from schemas.util.files import storage_errors

    if spec.suffix not in {".yaml", ".yml"}:
        raise ToileError(str(spec), "is no YAML file", f"name it {spec.stem}.yaml")
    if spec.exists() and not force:
        raise ToileError(str(spec), "exists", "choose another name, or --force")
    name = name or _ask("Name of the shop", "-".join(spec.stem.lower().replace("_", " ").split()))
    market = market or _ask("Market", "US", MARKET_CODES)
    kind = kind or ("marketplace" if silhouettes else _ask("Kind of shop", "marketplace", _KINDS))
    currency = MARKETS[market].currency_code
    question = f"Prices (budget, middle, premium, luxury, or a median price in {currency})"
    price = price or _ask(question, KINDS[kind].level)
    text = starter_spec(name, market=market, silhouettes=silhouettes, kind=kind, price=price)
    with storage_errors(spec):
        spec.write_text(text, encoding="utf-8")
    if not (ctx.obj and ctx.obj.get("quiet")):
        click.echo(f"written: {spec}\nnext: toile check {spec}", err=True)
        click.echo(f"then: toile generate {spec} --num-products 200 --out data/{name}", err=True)


@click.command()
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Seed of the sample products.")
@click.option(
    "--sheet", type=click.Path(path_type=Path, dir_okay=False), help="Write the images to a JPEG or PNG file."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of tables.")
def check(spec: Path, seed: int, sheet: Path | None, as_json: bool) -> None:
    """Validate SPEC (a file or a preset) and show eight sample products, the category shares and the price ranges.

    \b
    Example:
      toile check fashion-luxury --sheet luxury.jpg
    """
    from generator.sampling.extra_columns import check_extra_columns
    from generator.sampling.products import compile_catalog
    from generator.scaffold import preview
    from schemas.validation import load, preset_path

    if sheet is not None:
        preview.check_sheet(sheet)
    where = str(preset_path(str(spec), "catalog") or spec)
    catalog = load(spec, "catalog")
    compile_catalog(catalog, where)
    check_extra_columns(catalog, where)
    preview.check_renderable(catalog, where)
    shown, categories = preview.sample_products(catalog, seed), preview.kind_stats(catalog, seed)
    console = preview.make_console(os.environ.get("COLUMNS"))
    if as_json:
        click.echo(json.dumps(preview.to_document(catalog, shown, categories), ensure_ascii=False))
    else:
        preview.print_summary(console, catalog)
        preview.print_products(console, catalog, shown)
        preview.print_categories(console, catalog, categories)
    in_terminal = preview.supports_images(console) and not as_json
    if sheet is not None or in_terminal:
        from generator.render import draw  # after the tables: it loads numba and the compiled kernels

        edge = _TERMINAL_EDGE if sheet is None else _SHEET_EDGE
        images = [draw(product, edge) for _, product in shown]
    if sheet is not None:
        preview.write_sheet(sheet, catalog, shown, images)
        click.echo(f"eight products: {sheet}", err=True)
    if in_terminal:
        preview.print_images(console, images)
    elif sheet is None and not as_json:
        click.echo("images need a colour terminal; --sheet FILE.jpg writes them to a file", err=True)


def _ask(question: str, default: str, choices: tuple[str, ...] = ()) -> str:
    """Return the answer of the user, or the default where stdin is no terminal."""
    if not _is_terminal():
        return default
    answer: str = click.prompt(question, default=default, type=click.Choice(choices) if choices else str, err=True)
    return answer


def _is_terminal() -> bool:
    return sys.stdin.isatty()


@click.command()
@click.argument("spec", type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=FolderOrUrl(), help="New folder for the catalog, or a URL such as s3://bucket/prefix."
)
@click.option("--num-products", default=1000, show_default=True, type=click.IntRange(min=1), help="Catalog size.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Seed of the catalog.")
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
        _generate_part(ctx, spec, catalog, out, shards, workers, cluster)
        return
    with progress_bar("generating", num_products, quiet=is_quiet(ctx)) as advance:
        from generator.catalog.generate import generate as run  # after the bar: it loads numba

        manifest, written = run(
            spec, out, **catalog, num_workers=workers, cluster=cluster, force=force, progress=advance
        )
    faulty = [] if masks else manifest.extra
    faults = "".join(f", {extra.num_rows:,} of them faulty ({extra.path})" for extra in faulty)
    text = f"{manifest.num_products:,} products in {len(manifest.files)} files{faults}: {out}"
    say(ctx, text, finished_before=not written)


def _generate_part(
    ctx: click.Context,
    spec: Path,
    catalog: dict[str, Any],
    out: str,
    shards: str,
    workers: int | None,
    cluster: str | None,
) -> None:
    """Generate some shards, as one task of a job array."""
    from generator.catalog.generate import format_part_summary, make_inputs, parse_shard_range, write_part
    from generator.catalog.parallel import num_cores

    inputs = make_inputs(spec, **catalog)
    chosen = parse_shard_range(shards)
    num_products = sum(map(inputs.num_products_of, chosen.within(inputs.num_shards)))
    with progress_bar("generating", num_products, quiet=is_quiet(ctx)) as advance:
        part = write_part(inputs, out, chosen, num_workers=workers or num_cores(), cluster=cluster, progress=advance)
    say(ctx, f"{format_part_summary(part, inputs.num_shards)}: {out}")
