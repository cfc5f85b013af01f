"""The command line: mounts the commands of the three packages and turns a ToileError into one line and exit code 1.

Nothing heavy is imported here; `toile --help` answers at once.
"""

import os
import sys
from typing import Any

import click

import evaluation.cli
import finetune.cli
import generator.cli
import toile_thread
from generator.places.place import refuse_urls
from schemas.errors import ToileError
from schemas.terminal import plain

# Threads that spin at barriers slow training down badly on a busy machine; read when torch is first loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


class _Group(click.Group):
    """Shows our errors the way click shows its own, with exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ToileError as error:
            raise click.ClickException(plain(f"{error.where}: {error.problem}\n  hint: {error.hint}")) from error
        except OSError as error:
            if isinstance(error, BrokenPipeError) or error.filename is None:
                raise
            raise click.ClickException(f"{error.filename}: {error.strerror}\n  hint: check the path") from error

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None:
            refuse_urls(command, rest)
        return name, command, rest


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
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


for command in (
    *generator.cli.commands,
    *finetune.cli.commands,
    *evaluation.cli.commands,
    *toile_thread.commands,
):
    main.add_command(command)

if __name__ == "__main__":
    sys.exit(main())
