"""The commands of the generator, and what the commands of all packages share: folders or URLs, quiet, messages."""

import re
from typing import Any

import click

from schemas.errors import ToileError
from schemas.util.console import strip_control_chars

_STORE = re.compile(r"(--[a-z-]+=)?(?P<url>(?!https?:|ray:)[a-z][a-z0-9+.-]*(::[^/]*)?://.*)")


class FolderOrUrl(click.Path):
    """A parameter type: a folder as text, checked like any other path; a URL is left to `generator.catalog.storage`."""

    def __init__(self, *, exists: bool = False) -> None:
        super().__init__(exists=exists, file_okay=False, path_type=str)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if "://" in str(value) else super().convert(value, param, ctx)


def refuse_urls(command: click.Command, arguments: list[str]) -> None:
    """Raise a ToileError for the URL of an object store where the command takes only folders of this machine."""
    if any(isinstance(parameter.type, FolderOrUrl) for parameter in command.params):
        return
    for match in filter(None, map(_STORE.fullmatch, arguments)):
        hint = f"copy the folder to this machine first (as with `aws s3 sync`), or back after `toile {command.name}`"
        raise ToileError(match["url"], f"is a URL, and `toile {command.name}` works with folders of this machine", hint)


def is_quiet(ctx: click.Context) -> bool:
    """Return whether the user asked for no progress and no messages (`--quiet`)."""
    return bool(ctx.obj and ctx.obj.get("quiet"))


def say(ctx: click.Context, text: str, *, finished_before: bool = False) -> None:
    """Print a message on stderr unless quiet; `finished_before` says that an earlier run had done everything."""
    if not is_quiet(ctx):
        text = strip_control_chars(text)
        click.echo(f"already there and finished, nothing to do: {text}" if finished_before else text, err=True)
