"""The command line: a table of commands in groups, and errors as one line with exit code 1.

A command is imported when it is called, and imports heavy libraries when it runs. `toile --help` imports no command.
"""

import io
import os
import pkgutil
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import click

from generator.commands import refuse_urls
from schemas.errors import ToileError
from schemas.util.console import strip_control_chars

# Threads that spin at barriers slow training down badly on a busy machine; read when torch is first loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

GROUPS: dict[str, dict[str, tuple[str, str]]] = {
    "Catalogs": {
        "new": ("generator.commands.specs:new", "Write a starter spec."),
        "check": ("generator.commands.specs:check", "Validate a spec, preview eight products."),
        "generate": ("generator.commands.specs:generate", "Generate a synthetic catalog."),
        "describe": ("generator.commands.catalogs:describe", "Print statistics of a catalog."),
        "show": ("generator.commands.catalogs:show", "Write a catalog as a page to browse."),
        "verify": ("generator.commands.catalogs:verify", "Compare a catalog with its manifest."),
        "convert": ("generator.commands.catalogs:convert", "Export as CSV, JSONL, SQL, WebDataset."),
        "push": ("generator.commands.catalogs:push", "Upload a catalog to the hub."),
        "score-faults": ("generator.commands.catalogs:score_faults", "Score detection of faulty rows."),
    },
    "Real data": {
        "import": ("generator.commands.real_data:import_", "Import a table with its images."),
        "fetch": ("generator.commands.real_data:fetch", "Fetch a hub data set and its images."),
        "fit": ("generator.commands.real_data:fit", "Fit a spec to real rows."),
        "audit": ("generator.commands.real_data:audit", "Check privacy and fidelity."),
    },
    "Training": {
        "train": ("finetune.commands:train", "Fine-tune on a mix of catalogs and specs."),
        "export": ("finetune.commands:export", "Merge an adapter into a checkpoint."),
        "throughput": ("finetune.commands:throughput", "Measure training speed."),
    },
    "Evaluation": {
        "evaluate": ("evaluation.commands:evaluate", "Score a model by category."),
        "score": ("evaluation.commands:score", "Score answers that another tool wrote."),
        "compare": ("evaluation.commands:compare", "Compare two evaluations, paired."),
        "counterfactual": ("evaluation.commands:counterfactual", "Change one attribute, ask again."),
        "demo": ("toile.pipeline:demo", "Run the full pipeline on this machine."),
        "matrix": ("toile.pipeline:matrix", "Train and test on each source and on all."),
    },
    "Reports": {
        "report": ("evaluation.commands:report", "Write, list, check or summarise reports."),
    },
}
"""Group -> command -> where it is, and its line in `toile --help` (at most 45 characters)."""

EXTRAS = {
    "train": ("torch", "transformers", "tokenizers", "peft", "safetensors", "accelerate"),
    "privacy": ("opendp",),
    "quantise": ("bitsandbytes",),
    "track": ("wandb", "tensorboard"),
    "cluster": ("ray",),
    "s3": ("s3fs",),
}
"""Extra of pyproject.toml -> modules that it installs."""

COMMANDS = {name: where for group in GROUPS.values() for name, (where, _) in group.items()}
"""Command -> where it is."""


class _Commands(Mapping[str, click.Command]):
    """Commands by name, each imported when it is asked for."""

    def __getitem__(self, name: str) -> click.Command:
        command: click.Command = pkgutil.resolve_name(COMMANDS[name])
        _add_quiet(command)
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class _Group(click.Group):
    """Shows our errors the way click shows its own, with exit code 1, and commands by group."""

    def invoke(self, ctx: click.Context) -> Any:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # names of files need not be UTF-8
        try:
            return super().invoke(ctx)
        except ToileError as error:
            raise click.ClickException(
                strip_control_chars(f"{error.where}: {error.problem}\n  hint: {error.hint}")
            ) from error
        except ModuleNotFoundError as error:
            module = (error.name or "").partition(".")[0]
            extra = next((name for name, modules in EXTRAS.items() if module in modules), None)
            if extra is None:
                raise
            problem = f"toile {ctx.invoked_subcommand}: needs {module}, which is not installed"
            raise click.ClickException(f"{problem}\n  hint: pip install 'toile[{extra}]'") from error
        except OSError as error:
            if isinstance(error, BrokenPipeError) or error.filename is None:
                raise
            raise click.ClickException(f"{error.filename}: {error.strerror}\n  hint: check the path") from error

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None:
            refuse_urls(command, rest)
        return name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))
        for group, commands in GROUPS.items():
            with formatter.section(group):
                formatter.write_dl([(f"{name:{width}}", line) for name, (_, line) in commands.items()])


def _add_quiet(command: click.Command) -> None:
    """Accept `--quiet` after the command too, and after the commands of a group."""
    if not any(parameter.name == "quiet" for parameter in command.params):
        option = click.Option(
            ["--quiet"], is_flag=True, expose_value=False, callback=_set_quiet, help="Print errors only on stderr."
        )
        command.params.append(option)
    if isinstance(command, click.Group):
        for below in command.commands.values():
            _add_quiet(below)


def _set_quiet(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(dict)["quiet"] = True


@click.group(
    cls=_Group, commands=_Commands(), context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80}
)
@click.version_option(None, "--version", package_name="toile", prog_name="toile")
@click.option("--quiet", is_flag=True, help="Print errors only on stderr.")
@click.pass_context
def main(ctx: click.Context, quiet: bool) -> None:
    """Generate synthetic product catalogs, fine-tune Phi-3-Vision, evaluate it.

    \b
    Example:
      toile demo --out toile-demo
    """
    ctx.obj = {"quiet": quiet}


if __name__ == "__main__":
    sys.exit(main())
