"""Many pictures from other people's servers, without being a burden to them: who is asked when, and when to stop.

Each host has its own queue and at most `per_host` requests under way; over all hosts there are at most `workers`.
What may pass (429, 5xx, no connection, a timeout) is tried again after a growing pause with jitter, or after the pause
the server asks for (`Retry-After`, RFC 9110 section 10.2.3); a 429 or a `Retry-After` pauses the whole host.
A host that asks for more patience than `LONGEST_PAUSE`, or leaves `STRIKES` pictures in a row without an answer, is
left alone for the rest of the run. Nothing here opens a connection: the function that asks is handed in.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from generator.ingest.downloads import DEAD, PictureOutcome

FIRST_PAUSE = 1.0
"""Seconds before the second attempt, doubled before each further one, times a jitter between 0.5 and 1.5."""
LONGEST_BACKOFF = 60.0
LONGEST_PAUSE = 120.0
"""A host that asks to wait longer (seconds) is taken at its word: it is not asked again in this run."""
STRIKES = 10
"""Pictures in a row without an answer after which a host is given up; as many answered with server errors leave each
further picture of that host a single attempt."""
_TOO_MANY = 429


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How other people's servers are treated, and what is accepted from them."""

    workers: int = 8
    """Requests under way at once, over all hosts."""
    per_host: int = 4
    retries: int = 4
    timeout_seconds: float = 60.0
    """For one attempt at one picture, from the look-up of the name to the last byte."""
    max_bytes: int = 20_000_000
    """A larger picture is not read to its end."""
    allow_redirects: bool = False
    allow_private: bool = False
    """Addresses that are not public: loopback, a company's own network, the metadata service of a cloud."""
    user_agent: str = ""
    proxy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The body of an answer of status 200, undecoded."""

    content: bytes
    final_url: str | None = None
    """Where redirects led, if there were any."""


class NoPictureError(Exception):
    """Asking again gives the same: the outcome's name, why, and the status of the answer if there was one."""

    def __init__(self, outcome: str, reason: str, status: int | None = None) -> None:
        super().__init__(outcome, reason, status)
        self.outcome = outcome
        self.reason = reason
        self.status = status


class PassingError(Exception):
    """May be over at the next attempt; `pause` is what the server asks for (seconds), `status` None if silent."""

    def __init__(self, reason: str, status: int | None = None, pause: float | None = None) -> None:
        super().__init__(reason, status, pause)
        self.reason = reason
        self.status = status
        self.pause = pause


class Clock(Protocol):
    """Time, so that tests need not wait."""

    def now(self) -> float:
        """Seconds from some fixed moment on."""

    async def sleep(self, seconds: float) -> None:
        """Return when so many seconds have passed."""


class WallClock:
    """The real one."""

    def now(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What the one function of this module needs to know."""

    get: Callable[[str], Awaitable[Answer]]
    """One attempt; raises NoPictureError or PassingError."""
    leave: Callable[[str], Awaitable[None]]
    """Called with each host when all its pictures are settled."""
    judge: Callable[[str, Answer], PictureOutcome]
    """Looks at what came."""
    keep: Callable[[PictureOutcome, bytes | None], None]
    """Remembers an outcome, and the picture of a good one."""
    manners: Manners
    clock: Clock = field(default_factory=WallClock)
    jitter: Callable[[], float] = lambda: random.uniform(0.5, 1.5)


@dataclass(slots=True)
class _Host:
    name: str
    waiting: deque[str]
    answered: bool
    """It has answered in this run or an earlier one of the same folder."""
    free_at: float = 0.0
    """No request before this moment."""
    silent: int = 0
    """Pictures in a row that it gave no answer for."""
    failing: int = 0
    """Pictures in a row that it answered with server errors."""
    doubtful: list[PictureOutcome] = field(default_factory=list)
    """Without an answer so far: dead if the host answers others, not yet decided if it has gone."""
    given_up: str | None = None


async def fetch_all(urls_by_host: dict[str, list[str]], answered: Iterable[str], work: Round) -> dict[str, str]:
    """Settle every picture through `work.keep`; returns those that a host left open by going away: URL -> why.

    `answered` are the hosts that have answered before. A host that never answers is dead with all its pictures; one
    that stops answering, or asks for a long pause, leaves its remaining pictures open, for another run.
    """
    limit = asyncio.Semaphore(work.manners.workers)
    known = set(answered)
    hosts = [_Host(name, deque(urls), name in known) for name, urls in urls_by_host.items()]
    async with asyncio.TaskGroup() as group:
        for host in hosts:
            group.create_task(_serve(host, limit, work))
    return {outcome.url: outcome.reason for host in hosts for outcome in host.doubtful}


async def _serve(host: _Host, limit: asyncio.Semaphore, work: Round) -> None:
    """All pictures of one host; what is left in `doubtful` afterwards stays open."""
    async with asyncio.TaskGroup() as group:
        for _ in range(min(work.manners.per_host, len(host.waiting))):
            group.create_task(_consume(host, limit, work))
    await work.leave(host.name)
    if host.given_up is not None:
        host.doubtful += [PictureOutcome(url=url, outcome=DEAD, reason=host.given_up) for url in host.waiting]
    if host.given_up is None or not host.answered:
        _settle_doubtful(host, work)


async def _consume(host: _Host, limit: asyncio.Semaphore, work: Round) -> None:
    while host.waiting and host.given_up is None:
        await _settle(host.waiting.popleft(), host, limit, work)


async def _settle(url: str, host: _Host, limit: asyncio.Semaphore, work: Round) -> None:
    """One picture, with all its attempts."""
    attempts = 1 if host.failing >= STRIKES else 1 + work.manners.retries
    for attempt in range(1, attempts + 1):
        try:
            answer = await _in_turn(url, host, limit, work)
        except NoPictureError as error:
            outcome = PictureOutcome(url=url, outcome=error.outcome, reason=error.reason, status=error.status)
            _alive(host, work, status=error.status)
            work.keep(outcome, None)
            return
        except PassingError as error:
            await _wait(error, attempt, attempts, host, work)
            if host.given_up is not None or attempt == attempts:
                _no_luck(url, error, host, work)
                return
            continue
        _alive(host, work, status=200)
        outcome = work.judge(url, answer)
        work.keep(outcome, answer.content if outcome.sha256 else None)
        return


async def _in_turn(url: str, host: _Host, limit: asyncio.Semaphore, work: Round) -> Answer:
    """One attempt, when the host is not paused and there is room."""
    while True:
        while (left := host.free_at - work.clock.now()) > 0:
            await work.clock.sleep(left)
        async with limit:
            if host.given_up is not None:
                raise PassingError(host.given_up)
            if host.free_at <= work.clock.now():
                return await work.get(url)


async def _wait(error: PassingError, attempt: int, attempts: int, host: _Host, work: Round) -> None:
    """Wait as long as the server asks, or ever longer; a long wish ends the work on that host."""
    if error.pause is not None and error.pause > LONGEST_PAUSE:
        host.given_up = f"its host asks to wait {error.pause:.0f} s"
        host.answered = True
        return
    pause = error.pause
    if pause is None:
        pause = min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_BACKOFF) * work.jitter()
    if error.status == _TOO_MANY or error.pause is not None:
        host.free_at = max(host.free_at, work.clock.now() + pause)
    elif attempt < attempts and host.given_up is None:
        await work.clock.sleep(pause)


def _no_luck(url: str, error: PassingError, host: _Host, work: Round) -> None:
    """All attempts are spent. A server error is an answer; silence and 429 count against the host."""
    reason = host.given_up or error.reason
    outcome = PictureOutcome(url=url, outcome=DEAD, reason=reason, status=error.status)
    if error.status is not None and error.status != _TOO_MANY and host.given_up is None:
        _alive(host, work, status=error.status)
        host.failing += 1
        work.keep(outcome, None)
        return
    host.doubtful.append(outcome)
    host.silent += 1
    if host.silent >= STRIKES and host.given_up is None:
        host.given_up = error.reason


def _alive(host: _Host, work: Round, *, status: int | None) -> None:
    """The host answers, so what it left without an answer before is dead. A refusal of ours has no status.

    What was under way when a host was given up may still come; that does not bring it back.
    """
    if status is None or host.given_up is not None:
        return
    host.answered, host.silent = True, 0
    if status < 500:
        host.failing = 0
    _settle_doubtful(host, work)


def _settle_doubtful(host: _Host, work: Round) -> None:
    while host.doubtful:
        work.keep(host.doubtful.pop(), None)
