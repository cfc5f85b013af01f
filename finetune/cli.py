"""Commands that train."""

import dataclasses
from pathlib import Path
from typing import Any

import click

from schemas.errors import ToileError
from schemas.progress import progress_bar


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder for the adapter.")
@click.option("--resume", is_flag=True, help="Said for clarity: an unfinished run in --out always continues.")
@click.option("--model", help="Instead of the run file's: a hub name, a folder, or tiny.")
@click.option("--mix", "mix", multiple=True, metavar="DIR=WEIGHT", help="Instead of the run file's mix; repeatable.")
@click.option("--max-steps", type=click.IntRange(min=1), help="Instead of the run file's.")
@click.option("--device", help="cpu, cuda, cuda:1, ...; a GPU when there is one.")
@click.option(
    "--loaders", default=0, show_default=True, type=click.IntRange(min=0), help="Processes that decode ahead."
)
@click.option("--force", is_flag=True, help="Replace another run in --out.")
@click.pass_context
def train(
    ctx: click.Context,
    run: Path,
    out: Path,
    resume: bool,
    model: str | None,
    mix: tuple[str, ...],
    max_steps: int | None,
    device: str | None,
    loaders: int,
    force: bool,
) -> None:
    """Train as RUN.yaml says, on its weighted mix of shard folders.

    \b
    Example:
      toile train run.yaml --out runs/first
    """
    from finetune.training_run import train as run_training

    spec = read_run(run, model, mix, max_steps)
    quiet = bool(ctx.obj and ctx.obj.get("quiet"))

    def talk(text: str) -> None:
        if not quiet:
            click.echo(text, err=True)

    with progress_bar("training", spec.max_steps, quiet=quiet) as advance:
        record, trained = run_training(
            spec,
            out,
            device=device,
            num_loaders=loaders,
            force=force,
            report=lambda step: advance(step.num_new, f"loss {step.loss:.3f}, {step.samples_per_second:.1f} samples/s"),
            say=talk,
        )
    state = "" if trained else "already there and finished, nothing to do: "
    loss = f"loss {record.first_loss:.3f} -> {record.last_loss:.3f}, {record.samples_per_second} samples/s"
    talk(f"{state}{record.num_steps} steps, {loss}: {out}")


@click.command()
@click.option("--model", required=True, help="The base: a hub name, a folder, or tiny.")
@click.option(
    "--adapter", type=click.Path(path_type=Path, file_okay=False, exists=True), help="Folder of the adapter to merge."
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the checkpoint.")
@click.option(
    "--dtype", type=click.Choice(["float32", "bfloat16", "float16"]), help="Of the weights; the base's own by default."
)
@click.option("--device", default="cpu", show_default=True, help="Where the weights are merged.")
@click.option("--seed", default=0, show_default=True, help="Of tiny without an adapter.")
@click.option("--force", is_flag=True, help="Replace a checkpoint in --out.")
@click.pass_context
def export(
    ctx: click.Context,
    model: str,
    adapter: Path | None,
    out: Path,
    dtype: str | None,
    device: str,
    seed: int,
    force: bool,
) -> None:
    """Write a model, with its adapter merged, as a checkpoint in the published layout.

    \b
    Example:
      toile export --model microsoft/Phi-3.5-vision-instruct --adapter runs/first --out merged
    """
    import torch

    from finetune.exporting import export as write

    quiet = bool(ctx.obj and ctx.obj.get("quiet"))
    write(
        model,
        out,
        adapter=adapter,
        dtype=getattr(torch, dtype) if dtype else None,
        device=device,
        seed=seed,
        force=force,
        say=lambda text: None if quiet else click.echo(text, err=True),
    )


commands: list[click.Command] = [train, export]


def read_run(path: Path, model: str | None, mix: tuple[str, ...], max_steps: int | None) -> Any:
    """The run file with the command line's changes; its data folders become paths seen from here."""
    from schemas.specs import load
    from schemas.training import MixSource

    spec = load(path, "training")
    sources = tuple(dataclasses.replace(entry, data=str(path.parent / entry.data)) for entry in spec.mix)
    changes: dict[str, Any] = {"mix": tuple(MixSource(**_weighted(text)) for text in mix) or sources}
    if model is not None:
        changes["model"] = model
    if max_steps is not None:
        changes["max_steps"] = max_steps
    return dataclasses.replace(spec, **changes)


def _weighted(text: str) -> dict[str, Any]:
    folder, _, weight = text.rpartition("=")
    try:
        value = float(weight)
    except ValueError as error:
        raise ToileError(f"--mix {text}", "has no weight", "write DIR=WEIGHT, as in --mix data/real=0.5") from error
    if not folder or not value > 0 or value == float("inf"):
        raise ToileError(f"--mix {text}", "is not DIR=WEIGHT with a weight above 0", "write --mix data/real=0.5")
    return {"data": folder, "weight": value}
