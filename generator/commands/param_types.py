"""The type of options and arguments that take a folder of this machine or a URL of an object store."""

import re
from typing import Any

import click

from schemas.errors import ToileError

_STORE = re.compile(r"(--[a-z-]+=)?(?P<url>(?!https?:|ray:)[a-z][a-z0-9+.-]*(::[^/]*)?://.*)")


class FolderOrUrl(click.Path):
    """A folder as text, checked like any other path; a URL is left to `generator.catalog.storage`."""

    def __init__(self, *, exists: bool = False) -> None:
        super().__init__(exists=exists, file_okay=False, path_type=str)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if "://" in str(value) else super().convert(value, param, ctx)


def refuse_urls(command: click.Command, arguments: list[str]) -> None:
    """Raise a ToileError where a command that knows no URLs of stores is given one, which it would take for a path."""
    if any(isinstance(parameter.type, FolderOrUrl) for parameter in command.params):
        return
    for match in filter(None, map(_STORE.fullmatch, arguments)):
        hint = f"copy the folder to this machine first (as with `aws s3 sync`), or back after `toile {command.name}`"
        raise ToileError(match["url"], f"is a URL, and `toile {command.name}` works with folders of this machine", hint)
