"""The commands `toile train`, `toile export` and `toile throughput`."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import click

from schemas.errors import ToileError
from schemas.training import MixSource
from schemas.util.console import import_with_notice, progress_bar, strip_control_chars


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the adapter.  [required]")
@click.option("--resume", is_flag=True, help="No effect: an unfinished run in --out always continues.")
@click.option(
    "--model", help="Base, instead of the run file's: a hub name, a folder (an adapter is continued), or tiny."
)
@click.option(
    "--mix",
    "mix",
    multiple=True,
    metavar="DIR=WEIGHT",
    help="A catalog and its weight, instead of the run file's mix; repeatable.",
)
@click.option("--max-steps", type=click.IntRange(min=1), help="Number of steps, instead of the run file's.")
@click.option("--device", help="cpu, cuda, cuda:1, ...; a GPU when there is one.")
@click.option(
    "--loaders",
    show_default="up to 8 with a GPU, else 0",
    type=click.IntRange(min=0),
    help="Processes that decode or render images ahead.",
)
@click.option("--auto-batch", is_flag=True, help="Halve the micro-batch where memory is too small.")
@click.option("--dry-run", is_flag=True, help="Time two steps, print sizes, memory and time; write nothing.")
@click.option("--force", is_flag=True, help="Replace another run in --out.")
@click.pass_context
def train(
    ctx: click.Context,
    run: Path,
    out: Path | None,
    resume: bool,
    model: str | None,
    mix: tuple[str, ...],
    max_steps: int | None,
    device: str | None,
    loaders: int | None,
    auto_batch: bool,
    dry_run: bool,
    force: bool,
) -> None:
    """Train as RUN.yaml says, on its weighted mix of catalogs and catalog specs.

    An unfinished run in --out continues. `torchrun --nproc-per-node N -m toile train ...` uses several GPUs.

    \b
    Example:
      toile train run.yaml --out runs/first
    """
    from schemas.validation import load

    total = max_steps or load(run, "training").max_steps  # an error in the file is reported before torch is imported
    entries = [_parse_mix_entry(text) for text in mix]
    quiet = _is_quiet(ctx) or not _is_first_process()

    def say(text: str) -> None:
        if not quiet:
            click.echo(strip_control_chars(text), err=True)

    if out is None and not dry_run:
        raise click.UsageError("Missing option '--out'.")
    import_with_notice("torch", "transformers", quiet=quiet)
    if out is None or dry_run:
        from finetune.benchmark import estimate_run, format_estimate
        from finetune.train import load_run_spec

        spec = load_run_spec(run, model=model, mix=entries, max_steps=max_steps)
        click.echo(format_estimate(estimate_run(spec, device=device, num_loaders=loaders, say=say), spec))
        return
    with progress_bar("training", total, quiet=quiet) as advance:
        from finetune.train import load_run_spec
        from finetune.train import train as train_model

        record, trained = train_model(
            load_run_spec(run, model=model, mix=entries, max_steps=max_steps),
            out,
            device=device,
            num_loaders=loaders,
            auto_batch=auto_batch,
            force=force,
            report=lambda step: advance(step.num_new, f"loss {step.loss:.3f}, {step.samples_per_second:.1f} samples/s"),
            say=say,
        )
    state = "" if trained else "already there and finished, nothing to do: "
    loss = f"loss {record.first_loss:.3f} -> {record.last_loss:.3f}, {record.samples_per_second} samples/s"
    say(f"{state}{record.num_steps} steps, {loss}: {out}")


@click.command()
@click.option("--model", required=True, help="The base: a hub name, a folder, or tiny; or an adapter, for both.")
@click.option(
    "--adapter", type=click.Path(path_type=Path, file_okay=False, exists=True), help="Folder of the adapter to merge."
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the checkpoint.")
@click.option(
    "--dtype",
    type=click.Choice(["float32", "bfloat16", "float16"]),
    help="Type of the weights; the base's own by default.",
)
@click.option("--device", default="cpu", show_default=True, help="Where the weights are merged.")
@click.option("--seed", default=0, show_default=True, help="Seed of the random weights of tiny.")
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
    quiet = _is_quiet(ctx)
    import_with_notice("torch", "transformers", quiet=quiet)
    import torch

    from finetune.export import export as export_model

    export_model(
        model,
        out,
        adapter=adapter,
        dtype=getattr(torch, dtype) if dtype else None,
        device=device,
        seed=seed,
        force=force,
        say=lambda text: None if quiet else click.echo(strip_control_chars(text), err=True),
    )


@click.command()
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option("--model", help="A hub name, a folder, tiny, or full-size: the published sizes, random weights.")
@click.option("--picture-size", metavar="PX", help="Size of images made in memory: 672, the default, or 800x600.")
@click.option("--num-crops", type=click.IntRange(min=1), help="Tiles an image may be cut into.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Examples of one step.")
@click.option("--micro-batch-size", type=click.IntRange(min=1), help="Examples computed at once.")
@click.option("--method", type=click.Choice(["lora", "full"]), help="What is trained.")
@click.option("--rank", type=click.IntRange(min=1), help="Rank of the adapters.")
@click.option("--dtype", type=click.Choice(["float32", "bfloat16"]), help="Type of the arithmetic.")
@click.option("--with", "on", multiple=True, metavar="SWITCH", help="Switch a speed-up on; repeatable.")
@click.option("--without", "off", multiple=True, metavar="SWITCH", help="Switch a speed-up off; repeatable.")
@click.option("--steps", default=10, show_default=True, type=click.IntRange(min=1), help="Steps that are measured.")
@click.option(
    "--warmup", default=3, show_default=True, type=click.IntRange(min=0), help="Steps before the measured ones."
)
@click.option("--loaders", type=click.IntRange(min=0), help="Processes that decode ahead.")
@click.option("--device", help="cpu, cuda, cuda:1, ...; a GPU when there is one.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of images, weights and order.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table.")
@click.pass_context
def throughput(
    ctx: click.Context,
    /,
    run: Path | None,
    picture_size: str | None,
    steps: int,
    warmup: int,
    loaders: int | None,
    device: str | None,
    as_json: bool,
    **changes: Any,
) -> None:
    """Measure how fast training goes: on the mix of RUN.yaml, or on images made in memory.

    \b
    Example:
      toile throughput --model tiny --batch-size 8 --steps 5
    """
    import_with_notice("torch", "transformers", quiet=_is_quiet(ctx))
    from finetune.benchmark import format_table, measure_throughput, override_spec, parse_image_size
    from finetune.train import load_run_spec

    if run is not None and picture_size is not None:
        raise ToileError("--picture-size", f"has no effect with {run}, which names its images", "leave one out")
    spec = override_spec(None if run is None else load_run_spec(run), **changes)
    quiet = _is_quiet(ctx)
    with progress_bar("measuring", warmup + steps, quiet=quiet) as advance:
        found = measure_throughput(
            spec,
            image_px=parse_image_size(picture_size or "672") if run is None else None,
            num_steps=steps,
            num_warmup=warmup,
            device=device,
            num_loaders=loaders,
            say=lambda text: None if quiet else click.echo(strip_control_chars(text), err=True),
            report=lambda step: advance(1, f"{step.seconds:.3g} s"),
        )
    if _is_first_process():
        click.echo(json.dumps(dataclasses.asdict(found)) if as_json else format_table(found))


def _parse_mix_entry(text: str) -> MixSource:
    """Parse "DIR=WEIGHT"."""
    folder, _, weight = text.rpartition("=")
    try:
        value = float(weight)
    except ValueError as error:
        raise ToileError(f"--mix {text}", "has no weight", "write DIR=WEIGHT, as in --mix data/real=0.5") from error
    if not folder or not value > 0 or value == float("inf"):
        raise ToileError(f"--mix {text}", "is not DIR=WEIGHT with a weight above 0", "write --mix data/real=0.5")
    return MixSource(data=folder, weight=value)


def _is_quiet(ctx: click.Context) -> bool:
    return bool(ctx.obj and ctx.obj.get("quiet"))


def _is_first_process() -> bool:
    """Return whether this is the process that prints, of those that torchrun started."""
    return os.environ.get("RANK", "0") == "0"
