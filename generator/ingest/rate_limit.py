"""Decide when each host is asked for its images, and when a host is not asked any more.

Each host has its own queue and at most `per_host` concurrent requests; over all hosts there are at most `workers`.
Transient errors (429, 5xx, no connection, a timeout) are retried after a growing pause with jitter, or after the pause
the server asks for (`Retry-After`, RFC 9110 section 10.2.3). A 429 or a `Retry-After` pauses the whole host.

A host is abandoned for the rest of the run when it asks for a pause above `MAX_PAUSE_SECONDS`, or when
`MAX_CONSECUTIVE_FAILURES` images in a row get no answer. Nothing here opens a connection; `FetchCallbacks.get` does.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol

from generator.ingest import FetchPolicy
from generator.ingest.downloads import DEAD, ImageOutcome, PermanentError, Response, TransientError

MAX_PAUSE_SECONDS = 120.0
"""A host that asks for a longer pause is not asked again in this run."""
FIRST_PAUSE_SECONDS, LONGEST_BACKOFF_SECONDS = 1.0, 60.0
"""Pause before the second attempt, which doubles before each further one up to the longest, before jitter."""
MAX_CONSECUTIVE_FAILURES = 10
"""Images in a row without an answer after which a host is abandoned. After as many server errors in a row, each
further image of that host gets a single attempt."""


class Clock(Protocol):
    """Time; tests replace it so that they need not wait."""

    def now(self) -> float:
        """Return seconds since some fixed moment."""

    async def sleep(self, seconds: float) -> None:
        """Return when so many seconds have passed."""


class WallClock:
    """Real time."""

    def now(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchCallbacks:
    """The functions, limits and clock that `fetch_all` works with."""

    get: Callable[[str], Awaitable[Response]]
    """Makes one attempt; raises PermanentError or TransientError."""
    close_host: Callable[[str], Awaitable[None]]
    """Called with each host when all its images are settled."""
    validate: Callable[[str, Response], ImageOutcome]
    """Checks what came."""
    save: Callable[[ImageOutcome, bytes | None], None]
    """Records an outcome, and the bytes of an image that was fetched."""
    policy: FetchPolicy
    clock: Clock = field(default_factory=WallClock)
    jitter: Callable[[], float] = lambda: random.uniform(0.5, 1.5)


@dataclass(slots=True)
class _Host:
    name: str
    waiting: deque[str]
    has_answered: bool
    """In this run or an earlier one of the same folder."""
    paused_until: float = 0.0
    """No request before this moment of the clock."""
    num_unanswered: int = 0
    """Images in a row without an answer."""
    num_server_errors: int = 0
    """Images in a row whose last answer was a server error."""
    unresolved: list[ImageOutcome] = field(default_factory=list)
    """Images without an answer so far: dead if the host answers later, undecided if it has gone."""
    abort_reason: str | None = None
    """Why the host is not asked any more."""


async def fetch_all(
    urls_by_host: dict[str, list[str]], answered: Iterable[str], callbacks: FetchCallbacks
) -> dict[str, str]:
    """Settle every image through `callbacks.save`; return the undecided ones as URL -> reason.

    A host that never answers is dead with all its images. One that stops answering, or asks for a long pause, leaves
    its remaining images undecided, for another run.

    Args:
        urls_by_host: The URLs to ask for, in order.
        answered: Hosts that have answered in an earlier run.
        callbacks: What asks, checks and records.
    """
    limit = asyncio.Semaphore(callbacks.policy.workers)
    known = set(answered)
    hosts = [_Host(name, deque(urls), name in known) for name, urls in urls_by_host.items()]
    async with asyncio.TaskGroup() as group:
        for host in hosts:
            group.create_task(_fetch_host(host, limit, callbacks))
    return {outcome.url: outcome.reason for host in hosts for outcome in host.unresolved}


async def _fetch_host(host: _Host, limit: asyncio.Semaphore, callbacks: FetchCallbacks) -> None:
    """Ask for all images of one host. What is in `unresolved` afterwards stays undecided."""
    async with asyncio.TaskGroup() as group:
        for _ in range(min(callbacks.policy.per_host, len(host.waiting))):
            group.create_task(_fetch_queue(host, limit, callbacks))
    await callbacks.close_host(host.name)
    if host.abort_reason is not None:
        host.unresolved += [ImageOutcome(url=url, outcome=DEAD, reason=host.abort_reason) for url in host.waiting]
    if host.abort_reason is None or not host.has_answered:
        _save_unresolved(host, callbacks)


async def _fetch_queue(host: _Host, limit: asyncio.Semaphore, callbacks: FetchCallbacks) -> None:
    while host.waiting and host.abort_reason is None:
        await _fetch_image(host.waiting.popleft(), host, limit, callbacks)


async def _fetch_image(url: str, host: _Host, limit: asyncio.Semaphore, callbacks: FetchCallbacks) -> None:
    """Ask for one image, with all its attempts."""
    attempts = 1 if host.num_server_errors >= MAX_CONSECUTIVE_FAILURES else 1 + callbacks.policy.retries
    for attempt in range(1, attempts + 1):
        try:
            response = await _attempt(url, host, limit, callbacks)
        except PermanentError as error:
            outcome = ImageOutcome(url=url, outcome=error.outcome, reason=error.reason, status=error.status)
            _record_answer(host, callbacks, status=error.status)
            callbacks.save(outcome, None)
            return
        except TransientError as error:
            await _pause(error, attempt, attempts, host, callbacks)
            if host.abort_reason is not None or attempt == attempts:
                _record_failure(url, error, host, callbacks)
                return
            continue
        _record_answer(host, callbacks, status=200)
        outcome = callbacks.validate(url, response)
        callbacks.save(outcome, response.content if outcome.sha256 else None)
        return


async def _attempt(url: str, host: _Host, limit: asyncio.Semaphore, callbacks: FetchCallbacks) -> Response:
    """Make one attempt as soon as the host is not paused and a worker is free."""
    while True:
        while (left := host.paused_until - callbacks.clock.now()) > 0:
            await callbacks.clock.sleep(left)
        async with limit:
            if host.abort_reason is not None:
                raise TransientError(host.abort_reason)
            if host.paused_until <= callbacks.clock.now():
                return await callbacks.get(url)


async def _pause(error: TransientError, attempt: int, attempts: int, host: _Host, callbacks: FetchCallbacks) -> None:
    """Wait as long as the server asks, or ever longer. A pause that is too long abandons the host.

    A pause that the server asks for holds back every request to its host.
    """
    asked = error.pause_seconds
    if asked is not None and asked > MAX_PAUSE_SECONDS:
        host.abort_reason = f"its host asks to wait {asked:.0f} s"
        host.has_answered = True
        return
    doubled = min(FIRST_PAUSE_SECONDS * 2.0 ** (attempt - 1), LONGEST_BACKOFF_SECONDS)
    pause = doubled * callbacks.jitter() if asked is None else asked
    if error.status == HTTPStatus.TOO_MANY_REQUESTS or asked is not None:
        host.paused_until = max(host.paused_until, callbacks.clock.now() + pause)
    elif attempt < attempts and host.abort_reason is None:
        await callbacks.clock.sleep(pause)


def _record_failure(url: str, error: TransientError, host: _Host, callbacks: FetchCallbacks) -> None:
    """Record that all attempts failed. A server error is an answer; silence and 429 count against the host."""
    reason = host.abort_reason or error.reason
    outcome = ImageOutcome(url=url, outcome=DEAD, reason=reason, status=error.status)
    if error.status is not None and error.status != HTTPStatus.TOO_MANY_REQUESTS and host.abort_reason is None:
        _record_answer(host, callbacks, status=error.status)
        host.num_server_errors += 1
        callbacks.save(outcome, None)
        return
    host.unresolved.append(outcome)
    host.num_unanswered += 1
    if host.num_unanswered >= MAX_CONSECUTIVE_FAILURES and host.abort_reason is None:
        host.abort_reason = error.reason


def _record_answer(host: _Host, callbacks: FetchCallbacks, *, status: int | None) -> None:
    """Record that the host answers, so its unresolved images are dead. Our own refusals have no status.

    Requests under way when a host was abandoned may still be answered. That does not bring it back.
    """
    if status is None or host.abort_reason is not None:
        return
    host.has_answered, host.num_unanswered = True, 0
    if status < 500:
        host.num_server_errors = 0
    _save_unresolved(host, callbacks)


def _save_unresolved(host: _Host, callbacks: FetchCallbacks) -> None:
    while host.unresolved:
        callbacks.save(host.unresolved.pop(), None)
