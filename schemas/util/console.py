"""Console output: untrusted text without control characters, and one progress bar for all commands."""

import contextlib
import re
import sys
from collections.abc import Iterator
from typing import Protocol

RATE_WINDOW_SECONDS = 600.0
"""Rate and remaining time are estimated from this much work; one batch of a large model takes a minute."""
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control and text-direction characters, except the line feed. Terminal escape sequences begin with one."""


def strip_control_chars(text: str) -> str:
    r"""Replace control characters with their codes, so that untrusted text cannot control the terminal.

    >>> strip_control_chars("COATS\x1b[2J")
    'COATS\\x1b[2J'
    """
    return _CONTROL.sub(lambda found: ascii(found.group())[1:-1], text)


class Advance(Protocol):
    """Count finished work."""

    def __call__(self, number: int, note: str = "") -> None:
        """Add `number` finished items; show `note` next to the bar."""


@contextlib.contextmanager
def progress_bar(what: str, total: int | None, *, done: int = 0, quiet: bool = False) -> Iterator[Advance]:
    """Show a progress bar with rate and remaining time on stderr, and yield the function that advances it.

    Args:
        what: the label before the bar.
        total: number of items; None shows a count without an end.
        done: number of items that are finished already.
        quiet: show nothing. Nothing is shown either where stderr is not a terminal.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    shown = sys.stderr.isatty() and not quiet
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, disable=not shown, transient=True, speed_estimate_period=RATE_WINDOW_SECONDS
    ) as progress:
        task = progress.add_task(what, total=total, completed=done, rate="", note="")

        def advance(number: int, note: str = "") -> None:
            speed = progress.tasks[0].speed
            progress.update(task, advance=number, rate=f"{speed:.3g}/s" if speed else "", note=note)

        yield advance
