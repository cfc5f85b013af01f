"""End-to-end pipelines: `run_demo` and `run_matrix`, and the commands `toile demo` and `toile matrix` that call them.

    from toile.pipeline import run_demo
    run_demo(Path("toile-demo"))

Each step is a function of a package. A step that is finished already is skipped, and an unfinished one continues.
"""

import dataclasses
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from generator.commands import is_quiet
from schemas.errors import ToileError
from schemas.util.console import import_with_notice, progress_bar

if TYPE_CHECKING:
    from schemas.result import Comparison, Matrix, Result, Score
    from schemas.training import TrainingSpec

_IMAGE_SIZE = 112  # one tile of the tiny model
_METRICS = {
    "category": "category",
    "title": "title",
    "title_exact": "title exact",
    "price": "price",
    "joint": "exact match",
}
_CONTROLS = {"blank": "trained, blank image", "shuffled": "trained, other image"}
_BASELINES = {
    "nearest training image": dict.fromkeys(_METRICS, "nearest-picture"),
    "most common answer": {
        "category": "majority-category",
        "title": "commonest-title",
        "title_exact": "commonest-title",
        "price": "median-price",
        "joint": "constant",
    },
}
"""Line of the demo's table -> baseline by metric. The nearest one is the answer of the most similar training image."""
_ROWS_HEADINGS = {"inferable": "visually identifiable rows", "all": "all rows"}
_MIN_WIDTH = 132  # columns of a pipe
Say = Callable[[str], None]


def run_demo(
    out: Path,
    *,
    num_products: int = 8000,
    max_steps: int | None = None,
    num_workers: int | None = None,
    force: bool = False,
    quiet: bool = False,
    say: Say = lambda text: None,
) -> tuple["Comparison", "Result", "Result"]:
    """Generate the demo catalog, train the tiny model on it, and evaluate and compare it before and after training.

    Args:
        out: folder for everything; its `report.html` is the page of the comparison.
        num_products: size of the catalog.
        max_steps: fewer training steps than the preset's.
        num_workers: processes that render; None for all cores.
        force: start again in the folder of an earlier demo.
        quiet: show no progress bars.
        say: called with a line before each step.

    Returns:
        The comparison, and the results of the untrained and the trained model.
    """
    from evaluation.analysis.comparison import compare
    from evaluation.run import evaluate
    from finetune.train import load_run_spec
    from generator.catalog.generate import generate
    from schemas.util.locks import run_lock
    from schemas.validation import PRESETS

    if (out / "report.html").exists() and not (out / "comparison" / "comparison.json").is_file():
        raise ToileError(str(out / "report.html"), "was not made by the demo", "choose another --out")
    _copy(PRESETS / "demo-run.yaml", out / "run.yaml", replace=force and (out / "checkpoint" / "run.json").is_file())

    say(f"1/5  generating {num_products:,} products")
    with progress_bar("generating", num_products, quiet=quiet) as advance:
        generate(
            PRESETS / "demo.yaml",
            out / "catalog",
            num_products=num_products,
            image_size=_IMAGE_SIZE,
            num_workers=num_workers,
            force=force,
            progress=advance,
        )
    say("2/5  training the tiny Phi-3-Vision from scratch")
    spec = load_run_spec(out / "run.yaml", max_steps=max_steps)
    _train(spec, out / "checkpoint", device="cpu", force=force, quiet=quiet)
    results = []
    for number, name, model in ((3, "base", "tiny"), (4, "tuned", str(out / "checkpoint"))):
        say(f"{number}/5  evaluating the {'untrained' if name == 'base' else 'trained'} model on held-out products")
        results.append(evaluate(model, out / "catalog", out / name, device="cpu", force=force, quiet=quiet))
    say("5/5  comparing")
    with run_lock(out / "comparison"):
        comparison = compare(out / "base", out / "tuned", out / "comparison", force=force)
    _copy(out / "comparison" / "report.html", out / "report.html", replace=True)
    return comparison, results[0], results[1]


def run_matrix(
    run: Path,
    out: Path,
    *,
    model: str | None = None,
    max_steps: int | None = None,
    limit: int | None = None,
    device: str | None = None,
    force: bool = False,
    quiet: bool = False,
    say: Say = lambda text: None,
) -> "Matrix":
    """Train on each source of a run file's mix alone and on all of them, and test each model on every source.

    Args:
        run: the run file; its mix names at least two catalogs.
        out: folder for everything; its `report.html` is the page of the matrix.
        model: hub name, folder or `tiny`, in place of the run file's.
        max_steps: training steps of every model, in place of the run file's.
        limit: test rows of every source; None for all.
        device: cpu, cuda, ...; None for a GPU where there is one.
        force: do everything again.
        quiet: show no progress bars.
        say: called with a line before each step.

    Returns:
        The figures of every model on every source, and the paired differences.
    """
    from evaluation.analysis.comparison import build_matrix
    from evaluation.run import evaluate
    from finetune.train import load_run_spec
    from schemas.evaluation import EvaluationSpec
    from schemas.result import ALL, BASE
    from schemas.training import MixSource

    spec = load_run_spec(run, model=model, max_steps=max_steps)
    folders = _name_sources(run, [entry.data for entry in spec.mix])
    weights = {name: entry.weight for name, entry in zip(folders, spec.mix, strict=True)}
    mixes = {BASE: {}, **{name: {name: 1.0} for name in folders}, ALL: weights}
    evaluated: dict[tuple[str, str], Path] = {}
    for number, (mix, parts) in enumerate(mixes.items()):
        folder = out / mix
        tested = spec.model
        if parts:
            say(f"{number}/{len(mixes) - 1}  training on {', '.join(parts)}")
            sources = tuple(MixSource(data=str(folders[part]), weight=weight) for part, weight in parts.items())
            mixed = dataclasses.replace(spec, mix=sources)
            _train(mixed, folder / "model", device=device, force=force, quiet=quiet)
            tested = str(folder / "model")  # an adapter's folder means its base with it
        for test, data in folders.items():
            say(f"{number}/{len(mixes) - 1}  {mix}: the test rows of {test}")
            evaluated[mix, test] = folder / f"on-{test}"
            evaluate(
                tested,
                data=data,
                out=evaluated[mix, test],
                spec=EvaluationSpec(limit=limit),
                device=device,
                force=force,
                quiet=quiet,
            )
    tests = {name: str(folder) for name, folder in folders.items()}
    return build_matrix(out, evaluated, mixes, tests, model=spec.model, num_steps=spec.max_steps, force=force)


@click.command()
@click.option(
    "--out", default="toile-demo", show_default=True, type=click.Path(path_type=Path, file_okay=False), help="Folder."
)
@click.option("--num-products", default=8000, show_default=True, type=click.IntRange(min=50), help="Catalog size.")
@click.option("--max-steps", type=click.IntRange(min=1), help="Fewer training steps, for a quick look.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes that render; all cores by default.")
@click.option("--force", is_flag=True, help="Start again in the folder of an earlier demo.")
@click.pass_context
def demo(
    ctx: click.Context, out: Path, num_products: int, max_steps: int | None, workers: int | None, force: bool
) -> None:
    """Run the full pipeline on this machine with the built-in tiny model; a few minutes on two cores, no network.

    \b
    Example:
      toile demo --out toile-demo
    """
    import_with_notice("torch", "transformers", quiet=is_quiet(ctx))
    from evaluation.report.console import print_comparison

    comparison, base, tuned = run_demo(
        out,
        num_products=num_products,
        max_steps=max_steps,
        num_workers=workers,
        force=force,
        quiet=is_quiet(ctx),
        say=lambda text: _print_step(ctx, text),
    )
    print_comparison(comparison)
    print_demo_table(base, tuned)
    _print_step(ctx, f"done: open {out}/report.html")


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder for everything.")
@click.option("--model", help="Base, instead of the run file's: a hub name, a folder, or tiny.")
@click.option("--max-steps", type=click.IntRange(min=1), help="Number of steps, instead of the run file's.")
@click.option("--limit", type=click.IntRange(min=1), help="Test rows of every source; all by default.")
@click.option("--device", help="cpu, cuda, cuda:1, ...; a GPU when there is one.")
@click.option("--force", is_flag=True, help="Do everything again.")
@click.pass_context
def matrix(ctx: click.Context, /, run: Path, out: Path, **options: Any) -> None:
    """Train on each source of RUN.yaml's mix alone and on all of them, and test each model on every source.

    The result shows whether synthetic data helps: every run has the same number of steps, every model answers the
    same test rows, and differences are paired.

    \b
    Example:
      toile matrix run.yaml --out results/matrix
    """
    import_with_notice("torch", "transformers", quiet=is_quiet(ctx))
    from evaluation.report.console import print_matrix

    found = run_matrix(run, out, quiet=is_quiet(ctx), say=lambda text: _print_step(ctx, text), **options)
    print_matrix(found)
    _print_step(ctx, f"done: open {out}/report.html")


def print_demo_table(base: "Result", tuned: "Result") -> None:
    """Print the scores of the demo with controls and baselines that need no understanding of an image."""
    from rich.console import Console
    from rich.table import Column, Table

    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, _MIN_WIDTH)
    rows = "inferable" if tuned.counts.inferable else "all"
    heads = [Column(name, justify="right", no_wrap=True) for name in _METRICS.values()]
    table = Table(Column(_ROWS_HEADINGS[rows], no_wrap=True), *heads, box=None, pad_edge=False)
    headline = tuned.scores[0]

    def find(result: "Result", control: str = "none", baselines: dict[str, str] | None = None) -> list[str]:
        chosen = baselines or {}
        found = {
            score.metric: score
            for score in result.scores
            if (score.protocol, score.split, score.rows) == (headline.protocol, headline.split, rows)
            and (score.category, score.control, score.baseline) == (None, control, chosen.get(score.metric))
        }
        return [_format_score(found.get(metric)) for metric in _METRICS]

    table.add_row("trained", *find(tuned))
    table.add_row("untrained", *find(base))
    for control, label in _CONTROLS.items():
        table.add_row(label, *find(tuned, control))
    for label, baselines in _BASELINES.items():
        table.add_row(label, *find(tuned, baselines=baselines))
    if tuned.ceiling is not None and rows in tuned.ceiling:
        best = tuned.ceiling[rows]
        table.add_row("best achievable score", *(f"{100 * getattr(best, metric):.0f} %" for metric in _METRICS))
    console.print()
    console.print(table)


def _format_score(score: "Score | None") -> str:
    """Return a share in percent with its interval, or a dash where there is none."""
    if score is None or score.value is None or score.low is None or score.high is None:
        return "-"
    return f"{100 * score.value:.0f} % ({100 * score.low:.0f}-{100 * score.high:.0f})"


def _train(spec: "TrainingSpec", out: Path, *, device: str | None, force: bool, quiet: bool) -> None:
    """Train with a progress bar."""
    from finetune.train import StepReport, train

    def report(step: StepReport) -> None:
        advance(step.num_new, f"loss {step.loss:.3f}, {step.samples_per_second:.1f} samples/s")

    with progress_bar("training", spec.max_steps, quiet=quiet) as advance:
        train(spec, out, device=device, force=force, report=report)


def _name_sources(run: Path, folders: Sequence[str]) -> dict[str, Path]:
    """Return name -> folder of every source; names are the folders' own, numbered where two are the same."""
    if len(folders) < 2:
        raise ToileError(str(run), "has one source", "give its mix at least two folders, such as real and synthetic")
    named: dict[str, Path] = {}
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise ToileError(str(folder), "is no catalog folder, so it has no test rows", "run `toile generate` first")
        name, number = folder.name, 2
        while name in named or name in ("base", "all", "comparisons"):
            name, number = f"{folder.name}-{number}", number + 1
        named[name] = folder
    return named


def _copy(source: Path, target: Path, *, replace: bool = False) -> None:
    """Copy a file; another file in its place is an error unless `replace`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and not replace and target.read_bytes() != source.read_bytes():
        raise ToileError(str(target), "is not the demo's run file", "choose another --out")
    shutil.copyfile(source, target)


def _print_step(ctx: click.Context, text: str) -> None:
    if not is_quiet(ctx):
        click.secho(text, err=True, bold=True)
