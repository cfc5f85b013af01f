"""Console output: untrusted text without control characters, notices of slow imports, progress for all commands."""

import contextlib
import importlib
import re
import sys
import threading
import time
from collections.abc import Iterator
from typing import Protocol

RATE_WINDOW_SECONDS = 600.0
"""Rate and remaining time are estimated from this much work; one batch of a large model takes a minute."""
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control and text-direction characters, except the line feed, and lone surrogates. Escape sequences begin with one."""


def strip_control_chars(text: str) -> str:
    r"""Replace control characters with their codes, so that untrusted text cannot control the terminal.

    >>> strip_control_chars("COATS\x1b[2J")
    'COATS\\x1b[2J'
    """
    return _CONTROL.sub(lambda found: ascii(found.group())[1:-1], text)


def import_with_notice(*modules: str, quiet: bool = False, seconds: float = 1.0) -> None:
    """Import libraries by name; say on stderr which ones are being loaded when that takes longer than `seconds`.

    Raises ModuleNotFoundError if one is not installed.
    """
    missing = [name for name in modules if name not in sys.modules]
    text = f"loading {' and '.join(missing)} ..."
    timer = threading.Timer(seconds, lambda: print(text, file=sys.stderr, flush=True))
    timer.daemon = True
    if missing and not quiet:
        timer.start()
    try:
        for name in missing:
            importlib.import_module(name)
    finally:
        timer.cancel()


class Advance(Protocol):
    """Count finished work."""

    def __call__(self, number: int, note: str = "") -> None:
        """Add `number` finished items; show `note` next to the bar."""


@contextlib.contextmanager
def progress_bar(
    what: str, total: int | None, *, done: int = 0, quiet: bool = False, line_seconds: float = 10.0
) -> Iterator[Advance]:
    """Show progress with rate and remaining time on stderr, and yield the function that advances it.

    In a terminal this is a bar with a wheel that turns also while no item is finished; elsewhere a line every
    `line_seconds`, none for shorter work.

    Args:
        what: the label before the bar.
        total: number of items; None shows a count without an end.
        done: number of items that are finished already.
        quiet: show nothing.
        line_seconds: time between two lines outside a terminal.
    """
    if quiet:
        yield lambda number, note="": None
    elif sys.stderr.isatty():
        with _terminal_bar(what, total, done) as advance:
            yield advance
    else:
        with _progress_lines(what, total, done, line_seconds) as advance:
            yield advance


@contextlib.contextmanager
def _terminal_bar(what: str, total: int | None, done: int) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, speed_estimate_period=RATE_WINDOW_SECONDS) as progress:
        task = progress.add_task(what, total=total, completed=done, rate="", note="")

        def advance(number: int, note: str = "") -> None:
            speed = progress.tasks[0].speed
            progress.update(task, advance=number, rate=f"{speed:.3g}/s" if speed else "", note=note)

        yield advance


@contextlib.contextmanager
def _progress_lines(what: str, total: int | None, done: int, line_seconds: float) -> Iterator[Advance]:
    """Print a line every `line_seconds` from a thread of its own: the work may be silent for longer than that."""
    began, count, last_note, ended = time.monotonic(), done, "", threading.Event()

    def advance(number: int, note: str = "") -> None:
        nonlocal count, last_note
        count, last_note = count + number, note or last_note

    def print_lines() -> None:
        while not ended.wait(line_seconds):
            rate = (count - done) / (time.monotonic() - began)
            parts = [f"{count:,} of {total:,}" if total is not None else f"{count:,}"]
            if rate > 0:
                parts.append(f"{rate:.3g}/s")
                if total is not None and count < total:
                    parts.append(f"{format_duration((total - count) / rate)} left")
            print(f"{what}: {', '.join([*parts, *filter(None, [last_note])])}", file=sys.stderr, flush=True)

    thread = threading.Thread(target=print_lines, daemon=True)
    thread.start()
    try:
        yield advance
    finally:
        ended.set()
        thread.join()


def format_duration(seconds: float) -> str:
    """Return a time in words that fit a line.

    >>> format_duration(4000)
    '1 h 06 min'
    """
    minutes = round(seconds / 60)
    return (
        f"{seconds:.0f} s"
        if seconds < 90
        else f"{minutes} min"
        if minutes < 60
        else (f"{minutes // 60} h {minutes % 60:02d} min")
    )
