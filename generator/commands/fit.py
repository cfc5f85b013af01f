"""Define the command `toile fit`: fit a catalog spec to real rows."""

import re
from pathlib import Path

import click

from schemas.errors import ToileError


@click.command()
@click.argument("catalog", metavar="CATALOG", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Spec to write, a .yaml file."
)
@click.option(
    "--epsilon",
    type=click.FloatRange(min=0.01, max=100),
    help="Privacy loss of all released figures together; 1 is common. Without it the spec is not private.",
)
@click.option(
    "--delta",
    default=1e-6,
    show_default=True,
    type=click.FloatRange(min=1e-15, max=0.01),
    help="With --epsilon: spent only on the names of categories.",
)
@click.option(
    "--min-support",
    default=5,
    show_default=True,
    type=click.IntRange(min=1),
    help="Smallest number of product families behind a word or value.",
)
@click.option(
    "--categories",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML list of `A > B > C`: public categories, such as the menu of the site.",
)
@click.option("--name", default="twin", show_default=True, help="Name of the invented shop.")
@click.option("--currency", metavar="CODE", help="Of the prices; default: that of the catalog or its rows.")
@click.option("--country", metavar="CODE", help="Three letters; default: that of the catalog or its rows.")
@click.option("--no-images", is_flag=True, help="Read colours from titles only.")
@click.option("--force", is_flag=True, help="Replace the file.")
@click.pass_context
def fit(
    ctx: click.Context,
    catalog: Path,
    out: Path,
    epsilon: float | None,
    delta: float,
    min_support: int,
    categories: Path | None,
    name: str,
    currency: str | None,
    country: str | None,
    no_images: bool,
    force: bool,
) -> None:
    """Fit a catalog spec to the train split of CATALOG: categories, prices, words, colours.

    \b
    Example:
      toile fit data/real --out twin.yaml --epsilon 1
    """
    from generator.fit.categories import load_categories
    from generator.fit.fit_spec import FitOptions, write_spec
    from generator.fit.fit_spec import fit as fit_rows

    if out.suffix not in {".yaml", ".yml"}:
        raise ToileError(str(out), "is not a YAML file", f"name it {out.stem}.yaml")
    if out.exists() and not force:
        raise ToileError(str(out), "exists already", "choose another name, or --force")
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) or len(name) > 60:
        raise ToileError(f"--name {name}", "is not lower-case words joined by hyphens", "write it as corner-shop")
    for option, code in (("--currency", currency), ("--country", country)):
        if code is not None and not re.fullmatch("[A-Z]{3}", code):
            raise ToileError(f"{option} {code}", "is not three capital letters", "write it as USD or USA")
    options = FitOptions(
        epsilon=epsilon,
        delta=delta,
        min_support=min_support,
        categories=None if categories is None else load_categories(categories),
        name=name,
        currency=currency,
        country=country,
        images=not no_images,
    )
    found = fit_rows(catalog, options)
    write_spec(found, out)
    if not (ctx.obj and ctx.obj.get("quiet")):
        for message in (*found.messages, f"written: {out}", f"next: toile check {out}"):
            click.echo(message, err=True)
