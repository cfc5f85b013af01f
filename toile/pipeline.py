"""The whole thread as one command: a catalog, a training run, two evaluations, a comparison and its page.

It only composes: each step is the very command a user would type, and is continued or skipped when it is already done.
"""

import contextlib
import io
import shutil
from pathlib import Path
from typing import Any

import click

import evaluation.commands
import finetune.commands
import generator.commands.generate
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
    from schemas.validation import PRESETS

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
    ctx.invoke(generator.commands.generate.generate, spec=PRESETS / "demo.yaml", out=out / "catalog", **shape)
    _step(ctx, "2/5  training the tiny Phi-3-Vision from scratch")
    ctx.invoke(
        finetune.commands.train,
        run=out / "run.yaml",
        out=out / "checkpoint",
        max_steps=max_steps,
        device="cpu",
        force=force,
    )
    for number, name, model in ((3, "base", "tiny"), (4, "tuned", str(out / "checkpoint"))):
        _step(
            ctx, f"{number}/5  evaluating the {'untrained' if name == 'base' else 'trained'} model on held-out products"
        )
        ctx.invoke(
            evaluation.commands.evaluate,
            model=model,
            data=out / "catalog",
            out=out / name,
            device="cpu",
            force=force,
        )
    _step(ctx, "5/5  comparing")
    ctx.invoke(
        evaluation.commands.compare,
        base_dir=out / "base",
        tuned_dir=out / "tuned",
        out=out / "comparison",
        force=force,
    )
    _place(out / "comparison" / "report.html", out / "report.html", replace=True)
    _step(ctx, f"done: open {out}/report.html")


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder for everything.")
@click.option("--model", help="Instead of the run file's: a hub name, a folder, or tiny.")
@click.option("--max-steps", type=click.IntRange(min=1), help="Instead of the run file's.")
@click.option("--limit", type=click.IntRange(min=1), help="Test rows of every source; all by default.")
@click.option("--device", help="cpu, cuda, cuda:1, ...; a GPU when there is one.")
@click.option("--force", is_flag=True, help="Do everything again.")
@click.pass_context
def matrix(
    ctx: click.Context,
    run: Path,
    out: Path,
    model: str | None,
    max_steps: int | None,
    limit: int | None,
    device: str | None,
    force: bool,
) -> None:
    """Train on each source of RUN.yaml's mix alone and on all of them, and test each model on every source.

    The table that says whether synthetic data helps: every run has the same number of steps, every model answers the
    same test rows, and differences are paired.

    \b
    Example:
      toile matrix run.yaml --out results/matrix
    """
    from evaluation.analysis.comparison import build_matrix
    from evaluation.report.console import print_matrix
    from finetune.train import load_run_spec
    from schemas.result import ALL, BASE

    spec = load_run_spec(run, model=model, max_steps=max_steps)
    folders = _sources(run, [entry.data for entry in spec.mix])
    weights = {name: entry.weight for name, entry in zip(folders, spec.mix, strict=True)}
    mixes = {BASE: {}, **{name: {name: 1.0} for name in folders}, ALL: weights}
    evaluated: dict[tuple[str, str], Path] = {}
    for number, (mix, parts) in enumerate(mixes.items()):
        where = out / mix
        candidate: dict[str, Any] = {"model": spec.model}
        if parts:
            _step(ctx, f"{number}/{len(mixes) - 1}  training on {', '.join(parts)}")
            named = tuple(f"{folders[part]}={weight}" for part, weight in parts.items())
            ctx.invoke(
                finetune.commands.train, run=run, out=where / "model", model=model, mix=named, max_steps=max_steps,
                device=device, force=force,
            )  # fmt: skip
            trained = str(where / "model")
            candidate = {"model": trained} if spec.method == "full" else {"model": spec.model, "adapter": Path(trained)}
        for test, folder in folders.items():
            _step(ctx, f"{number}/{len(mixes) - 1}  {mix}: the test rows of {test}")
            evaluated[mix, test] = where / f"on-{test}"
            with contextlib.redirect_stdout(io.StringIO()):  # their tables; the matrix is this command's result
                ctx.invoke(
                    evaluation.commands.evaluate, data=folder, out=evaluated[mix, test], limit=limit,
                    device=device, force=force, **candidate,
                )  # fmt: skip
    tests = {name: str(folder) for name, folder in folders.items()}
    found = build_matrix(out, evaluated, mixes, tests, model=spec.model, num_steps=spec.max_steps, force=force)
    print_matrix(found)
    _step(ctx, f"done: open {out}/report.html")


def _sources(run: Path, folders: list[str]) -> dict[str, Path]:
    """Name -> folder of every source; names are the folders' own, numbered where two are the same."""
    if len(folders) < 2:
        raise ToileError(str(run), "has one source", "give its mix at least two folders, such as real and synthetic")
    named: dict[str, Path] = {}
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise ToileError(str(folder), "is no shard folder, so it has no test rows", "run `toile generate` first")
        name, number = folder.name, 2
        while name in named or name in ("base", "all", "comparisons"):
            name, number = f"{folder.name}-{number}", number + 1
        named[name] = folder
    return named


def _place(source: Path, target: Path, *, replace: bool = False) -> None:
    """Copy a file; another one in its place is an error unless it is ours to replace."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and not replace and target.read_bytes() != source.read_bytes():
        raise ToileError(str(target), "is not the demo's run file", "choose another --out")
    shutil.copyfile(source, target)


def _step(ctx: click.Context, text: str) -> None:
    if not (ctx.obj and ctx.obj.get("quiet")):
        click.secho(text, err=True, bold=True)
