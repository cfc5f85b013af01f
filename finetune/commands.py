"""Commands that train."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import click

from schemas.errors import ToileError
from schemas.util.console import progress_bar


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder for the adapter.")
@click.option("--resume", is_flag=True, help="Said for clarity: an unfinished run in --out always continues.")
@click.option("--model", help="Instead of the run file's: a hub name, a folder, or tiny.")
@click.option("--mix", "mix", multiple=True, metavar="DIR=WEIGHT", help="Instead of the run file's mix; repeatable.")
@click.option("--max-steps", type=click.IntRange(min=1), help="Instead of the run file's.")
@click.option("--device", help="cpu, cuda, cuda:1, ...; a GPU when there is one.")
@click.option(
    "--loaders",
    show_default="up to 8 with a GPU, else 0",
    type=click.IntRange(min=0),
    help="Processes that decode or draw pictures ahead.",
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
    loaders: int | None,
    force: bool,
) -> None:
    """Train as RUN.yaml says, on its weighted mix of shard folders and catalog specs.

    An unfinished run in --out continues. `torchrun --nproc-per-node N -m toile train ...` uses several GPUs.

    \b
    Example:
      toile train run.yaml --out runs/first
    """
    from finetune.data_mix import Example
    from finetune.train import train as run_training
    from generator.catalog.online_source import opener

    spec = read_run(run, model, mix, max_steps)
    quiet = bool(ctx.obj and ctx.obj.get("quiet")) or os.environ.get("RANK", "0") != "0"  # torchrun: one speaks

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
            open_drawn=opener(spec.mix, Example),
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

    from finetune.export import export as write

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


@click.command()
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option("--model", help="A hub name, a folder, tiny, or full-size: the published sizes, drawn from the seed.")
@click.option("--picture-size", metavar="PX", help="Of pictures made in memory: 672, the default, or 800x600.")
@click.option("--num-crops", type=click.IntRange(min=1), help="Tiles a picture may be cut into.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Examples that make one step.")
@click.option("--micro-batch-size", type=click.IntRange(min=1), help="Examples that are computed at once.")
@click.option("--method", type=click.Choice(["lora", "full"]), help="What is trained.")
@click.option("--rank", type=click.IntRange(min=1), help="Of the adapters.")
@click.option("--dtype", type=click.Choice(["float32", "bfloat16"]), help="Of the arithmetic.")
@click.option("--with", "on", multiple=True, metavar="SWITCH", help="Switch a way to train faster on; repeatable.")
@click.option("--without", "off", multiple=True, metavar="SWITCH", help="Switch one off; repeatable.")
@click.option("--steps", default=10, show_default=True, type=click.IntRange(min=1), help="That are measured.")
@click.option("--warmup", default=3, show_default=True, type=click.IntRange(min=0), help="Steps before, not counted.")
@click.option("--loaders", type=click.IntRange(min=0), help="Processes that decode ahead.")
@click.option("--device", help="cpu, cuda, cuda:1, ...; a GPU when there is one.")
@click.option("--seed", type=click.IntRange(min=0), help="Of pictures, weights and order.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table.")
@click.pass_context
def throughput(
    ctx: click.Context,
    /,
    run: Path | None,
    model: str | None,
    picture_size: str | None,
    on: tuple[str, ...],
    off: tuple[str, ...],
    steps: int,
    warmup: int,
    loaders: int | None,
    device: str | None,
    as_json: bool,
    **changes: Any,
) -> None:
    """Measure how fast training goes: on the mix of RUN.yaml, or on pictures made in memory.

    \b
    Example:
      toile throughput --model tiny --batch-size 8 --steps 5
    """
    from finetune.benchmark import chosen_spec, measure_throughput, picture_px_of, printed
    from finetune.data_mix import Example

    spec, open_drawn, picture_px = None, None, None
    if run is None:
        picture_px = picture_px_of(picture_size or "672")
    elif picture_size is not None:
        raise ToileError("--picture-size", f"has no meaning beside {run}, which names its pictures", "leave one out")
    else:
        from generator.catalog.online_source import opener

        spec = read_run(run, model, (), None)
        open_drawn = opener(spec.mix, Example)
    spec = chosen_spec(spec, on=on, off=off, model=model, **changes)
    quiet = bool(ctx.obj and ctx.obj.get("quiet"))
    with progress_bar("measuring", warmup + steps, quiet=quiet) as advance:
        found = measure_throughput(
            spec,
            picture_px=picture_px,
            num_steps=steps,
            num_warmup=warmup,
            device=device,
            num_loaders=loaders,
            open_drawn=open_drawn,
            say=lambda text: None if quiet else click.echo(text, err=True),
            report=lambda step: advance(1, f"{step.seconds:.3g} s"),
        )
    if os.environ.get("RANK", "0") == "0":  # of torchrun's processes one speaks
        click.echo(json.dumps(dataclasses.asdict(found)) if as_json else printed(found))


def read_run(path: Path, model: str | None, mix: tuple[str, ...], max_steps: int | None) -> Any:
    """The run file with the command line's changes; what its mix names become paths seen from here."""
    from schemas.training import MixSource
    from schemas.validation import load

    spec = load(path, "training")
    named, beside = (tuple(MixSource(**_weighted(text)) for text in mix), Path()) if mix else (spec.mix, path.parent)
    sources = tuple(dataclasses.replace(entry, data=_place(entry.data, beside)) for entry in named)
    changes: dict[str, Any] = {"mix": sources}
    if model is not None:
        changes["model"] = model
    if max_steps is not None:
        changes["max_steps"] = max_steps
    return dataclasses.replace(spec, **changes)


def _place(data: str, beside: Path) -> str:
    """The path of what a mix names: relative to `beside`, or of a shipped preset where nothing is there."""
    from schemas.validation import presets

    path = beside / data
    preset = None if path.exists() else presets("catalog").get(data)
    return str(preset or path)


def _weighted(text: str) -> dict[str, Any]:
    folder, _, weight = text.rpartition("=")
    try:
        value = float(weight)
    except ValueError as error:
        raise ToileError(f"--mix {text}", "has no weight", "write DIR=WEIGHT, as in --mix data/real=0.5") from error
    if not folder or not value > 0 or value == float("inf"):
        raise ToileError(f"--mix {text}", "is not DIR=WEIGHT with a weight above 0", "write --mix data/real=0.5")
    return {"data": folder, "weight": value}
