"""Commands that make and look at catalogs: generate, import, describe."""

import json
from pathlib import Path
from typing import Any

import click

from schemas.errors import ToileError
from schemas.progress import progress_bar

_FOLDER = click.Path(path_type=Path, file_okay=False)
_SHARDS = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=_FOLDER, help="New folder for the catalog.")
@click.option("--num-products", default=1000, show_default=True, type=click.IntRange(min=1), help="Catalog size.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Another seed, another catalog.")
@click.option("--start", default=0, show_default=True, type=click.IntRange(min=0), help="Number of the first product.")
@click.option(
    "--image-size", default=336, show_default=True, type=click.IntRange(32, 2048), help="Picture edge in pixels."
)
@click.option("--no-images", is_flag=True, help="Rows only.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes; all cores by default. Never changes a byte.")
@click.option("--force", is_flag=True, help="Replace another catalog in --out.")
@click.pass_context
def generate(
    ctx: click.Context,
    spec: Path,
    out: Path,
    num_products: int,
    seed: int,
    start: int,
    image_size: int,
    no_images: bool,
    workers: int | None,
    force: bool,
) -> None:
    """Draw a catalog from SPEC (a YAML file, or the name of a shipped preset) into Parquet shards.

    \b
    Example:
      toile generate fashion-luxury --num-products 500 --out data/luxury
    """
    from generator.shards import GenerateInputs, write_shards
    from generator.workers import num_cores

    inputs = GenerateInputs(
        spec_document=_catalog_document(spec),
        seed=seed,
        start=start,
        num_products=num_products,
        image_size=None if no_images else image_size,
    )
    with progress_bar("drawing", num_products, quiet=_quiet(ctx)) as advance:
        manifest, written = write_shards(inputs, out, num_workers=workers or num_cores(), force=force, progress=advance)
    _say(ctx, f"{manifest.num_products:,} products in {len(manifest.files)} files: {out}", written)


@click.command(name="import")
@click.argument("table", type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=_FOLDER, help="New folder for the catalog.")
@click.option("--images", type=_SHARDS, help="Folder that picture paths are relative to; the table's own by default.")
@click.option(
    "--column", "columns", multiple=True, metavar="OURS=THEIRS", help="A column under another name; repeatable."
)
@click.option("--currency", metavar="CODE", help="Currency of the prices (after --rate), such as USD.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Multiply every price, to change currency.")
@click.option(
    "--categories", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="YAML: their leaf: ours."
)
@click.option("--source", help="Name kept with every row; the table's file name by default.")
@click.option("--encoding", default="utf-8", show_default=True, help="Of a CSV, TSV or JSONL file.")
@click.option(
    "--max-bad", default=0.05, show_default=True, type=click.FloatRange(0, 1), help="Share of bad rows allowed."
)
@click.option(
    "--max-pixels", default=50_000_000, show_default=True, type=click.IntRange(1, 178_000_000), help="Largest picture."
)
@click.option("--force", is_flag=True, help="Replace another catalog in --out.")
@click.pass_context
def import_(ctx: click.Context, /, table: Path, out: Path, force: bool, **options: Any) -> None:
    """Bring TABLE (CSV, TSV, JSONL, Parquet, or a folder of class folders) and its pictures into shards.

    \b
    Example:
      toile import shop/products.csv --images shop --currency USD --out data/shop
    """
    from generator.importing import ImportOptions, import_table, load_category_map

    columns, categories = options.pop("columns"), options.pop("categories")
    reading = ImportOptions(
        columns=dict(_pair(text) for text in columns),
        categories=None if categories is None else load_category_map(categories),
        **{**options, "source": options["source"] or table.stem},
    )
    with progress_bar("reading", None, quiet=_quiet(ctx)) as advance:
        result = import_table(table, out, reading, force=force, progress=advance)
    for row in result.rejected[:5]:
        click.echo(f"  row {row['row']} (code {row['product_code']}) rejected: {row['reason']}", err=True)
    notes = f", {len(result.rejected)} rows rejected ({out}/extra/rejected.jsonl)" if result.rejected else ""
    notes += f", {result.num_commas} categories with a comma renamed" if result.num_commas else ""
    _say(ctx, f"{result.manifest.num_products:,} products{notes}: {out}", result.written)


@click.command()
@click.argument("shards", type=_SHARDS)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of tables.")
def describe(shards: Path, as_json: bool) -> None:
    """Print what is in SHARDS: counts, prices, titles, picture sizes, missing values.

    \b
    Example:
      toile describe data/luxury
    """
    from generator.describing import describe as figures_of
    from generator.describing import printed

    figures = figures_of(shards)
    if as_json:
        click.echo(json.dumps(figures, ensure_ascii=False))
    else:
        printed(figures)


commands: list[click.Command] = [generate, import_, describe]


def _catalog_document(spec: Path) -> dict[str, Any]:
    """The checked document of a spec file or of a shipped preset."""
    from generator.product_function import compile_catalog
    from schemas.border import read_document
    from schemas.specs import from_document, preset_path

    path = preset_path(str(spec), "catalog") or spec
    document = read_document(path)
    compile_catalog(from_document(document, "catalog", str(path)), str(path))
    checked: dict[str, Any] = document
    return checked


def _pair(text: str) -> tuple[str, str]:
    ours, equals, theirs = text.partition("=")
    if not equals or not ours or not theirs:
        raise ToileError(f"--column {text}", "is not OURS=THEIRS", "write, for example, --column title=name")
    return ours, theirs


def _quiet(ctx: click.Context) -> bool:
    return bool(ctx.obj and ctx.obj.get("quiet"))


def _say(ctx: click.Context, text: str, written: bool) -> None:
    if not _quiet(ctx):
        click.echo(text if written else f"already there and finished, nothing to do: {text}", err=True)
