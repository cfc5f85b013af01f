"""Retry requests that failed for a moment, with exponential backoff; no HTTP library is imported here.

A function that makes one attempt raises `TransientError` where another attempt may succeed:

>>> answers = iter([TransientError("answers 503", status=503), "body"])
>>> def attempt():
...     answer = next(answers)
...     if isinstance(answer, Exception):
...         raise answer
...     return answer
>>> retry(attempt, Backoff(attempts=3), sleep=lambda seconds: None)
'body'
"""

import asyncio
import email.utils
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
TOO_MANY_REQUESTS = 429


class TransientError(Exception):
    """One attempt failed and another one may succeed.

    Attributes:
        reason: what went wrong, in words.
        status: HTTP status of the response; None where there was no response.
        pause_seconds: the pause that the server asks for; None where it does not ask.
        attempts: number of attempts that were made, set by `retry` before it gives up.
    """

    def __init__(self, reason: str, status: int | None = None, pause_seconds: float | None = None) -> None:
        super().__init__(reason, status, pause_seconds)
        self.reason = reason
        self.status = status
        self.pause_seconds = pause_seconds
        self.attempts = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How often to try and how long to wait in between."""

    attempts: int = 5
    """Attempts in all, the first one included."""
    first_pause_seconds: float = 1.0
    """Pause before the second attempt; it doubles before each further one."""
    longest_backoff_seconds: float = 60.0
    """Upper bound of a pause that we choose, before jitter."""
    longest_pause_seconds: float = 120.0
    """Give up at once where a server asks for a longer pause than this."""
    jitter: Callable[[], float] = lambda: 1.0
    """Factor on a pause that we choose; `lambda: random.uniform(0.5, 1.5)` spreads many clients."""

    def pause_seconds(self, attempt: int, asked_seconds: float | None = None) -> float:
        """Return the pause after attempt number `attempt` (from 1): what the server asks for, else the backoff."""
        if asked_seconds is not None:
            return asked_seconds
        return min(self.first_pause_seconds * 2.0 ** (attempt - 1), self.longest_backoff_seconds) * self.jitter()

    def gives_up(self, attempt: int, asked_seconds: float | None = None) -> bool:
        """Return whether no attempt follows: the last one is spent, or the server asks for too long a pause."""
        return attempt >= self.attempts or (asked_seconds or 0.0) > self.longest_pause_seconds


def is_transient(status: int) -> bool:
    """Return whether a response of this HTTP status is worth another attempt: 429 and server errors."""
    return status == TOO_MANY_REQUESTS or status >= 500


def retry_after_seconds(header: str | None, *, now: Callable[[], float] = time.time) -> float | None:
    """Return the seconds of a `Retry-After` header, a number or a date (RFC 9110, section 10.2.3).

    None where the header is absent or cannot be read. `now` returns seconds since the epoch.
    """
    if header is None:
        return None
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", header.strip()):
        return float(header)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - now())
    except (ValueError, OverflowError):  # not a date, or one outside the calendar
        return None


def retry(attempt: Callable[[], T], backoff: Backoff, *, sleep: Callable[[float], None] = time.sleep) -> T:
    """Call `attempt` until it returns; wait after each `TransientError`.

    Raises the last `TransientError`, with its `attempts` set, when `backoff` gives up. Other errors pass at once.
    """
    number = 0
    while True:
        number += 1
        try:
            return attempt()
        except TransientError as error:
            error.attempts = number
            if backoff.gives_up(number, error.pause_seconds):
                raise
            pause = backoff.pause_seconds(number, error.pause_seconds)
        sleep(pause)


async def retry_async(
    attempt: Callable[[], Awaitable[T]], backoff: Backoff, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> T:
    """Do the same as `retry` for a coroutine function."""
    number = 0
    while True:
        number += 1
        try:
            return await attempt()
        except TransientError as error:
            error.attempts = number
            if backoff.gives_up(number, error.pause_seconds):
                raise
            pause = backoff.pause_seconds(number, error.pause_seconds)
        await sleep(pause)
