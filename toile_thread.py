"""The whole thread as one command: a catalog, a training run, two evaluations, a comparison and its page.

It only composes: each step is the very command a user would type, and is continued or skipped when it is already done.
"""

import shutil
from pathlib import Path
from typing import Any

import click

import evaluation.cli
import finetune.cli
import generator.cli
from schemas.errors import ToileError

_IMAGE_SIZE = 112  # one tile of the tiny model


@click.command()
@click.option(
    "--out", default="toile-demo", show_default=True, type=click.Path(path_type=Path, file_okay=False), help="Folder."
)
@click.option("--num-products", default=6000, show_default=True, type=click.IntRange(min=50), help="Catalog size.")
@click.option("--max-steps", type=click.IntRange(min=1), help="Fewer training steps, for a quick look.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes that draw; all cores by default.")
@click.option("--force", is_flag=True, help="Start anew in a folder of an earlier demo.")
@click.pass_context
def demo(
    ctx: click.Context, out: Path, num_products: int, max_steps: int | None, workers: int | None, force: bool
) -> None:
    """Run everything on this machine with the built-in tiny model; a few minutes on two cores, no network.

    \b
    Example:
      toile demo --out toile-demo
    """
    from schemas.specs import PRESETS

    if (out / "report.html").exists() and not (out / "comparison" / "comparison.json").is_file():
        raise ToileError(str(out / "report.html"), "was not made by the demo", "choose another --out")
    _place(PRESETS / "demo-run.yaml", out / "run.yaml", replace=force and (out / "checkpoint" / "run.json").is_file())

    _step(ctx, f"1/5  drawing {num_products:,} products")
    shape: dict[str, Any] = {
        "num_products": num_products,
        "image_size": _IMAGE_SIZE,
        "workers": workers,
        "force": force,
    }
    ctx.invoke(generator.cli.generate, spec=PRESETS / "demo.yaml", out=out / "catalog", **shape)
    _step(ctx, "2/5  training the tiny Phi-3-Vision from scratch")
    ctx.invoke(
        finetune.cli.train, run=out / "run.yaml", out=out / "checkpoint", max_steps=max_steps, device="cpu", force=force
    )
    for number, name, model in ((3, "base", "tiny"), (4, "tuned", str(out / "checkpoint"))):
        _step(
            ctx, f"{number}/5  evaluating the {'untrained' if name == 'base' else 'trained'} model on held-out products"
        )
        ctx.invoke(
            evaluation.cli.evaluate, model=model, data=out / "catalog", out=out / name, device="cpu", force=force
        )
    _step(ctx, "5/5  comparing")
    ctx.invoke(
        evaluation.cli.compare, base_dir=out / "base", tuned_dir=out / "tuned", out=out / "comparison", force=force
    )
    _place(out / "comparison" / "report.html", out / "report.html", replace=True)
    _step(ctx, f"done: open {out}/report.html")


commands: list[click.Command] = [demo]


def _place(source: Path, target: Path, *, replace: bool = False) -> None:
    """Copy a file; another one in its place is an error unless it is ours to replace."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and not replace and target.read_bytes() != source.read_bytes():
        raise ToileError(str(target), "is not the demo's run file", "choose another --out")
    shutil.copyfile(source, target)


def _step(ctx: click.Context, text: str) -> None:
    if not (ctx.obj and ctx.obj.get("quiet")):
        click.secho(text, err=True, bold=True)
