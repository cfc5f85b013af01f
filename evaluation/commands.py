"""The commands under `toile report`: a page written once more, checked, or summarised."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from schemas.errors import ToileError
from schemas.evaluation import EvaluationSpec
from schemas.validation import schema

if TYPE_CHECKING:
    from evaluation.models.base import VisionModel
    from evaluation.run import Candidate, Ceilings
    from schemas.product import Product
    from schemas.result import Comparison, Result
import math

_DEFAULTS = EvaluationSpec()
_FIELDS = schema("evaluation")["properties"]
_NO_CONTROL = "none"
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_OUT = click.Path(file_okay=False, path_type=Path)
_FORCE = click.option("--force", is_flag=True, help="Replace what an earlier run left in --out.")
_DATA = click.option("--data", type=_FOLDER, help="Where the shards lie now, if they moved.")


@click.command()
@click.option(
    "--model", required=True, help="Hub name, folder, or `tiny`; with --backend openai the server's name for it."
)
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
    "protocols",
    multiple=True,
    default=_DEFAULTS.protocols,
    show_default=True,
    type=click.Choice(_FIELDS["protocols"]["items"]["enum"]),
    help="How the model is asked; repeatable, the first is the headline. generate: the training prompt; instructed: "
    "with form, categories and currency; examples: and answers of train rows; constrained: nothing but the form can "
    "be written; rank: log-probability of every category; price: of every price.",
)
@click.option("--choose-prompt", is_flag=True, help="Choose generate, instructed or examples on validation rows.")
@click.option(
    "--control",
    "controls",
    multiple=True,
    default=_DEFAULTS.controls,
    show_default=True,
    type=click.Choice([*_FIELDS["controls"]["items"]["enum"], _NO_CONTROL]),
    help="Pictures that hold no evidence, asked about beside the true one; repeatable.",
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
    help="Pictures a model call; requests at once to a server.",
)
@click.option("--allow-seen", is_flag=True, help="Evaluate rows that the model was trained on, and say so.")
@click.option("--no-noise-check", is_flag=True, help="Do not answer 5 % of the rows once more, one at a time.")
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
    type=click.Choice(["local", "openai"]),
    help="openai: an OpenAI-compatible server answers.",
)
@click.option("--url", help="Of the server, as http://localhost:8000/v1.")
@click.option("--api-key-env", metavar="NAME", help="Environment variable that holds the server's key.")
@_FORCE
@click.pass_context
def evaluate(
    ctx: click.Context,
    model: str,
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
    allow_seen: bool,
    no_noise_check: bool,
    fail_under: tuple[str, ...],
    backend: str,
    url: str | None,
    api_key_env: str | None,
    force: bool,
) -> None:
    """Measure by category how well a model reads title, category and price from the picture alone.

    Every product is asked about with its own picture, a blank one and another product's. A killed run continues when
    started again with the same arguments. `torchrun --nproc-per-node N -m toile evaluate ...` uses several GPUs.

    \b
    Example:
      toile evaluate --model tiny --data data/small --out results/base
    """
    from evaluation.report.console import check_floors, hold_floors, print_result
    from evaluation.run import evaluate as run
    from evaluation.run_dir import joined
    from schemas.util.locks import run_lock

    spec = EvaluationSpec(
        split=split,
        protocols=_check_unique("--protocol", protocols),
        choose_prompt=choose_prompt,
        controls=_chosen_controls(controls),
        limit=limit,
        batch_size=batch_size,
    )
    floors = floors_of(fail_under)
    check_floors(floors, spec)
    with joined() as ranks, run_lock(out, enabled=ranks.first):
        if not ranks.first:
            ctx.obj = {"quiet": True}
        if backend == "openai":
            candidate = _server(ctx, model, url, api_key_env, spec, {"--adapter": adapter, "--device": device})
        else:
            candidate = _local(
                ctx, model, adapter, ranks.device(device), spec, {"--url": url, "--api-key-env": api_key_env}
            )
        done = (out / "result.json").is_file() and not force
        result = run(
            candidate,
            data,
            out,
            spec,
            force=force,
            quiet=_quiet(ctx),
            allow_seen=allow_seen,
            noise_check=not no_noise_check,
            ranks=ranks,
            ceilings=_ceilings(data, spec, lambda text: _say(ctx, text)),
        )
    if ranks.first:
        _say_how_it_went(ctx, result, out, done)
        print_result(result)
        click.echo(json.dumps(_summary(result, out)))
        hold_floors(floors, result, out)


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
    from evaluation.analysis.comparison import compare as run
    from evaluation.report.console import print_comparison
    from schemas.util.locks import run_lock

    ctx.with_resource(run_lock(out))
    done = (out / "comparison.json").is_file() and not force
    comparison = run(base_dir, tuned_dir, out, data=data, force=force)
    _say(ctx, f"{comparison.counts.evaluated} products compared: {out}", done)
    print_comparison(comparison)
    click.echo(json.dumps(_summary(comparison, out)))


@click.command()
@click.option("--model", required=True, help="Hub name, folder, or `tiny`.")
@click.option("--adapter", type=_FOLDER, help="PEFT adapter to put on the model.")
@click.option("--data", required=True, type=_FOLDER, help="Shard folder made by `toile generate`.")
@click.option("--out", required=True, type=_OUT, help="Folder for counterfactual.json and report.html.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=1), help="Test products, at random.")
@click.option("--device", show_default="cuda where there is one, else cpu", help="cpu, cuda, cuda:N or mps.")
@click.option("--batch-size", default=_DEFAULTS.batch_size, show_default=True, type=click.IntRange(min=1))
@_FORCE
@click.pass_context
def counterfactual(
    ctx: click.Context, model: str, adapter: Path | None, data: Path, out: Path, limit: int, device: str | None,
    batch_size: int, force: bool,
) -> None:  # fmt: skip
    """Redraw test products with one attribute changed: does the price follow, does the category stay?

    \b
    Example:
      toile counterfactual --model tiny --data data/small --out results/counterfactual
    """
    from evaluation.analysis.counterfactual import run, summary
    from generator.sampling.counterfactuals import make_renderer
    from schemas.util.locks import run_lock

    ctx.with_resource(run_lock(out))
    spec = EvaluationSpec(controls=(), limit=limit, batch_size=batch_size)
    redraw = make_renderer(data, spec.seed)
    candidate = _local(ctx, model, adapter, device, spec, {})
    done = (out / "counterfactual.json").is_file() and not force
    found = run(candidate, data, out, spec, redraw, force=force, quiet=_quiet(ctx))
    _say(ctx, f"{found.products} products in {len(found.pairs)} pairs: {out}", done)
    for sentence in (text for row in found.sensitivities for text in row.sentences):
        click.echo(sentence)
    click.echo(json.dumps({"out": str(out), **summary(found)}))


def _quiet(ctx: click.Context) -> bool:
    return bool(ctx.obj and ctx.obj.get("quiet"))


def _say(ctx: click.Context, text: str, done: bool = False) -> None:
    if not _quiet(ctx):
        click.echo(f"already there and finished, nothing to do: {text}" if done else text, err=True)


def _say_how_it_went(ctx: click.Context, result: "Result", out: Path, done: bool) -> None:
    counts, noise, speed = result.counts, result.noise, result.throughput
    _say(ctx, f"{counts.evaluated} products evaluated, {counts.skipped} skipped: {out}", done)
    if noise is not None:
        _say(ctx, f"noise floor: {noise.flips} of {noise.rows} answers change when asked alone")
    if speed is not None and speed.rows_per_second is not None:
        _say(ctx, f"{speed.rows_per_second:.3g} rows/s in {speed.ranks} process" + ("es" if speed.ranks > 1 else ""))


def _check_unique(option: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Repeated names are a slip that would ask everything twice."""
    if len(set(names)) < len(names):
        raise click.UsageError(f"{option} names {max(names, key=names.count)} twice.")
    return names


def _chosen_controls(names: tuple[str, ...]) -> tuple[str, ...]:
    if _NO_CONTROL in names and len(names) > 1:
        raise click.UsageError(f"--control {_NO_CONTROL} stands alone.")
    return () if _NO_CONTROL in names else _check_unique("--control", names)


def _unused(backend: str, options: Mapping[str, object]) -> None:
    for option, value in options.items():
        if value is not None:
            raise click.UsageError(f"{option} means nothing with --backend {backend}.")


def _local(
    ctx: click.Context,
    model: str,
    adapter: Path | None,
    device: str | None,
    spec: EvaluationSpec,
    unused: Mapping[str, object],
) -> "Candidate":
    """A model of this process: the one place where evaluation meets finetune."""
    from evaluation.models.phi3v import Phi3VisionBackend, device_and_dtype
    from evaluation.run import Candidate

    _unused("local", unused)
    device, dtype = device_and_dtype(device)

    def load() -> "VisionModel":
        import torch

        from finetune import load_model

        # Said aloud, MKL may not use fewer threads on a busy machine, which would make other sums.
        torch.set_num_threads(torch.get_num_threads())
        _say(ctx, f"loading {model}" + (f" with {adapter}" if adapter else ""))
        network, processor = load_model(
            model, dtype=dtype, device=device, adapter=adapter, say=lambda text: _say(ctx, text)
        )
        return Phi3VisionBackend(network, processor, max_new_tokens=spec.max_new_tokens)

    return Candidate(
        model=model,
        weights=Path(model) if model != "tiny" and Path(model).is_dir() else None,
        adapter=adapter,
        device=device,
        dtype=str(dtype).removeprefix("torch."),
        load=load,
    )


def _ceilings(
    data: Path, spec: EvaluationSpec, say: Callable[[str], None] = lambda text: None
) -> "Callable[[Sequence[Product]], Ceilings | None]":
    """What the best possible model would score on rows of a folder; None where its spec does not explain them all."""

    def ceilings_of(products: "Sequence[Product]") -> "Ceilings | None":
        from evaluation.metrics.scoring import ROUNDING, ClosedSet, title_tokens
        from generator.upper_bound import ScoringRules, best_scores
        from schemas.manifest import MANIFEST, read_manifest
        from schemas.specs import from_document

        manifest = read_manifest(data)
        if manifest.kind != "generate":
            return None
        if manifest.extra:
            say(f"no ceiling: {manifest.extra[0].num_rows} rows of {data} are faulty on purpose")
            return None
        rules = ScoringRules(
            category_key=ClosedSet((), spec.aliases).key,
            title_words=title_tokens,
            title_f1=spec.title_f1 - ROUNDING,
            price_tolerance=spec.price_tolerance + ROUNDING,
        )
        where = f"{data / MANIFEST}: inputs.spec_document"
        return best_scores(from_document(manifest.inputs["spec_document"], "catalog", where), rules, products)

    return ceilings_of


def _server(
    ctx: click.Context,
    model: str,
    url: str | None,
    api_key_env: str | None,
    spec: EvaluationSpec,
    unused: Mapping[str, object],
) -> "Candidate":
    """A model behind an address; a protocol that it cannot serve is refused here, before any row is read."""
    from evaluation.models.openai_server import OpenAIBackend, Server, address
    from evaluation.protocols.protocols import check
    from evaluation.run import Candidate

    _unused("openai", unused)
    if url is None:
        raise click.UsageError("--backend openai needs --url.")
    server = Server(url=address(url), model=model, key=_key(api_key_env))
    backend = OpenAIBackend(server, max_new_tokens=spec.max_new_tokens)
    ctx.call_on_close(backend.close)
    check(backend, spec)
    return Candidate(
        model=model, adapter=None, device="server", dtype="unknown", load=lambda: backend, server=server.url
    )


def _key(variable: str | None) -> str | None:
    """The secret itself: handed on in memory, shown and written nowhere."""
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key or not key.isascii() or not key.isprintable():
        state = "holds characters that no key has" if key else "is not set or empty"
        raise ToileError("--api-key-env", f"the variable {variable} {state}", f"export {variable}=... first")
    return key


def _summary(record: "Result | Comparison", out: Path) -> dict[str, Any]:
    """The headline figures, small enough for one line: {"joint": [value, low, high], ...}."""
    from evaluation.report.page import headline_rows
    from schemas.result import Difference, document_of

    rows = headline_rows(record.counts)
    n = record.counts.inferable if rows == "inferable" else record.counts.evaluated
    wanted = ("category", "title", "price", "joint", "reasoning")
    first = record.scores[0]  # the headline protocol's
    figures = {
        row.metric: [row.difference if isinstance(row, Difference) else row.value, row.low, row.high]
        for row in record.scores
        if row.metric in wanted
        and (row.protocol, row.split) == (first.protocol, first.split)
        and (row.rows, row.control, row.category, row.baseline) == (rows, "none", None, None)
    }
    summary: dict[str, Any] = document_of({"out": str(out), "rows": rows, "n": n, **figures})
    return summary


_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_OUT_FILE = click.Path(path_type=Path, dir_okay=False)
_DATA = click.option("--data", type=_FOLDER, help="Where the shards lie now, if they moved.")


class _WriteByDefault(click.Group):
    """`toile report DIR` is `toile report write DIR`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, "-h", "--help"}:
            args = ["write", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_WriteByDefault)
def report() -> None:
    """Write the page of a finished evaluation or comparison once more; check a page; summarise for CI.

    \b
    Example:
      toile report results/comparison
      toile report rescore results/comparison/report.html
      toile report summary results/tuned --out summary.xml --fail-under joint=0.5
    """


@report.command()
@click.argument("result_dir", type=_FOLDER)
@_DATA
def write(result_dir: Path, data: Path | None) -> None:
    """Write the page of a finished evaluation or comparison once more.

    \b
    Example:
      toile report results/comparison
    """
    from evaluation.report.page import write_report

    click.echo(write_report(result_dir, data=data))


@report.command()
@click.argument("page", type=click.Path(path_type=Path, dir_okay=False, exists=True))
def rescore(page: Path) -> None:
    """Compute every figure of a page anew from the rows and answers in it; exit 1 where one differs.

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
@click.option("--fail-under", multiple=True, metavar="METRIC=VALUE", help="A floor: a test case; exit 1 below it.")
def summary(result_dir: Path, out: Path, fail_under: tuple[str, ...]) -> None:
    """A finished evaluation or comparison in a few lines, for CI and pull requests.

    \b
    Example:
      toile report summary results/tuned --out summary.xml --fail-under joint=0.5
    """
    from evaluation.report.console import check_floors, hold_floors, write_summary
    from schemas.result import RESULT, read_result

    floors = floors_of(fail_under)
    if floors and (result_dir / RESULT).is_file():
        check_floors(floors, read_result(result_dir).inputs.spec)
    write_summary(result_dir, out, floors)
    click.echo(out)
    if floors:
        hold_floors(floors, read_result(result_dir), result_dir)


def floors_of(texts: tuple[str, ...]) -> dict[str, float]:
    """METRIC=VALUE, as given with --fail-under."""
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
