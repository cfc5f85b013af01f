"""The command that learns a catalog spec from real rows: fit."""

import re
from pathlib import Path

import click

from schemas.errors import ToileError
from schemas.util.files import storage_errors


@click.command()
@click.argument("shards", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The spec, a .yaml file.")
@click.option(
    "--epsilon",
    type=click.FloatRange(min=0.01, max=100),
    help="Differential privacy: the loss of everything together, 1 being usual. Without it the spec is not private.",
)
@click.option(
    "--delta",
    default=1e-6,
    show_default=True,
    type=click.FloatRange(min=1e-15, max=0.01),
    help="With --epsilon: spent only to release names of categories.",
)
@click.option(
    "--min-support",
    default=5,
    show_default=True,
    type=click.IntRange(min=1),
    help="No word or value with fewer product families behind it gets in.",
)
@click.option(
    "--categories",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML list of `A > B > C`: categories that are public, such as the menu of the site.",
)
@click.option("--name", default="twin", show_default=True, help="Name of the invented shop.")
@click.option("--currency", metavar="CODE", help="Of the prices; by default what the folder or its rows say.")
@click.option("--country", metavar="CODE", help="Three letters; by default what the folder or its rows say.")
@click.option("--no-images", is_flag=True, help="Colours from titles alone.")
@click.option("--force", is_flag=True, help="Replace the file.")
@click.pass_context
def fit(
    ctx: click.Context,
    shards: Path,
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
    """Learn a catalog spec from the train split of SHARDS: categories, prices, words, colours, habits.

    \b
    Example:
      toile fit data/real --out twin.yaml --epsilon 1
    """
    from generator.fit.categories import load_categories
    from generator.fit.fit_spec import fit as fitted
    from generator.fit.options import FitOptions
    from generator.fit.spec_yaml import as_yaml
    from generator.sampling.products import compile_catalog
    from schemas.validation import load

    if out.suffix not in {".yaml", ".yml"}:
        raise ToileError(str(out), "is no YAML file", f"name it {out.stem}.yaml")
    if out.exists() and not force:
        raise ToileError(str(out), "exists", "choose another name, or --force")
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
        pictures=not no_images,
    )
    found = fitted(shards, options)
    temporary = out.with_name(f"{out.stem}.part{out.suffix}")
    with storage_errors(out):
        temporary.write_text(as_yaml(found), encoding="utf-8")
        compile_catalog(load(temporary, "catalog"), str(out))
        temporary.replace(out)
    if not (ctx.obj and ctx.obj.get("quiet")):
        for message in (*found.messages, f"written: {out}", f"next: toile check {out}"):
            click.echo(message, err=True)
