"""Commands for catalog specs: new, check."""

import json
import os
import sys
from pathlib import Path

import click

from schemas.errors import ToileError
from schemas.silhouettes.record import MARKET_CODES

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
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Another seed, other products.")
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
    shown, categories = preview.sample_products(catalog, seed), preview.category_stats(catalog, seed)
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
