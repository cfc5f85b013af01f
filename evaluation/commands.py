"""Commands that evaluate, score, compare and report: parse options, call one function, print."""

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from schemas.documents import schema
from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec
from schemas.util.console import import_with_notice, strip_control_chars

if TYPE_CHECKING:
    from schemas.result import Result

_DEFAULTS = EvaluationSpec()
_FIELDS = schema("evaluation")["properties"]
_NO_CONTROL = "none"
_CONTROLS = _FIELDS["controls"]["items"]["enum"]
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_OUT = click.Path(file_okay=False, path_type=Path)
_OUT_FILE = click.Path(path_type=Path, dir_okay=False)
_FORCE = click.option("--force", is_flag=True, help="Replace what an earlier run left in --out.")
_DATA = click.option("--data", type=_FOLDER, metavar="CATALOG", help="Where the catalog is now, if it was moved.")


@click.command()
@click.option(
    "--model",
    help="Hub name, folder (of an adapter too), or `tiny`; with --backend openai the server's name for it.",
)
@click.option("--adapter", type=_FOLDER, help="PEFT adapter to load into the model.")
@click.option("--data", required=True, type=_FOLDER, metavar="CATALOG", help="Folder of the catalog to evaluate on.")
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
    "protocols",
    multiple=True,
    default=_DEFAULTS.protocols,
    show_default=True,
    type=click.Choice(_FIELDS["protocols"]["items"]["enum"]),
    help="How the model is asked; repeatable, the first is the headline. generate: the training prompt; instructed: "
    "with answer form, categories and currency; examples: and answers of train rows; constrained: only the answer "
    "form can be written; rank: log-probability of every category; price: of every price.",
)
@click.option("--choose-prompt", is_flag=True, help="Choose generate, instructed or examples on validation rows.")
@click.option(
    "--control",
    "controls",
    multiple=True,
    default=_DEFAULTS.controls,
    show_default=True,
    type=click.Choice([*_FIELDS["controls"]["items"]["enum"], _NO_CONTROL]),
    help="Images without evidence that the model is asked about too; repeatable.",
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
    help="Images per model call; concurrent requests to a server.",
)
@click.option(
    "--max-new-tokens",
    default=_DEFAULTS.max_new_tokens,
    show_default=True,
    type=click.IntRange(min=1),
    help="A longer answer is cut; a model that reasons first needs some thousand.",
)
@click.option("--allow-seen", is_flag=True, help="Evaluate rows that the model was trained on, with a note.")
@click.option("--no-noise-check", is_flag=True, help="Do not measure batch-size repeatability on 5 % of the rows.")
@click.option(
    "--fail-under",
    multiple=True,
    metavar="METRIC=VALUE",
    help="Exit 1 when the headline figure on all rows is below; repeatable, as in joint=0.4.",
)
@click.option(
    "--backend",
    default="local",
    show_default=True,
    type=click.Choice(["local", "transformers", "openai"]),
    help="local: Phi-3-Vision; transformers: any chat model with images of that library, by its own chat template; "
    "openai: an OpenAI-compatible server.",
)
@click.option("--url", help="Address of the server, such as http://localhost:8000/v1.")
@click.option("--api-key-env", metavar="NAME", help="Environment variable that holds the server's key.")
@click.option(
    "--export-task",
    "harness",
    type=click.Choice(["inspect", "lmms-eval"]),
    help="Ask no model: write the rows, questions and scorer as a task of this harness to --out.",
)
@_FORCE
@click.pass_context
def evaluate(
    ctx: click.Context,
    model: str | None,
    adapter: Path | None,
    data: Path,
    out: Path,
    split: str,
    protocols: tuple[str, ...],
    choose_prompt: bool,
    controls: tuple[str, ...],
    limit: int | None,
    device: str | None,
    batch_size: int,
    max_new_tokens: int,
    allow_seen: bool,
    no_noise_check: bool,
    fail_under: tuple[str, ...],
    backend: str,
    url: str | None,
    api_key_env: str | None,
    harness: str | None,
    force: bool,
) -> None:
    """Measure by category how well a model reads title, category and price from a product image.

    The model is asked about every product with its own image, a blank one and another product's. A run that was killed
    continues with the same arguments. `torchrun --nproc-per-node N -m toile evaluate ...` uses several GPUs.

    \b
    Example:
      toile evaluate --model tiny --data data/small --out results/base
      toile evaluate --export-task inspect --data data/small --out tasks/inspect
    """
    spec = EvaluationSpec(
        split=split,
        protocols=_check_unique("--protocol", protocols),
        choose_prompt=choose_prompt,
        controls=_parse_controls(controls),
        limit=limit,
        batch_size=batch_size,
        max_new_tokens=max_new_tokens,
    )
    if harness is not None:
        asked = {"--model": model, "--adapter": adapter, "--device": device, "--url": url, "--api-key-env": api_key_env}
        _refuse_options("--export-task", {**asked, "--fail-under": fail_under or None})
        _export_task(ctx, harness, data, out, spec, force)
        return
    if model is None:
        raise click.UsageError("Missing option '--model'.")
    if backend != "openai":
        import_with_notice("torch", "transformers", quiet=_quiet(ctx))
    from evaluation.models.openai_server import server_model
    from evaluation.models.phi3v import local_model
    from evaluation.models.transformers_model import transformers_model
    from evaluation.report.console import check_thresholds, enforce_thresholds, headline_summary, print_result
    from evaluation.run import evaluate as run
    from evaluation.run_dir import TIMEOUT
    from finetune.distributed import init_process_group
    from schemas.util.locks import run_lock

    thresholds = parse_thresholds(fail_under)
    check_thresholds(thresholds, spec)
    process_device = "cpu" if backend == "openai" else device
    with init_process_group(process_device, timeout=TIMEOUT) as ranks, run_lock(out, enabled=ranks.first):
        if not ranks.first:
            ctx.obj = {"quiet": True}
        say = _status_printer(ctx)
        if backend == "openai":
            _refuse_options("--backend openai", {"--adapter": adapter, "--device": device})
            if url is None:
                raise click.UsageError("--backend openai needs --url.")
            under_test, close = server_model(model, url, _read_api_key(api_key_env), max_new_tokens=spec.max_new_tokens)
            ctx.call_on_close(close)
        else:
            _refuse_options(f"--backend {backend}", {"--url": url, "--api-key-env": api_key_env})
            load = transformers_model if backend == "transformers" else local_model
            under_test = load(model, adapter, ranks.device, max_new_tokens=spec.max_new_tokens, say=say)
        done = (out / "result.json").is_file() and not force
        result = run(
            under_test,
            data,
            out,
            spec,
            force=force,
            quiet=_quiet(ctx),
            allow_seen=allow_seen,
            noise_check=not no_noise_check,
            ranks=ranks,
            say=say,
        )
    if ranks.first:
        _print_run_summary(ctx, result, out, done)
        print_result(result)
        click.echo(json.dumps(headline_summary(result, out)))
        enforce_thresholds(thresholds, result, out)


@click.command()
@click.argument("answers", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--data", required=True, type=_FOLDER, metavar="CATALOG", help="Catalog that the answers are about.")
@click.option("--out", required=True, type=_OUT, help="Folder for predictions.jsonl, result.json and report.html.")
@click.option(
    "--control",
    "controls",
    multiple=True,
    metavar="CONTROL=FILE",
    help="Answers to control images, as in shuffled=FILE: blank, shuffled or shuffled_in_category; repeatable.",
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="OURS=THEIRS",
    help="A column that is not found by itself: code, answer, title, category, price, control, protocol, truncated; "
    "repeatable.",
)
@click.option("--name", show_default="the file's path", help="The model's name in the result.")
@click.option(
    "--protocol",
    default=_DEFAULTS.protocol,
    show_default=True,
    type=click.Choice(_FIELDS["protocols"]["items"]["enum"]),
    help="How the model was asked, where the file does not say; comparisons pair answers of one protocol.",
)
@click.option(
    "--split", default=_DEFAULTS.split, show_default=True, type=click.Choice(_FIELDS["split"]["enum"]),
    help="Rows to score.",
)  # fmt: skip
@click.option("--limit", type=click.IntRange(min=1), show_default="all rows", help="The sample of evaluate --limit.")
@click.option(
    "--fail-under",
    multiple=True,
    metavar="METRIC=VALUE",
    help="Exit 1 when the headline figure on all rows is below; repeatable, as in joint=0.4.",
)
@_FORCE
@click.pass_context
def score(
    ctx: click.Context,
    answers: tuple[Path, ...],
    data: Path,
    out: Path,
    controls: tuple[str, ...],
    columns: tuple[str, ...],
    name: str | None,
    protocol: str,
    split: str,
    limit: int | None,
    fail_under: tuple[str, ...],
    force: bool,
) -> None:
    """Score answers that any tool wrote: files with product code and answer text, or fields.

    Read are JSONL, JSON, CSV and Parquet, batch files of OpenAI and vLLM, sample logs of lmms-eval, lm-eval and inspect
    (.eval), and predictions.jsonl. Rows without an answer count as wrong.

    \b
    Example:
      toile score answers.jsonl --data data/small --out results/other
      toile score own.csv --control blank=blank.csv --data DIR --out DIR
    """
    from evaluation.report.console import check_thresholds, enforce_thresholds, headline_summary, print_result
    from evaluation.run import score_file
    from schemas.util.locks import run_lock

    spec = EvaluationSpec(split=split, protocols=(protocol,), limit=limit)
    thresholds = parse_thresholds(fail_under)
    check_thresholds(thresholds, spec)
    ctx.with_resource(run_lock(out))
    done = (out / "result.json").is_file() and not force
    result = score_file(
        answers,
        data,
        out,
        spec,
        controls={control: Path(path) for control, path in _parse_pairs("--control", controls, _CONTROLS).items()},
        columns=_parse_pairs("--column", columns),
        name=name,
        force=force,
        quiet=_quiet(ctx),
        say=_status_printer(ctx),
    )
    _print_status(ctx, f"{result.counts.evaluated} products scored, {result.counts.skipped} skipped: {out}", done)
    for note in result.notes:
        _print_status(ctx, f"note: {note}")
    print_result(result)
    click.echo(json.dumps(headline_summary(result, out)))
    enforce_thresholds(thresholds, result, out)


@click.command()
@click.argument("base_dir", type=_FOLDER)
@click.argument("tuned_dir", type=_FOLDER)
@click.option("--out", required=True, type=_OUT, help="Folder for comparison.json and report.html.")
@_DATA
@_FORCE
@click.pass_context
def compare(ctx: click.Context, base_dir: Path, tuned_dir: Path, out: Path, data: Path | None, force: bool) -> None:
    """Compare two evaluations of the same rows, paired, by category.

    \b
    Example:
      toile compare results/base results/tuned --out results/comparison
    """
    from evaluation.analysis.comparison import compare as run
    from evaluation.report.console import headline_summary, print_comparison
    from schemas.util.locks import run_lock

    ctx.with_resource(run_lock(out))
    done = (out / "comparison.json").is_file() and not force
    comparison = run(base_dir, tuned_dir, out, data=data, force=force)
    _print_status(ctx, f"{comparison.counts.evaluated} products compared: {out}", done)
    print_comparison(comparison)
    click.echo(json.dumps(headline_summary(comparison, out)))


@click.command()
@click.option("--model", required=True, help="Hub name, folder, or `tiny`.")
@click.option("--adapter", type=_FOLDER, help="PEFT adapter to load into the model.")
@click.option("--data", required=True, type=_FOLDER, metavar="CATALOG", help="Catalog made by `toile generate`.")
@click.option("--out", required=True, type=_OUT, help="Folder for counterfactual.json and report.html.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=1), help="Random test products.")
@click.option("--device", show_default="cuda where there is one, else cpu", help="cpu, cuda, cuda:N or mps.")
@click.option("--batch-size", default=_DEFAULTS.batch_size, show_default=True, type=click.IntRange(min=1))
@_FORCE
@click.pass_context
def counterfactual(
    ctx: click.Context, model: str, adapter: Path | None, data: Path, out: Path, limit: int, device: str | None,
    batch_size: int, force: bool,
) -> None:  # fmt: skip
    """Render test products with one attribute changed: does the price follow, does the category stay?

    \b
    Example:
      toile counterfactual --model tiny --data data/small --out results/counterfactual
    """
    import_with_notice("torch", "transformers", quiet=_quiet(ctx))
    from evaluation.analysis.counterfactual import evaluate_counterfactuals, summarize
    from evaluation.models.phi3v import local_model
    from schemas.util.locks import run_lock

    ctx.with_resource(run_lock(out))
    spec = EvaluationSpec(controls=(), limit=limit, batch_size=batch_size)
    under_test = local_model(model, adapter, device, max_new_tokens=spec.max_new_tokens, say=_status_printer(ctx))
    done = (out / "counterfactual.json").is_file() and not force
    found = evaluate_counterfactuals(under_test, data, out, spec, force=force, quiet=_quiet(ctx))
    _print_status(ctx, f"{found.products} products in {len(found.pairs)} pairs: {out}", done)
    for sentence in (text for row in found.sensitivities for text in row.sentences):
        click.echo(strip_control_chars(sentence))
    click.echo(json.dumps({"out": str(out), **summarize(found)}))


class _WriteByDefault(click.Group):
    """`toile report DIR` is `toile report write DIR`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, "-h", "--help"}:
            args = ["write", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_WriteByDefault)
def report() -> None:
    """Write the page of a result or a training run, list all results, check a page, or summarise for CI.

    \b
    Example:
      toile report results/comparison
      toile report run runs/mixed
      toile report index results
      toile report rescore results/comparison/report.html
      toile report summary results/tuned --out summary.xml --fail-under joint=0.5
    """


@report.command()
@click.argument("result_dir", type=_FOLDER)
@_DATA
def write(result_dir: Path, data: Path | None) -> None:
    """Write the page of a result or comparison again.

    \b
    Example:
      toile report results/comparison
    """
    from evaluation.report.page import write_report

    click.echo(write_report(result_dir, data=data))


@report.command("run")
@click.argument("run_dir", type=_FOLDER)
def write_run(run_dir: Path) -> None:
    """Write the page of a training run.

    It shows loss, validation loss, learning rate, speed and example answers, also while the run goes on.

    \b
    Example:
      toile report run runs/mixed
    """
    from finetune.tracking import write_run_page

    click.echo(write_run_page(run_dir))


@report.command()
@click.argument("results_dir", type=_FOLDER)
@click.option("--force", is_flag=True, help="Replace an index.html that was not made by toile.")
@click.pass_context
def index(ctx: click.Context, results_dir: Path, force: bool) -> None:
    """Write index.html, a list of all results below a folder.

    Evaluations, comparisons, matrices and training runs are listed with their headline figures and linked.

    \b
    Example:
      toile report index results
    """
    from evaluation.report.page import write_index

    page, number = write_index(results_dir, force=force)
    _print_status(ctx, f"{number} listed: {page}")
    click.echo(page)


@report.command()
@click.argument("page", type=click.Path(path_type=Path, dir_okay=False, exists=True))
def rescore(page: Path) -> None:
    """Recompute all figures of a page; exit 1 on a mismatch.

    They follow from the rows and answers in the page.

    \b
    Example:
      toile report rescore results/comparison/report.html
    """
    from evaluation.report.evidence import refuse_differing
    from evaluation.report.evidence import rescore as run

    found = run(page)
    click.echo(json.dumps({"figures": found.num_figures, "differing": len(found.differing)}))
    refuse_differing(page, found)


@report.command()
@click.argument("result_dir", type=_FOLDER)
@click.option("--out", required=True, type=_OUT_FILE, help="File that ends in .json, .md or .xml (JUnit).")
@click.option("--fail-under", multiple=True, metavar="METRIC=VALUE", help="A test case per threshold; exit 1 below it.")
def summary(result_dir: Path, out: Path, fail_under: tuple[str, ...]) -> None:
    """Summarise a result for CI and pull requests.

    \b
    Example:
      toile report summary results/tuned --out summary.xml --fail-under joint=0.5
    """
    from evaluation.report.console import check_thresholds, enforce_thresholds, write_summary
    from schemas.result import RESULT, read_result

    thresholds = parse_thresholds(fail_under)
    if thresholds and (result_dir / RESULT).is_file():
        check_thresholds(thresholds, read_result(result_dir).inputs.spec)
    write_summary(result_dir, out, thresholds)
    click.echo(out)
    if thresholds:
        enforce_thresholds(thresholds, read_result(result_dir), result_dir)


def parse_thresholds(texts: tuple[str, ...]) -> dict[str, float]:
    """Parse METRIC=VALUE as given with --fail-under."""
    found = {}
    for text in texts:
        metric, _, value = text.partition("=")
        try:
            found[metric] = float(value)
            if not math.isfinite(found[metric]):
                raise ValueError(value)
        except ValueError as error:
            raise click.BadParameter(f"{text!r} is not METRIC=VALUE, such as joint=0.4") from error
    return found


def _parse_pairs(option: str, texts: tuple[str, ...], allowed: Sequence[str] = ()) -> dict[str, str]:
    """Parse NAME=VALUE, each name once and one of `allowed` where there are such."""
    found: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not value or (allowed and name not in allowed):
            kinds = f", NAME one of {', '.join(allowed)}" if allowed else ""
            raise click.BadParameter(f"{text!r} is not NAME=VALUE{kinds}", param_hint=option)
        if name in found:
            raise click.UsageError(f"{option} names {name} twice.")
        found[name] = value
    return found


def _quiet(ctx: click.Context) -> bool:
    return bool(ctx.obj and ctx.obj.get("quiet"))


def _print_status(ctx: click.Context, text: str, done: bool = False) -> None:
    if not _quiet(ctx):
        text = strip_control_chars(text)
        click.echo(f"already there and finished, nothing to do: {text}" if done else text, err=True)


def _status_printer(ctx: click.Context) -> Callable[[str], None]:
    return lambda text: _print_status(ctx, text)


def _print_run_summary(ctx: click.Context, result: "Result", out: Path, done: bool) -> None:
    counts, noise, speed = result.counts, result.noise, result.throughput
    _print_status(ctx, f"{counts.evaluated} products evaluated, {counts.skipped} skipped: {out}", done)
    if noise is not None:
        changed = f"{noise.flips} of {noise.rows} answers change at batch size 1"
        _print_status(ctx, f"batch-size repeatability: {changed}")
    if speed is not None and speed.rows_per_second is not None:
        processes = f"{speed.ranks} process" + ("es" if speed.ranks > 1 else "")
        _print_status(ctx, f"{speed.rows_per_second:.3g} rows/s in {processes}")


def _check_unique(option: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a repeated name, under which everything would be asked twice."""
    if len(set(names)) < len(names):
        raise click.UsageError(f"{option} names {max(names, key=names.count)} twice.")
    return names


def _parse_controls(names: tuple[str, ...]) -> tuple[str, ...]:
    if _NO_CONTROL in names and len(names) > 1:
        raise click.UsageError(f"--control {_NO_CONTROL} cannot be combined with other controls.")
    return () if _NO_CONTROL in names else _check_unique("--control", names)


def _refuse_options(beside: str, options: Mapping[str, object]) -> None:
    """Refuse options that mean nothing beside others, as given."""
    for option, value in options.items():
        if value is not None:
            raise click.UsageError(f"{option} means nothing with {beside}.")


def _export_task(ctx: click.Context, harness: str, data: Path, out: Path, spec: EvaluationSpec, force: bool) -> None:
    """Write a task of another harness and print how it is run."""
    from evaluation.export_task import export_task

    questions = export_task(harness, data, out, spec, force=force, quiet=_quiet(ctx))
    _print_status(ctx, f"{len(questions)} questions for {harness}; {out / 'README.md'} says how to run them")
    click.echo(out)


def _read_api_key(variable: str | None) -> str | None:
    """Return the secret from the environment; it is kept in memory and written nowhere."""
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key or not key.isascii() or not key.isprintable():
        state = "contains characters that no key has" if key else "is not set or empty"
        raise ToileError("--api-key-env", f"the variable {variable} {state}", f"export {variable}=... first")
    return key
