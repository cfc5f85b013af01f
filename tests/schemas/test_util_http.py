"""Retries: how often, how long between, and what the server asks for."""

import asyncio
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest

from schemas.util.http import Backoff, TransientError, is_transient, retry, retry_after_seconds, retry_async


def run(answers: list[Any], backoff: Backoff, *, in_loop: bool) -> tuple[Any, list[float]]:
    """The result of `retry` or `retry_async` and the pauses it made."""
    pauses: list[float] = []
    remaining = iter(answers)

    def attempt() -> Any:
        answer = next(remaining)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def attempt_async() -> Any:
        return attempt()

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    if in_loop:
        return asyncio.run(retry_async(attempt_async, backoff, sleep=sleep)), pauses
    return retry(attempt, backoff, sleep=pauses.append), pauses


@pytest.mark.parametrize("in_loop", [False, True])
def test_pauses_double_up_to_the_longest(in_loop: bool) -> None:
    failures = [TransientError("busy", status=503)] * 5
    backoff = Backoff(attempts=6, first_pause_seconds=1.5, longest_backoff_seconds=10.0)
    assert run([*failures, "body"], backoff, in_loop=in_loop) == ("body", [1.5, 3.0, 6.0, 10.0, 10.0])


@pytest.mark.parametrize("in_loop", [False, True])
def test_the_last_error_is_raised_with_the_number_of_attempts(in_loop: bool) -> None:
    with pytest.raises(TransientError) as caught:
        run([TransientError("a"), TransientError("b"), TransientError("c")], Backoff(attempts=2), in_loop=in_loop)
    assert (caught.value.reason, caught.value.attempts) == ("b", 2)


@pytest.mark.parametrize("in_loop", [False, True])
def test_the_server_decides_the_pause_but_not_a_long_one(in_loop: bool) -> None:
    asks: Callable[[float], TransientError] = lambda seconds: TransientError("busy", 429, seconds)  # noqa: E731
    assert run([asks(7.0), "body"], Backoff(), in_loop=in_loop) == ("body", [7.0])
    with pytest.raises(TransientError) as caught:
        run([asks(121.0), "body"], Backoff(), in_loop=in_loop)
    assert caught.value.attempts == 1


@pytest.mark.parametrize("in_loop", [False, True])
def test_other_errors_pass_at_once(in_loop: bool) -> None:
    with pytest.raises(KeyError):
        run([KeyError("x"), "body"], Backoff(), in_loop=in_loop)


def test_jitter_multiplies_only_our_own_pauses() -> None:
    backoff = Backoff(jitter=lambda: 0.5)
    assert backoff.pause_seconds(3) == 2.0
    assert backoff.pause_seconds(3, 9.0) == 9.0


def test_retry_after_is_a_number_or_a_date() -> None:
    now = 1_800_000_000.0
    assert retry_after_seconds("2.5") == 2.5
    assert retry_after_seconds(formatdate(now + 30, usegmt=True), now=lambda: now) == 30.0
    assert retry_after_seconds(formatdate(now - 30, usegmt=True), now=lambda: now) == 0.0
    for nonsense in (None, "soon", "-5", "Thu, 99 Foo 2020 00:00:00 GMT", "1" * 40):
        assert retry_after_seconds(nonsense) is None


def test_only_429_and_server_errors_are_transient() -> None:
    assert [status for status in (200, 301, 400, 404, 429, 500, 503) if is_transient(status)] == [429, 500, 503]
