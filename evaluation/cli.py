"""The commands `evaluate`, `compare` and `report`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from schemas.border import schema
from schemas.evaluation import EvaluationSpec

if TYPE_CHECKING:
    from evaluation.model import VisionModel
    from schemas.result import Comparison, Result

_DEFAULTS = EvaluationSpec()
_FIELDS = schema("evaluation")["properties"]
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_OUT = click.Path(file_okay=False, path_type=Path)
_FORCE = click.option("--force", is_flag=True, help="Replace what an earlier run left in --out.")
_DATA = click.option("--data", type=_FOLDER, help="Where the shards lie now, if they moved.")


@click.command()
@click.option("--model", required=True, help="Hub name, folder, or `tiny`.")
@click.option("--adapter", type=_FOLDER, help="PEFT adapter to put on the model.")
@click.option("--data", required=True, type=_FOLDER, help="Shard folder with the products.")
@click.option("--out", required=True, type=_OUT, help="Folder for predictions.jsonl, result.json and report.html.")
@click.option(
    "--split",
    default=_DEFAULTS.split,
    show_default=True,
    type=click.Choice(_FIELDS["split"]["enum"]),
    help="Rows to evaluate.",
)
@click.option(
    "--protocol",
    default=_DEFAULTS.protocol,
    show_default=True,
    type=click.Choice(_FIELDS["protocol"]["enum"]),
    help="generate: the model writes its answer.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), show_default="all rows", help="Evaluate a random sample this large."
)
@click.option("--device", show_default="cuda where there is one, else cpu", help="cpu, cuda, cuda:N or mps.")
@click.option(
    "--batch-size",
    default=_DEFAULTS.batch_size,
    show_default=True,
    type=click.IntRange(min=1),
    help="Pictures a model call.",
)
@_FORCE
@click.pass_context
def evaluate(
    ctx: click.Context,
    model: str,
    adapter: Path | None,
    data: Path,
    out: Path,
    split: str,
    protocol: str,
    limit: int | None,
    device: str | None,
    batch_size: int,
    force: bool,
) -> None:
    """Measure by category how well a model reads title, category and price from the picture alone.

    Every product is asked about three times: with its own picture, a blank one and another product's. A killed run
    continues when started again with the same arguments.

    \b
    Example:
      toile evaluate --model tiny --data data/small --out results/base
    """
    from evaluation.evaluation_run import Candidate
    from evaluation.evaluation_run import evaluate as run
    from evaluation.phi3v_backend import device_and_dtype
    from evaluation.terminal import print_result

    spec = EvaluationSpec(split=split, protocol=protocol, limit=limit, batch_size=batch_size)
    device, dtype = device_and_dtype(device)
    candidate = Candidate(
        model=model,
        weights=Path(model) if model != "tiny" and Path(model).is_dir() else None,
        adapter=adapter,
        device=device,
        dtype=str(dtype).removeprefix("torch."),
        load=_loader(ctx, model, adapter, device, dtype, spec.max_new_tokens),
    )
    done = (out / "result.json").is_file() and not force
    result = run(candidate, data, out, spec, force=force, quiet=_quiet(ctx))
    counts = result.counts
    _say(ctx, f"{counts.evaluated} products evaluated, {counts.skipped} skipped: {out}", done)
    print_result(result)
    click.echo(json.dumps(_summary(result, out)))


@click.command()
@click.argument("base_dir", type=_FOLDER)
@click.argument("tuned_dir", type=_FOLDER)
@click.option("--out", required=True, type=_OUT, help="Folder for comparison.json and report.html.")
@_DATA
@_FORCE
@click.pass_context
def compare(ctx: click.Context, base_dir: Path, tuned_dir: Path, out: Path, data: Path | None, force: bool) -> None:
    """Compare two evaluations of the same rows, pair by pair, category by category.

    \b
    Example:
      toile compare results/base results/tuned --out results/comparison
    """
    from evaluation.comparing import compare as run
    from evaluation.terminal import print_comparison

    done = (out / "comparison.json").is_file() and not force
    comparison = run(base_dir, tuned_dir, out, data=data, force=force)
    _say(ctx, f"{comparison.counts.evaluated} products compared: {out}", done)
    print_comparison(comparison)
    click.echo(json.dumps(_summary(comparison, out)))


@click.command()
@click.argument("result_dir", type=_FOLDER)
@_DATA
def report(result_dir: Path, data: Path | None) -> None:
    """Write the page of a finished evaluation or comparison once more.

    \b
    Example:
      toile report results/comparison
    """
    from evaluation.reporting import report as run

    click.echo(run(result_dir, data=data))


commands: list[click.Command] = [evaluate, compare, report]


def _quiet(ctx: click.Context) -> bool:
    return bool(ctx.obj and ctx.obj.get("quiet"))


def _say(ctx: click.Context, text: str, done: bool = False) -> None:
    if not _quiet(ctx):
        click.echo(f"already there and finished, nothing to do: {text}" if done else text, err=True)


def _loader(
    ctx: click.Context, model: str, adapter: Path | None, device: str, dtype: Any, max_new_tokens: int
) -> Callable[[], "VisionModel"]:
    """Loads the model when it is needed: the one place where evaluation meets finetune."""

    def load() -> "VisionModel":
        from evaluation.phi3v_backend import Phi3VisionBackend
        from finetune import load_model

        _say(ctx, f"loading {model}" + (f" with {adapter}" if adapter else ""))
        network, processor = load_model(model, dtype=dtype, device=device, adapter=adapter)
        return Phi3VisionBackend(network, processor, max_new_tokens=max_new_tokens)

    return load


def _summary(record: "Result | Comparison", out: Path) -> dict[str, Any]:
    """The headline figures, small enough for one line: {"joint": [value, low, high], ...}."""
    from evaluation.page import headline_rows
    from schemas.result import Difference, document_of

    rows = headline_rows(record.counts)
    n = record.counts.inferable if rows == "inferable" else record.counts.evaluated
    wanted = ("category", "title", "price", "joint", "reasoning")
    figures = {
        row.metric: [row.difference if isinstance(row, Difference) else row.value, row.low, row.high]
        for row in record.scores
        if row.metric in wanted and (row.rows, row.control, row.category, row.baseline) == (rows, "none", None, None)
    }
    summary: dict[str, Any] = document_of({"out": str(out), "rows": rows, "n": n, **figures})
    return summary
