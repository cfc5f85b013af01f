"""A progress bar on stderr with the rate and the time left; all three packages show theirs alike, stdout stays free."""

import contextlib
import sys
from collections.abc import Iterator
from typing import Protocol

WINDOW = 600.0
"""Seconds of work that rate and remaining time are estimated from; a batch of a large model takes a minute."""


class Advance(Protocol):
    """Counts what is done."""

    def __call__(self, number: int, note: str = "") -> None:
        """`number` more are done; `note` is shown beside the bar."""


@contextlib.contextmanager
def progress_bar(what: str, total: int | None, *, done: int = 0, quiet: bool = False) -> Iterator[Advance]:
    """Yields a function that counts; nothing is shown where stderr is no terminal or the user asked for quiet.

    `total` None shows a count without an end; `done` of it lie behind us already.
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
        *columns, console=console, disable=not shown, transient=True, speed_estimate_period=WINDOW
    ) as progress:
        task = progress.add_task(what, total=total, completed=done, rate="", note="")

        def advance(number: int, note: str = "") -> None:
            speed = progress.tasks[0].speed
            progress.update(task, advance=number, rate=f"{speed:.3g}/s" if speed else "", note=note)

        yield advance
