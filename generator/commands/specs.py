"""Commands for catalog specs: new, check."""

import contextlib
import gc
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from schemas.errors import ToileError
from schemas.row import MARKETS

_KINDS = ("luxury", "sportswear", "marketplace", "home-beauty")
_EDGE = {False: 64, True: 224}
"""Pixels of a picture drawn for a terminal, which shows 49 of them at most up to 400 columns, and for a sheet."""


@click.command()
@click.argument("spec", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--name", metavar="NAME", help="Name of the shop, such as corner-shop; that of the file by default.")
@click.option("--market", type=click.Choice(MARKETS), help="Currency, price endings, language of titles.")
@click.option("--kind", type=click.Choice(_KINDS), help="What kind of shop.")
@click.option("--silhouette", "silhouettes", multiple=True, metavar="NAME", help="One thing to sell; repeatable.")
@click.option("--price", metavar="LEVEL|MEDIAN", help="budget, middle, premium, luxury; or the usual price, a number.")
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
    """Write a first catalog spec to SPEC (a .yaml file) that explains itself; asks what is not given, in a terminal.

    \b
    Example:
      toile new corner-shop.yaml --market DE --kind marketplace
    """
    from generator.scaffold.starter_spec import KINDS, starter_spec
    from schemas.markets import MARKETS as HABITS
    from schemas.util.files import storage_errors

    if spec.suffix not in {".yaml", ".yml"}:
        raise ToileError(str(spec), "is no YAML file", f"name it {spec.stem}.yaml")
    if spec.exists() and not force:
        raise ToileError(str(spec), "exists", "choose another name, or --force")
    name = name or _asked("Name of the shop", "-".join(spec.stem.lower().replace("_", " ").split()))
    market = market or _asked("Market", "US", MARKETS)
    kind = kind or ("marketplace" if silhouettes else _asked("Kind of shop", "marketplace", _KINDS))
    currency = HABITS[market].currency_code
    question = f"Prices (budget, middle, premium, luxury, or a usual one in {currency})"
    price = price or _asked(question, KINDS[kind].level)
    text = starter_spec(name, market=market, silhouettes=silhouettes, kind=kind, price=price)
    with storage_errors(spec):
        spec.write_text(text, encoding="utf-8")
    if not (ctx.obj and ctx.obj.get("quiet")):
        click.echo(f"written: {spec}\nnext: toile check {spec}", err=True)
        click.echo(f"then: toile generate {spec} --num-products 200 --out data/{name}", err=True)


@click.command()
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Another seed, other products.")
@click.option("--sheet", type=click.Path(path_type=Path, dir_okay=False), help="Draw the products into a JPEG file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of tables.")
def check(spec: Path, seed: int, sheet: Path | None, as_json: bool) -> None:
    """Say whether SPEC (a file or a preset) is valid, and show what it makes: eight products, shares, prices.

    \b
    Example:
      toile check fashion-luxury --sheet luxury.jpg
    """
    from generator.scaffold.small_pictures import check_sheet, drawer

    if sheet is not None:
        check_sheet(sheet)
    with contextlib.ExitStack() as beside:
        beside.enter_context(_uncollected())
        if sheet is not None or (sys.stdout.isatty() and not as_json):
            draw = beside.enter_context(drawer())  # begins to load while the spec is read
        from generator.sampling.extra_columns import check_extra_columns
        from generator.sampling.products import compile_catalog
        from generator.scaffold import spec_report
        from generator.scaffold.preview import as_figures, category_figures, check_drawable, shown_products
        from schemas.appearance import Appearance
        from schemas.specs import load, preset_path

        where = str(preset_path(str(spec), "catalog") or spec)
        catalog = load(spec, "catalog")
        compile_catalog(catalog, where)
        check_extra_columns(catalog, where)
        check_drawable(catalog, where)
        shown, categories = shown_products(catalog, seed), category_figures(catalog, seed)
        console = spec_report.console_of(os.environ.get("COLUMNS"))
        in_terminal = spec_report.has_colour(console) and not as_json
        if as_json:
            click.echo(json.dumps(as_figures(catalog, shown, categories), ensure_ascii=False))
        else:  # at once; the pictures follow
            spec_report.print_summary(console, catalog)
            spec_report.print_products(console, catalog, shown)
            spec_report.print_categories(console, catalog, categories)
        if sheet is not None or in_terminal:
            looks = [Appearance.from_attributes(product.attributes or {}) for _, product in shown]
            pictures = draw((looks, _EDGE[sheet is not None]))
        if sheet is not None:
            spec_report.write_sheet(sheet, catalog, shown, pictures)
            click.echo(f"eight products: {sheet}", err=True)
        if in_terminal:
            spec_report.print_pictures(console, pictures)
    if not in_terminal and sheet is None and not as_json:
        click.echo("no terminal with colours to draw in; --sheet FILE.jpg draws the products", err=True)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """No search for garbage: a tenth of what a command takes that imports much, draws little and ends."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _asked(question: str, default: str, choices: tuple[str, ...] = ()) -> str:
    """The answer, or the default where nobody sits at a terminal."""
    if not _is_terminal():
        return default
    answer: str = click.prompt(question, default=default, type=click.Choice(choices) if choices else str, err=True)
    return answer


def _is_terminal() -> bool:
    return sys.stdin.isatty()
