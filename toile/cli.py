"""The command line: finds the commands of the three packages and turns a ToileError into one line and exit code 1.

A command is imported when it is asked for, and imports what is heavy when it runs; `toile --help` answers at once.
"""

import os
import pkgutil
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import click

from generator.commands.param_types import refuse_urls
from schemas.errors import ToileError
from schemas.util.console import strip_control_chars

# Threads that spin at barriers slow training down badly on a busy machine; read when torch is first loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

COMMANDS = {
    "audit": "generator.commands.audit:audit",
    "check": "generator.commands.specs:check",
    "compare": "evaluation.commands.evaluate:compare",
    "convert": "generator.commands.convert:convert",
    "counterfactual": "evaluation.commands.evaluate:counterfactual",
    "demo": "toile.pipeline:demo",
    "describe": "generator.commands.show:describe",
    "evaluate": "evaluation.commands.evaluate:evaluate",
    "export": "finetune.commands:export",
    "fetch": "generator.commands.fetch:fetch",
    "fit": "generator.commands.fit:fit",
    "generate": "generator.commands.generate:generate",
    "import": "generator.commands.fetch:import_",
    "matrix": "toile.pipeline:matrix",
    "new": "generator.commands.specs:new",
    "push": "generator.commands.push:push",
    "report": "evaluation.commands.report:report",
    "score-faults": "generator.commands.faults:score_faults",
    "show": "generator.commands.show:show",
    "throughput": "finetune.commands:throughput",
    "train": "finetune.commands:train",
    "verify": "generator.commands.verify:verify",
}
"""Every command and where it lies."""


class _Commands(Mapping[str, click.Command]):
    """Commands by name, each imported when it is asked for."""

    def __getitem__(self, name: str) -> click.Command:
        command: click.Command = pkgutil.resolve_name(COMMANDS[name])
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class _Group(click.Group):
    """Shows our errors the way click shows its own, with exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ToileError as error:
            raise click.ClickException(
                strip_control_chars(f"{error.where}: {error.problem}\n  hint: {error.hint}")
            ) from error
        except OSError as error:
            if isinstance(error, BrokenPipeError) or error.filename is None:
                raise
            raise click.ClickException(f"{error.filename}: {error.strerror}\n  hint: check the path") from error

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None:
            refuse_urls(command, rest)
        return name, command, rest


@click.group(
    cls=_Group, commands=_Commands(), context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(None, "--version", package_name="toile", prog_name="toile")
@click.option("--quiet", is_flag=True, help="No progress and no talk on stderr; errors only.")
@click.pass_context
def main(ctx: click.Context, quiet: bool) -> None:
    """Trial catalogs, Phi-3-Vision fine-tuning on any mix of them and real rows, and reports by category.

    \b
    Example:
      toile demo --out toile-demo
    """
    ctx.obj = {"quiet": quiet}


if __name__ == "__main__":
    sys.exit(main())
