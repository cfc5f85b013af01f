"""The command that holds a synthetic catalog against a real one: audit."""

from pathlib import Path

import click

from schemas.audit import AUDIT, GATES, PRIVACY, Audit
from schemas.documents import from_dict
from schemas.errors import ToileError
from schemas.util.console import strip_control_chars
from schemas.util.files import storage_errors

_SHARDS = click.Path(exists=True, file_okay=False, path_type=Path)
PAGE = "report.html"


@click.command()
@click.option("--real", required=True, type=_SHARDS, help="Real rows; train is what was fitted, the rest is holdout.")
@click.option("--synthetic", required=True, type=_SHARDS, help="The catalog to be judged.")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the results.")
@click.option(
    "--spec",
    type=click.Path(path_type=Path),
    help="What the synthetic catalog was drawn from: its strings are checked too; a fitted one is fitted again.",
)
@click.option(
    "--gate",
    default=PRIVACY,
    show_default=True,
    type=click.Choice(GATES),
    help="Whose failed checks make the exit code 1.",
)
@click.option(
    "--refits", default=8, show_default=True, type=click.IntRange(min=1), help="Families to leave out, one a refit."
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
    """Hold a synthetic catalog against real rows: does it give any of them away, and is it like them?

    Writes audit.json and report.html into --out; exit 1 when a check of the gate fails.

    \b
    Example:
      toile audit --real data/real --synthetic data/twin --spec twin.yaml --out results/audit
    """
    from generator.audit.report import audit_page, printed, verdict
    from generator.audit.run import audit as audited
    from schemas.util.files import as_document, write_json
    from schemas.util.html import write_page
    from schemas.util.locks import run_lock
    from schemas.validation import load

    ctx.with_resource(run_lock(out))
    for name in (AUDIT, PAGE):
        if (out / name).exists() and not force:
            raise ToileError(str(out / name), "exists already", "choose another --out, or --force")
    quiet = bool(ctx.obj and ctx.obj.get("quiet"))
    found, curves = audited(
        real,
        synthetic,
        spec=None if spec is None else load(spec, "catalog"),
        spec_name=None if spec is None else str(spec),
        gate=gate,
        num_refits=refits,
        progress=lambda text: None if quiet else click.echo(f"{text} ...", err=True),
    )
    document = as_document(found)
    from_dict(Audit, document, str(out / AUDIT))
    with storage_errors(out / AUDIT):
        out.mkdir(parents=True, exist_ok=True)
        write_json(out / AUDIT, document)
    write_page(out / PAGE, audit_page(found, curves))
    for line in (*printed(found), *verdict(found)):
        click.echo(strip_control_chars(line))
    if not quiet:
        click.echo(f"written: {out / PAGE}", err=True)
    if not found.passed:
        ctx.exit(1)
