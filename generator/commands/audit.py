"""Define the command `toile audit`: compare a synthetic catalog with a real one."""

from pathlib import Path

import click

from schemas.audit import AUDIT, GATES, PRIVACY
from schemas.errors import ToileError
from schemas.util.console import strip_control_chars

_CATALOG = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option(
    "--real",
    required=True,
    type=_CATALOG,
    metavar="CATALOG",
    help="Real rows: train is what a fit reads, the rest is holdout.",
)
@click.option("--synthetic", required=True, type=_CATALOG, metavar="CATALOG", help="Synthetic catalog to audit.")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the results.")
@click.option(
    "--spec",
    type=click.Path(path_type=Path),
    help="Spec of the synthetic catalog: its strings are checked too; a fitted one is fitted again.",
)
@click.option(
    "--gate",
    default=PRIVACY,
    show_default=True,
    type=click.Choice(GATES),
    help="Kind of checks whose failure makes the exit code 1.",
)
@click.option(
    "--refits",
    default=8,
    show_default=True,
    type=click.IntRange(min=1),
    help="Number of families to leave out, one a refit.",
)
@click.option("--force", is_flag=True, help="Replace an audit in --out.")
@click.pass_context
def audit(
    ctx: click.Context,
    real: Path,
    synthetic: Path,
    out: Path,
    spec: Path | None,
    gate: str,
    refits: int,
    force: bool,
) -> None:
    """Check the privacy and fidelity of a synthetic catalog against real rows.

    Writes audit.json and report.html into --out. Exit code 1 if a check of the gate fails.

    \b
    Example:
      toile audit --real data/real --synthetic data/twin --spec twin.yaml --out results/audit
    """
    from generator.audit.run import PAGE, format_checks, summarize
    from generator.audit.run import audit as run_audit
    from schemas.util.locks import run_lock
    from schemas.validation import load

    ctx.with_resource(run_lock(out))
    for name in (AUDIT, PAGE):
        if (out / name).exists() and not force:
            raise ToileError(str(out / name), "exists already", "choose another --out, or --force")
    quiet = bool(ctx.obj and ctx.obj.get("quiet"))
    found = run_audit(
        real,
        synthetic,
        out=out,
        spec=None if spec is None else load(spec, "catalog"),
        spec_name=None if spec is None else str(spec),
        gate=gate,
        num_refits=refits,
        progress=lambda text: None if quiet else click.echo(f"{text} ...", err=True),
    )
    for line in (*format_checks(found), *summarize(found)):
        click.echo(strip_control_chars(line))
    if not quiet:
        click.echo(f"written: {out / PAGE}", err=True)
    if not found.passed:
        ctx.exit(1)
